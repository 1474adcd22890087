//! Lines of `kafka-produce` and `kafka-expect`, and when two lines mean the same.

use super::file::{Field, Records};
use crate::support::Rec;
use std::fmt::Write as _;

/// The record that a line stands for.
pub(super) fn parse(line: &str, options: &Records) -> Result<Rec, String> {
    let mut record = Rec {
        partition: options.partition.unwrap_or(0),
        timestamp: options.timestamp,
        ..Rec::default()
    };
    let parts: Vec<&str> = match options.fields[..] {
        [_] => vec![line],
        _ => line.split('\t').collect(),
    };
    if parts.len() != options.fields.len() {
        return Err(format!("{} fields in '{line}'", parts.len()));
    }
    for (field, part) in options.fields.iter().zip(parts) {
        match field {
            Field::Partition => {
                record.partition = part.parse().map_err(|e| format!("{part}: {e}"))?;
            }
            Field::Timestamp => {
                record.timestamp = Some(part.parse().map_err(|e| format!("{part}: {e}"))?);
            }
            Field::Key => record.key = bytes(part, options.escapes)?,
            Field::Value => record.value = bytes(part, options.escapes)?,
            Field::Headers => {
                for header in part.split(';').filter(|header| !header.is_empty()) {
                    let (name, value) = header.split_once('=').ok_or("a header needs '='")?;
                    record.headers.push((name.to_owned(), bytes(value, options.escapes)?));
                }
            }
        }
    }
    Ok(record)
}

/// The line of a record.
pub(super) fn print(record: &Rec, options: &Records) -> String {
    let bytes = |bytes: &Option<Vec<u8>>| match options.escapes {
        true => escape(bytes.as_deref()),
        false => String::from_utf8_lossy(bytes.as_deref().unwrap_or(br"\N without 'escapes'"))
            .into_owned(),
    };
    let parts: Vec<String> = options
        .fields
        .iter()
        .map(|field| match field {
            Field::Partition => record.partition.to_string(),
            Field::Timestamp => record.timestamp.unwrap_or(-1).to_string(),
            Field::Key => bytes(&record.key),
            Field::Value => bytes(&record.value),
            Field::Headers => {
                let headers = record.headers.iter();
                headers.map(|(n, v)| format!("{n}={}", bytes(v))).collect::<Vec<_>>().join(";")
            }
        })
        .collect();
    parts.join("\t")
}

/// The one way to write an escaped line, so that lines can be compared as text.
pub(super) fn normal(line: &str, options: &Records) -> Result<String, String> {
    if options.escapes {
        parse(line, options).map(|record| print(&record, options))
    } else {
        Ok(line.to_owned())
    }
}

fn bytes(text: &str, escapes: bool) -> Result<Option<Vec<u8>>, String> {
    match text {
        _ if !escapes => return Ok(Some(text.as_bytes().to_vec())),
        r"\N" => return Ok(None),
        r"\e" => return Ok(Some(Vec::new())),
        _ => {}
    }
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.extend_from_slice(before.as_bytes());
        let mut chars = after.chars();
        match chars.next() {
            Some('\\') => out.push(b'\\'),
            Some('t') => out.push(b'\t'),
            Some('n') => out.push(b'\n'),
            Some('r') => out.push(b'\r'),
            Some('x') => {
                let digits = after.get(1..3).ok_or("two digits after \\x")?;
                out.push(u8::from_str_radix(digits, 16).map_err(|e| format!("\\x{digits}: {e}"))?);
                chars = after[3..].chars();
            }
            other => return Err(format!("unknown escape {other:?} in '{text}'")),
        }
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(Some(out))
}

fn escape(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return r"\N".to_owned() };
    if bytes.is_empty() {
        return r"\e".to_owned();
    }
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str(r"\\"),
                '\t' => out.push_str(r"\t"),
                '\n' => out.push_str(r"\n"),
                '\r' => out.push_str(r"\r"),
                c if c.is_ascii_control() => write!(out, "\\x{:02x}", u32::from(c)).unwrap(),
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02x}").unwrap();
        }
    }
    out
}

/// Whether two lines say the same: equal text, or text that differs in how the same binary fraction is written
/// (Java before 19 does not write the shortest digits). Decimals have no such freedom, nor has text in quotes.
pub(super) fn same(expected: &str, actual: &str) -> bool {
    let (mut left, mut right) = (tokens(expected), tokens(actual));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a == b || same_number(a, b) => {}
            _ => return false,
        }
    }
}

/// Numbers outside of quotes, and what is between them.
fn tokens(line: &str) -> impl Iterator<Item = &str> {
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
    let mut rest = line;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let number = first.is_ascii_digit() || first == '-';
        let end = if number {
            rest.find(|c| !is_number(c)).unwrap_or(rest.len())
        } else if first == '"' {
            quoted(rest)
        } else {
            let stop = |c: char| c.is_ascii_digit() || matches!(c, '-' | '"');
            rest[first.len_utf8()..].find(stop).map_or(rest.len(), |i| i + first.len_utf8())
        };
        let (token, after) = rest.split_at(end);
        rest = after;
        Some(token)
    })
}

/// Length of the JSON text that `rest` starts with.
fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (index, c) in rest.char_indices().skip(1) {
        match c {
            '"' if !escaped => return index + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    rest.len()
}

fn same_number(a: &str, b: &str) -> bool {
    let fraction = |text: &str| text.contains(['.', 'e', 'E']);
    let (Ok(x), Ok(y)) = (a.parse::<f64>(), b.parse::<f64>()) else { return false };
    let exponent = a.contains(['e', 'E']) || b.contains(['e', 'E']);
    let zeros = |text: &str| text.trim_end_matches('0').trim_end_matches('.').to_owned();
    fraction(a) && fraction(b) && x.to_bits() == y.to_bits() && (exponent || zeros(a) != zeros(b))
}

#[test]
fn escapes_stand_for_bytes() {
    let options = Records { fields: vec![Field::Value], escapes: true, ..Records::default() };
    for line in [r"plain", r"\N", r"\e", r"\xff\xfe bad", r"a\\b\t\n\r", r"\x00\x01", "é😀"] {
        assert_eq!(normal(line, &options).unwrap(), line);
    }
    assert_eq!(normal(r"caf\xc3\xa9", &options).unwrap(), "café");
    assert_eq!(parse(r"\x41", &options).unwrap().value.unwrap(), b"A");
    assert!(parse(r"\q", &options).is_err());
    assert!(parse(r"\x4", &options).is_err());
}

#[test]
fn fields_are_split_at_tabs() {
    let fields = vec![Field::Partition, Field::Key, Field::Headers, Field::Value];
    let options = Records { fields, escapes: true, ..Records::default() };
    let line = "2\tk\ta=1;b=\\N\tv\\tw";
    let record = parse(line, &options).unwrap();
    assert_eq!(record.partition, 2);
    assert_eq!(record.headers, [("a".to_owned(), Some(b"1".to_vec())), ("b".to_owned(), None)]);
    assert_eq!(record.text(), "v\tw");
    assert_eq!(print(&record, &options), line);
    assert!(parse("2\tk", &options).is_err());
}

#[test]
fn only_doubles_may_be_written_differently() {
    for (a, b) in [
        (r#"{"v":2.0E-3}"#, r#"{"v":0.002}"#),
        (r#"{"v":1.0E10}"#, r#"{"v":1.0E+10}"#),
        (r#"{"v":2.2250738585072014E-308}"#, r#"{"v":2.2250738585072014e-308}"#),
        ("|  2.0E-3 |", "|  0.002 |"),
    ] {
        assert!(same(a, b), "{a} {b}");
    }
    for (a, b) in [
        (r#"{"v":12.30}"#, r#"{"v":12.3}"#),
        (r#"{"v":"2.0E-3"}"#, r#"{"v":"0.002"}"#),
        (r#"{"v":9223372036854775807}"#, r#"{"v":9223372036854775806}"#),
        (r#"{"v":1}"#, r#"{"v":1.0}"#),
        (r#"{"v":-0.0}"#, r#"{"v":0.0}"#),
        (r#"{"v":1.5}"#, r#"{"v":1.5,"w":1}"#),
        (r#"{"a\"":1.0E1}"#, r#"{"b\"":1.0E1}"#),
    ] {
        assert!(!same(a, b), "{a} {b}");
    }
}
