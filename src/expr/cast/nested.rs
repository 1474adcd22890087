//! Casts of rows, arrays, maps and multisets, element by element.

use super::Cast;
use crate::expr::Selection;
use crate::types::{Column, DataType, Kind, RowErrors, java_map, map_array, map_keys};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ListArray, StructArray};
use arrow_schema::DataType as Physical;
use std::sync::Arc;

pub(super) fn cast(cast: &Cast<'_>, column: &Column, errors: &mut RowErrors) -> Column {
    let physical = cast.to.physical();
    let (from, to) = (&cast.from.kind, &cast.to.kind);
    match (from, to, &physical) {
        (_, _, Physical::Struct(fields)) => {
            let (Some(from), Some(to)) = (from.fields(), to.fields()) else {
                return arrow_array::new_null_array(&physical, column.len());
            };
            let row = column.as_struct();
            let columns = row.columns().iter().zip(from.iter().zip(to));
            let columns = columns.map(|(column, (from, to))| {
                child(cast, column, (&from.data_type, &to.data_type), cast.selection, errors)
            });
            let columns = columns.collect();
            Arc::new(StructArray::new(fields.clone(), columns, row.nulls().cloned()))
        }
        (Kind::Array(from), Kind::Array(to), Physical::List(field)) => {
            let list = column.as_list::<i32>();
            let values = all(cast, list.values(), (from, to), column, errors);
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Arc::new(ListArray::new(Arc::clone(field), offsets, values, nulls))
        }
        (from, to, Physical::Map(..)) => {
            let count = Kind::Int.not_null();
            let types = match (from, to) {
                (Kind::Map(k1, v1), Kind::Map(k2, v2)) => [(&**k1, &**k2), (&**v1, &**v2)],
                (Kind::Multiset(a), Kind::Multiset(b)) => [(&**a, &**b), (&count, &count)],
                _ => return arrow_array::new_null_array(&physical, column.len()),
            };
            let map = column.as_map();
            let [key_types, value_types] = types;
            let keys = all(cast, map_keys(map), key_types, column, errors);
            let values = all(cast, map.values(), value_types, column, errors);
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            // The entries are put into a new map.
            match map_array(&physical, offsets, (keys, values), nulls) {
                Ok(map) if from == to => map,
                Ok(map) => java_map::in_order(&map),
                Err(_) => arrow_array::new_null_array(&physical, column.len()),
            }
        }
        _ => arrow_array::new_null_array(&physical, column.len()),
    }
}

fn child(
    cast: &Cast<'_>,
    column: &Column,
    (from, to): (&DataType, &DataType),
    selection: &Selection,
    errors: &mut RowErrors,
) -> Column {
    Cast { from, to, zone: cast.zone, legacy: cast.legacy, selection }.apply(column, errors)
}

/// Casts every element; a failure is reported for the row that holds it.
fn all(
    cast: &Cast<'_>,
    elements: &Column,
    types: (&DataType, &DataType),
    parent: &Column,
    errors: &mut RowErrors,
) -> Column {
    let mut inner = RowErrors::new();
    let column = child(cast, elements, types, &Selection::All(elements.len()), &mut inner);
    let offsets: &[i32] = match parent.as_list_opt::<i32>() {
        Some(list) => list.value_offsets(),
        None => parent.as_map().value_offsets(),
    };
    let row_of = |element: usize| {
        let element = i32::try_from(element).unwrap_or(i32::MAX);
        offsets.partition_point(|offset| *offset <= element).saturating_sub(1)
    };
    errors.append(&inner, row_of);
    column
}
