//! Totals of a running job, for the status line, the summary and the metrics.

use super::control::Clock;
use crate::table::{Epoch, SinkStats, SourceStats};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Totals by worker, published by each worker after a unit of work, and the epochs of the whole job.
#[derive(Debug, Default)]
pub struct JobStats {
    job: String,
    scans: Vec<String>,
    workers: Mutex<BTreeMap<usize, Published>>,
    /// Of the attempts before.
    earlier: Mutex<Totals>,
    /// What of it belongs to epochs that did not complete: it is read and written again.
    again: Mutex<Totals>,
    epochs: Mutex<EpochStats>,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Published {
    totals: Totals,
    /// Lag of each scan, where it is known.
    lags: Vec<Option<u64>>,
    /// Totals at the barriers of epochs that are not complete, in order.
    cuts: VecDeque<(Epoch, Totals)>,
    /// Totals at the barrier of the last epoch that is.
    kept: Totals,
}

/// Sums over sources and sinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// All sources.
    pub source: SourceStats,
    /// All sinks.
    pub sink: SinkStats,
    /// Records left out because they could not be read, computed or written (`error-handling.mode`).
    pub rejected: u64,
}

/// What a job is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobState {
    /// It looks for its progress and its splits, or reads and writes.
    #[default]
    Running,
    /// It failed and goes on from its last epoch; an epoch that completes shows that it runs again.
    Restarting,
    /// It is over.
    Ended,
}

/// The epochs of a job since its start.
#[derive(Clone, Copy, Debug, Default)]
pub struct EpochStats {
    /// What the job is doing.
    pub state: JobState,
    /// The last epoch that completed; 0 before the first.
    pub last: Epoch,
    /// How many completed.
    pub completed: u64,
    /// From the barriers of these epochs to their stored progress, in sum.
    pub took: Duration,
    /// When the last one completed, since the start of the statistics.
    completed_at: Option<Duration>,
    /// Restarts from the last epoch.
    pub restarts: u64,
}

impl JobStats {
    /// Nothing yet; `scans` are the names of the job's scans, in order.
    pub fn new(job: String, scans: Vec<String>) -> JobStats {
        JobStats { job, scans, ..JobStats::default() }
    }

    /// The job's name.
    pub fn job(&self) -> &str {
        &self.job
    }

    /// Replaces one worker's totals, and its lag for each scan.
    pub fn publish(&self, worker: usize, totals: Totals, lags: Vec<Option<u64>>) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let published = workers.entry(worker).or_default();
        (published.totals, published.lags) = (totals, lags);
    }

    /// What a worker has published belongs to epochs up to this one.
    pub(crate) fn cut(&self, worker: usize, epoch: Epoch) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let published = workers.entry(worker).or_default();
        published.cuts.push_back((epoch, published.totals));
    }

    /// Sums over all workers.
    pub fn totals(&self) -> Totals {
        let mut sum = *self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        for worker in self.workers.lock().unwrap_or_else(PoisonError::into_inner).values() {
            sum.add(worker.totals);
        }
        sum
    }

    /// The totals without what was done again after a failure.
    pub fn totals_once(&self) -> Totals {
        let mut totals = self.totals();
        totals.subtract(*self.again.lock().unwrap_or_else(PoisonError::into_inner));
        totals
    }

    /// The splits are distributed anew: another attempt goes on where this one ended.
    pub(crate) fn reassigned(&self) {
        self.begin_attempt();
    }

    fn begin_attempt(&self) {
        let mut sum = self.totals();
        sum.source.lag = None;
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *self.earlier.lock().unwrap_or_else(PoisonError::into_inner) = sum;
    }

    /// Records between positions and ends, by scan; `None` until every worker knows.
    pub fn lags(&self) -> Vec<(String, Option<u64>)> {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |worker: &Published, scan| worker.lags.get(scan).copied().flatten();
        let lag = |scan: usize| match workers.is_empty() {
            true => None,
            false => workers.values().map(|worker| of(worker, scan)).sum(),
        };
        self.scans.iter().enumerate().map(|(at, name)| (name.clone(), lag(at))).collect()
    }

    /// The epochs so far.
    pub fn epochs(&self) -> EpochStats {
        *self.lock_epochs()
    }

    /// Time since the last epoch completed, if there is one.
    pub fn last_epoch_age(&self) -> Option<Duration> {
        let at = self.lock_epochs().completed_at?;
        Some(self.clock.now().saturating_sub(at))
    }

    /// An epoch is complete; `took` is the time since its barriers were sent.
    pub(crate) fn epoch_completed(&self, epoch: Epoch, took: Duration) {
        let mut epochs = self.lock_epochs();
        epochs.state = JobState::Running;
        epochs.last = epoch;
        epochs.completed += 1;
        epochs.took += took;
        epochs.completed_at = Some(self.clock.now());
        drop(epochs);
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        for worker in workers.values_mut() {
            let complete = worker.cuts.partition_point(|(cut, _)| *cut <= epoch);
            if let Some((_, kept)) = worker.cuts.drain(..complete).next_back() {
                worker.kept = kept;
            }
        }
    }

    /// The job failed and starts again.
    pub(crate) fn restarting(&self) {
        let mut again = self.again.lock().unwrap_or_else(PoisonError::into_inner);
        for worker in self.workers.lock().unwrap_or_else(PoisonError::into_inner).values() {
            again.add(worker.totals);
            again.subtract(worker.kept);
        }
        drop(again);
        self.begin_attempt();
        let mut epochs = self.lock_epochs();
        epochs.state = JobState::Restarting;
        epochs.restarts += 1;
    }

    /// The job is over.
    pub(crate) fn ended(&self) {
        self.lock_epochs().state = JobState::Ended;
    }

    fn lock_epochs(&self) -> MutexGuard<'_, EpochStats> {
        self.epochs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Totals {
    /// Adds another's sums.
    pub fn add(&mut self, other: Totals) {
        self.source.records += other.source.records;
        self.source.bytes += other.source.bytes;
        self.source.lag =
            [self.source.lag, other.source.lag].into_iter().flatten().reduce(u64::saturating_add);
        self.source.ignored += other.source.ignored;
        self.sink.records += other.sink.records;
        self.sink.bytes += other.sink.bytes;
        self.rejected += other.rejected;
    }

    /// Takes a part off again. Lags are no sums over time.
    fn subtract(&mut self, part: Totals) {
        self.source.records = self.source.records.saturating_sub(part.source.records);
        self.source.bytes = self.source.bytes.saturating_sub(part.source.bytes);
        self.source.ignored = self.source.ignored.saturating_sub(part.source.ignored);
        self.sink.records = self.sink.records.saturating_sub(part.sink.records);
        self.sink.bytes = self.sink.bytes.saturating_sub(part.sink.bytes);
        self.rejected = self.rejected.saturating_sub(part.rejected);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_go_on_over_attempts_that_ended_well() {
        let stats = JobStats::new("j".to_owned(), vec!["s".to_owned()]);
        let read = |records, lag| Totals {
            source: SourceStats { records, lag, ..SourceStats::default() },
            ..Totals::default()
        };
        stats.publish(0, read(5, Some(7)), vec![Some(7)]);
        stats.publish(1, read(2, Some(1)), vec![Some(1)]);
        stats.reassigned();
        assert_eq!((stats.totals(), stats.lags()), (read(7, None), vec![("s".to_owned(), None)]));
        stats.publish(0, read(3, Some(4)), vec![Some(4)]);
        assert_eq!(stats.totals(), read(10, Some(4)));
    }

    #[test]
    fn what_is_done_again_counts_once() {
        let stats = JobStats::new("j".to_owned(), vec!["s".to_owned()]);
        let read = |records| Totals {
            source: SourceStats { records, ..SourceStats::default() },
            ..Totals::default()
        };
        let epoch = |epoch, records| {
            stats.publish(0, read(records), vec![None]);
            stats.cut(0, epoch);
        };
        epoch(1, 5);
        epoch(2, 8);
        stats.epoch_completed(1, Duration::ZERO);
        stats.publish(0, read(9), vec![None]);
        stats.restarting();
        assert_eq!((stats.totals(), stats.totals_once()), (read(9), read(5)));
        epoch(2, 4);
        stats.epoch_completed(2, Duration::ZERO);
        assert_eq!((stats.totals(), stats.totals_once()), (read(13), read(9)));
        // Every epoch was complete: nothing of it is done again.
        stats.restarting();
        assert_eq!(stats.totals_once(), read(9));
    }
}
