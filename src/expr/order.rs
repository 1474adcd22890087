//! ORDER BY: the order of rows by some of their columns.

use crate::types::{Column, DataType, Kind};
use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time32MillisecondType, TimestampMicrosecondType,
};
use std::cmp::Ordering;

/// A column to sort by.
#[derive(Clone, Debug, PartialEq)]
pub struct SortKey {
    /// Its position.
    pub column: usize,
    /// Its type; see [`is_sortable`].
    pub data_type: DataType,
    /// Largest first.
    pub descending: bool,
    /// Rows without a value first; Flink's default is that NULL is less than anything.
    pub nulls_first: bool,
}

/// Whether values of a type have an order.
pub fn is_sortable(kind: &Kind) -> bool {
    *kind != Kind::Variant && !kind.is_nested()
}

/// The numbers of all rows in order; rows that are equal by every key stay in theirs.
pub fn sorted_rows(columns: &[Column], keys: &[SortKey], rows: usize) -> Vec<u32> {
    let compare: Vec<(Comparator<'_>, &SortKey)> = keys
        .iter()
        .filter_map(|key| Some((comparator(columns.get(key.column)?, &key.data_type.kind), key)))
        .collect();
    let mut sorted: Vec<u32> = (0..u32::try_from(rows).unwrap_or(u32::MAX)).collect();
    sorted.sort_by(|a, b| {
        let (a, b) = (*a as usize, *b as usize);
        let orders = compare.iter().map(|(compare, key)| {
            let column = columns.get(key.column);
            let null = |row| column.is_none_or(|column| column.is_null(row));
            match (null(a), null(b)) {
                (true, true) => Ordering::Equal,
                (false, false) if key.descending => compare(a, b).reverse(),
                (false, false) => compare(a, b),
                (a_null, _) if a_null == key.nulls_first => Ordering::Less,
                _ => Ordering::Greater,
            }
        });
        orders.fold(Ordering::Equal, Ordering::then)
    });
    sorted
}

type Comparator<'a> = Box<dyn Fn(usize, usize) -> Ordering + 'a>;

/// Compares values of a column that are not NULL as `<` and `>` do: the two zeros are equal, and NaN, for which there is
/// `None`, is neither less nor greater than anything.
pub(crate) fn operator_order<'a>(
    column: &'a Column,
    kind: &Kind,
) -> Box<dyn Fn(usize, usize) -> Option<Ordering> + 'a> {
    match kind {
        Kind::Float => {
            let values = column.as_primitive::<Float32Type>().values();
            Box::new(|a, b| values[a].partial_cmp(&values[b]))
        }
        Kind::Double => {
            let values = column.as_primitive::<Float64Type>().values();
            Box::new(|a, b| values[a].partial_cmp(&values[b]))
        }
        _ => {
            let compare = comparator(column, kind);
            Box::new(move |a, b| Some(compare(a, b)))
        }
    }
}

fn comparator<'a>(column: &'a Column, kind: &Kind) -> Comparator<'a> {
    match kind {
        Kind::Boolean => {
            let values = column.as_boolean();
            Box::new(|a, b| values.value(a).cmp(&values.value(b)))
        }
        Kind::TinyInt => primitive::<Int8Type>(column, Ord::cmp),
        Kind::SmallInt => primitive::<Int16Type>(column, Ord::cmp),
        Kind::Int | Kind::IntervalMonths => primitive::<Int32Type>(column, Ord::cmp),
        Kind::BigInt | Kind::IntervalMillis => primitive::<Int64Type>(column, Ord::cmp),
        // `Double.compare`: NaN is above everything, 0.0 above -0.0.
        Kind::Float => primitive::<Float32Type>(column, f32::total_cmp),
        Kind::Double => primitive::<Float64Type>(column, f64::total_cmp),
        Kind::Date => primitive::<Date32Type>(column, Ord::cmp),
        Kind::Time(_) => primitive::<Time32MillisecondType>(column, Ord::cmp),
        Kind::Timestamp(p) | Kind::TimestampLtz(p) if *p <= 6 => {
            primitive::<TimestampMicrosecondType>(column, Ord::cmp)
        }
        Kind::Timestamp(_) | Kind::TimestampLtz(_) | Kind::Decimal { .. } => {
            primitive::<Decimal128Type>(column, Ord::cmp)
        }
        Kind::Char(_) | Kind::VarChar(_) => {
            let values = column.as_string_view();
            Box::new(|a, b| values.value(a).cmp(values.value(b)))
        }
        Kind::Binary(_) | Kind::VarBinary(_) => {
            let values = column.as_binary_view();
            Box::new(|a, b| values.value(a).cmp(values.value(b)))
        }
        Kind::Null
        | Kind::Variant
        | Kind::Array(_)
        | Kind::Map(..)
        | Kind::Multiset(_)
        | Kind::Row(_)
        | Kind::Structured(..) => Box::new(|_, _| Ordering::Equal),
    }
}

fn primitive<T: ArrowPrimitiveType>(
    column: &Column,
    compare: fn(&T::Native, &T::Native) -> Ordering,
) -> Comparator<'_> {
    let values = column.as_primitive::<T>();
    Box::new(move |a, b| compare(&values.value(a), &values.value(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Float64Array, Int32Array};
    use std::sync::Arc;

    #[test]
    fn rows_are_ordered_by_all_keys_and_nulls_stand_where_asked() {
        let a: Column = Arc::new(Int32Array::from(vec![Some(2), None, Some(1), Some(2)]));
        let b: Column = Arc::new(Float64Array::from(vec![f64::NAN, 0.0, 1.0, -1.0]));
        let key = |column, kind: Kind, descending, nulls_first| SortKey {
            column,
            data_type: kind.nullable(),
            descending,
            nulls_first,
        };
        let columns = [a, b];
        for (keys, expected) in [
            (vec![key(0, Kind::Int, false, true)], [1, 2, 0, 3]),
            (vec![key(0, Kind::Int, true, false)], [0, 3, 2, 1]),
            (vec![key(0, Kind::Int, true, true), key(1, Kind::Double, false, true)], [1, 3, 0, 2]),
            (vec![key(1, Kind::Double, true, false)], [0, 2, 1, 3]),
        ] {
            assert_eq!(sorted_rows(&columns, &keys, 4), expected, "{keys:?}");
        }
    }
}
