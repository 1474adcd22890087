//! The 61 bytes before the records.

use super::error::{BatchError, BatchFault};
use super::limits::MIN_BATCH_LENGTH;
use crate::wire::compression::Compression;

/// Bytes of a batch header, from the base offset to the record count.
pub const HEADER_BYTES: usize = 61;

/// Bytes that the batch length field does not count: base offset and the field itself.
pub(super) const LENGTH_END: usize = 12;

/// First byte covered by the checksum: the attributes.
pub(super) const CRC_START: usize = 21;

/// Bytes up to and with the magic byte, which has the same place in every format.
pub(super) const MAGIC_END: usize = 17;

const TIMESTAMP_TYPE: i16 = 1 << 3;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;

/// Who set the timestamps of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// Nobody: message format v0 has no timestamps, they all read as -1.
    NoTimestamp,
    /// The producer, per record.
    CreateTime,
    /// The broker, one for the batch: its `max_timestamp`.
    LogAppendTime,
}

/// Header of a record batch of message format v2, or what it would be for messages of an older
/// format. Timestamps are milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset that record deltas are relative to; compaction keeps it.
    pub base_offset: i64,
    /// Bytes after this field.
    pub batch_length: i32,
    /// Epoch of the leader that appended the batch, -1 from producers. Not covered by the checksum.
    pub partition_leader_epoch: i32,
    /// Message format: 2; 0 or 1 for messages of an older format.
    pub magic: i8,
    /// CRC-32C from the attributes to the end of the batch.
    pub crc: u32,
    /// Codec, timestamp type, transactional, control and delete horizon bits.
    pub attributes: i16,
    /// Delta of the last offset that the batch ever had; compaction keeps it.
    pub last_offset_delta: i32,
    /// Timestamp that record deltas are relative to.
    pub base_timestamp: i64,
    /// Largest timestamp, or the append time.
    pub max_timestamp: i64,
    /// Idempotent or transactional producer, or -1.
    pub producer_id: i64,
    /// Epoch of the producer, or -1.
    pub producer_epoch: i16,
    /// Sequence number of the first record, or -1.
    pub base_sequence: i32,
    /// Records in the batch; 0 for a batch that compaction emptied.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the fields from the start of `bytes`; `None` when there are less than 61 bytes. Nothing
    /// is checked.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        Some(Self {
            base_offset: i64::from_be_bytes(take(&mut rest)?),
            batch_length: i32::from_be_bytes(take(&mut rest)?),
            partition_leader_epoch: i32::from_be_bytes(take(&mut rest)?),
            magic: i8::from_be_bytes(take(&mut rest)?),
            crc: u32::from_be_bytes(take(&mut rest)?),
            attributes: i16::from_be_bytes(take(&mut rest)?),
            last_offset_delta: i32::from_be_bytes(take(&mut rest)?),
            base_timestamp: i64::from_be_bytes(take(&mut rest)?),
            max_timestamp: i64::from_be_bytes(take(&mut rest)?),
            producer_id: i64::from_be_bytes(take(&mut rest)?),
            producer_epoch: i16::from_be_bytes(take(&mut rest)?),
            base_sequence: i32::from_be_bytes(take(&mut rest)?),
            record_count: i32::from_be_bytes(take(&mut rest)?),
        })
    }

    /// The 61 bytes of the header.
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        let fields: [&[u8]; 13] = [
            &self.base_offset.to_be_bytes(),
            &self.batch_length.to_be_bytes(),
            &self.partition_leader_epoch.to_be_bytes(),
            &self.magic.to_be_bytes(),
            &self.crc.to_be_bytes(),
            &self.attributes.to_be_bytes(),
            &self.last_offset_delta.to_be_bytes(),
            &self.base_timestamp.to_be_bytes(),
            &self.max_timestamp.to_be_bytes(),
            &self.producer_id.to_be_bytes(),
            &self.producer_epoch.to_be_bytes(),
            &self.base_sequence.to_be_bytes(),
            &self.record_count.to_be_bytes(),
        ];
        let mut rest = out.as_mut_slice();
        for field in fields {
            let Some((slot, after)) = rest.split_at_mut_checked(field.len()) else { break };
            slot.copy_from_slice(field);
            rest = after;
        }
        out
    }

    /// CRC-32C of the part of the header that the batch checksum covers.
    pub(super) fn covered_crc(&self) -> u32 {
        crc32c::crc32c(self.to_bytes().get(CRC_START..).unwrap_or_default())
    }

    /// The codec of the records.
    ///
    /// # Errors
    /// [`BatchFault::Codec`] for an unassigned code.
    pub fn compression(&self) -> Result<Compression, BatchError> {
        Compression::from_attributes(self.attributes)
            .map_err(|code| BatchError::new(self.base_offset, BatchFault::Codec { code }))
    }

    /// Who set the timestamps.
    pub const fn timestamp_type(&self) -> TimestampType {
        if self.magic == 0 {
            TimestampType::NoTimestamp
        } else if self.attributes & TIMESTAMP_TYPE == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the records belong to a transaction.
    pub const fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether the batch holds control records, which are never given to the application.
    pub const fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// Marks the batch as part of a transaction, or not.
    pub const fn set_transactional(&mut self, transactional: bool) {
        self.attributes =
            self.attributes & !TRANSACTIONAL | if transactional { TRANSACTIONAL } else { 0 };
    }

    /// Marks the batch as a control batch, or not.
    pub const fn set_control(&mut self, control: bool) {
        self.attributes = self.attributes & !CONTROL | if control { CONTROL } else { 0 };
    }

    /// Sets who set the timestamps.
    pub const fn set_timestamp_type(&mut self, kind: TimestampType) {
        let bit = match kind {
            TimestampType::NoTimestamp | TimestampType::CreateTime => 0,
            TimestampType::LogAppendTime => TIMESTAMP_TYPE,
        };
        self.attributes = self.attributes & !TIMESTAMP_TYPE | bit;
    }

    /// The last offset that the batch ever had; it may belong to a record that compaction removed.
    /// [`Batches`](super::Batches) has checked that the sum does not overflow.
    pub const fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(self.last_offset_delta as i64)
    }

    /// Bytes of the whole batch, when the length field is valid.
    pub(super) fn total_bytes(&self) -> Option<usize> {
        if self.batch_length < MIN_BATCH_LENGTH {
            return None;
        }
        usize::try_from(self.batch_length).ok()?.checked_add(LENGTH_END)
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (field, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*field)
}
