//! Sockets: one thread for the process, one task per client that drives its machine, one task
//! per connection and direction. Nothing here decides anything.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpStream, lookup_host};
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::budget::{Budget, default_budget};
use crate::client::ClientShared;
use crate::cluster::{Action, ConnId};
use crate::core::{Core, Event};
use crate::limits::{FRAME_RESERVE_MAX, SOCKET_WRITE_SLICES_MAX};
use crate::pending::Waker;
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
        let max_frame = shared.config.response_max_bytes;
        let core = Core::new(shared, Arc::clone(&self.budget), Arc::clone(&wake), seed);
        match self.runtime.get_or_init(start) {
            Some(handle) => {
                handle.spawn(Driver::new(core, notify, max_frame).run());
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
    max_frame: usize,
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
    fn new(core: Core, notify: Arc<Notify>, max_frame: usize) -> Self {
        Self {
            core,
            notify,
            events: Events::default(),
            connections: BTreeMap::new(),
            started: Instant::now(),
            max_frame,
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
        let task = tokio::spawn(connection(host, port, queue, report, self.max_frame));
        self.connections.insert(conn, Link { frames, task });
    }
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
async fn connection(
    host: String,
    port: u16,
    mut frames: mpsc::UnboundedReceiver<Vec<Bytes>>,
    report: Report,
    max_frame: usize,
) {
    let conn = report.conn;
    let stream = match open(&host, port).await {
        Ok(stream) => stream,
        Err(error) => return report.send(Event::ConnectFailed { conn, error: error.to_string() }),
    };
    let (mut reader, mut writer) = stream.into_split();
    report.send(Event::Connected { conn });
    let error = tokio::select! {
        error = read_frames(&mut reader, &report, max_frame) => error,
        error = write_frames(&mut writer, &mut frames) => error,
    };
    report.send(Event::Disconnected { conn, error: error.to_string() });
}

/// Tries all addresses of the name (`client.dns.lookup = use_all_dns_ips`).
async fn open(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = None;
    for address in lookup_host((host, port)).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address")))
}

/// Reads until the connection breaks: each frame into one allocation of its own size, checked
/// first. Frames above [`FRAME_RESERVE_MAX`] get more only as their bytes arrive.
async fn read_frames(reader: &mut OwnedReadHalf, report: &Report, max_frame: usize) -> io::Error {
    loop {
        match read_frame(reader, max_frame).await {
            Ok(frame) => report.send(Event::Received { conn: report.conn, frame }),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return io::Error::new(error.kind(), "the broker closed the connection");
            }
            Err(error) => return error,
        }
    }
}

async fn read_frame(reader: &mut OwnedReadHalf, max_frame: usize) -> io::Result<Bytes> {
    let mut prefix = [0; PREFIX_BYTES];
    reader.read_exact(&mut prefix).await?;
    let length = frame_length(prefix, max_frame)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let mut frame = BytesMut::with_capacity(length.min(FRAME_RESERVE_MAX));
    let mut rest = reader.take(length as u64);
    while frame.len() < length {
        if frame.len() == frame.capacity() {
            frame.reserve(frame.len().min(length - frame.len()));
        }
        if rest.read_buf(&mut frame).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(frame.freeze())
}

/// Writes whatever is queued, as much of it as possible with one system call.
async fn write_frames(
    writer: &mut OwnedWriteHalf,
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
