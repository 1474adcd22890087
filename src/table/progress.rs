//! Epochs, positions and where they are kept.

use crate::base::Result;
use crate::types::SplitId;
use std::collections::BTreeMap;
use std::fmt::Debug;
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
}

impl Position {
    /// A position without leader epoch.
    pub fn at(offset: i64) -> Position {
        Position { offset, leader_epoch: None }
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

/// What a commit domain reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainEvent {
    /// Progress of an earlier run of this job, if any.
    Recovered(Option<Progress>),
    /// The epoch is durable.
    Committed(Epoch),
}

/// A store that makes an epoch durable. Driven by exec and never blocking: calls start work, `poll` reports its end and
/// the waker given at creation is called when there is something to poll.
pub trait CommitDomain: Send + Debug {
    /// Starts reading the progress of an earlier run; ends in [`DomainEvent::Recovered`].
    fn recover(&mut self);

    /// Starts committing an epoch; ends in [`DomainEvent::Committed`]. At most one is under way.
    fn commit(&mut self, progress: &Progress);

    /// Starts removing stored progress (`--fresh`, or a job that reached its end, whose final positions are given for
    /// lag tools); ends in [`DomainEvent::Committed`].
    fn clear(&mut self, progress: &Progress);

    /// The next event, if one is there.
    fn poll(&mut self, now: Duration) -> Result<Option<DomainEvent>>;
}
