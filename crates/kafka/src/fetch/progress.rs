//! How far the batches of an answer reach.

use bytes::Bytes;

use crate::wire::records::{BatchError, Batches};

#[derive(Debug)]
pub(super) enum Damage {
    Batch(BatchError),
    Whole(&'static str),
}

/// The complete batches at the front of `records`, and the offset behind them. A broker cuts an
/// answer at its byte limit, so an incomplete batch at the end is normal; an incomplete batch
/// alone is not (KIP-74).
pub(super) fn complete_batches(records: &Bytes, position: i64) -> Result<(Bytes, i64), Damage> {
    let mut batches = Batches::new(records.clone());
    let mut next = position;
    for batch in &mut batches {
        let batch = match batch {
            Ok(batch) => batch,
            // What came before the damage is good: the reader finds the damage when it gets there.
            Err(_) if next > position => break,
            Err(error) => return Err(Damage::Batch(error)),
        };
        next = next.max(batch.header().last_offset().saturating_add(1));
    }
    if records.is_empty() {
        return Ok((Bytes::new(), position));
    }
    if batches.complete() == 0 {
        return Err(Damage::Whole("the broker sent no complete batch"));
    }
    if next <= position {
        return Err(Damage::Whole("the broker sent only batches before the position"));
    }
    Ok((records.slice(..records.len().saturating_sub(batches.remaining())), next))
}
