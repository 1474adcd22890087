//! Zigzag varints of records: up to 5 bytes for 32 bits, up to 10 for 64 bits.
//!
//! Bits that would overflow are refused; the Java client drops them silently, but no writer makes
//! them. Nearly all varints of real records have one or two bytes, so those are decoded in line.

/// Reads a 32-bit varint and returns what follows it.
#[inline(always)]
pub(super) fn read_i32(bytes: &[u8]) -> Option<(i32, &[u8])> {
    match bytes {
        [a, rest @ ..] if *a < 0x80 => Some((unzigzag32(u32::from(*a)), rest)),
        [a, b, rest @ ..] if *b < 0x80 => {
            Some((unzigzag32(u32::from(*a & 0x7f) | (u32::from(*b) << 7)), rest))
        }
        _ => {
            let (raw, rest) = read_long(bytes, 5)?;
            Some((unzigzag32(u32::try_from(raw).ok()?), rest))
        }
    }
}

/// Reads a 64-bit varint ("varlong") and returns what follows it.
#[inline(always)]
pub(super) fn read_i64(bytes: &[u8]) -> Option<(i64, &[u8])> {
    match bytes {
        [a, rest @ ..] if *a < 0x80 => Some((unzigzag64(u64::from(*a)), rest)),
        [a, b, rest @ ..] if *b < 0x80 => {
            Some((unzigzag64(u64::from(*a & 0x7f) | (u64::from(*b) << 7)), rest))
        }
        _ => {
            let (raw, rest) = read_long(bytes, 10)?;
            Some((unzigzag64(raw), rest))
        }
    }
}

#[cold]
#[inline(never)]
fn read_long(bytes: &[u8], max: usize) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    let mut shift = 0u32;
    for (index, byte) in bytes.iter().take(max).enumerate() {
        let bits = u64::from(*byte & 0x7f);
        let placed = bits.checked_shl(shift)?;
        if placed.checked_shr(shift)? != bits {
            return None;
        }
        value |= placed;
        if *byte < 0x80 {
            return Some((value, bytes.get(index.checked_add(1)?..)?));
        }
        shift = shift.checked_add(7)?;
    }
    None
}

#[inline(always)]
const fn unzigzag32(raw: u32) -> i32 {
    ((raw >> 1) as i32) ^ 0i32.wrapping_sub((raw & 1) as i32)
}

#[inline(always)]
const fn unzigzag64(raw: u64) -> i64 {
    ((raw >> 1) as i64) ^ 0i64.wrapping_sub((raw & 1) as i64)
}

#[inline(always)]
const fn zigzag32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

#[inline(always)]
const fn zigzag64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Bytes of a 32-bit varint, 1 to 5.
#[inline]
pub(super) const fn len_i32(value: i32) -> usize {
    bytes_of_bits((zigzag32(value) | 1).ilog2())
}

/// Bytes of a 64-bit varint, 1 to 10.
#[inline]
pub(super) const fn len_i64(value: i64) -> usize {
    bytes_of_bits((zigzag64(value) | 1).ilog2())
}

/// Seven bits a byte, for a highest set bit of 0 to 63.
#[inline(always)]
const fn bytes_of_bits(highest: u32) -> usize {
    (highest / 7).saturating_add(1) as usize
}

/// Appends a 32-bit varint.
#[inline]
pub(super) fn write_i32(out: &mut Vec<u8>, value: i32) {
    write_u64(out, u64::from(zigzag32(value)));
}

/// Appends a 64-bit varint.
#[inline]
pub(super) fn write_i64(out: &mut Vec<u8>, value: i64) {
    write_u64(out, zigzag64(value));
}

#[inline]
fn write_u64(out: &mut Vec<u8>, mut raw: u64) {
    if raw < 0x80 {
        out.push(raw as u8);
    } else if raw < 0x4000 {
        out.extend_from_slice(&[raw as u8 | 0x80, (raw >> 7) as u8]);
    } else {
        while raw >= 0x80 {
            out.push(raw as u8 | 0x80);
            raw >>= 7;
        }
        out.push(raw as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_at_every_width() {
        for shift in 0..64 {
            for value in [1i64 << shift, (1i64 << shift).wrapping_sub(1), (-1i64) << shift] {
                let mut out = Vec::new();
                write_i64(&mut out, value);
                assert_eq!(out.len(), len_i64(value));
                assert_eq!(read_i64(&out), Some((value, &[][..])));
                for cut in 0..out.len() {
                    assert_eq!(read_i64(&out[..cut]), None);
                }
                let Ok(value) = i32::try_from(value) else { continue };
                let mut out = Vec::new();
                write_i32(&mut out, value);
                assert_eq!(out.len(), len_i32(value));
                assert_eq!(read_i32(&out), Some((value, &[][..])));
            }
        }
    }

    #[test]
    fn overflowing_bits_are_refused() {
        assert_eq!(read_i32(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Some((i32::MIN, &[][..])));
        assert_eq!(read_i32(&[0xff, 0xff, 0xff, 0xff, 0x10]), None);
        assert_eq!(read_i32(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), None);
        let mut long = [0xff; 10];
        long[9] = 0x01;
        assert_eq!(read_i64(&long), Some((i64::MIN, &[][..])));
        long[9] = 0x02;
        assert_eq!(read_i64(&long), None);
    }

    #[test]
    fn padded_varints_are_accepted_as_in_java() {
        assert_eq!(read_i32(&[0x80, 0x00]), Some((0, &[][..])));
        assert_eq!(read_i32(&[0x82, 0x80, 0x80, 0x80, 0x00, 7]), Some((1, &[7][..])));
    }
}
