//! A format, named in scripts by `'format' = 'piped'`: texts between bars, `eu|tea`. Columns are STRING.

use brooklet::base::{Error, ErrorKind, Result};
use brooklet::options::{Opt, OptKind, OptionReader};
use brooklet::table::{
    DecodeRequest, Decoded, Decoder, EncodeRequest, Encoded, Encoder, Format, Payload,
};
use brooklet::types::{Batch, Column, Field, Kinds, RowErrors};

use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, StringViewArray};
use bytes::Bytes;
use std::sync::Arc;

const BAR: Opt = Opt::new("bar", OptKind::String, "What stands between two texts.").default("|");

/// The format.
#[derive(Debug)]
pub(crate) struct Piped;

fn only_strings(fields: &[Field]) -> Result<()> {
    match fields.iter().find(|field| !field.data_type.kind.is_string()) {
        None => Ok(()),
        Some(field) => Err(Error::new(
            ErrorKind::Schema,
            format!("column '{}' is no STRING, and format 'piped' knows nothing else", field.name),
        )),
    }
}

impl Format for Piped {
    fn identifier(&self) -> &'static str {
        "piped"
    }

    fn options(&self) -> &'static [Opt] {
        &[BAR]
    }

    fn decoder(
        &self,
        options: &OptionReader<'_>,
        request: &DecodeRequest,
    ) -> Result<Box<dyn Decoder>> {
        options.supports(self.options());
        only_strings(&request.fields)?;
        Ok(Box::new(PipedDecoder {
            bar: options.string(&BAR).unwrap_or_default(),
            fields: request.fields.len(),
            wanted: request.columns.clone(),
            columns: request.columns.iter().map(|_| StringViewBuilder::new()).collect(),
            sources: Vec::new(),
            payloads: 0,
        }))
    }

    fn encoder(
        &self,
        options: &OptionReader<'_>,
        request: &EncodeRequest,
    ) -> Result<Box<dyn Encoder>> {
        options.supports(self.options());
        only_strings(&request.fields)?;
        Ok(Box::new(PipedEncoder { bar: options.string(&BAR).unwrap_or_default() }))
    }
}

#[derive(Debug)]
struct PipedDecoder {
    bar: String,
    /// Texts of a record.
    fields: usize,
    wanted: Vec<usize>,
    columns: Vec<StringViewBuilder>,
    /// The payload of each row.
    sources: Vec<u32>,
    payloads: u32,
}

impl Decoder for PipedDecoder {
    fn push(&mut self, slab: &Bytes, payloads: &[Payload], errors: &mut RowErrors) -> Result<()> {
        for payload in payloads {
            let number = self.payloads;
            self.payloads += 1;
            // NULL gives no row.
            let Ok(len) = usize::try_from(payload.len) else { continue };
            let start = payload.start as usize;
            let record = slab.get(start..start + len).map(std::str::from_utf8);
            let Some(Ok(text)) = record else {
                errors.push(number as usize, || "not UTF-8".to_owned());
                continue;
            };
            let texts: Vec<&str> = text.split(&self.bar).collect();
            if texts.len() != self.fields {
                errors.push(number as usize, || {
                    format!("{} texts where {} are declared", texts.len(), self.fields)
                });
                continue;
            }
            for (column, wanted) in self.columns.iter_mut().zip(&self.wanted) {
                column.append_option(texts.get(*wanted));
            }
            self.sources.push(number);
        }
        Ok(())
    }

    fn rows(&self) -> usize {
        self.sources.len()
    }

    fn finish(&mut self) -> Result<Decoded> {
        let column = |builder: &mut StringViewBuilder| Arc::new(builder.finish()) as Column;
        self.payloads = 0;
        Ok(Decoded {
            columns: self.columns.iter_mut().map(column).collect(),
            kinds: Kinds::AllInsert,
            sources: std::mem::take(&mut self.sources),
        })
    }

    fn ignored(&self) -> u64 {
        0
    }
}

#[derive(Debug)]
struct PipedEncoder {
    bar: String,
}

impl Encoder for PipedEncoder {
    fn encode(&mut self, batch: &Batch, out: &mut Encoded, errors: &mut RowErrors) -> Result<()> {
        let columns: Vec<&StringViewArray> =
            batch.columns.iter().filter_map(|column| column.as_string_view_opt()).collect();
        for row in 0..batch.rows {
            for (at, column) in columns.iter().enumerate() {
                if at > 0 {
                    out.bytes.extend_from_slice(self.bar.as_bytes());
                }
                if column.is_null(row) {
                    errors.push(row, || "format 'piped' has no NULL".to_owned());
                } else {
                    out.bytes.extend_from_slice(column.value(row).as_bytes());
                }
            }
            out.ends.push(u32::try_from(out.bytes.len()).map_err(Error::internal)?);
        }
        Ok(())
    }
}
