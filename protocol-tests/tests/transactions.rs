//! Transactions over sockets: the client on the dev broker and on real Kafka, read by Java; and
//! Java's own producer on both, with equal outcomes.

mod client_support;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use brooklet_devbroker::{Config, DevBroker};
use brooklet_kafka::transaction::{Failure, GroupMember, ProducerIdentity, TransactionalProducer};
use brooklet_kafka::wire::compression::Compression;
use brooklet_kafka::{Client, ClientConfig, CommittedOffset, Network, TopicPartition};
use brooklet_protocol_tests::services::{Bridge, BridgeRecord, Isolation, Kafka, Version, kafka};
use client_support::{PATIENCE, batch_at, now_millis, unparker};

/// A cluster to test against, and the client version of Java to do it with.
struct Target {
    name: String,
    bootstrap: String,
    java: &'static Kafka,
    /// Version of the transaction protocol.
    protocol: u8,
}

/// Runs a test against the dev broker with both versions of transactions and each release of Kafka.
fn on_every_target<T>(test: impl Fn(&Target) -> T) -> Vec<(String, T)> {
    let mut out = Vec::new();
    for version in Version::ALL {
        let Some(java) = kafka(version) else { continue };
        let protocol = if version == Version::V3_9 { 1 } else { 2 };
        let bootstrap = java.bootstrap().to_owned();
        let target = Target { name: version.to_string(), bootstrap, java, protocol };
        out.push((target.name.clone(), test(&target)));
    }
    let Some(java) = Version::ALL.into_iter().find_map(kafka) else { return out };
    for level in [0, 2] {
        let mut config = Config::default();
        config.transaction_version = level;
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let broker = DevBroker::start(address, config).unwrap();
        let name = format!("dev broker with transaction.version {level}");
        let protocol = if level == 0 { 1 } else { 2 };
        let target = Target { name, bootstrap: broker.bootstrap(), java, protocol };
        out.push((target.name.clone(), test(&target)));
        broker.shutdown();
    }
    out
}

fn all_equal<T: PartialEq + std::fmt::Debug>(outcomes: &[(String, T)]) {
    for pair in outcomes.windows(2) {
        assert_eq!(pair[0].1, pair[1].1, "{} and {}", pair[0].0, pair[1].0);
    }
}

/// `ok`, or the class of the Java exception.
fn class(result: io::Result<()>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(error) => {
            let text = error.to_string();
            let name = text.split("error ").nth(1).unwrap_or(&text);
            name.split([':', ' ']).next().unwrap_or(name).to_owned()
        }
    }
}

fn values(records: &[BridgeRecord]) -> Vec<(i32, i64, String)> {
    let value = |record: &BridgeRecord| String::from_utf8(record.value.clone().unwrap()).unwrap();
    records.iter().map(|r| (r.partition.unwrap(), r.offset, value(r))).collect()
}

fn record(partition: i32, value: &str) -> BridgeRecord {
    BridgeRecord {
        timestamp: Some(now_millis()),
        ..BridgeRecord::value(partition, value.as_bytes().to_vec())
    }
}

#[test]
fn java_sees_the_same_on_the_dev_broker_and_on_kafka() {
    let outcomes = on_every_target(|target| {
        let topic = target.java.unique("java-txn");
        let id = target.java.unique("java-id");
        let group = target.java.unique("java-group");
        let properties = [("transactional.id", id.as_str())];
        let start = || Bridge::start_at(target.java, &target.bootstrap, &properties).unwrap();
        let mut bridge = start();
        bridge.create_topic(&topic, 2, &[]).unwrap();
        let mut trace: Vec<String> = Vec::new();
        let mut see = |what: &str, outcome: String| trace.push(format!("{what}: {outcome}"));

        see("begin", class(bridge.transaction("begin")));
        see("write", class(bridge.produce(&topic, &[record(0, "a"), record(1, "b")])));
        see("offsets", class(bridge.send_offset(&group, &topic, 0, 5)));
        let open = bridge.read(&topic, Isolation::ReadUncommitted).unwrap();
        see("open", format!("{:?}", values(&open)));
        let open = bridge.read(&topic, Isolation::ReadCommitted).unwrap();
        see("open, committed", format!("{:?}", values(&open)));
        see("commit", class(bridge.transaction("commit")));
        see("group", format!("{:?}", bridge.committed(&group, &topic, 0).unwrap()));

        see("begin", class(bridge.transaction("begin")));
        see("write", class(bridge.produce(&topic, &[record(0, "c"), record(0, "d")])));
        see("offsets", class(bridge.send_offset(&group, &topic, 0, 9)));
        see("abort", class(bridge.transaction("abort")));
        see("group", format!("{:?}", bridge.committed(&group, &topic, 0).unwrap()));

        see("begin, abort", class(bridge.transaction("begin")));
        see("empty abort", class(bridge.transaction("abort")));
        see("begin, commit", class(bridge.transaction("begin")));
        see("empty commit", class(bridge.transaction("commit")));

        see("begin", class(bridge.transaction("begin")));
        see("write", class(bridge.produce(&topic, &[record(1, "e")])));
        let mut rival = start();
        see("rival begins", class(rival.transaction("begin")));
        see("fenced commit", class(bridge.transaction("commit")));
        see("rival writes", class(rival.produce(&topic, &[record(1, "f")])));
        see("rival commits", class(rival.transaction("commit")));
        for isolation in [Isolation::ReadUncommitted, Isolation::ReadCommitted] {
            let read = rival.read(&topic, isolation).unwrap();
            see(&format!("{isolation:?}"), format!("{:?}", values(&read)));
        }
        trace
    });
    all_equal(&outcomes);
    for (_, trace) in &outcomes {
        assert!(trace.iter().any(|line| line.contains("ProducerFencedException")), "{trace:#?}");
    }
}

struct Own {
    client: Client,
    producer: TransactionalProducer,
    identity: ProducerIdentity,
}

fn own(target: &Target, id: &str, timeout: Duration) -> Own {
    let (config, _) =
        ClientConfig::parse([("bootstrap.servers", target.bootstrap.as_str())]).unwrap();
    let client = Client::new(config, &Network::tokio());
    let producer = client.transactional_producer(id, timeout, unparker());
    let identity = producer.init().wait(PATIENCE).expect("an answer").unwrap();
    assert_eq!(identity.protocol, target.protocol, "{}", target.name);
    Own { client, producer, identity }
}

impl Own {
    fn write(&self, topic: &Arc<str>, partition: i32, value: &str) {
        let batch = batch_at(now_millis(), &[value], Compression::None);
        self.producer.send(topic, partition, batch, 0).unwrap();
    }

    fn end(&self, commit: bool) -> Result<(), Failure> {
        let end = if commit { self.producer.commit() } else { self.producer.abort() };
        end.wait(PATIENCE).expect("an answer").map_err(|error| error.failure)
    }

    /// The call's outcome once an abort has told what is behind `MustAbort`.
    fn settled(&self, commit: bool) -> Result<(), Failure> {
        match self.end(commit) {
            Err(Failure::MustAbort) => self.end(false),
            result => result,
        }
    }
}

#[test]
fn java_reads_what_the_client_committed() {
    let outcomes = on_every_target(|target| {
        let topic: Arc<str> = target.java.unique("own-txn").into();
        let group = target.java.unique("own-group");
        let id = target.java.unique("own-id");
        let mut bridge = Bridge::start_at(target.java, &target.bootstrap, &[]).unwrap();
        bridge.create_topic(&topic, 2, &[]).unwrap();
        let own = own(target, &id, Duration::from_secs(60));
        let offsets = |offset| {
            let offsets = [(TopicPartition::new(&*topic, 1), CommittedOffset::new(offset))];
            let sent = own.producer.send_offsets(&group, &GroupMember::default(), &offsets);
            sent.wait(PATIENCE).expect("an answer")
        };
        let mut trace = Vec::new();
        for n in 0..6 {
            own.write(&topic, 0, &format!("{n}x"));
            own.write(&topic, 1, &format!("{n}y"));
            offsets(n).unwrap();
            // An abort drops what has not left yet; here every record is to be in the log.
            wait_for_event(&own.producer);
            wait_for_event(&own.producer);
            trace.push(format!("{:?}", own.end(n % 3 != 1)));
        }
        trace.push(format!("empty {:?} {:?}", own.end(true), own.end(false)));
        trace.push(format!("{:?}", bridge.committed(&group, &topic, 1).unwrap()));
        for isolation in [Isolation::ReadUncommitted, Isolation::ReadCommitted] {
            trace.push(format!("{:?}", values(&bridge.read(&topic, isolation).unwrap())));
        }
        trace
    });
    all_equal(&outcomes);
}

/// A producer that vanishes without a word, as a killed process does, leaves an open transaction;
/// the next one with its id aborts it, and the old one is locked out.
#[test]
fn a_producer_that_comes_back_from_the_dead_is_fenced() {
    let outcomes = on_every_target(|target| {
        let topic: Arc<str> = target.java.unique("dead-txn").into();
        let id = target.java.unique("dead-id");
        let mut bridge = Bridge::start_at(target.java, &target.bootstrap, &[]).unwrap();
        bridge.create_topic(&topic, 1, &[]).unwrap();
        let old = own(target, &id, Duration::from_secs(60));
        old.write(&topic, 0, "old");
        wait_for_event(&old.producer);
        let new = own(target, &id, Duration::from_secs(60));
        assert_ne!(old.identity, new.identity);
        let mut trace = vec![format!("{:?}", old.settled(true))];
        new.write(&topic, 0, "new");
        trace.push(format!("{:?}", new.end(true)));
        trace.push(format!("{:?}", old.settled(true)));
        for isolation in [Isolation::ReadUncommitted, Isolation::ReadCommitted] {
            trace.push(format!("{:?}", values(&bridge.read(&topic, isolation).unwrap())));
        }
        drop(old.client);
        trace
    });
    all_equal(&outcomes);
    for (_, trace) in &outcomes {
        assert_eq!(trace[0], "Err(Fenced)");
    }
}

fn wait_for_event(producer: &TransactionalProducer) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while producer.poll().is_none() {
        assert!(std::time::Instant::now() < deadline, "nothing came");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

/// The broker's own limits have their names in the error.
#[test]
fn a_time_out_above_the_limit_of_the_broker_is_refused() {
    let outcomes = on_every_target(|target| {
        let (config, _) =
            ClientConfig::parse([("bootstrap.servers", target.bootstrap.as_str())]).unwrap();
        let client = Client::new(config, &Network::tokio());
        let id = target.java.unique("long");
        let producer = client.transactional_producer(&id, Duration::from_secs(3600), unparker());
        let error = producer.init().wait(PATIENCE).expect("an answer").unwrap_err();
        assert_eq!(error.failure, Failure::Fatal);
        error.error.code().map(|code| code.name().to_owned())
    });
    all_equal(&outcomes);
}
