//! Which partition a record goes to.

use super::options::Partitioning;
use brooklet_kafka::partitioner::{Sticky, for_key};

/// Chooses partitions for one writer.
#[derive(Debug)]
pub(super) enum Partitioner {
    /// Kafka's own: by the hash of the key; without key one partition for a batch of bytes, then another.
    Sticky(Sticky),
    /// Flink's `fixed`: subtask modulo number of partitions.
    Fixed(usize),
    /// In turn, record by record.
    RoundRobin(usize),
}

impl Partitioner {
    pub(super) fn new(
        kind: Partitioning,
        subtask: usize,
        batch_bytes: usize,
        seed: u64,
    ) -> Partitioner {
        match kind {
            Partitioning::Default => Partitioner::Sticky(Sticky::new(batch_bytes, seed)),
            Partitioning::Fixed => Partitioner::Fixed(subtask),
            Partitioning::RoundRobin => Partitioner::RoundRobin(subtask),
        }
    }

    /// Partition of the next record with this key and a value of `bytes`; `available` are the partitions with a leader,
    /// `all` the number of all.
    pub(super) fn next(
        &mut self,
        key: Option<&[u8]>,
        bytes: usize,
        available: &[i32],
        all: usize,
    ) -> i32 {
        let index = match self {
            Partitioner::Sticky(sticky) => {
                let all = u32::try_from(all).unwrap_or(u32::MAX);
                return match key {
                    Some(key) => for_key(key, all),
                    None => sticky.next(bytes, available, all),
                };
            }
            Partitioner::Fixed(subtask) => *subtask % all.max(1),
            Partitioner::RoundRobin(next) => {
                let index = *next % all.max(1);
                *next = index + 1;
                index
            }
        };
        i32::try_from(index).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_robin_really_is() {
        let mut partitioner = Partitioner::new(Partitioning::RoundRobin, 0, 1, 1);
        let taken: Vec<i32> = (0..5).map(|_| partitioner.next(None, 10, &[0, 1, 2], 3)).collect();
        assert_eq!(taken, [0, 1, 2, 0, 1]);
    }

    #[test]
    fn keys_decide_by_default_only() {
        let mut partitioner = Partitioner::new(Partitioning::Default, 0, 1, 1);
        for _ in 0..3 {
            assert_eq!(partitioner.next(Some(b"abc"), 10, &[0], 10), 7);
        }
        let mut partitioner = Partitioner::new(Partitioning::Fixed, 4, 1, 1);
        assert_eq!(partitioner.next(Some(b"abc"), 10, &[0], 10), 4);
    }

    #[test]
    fn fixed_is_subtask_modulo_partitions() {
        let mut partitioner = Partitioner::new(Partitioning::Fixed, 4, 1, 1);
        assert_eq!(partitioner.next(None, 10, &[0, 1, 2], 3), 1);
        assert_eq!(partitioner.next(None, 10, &[0, 1, 2], 3), 1);
    }
}
