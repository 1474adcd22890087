//! Sequence numbers of idempotent producers: they wrap from 2^31 - 1 to 0.

/// The sequence number `distance` records after `base`.
///
/// `base` is -1 (no sequence) or not negative, `distance` is not negative.
pub const fn sequence_at(base: i32, distance: i32) -> i32 {
    if base < 0 {
        return base;
    }
    base.wrapping_add(distance) & i32::MAX
}

/// The base sequence of the batch after one of `record_count` records that starts at `base`.
pub const fn next_sequence(base: i32, record_count: i32) -> i32 {
    sequence_at(base, record_count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_to_zero() {
        for (base, distance, expected) in [
            (0, 5, 5),
            (i32::MAX - 1, 1, i32::MAX),
            (i32::MAX, 1, 0),
            (i32::MAX - 2, 5, 2),
            (i32::MAX, i32::MAX, i32::MAX - 1),
            (-1, 7, -1),
        ] {
            assert_eq!(next_sequence(base, distance), expected, "{base} + {distance}");
        }
    }
}
