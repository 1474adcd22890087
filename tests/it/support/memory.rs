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
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The virtual clock's start, 2026: brokers forget old producers.
pub(crate) const START: Duration = Duration::from_secs(1_790_000_000);

/// Steps after which a world counts as stuck.
const STEPS_MAX: u64 = 2_000_000;

/// `client.id` of the world's own clients.
const OBSERVER: &str = "observer";

/// Number of the Produce API.
const PRODUCE: i16 = 0;

#[derive(Debug, Default)]
struct Suffered {
    delay: Duration,
    /// Requests reach the broker this much later, also when their connection is gone by then.
    late: Duration,
    no_acknowledgements: bool,
    /// Answers of these APIs that are still to be lost, one each.
    lost: Vec<i16>,
    /// The same for requests.
    unheard: Vec<i16>,
    /// A request that is still to be overtaken: its connection breaks, and it arrives this much later all the same.
    stray: Option<(i16, Duration)>,
    /// Answers that are still to come twice.
    twice: usize,
    /// Nothing listens before this time.
    down_until: Duration,
    /// The broker has died: it starts again as soon as it may listen.
    died: bool,
    /// Markers of transactions are written so much later than their decision is answered.
    markers: Duration,
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

    /// Every request from now on reaches the broker this much later.
    pub(crate) fn late(&self, late: Duration) {
        self.lock().late = late;
    }

    /// The next answer of this API is lost.
    pub(crate) fn lose(&self, api: i16) {
        self.lock().lost.push(api);
    }

    /// The next request of this API is lost, and nobody is told.
    pub(crate) fn unheard(&self, api: i16) {
        self.lock().unheard.push(api);
    }

    /// The next request of this API arrives `late`, behind what its sender has sent over another connection by then.
    pub(crate) fn stray(&self, api: i16, late: Duration) {
        self.lock().stray = Some((api, late));
    }

    /// The next answer comes twice.
    pub(crate) fn repeat(&self) {
        self.lock().twice += 1;
    }

    /// Nothing listens before `until`.
    pub(crate) fn down(&self, until: Duration) {
        self.lock().down_until = until;
    }

    /// The broker dies, and starts again at `until`: connections, fetch sessions and requests on their way are gone.
    pub(crate) fn die(&self, until: Duration) {
        let mut faults = self.lock();
        (faults.down_until, faults.died) = (until, true);
    }

    /// Markers of transactions that are decided from now on are written so much later, and EndTxn is answered before.
    pub(crate) fn delay_markers(&self, by: Duration) {
        self.lock().markers = by;
    }

    /// From now on all is well.
    pub(crate) fn end(&self) {
        let mut faults = self.lock();
        *faults = Suffered { died: faults.died, ..Suffered::default() };
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
    /// Requests on their way, and ends of connections behind them.
    coming: BTreeMap<(Duration, u64), (ConnId, Option<Bytes>)>,
    /// Arrival of the last request of each connection.
    last_request: BTreeMap<ConnId, Duration>,
    /// Connections of the world's own clients, which suffer delays only.
    spared: BTreeSet<u64>,
    order: u64,
}

impl InMemory {
    fn name(&self, conn: ConnId) -> Option<u64> {
        self.conns.iter().find(|(_, of)| **of == conn).map(|(name, _)| *name)
    }

    /// Whether the broker works at this time; one that has died is started again when it may.
    fn is_up(&mut self, now: Duration) -> bool {
        let mut faults = self.faults.lock();
        self.broker.delay_markers(faults.markers);
        if faults.died && now < faults.down_until {
            return false;
        }
        if std::mem::take(&mut faults.died) {
            self.broker.restart(now);
            self.conns.clear();
            self.coming.clear();
        }
        true
    }
}

impl Responder for InMemory {
    fn connect(&mut self, _: &str, _: u16, now: Duration) -> Option<u64> {
        if !self.is_up(now) || now < self.faults.lock().down_until {
            return None;
        }
        self.next += 1;
        self.conns.insert(self.next, self.broker.connect());
        Some(self.next)
    }

    fn request(&mut self, conn: u64, frame: Bytes, now: Duration) {
        let Some(of_broker) = self.conns.get(&conn).copied() else { return };
        let api = i16::from_be_bytes([frame[0], frame[1]]);
        self.asked.insert((conn, frame[4..8].try_into().unwrap()), api);
        if frame[10..].starts_with(OBSERVER.as_bytes()) {
            self.spared.insert(conn);
        }
        let mut late = Duration::ZERO;
        if !self.spared.contains(&conn) {
            let mut faults = self.faults.lock();
            late = faults.late;
            if let Some(lost) = faults.unheard.iter().position(|lost| *lost == api) {
                faults.unheard.remove(lost);
                return;
            }
            if let Some((_, by)) = faults.stray.take_if(|(of, _)| *of == api) {
                late = late.max(by);
                self.order += 1;
                self.held.insert((self.last.max(now), self.order), BrokerEvent::Close(conn));
            }
        }
        let last = self.last_request.entry(of_broker).or_default();
        *last = (now + late).max(*last);
        if *last <= now {
            self.broker.request(of_broker, frame, now);
        } else {
            self.order += 1;
            self.coming.insert((*last, self.order), (of_broker, Some(frame)));
        }
    }

    fn disconnect(&mut self, conn: u64) {
        let Some(of_broker) = self.conns.remove(&conn) else { return };
        // What is on its way still arrives.
        match self.coming.values().any(|(conn, _)| *conn == of_broker) {
            true => {
                let last = self.last_request[&of_broker];
                self.order += 1;
                self.coming.insert((last, self.order), (of_broker, None));
            }
            false => self.broker.disconnect(of_broker),
        }
    }

    fn poll(&mut self, now: Duration) -> Vec<BrokerEvent> {
        let up = self.is_up(now);
        if up {
            let later = self.coming.split_off(&(now + Duration::from_nanos(1), 0));
            for (conn, frame) in std::mem::replace(&mut self.coming, later).into_values() {
                match frame {
                    Some(frame) => self.broker.request(conn, frame, now),
                    None => self.broker.disconnect(conn),
                }
            }
        }
        for action in if up { self.broker.poll(now) } else { Vec::new() } {
            let (name, event) = match action {
                Action::Respond { conn, frame } => {
                    let Some(name) = self.name(conn) else { continue };
                    let api = self.asked.remove(&(name, frame[..4].try_into().unwrap()));
                    let mut faults = self.faults.lock();
                    let spared = self.spared.contains(&name);
                    if !spared && api == Some(PRODUCE) && faults.no_acknowledgements {
                        continue;
                    }
                    let lost = faults.lost.iter().position(|lost| Some(*lost) == api);
                    if let (Some(lost), false) = (lost, spared) {
                        faults.lost.remove(lost);
                        continue;
                    }
                    (name, BrokerEvent::Frame(name, frame))
                }
                Action::Close { conn, .. } => match self.name(conn) {
                    Some(name) => (name, BrokerEvent::Close(name)),
                    None => continue,
                },
            };
            let mut faults = self.faults.lock();
            let spared = self.spared.contains(&name);
            self.last = self.last.max(now + faults.delay);
            self.order += 1;
            if !spared && faults.twice > 0 {
                faults.twice -= 1;
                self.held.insert((self.last, self.order), event.clone());
                self.order += 1;
            }
            self.held.insert((self.last, self.order), event);
        }
        let later = self.held.split_off(&(now + Duration::from_nanos(1), 0));
        std::mem::replace(&mut self.held, later).into_values().collect()
    }

    fn next_deadline(&self) -> Option<Duration> {
        let held = self.held.first_key_value().map(|((at, _), _)| *at);
        let faults = self.faults.lock();
        if faults.died {
            return held.into_iter().chain([faults.down_until]).min();
        }
        let coming = self.coming.first_key_value().map(|((at, _), _)| *at);
        [self.broker.next_deadline(), held, coming].into_iter().flatten().min()
    }
}

/// One broker, its network, the clock, and a client that looks from outside.
pub(crate) struct World {
    pub(crate) network: MemoryNetwork,
    pub(crate) faults: Faults,
    pub(crate) now: Duration,
    observer: Client,
    /// The same of committed transactions only.
    committed: Client,
    seed: u64,
    steps: u64,
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        let mut config = Config::default();
        config.seed = seed;
        World::with(config)
    }

    /// A world around a broker with these settings.
    pub(crate) fn with(config: Config) -> World {
        let seed = config.seed;
        let faults = Faults::default();
        let brokers = InMemory {
            broker: Broker::new(config),
            conns: BTreeMap::new(),
            next: 0,
            faults: faults.clone(),
            asked: BTreeMap::new(),
            held: BTreeMap::new(),
            last: START,
            coming: BTreeMap::new(),
            last_request: BTreeMap::new(),
            spared: BTreeSet::new(),
            order: 0,
        };
        let network = MemoryNetwork::new(Box::new(brokers), seed);
        let client = |isolation: &str| {
            let pairs = [
                ("bootstrap.servers", "127.0.0.1:9092"),
                ("client.id", OBSERVER),
                ("isolation.level", isolation),
            ];
            let (config, _) = ClientConfig::parse(pairs).expect("a configuration");
            Client::new(config, &Network::memory(&network))
        };
        let (observer, committed) = (client("read_uncommitted"), client("read_committed"));
        World { network, faults, now: START, observer, committed, seed, steps: 0 }
    }

    /// Something of the network at this moment; false when nothing is left to do before a later one.
    pub(crate) fn step(&mut self) -> bool {
        self.steps += 1;
        let (seed, lasted) = (self.seed, self.now.saturating_sub(START));
        assert!(self.steps < STEPS_MAX, "seed {seed}: no end after {lasted:?}");
        self.network.step(self.now)
    }

    /// Moves the clock to the network's next moment or to `other`, whichever is earlier.
    pub(crate) fn advance(&mut self, other: Option<Duration>) {
        let next = [self.network.next_deadline(), other].into_iter().flatten().min();
        let next = next.expect("something is still to happen");
        assert!(next > self.now, "seed {}: time stands still", self.seed);
        self.now = next;
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            if !self.step() {
                self.advance(Some(until));
            }
        }
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
        self.ends_as(topic, Isolation::ReadUncommitted)
    }

    /// Ends of what is decided in all partitions.
    pub(crate) fn stable_ends(&mut self, topic: &str) -> BTreeMap<i32, i64> {
        self.ends_as(topic, Isolation::ReadCommitted)
    }

    /// Whether there is such a topic.
    pub(crate) fn exists(&mut self, topic: &str) -> bool {
        let described = self.observer.metadata(&[topic]);
        self.wait(&described).remove(0).1.is_ok()
    }

    fn ends_as(&mut self, topic: &str, isolation: Isolation) -> BTreeMap<i32, i64> {
        let asked = self.partitions(topic).into_iter().map(|tp| (tp, OffsetSpec::Latest));
        let asked: Vec<_> = asked.collect();
        let listed = self.observer.list_offsets(&asked, isolation);
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
        self.read_as(topic, Isolation::ReadUncommitted)
    }

    /// The same of committed transactions.
    pub(crate) fn read_committed(&mut self, topic: &str) -> Vec<(i32, i64, String)> {
        self.read_as(topic, Isolation::ReadCommitted)
    }

    fn read_as(&mut self, topic: &str, isolation: Isolation) -> Vec<(i32, i64, String)> {
        let mut ends = self.ends_as(topic, isolation);
        ends.retain(|_, end| *end > 0);
        let client = match isolation {
            Isolation::ReadUncommitted => &self.observer,
            Isolation::ReadCommitted => &self.committed,
        };
        let mut consumer = client.consumer(Arc::new(|| ()));
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
            let mut batches = data.batches(isolation, true);
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
