//! Searching bytes whose hits are near.

/// Words of eight bytes that are looked at one by one, before the vectorised search: it costs as much to begin.
const WORDS_MAX: usize = 6;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// Position of the first of two bytes, from `at` on.
#[inline]
pub fn first_of(bytes: &[u8], mut at: usize, [a, b]: [u8; 2]) -> Option<usize> {
    for _ in 0..WORDS_MAX {
        let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) else { break };
        let word = u64::from_le_bytes(*word);
        let equal = |byte: u8| zero_bytes(word ^ ONES.wrapping_mul(u64::from(byte)));
        let hits = equal(a) | equal(b);
        if hits != 0 {
            return Some(at.wrapping_add((hits.trailing_zeros() / 8) as usize));
        }
        at = at.wrapping_add(8);
    }
    Some(memchr::memchr2(a, b, bytes.get(at..)?)?.wrapping_add(at))
}

/// A set high bit for every zero byte; bits above the lowest set one may be wrong.
#[inline(always)]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_found_wherever_it_is() {
        for length in 0..120 {
            let mut bytes = vec![b'x'; length];
            assert_eq!(first_of(&bytes, 0, *b"ab"), None);
            for at in 0..length {
                bytes[at] = if at % 2 == 0 { b'a' } else { b'b' };
                // A byte that differs by one from what is looked for, right behind.
                if let Some(after) = bytes.get_mut(at + 1) {
                    *after = b'`';
                }
                for from in 0..=at {
                    assert_eq!(first_of(&bytes, from, *b"ab"), Some(at));
                }
                assert_eq!(first_of(&bytes, at + 1, *b"ab"), None);
                bytes.fill(b'x');
            }
        }
        assert_eq!(first_of(b"a", 2, *b"ab"), None);
    }
}
