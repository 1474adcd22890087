//! A broker that lies: a proxy that knows enough of the protocol to change answers on their way.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Numbers of Kafka's APIs.
pub(crate) mod api {
    pub(crate) const FETCH: i16 = 1;
    pub(crate) const LIST_OFFSETS: i16 = 2;
    pub(crate) const METADATA: i16 = 3;
    pub(crate) const OFFSET_COMMIT: i16 = 8;
}

/// Bytes of a frame, in either direction: far above anything that these tests send.
const FRAME_BYTES_MAX: usize = 64 << 20;

/// Changes an answer; it is given the API's number and the frame behind its length.
type Change = dyn Fn(i16, &mut [u8]) + Send + Sync;

/// A loopback port in front of a broker. Answers name the proxy where they named the broker, so that clients come here
/// for everything. It serves until the test's process ends.
#[derive(Debug)]
pub(crate) struct Hostile {
    address: SocketAddr,
}

impl Hostile {
    pub(crate) fn start(
        bootstrap: &str,
        change: impl Fn(i16, &mut [u8]) + Send + Sync + 'static,
    ) -> Hostile {
        let target: SocketAddr = bootstrap.parse().expect("an address");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("the address");
        let change: Arc<Change> = Arc::new(change);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let change = Arc::clone(&change);
                // A client that goes away ends its threads.
                thread::spawn(move || drop(serve(client, target, address, change)));
            }
        });
        Hostile { address }
    }

    /// `host:port`.
    pub(crate) fn bootstrap(&self) -> String {
        self.address.to_string()
    }
}

fn serve(
    mut client: TcpStream,
    target: SocketAddr,
    own: SocketAddr,
    change: Arc<Change>,
) -> io::Result<()> {
    let mut broker = TcpStream::connect(target)?;
    let (mut answers, mut answered) = (broker.try_clone()?, client.try_clone()?);
    // API by correlation id.
    let asked: Arc<Mutex<BTreeMap<[u8; 4], i16>>> = Arc::default();
    let apis = Arc::clone(&asked);
    thread::spawn(move || {
        while let Ok(mut frame) = read_frame(&mut answers) {
            let id: [u8; 4] = frame[..4].try_into().unwrap_or_default();
            let api = apis.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            move_address(&mut frame, target.port(), own.port());
            change(api.unwrap_or(-1), &mut frame);
            if write_frame(&mut answered, &frame).is_err() {
                break;
            }
        }
        drop(answered.shutdown(Shutdown::Both));
    });
    while let Ok(frame) = read_frame(&mut client) {
        let api = i16::from_be_bytes([frame[0], frame[1]]);
        let id: [u8; 4] = frame[4..8].try_into().unwrap_or_default();
        asked.lock().unwrap_or_else(PoisonError::into_inner).insert(id, api);
        write_frame(&mut broker, &frame)?;
    }
    broker.shutdown(Shutdown::Both)
}

/// A host is a string, and the port behind it an `int32`.
fn move_address(frame: &mut [u8], from: u16, to: u16) {
    let bytes = |port: u16| [b"127.0.0.1".as_slice(), &i32::from(port).to_be_bytes()].concat();
    let (old, new) = (bytes(from), bytes(to));
    for at in 0..frame.len().saturating_sub(old.len() - 1) {
        if frame[at..].starts_with(&old) {
            frame[at..at + new.len()].copy_from_slice(&new);
        }
    }
}

fn read_frame(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(0);
    if !(8..FRAME_BYTES_MAX).contains(&length) {
        return Err(io::Error::other("not a frame"));
    }
    let mut frame = vec![0; length];
    from.read_exact(&mut frame)?;
    Ok(frame)
}

fn write_frame(to: &mut TcpStream, frame: &[u8]) -> io::Result<()> {
    let length = i32::try_from(frame.len()).unwrap_or(0);
    to.write_all(&[&length.to_be_bytes(), frame].concat())
}
