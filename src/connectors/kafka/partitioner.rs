//! Which partition a record goes to.

use super::options::Partitioning;
use crate::table::Instance;
use brooklet_kafka::partitioner::{Sticky, for_key};
use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// A record that looks for its partition.
#[derive(Clone, Copy, Debug)]
pub struct PartitionedRecord<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// Number of the topic's partitions, at least 1; it may grow while the job runs.
    pub partitions: usize,
    /// Partitions that have a leader.
    pub available: &'a [i32],
}

/// Chooses partitions for one writer: a class name of `sink.partitioner` (Flink's `KafkaPartitioner`).
pub trait RecordPartitioner: Send + Debug {
    /// The record's partition, from 0 to [`PartitionedRecord::partitions`]; another number fails the row.
    fn partition(&mut self, record: &PartitionedRecord<'_>) -> i32;
}

/// Makes the partitioner of a writer.
pub type PartitionerFactory =
    Arc<dyn Fn(PartitionerContext) -> Box<dyn RecordPartitioner> + Send + Sync>;

/// Who asks for a partitioner: what `open` of Flink's `KafkaPartitioner` is given.
#[derive(Clone, Copy, Debug)]
pub struct PartitionerContext {
    /// Number of the parallel instance of the sink, from 0.
    pub subtask: usize,
    /// How many there are.
    pub parallelism: usize,
}

/// Partitioners by the class names that scripts give.
#[derive(Clone, Default)]
pub(super) struct PartitionerClasses(BTreeMap<String, PartitionerFactory>);

impl Debug for PartitionerClasses {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl PartitionerClasses {
    pub(super) fn insert(&mut self, class: &str, factory: PartitionerFactory) {
        self.0.insert(class.to_owned(), factory);
    }

    pub(super) fn get(&self, class: &str) -> Option<Class> {
        let factory = Arc::clone(self.0.get(class)?);
        Some(Class { name: class.to_owned(), factory })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// A registered partitioner.
#[derive(Clone)]
pub(super) struct Class {
    name: String,
    factory: PartitionerFactory,
}

impl Debug for Class {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Chooses partitions for one writer.
#[derive(Debug)]
pub(super) enum Partitioner {
    /// Kafka's own: by the hash of the key; without key one partition for a batch of bytes, then another.
    Sticky(Sticky),
    /// The same as if no record had a key.
    Keyless(Sticky),
    /// Flink's `fixed`: subtask modulo number of partitions.
    Fixed(Instance),
    /// In turn, record by record.
    RoundRobin(usize),
    /// A program's own, one for each instance of the sink.
    Class { class: Class, instance: Instance, made: BTreeMap<usize, Box<dyn RecordPartitioner>> },
}

impl Partitioner {
    pub(super) fn new(
        kind: &Partitioning,
        instance: &Instance,
        batch_bytes: usize,
        seed: u64,
    ) -> Partitioner {
        match kind {
            Partitioning::Default => Partitioner::Sticky(Sticky::new(batch_bytes, seed)),
            Partitioning::Keyless => Partitioner::Keyless(Sticky::new(batch_bytes, seed)),
            Partitioning::Fixed => Partitioner::Fixed(instance.clone()),
            Partitioning::RoundRobin => {
                Partitioner::RoundRobin(instance.worker % instance.spread.instances())
            }
            Partitioning::Class(class) => Partitioner::Class {
                class: class.clone(),
                instance: instance.clone(),
                made: BTreeMap::new(),
            },
        }
    }

    /// The next record's partition.
    pub(super) fn next(&mut self, record: &PartitionedRecord<'_>) -> i32 {
        let all = record.partitions;
        let key = record.key.filter(|_| !matches!(self, Partitioner::Keyless(_)));
        let index = match self {
            Partitioner::Sticky(sticky) | Partitioner::Keyless(sticky) => {
                let all = u32::try_from(all).unwrap_or(u32::MAX);
                return match key {
                    Some(key) => for_key(key, all),
                    None => {
                        let bytes = record.value.map_or(0, <[u8]>::len);
                        sticky.next(bytes, record.available, all)
                    }
                };
            }
            Partitioner::Fixed(instance) => instance.next(key) % all.max(1),
            Partitioner::RoundRobin(next) => {
                let index = *next % all.max(1);
                *next = index + 1;
                index
            }
            Partitioner::Class { class, instance, made } => {
                let (subtask, parallelism) = (instance.next(key), instance.spread.instances());
                let make = || (class.factory)(PartitionerContext { subtask, parallelism });
                return made.entry(subtask).or_insert_with(make).partition(record);
            }
        };
        i32::try_from(index).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Spread;

    fn partitioner(kind: &Partitioning, subtask: usize) -> Partitioner {
        let spread = Spread::between(8, 8, false);
        Partitioner::new(kind, &Instance { spread, worker: subtask }, 1, 1)
    }

    fn record(key: Option<&[u8]>, partitions: usize) -> PartitionedRecord<'_> {
        let value = Some(&b"0123456789"[..]);
        PartitionedRecord { topic: "t", key, value, partitions, available: &[0, 1, 2] }
    }

    #[test]
    fn round_robin_really_is() {
        let mut partitioner = partitioner(&Partitioning::RoundRobin, 0);
        let taken: Vec<i32> = (0..5).map(|_| partitioner.next(&record(None, 3))).collect();
        assert_eq!(taken, [0, 1, 2, 0, 1]);
    }

    #[test]
    fn keys_decide_by_default_only() {
        let mut by_key = partitioner(&Partitioning::Default, 0);
        for _ in 0..3 {
            assert_eq!(by_key.next(&record(Some(b"abc"), 10)), 7);
        }
        assert_eq!(partitioner(&Partitioning::Fixed, 4).next(&record(Some(b"abc"), 10)), 4);
        // With batches of one byte each record goes to another partition.
        let mut keyless = partitioner(&Partitioning::Keyless, 0);
        let taken: Vec<i32> = (0..3).map(|_| keyless.next(&record(Some(b"abc"), 10))).collect();
        assert!(taken[0] != taken[1] && taken[1] != taken[2], "{taken:?}");
    }

    #[test]
    fn fixed_follows_the_instances_that_rows_are_spread_over() {
        let next = |has_key: bool, keys: &[&[u8]]| -> Vec<i32> {
            let spread = Spread::between(1, 2, has_key);
            let instance = Instance { spread, worker: 0 };
            let mut fixed = Partitioner::new(&Partitioning::Fixed, &instance, 1, 1);
            keys.iter().map(|key| fixed.next(&record(Some(key), 3))).collect()
        };
        assert_eq!(next(false, &[b"a", b"a", b"b", b"a"]), [0, 1, 0, 1]);
        let by_key = next(true, &[b"a", b"b", b"c", b"d", b"e", b"a", b"b", b"c", b"d", b"e"]);
        assert_eq!(by_key[..5], by_key[5..]);
        assert!(by_key.contains(&0) && by_key.contains(&1) && !by_key.contains(&2));
    }

    #[test]
    fn fixed_is_subtask_modulo_partitions() {
        let mut partitioner = partitioner(&Partitioning::Fixed, 4);
        assert_eq!(partitioner.next(&record(None, 3)), 1);
        assert_eq!(partitioner.next(&record(None, 3)), 1);
    }
}
