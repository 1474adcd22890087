//! DescribeConfigs for topics and the broker.

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};

use super::topics::{DEFAULT_CONFIG, DYNAMIC_TOPIC_CONFIG};
use super::{Answer, respond, text};
use crate::cluster::{Cluster, NODE_ID};
use crate::topic_config::{SETTINGS, ValueType};
use crate::topics::Refused;
use crate::wire::Request;

/// Resource numbers of Kafka's `ConfigResource.Type`.
pub(super) const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// Source number of a value from the broker's own start (Kafka's `ConfigEntry.ConfigSource`).
const STATIC_BROKER_CONFIG: i8 = 4;

struct Value {
    name: &'static str,
    value: String,
    source: i8,
    value_type: ValueType,
}

pub(super) fn describe(cluster: &Cluster, request: &Request) -> Answer {
    let body: DescribeConfigsRequest = request.decode()?;
    let mut seen = BTreeSet::new();
    let results = body
        .resources
        .iter()
        .filter(|resource| seen.insert((resource.resource_type, resource.resource_name.as_str())))
        .map(|resource| {
            let result = DescribeConfigsResult::default()
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone());
            match values(cluster, resource) {
                Ok(values) => result.with_configs(
                    values
                        .into_iter()
                        .filter(|value| is_asked(resource, value.name))
                        .map(|value| described(value, body.include_synonyms, request.version))
                        .collect(),
                ),
                Err(refused) => result
                    .with_error_code(refused.error.code())
                    .with_error_message(Some(text(refused.message))),
            }
        })
        .collect();
    respond(cluster, request, &DescribeConfigsResponse::default().with_results(results))
}

/// No list and an empty list of names both ask for everything, as in Kafka.
fn is_asked(resource: &DescribeConfigsResource, name: &str) -> bool {
    resource
        .configuration_keys
        .as_ref()
        .is_none_or(|keys| keys.is_empty() || keys.iter().any(|key| key.as_str() == name))
}

fn values(cluster: &Cluster, resource: &DescribeConfigsResource) -> Result<Vec<Value>, Refused> {
    let name = resource.resource_name.as_str();
    match resource.resource_type {
        TOPIC => {
            let topic = cluster.topics.get(name).ok_or_else(|| {
                let error = ResponseError::UnknownTopicOrPartition;
                Refused::new(error, error.to_string())
            })?;
            Ok(SETTINGS
                .iter()
                .map(|setting| {
                    let (value, set) = topic.config.value(setting);
                    Value {
                        name: setting.name,
                        value,
                        source: if set { DYNAMIC_TOPIC_CONFIG } else { DEFAULT_CONFIG },
                        value_type: setting.value_type,
                    }
                })
                .collect())
        }
        BROKER if name == NODE_ID.to_string() => {
            let config = &cluster.config;
            let value = |name, value: String, value_type| Value {
                name,
                value,
                source: STATIC_BROKER_CONFIG,
                value_type,
            };
            Ok(vec![
                value(
                    "auto.create.topics.enable",
                    config.auto_create_topics.to_string(),
                    ValueType::Boolean,
                ),
                value("broker.id", NODE_ID.to_string(), ValueType::Int),
                value("default.replication.factor", "1".to_owned(), ValueType::Int),
                value("num.partitions", config.default_partitions.to_string(), ValueType::Int),
            ])
        }
        BROKER if name.is_empty() => Ok(Vec::new()),
        _ => Err(Refused::new(
            ResponseError::InvalidRequest,
            "this broker describes topics and broker 1",
        )),
    }
}

fn described(value: Value, synonyms: bool, version: i16) -> DescribeConfigsResourceResult {
    let result = DescribeConfigsResourceResult::default()
        .with_name(text(value.name))
        .with_config_source(value.source)
        .with_read_only(value.source == STATIC_BROKER_CONFIG);
    let result =
        if version >= 3 { result.with_config_type(value.value_type.code()) } else { result };
    let own = DescribeConfigsSynonym::default()
        .with_name(text(value.name))
        .with_value(Some(text(value.value.as_str())))
        .with_source(value.source);
    result.with_value(Some(text(value.value))).with_synonyms(if synonyms {
        vec![own]
    } else {
        Vec::new()
    })
}
