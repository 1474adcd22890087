//! A closed batch, ready to be stamped and sent.

use std::fmt;
use std::mem;

use bytes::{Bytes, BytesMut};

use super::batches::BatchView;
use super::builder::{AppendError, BatchBuilder, SealError};
use super::checksum;
use super::error::BatchError;
use super::header::{BatchHeader, HEADER_BYTES};
use super::limits::MAX_BATCH_BYTES;
use super::reader::Header;
use crate::wire::compression::{Compression, Compressor, Decompressor};

/// A batch whose records are final and whose header waits for the producer state.
///
/// The checksum covers producer id, epoch, sequence and the transactional bit. The checksum of the
/// records section is kept and combined with the header's, so stamping costs the same for any size.
#[derive(Debug, Clone)]
pub struct SealedBatch {
    header: BatchHeader,
    compression: Compression,
    bytes: Bytes,
    records_crc: u32,
    records_len: usize,
    uncompressed_len: usize,
    first_number: u64,
}

/// A batch cannot be split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SplitError {
    /// It has one record: the record itself is too large.
    OneRecord,
    /// Its own bytes could not be read back.
    Read(BatchError),
    /// A half could not be written.
    Append(AppendError),
    /// A half could not be sealed.
    Seal(SealError),
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneRecord => f.write_str("a batch of one record cannot be split"),
            Self::Read(error) => error.fmt(f),
            Self::Append(error) => error.fmt(f),
            Self::Seal(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SplitError {}

impl SealedBatch {
    pub(super) fn new(
        header: BatchHeader,
        compression: Compression,
        bytes: Bytes,
        uncompressed_len: usize,
    ) -> Self {
        let records = bytes.get(HEADER_BYTES..).unwrap_or_default();
        let records_crc = crc32c::crc32c(records);
        let records_len = records.len();
        let first_number = 0;
        Self {
            header,
            compression,
            bytes,
            records_crc,
            records_len,
            uncompressed_len,
            first_number,
        }
    }

    /// Numbers the records from `first` on, for whoever sealed them: events name records by it, also
    /// those of the halves of a batch that was split.
    #[must_use]
    pub fn numbered(mut self, first: u64) -> Self {
        self.first_number = first;
        self
    }

    /// Number of the first record, 0 unless [`numbered`](Self::numbered).
    pub const fn first_number(&self) -> u64 {
        self.first_number
    }

    /// Records in the batch, at least 1.
    pub const fn record_count(&self) -> i32 {
        self.header.record_count
    }

    /// Largest timestamp, in milliseconds since the epoch.
    pub const fn max_timestamp(&self) -> i64 {
        self.header.max_timestamp
    }

    /// Bytes of the batch, header included.
    pub const fn size(&self) -> usize {
        HEADER_BYTES.saturating_add(self.records_len)
    }

    /// Bytes of the records before compression.
    pub const fn uncompressed_size(&self) -> usize {
        self.uncompressed_len
    }

    /// The codec of the records.
    pub const fn compression(&self) -> Compression {
        self.compression
    }

    /// The header as it was last stamped.
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The records section, shared: with [`stamp_header`](Self::stamp_header) a batch can be sent by
    /// a vectored write and stamped again at any time without a copy.
    pub fn records_section(&self) -> Bytes {
        let mut section = self.bytes.clone();
        section.split_off(HEADER_BYTES.min(section.len()))
    }

    /// Stamps the header and returns its 61 bytes.
    ///
    /// Without idempotence the producer id, epoch and sequence are -1.
    pub fn stamp_header(
        &mut self,
        producer_id: i64,
        producer_epoch: i16,
        base_sequence: i32,
        transactional: bool,
    ) -> [u8; HEADER_BYTES] {
        self.header.producer_id = producer_id;
        self.header.producer_epoch = producer_epoch;
        self.header.base_sequence = base_sequence;
        self.header.set_transactional(transactional);
        let covered = self.header.covered_crc();
        self.header.crc = checksum::join(covered, self.records_crc, self.records_len);
        self.header.to_bytes()
    }

    /// Stamps the header and returns the whole batch: exactly one batch, as a Produce request needs.
    ///
    /// The bytes are shared with this value. They are copied only when the batch is stamped again
    /// while an earlier result is still alive.
    pub fn stamp(
        &mut self,
        producer_id: i64,
        producer_epoch: i16,
        base_sequence: i32,
        transactional: bool,
    ) -> Bytes {
        let header = self.stamp_header(producer_id, producer_epoch, base_sequence, transactional);
        let mut bytes = mem::take(&mut self.bytes)
            .try_into_mut()
            .unwrap_or_else(|shared| BytesMut::from(shared.as_ref()));
        if let Some(slot) = bytes.first_chunk_mut::<HEADER_BYTES>() {
            *slot = header;
        }
        self.bytes = bytes.freeze();
        self.bytes.clone()
    }

    /// Splits the batch into two halves by record, for a broker that answered `MESSAGE_TOO_LARGE`.
    /// The halves are not stamped and keep the codec.
    ///
    /// # Errors
    /// [`SplitError::OneRecord`] when there is nothing to split; the others are defects.
    pub fn split(
        &mut self,
        compressor: &mut Compressor,
        decompressor: &mut Decompressor,
    ) -> Result<Vec<Self>, SplitError> {
        let half = self.header.record_count / 2;
        if half == 0 {
            return Err(SplitError::OneRecord);
        }
        let stamped = self.stamp(-1, -1, -1, false);
        let view = BatchView::parse(stamped).map_err(SplitError::Read)?;
        let records = view.records(decompressor, MAX_BATCH_BYTES).map_err(SplitError::Read)?;
        let mut builder = BatchBuilder::new(self.compression, self.uncompressed_len / 2);
        let mut halves: Vec<Self> = Vec::with_capacity(2);
        let second = self.first_number.saturating_add(u64::from(half.unsigned_abs()));
        let mut headers: Vec<Header<'_>> = Vec::new();
        for record in &records {
            let record = record.map_err(SplitError::Read)?;
            headers.clear();
            headers.extend(record.headers);
            builder
                .append(record.timestamp, record.key, record.value, &headers)
                .map_err(SplitError::Append)?;
            if halves.is_empty() && builder.record_count() == half {
                let sealed = builder.seal(compressor).map_err(SplitError::Seal)?;
                halves.push(sealed.numbered(self.first_number));
            }
        }
        halves.push(builder.seal(compressor).map_err(SplitError::Seal)?.numbered(second));
        Ok(halves)
    }
}
