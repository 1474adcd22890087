//! zstd through the C library, with one context each way.

use ::zstd::zstd_safe::{
    self, CCtx, CParameter, DCtx, DParameter, InBuffer, OutBuffer, ResetDirective,
    zstd_sys::ZSTD_EndDirective,
};

use super::limits::MAX_ZSTD_WINDOW_LOG;
use super::output::Output;
use super::{CompressError, Compression, DecompressError};

/// A declared size up to this many times the input is taken as a hint: with room for a whole frame
/// zstd skips its window buffer and a copy.
const HINT_RATIO: usize = 16;

const fn corrupt(what: &'static str) -> DecompressError {
    DecompressError::Corrupt { codec: Compression::Zstd, what }
}

/// A reused decoder.
pub(super) struct Context(DCtx<'static>);

impl Context {
    pub(super) fn new() -> Result<Self, DecompressError> {
        let mut context = DCtx::try_create().ok_or(corrupt("no memory for a decoder"))?;
        context
            .set_parameter(DParameter::WindowLogMax(MAX_ZSTD_WINDOW_LOG))
            .map_err(|_| corrupt("window limit refused"))?;
        Ok(Self(context))
    }

    /// Reads every frame of `input`.
    pub(super) fn decompress(
        &mut self,
        input: &[u8],
        output: &mut Output,
    ) -> Result<(), DecompressError> {
        self.0.reset(ResetDirective::SessionOnly).map_err(|_| corrupt("decoder reset failed"))?;
        let mut source = InBuffer::around(input);
        loop {
            let before = source.pos();
            let room = output.room()?;
            let room_len = room.len();
            let mut sink = OutBuffer::around(room);
            let wanted = self
                .0
                .decompress_stream(&mut sink, &mut source)
                .map_err(|code| corrupt(zstd_safe::get_error_name(code)))?;
            let produced = sink.pos();
            output.advance(produced)?;
            let at_end = source.pos() >= input.len();
            if wanted == 0 && at_end && !input.is_empty() {
                return Ok(());
            }
            let stuck = source.pos() == before && produced == 0;
            if stuck || (wanted != 0 && at_end && produced < room_len) {
                return Err(corrupt("truncated frame"));
            }
        }
    }
}

/// The declared content size when the input may really reach it.
pub(super) fn size_hint(input: &[u8]) -> usize {
    let declared = zstd_safe::get_frame_content_size(input).ok().flatten().unwrap_or(0);
    usize::try_from(declared)
        .ok()
        .filter(|size| *size <= input.len().saturating_mul(HINT_RATIO))
        .unwrap_or(0)
}

/// A new encoder of the given level.
pub(super) fn encoder(level: i32) -> Result<CCtx<'static>, CompressError> {
    const FAILED: CompressError = CompressError { codec: Compression::Zstd };
    let mut context = CCtx::try_create().ok_or(FAILED)?;
    context.set_parameter(CParameter::CompressionLevel(level)).map_err(|_| FAILED)?;
    Ok(context)
}

/// Appends one frame.
pub(super) fn compress(
    context: &mut CCtx<'static>,
    input: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CompressError> {
    const FAILED: CompressError = CompressError { codec: Compression::Zstd };
    context.reset(ResetDirective::SessionOnly).map_err(|_| FAILED)?;
    out.reserve(zstd_safe::compress_bound(input.len()));
    let start = out.len();
    let mut source = InBuffer::around(input);
    let mut sink = OutBuffer::around_pos(out, start);
    let left = context
        .compress_stream2(&mut sink, &mut source, ZSTD_EndDirective::ZSTD_e_end)
        .map_err(|_| FAILED)?;
    if left == 0 { Ok(()) } else { Err(FAILED) }
}
