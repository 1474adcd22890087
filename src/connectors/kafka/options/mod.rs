//! Options of `kafka` and `upsert-kafka`: Flink's names, one declaration each, and what both sides of a table take.

mod sink;
mod source;
mod topics;

pub(super) use sink::{BufferFlush, Exact, Partitioning, SinkOptions, sink};
#[cfg(test)]
pub(super) use source::SpecificOffsets;
pub(super) use source::{Place, SourceOptions, TopicChange, place_of, source};
pub(super) use topics::{Topics, fits, wrong_name};

use crate::base::{Error, Result};
use crate::options::{Opt, OptKind, OptionReader};
use crate::table::JobContext;
use brooklet_kafka::ClientConfig;
use std::time::Duration;

pub(super) const TOPIC: Opt = Opt::new(
    "topic",
    OptKind::List,
    "Topic to read or write, or a `;`-separated list of them. With a list, a sink writes each row to the topic that its \
     `topic` metadata column names. Exclusive with `topic-pattern`.",
);
pub(super) const TOPIC_PATTERN: Opt = Opt::new(
    "topic-pattern",
    OptKind::String,
    "Regular expression for the names of the topics to read, where new topics that match are found while running, or \
     which a sink's `topic` metadata column may name.",
);
pub(super) const BOOTSTRAP: Opt = Opt::new(
    "properties.bootstrap.servers",
    OptKind::String,
    "Comma-separated `host:port` list of brokers.",
);
pub(super) const GROUP: Opt = Opt::new(
    "properties.group.id",
    OptKind::String,
    "Consumer group; its committed offsets are the start of `group-offsets` in `kafka`, and progress is also committed to it.",
);
pub(super) const PROPERTIES: Opt =
    Opt::new("properties.*", OptKind::String, "Client properties under Kafka's Java names.");
pub(super) const STARTUP: Opt = Opt::new(
    "scan.startup.mode",
    OptKind::Enum(&[
        "earliest-offset",
        "latest-offset",
        "group-offsets",
        "timestamp",
        "specific-offsets",
    ]),
    "Where a job without progress starts.",
)
.default("group-offsets");
pub(super) const STARTUP_OFFSETS: Opt = Opt::new(
    "scan.startup.specific-offsets",
    OptKind::String,
    "Offsets for `specific-offsets`: `partition:0,offset:42;partition:1,offset:300`. With several topics each entry names \
     its own: `topic:t,partition:0,offset:42`.",
);
pub(super) const STARTUP_TIMESTAMP: Opt = Opt::new(
    "scan.startup.timestamp-millis",
    OptKind::Long,
    "Milliseconds since 1970 UTC for `timestamp`: the first record at or after it.",
);
pub(super) const BOUNDED: Opt = Opt::new(
    "scan.bounded.mode",
    OptKind::Enum(&[
        "unbounded",
        "latest-offset",
        "group-offsets",
        "timestamp",
        "specific-offsets",
    ]),
    "Where reading ends.",
)
.default("unbounded");
pub(super) const BOUNDED_OFFSETS: Opt = Opt::new(
    "scan.bounded.specific-offsets",
    OptKind::String,
    "End offsets (exclusive) for `specific-offsets`; partitions that are not listed are not read.",
);
pub(super) const BOUNDED_TIMESTAMP: Opt = Opt::new(
    "scan.bounded.timestamp-millis",
    OptKind::Long,
    "Milliseconds since 1970 UTC for `timestamp`: reading ends before the first record at or after it.",
);
pub(super) const DISCOVERY: Opt = Opt::new(
    "scan.topic-partition-discovery.interval",
    OptKind::Duration,
    "How often new partitions and topics are looked for; 0 never.",
)
.default("5 min");
pub(super) const TOPIC_CHANGE: Opt = Opt::new(
    "scan.topic-change.mode",
    OptKind::Enum(&["fail", "drop", "restart"]),
    "What happens while reading when a topic was deleted, was created again, or lost records before the position: \
     `fail` ends the job; `drop` goes on without the partitions; `restart` goes on with the first record that is not \
     known, and waits for a deleted topic; a bounded scan reads such a partition up to the end that `scan.bounded.mode` \
     then gives it.",
)
.default("fail");
pub(super) const KEY_FORMAT: Opt = Opt::new(
    "key.format",
    OptKind::String,
    "Format of the record's key: of the columns in `key.fields`, which `kafka` needs with it, or of the primary key of `upsert-kafka`.",
);
pub(super) const KEY_FIELDS: Opt = Opt::new(
    "key.fields",
    OptKind::List,
    "`;`-separated list of the physical columns that make up the key, in the order of the key's format.",
);
pub(super) const KEY_PREFIX: Opt = Opt::new(
    "key.fields-prefix",
    OptKind::String,
    "What the names of all key columns start with and what the key's format does not see; needs \
     `value.fields-include` = `EXCEPT_KEY`.",
);
pub(super) const VALUE_INCLUDE: Opt = Opt::new(
    "value.fields-include",
    OptKind::Enum(&["ALL", "EXCEPT_KEY"]),
    "Whether the value holds the key columns too.",
)
.default("ALL");
pub(super) const ERROR_MODE: Opt = Opt::new(
    "error-handling.mode",
    OptKind::Enum(&["fail", "ignore", "log"]),
    "What becomes of a record that cannot be read, or whose rows cannot be computed or written: `fail` ends the job; \
     `ignore` leaves it out and counts it; `log` also writes it, as it came, to `error-handling.log.target`.",
)
.default("fail");
pub(super) const ERROR_TARGET: Opt = Opt::new(
    "error-handling.log.target",
    OptKind::String,
    "Table of connector `kafka` that gets the failed records: key, value and headers byte for byte, and headers \
     `__brooklet.errors.*` with topic, partition, offset, timestamp and the error.",
)
.default("error_log");
pub(super) const WATERMARK_STRATEGY: Opt = Opt::new(
    "scan.watermark.emit.strategy",
    OptKind::Enum(&["on-periodic", "on-event"]),
    "When watermarks are emitted. Checked and kept: no operator waits for watermarks yet.",
)
.default("on-periodic");
pub(super) const WATERMARK_IDLE: Opt = Opt::new(
    "scan.watermark.idle-timeout",
    OptKind::Duration,
    "When a split without records stops holding the watermark back. Checked and kept.",
);
pub(super) const WATERMARK_GROUP: Opt = Opt::new(
    "scan.watermark.alignment.group",
    OptKind::String,
    "Group of sources whose watermarks are aligned. Checked and kept.",
);
pub(super) const WATERMARK_DRIFT: Opt = Opt::new(
    "scan.watermark.alignment.max-drift",
    OptKind::Duration,
    "How far a source may run ahead of its alignment group. Checked and kept.",
);
pub(super) const WATERMARK_UPDATE: Opt = Opt::new(
    "scan.watermark.alignment.update-interval",
    OptKind::Duration,
    "How often an alignment group compares its watermarks. Checked and kept.",
)
.default("1 s");
pub(super) const SCAN_PARALLELISM: Opt =
    Opt::new("scan.parallelism", OptKind::Int, "Parallelism of the source.");
pub(super) const PUSHDOWN: Opt = Opt::new(
    "value.format.projection-pushdown.enabled",
    OptKind::Bool,
    "Decode only the columns that the query uses. With false every declared column is type-checked, as in Flink.",
)
.default("true");
pub(super) const PARTITIONER: Opt = Opt::new(
    "sink.partitioner",
    OptKind::String,
    "`default` (Kafka's own), `fixed` (one partition per subtask), `round-robin`, or the name of a class that a Rust \
     program has registered.",
)
.default("default");
pub(super) const DELIVERY: Opt = Opt::new(
    "sink.delivery-guarantee",
    OptKind::Enum(&["at-least-once", "at_least_once", "exactly-once", "exactly_once", "none"]),
    "What the sink promises.",
)
.default("at-least-once");
pub(super) const SEMANTIC: Opt = Opt::new(
    "sink.semantic",
    OptKind::Enum(&[
        "at-least-once",
        "at_least_once",
        "at-lease-once",
        "exactly-once",
        "exactly_once",
        "none",
    ]),
    "The name of `sink.delivery-guarantee` in Flink 1.11.",
);
pub(super) const ID_PREFIX: Opt = Opt::new(
    "sink.transactional-id-prefix",
    OptKind::String,
    "What the job's transactional id begins with; needed with exactly-once. The id is this, `-`, and the id of the job.",
);
pub(super) const NAMING: Opt = Opt::new(
    "sink.transaction-naming-strategy",
    OptKind::Enum(&["default", "incrementing", "pooling"]),
    "How Flink names its transactions. Accepted: a job here has one transactional id, whatever this says.",
)
.default("default");
const SECURITY: Opt = Opt::new("security.protocol", OptKind::String, "");
const TRANSACTION_TIMEOUT: Opt = Opt::new("transaction.timeout.ms", OptKind::Long, "");
pub(super) const SINK_PARALLELISM: Opt =
    Opt::new("sink.parallelism", OptKind::Int, "Parallelism of the sink.");
pub(super) const VALUE_FORMAT: Opt = Opt::new(
    "value.format",
    OptKind::String,
    "Format of the record's value: one that holds rows, not changes.",
);
const ANY_FORMAT: Opt = Opt::new("format", OptKind::String, "");
pub(super) const BUFFER_ROWS: Opt = Opt::new(
    "sink.buffer-flush.max-rows",
    OptKind::Long,
    "Keys of which the sink keeps the latest row back before it writes them; 0 writes every row. Needs \
     `sink.buffer-flush.interval`.",
)
.default("0");
pub(super) const BUFFER_INTERVAL: Opt = Opt::new(
    "sink.buffer-flush.interval",
    OptKind::Duration,
    "How long the sink keeps rows back, at most; 0 writes every row. Needs `sink.buffer-flush.max-rows`.",
)
.default("0 s");

/// Every option of `upsert-kafka`, for the reference.
pub(super) const UPSERT: &[Opt] = &[
    TOPIC,
    TOPIC_PATTERN,
    BOOTSTRAP,
    GROUP,
    PROPERTIES,
    BOUNDED,
    BOUNDED_OFFSETS,
    BOUNDED_TIMESTAMP,
    DISCOVERY,
    TOPIC_CHANGE,
    ERROR_MODE,
    ERROR_TARGET,
    SCAN_PARALLELISM,
    KEY_FORMAT,
    KEY_PREFIX,
    VALUE_FORMAT,
    VALUE_INCLUDE,
    WATERMARK_STRATEGY,
    WATERMARK_IDLE,
    WATERMARK_GROUP,
    WATERMARK_DRIFT,
    WATERMARK_UPDATE,
    PUSHDOWN,
    DELIVERY,
    ID_PREFIX,
    NAMING,
    SINK_PARALLELISM,
    BUFFER_ROWS,
    BUFFER_INTERVAL,
];

/// Every option of `kafka`, for the reference.
pub(super) const ALL: &[Opt] = &[
    TOPIC,
    TOPIC_PATTERN,
    BOOTSTRAP,
    GROUP,
    PROPERTIES,
    STARTUP,
    STARTUP_OFFSETS,
    STARTUP_TIMESTAMP,
    BOUNDED,
    BOUNDED_OFFSETS,
    BOUNDED_TIMESTAMP,
    DISCOVERY,
    TOPIC_CHANGE,
    ERROR_MODE,
    ERROR_TARGET,
    SCAN_PARALLELISM,
    KEY_FORMAT,
    KEY_FIELDS,
    KEY_PREFIX,
    VALUE_INCLUDE,
    WATERMARK_STRATEGY,
    WATERMARK_IDLE,
    WATERMARK_GROUP,
    WATERMARK_DRIFT,
    WATERMARK_UPDATE,
    PUSHDOWN,
    PARTITIONER,
    DELIVERY,
    SEMANTIC,
    ID_PREFIX,
    NAMING,
    SINK_PARALLELISM,
];

/// What the rows of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// `kafka`: what the value's format says.
    Log,
    /// `upsert-kafka`: the latest rows of their keys; NULL deletes one.
    Upsert,
}

impl Mode {
    /// Options of the connector.
    pub(super) fn options(self) -> &'static [Opt] {
        match self {
            Mode::Log => ALL,
            Mode::Upsert => UPSERT,
        }
    }

    /// Checks that the formats are there: `upsert-kafka` needs both, under their full names.
    pub(super) fn check_formats(self, options: &OptionReader<'_>) -> Result<()> {
        if self == Mode::Log {
            return Ok(());
        }
        if options.is_set(&ANY_FORMAT) {
            return Err(options
                .invalid(&ANY_FORMAT, "'upsert-kafka' has no such option")
                .with_hint("set 'key.format' and 'value.format'"));
        }
        options.required(&KEY_FORMAT)?;
        options.required(&VALUE_FORMAT)?;
        Ok(())
    }
}

/// How long the first answer of the brokers may take before their addresses count as wrong, unless the user says how long
/// calls may take. Behind it they have Java's time.
const CONTACT_TIMEOUT: Duration = Duration::from_secs(15);

/// The client's configuration out of `properties.*`.
pub(super) fn client(options: &OptionReader<'_>, job: &JobContext) -> Result<ClientConfig> {
    options.required(&BOOTSTRAP)?;
    let properties = options.rest(&PROPERTIES);
    let pairs = properties.iter().map(|(key, entry)| (key.as_str(), entry.value.as_str()));
    let (mut config, warnings) = ClientConfig::parse(pairs).map_err(|error| {
        let key = match error.kind() {
            brooklet_kafka::ErrorKind::Config { key } => key.clone(),
            _ => String::new(),
        };
        let name = format!("{}{key}", PROPERTIES.key.trim_end_matches('*'));
        let is_given = |wanted: &str| properties.iter().any(|(name, _)| name == wanted);
        if is_given(&key) {
            return options.invalid_key(&name, problem(&key, error.message()));
        }
        let text = format!("{}: {}", options.subject(), in_table(&key, error.message()));
        let missing = Error::new(super::error::translate(&error).kind(), text);
        // It is this one that asks for it.
        if is_given(SECURITY.key) {
            return options.scoped("properties.").at(&SECURITY, missing);
        }
        missing
    })?;
    for warning in warnings {
        let text = in_table(&warning.key, &warning.message);
        job.warnings.warn_once(&format!("{}: {text}", options.subject()));
    }
    if !properties.iter().any(|(key, _)| key == "default.api.timeout.ms") {
        config.contact_timeout = CONTACT_TIMEOUT;
    }
    Ok(config)
}

/// What the client says about the value of a property, without what names the two.
fn problem<'a>(key: &str, message: &'a str) -> &'a str {
    let Some(rest) = message.strip_prefix(key) else { return message };
    let behind_value = rest.strip_prefix(" is '").and_then(|rest| rest.split_once("' but "));
    match behind_value {
        Some((_, problem)) => problem,
        None => rest.strip_prefix(": ").unwrap_or(message),
    }
}

/// What the client says about a property, with the name that the property has in a table.
fn in_table(key: &str, message: &str) -> String {
    match message.strip_prefix(key).filter(|_| !key.is_empty()) {
        Some(rest) => format!("'properties.{key}'{rest}"),
        None => message.to_owned(),
    }
}

/// Bytes at which a writer closes a batch. Java's 16 KiB suit a producer that lingers per record; a writer that gets
/// whole batches of rows would only make many small requests of them.
const BATCH_BYTES: usize = 256 * 1024;

/// `batch.size` where the user set it, else [`BATCH_BYTES`], within `max.request.size`.
pub(super) fn batch_bytes(options: &OptionReader<'_>, config: &ClientConfig) -> usize {
    let set = options.rest(&PROPERTIES).iter().any(|(key, _)| key == "batch.size");
    let bytes = if set { config.batch_size } else { BATCH_BYTES };
    bytes.min(config.max_request_size)
}

/// A parallelism.
fn positive(options: &OptionReader<'_>, opt: &Opt) -> Result<Option<usize>> {
    let Some(n) = options.long(opt)? else { return Ok(None) };
    usize::try_from(n)
        .ok()
        .filter(|n| *n > 0)
        .map(Some)
        .ok_or_else(|| options.invalid(opt, "expected a number from 1"))
}
