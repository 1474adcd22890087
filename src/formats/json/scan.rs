//! JSON's grammar over bytes: checks structure without making values.
//!
//! Differences from RFC 8259, as in Flink: control characters may stand unescaped in strings
//! (`ALLOW_UNESCAPED_CONTROL_CHARS`), and what follows the first value is not looked at.

use crate::base::first_of;
use crate::base::limits::JSON_DEPTH_MAX;
use crate::formats::rows::TokenKind;

/// Why a text is not JSON, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Byte in the record.
    pub(crate) at: usize,
    /// What was expected there.
    pub(crate) expected: &'static str,
}

impl Fault {
    /// The text of a message: what stands at the place, and what was expected.
    pub(crate) fn describe(self, record: &str) -> String {
        let found = match record.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(character) => format!("unexpected character '{}'", character.escape_debug()),
            None if self.at >= record.len() => "unexpected end of input".to_owned(),
            None => "unexpected byte".to_owned(),
        };
        format!("{found} at byte {}: expected {}", self.at, self.expected)
    }
}

/// A value that was scanned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scanned {
    /// Its kind.
    pub(crate) kind: TokenKind,
    /// One past its last byte.
    pub(crate) end: usize,
}

#[inline(always)]
pub(crate) fn byte(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// The next byte's position. Positions never exceed a slice's length, so that nothing wraps.
#[inline(always)]
pub(crate) fn next(at: usize) -> usize {
    at.wrapping_add(1)
}

#[cold]
pub(crate) fn fault<T>(at: usize, expected: &'static str) -> Result<T, Fault> {
    Err(Fault { at, expected })
}

/// Position of the next byte that is not white space.
#[inline(always)]
pub(crate) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(byte(bytes, at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at = next(at);
    }
    at
}

/// Start of the first value: after a byte order mark and white space.
pub(crate) fn start(bytes: &[u8]) -> usize {
    let at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    skip_space(bytes, at)
}

/// Scans the value that starts at `at`. `depth` counts the containers around it.
#[inline]
pub(crate) fn value(bytes: &[u8], at: usize, depth: usize) -> Result<Scanned, Fault> {
    match byte(bytes, at) {
        Some(b'"') => {
            let (quote, escaped) = string_end(bytes, next(at))?;
            let kind = if escaped { TokenKind::Escaped } else { TokenKind::String };
            Ok(Scanned { kind, end: next(quote) })
        }
        Some(b'-' | b'0'..=b'9') => number(bytes, at),
        Some(b'{') => Ok(Scanned { kind: TokenKind::Object, end: container(bytes, at, depth)? }),
        Some(b'[') => Ok(Scanned { kind: TokenKind::Array, end: container(bytes, at, depth)? }),
        Some(b't') => literal(bytes, at, b"true", TokenKind::True),
        Some(b'f') => literal(bytes, at, b"false", TokenKind::False),
        Some(b'n') => literal(bytes, at, b"null", TokenKind::Null),
        _ => fault(at, "a value"),
    }
}

#[inline]
fn literal(bytes: &[u8], at: usize, word: &[u8], kind: TokenKind) -> Result<Scanned, Fault> {
    let end = at.wrapping_add(word.len());
    if bytes.get(at..end) != Some(word) {
        return fault(at, "a value ('true', 'false' and 'null' are the only words)");
    }
    // `truely` is no word, while `true,` is one.
    if byte(bytes, end).is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80) {
        return fault(at, "a value ('true', 'false' and 'null' are the only words)");
    }
    Ok(Scanned { kind, end })
}

/// From inside of a string: position of its closing quote, and whether it has escapes.
#[inline]
pub(crate) fn string_end(bytes: &[u8], at: usize) -> Result<(usize, bool), Fault> {
    let at = quote_or_escape(bytes, at)?;
    if byte(bytes, at) == Some(b'"') {
        return Ok((at, false));
    }
    escaped_end(bytes, at)
}

#[inline(always)]
fn quote_or_escape(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    match first_of(bytes, at, [b'"', b'\\']) {
        Some(at) => Ok(at),
        None => fault(bytes.len(), "the string's closing quote"),
    }
}

/// As [`string_end`], from a backslash on.
fn escaped_end(bytes: &[u8], mut at: usize) -> Result<(usize, bool), Fault> {
    loop {
        match byte(bytes, next(at)) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                at = at.wrapping_add(2);
            }
            Some(b'u') => {
                let digits = bytes.get(at.wrapping_add(2)..at.wrapping_add(6));
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return fault(next(at), "four hexadecimal digits after '\\u'");
                }
                at = at.wrapping_add(6);
            }
            _ => {
                return fault(next(at), "one of the escapes \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u");
            }
        }
        at = quote_or_escape(bytes, at)?;
        if byte(bytes, at) == Some(b'"') {
            return Ok((at, true));
        }
    }
}

#[inline]
fn number(bytes: &[u8], start: usize) -> Result<Scanned, Fault> {
    let mut at = start;
    if byte(bytes, at) == Some(b'-') {
        at = next(at);
    }
    match byte(bytes, at) {
        Some(b'0') => {
            at = next(at);
            if matches!(byte(bytes, at), Some(b'0'..=b'9')) {
                return fault(at, "a number without leading zeros");
            }
        }
        Some(b'1'..=b'9') => at = digits(bytes, next(at)),
        _ => return fault(at, "a digit"),
    }
    let mut kind = TokenKind::Int;
    if byte(bytes, at) == Some(b'.') {
        kind = TokenKind::Float;
        at = next(at);
        let end = digits(bytes, at);
        if end == at {
            return fault(at, "a digit after the decimal point");
        }
        at = end;
    }
    if matches!(byte(bytes, at), Some(b'e' | b'E')) {
        kind = TokenKind::Float;
        at = next(at);
        if matches!(byte(bytes, at), Some(b'+' | b'-')) {
            at = next(at);
        }
        let end = digits(bytes, at);
        if end == at {
            return fault(at, "a digit of the exponent");
        }
        at = end;
    }
    Ok(Scanned { kind, end: at })
}

#[inline(always)]
fn digits(bytes: &[u8], mut at: usize) -> usize {
    while matches!(byte(bytes, at), Some(b'0'..=b'9')) {
        at = next(at);
    }
    at
}

/// Where a container's scan stands.
#[derive(Clone, Copy)]
enum Stage {
    /// After `{`: a key or `}`.
    FirstKey,
    /// After `,` in an object.
    Key,
    /// After `[`: a value or `]`.
    FirstItem,
    /// After `:`, or `,` in an array.
    Value,
    /// After a value.
    After,
}

/// Scans the object or array that starts at `at`; one past its end.
fn container(bytes: &[u8], at: usize, depth: usize) -> Result<usize, Fault> {
    // One bit per open container, set for objects; the innermost is the lowest.
    let mut objects: u64 = 0;
    let mut open: usize = 0;
    let room = JSON_DEPTH_MAX.saturating_sub(depth).min(64);
    let mut at = at;
    let mut stage = Stage::Value;
    loop {
        at = skip_space(bytes, at);
        let Some(here) = byte(bytes, at) else {
            return fault(at, "the end of an object or array");
        };
        match (stage, here) {
            (Stage::FirstItem | Stage::Value, b'{' | b'[') => {
                if open >= room {
                    return fault(at, "at most 64 levels of nesting");
                }
                open = next(open);
                objects = (objects << 1) | u64::from(here == b'{');
                stage = if here == b'{' { Stage::FirstKey } else { Stage::FirstItem };
                at = next(at);
            }
            (Stage::FirstKey, b'}') | (Stage::FirstItem, b']') => {
                at = next(at);
                open = open.wrapping_sub(1);
                objects >>= 1;
                if open == 0 {
                    return Ok(at);
                }
                stage = Stage::After;
            }
            (Stage::FirstKey | Stage::Key, b'"') => {
                let (quote, _) = string_end(bytes, next(at))?;
                at = skip_space(bytes, next(quote));
                if byte(bytes, at) != Some(b':') {
                    return fault(at, "':'");
                }
                at = next(at);
                stage = Stage::Value;
            }
            (Stage::FirstKey | Stage::Key, _) => return fault(at, "a field name in quotes"),
            (Stage::FirstItem | Stage::Value, b'"') => {
                at = next(string_end(bytes, next(at))?.0);
                stage = Stage::After;
            }
            (Stage::FirstItem | Stage::Value, b'-' | b'0'..=b'9') => {
                at = number(bytes, at)?.end;
                stage = Stage::After;
            }
            (Stage::FirstItem | Stage::Value, b't') => {
                at = literal(bytes, at, b"true", TokenKind::True)?.end;
                stage = Stage::After;
            }
            (Stage::FirstItem | Stage::Value, b'f') => {
                at = literal(bytes, at, b"false", TokenKind::False)?.end;
                stage = Stage::After;
            }
            (Stage::FirstItem | Stage::Value, b'n') => {
                at = literal(bytes, at, b"null", TokenKind::Null)?.end;
                stage = Stage::After;
            }
            (Stage::FirstItem | Stage::Value, _) => return fault(at, "a value"),
            (Stage::After, b',') => {
                at = next(at);
                stage = if objects & 1 == 1 { Stage::Key } else { Stage::Value };
            }
            (Stage::After, b'}') if objects & 1 == 1 => {
                at = next(at);
                open = open.wrapping_sub(1);
                objects >>= 1;
                if open == 0 {
                    return Ok(at);
                }
            }
            (Stage::After, b']') if objects & 1 == 0 => {
                at = next(at);
                open = open.wrapping_sub(1);
                objects >>= 1;
                if open == 0 {
                    return Ok(at);
                }
            }
            (Stage::After, _) => {
                let expected = if objects & 1 == 1 { "',' or '}'" } else { "',' or ']'" };
                return fault(at, expected);
            }
        }
    }
}

/// The fields of an object (or the items of an array) whose structure was checked, one after another.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    text: &'a str,
    at: usize,
    object: bool,
}

/// A field of an object or an item of an array.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    /// The key; of an item, nothing.
    pub(crate) key: crate::formats::rows::Token,
    /// The value.
    pub(crate) value: crate::formats::rows::Token,
}

impl<'a> Members<'a> {
    /// Over the container that starts at `start` of `text`.
    pub(crate) fn new(text: &'a str, start: usize) -> Members<'a> {
        let object = byte(text.as_bytes(), start) == Some(b'{');
        Members { text, at: next(start), object }
    }
}

impl Iterator for Members<'_> {
    type Item = Member;

    fn next(&mut self) -> Option<Member> {
        use crate::formats::rows::Token;
        let bytes = self.text.as_bytes();
        let mut at = skip_space(bytes, self.at);
        if byte(bytes, at) == Some(b',') {
            at = skip_space(bytes, next(at));
        }
        let mut key = Token::MISSING;
        if self.object {
            if byte(bytes, at) != Some(b'"') {
                return None;
            }
            let (quote, escaped) = string_end(bytes, next(at)).ok()?;
            let kind = if escaped { TokenKind::Escaped } else { TokenKind::String };
            key = Token::new(next(at), quote, kind);
            at = skip_space(bytes, next(quote));
            at = skip_space(bytes, next(at));
        }
        let scanned = value(bytes, at, 0).ok()?;
        self.at = scanned.end;
        Some(Member { key, value: token(at, scanned) })
    }
}

/// The token of a scanned value that starts at `at`.
#[inline(always)]
pub(crate) fn token(at: usize, scanned: Scanned) -> crate::formats::rows::Token {
    use crate::formats::rows::Token;
    match scanned.kind {
        TokenKind::String | TokenKind::Escaped => {
            Token::new(next(at), scanned.end.wrapping_sub(1), scanned.kind)
        }
        kind => Token::new(at, scanned.end, kind),
    }
}
