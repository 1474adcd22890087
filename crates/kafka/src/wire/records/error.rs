//! What can be wrong with a batch.

use std::fmt;

use crate::wire::compression::DecompressError;

/// A batch or one of its records cannot be read. The data is at fault, not the reader's state: the
/// position must not move past it silently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchError {
    /// Base offset of the batch as its header says.
    pub base_offset: i64,
    /// What is wrong.
    pub fault: BatchFault,
}

/// What is wrong with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchFault {
    /// The length field is smaller than a header.
    Length {
        /// Value of the field, in bytes.
        batch_length: i32,
    },
    /// A message format that Kafka has not assigned.
    Magic {
        /// The magic byte.
        magic: i8,
    },
    /// The last offset lies before the first one or beyond 64 bits.
    Offsets {
        /// Value of the field.
        last_offset_delta: i32,
    },
    /// The checksum does not match the bytes.
    Crc {
        /// Checksum in the header.
        stored: u32,
        /// Checksum of the bytes.
        computed: u32,
    },
    /// The attributes name an unassigned codec.
    Codec {
        /// The three code bits.
        code: u8,
    },
    /// The records could not be decompressed.
    Decompress(DecompressError),
    /// The record count is negative or does not fit into the bytes.
    RecordCount {
        /// Count in the header.
        count: i32,
        /// Bytes of the (decompressed) records section.
        bytes: usize,
    },
    /// A record is malformed.
    Record {
        /// Position of the record in the batch, from 0.
        index: i32,
        /// What is wrong with it.
        fault: RecordFault,
    },
    /// Bytes follow the last record.
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// The key of a control record is shorter than its version and type.
    ControlKey,
    /// A control batch without a record, or a control record without a key.
    ControlRecord,
}

/// What is wrong with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFault {
    /// The length is not a varint, negative, or runs past the end of the batch.
    Length,
    /// A field before the key is cut or not a varint.
    Prefix,
    /// The timestamp overflows 64 bits.
    Timestamp,
    /// The offset lies outside of the batch.
    OffsetDelta(i32),
    /// The key runs past the end of the record.
    Key,
    /// The value runs past the end of the record.
    Value,
    /// The headers do not fill the rest of the record exactly.
    Headers,
}

impl BatchError {
    #[cold]
    pub(super) const fn new(base_offset: i64, fault: BatchFault) -> Self {
        Self { base_offset, fault }
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record batch at offset {}: {}", self.base_offset, self.fault)
    }
}

impl std::error::Error for BatchError {}

impl fmt::Display for BatchFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { batch_length } => {
                write!(f, "batch length {batch_length} is smaller than a batch header")
            }
            Self::Magic { magic } => write!(f, "unknown message format {magic}"),
            Self::Offsets { last_offset_delta } => {
                write!(f, "last offset delta {last_offset_delta} gives no valid offset")
            }
            Self::Crc { stored, computed } => {
                write!(f, "checksum mismatch: stored {stored:#010x}, computed {computed:#010x}")
            }
            Self::Codec { code } => write!(f, "unknown compression code {code}"),
            Self::Decompress(error) => error.fmt(f),
            Self::RecordCount { count, bytes } => {
                write!(f, "record count {count} does not fit into {bytes} bytes")
            }
            Self::Record { index, fault } => write!(f, "record {index}: {fault}"),
            Self::Trailing { bytes } => write!(f, "{bytes} bytes follow the last record"),
            Self::ControlKey => f.write_str("control record key is shorter than 4 bytes"),
            Self::ControlRecord => f.write_str("control batch without a control record"),
        }
    }
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => f.write_str("invalid length, or the record runs past the batch"),
            Self::Prefix => f.write_str("truncated or invalid fields before the key"),
            Self::Timestamp => f.write_str("timestamp overflows 64 bits"),
            Self::OffsetDelta(delta) => write!(f, "offset delta {delta} is outside of the batch"),
            Self::Key => f.write_str("key runs past the end of the record"),
            Self::Value => f.write_str("value runs past the end of the record"),
            Self::Headers => f.write_str("headers do not fill the rest of the record"),
        }
    }
}
