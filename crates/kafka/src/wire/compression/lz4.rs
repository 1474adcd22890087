//! LZ4 frame format around the block codec of `lz4_flex`.
//!
//! The frame is ours because the library's reader allocates by the declared block size and cannot
//! write into a given buffer. Written frames equal those of the Java client in shape: independent
//! blocks of 64 KiB, no checksums, no content size. Linked blocks are read as well.

use lz4_flex::block::{
    CompressTable, compress_into_with_table, decompress_into, decompress_into_with_dict,
    get_maximum_output_size,
};

use super::limits::{LZ4_BLOCK_BYTES, MAX_LZ4_RATIO};
use super::output::Output;
use super::xxh32::xxh32;
use super::{CompressError, Compression, DecompressError};

const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
const VERSION_MASK: u8 = 0b1100_0000;
const VERSION_1: u8 = 0b0100_0000;
const INDEPENDENT: u8 = 0b0010_0000;
const BLOCK_CHECKSUM: u8 = 0b0001_0000;
const CONTENT_SIZE: u8 = 0b0000_1000;
const CONTENT_CHECKSUM: u8 = 0b0000_0100;
const DICTIONARY: u8 = 0b0000_0001;
/// Block size code 4: 64 KiB.
const BLOCK_64_KIB: u8 = 4 << 4;
/// High bit of a block length: the block is stored as it is.
const STORED: u32 = 1 << 31;
/// How far a linked block may look back, in bytes.
const WINDOW_BYTES: usize = 64 << 10;

const fn corrupt(what: &'static str) -> DecompressError {
    DecompressError::Corrupt { codec: Compression::Lz4, what }
}

struct Frame {
    flags: u8,
    block_max: usize,
}

/// Reads one frame; like the Java client, bytes after its end mark are not looked at.
pub(super) fn decompress(input: &[u8], output: &mut Output) -> Result<(), DecompressError> {
    const TRUNCATED: DecompressError = corrupt("truncated frame");
    let (frame, mut rest) = frame_header(input)?;
    loop {
        let (word, after) = rest.split_first_chunk::<4>().ok_or(TRUNCATED)?;
        rest = after;
        let word = u32::from_le_bytes(*word);
        if word == 0 {
            break;
        }
        let len = (word & !STORED) as usize;
        if len > frame.block_max {
            return Err(corrupt("block larger than the frame allows"));
        }
        let (block, after) = rest.split_at_checked(len).ok_or(TRUNCATED)?;
        rest = after;
        if frame.flags & BLOCK_CHECKSUM != 0 {
            let (sum, after) = rest.split_first_chunk::<4>().ok_or(TRUNCATED)?;
            rest = after;
            if xxh32(block) != u32::from_le_bytes(*sum) {
                return Err(corrupt("block checksum mismatch"));
            }
        }
        if word & STORED == 0 {
            decompress_block(&frame, block, output)?;
        } else {
            output.append(block)?;
        }
    }
    if frame.flags & CONTENT_CHECKSUM != 0 {
        let sum = rest.first_chunk::<4>().ok_or(TRUNCATED)?;
        if xxh32(output.since(0)) != u32::from_le_bytes(*sum) {
            return Err(corrupt("content checksum mismatch"));
        }
    }
    Ok(())
}

fn decompress_block(
    frame: &Frame,
    block: &[u8],
    output: &mut Output,
) -> Result<(), DecompressError> {
    let reach = block.len().saturating_mul(MAX_LZ4_RATIO).saturating_add(64).min(frame.block_max);
    let left = output.left();
    let (done, slot) = output.slot(reach.min(left))?;
    let result = if frame.flags & INDEPENDENT != 0 {
        decompress_into(block, slot)
    } else {
        let window = done.len().saturating_sub(WINDOW_BYTES);
        decompress_into_with_dict(block, slot, done.get(window..).unwrap_or_default())
    };
    match result {
        Ok(written) => output.advance(written),
        // The slot was cut by the cap, not by the block size: the block needs more than is allowed.
        Err(_) if left < reach => output.advance(left),
        Err(_) => Err(corrupt("invalid block")),
    }
}

fn frame_header(input: &[u8]) -> Result<(Frame, &[u8]), DecompressError> {
    const TRUNCATED: DecompressError = corrupt("truncated frame header");
    let descriptor = input.strip_prefix(&MAGIC).ok_or(corrupt("no frame"))?;
    let [flags, sizes, ..] = *descriptor else { return Err(TRUNCATED) };
    if flags & VERSION_MASK != VERSION_1 {
        return Err(corrupt("unknown frame version"));
    }
    if flags & DICTIONARY != 0 {
        return Err(corrupt("frame needs a dictionary"));
    }
    let block_max = match sizes {
        0x40 => 64 << 10,
        0x50 => 256 << 10,
        0x60 => 1 << 20,
        0x70 => 4 << 20,
        _ => return Err(corrupt("unknown block size")),
    };
    let len = if flags & CONTENT_SIZE != 0 { 10 } else { 2 };
    let (described, rest) = descriptor.split_at_checked(len).ok_or(TRUNCATED)?;
    let (check, rest) = rest.split_first().ok_or(TRUNCATED)?;
    // Messages of format v0 have the checksum of the magic bytes as well: an error of old clients.
    let of_v0 = input.get(..MAGIC.len().saturating_add(len)).map(header_check);
    if *check != header_check(described) && Some(*check) != of_v0 {
        return Err(corrupt("frame header checksum mismatch"));
    }
    Ok((Frame { flags, block_max }, rest))
}

fn header_check(descriptor: &[u8]) -> u8 {
    (xxh32(descriptor) >> 8) as u8
}

/// Appends one frame.
pub(super) fn compress(
    table: &mut CompressTable,
    scratch: &mut Vec<u8>,
    input: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    const FAILED: CompressError = CompressError { codec: Compression::Lz4 };
    let descriptor = [VERSION_1 | INDEPENDENT, BLOCK_64_KIB];
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&descriptor);
    out.push(header_check(&descriptor));
    let bound = get_maximum_output_size(LZ4_BLOCK_BYTES);
    if scratch.len() < bound {
        scratch.resize(bound, 0);
    }
    for block in input.chunks(LZ4_BLOCK_BYTES) {
        let len = compress_into_with_table(block, scratch, table).map_err(|_| FAILED)?;
        if len < block.len() {
            out.extend_from_slice(&(len as u32).to_le_bytes());
            out.extend_from_slice(scratch.get(..len).ok_or(FAILED)?);
        } else {
            out.extend_from_slice(&(block.len() as u32 | STORED).to_le_bytes());
            out.extend_from_slice(block);
        }
    }
    out.extend_from_slice(&[0; 4]);
    Ok(())
}
