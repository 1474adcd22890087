//! Writes the rows of one worker: rows to records to batches, one open batch per partition.

use super::error::{contact, translate};
use super::options::SinkOptions;
use super::partitioner::Partitioner;
use crate::base::{Error, ErrorKind, Result};
use crate::table::{Encoded, Encoder, Epoch, Guarantee, SinkStats, Waker, Writer, WriterStatus};
use crate::types::{Batch, RowErrors};
use brooklet_kafka::pending::Pending;
use brooklet_kafka::producer::{ProduceEvent, Producer, SendError};
use brooklet_kafka::topic::{PartitionInfo, TopicInfo};
use brooklet_kafka::wire::compression::{Compression, Compressor};
use brooklet_kafka::wire::records::{BatchBuilder, SealedBatch, record_size_bound};
use brooklet_kafka::{Client, ErrorKind as KafkaErrorKind};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// How often a writer looks whether its topic has come to exist.
const TOPIC_POLL: Duration = Duration::from_millis(20);

/// How long a writer waits for its topic: the start-up bound of the command line.
const TOPIC_WAIT_MAX: Duration = Duration::from_secs(15);

/// Topics by name, each with its own result.
type Described = Vec<(String, brooklet_kafka::Result<TopicInfo>)>;

/// What a writer needs beside its options.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) subtask: usize,
    pub(super) batch_bytes: usize,
    pub(super) seed: u64,
    /// Wall clock at the job's time zero, milliseconds since 1970 UTC.
    pub(super) started_at_millis: i64,
}

/// The writer; see the module.
#[derive(Debug)]
pub(super) struct KafkaWriter {
    client: Client,
    producer: Producer,
    encoder: Box<dyn Encoder>,
    encoded: Encoded,
    topic: Arc<str>,
    guarantee: Guarantee,
    partitioner: Partitioner,
    compression: Compression,
    compressor: Compressor,
    batch_bytes: usize,
    started_at_millis: i64,
    now: Duration,
    /// When the wait for the topic began.
    waiting_since: Option<Duration>,
    describing: Option<Pending<brooklet_kafka::Result<Described>>>,
    /// The client's view of the topic, which it refreshes every `metadata.max.age.ms`; `None` until it is known.
    known: Option<Arc<[PartitionInfo]>>,
    /// Number of partitions, and those that have a leader.
    partitions: usize,
    available: Vec<i32>,
    open: BTreeMap<i32, BatchBuilder>,
    /// Batches that the producer's buffer had no room for, in order.
    waiting: VecDeque<(i32, SealedBatch, Epoch)>,
    /// Records without acknowledgement by the epoch they belong to.
    outstanding: BTreeMap<Epoch, u64>,
    barrier: Epoch,
    finishing: bool,
    record_bytes_max: usize,
    stats: SinkStats,
}

impl KafkaWriter {
    pub(super) fn new(
        client: Client,
        producer: Producer,
        encoder: Box<dyn Encoder>,
        options: &SinkOptions,
        settings: Settings,
        waker: Waker,
    ) -> KafkaWriter {
        let config = client.config();
        let (compression, record_bytes_max) = (config.compression.codec(), config.max_request_size);
        let mut compressor = Compressor::new();
        if let Some(level) = config.compression_level {
            // The configuration has checked the level against the codec.
            drop(compressor.set_level(compression, level));
        }
        let describing = client.metadata(&[options.topic.as_str()]);
        describing.on_ready(waker);
        KafkaWriter {
            producer,
            encoder,
            encoded: Encoded::default(),
            topic: options.topic.as_str().into(),
            guarantee: options.guarantee,
            partitioner: Partitioner::new(
                options.partitioner,
                settings.subtask,
                settings.batch_bytes,
                settings.seed,
            ),
            compression,
            compressor,
            batch_bytes: settings.batch_bytes,
            started_at_millis: settings.started_at_millis,
            now: Duration::ZERO,
            waiting_since: None,
            describing: Some(describing),
            known: None,
            partitions: 0,
            available: Vec::new(),
            open: BTreeMap::new(),
            waiting: VecDeque::new(),
            outstanding: BTreeMap::new(),
            barrier: 0,
            finishing: false,
            record_bytes_max,
            stats: SinkStats::default(),
            client,
        }
    }

    /// Learns the topic's partitions, also those that it gets while the job runs; says whether they are known. A missing
    /// topic is asked for, which creates it where the brokers create topics by themselves.
    fn know_topic(&mut self) -> Result<bool> {
        if let Some(partitions) = self.client.partitions(&self.topic).filter(|p| !p.is_empty()) {
            if self.known.as_ref().is_some_and(|known| Arc::ptr_eq(known, &partitions)) {
                return Ok(true);
            }
            self.partitions = partitions.len();
            self.available.clear();
            self.available
                .extend(partitions.iter().filter(|p| p.leader.is_some()).map(|p| p.partition));
            self.known = Some(partitions);
            self.describing = None;
            return Ok(true);
        }
        if self.known.is_some() {
            return Ok(true);
        }
        let since = *self.waiting_since.get_or_insert(self.now);
        let mut cause = None;
        if let Some(answer) = self.describing.as_ref().and_then(Pending::try_take) {
            match answer {
                Err(error) => cause = Some(error),
                Ok(topics) => {
                    let refused = |error: &brooklet_kafka::Error| {
                        !matches!(error.kind(), KafkaErrorKind::UnknownTopic { .. })
                    };
                    cause = topics.into_iter().find_map(|(_, topic)| topic.err()).filter(refused);
                }
            }
        }
        if let Some(cause) = cause {
            return Err(
                contact(&cause, &self.client).context(format!("looking up topic '{}'", self.topic))
            );
        }
        if self.now.saturating_sub(since) >= TOPIC_WAIT_MAX {
            return Err(Error::new(
                ErrorKind::External,
                format!(
                    "topic '{}' does not exist, and the broker did not create it within {} s",
                    self.topic,
                    TOPIC_WAIT_MAX.as_secs()
                ),
            )
            .with_hint(format!(
                "create it with 'brooklet topic create {} -b HOST:PORT'",
                self.topic
            )));
        }
        Ok(false)
    }

    fn append(&mut self, partition: i32, timestamp: i64, value: Option<&[u8]>) -> Result<()> {
        let (compression, batch_bytes) = (self.compression, self.batch_bytes);
        let builder = self
            .open
            .entry(partition)
            .or_insert_with(|| BatchBuilder::new(compression, batch_bytes));
        if !builder.has_room_for(record_size_bound(None, value, &[])) {
            self.seal(partition)?;
        }
        let builder = self
            .open
            .entry(partition)
            .or_insert_with(|| BatchBuilder::new(compression, batch_bytes));
        builder.append(timestamp, None, value, &[]).map_err(|error| {
            Error::new(
                ErrorKind::Data,
                format!("cannot write a record to topic '{}': {error}", self.topic),
            )
        })
    }

    /// Closes a partition's open batch and hands it over.
    fn seal(&mut self, partition: i32) -> Result<()> {
        let Some(builder) = self.open.get_mut(&partition).filter(|builder| !builder.is_empty())
        else {
            return Ok(());
        };
        let batch = builder
            .seal(&mut self.compressor)
            .map_err(|error| Error::internal(format_args!("sealing a batch: {error}")))?;
        let epoch = self.barrier + 1;
        *self.outstanding.entry(epoch).or_default() +=
            u64::try_from(batch.record_count()).unwrap_or(0);
        self.waiting.push_back((partition, batch, epoch));
        self.send()
    }

    fn seal_all(&mut self) -> Result<()> {
        let partitions: Vec<i32> = self.open.keys().copied().collect();
        partitions.into_iter().try_for_each(|partition| self.seal(partition))
    }

    /// Hands waiting batches over while the producer has room.
    fn send(&mut self) -> Result<()> {
        while let Some((partition, batch, epoch)) = self.waiting.pop_front() {
            match self.producer.send(&self.topic, partition, batch, epoch) {
                Ok(()) => {}
                Err(SendError::Full(batch)) => {
                    self.waiting.push_front((partition, *batch, epoch));
                    break;
                }
                Err(error @ SendError::TooLarge { .. }) => {
                    return Err(Error::new(
                        ErrorKind::Data,
                        format!(
                            "record for topic '{}' partition {partition} is too large: {error}",
                            self.topic
                        ),
                    )
                    .with_hint(
                        "raise 'properties.max.request.size' and the topic's max.message.bytes",
                    ));
                }
                Err(error @ SendError::Closed) => return Err(Error::internal(error)),
            }
        }
        Ok(())
    }

    fn take_events(&mut self) -> Result<()> {
        while let Some(event) = self.producer.poll() {
            let (tag, records) = match event {
                ProduceEvent::Delivered { tag, records, .. } => (tag, records),
                ProduceEvent::Failed { tag, records, .. } if self.guarantee == Guarantee::None => {
                    (tag, records)
                }
                ProduceEvent::Failed { partition, records, error, possibly_written, .. } => {
                    let maybe = if possibly_written { "; they may have been written" } else { "" };
                    return Err(translate(&error).context(format!(
                        "writing {records} record(s) to topic '{}' partition {}{maybe}",
                        partition.topic, partition.partition
                    )));
                }
            };
            if let Some(left) = self.outstanding.get_mut(&tag) {
                *left = left.saturating_sub(records as u64);
                if *left == 0 {
                    self.outstanding.remove(&tag);
                }
            }
        }
        Ok(())
    }
}

impl Writer for KafkaWriter {
    fn write(&mut self, batch: &Batch, errors: &mut RowErrors) -> Result<()> {
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        self.encoder.encode(batch, &mut encoded, errors)?;
        if errors.is_empty() {
            let millis = i64::try_from(self.now.as_millis()).unwrap_or(0);
            let timestamp = self.started_at_millis.saturating_add(millis);
            for (row, value) in encoded.iter().enumerate() {
                let size = value.map_or(0, <[u8]>::len);
                if record_size_bound(None, value, &[]) > self.record_bytes_max {
                    let (topic, max) = (&self.topic, self.record_bytes_max);
                    errors.push(row, || {
                        format!(
                            "record of {size} bytes is too large for topic '{topic}': 'properties.max.request.size' is {max}"
                        )
                    });
                    break;
                }
                let partition = self.partitioner.next(size, &self.available, self.partitions);
                self.append(partition, timestamp, value)?;
            }
            self.stats.records += encoded.ends.len() as u64;
            self.stats.bytes += encoded.bytes.len() as u64;
        }
        self.encoded = encoded;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.seal_all()
    }

    fn finish(&mut self) {
        self.finishing = true;
    }

    fn barrier(&mut self, epoch: Epoch) -> Result<()> {
        self.seal_all()?;
        // What was sealed before carries earlier or equal epochs: move the counts to this one's bound.
        let early: u64 = self.outstanding.range(epoch + 1..).map(|(_, count)| *count).sum();
        debug_assert_eq!(early, 0, "no record of a later epoch exists before the barrier");
        self.barrier = epoch;
        Ok(())
    }

    fn poll(&mut self, now: Duration) -> Result<WriterStatus> {
        self.now = now;
        self.take_events()?;
        self.send()?;
        let known = self.know_topic()?;
        // With `none` an epoch waits until its output is handed to the client, but not for the brokers; the last one
        // does, as in Flink.
        let unproved = match self.guarantee == Guarantee::None && !self.finishing {
            true => self.waiting.front().map(|(_, _, epoch)| *epoch),
            false => self.outstanding.first_key_value().map(|(epoch, _)| *epoch),
        };
        // A writer that does not know its topic has not proved that it can write: no epoch completes over it.
        let acknowledged = match unproved {
            _ if !known => 0,
            Some(epoch) => (epoch - 1).min(self.barrier),
            None => self.barrier,
        };
        let ready = known && self.waiting.is_empty();
        let wake_at = (!known).then(|| now + TOPIC_POLL);
        Ok(WriterStatus { acknowledged, ready, wake_at })
    }

    fn stats(&self) -> SinkStats {
        self.stats
    }
}
