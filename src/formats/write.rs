//! Columns as the encoders see them: downcast once per batch, then asked per row.

use crate::base::{Error, Result};
use crate::types::java_text::Moment;
use crate::types::{Batch, DataType, Field, Kind};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{
    Array, BinaryViewArray, BooleanArray, ListArray, MapArray, PrimitiveArray, StringViewArray,
};

/// A column's values by type.
#[derive(Debug)]
pub(crate) enum Source<'a> {
    Null,
    Boolean(&'a BooleanArray),
    TinyInt(&'a PrimitiveArray<Int8Type>),
    SmallInt(&'a PrimitiveArray<Int16Type>),
    Int(&'a PrimitiveArray<Int32Type>),
    BigInt(&'a PrimitiveArray<Int64Type>),
    Float(&'a PrimitiveArray<Float32Type>),
    Double(&'a PrimitiveArray<Float64Type>),
    Decimal(&'a PrimitiveArray<Decimal128Type>, i32),
    String(&'a StringViewArray),
    /// The text of a VARIANT.
    Json(&'a StringViewArray),
    Binary(&'a BinaryViewArray),
    Date(&'a PrimitiveArray<Date32Type>),
    /// With the type's precision.
    Time(&'a PrimitiveArray<Time32MillisecondType>),
    Timestamp(Moments<'a>),
    TimestampLtz(Moments<'a>),
    List(&'a ListArray, Box<SourceColumn<'a>>),
    Map(&'a MapArray, Box<SourceColumn<'a>>, Box<SourceColumn<'a>>),
    Row(Vec<SourceColumn<'a>>),
}

/// Timestamps in either layout.
#[derive(Debug)]
pub(crate) enum Moments<'a> {
    Micros(&'a PrimitiveArray<TimestampMicrosecondType>),
    Nanos(&'a PrimitiveArray<Decimal128Type>),
}

impl Moments<'_> {
    /// The timestamp of a row that is not NULL.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Moment {
        match self {
            Moments::Micros(array) => Moment::from_micros(array.value(row)),
            Moments::Nanos(array) => Moment::from_nanos(array.value(row)),
        }
    }
}

/// A column and its validity.
#[derive(Debug)]
pub(crate) struct SourceColumn<'a> {
    array: &'a dyn Array,
    nullable: bool,
    pub(crate) source: Source<'a>,
}

/// The columns of a batch, one for each field of the sink.
pub(crate) fn source_columns<'a>(
    batch: &'a Batch,
    fields: &[Field],
) -> Result<Vec<SourceColumn<'a>>> {
    if batch.columns.len() != fields.len() {
        return Err(Error::internal("a batch does not have the columns of its sink"));
    }
    let columns = batch
        .columns
        .iter()
        .zip(fields)
        .map(|(column, field)| SourceColumn::new(column.as_ref(), &field.data_type))
        .collect::<Result<Vec<_>>>()?;
    if columns.iter().any(|column| column.len() < batch.rows) {
        return Err(Error::internal("a batch's column is too short"));
    }
    Ok(columns)
}

impl<'a> SourceColumn<'a> {
    /// Looks at `array` as a column of `data_type`.
    pub(crate) fn new(array: &'a dyn Array, data_type: &DataType) -> Result<SourceColumn<'a>> {
        let source = source(array, data_type).ok_or_else(|| {
            Error::internal(format!("a column of {data_type} is laid out as {}", array.data_type()))
        })??;
        let nullable = array.null_count() > 0 || matches!(source, Source::Null);
        Ok(SourceColumn { array, nullable, source })
    }

    /// Whether the row holds NULL.
    #[inline]
    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.nullable && (matches!(self.source, Source::Null) || self.array.is_null(row))
    }

    /// Rows of the column.
    pub(crate) fn len(&self) -> usize {
        self.array.len()
    }
}

fn primitive<T: ArrowPrimitiveType>(array: &dyn Array) -> Option<&PrimitiveArray<T>> {
    array.as_primitive_opt::<T>()
}

/// `None` where layout and type differ.
fn source<'a>(array: &'a dyn Array, data_type: &DataType) -> Option<Result<Source<'a>>> {
    Some(Ok(match &data_type.kind {
        Kind::Null => Source::Null,
        Kind::Boolean => Source::Boolean(array.as_boolean_opt()?),
        Kind::TinyInt => Source::TinyInt(primitive(array)?),
        Kind::SmallInt => Source::SmallInt(primitive(array)?),
        Kind::Int | Kind::IntervalMonths => Source::Int(primitive(array)?),
        Kind::BigInt | Kind::IntervalMillis => Source::BigInt(primitive(array)?),
        Kind::Float => Source::Float(primitive(array)?),
        Kind::Double => Source::Double(primitive(array)?),
        Kind::Decimal { scale, .. } => Source::Decimal(primitive(array)?, i32::from(*scale)),
        Kind::Char(_) | Kind::VarChar(_) => Source::String(array.as_string_view_opt()?),
        Kind::Variant => Source::Json(array.as_string_view_opt()?),
        Kind::Binary(_) | Kind::VarBinary(_) => Source::Binary(array.as_binary_view_opt()?),
        Kind::Date => Source::Date(primitive(array)?),
        Kind::Time(_) => Source::Time(primitive(array)?),
        Kind::Timestamp(precision) => Source::Timestamp(moments(array, *precision)?),
        Kind::TimestampLtz(precision) => Source::TimestampLtz(moments(array, *precision)?),
        Kind::Array(item) => {
            let list = array.as_list_opt::<i32>()?;
            match SourceColumn::new(list.values().as_ref(), item) {
                Ok(items) => Source::List(list, Box::new(items)),
                Err(error) => return Some(Err(error)),
            }
        }
        Kind::Map(key, value) => return map(array, key, value),
        Kind::Multiset(item) => return map(array, item, &Kind::Int.not_null()),
        Kind::Row(fields) | Kind::Structured(_, fields) => {
            let columns = array.as_struct_opt()?.columns();
            if columns.len() != fields.len() {
                return None;
            }
            let columns = columns
                .iter()
                .zip(fields)
                .map(|(column, field)| SourceColumn::new(column.as_ref(), &field.data_type))
                .collect::<Result<Vec<_>>>();
            return Some(columns.map(Source::Row));
        }
    }))
}

fn map<'a>(array: &'a dyn Array, key: &DataType, value: &DataType) -> Option<Result<Source<'a>>> {
    let map = array.as_map_opt()?;
    let keys = SourceColumn::new(crate::types::map_keys(map).as_ref(), key);
    let values = SourceColumn::new(map.values().as_ref(), value);
    Some(keys.and_then(|keys| Ok(Source::Map(map, Box::new(keys), Box::new(values?)))))
}

fn moments(array: &dyn Array, precision: u8) -> Option<Moments<'_>> {
    Some(if precision <= 6 {
        Moments::Micros(primitive(array)?)
    } else {
        Moments::Nanos(primitive(array)?)
    })
}

/// The items of a list, as rows of the column of items.
pub(crate) fn span(offsets: &[i32], row: usize) -> std::ops::Range<usize> {
    let at =
        |row: usize| offsets.get(row).and_then(|offset| usize::try_from(*offset).ok()).unwrap_or(0);
    at(row)..at(row.saturating_add(1))
}

/// End of the last record.
pub(crate) fn end_of(bytes: &[u8]) -> Result<u32> {
    u32::try_from(bytes.len())
        .map_err(|_| Error::internal("the records of one batch exceed four gigabytes"))
}
