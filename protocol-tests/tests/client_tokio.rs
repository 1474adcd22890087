//! The client over real sockets, against the dev broker.

mod client_support;

use std::sync::Arc;

use brooklet_devbroker::{Config, DevBroker};
use brooklet_kafka::consumer::Fetched;
use brooklet_kafka::wire::compression::Compression;
use brooklet_kafka::{
    Client, ClientConfig, ErrorKind, Isolation, Network, OffsetSpec, TopicPartition,
};
use client_support::{PATIENCE, batch, create, delivered, next, read, unparker};

struct Cluster {
    broker: DevBroker,
    client: Client,
}

fn cluster() -> Cluster {
    let broker = DevBroker::start(([127, 0, 0, 1], 0).into(), Config::default()).unwrap();
    let config = ClientConfig::new(&broker.bootstrap()).unwrap();
    Cluster { client: Client::new(config, &Network::tokio()), broker }
}

#[test]
fn what_is_produced_is_fetched() {
    let cluster = cluster();
    create(&cluster.client, "letters", 2);
    let topic: Arc<str> = "letters".into();
    let producer = cluster.client.producer(unparker());
    for (n, compression) in Compression::ALL.into_iter().enumerate() {
        producer.send(&topic, 0, batch(&["a", "b", "c"], compression), n as u64).unwrap();
        producer.send(&topic, 1, batch(&["z"], compression), n as u64).unwrap();
    }
    let delivered = delivered(&producer, 20);
    assert_eq!(producer.in_flight_bytes(), 0);
    let of = |p| delivered.iter().filter(move |d| d.1 == p).map(|d| (d.0, d.2, d.3));
    assert!(of(0).eq((0..5).map(|n| (n, 3 * n as i64, 3))), "{delivered:?}");
    assert!(of(1).eq((0..5).map(|n| (n, n as i64, 1))), "{delivered:?}");

    let mut consumer = cluster.client.consumer(unparker());
    let zero = TopicPartition::new("letters", 0);
    consumer.assign(&[(zero.clone(), 4), (TopicPartition::new("letters", 1), 0)]);
    let read = read(&mut consumer, 11 + 5, Isolation::ReadUncommitted);
    let first: Vec<_> = read.iter().filter(|r| r.0 == zero).map(|r| (r.1, r.2.as_str())).collect();
    assert_eq!(first[..4], [(4, "b"), (5, "c"), (6, "a"), (7, "b")]);
    assert_eq!(first.last(), Some(&(14, "c")));
    cluster.broker.shutdown();
}

#[test]
fn offsets_by_end_and_time() {
    let cluster = cluster();
    create(&cluster.client, "t", 1);
    let producer = cluster.client.producer(unparker());
    producer.send(&"t".into(), 0, batch(&["x", "y"], Compression::None), 0).unwrap();
    delivered(&producer, 2);
    let tp = TopicPartition::new("t", 0);
    for (spec, offset) in [
        (OffsetSpec::Earliest, Some(0)),
        (OffsetSpec::Latest, Some(2)),
        (OffsetSpec::Timestamp(0), Some(0)),
        (OffsetSpec::Timestamp(2_000), None),
    ] {
        let listed = cluster.client.list_offsets(&[(tp.clone(), spec)], Isolation::ReadUncommitted);
        let listed = listed.wait(PATIENCE).unwrap().unwrap();
        assert_eq!(listed[&tp].offset, offset, "{spec:?}");
    }
}

#[test]
fn topics_are_described_and_missing_ones_have_their_own_error() {
    let cluster = cluster();
    create(&cluster.client, "known", 3);
    let described = cluster.client.metadata(&["known", "missing"]).wait(PATIENCE).unwrap().unwrap();
    for (name, result) in described {
        match (name.as_str(), result) {
            ("known", Ok(topic)) => {
                assert_eq!(topic.partitions.len(), 3);
                assert!(topic.partitions.iter().all(|p| p.leader.is_some()));
            }
            ("missing", Err(error)) => {
                let kind = ErrorKind::UnknownTopic { topic: "missing".to_owned() };
                assert_eq!(error.kind(), &kind);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(cluster.client.cluster().wait(PATIENCE).unwrap().unwrap().brokers.len(), 1);
}

#[test]
fn a_position_outside_the_log_is_reported_with_the_range() {
    let cluster = cluster();
    create(&cluster.client, "t", 1);
    let mut consumer = cluster.client.consumer(unparker());
    consumer.assign(&[(TopicPartition::new("t", 0), 17)]);
    match next(&mut consumer) {
        Fetched::Failed(failed) => assert_eq!(
            failed.error.kind(),
            &ErrorKind::OffsetOutOfRange { offset: 17, earliest: 0, latest: 0 }
        ),
        Fetched::Data(data) => panic!("{data:?}"),
    }
}

#[test]
fn nobody_listens() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let bootstrap = format!("127.0.0.1:{port}");
    let pairs = [("bootstrap.servers", bootstrap.as_str()), ("default.api.timeout.ms", "300")];
    let (config, _) = ClientConfig::parse(pairs).unwrap();
    let client = Client::new(config, &Network::tokio());
    let error = client.metadata(&["t"]).wait(PATIENCE).unwrap().unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Unreachable { address: bootstrap.clone() });
    assert!(error.to_string().contains(&bootstrap), "{error}");
    client.close();
    let error = client.metadata(&["t"]).wait(PATIENCE).unwrap().unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Closed);
}
