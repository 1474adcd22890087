//! Entry points of the fuzz targets.

use std::time::Duration;

use bytes::Bytes;

use crate::{Broker, Config};

/// Frames per run: enough to build state, short enough to stay fast.
const FRAMES_MAX: usize = 64;
const CONNECTIONS: usize = 3;

/// Feeds `data` to a broker as a stream of requests. Each begins with one byte that picks a
/// connection (low two bits; 3 passes time instead) and two bytes of length. Nothing may panic, and
/// the same bytes must give the same actions.
///
/// # Panics
/// When the broker answers the same bytes in two ways, or forgets a deadline it has passed.
pub fn requests(data: &[u8]) {
    assert_eq!(run(data), run(data), "the broker is not deterministic");
}

fn run(mut data: &[u8]) -> Vec<crate::Action> {
    let mut config = Config::default();
    config.limits.stored_bytes_max = 64 * 1024;
    config.limits.partitions_max = 64;
    config.limits.topics_max = 16;
    config.limits.fetch_sessions_max = 4;
    config.limits.request_elements_max = 4 * 1024;
    config.limits.decompressed_bytes_max = 1024 * 1024;
    let mut broker = Broker::new(config);
    let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| broker.connect()).collect();
    let mut now = Duration::from_secs(1);
    let mut actions = Vec::new();
    for _ in 0..FRAMES_MAX {
        let Some((&[pick, high, low], rest)) = data.split_first_chunk() else { break };
        let length = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        let (frame, rest) = rest.split_at(length);
        data = rest;
        match connections.get_mut(usize::from(pick & 3)) {
            Some(conn) => {
                broker.request(*conn, Bytes::copy_from_slice(frame), now);
                actions.extend(broker.poll(now));
                let closed = actions.iter().any(
                    |action| matches!(action, crate::Action::Close { conn: id, .. } if id == conn),
                );
                if closed {
                    *conn = broker.connect();
                }
            }
            None => now += Duration::from_millis(u64::from(pick) * 16),
        }
        actions.extend(broker.poll(now));
        let deadline = broker.next_deadline();
        assert!(deadline.is_none_or(|deadline| deadline > now), "{deadline:?} is over at {now:?}");
    }
    actions
}
