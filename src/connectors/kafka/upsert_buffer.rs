//! Rows that an upsert sink keeps back, so that of each key only the latest is written (Flink's `ReducingUpsertWriter`).

use super::destination::Parked;
use super::options::BufferFlush;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// The rows kept back; see the module.
#[derive(Debug)]
pub(super) struct UpsertBuffer {
    flush: BufferFlush,
    /// The key of each record in `held`, which has none while it is here.
    places: HashMap<Option<Vec<u8>>, usize>,
    held: Vec<Held>,
    flushed_at: Duration,
}

/// A record, and the number of its destination. Its timestamp counts where a column gave it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) destination: usize,
    pub(super) timestamp: Option<i64>,
    pub(super) record: Parked,
}

impl UpsertBuffer {
    pub(super) fn new(flush: BufferFlush) -> UpsertBuffer {
        UpsertBuffer { flush, places: HashMap::new(), held: Vec::new(), flushed_at: Duration::ZERO }
    }

    /// Keeps a record instead of an earlier one of its key.
    pub(super) fn put(&mut self, mut held: Held) {
        let next = self.held.len();
        let place = *self.places.entry(held.record.key.take()).or_insert(next);
        match self.held.get_mut(place) {
            Some(earlier) => *earlier = held,
            None => self.held.push(held),
        }
    }

    /// Whether as many keys are held as may be.
    pub(super) fn is_full(&self) -> bool {
        self.held.len() >= self.flush.rows
    }

    /// Whether the time has come; Flink's timer runs on from the last flush, whatever caused it.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        !self.held.is_empty() && now >= self.flushed_at + self.flush.interval
    }

    /// When it will have come.
    pub(super) fn due_at(&self) -> Option<Duration> {
        (!self.held.is_empty()).then(|| self.flushed_at + self.flush.interval)
    }

    /// Numbers of destinations that something is held for.
    pub(super) fn destinations(&self) -> BTreeSet<usize> {
        self.held.iter().map(|held| held.destination).collect()
    }

    /// Takes everything out, in the order of the keys' first records.
    pub(super) fn drain(&mut self, now: Duration) -> Vec<Held> {
        self.flushed_at = now;
        let held = &mut self.held;
        self.places.drain().for_each(|(key, place)| {
            if let Some(held) = held.get_mut(place) {
                held.record.key = key;
            }
        });
        std::mem::take(&mut self.held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(key: &str, value: Option<&str>) -> Held {
        let record = Parked {
            partition: None,
            timestamp: 0,
            key: Some(key.into()),
            value: value.map(Into::into),
            headers: Vec::new(),
            epoch: 0,
            place: None,
        };
        Held { destination: 0, timestamp: None, record }
    }

    #[test]
    fn the_latest_record_of_each_key_is_kept() {
        let second = Duration::from_secs(1);
        let mut buffer = UpsertBuffer::new(BufferFlush { rows: 2, interval: second });
        assert_eq!((buffer.is_due(second * 9), buffer.due_at()), (false, None));
        buffer.put(held("a", Some("1")));
        buffer.put(held("a", Some("2")));
        assert!(!buffer.is_full());
        buffer.put(held("b", Some("3")));
        buffer.put(held("a", None));
        assert!(buffer.held.iter().all(|held| held.record.key.is_none()), "kept once");
        assert!(buffer.is_full() && buffer.is_due(second) && !buffer.is_due(second / 2));
        let drained = buffer.drain(second * 5);
        let shown: Vec<_> =
            drained.iter().map(|held| (&held.record.key, &held.record.value)).collect();
        let bytes = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(shown, [(&bytes("a"), &None), (&bytes("b"), &bytes("3"))]);
        buffer.put(held("a", Some("4")));
        assert_eq!((buffer.is_due(second * 5), buffer.due_at()), (false, Some(second * 6)));
    }
}
