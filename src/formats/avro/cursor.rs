//! Primitive values of Avro's binary encoding, read with all bounds checked.

use crate::base::limits::AVRO_EMPTY_VALUES_MAX;

/// What is wrong with a record's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Byte of the record.
    at: usize,
    reason: &'static str,
}

impl Fault {
    pub(super) fn describe(self) -> String {
        format!("{} at byte {}", self.reason, self.at)
    }
}

/// Reads a record from a position on.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Values without bytes that may still come.
    empty: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Cursor<'a> {
        Cursor { bytes, at, empty: bytes.len().saturating_add(AVRO_EMPTY_VALUES_MAX) }
    }

    /// The whole record.
    pub(super) fn record(&self) -> &'a [u8] {
        self.bytes
    }

    /// The next byte's position.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    #[cold]
    pub(super) fn fault<T>(&self, reason: &'static str) -> Result<T, Fault> {
        Err(Fault { at: self.at, reason })
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, Fault> {
        match self.bytes.get(self.at) {
            Some(byte) => {
                self.at = self.at.wrapping_add(1);
                Ok(*byte)
            }
            None => self.fault("the record ends too early"),
        }
    }

    /// A `long`: zigzag, at most ten bytes.
    #[inline]
    pub(super) fn long(&mut self) -> Result<i64, Fault> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(unzigzag(u64::from(first)));
        }
        let mut value = u64::from(first & 0x7f);
        for shift in (7..70).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(unzigzag(value));
            }
        }
        self.fault("invalid long encoding")
    }

    /// An `int`: zigzag, at most five bytes.
    #[inline]
    pub(super) fn int(&mut self) -> Result<i32, Fault> {
        let first = self.byte()?;
        let mut value = u32::from(first & 0x7f);
        if first >= 0x80 {
            let mut ended = false;
            for shift in (7..35).step_by(7) {
                let byte = self.byte()?;
                value |= u32::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    ended = true;
                    break;
                }
            }
            if !ended {
                return self.fault("invalid int encoding");
            }
        }
        Ok((value >> 1).cast_signed() ^ (value & 1).cast_signed().wrapping_neg())
    }

    /// Passes over a `long` or an `int`.
    #[inline]
    pub(super) fn skip_varint(&mut self, bytes_max: usize) -> Result<(), Fault> {
        for _ in 0..bytes_max {
            if self.byte()? < 0x80 {
                return Ok(());
            }
        }
        self.fault("invalid number encoding")
    }

    /// A `boolean`; Java takes every byte but 1 for false.
    #[inline]
    pub(super) fn boolean(&mut self) -> Result<bool, Fault> {
        Ok(self.byte()? == 1)
    }

    /// `len` bytes.
    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let end = self.at.checked_add(len);
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(bytes) => {
                self.at = self.at.wrapping_add(len);
                Ok(bytes)
            }
            None => self.fault("a value is longer than the record"),
        }
    }

    /// `bytes` or a `string`.
    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        match usize::try_from(self.long()?) {
            Ok(len) => self.take(len),
            Err(_) => self.fault("a length is negative"),
        }
    }

    pub(super) fn float(&mut self) -> Result<f32, Fault> {
        let bytes = self.take(4)?.first_chunk().copied().unwrap_or_default();
        Ok(f32::from_le_bytes(bytes))
    }

    pub(super) fn double(&mut self) -> Result<f64, Fault> {
        let bytes = self.take(8)?.first_chunk().copied().unwrap_or_default();
        Ok(f64::from_le_bytes(bytes))
    }

    /// Items of the next block of an array or map; 0 ends it.
    pub(super) fn block(&mut self) -> Result<usize, Fault> {
        let mut count = self.long()?;
        if count < 0 {
            // The block's length in bytes follows, for readers that skip it.
            self.long()?;
            let Some(positive) = count.checked_neg() else {
                return self.fault("a block has too many items");
            };
            count = positive;
        }
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > self.bytes.len().saturating_sub(self.at).saturating_add(self.empty) {
            return self.fault("a block has more items than the record has bytes");
        }
        Ok(count)
    }

    /// Counts one value that has no bytes.
    #[inline]
    pub(super) fn count_empty(&mut self) -> Result<(), Fault> {
        match self.empty.checked_sub(1) {
            Some(left) => {
                self.empty = left;
                Ok(())
            }
            None => self.fault("the record has too many values without bytes"),
        }
    }
}

#[inline]
fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ (value & 1).cast_signed().wrapping_neg()
}

/// Appends a `long` or an `int`.
#[inline]
pub(super) fn write_long(value: i64, out: &mut Vec<u8>) {
    let mut rest = (value << 1 ^ value >> 63).cast_unsigned();
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Appends `bytes` or a `string`.
#[inline]
pub(super) fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_long(i64::try_from(bytes.len()).unwrap_or(i64::MAX), out);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longs_round_trip() {
        let values = [0, 1, -1, 63, -64, 64, -65, 8_191, 1 << 40, i64::MAX, i64::MIN];
        for value in values {
            let mut out = Vec::new();
            write_long(value, &mut out);
            assert_eq!(Cursor::new(&out, 0).long(), Ok(value));
            assert!(Cursor::new(&out[..out.len() - 1], 0).long().is_err());
            if let Ok(value) = i32::try_from(value) {
                assert_eq!(Cursor::new(&out, 0).int(), Ok(value));
            }
        }
    }

    #[test]
    fn numbers_end() {
        assert!(Cursor::new(&[0xff; 20], 0).long().is_err());
        assert!(Cursor::new(&[0xff; 20], 0).int().is_err());
        assert!(Cursor::new(&[0xff; 20], 0).skip_varint(5).is_err());
    }

    #[test]
    fn lengths_are_bounded_by_the_record() {
        for len in [-1, 2, i64::MAX, i64::MIN] {
            let mut record = Vec::new();
            write_long(len, &mut record);
            record.push(7);
            assert!(Cursor::new(&record, 0).bytes().is_err(), "{len}");
        }
        for count in [i64::MAX, i64::MIN, -(1 << 40), 1 << 40] {
            let mut record = Vec::new();
            write_long(count, &mut record);
            write_long(8, &mut record);
            assert!(Cursor::new(&record, 0).block().is_err(), "{count}");
        }
    }
}
