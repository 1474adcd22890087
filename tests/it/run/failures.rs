//! Records that fail while the job goes on: `error-handling.mode`.

use super::script::{ALL, JSON, kafka, print};
use crate::support::{Cluster, Ended, Program, Rec, Registry};
use brooklet_devbroker::Config;

/// A log of its own, and the option of the source that names it.
fn log(cluster: &Cluster, topic: &str) -> String {
    kafka("failed", "`value` BYTES", topic, cluster, "'format' = 'raw'")
}

const LOG: &str = "'error-handling.mode' = 'log', 'error-handling.log.target' = 'failed'";

const EXACT: &str =
    "'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'failures'";

fn run(name: &str, sql: &str) -> Ended {
    Program::script(name, sql).run()
}

/// The text of a header that brooklet has added.
fn header(record: &Rec, name: &str) -> String {
    let name = format!("__brooklet.errors.{name}");
    let found = record.headers.iter().find(|(key, _)| *key == name);
    let value = found.and_then(|(_, value)| value.clone()).unwrap_or_default();
    String::from_utf8(value).unwrap()
}

fn each_kind_is_logged(cluster: &Cluster) {
    let (source, sink, failed) =
        (cluster.topic("in", 2), cluster.topic("out", 1), cluster.topic("failed", 1));
    let headers = vec![
        ("trace".to_owned(), Some(b"\xff\x00".to_vec())),
        ("trace".to_owned(), None),
        (String::new(), Some(Vec::new())),
    ];
    let record = |value: &str| Rec { timestamp: Some(77), ..Rec::value(value) };
    let records = [
        record(r#"{"v":"1"}"#),
        Rec { key: Some(b"k\xfe".to_vec()), headers: headers.clone(), ..record("{\"v\":") },
        record(r#"{"v":"x"}"#),
        Rec { partition: 1, key: Some(Vec::new()), ..record(r#"{"v":null}"#) },
        record(r#"{"v":{"a":1}}"#),
        record(r#"{"v":"2"}"#),
    ];
    cluster.produce(&source, &records);
    let sql = log(cluster, &failed)
        + &kafka("src", "v STRING", &source, cluster, &format!("{ALL}, {JSON}, {LOG}"))
        + &kafka("sink", "n INT NOT NULL", &sink, cluster, JSON)
        + "INSERT INTO sink SELECT CAST(v AS INT) FROM src;\n";
    run("each", &sql).code(0).says(&[", 4 rejected by error-handling.mode"]);
    assert_eq!(cluster.values(&sink), [r#"{"n":1}"#, r#"{"n":2}"#]);
    let mut logged = cluster.read(&failed);
    logged.sort_by_key(|record| (header(record, "partition"), header(record, "offset")));
    let of = |at: usize| {
        let names =
            ["topic", "partition", "offset", "timestamp", "timestamp.type", "stage", "sink"];
        names.map(|name| header(&logged[at], name))
    };
    assert_eq!(logged.len(), 4, "{logged:?}");
    let expected = |partition: &str, offset: &str, stage: &str, table: &str| {
        [&source, partition, offset, "77", "CreateTime", stage, table].map(str::to_owned)
    };
    assert_eq!(of(0), expected("0", "1", "read", ""));
    assert_eq!(of(1), expected("0", "2", "compute", "sink"));
    assert_eq!(of(2), expected("0", "3", "compute", "sink"));
    assert_eq!(of(3), expected("1", "0", "compute", "sink"));
    let originals = [&records[1], &records[2], &records[4], &records[3]];
    for (logged, original) in logged.iter().zip(originals) {
        assert_eq!((&logged.key, &logged.value), (&original.key, &original.value));
        assert_eq!(logged.headers[..original.headers.len()], original.headers);
        assert_eq!(header(logged, "job"), "each.sink");
    }
    assert!(header(&logged[0], "message").contains("at topic"), "{:?}", logged[0]);
    assert!(header(&logged[1], "message").contains("'x'"), "{:?}", logged[1]);
    assert!(header(&logged[3], "message").contains("NOT NULL"), "{:?}", logged[3]);
}

#[test]
fn records_are_logged_as_they_came() {
    each_kind_is_logged(&Cluster::embedded());
}

#[test]
fn records_are_logged_as_they_came_on_apache_kafka() {
    if let Some(cluster) = Cluster::apache() {
        each_kind_is_logged(&cluster);
        a_record_too_large_is_logged_alone(&cluster, EXACT);
    }
}

/// A record that the brokers refuse ends its epoch; the next attempt logs it and nothing else.
fn a_record_too_large_is_logged_alone(cluster: &Cluster, guarantee: &str) {
    let (source, sink, failed) =
        (cluster.topic("in", 1), Cluster::unique("small"), cluster.topic("failed", 1));
    cluster.create(&sink, 1, &[("max.message.bytes", "400")]);
    let long = |letter: &str| letter.repeat(1000);
    let values = ["a", &long("x"), "b", &long("y"), "c"];
    cluster.produce_lines(&source, &values);
    let sql = log(cluster, &failed)
        + &kafka("src", "v STRING", &source, cluster, &format!("{ALL}, 'format' = 'raw', {LOG}"))
        + &kafka("sink", "v STRING", &sink, cluster, &format!("'format' = 'raw', {guarantee}"))
        + "INSERT INTO sink SELECT v FROM src;\n";
    let ended = run("large", &sql);
    ended.code(0).says(&["restarting from the last epoch in 0 ms", "MESSAGE_TOO_LARGE"]);
    cluster.settle(&sink);
    cluster.settle(&failed);
    let texts = |records: &[Rec]| records.iter().map(Rec::text).collect::<Vec<_>>();
    let (written, logged) = (cluster.read_committed(&sink), cluster.read_committed(&failed));
    match guarantee == EXACT {
        true => {
            assert_eq!(texts(&written), ["a", "b", "c"]);
            assert_eq!(texts(&logged), [long("x"), long("y")]);
        }
        // What was written before the refusal is written again.
        false => {
            for value in ["a", "b", "c"] {
                assert!(texts(&written).contains(&value.to_owned()), "{written:?}");
            }
            let mut logged = texts(&logged);
            logged.dedup();
            assert_eq!(logged.last(), Some(&long("y")), "{logged:?}");
        }
    }
    assert_eq!(header(&logged[0], "stage"), "write");
    assert!(header(&logged[0], "message").contains("MESSAGE_TOO_LARGE"));
}

#[test]
fn a_refused_record_is_logged_at_least_once() {
    a_record_too_large_is_logged_alone(
        &Cluster::embedded(),
        "'sink.delivery-guarantee' = 'at-least-once'",
    );
}

#[test]
fn a_refused_record_is_logged_exactly_once() {
    a_record_too_large_is_logged_alone(&Cluster::embedded(), EXACT);
}

#[test]
fn what_is_too_large_for_a_request_needs_no_restart() {
    let cluster = Cluster::embedded();
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    cluster.produce_lines(&source, &["a", &"x".repeat(3000), "b"]);
    let sql = kafka(
        "src",
        "v STRING",
        &source,
        &cluster,
        &format!("{ALL}, 'format' = 'raw', 'error-handling.mode' = 'ignore'"),
    ) + &kafka(
        "sink",
        "v STRING",
        &sink,
        &cluster,
        "'format' = 'raw', 'properties.max.request.size' = '1000'",
    ) + "INSERT INTO sink SELECT v FROM src;\n";
    let ended = run("request", &sql);
    ended.code(0).says(&["3 records in", "2 records out (2 B), 1 rejected by error-handling.mode"]);
    assert!(!ended.stderr.contains("restarting"), "{}", ended.stderr);
    assert_eq!(cluster.values(&sink), ["a", "b"]);
}

#[test]
fn a_row_that_fails_in_one_sink_reaches_the_others() {
    let cluster = Cluster::embedded();
    let (source, failed) = (cluster.topic("in", 1), cluster.topic("failed", 1));
    let (numbers, texts) = (cluster.topic("numbers", 1), cluster.topic("texts", 1));
    cluster.produce_lines(&source, &["1", "x", "2"]);
    let sql = log(&cluster, &failed)
        + &kafka("src", "v STRING", &source, &cluster, &format!("{ALL}, 'format' = 'raw', {LOG}"))
        + &kafka("numbers", "v INT", &numbers, &cluster, JSON)
        + &kafka("texts", "v STRING", &texts, &cluster, "'format' = 'raw'")
        + "EXECUTE STATEMENT SET BEGIN\nINSERT INTO numbers SELECT CAST(v AS INT) FROM src;\n\
           INSERT INTO texts SELECT v FROM src;\nEND;\n";
    run("set", &sql).code(0);
    assert_eq!(cluster.values(&numbers), [r#"{"v":1}"#, r#"{"v":2}"#]);
    assert_eq!(cluster.values(&texts), ["1", "x", "2"]);
    let logged = cluster.read(&failed);
    assert_eq!(logged.len(), 1);
    assert_eq!((logged[0].text().as_str(), header(&logged[0], "sink").as_str()), ("x", "numbers"));
}

/// The rows of a UNION ALL are computed one branch after the other, of which several may fail for one record.
#[test]
fn a_record_that_fails_in_two_branches_is_logged_once_and_in_order() {
    let cluster = Cluster::embedded();
    let (source, sink, failed) =
        (cluster.topic("in", 1), cluster.topic("out", 1), cluster.topic("failed", 1));
    cluster.produce_lines(&source, &[r#"{"v":"x"}"#, r#"{"v":"1"}"#, r#"{"v":"#, r#"{"v":"y"}"#]);
    let sql = log(&cluster, &failed)
        + &kafka("src", "v STRING", &source, &cluster, &format!("{ALL}, {JSON}, {LOG}"))
        + &kafka("sink", "n INT", &sink, &cluster, JSON)
        + "INSERT INTO sink SELECT CAST(v AS INT) FROM src UNION ALL SELECT CAST(v AS INT) + 1 FROM src;\n";
    run("branches", &sql).code(0).says(&[", 3 rejected by error-handling.mode"]);
    assert_eq!(cluster.values(&sink), [r#"{"n":1}"#, r#"{"n":2}"#]);
    let logged = cluster.read(&failed);
    let offsets: Vec<String> = logged.iter().map(|record| header(record, "offset")).collect();
    assert_eq!(offsets, ["0", "2", "3"]);
}

#[test]
fn a_record_with_an_unknown_schema_is_logged() {
    let (cluster, registry) = (Cluster::embedded(), Registry::start());
    let id = registry
        .register("s", r#"{"type":"record","name":"r","fields":[{"name":"v","type":"string"}]}"#);
    let (source, sink, failed) =
        (cluster.topic("in", 1), cluster.topic("out", 1), cluster.topic("failed", 1));
    let record = |magic: u8, id: u32| [&[magic], &id.to_be_bytes()[..], b"\x02a"].concat();
    // Two with an unknown schema: both are in one record batch.
    let values = [record(0, id), record(0, 4711), record(9, id), record(0, 4711), record(0, id)];
    cluster.produce(&source, &values.iter().map(Rec::value).collect::<Vec<_>>());
    let avro = format!("'format' = 'avro-confluent', 'avro-confluent.url' = '{}'", registry.url());
    let sql = log(&cluster, &failed)
        + &kafka("src", "v STRING", &source, &cluster, &format!("{ALL}, {avro}, {LOG}"))
        + &kafka("sink", "v STRING", &sink, &cluster, "'format' = 'raw'")
        + "INSERT INTO sink SELECT v FROM src;\n";
    run("schema", &sql).code(0).says(&["3 rejected by error-handling.mode"]);
    assert_eq!(cluster.values(&sink), ["a", "a"]);
    let logged = cluster.read(&failed);
    let logged: Vec<_> = logged.iter().map(|record| record.value.clone().unwrap()).collect();
    assert_eq!(logged.len(), 3);
    assert!(logged.contains(&values[1]) && logged.contains(&values[2]));
}

#[test]
fn a_log_that_cannot_be_is_refused_before_anything_starts() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    let source = |options: &str| {
        kafka("src", "v STRING", &topic, &cluster, &format!("{ALL}, {JSON}, {options}"))
    };
    let insert = print("p", "v STRING") + "INSERT INTO p SELECT v FROM src;\n";
    let to = |target: &str| {
        format!("'error-handling.mode' = 'log', 'error-handling.log.target' = '{target}'")
    };
    for (sql, says) in [
        (source("'error-handling.mode' = 'log'"), "default_database.error_log does not exist"),
        (source(&to("p")), "table 'p' (connector 'print') is no topic"),
        (source(&to("src")), "the table itself reads topic"),
        (source("'error-handling.mode' = 'dead'"), "error-handling.mode"),
    ] {
        run("refused", &(sql + &insert)).code(3).says(&[says]);
    }
}

#[test]
fn a_table_with_a_mode_can_be_written_to() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("out", 1);
    for (mode, code) in [("ignore", 0), ("dead", 3)] {
        let options = format!("{JSON}, 'error-handling.mode' = '{mode}'");
        let sql =
            kafka("sink", "n INT", &topic, &cluster, &options) + "INSERT INTO sink VALUES (1);\n";
        run("written", &sql).code(code);
    }
    assert_eq!(cluster.values(&topic), [r#"{"n":1}"#]);
}

/// Records that name their topic; those of the topic that does not exist are at offsets 1 and 3, one that cannot exist
/// is at 2.
fn topics_of_rows(mode: &str) -> (Cluster, String, String, String) {
    let mut config = Config::default();
    config.auto_create_topics = false;
    let cluster = Cluster::embedded_with(config);
    let (source, failed) = (cluster.topic("in", 1), cluster.topic("failed", 1));
    let good = cluster.topic("routed", 1);
    let lines: Vec<String> =
        [good.as_str(), "routed-nowhere", "routed-a b", "routed-nowhere", &good]
            .iter()
            .map(|topic| format!(r#"{{"t":"{topic}"}}"#))
            .collect();
    cluster.produce_lines(&source, &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let sql = log(&cluster, &failed)
        + &kafka("src", "t STRING", &source, &cluster, &format!("{ALL}, {JSON}{mode}"))
        + &kafka("sink", "t STRING, topic STRING METADATA", "?", &cluster, JSON)
            .replace("'topic' = '?'", "'topic-pattern' = 'routed-.*'")
        + "INSERT INTO sink SELECT t, t FROM src;\n";
    (cluster, sql, good, failed)
}

#[test]
fn rows_that_name_a_topic_that_is_not_there_are_logged() {
    let (cluster, sql, good, failed) = topics_of_rows(&format!(", {LOG}"));
    let ended = run("routed", &sql);
    ended.code(0).says(&[", 3 rejected by error-handling.mode"]);
    assert_eq!(ended.stderr.matches("restarting from").count(), 1, "{}", ended.stderr);
    assert!(cluster.values(&good).len() >= 2);
    let logged = cluster.read(&failed);
    let mut said: Vec<(String, String)> =
        logged.iter().map(|record| (header(record, "offset"), header(record, "message"))).collect();
    said.sort();
    said.dedup_by_key(|(offset, _)| offset.clone());
    let offsets: Vec<&str> = said.iter().map(|(offset, _)| offset.as_str()).collect();
    assert_eq!(offsets, ["1", "2", "3"]);
    assert!(said[0].1.contains("topic 'routed-nowhere' does not exist"), "{said:?}");
    assert!(said[1].1.contains("'routed-a b' is no name of a topic"), "{said:?}");
    assert_eq!(header(&logged[0], "stage"), "write");
}

#[test]
fn all_rows_of_a_record_are_left_out_with_the_one_that_cannot_be_written() {
    let cluster = Cluster::embedded();
    let (source, sink, failed) =
        (cluster.topic("in", 1), cluster.topic("out", 1), cluster.topic("failed", 1));
    let long = "x".repeat(3000);
    let torn = format!(r#"{{"arr":["b","{long}","c"]}}"#);
    let lines = [r#"{"arr":["a"]}"#, &torn, r#"{"arr":["d","e"]}"#];
    cluster.produce_lines(&source, &lines);
    let small = "'format' = 'raw', 'properties.max.request.size' = '2000'";
    let sql = log(&cluster, &failed)
        + &kafka("src", "arr ARRAY<STRING>", &source, &cluster, &format!("{ALL}, {JSON}, {LOG}"))
        + &kafka("sink", "x STRING", &sink, &cluster, small)
        + "INSERT INTO sink SELECT x FROM src CROSS JOIN UNNEST(arr) AS t(x);\n";
    run("torn", &sql).code(0).says(&[", 1 rejected by error-handling.mode", ", 3 records out"]);
    assert_eq!(cluster.values(&sink), ["a", "d", "e"]);
    let logged = cluster.read(&failed);
    assert_eq!(logged.iter().map(Rec::text).collect::<Vec<_>>(), [torn.as_str()]);
    assert_eq!(header(&logged[0], "stage"), "write");
    assert!(header(&logged[0], "message").contains("max.request.size"), "{:?}", logged[0]);
}

/// The elements of one of them are within what UNNEST copies for a batch, those of both are not.
#[test]
fn a_record_does_not_fail_of_those_that_are_read_with_it() {
    let cluster = Cluster::embedded();
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    let half = |letter: &str| format!(r#"{{"m":{{"x":600000,"{letter}":1}}}}"#);
    let (first, second, third) = (half("a"), half("b"), r#"{"m":{"x":2000000}}"#);
    cluster.produce_lines(&source, &[&first, &second, third, r#"{"m":{"c":1}}"#]);
    let mode = format!("{ALL}, {JSON}, 'error-handling.mode' = 'ignore'");
    let sql = kafka("src", "m MULTISET<STRING>", &source, &cluster, &mode)
        + &kafka("sink", "x STRING", &sink, &cluster, "'format' = 'raw'")
        + "INSERT INTO sink SELECT x FROM src CROSS JOIN UNNEST(m) AS t(x) WHERE x <> 'x';\n";
    run("neighbours", &sql).code(0).says(&[", 1 rejected by error-handling.mode"]);
    assert_eq!(cluster.values(&sink), ["a", "b", "c"]);
}

#[test]
fn a_row_that_names_a_topic_that_is_not_there_is_named() {
    let (_cluster, sql, ..) = topics_of_rows("");
    let sql = sql.replace("FROM src;", "FROM src WHERE t <> 'routed-a b';");
    let ended = run("routed", &sql);
    ended.code(4).says(&[
        "writing the record at topic",
        "offset 1",
        "'routed-nowhere' does not exist",
    ]);
}

#[test]
fn what_is_too_large_is_learned_from_the_first_refusal() {
    let cluster = Cluster::embedded();
    let source = cluster.topic("in", 1);
    let sink = Cluster::unique("small");
    cluster.create(&sink, 1, &[("max.message.bytes", "400")]);
    let large: Vec<String> =
        (0..6).map(|n| format!(r#"{{"v":"{}"}}"#, "x".repeat(1000 + 100 * n))).collect();
    for large in &large {
        cluster.produce_lines(&source, &[r#"{"v":"a"}"#, large]);
    }
    // Every batch holds one record, and each is answered before the next one is sent.
    let options = format!(
        "{JSON}, 'properties.batch.size' = '1', 'properties.max.in.flight.requests.per.connection' = '1'"
    );
    let from = format!("{ALL}, {JSON}, 'error-handling.mode' = 'ignore'");
    let sql = kafka("src", "v STRING", &source, &cluster, &from)
        + &kafka("sink", "v STRING", &sink, &cluster, &options)
        + "INSERT INTO sink SELECT v FROM src;\n";
    let ended = run("learned", &sql);
    ended.code(0).says(&[", 6 rejected by error-handling.mode"]);
    assert_eq!(ended.stderr.matches("restarting from").count(), 1, "{}", ended.stderr);
}

#[test]
fn what_is_too_large_is_learned_where_it_is_compressed() {
    const LARGE: usize = 60;
    let cluster = Cluster::embedded();
    let (source, sink) = (cluster.topic("in", 1), Cluster::unique("small"));
    cluster.create(&sink, 1, &[("max.message.bytes", "400")]);
    // Text of one length that compresses differently, and text that compresses well.
    let mut seed = 7_u64;
    let mut noise = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{:016x}", seed ^ (seed >> 29))
    };
    let flat = "x".repeat(3000);
    let mut values = Vec::new();
    for _ in 0..LARGE {
        values.push((0..180).map(|_| noise()).collect::<String>());
        values.push(flat.clone());
    }
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    cluster.produce_lines(&source, &values);
    let from = format!("{ALL}, 'format' = 'raw', 'error-handling.mode' = 'ignore'");
    let to = format!("'format' = 'raw', 'properties.compression.type' = 'gzip', {EXACT}");
    let sql = kafka("src", "v STRING", &source, &cluster, &from)
        + &kafka("sink", "v STRING", &sink, &cluster, &to)
        + "INSERT INTO sink SELECT v FROM src;\n";
    let ended = run("compressed", &sql);
    ended.code(0).says(&[", 60 rejected by error-handling.mode"]);
    let written = cluster.read_committed(&sink);
    assert_eq!(written.iter().map(Rec::text).collect::<Vec<_>>(), vec![flat; LARGE]);
    // Only a record that is less than all before it costs another attempt.
    let restarts = ended.stderr.matches("restarting from").count();
    assert!(restarts <= LARGE / 4, "{restarts} restarts");
}
