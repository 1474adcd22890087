//! Limits of the codecs, each with its unit and reason.

/// Largest output of one batch, in bytes: the hard cap that callers pass unless they have a lower one.
///
/// A broker accepts batches of `max.message.bytes` (1 MiB by default) and no sane topic packs more
/// than two orders of magnitude into one; anything above is a decompression bomb.
pub const MAX_DECOMPRESSED_BYTES: usize = 128 << 20;

/// Largest zstd window, as a power of two of bytes (128 MiB): zstd's own default for streaming
/// decoders, and enough for every level of the Java client.
pub const MAX_ZSTD_WINDOW_LOG: u32 = 27;

/// Expansion of one raw snappy byte: the densest element copies 64 bytes with 3, rounded up.
pub const MAX_SNAPPY_RATIO: usize = 22;

/// Expansion of one LZ4 block byte: a length extension byte stands for 255 bytes.
pub const MAX_LZ4_RATIO: usize = 255;

/// First allocation of an output, in bytes per input byte: a bomb costs no more than its sender paid
/// for, and data that hardly shrinks does not hold several times its size.
pub const FIRST_ROOM_RATIO: usize = 2;

/// Smallest allocation of an output, in bytes: below this growing costs more than memory.
pub const FIRST_ROOM_BYTES: usize = 4 << 10;

/// Outputs that a [`Decompressor`](super::Decompressor) remembers in order to reuse their memory
/// once every reader let go of them: two being read, one being filled, one to spare.
pub const SPARE_OUTPUTS: usize = 4;

/// Largest output that is remembered, in bytes: a rare giant must not stay in memory for ever.
pub const MAX_SPARE_BYTES: usize = 4 << 20;

/// Block of the xerial snappy framing, in bytes, as `SnappyOutputStream` of the Java client.
pub const XERIAL_BLOCK_BYTES: usize = 32 << 10;

/// Block of our LZ4 frames, in bytes, as `Lz4BlockOutputStream` of the Java client.
pub const LZ4_BLOCK_BYTES: usize = 64 << 10;
