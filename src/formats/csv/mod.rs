//! `csv`: one line per record (Flink's `CsvFormatFactory`, Jackson's CSV dialect).

mod convert;
mod decode;
mod encode;
mod options;

use crate::base::{Error, ErrorKind, Result};
use crate::options::{Opt, OptionReader};
use crate::table::{DecodeRequest, Decoder, EncodeRequest, Encoder, Format};
use crate::types::{DataType, Field, Kind};

/// The format.
#[derive(Clone, Copy, Debug, Default)]
pub struct CsvFormat;

impl Format for CsvFormat {
    fn identifier(&self) -> &'static str {
        "csv"
    }

    fn options(&self) -> &'static [Opt] {
        options::OPTIONS
    }

    fn decoder(
        &self,
        options: &OptionReader<'_>,
        request: &DecodeRequest,
    ) -> Result<Box<dyn Decoder>> {
        let options = options::CsvOptions::read(options)?;
        check_types(&request.fields)?;
        Ok(Box::new(decode::CsvDecoder::new(options, request)?))
    }

    fn encoder(
        &self,
        options: &OptionReader<'_>,
        request: &EncodeRequest,
    ) -> Result<Box<dyn Encoder>> {
        let options = options::CsvOptions::read(options)?;
        check_types(&request.fields)?;
        Ok(Box::new(encode::CsvEncoder::new(options, request)))
    }
}

/// Refuses what Flink's `CsvRowSchemaConverter` refuses.
fn check_types(fields: &[Field]) -> Result<()> {
    for field in fields {
        match &field.data_type.kind {
            Kind::Array(item) => check_nested(&field.name, item)?,
            Kind::Row(inner) => {
                inner.iter().try_for_each(|inner| check_nested(&field.name, &inner.data_type))?;
            }
            kind if !is_simple(kind) => {
                return Err(Error::new(
                    ErrorKind::Schema,
                    format!("Unsupported type '{kind}' for field '{}'.", field.name),
                ));
            }
            kind => check_time(kind)?,
        }
    }
    Ok(())
}

fn check_nested(name: &str, data_type: &DataType) -> Result<()> {
    if is_simple(&data_type.kind) {
        return check_time(&data_type.kind);
    }
    Err(Error::new(
        ErrorKind::Schema,
        format!(
            "Only simple types are supported in the second level nesting of fields '{name}' but was: {data_type}"
        ),
    ))
}

fn is_simple(kind: &Kind) -> bool {
    !kind.is_nested()
        && !matches!(kind, Kind::IntervalMonths | Kind::IntervalMillis | Kind::Variant)
}

fn check_time(kind: &Kind) -> Result<()> {
    match kind {
        Kind::Time(precision) if *precision > 3 => Err(Error::new(
            ErrorKind::Schema,
            format!(
                "Csv does not support TIME type with precision: {precision}, it only supports precision 0 ~ 3."
            ),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
