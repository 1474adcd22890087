//! `blackhole`: swallows every row.

use crate::base::{Error, ErrorKind, Result};
use crate::options::Opt;
use crate::table::{
    Connector, Guarantee, Immediate, ScanRequest, Sink, SinkRequest, Source, TableContext, Waker,
    WriteNow, Writer,
};
use crate::types::{Batch, ChangelogMode, RowErrors};

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

    fn sink_changelog(&self, _context: &TableContext<'_>) -> Result<ChangelogMode> {
        Ok(ChangelogMode::UPSERT)
    }

    fn writes_partitions(&self) -> bool {
        true
    }

    fn writes_metadata(&self) -> bool {
        false
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
        Ok(Box::new(Immediate::new(BlackholeWriter)))
    }
}

struct BlackholeWriter;

impl WriteNow for BlackholeWriter {
    fn write(&mut self, _batch: &Batch, _errors: &mut RowErrors) -> Result<u64> {
        Ok(0)
    }
}
