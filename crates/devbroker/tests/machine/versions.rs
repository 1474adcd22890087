//! ApiVersions, Metadata, DescribeCluster.

use brooklet_devbroker::{CloseReason, Config};
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiVersionsRequest, DescribeClusterRequest, MetadataRequest, ProduceRequest,
};

use crate::client::{Client, response, text, topic};

#[test]
fn every_version_of_api_versions_lists_the_same_apis() {
    let mut client = Client::new();
    for version in 0..=4 {
        let mut request = ApiVersionsRequest::default();
        if version >= 3 {
            request = request
                .with_client_software_name(text("brooklet"))
                .with_client_software_version(text("1.0"));
        }
        let response = client.call(version, &request);
        assert_eq!(response.error_code, 0);
        let range = |key: i16| {
            let api = response.api_keys.iter().find(|api| api.api_key == key);
            api.map(|api| (api.min_version, api.max_version))
        };
        // Old librdkafka compresses only where Produce 0 is in the range.
        assert_eq!(range(0), Some((0, 13)));
        assert_eq!(range(1), Some((4, 18)));
        assert_eq!(range(18), Some((0, 4)));
        assert_eq!(range(68), Some((0, 1)), "ConsumerGroupHeartbeat");
        assert_eq!(range(69), Some((0, 1)), "ConsumerGroupDescribe");
        assert_eq!(range(26), Some((0, 5)), "EndTxn");
    }
}

#[test]
fn an_unknown_version_is_answered_in_version_0() {
    let mut client = Client::new();
    let frame = Bytes::from_static(&[0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff]);
    client.broker.request(client.conn, frame, client.now);
    let (_, frame) = client.frames().remove(0);
    let response = response::<ApiVersionsRequest>(frame, 0, 7);
    assert_eq!(response.error_code, ResponseError::UnsupportedVersion.code());
    assert!(response.api_keys.iter().any(|api| api.api_key == 18 && api.max_version == 4));
}

#[test]
fn a_strange_software_name_is_refused() {
    let mut client = Client::new();
    let request = ApiVersionsRequest::default()
        .with_client_software_name(text("-x"))
        .with_client_software_version(text("1"));
    assert_eq!(client.call(3, &request).error_code, ResponseError::InvalidRequest.code());
}

#[test]
fn produce_below_3_is_advertised_but_closes_the_connection() {
    let mut client = Client::new();
    let frame = Bytes::from_static(&[0, 0, 0, 2, 0, 0, 0, 7, 0xff, 0xff]);
    client.broker.request(client.conn, frame, client.now);
    assert_eq!(client.closed(), CloseReason::UnsupportedVersion { key: 0, version: 2 });
    // A closed connection is unknown: nothing answers it any more.
    client.send(client.conn, 3, &ProduceRequest::default());
    assert!(client.frames().is_empty());
}

#[test]
fn metadata_names_the_broker_and_the_topics_in_every_version() {
    let mut config = Config::default();
    config.advertised_host = "::1".to_owned();
    config.advertised_port = 4321;
    let mut client = Client::with(config);
    client.create("b", 2, &[]);
    client.create("a", 1, &[]);
    for version in 0..=13 {
        let all = MetadataRequest::default().with_topics((version > 0).then(Vec::new));
        let everything = MetadataRequest::default().with_topics(if version == 0 {
            Some(Vec::new())
        } else {
            None
        });
        let response = client.call(version, &everything);
        let names: Vec<_> =
            response.topics.iter().map(|topic| topic.name.as_ref().unwrap().to_string()).collect();
        assert_eq!(names, ["a", "b"], "v{version}");
        assert_eq!(response.topics[1].partitions.len(), 2);
        assert_eq!(response.topics[1].partitions[1].leader_id.0, 1);
        assert_eq!((response.brokers[0].host.as_str(), response.brokers[0].port), ("::1", 4321));
        if version > 0 {
            assert!(client.call(version, &all).topics.is_empty(), "v{version}: none asked for");
        }
    }
}

#[test]
fn missing_topics_are_created_only_where_the_request_and_the_settings_allow_it() {
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    let mut client = Client::new();
    assert_eq!(client.metadata("new", false).topics[0].error_code, unknown);
    assert_eq!(client.metadata("new", true).topics[0].error_code, 0);
    assert_eq!(client.metadata("new", false).topics[0].partitions.len(), 1);
    let invalid = ResponseError::InvalidTopicException.code();
    assert_eq!(client.metadata("no/slash", true).topics[0].error_code, invalid);

    let mut config = Config::default();
    config.auto_create_topics = false;
    let mut client = Client::with(config);
    assert_eq!(client.metadata("new", true).topics[0].error_code, unknown);
}

#[test]
fn topics_are_found_by_id_and_repeated_names_count_once() {
    let mut client = Client::new();
    client.create("a", 1, &[]);
    let id = client.topic_id("a");
    let asked = vec![
        MetadataRequestTopic::default().with_name(None).with_topic_id(id),
        MetadataRequestTopic::default().with_name(None).with_topic_id(uuid::Uuid::from_u128(1)),
        MetadataRequestTopic::default().with_name(Some(topic("a"))),
        MetadataRequestTopic::default().with_name(Some(topic("a"))),
    ];
    let request = MetadataRequest::default().with_topics(Some(asked));
    for version in 10..=13 {
        let response = client.call(version, &request);
        assert_eq!(response.topics.len(), 3, "v{version}");
        assert_eq!(response.topics[0].name, Some(topic("a")));
        assert_eq!(response.topics[1].error_code, ResponseError::UnknownTopicId.code());
    }
}

#[test]
fn ids_come_from_the_seed() {
    let id = |seed| {
        let mut config = Config::default();
        config.seed = seed;
        let mut client = Client::with(config);
        client.create("a", 1, &[]);
        let response = client.metadata("a", false);
        (response.cluster_id.unwrap().to_string(), response.topics[0].topic_id)
    };
    assert_eq!(id(1), id(1));
    assert_ne!(id(1), id(2));
}

#[test]
fn the_cluster_is_described() {
    let mut client = Client::new();
    for version in 0..=2 {
        let response = client.call(version, &DescribeClusterRequest::default());
        assert_eq!((response.controller_id.0, response.brokers.len()), (1, 1), "v{version}");
    }
    let controllers = DescribeClusterRequest::default().with_endpoint_type(2);
    let error = client.call(1, &controllers).error_code;
    assert_eq!(error, ResponseError::UnsupportedEndpointType.code());
}
