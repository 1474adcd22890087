//! Evaluated operands: a column, or a constant that is never spread over the rows.

use super::{Scalar, Selection};
use crate::base::limits::BATCH_TEXT_BYTES_MAX;
use crate::types::{Column, DataType, Kind, RowErrors};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{
    Array, ArrayRef, BinaryViewArray, BooleanArray, PrimitiveArray, StringViewArray,
    builder::{BinaryViewBuilder, StringViewBuilder},
    new_null_array,
};
use arrow_buffer::{BooleanBuffer, NullBuffer, NullBufferBuilder, ScalarBuffer};
use std::sync::Arc;

/// An evaluated operand. A column holds anything in rows that were not selected.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    /// One value per row.
    Array(Column),
    /// The same value in every row.
    Scalar(&'a Scalar),
}

impl Value<'_> {
    /// The operand as a column of `rows` rows.
    pub(crate) fn into_column(self, data_type: &DataType, rows: usize) -> Column {
        match self {
            Value::Array(column) => column,
            Value::Scalar(scalar) => spread(scalar, data_type, rows),
        }
    }

    /// Whether it is the constant NULL.
    pub(crate) fn is_null_literal(&self) -> bool {
        matches!(self, Value::Scalar(Scalar::Null))
    }

    /// Validity; `None` means no row is NULL. A constant NULL has to be asked for with [`Value::is_null_literal`].
    pub(crate) fn nulls(&self) -> Option<&NullBuffer> {
        match self {
            Value::Array(column) => column.nulls(),
            Value::Scalar(_) => None,
        }
    }
}

/// A column of `rows` copies of a constant.
pub fn spread(scalar: &Scalar, data_type: &DataType, rows: usize) -> Column {
    fn primitive<T: ArrowPrimitiveType>(value: T::Native, rows: usize) -> ArrayRef {
        Arc::new(PrimitiveArray::<T>::from_value(value, rows))
    }
    let physical = data_type.physical();
    match (scalar, &data_type.kind) {
        (Scalar::Boolean(value), _) => {
            let bits =
                if *value { BooleanBuffer::new_set(rows) } else { BooleanBuffer::new_unset(rows) };
            Arc::new(BooleanArray::new(bits, None))
        }
        (Scalar::Integer(value), Kind::TinyInt) => primitive::<Int8Type>(*value as i8, rows),
        (Scalar::Integer(value), Kind::SmallInt) => primitive::<Int16Type>(*value as i16, rows),
        (Scalar::Integer(value), Kind::Int) => primitive::<Int32Type>(*value as i32, rows),
        (Scalar::Integer(value), _) => primitive::<Int64Type>(*value, rows),
        (Scalar::Double(value), Kind::Float) => primitive::<Float32Type>(*value as f32, rows),
        (Scalar::Double(value), _) => primitive::<Float64Type>(*value, rows),
        (Scalar::Decimal(value), _) => Arc::new(
            PrimitiveArray::<Decimal128Type>::from_value(*value, rows).with_data_type(physical),
        ),
        (Scalar::String(value), _) => {
            let one = StringViewArray::from_iter_values([value.as_str()]);
            repeat_view(&one, rows)
        }
        (Scalar::Bytes(value), _) => {
            let mut builder = BinaryViewBuilder::with_capacity(rows).with_deduplicate_strings();
            (0..rows).for_each(|_| builder.append_value(value));
            Arc::new(builder.finish())
        }
        (Scalar::Date(value), _) => primitive::<Date32Type>(*value, rows),
        (Scalar::Time(value), _) => primitive::<Time32MillisecondType>(*value, rows),
        (Scalar::Timestamp(value), Kind::Timestamp(p) | Kind::TimestampLtz(p)) if *p > 6 => {
            Arc::new(
                PrimitiveArray::<Decimal128Type>::from_value(*value, rows).with_data_type(physical),
            )
        }
        (Scalar::Timestamp(value), _) => {
            primitive::<TimestampMicrosecondType>(nanos_to_micros(*value), rows)
        }
        (Scalar::Months(value), _) => primitive::<Int32Type>(*value, rows),
        (Scalar::Millis(value), _) => primitive::<Int64Type>(*value, rows),
        (Scalar::Null, _) => new_null_array(&physical, rows),
    }
}

fn repeat_view(one: &StringViewArray, rows: usize) -> ArrayRef {
    let indices = PrimitiveArray::<arrow_array::types::UInt32Type>::from_value(0, rows);
    match arrow_select::take::take(one, &indices, None) {
        Ok(column) => column,
        // Taking row 0 of a one-row column has no way to fail.
        Err(_) => new_null_array(one.data_type(), rows),
    }
}

/// Nanoseconds to microseconds, towards the past.
pub(crate) fn nanos_to_micros(nanos: i128) -> i64 {
    i64::try_from(nanos.div_euclid(1_000)).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// A native value out of a [`Scalar`].
pub(crate) trait FromScalar: Sized {
    /// `None` for NULL and for scalars of another kind.
    fn from_scalar(scalar: &Scalar) -> Option<Self>;
}

macro_rules! from_integer_scalar {
    ($($native:ty),*) => {$(
        impl FromScalar for $native {
            fn from_scalar(scalar: &Scalar) -> Option<$native> {
                match scalar {
                    Scalar::Integer(value) => Some(*value as $native),
                    Scalar::Millis(value) => Some(*value as $native),
                    Scalar::Date(value) | Scalar::Time(value) | Scalar::Months(value) => {
                        Some(*value as $native)
                    }
                    Scalar::Timestamp(nanos) => Some(nanos_to_micros(*nanos) as $native),
                    _ => None,
                }
            }
        }
    )*};
}
from_integer_scalar!(i8, i16, i32, i64);

impl FromScalar for i128 {
    fn from_scalar(scalar: &Scalar) -> Option<i128> {
        match scalar {
            Scalar::Decimal(value) | Scalar::Timestamp(value) => Some(*value),
            _ => None,
        }
    }
}

impl FromScalar for f64 {
    fn from_scalar(scalar: &Scalar) -> Option<f64> {
        if let Scalar::Double(value) = scalar { Some(*value) } else { None }
    }
}

impl FromScalar for f32 {
    fn from_scalar(scalar: &Scalar) -> Option<f32> {
        f64::from_scalar(scalar).map(|value| value as f32)
    }
}

/// Typed access to an operand of fixed-width values.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Prim<'a, T: ArrowPrimitiveType> {
    Array(&'a PrimitiveArray<T>),
    Scalar(Option<T::Native>),
}

impl<'a, T: ArrowPrimitiveType> Prim<'a, T>
where
    T::Native: FromScalar,
{
    pub(crate) fn new(value: &'a Value<'_>) -> Prim<'a, T> {
        match value {
            Value::Array(column) => Prim::Array(column.as_primitive::<T>()),
            Value::Scalar(scalar) => Prim::Scalar(T::Native::from_scalar(scalar)),
        }
    }

    /// The value of a row, `None` for NULL.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<T::Native> {
        match self {
            Prim::Array(array) => array.is_valid(row).then(|| array.value(row)),
            Prim::Scalar(value) => *value,
        }
    }
}

/// Typed access to an operand of strings.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Str<'a> {
    Array(&'a StringViewArray),
    Scalar(Option<&'a str>),
}

impl<'a> Str<'a> {
    pub(crate) fn new(value: &'a Value<'_>) -> Str<'a> {
        match value {
            Value::Array(column) => Str::Array(column.as_string_view()),
            Value::Scalar(Scalar::String(text)) => Str::Scalar(Some(text)),
            Value::Scalar(_) => Str::Scalar(None),
        }
    }

    /// The text of a row, `None` for NULL.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Str::Array(array) => array.is_valid(row).then(|| array.value(row)),
            Str::Scalar(text) => *text,
        }
    }
}

/// Typed access to an operand of bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bin<'a> {
    Array(&'a BinaryViewArray),
    Scalar(Option<&'a [u8]>),
}

impl<'a> Bin<'a> {
    pub(crate) fn new(value: &'a Value<'_>) -> Bin<'a> {
        match value {
            Value::Array(column) => Bin::Array(column.as_binary_view()),
            Value::Scalar(Scalar::Bytes(bytes)) => Bin::Scalar(Some(bytes)),
            Value::Scalar(_) => Bin::Scalar(None),
        }
    }

    /// The bytes of a row, `None` for NULL.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<&'a [u8]> {
        match self {
            Bin::Array(array) => array.is_valid(row).then(|| array.value(row)),
            Bin::Scalar(bytes) => *bytes,
        }
    }
}

/// Typed access to an operand of truth values.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bool<'a> {
    Array(&'a BooleanArray),
    Scalar(Option<bool>),
}

impl<'a> Bool<'a> {
    pub(crate) fn new(value: &'a Value<'_>) -> Bool<'a> {
        match value {
            Value::Array(column) => Bool::Array(column.as_boolean()),
            Value::Scalar(Scalar::Boolean(value)) => Bool::Scalar(Some(*value)),
            Value::Scalar(_) => Bool::Scalar(None),
        }
    }

    /// The truth of a row, `None` for UNKNOWN.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<bool> {
        match self {
            Bool::Array(array) => array.is_valid(row).then(|| array.value(row)),
            Bool::Scalar(value) => *value,
        }
    }
}

/// Typed access to timestamps of any precision.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Time<'a> {
    Micros(&'a PrimitiveArray<TimestampMicrosecondType>),
    Nanos(&'a PrimitiveArray<Decimal128Type>),
    Scalar(Option<i128>),
}

impl<'a> Time<'a> {
    pub(crate) fn new(value: &'a Value<'_>) -> Time<'a> {
        match value {
            Value::Array(column) => match column.as_primitive_opt::<TimestampMicrosecondType>() {
                Some(micros) => Time::Micros(micros),
                None => Time::Nanos(column.as_primitive::<Decimal128Type>()),
            },
            Value::Scalar(Scalar::Timestamp(nanos)) => Time::Scalar(Some(*nanos)),
            Value::Scalar(_) => Time::Scalar(None),
        }
    }

    /// Microseconds since the epoch, towards the past; `None` for NULL.
    #[inline]
    pub(crate) fn micros(&self, row: usize) -> Option<i64> {
        match self {
            Time::Micros(array) => array.is_valid(row).then(|| array.value(row)),
            Time::Nanos(array) => array.is_valid(row).then(|| nanos_to_micros(array.value(row))),
            Time::Scalar(nanos) => nanos.map(nanos_to_micros),
        }
    }

    /// Nanoseconds below the microsecond; 0 for NULL.
    #[inline]
    pub(crate) fn nanos_of_micro(&self, row: usize) -> i64 {
        match self {
            Time::Micros(_) => 0,
            Time::Nanos(_) | Time::Scalar(_) => {
                self.nanos(row).map_or(0, |nanos| nanos.rem_euclid(1_000) as i64)
            }
        }
    }

    /// Nanoseconds since the epoch; `None` for NULL.
    #[inline]
    pub(crate) fn nanos(&self, row: usize) -> Option<i128> {
        match self {
            Time::Micros(array) => {
                array.is_valid(row).then(|| i128::from(array.value(row)) * 1_000)
            }
            Time::Nanos(array) => array.is_valid(row).then(|| array.value(row)),
            Time::Scalar(nanos) => *nanos,
        }
    }
}

/// What a kernel says about one row: a value, NULL, or why the row fails.
pub(crate) type RowResult<T> = Result<Option<T>, String>;

/// Builds a fixed-width column by a function of the row. Rows that are not selected become NULL.
pub(crate) fn build_prim<T: ArrowPrimitiveType>(
    rows: usize,
    selection: &Selection,
    errors: &mut RowErrors,
    mut f: impl FnMut(usize) -> RowResult<T::Native>,
) -> PrimitiveArray<T> {
    let mut values = vec![T::Native::default(); rows];
    let mut nulls = NullBufferBuilder::new(rows);
    selection.scan(rows, |row, selected| {
        let value = if selected {
            f(row).unwrap_or_else(|message| {
                errors.push(row, || message);
                None
            })
        } else {
            None
        };
        nulls.append(value.is_some());
        if let Some(value) = value {
            values[row] = value;
        }
    });
    PrimitiveArray::new(ScalarBuffer::from(values), nulls.finish())
}

/// Builds a column of truth values by a function of the row. Rows that are not selected become NULL.
pub(crate) fn build_bool(
    rows: usize,
    selection: &Selection,
    errors: &mut RowErrors,
    mut f: impl FnMut(usize) -> RowResult<bool>,
) -> BooleanArray {
    let mut nulls = NullBufferBuilder::new(rows);
    let mut values = arrow_buffer::BooleanBufferBuilder::new(rows);
    selection.scan(rows, |row, selected| {
        let value = if selected {
            f(row).unwrap_or_else(|message| {
                errors.push(row, || message);
                None
            })
        } else {
            None
        };
        nulls.append(value.is_some());
        values.append(value.unwrap_or(false));
    });
    BooleanArray::new(values.build(), nulls.finish())
}

/// Builds a string column; `f` appends the row's text to the empty buffer it is given and says whether there is one.
/// Rows that are not selected become NULL.
pub(crate) fn build_string(
    rows: usize,
    selection: &Selection,
    errors: &mut RowErrors,
    f: impl FnMut(usize, &mut String) -> RowResult<()>,
) -> StringViewArray {
    build_string_within(BATCH_TEXT_BYTES_MAX, rows, selection, errors, f)
}

/// A row whose text is more than what is left of `bytes` fails.
fn build_string_within(
    bytes: usize,
    rows: usize,
    selection: &Selection,
    errors: &mut RowErrors,
    mut f: impl FnMut(usize, &mut String) -> RowResult<()>,
) -> StringViewArray {
    let mut builder = StringViewBuilder::with_capacity(rows);
    let (mut text, mut left) = (String::new(), bytes);
    selection.scan(rows, |row, selected| {
        text.clear();
        match if selected { f(row, &mut text) } else { Ok(None) } {
            Ok(Some(())) => match left.checked_sub(text.len()) {
                Some(rest) => {
                    left = rest;
                    builder.append_value(&text);
                }
                None => {
                    errors.push_crowded(row, || too_much(text.len(), bytes));
                    builder.append_null();
                }
            },
            Ok(None) => builder.append_null(),
            Err(message) => {
                errors.push(row, || message);
                builder.append_null();
            }
        }
    });
    builder.finish()
}

/// Characters that a result of LPAD, RPAD, REPEAT, REPLACE or REGEXP_REPLACE, and a value that is padded, may have; a larger
/// one fails its row instead of taking all memory.
const RESULT_CHARS_MAX: usize = 16 << 20;

/// Whether a text may have so many characters.
pub(crate) fn within_limit(chars: usize) -> std::result::Result<(), String> {
    if chars > RESULT_CHARS_MAX {
        return Err(format!("a text of {chars} characters is longer than {RESULT_CHARS_MAX}"));
    }
    Ok(())
}

fn too_much(length: usize, bytes: usize) -> String {
    format!(
        "a value of {length} bytes, with those of the rows before it, is more than the {bytes} bytes that a function may \
         make for a batch"
    )
}

/// Builds a string column whose values are parts of other values. Rows that are not selected become NULL.
pub(crate) fn build_slices<'a>(
    rows: usize,
    selection: &Selection,
    mut f: impl FnMut(usize) -> Option<&'a str>,
) -> StringViewArray {
    let mut builder = StringViewBuilder::with_capacity(rows);
    selection.scan(rows, |row, selected| match if selected { f(row) } else { None } {
        Some(text) => builder.append_value(text),
        None => builder.append_null(),
    });
    builder.finish()
}

/// Builds a column of bytes; as [`build_string`].
pub(crate) fn build_bytes(
    rows: usize,
    selection: &Selection,
    errors: &mut RowErrors,
    mut f: impl FnMut(usize, &mut Vec<u8>) -> RowResult<()>,
) -> BinaryViewArray {
    let mut builder = BinaryViewBuilder::with_capacity(rows);
    let (mut bytes, mut left) = (Vec::new(), BATCH_TEXT_BYTES_MAX);
    selection.scan(rows, |row, selected| {
        bytes.clear();
        match if selected { f(row, &mut bytes) } else { Ok(None) } {
            Ok(Some(())) => match left.checked_sub(bytes.len()) {
                Some(rest) => {
                    left = rest;
                    builder.append_value(&bytes);
                }
                None => {
                    errors.push_crowded(row, || too_much(bytes.len(), BATCH_TEXT_BYTES_MAX));
                    builder.append_null();
                }
            },
            Ok(None) => builder.append_null(),
            Err(message) => {
                errors.push(row, || message);
                builder.append_null();
            }
        }
    });
    builder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_take_the_layout_of_their_type() {
        let text = Scalar::String("a text longer than twelve bytes".into());
        for (scalar, data_type) in [
            (Scalar::Integer(7), Kind::TinyInt.nullable()),
            (Scalar::Integer(7), Kind::BigInt.nullable()),
            (Scalar::Decimal(1234), Kind::Decimal { precision: 10, scale: 2 }.nullable()),
            (text, DataType::string()),
            (Scalar::Timestamp(-1), Kind::Timestamp(3).nullable()),
            (Scalar::Timestamp(-1), Kind::TimestampLtz(9).nullable()),
            (Scalar::Null, Kind::Date.nullable()),
            (Scalar::Null, Kind::Array(Box::new(DataType::string())).nullable()),
        ] {
            let column = spread(&scalar, &data_type, 3);
            assert_eq!(column.len(), 3);
            assert_eq!(*column.data_type(), data_type.physical(), "{data_type}");
            assert_eq!(column.null_count(), if scalar == Scalar::Null { 3 } else { 0 });
        }
    }

    #[test]
    fn nanoseconds_round_towards_the_past() {
        assert_eq!(nanos_to_micros(-1), -1);
        assert_eq!(nanos_to_micros(1_999), 1);
    }

    #[test]
    fn the_texts_of_a_batch_are_bounded_together() {
        let mut errors = RowErrors::new();
        let texts = ["six ..", "three", "x", ""];
        let text = |row: usize, out: &mut String| {
            out.push_str(texts[row]);
            Ok(Some(()))
        };
        let column = build_string_within(10, 4, &Selection::All(4), &mut errors, text);
        // The second does not fit any more.
        let valid: Vec<bool> = (0..4).map(|row| column.is_valid(row)).collect();
        assert_eq!((valid, errors.kept().len()), (vec![true, false, true, true], 1));
    }
}
