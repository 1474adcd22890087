use super::errors::ROWS;
use super::*;
use crate::limits::OFFSET_COMMIT_BYTES_MAX;
use crate::pending::Pending;
use crate::testing::{Asked as Heard, Bench, SECOND};
use crate::wire::compression::{Compression, Compressor};
use crate::wire::messages::add_offsets_to_txn::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};
use crate::wire::messages::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    AddPartitionsToTxnTopicResult,
};
use crate::wire::messages::end_txn::{EndTxnRequest, EndTxnResponse};
use crate::wire::messages::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};
use crate::wire::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use crate::wire::messages::produce::{
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use crate::wire::messages::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition,
    TxnOffsetCommitResponseTopic,
};
use crate::wire::records::BatchBuilder;

/// A machine, brokers played by the test, and what was asked of them and is not answered.
struct Stage {
    bench: Bench,
    machine: TransactionMachine,
    heard: VecDeque<Heard>,
}

fn pending<T>() -> (Done<T>, Pending<TransactionResult<T>>) {
    Promise::new(|| Err(TransactionError::new(Failure::OutcomeUnknown, Error::closed())))
}

impl Stage {
    fn new(protocol: u8) -> Self {
        let mut bench = Bench::new(&[]);
        bench.transaction_version = if protocol == 2 { 2 } else { 0 };
        bench.topic("t", 1, &[1]);
        let machine = TransactionMachine::new(9, "tx".to_owned(), 60 * SECOND);
        Self { bench, machine, heard: VecDeque::new() }
    }

    /// After `init`, with producer id 5 and epoch 0.
    fn ready(protocol: u8) -> Self {
        let mut stage = Self::new(protocol);
        let (promise, init) = pending();
        stage.request(Request::Init(promise));
        stage.find();
        stage.init(0, 5, 0);
        assert_eq!(init.try_take().unwrap().unwrap().protocol, protocol);
        stage
    }

    /// With two batches in a transaction, the first of them refused.
    fn refused(protocol: u8, code: ErrorCode) -> Self {
        let mut stage = Self::ready(protocol);
        stage.send();
        // One batch is out until the producer is known to the partition.
        stage.send();
        if protocol == 1 {
            stage.add_partitions(ErrorCode::NONE);
        }
        stage.produce(code);
        stage
    }

    fn request(&mut self, request: Request) {
        self.machine.request(request, &mut self.bench.cluster, self.bench.now);
        self.run();
    }

    fn run(&mut self) {
        loop {
            self.bench.cluster.tick(self.bench.now);
            self.machine.poll(&mut self.bench.cluster, self.bench.now);
            self.machine.answer_spoilt();
            self.heard.extend(self.bench.asked());
            let done = self.bench.completions();
            if done.is_empty() {
                return;
            }
            for done in done {
                let (cluster, now) = (&mut self.bench.cluster, self.bench.now);
                match done.owner {
                    Owner::Transaction(_) => {
                        self.machine.answered(done.call, done.result, cluster, now);
                    }
                    _ => self.machine.produced(done.call, done.result, cluster, now),
                }
            }
        }
    }

    /// Lets retries become due.
    fn later(&mut self) {
        self.bench.now += 3 * SECOND;
        self.run();
    }

    fn heard(&mut self, api: &str) -> Heard {
        let heard = self.heard.pop_front().unwrap_or_else(|| panic!("{api} was not asked"));
        assert_eq!(heard.api(), api);
        heard
    }

    fn find(&mut self) {
        let heard = self.heard("FindCoordinator");
        let asked: FindCoordinatorRequest = heard.body();
        assert_eq!(
            (asked.key_type, asked.coordinator_keys.as_slice()),
            (1, &["tx".to_owned()][..])
        );
        self.bench.answer_coordinator(&heard);
        self.run();
    }

    fn init(
        &mut self,
        error_code: i16,
        producer_id: i64,
        producer_epoch: i16,
    ) -> InitProducerIdRequest {
        let heard = self.heard("InitProducerId");
        let response = InitProducerIdResponse {
            error_code,
            producer_id,
            producer_epoch,
            ..Default::default()
        };
        self.bench.answer::<InitProducerIdRequest>(&heard, &response);
        self.run();
        heard.body()
    }

    fn send(&mut self) {
        let mut builder = BatchBuilder::new(Compression::None, 1000);
        builder.append(1, None, Some(b"v"), &[]).unwrap();
        let batch = builder.seal(&mut Compressor::default()).unwrap();
        let partition = TopicPartition::new("t", 0);
        self.request(Request::Send { partition, batch, tag: 1 });
    }

    fn add_partitions(&mut self, code: ErrorCode) {
        let heard = self.heard("AddPartitionsToTxn");
        assert!(heard.header.api_version <= 3);
        let result =
            AddPartitionsToTxnPartitionResult { partition_index: 0, partition_error_code: code.0 };
        let topic = AddPartitionsToTxnTopicResult {
            name: "t".to_owned(),
            results_by_partition: vec![result],
        };
        let response = AddPartitionsToTxnResponse {
            results_by_topic_v3_and_below: vec![topic],
            ..Default::default()
        };
        self.bench.answer::<AddPartitionsToTxnRequest>(&heard, &response);
        self.run();
    }

    /// Answers a produce request; its version.
    fn produce(&mut self, code: ErrorCode) -> i16 {
        let heard = self.heard("Produce");
        let body: ProduceRequest = heard.body();
        assert_eq!(body.transactional_id.as_deref(), Some("tx"));
        let topic = &body.topic_data[0];
        let partition = PartitionProduceResponse { error_code: code.0, ..Default::default() };
        let topic = TopicProduceResponse {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partition_responses: vec![partition],
        };
        let response = ProduceResponse { responses: vec![topic], ..Default::default() };
        self.bench.answer::<ProduceRequest>(&heard, &response);
        self.run();
        heard.header.api_version
    }

    /// A batch written in the open transaction.
    fn written(&mut self, protocol: u8) {
        self.send();
        if protocol == 1 {
            self.add_partitions(ErrorCode::NONE);
        }
        let version = self.produce(ErrorCode::NONE);
        assert_eq!(version > 11, protocol == 2);
    }

    fn end(&mut self, commit: bool) -> Pending<TransactionResult<()>> {
        let (promise, pending) = pending();
        self.request(Request::End { commit, promise });
        pending
    }

    fn answer_end(&mut self, code: ErrorCode) -> EndTxnRequest {
        let heard = self.heard("EndTxn");
        let body: EndTxnRequest = heard.body();
        let (producer_id, producer_epoch) = (body.producer_id, body.producer_epoch + 1);
        let response = EndTxnResponse {
            error_code: code.0,
            producer_id,
            producer_epoch,
            ..Default::default()
        };
        self.bench.answer::<EndTxnRequest>(&heard, &response);
        self.run();
        body
    }

    fn cut_end(&mut self) {
        let heard = self.heard("EndTxn");
        self.bench.break_off(heard.conn);
        self.run();
        self.later();
        self.find();
    }
}

fn failure<T>(pending: &Pending<TransactionResult<T>>) -> Option<Failure> {
    pending.try_take()?.err().map(|error| error.failure)
}

#[test]
fn the_epoch_of_the_next_transaction_comes_from_the_answer() {
    for (protocol, epochs) in [(1, [0, 0]), (2, [0, 1])] {
        let mut stage = Stage::ready(protocol);
        for epoch in epochs {
            stage.written(protocol);
            let commit = stage.end(true);
            assert_eq!(stage.answer_end(ErrorCode::NONE).producer_epoch, epoch);
            assert!(commit.try_take().unwrap().is_ok());
        }
        assert!(stage.heard.is_empty());
    }
}

#[test]
fn nothing_sent_is_nothing_to_end() {
    for protocol in [1, 2] {
        let mut stage = Stage::ready(protocol);
        for commit in [true, false] {
            let end = stage.end(commit);
            assert!(end.try_take().unwrap().is_ok());
        }
        assert!(stage.heard.is_empty());
    }
}

/// Every row of the table, answered to a commit that was asked once, and to one whose first
/// answer was lost.
#[test]
fn what_a_code_means_to_a_commit() {
    let unknown = (ErrorCode(30_000), TransactionAction::Fail);
    for (code, action) in ROWS.iter().copied().chain([unknown]) {
        for lost in [false, true] {
            let mut stage = Stage::ready(2);
            stage.written(2);
            let commit = stage.end(true);
            if lost {
                stage.cut_end();
            }
            stage.answer_end(code);
            let expected = match action {
                TransactionAction::Retry | TransactionAction::Rediscover => None,
                _ if lost || code == unknown.0 => Some(Failure::OutcomeUnknown),
                TransactionAction::Abort => Some(Failure::MustAbort),
                TransactionAction::Fenced => Some(Failure::Fenced),
                TransactionAction::Fail => Some(Failure::Fatal),
            };
            assert_eq!(failure(&commit), expected, "{code:?} lost {lost}");
            if expected.is_none() {
                stage.later();
                if action == TransactionAction::Rediscover {
                    stage.find();
                }
                assert!(stage.answer_end(ErrorCode::NONE).committed, "{code:?}");
                assert!(commit.try_take().unwrap().is_ok());
            }
        }
    }
}

#[test]
fn an_unanswered_end_is_asked_again_in_the_same_direction() {
    for protocol in [1, 2] {
        let mut stage = Stage::ready(protocol);
        stage.written(protocol);
        let commit = stage.end(true);
        stage.cut_end();
        assert!(stage.answer_end(ErrorCode::NONE).committed);
        assert!(commit.try_take().unwrap().is_ok());
        stage.send();
        if protocol == 1 {
            // The old request may still arrive: it must not end the next transaction.
            let asked = stage.init(0, 5, 1);
            assert_eq!((asked.producer_id, asked.producer_epoch), (5, 0));
            stage.add_partitions(ErrorCode::NONE);
        }
        stage.produce(ErrorCode::NONE);
        let commit = stage.end(true);
        assert_eq!(stage.answer_end(ErrorCode::NONE).producer_epoch, 1);
        assert!(commit.try_take().unwrap().is_ok());
    }
}

#[test]
fn an_outcome_that_stays_open_is_reported_as_such() {
    let mut stage = Stage::ready(2);
    stage.written(2);
    let commit = stage.end(true);
    stage.heard("EndTxn");
    stage.bench.now += 61 * SECOND;
    stage.run();
    assert_eq!(failure(&commit), Some(Failure::OutcomeUnknown));
    let again = stage.end(false);
    assert_eq!(failure(&again), Some(Failure::OutcomeUnknown), "final");
}

#[test]
fn a_lost_batch_spoils_its_transaction_only() {
    for protocol in [1, 2] {
        for code in [ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, ErrorCode::INVALID_RECORD] {
            let mut stage = Stage::ready(protocol);
            stage.send();
            if protocol == 1 {
                stage.add_partitions(ErrorCode::NONE);
            }
            stage.produce(code);
            let commit = stage.end(true);
            assert_eq!(failure(&commit), Some(Failure::MustAbort));
            assert!(stage.heard.is_empty(), "no EndTxn(commit)");
            let abort = stage.end(false);
            assert!(!stage.answer_end(ErrorCode::NONE).committed);
            assert!(abort.try_take().unwrap().is_ok());
            stage.send();
            if protocol == 1 {
                stage.init(0, 5, 1);
                stage.add_partitions(ErrorCode::NONE);
            }
            stage.produce(ErrorCode::NONE);
            let commit = stage.end(true);
            assert_eq!(stage.answer_end(ErrorCode::NONE).producer_epoch, 1);
            assert!(commit.try_take().unwrap().is_ok());
        }
    }
}

#[test]
fn a_refused_partition_names_its_cause_at_once_and_leaves_nothing_to_end() {
    let denied = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let mut stage = Stage::ready(1);
    stage.send();
    stage.add_partitions(denied);
    let (events, freed) = stage.machine.take_events();
    assert!(freed > 0);
    let [ProduceEvent::Failed { error, possibly_written: false, .. }] = &*events else {
        panic!("{events:?}");
    };
    assert!(error.to_string().contains(denied.name()), "{error}");
    assert!(error.to_string().contains("partition t-0"), "{error}");
    let commit = stage.end(true);
    assert_eq!(failure(&commit), Some(Failure::MustAbort));
    let abort = stage.end(false);
    assert!(abort.try_take().unwrap().is_ok(), "nothing was added");
    assert!(stage.heard.is_empty());
    stage.send();
    stage.init(0, 5, 1);
    stage.add_partitions(ErrorCode::NONE);
    stage.produce(ErrorCode::NONE);
    let commit = stage.end(true);
    stage.answer_end(ErrorCode::NONE);
    assert!(commit.try_take().unwrap().is_ok());
}

#[test]
fn what_is_queued_behind_a_lost_batch_fails_with_it() {
    for protocol in [1, 2] {
        let mut stage = Stage::refused(protocol, ErrorCode::INVALID_RECORD);
        let events = stage.machine.take_events().0;
        assert_eq!(events.len(), 2, "{events:?}");
        for event in events {
            let ProduceEvent::Failed { error, .. } = event else { panic!("{event:?}") };
            assert_eq!(error.code(), Some(ErrorCode::INVALID_RECORD));
        }
    }
}

/// Who leaves out the records that are too large must not leave out those behind them.
#[test]
fn a_batch_that_is_too_large_says_nothing_about_others() {
    for protocol in [1, 2] {
        let mut stage = Stage::refused(protocol, ErrorCode::MESSAGE_TOO_LARGE);
        stage.send();
        let too_large: Vec<bool> = stage
            .machine
            .take_events()
            .0
            .iter()
            .map(|event| match event {
                ProduceEvent::Failed { error, .. } => *error.kind() == ErrorKind::TooLarge,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(too_large, [true, false, false], "protocol {protocol}");
    }
}

#[test]
fn a_transaction_that_nobody_confirmed_may_turn_out_not_to_have_begun() {
    // Whether partitions were added: answered, or not known to be.
    for (added, expected) in [(true, Some(Failure::Fenced)), (false, None)] {
        let mut stage = Stage::ready(1);
        stage.send();
        if added {
            stage.add_partitions(ErrorCode::NONE);
            stage.produce(ErrorCode::NONE);
        } else {
            let asked = stage.heard("AddPartitionsToTxn");
            stage.bench.break_off(asked.conn);
            stage.run();
        }
        let abort = stage.end(false);
        if !added {
            while stage.heard.front().is_some_and(|heard| heard.api() == "FindCoordinator") {
                stage.find();
                stage.later();
            }
        }
        assert!(!stage.answer_end(ErrorCode::INVALID_TXN_STATE).committed);
        assert_eq!(failure(&abort), expected);
    }
}

#[test]
fn an_answer_that_lacks_a_partition_is_no_success() {
    let mut stage = Stage::ready(1);
    stage.send();
    let asked = stage.heard("AddPartitionsToTxn");
    let nothing = AddPartitionsToTxnResponse::default();
    stage.bench.answer::<AddPartitionsToTxnRequest>(&asked, &nothing);
    stage.run();
    assert!(stage.heard.is_empty(), "nothing is written before it is said to be added");
    stage.later();
    stage.add_partitions(ErrorCode::NONE);
    stage.produce(ErrorCode::NONE);
    let (promise, offsets) = pending();
    let of = vec![(TopicPartition::new("in", 3), CommittedOffset::new(7))];
    let (group, member) = ("g".to_owned(), GroupMember::default());
    stage.request(Request::Offsets { group, member, offsets: of, promise });
    let asked = stage.heard("AddOffsetsToTxn");
    stage.bench.answer::<AddOffsetsToTxnRequest>(&asked, &Default::default());
    stage.run();
    let asked = stage.heard("FindCoordinator");
    assert_eq!(asked.body::<FindCoordinatorRequest>().coordinator_keys, ["g"]);
    stage.bench.answer_coordinator(&asked);
    stage.run();
    for complete in [false, true] {
        let asked = stage.heard("TxnOffsetCommit");
        let partition =
            TxnOffsetCommitResponsePartition { partition_index: 3, ..Default::default() };
        let topic = TxnOffsetCommitResponseTopic {
            name: "in".to_owned(),
            partitions: if complete { vec![partition] } else { Vec::new() },
            ..Default::default()
        };
        let response = TxnOffsetCommitResponse { topics: vec![topic], ..Default::default() };
        stage.bench.answer::<TxnOffsetCommitRequest>(&asked, &response);
        stage.run();
        let taken = offsets.try_take().map(|result| result.is_ok());
        assert_eq!(taken, complete.then_some(true));
        stage.later();
    }
}

/// Stores offsets of two partitions of topic `in`, and answers `codes` until there is an outcome: the commit behind them,
/// the outcome, and the seconds that it took.
fn store_offsets(
    stage: &mut Stage,
    codes: [ErrorCode; 2],
) -> (Pending<TransactionResult<()>>, TransactionResult<()>, u64) {
    let (promise, offsets) = pending();
    let of = [0, 1].map(|at| (TopicPartition::new("in", at), CommittedOffset::new(7)));
    let (group, member) = ("g".to_owned(), GroupMember::default());
    stage.request(Request::Offsets { group, member, offsets: of.to_vec(), promise });
    let commit = stage.end(true);
    let asked = stage.heard("FindCoordinator");
    stage.bench.answer_coordinator(&asked);
    stage.run();
    let begin = stage.bench.now;
    let partition = |(index, code): (i32, ErrorCode)| TxnOffsetCommitResponsePartition {
        partition_index: index,
        error_code: code.0,
    };
    let topic = TxnOffsetCommitResponseTopic {
        name: "in".to_owned(),
        partitions: (0..).zip(codes).map(partition).collect(),
        ..Default::default()
    };
    let response = TxnOffsetCommitResponse { topics: vec![topic], ..Default::default() };
    loop {
        if let Some(outcome) = offsets.try_take() {
            return (commit, outcome, (stage.bench.now - begin).as_secs());
        }
        if stage.heard.is_empty() {
            stage.later();
            continue;
        }
        let asked = stage.heard("TxnOffsetCommit");
        stage.bench.answer::<TxnOffsetCommitRequest>(&asked, &response);
        stage.run();
    }
}

/// A coordinator writes the offsets of a request as one batch, which its log may find too large.
#[test]
fn many_offsets_take_one_request_after_the_other() {
    let mut stage = Stage::ready(2);
    let metadata = "m".repeat(16 << 10);
    let long = |partition| {
        let committed = CommittedOffset { metadata: metadata.clone(), ..CommittedOffset::new(4) };
        (TopicPartition::new("in", partition), committed)
    };
    let (promise, offsets) = pending();
    let (group, member) = ("g".to_owned(), GroupMember::default());
    let of = (0..100).map(long).collect();
    stage.request(Request::Offsets { group, member, offsets: of, promise });
    let asked = stage.heard("FindCoordinator");
    stage.bench.answer_coordinator(&asked);
    stage.run();
    let (mut stored, mut requests) = (Vec::new(), 0);
    while stored.len() < 100 {
        assert!(offsets.try_take().is_none());
        let asked = stage.heard("TxnOffsetCommit");
        let body: TxnOffsetCommitRequest = asked.body();
        let partitions = body.topics.iter().flat_map(|topic| &topic.partitions);
        let part: Vec<i32> = partitions.map(|at| at.partition_index).collect();
        assert!(part.len() << 14 <= OFFSET_COMMIT_BYTES_MAX);
        let answer = |at: &i32| TxnOffsetCommitResponsePartition {
            partition_index: *at,
            ..Default::default()
        };
        let topic = TxnOffsetCommitResponseTopic {
            name: "in".to_owned(),
            partitions: part.iter().map(answer).collect(),
            ..Default::default()
        };
        let response = TxnOffsetCommitResponse { topics: vec![topic], ..Default::default() };
        stage.bench.answer::<TxnOffsetCommitRequest>(&asked, &response);
        stage.run();
        stored.extend(part);
        requests += 1;
    }
    assert_eq!((stored, requests), ((0..100).collect(), 4));
    assert!(offsets.try_take().is_some_and(|result| result.is_ok()));
}

/// They go with their partition. Where nothing else is in the transaction, the broker does not know it: with version 2
/// offsets that it stores begin it.
#[test]
fn offsets_of_a_deleted_partition_do_not_hold_a_commit_up_until_its_end() {
    let gone = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    for (first, ended) in [(ErrorCode::NONE, ErrorCode::NONE), (gone, ErrorCode::INVALID_TXN_STATE)]
    {
        let mut stage = Stage::ready(2);
        if first.is_ok() {
            stage.bench.topic("in", 2, &[1]);
        }
        let (commit, outcome, seconds) = store_offsets(&mut stage, [first, gone]);
        assert!(outcome.is_ok() && (10..=13).contains(&seconds), "{outcome:?} after {seconds} s");
        stage.answer_end(ended);
        assert_eq!(commit.try_take().map(|result| result.is_ok()), Some(true), "{ended:?}");
    }
}

/// What the coordinator knows may be old, and a commit without the position would be output twice.
#[test]
fn offsets_of_a_partition_that_is_there_are_never_left_out() {
    let mut stage = Stage::ready(2);
    stage.bench.topic("in", 2, &[1, 1]);
    let codes = [ErrorCode::NONE, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION];
    let (_commit, outcome, seconds) = store_offsets(&mut stage, codes);
    assert!(outcome.is_err() && seconds >= 60, "{outcome:?} after {seconds} s");
}

/// All of it is asked for before the machine gets to work.
#[test]
fn an_aborted_batch_does_not_reach_the_next_transaction() {
    let mut stage = Stage::ready(2);
    let (commit, committed) = pending();
    let (abort, aborted) = pending();
    let (cluster, now) = (&mut stage.bench.cluster, stage.bench.now);
    stage.machine.request(Request::End { commit: true, promise: commit }, cluster, now);
    let mut builder = BatchBuilder::new(Compression::None, 1000);
    builder.append(1, None, Some(b"v"), &[]).unwrap();
    let batch = builder.seal(&mut Compressor::default()).unwrap();
    let partition = TopicPartition::new("t", 0);
    stage.machine.request(Request::Send { partition, batch, tag: 1 }, cluster, now);
    stage.machine.request(Request::End { commit: false, promise: abort }, cluster, now);
    stage.run();
    assert!(committed.try_take().unwrap().is_ok());
    assert!(aborted.try_take().unwrap().is_ok());
    assert!(stage.heard.is_empty());
    assert_eq!(stage.machine.take_events().0.len(), 1);
}

/// Brokers before 3.6 write what reaches them behind the markers of an abort, if it has the epoch of these: the next
/// commit would commit it, too.
#[test]
fn a_batch_that_may_still_arrive_is_shut_out_by_a_new_producer() {
    let mut stage = Stage::ready(1);
    stage.send();
    stage.add_partitions(ErrorCode::NONE);
    let cut = stage.heard("Produce");
    stage.bench.break_off(cut.conn);
    stage.run();
    let abort = stage.end(false);
    stage.later();
    let asked = stage.init(ErrorCode::CONCURRENT_TRANSACTIONS.0, -1, -1);
    // Without an identity, which the abort has made an old one by the time of the next try.
    assert_eq!((asked.producer_id, asked.producer_epoch), (-1, -1));
    assert!(abort.try_take().is_none());
    stage.later();
    stage.find();
    let asked = stage.init(0, 5, 2);
    assert_eq!((asked.producer_id, asked.producer_epoch), (-1, -1));
    assert!(abort.try_take().unwrap().is_ok());
    stage.written(1);
    let commit = stage.end(true);
    assert_eq!(stage.answer_end(ErrorCode::NONE).producer_epoch, 2);
    assert!(commit.try_take().unwrap().is_ok());
}

#[test]
fn fencing_is_final() {
    let mut stage = Stage::ready(1);
    stage.send();
    stage.add_partitions(ErrorCode::PRODUCER_FENCED);
    let commit = stage.end(true);
    assert_eq!(failure(&commit), Some(Failure::Fenced));
    stage.send();
    assert!(stage.heard.is_empty());
    let events = stage.machine.take_events().0;
    assert_eq!(events.len(), 2, "{events:?}");
}

/// Who hears that the commit failed looks at the groups for the reason.
#[test]
fn a_refused_group_is_told_before_the_end_that_it_fails() {
    let mut stage = Stage::ready(2);
    stage.written(2);
    let (promise, offsets) = pending();
    stage.request(Request::Offsets {
        group: "g".to_owned(),
        member: GroupMember::default(),
        offsets: vec![(TopicPartition::new("t", 0), CommittedOffset::new(1))],
        promise,
    });
    let commit = stage.end(true);
    let (sender, told) = std::sync::mpsc::channel();
    commit.on_ready(Arc::new(move || sender.send(failure(&offsets)).unwrap()));
    while let Some(heard) = stage.heard.pop_front() {
        if heard.api() == "FindCoordinator" {
            let code = ErrorCode::GROUP_AUTHORIZATION_FAILED.0;
            let key = "g".to_owned();
            let coordinator = Coordinator { key, error_code: code, ..Default::default() };
            let coordinators = vec![coordinator];
            let response = FindCoordinatorResponse { coordinators, ..Default::default() };
            stage.bench.answer::<FindCoordinatorRequest>(&heard, &response);
        } else {
            let response = AddOffsetsToTxnResponse::default();
            stage.bench.answer::<AddOffsetsToTxnRequest>(&heard, &response);
        }
        stage.run();
    }
    assert_eq!(told.try_recv(), Ok(Some(Failure::Fatal)));
    assert_eq!(failure(&commit), Some(Failure::Fatal));
}

#[test]
fn init_waits_for_the_transaction_of_the_one_before() {
    let mut stage = Stage::new(2);
    let (promise, init) = pending();
    stage.request(Request::Init(promise));
    stage.find();
    stage.init(ErrorCode::CONCURRENT_TRANSACTIONS.0, -1, -1);
    stage.later();
    stage.init(ErrorCode::NOT_COORDINATOR.0, -1, -1);
    stage.later();
    stage.find();
    let asked = stage.init(0, 5, 3);
    assert_eq!((asked.producer_id, asked.producer_epoch), (-1, -1));
    let identity = init.try_take().unwrap().unwrap();
    assert_eq!((identity.id, identity.epoch, identity.protocol), (5, 3, 2));
}
