//! The text that statements come from: one script, or all that a shell has read so far.

use super::render::{self, Excerpt};
use crate::base::{Error, Span};

/// Texts one behind the other, so that an error may point into a statement that was read earlier: a table's options are
/// checked when the table is used.
#[derive(Debug, Default)]
pub(super) struct Source {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    name: String,
    start: usize,
}

impl Source {
    /// Adds a text whose lines count from 1; gives the place where it begins.
    pub(super) fn add(&mut self, name: &str, text: &str) -> usize {
        let start = self.text.len();
        self.parts.push(Part { name: name.to_owned(), start });
        self.extend(text);
        start
    }

    /// Adds to the last text.
    pub(super) fn extend(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Everything.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The text of an error, with the lines that it points at.
    pub(super) fn explain(&self, error: &Error, colour: bool) -> String {
        let excerpt = error.span().and_then(|span| self.excerpt(span));
        render::error(error, excerpt.as_ref(), colour)
    }

    fn excerpt(&self, span: Span) -> Option<Excerpt<'_>> {
        let at = self.parts.partition_point(|part| part.start <= span.start as usize);
        let part = self.parts.get(at.checked_sub(1)?)?;
        let end = self.parts.get(at).map_or(self.text.len(), |next| next.start);
        Some(Excerpt { name: &part.name, text: self.text.get(..end)?, first_line: part.start })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ErrorKind;

    #[test]
    fn an_error_points_into_the_text_it_is_about() {
        let mut source = Source::default();
        source.add("init.sql", "SET 'a' = 'b';\n");
        assert_eq!(source.add("shell", "SELECT\n  x;"), 15);
        let of = |start, end| {
            let error = Error::new(ErrorKind::Schema, "no").at(Span::new(start, end));
            source.explain(&error, false)
        };
        assert_eq!(of(24, 25), "error: no\n  --> shell:2:3\n   |\n 2 |   x;\n   |   ^\n");
        assert!(of(4, 7).contains("init.sql:1:5"), "{}", of(4, 7));
        assert!(of(900, 901).contains("shell:2:5"), "{}", of(900, 901));
    }
}
