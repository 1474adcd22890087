//! Values with parts: rows, arrays, maps and multisets.

use super::generator::{Cell, Generator, Moment, Random, column as column_of};
use crate::base::{Error, Result};
use crate::expr::Seen;
use crate::types::{Column, DataType, Kind, java_map, map_array};
use arrow_array::{ListArray, StructArray, UInt32Array};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::DataType as Physical;
use std::sync::Arc;

/// The values of a nested type.
pub(super) fn column(
    generator: &Generator,
    data_type: &DataType,
    cells: &[Cell],
    moment: &Moment,
) -> Result<Column> {
    let nulls = Some(cells.iter().map(|cell| !cell.null).collect::<NullBuffer>());
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    let physical = data_type.physical();
    match (generator, &data_type.kind, &physical) {
        (Generator::Row(parts), Kind::Row(fields), Physical::Struct(layout)) => {
            let children = parts.iter().zip(fields).enumerate().map(|(at, (part, field))| {
                let cells = cells.iter().map(|cell| cell.part(at));
                column_of(part, &field.data_type, cells, moment)
            });
            let children = children.collect::<Result<_>>()?;
            let rows =
                StructArray::try_new_with_length(layout.clone(), children, nulls, cells.len());
            Ok(Arc::new(rows.map_err(Error::internal)?))
        }
        (Generator::Array(length, element), Kind::Array(element_type), Physical::List(item)) => {
            let parts = parts(cells, *length, 0, 1);
            let values = column_of(element, element_type, parts, moment)?;
            let list = ListArray::try_new(Arc::clone(item), offsets(cells, *length), values, nulls);
            Ok(Arc::new(list.map_err(Error::internal)?))
        }
        (Generator::Map(length, key, value), kind, Physical::Map(..)) => {
            let count = Kind::Int.not_null();
            let (key_type, value_type) = match kind {
                Kind::Map(key, value) => (&**key, &**value),
                Kind::Multiset(element) => (&**element, &count),
                _ => return Err(Error::internal("a map of another type")),
            };
            let keys = column_of(key, key_type, parts(cells, *length, 0, 2), moment)?;
            let values = column_of(value, value_type, parts(cells, *length, 1, 2), moment)?;
            let (offsets, kept) = one_of_each_key(&keys, &offsets(cells, *length));
            let take = |column: &Column| {
                arrow_select::take::take(column, &kept, None).map_err(Error::internal)
            };
            let map = map_array(&physical, offsets, (take(&keys)?, take(&values)?), nulls)?;
            Ok(java_map::in_order(&map))
        }
        _ => Err(Error::internal("a generator of another type")),
    }
}

/// What the elements of all collections are made of: parts `first`, `first + step` and so on of each.
fn parts(
    cells: &[Cell],
    length: usize,
    first: usize,
    step: usize,
) -> impl Iterator<Item = (i64, Random)> {
    let cells = cells.iter().filter(|cell| !cell.null);
    cells.flat_map(move |cell| (0..length).map(move |at| cell.part(first + at * step)))
}

/// Where collections of `length` elements lie; those that are NULL have none.
fn offsets(cells: &[Cell], length: usize) -> OffsetBuffer<i32> {
    OffsetBuffer::from_lengths(cells.iter().map(|cell| if cell.null { 0 } else { length }))
}

/// Where the maps lie once each key is there once, and the places of the entries that are kept. Which of the entries
/// with the same key is left to chance anyway.
fn one_of_each_key(keys: &Column, offsets: &OffsetBuffer<i32>) -> (OffsetBuffer<i32>, UInt32Array) {
    let mut seen = Seen::default();
    let mut kept = Vec::with_capacity(keys.len());
    let mut start = 0;
    let lengths: Vec<usize> = offsets
        .lengths()
        .map(|length| {
            let before = kept.len();
            seen.clear();
            let new = (start..start + length)
                .filter(|at| seen.insert(std::slice::from_ref(keys), (0, *at)));
            kept.extend(new.map(|at| u32::try_from(at).unwrap_or(u32::MAX)));
            start += length;
            kept.len() - before
        })
        .collect();
    (OffsetBuffer::from_lengths(lengths), UInt32Array::from(kept))
}

#[cfg(test)]
mod tests {
    use super::super::generator::generate;
    use super::*;
    use crate::types::{Field, map_keys};
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Int8Type, Int32Type, Int64Type};
    use arrow_array::{Array, Int32Array, Int64Array};

    const INT: Generator = Generator::Integer(0, i32::MAX as i64);

    fn made(generator: &Generator, kind: Kind, rows: std::ops::Range<i64>) -> Column {
        let zone = chrono_tz::UTC;
        let moment = Moment { seed: 7, now_millis: 0, zone, stride: 1, first: 0 };
        generate(generator, &kind.nullable(), 0, rows, &moment).unwrap()
    }

    fn int() -> Box<DataType> {
        Box::new(Kind::Int.nullable())
    }

    fn rarely(generator: Generator) -> Generator {
        Generator::Nullable(0.3, Box::new(generator))
    }

    #[test]
    fn fields_of_a_row_are_made_apart() {
        let fields = vec![
            Field::new("a", Kind::BigInt.nullable()),
            Field::new("b", Kind::BigInt.nullable()),
        ];
        let field = || Generator::Integer(0, i64::MAX);
        let made = made(&Generator::Row(vec![field(), field()]), Kind::Row(fields), 0..50);
        let values = |at: usize| -> &Int64Array { made.as_struct().column(at).as_primitive() };
        assert!(values(0).iter().zip(values(1)).all(|(a, b)| a != b));
    }

    #[test]
    fn rows_may_be_null_and_so_may_their_fields() {
        let fields = vec![Field::new("a", Kind::Int.nullable())];
        let made = made(&rarely(Generator::Row(vec![rarely(INT)])), Kind::Row(fields), 0..1000);
        let field = made.as_struct().column(0);
        let nulls = (0..1000).filter(|row| made.is_valid(*row) && field.is_null(*row)).count();
        assert!((200..400).contains(&made.null_count()), "{}", made.null_count());
        assert!((130..300).contains(&nulls), "{nulls}");
    }

    #[test]
    fn arrays_have_their_length_and_elements_of_their_own() {
        let generator = Generator::Array(4, Box::new(INT));
        let made = made(&rarely(generator), Kind::Array(int()), 0..100);
        let list = made.as_list::<i32>();
        let lengths: Vec<i32> = (0..100).map(|row| list.value_length(row)).collect();
        assert!((0..100).all(|row| lengths[row] == if made.is_null(row) { 0 } else { 4 }));
        let elements: &Int32Array = list.values().as_primitive();
        let different: std::collections::BTreeSet<i32> =
            elements.values().iter().copied().collect();
        assert_eq!(different.len(), elements.len());
    }

    #[test]
    fn an_array_has_the_same_elements_however_its_row_is_reached() {
        let element = Generator::Array(2, Box::new(rarely(INT)));
        let generator = rarely(Generator::Array(3, Box::new(element)));
        let kind = || Kind::Array(Box::new(Kind::Array(int()).nullable()));
        let all = made(&generator, kind(), 0..100);
        assert_eq!(&all.slice(60, 40), &made(&generator, kind(), 60..100));
    }

    #[test]
    fn a_map_has_each_key_once_in_the_order_of_java() {
        let key = Generator::Integer(0, 3);
        let generator = Generator::Map(9, Box::new(key), Box::new(INT));
        let kind = Kind::Map(Box::new(Kind::TinyInt.nullable()), int());
        let made = made(&rarely(generator), kind, 0..100);
        for row in (0..100).filter(|row| made.is_valid(*row)) {
            let entries = made.as_map().value(row);
            let keys = entries.column(0).as_struct().column(0).as_primitive::<Int8Type>();
            let keys = keys.values();
            assert!(keys.len() > 1 && keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        }
    }

    #[test]
    fn null_is_a_key_too() {
        let key = Generator::Nullable(1.0, Box::new(INT));
        let generator = Generator::Map(3, Box::new(key), Box::new(INT));
        let made = made(&generator, Kind::Map(int(), int()), 0..2);
        assert_eq!(made.as_map().value_length(0), 1);
        assert_eq!(map_keys(made.as_map()).null_count(), 2);
    }

    #[test]
    fn a_multiset_counts_its_elements() {
        let counts = Box::new(Generator::Integer(0, 10));
        let generator = Generator::Map(3, Box::new(Generator::Integer(0, i64::MAX)), counts);
        let kind = Kind::Multiset(Box::new(Kind::BigInt.nullable()));
        let made = made(&generator, kind, 0..100);
        let map = made.as_map();
        assert_eq!(map_keys(map).as_primitive::<Int64Type>().len(), 300);
        let counts = map.values().as_primitive::<Int32Type>().values();
        assert!(counts.iter().all(|count| (0..=10).contains(count)));
        assert!(counts.contains(&0) && counts.contains(&10));
    }

    #[test]
    fn collections_may_be_empty() {
        let empty = made(&Generator::Array(0, Box::new(INT)), Kind::Array(int()), 0..2);
        assert_eq!((empty.len(), empty.null_count()), (2, 0));
        let generator = Generator::Map(0, Box::new(INT), Box::new(INT));
        assert_eq!(made(&generator, Kind::Map(int(), int()), 0..2).as_map().value_length(1), 0);
    }
}
