//! Sources: an enumerator that finds splits, apart from readers that read them.

use super::{
    CommitDomain, ErrorHandling, FormerProgress, JobContext, Original, Position, RecordPlace,
    ScanFacts, ScanName,
};
use crate::base::Result;
use crate::types::{Batch, RowErrors, SplitId};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// Called, from any thread, when there is something to poll. Must be cheap and must not block.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// A waker in what can be shown.
pub struct OpaqueWaker(pub Waker);

impl Debug for OpaqueWaker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waker")
    }
}

/// Whether a source ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boundedness {
    /// It ends.
    Bounded,
    /// It never ends.
    Unbounded,
}

/// A split to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Which.
    pub id: Arc<SplitId>,
    /// First record to read.
    pub start: Position,
    /// Reading ends when the position reaches this offset; `None` never ends.
    pub end: Option<i64>,
}

/// What an enumerator found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovered {
    /// New splits to assign.
    pub added: Vec<Split>,
    /// Splits with progress that do not exist any more: their positions are forgotten.
    pub gone: Vec<SplitId>,
    /// No further split will ever be found.
    pub complete: bool,
    /// The start positions would come out differently if looked up again (latest-offset): they are stored before the
    /// first row is read, else a job killed before its first epoch would skip what arrived meanwhile. Also where nothing
    /// was found at the start: a store that can keeps that there was a look.
    pub volatile: bool,
}

/// A table opened for reading.
pub trait Source: Send + Debug {
    /// Whether it ends by itself.
    fn boundedness(&self) -> Boundedness;

    /// Whether readers apply [`super::ScanRequest::predicate`] themselves.
    fn applies_predicate(&self) -> bool;

    /// The enumerator. `waker` is called when [`Enumerator::poll`] has news.
    fn enumerator(&mut self, waker: Waker) -> Result<Box<dyn Enumerator>>;

    /// A reader for one worker. `waker` is called when [`Reader::poll`] has news.
    fn reader(&mut self, worker: usize, waker: Waker) -> Result<Box<dyn Reader>>;

    /// What a domain that keeps the progress of a whole job needs to know.
    fn facts(&self, name: ScanName) -> ScanFacts;

    /// What becomes of records that fail. [`Reader::tolerate`] is called where that is not a failure of the job.
    fn error_handling(&self) -> ErrorHandling {
        ErrorHandling::Fail
    }

    /// Whether a later start can go on from where it stopped.
    fn resumes(&self) -> bool {
        true
    }

    /// Whether several processes of a job can share its splits.
    fn shares(&self) -> bool {
        false
    }

    /// Where this source can keep an at-least-once job's progress; `None` where it has no such place.
    fn commit_domain(
        &mut self,
        job: &JobContext,
        scan: &ScanName,
        waker: Waker,
    ) -> Result<Option<Box<dyn CommitDomain>>>;

    /// Looks for what an at-least-once job stored of this scan that is exactly-once now; `None` where there is no such
    /// place.
    fn former_progress(
        &mut self,
        _job: &JobContext,
        _scan: &ScanName,
        _waker: Waker,
    ) -> Result<Option<Box<dyn FormerProgress>>> {
        Ok(None)
    }
}

/// Finds splits, at the start and while running. Never blocks.
pub trait Enumerator: Send + Debug {
    /// Starts. `restored` holds the positions of an earlier run: those splits start there, whatever the start-up mode
    /// says; splits not in it are new since then and start at their beginning.
    fn start(&mut self, restored: Option<&super::Progress>) -> Result<()>;

    /// News since the last poll.
    fn poll(&mut self, now: Duration) -> Result<Option<Discovered>>;

    /// When to poll again without being woken.
    fn next_deadline(&self) -> Option<Duration>;
}

/// What a reader has.
#[derive(Debug)]
pub enum Polled {
    /// Rows. Failed records are in the errors given to the poll; [`Reader::failed`] says where each is.
    Data(Batch),
    /// This split's position reached its end.
    Ended(Arc<SplitId>),
    /// This split does not exist any more, and its position is forgotten.
    Gone(Arc<SplitId>),
    /// From here on this split is read at a place that does not follow from the one before: what was known of its records
    /// may be of others.
    Anew(Arc<SplitId>),
    /// The split was read to the end of what the broker has (its high watermark, or last stable offset).
    CaughtUp(Arc<SplitId>),
    /// Nothing now; the waker will tell.
    Idle,
}

/// Totals of a reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceStats {
    /// Records read.
    pub records: u64,
    /// Their bytes, decompressed.
    pub bytes: u64,
    /// Records between the positions and the ends of the splits, as last reported by the broker; `None` until it has
    /// reported about each of them.
    pub lag: Option<u64>,
    /// Records that `ignore-parse-errors` dropped, or fields of which it made NULL.
    pub ignored: u64,
}

/// Reads splits on one worker. Never blocks.
pub trait Reader: Send + Debug {
    /// Starts reading splits.
    fn assign(&mut self, splits: Vec<Split>) -> Result<()>;

    /// Stops reading splits.
    fn revoke(&mut self, splits: &[SplitId]);

    /// The next thing. Failed records are reported in `errors`, whose messages name topic, partition and offset.
    fn poll(&mut self, now: Duration, errors: &mut RowErrors) -> Result<Polled>;

    /// From now on failed records do not hold up the others. With `keep`, the records of a poll are kept until the next.
    fn tolerate(&mut self, _keep: bool) {}

    /// Where the record is that the last poll reported as failed under this `row`.
    fn failed(&self, _row: usize) -> Option<RecordPlace> {
        None
    }

    /// Records of the last poll as they came, in the order of reading.
    fn originals(&self, _places: &BTreeSet<RecordPlace>) -> Vec<Original> {
        Vec::new()
    }

    /// Adds the position of every assigned split: after the last row handed out.
    fn positions(&self, out: &mut Vec<(Arc<SplitId>, Position)>);

    /// When to poll again without being woken (a generator's pace).
    fn next_deadline(&self) -> Option<Duration>;

    /// Totals since the start.
    fn stats(&self) -> SourceStats;
}
