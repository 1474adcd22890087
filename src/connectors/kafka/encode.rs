//! From rows to records: key, value, and the metadata that columns give (Flink's `DynamicKafkaRecordSerializationSchema`).

use super::headers;
use super::metadata::Metadata;
use crate::base::{Error, Result};
use crate::expr::{EvalEnv, Expr, Input, Selection};
use crate::table::{Encoded, Encoder, EncoderFactory, Waker};
use crate::types::{Batch, Column, RowErrors, RowKind};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, TimestampMicrosecondType};
use arrow_array::{Array, Int32Array, StringViewArray, TimestampMicrosecondArray};
use brooklet_kafka::wire::records::Header;
use std::borrow::Cow;
use std::sync::Arc;

/// How rows become records; shared by all writers.
pub(super) struct EncodePlan {
    /// Rows that are taken back are written as NULL.
    pub(super) upsert: bool,
    pub(super) value: EncoderFactory,
    /// Columns of the rows that the value holds.
    pub(super) value_columns: Vec<usize>,
    pub(super) key: Option<EncoderFactory>,
    /// Columns of the rows that the key holds.
    pub(super) key_columns: Vec<usize>,
    pub(super) written: Vec<Written>,
    /// Columns of a row.
    pub(super) width: usize,
    /// Session time zone.
    pub(super) time_zone: chrono_tz::Tz,
}

/// A metadata column that is written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) metadata: Metadata,
    /// Column of the rows.
    pub(super) column: usize,
    /// From the declared type, over column 0.
    pub(super) cast: Option<Expr>,
}

impl EncodePlan {
    /// Whether a column says this.
    pub(super) fn writes(&self, metadata: Metadata) -> bool {
        self.written.iter().any(|written| written.metadata == metadata)
    }

    pub(super) fn encoder(self: &Arc<EncodePlan>) -> Result<RecordEncoder> {
        Ok(RecordEncoder {
            value: (self.value)()?,
            key: self.key.as_ref().map(|key| key()).transpose()?,
            values: Encoded::default(),
            keys: Encoded::default(),
            kept: Encoded::default(),
            plan: Arc::clone(self),
        })
    }
}

/// Encodes what one writer writes.
pub(super) struct RecordEncoder {
    plan: Arc<EncodePlan>,
    value: Box<dyn Encoder>,
    key: Option<Box<dyn Encoder>>,
    /// Memory of the last batch.
    values: Encoded,
    keys: Encoded,
    kept: Encoded,
}

impl std::fmt::Debug for RecordEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordEncoder").field("value", &self.value).finish_non_exhaustive()
    }
}

/// The records of a batch of rows.
#[derive(Debug, Default)]
pub(super) struct Encodings {
    values: Encoded,
    keys: Option<Encoded>,
    topics: Option<StringViewArray>,
    partitions: Option<Int32Array>,
    timestamps: Option<TimestampMicrosecondArray>,
    headers: Option<headers::Written>,
}

impl RecordEncoder {
    /// Whether rows can be encoded now; if not, the waker will be called.
    pub(super) fn ready(&mut self, waker: &Waker) -> Result<bool> {
        let key = self.key.as_mut().map(|key| key.ready(waker)).transpose()?;
        let value = self.value.ready(waker)?;
        Ok(value && key.unwrap_or(true))
    }

    /// Encodes a batch. Give the result back by [`RecordEncoder::recycle`].
    pub(super) fn encode(&mut self, batch: &Batch, errors: &mut RowErrors) -> Result<Encodings> {
        let mut encodings =
            Encodings { values: std::mem::take(&mut self.values), ..Encodings::default() };
        encodings.values.clear();
        let plan = &self.plan;
        // Most tables have nothing but a value: no need for another batch then.
        let rows = match plan.value_columns.len() == plan.width {
            true => Cow::Borrowed(batch),
            false => Cow::Owned(part(batch, &plan.value_columns)?),
        };
        match plan.upsert {
            true => upsert(&mut *self.value, &rows, &mut self.kept, &mut encodings.values, errors)?,
            false => self.value.encode(&rows, &mut encodings.values, errors)?,
        }
        if let Some(key) = &mut self.key {
            let mut keys = std::mem::take(&mut self.keys);
            keys.clear();
            key.encode(&part(batch, &plan.key_columns)?, &mut keys, errors)?;
            encodings.keys = Some(keys);
        }
        let env = EvalEnv { time_zone: plan.time_zone, now_micros: 0 };
        for written in &plan.written {
            let mut column = column(batch, written.column)?;
            if let Some(cast) = &written.cast {
                let input = Input { columns: &[column], rows: batch.rows };
                column = cast.eval(input, &Selection::All(batch.rows), errors, &env);
            }
            let layout = || Error::internal("a metadata column's layout and its type differ");
            match written.metadata {
                Metadata::Topic => {
                    encodings.topics =
                        Some(column.as_string_view_opt().ok_or_else(layout)?.clone());
                }
                Metadata::Partition => {
                    let column = column.as_primitive_opt::<Int32Type>();
                    encodings.partitions = Some(column.ok_or_else(layout)?.clone());
                }
                Metadata::Timestamp => {
                    let column = column.as_primitive_opt::<TimestampMicrosecondType>();
                    encodings.timestamps = Some(column.ok_or_else(layout)?.clone());
                }
                form @ (Metadata::Headers | Metadata::HeaderList) => {
                    encodings.headers = Some(headers::Written::new(column, form));
                }
                Metadata::LeaderEpoch | Metadata::Offset | Metadata::TimestampType => {}
            }
        }
        Ok(encodings)
    }

    /// Takes the memory back.
    pub(super) fn recycle(&mut self, encodings: Encodings) {
        self.values = encodings.values;
        self.keys = encodings.keys.unwrap_or_default();
    }
}

impl Encodings {
    /// Bytes of all keys and values.
    pub(super) fn bytes(&self) -> usize {
        self.values.bytes.len() + self.keys.as_ref().map_or(0, |keys| keys.bytes.len())
    }

    /// Bytes of the key and the value of one row.
    pub(super) fn bytes_of(&self, row: usize) -> usize {
        self.values.len_of(row) + self.keys.as_ref().map_or(0, |keys| keys.len_of(row))
    }

    /// Number of records.
    pub(super) fn len(&self) -> usize {
        self.values.ends.len()
    }

    /// Key and value of each record.
    pub(super) fn records(&self) -> impl Iterator<Item = (Option<&[u8]>, Option<&[u8]>)> {
        let mut keys = self.keys.as_ref().map(Encoded::iter);
        self.values
            .iter()
            .map(move |value| (keys.as_mut().and_then(Iterator::next).flatten(), value))
    }

    /// The topic that the row names.
    pub(super) fn topic(&self, row: usize) -> Option<&str> {
        let topics = self.topics.as_ref()?;
        topics.is_valid(row).then(|| topics.value(row))
    }

    /// The partition that the row names.
    pub(super) fn partition(&self, row: usize) -> Option<i32> {
        let partitions = self.partitions.as_ref()?;
        partitions.is_valid(row).then(|| partitions.value(row))
    }

    /// Milliseconds since 1970 UTC, where the row says so.
    pub(super) fn timestamp(&self, row: usize) -> Option<i64> {
        let timestamps = self.timestamps.as_ref()?;
        timestamps.is_valid(row).then(|| timestamps.value(row).div_euclid(1000))
    }

    /// The headers of the row.
    pub(super) fn headers<'a>(&'a self, row: usize, out: &mut Vec<Header<'a>>) {
        out.clear();
        if let Some(headers) = &self.headers {
            headers.row(row, out);
        }
    }
}

/// Encodes the rows that stay; those that are taken back become NULL (Flink's
/// `DynamicKafkaRecordSerializationSchema` in upsert mode).
fn upsert(
    encoder: &mut dyn Encoder,
    rows: &Batch,
    kept: &mut Encoded,
    out: &mut Encoded,
    errors: &mut RowErrors,
) -> Result<()> {
    let stays =
        |row: &u32| matches!(rows.kind(*row as usize), RowKind::Insert | RowKind::UpdateAfter);
    let all = 0..u32::try_from(rows.rows).map_err(Error::internal)?;
    let staying: Vec<u32> = all.clone().filter(stays).collect();
    if staying.len() == rows.rows {
        return encoder.encode(rows, out, errors);
    }
    kept.clear();
    let mut failures = RowErrors::new();
    encoder.encode(&rows.select(&staying)?, kept, &mut failures)?;
    for (failed, text) in failures.iter() {
        let row = staying.get(failed).copied().unwrap_or(0);
        errors.push(row as usize, || text.unwrap_or("cannot be encoded").to_owned());
    }
    let mut records = kept.iter();
    for row in all {
        match stays(&row).then(|| records.next().flatten()).flatten() {
            Some(record) => out.bytes.extend_from_slice(record),
            None => out.nulls.push(row),
        }
        out.ends.push(u32::try_from(out.bytes.len()).map_err(Error::internal)?);
    }
    Ok(())
}

/// Some columns of a batch.
fn part(batch: &Batch, columns: &[usize]) -> Result<Batch> {
    let columns = columns.iter().map(|at| column(batch, *at)).collect::<Result<Vec<Column>>>()?;
    Ok(Batch { rows: batch.rows, kinds: batch.kinds.clone(), columns, origin: None })
}

fn column(batch: &Batch, at: usize) -> Result<Column> {
    batch
        .columns
        .get(at)
        .cloned()
        .ok_or_else(|| Error::internal("a batch does not have the columns of its sink"))
}
