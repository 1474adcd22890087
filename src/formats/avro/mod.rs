//! `avro`: records without a schema of their own, in the one that follows from the table (Flink's `AvroFormatFactory`);
//! `avro-confluent`: records that name their schema by its id in a registry.
//!
//! A record is walked once by the writer's schema, which checks its structure and leaves a token, the place where it
//! starts, per wanted column; the filter's columns are read and the filter is evaluated; the other columns are read for
//! the rows that are left. How a value is read is compiled once per schema ([`plan`]): no tree of values is made.

mod confluent;
mod convert;
mod cursor;
mod debezium;
mod decode;
mod derive;
mod encode;
mod json;
mod options;
mod plan;
mod registry_options;
mod schema;

pub use confluent::AvroConfluentFormat;
pub use debezium::DebeziumAvroFormat;

use crate::base::{Error, ErrorKind, Result};
use crate::options::{Opt, OptionReader};
use crate::table::{DecodeRequest, Decoder, EncodeRequest, Encoder, Format};
use crate::types::Field;
use schema::Schema;
use std::sync::Arc;

/// The format.
#[derive(Clone, Copy, Debug, Default)]
pub struct AvroFormat;

impl Format for AvroFormat {
    fn identifier(&self) -> &'static str {
        "avro"
    }

    fn options(&self) -> &'static [Opt] {
        options::OPTIONS
    }

    fn decoder(
        &self,
        options: &OptionReader<'_>,
        request: &DecodeRequest,
    ) -> Result<Box<dyn Decoder>> {
        let read = options::AvroOptions::read(options)?;
        let schema = table_schema(&request.fields, read.legacy_timestamps, options)?;
        Ok(Box::new(decode::AvroDecoder::new(request, schema, read.json)?))
    }

    fn encoder(
        &self,
        options: &OptionReader<'_>,
        request: &EncodeRequest,
    ) -> Result<Box<dyn Encoder>> {
        let read = options::AvroOptions::read(options)?;
        let schema = table_schema(&request.fields, read.legacy_timestamps, options)?;
        Ok(Box::new(encode::AvroEncoder::new(request, schema, read.json)?))
    }
}

/// The schema that follows from a table's fields.
fn table_schema(fields: &[Field], legacy: bool, options: &OptionReader<'_>) -> Result<Arc<Schema>> {
    let text = derive::derive_schema(fields, legacy).map_err(|error| {
        error.context(format!("deriving the Avro schema of {}", options.subject()))
    })?;
    parse(&text).map_err(|problem| Error::new(ErrorKind::Schema, problem))
}

fn parse(text: &str) -> std::result::Result<Arc<Schema>, String> {
    Schema::parse(text).map(Arc::new)
}

#[cfg(test)]
mod tests;
