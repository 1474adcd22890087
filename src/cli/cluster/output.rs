//! Standard output of the subcommands: one buffer, written when it is full or when there is nothing more to wait for.

use super::Failure;
use crate::base::{Error, ErrorKind};
use std::io::{self, Write};

/// Bytes after which the buffer is written.
const FULL_BYTES: usize = 256 << 10;

/// Room a huge record may have grown the buffer to and that is kept.
const KEPT_BYTES: usize = 1 << 20;

/// A buffer in front of standard output.
#[derive(Debug)]
pub(in crate::cli) struct Output<W = io::Stdout> {
    /// What was not written yet; append here.
    pub(in crate::cli) buffer: Vec<u8>,
    target: W,
}

impl Output {
    /// Standard output.
    pub(in crate::cli) fn stdout() -> Output {
        Output { buffer: Vec::new(), target: io::stdout() }
    }
}

impl<W: Write> Output<W> {
    /// Writes the buffer if it is full.
    #[inline]
    pub(in crate::cli) fn spill(&mut self) -> Result<(), Failure> {
        if self.buffer.len() >= FULL_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes everything.
    pub(in crate::cli) fn flush(&mut self) -> Result<(), Failure> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let written = self.target.write_all(&self.buffer).and_then(|()| self.target.flush());
        self.buffer.clear();
        self.buffer.shrink_to(KEPT_BYTES);
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Stopped,
            _ => {
                Error::new(ErrorKind::External, format!("cannot write to standard output: {error}"))
                    .into()
            }
        })
    }
}

/// Writes a whole text to standard output.
pub(in crate::cli) fn print(text: String) -> Result<(), Failure> {
    let mut output = Output::stdout();
    output.buffer = text.into_bytes();
    output.flush()
}

/// Lines of a table, columns aligned by spaces: the first column to the left, the others to the right.
pub(in crate::cli) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            if at == 0 {
                line.push_str(&format!("{cell:<width$}"));
            } else {
                line.push_str(&format!("  {cell:>width$}"));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [["topic", "n"], ["orders", "12"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "topic    n\norders  12\n");
    }

    #[test]
    fn a_closed_pipe_is_not_an_error() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut output = Output { buffer: b"x".to_vec(), target: Closed };
        assert!(matches!(output.flush(), Err(Failure::Stopped)));
    }
}
