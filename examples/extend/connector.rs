//! A connector, named in scripts by `'connector' = 'lines'`: reads the lines of a text that an option holds, or appends
//! lines to a file. Columns are STRING.

use brooklet::base::{Error, ErrorKind, Result};
use brooklet::options::{Opt, OptKind};
use brooklet::table::{
    Boundedness, CommitDomain, Connector, Discovered, Enumerator, Guarantee, Immediate, JobContext,
    Polled, Position, Progress, Reader, ScanFacts, ScanName, ScanRequest, Sink, SinkRequest,
    Source, SourceStats, Split, TableContext, Waker, WriteNow, Writer,
};
use brooklet::types::{Batch, Column, RowErrors, SplitId};

use arrow_array::cast::AsArray;
use arrow_array::{Array, StringViewArray};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

const TEXT: Opt =
    Opt::new("lines.text", OptKind::String, "One row a line, with commas between columns.");

const FILE: Opt = Opt::new("lines.file", OptKind::String, "File that written rows are added to.");

/// The connector.
#[derive(Debug)]
pub(crate) struct Lines;

impl Connector for Lines {
    fn identifier(&self) -> &'static str {
        "lines"
    }

    fn options(&self) -> &'static [Opt] {
        &[TEXT, FILE]
    }

    fn source(&self, context: &TableContext<'_>, scan: ScanRequest) -> Result<Box<dyn Source>> {
        context.options.supports(self.options());
        let text = context.options.required(&TEXT)?;
        let rows = text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
        Ok(Box::new(LineSource { rows: Arc::new(rows), columns: scan.columns }))
    }

    fn sink(&self, context: &TableContext<'_>, request: SinkRequest) -> Result<Box<dyn Sink>> {
        context.options.supports(self.options());
        let path = context.options.required(&FILE)?;
        let mut columns = request.columns.iter().filter_map(|at| context.table.columns.get(*at));
        match columns.find(|column| !column.data_type.kind.is_string()) {
            None => Ok(Box::new(LineSink { path })),
            Some(column) => Err(Error::new(
                ErrorKind::Schema,
                format!("column '{}' of {} is no STRING", column.name, context.table.subject()),
            )),
        }
    }
}

type Rows = Arc<Vec<Vec<String>>>;

#[derive(Debug)]
struct LineSource {
    rows: Rows,
    columns: Vec<usize>,
}

impl LineSource {
    fn split(&self) -> Split {
        let id = SplitId { name: "lines".into(), index: 0 };
        Split { id: Arc::new(id), start: Position::at(0), end: None }
    }
}

impl Source for LineSource {
    fn boundedness(&self) -> Boundedness {
        Boundedness::Bounded
    }

    fn applies_predicate(&self) -> bool {
        false
    }

    fn enumerator(&mut self, _: Waker) -> Result<Box<dyn Enumerator>> {
        Ok(Box::new(OneSplit { split: self.split(), found: false }))
    }

    fn reader(&mut self, _worker: usize, _: Waker) -> Result<Box<dyn Reader>> {
        let (rows, columns) = (Arc::clone(&self.rows), self.columns.clone());
        Ok(Box::new(LineReader { rows, columns, split: None, ended: None }))
    }

    fn facts(&self, name: ScanName) -> ScanFacts {
        let reads = Arc::new(|_: &SplitId| true);
        ScanFacts { name, source: "lines".to_owned(), reads, lag_group: None }
    }

    fn resumes(&self) -> bool {
        false
    }

    fn commit_domain(
        &mut self,
        _: &JobContext,
        _: &ScanName,
        _: Waker,
    ) -> Result<Option<Box<dyn CommitDomain>>> {
        Ok(None)
    }
}

/// The text is one split.
#[derive(Debug)]
struct OneSplit {
    split: Split,
    found: bool,
}

impl Enumerator for OneSplit {
    fn start(&mut self, restored: Option<&Progress>) -> Result<()> {
        let at = restored.and_then(|progress| progress.positions.get(&*self.split.id));
        self.split.start = at.copied().unwrap_or(self.split.start);
        Ok(())
    }

    fn poll(&mut self, _now: Duration) -> Result<Option<Discovered>> {
        if std::mem::replace(&mut self.found, true) {
            return Ok(None);
        }
        let added = vec![self.split.clone()];
        Ok(Some(Discovered { added, complete: true, ..Discovered::default() }))
    }

    fn next_deadline(&self) -> Option<Duration> {
        None
    }
}

#[derive(Debug)]
struct LineReader {
    rows: Rows,
    columns: Vec<usize>,
    split: Option<Split>,
    ended: Option<Arc<SplitId>>,
}

impl Reader for LineReader {
    fn assign(&mut self, splits: Vec<Split>) -> Result<()> {
        self.split = splits.into_iter().next();
        Ok(())
    }

    fn revoke(&mut self, _: &[SplitId]) {
        self.split = None;
    }

    /// All rows at once, then the end.
    fn poll(&mut self, _now: Duration, _: &mut RowErrors) -> Result<Polled> {
        if let Some(split) = self.split.take() {
            let first = usize::try_from(split.start.offset).unwrap_or(0);
            let rows = self.rows.get(first..).unwrap_or_default();
            let column = |at: &usize| {
                let values = rows.iter().map(|row| row.get(*at).map(String::as_str));
                Arc::new(values.collect::<StringViewArray>()) as Column
            };
            self.ended = Some(split.id);
            return Ok(Polled::Data(Batch::append(
                rows.len(),
                self.columns.iter().map(column).collect(),
            )));
        }
        Ok(self.ended.take().map_or(Polled::Idle, Polled::Ended))
    }

    fn positions(&self, _: &mut Vec<(Arc<SplitId>, Position)>) {}

    fn next_deadline(&self) -> Option<Duration> {
        None
    }

    fn stats(&self) -> SourceStats {
        SourceStats::default()
    }
}

#[derive(Debug)]
struct LineSink {
    path: String,
}

impl Sink for LineSink {
    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    /// What a sink opens it opens here: a table that is only checked must leave no trace.
    fn writer(&mut self, _: usize, _: usize, _: Waker) -> Result<Box<dyn Writer>> {
        let file = OpenOptions::new().create(true).append(true).open(&self.path);
        let file = file.map_err(|error| cannot_write(&self.path, &error))?;
        Ok(Box::new(Immediate::new(LineWriter { path: self.path.clone(), file })))
    }
}

/// Writes each batch before it takes the next one: that is what [`Immediate`] makes a [`Writer`] of.
#[derive(Debug)]
struct LineWriter {
    path: String,
    file: File,
}

impl WriteNow for LineWriter {
    fn write(&mut self, batch: &Batch, errors: &mut RowErrors) -> Result<u64> {
        let columns: Vec<&StringViewArray> =
            batch.columns.iter().filter_map(|column| column.as_string_view_opt()).collect();
        let mut text = String::new();
        for row in 0..batch.rows {
            if columns.iter().any(|column| column.is_null(row)) {
                errors.push(row, || "a line has no NULL".to_owned());
                continue;
            }
            let cells: Vec<&str> = columns.iter().map(|column| column.value(row)).collect();
            text.push_str(&cells.join(","));
            text.push('\n');
        }
        self.file.write_all(text.as_bytes()).map_err(|error| cannot_write(&self.path, &error))?;
        Ok(text.len() as u64)
    }
}

fn cannot_write(path: &str, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::External, format!("cannot write '{path}': {error}"))
}
