//! Metadata and DescribeCluster: who leads what.

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, DescribeClusterRequest, DescribeClusterResponse, DescribeLogDirsRequest,
    DescribeLogDirsResponse, MetadataRequest, MetadataResponse,
};
use uuid::Uuid;

use super::{Answer, respond, text, topic_name};
use crate::cluster::{Cluster, NODE_ID};
use crate::log::LEADER_EPOCH;
use crate::topic_config::TopicConfig;
use crate::topics::Topic;
use crate::wire::Request;

pub(super) fn answer(cluster: &mut Cluster, request: &Request) -> Answer {
    let body: MetadataRequest = request.decode()?;
    let topics = match body.topics {
        // Version 0 has no null array: empty means all.
        Some(named) if !(named.is_empty() && request.version == 0) => {
            let create = body.allow_auto_topic_creation && cluster.config.auto_create_topics;
            let mut seen = BTreeSet::new();
            named
                .iter()
                .filter(|topic| seen.insert((topic.name.as_deref(), topic.topic_id)))
                .map(|topic| match &topic.name {
                    Some(name) => by_name(cluster, name, create),
                    None => by_id(cluster, topic.topic_id, request.version),
                })
                .collect()
        }
        _ => cluster.topics.iter().map(|(name, topic)| found(name, topic)).collect(),
    };
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(NODE_ID))
        .with_host(text(cluster.config.advertised_host.as_str()))
        .with_port(i32::from(cluster.config.advertised_port));
    let response = MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(text(cluster.cluster_id.as_str())))
        .with_controller_id(BrokerId(NODE_ID))
        .with_topics(topics);
    respond(cluster, request, &response)
}

fn by_name(cluster: &mut Cluster, name: &str, create: bool) -> MetadataResponseTopic {
    if let Some(topic) = cluster.topics.get(name) {
        return found(name, topic);
    }
    let missing = |error: ResponseError| {
        MetadataResponseTopic::default()
            .with_name(Some(topic_name(name)))
            .with_error_code(error.code())
    };
    if let Err(refused) = crate::topics::check_name(name) {
        return missing(refused.error);
    }
    if !create {
        return missing(ResponseError::UnknownTopicOrPartition);
    }
    let id = cluster.ids.uuid();
    let partitions = cluster.config.default_partitions;
    match cluster.topics.create(name, partitions, TopicConfig::default(), id) {
        Ok(topic) => found(name, topic),
        Err(refused) => missing(refused.error),
    }
}

fn by_id(cluster: &Cluster, id: Uuid, version: i16) -> MetadataResponseTopic {
    match cluster.topics.by_id(id) {
        Some((name, topic)) => found(name, topic),
        None => MetadataResponseTopic::default()
            .with_topic_id(id)
            // The name may be null from version 12 on only.
            .with_name((version < 12).then(|| topic_name("")))
            .with_error_code(ResponseError::UnknownTopicId.code()),
    }
}

fn found(name: &str, topic: &Topic) -> MetadataResponseTopic {
    let partitions = (0..topic.partitions.len())
        .map(|index| {
            MetadataResponsePartition::default()
                .with_partition_index(i32::try_from(index).unwrap_or(i32::MAX))
                .with_leader_id(BrokerId(NODE_ID))
                .with_leader_epoch(LEADER_EPOCH)
                .with_replica_nodes(vec![BrokerId(NODE_ID)])
                .with_isr_nodes(vec![BrokerId(NODE_ID)])
        })
        .collect();
    MetadataResponseTopic::default()
        .with_name(Some(topic_name(name)))
        .with_topic_id(topic.id)
        .with_partitions(partitions)
}

/// Endpoint type of brokers (KIP-919); controllers are of type 2.
const BROKERS: i8 = 1;

pub(super) fn describe_cluster(cluster: &Cluster, request: &Request) -> Answer {
    let body: DescribeClusterRequest = request.decode()?;
    let response =
        DescribeClusterResponse::default().with_cluster_id(text(cluster.cluster_id.as_str()));
    if body.endpoint_type != BROKERS {
        let error = ResponseError::UnsupportedEndpointType;
        let response = response
            .with_error_code(error.code())
            .with_error_message(Some(text(error.to_string())));
        return respond(cluster, request, &response);
    }
    let broker = DescribeClusterBroker::default()
        .with_broker_id(BrokerId(NODE_ID))
        .with_host(text(cluster.config.advertised_host.as_str()))
        .with_port(i32::from(cluster.config.advertised_port));
    let response = response.with_controller_id(BrokerId(NODE_ID)).with_brokers(vec![broker]);
    respond(cluster, request, &response)
}

/// What stands for the folder of the logs.
const LOG_DIR: &str = "memory";

/// One folder with everything; sizes are what the batches take in memory.
pub(super) fn describe_log_dirs(cluster: &Cluster, request: &Request) -> Answer {
    let body: DescribeLogDirsRequest = request.decode()?;
    let asked = |name: &str, index: i32| {
        body.topics.as_ref().is_none_or(|topics| {
            topics.iter().any(|of| of.topic.as_str() == name && of.partitions.contains(&index))
        })
    };
    let mut topics = Vec::new();
    for (name, topic) in cluster.topics.iter() {
        let logs = (0..).zip(&topic.partitions).filter(|(index, _)| asked(name, *index));
        let partitions: Vec<_> = logs
            .map(|(index, log)| {
                DescribeLogDirsPartition::default()
                    .with_partition_index(index)
                    .with_partition_size(i64::try_from(log.weight()).unwrap_or(i64::MAX))
            })
            .collect();
        if !partitions.is_empty() {
            let of = DescribeLogDirsTopic::default().with_name(topic_name(name));
            topics.push(of.with_partitions(partitions));
        }
    }
    let folder = DescribeLogDirsResult::default().with_log_dir(text(LOG_DIR)).with_topics(topics);
    respond(cluster, request, &DescribeLogDirsResponse::default().with_results(vec![folder]))
}
