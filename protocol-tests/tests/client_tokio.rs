//! The client over real sockets, against the dev broker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use brooklet_devbroker::{Config, DevBroker};
use brooklet_kafka::consumer::{Consumer, Fetched, FetchedPartition};
use brooklet_kafka::producer::ProduceEvent;
use brooklet_kafka::wire::compression::{Compression, Compressor, Decompressor};
use brooklet_kafka::wire::records::{BatchBuilder, SealedBatch};
use brooklet_kafka::{
    Client, ClientConfig, ErrorKind, Isolation, Network, NewTopic, OffsetSpec, TopicPartition,
};

const PATIENCE: Duration = Duration::from_secs(30);

struct Cluster {
    broker: DevBroker,
    client: Client,
}

fn cluster() -> Cluster {
    let broker = DevBroker::start(([127, 0, 0, 1], 0).into(), Config::default()).unwrap();
    let config = ClientConfig::new(&broker.bootstrap()).unwrap();
    Cluster { client: Client::new(config, &Network::tokio()), broker }
}

impl Cluster {
    fn create(&self, topic: &str, partitions: i32) {
        let created = self.client.create_topics(&[NewTopic::new(topic, partitions)]);
        for (name, result) in created.wait(PATIENCE).unwrap().unwrap() {
            result.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

/// Wakes the thread that made it.
fn unparker() -> Arc<dyn Fn() + Send + Sync> {
    let thread = std::thread::current();
    Arc::new(move || thread.unpark())
}

fn batch(values: &[&str], compression: Compression) -> SealedBatch {
    let mut builder = BatchBuilder::new(compression, 1 << 16);
    for value in values {
        builder.append(1_000, None, Some(value.as_bytes()), &[]).unwrap();
    }
    builder.seal(&mut Compressor::default()).unwrap()
}

fn values(fetched: &FetchedPartition) -> Vec<(i64, String)> {
    let mut decompressor = Decompressor::default();
    let mut batches = fetched.batches(Isolation::ReadUncommitted, true);
    let mut out = Vec::new();
    while let Some(batch) = batches.next_batch(&mut decompressor) {
        let records = batch.unwrap().records(&mut decompressor, 1 << 20).unwrap();
        for record in &records {
            let record = record.unwrap();
            if record.offset >= fetched.fetch_offset {
                let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                out.push((record.offset, value));
            }
        }
    }
    out
}

fn next(consumer: &mut Consumer) -> Fetched {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(fetched) = consumer.poll() {
            return fetched;
        }
        assert!(Instant::now() < deadline, "nothing came");
        std::thread::park_timeout(PATIENCE);
    }
}

/// Data of `count` records in all.
fn read(consumer: &mut Consumer, count: usize) -> Vec<(TopicPartition, i64, String)> {
    let mut out = Vec::new();
    while out.len() < count {
        match next(consumer) {
            Fetched::Data(fetched) => {
                let tp = fetched.partition.clone();
                out.extend(values(&fetched).into_iter().map(|(o, v)| (tp.clone(), o, v)));
            }
            Fetched::Failed(failed) => panic!("{}", failed.error),
        }
    }
    out
}

#[test]
fn what_is_produced_is_fetched() {
    let cluster = cluster();
    cluster.create("letters", 2);
    let topic: Arc<str> = "letters".into();
    let producer = cluster.client.producer(unparker());
    for (n, compression) in Compression::ALL.into_iter().enumerate() {
        producer.send(&topic, 0, batch(&["a", "b", "c"], compression), n as u64).unwrap();
        producer.send(&topic, 1, batch(&["z"], compression), n as u64).unwrap();
    }
    let mut delivered = Vec::new();
    while delivered.len() < 10 {
        match producer.poll() {
            Some(ProduceEvent::Delivered { partition, tag, base_offset, records }) => {
                delivered.push((partition.partition, tag, base_offset, records));
            }
            Some(ProduceEvent::Failed { error, .. }) => panic!("{error}"),
            None => std::thread::park_timeout(PATIENCE),
        }
    }
    assert_eq!(producer.in_flight_bytes(), 0);
    let of = |p| delivered.iter().filter(move |d| d.0 == p).map(|d| (d.1, d.2, d.3));
    assert!(of(0).eq((0..5).map(|n| (n, 3 * n as i64, 3))), "{delivered:?}");
    assert!(of(1).eq((0..5).map(|n| (n, n as i64, 1))), "{delivered:?}");

    let mut consumer = cluster.client.consumer(unparker());
    let zero = TopicPartition::new("letters", 0);
    consumer.assign(&[(zero.clone(), 4), (TopicPartition::new("letters", 1), 0)]);
    let read = read(&mut consumer, 11 + 5);
    let first: Vec<_> = read.iter().filter(|r| r.0 == zero).map(|r| (r.1, r.2.as_str())).collect();
    assert_eq!(first[..4], [(4, "b"), (5, "c"), (6, "a"), (7, "b")]);
    assert_eq!(first.last(), Some(&(14, "c")));
    cluster.broker.shutdown();
}

#[test]
fn offsets_by_end_and_time() {
    let cluster = cluster();
    cluster.create("t", 1);
    let producer = cluster.client.producer(unparker());
    producer.send(&"t".into(), 0, batch(&["x", "y"], Compression::None), 0).unwrap();
    while producer.poll().is_none() {
        std::thread::park_timeout(PATIENCE);
    }
    let tp = TopicPartition::new("t", 0);
    for (spec, offset) in [
        (OffsetSpec::Earliest, Some(0)),
        (OffsetSpec::Latest, Some(2)),
        (OffsetSpec::Timestamp(0), Some(0)),
        (OffsetSpec::Timestamp(2_000), None),
    ] {
        let listed =
            cluster.client.list_offsets(&[(tp.clone(), spec)], Isolation::ReadUncommitted);
        let listed = listed.wait(PATIENCE).unwrap().unwrap();
        assert_eq!(listed[&tp].offset, offset, "{spec:?}");
    }
}

#[test]
fn topics_are_described_and_missing_ones_have_their_own_error() {
    let cluster = cluster();
    cluster.create("known", 3);
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
    cluster.create("t", 1);
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
