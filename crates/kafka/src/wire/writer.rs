//! Writes primitives of the Kafka protocol into a growing buffer.

use bytes::{BufMut, Bytes, BytesMut};

use crate::limits::{SHARED_BYTES_MIN, STRING_BYTES_MAX};
use crate::wire::error::{EncodeError, EncodeFault};

/// The buffer of one message, and the field being written, for errors.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: BytesMut,
    /// Long fields that are not copied: where in `bytes` each belongs.
    shared: Vec<(usize, Bytes)>,
    shared_len: usize,
    field: &'static str,
    version: i16,
}

impl Writer {
    /// An empty writer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty writer with room for `bytes`.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: BytesMut::with_capacity(bytes), ..Self::default() }
    }

    /// Bytes written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len().saturating_add(self.shared_len)
    }

    /// Whether nothing has been written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes written.
    #[must_use]
    pub fn into_bytes(self) -> BytesMut {
        if self.shared.is_empty() {
            return self.bytes;
        }
        let mut out = BytesMut::with_capacity(self.len());
        for piece in self.into_pieces() {
            out.put_slice(&piece);
        }
        out
    }

    /// The bytes written, in pieces for a vectored write: long byte fields are those that were
    /// given, not copies.
    #[must_use]
    pub fn into_pieces(self) -> Vec<Bytes> {
        let mut rest = self.bytes.freeze();
        let mut pieces = Vec::with_capacity(self.shared.len().saturating_mul(2).saturating_add(1));
        let mut cut = 0;
        for (at, field) in self.shared {
            let own = rest.split_to(at.saturating_sub(cut).min(rest.len()));
            cut = at;
            pieces.extend([own, field]);
        }
        pieces.push(rest);
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    /// Names the field and version that are written next, for errors.
    pub fn enter(&mut self, field: &'static str, version: i16) {
        self.field = field;
        self.version = version;
    }

    /// An error of the current field.
    #[must_use]
    pub fn error(&self, fault: EncodeFault) -> EncodeError {
        EncodeError { field: self.field, version: self.version, fault }
    }

    /// `int8`.
    pub fn i8(&mut self, value: i8) {
        self.bytes.put_i8(value);
    }

    /// `int16`, big-endian as all of Kafka.
    pub fn i16(&mut self, value: i16) {
        self.bytes.put_i16(value);
    }

    /// `uint16`.
    pub fn u16(&mut self, value: u16) {
        self.bytes.put_u16(value);
    }

    /// `int32`.
    pub fn i32(&mut self, value: i32) {
        self.bytes.put_i32(value);
    }

    /// `int64`.
    pub fn i64(&mut self, value: i64) {
        self.bytes.put_i64(value);
    }

    /// Raw bytes.
    pub fn raw(&mut self, value: &[u8]) {
        self.bytes.put_slice(value);
    }

    /// Bytes that may be shared instead of copied.
    pub fn shared(&mut self, value: &Bytes) {
        if value.len() < SHARED_BYTES_MIN {
            return self.raw(value);
        }
        self.shared.push((self.bytes.len(), value.clone()));
        self.shared_len = self.shared_len.saturating_add(value.len());
    }

    /// An unsigned varint in its shortest form.
    pub fn uvarint(&mut self, mut value: u32) {
        while value > 0x7f {
            self.bytes.put_u8((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.put_u8(value as u8);
    }

    /// Null, where `allowed` in this version; the forms of [`Reader::length`](super::Reader::length).
    pub fn null(&mut self, compact: bool, short: bool, allowed: bool) -> Result<(), EncodeError> {
        match (allowed, compact, short) {
            (false, ..) => return Err(self.error(EncodeFault::Null)),
            (true, true, _) => self.uvarint(0),
            (true, false, true) => self.i16(-1),
            (true, false, false) => self.i32(-1),
        }
        Ok(())
    }

    /// A length or count; strings (`short`) are limited to
    /// [`STRING_BYTES_MAX`], all else to an `int32`.
    pub fn length(&mut self, length: usize, compact: bool, short: bool) -> Result<(), EncodeError> {
        let too_long = EncodeFault::TooLong(length);
        let number = i32::try_from(length).map_err(|_| self.error(too_long))?;
        if short && length > STRING_BYTES_MAX {
            return Err(self.error(too_long));
        }
        match (compact, short) {
            (true, _) => self.uvarint(number.unsigned_abs().saturating_add(1)),
            (false, true) => self.i16(number as i16),
            (false, false) => self.i32(number),
        }
        Ok(())
    }

    /// Overwrites the `int32` at `offset`, which must have been written, before any shared field.
    pub(crate) fn patch_i32(&mut self, offset: usize, value: i32) {
        let hole = self.bytes.get_mut(offset..).and_then(<[u8]>::first_chunk_mut::<4>);
        if let Some(hole) = hole {
            *hole = value.to_be_bytes();
        }
    }
}

/// Collects the tagged fields of one struct, whose count comes before them (KIP-482).
#[derive(Debug, Default)]
pub struct TaggedFields {
    count: u32,
    body: BytesMut,
}

impl TaggedFields {
    /// Adds a field; tags must rise. The field is written by `value`.
    pub fn add(
        &mut self,
        writer: &Writer,
        tag: u32,
        value: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let mut scratch = Writer::new();
        scratch.enter(writer.field, writer.version);
        value(&mut scratch)?;
        let scratch = scratch.into_bytes();
        let mut body = Writer { bytes: std::mem::take(&mut self.body), ..Writer::default() };
        let size = u32::try_from(scratch.len());
        body.uvarint(tag);
        body.uvarint(size.map_err(|_| writer.error(EncodeFault::TooLong(scratch.len())))?);
        body.raw(&scratch);
        self.body = body.bytes;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// Ends the struct.
    pub fn finish(self, writer: &mut Writer) {
        writer.uvarint(self.count);
        writer.raw(&self.body);
    }
}
