//! Statements that no recording of Flink can show: texts of our own, refusals, speed.

use super::{ResultStyle, Session, SessionConfig};
use crate::base::ErrorKind;
use crate::exec::{JobControl, JobEnd};
use crate::table::Warnings;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A session with what it prints and what it says.
pub(super) struct Tested {
    session: Session,
    out: Captured,
    said: Arc<Mutex<Vec<String>>>,
}

impl Tested {
    pub(super) fn new() -> Tested {
        let (out, said) = (Captured::default(), Arc::new(Mutex::new(Vec::new())));
        let sink: Arc<Mutex<Vec<String>>> = Arc::clone(&said);
        let session = Session::new(SessionConfig {
            unnamed: false,
            script: "test.sql".to_owned(),
            dev_broker: None,
            fresh: false,
            control: JobControl::new(),
            warnings: Warnings::to(move |line| sink.lock().unwrap().push(line.to_owned())),
            out: Arc::new(Mutex::new(out.clone())),
            now_millis: || 0,
            seed: 1,
            on_job: Arc::new(|_, _| {}),
            on_end: Arc::new(|_, _, _, _| {}),
        });
        Tested { session, out, said }
    }

    /// What a script prints.
    pub(super) fn prints(&mut self, script: &str) -> String {
        self.session.run_script(script).unwrap_or_else(|error| panic!("{script}: {error}"));
        String::from_utf8(std::mem::take(&mut *self.out.0.lock().unwrap())).unwrap()
    }

    /// The kind of the error, its message and the text that it points at.
    pub(super) fn refuses<'s>(&mut self, script: &'s str) -> (ErrorKind, String, &'s str) {
        let error = self.session.run_script(script).expect_err(script);
        let span = error.span().expect("a place");
        (error.kind(), error.to_string(), span.text(script))
    }
}

const TABLES: &str = "
    CREATE TABLE s (a INT, t ARRAY<STRING>, b AS a + 1) WITH ('connector' = 'datagen', 'number-of-rows' = '1');
    CREATE TABLE d (x INT, y STRING) WITH ('connector' = 'blackhole');
    CREATE VIEW v AS SELECT a, e FROM s CROSS JOIN UNNEST(t) AS u (e) WHERE b > 3;";

#[test]
fn explain_prints_the_plan_that_runs() {
    let mut tested = Tested::new();
    tested.prints(TABLES);
    let scan =
        "Scan(table=[default_catalog.default_database.s], fields=[a, t], filter=[((a + 1) > 3)])";
    let plan = tested.prints("EXPLAIN SELECT e FROM v");
    assert!(plan.starts_with("== Plan ==\nProject(select=[e])\n  Unnest(of=[t], adds=["), "{plan}");
    assert!(plan.contains(scan), "{plan}");
    let plan = tested.prints(
        "EXPLAIN CHANGELOG_MODE INSERT INTO d SELECT a, 'x' FROM s UNION ALL SELECT b, e FROM s, UNNEST(t) AS u (e)",
    );
    let lines: Vec<&str> = plan.lines().map(str::trim_start).collect();
    assert_eq!(lines[1], "Sink(table=[default_catalog.default_database.d], changelogMode=[NONE])");
    assert!(lines[2].starts_with("Union(all=[true], fields=["), "{plan}");
    assert!(lines[3..].iter().all(|line| line.ends_with(", changelogMode=[I])")), "{plan}");
}

#[test]
fn settings_are_listed_and_secrets_are_not() {
    let mut tested = Tested::new();
    let listed = tested.prints("SET a.password = x; SET 'table.dml-sync' = 'true'; SET;");
    assert!(listed.contains(" table.dml-sync |") && !listed.contains(" x "), "{listed}");
    let synced = |listed: &str| {
        listed.lines().any(|line| line.contains("table.dml-sync") && line.contains("true"))
    };
    assert!(synced(&listed) && !synced(&tested.prints("RESET; SET;")), "{listed}");
    assert_eq!(tested.said.lock().unwrap().len(), 1, "one line about the setting without effect");
    let (kind, message, place) = tested.refuses("SET 'parallelism.default' = 'many'");
    assert_eq!((kind, place), (ErrorKind::Option, "'parallelism.default' = 'many'"), "{message}");
}

#[test]
fn create_table_as_is_explained_and_leaves_no_table() {
    let mut tested = Tested::new();
    tested.prints(TABLES);
    let plan = "EXPLAIN CREATE TABLE q WITH ('connector' = 'print') AS SELECT a FROM s";
    assert!(tested.prints(plan).contains("Sink(table=[default_catalog.default_database.q])"));
    assert_eq!(tested.prints("SHOW TABLES LIKE 'q'"), "Empty set\n");
    // One that is there is neither in the way nor changed.
    let columns = tested.prints("DESCRIBE s");
    tested.prints("EXPLAIN CREATE TABLE s WITH ('connector' = 'print') AS SELECT 1 AS other");
    assert_eq!(tested.prints("DESCRIBE s"), columns);
}

#[test]
fn what_cannot_be_is_named_with_its_place() {
    for (script, message, place) in [
        ("SELECT a FROM s JOIN d ON a = x", "JOIN", "d"),
        ("SELECT a FROM s, d", "CROSS JOIN", "d"),
        ("SELECT DISTINCT a FROM s", "SELECT DISTINCT", "SELECT DISTINCT a FROM s"),
        ("SELECT COUNT(*) FROM s", "COUNT", "COUNT(*)"),
        ("SELECT a FROM s GROUP BY a", "GROUP BY", "GROUP BY a"),
        ("SELECT a FROM s ORDER BY a LIMIT 1", "ORDER BY with LIMIT in streaming mode", "a"),
        (
            "SELECT a FROM s UNION SELECT x FROM d",
            "UNION without ALL",
            "SELECT a FROM s UNION SELECT x FROM d",
        ),
        ("CREATE FUNCTION f AS 'a.B'", "CREATE FUNCTION", "CREATE FUNCTION f AS 'a.B'"),
        (
            "CREATE CATALOG h WITH ('type' = 'hive')",
            "catalog type 'hive'",
            "CREATE CATALOG h WITH ('type' = 'hive')",
        ),
    ] {
        let mut tested = Tested::new();
        tested.prints(TABLES);
        let (kind, found, at) = tested.refuses(script);
        assert_eq!(kind, ErrorKind::Unsupported, "{script}: {found}");
        assert!(
            found.starts_with(&format!("not supported yet: {message}")) || found.contains(message),
            "{found}"
        );
        assert_eq!(at, place, "{script}");
    }
}

#[test]
fn functions_are_listed() {
    let listed = Tested::new().prints("SHOW FUNCTIONS LIKE 'UPPE%'");
    assert!(listed.contains("| function name |\n") && listed.contains("UPPER |\n"), "{listed}");
}

#[test]
fn an_error_in_a_view_points_at_its_use() {
    let mut tested = Tested::new();
    tested.prints(TABLES);
    tested.prints("DROP TABLE s");
    let (_, message, place) = tested.refuses("SELECT * FROM v");
    assert_eq!((message.as_str(), place), ("object 's' not found (while reading view 'v')", "v"));
}

/// Most milliseconds of processor time for 2,000 lines in a build for tests.
const LONG_SCRIPT_MILLIS: u64 = 1_500;

/// Time that this thread had a processor; 0 where the system does not tell.
fn thread_time() -> std::time::Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or(std::time::Duration::ZERO, std::time::Duration::from_nanos)
}

/// The time to check a script of `tables` tables of Kafka, each with a view, an INSERT and a query.
fn time_to_check(tables: usize) -> std::time::Duration {
    let mut script = String::new();
    for n in 0..tables {
        let _infallible = write!(
            script,
            "CREATE TABLE t{n} (\n  id BIGINT,\n  name STRING,\n  price DECIMAL(10, 2),\n  ts TIMESTAMP(3),\n  \
             WATERMARK FOR ts AS ts - INTERVAL '5' SECOND\n) WITH (\n  'connector' = 'kafka', 'topic' = 't{n}',\n  \
             'properties.bootstrap.servers' = 'x:1', 'properties.group.id' = 'g',\n  'format' = 'json'\n);\n\
             CREATE VIEW v{n} AS SELECT id, UPPER(name) AS name,\n  price\nFROM t{n}\n\
             WHERE id > {n} AND name LIKE 'a%';\n\
             INSERT INTO t{n} (id, name)\nSELECT id, name FROM v{n};\nSELECT id FROM v{n};\n\n"
        );
    }
    let mut tested = Tested::new();
    tested.session.only_check();
    let before = thread_time();
    tested.prints(&script);
    thread_time() - before
}

/// The goal for 2,000 lines is 50 ms in a release build; a build for tests takes some ten times as long. What does not
/// depend on the machine: a line costs the same in a long script as in a short one.
#[test]
fn a_long_script_is_checked_quickly() {
    // The best of some, so that nothing else counts.
    let best = |tables| (0..3).map(|_| time_to_check(tables)).min().unwrap();
    let (short, long) = (best(30), best(120));
    assert!(long <= short * 7, "4 times as many lines take {long:?} instead of {short:?}");
    assert!(long < std::time::Duration::from_millis(LONG_SCRIPT_MILLIS), "{long:?}");
}

#[test]
fn all_inputs_of_a_union_end_in_one_sink() {
    let mut tested = Tested::new();
    let script = "CREATE TABLE a (n INT) WITH ('connector' = 'datagen', 'number-of-rows' = '1');
        CREATE TABLE b (n INT) WITH ('connector' = 'datagen', 'number-of-rows' = '2');
        CREATE TABLE p (n INT) WITH ('connector' = 'print');
        CREATE TABLE q (n INT) WITH ('connector' = 'blackhole');
        BEGIN STATEMENT SET;
        INSERT INTO p SELECT n FROM a UNION ALL SELECT n FROM b UNION ALL SELECT n + 1 FROM a;
        INSERT INTO q SELECT n FROM a;
        END;";
    let jobs = tested.session.open_script(script).unwrap();
    let [(_, job)] = jobs.as_slice() else { panic!("{} jobs", jobs.len()) };
    let sinks: Vec<&str> = job.sinks.iter().map(|sink| sink.name.as_str()).collect();
    assert_eq!(sinks, ["p", "q"]);
    let fed = |scan: &crate::exec::Scan| scan.outputs.iter().map(|out| out.sink).collect();
    let fed: Vec<Vec<usize>> = job.scans.iter().map(fed).collect();
    assert_eq!(fed, [vec![0, 0, 1], vec![0]]);
}

#[test]
fn long_chains_of_operators_are_walked() {
    let mut tested = Tested::new();
    for operator in ["AND", "OR"] {
        let chain = vec!["n <> 5"; 900].join(&format!(" {operator} "));
        tested.prints(&format!("SELECT n FROM (VALUES (1)) AS t (n) WHERE {chain};"));
    }
}

#[test]
fn wrong_options_are_said_before_what_a_plan_would_need() {
    let table = |more: &str| {
        format!(
            "CREATE TABLE u (id INT, n INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', \
             'topic' = 'u', 'properties.bootstrap.servers' = 'localhost:1', {more});
             CREATE TABLE p (id INT, n INT) WITH ('connector' = 'print');"
        )
    };
    for (more, expected) in [
        (
            "'key.format' = 'json', 'value.format' = 'json', 'scan.startup.mode' = 'x'",
            "scan.startup.mode",
        ),
        ("'key.format' = 'json', 'value.format' = 'jsn'", "jsn"),
        ("'value.format' = 'json'", "key.format"),
    ] {
        for statement in
            ["SELECT * FROM u", "INSERT INTO p SELECT * FROM u", "EXPLAIN SELECT n FROM u"]
        {
            let script = format!("{}{statement}", table(more));
            let (kind, message, _) = Tested::new().refuses(&script);
            assert_eq!(kind, ErrorKind::Option, "{message}");
            assert!(message.contains(expected) && !message.contains("Normalize"), "{message}");
        }
    }
}

#[test]
fn results_for_programs_have_a_key_for_each_column_and_a_form_for_each_type() {
    let query = "SELECT op, MAP['k', op] AS m, ARRAY[1, 2] AS a, ROW(1, 'x') AS r, ARRAY[ROW(1, 2)] AS ar FROM \
                 (VALUES ('a,b')) AS t (op)";
    let mut tested = Tested::new();
    tested.session.set_result_style(ResultStyle::Json);
    let object: serde_json::Value = serde_json::from_str(&tested.prints(query)).unwrap();
    assert_eq!((&object["op0"], &object["op"]), (&"+I".into(), &"a,b".into()));
    assert_eq!(object["m"]["k"], "a,b");
    let others = "SELECT MAP[1, 2] AS m, MAP[ROW(1, 'a'), ARRAY[MAP[TRUE, 1]]] AS n, PARSE_JSON('{\"a\":[1]}') AS v, \
                  ARRAY[PARSE_JSON('\"x\"')] AS w, MAP[CAST(NULL AS STRING), 1] AS z";
    assert_eq!(
        tested.prints(others),
        "{\"op\":\"+I\",\"m\":{\"1\":2},\"n\":{\"(1, a)\":[{\"TRUE\":1}]},\"v\":{\"a\":[1]},\"w\":[\"x\"],\
         \"z\":{\"null\":1}}\n"
    );
    let explained: serde_json::Value =
        serde_json::from_str(&tested.prints(&format!("EXPLAIN {query}"))).unwrap();
    assert!(explained["result"].as_str().unwrap().starts_with("== Plan ==\n"), "{explained}");

    tested.session.set_result_style(ResultStyle::Csv);
    let lines = tested.prints(query);
    let (head, row) = lines.split_once('\n').unwrap();
    assert_eq!(head, "op0,op,m,a,r,ar");
    assert!(row.starts_with("+I,\"a,b\",\"{k=a,b}\",1;2,"), "{row}");
    let explained = tested.prints("EXPLAIN SELECT 1");
    assert!(explained.starts_with("result\n\"== Plan ==\n"), "{explained}");
}

#[test]
fn what_a_variable_hides_is_not_needed_to_check_a_script() {
    let table = "CREATE TABLE t (a INT) WITH ('connector' = 'datagen', 'number-of-rows' = '1',
        'fields.a.kind' = '${env:BROOKLET_NOT_SET_ANYWHERE}');";
    let (_, message, _) = Tested::new().refuses(table);
    assert!(message.contains("BROOKLET_NOT_SET_ANYWHERE"), "{message}");
    let mut tested = Tested::new();
    tested.session.only_check();
    tested.prints(table);
}

#[test]
fn a_bounded_job_runs_to_its_end_when_a_later_statement_fails() {
    let ends = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ends);
    let config = SessionConfig {
        warnings: Warnings::to(|_| {}),
        on_end: Arc::new(move |name, _, end, _| {
            seen.lock().unwrap().push((name.to_owned(), *end.as_ref().unwrap()));
        }),
        ..SessionConfig::new("t.sql")
    };
    let script =
        "CREATE TABLE few (n INT) WITH ('connector' = 'datagen', 'number-of-rows' = '200000');
        CREATE TABLE endless (n INT) WITH ('connector' = 'datagen', 'rows-per-second' = '1');
        CREATE TABLE b (n INT) WITH ('connector' = 'blackhole');
        CREATE TABLE c (n INT) WITH ('connector' = 'blackhole');
        INSERT INTO c SELECT n FROM endless;
        INSERT INTO b SELECT n FROM few;
        SELECT nothing FROM few;";
    let error = Session::new(config).run_script(script).unwrap_err();
    assert!(error.to_string().contains("nothing"), "{error}");
    let mut ends = ends.lock().unwrap().clone();
    ends.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(ends, [("t.b".to_owned(), JobEnd::Finished), ("t.c".to_owned(), JobEnd::Drained)]);
}

#[test]
fn random_rows_differ_from_query_to_query() {
    let mut tested = Tested::new();
    tested
        .prints("CREATE TABLE g (a BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '5')");
    let first = tested.prints("SELECT a FROM g");
    assert_ne!(first, tested.prints("SELECT a FROM g"));
    // The same session gives the same rows again.
    let mut again = Tested::new();
    again
        .prints("CREATE TABLE g (a BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '5')");
    assert_eq!(first, again.prints("SELECT a FROM g"));
}

#[test]
fn tables_of_one_job_have_random_rows_of_their_own() {
    let mut tested = Tested::new();
    tested.session.set_result_style(ResultStyle::Json);
    let shown = tested.prints(
        "CREATE TABLE g (a BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '1');
        CREATE TABLE h (a BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '1');
        SELECT a FROM g UNION ALL SELECT a FROM h",
    );
    let rows: Vec<&str> = shown.lines().collect();
    assert!(rows.len() == 2 && rows[0] != rows[1], "{shown}");
}

#[test]
fn describe_has_truth_values_for_programs() {
    let mut tested = Tested::new();
    tested.session.set_result_style(ResultStyle::Json);
    let script = "CREATE TABLE t (a INT, b INT NOT NULL) WITH ('connector' = 'print'); DESCRIBE t";
    let shown = tested.prints(script);
    assert!(shown.contains("\"null\":true") && shown.contains("\"null\":false"), "{shown}");
}

#[test]
fn a_table_of_a_query_ends_before_its_job_is_told() {
    let mut tested = Tested::new();
    let (out, at_end) = (tested.out.clone(), Arc::new(Mutex::new(String::new())));
    let seen = Arc::clone(&at_end);
    tested.session.config.on_end = Arc::new(move |_, _, _, _| {
        *seen.lock().unwrap() = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
    });
    let shown = tested.prints("SELECT 1");
    assert!(shown.ends_with("Received a total of 1 row\n"), "{shown}");
    assert_eq!(*at_end.lock().unwrap(), shown);
}

#[test]
fn a_query_that_doubles_what_it_reads_is_bounded() {
    let mut script = "WITH c0 AS (SELECT 1 AS a)".to_owned();
    for at in 0..30 {
        let _ =
            write!(script, ", c{} AS (SELECT a FROM c{at} UNION ALL SELECT a FROM c{at})", at + 1);
    }
    script.push_str(" SELECT a FROM c30");
    let (kind, message, _) = Tested::new().refuses(&script);
    assert_eq!(kind, ErrorKind::Unsupported, "{message}");
}
