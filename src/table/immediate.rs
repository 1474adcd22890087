//! Writers whose rows are at their place as soon as they are written.

use super::{Epoch, SinkStats, Writer, WriterStatus};
use crate::base::Result;
use crate::types::{Batch, RowErrors};
use std::fmt::{self, Debug, Formatter};
use std::time::Duration;

/// Writes rows to a place that acknowledges nothing and never makes a writer wait.
pub trait WriteNow: Send {
    /// Writes a batch and returns its bytes. Rows that cannot be encoded go to `errors`.
    fn write(&mut self, batch: &Batch, errors: &mut RowErrors) -> Result<u64>;

    /// Hands on what is buffered.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The [`Writer`] of such a place: an epoch is acknowledged at its barrier.
pub struct Immediate<W> {
    inner: W,
    epoch: Epoch,
    stats: SinkStats,
}

impl<W: WriteNow> Immediate<W> {
    /// Nothing is written yet.
    pub fn new(inner: W) -> Immediate<W> {
        Immediate { inner, epoch: 0, stats: SinkStats::default() }
    }
}

impl<W> Debug for Immediate<W> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Immediate").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

impl<W: WriteNow> Writer for Immediate<W> {
    fn write(&mut self, batch: &Batch, errors: &mut RowErrors) -> Result<()> {
        self.stats.bytes += self.inner.write(batch, errors)?;
        self.stats.records += batch.rows as u64;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.inner.flush()
    }

    fn barrier(&mut self, epoch: Epoch) -> Result<()> {
        self.inner.flush()?;
        self.epoch = epoch;
        Ok(())
    }

    fn poll(&mut self, _now: Duration) -> Result<WriterStatus> {
        Ok(WriterStatus { acknowledged: self.epoch, ready: true, wake_at: None })
    }

    fn stats(&self) -> SinkStats {
        self.stats
    }
}
