//! `blackhole`: swallows every row.

use crate::base::{Error, ErrorKind, Result};
use crate::options::Opt;
use crate::table::{
    Connector, Epoch, Guarantee, ScanRequest, Sink, SinkRequest, SinkStats, Source, TableContext,
    Waker, Writer, WriterStatus,
};
use crate::types::{Batch, RowErrors};
use std::time::Duration;

/// The connector.
#[derive(Debug)]
pub struct Blackhole;

impl Connector for Blackhole {
    fn identifier(&self) -> &'static str {
        "blackhole"
    }

    fn options(&self) -> &'static [Opt] {
        &[]
    }

    fn source(&self, context: &TableContext<'_>, _scan: ScanRequest) -> Result<Box<dyn Source>> {
        Err(Error::new(
            ErrorKind::Schema,
            format!("{} can only be written to, not read", context.table.subject()),
        ))
    }

    fn sink(&self, _context: &TableContext<'_>, _request: SinkRequest) -> Result<Box<dyn Sink>> {
        Ok(Box::new(BlackholeSink))
    }
}

#[derive(Debug)]
struct BlackholeSink;

impl Sink for BlackholeSink {
    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    fn writer(&mut self, _: usize, _: usize, _: Waker) -> Result<Box<dyn Writer>> {
        Ok(Box::new(BlackholeWriter::default()))
    }
}

#[derive(Debug, Default)]
struct BlackholeWriter {
    epoch: Epoch,
    records: u64,
}

impl Writer for BlackholeWriter {
    fn write(&mut self, batch: &Batch, _errors: &mut RowErrors) -> Result<()> {
        self.records += batch.rows as u64;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn barrier(&mut self, epoch: Epoch) -> Result<()> {
        self.epoch = epoch;
        Ok(())
    }

    fn poll(&mut self, _now: Duration) -> Result<WriterStatus> {
        Ok(WriterStatus { acknowledged: self.epoch, ready: true, wake_at: None })
    }

    fn stats(&self) -> SinkStats {
        SinkStats { records: self.records, bytes: 0 }
    }
}
