//! Limits of record batches, each with its unit and reason.

/// Smallest value of the batch length field, in bytes: the header after that field.
pub const MIN_BATCH_LENGTH: i32 = 49;

/// Smallest record, in bytes: length, attributes, two deltas, two null lengths and a header count.
/// A batch cannot hold more records than its bytes divided by this.
pub const MIN_RECORD_BYTES: usize = 7;

/// Smallest record header, in bytes: two lengths.
pub const MIN_HEADER_BYTES: usize = 2;

/// Largest batch that a builder makes, in bytes: the length field of a batch is an i32.
pub const MAX_BATCH_BYTES: usize = i32::MAX as usize;

/// First allocation of a builder, in bytes: a client holds one builder per partition, and most
/// partitions of a wide topic are nearly idle.
pub const FIRST_BUILDER_BYTES: usize = 16 << 10;

/// Bytes of uncompressed messages of formats v0 and v1 that are read as one batch: enough that the
/// cost of a batch does not count, little enough to be decoded between two looks at the clock.
pub const MESSAGE_RUN_BYTES_MAX: usize = 256 << 10;
