//! `datagen`: rows from generators, as Flink's `DataGenTableSourceFactory`.

mod generator;
mod nested;
mod options;
mod source;

use crate::base::{Error, ErrorKind, Result};
use crate::options::Opt;
use crate::table::{Connector, ScanRequest, Sink, SinkRequest, Source, TableContext};

/// The connector.
#[derive(Debug)]
pub struct DataGen;

impl Connector for DataGen {
    fn identifier(&self) -> &'static str {
        "datagen"
    }

    fn options(&self) -> &'static [Opt] {
        options::ALL
    }

    fn source(&self, context: &TableContext<'_>, scan: ScanRequest) -> Result<Box<dyn Source>> {
        let plan = options::read(context, &scan)?;
        Ok(Box::new(source::DataGenSource::new(plan)))
    }

    fn sink(&self, context: &TableContext<'_>, _request: SinkRequest) -> Result<Box<dyn Sink>> {
        Err(Error::new(
            ErrorKind::Schema,
            format!("{} can only be read, not written to", context.table.subject()),
        ))
    }
}
