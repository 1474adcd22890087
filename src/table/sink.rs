//! Sinks.

use super::{CommitDomain, DomainRequest, Epoch, FormerProgress, JobContext, Refused, Waker};
use crate::base::Result;
use crate::types::{Batch, RowErrors};
use std::fmt::Debug;
use std::time::Duration;

/// What a sink promises (`sink.delivery-guarantee`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarantee {
    /// Output is handed to the socket; nothing is awaited.
    None,
    /// Output is acknowledged before the epoch's progress is stored.
    AtLeastOnce,
    /// Output and progress become visible together.
    ExactlyOnce,
}

/// A table opened for writing.
pub trait Sink: Send + Debug {
    /// What it promises.
    fn guarantee(&self) -> Guarantee;

    /// Where its rows go, by names without commas and blanks that stay the same, such as topics; none where it has no such
    /// names. Stored with the job's progress.
    fn targets(&self) -> Vec<String> {
        Vec::new()
    }

    /// The domain in which the exactly-once sinks of a job commit; asked of the first of them at each start and restart,
    /// before any writer. Others of the job join it with their writers.
    fn commit_domain(
        &mut self,
        _job: &JobContext,
        _request: DomainRequest,
        _waker: Waker,
    ) -> Result<Option<Box<dyn CommitDomain>>> {
        Ok(None)
    }

    /// Looks for what an exactly-once job stored in this sink's place that is not exactly-once now, for a job of `scans`
    /// scans; `None` where there is no such place.
    fn former_progress(
        &mut self,
        _job: &JobContext,
        _scans: usize,
        _waker: Waker,
    ) -> Result<Option<Box<dyn FormerProgress>>> {
        Ok(None)
    }

    /// A writer for one worker. `worker` counts from 0 to `workers`; `waker` is called when [`Writer::poll`] has news.
    fn writer(&mut self, worker: usize, workers: usize, waker: Waker) -> Result<Box<dyn Writer>>;
}

/// What a writer reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterStatus {
    /// Every row written before the barrier of this epoch is acknowledged.
    pub acknowledged: Epoch,
    /// Whether it takes more rows now; false while its byte budget is used up.
    pub ready: bool,
    /// When to poll again without being woken.
    pub wake_at: Option<Duration>,
}

/// Totals of a writer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkStats {
    /// Records handed over.
    pub records: u64,
    /// Their bytes, before compression.
    pub bytes: u64,
}

/// Writes the rows of one worker. Never blocks.
pub trait Writer: Send + Debug {
    /// Takes a batch. Rows that cannot be written go to `errors`; those behind the first of them may be left out. Once
    /// they are to be [tolerated](Writer::tolerate), none is written where any cannot be.
    fn write(&mut self, batch: &Batch, errors: &mut RowErrors) -> Result<()>;

    /// The mailbox ran empty: sends what is buffered, without waiting.
    fn flush(&mut self) -> Result<()>;

    /// No row comes any more: from here on also a sink that promises nothing waits until its output has arrived.
    fn finish(&mut self) {}

    /// All rows so far belong to epochs up to `epoch`: seals and sends them.
    fn barrier(&mut self, epoch: Epoch) -> Result<()>;

    /// Looks for acknowledgements; fails when output was refused or its delivery time ran out.
    fn poll(&mut self, now: Duration) -> Result<WriterStatus>;

    /// From now on a batch with rows that cannot be written is given again without them and without all others of their
    /// records, and the writer keeps in mind where its records came from. False where it cannot: a failed row fails the
    /// job then.
    fn tolerate(&mut self) -> bool {
        false
    }

    /// At the end of an attempt that failed: the records because of which output did, where they are to blame and known,
    /// whether or not a [`Writer::poll`] has told of it.
    fn refused(&mut self) -> Vec<Refused> {
        Vec::new()
    }

    /// After [`Writer::refused`]: whether the rows because of which output failed would be told one by one, before they
    /// are sent, if they were written again.
    fn has_learned(&self) -> bool {
        false
    }

    /// Totals since the start.
    fn stats(&self) -> SinkStats;
}
