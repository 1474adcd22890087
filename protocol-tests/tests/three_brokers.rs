//! Three brokers under load: each is killed and started again, and leaders move back and forth.
//! What was acknowledged is there, once and in order. Takes a minute: runs with `BROOKLET_TEST_ALL`
//! only.

mod client_support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use brooklet_kafka::consumer::Fetched;
use brooklet_kafka::producer::{ProduceEvent, SendError};
use brooklet_kafka::wire::compression::Compression;
use brooklet_kafka::{
    Client, ClientConfig, ErrorKind, Isolation, Network, NewTopic, TopicPartition,
};
use brooklet_protocol_tests::services::{self, KafkaCluster, Version};
use client_support::{PATIENCE, batch_at, delivered, next, now_millis, unparker, values};

const PARTITIONS: i32 = 6;
/// Between two rounds of records.
const PACE: Duration = Duration::from_millis(5);
/// Rounds that may wait for their acknowledgement: a broker that starts on a loaded machine takes its
/// time, and what piles up meanwhile has to be written afterwards.
const AHEAD_MAX: u64 = 200;
/// How long records flow between two kills.
const CALM: Duration = Duration::from_secs(2);

fn client(cluster: &KafkaCluster, pairs: &[(&str, &str)]) -> Client {
    let bootstrap = cluster.bootstrap();
    let all = [("bootstrap.servers", bootstrap.as_str())];
    let (config, _) = ClientConfig::parse(all.iter().chain(pairs).copied()).unwrap();
    Client::new(config, &Network::tokio())
}

/// A topic with a replica on each broker.
fn create(cluster: &KafkaCluster, topic: &str, configs: &[(&str, &str)]) {
    let mut new = NewTopic::new(topic, PARTITIONS);
    new.replication_factor = 3;
    new.configs = configs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let created = client(cluster, &[]).create_topics(&[new]).wait(PATIENCE).unwrap().unwrap();
    assert!(created[0].1.is_ok(), "{created:?}");
}

/// Writes rising numbers to every partition until told to stop; how many each got.
fn write(cluster: &KafkaCluster, topic: &Arc<str>, stop: &AtomicBool) -> u64 {
    let client = client(cluster, &[]);
    let producer = client.producer(unparker());
    let (mut sent, mut delivered) = (0_u64, 0_u64);
    let partitions = u64::try_from(PARTITIONS).unwrap();
    let settle = |delivered: &mut u64| {
        while let Some(event) = producer.poll() {
            match event {
                ProduceEvent::Delivered { .. } => *delivered += 1,
                ProduceEvent::Failed { partition, error, .. } => panic!("{partition}: {error}"),
            }
        }
    };
    while !stop.load(Ordering::Relaxed) {
        settle(&mut delivered);
        if sent.saturating_sub(delivered / partitions) > AHEAD_MAX {
            thread::park_timeout(PACE);
            continue;
        }
        for partition in 0..PARTITIONS {
            let batch = batch_at(now_millis(), &[&sent.to_string()], Compression::None);
            match producer.send(topic, partition, batch, sent) {
                Ok(()) => {}
                Err(SendError::Full(_)) => panic!("small batches fill nothing"),
                Err(error) => panic!("{error}"),
            }
        }
        sent += 1;
        thread::sleep(PACE);
    }
    let deadline = Instant::now() + PATIENCE;
    while delivered < sent * partitions {
        assert!(Instant::now() < deadline, "{delivered} of {} acknowledged", sent * partitions);
        settle(&mut delivered);
        thread::park_timeout(Duration::from_millis(100));
    }
    sent
}

/// Reads everything as it comes until each partition has `count` records: in order, each once.
fn read(cluster: &KafkaCluster, topic: &str, rack: &str, count: impl Fn() -> Option<u64>) {
    let client = client(cluster, &[("client.rack", rack)]);
    let mut consumer = client.consumer(unparker());
    let start: Vec<_> = (0..PARTITIONS).map(|p| (TopicPartition::new(topic, p), 0)).collect();
    consumer.assign(&start);
    let mut next: BTreeMap<i32, u64> = (0..PARTITIONS).map(|p| (p, 0)).collect();
    let mut quiet = Instant::now();
    while count().is_none_or(|count| next.values().any(|next| *next < count)) {
        match consumer.poll() {
            Some(Fetched::Data(fetched)) => {
                quiet = Instant::now();
                let next = next.get_mut(&fetched.partition.partition).unwrap();
                for (offset, value) in values(&fetched, Isolation::ReadUncommitted) {
                    assert_eq!(value, next.to_string(), "{} {offset}", fetched.partition);
                    *next += 1;
                }
            }
            Some(Fetched::Failed(failed)) => panic!("{}", failed.error),
            None => {
                assert!(quiet.elapsed() < PATIENCE, "nothing came: {next:?} of {:?}", count());
                thread::park_timeout(Duration::from_millis(100));
            }
        }
    }
}

#[test]
fn nothing_is_lost_or_doubled_while_brokers_die_and_leaders_move() {
    if !services::all("three brokers") {
        return;
    }
    let selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
    let cluster =
        KafkaCluster::start(Version::Newest, 3, &[("replica.selector.class", selector)]).unwrap();
    let topic: Arc<str> = "load".into();
    create(&cluster, &topic, &[]);
    let stop = AtomicBool::new(false);
    let written = std::sync::OnceLock::new();
    thread::scope(|scope| {
        let writer = scope.spawn(|| write(&cluster, &topic, &stop));
        let readers = ["", "rack-2"].map(|rack| {
            let (cluster, topic, written) = (&cluster, &topic, &written);
            scope.spawn(move || read(cluster, topic, rack, || written.get().copied()))
        });
        for broker in cluster.brokers() {
            // Records that flow are what this test is about.
            thread::sleep(CALM);
            broker.kill().unwrap();
            thread::sleep(CALM);
            broker.restart().unwrap();
            thread::sleep(CALM);
            cluster.elect_preferred_leaders().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        let count = writer.join().unwrap();
        assert!(count > 500, "{count} records per partition are no load");
        written.set(count).unwrap();
        for reader in readers {
            reader.join().unwrap();
        }
    });
}

/// The broker, by its place, that leads partition 0 and the other one that has a replica.
fn replicas(cluster: &KafkaCluster, topic: &str) -> (usize, usize) {
    let bootstrap = cluster.bootstrap();
    let args = ["--bootstrap-server", &bootstrap, "--describe", "--topic", topic];
    let text = cluster.brokers()[0].tool_text("org.apache.kafka.tools.TopicCommand", &args);
    let field = |name: &str| {
        let from = text.rfind(name).unwrap() + name.len();
        text[from..].split_whitespace().next().unwrap().to_owned()
    };
    let leader: usize = field("Leader: ").parse().unwrap();
    let all: Vec<usize> = field("Replicas: ").split(',').map(|id| id.parse().unwrap()).collect();
    let other = all.into_iter().find(|id| *id != leader).unwrap();
    (leader - 1, other - 1)
}

#[test]
fn records_lost_by_an_unclean_election_are_reported_with_their_offsets() {
    if !services::all("an unclean leader election") {
        return;
    }
    let cluster = KafkaCluster::start(Version::Newest, 3, &[]).unwrap();
    let topic: Arc<str> = "unclean".into();
    let mut new = NewTopic::new(&*topic, 1);
    new.replication_factor = 2;
    new.configs = [("unclean.leader.election.enable", "true"), ("min.insync.replicas", "1")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .to_vec();
    let client = client(&cluster, &[]);
    let created = client.create_topics(&[new]).wait(PATIENCE).unwrap().unwrap();
    assert!(created[0].1.is_ok(), "{created:?}");
    let (leader, follower) = replicas(&cluster, &topic);
    let producer = client.producer(unparker());
    let write = |numbers: std::ops::Range<u64>| {
        for n in numbers.clone() {
            let batch = batch_at(now_millis(), &[&n.to_string()], Compression::None);
            producer.send(&topic, 0, batch, n).unwrap();
        }
        delivered(&producer, numbers.count());
    };
    write(0..10);
    cluster.brokers()[follower].kill().unwrap();
    // What only the leader has.
    write(10..30);
    let mut consumer = client.consumer(unparker());
    consumer.assign(&[(TopicPartition::new(&*topic, 0), 0)]);
    let seen = client_support::read(&mut consumer, 30, Isolation::ReadUncommitted);
    assert_eq!(seen.len(), 30);
    cluster.brokers()[leader].kill().unwrap();
    cluster.brokers()[follower].restart().unwrap();
    let failed = loop {
        match next(&mut consumer) {
            Fetched::Failed(failed) => break failed,
            Fetched::Data(data) => assert!(data.records.is_empty(), "{data:?}"),
        }
    };
    assert_eq!(failed.error.kind(), &ErrorKind::Truncated { offset: 30, end: 10 }, "{failed:?}");
    assert!(failed.error.to_string().contains("offsets 10 to 29"), "{}", failed.error);
}
