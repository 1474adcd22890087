//! Fields to values, with the coercions of Flink's `CsvToRowDataConverters`.

use super::options::CsvOptions;
use crate::formats::base64;
use crate::formats::column::Builder;
use crate::formats::rows::{Convert, Problems, Token, TokenKind};
use crate::types::java_text::{
    ParsedDecimal, TimestampStyle, parse_boolean, parse_date_jdbc, parse_decimal, parse_double,
    parse_float, parse_integer, parse_time_iso, parse_timestamp_ltz, parse_timestamp_text, trim,
};
use crate::types::{DataType, Field, Kind};

/// Characters of a wrong value that a message shows.
const VALUE_SHOWN_CHARS_MAX: usize = 60;

/// The converter of one decoder.
#[derive(Debug)]
pub(super) struct CsvConvert {
    options: CsvOptions,
    /// A field without its quotes and escapes.
    text: String,
    bytes: Vec<u8>,
}

impl CsvConvert {
    pub(super) fn new(options: CsvOptions) -> CsvConvert {
        CsvConvert { options, text: String::new(), bytes: Vec::new() }
    }

    fn is_null(&self, text: &str) -> bool {
        self.options.null_literal.as_deref() == Some(text)
    }

    /// Adds a value of an array or row, or a field.
    #[inline]
    fn add(
        &mut self,
        data_type: &DataType,
        text: &str,
        out: &mut Builder,
        problems: &mut Problems,
    ) {
        if self.is_null(text) {
            return out.push_null();
        }
        if self.add_simple(data_type, text, out).is_none() {
            out.push_null();
            problems.note(|| format!("expected {data_type}, found \"{}\"", shown(text)));
        }
    }

    #[inline]
    fn add_simple(&mut self, data_type: &DataType, text: &str, out: &mut Builder) -> Option<()> {
        match (&data_type.kind, &mut *out) {
            (Kind::Char(_) | Kind::VarChar(_), Builder::String(builder)) => {
                builder.append_value(text);
            }
            (Kind::BigInt, Builder::Int64(values)) => values.push(parse_integer(trim(text))?),
            (Kind::Int, Builder::Int32(values)) => {
                values.push(i32::try_from(parse_integer(trim(text))?).ok()?);
            }
            (Kind::SmallInt, Builder::Int16(values)) => {
                values.push(i16::try_from(parse_integer(trim(text))?).ok()?);
            }
            (Kind::TinyInt, Builder::Int8(values)) => {
                values.push(i8::try_from(parse_integer(trim(text))?).ok()?);
            }
            (Kind::Boolean, Builder::Boolean { .. }) => out.push_bool(parse_boolean(trim(text))),
            (Kind::Double, Builder::Float64(values)) => values.push(parse_double(text)?),
            (Kind::Float, Builder::Float32(values)) => values.push(parse_float(text)?),
            (Kind::Decimal { precision, scale }, Builder::Int128(values)) => {
                match parse_decimal(text, *precision, *scale) {
                    ParsedDecimal::Value(value) => values.push(value),
                    ParsedDecimal::Overflow => values.push_null(),
                    ParsedDecimal::Invalid => return None,
                }
            }
            (Kind::Date, Builder::Int32(values)) => values.push(parse_date_jdbc(text)?),
            (Kind::Time(precision), Builder::Int32(values)) => {
                let millis = parse_time_iso(text)?;
                let unit = match precision {
                    0 => 1_000,
                    1 => 100,
                    2 => 10,
                    _ => 1,
                };
                values.push(millis.wrapping_sub(millis.checked_rem(unit)?));
            }
            (Kind::Timestamp(_), _) => {
                out.push_moment(parse_timestamp_text(trim(text), TimestampStyle::Sql)?)?;
            }
            (Kind::TimestampLtz(_), _) => {
                out.push_moment(parse_timestamp_ltz(trim(text), TimestampStyle::Sql)?)?;
            }
            (Kind::Binary(_) | Kind::VarBinary(_), Builder::Binary(builder)) => {
                self.bytes.clear();
                if !base64::decode(text.as_bytes(), &mut self.bytes) {
                    return None;
                }
                builder.append_value(&self.bytes);
            }
            (_, out) => out.push_null(),
        }
        Some(())
    }

    fn add_array(
        &mut self,
        item: &DataType,
        text: &str,
        out: &mut Builder,
        problems: &mut Problems,
    ) {
        let Builder::List { ends, nulls, items } = out else { return out.push_null() };
        if !trim(text).is_empty() {
            for (index, element) in text.split(self.options.element_delimiter).enumerate() {
                let before = problems.count;
                self.add(item, element, items, problems);
                problems.locate(before, || format!("[{}]", index.saturating_add(1)));
            }
        }
        ends.push(items.len());
        nulls.append_non_null();
    }

    fn add_row(
        &mut self,
        fields: &[Field],
        text: &str,
        out: &mut Builder,
        problems: &mut Problems,
    ) {
        if trim(text).is_empty() {
            return out.push_null();
        }
        let found = text.split(self.options.element_delimiter).count();
        if found < fields.len() && !self.options.ignore_parse_errors {
            out.push_null();
            let declared = fields.len();
            return problems.note(|| {
                format!("row length mismatch. {declared} fields expected but was {found}")
            });
        }
        let Builder::Struct { nulls, rows, fields: columns } = out else { return out.push_null() };
        let mut elements = text.split(self.options.element_delimiter);
        for (field, column) in fields.iter().zip(columns) {
            let before = problems.count;
            match elements.next() {
                Some(element) => self.add(&field.data_type, element, column, problems),
                None => column.push_null(),
            }
            problems.locate(before, || format!(".{}", field.name));
        }
        nulls.append_non_null();
        *rows = rows.wrapping_add(1);
    }

    /// Takes quotes and escapes away. Tokens of quoted fields with either are marked as objects.
    fn unescape(&self, raw: &str, quoted: bool, out: &mut String) {
        let mut symbols = raw.chars();
        while let Some(symbol) = symbols.next() {
            if Some(symbol) == self.options.escape {
                out.push(match symbols.next() {
                    Some('0') => '\0',
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('t') => '\t',
                    Some(other) => other,
                    None => symbol,
                });
                continue;
            }
            out.push(symbol);
            if quoted && Some(symbol) == self.options.quote {
                // The first of two.
                symbols.next();
            }
        }
    }
}

impl Convert for CsvConvert {
    type Record = str;

    #[inline]
    fn convert(
        &mut self,
        field: &Field,
        token: Token,
        record: &str,
        out: &mut Builder,
        problems: &mut Problems,
    ) {
        if token.kind == TokenKind::Missing {
            return out.push_null();
        }
        let raw = token.text(record);
        let mut scratch = std::mem::take(&mut self.text);
        let text = if token.kind == TokenKind::String {
            raw
        } else {
            scratch.clear();
            self.unescape(raw, token.kind == TokenKind::Object, &mut scratch);
            scratch.as_str()
        };
        match &field.data_type.kind {
            Kind::Array(item) => self.add_array(item, text, out, problems),
            Kind::Row(fields) => self.add_row(fields, text, out, problems),
            _ => self.add(&field.data_type, text, out, problems),
        }
        self.text = scratch;
    }
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(VALUE_SHOWN_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
