//! Kafka's console producer, console consumer and admin tools against the broker.

mod common;

use std::process::Command;

use brooklet_devbroker::DevBroker;
use brooklet_protocol_tests::services::{Version, kafka_jars};

use common::{CODECS, lines, run, skip, start};

const CONSOLE_PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";
const CONSOLE_CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const GROUPS: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const OFFSETS: &str = "org.apache.kafka.tools.GetOffsetShell";

/// A Java tool against a broker, or `None` when its jars cannot be had.
fn tool(broker: &DevBroker, class: &str) -> Option<Command> {
    let jars = match kafka_jars(Version::Newest) {
        Ok(jars) => jars,
        Err(reason) => {
            skip(&format!("no Kafka jars: {reason}"));
            return None;
        }
    };
    let mut command = Command::new("java");
    command
        .args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"])
        .arg(jars.join("*"))
        .arg(class)
        .args(["--bootstrap-server", &broker.bootstrap()]);
    Some(command)
}

fn produce(broker: &DevBroker, topic: &str, codec: &str, text: &str) -> Option<()> {
    let mut command = tool(broker, CONSOLE_PRODUCER)?;
    run(command.args(["--topic", topic, "--compression-codec", codec]), text);
    Some(())
}

fn consume(broker: &DevBroker, topic: &str, count: usize) -> String {
    let mut command = tool(broker, CONSOLE_CONSUMER).unwrap();
    command.args(["--topic", topic, "--partition", "0", "--offset", "earliest"]).args([
        "--max-messages",
        &count.to_string(),
        "--timeout-ms",
        "60000",
    ]);
    run(&mut command, "")
}

/// One run for all codecs: the consumer decompresses them from one partition.
#[test]
fn the_console_tools_speak_every_codec() {
    let broker = start();
    let mut sent = String::new();
    for codec in CODECS {
        let text = lines(codec);
        if produce(&broker, "console", codec, &text).is_none() {
            return;
        }
        sent.push_str(&text);
    }
    assert_eq!(consume(&broker, "console", sent.lines().count()), sent);
}

/// The console consumer is a member of a group unless it is told a partition.
#[test]
fn groups_of_the_console_consumer() {
    let broker = start();
    if produce(&broker, "grouped", "none", "a\nb\nc\n").is_none() {
        return;
    }
    let read = |count: &str| {
        let mut command = tool(&broker, CONSOLE_CONSUMER).unwrap();
        command.args(["--topic", "grouped", "--group", "readers", "--from-beginning"]);
        run(command.args(["--max-messages", count, "--timeout-ms", "60000"]), "")
    };
    assert_eq!(read("2"), "a\nb\n");
    assert_eq!(read("1"), "c\n", "the group goes on where it stopped");
    let groups = |arguments: &[&str]| run(tool(&broker, GROUPS).unwrap().args(arguments), "");
    assert_eq!(groups(&["--list"]).trim(), "readers");
    let text = groups(&["--describe", "--group", "readers"]);
    let row: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(row[..6], ["readers", "grouped", "0", "3", "3", "0"], "{text}");
    groups(&[
        "--group",
        "readers",
        "--topic",
        "grouped",
        "--reset-offsets",
        "--to-earliest",
        "--execute",
    ]);
    assert_eq!(read("3"), "a\nb\nc\n");
    groups(&["--delete", "--group", "readers"]);
    assert_eq!(groups(&["--list"]).trim(), "");
}

#[test]
fn the_admin_tools_create_grow_describe_and_delete() {
    let broker = start();
    let topics = |arguments: &[&str]| Some(run(tool(&broker, TOPICS)?.args(arguments), ""));
    let create =
        ["--create", "--topic", "made", "--partitions", "2", "--config", "retention.bytes=9999"];
    if topics(&create).is_none() {
        return;
    }
    topics(&["--alter", "--topic", "made", "--partitions", "3"]);
    let text = topics(&["--describe", "--topic", "made"]).unwrap();
    assert!(text.contains("PartitionCount: 3"), "{text}");
    assert!(text.contains("Configs: retention.bytes=9999"), "{text}");
    produce(&broker, "made", "none", "a\nb\n");
    let mut latest = tool(&broker, OFFSETS).unwrap();
    let text = run(latest.args(["--topic", "made", "--time", "latest"]), "");
    let total: u32 =
        text.lines().filter_map(|line| line.rsplit(':').next()?.parse::<u32>().ok()).sum();
    assert_eq!(total, 2, "{text}");
    topics(&["--delete", "--topic", "made"]);
    assert_eq!(topics(&["--list"]).unwrap().trim(), "");
}
