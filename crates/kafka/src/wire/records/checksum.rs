//! Joining checksums: a batch is stamped after its records were summed up.
//!
//! The CRC-32C of `a` followed by `b` is that of `a`, times x to the number of bits of `b`, plus
//! that of `b`, all modulo the polynomial. The power comes from squares that are known when the
//! crate is built, so that joining costs a few hundred instructions for any length; the `crc32c`
//! crate builds the squares for each call, which costs more than summing up 100 KiB.

/// The Castagnoli polynomial, lowest bit first; the highest power is implied.
const POLYNOMIAL: u32 = 0x82f6_3b78;
/// The polynomial 1.
const ONE: u32 = 1 << 31;
/// Squares for 61-bit numbers of bytes.
const SQUARES: usize = 64;
/// x^(2^n), by n.
const X_POWERS: [u32; SQUARES] = {
    let mut powers = [1 << 30; SQUARES];
    let mut rest: &mut [u32] = &mut powers;
    let mut last = None;
    while let Some((power, after)) = rest.split_first_mut() {
        if let Some(last) = last {
            *power = times(last, last);
        }
        last = Some(*power);
        rest = after;
    }
    powers
};
/// A byte has 2^3 bits.
const BYTE_BITS_LOG2: usize = 3;

/// The product modulo the polynomial.
const fn times(a: u32, mut b: u32) -> u32 {
    let mut product = 0;
    let mut bit = ONE;
    while bit != 0 {
        if a & bit != 0 {
            product ^= b;
        }
        bit >>= 1;
        b = (b >> 1) ^ (POLYNOMIAL & 0u32.wrapping_sub(b & 1));
    }
    product
}

/// The checksum of two parts from theirs; `second_len` in bytes.
pub(super) fn join(first: u32, second: u32, second_len: usize) -> u32 {
    let mut power = ONE;
    let mut left = second_len;
    for x_power in X_POWERS.iter().skip(BYTE_BITS_LOG2) {
        if left == 0 {
            break;
        }
        if left & 1 != 0 {
            power = times(*x_power, power);
        }
        left >>= 1;
    }
    times(power, first) ^ second
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_as_if_summed_up_in_one_go() {
        let bytes: Vec<u8> =
            (0..300_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for cut in [0, 1, 7, 21, 40, 61, 255, 256, 4097, 65_536, 262_143, 299_999, 300_000] {
            let (first, second) = bytes.split_at(cut);
            let joined = join(crc32c::crc32c(first), crc32c::crc32c(second), second.len());
            assert_eq!(joined, crc32c::crc32c(&bytes), "cut at {cut}");
        }
    }

    #[test]
    fn agrees_with_the_crate_on_lengths_of_every_size() {
        for bits in 0..31 {
            for len in [1usize << bits, (1usize << bits) + 12_345] {
                let expected = crc32c::crc32c_combine(0x1234_5678, 0x9abc_def0, len);
                assert_eq!(join(0x1234_5678, 0x9abc_def0, len), expected, "{len}");
            }
        }
    }
}
