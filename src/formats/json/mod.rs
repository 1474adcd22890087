//! `json`: one JSON object per record (Flink's `JsonFormatFactory`).

mod change;
mod container;
mod convert;
mod decode;
mod encode;
mod keys;
mod misplaced;
mod options;
mod scan;
mod text;

#[cfg(test)]
pub(crate) use scan::Members as MembersForTests;
#[cfg(test)]
pub(crate) use text::unescape as unescape_for_tests;
pub(crate) use text::{Astral, write_string};

pub use change::ChangeJsonFormat;

use crate::base::{Error, ErrorKind, Result};
use crate::options::{Opt, OptionReader};
use crate::table::{DecodeRequest, Decoder, EncodeRequest, Encoder, Format};
use crate::types::java_text::TimestampStyle;
use crate::types::{DataType, Field, Kind};

/// The format.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonFormat;

impl Format for JsonFormat {
    fn identifier(&self) -> &'static str {
        "json"
    }

    fn options(&self) -> &'static [Opt] {
        options::OPTIONS
    }

    fn decoder(
        &self,
        options: &OptionReader<'_>,
        request: &DecodeRequest,
    ) -> Result<Box<dyn Decoder>> {
        let options = options::JsonOptions::read(options)?;
        check_types(&request.fields)?;
        Ok(Box::new(decode::JsonDecoder::new(&options, request)?))
    }

    fn encoder(
        &self,
        options: &OptionReader<'_>,
        request: &EncodeRequest,
    ) -> Result<Box<dyn Encoder>> {
        let options = options::JsonOptions::read(options)?;
        check_types(&request.fields)?;
        Ok(Box::new(encode::JsonEncoder::new(options, request)))
    }
}

impl JsonFormat {
    /// An encoder of results for programs, which takes every type but maps whose keys are no texts: VARIANT is written as
    /// the JSON that it is, and a NULL key as `null`.
    pub(crate) fn result_encoder(request: &EncodeRequest) -> Box<dyn Encoder> {
        let options = options::JsonOptions {
            fail_on_missing_field: false,
            ignore_parse_errors: false,
            tree: false,
            style: TimestampStyle::Sql,
            null_keys: options::NullKeys::Literal("null".to_owned()),
            plain_decimals: false,
            ignore_null_fields: false,
        };
        Box::new(encode::JsonEncoder::new(options, request))
    }
}

fn check_types(fields: &[Field]) -> Result<()> {
    fields.iter().try_for_each(|field| {
        check_type(&field.data_type)
            .map_err(|error| error.context(format!("reading the type of '{}'", field.name)))
    })
}

/// Map keys must be strings, as in Flink: JSON has no others.
fn check_type(data_type: &DataType) -> Result<()> {
    match &data_type.kind {
        Kind::Array(item) => check_type(item),
        Kind::Row(fields) => check_types(fields),
        Kind::Map(key, _) | Kind::Multiset(key) if !key.kind.is_string() => Err(Error::new(
            ErrorKind::Schema,
            format!(
                "JSON format doesn't support non-string as key type of map. The type is: {}",
                data_type.kind
            ),
        )),
        Kind::Map(_, value) => check_type(value),
        Kind::Variant | Kind::Structured(..) => {
            Err(Error::new(ErrorKind::Schema, format!("Unsupported type: {data_type}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
