//! A fetch session (KIP-227): the broker remembers what was asked for, so that a request names
//! only what changed and an answer only what has news.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::topic::TopicPartition;
use crate::wire::Uuid;
use crate::wire::messages::fetch::{FetchPartition, FetchTopic, ForgottenTopic};

/// Epoch of a request that opens a session.
const INITIAL: i32 = 0;

/// What the broker was told about a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) generation: u64,
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    /// Leader epoch of the record before the position, −1 if unknown.
    pub(crate) last_epoch: i32,
    pub(crate) topic_id: Uuid,
}

impl Member {
    /// Whether the broker has to be told again.
    fn differs(&self, other: &Self) -> bool {
        (self.offset, self.leader_epoch, self.last_epoch, self.topic_id)
            != (other.offset, other.leader_epoch, other.last_epoch, other.topic_id)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Session {
    id: i32,
    epoch: i32,
    members: BTreeMap<TopicPartition, Member>,
}

impl Session {
    pub(crate) fn id(&self) -> i32 {
        self.id
    }

    /// Epoch of the request that is built or under way.
    pub(crate) fn epoch(&self) -> i32 {
        self.epoch
    }

    /// What the broker was told last.
    pub(crate) fn member(&self, tp: &TopicPartition) -> Option<Member> {
        self.members.get(tp).copied()
    }

    pub(crate) fn name_of(&self, id: Uuid) -> Option<Arc<str>> {
        self.members
            .iter()
            .find(|(_, member)| member.topic_id == id)
            .map(|(tp, _)| Arc::clone(&tp.topic))
    }

    /// The next request names everything again and opens a new session.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// An answer came: `id` is the session's, 0 if the broker keeps none.
    pub(crate) fn answered(&mut self, id: i32) {
        if id == 0 {
            self.id = 0;
            self.epoch = INITIAL;
        } else {
            self.id = id;
            // Wraps to 1: 0 would open a new session.
            self.epoch = if self.epoch == i32::MAX { 1 } else { self.epoch + 1 };
        }
    }

    /// What the next request has to name so that the session holds exactly `wanted`.
    pub(crate) fn next(
        &mut self,
        wanted: BTreeMap<TopicPartition, Member>,
        partition_max_bytes: usize,
    ) -> (Vec<FetchTopic>, Vec<ForgottenTopic>) {
        let full = self.epoch == INITIAL;
        let mut topics: Vec<FetchTopic> = Vec::new();
        let mut last: Option<&Arc<str>> = None;
        for (tp, member) in &wanted {
            let known = self.members.get(tp).filter(|_| !full);
            if known.is_some_and(|known| !known.differs(member)) {
                continue;
            }
            if last != Some(&tp.topic) {
                topics.push(FetchTopic {
                    topic: tp.topic.to_string(),
                    topic_id: member.topic_id,
                    partitions: Vec::new(),
                });
                last = Some(&tp.topic);
            }
            if let Some(topic) = topics.last_mut() {
                topic.partitions.push(FetchPartition {
                    partition: tp.partition,
                    current_leader_epoch: member.leader_epoch,
                    fetch_offset: member.offset,
                    last_fetched_epoch: member.last_epoch,
                    partition_max_bytes: i32::try_from(partition_max_bytes).unwrap_or(i32::MAX),
                    ..FetchPartition::default()
                });
            }
        }
        let mut forgotten: Vec<ForgottenTopic> = Vec::new();
        for (tp, member) in &self.members {
            // A topic that was created again under the same name leaves with its old id.
            let kept = wanted.get(tp).is_some_and(|new| new.topic_id == member.topic_id);
            if full || kept {
                continue;
            }
            match forgotten.last_mut().filter(|topic| *topic.topic == *tp.topic) {
                Some(topic) => topic.partitions.push(tp.partition),
                None => forgotten.push(ForgottenTopic {
                    topic: tp.topic.to_string(),
                    topic_id: member.topic_id,
                    partitions: vec![tp.partition],
                }),
            }
        }
        self.members = wanted;
        (topics, forgotten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(partitions: &[(&str, i32, i64)]) -> BTreeMap<TopicPartition, Member> {
        partitions
            .iter()
            .map(|&(topic, partition, offset)| {
                let topic_id = Uuid([topic.len() as u8; 16]);
                let member =
                    Member { generation: 1, offset, leader_epoch: 0, last_epoch: -1, topic_id };
                (TopicPartition::new(topic, partition), member)
            })
            .collect()
    }

    fn named(topics: &[FetchTopic]) -> Vec<(String, i32, i64)> {
        topics
            .iter()
            .flat_map(|t| {
                t.partitions.iter().map(|p| (t.topic.clone(), p.partition, p.fetch_offset))
            })
            .collect()
    }

    fn entry(topic: &str, partition: i32, offset: i64) -> (String, i32, i64) {
        (topic.to_owned(), partition, offset)
    }

    #[test]
    fn an_incremental_request_names_what_changed() {
        let mut session = Session::default();
        let (topics, _) = session.next(wanted(&[("a", 0, 5), ("a", 1, 5), ("bb", 0, 1)]), 10);
        assert_eq!((topics.len(), session.epoch()), (2, 0));
        session.answered(77);
        assert_eq!((session.id(), session.epoch()), (77, 1));
        let (topics, forgotten) = session.next(wanted(&[("a", 0, 6), ("a", 1, 5)]), 10);
        assert_eq!(named(&topics), [entry("a", 0, 6)]);
        assert_eq!((forgotten[0].topic.as_str(), &*forgotten[0].partitions), ("bb", &[0][..]));
        session.answered(77);
        let (topics, forgotten) = session.next(wanted(&[("a", 0, 6), ("a", 1, 5)]), 10);
        assert!(topics.is_empty() && forgotten.is_empty());
        assert_eq!(session.epoch(), 2);
    }

    #[test]
    fn without_a_session_everything_is_named_each_time() {
        let mut session = Session::default();
        for _ in 0..3 {
            let (topics, forgotten) = session.next(wanted(&[("a", 0, 5)]), 10);
            assert_eq!((named(&topics), forgotten.len()), (vec![entry("a", 0, 5)], 0));
            session.answered(0);
        }
    }

    #[test]
    fn a_reset_opens_a_new_session() {
        let mut session = Session::default();
        session.next(wanted(&[("a", 0, 5)]), 10);
        session.answered(7);
        session.reset();
        let (topics, _) = session.next(wanted(&[("a", 0, 5)]), 10);
        assert_eq!((topics.len(), session.id(), session.epoch()), (1, 0, 0));
    }

    #[test]
    fn the_epoch_wraps_to_one() {
        let mut session = Session { id: 7, epoch: i32::MAX, members: BTreeMap::new() };
        session.answered(7);
        assert_eq!(session.epoch(), 1);
    }
}
