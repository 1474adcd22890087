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
const MILLIS_PER_DAY: i64 = 86_400_000;

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
        Kind::Time(_) if matches!(to, Kind::Time(_)) => {
            let cut = |millis: i32| super::cut_time(millis, cast.to);
            let times = column.as_primitive::<Time32MillisecondType>();
            return Arc::new(times.unary::<_, Time32MillisecondType>(cut));
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
    // Day and milliseconds of the day. Flink divides a TIMESTAMP towards zero: the last second of 1969 lies on 1970-01-01.
    let day = |nanos: i128| -> (i32, i32) {
        let millis = millis(nanos);
        if from_utc {
            (millis.div_euclid(MILLIS_PER_DAY) as i32, millis.rem_euclid(MILLIS_PER_DAY) as i32)
        } else {
            ((millis / MILLIS_PER_DAY) as i32, (millis % MILLIS_PER_DAY) as i32)
        }
    };
    match to {
        Kind::Date => Arc::new(build_prim::<Date32Type>(rows, selection, &mut none, |row| {
            Ok(nanos(row).map(|nanos| day(local(nanos)).0))
        })),
        Kind::Time(_) => {
            Arc::new(build_prim::<Time32MillisecondType>(rows, selection, &mut none, |row| {
                // All milliseconds stay, whatever the type says.
                Ok(nanos(row).map(|nanos| day(local(nanos)).1))
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

/// Milliseconds, towards the past.
fn millis(nanos: i128) -> i64 {
    nanos.div_euclid(1_000_000) as i64
}

/// Cuts digits of the second beyond `precision`, as `DateTimeUtils.truncate` does: milliseconds towards zero. It counts the
/// digits of the fraction as a number: .000000001 has one, and stays as it is.
fn truncate(nanos: i128, precision: u8) -> i128 {
    if nanos.rem_euclid(1_000_000_000) < 10_i128.pow(u32::from(precision)) {
        return nanos;
    }
    let unit = 10_i128.pow(u32::from(9 - precision.min(9)));
    if precision > 3 {
        return nanos.div_euclid(unit) * unit;
    }
    let unit = unit / 1_000_000;
    i128::from(millis(nanos)) / unit * unit * 1_000_000
}
