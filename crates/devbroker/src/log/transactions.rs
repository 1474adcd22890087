//! Transactions in one partition: where open ones begin, which ones were aborted (KIP-98).

use std::collections::{BTreeMap, VecDeque};

/// A transaction whose records readers of committed data skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aborted {
    pub(crate) producer_id: i64,
    /// Its first record in this partition.
    pub(crate) first: i64,
    /// Its marker.
    pub(crate) last: i64,
}

/// See the module. Each aborted transaction has a marker in the log, whose stored weight covers
/// the entry here; both go together.
#[derive(Debug, Default)]
pub(crate) struct PartitionTransactions {
    open: BTreeMap<i64, i64>,
    /// In the order of markers.
    aborted: VecDeque<Aborted>,
}

impl PartitionTransactions {
    /// A transactional batch of this producer was written at `offset`.
    pub(crate) fn wrote(&mut self, producer_id: i64, offset: i64) {
        self.open.entry(producer_id).or_insert(offset);
    }

    /// The marker of this producer was written at `offset`.
    pub(crate) fn ended(&mut self, producer_id: i64, offset: i64, committed: bool) {
        // A marker without records ends nothing that a reader could see.
        let Some(first) = self.open.remove(&producer_id) else { return };
        if !committed {
            self.aborted.push_back(Aborted { producer_id, first, last: offset });
        }
    }

    /// Where the open transaction of a producer begins.
    pub(crate) fn start_of(&self, producer_id: i64) -> Option<i64> {
        self.open.get(&producer_id).copied()
    }

    /// The first offset of an open transaction: readers of committed data stop there.
    pub(crate) fn first_open(&self) -> Option<i64> {
        self.open.values().min().copied()
    }

    /// Aborted transactions with records or marker in `from..until`, in the order of markers.
    pub(crate) fn aborted(&self, from: i64, until: i64) -> impl Iterator<Item = &Aborted> {
        let start = self.aborted.partition_point(|aborted| aborted.last < from);
        self.aborted.range(start..).filter(move |aborted| aborted.first < until)
    }

    /// The log starts at `offset` now.
    pub(crate) fn forget_before(&mut self, offset: i64) {
        while self.aborted.front().is_some_and(|aborted| aborted.last < offset) {
            self.aborted.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_stop_at_the_oldest_open_transaction() {
        let mut log = PartitionTransactions::default();
        log.wrote(1, 10);
        log.wrote(2, 5);
        log.wrote(2, 12);
        assert_eq!(log.first_open(), Some(5));
        log.ended(2, 13, true);
        assert_eq!(log.first_open(), Some(10));
        log.ended(1, 14, false);
        assert_eq!(log.first_open(), None);
        assert_eq!(log.aborted(0, 100).count(), 1);
    }

    #[test]
    fn only_overlapping_aborts_are_told_and_old_ones_forgotten() {
        let mut log = PartitionTransactions::default();
        for (id, first, last) in [(1, 0, 4), (2, 2, 9), (3, 20, 30)] {
            log.wrote(id, first);
            log.ended(id, last, false);
        }
        let told = |log: &PartitionTransactions, from, until| {
            log.aborted(from, until).map(|aborted| aborted.producer_id).collect::<Vec<_>>()
        };
        assert_eq!(told(&log, 0, 10), [1, 2]);
        assert_eq!(told(&log, 5, 20), [2]);
        assert_eq!(told(&log, 5, 21), [2, 3]);
        log.forget_before(9);
        assert_eq!(told(&log, 0, 100), [2, 3]);
        log.ended(9, 40, false);
        assert_eq!(told(&log, 35, 100), Vec::<i64>::new(), "an empty transaction hides nothing");
    }
}
