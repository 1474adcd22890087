//! MD5 (RFC 1321), SHA-1 and SHA-2 (FIPS 180-4), as functions over text. They are here for results like Flink's, not to
//! protect anything.

use super::signature::{Signature, fixed};
use super::{Bin, Call, Function, Param, Str};
use crate::expr::Expr;
use crate::types::{Column, Kind};
use std::fmt::Write;

use Param::{Int, Text};

macro_rules! hash {
    ($usage:literal, $doc:literal, $length:literal, $digest:expr) => {
        Function::new(
            $usage,
            $doc,
            |args| text_or_bytes(args, &[Text], Kind::Char($length)),
            |call| hashed(call, $digest),
        )
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    hash!("MD5(string)", "The MD5 hash in hexadecimal digits.", 32, |bytes| md5(bytes).to_vec()),
    hash!("SHA1(string)", "The SHA-1 hash in hexadecimal digits.", 40, |bytes| sha1(bytes)
        .to_vec()),
    hash!("SHA224(string)", "The SHA-224 hash in hexadecimal digits.", 56, |bytes| {
        sha_small(bytes, SHA224_START)[..28].to_vec()
    }),
    hash!("SHA256(string)", "The SHA-256 hash in hexadecimal digits.", 64, |bytes| {
        sha_small(bytes, SHA256_START).to_vec()
    }),
    hash!("SHA384(string)", "The SHA-384 hash in hexadecimal digits.", 96, |bytes| {
        sha_large(bytes, SHA384_START)[..48].to_vec()
    }),
    hash!("SHA512(string)", "The SHA-512 hash in hexadecimal digits.", 128, |bytes| {
        sha_large(bytes, SHA512_START).to_vec()
    }),
    Function::new(
        "SHA2(string, bits)",
        "The SHA-2 hash of 224, 256, 384 or 512 bits in hexadecimal digits.",
        |args| text_or_bytes(args, &[Text, Int], Kind::VarChar(128)),
        |call| {
            let (input, bits) = (Input::new(call), call.int(1));
            call.strings(|row, out| {
                let (Some(bytes), Some(bits)) = (input.get(row), bits.get(row)) else {
                    return Ok(None);
                };
                match bits {
                    224 => hex(&sha_small(bytes, SHA224_START)[..28], out),
                    256 => hex(&sha_small(bytes, SHA256_START), out),
                    384 => hex(&sha_large(bytes, SHA384_START)[..48], out),
                    512 => hex(&sha_large(bytes, SHA512_START), out),
                    _ => return Err(format!("unsupported algorithm: SHA-{bits}")),
                }
                Ok(Some(()))
            })
        },
    )
    .can_fail(),
];

fn hashed(call: &mut Call<'_, '_>, digest: fn(&[u8]) -> Vec<u8>) -> Column {
    let input = Input::new(call);
    call.strings(|row, out| Ok(input.get(row).map(|bytes| hex(&digest(bytes), out))))
}

/// What is hashed: bytes, or a text's.
enum Input<'a> {
    Text(Str<'a>),
    Bytes(Bin<'a>),
}

impl<'a> Input<'a> {
    fn new(call: &Call<'a, '_>) -> Input<'a> {
        if call.data_type(0).kind.is_binary() {
            Input::Bytes(call.bytes(0))
        } else {
            Input::Text(call.text(0))
        }
    }

    fn get(&self, row: usize) -> Option<&'a [u8]> {
        match self {
            Input::Text(text) => text.get(row).map(str::as_bytes),
            Input::Bytes(bytes) => bytes.get(row),
        }
    }
}

/// A signature of `params`, the first of which may also be bytes.
fn text_or_bytes(args: &[Expr], params: &[Param], returns: Kind) -> Option<Signature> {
    let of_text = fixed(args, params, params.len(), returns.clone());
    of_text.or_else(|| {
        let mut params = params.to_vec();
        *params.first_mut()? = Param::Bytes;
        fixed(args, &params, params.len(), returns)
    })
}

fn hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        // Writing to a String has no way to fail.
        let _ = write!(out, "{byte:02x}");
    }
}

/// The message with its padding: a one bit, zeros, and the length in bits in the last `tail` bytes of a block.
fn padded(message: &[u8], block: usize, tail: usize, big_endian: bool) -> Vec<u8> {
    let bits = (message.len() as u64).wrapping_mul(8);
    let mut bytes = message.to_vec();
    bytes.push(0x80);
    while bytes.len() % block != block - tail {
        bytes.push(0);
    }
    bytes.resize(bytes.len() + tail - 8, 0);
    bytes.extend_from_slice(&if big_endian { bits.to_be_bytes() } else { bits.to_le_bytes() });
    bytes
}

fn md5(message: &[u8]) -> [u8; 16] {
    const SHIFTS: [[u32; 4]; 4] =
        [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let mut state: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in padded(message, 64, 8, false).chunks_exact(64) {
        let word = |at: usize| {
            let bytes = &block[at * 4..at * 4 + 4];
            u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
        };
        let [mut a, mut b, mut c, mut d] = state;
        for step in 0..64_usize {
            let (mix, at) = match step / 16 {
                0 => ((b & c) | (!b & d), step),
                1 => ((d & b) | (!d & c), (5 * step + 1) % 16),
                2 => (b ^ c ^ d, (3 * step + 5) % 16),
                _ => (c ^ (b | !d), (7 * step) % 16),
            };
            // The constants are digits of sines (RFC 1321, 3.4).
            let constant = ((step as f64 + 1.0).sin().abs() * 4_294_967_296.0) as u32;
            let sum = a.wrapping_add(mix).wrapping_add(constant).wrapping_add(word(at));
            let rotated = sum.rotate_left(SHIFTS[step / 16][step % 4]);
            (a, d, c, b) = (d, c, b, b.wrapping_add(rotated));
        }
        for (total, part) in state.iter_mut().zip([a, b, c, d]) {
            *total = total.wrapping_add(part);
        }
    }
    let mut out = [0; 16];
    for (bytes, word) in out.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    out
}

fn sha1(message: &[u8]) -> [u8; 20] {
    let mut state: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in padded(message, 64, 8, true).chunks_exact(64) {
        let mut words = [0_u32; 80];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        for at in 16..80 {
            words[at] =
                (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (step, word) in words.iter().enumerate() {
            let (mix, constant) = match step / 20 {
                0 => ((b & c) | (!b & d), 0x5a82_7999_u32),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6),
            };
            let sum = a.rotate_left(5).wrapping_add(mix).wrapping_add(e);
            let next = sum.wrapping_add(constant).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (total, part) in state.iter_mut().zip([a, b, c, d, e]) {
            *total = total.wrapping_add(part);
        }
    }
    let mut out = [0; 20];
    for (bytes, word) in out.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    out
}

const SHA224_START: [u32; 8] = [
    0xc105_9ed8,
    0x367c_d507,
    0x3070_dd17,
    0xf70e_5939,
    0xffc0_0b31,
    0x6858_1511,
    0x64f9_8fa7,
    0xbefa_4fa4,
];
const SHA256_START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];
const SHA384_START: [u64; 8] = [
    0xcbbb_9d5d_c105_9ed8,
    0x629a_292a_367c_d507,
    0x9159_015a_3070_dd17,
    0x152f_ecd8_f70e_5939,
    0x6733_2667_ffc0_0b31,
    0x8eb4_4a87_6858_1511,
    0xdb0c_2e0d_64f9_8fa7,
    0x47b5_481d_befa_4fa4,
];
const SHA512_START: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// The round constants: the first 64 bits after the point of the cube roots of the first 80 primes (FIPS 180-4, 4.2.3);
/// SHA-256 takes the upper half of the first 64.
fn round_constants() -> [u64; 80] {
    let mut constants = [0_u64; 80];
    let mut candidate = 1_u128;
    for constant in &mut constants {
        loop {
            candidate += 1;
            if (2..candidate)
                .take_while(|d| d * d <= candidate)
                .all(|d| !candidate.is_multiple_of(d))
            {
                break;
            }
        }
        *constant = cube_root_fraction(candidate);
    }
    constants
}

/// The first 64 bits after the point of a small number's cube root, by bisection on 256-bit cubes.
fn cube_root_fraction(n: u128) -> u64 {
    // The largest x with x³ ≤ n · 2^192; x has at most 3 + 64 bits.
    let mut root: u128 = 0;
    for bit in (0..68).rev() {
        let candidate = root | (1 << bit);
        if cube_at_most(candidate, n) {
            root = candidate;
        }
    }
    root as u64
}

/// Whether x³ ≤ n · 2^192, for x below 2^68 and n below 2^12.
fn cube_at_most(x: u128, n: u128) -> bool {
    let mask = u128::from(u64::MAX);
    // x² as (high, low) of 64 bits each.
    let (x_high, x_low) = (x >> 64, x & mask);
    let low = x_low * x_low;
    let cross = 2 * x_high * x_low;
    let square_low = low.wrapping_add(cross << 64);
    let carry = u128::from(square_low < low);
    let square_high = x_high * x_high + (cross >> 64) + carry;
    // x³ in limbs of 64 bits, lowest first.
    let square = [square_low & mask, square_low >> 64, square_high & mask, square_high >> 64];
    let mut cube = [0_u128; 6];
    for (i, part) in square.iter().enumerate() {
        for (j, factor) in [x_low, x_high].iter().enumerate() {
            let product = part * factor;
            cube[i + j] += product & mask;
            cube[i + j + 1] += product >> 64;
        }
    }
    let mut carry = 0;
    for limb in &mut cube {
        let total = *limb + carry;
        *limb = total & mask;
        carry = total >> 64;
    }
    let above = cube[3] | (cube[4] << 64);
    above < n || (above == n && cube[0] == 0 && cube[1] == 0 && cube[2] == 0)
}

fn sha_small(message: &[u8], start: [u32; 8]) -> [u8; 32] {
    static CONSTANTS: std::sync::LazyLock<[u64; 80]> = std::sync::LazyLock::new(round_constants);
    let mut state = start;
    for block in padded(message, 64, 8, true).chunks_exact(64) {
        let mut words = [0_u32; 64];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        for at in 16..64 {
            let (x, y) = (words[at - 15], words[at - 2]);
            let s0 = x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3);
            let s1 = y.rotate_right(17) ^ y.rotate_right(19) ^ (y >> 10);
            words[at] =
                words[at - 16].wrapping_add(s0).wrapping_add(words[at - 7]).wrapping_add(s1);
        }
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
        for (word, constant) in words.iter().zip(CONSTANTS.iter()) {
            let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
            let choice = (e & f) ^ (!e & g);
            let constant = (constant >> 32) as u32;
            let t1 = h.wrapping_add(s1).wrapping_add(choice).wrapping_add(constant);
            let t1 = t1.wrapping_add(*word);
            let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
            let t2 = s0.wrapping_add((a & b) ^ (a & c) ^ (b & c));
            (h, g, f, e) = (g, f, e, d.wrapping_add(t1));
            (d, c, b, a) = (c, b, a, t1.wrapping_add(t2));
        }
        for (total, part) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *total = total.wrapping_add(part);
        }
    }
    let mut out = [0; 32];
    for (bytes, word) in out.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    out
}

fn sha_large(message: &[u8], start: [u64; 8]) -> [u8; 64] {
    static CONSTANTS: std::sync::LazyLock<[u64; 80]> = std::sync::LazyLock::new(round_constants);
    let mut state = start;
    for block in padded(message, 128, 16, true).chunks_exact(128) {
        let mut words = [0_u64; 80];
        for (word, bytes) in words.iter_mut().zip(block.chunks_exact(8)) {
            let mut eight = [0; 8];
            eight.copy_from_slice(bytes);
            *word = u64::from_be_bytes(eight);
        }
        for at in 16..80 {
            let (x, y) = (words[at - 15], words[at - 2]);
            let s0 = x.rotate_right(1) ^ x.rotate_right(8) ^ (x >> 7);
            let s1 = y.rotate_right(19) ^ y.rotate_right(61) ^ (y >> 6);
            words[at] =
                words[at - 16].wrapping_add(s0).wrapping_add(words[at - 7]).wrapping_add(s1);
        }
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
        for (word, constant) in words.iter().zip(CONSTANTS.iter()) {
            let s1 = e.rotate_right(14) ^ e.rotate_right(18) ^ e.rotate_right(41);
            let choice = (e & f) ^ (!e & g);
            let t1 = h.wrapping_add(s1).wrapping_add(choice).wrapping_add(*constant);
            let t1 = t1.wrapping_add(*word);
            let s0 = a.rotate_right(28) ^ a.rotate_right(34) ^ a.rotate_right(39);
            let t2 = s0.wrapping_add((a & b) ^ (a & c) ^ (b & c));
            (h, g, f, e) = (g, f, e, d.wrapping_add(t1));
            (d, c, b, a) = (c, b, a, t1.wrapping_add(t2));
        }
        for (total, part) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *total = total.wrapping_add(part);
        }
    }
    let mut out = [0; 64];
    for (bytes, word) in out.chunks_exact_mut(8).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        let mut out = String::new();
        hex(bytes, &mut out);
        out
    }

    #[test]
    fn hashes_of_the_standards() {
        assert_eq!(shown(&md5(b"abc")), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(shown(&sha1(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(
            shown(&sha_small(b"abc", SHA256_START)),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            shown(&sha_small(b"abc", SHA224_START)[..28]),
            "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"
        );
        assert!(
            shown(&sha_large(b"abc", SHA512_START)).starts_with("ddaf35a193617abacc417349ae204131")
        );
        assert!(
            shown(&sha_large(b"abc", SHA384_START)).starts_with("cb00753f45a35e8bb5a03d699ac65007")
        );
        // Longer than one block, and a length that pads into a second one.
        let long = [b'a'; 119];
        assert_eq!(
            shown(&sha_small(&long, SHA256_START)),
            "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"
        );
    }
}
