//! Cutting a stream of chunks into lines with bounded memory.

use crate::base::{Error, ErrorKind};
use crate::cli::cluster::Failure;

/// Lines that end with a line feed; the last one may lack it.
#[derive(Debug)]
pub(super) struct Lines {
    /// The start of a line whose end has not come yet.
    carry: Vec<u8>,
    max_bytes: usize,
    number: u64,
}

impl Lines {
    /// Lines of at most `max_bytes`.
    pub(super) fn new(max_bytes: usize) -> Lines {
        Lines { carry: Vec::new(), max_bytes, number: 0 }
    }

    /// Gives out the lines that end in `chunk`, without copying those that lie in it whole.
    pub(super) fn feed(
        &mut self,
        chunk: &[u8],
        mut line: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', chunk) {
            let piece = chunk.get(start..end).unwrap_or_default();
            start = end + 1;
            if self.carry.is_empty() {
                self.check(piece.len())?;
                line(piece)?;
            } else {
                self.check(self.carry.len() + piece.len())?;
                self.carry.extend_from_slice(piece);
                line(&self.carry)?;
                self.carry.clear();
            }
            self.number += 1;
        }
        let rest = chunk.get(start..).unwrap_or_default();
        self.check(self.carry.len() + rest.len())?;
        self.carry.extend_from_slice(rest);
        Ok(())
    }

    /// Gives out the last line if it lacks a line feed.
    pub(super) fn finish(
        &mut self,
        mut line: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.carry.is_empty() {
            return Ok(());
        }
        line(&std::mem::take(&mut self.carry))
    }

    fn check(&self, bytes: usize) -> Result<(), Failure> {
        if bytes <= self.max_bytes {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Data,
            format!(
                "line {} is longer than max.request.size = {}",
                self.number + 1,
                self.max_bytes
            ),
        )
        .with_hint("raise it with -X max.request.size=BYTES, and max.message.bytes of the topic")
        .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(chunks: &[&str], max: usize) -> Result<Vec<String>, Failure> {
        let (mut lines, mut out) = (Lines::new(max), Vec::new());
        let mut keep = |line: &[u8]| {
            out.push(String::from_utf8_lossy(line).into_owned());
            Ok(())
        };
        for chunk in chunks {
            lines.feed(chunk.as_bytes(), &mut keep)?;
        }
        lines.finish(&mut keep)?;
        Ok(out)
    }

    #[test]
    fn chunks_do_not_matter() {
        let text = "a\n\nbcd\r\nlast";
        let expected = ["a", "", "bcd\r", "last"];
        assert_eq!(cut(&[text], 99).unwrap(), expected);
        for at in 0..text.len() {
            let (left, right) = text.split_at(at);
            assert_eq!(cut(&[left, right], 99).unwrap(), expected, "{at}");
        }
        assert_eq!(cut(&["a\n"], 99).unwrap(), ["a"]);
        assert!(cut(&[], 99).unwrap().is_empty());
    }

    #[test]
    fn a_line_that_is_too_long_is_named() {
        for chunks in [&["ok\nabcde\n"][..], &["ok\nab", "cde\n"], &["ok\nab", "cd", "e"]] {
            match cut(chunks, 4) {
                Err(Failure::Error(error)) => {
                    assert!(error.message().starts_with("line 2 "), "{error}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
