//! AlterConfigs and IncrementalAlterConfigs, for topics.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse as Changed;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::configs::TOPIC;
use super::{Answer, respond, text};
use crate::cluster::Cluster;
use crate::topic_config::TopicConfig;
use crate::topics::Refused;
use crate::wire::Request;

/// Numbers of Kafka's `AlterConfigOp.OpType`.
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// Settings that are not named take their defaults again.
pub(super) fn replace(cluster: &mut Cluster, request: &Request) -> Answer {
    let body: AlterConfigsRequest = request.decode()?;
    let mut responses = Vec::with_capacity(body.resources.len());
    for resource in &body.resources {
        let settings = resource.configs.iter();
        let settings =
            settings.map(|config| (config.name.as_str(), config.value.as_deref())).collect();
        let done = alter(
            cluster,
            resource.resource_type,
            &resource.resource_name,
            body.validate_only,
            |_| TopicConfig::parse(Vec::into_iter(settings)),
        );
        let (code, message) = told(done);
        responses.push(
            AlterConfigsResourceResponse::default()
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone())
                .with_error_code(code)
                .with_error_message(message),
        );
    }
    respond(cluster, request, &AlterConfigsResponse::default().with_responses(responses))
}

/// Settings that are not named stay (KIP-339).
pub(super) fn change(cluster: &mut Cluster, request: &Request) -> Answer {
    let body: IncrementalAlterConfigsRequest = request.decode()?;
    let mut responses = Vec::with_capacity(body.resources.len());
    for resource in &body.resources {
        let changes = || {
            let of = resource.configs.iter();
            of.map(|config| {
                (config.name.as_str(), config.config_operation, config.value.as_deref())
            })
        };
        let done = alter(
            cluster,
            resource.resource_type,
            &resource.resource_name,
            body.validate_only,
            |before| changed(before, changes()),
        );
        let (code, message) = told(done);
        responses.push(
            Changed::default()
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone())
                .with_error_code(code)
                .with_error_message(message),
        );
    }
    respond(cluster, request, &IncrementalAlterConfigsResponse::default().with_responses(responses))
}

fn changed<'a>(
    before: &TopicConfig,
    changes: impl Iterator<Item = (&'a str, i8, Option<&'a str>)>,
) -> Result<TopicConfig, String> {
    let mut set = before.texts();
    for (name, operation, value) in changes {
        if operation == DELETE {
            set.remove(name);
            continue;
        }
        let value = value.ok_or_else(|| format!("Null value not supported for: {name}"))?;
        let value = match operation {
            SET => value.to_owned(),
            APPEND | SUBTRACT => {
                let mut elements = before.list(name)?;
                for element in value.split(',').map(str::trim) {
                    elements.retain(|known| known != element);
                    if operation == APPEND {
                        elements.push(element.to_owned());
                    }
                }
                elements.join(",")
            }
            other => return Err(format!("Unknown operation {other}")),
        };
        set.insert(name.to_owned(), value);
    }
    TopicConfig::parse(set.iter().map(|(name, value)| (name.as_str(), Some(value.as_str()))))
}

fn alter(
    cluster: &mut Cluster,
    resource_type: i8,
    name: &str,
    validate_only: bool,
    make: impl FnOnce(&TopicConfig) -> Result<TopicConfig, String>,
) -> Result<(), Refused> {
    if resource_type != TOPIC {
        let message = "Only the settings of topics can be changed on this broker.";
        return Err(Refused::new(ResponseError::InvalidRequest, message));
    }
    let topic = cluster.topics.get_mut(name).ok_or_else(|| {
        let error = ResponseError::UnknownTopicOrPartition;
        Refused::new(error, error.to_string())
    })?;
    let config = make(&topic.config)
        .map_err(|message| Refused::new(ResponseError::InvalidConfig, message))?;
    if !validate_only {
        topic.config = config;
    }
    Ok(())
}

fn told(done: Result<(), Refused>) -> (i16, Option<StrBytes>) {
    match done {
        Ok(()) => (0, None),
        Err(refused) => (refused.error.code(), Some(text(refused.message))),
    }
}
