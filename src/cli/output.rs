//! Standard output of scripts, whose reader may have seen enough.

use super::signals::{stdout_closed, watch_stdout};
use crate::exec::JobControl;
use std::io::{ErrorKind, Result, Write};

/// Standard output. When its other end is closed, that acts as a first INT: the jobs drain and commit, and what they
/// still print goes nowhere. From the first use on that is noticed without further output, too: who will write flushes.
#[derive(Debug)]
pub(super) struct Output<W> {
    inner: W,
    control: JobControl,
    watched: bool,
    closed: bool,
}

impl<W: Write> Output<W> {
    /// Writes to `inner`, and drains `control` when that is closed.
    pub(super) fn new(inner: W, control: JobControl) -> Output<W> {
        Output { inner, control, watched: false, closed: false }
    }

    fn watch(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.watched, true) {
            return Ok(());
        }
        let control = self.control.clone();
        watch_stdout(move || stdout_closed(&control))
    }

    fn unless_closed(&mut self, result: Result<()>) -> Result<()> {
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                stdout_closed(&self.control);
                Ok(())
            }
            other => other,
        }
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if !self.closed {
            self.watch()?;
            let written = self.inner.write_all(bytes);
            self.unless_closed(written)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        if self.closed {
            return Ok(());
        }
        self.watch()?;
        let flushed = self.inner.flush();
        self.unless_closed(flushed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_closed_pipe_drains_and_other_errors_stay_errors() {
        let control = JobControl::new();
        let mut full = Output::new(Failing(ErrorKind::StorageFull), control.clone());
        assert!(full.write_all(b"row").is_err() && !control.is_draining());
        let mut closed = Output::new(Failing(ErrorKind::BrokenPipe), control.clone());
        closed.write_all(b"row").unwrap();
        assert!(control.is_draining());
        closed.write_all(b"row").and_then(|()| closed.flush()).unwrap();
    }
}
