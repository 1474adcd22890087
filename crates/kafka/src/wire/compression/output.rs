//! Where a codec writes: initialised memory that grows with what was really produced.

use bytes::{Bytes, BytesMut};

use super::DecompressError;
use super::limits::{FIRST_ROOM_BYTES, FIRST_ROOM_RATIO};

/// Decompressed bytes so far. Everything in `buf` is initialised, `len` of it is content: keeping the
/// rest initialised makes reuse free of zeroing.
#[derive(Debug)]
pub(super) struct Output {
    buf: BytesMut,
    len: usize,
    limit: usize,
}

impl Output {
    /// Starts an output of at most `limit` bytes in the memory of `spare`.
    pub(super) fn new(mut spare: BytesMut, input_len: usize, hint: usize, limit: usize) -> Self {
        let paid_for = input_len.saturating_mul(FIRST_ROOM_RATIO).max(FIRST_ROOM_BYTES);
        let first = paid_for.max(hint).min(limit.saturating_add(1));
        if spare.len() < first {
            if spare.capacity() < first {
                spare = BytesMut::with_capacity(first);
            }
            spare.resize(first, 0);
        }
        Self { buf: spare, len: 0, limit }
    }

    /// Bytes produced so far.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Content from `start` on.
    pub(super) fn since(&self, start: usize) -> &[u8] {
        self.buf.get(start..self.len).unwrap_or_default()
    }

    /// Free room for a streaming codec, at least one byte. There is room for one byte more than the
    /// limit, so that "exactly full" and "too much" can be told apart.
    pub(super) fn room(&mut self) -> Result<&mut [u8], DecompressError> {
        if self.len >= self.buf.len() {
            self.grow(self.len.saturating_mul(2).max(FIRST_ROOM_BYTES))?;
        }
        self.buf.get_mut(self.len..).ok_or(DecompressError::TooLarge { limit: self.limit })
    }

    /// Room of exactly `want` bytes, and the content before it.
    pub(super) fn slot(&mut self, want: usize) -> Result<(&[u8], &mut [u8]), DecompressError> {
        let too_large = DecompressError::TooLarge { limit: self.limit };
        let end = self.len.checked_add(want).filter(|end| *end <= self.limit.saturating_add(1));
        let Some(end) = end else { return Err(too_large) };
        if end > self.buf.len() {
            self.grow(end.max(self.len.saturating_mul(2)))?;
        }
        let (done, free) = self.buf.split_at_mut_checked(self.len).ok_or(too_large.clone())?;
        let free = free.get_mut(..want).ok_or(too_large)?;
        Ok((done, free))
    }

    /// Room up to the limit (plus one).
    pub(super) fn left(&self) -> usize {
        self.limit.saturating_add(1).saturating_sub(self.len)
    }

    /// Accepts `produced` bytes of the room given out before.
    pub(super) fn advance(&mut self, produced: usize) -> Result<(), DecompressError> {
        self.len = self.len.saturating_add(produced).min(self.buf.len());
        if self.len > self.limit {
            return Err(DecompressError::TooLarge { limit: self.limit });
        }
        Ok(())
    }

    /// Appends bytes that are stored uncompressed.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), DecompressError> {
        let (_, slot) = self.slot(bytes.len())?;
        slot.copy_from_slice(bytes);
        self.advance(bytes.len())
    }

    /// The content.
    pub(super) fn finish(mut self) -> Bytes {
        self.buf.truncate(self.len);
        self.buf.freeze()
    }

    fn grow(&mut self, wanted: usize) -> Result<(), DecompressError> {
        let new_len = wanted.min(self.limit.saturating_add(1));
        if new_len <= self.len {
            return Err(DecompressError::TooLarge { limit: self.limit });
        }
        self.buf.resize(new_len, 0);
        Ok(())
    }
}
