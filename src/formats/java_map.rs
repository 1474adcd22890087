//! The order of a map's entries: Flink puts them into a `java.util.HashMap`, and what a map prints or is written as
//! follows the buckets of that.

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
    fn order_is_that_of_javas_map() {
        assert!(bucket("d", 2) < bucket("b", 2));
        assert!(bucket("a", 2) < bucket("b", 2));
    }
}
