//! A network without threads and sockets: deterministic for a seed, under a virtual clock.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::budget::{Budget, default_budget};
use crate::client::ClientShared;
use crate::cluster::{Action, ConnId};
use crate::connection::Problem;
use crate::core::{Core, Event};
use crate::pending::Waker;
use crate::rng::Rng;

/// Brokers on the other side of a [`MemoryNetwork`].
pub trait Responder: Send {
    /// Opens a connection; `None`: nothing listens there. The id must not have been used before.
    fn connect(&mut self, host: &str, port: u16, now: Duration) -> Option<u64>;

    /// Takes a request frame, without its length prefix.
    fn request(&mut self, conn: u64, frame: Bytes, now: Duration);

    /// The client closed a connection.
    fn disconnect(&mut self, conn: u64);

    /// What brokers have to say up to `now`.
    fn poll(&mut self, now: Duration) -> Vec<BrokerEvent>;

    /// When [`poll`](Self::poll) will have something because of time alone.
    fn next_deadline(&self) -> Option<Duration>;
}

/// No brokers: nothing listens at any address.
#[derive(Debug)]
pub struct Nobody;

impl Responder for Nobody {
    fn connect(&mut self, _: &str, _: u16, _: Duration) -> Option<u64> {
        None
    }

    fn request(&mut self, _: u64, _: Bytes, _: Duration) {}

    fn disconnect(&mut self, _: u64) {}

    fn poll(&mut self, _: Duration) -> Vec<BrokerEvent> {
        Vec::new()
    }

    fn next_deadline(&self) -> Option<Duration> {
        None
    }
}

/// What comes from a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerEvent {
    /// A response frame, without its length prefix.
    Frame(u64, Bytes),
    /// The broker closes a connection.
    Close(u64),
}

enum Message {
    ToClient(Event),
    ToBroker(Bytes),
}

struct Peer {
    core: Core,
    woken: Arc<AtomicBool>,
}

struct State {
    responder: Box<dyn Responder>,
    clients: BTreeMap<u64, Peer>,
    next_client: u64,
    /// Messages on their way, in order per connection and direction; the order among these is
    /// drawn from the seed.
    lanes: BTreeMap<(u64, ConnId, bool), VecDeque<Message>>,
    broker_conns: BTreeMap<(u64, ConnId), u64>,
    client_conns: BTreeMap<u64, (u64, ConnId)>,
    rng: Rng,
}

/// See the module. Clones are the same network.
#[derive(Clone)]
pub struct MemoryNetwork {
    state: Arc<Mutex<State>>,
    budget: Arc<Budget>,
}

impl MemoryNetwork {
    /// A network to the brokers behind `responder`; `seed` decides the order of deliveries and
    /// the jitter of clients.
    pub fn new(responder: Box<dyn Responder>, seed: u64) -> Self {
        let state = State {
            responder,
            clients: BTreeMap::new(),
            next_client: 0,
            lanes: BTreeMap::new(),
            broker_conns: BTreeMap::new(),
            client_conns: BTreeMap::new(),
            rng: Rng::new(seed),
        };
        Self { state: Arc::new(Mutex::new(state)), budget: default_budget() }
    }

    /// Delivers one message, or lets clients and brokers act on commands and on time. `false`:
    /// nothing more happens before [`next_deadline`](Self::next_deadline) or a command.
    pub fn step(&self, now: Duration) -> bool {
        self.lock().step(now)
    }

    /// Steps until nothing more happens at `now`.
    pub fn settle(&self, now: Duration) {
        while self.step(now) {}
    }

    /// When something happens because of time alone.
    pub fn next_deadline(&self) -> Option<Duration> {
        let state = self.lock();
        let clients = state.clients.values().filter_map(|peer| peer.core.next_deadline());
        clients.chain(state.responder.next_deadline()).min()
    }

    /// Lets `f` change the brokers: move leaders, cut connections.
    pub fn with_responder<T>(&self, f: impl FnOnce(&mut dyn Responder) -> T) -> T {
        f(&mut *self.lock().responder)
    }

    /// Cuts every connection, as a network failure would; both sides notice.
    pub fn cut_connections(&self) {
        let mut state = self.lock();
        let open: Vec<(u64, ConnId)> = state.broker_conns.keys().copied().collect();
        state.lanes.clear();
        for (client, conn) in open {
            state.disconnect_broker(client, conn);
            let problem = Problem::broken("the network was cut");
            let gone = Message::ToClient(Event::Disconnected { conn, problem });
            state.lanes.entry((client, conn, true)).or_default().push_back(gone);
        }
    }

    pub(super) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    pub(super) fn register(&self, shared: Arc<ClientShared>) -> Waker {
        let mut state = self.lock();
        let woken = Arc::new(AtomicBool::new(true));
        let flag = Arc::clone(&woken);
        let wake: Waker = Arc::new(move || flag.store(true, Ordering::Release));
        let id = state.next_client;
        state.next_client += 1;
        let seed = state.rng.next_u64();
        let core = Core::new(shared, Arc::clone(&self.budget), Arc::clone(&wake), seed);
        state.clients.insert(id, Peer { core, woken });
        wake
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn step(&mut self, now: Duration) -> bool {
        self.wake_clients(now) || self.poll_brokers(now) || self.deliver(now)
    }

    /// Clients with commands or with a deadline that is over.
    fn wake_clients(&mut self, now: Duration) -> bool {
        let due = self.clients.iter().find(|(_, peer)| {
            peer.woken.load(Ordering::Acquire)
                || peer.core.next_deadline().is_some_and(|at| at <= now)
        });
        let Some((&client, _)) = due else { return false };
        self.handle(client, Event::Tick, now);
        true
    }

    fn poll_brokers(&mut self, now: Duration) -> bool {
        let mut any = false;
        for event in self.responder.poll(now) {
            any = true;
            match event {
                BrokerEvent::Frame(conn, frame) => {
                    if let Some(&(client, conn)) = self.client_conns.get(&conn) {
                        let message = Message::ToClient(Event::Received { conn, frame });
                        self.lanes.entry((client, conn, true)).or_default().push_back(message);
                    }
                }
                BrokerEvent::Close(conn) => {
                    if let Some((client, conn)) = self.client_conns.remove(&conn) {
                        self.broker_conns.remove(&(client, conn));
                        let problem = Problem::broken("the broker closed the connection");
                        let message = Message::ToClient(Event::Disconnected { conn, problem });
                        self.lanes.entry((client, conn, true)).or_default().push_back(message);
                    }
                }
            }
        }
        any
    }

    fn deliver(&mut self, now: Duration) -> bool {
        let drawn = self.rng.below(self.lanes.len());
        let Some(key) = self.lanes.keys().nth(drawn).copied() else { return false };
        let Some(lane) = self.lanes.get_mut(&key) else { return false };
        let message = lane.pop_front();
        if lane.is_empty() {
            self.lanes.remove(&key);
        }
        let (client, conn, _) = key;
        match message {
            Some(Message::ToClient(event)) => self.handle(client, event, now),
            Some(Message::ToBroker(frame)) => {
                if let Some(&broker) = self.broker_conns.get(&(client, conn)) {
                    self.responder.request(broker, frame, now);
                }
            }
            None => {}
        }
        true
    }

    fn handle(&mut self, client: u64, event: Event, now: Duration) {
        let Some(peer) = self.clients.get_mut(&client) else { return };
        // Cleared first: what is queued from here on wakes again.
        peer.woken.store(false, Ordering::Release);
        peer.core.handle(event, now);
        let mut actions = Vec::new();
        while let Some(action) = peer.core.poll_action() {
            actions.push(action);
        }
        if peer.core.is_closed() {
            self.clients.remove(&client);
        }
        for action in actions {
            self.act(client, action, now);
        }
    }

    fn act(&mut self, client: u64, action: Action, now: Duration) {
        match action {
            Action::Connect { conn, host, port } => {
                let event = match self.responder.connect(&host, port, now) {
                    Some(broker) => {
                        self.broker_conns.insert((client, conn), broker);
                        self.client_conns.insert(broker, (client, conn));
                        // Brokers in memory know no users.
                        Event::Connected { conn, login: None }
                    }
                    None => {
                        let problem = Problem::broken("connection refused");
                        Event::ConnectFailed { conn, problem }
                    }
                };
                let message = Message::ToClient(event);
                self.lanes.entry((client, conn, true)).or_default().push_back(message);
            }
            Action::Send { conn, frame } => {
                let frame = Bytes::from(frame.concat());
                let body = frame.slice(crate::wire::frame::PREFIX_BYTES.min(frame.len())..);
                let message = Message::ToBroker(body);
                self.lanes.entry((client, conn, false)).or_default().push_back(message);
            }
            Action::Close { conn } => {
                self.disconnect_broker(client, conn);
                self.lanes.remove(&(client, conn, true));
                self.lanes.remove(&(client, conn, false));
            }
        }
    }

    fn disconnect_broker(&mut self, client: u64, conn: ConnId) {
        if let Some(broker) = self.broker_conns.remove(&(client, conn)) {
            self.client_conns.remove(&broker);
            self.responder.disconnect(broker);
        }
    }
}

impl fmt::Debug for MemoryNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryNetwork").finish_non_exhaustive()
    }
}
