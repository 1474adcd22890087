//! Groups with members: joining, assignments, heartbeats, rebalances, and what ends them.

use std::time::Duration;

use brooklet_devbroker::ConnId;
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, GroupId, HeartbeatRequest, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, ListGroupsRequest, SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::{HeaderVersion, Request};

use crate::client::{Client, response, text};
use crate::groups::{commit, commit_request};

const JOIN: i16 = 9;
const SYNC: i16 = 5;
const SESSION: Duration = Duration::from_secs(10);

/// Several members of group `g`, each on a connection of its own.
struct Members {
    client: Client,
}

/// A request that has not been answered yet.
struct Asked {
    conn: ConnId,
    id: i32,
}

impl Members {
    fn new() -> Self {
        let mut client = Client::new();
        client.create("t", 4, &[]);
        Self { client }
    }

    fn ask<R: Request + HeaderVersion>(&mut self, version: i16, request: &R) -> Asked {
        let conn = self.client.broker.connect();
        Asked { conn, id: self.client.send(conn, version, request) }
    }

    /// The answers that are there, in the order of `asked`; `None` for those who wait.
    fn answers<R: Request + HeaderVersion>(
        &mut self,
        version: i16,
        asked: &[&Asked],
    ) -> Vec<Option<R::Response>> {
        let frames = self.client.frames();
        asked
            .iter()
            .map(|asked| {
                let (_, frame) = frames.iter().find(|(conn, _)| *conn == asked.conn)?;
                Some(response::<R>(frame.clone(), version, asked.id))
            })
            .collect()
    }

    fn join(&mut self, request: &JoinGroupRequest) -> Asked {
        self.ask(JOIN, request)
    }

    fn joined(&mut self, asked: &[&Asked]) -> Vec<Option<JoinGroupResponse>> {
        self.answers::<JoinGroupRequest>(JOIN, asked)
    }

    /// A member that is given an id and joins with it.
    fn enter(&mut self, protocols: &[&str]) -> (String, Asked) {
        let asked = self.join(&join_request("", protocols));
        let told = self.joined(&[&asked]).remove(0).unwrap();
        assert_eq!(told.error_code, ResponseError::MemberIdRequired.code());
        let id = told.member_id.to_string();
        assert!(id.starts_with("test-"), "{id}");
        (id.clone(), self.join(&join_request(&id, protocols)))
    }

    /// A stable group of one; its id and generation.
    fn alone(&mut self) -> (String, i32) {
        let (id, asked) = self.enter(&["range"]);
        let joined = self.joined(&[&asked]).remove(0).unwrap();
        assert_eq!((joined.error_code, joined.leader.as_str()), (0, id.as_str()));
        let synced = self.sync(&id, joined.generation_id, &[(&id, "all")]);
        assert_eq!(self.synced(&[&synced])[0].as_ref().unwrap().assignment, "all");
        (id, joined.generation_id)
    }

    fn sync(&mut self, id: &str, generation: i32, assignments: &[(&str, &'static str)]) -> Asked {
        let assignments = assignments.iter().map(|(id, bytes)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(text(id))
                .with_assignment(Bytes::from_static(bytes.as_bytes()))
        });
        let request = SyncGroupRequest::default()
            .with_group_id(group())
            .with_member_id(text(id))
            .with_generation_id(generation)
            .with_assignments(assignments.collect());
        self.ask(SYNC, &request)
    }

    fn synced(&mut self, asked: &[&Asked]) -> Vec<Option<SyncGroupResponse>> {
        self.answers::<SyncGroupRequest>(SYNC, asked)
    }

    fn heartbeat(&mut self, id: &str, generation: i32) -> i16 {
        let request = HeartbeatRequest::default()
            .with_group_id(group())
            .with_member_id(text(id))
            .with_generation_id(generation);
        self.client.call(4, &request).error_code
    }

    fn leave(&mut self, id: &str) -> i16 {
        let member = MemberIdentity::default().with_member_id(text(id));
        let request =
            LeaveGroupRequest::default().with_group_id(group()).with_members(vec![member]);
        self.client.call(5, &request).members[0].error_code
    }

    fn state(&mut self) -> (String, usize) {
        let request = DescribeGroupsRequest::default().with_groups(vec![group()]);
        let described = self.client.call(6, &request).groups.remove(0);
        (described.group_state.to_string(), described.members.len())
    }

    /// Lets time pass, and what waits for it happen.
    fn pass(&mut self, time: Duration) {
        self.client.now += time;
        self.client.broker.tick(self.client.now);
    }
}

fn group() -> GroupId {
    GroupId(text("g"))
}

fn join_request(id: &str, protocols: &[&str]) -> JoinGroupRequest {
    let protocols = protocols.iter().map(|name| {
        JoinGroupRequestProtocol::default()
            .with_name(text(name))
            .with_metadata(Bytes::from_static(b"\0\x01\0\0\0\x01\0\x01t\xff\xff\xff\xff"))
    });
    JoinGroupRequest::default()
        .with_group_id(group())
        .with_member_id(text(id))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(60_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(protocols.collect())
}

#[test]
fn a_second_member_is_let_in_when_the_first_joins_again() {
    let mut members = Members::new();
    let (first, generation) = members.alone();
    assert_eq!(members.heartbeat(&first, generation), 0);
    let (second, waits) = members.enter(&["sticky", "range"]);
    assert!(members.joined(&[&waits])[0].is_none(), "the first is not here yet");
    let rebalance = ResponseError::RebalanceInProgress.code();
    assert_eq!(members.heartbeat(&first, generation), rebalance);
    let again = members.join(&join_request(&first, &["range"]));
    let joined = members.joined(&[&again, &waits]);
    let [Some(leader), Some(other)] = joined.as_slice() else { panic!("{joined:?}") };
    assert_eq!(leader.generation_id, generation + 1);
    assert_eq!((leader.leader.as_str(), leader.members.len()), (first.as_str(), 2));
    assert_eq!((other.leader.as_str(), other.members.len()), (first.as_str(), 0));
    assert_eq!(other.protocol_name.as_deref(), Some("range"), "what both know");
    let waits = members.sync(&second, generation + 1, &[]);
    assert!(members.synced(&[&waits])[0].is_none(), "the leader has not said yet");
    let says = members.sync(&first, generation + 1, &[(&first, "a"), (&second, "b")]);
    let synced = members.synced(&[&says, &waits]);
    let [Some(a), Some(b)] = synced.as_slice() else { panic!("{synced:?}") };
    assert_eq!((&a.assignment[..], &b.assignment[..]), (&b"a"[..], &b"b"[..]));
    assert_eq!(members.state(), ("Stable".to_owned(), 2));
    // The one who goes leaves all to the other.
    assert_eq!(members.leave(&first), 0);
    assert_eq!(members.leave(&first), ResponseError::UnknownMemberId.code());
    assert_eq!(members.heartbeat(&second, generation + 1), rebalance);
    let again = members.join(&join_request(&second, &["range"]));
    let joined = members.joined(&[&again]).remove(0).unwrap();
    assert_eq!((joined.leader.as_str(), joined.generation_id), (second.as_str(), generation + 2));
}

#[test]
fn a_silent_member_loses_its_place() {
    let mut members = Members::new();
    let (first, generation) = members.alone();
    members.pass(SESSION - Duration::from_secs(1));
    assert_eq!(members.heartbeat(&first, generation), 0);
    members.pass(SESSION - Duration::from_secs(1));
    assert_eq!(members.state(), ("Stable".to_owned(), 1));
    members.pass(Duration::from_secs(1));
    assert_eq!(members.state(), ("Empty".to_owned(), 0));
    assert_eq!(members.heartbeat(&first, generation), ResponseError::UnknownMemberId.code());
}

#[test]
fn a_rebalance_does_not_wait_forever() {
    let mut members = Members::new();
    let (first, generation) = members.alone();
    let (second, waits) = members.enter(&["range"]);
    assert!(members.joined(&[&waits])[0].is_none());
    // The first lives but does not come back.
    for _ in 0..9 {
        members.pass(Duration::from_secs(6));
        members.heartbeat(&first, generation);
    }
    members.pass(Duration::from_secs(6));
    let joined = members.joined(&[&waits]).remove(0).unwrap();
    assert_eq!((joined.leader.as_str(), joined.members.len()), (second.as_str(), 1));
    assert_eq!(members.heartbeat(&first, generation), ResponseError::UnknownMemberId.code());
}

#[test]
fn a_lasting_name_keeps_its_assignment_and_fences_the_old_holder() {
    let mut members = Members::new();
    let request = join_request("", &["range"]).with_group_instance_id(Some(text("i")));
    let asked = members.join(&request);
    let first = members.joined(&[&asked]).remove(0).unwrap();
    let id = first.member_id.to_string();
    let synced = members.sync(&id, first.generation_id, &[(&id, "mine")]);
    assert!(members.synced(&[&synced])[0].is_some());
    let asked = members.join(&request);
    let again = members.joined(&[&asked]).remove(0).unwrap();
    assert_eq!(again.generation_id, first.generation_id, "no rebalance");
    assert!(again.skip_assignment);
    let asked = members.sync(&again.member_id, again.generation_id, &[]);
    assert_eq!(members.synced(&[&asked])[0].as_ref().unwrap().assignment, "mine");
    let old = HeartbeatRequest::default()
        .with_group_id(group())
        .with_member_id(text(&id))
        .with_group_instance_id(Some(text("i")))
        .with_generation_id(first.generation_id);
    assert_eq!(members.client.call(4, &old).error_code, ResponseError::FencedInstanceId.code());
}

#[test]
fn what_a_member_may_not_say_is_refused() {
    let mut members = Members::new();
    let (_, generation) = members.alone();
    let unknown = ResponseError::UnknownMemberId.code();
    let inconsistent = ResponseError::InconsistentGroupProtocol.code();
    let cases = [
        (join_request("", &["other"]), inconsistent),
        (join_request("", &[]), inconsistent),
        (join_request("", &["range"]).with_protocol_type(text("connect")), inconsistent),
        (join_request("nobody", &["range"]), unknown),
        (
            join_request("", &["range"]).with_session_timeout_ms(5),
            ResponseError::InvalidSessionTimeout.code(),
        ),
        (
            join_request("", &["range"]).with_group_id(GroupId::default()),
            ResponseError::InvalidGroupId.code(),
        ),
    ];
    for (request, code) in cases {
        let asked = members.join(&request);
        assert_eq!(members.joined(&[&asked])[0].as_ref().unwrap().error_code, code, "{request:?}");
    }
    let wrong = ResponseError::IllegalGeneration.code();
    let (id, _) = members.enter(&["range"]);
    assert_eq!(members.heartbeat(&id, generation + 7), wrong);
    let asked = members.sync("nobody", generation, &[]);
    assert_eq!(members.synced(&[&asked])[0].as_ref().unwrap().error_code, unknown);
}

#[test]
fn only_members_commit_while_there_are_any() {
    let mut members = Members::new();
    let (id, generation) = members.alone();
    let by = |id: &str, generation| {
        commit_request("g", 5, "")
            .with_member_id(text(id))
            .with_generation_id_or_member_epoch(generation)
    };
    let client = &mut members.client;
    assert_eq!(commit(client, 9, &by(&id, generation)), 0);
    assert_eq!(
        commit(client, 9, &by(&id, generation - 1)),
        ResponseError::IllegalGeneration.code()
    );
    assert_eq!(commit(client, 9, &by("", -1)), ResponseError::UnknownMemberId.code());
    let delete = DeleteGroupsRequest::default().with_groups_names(vec![group()]);
    let outcome = |client: &mut Client| client.call(2, &delete).results[0].error_code;
    assert_eq!(outcome(client), ResponseError::NonEmptyGroup.code());
    let listed = client.call(5, &ListGroupsRequest::default()).groups.remove(0);
    assert_eq!(
        (listed.group_state.as_str(), listed.protocol_type.as_str()),
        ("Stable", "consumer")
    );
    assert_eq!(members.leave(&id), 0);
    assert_eq!(commit(&mut members.client, 9, &by("", -1)), 0);
    assert_eq!(outcome(&mut members.client), 0);
}
