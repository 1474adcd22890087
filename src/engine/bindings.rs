//! Verdicts of Flink's planner.
//!
//! `flink_bindings.txt` holds one statement a line (line breaks as `\\n`) with what Flink 2.1.3 said to it: `ok`, or
//! `no` and the reason. The first lines, `setup`, make the catalog; ` ;; ` stands between statements of one script.

use super::{Session, SessionConfig};
use crate::base::ErrorKind;
use crate::exec::JobControl;
use crate::table::Warnings;
use std::sync::{Arc, Mutex};

const VERDICTS: &str = include_str!("../sql/tests/flink_bindings.txt");

/// Where brooklet answers otherwise, and why.
const DIFFERENCES: &[(&str, &str)] = &[
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
    ("/* batch */ SELECT a FROM s ORDER BY a OFFSET 2", "a sort without an end is done"),
    ("DESCRIBE CATALOG default_catalog", "Flink's own catalog has no description"),
    (
        "INSERT INTO k /*+ OPTIONS('topic' = 'a;b') */ (id) SELECT id FROM k",
        "Flink fails at the first row",
    ),
    (
        "CREATE TABLE t1 (a INT) WITH ('connector' = 'kafka', 'topic-pattern' = 'y', 'properties.bootstrap.servers' = 'x:1', 'format' = 'json');\nINSERT INTO t1 SELECT 1",
        "Flink fails at the first row",
    ),
    (
        "CREATE TABLE s WITH ('connector' = 'print') AS SELECT 1 AS a",
        "Flink refuses when it executes the plan",
    ),
    (
        "CREATE TABLE t1 (WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) LIKE k (OVERWRITING WATERMARKS)",
        "metadata columns of the base table are columns, too",
    ),
    (
        "CREATE TABLE t1 (WATERMARK FOR ts AS ts - INTERVAL '1' MINUTE) LIKE k (EXCLUDING WATERMARKS)",
        "metadata columns of the base table are columns, too",
    ),
    (
        "CREATE TABLE t1 (b AS m + 1, m INT METADATA) WITH ('connector' = 'print')",
        "columns may come in any order",
    ),
    (
        "CREATE TABLE t1 (s BIGINT, ts AS CAST(s AS TIMESTAMP(3)), WATERMARK FOR ts AS ts) WITH ('connector' = 'print')",
        "Flink refuses when the table is read",
    ),
    ("CREATE TABLE t1 (a DOUBLE PRECISION, b REAL) WITH ('connector' = 'print')", "REAL is FLOAT"),
    (
        "CREATE TABLE t1 (a TIME(10)) WITH ('connector' = 'print')",
        "Flink's planner takes the type; no value of it exists",
    ),
    ("ALTER VIEW w RENAME TO d2.w2", "Flink ignores the database of the new name"),
    ("ALTER TABLE k RENAME TO d2.k2", "Flink ignores the database of the new name"),
    ("ALTER TABLE u MODIFY n INT AFTER n", "a column cannot stand behind itself"),
    (
        "INSERT INTO k /*+ OPTIONS('sink.partitioner' = '') */ (id) SELECT id FROM k",
        "an empty value is the default",
    ),
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
        let statement = statement.replace("\\n", "\n").replace(" ;; ", ";\n");
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
