//! CreateTopics, DeleteTopics, CreatePartitions, DeleteRecords.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult,
};
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
};
use uuid::Uuid;

use super::{Answer, respond, text, topic_name};
use crate::cluster::{Cluster, NODE_ID, Touched};
use crate::topic_config::{SETTINGS, TopicConfig};
use crate::topics::Refused;
use crate::wire::Request;

pub(super) fn create(cluster: &mut Cluster, request: &Request) -> Answer {
    let body: CreateTopicsRequest = request.decode()?;
    let mut named = BTreeMap::<&str, usize>::new();
    for topic in &body.topics {
        *named.entry(topic.name.as_str()).or_default() += 1;
    }
    let results = body
        .topics
        .iter()
        .map(|topic| {
            let once = named.get(topic.name.as_str()) == Some(&1);
            create_one(cluster, topic, once, body.validate_only)
        })
        .collect();
    respond(cluster, request, &CreateTopicsResponse::default().with_topics(results))
}

fn create_one(
    cluster: &mut Cluster,
    asked: &CreatableTopic,
    once: bool,
    validate_only: bool,
) -> CreatableTopicResult {
    let result = CreatableTopicResult::default().with_name(asked.name.clone());
    match try_create(cluster, asked, once, validate_only) {
        Ok((id, partitions, config)) => result
            .with_topic_id(id)
            .with_num_partitions(partitions)
            .with_replication_factor(1)
            .with_configs(Some(described(&config))),
        Err(refused) => result
            .with_error_code(refused.error.code())
            .with_error_message(Some(text(refused.message)))
            .with_num_partitions(-1)
            .with_replication_factor(-1)
            .with_configs(Some(Vec::new())),
    }
}

fn try_create(
    cluster: &mut Cluster,
    asked: &CreatableTopic,
    once: bool,
    validate_only: bool,
) -> Result<(Uuid, i32, TopicConfig), Refused> {
    if !once {
        return Err(Refused::new(ResponseError::InvalidRequest, "Duplicate topic in the request."));
    }
    let partitions = partitions(cluster, asked)?;
    let config = TopicConfig::parse(
        asked.configs.iter().map(|config| (config.name.as_str(), config.value.as_deref())),
    )
    .map_err(|message| Refused::new(ResponseError::InvalidConfig, message))?;
    cluster.topics.check_create(&asked.name, partitions)?;
    if validate_only {
        return Ok((Uuid::nil(), partitions, config));
    }
    let id = cluster.ids.uuid();
    cluster.topics.create(&asked.name, partitions, config.clone(), id)?;
    Ok((id, partitions, config))
}

/// Partition count of a CreateTopics entry; −1 asks for the default (KIP-464).
fn partitions(cluster: &Cluster, asked: &CreatableTopic) -> Result<i32, Refused> {
    if asked.assignments.is_empty() {
        if !matches!(asked.replication_factor, -1 | 1) {
            return Err(Refused::new(
                ResponseError::InvalidReplicationFactor,
                "This broker is alone: the replication factor is 1 or -1.",
            ));
        }
        return Ok(match asked.num_partitions {
            -1 => cluster.config.default_partitions,
            count => count,
        });
    }
    if asked.num_partitions != -1 || asked.replication_factor != -1 {
        return Err(Refused::new(
            ResponseError::InvalidRequest,
            "Partition count and replication factor are -1 when replicas are assigned.",
        ));
    }
    let mut indexes: Vec<i32> =
        asked.assignments.iter().map(|assignment| assignment.partition_index).collect();
    indexes.sort_unstable();
    let consecutive = indexes.iter().zip(0..).all(|(index, expected)| *index == expected);
    let local = asked
        .assignments
        .iter()
        .all(|assignment| assignment.broker_ids.iter().map(|id| id.0).eq([NODE_ID]));
    match i32::try_from(indexes.len()) {
        Ok(count) if consecutive && local => Ok(count),
        _ => Err(Refused::new(
            ResponseError::InvalidReplicaAssignment,
            "Assign partitions 0, 1, … to broker 1 alone.",
        )),
    }
}

/// Source numbers of a configuration value (Kafka's `ConfigEntry.ConfigSource`).
pub(super) const DYNAMIC_TOPIC_CONFIG: i8 = 1;
pub(super) const DEFAULT_CONFIG: i8 = 5;

fn described(config: &TopicConfig) -> Vec<CreatableTopicConfigs> {
    SETTINGS
        .iter()
        .map(|setting| {
            let (value, set) = config.value(setting);
            CreatableTopicConfigs::default()
                .with_name(text(setting.name))
                .with_value(Some(text(value)))
                .with_config_source(if set { DYNAMIC_TOPIC_CONFIG } else { DEFAULT_CONFIG })
        })
        .collect()
}

pub(super) fn delete(cluster: &mut Cluster, request: &Request) -> Answer {
    let body: DeleteTopicsRequest = request.decode()?;
    let asked: Vec<DeleteTopicState> = if request.version >= 6 {
        body.topics
    } else {
        let named = |name| DeleteTopicState::default().with_name(Some(name));
        body.topic_names.into_iter().map(named).collect()
    };
    let results = asked.into_iter().map(|topic| delete_one(cluster, topic)).collect();
    respond(cluster, request, &DeleteTopicsResponse::default().with_responses(results))
}

fn delete_one(cluster: &mut Cluster, asked: DeleteTopicState) -> DeletableTopicResult {
    let result = DeletableTopicResult::default();
    let refused = |result: DeletableTopicResult, error: ResponseError| {
        result.with_error_code(error.code()).with_error_message(Some(text(error.to_string())))
    };
    let name = match &asked.name {
        Some(_) if !asked.topic_id.is_nil() => {
            let result = result.with_name(asked.name).with_topic_id(asked.topic_id);
            return refused(result, ResponseError::InvalidRequest);
        }
        Some(name) => name.to_string(),
        None => match cluster.topics.name(asked.topic_id) {
            Some(name) => name.to_owned(),
            None => {
                let result = result.with_name(None).with_topic_id(asked.topic_id);
                return refused(result, ResponseError::UnknownTopicId);
            }
        },
    };
    let result = result.with_name(Some(topic_name(&name)));
    let Some(topic) = cluster.topics.delete(&name) else {
        return refused(result, ResponseError::UnknownTopicOrPartition);
    };
    cluster.groups.offsets.forget_topic(&name);
    for partition in (0i32..).take(topic.partitions.len()) {
        cluster.touched.push(Touched {
            topic: topic.id,
            partition,
            bytes: usize::MAX,
            stable_bytes: usize::MAX,
        });
    }
    result.with_topic_id(topic.id)
}

pub(super) fn create_partitions(cluster: &mut Cluster, request: &Request) -> Answer {
    let body: CreatePartitionsRequest = request.decode()?;
    let mut results = Vec::with_capacity(body.topics.len());
    for topic in &body.topics {
        let result = CreatePartitionsTopicResult::default().with_name(topic.name.clone());
        results.push(match grow(cluster, topic, body.validate_only) {
            Ok(()) => result,
            Err(refused) => result
                .with_error_code(refused.error.code())
                .with_error_message(Some(text(refused.message))),
        });
    }
    respond(cluster, request, &CreatePartitionsResponse::default().with_results(results))
}

fn grow(
    cluster: &mut Cluster,
    asked: &CreatePartitionsTopic,
    validate_only: bool,
) -> Result<(), Refused> {
    let added = cluster.topics.check_grow(&asked.name, asked.count)?;
    if let Some(assignments) = &asked.assignments {
        let local = assignments
            .iter()
            .all(|replicas| replicas.broker_ids.iter().map(|id| id.0).eq([NODE_ID]));
        if assignments.len() != added || !local {
            return Err(Refused::new(
                ResponseError::InvalidReplicaAssignment,
                "Assign every new partition to broker 1 alone.",
            ));
        }
    }
    if validate_only { Ok(()) } else { cluster.topics.grow(&asked.name, asked.count) }
}

/// An offset that stands for the high watermark in DeleteRecords.
const TO_HIGH_WATERMARK: i64 = -1;

pub(super) fn delete_records(cluster: &mut Cluster, request: &Request) -> Answer {
    let body: DeleteRecordsRequest = request.decode()?;
    let mut topics = Vec::with_capacity(body.topics.len());
    for topic in &body.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let index = partition.partition_index;
            let result = DeleteRecordsPartitionResult::default().with_partition_index(index);
            partitions.push(match truncate(cluster, &topic.name, index, partition.offset) {
                Ok(log_start) => result.with_low_watermark(log_start),
                Err(error) => result.with_low_watermark(-1).with_error_code(error.code()),
            });
        }
        topics.push(
            DeleteRecordsTopicResult::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions),
        );
    }
    respond(cluster, request, &DeleteRecordsResponse::default().with_topics(topics))
}

fn truncate(
    cluster: &mut Cluster,
    name: &str,
    partition: i32,
    offset: i64,
) -> Result<i64, ResponseError> {
    let topic = cluster.topics.get(name).ok_or(ResponseError::UnknownTopicOrPartition)?;
    let log = topic.partition(partition).ok_or(ResponseError::UnknownTopicOrPartition)?;
    let id = topic.id;
    let offset = if offset == TO_HIGH_WATERMARK { log.high_watermark() } else { offset };
    if offset < 0 || offset > log.high_watermark() {
        return Err(ResponseError::OffsetOutOfRange);
    }
    let log_start = log.log_start().max(offset);
    cluster.topics.truncate_before(name, partition, offset);
    cluster.touched.push(Touched {
        topic: id,
        partition,
        bytes: usize::MAX,
        stable_bytes: usize::MAX,
    });
    Ok(log_start)
}
