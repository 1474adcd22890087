//! Casts between dates, times and timestamps.

use super::{Cast, as_decimal};
use crate::expr::Selection;
use crate::expr::value::{Time, Value, build_prim};
use crate::expr::zone;
use crate::types::{Column, Kind, RowErrors};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Time32MillisecondType, TimestampMicrosecondType};
use std::sync::Arc;

const MICROS_PER_DAY: i64 = 86_400_000_000;

pub(super) fn cast(cast: &Cast<'_>, column: &Column) -> Column {
    let rows = column.len();
    let value = Value::Array(Arc::clone(column));
    let (selection, zone) = (cast.selection, cast.zone);
    // Nothing here can fail.
    let mut none = RowErrors::new();
    let (from, to) = (&cast.from.kind, &cast.to.kind);
    // Local time in nanoseconds, or UTC where the source is TIMESTAMP_LTZ.
    let nanos: Box<dyn Fn(usize) -> Option<i128> + '_> = match from {
        Kind::Date => {
            let dates = column.as_primitive::<Date32Type>();
            Box::new(move |row| {
                let days = dates.is_valid(row).then(|| dates.value(row))?;
                Some(i128::from(days) * i128::from(MICROS_PER_DAY) * 1_000)
            })
        }
        Kind::Time(_) => {
            let times = column.as_primitive::<Time32MillisecondType>();
            Box::new(move |row| {
                times.is_valid(row).then(|| i128::from(times.value(row)) * 1_000_000)
            })
        }
        Kind::Timestamp(_) | Kind::TimestampLtz(_) => {
            let times = Time::new(&value);
            Box::new(move |row| times.nanos(row))
        }
        _ => return arrow_array::new_null_array(&cast.to.physical(), rows),
    };
    let from_utc = matches!(from, Kind::TimestampLtz(_));
    let local = |nanos: i128| if from_utc { zone::utc_to_local_nanos(nanos, zone) } else { nanos };
    match to {
        Kind::Date => Arc::new(build_prim::<Date32Type>(rows, selection, &mut none, |row| {
            let day = i128::from(MICROS_PER_DAY) * 1_000;
            Ok(nanos(row).map(|nanos| local(nanos).div_euclid(day) as i32))
        })),
        Kind::Time(_) => {
            Arc::new(build_prim::<Time32MillisecondType>(rows, selection, &mut none, |row| {
                let day = i128::from(MICROS_PER_DAY) * 1_000;
                Ok(nanos(row).map(|nanos| (local(nanos).rem_euclid(day) / 1_000_000) as i32))
            }))
        }
        Kind::Timestamp(precision) => {
            let convert = |row| nanos(row).map(|nanos| truncate(local(nanos), *precision));
            timestamps(cast, rows, selection, convert)
        }
        Kind::TimestampLtz(precision) => {
            let utc = |nanos: i128| {
                if from_utc { nanos } else { zone::local_to_utc_nanos(nanos, zone) }
            };
            let convert = |row| nanos(row).map(|nanos| truncate(utc(nanos), *precision));
            timestamps(cast, rows, selection, convert)
        }
        _ => arrow_array::new_null_array(&cast.to.physical(), rows),
    }
}

fn timestamps(
    cast: &Cast<'_>,
    rows: usize,
    selection: &Selection,
    nanos: impl Fn(usize) -> Option<i128>,
) -> Column {
    let mut none = RowErrors::new();
    match cast.to.kind {
        Kind::Timestamp(precision) | Kind::TimestampLtz(precision) if precision <= 6 => {
            Arc::new(build_prim::<TimestampMicrosecondType>(rows, selection, &mut none, |row| {
                Ok(nanos(row).map(crate::expr::value::nanos_to_micros))
            }))
        }
        _ => as_decimal(build_prim(rows, selection, &mut none, |row| Ok(nanos(row))), cast.to),
    }
}

/// Cuts digits of the second beyond `precision`.
fn truncate(nanos: i128, precision: u8) -> i128 {
    let unit = 10_i128.pow(u32::from(9 - precision.min(9)));
    nanos.div_euclid(unit) * unit
}
