//! Totals of a running job, for the status line and the summary.

use crate::table::{SinkStats, SourceStats};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Totals by worker, published by each worker after a unit of work.
#[derive(Debug, Default)]
pub struct JobStats {
    workers: Mutex<BTreeMap<usize, Totals>>,
}

/// Sums over sources and sinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// All sources.
    pub source: SourceStats,
    /// All sinks.
    pub sink: SinkStats,
}

impl JobStats {
    /// Replaces one worker's totals.
    pub(super) fn publish(&self, worker: usize, totals: Totals) {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).insert(worker, totals);
    }

    /// Sums over all workers.
    pub fn totals(&self) -> Totals {
        let mut sum = Totals::default();
        for worker in self.workers.lock().unwrap_or_else(PoisonError::into_inner).values() {
            sum.add(*worker);
        }
        sum
    }
}

impl Totals {
    /// Adds another's sums.
    pub fn add(&mut self, other: Totals) {
        self.source.records += other.source.records;
        self.source.bytes += other.source.bytes;
        self.source.lag += other.source.lag;
        self.source.ignored += other.source.ignored;
        self.sink.records += other.sink.records;
        self.sink.bytes += other.sink.bytes;
    }
}
