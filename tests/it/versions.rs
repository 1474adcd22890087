//! Jobs and tools on every broker version. Takes minutes: runs with `BROOKLET_TEST_ALL` only.

use crate::kill::{Mode, Test};
use crate::run::{ALL, JSON, kafka as table};
use crate::support::{Cluster, Program, Rec};
use brooklet::connectors::kafka::transaction::record::topic_of;
use brooklet_protocol_tests::services::{self, Kafka, Version};

fn broker(version: Version) -> Option<&'static Kafka> {
    if services::all(&format!("jobs on {version}")) { services::kafka(version) } else { None }
}

/// A filter from topic to topic, to its end.
fn filter(cluster: &Cluster, version: Version) {
    let (source, sink) = (cluster.topic("in", 2), cluster.topic("out", 1));
    let records: Vec<Rec> = (0..200)
        .map(|n| Rec { partition: n % 2, ..Rec::value(format!(r#"{{"n":{n},"v":"text {n}"}}"#)) })
        .collect();
    cluster.produce(&source, &records);
    let sql = table("src", "n INT, v STRING", &source, cluster, &format!("{ALL}, {JSON}"))
        + &table("dst", "n INT, v STRING", &sink, cluster, JSON)
        + "INSERT INTO dst SELECT n, UPPER(v) FROM src WHERE n % 10 = 0;\n";
    let ended = Program::script(&Cluster::unique("filter"), &sql).run();
    ended.code(0);
    let notice = ended.stderr.matches("without idempotence").count();
    assert_eq!(notice, usize::from(version == Version::V0_10), "said once: {}", ended.stderr);
    let mut values = cluster.values(&sink);
    values.sort();
    let mut expected: Vec<String> =
        (0..20).map(|n| format!(r#"{{"n":{},"v":"TEXT {}"}}"#, n * 10, n * 10)).collect();
    expected.sort();
    assert_eq!(values, expected, "{version}");
}

/// The tools that work on topics.
fn tools(cluster: &Cluster, version: Version) {
    let bootstrap = cluster.bootstrap();
    let topic = Cluster::unique("tools");
    let brooklet = |args: &[&str], input: &str| {
        let (command, rest) = args.split_first().unwrap();
        let all = [&["topic", command, "-b", bootstrap], rest].concat();
        let ended = Program::new(&all).stdin(input).run();
        ended.code(0);
        ended.stdout.clone()
    };
    brooklet(&["create", &topic, "--partitions", "2", "--replication-factor", "1"], "");
    let list = brooklet(&["list"], "");
    assert!(list.contains(&topic), "{version}: {list}");
    let described = brooklet(&["describe", &topic], "");
    assert!(described.contains(&topic), "{version}: {described}");
    let has_id = described.lines().any(|line| line.starts_with("id: "));
    let old = [Version::V0_10, Version::V0_11].contains(&version);
    assert_eq!(has_id, !old, "{version}: {described}");
    brooklet(&["produce", &topic], "one\ntwo\nthree\n");
    let mut lines: Vec<String> = brooklet(&["consume", &topic, "-o", "beginning", "-e"], "")
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    assert_eq!(lines, ["one", "three", "two"], "{version}");
    brooklet(&["delete", &topic], "");
    looking_creates_nothing(cluster, version);
}

/// Brokers before 0.11 create the topics that are named to them.
fn looking_creates_nothing(cluster: &Cluster, version: Version) {
    let missing = Cluster::unique("missing");
    let topic = |args: &[&str]| {
        Program::new(&[&["topic", args[0], "-b", cluster.bootstrap()], &args[1..]].concat()).run()
    };
    topic(&["describe", &missing]).code(4).says(&[&missing, "does not exist"]);
    topic(&["consume", &missing, "-e"]).code(4).says(&[&missing]);
    let source = table("src", "n INT, v STRING", &missing, cluster, &format!("{ALL}, {JSON}"));
    let sql = format!("{source}SELECT * FROM src;\n");
    Program::script(&missing, &sql).run().code(4).says(&[&missing]);
    let list = topic(&["list"]);
    assert!(!list.stdout.contains(&missing), "{version}: {}", list.stdout);
}

/// A protocol of groups that the brokers lack is refused with the property that asked for it.
fn consumer_protocol(cluster: &Cluster, version: Version) {
    if version == Version::Newest {
        return;
    }
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    let shared = format!(
        "{JSON}, 'scan.startup.mode' = 'earliest-offset', 'properties.group.protocol' = 'consumer'"
    );
    let sql = "SET 'job.shared' = 'true';\n".to_owned()
        + &table("src", "n INT, v STRING", &source, cluster, &shared)
        + &table("dst", "n INT, v STRING", &sink, cluster, JSON)
        + "INSERT INTO dst SELECT n, v FROM src;\n";
    let ended = Program::script(&Cluster::unique("shared"), &sql).run();
    ended.code(3).says(&["property 'group.protocol' = 'consumer' needs"]);
}

/// Brokers before 2.4 have no default for the number of replicas of the progress topic.
fn exactly_once(cluster: &Cluster, version: Version) {
    if version == Version::V0_10 {
        return;
    }
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    cluster.produce(&source, &[Rec::value(r#"{"n":1,"v":"text"}"#)]);
    let exact = format!(
        "{JSON}, 'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'x'"
    );
    let job = Cluster::unique("exact");
    let sql = format!("SET 'pipeline.name' = '{job}';\n")
        + &table("src", "n INT, v STRING", &source, cluster, &format!("{ALL}, {JSON}"))
        + &table("dst", "n INT, v STRING", &sink, cluster, &exact)
        + "INSERT INTO dst SELECT n, v FROM src;\n";
    Program::script("job", &sql).run().code(0);
    assert_eq!(cluster.read_committed(&sink).len(), 1);
    assert!(!cluster.read_committed(&topic_of(&job)).is_empty());
}

/// Offsets of a group's member in a transaction came with Kafka 2.5 (KIP-447).
fn shared_exactly_once(cluster: &Cluster, version: Version) {
    if version != Version::V0_11 {
        return;
    }
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    cluster.produce(&source, &[Rec::value(r#"{"n":1,"v":"text"}"#)]);
    let exact = format!(
        "{JSON}, 'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'x'"
    );
    let from = format!("{JSON}, 'scan.startup.mode' = 'earliest-offset'");
    let job = Cluster::unique("shared");
    let sql = format!("SET 'job.shared' = 'true';\nSET 'pipeline.name' = '{job}';\n")
        + &table("src", "n INT, v STRING", &source, cluster, &from)
        + &table("dst", "n INT, v STRING", &sink, cluster, &exact)
        + "INSERT INTO dst SELECT n, v FROM src;\n";
    let ended = Program::script("job", &sql).run();
    ended.code(3).says(&["before Kafka 2.5", "'at-least-once'"]);
    assert!(cluster.read_committed(&sink).is_empty());
}

fn jobs(version: Version) {
    let Some(broker) = broker(version) else { return };
    let cluster = Cluster::of_kafka(broker);
    filter(&cluster, version);
    tools(&cluster, version);
    consumer_protocol(&cluster, version);
    exactly_once(&cluster, version);
    shared_exactly_once(&cluster, version);
    for mode in [Mode::Earliest, Mode::Latest, Mode::Timestamp, Mode::Group, Mode::Specific] {
        // Every start resumes from what the broker keeps for the job's group.
        Test::new(Cluster::of_kafka(broker), mode).run(2, false);
    }
}

#[test]
fn kafka_newest() {
    jobs(Version::Newest);
}

#[test]
fn kafka_3_9() {
    jobs(Version::V3_9);
}

#[test]
fn kafka_2_8() {
    jobs(Version::V2_8);
}

#[test]
fn kafka_0_11() {
    jobs(Version::V0_11);
}

#[test]
fn kafka_0_10() {
    jobs(Version::V0_10);
}
