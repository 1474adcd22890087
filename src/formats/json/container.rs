//! Objects and arrays read into STRING: the text that `JsonNode.toString` gives, without white space, of fields with
//! the same name the last value at the first one's place, numbers in Java's form.

use super::scan::{Member, Members};
use super::text::{Astral, unescape, write_escaped};
use crate::base::{COMPARED_MAX, Distinct};
use crate::formats::rows::{Token, TokenKind};
use crate::types::java_text::{write_decimal_digits, write_double};
use std::borrow::Cow;
use std::hash::Hash;

/// Writes containers; keeps its memory between values.
#[derive(Debug)]
pub(crate) struct ContainerText {
    big_decimals: bool,
    out: Vec<u8>,
    string: String,
}

impl ContainerText {
    pub(crate) fn new(big_decimals: bool) -> ContainerText {
        ContainerText { big_decimals, out: Vec::new(), string: String::new() }
    }

    /// The normal text of the container `text`, whose structure was checked.
    pub(crate) fn normalise(&mut self, text: &str) -> &str {
        self.out.clear();
        self.container(text, 0);
        std::str::from_utf8(&self.out).unwrap_or("")
    }

    /// The text of a number as `JsonNode.asText` gives it.
    pub(crate) fn number(&mut self, text: &str, kind: TokenKind) -> &str {
        self.out.clear();
        self.value(text, Token::new(0, text.len(), kind));
        // Only infinite numbers get quotes, which belong to their JSON text.
        std::str::from_utf8(&self.out).unwrap_or("").trim_matches('"')
    }

    fn container(&mut self, text: &str, start: usize) {
        let object = text.as_bytes().get(start) == Some(&b'{');
        self.out.push(if object { b'{' } else { b'[' });
        let distinct = if object { distinct_fields(text, start) } else { None };
        match distinct {
            Some(fields) => {
                for (index, (key, value)) in fields.into_iter().enumerate() {
                    self.member(text, index, object, Member { key, value });
                }
            }
            None => {
                for (index, member) in Members::new(text, start).enumerate() {
                    self.member(text, index, object, member);
                }
            }
        }
        self.out.push(if object { b'}' } else { b']' });
    }

    fn member(&mut self, text: &str, index: usize, object: bool, member: Member) {
        if index > 0 {
            self.out.push(b',');
        }
        if object {
            self.string(text, member.key);
            self.out.push(b':');
        }
        self.value(text, member.value);
    }

    fn value(&mut self, text: &str, token: Token) {
        let raw = token.text(text);
        match token.kind {
            TokenKind::Object | TokenKind::Array => self.container(text, token.start as usize),
            TokenKind::String | TokenKind::Escaped => self.string(text, token),
            TokenKind::Int if raw == "-0" => self.out.push(b'0'),
            TokenKind::Float if self.big_decimals => write_big_decimal(raw, &mut self.out),
            TokenKind::Float => {
                let value: f64 = raw.parse().unwrap_or(f64::NAN);
                if value.is_finite() {
                    write_double(value, &mut self.out);
                } else {
                    self.out.push(b'"');
                    write_double(value, &mut self.out);
                    self.out.push(b'"');
                }
            }
            _ => self.out.extend_from_slice(raw.as_bytes()),
        }
    }

    fn string(&mut self, text: &str, token: Token) {
        self.out.push(b'"');
        if token.kind == TokenKind::Escaped {
            self.string.clear();
            unescape(token.text(text), &mut self.string);
            write_escaped(&self.string, Astral::Raw, &mut self.out);
        } else {
            write_escaped(token.text(text), Astral::Raw, &mut self.out);
        }
        self.out.push(b'"');
    }
}

/// `BigDecimal(text).stripTrailingZeros().toString()` of a JSON number, with any number of digits.
fn write_big_decimal(text: &str, out: &mut Vec<u8>) {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let significant = digits.trim_end_matches('0');
    let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().unwrap_or(0);
    let stripped = digits.len().saturating_sub(significant.len());
    let scale = (fraction.len() as i64).saturating_sub(exponent).saturating_sub(stripped as i64);
    if significant.is_empty() {
        out.push(b'0');
    } else {
        write_decimal_digits(unsigned.len() < text.len(), significant, scale, out);
    }
}

/// Where an object repeats a name: its fields as Jackson keeps them, each name at its first place with its last value.
/// `None` where all names differ.
pub(crate) fn distinct_fields(text: &str, start: usize) -> Option<Vec<(Token, Token)>> {
    // Most objects are small and repeat nothing: that is found out in one pass, without memory for them.
    if small_and_distinct(text, start) {
        return None;
    }
    let mut fields: Distinct<(Token, Token)> = Distinct::default();
    let mut repeated = false;
    for member in Members::new(text, start) {
        let known = fields.insert(
            (member.key, member.value),
            |(a, _), (b, _)| same_name(text, *a, *b),
            |(key, _), hasher| name(text, *key).hash(hasher),
        );
        if let Some((_, value)) = known {
            repeated = true;
            *value = member.value;
        }
    }
    repeated.then(|| fields.into_vec())
}

fn small_and_distinct(text: &str, start: usize) -> bool {
    let mut keys = [Token::MISSING; COMPARED_MAX];
    for (at, member) in Members::new(text, start).enumerate() {
        let (before, rest) = keys.split_at_mut(at.min(COMPARED_MAX));
        let Some(place) = rest.first_mut() else { return false };
        if before.iter().any(|key| same_name(text, member.key, *key)) {
            return false;
        }
        *place = member.key;
    }
    true
}

fn same_name(text: &str, a: Token, b: Token) -> bool {
    name(text, a) == name(text, b)
}

fn name(text: &str, key: Token) -> Cow<'_, str> {
    if key.kind == TokenKind::String {
        return Cow::Borrowed(key.text(text));
    }
    let mut name = String::new();
    unescape(key.text(text), &mut name);
    Cow::Owned(name)
}
