//! Snappy: raw blocks, and the framing of snappy-java ("xerial") that the Java client writes.
//!
//! Framing: `82 'S' 'N' 'A' 'P' 'P' 'Y' 00`, version and oldest compatible version (both i32, 1), then
//! blocks of an i32 length and that many bytes of raw snappy. All integers are big endian.

use super::limits::{MAX_SNAPPY_RATIO, XERIAL_BLOCK_BYTES};
use super::output::Output;
use super::{CompressError, Compression, DecompressError};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const HEADER: [u8; 16] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
/// The first four magic bytes where a block length is expected: another stream was appended.
const MAGIC_HEAD: u32 = 0x8253_4e41;

const fn corrupt(what: &'static str) -> DecompressError {
    DecompressError::Corrupt { codec: Compression::Snappy, what }
}

/// The size of the output as its blocks declare it, as far as they can really reach it.
pub(super) fn size_hint(input: &[u8]) -> usize {
    let Some(framed) = input.strip_prefix(&MAGIC) else {
        return declared_size(input).unwrap_or_default();
    };
    let mut rest = framed.get(8..).unwrap_or_default();
    let mut size = 0usize;
    while let Some((len, after)) = rest.split_first_chunk::<4>() {
        let block = after.split_at_checked(u32::from_be_bytes(*len) as usize);
        let Some((block, after)) = block else { break };
        size = size.saturating_add(declared_size(block).unwrap_or_default());
        rest = after;
    }
    size
}

pub(super) fn decompress(input: &[u8], output: &mut Output) -> Result<(), DecompressError> {
    let Some(framed) = input.strip_prefix(&MAGIC) else { return raw_block(input, output) };
    let mut rest = skip_versions(framed)?;
    while !rest.is_empty() {
        let (len, after) = rest.split_first_chunk::<4>().ok_or(corrupt("truncated length"))?;
        let len = u32::from_be_bytes(*len);
        if len == MAGIC_HEAD {
            let framed = rest.strip_prefix(&MAGIC).ok_or(corrupt("invalid block length"))?;
            rest = skip_versions(framed)?;
            continue;
        }
        let (block, after) =
            after.split_at_checked(len as usize).ok_or(corrupt("block runs past the end"))?;
        raw_block(block, output)?;
        rest = after;
    }
    Ok(())
}

/// Appends the framing and its blocks.
pub(super) fn compress(
    context: &mut snap::raw::Encoder,
    scratch: &mut Vec<u8>,
    input: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    const FAILED: CompressError = CompressError { codec: Compression::Snappy };
    out.extend_from_slice(&HEADER);
    let bound = snap::raw::max_compress_len(XERIAL_BLOCK_BYTES);
    if scratch.len() < bound {
        scratch.resize(bound, 0);
    }
    for block in input.chunks(XERIAL_BLOCK_BYTES) {
        let len = context.compress(block, scratch).map_err(|_| FAILED)?;
        out.extend_from_slice(&(len as u32).to_be_bytes());
        out.extend_from_slice(scratch.get(..len).ok_or(FAILED)?);
    }
    Ok(())
}

fn skip_versions(after_magic: &[u8]) -> Result<&[u8], DecompressError> {
    let (versions, rest) =
        after_magic.split_first_chunk::<8>().ok_or(corrupt("truncated header"))?;
    let [v0, v1, v2, v3, ..] = *versions;
    if i32::from_be_bytes([v0, v1, v2, v3]) < 1 {
        return Err(corrupt("unknown framing version"));
    }
    Ok(rest)
}

fn raw_block(block: &[u8], output: &mut Output) -> Result<(), DecompressError> {
    let size = declared_size(block)?;
    let (_, slot) = output.slot(size)?;
    let written =
        snap::raw::Decoder::new().decompress(block, slot).map_err(|_| corrupt("invalid block"))?;
    output.advance(written)
}

/// The declared length, refused when the elements of the block cannot add up to it.
fn declared_size(block: &[u8]) -> Result<usize, DecompressError> {
    if block.is_empty() {
        return Err(corrupt("empty block"));
    }
    let size = snap::raw::decompress_len(block).map_err(|_| corrupt("invalid length"))?;
    if size > block.len().saturating_mul(MAX_SNAPPY_RATIO) {
        return Err(corrupt("declared length is out of reach of the data"));
    }
    Ok(size)
}
