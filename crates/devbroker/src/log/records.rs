//! What the broker knows of the records inside a batch: offsets and timestamps for ListOffsets by timestamp, and for
//! compacted topics whether there are keys. Nothing else looks past the header of a batch.

#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::string_slice
)]

use std::io::Read;

use super::batch::{BatchHeader, HEADER_BYTES};

/// Window of a zstd frame, as a power of two: 8 MiB, what every decoder must support (RFC 8878).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// The framing that Java clients put around snappy blocks: magic, then two version numbers.
const XERIAL_MAGIC: &[u8] = b"\x82SNAPPY\0";
const XERIAL_HEADER_BYTES: usize = 16;

/// Position of a record: its offset delta and its timestamp in ms; and whether it has a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) offset_delta: i32,
    pub(crate) timestamp: i64,
    pub(crate) has_key: bool,
}

/// The first record of `batch` that `wanted` accepts. Takes what it decompresses off `budget`,
/// bytes; `Err` when the records cannot be read within it.
pub(crate) fn find(
    batch: &[u8],
    header: &BatchHeader,
    budget: &mut usize,
    wanted: impl Fn(Position) -> bool,
) -> Result<Option<Position>, Unreadable> {
    let body = batch.get(HEADER_BYTES..).ok_or(Unreadable)?;
    let inflated;
    let mut rest = if header.compression() == 0 {
        body
    } else {
        inflated = decompress(header.compression(), body, *budget)?;
        *budget = budget.saturating_sub(inflated.len());
        inflated.as_slice()
    };
    for _ in 0..header.record_count {
        let length = usize::try_from(varint(&mut rest)?).map_err(|_| Unreadable)?;
        let (mut record, after) = rest.split_at_checked(length).ok_or(Unreadable)?;
        rest = after;
        let (_attributes, fields) = record.split_first().ok_or(Unreadable)?;
        record = fields;
        let delta = varint(&mut record)?;
        let offset_delta = i32::try_from(varint(&mut record)?).map_err(|_| Unreadable)?;
        let timestamp = if header.is_log_append_time() {
            header.max_timestamp
        } else {
            header.base_timestamp.saturating_add(delta)
        };
        let has_key = varint(&mut record)? >= 0;
        let position = Position { offset_delta, timestamp, has_key };
        if wanted(position) {
            return Ok(Some(position));
        }
    }
    Ok(None)
}

/// The records of a batch are not what its header says, or too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

fn decompress(codec: i16, body: &[u8], bytes_max: usize) -> Result<Vec<u8>, Unreadable> {
    match codec {
        1 => drain(flate2::read::GzDecoder::new(body), bytes_max),
        2 => unsnap(body, bytes_max),
        3 => drain(lz4_flex::frame::FrameDecoder::new(body), bytes_max),
        4 => {
            let mut decoder =
                zstd::stream::read::Decoder::with_buffer(body).map_err(|_| Unreadable)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|_| Unreadable)?;
            drain(decoder, bytes_max)
        }
        _ => Err(Unreadable),
    }
}

/// Reads to the end, at most `bytes_max` bytes.
fn drain(reader: impl Read, bytes_max: usize) -> Result<Vec<u8>, Unreadable> {
    let mut out = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    reader.take(limit.saturating_add(1)).read_to_end(&mut out).map_err(|_| Unreadable)?;
    if out.len() > bytes_max { Err(Unreadable) } else { Ok(out) }
}

fn unsnap(body: &[u8], bytes_max: usize) -> Result<Vec<u8>, Unreadable> {
    let mut out = Vec::new();
    if !body.starts_with(XERIAL_MAGIC) {
        unsnap_block(body, bytes_max, &mut out)?;
        return Ok(out);
    }
    let mut rest = body.get(XERIAL_HEADER_BYTES..).ok_or(Unreadable)?;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk().ok_or(Unreadable)?;
        let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| Unreadable)?;
        let (block, after) = after.split_at_checked(length).ok_or(Unreadable)?;
        rest = after;
        unsnap_block(block, bytes_max, &mut out)?;
    }
    Ok(out)
}

fn unsnap_block(block: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<(), Unreadable> {
    let length = snap::raw::decompress_len(block).map_err(|_| Unreadable)?;
    if length > bytes_max.saturating_sub(out.len()) {
        return Err(Unreadable);
    }
    let inflated = snap::raw::Decoder::new().decompress_vec(block).map_err(|_| Unreadable)?;
    out.extend_from_slice(&inflated);
    Ok(())
}

/// A zigzag varint of up to ten bytes.
fn varint(rest: &mut &[u8]) -> Result<i64, Unreadable> {
    let mut raw = 0u64;
    for shift in (0u32..70).step_by(7) {
        let (&byte, after) = rest.split_first().ok_or(Unreadable)?;
        *rest = after;
        raw |= u64::from(byte & 0x7f).checked_shl(shift).ok_or(Unreadable)?;
        if byte & 0x80 == 0 {
            return Ok((raw >> 1).cast_signed() ^ (raw & 1).cast_signed().wrapping_neg());
        }
    }
    Err(Unreadable)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use std::io::Write;

    use super::super::batch::{self, tests};
    use super::*;

    /// The batch with its records compressed.
    fn compressed(codec: u8, xerial: bool) -> Vec<u8> {
        let mut bytes = tests::batch((-1, -1, -1), &[10, 30, 20], b"value");
        let records = bytes.split_off(HEADER_BYTES);
        let packed = match codec {
            0 => records,
            1 => {
                let mut out = flate2::write::GzEncoder::new(Vec::new(), Default::default());
                out.write_all(&records).unwrap();
                out.finish().unwrap()
            }
            2 => {
                let block = snap::raw::Encoder::new().compress_vec(&records).unwrap();
                if xerial {
                    let mut out = XERIAL_MAGIC.to_vec();
                    out.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1]);
                    out.extend_from_slice(&(block.len() as i32).to_be_bytes());
                    out.extend_from_slice(&block);
                    out
                } else {
                    block
                }
            }
            3 => {
                let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
                out.write_all(&records).unwrap();
                out.finish().unwrap()
            }
            _ => zstd::stream::encode_all(records.as_slice(), 0).unwrap(),
        };
        bytes.extend_from_slice(&packed);
        bytes[22] |= codec;
        let length = (bytes.len() - 12) as i32;
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        tests::seal(&mut bytes);
        bytes
    }

    #[test]
    fn records_are_found_in_every_codec_and_within_the_budget() {
        for (codec, xerial) in
            [(0, false), (1, false), (2, false), (2, true), (3, false), (4, false)]
        {
            let bytes = compressed(codec, xerial);
            let header = batch::read_produced(&bytes, 7).unwrap();
            let mut budget = 1000;
            let found = find(&bytes, &header, &mut budget, |p| p.timestamp >= 15).unwrap();
            assert_eq!(
                found,
                Some(Position { offset_delta: 1, timestamp: 30, has_key: false }),
                "codec {codec}"
            );
            let last = find(&bytes, &header, &mut budget, |p| p.timestamp == 20).unwrap();
            assert_eq!(last.unwrap().offset_delta, 2);
            assert_eq!(find(&bytes, &header, &mut budget, |p| p.timestamp > 30), Ok(None));
            if codec != 0 {
                assert!(budget < 1000);
                assert_eq!(find(&bytes, &header, &mut 5, |_| true), Err(Unreadable));
            }
        }
    }

    #[test]
    fn broken_records_are_unreadable() {
        for codec in 0..5 {
            let mut bytes = compressed(codec, false);
            let header = batch::read_produced(&bytes, 7).unwrap();
            bytes.truncate(HEADER_BYTES + 3);
            assert_eq!(find(&bytes, &header, &mut 1000, |_| false), Err(Unreadable), "{codec}");
        }
    }
}
