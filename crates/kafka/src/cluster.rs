//! Routes requests to brokers: one connection per address and purpose, reconnects with back-off,
//! keeps the metadata cache fresh.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::apis::{AnyRequest, AnyResponse};
use crate::config::{Address, ClientConfig};
use crate::connection::{CallError, CallId, Connection, Output, Problem, Queued, Settings};
use crate::error::Error;
use crate::metadata::Metadata;
use crate::rng::Rng;
use crate::sasl::Exchange;

/// ApiVersions version of the first attempt: every broker since 2.4 has it, so that only very old
/// ones need a second round trip.
const NEGOTIATE_AT: i16 = 3;

/// While connections keep breaking before versions are agreed on, every third one asks in version 0.
const NEGOTIATE_ZERO_EVERY: u32 = 3;

/// Identifies a connection of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnId(pub(crate) u64);

/// What the transport has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Open a connection.
    Connect {
        /// Its id.
        conn: ConnId,
        /// Name or IP address; all addresses of a name are tried.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// Write a whole frame, length prefix included.
    Send {
        /// The connection.
        conn: ConnId,
        /// The bytes, in pieces: records are not copied.
        frame: Vec<Bytes>,
    },
    /// Close the connection; no more events of it are wanted.
    Close {
        /// The connection.
        conn: ConnId,
    },
}

/// A broker, or any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Any,
    Node(i32),
}

/// Requests of different purposes do not share a connection: brokers answer in order, and a long
/// poll would hold up everything behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// Metadata, coordinators, offsets, administration.
    Coordination,
    /// Produce requests.
    Produce,
    /// Long polls of one consumer.
    Fetch(u64),
    /// A member of a group: the coordinator answers when all members are there.
    Group(u64),
}

/// The machine that gets the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Metadata,
    Operation(u64),
    Consumer(u64),
    Producer(u64),
    Transaction(u64),
    Member(u64),
}

/// An answer on its way to its owner.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) call: CallId,
    pub(crate) owner: Owner,
    pub(crate) result: Result<AnyResponse, CallError>,
}

type SlotKey = (Address, Purpose);

#[derive(Debug, Default)]
struct Slot {
    open: Option<ConnId>,
    failures: u32,
    retry_at: Duration,
    /// Calls that wait for the end of the back-off.
    waiting: VecDeque<Queued>,
    /// Connections in a row that broke before versions were agreed on.
    broken_negotiations: u32,
}

impl Slot {
    /// The ApiVersions version to begin with. A connection can break for any reason, so it takes
    /// more than one to suspect a broker that resets connections on a newer ApiVersions; and one
    /// that merely restarts is asked in full again.
    fn negotiate_at(&self) -> i16 {
        if self.broken_negotiations % NEGOTIATE_ZERO_EVERY == NEGOTIATE_ZERO_EVERY - 1 {
            0
        } else {
            NEGOTIATE_AT
        }
    }
}

#[derive(Debug)]
struct Open {
    slot: SlotKey,
    machine: Connection,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) metadata: Metadata,
    pub(crate) rng: Rng,
    bootstrap: Vec<Address>,
    slots: BTreeMap<SlotKey, Slot>,
    connections: BTreeMap<ConnId, Open>,
    owners: BTreeMap<CallId, Owner>,
    /// What each broker told last about the feature `transaction.version`. It outlives connections:
    /// an answer may be looked at after its connection broke, and the next one may be of a version
    /// without features.
    transaction_versions: BTreeMap<Address, i16>,
    actions: VecDeque<Action>,
    completions: VecDeque<Completion>,
    next_conn: u64,
    next_call: u64,
    rotation: usize,
}

impl Cluster {
    pub(crate) fn new(config: Arc<ClientConfig>, seed: u64) -> Self {
        Self {
            metadata: Metadata::new(
                config.retry_backoff,
                config.metadata_max_age,
                config.metadata_max_idle,
            ),
            rng: Rng::new(seed),
            bootstrap: config.bootstrap.clone(),
            config,
            slots: BTreeMap::new(),
            connections: BTreeMap::new(),
            owners: BTreeMap::new(),
            transaction_versions: BTreeMap::new(),
            actions: VecDeque::new(),
            completions: VecDeque::new(),
            next_conn: 0,
            next_call: 0,
            rotation: 0,
        }
    }

    /// Sends `request`; the answer comes as a [`Completion`] for `owner`, within `timeout` of the
    /// moment it is written.
    pub(crate) fn send(
        &mut self,
        target: Target,
        purpose: Purpose,
        request: AnyRequest,
        timeout: Duration,
        owner: Owner,
        now: Duration,
    ) -> CallId {
        crate::crash::point("ask", request.api().name());
        let call = CallId(self.next_call);
        self.next_call += 1;
        self.owners.insert(call, owner);
        let address = match target {
            Target::Any => self.any_address(now),
            Target::Node(node) => self.metadata.address(node).cloned(),
        };
        let Some(address) = address else {
            let error = Error::unreachable("?", "the broker's address is not known")
                .in_api(request.api().name());
            self.complete(call, Err(CallError { error, maybe_sent: false }));
            return call;
        };
        let key = (address, purpose);
        let slot = self.slots.entry(key.clone()).or_default();
        match slot.open.and_then(|conn| self.connections.get_mut(&conn).map(|c| (conn, c))) {
            Some((conn, open)) => {
                open.machine.submit(call, request, timeout, now);
                self.drain(conn, now);
            }
            None => {
                slot.waiting.push_back((call, request, timeout));
                if slot.retry_at <= now {
                    self.open(&key, now);
                }
            }
        }
        call
    }

    /// Whether a broker has answered this client before.
    fn is_known(&self) -> bool {
        self.metadata.nodes().next().is_some()
    }

    /// How long a call may take, with all that is tried again for it.
    pub(crate) fn patience(&self) -> Duration {
        let ClientConfig { api_timeout, contact_timeout, .. } = *self.config;
        if self.is_known() { api_timeout } else { contact_timeout.min(api_timeout) }
    }

    /// The address that a target resolves to, for error texts.
    pub(crate) fn describe(&self, node: i32) -> String {
        self.metadata.address(node).map_or_else(|| format!("node {node}"), Address::to_string)
    }

    /// Level of the feature `transaction.version` that a broker has told last; 0 if none.
    pub(crate) fn transaction_version(&self, node: i32) -> i16 {
        self.metadata
            .address(node)
            .and_then(|address| self.transaction_versions.get(address).copied())
            .unwrap_or(0)
    }

    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub(crate) fn poll_completion(&mut self) -> Option<Completion> {
        self.completions.pop_front()
    }

    pub(crate) fn connected(&mut self, conn: ConnId, login: Option<Exchange>, now: Duration) {
        if let Some(open) = self.connections.get_mut(&conn) {
            open.machine.connected(login, now);
            self.drain(conn, now);
        }
    }

    pub(crate) fn received(&mut self, conn: ConnId, frame: Bytes, now: Duration) {
        if let Some(open) = self.connections.get_mut(&conn) {
            open.machine.received(frame, now);
            self.drain(conn, now);
        }
    }

    /// The call that the next frame answers, on a connection for fetches: such frames count
    /// against the memory budget.
    pub(crate) fn fetch_in_front(&self, conn: ConnId) -> Option<(CallId, Owner)> {
        let open = self.connections.get(&conn)?;
        let call = open.machine.in_front().filter(|_| matches!(open.slot.1, Purpose::Fetch(_)))?;
        self.owners.get(&call).map(|owner| (call, *owner))
    }

    /// The socket could not be opened, or is gone; answers the error of the calls on it.
    pub(crate) fn disconnected(
        &mut self,
        conn: ConnId,
        problem: &Problem,
        now: Duration,
    ) -> Option<Error> {
        let open = self.connections.get_mut(&conn)?;
        let error = open.machine.disconnected(problem);
        self.drain(conn, now);
        self.forget(conn, now);
        Some(error)
    }

    pub(crate) fn tick(&mut self, now: Duration) {
        let due: Vec<ConnId> = self
            .connections
            .iter()
            .filter(|(_, open)| open.machine.next_deadline().is_some_and(|at| at <= now))
            .map(|(conn, _)| *conn)
            .collect();
        for conn in due {
            if let Some(open) = self.connections.get_mut(&conn) {
                open.machine.tick(now);
                self.drain(conn, now);
            }
        }
        let due: Vec<SlotKey> = self
            .slots
            .iter()
            .filter(|(_, slot)| {
                slot.open.is_none() && !slot.waiting.is_empty() && slot.retry_at <= now
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in due {
            self.open(&key, now);
        }
        self.refresh_metadata(now);
    }

    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let connections = self.connections.values().filter_map(|open| open.machine.next_deadline());
        let slots = self
            .slots
            .values()
            .filter(|slot| slot.open.is_none() && !slot.waiting.is_empty())
            .map(|slot| slot.retry_at);
        connections.chain(slots).chain(self.metadata.next_deadline()).min()
    }

    /// An answer for the cache itself.
    pub(crate) fn metadata_answered(
        &mut self,
        result: Result<AnyResponse, CallError>,
        now: Duration,
    ) {
        match result {
            Ok(AnyResponse::Metadata(response)) => {
                self.metadata.answered(&response, now, &mut self.rng);
            }
            Ok(_) => {}
            Err(failed) => self.metadata.failed(failed.error, now, &mut self.rng),
        }
    }

    /// Closes the connections of a purpose: its consumer or producer is gone.
    pub(crate) fn close_purpose(&mut self, purpose: Purpose, now: Duration) {
        let gone: Vec<ConnId> = self
            .connections
            .iter()
            .filter(|(_, open)| open.slot.1 == purpose)
            .map(|(conn, _)| *conn)
            .collect();
        for conn in gone {
            self.actions.push_back(Action::Close { conn });
            if let Some(open) = self.connections.get_mut(&conn) {
                open.machine.lost(&Error::closed());
                self.drain(conn, now);
            }
            self.connections.remove(&conn);
        }
        self.slots.retain(|(_, of), _| *of != purpose);
    }

    pub(crate) fn close_all(&mut self) {
        for conn in std::mem::take(&mut self.connections).into_keys() {
            self.actions.push_back(Action::Close { conn });
        }
        self.slots.clear();
    }

    fn refresh_metadata(&mut self, now: Duration) {
        if let Some(request) = self.metadata.request(now) {
            let timeout = self.config.request_timeout;
            let call = self.send(
                Target::Any,
                Purpose::Coordination,
                request.into(),
                timeout,
                Owner::Metadata,
                now,
            );
            self.metadata.sent(call);
        }
    }

    /// A broker for what any of them can do: one that is connected before one that is not, one
    /// that has not failed before one that has, in turns. The bootstrap addresses always stay
    /// candidates, so that a client finds back after all brokers moved (KIP-1102).
    fn any_address(&mut self, now: Duration) -> Option<Address> {
        let mut candidates: Vec<Address> =
            self.metadata.nodes().map(|(_, address)| address.clone()).collect();
        for address in &self.bootstrap {
            if !candidates.contains(address) {
                candidates.push(address.clone());
            }
        }
        let count = candidates.len();
        if count == 0 {
            return None;
        }
        self.rotation = self.rotation.wrapping_add(1);
        let rotation = self.rotation;
        let rank = |(index, address): &(usize, &Address)| {
            let slot = self.slots.get(&((*address).clone(), Purpose::Coordination));
            let ready = slot
                .and_then(|slot| slot.open)
                .and_then(|conn| self.connections.get(&conn))
                .is_some_and(|open| open.machine.is_ready() && open.machine.has_room());
            let (failures, retry_at) =
                slot.map_or((0, Duration::ZERO), |slot| (slot.failures, slot.retry_at));
            let waits = retry_at.saturating_sub(now);
            (!ready, waits, failures, (index + rotation) % count)
        };
        candidates.iter().enumerate().min_by_key(rank).map(|(_, address)| address.clone())
    }

    fn open(&mut self, key: &SlotKey, now: Duration) {
        let trusted = self.is_known();
        let Some(slot) = self.slots.get_mut(key) else { return };
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        let settings = Settings {
            client_id: self.config.client_id.as_str().into(),
            max_in_flight: self.config.max_in_flight.max(1),
            request_timeout: self.config.request_timeout,
            idle_timeout: self.config.idle_timeout,
            tls: self.config.security.tls.is_some(),
            sasl: self.config.security.sasl.is_some(),
            trusted,
            // 85 to 95 %, as in Java, so that not all connections are replaced at once.
            session_percent: 85 + self.rng.below(11) as u64,
        };
        let patience = self.config.connect_timeout.after(slot.failures.max(1), &mut self.rng);
        let negotiate_at = slot.negotiate_at();
        let mut machine = Connection::new(
            key.0.to_string().into(),
            settings,
            negotiate_at,
            now.saturating_add(patience),
            now,
        );
        for (call, request, timeout) in slot.waiting.drain(..) {
            machine.submit(call, request, timeout, now);
        }
        slot.open = Some(conn);
        self.connections.insert(conn, Open { slot: key.clone(), machine });
        self.actions.push_back(Action::Connect {
            conn,
            host: key.0.host.clone(),
            port: key.0.port,
        });
    }

    /// Takes what a connection's machine wants.
    fn drain(&mut self, conn: ConnId, now: Duration) {
        loop {
            let Some(open) = self.connections.get_mut(&conn) else { return };
            match open.machine.poll_output() {
                Some(Output::Send(frame)) => self.actions.push_back(Action::Send { conn, frame }),
                Some(Output::Done(call, result)) => {
                    if result.is_ok()
                        && let Some(slot) = self.slots.get_mut(&open.slot)
                    {
                        slot.failures = 0;
                        slot.broken_negotiations = 0;
                        if let Some(level) = open.machine.transaction_version() {
                            self.transaction_versions.insert(open.slot.0.clone(), level);
                        }
                    }
                    self.complete(call, result);
                }
                Some(Output::Close) => {
                    self.actions.push_back(Action::Close { conn });
                    self.forget(conn, now);
                }
                Some(Output::Replace(waiting)) => {
                    self.actions.push_back(Action::Close { conn });
                    let Some(old) = self.connections.remove(&conn) else { return };
                    if let Some(slot) = self.slots.get_mut(&old.slot) {
                        slot.open = None;
                        slot.waiting = waiting;
                        if !slot.waiting.is_empty() {
                            self.open(&old.slot, now);
                        }
                    }
                    return;
                }
                Some(Output::CloseIdle) => {
                    self.actions.push_back(Action::Close { conn });
                    if let Some(open) = self.connections.remove(&conn) {
                        self.slots.remove(&open.slot);
                    }
                    return;
                }
                None => return,
            }
        }
    }

    /// The connection is gone: the next one waits for the back-off.
    fn forget(&mut self, conn: ConnId, now: Duration) {
        let Some(mut open) = self.connections.remove(&conn) else { return };
        while let Some(output) = open.machine.poll_output() {
            if let Output::Done(call, result) = output {
                self.complete(call, result);
            }
        }
        if let Some(slot) = self.slots.get_mut(&open.slot) {
            slot.open = None;
            slot.failures = slot.failures.saturating_add(1);
            slot.retry_at = now
                .saturating_add(self.config.reconnect_backoff.after(slot.failures, &mut self.rng));
            if open.machine.broke_while_negotiating() {
                slot.broken_negotiations = slot.broken_negotiations.wrapping_add(1);
            }
        }
        // A leader whose connection breaks may be none any more.
        self.metadata.refresh();
    }

    fn complete(&mut self, call: CallId, result: Result<AnyResponse, CallError>) {
        if let Some(owner) = self.owners.remove(&call) {
            self.completions.push_back(Completion { call, owner, result });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::testing::{Bench, MILLI, SECOND};
    use crate::wire::messages::find_coordinator::{
        FindCoordinatorRequest, FindCoordinatorResponse,
    };
    use crate::wire::messages::metadata::MetadataRequest;

    fn cluster(bootstrap: &str) -> Cluster {
        Cluster::new(Arc::new(ClientConfig::new(bootstrap).unwrap()), 1)
    }

    fn send(cluster: &mut Cluster, target: Target, purpose: Purpose, now: Duration) -> CallId {
        let request = MetadataRequest::default().into();
        cluster.send(target, purpose, request, 30 * SECOND, Owner::Operation(1), now)
    }

    /// Hosts that connections are opened to.
    fn connects(cluster: &mut Cluster) -> Vec<(ConnId, String)> {
        std::iter::from_fn(|| cluster.poll_action())
            .filter_map(|action| match action {
                Action::Connect { conn, host, .. } => Some((conn, host)),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_bootstrap_server_that_fails_is_left_for_another() {
        let mut c = cluster("a:1,b:1,c:1");
        let mut tried = Vec::new();
        for _ in 0..3 {
            let call = send(&mut c, Target::Any, Purpose::Coordination, SECOND);
            let (conn, host) = connects(&mut c).remove(0);
            tried.push(host);
            c.disconnected(conn, &Problem::broken("refused"), SECOND);
            let done = c.poll_completion().unwrap();
            assert_eq!(done.call, call);
            let failed = done.result.unwrap_err();
            assert!(!failed.maybe_sent);
            assert!(matches!(failed.error.kind(), ErrorKind::Unreachable { .. }));
        }
        tried.sort();
        assert_eq!(tried, ["a", "b", "c"]);
    }

    #[test]
    fn reconnects_wait_for_the_back_off() {
        let mut c = cluster("a:1");
        send(&mut c, Target::Any, Purpose::Coordination, SECOND);
        let (conn, _) = connects(&mut c).remove(0);
        c.disconnected(conn, &Problem::broken("refused"), SECOND);
        send(&mut c, Target::Any, Purpose::Coordination, SECOND);
        assert!(connects(&mut c).is_empty());
        c.tick(SECOND + 39 * MILLI);
        assert!(connects(&mut c).is_empty());
        c.tick(SECOND + 61 * MILLI);
        assert_eq!(connects(&mut c).len(), 1);
    }

    #[test]
    fn purposes_do_not_share_a_connection_but_equal_ones_do() {
        let mut c = cluster("a:1");
        let purposes =
            [Purpose::Coordination, Purpose::Produce, Purpose::Fetch(1), Purpose::Fetch(2)];
        for purpose in purposes.into_iter().chain(purposes) {
            send(&mut c, Target::Any, purpose, SECOND);
        }
        assert_eq!(connects(&mut c).len(), 4);
        c.close_purpose(Purpose::Fetch(1), SECOND);
        assert_eq!(c.poll_action(), Some(Action::Close { conn: ConnId(2) }));
    }

    #[test]
    fn a_node_without_address_is_unreachable_at_once() {
        let mut c = cluster("a:1");
        send(&mut c, Target::Node(7), Purpose::Produce, SECOND);
        assert!(c.poll_completion().unwrap().result.is_err());
    }

    #[test]
    fn opening_a_connection_is_bounded_in_time() {
        let mut c = cluster("a:1");
        send(&mut c, Target::Any, Purpose::Coordination, SECOND);
        assert_eq!(connects(&mut c).len(), 1);
        c.tick(14 * SECOND);
        assert!(c.poll_completion().unwrap().result.is_err());
    }
    /// Connects, asks for versions and breaks: the version that was asked in.
    fn break_while_negotiating(c: &mut Cluster, now: Duration) -> i16 {
        let (conn, _) = connects(c).remove(0);
        c.connected(conn, None, now);
        let Some(Action::Send { frame, .. }) = c.poll_action() else { panic!("nothing is sent") };
        c.disconnected(conn, &Problem::broken("reset"), now);
        let frame = frame.concat();
        i16::from_be_bytes([frame[6], frame[7]])
    }

    #[test]
    fn one_broken_connection_is_no_old_broker() {
        let mut c = cluster("a:1");
        let versions = (1..=6).map(|minute| {
            let now = minute * 60 * SECOND;
            send(&mut c, Target::Any, Purpose::Coordination, now);
            break_while_negotiating(&mut c, now)
        });
        assert_eq!(versions.collect::<Vec<_>>(), [3, 3, 0, 3, 3, 0]);
    }

    #[test]
    fn a_broker_that_asks_for_it_sends_the_client_back_to_its_bootstrap_servers() {
        let mut bench = Bench::new(&[]);
        bench.topic("t", 1, &[1]);
        let (now, rng) = (bench.now, &mut Rng::new(1));
        assert_eq!(bench.cluster.metadata.nodes().count(), 2);
        let response = crate::wire::messages::metadata::MetadataResponse {
            error_code: crate::wire::ErrorCode::REBOOTSTRAP_REQUIRED.0,
            ..Default::default()
        };
        bench.cluster.metadata.answered(&response, now, rng);
        assert_eq!(bench.cluster.metadata.nodes().count(), 0);
        assert_eq!(bench.cluster.any_address(now), bench.cluster.bootstrap.first().cloned());
        assert!(bench.cluster.metadata.request(now + SECOND).is_some(), "asked again");
    }

    #[test]
    fn features_are_remembered_when_an_answer_tells_none() {
        let mut bench = Bench::new(&[]);
        bench.transaction_version = 2;
        bench.topic("t", 1, &[1]);
        let ask = |bench: &mut Bench| {
            let request = FindCoordinatorRequest::default().into();
            let (node, purpose) = (Target::Node(1), Purpose::Coordination);
            bench.now += 60 * SECOND;
            bench.cluster.send(node, purpose, request, SECOND, Owner::Operation(1), bench.now);
        };
        let answer = |bench: &mut Bench| {
            let asked = bench.asked().remove(0);
            let response = FindCoordinatorResponse::default();
            bench.answer::<FindCoordinatorRequest>(&asked, &response);
            asked.conn
        };
        ask(&mut bench);
        let conn = answer(&mut bench);
        assert_eq!(bench.cluster.transaction_version(1), 2);
        bench.break_off(conn);
        for _ in 0..2 {
            ask(&mut bench);
            break_while_negotiating(&mut bench.cluster, bench.now);
        }
        ask(&mut bench);
        answer(&mut bench);
        assert_eq!(bench.cluster.transaction_version(1), 2, "asked in version 0");
    }
}
