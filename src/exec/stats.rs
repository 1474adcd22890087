//! Totals of a running job, for the status line and the summary.

use crate::table::{SinkStats, SourceStats};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Totals by worker, published by each worker after a unit of work.
#[derive(Debug, Default)]
pub struct JobStats {
    scans: Vec<String>,
    workers: Mutex<BTreeMap<usize, Published>>,
}

#[derive(Debug, Default)]
struct Published {
    totals: Totals,
    /// Lag of each scan.
    lags: Vec<u64>,
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
    /// Nothing yet; `scans` are the names of the job's scans, in order.
    pub fn new(scans: Vec<String>) -> JobStats {
        JobStats { scans, workers: Mutex::default() }
    }

    /// Replaces one worker's totals, and its lag for each scan.
    pub fn publish(&self, worker: usize, totals: Totals, lags: Vec<u64>) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.insert(worker, Published { totals, lags });
    }

    /// Sums over all workers.
    pub fn totals(&self) -> Totals {
        let mut sum = Totals::default();
        for worker in self.workers.lock().unwrap_or_else(PoisonError::into_inner).values() {
            sum.add(worker.totals);
        }
        sum
    }

    /// Records between positions and ends, by scan.
    pub fn lags(&self) -> Vec<(String, u64)> {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let lag = |scan: usize| workers.values().filter_map(|worker| worker.lags.get(scan)).sum();
        self.scans.iter().enumerate().map(|(at, name)| (name.clone(), lag(at))).collect()
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
