//! Reads partitions on one worker: fetched batches to rows.

use super::decode::RecordDecoder;
use super::ends::Ends;
use super::error::translate;
use super::loss::{Loss, Verdict};
use super::pushed::timestamp_type_name;
use crate::base::limits::BATCH_ROWS_MAX;
use crate::base::{Error, ErrorKind, Result};
use crate::table::{Original, Polled, Position, Reader, RecordPlace, SourceStats, Split};
use crate::types::{Batch, RowErrors, SplitId};
use brooklet_kafka::Isolation;
use brooklet_kafka::TopicPartition;
use brooklet_kafka::consumer::{
    Consumer, Fetched, FetchedBatches, FetchedPartition, PartitionError, StartAt,
};
use brooklet_kafka::wire::Uuid;
use brooklet_kafka::wire::compression::Decompressor;
use brooklet_kafka::wire::records::{BatchHeader, Records, TimestampType};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Bytes that one record batch may decompress to.
const DECOMPRESSED_BATCH_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Decompressed bytes after which rows are handed on, however few they are: what is decoded at once stays within this
/// and one slice or record, also where a fetch of a few kilobytes holds many batches that expand a thousandfold.
const DECOMPRESSED_POLL_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of the records that are decoded before it is looked whether there are rows enough, but for a longer record. A
/// record of three bytes may be a row with all columns of its table, and one of ten bytes hundreds of items.
const SLICE_BYTES: usize = 256 * 1024;

/// The reader; see the module.
#[derive(Debug)]
pub(super) struct KafkaReader {
    consumer: Consumer,
    decoder: RecordDecoder,
    decompressor: Decompressor,
    isolation: Isolation,
    check_crcs: bool,
    splits: BTreeMap<TopicPartition, Assigned>,
    /// The fetch that is being decoded.
    current: Option<Current>,
    /// Bytes of the records that wait for being handed on.
    decompressed: usize,
    ended: Vec<(Arc<SplitId>, Position)>,
    /// Reports that wait behind the rows of the fetch that made them.
    reports: VecDeque<Polled>,
    loss: Loss,
    /// Where the scan is bounded.
    ends: Option<Ends>,
    stats: SourceStats,
    /// The records of the last poll, where they are kept.
    kept: Option<Vec<Kept>>,
}

/// The records of a batch.
#[derive(Debug)]
struct Kept {
    split: Arc<SplitId>,
    timestamp_type: TimestampType,
    records: Records,
}

/// What a fetch brought for one partition, and what of it is not decoded yet.
#[derive(Debug)]
struct Current {
    fetched: FetchedPartition,
    batches: FetchedBatches,
    opened: Option<Opened>,
}

/// A record batch of which some records are decoded.
#[derive(Debug)]
struct Opened {
    header: BatchHeader,
    /// Records that cannot be decoded yet: a schema that they name is being asked for.
    parked: Option<Records>,
    /// Those behind them.
    rest: Records,
}

/// One partition that is being read.
#[derive(Debug)]
struct Assigned {
    id: Arc<SplitId>,
    position: i64,
    end: Option<i64>,
    leader_epoch: Option<i32>,
    /// The topic that `position` is of.
    topic: Uuid,
    /// `None` before the broker's first answer.
    lag: Option<u64>,
}

impl Assigned {
    fn position(&self) -> Position {
        Position {
            offset: self.position,
            leader_epoch: self.leader_epoch,
            identity: Some(self.topic.0).filter(|_| !self.topic.is_zero()),
        }
    }

    /// Goes on at a place of which nothing more is known.
    fn restart(&mut self, offset: i64) {
        (self.position, self.leader_epoch, self.topic) = (offset, None, Uuid::ZERO);
    }

    /// Moves to `offset`, never back and never over the end.
    fn advance(&mut self, offset: i64, high_watermark: i64) {
        let end = self.end.unwrap_or(i64::MAX);
        self.position = offset.min(end).max(self.position);
        let lag = high_watermark.min(end).saturating_sub(self.position);
        self.lag = Some(u64::try_from(lag).unwrap_or(0));
    }
}

impl KafkaReader {
    pub(super) fn new(
        consumer: Consumer,
        decoder: RecordDecoder,
        isolation: Isolation,
        check_crcs: bool,
        loss: Loss,
        ends: Option<Ends>,
    ) -> KafkaReader {
        KafkaReader {
            consumer,
            decoder,
            decompressor: Decompressor::new(),
            isolation,
            check_crcs,
            splits: BTreeMap::new(),
            current: None,
            decompressed: 0,
            ended: Vec::new(),
            reports: VecDeque::new(),
            loss,
            ends,
            stats: SourceStats::default(),
            kept: None,
        }
    }

    /// Decodes the next records of the fetch at hand; whether it could. The position goes with it: rows are handed on,
    /// and barriers fall, between any two records.
    fn decode_slice(&mut self, errors: &mut RowErrors) -> Result<bool> {
        let room = BATCH_ROWS_MAX.saturating_sub(self.decoder.rows().max(self.decoder.records()));
        let Some(Current { fetched, batches, opened }) = &mut self.current else { return Ok(true) };
        let Some(split) = self.splits.get_mut(&fetched.partition) else {
            self.give_up_fetch();
            return Ok(true);
        };
        let id = &split.id;
        let end = split.end.unwrap_or(i64::MAX);
        let Opened { header, parked, mut rest } = match opened.take() {
            Some(opened) => opened,
            None => {
                let batch =
                    batches.next_batch(&mut self.decompressor).transpose().map_err(|error| {
                        let place = format!("reading topic '{}' partition {}", id.name, id.index);
                        translate(&error).context(place)
                    })?;
                let Some(batch) = batch.filter(|batch| batch.header().base_offset < end) else {
                    self.finish_fetch();
                    return Ok(true);
                };
                let rest = batch
                    .records(&mut self.decompressor, DECOMPRESSED_BATCH_BYTES_MAX)
                    .map_err(|error| damaged(id, &error))?;
                Opened { header: *batch.header(), parked: None, rest }
            }
        };
        let records = parked.unwrap_or_else(|| rest.split_front(room, SLICE_BYTES));
        let range = split.position..end;
        if !self.decoder.ready(id, &records, &range)? {
            *opened = Some(Opened { header, parked: Some(records), rest });
            return Ok(false);
        }
        let taken = self
            .decoder
            .push(id, &header, &records, range, errors)?
            .map_err(|error| damaged(id, &error))?;
        self.decompressed += records.remaining_bytes();
        self.stats.records += taken.records;
        self.stats.bytes += taken.bytes;
        split.leader_epoch = Some(header.partition_leader_epoch);
        split.topic = fetched.topic_id;
        let next =
            if rest.remaining() > 0 { taken.next } else { header.last_offset().saturating_add(1) };
        split.advance(next, fetched.high_watermark);
        if rest.remaining() > 0 && split.position < end {
            *opened = Some(Opened { header, parked: None, rest });
        }
        if let Some(kept) = &mut self.kept {
            let (split, timestamp_type) = (Arc::clone(&split.id), header.timestamp_type());
            kept.push(Kept { split, timestamp_type, records });
        }
        Ok(true)
    }

    /// All batches of the fetch at hand are decoded: moves behind it, also over what was left out.
    fn finish_fetch(&mut self) {
        let Some(Current { fetched, .. }) = self.current.take() else { return };
        let Some(split) = self.splits.get_mut(&fetched.partition) else { return };
        split.topic = fetched.topic_id;
        split.advance(fetched.next_offset, fetched.high_watermark);
        // A position goes with the epoch of the batch before it (KIP-320): that of the last record is too old where
        // markers of a later leader follow, and would look like a truncated log.
        if split.position == fetched.next_offset && fetched.leader_epoch.is_some() {
            split.leader_epoch = fetched.leader_epoch;
        }
        // A bounded read ends when the position reaches the end, not when a record is seen: the last offsets may be
        // markers or compacted away.
        if split.end.is_some_and(|end| split.position >= end) {
            self.finish_split(&fetched.partition);
        } else if fetched.is_caught_up(self.isolation) {
            self.reports.push_back(Polled::CaughtUp(Arc::clone(&split.id)));
        }
    }

    /// What was fetched for these partitions is of an assignment that is over.
    fn forget(&mut self, partitions: &[TopicPartition]) {
        if self.current.as_ref().is_some_and(|now| partitions.contains(&now.fetched.partition)) {
            self.give_up_fetch();
        }
    }

    fn give_up_fetch(&mut self) {
        self.current = None;
        self.decoder.give_up();
    }

    /// Whether more is decoded before the rows are handed on.
    fn has_room(&self) -> bool {
        self.decoder.rows() < BATCH_ROWS_MAX
            && self.decoder.records() < BATCH_ROWS_MAX
            && self.decompressed < DECOMPRESSED_POLL_BYTES
    }

    /// A partition cannot be read on.
    fn failed(&mut self, failed: &PartitionError, now: Duration) -> Result<()> {
        let partition = &failed.partition;
        match self.loss.judge(failed, now) {
            Verdict::Fail => {
                return Err(translate(&failed.error).context(format!(
                    "reading topic '{}' partition {} at offset {}",
                    partition.topic, partition.partition, failed.fetch_offset
                )));
            }
            // Its position stays where it was: the job would notice again after a restart.
            Verdict::Drop => self.finish_split(partition),
            // No broker would store a position of it.
            Verdict::Forget => {
                if let Some(split) = self.splits.remove(partition) {
                    self.consumer.unassign(std::slice::from_ref(partition));
                    self.reports.push_back(Polled::Gone(split.id));
                }
            }
            Verdict::Restart(start) => {
                let Some(split) = self.splits.get_mut(partition) else { return Ok(()) };
                split.restart(start.offset);
                self.reports.push_back(Polled::Anew(Arc::clone(&split.id)));
                let stays = |end| Ends::stays(end, failed.error.kind());
                match (split.end, &mut self.ends) {
                    (Some(end), Some(ends)) if !stays(end) => ends.look_up(partition, start),
                    (end, _) => self.read_from(partition, start, end),
                }
            }
            // The position counts on if the topic that comes back is the same.
            Verdict::Wait => {
                let known = Some(failed.topic_id).filter(|id| !id.is_zero());
                if let (Some(split), Some(id)) = (self.splits.get_mut(partition), known) {
                    split.topic = id;
                }
            }
        }
        Ok(())
    }

    /// Reads a partition on at another place, up to `end`.
    fn read_from(&mut self, partition: &TopicPartition, start: StartAt, end: Option<i64>) {
        let Some(split) = self.splits.get_mut(partition) else { return };
        split.end = end;
        if end.is_some_and(|end| start.offset >= end) {
            self.finish_split(partition);
        } else {
            self.consumer.assign_at([(partition.clone(), start)]);
        }
    }

    fn finish_split(&mut self, partition: &TopicPartition) {
        let Some(split) = self.splits.remove(partition) else { return };
        self.consumer.unassign(std::slice::from_ref(partition));
        let position = split.position();
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
            let start = start_at(split.start);
            let assigned = Assigned {
                id: split.id,
                position: offset,
                end: split.end,
                leader_epoch: split.start.leader_epoch,
                topic: start.topic_id,
                lag: None,
            };
            let done = split.end.is_some_and(|end| offset >= end);
            self.forget(std::slice::from_ref(&partition));
            self.splits.insert(partition.clone(), assigned);
            if done {
                self.finish_split(&partition);
            } else {
                positions.push((partition, start));
            }
        }
        if !positions.is_empty() {
            self.consumer.assign_at(positions);
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
            self.loss.forget(partition);
            self.ends.iter_mut().for_each(|ends| ends.forget(partition));
        }
        self.forget(&gone);
        self.consumer.unassign(&gone);
    }

    fn poll(&mut self, now: Duration, errors: &mut RowErrors) -> Result<Polled> {
        self.kept.iter_mut().for_each(Vec::clear);
        if let Some(report) = self.reports.pop_front() {
            return Ok(report);
        }
        for (partition, start, end) in self.ends.as_mut().map_or(Ok(Vec::new()), Ends::found)? {
            self.read_from(&partition, start, Some(end));
        }
        let due = self.loss.due(now);
        if !due.is_empty() {
            let splits = &self.splits;
            self.consumer.assign_at(due.into_iter().filter_map(|partition| {
                let start = start_at(splits.get(&partition)?.position());
                Some((partition, start))
            }));
        }
        // What many quiet partitions brought goes into one batch.
        let mut worked = false;
        while self.has_room() && errors.is_empty() {
            if self.current.is_some() {
                if !self.decode_slice(errors)? {
                    break;
                }
                worked = true;
                continue;
            }
            match self.consumer.poll() {
                None => break,
                Some(Fetched::Failed(failed)) => {
                    self.failed(&failed, now)?;
                    // What comes next is of another log, and the report of that goes before it.
                    if let Some(Polled::Anew(_)) = self.reports.back() {
                        break;
                    }
                }
                Some(Fetched::Data(fetched)) => {
                    self.loss.found(&fetched.partition);
                    let batches = fetched.batches(self.isolation, self.check_crcs);
                    self.current = Some(Current { fetched, batches, opened: None });
                }
            }
        }
        let batch = self.decoder.finish(errors)?;
        self.decompressed = 0;
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

    fn tolerate(&mut self, keep: bool) {
        self.kept = keep.then(Vec::new);
        self.decoder.tolerate();
    }

    fn failed(&self, row: usize) -> Option<RecordPlace> {
        self.decoder.failed(row)
    }

    fn originals(&self, places: &BTreeSet<RecordPlace>) -> Vec<Original> {
        let mut originals = Vec::with_capacity(places.len());
        for Kept { split, timestamp_type, records } in self.kept.iter().flatten() {
            let slab = records.slab();
            for record in records.into_iter().filter_map(Result::ok) {
                let place = RecordPlace { split: Arc::clone(split), offset: record.offset };
                if !places.contains(&place) {
                    continue;
                }
                let headers = record.headers.map(|header| {
                    (slab.slice_ref(header.key), header.value.map(|value| slab.slice_ref(value)))
                });
                originals.push(Original {
                    place,
                    timestamp: record.timestamp,
                    timestamp_type: timestamp_type_name(*timestamp_type),
                    key: record.key.map(|key| slab.slice_ref(key)),
                    value: record.value.map(|value| slab.slice_ref(value)),
                    headers: headers.collect(),
                });
            }
        }
        originals
    }

    fn positions(&self, out: &mut Vec<(Arc<SplitId>, Position)>) {
        for split in self.splits.values() {
            out.push((Arc::clone(&split.id), split.position()));
        }
        out.extend(self.ended.iter().cloned());
    }

    fn next_deadline(&self) -> Option<Duration> {
        self.loss.next_deadline()
    }

    fn stats(&self) -> SourceStats {
        SourceStats { lag: self.splits.values().map(|split| split.lag).sum(), ..self.stats }
    }
}

fn start_at(position: Position) -> StartAt {
    StartAt {
        offset: position.offset,
        leader_epoch: position.leader_epoch.unwrap_or(-1),
        topic_id: position.identity.map_or(Uuid::ZERO, Uuid),
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

#[cfg(test)]
mod tests;
