//! One partition: batches in offset order, log start, sequence numbers.

pub(crate) mod batch;
pub(crate) mod producers;
pub(crate) mod records;
pub(crate) mod transactions;

use std::collections::VecDeque;
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use batch::BatchHeader;
use producers::Producers;
use transactions::PartitionTransactions;

/// The only leader epoch there is: the broker never loses leadership.
pub(crate) const LEADER_EPOCH: i32 = 0;

/// Bookkeeping per stored batch, counted as stored bytes so that tiny batches are bounded too.
const BATCH_OVERHEAD_BYTES: usize = 128;

/// One stored batch.
#[derive(Debug)]
pub(crate) struct StoredBatch {
    pub(crate) base_offset: i64,
    pub(crate) last_offset: i64,
    pub(crate) max_timestamp: i64,
    /// Position in the order of all appends of the broker.
    pub(crate) age: u64,
    pub(crate) bytes: Bytes,
}

impl StoredBatch {
    /// What the batch counts against the limit of stored bytes.
    pub(crate) fn weight(&self) -> usize {
        self.bytes.len() + BATCH_OVERHEAD_BYTES
    }

    fn find(
        &self,
        budget: &mut usize,
        wanted: impl Fn(i64, i64) -> bool,
        log_start: i64,
    ) -> Option<(i64, i64)> {
        let header = batch::read(&self.bytes)?;
        let offset = |delta: i32| self.base_offset + i64::from(delta);
        let accepts = |at: records::Position| wanted(at.timestamp, offset(at.offset_delta));
        match records::find(&self.bytes, &header, budget, accepts) {
            Ok(found) => found.map(|at| (at.timestamp, offset(at.offset_delta))),
            Err(records::Unreadable) => Some((self.max_timestamp, self.base_offset.max(log_start))),
        }
    }
}

/// The log of one partition.
#[derive(Debug, Default)]
pub(crate) struct PartitionLog {
    log_start: i64,
    end: i64,
    batches: VecDeque<StoredBatch>,
    weight: usize,
    pub(crate) producers: Producers,
    pub(crate) transactions: PartitionTransactions,
}

/// Batches that a fetch may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Readable {
    pub(crate) batches: Range<usize>,
    pub(crate) bytes: usize,
}

impl PartitionLog {
    /// The first offset a consumer can read.
    pub(crate) fn log_start(&self) -> i64 {
        self.log_start
    }

    /// The high watermark: one past the last offset. Every append is committed at once.
    pub(crate) fn high_watermark(&self) -> i64 {
        self.end
    }

    /// The last stable offset: readers of committed data see what is below it.
    pub(crate) fn last_stable(&self) -> i64 {
        // Retention does not spare open transactions.
        self.transactions.first_open().map_or(self.end, |open| open.max(self.log_start))
    }

    /// Stored bytes, bookkeeping included.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// Number of stored batches.
    pub(crate) fn len(&self) -> usize {
        self.batches.len()
    }

    /// Stored batches in offset order.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &StoredBatch> {
        self.batches.iter()
    }

    /// Appends a checked batch and returns its base offset.
    pub(crate) fn append(
        &mut self,
        records: &[u8],
        header: &BatchHeader,
        log_append_time: Option<i64>,
        age: u64,
    ) -> i64 {
        let base_offset = self.end;
        // A copy: a slice would keep the whole request frame alive.
        let mut bytes = BytesMut::from(records);
        batch::stamp(&mut bytes, base_offset, LEADER_EPOCH, log_append_time);
        let stored = StoredBatch {
            base_offset,
            last_offset: base_offset + i64::from(header.last_offset_delta),
            max_timestamp: log_append_time.unwrap_or(header.max_timestamp),
            age,
            bytes: bytes.freeze(),
        };
        self.end = stored.last_offset + 1;
        self.weight += stored.weight();
        self.batches.push_back(stored);
        base_offset
    }

    /// Whole batches from the one that holds `offset` on and below the offset `until`, up to `bytes_max`; with `at_least_one`
    /// the first of them even when it is larger (KIP-74).
    pub(crate) fn read(
        &self,
        offset: i64,
        until: i64,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Readable {
        let first = self.batches.partition_point(|stored| stored.last_offset < offset);
        let mut last = first;
        let mut bytes = 0;
        for stored in self.batches.range(first..) {
            let fits = bytes + stored.bytes.len() <= bytes_max;
            let first = at_least_one && bytes == 0;
            if !(fits || first) || stored.base_offset >= until {
                break;
            }
            bytes += stored.bytes.len();
            last += 1;
        }
        Readable { batches: first..last, bytes }
    }

    /// The offset behind the last batch of `readable`.
    pub(crate) fn end_of(&self, readable: &Readable) -> i64 {
        let last = readable.batches.end.checked_sub(1).and_then(|last| self.batches.get(last));
        last.map_or(self.log_start, |stored| stored.last_offset + 1)
    }

    /// The bytes of `readable`, as one slice.
    pub(crate) fn bytes(&self, readable: &Readable) -> Bytes {
        if readable.batches.len() == 1 {
            return self
                .batches
                .get(readable.batches.start)
                .map(|stored| stored.bytes.clone())
                .unwrap_or_default();
        }
        let mut joined = BytesMut::with_capacity(readable.bytes);
        for stored in self.batches.range(readable.batches.clone()) {
            joined.extend_from_slice(&stored.bytes);
        }
        joined.freeze()
    }

    /// Timestamp and offset of the first readable record at or after `timestamp`. A batch that
    /// cannot be searched within `budget`, bytes after decompression, answers with its first offset.
    pub(crate) fn first_at(&self, timestamp: i64, budget: &mut usize) -> Option<(i64, i64)> {
        let log_start = self.log_start;
        self.batches.iter().filter(|stored| stored.max_timestamp >= timestamp).find_map(|stored| {
            let wanted = |time: i64, offset: i64| time >= timestamp && offset >= log_start;
            stored.find(budget, wanted, log_start)
        })
    }

    /// Timestamp and offset of the first record with the highest timestamp (KIP-734).
    pub(crate) fn max_timestamp(&self, budget: &mut usize) -> Option<(i64, i64)> {
        let newest = self.batches.iter().map(|stored| stored.max_timestamp).max()?;
        let batch = self.batches.iter().find(|stored| stored.max_timestamp == newest)?;
        batch.find(budget, |time, _| time == newest, self.log_start)
    }

    /// Drops the oldest batch and moves the log start behind it.
    pub(crate) fn drop_oldest(&mut self) -> Option<StoredBatch> {
        let oldest = self.batches.pop_front()?;
        self.weight -= oldest.weight();
        self.log_start = self.log_start.max(oldest.last_offset + 1);
        self.transactions.forget_before(self.log_start);
        Some(oldest)
    }

    /// The oldest stored batch.
    pub(crate) fn oldest(&self) -> Option<&StoredBatch> {
        self.batches.front()
    }

    /// Moves the log start to `offset`, which lies inside the log (DeleteRecords), and returns the
    /// batches that fell off.
    pub(crate) fn truncate_before(&mut self, offset: i64) -> Vec<StoredBatch> {
        let mut dropped = Vec::new();
        while self.oldest().is_some_and(|oldest| oldest.last_offset < offset) {
            dropped.extend(self.drop_oldest());
        }
        self.log_start = self.log_start.max(offset);
        self.transactions.forget_before(self.log_start);
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(sizes: &[usize]) -> PartitionLog {
        let mut log = PartitionLog::default();
        for (age, size) in sizes.iter().enumerate() {
            let bytes = batch::tests::batch((-1, -1, -1), &[1, 2], &vec![0; *size]);
            let header = batch::read_produced(&bytes, 3).unwrap();
            log.append(&bytes, &header, None, age as u64);
        }
        log
    }

    #[test]
    fn reads_take_whole_batches_and_always_the_first() {
        let log = log_of(&[10, 10, 10]);
        let one = log.batches().next().unwrap().bytes.len();
        assert_eq!(log.read(0, i64::MAX, one * 2, false).batches, 0..2);
        assert_eq!(log.read(1, i64::MAX, one * 2 + 1, false).batches, 0..2);
        assert_eq!(log.read(2, i64::MAX, usize::MAX, false).batches, 1..3);
        assert_eq!(log.read(0, 2, usize::MAX, true).batches, 0..1, "up to an offset");
        assert_eq!(log.read(5, i64::MAX, 1, false).bytes, 0);
        assert_eq!(log.read(5, i64::MAX, 1, true).batches, 2..3);
        assert_eq!(log.read(6, i64::MAX, usize::MAX, true).bytes, 0);
        assert_eq!(log.bytes(&log.read(0, i64::MAX, usize::MAX, true)).len(), 3 * one);
    }

    #[test]
    fn dropping_moves_the_log_start() {
        let mut log = log_of(&[1, 1, 1]);
        assert_eq!(log.truncate_before(3).len(), 1);
        assert_eq!((log.log_start(), log.high_watermark()), (3, 6));
        assert_eq!(log.oldest().unwrap().base_offset, 2);
        log.drop_oldest();
        log.drop_oldest();
        assert_eq!((log.log_start(), log.weight()), (6, 0));
    }
}
