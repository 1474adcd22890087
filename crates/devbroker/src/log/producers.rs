//! Sequence numbers of idempotent producers in one partition (KIP-98, KIP-360).

use std::collections::{BTreeMap, VecDeque};

use super::batch::BatchHeader;

/// Batches per producer whose retries are recognised, as in Kafka.
const REMEMBERED_BATCHES: usize = 5;

/// What the sequence number of a batch means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sequence {
    /// Append it.
    Next,
    /// It was appended before, at this base offset and append time.
    Duplicate { base_offset: i64, append_time: i64 },
    /// A newer producer with this id is at work.
    Fenced,
    /// A batch before it is missing.
    OutOfOrder,
}

#[derive(Debug, Clone, Copy)]
struct Remembered {
    first: i32,
    last: i32,
    base_offset: i64,
    append_time: i64,
}

#[derive(Debug)]
struct Producer {
    epoch: i16,
    batches: VecDeque<Remembered>,
    last_used: u64,
}

/// Producers of one partition by producer id.
#[derive(Debug, Default)]
pub(crate) struct Producers {
    by_id: BTreeMap<i64, Producer>,
    by_use: BTreeMap<u64, i64>,
    clock: u64,
}

impl Producers {
    /// Judges a batch by the rules of Kafka's `ProducerAppendInfo`. A producer that the partition
    /// does not know may start anywhere: its state may have been dropped (KIP-360), so
    /// UNKNOWN_PRODUCER_ID is never needed.
    pub(crate) fn check(&self, batch: &BatchHeader) -> Sequence {
        let Some(producer) = self.by_id.get(&batch.producer_id) else { return Sequence::Next };
        if batch.producer_epoch < producer.epoch {
            return Sequence::Fenced;
        }
        if batch.producer_epoch > producer.epoch {
            return if batch.base_sequence == 0 { Sequence::Next } else { Sequence::OutOfOrder };
        }
        let last = last_sequence(batch);
        if let Some(found) = producer
            .batches
            .iter()
            .find(|seen| seen.first == batch.base_sequence && seen.last == last)
        {
            return Sequence::Duplicate {
                base_offset: found.base_offset,
                append_time: found.append_time,
            };
        }
        let expected = producer.batches.back().map(|seen| following(seen.last));
        if expected.is_none_or(|expected| expected == batch.base_sequence) {
            Sequence::Next
        } else {
            Sequence::OutOfOrder
        }
    }

    /// Id, epoch, and of the last batch its last sequence number and append time; without one after a marker.
    pub(crate) fn states(&self) -> impl Iterator<Item = (i64, i16, Option<(i32, i64)>)> {
        self.by_id.iter().map(|(id, producer)| {
            let last = producer.batches.back().map(|last| (last.last, last.append_time));
            (*id, producer.epoch, last)
        })
    }

    /// Takes the epoch of a marker: transactions of version 2 go on with it, and with sequence 0.
    /// A producer that is not known here has nothing that could be fenced by sequence.
    pub(crate) fn mark(&mut self, producer_id: i64, epoch: i16) {
        if let Some(producer) = self.by_id.get_mut(&producer_id)
            && epoch > producer.epoch
        {
            producer.epoch = epoch;
            producer.batches.clear();
        }
    }

    /// Remembers an appended batch; forgets the least recently used producer beyond `max`.
    pub(crate) fn record(
        &mut self,
        batch: &BatchHeader,
        base_offset: i64,
        append_time: i64,
        max: usize,
    ) {
        self.clock = self.clock.saturating_add(1);
        let clock = self.clock;
        let producer = self.by_id.entry(batch.producer_id).or_insert_with(|| Producer {
            epoch: batch.producer_epoch,
            batches: VecDeque::with_capacity(REMEMBERED_BATCHES),
            last_used: 0,
        });
        if producer.epoch != batch.producer_epoch {
            producer.epoch = batch.producer_epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == REMEMBERED_BATCHES {
            producer.batches.pop_front();
        }
        producer.batches.push_back(Remembered {
            first: batch.base_sequence,
            last: last_sequence(batch),
            base_offset,
            append_time,
        });
        self.by_use.remove(&producer.last_used);
        producer.last_used = clock;
        self.by_use.insert(clock, batch.producer_id);
        while self.by_id.len() > max.max(1) {
            let Some((_, id)) = self.by_use.pop_first() else { break };
            self.by_id.remove(&id);
        }
    }
}

fn last_sequence(batch: &BatchHeader) -> i32 {
    let last = i64::from(batch.base_sequence) + i64::from(batch.last_offset_delta);
    (last % (i64::from(i32::MAX) + 1)) as i32
}

/// Sequence numbers wrap from `i32::MAX` to 0.
fn following(sequence: i32) -> i32 {
    sequence.checked_add(1).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(id: i64, epoch: i16, sequence: i32, count: i32) -> BatchHeader {
        BatchHeader {
            base_offset: 0,
            attributes: 0,
            last_offset_delta: count - 1,
            base_timestamp: 0,
            max_timestamp: 0,
            producer_id: id,
            producer_epoch: epoch,
            base_sequence: sequence,
            record_count: count,
        }
    }

    #[test]
    fn the_last_five_batches_are_recognised() {
        let mut producers = Producers::default();
        for index in 0..6 {
            let batch = header(1, 0, index * 10, 10);
            assert_eq!(producers.check(&batch), Sequence::Next);
            producers.record(&batch, i64::from(index) * 10, -1, 10);
        }
        for index in 1..6 {
            assert_eq!(
                producers.check(&header(1, 0, index * 10, 10)),
                Sequence::Duplicate { base_offset: i64::from(index) * 10, append_time: -1 }
            );
        }
        assert_eq!(producers.check(&header(1, 0, 0, 10)), Sequence::OutOfOrder);
        assert_eq!(producers.check(&header(1, 0, 50, 9)), Sequence::OutOfOrder);
        assert_eq!(producers.check(&header(1, 0, 70, 1)), Sequence::OutOfOrder);
        assert_eq!(producers.check(&header(1, 0, 60, 1)), Sequence::Next);
    }

    #[test]
    fn epochs_fence_and_restart() {
        let mut producers = Producers::default();
        producers.record(&header(1, 3, 0, 1), 0, -1, 10);
        assert_eq!(producers.check(&header(1, 2, 1, 1)), Sequence::Fenced);
        assert_eq!(producers.check(&header(1, 4, 1, 1)), Sequence::OutOfOrder);
        assert_eq!(producers.check(&header(1, 4, 0, 1)), Sequence::Next);
    }

    #[test]
    fn an_unknown_producer_starts_anywhere() {
        assert_eq!(Producers::default().check(&header(9, 0, 77, 1)), Sequence::Next);
    }

    #[test]
    fn sequences_wrap() {
        let mut producers = Producers::default();
        producers.record(&header(1, 0, i32::MAX - 1, 3), 0, -1, 10);
        assert_eq!(producers.check(&header(1, 0, 1, 1)), Sequence::Next);
    }

    #[test]
    fn the_least_recently_used_producer_is_forgotten() {
        let mut producers = Producers::default();
        producers.record(&header(1, 0, 0, 1), 0, -1, 2);
        producers.record(&header(2, 0, 0, 1), 1, -1, 2);
        producers.record(&header(1, 0, 1, 1), 2, -1, 2);
        producers.record(&header(3, 0, 0, 1), 3, -1, 2);
        assert_eq!(producers.check(&header(2, 0, 5, 1)), Sequence::Next);
        assert_eq!(producers.check(&header(1, 0, 5, 1)), Sequence::OutOfOrder);
    }
}
