//! CreateTopics, DeleteTopics, CreatePartitions, DescribeConfigs, AlterConfigs, DescribeLogDirs.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::{
    AlterConfigsRequest, BrokerId, CreatePartitionsRequest, CreateTopicsRequest,
    DeleteTopicsRequest, DescribeConfigsRequest, DescribeLogDirsRequest,
    IncrementalAlterConfigsRequest,
};

use crate::client::{Client, batch, text, topic};

fn asked(name: &str, partitions: i32, replicas: i16) -> CreatableTopic {
    CreatableTopic::default()
        .with_name(topic(name))
        .with_num_partitions(partitions)
        .with_replication_factor(replicas)
}

#[test]
fn topics_are_created_in_every_version() {
    let mut client = Client::new();
    for version in 2..=7 {
        let name = format!("t{version}");
        let request = CreateTopicsRequest::default().with_topics(vec![asked(&name, 3, 1)]);
        let response = client.call(version, &request);
        assert_eq!(response.topics[0].error_code, 0, "v{version}");
        if version >= 5 {
            assert_eq!(response.topics[0].num_partitions, 3);
            assert_eq!(response.topics[0].replication_factor, 1);
            let configs = response.topics[0].configs.as_ref().unwrap();
            assert!(configs.iter().any(|config| config.name.as_str() == "max.message.bytes"));
        }
        if version >= 7 {
            assert_eq!(response.topics[0].topic_id, client.topic_id(&name));
        }
        assert_eq!(client.metadata(&name, false).topics[0].partitions.len(), 3);
    }
}

#[test]
fn defaults_assignments_and_dry_runs() {
    let mut client = Client::new();
    let dry = CreateTopicsRequest::default()
        .with_topics(vec![asked("dry", -1, -1)])
        .with_validate_only(true);
    assert_eq!(client.call(7, &dry).topics[0].num_partitions, 1);
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(client.metadata("dry", false).topics[0].error_code, unknown);

    let replica = |index: i32, broker: i32| {
        CreatableReplicaAssignment::default()
            .with_partition_index(index)
            .with_broker_ids(vec![BrokerId(broker)])
    };
    let mut create = |assignments: Vec<CreatableReplicaAssignment>| {
        let topic = asked("assigned", -1, -1).with_assignments(assignments);
        let request = CreateTopicsRequest::default().with_topics(vec![topic]);
        client.call(7, &request).topics[0].error_code
    };
    let invalid = ResponseError::InvalidReplicaAssignment.code();
    assert_eq!(create(vec![replica(0, 2)]), invalid);
    assert_eq!(create(vec![replica(1, 1)]), invalid);
    assert_eq!(create(vec![replica(1, 1), replica(0, 1)]), 0);
    assert_eq!(client.metadata("assigned", false).topics[0].partitions.len(), 2);
}

#[test]
fn mistakes_are_refused_by_their_code() {
    let mut client = Client::new();
    client.create("there", 1, &[]);
    client.create("a.b", 1, &[]);
    let config = |name: &str, value: Option<&str>| {
        CreatableTopicConfig::default().with_name(text(name)).with_value(value.map(text))
    };
    let cases = [
        (asked("there", 1, 1), ResponseError::TopicAlreadyExists),
        (asked("a_b", 1, 1), ResponseError::InvalidTopicException),
        (asked("zero", 0, 1), ResponseError::InvalidPartitions),
        (asked("many", 1_000_000, 1), ResponseError::PolicyViolation),
        (asked("three", 1, 3), ResponseError::InvalidReplicationFactor),
        (asked("no spaces", 1, 1), ResponseError::InvalidTopicException),
        (asked("..", 1, 1), ResponseError::InvalidTopicException),
        (asked(&"x".repeat(250), 1, 1), ResponseError::InvalidTopicException),
        (
            asked("c", 1, 1).with_configs(vec![config("retention.bites", Some("1"))]),
            ResponseError::InvalidConfig,
        ),
        (
            asked("c", 1, 1).with_configs(vec![config("retention.bytes", None)]),
            ResponseError::InvalidConfig,
        ),
    ];
    for (topic, expected) in cases {
        let request = CreateTopicsRequest::default().with_topics(vec![topic]);
        let result = &client.call(5, &request).topics[0];
        assert_eq!(result.error_code, expected.code(), "{expected:?}");
        assert!(!result.error_message.as_ref().unwrap().is_empty());
    }
    let twice = vec![asked("twice", 1, 1), asked("twice", 1, 1), asked("once", 1, 1)];
    let response = client.call(5, &CreateTopicsRequest::default().with_topics(twice));
    let codes: Vec<i16> = response.topics.iter().map(|topic| topic.error_code).collect();
    let invalid = ResponseError::InvalidRequest.code();
    assert_eq!(codes, [invalid, invalid, 0]);
}

#[test]
fn topics_are_deleted_by_name_and_by_id() {
    let mut client = Client::new();
    for version in 1..=5 {
        client.create("t", 1, &[]);
        client.produce("t", batch(1));
        let request = DeleteTopicsRequest::default().with_topic_names(vec![topic("t"), topic("t")]);
        let response = client.call(version, &request);
        let codes: Vec<i16> = response.responses.iter().map(|topic| topic.error_code).collect();
        let unknown = ResponseError::UnknownTopicOrPartition.code();
        assert_eq!(codes, [0, unknown], "v{version}");
        assert_eq!(client.broker.stats().stored_bytes, 0);
    }
    client.create("t", 1, &[]);
    let id = client.topic_id("t");
    let by_id = DeleteTopicState::default().with_name(None).with_topic_id(id);
    let both = by_id.clone().with_name(Some(topic("t")));
    let request = DeleteTopicsRequest::default().with_topics(vec![both, by_id.clone(), by_id]);
    let response = client.call(6, &request);
    let codes: Vec<i16> = response.responses.iter().map(|topic| topic.error_code).collect();
    let expected = [ResponseError::InvalidRequest.code(), 0, ResponseError::UnknownTopicId.code()];
    assert_eq!(codes, expected);
    assert_eq!(response.responses[1].name, Some(topic("t")));
    // A new topic of the same name is another topic.
    client.create("t", 1, &[]);
    assert_ne!(client.topic_id("t"), id);
}

#[test]
fn partitions_are_added_but_never_taken_away() {
    let mut client = Client::new();
    client.create("t", 2, &[]);
    let mut grow = |version: i16, name: &str, count: i32, assigned: Option<usize>, dry: bool| {
        let assignments = assigned.map(|count| {
            vec![CreatePartitionsAssignment::default().with_broker_ids(vec![BrokerId(1)]); count]
        });
        let asked = CreatePartitionsTopic::default()
            .with_name(topic(name))
            .with_count(count)
            .with_assignments(assignments);
        let request =
            CreatePartitionsRequest::default().with_topics(vec![asked]).with_validate_only(dry);
        client.call(version, &request).results[0].error_code
    };
    assert_eq!(grow(0, "t", 3, None, true), 0);
    assert_eq!(grow(1, "t", 3, None, false), 0);
    let invalid = ResponseError::InvalidPartitions.code();
    assert_eq!(grow(2, "t", 3, None, false), invalid, "not more than there are");
    assert_eq!(grow(2, "t", -1, None, false), invalid);
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(grow(3, "missing", 3, None, false), unknown);
    let assignment = ResponseError::InvalidReplicaAssignment.code();
    assert_eq!(grow(3, "t", 5, Some(1), false), assignment);
    assert_eq!(grow(3, "t", 5, Some(2), false), 0);
    assert_eq!(client.metadata("t", false).topics[0].partitions.len(), 5);
}

#[test]
fn configs_are_described() {
    let mut client = Client::new();
    client.create("t", 1, &[("retention.bytes", "4096")]);
    let resource = |kind: i8, name: &str, keys: Option<Vec<&str>>| {
        DescribeConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(text(name))
            .with_configuration_keys(keys.map(|keys| keys.into_iter().map(text).collect()))
    };
    let request = DescribeConfigsRequest::default()
        .with_resources(vec![
            resource(2, "t", Some(vec!["retention.bytes"])),
            resource(2, "missing", None),
            resource(4, "1", None),
            resource(4, "7", None),
            resource(2, "t", None),
        ])
        .with_include_synonyms(true);
    for version in 1..=4 {
        let response = client.call(version, &request);
        assert_eq!(response.results.len(), 4, "v{version}: a repeated resource counts once");
        let one = &response.results[0].configs;
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].value, Some(text("4096")));
        assert_eq!(one[0].config_source, 1);
        assert_eq!(one[0].synonyms.len(), 1);
        let unknown = ResponseError::UnknownTopicOrPartition.code();
        assert_eq!(response.results[1].error_code, unknown);
        assert!(response.results[2].configs.iter().any(|c| c.name.as_str() == "num.partitions"));
        assert_eq!(response.results[3].error_code, ResponseError::InvalidRequest.code());
    }
}

/// What is set for a topic.
fn settings(client: &mut Client, name: &str) -> Vec<(String, String)> {
    let resource =
        DescribeConfigsResource::default().with_resource_type(2).with_resource_name(text(name));
    let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
    let configs = client.call(4, &request).results.remove(0).configs;
    let set = configs.into_iter().filter(|config| config.config_source == 1);
    set.map(|c| (c.name.to_string(), c.value.unwrap_or_default().to_string())).collect()
}

#[test]
fn settings_are_changed_one_by_one() {
    use kafka_protocol::messages::incremental_alter_configs_request::{
        AlterConfigsResource, AlterableConfig,
    };
    let mut client = Client::new();
    client.create("t", 1, &[("retention.bytes", "4096"), ("segment.ms", "5")]);
    let mut change = |kind: i8, name: &str, changes: &[(&str, i8, Option<&str>)], dry: bool| {
        let configs = changes.iter().map(|(name, operation, value)| {
            AlterableConfig::default()
                .with_name(text(name))
                .with_config_operation(*operation)
                .with_value(value.map(text))
        });
        let resource = AlterConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(text(name))
            .with_configs(configs.collect());
        let request = IncrementalAlterConfigsRequest::default()
            .with_resources(vec![resource])
            .with_validate_only(dry);
        let code = client.call(1, &request).responses[0].error_code;
        (code, settings(&mut client, "t"))
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let before = vec![pair("retention.bytes", "4096"), pair("segment.ms", "5")];
    let invalid = ResponseError::InvalidConfig.code();
    for (kind, name, changes, error) in [
        (2, "t", ("retention.byte", 0, Some("1")), invalid),
        (2, "t", ("retention.bytes", 0, Some("many")), invalid),
        (2, "t", ("retention.bytes", 0, None), invalid),
        (2, "t", ("retention.bytes", 2, Some("1")), invalid),
        (2, "t", ("retention.bytes", 9, Some("1")), invalid),
        (2, "u", ("retention.bytes", 0, Some("1")), ResponseError::UnknownTopicOrPartition.code()),
        (4, "1", ("num.partitions", 0, Some("2")), ResponseError::InvalidRequest.code()),
    ] {
        assert_eq!(change(kind, name, &[changes], false), (error, before.clone()), "{changes:?}");
    }
    assert_eq!(change(2, "t", &[("retention.bytes", 1, None)], true), (0, before));
    let list = ("cleanup.policy", 2, Some("compact"));
    let changed = change(2, "t", &[("retention.bytes", 1, None), list], false);
    let after = vec![pair("cleanup.policy", "delete,compact"), pair("segment.ms", "5")];
    assert_eq!(changed, (0, after));
    let changed = change(2, "t", &[("cleanup.policy", 3, Some("delete"))], false);
    assert_eq!(changed.1[0], pair("cleanup.policy", "compact"));
}

#[test]
fn settings_are_replaced() {
    use kafka_protocol::messages::alter_configs_request::{AlterConfigsResource, AlterableConfig};
    let mut client = Client::new();
    client.create("t", 1, &[("retention.bytes", "4096")]);
    let config =
        AlterableConfig::default().with_name(text("segment.ms")).with_value(Some(text("7")));
    let resource = AlterConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text("t"))
        .with_configs(vec![config]);
    let request = AlterConfigsRequest::default().with_resources(vec![resource]);
    for version in 0..=2 {
        assert_eq!(client.call(version, &request).responses[0].error_code, 0, "v{version}");
    }
    assert_eq!(settings(&mut client, "t"), [("segment.ms".to_owned(), "7".to_owned())]);
}

#[test]
fn the_size_of_logs_is_told() {
    let mut client = Client::new();
    client.create("t", 2, &[]);
    client.create("u", 1, &[]);
    for version in 1..=4 {
        let all = client.call(version, &DescribeLogDirsRequest::default().with_topics(None));
        let folder = &all.results[0];
        let of =
            |topic: &kafka_protocol::messages::describe_log_dirs_response::DescribeLogDirsTopic| {
                (topic.name.to_string(), topic.partitions.len())
            };
        let topics: Vec<_> = folder.topics.iter().map(of).collect();
        assert_eq!(topics, [("t".to_owned(), 2), ("u".to_owned(), 1)], "v{version}");
    }
}
