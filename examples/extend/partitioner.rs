//! A partitioner, named in scripts as its Java class was: `'sink.partitioner' = 'com.example.ByRegion'`.

use brooklet::connectors::kafka::{PartitionedRecord, RecordPartitioner};

/// Europe has the first partition to itself.
#[derive(Debug)]
pub(crate) struct ByRegion;

impl RecordPartitioner for ByRegion {
    fn partition(&mut self, record: &PartitionedRecord<'_>) -> i32 {
        match record.key {
            Some(b"eu") => 0,
            _ => i32::try_from(record.partitions.saturating_sub(1).min(1)).unwrap_or(0),
        }
    }
}
