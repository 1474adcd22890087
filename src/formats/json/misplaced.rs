//! Records with an object or array where the declared type has none, as `ignore-parse-errors` reads them in Flink.
//!
//! Flink's converters take token after token from one parser. One that cannot convert a value gives NULL and leaves the
//! parser where it is, so that the converter around it goes on inside of the object or array: its keys are taken for
//! fields, its end for the end of what is around it (`JsonParserToRowDataConverters`). Such a record is written anew, as
//! one that holds where it belongs what Flink reads.

use super::scan::{Members, byte, next, skip_space, token, value};
use super::text::{Astral, unescape, write_string};
use crate::formats::rows::{Token, TokenKind};
use crate::types::{DataType, Field, Kind};

/// Whether a converter of `data_type` leaves the parser behind the value `token` of `record`.
#[inline]
pub(super) fn fits(data_type: &DataType, token: Token, record: &str) -> bool {
    match token.kind {
        TokenKind::Object | TokenKind::Array => container_fits(&data_type.kind, token, record),
        _ => true,
    }
}

fn container_fits(kind: &Kind, token: Token, record: &str) -> bool {
    let array = token.kind == TokenKind::Array;
    // Most arrays and maps hold neither: no need to look at their items.
    let flat = || !token.text(record).get(1..).unwrap_or("").contains(['{', '[']);
    let mut members = Members::new(record, token.start as usize);
    match kind {
        Kind::Char(_) | Kind::VarChar(_) => true,
        Kind::Array(item) => {
            array && (flat() || members.all(|member| fits(item, member.value, record)))
        }
        Kind::Map(_, item) => {
            !array && (flat() || members.all(|member| fits(item, member.value, record)))
        }
        Kind::Multiset(_) => !array && flat(),
        Kind::Row(fields) => {
            let mut name = String::new();
            !array
                && (flat()
                    || members.all(|member| {
                        name.clear();
                        unescape(member.key.text(record), &mut name);
                        let field = fields.iter().find(|field| field.name == name);
                        field.is_none_or(|field| fits(&field.data_type, member.value, record))
                    }))
        }
        _ => false,
    }
}

/// The record that holds what Flink reads of the object at `start` of `record`, whose structure was checked. `None`
/// where the parser runs out of the object, which drops the record.
pub(super) fn rewritten(fields: &[Field], record: &str, start: usize) -> Option<String> {
    let stands = Stands::Start { at: start, object: true };
    let mut parser = Parser { record, at: next(start), depth: 1, stands };
    let mut out = Vec::with_capacity(record.len());
    parser.row(fields, &mut out)?;
    String::from_utf8(out).ok()
}

/// What a parser stands at.
#[derive(Clone, Copy, Debug)]
enum Stands {
    /// A key, or a value that is neither object nor array.
    At(Token, Role),
    /// The first byte of an object or array.
    Start { at: usize, object: bool },
    /// The last byte of one.
    End { object: bool },
    /// Behind the record.
    AtEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Key,
    Value,
}

/// Jackson's `JsonParser` over an object whose structure was checked.
struct Parser<'a> {
    record: &'a str,
    /// First byte that was not looked at.
    at: usize,
    /// Objects and arrays around `at`.
    depth: usize,
    stands: Stands,
}

impl Parser<'_> {
    /// To the next token.
    fn advance(&mut self) {
        let bytes = self.record.as_bytes();
        let mut at = skip_space(bytes, self.at);
        if matches!(byte(bytes, at), Some(b',' | b':')) {
            at = skip_space(bytes, next(at));
        }
        (self.at, self.stands) = match byte(bytes, at) {
            _ if self.depth == 0 => (at, Stands::AtEnd),
            Some(first @ (b'{' | b'[')) => {
                self.depth = self.depth.saturating_add(1);
                (next(at), Stands::Start { at, object: first == b'{' })
            }
            Some(last @ (b'}' | b']')) => {
                self.depth = self.depth.saturating_sub(1);
                (next(at), Stands::End { object: last == b'}' })
            }
            _ => self.leaf(at),
        };
    }

    /// The key or value at `at`: a colon follows keys only.
    fn leaf(&self, at: usize) -> (usize, Stands) {
        let bytes = self.record.as_bytes();
        let Ok(scanned) = value(bytes, at, 0) else { return (bytes.len(), Stands::AtEnd) };
        let key = byte(bytes, skip_space(bytes, scanned.end)) == Some(b':');
        let role = if key { Role::Key } else { Role::Value };
        (scanned.end, Stands::At(token(at, scanned), role))
    }

    /// What Jackson's `getText` gives; nothing behind the record.
    fn text(&self) -> Option<String> {
        Some(match self.stands {
            Stands::At(token, _) => {
                let mut text = String::new();
                unescape(token.text(self.record), &mut text);
                text
            }
            Stands::Start { object, .. } => (if object { "{" } else { "[" }).to_owned(),
            Stands::End { object } => (if object { "}" } else { "]" }).to_owned(),
            Stands::AtEnd => return None,
        })
    }

    /// To the last byte of the object or array that the parser stands at; its text. Of anything else `None`.
    fn skip_container(&mut self) -> Option<&str> {
        let Stands::Start { at: start, .. } = self.stands else { return None };
        let outer = self.depth.saturating_sub(1);
        while self.depth > outer && !matches!(self.stands, Stands::AtEnd) {
            self.advance();
        }
        self.record.get(start..self.at)
    }

    /// Behind a value of which nothing is used. `None` behind the record.
    fn skip_value(&mut self) -> Option<()> {
        if matches!(self.stands, Stands::AtEnd) {
            return None;
        }
        self.skip_container();
        self.advance();
        Some(())
    }

    /// Writes what the converter of `data_type` makes of what the parser stands at. `None` where it runs out of the
    /// record.
    fn convert(&mut self, data_type: &DataType, out: &mut Vec<u8>) -> Option<()> {
        let null = match self.stands {
            Stands::At(token, _) => token.kind == TokenKind::Null,
            Stands::AtEnd => true,
            _ => false,
        };
        if null {
            out.extend_from_slice(b"null");
            return Some(());
        }
        match (&data_type.kind, self.stands) {
            (Kind::Array(item), Stands::Start { object: false, .. }) => self.array(item, out),
            (Kind::Map(_, item), Stands::Start { object: true, .. }) => self.map(item, out),
            (Kind::Multiset(_), Stands::Start { object: true, .. }) => {
                self.map(&Kind::Int.nullable(), out)
            }
            (Kind::Row(fields), Stands::Start { object: true, .. }) => self.row(fields, out),
            (Kind::Char(_) | Kind::VarChar(_), Stands::Start { .. }) => {
                out.extend_from_slice(self.skip_container().unwrap_or("null").as_bytes());
                Some(())
            }
            (kind, stands) => {
                self.simple(kind, stands, out);
                Some(())
            }
        }
    }

    /// Writes what the parser stands at where it is of use for a type that is neither collection nor ROW.
    fn simple(&self, kind: &Kind, stands: Stands, out: &mut Vec<u8>) {
        match (kind, stands) {
            (Kind::Boolean, Stands::Start { .. } | Stands::End { .. }) => {
                out.extend_from_slice(b"false");
            }
            (Kind::Char(_) | Kind::VarChar(_), Stands::End { object }) => {
                out.extend_from_slice(if object { b"\"}\"" } else { b"\"]\"" });
            }
            // `getDecimalValue` and `getBinaryValue` take no keys.
            (
                Kind::Decimal { .. } | Kind::Binary(_) | Kind::VarBinary(_),
                Stands::At(_, Role::Key),
            )
            | (_, Stands::Start { .. } | Stands::End { .. } | Stands::AtEnd) => {
                out.extend_from_slice(b"null");
            }
            (_, Stands::At(token, _)) => {
                let quoted = matches!(token.kind, TokenKind::String | TokenKind::Escaped);
                let quote: &[u8] = if quoted { b"\"" } else { b"" };
                out.extend_from_slice(quote);
                out.extend_from_slice(token.text(self.record).as_bytes());
                out.extend_from_slice(quote);
            }
        }
    }

    fn array(&mut self, item: &DataType, out: &mut Vec<u8>) -> Option<()> {
        out.push(b'[');
        let mut first = true;
        loop {
            self.advance();
            match self.stands {
                Stands::End { object: false } => break,
                Stands::AtEnd => return None,
                _ if first => first = false,
                _ => out.push(b','),
            }
            self.convert(item, out)?;
        }
        out.push(b']');
        Some(())
    }

    fn map(&mut self, item: &DataType, out: &mut Vec<u8>) -> Option<()> {
        out.push(b'{');
        let mut first = true;
        loop {
            self.advance();
            match self.stands {
                Stands::End { object: true } => break,
                Stands::AtEnd => return None,
                _ if first => first = false,
                _ => out.push(b','),
            }
            match self.skip_container().map(str::to_owned).or_else(|| self.text()) {
                Some(key) => write_string(&key, Astral::Raw, out),
                None => return None,
            }
            out.push(b':');
            self.advance();
            self.convert(item, out)?;
        }
        out.push(b'}');
        Some(())
    }

    /// Of as many fields as are declared: what follows is passed over.
    fn row(&mut self, fields: &[Field], out: &mut Vec<u8>) -> Option<()> {
        out.push(b'{');
        let mut taken: usize = 0;
        self.advance();
        while !matches!(self.stands, Stands::End { object: true }) {
            if taken == fields.len() {
                self.skip_value()?;
                continue;
            }
            let name = self.text()?;
            self.advance();
            match fields.iter().find(|field| field.name == name) {
                None => self.skip_value()?,
                Some(field) => {
                    if taken > 0 {
                        out.push(b',');
                    }
                    write_string(&name, Astral::Raw, out);
                    out.push(b':');
                    self.convert(&field.data_type, out)?;
                    self.advance();
                    taken = taken.saturating_add(1);
                }
            }
        }
        out.push(b'}');
        Some(())
    }
}
