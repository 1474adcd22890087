//! Results as Flink's SQL client prints them in `tableau` mode.

use super::job::Target;
use super::session::Out;
use crate::base::{Error, ErrorKind, Result};
use crate::exec::JobEnd;
use crate::expr::Expr;
use crate::plan::Rel;
use crate::table::{Epoch, Guarantee, Sink, SinkStats, Waker, Writer, WriterStatus};
use crate::types::{Batch, DataType, Field, Kind, RowErrors, Schema};
use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Widest column (Flink's `sql-client.display.max-column-width`).
const COLUMN_WIDTH_MAX: usize = 30;

/// What NULL looks like.
const NULL: &str = "<NULL>";

/// Prints the rows of one query.
#[derive(Clone)]
pub(super) struct Printer(Arc<Mutex<State>>);

struct State {
    out: Out,
    batch: bool,
    header: Vec<String>,
    widths: Vec<usize>,
    /// Rows held back in batch mode, where the widths follow the content.
    held: Vec<Vec<String>>,
    rows: u64,
    started: bool,
}

/// A printer for a plan, and the plan with every column as text.
pub(super) fn printer(rel: Rel, out: Out, batch: bool) -> (Printer, Rel) {
    let fields = rel.schema().fields;
    let header = fields.iter().map(|field| field.name.clone()).collect();
    let widths = fields.iter().map(|f| width(&f.name).max(type_width(&f.data_type.kind))).collect();
    let texts = fields
        .iter()
        .enumerate()
        .map(|(at, field)| {
            let column = Expr::column(at, field.data_type.clone());
            Expr::cast(column, Kind::VarChar(Kind::STRING_LENGTH), false)
        })
        .collect::<Vec<_>>();
    let schema = Schema::new(
        fields.iter().map(|field| Field::new(field.name.clone(), DataType::string())).collect(),
    );
    let rel = Rel::Project { input: Box::new(rel), expressions: texts, schema };
    let state = State { out, batch, header, widths, held: Vec::new(), rows: 0, started: false };
    (Printer(Arc::new(Mutex::new(state))), rel)
}

impl Printer {
    /// The sink that feeds it.
    pub(super) fn target(&self, _columns: &[(String, DataType)]) -> Target {
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
        line(&mut text, &cells, &self.widths);
        self.print(&text)
    }

    fn streaming_head(&self) -> String {
        let mut text = rule_with_op(&self.widths);
        text.push_str("| op");
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
        if !self.batch {
            let mut text = String::new();
            if !self.started {
                text.push_str(&self.streaming_head());
            }
            text.push_str(&rule_with_op(&self.widths));
            text.push_str(&format!("Received a total of {} row{}\n", self.rows, plural(self.rows)));
            return self.print(&text);
        }
        if self.held.is_empty() {
            return self.print("Empty set\n");
        }
        let header: Vec<&str> = self.header.iter().map(String::as_str).collect();
        let mut text = table_body(&header, &self.held, COLUMN_WIDTH_MAX);
        text.push_str(&format!("{} row{} in set\n", self.rows, plural(self.rows)));
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
    let count = rows.len() as u64;
    format!("{}{count} row{} in set\n", table_body(header, rows, usize::MAX), plural(count))
}

/// Cells longer than `width_max` characters are cut.
fn table_body(header: &[&str], rows: &[Vec<String>], width_max: usize) -> String {
    let widths: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let widest = rows.iter().filter_map(|row| row.get(at)).map(|cell| width(cell)).max();
            widest.unwrap_or(0).min(width_max).max(width(name))
        })
        .collect();
    let rule = rule(&widths);
    let mut text = rule.clone();
    let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
    for row in std::iter::once(&header).chain(rows) {
        let mut cells = String::new();
        line(&mut cells, row, &widths);
        // The first cell has no separator of its own before it.
        text.push_str(cells.trim_start());
        if std::ptr::eq(row, &raw const header) {
            text.push_str(&rule);
        }
    }
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

/// ` | a | b |` and a line break; cells are right-aligned.
fn line(text: &mut String, cells: &[String], widths: &[usize]) {
    for (cell, column) in cells.iter().zip(widths) {
        let shown = shortened(cell, *column);
        text.push_str(" | ");
        text.push_str(&" ".repeat(column.saturating_sub(width(&shown))));
        text.push_str(&shown);
    }
    text.push_str(" |\n");
}

fn shortened(cell: &str, column: usize) -> String {
    if width(cell) <= column {
        return cell.to_owned();
    }
    let head: String = cell.chars().take(column.saturating_sub(3)).collect();
    format!("{head}...")
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Widths by type in streaming mode (Flink's `TableauStyle`).
fn type_width(kind: &Kind) -> usize {
    match kind {
        Kind::TinyInt => 4,
        Kind::SmallInt => 6,
        Kind::Int => 11,
        Kind::BigInt => 20,
        Kind::Decimal { precision, .. } => usize::from(*precision) + 2,
        Kind::Date => 10,
        Kind::Time(0) => 8,
        Kind::Time(p) => usize::from(*p) + 9,
        Kind::Timestamp(0) | Kind::TimestampLtz(0) => 19,
        Kind::Timestamp(p) | Kind::TimestampLtz(p) => usize::from(*p) + 20,
        Kind::Boolean => 7,
        _ => COLUMN_WIDTH_MAX,
    }
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
        Ok(Box::new(CollectWriter { printer: self.0.clone(), epoch: 0, rows: 0 }))
    }
}

struct CollectWriter {
    printer: Printer,
    epoch: Epoch,
    rows: u64,
}

impl std::fmt::Debug for CollectWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CollectWriter")
    }
}

impl Writer for CollectWriter {
    fn write(&mut self, batch: &Batch, _errors: &mut RowErrors) -> Result<()> {
        let mut state = self.printer.0.lock().unwrap_or_else(PoisonError::into_inner);
        for row in 0..batch.rows {
            let cell = |column: &crate::types::Column| match column.as_string_view_opt() {
                Some(texts) if texts.is_valid(row) => texts.value(row).to_owned(),
                _ => NULL.to_owned(),
            };
            let cells = batch.columns.iter().map(cell).collect();
            state.row(batch.kind(row).short(), cells).map_err(broken)?;
        }
        self.rows += batch.rows as u64;
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    fn barrier(&mut self, epoch: Epoch) -> Result<()> {
        self.epoch = epoch;
        Ok(())
    }

    fn poll(&mut self, _now: Duration) -> Result<WriterStatus> {
        Ok(WriterStatus { acknowledged: self.epoch, ready: true, wake_at: None })
    }

    fn stats(&self) -> SinkStats {
        SinkStats { records: self.rows, bytes: 0 }
    }
}

fn broken(error: std::io::Error) -> Error {
    Error::new(ErrorKind::External, format!("cannot print: {error}"))
}
