//! The text that statements come from: one script, or all that a shell has read so far.

use super::render::{self, Excerpt};
use crate::base::{Error, Span};
use crate::sql::secret_places;
use std::cell::OnceCell;

/// Texts one behind the other, so that an error may point into a statement that was read earlier: a table's options are
/// checked when the table is used.
#[derive(Debug, Default)]
pub(super) struct Source {
    text: String,
    parts: Vec<Part>,
    /// The text as errors may show it, made for the first one.
    masked: OnceCell<String>,
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
        self.masked.take();
    }

    /// Everything.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The text of an error, with the lines that it points at; values of secret options in them are masked.
    pub(super) fn explain(&self, error: &Error, colour: bool) -> String {
        let masked = self.masked.get_or_init(|| masked(&self.text));
        let excerpt = error.span().and_then(|span| self.excerpt(span, masked));
        render::error(error, excerpt.as_ref(), colour)
    }

    fn excerpt<'a>(&'a self, span: Span, text: &'a str) -> Option<Excerpt<'a>> {
        let at = self.parts.partition_point(|part| part.start <= span.start as usize);
        let part = self.parts.get(at.checked_sub(1)?)?;
        let end = self.parts.get(at).map_or(text.len(), |next| next.start);
        Some(Excerpt { name: &part.name, text: text.get(..end)?, first_line: part.start })
    }
}

/// The text with every byte of its secrets replaced: places and lines stay where they are.
fn masked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for secret in secret_places(text) {
        shown.push_str(text.get(from..secret.start).unwrap_or(""));
        for c in text.get(secret.clone()).unwrap_or("").chars() {
            match c {
                '\n' | '\r' | '\'' => shown.push(c),
                _ => shown.push_str(&"*".repeat(c.len_utf8())),
            }
        }
        from = secret.end;
    }
    shown.push_str(text.get(from..).unwrap_or(""));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ErrorKind;

    #[test]
    fn secrets_are_masked_where_a_line_is_shown() {
        let mut source = Source::default();
        let text = "CREATE TABLE t (a INT) WITH ('x.password' = 'hüsh\nhush', 'b' = 'c')";
        source.add("a.sql", text);
        assert_eq!(masked(text).len(), text.len());
        for at in [0, u32::try_from(text.find("'b'").unwrap()).unwrap()] {
            let error = Error::new(ErrorKind::Option, "no").at(Span::new(at, at + 1));
            let shown = source.explain(&error, false);
            assert!(!shown.contains("sh"), "{shown}");
        }
        assert!(masked(text).contains("'*****\n****', 'b' = 'c'"), "{}", masked(text));
    }

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
