//! Verdicts of Flink's planner.
//!
//! `flink_bindings.txt` holds one statement a line (line breaks as `\\n`) with what Flink 2.1.3 said to it: `ok`, or
//! `no` and the reason. The first lines, `setup`, make the catalog.

use super::{Session, SessionConfig};
use crate::base::ErrorKind;
use crate::exec::JobControl;
use crate::table::Warnings;
use std::sync::{Arc, Mutex};

const VERDICTS: &str = include_str!("../sql/tests/flink_bindings.txt");

/// Where brooklet answers otherwise, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    ("SELECT default_database.s.a FROM s", "a column is qualified by its table or alias only"),
    (
        "SELECT default_catalog.default_database.s.a FROM s",
        "a column is qualified by its table or alias only",
    ),
    ("SELECT r[1] FROM s", "a field of a row is written r.x"),
    ("SELECT r['x'] FROM s", "a field of a row is written r.x"),
    (
        "SELECT arr > arr FROM s",
        "Flink's planner takes it, its code generator does not compare nested values",
    ),
    (
        "SELECT m < m FROM s",
        "Flink's planner takes it, its code generator does not compare nested values",
    ),
    (
        "SELECT r > r FROM s",
        "Flink's planner takes it, its code generator does not compare nested values",
    ),
    ("SELECT a IN ('1', 'x') FROM s", "write a cast"),
    ("SELECT a IN (c) FROM s", "write a cast"),
    ("SELECT c IN (1, 2) FROM s", "write a cast"),
    (
        "SELECT CAST(a AS DECIMAL(39, 2)) FROM s",
        "Flink's planner takes the type; no value of it exists",
    ),
    ("SELECT CAST(a AS CHAR(0)) FROM s", "Flink's planner takes the type; no value of it exists"),
    (
        "SELECT CAST(a AS VARCHAR(0)) FROM s",
        "Flink's planner takes the type; no value of it exists",
    ),
    (
        "SELECT CAST(ts AS TIMESTAMP(10)) FROM s",
        "Flink's planner takes the type; no value of it exists",
    ),
    ("SELECT JSON_VALUE(a, '$.x') FROM s", "JSON is text"),
    ("VALUES (1), (2.5), (NULL)", "NULL alone has a type here"),
    ("VALUES (NULL)", "NULL alone has a type here"),
    ("SELECT 1, 'a', TRUE, NULL, 1.5, 1e0, DATE '2020-01-01'", "NULL alone has a type here"),
    ("SELECT NULL", "NULL alone has a type here"),
    ("INSERT INTO p SELECT NULL, NULL, NULL", "NULL alone has a type here"),
    (
        "CREATE TABLE t1 (a DECIMAL(39, 1)) WITH ('connector' = 'print')",
        "Flink's planner takes the type; no value of it exists",
    ),
    (
        "CREATE TABLE t1 (a VARCHAR(0)) WITH ('connector' = 'print')",
        "Flink's planner takes the type; no value of it exists",
    ),
    (
        "CREATE TABLE t1 (a TIMESTAMP(10)) WITH ('connector' = 'print')",
        "Flink's planner takes the type; no value of it exists",
    ),
    (
        "CREATE TABLE t1 (a ROW<x INT, x STRING>) WITH ('connector' = 'print')",
        "the second field cannot be named, and does no harm",
    ),
    ("CREATE VIEW v1 AS SELECT a, a FROM s", "the second column is a0, as in a subquery"),
    ("DESCRIBE CATALOG default_catalog", "Flink's own catalog has no description"),
];

fn session() -> Session {
    let mut session = Session::new(SessionConfig {
        unnamed: false,
        script: "test.sql".to_owned(),
        dev_broker: None,
        fresh: false,
        control: JobControl::new(),
        warnings: Warnings::to(|_| {}),
        out: Arc::new(Mutex::new(Vec::new())),
        now_millis: || 0,
        seed: 1,
        on_job: Arc::new(|_, _| {}),
        on_end: Arc::new(|_, _, _, _| {}),
    });
    session.only_check();
    session
}

#[test]
#[allow(clippy::print_stdout, reason = "the count is what people ask for")]
fn statements_bind_where_flink_plans_them() {
    let mut setup = String::new();
    let (mut wrong, mut equal, mut all, mut unsupported) = (Vec::new(), 0, 0, 0);
    for line in VERDICTS.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split('\t');
        let (verdict, statement) = (fields.next().unwrap(), fields.next().unwrap());
        let statement = statement.replace("\\n", "\n");
        if verdict == "setup" {
            setup += &format!("{statement};\n");
            continue;
        }
        let mut session = session();
        if statement.starts_with("/* batch */") {
            session.set("execution.runtime-mode", "batch").unwrap();
        }
        session.run_script(&setup).unwrap();
        let outcome = session.run_script(&statement);
        if outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unsupported) {
            unsupported += 1;
            continue;
        }
        all += 1;
        let same = (verdict == "ok") == outcome.is_ok();
        equal += usize::from(same);
        if !same && !DIFFERENCES.iter().any(|(known, _)| *known == statement) {
            wrong.push(format!("{line}\n      {:?}", outcome.map_err(|e| e.to_string())));
        }
    }
    println!(
        "{equal} of {all} statements have the verdict of Flink's planner; {unsupported} are not supported yet"
    );
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(equal + DIFFERENCES.len() >= all, "{equal} of {all}");
}
