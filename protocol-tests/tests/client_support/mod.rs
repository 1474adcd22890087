//! What the tests of the client share.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

pub mod memory;

use std::sync::Arc;
use std::time::{Duration, Instant};

use brooklet_kafka::consumer::{Consumer, Fetched, FetchedPartition};
use brooklet_kafka::producer::{ProduceEvent, Producer};
use brooklet_kafka::wire::compression::{Compression, Compressor, Decompressor};
use brooklet_kafka::wire::records::{BatchBuilder, SealedBatch};
use brooklet_kafka::{Client, Isolation, NewTopic, TopicPartition};

/// Longer than anything takes that works.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Wakes the thread that made it.
pub fn unparker() -> Arc<dyn Fn() + Send + Sync> {
    let thread = std::thread::current();
    Arc::new(move || thread.unpark())
}

pub fn create(client: &Client, topic: &str, partitions: i32) {
    let created = client.create_topics(&[NewTopic::new(topic, partitions)]);
    for (name, result) in created.wait(PATIENCE).expect("an answer").expect("a result") {
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

pub fn batch(values: &[&str], compression: Compression) -> SealedBatch {
    batch_at(1_000, values, compression)
}

/// Milliseconds since the epoch.
#[allow(
    clippy::disallowed_methods,
    reason = "brokers forget producers by the time of their records"
)]
pub fn now_millis() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.unwrap().as_millis()).unwrap()
}

pub fn batch_at(timestamp: i64, values: &[&str], compression: Compression) -> SealedBatch {
    let mut builder = BatchBuilder::new(compression, 1 << 16);
    for value in values {
        builder.append(timestamp, None, Some(value.as_bytes()), &[]).unwrap();
    }
    builder.seal(&mut Compressor::default()).unwrap()
}

pub fn values(fetched: &FetchedPartition, isolation: Isolation) -> Vec<(i64, String)> {
    let mut decompressor = Decompressor::default();
    let mut batches = fetched.batches(isolation, true);
    let mut out = Vec::new();
    while let Some(batch) = batches.next_batch(&mut decompressor) {
        let records = batch.unwrap().records(&mut decompressor, 64 << 20).unwrap();
        for record in &records {
            let record = record.unwrap();
            if record.offset >= fetched.fetch_offset {
                let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
                out.push((record.offset, value));
            }
        }
    }
    out
}

/// The next item; the waker must be [`unparker`] of this thread.
pub fn next(consumer: &mut Consumer) -> Fetched {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(fetched) = consumer.poll() {
            return fetched;
        }
        assert!(Instant::now() < deadline, "nothing came");
        std::thread::park_timeout(PATIENCE);
    }
}

/// Data of `count` records in all.
pub fn read(
    consumer: &mut Consumer,
    count: usize,
    isolation: Isolation,
) -> Vec<(TopicPartition, i64, String)> {
    let mut out = Vec::new();
    while out.len() < count {
        match next(consumer) {
            Fetched::Data(fetched) => {
                let tp = fetched.partition.clone();
                let records = values(&fetched, isolation);
                out.extend(records.into_iter().map(|(o, v)| (tp.clone(), o, v)));
            }
            Fetched::Failed(failed) => panic!("{}", failed.error),
        }
    }
    out
}

/// Waits for the delivery of `records` records: tag, partition, base offset, records of each part.
pub fn delivered(producer: &Producer, records: usize) -> Vec<(u64, i32, i64, usize)> {
    let deadline = Instant::now() + PATIENCE;
    let mut out: Vec<(u64, i32, i64, usize)> = Vec::new();
    while out.iter().map(|d| d.3).sum::<usize>() < records {
        match producer.poll() {
            Some(ProduceEvent::Delivered { partition, tag, base_offset, records, .. }) => {
                out.push((tag, partition.partition, base_offset, records));
            }
            Some(ProduceEvent::Failed { error, .. }) => panic!("{error}"),
            None => {
                assert!(Instant::now() < deadline, "nothing came");
                std::thread::park_timeout(PATIENCE);
            }
        }
    }
    out
}
