//! CreateTopics.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult,
};
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};
use uuid::Uuid;

use super::{Answer, respond, text};
use crate::cluster::{Cluster, NODE_ID};
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
