//! JSON text of JSON values and of columns, as Jackson writes it.

use super::Json;
use crate::types::java_text::{
    Fraction, Moment, double_to_string, write_date, write_decimal_java, write_integer, write_time,
    write_timestamp,
};
use crate::types::{Column, DataType, Kind, java_map};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, TimestampMicrosecondType,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// Appends a value's JSON text, without blanks.
pub(crate) fn write_json(value: &Json<'_>, out: &mut String) {
    write_with(value, out, |number, out| match number {
        Json::Decimal(text) => write_big_decimal(text, out),
        Json::Integer(text) => out.push_str(text),
        _ => {}
    });
}

/// The same, where `number` appends integers and decimals.
pub(super) fn write_with(value: &Json<'_>, out: &mut String, number: fn(&Json<'_>, &mut String)) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Integer(_) | Json::Decimal(_) => number(value, out),
        Json::String(text) => write_string(text, out),
        Json::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_with(item, out, number);
            }
            out.push(']');
        }
        Json::Object(members) => {
            // Flink's mapper is set to ORDER_MAP_ENTRIES_BY_KEYS, and a VARIANT is built in that order.
            let mut members: Vec<&(Cow<'_, str>, Json<'_>)> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_string(name, out);
                out.push(':');
                write_with(member, out, number);
            }
            out.push('}');
        }
    }
}

/// Appends a number with a point or an exponent as `BigDecimal.toString` does: `1.50`, `1.5E+3`.
pub(crate) fn write_big_decimal(text: &str, out: &mut String) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let Ok(exponent) = exponent.trim_start_matches('+').parse::<i64>() else {
        out.push_str(text);
        return;
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0');
    let digits = if significant.is_empty() { "0" } else { significant };
    let sign = if significant.is_empty() { "" } else { sign };
    let scale = (fraction.len() as i64).saturating_sub(exponent);
    let adjusted = (digits.len() as i64 - 1).saturating_sub(scale);
    out.push_str(sign);
    if scale >= 0 && adjusted >= -6 {
        // At most 6 zeros stand in front: the scale is small where there are few digits.
        let scale = usize::try_from(scale).unwrap_or(0);
        if scale == 0 {
            out.push_str(digits);
        } else if digits.len() > scale {
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            out.push_str(whole);
            out.push('.');
            out.push_str(fraction);
        } else {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', scale - digits.len()));
            out.push_str(digits);
        }
        return;
    }
    let (first, rest) = digits.split_at(1);
    out.push_str(first);
    if !rest.is_empty() {
        out.push('.');
        out.push_str(rest);
    }
    if adjusted != 0 {
        out.push('E');
        out.push(if adjusted < 0 { '-' } else { '+' });
        out.push_str(&adjusted.unsigned_abs().to_string());
    }
}

/// Appends a text in quotes with Jackson's escapes.
pub(crate) fn write_string(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push('"');
    let mut rest = text;
    let escaped = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    while let Some((at, byte)) = rest.bytes().enumerate().find(|(_, byte)| escaped(*byte)) {
        let (plain, after) = rest.split_at(at);
        out.push_str(plain);
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            control => {
                out.push_str("\\u00");
                out.push(char::from(HEX[usize::from(control >> 4)]));
                out.push(char::from(HEX[usize::from(control & 15)]));
            }
        }
        rest = after.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
    out.push('"');
}

/// Writes the values of a column as JSON (`RowDataToJsonConverters` with ISO-8601 times).
pub(crate) struct JsonWriter<'a> {
    column: &'a Column,
    data_type: &'a DataType,
    inner: Vec<JsonWriter<'a>>,
}

impl<'a> JsonWriter<'a> {
    /// A writer for a column laid out as `data_type` says.
    pub(crate) fn new(column: &'a Column, data_type: &'a DataType) -> JsonWriter<'a> {
        let child = |column, data_type| JsonWriter::new(column, data_type);
        let inner = match &data_type.kind {
            Kind::Array(element) => vec![child(column.as_list::<i32>().values(), element)],
            Kind::Map(key, value) => {
                let map = column.as_map();
                vec![child(crate::types::map_keys(map), key), child(map.values(), value)]
            }
            Kind::Row(fields) | Kind::Structured(_, fields) => {
                let columns = column.as_struct().columns().iter().zip(fields);
                columns.map(|(column, field)| child(column, &field.data_type)).collect()
            }
            _ => Vec::new(),
        };
        JsonWriter { column, data_type, inner }
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.data_type.kind == Kind::Null || self.column.is_null(row)
    }

    /// Appends the value of a row, `null` for NULL.
    pub(crate) fn write(&self, row: usize, out: &mut String) {
        if self.is_null(row) {
            out.push_str("null");
            return;
        }
        let column = self.column;
        match &self.data_type.kind {
            Kind::Boolean => {
                out.push_str(if column.as_boolean().value(row) { "true" } else { "false" });
            }
            Kind::TinyInt => write_integer(column.as_primitive::<Int8Type>().value(row), out),
            Kind::SmallInt => write_integer(column.as_primitive::<Int16Type>().value(row), out),
            Kind::Int => write_integer(column.as_primitive::<Int32Type>().value(row), out),
            Kind::BigInt => write_integer(column.as_primitive::<Int64Type>().value(row), out),
            Kind::Float => {
                let value = column.as_primitive::<Float32Type>().value(row);
                floating(f64::from(value), out);
            }
            Kind::Double => {
                let value = column.as_primitive::<Float64Type>().value(row);
                floating(value, out);
            }
            Kind::Decimal { scale, .. } => {
                let value = column.as_primitive::<Decimal128Type>().value(row);
                write_decimal_java(value, i32::from(*scale), out);
            }
            Kind::Char(_) | Kind::VarChar(_) => {
                write_string(column.as_string_view().value(row), out);
            }
            Kind::Binary(_) | Kind::VarBinary(_) => {
                let bytes = column.as_binary_view().value(row);
                quoted(true, out, |out| STANDARD.encode_string(bytes, out));
            }
            Kind::Date => {
                let days = column.as_primitive::<Date32Type>().value(row);
                quoted(true, out, |out| write_date(i64::from(days), out));
            }
            Kind::Time(_) => {
                let millis = column.as_primitive::<Time32MillisecondType>().value(row);
                let seconds = u64::try_from(millis / 1_000).unwrap_or(0);
                quoted(true, out, |out| {
                    write_time(seconds.saturating_mul(1_000_000_000), Fraction::Trimmed, out);
                });
            }
            Kind::Timestamp(_) | Kind::TimestampLtz(_) => {
                let moment = match column.as_primitive_opt::<TimestampMicrosecondType>() {
                    Some(micros) => Moment::from_micros(micros.value(row)),
                    None => Moment::from_nanos(column.as_primitive::<Decimal128Type>().value(row)),
                };
                let utc = matches!(self.data_type.kind, Kind::TimestampLtz(_));
                quoted(true, out, |out| {
                    write_timestamp(moment, b'T', Fraction::Trimmed, out);
                    out.push_str(if utc { "Z" } else { "" });
                });
            }
            Kind::IntervalMonths => {
                write_integer(column.as_primitive::<Int32Type>().value(row), out);
            }
            Kind::IntervalMillis => {
                write_integer(column.as_primitive::<Int64Type>().value(row), out);
            }
            Kind::Array(_) => {
                let offsets = column.as_list::<i32>().value_offsets();
                out.push('[');
                for (count, at) in (offsets[row]..offsets[row + 1]).enumerate() {
                    if count > 0 {
                        out.push(',');
                    }
                    self.inner[0].write(at as usize, out);
                }
                out.push(']');
            }
            Kind::Map(..) => {
                let offsets = column.as_map().value_offsets();
                let mut members = Vec::new();
                for at in offsets[row]..offsets[row + 1] {
                    let mut key = String::new();
                    self.inner[0].write(at as usize, &mut key);
                    if !key.starts_with('"') {
                        let mut text = String::new();
                        write_string(&key, &mut text);
                        key = text;
                    }
                    members.push((key, at as usize));
                }
                let mut members = java_map::distinct(members);
                members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
                out.push('{');
                for (count, (key, at)) in members.into_iter().enumerate() {
                    if count > 0 {
                        out.push(',');
                    }
                    out.push_str(&key);
                    out.push(':');
                    self.inner[1].write(at, out);
                }
                out.push('}');
            }
            Kind::Row(fields) | Kind::Structured(_, fields) => {
                let mut members: Vec<_> = fields.iter().zip(&self.inner).collect();
                members.sort_by(|(a, _), (b, _)| a.name.encode_utf16().cmp(b.name.encode_utf16()));
                out.push('{');
                for (at, (field, writer)) in members.into_iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    write_string(&field.name, out);
                    out.push(':');
                    writer.write(row, out);
                }
                out.push('}');
            }
            Kind::Multiset(_) | Kind::Null | Kind::Variant => out.push_str("null"),
        }
    }
}

fn quoted(quotes: bool, out: &mut String, write: impl FnOnce(&mut String)) {
    if quotes {
        out.push('"');
    }
    write(out);
    if quotes {
        out.push('"');
    }
}

/// Appends a number as `BigDecimal.valueOf` has it: `1.0E+10`; what is none stands in quotes.
fn floating(value: f64, out: &mut String) {
    let text = double_to_string(value);
    if value.is_finite() {
        write_big_decimal(&text, out);
    } else {
        quoted(true, out, |out| out.push_str(&text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_java_writes_them() {
        for (text, expected) in [
            ("1.50", "1.50"),
            ("1.5e3", "1.5E+3"),
            ("1e2", "1E+2"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1E-7"),
            ("-0.0", "0.0"),
            ("123e-2", "1.23"),
            ("1e999999999999999999999", "1e999999999999999999999"),
        ] {
            let mut out = String::new();
            write_big_decimal(text, &mut out);
            assert_eq!(out, expected, "{text}");
        }
    }
}
