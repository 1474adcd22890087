use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::error_table::ROWS;
use crate::testing::{Asked, Bench, MILLI, SECOND};
use crate::wire::compression::{Compression, Compressor};
use crate::wire::messages::fetch::FetchableTopicResponse;
use crate::wire::messages::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use crate::wire::records::{BatchBuilder, BatchHeader, assemble};

struct Setup {
    bench: Bench,
    fetcher: Fetcher,
    budget: Arc<Budget>,
    generation: u64,
    woken: Arc<AtomicUsize>,
}

fn setup(leaders: &[i32]) -> Setup {
    setup_with(&[], leaders)
}

fn setup_with(pairs: &[(&str, &str)], leaders: &[i32]) -> Setup {
    let budget = Budget::new(1 << 20);
    let woken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&woken);
    let wake = Wake(Arc::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
    }));
    let mut bench = Bench::new(pairs);
    bench.topic("t", 1, leaders);
    let fetcher = Fetcher::new(0, Isolation::ReadUncommitted, Arc::clone(&budget), wake);
    Setup { bench, fetcher, budget, generation: 0, woken }
}

fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

/// A batch of `records` records at `offset`.
fn batch(offset: i64, records: i32) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Compression::None, 1024);
    for _ in 0..records {
        builder.append(1, None, Some(b"value"), &[]).unwrap();
    }
    let mut sealed = builder.seal(&mut Compressor::default()).unwrap();
    let mut bytes = sealed.stamp(-1, -1, -1, false).to_vec();
    bytes[..8].copy_from_slice(&offset.to_be_bytes());
    bytes
}

/// A batch that compaction has emptied: offsets `offset` to `last`, no records.
fn emptied(offset: i64, last: i64) -> Vec<u8> {
    let header = BatchHeader::parse(&batch(offset, 1)).unwrap();
    let last_offset_delta = (last - offset) as i32;
    assemble(&BatchHeader { record_count: 0, last_offset_delta, ..header }, &[]).to_vec()
}

impl Setup {
    fn assign(&mut self, partition: i32, offset: i64) {
        self.generation += 1;
        let positions = vec![(tp(partition), StartAt::offset(offset), self.generation)];
        self.fetcher.assign(positions, &mut self.bench.cluster, self.bench.now);
    }

    fn run(&mut self) -> Vec<Asked> {
        let mut out = Vec::new();
        loop {
            self.bench.cluster.tick(self.bench.now);
            self.fetcher.poll(&mut self.bench.cluster, self.bench.now);
            let asked = self.bench.asked();
            let mut quiet = asked.is_empty();
            out.extend(asked);
            for done in self.bench.completions() {
                quiet = false;
                if done.owner == Owner::Consumer(0) {
                    let (cluster, now) = (&mut self.bench.cluster, self.bench.now);
                    self.fetcher.answered(done.call, done.result, cluster, now);
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

    /// Answers a fetch with what one partition says; session 77.
    fn answer_with(&mut self, asked: &Asked, data: PartitionData) {
        let (topic, topic_id) = ("t".to_owned(), Uuid([1; 16]));
        let topic = FetchableTopicResponse { topic, topic_id, partitions: vec![data] };
        let response =
            FetchResponse { session_id: 77, responses: vec![topic], ..Default::default() };
        self.bench.answer::<FetchRequest>(asked, &response);
    }

    /// Answers a fetch: partition, code and records; session 77.
    fn answer(&mut self, asked: &Asked, partitions: Vec<(i32, ErrorCode, Vec<u8>)>) {
        let data = |(partition_index, code, records): (i32, ErrorCode, Vec<u8>)| PartitionData {
            partition_index,
            error_code: code.0,
            high_watermark: 1_000,
            records: Some(records.into()),
            ..Default::default()
        };
        let topic = FetchableTopicResponse {
            topic: "t".to_owned(),
            topic_id: Uuid([1; 16]),
            partitions: partitions.into_iter().map(data).collect(),
        };
        let response =
            FetchResponse { session_id: 77, responses: vec![topic], ..Default::default() };
        self.bench.answer::<FetchRequest>(asked, &response);
    }

    fn data(&mut self) -> Vec<FetchedPartition> {
        let outbox = self.fetcher.take_outbox();
        outbox
            .into_iter()
            .map(|(_, item)| match item {
                Fetched::Data(data) => data,
                Fetched::Failed(failed) => panic!("{}", failed.error),
            })
            .collect()
    }

    fn error(&mut self) -> Error {
        let mut outbox = self.fetcher.take_outbox();
        assert_eq!(outbox.len(), 1, "{outbox:?}");
        match outbox.remove(0).1 {
            Fetched::Failed(failed) => failed.error,
            Fetched::Data(data) => panic!("{data:?}"),
        }
    }

    fn take(&mut self, partition: i32) {
        let generation = self.generation;
        self.fetcher.taken(&[(tp(partition), generation)]);
    }
}

fn positions(asked: &Asked) -> Vec<(i32, i64)> {
    let request: FetchRequest = asked.body();
    let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|p| (p.partition, p.fetch_offset)).collect()
}

fn session(asked: &Asked) -> (i32, i32) {
    let request: FetchRequest = asked.body();
    (request.session_id, request.session_epoch)
}

const OK: ErrorCode = ErrorCode::NONE;

#[test]
fn the_position_moves_behind_complete_batches() {
    let cut = [batch(5, 3), batch(8, 2)[..30].to_vec()].concat();
    let cases: [(&str, Vec<u8>, i64); 4] = [
        ("two batches", [batch(5, 3), batch(8, 2)].concat(), 10),
        ("an incomplete one at the end", cut, 8),
        ("a compacted tail", emptied(5, 99), 100),
        ("begins before the position", batch(3, 5), 8),
    ];
    for (name, records, next) in cases {
        let mut s = setup(&[1]);
        s.assign(0, 5);
        let asked = s.run().remove(0);
        assert_eq!(positions(&asked), [(0, 5)]);
        s.answer(&asked, vec![(0, OK, records)]);
        assert!(s.run().is_empty(), "{name}: nothing while data is unread");
        let data = s.data();
        assert_eq!((data[0].fetch_offset, data[0].next_offset), (5, next), "{name}");
        s.take(0);
        let again = s.run().remove(0);
        assert_eq!(positions(&again), [(0, next)], "{name}");
        assert_eq!(session(&again), (77, 1), "{name}");
    }
}

#[test]
fn answers_without_progress_are_damage_not_loops() {
    let damaged = {
        let mut bytes = batch(5, 1);
        bytes[16] = 9;
        bytes
    };
    for records in [batch(5, 1)[..40].to_vec(), batch(1, 2), damaged] {
        let mut s = setup(&[1]);
        s.assign(0, 5);
        let asked = s.run().remove(0);
        s.answer(&asked, vec![(0, OK, records)]);
        assert!(s.run().is_empty());
        let error = s.error();
        assert!(matches!(error.kind(), ErrorKind::Corrupt { .. }), "{error:?}");
        assert!(error.to_string().contains("t-0"), "{error}");
    }
}

/// A test per row of the error table: what one answer for a partition leads to.
#[test]
fn each_row_of_the_error_table() {
    for code in ROWS.iter().map(|row| row.code).chain([ErrorCode(30_000)]) {
        let mut s = setup(&[1, 1]);
        s.assign(0, 5);
        let asked = s.run().remove(0);
        s.bench.now += 2 * SECOND;
        s.bench.refreshes = 0;
        s.answer(&asked, vec![(0, code, vec![])]);
        let at_once = s.run();
        let action = error_table::fetch(code);
        match action {
            FetchAction::Refresh
            | FetchAction::NewSessionRefresh
            | FetchAction::Retry
            | FetchAction::NewSession => {
                assert!(at_once.is_empty(), "{code:?} backs off");
                let refreshes =
                    matches!(action, FetchAction::Refresh | FetchAction::NewSessionRefresh);
                assert_eq!(s.bench.refreshes > 0, refreshes, "{code:?}");
                let again = s.after(200 * MILLI).remove(0);
                assert_eq!(session(&again), (77, 1), "{code:?}");
                s.answer(&again, vec![(0, OK, batch(5, 1))]);
                s.run();
                assert_eq!(s.data()[0].next_offset, 6, "{code:?}: the position was kept");
            }
            FetchAction::OutOfRange => {
                assert_eq!(at_once.len(), 2);
                for (ask, offset) in at_once.iter().zip([3, 4]) {
                    s.answer_range(ask, offset);
                }
                assert!(s.run().is_empty());
                let kind = ErrorKind::OffsetOutOfRange { offset: 5, earliest: 3, latest: 4 };
                assert_eq!(s.error().kind(), &kind);
            }
            FetchAction::Corrupt | FetchAction::Fail => {
                assert!(at_once.is_empty());
                let error = s.error();
                assert_eq!(error.api(), Some("Fetch"), "{code:?}");
                assert_eq!(error.address(), Some("b1:1"), "{code:?}");
                assert!(s.after(10 * SECOND).is_empty(), "{code:?}: not read any more");
                s.assign(0, 5);
                assert_eq!(s.run().len(), 1, "{code:?}: until it is assigned again");
            }
        }
    }
}

impl Setup {
    fn answer_range(&mut self, asked: &Asked, offset: i64) {
        self.answer_bound(asked, OK, offset);
    }

    fn answer_bound(&mut self, asked: &Asked, code: ErrorCode, offset: i64) {
        let error_code = code.0;
        let partition = ListOffsetsPartitionResponse { error_code, offset, ..Default::default() };
        let topic = ListOffsetsTopicResponse { name: "t".to_owned(), partitions: vec![partition] };
        let response = ListOffsetsResponse { topics: vec![topic], ..Default::default() };
        self.bench.answer::<ListOffsetsRequest>(asked, &response);
    }
}

/// What an answer to ListOffsets means for the partition.
enum Bounds {
    /// The fetch is repeated, at the leader.
    AskAgain,
    /// The partition fails with this code.
    Fails(ErrorCode),
}

#[test]
fn a_range_that_is_not_known_is_asked_for_again() {
    use Bounds::{AskAgain, Fails};
    let denied = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let cases = [
        (Some(ErrorCode::NOT_LEADER_OR_FOLLOWER), -1, AskAgain),
        (Some(ErrorCode::FENCED_LEADER_EPOCH), -1, AskAgain),
        (Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), -1, AskAgain),
        (Some(ErrorCode::OFFSET_NOT_AVAILABLE), -1, AskAgain),
        (Some(ErrorCode::KAFKA_STORAGE_ERROR), -1, AskAgain),
        (Some(OK), -1, AskAgain),
        (None, -1, AskAgain),
        (Some(denied), -1, Fails(denied)),
    ];
    for (code, offset, expected) in cases {
        for first in [true, false] {
            let mut s = setup(&[1]);
            s.assign(0, 5);
            let asked = s.run().remove(0);
            s.answer(&asked, vec![(0, ErrorCode::OFFSET_OUT_OF_RANGE, vec![])]);
            let bounds = s.run();
            assert_eq!(bounds.len(), 2);
            if !first {
                s.answer_range(&bounds[0], 3);
            }
            match code {
                Some(code) => s.answer_bound(&bounds[usize::from(!first)], code, offset),
                None => s.bench.break_off(bounds[0].conn),
            }
            if first && code.is_some() {
                s.answer_range(&bounds[1], 9);
            }
            let name = format!("{code:?}, first bound {first}");
            assert!(s.run().is_empty(), "{name}: backs off");
            if let Fails(code) = expected {
                let error = s.error();
                assert!(error.to_string().contains(code.name()), "{error}");
                assert_eq!(error.api(), Some("ListOffsets"));
                continue;
            }
            let again = s.after(SECOND);
            assert_eq!(again.len(), 1, "{name}");
            assert!(s.fetcher.take_outbox().is_empty(), "{name}: nothing is judged");
            assert_eq!((again[0].api(), session(&again[0])), ("Fetch", (77, 1)), "{name}");
            s.answer(&again[0], vec![(0, ErrorCode::OFFSET_OUT_OF_RANGE, vec![])]);
            for (ask, offset) in s.after(SECOND).iter().zip([7, 9]) {
                s.answer_range(ask, offset);
            }
            assert!(s.run().is_empty(), "{name}");
            let kind = ErrorKind::OffsetOutOfRange { offset: 5, earliest: 7, latest: 9 };
            assert_eq!(s.error().kind(), &kind, "{name}");
        }
    }
}

#[test]
fn a_range_that_stays_unknown_fails_with_its_cause() {
    let mut s = setup(&[1]);
    s.assign(0, 5);
    for _ in 0..100 {
        for asked in s.after(SECOND) {
            match asked.api() {
                "Fetch" => s.answer(&asked, vec![(0, ErrorCode::OFFSET_OUT_OF_RANGE, vec![])]),
                _ => s.answer_bound(&asked, ErrorCode::LEADER_NOT_AVAILABLE, -1),
            }
        }
    }
    let error = s.error();
    assert_eq!(error.code(), Some(ErrorCode::LEADER_NOT_AVAILABLE));
    assert!(error.is_retriable());
}

#[test]
fn a_position_that_is_inside_by_now_is_tried_again() {
    let mut s = setup(&[1]);
    s.assign(0, 5);
    let asked = s.run().remove(0);
    s.answer(&asked, vec![(0, ErrorCode::OFFSET_OUT_OF_RANGE, vec![])]);
    for (ask, offset) in s.run().iter().zip([0, 20]) {
        s.answer_range(ask, offset);
    }
    let asked = s.after(SECOND).remove(0);
    assert_eq!((asked.api(), session(&asked)), ("Fetch", (77, 1)), "the same position");
    assert!(s.data().is_empty());
}

#[test]
fn session_errors_open_a_new_session_at_once() {
    for code in [
        ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
        ErrorCode::INVALID_FETCH_SESSION_EPOCH,
        ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR,
    ] {
        let mut s = setup(&[1]);
        s.assign(0, 5);
        let asked = s.run().remove(0);
        s.answer(&asked, vec![]);
        let asked = s.run().remove(0);
        assert_eq!((session(&asked), positions(&asked)), ((77, 1), vec![]));
        let response = FetchResponse { error_code: code.0, ..Default::default() };
        s.bench.answer::<FetchRequest>(&asked, &response);
        let again = s.run().remove(0);
        assert_eq!((session(&again), positions(&again)), ((0, 0), vec![(0, 5)]), "{code:?}");
    }
}

#[test]
fn a_stale_answer_is_dropped() {
    let mut s = setup(&[1]);
    s.assign(0, 5);
    let asked = s.run().remove(0);
    s.assign(0, 50);
    s.answer(&asked, vec![(0, OK, batch(5, 3))]);
    let again = s.run().remove(0);
    assert!(s.data().is_empty());
    assert_eq!(positions(&again), [(0, 50)]);
    s.fetcher.unassign(&[tp(0)], &mut s.bench.cluster);
    s.answer(&again, vec![(0, OK, batch(50, 3))]);
    assert!(s.run().is_empty());
    assert!(s.data().is_empty());
}

#[test]
fn unread_data_holds_up_its_own_broker_only() {
    let mut s = setup(&[1, 1, 2]);
    for partition in 0..3 {
        s.assign(partition, 0);
    }
    let asked = s.run();
    assert_eq!(asked.len(), 2);
    let first = asked.iter().find(|a| positions(a).len() == 2).unwrap();
    let second = asked.iter().find(|a| positions(a).len() == 1).unwrap();
    s.answer(first, vec![(0, OK, batch(0, 1))]);
    s.answer(second, vec![]);
    let more = s.run();
    assert_eq!(more.len(), 1, "broker 2 goes on");
    assert_eq!(more[0].conn, second.conn);
    s.fetcher.taken(&[(tp(0), 1)]);
    let more = s.run();
    assert_eq!((more.len(), more[0].conn), (1, first.conn));
}

#[test]
fn a_moved_leader_is_followed_with_the_same_position() {
    let mut s = setup(&[1]);
    s.assign(0, 5);
    let asked = s.run().remove(0);
    s.answer(&asked, vec![(0, ErrorCode::NOT_LEADER_OR_FOLLOWER, vec![])]);
    s.run();
    s.bench.topic("t", 1, &[2]);
    let again = s.after(SECOND).remove(0);
    assert_ne!(again.conn, asked.conn);
    assert_eq!(positions(&again), [(0, 5)]);
}

#[test]
fn a_topic_that_was_created_again_is_another_topic() {
    let mut s = setup(&[1]);
    s.assign(0, 5);
    s.run();
    s.bench.topic("t", 2, &[1]);
    s.run();
    let kind = ErrorKind::TopicRecreated { topic: "t".to_owned() };
    assert_eq!(s.error().kind(), &kind);
}

#[test]
fn a_position_of_another_topic_of_the_same_name_is_refused_at_once() {
    let kind = ErrorKind::TopicRecreated { topic: "t".to_owned() };
    for (id, refused) in [(1, false), (2, true)] {
        let mut s = setup(&[1]);
        let start = StartAt { topic_id: Uuid([id; 16]), ..StartAt::offset(5) };
        s.fetcher.assign(vec![(tp(0), start, 1)], &mut s.bench.cluster, s.bench.now);
        let asked = s.run();
        assert_eq!(asked.is_empty(), refused);
        if refused {
            assert_eq!(s.error().kind(), &kind);
        }
    }
}

#[test]
fn a_broken_connection_is_retried_and_reported_in_the_end() {
    let mut s = setup(&[1]);
    s.assign(0, 5);
    let mut asked = s.run();
    for _ in 0..100 {
        for asked in std::mem::take(&mut asked) {
            s.bench.break_off(asked.conn);
        }
        asked = s.after(SECOND);
    }
    let error = s.error();
    assert!(matches!(error.kind(), ErrorKind::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("b1:1"), "{error}");
}

#[test]
fn the_budget_bounds_and_wakes() {
    let mut s = setup(&[1]);
    s.assign(0, 0);
    let asked = s.run().remove(0);
    let request: FetchRequest = asked.body();
    assert_eq!(request.max_bytes, 1 << 19, "half of the budget, not fetch.max.bytes");
    let reserved = s.budget.used();
    assert_eq!(reserved, 1 << 19);
    let held: Vec<_> = std::iter::from_fn(|| {
        s.budget.join().reserve(1 << 18, &(Arc::new(|| ()) as crate::pending::Waker))
    })
    .collect();
    s.answer(&asked, vec![]);
    let filled = s.budget.used();
    assert!(s.run().len() <= 1 && s.budget.used() >= filled);
    let before = s.woken.load(Ordering::SeqCst);
    drop(held);
    assert!(s.woken.load(Ordering::SeqCst) >= before);
}

#[test]
fn marks_without_data_are_told_once() {
    let mut s = setup(&[1]);
    s.assign(0, 5);
    let asked = s.run().remove(0);
    s.answer(&asked, vec![(0, OK, vec![])]);
    let asked = s.run().remove(0);
    let data = s.data();
    assert_eq!((data.len(), data[0].next_offset, data[0].high_watermark), (1, 5, 1_000));
    s.answer(&asked, vec![(0, OK, vec![])]);
    assert_eq!(s.run().len(), 1);
    assert!(s.data().is_empty());
}

#[test]
fn a_metadata_answer_without_topic_id_is_no_other_topic() {
    let mut s = setup(&[1]);
    s.assign(0, 5);
    s.run();
    s.bench.topic("t", 0, &[2]);
    let asked = s.run().remove(0);
    assert_eq!(positions(&asked), [(0, 5)]);
    let request: FetchRequest = asked.body();
    assert_eq!(request.topics[0].topic_id, Uuid([1; 16]), "the id stays known");
    assert!(s.data().is_empty());
    s.bench.topic("t", 2, &[2]);
    s.run();
    let kind = ErrorKind::TopicRecreated { topic: "t".to_owned() };
    assert_eq!(s.error().kind(), &kind);
}

#[test]
fn time_without_a_leader_is_over_when_there_is_one() {
    let mut s = setup(&[-1]);
    s.assign(0, 5);
    s.after(50 * SECOND);
    s.bench.topic("t", 1, &[1]);
    let asked = s.after(20 * SECOND).remove(0);
    s.bench.break_off(asked.conn);
    s.run();
    assert!(s.data().is_empty(), "the leader has failed once");
    assert_eq!(positions(&s.after(SECOND)[0]), [(0, 5)]);
}

#[test]
fn time_in_which_nobody_asks_is_no_failure() {
    let mut s = setup(&[1, 1]);
    s.assign(0, 5);
    s.assign(1, 5);
    let asked = s.run().remove(0);
    let failing = (1, ErrorCode::NOT_LEADER_OR_FOLLOWER, vec![]);
    s.answer(&asked, vec![(0, OK, batch(5, 1)), failing.clone()]);
    for _ in 0..20 {
        assert!(s.after(10 * SECOND).is_empty(), "the data of partition 0 is unread");
    }
    assert_eq!(s.data().len(), 1);
    s.fetcher.taken(&[(tp(0), 1)]);
    for _ in 0..50 {
        for asked in s.after(SECOND) {
            s.answer(&asked, vec![failing.clone()]);
        }
    }
    assert!(s.data().is_empty(), "not for long enough");
    for _ in 0..20 {
        for asked in s.after(SECOND) {
            s.answer(&asked, vec![failing.clone()]);
        }
    }
    let error = s.error();
    assert_eq!(error.code(), Some(ErrorCode::NOT_LEADER_OR_FOLLOWER));
}

#[test]
fn time_without_budget_is_no_failure() {
    let mut s = setup(&[1]);
    s.assign(0, 5);
    let asked = s.run().remove(0);
    s.answer(&asked, vec![(0, ErrorCode::NOT_LEADER_OR_FOLLOWER, vec![])]);
    s.run();
    let held: Vec<_> = std::iter::from_fn(|| {
        s.budget.join().reserve(1 << 18, &(Arc::new(|| ()) as crate::pending::Waker))
    })
    .collect();
    for _ in 0..20 {
        assert!(s.after(10 * SECOND).is_empty());
    }
    assert!(s.data().is_empty());
    drop(held);
    assert_eq!(s.run().len(), 1);
}

fn last_epochs(asked: &Asked) -> Vec<i32> {
    let request: FetchRequest = asked.body();
    let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|p| p.last_fetched_epoch).collect()
}

/// A batch that a leader of this epoch appended.
fn batch_of_epoch(offset: i64, epoch: i32) -> Vec<u8> {
    let header = BatchHeader::parse(&batch(offset, 1)).unwrap();
    let payload = batch(offset, 1).split_off(crate::wire::records::HEADER_BYTES);
    assemble(&BatchHeader { partition_leader_epoch: epoch, ..header }, &payload).to_vec()
}

#[test]
fn a_log_that_differs_before_the_position_is_reported_with_its_range() {
    let mut s = setup(&[1]);
    s.assign(0, 5);
    let asked = s.run().remove(0);
    assert_eq!(last_epochs(&asked), [-1], "nothing was read yet");
    s.answer(&asked, vec![(0, OK, [batch_of_epoch(5, 3), batch_of_epoch(6, 4)].concat())]);
    s.run();
    s.data();
    s.take(0);
    let asked = s.run().remove(0);
    assert_eq!((positions(&asked), last_epochs(&asked)), (vec![(0, 7)], vec![4]));
    let diverging_epoch = EpochEndOffset { epoch: 3, end_offset: 6 };
    s.answer_with(&asked, PartitionData { diverging_epoch, ..Default::default() });
    assert!(s.run().is_empty());
    let error = s.error();
    assert_eq!(error.kind(), &ErrorKind::Truncated { offset: 7, end: 6 });
    assert!(error.to_string().contains("partition t-0 lost"), "{error}");
    assert!(error.to_string().contains("offsets 6 to 6, of leader epoch 4"), "{error}");
}

#[test]
fn a_stored_epoch_is_compared_from_the_first_fetch_on() {
    let mut s = setup(&[1]);
    let start = StartAt { leader_epoch: 2, ..StartAt::offset(9) };
    s.fetcher.assign(vec![(tp(0), start, 1)], &mut s.bench.cluster, s.bench.now);
    let asked = s.run().remove(0);
    assert_eq!(last_epochs(&asked), [2]);
    // The log has no epochs of that time: the position is inside of it and counts alone.
    s.answer(&asked, vec![(0, ErrorCode::OFFSET_OUT_OF_RANGE, vec![])]);
    for (ask, offset) in s.run().iter().zip([0, 20]) {
        s.answer_range(ask, offset);
    }
    let asked = s.run().remove(0);
    assert_eq!((positions(&asked), last_epochs(&asked)), (vec![(0, 9)], vec![-1]));
}

#[test]
fn a_follower_in_the_own_rack_is_read_from_until_it_fails() {
    let mut s = setup_with(&[("client.rack", "r")], &[1]);
    s.assign(0, 5);
    let leader = s.run().remove(0);
    let request: FetchRequest = leader.body();
    assert_eq!(request.rack_id, "r");
    let preferred = || PartitionData { preferred_read_replica: 2, ..Default::default() };
    s.answer_with(&leader, preferred());
    let follower = s.run().remove(0);
    assert_ne!(follower.conn, leader.conn);
    assert_eq!(positions(&follower), [(0, 5)]);
    s.answer(&follower, vec![(0, OK, batch(5, 1))]);
    s.run();
    assert_eq!(s.data()[0].next_offset, 6);
    s.take(0);
    let follower = s.run().remove(0);
    // It is behind: the leader decides what is out of range.
    s.answer(&follower, vec![(0, ErrorCode::OFFSET_OUT_OF_RANGE, vec![])]);
    let asked = s.run().remove(0);
    assert_eq!((asked.conn, positions(&asked)), (leader.conn, vec![(0, 6)]));
    s.answer_with(&asked, preferred());
    let follower = s.run().remove(0);
    s.bench.break_off(follower.conn);
    let asked = s.after(SECOND).remove(0);
    assert_eq!((asked.conn, positions(&asked)), (leader.conn, vec![(0, 6)]));
    // Asked again when metadata is due.
    s.answer_with(&asked, preferred());
    let follower = s.run().remove(0);
    s.bench.now += 301 * SECOND;
    s.answer(&follower, vec![(0, OK, batch(6, 1))]);
    s.run();
    s.data();
    s.take(0);
    let asked = s.after(SECOND);
    assert!(asked.iter().any(|asked| positions(asked) == [(0, 7)] && asked.conn != follower.conn));
}

#[test]
fn a_leader_that_an_answer_names_is_asked_at_once() {
    let mut s = setup(&[1]);
    s.assign(0, 5);
    let asked = s.run().remove(0);
    let data = PartitionData {
        error_code: ErrorCode::NOT_LEADER_OR_FOLLOWER.0,
        current_leader: crate::wire::messages::fetch::LeaderIdAndEpoch {
            leader_id: 2,
            leader_epoch: 7,
        },
        ..Default::default()
    };
    s.answer_with(&asked, data);
    let again = s.run().remove(0);
    assert_ne!(again.conn, asked.conn);
    assert_eq!(positions(&again), [(0, 5)]);
    let request: FetchRequest = again.body();
    assert_eq!(request.topics[0].partitions[0].current_leader_epoch, 7);
}

#[test]
fn a_topic_that_comes_back_smaller_is_another_topic() {
    let mut s = setup(&[1, 1]);
    s.assign(1, 5);
    s.run();
    s.bench.topic("t", 2, &[1]);
    s.run();
    let kind = ErrorKind::PartitionGone { topic: "t".to_owned() };
    assert_eq!(s.error().kind(), &kind);
}
