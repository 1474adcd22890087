//! Compression with reused contexts.

use std::fmt;

use ::zstd::zstd_safe::CCtx;
use lz4_flex::block::CompressTable;

use super::{Compression, gzip, lz4, snappy, zstd};

/// A codec could not compress: out of memory, or a defect of the codec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompressError {
    /// The codec.
    pub codec: Compression,
}

impl fmt::Display for CompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} compression failed", self.codec)
    }
}

impl std::error::Error for CompressError {}

/// A compression level that the codec does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelError {
    /// The codec.
    pub codec: Compression,
    /// The refused level.
    pub level: i32,
}

impl fmt::Display for LevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.codec.levels() {
            Some((low, high)) => write!(
                f,
                "compression level {} is not valid for {}: {low} to {high} are",
                self.level, self.codec
            ),
            None => write!(f, "{} has no compression levels", self.codec),
        }
    }
}

impl std::error::Error for LevelError {}

/// Codec contexts of one worker.
pub struct Compressor {
    gzip_level: i32,
    zstd_level: i32,
    gzip: Option<flate2::Compress>,
    lz4: CompressTable,
    snappy: snap::raw::Encoder,
    zstd: Option<CCtx<'static>>,
    scratch: Vec<u8>,
    /// Compressed size in thousandths of the uncompressed one, by codec.
    ratio_permille: [u32; 5],
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor")
            .field("gzip_level", &self.gzip_level)
            .field("zstd_level", &self.zstd_level)
            .finish_non_exhaustive()
    }
}

impl Compressor {
    /// A compressor with the default levels of the Java client.
    pub fn new() -> Self {
        Self {
            gzip_level: -1,
            zstd_level: 3,
            gzip: None,
            lz4: CompressTable::large(),
            snappy: snap::raw::Encoder::new(),
            zstd: None,
            scratch: Vec::new(),
            ratio_permille: [1000; 5],
        }
    }

    /// Sets the level of one codec, in the ranges of the Java client (KIP-390, KIP-780).
    ///
    /// LZ4 has only the fast mode here, which Java calls level 9: other levels are accepted and give
    /// the same bytes.
    ///
    /// # Errors
    /// [`LevelError`] when the codec has no such level.
    pub fn set_level(&mut self, codec: Compression, level: i32) -> Result<(), LevelError> {
        let valid = Some(level) == codec.default_level()
            || codec.levels().is_some_and(|(low, high)| (low..=high).contains(&level));
        if !valid {
            return Err(LevelError { codec, level });
        }
        match codec {
            Compression::Gzip => {
                self.gzip_level = level;
                self.gzip = None;
            }
            Compression::Zstd => {
                self.zstd_level = level;
                self.zstd = None;
            }
            Compression::None | Compression::Snappy | Compression::Lz4 => {}
        }
        Ok(())
    }

    /// Appends the compressed `input` to `out`.
    ///
    /// # Errors
    /// [`CompressError`]; `out` then holds an unfinished stream after its former content.
    pub fn compress(
        &mut self,
        codec: Compression,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CompressError> {
        let before = out.len();
        match codec {
            Compression::None => out.extend_from_slice(input),
            Compression::Gzip => {
                let level = match u32::try_from(self.gzip_level) {
                    Ok(level) => flate2::Compression::new(level),
                    Err(_) => flate2::Compression::default(),
                };
                let context = self.gzip.get_or_insert_with(|| flate2::Compress::new(level, false));
                gzip::compress(context, input, out)?;
            }
            Compression::Snappy => {
                snappy::compress(&mut self.snappy, &mut self.scratch, input, out)?;
            }
            Compression::Lz4 => lz4::compress(&mut self.lz4, &mut self.scratch, input, out)?,
            Compression::Zstd => {
                let context = match &mut self.zstd {
                    Some(context) => context,
                    none => none.insert(zstd::encoder(self.zstd_level)?),
                };
                zstd::compress(context, input, out)?;
            }
        }
        self.observe(codec, input.len(), out.len().saturating_sub(before));
        Ok(())
    }

    /// The expected compressed size in thousandths of the uncompressed size; 1000 at first.
    ///
    /// As in the Java client the estimate rises fast and falls slowly: a batch that turns out larger
    /// than the broker accepts costs a round trip and a split.
    pub fn ratio_permille(&self, codec: Compression) -> u32 {
        self.ratio_permille.get(codec.attribute_bits() as usize).copied().unwrap_or(1000)
    }

    fn observe(&mut self, codec: Compression, before: usize, after: usize) {
        let Some(seen) = after.saturating_mul(1000).checked_div(before) else { return };
        let seen = u32::try_from(seen).unwrap_or(u32::MAX);
        if let Some(ratio) = self.ratio_permille.get_mut(codec.attribute_bits() as usize) {
            *ratio = if seen > *ratio {
                seen.max(ratio.saturating_add(50))
            } else {
                ratio.saturating_sub(5).max(seen)
            };
        }
    }
}
