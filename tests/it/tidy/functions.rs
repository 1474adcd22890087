//! Every function has recorded cases: the statements of `tests/slt/flink_*.slt` name it often enough.

use super::{files, read};
use brooklet::expr::function_names;

/// Uses of a function in recorded statements: a usual case, NULL and an edge.
const CASES_MIN: usize = 3;

/// Functions whose result no recording can hold, with the number of uses that they have to have at least.
const UNPREDICTABLE: &[(&str, usize)] = &[
    ("CURRENT_DATABASE", 1),
    ("CURRENT_ROW_TIMESTAMP", 1),
    ("CURRENT_TIME", 1),
    ("RAND", 1),
    ("RAND_INTEGER", 1),
    ("UUID", 1),
];

/// The SQL of all recorded blocks, in upper case, without what it answered.
fn recorded_sql() -> String {
    let mut sql = String::new();
    let is_recording = |path: &String| path.starts_with("tests/slt/flink_");
    for path in files(&[".slt"]).iter().filter(|path| is_recording(path)) {
        for block in read(path).split("\n\n") {
            let is_comment = |line: &&str| {
                line.is_empty() || line.starts_with('#') || line.starts_with("skipif")
            };
            let mut lines = block.lines().skip_while(is_comment);
            let first = lines.next().unwrap_or_default();
            if first.starts_with("query") || first.starts_with("statement") {
                lines.take_while(|line| *line != "----").for_each(|line| {
                    sql.push_str(&line.to_ascii_uppercase());
                    sql.push('\n');
                });
            }
        }
    }
    sql
}

fn uses(sql: &str, name: &str) -> usize {
    let part_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    sql.match_indices(name)
        .filter(|(at, _)| {
            let before = sql[..*at].chars().next_back();
            let after = sql[at + name.len()..].chars().next();
            !before.is_some_and(part_of_name) && !after.is_some_and(part_of_name)
        })
        .count()
}

#[test]
fn every_function_has_recorded_cases() {
    let sql = recorded_sql();
    let few: Vec<String> = function_names()
        .into_iter()
        .filter_map(|name| {
            let special = UNPREDICTABLE.iter().find(|(special, _)| *special == name);
            let wanted = special.map_or(CASES_MIN, |(_, wanted)| *wanted);
            let found = uses(&sql, name);
            (found < wanted).then(|| format!("{name}: {found} of {wanted}"))
        })
        .collect();
    assert!(
        few.is_empty(),
        "functions with too few cases in tests/slt/flink_*.slt:\n{}",
        few.join("\n")
    );
}
