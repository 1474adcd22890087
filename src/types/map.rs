//! The layout of maps: Arrow's, with each key in a struct of one field, since Arrow's maps have no NULL keys and Flink's
//! do.

use super::{Column, DataType};
use crate::base::{Error, Result};
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, MapArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType as Physical, Field, FieldRef, Fields};
use std::sync::Arc;

/// The layout of a map of `key` to `value`.
pub(super) fn layout(key: &DataType, value: &DataType) -> Physical {
    let key = Fields::from(vec![Field::new("key", key.physical(), true)]);
    let entries = Fields::from(vec![
        Field::new("keys", Physical::Struct(key), false),
        Field::new("values", value.physical(), true),
    ]);
    Physical::Map(Arc::new(Field::new("entries", Physical::Struct(entries), false)), false)
}

/// The layouts of keys and of values; `None` where `physical` is no map.
pub fn map_children(physical: &Physical) -> Option<(&Physical, &Physical)> {
    let [key, value] = entries_of(physical)?.1.as_ref() else { return None };
    let Physical::Struct(fields) = key.data_type() else { return None };
    Some((fields.first()?.data_type(), value.data_type()))
}

/// The keys of all maps of a column, one after another.
pub fn map_keys(map: &MapArray) -> &Column {
    map.keys().as_struct().column(0)
}

/// A column of maps; `keys` and `values` are those of all rows, one after another.
///
/// # Errors
/// [`crate::base::ErrorKind::Internal`] where `physical` is not the layout of these columns.
pub fn map_array(
    physical: &Physical,
    offsets: OffsetBuffer<i32>,
    (keys, values): (Column, Column),
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let layout = entries_of(physical).and_then(|(field, fields)| match fields.as_ref() {
        [key, _] => match key.data_type() {
            Physical::Struct(key) => Some((field, fields, key)),
            _ => None,
        },
        _ => None,
    });
    let Some((field, fields, key)) = layout else {
        return Err(Error::internal("the layout of a map is another one"));
    };
    let keys = StructArray::try_new(key.clone(), vec![keys], None).map_err(Error::internal)?;
    let columns: Vec<Column> = vec![Arc::new(keys), values];
    let entries = StructArray::try_new(fields.clone(), columns, None).map_err(Error::internal)?;
    let map = MapArray::try_new(Arc::clone(field), offsets, entries, nulls, false);
    Ok(Arc::new(map.map_err(Error::internal)?))
}

fn entries_of(physical: &Physical) -> Option<(&FieldRef, &Fields)> {
    let Physical::Map(field, _) = physical else { return None };
    let Physical::Struct(fields) = field.data_type() else { return None };
    Some((field, fields))
}
