//! ListOffsets and OffsetForLeaderEpoch.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse,
};

use super::{Answer, respond};
use crate::cluster::Cluster;
use crate::log::{LEADER_EPOCH, PartitionLog};
use crate::wire::Request;

/// The isolation level of a request that wants what is committed.
const READ_COMMITTED: i8 = 1;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
/// The record with the highest timestamp (KIP-734).
const MAX_TIMESTAMP: i64 = -3;
/// The first offset on this broker's own disks (KIP-405): the same as the earliest.
const EARLIEST_LOCAL: i64 = -4;
/// The last offset in remote storage (KIP-1005): there is none.
const LATEST_TIERED: i64 = -5;

pub(super) fn answer(cluster: &Cluster, request: &Request) -> Answer {
    let body: ListOffsetsRequest = request.decode()?;
    // One budget for the request: each partition named may ask for a search inside a batch.
    let mut budget = cluster.config.limits.decompressed_bytes_max;
    let topics = body
        .topics
        .iter()
        .map(|topic| {
            let partitions = topic
                .partitions
                .iter()
                .map(|partition| {
                    let log = cluster
                        .topics
                        .get(&topic.name)
                        .and_then(|topic| topic.partition(partition.partition_index));
                    let committed = body.isolation_level == READ_COMMITTED;
                    look(log, partition, request.version, committed, &mut budget)
                })
                .collect();
            ListOffsetsTopicResponse::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions)
        })
        .collect();
    respond(cluster, request, &ListOffsetsResponse::default().with_topics(topics))
}

fn look(
    log: Option<&PartitionLog>,
    asked: &ListOffsetsPartition,
    version: i16,
    committed: bool,
    budget: &mut usize,
) -> ListOffsetsPartitionResponse {
    let response = ListOffsetsPartitionResponse::default()
        .with_partition_index(asked.partition_index)
        .with_timestamp(-1)
        .with_offset(-1)
        .with_leader_epoch(-1);
    let Some(log) = log else {
        return response.with_error_code(ResponseError::UnknownTopicOrPartition.code());
    };
    if asked.current_leader_epoch > LEADER_EPOCH {
        return response.with_error_code(ResponseError::UnknownLeaderEpoch.code());
    }
    let offset = |timestamp: i64, offset: i64| (timestamp, offset);
    let end = if committed { log.last_stable() } else { log.high_watermark() };
    let found = match asked.timestamp {
        LATEST => Some(offset(-1, end)),
        EARLIEST => Some(offset(-1, log.log_start())),
        MAX_TIMESTAMP if version >= 7 => log.max_timestamp(budget),
        EARLIEST_LOCAL if version >= 8 => Some(offset(-1, log.log_start())),
        LATEST_TIERED if version >= 9 => None,
        timestamp if timestamp >= 0 => log.first_at(timestamp, budget),
        _ => return response.with_error_code(ResponseError::UnsupportedVersion.code()),
    };
    // A record that readers of this level cannot see yet is not found.
    let visible = |(_, offset): &(i64, i64)| *offset < end || asked.timestamp < 0;
    match found.filter(visible) {
        Some((timestamp, offset)) => response
            .with_timestamp(timestamp)
            .with_offset(offset)
            .with_leader_epoch(if version >= 4 { LEADER_EPOCH } else { -1 }),
        None => response,
    }
}

/// Where an epoch ended (KIP-320). All records are of the only epoch there is.
pub(super) fn leader_epochs(cluster: &Cluster, request: &Request) -> Answer {
    let body: OffsetForLeaderEpochRequest = request.decode()?;
    let topics =
        body.topics
            .iter()
            .map(|topic| {
                let partitions = topic
                    .partitions
                    .iter()
                    .map(|asked| {
                        let answer = EpochEndOffset::default().with_partition(asked.partition);
                        let log = cluster
                            .topics
                            .get(&topic.topic)
                            .and_then(|topic| topic.partition(asked.partition));
                        match log {
                            None => answer
                                .with_error_code(ResponseError::UnknownTopicOrPartition.code()),
                            Some(_) if asked.current_leader_epoch > LEADER_EPOCH => {
                                answer.with_error_code(ResponseError::UnknownLeaderEpoch.code())
                            }
                            Some(log) if asked.leader_epoch == LEADER_EPOCH => answer
                                .with_leader_epoch(LEADER_EPOCH)
                                .with_end_offset(log.high_watermark()),
                            Some(_) => answer.with_leader_epoch(-1).with_end_offset(-1),
                        }
                    })
                    .collect();
                OffsetForLeaderTopicResult::default()
                    .with_topic(topic.topic.clone())
                    .with_partitions(partitions)
            })
            .collect();
    respond(cluster, request, &OffsetForLeaderEpochResponse::default().with_topics(topics))
}
