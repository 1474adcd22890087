//! What goes wrong, how it is told, and the exit code.

use super::script::{ALL, JSON, kafka, print, produce};
use crate::support::{Cluster, Ended, Program, Rec};

fn run(sql: &str) -> Ended {
    Program::script("job", sql).run()
}

#[test]
fn a_syntax_error_shows_its_place() {
    let ended = run("SET 'a' = 'b';\n\nINSERT INTO x SELECT FROM y;\n");
    ended.code(3).says(&[
        "error: ",
        "--> job.sql:3:22",
        " 3 | INSERT INTO x SELECT FROM y;",
        "^^^^",
    ]);
    ended.prints("");
}

#[test]
fn statements_before_a_syntax_error_have_run() {
    let sql = format!("{}SHOW TABLES;\nSELEC 1;\n", print("sink", "a INT"));
    let ended = run(&sql);
    ended.code(3).says(&["--> job.sql:3:1"]);
    assert!(ended.stdout.contains(" sink |"), "{}", ended.stdout);
}

#[test]
fn an_unknown_option_names_the_nearest() {
    let cluster = Cluster::embedded();
    let options = format!("'scan.startup.mod' = 'earliest-offset', {JSON}");
    let sql = kafka("orders", "v STRING", "t", &cluster, &options) + "SELECT * FROM orders;\n";
    run(&sql).code(3).says(&[
        "error: unknown option 'scan.startup.mod' for table 'orders' (connector 'kafka')",
        "--> job.sql:2:",
        "^^^^",
        "hint: did you mean 'scan.startup.mode'? Closest of ",
    ]);
}

#[test]
fn a_table_that_nobody_uses_is_not_checked() {
    let cluster = Cluster::embedded();
    run(&kafka("orders", "v STRING", "t", &cluster, "'nonsense' = 'x'")).code(0);
}

#[test]
fn an_unknown_connector_names_the_known_ones() {
    let sql = "CREATE TABLE t (a INT) WITH ('connector' = 'kafkaa');\nSELECT * FROM t;\n";
    run(sql).code(3).says(&[
        "error: ",
        "'kafkaa'",
        "--> job.sql:",
        "did you mean 'kafka'?",
        "datagen",
    ]);
}

#[test]
fn a_table_without_connector_is_refused() {
    run("CREATE TABLE t (a INT);\nSELECT * FROM t;\n").code(3).says(&["'connector'", "'t'"]);
}

#[test]
fn an_unknown_format_is_refused() {
    let cluster = Cluster::embedded();
    let sql = kafka("t", "a INT", "t", &cluster, &format!("{ALL}, 'format' = 'jsn'"))
        + "SELECT * FROM t;\n";
    run(&sql).code(3).says(&["'jsn'", "json"]);
}

#[test]
fn a_wrong_option_value_is_refused() {
    let cluster = Cluster::embedded();
    let interval = "'scan.topic-partition-discovery.interval' = 'often'";
    for (options, part) in [
        (
            format!("{ALL}, {JSON}, {interval}"),
            "'scan.topic-partition-discovery.interval' = 'often'",
        ),
        (format!("'scan.startup.mode' = 'sometimes', {JSON}"), "expected one of earliest-offset"),
        (
            format!("{ALL}, 'format' = 'json', 'json.ignore-parse-errors' = 'maybe'"),
            "expected true or false",
        ),
    ] {
        let sql = kafka("t", "v STRING", "t", &cluster, &options) + "SELECT * FROM t;\n";
        run(&sql).code(3).says(&["error: ", part, "--> job.sql:2:"]);
    }
}

#[test]
fn names_that_do_not_exist_are_refused() {
    run("SELECT * FROM nowhere;\n").code(3).says(&["nowhere", "--> job.sql:1:15"]);
    let sql = print("sink", "a INT") + "INSERT INTO sink SELECT b FROM sink;\n";
    run(&sql).code(3).says(&["'b'"]);
}

#[test]
fn wrong_use_of_the_command_line() {
    Program::new(&["run", "missing.sql"]).run().code(2).says(&["missing.sql"]);
    Program::new(&["run"]).run().code(2).says(&["FILE"]);
    Program::new(&["run", "--nonsense", "x.sql"]).run().code(2).says(&["--nonsense"]);
    Program::new(&["frobnicate"]).run().code(2).says(&["frobnicate"]);
    Program::script("job", "").arg("-D").arg("no equals sign").run().code(2).says(&["key=value"]);
}

#[test]
fn a_group_without_offsets_names_the_cure() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 2);
    let options =
        format!("'properties.group.id' = 'readers', 'scan.bounded.mode' = 'latest-offset', {JSON}");
    let sql = kafka("t", "v STRING", &topic, &cluster, &options) + "SELECT * FROM t;\n";
    run(&sql).code(4).says(&[
        &format!("topic '{topic}'"),
        "partition 0",
        "group 'readers'",
        "hint: set 'properties.auto.offset.reset'",
    ]);
    let end = "'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'group-offsets', \
               'properties.auto.offset.reset' = 'earliest'";
    let options = format!("'properties.group.id' = 'readers', {end}, {JSON}");
    let sql = kafka("t", "v STRING", &topic, &cluster, &options) + "SELECT * FROM t;\n";
    run(&sql).code(4).says(&[
        "group 'readers' (while looking up where to end)",
        "hint: set 'scan.bounded.mode' to latest-offset",
    ]);
}

/// Flink says so when the query is planned: `Property group.id is required when using committed offset for offsets
/// initializer`.
#[test]
fn offsets_of_a_group_want_its_name() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    let refused = |options: &str, why: &str, cure: &str| {
        let sql = kafka("t", "v STRING", &topic, &cluster, &format!("{options}{JSON}"))
            + "SELECT * FROM t;\n";
        run(&sql).code(3).says(&[
            &format!("'properties.group.id' is required by {why} for table 't'"),
            &format!("hint: set 'properties.group.id', or {cure}"),
        ]);
    };
    let (start, earliest) =
        ("'scan.startup.mode' = 'group-offsets'", "'scan.startup.mode' = 'earliest-offset'");
    refused("", &format!("{start}, the default,"), earliest);
    refused(&format!("{start}, "), start, earliest);
    let end = "'scan.bounded.mode' = 'group-offsets'";
    refused(&format!("{earliest}, {end}, "), end, "'scan.bounded.mode' = 'latest-offset'");
    // An empty name is none.
    let unnamed = format!("{earliest}, {end}, 'properties.group.id' = '', ");
    refused(&unnamed, end, "'scan.bounded.mode' = 'latest-offset'");
}

#[test]
fn committed_offsets_of_a_group_are_the_start() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    produce(&cluster, &topic, &["a", "b", "c"]);
    cluster.commit("readers", &topic, &[(0, 1)]);
    let options =
        format!("'properties.group.id' = 'readers', 'scan.bounded.mode' = 'latest-offset', {JSON}");
    let sql = kafka("t", "v STRING", &topic, &cluster, &options)
        + &print("sink", "v STRING")
        + "INSERT INTO sink SELECT v FROM t;\n";
    run(&sql).code(0).prints("+I[b]\n+I[c]\n");
}

#[test]
fn a_malformed_record_names_its_place_and_shows_it() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 2);
    let at = |value: &str| Rec { partition: 1, ..Rec::value(value) };
    cluster.produce(
        &topic,
        &[at(r#"{"a":1}"#), at(r#"{"a":2}"#), at(r#"{"a": oops}"#), at(r#"{"a":4}"#)],
    );
    let sql = kafka("t", "a INT", &topic, &cluster, &format!("{ALL}, 'format' = 'json'"))
        + &print("sink", "a INT")
        + "INSERT INTO sink SELECT a FROM t;\n";
    // What came before it is written first, as by Flink.
    run(&sql).code(1).prints("+I[1]\n+I[2]\n").says(&[&topic, "partition 1", "offset 2", "oops"]);
}

#[test]
fn ignored_records_are_counted() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    cluster.produce_lines(&topic, &[r#"{"a":1}"#, "not json", r#"{"a":3}"#, "{"]);
    let options = format!("{ALL}, 'format' = 'json', 'json.ignore-parse-errors' = 'true'");
    let sql = kafka("t", "a INT", &topic, &cluster, &options)
        + &print("sink", "a INT")
        + "INSERT INTO sink SELECT a FROM t;\n";
    run(&sql).code(0).prints("+I[1]\n+I[3]\n").says(&["2 rejected by ignore-parse-errors"]);
}

#[test]
fn a_division_by_zero_fails_the_job() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    cluster.produce_lines(&topic, &[r#"{"a":1}"#, r#"{"a":0}"#, r#"{"a":1}"#]);
    let sql = kafka("t", "a INT", &topic, &cluster, &format!("{ALL}, 'format' = 'json'"))
        + &print("sink", "a INT")
        + "INSERT INTO sink SELECT 1 / a FROM t;\n";
    run(&sql).code(1).prints("+I[1]\n").says(&["error: ", "zero", "offset 1", "--> job.sql:4:25"]);
}

#[test]
fn a_row_that_fails_points_at_its_expression() {
    let view = "CREATE VIEW w AS SELECT CAST(v AS INT) AS n FROM (VALUES '1', 'x') AS t(v);\n";
    let table = "CREATE TABLE g (a INT, b AS 1 / (a - a)) WITH ('connector' = 'datagen', 'number-of-rows' = '1');\n";
    for (sql, place, marked) in [
        ("SELECT v,\n  CAST(v AS INT) FROM (VALUES '1', 'x') AS t(v);\n".to_owned(), "2:3", 14),
        ("SELECT 1 + 10 / (i - 1) FROM (VALUES 2, 1) AS t(i);\n".to_owned(), "1:12", 12),
        // The cast that nobody wrote is its operand's.
        ("SELECT i FROM (VALUES (1, 'x')) AS t(i, s)\nWHERE s > i;\n".to_owned(), "2:7", 1),
        (
            "SELECT CASE WHEN TRUE THEN PARSE_JSON(v) END FROM (VALUES '{') AS t(v);\n".to_owned(),
            "1:28",
            13,
        ),
        // What a view or a table computes has its place in another statement.
        (format!("{view}SELECT n AS m\n  FROM w;\n"), "3:8", 1),
        (format!("{table}SELECT\n  g.b FROM g;\n"), "3:3", 3),
    ] {
        let ended = run(&sql);
        ended.code(1).says(&["error: ", &format!("--> job.sql:{place}\n")]);
        let carets = ended.stderr.lines().find(|line| line.contains('^')).expect("carets");
        assert_eq!(carets.matches('^').count(), marked, "{}", ended.stderr);
    }
}

#[test]
fn a_failing_job_drains_the_others() {
    let cluster = Cluster::embedded();
    let (endless, bad) = (cluster.topic("endless", 1), cluster.topic("bad", 1));
    cluster.produce_lines(&bad, &["not json"]);
    let sql = kafka(
        "endless",
        "v STRING",
        &endless,
        &cluster,
        &format!("{}, {JSON}", super::script::ENDLESS),
    ) + &kafka("bad", "a INT", &bad, &cluster, &format!("{ALL}, 'format' = 'json'"))
        + &print("sink_a", "v STRING")
        + &print("sink_b", "a INT")
        + "INSERT INTO sink_a SELECT v FROM endless;\nINSERT INTO sink_b SELECT a FROM bad;\n";
    run(&sql).code(1).says(&[&bad]);
}

#[test]
fn secrets_are_hidden() {
    let sql = "SET 'my.password' = 'hunter2';\nSET;\n";
    let ended = run(sql);
    ended.code(0);
    assert!(
        ended.stdout.contains("******") && !ended.stdout.contains("hunter2"),
        "{}",
        ended.stdout
    );
}

#[test]
fn constructs_that_are_missing_say_so() {
    for sql in ["CREATE FUNCTION f AS 'com.example.F';\n", "DELETE FROM t;\n"] {
        run(sql).code(3).says(&["error: not supported yet: ", "--> job.sql:1:1"]);
    }
}

#[test]
fn passwords_of_old_numbered_options_are_not_shown() {
    let sql = "CREATE TABLE t (a INT) WITH ('connector.type' = 'kafka', 'connector.topic' = 'x',\n\
         'connector.properties.0.key' = 'sasl.jaas.config', 'connector.properties.0.value' = 'canary',\n\
         'connector.properties.bootstrap.servers' = '127.0.0.1:1', 'format.type' = 'json', 'update-mod' = 'no');\n\
         SHOW CREATE TABLE t; DESCRIBE t; EXPLAIN SELECT a FROM t; SELECT a FROM t;\n";
    let ended = Program::script("old", sql).run();
    ended.code(3).says(&["update-mod"]);
    assert!(ended.stdout.contains("'connector.properties.0.value' = '******'"), "{}", ended.stdout);
    let both = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!both.contains("canary"), "{both}");
    let half = sql.replace("'connector.properties.0.key' = 'sasl.jaas.config', ", "");
    let ended = Program::script("half", &half).run();
    ended.code(3).says(&["has no other half 'connector.properties.0.key'"]);
    assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
}
