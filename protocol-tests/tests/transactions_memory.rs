//! Transactions of the client on the dev broker in one thread, under a virtual clock and a seed:
//! connections break and answers are lost at any point, and yet readers of committed data see each
//! transaction that was to be committed once and whole, and nothing of the others.

mod client_support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use brooklet_devbroker::Config;
use brooklet_kafka::consumer::Fetched;
use brooklet_kafka::pending::Pending;
use brooklet_kafka::transaction::{Failure, GroupMember, TransactionResult, TransactionalProducer};
use brooklet_kafka::transport::MemoryNetwork;
use brooklet_kafka::wire::compression::Compression;
use brooklet_kafka::{
    Client, ClientConfig, CommittedOffset, Isolation, Network, NewTopic, OffsetSpec, TopicPartition,
};
use client_support::memory::{InMemory, START};
use client_support::{batch_at, values};

const PARTITIONS: i32 = 3;
const TRANSACTIONS: usize = 12;
const GROUP: &str = "g";

#[derive(Clone, Copy, Debug)]
struct Faults {
    /// Level of `transaction.version`.
    version: i16,
    cut_every: Option<u64>,
    lose_every: Option<u64>,
    epoch_max: i16,
}

const NONE: Faults = Faults { version: 2, cut_every: None, lose_every: None, epoch_max: i16::MAX };

struct World {
    network: MemoryNetwork,
    client: Client,
    now: Duration,
    steps: u64,
    faults: Faults,
    seed: u64,
    trace: Vec<String>,
}

impl World {
    fn new(seed: u64, faults: Faults) -> Self {
        let mut config = Config::default();
        config.seed = seed;
        config.transaction_version = faults.version;
        config.producer_epoch_max = faults.epoch_max;
        let broker = InMemory::with(config).losing(faults.lose_every);
        let network = MemoryNetwork::new(Box::new(broker), seed);
        let pairs = [("bootstrap.servers", "127.0.0.1:9092")];
        let (config, _) = ClientConfig::parse(pairs).unwrap();
        let client = Client::new(config, &Network::memory(&network));
        Self { network, client, now: START, steps: 0, faults, seed, trace: Vec::new() }
    }

    fn step(&mut self) {
        self.steps += 1;
        assert!(self.steps < 500_000, "seed {} {:?}: no end", self.seed, self.faults);
        if !self.network.step(self.now) {
            let next = self.network.next_deadline().expect("something is still to happen");
            assert!(next > self.now, "time stands still");
            self.now = next;
        }
        if self.faults.cut_every.is_some_and(|every| self.steps.is_multiple_of(every)) {
            self.network.cut_connections();
        }
    }

    fn wait<T>(&mut self, pending: &Pending<T>) -> T {
        loop {
            if let Some(result) = pending.try_take() {
                return result;
            }
            self.step();
        }
    }

    fn create(&mut self, topic: &str, partitions: i32) {
        let created = self.client.create_topics(&[NewTopic::new(topic, partitions)]);
        for (_, result) in self.wait(&created).unwrap() {
            // A repeated request may find what the first one made.
            if let Err(error) = result {
                assert!(error.to_string().contains("TOPIC_ALREADY_EXISTS"), "{error}");
            }
        }
    }

    fn producer(&mut self) -> TransactionalProducer {
        let producer =
            self.client.transactional_producer("tx", Duration::from_secs(60), Arc::new(|| ()));
        let init = producer.init();
        let identity = self.wait(&init).unwrap();
        self.trace.push(format!("{:?} {identity:?}", self.now));
        assert_eq!(identity.protocol, if self.faults.version >= 2 { 2 } else { 1 });
        producer
    }

    fn write(&self, producer: &TransactionalProducer, n: usize) -> Pending<TransactionResult<()>> {
        let topic: Arc<str> = "t".into();
        let timestamp = i64::try_from(self.now.as_millis()).unwrap();
        for partition in 0..PARTITIONS {
            for part in ["a", "b"] {
                let values = [format!("{n}{part}1"), format!("{n}{part}2")];
                let batch = batch_at(timestamp, &[&values[0], &values[1]], Compression::None);
                producer.send(&topic, partition, batch, n as u64).unwrap();
            }
        }
        let offset = CommittedOffset::new(n as i64 + 1);
        let offsets = [(TopicPartition::new("t", 0), offset)];
        producer.send_offsets(GROUP, &GroupMember::default(), &offsets)
    }

    /// Committed values by partition.
    fn read(&mut self) -> BTreeMap<i32, Vec<String>> {
        let all: Vec<_> = (0..PARTITIONS).map(|p| TopicPartition::new("t", p)).collect();
        let asked: Vec<_> = all.iter().map(|tp| (tp.clone(), OffsetSpec::Latest)).collect();
        let ends = self.client.list_offsets(&asked, Isolation::ReadCommitted);
        let ends = self.wait(&ends).unwrap();
        let (config, _) = ClientConfig::parse([
            ("bootstrap.servers", "127.0.0.1:9092"),
            ("isolation.level", "read_committed"),
        ])
        .unwrap();
        let client = Client::new(config, &Network::memory(&self.network));
        let mut consumer = client.consumer(Arc::new(|| ()));
        let starts: Vec<_> = all.iter().map(|tp| (tp.clone(), 0)).collect();
        consumer.assign(&starts);
        let mut out: BTreeMap<i32, Vec<String>> = BTreeMap::new();
        let mut open: BTreeMap<TopicPartition, i64> =
            ends.into_iter().map(|(tp, end)| (tp, end.offset.unwrap_or(0))).collect();
        open.retain(|_, end| *end > 0);
        while !open.is_empty() {
            while let Some(item) = consumer.poll() {
                match item {
                    Fetched::Data(data) => {
                        let records = values(&data, Isolation::ReadCommitted);
                        let of = out.entry(data.partition.partition).or_default();
                        of.extend(records.into_iter().map(|record| record.1));
                        if open.get(&data.partition).is_some_and(|end| data.next_offset >= *end) {
                            open.remove(&data.partition);
                        }
                    }
                    Fetched::Failed(failed) => panic!("{}", failed.error),
                }
            }
            if !open.is_empty() {
                self.step();
            }
        }
        out
    }

    fn has(&mut self, n: usize) -> bool {
        let wanted = format!("{n}a1");
        self.read().get(&0).is_some_and(|values| values.contains(&wanted))
    }
}

fn expected(committed: &[usize]) -> BTreeMap<i32, Vec<String>> {
    let of = |n: &usize| ["a1", "a2", "b1", "b2"].map(|part| format!("{n}{part}"));
    let values: Vec<String> = committed.iter().flat_map(of).collect();
    (0..PARTITIONS).map(|partition| (partition, values.clone())).collect()
}

/// Writes transactions, every third one to be aborted, until each has the outcome that it should
/// have. Returns what happened.
fn run(seed: u64, faults: Faults) -> Vec<String> {
    let mut world = World::new(seed, faults);
    world.create("t", PARTITIONS);
    let mut producer = world.producer();
    let mut committed = Vec::new();
    for n in 0..TRANSACTIONS {
        let keep = n % 3 != 2;
        loop {
            let offsets = world.write(&producer, n);
            let end = if keep { producer.commit() } else { producer.abort() };
            let result = world.wait(&end);
            world.trace.push(format!("{:?} {n} {result:?}", world.now));
            drop(offsets);
            let done = match result.map_err(|error| error.failure) {
                Ok(()) => true,
                Err(Failure::MustAbort) => {
                    let abort = producer.abort();
                    if world.wait(&abort).is_err() {
                        producer = world.producer();
                    }
                    false
                }
                Err(Failure::OutcomeUnknown) => {
                    producer = world.producer();
                    world.has(n)
                }
                Err(Failure::Fenced | Failure::Fatal) => {
                    producer = world.producer();
                    false
                }
            };
            while producer.poll().is_some() {}
            if done || !keep {
                break;
            }
        }
        if keep {
            committed.push(n);
        }
    }
    let read = world.read();
    assert_eq!(read, expected(&committed), "seed {seed} {faults:?}\n{:#?}", world.trace);
    let last = committed.last().map_or(0, |n| *n as i64 + 1);
    let offsets = world.client.offset_fetch(GROUP, None);
    let offsets = world.wait(&offsets).unwrap();
    assert_eq!(offsets[&TopicPartition::new("t", 0)].offset, last, "seed {seed} {faults:?}");
    world.trace
}

#[test]
fn each_transaction_has_its_outcome_without_failures() {
    for seed in 0..10 {
        for version in [0, 2] {
            run(seed, Faults { version, ..NONE });
        }
    }
}

#[test]
fn each_transaction_has_its_outcome_while_connections_break() {
    for seed in 0..60 {
        for version in [0, 2] {
            run(seed, Faults { version, cut_every: Some(40 + seed % 90), ..NONE });
        }
    }
}

#[test]
fn each_transaction_has_its_outcome_while_answers_are_lost() {
    for seed in 0..60 {
        for version in [0, 2] {
            run(seed, Faults { version, lose_every: Some(5 + seed % 20), ..NONE });
        }
    }
}

#[test]
fn producer_ids_are_exchanged_at_the_end_of_their_epochs() {
    for seed in 0..20 {
        let lose_every = (seed % 2 == 1).then_some(7 + seed % 9);
        for version in [0, 2] {
            let trace = run(seed, Faults { version, epoch_max: 4, lose_every, ..NONE });
            assert!(!trace.is_empty());
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let faults = Faults { lose_every: Some(9), ..NONE };
    let traces: Vec<_> = [3, 3, 4].map(|seed| run(seed, faults)).into();
    assert_eq!(traces[0], traces[1]);
    assert_ne!(traces[0], traces[2]);
}

#[test]
fn the_older_of_two_producers_is_fenced() {
    for version in [0, 2] {
        let mut world = World::new(5, Faults { version, ..NONE });
        world.create("t", PARTITIONS);
        let old = world.producer();
        let offsets = world.write(&old, 0);
        world.wait(&offsets).unwrap();
        let new = world.producer();
        let commit = old.commit();
        let error = world.wait(&commit).unwrap_err();
        assert!(matches!(error.failure, Failure::Fenced | Failure::MustAbort), "{error}");
        if error.failure == Failure::MustAbort {
            let abort = old.abort();
            assert_eq!(world.wait(&abort).unwrap_err().failure, Failure::Fenced);
        }
        let again = old.commit();
        assert_eq!(world.wait(&again).unwrap_err().failure, Failure::Fenced, "final");
        drop(world.write(&new, 1));
        let commit = new.commit();
        world.wait(&commit).unwrap();
        assert_eq!(world.read(), expected(&[1]));
    }
}

/// What was sent behind a commit belongs to the next transaction.
#[test]
fn a_transaction_may_be_filled_while_the_one_before_commits() {
    for version in [0, 2] {
        let mut world = World::new(6, Faults { version, ..NONE });
        world.create("t", PARTITIONS);
        let producer = world.producer();
        drop(world.write(&producer, 0));
        let first = producer.commit();
        drop(world.write(&producer, 1));
        let second = producer.abort();
        drop(world.write(&producer, 2));
        let third = producer.commit();
        for end in [first, second, third] {
            world.wait(&end).unwrap();
        }
        assert_eq!(world.read(), expected(&[0, 2]));
    }
}

/// The broker aborts by time-out: the transaction is not committed, and says so.
#[test]
fn a_transaction_that_takes_too_long_is_not_committed() {
    for version in [0, 2] {
        let mut world = World::new(7, Faults { version, ..NONE });
        world.create("t", PARTITIONS);
        let producer = world.producer();
        let offsets = world.write(&producer, 0);
        world.wait(&offsets).unwrap();
        let mut delivered = 0;
        while delivered < 2 * PARTITIONS {
            match producer.poll() {
                Some(_) => delivered += 1,
                None => world.step(),
            }
        }
        world.now += Duration::from_secs(61);
        let commit = producer.commit();
        let error = world.wait(&commit).unwrap_err();
        assert_eq!(error.failure, Failure::Fenced, "version {version}: {error}");
        let next = world.producer();
        drop(world.write(&next, 1));
        let commit = next.commit();
        world.wait(&commit).unwrap();
        assert_eq!(world.read(), expected(&[1]));
    }
}
