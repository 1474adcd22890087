//! Rows that fail where the job goes on all the same: left out, counted, and, with a log, written to it as the records
//! that they came from (`error-handling.mode`).
//!
//! What fails while a batch is decoded, computed or encoded is written with the batch, in the same epoch. A record that
//! is refused after it was sent fails the attempt; the next one finds it in [`Refusals`] and does not send it again.

use crate::base::limits::PAYLOAD_SHOWN_CHARS_MAX;
use crate::base::{Error, ErrorKind, Result};
use crate::table::{Original, Position, Reader, RecordPlace, Refused, Writer};
use crate::types::{Batch, Column, DataType, Field, Kind, RowErrors, SplitId};
use arrow_array::builder::BinaryViewBuilder;
use arrow_array::{ListArray, StructArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::DataType as Physical;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the names of the headers begin with that are added to a logged record.
pub const HEADER_PREFIX: &str = "__brooklet.errors.";

/// Fields of the rows that a log is given: a record's key and value, its headers and those added to them. The last
/// one's keys are bytes, so that any key arrives as it was.
pub fn log_fields() -> [Field; 3] {
    let bytes = || Kind::VarBinary(Kind::STRING_LENGTH).nullable();
    let pair = Kind::Row(vec![Field::new("key", bytes()), Field::new("value", bytes())]);
    let headers: DataType = Kind::Array(Box::new(pair.nullable())).not_null();
    [Field::new("key", bytes()), Field::new("value", bytes()), Field::new("headers", headers)]
}

/// What one worker does with the failed rows of one scan.
pub(super) struct Rejects {
    policy: Policy,
    job: String,
    /// The number of the scan.
    scan: usize,
    /// What earlier attempts could not write, by sink.
    refused: BTreeMap<usize, BTreeMap<RecordPlace, String>>,
    refusals: Arc<Refusals>,
    /// Those of them that were left out: the chains of a UNION ALL that end in one sink leave a record out once.
    diverted: BTreeSet<(usize, RecordPlace)>,
    /// Records of the poll at hand that failed, by sink: so do those that fail in several of its chains.
    failed: BTreeSet<(String, RecordPlace)>,
    pending: Vec<Reject>,
    count: u64,
}

/// What becomes of the failed rows of a scan on one worker.
pub(super) enum Policy {
    /// They fail the job.
    Fail,
    /// They are left out.
    Ignore,
    /// Their records are written to the table `name`.
    Log { name: String, writer: Box<dyn Writer> },
}

/// A record that failed.
struct Reject {
    place: RecordPlace,
    stage: Stage,
    /// The output that it failed in.
    sink: Option<String>,
    message: String,
}

/// Where a record failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Read,
    Compute,
    Write,
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Stage::Read => "read",
            Stage::Compute => "compute",
            Stage::Write => "write",
        }
    }
}

impl fmt::Debug for Rejects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejects").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Rejects {
    /// `scan` is the scan's number in the job of that id.
    pub(super) fn new(policy: Policy, job: &str, scan: usize, refusals: &Arc<Refusals>) -> Rejects {
        Rejects {
            policy,
            job: job.to_owned(),
            scan,
            refused: refusals.of_scan(scan),
            refusals: Arc::clone(refusals),
            diverted: BTreeSet::new(),
            failed: BTreeSet::new(),
            pending: Vec::new(),
            count: 0,
        }
    }

    /// Whether the job goes on without rows that fail.
    pub(super) fn tolerate(&self) -> bool {
        !matches!(self.policy, Policy::Fail)
    }

    /// Whether records have to be kept.
    pub(super) fn keep(&self) -> bool {
        matches!(self.policy, Policy::Log { .. })
    }

    /// The writer of the log.
    pub(super) fn writer(&mut self) -> Option<&mut Box<dyn Writer>> {
        match &mut self.policy {
            Policy::Log { writer, .. } => Some(writer),
            _ => None,
        }
    }

    /// Records left out so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Takes the records that a reader could not read; says whether there were any.
    pub(super) fn records(&mut self, reader: &dyn Reader, errors: &RowErrors) -> bool {
        let mut seen = BTreeSet::new();
        for (row, text) in errors.iter() {
            if let Some(place) = reader.failed(row).filter(|place| !seen.contains(place)) {
                seen.insert(place.clone());
                self.add(place, Stage::Read, None, text);
            }
        }
        !errors.is_empty()
    }

    /// Whether the failed rows of a batch can be left out: it has to be known which records they came from.
    pub(super) fn take(&self, batch: &Batch) -> bool {
        self.tolerate() && batch.origin.is_some()
    }

    /// Takes the records of the failed rows of a batch, with all rows that they gave: a change without its other half,
    /// or a part of what a record held, would be written twice when the record is repaired. What is left of the batch.
    pub(super) fn rows(
        &mut self,
        batch: &Batch,
        errors: &RowErrors,
        stage: Stage,
        sink: &str,
    ) -> Result<Batch> {
        let (mut seen, mut failed) = (BTreeSet::new(), BTreeSet::new());
        for (row, text) in errors.iter() {
            failed.insert(row);
            let place = batch.origin.as_ref().and_then(|origin| origin.locate(row));
            let Some((split, offset)) = place else { continue };
            let place = RecordPlace { split: Arc::clone(split), offset };
            if seen.insert(place.clone()) && self.failed.insert((sink.to_owned(), place.clone())) {
                self.add(place, stage, Some(sink), text);
            }
        }
        if let Some(origin) = &batch.origin {
            failed.extend((0..batch.rows).filter(|row| {
                let place = origin.locate(*row);
                place.is_some_and(|(split, offset)| {
                    seen.contains(&RecordPlace { split: Arc::clone(split), offset })
                })
            }));
        }
        without(batch, &failed)
    }

    /// A batch without the rows that an earlier attempt could not write to this sink.
    pub(super) fn divert_refused(
        &mut self,
        batch: Batch,
        sink: usize,
        name: &str,
    ) -> Result<Batch> {
        let (Some(refused), Some(origin)) = (self.refused.get(&sink), &batch.origin) else {
            return Ok(batch);
        };
        let mut failed: BTreeMap<RecordPlace, String> = BTreeMap::new();
        let mut rows = BTreeSet::new();
        for row in 0..batch.rows {
            let Some((split, offset)) = origin.locate(row) else { continue };
            let place = RecordPlace { split: Arc::clone(split), offset };
            if let Some(message) = refused.get(&place) {
                failed.insert(place, message.clone());
                rows.insert(row);
            }
        }
        for (place, message) in failed {
            if self.diverted.insert((sink, place.clone())) {
                self.add(place, Stage::Write, Some(name), Some(&message));
            }
        }
        without(&batch, &rows)
    }

    /// The writer of a sink failed because of these records: they are left out from the next attempt on. Where records
    /// fail the job, the next attempt names the one that does, if the writer `learned` to tell it.
    pub(super) fn note_refused(&self, sink: usize, refused: &[Refused], learned: bool) {
        if self.tolerate() {
            self.refusals.add(self.scan, sink, refused);
        } else if learned {
            self.refusals.lock().fresh = true;
        }
    }

    /// What was known of the records of a split is of others by now. What is forgotten too much is refused once more.
    pub(super) fn forget(&mut self, split: &SplitId) {
        self.refused.values_mut().for_each(|places| places.retain(|at, _| *at.split != *split));
        self.diverted.retain(|(_, at)| *at.split != *split);
        self.refusals.forget(self.scan, split);
    }

    fn add(&mut self, place: RecordPlace, stage: Stage, sink: Option<&str>, text: Option<&str>) {
        self.count += 1;
        if self.keep() {
            let message = text.unwrap_or("failed, as others with it did");
            let message = message.chars().take(4 * PAYLOAD_SHOWN_CHARS_MAX).collect();
            self.pending.push(Reject { place, stage, sink: sink.map(str::to_owned), message });
        }
    }

    /// Writes the records of the poll at hand that failed, in the order that they were read in; says whether there were
    /// any.
    pub(super) fn write(&mut self, reader: &dyn Reader, errors: &mut RowErrors) -> Result<bool> {
        self.failed.clear();
        if self.pending.is_empty() {
            return Ok(false);
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_by(|left, right| left.place.cmp(&right.place));
        let places: BTreeSet<RecordPlace> =
            pending.iter().map(|reject| reject.place.clone()).collect();
        let originals = reader.originals(&places);
        let originals: BTreeMap<&RecordPlace, &Original> =
            originals.iter().map(|original| (&original.place, original)).collect();
        let mut log = LogBatch::default();
        for reject in &pending {
            let original = originals.get(&reject.place).ok_or_else(|| {
                let RecordPlace { split, offset } = &reject.place;
                Error::internal(format_args!("the record at {split} offset {offset} was not kept"))
            })?;
            log.push(original, reject, &self.job);
        }
        let batch = log.finish()?;
        let Policy::Log { name, writer } = &mut self.policy else { return Ok(false) };
        errors.clear();
        writer.write(&batch, errors)?;
        let Some(failed) = errors.kept().first() else { return Ok(true) };
        let split = pending.get(failed.row).map(|reject| {
            let RecordPlace { split, offset } = &reject.place;
            format!("topic '{}' partition {} offset {offset}", split.name, split.index)
        });
        Err(Error::new(
            ErrorKind::Data,
            format!(
                "the failed record at {} cannot be written to '{name}': {}",
                split.unwrap_or_default(),
                failed.message
            ),
        )
        .with_hint("a logged record is larger than it was by the headers added to it: let the table of the log take more"))
    }
}

fn without(batch: &Batch, rows: &BTreeSet<usize>) -> Result<Batch> {
    if rows.is_empty() {
        return Ok(batch.clone());
    }
    let left = (0..batch.rows).filter(|row| !rows.contains(row));
    let left: Vec<u32> = left.filter_map(|row| u32::try_from(row).ok()).collect();
    batch.select(&left)
}

/// Rows for the log.
#[derive(Default)]
struct LogBatch {
    keys: BinaryViewBuilder,
    values: BinaryViewBuilder,
    header_keys: BinaryViewBuilder,
    header_values: BinaryViewBuilder,
    headers: Vec<usize>,
}

impl LogBatch {
    fn push(&mut self, original: &Original, reject: &Reject, job: &str) {
        self.keys.append_option(original.key.as_deref());
        self.values.append_option(original.value.as_deref());
        for (key, value) in &original.headers {
            self.header_keys.append_value(key);
            self.header_values.append_option(value.as_deref());
        }
        let RecordPlace { split, offset } = &original.place;
        let added = [
            ("topic", Some(split.name.to_string())),
            ("partition", Some(split.index.to_string())),
            ("offset", Some(offset.to_string())),
            ("timestamp", Some(original.timestamp.to_string())),
            ("timestamp.type", Some(original.timestamp_type.to_owned())),
            ("job", Some(job.to_owned())),
            ("stage", Some(reject.stage.name().to_owned())),
            ("sink", reject.sink.clone()),
            ("message", Some(reject.message.clone())),
        ];
        let added: Vec<_> =
            added.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        for (name, value) in &added {
            self.header_keys.append_value(format!("{HEADER_PREFIX}{name}"));
            self.header_values.append_value(value);
        }
        self.headers.push(original.headers.len() + added.len());
    }

    fn finish(mut self) -> Result<Batch> {
        let [_, _, headers] = log_fields();
        let Physical::List(element) = headers.data_type.physical() else {
            return Err(Error::internal("headers of a log are a list"));
        };
        let Physical::Struct(fields) = element.data_type() else {
            return Err(Error::internal("headers of a log are pairs"));
        };
        let pairs: Vec<Column> =
            vec![Arc::new(self.header_keys.finish()), Arc::new(self.header_values.finish())];
        let pairs = StructArray::try_new(fields.clone(), pairs, None).map_err(Error::internal)?;
        let offsets = OffsetBuffer::from_lengths(self.headers.iter().copied());
        let lists = ListArray::try_new(Arc::clone(&element), offsets, Arc::new(pairs), None);
        let columns: Vec<Column> = vec![
            Arc::new(self.keys.finish()),
            Arc::new(self.values.finish()),
            Arc::new(lists.map_err(Error::internal)?),
        ];
        Ok(Batch::append(self.headers.len(), columns))
    }
}

/// Records of a job that were refused after they were sent. They outlive the attempts: the next one leaves them out.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    places: BTreeMap<(usize, usize), BTreeMap<RecordPlace, String>>,
    /// Another attempt would do without some of them, or name one, that failed the last.
    fresh: bool,
}

impl Refusals {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, scan: usize, sink: usize, refused: &[Refused]) {
        let mut known = self.lock();
        for Refused { place, message } in refused {
            let of_sink = known.places.entry((scan, sink)).or_default();
            known.fresh |= of_sink.insert(place.clone(), message.clone()).is_none();
        }
    }

    fn of_scan(&self, scan: usize) -> BTreeMap<usize, BTreeMap<RecordPlace, String>> {
        let known = self.lock();
        let of_scan = known.places.iter().filter(|((of, _), _)| *of == scan);
        of_scan.map(|((_, sink), places)| (*sink, places.clone())).collect()
    }

    /// Forgets those of a scan that are before its committed positions: nothing reads them again.
    pub(super) fn settle(&self, scan: usize, committed: &BTreeMap<SplitId, Position>) {
        let mut known = self.lock();
        for ((of, _), places) in &mut known.places {
            if *of == scan {
                places.retain(|place, _| {
                    committed.get(&*place.split).is_none_or(|at| place.offset >= at.offset)
                });
            }
        }
        known.places.retain(|_, places| !places.is_empty());
    }

    /// Forgets those of a split.
    fn forget(&self, scan: usize, split: &SplitId) {
        let mut known = self.lock();
        for (_, places) in known.places.iter_mut().filter(|((of, _), _)| *of == scan) {
            places.retain(|place, _| *place.split != *split);
        }
        known.places.retain(|_, places| !places.is_empty());
    }

    /// Whether another attempt can do without records that failed the last one, or name the one that fails the job.
    pub(super) fn take_fresh(&self) -> bool {
        std::mem::take(&mut self.lock().fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Origin;

    #[test]
    fn what_was_refused_is_forgotten_once_it_is_behind_the_progress() {
        let split = Arc::new(SplitId { name: "in".into(), index: 0 });
        let place = |offset| RecordPlace { split: Arc::clone(&split), offset };
        let refused = |offset| Refused { place: place(offset), message: "no".to_owned() };
        let refusals = Refusals::default();
        refusals.add(0, 2, &[refused(4), refused(5), refused(6)]);
        refusals.add(1, 2, &[refused(4)]);
        let committed = |offset| BTreeMap::from([((*split).clone(), Position::at(offset))]);
        refusals.settle(0, &committed(5));
        let left: Vec<i64> = refusals.of_scan(0)[&2].keys().map(|place| place.offset).collect();
        assert_eq!(left, [5, 6]);
        assert_eq!(refusals.of_scan(1)[&2].len(), 1);
        refusals.settle(0, &committed(7));
        assert!(refusals.of_scan(0).is_empty());
        assert!(refusals.take_fresh());
    }

    #[test]
    fn what_was_refused_of_another_topic_holds_nothing_back() {
        let split = |index| Arc::new(SplitId { name: "in".into(), index });
        let (first, second) = (split(0), split(1));
        let refused = |split: &Arc<SplitId>| {
            let place = RecordPlace { split: Arc::clone(split), offset: 0 };
            Refused { place, message: "no".to_owned() }
        };
        let refusals = Arc::new(Refusals::default());
        refusals.add(0, 2, &[refused(&first), refused(&second)]);
        let mut rejects = Rejects::new(Policy::Ignore, "job", 0, &refusals);
        let left = |rejects: &mut Rejects| {
            let mut origin = Origin::default();
            [&first, &second].iter().for_each(|split| origin.push(split, 0));
            let batch = Batch { origin: Some(origin), ..Batch::append(2, Vec::new()) };
            rejects.divert_refused(batch, 2, "sink").unwrap().rows
        };
        assert_eq!(left(&mut rejects), 0);
        rejects.forget(&first);
        assert_eq!(left(&mut rejects), 1);
        let mut next = Rejects::new(Policy::Ignore, "job", 0, &refusals);
        assert_eq!(left(&mut next), 1);
    }
}
