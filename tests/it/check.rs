//! `brooklet check`: what it says of each statement, and the exit code.

use crate::support::{Cluster, Program};

fn check(sql: &str, args: &[&str]) -> crate::support::Ended {
    let program = Program::new(&[&["check", "job.sql"], args].concat());
    std::fs::write(program.path("job.sql"), sql).unwrap();
    program.run()
}

/// A line of the JSON report: place, kind, verdict.
fn verdicts(report: &str) -> Vec<String> {
    report
        .lines()
        .map(|line| {
            let object: serde_json::Value = serde_json::from_str(line).unwrap();
            let keys: Vec<&String> = object.as_object().unwrap().keys().collect();
            assert_eq!(keys.len(), 6, "{line}");
            assert_eq!(object["file"], "job.sql");
            assert_eq!(object["verdict"] == "ok", object["message"] == "", "{line}");
            let text = |key: &str| object[key].as_str().unwrap().to_owned();
            format!("{}:{} {} {}", object["line"], object["column"], text("kind"), text("verdict"))
        })
        .collect()
}

const SCRIPT: &str = "\
SET 'parallelism.default' = '1';
CREATE TABLE src (a INT, s STRING) WITH ('connector' = 'datagen');
CREATE TABLE dst (a INT, s STRING) WITH ('connector' = 'print');
INSERT INTO dst SELECT a, s FROM src;
INSERT INTO dst SELECT a, nope FROM src;
SELEC 1;
SELECT a FROM src MATCH_RECOGNIZE (PATTERN (a) DEFINE a AS TRUE) AS t;
CREATE TABLE bad (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'formatt' = 'json',
  'properties.bootstrap.servers' = 'localhost:1');
CREATE TABLE worse (a INT) WITH ('connector' = 'datagen', 'number-of-rows' = 'many');
CREATE TABLE broken (a INTT) WITH ('connector' = 'datagen');
INSERT INTO dst SELECT a, s FROM broken;
";

#[test]
fn the_log_of_failed_records_may_be_created_behind_its_table() {
    let table = |name: &str, options: &str| {
        format!(
            "CREATE TABLE {name} (v STRING) WITH ('connector' = 'kafka', 'topic' = '{name}', 'format' = 'raw',
             'properties.bootstrap.servers' = '127.0.0.1:1', 'scan.startup.mode' = 'earliest-offset'{options});\n"
        )
    };
    let log = ", 'error-handling.mode' = 'log', 'error-handling.log.target' = 'failed'";
    let both = table("orders", log) + &table("failed", "") + "SELECT * FROM orders;\n";
    check(&both, &["--offline"]).code(0).prints("job.sql: 3 statements, 0 refused\n");
    check(&table("orders", log), &["--offline"]).code(3);
}

#[test]
fn every_statement_has_a_verdict() {
    let ended = check(SCRIPT, &["--offline", "--format", "json"]);
    ended.code(3);
    let found = verdicts(&ended.stdout);
    assert_eq!(
        found,
        [
            "1:1 SET ok",
            "2:1 CREATE TABLE ok",
            "3:1 CREATE TABLE ok",
            "4:1 INSERT INTO ok",
            "5:27 INSERT INTO invalid",
            "6:1 UNKNOWN syntax",
            "7:19 SELECT unsupported",
            "8:70 CREATE TABLE invalid",
            "10:59 CREATE TABLE invalid",
            "11:24 CREATE TABLE invalid",
            "12:34 INSERT INTO invalid",
        ]
        .map(str::to_owned),
        "{}",
        ended.stdout
    );
}

#[test]
fn all_errors_are_shown_at_once() {
    let ended = check(SCRIPT, &["--offline"]);
    ended.code(3);
    for part in [
        "--> job.sql:5:27",
        "--> job.sql:6:1",
        "hint: did you mean 'format'?",
        "expected a whole number",
        "hint: the statement in line 11 that creates 'broken' has an error",
        "job.sql: 11 statements, 7 refused",
    ] {
        assert!(ended.stdout.contains(part), "no '{part}' in {}", ended.stdout);
    }
}

#[test]
fn a_good_script_is_ok_and_nothing_runs() {
    let cluster = Cluster::embedded();
    let sql = format!(
        "CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 'not-there', 'format' = 'json',\n\
         'properties.bootstrap.servers' = '{}', 'scan.startup.mode' = 'earliest-offset');\n\
         CREATE TABLE sink (a INT) WITH ('connector' = 'print');\n\
         INSERT INTO sink SELECT a FROM t;\nSELECT a FROM t;\nSHOW TABLES;\n",
        cluster.bootstrap()
    );
    check(&sql, &["--offline"]).code(0).prints("job.sql: 5 statements, 0 refused\n");
    // The broker knows no such topic: a warning, for it may be made later.
    let ended = check(&sql, &[]);
    ended
        .code(0)
        .prints("job.sql: 5 statements, 0 refused\n")
        .says(&["[WARN] table 't'", "not-there"]);
    // What is written there is not the topic: no broker is asked for it.
    let unset = sql.replace("not-there", "${env:BROOKLET_NOT_SET_ANYWHERE}");
    check(&unset, &[]).code(0).says(&[
        "[WARN] table 't'",
        "its brokers were not looked at: environment variable 'BROOKLET_NOT_SET_ANYWHERE' is not set (option 'topic')",
    ]);
}

#[test]
fn tables_for_one_direction_are_fine() {
    let sql = "\
CREATE TABLE a (v STRING) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json',
  'properties.bootstrap.servers' = 'localhost:1');
CREATE TABLE b (v STRING) WITH ('connector' = 'kafka', 'topic' = 't;u', 'format' = 'json',
  'properties.bootstrap.servers' = 'localhost:1', 'scan.startup.mode' = 'earliest-offset');
CREATE TABLE c (v STRING) WITH ('connector' = 'blackhole');
CREATE TABLE d (v STRING) WITH ('connector' = 'datagen');
";
    check(sql, &["--offline"]).code(0);
}

/// Neither direction works: the reason that a user can act on is the one that is told.
#[test]
fn the_better_of_two_errors_is_told() {
    for (options, verdict, part) in [
        ("'format' = 'protobuf'", "invalid", "protobuf.message-class-name"),
        ("'format' = 'jsn'", "invalid", "did you mean 'json'"),
        ("'formatt' = 'json'", "invalid", "did you mean 'format'"),
        ("'format' = 'json', 'sink.parallelism' = 'x'", "invalid", "sink.parallelism"),
        (
            "'format' = 'json', 'properties.security.protocol' = 'SASL_SSL'",
            "invalid",
            "sasl.mechanism",
        ),
    ] {
        let sql = format!(
            "CREATE TABLE z (a INT) WITH ('connector' = 'kafka', 'topic' = 't', {options}, \
             'properties.bootstrap.servers' = 'localhost:1');"
        );
        let ended = check(&sql, &["--offline", "--format", "json"]);
        ended.code(3);
        let said = &ended.stdout;
        assert!(said.contains(&format!("\"verdict\":\"{verdict}\"")), "{options}: {said}");
        assert!(said.contains(part), "{options}: {said}");
    }
}

#[test]
fn several_scripts_and_wrong_use() {
    let program = Program::new(&["check", "--offline", "a.sql", "b.sql"]);
    std::fs::write(program.path("a.sql"), "SHOW TABLES;").unwrap();
    std::fs::write(program.path("b.sql"), "SELECT").unwrap();
    let ended = program.run();
    ended.code(3);
    assert!(ended.stdout.starts_with("a.sql: 1 statement, 0 refused\n"), "{}", ended.stdout);
    Program::new(&["check", "missing.sql"]).run().code(2).says(&["missing.sql"]);
    Program::new(&["check"]).run().code(2);
    let ended = Program::new(&["check", "-", "--offline"]).stdin("SELECT 1 FROM x").run();
    ended.code(3);
    assert!(ended.stdout.contains("--> stdin:1:15"), "{}", ended.stdout);
    let ended = check("SHOW TABLES;", &["-D", "table.dml-sync=maybe", "--offline"]);
    ended.code(3).says(&["expected true or false"]);
}

#[test]
fn variables_that_are_not_set_are_no_errors_of_a_script() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = root.join("examples/sasl_ssl/job.sql");
    check(&std::fs::read_to_string(script).unwrap(), &["--offline"]).code(0);
    let table = |more: &str| {
        let sql = format!(
            "CREATE TABLE t (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json', {more}
               'properties.bootstrap.servers' = '${{env:NOT_SET_EITHER}}');"
        );
        check(&sql, &["--offline"])
    };
    table("'scan.parallelism' = '${env:NOT_SET}',").code(0);
    let ended = table("'formatt' = 'json',");
    ended.code(3);
    assert!(
        ended.stdout.contains("formatt") && !ended.stdout.contains("NOT_SET"),
        "{}",
        ended.stdout
    );
}

/// Options that a table has in each case, before what is wrong in it.
const KAFKA: &[(&str, &str)] = &[
    ("connector", "kafka"),
    ("topic", "t"),
    ("properties.bootstrap.servers", "127.0.0.1:1"),
    ("scan.startup.mode", "earliest-offset"),
    ("format", "json"),
];

/// Options in place of those, the first of which is wrong, and what is said about it.
const WRONG: &[(&[(&str, &str)], &str)] = &[
    (&[("topic", " ; ")], "either 'topic' or 'topic-pattern' must be set"),
    (&[("topic", "a b")], "ASCII letters"),
    (&[("topic", "a,b")], "separated by ';'"),
    (&[("topic", "..")], "no name of a topic"),
    (&[("properties.bootstrap.servers", "h")], "host:port"),
    (&[("properties.acks", "two")], "must be one of all, -1, 0, 1"),
    (&[("properties.linger.ms", "soon")], "must be a whole number of at least 0"),
    (&[("properties.key.serializer", "x")], "remove this property"),
    (&[("properties.auto.offset.reset", "soon")], "must be earliest, latest, none"),
    (&[("properties.security.protocol", "TLS")], "must be one of PLAINTEXT, SSL,"),
    (&[("properties.security.protocol", "SASL_SSL")], "'properties.sasl.mechanism' is missing"),
    (
        &[("properties.sasl.mechanism", "GSSAPI"), ("properties.security.protocol", "SASL_SSL")],
        "Kerberos",
    ),
    (
        &[("properties.ssl.truststore.location", "/nope"), ("properties.security.protocol", "SSL")],
        "cannot read '/nope'",
    ),
    (&[("scan.startup.mode", "earliest")], "expected one of earliest-offset"),
    (&[("scan.startup.mode", "group-offsets")], "'properties.group.id' is required by"),
    (
        &[("scan.startup.mode", "group-offsets"), ("properties.group.id", "")],
        "'properties.group.id' is required by",
    ),
    (&[("scan.bounded.mode", "group-offsets")], "'scan.bounded.mode' = 'group-offsets'"),
    (
        &[("scan.startup.timestamp-millis", "-1"), ("scan.startup.mode", "timestamp")],
        "expected milliseconds from 0",
    ),
    (&[("scan.topic-change.mode", "keep")], "expected one of fail, drop, restart"),
    (
        &[("error-handling.log.target", "nowhere"), ("error-handling.mode", "log")],
        "nowhere does not exist",
    ),
    (&[("key.format", "json")], "using 'key.fields'"),
    (&[("scan.watermark.alignment.max-drift", "1 s")], "must both be set"),
    (&[("sink.partitioner", "com.example.Nowhere")], "'sink.partitioner' = 'com.example.Nowhere'"),
    (&[("sink.delivery-guarantee", "exactly-once")], "sink.transactional-id-prefix"),
    (
        &[("json.fail-on-missing-field", "true"), ("json.ignore-parse-errors", "true")],
        "shouldn't both be true",
    ),
    (
        &[("csv.quote-character", "x"), ("csv.disable-quote-character", "true"), ("format", "csv")],
        "at the same time",
    ),
];

const REGISTRY: &[(&[(&str, &str)], &str)] = &[
    (&[("schema", "nonsense")], "it is no Avro schema: type 'nonsense'"),
    (&[("schema", "\"int\"")], "it is no Avro schema of a record"),
    (&[("url", "ftp://h")], "no URL of the form http://HOST:PORT"),
    (&[("url", "http://")], "no URL of the form http://HOST:PORT"),
    (&[("ssl.truststore.location", "/nope")], "cannot read '/nope'"),
    (&[("ssl.keystore.location", "/nope")], "cannot read '/nope'"),
    (&[("properties.schema.registry.ssl.keystore.location", "/nope")], "cannot read '/nope'"),
    (&[("basic-auth.user-info", "nocolon")], "expected user and password"),
    (&[("properties.basic.auth.user.info", "nocolon")], "expected user and password"),
    (&[("basic-auth.credentials-source", "URL")], "the URL holds no user"),
    (&[("properties.basic.auth.credentials.source", "X")], "expected one of URL, USER_INFO"),
    (&[("bearer-auth.credentials-source", "STATIC_TOKEN")], "'bearer-auth.token'"),
    (&[("properties.bearer.auth.credentials.source", "X")], "expected STATIC_TOKEN"),
    (&[("bearer-auth.token", "t"), ("basic-auth.user-info", "u:p")], "shown one of them"),
    (&[("properties.basic.auth.user.inf", "canary:of-a-typo")], "no property that is known"),
    (&[("properties.http.read.timeout.ms", "soon")], "expected a number of milliseconds"),
    (&[("properties.auto.register.schemas", "maybe")], "expected true or false"),
];

/// Each option has a line of its own, so that the error's line tells which one it points at.
fn declared(options: &[(String, String)]) -> String {
    let lines: Vec<String> =
        options.iter().map(|(key, value)| format!("'{key}' = '{value}'")).collect();
    format!("CREATE TABLE t (a INT) WITH (\n{});", lines.join(",\n"))
}

#[test]
fn errors_about_options_name_them_and_point_at_them() {
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let mut cases: Vec<(Vec<(String, String)>, &str)> = Vec::new();
    let usual = KAFKA.iter().map(own).collect::<Vec<_>>();
    let case = |changes: Vec<(String, String)>| {
        let changed = |key: &str| changes.iter().any(|(known, _)| known == key);
        let rest = usual.iter().filter(|(key, _)| !changed(key)).cloned();
        changes.iter().cloned().chain(rest).collect::<Vec<_>>()
    };
    for (changes, says) in WRONG {
        cases.push((case(changes.iter().map(own).collect()), says));
    }
    for format in ["avro-confluent", "debezium-avro-confluent"] {
        let usual = [("url", "http://127.0.0.1:1"), ("subject", "s")];
        for (changes, says) in REGISTRY {
            let rest =
                usual.iter().filter(|(key, _)| changes.iter().all(|(other, _)| other != key));
            let all = changes.iter().chain(rest);
            let mut all: Vec<(String, String)> =
                all.map(|(key, value)| (format!("{format}.{key}"), (*value).to_owned())).collect();
            all.push(("format".to_owned(), format.to_owned()));
            cases.push((case(all), says));
        }
    }
    let script: Vec<String> = cases.iter().map(|(options, _)| declared(options)).collect();
    let script = script.join("\nDROP TABLE IF EXISTS t;\n");
    let ended = check(&script, &["--offline", "--format", "json"]);
    assert!(!ended.stdout.contains("canary"), "{}", ended.stdout);
    let mut line = 1;
    for ((options, says), said) in cases.iter().zip(ended.stdout.lines().step_by(2)) {
        let said: serde_json::Value = serde_json::from_str(said).unwrap();
        let message = said["message"].as_str().unwrap();
        assert!(message.contains(says), "{options:?}: {message}");
        assert_eq!(said["line"], line + 1, "{options:?}: {said}");
        line += options.len() + 2;
    }
}

#[test]
fn options_of_a_table_that_nothing_uses_are_checked() {
    let kafka = "'connector' = 'kafka', 'topic' = 't', 'properties.bootstrap.servers' = '127.0.0.1:9', 'format' = 'json'";
    let earliest = "'scan.startup.mode' = 'earliest-offset'";
    let exact = "'sink.delivery-guarantee' = 'exactly-once'";
    for (options, says) in [
        ("'scan.startup.mode' = 'timestamp'", "scan.startup.timestamp-millis"),
        (
            "'scan.startup.mode' = 'specific-offsets', 'scan.startup.specific-offsets' = '0:42'",
            "scan.startup.specific-offsets",
        ),
        (
            &format!("{earliest}, 'scan.bounded.mode' = 'timestamp'"),
            "scan.bounded.timestamp-millis",
        ),
        (&format!("{earliest}, 'sink.parallelism' = '0'"), "sink.parallelism"),
        (&format!("{earliest}, {exact}"), "sink.transactional-id-prefix"),
        (
            &format!(
                "{exact}, 'sink.transactional-id-prefix' = 'p', 'properties.transaction.timeout.ms' = '1000'"
            ),
            "properties.transaction.timeout.ms",
        ),
    ] {
        let sql = format!("CREATE TABLE t (a INT) WITH ({kafka}, {options});");
        check(&sql, &["--offline"]).code(3).shows(&[says]);
    }
    // What can be used one way only is fine.
    for (connector, column) in [("print", "a INT"), ("datagen", "a INT")] {
        let sql = format!("CREATE TABLE t ({column}) WITH ('connector' = '{connector}');");
        check(&sql, &["--offline"]).code(0);
    }
}

/// A table that cannot do what is asked is told where it is asked; what a failed statement creates is told by its line.
#[test]
fn errors_stand_where_a_table_or_function_is_used() {
    let sql = "\
CREATE TABLE p (a INT) WITH ('connector' = 'print');
CREATE TABLE g (a INT) WITH ('connector' = 'datagen');
SELECT a FROM p;
SELECT a FROM p;
INSERT INTO g SELECT 1;
CREATE FUNCTION f AS 'x.F';
SELECT F(1);
CREATE TABLE k (a INT) WITH ('connector' = 'kinesis');
CREATE TABLE q (a INT) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'parquet',
  'properties.bootstrap.servers' = 'localhost:1');
SELECT a FROM k;
SELECT X'ABC', MAP['a', 1, 'b'];
CREATE TABLE u (a INT) WITH ('connector' = 'datagen', 'number-of-rows' = 'many');
SELECT a FROM u;
QUIT;
";
    let ended = check(sql, &["--offline", "--format", "json"]);
    assert_eq!(
        verdicts(&ended.code(3).stdout),
        [
            "1:1 CREATE TABLE ok",
            "2:1 CREATE TABLE ok",
            "3:15 SELECT invalid",
            "4:15 SELECT invalid",
            "5:13 INSERT INTO invalid",
            "6:1 CREATE FUNCTION unsupported",
            "7:8 SELECT unsupported",
            "8:30 CREATE TABLE unsupported",
            "9:68 CREATE TABLE unsupported",
            "11:1 SELECT unsupported",
            "12:8 SELECT invalid",
            "13:55 CREATE TABLE invalid",
            "14:1 SELECT invalid",
            "15:1 QUIT ok",
        ]
        .map(str::to_owned),
        "{}",
        ended.stdout
    );
    let ended = check(sql, &["--offline"]);
    let shown = &ended.code(3).stdout;
    for part in [
        "--> job.sql:3:15",
        "--> job.sql:4:15",
        "hint: the statement in line 6 that creates 'F' has an error",
        "not supported yet: format 'parquet'",
    ] {
        assert!(shown.contains(part), "no '{part}' in {shown}");
    }
    // One mistake of a declaration is told once.
    assert_eq!(shown.matches("'many'").count(), 2, "{shown}");
    ended.says(&[]);
    assert!(!ended.stderr.contains("shell only"), "{}", ended.stderr);
}
