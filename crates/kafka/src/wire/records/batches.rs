//! Cutting a fetched slab into batches.

use bytes::{BufMut, Bytes, BytesMut};

use super::control::ControlRecord;
use super::error::{BatchError, BatchFault};
use super::header::{BatchHeader, CRC_START, HEADER_BYTES, LENGTH_END, MAGIC_END};
use super::limits::MIN_BATCH_LENGTH;
use super::message_set;
use super::reader::Records;
use crate::wire::compression::{Compression, Decompressor};

/// The complete batches of a slab, in order.
///
/// A broker cuts a fetch response at its byte limit, so the last batch is often incomplete: the
/// iterator stops there without an error and [`truncated`](Self::truncated) tells. Whether that is an
/// error (no complete batch although there were bytes) is for the caller to decide, by
/// [`complete`](Self::complete). After an error the iterator ends.
#[derive(Debug, Clone)]
pub struct Batches {
    rest: Bytes,
    complete: usize,
    truncated: bool,
}

impl Batches {
    /// Starts at the first byte of `slab`, which must be the start of a batch.
    pub const fn new(slab: Bytes) -> Self {
        Self { rest: slab, complete: 0, truncated: false }
    }

    /// Complete batches given out so far.
    pub const fn complete(&self) -> usize {
        self.complete
    }

    /// Whether the slab ended inside a batch; known once the iterator has ended.
    pub const fn truncated(&self) -> bool {
        self.truncated
    }

    /// Bytes not yet given out; after the end, the bytes of the incomplete batch.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The total length of the next batch when it is complete, `None` when it is not.
    fn next_len(&self) -> Result<Option<usize>, BatchError> {
        let Some(start) = self.rest.first_chunk::<LENGTH_END>() else { return Ok(None) };
        let [o0, o1, o2, o3, o4, o5, o6, o7, l0, l1, l2, l3] = *start;
        let base_offset = i64::from_be_bytes([o0, o1, o2, o3, o4, o5, o6, o7]);
        let batch_length = i32::from_be_bytes([l0, l1, l2, l3]);
        let fail = |fault| Err(BatchError::new(base_offset, fault));
        if batch_length < 0 {
            return fail(BatchFault::Length { batch_length });
        }
        let Some(start) = self.rest.first_chunk::<MAGIC_END>() else { return Ok(None) };
        let [.., magic] = *start;
        match magic as i8 {
            2 => {}
            0 | 1 => {
                return message_set::run_len(&self.rest)
                    .map_err(|fault| BatchError::new(base_offset, fault));
            }
            magic => return fail(BatchFault::Magic { magic }),
        }
        if batch_length < MIN_BATCH_LENGTH {
            return fail(BatchFault::Length { batch_length });
        }
        let total = (batch_length as usize).saturating_add(LENGTH_END);
        Ok((total <= self.rest.len()).then_some(total))
    }
}

impl Iterator for Batches {
    type Item = Result<BatchView, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match self.next_len() {
            Ok(Some(total)) => {
                let frame = self.rest.split_to(total);
                let view = BatchView::of_any_format(frame);
                match view {
                    Ok(_) => self.complete = self.complete.saturating_add(1),
                    Err(_) => self.rest.clear(),
                }
                Some(view)
            }
            Ok(None) => {
                self.truncated = true;
                None
            }
            Err(error) => {
                self.rest.clear();
                Some(Err(error))
            }
        }
    }
}

impl std::iter::FusedIterator for Batches {}

/// One complete batch: its header and its bytes, not yet verified nor decompressed.
#[derive(Debug, Clone)]
pub struct BatchView {
    header: BatchHeader,
    frame: Bytes,
    /// The frame is a run of messages of format v0 or v1.
    message_set: bool,
}

impl BatchView {
    fn of_any_format(frame: Bytes) -> Result<Self, BatchError> {
        match frame.first_chunk::<MAGIC_END>() {
            Some([.., 0 | 1]) => {
                Ok(Self { header: message_set::header(&frame)?, frame, message_set: true })
            }
            _ => Self::parse(frame),
        }
    }

    /// A batch that was made of messages of format `magic`.
    pub(super) fn converted(frame: Bytes, magic: i8) -> Result<Self, BatchFault> {
        let mut view = Self::parse(frame).map_err(|error| error.fault)?;
        view.header.magic = magic;
        Ok(view)
    }

    /// Views `frame`, which must be exactly one batch of message format v2.
    ///
    /// # Errors
    /// [`BatchError`] when the header contradicts the bytes: length, magic, offsets that overflow or
    /// a negative record count.
    pub fn parse(frame: Bytes) -> Result<Self, BatchError> {
        let Some(header) = BatchHeader::parse(&frame) else {
            let fault = BatchFault::Length { batch_length: frame.len() as i32 };
            return Err(BatchError::new(-1, fault));
        };
        let fail = |fault| Err(BatchError::new(header.base_offset, fault));
        if header.magic != 2 {
            return fail(BatchFault::Magic { magic: header.magic });
        }
        if header.total_bytes() != Some(frame.len()) {
            return fail(BatchFault::Length { batch_length: header.batch_length });
        }
        if header.record_count < 0 {
            let bytes = frame.len().saturating_sub(HEADER_BYTES);
            return fail(BatchFault::RecordCount { count: header.record_count, bytes });
        }
        // A negative delta or a sum beyond i64 would move a consumer's position backwards.
        let last = header.base_offset.checked_add(i64::from(header.last_offset_delta));
        if header.last_offset_delta < 0 || last.is_none_or(|last| last == i64::MAX) {
            return fail(BatchFault::Offsets { last_offset_delta: header.last_offset_delta });
        }
        Ok(Self { header, frame, message_set: false })
    }

    /// The header.
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The whole batch, header included.
    pub const fn frame(&self) -> &Bytes {
        &self.frame
    }

    /// The records section as it is stored.
    pub fn payload(&self) -> Bytes {
        let mut payload = self.frame.clone();
        payload.split_off(HEADER_BYTES.min(payload.len()))
    }

    /// Checks the CRC-32C of the batch, or the CRC-32 of each message of an older format.
    ///
    /// # Errors
    /// [`BatchFault::Crc`] when bytes were damaged.
    pub fn verify_crc(&self) -> Result<(), BatchError> {
        if self.message_set {
            return message_set::verify(&self.frame)
                .map_err(|fault| BatchError::new(self.header.base_offset, fault));
        }
        let computed = crc32c::crc32c(self.frame.get(CRC_START..).unwrap_or_default());
        let stored = self.header.crc;
        if computed == stored {
            Ok(())
        } else {
            Err(BatchError::new(self.header.base_offset, BatchFault::Crc { stored, computed }))
        }
    }

    /// This batch in message format v2. Of messages of format v0 or v1 it makes an uncompressed
    /// batch; only then is the base offset of compressed ones known.
    ///
    /// # Errors
    /// As [`records`](Self::records).
    pub fn into_v2(
        self,
        decompressor: &mut Decompressor,
        max_decompressed: usize,
    ) -> Result<Self, BatchError> {
        if self.message_set {
            message_set::to_batch(&self.frame, decompressor, max_decompressed)
        } else {
            Ok(self)
        }
    }

    /// The records of the batch, decompressed once into at most `max_decompressed` bytes.
    ///
    /// The slab of an uncompressed batch is the fetched memory itself. As in the Java client, the
    /// section of a batch without records is not looked at.
    ///
    /// # Errors
    /// [`BatchFault::Codec`], [`BatchFault::Decompress`] or [`BatchFault::RecordCount`].
    pub fn records(
        &self,
        decompressor: &mut Decompressor,
        max_decompressed: usize,
    ) -> Result<Records, BatchError> {
        if self.message_set {
            return message_set::to_batch(&self.frame, decompressor, max_decompressed)?
                .records(decompressor, max_decompressed);
        }
        let slab = if self.header.record_count == 0 {
            Bytes::new()
        } else {
            match self.header.compression()? {
                Compression::None => self.payload(),
                codec => decompressor
                    .decompress(codec, &self.payload(), max_decompressed)
                    .map_err(|error| {
                        let fault = BatchFault::Decompress(error);
                        BatchError::new(self.header.base_offset, fault)
                    })?,
            }
        };
        Records::new(&self.header, slab)
    }

    /// The control record of a control batch: only the first record counts. `None` for a batch that
    /// compaction emptied.
    ///
    /// # Errors
    /// As [`records`](Self::records), and [`BatchFault::ControlKey`] or [`BatchFault::ControlRecord`].
    pub fn control_record(
        &self,
        decompressor: &mut Decompressor,
        max_decompressed: usize,
    ) -> Result<Option<ControlRecord>, BatchError> {
        let mut records = self.records(decompressor, max_decompressed)?;
        let Some(record) = records.next_record() else { return Ok(None) };
        let record = record?;
        let fail = |fault| BatchError::new(self.header.base_offset, fault);
        let key = record.key.ok_or_else(|| fail(BatchFault::ControlRecord))?;
        ControlRecord::parse(key, record.value)
            .map(Some)
            .ok_or_else(|| fail(BatchFault::ControlKey))
    }
}

/// Joins a header and a records section to one batch; length, magic and checksum of the header are
/// computed.
///
/// For brokers and tests: a broker changes base offset, leader epoch and append time.
pub fn assemble(header: &BatchHeader, payload: &[u8]) -> Bytes {
    let mut header = *header;
    header.magic = 2;
    let length = HEADER_BYTES.saturating_sub(LENGTH_END).saturating_add(payload.len());
    header.batch_length = i32::try_from(length).unwrap_or(i32::MAX);
    header.crc = crc32c::crc32c_append(header.covered_crc(), payload);
    let mut out = BytesMut::with_capacity(HEADER_BYTES.saturating_add(payload.len()));
    out.put_slice(&header.to_bytes());
    out.put_slice(payload);
    out.freeze()
}
