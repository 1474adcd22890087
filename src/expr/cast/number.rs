//! Casts between numbers, truth values and intervals, with Java's narrowing.

use super::{Cast, as_decimal, decimals};
use crate::expr::decimal;
use crate::expr::value::{build_bool, build_prim};
use crate::types::java_text::{ParsedDecimal, parse_decimal, write_decimal_plain, write_double};
use crate::types::{Column, DataType, Kind, RowErrors};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type,
};
use arrow_array::{Array, BooleanArray, PrimitiveArray};
use std::sync::Arc;

pub(super) fn cast(cast: &Cast<'_>, column: &Column, errors: &mut RowErrors) -> Column {
    match &cast.from.kind {
        Kind::Boolean => from_boolean(column.as_boolean(), cast.to),
        Kind::TinyInt => from_integer(column.as_primitive::<Int8Type>(), cast, errors),
        Kind::SmallInt => from_integer(column.as_primitive::<Int16Type>(), cast, errors),
        Kind::Int | Kind::IntervalMonths => {
            from_integer(column.as_primitive::<Int32Type>(), cast, errors)
        }
        Kind::BigInt | Kind::IntervalMillis => {
            from_integer(column.as_primitive::<Int64Type>(), cast, errors)
        }
        Kind::Float => from_float(column.as_primitive::<Float32Type>(), cast, errors),
        Kind::Double => from_float(column.as_primitive::<Float64Type>(), cast, errors),
        Kind::Decimal { precision, scale } => {
            from_decimal(decimals(column), (*precision, *scale), cast, errors)
        }
        _ => arrow_array::new_null_array(&cast.to.physical(), column.len()),
    }
}

fn from_boolean(array: &BooleanArray, to: &DataType) -> Column {
    fn ones<T: ArrowPrimitiveType>(array: &BooleanArray, one: T::Native) -> PrimitiveArray<T> {
        let values = array.values().iter().map(|set| if set { one } else { T::default_value() });
        PrimitiveArray::new(values.collect(), array.nulls().cloned())
    }
    match &to.kind {
        Kind::TinyInt => Arc::new(ones::<Int8Type>(array, 1)),
        Kind::SmallInt => Arc::new(ones::<Int16Type>(array, 1)),
        Kind::Int => Arc::new(ones::<Int32Type>(array, 1)),
        Kind::BigInt => Arc::new(ones::<Int64Type>(array, 1)),
        Kind::Float => Arc::new(ones::<Float32Type>(array, 1.0)),
        Kind::Double => Arc::new(ones::<Float64Type>(array, 1.0)),
        Kind::Decimal { precision, scale } => match decimal::rescale(1, 0, (*precision, *scale)) {
            Some(one) => as_decimal(ones(array, one), to),
            None => arrow_array::new_null_array(&to.physical(), array.len()),
        },
        _ => arrow_array::new_null_array(&to.physical(), array.len()),
    }
}

fn from_integer<S: ArrowPrimitiveType>(
    array: &PrimitiveArray<S>,
    cast: &Cast<'_>,
    errors: &mut RowErrors,
) -> Column
where
    S::Native: Into<i64>,
{
    let to = cast.to;
    match &to.kind {
        Kind::Boolean => {
            Arc::new(BooleanArray::from_unary(array, |value| Into::<i64>::into(value) != 0))
        }
        Kind::TinyInt => Arc::new(array.unary::<_, Int8Type>(|value| value.into() as i8)),
        Kind::SmallInt => Arc::new(array.unary::<_, Int16Type>(|value| value.into() as i16)),
        Kind::Int | Kind::IntervalMonths => {
            Arc::new(array.unary::<_, Int32Type>(|value| value.into() as i32))
        }
        Kind::BigInt | Kind::IntervalMillis => {
            Arc::new(array.unary::<_, Int64Type>(Into::<i64>::into))
        }
        Kind::Float => Arc::new(array.unary::<_, Float32Type>(|value| value.into() as f32)),
        Kind::Double => Arc::new(array.unary::<_, Float64Type>(|value| value.into() as f64)),
        Kind::Decimal { precision, scale } => {
            let to_digits = (*precision, *scale);
            let values = build_prim::<Decimal128Type>(array.len(), cast.selection, errors, |row| {
                if array.is_null(row) {
                    return Ok(None);
                }
                let value: i64 = array.value(row).into();
                Ok(decimal::rescale(i128::from(value), 0, to_digits))
            });
            as_decimal(values, to)
        }
        _ => arrow_array::new_null_array(&to.physical(), array.len()),
    }
}

fn from_float<S: ArrowPrimitiveType>(
    array: &PrimitiveArray<S>,
    cast: &Cast<'_>,
    errors: &mut RowErrors,
) -> Column
where
    S::Native: Into<f64>,
{
    let to = cast.to;
    match &to.kind {
        Kind::Boolean => {
            Arc::new(BooleanArray::from_unary(array, |value| Into::<f64>::into(value) != 0.0))
        }
        // Java narrows through int, saturating there and wrapping below.
        Kind::TinyInt => Arc::new(array.unary::<_, Int8Type>(|value| value.into() as i32 as i8)),
        Kind::SmallInt => Arc::new(array.unary::<_, Int16Type>(|value| value.into() as i32 as i16)),
        Kind::Int => Arc::new(array.unary::<_, Int32Type>(|value| value.into() as i32)),
        Kind::BigInt => Arc::new(array.unary::<_, Int64Type>(|value| value.into() as i64)),
        Kind::Float => Arc::new(array.unary::<_, Float32Type>(|value| value.into() as f32)),
        Kind::Double => Arc::new(array.unary::<_, Float64Type>(Into::<f64>::into)),
        Kind::Decimal { precision, scale } => {
            let mut text = String::new();
            let values = build_prim::<Decimal128Type>(array.len(), cast.selection, errors, |row| {
                if array.is_null(row) {
                    return Ok(None);
                }
                text.clear();
                write_double(array.value(row).into(), &mut text);
                match parse_decimal(&text, *precision, *scale) {
                    ParsedDecimal::Value(value) => Ok(Some(value)),
                    ParsedDecimal::Overflow => Ok(None),
                    ParsedDecimal::Invalid => Err(format!("cannot cast {text} to {}", to.kind)),
                }
            });
            as_decimal(values, to)
        }
        _ => arrow_array::new_null_array(&to.physical(), array.len()),
    }
}

fn from_decimal(
    array: &PrimitiveArray<Decimal128Type>,
    (precision, scale): decimal::Digits,
    cast: &Cast<'_>,
    errors: &mut RowErrors,
) -> Column {
    let to = cast.to;
    let Some(unit) = decimal::pow10(u32::from(scale)) else {
        return arrow_array::new_null_array(&to.physical(), array.len());
    };
    // The low 64 bits of the whole part, as `BigDecimal.longValue`.
    let long = |value: i128| (value / unit) as i64;
    match &to.kind {
        Kind::Boolean => Arc::new(build_bool(array.len(), cast.selection, errors, |row| {
            Ok(array.is_valid(row).then(|| array.value(row) != 0))
        })),
        Kind::TinyInt => Arc::new(array.unary::<_, Int8Type>(|value| long(value) as i8)),
        Kind::SmallInt => Arc::new(array.unary::<_, Int16Type>(|value| long(value) as i16)),
        Kind::Int => Arc::new(array.unary::<_, Int32Type>(|value| long(value) as i32)),
        Kind::BigInt => Arc::new(array.unary::<_, Int64Type>(long)),
        Kind::Float => Arc::new(
            array.unary::<_, Float32Type>(|value| to_double(value, precision, scale) as f32),
        ),
        Kind::Double => {
            Arc::new(array.unary::<_, Float64Type>(|value| to_double(value, precision, scale)))
        }
        Kind::Decimal { precision, scale: to_scale } => {
            let to_digits = (*precision, *to_scale);
            let values = build_prim::<Decimal128Type>(array.len(), cast.selection, errors, |row| {
                if array.is_null(row) {
                    return Ok(None);
                }
                Ok(decimal::rescale(array.value(row), scale, to_digits))
            });
            as_decimal(values, to)
        }
        _ => arrow_array::new_null_array(&to.physical(), array.len()),
    }
}

/// `DecimalDataUtils.doubleValue`: one division for values of up to 18 digits, correctly rounded beyond.
pub(crate) fn to_double(value: i128, precision: u8, scale: u8) -> f64 {
    if precision <= 18 {
        return value as f64 / 10_f64.powi(i32::from(scale));
    }
    let mut text = String::new();
    write_decimal_plain(value, i32::from(scale), &mut text);
    text.parse().unwrap_or(f64::NAN)
}
