//! The encoder: rows as lines without line ends, byte for byte as Flink's `CsvRowDataSerializationSchema` writes them.

use super::options::CsvOptions;
use crate::base::Result;
use crate::formats::base64;
use crate::formats::write::{Source, SourceColumn, end_of, source_columns, span};
use crate::table::{EncodeRequest, Encoded, Encoder};
use crate::types::java_text::{
    Fraction, TextOut, strip_trailing_zeros, write_date, write_decimal_java, write_decimal_plain,
    write_double, write_float, write_integer, write_time, write_timestamp,
};
use crate::types::{Batch, Field, RowErrors};

/// UTF-16 units up to which Jackson looks whether a text needs quotes; longer ones get them always.
const QUOTE_CHECKED_UNITS_MAX: usize = 24;

/// An encoder compiled for a schema.
#[derive(Debug)]
pub(super) struct CsvEncoder {
    fields: Vec<Field>,
    options: CsvOptions,
    /// Texts with a character below this get quotes.
    safe_from: u32,
    /// Texts with this character get quotes, too.
    quoted_character: char,
    text: Vec<u8>,
}

impl CsvEncoder {
    pub(super) fn new(options: CsvOptions, request: &EncodeRequest) -> CsvEncoder {
        let quote = options.quote.map_or(0, u32::from);
        CsvEncoder {
            fields: request.fields.clone(),
            safe_from: u32::from(options.delimiter).max(quote).saturating_add(1),
            quoted_character: options.escape.unwrap_or('\\'),
            options,
            text: Vec::new(),
        }
    }

    fn field(&mut self, column: &SourceColumn<'_>, row: usize, out: &mut Vec<u8>) {
        if column.is_null(row) {
            // Jackson writes the literal as it is.
            out.extend_from_slice(self.null().as_bytes());
            return;
        }
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        let is_text = self.value(column, row, &mut text);
        if is_text {
            self.put_text(std::str::from_utf8(&text).unwrap_or(""), out);
        } else {
            out.extend_from_slice(&text);
        }
        self.text = text;
    }

    fn null(&self) -> &str {
        self.options.null_literal.as_deref().unwrap_or("")
    }

    /// Writes a value; whether it is text, which may need quotes.
    fn value(&self, column: &SourceColumn<'_>, row: usize, out: &mut Vec<u8>) -> bool {
        match &column.source {
            Source::Null => return false,
            Source::Boolean(array) => out.put(if array.value(row) { "true" } else { "false" }),
            Source::TinyInt(array) => write_integer(array.value(row), out),
            Source::SmallInt(array) => write_integer(array.value(row), out),
            Source::Int(array) => write_integer(array.value(row), out),
            Source::BigInt(array) => write_integer(array.value(row), out),
            Source::Float(array) => write_float(array.value(row), out),
            Source::Double(array) => write_double(array.value(row), out),
            Source::Decimal(array, scale) => {
                if self.options.scientific {
                    let (unscaled, scale) = strip_trailing_zeros(array.value(row), *scale);
                    write_decimal_java(unscaled, scale, out);
                } else {
                    write_decimal_plain(array.value(row), *scale, out);
                }
            }
            Source::String(array) => {
                out.put(array.value(row));
                return true;
            }
            Source::Binary(array) => {
                base64::encode(array.value(row), out);
                return true;
            }
            Source::Date(array) => {
                write_date(i64::from(array.value(row)), out);
                return true;
            }
            Source::Time(array) => {
                let millis = u64::try_from(array.value(row)).unwrap_or(0);
                write_time(millis.saturating_mul(1_000_000), Fraction::Trimmed, out);
                return true;
            }
            Source::Timestamp(moments) => {
                write_timestamp(moments.get(row), b' ', Fraction::Trimmed, out);
                return true;
            }
            Source::TimestampLtz(moments) => {
                write_timestamp(moments.get(row), b' ', Fraction::Trimmed, out);
                out.put("Z");
                return true;
            }
            Source::List(array, items) => {
                for (at, item) in span(array.value_offsets(), row).enumerate() {
                    self.element(at, items, item, out);
                }
                return true;
            }
            Source::Row(columns) => {
                for (at, column) in columns.iter().enumerate() {
                    self.element(at, column, row, out);
                }
                return true;
            }
            // Refused when the encoder was made.
            Source::Map(..) | Source::Json(_) => return false,
        }
        false
    }

    fn element(&self, at: usize, column: &SourceColumn<'_>, row: usize, out: &mut Vec<u8>) {
        if at > 0 {
            out.put(self.options.element_delimiter.encode_utf8(&mut [0; 4]));
        }
        if column.is_null(row) {
            out.put(self.null());
        } else {
            self.value(column, row, out);
        }
    }

    /// Writes text, in quotes where Jackson's quick check finds that it may need them.
    fn put_text(&self, text: &str, out: &mut Vec<u8>) {
        let Some(quote) = self.options.quote else { return out.put(text) };
        if !self.needs_quotes(text) {
            return out.put(text);
        }
        let mut buffer = [0; 4];
        let quote_text: &str = quote.encode_utf8(&mut buffer);
        out.put(quote_text);
        let doubled = |c: char| c == quote || Some(c) == self.options.escape;
        let mut rest = text;
        while let Some(at) = rest.find(doubled) {
            let width = rest.get(at..).and_then(|r| r.chars().next()).map_or(1, char::len_utf8);
            let end = at.saturating_add(width);
            let (head, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
            out.put(head);
            out.put(head.get(at..).unwrap_or(""));
            rest = tail;
        }
        out.put(rest);
        out.put(quote_text);
    }

    fn needs_quotes(&self, text: &str) -> bool {
        // A character has at least as many bytes as UTF-16 units.
        if text.len() > QUOTE_CHECKED_UNITS_MAX
            && text.encode_utf16().count() > QUOTE_CHECKED_UNITS_MAX
        {
            return true;
        }
        text.chars().any(|c| u32::from(c) < self.safe_from || c == self.quoted_character)
    }
}

impl Encoder for CsvEncoder {
    fn encode(&mut self, batch: &Batch, out: &mut Encoded, _: &mut RowErrors) -> Result<()> {
        let columns = source_columns(batch, &self.fields)?;
        let mut buffer = [0; 4];
        let delimiter: &str = self.options.delimiter.encode_utf8(&mut buffer);
        out.ends.reserve(batch.rows);
        for row in 0..batch.rows {
            for (at, column) in columns.iter().enumerate() {
                if at > 0 {
                    out.bytes.put(delimiter);
                }
                self.field(column, row, &mut out.bytes);
            }
            out.ends.push(end_of(&out.bytes)?);
        }
        Ok(())
    }
}
