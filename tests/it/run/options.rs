//! Options and properties that no other test needs: each is taken, does what it says, or is refused.

use super::script::{ALL, JSON, kafka, produce};
use crate::support::{Cluster, Program};
use brooklet_kafka::config::{PROPERTIES as PROPERTIES_OF_JAVA, Property, Support};

/// Properties of the Java client with a value that Java takes, and one that it refuses.
const PROPERTIES: &[(&str, &str, Option<&str>)] = &[
    ("client.dns.lookup", "use_all_dns_ips", Some("some")),
    ("retry.backoff.ms", "50", Some("-1")),
    ("retry.backoff.max.ms", "500", Some("x")),
    ("reconnect.backoff.ms", "20", Some("-1")),
    ("reconnect.backoff.max.ms", "500", Some("x")),
    ("socket.connection.setup.timeout.ms", "5000", Some("x")),
    ("socket.connection.setup.timeout.max.ms", "9000", Some("x")),
    ("connections.max.idle.ms", "60000", Some("x")),
    ("metadata.max.idle.ms", "60000", Some("1")),
    ("metadata.recovery.strategy", "none", Some("some")),
    ("metadata.recovery.rebootstrap.trigger.ms", "1000", Some("x")),
    ("send.buffer.bytes", "-1", Some("-2")),
    ("receive.buffer.bytes", "65536", Some("-2")),
    ("enable.metrics.push", "false", Some("maybe")),
    ("security.providers", "a.B", None),
    ("sasl.login.refresh.min.period.seconds", "30", Some("901")),
    ("sasl.login.refresh.buffer.seconds", "30", Some("3601")),
    ("sasl.login.connect.timeout.ms", "1000", Some("x")),
    ("sasl.login.read.timeout.ms", "1000", Some("x")),
    ("sasl.login.retry.backoff.ms", "10", Some("-1")),
    ("sasl.login.retry.backoff.max.ms", "100", Some("-1")),
    ("max.in.flight.requests.per.connection", "3", Some("0")),
    ("group.instance.id", "one", None),
    ("session.timeout.ms", "10000", Some("x")),
    ("heartbeat.interval.ms", "1000", Some("x")),
    ("max.poll.interval.ms", "60000", Some("x")),
    ("enable.auto.commit", "false", Some("maybe")),
    ("auto.commit.interval.ms", "1000", Some("x")),
    ("fetch.max.wait.ms", "100", Some("x")),
    ("max.partition.fetch.bytes", "100000", Some("-1")),
    ("max.poll.records", "10", Some("0")),
    ("allow.auto.create.topics", "false", Some("maybe")),
    ("exclude.internal.topics", "true", Some("maybe")),
    ("metrics.num.samples", "3", Some("0")),
    ("metrics.sample.window.ms", "1000", Some("-1")),
    ("partition.discovery.interval.ms", "1000", Some("x")),
    ("register.consumer.metrics", "true", Some("maybe")),
    ("commit.offsets.on.checkpoint", "false", Some("maybe")),
];

#[test]
fn properties_of_java_are_taken_or_refused() {
    let cluster = Cluster::embedded();
    produce(&cluster, "t", &["one"]);
    let good: Vec<String> = PROPERTIES
        .iter()
        .map(|(key, value, _)| format!(", 'properties.{key}' = '{value}'"))
        .collect();
    let options = format!("{ALL}, {JSON}{}", good.concat());
    let sql = kafka("t", "v STRING", "t", &cluster, &options) + "SELECT v FROM t;\n";
    let ended = Program::script("job", &sql).run();
    ended.code(0);
    assert!(ended.stdout.contains("one"), "{}", ended.stdout);
    for (key, _, wrong) in PROPERTIES {
        let Some(wrong) = wrong else { continue };
        let options = format!("{ALL}, {JSON}, 'properties.{key}' = '{wrong}'");
        let sql = kafka("t", "v STRING", "t", &cluster, &options) + "SELECT v FROM t;\n";
        let program = Program::new(&["check", "--offline", "job.sql"]);
        std::fs::write(program.path("job.sql"), sql).unwrap();
        program.run().code(3).says_or_prints(key);
    }
}

/// The declaration's own value, or where there is none, one of its form.
fn sample(property: &Property) -> &'static str {
    match property.default {
        "" => "a.B",
        default => default,
    }
}

/// What the declarations call without effect, ignored or refused is just that, each of them.
#[test]
fn properties_do_no_more_than_declared() {
    let cluster = Cluster::embedded();
    produce(&cluster, "t", &["one"]);
    let table = |properties: &[&Property]| {
        let given = properties
            .iter()
            .map(|property| format!(", 'properties.{}' = '{}'", property.name, sample(property)));
        kafka(
            "t",
            "v STRING",
            "t",
            &cluster,
            &format!("{ALL}, {JSON}{}", given.collect::<String>()),
        ) + "SELECT v FROM t;\n"
    };
    let of = |wanted: fn(&Support) -> bool| -> Vec<&Property> {
        PROPERTIES_OF_JAVA.iter().filter(|property| wanted(&property.support)).collect()
    };

    let inert = of(|support| matches!(support, Support::Inert));
    let ended = Program::script("inert", &table(&inert)).run();
    ended.code(0).shows(&["one"]);
    assert!(!ended.stderr.contains("[WARN]"), "{}", ended.stderr);

    let ignored = of(|support| matches!(support, Support::Ignored(_)));
    let ended = Program::script("ignored", &table(&ignored)).run();
    ended.code(0).shows(&["one"]);
    for property in ignored {
        let Support::Ignored(why) = property.support else { continue };
        ended.says(&[property.name, why]);
    }

    for property in of(|support| matches!(support, Support::Refused(_))) {
        let Support::Refused(why) = property.support else { continue };
        let program = Program::new(&["check", "--offline", "job.sql"]);
        std::fs::write(program.path("job.sql"), table(&[property])).unwrap();
        program.run().code(3).says_or_prints(property.name).says_or_prints(why);
    }
}

#[test]
fn generated_values_follow_their_options() {
    for (kind, option, value, expected) in [
        (
            "TIMESTAMP(3)",
            "'fields.v.max-past' = '1 h'",
            "CASE WHEN v BETWEEN LOCALTIMESTAMP - INTERVAL '61' MINUTE AND LOCALTIMESTAMP THEN 1 END",
            "+I[1]",
        ),
        (
            "STRING",
            "'fields.v.length' = '9', 'fields.v.var-len' = 'true'",
            "CASE WHEN CHAR_LENGTH(v) BETWEEN 1 AND 9 THEN 1 END",
            "+I[1]",
        ),
        ("INT", "'fields.v.min' = '7', 'fields.v.max' = '7'", "v", "+I[7]"),
        ("STRING", "'fields.v.length' = '2'", "CHAR_LENGTH(v)", "+I[2]"),
        ("INT", "'fields.v.null-rate' = '1'", "v", "+I[null]"),
    ] {
        let sql = format!(
            "CREATE TABLE g (v {kind}) WITH ('connector' = 'datagen', 'number-of-rows' = '3', {option});
             CREATE TABLE p (v INT) WITH ('connector' = 'print');
             INSERT INTO p SELECT {value} FROM g;\n"
        );
        Program::script("job", &sql).run().code(0).prints(&format!("{expected}\n").repeat(3));
    }
}

#[test]
fn printed_rows_may_go_to_standard_error() {
    let sql = "CREATE TABLE p (v INT) WITH ('connector' = 'print', 'standard-error' = 'true');
        INSERT INTO p VALUES (42);\n";
    let ended = Program::script("job", sql).run();
    ended.code(0).says(&["+I[42]"]);
    assert!(!ended.stdout.contains("42"));
}

#[test]
fn keys_that_are_null_are_written_as_the_literal() {
    let cluster = Cluster::embedded();
    for format in ["canal-json", "maxwell-json", "ogg-json"] {
        let topic = format!("t-{format}");
        let options = format!(
            "'format' = '{format}', '{format}.map-null-key.mode' = 'LITERAL', '{format}.map-null-key.literal' = 'none'"
        );
        let sql = kafka("t", "m MAP<STRING, INT>", &topic, &cluster, &options)
            + "INSERT INTO t VALUES (MAP[CAST(NULL AS STRING), 1]);\n";
        let raw = kafka("r", "v STRING", &topic, &cluster, &format!("{ALL}, 'format' = 'raw'"));
        let sql = format!(
            "SET 'table.dml-sync' = 'true';\n{sql}{raw}SELECT v LIKE '%\"none\":1%' FROM r;\n"
        );
        let ended = Program::script("job", &sql).run();
        ended.code(0);
        assert!(ended.stdout.contains("TRUE"), "{}", ended.stdout);
    }
}

/// What readers see does not depend on the level.
#[test]
fn records_are_compressed_at_the_level_asked_for() {
    let cluster = Cluster::embedded();
    let rows: Vec<String> = (0..400).map(|n| format!("{n}-{}", n * n % 97)).collect();
    for (codec, property, levels) in [
        ("gzip", "compression.gzip.level", ["1", "9"]),
        ("zstd", "compression.zstd.level", ["1", "19"]),
    ] {
        for level in levels {
            let topic = cluster.topic("packed", 1);
            let options = format!(
                "{JSON}, 'properties.compression.type' = '{codec}', 'properties.{property}' = '{level}'"
            );
            let values: Vec<String> = rows.iter().map(|row| format!("('{row}')")).collect();
            let sql = kafka("t", "v STRING", &topic, &cluster, &options)
                + &format!("INSERT INTO t VALUES {};\n", values.join(", "));
            Program::script("job", &sql).run().code(0);
            let written: Vec<String> = rows.iter().map(|row| super::script::row(row)).collect();
            assert_eq!(cluster.values(&topic), written, "{codec} {level}");
        }
    }
}

/// By default a key says which partition; records without one, or whose key is ignored, fill a batch first.
#[test]
fn keys_may_be_ignored_by_the_partitioner() {
    let cluster = Cluster::embedded();
    let values: Vec<String> = (0..20).map(|n| format!("('k{n}')")).collect();
    for (ignored, spread) in [("false", true), ("true", false)] {
        let topic = cluster.topic("keyed", 4);
        let options = format!(
            "{JSON}, 'key.format' = 'raw', 'key.fields' = 'v', 'properties.partitioner.ignore.keys' = '{ignored}'"
        );
        let sql = kafka("t", "v STRING", &topic, &cluster, &options);
        let sql = format!("{sql}INSERT INTO t VALUES {};\n", values.join(", "));
        Program::script("job", &sql).run().code(0);
        let records = cluster.read(&topic);
        assert_eq!(records.len(), 20);
        let first = records[0].partition;
        assert_eq!(records.iter().any(|record| record.partition != first), spread, "{ignored}");
    }
}
