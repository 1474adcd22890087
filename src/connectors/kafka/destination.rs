//! One topic that a writer writes to: what is known of it, and records that wait until it is known.

use super::error::{bootstrap, contact};
use super::learned::Extent;
use super::partitioner::{PartitionedRecord, Partitioner};
use crate::base::commands;
use crate::base::{Error, ErrorKind};
use crate::table::{Epoch, RecordPlace, Waker};
use brooklet_kafka::pending::Pending;
use brooklet_kafka::topic::{PartitionInfo, TopicInfo};
use brooklet_kafka::wire::ErrorCode;
use brooklet_kafka::wire::records::Header;
use brooklet_kafka::{Client, ErrorKind as KafkaErrorKind, Watch};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// How long a writer waits for its topic: the start-up bound of the command line.
const TOPIC_WAIT_MAX: Duration = Duration::from_secs(15);

/// Topics by name, each with its own result.
type Described = Vec<(String, brooklet_kafka::Result<TopicInfo>)>;

/// A topic being written; see the module.
#[derive(Debug)]
pub(super) struct Destination {
    pub(super) topic: Arc<str>,
    partitioner: Partitioner,
    /// When the wait for the topic began.
    waiting_since: Option<Duration>,
    describing: Option<Pending<brooklet_kafka::Result<Described>>>,
    watch: Arc<Watch>,
    /// The client's view of the topic, which it refreshes every `metadata.max.age.ms`; `None` until it is known.
    known: Option<Arc<[PartitionInfo]>>,
    /// Generation of the client's metadata in which it was looked up.
    looked_up: Option<u64>,
    /// Number of partitions, and those that have a leader.
    partitions: usize,
    available: Vec<i32>,
    /// The least records that were too large for the topic.
    pub(super) too_large: Vec<Extent>,
    /// Records that came before the topic was known: at most one batch of rows, since the writer takes no more then.
    pub(super) parked: VecDeque<Parked>,
    /// Records of closed batches that the brokers have not acknowledged.
    pub(super) unconfirmed: u64,
    /// When the last batch was closed; before the first one, when it came to be.
    pub(super) used_at: Duration,
}

/// Why a topic cannot be written to.
#[derive(Debug)]
pub(super) struct NotKnown {
    pub(super) error: Error,
    /// There is no such topic: the fault of those who name it.
    pub(super) absent: bool,
}

/// A record that waits for its topic.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) partition: Option<i32>,
    pub(super) timestamp: i64,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// What it belongs to.
    pub(super) epoch: Epoch,
    /// What it was made of.
    pub(super) place: Option<RecordPlace>,
}

impl Destination {
    /// Starts looking the topic up.
    pub(super) fn new(
        topic: &str,
        partitioner: Partitioner,
        client: &Client,
        waker: &Waker,
    ) -> Destination {
        let describing = client.metadata(&[topic]);
        describing.on_ready(Arc::clone(waker));
        Destination {
            topic: topic.into(),
            partitioner,
            waiting_since: None,
            describing: Some(describing),
            watch: Arc::new(client.watch(topic)),
            known: None,
            looked_up: None,
            partitions: 0,
            available: Vec::new(),
            too_large: Vec::new(),
            parked: VecDeque::new(),
            unconfirmed: 0,
            used_at: Duration::ZERO,
        }
    }

    /// Whether records can be given a partition.
    pub(super) fn is_known(&self) -> bool {
        self.known.is_some()
    }

    /// Whether no record waits here or on its way to the brokers.
    pub(super) fn is_at_rest(&self) -> bool {
        self.parked.is_empty() && self.unconfirmed == 0
    }

    /// Looks for the topic also when this is gone.
    pub(super) fn watch(&self) -> Arc<Watch> {
        Arc::clone(&self.watch)
    }

    /// Partition of the next record.
    pub(super) fn partition(
        &mut self,
        wanted: Option<i32>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> std::result::Result<i32, String> {
        let (topic, partitions) = (&*self.topic, self.partitions);
        let record =
            PartitionedRecord { topic, key, value, partitions, available: &self.available };
        let partition = wanted.unwrap_or_else(|| self.partitioner.next(&record));
        self.check(partition).map(|()| partition)
    }

    /// Whether the topic, which is known, has this partition.
    pub(super) fn check(&self, partition: i32) -> std::result::Result<(), String> {
        match usize::try_from(partition).is_ok_and(|at| at < self.partitions) {
            true => Ok(()),
            false => Err(format!(
                "topic '{}' has no partition {partition}: it has {}",
                self.topic, self.partitions
            )),
        }
    }

    /// Learns the topic's partitions, also those that it gets while the job runs, from what the client knows; says
    /// whether they are known.
    pub(super) fn learn(&mut self, client: &Client) -> bool {
        // Read before the look-up: what changes in between is looked up again.
        let generation = client.metadata_generation();
        if self.looked_up == Some(generation) {
            return self.known.is_some();
        }
        self.looked_up = Some(generation);
        let Some(partitions) = self.watch.partitions().filter(|p| !p.is_empty()) else {
            return self.known.is_some();
        };
        if self.known.as_ref().is_some_and(|known| Arc::ptr_eq(known, &partitions)) {
            return true;
        }
        self.partitions = partitions.len();
        self.available.clear();
        self.available
            .extend(partitions.iter().filter(|p| p.leader.is_some()).map(|p| p.partition));
        self.known = Some(partitions);
        self.describing = None;
        true
    }

    /// As [`Destination::learn`]; fails when that takes too long. A missing topic is asked for, which creates it where
    /// the brokers create topics by themselves.
    pub(super) fn know(
        &mut self,
        client: &Client,
        now: Duration,
    ) -> std::result::Result<bool, NotKnown> {
        if self.learn(client) {
            return Ok(true);
        }
        let since = *self.waiting_since.get_or_insert(now);
        let mut cause = self.watch.refusal();
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
            let absent = cause.answered() == Some(ErrorCode::INVALID_TOPIC_EXCEPTION);
            let error = contact(&cause, client);
            let error = error.context(format!("looking up topic '{}'", self.topic));
            return Err(NotKnown { error, absent });
        }
        if now.saturating_sub(since) >= TOPIC_WAIT_MAX {
            let error = Error::new(
                ErrorKind::External,
                format!(
                    "topic '{}' does not exist, and the broker did not create it within {} s",
                    self.topic,
                    TOPIC_WAIT_MAX.as_secs()
                ),
            )
            .with_hint(format!(
                "create it with \"{}\"",
                commands::topic_create(&self.topic, &bootstrap(client))
            ));
            return Err(NotKnown { error, absent: true });
        }
        Ok(false)
    }
}

impl Parked {
    /// The headers as the record batch takes them.
    pub(super) fn headers(&self) -> Vec<Header<'_>> {
        self.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect()
    }
}
