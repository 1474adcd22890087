//! The writing handle: sealed batches go in, one event per batch (or part of a split batch)
//! comes out.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::client::ClientHandle;
use crate::core::Command;
use crate::error::Error;
use crate::pending::Waker;
use crate::topic::TopicPartition;
use crate::wire::records::SealedBatch;

/// The end of a batch.
#[derive(Debug, Clone)]
pub enum ProduceEvent {
    /// All in-sync replicas have it.
    Delivered {
        /// Where it was written.
        partition: TopicPartition,
        /// The tag it was sent with.
        tag: u64,
        /// Offset of its first record, −1 if the broker had it already and did not say.
        base_offset: i64,
        /// Number of its records. A batch that had to be split answers in parts, whose records
        /// add up to its own.
        records: usize,
        /// [`SealedBatch::first_number`] of the batch or of the part.
        first: u64,
    },
    /// It was given up.
    Failed {
        /// Where it should have been written.
        partition: TopicPartition,
        /// The tag it was sent with.
        tag: u64,
        /// Number of its records.
        records: usize,
        /// [`SealedBatch::first_number`] of the batch or of the part.
        first: u64,
        /// Bytes of the batch or of the part.
        bytes: usize,
        /// Why.
        error: Error,
        /// Whether the records may be in the log all the same.
        possibly_written: bool,
    },
}

/// A batch that was not taken.
#[derive(Debug)]
pub enum SendError {
    /// `buffer.memory` is full: here is the batch back, an event will make room.
    Full(Box<SealedBatch>),
    /// The batch is larger than `max.request.size`.
    TooLarge {
        /// Bytes of the batch.
        bytes: usize,
        /// `max.request.size`.
        max: usize,
    },
    /// The client is closed.
    Closed,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("buffer.memory is full"),
            Self::TooLarge { bytes, max } => {
                write!(f, "a batch of {bytes} bytes exceeds max.request.size = {max}")
            }
            Self::Closed => f.write_str("the client was closed"),
        }
    }
}

impl std::error::Error for SendError {}

/// Where the state machine of a producer and its handle meet.
pub(crate) struct ProducerShared {
    events: Mutex<VecDeque<ProduceEvent>>,
    bytes: AtomicUsize,
    lacks_idempotence: AtomicBool,
    waker: Waker,
}

impl ProducerShared {
    pub(crate) fn new(waker: Waker) -> Arc<Self> {
        Arc::new(Self {
            events: Mutex::default(),
            bytes: AtomicUsize::new(0),
            lacks_idempotence: AtomicBool::new(false),
            waker,
        })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<ProduceEvent>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the batch room in a buffer of `limit` bytes.
    pub(crate) fn admit(
        &self,
        client: &ClientHandle,
        batch: SealedBatch,
        limit: usize,
    ) -> Result<SealedBatch, SendError> {
        if client.is_closed() {
            return Err(SendError::Closed);
        }
        let (bytes, max) = (batch.size(), client.config().max_request_size);
        if bytes > max && batch.record_count() <= 1 {
            return Err(SendError::TooLarge { bytes, max });
        }
        let room = self.bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, |held| {
            (held == 0 || held.saturating_add(bytes) <= limit).then(|| held.saturating_add(bytes))
        });
        if room.is_err() {
            return Err(SendError::Full(Box::new(batch)));
        }
        Ok(batch)
    }

    pub(crate) fn next(&self) -> Option<ProduceEvent> {
        self.lock().pop_front()
    }

    /// Bytes of batches without an event yet.
    pub(crate) fn held(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    /// Says that the brokers know no idempotent producers.
    pub(crate) fn lack_idempotence(&self) {
        self.lacks_idempotence.store(true, Ordering::Release);
    }

    /// Hands over events; `bytes` of the buffer become free.
    pub(crate) fn deliver(&self, events: Vec<ProduceEvent>, bytes: usize) {
        if bytes > 0 {
            self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        }
        if !events.is_empty() {
            self.lock().extend(events);
            (self.waker)();
        }
    }
}

impl fmt::Debug for ProducerShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerShared").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Writes batches, idempotently: each is in the log once, in the order of `send` per partition. With
/// brokers that know no idempotence, see [`lacks_idempotence`](Self::lacks_idempotence).
#[derive(Debug)]
pub struct Producer {
    id: u64,
    client: Arc<ClientHandle>,
    shared: Arc<ProducerShared>,
    /// Bytes that wait for acknowledgement at most.
    buffer_bytes: usize,
}

impl Producer {
    pub(crate) fn new(id: u64, client: Arc<ClientHandle>, shared: Arc<ProducerShared>) -> Self {
        let buffer_bytes = client.config().buffer_memory;
        Self { id, client, shared, buffer_bytes }
    }

    /// With `bytes` instead of `buffer.memory`: several producers, and [open batches](crate::open_batches), may share what
    /// one was given.
    #[must_use]
    pub fn with_buffer(mut self, bytes: usize) -> Self {
        self.buffer_bytes = bytes;
        self
    }

    /// Queues a batch; it leaves as soon as its broker may take it. `tag` comes back in the
    /// event.
    ///
    /// # Errors
    /// See [`SendError`]. A batch larger than the whole buffer passes when the buffer is empty.
    pub fn send(
        &self,
        topic: &Arc<str>,
        partition: i32,
        batch: SealedBatch,
        tag: u64,
    ) -> Result<(), SendError> {
        let batch = self.shared.admit(&self.client, batch, self.buffer_bytes)?;
        let partition = TopicPartition { topic: Arc::clone(topic), partition };
        self.client.command(Command::Produce { producer: self.id, partition, batch, tag });
        Ok(())
    }

    /// The next event, if there is one. The waker is called when there may be one again.
    pub fn poll(&self) -> Option<ProduceEvent> {
        self.shared.next()
    }

    /// Whether the brokers turned out to know no idempotent producers, as those before 0.11: a
    /// batch whose answer was lost may be in the log twice then. Known before the first event.
    pub fn lacks_idempotence(&self) -> bool {
        self.shared.lacks_idempotence.load(Ordering::Acquire)
    }

    /// Bytes of batches without an event yet.
    pub fn in_flight_bytes(&self) -> usize {
        self.shared.held()
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.client.command(Command::CloseProducer { producer: self.id });
    }
}
