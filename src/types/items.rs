//! How much the collections of a column hold.

use super::{Column, map_keys};
use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use arrow_schema::DataType as Physical;
use std::ops::Range;

/// Items in some rows of a column: of collections those that they hold, in all depths.
pub(crate) fn items(column: &Column, rows: Range<usize>) -> usize {
    let inside = |offsets: &[i32]| {
        let at = |row: usize| offsets.get(row).map_or(0, |end| usize::try_from(*end).unwrap_or(0));
        at(rows.start)..at(rows.end)
    };
    match column.data_type() {
        Physical::List(_) => {
            let lists = column.as_list::<i32>();
            rows.len() + items(lists.values(), inside(lists.value_offsets()))
        }
        Physical::Map(..) => {
            let maps = column.as_map();
            let inside = inside(maps.value_offsets());
            rows.len() + items(map_keys(maps), inside.clone()) + items(maps.values(), inside)
        }
        Physical::Struct(_) => {
            let fields = column.as_struct().columns().iter();
            fields.map(|field| items(field, rows.clone())).sum()
        }
        _ => rows.len(),
    }
}
