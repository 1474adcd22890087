//! `csv`
use crate::base::{Error, Result};
use crate::options::{Opt, OptionReader};
use crate::table::{DecodeRequest, Decoder, EncodeRequest, Encoder, Format};

/// The format.
#[derive(Clone, Copy, Debug, Default)]
pub struct CsvFormat;

impl Format for CsvFormat {
    fn identifier(&self) -> &'static str {
        "csv"
    }
    fn options(&self) -> &'static [Opt] {
        &[]
    }
    fn decoder(&self, _: &OptionReader<'_>, _: &DecodeRequest) -> Result<Box<dyn Decoder>> {
        Err(Error::unsupported("csv"))
    }
    fn encoder(&self, _: &OptionReader<'_>, _: &EncodeRequest) -> Result<Box<dyn Encoder>> {
        Err(Error::unsupported("csv"))
    }
}
