//! The batches of one partition: order, sequences, and which may be sent next.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::error::Error;
use crate::limits::BATCHES_IN_FLIGHT_MAX;
use crate::wire::records::{SealedBatch, next_sequence};

/// Producer id and epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
}

#[derive(Debug)]
pub(super) struct Batch {
    pub(super) id: u64,
    pub(super) sealed: SealedBatch,
    pub(super) tag: u64,
    /// Bytes of the buffer that it holds.
    pub(super) charge: usize,
    /// The stamped bytes; the same ones on every retry.
    pub(super) stamped: Option<Bytes>,
    pub(super) sequence: i32,
    pub(super) in_flight: bool,
    pub(super) attempts: u32,
    /// An attempt may have been written although no answer said so.
    pub(super) maybe_written: bool,
    pub(super) deadline: Duration,
    pub(super) error: Option<Error>,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    /// In the order of sequences.
    pub(super) batches: VecDeque<Batch>,
    /// What the stamps of this partition's batches say.
    pub(super) identity: Option<Identity>,
    pub(super) next_sequence: i32,
    /// The broker has a batch of this identity. Before, it takes any sequence as the first one of a
    /// producer that it does not know, so a batch that overtakes a failed one would be written.
    pub(super) acked: bool,
    /// Batches in unanswered requests, given-up ones included.
    pub(super) in_flight: usize,
    pub(super) retry_at: Duration,
    pub(super) retries: u32,
    /// Start again at sequence 0 with a new epoch as soon as nothing is in flight.
    pub(super) reset: bool,
}

impl Queue {
    pub(super) fn has_stamped(&self) -> bool {
        self.batches.iter().any(|batch| batch.stamped.is_some())
    }

    /// Index of the batch that may be sent next.
    pub(super) fn sendable(&self, identity: Option<Identity>, now: Duration) -> Option<usize> {
        let max = if self.acked { BATCHES_IN_FLIGHT_MAX } else { 1 };
        if self.reset || self.retry_at > now || self.in_flight >= max {
            return None;
        }
        let index = self.batches.iter().position(|batch| !batch.in_flight)?;
        let batch = self.batches.get(index)?;
        if batch.attempts > 0 {
            return (index == 0 && self.in_flight == 0).then_some(index);
        }
        // While a retried batch is out, nothing follows it: a second failure would reorder them.
        if self.batches.iter().take(index).any(|earlier| earlier.attempts > 1) {
            return None;
        }
        if batch.stamped.is_some() {
            return Some(index);
        }
        let current = identity?;
        (self.identity == Some(current) || !self.has_stamped()).then_some(index)
    }
}

/// The bytes of a batch: the same as before, or with the next sequence of the partition. The
/// identity was loaded before, so that a reset can never stamp "no producer".
pub(super) fn stamp(
    queue: &mut Queue,
    index: usize,
    identity: Option<Identity>,
    transactional: bool,
) -> Option<Bytes> {
    if let Some(stamped) = &queue.batches.get(index)?.stamped {
        return Some(stamped.clone());
    }
    let identity = identity?;
    if queue.identity != Some(identity) {
        queue.identity = Some(identity);
        queue.next_sequence = 0;
        queue.acked = false;
    }
    let sequence = queue.next_sequence;
    let batch = queue.batches.get_mut(index)?;
    let stamped = batch.sealed.stamp(identity.id, identity.epoch, sequence, transactional);
    batch.sequence = sequence;
    batch.stamped = Some(stamped.clone());
    queue.next_sequence = next_sequence(sequence, batch.sealed.record_count());
    Some(stamped)
}

pub(super) fn count(batch: &SealedBatch) -> usize {
    usize::try_from(batch.record_count()).unwrap_or(0)
}
