//! Errors as people read them: what, where, and what would fix it.

use crate::base::{Error, LineIndex};
use std::fmt::Write as _;

/// Characters of a source line that are shown; a longer line is cut on both sides of the place.
const LINE_SHOWN_MAX: usize = 160;

/// Characters that are shown before the place where a line is cut.
const SHOWN_BEFORE: usize = 60;

/// Where the text of an error's place is found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Excerpt<'a> {
    /// Name of the script.
    pub(super) name: &'a str,
    /// The text that spans count in.
    pub(super) text: &'a str,
    /// Byte where line 1 begins.
    pub(super) first_line: usize,
}

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
pub(super) fn error(error: &Error, excerpt: Option<&Excerpt<'_>>, colour: bool) -> String {
    let paint = |code: &str, text: &str| match colour {
        true => format!("\x1b[{code}m{text}\x1b[0m"),
        false => text.to_owned(),
    };
    let mut text = format!("{} {error}\n", paint("1;31", "error:"));
    if let (Some(span), Some(excerpt)) = (error.span(), excerpt) {
        let index = LineIndex::new_from(excerpt.text, excerpt.first_line);
        let (line, column) = index.line_column(excerpt.text, span.start);
        let (end_line, end_column) = index.line_column(excerpt.text, span.end);
        let whole: Vec<char> = index.line_text(excerpt.text, line).chars().collect();
        let cut = if whole.len() > LINE_SHOWN_MAX {
            (column - 1).saturating_sub(SHOWN_BEFORE)
        } else {
            0
        };
        let shown: Vec<char> = whole.iter().skip(cut).take(LINE_SHOWN_MAX).copied().collect();
        let end = if end_line == line { end_column } else { whole.len() + 1 };
        let room = shown.len().saturating_sub(column - 1 - cut).max(1);
        let carets = end.saturating_sub(column).clamp(1, room);
        let number = line.to_string();
        let gutter = " ".repeat(number.len());
        let pad: String = shown
            .iter()
            .take(column - 1 - cut)
            .map(|c| if *c == '\t' { '\t' } else { ' ' })
            .collect();
        let (before, after) = (
            if cut > 0 { "…" } else { "" },
            if cut + shown.len() < whole.len() { "…" } else { "" },
        );
        let indent = if cut > 0 { " " } else { "" };
        let shown: String = shown.iter().collect();
        let name = excerpt.name;
        // Writing to a String cannot fail.
        let _: std::fmt::Result = writeln!(text, " {gutter}--> {name}:{line}:{column}");
        let _: std::fmt::Result = writeln!(text, " {gutter} |");
        let _: std::fmt::Result =
            writeln!(text, "{}", format!(" {number} | {before}{shown}{after}").trim_end());
        let marks = paint("31", &"^".repeat(carets));
        let _: std::fmt::Result = writeln!(text, " {gutter} | {indent}{pad}{marks}");
    }
    if let Some(hint) = error.hint() {
        let _: std::fmt::Result = writeln!(text, "{} {hint}", paint("1;36", "hint:"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ErrorKind, Span};

    fn shown(problem: &Error, name: &str, text: &str) -> String {
        error(problem, Some(&Excerpt { name, text, first_line: 0 }), false)
    }

    #[test]
    fn the_place_is_shown_with_a_caret() {
        let source = "SELECT 1;\nSELECT  nope";
        let problem = Error::new(ErrorKind::Schema, "column 'nope' not found")
            .at(Span::new(18, 22))
            .with_hint("there are no columns");
        assert_eq!(
            shown(&problem, "job.sql", source),
            "error: column 'nope' not found\n  --> job.sql:2:9\n   |\n 2 | SELECT  nope\n   |         ^^^^\n\
             hint: there are no columns\n"
        );
    }

    #[test]
    fn a_place_past_the_end_is_harmless() {
        let problem = Error::new(ErrorKind::Syntax, "unexpected end").at(Span::new(900, 950));
        assert!(shown(&problem, "a", "x").contains("a:1:2"));
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let source = format!("SELECT {} nope, {}", "a, ".repeat(300), "b, ".repeat(300));
        let at = u32::try_from(source.find("nope").unwrap()).unwrap();
        let problem = Error::new(ErrorKind::Schema, "no").at(Span::new(at, at + 4));
        let text = shown(&problem, "a", &source);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[3].starts_with(" 1 | …") && lines[3].ends_with('…'), "{text}");
        let place = lines[4].chars().position(|c| c == '^').unwrap();
        let marked: String = lines[3].chars().skip(place).take(4).collect();
        assert_eq!(
            (marked.as_str(), lines[4].trim_end().ends_with("^^^^")),
            ("nope", true),
            "{text}"
        );
    }

    #[test]
    fn colours_frame_the_words_only() {
        let problem = Error::new(ErrorKind::Data, "no").with_hint("yes");
        assert_eq!(
            error(&problem, None, true),
            "\u{1b}[1;31merror:\u{1b}[0m no\n\u{1b}[1;36mhint:\u{1b}[0m yes\n"
        );
    }
}
