//! Options of `kafka`: Flink's names, one declaration each.

use super::partitioner::{Class, PartitionerClasses};
use crate::base::{Error, ErrorKind, Result, nearest};
use crate::java_regex::JavaRegex;
use crate::options::{Opt, OptKind, OptionReader, brief};
use crate::table::{ErrorHandling, Guarantee, JobContext};
use brooklet_kafka::config::OffsetReset;
use brooklet_kafka::{ClientConfig, TopicPartition};
use std::collections::BTreeMap;
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
     known, and waits for a deleted topic.",
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

/// Which topics.
#[derive(Clone, Debug)]
pub(super) enum Topics {
    /// These, by name.
    List(Vec<String>),
    /// All whose whole name matches.
    Pattern(JavaRegex),
}

impl Topics {
    /// The topic, where there is no choice.
    pub(super) fn single(&self) -> Option<&str> {
        match self {
            Topics::List(names) => match names.as_slice() {
                [only] => Some(only),
                _ => None,
            },
            Topics::Pattern(_) => None,
        }
    }

    /// Whether the source reads this topic.
    pub(super) fn contain(&self, topic: &str) -> bool {
        match self {
            Topics::List(names) => names.iter().any(|name| name == topic),
            Topics::Pattern(pattern) => fits(pattern, topic),
        }
    }

    /// Whether a sink may write to a topic; what is wrong otherwise.
    pub(super) fn check(&self, topic: &str) -> std::result::Result<(), String> {
        let invalid = "the topic of the sink record is not valid";
        match self {
            Topics::List(names) if names.iter().any(|name| name == topic) => Ok(()),
            Topics::Pattern(pattern) if fits(pattern, topic) => Ok(()),
            Topics::List(names) => Err(format!(
                "{invalid}: expected topic to be one of {} but it was '{topic}'",
                names.join(", ")
            )),
            Topics::Pattern(pattern) => Err(format!(
                "{invalid}: expected topic to match '{}' but it was '{topic}'",
                pattern.as_str()
            )),
        }
    }
}

/// Whether a pattern means a topic. One that takes too many steps for the few characters of a name does not: Java would
/// never come to an end there.
pub(super) fn fits(pattern: &JavaRegex, topic: &str) -> bool {
    pattern.is_match(topic).unwrap_or(false)
}

/// A place that is given by an option and looked up on the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// First offset of the log.
    Earliest,
    /// After the last record.
    Latest,
    /// What the group committed.
    Group,
    /// First record at or after these milliseconds.
    Timestamp(i64),
    /// By partition.
    Specific(SpecificOffsets),
}

/// Offsets by topic and partition; without a topic they are of the only one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SpecificOffsets(BTreeMap<(Option<String>, i32), i64>);

impl SpecificOffsets {
    /// The offset of a partition, if it is listed.
    pub(super) fn get(&self, partition: &TopicPartition) -> Option<i64> {
        let of = |topic: Option<String>| self.0.get(&(topic, partition.partition)).copied();
        of(Some(partition.topic.to_string())).or_else(|| of(None))
    }

    /// Checks the topics against those of the table.
    fn check(&self, options: &OptionReader<'_>, opt: &Opt, topics: &Topics) -> Result<()> {
        for (topic, _) in self.0.keys() {
            match topic {
                None if topics.single().is_none() => {
                    return Err(options
                        .invalid(opt, "only a single topic is supported with specific offsets")
                        .with_hint("name the topics: 'topic:a,partition:0,offset:42;topic:b,partition:0,offset:7'"));
                }
                Some(topic) if !topics.contain(topic) => {
                    let problem = format_args!("topic '{topic}' is not one of the table's");
                    return Err(options.invalid(opt, problem));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

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

/// Everything a source needs to know.
#[derive(Clone, Debug)]
pub(super) struct SourceOptions {
    pub(super) topics: Topics,
    pub(super) startup: Place,
    pub(super) bounded: Option<Place>,
    pub(super) group: Option<String>,
    /// What a start at group offsets falls back to, as the client's configuration tells (`auto.offset.reset`); `None`
    /// fails.
    pub(super) reset: Option<Place>,
    pub(super) discovery: Option<Duration>,
    pub(super) topic_change: TopicChange,
    pub(super) errors: ErrorHandling,
    pub(super) pushdown: bool,
}

/// What to do about a topic that is not the one any more that was being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TopicChange {
    /// The job fails.
    Fail,
    /// Its partitions are left out from then on.
    Drop,
    /// Reading goes on with what is there.
    Restart,
}

/// Everything a sink needs to know.
#[derive(Clone, Debug)]
pub(super) struct SinkOptions {
    pub(super) topics: Topics,
    pub(super) partitioner: Partitioning,
    pub(super) guarantee: Guarantee,
    /// With exactly-once.
    pub(super) exact: Option<Exact>,
    pub(super) parallelism: Option<usize>,
    pub(super) buffer: Option<BufferFlush>,
}

/// When an upsert sink writes what it keeps back.
#[derive(Clone, Copy, Debug)]
pub(super) struct BufferFlush {
    /// At this many keys.
    pub(super) rows: usize,
    /// After this time.
    pub(super) interval: Duration,
}

/// What exactly-once adds.
#[derive(Clone, Debug)]
pub(super) struct Exact {
    pub(super) prefix: String,
    /// `properties.transaction.timeout.ms` where it is set.
    pub(super) timeout: Option<Duration>,
}

/// How the sink chooses partitions.
#[derive(Clone, Debug)]
pub(super) enum Partitioning {
    /// By key, else sticky.
    Default,
    /// Sticky, with `partitioner.ignore.keys`.
    Keyless,
    /// By subtask.
    Fixed,
    /// In turn.
    RoundRobin,
    /// As a program says.
    Class(Class),
}

/// How long calls at the start may take before the brokers count as unreachable, unless the user says otherwise.
const START_TIMEOUT: Duration = Duration::from_secs(15);

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
        config.api_timeout = START_TIMEOUT;
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

/// Reads and checks the options of a source.
pub(super) fn source(options: &OptionReader<'_>, mode: Mode) -> Result<SourceOptions> {
    options.check(mode.options())?;
    mode.check_formats(options)?;
    let topics = topics(options)?;
    watermarks(options)?;
    positive(options, &SCAN_PARALLELISM)?;
    let startup = match mode {
        Mode::Log => startup(options)?,
        // Later starts would miss the latest rows of some keys.
        Mode::Upsert => Place::Earliest,
    };
    let bounded = bounded(options)?;
    if let Place::Specific(offsets) = &startup {
        offsets.check(options, &STARTUP_OFFSETS, &topics)?;
    }
    if let Some(Place::Specific(offsets)) = &bounded {
        offsets.check(options, &BOUNDED_OFFSETS, &topics)?;
    }
    let group = options.string(&GROUP).filter(|group| !group.is_empty());
    let other_than_group = match (&startup, &bounded) {
        (Place::Group, _) => Some((&STARTUP, "earliest-offset")),
        (_, Some(Place::Group)) => Some((&BOUNDED, "latest-offset")),
        _ => None,
    };
    if let Some((mode, other)) = other_than_group.filter(|_| group.is_none()) {
        let default = if options.is_set(mode) { "" } else { ", the default," };
        let error = Error::new(
            ErrorKind::Option,
            format!(
                "'properties.group.id' is required by '{}' = 'group-offsets'{default} for {}",
                mode.key,
                options.subject()
            ),
        )
        .with_hint(format!("set 'properties.group.id', or '{}' = '{other}'", mode.key));
        return Err(options.at(mode, error));
    }
    let discovery = options.duration(&DISCOVERY)?.filter(|interval| !interval.is_zero());
    let pushdown = options.bool(&PUSHDOWN)?;
    let topic_change = match options.word(&TOPIC_CHANGE)? {
        Some("drop") => TopicChange::Drop,
        Some("restart") => TopicChange::Restart,
        _ => TopicChange::Fail,
    };
    let target = options.string(&ERROR_TARGET);
    let errors = match options.word(&ERROR_MODE)? {
        Some("ignore") => ErrorHandling::Ignore,
        Some("log") => ErrorHandling::Log { target: target.unwrap_or_default() },
        _ => ErrorHandling::Fail,
    };
    Ok(SourceOptions {
        topics,
        startup,
        bounded,
        group,
        reset: None,
        discovery,
        topic_change,
        errors,
        pushdown,
    })
}

/// Where `auto.offset.reset` starts; `None` for `none`.
pub(super) fn place_of(reset: &OffsetReset, job: &JobContext) -> Option<Place> {
    match reset {
        OffsetReset::Earliest => Some(Place::Earliest),
        OffsetReset::Latest => Some(Place::Latest),
        OffsetReset::None => None,
        OffsetReset::ByDuration(before) => {
            let before = i64::try_from(before.as_millis()).unwrap_or(i64::MAX);
            Some(Place::Timestamp(job.started_at_millis.saturating_sub(before).max(0)))
        }
    }
}

/// `topic` or `topic-pattern`.
fn topics(options: &OptionReader<'_>) -> Result<Topics> {
    let list = options.list(&TOPIC);
    match (list.is_empty(), options.pattern(&TOPIC_PATTERN)?) {
        (false, None) => match list.iter().find_map(|name| Some((name, wrong_name(name)?))) {
            None => Ok(Topics::List(list)),
            Some((name, problem)) => {
                let problem = format!("'{}' is no name of a topic: {problem}", brief(name));
                Err(options.invalid(&TOPIC, problem))
            }
        },
        (true, Some(pattern)) => Ok(Topics::Pattern(pattern)),
        (false, Some(_)) => Err(options.invalid(
            &TOPIC_PATTERN,
            "option 'topic' and 'topic-pattern' shouldn't be set together",
        )),
        (true, None) => {
            let text =
                format!("either 'topic' or 'topic-pattern' must be set for {}", options.subject());
            Err(options.at(&TOPIC, Error::new(ErrorKind::Option, text)))
        }
    }
}

/// Characters of a topic's name, at most (`org.apache.kafka.common.internals.Topic`).
const TOPIC_CHARACTERS_MAX: usize = 249;

/// Why no topic can have this name: brokers would answer so, whoever asks (`Topic.validate`).
fn wrong_name(name: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    match name {
        "." | ".." => Some("it is '.' or '..'".to_owned()),
        _ if name.contains(',') => Some("topics are separated by ';'".to_owned()),
        _ if !name.chars().all(fits) => {
            Some("it has other characters than ASCII letters, digits, '.', '_' and '-'".to_owned())
        }
        _ if name.len() > TOPIC_CHARACTERS_MAX => {
            Some(format!("it has more than {TOPIC_CHARACTERS_MAX} characters"))
        }
        _ => None,
    }
}

/// Nothing uses watermarks yet; what does not go together is refused all the same.
fn watermarks(options: &OptionReader<'_>) -> Result<()> {
    if options.is_set(&WATERMARK_GROUP) == options.is_set(&WATERMARK_DRIFT) {
        return Ok(());
    }
    let text = format!(
        "'{}' and '{}' must both be set for an alignment of watermarks",
        WATERMARK_GROUP.key, WATERMARK_DRIFT.key
    );
    let given = if options.is_set(&WATERMARK_GROUP) { &WATERMARK_GROUP } else { &WATERMARK_DRIFT };
    Err(options.invalid(given, text))
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

fn startup(options: &OptionReader<'_>) -> Result<Place> {
    Ok(match options.word(&STARTUP)? {
        Some("earliest-offset") => Place::Earliest,
        Some("latest-offset") => Place::Latest,
        Some("timestamp") => Place::Timestamp(timestamp(options, &STARTUP_TIMESTAMP, &STARTUP)?),
        Some("specific-offsets") => Place::Specific(specific(options, &STARTUP_OFFSETS, &STARTUP)?),
        _ => Place::Group,
    })
}

fn bounded(options: &OptionReader<'_>) -> Result<Option<Place>> {
    Ok(match options.word(&BOUNDED)? {
        Some("latest-offset") => Some(Place::Latest),
        Some("group-offsets") => Some(Place::Group),
        Some("timestamp") => {
            Some(Place::Timestamp(timestamp(options, &BOUNDED_TIMESTAMP, &BOUNDED)?))
        }
        Some("specific-offsets") => {
            Some(Place::Specific(specific(options, &BOUNDED_OFFSETS, &BOUNDED)?))
        }
        _ => None,
    })
}

fn timestamp(options: &OptionReader<'_>, opt: &Opt, mode: &Opt) -> Result<i64> {
    match options.long(opt)? {
        None => Err(needed(options, opt, mode)),
        // Java's consumer refuses it when it looks the offsets up.
        Some(..0) => Err(options.invalid(opt, "expected milliseconds from 0")),
        Some(millis) => Ok(millis),
    }
}

fn needed(options: &OptionReader<'_>, opt: &Opt, mode: &Opt) -> Error {
    options.invalid(mode, format_args!("'{}' is required in this mode but missing", opt.key))
}

/// Reads `partition:0,offset:42;partition:1,offset:300`; a trailing `;` is fine.
/// With several topics each entry begins with `topic:NAME,`.
fn specific(options: &OptionReader<'_>, opt: &Opt, mode: &Opt) -> Result<SpecificOffsets> {
    let text = options.string(opt).ok_or_else(|| needed(options, opt, mode))?;
    let wrong =
        || options.invalid(opt, "expected the form 'partition:0,offset:42;partition:1,offset:300'");
    let mut offsets = SpecificOffsets::default();
    for pair in text.split(';').filter(|pair| !pair.is_empty()) {
        let (topic, pair) = match pair.strip_prefix("topic:").map(|rest| rest.split_once(',')) {
            None => (None, pair),
            Some(Some((topic, rest))) => (Some(topic.to_owned()), rest),
            Some(None) => return Err(wrong()),
        };
        let (partition, offset) = pair.split_once(',').ok_or_else(wrong)?;
        let partition = partition.strip_prefix("partition:").ok_or_else(wrong)?;
        let offset = offset.strip_prefix("offset:").ok_or_else(wrong)?;
        let partition: i32 = partition.parse().map_err(|_| wrong())?;
        let offset: i64 = offset.parse().map_err(|_| wrong())?;
        if partition < 0 || offset < 0 {
            return Err(wrong());
        }
        offsets.0.insert((topic, partition), offset);
    }
    if offsets.0.is_empty() {
        return Err(wrong());
    }
    Ok(offsets)
}

/// Reads and checks the options of a sink.
pub(super) fn sink(
    options: &OptionReader<'_>,
    job: &JobContext,
    classes: &PartitionerClasses,
    mode: Mode,
) -> Result<SinkOptions> {
    options.check(mode.options())?;
    mode.check_formats(options)?;
    let topics = topics(options)?;
    positive(options, &SCAN_PARALLELISM)?;
    let named = match mode {
        Mode::Log => options.string(&PARTITIONER),
        Mode::Upsert => None,
    };
    let partitioner = match named.as_deref() {
        None | Some("default") => Partitioning::Default,
        Some("") => return Err(options.invalid(&PARTITIONER, "it should be a non-empty string")),
        Some("fixed" | FLINK_FIXED) => Partitioning::Fixed,
        Some("round-robin") if options.is_set(&KEY_FIELDS) => {
            return Err(options.invalid(
                &PARTITIONER,
                "currently 'round-robin' partitioner only works when option 'key.fields' is not specified",
            ));
        }
        Some("round-robin") => Partitioning::RoundRobin,
        Some(other) => match classes.get(other) {
            Some(class) => Partitioning::Class(class),
            None => return Err(no_class(options, classes, other)),
        },
    };
    let guarantee = guarantee(options, job, mode)?;
    let exact = match guarantee {
        Guarantee::ExactlyOnce => Some(exact(options, job, mode)?),
        _ => None,
    };
    let parallelism = positive(options, &SINK_PARALLELISM)?;
    let buffer = match mode {
        Mode::Log => None,
        Mode::Upsert => buffer(options)?,
    };
    Ok(SinkOptions { topics, partitioner, guarantee, exact, parallelism, buffer })
}

/// The class behind Flink's `fixed`.
const FLINK_FIXED: &str =
    "org.apache.flink.streaming.connectors.kafka.partitioner.FlinkFixedPartitioner";

fn no_class(options: &OptionReader<'_>, classes: &PartitionerClasses, class: &str) -> Error {
    let words = ["default", "fixed", "round-robin"].into_iter().chain(classes.names());
    let words: Vec<&str> = words.collect();
    let near = nearest(class, words.iter().copied()).map(|near| format!("did you mean '{near}'? "));
    let error = Error::unsupported(format!(
        "option 'sink.partitioner' = '{class}', a class for the JVM or one that is not registered, for {}",
        options.subject()
    ))
    .with_hint(format!(
        "{}sink.partitioner takes {}; a Rust program can register others (Kafka::with_partitioner)",
        near.unwrap_or_default(),
        words.join(", ")
    ));
    options.at(&PARTITIONER, error)
}

/// The guarantee, by either of its names.
fn guarantee(options: &OptionReader<'_>, job: &JobContext, mode: Mode) -> Result<Guarantee> {
    let of = |word: Option<&str>| match word {
        Some("exactly-once" | "exactly_once") => Guarantee::ExactlyOnce,
        Some("none") => Guarantee::None,
        _ => Guarantee::AtLeastOnce,
    };
    let word = options.word(&DELIVERY)?;
    if mode != Mode::Log || !options.is_set(&SEMANTIC) {
        return Ok(of(word));
    }
    let old = of(options.word(&SEMANTIC)?);
    let guarantee = if options.is_set(&DELIVERY) { of(word) } else { old };
    job.warnings.warn(&format!(
        "{}: 'sink.semantic' is an old name{}",
        options.subject(),
        match guarantee == old {
            true => ", use 'sink.delivery-guarantee'",
            false => " and says something else than 'sink.delivery-guarantee', which counts",
        }
    ));
    Ok(guarantee)
}

/// Where only the old name of the guarantee is used, as in Flink 1.11, which made up ids by itself.
const PREFIX_DEFAULT: &str = "brooklet";

fn exact(options: &OptionReader<'_>, job: &JobContext, mode: Mode) -> Result<Exact> {
    let mut prefix = options.string(&ID_PREFIX).filter(|prefix| !prefix.is_empty());
    let old = mode == Mode::Log && options.is_set(&SEMANTIC) && !options.is_set(&DELIVERY);
    if prefix.is_none() && old {
        job.warnings.info(&format!(
            "{}: its transactional ids begin with '{PREFIX_DEFAULT}', since it has no 'sink.transactional-id-prefix'",
            options.subject()
        ));
        prefix = Some(PREFIX_DEFAULT.to_owned());
    }
    let Some(prefix) = prefix else {
        let error = Error::new(
            ErrorKind::Option,
            format!(
                "sink.transactional-id-prefix must be specified when using DeliveryGuarantee.EXACTLY_ONCE, for {}",
                options.subject()
            ),
        )
        .with_hint("give each job a prefix of its own: its transactional id begins with it");
        return Err(options.at(&DELIVERY, error));
    };
    let properties = options.scoped("properties.");
    let timeout = properties.long(&TRANSACTION_TIMEOUT)?;
    let timeout = timeout.and_then(|millis| u64::try_from(millis).ok()).map(Duration::from_millis);
    let interval = job.checkpoint_interval;
    if timeout.is_some_and(|timeout| timeout <= interval) {
        return Err(properties.invalid(
            &TRANSACTION_TIMEOUT,
            format!(
                "expected more than the {} ms of 'execution.checkpointing.interval': a transaction is open for that long",
                interval.as_millis()
            ),
        ));
    }
    Ok(Exact { prefix, timeout })
}

fn buffer(options: &OptionReader<'_>) -> Result<Option<BufferFlush>> {
    let rows = match options.long(&BUFFER_ROWS)? {
        Some(rows) => usize::try_from(rows)
            .map_err(|_| options.invalid(&BUFFER_ROWS, "expected a number from 0"))?,
        None => 0,
    };
    let interval = options.duration(&BUFFER_INTERVAL)?.unwrap_or_default();
    match (rows > 0, interval > Duration::ZERO) {
        (true, true) => Ok(Some(BufferFlush { rows, interval })),
        (false, false) => Ok(None),
        (has_rows, _) => {
            let error = Error::new(
                ErrorKind::Option,
                format!(
                    "'{}' and '{}' must be set to be greater than zero together to enable sink buffer flushing, for {}",
                    BUFFER_ROWS.key,
                    BUFFER_INTERVAL.key,
                    options.subject()
                ),
            );
            Err(options.at(if has_rows { &BUFFER_ROWS } else { &BUFFER_INTERVAL }, error))
        }
    }
}
