//! The mark that makes committed offsets the progress of a job: text in the offset's metadata.

use crate::table::{Epoch, Fingerprint, StatementPrint};
use brooklet_kafka::wire::Uuid;
use std::fmt::{self, Display, Formatter};

/// First word of the mark, with its form's version; the rest are the fields of [`Mark`].
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
    /// [`Fingerprint::targets`]; empty in marks of earlier programs.
    pub targets: &'a str,
    /// [`Fingerprint::statement`]; marks of earlier programs lack it.
    pub statement: Option<StatementPrint>,
    /// Id of the job.
    pub job: &'a str,
}

impl<'a> Mark<'a> {
    /// Reads an offset's metadata; `None` is no mark.
    pub fn parse(metadata: &'a str) -> Option<Mark<'a>> {
        let rest = metadata.strip_prefix(MARK)?.trim_start();
        let (epoch, rest) = field(rest, "epoch=")?;
        let (scan, rest) = field(rest, "scan=")?;
        let (topic, rest) = optional(rest, "topic=");
        let (targets, rest) = optional(rest, "to=");
        let (statement, rest) = optional(rest, "statement=");
        let statement = match statement {
            Some(print) => {
                let (hash, among) = print.split_once('/')?;
                let hash = u64::from_str_radix(hash, 16).ok()?;
                Some(StatementPrint { hash, among: among.parse().ok()? })
            }
            None => None,
        };
        let topic = match topic {
            Some(id) => Some(id.parse().ok()?),
            None => None,
        };
        let (epoch, targets) = (epoch.parse().ok()?, targets.unwrap_or_default());
        Some(Mark { epoch, scan, topic, targets, statement, job: rest.strip_prefix("job=")? })
    }

    /// What the position belongs to, beside the job's id.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint { targets: self.targets.to_owned(), statement: self.statement }
    }
}

/// A field up to the next blank, and what is behind it.
fn field<'a>(text: &'a str, key: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(key)?.split_once(' ')
}

/// The same of one that may be missing.
fn optional<'a>(text: &'a str, key: &str) -> (Option<&'a str>, &'a str) {
    field(text, key).map_or((None, text), |(value, rest)| (Some(value), rest))
}

impl Display for Mark<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK} epoch={} scan={}", self.epoch, self.scan)?;
        if let Some(topic) = self.topic {
            write!(f, " topic={topic}")?;
        }
        if !self.targets.is_empty() {
            write!(f, " to={}", self.targets)?;
        }
        if let Some(StatementPrint { hash, among }) = self.statement {
            write!(f, " statement={hash:016x}/{among}")?;
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
            let mark = Mark {
                epoch: 7,
                scan: "orders",
                topic,
                targets: "",
                statement: None,
                job: "a job of spaces",
            };
            assert_eq!(Mark::parse(&mark.to_string()), Some(mark));
            let statement = Some(StatementPrint { hash: 0xabc, among: 2 });
            let mark = Mark { targets: "late,orders", statement, ..mark };
            assert_eq!(Mark::parse(&mark.to_string()), Some(mark));
        }
        let earlier = Mark::parse("brooklet/1 epoch=7 scan=orders job=topic=x").unwrap();
        assert_eq!((earlier.topic, earlier.job), (None, "topic=x"));
        assert_eq!(earlier.fingerprint(), Fingerprint::default());
        for other in [
            "",
            "brooklet/1",
            "brooklet/1 epoch=x scan=a job=b",
            "brooklet/2 epoch=1 scan=a job=b",
            "brooklet/1 epoch=1 scan=a topic=x job=b",
            "brooklet/1 epoch=1 scan=a statement=x/1 job=b",
        ] {
            assert_eq!(Mark::parse(other), None, "{other}");
        }
    }
}
