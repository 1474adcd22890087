//! From fetched records to rows: the value's format, the key's where its columns are used, and metadata columns made a
//! batch at a time (Flink's `DynamicKafkaDeserializationSchema`).

use super::metadata::Metadata;
use super::pushed::Pushed;
use crate::base::limits::PAYLOAD_SHOWN_CHARS_MAX;
use crate::base::{Error, ErrorKind, Result};
use crate::expr::{EvalEnv, Expr, Input, Selection, Shared};
use crate::table::{Decoded, Decoder, DecoderFactory, Payload, Readiness, RecordPlace, Waker};
use crate::types::{Batch, Column, Kinds, RowErrors, RowKind, SplitId};
use arrow_array::{BooleanArray, UInt32Array};
use arrow_select::take::take;
use arrow_select::zip::zip;
use brooklet_kafka::wire::records::{BatchError, BatchHeader, Records};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How the columns of a scan come out of records; shared by all readers.
pub(super) struct DecodePlan {
    /// For the columns that the value holds.
    pub(super) value: DecoderFactory,
    /// Columns of the value; metadata columns of its format follow them.
    pub(super) value_columns: usize,
    /// For the columns that the key holds, where some are used.
    pub(super) key: Option<DecoderFactory>,
    /// Records without key give no row: the key's format makes none of NULL.
    pub(super) drops_null_keys: bool,
    /// A NULL value deletes the row of its key.
    pub(super) upsert: bool,
    /// Where each column comes from.
    pub(super) outputs: Vec<Output>,
    /// What the decoders could not filter by themselves.
    pub(super) predicate: Option<Shared>,
    /// Session time zone.
    pub(super) time_zone: chrono_tz::Tz,
}

/// Where a column comes from.
#[derive(Clone, Debug)]
pub(super) enum Output {
    /// The value decoder's column of that number.
    Value(usize),
    /// The key decoder's column of that number.
    Key(usize),
    /// The value decoder's column of that number; the key decoder's where there is no value.
    Either { value: usize, key: usize },
    /// Metadata of the record, and the cast to the declared type.
    Metadata(Metadata, Option<Expr>),
    /// The value decoder's metadata column of that number, and the cast to the declared type.
    ValueMetadata(usize, Option<Expr>),
}

impl DecodePlan {
    /// `waker` is called when [`RecordDecoder::ready`] would say something else.
    pub(super) fn decoder(self: &Arc<DecodePlan>, waker: Waker) -> Result<RecordDecoder> {
        let reads = |wanted: Metadata| {
            self.outputs.iter().any(
                |output| matches!(output, Output::Metadata(metadata, _) if *metadata == wanted),
            )
        };
        Ok(RecordDecoder {
            value: (self.value)()?,
            key: self.key.as_ref().map(|key| key()).transpose()?,
            pushed: Pushed::new(reads),
            values: Vec::new(),
            keys: Vec::new(),
            tombstones: Vec::new(),
            failures: RowErrors::new(),
            tolerant: false,
            unreadable: BTreeMap::new(),
            failed: BTreeMap::new(),
            waker,
            plan: Arc::clone(self),
        })
    }
}

/// Decodes what one reader fetches.
pub(super) struct RecordDecoder {
    plan: Arc<DecodePlan>,
    value: Box<dyn Decoder>,
    key: Option<Box<dyn Decoder>>,
    pushed: Pushed,
    /// Values and keys of the records at hand.
    values: Vec<Payload>,
    keys: Vec<Payload>,
    /// Numbers of the records without value, where those delete rows.
    tombstones: Vec<u32>,
    failures: RowErrors,
    /// Failed records do not hold up the others.
    tolerant: bool,
    /// Those of the records at hand, by offset, whose schemas cannot be had, and why; kept until they are pushed.
    unreadable: BTreeMap<i64, String>,
    /// Where the failed records of the last finish are, by their numbers.
    failed: BTreeMap<usize, RecordPlace>,
    waker: Waker,
}

impl std::fmt::Debug for RecordDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordDecoder").field("outputs", &self.plan.outputs).finish_non_exhaustive()
    }
}

/// What was pushed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    pub(super) records: u64,
    pub(super) bytes: u64,
    /// The offset behind the last one.
    pub(super) next: i64,
}

impl RecordDecoder {
    /// Rows that wait for [`RecordDecoder::finish`], at least.
    pub(super) fn rows(&self) -> usize {
        self.value.rows() + self.tombstones.len()
    }

    /// Records since the last finish.
    pub(super) fn records(&self) -> usize {
        self.pushed.len()
    }

    /// Records or fields dropped by `ignore-parse-errors` since the start.
    pub(super) fn ignored(&self) -> u64 {
        self.value.ignored() + self.key.as_ref().map_or(0, |key| key.ignored())
    }

    /// From now on failed records do not hold up the others.
    pub(super) fn tolerate(&mut self) {
        self.tolerant = true;
    }

    /// Where a record is that the last finish reported as failed.
    pub(super) fn failed(&self, row: usize) -> Option<RecordPlace> {
        self.failed.get(&row).cloned()
    }

    /// Whether [`RecordDecoder::push`] can take these records now; an error names the first record that it cannot.
    pub(super) fn ready(
        &mut self,
        split: &Arc<SplitId>,
        records: &Records,
        range: &std::ops::Range<i64>,
    ) -> Result<bool> {
        Ok(self.ask(Part::Value, split, records, range)?
            && self.ask(Part::Key, split, records, range)?)
    }

    /// Asks for the schemas of a part of the records that are not known to be unreadable.
    fn ask(
        &mut self,
        part: Part,
        split: &Arc<SplitId>,
        records: &Records,
        range: &std::ops::Range<i64>,
    ) -> Result<bool> {
        let (decoder, name) = match (part, &mut self.key) {
            (Part::Value, _) => (&mut self.value, "value"),
            (Part::Key, Some(key)) => (key, "key"),
            (Part::Key, None) => return Ok(true),
        };
        if !decoder.needs_schemas() {
            return Ok(true);
        }
        let unreadable = &self.unreadable;
        // A damaged batch is reported when it is pushed.
        let wanted = || {
            let records = records.into_iter().filter_map(std::result::Result::ok);
            records.filter(|record| {
                range.contains(&record.offset) && !unreadable.contains_key(&record.offset)
            })
        };
        let payloads = match part {
            Part::Value => &mut self.values,
            Part::Key => &mut self.keys,
        };
        payloads.clear();
        payloads.extend(wanted().map(|record| {
            payload(match part {
                Part::Value => record.value_range(),
                Part::Key => record.key_range(),
            })
        }));
        let failed = match decoder.ready(records.slab(), payloads, &self.waker)? {
            Readiness::Ready => return Ok(true),
            Readiness::Waiting => return Ok(false),
            Readiness::Failed(failed) => failed,
        };
        let mut offsets = wanted().map(|record| record.offset).enumerate();
        let mut found = Vec::with_capacity(failed.len());
        for (payload, error) in failed {
            let offset = offsets.find(|(at, _)| *at == payload).map_or(-1, |(_, offset)| offset);
            let place = shown_place(Some(split), offset);
            let error = error.context(format!("reading the {name} at {place}"));
            // A registry that does not answer is not the record's fault.
            if !self.tolerant || error.kind() != ErrorKind::Data {
                return Err(error);
            }
            found.push((offset, error.to_string()));
        }
        self.unreadable.extend(found);
        Ok(true)
    }

    /// What was not ready will not be pushed.
    pub(super) fn give_up(&mut self) {
        self.unreadable.clear();
    }

    /// Takes those records of a batch that lie in `from..end`. The outer result is about the format, the inner one about
    /// the batch.
    pub(super) fn push(
        &mut self,
        split: &Arc<SplitId>,
        header: &BatchHeader,
        records: &Records,
        range: std::ops::Range<i64>,
        errors: &mut RowErrors,
    ) -> Result<std::result::Result<Taken, BatchError>> {
        self.values.clear();
        self.keys.clear();
        let before = self.pushed.len();
        let mut taken = Taken::default();
        let with_keys = self.key.is_some();
        for record in records {
            let record = match record {
                Ok(record) => record,
                Err(error) => return Ok(Err(error)),
            };
            taken.next = record.offset.saturating_add(1);
            if !range.contains(&record.offset) {
                continue;
            }
            taken.records += 1;
            taken.bytes += record.value.map_or(0, <[u8]>::len) as u64;
            if record.key.is_none() && self.plan.drops_null_keys {
                continue;
            }
            // What cannot be read is no row to the formats that need a schema.
            let unreadable = self.unreadable.get(&record.offset);
            let of = |range| payload(if unreadable.is_some() { None } else { range });
            self.values.push(of(record.value_range()));
            if with_keys {
                taken.bytes += record.key.map_or(0, <[u8]>::len) as u64;
                self.keys.push(of(record.key_range()));
            }
            if let Some(why) = unreadable {
                errors.push(self.pushed.len(), || why.clone());
            }
            if self.plan.upsert && record.value.is_none() {
                self.tombstones.push(u32::try_from(self.pushed.len()).unwrap_or(u32::MAX));
            }
            self.pushed.record(&record);
        }
        self.unreadable.clear();
        self.pushed.end_batch(split, header);
        self.failures.clear();
        self.value.push(records.slab(), &self.values, &mut self.failures)?;
        locate(&self.failures, "", &self.pushed, &self.values, before, records.slab(), errors);
        if let Some(key) = &mut self.key {
            self.failures.clear();
            key.push(records.slab(), &self.keys, &mut self.failures)?;
            let what = "in the key: ";
            locate(&self.failures, what, &self.pushed, &self.keys, before, records.slab(), errors);
        }
        Ok(Ok(taken))
    }

    /// The rows so far, with their origin.
    pub(super) fn finish(&mut self, errors: &mut RowErrors) -> Result<Option<Batch>> {
        self.failed.clear();
        if self.pushed.is_empty() {
            return Ok(None);
        }
        let mut value = self.value.finish()?;
        if !self.tombstones.is_empty() {
            value = with_tombstones(&value, &self.tombstones)?;
            self.tombstones.clear();
        }
        let (value, key) = match &mut self.key {
            None => (value, Vec::new()),
            Some(decoder) => join(value, decoder.finish()?)?,
        };
        let batch = self.assemble(&value, &key, errors)?;
        for (record, _) in errors.iter() {
            if let (Some(split), offset) = self.pushed.locate(record) {
                let place = RecordPlace { split: Arc::clone(split), offset };
                self.failed.insert(record, place);
            }
        }
        self.pushed.clear();
        Ok(batch)
    }

    fn assemble(
        &self,
        value: &Decoded,
        key: &[Column],
        errors: &mut RowErrors,
    ) -> Result<Option<Batch>> {
        let rows = value.sources.len();
        if rows == 0 {
            return Ok(None);
        }
        let place = self.pushed.place(&value.sources)?;
        let env = EvalEnv { time_zone: self.plan.time_zone, now_micros: 0 };
        let mut failures = RowErrors::new();
        let mut columns = Vec::with_capacity(self.plan.outputs.len());
        for output in &self.plan.outputs {
            let (column, cast) = match output {
                Output::Value(at) => (value.columns.get(*at).cloned(), &None),
                Output::Key(at) => (key.get(*at).cloned(), &None),
                Output::Either { value: at, key: key_at } => {
                    (either(value, *at, key.get(*key_at))?, &None)
                }
                Output::Metadata(metadata, cast) => {
                    (Some(self.pushed.column(*metadata, &place)?), cast)
                }
                Output::ValueMetadata(at, cast) => {
                    (value.columns.get(self.plan.value_columns + at).cloned(), cast)
                }
            };
            let column = match (column, cast) {
                (Some(column), Some(cast)) => {
                    let input = Input { columns: &[column], rows };
                    Some(cast.eval(input, &Selection::All(rows), &mut failures, &env))
                }
                (column, _) => column,
            };
            columns.push(column.ok_or_else(|| Error::internal("a column that no format gave"))?);
        }
        let kinds = value.kinds.clone();
        let mut batch = Batch { rows, kinds, columns, origin: Some(place.origin) };
        self.blame(&failures, &value.sources, errors);
        // The rows before the first bad record go on their way, as in Flink; those behind it never do, unless such records
        // are left out.
        let mut sources: Cow<'_, [u32]> = Cow::Borrowed(&value.sources);
        if let Some(bad) = errors.kept().iter().map(|failed| failed.row).min() {
            let bad_ones: BTreeSet<usize> = errors.iter().map(|(record, _)| record).collect();
            let good = |source: u32| match self.tolerant {
                true => !bad_ones.contains(&(source as usize)),
                false => (source as usize) < bad,
            };
            let rows = (0u32..).zip(&value.sources).filter(|(_, source)| good(**source));
            let (rows, left): (Vec<u32>, Vec<u32>) = rows.unzip();
            (batch, sources) = (batch.select(&rows)?, Cow::Owned(left));
        }
        let rows = batch.rows;
        if let Some(predicate) = &self.plan.predicate {
            failures.clear();
            let input = Input { columns: &batch.columns, rows };
            let selected =
                predicate.eval_predicate(input, &Selection::All(rows), &mut failures, &env);
            if let Selection::Rows(mut selected) = selected {
                if let Some(bad) = failures.kept().iter().map(|failed| failed.row).min() {
                    let bad_ones: BTreeSet<&u32> = failures.rows().iter().collect();
                    selected.retain(|row| match self.tolerant {
                        true => !bad_ones.contains(row),
                        false => (*row as usize) < bad,
                    });
                }
                batch = batch.select(&selected)?;
            }
            self.blame(&failures, &sources, errors);
        }
        Ok((batch.rows > 0).then_some(batch))
    }

    /// Makes failures of rows failures of their records.
    fn blame(&self, failures: &RowErrors, sources: &[u32], errors: &mut RowErrors) {
        for (row, text) in failures.iter() {
            let record = sources.get(row).copied().unwrap_or(0) as usize;
            let (split, offset) = self.pushed.locate(record);
            let text = text.unwrap_or("cannot be computed");
            errors.push(record, || format!("{text} at {}", shown_place(split, offset)));
        }
    }
}

/// What of a record has a format of its own.
#[derive(Clone, Copy)]
enum Part {
    Value,
    Key,
}

fn payload(range: Option<(u32, u32)>) -> Payload {
    match range {
        Some((start, len)) => Payload { start, len: i32::try_from(len).unwrap_or(i32::MAX) },
        None => Payload { start: 0, len: -1 },
    }
}

/// The rows of the values, and a row of NULLs for each record without value.
fn with_tombstones(value: &Decoded, tombstones: &[u32]) -> Result<Decoded> {
    let mut rows: Vec<(u32, Option<u32>)> = (0u32..)
        .zip(&value.sources)
        // Some formats make a row of NULL.
        .filter(|(_, source)| tombstones.binary_search(source).is_err())
        .map(|(row, source)| (*source, Some(row)))
        .collect();
    rows.extend(tombstones.iter().map(|source| (*source, None)));
    rows.sort_by_key(|(source, _)| *source);
    let places: UInt32Array = rows.iter().map(|(_, row)| *row).collect();
    let pick = |column: &Column| take(column, &places, None).map_err(Error::internal);
    let kind = |row: Option<u32>| row.map_or(RowKind::Delete, |row| value.kinds.get(row as usize));
    Ok(Decoded {
        columns: value.columns.iter().map(pick).collect::<Result<_>>()?,
        kinds: Kinds::PerRow(rows.iter().map(|(_, row)| kind(*row)).collect()),
        sources: rows.iter().map(|(source, _)| *source).collect(),
    })
}

/// The value's column, with the key's where a row is deleted.
fn either(value: &Decoded, at: usize, key: Option<&Column>) -> Result<Option<Column>> {
    let (Some(column), Some(key)) = (value.columns.get(at), key) else { return Ok(None) };
    let Kinds::PerRow(kinds) = &value.kinds else { return Ok(Some(Arc::clone(column))) };
    let deleted: BooleanArray = kinds.iter().map(|kind| Some(*kind == RowKind::Delete)).collect();
    zip(&deleted, key, column).map(Some).map_err(Error::internal)
}

/// Each row of a value with each row of its record's key (Flink's `OutputProjectionCollector`): a payload may hold no
/// row, or several.
fn join(value: Decoded, key: Decoded) -> Result<(Decoded, Vec<Column>)> {
    let ascending = |sources: &[u32]| sources.windows(2).all(|pair| pair[0] < pair[1]);
    if value.sources == key.sources && ascending(&value.sources) {
        return Ok((value, key.columns));
    }
    let (mut value_rows, mut key_rows, mut sources) = (Vec::new(), Vec::new(), Vec::new());
    let mut first = 0;
    for (row, source) in (0u32..).zip(&value.sources) {
        while key.sources.get(first).is_some_and(|k| k < source) {
            first += 1;
        }
        let same = key.sources.iter().skip(first).take_while(|k| *k == source).count();
        for key_row in first..first + same {
            value_rows.push(row);
            key_rows.push(u32::try_from(key_row).unwrap_or(u32::MAX));
            sources.push(*source);
        }
    }
    let (value_rows, key_rows) = (UInt32Array::from(value_rows), UInt32Array::from(key_rows));
    let pick = |columns: &[Column], rows: &UInt32Array| {
        columns
            .iter()
            .map(|column| take(column, rows, None).map_err(Error::internal))
            .collect::<Result<Vec<Column>>>()
    };
    let columns = pick(&value.columns, &value_rows)?;
    let kinds = value.kinds.take(value_rows.values());
    Ok((Decoded { columns, kinds, sources }, pick(&key.columns, &key_rows)?))
}

/// Puts topic, partition, offset and payload to the failures of a decoder.
fn locate(
    failures: &RowErrors,
    what: &str,
    pushed: &Pushed,
    payloads: &[Payload],
    before: usize,
    slab: &[u8],
    errors: &mut RowErrors,
) {
    for (record, text) in failures.iter() {
        let (split, offset) = pushed.locate(record);
        let payload = payloads.get(record.saturating_sub(before));
        let text = text.unwrap_or("cannot be read");
        errors.push(record, || {
            let payload = payload.map(|payload| shown(slab, *payload)).unwrap_or_default();
            format!("{what}{text} at {}: {payload}", shown_place(split, offset))
        });
    }
}

fn shown_place(split: Option<&Arc<SplitId>>, offset: i64) -> String {
    match split {
        Some(split) => {
            format!("topic '{}' partition {} offset {offset}", split.name, split.index)
        }
        None => format!("offset {offset}"),
    }
}

/// The payload as text, shortened.
fn shown(slab: &[u8], payload: Payload) -> String {
    let start = payload.start as usize;
    let end = start.saturating_add(usize::try_from(payload.len.max(0)).unwrap_or(0));
    let bytes = slab.get(start..end).unwrap_or_default();
    let head = bytes.get(..bytes.len().min(4 * PAYLOAD_SHOWN_CHARS_MAX)).unwrap_or_default();
    let text: String =
        String::from_utf8_lossy(head).chars().take(PAYLOAD_SHOWN_CHARS_MAX).collect();
    let more = if text.len() < bytes.len() { "…" } else { "" };
    format!("'{text}{more}' ({} bytes)", bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::Int32Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int32Type;

    fn decoded(rows: &[(u32, i32)]) -> Decoded {
        let column: Column = Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.1)));
        let sources = rows.iter().map(|row| row.0).collect();
        Decoded { columns: vec![column], sources, ..Decoded::default() }
    }

    #[test]
    fn every_row_of_a_value_meets_every_row_of_its_key() {
        let value = decoded(&[(0, 10), (1, 11), (1, 12), (3, 13), (4, 14)]);
        let key = decoded(&[(0, 90), (1, 91), (1, 92), (2, 93), (4, 94)]);
        let (value, key) = join(value, key).unwrap();
        assert_eq!(value.sources, [0, 1, 1, 1, 1, 4]);
        let numbers = |column: &Column| column.as_primitive::<Int32Type>().values().to_vec();
        assert_eq!(numbers(&value.columns[0]), [10, 11, 11, 12, 12, 14]);
        assert_eq!(numbers(&key[0]), [90, 91, 92, 91, 92, 94]);
    }

    #[test]
    fn one_row_each_is_not_copied() {
        let (value, key) = (decoded(&[(0, 1), (2, 2)]), decoded(&[(0, 3), (2, 4)]));
        let (first, second) = (Arc::clone(&value.columns[0]), Arc::clone(&key.columns[0]));
        let (value, key) = join(value, key).unwrap();
        assert!(Arc::ptr_eq(&value.columns[0], &first) && Arc::ptr_eq(&key[0], &second));
    }
}
