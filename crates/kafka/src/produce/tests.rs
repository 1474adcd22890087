use bytes::Bytes;

use super::*;
use crate::error_table::ROWS;
use crate::testing::{Asked, Bench, MILLI, SECOND};
use crate::wire::compression::Compression;
use crate::wire::messages::init_producer_id::InitProducerIdResponse;
use crate::wire::messages::produce::TopicProduceResponse;
use crate::wire::records::{BatchBuilder, BatchHeader};

struct Setup {
    bench: Bench,
    machine: ProduceMachine,
    events: Vec<ProduceEvent>,
}

/// A producer with id 7, epoch 0, over topic `t` with these leaders.
fn setup(pairs: &[(&str, &str)], leaders: &[i32]) -> Setup {
    let mut s = Setup { bench: Bench::new(pairs), machine: ProduceMachine::new(0), events: vec![] };
    s.bench.topic("t", 1, leaders);
    s
}

fn sealed(records: usize) -> SealedBatch {
    let mut builder = BatchBuilder::new(Compression::None, 1024);
    for _ in 0..records {
        builder.append(1, None, Some(b"value"), &[]).unwrap();
    }
    builder.seal(&mut Compressor::default()).unwrap()
}

impl Setup {
    fn push(&mut self, partition: i32, records: usize, tag: u64) {
        let tp = TopicPartition::new("t", partition);
        self.machine.push(tp, sealed(records), tag, &mut self.bench.cluster, self.bench.now);
    }

    /// As if the broker had acknowledged an empty batch of the producer on these partitions.
    fn acknowledge(&mut self, partitions: i32) {
        for partition in 0..partitions {
            let queue = self.machine.queues.entry(TopicPartition::new("t", partition)).or_default();
            queue.identity = Some(Identity { id: 7, epoch: 0 });
            queue.acked = true;
        }
    }

    /// Lets everything act until it is quiet; answers metadata and producer ids.
    fn run(&mut self) -> Vec<Asked> {
        let mut out = Vec::new();
        loop {
            self.bench.cluster.tick(self.bench.now);
            self.machine.poll(&mut self.bench.cluster, self.bench.now);
            let (events, _) = self.machine.take_events();
            self.events.extend(events);
            let asked = self.bench.asked();
            let mut quiet = asked.is_empty();
            for asked in asked {
                match asked.api() {
                    "InitProducerId" => {
                        let response =
                            InitProducerIdResponse { producer_id: 7, ..Default::default() };
                        self.bench.answer::<InitProducerIdRequest>(&asked, &response);
                    }
                    "Produce" => out.push(asked),
                    _ => {}
                }
            }
            for done in self.bench.completions() {
                quiet = false;
                if done.owner == Owner::Producer(0) {
                    let (cluster, now) = (&mut self.bench.cluster, self.bench.now);
                    self.machine.answered(done.call, done.result, cluster, now);
                }
            }
            if quiet {
                return out;
            }
        }
    }

    /// Runs after `time`.
    fn after(&mut self, time: Duration) -> Vec<Asked> {
        let mut out = self.run();
        self.bench.now += time;
        out.extend(self.run());
        out
    }

    /// Answers every partition of a request with `code`.
    fn answer(&mut self, asked: &Asked, code: ErrorCode, base_offset: i64) {
        let request: ProduceRequest = asked.body();
        let partition = |p: &PartitionProduceData| PartitionProduceResponse {
            index: p.index,
            error_code: code.0,
            base_offset,
            ..Default::default()
        };
        let responses = request.topic_data.iter().map(|topic| TopicProduceResponse {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            partition_responses: topic.partition_data.iter().map(partition).collect(),
        });
        let response = ProduceResponse { responses: responses.collect(), ..Default::default() };
        self.bench.answer::<ProduceRequest>(asked, &response);
    }

    fn delivered(&mut self) -> Vec<(u64, i64)> {
        self.events
            .drain(..)
            .map(|event| match event {
                ProduceEvent::Delivered { tag, base_offset, .. } => (tag, base_offset),
                ProduceEvent::Failed { error, .. } => panic!("{error}"),
            })
            .collect()
    }

    fn failed(&mut self) -> Vec<(u64, bool)> {
        self.events
            .drain(..)
            .map(|event| match event {
                ProduceEvent::Failed { tag, possibly_written, .. } => (tag, possibly_written),
                ProduceEvent::Delivered { .. } => panic!("{event:?}"),
            })
            .collect()
    }
}

/// Partition and header of every batch in a request, and its bytes.
fn batches(asked: &Asked) -> Vec<(i32, BatchHeader, Bytes)> {
    let request: ProduceRequest = asked.body();
    assert_eq!(request.acks, -1);
    let partitions = request.topic_data.into_iter().flat_map(|topic| topic.partition_data);
    partitions
        .map(|data| {
            let bytes = data.records.unwrap();
            (data.index, BatchHeader::parse(&bytes).unwrap(), bytes)
        })
        .collect()
}

fn stamp_of(asked: &Asked) -> (i64, i16, i32) {
    let (_, header, _) = batches(asked).remove(0);
    (header.producer_id, header.producer_epoch, header.base_sequence)
}

#[test]
fn one_request_per_broker_carries_a_batch_of_each_partition() {
    let mut s = setup(&[], &[1, 2, 1]);
    s.acknowledge(3);
    for partition in [0, 1, 2, 0] {
        s.push(partition, 2, 0);
    }
    let asked = s.run();
    let mut shapes: Vec<Vec<i32>> =
        asked.iter().map(|a| batches(a).iter().map(|b| b.0).collect()).collect();
    shapes.sort();
    assert_eq!(shapes, [vec![0], vec![0, 2], vec![1]]);
}

#[test]
fn five_batches_of_a_partition_are_in_flight_with_rising_sequences() {
    let mut s = setup(&[], &[1]);
    s.acknowledge(1);
    for tag in 0..7 {
        s.push(0, 3, tag);
    }
    let asked = s.run();
    let stamps: Vec<_> = asked.iter().map(stamp_of).collect();
    assert_eq!(stamps, [(7, 0, 0), (7, 0, 3), (7, 0, 6), (7, 0, 9), (7, 0, 12)]);
    s.answer(&asked[0], ErrorCode::NONE, 100);
    let more = s.run();
    assert_eq!(more.iter().map(stamp_of).collect::<Vec<_>>(), [(7, 0, 15)]);
    assert_eq!(s.delivered(), [(0, 100)]);
}

/// A test per row of the error table: what one answer with this code leads to.
#[test]
fn each_row_of_the_error_table() {
    let unknown = ErrorCode(30_000);
    for code in ROWS.iter().map(|row| row.code).chain([unknown, ErrorCode::INVALID_RECORD]) {
        let mut s = setup(&[], &[1]);
        s.push(0, 2, 9);
        let first = s.run().remove(0);
        s.bench.now += 2 * SECOND;
        s.bench.refreshes = 0;
        s.answer(&first, code, -1);
        let at_once = s.run();
        let action = error_table::produce(code);
        match action {
            ProduceAction::Duplicate => assert_eq!(s.delivered(), [(9, -1)], "{code:?}"),
            ProduceAction::Refresh | ProduceAction::Retry | ProduceAction::Unknown => {
                assert!(at_once.is_empty(), "{code:?} backs off");
                let refreshes = action == ProduceAction::Refresh;
                assert_eq!(s.bench.refreshes > 0, refreshes, "{code:?}");
                let again = s.after(200 * MILLI).remove(0);
                assert_eq!(batches(&again), batches(&first), "{code:?}: byte for byte");
                s.answer(&again, ErrorCode::NONE, 5);
                s.run();
                assert_eq!(s.delivered(), [(9, 5)], "{code:?}");
            }
            ProduceAction::Split => {
                assert_eq!(stamp_of(&at_once[0]), (7, 0, 0), "{code:?}");
                assert_eq!(batches(&at_once[0])[0].1.record_count, 1);
                s.answer(&at_once[0], ErrorCode::NONE, 0);
                let second = s.run().remove(0);
                assert_eq!(stamp_of(&second), (7, 0, 1), "{code:?}");
                s.answer(&second, ErrorCode::NONE, 1);
                s.run();
                assert_eq!(s.delivered(), [(9, 0), (9, 1)], "{code:?}");
            }
            ProduceAction::Sequence => {
                let again = s.after(200 * MILLI).remove(0);
                assert_eq!(stamp_of(&again), (7, 1, 0), "{code:?}");
            }
            ProduceAction::Fail | ProduceAction::FailAll => {
                assert_eq!(s.failed(), [(9, false)], "{code:?}");
                s.push(0, 1, 10);
                let next = s.run().remove(0);
                assert_eq!(stamp_of(&next), (7, 1, 0), "{code:?}: its sequence is missing");
            }
        }
    }
}

#[test]
fn a_single_record_that_is_too_large_fails() {
    let mut s = setup(&[], &[1]);
    s.push(0, 1, 4);
    let asked = s.run().remove(0);
    s.answer(&asked, ErrorCode::MESSAGE_TOO_LARGE, -1);
    s.run();
    assert_eq!(s.failed(), [(4, false)]);
    s.push(0, 1, 5);
    let next = s.run().remove(0);
    assert_eq!(stamp_of(&next), (7, 1, 0), "the sequence of the failed one is missing");
}

#[test]
fn only_the_first_batch_is_judged_by_a_sequence_error() {
    let mut s = setup(&[], &[1]);
    s.acknowledge(1);
    for tag in 0..3 {
        s.push(0, 1, tag);
    }
    let asked = s.run();
    s.answer(&asked[0], ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    s.answer(&asked[1], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    s.answer(&asked[2], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    for (first, n) in asked.iter().zip(0..) {
        let again = s.after(200 * MILLI);
        assert_eq!(again.len(), 1, "one at a time while retrying");
        assert_eq!(batches(&again[0]), batches(first), "same sequence, same bytes");
        s.answer(&again[0], ErrorCode::NONE, n);
    }
    s.run();
    assert_eq!(s.delivered(), [(0, 0), (1, 1), (2, 2)]);
}

#[test]
fn a_lost_connection_leaves_the_outcome_unknown_and_the_bytes_the_same() {
    let mut s = setup(&[], &[1]);
    s.acknowledge(1);
    s.push(0, 1, 0);
    s.push(0, 1, 1);
    let asked = s.run();
    s.bench.break_off(asked[0].conn);
    s.run();
    let again = s.after(200 * MILLI);
    assert_eq!(again.len(), 1);
    assert_eq!(batches(&again[0]), batches(&asked[0]));
    s.answer(&again[0], ErrorCode::DUPLICATE_SEQUENCE_NUMBER, -1);
    let second = s.run();
    assert_eq!(batches(&second[0]), batches(&asked[1]));
    s.answer(&second[0], ErrorCode::NONE, 1);
    s.run();
    assert_eq!(s.delivered(), [(0, -1), (1, 1)]);
}

#[test]
fn time_ends_an_unknown_outcome_and_the_epoch_moves_on() {
    let mut s = setup(&[("delivery.timeout.ms", "40000")], &[1]);
    s.push(0, 1, 0);
    let asked = s.run();
    s.bench.break_off(asked[0].conn);
    s.run();
    let retried = s.after(SECOND);
    assert_eq!(retried.len(), 1);
    s.bench.now += 20 * SECOND;
    s.push(0, 1, 1);
    assert!(s.after(20 * SECOND).is_empty(), "the first may still be on the wire");
    assert_eq!(s.failed(), [(0, true)]);
    s.bench.break_off(retried[0].conn);
    s.run();
    let next = s.after(SECOND);
    assert_eq!(stamp_of(&next[0]), (7, 1, 0));
}

#[test]
fn a_deleted_topic_is_given_up_long_before_the_time_for_delivery() {
    let mut s = setup(&[], &[1]);
    s.push(0, 1, 0);
    let asked = s.run();
    s.bench.delete("t");
    s.answer(&asked[0], ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1);
    for _ in 0..9 {
        for asked in s.after(SECOND) {
            s.answer(&asked, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1);
        }
    }
    assert_eq!(s.events.len(), 0, "it may be on its way to this broker");
    for _ in 0..3 {
        for asked in s.after(SECOND) {
            s.answer(&asked, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, -1);
        }
    }
    let error = match s.events.as_slice() {
        [ProduceEvent::Failed { error, .. }] => error.kind().clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(error, ErrorKind::UnknownTopic { topic: "t".to_owned() });
}

/// Three batches of which nobody knows whether they are in the log, and the first is given up.
fn given_up_before_two_unknown_ones() -> (Setup, Vec<Asked>) {
    let mut s = setup(&[("delivery.timeout.ms", "40000")], &[1]);
    s.acknowledge(1);
    s.push(0, 1, 0);
    let mut asked = s.run();
    s.bench.now += 10 * SECOND;
    s.push(0, 1, 1);
    s.push(0, 1, 2);
    asked.extend(s.run());
    assert_eq!(asked.len(), 3);
    s.bench.break_off(asked[0].conn);
    s.run();
    let retried = s.after(SECOND);
    assert_eq!(batches(&retried[0]), batches(&asked[0]));
    s.bench.now += 29 * SECOND;
    s.bench.break_off(retried[0].conn);
    s.run();
    assert_eq!(s.failed(), [(0, true)]);
    (s, asked)
}

#[test]
fn what_followed_a_given_up_batch_is_not_written_twice() {
    let (mut s, asked) = given_up_before_two_unknown_ones();
    s.push(0, 1, 3);
    for asked in &asked[1..] {
        let again = s.after(SECOND);
        assert_eq!(again.len(), 1, "one at a time");
        assert_eq!(batches(&again[0]), batches(asked), "the broker can tell that it has it");
        s.answer(&again[0], ErrorCode::DUPLICATE_SEQUENCE_NUMBER, -1);
    }
    let next = s.after(SECOND);
    assert_eq!(stamp_of(&next[0]), (7, 1, 0), "a new epoch once everything is decided");
    s.answer(&next[0], ErrorCode::NONE, 3);
    s.run();
    assert_eq!(s.delivered(), [(1, -1), (2, -1), (3, 3)]);
}

#[test]
fn a_refused_sequence_behind_a_given_up_batch_shows_that_nothing_was_written() {
    let (mut s, asked) = given_up_before_two_unknown_ones();
    let again = s.after(SECOND);
    assert_eq!(batches(&again[0]), batches(&asked[1]));
    s.answer(&again[0], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    for sequence in 0..2 {
        let again = s.after(SECOND);
        assert_eq!(stamp_of(&again[0]), (7, 1, sequence));
        s.answer(&again[0], ErrorCode::NONE, sequence.into());
    }
    s.run();
    assert_eq!(s.delivered(), [(1, 0), (2, 1)]);
}

#[test]
fn an_old_broker_is_written_to_without_idempotence_in_order() {
    let mut s = setup(&[("delivery.timeout.ms", "40000")], &[1]);
    s.machine.identity = IdentityState::Ready(Identity::NONE);
    for tag in 0..3 {
        s.push(0, 1, tag);
    }
    let asked = s.run();
    assert_eq!(asked.len(), 1, "one at a time");
    assert_eq!(stamp_of(&asked[0]), (-1, -1, -1));
    s.answer(&asked[0], ErrorCode::NONE, 0);
    let asked = s.run();
    s.bench.break_off(asked[0].conn);
    s.run();
    let again = s.after(SECOND);
    assert_eq!(batches(&again[0]), batches(&asked[0]));
    s.answer(&again[0], ErrorCode::NONE, 2);
    let asked = s.run();
    assert_eq!(stamp_of(&asked[0]), (-1, -1, -1));
    s.answer(&asked[0], ErrorCode::NONE, 3);
    s.run();
    assert!(s.machine.lacks_idempotence());
    assert_eq!(s.delivered(), [(0, 0), (1, 2), (2, 3)]);
}

#[test]
fn a_batch_that_never_left_is_not_possibly_written() {
    let mut s = setup(&[("delivery.timeout.ms", "31000")], &[-1]);
    s.push(0, 1, 0);
    assert!(s.run().is_empty());
    s.after(31 * SECOND);
    assert_eq!(s.failed(), [(0, false)]);
}

#[test]
fn other_partitions_keep_their_epoch_until_their_batches_are_decided() {
    let mut s = setup(&[], &[1, 2]);
    s.push(0, 1, 0);
    s.push(1, 1, 1);
    let asked = s.run();
    let of = |node: i32| asked.iter().find(|a| batches(a)[0].0 == node).unwrap().clone();
    s.answer(&of(0), ErrorCode::UNKNOWN_PRODUCER_ID, -1);
    let again = s.after(200 * MILLI);
    assert_eq!(stamp_of(&again[0]), (7, 1, 0));
    s.push(1, 1, 2);
    assert!(s.run().is_empty(), "partition 1 has a batch of epoch 0 in flight");
    s.answer(&of(1), ErrorCode::NONE, 0);
    let next = s.run();
    assert_eq!(stamp_of(&next[0]), (7, 1, 0));
}

#[test]
fn the_last_epoch_asks_for_a_new_id() {
    let mut s = setup(&[], &[1]);
    s.machine.identity = IdentityState::Ready(Identity { id: 3, epoch: PRODUCER_EPOCH_MAX });
    s.push(0, 1, 0);
    let asked = s.run();
    assert_eq!(stamp_of(&asked[0]), (3, PRODUCER_EPOCH_MAX, 0));
    s.answer(&asked[0], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    s.run();
    let again = s.after(200 * MILLI);
    assert_eq!(stamp_of(&again[0]), (7, 0, 0));
}

#[test]
fn sequences_wrap_to_zero() {
    let mut s = setup(&[], &[1]);
    s.push(0, 1, 0);
    let asked = s.run();
    s.answer(&asked[0], ErrorCode::NONE, 0);
    s.run();
    let queue = s.machine.queues.values_mut().next().unwrap();
    queue.next_sequence = i32::MAX - 1;
    s.push(0, 4, 1);
    s.push(0, 1, 2);
    let asked = s.run();
    let sequences: Vec<i32> = asked.iter().map(|a| stamp_of(a).2).collect();
    assert_eq!(sequences, [i32::MAX - 1, 2]);
}

#[test]
fn requests_stay_below_the_size_limit() {
    let mut s = setup(&[("max.request.size", "200")], &[1, 1, 1]);
    for partition in 0..3 {
        s.push(partition, 5, 0);
    }
    assert_eq!(s.run().len(), 3);
}

#[test]
fn an_answer_that_forgets_a_partition_leaves_it_unknown() {
    let mut s = setup(&[], &[1]);
    s.push(0, 1, 0);
    let asked = s.run().remove(0);
    s.bench.answer::<ProduceRequest>(&asked, &ProduceResponse::default());
    s.run();
    let again = s.after(200 * MILLI);
    assert_eq!(batches(&again[0]), batches(&asked));
}

/// A broker takes any sequence as the first one of a producer that it does not know.
#[test]
fn one_batch_is_in_flight_until_the_broker_knows_the_producer() {
    let mut s = setup(&[], &[1]);
    for tag in 0..8 {
        s.push(0, 1, tag);
    }
    let first = s.run();
    assert_eq!(first.iter().map(stamp_of).collect::<Vec<_>>(), [(7, 0, 0)]);
    s.answer(&first[0], ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    let again = s.after(200 * MILLI);
    assert_eq!(again.iter().map(stamp_of).collect::<Vec<_>>(), [(7, 0, 0)]);
    s.answer(&again[0], ErrorCode::NONE, 0);
    let more = s.run();
    assert_eq!(more.iter().map(|a| stamp_of(a).2).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    // A new epoch is unknown again.
    s.answer(&more[0], ErrorCode::UNKNOWN_PRODUCER_ID, -1);
    for asked in &more[1..] {
        s.answer(asked, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    }
    let next = s.after(200 * MILLI);
    assert_eq!(next.iter().map(stamp_of).collect::<Vec<_>>(), [(7, 1, 0)]);
}

#[test]
fn in_a_transaction_only_the_first_batch_is_judged_by_a_sequence_error() {
    for (code, fails) in
        [(ErrorCode::NOT_ENOUGH_REPLICAS, false), (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, true)]
    {
        let mut s = setup(&[], &[1]);
        s.machine = ProduceMachine::transactional(0, "tx");
        s.machine.begin(Some(Identity { id: 7, epoch: 0 }), None);
        s.acknowledge(1);
        s.push(0, 1, 0);
        s.push(0, 1, 1);
        let asked = s.run();
        assert_eq!(asked.len(), 2);
        s.answer(&asked[0], code, -1);
        s.answer(&asked[1], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
        let again = s.after(200 * MILLI);
        if fails {
            assert!(again.is_empty());
            assert_eq!(s.failed(), [(0, false), (1, false)], "each was the first in its turn");
            continue;
        }
        assert!(s.events.is_empty(), "both are resent");
        assert_eq!(batches(&again[0]), batches(&asked[0]));
        s.answer(&again[0], ErrorCode::NONE, 0);
        let second = s.run();
        assert_eq!(batches(&second[0]), batches(&asked[1]));
        s.answer(&second[0], ErrorCode::NONE, 1);
        s.run();
        assert_eq!(s.delivered(), [(0, 0), (1, 1)]);
    }
}

#[test]
fn a_leader_that_an_answer_names_gets_the_batch_at_once() {
    let mut s = setup(&[], &[1]);
    s.push(0, 1, 0);
    let asked = s.run();
    let answer = PartitionProduceResponse {
        error_code: ErrorCode::NOT_LEADER_OR_FOLLOWER.0,
        current_leader: crate::wire::messages::produce::LeaderIdAndEpoch {
            leader_id: 3,
            leader_epoch: 7,
        },
        ..Default::default()
    };
    let topic = TopicProduceResponse {
        name: "t".to_owned(),
        topic_id: crate::wire::Uuid([1; 16]),
        partition_responses: vec![answer],
    };
    let endpoint = crate::wire::messages::produce::NodeEndpoint {
        node_id: 3,
        host: "b3".to_owned(),
        port: 3,
        rack: None,
    };
    let response = ProduceResponse {
        responses: vec![topic],
        node_endpoints: vec![endpoint],
        ..Default::default()
    };
    s.bench.answer::<ProduceRequest>(&asked[0], &response);
    // Broker 3 is not in the metadata at all.
    let again = s.run();
    assert_eq!((again.len(), batches(&again[0])), (1, batches(&asked[0])));
    assert_ne!(again[0].conn, asked[0].conn);
}

#[test]
fn a_topic_that_is_not_written_to_is_not_kept_fresh() {
    let times = [("metadata.max.age.ms", "10000"), ("metadata.max.idle.ms", "60000")];
    let mut s = setup(&times, &[1]);
    s.bench.cluster.metadata.refresh();
    let deliver = |s: &mut Setup, tag: u64| {
        s.push(0, 1, tag);
        let asked = s.run().remove(0);
        s.answer(&asked, ErrorCode::NONE, tag as i64);
        s.run();
        assert_eq!(s.delivered(), [(tag, tag as i64)]);
    };
    deliver(&mut s, 0);
    let refreshes = |s: &mut Setup| {
        let before = s.bench.refreshes;
        for _ in 0..6 {
            s.after(10 * SECOND);
        }
        s.bench.refreshes - before
    };
    assert!(refreshes(&mut s) >= 5);
    refreshes(&mut s);
    assert_eq!(refreshes(&mut s), 0, "nothing is wanted any more");
    deliver(&mut s, 1);
    assert!(refreshes(&mut s) >= 5);
}
