//! A script to its statements.

use super::ast::Statement;
use super::error::ParseError;
use super::lexer::tokenize;
use super::parser::{self, Parser, leading_kind};
use super::secrets::message_without_secrets;
use super::token::{Symbol, Token, TokenKind};
use crate::base::{LineIndex, Span, fnv};

/// One statement of a script, parsed or refused.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedStatement {
    /// From its first to its last token, without the closing `;`.
    pub span: Span,
    /// As [`Statement::kind`]; of a refused statement what its leading words say, or `UNKNOWN`.
    pub kind: &'static str,
    /// Hash of its text without blanks and comments.
    pub hash: u64,
    /// The statement, or why it is none.
    pub result: Result<Statement, ParseError>,
}

/// Parses every statement of a script, going on after the next `;` where one is wrong. Positions
/// count from the beginning of the script.
#[must_use]
pub fn parse_script(source: &str) -> Vec<ParsedStatement> {
    parse_script_from(source, 0, 0)
}

/// Parses the statements behind byte `from` of a text that grows: spans count from its beginning,
/// so that places in statements read earlier stay good. Lines in messages count from byte
/// `line_one`, which is not behind `from`.
#[must_use]
pub fn parse_script_from(source: &str, from: usize, line_one: usize) -> Vec<ParsedStatement> {
    let tail = source.get(from..).unwrap_or("");
    if let Err(error) = parser::check_size(tail) {
        let span = error.span;
        return vec![ParsedStatement { span, kind: "UNKNOWN", hash: 0, result: Err(error) }];
    }
    let mut tokens = tokenize(tail);
    let base = u32::try_from(from).unwrap_or(u32::MAX);
    for token in &mut tokens {
        token.span.start = token.span.start.saturating_add(base);
        token.span.end = token.span.end.saturating_add(base);
    }
    let lines = LineIndex::new_from(source, line_one);
    split(&tokens).into_iter().filter_map(|part| parse_part(source, &lines, part.tokens)).collect()
}

/// Whether the text ends with a closed statement, so that a shell may run what it has read:
/// nothing but blanks and comments stands after the last `;`, and no statement set is open.
#[must_use]
pub fn is_complete(source: &str) -> bool {
    let tokens = tokenize(source);
    let is_open = |token: &Token| {
        use super::token::Invalid::{UnclosedComment, UnclosedIdent, UnclosedString};
        matches!(token.kind, TokenKind::Invalid(UnclosedComment | UnclosedIdent | UnclosedString))
    };
    if tokens.iter().any(is_open) {
        return false;
    }
    split(&tokens).iter().all(|part| part.closed)
}

fn parse_part(source: &str, lines: &LineIndex, tokens: &[Token]) -> Option<ParsedStatement> {
    let (first, last) = (tokens.first()?, tokens.last()?);
    let span = first.span.join(last.span);
    let mut parser = Parser::new(source, lines, tokens);
    let leading = leading_kind(&parser).unwrap_or("UNKNOWN");
    let result = parser.whole_statement().map_err(|mut error| {
        error.message = message_without_secrets(&error.message, source, span, error.span);
        error
    });
    let kind = result.as_ref().map_or(leading, Statement::kind);
    let text = |token: &Token| {
        source.get(token.span.start as usize..token.span.end as usize).unwrap_or_default()
    };
    let hash = fnv(tokens.iter().flat_map(|token| [text(token), "\n"]));
    Some(ParsedStatement { span, kind, hash, result })
}

/// The tokens of one statement.
struct Part<'a> {
    tokens: &'a [Token],
    /// Whether a `;` follows.
    closed: bool,
}

/// Cuts at every `;` outside of statement sets.
fn split(tokens: &[Token]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = match tokens.split_last() {
        Some((Token { kind: TokenKind::End, .. }, rest)) => rest,
        _ => tokens,
    };
    let mut end_may_follow = true;
    while !rest.is_empty() {
        let mut length = rest.iter().position(is_semicolon).unwrap_or(rest.len());
        let mut is_open_set = rest.get(..length).is_some_and(opens_statement_set);
        if is_open_set && end_may_follow {
            match statement_set_length(rest) {
                Some(whole) => (length, is_open_set) = (whole, false),
                // Nor does one follow later: no need to look again.
                None => end_may_follow = false,
            }
        }
        let (statement, tail) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        parts.push(Part { tokens: statement, closed: !tail.is_empty() && !is_open_set });
        rest = tail.get(1..).unwrap_or(&[]);
    }
    parts
}

fn is_semicolon(token: &Token) -> bool {
    token.kind == TokenKind::Symbol(Symbol::Semicolon)
}

fn word(token: &Token) -> Option<&'static str> {
    match token.kind {
        TokenKind::Word(Some(keyword)) => Some(keyword.text),
        _ => None,
    }
}

/// `BEGIN STATEMENT SET`, or `… STATEMENT SET BEGIN …` of EXECUTE, EXPLAIN and COMPILE PLAN.
fn opens_statement_set(head: &[Token]) -> bool {
    let words: Vec<_> = head.iter().map(word).collect();
    let begins = |with: &[Option<&str>]| words.starts_with(with);
    begins(&[Some("BEGIN"), Some("STATEMENT"), Some("SET")])
        || ([Some("EXECUTE"), Some("EXPLAIN"), Some("COMPILE")]
            .contains(&words.first().copied().flatten())
            && words.windows(3).any(|w| w == [Some("STATEMENT"), Some("SET"), Some("BEGIN")]))
}

/// Number of tokens up to the END of a statement set; `None` where there is none.
fn statement_set_length(tokens: &[Token]) -> Option<usize> {
    let end = tokens.windows(2).position(|pair| match pair {
        [before, token] => is_semicolon(before) && word(token) == Some("END"),
        _ => false,
    })? + 2;
    // What stands between END and `;` is reported as an error of this statement.
    let rest = tokens.get(end..)?;
    Some(end + rest.iter().position(is_semicolon).unwrap_or(rest.len()))
}
