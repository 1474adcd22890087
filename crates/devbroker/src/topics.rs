//! The topics of the broker and the memory their logs take.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use uuid::Uuid;

use crate::limits::Limits;
use crate::log::PartitionLog;
use crate::log::batch;
use crate::log::batch::BatchHeader;
use crate::topic_config::TopicConfig;
use crate::transactions::Ending;

/// Longest topic name (Kafka's `Topic.MAX_NAME_LENGTH`).
const NAME_BYTES_MAX: usize = 249;

/// A topic.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) id: Uuid,
    pub(crate) config: TopicConfig,
    pub(crate) partitions: Vec<PartitionLog>,
}

impl Topic {
    /// The log of a partition number from the wire.
    pub(crate) fn partition(&self, index: i32) -> Option<&PartitionLog> {
        self.partitions.get(usize::try_from(index).ok()?)
    }
}

/// What a refused change of topics answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) error: ResponseError,
    pub(crate) message: String,
}

impl Refused {
    pub(crate) fn new(error: ResponseError, message: impl Into<String>) -> Self {
        Self { error, message: message.into() }
    }
}

/// An accepted batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Appended {
    pub(crate) base_offset: i64,
    pub(crate) log_start: i64,
    /// Bytes of the batch.
    pub(crate) bytes: usize,
    /// Bytes that readers of committed data can read from now on.
    pub(crate) stable_bytes: usize,
}

/// All topics, by name and by id.
#[derive(Debug)]
pub(crate) struct Topics {
    by_name: BTreeMap<String, Topic>,
    names: BTreeMap<Uuid, String>,
    partitions: usize,
    /// Raised when a topic comes or goes.
    version: u64,
    /// Every stored batch in the order of appends: the first goes first when memory is short.
    by_age: BTreeMap<u64, (Uuid, i32)>,
    next_age: u64,
    stored_bytes: usize,
    dropped_batches: u64,
    topics_max: usize,
    partitions_max: usize,
    stored_bytes_max: usize,
    producers_max: usize,
}

impl Topics {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            by_name: BTreeMap::new(),
            names: BTreeMap::new(),
            partitions: 0,
            version: 0,
            by_age: BTreeMap::new(),
            next_age: 0,
            stored_bytes: 0,
            dropped_batches: 0,
            topics_max: limits.topics_max,
            partitions_max: limits.partitions_max,
            stored_bytes_max: limits.stored_bytes_max,
            producers_max: limits.producers_per_partition_max,
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name)
    }

    /// A topic, to be changed.
    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Topic> {
        self.by_name.get_mut(name)
    }

    /// The topic of an id and its name.
    pub(crate) fn by_id(&self, id: Uuid) -> Option<(&str, &Topic)> {
        let name = self.names.get(&id)?;
        Some((name, self.by_name.get(name)?))
    }

    /// The name of a topic id.
    pub(crate) fn name(&self, id: Uuid) -> Option<&str> {
        self.names.get(&id).map(String::as_str)
    }

    /// All topics by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Topic)> {
        self.by_name.iter().map(|(name, topic)| (name.as_str(), topic))
    }

    /// Id and number of partitions of a topic.
    pub(crate) fn look(&self, name: &str) -> Option<(Uuid, i32)> {
        let topic = self.get(name)?;
        Some((topic.id, i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX)))
    }

    /// The same number means the same topics.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Stored bytes over all partitions, bookkeeping included.
    pub(crate) fn stored_bytes(&self) -> usize {
        self.stored_bytes
    }

    /// Batches that retention removed so far.
    pub(crate) fn dropped_batches(&self) -> u64 {
        self.dropped_batches
    }

    /// Whether a topic could be created; nothing changes.
    pub(crate) fn check_create(&self, name: &str, partitions: i32) -> Result<usize, Refused> {
        check_name(name)?;
        if self.by_name.contains_key(name) {
            return Err(Refused::new(
                ResponseError::TopicAlreadyExists,
                format!("Topic '{name}' already exists."),
            ));
        }
        if let Some(other) = self.collides(name) {
            return Err(Refused::new(
                ResponseError::InvalidTopicException,
                format!("Topic '{name}' collides with existing topic: {other}"),
            ));
        }
        let count =
            usize::try_from(partitions).ok().filter(|count| *count > 0).ok_or_else(|| {
                Refused::new(
                    ResponseError::InvalidPartitions,
                    "Number of partitions must be larger than 0.",
                )
            })?;
        if self.by_name.len() >= self.topics_max {
            return Err(Refused::new(
                ResponseError::PolicyViolation,
                format!("This broker holds at most {} topics.", self.topics_max),
            ));
        }
        self.check_room(count)?;
        Ok(count)
    }

    /// A topic that metrics could not tell from one of this name (Kafka's `Topic.hasCollision`): they have `_` for `.`.
    fn collides(&self, name: &str) -> Option<&str> {
        if !name.contains(['.', '_']) {
            return None;
        }
        let unified = name.replace('.', "_");
        let same =
            |other: &&String| other.len() == name.len() && other.replace('.', "_") == unified;
        self.by_name.keys().find(same).map(String::as_str)
    }

    fn check_room(&self, added: usize) -> Result<(), Refused> {
        if self.partitions.saturating_add(added) > self.partitions_max {
            return Err(Refused::new(
                ResponseError::PolicyViolation,
                format!("This broker holds at most {} partitions.", self.partitions_max),
            ));
        }
        Ok(())
    }

    /// Creates a topic.
    pub(crate) fn create(
        &mut self,
        name: &str,
        partitions: i32,
        config: TopicConfig,
        id: Uuid,
    ) -> Result<&Topic, Refused> {
        let count = self.check_create(name, partitions)?;
        self.partitions += count;
        self.version += 1;
        self.names.insert(id, name.to_owned());
        let logs = (0..count).map(|_| PartitionLog::default()).collect();
        let topic = Topic { id, config, partitions: logs };
        Ok(self.by_name.entry(name.to_owned()).or_insert(topic))
    }

    /// Whether a topic could be given `count` partitions; nothing changes.
    pub(crate) fn check_grow(&self, name: &str, count: i32) -> Result<usize, Refused> {
        let topic = self.by_name.get(name).ok_or_else(|| {
            Refused::new(
                ResponseError::UnknownTopicOrPartition,
                "This server does not host this topic-partition.",
            )
        })?;
        let present = topic.partitions.len();
        let added = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_sub(present))
            .filter(|added| *added > 0)
            .ok_or_else(|| {
                Refused::new(
                    ResponseError::InvalidPartitions,
                    format!("The topic has {present} partitions; the new count must be higher."),
                )
            })?;
        self.check_room(added)?;
        Ok(added)
    }

    /// Adds partitions so that the topic has `count`.
    pub(crate) fn grow(&mut self, name: &str, count: i32) -> Result<(), Refused> {
        let added = self.check_grow(name, count)?;
        if let Some(topic) = self.by_name.get_mut(name) {
            topic.partitions.extend((0..added).map(|_| PartitionLog::default()));
            self.partitions += added;
        }
        Ok(())
    }

    /// Removes a topic with all its records.
    pub(crate) fn delete(&mut self, name: &str) -> Option<Topic> {
        let topic = self.by_name.remove(name)?;
        self.version += 1;
        self.names.remove(&topic.id);
        self.partitions -= topic.partitions.len();
        for log in &topic.partitions {
            self.stored_bytes -= log.weight();
            for stored in log.batches() {
                self.by_age.remove(&stored.age);
            }
        }
        Some(topic)
    }

    /// Appends the marker of a transaction that ends.
    pub(crate) fn mark(
        &mut self,
        name: &str,
        partition: i32,
        ending: &Ending,
        now_ms: i64,
    ) -> Option<Appended> {
        let by = ending.marker;
        let records = batch::marker(by.id, by.epoch, ending.commit, now_ms);
        let header = batch::read(&records)?;
        self.write(name, partition, &records, &header, ending.commit, now_ms)
    }

    /// Appends a checked batch, then makes room by retention.
    pub(crate) fn append(
        &mut self,
        name: &str,
        partition: i32,
        records: &[u8],
        header: &BatchHeader,
        now_ms: i64,
    ) -> Option<Appended> {
        self.write(name, partition, records, header, false, now_ms)
    }

    fn write(
        &mut self,
        name: &str,
        partition: i32,
        records: &[u8],
        header: &BatchHeader,
        commit: bool,
        now_ms: i64,
    ) -> Option<Appended> {
        let topic = self.by_name.get_mut(name)?;
        let log_append_time = topic.config.log_append_time.then_some(now_ms);
        let retention = topic.config.retention_bytes;
        let id = topic.id;
        let log = topic.partitions.get_mut(usize::try_from(partition).ok()?)?;
        let before = log.weight();
        let stable = log.last_stable();
        let age = self.next_age;
        self.next_age += 1;
        let base_offset = log.append(records, header, log_append_time, age);
        if header.is_control() {
            log.producers.mark(header.producer_id, header.producer_epoch);
            log.transactions.ended(header.producer_id, base_offset, commit);
        } else if header.producer_id >= 0 {
            if header.is_transactional() {
                log.transactions.wrote(header.producer_id, base_offset);
            }
            let append_time = log_append_time.unwrap_or(-1);
            log.producers.record(header, base_offset, append_time, self.producers_max);
        }
        let stable_bytes = log.read(stable, log.last_stable(), usize::MAX, false).bytes;
        self.by_age.insert(age, (id, partition));
        // The batch just written stays, as the active segment does in Kafka.
        while retention.is_some_and(|max| log.weight() > max) && log.len() > 1 {
            if let Some(dropped) = log.drop_oldest() {
                self.by_age.remove(&dropped.age);
                self.dropped_batches += 1;
            }
        }
        self.stored_bytes = self.stored_bytes + log.weight() - before;
        self.shrink_to_limit();
        let log_start = self.by_name.get(name)?.partition(partition)?.log_start();
        Some(Appended { base_offset, log_start, bytes: records.len(), stable_bytes })
    }

    /// Drops the oldest batches of the broker, but not the newest one, until the limit holds.
    fn shrink_to_limit(&mut self) {
        while self.stored_bytes > self.stored_bytes_max && self.by_age.len() > 1 {
            let Some((_, (id, partition))) = self.by_age.pop_first() else { return };
            let dropped = self
                .names
                .get(&id)
                .and_then(|name| self.by_name.get_mut(name))
                .and_then(|topic| topic.partitions.get_mut(usize::try_from(partition).ok()?))
                .and_then(PartitionLog::drop_oldest);
            if let Some(dropped) = dropped {
                self.stored_bytes -= dropped.weight();
                self.dropped_batches += 1;
            }
        }
    }

    /// Moves the log start of a partition (DeleteRecords); `offset` lies inside the log.
    pub(crate) fn truncate_before(&mut self, name: &str, partition: i32, offset: i64) {
        let log = self
            .by_name
            .get_mut(name)
            .and_then(|topic| topic.partitions.get_mut(usize::try_from(partition).ok()?));
        if let Some(log) = log {
            for dropped in log.truncate_before(offset) {
                self.by_age.remove(&dropped.age);
                self.stored_bytes -= dropped.weight();
            }
        }
    }
}

/// Kafka's rules for topic names (`Topic.validate`).
pub(crate) fn check_name(name: &str) -> Result<(), Refused> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let problem = if name.is_empty() {
        "the empty string is not allowed".to_owned()
    } else if name == "." || name == ".." {
        "'.' or '..' is not allowed".to_owned()
    } else if name.len() > NAME_BYTES_MAX {
        format!("the length of a name may not be above {NAME_BYTES_MAX}")
    } else if !name.bytes().all(legal) {
        "it holds a character other than ASCII alphanumerics, '.', '_' and '-'".to_owned()
    } else {
        return Ok(());
    };
    Err(Refused::new(
        ResponseError::InvalidTopicException,
        format!("Topic name is invalid: {problem}."),
    ))
}
