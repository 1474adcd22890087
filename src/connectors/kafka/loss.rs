//! What a reader does when it cannot go on where it is: `properties.auto.offset.reset` decides about a position outside of
//! the log, `scan.topic-change.mode` about a topic that is not any more what it was.

use super::options::{Place, TopicChange};
use crate::table::Warnings;
use brooklet_kafka::TopicPartition;
use brooklet_kafka::consumer::{PartitionError, StartAt};
use brooklet_kafka::error::ErrorKind;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a topic that is gone is left alone before it is looked for again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The policies, and the partitions whose topic is waited for.
#[derive(Debug)]
pub(super) struct Loss {
    mode: TopicChange,
    /// Where to go on when the log no longer holds a position; where there is none, `mode` decides.
    reset: Option<Place>,
    warnings: Warnings,
    /// When each partition whose topic is waited for is looked for.
    waiting: BTreeMap<TopicPartition, Duration>,
}

/// What becomes of a failed partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The job fails with its error.
    Fail,
    /// It is left out.
    Drop,
    /// It is left out with its position: there is no such partition any more.
    Forget,
    /// It is read from here on.
    Restart(StartAt),
    /// It is looked for again later.
    Wait,
}

impl Loss {
    pub(super) fn new(mode: TopicChange, reset: Option<Place>, warnings: Warnings) -> Loss {
        Loss { mode, reset, warnings, waiting: BTreeMap::new() }
    }

    /// The place of `auto.offset.reset` if the failure is a position outside of the log.
    fn moved(&self, failed: &PartitionError) -> Option<StartAt> {
        let ErrorKind::OffsetOutOfRange { offset, earliest, latest } = *failed.error.kind() else {
            return None;
        };
        let (word, target) = match self.reset {
            Some(Place::Earliest) => ("earliest", earliest),
            Some(Place::Latest) => ("latest", latest),
            _ => return None,
        };
        let effect = match target - offset {
            lost if lost > 0 => format!("{lost} offsets are skipped"),
            _ => "records may be read again".to_owned(),
        };
        self.warnings.warn(&format!(
            "topic '{}' partition {} has no offset {offset}: its log holds {earliest} up to, not including, \
             {latest}; going on at {target} ('properties.auto.offset.reset' = '{word}'): {effect}",
            failed.partition.topic, failed.partition.partition
        ));
        Some(StartAt::offset(target))
    }

    /// What to do about a failure. Whatever is neither a position outside of the log nor a change of the topic fails.
    pub(super) fn judge(&mut self, failed: &PartitionError, now: Duration) -> Verdict {
        if let Some(start) = self.moved(failed) {
            return Verdict::Restart(start);
        }
        let start = match failed.error.kind() {
            ErrorKind::TopicRecreated { .. } => Some(StartAt::offset(0)),
            // Where the broker's log ends behind the position, what is between was not read.
            ErrorKind::Truncated { offset, end } => {
                Some(StartAt::offset((*end).min(*offset).max(0)))
            }
            // The log ends before the position. One that begins behind it has merely grown old.
            ErrorKind::OffsetOutOfRange { offset, latest, earliest } if latest < offset => {
                Some(StartAt::offset(*earliest))
            }
            // A restart at 0 finds a topic whose first records are gone already.
            ErrorKind::OffsetOutOfRange { offset: 0, earliest, .. } => {
                Some(StartAt::offset(*earliest))
            }
            ErrorKind::UnknownTopic { .. } | ErrorKind::PartitionGone { .. } => None,
            _ => return Verdict::Fail,
        };
        let gone = matches!(failed.error.kind(), ErrorKind::PartitionGone { .. });
        let first = !self.waiting.contains_key(&failed.partition);
        let say = |what: &str| {
            if first || gone {
                self.warnings.warn(&format!(
                    "topic '{}' partition {} {what}: {}",
                    failed.partition.topic, failed.partition.partition, failed.error
                ));
            }
        };
        match (self.mode, start) {
            (TopicChange::Fail, _) => Verdict::Fail,
            _ if gone => {
                say("is no longer read");
                self.waiting.remove(&failed.partition);
                Verdict::Forget
            }
            (TopicChange::Drop, _) => {
                say("is no longer read");
                Verdict::Drop
            }
            (TopicChange::Restart, Some(start)) => {
                say(&format!("is read from offset {} on", start.offset));
                self.waiting.remove(&failed.partition);
                Verdict::Restart(start)
            }
            (TopicChange::Restart, None) => {
                say("is waited for");
                self.waiting.insert(failed.partition.clone(), now + LOOK_AGAIN);
                Verdict::Wait
            }
        }
    }

    /// The partition brought data.
    pub(super) fn found(&mut self, partition: &TopicPartition) {
        if !self.waiting.is_empty() {
            self.waiting.remove(partition);
        }
    }

    /// The partition is not this reader's any more.
    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        self.waiting.remove(partition);
    }

    /// Partitions that are to be looked for now.
    pub(super) fn due(&mut self, now: Duration) -> Vec<TopicPartition> {
        let mut due = Vec::new();
        for (partition, at) in &mut self.waiting {
            if *at <= now {
                *at = now + LOOK_AGAIN;
                due.push(partition.clone());
            }
        }
        due
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.waiting.values().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brooklet_kafka::error::Error;
    use brooklet_kafka::wire::Uuid;
    use std::sync::{Arc, Mutex};

    #[test]
    fn only_changes_of_the_topic_are_passed_over() {
        let topic = || "t".to_owned();
        let at = |offset| Some(StartAt::offset(offset));
        let cases = [
            (ErrorKind::TopicRecreated { topic: topic() }, at(0)),
            (ErrorKind::Truncated { offset: 9, end: 7 }, at(7)),
            (ErrorKind::Truncated { offset: 9, end: -1 }, at(0)),
            (ErrorKind::Truncated { offset: 9, end: 20 }, at(9)),
            (ErrorKind::OffsetOutOfRange { offset: 9, earliest: 2, latest: 5 }, at(2)),
            (ErrorKind::OffsetOutOfRange { offset: 0, earliest: 2, latest: 5 }, at(2)),
        ];
        let failed = |kind: &ErrorKind| PartitionError {
            partition: TopicPartition::new("t", 3),
            fetch_offset: 9,
            topic_id: Uuid([7; 16]),
            error: Error::new(kind.clone(), "why"),
        };
        let said = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&said);
        let warnings = Warnings::to(move |line| lines.lock().unwrap().push(line.to_owned()));
        let loss = |mode| Loss::new(mode, None, warnings.clone());
        for (kind, start) in cases {
            let failed = failed(&kind);
            let restart = start.map_or(Verdict::Wait, Verdict::Restart);
            assert_eq!(loss(TopicChange::Fail).judge(&failed, Duration::ZERO), Verdict::Fail);
            assert_eq!(loss(TopicChange::Drop).judge(&failed, Duration::ZERO), Verdict::Drop);
            assert_eq!(loss(TopicChange::Restart).judge(&failed, Duration::ZERO), restart);
        }
        assert_eq!(said.lock().unwrap().len(), 12);
        let gone = failed(&ErrorKind::PartitionGone { topic: topic() });
        for (mode, verdict) in [
            (TopicChange::Fail, Verdict::Fail),
            (TopicChange::Drop, Verdict::Forget),
            (TopicChange::Restart, Verdict::Forget),
        ] {
            assert_eq!(loss(mode).judge(&gone, Duration::ZERO), verdict);
        }
        for kind in [
            ErrorKind::OffsetOutOfRange { offset: 9, earliest: 20, latest: 50 },
            ErrorKind::Corrupt { offset: 1 },
            ErrorKind::Timeout,
        ] {
            assert_eq!(
                loss(TopicChange::Drop).judge(&failed(&kind), Duration::ZERO),
                Verdict::Fail
            );
        }
    }

    #[test]
    fn the_reset_decides_about_positions_outside_of_the_log() {
        let failed = PartitionError {
            partition: TopicPartition::new("t", 3),
            fetch_offset: 9,
            topic_id: Uuid([7; 16]),
            error: Error::new(
                ErrorKind::OffsetOutOfRange { offset: 9, earliest: 20, latest: 50 },
                "why",
            ),
        };
        for (reset, start) in [(Place::Earliest, 20), (Place::Latest, 50)] {
            for mode in [TopicChange::Fail, TopicChange::Drop, TopicChange::Restart] {
                let mut loss = Loss::new(mode, Some(reset.clone()), Warnings::to(|_| ()));
                let verdict = loss.judge(&failed, Duration::ZERO);
                assert_eq!(verdict, Verdict::Restart(StartAt::offset(start)));
            }
        }
    }

    #[test]
    fn a_deleted_topic_is_looked_for_until_it_is_back() {
        let mut loss = Loss::new(TopicChange::Restart, None, Warnings::to(|_| ()));
        let partition = TopicPartition::new("t", 0);
        let gone = PartitionError {
            partition: partition.clone(),
            fetch_offset: 9,
            topic_id: Uuid([7; 16]),
            error: Error::unknown_topic("t"),
        };
        let second = Duration::from_secs(1);
        assert_eq!(loss.judge(&gone, second), Verdict::Wait);
        assert!(loss.due(second).is_empty());
        assert_eq!(loss.next_deadline(), Some(2 * second));
        assert_eq!(loss.due(2 * second), std::slice::from_ref(&partition));
        assert_eq!(loss.judge(&gone, 2 * second), Verdict::Wait);
        loss.found(&partition);
        assert_eq!(loss.next_deadline(), None);
    }
}
