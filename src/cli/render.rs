//! Errors as people read them: what, where, and what would fix it.

use crate::base::{Error, LineIndex};
use std::fmt::Write as _;

/// Columns of a source line that are shown around the place.
const LINE_SHOWN_MAX: usize = 160;

/// The text of an error. With its script at hand the place is shown with the line and a caret:
///
/// ```text
/// error: unknown option 'scan.startup.mod' for table 'orders' (connector 'kafka')
///   --> job.sql:7:3
///    |
///  7 |   'scan.startup.mod' = 'earliest-offset',
///    |   ^^^^^^^^^^^^^^^^^^
/// hint: did you mean 'scan.startup.mode'? Supported options: …
/// ```
pub(super) fn error(error: &Error, script: Option<(&str, &str)>) -> String {
    let mut text = format!("error: {error}\n");
    if let (Some(span), Some((name, source))) = (error.span(), script) {
        let index = LineIndex::new(source);
        let (line, column) = index.line_column(source, span.start);
        let (end_line, end_column) = index.line_column(source, span.end);
        let shown: String = index.line_text(source, line).chars().take(LINE_SHOWN_MAX).collect();
        let width = shown.chars().count();
        let end = if end_line == line { end_column } else { width + 1 };
        let carets = end.saturating_sub(column).clamp(1, width.saturating_sub(column - 1).max(1));
        let number = line.to_string();
        let gutter = " ".repeat(number.len());
        let pad: String =
            shown.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        // Writing to a String cannot fail.
        let _: std::fmt::Result = writeln!(text, " {gutter}--> {name}:{line}:{column}");
        let _: std::fmt::Result = writeln!(text, " {gutter} |");
        let _: std::fmt::Result = writeln!(text, " {number} | {shown}");
        let _: std::fmt::Result = writeln!(text, " {gutter} | {pad}{}", "^".repeat(carets));
    }
    if let Some(hint) = error.hint() {
        let _: std::fmt::Result = writeln!(text, "hint: {hint}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ErrorKind, Span};

    #[test]
    fn the_place_is_shown_with_a_caret() {
        let source = "SELECT 1;\nSELECT  nope";
        let problem = Error::new(ErrorKind::Schema, "column 'nope' not found")
            .at(Span::new(18, 22))
            .with_hint("there are no columns");
        assert_eq!(
            error(&problem, Some(("job.sql", source))),
            "error: column 'nope' not found\n  --> job.sql:2:9\n   |\n 2 | SELECT  nope\n   |         ^^^^\n\
             hint: there are no columns\n"
        );
    }

    #[test]
    fn a_place_past_the_end_is_harmless() {
        let problem = Error::new(ErrorKind::Syntax, "unexpected end").at(Span::new(900, 950));
        assert!(error(&problem, Some(("a", "x"))).contains("a:1:2"));
    }
}
