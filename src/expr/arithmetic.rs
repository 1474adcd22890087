//! `+ - * / %` and the sign, with Java's integers, IEEE floats and Flink's decimals.

use super::value::{FromScalar, Prim, Value, build_prim};
use super::{Selection, decimal};
use crate::types::{Column, DataType, Kind, RowErrors};
use arrow_array::PrimitiveArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type,
};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use std::fmt;
use std::sync::Arc;

/// An arithmetic operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArithmeticOp {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

impl fmt::Display for ArithmeticOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ArithmeticOp::Add => "+",
            ArithmeticOp::Subtract => "-",
            ArithmeticOp::Multiply => "*",
            ArithmeticOp::Divide => "/",
            ArithmeticOp::Remainder => "%",
        })
    }
}

/// What a row that divides by zero fails with.
pub(crate) const BY_ZERO: &str = "division by zero";

/// Numbers with Java's arithmetic.
trait Number: Copy + PartialEq + Default + FromScalar {
    /// Whether dividing by zero is an error rather than a value.
    const FAILS_BY_ZERO: bool;
    fn apply(self, op: ArithmeticOp, other: Self) -> Self;
    fn negate(self) -> Self;
}

macro_rules! integers {
    ($($native:ty),*) => {$(
        impl Number for $native {
            const FAILS_BY_ZERO: bool = true;
            #[inline]
            fn apply(self, op: ArithmeticOp, other: $native) -> $native {
                match op {
                    ArithmeticOp::Add => self.wrapping_add(other),
                    ArithmeticOp::Subtract => self.wrapping_sub(other),
                    ArithmeticOp::Multiply => self.wrapping_mul(other),
                    ArithmeticOp::Divide => self.wrapping_div(other),
                    ArithmeticOp::Remainder => self.wrapping_rem(other),
                }
            }
            #[inline]
            fn negate(self) -> $native {
                self.wrapping_neg()
            }
        }
    )*};
}
integers!(i8, i16, i32, i64);

macro_rules! floats {
    ($($native:ty),*) => {$(
        impl Number for $native {
            const FAILS_BY_ZERO: bool = false;
            #[inline]
            fn apply(self, op: ArithmeticOp, other: $native) -> $native {
                match op {
                    ArithmeticOp::Add => self + other,
                    ArithmeticOp::Subtract => self - other,
                    ArithmeticOp::Multiply => self * other,
                    ArithmeticOp::Divide => self / other,
                    ArithmeticOp::Remainder => self % other,
                }
            }
            #[inline]
            fn negate(self) -> $native {
                -self
            }
        }
    )*};
}
floats!(f32, f64);

/// `left op right`. Operands have the result's kind; decimals have their own precision and scale.
pub(crate) fn arithmetic(
    op: ArithmeticOp,
    left: (&Value<'_>, &DataType),
    right: (&Value<'_>, &DataType),
    result: &DataType,
    (selection, rows, errors): (&Selection, usize, &mut RowErrors),
) -> Column {
    let context = (selection, rows, errors);
    match &result.kind {
        Kind::TinyInt => primitive::<Int8Type>(op, left.0, right.0, context),
        Kind::SmallInt => primitive::<Int16Type>(op, left.0, right.0, context),
        Kind::Int | Kind::IntervalMonths => primitive::<Int32Type>(op, left.0, right.0, context),
        Kind::BigInt | Kind::IntervalMillis => primitive::<Int64Type>(op, left.0, right.0, context),
        Kind::Float => primitive::<Float32Type>(op, left.0, right.0, context),
        Kind::Double => primitive::<Float64Type>(op, left.0, right.0, context),
        Kind::Decimal { precision, scale } => {
            let digits = (*precision, *scale);
            Arc::new(decimals(op, left, right, digits, context).with_data_type(result.physical()))
        }
        // The binder lets nothing else through.
        _ => arrow_array::new_null_array(&result.physical(), context.1),
    }
}

fn primitive<T: ArrowPrimitiveType>(
    op: ArithmeticOp,
    left: &Value<'_>,
    right: &Value<'_>,
    (selection, rows, errors): (&Selection, usize, &mut RowErrors),
) -> Column
where
    T::Native: Number,
{
    let (a, b) = (Prim::<T>::new(left), Prim::<T>::new(right));
    let divides = matches!(op, ArithmeticOp::Divide | ArithmeticOp::Remainder);
    let zero = T::Native::default();
    let may_fail = T::Native::FAILS_BY_ZERO
        && divides
        && !matches!(b, Prim::Scalar(Some(divisor)) if divisor != zero);
    if may_fail {
        return Arc::new(build_prim::<T>(rows, selection, errors, |row| {
            match (a.get(row), b.get(row)) {
                (Some(_), Some(b)) if b == zero => Err(BY_ZERO.to_owned()),
                (Some(a), Some(b)) => Ok(Some(a.apply(op, b))),
                _ => Ok(None),
            }
        }));
    }
    // Nothing can fail: every row is computed, selected or not.
    let nulls = NullBuffer::union(left.nulls(), right.nulls());
    let values: Vec<T::Native> = match (a, b) {
        (Prim::Array(a), Prim::Array(b)) => {
            a.values().iter().zip(b.values()).map(|(a, b)| a.apply(op, *b)).collect()
        }
        (Prim::Array(a), Prim::Scalar(Some(b))) => {
            a.values().iter().map(|a| a.apply(op, b)).collect()
        }
        (Prim::Scalar(Some(a)), Prim::Array(b)) => {
            b.values().iter().map(|b| a.apply(op, *b)).collect()
        }
        (Prim::Scalar(Some(a)), Prim::Scalar(Some(b))) => vec![a.apply(op, b); rows],
        _ => return Arc::new(PrimitiveArray::<T>::new_null(rows)),
    };
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(values), nulls))
}

fn decimals(
    op: ArithmeticOp,
    (left, left_type): (&Value<'_>, &DataType),
    (right, right_type): (&Value<'_>, &DataType),
    to: decimal::Digits,
    (selection, rows, errors): (&Selection, usize, &mut RowErrors),
) -> PrimitiveArray<Decimal128Type> {
    let scale = |data_type: &DataType| match data_type.kind {
        Kind::Decimal { scale, .. } => scale,
        _ => 0,
    };
    let (a_scale, b_scale) = (scale(left_type), scale(right_type));
    let (a, b) = (Prim::<Decimal128Type>::new(left), Prim::<Decimal128Type>::new(right));
    build_prim(rows, selection, errors, |row| {
        let (Some(a), Some(b)) = (a.get(row), b.get(row)) else { return Ok(None) };
        let (a, b) = ((a, a_scale), (b, b_scale));
        Ok(match op {
            ArithmeticOp::Add => decimal::add(a, b, to),
            ArithmeticOp::Subtract => decimal::add(a, (-b.0, b_scale), to),
            ArithmeticOp::Multiply => decimal::multiply(a, b, to),
            ArithmeticOp::Divide | ArithmeticOp::Remainder if b.0 == 0 => {
                return Err(BY_ZERO.to_owned());
            }
            ArithmeticOp::Divide => decimal::divide(a, b, to),
            ArithmeticOp::Remainder => decimal::remainder(a, b, to),
        })
    })
}

/// `-value`.
pub(crate) fn negate(value: &Value<'_>, data_type: &DataType, rows: usize) -> Column {
    fn primitive<T: ArrowPrimitiveType>(value: &Value<'_>, rows: usize) -> PrimitiveArray<T>
    where
        T::Native: Number,
    {
        match Prim::<T>::new(value) {
            Prim::Array(array) => array.unary(Number::negate),
            Prim::Scalar(Some(value)) => PrimitiveArray::from_value(value.negate(), rows),
            Prim::Scalar(None) => PrimitiveArray::new_null(rows),
        }
    }
    match &data_type.kind {
        Kind::TinyInt => Arc::new(primitive::<Int8Type>(value, rows)),
        Kind::SmallInt => Arc::new(primitive::<Int16Type>(value, rows)),
        Kind::Int | Kind::IntervalMonths => Arc::new(primitive::<Int32Type>(value, rows)),
        Kind::BigInt | Kind::IntervalMillis => Arc::new(primitive::<Int64Type>(value, rows)),
        Kind::Float => Arc::new(primitive::<Float32Type>(value, rows)),
        Kind::Double => Arc::new(primitive::<Float64Type>(value, rows)),
        Kind::Decimal { .. } => {
            let negated: PrimitiveArray<Decimal128Type> = match Prim::<Decimal128Type>::new(value) {
                Prim::Array(array) => array.unary(i128::wrapping_neg),
                Prim::Scalar(Some(value)) => PrimitiveArray::from_value(-value, rows),
                Prim::Scalar(None) => PrimitiveArray::new_null(rows),
            };
            Arc::new(negated.with_data_type(data_type.physical()))
        }
        _ => arrow_array::new_null_array(&data_type.physical(), rows),
    }
}
