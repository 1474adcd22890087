//! The mark that makes committed offsets the progress of a job: text in the offset's metadata.

use crate::table::Epoch;
use brooklet_kafka::wire::Uuid;
use std::fmt::{self, Display, Formatter};

/// First word of the mark; the rest is its form's version, the epoch, the scan, the topic's id, and the job.
const MARK: &str = "brooklet/1";

/// What the names of the groups begin with that hold nothing but progress.
pub const GROUP_PREFIX: &str = "brooklet.";

/// What a mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark<'a> {
    /// The epoch whose positions these are.
    pub epoch: Epoch,
    /// Name of the scan in the job, without spaces.
    pub scan: &'a str,
    /// Id of the topic whose position it is, where that is known; marks of earlier programs lack it.
    pub topic: Option<Uuid>,
    /// Id of the job.
    pub job: &'a str,
}

impl<'a> Mark<'a> {
    /// Reads an offset's metadata; `None` is no mark.
    pub fn parse(metadata: &'a str) -> Option<Mark<'a>> {
        let rest = metadata.strip_prefix(MARK)?.trim_start().strip_prefix("epoch=")?;
        let (epoch, rest) = rest.split_once(' ')?;
        let (scan, rest) = rest.strip_prefix("scan=")?.split_once(' ')?;
        let (topic, rest) = match rest.strip_prefix("topic=") {
            Some(rest) => {
                let (id, rest) = rest.split_once(' ')?;
                (Some(id.parse().ok()?), rest)
            }
            None => (None, rest),
        };
        Some(Mark { epoch: epoch.parse().ok()?, scan, topic, job: rest.strip_prefix("job=")? })
    }
}

impl Display for Mark<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK} epoch={} scan={}", self.epoch, self.scan)?;
        if let Some(topic) = self.topic {
            write!(f, " topic={topic}")?;
        }
        write!(f, " job={}", self.job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for topic in [None, Some(Uuid([7; 16]))] {
            let mark = Mark { epoch: 7, scan: "orders", topic, job: "a job of spaces" };
            assert_eq!(Mark::parse(&mark.to_string()), Some(mark));
        }
        let earlier = Mark::parse("brooklet/1 epoch=7 scan=orders job=topic=x").unwrap();
        assert_eq!((earlier.topic, earlier.job), (None, "topic=x"));
        for other in [
            "",
            "brooklet/1",
            "brooklet/1 epoch=x scan=a job=b",
            "brooklet/2 epoch=1 scan=a job=b",
            "brooklet/1 epoch=1 scan=a topic=x job=b",
        ] {
            assert_eq!(Mark::parse(other), None, "{other}");
        }
    }
}
