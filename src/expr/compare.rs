//! Comparisons. Three-valued: a NULL operand gives UNKNOWN.

use super::value::{Bin, Bool, Prim, Str, Value};
use super::{Scalar, Selection};
use crate::types::{DataType, Kind};
use arrow_array::builder::make_view;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, BooleanArray, PrimitiveArray, StringViewArray};
use arrow_buffer::NullBuffer;
use std::cmp::Ordering;
use std::fmt;

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// `=`
    Eq,
    /// `<>`
    NotEq,
    /// `<`
    Lt,
    /// `<=`
    LtEq,
    /// `>`
    Gt,
    /// `>=`
    GtEq,
}

impl CompareOp {
    /// Whether the operator holds for operands in this order.
    #[inline]
    pub(crate) fn holds(self, ordering: Ordering) -> bool {
        match self {
            CompareOp::Eq => ordering.is_eq(),
            CompareOp::NotEq => ordering.is_ne(),
            CompareOp::Lt => ordering.is_lt(),
            CompareOp::LtEq => ordering.is_le(),
            CompareOp::Gt => ordering.is_gt(),
            CompareOp::GtEq => ordering.is_ge(),
        }
    }

    /// The operator with its operands exchanged.
    #[must_use]
    pub fn flipped(self) -> CompareOp {
        match self {
            CompareOp::Lt => CompareOp::Gt,
            CompareOp::LtEq => CompareOp::GtEq,
            CompareOp::Gt => CompareOp::Lt,
            CompareOp::GtEq => CompareOp::LtEq,
            same => same,
        }
    }
}

impl fmt::Display for CompareOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CompareOp::Eq => "=",
            CompareOp::NotEq => "<>",
            CompareOp::Lt => "<",
            CompareOp::LtEq => "<=",
            CompareOp::Gt => ">",
            CompareOp::GtEq => ">=",
        })
    }
}

/// Native values with SQL's order. NaN is unequal to everything and below nothing, as in Java.
trait Comparable: Copy {
    fn holds(self, op: CompareOp, other: Self) -> bool;
}

macro_rules! comparable {
    ($($native:ty),*) => {$(
        impl Comparable for $native {
            #[inline]
            fn holds(self, op: CompareOp, other: $native) -> bool {
                match op {
                    CompareOp::Eq => self == other,
                    CompareOp::NotEq => self != other,
                    CompareOp::Lt => self < other,
                    CompareOp::LtEq => self <= other,
                    CompareOp::Gt => self > other,
                    CompareOp::GtEq => self >= other,
                }
            }
        }
    )*};
}
comparable!(bool, i8, i16, i32, i64, i128, f32, f64);

/// Compares two operands of the same kind (decimals may differ in precision and scale).
pub(crate) fn compare(
    op: CompareOp,
    (left, left_type): (&Value<'_>, &DataType),
    (right, right_type): (&Value<'_>, &DataType),
    selection: &Selection,
    rows: usize,
) -> BooleanArray {
    if left.is_null_literal() || right.is_null_literal() {
        return BooleanArray::new_null(rows);
    }
    if let (Value::Scalar(_), Value::Array(_)) = (left, right) {
        let (left, right) = ((right, right_type), (left, left_type));
        return compare(op.flipped(), left, right, selection, rows);
    }
    let nulls = NullBuffer::union(left.nulls(), right.nulls());
    let context = Context { op, left, right, selection, rows, nulls };
    match &left_type.kind {
        Kind::Boolean => {
            let (a, b) = (Bool::new(left), Bool::new(right));
            context.by_row(|row| match (a.get(row), b.get(row)) {
                (Some(a), Some(b)) => a.holds(op, b),
                _ => false,
            })
        }
        Kind::TinyInt => context.primitive::<Int8Type>(),
        Kind::SmallInt => context.primitive::<Int16Type>(),
        Kind::Int | Kind::IntervalMonths => context.primitive::<Int32Type>(),
        Kind::BigInt | Kind::IntervalMillis => context.primitive::<Int64Type>(),
        Kind::Float => context.primitive::<Float32Type>(),
        Kind::Double => context.primitive::<Float64Type>(),
        Kind::Date => context.primitive::<Date32Type>(),
        Kind::Time(_) => context.primitive::<Time32MillisecondType>(),
        Kind::Timestamp(p) | Kind::TimestampLtz(p) if *p <= 6 => {
            context.primitive::<TimestampMicrosecondType>()
        }
        Kind::Timestamp(_) | Kind::TimestampLtz(_) => context.primitive::<Decimal128Type>(),
        Kind::Decimal { scale, .. } => {
            let right_scale = match &right_type.kind {
                Kind::Decimal { scale, .. } => *scale,
                _ => *scale,
            };
            if *scale == right_scale {
                return context.primitive::<Decimal128Type>();
            }
            let (a, b) = (Prim::<Decimal128Type>::new(left), Prim::<Decimal128Type>::new(right));
            context.by_row(|row| match (a.get(row), b.get(row)) {
                (Some(a), Some(b)) => op.holds(super::decimal::compare(a, *scale, b, right_scale)),
                _ => false,
            })
        }
        Kind::Char(_) | Kind::VarChar(_) | Kind::Variant => context.strings(),
        Kind::Binary(_) | Kind::VarBinary(_) => {
            let (a, b) = (Bin::new(left), Bin::new(right));
            context.by_row(|row| match (a.get(row), b.get(row)) {
                (Some(a), Some(b)) => op.holds(a.cmp(b)),
                _ => false,
            })
        }
        _ => match (left, right) {
            (Value::Array(a), Value::Array(b)) => {
                let wanted = op == CompareOp::Eq;
                context.by_row(|row| super::functions::nested::same(a, row, b, row) == wanted)
            }
            // There are no constants of nested types.
            _ => BooleanArray::new_null(rows),
        },
    }
}

struct Context<'a, 'v> {
    op: CompareOp,
    left: &'a Value<'v>,
    right: &'a Value<'v>,
    selection: &'a Selection,
    rows: usize,
    nulls: Option<NullBuffer>,
}

impl Context<'_, '_> {
    fn by_row(self, f: impl FnMut(usize) -> bool) -> BooleanArray {
        BooleanArray::new(self.selection.bits(self.rows, f), self.nulls)
    }

    fn primitive<T: ArrowPrimitiveType>(self) -> BooleanArray
    where
        T::Native: super::value::FromScalar + Comparable,
    {
        let op = self.op;
        match (Prim::<T>::new(self.left), Prim::<T>::new(self.right)) {
            (Prim::Array(a), Prim::Scalar(Some(b))) => {
                let a = a.values();
                // One loop per operator, so that each compiles to vector code.
                match op {
                    CompareOp::Eq => self.by_row(|row| a[row].holds(CompareOp::Eq, b)),
                    CompareOp::NotEq => self.by_row(|row| a[row].holds(CompareOp::NotEq, b)),
                    CompareOp::Lt => self.by_row(|row| a[row].holds(CompareOp::Lt, b)),
                    CompareOp::LtEq => self.by_row(|row| a[row].holds(CompareOp::LtEq, b)),
                    CompareOp::Gt => self.by_row(|row| a[row].holds(CompareOp::Gt, b)),
                    CompareOp::GtEq => self.by_row(|row| a[row].holds(CompareOp::GtEq, b)),
                }
            }
            (Prim::Array(a), Prim::Array(b)) => {
                let (a, b) = (a.values(), b.values());
                self.by_row(|row| a[row].holds(op, b[row]))
            }
            (a, b) => self.by_row(|row| match (a.get(row), b.get(row)) {
                (Some(a), Some(b)) => a.holds(op, b),
                _ => false,
            }),
        }
    }

    fn strings(self) -> BooleanArray {
        let op = self.op;
        match (Str::new(self.left), Str::new(self.right)) {
            (Str::Array(array), Str::Scalar(Some(text)))
                if matches!(op, CompareOp::Eq | CompareOp::NotEq) =>
            {
                let equals = TextEquals::new(array, text);
                let wanted = op == CompareOp::Eq;
                self.by_row(|row| equals.test(row) == wanted)
            }
            (a, b) => self.by_row(|row| match (a.get(row), b.get(row)) {
                (Some(a), Some(b)) => op.holds(a.cmp(b)),
                _ => false,
            }),
        }
    }
}

/// Equality of a string column with one text: length and first four bytes decide nearly every row.
struct TextEquals<'a> {
    array: &'a StringViewArray,
    views: &'a [u128],
    text: &'a str,
    view: u128,
    inline: bool,
}

impl<'a> TextEquals<'a> {
    fn new(array: &'a StringViewArray, text: &'a str) -> TextEquals<'a> {
        let view = make_view(text.as_bytes(), 0, 0);
        TextEquals { array, views: array.views(), text, view, inline: text.len() <= 12 }
    }

    /// A NULL row gives anything.
    #[inline]
    fn test(&self, row: usize) -> bool {
        let view = self.views[row];
        if self.inline {
            return view == self.view;
        }
        // The low half holds length and prefix.
        view as u64 == self.view as u64
            && self.array.is_valid(row)
            && self.array.value(row) == self.text
    }
}

/// The selected rows for which `column op literal` is TRUE, without a bitmap in between; `None` where there is no such
/// shortcut for the type.
pub(crate) fn select_against_literal(
    op: CompareOp,
    (column, data_type): (&dyn Array, &DataType),
    literal: &Scalar,
    selection: &Selection,
) -> Option<Selection> {
    fn primitive<T: ArrowPrimitiveType>(
        op: CompareOp,
        column: &PrimitiveArray<T>,
        literal: T::Native,
        selection: &Selection,
    ) -> Selection
    where
        T::Native: Comparable,
    {
        let values = column.values();
        macro_rules! by_operator {
            ($valid:expr) => {
                match op {
                    CompareOp::Eq => selection
                        .retain(|row| values[row].holds(CompareOp::Eq, literal) & $valid(row)),
                    CompareOp::NotEq => selection
                        .retain(|row| values[row].holds(CompareOp::NotEq, literal) & $valid(row)),
                    CompareOp::Lt => selection
                        .retain(|row| values[row].holds(CompareOp::Lt, literal) & $valid(row)),
                    CompareOp::LtEq => selection
                        .retain(|row| values[row].holds(CompareOp::LtEq, literal) & $valid(row)),
                    CompareOp::Gt => selection
                        .retain(|row| values[row].holds(CompareOp::Gt, literal) & $valid(row)),
                    CompareOp::GtEq => selection
                        .retain(|row| values[row].holds(CompareOp::GtEq, literal) & $valid(row)),
                }
            };
        }
        match column.nulls() {
            None => by_operator!(|_| true),
            Some(nulls) => by_operator!(|row| nulls.is_valid(row)),
        }
    }

    match (literal, &data_type.kind) {
        (Scalar::String(text), Kind::Char(_) | Kind::VarChar(_)) => {
            let array = column.as_string_view();
            if !matches!(op, CompareOp::Eq | CompareOp::NotEq) {
                return Some(selection.retain(|row| {
                    array.is_valid(row) && op.holds(array.value(row).cmp(text.as_str()))
                }));
            }
            let equals = TextEquals::new(array, text);
            Some(match (op, array.nulls()) {
                (CompareOp::Eq, None) => selection.retain(|row| equals.test(row)),
                (CompareOp::Eq, Some(nulls)) => {
                    selection.retain(|row| equals.test(row) && nulls.is_valid(row))
                }
                (_, None) => selection.retain(|row| !equals.test(row)),
                (_, Some(nulls)) => {
                    selection.retain(|row| !equals.test(row) && nulls.is_valid(row))
                }
            })
        }
        (Scalar::Integer(value), Kind::Int) => {
            Some(primitive(op, column.as_primitive::<Int32Type>(), *value as i32, selection))
        }
        (Scalar::Integer(value), Kind::BigInt) => {
            Some(primitive(op, column.as_primitive::<Int64Type>(), *value, selection))
        }
        (Scalar::Double(value), Kind::Double) => {
            Some(primitive(op, column.as_primitive::<Float64Type>(), *value, selection))
        }
        _ => None,
    }
}
