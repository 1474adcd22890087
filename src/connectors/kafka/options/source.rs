//! What a table says about reading: where it starts and ends, and what becomes of changes to its topics.

use super::topics::{Topics, topics};
use super::{
    BOUNDED, BOUNDED_OFFSETS, BOUNDED_TIMESTAMP, DISCOVERY, ERROR_MODE, ERROR_TARGET, GROUP, Mode,
    PUSHDOWN, SCAN_PARALLELISM, STARTUP, STARTUP_OFFSETS, STARTUP_TIMESTAMP, TOPIC_CHANGE,
    WATERMARK_DRIFT, WATERMARK_GROUP, positive,
};
use crate::base::{Error, ErrorKind, Result};
use crate::options::{Opt, OptionReader};
use crate::table::ErrorHandling;
use crate::table::JobContext;
use brooklet_kafka::TopicPartition;
use brooklet_kafka::config::OffsetReset;
use brooklet_kafka::topic::TopicInfo;
use std::collections::BTreeMap;
use std::time::Duration;

/// A place that is given by an option and looked up on the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
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
pub(crate) struct SpecificOffsets(pub(crate) BTreeMap<(Option<String>, i32), i64>);

impl SpecificOffsets {
    /// The offset of a partition, if it is listed.
    pub(crate) fn get(&self, partition: &TopicPartition) -> Option<i64> {
        let of = |topic: Option<String>| self.0.get(&(topic, partition.partition)).copied();
        of(Some(partition.topic.to_string())).or_else(|| of(None))
    }

    /// What is listed and not among the partitions of these topics.
    pub(crate) fn unused(&self, topics: &[TopicInfo]) -> Vec<String> {
        let is_there = |name: &Option<String>, partition: i32| {
            let mut named = topics
                .iter()
                .filter(|topic| name.as_deref().is_none_or(|name| *topic.name == *name));
            named.any(|topic| topic.partition(partition).is_some())
        };
        let unused = self.0.keys().filter(|(name, partition)| !is_there(name, *partition));
        let shown = |(name, partition): &(Option<String>, i32)| match name {
            Some(name) => format!("topic '{name}' partition {partition}"),
            None => format!("partition {partition}"),
        };
        unused.map(shown).collect()
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

/// Everything a source needs to know.
#[derive(Clone, Debug)]
pub(crate) struct SourceOptions {
    pub(crate) topics: Topics,
    pub(crate) startup: Place,
    pub(crate) bounded: Option<Place>,
    pub(crate) group: Option<String>,
    /// What a start at group offsets falls back to, as the client's configuration tells (`auto.offset.reset`); `None`
    /// fails.
    pub(crate) reset: Option<Place>,
    pub(crate) discovery: Option<Duration>,
    pub(crate) topic_change: TopicChange,
    pub(crate) errors: ErrorHandling,
    pub(crate) pushdown: bool,
}

/// What to do about a topic that is not the one any more that was being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TopicChange {
    /// The job fails.
    Fail,
    /// Its partitions are left out from then on.
    Drop,
    /// Reading goes on with what is there.
    Restart,
}

/// Reads and checks the options of a source.
pub(crate) fn source(options: &OptionReader<'_>, mode: Mode) -> Result<SourceOptions> {
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
pub(crate) fn place_of(reset: &OffsetReset, job: &JobContext) -> Option<Place> {
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
