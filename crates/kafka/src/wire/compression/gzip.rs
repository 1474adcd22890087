//! gzip (RFC 1952): header and trailer are read here, so that one raw inflate context can be reused.

use flate2::{Compress, Crc, Decompress, FlushCompress, FlushDecompress, Status};

use super::output::Output;
use super::{CompressError, Compression, DecompressError};

const MAGIC: [u8; 2] = [0x1f, 0x8b];
const DEFLATE: u8 = 8;
const HAS_HEADER_CRC: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0xe0;
/// Magic, deflate, no flags, no time, no hint about the level, unknown system.
const HEADER: [u8; 10] = [0x1f, 0x8b, DEFLATE, 0, 0, 0, 0, 0, 0, 0xff];

const fn corrupt(what: &'static str) -> DecompressError {
    DecompressError::Corrupt { codec: Compression::Gzip, what }
}

/// Reads every member; like `GZIPInputStream`, bytes after the last member that are not a member are
/// not looked at.
pub(super) fn decompress(
    context: &mut Decompress,
    input: &[u8],
    output: &mut Output,
) -> Result<(), DecompressError> {
    let mut rest = skip_header(input)?;
    loop {
        let start = output.len();
        context.reset(false);
        rest = inflate(context, rest, output)?;
        let (trailer, after) = rest.split_first_chunk::<8>().ok_or(corrupt("truncated trailer"))?;
        let [c0, c1, c2, c3, n0, n1, n2, n3] = *trailer;
        let content = output.since(start);
        let mut crc = Crc::new();
        crc.update(content);
        if crc.sum() != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Err(corrupt("checksum mismatch"));
        }
        if content.len() as u32 != u32::from_le_bytes([n0, n1, n2, n3]) {
            return Err(corrupt("length mismatch"));
        }
        if !after.starts_with(&MAGIC) {
            return Ok(());
        }
        rest = skip_header(after)?;
    }
}

fn inflate<'a>(
    context: &mut Decompress,
    mut rest: &'a [u8],
    output: &mut Output,
) -> Result<&'a [u8], DecompressError> {
    loop {
        let (read, written) = (context.total_in(), context.total_out());
        let status = context
            .decompress(rest, output.room()?, FlushDecompress::None)
            .map_err(|_| corrupt("invalid deflate stream"))?;
        let consumed = context.total_in().saturating_sub(read) as usize;
        let produced = context.total_out().saturating_sub(written) as usize;
        rest = rest.get(consumed..).unwrap_or_default();
        output.advance(produced)?;
        if status == Status::StreamEnd {
            return Ok(rest);
        }
        if consumed == 0 && produced == 0 {
            return Err(corrupt("truncated stream"));
        }
    }
}

fn skip_header(input: &[u8]) -> Result<&[u8], DecompressError> {
    const TRUNCATED: DecompressError = corrupt("truncated header");
    let (fixed, mut rest) = input.split_first_chunk::<10>().ok_or(TRUNCATED)?;
    let [m0, m1, method, flags, ..] = *fixed;
    if [m0, m1] != MAGIC || method != DEFLATE || flags & RESERVED != 0 {
        return Err(corrupt("no gzip header"));
    }
    if flags & HAS_EXTRA != 0 {
        let (len, after) = rest.split_first_chunk::<2>().ok_or(TRUNCATED)?;
        rest = after.get(usize::from(u16::from_le_bytes(*len))..).ok_or(TRUNCATED)?;
    }
    for text in [HAS_NAME, HAS_COMMENT] {
        if flags & text != 0 {
            let mut parts = rest.splitn(2, |byte| *byte == 0);
            rest = parts.nth(1).ok_or(TRUNCATED)?;
        }
    }
    if flags & HAS_HEADER_CRC != 0 {
        rest = rest.get(2..).ok_or(TRUNCATED)?;
    }
    Ok(rest)
}

/// Appends one member.
pub(super) fn compress(
    context: &mut Compress,
    input: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    const FAILED: CompressError = CompressError { codec: Compression::Gzip };
    out.extend_from_slice(&HEADER);
    context.reset();
    loop {
        let consumed = input.get(context.total_in() as usize..).unwrap_or_default();
        out.reserve((consumed.len() >> 1).saturating_add(64));
        let status =
            context.compress_vec(consumed, out, FlushCompress::Finish).map_err(|_| FAILED)?;
        if status == Status::StreamEnd {
            break;
        }
    }
    let mut crc = Crc::new();
    crc.update(input);
    out.extend_from_slice(&crc.sum().to_le_bytes());
    out.extend_from_slice(&(input.len() as u32).to_le_bytes());
    Ok(())
}
