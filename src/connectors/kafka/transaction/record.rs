//! The progress record of an exactly-once job: what it says, its text, and the names that belong to it.
//!
//! The record is text, one fact a line and fields separated by tabs, so that any consumer shows what a job has done:
//!
//! ```text
//! brooklet-progress  1
//! job  nightly
//! epoch  42
//! id  nightly-orders-nightly
//! incarnation  18c1f2-7
//! to  late,orders
//! statement  85944171f73967e8  1
//! state  running
//! scan  orders  kafka
//! at  orders-topic  0  1500  3  sx1K2l1tS8ijqXwLDK8zWA
//! ```
//! The state is `running`, `finished`, or `shared`: several processes share the job, and its positions are in its group
//! (`shared-empty`: where there are none yet). `to` and `statement` are the job's [`Fingerprint`]: where its rows go, and
//! the hash of its statement with the number of those that have the job's name; records of earlier programs lack them.
//! `id` is the transactional id, which whoever changes the record from outside has to take over. `at` lines belong to the
//! `scan` before them and hold topic, partition, next offset, leader epoch (−1 if unknown) and, where it is known, the
//! topic's id as Kafka's tools print it. Records of earlier programs lack the ids.
//! Tabs, line breaks and backslashes in names are escaped.

#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::string_slice
)]

use crate::base::fnv;
use crate::table::{Epoch, Fingerprint, Position, StatementPrint};
use crate::types::SplitId;
use brooklet_kafka::limits::TOPIC_NAME_BYTES_MAX;
use brooklet_kafka::wire::Uuid;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// First word of every record.
const MAGIC: &str = "brooklet-progress";

/// Version of the record's form.
const VERSION: &str = "1";

/// What the names of all progress topics begin with; the group of at-least-once progress begins with `brooklet.`.
pub const TOPIC_PREFIX: &str = "brooklet-progress.";

/// What the incarnation of a record begins with that `brooklet job reset` wrote: no run of a job has such a one.
pub const RESET_PREFIX: &str = "reset-";

/// Bytes of a job's id that its topic shows beside a hash: `.-` and 16 digits.
const SHOWN_BYTES_MAX: usize = TOPIC_NAME_BYTES_MAX - TOPIC_PREFIX.len() - 18;

/// Bytes of one record that are read: far above what positions of all partitions of a large cluster take.
pub(super) const RECORD_BYTES_MAX: usize = 16 << 20;

/// Progress of a job after an epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgressRecord {
    /// Id of the job.
    pub job: String,
    /// The epoch; a record that claims the job repeats the one before.
    pub epoch: Epoch,
    /// The transactional id under which the job writes; empty if unknown.
    pub transactional_id: String,
    /// The run of the job that wrote it.
    pub incarnation: String,
    /// The job reached its end: its next start is a fresh one.
    pub finished: bool,
    /// Several processes share the job: its positions are in its group.
    pub shared: Option<Sharing>,
    /// What the progress belongs to, beside the job's id.
    pub fingerprint: Fingerprint,
    /// Its scans.
    pub scans: Vec<ScanRecord>,
}

/// What a record says of a job that several processes share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// There was no partition yet when it was written: a group without positions has lost none.
    Empty,
    /// The group was given positions: without them progress is lost.
    Started,
}

impl Sharing {
    const fn word(self) -> &'static str {
        match self {
            Sharing::Empty => "shared-empty",
            Sharing::Started => "shared",
        }
    }
}

/// Progress of one scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanRecord {
    /// Name of the scan in the job.
    pub name: String,
    /// What the positions mean, such as the connector.
    pub source: String,
    /// Where reading goes on.
    pub positions: BTreeMap<SplitId, Position>,
}

impl ProgressRecord {
    /// The text.
    pub fn encode(&self) -> String {
        let mut text = format!("{MAGIC}\t{VERSION}\n");
        let mut line = |fields: &[&str]| {
            for (at, field) in fields.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "\t" });
                escape(field, &mut text);
            }
            text.push('\n');
        };
        line(&["job", &self.job]);
        line(&["epoch", &self.epoch.to_string()]);
        if !self.transactional_id.is_empty() {
            line(&["id", &self.transactional_id]);
        }
        line(&["incarnation", &self.incarnation]);
        if !self.fingerprint.targets.is_empty() {
            line(&["to", &self.fingerprint.targets]);
        }
        if let Some(StatementPrint { hash, among }) = self.fingerprint.statement {
            line(&["statement", &format!("{hash:016x}"), &among.to_string()]);
        }
        line(&[
            "state",
            match (self.finished, self.shared) {
                (true, _) => "finished",
                (false, Some(sharing)) => sharing.word(),
                (false, None) => "running",
            },
        ]);
        for scan in &self.scans {
            line(&["scan", &scan.name, &scan.source]);
            for (split, at) in &scan.positions {
                let (index, offset) = (split.index.to_string(), at.offset.to_string());
                let leader = at.leader_epoch.unwrap_or(-1).to_string();
                let topic = at.identity.map(|id| Uuid(id).to_string());
                let fields = ["at", &*split.name, &index, &offset, &leader];
                let topic = topic.iter().map(String::as_str);
                line(&fields.into_iter().chain(topic).collect::<Vec<_>>());
            }
        }
        text
    }

    /// Reads the text.
    ///
    /// # Errors
    /// A sentence about what is wrong: another form, another version, a line that cannot be read.
    pub fn decode(bytes: &[u8]) -> Result<ProgressRecord, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
        let mut lines = text.lines();
        let head = lines.next().unwrap_or_default();
        let version = head.strip_prefix(MAGIC).and_then(|rest| rest.strip_prefix('\t'));
        match version {
            None => return Err("it is not a progress record".to_owned()),
            Some(VERSION) => {}
            Some(other) => {
                return Err(format!("its version is {other:?}, this program knows {VERSION}"));
            }
        }
        let mut record = ProgressRecord::default();
        let (mut job, mut epoch, mut state) = (false, false, false);
        for line in lines {
            let wrong = || format!("line {line:?} cannot be read");
            let fields: Vec<String> = line.split('\t').map(unescape).collect();
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            match fields.as_slice() {
                ["job", id] => {
                    record.job = (*id).to_owned();
                    job = true;
                }
                ["epoch", number] => {
                    record.epoch = number.parse().map_err(|_| wrong())?;
                    epoch = true;
                }
                ["id", id] => record.transactional_id = (*id).to_owned(),
                ["incarnation", id] => record.incarnation = (*id).to_owned(),
                ["state", word @ ("running" | "finished" | "shared" | "shared-empty")] => {
                    record.finished = *word == "finished";
                    let mut all = [Sharing::Empty, Sharing::Started].into_iter();
                    record.shared = all.find(|sharing| sharing.word() == *word);
                    state = true;
                }
                ["to", targets] => record.fingerprint.targets = (*targets).to_owned(),
                ["statement", hash, among] => {
                    let hash = u64::from_str_radix(hash, 16).map_err(|_| wrong())?;
                    let among = among.parse().map_err(|_| wrong())?;
                    record.fingerprint.statement = Some(StatementPrint { hash, among });
                }
                ["scan", name, source] => record.scans.push(ScanRecord {
                    name: (*name).to_owned(),
                    source: (*source).to_owned(),
                    positions: BTreeMap::new(),
                }),
                ["at", topic, index, offset, leader, id @ ..] if id.len() <= 1 => {
                    let scan = record.scans.last_mut().ok_or_else(wrong)?;
                    let split = SplitId {
                        name: Arc::from(*topic),
                        index: index.parse().map_err(|_| wrong())?,
                    };
                    let leader: i32 = leader.parse().map_err(|_| wrong())?;
                    let position = Position {
                        offset: offset.parse().map_err(|_| wrong())?,
                        leader_epoch: (leader >= 0).then_some(leader),
                        identity: match id.first() {
                            Some(id) => Some(id.parse::<Uuid>().map_err(|_| wrong())?.0),
                            None => None,
                        },
                    };
                    if scan.positions.insert(split, position).is_some() {
                        return Err(wrong());
                    }
                }
                _ => return Err(wrong()),
            }
        }
        match job && epoch && state && !record.incarnation.is_empty() {
            true => Ok(record),
            false => Err("it is cut off".to_owned()),
        }
    }
}

fn escape(field: &str, out: &mut String) {
    for c in field.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
}

fn unescape(field: &str) -> String {
    let mut out = String::with_capacity(field.len());
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('t') => out.push('\t'),
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some(other) => out.push(other),
                None => {}
            },
            (c, false) => out.push(c),
        }
    }
    out
}

/// The progress topic of a job. Different jobs have different topics: an id that is no topic name gets a hash behind it.
pub fn topic_of(job: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let plain = !job.is_empty()
        && job.chars().all(legal)
        && job.len() <= TOPIC_NAME_BYTES_MAX.saturating_sub(TOPIC_PREFIX.len());
    if plain {
        return format!("{TOPIC_PREFIX}{job}");
    }
    let hash = fnv([job]);
    let shown = job.chars().map(|c| if legal(c) { c } else { '_' });
    let shown: String = shown.take(SHOWN_BYTES_MAX).collect();
    let mut topic = format!("{TOPIC_PREFIX}{shown}");
    let _ = write!(topic, ".-{hash:016x}");
    topic
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> ProgressRecord {
        let split = |name: &str, index| SplitId { name: name.into(), index };
        let positions = [
            (
                split("in", 0),
                Position { offset: 15, leader_epoch: Some(3), identity: Some([7; 16]) },
            ),
            (split("in", 10), Position::at(0)),
        ];
        ProgressRecord {
            job: "tab\there".to_owned(),
            epoch: 42,
            transactional_id: "prefix-tab".to_owned(),
            incarnation: "a-1".to_owned(),
            finished: false,
            shared: None,
            fingerprint: Fingerprint {
                targets: "late,orders".to_owned(),
                statement: Some(StatementPrint { hash: 7, among: 2 }),
            },
            scans: vec![
                ScanRecord {
                    name: "back\\slash\nline".to_owned(),
                    source: "kafka".to_owned(),
                    positions: positions.into(),
                },
                ScanRecord {
                    name: "b".to_owned(),
                    source: "datagen".to_owned(),
                    ..ScanRecord::default()
                },
            ],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let record = record();
        assert_eq!(ProgressRecord::decode(record.encode().as_bytes()), Ok(record.clone()));
        for sharing in [Sharing::Empty, Sharing::Started] {
            let shared = ProgressRecord { shared: Some(sharing), ..record.clone() };
            assert_eq!(ProgressRecord::decode(shared.encode().as_bytes()), Ok(shared));
        }
        let finished = ProgressRecord { finished: true, scans: Vec::new(), ..record };
        assert_eq!(ProgressRecord::decode(finished.encode().as_bytes()), Ok(finished));
    }

    #[test]
    fn whatever_is_cut_off_or_changed_in_kind_is_refused() {
        let text = record().encode();
        let head = text.find("scan").unwrap();
        for end in 0..head {
            let cut = ProgressRecord::decode(&text.as_bytes()[..end]);
            // Without its last line break a line is whole all the same.
            assert!(cut.is_err() || end + 1 == head, "{end}");
        }
        for wrong in ["", "brooklet-progress\t2\n", "x", "brooklet-progress\t1\nat\tt\t0\t1\t-1\n"]
        {
            assert!(ProgressRecord::decode(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let wrong = text.replace(&Uuid([7; 16]).to_string(), "short");
        assert!(ProgressRecord::decode(wrong.as_bytes()).is_err());
        let twice = text.replace("at\tin\t10", "at\tin\t0");
        assert!(ProgressRecord::decode(twice.as_bytes()).is_err());
    }

    #[test]
    fn every_job_has_a_topic_of_its_own() {
        assert_eq!(topic_of("a.b_c-1"), "brooklet-progress.a.b_c-1");
        let (long, longer) = ("x".repeat(400), "x".repeat(401));
        let ids = ["a b", "a_b", "a+b", "a\tb", "", &long, &longer];
        let topics: std::collections::BTreeSet<String> =
            ids.iter().map(|id| topic_of(id)).collect();
        assert_eq!(topics.len(), ids.len());
        assert!(topics.iter().all(|topic| topic.len() <= TOPIC_NAME_BYTES_MAX), "{topics:?}");
    }
}
