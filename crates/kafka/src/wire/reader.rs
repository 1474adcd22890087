//! A bounded reader over one frame. Byte strings are slices of the frame, not copies.

use bytes::{Buf, Bytes};

use crate::limits::{ARRAY_RESERVE_MAX, MESSAGE_ELEMENT_BYTES_MAX, STRING_BYTES_MAX};
use crate::wire::error::{DecodeError, DecodeFault};
use crate::wire::uuid::Uuid;

/// Reads primitives of the Kafka protocol in order; remembers where it is for errors.
#[derive(Debug)]
pub struct Reader {
    bytes: Bytes,
    /// Offset in the whole buffer at which `bytes` ends.
    end: usize,
    field: &'static str,
    /// Bytes of array elements that may still be decoded.
    element_bytes_left: usize,
}

impl Reader {
    /// A reader at the start of `bytes`.
    #[must_use]
    pub fn new(bytes: Bytes) -> Self {
        let end = bytes.len();
        Self { bytes, end, field: "frame", element_bytes_left: MESSAGE_ELEMENT_BYTES_MAX }
    }

    /// Bytes not yet read.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes read since the start of the buffer.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.end.saturating_sub(self.bytes.len())
    }

    /// Names the field that is read next, for errors.
    pub fn enter(&mut self, field: &'static str) {
        self.field = field;
    }

    /// An error at this place.
    #[must_use]
    pub fn error(&self, fault: DecodeFault) -> DecodeError {
        DecodeError { field: self.field, offset: self.offset(), fault }
    }

    /// Errors when bytes are left.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.bytes.len() {
            0 => Ok(()),
            left => Err(self.error(DecodeFault::Trailing(left))),
        }
    }

    fn need<T>(&self, value: Result<T, bytes::TryGetError>) -> Result<T, DecodeError> {
        value.map_err(|short| {
            self.error(DecodeFault::Truncated {
                needed: short.requested,
                remaining: short.available,
            })
        })
    }

    /// `int8`.
    pub fn i8(&mut self) -> Result<i8, DecodeError> {
        let value = self.bytes.try_get_i8();
        self.need(value)
    }

    /// `int16`, big-endian as all of Kafka.
    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        let value = self.bytes.try_get_i16();
        self.need(value)
    }

    /// `uint16`.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        let value = self.bytes.try_get_u16();
        self.need(value)
    }

    /// `int32`.
    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        let value = self.bytes.try_get_i32();
        self.need(value)
    }

    /// `int64`.
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        let value = self.bytes.try_get_i64();
        self.need(value)
    }

    /// `boolean`: any byte but 0 is true, as Java reads it.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.i8()? != 0)
    }

    /// `uuid`.
    pub fn uuid(&mut self) -> Result<Uuid, DecodeError> {
        let value = self.bytes.try_get_u128();
        Ok(Uuid(self.need(value)?.to_be_bytes()))
    }

    /// An unsigned varint of at most 32 bits, in its shortest form.
    pub fn uvarint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0_u32;
        for shift in [0_u32, 7, 14, 21, 28] {
            let byte = self.bytes.try_get_u8();
            let byte = self.need(byte)?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    break;
                }
                return Ok(value);
            }
        }
        Err(self.error(DecodeFault::Varint))
    }

    /// The next `length` bytes, shared with the frame.
    pub fn slice(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        if length > self.bytes.len() {
            let remaining = self.bytes.len();
            return Err(self.error(DecodeFault::Truncated { needed: length, remaining }));
        }
        Ok(self.bytes.split_to(length))
    }

    /// A string of `length` bytes.
    pub fn string(&mut self, length: usize) -> Result<String, DecodeError> {
        if length > STRING_BYTES_MAX {
            return Err(self.error(DecodeFault::StringTooLong(length)));
        }
        let Some(text) = self.bytes.get(..length) else {
            let remaining = self.bytes.len();
            return Err(self.error(DecodeFault::Truncated { needed: length, remaining }));
        };
        let text = std::str::from_utf8(text).map_err(|_| self.error(DecodeFault::Utf8))?.to_owned();
        self.bytes.advance(length);
        Ok(text)
    }

    /// A length or count: `None` is null. Classic form: `int16` for strings, else `int32`;
    /// compact form: an unsigned varint of the length plus one, 0 for null (KIP-482).
    pub fn length(&mut self, compact: bool, short: bool) -> Result<Option<usize>, DecodeError> {
        if compact {
            return Ok(self.uvarint()?.checked_sub(1).map(|length| length as usize));
        }
        let length = if short { i32::from(self.i16()?) } else { self.i32()? };
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(self.error(DecodeFault::NegativeLength(i64::from(length)))),
        }
    }

    /// Accepts an array of `count` elements that occupy at least `wire_bytes_min` here and
    /// `memory_bytes` when decoded, and says for how many of them memory may be reserved.
    pub fn array(
        &mut self,
        count: usize,
        wire_bytes_min: usize,
        memory_bytes: usize,
    ) -> Result<usize, DecodeError> {
        let max = self.bytes.len().checked_div(wire_bytes_min).unwrap_or(self.bytes.len());
        if count > max {
            return Err(self.error(DecodeFault::Count { count, max }));
        }
        let left = self.element_bytes_left.checked_sub(count.saturating_mul(memory_bytes));
        self.element_bytes_left = left.ok_or_else(|| self.error(DecodeFault::ElementBytes))?;
        Ok(count.min(ARRAY_RESERVE_MAX))
    }

    /// The tagged fields that end a flexible struct (KIP-482). `known` reads the field of a tag
    /// and returns true, or returns false without reading; such a field is skipped.
    pub fn tagged_fields(
        &mut self,
        mut known: impl FnMut(u32, &mut Self) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        let count = self.uvarint()? as usize;
        // A tag and its size are one byte each at least.
        let max = self.bytes.len() / 2;
        if count > max {
            return Err(self.error(DecodeFault::Count { count, max }));
        }
        let mut previous = None;
        for _ in 0..count {
            let tag = self.uvarint()?;
            if previous.is_some_and(|previous| tag <= previous) {
                return Err(self.error(DecodeFault::TagOrder { tag }));
            }
            previous = Some(tag);
            let size = self.uvarint()? as usize;
            if size > self.bytes.len() {
                let remaining = self.bytes.len();
                return Err(self.error(DecodeFault::Truncated { needed: size, remaining }));
            }
            // Until its end is restored, the reader sees the tagged field only.
            let rest = self.bytes.split_off(size);
            let end = self.end;
            self.end = end.saturating_sub(rest.len());
            if known(tag, self)? && !self.bytes.is_empty() {
                let left = self.bytes.len();
                return Err(self.error(DecodeFault::TagSize { tag, left }));
            }
            self.bytes = rest;
            self.end = end;
        }
        Ok(())
    }
}
