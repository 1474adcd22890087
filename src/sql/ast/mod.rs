//! The syntax tree of Flink SQL.
//!
//! The tree says what was written, not what it means: names are unresolved, numbers are text,
//! defaults are absent. Every node carries the [`Span`] of its source text. Parentheses are not
//! nodes: the span of a parenthesised expression includes them, and
//! `to_sql` puts them back where precedence needs them.

mod data_type;
mod ddl;
mod expr;
mod json;
mod query;
mod statement;

pub use data_type::*;
pub use ddl::*;
pub use expr::*;
pub use json::*;
pub use query::*;
pub use statement::*;

use crate::base::Span;

/// One part of a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Ident {
    /// The name, without back-ticks and with doubled back-ticks undone. Case is kept: names are
    /// case-sensitive in Flink.
    pub value: String,
    /// Whether it was written in back-ticks.
    pub quoted: bool,
    /// Position.
    pub span: Span,
}

/// A possibly qualified name: `catalog.database.table`.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectName {
    /// At least one part.
    pub parts: Vec<Ident>,
    /// Position.
    pub span: Span,
}

impl ObjectName {
    /// The unqualified name: the last part.
    #[must_use]
    pub fn last(&self) -> &str {
        self.parts.last().map_or("", |part| part.value.as_str())
    }

    /// Whether no parenthesis stands before its first part: `(a).b` is a name, too.
    #[must_use]
    pub fn starts_with_its_first_part(&self) -> bool {
        self.parts.first().is_some_and(|first| first.span.start == self.span.start)
    }

    /// Whether this is the one unqualified name `name`, ignoring ASCII case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        matches!(self.parts.as_slice(), [only] if only.value.eq_ignore_ascii_case(name))
    }
}

/// A character string literal outside of expressions: an option key or value, a comment, a path.
#[derive(Debug, Clone, PartialEq)]
pub struct SqlString {
    /// The text, with doubled quotes and Unicode escapes undone.
    pub value: String,
    /// Position, with the quotes.
    pub span: Span,
}

/// `'key' = 'value'` of a WITH clause or an OPTIONS hint.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// Left of `=`.
    pub key: SqlString,
    /// Right of `=`.
    pub value: SqlString,
    /// Position of the whole pair.
    pub span: Span,
}

/// `/*+ NAME(…) */`: one hint of a hint comment.
#[derive(Debug, Clone, PartialEq)]
pub struct Hint {
    /// `OPTIONS`, `LOOKUP`, `BROADCAST`, `STATE_TTL`, …
    pub name: Ident,
    /// What stands in the parentheses.
    pub args: HintArgs,
    /// Position, from the name on.
    pub span: Span,
}

/// The arguments of a [`Hint`].
#[derive(Debug, Clone, PartialEq)]
pub enum HintArgs {
    /// `NAME` or `NAME()`.
    None,
    /// `NAME('k' = 'v', …)`; a bare key is kept as if it were quoted.
    Properties(Vec<Property>),
    /// `NAME(a, b)`: names or literals, as text.
    List(Vec<SqlString>),
}
