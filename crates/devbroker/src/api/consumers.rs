//! ConsumerGroupHeartbeat and ConsumerGroupDescribe: the consumer protocol of groups (KIP-848).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::consumer_group_describe_response::{DescribedGroup, Member};
use kafka_protocol::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions};
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse,
};
use uuid::Uuid;

use super::{Answer, respond, text};
use crate::cluster::Cluster;
use crate::groups::{Group, Heartbeat, Partitions, Told};
use crate::wire::Request;

pub(super) fn heartbeat(cluster: &mut Cluster, request: &Request, now: Duration) -> Answer {
    let body: ConsumerGroupHeartbeatRequest = request.decode()?;
    let (group, member) = (body.group_id.to_string(), body.member_id.to_string());
    let told = match admit(cluster, &group, &body) {
        Ok(()) => cluster.groups.consumers.heartbeat(&group, said(&body), &cluster.topics, now),
        Err(error) => Err(error),
    };
    let response = ConsumerGroupHeartbeatResponse::default();
    let response = match told {
        Ok(Told { epoch, assignment }) => response
            .with_member_id(Some(text(member)))
            .with_member_epoch(epoch)
            .with_heartbeat_interval_ms(
                i32::try_from(cluster.config.group_heartbeat_interval.as_millis())
                    .unwrap_or(i32::MAX),
            )
            .with_assignment(assignment.map(grouped)),
        Err(error) => {
            response.with_error_code(error.code()).with_error_message(Some(text(error.to_string())))
        }
    };
    respond(cluster, request, &response)
}

fn admit(
    cluster: &Cluster,
    group: &str,
    body: &ConsumerGroupHeartbeatRequest,
) -> Result<(), ResponseError> {
    // From version 1 on members make their ids themselves (KIP-1082).
    if body.member_id.is_empty() {
        return Err(ResponseError::InvalidRequest);
    }
    // Kafka lets members of both protocols into one group, this broker does not.
    let classic = cluster.groups.members.get(group).is_some_and(|group: &Group| !group.is_empty());
    if classic { Err(ResponseError::InconsistentGroupProtocol) } else { Ok(()) }
}

fn said(body: &ConsumerGroupHeartbeatRequest) -> Heartbeat {
    let millis = u64::try_from(body.rebalance_timeout_ms).ok();
    let topics = body.subscribed_topic_names.as_ref();
    // Who joins with a pattern alone names no topic.
    let pattern = body.subscribed_topic_regex.as_ref();
    let none = pattern.map(|_| BTreeSet::new());
    let owned = body.topic_partitions.as_ref();
    Heartbeat {
        member: body.member_id.to_string(),
        instance: body.instance_id.as_ref().map(ToString::to_string),
        epoch: body.member_epoch,
        rebalance_timeout: millis.map(Duration::from_millis),
        topics: topics
            .map(|names| names.iter().map(|name| name.to_string()).collect())
            .or(none.filter(|_| body.member_epoch == 0)),
        pattern: pattern.map(ToString::to_string),
        assignor: body.server_assignor.as_ref().map(ToString::to_string),
        owned: owned.map(|topics| {
            let of = topics.iter();
            of.flat_map(|topic| topic.partitions.iter().map(|at| (topic.topic_id, *at))).collect()
        }),
    }
}

/// Members without what they read.
pub(super) fn describe(cluster: &Cluster, request: &Request) -> Answer {
    let body: ConsumerGroupDescribeRequest = request.decode()?;
    let groups = body.group_ids.into_iter().map(|id| {
        let group = DescribedGroup::default();
        let Some(members) = cluster.groups.consumers.members(&id) else {
            let error = ResponseError::GroupIdNotFound;
            return group
                .with_group_id(id)
                .with_error_code(error.code())
                .with_error_message(Some(text(error.to_string())));
        };
        let members = members.map(|(id, instance, epoch)| {
            Member::default()
                .with_member_id(text(id))
                .with_instance_id(instance.map(text))
                .with_member_epoch(epoch)
        });
        let members: Vec<Member> = members.collect();
        let state = if members.is_empty() { "Empty" } else { "Stable" };
        group.with_group_id(id).with_group_state(text(state)).with_members(members)
    });
    let response = ConsumerGroupDescribeResponse::default().with_groups(groups.collect());
    respond(cluster, request, &response)
}

fn grouped(partitions: Partitions) -> Assignment {
    let mut topics: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in partitions {
        topics.entry(topic).or_default().push(partition);
    }
    let of =
        |(id, partitions)| TopicPartitions::default().with_topic_id(id).with_partitions(partitions);
    Assignment::default().with_topic_partitions(topics.into_iter().map(of).collect())
}
