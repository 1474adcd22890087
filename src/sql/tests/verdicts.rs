//! Verdicts of Flink's own parser.
//!
//! `flink_verdicts.txt` holds one statement a line (line breaks as `\n`) with what
//! `FlinkSqlParserImpl` of Flink 2.1.3 said to it: `ok` or `no`.

use crate::fuzzing::shape;
use crate::sql::{ToSql, parse_statement};

const VERDICTS: &str = include_str!("flink_verdicts.txt");

/// Where brooklet answers otherwise on purpose, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    ("SELECT ?", "a script has nothing to put in"),
    (
        "SELECT U&'\\0041', N'abc', _UTF8'abc', X'0A', x'0aF' , U&'!0041' UESCAPE '!'",
        "half a byte; Flink's planner refuses it",
    ),
    (
        "SELECT EXTRACT(DAY FROM a), EXTRACT(EPOCH FROM a), EXTRACT(DAYS FROM a)",
        "Flink's validator knows no such unit",
    ),
    ("SELECT FLOOR(a TO DAYS)", "Flink's validator knows no such unit"),
    (
        "SELECT TIMESTAMPADD(DAY, 1, a), TIMESTAMPDIFF(SECOND, a, b), TIMESTAMPADD(SQL_TSI_DAY, 1, \
         a), TIMESTAMPADD(MINUTES, 1, a)",
        "Flink's validator knows no such unit",
    ),
    ("SELECT TIMESTAMPADD(MINUTES, 1, a)", "Flink's validator knows no such unit"),
    ("SELECT TIMESTAMPADD(foo, 1, a)", "Flink's validator knows no such unit"),
    ("SELECT {ts '2020-01-01 00:00:00'}, {d '2020-01-01'}, {fn ABS(1)}", "JDBC escapes"),
    ("SELECT MAP['a']", "Flink's validator wants pairs"),
    ("SELECT NEXT VALUE FOR s", "Flink has no sequences"),
    (
        "SELECT a MEMBER OF b, a SUBMULTISET OF b, a MULTISET UNION b, a IS A SET, a IS EMPTY, a \
         FORMAT JSON",
        "FORMAT JSON means something only inside of JSON functions",
    ),
    ("SET a.b = 'c'", "Flink reads a bare key before its parser does"),
    ("CREATE TABLE t (a.b INT)", "Flink refuses the name later"),
    ("CREATE TABLE t (a TIME WITH LOCAL TIME ZONE)", "Flink refuses the type later"),
    ("CREATE TABLE t (a ANY)", "Flink refuses the type later"),
    ("BEGIN STATEMENT SET", "a statement set is one statement here"),
    ("END", "a statement set is one statement here"),
    ("QUIT", "Flink's client reads it before its parser does"),
    ("SELECT 1;", "Flink's client cuts the semicolon off"),
    ("SELECT STREAM a FROM t", "Flink's planner refuses it"),
    ("SELECT * AS x FROM t", "Flink's validator refuses it"),
    ("SELECT EXISTS (a)", "Flink's validator refuses it"),
    (
        "SELECT SUM(a) OVER (ORDER BY b ROWS 3 PRECEDING DISALLOW PARTIAL)",
        "Flink's validator refuses it",
    ),
    ("SELECT a BETWEEN b OR c AND d", "write parentheses"),
    ("SELECT a.b.*.c", "Flink's validator refuses it"),
    ("SELECT ROW(SELECT 1)", "Flink's planner refuses it"),
    ("SELECT * FROM t /*+ BROADCAST(a, 'b', 1) */", "the names of a hint are checked later"),
    ("SELECT a FROM t LIMIT 99999999999999999999", "no row count is that large"),
];

#[test]
fn the_parser_accepts_what_flink_accepts_and_refuses_the_rest() {
    let mut wrong = Vec::new();
    for line in VERDICTS.lines() {
        let (verdict, statement) = line.split_once('\t').expect("verdict and statement");
        let statement = statement.replace("\\n", "\n");
        let parsed = parse_statement(&statement);
        let differs = DIFFERENCES.iter().any(|(s, _)| *s == statement);
        if (verdict == "ok") != (parsed.is_ok() != differs) {
            wrong.push(format!("{line}\n      {:?}", parsed.map_err(|e| e.message)));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
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
