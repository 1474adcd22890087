//! Tables of the kafka connector: old ways to declare them, keys, and metadata columns beyond what Flink can do.

use super::script::{ALL, JSON, kafka};
use crate::support::{Cluster, Program, Rec};

/// The documents' scripts name brokers that exist nowhere: the embedded one stands for them.
fn documented(sql: &str, insert: &str) -> crate::support::Ended {
    Program::script("job", &format!("{sql};\n{insert};\n")).arg("--dev-broker").run()
}

#[test]
fn the_dli_sink_runs_as_printed() {
    let sink = "create table kafkaSink(
     car_id STRING,
     car_owner STRING,
     car_brand STRING,
     car_speed INT)
   with (
     'connector.type' = 'kafka',
     'connector.version' = '0.10',
     'connector.topic' = 'test-topic',
     'connector.properties.bootstrap.servers' = 'xx.xx.xx.xx:9092',
     'connector.sink-partitioner' = 'round-robin',
     'format.type' = 'csv'
   )";
    documented(sink, "INSERT INTO kafkaSink VALUES ('a', 'b', 'c', 1), ('d', 'e', 'f', 2)")
        .code(0)
        .says(&["2 records out"]);
}

#[test]
fn a_primary_key_of_an_old_table_is_a_hint() {
    let sink = "create table kafkaSource(attr_name STRING, n INT, PRIMARY KEY (attr_name) NOT ENFORCED) with (
     'connector.type' = 'kafka', 'connector.version' = '', 'connector.topic' = 't', 'update-mode' = 'upsert',
     'connector.properties.bootstrap.servers' = 'x:9092', 'format.type' = 'json')";
    documented(sink, "INSERT INTO kafkaSource VALUES ('a', 1)").code(0).says(&["1 records out"]);
}

#[test]
fn pyflink_tables_of_old_and_of_today_run_as_printed() {
    let cluster = Cluster::embedded();
    for (stem, source, sink) in [
        (
            "old",
            "'connector.type' = 'kafka',
          'connector.version' = 'universal',
          'connector.topic' = 'source_topic',
          'connector.properties.bootstrap.servers' = 'kafka:9092',
          'connector.properties.group.id' = 'test_3',
          'connector.startup-mode' = 'earliest-offset',
          'format.type' = 'json'",
            "'connector.type' = 'kafka',
          'connector.version' = 'universal',
          'connector.topic' = 'sink_topic',
          'connector.properties.bootstrap.servers' = 'kafka:9092',
          'format.type' = 'json'",
        ),
        (
            "new",
            "'connector' = 'kafka',
              'topic' = 'source_topic',
              'properties.bootstrap.servers' = 'kafka:9092',
              'properties.group.id' = 'test_3',
              'scan.startup.mode' = 'earliest-offset',
              'format' = 'json'",
            "'connector' = 'kafka-0.11',
              'topic' = 'sink_topic',
              'properties.bootstrap.servers' = 'kafka:9092',
              'format' = 'json'",
        ),
    ] {
        let (input, output) = (cluster.topic(stem, 1), cluster.topic(stem, 1));
        cluster.produce_lines(&input, &[r#"{"a":"x","b":1}"#, r#"{"a":"y","b":2}"#]);
        let sql = format!(
            "CREATE TABLE source_table(a VARCHAR, b INT) WITH ({source}, 'scan.bounded.mode' = 'latest-offset');\n\
             CREATE TABLE sink_table(a VARCHAR) WITH ({sink});\n\
             INSERT INTO sink_table SELECT a FROM source_table;\n"
        )
        .replace("kafka:9092", cluster.bootstrap())
        .replace("source_topic", &input)
        .replace("sink_topic", &output);
        Program::script("job", &sql).run().code(0);
        assert_eq!(cluster.values(&output), [r#"{"a":"x"}"#, r#"{"a":"y"}"#], "{stem}");
    }
}

#[test]
fn the_table_of_the_flink_1_11_document_runs() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("user_behavior", 1);
    cluster.produce_lines(
        &topic,
        &[
            "543462,1715,1464116,pv,2017-11-26 01:00:00",
            "662867,2244074,1575622,pv,2017-11-26 01:00:00",
        ],
    );
    let script = include_str!("../../../examples/user_behavior.sql");
    let table_end = script.find("CREATE TABLE purchases").unwrap();
    let query = "SELECT user_id, ts FROM kafkaTable LIMIT 2;\n";
    let sql = format!("{}{query}", &script[..table_end])
        .replace("user_behavior'", &format!("{topic}'"))
        .replace("localhost:9092", cluster.bootstrap());
    let ended = Program::script("job", &sql).run();
    ended.code(0);
    assert!(ended.stdout.contains("543462 | 2017-11-26 01:00:00.000"), "{}", ended.stdout);
}

/// The keys of Flink 1.10 that the documents' scripts do not show.
#[test]
fn all_other_old_options_are_taken() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    for stamp in [1_000, 2_000, 3_000] {
        let value = format!(r#"{{"n":{stamp}}}"#);
        cluster.produce(&topic, &[Rec { timestamp: Some(stamp), ..Rec::value(value) }]);
    }
    let run = |options: &str| {
        let sql = format!(
            "CREATE TABLE t (n INT) WITH ('connector.type' = 'kafka', 'connector.version' = 'universal',\n\
             'connector.property-version' = '1', 'connector.topic' = '{topic}', 'update-mode' = 'append',\n\
             'connector.properties.bootstrap.servers' = '{}', 'connector.properties.zookeeper.connect' = 'z:2181',\n\
             'format.type' = 'json', 'format.property-version' = '1', 'format.derive-schema' = 'true',\n\
             'scan.bounded.mode' = 'latest-offset', {options});\nSELECT n FROM t;\n",
            cluster.bootstrap()
        );
        Program::script("job", &sql).run()
    };
    let at = "'connector.startup-mode' = 'specific-offsets'";
    let sink = "'connector.sink-partitioner' = 'custom'";
    for (options, rows) in [
        (format!("{at}, 'connector.specific-offsets' = 'partition:0,offset:2'"), "1 row"),
        (
            format!(
                "{at}, 'connector.specific-offsets.0.partition' = '0', 'connector.specific-offsets.0.offset' = '1'"
            ),
            "2 rows",
        ),
        (
            "'connector.startup-mode' = 'timestamp', 'connector.startup-timestamp-millis' = '1500'"
                .to_owned(),
            "2 rows",
        ),
        (
            "'connector.startup-mode' = 'group-offsets', 'connector.properties.0.key' = 'group.id', \
             'connector.properties.0.value' = 'g', 'connector.properties.auto.offset.reset' = 'earliest'"
                .to_owned(),
            "3 rows",
        ),
        (
            format!(
                "'connector.startup-mode' = 'earliest-offset', {sink}, \
                 'connector.sink-partitioner-class' = 'com.example.Some'"
            ),
            "3 rows",
        ),
    ] {
        run(&options).code(0).shows(&[rows]);
    }
    for key in ["format.schema", "format.json-schema", "format.avro-schema", "format.record-class"]
    {
        let options =
            format!("'connector.startup-mode' = 'earliest-offset', '{key}' = 'ROW<n INT>'");
        run(&options).code(0).shows(&["3 rows"]).says(&[&format!("'{key}' is not looked at")]);
    }
}

#[test]
fn an_unknown_old_option_is_refused_at_its_place() {
    let sql = "CREATE TABLE t (a INT) WITH ('connector.type' = 'kafka',\n'connector.topik' = 't', 'format.type' = 'json',\n\
               'connector.properties.bootstrap.servers' = 'x:1');\nINSERT INTO t VALUES (1);\n";
    let ended = Program::script("job", sql).run();
    ended.code(3).says(&["error: "]);
}

#[test]
fn a_prefix_keeps_key_and_value_apart() {
    let cluster = Cluster::embedded();
    let (input, output) = (cluster.topic("in", 1), cluster.topic("out", 1));
    cluster.produce(
        &input,
        &[Rec {
            key: Some(br#"{"id":1,"name":"key"}"#.to_vec()),
            ..Rec::value(r#"{"id":2,"name":"value"}"#)
        }],
    );
    let keys = "'key.format' = 'json', 'key.fields' = 'k_id;k_name', 'key.fields-prefix' = 'k_', \
                'value.format' = 'json', 'value.fields-include' = 'EXCEPT_KEY'";
    let columns = "k_id INT, k_name STRING, id INT, name STRING";
    let sql = kafka("a", columns, &input, &cluster, &format!("{ALL}, {keys}"))
        + &kafka("b", columns, &output, &cluster, keys)
        + "INSERT INTO b SELECT k_id + 10, k_name, id + 10, name FROM a;\n";
    Program::script("job", &sql).run().code(0);
    let records = cluster.read(&output);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].key.as_deref(), Some(&br#"{"id":11,"name":"key"}"#[..]));
    assert_eq!(records[0].text(), r#"{"id":12,"name":"value"}"#);
}

#[test]
fn a_row_may_name_its_partition() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("out", 3);
    let table = kafka("t", "v STRING, p INT METADATA FROM 'partition'", &topic, &cluster, JSON);
    let rows = "INSERT INTO t VALUES ('a', 2), ('b', 0), ('c', 2);\n";
    Program::script("job", &(table.clone() + rows)).run().code(0);
    let read: Vec<(i32, String)> =
        cluster.read(&topic).iter().map(|record| (record.partition, record.text())).collect();
    let wanted = [(0, r#"{"v":"b"}"#), (2, r#"{"v":"a"}"#), (2, r#"{"v":"c"}"#)];
    assert_eq!(read, wanted.map(|(partition, text)| (partition, text.to_owned())));
    Program::script("job", &(table + "INSERT INTO t VALUES ('d', 3);\n"))
        .run()
        .code(1)
        .says(&["has no partition 3"]);
}

#[test]
fn rows_go_to_many_topics() {
    let cluster = Cluster::embedded();
    let stem = Cluster::unique("many");
    let topics: Vec<String> = (0..5).map(|n| format!("{stem}-{n}")).collect();
    for topic in &topics {
        cluster.create(topic, 1, &[]);
    }
    let sql = format!(
        "CREATE TABLE g (n INT) WITH ('connector' = 'datagen', 'fields.n.kind' = 'sequence', 'fields.n.start' = '0',\n\
         'fields.n.end' = '999');\n\
         CREATE TABLE t (n INT, t STRING METADATA FROM 'topic') WITH ('connector' = 'kafka', 'topic-pattern' = '{stem}-.*',\n\
         'properties.bootstrap.servers' = '{}', 'format' = 'raw');\n\
         INSERT INTO t SELECT n, CONCAT('{stem}-', CAST(MOD(n, 5) AS STRING)) FROM g;\n",
        cluster.bootstrap()
    );
    Program::script("job", &sql).run().code(0);
    for (at, topic) in (0..).zip(&topics) {
        let mut numbers: Vec<u32> = cluster
            .read(topic)
            .iter()
            .map(|record| u32::from_be_bytes(record.value.as_deref().unwrap().try_into().unwrap()))
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (at..1000).step_by(5).collect::<Vec<u32>>(), "{topic}");
    }
}

/// Keys and values of two messages of one file, one by its name in Protobuf and one by its class.
#[test]
fn messages_of_protobuf_are_described_by_a_file() {
    let cluster = Cluster::embedded();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/slt/protobuf/types.proto");
    let both = format!(
        "{ALL}, 'key.format' = 'protobuf', 'key.fields' = 'x', 'value.format' = 'protobuf',
        'value.fields-include' = 'EXCEPT_KEY', 'key.protobuf.proto-file' = '{file}',
        'key.protobuf.message-class-name' = 'brooklet.types.Inner', 'value.protobuf.proto-file' = '{file}',
        'value.protobuf.message-class-name' = 'org.brooklet.types.Types'"
    );
    let sql = "SET 'table.dml-sync' = 'true';\n".to_owned()
        + &kafka("t", "x INT, s STRING, i64 BIGINT", "t", &cluster, &both)
        + "INSERT INTO t VALUES (1, 'a', 2), (3, 'b', 4);\nSELECT * FROM t WHERE s <> 'a';\n";
    let ended = Program::script("job", &sql).run();
    ended.code(0);
    assert!(
        ended.stdout.contains("|           3 |") && ended.stdout.contains(" b |"),
        "{}",
        ended.stdout
    );
    let imports = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/slt/protobuf");
    let (own, folder) = (
        "import \"types.proto\"; message M { brooklet.types.Inner i = 1; }",
        tempfile::tempdir().unwrap(),
    );
    let path = folder.path().join("own.proto");
    std::fs::write(&path, format!("syntax = \"proto3\"; {own}")).unwrap();
    let of_path = |folder: &str| {
        let options = format!(
            "{ALL}, 'format' = 'protobuf', 'protobuf.message-class-name' = 'M', 'protobuf.proto-file' = '{}', \
             'protobuf.proto-path' = '{folder}'",
            path.display()
        );
        let sql = kafka("m", "i ROW<x INT>", "m", &cluster, &options);
        Program::script(
            "job",
            &format!("SET 'table.dml-sync' = 'true';\n{sql}INSERT INTO m SELECT ROW(7);\nSELECT i.x FROM m;\n"),
        )
        .run()
    };
    of_path(imports).code(0).shows(&["| +I |           7 |"]);
    of_path("").code(3).says(&["types.proto"]);
    std::fs::write(&path, format!("edition = \"2023\"; {own}")).unwrap();
    of_path(imports).code(3).says(&["own.proto is of edition 2023", "not supported yet"]);
    let class = "'format' = 'protobuf', 'protobuf.message-class-name' = 'a.B'";
    let sql = kafka("t", "v STRING", "t", &cluster, class) + "INSERT INTO t VALUES ('a');\n";
    Program::script("job", &sql).run().code(3).says(&["protobuf.proto-file", "descriptor-file"]);
}

#[test]
fn headers_are_a_list() {
    let cluster = Cluster::embedded();
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    let header = |key: &str, value: Option<&str>| (key.to_owned(), value.map(Into::into));
    let headers = vec![header("a", Some("1")), header("b", None), header("a", Some("2"))];
    let record = Rec { headers: headers.clone(), ..Rec::value("x") };
    cluster.produce(&source, &[record, Rec::value("y")]);
    let columns = "v STRING, h ARRAY<ROW<k STRING, v BYTES>> METADATA FROM 'header-list'";
    let options = format!("{ALL}, 'format' = 'raw'");
    let sql = kafka("src", columns, &source, &cluster, &options)
        + &kafka("sink", columns, &sink, &cluster, &options)
        + "INSERT INTO sink SELECT v, h FROM src;\n";
    Program::script("job", &sql).run().code(0);
    let written = cluster.read(&sink);
    assert_eq!((&written[0].headers, written[1].headers.len()), (&headers, 0));
    let both = format!("{columns}, m MAP<STRING, BYTES> METADATA FROM 'headers'");
    let sql = kafka("t", &both, &sink, &cluster, &options) + "INSERT INTO t SELECT * FROM t;\n";
    Program::script("job", &sql).run().code(3).says(&["cannot both be written"]);
}

/// Options that change nothing that a test could see; wrong values of theirs are refused.
#[test]
fn options_without_visible_effect_are_known() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    cluster.produce(&topic, &[Rec { key: Some("1".into()), ..Rec::value(r#"{"k":1}"#) }]);
    let watermarks = "'scan.watermark.emit.strategy' = 'on-event', 'scan.watermark.idle-timeout' = '1 min', \
         'scan.watermark.alignment.group' = 'g', 'scan.watermark.alignment.max-drift' = '1 min', \
         'scan.watermark.alignment.update-interval' = '1 s', 'scan.parallelism' = '1', 'sink.parallelism' = '1', \
         'scan.topic-change.mode' = 'drop', 'error-handling.mode' = 'ignore', \
         'scan.topic-partition-discovery.interval' = '1 min'";
    let log = format!("{ALL}, {JSON}, 'json.decode.json-parser.enabled' = 'false', {watermarks}");
    let sql = kafka("t", "k INT", &topic, &cluster, &log) + "SELECT * FROM t;\n";
    Program::script("job", &sql).run().code(0).shows(&["1 row"]);
    let table = |options: &str| {
        format!(
            "CREATE TABLE u (k INT, PRIMARY KEY (k) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' = \
             '{topic}', 'properties.bootstrap.servers' = '{}', 'key.format' = 'json', 'value.format' = 'json', \
             {options});\nINSERT INTO u SELECT k FROM t;\n",
            cluster.bootstrap()
        )
    };
    let both =
        kafka("t", "k INT", &topic, &cluster, &format!("{ALL}, {JSON}")) + &table(watermarks);
    Program::script("job", &both).run().code(0);
    for (right, wrong) in [
        ("on-event", "sometimes"),
        ("'scan.watermark.idle-timeout' = '1 min'", "'scan.watermark.idle-timeout' = 'long'"),
        ("'scan.parallelism' = '1'", "'scan.parallelism' = '0'"),
        ("'drop'", "'keep'"),
    ] {
        let script = kafka("t", "k INT", &topic, &cluster, &log.replace(right, wrong))
            + "SELECT * FROM t;\n";
        Program::script("job", &script).run().code(3).says(&["invalid option"]);
    }
}

#[test]
fn offsets_of_several_topics_name_their_topics() {
    let cluster = Cluster::embedded();
    let (a, b) = (cluster.topic("a", 1), cluster.topic("b", 1));
    cluster.produce_lines(&a, &["a0", "a1", "a2"]);
    cluster.produce_lines(&b, &["b0", "b1", "b2"]);
    let read = |start: &str, end: &str| {
        let options = format!(
            "'format' = 'raw', 'scan.startup.mode' = 'specific-offsets', 'scan.startup.specific-offsets' = '{start}', \
             'scan.bounded.mode' = 'specific-offsets', 'scan.bounded.specific-offsets' = '{end}'"
        );
        let sql = kafka("t", "v STRING", &format!("{a};{b}"), &cluster, &options)
            + "SET 'execution.runtime-mode' = 'batch';\nSELECT v FROM t ORDER BY v;\n";
        Program::script(&Cluster::unique("offsets"), &sql).run()
    };
    let at = |first: i64, second: i64| {
        format!("topic:{a},partition:0,offset:{first};topic:{b},partition:0,offset:{second}")
    };
    let ended = read(&at(1, 2), &at(2, 3));
    ended.code(0).shows(&["a1", "b2", "2 rows"]);
    read(&at(1, 2), "partition:0,offset:2")
        .code(3)
        .says(&["only a single topic", "hint: name the topics"]);
    read("topic:other,partition:0,offset:2", &at(1, 2)).code(3).says(&["topic 'other' is not one"]);
}

/// Neither is an error, and nothing else tells a slip.
#[test]
fn what_is_not_there_to_read_is_said_once() {
    let cluster = Cluster::embedded();
    let (a, b) = (cluster.topic("a", 2), cluster.topic("b", 1));
    cluster.produce_lines(&a, &["a0", "a1"]);
    let start = "'format' = 'raw', 'scan.bounded.mode' = 'latest-offset', 'scan.startup.mode' = ";
    let offsets = format!(
        "{start} 'specific-offsets', 'scan.startup.specific-offsets' = \
         'topic:{a},partition:0,offset:1;topic:{a},partition:7,offset:3;topic:{b},partition:1,offset:0'"
    );
    let sql =
        kafka("t", "v STRING", &format!("{a};{b}"), &cluster, &offsets) + "SELECT v FROM t;\n";
    let ended = Program::script("job", &sql).run();
    ended.code(0).says(&[
        "[WARN] 'scan.startup.specific-offsets' has offsets of partitions that are not there, which are passed over:",
        &format!("topic '{a}' partition 7, topic '{b}' partition 1"),
        "1 records in",
    ]);
    let pattern = kafka("t", "v STRING", "?", &cluster, &format!("{start} 'earliest-offset'"))
        .replace("'topic' = '?'", "'topic-pattern' = 'no-such-.*'");
    let ended = Program::script("job", &(pattern + "SELECT v FROM t;\n")).run();
    let line =
        "[WARN] no topic matches 'topic-pattern' = 'no-such-.*': so there is nothing to read";
    ended.code(0).says(&[line, "0 records in"]);
    assert_eq!(ended.stderr.matches("no topic matches").count(), 1, "{}", ended.stderr);
}
