//! Elements of arrays, found among those before them.

use super::nested::{range, same, values};
use crate::base::Distinct;
use crate::types::Column;
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float32Type, Float64Type};
use arrow_schema::DataType as Physical;
use std::hash::{DefaultHasher, Hash};

/// Elements, each by the number of its column and its place there, with equal ones kept once.
#[derive(Default)]
pub(crate) struct Seen(Distinct<(usize, usize)>);

impl Seen {
    /// Forgets all elements.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether an element of `columns` was added before.
    pub(super) fn contains(&self, columns: &[Column], element: (usize, usize)) -> bool {
        self.0.contains(&element, is_same(columns), hashed(columns))
    }

    /// Adds an element; says `false` where it is there already.
    pub(crate) fn insert(&mut self, columns: &[Column], element: (usize, usize)) -> bool {
        self.0.insert(element, is_same(columns), hashed(columns)).is_none()
    }
}

fn is_same(columns: &[Column]) -> impl Fn(&(usize, usize), &(usize, usize)) -> bool {
    |(a, i), (b, j)| same(&columns[*a], *i, &columns[*b], *j)
}

fn hashed(columns: &[Column]) -> impl Fn(&(usize, usize), &mut DefaultHasher) {
    |(column, at), hasher| hash(&columns[*column], *at, hasher)
}

/// Equal for values that [`same`] takes for equal.
fn hash(column: &Column, at: usize, hasher: &mut DefaultHasher) {
    if column.is_null(at) {
        return 0_u8.hash(hasher);
    }
    1_u8.hash(hasher);
    // The two zeros are equal, the NaNs may be.
    let number = |value: f64| if value.is_nan() { u64::MAX } else { (value + 0.0).to_bits() };
    match column.data_type() {
        Physical::Utf8View => column.as_string_view().value(at).hash(hasher),
        Physical::BinaryView => column.as_binary_view().value(at).hash(hasher),
        Physical::Boolean => column.as_boolean().value(at).hash(hasher),
        Physical::Float32 => {
            number(f64::from(column.as_primitive::<Float32Type>().value(at))).hash(hasher);
        }
        Physical::Float64 => number(column.as_primitive::<Float64Type>().value(at)).hash(hasher),
        Physical::Decimal128(..) => column.as_primitive::<Decimal128Type>().value(at).hash(hasher),
        Physical::Struct(_) => {
            column.as_struct().columns().iter().for_each(|field| hash(field, at, hasher));
        }
        Physical::List(_) => {
            let range = range(column, at);
            range.len().hash(hasher);
            range.for_each(|element| hash(values(column), element, hasher));
        }
        // The order of a map's entries counts.
        Physical::Map(..) => {
            let (map, range) = (column.as_map(), range(column, at));
            range.len().hash(hasher);
            for entry in range {
                hash(crate::types::map_keys(map), entry, hasher);
                hash(map.values(), entry, hasher);
            }
        }
        kind if kind.primitive_width().is_some() => {
            let data = column.to_data();
            if let (Some(width), Some(buffer)) = (kind.primitive_width(), data.buffers().first()) {
                let start = (data.offset() + at) * width;
                buffer.as_slice().get(start..start + width).hash(hasher);
            }
        }
        // Anything else has one hash, and is compared.
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Float64Array, Int32Array, StringViewArray};
    use std::sync::Arc;

    #[test]
    fn equal_elements_are_found_among_few_and_many() {
        let numbers: Column = Arc::new(Int32Array::from_iter((0..2_000).map(|n| Some(n % 700))));
        let texts = (0..2_000).map(|n| (n % 5 != 0).then(|| format!("text {}", n % 700)));
        let texts: Column = Arc::new(StringViewArray::from_iter(texts));
        let floats = (0..2_000).map(|n| [0.0, -0.0, 1.5][n % 3] * f64::from((n / 3) as u32));
        let floats: Column = Arc::new(Float64Array::from_iter_values(floats));
        for column in [numbers, texts, floats] {
            for length in [10, 2_000] {
                let (mut seen, mut kept) = (Seen::default(), Vec::new());
                let columns = [Arc::clone(&column)];
                for at in 0..length {
                    let is_new = !kept.iter().any(|before| same(&column, *before, &column, at));
                    assert_eq!(seen.insert(&columns, (0, at)), is_new, "{at}");
                    if is_new {
                        kept.push(at);
                    }
                }
                seen.clear();
                assert!(!seen.contains(&columns, (0, 0)));
            }
        }
    }
}
