//! OffsetCommit, OffsetFetch and OffsetDelete.

use std::collections::BTreeSet;
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    GroupId, OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
    OffsetFetchRequest, OffsetFetchResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::{Answer, members, respond, text, topic_name};
use crate::cluster::Cluster;
use crate::groups::{Committed, Identity};
use crate::wire::Request;

pub(super) fn commit(cluster: &mut Cluster, request: &Request, now: Duration) -> Answer {
    let body: OffsetCommitRequest = request.decode()?;
    let who = Identity { member: &body.member_id, instance: body.group_instance_id.as_deref() };
    let generation = body.generation_id_or_member_epoch;
    let refused = cluster.groups.may_commit(&body.group_id, &who, generation, false, now).err();
    let mut topics = Vec::with_capacity(body.topics.len());
    for topic in &body.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let outcome = match refused {
                Some(error) => Err(error),
                None => commit_one(cluster, &body.group_id, &topic.name, partition),
            };
            partitions.push(
                OffsetCommitResponsePartition::default()
                    .with_partition_index(partition.partition_index)
                    .with_error_code(outcome.err().map_or(0, |error| error.code())),
            );
        }
        topics.push(
            OffsetCommitResponseTopic::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions),
        );
    }
    respond(cluster, request, &OffsetCommitResponse::default().with_topics(topics))
}

fn commit_one(
    cluster: &mut Cluster,
    group: &GroupId,
    topic: &TopicName,
    partition: &OffsetCommitRequestPartition,
) -> Result<(), ResponseError> {
    let index = partition.partition_index;
    cluster
        .topics
        .get(topic)
        .and_then(|topic| topic.partition(index))
        .ok_or(ResponseError::UnknownTopicOrPartition)?;
    let committed = Committed {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.as_deref().unwrap_or_default().to_owned(),
    };
    cluster.groups.offsets.commit(group, topic, index, committed)
}

pub(super) fn fetch(cluster: &Cluster, request: &Request) -> Answer {
    let body: OffsetFetchRequest = request.decode()?;
    let response = if request.version >= 8 {
        let mut seen = BTreeSet::new();
        let groups = body
            .groups
            .iter()
            .filter(|group| seen.insert(group.group_id.as_str()))
            .map(|group| {
                let answer =
                    OffsetFetchResponseGroup::default().with_group_id(group.group_id.clone());
                // Members of classic groups may name their generation here, which nobody checks (franz-go does).
                let asks = cluster.groups.consumers.size(&group.group_id).is_some();
                if group.member_epoch >= 0 && asks {
                    let member = group.member_id.as_deref().unwrap_or_default();
                    let who = Identity { member, instance: None };
                    let epoch = group.member_epoch;
                    let may = cluster.groups.consumers.knows(&group.group_id, &who, epoch);
                    if let Err(error) = may {
                        return answer.with_error_code(error.code());
                    }
                }
                let asked = group.topics.as_ref().map(|topics| {
                    topics
                        .iter()
                        .map(|topic| (&topic.name, topic.partition_indexes.as_slice()))
                        .collect()
                });
                let topics = look(cluster, &group.group_id, asked, body.require_stable)
                    .into_iter()
                    .map(|(name, partitions)| {
                        OffsetFetchResponseTopics::default()
                            .with_name(name)
                            .with_partitions(partitions.into_iter().map(Found::grouped).collect())
                    })
                    .collect();
                answer.with_topics(topics)
            })
            .collect();
        OffsetFetchResponse::default().with_groups(groups)
    } else {
        let asked = body.topics.as_ref().map(|topics| {
            topics.iter().map(|topic| (&topic.name, topic.partition_indexes.as_slice())).collect()
        });
        let topics = look(cluster, &body.group_id, asked, body.require_stable)
            .into_iter()
            .map(|(name, partitions)| {
                OffsetFetchResponseTopic::default().with_name(name).with_partitions(
                    partitions.into_iter().map(|found| found.plain(request.version)).collect(),
                )
            })
            .collect();
        OffsetFetchResponse::default().with_topics(topics)
    };
    respond(cluster, request, &response)
}

struct Found {
    error: i16,
    index: i32,
    offset: i64,
    leader_epoch: i32,
    metadata: StrBytes,
}

impl Found {
    /// Offset −1 says that nothing is committed.
    fn new(index: i32, committed: Option<&Committed>, unstable: bool) -> Self {
        let committed = committed.filter(|_| !unstable);
        let error = if unstable { ResponseError::UnstableOffsetCommit.code() } else { 0 };
        match committed {
            Some(committed) => Self {
                error,
                index,
                offset: committed.offset,
                leader_epoch: committed.leader_epoch,
                metadata: text(committed.metadata.as_str()),
            },
            None => Self { error, index, offset: -1, leader_epoch: -1, metadata: StrBytes::new() },
        }
    }

    fn plain(self, version: i16) -> OffsetFetchResponsePartition {
        OffsetFetchResponsePartition::default()
            .with_partition_index(self.index)
            .with_committed_offset(self.offset)
            .with_committed_leader_epoch(if version >= 5 { self.leader_epoch } else { -1 })
            .with_metadata(Some(self.metadata))
            .with_error_code(self.error)
    }

    fn grouped(self) -> OffsetFetchResponsePartitions {
        OffsetFetchResponsePartitions::default()
            .with_partition_index(self.index)
            .with_committed_offset(self.offset)
            .with_committed_leader_epoch(self.leader_epoch)
            .with_metadata(Some(self.metadata))
            .with_error_code(self.error)
    }
}

/// The offsets asked for, or all of the group.
fn look(
    cluster: &Cluster,
    group: &str,
    asked: Option<Vec<(&TopicName, &[i32])>>,
    require_stable: bool,
) -> Vec<(TopicName, Vec<Found>)> {
    let unstable = |topic: &str, index: i32| {
        require_stable && cluster.groups.offsets.is_staged(group, topic, index)
    };
    match asked {
        Some(asked) => asked
            .into_iter()
            .map(|(topic, indexes)| {
                let found = indexes
                    .iter()
                    .map(|index| {
                        let committed = cluster.groups.offsets.offset(group, topic, *index);
                        Found::new(*index, committed, unstable(topic, *index))
                    })
                    .collect();
                (topic.clone(), found)
            })
            .collect(),
        None => cluster
            .groups
            .offsets
            .get(group)
            .into_iter()
            .flatten()
            .map(|(topic, partitions)| {
                let found = partitions
                    .iter()
                    .map(|(index, committed)| {
                        Found::new(*index, Some(committed), unstable(topic, *index))
                    })
                    .collect();
                (topic_name(topic), found)
            })
            .collect(),
    }
}

pub(super) fn delete(cluster: &mut Cluster, request: &Request) -> Answer {
    let body: OffsetDeleteRequest = request.decode()?;
    if !cluster.groups.exists(&body.group_id) {
        let response =
            OffsetDeleteResponse::default().with_error_code(ResponseError::GroupIdNotFound.code());
        return respond(cluster, request, &response);
    }
    let subscribed = members::subscribed(cluster, &body.group_id);
    let mut topics = Vec::with_capacity(body.topics.len());
    for topic in &body.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let index = partition.partition_index;
            let partition = OffsetDeleteResponsePartition::default().with_partition_index(index);
            partitions.push(if subscribed.contains(topic.name.as_str()) {
                partition.with_error_code(ResponseError::GroupSubscribedToTopic.code())
            } else {
                cluster.groups.offsets.forget(&body.group_id, &topic.name, index);
                partition
            });
        }
        topics.push(
            OffsetDeleteResponseTopic::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions),
        );
    }
    respond(cluster, request, &OffsetDeleteResponse::default().with_topics(topics))
}
