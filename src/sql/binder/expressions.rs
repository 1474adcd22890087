//! Expressions against what the code of Flink's planner answered: `flink_expressions.txt`.

use super::Binder;
use super::tables::Tables;
use crate::expr::{EvalEnv, Input, Selection, TextWriter};
use crate::sql::ast::{QueryBodyKind, SelectItemKind, Statement};
use crate::sql::parse_statement;
use crate::types::{Column, DataType, Field, RowErrors, Schema};
use arrow_array::Array;
use std::fmt::Write as _;

/// Where ours differ: the class and the expression. What the classes are, and why, is in its head.
const DIFFERENCES: &str = include_str!("../tests/expression_differences.txt");
const RECORDED: &str = include_str!("../tests/flink_expressions.txt");
const ZONE: chrono_tz::Tz = chrono_tz::Europe::Berlin;
/// A time near that of the recording, 2026-01-01: years of two digits are read around now.
const RECORDED_MICROS: i64 = 1_767_225_600_000_000;

/// The type and the values of an expression, or why it is refused.
type Answer = Result<(String, Vec<Cell>), String>;

#[derive(Clone, Debug, PartialEq)]
enum Cell {
    Null,
    Value(String),
    Failed(String),
}

/// The columns that the expressions are over.
struct Rows {
    schema: Schema,
    columns: Vec<Column>,
    rows: usize,
}

impl Rows {
    fn new() -> Rows {
        let mut rows = Rows { schema: Schema::default(), columns: Vec::new(), rows: 1 };
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for line in RECORDED.lines().filter_map(|line| line.strip_prefix("column\t")) {
            let mut parts = line.split('\t');
            let (name, kind) = (parts.next().unwrap(), parts.next().unwrap());
            let nullable = kind.trim_end_matches(" NOT NULL");
            let cells: Vec<Column> = parts
                .map(|value| {
                    let (_, cell, errors) =
                        rows.eval(&format!("CAST({value} AS {nullable})")).unwrap();
                    assert!(errors.is_empty(), "{name}: {value}");
                    cell
                })
                .collect();
            let data_type = rows.eval(&format!("CAST(NULL AS {nullable})")).unwrap().0;
            let data_type = data_type.with_nullable(nullable == kind);
            fields.push(Field::new(name, data_type));
            let cells: Vec<&dyn Array> = cells.iter().map(AsRef::as_ref).collect();
            columns.push(arrow_select::concat::concat(&cells).unwrap());
        }
        rows.rows = columns[0].len();
        rows.schema = Schema::new(fields);
        rows.columns = columns;
        rows
    }

    fn eval(&self, sql: &str) -> Result<(DataType, Column, RowErrors), String> {
        let refused = |error: crate::base::Error| error.to_string();
        let statement =
            parse_statement(&format!("SELECT {sql} FROM t")).map_err(|error| error.message)?;
        let Statement::Query(query) = statement else { return Err("no query".into()) };
        let QueryBodyKind::Select(select) = &query.body.kind else {
            return Err("no select".into());
        };
        let [item] = select.items.as_slice() else { return Err("several items".into()) };
        let SelectItemKind::Expr { expr, .. } = &item.kind else {
            return Err("no expression".into());
        };
        let tables = Tables::default();
        let binder = Binder::new(&tables).with_time_zone(ZONE);
        let bound = binder.expression(expr, &self.schema).map_err(refused)?;
        let data_type = bound.data_type.clone();
        let bound = bound.folded(ZONE);
        let env = EvalEnv { time_zone: ZONE, now_micros: RECORDED_MICROS };
        let mut errors = RowErrors::new();
        let input = Input { columns: &self.columns, rows: self.rows };
        let column = bound.eval(input, &Selection::All(self.rows), &mut errors, &env);
        Ok((data_type, column, errors))
    }

    fn answer(&self, sql: &str) -> Answer {
        let (data_type, column, errors) = self.eval(sql)?;
        let mut cells = Vec::new();
        let writer = TextWriter::for_console(column.as_ref(), &data_type, ZONE);
        for row in 0..self.rows {
            let failed = errors.kept().iter().find(|error| error.row == row);
            cells.push(match failed {
                Some(error) => Cell::Failed(error.message.to_string()),
                None if column.is_null(row) => Cell::Null,
                None => {
                    let mut text = String::new();
                    writer.write(row, &mut text);
                    Cell::Value(escape(&text))
                }
            });
        }
        Ok((data_type.to_string(), cells))
    }
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => write!(out, "\\x{:02x}", c as u32).unwrap(),
            c => out.push(c),
        }
    }
    out
}

/// The answer of Flink that a line holds, behind its expression.
fn recorded(fields: &[&str]) -> Answer {
    let (first, rest) = fields.split_first().expect("an answer");
    if *first == "refused" {
        return Err(rest.join(" "));
    }
    let cell = |text: &&str| match text.split_at_checked(1) {
        Some(("=", value)) => Cell::Value(value.to_owned()),
        Some(("!", reason)) => Cell::Failed(reason.to_owned()),
        _ => Cell::Null,
    };
    Ok(((*first).to_owned(), rest.iter().map(cell).collect()))
}

/// How two answers differ, as a word; `None` where they agree.
fn difference(flink: &Answer, ours: &Answer) -> Option<&'static str> {
    let all_fail = |answer: &Answer| match answer {
        Ok((_, cells)) => cells.iter().all(|cell| matches!(cell, Cell::Failed(_))),
        Err(_) => true,
    };
    if all_fail(flink) && all_fail(ours) {
        return None;
    }
    let ((flink_type, flink), (our_type, ours)) = match (flink, ours) {
        (Ok(flink), Ok(ours)) => (flink, ours),
        (Err(_), _) => return Some("accepted"),
        (_, Err(_)) => return Some("refused"),
    };
    // Ours keep no units of an interval.
    let ours_type = our_type
        .replace("INTERVAL YEAR TO MONTH", "INTERVAL MONTH")
        .replace("INTERVAL DAY TO SECOND(3)", "INTERVAL SECOND(3)");
    let plain = |text: &str| text.replace(" NOT NULL", "");
    if plain(flink_type) != plain(&ours_type) {
        return Some("type");
    }
    let failed = |cells: &[Cell]| {
        cells.iter().map(|cell| matches!(cell, Cell::Failed(_))).collect::<Vec<_>>()
    };
    if failed(flink) != failed(ours) {
        return Some("failure");
    }
    let differ = |(flink, ours): (&Cell, &Cell)| !matches!(flink, Cell::Failed(_)) && flink != ours;
    if flink.iter().zip(ours).any(differ) {
        return Some("value");
    }
    (*flink_type != ours_type).then_some("nullability")
}

fn shown(answer: &Answer) -> String {
    match answer {
        Err(reason) => format!("refused: {reason}"),
        Ok((data_type, cells)) => {
            let cells: Vec<String> = cells
                .iter()
                .map(|cell| match cell {
                    Cell::Null => "NULL".to_owned(),
                    Cell::Value(value) => format!("={value}"),
                    Cell::Failed(reason) => format!("!{reason}"),
                })
                .collect();
            format!("{data_type} {}", cells.join(" | "))
        }
    }
}

/// The differences by name, a line each: class and expression.
fn differences(text: &str) -> (usize, String, String) {
    let rows = Rows::new();
    let (mut all, mut lines, mut report) = (0, String::new(), String::new());
    for line in text.lines().filter(|line| !line.starts_with("column\t") && !line.is_empty()) {
        let fields: Vec<&str> = line.split('\t').collect();
        let Some((sql, answer)) = fields.split_first().filter(|(sql, _)| !sql.starts_with('#'))
        else {
            continue;
        };
        let (flink, ours) = (recorded(answer), rows.answer(sql));
        all += 1;
        if let Some(class) = difference(&flink, &ours) {
            writeln!(lines, "{class}\t{sql}").unwrap();
            let (flink, ours) = (shown(&flink), shown(&ours));
            writeln!(report, "{class}\t{sql}\n\tFlink {flink}\n\tours  {ours}").unwrap();
        }
    }
    (all, lines, report)
}

/// `BROOKLET_EXPRESSIONS=FILE` compares another recording, and prints the differences.
#[test]
#[allow(clippy::print_stdout, reason = "a report that was asked for")]
fn expressions_give_what_flink_gives() {
    if let Ok(path) = std::env::var("BROOKLET_EXPRESSIONS") {
        let (all, lines, report) = differences(&std::fs::read_to_string(path).unwrap());
        println!("{report}{} of {all} differ", lines.lines().count());
        return;
    }
    let (all, lines, report) = differences(RECORDED);
    let known: Vec<&str> = DIFFERENCES.lines().filter(|line| !line.starts_with('#')).collect();
    if std::env::var_os("UPDATE").is_some() {
        let head = DIFFERENCES.lines().filter(|line| line.starts_with('#'));
        let head: String = head.map(|line| format!("{line}\n")).collect();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/sql/tests/expression_differences.txt");
        std::fs::write(path, format!("{head}{lines}")).unwrap();
        return;
    }
    assert!(all > 2_000, "the recording is whole");
    assert_eq!(lines.lines().collect::<Vec<_>>(), known, "UPDATE=1 rewrites the list\n{report}");
}
