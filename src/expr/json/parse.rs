//! The parser: what Jackson takes by default, and nothing else.

use super::Json;
use crate::base::first_of;
use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Members of an object up to which a name is compared with all before it: below it a table costs more than it saves.
const COMPARED_MAX: usize = 16;

/// Arrays and objects inside each other (Jackson's `StreamReadConstraints`).
const DEPTH_MAX: usize = 1_000;

/// Reads the first JSON value of a text; what follows it is not looked at, as Jackson's `readValue` does.
///
/// `None` where there is none.
pub(crate) fn parse(text: &str) -> Option<Json<'_>> {
    parse_counting(text).map(|(value, _)| value)
}

/// As [`parse`], and whether some object has a name more than once.
pub(crate) fn parse_counting(text: &str) -> Option<(Json<'_>, bool)> {
    let mut parser = Parser { text, at: 0, repeated: false };
    let value = parser.value(0)?;
    // Jackson wants a blank after a number that no bracket ends.
    let number = matches!(value, Json::Integer(_) | Json::Decimal(_));
    let apart = matches!(parser.peek(), None | Some(b' ' | b'\t' | b'\n' | b'\r'));
    (apart || !number).then_some((value, parser.repeated))
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    /// An object had a name that it had before.
    repeated: bool,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn value(&mut self, depth: usize) -> Option<Json<'t>> {
        if depth > DEPTH_MAX {
            return None;
        }
        self.blanks();
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(Json::String),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'n' => self.word("null", Json::Null),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str, value: Json<'t>) -> Option<Json<'t>> {
        self.rest().starts_with(word).then_some(())?;
        self.at += word.len();
        self.ends_token().then_some(value)
    }

    /// Nothing that could belong to a word or a number stands here.
    fn ends_token(&self) -> bool {
        !matches!(self.peek(), Some(byte) if byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Option<Json<'t>> {
        let start = self.at;
        self.eat(b'-');
        let zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (zero && whole > 1) {
            return None;
        }
        let mut integer = true;
        if self.eat(b'.') {
            integer = false;
            (self.digits() > 0).then_some(())?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            integer = false;
            let _sign = self.eat(b'+') || self.eat(b'-');
            (self.digits() > 0).then_some(())?;
        }
        let text = Cow::Borrowed(self.text.get(start..self.at)?);
        self.ends_token().then_some(())?;
        Some(if integer { Json::Integer(text) } else { Json::Decimal(text) })
    }

    fn string(&mut self) -> Option<Cow<'t, str>> {
        self.eat(b'"').then_some(())?;
        let plain = self.plain()?;
        if self.eat(b'"') {
            return Some(Cow::Borrowed(plain));
        }
        let mut out = plain.to_owned();
        while self.eat(b'\\') {
            self.escape(&mut out)?;
            out.push_str(self.plain()?);
        }
        self.eat(b'"').then_some(Cow::Owned(out))
    }

    /// What stands before the next quote or backslash, without control characters.
    fn plain(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let plain = rest.get(..first_of(rest.as_bytes(), 0, [b'"', b'\\'])?)?;
        self.at += plain.len();
        // A fold looks at many bytes at a time, other than `all`.
        let has_control = plain.bytes().fold(false, |found, byte| found | (byte < 0x20));
        (!has_control).then_some(plain)
    }

    fn escape(&mut self, out: &mut String) -> Option<()> {
        let byte = self.peek()?;
        self.at += 1;
        out.push(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex()?;
                match char::from_u32(first) {
                    Some(c) => c,
                    None => self.surrogate(first),
                }
            }
            _ => return None,
        });
        Some(())
    }

    /// The character of a pair of surrogates; `?` for one that stands alone.
    fn surrogate(&mut self, first: u32) -> char {
        let before = self.at;
        if (0xD800..0xDC00).contains(&first) && self.rest().starts_with("\\u") {
            self.at += 2;
            if let Some(second @ 0xDC00..=0xDFFF) = self.hex() {
                let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
                return char::from_u32(code).unwrap_or('?');
            }
            self.at = before;
        }
        '?'
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4)?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
        let code = u32::from_str_radix(digits, 16).ok()?;
        self.at += 4;
        Some(code)
    }

    fn array(&mut self, depth: usize) -> Option<Json<'t>> {
        self.at += 1;
        let mut items = Vec::new();
        self.blanks();
        if self.eat(b']') {
            return Some(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.blanks();
            if self.eat(b']') {
                return Some(Json::Array(items));
            }
            self.eat(b',').then_some(())?;
        }
    }

    fn object(&mut self, depth: usize) -> Option<Json<'t>> {
        self.at += 1;
        let mut members = Members::default();
        self.blanks();
        if self.eat(b'}') {
            return Some(Json::Object(members.all));
        }
        loop {
            self.blanks();
            let name = self.string()?;
            self.blanks();
            self.eat(b':').then_some(())?;
            let value = self.value(depth + 1)?;
            self.repeated |= members.put(name, value);
            self.blanks();
            if self.eat(b'}') {
                return Some(Json::Object(members.all));
            }
            self.eat(b',').then_some(())?;
        }
    }
}

/// Members of an object under way.
#[derive(Default)]
struct Members<'t> {
    all: Vec<(Cow<'t, str>, Json<'t>)>,
    /// Places in `all` by name, once there are more than [`COMPARED_MAX`] of them.
    places: HashMap<Cow<'t, str>, usize>,
}

impl<'t> Members<'t> {
    /// Adds a member, or gives the one with this name another value: `true` then.
    fn put(&mut self, name: Cow<'t, str>, value: Json<'t>) -> bool {
        let count = self.all.len();
        let place = if count <= COMPARED_MAX {
            self.all.iter().position(|(before, _)| *before == name)
        } else {
            if self.places.is_empty() {
                let named = self.all.iter().enumerate();
                self.places.extend(named.map(|(at, (name, _))| (name.clone(), at)));
            }
            match self.places.entry(name.clone()) {
                Entry::Occupied(known) => Some(*known.get()),
                Entry::Vacant(new) => {
                    new.insert(count);
                    None
                }
            }
        };
        match place.and_then(|place| self.all.get_mut(place)) {
            Some(member) => {
                member.1 = value;
                true
            }
            None => {
                self.all.push((name, value));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_jackson_takes() {
        for text in ["1", "-0", "1.5e+3", " [1, {\"a\": null}] ", "\"\\u00e9\\n\"", "1 2", "true"] {
            assert!(parse(text).is_some(), "{text}");
        }
        for text in
            ["", "01", "1.", ".5", "+1", "'a'", "{a:1}", "[1,]", "nul", "\"\u{1}\"", "truex"]
        {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn joins_surrogates_and_keeps_the_last_of_a_name() {
        assert_eq!(parse(r#""\ud83d\ude00""#), Some(Json::String("😀".into())));
        let twice = Json::Object(vec![("a".into(), Json::Integer("2".into()))]);
        assert_eq!(parse(r#"{"a": 1, "a": 2}"#), Some(twice));
    }

    #[test]
    fn the_last_of_a_name_counts_among_many() {
        for names in [5, 17, 18, 500] {
            let member = |n: usize| format!(r#""name {}": {n}"#, n % names);
            let text = (0..names * 3 - 1).map(member).collect::<Vec<String>>().join(",");
            let object = format!("{{{text}}}");
            let Some((Json::Object(members), true)) = parse_counting(&object) else { panic!() };
            let last = |at: usize| if at + 1 < names { at + 2 * names } else { at + names };
            let expected = (0..names).map(|at| {
                (format!("name {at}").into(), Json::Integer(last(at).to_string().into()))
            });
            assert_eq!(members, expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn depth_is_bounded() {
        assert!(parse(&"[".repeat(100_000)).is_none());
    }
}
