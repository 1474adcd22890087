//! The whole client against brokers that lie, with its memory capped: whatever an answer claims,
//! the client ends with data or an error, in bounded steps and bounded memory.

#[path = "hostile/broker.rs"]
mod broker;
#[path = "hostile/capped.rs"]
mod capped;
mod client_support;

use allocation_counter::measure;
use brooklet_kafka::consumer::{Fetched, FetchedPartition};
use brooklet_kafka::pending::Pending;
use brooklet_kafka::read_committed::AbortedTransaction;
use brooklet_kafka::wire::Uuid;
use brooklet_kafka::wire::compression::{Compression, Compressor, Decompressor};
use brooklet_kafka::wire::records::{
    BatchBuilder, BatchError, BatchHeader, BatchView, Batches, assemble,
};
use brooklet_kafka::{CommittedOffset, ErrorKind, Isolation, NewTopic, OffsetSpec, TopicPartition};
use bytes::Bytes;
use std::time::Duration;

use broker::{Forgery, Liar};
use client_support::batch_at;
use client_support::memory::{InMemory, World, nothing};

/// Bytes that the client and the honest part of its broker may hold at once, of answers of a few
/// hundred bytes.
const MEMORY_MAX: u64 = 8 << 20;
/// Steps of one scenario; an honest one takes about 100.
const STEPS_MAX: u64 = 20_000;
/// How long the consumer of a scenario waits for data, in virtual time.
const READING_MAX: Duration = Duration::from_secs(120);

const TIMES: [(&str, &str); 4] = [
    ("request.timeout.ms", "3000"),
    ("default.api.timeout.ms", "6000"),
    ("delivery.timeout.ms", "8000"),
    ("max.block.ms", "6000"),
];

/// Waits for any result.
fn result<T>(
    world: &mut World,
    pending: &Pending<brooklet_kafka::Result<T>>,
) -> brooklet_kafka::Result<T> {
    loop {
        if let Some(result) = pending.try_take() {
            return result;
        }
        step(world);
    }
}

fn step(world: &mut World) {
    world.step();
    assert!(world.steps < STEPS_MAX, "no end");
}

/// Uses every API of the client once. Returns whether the records came back.
fn scenario(liar: Liar, seed: u64) -> bool {
    let mut world = World::with(Box::new(liar), seed, &TIMES);
    let tp = TopicPartition::new("t", 0);
    let created = world.client.create_topics(&[NewTopic::new("t", 1)]);
    drop(result(&mut world, &created));
    let grown = world.client.create_partitions("t", 2);
    drop(result(&mut world, &grown));
    let described = world.client.metadata(&["t"]);
    drop(result(&mut world, &described));

    let producer = world.client.producer(nothing());
    let timestamp = i64::try_from(world.now.as_millis()).expect("a time");
    let batch = batch_at(timestamp, &["first", "second"], Compression::None);
    producer.send(&"t".into(), 0, batch, 0).expect("room");
    while producer.poll().is_none() {
        step(&mut world);
    }
    let listed =
        world.client.list_offsets(&[(tp.clone(), OffsetSpec::Latest)], Isolation::ReadCommitted);
    drop(result(&mut world, &listed));
    let committed = CommittedOffset { offset: 7, leader_epoch: -1, metadata: "m".to_owned() };
    let commit = world.client.offset_commit("g", &[(tp.clone(), committed)]);
    drop(result(&mut world, &commit));
    let fetch = world.client.offset_fetch("g", None);
    drop(result(&mut world, &fetch));

    let mut consumer = world.client.consumer(nothing());
    consumer.assign(&[(tp, 0)]);
    let end = world.now + READING_MAX;
    while world.now < end {
        match consumer.poll() {
            Some(Fetched::Data(data)) if !data.records.is_empty() => {
                return read(&data).is_ok_and(|values| values == ["first", "second"]);
            }
            Some(Fetched::Failed(_)) => return false,
            _ => step(&mut world),
        }
    }
    false
}

/// The values, or the first error.
fn read(data: &FetchedPartition) -> Result<Vec<String>, String> {
    let mut decompressor = Decompressor::default();
    let mut batches = data.batches(Isolation::ReadCommitted, true);
    let mut out = Vec::new();
    while let Some(batch) = batches.next_batch(&mut decompressor) {
        let batch = batch.map_err(|error| error.to_string())?;
        let records = batch.records(&mut decompressor, 1 << 20).map_err(|e| e.to_string())?;
        for record in &records {
            let value = record.map_err(|error| error.to_string())?.value.unwrap_or_default();
            out.push(String::from_utf8_lossy(value).into_owned());
        }
    }
    Ok(out)
}

/// Runs the scenario with its memory counted.
fn capped_scenario(liar: Liar, seed: u64, what: &str) -> bool {
    let mut came_back = false;
    let memory = measure(|| came_back = scenario(liar, seed));
    assert!(memory.bytes_max < MEMORY_MAX, "{what}: {memory:?}");
    came_back
}

#[test]
fn an_honest_broker_is_believed() {
    let (liar, answers) = Liar::honest(InMemory::new(1));
    assert!(capped_scenario(liar, 1, "honest"));
    let answers = answers.lock().unwrap();
    let mut apis: Vec<i16> = answers.iter().map(|answer| answer.0).collect();
    apis.sort_unstable();
    apis.dedup();
    // Every API that the client speaks, but for DeleteTopics.
    assert_eq!(apis, [0, 1, 2, 3, 8, 9, 10, 18, 19, 22, 37]);
}

/// One forged answer in a run: each answer, at places all over it, with each forgery.
#[test]
fn one_forged_answer_does_no_harm() {
    let (liar, answers) = Liar::honest(InMemory::new(1));
    assert!(scenario(liar, 1));
    let answers = answers.lock().unwrap().clone();
    let (mut runs, mut intact) = (0, 0);
    for (index, (api, length)) in answers.into_iter().enumerate() {
        // ApiVersions is long and monotonous, and opens every connection.
        let stride = if api == 18 { 61 } else { 5 };
        for (turn, place) in (index % 4..length).step_by(stride).enumerate() {
            let forgery = Forgery::ALL[(turn + index) % Forgery::ALL.len()];
            let what = format!("API {api}, answer {index}, {forgery:?} at {place}");
            let liar = Liar::once(InMemory::new(1), index, place, forgery);
            intact += usize::from(capped_scenario(liar, 1, &what));
            runs += 1;
        }
    }
    assert!(runs > 100, "{runs} runs");
    assert!(intact > runs / 3, "the client recovers from most: {intact} of {runs}");
}

/// A broker that keeps lying: every answer is forged with a probability of one half.
#[test]
fn a_broker_that_keeps_lying_ends_in_errors() {
    for seed in 0..60 {
        let liar = Liar::often(InMemory::new(seed), seed);
        capped_scenario(liar, seed, &format!("seed {seed}"));
    }
}

fn fetched(records: Bytes, aborted: Vec<AbortedTransaction>) -> FetchedPartition {
    FetchedPartition {
        partition: TopicPartition::new("t", 0),
        topic_id: Uuid::ZERO,
        fetch_offset: 0,
        records,
        next_offset: 1,
        leader_epoch: None,
        high_watermark: 1,
        last_stable_offset: 1,
        log_start_offset: 0,
        aborted,
    }
}

/// A batch whose single value is 64 MiB of zeros.
fn bomb(codec: Compression) -> Bytes {
    let mut builder = BatchBuilder::new(codec, 1 << 16);
    builder.append(1, None, Some(&vec![0; 64 << 20]), &[]).expect("room");
    builder.seal(&mut Compressor::default()).expect("a batch").stamp(-1, -1, -1, false)
}

fn open(data: &FetchedPartition, limit: usize) -> Result<usize, String> {
    let mut decompressor = Decompressor::default();
    let mut batches = data.batches(Isolation::ReadCommitted, true);
    let mut count = 0;
    while let Some(batch) = batches.next_batch(&mut decompressor) {
        let batch = batch.map_err(|error| error.to_string())?;
        let records = batch.records(&mut decompressor, limit).map_err(|e| e.to_string())?;
        for record in &records {
            record.map_err(|error: BatchError| error.to_string())?;
            count += 1;
        }
    }
    Ok(count)
}

#[test]
fn decompression_bombs_stop_at_the_limit() {
    for codec in Compression::ALL.into_iter().filter(|codec| *codec != Compression::None) {
        let bomb = bomb(codec);
        assert!(bomb.len() < 4 << 20, "{codec}: {} bytes", bomb.len());
        let data = fetched(bomb, vec![]);
        let mut opened = Ok(0);
        let memory = measure(|| opened = open(&data, 1 << 20));
        assert!(opened.is_err(), "{codec}");
        // Windows of decoders, and the output up to the limit, doubled while it grows.
        assert!(memory.bytes_max < 6 << 20, "{codec}: {memory:?}");
    }
}

/// The filter of aborted transactions opens control batches by itself.
#[test]
fn a_bomb_in_a_control_batch_stops_at_its_own_limit() {
    for codec in Compression::ALL.into_iter().filter(|codec| *codec != Compression::None) {
        let frame = bomb(codec);
        let view = BatchView::parse(frame).expect("a batch");
        const CONTROL_AND_TRANSACTIONAL: i16 = 0x30;
        let header = BatchHeader {
            producer_id: 5,
            attributes: view.header().attributes | CONTROL_AND_TRANSACTIONAL,
            ..*view.header()
        };
        let data = fetched(assemble(&header, &view.payload()), vec![]);
        let mut opened = Ok(0);
        let memory = measure(|| opened = open(&data, 1 << 20));
        assert!(opened.is_err(), "{codec}");
        assert!(memory.bytes_max < 3 << 20, "{codec}: {memory:?}");
    }
}

/// Headers with a right checksum and wrong numbers.
#[test]
fn counts_and_offsets_of_a_batch_are_not_believed() {
    let mut builder = BatchBuilder::new(Compression::None, 1 << 16);
    builder.append(1, None, Some(b"value"), &[]).expect("room");
    let frame = builder.seal(&mut Compressor::default()).expect("a batch").stamp(-1, -1, -1, false);
    let view = BatchView::parse(frame).expect("a batch");
    let good = *view.header();
    let forged = [
        BatchHeader { record_count: i32::MAX, ..good },
        BatchHeader { record_count: i32::MIN, ..good },
        BatchHeader { record_count: -1, ..good },
        BatchHeader { record_count: 2, ..good },
        BatchHeader { last_offset_delta: -1, ..good },
        BatchHeader { last_offset_delta: i32::MIN, ..good },
        BatchHeader { base_offset: i64::MAX, last_offset_delta: i32::MAX, ..good },
    ];
    for header in forged {
        let data = fetched(assemble(&header, &view.payload()), vec![]);
        let mut opened = Ok(0);
        let memory = measure(|| opened = open(&data, 1 << 20));
        assert!(opened.is_err(), "{header:?}");
        assert!(memory.bytes_max < 64 << 10, "{header:?}: {memory:?}");
    }
}

/// A batch cut at every byte is left for the next fetch or refused, never half read.
#[test]
fn a_batch_cut_at_every_byte_is_not_half_read() {
    let whole = {
        let mut batch = batch_at(1_000, &["first", "second"], Compression::None);
        batch.stamp(3, 0, 0, false)
    };
    for end in 0..whole.len() {
        let data = fetched(whole.slice(..end), vec![]);
        assert_eq!(read(&data).unwrap_or_default(), Vec::<String>::new(), "cut at {end}");
        let mut batches = Batches::new(whole.slice(..end));
        assert!(batches.next().is_none_or(|batch| batch.is_err()), "cut at {end}");
    }
    assert_eq!(read(&fetched(whole, vec![])), Ok(vec!["first".into(), "second".into()]));
}

/// Lists of aborted transactions cost what they weigh, in any order and with doubles.
#[test]
fn doubled_and_unsorted_aborts_are_harmless() {
    let whole = batch_at(1_000, &["first"], Compression::None).stamp(3, 0, 0, true);
    let lies = [(0, 9), (0, 9), (i64::MAX, 3), (i64::MIN, 8), (-1, -1)];
    let aborted =
        lies.map(|(first_offset, producer_id)| AbortedTransaction { first_offset, producer_id });
    let data = fetched(whole, aborted.to_vec());
    assert_eq!(read(&data), Ok(vec!["first".into()]));
    let hidden = AbortedTransaction { first_offset: i64::MIN, producer_id: 3 };
    let data = fetched(data.records, vec![hidden, hidden]);
    assert_eq!(read(&data), Ok(vec![]));
}

#[test]
fn errors_of_liars_are_about_the_protocol() {
    // The first answer agrees on versions.
    let liar = Liar::from(InMemory::new(1), 1, Forgery::Cut);
    let mut world = World::with(Box::new(liar), 1, &TIMES);
    let described = world.client.metadata(&["t"]);
    let error = result(&mut world, &described).expect_err("every answer is cut");
    assert!(
        matches!(error.kind(), ErrorKind::Corrupt { .. } | ErrorKind::Timeout),
        "{:?}",
        error.kind()
    );
}
