//! Is a broker ready? Asked in its own protocol, written out by hand so that a broken codec of the
//! client under test cannot look like a broken broker.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Longest answer that is believed; one broker with few topics needs under 1 KiB.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// A broker that accepts but does not answer within this time counts as not ready.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(5);

/// Why a broker is not ready.
#[derive(Debug)]
pub enum ProbeError {
    /// The socket could not be opened, written or read.
    Io(io::Error),
    /// Something answered that does not speak the protocol.
    Malformed,
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "no answer: {error}"),
            Self::Malformed => f.write_str("the answer is not a Metadata response"),
        }
    }
}

impl std::error::Error for ProbeError {}

impl From<io::Error> for ProbeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Number of brokers that the cluster offers to clients, by one Metadata (version 1) request
/// without topics. Brokers that are still fenced are not counted: from 1 on, topics can be created.
///
/// # Errors
/// Nobody listens, or the answer makes no sense.
pub fn broker_count(bootstrap: &str) -> Result<usize, ProbeError> {
    let address = bootstrap
        .split(',')
        .next()
        .unwrap_or(bootstrap)
        .to_socket_addrs()?
        .next()
        .ok_or(ProbeError::Malformed)?;
    let mut socket = TcpStream::connect_timeout(&address, ANSWER_WAIT_MAX)?;
    socket.set_read_timeout(Some(ANSWER_WAIT_MAX))?;
    socket.write_all(&metadata_request())?;
    let mut size = [0; 4];
    socket.read_exact(&mut size)?;
    let size = usize::try_from(i32::from_be_bytes(size)).map_err(|_| ProbeError::Malformed)?;
    if !(12..=ANSWER_BYTES_MAX).contains(&size) {
        return Err(ProbeError::Malformed);
    }
    let mut body = vec![0; size];
    socket.read_exact(&mut body)?;
    // Correlation id, then the length of the broker array.
    let brokers = body.get(4..8).and_then(|b| b.try_into().ok()).map(i32::from_be_bytes);
    brokers.and_then(|n| usize::try_from(n).ok()).ok_or(ProbeError::Malformed)
}

fn metadata_request() -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(3_i16.to_be_bytes()); // API key: Metadata
    body.extend(1_i16.to_be_bytes()); // version
    body.extend(7_i32.to_be_bytes()); // correlation id
    body.extend((-1_i16).to_be_bytes()); // no client id
    body.extend(0_i32.to_be_bytes()); // no topics
    let mut frame = i32::try_from(body.len()).unwrap_or(0).to_be_bytes().to_vec();
    frame.extend(body);
    frame
}
