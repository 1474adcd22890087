//! Results for programs: a JSON object or a CSV line per row.

use super::open::Target;
use super::session::Out;
use crate::base::{Error, ErrorKind, Result};
use crate::expr::Expr;
use crate::formats::{CsvFormat, JsonFormat};
use crate::options::{OptionReader, Options, Taken};
use crate::plan::Rel;
use crate::sql::binder::unique_name;
use crate::table::{
    EncodeRequest, Encoded, Encoder, Format, Guarantee, Immediate, Sink, Waker, WriteNow, Writer,
};
use crate::types::{Batch, Column, DataType, Field, Kind, RowErrors, Schema};
use arrow_array::{BooleanArray, StringViewArray};
use std::sync::{Arc, PoisonError};

/// What query results look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResultStyle {
    /// Flink's `tableau`: for people.
    #[default]
    Tableau,
    /// One JSON object a line, values as format `json` writes them.
    Json,
    /// A line of column names, then one line a row, values as format `csv` writes them.
    Csv,
}

/// Name of the column that holds the kind of a change: `+I`, `-U`, `+U`, `-D`. Streaming results have it, as in the
/// `tableau` style. Where a column of the query has this name, a number follows: `op0`.
const OP: &str = "op";

/// How rows of one schema are written.
#[derive(Clone)]
pub(super) struct MachineRows {
    style: ResultStyle,
    out: Out,
    fields: Vec<Field>,
    /// Name of the column for the kind of a change, where there is one.
    op: Option<String>,
    time_zone: chrono_tz::Tz,
}

/// The rows of a query with what the style has no form for as text: for CSV all that format `csv` lacks, such as MAP, for
/// JSON the keys of maps.
pub(super) fn printable(rel: Rel, style: ResultStyle, time_zone: chrono_tz::Tz) -> Rel {
    let schema = rel.schema();
    let form = |field: &Field| match style {
        ResultStyle::Tableau => field.data_type.kind.clone(),
        ResultStyle::Json => with_text_keys(&field.data_type).kind,
        ResultStyle::Csv => match encoder(style, std::slice::from_ref(field), time_zone) {
            Ok(_) => field.data_type.kind.clone(),
            Err(_) => DataType::string().kind,
        },
    };
    if schema.fields.iter().all(|field| form(field) == field.data_type.kind) {
        return rel;
    }
    let written = |(at, field): (usize, &Field)| {
        Expr::column(at, field.data_type.clone()).cast_kind(form(field))
    };
    let expressions: Vec<Expr> = schema.fields.iter().enumerate().map(written).collect();
    let fields = schema.fields.iter().zip(&expressions);
    let fields = fields.map(|(field, expr)| Field::new(&*field.name, expr.data_type.clone()));
    let schema = Schema::new(fields.collect());
    Rel::Project { input: Box::new(rel), expressions, schema }
}

/// The type with STRING for the keys of maps, which JSON has no others for.
fn with_text_keys(data_type: &DataType) -> DataType {
    let text = |key: &DataType| match key.kind.is_string() {
        true => Box::new(key.clone()),
        false => Box::new(DataType::string().with_nullable(key.nullable)),
    };
    let kind = match &data_type.kind {
        Kind::Array(item) => Kind::Array(Box::new(with_text_keys(item))),
        Kind::Map(key, value) => Kind::Map(text(key), Box::new(with_text_keys(value))),
        Kind::Multiset(item) => Kind::Multiset(text(item)),
        Kind::Row(fields) => Kind::Row(
            fields
                .iter()
                .map(|field| Field::new(field.name.clone(), with_text_keys(&field.data_type)))
                .collect(),
        ),
        kind => kind.clone(),
    };
    DataType { kind, nullable: data_type.nullable }
}

fn encoder(
    style: ResultStyle,
    fields: &[Field],
    time_zone: chrono_tz::Tz,
) -> Result<Box<dyn Encoder>> {
    let request = EncodeRequest { fields: fields.to_vec(), subject: None, time_zone };
    let (options, taken) = (Options::default(), Taken::default());
    let reader = OptionReader::new(&options, &taken, "the result");
    match style {
        ResultStyle::Csv => CsvFormat.encoder(&reader, &request),
        ResultStyle::Json | ResultStyle::Tableau => Ok(JsonFormat::result_encoder(&request)),
    }
}

impl MachineRows {
    /// Checks that the format has all the types.
    pub(super) fn new(
        style: ResultStyle,
        out: Out,
        schema: Schema,
        with_op: bool,
        time_zone: chrono_tz::Tz,
    ) -> Result<MachineRows> {
        let op = with_op.then(|| unique_name(OP.to_owned(), &schema.fields));
        let rows = MachineRows { style, out, fields: schema.fields, op, time_zone };
        rows.encoder()?;
        Ok(rows)
    }

    /// The sink of a query.
    pub(super) fn target(&self) -> Target {
        Target {
            name: "collect".to_owned(),
            sink: Box::new(MachineSink(self.clone())),
            not_null: Vec::new(),
            bounded: Vec::new(),
        }
    }

    /// Writes the line of column names, where there is one.
    pub(super) fn head(&self) -> Result<()> {
        if self.style != ResultStyle::Csv {
            return Ok(());
        }
        let names = self
            .op
            .as_deref()
            .into_iter()
            .chain(self.fields.iter().map(|field| field.name.as_str()));
        let names: Vec<String> = names.map(quoted).collect();
        self.print(format!("{}\n", names.join(",")).as_bytes())
    }

    fn encoder(&self) -> Result<Box<dyn Encoder>> {
        encoder(self.style, &self.fields, self.time_zone)
    }

    fn lines(
        &self,
        encoder: &mut dyn Encoder,
        batch: &Batch,
        errors: &mut RowErrors,
    ) -> Result<Vec<u8>> {
        let mut encoded = Encoded::default();
        encoder.encode(batch, &mut encoded, errors)?;
        let mut lines = Vec::with_capacity(encoded.bytes.len() + batch.rows * 16);
        for (row, record) in encoded.iter().enumerate() {
            let record = record.unwrap_or_default();
            let record = record.strip_suffix(b"\n").unwrap_or(record);
            match (self.style, &self.op) {
                (_, None) => lines.extend_from_slice(record),
                (ResultStyle::Csv, Some(_)) => {
                    lines.extend_from_slice(batch.kind(row).short().as_bytes());
                    lines.push(b',');
                    lines.extend_from_slice(record);
                }
                (_, Some(op)) => {
                    let kind = batch.kind(row).short();
                    lines.extend_from_slice(format!("{{\"{op}\":\"{kind}\"").as_bytes());
                    let rest = record.strip_prefix(b"{").unwrap_or(record);
                    if rest != b"}" {
                        lines.push(b',');
                    }
                    lines.extend_from_slice(rest);
                }
            }
            lines.push(b'\n');
        }
        Ok(lines)
    }

    fn print(&self, bytes: &[u8]) -> Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(bytes)
            .and_then(|()| out.flush())
            .map_err(|error| Error::new(ErrorKind::External, format!("cannot print: {error}")))
    }
}

/// Writes a table of texts: what SHOW and DESCRIBE answer.
pub(super) fn texts(
    style: ResultStyle,
    out: &Out,
    header: &[&str],
    rows: &[Vec<String>],
) -> Result<()> {
    let cells = |at: usize| rows.iter().map(move |row| row.get(at).map_or("", String::as_str));
    // Whether a column may be NULL is TRUE or FALSE in DESCRIBE: JSON has values for that.
    let is_truth = |at: usize| {
        style == ResultStyle::Json
            && header.get(at) == Some(&"null")
            && cells(at).all(|cell| matches!(cell, "TRUE" | "FALSE"))
    };
    let field = |(at, name): (usize, &&str)| {
        let kind = if is_truth(at) { Kind::Boolean } else { DataType::string().kind };
        Field::new(*name, kind.nullable())
    };
    let fields = header.iter().enumerate().map(field).collect();
    let writer =
        MachineRows::new(style, Arc::clone(out), Schema::new(fields), false, chrono_tz::UTC)?;
    writer.head()?;
    let columns = (0..header.len())
        .map(|at| match is_truth(at) {
            true => {
                let truths: Vec<bool> = cells(at).map(|cell| cell == "TRUE").collect();
                Arc::new(BooleanArray::from(truths)) as Column
            }
            false => Arc::new(StringViewArray::from_iter_values(cells(at))) as Column,
        })
        .collect();
    let batch = Batch::append(rows.len(), columns);
    let mut encoder = writer.encoder()?;
    let lines = writer.lines(encoder.as_mut(), &batch, &mut RowErrors::default())?;
    writer.print(&lines)
}

/// A CSV field, quoted where it needs it (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

struct MachineSink(MachineRows);

impl std::fmt::Debug for MachineSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MachineSink")
    }
}

impl Sink for MachineSink {
    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    fn writer(&mut self, _: usize, _: usize, _: Waker) -> Result<Box<dyn Writer>> {
        let encoder = self.0.encoder()?;
        Ok(Box::new(Immediate::new(MachineWriter { rows: self.0.clone(), encoder })))
    }
}

struct MachineWriter {
    rows: MachineRows,
    encoder: Box<dyn Encoder>,
}

impl WriteNow for MachineWriter {
    fn write(&mut self, batch: &Batch, errors: &mut RowErrors) -> Result<u64> {
        let lines = self.rows.lines(self.encoder.as_mut(), batch, errors)?;
        self.rows.print(&lines)?;
        Ok(lines.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn tables_of_texts_are_objects_or_lines() {
        let rows = [vec!["a,b".to_owned(), "x\"y".to_owned()]];
        for (style, expected) in [
            (ResultStyle::Json, "{\"table name\":\"a,b\",\"v\":\"x\\\"y\"}\n"),
            (ResultStyle::Csv, "table name,v\n\"a,b\",\"x\"\"y\"\n"),
        ] {
            let captured = Captured::default();
            let out: Out = Arc::new(Mutex::new(captured.clone()));
            texts(style, &out, &["table name", "v"], &rows).unwrap();
            assert_eq!(String::from_utf8(captured.0.lock().unwrap().clone()).unwrap(), expected);
        }
    }
}
