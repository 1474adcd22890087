//! Options of the format (Flink's `CsvFormatOptions`).

use crate::base::Result;
use crate::options::{Opt, OptKind, OptionReader};
use crate::types::java_text::escaped;

const FIELD_DELIMITER: Opt = Opt::new(
    "field-delimiter",
    OptKind::String,
    "The character between fields. Java's escapes work: `\\t`, `\\u0001`.",
)
.default(",");

const DISABLE_QUOTE_CHARACTER: Opt = Opt::new(
    "disable-quote-character",
    OptKind::Bool,
    "Whether fields are never quoted; excludes `quote-character`.",
)
.default("false");

const QUOTE_CHARACTER: Opt =
    Opt::new("quote-character", OptKind::String, "The character around quoted fields.")
        .default("\"");

const ALLOW_COMMENTS: Opt = Opt::new(
    "allow-comments",
    OptKind::Bool,
    "Whether lines that start with `#` are skipped. A record of comments only cannot be read; see \
     `ignore-parse-errors`.",
)
.default("false");

const IGNORE_PARSE_ERRORS: Opt = Opt::new(
    "ignore-parse-errors",
    OptKind::Bool,
    "Whether fields and records that cannot be read are skipped: fields become NULL, records are dropped. Both are \
     counted.",
)
.default("false");

const ARRAY_ELEMENT_DELIMITER: Opt = Opt::new(
    "array-element-delimiter",
    OptKind::String,
    "The character between the elements of an ARRAY or ROW.",
)
.default(";");

const ESCAPE_CHARACTER: Opt = Opt::new(
    "escape-character",
    OptKind::String,
    "The character that takes the meaning from the next one. None by default.",
);

const NULL_LITERAL: Opt =
    Opt::new("null-literal", OptKind::String, "The text that stands for NULL. None by default.");

const SCIENTIFIC: Opt = Opt::new(
    "write-bigdecimal-in-scientific-notation",
    OptKind::Bool,
    "Whether DECIMALs are written shortest, 100000 as `1E+5`. Unset is false, as Flink really does it.",
);

/// All options of the format.
pub(super) const OPTIONS: &[Opt] = &[
    FIELD_DELIMITER,
    DISABLE_QUOTE_CHARACTER,
    QUOTE_CHARACTER,
    ALLOW_COMMENTS,
    IGNORE_PARSE_ERRORS,
    ARRAY_ELEMENT_DELIMITER,
    ESCAPE_CHARACTER,
    NULL_LITERAL,
    SCIENTIFIC,
];

/// The options, read.
#[derive(Clone, Debug)]
pub(super) struct CsvOptions {
    pub(super) delimiter: char,
    pub(super) quote: Option<char>,
    pub(super) comments: bool,
    pub(super) ignore_parse_errors: bool,
    pub(super) element_delimiter: char,
    pub(super) escape: Option<char>,
    pub(super) null_literal: Option<String>,
    pub(super) scientific: bool,
}

impl CsvOptions {
    /// Reads and checks them.
    pub(super) fn read(options: &OptionReader<'_>) -> Result<CsvOptions> {
        options.supports(OPTIONS);
        let disabled = options.bool(&DISABLE_QUOTE_CHARACTER)?;
        if disabled && options.is_set(&QUOTE_CHARACTER) {
            return Err(options.invalid(
                &QUOTE_CHARACTER,
                "Format cannot define a quote character and disabled quote character at the same time",
            ));
        }
        let quote = one(options, &QUOTE_CHARACTER, false)?;
        Ok(CsvOptions {
            delimiter: one(options, &FIELD_DELIMITER, true)?.unwrap_or(','),
            quote: quote.filter(|_| !disabled),
            comments: options.bool(&ALLOW_COMMENTS)?,
            ignore_parse_errors: options.bool(&IGNORE_PARSE_ERRORS)?,
            element_delimiter: one(options, &ARRAY_ELEMENT_DELIMITER, false)?.unwrap_or(';'),
            escape: one(options, &ESCAPE_CHARACTER, false)?,
            null_literal: options.string(&NULL_LITERAL),
            scientific: options.bool(&SCIENTIFIC)?,
        })
    }
}

/// An option of a single character (one UTF-16 unit, as Java counts).
fn one(options: &OptionReader<'_>, opt: &Opt, unescape: bool) -> Result<Option<char>> {
    let Some(text) = options.string(opt) else { return Ok(None) };
    let text = if unescape { unescape_java(&text) } else { text };
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(character), None) if character.len_utf16() == 1 => Ok(Some(character)),
        _ => Err(options.invalid(opt, "must be a string with single character")),
    }
}

/// `StringEscapeUtils.unescapeJava`.
fn unescape_java(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut symbols = after.chars();
        rest = match symbols.next() {
            Some('u') => {
                let digits = after.trim_start_matches('u').trim_start_matches('+');
                let code = digits.get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
                match code.and_then(char::from_u32) {
                    Some(character) => {
                        out.push(character);
                        digits.get(4..).unwrap_or("")
                    }
                    None => after,
                }
            }
            Some('0'..='7') => {
                let first_max = if after.starts_with(['0', '1', '2', '3']) { 3 } else { 2 };
                let digits = after
                    .bytes()
                    .take(first_max)
                    .take_while(|digit| (b'0'..=b'7').contains(digit))
                    .count();
                let (digits, tail) = after.split_at_checked(digits).unwrap_or(("", after));
                let code = u32::from_str_radix(digits, 8).ok().and_then(char::from_u32);
                out.extend(code);
                tail
            }
            Some(other) => {
                out.push(escaped(other));
                symbols.as_str()
            }
            None => "",
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_have_javas_escapes() {
        for (text, value) in [
            (",", ","),
            ("\\t", "\t"),
            ("\\u0001", "\u{1}"),
            ("\\uuu0041b", "Ab"),
            ("\\1", "\u{1}"),
            ("\\101", "A"),
            ("\\\\", "\\"),
            ("\\'", "'"),
            ("|", "|"),
        ] {
            assert_eq!(unescape_java(text), value);
        }
    }
}
