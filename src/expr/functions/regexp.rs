//! Regular expressions. Java's syntax is read by a matcher of linear time: look-around and back-references, which it
//! has no form for, fail with a text that says so (Flink answers NULL or FALSE for a pattern that it cannot compile).

use super::misc::{text_lists, texts};
use super::signature::{STRING, fixed, nullable};
use super::text::within_limit;
use super::{Call, Function, Param};
use crate::types::{Column, Kind};
use regex::Regex;
use std::cell::RefCell;
use std::collections::HashMap;

use Param::{Int, Text};

/// Compiled patterns that a thread keeps; where data brings more, they are compiled again.
const COMPILED_MAX: usize = 64;

/// Bytes of one compiled pattern: nested counted repetitions would take all memory otherwise.
const COMPILED_BYTES_MAX: usize = 4 << 20;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "REGEXP(string, regex)",
        "Whether a part of the text matches; FALSE for an empty pattern.",
        |args| fixed(args, &[Text, Text], 2, Kind::Boolean),
        |call| {
            let (text, pattern) = (call.text(0), call.text(1));
            call.bools(|row| {
                let (Some(text), Some(pattern)) = (text.get(row), pattern.get(row)) else {
                    return Ok(None);
                };
                if pattern.is_empty() {
                    return Ok(Some(false));
                }
                let matched = with_regex(pattern, |regex| regex.is_match(text))?;
                Ok(Some(matched.unwrap_or(false)))
            })
        },
    )
    .can_fail(),
    Function::new(
        "REGEXP_EXTRACT(string, regex [, group])",
        "The first match, or a group of it; NULL where nothing matches.",
        |args| nullable(fixed(args, &[Text, Text, Int], 2, STRING)),
        extract,
    )
    .can_fail(),
    Function::new(
        "REGEXP_REPLACE(string, regex, replacement)",
        "Every match replaced by the text as it stands.",
        |args| fixed(args, &[Text, Text, Text], 3, STRING),
        |call| {
            let (text, pattern, with) = (call.text(0), call.text(1), call.text(2));
            call.strings(|row, out| {
                let (Some(text), Some(pattern), Some(with)) =
                    (text.get(row), pattern.get(row), with.get(row))
                else {
                    return Ok(None);
                };
                let replaced = with_regex(pattern, |regex| {
                    let mut last = 0;
                    for found in Matches::new(regex, text) {
                        out.push_str(&text[last..found.start]);
                        out.push_str(with);
                        last = found.end;
                        within_limit(out.len())?;
                    }
                    out.push_str(&text[last..]);
                    Ok(())
                });
                replaced?.transpose()
            })
        },
    )
    .can_fail(),
    Function::new(
        "REGEXP_COUNT(string, regex)",
        "The number of matches.",
        |args| nullable(fixed(args, &[Text, Text], 2, Kind::Int)),
        |call| {
            let (text, pattern) = (call.text(0), call.text(1));
            call.values::<arrow_array::types::Int32Type>(|row| {
                let (Some(text), Some(pattern)) = (text.get(row), pattern.get(row)) else {
                    return Ok(None);
                };
                with_regex(pattern, |regex| Matches::new(regex, text).count() as i32)
            })
        },
    )
    .can_fail(),
    Function::new(
        "REGEXP_EXTRACT_ALL(string, regex [, group])",
        "All matches, or group 1 (or another) of each, as an array; NULL for a pattern or group that does not exist.",
        |args| nullable(fixed(args, &[Text, Text, Int], 2, texts())),
        |call| {
            let (text, pattern, group) = (call.text(0), call.text(1), call.int(2));
            let has_group = call.has(2);
            text_lists(call, |row, out| {
                let (Some(text), Some(pattern)) = (text.get(row), pattern.get(row)) else {
                    return Ok(None);
                };
                let group = if has_group { group.get(row) } else { Some(1) };
                let Some(group) = group.and_then(|group| usize::try_from(group).ok()) else {
                    return Ok(None);
                };
                let found = with_regex(pattern, |regex| {
                    (group < regex.captures_len()).then_some(())?;
                    for found in Matches::new(regex, text) {
                        let captures = regex.captures_at(text, found.start);
                        let part = captures.as_ref().and_then(|captures| captures.get(group));
                        out.push(part.map(|part| part.as_str().to_owned()));
                    }
                    Some(())
                })?;
                Ok(found.flatten())
            })
        },
    )
    .can_fail(),
    Function::new(
        "REGEXP_INSTR(string, regex)",
        "Position of the first match, 0 where there is none.",
        |args| nullable(fixed(args, &[Text, Text], 2, Kind::Int)),
        |call| {
            let (text, pattern) = (call.text(0), call.text(1));
            call.values::<arrow_array::types::Int32Type>(|row| {
                let (Some(text), Some(pattern)) = (text.get(row), pattern.get(row)) else {
                    return Ok(None);
                };
                with_regex(pattern, |regex| match regex.find(text) {
                    // Java counts UTF-16 units.
                    Some(found) => text[..found.start()].encode_utf16().count() as i32 + 1,
                    None => 0,
                })
            })
        },
    )
    .can_fail(),
    Function::new(
        "REGEXP_SUBSTR(string, regex)",
        "The first match; NULL where there is none.",
        |args| nullable(fixed(args, &[Text, Text], 2, STRING)),
        |call| {
            let (text, pattern) = (call.text(0), call.text(1));
            call.strings(|row, out| {
                let (Some(text), Some(pattern)) = (text.get(row), pattern.get(row)) else {
                    return Ok(None);
                };
                let found = with_regex(pattern, |regex| {
                    regex.find(text).map(|found| out.push_str(found.as_str()))
                })?;
                Ok(found.flatten())
            })
        },
    )
    .can_fail(),
    Function::new(
        "$LIKE(string, pattern [, escape])",
        "LIKE with a pattern that is not constant.",
        |args| fixed(args, &[Text, Text, Text], 2, Kind::Boolean),
        |call| {
            let (text, pattern, escape) = (call.text(0), call.text(1), call.text(2));
            let has_escape = call.has(2);
            let mut last: Option<crate::expr::LikePattern> = None;
            call.bools(|row| {
                let (Some(text), Some(pattern)) = (text.get(row), pattern.get(row)) else {
                    return Ok(None);
                };
                let escape = escape.get(row);
                if has_escape && escape.is_none() {
                    return Ok(None);
                }
                let same = last.as_ref().is_some_and(|last| last.text() == pattern && !has_escape);
                if !same {
                    last = Some(crate::expr::LikePattern::new(pattern, escape)?);
                }
                Ok(last.as_ref().map(|like| like.matches(text)))
            })
        },
    )
    .can_fail(),
    Function::new(
        "$SIMILAR(string, pattern [, escape])",
        "SIMILAR TO.",
        |args| fixed(args, &[Text, Text, Text], 2, Kind::Boolean),
        |call| {
            let (text, pattern, escape) = (call.text(0), call.text(1), call.text(2));
            call.bools(|row| {
                let (Some(text), Some(pattern)) = (text.get(row), pattern.get(row)) else {
                    return Ok(None);
                };
                let escape = escape.get(row).and_then(|escape| escape.chars().next());
                let pattern = similar_to_regex(pattern, escape);
                with_regex(&pattern, |regex| regex.is_match(text))
            })
        },
    )
    .can_fail(),
];

fn extract(call: &mut Call<'_, '_>) -> Column {
    let (text, pattern, group) = (call.text(0), call.text(1), call.int(2));
    let has_group = call.has(2);
    call.strings(|row, out| {
        let (Some(text), Some(pattern)) = (text.get(row), pattern.get(row)) else {
            return Ok(None);
        };
        let group = if has_group { group.get(row) } else { Some(0) };
        let Some(group) = group.and_then(|group| usize::try_from(group).ok()) else {
            return Ok(None);
        };
        let found = with_regex(pattern, |regex| {
            let part = if group == 0 {
                regex.find(text)
            } else {
                regex.captures(text).and_then(|captures| captures.get(group))
            };
            part.map(|part| out.push_str(part.as_str()))
        })?;
        Ok(found.flatten())
    })
}

/// The matches that Java's `Matcher.find` gives one after another: an empty one may follow directly upon another.
struct Matches<'r, 't> {
    regex: &'r Regex,
    text: &'t str,
    next: Option<usize>,
}

impl<'r, 't> Matches<'r, 't> {
    fn new(regex: &'r Regex, text: &'t str) -> Matches<'r, 't> {
        Matches { regex, text, next: Some(0) }
    }
}

impl Iterator for Matches<'_, '_> {
    type Item = std::ops::Range<usize>;

    fn next(&mut self) -> Option<std::ops::Range<usize>> {
        let found = self.regex.find_at(self.text, self.next?)?.range();
        self.next = if found.is_empty() {
            let skipped = self.text.get(found.end..).and_then(|rest| rest.chars().next());
            skipped.map(|skipped| found.end + skipped.len_utf8())
        } else {
            Some(found.end)
        };
        Some(found)
    }
}

thread_local! {
    static COMPILED: RefCell<HashMap<String, Option<Regex>>> = RefCell::new(HashMap::new());
}

/// Runs `f` with the compiled pattern; `None` where the pattern is no regular expression, as Flink goes on with NULL or
/// FALSE then.
fn with_regex<T>(pattern: &str, f: impl FnOnce(&Regex) -> T) -> Result<Option<T>, String> {
    COMPILED.with_borrow_mut(|compiled| {
        if !compiled.contains_key(pattern) {
            if compiled.len() >= COMPILED_MAX {
                compiled.clear();
            }
            compiled.insert(pattern.to_owned(), compile(pattern)?);
        }
        Ok(compiled.get(pattern).and_then(Option::as_ref).map(f))
    })
}

/// `String.split`: the parts between matches, without empty ones at the end.
///
/// # Errors
/// The text says why the delimiter is no regular expression here.
pub(super) fn java_split<'t>(text: &'t str, delimiter: &str) -> Result<Vec<&'t str>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let mut parts = delimiting(delimiter, |regex| {
        let mut parts = Vec::new();
        let mut start = 0;
        for found in regex.find_iter(text) {
            // An empty match at the start makes no part.
            if found.end() > 0 && (found.start() < text.len() || !found.is_empty()) {
                parts.push(text.get(start..found.start()).unwrap_or_default());
                start = found.end();
            }
        }
        parts.push(text.get(start..).unwrap_or_default());
        parts
    })?;
    if parts.len() > 1 {
        let kept = parts.iter().rposition(|part| !part.is_empty()).map_or(0, |last| last + 1);
        parts.truncate(kept);
    }
    Ok(parts)
}

/// `String.split` into at most two parts; `None` where nothing is split.
///
/// # Errors
/// As of [`java_split`].
pub(super) fn java_split_once<'t>(
    text: &'t str,
    delimiter: &str,
) -> Result<Option<(&'t str, &'t str)>, String> {
    delimiting(delimiter, |regex| {
        let found = regex.find_iter(text).find(|found| found.end() > 0)?;
        (found.start() < text.len() || !found.is_empty())
            .then(|| Some((text.get(..found.start())?, text.get(found.end()..)?)))?
    })
}

fn delimiting<T>(delimiter: &str, f: impl FnOnce(&Regex) -> T) -> Result<T, String> {
    let result = with_regex(delimiter, f)?;
    result.ok_or_else(|| format!("the delimiter '{delimiter}' is no regular expression"))
}

/// Compiles a pattern as Java does by default; `None` where it is no regular expression.
///
/// # Errors
/// The text names what the pattern uses that this matcher has no form for.
fn compile(pattern: &str) -> Result<Option<Regex>, String> {
    let built =
        regex::RegexBuilder::new(&ascii_classes(pattern)).size_limit(COMPILED_BYTES_MAX).build();
    match built {
        Ok(regex) => Ok(Some(regex)),
        Err(regex::Error::CompiledTooBig(limit)) => Err(format!(
            "the regular expression '{pattern}' takes more than {limit} bytes when compiled"
        )),
        Err(error) => {
            let text = error.to_string();
            if text.contains("look-around") || text.contains("backreferences") {
                return Err(format!(
                    "the regular expression '{pattern}' uses look-around or back-references, which are not supported"
                ));
            }
            Ok(None)
        }
    }
}

/// Java's `\d`, `\w`, `\s` and `\b` mean ASCII; the crate's mean Unicode.
fn ascii_classes(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('d') => out.push_str(if in_class { "0-9" } else { "[0-9]" }),
                Some('w') => out.push_str(if in_class { "0-9A-Za-z_" } else { "[0-9A-Za-z_]" }),
                Some('s') => {
                    out.push_str(if in_class { r" \t\n\x0B\f\r" } else { r"[ \t\n\x0B\f\r]" });
                }
                Some('D') if !in_class => out.push_str("[^0-9]"),
                Some('W') if !in_class => out.push_str("[^0-9A-Za-z_]"),
                Some('S') if !in_class => out.push_str(r"[^ \t\n\x0B\f\r]"),
                Some('Z') if !in_class => out.push_str(r"\z"),
                Some(next) => {
                    out.push('\\');
                    out.push(next);
                }
                None => out.push('\\'),
            },
            '[' => {
                in_class = true;
                out.push(c);
            }
            ']' => {
                in_class = false;
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// SIMILAR TO: `%` and `_` as in LIKE, `. | * + ? {} () []` as in regular expressions.
fn similar_to_regex(pattern: &str, escape: Option<char>) -> String {
    let mut out = String::from("(?s)^(?:");
    let mut chars = pattern.chars();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            c if in_class => {
                in_class = c != ']';
                if c == '\\' {
                    out.push('\\');
                }
                out.push(c);
            }
            '[' => {
                in_class = true;
                out.push(c);
            }
            c if Some(c) == escape => {
                if let Some(next) = chars.next() {
                    out.push_str(&regex::escape(next.encode_utf8(&mut [0; 4])));
                }
            }
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '\\' | '^' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out.push_str(")$");
    out
}
