//! InitProducerId: producers with and without a transactional id; and DescribeProducers (KIP-664).

use std::collections::BTreeSet;
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_producers_response::{
    PartitionResponse, ProducerState, TopicResponse,
};
use kafka_protocol::messages::{
    DescribeProducersRequest, DescribeProducersResponse, InitProducerIdRequest,
    InitProducerIdResponse, ProducerId,
};

use super::{Answer, respond, transactions};
use crate::cluster::Cluster;
use crate::log::PartitionLog;
use crate::wire::Request;

pub(super) fn init(cluster: &mut Cluster, request: &Request, now: Duration) -> Answer {
    let body: InitProducerIdRequest = request.decode()?;
    if let Some(transactional_id) = &body.transactional_id {
        return transactions::init_producer_id(cluster, request, &body, transactional_id, now);
    }
    // Without a transactional id every request gets an id of its own, as in Kafka.
    let id = cluster.next_producer_id;
    cluster.next_producer_id += 1;
    let response =
        InitProducerIdResponse::default().with_producer_id(ProducerId(id)).with_producer_epoch(0);
    respond(cluster, request, &response)
}

pub(super) fn describe(cluster: &Cluster, request: &Request) -> Answer {
    let body: DescribeProducersRequest = request.decode()?;
    // Who names a partition again gets no second list, so that a small request has no huge answer.
    let mut seen = BTreeSet::new();
    let topics = body.topics.iter().map(|topic| {
        let known = cluster.topics.get(&topic.name);
        let partitions = topic.partition_indexes.iter().map(|index| {
            let answer = PartitionResponse::default().with_partition_index(*index);
            match known.and_then(|known| known.partition(*index)) {
                None => answer.with_error_code(ResponseError::UnknownTopicOrPartition.code()),
                Some(log) if seen.insert((topic.name.clone(), *index)) => {
                    answer.with_active_producers(active(log))
                }
                Some(_) => answer,
            }
        });
        let partitions = partitions.collect();
        TopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions)
    });
    let topics = topics.collect();
    respond(cluster, request, &DescribeProducersResponse::default().with_topics(topics))
}

fn active(log: &PartitionLog) -> Vec<ProducerState> {
    let states = log.producers.states().map(|(id, epoch, last)| {
        let (sequence, timestamp) = last.unwrap_or((-1, -1));
        ProducerState::default()
            .with_producer_id(ProducerId(id))
            .with_producer_epoch(i32::from(epoch))
            .with_last_sequence(sequence)
            .with_last_timestamp(timestamp)
            .with_coordinator_epoch(-1)
            .with_current_txn_start_offset(log.transactions.start_of(id).unwrap_or(-1))
    });
    states.collect()
}
