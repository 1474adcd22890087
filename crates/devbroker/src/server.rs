//! The tokio shell: sockets, timers and the clock around the state machine.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::broker::{Action, Broker, CloseReason, ConnId};
use crate::config::Config;

/// Serves `broker` on `listener` until the future is dropped, which ends every connection.
///
/// Clients are told the listener's own address, or that of [`Config::behind`].
///
/// # Errors
/// A listener on another address than loopback is refused with `InvalidInput`: the broker knows
/// neither authentication nor encryption. Otherwise errors of the listener itself.
pub async fn serve(listener: TcpListener, mut broker: Broker) -> io::Result<()> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(not_loopback(address));
    }
    let told = broker.config().behind.unwrap_or(address);
    broker.advertise(&told.ip().to_string(), told.port());
    let in_flight =
        broker.config().limits.in_flight_bytes_max.max(broker.config().limits.frame_bytes_max);
    let shared = Arc::new(Shared {
        frame_bytes_max: broker.config().limits.frame_bytes_max,
        frame_read_max: broker.config().limits.frame_read_max,
        in_flight: Semaphore::new(in_flight.min(Semaphore::MAX_PERMITS)),
        state: Mutex::new(State { broker, outboxes: HashMap::new() }),
        clock: Clock::start(),
        deadline_moved: Notify::new(),
    });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&shared)));
                }
                // Out of file descriptors, or the peer left before it was accepted: go on.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
            () = shared.next_deadline() => shared.dispatch(|_, _| ()),
        }
    }
}

/// A broker in a thread of its own, ended by [`DevBroker::shutdown`] or by dropping it.
pub struct DevBroker {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl DevBroker {
    /// Starts a broker on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// As [`serve`], and when the address is in use or no thread can be started.
    pub fn start(address: SocketAddr, config: Config) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("dev-broker".to_owned())
            .spawn(move || run(address, config, stopped, &ready))?;
        let address = is_ready
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the broker thread ended at once")));
        match address {
            Ok(address) => Ok(Self { address, stop: Some(stop), thread: Some(thread) }),
            Err(error) => {
                // The thread has nothing left to do; its end carries no further news.
                drop(thread.join());
                Err(error)
            }
        }
    }

    /// The address the broker listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `bootstrap.servers` for clients.
    pub fn bootstrap(&self) -> String {
        self.address.to_string()
    }

    /// Ends all connections and the thread; stored records are gone.
    pub fn shutdown(mut self) {
        self.stop_and_join();
    }

    fn stop_and_join(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for DevBroker {
    fn drop(&mut self) {
        self.stop_and_join();
    }
}

impl fmt::Debug for DevBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevBroker").field("address", &self.address).finish_non_exhaustive()
    }
}

type Ready = std::sync::mpsc::SyncSender<io::Result<SocketAddr>>;

fn run(address: SocketAddr, config: Config, stopped: oneshot::Receiver<()>, ready: &Ready) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(error))),
    };
    runtime.block_on(async move {
        let listener = match bind(address).await {
            Ok(listener) => listener,
            Err(error) => return drop(ready.send(Err(error))),
        };
        if ready.send(listener.local_addr()).is_err() {
            return;
        }
        tokio::select! {
            _ = stopped => {}
            _ = serve(listener, Broker::new(config)) => {}
        }
    });
}

async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    if !address.ip().is_loopback() {
        return Err(not_loopback(address));
    }
    TcpListener::bind(address).await
}

fn not_loopback(address: SocketAddr) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "the development broker has no authentication and listens on loopback only, not on \
             {address}; use 127.0.0.1 or [::1]"
        ),
    )
}

struct Shared {
    frame_bytes_max: usize,
    frame_read_max: Duration,
    /// Permits for request bytes being read, over all connections.
    in_flight: Semaphore,
    state: Mutex<State>,
    clock: Clock,
    deadline_moved: Notify,
}

struct State {
    broker: Broker,
    /// Frames on their way to a connection; `None` closes it. At most one response per request
    /// waits here, and a connection reads its next request only after that.
    outboxes: HashMap<ConnId, mpsc::UnboundedSender<Option<Bytes>>>,
}

impl Shared {
    /// Changes the broker and hands its actions to the connections they are for.
    fn dispatch<T>(&self, change: impl FnOnce(&mut State, Duration) -> T) -> T {
        let now = self.clock.now();
        let mut state = self.lock();
        let before = state.broker.next_deadline();
        let result = change(&mut state, now);
        for action in state.broker.poll(now) {
            let (conn, message) = match action {
                Action::Respond { conn, frame } => (conn, Some(frame)),
                Action::Close { conn, reason } => {
                    if let Some(report) = state.broker.config().report_close {
                        report(&reason);
                    }
                    (conn, None)
                }
            };
            if let Some(outbox) = state.outboxes.get(&conn) {
                // A connection that ended meanwhile has no use for it.
                drop(outbox.send(message));
            }
        }
        if state.broker.next_deadline() != before {
            self.deadline_moved.notify_one();
        }
        result
    }

    async fn next_deadline(&self) {
        loop {
            let deadline = self.lock().broker.next_deadline();
            match deadline {
                Some(deadline) => {
                    let wait = deadline.saturating_sub(self.clock.now());
                    tokio::select! {
                        () = tokio::time::sleep(wait) => return,
                        () = self.deadline_moved.notified() => {}
                    }
                }
                None => self.deadline_moved.notified().await,
            }
        }
    }

    fn is_idle(&self, conn: ConnId) -> bool {
        self.lock().broker.is_idle(conn)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic ends the connection it happened on; the others go on with the broker.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let (outbox, inbox) = mpsc::unbounded_channel();
    let conn = shared.dispatch(|state, _| {
        let conn = state.broker.connect();
        state.outboxes.insert(conn, outbox);
        conn
    });
    let open = Open { conn, shared: &shared };
    // Either side may end a connection at any time; there is nobody to report it to.
    drop(open.run(stream, inbox).await);
}

/// A connection of the broker; dropping it tells the broker.
struct Open<'a> {
    conn: ConnId,
    shared: &'a Shared,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let conn = self.conn;
        self.shared.dispatch(|state, _| {
            state.outboxes.remove(&conn);
            state.broker.disconnect(conn);
        });
    }
}

impl Open<'_> {
    async fn run(
        &self,
        mut stream: TcpStream,
        mut inbox: mpsc::UnboundedReceiver<Option<Bytes>>,
    ) -> io::Result<()> {
        stream.set_nodelay(true)?;
        loop {
            let frame = tokio::select! {
                message = inbox.recv() => match message {
                    Some(Some(frame)) => {
                        send(&mut stream, &frame).await?;
                        continue;
                    }
                    _ => return Ok(()),
                },
                length = stream.read_u32() => self.read_frame(&mut stream, length?).await?,
            };
            let conn = self.conn;
            self.shared.dispatch(|state, now| state.broker.request(conn, frame, now));
            loop {
                let message = match inbox.try_recv() {
                    Ok(message) => Some(message),
                    Err(_) if self.shared.is_idle(conn) => break,
                    Err(_) => inbox.recv().await,
                };
                match message {
                    Some(Some(frame)) => send(&mut stream, &frame).await?,
                    _ => return Ok(()),
                }
            }
        }
    }

    async fn read_frame(&self, stream: &mut TcpStream, length: u32) -> io::Result<Bytes> {
        let length = length as usize;
        if length > self.shared.frame_bytes_max {
            let report = self.shared.lock().broker.config().report_close;
            if let Some(report) = report {
                report(&CloseReason::LongFrame { bytes: length });
            }
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the frame is too long"));
        }
        let permits = u32::try_from(length).unwrap_or(u32::MAX);
        let _permit =
            self.shared.in_flight.acquire_many(permits).await.map_err(io::Error::other)?;
        let mut frame = BytesMut::zeroed(length);
        tokio::time::timeout(self.shared.frame_read_max, stream.read_exact(&mut frame))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        Ok(frame.freeze())
    }
}

async fn send(stream: &mut TcpStream, frame: &Bytes) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    let length = length.to_be_bytes();
    // One vectored write: a length alone would leave as a packet of its own.
    stream.write_all_buf(&mut Buf::chain(&length[..], frame.as_ref())).await
}

/// Time since the Unix epoch that never goes back.
struct Clock {
    started: Instant,
    unix: Duration,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the shell is where the clock is read")]
    fn start() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), unix }
    }

    fn now(&self) -> Duration {
        self.unix + self.started.elapsed()
    }
}
