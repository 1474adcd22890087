//! Formats: bytes of records to columns and back, a batch at a time.

use super::{Readiness, Waker};
use crate::base::Result;
use crate::expr::Expr;
use crate::options::{Opt, OptionReader};
use crate::types::{Batch, ChangelogMode, Column, DataType, Field, Kinds, RowErrors};
use bytes::Bytes;
use std::fmt::Debug;

/// A named format (Flink's `DeserializationFormatFactory` and `SerializationFormatFactory`).
pub trait Format: Send + Sync + Debug {
    /// The value of `format`.
    fn identifier(&self) -> &'static str;

    /// Every option it takes, without the `json.` prefix.
    fn options(&self) -> &'static [Opt];

    /// Kinds of changes that its records hold, read or written.
    fn changelog(&self) -> ChangelogMode {
        ChangelogMode::INSERT_ONLY
    }

    /// What else a record tells: metadata columns named `value.<key>`, and the types in which they are read.
    fn metadata(&self) -> Vec<(&'static str, DataType)> {
        Vec::new()
    }

    /// A decoder compiled for the schema and the columns in use. `options` sees the keys below the format's prefix.
    /// Called once per worker with the same arguments.
    fn decoder(
        &self,
        options: &OptionReader<'_>,
        request: &DecodeRequest,
    ) -> Result<Box<dyn Decoder>>;

    /// An encoder compiled for the schema.
    fn encoder(
        &self,
        options: &OptionReader<'_>,
        request: &EncodeRequest,
    ) -> Result<Box<dyn Encoder>>;
}

/// What to decode.
#[derive(Clone, Debug)]
pub struct DecodeRequest {
    /// The fields of the record as the table declares them.
    pub fields: Vec<Field>,
    /// Positions in `fields` to produce, in output order. Others are checked for structure only.
    pub columns: Vec<usize>,
    /// Keys of [`Format::metadata`]; their columns follow the others.
    pub metadata: Vec<String>,
    /// Rows for which this is not TRUE are left out; refers to positions in `columns`.
    pub predicate: Option<Expr>,
    /// Type-check every declared field of every record, used or not, as Flink does.
    pub strict: bool,
    /// Session time zone, for TIMESTAMP_LTZ text.
    pub time_zone: chrono_tz::Tz,
}

/// What to encode.
#[derive(Clone, Debug)]
pub struct EncodeRequest {
    /// Fields of the rows, in column order.
    pub fields: Vec<Field>,
    /// Where a format registers its schema if the table does not say: `<topic>-value`, `<topic>-key`.
    pub subject: Option<String>,
    /// Session time zone, for TIMESTAMP_LTZ text.
    pub time_zone: chrono_tz::Tz,
}

/// Where one record's bytes lie in a slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// First byte.
    pub start: u32,
    /// Bytes; −1 for NULL (a tombstone).
    pub len: i32,
}

/// Rows decoded since the last [`Decoder::finish`].
#[derive(Clone, Debug, Default)]
pub struct Decoded {
    /// One column per requested one, then one per requested metadata key, `sources.len()` rows each.
    pub columns: Vec<Column>,
    /// Kinds of the rows.
    pub kinds: Kinds,
    /// For each row, the number of its payload, counted over all pushes since the last finish. Ascending. A payload may
    /// give no row (filtered, ignored, NULL) or several (a JSON array).
    pub sources: Vec<u32>,
}

/// Turns records into columns. Pure, total and bounded: no input makes it panic.
pub trait Decoder: Send + Debug {
    /// Whether [`Decoder::ready`] must be asked before a push.
    fn needs_schemas(&self) -> bool {
        false
    }

    /// Whether these payloads can be pushed now, or something from outside is missing: the schema that a record names by
    /// its id. The caller comes again with the same payloads when the waker was called.
    fn ready(&mut self, _slab: &Bytes, _payloads: &[Payload], _waker: &Waker) -> Result<Readiness> {
        Ok(Readiness::Ready)
    }

    /// Decodes `payloads`, all of which lie in `slab`. String columns may keep views into the slab.
    ///
    /// Failed payloads go to `errors` with `row` = their number counted over all pushes since the last finish, unless
    /// the format's options ignore them: then they are counted in [`Decoder::ignored`].
    fn push(&mut self, slab: &Bytes, payloads: &[Payload], errors: &mut RowErrors) -> Result<()>;

    /// Rows waiting for [`Decoder::finish`].
    fn rows(&self) -> usize;

    /// Hands out the rows and starts anew.
    fn finish(&mut self) -> Result<Decoded>;

    /// Payloads that `ignore-parse-errors` dropped, or fields of which, since the start.
    fn ignored(&self) -> u64;
}

/// Encoded records in one buffer.
#[derive(Clone, Debug, Default)]
pub struct Encoded {
    /// The records' bytes, one after another.
    pub bytes: Vec<u8>,
    /// End of each record in `bytes`.
    pub ends: Vec<u32>,
    /// Numbers of the records that are NULL (tombstones of Kafka), ascending; they have no bytes.
    pub nulls: Vec<u32>,
}

impl Encoded {
    /// Empties it, keeping the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.nulls.clear();
    }

    /// Bytes of one record.
    pub fn len_of(&self, record: usize) -> usize {
        let end = |at: usize| self.ends.get(at).map_or(0, |end| *end as usize);
        let start = record.checked_sub(1).map_or(0, end);
        end(record).saturating_sub(start)
    }

    /// The records in order; `None` for NULL.
    pub fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let mut start = 0;
        let mut nulls = self.nulls.iter().copied().peekable();
        (0u32..).zip(&self.ends).map(move |(number, end)| {
            let end = *end as usize;
            let record = self.bytes.get(start..end).unwrap_or_default();
            start = end;
            nulls.next_if_eq(&number).is_none().then_some(record)
        })
    }
}

/// Turns rows into records.
pub trait Encoder: Send + Debug {
    /// Whether rows can be encoded now; if not, the waker will be called. Some formats need an id for their schema first.
    fn ready(&mut self, _waker: &Waker) -> Result<bool> {
        Ok(true)
    }

    /// Appends one record per row of `batch`. A row that cannot be written goes to `errors` and leaves an empty record.
    /// A format whose rows can be NULL as a whole lists those in [`Encoded::nulls`]. One that holds changes looks at
    /// the kinds of the rows; others are given rows of any kind and write them all alike.
    fn encode(&mut self, batch: &Batch, out: &mut Encoded, errors: &mut RowErrors) -> Result<()>;
}
