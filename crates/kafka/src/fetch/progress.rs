//! How far the batches of an answer reach.

use bytes::Bytes;

use crate::wire::records::{BatchError, Batches};

#[derive(Debug)]
pub(super) enum Damage {
    Batch(BatchError),
    Whole(&'static str),
}

/// What an answer brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Complete {
    /// The complete batches.
    pub(super) records: Bytes,
    /// The offset behind them.
    pub(super) next: i64,
    /// Leader epoch of the last one, `None` without batches.
    pub(super) epoch: Option<i32>,
}

/// The complete batches at the front of `records`. A broker cuts an
/// answer at its byte limit, so an incomplete batch at the end is normal; an incomplete batch
/// alone is not (KIP-74).
pub(super) fn complete_batches(records: &Bytes, position: i64) -> Result<Complete, Damage> {
    let mut batches = Batches::new(records.clone());
    let (mut next, mut epoch) = (position, None);
    for batch in &mut batches {
        let batch = match batch {
            Ok(batch) => batch,
            // What came before the damage is good: the reader finds the damage when it gets there.
            Err(_) if next > position => break,
            Err(error) => return Err(Damage::Batch(error)),
        };
        next = next.max(batch.header().last_offset().saturating_add(1));
        epoch = Some(batch.header().partition_leader_epoch);
    }
    if records.is_empty() {
        return Ok(Complete { records: Bytes::new(), next: position, epoch });
    }
    if batches.complete() == 0 {
        return Err(Damage::Whole("the broker sent no complete batch"));
    }
    if next <= position {
        return Err(Damage::Whole("the broker sent only batches before the position"));
    }
    let records = records.slice(..records.len().saturating_sub(batches.remaining()));
    Ok(Complete { records, next, epoch })
}
