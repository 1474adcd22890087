//! Control records: the markers that end transactions.

use bytes::Bytes;

use super::batches::assemble;
use super::header::BatchHeader;
use super::varint;

/// What a control record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlKind {
    /// The producer's transaction was aborted.
    Abort,
    /// The producer's transaction was committed.
    Commit,
    /// A type of a newer broker or of KRaft metadata; readers skip it.
    Unknown(i16),
}

impl ControlKind {
    const fn code(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::Unknown(code) => code,
        }
    }
}

/// The first record of a control batch (KIP-98).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlRecord {
    /// Version of the key schema.
    pub version: i16,
    /// What it says.
    pub kind: ControlKind,
    /// Epoch of the transaction coordinator; `None` when the value does not hold one.
    pub coordinator_epoch: Option<i32>,
}

impl ControlRecord {
    /// Reads key and value of a control record; `None` when the key is too short or its version is
    /// negative. Later versions only add fields, so their first two fields are read.
    pub fn parse(key: &[u8], value: Option<&[u8]>) -> Option<Self> {
        let [v0, v1, k0, k1] = *key.first_chunk::<4>()?;
        let version = i16::from_be_bytes([v0, v1]);
        if version < 0 {
            return None;
        }
        let kind = match i16::from_be_bytes([k0, k1]) {
            0 => ControlKind::Abort,
            1 => ControlKind::Commit,
            code => ControlKind::Unknown(code),
        };
        let coordinator_epoch = value.and_then(|value| {
            let [_, _, e0, e1, e2, e3] = *value.first_chunk::<6>()?;
            Some(i32::from_be_bytes([e0, e1, e2, e3]))
        });
        Some(Self { version, kind, coordinator_epoch })
    }

    /// The control batch that a broker appends: one record of version 0 keys and values.
    ///
    /// Offset, leader epoch, producer and timestamps are those of `header`, whose other fields are
    /// set here.
    pub fn to_batch(&self, header: &BatchHeader) -> Bytes {
        let key = [0u16.to_be_bytes(), self.kind.code().to_be_bytes()].concat();
        let epoch = self.coordinator_epoch.unwrap_or(0).to_be_bytes();
        let mut body = vec![0, 0, 0];
        varint::write_i32(&mut body, key.len() as i32);
        body.extend_from_slice(&key);
        varint::write_i32(&mut body, 6);
        body.extend_from_slice(&[0, 0]);
        body.extend_from_slice(&epoch);
        body.push(0);
        let mut payload = Vec::new();
        varint::write_i32(&mut payload, body.len() as i32);
        payload.extend_from_slice(&body);

        let mut header = *header;
        header.attributes = 0;
        header.set_transactional(true);
        header.set_control(true);
        header.last_offset_delta = 0;
        header.base_timestamp = header.max_timestamp;
        header.base_sequence = -1;
        header.record_count = 1;
        assemble(&header, &payload)
    }
}
