//! `raw`: the whole record is one value of one column (Flink's `RawFormatFactory`).

use super::charset::Charset;
use super::column::Builder;
use super::filter::Filter;
use super::payload::{bytes_of, shown};
use super::write::{Source, SourceColumn, end_of};
use crate::base::{Error, ErrorKind, Result};
use crate::expr::Selection;
use crate::options::{Opt, OptKind, OptionReader};
use crate::table::{
    DecodeRequest, Decoded, Decoder, EncodeRequest, Encoded, Encoder, Format, Payload,
};
use crate::types::{Batch, Column, DataType, Field, Kind, RowErrors};
use arrow_array::{ArrayRef, UInt32Array, new_empty_array};
use arrow_select::concat::concat;
use arrow_select::take::take;
use bytes::Bytes;

const CHARSET: Opt = Opt::new(
    "charset",
    OptKind::String,
    "Encoding of text under Java's name: UTF-8, UTF-16, ISO-8859-1, US-ASCII, GBK, GB18030, Big5, Shift_JIS, EUC-JP, EUC-KR, windows-1252 and others.",
)
.default("UTF-8");

const ENDIANNESS: Opt = Opt::new(
    "endianness",
    OptKind::Enum(&["big-endian", "little-endian"]),
    "Order of the bytes of numbers.",
)
.default("big-endian");

/// The format.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawFormat;

#[derive(Clone, Copy, Debug)]
struct RawOptions {
    charset: Charset,
    little_endian: bool,
}

impl RawOptions {
    fn read(options: &OptionReader<'_>) -> Result<RawOptions> {
        let name = options.string(&CHARSET).unwrap_or_default();
        let charset = Charset::by_name(&name).ok_or_else(|| {
            options.invalid(&CHARSET, format!("Unsupported 'raw.charset' name: {name}"))
        })?;
        let little_endian = options.word(&ENDIANNESS)? == Some("little-endian");
        Ok(RawOptions { charset, little_endian })
    }
}

/// The one column of the table.
fn single_field<'a>(fields: &'a [Field], options: &OptionReader<'_>) -> Result<&'a Field> {
    let [field] = fields else {
        let listed: Vec<String> =
            fields.iter().map(|field| format!("`{}` {}", field.name, field.data_type)).collect();
        return Err(Error::new(
            ErrorKind::Schema,
            format!(
                "The 'raw' format only supports single physical column. However the defined schema contains \
                 multiple physical columns: [{}] ({})",
                listed.join(", "),
                options.subject()
            ),
        ));
    };
    match field.data_type.kind {
        Kind::Char(_)
        | Kind::VarChar(_)
        | Kind::Binary(_)
        | Kind::VarBinary(_)
        | Kind::Boolean
        | Kind::TinyInt
        | Kind::SmallInt
        | Kind::Int
        | Kind::BigInt
        | Kind::Float
        | Kind::Double => Ok(field),
        _ => Err(Error::new(
            ErrorKind::Schema,
            format!(
                "The 'raw' format doesn't supports '{}' as column type ({})",
                field.data_type,
                options.subject()
            ),
        )),
    }
}

impl Format for RawFormat {
    fn identifier(&self) -> &'static str {
        "raw"
    }

    fn options(&self) -> &'static [Opt] {
        &[CHARSET, ENDIANNESS]
    }

    fn decoder(
        &self,
        options: &OptionReader<'_>,
        request: &DecodeRequest,
    ) -> Result<Box<dyn Decoder>> {
        let read = RawOptions::read(options)?;
        let field = single_field(&request.fields, options)?;
        if request.columns.iter().any(|column| *column != 0) {
            return Err(Error::internal("a column that is not declared"));
        }
        let columns = request.columns.len();
        Ok(Box::new(RawDecoder {
            options: read,
            data_type: field.data_type.clone(),
            columns,
            filter: request
                .predicate
                .clone()
                .map(|predicate| Filter::new(predicate, columns, request.time_zone)),
            builder: Builder::new(&field.data_type),
            waiting: Vec::new(),
            chunks: Vec::new(),
            sources: Vec::new(),
            payloads: 0,
            text: String::new(),
        }))
    }

    fn encoder(
        &self,
        options: &OptionReader<'_>,
        request: &EncodeRequest,
    ) -> Result<Box<dyn Encoder>> {
        let read = RawOptions::read(options)?;
        let field = single_field(&request.fields, options)?;
        Ok(Box::new(RawEncoder { options: read, data_type: field.data_type.clone() }))
    }
}

#[derive(Debug)]
struct RawDecoder {
    options: RawOptions,
    data_type: DataType,
    /// How often the column was asked for: 0 or 1.
    columns: usize,
    filter: Option<Filter>,
    builder: Builder,
    /// Payload numbers of the rows in the builder.
    waiting: Vec<u32>,
    /// Rows that passed the filter.
    chunks: Vec<ArrayRef>,
    sources: Vec<u32>,
    /// Payloads since the last finish.
    payloads: u32,
    text: String,
}

impl RawDecoder {
    /// Adds the value of a record; what is wrong with it otherwise.
    fn add(&mut self, bytes: &[u8]) -> std::result::Result<(), String> {
        let little = self.options.little_endian;
        match &mut self.builder {
            Builder::String(builder) => {
                let utf8 = self.options.charset == Charset::Utf8;
                let valid = utf8.then(|| simdutf8::basic::from_utf8(bytes).ok()).flatten();
                let text = match valid {
                    Some(text) => text,
                    None => {
                        self.text.clear();
                        self.options.charset.read(bytes, &mut self.text);
                        &self.text
                    }
                };
                builder.append_value(text);
            }
            Builder::Binary(builder) => builder.append_value(bytes),
            Builder::Boolean { .. } => {
                let [value] = fixed::<1>(bytes, "BOOLEAN", false)?;
                self.builder.push_bool(value != 0);
            }
            Builder::Int8(values) => {
                values.push(i8::from_be_bytes(fixed(bytes, "TINYINT", little)?));
            }
            Builder::Int16(values) => {
                values.push(i16::from_be_bytes(fixed(bytes, "SMALLINT", little)?));
            }
            Builder::Int32(values) => {
                values.push(i32::from_be_bytes(fixed(bytes, "INT", little)?));
            }
            Builder::Int64(values) => {
                values.push(i64::from_be_bytes(fixed(bytes, "BIGINT", little)?));
            }
            Builder::Float32(values) => {
                values.push(f32::from_be_bytes(fixed(bytes, "FLOAT", little)?));
            }
            Builder::Float64(values) => {
                values.push(f64::from_be_bytes(fixed(bytes, "DOUBLE", little)?));
            }
            _ => return Err("the type is not supported".to_owned()),
        }
        Ok(())
    }

    /// Moves the rows in the builder that pass the filter to the chunks.
    fn filter_waiting(&mut self, errors: &mut RowErrors) -> Result<()> {
        let Some(filter) = &self.filter else { return Ok(()) };
        let rows = self.waiting.len();
        if rows == 0 {
            return Ok(());
        }
        let column = self.builder.finish(&self.data_type)?;
        let columns: Vec<Column> = (0..self.columns).map(|_| ArrayRef::clone(&column)).collect();
        let mut failures = RowErrors::new();
        let selected = filter.evaluate(&columns, rows, &Selection::All(rows), &mut failures);
        for (row, text) in failures.iter() {
            let number = self.waiting.get(row).copied().unwrap_or(0);
            errors.push(number as usize, || text.unwrap_or("the filter failed").to_owned());
        }
        let selected = UInt32Array::from(selected.to_rows());
        for row in selected.values() {
            self.sources.extend(self.waiting.get(*row as usize));
        }
        if !selected.values().is_empty() {
            self.chunks.push(take(&column, &selected, None).map_err(Error::internal)?);
        }
        self.waiting.clear();
        Ok(())
    }
}

/// The record as a number's bytes, the most significant first.
fn fixed<const N: usize>(
    bytes: &[u8],
    name: &str,
    little_endian: bool,
) -> std::result::Result<[u8; N], String> {
    let mut array: [u8; N] = bytes
        .try_into()
        .map_err(|_| format!("Size of data received for deserializing {name} type is not {N}."))?;
    if little_endian {
        array.reverse();
    }
    Ok(array)
}

impl Decoder for RawDecoder {
    fn push(&mut self, slab: &Bytes, payloads: &[Payload], errors: &mut RowErrors) -> Result<()> {
        for payload in payloads {
            let number = self.payloads;
            self.payloads = self.payloads.wrapping_add(1);
            // Unlike the other formats, NULL is a row here.
            let added = match bytes_of(slab, *payload)? {
                None => {
                    self.builder.push_null();
                    Ok(())
                }
                Some(bytes) => self.add(bytes).map_err(|reason| (reason, bytes)),
            };
            match added {
                Ok(()) => self.waiting.push(number),
                Err((reason, bytes)) => errors.push(number as usize, || {
                    format!("failed to deserialize raw value '{}': {reason}", shown(bytes))
                }),
            }
        }
        self.filter_waiting(errors)
    }

    fn rows(&self) -> usize {
        self.sources.len().saturating_add(self.waiting.len())
    }

    fn finish(&mut self) -> Result<Decoded> {
        self.payloads = 0;
        let mut sources = std::mem::take(&mut self.sources);
        let column = if self.filter.is_none() {
            sources = std::mem::take(&mut self.waiting);
            self.builder.finish(&self.data_type)?
        } else {
            let chunks: Vec<&dyn arrow_array::Array> =
                self.chunks.iter().map(AsRef::as_ref).collect();
            match chunks.as_slice() {
                [] => new_empty_array(&self.data_type.physical()),
                chunks => concat(chunks).map_err(Error::internal)?,
            }
        };
        self.chunks.clear();
        let columns = (0..self.columns).map(|_| ArrayRef::clone(&column)).collect();
        Ok(Decoded { columns, sources, ..Decoded::default() })
    }

    fn ignored(&self) -> u64 {
        0
    }
}

#[derive(Debug)]
struct RawEncoder {
    options: RawOptions,
    data_type: DataType,
}

impl RawEncoder {
    fn value(&self, column: &SourceColumn<'_>, row: usize, out: &mut Vec<u8>) {
        match &column.source {
            Source::String(array) => self.options.charset.write(array.value(row), out),
            Source::Binary(array) => out.extend_from_slice(array.value(row)),
            Source::Boolean(array) => out.push(u8::from(array.value(row))),
            Source::TinyInt(array) => self.number(array.value(row).to_be_bytes(), out),
            Source::SmallInt(array) => self.number(array.value(row).to_be_bytes(), out),
            Source::Int(array) => self.number(array.value(row).to_be_bytes(), out),
            Source::BigInt(array) => self.number(array.value(row).to_be_bytes(), out),
            Source::Float(array) => self.number(array.value(row).to_be_bytes(), out),
            Source::Double(array) => self.number(array.value(row).to_be_bytes(), out),
            _ => {}
        }
    }

    fn number<const N: usize>(&self, mut bytes: [u8; N], out: &mut Vec<u8>) {
        if self.options.little_endian {
            bytes.reverse();
        }
        out.extend_from_slice(&bytes);
    }
}

impl Encoder for RawEncoder {
    fn encode(&mut self, batch: &Batch, out: &mut Encoded, _: &mut RowErrors) -> Result<()> {
        let [column] = batch.columns.as_slice() else {
            return Err(Error::internal("a batch does not have the columns of its sink"));
        };
        let column = SourceColumn::new(column.as_ref(), &self.data_type)?;
        if column.len() < batch.rows {
            return Err(Error::internal("a batch's column is too short"));
        }
        for row in 0..batch.rows {
            if column.is_null(row) {
                out.nulls.push(u32::try_from(out.ends.len()).map_err(Error::internal)?);
            } else {
                self.value(&column, row, &mut out.bytes);
            }
            out.ends.push(end_of(&out.bytes)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{CastMode, Expr};
    use crate::formats::harness::{all_columns, decode, decoder, encoder, parse_fields, show_rows};

    fn options(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_go_both_ways() {
        let little = &[("endianness", "little-endian")][..];
        for (fields, given, payload, shown) in [
            ("a STRING", &[][..], Some(&b"h\xc3\xa9"[..]), "('hé')"),
            ("a STRING", &[("charset", "iso-8859-1")], Some(&b"h\xe9"[..]), "('hé')"),
            ("a STRING", &[("charset", "UTF-16LE")], Some(&b"h\0=\xd8\0\xde"[..]), "('h😀')"),
            ("a STRING", &[("charset", "UTF-16")], Some(&b"\xfe\xff\0h"[..]), "('h')"),
            ("a BYTES", &[], Some(&b"\x00\xff"[..]), "(x00ff)"),
            ("a BOOLEAN", &[], Some(&b"\x01"[..]), "(true)"),
            ("a TINYINT", &[], Some(&b"\xff"[..]), "(-1)"),
            ("a SMALLINT", &[], Some(&b"\x01\x02"[..]), "(258)"),
            ("a SMALLINT", little, Some(&b"\x01\x02"[..]), "(513)"),
            ("a INT", &[], Some(&b"\0\0\0\x07"[..]), "(7)"),
            ("a BIGINT", little, Some(&b"\x07\0\0\0\0\0\0\0"[..]), "(7)"),
            ("a FLOAT", &[], Some(&b"\x3f\xc0\0\0"[..]), "(1.5)"),
            ("a DOUBLE", &[], Some(&b"\x3f\xf8\0\0\0\0\0\0"[..]), "(1.5)"),
            ("a STRING", &[], Some(&b""[..]), "('')"),
            ("a STRING", &[], None, "(null)"),
        ] {
            let fields = parse_fields(fields).unwrap();
            let mut decoder = decoder(&RawFormat, &options(given), &fields).unwrap();
            let (decoded, errors) = decode(decoder.as_mut(), &[payload]);
            assert!(errors.is_empty(), "{:?}", errors.kept());
            assert_eq!(show_rows(&decoded, &fields), shown);
            let mut encoder = encoder(&RawFormat, &options(given), &fields).unwrap();
            let mut out = Encoded::default();
            let batch = Batch::append(1, decoded.columns);
            encoder.encode(&batch, &mut out, &mut RowErrors::new()).unwrap();
            assert_eq!(out.iter().collect::<Vec<_>>(), [payload]);
        }
    }

    #[test]
    fn every_row_that_fails_in_the_filter_is_told() {
        let fields = parse_fields("a STRING").unwrap();
        let number = Expr::cast(
            Expr::column(0, fields[0].data_type.clone()),
            Kind::Boolean,
            CastMode::default(),
        );
        let request = DecodeRequest { predicate: Some(number), ..all_columns(&fields) };
        let reader = crate::options::Options::default();
        let taken = crate::options::Taken::default();
        let reader = OptionReader::new(&reader, &taken, "table 't'");
        let mut decoder = RawFormat.decoder(&reader, &request).unwrap();
        // More than have their texts kept.
        let many = crate::base::limits::ROW_ERRORS_KEPT_MAX + 100;
        let payloads = vec![Some(&b"x"[..]); many];
        let (decoded, errors) = decode(decoder.as_mut(), &payloads);
        assert!(decoded.sources.is_empty());
        assert!(errors.rows().iter().copied().eq(0..u32::try_from(many).unwrap()));
    }

    #[test]
    fn wrong_sizes_and_schemas_are_refused() {
        let fields = parse_fields("a INT").unwrap();
        let mut int = decoder(&RawFormat, &[], &fields).unwrap();
        let (decoded, errors) = decode(int.as_mut(), &[Some(b"1"), Some(b"\0\0\0\x02")]);
        assert_eq!(decoded.sources, [1]);
        assert_eq!(
            errors.kept()[0].message,
            "failed to deserialize raw value '1': Size of data received for deserializing INT type is not 4."
        );
        let two = parse_fields("a INT, b INT").unwrap();
        let error = decoder(&RawFormat, &[], &two).unwrap_err().to_string();
        assert!(error.contains("only supports single physical column"), "{error}");
        let date = parse_fields("a DATE").unwrap();
        let error = decoder(&RawFormat, &[], &date).unwrap_err().to_string();
        assert!(error.starts_with("The 'raw' format doesn't supports 'DATE' as column type"));
        let charset = options(&[("charset", "EBCDIC")]);
        assert!(decoder(&RawFormat, &charset, &fields).is_err());
    }
}
