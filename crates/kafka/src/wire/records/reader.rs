//! The records of one batch.

use bytes::Bytes;

use super::error::{BatchError, BatchFault, RecordFault};
use super::header::{BatchHeader, TimestampType};
use super::limits::{MIN_HEADER_BYTES, MIN_RECORD_BYTES};
use super::varint::{read_i32, read_i64};

/// One record, borrowed from the slab of its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Offset in the partition.
    pub offset: i64,
    /// Milliseconds since the epoch: the record's own, or the append time of the batch when the topic
    /// uses `LogAppendTime`.
    pub timestamp: i64,
    /// The key; an empty key differs from none.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers, in order, duplicates included.
    pub headers: Headers<'a>,
    key_start: u32,
    value_start: u32,
}

impl Record<'_> {
    /// Start and length of the key in [`Records::slab`], in bytes; `None` without a key.
    #[inline]
    pub fn key_range(&self) -> Option<(u32, u32)> {
        self.key.map(|key| (self.key_start, key.len() as u32))
    }

    /// Start and length of the value in [`Records::slab`], in bytes; `None` without a value.
    #[inline]
    pub fn value_range(&self) -> Option<(u32, u32)> {
        self.value.map(|value| (self.value_start, value.len() as u32))
    }
}

/// One header of a record. Kafka's keys are strings, but a producer may send any bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The key as it was sent, usually UTF-8.
    pub key: &'a [u8],
    /// The value; an empty value differs from none.
    pub value: Option<&'a [u8]>,
}

/// The headers of a record, in order, duplicates included. They were checked with their record, so
/// reading them cannot fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        self.count = self.count.checked_sub(1)?;
        let (header, rest) = read_header(self.bytes)?;
        self.bytes = rest;
        Some(header)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for Headers<'_> {}
impl std::iter::FusedIterator for Headers<'_> {}

/// The records of one batch over a slab.
#[derive(Debug, Clone)]
pub struct Records {
    slab: Bytes,
    cursor: Cursor,
}

impl Records {
    pub(super) fn new(header: &BatchHeader, slab: Bytes) -> Result<Self, BatchError> {
        let count = header.record_count;
        let most = slab.len().checked_div(MIN_RECORD_BYTES).unwrap_or(0);
        // Positions are 32-bit; a section of a batch cannot be longer than i32::MAX bytes.
        if usize::try_from(count).map_or(true, |count| count > most)
            || slab.len() > u32::MAX as usize
        {
            let fault = BatchFault::RecordCount { count, bytes: slab.len() };
            return Err(BatchError::new(header.base_offset, fault));
        }
        let append_time = match header.timestamp_type() {
            TimestampType::NoTimestamp | TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(header.max_timestamp),
        };
        let cursor = Cursor {
            pos: 0,
            index: 0,
            count,
            done: false,
            base_offset: header.base_offset,
            base_timestamp: header.base_timestamp,
            last_offset_delta: header.last_offset_delta,
            append_time,
        };
        Ok(Self { slab, cursor })
    }

    /// The memory that keys, values and their ranges refer to: the records section, decompressed.
    pub const fn slab(&self) -> &Bytes {
        &self.slab
    }

    /// Records not yet given out.
    pub const fn remaining(&self) -> usize {
        if self.cursor.done {
            0
        } else {
            self.cursor.count.saturating_sub(self.cursor.index) as usize
        }
    }

    /// The next record, an error that ends the batch, or `None` at its end. Bytes after the last
    /// record are an error, given after that record.
    #[inline]
    pub fn next_record(&mut self) -> Option<Result<Record<'_>, BatchError>> {
        self.cursor.advance(&self.slab)
    }

    /// Iterates over the records not yet given out, without moving this reader: its records may be
    /// held together.
    #[inline]
    pub fn iter(&self) -> RecordIter<'_> {
        RecordIter { slab: &self.slab, cursor: self.cursor }
    }

    /// Takes the next records off: at most `records_max` of them in at most `bytes_max` bytes, but always one.
    /// They have the same slab, cut behind them, and positions in it. Records whose lengths are wrong
    /// are not told apart: who reads them finds the error.
    #[must_use]
    pub fn split_front(&mut self, records_max: usize, bytes_max: usize) -> Self {
        let start = self.cursor.pos;
        let (mut end, mut records) = (start, 0i32);
        let fits = self.remaining() <= records_max && self.remaining_bytes() <= bytes_max;
        let whole = loop {
            if fits || records as usize >= self.remaining() {
                break true;
            }
            let rest = self.slab.get(end..).unwrap_or_default();
            let length = read_i32(rest);
            let Some(after) = length.and_then(|(len, rest)| rest.get(usize::try_from(len).ok()?..))
            else {
                break true;
            };
            let next = self.slab.len().wrapping_sub(after.len());
            let full = records as usize >= records_max || next.wrapping_sub(start) > bytes_max;
            if full && records > 0 {
                break false;
            }
            (end, records) = (next, records.wrapping_add(1));
        };
        let mut front = self.clone();
        if whole {
            self.cursor.done = true;
        } else {
            front.slab.truncate(end);
            self.cursor.pos = end;
            self.cursor.index = self.cursor.index.wrapping_add(records);
            front.cursor.count = self.cursor.index;
        }
        front
    }

    /// Bytes of the records not yet given out.
    pub fn remaining_bytes(&self) -> usize {
        if self.cursor.done { 0 } else { self.slab.len().saturating_sub(self.cursor.pos) }
    }
}

impl<'a> IntoIterator for &'a Records {
    type Item = Result<Record<'a>, BatchError>;
    type IntoIter = RecordIter<'a>;

    fn into_iter(self) -> RecordIter<'a> {
        self.iter()
    }
}

/// Records borrowed from [`Records`].
#[derive(Debug, Clone)]
pub struct RecordIter<'a> {
    slab: &'a [u8],
    cursor: Cursor,
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<Record<'a>, BatchError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.cursor.advance(self.slab)
    }
}

impl std::iter::FusedIterator for RecordIter<'_> {}

/// Position in a slab and what the header says about its records.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    pos: usize,
    index: i32,
    count: i32,
    done: bool,
    base_offset: i64,
    base_timestamp: i64,
    last_offset_delta: i32,
    append_time: Option<i64>,
}

impl Cursor {
    #[inline]
    fn advance<'a>(&mut self, slab: &'a [u8]) -> Option<Result<Record<'a>, BatchError>> {
        if self.done {
            return None;
        }
        let rest = slab.get(self.pos..)?;
        if self.index >= self.count {
            self.done = true;
            if rest.is_empty() {
                return None;
            }
            let fault = BatchFault::Trailing { bytes: rest.len() };
            return Some(Err(BatchError::new(self.base_offset, fault)));
        }
        match self.parse(slab.len(), rest) {
            Ok((record, after)) => {
                self.pos = slab.len().wrapping_sub(after.len());
                self.index = self.index.wrapping_add(1);
                Some(Ok(record))
            }
            Err(fault) => {
                self.done = true;
                let fault = BatchFault::Record { index: self.index, fault };
                Some(Err(BatchError::new(self.base_offset, fault)))
            }
        }
    }

    /// Parses the record at the start of `rest`, the tail of a slab of `slab_len` bytes. Subtractions
    /// cannot wrap: every slice is a tail of the one before.
    #[inline(always)]
    fn parse<'a>(
        &self,
        slab_len: usize,
        rest: &'a [u8],
    ) -> Result<(Record<'a>, &'a [u8]), RecordFault> {
        let (len, rest) = read_i32(rest).ok_or(RecordFault::Length)?;
        let len = usize::try_from(len).map_err(|_| RecordFault::Length)?;
        let (body, after) = rest.split_at_checked(len).ok_or(RecordFault::Length)?;
        let end = slab_len.wrapping_sub(after.len());

        let (_attributes, body) = body.split_first().ok_or(RecordFault::Prefix)?;
        let (timestamp_delta, body) = read_i64(body).ok_or(RecordFault::Prefix)?;
        let (offset_delta, body) = read_i32(body).ok_or(RecordFault::Prefix)?;
        if offset_delta < 0 || offset_delta > self.last_offset_delta {
            return Err(RecordFault::OffsetDelta(offset_delta));
        }
        let timestamp = match self.append_time {
            Some(append_time) => append_time,
            None => {
                self.base_timestamp.checked_add(timestamp_delta).ok_or(RecordFault::Timestamp)?
            }
        };

        let (key, body) = read_nullable(body).ok_or(RecordFault::Key)?;
        let key_end = end.wrapping_sub(body.len());
        let (value, body) = read_nullable(body).ok_or(RecordFault::Value)?;
        let value_end = end.wrapping_sub(body.len());
        let headers = match body {
            [0] => Headers::default(),
            _ => read_headers(body).ok_or(RecordFault::Headers)?,
        };
        let record = Record {
            // The header was checked: base offset plus last delta does not overflow.
            offset: self.base_offset.wrapping_add(i64::from(offset_delta)),
            timestamp,
            key,
            value,
            headers,
            key_start: key_end.wrapping_sub(key.map_or(0, <[u8]>::len)) as u32,
            value_start: value_end.wrapping_sub(value.map_or(0, <[u8]>::len)) as u32,
        };
        Ok((record, after))
    }
}

/// Bytes with a varint length, and the rest. Every negative length is null, as in the Java client.
#[inline(always)]
fn read_nullable(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (len, rest) = read_i32(bytes)?;
    match usize::try_from(len) {
        Ok(len) => rest.split_at_checked(len).map(|(value, after)| (Some(value), after)),
        Err(_) => Some((None, rest)),
    }
}

/// Checks that the headers fill `bytes` exactly.
#[inline(never)]
fn read_headers(bytes: &[u8]) -> Option<Headers<'_>> {
    let (count, bytes) = read_i32(bytes)?;
    let count = usize::try_from(count).ok()?;
    if count > bytes.len().checked_div(MIN_HEADER_BYTES)? {
        return None;
    }
    let mut rest = bytes;
    for _ in 0..count {
        (_, rest) = read_header(rest)?;
    }
    rest.is_empty().then_some(Headers { bytes, count })
}

#[inline]
fn read_header(bytes: &[u8]) -> Option<(Header<'_>, &[u8])> {
    let (key, rest) = read_nullable(bytes)?;
    let (value, rest) = read_nullable(rest)?;
    Some((Header { key: key?, value }, rest))
}
