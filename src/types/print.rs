//! Rows as the print connector and the console show them.

use super::java_map::Keys;
use super::java_text::{
    Moment, write_date, write_decimal_java, write_double, write_float, write_integer,
};
use super::{Column, DataType, Kind, RowKind};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time32MillisecondType, TimestampMicrosecondType,
};
use std::fmt::Write as _;

/// `+I[1, a]`: Flink's `Row.toString`.
pub fn write_row(
    out: &mut String,
    kind: RowKind,
    columns: &[Column],
    types: &[DataType],
    row: usize,
) {
    out.push_str(kind.short());
    out.push('[');
    for (at, (column, data_type)) in columns.iter().zip(types).enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        write_value(out, column, data_type, row);
    }
    out.push(']');
}

/// One value; NULL is `null`.
pub fn write_value(out: &mut String, column: &Column, data_type: &DataType, row: usize) {
    if column.is_null(row) {
        out.push_str("null");
        return;
    }
    match &data_type.kind {
        Kind::Null => out.push_str("null"),
        Kind::Boolean => {
            out.push_str(if column.as_boolean().value(row) { "true" } else { "false" });
        }
        Kind::TinyInt => write_integer(column.as_primitive::<Int8Type>().value(row), out),
        Kind::SmallInt => write_integer(column.as_primitive::<Int16Type>().value(row), out),
        Kind::Int => write_integer(column.as_primitive::<Int32Type>().value(row), out),
        Kind::BigInt | Kind::IntervalMillis => {
            write_integer(column.as_primitive::<Int64Type>().value(row), out);
        }
        Kind::IntervalMonths => write_integer(column.as_primitive::<Int32Type>().value(row), out),
        Kind::Float => write_float(column.as_primitive::<Float32Type>().value(row), out),
        Kind::Double => write_double(column.as_primitive::<Float64Type>().value(row), out),
        Kind::Decimal { scale, .. } => {
            let value = column.as_primitive::<Decimal128Type>().value(row);
            write_decimal_java(value, i32::from(*scale), out);
        }
        Kind::Char(_) | Kind::VarChar(_) | Kind::Variant => {
            out.push_str(column.as_string_view().value(row));
        }
        Kind::Binary(_) | Kind::VarBinary(_) => {
            // Java prints signed bytes.
            out.push('[');
            for (at, byte) in column.as_binary_view().value(row).iter().enumerate() {
                let comma = if at > 0 { ", " } else { "" };
                // Writing to a String cannot fail.
                let _: std::fmt::Result = write!(out, "{comma}{}", i8::from_ne_bytes([*byte]));
            }
            out.push(']');
        }
        Kind::Date => write_date(i64::from(column.as_primitive::<Date32Type>().value(row)), out),
        Kind::Time(_) => {
            let millis = column.as_primitive::<Time32MillisecondType>().value(row);
            write_local_time(
                out,
                i64::from(millis) / 1000,
                u32::try_from(millis % 1000).unwrap_or(0) * 1_000_000,
            );
        }
        Kind::Timestamp(_) | Kind::TimestampLtz(_) => {
            let moment = match column.as_primitive_opt::<TimestampMicrosecondType>() {
                Some(micros) => Moment::from_micros(micros.value(row)),
                None => Moment::from_nanos(column.as_primitive::<Decimal128Type>().value(row)),
            };
            let second_of_day = moment.seconds.rem_euclid(86_400);
            write_date(moment.seconds.div_euclid(86_400), out);
            out.push('T');
            if matches!(data_type.kind, Kind::TimestampLtz(_)) {
                write_seconds(out, second_of_day, moment.nanos);
                out.push('Z');
            } else {
                write_local_time(out, second_of_day, moment.nanos);
            }
        }
        Kind::Array(element) => {
            let values = column.as_list::<i32>().value(row);
            out.push('[');
            for at in 0..values.len() {
                if at > 0 {
                    out.push_str(", ");
                }
                write_value(out, &values, element, at);
            }
            out.push(']');
        }
        Kind::Map(key, value) => write_map(out, column, key, value, row),
        Kind::Multiset(element) => write_map(out, column, element, &Kind::Int.not_null(), row),
        Kind::Row(fields) | Kind::Structured(_, fields) => {
            let types: Vec<DataType> = fields.iter().map(|f| f.data_type.clone()).collect();
            write_row(out, RowKind::Insert, column.as_struct().columns(), &types, row);
        }
    }
}

/// Java's `LocalTime.toString`: seconds only where needed, fractions of 3, 6 or 9 digits.
fn write_local_time(out: &mut String, second_of_day: i64, nanos: u32) {
    if second_of_day % 60 > 0 || nanos > 0 {
        return write_seconds(out, second_of_day, nanos);
    }
    // Writing to a String cannot fail.
    let _: std::fmt::Result =
        write!(out, "{:02}:{:02}", second_of_day / 3600, second_of_day / 60 % 60);
}

/// The time of `Instant.toString`: with seconds always.
fn write_seconds(out: &mut String, second_of_day: i64, nanos: u32) {
    let (hour, minute, second) =
        (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
    // Writing to a String cannot fail.
    let _: std::fmt::Result = write!(out, "{hour:02}:{minute:02}:{second:02}");
    let _: std::fmt::Result = match nanos {
        0 => Ok(()),
        n if n % 1_000_000 == 0 => write!(out, ".{:03}", n / 1_000_000),
        n if n % 1_000 == 0 => write!(out, ".{:06}", n / 1_000),
        n => write!(out, ".{n:09}"),
    };
}

/// The connector makes a `HashMap` of Java's own objects of a map before it prints it.
fn write_map(out: &mut String, column: &Column, key: &DataType, value: &DataType, row: usize) {
    let map = column.as_map();
    let (keys, values) = (super::map_keys(map), map.values());
    out.push('{');
    for (count, at) in Keys::External.order(map, row).into_iter().enumerate() {
        if count > 0 {
            out.push_str(", ");
        }
        write_value(out, keys, key, at);
        out.push('=');
        write_value(out, values, value, at);
    }
    out.push('}');
}
