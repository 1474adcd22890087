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
mod names;
mod primary;
mod query;
mod recognised;
mod statement;
mod table;
mod table_ref;
mod unexpected;
mod utility;

pub(super) use primary::OTHER_UNIT;
pub(super) use statement::leading_kind;
use unexpected::{error, opens_a_clause};

use super::ast::{DataType, Expr, Statement};
use super::error::ParseError;
use super::token::{Symbol, Token, TokenKind};
use crate::base::limits::{SQL_NESTING_MAX, SQL_SCRIPT_BYTES_MAX, SQL_TREE_HEIGHT_MAX};
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
pub fn parse_expression(source: &str) -> Result<Expr> {
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
pub fn parse_data_type(source: &str) -> Result<DataType> {
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
        while self.eat(Symbol::Semicolon) {}
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
}
