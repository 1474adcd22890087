//! Epochs, positions and where they are kept.

use crate::base::Result;
use crate::types::SplitId;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

/// Number of an epoch: what Flink's users call a checkpoint. The first is 1.
pub type Epoch = u64;

/// A place in a split: after the last row handed out, never after what was prefetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Next record to read (Kafka: offset).
    pub offset: i64,
    /// Leader epoch of the last record read, where known (KIP-320).
    pub leader_epoch: Option<i32>,
    /// Which of the things that have had the split's name, where known (Kafka: topic id, KIP-516).
    pub identity: Option<[u8; 16]>,
}

impl Position {
    /// A position of which nothing more is known.
    pub fn at(offset: i64) -> Position {
        Position { offset, leader_epoch: None, identity: None }
    }
}

/// What an epoch covers: for each split, where reading goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The epoch.
    pub epoch: Epoch,
    /// Positions by split.
    pub positions: BTreeMap<SplitId, Position>,
}

/// Which of a job's scans a source is: its progress is kept under this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanName {
    /// The table; with a number behind it where the job scans the table more than once.
    pub name: String,
    /// Whether the job has no other scan.
    pub alone: bool,
}

/// What a commit domain needs to know of a scan whose progress it keeps.
#[derive(Clone)]
pub struct ScanFacts {
    /// Which scan of the job.
    pub name: ScanName,
    /// What the positions mean: progress that was stored under another one cannot be gone on from.
    pub source: String,
    /// Whether the scan reads this split or would if it existed.
    pub reads: Arc<dyn Fn(&SplitId) -> bool + Send + Sync>,
    /// A consumer group that gets the positions for lag tools.
    pub lag_group: Option<LagGroup>,
}

impl Debug for ScanFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ScanFacts { name, source, lag_group, .. } = self;
        let mut shown = f.debug_struct("ScanFacts");
        shown.field("name", name).field("source", source).field("lag_group", lag_group);
        shown.finish_non_exhaustive()
    }
}

/// A consumer group of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LagGroup {
    /// Tells clusters and principals apart: equal for equal connections.
    pub cluster: u64,
    /// Its id.
    pub group: String,
}

/// What the exactly-once sinks of a job are asked for: the domain that commits output and progress together.
#[derive(Debug)]
pub struct DomainRequest {
    /// The scans of the job, in their order.
    pub scans: Vec<ScanFacts>,
    /// False where nobody can name the job again: output is committed, progress is not kept.
    pub keeps_progress: bool,
}

/// Where a start finds its progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// The first start of a process: what an earlier run stored.
    Stored,
    /// The first start of a process, from the beginning (`--fresh`): what is stored is forgotten.
    Fresh,
    /// A restart inside the process.
    Restart,
}

/// What a commit domain reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainEvent {
    /// The end of a recovery.
    Recovered {
        /// Epochs go on behind this one.
        epoch: Epoch,
        /// Progress of an earlier run, one entry per scan of the domain.
        scans: Vec<Option<Progress>>,
    },
    /// The end of a recovery where the attempt before had reached the job's end in this epoch without learning that it was
    /// durable: nothing is left to do.
    Finished(Epoch),
    /// The epoch is durable.
    Committed(Epoch),
    /// What was not committed never will be.
    Aborted,
    /// The splits are to be distributed anew among the processes of the job: the open epoch is to be ended, then the
    /// domain is asked in another attempt.
    Revoked,
    /// The other processes of the job need not wait for this one.
    Left,
}

/// What one epoch comes to.
#[derive(Clone, Copy, Debug)]
pub struct EpochEnd<'a> {
    /// The epoch.
    pub epoch: Epoch,
    /// Positions, one entry per scan of the domain.
    pub scans: &'a [Progress],
    /// Whether progress is to be stored: false when no position moved since it was.
    pub store: bool,
    /// The job reached its end: its next start is a fresh one, so nothing to go on from is kept.
    pub finished: bool,
}

/// A store that makes an epoch durable, for one or several scans of a job. Driven by exec and never blocking: calls
/// start work, `poll` reports its end and the waker given at creation is called when there is something to poll.
pub trait CommitDomain: Send + Debug {
    /// Whether every restart has to ask it, instead of going on from what the process knows: where a commit may have
    /// come through behind the process' back, or another process may have taken over.
    fn decides(&self) -> bool {
        false
    }

    /// Whether other processes run the same job and have their part of its splits: where to go on is then known to nobody
    /// but the domain.
    fn shares(&self) -> bool {
        false
    }

    /// Whether this process is, or is about to be, one of those that a domain that [`CommitDomain::shares`] knows: what
    /// fails from then on may be tried again, also before the first recovery has come to its end.
    fn joined(&self) -> bool {
        false
    }

    /// Whether the next start finds what is committed: false once nothing may be stored.
    fn keeps(&self) -> bool {
        true
    }

    /// Starts looking for progress; ends in [`DomainEvent::Recovered`].
    fn recover(&mut self, from: Recovery);

    /// Starts committing an epoch; ends in [`DomainEvent::Committed`], also where nothing had to be stored. At most one
    /// is under way. Called when all output of the epoch is acknowledged.
    fn commit(&mut self, end: &EpochEnd<'_>);

    /// The job fails: starts taking back what is not committed; ends in [`DomainEvent::Aborted`]. Nothing else is
    /// called after it.
    fn abort(&mut self);

    /// The run is over: a domain that [`CommitDomain::shares`] starts telling the other processes; ends in
    /// [`DomainEvent::Left`]. Nothing else is called after it.
    fn leave(&mut self) {}

    /// The next event, if one is there.
    fn poll(&mut self, now: Duration) -> Result<Option<DomainEvent>>;

    /// When to poll again without being woken.
    fn wake_at(&self) -> Option<Duration> {
        None
    }
}

/// What a job stored under another guarantee than it has now, which is kept in another place.
#[derive(Debug)]
pub struct Former {
    /// The last epoch stored there, 0 if none: epochs go on behind it, so that of both places the newer one is known.
    pub epoch: Epoch,
    /// Progress to go on from, one entry per scan that was asked about.
    pub scans: Vec<Option<Progress>>,
    /// What people are told where the job goes on from there, or why it cannot: the scan may no longer read what it did.
    pub caveat: Option<Result<String>>,
}

/// A look at the place where a job would keep its progress under another guarantee, once at the start of a process. It is
/// under way from its making; the waker given then is called when there is something to poll.
pub trait FormerProgress: Send + Debug {
    /// What is there, once it is known.
    fn poll(&mut self, now: Duration) -> Result<Option<Former>>;

    /// When to poll again without being woken.
    fn wake_at(&self) -> Option<Duration> {
        None
    }
}
