//! Committed offsets of a group, of a member or from outside: then generation −1, no member id.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::single::{Route, Single, Verdict, unexpected};
use crate::apis::AnyResponse;
use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::error_table::{self, CoordinatorAction};
use crate::limits::{OFFSET_COMMIT_BYTES_MAX, OFFSET_RECORD_BYTES};
use crate::metadata::Unknown;
use crate::pending::Promise;
use crate::topic::TopicPartition;
use crate::transaction::GroupMember;
use crate::wire::ErrorCode;
use crate::wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use crate::wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
};

/// An offset of a group: the position behind what was worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: i64,
    /// Leader epoch of the last record that was worked on, −1 if unknown.
    pub leader_epoch: i32,
    /// Free text beside it, at most [`OFFSET_METADATA_BYTES_MAX`](crate::limits::OFFSET_METADATA_BYTES_MAX)
    /// bytes with the broker's default.
    pub metadata: String,
}

impl CommittedOffset {
    /// An offset without epoch and text.
    pub fn new(offset: i64) -> Self {
        Self { offset, leader_epoch: -1, metadata: String::new() }
    }
}

/// The most important of several codes: what fails outranks what can be retried, and both outrank a partition that is
/// not there.
fn worst(codes: impl Iterator<Item = (ErrorCode, String)>) -> Option<(ErrorCode, String)> {
    codes.filter(|(code, _)| !code.is_ok()).max_by_key(|(code, _)| {
        match error_table::coordinator(*code) {
            CoordinatorAction::Fail => 3,
            CoordinatorAction::Rediscover => 2,
            CoordinatorAction::Retry if *code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => 1,
            CoordinatorAction::Retry => 0,
        }
    })
}

/// An answer that says nothing about a partition that was asked for is none.
fn lacking(asked: &[TopicPartition], answered: BTreeSet<(&str, i32)>) -> Option<Error> {
    let lacks = asked.iter().find(|tp| !answered.contains(&(&*tp.topic, tp.partition)))?;
    Some(Error::timeout(format!("the answer lacks partition {lacks}")))
}

fn refusal(group: &str, outside: bool, code: ErrorCode, place: &str) -> Error {
    // A commit from outside a group that has live members is answered with these two.
    let text = match code {
        ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION if outside => {
            Some("the group has active members: another program uses it with subscribe")
        }
        _ => None,
    };
    Error::broker(code, text).context(format_args!("group `{group}`{place}"))
}

/// The offsets of each request, in their order: a coordinator writes those of one as one batch.
pub(crate) fn parts<'a>(
    group: &str,
    offsets: &'a [(TopicPartition, CommittedOffset)],
) -> VecDeque<&'a [(TopicPartition, CommittedOffset)]> {
    let mut parts = VecDeque::new();
    let (mut rest, mut bytes, mut count) = (offsets, 0_usize, 0_usize);
    for (tp, committed) in offsets {
        let names = group.len() + tp.topic.len() + committed.metadata.len();
        bytes += names + OFFSET_RECORD_BYTES;
        if bytes > OFFSET_COMMIT_BYTES_MAX && count > 0 {
            let (part, behind) = rest.split_at(count);
            parts.push_back(part);
            (rest, bytes, count) = (behind, names + OFFSET_RECORD_BYTES, 0);
        }
        count += 1;
    }
    parts.push_back(rest);
    parts
}

/// Stores offsets, with several requests one after the other where the coordinator could not write them at once. Of
/// partitions that [were deleted](Unknown) there is nothing to store.
pub(crate) fn commit(
    group: &str,
    member: &GroupMember,
    offsets: &[(TopicPartition, CommittedOffset)],
    promise: Promise<Result<()>>,
) -> Box<dyn super::Operation> {
    let parts = parts(group, offsets).into_iter();
    let asked = |part: &[(TopicPartition, _)]| part.iter().map(|(tp, _)| tp.clone()).collect();
    let mut requests: VecDeque<(OffsetCommitRequest, Vec<TopicPartition>)> =
        parts.map(|part| (commit_request(group, member, part), asked(part))).collect();
    // There is always a part, if an empty one.
    let (request, mut asked) = requests.pop_front().unwrap_or_default();
    let group_id = group.to_owned();
    let outside = member.member_id.is_empty();
    let mut unknown = Unknown::default();
    let read = move |response, cluster: &mut Cluster, now: Duration| {
        let AnyResponse::OffsetCommit(response) = response else { return unexpected() };
        let answered = response.topics.iter().flat_map(|topic| {
            topic
                .partitions
                .iter()
                .map(|partition| (topic.name.as_str(), partition.partition_index))
        });
        let lacking = lacking(&asked, answered.collect());
        let codes = response.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|partition| {
                let place = format!(", partition {}-{}", topic.name, partition.partition_index);
                (ErrorCode(partition.error_code), place)
            })
        });
        let refused = response.topics.iter().flat_map(|topic| {
            let unknown = topic.partitions.iter().filter(|partition| {
                ErrorCode(partition.error_code) == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            });
            unknown.map(|partition| {
                TopicPartition::new(topic.name.as_str(), partition.partition_index)
            })
        });
        let deleted = unknown.were_deleted(refused, &mut cluster.metadata, now);
        match (worst(codes), lacking) {
            (None, None) => {}
            (None, Some(error)) => return Verdict::Retry(error),
            // The least of all codes: everything else is stored. With a partition its offsets go, too.
            (Some((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, _)), None) if deleted => {}
            (Some((code, place)), _) => {
                return Verdict::of(code, refusal(&group_id, outside, code, &place));
            }
        }
        let Some((request, of_it)) = requests.pop_front() else { return Verdict::Done(()) };
        asked = of_it;
        Verdict::Next(Box::new(request.into()))
    };
    Box::new(Single::new(Route::Coordinator(group.to_owned()), request, Box::new(read), promise))
}

fn commit_request(
    group: &str,
    member: &GroupMember,
    offsets: &[(TopicPartition, CommittedOffset)],
) -> OffsetCommitRequest {
    let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
    for (tp, committed) in offsets {
        topics.entry(&tp.topic).or_default().push(OffsetCommitRequestPartition {
            partition_index: tp.partition,
            committed_offset: committed.offset,
            committed_leader_epoch: committed.leader_epoch,
            committed_metadata: Some(committed.metadata.clone()),
        });
    }
    OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: member.generation,
        member_id: member.member_id.clone(),
        group_instance_id: member.instance_id.clone(),
        topics: topics
            .into_iter()
            .map(|(name, partitions)| OffsetCommitRequestTopic {
                name: name.to_owned(),
                partitions,
                ..OffsetCommitRequestTopic::default()
            })
            .collect(),
        ..OffsetCommitRequest::default()
    }
}

/// Offsets by partition; partitions without one are left out.
pub(crate) type Committed = BTreeMap<TopicPartition, CommittedOffset>;

/// Reads offsets: of these partitions, or of all that the group has.
pub(crate) fn fetch(
    group: &str,
    partitions: Option<&[TopicPartition]>,
    promise: Promise<Result<Committed>>,
) -> Box<dyn super::Operation> {
    let topics = partitions.map(|partitions| {
        let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for tp in partitions {
            topics.entry(&tp.topic).or_default().push(tp.partition);
        }
        topics
            .into_iter()
            .map(|(name, partition_indexes)| OffsetFetchRequestTopics {
                name: name.to_owned(),
                partition_indexes,
                ..OffsetFetchRequestTopics::default()
            })
            .collect()
    });
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: group.to_owned(),
            topics,
            ..OffsetFetchRequestGroup::default()
        }],
        // Without it, offsets below those of an open transaction are answered, and the
        // transaction's input would be read twice (KIP-447).
        require_stable: true,
        ..OffsetFetchRequest::default()
    };
    let group_id = group.to_owned();
    let asked = partitions.map(<[TopicPartition]>::to_vec).unwrap_or_default();
    let read = move |response, _: &mut Cluster, _| {
        let AnyResponse::OffsetFetch(response) = response else { return unexpected() };
        let rows = rows(&response);
        let answered = rows.iter().map(|row| (&*row.tp.topic, row.tp.partition));
        let lacking = lacking(&asked, answered.collect());
        let whole = match response.groups.first() {
            Some(group) => group.error_code,
            None => response.error_code,
        };
        // Kafka answers for a group that it does not know as for one without offsets; other brokers say so, and so does
        // Kafka for groups of KIP-848.
        if ErrorCode(whole) == ErrorCode::GROUP_ID_NOT_FOUND {
            return Verdict::Done(Committed::new());
        }
        let codes = std::iter::once((ErrorCode(whole), String::new()))
            .chain(rows.iter().map(|row| (row.code, format!(", partition {}", row.tp))));
        match (worst(codes), lacking) {
            (None, Some(error)) => Verdict::Retry(error),
            (None, None) => {
                let stored = rows.into_iter().filter(|row| row.committed.offset >= 0);
                Verdict::Done(stored.map(|row| (row.tp, row.committed)).collect())
            }
            (Some((code, place)), _) => Verdict::of(code, refusal(&group_id, true, code, &place)),
        }
    };
    Box::new(Single::new(Route::Coordinator(group.to_owned()), request, Box::new(read), promise))
}

struct Row {
    tp: TopicPartition,
    code: ErrorCode,
    committed: CommittedOffset,
}

/// The partitions of an answer, in either of its two forms.
fn rows(response: &OffsetFetchResponse) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut push =
        |topic: &str, partition, code, offset, leader_epoch, metadata: &Option<String>| {
            rows.push(Row {
                tp: TopicPartition { topic: Arc::from(topic), partition },
                code: ErrorCode(code),
                committed: CommittedOffset {
                    offset,
                    leader_epoch,
                    metadata: metadata.clone().unwrap_or_default(),
                },
            });
        };
    for topic in response.groups.iter().flat_map(|group| &group.topics) {
        for p in &topic.partitions {
            let (offset, epoch) = (p.committed_offset, p.committed_leader_epoch);
            push(&topic.name, p.partition_index, p.error_code, offset, epoch, &p.metadata);
        }
    }
    for topic in &response.topics {
        for p in &topic.partitions {
            let (offset, epoch) = (p.committed_offset, p.committed_leader_epoch);
            push(&topic.name, p.partition_index, p.error_code, offset, epoch, &p.metadata);
        }
    }
    rows
}
