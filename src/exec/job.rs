//! A job ready to run: opened sources and sinks, operators between them.

use super::JobStats;
use super::rejects::Refusals;
use crate::ops::OperatorFactory;
use crate::plan::RestartStrategy;
use crate::table::{Boundedness, JobContext, Sink, Source};
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// One INSERT, one statement set or one SELECT: every physical scan, the chains of operators above it, and the sinks that
/// they end in.
#[derive(Debug)]
pub struct Job {
    /// Id, seed, settings.
    pub context: JobContext,
    /// Dropped once it is known where the job goes on, and at its end: for whoever waits for that.
    pub recovered: Option<Sender<()>>,
    /// The scans; each table is read once, whatever the number of statements that read it.
    pub scans: Vec<Scan>,
    /// The sinks; all inputs of a UNION ALL end in one.
    pub sinks: Vec<JobSink>,
    /// What follows a failure that may pass.
    pub restart: RestartStrategy,
    /// Worker threads; `None` follows cores and splits.
    pub workers: Option<usize>,
    /// Whether progress is kept: false for interactive SELECTs.
    pub keeps_progress: bool,
    /// Forget the progress of earlier runs.
    pub fresh: bool,
    /// Whether an attempt may be done over: false where what was let through is not part of the progress.
    pub replays: bool,
    /// Records that were refused after they were sent.
    pub refusals: Arc<Refusals>,
    /// Totals, also read by the status line.
    pub stats: Arc<JobStats>,
}

impl Job {
    /// Whether the input of all its scans ends.
    pub fn is_bounded(&self) -> bool {
        self.scans.iter().all(|scan| scan.source.boundedness() == Boundedness::Bounded)
    }
}

/// One source and what it feeds.
#[derive(Debug)]
pub struct Scan {
    /// Tells it from the job's other scans, in messages and for its progress: the table, numbered where the job scans
    /// it with several sets of options.
    pub name: String,
    /// The source.
    pub source: Box<dyn Source>,
    /// Where its rows go.
    pub outputs: Vec<Output>,
    /// What becomes of rows that fail.
    pub failures: Failures,
}

/// What becomes of the failed rows of a scan.
#[derive(Debug, Default)]
pub enum Failures {
    /// The job fails.
    #[default]
    Fail,
    /// They are left out.
    Ignore,
    /// The records that they came from are written here, as rows of [`super::log_fields`].
    Log(JobSink),
}

/// A table opened for writing.
#[derive(Debug)]
pub struct JobSink {
    /// The table, for messages.
    pub name: String,
    /// The sink.
    pub sink: Box<dyn Sink>,
}

/// A chain of operators that ends in a sink.
pub struct Output {
    /// Operators, first to last; each worker gets its own.
    pub operators: Vec<OperatorFactory>,
    /// Which of the job's sinks.
    pub sink: usize,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output")
            .field("operators", &self.operators.len())
            .field("sink", &self.sink)
            .finish()
    }
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// Every source ended and everything is written and committed.
    Finished,
    /// It was asked to stop; everything read is written and committed.
    Drained,
}
