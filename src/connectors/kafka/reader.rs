//! Reads partitions on one worker: fetched batches to rows.

use super::decode::RecordDecoder;
use super::error::translate;
use crate::base::limits::BATCH_ROWS_MAX;
use crate::base::{Error, ErrorKind, Result};
use crate::table::{Epoch, Polled, Position, Reader, SourceStats, Split};
use crate::types::{Batch, RowErrors, SplitId};
use brooklet_kafka::Isolation;
use brooklet_kafka::TopicPartition;
use brooklet_kafka::consumer::{Consumer, Fetched, FetchedPartition};
use brooklet_kafka::wire::compression::Decompressor;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Bytes that one record batch may decompress to.
const DECOMPRESSED_BATCH_BYTES_MAX: usize = 128 * 1024 * 1024;

/// The reader; see the module.
#[derive(Debug)]
pub(super) struct KafkaReader {
    consumer: Consumer,
    decoder: RecordDecoder,
    decompressor: Decompressor,
    isolation: Isolation,
    check_crcs: bool,
    splits: BTreeMap<TopicPartition, Assigned>,
    ended: Vec<(Arc<SplitId>, Position)>,
    /// Reports that wait behind the rows of the fetch that made them.
    reports: VecDeque<Polled>,
    stats: SourceStats,
}

/// One partition that is being read.
#[derive(Debug)]
struct Assigned {
    id: Arc<SplitId>,
    position: i64,
    end: Option<i64>,
    leader_epoch: Option<i32>,
    lag: u64,
}

impl KafkaReader {
    pub(super) fn new(
        consumer: Consumer,
        decoder: RecordDecoder,
        isolation: Isolation,
        check_crcs: bool,
    ) -> KafkaReader {
        KafkaReader {
            consumer,
            decoder,
            decompressor: Decompressor::new(),
            isolation,
            check_crcs,
            splits: BTreeMap::new(),
            ended: Vec::new(),
            reports: VecDeque::new(),
            stats: SourceStats::default(),
        }
    }

    /// Decodes everything that one fetch brought for one partition.
    fn take(&mut self, fetched: &FetchedPartition, errors: &mut RowErrors) -> Result<()> {
        let Some(split) = self.splits.get_mut(&fetched.partition) else { return Ok(()) };
        let id = Arc::clone(&split.id);
        let end = split.end.unwrap_or(i64::MAX);
        let from = split.position;
        let mut batches = fetched.batches(self.isolation, self.check_crcs);
        while let Some(batch) = batches.next_batch(&mut self.decompressor) {
            let batch = batch.map_err(|error| {
                let place = format!("reading topic '{}' partition {}", id.name, id.index);
                translate(&error).context(place)
            })?;
            if batch.header().base_offset >= end {
                break;
            }
            split.leader_epoch = Some(batch.header().partition_leader_epoch);
            let records = batch
                .records(&mut self.decompressor, DECOMPRESSED_BATCH_BYTES_MAX)
                .map_err(|error| damaged(&id, &error))?;
            let taken = self
                .decoder
                .push(&id, batch.header(), &records, from..end, errors)?
                .map_err(|error| damaged(&id, &error))?;
            self.stats.records += taken.records;
            self.stats.bytes += taken.bytes;
        }
        split.position = fetched.next_offset.max(split.position).min(end.max(split.position));
        split.lag = u64::try_from(fetched.high_watermark.min(end) - split.position).unwrap_or(0);
        // A bounded read ends when the position reaches the end, not when a record is seen: the last offsets may be
        // markers or compacted away.
        if split.position >= end {
            self.finish_split(&fetched.partition);
        } else if fetched.is_caught_up(self.isolation) {
            self.reports.push_back(Polled::CaughtUp(id));
        }
        Ok(())
    }

    fn finish_split(&mut self, partition: &TopicPartition) {
        let Some(split) = self.splits.remove(partition) else { return };
        self.consumer.unassign(std::slice::from_ref(partition));
        let position = Position { offset: split.position, leader_epoch: split.leader_epoch };
        self.reports.push_back(Polled::Ended(Arc::clone(&split.id)));
        self.ended.push((split.id, position));
    }
}

impl Reader for KafkaReader {
    fn assign(&mut self, splits: Vec<Split>) -> Result<()> {
        let mut positions = Vec::with_capacity(splits.len());
        for split in splits {
            let partition =
                TopicPartition { topic: Arc::clone(&split.id.name), partition: split.id.index };
            let offset = split.start.offset;
            let assigned = Assigned {
                id: split.id,
                position: offset,
                end: split.end,
                leader_epoch: split.start.leader_epoch,
                lag: 0,
            };
            let done = split.end.is_some_and(|end| offset >= end);
            self.splits.insert(partition.clone(), assigned);
            if done {
                self.finish_split(&partition);
            } else {
                positions.push((partition, offset));
            }
        }
        if !positions.is_empty() {
            self.consumer.assign(&positions);
        }
        Ok(())
    }

    fn revoke(&mut self, splits: &[SplitId]) {
        let gone: Vec<TopicPartition> = splits
            .iter()
            .map(|id| TopicPartition { topic: Arc::clone(&id.name), partition: id.index })
            .collect();
        for partition in &gone {
            self.splits.remove(partition);
        }
        self.consumer.unassign(&gone);
    }

    fn poll(&mut self, _now: Duration, errors: &mut RowErrors) -> Result<Polled> {
        if let Some(report) = self.reports.pop_front() {
            return Ok(report);
        }
        // What many quiet partitions brought goes into one batch.
        let mut worked = false;
        while self.decoder.rows() < BATCH_ROWS_MAX
            && self.decoder.records() < BATCH_ROWS_MAX
            && errors.is_empty()
        {
            match self.consumer.poll() {
                None => break,
                Some(Fetched::Failed(failed)) => {
                    let error = translate(&failed.error);
                    return Err(error.context(format!(
                        "reading topic '{}' partition {} at offset {}",
                        failed.partition.topic, failed.partition.partition, failed.fetch_offset
                    )));
                }
                Some(Fetched::Data(fetched)) => {
                    worked = true;
                    self.take(&fetched, errors)?;
                }
            }
        }
        self.stats.lag = self.splits.values().map(|split| split.lag).sum();
        let batch = self.decoder.finish(errors)?;
        self.stats.ignored = self.decoder.ignored();
        if let Some(batch) = batch {
            return Ok(Polled::Data(batch));
        }
        match self.reports.pop_front() {
            Some(report) => Ok(report),
            // All rows were filtered: nothing to hand on, but not idle either.
            None if worked => Ok(Polled::Data(Batch::append(0, Vec::new()))),
            None => Ok(Polled::Idle),
        }
    }

    fn positions(&self, out: &mut Vec<(Arc<SplitId>, Position)>) {
        for split in self.splits.values() {
            let position = Position { offset: split.position, leader_epoch: split.leader_epoch };
            out.push((Arc::clone(&split.id), position));
        }
        out.extend(self.ended.iter().cloned());
    }

    fn acknowledge(&mut self, _epoch: Epoch, _positions: &[(Arc<SplitId>, Position)]) {}

    fn next_deadline(&self) -> Option<Duration> {
        None
    }

    fn stats(&self) -> SourceStats {
        self.stats
    }
}

fn damaged(split: &SplitId, error: &brooklet_kafka::wire::records::BatchError) -> Error {
    Error::new(
        ErrorKind::Data,
        format!(
            "corrupt record batch in topic '{}' partition {}: {error}",
            split.name, split.index
        ),
    )
}
