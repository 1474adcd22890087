//! Message sets: the formats v0 (Kafka up to 0.9) and v1 (0.10, KIP-31 and KIP-32), read and, v1,
//! written.
//!
//! An entry is an offset (8 bytes), a size (4), and a message: CRC-32 (4), magic, attributes, from
//! v1 on a timestamp (8), then key and value, each behind an `int32` length. A compressed message
//! is a wrapper: its value is a whole message set, its offset that of the last message in there.
//! Offsets inside count from 0 in v1, and are those of the log in v0. With `LogAppendTime` the
//! wrapper's timestamp is that of every message inside.
//!
//! What is read becomes a batch of format v2, so that nothing behind this module knows the old
//! formats.

use bytes::{BufMut, Bytes, BytesMut};
use flate2::Crc;

use super::batches::{BatchView, assemble};
use super::builder::write_head;
use super::error::{BatchError, BatchFault};
use super::header::{BatchHeader, LENGTH_END, TimestampType};
use super::limits::{MAX_BATCH_BYTES, MESSAGE_RUN_BYTES_MAX};
use crate::wire::compression::{Compression, Compressor, Decompressor};

/// Bytes of the smallest entry behind its offset and size: the fields and two lengths.
const SMALLEST: [usize; 2] = [14, SMALLEST_V1];
const SMALLEST_V1: usize = 22;
/// First byte of a message that its checksum covers, from the start of the entry.
const COVERED_FROM: usize = 16;
/// What format v0 has for a timestamp.
const NO_TIMESTAMP: i64 = -1;

/// One message, borrowed.
#[derive(Debug, Clone, Copy)]
struct Message<'a> {
    offset: i64,
    crc: u32,
    magic: i8,
    attributes: i8,
    timestamp: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    /// What the checksum covers.
    covered: &'a [u8],
}

impl<'a> Message<'a> {
    fn compression(&self) -> Result<Compression, BatchFault> {
        match Compression::from_attributes(i16::from(self.attributes)) {
            // Format v2 came before zstd did.
            Ok(Compression::Zstd) => Err(BatchFault::Codec { code: 4 }),
            Ok(codec) => Ok(codec),
            Err(code) => Err(BatchFault::Codec { code }),
        }
    }

    fn verify(&self) -> Result<(), BatchFault> {
        let mut crc = Crc::new();
        crc.update(self.covered);
        let (stored, computed) = (self.crc, crc.sum());
        if stored == computed { Ok(()) } else { Err(BatchFault::Crc { stored, computed }) }
    }

    /// The entry at the start of `bytes`, and what follows it.
    fn take(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), BatchFault> {
        let total = entry_len(bytes)?.ok_or(BatchFault::Length { batch_length: -1 })?;
        let bad = BatchFault::Record { index: 0, fault: super::error::RecordFault::Length };
        let (entry, after) = bytes.split_at_checked(total).ok_or(bad.clone())?;
        let mut rest = entry;
        let mut message = Self {
            offset: i64::from_be_bytes(take(&mut rest).ok_or(bad.clone())?),
            crc: 0,
            magic: 0,
            attributes: 0,
            timestamp: NO_TIMESTAMP,
            key: None,
            value: None,
            covered: entry.get(COVERED_FROM..).unwrap_or_default(),
        };
        let _size: [u8; 4] = take(&mut rest).ok_or(bad.clone())?;
        message.crc = u32::from_be_bytes(take(&mut rest).ok_or(bad.clone())?);
        message.magic = i8::from_be_bytes(take(&mut rest).ok_or(bad.clone())?);
        message.attributes = i8::from_be_bytes(take(&mut rest).ok_or(bad.clone())?);
        if message.magic > 0 {
            message.timestamp = i64::from_be_bytes(take(&mut rest).ok_or(bad)?);
        }
        let record = |fault| BatchFault::Record { index: 0, fault };
        message.key = field(&mut rest).ok_or(record(super::error::RecordFault::Key))?;
        message.value = field(&mut rest).ok_or(record(super::error::RecordFault::Value))?;
        if rest.is_empty() {
            Ok((message, after))
        } else {
            Err(BatchFault::Trailing { bytes: rest.len() })
        }
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (field, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*field)
}

/// Bytes behind an `int32` length; every negative one is null, as in the Java client.
fn field<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let len = i32::from_be_bytes(take(rest)?);
    let Ok(len) = usize::try_from(len) else { return Some(None) };
    let (field, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(Some(field))
}

/// Bytes of the entry at the start of `bytes`, as its size field says; `None` when they are not all
/// there.
pub(super) fn entry_len(bytes: &[u8]) -> Result<Option<usize>, BatchFault> {
    let Some(start) = bytes.first_chunk::<17>() else { return Ok(None) };
    let [_, _, _, _, _, _, _, _, s0, s1, s2, s3, _, _, _, _, magic] = *start;
    let size = i32::from_be_bytes([s0, s1, s2, s3]);
    let magic = magic as i8;
    let smallest = usize::try_from(magic).ok().and_then(|magic| SMALLEST.get(magic));
    let smallest = *smallest.ok_or(BatchFault::Magic { magic })?;
    let len = usize::try_from(size).ok().filter(|size| *size >= smallest);
    let len = len.ok_or(BatchFault::Length { batch_length: size })?;
    let total = len.saturating_add(LENGTH_END);
    Ok((total <= bytes.len()).then_some(total))
}

/// Bytes of the run of messages at the start of `bytes`: a wrapper is one of its own; others go
/// together as long as one batch can say the same about all of them. `None` when not even the
/// first one is complete.
pub(super) fn run_len(bytes: &[u8]) -> Result<Option<usize>, BatchFault> {
    let Some(first_len) = entry_len(bytes)? else { return Ok(None) };
    let (Some(head), Ok((first, mut rest))) = (bytes.get(..first_len), Message::take(bytes)) else {
        // What is wrong with it is said when it is read.
        return Ok(Some(first_len));
    };
    let mut total = head.len();
    if first.attributes & 7 != 0 {
        return Ok(Some(total));
    }
    let mut last = first.offset;
    while let Ok((next, after)) = Message::take(rest) {
        let same = (next.magic, next.attributes) == (first.magic, first.attributes)
            && (!is_append_time(&first) || next.timestamp == first.timestamp);
        let delta = next.offset.checked_sub(first.offset).and_then(|d| i32::try_from(d).ok());
        let longer = total.saturating_add(rest.len().saturating_sub(after.len()));
        if !same || next.offset <= last || delta.is_none() || longer > MESSAGE_RUN_BYTES_MAX {
            break;
        }
        (last, total, rest) = (next.offset, longer, after);
    }
    Ok(Some(total))
}

/// The first message of a run and what follows it; errors name its offset.
fn first_of(run: &[u8]) -> Result<(Message<'_>, &[u8]), BatchError> {
    Message::take(run).map_err(|fault| {
        let offset = run.first_chunk().map_or(-1, |offset| i64::from_be_bytes(*offset));
        BatchError::new(offset, fault)
    })
}

fn is_append_time(message: &Message<'_>) -> bool {
    message.magic > 0 && message.attributes & 8 != 0
}

/// What a batch header would say about a run of messages. Of a wrapper only the last offset is
/// known before it is decompressed: base and last offset are both that.
pub(super) fn header(run: &[u8]) -> Result<BatchHeader, BatchError> {
    let (first, mut rest) = first_of(run)?;
    let fail = |fault| BatchError::new(first.offset, fault);
    let (mut count, mut last, mut newest) = (1_i32, first.offset, first.timestamp);
    while !rest.is_empty() {
        let (next, after) = Message::take(rest).map_err(fail)?;
        (last, newest, rest) = (next.offset, newest.max(next.timestamp), after);
        count = count.saturating_add(1);
    }
    let delta = last.checked_sub(first.offset).and_then(|delta| i32::try_from(delta).ok());
    let last_offset_delta = delta.filter(|delta| *delta >= 0);
    if first.offset < 0 || last == i64::MAX || last_offset_delta.is_none() {
        return Err(fail(BatchFault::Offsets { last_offset_delta: -1 }));
    }
    // v0 has no timestamp type, and a stray bit is none.
    let attributes = i16::from(first.attributes) & if first.magic > 0 { 0x0f } else { 0x07 };
    Ok(BatchHeader {
        base_offset: first.offset,
        batch_length: i32::try_from(run.len().saturating_sub(LENGTH_END)).unwrap_or(i32::MAX),
        partition_leader_epoch: -1,
        magic: first.magic,
        crc: first.crc,
        attributes,
        last_offset_delta: last_offset_delta.unwrap_or(0),
        base_timestamp: first.timestamp,
        max_timestamp: newest,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        record_count: count,
    })
}

/// Checks the CRC-32 of every message of a run. That of a wrapper covers what is inside.
pub(super) fn verify(run: &[u8]) -> Result<(), BatchFault> {
    let mut rest = run;
    while !rest.is_empty() {
        let (message, after) = Message::take(rest)?;
        message.verify()?;
        rest = after;
    }
    Ok(())
}

/// The messages of a run as one uncompressed batch of format v2, whose header keeps the magic of
/// the run.
pub(super) fn to_batch(
    run: &Bytes,
    decompressor: &mut Decompressor,
    max_decompressed: usize,
) -> Result<BatchView, BatchError> {
    let (first, _) = first_of(run)?;
    let fail = |fault| BatchError::new(first.offset, fault);
    let view = match first.compression().map_err(fail)? {
        Compression::None => convert(run, 0, &first),
        codec => {
            let value = first.value.ok_or(fail(BatchFault::RecordCount { count: 0, bytes: 0 }))?;
            let inner = decompressor
                .decompress(codec, &run.slice_ref(value), max_decompressed)
                .map_err(|error| fail(BatchFault::Decompress(error)))?;
            let shift = if first.magic > 0 {
                first.offset.checked_sub(last_offset(&inner).map_err(fail)?)
            } else {
                Some(0)
            };
            let shift = shift.ok_or(fail(BatchFault::Offsets { last_offset_delta: -1 }))?;
            convert(&inner, shift, &first)
        }
    };
    view.map_err(fail)
}

fn last_offset(set: &[u8]) -> Result<i64, BatchFault> {
    let (mut rest, mut last) = (set, None);
    while !rest.is_empty() {
        let (message, after) = Message::take(rest)?;
        (last, rest) = (Some(message.offset), after);
    }
    last.ok_or(BatchFault::RecordCount { count: 0, bytes: set.len() })
}

/// `set` in format v2: `shift` is added to its offsets, and `outer` says whose time it is.
fn convert(set: &[u8], shift: i64, outer: &Message<'_>) -> Result<BatchView, BatchFault> {
    let (mut rest, mut payload) = (set, Vec::with_capacity(set.len()));
    let append_time = is_append_time(outer);
    let mut header: Option<BatchHeader> = None;
    while !rest.is_empty() {
        let (message, after) = Message::take(rest)?;
        rest = after;
        if message.magic != outer.magic {
            return Err(BatchFault::Magic { magic: message.magic });
        }
        let bad = BatchFault::Offsets { last_offset_delta: -1 };
        let offset = message.offset.checked_add(shift).filter(|o| (0..i64::MAX).contains(o));
        let offset = offset.ok_or(bad.clone())?;
        let timestamp = if append_time { outer.timestamp } else { message.timestamp };
        let header = header.get_or_insert(BatchHeader {
            base_offset: offset,
            batch_length: 0,
            partition_leader_epoch: -1,
            magic: 2,
            crc: 0,
            attributes: 0,
            last_offset_delta: -1,
            base_timestamp: timestamp,
            max_timestamp: timestamp,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: 0,
        });
        let delta = offset.checked_sub(header.base_offset).and_then(|d| i32::try_from(d).ok());
        let delta = delta.filter(|delta| *delta > header.last_offset_delta).ok_or(bad)?;
        let index = header.record_count;
        let time_fault = super::error::RecordFault::Timestamp;
        let time = timestamp
            .checked_sub(header.base_timestamp)
            .ok_or(BatchFault::Record { index, fault: time_fault })?;
        let value_len = message.value.map_or(-1, |value| value.len() as i32);
        write_head(&mut payload, time, delta, message.key, value_len, 1);
        payload.extend_from_slice(message.value.unwrap_or_default());
        // No headers.
        payload.push(0);
        header.last_offset_delta = delta;
        header.max_timestamp = header.max_timestamp.max(timestamp);
        header.record_count = index.saturating_add(1);
    }
    let mut header = header.ok_or(BatchFault::RecordCount { count: 0, bytes: set.len() })?;
    if append_time {
        header.set_timestamp_type(TimestampType::LogAppendTime);
    }
    BatchView::converted(assemble(&header, &payload), outer.magic)
}

/// Why records cannot go to a broker that only knows format v1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DownConversion {
    /// A record has headers (KIP-82, Kafka 0.11).
    Headers,
    /// The batch is compressed with zstd (KIP-110, Kafka 2.1).
    Zstd,
    /// It cannot be read back, compressed, or is too large: a defect of the builder.
    Defect,
}

impl DownConversion {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Headers => {
                "record headers need message format v2, which brokers have since Kafka 0.11"
            }
            Self::Zstd => "'compression.type' = 'zstd' needs Kafka 2.1 or later",
            Self::Defect => "the batch could not be put into message format v1",
        }
    }
}

/// A batch of format v2 as a message set of format v1: one wrapper if it is compressed.
///
/// # Errors
/// See [`DownConversion`].
pub(crate) fn from_batch(batch: &Bytes) -> Result<Bytes, DownConversion> {
    let view = BatchView::parse(batch.clone()).map_err(|_| DownConversion::Defect)?;
    let codec = view.header().compression().map_err(|_| DownConversion::Defect)?;
    if codec == Compression::Zstd {
        return Err(DownConversion::Zstd);
    }
    let records = view
        .records(&mut Decompressor::new(), MAX_BATCH_BYTES)
        .map_err(|_| DownConversion::Defect)?;
    let mut set = BytesMut::with_capacity(records.slab().len());
    let (mut offset, mut newest) = (0_i64, NO_TIMESTAMP);
    for record in &records {
        let record = record.map_err(|_| DownConversion::Defect)?;
        if record.headers.len() > 0 {
            return Err(DownConversion::Headers);
        }
        put_message(&mut set, offset, 0, record.timestamp, record.key, record.value)?;
        newest = newest.max(record.timestamp);
        offset = offset.saturating_add(1);
    }
    if codec == Compression::None {
        return Ok(set.freeze());
    }
    let mut compressed = Vec::new();
    Compressor::new().compress(codec, &set, &mut compressed).map_err(|_| DownConversion::Defect)?;
    let mut wrapper = BytesMut::new();
    let attributes = codec.attribute_bits() as i8;
    let last = offset.saturating_sub(1);
    put_message(&mut wrapper, last, attributes, newest, None, Some(&compressed))?;
    Ok(wrapper.freeze())
}

fn put_message(
    out: &mut BytesMut,
    offset: i64,
    attributes: i8,
    timestamp: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
) -> Result<(), DownConversion> {
    let size = SMALLEST_V1
        .saturating_add(key.map_or(0, <[u8]>::len))
        .saturating_add(value.map_or(0, <[u8]>::len));
    let size = i32::try_from(size).map_err(|_| DownConversion::Defect)?;
    let start = out.len();
    out.put_i64(offset);
    out.put_i32(size);
    out.put_u32(0);
    out.put_i8(1);
    out.put_i8(attributes);
    out.put_i64(timestamp);
    for field in [key, value] {
        // The sum of both fits into an i32.
        out.put_i32(field.map_or(-1, |field| field.len() as i32));
        out.put_slice(field.unwrap_or_default());
    }
    let mut crc = Crc::new();
    let covered = start.saturating_add(COVERED_FROM);
    crc.update(out.get(covered..).unwrap_or_default());
    if let Some(slot) = out.get_mut(covered.saturating_sub(4)..covered) {
        slot.copy_from_slice(&crc.sum().to_be_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{BatchBuilder, Batches};
    use super::*;

    /// An entry of any format.
    fn entry(
        magic: i8,
        offset: i64,
        attributes: i8,
        time: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Vec<u8> {
        let mut out = BytesMut::new();
        put_message(&mut out, offset, attributes, time, key, value).unwrap();
        if magic == 1 {
            return out.to_vec();
        }
        let size = i32::from_be_bytes(out[8..12].try_into().unwrap()) - 8;
        let mut old =
            [&out[..8], &size.to_be_bytes(), &[0; 4], &[0], &out[17..18], &out[26..]].concat();
        let mut crc = Crc::new();
        crc.update(&old[16..]);
        old[12..16].copy_from_slice(&crc.sum().to_be_bytes());
        old
    }

    fn wrapped(
        magic: i8,
        offset: i64,
        attributes: i8,
        time: i64,
        codec: Compression,
        set: &[u8],
    ) -> Vec<u8> {
        let mut value = Vec::new();
        Compressor::new().compress(codec, set, &mut value).unwrap();
        let attributes = attributes | codec.attribute_bits() as i8;
        entry(magic, offset, attributes, time, None, Some(&value))
    }

    /// Offset, timestamp and value.
    type Seen = Vec<(i64, i64, String)>;

    /// Every record of a slab, and the number of batches.
    fn read(slab: &[u8]) -> Result<(Seen, usize), BatchError> {
        let mut decompressor = Decompressor::new();
        let (mut out, mut count) = (Vec::new(), 0);
        for view in Batches::new(Bytes::copy_from_slice(slab)) {
            let view = view?;
            view.verify_crc()?;
            let last = view.header().last_offset();
            let view = view.into_v2(&mut decompressor, 1 << 20)?;
            assert_eq!(view.header().last_offset(), last, "known before decompression");
            for record in &view.records(&mut decompressor, 1 << 20)? {
                let record = record?;
                let value = String::from_utf8_lossy(record.value.unwrap_or(b"null")).into_owned();
                out.push((record.offset, record.timestamp, value));
            }
            count += 1;
        }
        Ok((out, count))
    }

    fn expect(offsets: &[i64], times: &[i64]) -> Seen {
        offsets.iter().zip(times).map(|(o, t)| (*o, *t, format!("v{o}"))).collect()
    }

    fn set(magic: i8, offsets: &[i64], values: &[i64], times: &[i64]) -> Vec<u8> {
        let entries = offsets.iter().zip(values).zip(times);
        entries
            .flat_map(|((o, v), t)| {
                entry(magic, *o, 0, *t, Some(b"k"), Some(format!("v{v}").as_bytes()))
            })
            .collect()
    }

    #[test]
    fn plain_messages_go_together() {
        let offsets = [5, 6, 9];
        assert_eq!(
            read(&set(1, &offsets, &offsets, &[30, 10, 20])).unwrap(),
            (expect(&offsets, &[30, 10, 20]), 1)
        );
        assert_eq!(
            read(&set(0, &offsets, &offsets, &[0; 3])).unwrap(),
            (expect(&offsets, &[-1; 3]), 1)
        );
        // Another format, another batch; and formats follow one another in a log.
        let mut sealed = BatchBuilder::new(Compression::None, 100);
        sealed.append(7, None, Some(b"v8"), &[]).unwrap();
        let mut v2 = sealed.seal(&mut Compressor::new()).unwrap().stamp(-1, -1, -1, false).to_vec();
        v2[..8].copy_from_slice(&8_i64.to_be_bytes());
        let mixed = [set(0, &[6], &[6], &[0]), set(1, &[7], &[7], &[1]), v2].concat();
        assert_eq!(read(&mixed).unwrap(), (expect(&[6, 7, 8], &[-1, 1, 7]), 3));
    }

    #[test]
    fn wrappers_have_relative_offsets_since_v1() {
        for codec in [Compression::Gzip, Compression::Snappy, Compression::Lz4] {
            // Compaction removed the second of four.
            let inner = set(1, &[0, 2, 3], &[100, 102, 103], &[1, 2, 3]);
            let v1 = wrapped(1, 103, 0, 3, codec, &inner);
            assert_eq!(read(&v1).unwrap(), (expect(&[100, 102, 103], &[1, 2, 3]), 1), "{codec}");
            let inner = set(0, &[100, 102, 103], &[100, 102, 103], &[0; 3]);
            let v0 = wrapped(0, 103, 0, 0, codec, &inner);
            assert_eq!(read(&v0).unwrap(), (expect(&[100, 102, 103], &[-1; 3]), 1), "{codec}");
        }
    }

    #[test]
    fn append_time_comes_from_the_wrapper_and_from_each_message() {
        let inner = set(1, &[0, 1], &[10, 11], &[1, 2]);
        let outer = wrapped(1, 11, 8, 99, Compression::Gzip, &inner);
        let plain =
            [entry(1, 12, 8, 99, None, Some(b"v12")), entry(1, 13, 8, 100, None, Some(b"v13"))];
        let read = read(&[outer, plain.concat()].concat()).unwrap();
        assert_eq!(read, (expect(&[10, 11, 12, 13], &[99, 99, 99, 100]), 3));
    }

    #[test]
    fn a_cut_tail_is_left_for_the_next_fetch() {
        let whole = set(1, &[0, 1, 2], &[0, 1, 2], &[0; 3]);
        for cut in 1..whole.len() {
            let slab = Bytes::copy_from_slice(&whole[..cut]);
            let mut batches = Batches::new(slab);
            let seen = batches.by_ref().map(|view| view.unwrap().header().last_offset() + 1).last();
            let complete = cut / (whole.len() / 3);
            assert_eq!(seen.unwrap_or(0), complete as i64, "{cut}");
            assert_eq!(batches.remaining(), cut - complete * whole.len() / 3, "{cut}");
        }
    }

    #[test]
    fn damage_is_found() {
        let good = set(1, &[0, 1], &[0, 1], &[0; 2]);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            // Offsets and the bytes of size and magic are not covered by the checksum.
            let found = read(&bad);
            let second = good.len() / 2;
            if !(0..16).contains(&at) && !(second..second + 16).contains(&at) {
                assert!(found.is_err() || at == 16 || at == second + 16, "byte {at}: {found:?}");
            }
        }
        let empty = wrapped(1, 5, 0, 0, Compression::Gzip, b"");
        let nested = wrapped(1, 5, 0, 0, Compression::Gzip, &set(0, &[5], &[5], &[0]));
        let zstd = entry(1, 5, 4, 0, None, Some(b"x"));
        let falling = wrapped(1, 5, 0, 0, Compression::Gzip, &set(1, &[1, 0], &[1, 0], &[0; 2]));
        let negative = wrapped(1, 0, 0, 0, Compression::Gzip, &set(1, &[0, 9], &[0, 9], &[0; 2]));
        let bomb = wrapped(1, 0, 0, 0, Compression::Gzip, &vec![0; 2 << 20]);
        for bad in [empty, nested, zstd, falling, negative, bomb] {
            assert!(read(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for codec in [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4] {
            let mut builder = BatchBuilder::new(codec, 1000);
            for n in 0..5 {
                let value = format!("v{n}");
                builder.append(50 - n, None, Some(value.as_bytes()), &[]).unwrap();
            }
            let batch = builder.seal(&mut Compressor::new()).unwrap().stamp(-1, -1, -1, false);
            let set = from_batch(&batch).unwrap();
            assert_eq!(read(&set).unwrap(), (expect(&[0, 1, 2, 3, 4], &[50, 49, 48, 47, 46]), 1));
        }
    }

    #[test]
    fn what_v1_lacks_is_refused() {
        let seal = |codec, headers: &[super::super::Header<'_>]| {
            let mut builder = BatchBuilder::new(codec, 1000);
            builder.append(1, None, None, headers).unwrap();
            builder.seal(&mut Compressor::new()).unwrap().stamp(-1, -1, -1, false)
        };
        let header = super::super::Header { key: b"h", value: None };
        assert_eq!(from_batch(&seal(Compression::None, &[header])), Err(DownConversion::Headers));
        assert_eq!(from_batch(&seal(Compression::Zstd, &[])), Err(DownConversion::Zstd));
        let null = from_batch(&seal(Compression::None, &[])).unwrap();
        assert_eq!(read(&null).unwrap().0, [(0, 1, "null".to_owned())]);
    }
}
