//! A TCP proxy on loopback that injects faults: delays, stalls, lost bytes, cuts.
//!
//! Plain threads and blocking sockets, two threads per connection: it must stay simple enough to be
//! believed when a test blames the client.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Bytes moved at once; small enough that a cut falls inside large responses.
const CHUNK_BYTES: usize = 16 << 10;

/// First bytes of a connection that are looked at: the header of a request is shorter.
const FIRST_BYTES: usize = 256;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the service: requests.
    Up,
    /// From the service to the client: responses.
    Down,
}

/// Forwards a loopback port to a target; faults apply to connections that exist and that come.
///
/// Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    closing: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    target: Option<SocketAddr>,
    refuse: bool,
    paused: [bool; 2],
    delay: [Duration; 2],
    /// Bytes that may still pass before every connection is cut.
    budget: [Option<u64>; 2],
    passed: [u64; 2],
    accepted: u64,
    /// Connections up to this one lose what comes this way.
    lost: [u64; 2],
    /// Connections whose first bytes hold this suffer nothing.
    spared: Vec<u8>,
    suffered: u64,
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    id: u64,
    spared: bool,
    client: TcpStream,
    service: TcpStream,
}

impl Direction {
    const fn index(self) -> usize {
        match self {
            Self::Up => 0,
            Self::Down => 1,
        }
    }
}

impl Proxy {
    /// Listens on a free loopback port. Without a target, connections wait for [`Self::set_target`]:
    /// that order lets a broker be told to advertise the proxy before it has a port itself.
    ///
    /// # Errors
    /// No port can be bound.
    pub fn start(target: Option<SocketAddr>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let state = State {
            target,
            refuse: false,
            paused: [false; 2],
            delay: [Duration::ZERO; 2],
            budget: [None; 2],
            passed: [0; 2],
            accepted: 0,
            lost: [0; 2],
            spared: Vec::new(),
            suffered: 0,
            open: Vec::new(),
        };
        let shared = Arc::new(Shared {
            closing: AtomicBool::new(false),
            state: Mutex::new(state),
            changed: Condvar::new(),
        });
        let acceptor = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || accept_all(&listener, &shared))
        };
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where new connections go from now on.
    pub fn set_target(&self, target: SocketAddr) {
        self.change(|state| state.target = Some(target));
    }

    /// From now on connections whose first bytes hold `mark` suffer no faults: those of a test's own
    /// clients, which send their `client.id` there.
    pub fn spare(&self, mark: &str) {
        self.change(|state| mark.as_bytes().clone_into(&mut state.spared));
    }

    /// Closes every connection; new ones are served.
    pub fn cut(&self) {
        self.change(State::close_all);
    }

    /// From now on what comes this way over the connections that there are is lost, and they stay
    /// open. New ones are served.
    pub fn lose(&self, direction: Direction) {
        self.change(|state| state.lost[direction.index()] = state.accepted);
    }

    /// Closes every connection as soon as this many more bytes have gone that way, mid-frame if it
    /// falls so. New connections are served without a limit.
    pub fn cut_after(&self, direction: Direction, bytes: u64) {
        self.change(|state| state.budget[direction.index()] = Some(bytes));
    }

    /// From now on new connections are closed at once (`true`), or served again.
    pub fn refuse(&self, refuse: bool) {
        self.change(|state| state.refuse = refuse);
    }

    /// Holds bytes of one direction back, with the connections open, until [`Self::resume`].
    pub fn pause(&self, direction: Direction) {
        self.change(|state| state.paused[direction.index()] = true);
    }

    /// Lets both directions flow again.
    pub fn resume(&self) {
        self.change(|state| state.paused = [false; 2]);
    }

    /// Adds latency to each chunk of one direction; zero removes it.
    pub fn delay(&self, direction: Direction, latency: Duration) {
        self.change(|state| state.delay[direction.index()] = latency);
    }

    /// Bytes passed so far.
    #[must_use]
    pub fn passed(&self, direction: Direction) -> u64 {
        self.shared.lock().passed[direction.index()]
    }

    /// How often a connection has met a fault so far: was cut or refused, or had bytes held back or
    /// lost. Tells faults that hit something from those that nobody noticed.
    #[must_use]
    pub fn suffered(&self) -> u64 {
        self.shared.lock().suffered
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.shared.lock().accepted
    }

    fn change(&self, f: impl FnOnce(&mut State)) {
        f(&mut self.shared.lock());
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::SeqCst);
        self.change(State::close_all);
        // Wakes the acceptor out of accept().
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Waits out pause and latency, then says how many of `len` bytes may pass, if the connection is
    /// still there.
    fn admit(&self, id: u64, direction: Direction, len: usize) -> Admitted {
        let i = direction.index();
        let mut state = self.lock();
        let Some(spared) = state.is_spared(id) else { return Admitted::Closed };
        if spared {
            state.passed[i] += len as u64;
            return Admitted::Bytes(len);
        }
        if state.paused[i] {
            state.suffered += 1;
        }
        while state.paused[i] && !self.closing() && state.is_spared(id).is_some() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if id <= state.lost[i] {
            state.suffered += 1;
            return Admitted::Lost;
        }
        let len64 = len as u64;
        let admitted = state.budget[i].map_or(len64, |left| left.min(len64));
        state.budget[i] = state.budget[i].map(|left| left - admitted);
        state.passed[i] += admitted;
        let delay = state.delay[i];
        if !delay.is_zero() {
            state.suffered += 1;
            drop(state);
            thread::sleep(delay);
            state = self.lock();
        }
        // A connection cut while its bytes were held back must not deliver them afterwards.
        match state.is_spared(id) {
            None => Admitted::Closed,
            Some(_) => Admitted::Bytes(usize::try_from(admitted).unwrap_or(len)),
        }
    }
}

/// What becomes of bytes.
enum Admitted {
    /// So many pass; the connection is cut behind them when these are not all.
    Bytes(usize),
    /// They vanish.
    Lost,
    /// Their connection has gone.
    Closed,
}

impl State {
    /// Whether an open connection is spared.
    fn is_spared(&self, id: u64) -> Option<bool> {
        self.open.iter().find(|open| open.id == id).map(|open| open.spared)
    }

    fn close_all(&mut self) {
        for open in self.open.extract_if(.., |open| !open.spared) {
            self.suffered += 1;
            drop(open.client.shutdown(Shutdown::Both));
            drop(open.service.shutdown(Shutdown::Both));
        }
    }
}

fn accept_all(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.closing() {
            return;
        }
        let Ok(client) = client else { continue };
        let shared = Arc::clone(shared);
        thread::spawn(move || drop(serve(client, &shared)));
    }
}

fn serve(client: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    // Whom a connection is of shows in its first bytes; clients speak first.
    let mark = shared.lock().spared.clone();
    let mut first = [0; FIRST_BYTES];
    let spared = !mark.is_empty() && {
        let len = client.peek(&mut first)?;
        first[..len].windows(mark.len()).any(|part| part == mark)
    };
    let (id, target) = {
        let mut state = shared.lock();
        state.accepted += 1;
        let id = state.accepted;
        loop {
            if shared.closing() {
                return Ok(());
            }
            if state.refuse && !spared {
                state.suffered += 1;
                return Ok(());
            }
            if let Some(target) = state.target {
                break (id, target);
            }
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    };
    let service = TcpStream::connect(target)?;
    client.set_nodelay(true)?;
    service.set_nodelay(true)?;
    let pair = (client.try_clone()?, service.try_clone()?);
    let open = Open { id, spared, client: client.try_clone()?, service: service.try_clone()? };
    shared.lock().open.push(open);
    let up = {
        let shared = Arc::clone(shared);
        thread::spawn(move || pump(id, Direction::Up, client, service, &shared))
    };
    pump(id, Direction::Down, pair.1, pair.0, shared);
    drop(up.join());
    shared.lock().open.retain(|open| open.id != id);
    Ok(())
}

/// Moves bytes one way until either side closes or the connection is cut.
fn pump(id: u64, direction: Direction, mut from: TcpStream, mut to: TcpStream, shared: &Shared) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(len @ 1..) = from.read(&mut chunk) {
        let admitted = match shared.admit(id, direction, len) {
            Admitted::Bytes(admitted) => admitted,
            Admitted::Lost => continue,
            Admitted::Closed => break,
        };
        if to.write_all(&chunk[..admitted]).is_err() {
            break;
        }
        if admitted < len {
            let mut state = shared.lock();
            state.budget = [None; 2];
            state.close_all();
            break;
        }
    }
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers every byte with the same byte.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || {
                    let (mut from, mut to) = (socket.try_clone().unwrap(), socket);
                    io::copy(&mut from, &mut to)
                });
            }
        });
        address
    }

    fn round_trip(socket: &mut TcpStream, text: &[u8]) -> io::Result<Vec<u8>> {
        socket.write_all(text)?;
        let mut answer = vec![0; text.len()];
        socket.read_exact(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn forwards_and_counts() {
        let proxy = Proxy::start(Some(echo())).unwrap();
        let mut socket = TcpStream::connect(proxy.address()).unwrap();
        assert_eq!(round_trip(&mut socket, b"hello").unwrap(), b"hello");
        assert_eq!((proxy.passed(Direction::Up), proxy.passed(Direction::Down)), (5, 5));
        assert_eq!(proxy.accepted(), 1);
    }

    #[test]
    fn a_cut_closes_old_connections_and_serves_new_ones() {
        let proxy = Proxy::start(Some(echo())).unwrap();
        let mut socket = TcpStream::connect(proxy.address()).unwrap();
        round_trip(&mut socket, b"x").unwrap();
        proxy.cut();
        assert_eq!(socket.read(&mut [0]).unwrap_or(0), 0);
        let mut socket = TcpStream::connect(proxy.address()).unwrap();
        assert_eq!(round_trip(&mut socket, b"y").unwrap(), b"y");
    }

    #[test]
    fn a_budget_cuts_inside_a_frame() {
        let proxy = Proxy::start(Some(echo())).unwrap();
        let mut socket = TcpStream::connect(proxy.address()).unwrap();
        proxy.cut_after(Direction::Down, 3);
        socket.write_all(b"hello").unwrap();
        let mut answer = Vec::new();
        drop(socket.read_to_end(&mut answer));
        assert_eq!(answer, b"hel");
    }

    #[test]
    fn paused_bytes_arrive_after_resume() {
        let proxy = Proxy::start(Some(echo())).unwrap();
        let mut socket = TcpStream::connect(proxy.address()).unwrap();
        round_trip(&mut socket, b"x").unwrap();
        proxy.pause(Direction::Down);
        socket.write_all(b"y").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert!(socket.read(&mut [0]).is_err());
        proxy.resume();
        socket.set_read_timeout(None).unwrap();
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"y");
    }

    #[test]
    fn connections_wait_for_a_target() {
        let proxy = Proxy::start(None).unwrap();
        let mut socket = TcpStream::connect(proxy.address()).unwrap();
        socket.write_all(b"z").unwrap();
        proxy.set_target(echo());
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"z");
    }

    #[test]
    fn lost_bytes_vanish_and_their_connection_stays() {
        let proxy = Proxy::start(Some(echo())).unwrap();
        let mut socket = TcpStream::connect(proxy.address()).unwrap();
        round_trip(&mut socket, b"x").unwrap();
        proxy.lose(Direction::Down);
        socket.write_all(b"y").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let silent = socket.read(&mut [0]).unwrap_err();
        assert!(matches!(silent.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut));
        let mut other = TcpStream::connect(proxy.address()).unwrap();
        assert_eq!(round_trip(&mut other, b"z").unwrap(), b"z");
        assert_eq!(proxy.suffered(), 1);
    }

    #[test]
    fn a_spared_connection_suffers_nothing() {
        let proxy = Proxy::start(Some(echo())).unwrap();
        proxy.spare("observer");
        let mut spared = TcpStream::connect(proxy.address()).unwrap();
        let mut other = TcpStream::connect(proxy.address()).unwrap();
        round_trip(&mut spared, b"an observer").unwrap();
        round_trip(&mut other, b"a job").unwrap();
        proxy.cut();
        proxy.lose(Direction::Up);
        proxy.refuse(true);
        assert_eq!(round_trip(&mut spared, b"still").unwrap(), b"still");
        assert_eq!(other.read(&mut [0]).unwrap_or(0), 0);
        assert_eq!(proxy.suffered(), 1);
    }
}
