//! What a table says about writing: partitions, guarantee, buffering.

use super::topics::{Topics, topics};
use super::{
    BUFFER_INTERVAL, BUFFER_ROWS, DELIVERY, ID_PREFIX, KEY_FIELDS, Mode, PARTITIONER,
    SCAN_PARALLELISM, SEMANTIC, SINK_PARALLELISM, TRANSACTION_TIMEOUT, positive,
};
use crate::base::{Error, ErrorKind, Result, nearest};
use crate::connectors::kafka::partitioner::{Class, PartitionerClasses};
use crate::options::OptionReader;
use crate::table::{Guarantee, JobContext};
use std::time::Duration;

/// The class behind Flink's `fixed`.
const FLINK_FIXED: &str =
    "org.apache.flink.streaming.connectors.kafka.partitioner.FlinkFixedPartitioner";

/// Where only the old name of the guarantee is used, as in Flink 1.11, which made up ids by itself.
const PREFIX_DEFAULT: &str = "brooklet";

/// Everything a sink needs to know.
#[derive(Clone, Debug)]
pub(crate) struct SinkOptions {
    pub(crate) topics: Topics,
    pub(crate) partitioner: Partitioning,
    pub(crate) guarantee: Guarantee,
    /// With exactly-once.
    pub(crate) exact: Option<Exact>,
    pub(crate) parallelism: Option<usize>,
    pub(crate) buffer: Option<BufferFlush>,
}

/// When an upsert sink writes what it keeps back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BufferFlush {
    /// At this many keys.
    pub(crate) rows: usize,
    /// After this time.
    pub(crate) interval: Duration,
}

/// What exactly-once adds.
#[derive(Clone, Debug)]
pub(crate) struct Exact {
    pub(crate) prefix: String,
    /// `properties.transaction.timeout.ms` where it is set.
    pub(crate) timeout: Option<Duration>,
}

/// How the sink chooses partitions.
#[derive(Clone, Debug)]
pub(crate) enum Partitioning {
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

/// Reads and checks the options of a sink.
pub(crate) fn sink(
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
