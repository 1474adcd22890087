//! Errors of the parser.

use std::fmt;

use crate::base::Span;

/// Why a statement was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// One sentence in Flink's words: `Encountered "x" at line 1, column 8. …`. Lines and columns
    /// count from 1 within the text given to the parser.
    pub message: String,
    /// What to underline.
    pub span: Span,
    /// What would fix it.
    pub hint: Option<String>,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ParseError {}

impl From<ParseError> for crate::base::Error {
    fn from(refused: ParseError) -> Self {
        let error = Self::new(crate::base::ErrorKind::Syntax, refused.message).at(refused.span);
        match refused.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}
