//! The client against real brokers.

mod client_support;

use std::collections::BTreeMap;
use std::sync::Arc;

use brooklet_kafka::consumer::Fetched;
use brooklet_kafka::wire::compression::Compression;
use brooklet_kafka::{
    Client, ClientConfig, CommittedOffset, ErrorKind, Isolation, Network, NewTopic, OffsetSpec,
    TopicPartition,
};
use brooklet_protocol_tests::services::{Kafka, KafkaConfig, Version, kafka};
use client_support::{
    PATIENCE, batch, batch_at, create, delivered, next, now_millis, read, unparker,
};

fn client(broker: &Kafka, pairs: &[(&str, &str)]) -> Client {
    let bootstrap = ("bootstrap.servers", broker.bootstrap());
    let (config, warnings) = ClientConfig::parse([bootstrap].iter().chain(pairs).copied()).unwrap();
    assert!(warnings.is_empty(), "{warnings:?}");
    Client::new(config, &Network::tokio())
}

/// Runs a test against every release of Kafka that the tests know.
fn on_every_version(test: impl Fn(&Kafka)) {
    for broker in Version::ALL.into_iter().filter_map(kafka) {
        test(broker);
    }
}

#[test]
fn a_round_trip_with_every_codec() {
    on_every_version(|broker| {
        let client = client(broker, &[]);
        let topic: Arc<str> = broker.unique("codecs").into();
        create(&client, &topic, 2);
        let producer = client.producer(unparker());
        for (n, compression) in Compression::ALL.into_iter().enumerate() {
            producer.send(&topic, 0, batch(&["a", "b", "c"], compression), n as u64).unwrap();
            producer.send(&topic, 1, batch(&["z"], compression), n as u64).unwrap();
        }
        let delivered = delivered(&producer, 20);
        let of = |p| delivered.iter().filter(move |d| d.1 == p).map(|d| (d.0, d.2, d.3));
        assert!(of(0).eq((0..5).map(|n| (n, 3 * n as i64, 3))), "{delivered:?}");
        let mut consumer = client.consumer(unparker());
        consumer
            .assign(&[(TopicPartition::new(&*topic, 0), 4), (TopicPartition::new(&*topic, 1), 0)]);
        let read = read(&mut consumer, 16, Isolation::ReadUncommitted);
        let zero: Vec<_> = read.iter().filter(|r| r.0.partition == 0).map(|r| r.1).collect();
        assert!(zero.iter().copied().eq(4..15), "{zero:?}");
        // Java sees the same records.
        let text = broker.tool_text(
            "org.apache.kafka.tools.consumer.ConsoleConsumer",
            &[
                "--bootstrap-server",
                broker.bootstrap(),
                "--topic",
                &topic,
                "--partition",
                "0",
                "--offset",
                "earliest",
                "--max-messages",
                "15",
            ],
        );
        let lines: Vec<&str> = text.lines().filter(|line| line.len() == 1).collect();
        assert_eq!(lines, ["a", "b", "c"].repeat(5));
    });
}

#[test]
fn offsets_of_a_group_with_text() {
    on_every_version(|broker| {
        let client = client(broker, &[]);
        let (topic, group) = (broker.unique("groups"), broker.unique("group"));
        create(&client, &topic, 2);
        let tp = |p| TopicPartition::new(topic.as_str(), p);
        let none = client.offset_fetch(&group, None).wait(PATIENCE).unwrap().unwrap();
        assert!(none.is_empty());
        let committed =
            CommittedOffset { offset: 42, leader_epoch: 0, metadata: "marker of a job".to_owned() };
        client
            .offset_commit(&group, &[(tp(1), committed.clone())])
            .wait(PATIENCE)
            .unwrap()
            .unwrap();
        let expected = BTreeMap::from([(tp(1), committed)]);
        for asked in [None, Some(&[tp(0), tp(1)][..])] {
            let stored = client.offset_fetch(&group, asked).wait(PATIENCE).unwrap().unwrap();
            assert_eq!(stored, expected);
        }
    });
}

#[test]
fn topics_are_created_grown_described_and_deleted() {
    on_every_version(|broker| {
        let client = client(broker, &[]);
        let topic = broker.unique("admin");
        let mut new = NewTopic::new(topic.as_str(), 1);
        new.configs.push(("cleanup.policy".to_owned(), "compact".to_owned()));
        let valid = client.validate_topics(std::slice::from_ref(&new)).wait(PATIENCE);
        assert_eq!(valid.unwrap().unwrap(), [(topic.clone(), Ok(()))]);
        create(&client, &topic, 1);
        let again = client.create_topics(&[new]).wait(PATIENCE).unwrap().unwrap();
        let error = again[0].1.clone().unwrap_err();
        assert!(error.to_string().contains("TOPIC_ALREADY_EXISTS"), "{error}");
        let grown = client.create_partitions(&topic, 3).wait(PATIENCE).unwrap().unwrap();
        assert_eq!(grown, [(topic.clone(), Ok(()))]);
        let all = client.all_topics().wait(PATIENCE).unwrap().unwrap();
        assert!(all.iter().any(|info| *info.name == *topic && !info.id.is_zero()));
        let gone = client.delete_topics(&[&topic]).wait(PATIENCE).unwrap().unwrap();
        assert_eq!(gone, [(topic, Ok(()))]);
    });
}

#[test]
fn offsets_by_end_and_time() {
    on_every_version(|broker| {
        let client = client(broker, &[]);
        let topic: Arc<str> = broker.unique("list").into();
        create(&client, &topic, 1);
        let producer = client.producer(unparker());
        producer.send(&topic, 0, batch(&["x", "y"], Compression::None), 0).unwrap();
        delivered(&producer, 2);
        let tp = TopicPartition::new(&*topic, 0);
        for (spec, offset) in [
            (OffsetSpec::Earliest, Some(0)),
            (OffsetSpec::Latest, Some(2)),
            (OffsetSpec::Timestamp(0), Some(0)),
            (OffsetSpec::Timestamp(2_000), None),
        ] {
            let listed = client.list_offsets(&[(tp.clone(), spec)], Isolation::ReadCommitted);
            let listed = listed.wait(PATIENCE).unwrap().unwrap();
            assert_eq!(listed[&tp].offset, offset, "{spec:?}");
        }
        let mut consumer = client.consumer(unparker());
        consumer.assign(&[(tp, 99)]);
        match next(&mut consumer) {
            Fetched::Failed(failed) => assert_eq!(
                failed.error.kind(),
                &ErrorKind::OffsetOutOfRange { offset: 99, earliest: 0, latest: 2 }
            ),
            Fetched::Data(data) => panic!("{data:?}"),
        }
    });
}

#[test]
fn a_batch_above_the_topic_limit_is_split() {
    on_every_version(|broker| {
        let client = client(broker, &[]);
        let topic: Arc<str> = broker.unique("split").into();
        let mut new = NewTopic::new(&*topic, 1);
        new.configs.push(("max.message.bytes".to_owned(), "1000".to_owned()));
        client.create_topics(&[new]).wait(PATIENCE).unwrap().unwrap();
        let producer = client.producer(unparker());
        let value = "v".repeat(300);
        let large: Vec<&str> = std::iter::repeat_n(value.as_str(), 9).collect();
        for tag in 0..4 {
            producer.send(&topic, 0, batch(&large, Compression::None), tag).unwrap();
        }
        let delivered = delivered(&producer, 36);
        assert!(delivered.len() > 4 * 2, "{delivered:?}");
        let mut next = 0;
        for (_, _, base_offset, records) in &delivered {
            assert_eq!(*base_offset, next, "in order and once: {delivered:?}");
            next += *records as i64;
        }
    });
}

#[test]
fn a_broker_that_restarts_loses_and_doubles_nothing() {
    let Some(_) = kafka(Version::Newest) else { return };
    let broker = Kafka::start(&KafkaConfig::new(Version::Newest)).unwrap();
    let client = client(&broker, &[]);
    let topic: Arc<str> = "restart".into();
    create(&client, &topic, 1);
    let producer = client.producer(unparker());
    let mut consumer = client.consumer(unparker());
    consumer.assign(&[(TopicPartition::new(&*topic, 0), 0)]);
    let values: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    for (tag, value) in values.iter().enumerate() {
        if tag == 100 {
            delivered(&producer, 50);
            broker.kill().unwrap();
        }
        if tag == 200 {
            broker.restart().unwrap();
        }
        // A broker that starts forgets producers whose last record is older than
        // `producer.id.expiration.ms`, by the record's own time, and then cannot see doubles.
        let batch = batch_at(now_millis(), &[value], Compression::None);
        producer.send(&topic, 0, batch, tag as u64).unwrap();
    }
    let read = read(&mut consumer, 300, Isolation::ReadUncommitted);
    assert!(
        read.iter().map(|r| &r.2).eq(&values),
        "{:?}",
        read.iter().map(|r| &*r.2).collect::<Vec<_>>()
    );
    let tp = TopicPartition::new(&*topic, 0);
    let end = client.list_offsets(&[(tp.clone(), OffsetSpec::Latest)], Isolation::ReadUncommitted);
    assert_eq!(end.wait(PATIENCE).unwrap().unwrap()[&tp].offset, Some(300));
    broker.stop().unwrap();
}
