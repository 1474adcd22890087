//! `print`: one line per row, on standard output or standard error, as Flink's `PrintTableSinkFactory`.

use crate::base::{Error, ErrorKind, Result};
use crate::options::{Opt, OptKind};
use crate::table::{
    Connector, Guarantee, Immediate, ScanRequest, Sink, SinkRequest, Source, Spread, TableContext,
    Waker, WriteNow, Writer,
};
use crate::types::java_map::hash;
use crate::types::{Batch, ChangelogMode, DataType, RowErrors, write_row, write_value};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

const IDENTIFIER: Opt = Opt::new("print-identifier", OptKind::String, "Prefix of every line.");
const STANDARD_ERROR: Opt =
    Opt::new("standard-error", OptKind::Bool, "Print to standard error.").default("false");
const PARALLELISM: Opt = Opt::new("sink.parallelism", OptKind::Int, "Parallelism of the sink.");

/// Where printed rows go; a program may give its own.
pub type Out = Arc<Mutex<dyn std::io::Write + Send>>;

/// The connector.
pub struct Print {
    stdout: Out,
    stderr: Out,
}

impl std::fmt::Debug for Print {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Print")
    }
}

impl Default for Print {
    fn default() -> Print {
        Print::to(Arc::new(Mutex::new(std::io::stdout())), Arc::new(Mutex::new(std::io::stderr())))
    }
}

impl Print {
    /// Prints to the given outputs instead of the process's own.
    pub fn to(stdout: Out, stderr: Out) -> Print {
        Print { stdout, stderr }
    }
}

impl Connector for Print {
    fn identifier(&self) -> &'static str {
        "print"
    }

    fn options(&self) -> &'static [Opt] {
        &[IDENTIFIER, STANDARD_ERROR, PARALLELISM]
    }

    fn sink_changelog(&self, _context: &TableContext<'_>) -> Result<ChangelogMode> {
        Ok(ChangelogMode::ALL)
    }

    fn writes_partitions(&self) -> bool {
        true
    }

    fn writes_metadata(&self) -> bool {
        false
    }

    fn source(&self, context: &TableContext<'_>, _scan: ScanRequest) -> Result<Box<dyn Source>> {
        Err(Error::new(
            ErrorKind::Schema,
            format!("{} can only be written to, not read", context.table.subject()),
        ))
    }

    fn sink(&self, context: &TableContext<'_>, request: SinkRequest) -> Result<Box<dyn Sink>> {
        let options = context.options;
        let parallelism = match options.long(&PARALLELISM)? {
            None => None,
            Some(n) => {
                let n = usize::try_from(n).ok().filter(|n| *n > 0);
                Some(n.ok_or_else(|| options.invalid(&PARALLELISM, "expected a number from 1"))?)
            }
        };
        let spread = Spread::new(parallelism, &request, context.table)?;
        let key = |at: &usize| {
            let column = context.table.columns.get(*at);
            column.is_some_and(|column| context.table.primary_key.contains(&column.name))
        };
        let key = (0..request.columns.len()).filter(|at| request.columns.get(*at).is_some_and(key));
        let key = key.collect();
        let out = if options.bool(&STANDARD_ERROR)? { &self.stderr } else { &self.stdout };
        let types = request
            .columns
            .iter()
            .filter_map(|at| context.table.columns.get(*at))
            .map(|column| column.data_type.clone())
            .collect();
        let identifier = options.string(&IDENTIFIER).unwrap_or_default();
        Ok(Box::new(PrintSink { out: Arc::clone(out), identifier, spread, key, types }))
    }
}

struct PrintSink {
    out: Out,
    identifier: String,
    spread: Spread,
    /// Columns of the PRIMARY KEY.
    key: Vec<usize>,
    types: Vec<DataType>,
}

impl std::fmt::Debug for PrintSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrintSink").field("identifier", &self.identifier).finish()
    }
}

impl Sink for PrintSink {
    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    fn writer(&mut self, worker: usize, _: usize, _: Waker) -> Result<Box<dyn Writer>> {
        // Whoever reads is watched from here on, not from the first row.
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.flush().map_err(broken)?;
        drop(out);
        // What stands before the number of the instance, where there are several.
        let prefix = match (self.identifier.as_str(), self.spread.instances() > 1) {
            ("", _) => String::new(),
            (id, false) => format!("{id}> "),
            (id, true) => format!("{id}:"),
        };
        Ok(Box::new(Immediate::new(PrintWriter {
            out: Arc::clone(&self.out),
            prefix,
            spread: self.spread.clone(),
            worker,
            key: self.key.clone(),
            types: self.types.clone(),
            text: String::new(),
        })))
    }
}

struct PrintWriter {
    out: Out,
    prefix: String,
    spread: Spread,
    worker: usize,
    key: Vec<usize>,
    types: Vec<DataType>,
    text: String,
}

impl WriteNow for PrintWriter {
    fn write(&mut self, batch: &Batch, _errors: &mut RowErrors) -> Result<u64> {
        self.text.clear();
        let key = |row: usize| {
            let mut text = String::new();
            for at in &self.key {
                if let (Some(column), Some(data_type)) =
                    (batch.columns.get(*at), self.types.get(*at))
                {
                    write_value(&mut text, column, data_type, row);
                    text.push('\n');
                }
            }
            hash(text.as_bytes())
        };
        let instance = self.spread.taker(self.worker, batch.rows, key);
        for row in 0..batch.rows {
            self.text.push_str(&self.prefix);
            if self.spread.instances() > 1 {
                let _ = write!(self.text, "{}> ", instance(row) + 1);
            }
            write_row(&mut self.text, batch.kind(row), &batch.columns, &self.types, row);
            self.text.push('\n');
        }
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(self.text.as_bytes()).map_err(broken)?;
        Ok(self.text.len() as u64)
    }

    fn flush(&mut self) -> Result<()> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).flush().map_err(broken)
    }
}

fn broken(error: std::io::Error) -> Error {
    Error::new(ErrorKind::External, format!("cannot print: {error}"))
}

#[cfg(test)]
mod tests {
    use crate::expr::{Scalar, spread};
    use crate::types::{Kind, write_value};

    #[test]
    fn values_print_as_javas_objects() {
        let decimal = Kind::Decimal { precision: 38, scale: 18 };
        let half_past = 1_735_601_400_000_000_000;
        for (kind, scalar, text) in [
            (decimal.clone(), Scalar::Decimal(0), "0E-18"),
            (decimal.clone(), Scalar::Decimal(-1), "-1E-18"),
            (decimal, Scalar::Decimal(500_000_000_000_000_000), "0.500000000000000000"),
            (Kind::Timestamp(3), Scalar::Timestamp(half_past), "2024-12-30T23:30"),
            (Kind::TimestampLtz(3), Scalar::Timestamp(half_past), "2024-12-30T23:30:00Z"),
            (Kind::TimestampLtz(3), Scalar::Timestamp(1_000_000), "1970-01-01T00:00:00.001Z"),
            (Kind::Time(0), Scalar::Time(43_200_000), "12:00"),
            (Kind::Binary(2), Scalar::Bytes(vec![0, 255]), "[0, -1]"),
        ] {
            let data_type = kind.nullable();
            let mut out = String::new();
            write_value(&mut out, &spread(&scalar, &data_type, 1), &data_type, 0);
            assert_eq!(out, text);
        }
    }
}
