//! Consume and produce with librdkafka, as fast as it goes with its defaults for throughput.
//!
//! `rdkafka-peer consume BOOTSTRAP TOPIC COUNT` reads COUNT records from the beginning.
//! `rdkafka-peer produce BOOTSTRAP TOPIC FILE` writes each line of FILE and waits for all
//! acknowledgements.

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::time::Duration;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::sync::atomic::{AtomicU64, Ordering};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["consume", bootstrap, topic, count] => consume(bootstrap, topic, count.parse()?),
        ["produce", bootstrap, topic, file] => produce(bootstrap, topic, file),
        _ => {
            Err("usage: rdkafka-peer consume BOOTSTRAP TOPIC COUNT | produce BOOTSTRAP TOPIC FILE"
                .into())
        }
    }
}

fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set_log_level(RDKafkaLogLevel::Error);
    config
}

fn consume(bootstrap: &str, topic: &str, count: u64) -> Result<()> {
    let consumer: BaseConsumer =
        config(bootstrap).set("group.id", "bench").set("enable.auto.commit", "false").create()?;
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(30))?;
    let mut partitions = TopicPartitionList::new();
    for partition in metadata.topics().first().ok_or("no topic")?.partitions() {
        partitions.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
    }
    consumer.assign(&partitions)?;
    let (mut records, mut bytes) = (0, 0);
    while records < count {
        let message = consumer.poll(Duration::from_secs(30)).ok_or("no record within 30 s")??;
        records += 1;
        bytes += message.payload_len();
    }
    println!("{records} records, {bytes} bytes");
    Ok(())
}

/// Counts acknowledgements that are errors.
#[derive(Default)]
struct Failures(AtomicU64);

impl ClientContext for Failures {}

impl ProducerContext for Failures {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn produce(bootstrap: &str, topic: &str, file: &str) -> Result<()> {
    let producer: BaseProducer<Failures> = config(bootstrap)
        .set("enable.idempotence", "true")
        .set("linger.ms", "5")
        .set("batch.size", "262144")
        .set("queue.buffering.max.messages", "1000000")
        .create_with_context(Failures::default())?;
    let mut lines = BufReader::with_capacity(1 << 20, File::open(file)?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let value = line.strip_suffix(b"\n").unwrap_or(&line);
        let mut record = BaseRecord::<(), [u8]>::to(topic).payload(value);
        while let Err((error, back)) = producer.send(record) {
            if !matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) {
                return Err(error.into());
            }
            producer.poll(Duration::from_millis(10));
            record = back;
        }
        line.clear();
    }
    producer.flush(Duration::from_secs(120))?;
    match producer.context().0.load(Ordering::Relaxed) {
        0 => Ok(()),
        n => Err(format!("{n} records were not acknowledged").into()),
    }
}
