//! Results as Flink's SQL client prints them in `tableau` mode.

mod width;

use self::width::{put_cell, width};
use super::open::Target;
use super::session::Out;
use crate::base::{Error, ErrorKind, Result};
use crate::exec::JobEnd;
use crate::expr::TextWriter;
use crate::plan::Settings;
use crate::table::{Guarantee, Immediate, Sink, Waker, WriteNow, Writer};
use crate::types::{Batch, DataType, Field, Kind, RowErrors};
use chrono_tz::Tz;
use std::sync::{Arc, Mutex, PoisonError};

/// What NULL looks like.
const NULL: &str = "<NULL>";

/// Prints the rows of one query.
#[derive(Clone)]
pub(super) struct Printer(Arc<Mutex<State>>);

struct State {
    out: Out,
    batch: bool,
    header: Vec<String>,
    types: Vec<DataType>,
    widths: Vec<usize>,
    zone: Tz,
    /// Rows held back in batch mode, where the footer follows all of them at once.
    held: Vec<Vec<String>>,
    rows: u64,
    started: bool,
}

/// A printer for the columns of a query.
pub(super) fn printer(fields: &[Field], out: Out, settings: &Settings) -> Printer {
    let most = settings.column_width_max;
    let widths = fields.iter().map(|field| {
        // Java counts UTF-16 units of names.
        field.name.encode_utf16().count().max(type_width(&field.data_type, most))
    });
    Printer(Arc::new(Mutex::new(State {
        out,
        batch: settings.batch,
        header: fields.iter().map(|field| field.name.clone()).collect(),
        types: fields.iter().map(|field| field.data_type.clone()).collect(),
        widths: widths.collect(),
        zone: settings.time_zone,
        held: Vec::new(),
        rows: 0,
        started: false,
    })))
}

impl Printer {
    /// The sink that feeds it.
    pub(super) fn target(&self) -> Target {
        Target {
            name: "collect".to_owned(),
            sink: Box::new(Collect(self.clone())),
            not_null: Vec::new(),
            bounded: Vec::new(),
        }
    }

    /// The head of a streaming result, before its first row is there.
    pub(super) fn begin(&self) -> Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.batch || std::mem::replace(&mut state.started, true) {
            return Ok(());
        }
        let head = state.streaming_head();
        state.print(&head).map_err(broken)
    }

    /// The footer; `None` stands for a failure.
    pub(super) fn finish(&self, end: Option<JobEnd>) -> Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.finish(end).map_err(broken)
    }
}

impl State {
    fn row(&mut self, kind: &str, cells: Vec<String>) -> std::io::Result<()> {
        self.rows += 1;
        if self.batch {
            self.held.push(cells);
            return Ok(());
        }
        let mut text = String::new();
        if !std::mem::replace(&mut self.started, true) {
            text = self.streaming_head();
        }
        text.push_str("| ");
        text.push_str(kind);
        text.push(' ');
        line(&mut text, &cells, &self.widths);
        self.print(&text)
    }

    fn streaming_head(&self) -> String {
        let mut text = rule_with_op(&self.widths);
        text.push_str("| op ");
        line(&mut text, &self.header, &self.widths);
        text.push_str(&rule_with_op(&self.widths));
        text
    }

    fn finish(&mut self, end: Option<JobEnd>) -> std::io::Result<()> {
        // Flink prints nothing below the rows of a query that failed, and one line below those of one that was stopped.
        match end {
            None => return Ok(()),
            Some(JobEnd::Drained) => {
                let (rows, plural) = (self.rows, plural(self.rows));
                return self
                    .print(&format!("Query terminated, received a total of {rows} row{plural}\n"));
            }
            Some(JobEnd::Finished) => {}
        }
        if self.rows == 0 && !self.started {
            return self.print("Empty set\n");
        }
        let mut text;
        if self.batch {
            text = table_body(&self.header, &self.held, &self.widths);
            text.push_str(&format!("{} row{} in set\n", self.rows, plural(self.rows)));
        } else {
            text = rule_with_op(&self.widths);
            text.push_str(&format!("Received a total of {} row{}\n", self.rows, plural(self.rows)));
        }
        self.print(&text)
    }

    fn print(&self, text: &str) -> std::io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

/// A table whose widths follow its content, with the number of rows.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return "Empty set\n".to_owned();
    }
    let widest = |(at, name): (usize, &&str)| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| width(cell)).max();
        cells.unwrap_or(0).max(name.encode_utf16().count())
    };
    let widths: Vec<usize> = header.iter().enumerate().map(widest).collect();
    let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
    let count = rows.len() as u64;
    format!("{}{count} row{} in set\n", table_body(&header, rows, &widths), plural(count))
}

fn table_body(header: &[String], rows: &[Vec<String>], widths: &[usize]) -> String {
    let rule = rule(widths);
    let mut text = rule.clone();
    line(&mut text, header, widths);
    text.push_str(&rule);
    rows.iter().for_each(|row| line(&mut text, row, widths));
    text.push_str(&rule);
    text
}

fn rule(widths: &[usize]) -> String {
    let mut text = String::from("+");
    for width in widths {
        text.push_str(&"-".repeat(width + 2));
        text.push('+');
    }
    text.push('\n');
    text
}

fn rule_with_op(widths: &[usize]) -> String {
    format!("+----{}", rule(widths))
}

/// `| a | b |` and a line break; cells are right-aligned.
fn line(text: &mut String, cells: &[String], widths: &[usize]) {
    for (cell, columns) in cells.iter().zip(widths) {
        text.push_str("| ");
        put_cell(cell, *columns, text);
        text.push(' ');
    }
    text.push_str("|\n");
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Width of a column by its type (`TableauStyle.columnWidthsByType`), `most` where the type says nothing of it.
fn type_width(data_type: &DataType, most: usize) -> usize {
    let values = match &data_type.kind {
        Kind::TinyInt => 4,
        Kind::SmallInt => 6,
        Kind::Int => 11,
        Kind::BigInt => 20,
        Kind::Decimal { precision, .. } => usize::from(*precision) + 2,
        Kind::Date => 10,
        Kind::Time(0) => 8,
        Kind::Time(p) => usize::from(*p) + 9,
        Kind::Timestamp(0) | Kind::TimestampLtz(0) => 19,
        // Room for three, six or nine digits of the second.
        Kind::Timestamp(p) | Kind::TimestampLtz(p) => usize::from(p.next_multiple_of(3)) + 20,
        Kind::Boolean => 5,
        _ => most,
    };
    // NOT NULL columns have room for NULL, too.
    values.max(NULL.len())
}

#[derive(Clone)]
struct Collect(Printer);

impl std::fmt::Debug for Collect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Collect")
    }
}

impl Sink for Collect {
    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    fn writer(&mut self, _: usize, _: usize, _: Waker) -> Result<Box<dyn Writer>> {
        Ok(Box::new(Immediate::new(CollectWriter(self.0.clone()))))
    }
}

struct CollectWriter(Printer);

impl WriteNow for CollectWriter {
    fn write(&mut self, batch: &Batch, _errors: &mut RowErrors) -> Result<u64> {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let types = state.types.clone();
        let columns = batch.columns.iter().zip(&types);
        let columns: Vec<TextWriter<'_>> =
            columns.map(|(c, t)| TextWriter::for_console(c.as_ref(), t, state.zone)).collect();
        for row in 0..batch.rows {
            let cell = |column: &TextWriter<'_>| {
                let mut text = String::new();
                if column.write(row, &mut text) { text } else { NULL.to_owned() }
            };
            let cells = columns.iter().map(cell).collect();
            state.row(batch.kind(row).short(), cells).map_err(broken)?;
        }
        Ok(0)
    }
}

fn broken(error: std::io::Error) -> Error {
    Error::new(ErrorKind::External, format!("cannot print: {error}"))
}
