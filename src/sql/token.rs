//! Tokens of Flink SQL.

use super::ast::NumberKind;
use super::keyword::Keyword;
use crate::base::Span;

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Position.
    pub span: Span,
}

/// The kinds of tokens. White space and comments are none.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenKind {
    /// A name or keyword without quotes; its text is the source's.
    Word(Option<Keyword>),
    /// `` `name` `` with doubled back-ticks undone.
    QuotedIdent(String),
    /// A number; its text is the source's.
    Number(NumberKind),
    /// `'text'` with doubled quotes undone, also after `N` or `_charset`.
    String(String),
    /// `U&'text'` with doubled quotes undone and escapes still in place: their escape character
    /// follows as `UESCAPE 'c'`.
    UnicodeString(String),
    /// `E'text'` with doubled quotes and the escapes of C still in place.
    EscapedString(String),
    /// `X'0aff'`: what stands between the quotes.
    Binary(String),
    /// `/*+`.
    HintStart,
    /// `*/` after a [`TokenKind::HintStart`].
    HintEnd,
    /// An operator or punctuation mark.
    Symbol(Symbol),
    /// Characters that are no token.
    Invalid(Invalid),
    /// End of the text.
    End,
}

/// Why characters are no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// A character that the grammar does not use.
    Character,
    /// `"`: Flink quotes names with back-ticks.
    DoubleQuote,
    /// `'` without its partner.
    UnclosedString,
    /// `` ` `` without its partner.
    UnclosedIdent,
    /// ``` `` ```.
    EmptyIdent,
    /// `/*` without `*/`.
    UnclosedComment,
    /// `_charset'text'` with a character set that Calcite does not know.
    UnknownCharset,
    /// `_latin1'text'` with a character that this set does not have.
    OutsideCharset,
}

impl TokenKind {
    /// Whether this is text that may stand for a name, a value of an option and the like.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::String(_) | Self::UnicodeString(_))
    }
}

macro_rules! symbols {
    ($($name:ident $text:literal,)*) => {
        /// Operators and punctuation marks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)] // their text says it
        pub enum Symbol {
            $($name,)*
        }

        impl Symbol {
            /// Every symbol; one that begins with another stands before it.
            pub(super) const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its text.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

symbols! {
    Concat "||",
    Arrow "=>",
    LambdaArrow "->",
    LtEq "<=",
    GtEq ">=",
    NotEq "<>",
    BangEq "!=",
    Eq "=",
    Lt "<",
    Gt ">",
    LParen "(",
    RParen ")",
    LBracket "[",
    RBracket "]",
    LBrace "{",
    RBrace "}",
    Comma ",",
    Semicolon ";",
    Dot ".",
    Colon ":",
    Question "?",
    Plus "+",
    Minus "-",
    Star "*",
    Slash "/",
    Percent "%",
    Caret "^",
    Pipe "|",
}
