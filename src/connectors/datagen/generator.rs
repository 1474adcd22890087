//! Values by row number: the same seed and row give the same value, so that a position is enough to resume.

use super::nested;
use crate::base::Result;
use crate::types::{Column, DataType, Kind};
use arrow_array::builder::{BinaryViewBuilder, StringViewBuilder};
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, Time32MillisecondArray, TimestampMicrosecondArray,
};
use chrono::{Offset, TimeZone, Utc};
use std::ops::Range;
use std::sync::Arc;

/// How one field's values are made.
#[derive(Clone, Debug)]
pub(super) enum Generator {
    Boolean,
    Integer(i64, i64),
    Real(f64, f64),
    Text(Text),
    Sequence(i64),
    Today,
    TimeOfDay,
    /// Now minus up to this many milliseconds.
    Timestamp(i64),
    /// NULL with this share.
    Nullable(f64, Box<Generator>),
    /// One for each field.
    Row(Vec<Generator>),
    /// This many elements.
    Array(usize, Box<Generator>),
    /// This many entries, of which those with the same key are one; a MULTISET has counts for values.
    Map(usize, Box<Generator>, Box<Generator>),
}

impl Generator {
    /// Elements that one row has inside of all its collections, but at least 1. The fields of a row lie side by side, as
    /// do keys and values: the most of any counts.
    pub(super) fn elements(&self) -> usize {
        let most = match self {
            Generator::Nullable(_, inner) => inner.elements(),
            Generator::Row(fields) => fields.iter().map(Generator::elements).max().unwrap_or(1),
            Generator::Array(length, element) => length.saturating_mul(element.elements()),
            Generator::Map(length, key, value) => {
                length.saturating_mul(key.elements().max(value.elements()))
            }
            _ => 1,
        };
        most.max(1)
    }
}

/// Random texts or bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text {
    pub(super) length: usize,
    pub(super) variable: bool,
}

/// What the values of a range of rows depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) seed: u64,
    /// Milliseconds since 1970 UTC.
    pub(super) now_millis: i64,
    pub(super) zone: chrono_tz::Tz,
    /// Global number of a subtask's row `n`: `n * stride + first`.
    pub(super) stride: i64,
    pub(super) first: i64,
}

impl Moment {
    /// Milliseconds since 1970 on the session's wall clock.
    fn local_millis(&self) -> i64 {
        let utc = Utc.timestamp_millis_opt(self.now_millis).single().unwrap_or_default();
        let offset = self.zone.offset_from_utc_datetime(&utc.naive_utc()).fix().local_minus_utc();
        self.now_millis + i64::from(offset) * 1000
    }

    fn global(&self, row: i64) -> i64 {
        row.wrapping_mul(self.stride).wrapping_add(self.first)
    }
}

/// splitmix64: well-mixed bits from a counter.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in 0.0..1.0.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `low..=high`.
    fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = (i128::from(high) - i128::from(low) + 1).max(1);
        let offset = (u128::from(self.next()) * span.unsigned_abs()) >> 64;
        i64::try_from(i128::from(low) + i128::try_from(offset).unwrap_or(0)).unwrap_or(low)
    }
}

/// One value to be made.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) null: bool,
    /// Global number of its row.
    global: i64,
    random: Random,
}

impl Cell {
    /// What part number `at` of the value is made of.
    pub(super) fn part(&self, at: usize) -> (i64, Random) {
        // Mixed once more: states that differ by a multiple of the counter's step give the same numbers, shifted.
        let mut random = Random(self.random.0 ^ scattered(at));
        (self.global, Random(random.next()))
    }
}

/// A number to tell the field or part number `at` from others.
fn scattered(at: usize) -> u64 {
    (at as u64 + 1).wrapping_mul(0xA076_1D64_78BD_642F)
}

/// The values of field number `field` in the subtask's rows `rows`.
pub(super) fn generate(
    generator: &Generator,
    data_type: &DataType,
    field: usize,
    rows: Range<i64>,
    moment: &Moment,
) -> Result<Column> {
    let field_seed = moment.seed ^ scattered(field);
    let rows = rows.map(|row| {
        let global = moment.global(row);
        (global, Random(field_seed ^ (global as u64).wrapping_mul(0xE703_7ED1_A0B4_28DB)))
    });
    column(generator, data_type, rows, moment)
}

/// A value for each row number and its random numbers.
pub(super) fn column(
    generator: &Generator,
    data_type: &DataType,
    rows: impl Iterator<Item = (i64, Random)>,
    moment: &Moment,
) -> Result<Column> {
    let (null_share, generator) = match generator {
        Generator::Nullable(share, inner) => (*share, inner.as_ref()),
        other => (0.0, other),
    };
    let mut cells = rows.map(|(global, mut random)| {
        let null = null_share > 0.0 && random.share() < null_share;
        Cell { null, global, random }
    });
    if data_type.kind.is_nested() {
        return nested::column(generator, data_type, &cells.collect::<Vec<_>>(), moment);
    }
    Ok(simple(generator, data_type, &mut cells, moment))
}

type Cells<'a> = &'a mut dyn Iterator<Item = Cell>;

fn simple(
    generator: &Generator,
    data_type: &DataType,
    cells: Cells<'_>,
    moment: &Moment,
) -> Column {
    let whole = |Cell { null, global, mut random }: Cell| -> Option<i64> {
        (!null).then(|| match generator {
            Generator::Integer(low, high) => random.between(*low, *high),
            Generator::Sequence(first) => first.wrapping_add(global),
            Generator::Timestamp(past) => {
                let base = match data_type.kind {
                    Kind::Timestamp(_) => moment.local_millis(),
                    _ => moment.now_millis,
                };
                base - random.between(0, (*past - 1).max(0))
            }
            _ => 0,
        })
    };
    let real = |Cell { null, global, mut random }: Cell| -> Option<f64> {
        (!null).then(|| match generator {
            Generator::Real(low, high) => low + random.share() * (high - low),
            Generator::Sequence(first) => first.wrapping_add(global) as f64,
            _ => 0.0,
        })
    };
    match &data_type.kind {
        Kind::Boolean => {
            let values =
                cells.map(|Cell { null, mut random, .. }| (!null).then(|| random.next() & 1 == 1));
            Arc::new(values.collect::<BooleanArray>())
        }
        Kind::TinyInt => Arc::new(cells.map(|c| whole(c).map(|v| v as i8)).collect::<Int8Array>()),
        Kind::SmallInt => {
            Arc::new(cells.map(|c| whole(c).map(|v| v as i16)).collect::<Int16Array>())
        }
        Kind::Int => Arc::new(cells.map(|c| whole(c).map(|v| v as i32)).collect::<Int32Array>()),
        Kind::BigInt => Arc::new(cells.map(whole).collect::<Int64Array>()),
        Kind::Float => Arc::new(cells.map(|c| real(c).map(|v| v as f32)).collect::<Float32Array>()),
        Kind::Double => Arc::new(cells.map(real).collect::<Float64Array>()),
        Kind::Decimal { precision, scale } => decimals(cells.map(real), *precision, *scale),
        Kind::Char(_) | Kind::VarChar(_) => strings(generator, cells),
        Kind::Binary(_) | Kind::VarBinary(_) => binaries(generator, cells),
        Kind::Date => {
            let today = i32::try_from(moment.local_millis().div_euclid(86_400_000)).unwrap_or(0);
            let values = cells.map(|Cell { null, .. }| (!null).then_some(today));
            Arc::new(values.collect::<Date32Array>())
        }
        Kind::Time(_) => {
            let time = i32::try_from(moment.local_millis().rem_euclid(86_400_000)).unwrap_or(0);
            let values = cells.map(|Cell { null, .. }| (!null).then_some(time));
            Arc::new(values.collect::<Time32MillisecondArray>())
        }
        Kind::Timestamp(p) | Kind::TimestampLtz(p) if *p > 6 => {
            let values = cells.map(|c| whole(c).map(|millis| i128::from(millis) * 1_000_000));
            Arc::new(values.collect::<Decimal128Array>().with_data_type(data_type.physical()))
        }
        Kind::Timestamp(_) | Kind::TimestampLtz(_) => {
            let values = cells.map(|c| whole(c).map(|millis| millis.saturating_mul(1000)));
            Arc::new(values.collect::<TimestampMicrosecondArray>())
        }
        _ => arrow_array::new_null_array(&data_type.physical(), cells.count()),
    }
}

/// Doubles rounded to the scale and clipped to what the precision holds.
fn decimals(values: impl Iterator<Item = Option<f64>>, precision: u8, scale: u8) -> ArrayRef {
    let most = 10_i128.pow(u32::from(precision.min(38))) - 1;
    let factor = 10_f64.powi(i32::from(scale));
    let unscaled = values.map(|v| v.map(|v| ((v * factor).round() as i128).clamp(-most, most)));
    let physical = Kind::Decimal { precision, scale }.nullable().physical();
    Arc::new(unscaled.collect::<Decimal128Array>().with_data_type(physical))
}

fn strings(generator: &Generator, cells: Cells<'_>) -> ArrayRef {
    let mut builder = StringViewBuilder::new();
    let mut value = String::new();
    for Cell { null, global, mut random } in cells {
        if null {
            builder.append_null();
            continue;
        }
        value.clear();
        match generator {
            Generator::Text(text) => {
                for _ in 0..length(*text, &mut random) {
                    value.push(char::from_digit((random.next() >> 60) as u32, 16).unwrap_or('0'));
                }
            }
            Generator::Sequence(first) => value.push_str(&first.wrapping_add(global).to_string()),
            _ => {}
        }
        builder.append_value(&value);
    }
    Arc::new(builder.finish())
}

fn binaries(generator: &Generator, cells: Cells<'_>) -> ArrayRef {
    let mut builder = BinaryViewBuilder::new();
    let mut value = Vec::new();
    for Cell { null, mut random, .. } in cells {
        if null {
            builder.append_null();
            continue;
        }
        value.clear();
        if let Generator::Text(text) = generator {
            value.extend((0..length(*text, &mut random)).map(|_| (random.next() >> 56) as u8));
        }
        builder.append_value(&value);
    }
    Arc::new(builder.finish())
}

fn length(text: Text, random: &mut Random) -> usize {
    if !text.variable {
        return text.length;
    }
    let most = i64::try_from(text.length).unwrap_or(1).max(1);
    usize::try_from(random.between(1, most)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;

    fn moment(first: i64, stride: i64) -> Moment {
        Moment { seed: 7, now_millis: 0, zone: chrono_tz::UTC, stride, first }
    }

    #[test]
    fn sequences_are_strided_over_subtasks() {
        let bigint = Kind::BigInt.nullable();
        let of = |first| {
            let column =
                generate(&Generator::Sequence(1), &bigint, 0, 0..2, &moment(first, 2)).unwrap();
            column.as_primitive::<Int64Type>().values().to_vec()
        };
        assert_eq!(of(0), [1, 3]);
        assert_eq!(of(1), [2, 4]);
    }

    #[test]
    fn a_row_has_the_same_value_however_it_is_reached() {
        let bigint = Kind::BigInt.nullable();
        let generator = Generator::Integer(-5, 5);
        let all = generate(&generator, &bigint, 3, 0..100, &moment(0, 1)).unwrap();
        let tail = generate(&generator, &bigint, 3, 60..100, &moment(0, 1)).unwrap();
        assert_eq!(&all.slice(60, 40), &tail);
        let values = all.as_primitive::<Int64Type>().values();
        assert!(values.iter().all(|v| (-5..=5).contains(v)));
        assert!(values.contains(&-5) && values.contains(&5));
    }

    #[test]
    fn null_rate_one_is_all_null() {
        let generator = Generator::Nullable(1.0, Box::new(Generator::Boolean));
        let column =
            generate(&generator, &Kind::Boolean.nullable(), 0, 0..9, &moment(0, 1)).unwrap();
        assert_eq!(column.null_count(), 9);
    }
}
