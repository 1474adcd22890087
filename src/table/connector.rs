//! What a connector is, and what it is given.

use super::clock::WallClock;
use super::identity::JobIdentity;
use super::{
    DecodeRequest, Decoder, EncodeRequest, Encoder, Format, JobParts, Sink, Source, TableDef,
};
use crate::base::Result;
use crate::expr::Expr;
use crate::options::{Opt, OptionReader};
use crate::types::ChangelogMode;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A kind of table, found by the value of its `connector` option (Flink's `DynamicTableFactory`).
pub trait Connector: Send + Sync + Debug {
    /// The value of `connector`.
    fn identifier(&self) -> &'static str;

    /// Every option it takes, for the reference; format options excluded.
    fn options(&self) -> &'static [Opt];

    /// Kinds of changes that reading the table gives.
    fn source_changelog(&self, _context: &TableContext<'_>) -> Result<ChangelogMode> {
        Ok(ChangelogMode::INSERT_ONLY)
    }

    /// Kinds of changes that the table takes.
    fn sink_changelog(&self, _context: &TableContext<'_>) -> Result<ChangelogMode> {
        Ok(ChangelogMode::INSERT_ONLY)
    }

    /// Whether its tables may be partitioned where they are written to (Flink's `SupportsPartitioning`).
    fn writes_partitions(&self) -> bool {
        false
    }

    /// Whether it knows metadata columns where its tables are written to (Flink's `SupportsWritingMetadata`); it then
    /// refuses by itself those that it does not have.
    fn writes_metadata(&self) -> bool {
        true
    }

    /// Opens the table for reading. All options are checked here; nothing outside is contacted.
    fn source(&self, context: &TableContext<'_>, scan: ScanRequest) -> Result<Box<dyn Source>>;

    /// Opens the table for writing. All options are checked here; nothing outside is contacted.
    fn sink(&self, context: &TableContext<'_>, request: SinkRequest) -> Result<Box<dyn Sink>>;
}

/// What the query needs from a scan.
#[derive(Clone, Debug)]
pub struct ScanRequest {
    /// Positions (in [`TableDef::columns`]) of the physical and metadata columns to produce, in output order.
    pub columns: Vec<usize>,
    /// Rows for which this is not TRUE may be left out (and with them their type errors); it refers to positions in
    /// `columns`. The engine filters again only where [`Source::applies_predicate`] is false.
    pub predicate: Option<Expr>,
    /// Visible parallelism.
    pub parallelism: usize,
}

/// What the query writes.
#[derive(Clone, Debug)]
pub struct SinkRequest {
    /// Positions (in [`TableDef::columns`]) of the columns that rows carry, in that order: all physical and writable
    /// metadata columns.
    pub columns: Vec<usize>,
    /// Visible parallelism.
    pub parallelism: usize,
    /// No row is updated or deleted.
    pub insert_only: bool,
    /// The rows belong to what the job's other sinks write: they become visible with theirs.
    pub joins_job: bool,
}

/// Takes one-line warnings from any thread.
#[derive(Clone)]
pub struct Warnings {
    take: Arc<dyn Fn(&str) + Send + Sync>,
    /// What [`Warnings::warn_once`] has said.
    said: Arc<Mutex<BTreeSet<String>>>,
}

impl Warnings {
    /// Hands each line to `take`.
    pub fn to(take: impl Fn(&str) + Send + Sync + 'static) -> Warnings {
        Warnings { take: Arc::new(take), said: Arc::default() }
    }

    /// The same for lines that say what they say once, however often it is found.
    pub fn once(take: impl Fn(&str) + Send + Sync + 'static) -> Warnings {
        let said = Mutex::new(BTreeSet::new());
        Warnings::to(move |line| {
            if is_new(&said, line) {
                take(line);
            }
        })
    }

    /// Something is not as the user may think.
    pub fn warn(&self, line: &str) {
        (self.take)(&format!("[WARN] {line}"));
    }

    /// The same about what a table declares, which is found each time that the table is used.
    pub fn warn_once(&self, line: &str) {
        if is_new(&self.said, line) {
            self.warn(line);
        }
    }

    /// Something that the user may want to know.
    pub fn info(&self, line: &str) {
        (self.take)(&format!("[INFO] {line}"));
    }

    /// Something that hardly anybody wants to know.
    pub fn debug(&self, line: &str) {
        (self.take)(&format!("[DEBUG] {line}"));
    }
}

fn is_new(said: &Mutex<BTreeSet<String>>, line: &str) -> bool {
    said.lock().unwrap_or_else(PoisonError::into_inner).insert(line.to_owned())
}

impl Debug for Warnings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Warnings")
    }
}

/// The job that a table is opened for.
#[derive(Clone, Debug)]
pub struct JobContext {
    /// Job id: `pipeline.name`, or script name and target tables. Names the group that holds the job's progress.
    pub id: String,
    /// What the progress under the id belongs to.
    pub identity: JobIdentity,
    /// Time between epochs.
    pub checkpoint_interval: Duration,
    /// Whether several processes run the job and share its splits (`job.shared`).
    pub shared: bool,
    /// Whether sources may create missing topics (`--dev-broker`).
    pub create_missing_topics: bool,
    /// Seed of everything random (partition choice, generated data, jitter).
    pub seed: u64,
    /// When the job was planned, milliseconds since 1970 UTC.
    pub started_at_millis: i64,
    /// What time it is while the job runs.
    pub wall_clock: WallClock,
    /// Session time zone.
    pub time_zone: chrono_tz::Tz,
    /// Where one-line warnings go.
    pub warnings: Warnings,
    /// Session options, `-D` and SET.
    pub settings: Arc<BTreeMap<String, String>>,
    /// What the tables of the job share.
    pub parts: JobParts,
}

/// A table being opened: its declaration, its options, its formats.
#[derive(Debug)]
pub struct TableContext<'a> {
    /// The declaration.
    pub table: &'a TableDef,
    /// Reader over the table's options; the caller refuses leftovers after the connector took its own.
    pub options: &'a OptionReader<'a>,
    /// Finds formats.
    pub formats: &'a dyn FormatResolver,
    /// The job.
    pub job: &'a JobContext,
}

/// Makes one decoder per worker; the options were checked when it was made.
pub type DecoderFactory = Arc<dyn Fn() -> Result<Box<dyn Decoder>> + Send + Sync>;

/// Makes one encoder per worker; the options were checked when it was made.
pub type EncoderFactory = Arc<dyn Fn() -> Result<Box<dyn Encoder>> + Send + Sync>;

/// Finds a format by the table's `format`, `key.format` or `value.format` option (Flink's `FactoryUtil`).
pub trait FormatResolver: Debug {
    /// The table's value format.
    fn value_format(&self, options: &OptionReader<'_>) -> Result<Arc<dyn Format>>;

    /// The table's key format.
    fn key_format(&self, options: &OptionReader<'_>) -> Result<Arc<dyn Format>>;

    /// A decoder for the table's value format. Takes the format's options out of `options`.
    fn value_decoder(
        &self,
        options: &OptionReader<'_>,
        request: DecodeRequest,
    ) -> Result<DecoderFactory>;

    /// A decoder for the table's key format. Takes the format's options out of `options`.
    fn key_decoder(
        &self,
        options: &OptionReader<'_>,
        request: DecodeRequest,
    ) -> Result<DecoderFactory>;

    /// An encoder for the table's key format. Takes the format's options out of `options`.
    fn key_encoder(
        &self,
        options: &OptionReader<'_>,
        request: EncodeRequest,
    ) -> Result<EncoderFactory>;

    /// An encoder for the table's value format. Takes the format's options out of `options`.
    fn value_encoder(
        &self,
        options: &OptionReader<'_>,
        request: EncodeRequest,
    ) -> Result<EncoderFactory>;
}
