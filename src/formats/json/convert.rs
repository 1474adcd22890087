//! Tokens of JSON text to values, with the coercions of Flink's `JsonParserToRowDataConverters`, or of its
//! `JsonToRowDataConverters` where a record is first made a tree.

use super::container::{ContainerText, distinct_fields};
use super::scan::Members;
use super::text::unescape;
use crate::formats::base64;
use crate::formats::column::Builder;
use crate::formats::rows::{Convert, Problems, Token, TokenKind};
use crate::types::java_map::bucket;
use crate::types::java_text::{
    ParsedDecimal, TimestampStyle, parse_boolean, parse_date_iso, parse_decimal, parse_double,
    parse_float, parse_integer, parse_time_sql, parse_timestamp_ltz, parse_timestamp_text, trim,
};
use crate::types::{DataType, Field, Kind};

/// Characters of a wrong value that a message shows.
const VALUE_SHOWN_CHARS_MAX: usize = 60;

/// The converter of one decoder.
#[derive(Debug)]
pub(crate) struct JsonConvert {
    style: TimestampStyle,
    fail_on_missing_field: bool,
    /// Values are nodes of a tree rather than tokens of a parser.
    tree: bool,
    container: ContainerText,
    /// A string without its escapes.
    text: String,
    bytes: Vec<u8>,
    /// Tokens of the rows being converted, inner ones behind outer ones.
    row_tokens: Vec<Token>,
    /// Bucket, key and value of the entries of the maps being converted, inner ones behind outer ones.
    entries: Vec<(u32, Token, Token)>,
}

impl JsonConvert {
    /// `big_decimals`: whether numbers inside of containers that are read as text keep all their digits. Flink does so
    /// where the row has a DECIMAL anywhere.
    pub(crate) fn new(
        style: TimestampStyle,
        fail_on_missing_field: bool,
        big_decimals: bool,
    ) -> JsonConvert {
        JsonConvert {
            style,
            fail_on_missing_field,
            tree: false,
            container: ContainerText::new(big_decimals),
            text: String::new(),
            bytes: Vec::new(),
            row_tokens: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// As for formats that Flink reads into trees.
    pub(crate) fn of_tree(mut self) -> JsonConvert {
        self.tree = true;
        self
    }

    fn add(
        &mut self,
        data_type: &DataType,
        token: Token,
        record: &str,
        out: &mut Builder,
        problems: &mut Problems,
    ) {
        if matches!(token.kind, TokenKind::Missing | TokenKind::Null) {
            return out.push_null();
        }
        match &data_type.kind {
            Kind::Array(item) => return self.add_array(item, token, record, out, problems),
            Kind::Map(_, value) => return self.add_map(value, token, record, out, problems),
            Kind::Multiset(_) => {
                let count = Kind::Int.nullable();
                return self.add_map(&count, token, record, out, problems);
            }
            Kind::Row(fields) => return self.add_row(fields, token, record, out, problems),
            _ => {}
        }
        if self.add_simple(data_type, token, record, out).is_none() {
            out.push_null();
            problems.note(|| format!("expected {data_type}, found {}", shown(token, record)));
        }
    }

    /// The text of a value: of a string what it stands for, of a container its first character as in Jackson, whose
    /// parser's `getText` gives the bracket; a tree's `asText` gives nothing.
    fn scalar_text<'a>(&'a mut self, token: Token, record: &'a str) -> &'a str {
        let text = token.text(record);
        match token.kind {
            TokenKind::Escaped => {
                self.text.clear();
                unescape(text, &mut self.text);
                &self.text
            }
            TokenKind::Object | TokenKind::Array if self.tree => "",
            TokenKind::Object | TokenKind::Array => text.get(..1).unwrap_or(""),
            _ => text,
        }
    }

    #[inline]
    fn add_simple(
        &mut self,
        data_type: &DataType,
        token: Token,
        record: &str,
        out: &mut Builder,
    ) -> Option<()> {
        match (&data_type.kind, &mut *out) {
            (Kind::Char(_) | Kind::VarChar(_), Builder::String(builder)) => match token.kind {
                TokenKind::Object | TokenKind::Array => {
                    builder.append_value(self.container.normalise(token.text(record)));
                }
                TokenKind::Int | TokenKind::Float if self.tree => {
                    builder.append_value(self.container.number(token.text(record), token.kind));
                }
                _ => builder.append_value(self.scalar_text(token, record)),
            },
            (Kind::BigInt | Kind::IntervalMillis, Builder::Int64(values)) => {
                values.push(self.integer(token, record, i64::MIN, i64::MAX)?);
            }
            (Kind::Int | Kind::IntervalMonths, Builder::Int32(values)) => {
                let value =
                    self.integer(token, record, i64::from(i32::MIN), i64::from(i32::MAX))?;
                values.push(i32::try_from(value).ok()?);
            }
            (Kind::SmallInt, Builder::Int16(values)) => {
                values.push(i16::try_from(self.small_integer(token, record)?).ok()?);
            }
            (Kind::TinyInt, Builder::Int8(values)) => {
                values.push(i8::try_from(self.small_integer(token, record)?).ok()?);
            }
            (Kind::Boolean, Builder::Boolean { .. }) => {
                let value = match token.kind {
                    TokenKind::True => true,
                    TokenKind::False => false,
                    _ => parse_boolean(trim(self.scalar_text(token, record))),
                };
                out.push_bool(value);
            }
            (Kind::Double, Builder::Float64(values)) => {
                values.push(parse_double(self.scalar_text(token, record))?);
            }
            (Kind::Float, Builder::Float32(values)) => {
                values.push(parse_float(self.scalar_text(token, record))?);
            }
            (Kind::Decimal { precision, scale }, Builder::Int128(values)) => {
                let text = match token.kind {
                    TokenKind::String | TokenKind::Escaped if self.tree => {
                        self.scalar_text(token, record)
                    }
                    TokenKind::String | TokenKind::Escaped => trim(self.scalar_text(token, record)),
                    TokenKind::Int | TokenKind::Float => token.text(record),
                    _ => return None,
                };
                match parse_decimal(text, *precision, *scale) {
                    ParsedDecimal::Value(value) => values.push(value),
                    ParsedDecimal::Overflow => values.push_null(),
                    ParsedDecimal::Invalid => return None,
                }
            }
            (Kind::Date, Builder::Int32(values)) => {
                values.push(parse_date_iso(self.scalar_text(token, record))?);
            }
            (Kind::Time(_), Builder::Int32(values)) => {
                // Flink 2.1 cuts the fraction, whatever the precision.
                let millis = parse_time_sql(self.scalar_text(token, record))?;
                values.push(millis.wrapping_sub(millis.wrapping_rem(1_000)));
            }
            (Kind::Timestamp(_), _) => {
                let style = self.style;
                let moment = parse_timestamp_text(self.scalar_text(token, record), style)?;
                out.push_moment(moment)?;
            }
            (Kind::TimestampLtz(_), _) => {
                let style = self.style;
                let moment = parse_timestamp_ltz(self.scalar_text(token, record), style)?;
                out.push_moment(moment)?;
            }
            (Kind::Binary(_) | Kind::VarBinary(_), Builder::Binary(builder)) => {
                if !matches!(token.kind, TokenKind::String | TokenKind::Escaped) {
                    if !self.tree {
                        return None;
                    }
                    out.push_null();
                    return Some(());
                }
                let mut bytes = std::mem::take(&mut self.bytes);
                bytes.clear();
                let ok = base64::decode(self.scalar_text(token, record).as_bytes(), &mut bytes);
                if ok {
                    builder.append_value(&bytes);
                }
                self.bytes = bytes;
                return ok.then_some(());
            }
            (_, out) => out.push_null(),
        }
        Some(())
    }

    /// INT and BIGINT: whole numbers, others cut towards zero, strings with a whole number.
    #[inline]
    fn integer(&mut self, token: Token, record: &str, min: i64, max: i64) -> Option<i64> {
        if token.kind == TokenKind::Float {
            let value: f64 = token.text(record).parse().ok()?;
            // As Jackson's bounds do, the upper one of BIGINT stands for 2^63, which the cast saturates.
            #[expect(clippy::cast_precision_loss, reason = "the bounds round as in Java")]
            let inside = value >= min as f64 && value <= max as f64;
            return inside.then_some(value as i64);
        }
        parse_integer(trim(self.scalar_text(token, record)))
            .filter(|value| (min..=max).contains(value))
    }

    /// TINYINT and SMALLINT take no fractions.
    fn small_integer(&mut self, token: Token, record: &str) -> Option<i64> {
        parse_integer(trim(self.scalar_text(token, record)))
    }

    fn add_array(
        &mut self,
        item: &DataType,
        token: Token,
        record: &str,
        out: &mut Builder,
        problems: &mut Problems,
    ) {
        let Builder::List { ends, nulls, items } = out else { return out.push_null() };
        if token.kind != TokenKind::Array {
            problems.note(|| format!("expected ARRAY<{item}>, found {}", shown(token, record)));
            return out.push_null();
        }
        for (index, member) in Members::new(record, token.start as usize).enumerate() {
            let before = problems.count;
            self.add(item, member.value, record, items, problems);
            problems.locate(before, || format!("[{}]", index.saturating_add(1)));
        }
        ends.push(items.len());
        nulls.append_non_null();
    }

    fn add_map(
        &mut self,
        value: &DataType,
        token: Token,
        record: &str,
        out: &mut Builder,
        problems: &mut Problems,
    ) {
        let Builder::Map { ends, nulls, keys, values } = out else { return out.push_null() };
        if token.kind != TokenKind::Object && self.tree {
            ends.push(values.len());
            nulls.append_non_null();
            return;
        }
        if token.kind != TokenKind::Object {
            problems.note(|| format!("expected a map of {value}, found {}", shown(token, record)));
            return out.push_null();
        }
        let start = token.start as usize;
        let base = self.entries.len();
        match distinct_fields(record, start) {
            Some(fields) => self.entries.extend(fields.into_iter().map(|(k, v)| (0, k, v))),
            None => {
                self.entries.extend(Members::new(record, start).map(|m| (0, m.key, m.value)));
            }
        }
        let count = self.entries.len().saturating_sub(base);
        if count > 1 {
            for at in base..self.entries.len() {
                let Some((_, key, _)) = self.entries.get(at).copied() else { break };
                let place = bucket(self.scalar_text(key, record), count);
                if let Some(entry) = self.entries.get_mut(at) {
                    entry.0 = place;
                }
            }
            // Stable, and without allocations for small maps.
            self.entries.get_mut(base..).unwrap_or_default().sort_by_key(|entry| entry.0);
        }
        for at in base..base.saturating_add(count) {
            let Some((_, key, token)) = self.entries.get(at).copied() else { break };
            if let Builder::String(builder) = &mut **keys {
                builder.append_value(self.scalar_text(key, record));
            }
            let before = problems.count;
            self.add(value, token, record, values, problems);
            problems.locate(before, || format!("['{}']", key.text(record)));
        }
        self.entries.truncate(base);
        ends.push(values.len());
        nulls.append_non_null();
    }

    fn add_row(
        &mut self,
        fields: &[Field],
        token: Token,
        record: &str,
        out: &mut Builder,
        problems: &mut Problems,
    ) {
        let Builder::Struct { nulls, rows, fields: columns } = out else { return out.push_null() };
        if token.kind != TokenKind::Object {
            problems.note(|| format!("expected ROW, found {}", shown(token, record)));
            return out.push_null();
        }
        let base = self.row_tokens.len();
        self.row_tokens.resize(base.wrapping_add(fields.len()), Token::MISSING);
        let mut expected = 0;
        let mut left = fields.len();
        for member in Members::new(record, token.start as usize) {
            // Flink takes as many fields as are declared, repeated ones counted, and passes over the others; of a tree it
            // takes the last one of each name.
            if left == 0 && !self.tree {
                break;
            }
            let name = self.scalar_text(member.key, record);
            // Writers keep the order of fields.
            let place = match fields.get(expected) {
                Some(field) if field.name == name => Some(expected),
                _ => fields.iter().position(|field| field.name == name),
            };
            if let Some(place) = place {
                expected = place.wrapping_add(1);
                left = left.saturating_sub(1);
                if let Some(token) = self.row_tokens.get_mut(base.wrapping_add(place)) {
                    *token = member.value;
                }
            }
        }
        for (place, (field, column)) in fields.iter().zip(columns).enumerate() {
            let found = self.row_tokens.get(base.wrapping_add(place)).copied();
            let found = found.unwrap_or(Token::MISSING);
            let before = problems.count;
            if found.kind == TokenKind::Missing && self.fail_on_missing_field && left > 0 {
                column.push_null();
                problems.note(|| "the field is missing".to_owned());
            } else {
                self.add(&field.data_type, found, record, column, problems);
            }
            problems.locate(before, || format!(".{}", field.name));
        }
        self.row_tokens.truncate(base);
        nulls.append_non_null();
        *rows = rows.wrapping_add(1);
    }
}

impl Convert for JsonConvert {
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
        self.add(&field.data_type, token, record, out, problems);
    }
}

/// A value for a message.
fn shown(token: Token, record: &str) -> String {
    let text = token.text(record);
    let quote = matches!(token.kind, TokenKind::String | TokenKind::Escaped);
    let mut shown: String = text.chars().take(VALUE_SHOWN_CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    if quote { format!("\"{shown}\"") } else { shown }
}
