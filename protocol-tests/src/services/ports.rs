//! Ports for servers that cannot be told to take any and say which.

use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that Linux gives to outgoing connections (32768 and above): a port picked there
/// could be the near end of some client's connection before the server binds it.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// `count` ports of 127.0.0.1 that nobody listens on now, and that no other caller in this process
/// gets.
///
/// # Errors
/// All ports of the range are taken.
pub(super) fn free_ports(count: usize) -> io::Result<Vec<u16>> {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    let len = RANGE.end - RANGE.start;
    // Test binaries that run at the same time begin at different places.
    let begin = (std::process::id().wrapping_mul(101) % u32::from(len)) as u16;
    let mut found = Vec::new();
    for _ in 0..len {
        if found.len() == count {
            return Ok(found);
        }
        let tried = TRIED.fetch_add(1, Ordering::Relaxed) % len;
        let port = RANGE.start + (begin + tried) % len;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            found.push(port);
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no free port"))
}
