//! The embedded broker behind a network in memory, with faults that a seed draws: everything on the test's thread.

use brooklet_devbroker::{Action, Broker, Config, ConnId};
use brooklet_kafka::consumer::Fetched;
use brooklet_kafka::pending::Pending;
use brooklet_kafka::producer::ProduceEvent;
use brooklet_kafka::transport::{BrokerEvent, MemoryNetwork, Responder};
use brooklet_kafka::wire::compression::{Compression, Compressor, Decompressor};
use brooklet_kafka::wire::records::BatchBuilder;
use brooklet_kafka::{
    Client, ClientConfig, Isolation, Network, NewTopic, OffsetSpec, TopicPartition,
};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The virtual clock's start, 2026: brokers forget old producers.
pub(crate) const START: Duration = Duration::from_secs(1_790_000_000);

/// Steps after which a world counts as stuck.
const STEPS_MAX: u64 = 2_000_000;

/// Number of the Produce API.
const PRODUCE: i16 = 0;

#[derive(Debug, Default)]
struct Suffered {
    delay: Duration,
    no_acknowledgements: bool,
}

/// What the brokers' answers suffer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Arc<Mutex<Suffered>>);

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Suffered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every answer from now on arrives this much later.
    pub(crate) fn delay(&self, delay: Duration) {
        self.lock().delay = delay;
    }

    /// From now on whatever is written is never acknowledged, or is again.
    pub(crate) fn withhold_acknowledgements(&self, withhold: bool) {
        self.lock().no_acknowledgements = withhold;
    }
}

struct InMemory {
    broker: Broker,
    conns: BTreeMap<u64, ConnId>,
    next: u64,
    faults: Faults,
    /// API of each request without an answer, by connection and correlation id.
    asked: BTreeMap<(u64, [u8; 4]), i16>,
    /// Answers on their way, by time of arrival and order.
    held: BTreeMap<(Duration, u64), BrokerEvent>,
    /// Arrival of the last answer: a connection keeps its order.
    last: Duration,
    order: u64,
}

impl InMemory {
    fn name(&self, conn: ConnId) -> Option<u64> {
        self.conns.iter().find(|(_, of)| **of == conn).map(|(name, _)| *name)
    }
}

impl Responder for InMemory {
    fn connect(&mut self, _: &str, _: u16, _: Duration) -> Option<u64> {
        self.next += 1;
        self.conns.insert(self.next, self.broker.connect());
        Some(self.next)
    }

    fn request(&mut self, conn: u64, frame: Bytes, now: Duration) {
        if let Some(of_broker) = self.conns.get(&conn) {
            let api = i16::from_be_bytes([frame[0], frame[1]]);
            self.asked.insert((conn, frame[4..8].try_into().unwrap()), api);
            self.broker.request(*of_broker, frame, now);
        }
    }

    fn disconnect(&mut self, conn: u64) {
        if let Some(conn) = self.conns.remove(&conn) {
            self.broker.disconnect(conn);
        }
    }

    fn poll(&mut self, now: Duration) -> Vec<BrokerEvent> {
        for action in self.broker.poll(now) {
            let event = match action {
                Action::Respond { conn, frame } => {
                    let name = self.name(conn);
                    let key = name.map(|name| (name, frame[..4].try_into().unwrap()));
                    let api = key.and_then(|key| self.asked.remove(&key));
                    let lost = api == Some(PRODUCE) && self.faults.lock().no_acknowledgements;
                    name.filter(|_| !lost).map(|name| BrokerEvent::Frame(name, frame))
                }
                Action::Close { conn, .. } => self.name(conn).map(BrokerEvent::Close),
            };
            self.last = self.last.max(now + self.faults.lock().delay);
            self.order += 1;
            self.held.extend(event.map(|event| ((self.last, self.order), event)));
        }
        let later = self.held.split_off(&(now + Duration::from_nanos(1), 0));
        std::mem::replace(&mut self.held, later).into_values().collect()
    }

    fn next_deadline(&self) -> Option<Duration> {
        let held = self.held.first_key_value().map(|((at, _), _)| *at);
        [self.broker.next_deadline(), held].into_iter().flatten().min()
    }
}

/// One broker, its network, the clock, and a client that looks from outside.
pub(crate) struct World {
    pub(crate) network: MemoryNetwork,
    pub(crate) faults: Faults,
    pub(crate) now: Duration,
    observer: Client,
    steps: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        let faults = Faults::default();
        let mut config = Config::default();
        config.seed = seed;
        let brokers = InMemory {
            broker: Broker::new(config),
            conns: BTreeMap::new(),
            next: 0,
            faults: faults.clone(),
            asked: BTreeMap::new(),
            held: BTreeMap::new(),
            last: START,
            order: 0,
        };
        let network = MemoryNetwork::new(Box::new(brokers), seed);
        let config = ClientConfig::new("127.0.0.1:9092").expect("an address");
        let observer = Client::new(config, &Network::memory(&network));
        World { network, faults, now: START, observer, steps: 0 }
    }

    /// Something of the network at this moment; false when nothing is left to do before a later one.
    pub(crate) fn step(&mut self) -> bool {
        self.steps += 1;
        assert!(self.steps < STEPS_MAX, "no end after {:?}", self.now.saturating_sub(START));
        self.network.step(self.now)
    }

    /// Moves the clock to the network's next moment or to `other`, whichever is earlier.
    pub(crate) fn advance(&mut self, other: Option<Duration>) {
        let next = [self.network.next_deadline(), other].into_iter().flatten().min();
        let next = next.expect("something is still to happen");
        assert!(next > self.now, "time stands still");
        self.now = next;
    }

    fn wait<T>(&mut self, pending: &Pending<brooklet_kafka::Result<T>>) -> T {
        loop {
            if let Some(result) = pending.try_take() {
                return result.expect("an answer");
            }
            if !self.step() {
                self.advance(None);
            }
        }
    }

    pub(crate) fn create(&mut self, topic: &str, partitions: i32) {
        let created = self.observer.create_topics(&[NewTopic::new(topic, partitions)]);
        self.wait(&created).into_iter().for_each(|(_, result)| result.expect("a topic"));
    }

    pub(crate) fn grow(&mut self, topic: &str, partitions: i32) {
        let grown = self.observer.create_partitions(topic, partitions);
        self.wait(&grown).into_iter().for_each(|(_, result)| result.expect("partitions"));
    }

    /// Writes values to a partition and waits for the acknowledgement.
    pub(crate) fn produce(&mut self, topic: &str, partition: i32, values: &[String]) {
        let producer = self.observer.producer(Arc::new(|| ()));
        let mut builder = BatchBuilder::new(Compression::None, 1 << 20);
        let timestamp = i64::try_from(self.now.as_millis()).expect("a time");
        for value in values {
            builder.append(timestamp, None, Some(value.as_bytes()), &[]).expect("a record");
        }
        let batch = builder.seal(&mut Compressor::new()).expect("a batch");
        producer.send(&topic.into(), partition, batch, 0).expect("room");
        let mut missing = values.len();
        while missing > 0 {
            match producer.poll() {
                Some(ProduceEvent::Delivered { records, .. }) => missing -= records,
                Some(ProduceEvent::Failed { error, .. }) => panic!("writing: {error}"),
                None if self.step() => {}
                None => self.advance(None),
            }
        }
    }

    fn partitions(&mut self, topic: &str) -> Vec<TopicPartition> {
        let described = self.observer.metadata(&[topic]);
        let info = self.wait(&described).remove(0).1.expect("the topic");
        info.partitions.iter().map(|p| TopicPartition::new(topic, p.partition)).collect()
    }

    /// Ends of all partitions.
    pub(crate) fn ends(&mut self, topic: &str) -> BTreeMap<i32, i64> {
        let asked = self.partitions(topic).into_iter().map(|tp| (tp, OffsetSpec::Latest));
        let asked: Vec<_> = asked.collect();
        let listed = self.observer.list_offsets(&asked, Isolation::ReadUncommitted);
        let listed = self.wait(&listed);
        listed.into_iter().map(|(tp, at)| (tp.partition, at.offset.expect("an end"))).collect()
    }

    /// What a group committed for a topic, by partition.
    pub(crate) fn committed(&mut self, group: &str, topic: &str) -> BTreeMap<i32, i64> {
        let fetched = self.observer.offset_fetch(group, None);
        let of_topic = self.wait(&fetched).into_iter().filter(|(tp, _)| &*tp.topic == topic);
        of_topic.map(|(tp, committed)| (tp.partition, committed.offset)).collect()
    }

    /// Everything in a topic: partition, offset, value as text.
    pub(crate) fn read(&mut self, topic: &str) -> Vec<(i32, i64, String)> {
        let mut ends = self.ends(topic);
        ends.retain(|_, end| *end > 0);
        let mut consumer = self.observer.consumer(Arc::new(|| ()));
        let starts: Vec<_> = ends.keys().map(|p| (TopicPartition::new(topic, *p), 0)).collect();
        consumer.assign(&starts);
        let mut found = Vec::new();
        while !ends.is_empty() {
            let data = match consumer.poll() {
                Some(Fetched::Data(data)) => data,
                Some(Fetched::Failed(failed)) => panic!("reading: {}", failed.error),
                None if self.step() => continue,
                None => {
                    self.advance(None);
                    continue;
                }
            };
            let partition = data.partition.partition;
            let mut decompressor = Decompressor::new();
            let mut batches = data.batches(Isolation::ReadUncommitted, true);
            while let Some(batch) = batches.next_batch(&mut decompressor) {
                let slab = batch.expect("a batch").records(&mut decompressor, 1 << 24);
                for record in &slab.expect("records") {
                    let record = record.expect("a record");
                    let value = String::from_utf8_lossy(record.value.unwrap_or_default());
                    found.push((partition, record.offset, value.into_owned()));
                }
            }
            if ends.get(&partition).is_some_and(|end| data.next_offset >= *end) {
                ends.remove(&partition);
            }
        }
        found.sort();
        found
    }
}
