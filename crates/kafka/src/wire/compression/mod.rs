//! The four codecs of Kafka record batches, with reused contexts and bounded output.
//!
//! [`Compressor`] and [`Decompressor`] belong to one worker each: they are `Send`, not shared.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::arithmetic_side_effects,
        clippy::string_slice
    )
)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod compress;
mod decompress;
mod gzip;
pub mod limits;
mod lz4;
mod output;
mod snappy;
#[cfg(test)]
mod tests;
mod xxh32;
mod zstd;

pub use compress::{CompressError, Compressor, LevelError};
pub use decompress::{DecompressError, Decompressor};

/// How the records of a batch are compressed: bits 0 to 2 of the batch attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Records are stored as they are.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// Raw snappy or the xerial framing of snappy-java; written as the latter.
    Snappy,
    /// LZ4 frame format with independent blocks.
    Lz4,
    /// RFC 8878 (KIP-110).
    Zstd,
}

impl Compression {
    /// Every codec, in the order of the attribute bits.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The codec of batch attributes, or `Err(code)` for a code that Kafka has not assigned.
    ///
    /// # Errors
    /// The three code bits, when they are 5, 6 or 7.
    pub const fn from_attributes(attributes: i16) -> Result<Self, u8> {
        match attributes & 0x07 {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Ok(Self::Lz4),
            4 => Ok(Self::Zstd),
            code => Err(code as u8),
        }
    }

    /// Bits 0 to 2 of the batch attributes.
    pub const fn attribute_bits(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// The value of `compression.type` in the Java client.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The codec of a `compression.type` value.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codec| codec.name() == name)
    }

    /// The default of `compression.<codec>.level` in the Java client; `None` where there is no level.
    pub const fn default_level(self) -> Option<i32> {
        match self {
            Self::None | Self::Snappy => None,
            Self::Gzip => Some(-1),
            Self::Lz4 => Some(9),
            Self::Zstd => Some(3),
        }
    }

    /// The levels that the Java client accepts, both ends included (gzip also takes its default, -1).
    pub const fn levels(self) -> Option<(i32, i32)> {
        match self {
            Self::None | Self::Snappy => None,
            Self::Gzip => Some((1, 9)),
            Self::Lz4 => Some((1, 17)),
            Self::Zstd => Some((-131_072, 22)),
        }
    }
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
