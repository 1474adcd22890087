//! Named limits of the client: each has a unit and a reason.

// ---- messages ----

/// Bytes of one frame (request or response) behind its length prefix. Kafka's own default of
/// `socket.request.max.bytes` is 100 MiB; the length is checked before a buffer is made.
pub const FRAME_BYTES_MAX: usize = 100 * 1024 * 1024;

/// Elements for which an array reserves memory before the first one is decoded. A count is also
/// bounded by the bytes that remain; this keeps a lie within that bound cheap.
pub const ARRAY_RESERVE_MAX: usize = 1024;

/// Bytes of decoded array elements that one message may occupy in memory (record bytes are slices
/// of the frame and do not count). An empty string is 1 byte on the wire and 24 in memory, so the
/// frame limit alone would let a peer multiply its input.
pub const MESSAGE_ELEMENT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Bytes of a string: Kafka limits every string of the protocol, compact or not, to an `int16`.
pub const STRING_BYTES_MAX: usize = i16::MAX as usize;
