//! The reading handle: partitions are assigned with a position, fetched data comes to a mailbox.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::client::ClientHandle;
use crate::config::Isolation;
use crate::core::Command;
use crate::error::{Error, ErrorKind};
use crate::pending::Waker;
use crate::read_committed::{AbortedTransaction, BatchFilter};
use crate::topic::TopicPartition;
use crate::wire::Uuid;
use crate::wire::compression::Decompressor;
use crate::wire::compression::limits::MAX_DECOMPRESSED_BYTES;
use crate::wire::records::{BatchView, Batches};

/// What one fetch brought for one partition.
#[derive(Debug, Clone)]
pub struct FetchedPartition {
    /// The partition.
    pub partition: TopicPartition,
    /// Id of its topic, zero if the brokers have none.
    pub topic_id: Uuid,
    /// The position that was asked for. The first batch may begin before it.
    pub fetch_offset: i64,
    /// Complete batches, a slice of the fetched frame; may be empty when only the marks moved.
    pub records: Bytes,
    /// The position behind these batches.
    pub next_offset: i64,
    /// Leader epoch of the last of these batches, handed on or not: it belongs to [`next_offset`](Self::next_offset).
    /// `None` without batches.
    pub leader_epoch: Option<i32>,
    /// Offset behind the last replicated record, −1 if the broker did not say.
    pub high_watermark: i64,
    /// Offset behind the last record whose transaction is decided, −1 if the broker did not say.
    pub last_stable_offset: i64,
    /// First offset of the log, −1 if the broker did not say.
    pub log_start_offset: i64,
    /// Aborted transactions that overlap these batches; only with `read_committed`.
    pub aborted: Vec<AbortedTransaction>,
}

impl FetchedPartition {
    /// Goes through the batches that are handed on, in order. `check_crcs` is the property of
    /// this name.
    pub fn batches(&self, isolation: Isolation, check_crcs: bool) -> FetchedBatches {
        FetchedBatches {
            partition: self.partition.clone(),
            fetch_offset: self.fetch_offset,
            batches: Batches::new(self.records.clone()),
            filter: BatchFilter::new(isolation, self.aborted.clone()),
            check_crcs,
        }
    }

    /// Whether these batches reach the end of what can be read now with this isolation.
    pub fn is_caught_up(&self, isolation: Isolation) -> bool {
        let end = match isolation {
            Isolation::ReadUncommitted => self.high_watermark,
            Isolation::ReadCommitted => self.last_stable_offset,
        };
        end >= 0 && self.next_offset >= end
    }
}

/// The batches of a [`FetchedPartition`] without markers, aborted transactions, and batches that
/// end before the position. It shares the fetched memory. Records of the first batch may still lie before
/// [`fetch_offset`](FetchedPartition::fetch_offset): skip them.
#[derive(Debug)]
pub struct FetchedBatches {
    partition: TopicPartition,
    fetch_offset: i64,
    batches: Batches,
    filter: BatchFilter,
    check_crcs: bool,
}

impl FetchedBatches {
    /// The next batch, not yet decompressed; messages of formats v0 and v1 are a batch of v2 by now.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] with the offset of the damaged batch.
    pub fn next_batch(
        &mut self,
        decompressor: &mut Decompressor,
    ) -> Option<Result<BatchView, Error>> {
        loop {
            let batch = match self.batches.next()? {
                Ok(batch) => batch,
                Err(error) => return Some(Err(corrupt(&self.partition, &error))),
            };
            if batch.header().last_offset() < self.fetch_offset {
                continue;
            }
            let checked = if self.check_crcs { batch.verify_crc() } else { Ok(()) };
            let accepted = checked.and_then(|()| {
                if !self.filter.accept(&batch, decompressor)? {
                    return Ok(None);
                }
                batch.into_v2(decompressor, MAX_DECOMPRESSED_BYTES).map(Some)
            });
            match accepted {
                Ok(Some(batch)) => return Some(Ok(batch)),
                Ok(None) => {}
                Err(error) => return Some(Err(corrupt(&self.partition, &error))),
            }
        }
    }
}

/// The error behind damaged bytes of a batch.
pub(crate) fn corrupt(tp: &TopicPartition, error: &crate::wire::records::BatchError) -> Error {
    let kind = ErrorKind::Corrupt { offset: error.base_offset };
    Error::new(kind, error.to_string()).context(format_args!("partition {tp}")).in_api("Fetch")
}

/// A partition that cannot be read on. It is not fetched any more until it is assigned again.
#[derive(Debug, Clone)]
pub struct PartitionError {
    /// The partition.
    pub partition: TopicPartition,
    /// The position that could not be read.
    pub fetch_offset: i64,
    /// Id of the topic that it belongs to, zero if it was never learned.
    pub topic_id: Uuid,
    /// Why.
    pub error: Error,
}

/// Where to read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartAt {
    /// The next offset to read.
    pub offset: i64,
    /// Leader epoch of the record before it, −1 if unknown (KIP-320).
    pub leader_epoch: i32,
    /// The topic that the offset is of, zero if unknown (KIP-516): another one of the same name is
    /// reported as created anew.
    pub topic_id: Uuid,
}

impl StartAt {
    /// An offset of which nothing more is known.
    pub const fn offset(offset: i64) -> Self {
        Self { offset, leader_epoch: -1, topic_id: Uuid::ZERO }
    }
}

/// What a consumer gets.
#[derive(Debug, Clone)]
pub enum Fetched {
    /// Batches, or news about the marks of a partition.
    Data(FetchedPartition),
    /// The partition failed.
    Failed(PartitionError),
}

impl Fetched {
    /// The partition.
    pub fn partition(&self) -> &TopicPartition {
        match self {
            Self::Data(data) => &data.partition,
            Self::Failed(failed) => &failed.partition,
        }
    }
}

#[derive(Default)]
struct Mailbox {
    items: VecDeque<(u64, Fetched)>,
    /// Taken since the state machine looked last.
    taken: Vec<(TopicPartition, u64)>,
}

/// Where the state machine of a consumer and its handle meet.
pub(crate) struct ConsumerShared {
    mailbox: Mutex<Mailbox>,
    waker: Waker,
}

impl ConsumerShared {
    pub(crate) fn new(waker: Waker) -> Arc<Self> {
        Arc::new(Self { mailbox: Mutex::default(), waker })
    }

    fn lock(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn deliver(&self, items: Vec<(u64, Fetched)>) {
        if !items.is_empty() {
            self.lock().items.extend(items);
            (self.waker)();
        }
    }

    pub(crate) fn take_taken(&self) -> Vec<(TopicPartition, u64)> {
        std::mem::take(&mut self.lock().taken)
    }
}

impl fmt::Debug for ConsumerShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsumerShared").field("items", &self.lock().items.len()).finish()
    }
}

/// Reads assigned partitions. Data is fetched ahead under the process' memory budget; the
/// position of a reader is what it has taken and worked on, not what was fetched.
#[derive(Debug)]
pub struct Consumer {
    id: u64,
    client: Arc<ClientHandle>,
    shared: Arc<ConsumerShared>,
    /// The current assignment: items of an earlier one are dropped.
    generations: BTreeMap<TopicPartition, u64>,
    next_generation: u64,
}

impl Consumer {
    pub(crate) fn new(id: u64, client: Arc<ClientHandle>, shared: Arc<ConsumerShared>) -> Self {
        Self { id, client, shared, generations: BTreeMap::new(), next_generation: 0 }
    }

    /// Reads these partitions from these offsets; a partition that is assigned already jumps.
    pub fn assign(&mut self, positions: &[(TopicPartition, i64)]) {
        let at = |(tp, offset): &(TopicPartition, i64)| (tp.clone(), StartAt::offset(*offset));
        self.assign_at(positions.iter().map(at));
    }

    /// The same with the leader epochs of the records before: brokers whose log differs there say
    /// so ([`ErrorKind::Truncated`]).
    pub fn assign_at(&mut self, positions: impl IntoIterator<Item = (TopicPartition, StartAt)>) {
        let mut assigned = Vec::new();
        for (tp, start) in positions {
            self.next_generation += 1;
            self.generations.insert(tp.clone(), self.next_generation);
            assigned.push((tp, start, self.next_generation));
        }
        self.client.command(Command::Assign { consumer: self.id, positions: assigned });
    }

    /// Stops reading these partitions; data that was fetched for them is dropped.
    pub fn unassign(&mut self, partitions: &[TopicPartition]) {
        for tp in partitions {
            self.generations.remove(tp);
        }
        let partitions = partitions.to_vec();
        self.client.command(Command::Unassign { consumer: self.id, partitions });
    }

    /// The next piece of data or failure, if there is one. The waker is called when there may be
    /// one again.
    pub fn poll(&mut self) -> Option<Fetched> {
        loop {
            let (generation, item, empty) = {
                let mut mailbox = self.shared.lock();
                let (generation, item) = mailbox.items.pop_front()?;
                mailbox.taken.push((item.partition().clone(), generation));
                (generation, item, mailbox.items.is_empty())
            };
            if empty {
                // The machine fetches again from brokers none of whose data is unread.
                self.client.command(Command::Taken { consumer: self.id });
            }
            if self.generations.get(item.partition()) == Some(&generation) {
                return Some(item);
            }
        }
    }

    /// Partitions that are assigned now.
    pub fn assignment(&self) -> impl Iterator<Item = &TopicPartition> {
        self.generations.keys()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.client.command(Command::CloseConsumer { consumer: self.id });
    }
}
