//! Where `consume` starts and stops: kcat's `-o`.

use crate::cli::cluster::{Connection, Failure};
use crate::cli::status::say;
use brooklet_kafka::OffsetSpec;
use brooklet_kafka::topic::PartitionInfo;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where to start in each partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// At the first record.
    Beginning,
    /// Behind the last record.
    End,
    /// So many offsets before the end.
    Last(i64),
    /// At this offset.
    At(i64),
    /// At the first record that is not older than this, milliseconds since 1970 UTC.
    Timestamp(i64),
}

/// What all `-o` together say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Where to start.
    pub(super) start: Start,
    /// A partition ends at its first record that is not older than this, milliseconds since 1970 UTC.
    pub(super) stop_at: Option<i64>,
}

impl Bounds {
    /// Reads the values of `-o`: at most one start and one `e@MS`.
    pub(super) fn parse(values: &[String]) -> Result<Bounds, Failure> {
        let (mut start, mut stop_at) = (None, None);
        for value in values {
            let again = match value.strip_prefix("e@") {
                Some(millis) => stop_at.replace(number(value, millis)?).is_some(),
                None => start.replace(one_start(value)?).is_some(),
            };
            if again {
                return Err(Failure::Usage(format!(
                    "-o '{value}' comes on top of another one of its kind"
                )));
            }
        }
        Ok(Bounds { start: start.unwrap_or(Start::Beginning), stop_at })
    }
}

fn one_start(value: &str) -> Result<Start, Failure> {
    match value {
        // `earliest` and `latest` are Kafka's own words for them.
        "beginning" | "earliest" => Ok(Start::Beginning),
        "end" | "latest" => Ok(Start::End),
        _ => {
            if let Some(millis) = value.strip_prefix("s@") {
                number(value, millis).map(Start::Timestamp)
            } else if let Some(last) = value.strip_prefix('-') {
                number(value, last).map(Start::Last)
            } else {
                number(value, value).map(Start::At)
            }
        }
    }
}

/// A number from 0, in digits only.
fn number(value: &str, digits: &str) -> Result<i64, Failure> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten().ok_or_else(|| {
        Failure::Usage(format!(
            "-o is '{value}' but must be beginning, end, -N (the last N), OFFSET, s@MS or e@MS (milliseconds since \
             1970 UTC)"
        ))
    })
}

/// The part of a partition that is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// The first offset.
    pub(super) start: i64,
    /// The offset behind the last one; `None`: endless.
    pub(super) end: Option<i64>,
}

/// Asks the brokers what the bounds mean for each partition. `exit_at_end`: up to the end of now.
pub(super) fn ranges(
    connection: &Connection,
    topic: &Arc<str>,
    partitions: &[&PartitionInfo],
    bounds: Bounds,
    exit_at_end: bool,
    now_millis: i64,
) -> Result<BTreeMap<i32, Range>, Failure> {
    let ask = |spec| connection.ask_offsets(topic, partitions, spec);
    let (earliest, latest) = (ask(OffsetSpec::Earliest), ask(OffsetSpec::Latest));
    let from = match bounds.start {
        Start::Timestamp(millis) => Some(ask(OffsetSpec::Timestamp(millis))),
        _ => None,
    };
    let until = bounds.stop_at.map(|millis| ask(OffsetSpec::Timestamp(millis)));
    let (earliest, latest) = (connection.offsets(&earliest)?, connection.offsets(&latest)?);
    let from = from.map(|asked| connection.offsets(&asked)).transpose()?.unwrap_or_default();
    let until = until.map(|asked| connection.offsets(&asked)).transpose()?.unwrap_or_default();
    let mut ranges = BTreeMap::new();
    for info in partitions {
        let partition = info.partition;
        let of = |offsets: &BTreeMap<i32, i64>| offsets.get(&partition).copied();
        let earliest = of(&earliest).unwrap_or(0);
        let latest = of(&latest).unwrap_or(earliest);
        let start = match bounds.start {
            Start::Beginning => earliest,
            Start::End => latest,
            Start::Last(count) => latest.saturating_sub(count).max(earliest),
            Start::Timestamp(_) => of(&from).unwrap_or(latest),
            Start::At(offset) => {
                let inside = offset.clamp(earliest, latest.max(earliest));
                if inside != offset {
                    say(&format!(
                        "[WARN] partition {partition} holds offsets {earliest} to {latest}, not {offset}: starts at \
                         {inside}"
                    ));
                }
                inside
            }
        };
        let now_end = exit_at_end.then_some(latest);
        // With a stop in the past, no record that is still to come can be older: the end of now is the end.
        let stop =
            bounds.stop_at.and_then(|stop| of(&until).or((stop <= now_millis).then_some(latest)));
        let end = now_end.into_iter().chain(stop).min();
        ranges.insert(partition, Range { start, end });
    }
    Ok(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(values: &[&str]) -> Option<Bounds> {
        Bounds::parse(&values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>()).ok()
    }

    #[test]
    fn every_form_is_read() {
        for (text, start) in [
            ("beginning", Start::Beginning),
            ("earliest", Start::Beginning),
            ("latest", Start::End),
            ("end", Start::End),
            ("-7", Start::Last(7)),
            ("0", Start::At(0)),
            ("42", Start::At(42)),
            ("s@1700000000000", Start::Timestamp(1_700_000_000_000)),
        ] {
            assert_eq!(parse(&[text]), Some(Bounds { start, stop_at: None }), "{text}");
        }
        assert_eq!(parse(&[]), Some(Bounds { start: Start::Beginning, stop_at: None }));
        assert_eq!(
            parse(&["s@5", "e@9"]),
            Some(Bounds { start: Start::Timestamp(5), stop_at: Some(9) })
        );
    }

    #[test]
    fn anything_else_is_wrong_use() {
        for text in [
            "",
            "-",
            "--1",
            "+1",
            "begin",
            "stored",
            "s@",
            "s@-1",
            "e@x",
            "1.5",
            "99999999999999999999",
        ] {
            assert!(
                matches!(Bounds::parse(&[text.to_owned()]), Err(Failure::Usage(_))),
                "'{text}' was accepted"
            );
        }
        assert_eq!(parse(&["1", "2"]), None);
        assert_eq!(parse(&["e@1", "e@2"]), None);
    }
}
