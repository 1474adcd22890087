//! The error of a token that fits nothing.

use super::Parser;
use crate::base::limits::SQL_EXPECTED_SHOWN_MAX;
use crate::base::{Span, nearest};
use crate::sql::error::ParseError;
use crate::sql::token::{Invalid, Symbol, Token, TokenKind};

/// Characters of the shortest word that is taken for a mistyped one.
const MISTYPED_LEN_MIN: usize = 4;

impl Parser<'_> {
    /// The error of a current token that fits nothing that was looked for.
    pub(super) fn unexpected(&mut self) -> ParseError {
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
                    hint = Some(match keyword.text {
                        "TABLE" if self.stands_before_a_name() => format!("leave {text} away"),
                        _ => format!("{text} is a reserved word; quote it: `{text}`"),
                    });
                    format!("Encountered \"{text}\" {place}: a reserved word used as a name.")
                } else {
                    hint = match keyword.text {
                        word if begins_a_statement(word) && self.expected.contains(&";") => {
                            Some(format!("a ; may be missing before {text}"))
                        }
                        "NOT" if self.is_after("IF") => Some("write IF NOT EXISTS".to_owned()),
                        _ if self.expected.as_slice() == ["identifier"] => {
                            Some(format!("{text} is a reserved word; as a name: `{text}`"))
                        }
                        _ => None,
                    };
                    format!("Incorrect syntax near the keyword '{}' {place}.", keyword.text)
                }
            }
            TokenKind::Symbol(Symbol::Eq) if self.after_equals() => {
                hint = Some("equality is written =".to_owned());
                format!("Encountered \"{text}\" {place}.")
            }
            TokenKind::Word(_) => {
                hint = self.meant(text).map(|word| format!("did you mean {word}?"));
                format!("Encountered \"{text}\" {place}.")
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

    /// The word that may stand here and is mistyped as `text`. Short words are like too many others.
    fn meant(&self, text: &str) -> Option<&'static str> {
        let is_long = |word: &&str| word.len() >= MISTYPED_LEN_MIN;
        let words = self.expected.iter().copied().filter(is_long);
        let words = words.filter(|word| word.bytes().all(|byte| byte.is_ascii_uppercase()));
        Some(text).filter(is_long).and_then(|text| nearest(text, words))
    }

    fn before(&self) -> Option<&Token> {
        self.at.checked_sub(1).and_then(|i| self.tokens.get(i))
    }

    fn after_equals(&self) -> bool {
        self.before().is_some_and(|token| token.kind == TokenKind::Symbol(Symbol::Eq))
    }

    fn is_after(&self, word: &str) -> bool {
        self.before().is_some_and(
            |token| matches!(token.kind, TokenKind::Word(Some(keyword)) if keyword.text == word),
        )
    }

    /// Whether the next token is a name, so that this one need not be it.
    fn stands_before_a_name(&self) -> bool {
        self.tokens.get(self.at + 1).is_some_and(|token| match token.kind {
            TokenKind::Word(keyword) => keyword.is_none_or(|keyword| !keyword.reserved),
            TokenKind::QuotedIdent(_) => true,
            _ => false,
        })
    }

    /// Whether nothing but a name can stand here: after `.` and AS.
    pub(super) fn after_name_word(&self) -> bool {
        self.before().is_some_and(|token| match token.kind {
            TokenKind::Symbol(symbol) => symbol == Symbol::Dot,
            TokenKind::Word(keyword) => keyword.is_some_and(|k| k.text == "AS"),
            _ => false,
        })
    }

    /// The error of a reserved word that stands where a value was expected and does not begin
    /// one here, such as `count` without parentheses.
    pub(super) fn reserved_as_name(&mut self) -> ParseError {
        self.expected.clear();
        self.expecting("identifier");
        self.unexpected()
    }
}

pub(super) fn error(message: impl Into<String>, span: Span) -> ParseError {
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
        Invalid::UnknownCharset => (
            "unknown character set",
            Some("leave it away: all text is Unicode, also without a character set before it"),
        ),
        Invalid::OutsideCharset => (
            "the character set of this text does not have all of its characters",
            Some("leave it away: all text is Unicode, also without a character set before it"),
        ),
        Invalid::UnclosedComment => ("the comment is not closed", Some("close it with */")),
    }
}

/// Reserved words that hardly ever stand anywhere but at the beginning of a statement.
fn begins_a_statement(keyword: &str) -> bool {
    matches!(
        keyword,
        "ALTER"
            | "BEGIN"
            | "CREATE"
            | "DESCRIBE"
            | "DROP"
            | "EXECUTE"
            | "EXPLAIN"
            | "INSERT"
            | "RESET"
            | "SELECT"
            | "SET"
            | "SHOW"
            | "USE"
    )
}

/// Reserved words that hardly anybody means as a name: quoting one would not be the cure.
pub(super) fn opens_a_clause(keyword: &str) -> bool {
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
