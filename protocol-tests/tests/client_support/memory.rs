//! The client and a broker in one thread, under a virtual clock and a seed.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use brooklet_devbroker::{Action, Broker, Config, ConnId};
use brooklet_kafka::pending::Pending;
use brooklet_kafka::transport::{BrokerEvent, MemoryNetwork, Responder};
use brooklet_kafka::{Client, ClientConfig, Network, NewTopic};
use bytes::Bytes;

/// 2026, in the virtual clock: brokers forget old producers.
pub const START: Duration = Duration::from_secs(1_790_000_000);

/// The dev broker behind a [`MemoryNetwork`].
pub struct InMemory {
    broker: Broker,
    conns: BTreeMap<u64, ConnId>,
    next: u64,
    answers: u64,
    lose_every: Option<u64>,
}

impl InMemory {
    pub fn new(seed: u64) -> Self {
        let mut config = Config::default();
        config.seed = seed;
        Self::with(config)
    }

    pub fn with(config: Config) -> Self {
        let (conns, answers) = (BTreeMap::new(), config.seed);
        Self { broker: Broker::new(config), conns, next: 0, answers, lose_every: None }
    }

    /// Loses every `every`th answer, and its connection.
    pub fn losing(self, every: Option<u64>) -> Self {
        Self { lose_every: every, ..self }
    }

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
        if let Some(conn) = self.conns.get(&conn) {
            self.broker.request(*conn, frame, now);
        }
    }

    fn disconnect(&mut self, conn: u64) {
        if let Some(conn) = self.conns.remove(&conn) {
            self.broker.disconnect(conn);
        }
    }

    fn poll(&mut self, now: Duration) -> Vec<BrokerEvent> {
        let mut out = Vec::new();
        for action in self.broker.poll(now) {
            match action {
                Action::Respond { conn, frame } => {
                    let Some(name) = self.name(conn) else { continue };
                    self.answers += 1;
                    if self.lose_every.is_some_and(|every| self.answers.is_multiple_of(every)) {
                        self.disconnect(name);
                        out.push(BrokerEvent::Close(name));
                    } else {
                        out.push(BrokerEvent::Frame(name, frame));
                    }
                }
                Action::Close { conn, .. } => {
                    out.extend(self.name(conn).map(BrokerEvent::Close));
                }
            }
        }
        out
    }

    fn next_deadline(&self) -> Option<Duration> {
        self.broker.next_deadline()
    }
}

/// A client, its broker and the time.
pub struct World {
    pub network: MemoryNetwork,
    pub client: Client,
    pub now: Duration,
    pub steps: u64,
}

impl World {
    pub fn new(seed: u64, pairs: &[(&str, &str)]) -> Self {
        Self::with(Box::new(InMemory::new(seed)), seed, pairs)
    }

    /// A client against any brokers.
    pub fn with(responder: Box<dyn Responder>, seed: u64, pairs: &[(&str, &str)]) -> Self {
        let network = MemoryNetwork::new(responder, seed);
        let bootstrap = ("bootstrap.servers", "127.0.0.1:9092");
        let (config, _) = ClientConfig::parse([bootstrap].iter().chain(pairs).copied()).unwrap();
        let client = Client::new(config, &Network::memory(&network));
        Self { network, client, now: START, steps: 0 }
    }

    /// One step, or the next moment at which something happens.
    pub fn step(&mut self) {
        self.steps += 1;
        if !self.network.step(self.now) {
            let next = self.network.next_deadline().expect("something is still to happen");
            assert!(next > self.now, "time stands still");
            self.now = next;
        }
    }

    /// Up to `count` steps, as long as something happens at this moment.
    pub fn steps_at_once(&self, count: u64) {
        for _ in 0..count {
            if !self.network.step(self.now) {
                return;
            }
        }
    }

    pub fn wait<T>(&mut self, pending: &Pending<brooklet_kafka::Result<T>>) -> T {
        loop {
            if let Some(result) = pending.try_take() {
                return result.unwrap();
            }
            self.step();
        }
    }

    pub fn create(&mut self, topic: &str, partitions: i32) {
        let created = self.client.create_topics(&[NewTopic::new(topic, partitions)]);
        self.wait(&created).into_iter().for_each(|(_, result)| result.unwrap());
    }
}

/// A waker for those who look anyway.
pub fn nothing() -> Arc<dyn Fn() + Send + Sync> {
    Arc::new(|| ())
}
