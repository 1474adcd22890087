//! Positions in source text.

use std::fmt;

/// A half-open range of byte offsets into a source text.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    /// The range `start..end`.
    #[must_use]
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// The smallest range that holds both.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The empty range at the end of this one.
    #[must_use]
    pub const fn after(self) -> Self {
        Self { start: self.end, end: self.end }
    }

    /// Length in bytes.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.end.saturating_sub(self.start)
    }

    /// Whether the range holds no byte.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// The text of this range, or `""` where the range does not fit the text.
    #[must_use]
    pub fn text(self, source: &str) -> &str {
        source.get(self.start as usize..self.end as usize).unwrap_or("")
    }
}

/// Short, so that a syntax tree stays readable in a failed assertion.
impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}..{}", self.start, self.end)
    }
}

/// Line starts of a text: many look-ups at logarithmic cost.
#[derive(Debug, Clone)]
pub struct LineIndex {
    /// Offset of the first byte of every line; the first is 0.
    starts: Vec<u32>,
}

impl LineIndex {
    /// Finds the lines of `text`; a line ends after `\n`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self::new_from(text, 0)
    }

    /// The same with line 1 beginning at byte `from`; what stands before it counts to line 1.
    #[must_use]
    pub fn new_from(text: &str, from: usize) -> Self {
        let tail = text.get(from..).unwrap_or("");
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let breaks = memchr::memchr_iter(b'\n', tail.as_bytes());
        let after_breaks = breaks.map(|at| place(from.saturating_add(at).saturating_add(1)));
        Self { starts: std::iter::once(place(from)).chain(after_breaks).collect() }
    }

    /// Line and column of a byte offset in the text this index was built of; both count from 1,
    /// columns in characters. An offset past the end is the position after the last character.
    #[must_use]
    pub fn line_column(&self, text: &str, offset: u32) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0) as usize;
        let rest = text.get(start..).unwrap_or("");
        let column = rest.char_indices().take_while(|(i, _)| start + i < offset as usize).count();
        (line, column + 1)
    }

    /// The text of a line (counted from 1) without its line break.
    #[must_use]
    pub fn line_text<'a>(&self, text: &'a str, line: usize) -> &'a str {
        let Some(start) = line.checked_sub(1).and_then(|i| self.starts.get(i)) else { return "" };
        let rest = text.get(*start as usize..).unwrap_or("");
        rest.lines().next().unwrap_or("")
    }
}

/// Line and column of one byte offset; see [`LineIndex::line_column`].
#[must_use]
pub fn line_column(text: &str, offset: u32) -> (usize, usize) {
    LineIndex::new(text).line_column(text, offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        let text = "ä b\r\n\nxyz";
        for (offset, expected) in [
            (0, (1, 1)),
            (2, (1, 2)),
            (3, (1, 3)),
            (6, (2, 1)),
            (7, (3, 1)),
            (9, (3, 3)),
            (10, (3, 4)),
            (99, (3, 4)),
        ] {
            assert_eq!(line_column(text, offset), expected, "offset {offset}");
        }
        let index = LineIndex::new(text);
        assert_eq!(
            [0, 1, 2, 3, 4].map(|line| index.line_text(text, line)),
            ["", "ä b", "", "xyz", ""]
        );
    }

    #[test]
    fn lines_may_count_from_the_middle() {
        let text = "first\nsecond\nthird";
        let index = LineIndex::new_from(text, 6);
        assert_eq!(index.line_column(text, 8), (1, 3));
        assert_eq!(index.line_column(text, 14), (2, 2));
        assert_eq!(index.line_text(text, 2), "third");
    }

    #[test]
    fn a_span_outside_the_text_is_empty_text() {
        assert_eq!(Span::new(1, 3).text("abc"), "bc");
        assert_eq!(Span::new(1, 9).text("abc"), "");
        assert_eq!(Span::new(0, 1).text("ä"), "");
        assert_eq!(Span::new(4, 6).join(Span::new(1, 5)), Span::new(1, 6));
    }
}
