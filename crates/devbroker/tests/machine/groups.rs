//! Committed offsets, and groups without members.

use brooklet_devbroker::Config;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteTopicsRequest, DescribeGroupsRequest, FindCoordinatorRequest,
    GroupId, ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
};

use crate::client::{Client, text, topic};

fn group(id: &str) -> GroupId {
    GroupId(text(id))
}

pub(crate) fn commit_request(id: &str, offset: i64, metadata: &str) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_committed_offset(offset)
        .with_committed_metadata(Some(text(metadata)));
    let asked =
        OffsetCommitRequestTopic::default().with_name(topic("t")).with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(group(id))
        .with_generation_id_or_member_epoch(-1)
        .with_topics(vec![asked])
}

pub(crate) fn commit(client: &mut Client, version: i16, request: &OffsetCommitRequest) -> i16 {
    client.call(version, request).topics[0].partitions[0].error_code
}

/// Offset and metadata of partition 0 of `t`, asked for by name.
fn fetch(client: &mut Client, version: i16, id: &str) -> (i64, String) {
    if version >= 8 {
        let asked = OffsetFetchRequestTopics::default()
            .with_name(topic("t"))
            .with_partition_indexes(vec![0]);
        let asked = OffsetFetchRequestGroup::default()
            .with_group_id(group(id))
            .with_topics(Some(vec![asked]));
        let request =
            OffsetFetchRequest::default().with_groups(vec![asked]).with_require_stable(true);
        let response = client.call(version, &request);
        let partition = &response.groups[0].topics[0].partitions[0];
        assert_eq!(partition.error_code, 0);
        (partition.committed_offset, partition.metadata.as_ref().unwrap().to_string())
    } else {
        let asked = OffsetFetchRequestTopic::default()
            .with_name(topic("t"))
            .with_partition_indexes(vec![0]);
        let request =
            OffsetFetchRequest::default().with_group_id(group(id)).with_topics(Some(vec![asked]));
        let response = client.call(version, &request);
        let partition = &response.topics[0].partitions[0];
        assert_eq!(partition.error_code, 0);
        (partition.committed_offset, partition.metadata.as_ref().unwrap().to_string())
    }
}

#[test]
fn offsets_are_committed_and_fetched_in_every_version() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    assert_eq!(fetch(&mut client, 5, "g"), (-1, String::new()), "nothing is committed yet");
    for version in 2..=9 {
        let request = commit_request("g", i64::from(version), "marker");
        assert_eq!(commit(&mut client, version, &request), 0, "v{version}");
        for version_of_fetch in 1..=9 {
            let expected = (i64::from(version), "marker".to_owned());
            assert_eq!(fetch(&mut client, version_of_fetch, "g"), expected);
        }
    }
    // All offsets of a group, the same group once.
    let all = OffsetFetchRequestGroup::default().with_group_id(group("g")).with_topics(None);
    let request = OffsetFetchRequest::default().with_groups(vec![all.clone(), all]);
    let response = client.call(8, &request);
    assert_eq!(response.groups.len(), 1);
    assert_eq!(response.groups[0].topics[0].partitions[0].committed_offset, 9);
    let request = OffsetFetchRequest::default().with_group_id(group("g")).with_topics(None);
    assert_eq!(client.call(7, &request).topics[0].partitions[0].committed_offset, 9);
    assert!(
        client
            .call(7, &OffsetFetchRequest::default().with_group_id(group("x")).with_topics(None))
            .topics
            .is_empty()
    );
}

#[test]
fn commits_of_members_and_of_unknown_partitions_are_refused() {
    let mut config = Config::default();
    config.limits.groups_max = 1;
    config.limits.offset_metadata_bytes_max = 10;
    let mut client = Client::with(config);
    let code = |error: ResponseError| error.code();
    let unknown = commit(&mut client, 7, &commit_request("g", 1, ""));
    assert_eq!(unknown, code(ResponseError::UnknownTopicOrPartition));
    client.create("t", 1, &[]);
    let generation = commit_request("g", 1, "").with_generation_id_or_member_epoch(3);
    assert_eq!(commit(&mut client, 7, &generation), code(ResponseError::IllegalGeneration));
    let member = commit_request("g", 1, "").with_member_id(text("m"));
    assert_eq!(commit(&mut client, 7, &member), 0, "as Kafka while there are no members");
    assert_eq!(commit(&mut client, 7, &generation), code(ResponseError::UnknownMemberId));
    let long = commit_request("g", 1, "12345678901");
    assert_eq!(commit(&mut client, 7, &long), code(ResponseError::OffsetMetadataTooLarge));
    assert_eq!(commit(&mut client, 7, &commit_request("g", 1, "1234567890")), 0);
    let second = commit_request("h", 1, "");
    assert_eq!(commit(&mut client, 7, &second), code(ResponseError::GroupMaxSizeReached));
    let name = "x".repeat(2_000);
    let named = commit_request(&name, 1, "");
    assert_eq!(commit(&mut client, 7, &named), code(ResponseError::InvalidGroupId));
}

#[test]
fn offsets_go_with_their_topic_their_group_or_one_by_one() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    let known = |client: &mut Client| client.call(0, &ListGroupsRequest::default()).groups.len();
    commit(&mut client, 7, &commit_request("g", 1, ""));
    client.call(4, &DeleteTopicsRequest::default().with_topic_names(vec![topic("t")]));
    assert_eq!(known(&mut client), 0);

    client.create("t", 1, &[]);
    commit(&mut client, 7, &commit_request("g", 1, ""));
    let delete = DeleteGroupsRequest::default().with_groups_names(vec![group("g"), group("g")]);
    for (version, expected) in [(0, 0), (1, ResponseError::GroupIdNotFound.code())] {
        let response = client.call(version, &delete);
        let codes: Vec<i16> = response.results.iter().map(|result| result.error_code).collect();
        assert_eq!(codes, [expected]);
    }
    commit(&mut client, 7, &commit_request("g", 1, ""));
    let asked = OffsetDeleteRequestTopic::default()
        .with_name(topic("t"))
        .with_partitions(vec![OffsetDeleteRequestPartition::default()]);
    let request = OffsetDeleteRequest::default().with_group_id(group("g")).with_topics(vec![asked]);
    assert_eq!(client.call(0, &request).error_code, 0);
    assert_eq!(known(&mut client), 0);
    let error = client.call(0, &request).error_code;
    assert_eq!(error, ResponseError::GroupIdNotFound.code());
}

#[test]
fn groups_are_listed_and_described() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    commit(&mut client, 7, &commit_request("g", 1, ""));
    for version in 0..=5 {
        let response = client.call(version, &ListGroupsRequest::default());
        assert_eq!(response.groups[0].group_id, group("g"), "v{version}");
    }
    let stable = ListGroupsRequest::default().with_states_filter(vec![text("Stable")]);
    assert!(client.call(4, &stable).groups.is_empty());
    for version in 0..=6 {
        let request =
            DescribeGroupsRequest::default().with_groups(vec![group("g"), group("nobody")]);
        let response = client.call(version, &request);
        assert_eq!(response.groups[0].group_state, text("Empty"), "v{version}");
        assert_eq!(response.groups[1].group_state, text("Dead"));
        let error = if version >= 6 { ResponseError::GroupIdNotFound.code() } else { 0 };
        assert_eq!(response.groups[1].error_code, error);
    }
}

#[test]
fn the_coordinator_of_groups_and_transactions_is_this_broker() {
    let mut client = Client::new();
    for version in 0..=6 {
        let ask = |kind: i8| {
            let request = FindCoordinatorRequest::default();
            let request = if version >= 1 { request.with_key_type(kind) } else { request };
            if version >= 4 {
                request.with_coordinator_keys(vec![text("a"), text("b")])
            } else {
                request.with_key(text("a"))
            }
        };
        for kind in [0, 1] {
            let response = client.call(version, &ask(kind));
            if version >= 4 {
                assert_eq!(response.coordinators.len(), 2, "v{version}");
                assert_eq!(response.coordinators[1].key, text("b"));
                assert_eq!(response.coordinators[1].port, 9092);
            } else {
                assert_eq!((response.error_code, response.port), (0, 9092), "v{version}");
            }
        }
        if version >= 1 {
            let response = client.call(version, &ask(2));
            let (code, message) = if version >= 4 {
                let first = &response.coordinators[0];
                (first.error_code, first.error_message.clone())
            } else {
                (response.error_code, response.error_message.clone())
            };
            assert_eq!(code, ResponseError::InvalidRequest.code());
            assert!(message.unwrap().contains("no share groups"), "v{version}");
        }
    }
}

#[test]
fn members_of_classic_groups_may_name_their_generation_when_they_fetch_offsets() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    assert_eq!(commit(&mut client, 8, &commit_request("g", 3, "")), 0);
    for id in ["g", "none"] {
        let asked = OffsetFetchRequestGroup::default()
            .with_group_id(group(id))
            .with_member_id(Some(text("m")))
            .with_member_epoch(1)
            .with_topics(None);
        let request = OffsetFetchRequest::default().with_groups(vec![asked]);
        assert_eq!(client.call(9, &request).groups[0].error_code, 0, "{id}");
    }
}
