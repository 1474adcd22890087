//! The encoder: rows as JSON objects, byte for byte as Flink's `JsonRowDataSerializationSchema` writes them.

use super::options::{JsonOptions, NullKeys};
use super::text::{Astral, write_string};
use crate::base::Result;
use crate::formats::base64;
use crate::formats::write::{Source, SourceColumn, end_of, source_columns, span};
use crate::table::{EncodeRequest, Encoded, Encoder};
use crate::types::java_text::{
    Fraction, Moment, TextOut, TimestampStyle, strip_trailing_zeros, write_date,
    write_decimal_java, write_decimal_plain, write_double, write_float, write_integer, write_time,
    write_timestamp,
};
use crate::types::{Batch, DataType, Field, Kind, RowErrors, RowKind, java_map};

/// What Flink says of a NULL key with `map-null-key.mode` = 'FAIL'.
const NULL_KEY: &str = "JSON format doesn't support to serialize map data with null keys. You can \
                        drop null key entries or encode null in literals by specifying \
                        map-null-key.mode option";

/// An encoder compiled for a schema.
#[derive(Debug)]
pub(super) struct JsonEncoder {
    /// What stands around a row that is inserted, and around one that is deleted.
    envelopes: Option<[Envelope; 2]>,
    fields: Vec<Field>,
    /// `"name":` of every field, and of the fields of ROWs inside.
    names: Names,
    options: JsonOptions,
}

/// What stands before and behind a row.
pub(super) type Envelope = (&'static str, &'static str);

/// Field names as JSON text.
#[derive(Debug, Default)]
struct Names {
    /// `"name":`
    text: Vec<u8>,
    /// Names inside of the field's type.
    inner: Vec<Names>,
}

impl Names {
    fn of_fields(fields: &[Field]) -> Vec<Names> {
        fields
            .iter()
            .map(|field| {
                let mut names = Names::of_type(&field.data_type);
                write_string(&field.name, Astral::Escaped, &mut names.text);
                names.text.push(b':');
                names
            })
            .collect()
    }

    fn of_type(data_type: &DataType) -> Names {
        let inner = match &data_type.kind {
            Kind::Row(fields) => Names::of_fields(fields),
            Kind::Array(item) => vec![Names::of_type(item)],
            Kind::Map(_, value) => vec![Names::of_type(value)],
            Kind::Multiset(_) => vec![Names::default()],
            _ => Vec::new(),
        };
        Names { text: Vec::new(), inner }
    }
}

impl JsonEncoder {
    pub(super) fn new(options: JsonOptions, request: &EncodeRequest) -> JsonEncoder {
        let names = Names { text: Vec::new(), inner: Names::of_fields(&request.fields) };
        JsonEncoder { envelopes: None, fields: request.fields.clone(), names, options }
    }

    /// Writes each row into an envelope: the first for `+I` and `+U`, the second for `-U` and `-D`.
    pub(super) fn with_envelopes(mut self, envelopes: [Envelope; 2]) -> JsonEncoder {
        self.envelopes = Some(envelopes);
        self
    }

    fn object(
        &self,
        columns: &[SourceColumn<'_>],
        names: &Names,
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        out.push(b'{');
        let mut any = false;
        for (column, names) in columns.iter().zip(&names.inner) {
            let null = column.is_null(row);
            if null && self.options.ignore_null_fields {
                continue;
            }
            if any {
                out.push(b',');
            }
            any = true;
            out.extend_from_slice(&names.text);
            if null {
                out.extend_from_slice(b"null");
            } else {
                self.value(column, names, row, out)?;
            }
        }
        out.push(b'}');
        Ok(())
    }

    /// Writes a value that may be NULL.
    fn nullable(
        &self,
        column: &SourceColumn<'_>,
        names: &Names,
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        if column.is_null(row) {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        self.value(column, names, row, out)
    }

    /// Writes a value that is not NULL.
    #[inline]
    fn value(
        &self,
        column: &SourceColumn<'_>,
        names: &Names,
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        match &column.source {
            Source::Null => out.extend_from_slice(b"null"),
            Source::Boolean(array) => {
                out.extend_from_slice(if array.value(row) { b"true" } else { b"false" });
            }
            Source::TinyInt(array) => write_integer(array.value(row), out),
            Source::SmallInt(array) => write_integer(array.value(row), out),
            Source::Int(array) => write_integer(array.value(row), out),
            Source::BigInt(array) => write_integer(array.value(row), out),
            Source::Float(array) => {
                let value = array.value(row);
                quoted(!value.is_finite(), out, |out| write_float(value, out));
            }
            Source::Double(array) => {
                let value = array.value(row);
                quoted(!value.is_finite(), out, |out| write_double(value, out));
            }
            Source::Decimal(array, scale) => {
                if self.options.plain_decimals {
                    write_decimal_plain(array.value(row), *scale, out);
                } else {
                    let (unscaled, scale) = strip_trailing_zeros(array.value(row), *scale);
                    write_decimal_java(unscaled, scale, out);
                }
            }
            Source::String(array) => write_string(array.value(row), Astral::Escaped, out),
            Source::Json(array) => out.extend_from_slice(array.value(row).as_bytes()),
            Source::Binary(array) => {
                quoted(true, out, |out| base64::encode(array.value(row), out));
            }
            Source::Date(array) => {
                quoted(true, out, |out| write_date(i64::from(array.value(row)), out));
            }
            Source::Time(array) => {
                // Flink 2.1 writes whole seconds, whatever the precision.
                let seconds = u64::try_from(array.value(row) / 1_000).unwrap_or(0);
                quoted(true, out, |out| {
                    write_time(seconds.saturating_mul(1_000_000_000), Fraction::Trimmed, out);
                });
            }
            Source::Timestamp(moments) => {
                let zone = self.options.style == TimestampStyle::Iso8601WithOffset;
                self.moment(moments.get(row), zone, out);
            }
            Source::TimestampLtz(moments) => self.moment(moments.get(row), true, out),
            Source::List(array, items) => {
                let inner = names.inner.first().unwrap_or(names);
                let items_of_row = span(array.value_offsets(), row);
                let start = items_of_row.start;
                out.push(b'[');
                for item in items_of_row {
                    if item > start {
                        out.push(b',');
                    }
                    self.nullable(items, inner, item, out)?;
                }
                out.push(b']');
            }
            Source::Map(array, keys, values) => {
                let inner = names.inner.first().unwrap_or(names);
                out.push(b'{');
                for (count, (key, entry)) in
                    self.members(keys, span(array.value_offsets(), row))?.into_iter().enumerate()
                {
                    if count > 0 {
                        out.push(b',');
                    }
                    write_string(key, Astral::Escaped, out);
                    out.push(b':');
                    self.nullable(values, inner, entry, out)?;
                }
                out.push(b'}');
            }
            Source::Row(columns) => self.object(columns, names, row, out)?,
        }
        Ok(())
    }

    /// The members of the object that a map is written as, each with the place of its value.
    fn members<'a>(
        &'a self,
        keys: &'a SourceColumn<'_>,
        entries: std::ops::Range<usize>,
    ) -> Result<Vec<(&'a str, usize)>, &'static str> {
        let mut members = Vec::with_capacity(entries.len());
        for entry in entries {
            let null = keys.is_null(entry);
            let key = match (&keys.source, &self.options.null_keys) {
                (_, NullKeys::Fail) if null => return Err(NULL_KEY),
                (_, NullKeys::Drop) if null => continue,
                (_, NullKeys::Literal(literal)) if null => literal,
                (Source::String(keys), _) => keys.value(entry),
                _ => return Err("a map's keys must be strings"),
            };
            members.push((key, entry));
        }
        Ok(java_map::distinct(members))
    }

    fn moment(&self, moment: Moment, zone: bool, out: &mut Vec<u8>) {
        let separator = if self.options.style == TimestampStyle::Sql { b' ' } else { b'T' };
        out.push(b'"');
        write_timestamp(moment, separator, Fraction::Trimmed, out);
        out.put(if zone { "Z\"" } else { "\"" });
    }
}

fn quoted(quotes: bool, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    if quotes {
        out.push(b'"');
    }
    write(out);
    if quotes {
        out.push(b'"');
    }
}

impl Encoder for JsonEncoder {
    fn encode(&mut self, batch: &Batch, out: &mut Encoded, errors: &mut RowErrors) -> Result<()> {
        let columns = source_columns(batch, &self.fields)?;
        out.ends.reserve(batch.rows);
        for row in 0..batch.rows {
            let before = out.bytes.len();
            let (head, tail) = match &self.envelopes {
                None => ("", ""),
                Some([inserted, deleted]) => match batch.kind(row) {
                    RowKind::Insert | RowKind::UpdateAfter => *inserted,
                    RowKind::UpdateBefore | RowKind::Delete => *deleted,
                },
            };
            out.bytes.extend_from_slice(head.as_bytes());
            let written = self.object(&columns, &self.names, row, &mut out.bytes);
            out.bytes.extend_from_slice(tail.as_bytes());
            if let Err(reason) = written {
                out.bytes.truncate(before);
                errors.push(row, || format!("could not serialize row: {reason}"));
            }
            out.ends.push(end_of(&out.bytes)?);
        }
        Ok(())
    }
}
