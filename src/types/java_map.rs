//! The order of a map's entries. What `MAP[…]` and functions make keeps the order in which entries came; a cast to another
//! type, a record that is read and most connectors put them into a `java.util.HashMap`, whose buckets they follow then.

use super::Column;
use crate::base::Distinct;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType,
};
use arrow_array::{Array, MapArray, UInt32Array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::DataType as Physical;
use std::hash::Hash;
use std::ops::Range;
use std::sync::Arc;

/// How a map holds its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// As Flink computes with them: texts are `BinaryStringData`.
    Internal,
    /// As Java's own objects: texts are `String`.
    External,
}

impl Keys {
    /// `hashCode` of the key at `at`; 0 for NULL, and for the types of which maps are left as they are.
    pub(crate) fn hash(self, keys: &Column, at: usize) -> u32 {
        macro_rules! primitive {
            ($type:ty) => {
                keys.as_primitive::<$type>().value(at)
            };
        }
        if keys.is_null(at) {
            return 0;
        }
        match (keys.data_type(), self) {
            (Physical::Utf8View, Keys::Internal) => {
                hash(keys.as_string_view().value(at).as_bytes())
            }
            (Physical::Utf8View, Keys::External) => string_hash(keys.as_string_view().value(at)),
            (Physical::Boolean, _) => bool_hash(keys.as_boolean().value(at)),
            (Physical::Int8, _) => i32::from(primitive!(Int8Type)).cast_unsigned(),
            (Physical::Int16, _) => i32::from(primitive!(Int16Type)).cast_unsigned(),
            (Physical::Int32, _) => primitive!(Int32Type).cast_unsigned(),
            (Physical::Int64, _) => long_hash(primitive!(Int64Type)),
            (Physical::Float32, _) => primitive!(Float32Type).to_bits(),
            (Physical::Float64, _) => long_hash(primitive!(Float64Type).to_bits().cast_signed()),
            (Physical::Date32, Keys::Internal) => primitive!(Date32Type).cast_unsigned(),
            (Physical::Time32(_), Keys::Internal) => {
                primitive!(Time32MillisecondType).cast_unsigned()
            }
            _ => 0,
        }
    }

    /// The places of a row's entries in the order of Java's map.
    pub(crate) fn order(self, map: &MapArray, row: usize) -> Vec<usize> {
        let offsets = map.value_offsets();
        let entries: Range<usize> = offsets[row] as usize..offsets[row + 1] as usize;
        let count = entries.len();
        let mut order: Vec<usize> = entries.collect();
        if count > 1 {
            order.sort_by_key(|at| place(self.hash(super::map_keys(map), *at), count));
        }
        order
    }
}

/// A column of maps with the entries of each in the order of Java's map.
pub(crate) fn in_order(column: &Column) -> Column {
    let map = column.as_map();
    let lengths = (0..map.len()).map(|row| usize::try_from(map.value_length(row)).unwrap_or(0));
    if lengths.clone().all(|length| length < 2) {
        return Arc::clone(column);
    }
    let order = (0..map.len()).flat_map(|row| Keys::Internal.order(map, row));
    let places = UInt32Array::from_iter_values(order.map(|at| u32::try_from(at).unwrap_or(0)));
    let take = |values: &Column| arrow_select::take::take(values, &places, None);
    let (offsets, nulls) = (OffsetBuffer::from_lengths(lengths), map.nulls().cloned());
    let entries = take(super::map_keys(map)).and_then(|keys| Ok((keys, take(map.values())?)));
    match entries.map(|entries| super::map_array(map.data_type(), offsets, entries, nulls)) {
        Ok(Ok(map)) => map,
        _ => Arc::clone(column),
    }
}

/// Entries, each a key and its value or the place of that, as a map of Java holds them that keeps their order: of a key that comes
/// again, the first place and the last value. `MAP_FROM_ARRAYS` repeats keys, formats write NULL as a text, and records
/// hold what their writers like.
pub(crate) fn distinct<K: Eq + Hash, V: Copy>(
    entries: impl IntoIterator<Item = (K, V)>,
) -> Vec<(K, V)> {
    let mut kept = Distinct::default();
    for (key, value) in entries {
        let same = |(a, _): &(K, V), (b, _): &(K, V)| a == b;
        if let Some((_, before)) = kept.insert((key, value), same, |(key, _), to| key.hash(to)) {
            *before = value;
        }
    }
    kept.into_vec()
}

/// Buckets of a `HashMap` that has grown to hold `entries`.
fn buckets(entries: usize) -> u32 {
    let mut buckets: u32 = 16;
    while entries > (buckets / 4).saturating_mul(3) as usize && buckets < 1 << 30 {
        buckets = buckets.saturating_mul(2);
    }
    buckets
}

/// The bucket of a key with this `hashCode` in a map of `entries`; inside of a bucket entries keep the order in which
/// they came.
pub(crate) fn place(hash: u32, entries: usize) -> u32 {
    (hash ^ (hash >> 16)) & buckets(entries).wrapping_sub(1)
}

/// The bucket of `key`, a `BinaryStringData`, in a map of `entries`.
pub(crate) fn bucket(key: &str, entries: usize) -> u32 {
    place(hash(key.as_bytes()), entries)
}

/// `String.hashCode`.
pub(crate) fn string_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

/// `Long.hashCode`.
pub(crate) fn long_hash(value: i64) -> u32 {
    (value ^ (value >> 32)) as u32
}

/// `Boolean.hashCode`.
pub(crate) fn bool_hash(value: bool) -> u32 {
    if value { 1_231 } else { 1_237 }
}

/// `BinaryStringData.hashCode`: MurmurHash3 for 32 bits with seed 42, but that every byte of the tail counts as a word.
pub(crate) fn hash(bytes: &[u8]) -> u32 {
    let (words, tail) = bytes.as_chunks::<4>();
    let mut hash: u32 = 42;
    let mut mix = |word: u32| {
        let word = word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
        hash = (hash ^ word).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    };
    words.iter().for_each(|word| mix(u32::from_le_bytes(*word)));
    // Bytes are signed in Java.
    tail.iter().for_each(|byte| mix(i32::from(byte.cast_signed()).cast_unsigned()));
    hash ^= bytes.len() as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_grow_as_in_java() {
        for (entries, expected) in [(1, 16), (12, 16), (13, 32), (24, 32), (25, 64), (1_000, 2_048)]
        {
            assert_eq!(buckets(entries), expected, "{entries}");
        }
    }

    #[test]
    fn keys_have_javas_hash_codes() {
        use arrow_array::{Float64Array, Int64Array, StringViewArray};
        let texts: Column = Arc::new(StringViewArray::from(vec![Some("Aa"), Some("BB"), None]));
        assert_eq!(
            (0..3).map(|at| Keys::External.hash(&texts, at)).collect::<Vec<_>>(),
            [2112, 2112, 0]
        );
        let longs: Column = Arc::new(Int64Array::from(vec![1, -1, 1 << 40]));
        assert_eq!(
            (0..3).map(|at| Keys::Internal.hash(&longs, at)).collect::<Vec<_>>(),
            [1, 0, 256]
        );
        let doubles: Column = Arc::new(Float64Array::from(vec![1.5]));
        assert_eq!(Keys::Internal.hash(&doubles, 0), 1_073_217_536);
    }

    #[test]
    fn a_key_that_comes_again_keeps_its_place() {
        for keys in [3, crate::base::COMPARED_MAX, 100] {
            let twice = (0..keys).chain(0..keys).enumerate().map(|(at, key)| (key, at));
            let expected: Vec<_> = (0..keys).map(|key| (key, keys + key)).collect();
            assert_eq!(distinct(twice), expected, "{keys} keys");
        }
    }

    #[test]
    fn order_is_that_of_javas_map() {
        assert!(bucket("d", 2) < bucket("b", 2));
        assert!(bucket("a", 2) < bucket("b", 2));
    }
}
