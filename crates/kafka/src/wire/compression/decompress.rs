//! Decompression with a cap and with reused memory.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::limits::{MAX_SPARE_BYTES, SPARE_OUTPUTS};
use super::output::Output;
use super::{Compression, gzip, lz4, snappy, zstd};

/// Why compressed bytes could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecompressError {
    /// The output would exceed the caller's cap, in bytes.
    TooLarge {
        /// The cap.
        limit: usize,
    },
    /// The bytes are no valid stream of the codec.
    Corrupt {
        /// The codec that the batch names.
        codec: Compression,
        /// What is wrong.
        what: &'static str,
    },
}

impl fmt::Display for DecompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => {
                write!(f, "decompressed records exceed the limit of {limit} bytes")
            }
            Self::Corrupt { codec, what } => write!(f, "corrupt {codec} data: {what}"),
        }
    }
}

impl std::error::Error for DecompressError {}

/// Codec contexts and recycled output memory of one worker.
#[derive(Default)]
pub struct Decompressor {
    gzip: Option<flate2::Decompress>,
    zstd: Option<zstd::Context>,
    spare: Vec<Bytes>,
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor").field("spare", &self.spare.len()).finish_non_exhaustive()
    }
}

impl Decompressor {
    /// A decompressor without contexts: each is made when its codec is first met.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decompresses `input` into at most `max_bytes` bytes.
    ///
    /// Memory grows with what is produced, never with a declared size. The memory of the result is
    /// used again by a later call once every clone and slice of it was dropped.
    ///
    /// # Errors
    /// [`DecompressError::TooLarge`] above `max_bytes`, [`DecompressError::Corrupt`] otherwise.
    pub fn decompress(
        &mut self,
        codec: Compression,
        input: &Bytes,
        max_bytes: usize,
    ) -> Result<Bytes, DecompressError> {
        if codec == Compression::None {
            return if input.len() > max_bytes {
                Err(DecompressError::TooLarge { limit: max_bytes })
            } else {
                Ok(input.clone())
            };
        }
        let hint = match codec {
            Compression::Snappy => snappy::size_hint(input),
            Compression::Zstd => zstd::size_hint(input),
            _ => 0,
        };
        let mut output = Output::new(self.take_spare(), input.len(), hint, max_bytes);
        match codec {
            Compression::None => {}
            Compression::Gzip => {
                let context = self.gzip.get_or_insert_with(|| flate2::Decompress::new(false));
                gzip::decompress(context, input, &mut output)?;
            }
            Compression::Snappy => snappy::decompress(input, &mut output)?,
            Compression::Lz4 => lz4::decompress(input, &mut output)?,
            Compression::Zstd => {
                let context = match &mut self.zstd {
                    Some(context) => context,
                    none => none.insert(zstd::Context::new()?),
                };
                context.decompress(input, &mut output)?;
            }
        }
        let result = output.finish();
        self.keep(&result);
        Ok(result)
    }

    /// Memory of an earlier result that nobody reads any more.
    fn take_spare(&mut self) -> BytesMut {
        let Some(free) = self.spare.iter().position(Bytes::is_unique) else {
            return BytesMut::new();
        };
        self.spare.swap_remove(free).try_into_mut().unwrap_or_default()
    }

    fn keep(&mut self, result: &Bytes) {
        if result.is_empty() || result.len() > MAX_SPARE_BYTES {
            return;
        }
        if self.spare.len() >= SPARE_OUTPUTS {
            self.spare.remove(0);
        }
        self.spare.push(result.clone());
    }
}
