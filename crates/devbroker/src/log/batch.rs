//! The 61-byte header of a record batch (message format v2); the records stay opaque.

#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::string_slice
)]

/// Bytes of the header of a record batch.
pub(crate) const HEADER_BYTES: usize = 61;
/// Bytes of a batch that its length field does not count: base offset and the length itself.
const UNCOUNTED_BYTES: usize = 12;
const CRC_AT: usize = 17;
const CHECKED_AT: usize = 21;

const COMPRESSION_MASK: i16 = 0x07;
const LOG_APPEND_TIME: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// The header fields that decide how a batch is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    pub(crate) base_offset: i64,
    pub(crate) attributes: i16,
    pub(crate) last_offset_delta: i32,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) base_sequence: i32,
    pub(crate) record_count: i32,
}

impl BatchHeader {
    /// Compression codec number: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub(crate) fn compression(&self) -> i16 {
        self.attributes & COMPRESSION_MASK
    }

    /// Whether every record has the time of its append.
    pub(crate) fn is_log_append_time(&self) -> bool {
        self.attributes & LOG_APPEND_TIME != 0
    }

    /// Whether the batch belongs to a transaction.
    pub(crate) fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether the batch holds control records, which only brokers write.
    pub(crate) fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }
}

/// Why a produced batch was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchError {
    /// Not exactly one batch, counts that disagree, an impossible field: INVALID_RECORD.
    Invalid(&'static str),
    /// Bytes that do not add up to a batch: CORRUPT_MESSAGE.
    Corrupt(&'static str),
    /// The producer set the timestamp type of the broker: INVALID_TIMESTAMP.
    Timestamp(&'static str),
    /// A compression codec that the request version does not allow: UNSUPPORTED_COMPRESSION_TYPE.
    Compression(&'static str),
}

/// Reads the header of the only batch in `records` and checks it as Kafka's `LogValidator` does.
pub(crate) fn read_produced(
    records: &[u8],
    produce_version: i16,
) -> Result<BatchHeader, BatchError> {
    if records.is_empty() {
        return Err(BatchError::Invalid("a produce request needs one record batch per partition"));
    }
    // Old message sets have their magic at the same place.
    match records.get(16) {
        Some(2) => {}
        Some(_) => return Err(BatchError::Invalid("only message format v2 (magic 2) is stored")),
        None => return Err(BatchError::Corrupt("the record batch ends inside its header")),
    }
    let length = batch_length(records)
        .ok_or(BatchError::Corrupt("the record batch ends inside its header"))?;
    if length > records.len() {
        return Err(BatchError::Corrupt("the record batch is shorter than its length field"));
    }
    if length < records.len() {
        return Err(BatchError::Invalid("more than one record batch for a partition"));
    }
    let header =
        read(records).ok_or(BatchError::Corrupt("the record batch ends inside its header"))?;
    let checked = records.get(CHECKED_AT..).unwrap_or_default();
    if read_crc(records) != Some(crc32c::crc32c(checked)) {
        return Err(BatchError::Corrupt("the checksum of the record batch does not match"));
    }
    if header.record_count <= 0 {
        return Err(BatchError::Invalid("the record batch holds no record"));
    }
    if header.last_offset_delta != header.record_count.saturating_sub(1) {
        return Err(BatchError::Invalid("record count and last offset delta disagree"));
    }
    if header.is_control() {
        return Err(BatchError::Invalid("clients may not write control batches"));
    }
    if header.producer_id >= 0 && (header.base_sequence < 0 || header.producer_epoch < 0) {
        return Err(BatchError::Invalid("an idempotent batch without epoch or sequence number"));
    }
    if header.is_log_append_time() {
        return Err(BatchError::Timestamp("a producer may not set LogAppendTime itself"));
    }
    match header.compression() {
        0..=3 => Ok(header),
        4 if produce_version >= 7 => Ok(header),
        4 => Err(BatchError::Compression("zstd needs Produce version 7 (KIP-110)")),
        _ => Err(BatchError::Invalid("unknown compression codec")),
    }
}

/// The control batch that ends a transaction (KIP-98): one record of version 0 keys and values.
pub(crate) fn marker(producer_id: i64, epoch: i16, commit: bool, time: i64) -> Vec<u8> {
    // Length, attributes, deltas of time and offset, key (version, type), value (version, epoch of
    // the coordinator), no headers. Lengths are zigzag varints.
    const RECORD: [u8; 17] = [32, 0, 0, 0, 8, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0];
    let mut batch = Vec::with_capacity(HEADER_BYTES.saturating_add(RECORD.len()));
    batch.extend_from_slice(&0i64.to_be_bytes());
    let counted = HEADER_BYTES.saturating_sub(UNCOUNTED_BYTES).saturating_add(RECORD.len());
    batch.extend_from_slice(&i32::try_from(counted).unwrap_or_default().to_be_bytes());
    batch.extend_from_slice(&[0, 0, 0, 0, 2, 0, 0, 0, 0]);
    batch.extend_from_slice(&(TRANSACTIONAL | CONTROL).to_be_bytes());
    batch.extend_from_slice(&0i32.to_be_bytes());
    batch.extend_from_slice(&time.to_be_bytes());
    batch.extend_from_slice(&time.to_be_bytes());
    batch.extend_from_slice(&producer_id.to_be_bytes());
    batch.extend_from_slice(&epoch.to_be_bytes());
    batch.extend_from_slice(&(-1i32).to_be_bytes());
    batch.extend_from_slice(&1i32.to_be_bytes());
    batch.extend_from_slice(&RECORD);
    if let Some(kind) = batch.get_mut(HEADER_BYTES.saturating_add(8)) {
        *kind = u8::from(commit);
    }
    let crc = crc32c::crc32c(batch.get(CHECKED_AT..).unwrap_or_default());
    put(&mut batch, CRC_AT, &crc.to_be_bytes());
    batch
}

/// Reads a header without judging it.
pub(crate) fn read(batch: &[u8]) -> Option<BatchHeader> {
    if batch.len() < HEADER_BYTES {
        return None;
    }
    Some(BatchHeader {
        base_offset: i64::from_be_bytes(field(batch, 0)?),
        attributes: i16::from_be_bytes(field(batch, 21)?),
        last_offset_delta: i32::from_be_bytes(field(batch, 23)?),
        base_timestamp: i64::from_be_bytes(field(batch, 27)?),
        max_timestamp: i64::from_be_bytes(field(batch, 35)?),
        producer_id: i64::from_be_bytes(field(batch, 43)?),
        producer_epoch: i16::from_be_bytes(field(batch, 51)?),
        base_sequence: i32::from_be_bytes(field(batch, 53)?),
        record_count: i32::from_be_bytes(field(batch, 57)?),
    })
}

/// Stamps what the broker decides: base offset, leader epoch and, with LogAppendTime, the
/// timestamp type, the timestamp and the checksum over them.
pub(crate) fn stamp(
    batch: &mut [u8],
    base_offset: i64,
    leader_epoch: i32,
    log_append_time: Option<i64>,
) {
    put(batch, 0, &base_offset.to_be_bytes());
    put(batch, 12, &leader_epoch.to_be_bytes());
    if let Some(time) = log_append_time {
        if let Some(attributes) = field(batch, 21).map(i16::from_be_bytes) {
            put(batch, 21, &(attributes | LOG_APPEND_TIME).to_be_bytes());
        }
        put(batch, 35, &time.to_be_bytes());
        let crc = crc32c::crc32c(batch.get(CHECKED_AT..).unwrap_or_default());
        put(batch, CRC_AT, &crc.to_be_bytes());
    }
}

fn batch_length(records: &[u8]) -> Option<usize> {
    let counted = usize::try_from(i32::from_be_bytes(field(records, 8)?)).ok()?;
    counted.checked_add(UNCOUNTED_BYTES).filter(|length| *length >= HEADER_BYTES)
}

fn read_crc(batch: &[u8]) -> Option<u32> {
    field(batch, CRC_AT).map(u32::from_be_bytes)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(target) = bytes.get_mut(at..).and_then(|rest| rest.get_mut(..value.len())) {
        target.copy_from_slice(value);
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
pub(crate) mod tests {
    use super::*;

    /// A valid uncompressed batch of `count` records without keys and with `value`.
    pub(crate) fn batch(producer: (i64, i16, i32), times: &[i64], value: &[u8]) -> Vec<u8> {
        let base = times.first().copied().unwrap_or(0);
        let mut records = Vec::new();
        for (index, time) in times.iter().enumerate() {
            let mut record = vec![0u8];
            varint(&mut record, time - base);
            varint(&mut record, index as i64);
            varint(&mut record, -1);
            varint(&mut record, value.len() as i64);
            record.extend_from_slice(value);
            varint(&mut record, 0);
            varint(&mut records, record.len() as i64);
            records.extend_from_slice(&record);
        }
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&0i64.to_be_bytes());
        bytes.extend_from_slice(&((records.len() + HEADER_BYTES - 12) as i32).to_be_bytes());
        bytes.extend_from_slice(&(-1i32).to_be_bytes());
        bytes.push(2);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&0i16.to_be_bytes());
        bytes.extend_from_slice(&(times.len() as i32 - 1).to_be_bytes());
        bytes.extend_from_slice(&base.to_be_bytes());
        bytes.extend_from_slice(&times.iter().copied().max().unwrap_or(-1).to_be_bytes());
        bytes.extend_from_slice(&producer.0.to_be_bytes());
        bytes.extend_from_slice(&producer.1.to_be_bytes());
        bytes.extend_from_slice(&producer.2.to_be_bytes());
        bytes.extend_from_slice(&(times.len() as i32).to_be_bytes());
        bytes.extend_from_slice(&records);
        seal(&mut bytes);
        bytes
    }

    pub(crate) fn seal(bytes: &mut [u8]) {
        let crc = crc32c::crc32c(&bytes[CHECKED_AT..]);
        bytes[CRC_AT..CHECKED_AT].copy_from_slice(&crc.to_be_bytes());
    }

    fn varint(out: &mut Vec<u8>, value: i64) {
        let mut raw = ((value << 1) ^ (value >> 63)) as u64;
        while raw >= 0x80 {
            out.push(raw as u8 | 0x80);
            raw >>= 7;
        }
        out.push(raw as u8);
    }

    #[test]
    fn a_sound_batch_is_read() {
        let bytes = batch((7, 1, 5), &[100, 90, 120], b"x");
        let header = read_produced(&bytes, 7).unwrap();
        assert_eq!(header.record_count, 3);
        assert_eq!((header.base_timestamp, header.max_timestamp), (100, 120));
        assert_eq!((header.producer_id, header.producer_epoch, header.base_sequence), (7, 1, 5));
    }

    #[test]
    fn every_rule_refuses_its_own_violation() {
        type Break = fn(&mut Vec<u8>);
        let cases: &[(&str, Break)] = &[
            ("needs one record batch", |b| b.clear()),
            ("magic 2", |b| b[16] = 1),
            ("ends inside its header", |b| b.truncate(10)),
            ("ends inside its header", |b| b[8..12].copy_from_slice(&(-5i32).to_be_bytes())),
            ("shorter than its length", |b| b.truncate(b.len() - 1)),
            ("more than one", |b| b.extend_from_within(..)),
            ("checksum", |b| *b.last_mut().unwrap() ^= 1),
            ("no record", |b| {
                b[57..61].copy_from_slice(&0i32.to_be_bytes());
                seal(b);
            }),
            ("disagree", |b| {
                b[23..27].copy_from_slice(&9i32.to_be_bytes());
                seal(b);
            }),
            ("control", |b| {
                b[22] |= 0x20;
                seal(b);
            }),
            ("LogAppendTime", |b| {
                b[22] |= 0x08;
                seal(b);
            }),
            ("KIP-110", |b| {
                b[22] |= 4;
                seal(b);
            }),
            ("unknown compression", |b| {
                b[22] |= 5;
                seal(b);
            }),
            ("without epoch or sequence", |b| {
                b[53..57].copy_from_slice(&(-1i32).to_be_bytes());
                seal(b);
            }),
        ];
        for (expected, break_it) in cases {
            let mut bytes = batch((7, 0, 0), &[1, 2], b"value");
            break_it(&mut bytes);
            let error = read_produced(&bytes, 3).unwrap_err();
            assert!(format!("{error:?}").contains(expected), "{expected}: {error:?}");
        }
    }

    #[test]
    fn stamping_keeps_the_checksum_right() {
        let mut bytes = batch((-1, -1, -1), &[1, 2], b"value");
        stamp(&mut bytes, 42, 3, None);
        assert_eq!(read_produced(&bytes, 3).unwrap().base_offset, 42);
        stamp(&mut bytes, 43, 3, Some(1_000));
        let header = read(&bytes).unwrap();
        assert!(header.is_log_append_time());
        assert_eq!(header.max_timestamp, 1_000);
        assert_eq!(read_crc(&bytes), Some(crc32c::crc32c(&bytes[CHECKED_AT..])));
    }
}
