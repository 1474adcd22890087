//! `avro-confluent` against a schema registry: credentials, references, and everything that can go wrong with one.

use crate::support::{Cluster, Ended, Program, Rec, Registry};

const SCHEMA: &str = r#"{"type":"record","name":"w","fields":[{"name":"a","type":"int"}]}"#;

/// A record of [`SCHEMA`] under an id.
fn record(id: u32, value: u8) -> Rec {
    let mut bytes = vec![0];
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes.push(value * 2);
    Rec::value(bytes)
}

fn table(name: &str, cluster: &Cluster, topic: &str, columns: &str, options: &str) -> String {
    format!(
        "CREATE TABLE {name} ({columns}) WITH ('connector' = 'kafka', 'topic' = '{topic}', \
         'properties.bootstrap.servers' = '{}', 'scan.startup.mode' = 'earliest-offset', \
         'scan.bounded.mode' = 'latest-offset', 'format' = 'avro-confluent', {options});\n",
        cluster.bootstrap()
    )
}

/// Reads a topic with one record of schema 1 and two of another partition, with these options of the format.
fn read(registry: &Registry, options: &str) -> Ended {
    read_ids(registry, options, &[1, 1])
}

fn read_ids(registry: &Registry, options: &str, ids: &[u32]) -> Ended {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("avro", 1);
    let records: Vec<Rec> = (1u8..).zip(ids).map(|(value, id)| record(*id, value % 60)).collect();
    cluster.produce(&topic, &records);
    let options = options.replace("URL", registry.url());
    let sql = table("t", &cluster, &topic, "a INT", &options) + "SELECT * FROM t;\n";
    let once = "SET 'restart-strategy.type' = 'none';\n";
    Program::script(&Cluster::unique("registry"), &format!("{once}{sql}")).run()
}

#[test]
fn a_schema_is_asked_for_once() {
    let registry = Registry::start();
    registry.register("s", SCHEMA);
    read_ids(&registry, "'avro-confluent.url' = 'URL'", &[1; 200]).code(0).shows(&["200 rows"]);
    let asked = registry.requests();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].starts_with("GET /schemas/ids/1 "), "{asked:?}");
}

#[test]
fn credentials_are_shown_however_they_are_given() {
    let registry = Registry::start();
    registry.register("s", SCHEMA);
    let with_user = registry.url().replace("http://", "http://me:se:cret@");
    for (shown, options) in [
        ("Basic bWU6c2U6Y3JldA==", "'avro-confluent.basic-auth.user-info' = 'me:se:cret', 'avro-confluent.basic-auth.credentials-source' = 'USER_INFO', 'avro-confluent.url' = 'URL'".to_owned()),
        ("Basic bWU6c2U6Y3JldA==", format!("'avro-confluent.url' = '{with_user}'")),
        ("Basic bWU6c2U6Y3JldA==", "'avro-confluent.properties.basic.auth.user.info' = 'me:se:cret', 'avro-confluent.url' = 'URL'".to_owned()),
        ("Bearer t0ken", "'avro-confluent.bearer-auth.token' = 't0ken', 'avro-confluent.bearer-auth.credentials-source' = 'STATIC_TOKEN', 'avro-confluent.schema-registry.url' = 'URL'".to_owned()),
        ("Bearer t0ken", "'avro-confluent.properties' = 'bearer.auth.credentials.source:STATIC_TOKEN,bearer.auth.token:t0ken', 'avro-confluent.url' = 'URL'".to_owned()),
    ] {
        registry.protect(shown);
        read(&registry, &options).code(0).shows(&["2 rows"]);
    }
    registry.protect("Basic other");
    let ended = read(
        &registry,
        "'avro-confluent.basic-auth.user-info' = 'me:se:cret', 'avro-confluent.url' = 'URL'",
    );
    ended.code(4).says(&[
        "schema 1",
        registry.url(),
        "HTTP 401",
        "Unauthorized",
        "partition 0 offset 0",
        "basic-auth.user-info",
    ]);
    assert!(!ended.stderr.contains("cret"), "{}", ended.stderr);
    let ended = read(&registry, &format!("'avro-confluent.url' = '{with_user}'"));
    ended.code(4);
    assert!(!ended.stderr.contains("cret"), "{}", ended.stderr);
}

#[test]
fn what_goes_wrong_is_named() {
    let registry = Registry::start();
    registry.register("s", SCHEMA);
    registry.register_kind("s", "syntax = \"proto3\";", "PROTOBUF");
    registry.register("s", "{\"type\":\"record\"}");
    let url = "'avro-confluent.url' = 'URL'";
    // The second record's schema is not there; the first is read.
    read_ids(&registry, url, &[1, 77]).code(1).says(&[
        "schema 77",
        registry.url(),
        "HTTP 404",
        "Schema not found",
        "topic 'avro",
        "partition 0 offset 1",
    ]);
    read_ids(&registry, url, &[2]).code(1).says(&["schema 2 is of type PROTOBUF", "offset 0"]);
    read_ids(&registry, url, &[3]).code(1).says(&[
        "offset 0",
        "a named type without 'name'",
        "id 3",
    ]);
    (0..4).for_each(|_| registry.fail_next(500, "oops"));
    read(&registry, url).code(4).says(&["schema 1", "HTTP 500", registry.url()]);
    registry.fail_next(200, "no json");
    read(&registry, url).code(4).says(&["no JSON"]);
    read(&registry, "'avro-confluent.url' = 'http://127.0.0.1:1'").code(4).says(&[
        "schema 1",
        "http://127.0.0.1:1",
        "cannot be reached",
        "partition 0 offset 0",
    ]);
    // Of several URLs one is enough.
    read(&registry, "'avro-confluent.url' = 'http://127.0.0.1:1, URL'").code(0).shows(&["2 rows"]);
    registry.be_silent();
    let slow =
        "'avro-confluent.url' = 'URL', 'avro-confluent.properties.http.read.timeout.ms' = '300'";
    read(&registry, slow).code(4).says(&["schema 1", registry.url(), "timeout"]);
}

#[test]
fn a_registry_that_comes_back_is_asked_again() {
    let registry = Registry::start();
    registry.register("s", SCHEMA);
    registry.fail_next(503, "");
    registry.fail_next(429, "later");
    let cluster = Cluster::embedded();
    let topic = cluster.topic("avro", 1);
    cluster.produce(&topic, &[record(1, 7)]);
    let options = format!("'avro-confluent.url' = '{}'", registry.url());
    let out = cluster.topic("out", 1);
    let sink = format!(
        "CREATE TABLE o (a INT) WITH ('connector' = 'kafka', 'topic' = '{out}', 'properties.bootstrap.servers' = '{}', \
         'format' = 'json');\n",
        cluster.bootstrap()
    );
    let sql = table("t", &cluster, &topic, "a INT", &options)
        + &sink
        + "INSERT INTO o SELECT * FROM t;\n";
    Program::script(&Cluster::unique("registry"), &sql).run().code(0);
    assert_eq!(cluster.values(&out), [r#"{"a":7}"#]);
}

#[test]
fn schemas_may_refer_to_others() {
    let registry = Registry::start();
    registry.register(
        "inner",
        r#"{"type":"record","name":"n.inner","fields":[{"name":"x","type":"int"}]}"#,
    );
    registry.register_referring(
        "middle",
        r#"{"type":"record","name":"n.middle","fields":[{"name":"i","type":"n.inner"}]}"#,
        &[("inner", 1)],
    );
    let outer = r#"{"type":"record","name":"w","fields":[{"name":"m","type":"n.middle"},{"name":"a","type":"int"}]}"#;
    let id = registry.register_referring("outer", outer, &[("middle", 1), ("inner", 1)]);
    let cluster = Cluster::embedded();
    let topic = cluster.topic("avro", 1);
    let mut bytes = vec![0];
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes.extend_from_slice(&[8, 6]);
    cluster.produce(&topic, &[Rec::value(bytes)]);
    let options = format!("'avro-confluent.url' = '{}'", registry.url());
    let columns = "a INT, m ROW<i ROW<x INT>>";
    let sql = table("t", &cluster, &topic, columns, &options) + "SELECT a, m.i.x FROM t;\n";
    Program::script(&Cluster::unique("registry"), &sql)
        .run()
        .code(0)
        .shows(&["|           3 |           4 |"]);
}

#[test]
fn writing_without_registering_needs_the_schema() {
    let registry = Registry::start();
    let cluster = Cluster::embedded();
    let topic = cluster.topic("avro", 1);
    let options = format!(
        "'avro-confluent.url' = '{}', 'avro-confluent.auto.register.schemas' = 'false'",
        registry.url()
    );
    let sql = "SET 'restart-strategy.type' = 'none';\n".to_owned()
        + &table("t", &cluster, &topic, "a INT NOT NULL", &options)
        + "INSERT INTO t VALUES (1);\n";
    let subject = format!("{topic}-value");
    let run = || Program::script(&Cluster::unique("registry"), &sql).run();
    run().code(4).says(&["HTTP 404", &subject, registry.url()]);
    assert!(registry.schemas(&subject).is_empty());
    let derived = r#"{"type":"record","name":"record","namespace":"org.apache.flink.avro.generated","fields":[{"name":"a","type":"int"}]}"#;
    let id = registry.register(&subject, derived);
    run().code(0);
    assert_eq!(cluster.read(&topic)[0].value, record(id, 1).value);
}

#[test]
fn options_are_checked_before_anything_starts() {
    let registry = Registry::start();
    for (options, says) in [
        ("'avro-confluent.url' = 'ftp://h'", "is no URL of the form http://HOST:PORT"),
        ("'avro-confluent.url' = ' , '", "it is empty"),
        (
            "'avro-confluent.url' = 'URL', 'avro-confluent.schema' = '{'",
            "it is no Avro schema: the schema is no JSON",
        ),
        (
            "'avro-confluent.url' = 'URL', 'avro-confluent.schema' = '\"int\"'",
            "it is no Avro schema of a record",
        ),
        (
            "'avro-confluent.url' = 'URL', 'avro-confluent.schema' = '{\"type\":\"record\",\"name\":\"r\",\"fields\":[]}'",
            "has 0 fields, the table 1",
        ),
        (
            "'avro-confluent.url' = 'URL', 'avro-confluent.basic-auth.credentials-source' = 'USER_INFO'",
            "basic-auth.user-info",
        ),
        ("'avro-confluent.url' = 'URL', 'avro-confluent.properties' = 'x'", "expected 'key:value'"),
        (
            "'avro-confluent.url' = 'URL', 'avro-confluent.properties.http.read.timeout.ms' = 'x'",
            "expected a number of milliseconds",
        ),
    ] {
        read(&registry, options).code(3).says(&[says]);
    }
    let strange = "'avro-confluent.url' = 'URL', 'avro-confluent.properties.strange' = '1'";
    let strange = read(&registry, strange);
    strange.code(3).says(&["'avro-confluent.properties.strange'", "hint: Supported properties: "]);
    assert!(registry.requests().is_empty());
}
