//! Columns under construction.

use crate::base::{Error, Result};
use crate::types::java_text::Moment;
use crate::types::{Column, DataType, Kind, map_array, map_children};
use arrow_array::builder::{BinaryViewBuilder, StringViewBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time32MillisecondType, TimestampMicrosecondType,
};
use arrow_array::{BooleanArray, ListArray, NullArray, PrimitiveArray, StructArray};
use arrow_buffer::{BooleanBufferBuilder, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType as Physical;
use std::sync::Arc;

/// Fixed-width values and their validity.
#[derive(Debug)]
pub(crate) struct Values<T> {
    values: Vec<T>,
    nulls: NullBufferBuilder,
}

impl<T: Default> Values<T> {
    fn new() -> Values<T> {
        Values { values: Vec::new(), nulls: NullBufferBuilder::new(0) }
    }

    /// Adds a value.
    #[inline]
    pub(crate) fn push(&mut self, value: T) {
        self.values.push(value);
        self.nulls.append_non_null();
    }

    /// Adds NULL.
    #[inline]
    pub(crate) fn push_null(&mut self) {
        self.values.push(T::default());
        self.nulls.append_null();
    }
}

/// A column under construction, by its layout in memory.
#[derive(Debug)]
pub(crate) enum Builder {
    Null(usize),
    Boolean { values: BooleanBufferBuilder, nulls: NullBufferBuilder },
    Int8(Values<i8>),
    Int16(Values<i16>),
    Int32(Values<i32>),
    Int64(Values<i64>),
    Float32(Values<f32>),
    Float64(Values<f64>),
    Int128(Values<i128>),
    String(StringViewBuilder),
    Binary(BinaryViewBuilder),
    List { ends: Ends, nulls: NullBufferBuilder, items: Box<Builder> },
    Map { ends: Ends, nulls: NullBufferBuilder, keys: Box<Builder>, values: Box<Builder> },
    Struct { nulls: NullBufferBuilder, rows: usize, fields: Vec<Builder> },
}

impl Builder {
    /// An empty column of a type.
    pub(crate) fn new(data_type: &DataType) -> Builder {
        let nulls = || NullBufferBuilder::new(0);
        match &data_type.kind {
            Kind::Null => Builder::Null(0),
            Kind::Boolean => {
                Builder::Boolean { values: BooleanBufferBuilder::new(0), nulls: nulls() }
            }
            Kind::TinyInt => Builder::Int8(Values::new()),
            Kind::SmallInt => Builder::Int16(Values::new()),
            Kind::Int | Kind::IntervalMonths | Kind::Date | Kind::Time(_) => {
                Builder::Int32(Values::new())
            }
            Kind::BigInt | Kind::IntervalMillis => Builder::Int64(Values::new()),
            Kind::Float => Builder::Float32(Values::new()),
            Kind::Double => Builder::Float64(Values::new()),
            Kind::Decimal { .. } => Builder::Int128(Values::new()),
            Kind::Char(_) | Kind::VarChar(_) | Kind::Variant => {
                Builder::String(StringViewBuilder::new())
            }
            Kind::Binary(_) | Kind::VarBinary(_) => Builder::Binary(BinaryViewBuilder::new()),
            Kind::Timestamp(p) | Kind::TimestampLtz(p) if *p <= 6 => Builder::Int64(Values::new()),
            Kind::Timestamp(_) | Kind::TimestampLtz(_) => Builder::Int128(Values::new()),
            Kind::Array(item) => Builder::List {
                ends: Ends::default(),
                nulls: nulls(),
                items: Box::new(Builder::new(item)),
            },
            Kind::Map(key, value) => Builder::Map {
                ends: Ends::default(),
                nulls: nulls(),
                keys: Box::new(Builder::new(key)),
                values: Box::new(Builder::new(value)),
            },
            Kind::Multiset(item) => Builder::Map {
                ends: Ends::default(),
                nulls: nulls(),
                keys: Box::new(Builder::new(item)),
                values: Box::new(Builder::Int32(Values::new())),
            },
            Kind::Row(fields) | Kind::Structured(_, fields) => Builder::Struct {
                nulls: nulls(),
                rows: 0,
                fields: fields.iter().map(|field| Builder::new(&field.data_type)).collect(),
            },
        }
    }

    /// Adds NULL.
    #[inline]
    pub(crate) fn push_null(&mut self) {
        match self {
            Builder::Null(rows) => *rows = rows.wrapping_add(1),
            Builder::Boolean { values, nulls } => {
                values.append(false);
                nulls.append_null();
            }
            Builder::Int8(values) => values.push_null(),
            Builder::Int16(values) => values.push_null(),
            Builder::Int32(values) => values.push_null(),
            Builder::Int64(values) => values.push_null(),
            Builder::Float32(values) => values.push_null(),
            Builder::Float64(values) => values.push_null(),
            Builder::Int128(values) => values.push_null(),
            Builder::String(builder) => builder.append_null(),
            Builder::Binary(builder) => builder.append_null(),
            Builder::List { ends, nulls, .. } | Builder::Map { ends, nulls, .. } => {
                ends.push(ends.last());
                nulls.append_null();
            }
            Builder::Struct { nulls, rows, fields } => {
                nulls.append_null();
                *rows = rows.wrapping_add(1);
                fields.iter_mut().for_each(Builder::push_null);
            }
        }
    }

    /// Adds a BOOLEAN; nothing else may be added to such a column.
    #[inline]
    pub(crate) fn push_bool(&mut self, value: bool) {
        if let Builder::Boolean { values, nulls } = self {
            values.append(value);
            nulls.append_non_null();
        }
    }

    /// Adds a timestamp in the layout of its precision; `None`, with nothing added, beyond what that can hold.
    #[inline]
    pub(crate) fn push_moment(&mut self, moment: Moment) -> Option<()> {
        match self {
            Builder::Int64(values) => values.push(moment.to_micros()?),
            Builder::Int128(values) => values.push(moment.to_nanos()),
            other => other.push_null(),
        }
        Some(())
    }

    /// Values in the column.
    pub(crate) fn len(&self) -> usize {
        match self {
            Builder::Null(rows) | Builder::Struct { rows, .. } => *rows,
            Builder::Boolean { values, .. } => values.len(),
            Builder::Int8(values) => values.values.len(),
            Builder::Int16(values) => values.values.len(),
            Builder::Int32(values) => values.values.len(),
            Builder::Int64(values) => values.values.len(),
            Builder::Float32(values) => values.values.len(),
            Builder::Float64(values) => values.values.len(),
            Builder::Int128(values) => values.values.len(),
            Builder::String(builder) => arrow_array::builder::ArrayBuilder::len(builder),
            Builder::Binary(builder) => arrow_array::builder::ArrayBuilder::len(builder),
            Builder::List { ends, .. } | Builder::Map { ends, .. } => ends.ends.len(),
        }
    }

    /// Hands out the column and starts anew.
    pub(crate) fn finish(&mut self, data_type: &DataType) -> Result<Column> {
        self.finish_as(&data_type.physical())
    }

    fn finish_as(&mut self, physical: &Physical) -> Result<Column> {
        let array: Column = match (self, physical) {
            (Builder::Null(rows), _) => Arc::new(NullArray::new(std::mem::take(rows))),
            (Builder::Boolean { values, nulls }, _) => {
                Arc::new(BooleanArray::new(values.finish(), nulls.finish()))
            }
            (Builder::Int8(values), _) => primitive::<Int8Type>(values, physical),
            (Builder::Int16(values), _) => primitive::<Int16Type>(values, physical),
            (Builder::Int32(values), Physical::Date32) => primitive::<Date32Type>(values, physical),
            (Builder::Int32(values), Physical::Time32(_)) => {
                primitive::<Time32MillisecondType>(values, physical)
            }
            (Builder::Int32(values), _) => primitive::<Int32Type>(values, physical),
            (Builder::Int64(values), Physical::Timestamp(..)) => {
                primitive::<TimestampMicrosecondType>(values, physical)
            }
            (Builder::Int64(values), _) => primitive::<Int64Type>(values, physical),
            (Builder::Float32(values), _) => primitive::<Float32Type>(values, physical),
            (Builder::Float64(values), _) => primitive::<Float64Type>(values, physical),
            (Builder::Int128(values), _) => primitive::<Decimal128Type>(values, physical),
            (Builder::String(builder), _) => Arc::new(builder.finish()),
            (Builder::Binary(builder), _) => Arc::new(builder.finish()),
            (Builder::List { ends, nulls, items }, Physical::List(item)) => {
                let items = items.finish_as(item.data_type())?;
                let list =
                    ListArray::try_new(Arc::clone(item), ends.finish()?, items, nulls.finish());
                Arc::new(list.map_err(Error::internal)?)
            }
            (Builder::Map { ends, nulls, keys, values }, Physical::Map(..)) => {
                let Some((key, value)) = map_children(physical) else {
                    return Err(Error::internal("a map without keys and values"));
                };
                let entries = (keys.finish_as(key)?, values.finish_as(value)?);
                map_array(physical, ends.finish()?, entries, nulls.finish())?
            }
            (Builder::Struct { nulls, rows, fields }, Physical::Struct(types)) => {
                let children = fields
                    .iter_mut()
                    .zip(types)
                    .map(|(field, field_type)| field.finish_as(field_type.data_type()))
                    .collect::<Result<Vec<_>>>()?;
                let rows = std::mem::take(rows);
                let array =
                    StructArray::try_new_with_length(types.clone(), children, nulls.finish(), rows);
                Arc::new(array.map_err(Error::internal)?)
            }
            _ => return Err(Error::internal("a column's layout and its type differ")),
        };
        Ok(array)
    }
}

fn primitive<T: ArrowPrimitiveType>(values: &mut Values<T::Native>, physical: &Physical) -> Column {
    let buffer = ScalarBuffer::from(std::mem::take(&mut values.values));
    let array = PrimitiveArray::<T>::new(buffer, values.nulls.finish());
    Arc::new(array.with_data_type(physical.clone()))
}

/// Where each list of a column ends in its items.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    ends: Vec<usize>,
}

impl Ends {
    /// End of the last list.
    pub(crate) fn last(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Adds a list that ends at item `end`.
    pub(crate) fn push(&mut self, end: usize) {
        self.ends.push(end);
    }

    fn finish(&mut self) -> Result<OffsetBuffer<i32>> {
        let mut offsets = Vec::with_capacity(self.ends.len().saturating_add(1));
        offsets.push(0);
        for end in self.ends.drain(..) {
            offsets.push(
                i32::try_from(end).map_err(|_| Error::internal("a batch has too many items"))?,
            );
        }
        Ok(OffsetBuffer::new(ScalarBuffer::from(offsets)))
    }
}
