use std::collections::BTreeMap;

use super::*;
use crate::client::PerTopic;
use crate::config::Isolation;
use crate::error::{Error, ErrorKind, Result};
use crate::error_table::{self, CoordinatorAction, FetchAction, ROWS};
use crate::limits::OFFSET_COMMIT_BYTES_MAX;
use crate::pending::{Pending, Promise};
use crate::testing::{Asked, Bench, MILLI, SECOND};
use crate::topic::TopicPartition;
use crate::transaction::GroupMember;
use crate::wire::ErrorCode;
use crate::wire::messages::consumer_group_describe::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribedGroup, Member,
};
use crate::wire::messages::create_topics::{
    CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use crate::wire::messages::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use crate::wire::messages::offset_commit::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
};
use crate::wire::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchResponse, OffsetFetchResponseGroup,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};

struct Setup {
    bench: Bench,
    operation: Box<dyn Operation>,
}

fn setup<T: 'static>(
    start: impl FnOnce(Promise<Result<T>>) -> Box<dyn Operation>,
) -> (Setup, Pending<Result<T>>) {
    let (promise, pending) = Promise::new(|| Err(Error::closed()));
    let mut bench = Bench::new(&[]);
    bench.topic("t", 1, &[1, 2]);
    (Setup { bench, operation: start(promise) }, pending)
}

impl Setup {
    fn run(&mut self) -> Vec<Asked> {
        let mut out = Vec::new();
        loop {
            self.bench.cluster.tick(self.bench.now);
            let now = self.bench.now;
            let mut context = Context { cluster: &mut self.bench.cluster, id: 0, now };
            self.operation.poll(&mut context);
            let asked = self.bench.asked();
            let mut quiet = asked.is_empty();
            out.extend(asked);
            for done in self.bench.completions() {
                quiet = false;
                if done.owner == Owner::Operation(0) {
                    let mut context = Context { cluster: &mut self.bench.cluster, id: 0, now };
                    self.operation.answered(done.call, done.result, &mut context);
                }
            }
            if quiet {
                return out;
            }
        }
    }

    fn after(&mut self, time: Duration) -> Vec<Asked> {
        let mut out = self.run();
        self.bench.now += time;
        out.extend(self.run());
        out
    }

    /// Answers FindCoordinator with broker 2 and returns what is asked then.
    fn coordinator(&mut self, asked: &Asked) -> Asked {
        self.bench.answer_coordinator(asked);
        self.run().remove(0)
    }

    fn committed(&mut self, asked: &Asked, code: ErrorCode) {
        self.committed_at(asked, &[0], code);
    }

    fn committed_at(&mut self, asked: &Asked, partitions: &[i32], code: ErrorCode) {
        let partition = |partition_index: &i32| OffsetCommitResponsePartition {
            partition_index: *partition_index,
            error_code: code.0,
        };
        let partitions = partitions.iter().map(partition).collect();
        let topic =
            OffsetCommitResponseTopic { name: "t".to_owned(), partitions, ..Default::default() };
        let response = OffsetCommitResponse { topics: vec![topic], ..Default::default() };
        self.bench.answer::<OffsetCommitRequest>(asked, &response);
    }
}

fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

fn commit_one() -> (Setup, Pending<Result<()>>) {
    setup(|promise| {
        commit("g", &GroupMember::default(), &[(tp(0), CommittedOffset::new(4))], promise)
    })
}

/// A test per row of the error table: what a coordinator's answer with this code leads to.
#[test]
fn each_row_of_the_error_table() {
    for code in ROWS.iter().map(|row| row.code).chain([ErrorCode(30_000)]) {
        let (mut s, pending) = commit_one();
        let find = s.run().remove(0);
        let asked = s.coordinator(&find);
        let body: OffsetCommitRequest = asked.body();
        assert_eq!((body.generation_id_or_member_epoch, body.member_id.as_str()), (-1, ""));
        s.committed(&asked, code);
        assert!(s.run().is_empty());
        match error_table::coordinator(code) {
            CoordinatorAction::Retry => {
                let again = s.after(200 * MILLI).remove(0);
                assert_eq!((again.api(), again.conn), ("OffsetCommit", asked.conn), "{code:?}");
                s.committed(&again, ErrorCode::NONE);
            }
            CoordinatorAction::Rediscover => {
                let find = s.after(200 * MILLI).remove(0);
                assert_eq!(find.api(), "FindCoordinator", "{code:?}");
                let again = s.coordinator(&find);
                s.committed(&again, ErrorCode::NONE);
            }
            CoordinatorAction::Fail => {
                let error = pending.try_take().unwrap().unwrap_err();
                assert_eq!(error.api(), Some("OffsetCommit"), "{code:?}");
                assert!(error.to_string().contains("`g`"), "{error}");
                continue;
            }
        }
        s.run();
        assert_eq!(pending.try_take(), Some(Ok(())), "{code:?}");
        assert!(s.operation.is_done());
    }
}

/// A coordinator writes the offsets of a request as one batch, which its log may find too large.
#[test]
fn many_offsets_are_stored_one_request_after_the_other() {
    let metadata = "m".repeat(16 << 10);
    let long = |partition| {
        (tp(partition), CommittedOffset { metadata: metadata.clone(), ..CommittedOffset::new(4) })
    };
    let offsets: Vec<_> = (0..100).map(long).collect();
    let (mut s, pending) = setup(|promise| commit("g", &GroupMember::default(), &offsets, promise));
    let find = s.run().remove(0);
    let mut asked = vec![s.coordinator(&find)];
    let (mut stored, mut requests) = (Vec::new(), 0);
    while let Some(part) = asked.pop() {
        assert_eq!(pending.try_take(), None);
        let body: OffsetCommitRequest = part.body();
        let partitions = body.topics.iter().flat_map(|topic| &topic.partitions);
        let partitions: Vec<i32> = partitions.map(|at| at.partition_index).collect();
        assert!(partitions.len() << 14 <= OFFSET_COMMIT_BYTES_MAX);
        // What can be asked again is, before the rest.
        s.committed_at(&part, &partitions, ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        assert!(s.run().is_empty());
        let again = s.after(200 * MILLI).remove(0);
        s.committed_at(&again, &partitions, ErrorCode::NONE);
        stored.extend(partitions);
        requests += 1;
        asked = s.run();
    }
    assert_eq!((stored, requests), ((0..100).collect(), 4));
    assert_eq!(pending.try_take(), Some(Ok(())));
    assert!(s.operation.is_done());
}

#[test]
fn offsets_of_a_deleted_partition_are_not_stored_until_the_time_is_over() {
    let (mut s, pending) = commit_one();
    s.bench.delete("t");
    let find = s.run().remove(0);
    let mut asked = vec![s.coordinator(&find)];
    for second in 1..15 {
        for asked in asked.drain(..) {
            s.committed(&asked, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        }
        asked.extend(s.after(SECOND));
        if let Some(result) = pending.try_take() {
            assert_eq!(result, Ok(()));
            assert!((10..=12).contains(&second), "after {second} s");
            return;
        }
    }
    panic!("it is retried until the time is over");
}

/// What the coordinator knows may be old.
#[test]
fn offsets_of_a_partition_that_is_there_are_never_given_up() {
    let (mut s, pending) = commit_one();
    let find = s.run().remove(0);
    let mut asked = vec![s.coordinator(&find)];
    for second in 1..70 {
        for asked in asked.drain(..) {
            s.committed(&asked, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        }
        asked.extend(s.after(SECOND));
        if let Some(result) = pending.try_take() {
            assert!(result.is_err() && second >= 59, "{result:?} after {second} s");
            return;
        }
    }
    panic!("it is retried until the time of the API is over");
}

#[test]
fn an_answer_that_lacks_a_partition_is_asked_for_again() {
    let (mut s, pending) = commit_one();
    let find = s.run().remove(0);
    let asked = s.coordinator(&find);
    s.bench.answer::<OffsetCommitRequest>(&asked, &OffsetCommitResponse::default());
    s.run();
    assert_eq!(pending.try_take(), None);
    let again = s.after(200 * MILLI).remove(0);
    s.committed(&again, ErrorCode::NONE);
    s.run();
    assert_eq!(pending.try_take(), Some(Ok(())));

    let (mut s, pending) = setup(|promise| fetch("g", Some(&[tp(0)]), promise));
    let find = s.run().remove(0);
    let asked = s.coordinator(&find);
    let group = OffsetFetchResponseGroup { group_id: "g".to_owned(), ..Default::default() };
    let response = OffsetFetchResponse { groups: vec![group], ..Default::default() };
    s.bench.answer::<OffsetFetchRequest>(&asked, &response);
    s.run();
    assert_eq!(pending.try_take(), None, "it may have an offset");
    assert_eq!(s.after(200 * MILLI).remove(0).api(), "OffsetFetch");
}

#[test]
fn what_fails_outranks_what_can_be_retried() {
    let (mut s, pending) = commit_one();
    let find = s.run().remove(0);
    let asked = s.coordinator(&find);
    let codes = [ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, ErrorCode::TOPIC_AUTHORIZATION_FAILED];
    let partition = |(code, index): (&ErrorCode, i32)| OffsetCommitResponsePartition {
        partition_index: index,
        error_code: code.0,
    };
    let topic = OffsetCommitResponseTopic {
        name: "t".to_owned(),
        partitions: codes.iter().zip(0..).map(partition).collect(),
        ..Default::default()
    };
    let response = OffsetCommitResponse { topics: vec![topic], ..Default::default() };
    s.bench.answer::<OffsetCommitRequest>(&asked, &response);
    s.run();
    let error = pending.try_take().unwrap().unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::NotAuthorized);
    assert!(error.to_string().contains("partition t-1"), "{error}");
}

#[test]
fn a_group_with_members_is_named_as_such() {
    let (mut s, pending) = commit_one();
    let find = s.run().remove(0);
    let asked = s.coordinator(&find);
    s.committed(&asked, ErrorCode::UNKNOWN_MEMBER_ID);
    s.run();
    let error = pending.try_take().unwrap().unwrap_err();
    assert!(error.to_string().contains("has active members"), "{error}");
}

#[test]
fn offsets_are_read_stable_and_absent_ones_left_out() {
    let (mut s, pending) = setup(|promise| fetch("g", Some(&[tp(0), tp(1)]), promise));
    let find = s.run().remove(0);
    let asked = s.coordinator(&find);
    let body: OffsetFetchRequest = asked.body();
    assert!(body.require_stable);
    let partition = |(offset, partition_index): (i64, i32)| OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: offset,
        metadata: Some("text".to_owned()),
        ..Default::default()
    };
    let topic = OffsetFetchResponseTopics {
        name: "t".to_owned(),
        partitions: [-1, 9].into_iter().zip(0..).map(partition).collect(),
        ..Default::default()
    };
    let group = OffsetFetchResponseGroup {
        group_id: "g".to_owned(),
        topics: vec![topic],
        ..Default::default()
    };
    let response = OffsetFetchResponse { groups: vec![group], ..Default::default() };
    s.bench.answer::<OffsetFetchRequest>(&asked, &response);
    s.run();
    let committed = CommittedOffset { offset: 9, leader_epoch: -1, metadata: "text".to_owned() };
    assert_eq!(pending.try_take(), Some(Ok(BTreeMap::from([(tp(1), committed)]))));
}

#[test]
fn a_group_that_does_not_exist_has_no_offsets() {
    let (mut s, pending) = setup(|promise| fetch("g", Some(&[tp(0)]), promise));
    let find = s.run().remove(0);
    let asked = s.coordinator(&find);
    let group = OffsetFetchResponseGroup {
        group_id: "g".to_owned(),
        error_code: ErrorCode::GROUP_ID_NOT_FOUND.0,
        ..Default::default()
    };
    let response = OffsetFetchResponse { groups: vec![group], ..Default::default() };
    s.bench.answer::<OffsetFetchRequest>(&asked, &response);
    s.run();
    assert_eq!(pending.try_take(), Some(Ok(BTreeMap::new())));
}

#[test]
fn members_of_a_group_are_told_by_its_coordinator() {
    let told = |code: ErrorCode, ids: &[&str]| {
        let (mut s, pending) = setup(|promise| members("g", promise));
        let find = s.run().remove(0);
        let asked = s.coordinator(&find);
        assert_eq!(asked.body::<ConsumerGroupDescribeRequest>().group_ids, ["g"]);
        let member = |id: &&str| Member { member_id: (*id).to_owned(), ..Default::default() };
        let group = DescribedGroup {
            error_code: code.0,
            members: ids.iter().map(member).collect(),
            ..Default::default()
        };
        let response = ConsumerGroupDescribeResponse { groups: vec![group], ..Default::default() };
        s.bench.answer::<ConsumerGroupDescribeRequest>(&asked, &response);
        s.run();
        pending.try_take()
    };
    let ids = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(told(ErrorCode::NONE, &["a", "b"]), Some(Ok(ids)));
    assert_eq!(told(ErrorCode::GROUP_ID_NOT_FOUND, &[]), Some(Ok(Vec::new())));
    assert_eq!(told(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, &[]), None);
    let refused = told(ErrorCode::GROUP_AUTHORIZATION_FAILED, &[]).unwrap().unwrap_err();
    assert_eq!(refused.kind(), &ErrorKind::NotAuthorized);
}

#[test]
fn time_ends_a_call_with_its_last_error() {
    let (mut s, pending) = commit_one();
    let mut asked = s.run();
    for _ in 0..70 {
        for asked in std::mem::take(&mut asked) {
            s.bench.break_off(asked.conn);
        }
        asked = s.after(SECOND);
    }
    let error = pending.try_take().unwrap().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("given up after 60 s"), "{error}");
}

fn created(s: &mut Setup, asked: &Asked, code: ErrorCode) {
    let topic =
        CreatableTopicResult { name: "n".to_owned(), error_code: code.0, ..Default::default() };
    let response = CreateTopicsResponse { topics: vec![topic], ..Default::default() };
    s.bench.answer::<CreateTopicsRequest>(asked, &response);
}

#[test]
fn another_controller_is_looked_for() {
    let (mut s, pending): (_, Pending<Result<PerTopic<()>>>) =
        setup(|p| create_topics(&[NewTopic::new("n", 1)], false, 30 * SECOND, p));
    let asked = s.run().remove(0);
    created(&mut s, &asked, ErrorCode::NOT_CONTROLLER);
    let again = s.after(200 * MILLI).remove(0);
    assert!(s.bench.refreshes > 0);
    created(&mut s, &again, ErrorCode::TOPIC_ALREADY_EXISTS);
    s.run();
    let results = pending.try_take().unwrap().unwrap();
    let error = results[0].1.clone().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TOPIC_ALREADY_EXISTS));
}

fn list(
    specs: &[(i32, OffsetSpec)],
) -> (Setup, Pending<Result<BTreeMap<TopicPartition, ListedOffset>>>) {
    let specs: Vec<_> = specs.iter().map(|(p, spec)| (tp(*p), *spec)).collect();
    setup(|promise| Box::new(ListOffsets::new(&specs, Isolation::ReadCommitted, promise)))
}

fn listed(s: &mut Setup, asked: &Asked, code: ErrorCode, offset: i64) {
    let request: ListOffsetsRequest = asked.body();
    assert_eq!(request.isolation_level, 1);
    let topic = &request.topics[0];
    let partitions = topic.partitions.iter().map(|p| ListOffsetsPartitionResponse {
        partition_index: p.partition_index,
        error_code: code.0,
        offset,
        ..Default::default()
    });
    let topic =
        ListOffsetsTopicResponse { name: topic.name.clone(), partitions: partitions.collect() };
    let response = ListOffsetsResponse { topics: vec![topic], ..Default::default() };
    s.bench.answer::<ListOffsetsRequest>(asked, &response);
}

#[test]
fn each_leader_is_asked_and_only_failed_partitions_again() {
    let (mut s, pending) = list(&[(0, OffsetSpec::Latest), (1, OffsetSpec::Timestamp(5))]);
    let asked = s.run();
    assert_eq!(asked.len(), 2);
    listed(&mut s, &asked[0], ErrorCode::NONE, 8);
    listed(&mut s, &asked[1], ErrorCode::LEADER_NOT_AVAILABLE, -1);
    let again = s.after(200 * MILLI);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].body::<ListOffsetsRequest>(), asked[1].body::<ListOffsetsRequest>());
    listed(&mut s, &again[0], ErrorCode::NONE, -1);
    s.run();
    let offsets: Vec<_> =
        pending.try_take().unwrap().unwrap().into_values().map(|o| o.offset).collect();
    assert_eq!(offsets, [Some(8), None]);
}

/// The fetch column of the error table, as `ListOffsets` reads it.
#[test]
fn each_row_of_the_error_table_for_list_offsets() {
    for code in ROWS.iter().map(|row| row.code) {
        let (mut s, pending) = list(&[(0, OffsetSpec::Earliest)]);
        let asked = s.run().remove(0);
        listed(&mut s, &asked, code, -1);
        let again = s.after(200 * MILLI);
        match error_table::fetch(code) {
            FetchAction::Refresh | FetchAction::Retry => {
                assert_eq!(again.len(), 1, "{code:?}");
                assert!(pending.try_take().is_none());
            }
            _ => {
                assert!(again.is_empty(), "{code:?}");
                let error = pending.try_take().unwrap().unwrap_err();
                assert!(error.to_string().contains("partition t-0"), "{error}");
            }
        }
    }
}

#[test]
fn a_partition_that_does_not_exist_is_named() {
    let (mut s, pending) = list(&[(7, OffsetSpec::Earliest)]);
    s.run();
    assert!(pending.try_take().is_none(), "it may be new");
    for _ in 0..11 {
        s.after(SECOND);
    }
    let error = pending.try_take().unwrap().unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::UnknownTopic { topic: "t".to_owned() });
    assert!(error.to_string().contains("partition t-7 does not exist"), "{error}");
}

#[test]
fn a_partition_that_one_broker_does_not_know_yet_is_waited_for() {
    let (mut s, pending) = list(&[(2, OffsetSpec::Latest)]);
    assert!(s.after(2 * SECOND).is_empty());
    assert!(s.bench.refreshes > 0);
    assert!(pending.try_take().is_none());
    s.bench.topic("t", 1, &[1, 2, 1]);
    let asked = s.after(SECOND);
    listed(&mut s, &asked[0], ErrorCode::NONE, 9);
    s.run();
    let offsets: Vec<_> =
        pending.try_take().unwrap().unwrap().into_values().map(|o| o.offset).collect();
    assert_eq!(offsets, [Some(9)]);
}

#[test]
fn all_topics_waits_for_topics_in_creation() {
    let (mut s, pending) = setup(all_topics);
    s.bench.topic("new", 2, &[]);
    assert!(s.after(200 * MILLI).is_empty());
    assert!(pending.try_take().is_none());
    s.bench.topic("new", 2, &[1]);
    s.after(2 * SECOND);
    let topics = pending.try_take().unwrap().unwrap();
    let names: BTreeMap<_, _> =
        topics.iter().map(|topic| (&*topic.name, topic.partitions.len())).collect();
    assert_eq!(names, BTreeMap::from([("t", 2), ("new", 1)]));
}
