//! Verdicts of Flink's own parser.
//!
//! `flink_verdicts.txt` holds one statement a line (line breaks as `\n`) with what
//! `FlinkSqlParserImpl` of Flink 2.1.3 said to it: `ok` or `no`.

use crate::fuzzing::shape;
use crate::sql::{ToSql, parse_statement};

const VERDICTS: &str = include_str!("flink_verdicts.txt");

/// Where brooklet answers otherwise, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    ("CREATE TABLE t (a.b INT)", "Flink refuses the name later"),
    ("CREATE TABLE t (a TIME WITH LOCAL TIME ZONE)", "Flink refuses the type later"),
    ("CREATE TABLE t (a ANY)", "Flink refuses the type later"),
    ("BEGIN STATEMENT SET", "a statement set is one statement here"),
    ("END", "a statement set is one statement here"),
    (
        "SELECT SUM(a) OVER (ORDER BY b ROWS 3 PRECEDING DISALLOW PARTIAL)",
        "Flink's validator refuses it",
    ),
    ("SELECT a.b.*.c", "Flink's validator refuses it"),
    ("SELECT 'a' 'b'", "Flink's validator refuses it"),
    ("SELECT a LIKE 'x' 'y' FROM t", "Flink's validator refuses it"),
    ("SELECT 'a' 'b' 'c'", "Flink's validator refuses it"),
    ("ALTER TABLE t ADD a.b INT", "Flink refuses the name later"),
    ("ALTER TABLE t ADD a.b.c INT FIRST", "Flink refuses the name later"),
    ("INSERT INTO t (a.b.c, `d e`.f) VALUES (1, 2)", "the binder refuses every nested target"),
    ("SELECT DATE_TRUNC(a, DAY) FROM t", "Flink has no such function"),
    ("SELECT TRANSLATE(a USING utf8) FROM t", "Flink's planner refuses it"),
    (
        "SELECT SUM(a) OVER (ORDER BY b RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW ALLOW PARTIAL) FROM t",
        "Flink's validator refuses it",
    ),
    ("SELECT JSON_VALUE(a, '$' PASSING 1 AS x) FROM t", "Flink ignores what is passed"),
    ("SELECT a FROM t LIMIT ?", "a script has nothing to put in"),
    (
        "SELECT * FROM t UNPIVOT (a FOR b IN (1, 2))",
        "UNPIVOT is not supported yet, whatever it holds",
    ),
    (
        "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY ts MEASURES A.x PATTERN (A) DEFINE A AS TRUE)",
        "MATCH_RECOGNIZE is not supported yet, whatever it holds",
    ),
];

#[test]
#[allow(clippy::print_stdout, reason = "the count is what people ask for")]
fn the_parser_accepts_what_flink_accepts_and_refuses_the_rest() {
    let (mut wrong, mut equal, mut all) = (Vec::new(), 0, 0);
    for line in VERDICTS.lines() {
        let (verdict, statement) = line.split_once('\t').expect("verdict and statement");
        let statement = statement.replace("\\n", "\n");
        let parsed = parse_statement(&statement).map(drop);
        let same = (verdict == "ok") == parsed.is_ok();
        all += 1;
        equal += usize::from(same);
        if same == DIFFERENCES.iter().any(|(s, _)| *s == statement) {
            wrong.push(format!("{line}\n      {:?}", parsed.map_err(|e| e.message)));
        }
    }
    println!("{equal} of {all} statements have the verdict of Flink's parser");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!((equal, all), (all - DIFFERENCES.len(), 2951), "the recorded count");
    assert!(equal * 100 >= all * 99, "less than 99 % have Flink's verdict");
}

#[test]
fn what_is_printed_parses_to_the_same_tree() {
    for line in VERDICTS.lines() {
        let statement = line[3..].replace("\\n", "\n");
        let Ok(parsed) = parse_statement(&statement) else { continue };
        let printed = parsed.to_sql();
        let again = parse_statement(&printed).unwrap_or_else(|e| panic!("{printed}: {e}"));
        assert_eq!(shape(&again), shape(&parsed), "{statement}\n{printed}");
    }
}
