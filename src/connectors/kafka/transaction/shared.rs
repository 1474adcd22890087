//! The one transaction of a job: what all its writers and its commit domain share.
//!
//! A batch belongs to an epoch. The gate lets batches of the open epoch into the transaction and holds back those of the
//! next one, until the domain has asked for the end of the open one; from there on the client keeps them until the
//! outcome is known. So no record is ever in a transaction of another epoch, whichever worker is ahead.

use crate::table::{Epoch, Waker};
use brooklet_kafka::crash::point;
use brooklet_kafka::pending::Pending;
use brooklet_kafka::producer::{ProduceEvent, SendError};
use brooklet_kafka::transaction::{
    GroupMember, ProducerIdentity, TransactionResult, TransactionalProducer,
};
use brooklet_kafka::wire::records::SealedBatch;
use brooklet_kafka::{Client, CommittedOffset, TopicPartition};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Offsets for one consumer group.
pub(in crate::connectors::kafka) type GroupOffsets =
    (String, Vec<(TopicPartition, CommittedOffset)>);

/// Bits of a tag that hold the epoch; those above hold the sender.
const EPOCH_BITS: u32 = 48;

/// The sender that stands for the domain's own records.
const DOMAIN: u64 = (1 << (u64::BITS - EPOCH_BITS)) - 1;

type Wakers = Arc<Mutex<Vec<Waker>>>;

/// The end of a transaction on its way: all calls that it takes.
#[derive(Debug)]
pub(in crate::connectors::kafka) struct Ending {
    pub(in crate::connectors::kafka) offsets: Vec<(String, Pending<TransactionResult<()>>)>,
    pub(in crate::connectors::kafka) end: Pending<TransactionResult<()>>,
}

/// See the module.
pub(in crate::connectors::kafka) struct Transaction {
    producer: TransactionalProducer,
    inner: Mutex<Inner>,
    wakers: Wakers,
}

#[derive(Debug)]
struct Inner {
    /// Batches up to this epoch may be sent.
    open: Epoch,
    /// Batches in the open transaction.
    sent: u64,
    /// Events by writer.
    events: Vec<VecDeque<ProduceEvent>>,
    /// Why the domain's own record was not written.
    refused: Option<brooklet_kafka::Error>,
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("inner", &self.inner).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wake_all(wakers: &Mutex<Vec<Waker>>) {
    // Not under the lock: a waker may do anything that does not block.
    let wakers = lock(wakers).clone();
    wakers.iter().for_each(|waker| waker());
}

impl Transaction {
    /// A transaction under `id`; `waker` is the domain's.
    pub(in crate::connectors::kafka) fn new(
        client: &Client,
        id: &str,
        timeout: Duration,
        waker: Waker,
    ) -> Transaction {
        let wakers: Wakers = Arc::new(Mutex::new(vec![waker]));
        let all = Arc::clone(&wakers);
        let producer = client.transactional_producer(id, timeout, Arc::new(move || wake_all(&all)));
        let inner = Inner { open: 1, sent: 0, events: Vec::new(), refused: None };
        Transaction { producer, inner: Mutex::new(inner), wakers }
    }

    pub(in crate::connectors::kafka) fn init(
        &self,
    ) -> Pending<TransactionResult<ProducerIdentity>> {
        self.producer.init()
    }

    /// Lets batches up to this epoch in.
    pub(in crate::connectors::kafka) fn open(&self, epoch: Epoch) {
        lock(&self.inner).open = epoch;
        wake_all(&self.wakers);
    }

    /// Whether the open transaction holds output.
    pub(in crate::connectors::kafka) fn has_output(&self) -> bool {
        lock(&self.inner).sent > 0
    }

    /// Adds the domain's own record and offsets to the open transaction and asks for its commit; what is sent from now on
    /// is of `next`.
    pub(in crate::connectors::kafka) fn end(
        &self,
        record: Option<(&Arc<str>, SealedBatch)>,
        offsets: &[GroupOffsets],
        member: &GroupMember,
        next: Epoch,
    ) -> Result<Ending, SendError> {
        let mut inner = lock(&self.inner);
        if let Some((topic, batch)) = record {
            self.producer.send(topic, 0, batch, DOMAIN << EPOCH_BITS)?;
        }
        let send = |(group, offsets): &GroupOffsets| {
            (group.clone(), self.producer.send_offsets(group, member, offsets))
        };
        let offsets = offsets.iter().map(send).collect();
        point("commit", "queued");
        let end = self.producer.commit();
        inner.open = next;
        inner.sent = 0;
        drop(inner);
        wake_all(&self.wakers);
        Ok(Ending { offsets, end })
    }

    pub(in crate::connectors::kafka) fn abort(&self) -> Pending<TransactionResult<()>> {
        self.producer.abort()
    }

    /// Why the domain's own record was refused, if it was.
    pub(super) fn refused(&self) -> Option<brooklet_kafka::Error> {
        self.route();
        lock(&self.inner).refused.take()
    }

    /// A new writer; `waker` is called when [`Transaction::poll`] may have something or the gate was opened.
    pub(in crate::connectors::kafka) fn join(&self, waker: Waker) -> usize {
        lock(&self.wakers).push(waker);
        let mut inner = lock(&self.inner);
        inner.events.push(VecDeque::new());
        inner.events.len() - 1
    }

    /// Puts a batch into the transaction of its epoch; full until that is open.
    pub(in crate::connectors::kafka) fn send(
        &self,
        writer: usize,
        topic: &Arc<str>,
        partition: i32,
        batch: SealedBatch,
        epoch: Epoch,
    ) -> Result<(), SendError> {
        let mut inner = lock(&self.inner);
        if epoch > inner.open {
            return Err(SendError::Full(Box::new(batch)));
        }
        self.producer.send(topic, partition, batch, (writer as u64) << EPOCH_BITS | epoch)?;
        point("write", "batch");
        inner.sent += 1;
        Ok(())
    }

    /// The next event of a writer's batches; its tag is the epoch.
    pub(in crate::connectors::kafka) fn poll(&self, writer: usize) -> Option<ProduceEvent> {
        self.route();
        let mut event = lock(&self.inner).events.get_mut(writer)?.pop_front()?;
        let (ProduceEvent::Delivered { tag, .. } | ProduceEvent::Failed { tag, .. }) = &mut event;
        *tag &= (1 << EPOCH_BITS) - 1;
        Some(event)
    }

    /// Gives every event to its writer.
    fn route(&self) {
        let mut inner = lock(&self.inner);
        while let Some(event) = self.producer.poll() {
            let (ProduceEvent::Delivered { tag, .. } | ProduceEvent::Failed { tag, .. }) = &event;
            let writer = usize::try_from(tag >> EPOCH_BITS).unwrap_or(usize::MAX);
            match (inner.events.get_mut(writer), event) {
                (Some(events), event) => events.push_back(event),
                (None, ProduceEvent::Failed { error, .. }) => inner.refused = Some(error),
                (None, ProduceEvent::Delivered { .. }) => {}
            }
        }
    }
}
