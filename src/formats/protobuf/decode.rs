//! The decoder: checks records, leaves a token per wanted column, and hands on.

use super::convert::ProtobufConvert;
use super::options::ProtobufOptions;
use super::plan::Compiler;
use super::schema::{Schema, Slots};
use crate::base::{Error, Result};
use crate::formats::payload::bytes_of;
use crate::formats::rows::{CHUNK_ROWS, Rows};
use crate::table::{DecodeRequest, Decoded, Decoder, Payload};
use crate::types::{Field, RowErrors};
use bytes::Bytes;
use protox::prost_reflect::MessageDescriptor;
use std::sync::Arc;

/// The decoder of `protobuf`.
#[derive(Debug)]
pub(super) struct ProtobufDecoder {
    rows: Rows<ProtobufConvert>,
    schema: Arc<Schema>,
    slots: Slots,
}

impl ProtobufDecoder {
    pub(super) fn new(
        request: &DecodeRequest,
        message: &MessageDescriptor,
        options: &ProtobufOptions,
    ) -> Result<ProtobufDecoder> {
        let schema = Arc::new(Schema::new(message));
        let compiler = Compiler::new(&schema, message, options.read_defaults);
        // Columns that nobody reads must fit, too.
        compiler.row(message, &request.fields)?;
        let wanted = request.columns.iter().map(|at| request.fields.get(*at).cloned());
        let wanted: Option<Vec<Field>> = wanted.collect();
        let wanted = wanted.ok_or_else(|| Error::internal("a column that is not declared"))?;
        let plan = compiler.row(message, &wanted)?;
        let slots = plan.slots.clone();
        let convert = ProtobufConvert::new(Arc::clone(&schema), plan);
        // No value of a record that was checked is wrong, so there is nothing to look for in other columns.
        let rows = Rows::new(convert, request, false, "Protobuf message", options.ignore_errors)?;
        Ok(ProtobufDecoder { rows, schema, slots })
    }
}

impl Decoder for ProtobufDecoder {
    fn push(&mut self, slab: &Bytes, payloads: &[Payload], errors: &mut RowErrors) -> Result<()> {
        let mut records: Vec<&[u8]> = Vec::with_capacity(payloads.len().min(CHUNK_ROWS));
        for chunk in payloads.chunks(CHUNK_ROWS) {
            records.clear();
            for (number, payload) in chunk.iter().enumerate() {
                let record = bytes_of(slab, *payload)?;
                records.push(record.unwrap_or_default());
                let Some(record) = record else {
                    self.rows.fail(number, &[], errors, || "it is NULL".to_owned());
                    continue;
                };
                let tokens = self.rows.begin_row(number);
                if let Err(fault) = self.schema.check(record, &self.slots, tokens) {
                    self.rows.fail(number, record, errors, || fault.describe());
                }
            }
            self.rows.convert(&records, errors)?;
            self.rows.end_chunk(chunk.len());
        }
        Ok(())
    }

    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn finish(&mut self) -> Result<Decoded> {
        self.rows.finish()
    }

    fn ignored(&self) -> u64 {
        self.rows.ignored()
    }
}
