//! Appending records to a batch.

use std::fmt;
use std::mem;

use bytes::Bytes;

use super::header::{BatchHeader, HEADER_BYTES, LENGTH_END};
use super::limits::{FIRST_BUILDER_BYTES, MAX_BATCH_BYTES};
use super::reader::Header;
use super::sealed::SealedBatch;
use super::varint;
use crate::wire::compression::{CompressError, Compression, Compressor};

/// A record cannot be appended; the batch is as before, except after [`Encoder`](Self::Encoder).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppendError {
    /// The batch would exceed what its length field can say: seal it and append to the next one.
    TooLarge,
    /// The timestamp is more than 64 bits away from the first one of the batch.
    Timestamp,
    /// A value encoder removed bytes that it did not write: a defect of the encoder. All records of
    /// the batch were given up.
    Encoder,
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "record does not fit into a record batch of 2 GiB",
            Self::Timestamp => "timestamp is too far from the first one of the batch",
            Self::Encoder => "the value encoder removed bytes of the batch",
        })
    }
}

impl std::error::Error for AppendError {}

/// A batch cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealError {
    /// There is no record.
    Empty,
    /// The codec failed.
    Compress(CompressError),
    /// The compressed batch exceeds what its length field can say.
    TooLarge,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a batch needs at least one record"),
            Self::Compress(error) => error.fmt(f),
            Self::TooLarge => f.write_str("compressed batch exceeds 2 GiB"),
        }
    }
}

impl std::error::Error for SealError {}

/// Builds one batch after the other: records are written once, behind room for the header.
#[derive(Debug)]
pub struct BatchBuilder {
    compression: Compression,
    target_bytes: usize,
    ratio_permille: u32,
    /// Room for the header, then the records.
    buf: Vec<u8>,
    /// Fields before the value of the record that is being written.
    head: Vec<u8>,
    last_value_len: usize,
    /// Bytes of the last batch: what the next one will probably need.
    last_batch_len: usize,
    reserve_max: usize,
    count: i32,
    base_timestamp: i64,
    max_timestamp: i64,
}

impl BatchBuilder {
    /// Starts batches that are meant to reach `target_bytes` (`batch.size`); a record may exceed it.
    pub const fn new(compression: Compression, target_bytes: usize) -> Self {
        Self {
            compression,
            target_bytes,
            ratio_permille: 1000,
            buf: Vec::new(),
            head: Vec::new(),
            last_value_len: 0,
            last_batch_len: 0,
            reserve_max: usize::MAX,
            count: 0,
            base_timestamp: 0,
            max_timestamp: 0,
        }
    }

    /// Sets how far the codec is expected to shrink the records, in thousandths, usually
    /// [`Compressor::ratio_permille`]. Sizes are estimated by it.
    pub const fn set_ratio_permille(&mut self, ratio: u32) {
        self.ratio_permille = ratio;
    }

    /// Sets how many bytes a batch reserves at most with its first record; more come with more records.
    pub const fn set_reserve_max(&mut self, bytes: usize) {
        self.reserve_max = bytes;
    }

    /// Bytes that the batch has reserved, and that an empty builder keeps for the next one.
    pub const fn allocated_bytes(&self) -> usize {
        self.buf.capacity()
    }

    /// Drops all records, and the memory of the builder.
    pub fn free(&mut self) {
        self.reset();
        self.buf = Vec::new();
    }

    /// Records appended since the last seal.
    pub const fn record_count(&self) -> i32 {
        self.count
    }

    /// Whether there is no record.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Size of the batch in bytes, header included: exact without compression, else estimated.
    pub fn estimated_size(&self) -> usize {
        let records = self.buf.len().saturating_sub(HEADER_BYTES);
        self.scaled(records).saturating_add(HEADER_BYTES)
    }

    /// Whether a record of [`record_size_bound`] bytes keeps the batch within its target; always for
    /// the first record.
    pub fn has_room_for(&self, record_bytes: usize) -> bool {
        self.count == 0
            || self.estimated_size().saturating_add(self.scaled(record_bytes)) <= self.target_bytes
    }

    /// Appends a record.
    ///
    /// # Errors
    /// [`AppendError::TooLarge`] or [`AppendError::Timestamp`].
    #[inline]
    pub fn append(
        &mut self,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<(), AppendError> {
        let bound = record_size_bound(key, value, headers);
        if self.room_left() < bound {
            return Err(AppendError::TooLarge);
        }
        self.open();
        let delta = self.timestamp_delta(timestamp_ms)?;
        let value_len = value.map_or(-1, |value| value.len() as i32);
        self.buf.reserve(bound);
        write_head(&mut self.buf, delta, self.count, key, value_len, headers_size(headers));
        if let Some(value) = value {
            self.buf.extend_from_slice(value);
        }
        write_headers(&mut self.buf, headers);
        self.close(timestamp_ms);
        Ok(())
    }

    /// Appends a record whose value `encode` writes to the end of the buffer it is given.
    ///
    /// The lengths before the value are written for a value as long as the last one and are put right
    /// afterwards: only when they need more or less bytes than guessed is the value moved. After an
    /// error of `encode` the batch is as before.
    ///
    /// # Errors
    /// Those of `encode`, and [`AppendError`].
    pub fn append_with<E: From<AppendError>>(
        &mut self,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        headers: &[Header<'_>],
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let bound = record_size_bound(key, None, headers);
        if self.room_left() < bound.saturating_add(self.last_value_len) {
            return Err(AppendError::TooLarge.into());
        }
        self.open();
        let delta = self.timestamp_delta(timestamp_ms)?;
        let headers_size = headers_size(headers);
        let start = self.buf.len();
        let guess = self.last_value_len as i32;
        write_head(&mut self.buf, delta, self.count, key, guess, headers_size);
        let value_start = self.buf.len();
        if let Err(error) = encode(&mut self.buf) {
            self.buf.truncate(start);
            return Err(error);
        }
        let Some(value_len) = self.buf.len().checked_sub(value_start) else {
            // What is left may be cut anywhere: give the whole batch up rather than send it.
            self.reset();
            return Err(AppendError::Encoder.into());
        };
        if self.buf.len().saturating_add(bound) > MAX_BATCH_BYTES {
            self.buf.truncate(start);
            return Err(AppendError::TooLarge.into());
        }
        if value_len != self.last_value_len {
            self.head.clear();
            write_head(&mut self.head, delta, self.count, key, value_len as i32, headers_size);
            self.put_head(start, value_start, value_len);
            self.last_value_len = value_len;
        }
        write_headers(&mut self.buf, headers);
        self.close(timestamp_ms);
        Ok(())
    }

    /// Compresses and closes the batch; the builder is empty afterwards and keeps its memory where
    /// the batch does not need it.
    ///
    /// # Errors
    /// [`SealError`]; records are kept after [`SealError::Compress`].
    pub fn seal(&mut self, compressor: &mut Compressor) -> Result<SealedBatch, SealError> {
        if self.count == 0 {
            return Err(SealError::Empty);
        }
        let uncompressed_len = self.buf.len().saturating_sub(HEADER_BYTES);
        self.last_batch_len = self.buf.len();
        let bytes = if self.compression == Compression::None {
            mem::take(&mut self.buf)
        } else {
            let expected = self.estimated_size();
            let mut out = Vec::with_capacity(expected);
            out.resize(HEADER_BYTES, 0);
            let records = self.buf.get(HEADER_BYTES..).unwrap_or_default();
            compressor
                .compress(self.compression, records, &mut out)
                .map_err(SealError::Compress)?;
            self.ratio_permille = compressor.ratio_permille(self.compression);
            out
        };
        let batch_length = i32::try_from(bytes.len().saturating_sub(LENGTH_END))
            .map_err(|_| SealError::TooLarge)?;
        let header = BatchHeader {
            base_offset: 0,
            batch_length,
            partition_leader_epoch: -1,
            magic: 2,
            crc: 0,
            attributes: self.compression.attribute_bits(),
            last_offset_delta: self.count.saturating_sub(1),
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: self.count,
        };
        self.reset();
        Ok(SealedBatch::new(header, self.compression, Bytes::from(bytes), uncompressed_len))
    }

    /// Drops all records.
    pub fn reset(&mut self) {
        self.buf.clear();
        self.count = 0;
    }

    fn scaled(&self, bytes: usize) -> usize {
        if self.compression == Compression::None {
            return bytes;
        }
        bytes.saturating_mul(self.ratio_permille as usize) / 1000
    }

    fn room_left(&self) -> usize {
        if self.count == i32::MAX {
            return 0;
        }
        MAX_BATCH_BYTES.saturating_sub(self.buf.len().max(HEADER_BYTES))
    }

    #[inline]
    fn open(&mut self) {
        if self.buf.is_empty() {
            let first = self.target_bytes.saturating_add(HEADER_BYTES).min(FIRST_BUILDER_BYTES);
            let expected = first.max(self.last_batch_len);
            self.buf.reserve(expected.min(self.reserve_max.max(HEADER_BYTES)));
            self.buf.resize(HEADER_BYTES, 0);
        }
    }

    #[inline]
    fn timestamp_delta(&self, timestamp: i64) -> Result<i64, AppendError> {
        if self.count == 0 {
            return Ok(0);
        }
        timestamp.checked_sub(self.base_timestamp).ok_or(AppendError::Timestamp)
    }

    #[inline]
    fn close(&mut self, timestamp: i64) {
        if self.count == 0 {
            self.base_timestamp = timestamp;
            self.max_timestamp = timestamp;
        } else {
            self.max_timestamp = self.max_timestamp.max(timestamp);
        }
        self.count = self.count.saturating_add(1);
    }

    /// Replaces the bytes from `start` to `value_start` by `head`; moves the value that follows when
    /// their number differs.
    fn put_head(&mut self, start: usize, value_start: usize, value_len: usize) {
        let new_start = start.saturating_add(self.head.len());
        if new_start != value_start {
            let value_end = value_start.saturating_add(value_len);
            let new_end = new_start.saturating_add(value_len);
            if new_end > self.buf.len() {
                self.buf.resize(new_end, 0);
            }
            self.buf.copy_within(value_start..value_end, new_start);
            self.buf.truncate(new_end);
        }
        if let Some(slot) = self.buf.get_mut(start..new_start) {
            slot.copy_from_slice(&self.head);
        }
    }
}

/// Upper bound of the bytes that a record takes in a batch.
#[inline]
pub fn record_size_bound(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[Header<'_>],
) -> usize {
    // Attributes 1, timestamp 10, and 5 for length, offset, key length, value length.
    const FIXED: usize = 31;
    FIXED
        .saturating_add(key.map_or(0, <[u8]>::len))
        .saturating_add(value.map_or(0, <[u8]>::len))
        .saturating_add(headers_size(headers))
}

/// Everything before the value. Lengths were checked against [`MAX_BATCH_BYTES`] or are checked after.
#[inline]
pub(super) fn write_head(
    out: &mut Vec<u8>,
    timestamp_delta: i64,
    offset_delta: i32,
    key: Option<&[u8]>,
    value_len: i32,
    headers_size: usize,
) {
    let key_len = key.map_or(-1, |key| key.len() as i32);
    let body = 1usize
        .saturating_add(varint::len_i64(timestamp_delta))
        .saturating_add(varint::len_i32(offset_delta))
        .saturating_add(varint::len_i32(key_len))
        .saturating_add(key.map_or(0, <[u8]>::len))
        .saturating_add(varint::len_i32(value_len))
        .saturating_add(usize::try_from(value_len).unwrap_or(0))
        .saturating_add(headers_size);
    varint::write_i32(out, body as i32);
    out.push(0);
    varint::write_i64(out, timestamp_delta);
    varint::write_i32(out, offset_delta);
    varint::write_i32(out, key_len);
    if let Some(key) = key {
        out.extend_from_slice(key);
    }
    varint::write_i32(out, value_len);
}

/// Bytes of the header count and the headers.
#[inline]
fn headers_size(headers: &[Header<'_>]) -> usize {
    if headers.is_empty() {
        return 1;
    }
    headers.iter().fold(varint::len_i32(headers.len() as i32), |sum, header| {
        let value_len = header.value.map_or(-1, |value| value.len() as i32);
        sum.saturating_add(varint::len_i32(header.key.len() as i32))
            .saturating_add(header.key.len())
            .saturating_add(varint::len_i32(value_len))
            .saturating_add(header.value.map_or(0, <[u8]>::len))
    })
}

#[inline]
fn write_headers(out: &mut Vec<u8>, headers: &[Header<'_>]) {
    if headers.is_empty() {
        out.push(0);
        return;
    }
    varint::write_i32(out, headers.len() as i32);
    for header in headers {
        varint::write_i32(out, header.key.len() as i32);
        out.extend_from_slice(header.key);
        match header.value {
            Some(value) => {
                varint::write_i32(out, value.len() as i32);
                out.extend_from_slice(value);
            }
            None => varint::write_i32(out, -1),
        }
    }
}
