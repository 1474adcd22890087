//! The state machine: connections, request order, parked requests.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::api::{self, Outcome, Parked};
use crate::cluster::Cluster;
use crate::config::Config;
use crate::wire;

/// One client connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(u64);

/// What the owner of the sockets has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this frame, which has no length prefix, on the connection.
    Respond {
        /// The connection.
        conn: ConnId,
        /// Response header and body.
        frame: Bytes,
    },
    /// Close the connection once the frames before it are sent.
    Close {
        /// The connection, unknown to the broker from now on.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
    },
}

/// Why the broker ended a connection. API keys and versions are those of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// More connections than [`crate::Limits::connections_max`].
    TooManyConnections,
    /// A frame too short for a request header.
    ShortFrame,
    /// A frame above [`crate::Limits::frame_bytes_max`].
    LongFrame {
        /// Bytes of the frame.
        bytes: usize,
    },
    /// An API that the broker does not offer.
    UnsupportedApi {
        /// API key.
        key: i16,
    },
    /// A version that the broker does not offer.
    UnsupportedVersion {
        /// API key.
        key: i16,
        /// API version.
        version: i16,
    },
    /// A request that is not what its layout says.
    Malformed {
        /// API key.
        key: i16,
        /// What is wrong.
        detail: String,
    },
    /// More requests behind a parked one than [`crate::Limits::queued_requests_max`].
    TooManyRequests,
    /// A batch sent without acknowledgement was refused; closing is the only way to say so.
    RefusedWithoutAck {
        /// The error that an acknowledged batch would have got.
        error: String,
    },
    /// A response above [`crate::Limits::response_bytes_max`].
    ResponseTooLarge {
        /// API key.
        key: i16,
        /// Bytes of the response.
        bytes: usize,
    },
    /// A response could not be encoded: a defect of the broker.
    Internal {
        /// API key.
        key: i16,
        /// What the codec said.
        detail: String,
    },
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyConnections => f.write_str("too many connections"),
            Self::ShortFrame => f.write_str("the frame is too short for a request header"),
            Self::LongFrame { bytes } => write!(f, "a frame of {bytes} bytes is above the limit"),
            Self::UnsupportedApi { key } => write!(f, "API {key} is not offered"),
            Self::UnsupportedVersion { key, version } => {
                write!(f, "version {version} of API {key} is not offered")
            }
            Self::Malformed { key, detail } => {
                write!(f, "malformed request of API {key}: {detail}")
            }
            Self::TooManyRequests => f.write_str("too many requests wait on the connection"),
            Self::RefusedWithoutAck { error } => {
                write!(f, "a batch sent with acks=0 was refused: {error}")
            }
            Self::ResponseTooLarge { key, bytes } => {
                write!(f, "the response of API {key} would take {bytes} bytes")
            }
            Self::Internal { key, detail } => {
                write!(f, "the response of API {key} was not encoded: {detail}")
            }
        }
    }
}

/// Figures about a running broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Bytes of stored batches with their bookkeeping.
    pub stored_bytes: usize,
    /// Batches that retention removed since the start.
    pub dropped_batches: u64,
    /// Open connections.
    pub connections: usize,
}

#[derive(Debug, Default)]
struct Connection {
    waiting: VecDeque<Bytes>,
    parked: Option<Parked>,
}

/// A single-node broker as a pure state machine.
///
/// `now` is the time since the Unix epoch and never goes back; it stamps LogAppendTime topics and
/// measures waits. Requests of one connection are answered one after another in their order, as
/// Kafka does: a request behind a parked one waits for it.
#[derive(Debug)]
pub struct Broker {
    cluster: Cluster,
    connections: BTreeMap<ConnId, Connection>,
    deadlines: BTreeSet<(Duration, ConnId)>,
    /// Connections with a request to look at.
    runnable: VecDeque<ConnId>,
    actions: Vec<Action>,
    next_connection: u64,
}

impl Broker {
    /// A broker without topics.
    pub fn new(config: Config) -> Self {
        Self {
            cluster: Cluster::new(config),
            connections: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            runnable: VecDeque::new(),
            actions: Vec::new(),
            next_connection: 0,
        }
    }

    /// The settings the broker runs with.
    pub fn config(&self) -> &Config {
        &self.cluster.config
    }

    /// Changes where clients are told to connect to.
    pub fn advertise(&mut self, host: &str, port: u16) {
        self.cluster.config.advertised_host = host.to_owned();
        self.cluster.config.advertised_port = port;
    }

    /// Changes [`Config::marker_delay`] for what is decided from now on.
    pub fn delay_markers(&mut self, by: Duration) {
        self.cluster.config.marker_delay = by;
        self.cluster.transactions.delay_markers(by);
    }

    /// The broker has died and is there again at `now`: its connections and fetch sessions are gone,
    /// what Kafka keeps on disks is there, members of groups too, and the markers of transactions
    /// that were decided are still to be written.
    pub fn restart(&mut self, now: Duration) {
        self.connections.clear();
        self.deadlines.clear();
        self.runnable.clear();
        self.actions.clear();
        self.cluster.reload(now);
    }

    /// Opens a connection. Beyond the limit the next [`Broker::poll`] closes it.
    pub fn connect(&mut self) -> ConnId {
        let conn = ConnId(self.next_connection);
        self.next_connection += 1;
        if self.connections.len() >= self.cluster.config.limits.connections_max {
            self.actions.push(Action::Close { conn, reason: CloseReason::TooManyConnections });
        } else {
            self.connections.insert(conn, Connection::default());
        }
        conn
    }

    /// The peer has gone: what its connection waits for is dropped.
    pub fn disconnect(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.remove(&conn)
            && let Some(parked) = connection.parked
        {
            self.deadlines.remove(&(parked.deadline(), conn));
        }
    }

    /// Whether nothing waits on the connection, so that its next request is answered at once.
    /// A shell reads from the socket only then.
    pub fn is_idle(&self, conn: ConnId) -> bool {
        self.connections
            .get(&conn)
            .is_none_or(|connection| connection.parked.is_none() && connection.waiting.is_empty())
    }

    /// Takes one request frame, without its length prefix. Unknown connections are ignored.
    pub fn request(&mut self, conn: ConnId, frame: Bytes, now: Duration) {
        let limits = &self.cluster.config.limits;
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if frame.len() > limits.frame_bytes_max {
            let bytes = frame.len();
            return self.close(conn, CloseReason::LongFrame { bytes });
        }
        if connection.waiting.len() >= limits.queued_requests_max {
            return self.close(conn, CloseReason::TooManyRequests);
        }
        connection.waiting.push_back(frame);
        self.runnable.push_back(conn);
        self.run(now);
    }

    /// Lets `now` pass and hands out what is to be done, in order.
    pub fn poll(&mut self, now: Duration) -> Vec<Action> {
        self.tick(now);
        std::mem::take(&mut self.actions)
    }

    /// Answers the parked requests whose wait is over and ends what has lasted too long.
    pub fn tick(&mut self, now: Duration) {
        while let Some((deadline, conn)) = self.deadlines.first().copied() {
            if deadline > now {
                break;
            }
            self.complete(conn, now);
        }
        self.cluster.expire(now);
        self.wake(now);
        self.run(now);
    }

    /// When [`Broker::tick`] has something to do next.
    pub fn next_deadline(&self) -> Option<Duration> {
        let parked = self.deadlines.first().map(|(deadline, _)| *deadline);
        let transactions = self.cluster.transactions.next_deadline();
        let members = self.cluster.groups.members.next_deadline();
        let consumers = self.cluster.groups.consumers.next_deadline();
        parked.into_iter().chain(transactions).chain(members).chain(consumers).min()
    }

    /// Figures of this moment.
    pub fn stats(&self) -> Stats {
        Stats {
            stored_bytes: self.cluster.topics.stored_bytes(),
            dropped_batches: self.cluster.topics.dropped_batches(),
            connections: self.connections.len(),
        }
    }

    fn run(&mut self, now: Duration) {
        while let Some(conn) = self.runnable.pop_front() {
            let Some(connection) = self.connections.get_mut(&conn) else { continue };
            if connection.parked.is_some() {
                continue;
            }
            let Some(frame) = connection.waiting.pop_front() else { continue };
            if !connection.waiting.is_empty() {
                self.runnable.push_back(conn);
            }
            match self.answer(&frame, now) {
                Ok(Outcome::Respond(frame)) => self.actions.push(Action::Respond { conn, frame }),
                Ok(Outcome::Silent) => {}
                Ok(Outcome::Park(parked)) => self.park(conn, parked),
                Err(reason) => self.close(conn, reason),
            }
            self.wake(now);
        }
    }

    fn answer(&mut self, frame: &Bytes, now: Duration) -> Result<Outcome, CloseReason> {
        self.cluster.expire(now);
        let incoming = wire::read(frame, self.cluster.config.limits.request_elements_max)?;
        api::answer(&mut self.cluster, incoming, now)
    }

    fn park(&mut self, conn: ConnId, parked: Parked) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            self.deadlines.insert((parked.deadline(), conn));
            connection.parked = Some(parked);
        }
    }

    /// Tells parked requests what changed and answers those that have what they wait for.
    fn wake(&mut self, now: Duration) {
        let touched = std::mem::take(&mut self.cluster.touched);
        let regrouped = self.cluster.groups.members.take_changed();
        if touched.is_empty() && !regrouped {
            return;
        }
        let mut satisfied = Vec::new();
        for (_, conn) in &self.deadlines {
            let parked = self.connections.get_mut(conn).and_then(|open| open.parked.as_mut());
            if parked.is_some_and(|parked| parked.is_satisfied(&self.cluster, &touched)) {
                satisfied.push(*conn);
            }
        }
        for conn in satisfied {
            self.complete(conn, now);
        }
    }

    /// Answers the parked request of `conn` with what there is.
    fn complete(&mut self, conn: ConnId, now: Duration) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let Some(parked) = connection.parked.take() else { return };
        self.deadlines.remove(&(parked.deadline(), conn));
        if !connection.waiting.is_empty() {
            self.runnable.push_back(conn);
        }
        match parked.finish(&mut self.cluster, now) {
            Ok(frame) => self.actions.push(Action::Respond { conn, frame }),
            Err(reason) => self.close(conn, reason),
        }
    }

    fn close(&mut self, conn: ConnId, reason: CloseReason) {
        self.disconnect(conn);
        self.actions.push(Action::Close { conn, reason });
    }
}
