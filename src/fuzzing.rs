//! Entry points of the fuzz targets and of the replay of their corpus.
//!
//! Each takes any bytes and may only return; a panic is a finding.

use crate::sql::{ToSql, is_complete, parse_script, parse_statement};

/// A script: parsing never fails otherwise than with an error inside the text, and what was parsed
/// prints to text that parses to the same.
///
/// # Panics
/// When it does not.
pub fn sql_parse(data: &[u8]) {
    let source = String::from_utf8_lossy(data);
    std::hint::black_box(is_complete(&source));
    for parsed in parse_script(&source) {
        assert!(source.get(parsed.span.start as usize..parsed.span.end as usize).is_some());
        match parsed.result {
            Err(error) => {
                let range = error.span.start as usize..error.span.end as usize;
                assert!(source.get(range).is_some(), "{error:?} points outside of the text");
            }
            Ok(statement) => {
                let printed = statement.to_sql();
                let again = parse_statement(&printed);
                let same = again.as_ref().is_ok_and(|again| shape(again) == shape(&statement));
                assert!(same, "{statement:?}\nis printed as\n{printed}\nwhich is\n{again:?}");
            }
        }
    }
}

/// The debug text of a syntax tree without its positions, which are `@1..5`.
pub(crate) fn shape(node: &impl std::fmt::Debug) -> String {
    let text = format!("{node:?}");
    let mut parts = text.split('@');
    let mut shape = parts.next().unwrap_or("").to_owned();
    for part in parts {
        shape.push('@');
        shape.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.'));
    }
    shape
}
