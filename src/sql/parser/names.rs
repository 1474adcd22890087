//! Names, strings, lists, properties and hints: what every part of the grammar uses.

use super::{ParseError, Parser, Result, error};
use crate::base::Span;
use crate::sql::ast::{Hint, HintArgs, Ident, NumberKind, ObjectName, Property, SqlString};
use crate::sql::token::{Symbol, TokenKind};
use crate::types::java_text::escaped;
use std::iter::Peekable;
use std::str::Chars;

impl Parser<'_> {
    /// Takes a name: quoted, or a word that is not reserved.
    pub(super) fn eat_ident(&mut self) -> Option<Ident> {
        let span = self.here();
        let (value, quoted) = match &self.token().kind {
            TokenKind::QuotedIdent(name) => (name.clone(), true),
            TokenKind::Word(None) => (span.text(self.source).to_owned(), false),
            TokenKind::Word(Some(k)) if !k.reserved => (span.text(self.source).to_owned(), false),
            _ => {
                self.expecting("identifier");
                return None;
            }
        };
        self.advance();
        Some(Ident { value, quoted, span })
    }

    pub(super) fn ident(&mut self) -> Result<Ident> {
        self.eat_ident().ok_or_else(|| self.unexpected())
    }

    /// `a.b.c`.
    pub(super) fn object_name(&mut self) -> Result<ObjectName> {
        let start = self.here();
        let mut parts = vec![self.ident()?];
        while self.eat(Symbol::Dot) {
            parts.push(self.ident()?);
        }
        Ok(ObjectName { span: self.since(start), parts })
    }

    /// A string literal: `'…'`, with adjacent literals joined, or `U&'…'`.
    pub(super) fn eat_string(&mut self) -> Result<Option<SqlString>> {
        let span = self.here();
        let mut value = match &self.token().kind {
            TokenKind::String(text) => text.clone(),
            TokenKind::UnicodeString(text) => {
                let text = text.clone();
                self.advance();
                return self.unicode_string(&text, span).map(Some);
            }
            _ => {
                self.expecting("string literal");
                return Ok(None);
            }
        };
        self.advance();
        let mut before = span;
        while let TokenKind::String(text) = &self.token().kind {
            let (text, next) = (text.clone(), self.here());
            // As in the standard: else a forgotten comma would go unnoticed.
            let between = Span { start: before.end, end: next.start };
            if !between.text(self.source).contains('\n') {
                let refused = error("string literal continued on same line", next);
                let hint = "a comma, '=' or an operator such as || may be missing".to_owned();
                return Err(ParseError { hint: Some(hint), ..refused });
            }
            value.push_str(&text);
            before = next;
            self.at += 1;
        }
        Ok(Some(SqlString { value, span: self.since(span) }))
    }

    /// The text of `E'…'`, which is an expression only.
    pub(super) fn escaped_string(&mut self, text: &str) -> Result<String> {
        let span = self.here();
        self.advance();
        undo_escapes(text)
            .ok_or_else(|| error("4 hexadecimal digits expected after \\u, 8 after \\U", span))
    }

    pub(super) fn string(&mut self) -> Result<SqlString> {
        self.eat_string()?.ok_or_else(|| self.unexpected())
    }

    /// The rest of `U&'…' [UESCAPE 'c']`.
    pub(super) fn unicode_string(&mut self, text: &str, start: Span) -> Result<SqlString> {
        let mut escape = '\\';
        if self.eat_keyword("UESCAPE") {
            let written = self.string()?;
            let mut chars = written.value.chars();
            escape = match (chars.next(), chars.next()) {
                (Some(c), None) if !c.is_ascii_hexdigit() && !"+'\" ".contains(c) => c,
                _ => {
                    let message = "UESCAPE must be one character that is no hexadecimal digit, \
                                   sign, quote or blank";
                    return Err(error(message, written.span));
                }
            };
        }
        let span = self.since(start);
        let value = unescape(text, escape).ok_or_else(|| {
            let message = format!(
                "Unicode escape sequence of {escape} and four hexadecimal \
                                   digits expected in the string"
            );
            error(message, span)
        })?;
        Ok(SqlString { value, span })
    }

    /// Digits.
    pub(super) fn unsigned<T: std::str::FromStr>(&mut self) -> Result<T> {
        let span = self.here();
        if !matches!(self.token().kind, TokenKind::Number(NumberKind::Integer)) {
            self.expecting("unsigned integer literal");
            return Err(self.unexpected());
        }
        let text = span.text(self.source);
        let value = text.parse();
        self.advance();
        value.map_err(|_| error(format!("the number {text} is too large here"), span))
    }

    /// `(item, …)` with at least one item.
    pub(super) fn parenthesized_list<T>(
        &mut self,
        item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.expect(Symbol::LParen)?;
        let items = self.comma_list(item)?;
        self.expect(Symbol::RParen)?;
        Ok(items)
    }

    pub(super) fn comma_list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat(Symbol::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// `('k' = 'v', …)`, possibly empty.
    pub(super) fn properties(&mut self) -> Result<Vec<Property>> {
        self.expect(Symbol::LParen)?;
        if self.eat(Symbol::RParen) {
            return Ok(Vec::new());
        }
        let properties = self.comma_list(Self::property)?;
        self.expect(Symbol::RParen)?;
        Ok(properties)
    }

    pub(super) fn property(&mut self) -> Result<Property> {
        let key = self.string()?;
        self.expect(Symbol::Eq)?;
        let value = self.string()?;
        Ok(Property { span: key.span.join(value.span), key, value })
    }

    /// `WITH (…)`, or nothing.
    pub(super) fn with_properties(&mut self) -> Result<Vec<Property>> {
        if self.eat_keyword("WITH") { self.properties() } else { Ok(Vec::new()) }
    }

    /// `COMMENT '…'`, or nothing.
    pub(super) fn comment(&mut self) -> Result<Option<SqlString>> {
        if self.eat_keyword("COMMENT") { self.string().map(Some) } else { Ok(None) }
    }

    pub(super) fn if_exists(&mut self) -> bool {
        self.eat_keywords(&["IF", "EXISTS"])
    }

    pub(super) fn if_not_exists(&mut self) -> bool {
        self.eat_keywords(&["IF", "NOT", "EXISTS"])
    }

    /// `/*+ NAME(…), NAME(…) */`, or nothing.
    pub(super) fn hints(&mut self) -> Result<Vec<Hint>> {
        if self.token().kind != TokenKind::HintStart {
            return Ok(Vec::new());
        }
        self.advance();
        let hints = self.comma_list(Self::hint)?;
        if self.token().kind != TokenKind::HintEnd {
            self.expecting("*/");
            return Err(self.unexpected());
        }
        self.advance();
        Ok(hints)
    }

    pub(super) fn hint(&mut self) -> Result<Hint> {
        let name = self.ident()?;
        let args = self.hint_args().map_err(|mut error| {
            if name.value.eq_ignore_ascii_case("OPTIONS") {
                error.hint = Some("write OPTIONS('key' = 'value')".to_owned());
            }
            error
        })?;
        Ok(Hint { span: self.since(name.span), name, args })
    }

    fn hint_args(&mut self) -> Result<HintArgs> {
        let mut args = HintArgs::None;
        if self.eat(Symbol::LParen) && !self.eat(Symbol::RParen) {
            let first = self.hint_item()?;
            args = if self.at(Symbol::Eq) {
                let mut properties = vec![self.hint_property(first)?];
                while self.eat(Symbol::Comma) {
                    let key = self.hint_item()?;
                    properties.push(self.hint_property(key)?);
                }
                HintArgs::Properties(properties)
            } else {
                // All strings, all numbers or all names.
                let sort = |p: &Self, item: &SqlString| {
                    item.span.text(p.source).chars().next().map(|c| (c == '\'', c.is_ascii_digit()))
                };
                let mut items = vec![first];
                while self.eat(Symbol::Comma) {
                    let item = self.hint_item()?;
                    if items.first().is_some_and(|first| sort(self, first) != sort(self, &item)) {
                        let message = "the arguments of a hint are all strings or all names";
                        return Err(error(message, item.span));
                    }
                    items.push(item);
                }
                HintArgs::List(items)
            };
            self.expect(Symbol::RParen)?;
        }
        Ok(args)
    }

    pub(super) fn hint_property(&mut self, key: SqlString) -> Result<Property> {
        self.expect(Symbol::Eq)?;
        let value = self.string()?;
        Ok(Property { span: key.span.join(value.span), key, value })
    }

    /// A string, a number or a name, as text.
    pub(super) fn hint_item(&mut self) -> Result<SqlString> {
        let span = self.here();
        if let Some(string) = self.eat_string()? {
            return Ok(string);
        }
        if matches!(self.token().kind, TokenKind::Number(_)) {
            self.advance();
            return Ok(SqlString { value: span.text(self.source).to_owned(), span });
        }
        let name = self.ident()?;
        Ok(SqlString { value: name.value, span })
    }
}

/// The text of `E'…'`, as Calcite's `SqlParserUtil.replaceEscapedChars` reads it: a backslash before what needs none
/// stays. `None` where `\u` or `\U` lacks digits.
fn undo_escapes(text: &str) -> Option<String> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let follows = chars.peek().copied();
        let meant = match (c, follows) {
            ('\'', _) => {
                chars.next();
                c
            }
            ('\\', Some('b' | 'f' | 'n' | 'r' | 't' | '\\' | '\'')) => chars.next().map(escaped)?,
            ('\\', Some(kind @ ('u' | 'U'))) => {
                chars.next();
                let wanted = if kind == 'u' { 4 } else { 8 };
                let (code, digits) = digits(&mut chars, 16, wanted);
                if digits < wanted {
                    return None;
                }
                if let Ok(unit) = u16::try_from(code) {
                    // Half of a pair may stand alone here.
                    units.push(unit);
                    continue;
                }
                char::from_u32(code)?
            }
            ('\\', Some('x')) => {
                chars.next();
                match digits(&mut chars, 16, 2) {
                    (_, 0) => 'x',
                    (code, _) => char::from_u32(code)?,
                }
            }
            ('\\', Some('0'..='3')) => char::from_u32(digits(&mut chars, 8, 3).0)?,
            _ => c,
        };
        units.extend_from_slice(meant.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16(&units).ok()
}

/// The number of up to `most` digits, and how many there are.
fn digits(chars: &mut Peekable<Chars<'_>>, radix: u32, most: usize) -> (u32, usize) {
    let (mut number, mut count) = (0, 0);
    while count < most
        && let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix))
    {
        number = number << radix.ilog2() | digit;
        count += 1;
        chars.next();
    }
    (number, count)
}

/// Undoes `\0041`; a doubled escape character stands for itself.
fn unescape(text: &str, escape: char) -> Option<String> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut buffer = [0; 2];
    while let Some(c) = chars.next() {
        if c != escape || chars.next_if_eq(&escape).is_some() {
            units.extend_from_slice(c.encode_utf16(&mut buffer));
            continue;
        }
        // Java's parser of integers takes a sign for a digit: `\+041` is `\0041`.
        let signed = chars.next_if_eq(&'+').is_some();
        let mut unit = 0;
        for _ in 0..if signed { 3 } else { 4 } {
            unit = unit << 4 | chars.next()?.to_digit(16)?;
        }
        units.push(u16::try_from(unit).ok()?);
    }
    String::from_utf16(&units).ok()
}
