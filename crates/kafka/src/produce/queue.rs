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

impl Identity {
    /// Of a producer without idempotence: brokers before 0.11 know no other.
    pub(crate) const NONE: Self = Self { id: -1, epoch: -1 };
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
    pub(super) reset: Reset,
}

/// Whether a partition has to start again at sequence 0 with a new epoch (KIP-360).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Reset {
    /// No.
    #[default]
    No,
    /// A batch was given up that may or may not be in the log, and so may what was sent behind it:
    /// such a batch is sent again under the sequence that it has, for the broker to recognise or
    /// refuse. The new epoch begins when none is left.
    WhenDecided,
    /// As soon as nothing is in flight: the broker has refused the sequence of the first batch, so
    /// what is behind it is not in the log either.
    Now,
}

impl Queue {
    pub(super) fn has_stamped(&self) -> bool {
        self.batches.iter().any(|batch| batch.stamped.is_some())
    }

    /// Whether a batch may be in the log under the sequence that it has.
    pub(super) fn has_undecided(&self) -> bool {
        self.batches.iter().any(|batch| batch.stamped.is_some() && batch.maybe_written)
    }

    /// Index of the batch that may be sent next.
    pub(super) fn sendable(&self, identity: Option<Identity>, now: Duration) -> Option<usize> {
        // Without sequences a batch that overtakes a failed one would be written before it.
        let ordered = self.acked && identity != Some(Identity::NONE);
        let max = if ordered { BATCHES_IN_FLIGHT_MAX } else { 1 };
        if self.retry_at > now || self.in_flight >= max {
            return None;
        }
        if self.reset != Reset::No {
            let first = self.batches.front()?;
            let decides = self.reset == Reset::WhenDecided && self.has_undecided();
            return (decides && self.in_flight == 0 && first.stamped.is_some()).then_some(0);
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
    let sequence = if identity == Identity::NONE { -1 } else { queue.next_sequence };
    let batch = queue.batches.get_mut(index)?;
    let stamped = batch.sealed.stamp(identity.id, identity.epoch, sequence, transactional);
    batch.sequence = sequence;
    batch.stamped = Some(stamped.clone());
    if identity != Identity::NONE {
        queue.next_sequence = next_sequence(sequence, batch.sealed.record_count());
    }
    Some(stamped)
}

pub(super) fn count(batch: &SealedBatch) -> usize {
    usize::try_from(batch.record_count()).unwrap_or(0)
}
