//! Sockets: one thread for the process, one task per client that drives its machine, one task
//! per connection and direction. Nothing here decides anything.

mod aws;
mod http;
mod login;

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use self::login::Logins;
use crate::budget::{Budget, default_budget};
use crate::client::ClientShared;
use crate::cluster::{Action, ConnId};
use crate::config::{ClientConfig, Security};
use crate::connection::Problem;
use crate::core::{Core, Event};
use crate::limits::{
    ADDRESS_HEAD_START, FRAME_RESERVE_MAX, FRAME_RESERVE_RATIO, SOCKET_WRITE_SLICES_MAX,
};
use crate::pending::Waker;
use crate::tls::problem::{BROKER, explain};
use crate::wire::frame::{PREFIX_BYTES, frame_length};

/// The I/O thread of the process.
pub(super) struct IoThread {
    runtime: OnceLock<Option<Handle>>,
    budget: Arc<Budget>,
}

impl IoThread {
    /// The one that all clients share.
    pub(super) fn shared() -> Arc<Self> {
        static SHARED: OnceLock<Arc<IoThread>> = OnceLock::new();
        let thread = SHARED
            .get_or_init(|| Arc::new(Self { runtime: OnceLock::new(), budget: default_budget() }));
        Arc::clone(thread)
    }

    pub(super) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// Takes a client in.
    pub(super) fn register(&self, shared: Arc<ClientShared>) -> Waker {
        let notify = Arc::new(Notify::new());
        let wake: Waker = {
            let notify = Arc::clone(&notify);
            Arc::new(move || notify.notify_one())
        };
        let seed = RandomState::new().build_hasher().finish();
        let config = Arc::clone(&shared.config);
        let core = Core::new(shared, Arc::clone(&self.budget), Arc::clone(&wake), seed);
        match self.runtime.get_or_init(start) {
            Some(handle) => {
                handle.spawn(Driver::new(core, notify, config).run());
            }
            // Without a thread nothing can ever be answered: dropping the machine says so.
            None => drop(core),
        }
        wake
    }
}

/// Starts the thread; `None` if the system refuses one more.
fn start() -> Option<Handle> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("kafka-io".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))
        .ok()?;
    Some(handle)
}

type Events = Arc<Mutex<VecDeque<Event>>>;

/// Drives the machine of one client.
struct Driver {
    core: Core,
    notify: Arc<Notify>,
    events: Events,
    connections: BTreeMap<ConnId, Link>,
    started: Instant,
    config: Arc<ClientConfig>,
    logins: Arc<Logins>,
}

/// A connection as the driver sees it; dropping it closes the socket.
struct Link {
    frames: mpsc::UnboundedSender<Vec<Bytes>>,
    task: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Driver {
    fn new(core: Core, notify: Arc<Notify>, config: Arc<ClientConfig>) -> Self {
        Self {
            core,
            notify,
            events: Events::default(),
            connections: BTreeMap::new(),
            started: Instant::now(),
            config,
            logins: Arc::default(),
        }
    }

    async fn run(mut self) {
        loop {
            self.turn();
            if self.core.is_closed() {
                return;
            }
            match self.core.next_deadline() {
                Some(at) => {
                    let sleep = tokio::time::sleep_until(self.started + at);
                    tokio::select! {
                        () = self.notify.notified() => {}
                        () = sleep => {}
                    }
                }
                None => self.notify.notified().await,
            }
        }
    }

    /// Hands all events to the machine and does what it wants.
    fn turn(&mut self) {
        let now = self.started.elapsed();
        let events =
            std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner));
        if events.is_empty() {
            self.core.handle(Event::Tick, now);
        }
        for event in events {
            if let Event::ConnectFailed { conn, .. } | Event::Disconnected { conn, .. } = &event {
                self.connections.remove(conn);
            }
            self.core.handle(event, now);
        }
        while let Some(action) = self.core.poll_action() {
            match action {
                Action::Connect { conn, host, port } => self.connect(conn, host, port),
                Action::Send { conn, frame } => {
                    if let Some(link) = self.connections.get(&conn) {
                        // A task that is gone has reported so: the event is on its way.
                        drop(link.frames.send(frame));
                    }
                }
                Action::Close { conn } => {
                    self.connections.remove(&conn);
                }
            }
        }
    }

    fn connect(&mut self, conn: ConnId, host: String, port: u16) {
        let (frames, queue) = mpsc::unbounded_channel();
        let report =
            Report { conn, events: Arc::clone(&self.events), notify: Arc::clone(&self.notify) };
        let peer =
            Peer { host, port, config: Arc::clone(&self.config), logins: Arc::clone(&self.logins) };
        let task = tokio::spawn(connection(peer, queue, report));
        self.connections.insert(conn, Link { frames, task });
    }
}

/// Whom a connection goes to, and how.
struct Peer {
    host: String,
    port: u16,
    config: Arc<ClientConfig>,
    logins: Arc<Logins>,
}

/// Where a connection's task tells what happened.
struct Report {
    conn: ConnId,
    events: Events,
    notify: Arc<Notify>,
}

impl Report {
    fn send(&self, event: Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push_back(event);
        self.notify.notify_one();
    }
}

/// The life of one connection.
async fn connection(peer: Peer, frames: mpsc::UnboundedReceiver<Vec<Bytes>>, report: Report) {
    let conn = report.conn;
    let Security { tls, sasl } = &peer.config.security;
    let opened = async {
        let socket =
            open(&peer.host, peer.port).await.map_err(|e| Problem::broken(e.to_string()))?;
        let stream = match tls {
            None => Stream::Plain(socket),
            Some(tls) => Stream::Tls(Box::new(secure(tls.config(), &peer.host, socket).await?)),
        };
        let login = match sasl {
            None => None,
            Some(sasl) => Some(peer.logins.exchange(sasl, &peer.host).await?),
        };
        Ok((stream, login))
    };
    let (stream, login) = match opened.await {
        Ok(opened) => opened,
        Err(problem) => return report.send(Event::ConnectFailed { conn, problem }),
    };
    report.send(Event::Connected { conn, login });
    let error = match stream {
        Stream::Plain(stream) => {
            let (reader, writer) = stream.into_split();
            serve(reader, writer, frames, &report, &peer).await
        }
        Stream::Tls(stream) => {
            let (reader, writer) = tokio::io::split(*stream);
            serve(reader, writer, frames, &report, &peer).await
        }
    };
    let problem = explain(&error, &peer.host, false, BROKER);
    report.send(Event::Disconnected { conn, problem });
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

/// Opens a TLS session. The name of the host goes to the broker too (SNI), unless it is an address.
async fn secure(
    config: Arc<rustls::ClientConfig>,
    host: &str,
    socket: TcpStream,
) -> Result<TlsStream, Problem> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Problem::refused(format!("'{host}' is no host name")))?;
    let opened = TlsConnector::from(config).connect(name, socket).await;
    opened.map_err(|error| explain(&error, host, true, BROKER))
}

/// Moves frames until the connection breaks.
async fn serve(
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    mut frames: mpsc::UnboundedReceiver<Vec<Bytes>>,
    report: &Report,
    peer: &Peer,
) -> io::Error {
    let max_frame = peer.config.response_max_bytes;
    tokio::select! {
        error = read_frames(&mut reader, report, max_frame) => error,
        error = write_frames(&mut writer, &mut frames) => error,
    }
}

/// Opens a connection to any address of the name (`client.dns.lookup = use_all_dns_ips`): each
/// gets a head start over the next, so that one that swallows packets holds nobody up (RFC 8305).
async fn open(host: &str, port: u16) -> io::Result<TcpStream> {
    first_to_connect(lookup_host((host, port)).await?.collect()).await
}

async fn first_to_connect(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut rest = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        if let Some(address) = rest.next() {
            attempts.spawn(TcpStream::connect(address));
        }
        tokio::select! {
            done = attempts.join_next() => match done {
                Some(Ok(Ok(stream))) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Some(Ok(Err(error))) => last = error,
                Some(Err(stopped)) => last = io::Error::other(stopped),
                None => return Err(last),
            },
            () = tokio::time::sleep(ADDRESS_HEAD_START), if rest.len() > 0 => {}
        }
    }
}

/// Reads until the connection breaks: each frame into one allocation of its own size, checked
/// first. Frames above [`FRAME_RESERVE_MAX`] get the rest of it when that much has arrived.
async fn read_frames(
    reader: &mut (impl AsyncRead + Unpin),
    report: &Report,
    max_frame: usize,
) -> io::Error {
    loop {
        match read_frame(reader, max_frame).await {
            Ok(frame) => report.send(Event::Received { conn: report.conn, frame }),
            Err(error) => return error,
        }
    }
}

/// Whether a frame begins like the alert with which a listener with TLS answers plain text. As a
/// length it would be above every limit.
fn is_tls_alert(prefix: [u8; PREFIX_BYTES]) -> bool {
    matches!(prefix, [0x15, 3, 0..=4, 0])
}

async fn read_frame(reader: &mut (impl AsyncRead + Unpin), max_frame: usize) -> io::Result<Bytes> {
    let mut prefix = [0; PREFIX_BYTES];
    reader.read_exact(&mut prefix).await?;
    if is_tls_alert(prefix) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            rustls::Error::General(
                "the broker answers with TLS; security.protocol must be SSL or SASL_SSL here"
                    .to_owned(),
            ),
        ));
    }
    // A token of a broker before 1.0 may be empty; anywhere else the connection refuses the frame.
    if prefix == [0; PREFIX_BYTES] {
        return Ok(Bytes::new());
    }
    let length = frame_length(prefix, max_frame)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let mut frame = Vec::with_capacity(length.min(FRAME_RESERVE_MAX));
    let mut rest = reader.take(length as u64);
    while frame.len() < length {
        if frame.len() == frame.capacity() {
            // Neither more than the frame needs, as a vector that grows by itself takes, nor in many steps: while it is
            // copied, a frame is there twice.
            let paid_for = frame.len().saturating_mul(FRAME_RESERVE_RATIO);
            frame.reserve_exact(length.min(paid_for) - frame.len());
        }
        if rest.read_buf(&mut frame).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(frame.into())
}

/// Writes whatever is queued, as much of it as possible with one system call.
async fn write_frames(
    writer: &mut (impl AsyncWrite + Unpin),
    frames: &mut mpsc::UnboundedReceiver<Vec<Bytes>>,
) -> io::Error {
    let mut queued: VecDeque<Bytes> = VecDeque::new();
    let mut passed = Passed::default();
    loop {
        match frames.recv().await {
            Some(frame) => {
                passed.queue(&frame);
                queued.extend(frame);
            }
            // The driver is gone, and with it this task in a moment.
            None => std::future::pending::<()>().await,
        }
        while let Ok(frame) = frames.try_recv() {
            passed.queue(&frame);
            queued.extend(frame);
        }
        while !queued.is_empty() {
            let slices: Vec<IoSlice<'_>> = queued
                .iter()
                .take(SOCKET_WRITE_SLICES_MAX)
                .map(|piece| IoSlice::new(piece))
                .collect();
            match writer.write_vectored(&slices).await {
                Ok(0) => return io::ErrorKind::WriteZero.into(),
                Ok(written) => advance(&mut queued, written),
                Err(error) => return error,
            }
        }
        // TLS may still hold the end of it.
        if let Err(error) = writer.flush().await {
            return error;
        }
        passed.sent();
    }
}

/// Requests that were written, for [`crate::crash`]; a release build has no memory of them.
#[derive(Default)]
struct Passed {
    #[cfg(debug_assertions)]
    keys: Vec<i16>,
}

impl Passed {
    #[cfg_attr(
        not(debug_assertions),
        expect(clippy::unused_self, reason = "only debug builds remember")
    )]
    fn queue(&mut self, _frame: &[Bytes]) {
        #[cfg(debug_assertions)]
        if let Some([high, low]) = _frame.first().and_then(|head| head.get(4..6)) {
            self.keys.push(i16::from_be_bytes([*high, *low]));
        }
    }

    #[cfg_attr(
        not(debug_assertions),
        expect(clippy::unused_self, reason = "only debug builds remember")
    )]
    fn sent(&mut self) {
        #[cfg(debug_assertions)]
        for key in self.keys.drain(..) {
            crate::crash::point("sent", crate::apis::Api::name_of(key));
        }
    }
}

/// Drops the first `written` bytes.
fn advance(queued: &mut VecDeque<Bytes>, mut written: usize) {
    while let Some(front) = queued.front_mut() {
        if written < front.len() {
            drop(front.split_to(written));
            return;
        }
        written -= front.len();
        queued.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;
    use crate::config::ClientConfig;
    use crate::error::ErrorKind;
    use crate::transport::{Kind, Network};

    /// `client.dns.lookup = use_all_dns_ips`: a name may have addresses of machines that are gone, of either family.
    #[tokio::test]
    async fn every_address_of_a_name_is_tried() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = listener.local_addr().unwrap();
        let dead = |at: &str| SocketAddr::new(at.parse().unwrap(), 1);
        for addresses in [
            vec![live],
            vec![dead("::1"), dead("127.0.0.1"), live],
            // It swallows packets, or has no route at all.
            vec![dead("192.0.2.1"), live, dead("127.0.0.1")],
        ] {
            let stream = first_to_connect(addresses.clone()).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), live, "{addresses:?}");
            listener.accept().await.unwrap();
        }
        assert!(first_to_connect(vec![dead("::1"), dead("127.0.0.1")]).await.is_err());
        assert!(first_to_connect(vec![]).await.unwrap_err().to_string().contains("no address"));
    }

    /// A frame that is refused, one that is announced only, and a long one that comes: each costs what was paid for it.
    #[test]
    fn frames_take_the_memory_of_what_arrives() {
        const LENGTH: usize = 3 * FRAME_RESERVE_MAX;
        let run = |announced: usize, arrives: usize| {
            let prefix = u32::try_from(announced).unwrap().to_be_bytes();
            let body = tokio::io::repeat(7).take(arrives as u64);
            let mut reader = (&prefix[..]).chain(body);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut frame = Ok(Bytes::new());
            let memory = allocation_counter::measure(|| {
                frame = runtime.block_on(read_frame(&mut reader, LENGTH));
            });
            (frame, usize::try_from(memory.bytes_max).unwrap())
        };
        const SMALL: usize = 64 << 10;
        let (refused, memory) = run(LENGTH + 1, LENGTH + 1);
        assert!(refused.is_err() && memory < SMALL, "{memory}");
        let (cut, memory) = run(LENGTH, SMALL);
        assert!(cut.is_err() && memory < FRAME_RESERVE_MAX + SMALL, "{memory}");
        let (whole, memory) = run(LENGTH, LENGTH);
        assert_eq!(whole.unwrap().len(), LENGTH);
        assert!(memory < LENGTH + FRAME_RESERVE_MAX + SMALL, "{memory}");
    }

    #[test]
    fn without_a_thread_every_call_is_answered_at_once() {
        let runtime = OnceLock::from(None);
        let thread = Arc::new(IoThread { runtime, budget: default_budget() });
        let client = Client::new(ClientConfig::new("b:1").unwrap(), &Network(Kind::Tokio(thread)));
        let error = client.all_topics().try_take().unwrap().unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Closed);
        let error = client.metadata(&["t"]).try_take().unwrap().unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Closed);
    }
}
