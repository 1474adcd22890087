//! Groups of the consumer protocol: who gets what, what moves when, and who may commit.

use std::time::Duration;

use brooklet_devbroker::Config;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    DeleteGroupsRequest, GroupId, JoinGroupRequest, ListGroupsRequest,
};
use uuid::Uuid;

use crate::client::{Client, text, topic};
use crate::groups::{commit, commit_request};

const SESSION: Duration = Duration::from_secs(10);
/// First version of OffsetCommit that knows of member epochs.
const COMMIT: i16 = 9;

/// Members of group `g`, which read the topic `t` of four partitions.
struct Members {
    client: Client,
    topic: Uuid,
}

impl Members {
    fn new() -> Self {
        let mut config = Config::default();
        config.group_session_timeout = SESSION;
        let mut client = Client::with(config);
        client.create("t", 4, &[]);
        let topic = client.topic_id("t");
        Self { client, topic }
    }

    fn call(&mut self, request: &ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse {
        self.client.call(1, request)
    }

    /// Epoch and partitions, where they are told.
    fn told(&mut self, request: &ConsumerGroupHeartbeatRequest) -> (i32, Option<Vec<i32>>) {
        let response = self.call(request);
        assert_eq!(response.error_code, 0);
        assert_eq!(response.heartbeat_interval_ms, 5000);
        let partitions = response.assignment.map(|assignment| {
            let topics = assignment.topic_partitions.iter();
            let of = |topic: &kafka_protocol::messages::consumer_group_heartbeat_response::TopicPartitions| {
                assert_eq!(topic.topic_id, self.topic);
                topic.partitions.clone()
            };
            topics.flat_map(of).collect()
        });
        (response.member_epoch, partitions)
    }

    fn join(&mut self, id: &str) -> (i32, Option<Vec<i32>>) {
        self.told(&join(id))
    }

    fn says(&mut self, id: &str, epoch: i32, owned: Option<&[i32]>) -> (i32, Option<Vec<i32>>) {
        let topic = self.topic;
        let owned = owned.map(|owned| {
            vec![TopicPartitions::default().with_topic_id(topic).with_partitions(owned.to_vec())]
        });
        self.told(&beat(id, epoch).with_topic_partitions(owned))
    }

    fn error(&mut self, request: &ConsumerGroupHeartbeatRequest) -> i16 {
        self.call(request).error_code
    }
}

fn beat(id: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_member_id(text(id))
        .with_member_epoch(epoch)
}

fn join(id: &str) -> ConsumerGroupHeartbeatRequest {
    beat(id, 0)
        .with_rebalance_timeout_ms(5000)
        .with_subscribed_topic_names(Some(vec![topic("t")]))
        .with_topic_partitions(Some(vec![]))
}

#[test]
fn a_partition_moves_when_its_member_has_given_it_up() {
    let mut members = Members::new();
    assert_eq!(members.join("a"), (1, Some(vec![0, 1, 2, 3])));
    assert_eq!(members.says("a", 1, None), (1, None));
    // All of them are somebody's.
    assert_eq!(members.join("b"), (2, Some(vec![])));
    assert_eq!(members.says("a", 1, None), (1, Some(vec![0, 1])));
    assert_eq!(members.says("b", 2, None), (2, None));
    assert_eq!(members.says("a", 1, None), (1, None));
    assert_eq!(members.says("a", 1, Some(&[0, 1])), (2, None));
    assert_eq!(members.says("b", 2, None), (2, Some(vec![2, 3])));
    assert_eq!(members.says("b", 2, None), (2, None));
    // Good-bye.
    assert_eq!(members.says("b", -1, None), (-1, None));
    assert_eq!(members.says("a", 2, None), (3, Some(vec![0, 1, 2, 3])));
}

#[test]
fn an_empty_pattern_is_none() {
    let mut members = Members::new();
    let empty = join("a").with_subscribed_topic_regex(Some(text("")));
    assert_eq!(members.told(&empty), (1, Some(vec![0, 1, 2, 3])));
    let alone = empty.with_member_id(text("b")).with_subscribed_topic_names(None);
    assert_eq!(members.told(&alone), (2, Some(vec![])));
}

#[test]
fn a_pattern_matches_whole_names_of_what_is_there() {
    let mut members = Members::new();
    let pattern = |id: &str, pattern: &str| {
        let names = join(id).with_subscribed_topic_names(None);
        names.with_subscribed_topic_regex(Some(text(pattern)))
    };
    // Topics of an assignment.
    fn topics(response: &ConsumerGroupHeartbeatResponse) -> Option<Vec<Uuid>> {
        let assigned = response.assignment.as_ref()?.topic_partitions.iter();
        Some(assigned.map(|topic| topic.topic_id).collect())
    }
    members.client.create("at", 1, &[]);
    assert_eq!(members.told(&pattern("a", "t|u[0-9]+")), (1, Some(vec![0, 1, 2, 3])));
    // One that comes and one that goes.
    members.client.create("u7", 1, &[]);
    let new = members.client.topic_id("u7");
    let mut both = vec![members.topic, new];
    both.sort_unstable();
    assert_eq!(topics(&members.call(&beat("a", 1))), Some(both));
    members.client.delete("u7");
    let response = members.call(&beat("a", 2));
    assert_eq!(topics(&response), Some(vec![members.topic]));
    assert_eq!(members.says("a", 2, Some(&[0, 1, 2, 3])), (3, None));
    // Another pattern, and none.
    let other = beat("a", 3).with_subscribed_topic_regex(Some(text("nothing")));
    assert_eq!(topics(&members.call(&other)), Some(vec![]));
    assert_eq!(members.says("a", 3, Some(&[])), (4, None));
    let named = beat("a", 4)
        .with_topic_partitions(Some(vec![]))
        .with_subscribed_topic_names(Some(vec![topic("t")]))
        .with_subscribed_topic_regex(Some(text("")));
    assert_eq!(topics(&members.call(&named)), Some(vec![members.topic]));

    for wrong in ["(", "t)|(u", "a{2", "(?=t)t", r"(t)\1", "(t{1000}){1000}", &"t".repeat(2000)] {
        let code = members.error(&pattern("b", wrong));
        assert_eq!(code, ResponseError::InvalidRegularExpression.code(), "{wrong}");
    }
}

#[test]
fn who_is_not_heard_of_is_taken_for_dead() {
    let mut members = Members::new();
    members.join("a");
    members.client.now += SESSION / 2;
    members.join("b");
    members.client.now += SESSION / 2;
    assert_eq!(members.error(&beat("a", 1)), ResponseError::UnknownMemberId.code());
    assert_eq!(members.says("b", 2, None), (3, Some(vec![0, 1, 2, 3])));
    // One that gives nothing up has less time than one that is silent.
    members.join("c");
    assert_eq!(members.says("b", 3, None), (3, Some(vec![0, 1])));
    members.client.now += SESSION / 2;
    assert_eq!(members.error(&beat("b", 3)), ResponseError::UnknownMemberId.code());
}

#[test]
fn an_epoch_that_is_over_is_fenced() {
    let mut members = Members::new();
    members.join("a");
    assert_eq!(members.error(&beat("a", 7)), ResponseError::FencedMemberEpoch.code());
    // Joining anew is always possible.
    assert_eq!(members.join("a"), (1, Some(vec![0, 1, 2, 3])));
    assert_eq!(members.error(&beat("b", 1)), ResponseError::UnknownMemberId.code());
    let other = beat("a", 1).with_group_id(GroupId(text("other")));
    assert_eq!(members.error(&other), ResponseError::GroupIdNotFound.code());
}

#[test]
fn offsets_are_those_of_a_member_in_its_epoch() {
    let mut members = Members::new();
    members.join("a");
    let client = &mut members.client;
    let of = |id: &str, epoch| {
        let request = commit_request("g", 5, "");
        request.with_member_id(text(id)).with_generation_id_or_member_epoch(epoch)
    };
    assert_eq!(commit(client, COMMIT, &of("a", 1)), 0);
    assert_eq!(commit(client, COMMIT, &of("a", 0)), ResponseError::StaleMemberEpoch.code());
    assert_eq!(commit(client, COMMIT, &of("b", 1)), ResponseError::UnknownMemberId.code());
    assert_eq!(commit(client, COMMIT, &of("", -1)), ResponseError::UnknownMemberId.code());
    members.says("a", -1, None);
    assert_eq!(commit(&mut members.client, COMMIT, &of("", -1)), 0);
}

#[test]
fn a_topic_that_grows_is_shared_anew() {
    use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
    let mut members = Members::new();
    members.join("a");
    let grown =
        CreatePartitionsTopic::default().with_name(topic("t")).with_count(6).with_assignments(None);
    let request = kafka_protocol::messages::CreatePartitionsRequest::default()
        .with_topics(vec![grown])
        .with_timeout_ms(1000);
    assert_eq!(members.client.call(3, &request).results[0].error_code, 0);
    assert_eq!(members.says("a", 1, None), (2, Some(vec![0, 1, 2, 3, 4, 5])));
}

#[test]
fn a_lasting_name_keeps_its_partitions() {
    let mut members = Members::new();
    let named = |id: &str| join(id).with_instance_id(Some(text("i")));
    assert_eq!(members.told(&named("a")), (1, Some(vec![0, 1, 2, 3])));
    assert_eq!(members.error(&named("b")), ResponseError::UnreleasedInstanceId.code());
    let rests = beat("a", -2).with_instance_id(Some(text("i")));
    assert_eq!(members.told(&rests), (-2, None));
    assert_eq!(members.told(&named("b")), (1, Some(vec![0, 1, 2, 3])));
}

#[test]
fn what_is_wrong_is_refused() {
    let mut members = Members::new();
    let invalid = ResponseError::InvalidRequest.code();
    let assignor = join("a").with_server_assignor(Some(text("mine")));
    assert_eq!(members.error(&assignor), ResponseError::UnsupportedAssignor.code());
    assert_eq!(members.error(&join("")), invalid);
    assert_eq!(members.error(&beat("a", 0)), invalid);
}

#[test]
fn a_group_has_one_protocol_and_is_listed_with_it() {
    use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
    let mut members = Members::new();
    members.join("a");
    let classic = JoinGroupRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(10_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![JoinGroupRequestProtocol::default().with_name(text("range"))]);
    let answer = members.client.call(9, &classic);
    assert_eq!(answer.error_code, ResponseError::InconsistentGroupProtocol.code());
    let listed = members.client.call(5, &ListGroupsRequest::default());
    let group = &listed.groups[0];
    assert_eq!((group.group_type.as_str(), group.group_state.as_str()), ("consumer", "Stable"));
    let described = |group, client: &mut Client| {
        let request =
            ConsumerGroupDescribeRequest::default().with_group_ids(vec![GroupId(text(group))]);
        let group = client.call(1, &request).groups.remove(0);
        let ids = group.members.iter().map(|member| member.member_id.to_string());
        (group.error_code, ids.collect::<Vec<_>>())
    };
    assert_eq!(described("g", &mut members.client), (0, vec!["a".to_owned()]));
    let unknown = ResponseError::GroupIdNotFound.code();
    assert_eq!(described("other", &mut members.client), (unknown, vec![]));
    let delete = DeleteGroupsRequest::default().with_groups_names(vec![GroupId(text("g"))]);
    let refused = members.client.call(2, &delete).results[0].error_code;
    assert_eq!(refused, ResponseError::NonEmptyGroup.code());
    members.says("a", -1, None);
    assert_eq!(members.client.call(2, &delete).results[0].error_code, 0);
}
