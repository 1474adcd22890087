//! Regular expressions, in Java's syntax ([`crate::java_regex`]). Flink answers NULL or FALSE for a pattern that Java cannot
//! compile.

use super::signature::{STRING, fixed, nullable};
use super::split::{text_lists, texts};
use super::text::within_limit;
use super::{Call, Function, Param};
use crate::java_regex::{JavaRegex, PatternError};
use crate::types::{Column, Kind};
use std::cell::RefCell;
use std::collections::HashMap;

use Param::{Int, Text};

/// Compiled patterns that a thread keeps; where data brings more, they are compiled again.
const COMPILED_MAX: usize = 64;

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
                with_regex(pattern, |regex| {
                    let mut last = 0;
                    for found in regex.matches(text) {
                        let found = found?;
                        out.push_str(&text[last..found.start]);
                        out.push_str(with);
                        last = found.end;
                        within_limit(out.len())?;
                    }
                    out.push_str(&text[last..]);
                    Ok(())
                })
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
                with_regex(pattern, |regex| {
                    regex.matches(text).try_fold(0, |count, found| found.map(|_| count + 1))
                })
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
                    if group >= regex.groups() {
                        return Ok(None);
                    }
                    for found in regex.matches(text) {
                        let part = regex.group_at(text, found?.start, group)?;
                        out.push(part.map(str::to_owned));
                    }
                    Ok(Some(()))
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
                with_regex(pattern, |regex| {
                    Ok(match regex.find_at(text, 0)? {
                        // Java counts UTF-16 units.
                        Some(found) => text[..found.start].encode_utf16().count() as i32 + 1,
                        None => 0,
                    })
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
                    Ok(regex.find_at(text, 0)?.map(|found| out.push_str(&text[found])))
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
            let (mut last, mut regex) = (None, String::new());
            call.bools(|row| {
                let (Some(text), Some(pattern)) = (text.get(row), pattern.get(row)) else {
                    return Ok(None);
                };
                let escape = escape.get(row).and_then(|escape| escape.chars().next());
                if last != Some((pattern, escape)) {
                    (last, regex) = (Some((pattern, escape)), similar_to_regex(pattern, escape));
                }
                with_regex(&regex, |regex| regex.is_match(text))
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
            if group >= regex.groups() {
                return Ok(None);
            }
            Ok(regex.group_at(text, 0, group)?.map(|part| out.push_str(part)))
        })?;
        Ok(found.flatten())
    })
}

thread_local! {
    static COMPILED: RefCell<HashMap<String, Option<JavaRegex>>> = RefCell::new(HashMap::new());
}

/// Runs `f` with the compiled pattern; `None` where the pattern is no regular expression, as Flink goes on with NULL or
/// FALSE then.
fn with_regex<T>(
    pattern: &str,
    f: impl FnOnce(&JavaRegex) -> Result<T, String>,
) -> Result<Option<T>, String> {
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(known) = compiled.get(pattern) {
            return known.as_ref().map(f).transpose();
        }
        if compiled.len() >= COMPILED_MAX {
            compiled.clear();
        }
        let regex = match JavaRegex::new(pattern) {
            Ok(regex) => Some(regex),
            Err(PatternError::Invalid(_)) => None,
            Err(PatternError::Unsupported(what)) => return Err(what),
        };
        let new = compiled.entry(pattern.to_owned()).or_insert(regex);
        new.as_ref().map(f).transpose()
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
        for found in regex.matches(text) {
            let found = found?;
            // An empty match at the start makes no part.
            if found.end > 0 && (found.start < text.len() || !found.is_empty()) {
                parts.push(text.get(start..found.start).unwrap_or_default());
                start = found.end;
            }
        }
        parts.push(text.get(start..).unwrap_or_default());
        Ok(parts)
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
        for found in regex.matches(text) {
            let found = found?;
            if found.end > 0 {
                let splits = found.start < text.len() || !found.is_empty();
                let parts = text.get(..found.start).zip(text.get(found.end..));
                return Ok(parts.filter(|_| splits));
            }
        }
        Ok(None)
    })
}

fn delimiting<T>(
    delimiter: &str,
    f: impl FnOnce(&JavaRegex) -> Result<T, String>,
) -> Result<T, String> {
    let result = with_regex(delimiter, f)?;
    result.ok_or_else(|| format!("the delimiter '{delimiter}' is no regular expression"))
}

/// SIMILAR TO: `%` and `_` as in LIKE, `. | * + ? {} () []` as in regular expressions.
fn similar_to_regex(pattern: &str, escape: Option<char>) -> String {
    let mut out = String::from(r"(?s)\A(?:");
    let mut chars = pattern.chars();
    let mut in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '[' if in_class => {
                // `[:ALPHA:]` and the like.
                let rest = chars.as_str();
                match rest.strip_prefix(':').and_then(|rest| rest.split_once(":]")) {
                    Some((name, rest)) => {
                        out.push_str(&posix_class(name));
                        chars = rest.chars();
                    }
                    None => out.push('['),
                }
            }
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
                    if !next.is_ascii_alphanumeric() {
                        out.push('\\');
                    }
                    out.push(next);
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
    out.push_str(r")\z");
    out
}

/// A class of SIMILAR TO under the name that Java has for it.
fn posix_class(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let mut letters = name.chars();
    match (name.as_str(), letters.next()) {
        ("whitespace", _) => r"\s".to_owned(),
        (_, Some(first)) => format!(r"\p{{{}{}}}", first.to_ascii_uppercase(), letters.as_str()),
        (_, None) => String::new(),
    }
}
