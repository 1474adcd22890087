//! Which batches of a fetch answer are handed on (KIP-98): control batches never are, and with
//! `read_committed` neither are those of aborted transactions.

use std::collections::BTreeSet;

use crate::config::Isolation;
use crate::limits::CONTROL_BATCH_BYTES_MAX;
use crate::wire::compression::Decompressor;
use crate::wire::records::{BatchError, BatchView, ControlKind};

/// A transaction that was aborted, as a fetch answer lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AbortedTransaction {
    /// Offset of its first record.
    pub first_offset: i64,
    /// Its producer.
    pub producer_id: i64,
}

/// Decides about the batches of one fetch answer, in their order.
#[derive(Debug, Clone)]
pub struct BatchFilter {
    isolation: Isolation,
    /// Rising by first offset; those before `started` have begun.
    aborted: Vec<AbortedTransaction>,
    started: usize,
    /// Producers whose aborted transaction is open at this point of the log.
    active: BTreeSet<i64>,
}

impl BatchFilter {
    /// A filter for one answer. The list may come in any order: Redpanda does not sort it.
    pub fn new(isolation: Isolation, mut aborted: Vec<AbortedTransaction>) -> Self {
        aborted.sort_unstable();
        Self { isolation, aborted, started: 0, active: BTreeSet::new() }
    }

    /// Whether the records of `batch` are handed on. Batches come in the order of the log.
    ///
    /// # Errors
    /// A control batch whose record cannot be read: a marker that is missed could show aborted
    /// records as committed.
    pub fn accept(
        &mut self,
        batch: &BatchView,
        decompressor: &mut Decompressor,
    ) -> Result<bool, BatchError> {
        let header = batch.header();
        if self.isolation == Isolation::ReadCommitted && header.producer_id >= 0 {
            self.start_until(header.last_offset());
            if header.is_control() {
                // Only an abort marker ends an aborted transaction: the same producer may have
                // committed an earlier one within the same answer.
                let control = batch.control_record(decompressor, CONTROL_BATCH_BYTES_MAX)?;
                if control.is_some_and(|record| record.kind == ControlKind::Abort) {
                    self.active.remove(&header.producer_id);
                }
            } else if header.is_transactional() && self.active.contains(&header.producer_id) {
                return Ok(false);
            }
        }
        Ok(!header.is_control())
    }

    fn start_until(&mut self, last_offset: i64) {
        while let Some(next) = self.aborted.get(self.started) {
            if next.first_offset > last_offset {
                return;
            }
            self.active.insert(next.producer_id);
            self.started += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::compression::{Compression, Compressor};
    use crate::wire::records::{BatchBuilder, BatchHeader, Batches, ControlRecord};

    fn batch(offset: i64, producer: i64, transactional: bool) -> BatchView {
        let mut builder = BatchBuilder::new(Compression::None, 1024);
        builder.append(1, None, Some(b"v"), &[]).unwrap();
        let mut sealed = builder.seal(&mut Compressor::default()).unwrap();
        at(&sealed.stamp(producer, 0, 0, transactional), offset)
    }

    fn at(bytes: &[u8], offset: i64) -> BatchView {
        let mut bytes = bytes.to_vec();
        bytes[..8].copy_from_slice(&offset.to_be_bytes());
        Batches::new(bytes.into()).next().unwrap().unwrap()
    }

    fn marker(offset: i64, producer: i64, kind: ControlKind) -> BatchView {
        let header =
            BatchHeader { producer_id: producer, ..*batch(offset, producer, true).header() };
        let record = ControlRecord { version: 0, kind, coordinator_epoch: Some(0) };
        at(&record.to_batch(&header), offset)
    }

    fn accepted(isolation: Isolation, aborted: &[(i64, i64)], log: &[BatchView]) -> Vec<i64> {
        let aborted = aborted
            .iter()
            .map(|&(first_offset, producer_id)| AbortedTransaction { first_offset, producer_id })
            .collect();
        let mut filter = BatchFilter::new(isolation, aborted);
        let mut decompressor = Decompressor::default();
        log.iter()
            .filter(|batch| filter.accept(batch, &mut decompressor).unwrap())
            .map(|batch| batch.header().base_offset)
            .collect()
    }

    fn log() -> Vec<BatchView> {
        vec![
            batch(0, 1, true),
            batch(1, 2, true),
            batch(2, -1, false),
            marker(3, 1, ControlKind::Commit),
            batch(4, 1, true),
            marker(5, 2, ControlKind::Abort),
            batch(6, 2, true),
            marker(7, 1, ControlKind::Abort),
            marker(8, 2, ControlKind::Commit),
            batch(9, 3, false),
        ]
    }

    #[test]
    fn read_committed_hides_aborted_records_and_markers() {
        let sorted = [(1, 2), (4, 1)];
        let unsorted = [(4, 1), (1, 2)];
        for aborted in [sorted, unsorted] {
            assert_eq!(accepted(Isolation::ReadCommitted, &aborted, &log()), [0, 2, 6, 9]);
        }
    }

    #[test]
    fn read_uncommitted_hides_only_markers() {
        let all = accepted(Isolation::ReadUncommitted, &[(1, 2), (4, 1)], &log());
        assert_eq!(all, [0, 1, 2, 4, 6, 9]);
    }

    #[test]
    fn a_commit_marker_does_not_end_an_aborted_transaction() {
        // The answer begins inside the aborted transaction; a stray commit marker of an unknown
        // kind changes nothing.
        let log = [batch(5, 1, true), marker(6, 1, ControlKind::Unknown(9)), batch(7, 1, true)];
        assert!(accepted(Isolation::ReadCommitted, &[(2, 1)], &log).is_empty());
    }

    #[test]
    fn a_transaction_that_starts_later_does_not_hide_earlier_records() {
        let log = [batch(0, 1, true), marker(1, 1, ControlKind::Commit), batch(2, 1, true)];
        assert_eq!(accepted(Isolation::ReadCommitted, &[(2, 1)], &log), [0]);
    }
}
