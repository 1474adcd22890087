//! Tokens to syntax tree, by recursive descent.
//!
//! One file per part of the grammar adds methods to [`Parser`]: a method named after a
//! construct parses that construct at the current token. Conventions: `eat_…` takes a token if it
//! is there, `expect_…` refuses the text if it is not, `at_…` only looks.

mod alter;
mod call;
mod clauses;
mod data_type;
mod expr;
mod json;
mod primary;
mod query;
mod statement;
mod table;
mod table_ref;
mod utility;

use super::ast::{Hint, HintArgs, Ident, NumberKind, ObjectName, Property, SqlString, Statement};
pub(super) use statement::leading_kind;

use super::error::ParseError;
use super::token::{Invalid, Symbol, Token, TokenKind};
use crate::base::limits::{
    SQL_EXPECTED_SHOWN_MAX, SQL_NESTING_MAX, SQL_SCRIPT_BYTES_MAX, SQL_TREE_HEIGHT_MAX,
};
use crate::base::{LineIndex, Span};

pub(super) type Result<T> = std::result::Result<T, ParseError>;

/// Parses one statement; a `;` may close it.
///
/// # Errors
/// The first place where the text stops being Flink SQL, also when there is no statement or a
/// second one.
pub fn parse_statement(source: &str) -> Result<Statement> {
    check_size(source)?;
    let tokens = super::lexer::tokenize(source);
    Parser::new(source, &LineIndex::new(source), &tokens).whole_statement()
}

/// Parses one expression, as a computed column or a filter is written.
///
/// # Errors
/// The first place where the text stops being an expression.
pub fn parse_expression(source: &str) -> Result<super::ast::Expr> {
    check_size(source)?;
    let tokens = super::lexer::tokenize(source);
    let lines = LineIndex::new(source);
    let mut parser = Parser::new(source, &lines, &tokens);
    let expr = parser.expr()?;
    parser.expect_end()?;
    Ok(expr)
}

/// Parses one type, as a column's type is written.
///
/// # Errors
/// The first place where the text stops being a type.
pub fn parse_data_type(source: &str) -> Result<super::ast::DataType> {
    check_size(source)?;
    let tokens = super::lexer::tokenize(source);
    let lines = LineIndex::new(source);
    let mut parser = Parser::new(source, &lines, &tokens);
    let data_type = parser.data_type()?;
    parser.expect_end()?;
    Ok(data_type)
}

pub(super) fn check_size(source: &str) -> Result<()> {
    if source.len() <= SQL_SCRIPT_BYTES_MAX {
        return Ok(());
    }
    let message =
        format!("the script has {} bytes; at most {SQL_SCRIPT_BYTES_MAX} are read", source.len());
    Err(ParseError { message, span: Span::default(), hint: None })
}

/// A position in the tokens of one statement.
pub(super) struct Parser<'a> {
    source: &'a str,
    lines: &'a LineIndex,
    /// What is parsed: the tokens of a statement without its `;`, or a whole text with its end
    /// token.
    tokens: &'a [Token],
    at: usize,
    /// Stands for every token after the last.
    end: Token,
    /// What was looked for at the current token, for the error message.
    expected: Vec<&'static str>,
    /// Levels of recursion.
    depth: u32,
    /// Height of the tree parsed last; see [`Parser::nested`].
    height: u32,
}

impl<'a> Parser<'a> {
    pub(super) fn new(source: &'a str, lines: &'a LineIndex, tokens: &'a [Token]) -> Self {
        let span = tokens.last().map_or(Span::default(), |last| last.span.after());
        let end = Token { kind: TokenKind::End, span };
        Self { source, lines, tokens, at: 0, end, expected: Vec::new(), depth: 0, height: 0 }
    }

    /// A statement and nothing after it but a `;`.
    pub(super) fn whole_statement(&mut self) -> Result<Statement> {
        let statement = self.statement()?;
        self.eat(Symbol::Semicolon);
        self.expect_end()?;
        Ok(statement)
    }

    // ---- looking

    fn token(&self) -> &Token {
        self.peek(0)
    }

    fn peek(&self, ahead: usize) -> &Token {
        self.tokens.get(self.at + ahead).unwrap_or(&self.end)
    }

    fn keyword_at(&self, ahead: usize) -> Option<&'static str> {
        match &self.peek(ahead).kind {
            TokenKind::Word(Some(keyword)) => Some(keyword.text),
            _ => None,
        }
    }

    fn at_keyword(&self, keyword: &str) -> bool {
        self.keyword_at(0) == Some(keyword)
    }

    fn at_keywords(&self, keywords: &[&str]) -> bool {
        keywords.iter().enumerate().all(|(ahead, k)| self.keyword_at(ahead) == Some(*k))
    }

    fn symbol_at(&self, ahead: usize) -> Option<Symbol> {
        match self.peek(ahead).kind {
            TokenKind::Symbol(symbol) => Some(symbol),
            _ => None,
        }
    }

    fn at(&self, symbol: Symbol) -> bool {
        self.symbol_at(0) == Some(symbol)
    }

    /// Position of the current token.
    fn here(&self) -> Span {
        self.token().span
    }

    /// From the first byte of `start` to the last byte of the token before the current one.
    fn since(&self, start: Span) -> Span {
        let last = self.at.checked_sub(1).and_then(|i| self.tokens.get(i));
        last.map_or(start, |token| start.join(token.span))
    }

    // ---- taking

    fn advance(&mut self) {
        self.at += 1;
        self.expected.clear();
    }

    /// Takes the current token, whatever it is, and answers its position.
    fn bump(&mut self) -> Span {
        let span = self.here();
        self.advance();
        span
    }

    fn expecting(&mut self, what: &'static str) {
        if !self.expected.contains(&what) {
            self.expected.push(what);
        }
    }

    fn eat(&mut self, symbol: Symbol) -> bool {
        let found = self.at(symbol);
        if found {
            self.advance();
        } else {
            self.expecting(symbol.text());
        }
        found
    }

    fn expect(&mut self, symbol: Symbol) -> Result<()> {
        if self.eat(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn eat_keyword(&mut self, keyword: &'static str) -> bool {
        debug_assert!(super::keyword::keyword(keyword).is_some(), "{keyword} is no keyword");
        let found = self.at_keyword(keyword);
        if found {
            self.advance();
        } else {
            self.expecting(keyword);
        }
        found
    }

    fn expect_keyword(&mut self, keyword: &'static str) -> Result<()> {
        if self.eat_keyword(keyword) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Takes all of `keywords` or none.
    fn eat_keywords(&mut self, keywords: &[&'static str]) -> bool {
        let found = self.at_keywords(keywords);
        if found {
            self.at += keywords.len();
            self.expected.clear();
        } else if let Some(first) = keywords.first() {
            self.expecting(first);
        }
        found
    }

    /// `ORDER BY`, `GROUP BY`, `PARTITION BY`, or nothing: the first word is never a name.
    fn eat_by(&mut self, keyword: &'static str) -> Result<bool> {
        let found = self.eat_keyword(keyword);
        if found {
            self.expect_keyword("BY")?;
        }
        Ok(found)
    }

    fn expect_keywords(&mut self, keywords: &[&'static str]) -> Result<()> {
        keywords.iter().try_for_each(|keyword| self.expect_keyword(keyword))
    }

    /// Takes a keyword of `table` and answers what stands beside it.
    fn eat_one_of<T: Copy>(&mut self, table: &[(&'static str, T)]) -> Option<T> {
        table.iter().find_map(|(keyword, value)| self.eat_keyword(keyword).then_some(*value))
    }

    fn expect_end(&mut self) -> Result<()> {
        if self.token().kind == TokenKind::End {
            return Ok(());
        }
        self.expecting("<EOF>");
        Err(self.unexpected())
    }

    // ---- names and literals

    /// Takes a name: quoted, or a word that is not reserved.
    fn eat_ident(&mut self) -> Option<Ident> {
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

    fn ident(&mut self) -> Result<Ident> {
        self.eat_ident().ok_or_else(|| self.unexpected())
    }

    /// `a.b.c`.
    fn object_name(&mut self) -> Result<ObjectName> {
        let start = self.here();
        let mut parts = vec![self.ident()?];
        while self.eat(Symbol::Dot) {
            parts.push(self.ident()?);
        }
        Ok(ObjectName { span: self.since(start), parts })
    }

    /// A string literal: `'…'`, with adjacent literals joined, or `U&'…'`.
    fn eat_string(&mut self) -> Result<Option<SqlString>> {
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
        while let TokenKind::String(text) = &self.token().kind {
            value.push_str(text);
            self.at += 1;
        }
        Ok(Some(SqlString { value, span: self.since(span) }))
    }

    fn string(&mut self) -> Result<SqlString> {
        self.eat_string()?.ok_or_else(|| self.unexpected())
    }

    /// The rest of `U&'…' [UESCAPE 'c']`.
    fn unicode_string(&mut self, text: &str, start: Span) -> Result<SqlString> {
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
    fn unsigned<T: std::str::FromStr>(&mut self) -> Result<T> {
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
    fn parenthesized_list<T>(
        &mut self,
        item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.expect(Symbol::LParen)?;
        let items = self.comma_list(item)?;
        self.expect(Symbol::RParen)?;
        Ok(items)
    }

    fn comma_list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat(Symbol::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// `('k' = 'v', …)`, possibly empty.
    fn properties(&mut self) -> Result<Vec<Property>> {
        self.expect(Symbol::LParen)?;
        if self.eat(Symbol::RParen) {
            return Ok(Vec::new());
        }
        let properties = self.comma_list(Self::property)?;
        self.expect(Symbol::RParen)?;
        Ok(properties)
    }

    fn property(&mut self) -> Result<Property> {
        let key = self.string()?;
        self.expect(Symbol::Eq)?;
        let value = self.string()?;
        Ok(Property { span: key.span.join(value.span), key, value })
    }

    /// `WITH (…)`, or nothing.
    fn with_properties(&mut self) -> Result<Vec<Property>> {
        if self.eat_keyword("WITH") { self.properties() } else { Ok(Vec::new()) }
    }

    /// `COMMENT '…'`, or nothing.
    fn comment(&mut self) -> Result<Option<SqlString>> {
        if self.eat_keyword("COMMENT") { self.string().map(Some) } else { Ok(None) }
    }

    fn if_exists(&mut self) -> bool {
        self.eat_keywords(&["IF", "EXISTS"])
    }

    fn if_not_exists(&mut self) -> bool {
        self.eat_keywords(&["IF", "NOT", "EXISTS"])
    }

    /// `/*+ NAME(…), NAME(…) */`, or nothing.
    fn hints(&mut self) -> Result<Vec<Hint>> {
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

    fn hint(&mut self) -> Result<Hint> {
        let name = self.ident()?;
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
                let mut items = vec![first];
                while self.eat(Symbol::Comma) {
                    items.push(self.hint_item()?);
                }
                HintArgs::List(items)
            };
            self.expect(Symbol::RParen)?;
        }
        Ok(Hint { span: self.since(name.span), name, args })
    }

    fn hint_property(&mut self, key: SqlString) -> Result<Property> {
        self.expect(Symbol::Eq)?;
        let value = self.string()?;
        Ok(Property { span: key.span.join(value.span), key, value })
    }

    /// A string, a number or a name, as text.
    fn hint_item(&mut self) -> Result<SqlString> {
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

    // ---- limits

    /// Parses one level deeper, and counts a level of the tree: afterwards [`Parser::height`] is
    /// the height of the highest child of the current construct, plus one.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= SQL_NESTING_MAX {
            let message =
                format!("the statement is nested too deeply: at most {SQL_NESTING_MAX} levels");
            return Err(error(message, self.here()));
        }
        self.depth += 1;
        let siblings = std::mem::take(&mut self.height);
        let parsed = parse(self);
        self.depth -= 1;
        self.height = siblings.max(self.height + 1);
        parsed
    }

    /// Parses the right side of an infix operator whose left side was parsed last, and counts
    /// the level that the operator adds to the tree.
    fn chained<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let left = std::mem::take(&mut self.height);
        let parsed = parse(self)?;
        self.height = left.max(self.height) + 1;
        if self.height > SQL_TREE_HEIGHT_MAX {
            let message = format!(
                "the statement has too long a chain of operators: at most {SQL_TREE_HEIGHT_MAX}"
            );
            return Err(error(message, self.here()));
        }
        Ok(parsed)
    }

    // ---- errors

    /// The error of a current token that fits nothing that was looked for.
    fn unexpected(&mut self) -> ParseError {
        let token = self.token().clone();
        let (line, column) = self.lines.line_column(self.source, token.span.start);
        let place = format!("at line {line}, column {column}");
        let text = token.span.text(self.source);
        let mut hint = None;
        let mut message = match token.kind {
            TokenKind::End => format!("Encountered \"<EOF>\" {place}."),
            TokenKind::Invalid(why) => {
                let (problem, cure) = describe_invalid(why);
                hint = cure.map(str::to_owned);
                return ParseError {
                    message: format!("Lexical error {place}: {problem}."),
                    span: token.span,
                    hint,
                };
            }
            TokenKind::Symbol(Symbol::BangEq) => {
                hint = Some("write <>".to_owned());
                self.expected.clear();
                format!(
                    "Bang equal '!=' is not allowed under the current SQL conformance level \
                     ({place})."
                )
            }
            TokenKind::Word(Some(keyword)) if keyword.reserved => {
                let is_name = self.expected.contains(&"identifier");
                if is_name && (self.after_name_word() || !opens_a_clause(keyword.text)) {
                    hint = Some(format!("{text} is a reserved word; quote it: `{text}`"));
                    format!("Encountered \"{text}\" {place}: a reserved word used as a name.")
                } else {
                    format!("Incorrect syntax near the keyword '{}' {place}.", keyword.text)
                }
            }
            _ => format!("Encountered \"{text}\" {place}."),
        };
        if let [only] = self.expected.as_slice() {
            message.push_str(&format!(" Was expecting: {}", expected_text(only)));
        } else if !self.expected.is_empty() {
            let shown: Vec<String> = self
                .expected
                .iter()
                .take(SQL_EXPECTED_SHOWN_MAX)
                .map(|e| expected_text(e))
                .collect();
            let more = if self.expected.len() > SQL_EXPECTED_SHOWN_MAX { ", …" } else { "" };
            message.push_str(&format!(" Was expecting one of: {}{more}", shown.join(", ")));
        }
        ParseError { message, span: token.span, hint }
    }

    /// Whether nothing but a name can stand here: after `.` and AS.
    fn after_name_word(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|i| self.tokens.get(i));
        before.is_some_and(|token| match token.kind {
            TokenKind::Symbol(symbol) => symbol == Symbol::Dot,
            TokenKind::Word(keyword) => keyword.is_some_and(|k| k.text == "AS"),
            _ => false,
        })
    }

    /// The error of a reserved word that stands where a value was expected and does not begin
    /// one here, such as `count` without parentheses.
    fn reserved_as_name(&mut self) -> ParseError {
        self.expected.clear();
        self.expecting("identifier");
        self.unexpected()
    }
}

fn error(message: impl Into<String>, span: Span) -> ParseError {
    ParseError { message: message.into(), span, hint: None }
}

fn expected_text(expected: &str) -> String {
    match expected {
        "identifier"
        | "string literal"
        | "unsigned integer literal"
        | "expression"
        | "query"
        | "data type"
        | "time unit" => format!("<{}>", expected.to_uppercase()),
        "<EOF>" => expected.to_owned(),
        _ => format!("\"{expected}\""),
    }
}

fn describe_invalid(why: Invalid) -> (&'static str, Option<&'static str>) {
    match why {
        Invalid::Character => ("this character is not part of SQL", None),
        Invalid::DoubleQuote => (
            "a double quote does not quote anything in Flink SQL",
            Some("quote names with back-ticks (`name`) and text with single quotes ('text')"),
        ),
        Invalid::UnclosedString => {
            ("the string literal is not closed", Some("a quote inside a string is doubled: ''"))
        }
        Invalid::UnclosedIdent => ("the quoted name is not closed", None),
        Invalid::EmptyIdent => ("a quoted name cannot be empty", None),
        Invalid::UnclosedComment => ("the comment is not closed", Some("close it with */")),
    }
}

/// Reserved words that hardly anybody means as a name: quoting one would not be the cure.
fn opens_a_clause(keyword: &str) -> bool {
    matches!(
        keyword,
        "SELECT"
            | "FROM"
            | "WHERE"
            | "GROUP"
            | "HAVING"
            | "ORDER"
            | "BY"
            | "JOIN"
            | "ON"
            | "AND"
            | "OR"
            | "NOT"
            | "IN"
            | "IS"
            | "AS"
            | "WITH"
            | "INSERT"
            | "INTO"
            | "CREATE"
            | "DROP"
            | "UNION"
            | "EXCEPT"
            | "INTERSECT"
            | "LIMIT"
            | "OFFSET"
            | "FETCH"
            | "CASE"
            | "WHEN"
            | "THEN"
            | "ELSE"
            | "SET"
            | "VALUES"
            | "LIKE"
            | "BETWEEN"
            | "NULL"
            | "LEFT"
            | "RIGHT"
            | "FULL"
            | "INNER"
            | "CROSS"
            | "NATURAL"
            | "USING"
            | "DISTINCT"
            | "EXISTS"
            | "EXECUTE"
            | "DESCRIBE"
            | "EXPLAIN"
            | "SHOW"
            | "USE"
            | "RESET"
            | "OVER"
            | "FOR"
    )
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
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit << 4 | chars.next()?.to_digit(16)?;
        }
        units.push(u16::try_from(unit).ok()?);
    }
    String::from_utf16(&units).ok()
}
