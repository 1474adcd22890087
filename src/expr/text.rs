//! Values as Flink's `CAST(… AS STRING)` prints them.

use super::zone;
use crate::types::java_text::{
    Fraction, Moment, write_date_cast, write_decimal_plain, write_double, write_float,
    write_integer, write_time, write_timestamp_cast,
};
use crate::types::{DataType, Kind};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{
    Array, BinaryViewArray, BooleanArray, ListArray, MapArray, PrimitiveArray, StringViewArray,
    StructArray,
};
use chrono_tz::Tz;

/// Writes the values of one column as text: CAST to STRING, the print connector and query results.
#[derive(Debug)]
pub struct TextWriter<'a> {
    source: Source<'a>,
    style: TextStyle,
}

/// Whose text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextStyle {
    /// CAST to STRING.
    Cast,
    /// The same with `table.exec.legacy-cast-behaviour`: truth values in small letters, rows without blanks,
    /// NULLs inside as `null`.
    Legacy,
    /// A result in Flink's SQL client: bytes as `x'00ff'`.
    Console,
}

#[derive(Debug)]
enum Source<'a> {
    Null,
    Boolean(&'a BooleanArray),
    TinyInt(&'a PrimitiveArray<Int8Type>),
    SmallInt(&'a PrimitiveArray<Int16Type>),
    Int(&'a PrimitiveArray<Int32Type>),
    BigInt(&'a PrimitiveArray<Int64Type>),
    Float(&'a PrimitiveArray<Float32Type>),
    Double(&'a PrimitiveArray<Float64Type>),
    Decimal(&'a PrimitiveArray<Decimal128Type>, u8),
    Text(&'a StringViewArray),
    Bytes(&'a BinaryViewArray),
    /// As `x'00ff'`.
    Hex(&'a BinaryViewArray),
    Date(&'a PrimitiveArray<Date32Type>),
    Time(&'a PrimitiveArray<Time32MillisecondType>, u8),
    Micros(&'a PrimitiveArray<TimestampMicrosecondType>, u8, Option<Tz>),
    Nanos(&'a PrimitiveArray<Decimal128Type>, u8, Option<Tz>),
    Months(&'a PrimitiveArray<Int32Type>),
    Millis(&'a PrimitiveArray<Int64Type>),
    List(&'a ListArray, Box<TextWriter<'a>>),
    Map(&'a MapArray, Box<TextWriter<'a>>, Box<TextWriter<'a>>),
    /// A field's label is empty, or its name and `=`.
    Row(&'a StructArray, Vec<(String, TextWriter<'a>)>),
}

impl<'a> TextWriter<'a> {
    /// A writer for a column laid out as `data_type` says; `zone` is the session's, for TIMESTAMP_LTZ.
    pub fn new(array: &'a dyn Array, data_type: &DataType, zone: Tz) -> TextWriter<'a> {
        TextWriter::with(array, data_type, zone, TextStyle::Cast)
    }

    /// As [`TextWriter::new`], but with bytes as `x'00ff'`, as Flink's SQL client prints results.
    pub fn for_console(array: &'a dyn Array, data_type: &DataType, zone: Tz) -> TextWriter<'a> {
        TextWriter::with(array, data_type, zone, TextStyle::Console)
    }

    /// As [`TextWriter::new`], in some style.
    pub(crate) fn with(
        array: &'a dyn Array,
        data_type: &DataType,
        zone: Tz,
        style: TextStyle,
    ) -> TextWriter<'a> {
        let child = |array, data_type| Box::new(TextWriter::with(array, data_type, zone, style));
        let source = match &data_type.kind {
            Kind::Null => Source::Null,
            Kind::Boolean => Source::Boolean(array.as_boolean()),
            Kind::TinyInt => Source::TinyInt(array.as_primitive()),
            Kind::SmallInt => Source::SmallInt(array.as_primitive()),
            Kind::Int => Source::Int(array.as_primitive()),
            Kind::BigInt => Source::BigInt(array.as_primitive()),
            Kind::Float => Source::Float(array.as_primitive()),
            Kind::Double => Source::Double(array.as_primitive()),
            Kind::Decimal { scale, .. } => Source::Decimal(array.as_primitive(), *scale),
            Kind::Char(_) | Kind::VarChar(_) | Kind::Variant => {
                Source::Text(array.as_string_view())
            }
            Kind::Binary(_) | Kind::VarBinary(_) if style == TextStyle::Console => {
                Source::Hex(array.as_binary_view())
            }
            Kind::Binary(_) | Kind::VarBinary(_) => Source::Bytes(array.as_binary_view()),
            Kind::Date => Source::Date(array.as_primitive()),
            Kind::Time(precision) => Source::Time(array.as_primitive(), *precision),
            Kind::Timestamp(precision) => timestamps(array, *precision, None),
            Kind::TimestampLtz(precision) => timestamps(array, *precision, Some(zone)),
            Kind::IntervalMonths => Source::Months(array.as_primitive()),
            Kind::IntervalMillis => Source::Millis(array.as_primitive()),
            Kind::Array(element) => {
                let list = array.as_list::<i32>();
                Source::List(list, child(list.values().as_ref(), element))
            }
            Kind::Multiset(element) => {
                let map = array.as_map();
                let count = Kind::Int.not_null();
                Source::Map(
                    map,
                    child(crate::types::map_keys(map).as_ref(), element),
                    child(map.values().as_ref(), &count),
                )
            }
            Kind::Map(key, value) => {
                let map = array.as_map();
                Source::Map(
                    map,
                    child(crate::types::map_keys(map).as_ref(), key),
                    child(map.values().as_ref(), value),
                )
            }
            Kind::Row(fields) | Kind::Structured(_, fields) => {
                let row = array.as_struct();
                let named = matches!(data_type.kind, Kind::Structured(..));
                let columns = row.columns().iter().zip(fields).map(|(c, f)| {
                    let label = if named { format!("{}=", f.name) } else { String::new() };
                    (label, TextWriter::with(c.as_ref(), &f.data_type, zone, style))
                });
                Source::Row(row, columns.collect())
            }
        };
        TextWriter { source, style }
    }

    /// Appends the text of a row; says `false`, and appends nothing, for NULL.
    pub fn write(&self, row: usize, out: &mut String) -> bool {
        if self.is_null(row) {
            return false;
        }
        match &self.source {
            Source::Null => {}
            Source::Boolean(array) => {
                out.push_str(match (array.value(row), self.style == TextStyle::Legacy) {
                    (true, false) => "TRUE",
                    (false, false) => "FALSE",
                    (true, true) => "true",
                    (false, true) => "false",
                });
            }
            Source::TinyInt(array) => write_integer(array.value(row), out),
            Source::SmallInt(array) => write_integer(array.value(row), out),
            Source::Int(array) => write_integer(array.value(row), out),
            Source::BigInt(array) => write_integer(array.value(row), out),
            Source::Float(array) => write_float(array.value(row), out),
            Source::Double(array) => write_double(array.value(row), out),
            Source::Decimal(array, scale) => {
                write_decimal_plain(array.value(row), i32::from(*scale), out);
            }
            Source::Text(array) => out.push_str(array.value(row)),
            Source::Bytes(array) => out.push_str(&String::from_utf8_lossy(array.value(row))),
            Source::Hex(array) => {
                out.push_str("x'");
                write_hex(array.value(row), LOWER_HEX, out);
                out.push('\'');
            }
            Source::Date(array) => write_date_cast(i64::from(array.value(row)), out),
            Source::Time(array, precision) => {
                // As in `DateTimeUtils`, days are added to what is negative, but not taken off.
                let millis = array.value(row);
                let millis = if millis < 0 { millis.rem_euclid(86_400_000) } else { millis };
                let millis = u64::try_from(millis).unwrap_or(0);
                let unit = 10_u64.pow(3_u32.saturating_sub(u32::from(*precision)));
                let millis = millis - millis % unit;
                write_time(millis * 1_000_000, Fraction::AtLeast(*precision), out);
            }
            Source::Micros(array, precision, zone) => {
                let micros = array.value(row);
                let local = zone.map_or(micros, |zone| zone::utc_to_local(micros, zone));
                write_timestamp_cast(Moment::from_micros(local), *precision, out);
            }
            Source::Nanos(array, precision, zone) => {
                let nanos = array.value(row);
                let local = zone.map_or(nanos, |zone| zone::utc_to_local_nanos(nanos, zone));
                write_timestamp_cast(Moment::from_nanos(local), *precision, out);
            }
            Source::Months(array) => write_months(array.value(row), out),
            Source::Millis(array) => write_millis(array.value(row), out),
            Source::List(list, items) => {
                let offsets = list.value_offsets();
                out.push('[');
                write_all(items, offsets[row] as usize..offsets[row + 1] as usize, out);
                out.push(']');
            }
            Source::Map(map, keys, values) => {
                let offsets = map.value_offsets();
                let first = offsets[row] as usize;
                out.push('{');
                for at in first..offsets[row + 1] as usize {
                    if at > first {
                        out.push_str(", ");
                    }
                    keys.write_or_null(at, out);
                    out.push('=');
                    values.write_or_null(at, out);
                }
                out.push('}');
            }
            Source::Row(_, fields) => {
                out.push('(');
                let comma = if self.style == TextStyle::Legacy { "," } else { ", " };
                for (at, (label, field)) in fields.iter().enumerate() {
                    if at > 0 {
                        out.push_str(comma);
                    }
                    out.push_str(label);
                    field.write_or_null(row, out);
                }
                out.push(')');
            }
        }
        true
    }

    /// Appends the text of a row, `NULL` for NULL.
    pub fn write_or_null(&self, row: usize, out: &mut String) {
        if !self.write(row, out) {
            out.push_str(if self.style == TextStyle::Legacy { "null" } else { "NULL" });
        }
    }

    fn is_null(&self, row: usize) -> bool {
        match &self.source {
            Source::Null => true,
            Source::Boolean(array) => array.is_null(row),
            Source::TinyInt(array) => array.is_null(row),
            Source::SmallInt(array) => array.is_null(row),
            Source::Int(array) | Source::Months(array) => array.is_null(row),
            Source::BigInt(array) | Source::Millis(array) => array.is_null(row),
            Source::Float(array) => array.is_null(row),
            Source::Double(array) => array.is_null(row),
            Source::Decimal(array, _) | Source::Nanos(array, ..) => array.is_null(row),
            Source::Text(array) => array.is_null(row),
            Source::Bytes(array) | Source::Hex(array) => array.is_null(row),
            Source::Date(array) => array.is_null(row),
            Source::Time(array, _) => array.is_null(row),
            Source::Micros(array, ..) => array.is_null(row),
            Source::List(array, _) => array.is_null(row),
            Source::Map(array, ..) => array.is_null(row),
            Source::Row(array, _) => array.is_null(row),
        }
    }
}

fn timestamps(array: &dyn Array, precision: u8, zone: Option<Tz>) -> Source<'_> {
    match array.as_primitive_opt::<TimestampMicrosecondType>() {
        Some(micros) => Source::Micros(micros, precision, zone),
        None => Source::Nanos(array.as_primitive(), precision, zone),
    }
}

fn write_all(items: &TextWriter<'_>, range: std::ops::Range<usize>, out: &mut String) {
    for (count, at) in range.enumerate() {
        if count > 0 {
            out.push_str(", ");
        }
        items.write_or_null(at, out);
    }
}

/// `+1-02`, as `DateTimeUtils.intervalYearMonthToString` with its sign.
fn write_months(months: i32, out: &mut String) {
    out.push(if months < 0 { '-' } else { '+' });
    // As in Java, the smallest number stays negative.
    let months = if months < 0 { months.wrapping_neg() } else { months };
    write_integer(months / 12, out);
    out.push('-');
    padded(i64::from(months % 12), 2, out);
}

/// `+1 02:03:04.005`, as `DateTimeUtils.intervalDayTimeToString` with its sign.
fn write_millis(millis: i64, out: &mut String) {
    out.push(if millis < 0 { '-' } else { '+' });
    let millis = if millis < 0 { millis.wrapping_neg() } else { millis };
    // Java's days are an int.
    write_integer((millis / 86_400_000) as i32, out);
    out.push(' ');
    padded(millis / 3_600_000 % 24, 2, out);
    out.push(':');
    padded(millis / 60_000 % 60, 2, out);
    out.push(':');
    padded(millis / 1_000 % 60, 2, out);
    out.push('.');
    padded(millis % 1_000, 3, out);
}

/// Zeros for the digits that the number lacks, then the number with its sign.
fn padded(value: i64, digits: usize, out: &mut String) {
    let text = value.to_string();
    let missing = digits.saturating_sub(text.trim_start_matches('-').len());
    out.extend(std::iter::repeat_n('0', missing));
    out.push_str(&text);
}

/// Hexadecimal digits in lower case.
pub(crate) const LOWER_HEX: &[u8; 16] = b"0123456789abcdef";

/// Hexadecimal digits in upper case.
pub(crate) const UPPER_HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Appends two digits per byte.
pub(crate) fn write_hex(bytes: &[u8], digits: &[u8; 16], out: &mut String) {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    out.extend(halves.map(|half| char::from(digits[usize::from(half)])));
}
