//! Metadata on request, and administration of topics.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::single::{Route, Single, Verdict, unexpected};
use crate::apis::AnyResponse;
use crate::client::PerTopic;
use crate::error::{Error, Result};
use crate::metadata::topic_info;
use crate::pending::Promise;
use crate::topic::{ClusterInfo, TopicInfo};
use crate::wire::ErrorCode;
use crate::wire::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use crate::wire::messages::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
};
use crate::wire::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use crate::wire::messages::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource};
use crate::wire::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic,
};

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Number of partitions; −1: the broker's default (brokers since 2.4).
    pub partitions: i32,
    /// Replicas of each partition; −1: the broker's default (brokers since 2.4).
    pub replication_factor: i16,
    /// Topic settings by name.
    pub configs: Vec<(String, String)>,
}

impl NewTopic {
    /// A topic of `partitions` partitions with the broker's default replication.
    pub fn new(name: impl Into<String>, partitions: i32) -> Self {
        Self { name: name.into(), partitions, replication_factor: -1, configs: Vec::new() }
    }
}

fn metadata_request(topics: Option<&[String]>) -> MetadataRequest {
    MetadataRequest {
        topics: topics.map(|names| {
            let named = |name: &String| MetadataRequestTopic {
                name: Some(name.clone()),
                ..MetadataRequestTopic::default()
            };
            names.iter().map(named).collect()
        }),
        allow_auto_topic_creation: false,
        ..MetadataRequest::default()
    }
}

fn describe(topic: &MetadataResponseTopic) -> (String, Result<TopicInfo>) {
    let name: Arc<str> = topic.name.as_deref().unwrap_or_default().into();
    let code = ErrorCode(topic.error_code);
    let result = match code {
        ErrorCode::NONE => Ok(topic_info(&name, topic, None)),
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {
            Err(Error::unknown_topic(&name).in_api("Metadata"))
        }
        code => Err(Error::broker(code, None)
            .context(format_args!("topic `{name}`"))
            .lacking("DESCRIBE", &name)
            .in_api("Metadata")),
    };
    (name.to_string(), result)
}

/// An answer that is worth waiting for: a topic in creation, a cluster in its start.
fn premature(response: &MetadataResponse) -> Option<Error> {
    if response.brokers.is_empty() {
        return Some(Error::broker(ErrorCode::LEADER_NOT_AVAILABLE, Some("no brokers yet")));
    }
    let starting = response.topics.iter().find(|topic| {
        let code = ErrorCode(topic.error_code);
        code == ErrorCode::LEADER_NOT_AVAILABLE || (code.is_ok() && topic.partitions.is_empty())
    })?;
    let name = starting.name.as_deref().unwrap_or_default();
    let error = Error::broker(ErrorCode::LEADER_NOT_AVAILABLE, None);
    Some(error.context(format_args!("topic `{name}`")))
}

/// Describes topics by name; each has its own result. Brokers before 0.11 answer with all topics, or without one that
/// is not there.
pub(crate) fn topics(
    names: &[String],
    promise: Promise<Result<PerTopic<TopicInfo>>>,
) -> Box<dyn super::Operation> {
    let request = metadata_request(Some(names));
    let names = names.to_vec();
    let read = move |response, cluster: &mut crate::cluster::Cluster, now| match response {
        AnyResponse::Metadata(mut response) => {
            let mut open: BTreeSet<&str> = names.iter().map(String::as_str).collect();
            response.topics.retain(|topic| topic.name.as_deref().is_some_and(|n| open.contains(n)));
            cluster.metadata.merge(&response, now);
            if let Some(error) = premature(&response) {
                return Verdict::Retry(error);
            }
            let mut described: PerTopic<TopicInfo> = response.topics.iter().map(describe).collect();
            for (found, _) in &described {
                open.remove(found.as_str());
            }
            for name in &names {
                if open.remove(name.as_str()) {
                    let missing = Error::unknown_topic(name).in_api("Metadata");
                    described.push((name.clone(), Err(missing)));
                }
            }
            Verdict::Done(described)
        }
        _ => unexpected(),
    };
    Box::new(Single::new(Route::Any, request, Box::new(read), promise))
}

/// Describes every topic that this principal may see. Topics in creation are waited for.
pub(crate) fn all_topics(promise: Promise<Result<Vec<TopicInfo>>>) -> Box<dyn super::Operation> {
    let read = |response, cluster: &mut crate::cluster::Cluster, now| match response {
        AnyResponse::Metadata(response) => {
            cluster.metadata.merge(&response, now);
            if let Some(error) = premature(&response) {
                return Verdict::Retry(error);
            }
            let described = response.topics.iter().map(describe);
            Verdict::Done(described.filter_map(|(_, result)| result.ok()).collect())
        }
        _ => unexpected(),
    };
    Box::new(Single::new(Route::Any, metadata_request(None), Box::new(read), promise))
}

/// Describes the cluster.
pub(crate) fn cluster(promise: Promise<Result<ClusterInfo>>) -> Box<dyn super::Operation> {
    let read = |response, cluster: &mut crate::cluster::Cluster, now| match response {
        AnyResponse::Metadata(response) => {
            cluster.metadata.merge(&response, now);
            match premature(&response) {
                Some(error) => Verdict::Retry(error),
                None => Verdict::Done(cluster.metadata.cluster()),
            }
        }
        _ => unexpected(),
    };
    Box::new(Single::new(Route::Any, metadata_request(Some(&[])), Box::new(read), promise))
}

/// Results per topic, or "ask the controller" if the broker says so for any of them: then it did
/// nothing at all. `operation` is what has to be granted.
fn verdict<'a>(
    operation: &str,
    results: impl Iterator<Item = (&'a str, i16, Option<&'a str>)>,
) -> Verdict<PerTopic<()>> {
    let mut all = Vec::new();
    for (name, code, message) in results {
        let code = ErrorCode(code);
        let error = || {
            Error::broker(code, message)
                .context(format_args!("topic `{name}`"))
                .lacking(operation, name)
        };
        if code == ErrorCode::NOT_CONTROLLER {
            return Verdict::Rediscover(error());
        }
        all.push((name.to_owned(), if code.is_ok() { Ok(()) } else { Err(error()) }));
    }
    Verdict::Done(all)
}

fn millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}

/// Creates topics; `validate_only` only checks whether that would work.
pub(crate) fn create_topics(
    topics: &[NewTopic],
    validate_only: bool,
    broker_time: Duration,
    promise: Promise<Result<PerTopic<()>>>,
) -> Box<dyn super::Operation> {
    let creatable = |topic: &NewTopic| CreatableTopic {
        name: topic.name.clone(),
        num_partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        configs: topic
            .configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig {
                name: name.clone(),
                value: Some(value.clone()),
            })
            .collect(),
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest {
        topics: topics.iter().map(creatable).collect(),
        timeout_ms: millis(broker_time),
        validate_only,
    };
    let read = |response, cluster: &mut crate::cluster::Cluster, _| match response {
        AnyResponse::CreateTopics(response) => {
            cluster.metadata.refresh();
            verdict(
                "CREATE",
                response
                    .topics
                    .iter()
                    .map(|t| (&*t.name, t.error_code, t.error_message.as_deref())),
            )
        }
        _ => unexpected(),
    };
    let call = Single::new(Route::Controller, request, Box::new(read), promise);
    Box::new(call.with_broker_time(broker_time))
}

/// Deletes topics by name.
pub(crate) fn delete_topics(
    names: &[String],
    broker_time: Duration,
    promise: Promise<Result<PerTopic<()>>>,
) -> Box<dyn super::Operation> {
    let state = |name: &String| DeleteTopicState {
        name: Some(name.clone()),
        ..DeleteTopicState::default()
    };
    let request = DeleteTopicsRequest {
        topics: names.iter().map(state).collect(),
        timeout_ms: millis(broker_time),
        ..DeleteTopicsRequest::default()
    };
    let read = |response, _: &mut crate::cluster::Cluster, _| match response {
        AnyResponse::DeleteTopics(response) => verdict(
            "DELETE",
            response.responses.iter().map(|t| {
                (t.name.as_deref().unwrap_or_default(), t.error_code, t.error_message.as_deref())
            }),
        ),
        _ => unexpected(),
    };
    let call = Single::new(Route::Controller, request, Box::new(read), promise);
    Box::new(call.with_broker_time(broker_time))
}

/// Raises the number of partitions of a topic to `count`.
pub(crate) fn create_partitions(
    topic: &str,
    count: i32,
    broker_time: Duration,
    promise: Promise<Result<PerTopic<()>>>,
) -> Box<dyn super::Operation> {
    let request = CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic { name: topic.to_owned(), count, assignments: None }],
        timeout_ms: millis(broker_time),
        validate_only: false,
    };
    let read = |response, cluster: &mut crate::cluster::Cluster, _| match response {
        AnyResponse::CreatePartitions(response) => {
            cluster.metadata.refresh();
            verdict(
                "ALTER",
                response
                    .results
                    .iter()
                    .map(|t| (&*t.name, t.error_code, t.error_message.as_deref())),
            )
        }
        _ => unexpected(),
    };
    let call = Single::new(Route::Controller, request, Box::new(read), promise);
    Box::new(call.with_broker_time(broker_time))
}

/// `resource_type` of a topic, as in Java's `ConfigResource.Type`.
const TOPIC_RESOURCE: i8 = 2;

/// Settings of a topic by name (brokers since 0.11). One that the brokers do not know is left out.
pub(crate) fn topic_configs(
    topic: &str,
    names: &[&str],
    promise: Promise<Result<BTreeMap<String, String>>>,
) -> Box<dyn super::Operation> {
    let resource = DescribeConfigsResource {
        resource_type: TOPIC_RESOURCE,
        resource_name: topic.to_owned(),
        configuration_keys: Some(names.iter().map(|name| (*name).to_owned()).collect()),
    };
    let topic = topic.to_owned();
    let read = move |response, _: &mut crate::cluster::Cluster, _| {
        let AnyResponse::DescribeConfigs(response) = response else { return unexpected() };
        let Some(result) = response.results.into_iter().next() else { return unexpected() };
        let code = ErrorCode(result.error_code);
        if !code.is_ok() {
            let error = Error::broker(code, result.error_message.as_deref());
            return Verdict::of(code, error.context(format_args!("topic `{topic}`")));
        }
        let configs = result.configs.into_iter();
        Verdict::Done(configs.filter_map(|config| Some((config.name, config.value?))).collect())
    };
    let request =
        DescribeConfigsRequest { resources: vec![resource], ..DescribeConfigsRequest::default() };
    Box::new(Single::new(Route::Any, request, Box::new(read), promise))
}
