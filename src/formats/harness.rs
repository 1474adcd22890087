//! Tests against rows recorded from Flink: runs a line of a recording and prints the result in the recording's form.
//!
//! A line has the columns what (`jd` decodes JSON, `je` decodes JSON and encodes it again, `cd` and `ce` the same with
//! CSV), options, fields, payload, result. Payload and result are escaped as in Java.

use super::json::unescape_for_tests as unescape;
use super::{CsvFormat, JsonFormat};
use crate::base::Result;
use crate::options::{OptionReader, Options, Taken};
use crate::table::{
    DecodeRequest, Decoded, Decoder, EncodeRequest, Encoded, Encoder, Format, Payload,
};
use crate::types::java_text::{
    Moment, decimal_to_plain, double_to_string, float_to_string, timestamp_to_string,
};
use crate::types::{Batch, DataType, Field, Kind, RowErrors};
use arrow_array::Array;
use bytes::Bytes;

use super::write::{Source, SourceColumn, span};

/// A decoder for all of `fields`.
pub(crate) fn decoder(
    format: &dyn Format,
    options: &[(String, String)],
    fields: &[Field],
) -> Result<Box<dyn Decoder>> {
    decoder_for(format, options, &all_columns(fields))
}

/// A request for all of `fields`.
pub(crate) fn all_columns(fields: &[Field]) -> DecodeRequest {
    DecodeRequest {
        fields: fields.to_vec(),
        columns: (0..fields.len()).collect(),
        metadata: Vec::new(),
        predicate: None,
        strict: false,
        time_zone: chrono_tz::UTC,
    }
}

/// A decoder for a request.
pub(crate) fn decoder_for(
    format: &dyn Format,
    options: &[(String, String)],
    request: &DecodeRequest,
) -> Result<Box<dyn Decoder>> {
    let options = read(options);
    let taken = Taken::default();
    let reader = OptionReader::new(&options, &taken, "table 't'");
    let decoder = format.decoder(&reader, request)?;
    reader.finish()?;
    Ok(decoder)
}

/// An encoder for `fields`.
pub(crate) fn encoder(
    format: &dyn Format,
    options: &[(String, String)],
    fields: &[Field],
) -> Result<Box<dyn Encoder>> {
    let options = read(options);
    let taken = Taken::default();
    let reader = OptionReader::new(&options, &taken, "table 't'");
    let request =
        EncodeRequest { fields: fields.to_vec(), subject: None, time_zone: chrono_tz::UTC };
    format.encoder(&reader, &request)
}

fn read(options: &[(String, String)]) -> Options {
    let mut read = Options::default();
    for (key, value) in options {
        read.set(key, value, None);
    }
    read
}

/// A slab of payloads; `None` is NULL.
pub(crate) fn slab(payloads: &[Option<&[u8]>]) -> (Bytes, Vec<Payload>) {
    let mut bytes = Vec::new();
    let mut places = Vec::new();
    for payload in payloads {
        let start = u32::try_from(bytes.len()).unwrap();
        bytes.extend_from_slice(payload.unwrap_or_default());
        let len = payload.map_or(-1, |payload| i32::try_from(payload.len()).unwrap());
        places.push(Payload { start, len });
    }
    (Bytes::from(bytes), places)
}

/// Decodes payloads at once.
pub(crate) fn decode(
    decoder: &mut dyn Decoder,
    payloads: &[Option<&[u8]>],
) -> (Decoded, RowErrors) {
    let (slab, places) = slab(payloads);
    let mut errors = RowErrors::new();
    decoder.push(&slab, &places, &mut errors).unwrap();
    let rows = decoder.rows();
    let decoded = decoder.finish().unwrap();
    assert_eq!(rows, decoded.sources.len());
    for column in &decoded.columns {
        assert_eq!(column.len(), rows);
    }
    (decoded, errors)
}

/// The result of a recorded line's call, not escaped.
pub(crate) fn run(what: &str, options: &str, fields: &str, payload: &str) -> String {
    let Some(fields) = parse_fields(fields) else { return "ERR".to_owned() };
    let payload = payload_bytes(payload);
    let options = options_of(what, options);
    match result(what, &options, &fields, payload.as_deref()) {
        Some(text) => text,
        None => "ERR".to_owned(),
    }
}

fn result(
    what: &str,
    options: &[(String, String)],
    fields: &[Field],
    payload: Option<&[u8]>,
) -> Option<String> {
    let plain: Vec<(String, String)> = options
        .iter()
        .filter(|(key, _)| what == "je" && key == "timestamp-format.standard")
        .cloned()
        .collect();
    let mut decoder = match what {
        "jd" => decoder(&JsonFormat, options, fields),
        "cd" => decoder(&CsvFormat, options, fields),
        _ => decoder(&JsonFormat, &plain, fields),
    }
    .ok()?;
    let (decoded, errors) = decode(decoder.as_mut(), &[payload]);
    if !errors.is_empty() {
        return None;
    }
    if what.ends_with('d') {
        return Some(show_rows(&decoded, fields));
    }
    let format: &dyn Format = if what == "je" { &JsonFormat } else { &CsvFormat };
    let mut encoder = encoder(format, options, fields).ok()?;
    let (mut out, mut errors) = (Encoded::default(), RowErrors::new());
    let batch = Batch::append(decoded.sources.len(), decoded.columns);
    encoder.encode(&batch, &mut out, &mut errors).unwrap();
    if !errors.is_empty() {
        return None;
    }
    let records: Vec<String> =
        out.iter().flatten().map(|record| String::from_utf8(record.to_vec()).unwrap()).collect();
    Some(records.join(" "))
}

/// All rows, one after another.
pub(crate) fn show_rows(decoded: &Decoded, fields: &[Field]) -> String {
    let columns: Vec<SourceColumn<'_>> = decoded
        .columns
        .iter()
        .zip(fields)
        .map(|(column, field)| {
            assert_eq!(column.data_type(), &field.data_type.physical());
            SourceColumn::new(column.as_ref(), &field.data_type).unwrap()
        })
        .collect();
    let rows: Vec<String> = (0..decoded.sources.len()).map(|row| show_row(&columns, row)).collect();
    rows.join(" ")
}

fn show_row(columns: &[SourceColumn<'_>], row: usize) -> String {
    let values: Vec<String> = columns.iter().map(|column| show(column, row)).collect();
    format!("({})", values.join(", "))
}

fn show(column: &SourceColumn<'_>, row: usize) -> String {
    if column.is_null(row) {
        return "null".to_owned();
    }
    let moment = |moment: Moment| timestamp_to_string(moment, 9);
    match &column.source {
        Source::Null => "null".to_owned(),
        Source::Boolean(array) => array.value(row).to_string(),
        Source::TinyInt(array) => array.value(row).to_string(),
        Source::SmallInt(array) => array.value(row).to_string(),
        Source::Int(array) => array.value(row).to_string(),
        Source::BigInt(array) => array.value(row).to_string(),
        Source::Float(array) => float_to_string(array.value(row)),
        Source::Double(array) => double_to_string(array.value(row)),
        Source::Decimal(array, scale) => decimal_to_plain(array.value(row), *scale),
        Source::String(array) | Source::Json(array) => format!("'{}'", array.value(row)),
        Source::Binary(array) => {
            let hex: String = array.value(row).iter().map(|byte| format!("{byte:02x}")).collect();
            format!("x{hex}")
        }
        Source::Date(array) => array.value(row).to_string(),
        Source::Time(array) => array.value(row).to_string(),
        Source::Timestamp(moments) | Source::TimestampLtz(moments) => moment(moments.get(row)),
        Source::List(array, items) => {
            let items: Vec<String> =
                span(array.value_offsets(), row).map(|item| show(items, item)).collect();
            format!("[{}]", items.join(", "))
        }
        Source::Map(array, keys, values) => {
            let mut entries: Vec<String> = span(array.value_offsets(), row)
                .map(|entry| format!("{}={}", show(keys, entry), show(values, entry)))
                .collect();
            entries.sort();
            format!("{{{}}}", entries.join(", "))
        }
        Source::Row(columns) => show_row(columns, row),
    }
}

/// Runs a recording; panics with all lines that differ both from it and from `differences`, which holds the lines with
/// another result on purpose.
pub(crate) fn check_recording(recording: &str, differences: &str) {
    let wanted: std::collections::BTreeMap<&str, &str> = differences
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("# "))
        .map(|line| line.rsplit_once('\t').unwrap())
        .collect();
    let mut wrong = Vec::new();
    let mut used = 0;
    for line in recording.lines().filter(|line| !line.is_empty()) {
        let (call, result) = line.rsplit_once('\t').unwrap();
        let result = match wanted.get(call) {
            Some(other) => {
                used += 1;
                assert_ne!(*other, result, "no difference any more: {call}");
                other
            }
            None => result,
        };
        let mut expected = String::new();
        unescape(result, &mut expected);
        let columns: Vec<&str> = call.split('\t').collect();
        let [what, options, fields, payload] = columns[..] else { panic!("{line}") };
        let found = run(what, options, fields, payload);
        if found != expected {
            wrong.push(format!("{call}\n    expected {expected:?}\n    found    {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} lines differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(used, wanted.len(), "some differences are of no recorded line");
}

fn payload_bytes(text: &str) -> Option<Vec<u8>> {
    if text == "NULL" {
        return None;
    }
    if let Some(hex) = text.strip_prefix("hex:") {
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        return Some((0..hex.len()).step_by(2).map(byte).collect());
    }
    let mut bytes = String::new();
    unescape(text, &mut bytes);
    Some(bytes.into_bytes())
}

fn options_of(what: &str, text: &str) -> Vec<(String, String)> {
    let mut options = Vec::new();
    for pair in text.split('~').filter(|pair| !pair.is_empty()) {
        let (name, raw) = pair.split_once('=').unwrap();
        let mut value = String::new();
        unescape(raw, &mut value);
        let json = what.starts_with('j');
        let (key, value) = match (name, value.as_str()) {
            ("fail", _) => ("fail-on-missing-field", value.as_str()),
            ("ignore", _) => ("ignore-parse-errors", "true"),
            ("ts", _) => ("timestamp-format.standard", "ISO-8601"),
            ("nonull", _) => ("encode.ignore-null-fields", "true"),
            ("plain", _) if json => ("encode.decimal-as-plain-number", "true"),
            ("plain", _) => ("write-bigdecimal-in-scientific-notation", "false"),
            ("sci", _) => ("write-bigdecimal-in-scientific-notation", "true"),
            ("delim", _) => ("field-delimiter", value.as_str()),
            ("quote", _) => ("quote-character", value.as_str()),
            ("noquote", _) => ("disable-quote-character", "true"),
            ("comments", _) => ("allow-comments", "true"),
            ("arr", _) => ("array-element-delimiter", value.as_str()),
            ("esc", _) => ("escape-character", value.as_str()),
            ("null", _) => ("null-literal", value.as_str()),
            other => panic!("{other:?}"),
        };
        options.push((key.to_owned(), value.to_owned()));
    }
    options
}

/// Fields as in `a INT, b ROW<x INT NOT NULL, y STRING>`.
pub(crate) fn parse_fields(text: &str) -> Option<Vec<Field>> {
    let mut parser = Parser { rest: text };
    let fields = parser.fields()?;
    parser.rest.is_empty().then_some(fields)
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn skip(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(token) {
            Some(after) => {
                self.rest = after;
                true
            }
            None => false,
        }
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest.trim_start();
        if let Some(quoted) = rest.strip_prefix('`') {
            let (name, after) = quoted.split_once('`').unwrap();
            self.rest = after;
            return name;
        }
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        self.rest = &rest[end..];
        &rest[..end]
    }

    fn numbers(&mut self) -> Vec<u32> {
        let mut numbers = Vec::new();
        if self.skip("(") {
            loop {
                numbers.push(self.word().parse().unwrap());
                if !self.skip(",") {
                    break;
                }
            }
            assert!(self.skip(")"));
        }
        numbers
    }

    fn fields(&mut self) -> Option<Vec<Field>> {
        let mut fields = Vec::new();
        loop {
            let name = self.word();
            fields.push(Field::new(name, self.data_type()?));
            if !self.skip(",") {
                return Some(fields);
            }
        }
    }

    fn data_type(&mut self) -> Option<DataType> {
        let small = |n: &[u32], at: usize| u8::try_from(n[at]).unwrap();
        let kind = match self.word() {
            "NULL" => Kind::Null,
            "BOOLEAN" => Kind::Boolean,
            "TINYINT" => Kind::TinyInt,
            "SMALLINT" => Kind::SmallInt,
            "INT" => Kind::Int,
            "BIGINT" => Kind::BigInt,
            "FLOAT" => Kind::Float,
            "DOUBLE" => Kind::Double,
            "STRING" => Kind::VarChar(Kind::STRING_LENGTH),
            "BYTES" => Kind::VarBinary(Kind::STRING_LENGTH),
            "DATE" => Kind::Date,
            "CHAR" => Kind::Char(self.numbers()[0]),
            "VARCHAR" => Kind::VarChar(self.numbers()[0]),
            "TIME" => Kind::Time(small(&self.numbers(), 0)),
            "TIMESTAMP" => Kind::Timestamp(small(&self.numbers(), 0)),
            "TIMESTAMP_LTZ" => Kind::TimestampLtz(small(&self.numbers(), 0)),
            "DECIMAL" => {
                let numbers = self.numbers();
                Kind::Decimal { precision: small(&numbers, 0), scale: small(&numbers, 1) }
            }
            "INTERVAL" => {
                if self.skip("YEAR TO MONTH") {
                    Kind::IntervalMonths
                } else {
                    assert!(self.skip("DAY TO SECOND(3)"));
                    Kind::IntervalMillis
                }
            }
            "ARRAY" => Kind::Array(Box::new(self.inner()?)),
            "MULTISET" => Kind::Multiset(Box::new(self.inner()?)),
            "MAP" => {
                assert!(self.skip("<"));
                let key = self.data_type()?;
                assert!(self.skip(","));
                let value = self.data_type()?;
                assert!(self.skip(">"));
                Kind::Map(Box::new(key), Box::new(value))
            }
            "ROW" => {
                assert!(self.skip("<"));
                let fields = self.fields()?;
                assert!(self.skip(">"));
                Kind::Row(fields)
            }
            _ => return None,
        };
        let nullable = !self.skip("NOT NULL");
        Some(DataType { kind, nullable })
    }

    fn inner(&mut self) -> Option<DataType> {
        assert!(self.skip("<"));
        let data_type = self.data_type()?;
        assert!(self.skip(">"));
        Some(data_type)
    }
}
