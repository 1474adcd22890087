//! The one error type: who is at fault, what was being done, what would fix it.

use super::Span;
use std::fmt;

/// Shorthand used by every layer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who is at fault; decides the exit code (see `cli::exit`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The text is not Flink SQL.
    Syntax,
    /// An option is unknown, missing or has a wrong value.
    Option,
    /// Names or types do not fit.
    Schema,
    /// Correct Flink SQL that brooklet cannot run yet.
    Unsupported,
    /// A record, or a value computed from one, is wrong.
    Data,
    /// Something outside: broker, file, network, permission.
    External,
    /// A bug in brooklet.
    Internal,
}

/// An error with its place and, where known, its cure.
///
/// `Display` gives the message and its context on one line; the command line adds the source excerpt from
/// [`Error::span`] and the [`Error::hint`].
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    context: Vec<String>,
    hint: Option<String>,
    span: Option<Span>,
    retriable: bool,
    outage: bool,
}

impl Error {
    /// An error of `kind`; `message` starts in lower case and has no full stop at its end.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            context: Vec::new(),
            hint: None,
            span: None,
            retriable: false,
            outage: false,
        }))
    }

    /// Correct Flink SQL that is not there yet; the text is `not supported yet: WHAT`.
    pub fn unsupported(what: impl fmt::Display) -> Error {
        Error::new(ErrorKind::Unsupported, format!("not supported yet: {what}"))
    }

    /// A bug: the text asks for a report.
    pub fn internal(what: impl fmt::Display) -> Error {
        Error::new(ErrorKind::Internal, format!("internal error: {what} (please report this)"))
    }

    /// Adds what was being done, outermost last: `message (while CONTEXT)`.
    #[must_use]
    pub fn context(mut self, doing: impl Into<String>) -> Error {
        self.0.context.push(doing.into());
        self
    }

    /// Says what would fix it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hint = Some(hint.into());
        self
    }

    /// Points at the SQL text, unless a more precise place is known already.
    #[must_use]
    pub fn at(mut self, span: Span) -> Error {
        self.0.span.get_or_insert(span);
        self
    }

    /// Points at another place in the SQL text.
    #[must_use]
    pub fn moved_to(mut self, span: Span) -> Error {
        self.0.span = Some(span);
        self
    }

    /// Marks a failure that a restart from the last epoch may cure.
    #[must_use]
    pub fn retriable(mut self) -> Error {
        self.0.retriable = true;
        self
    }

    /// The same where somebody does not answer, or is not ready to: it passes when they are back, however long that takes.
    #[must_use]
    pub fn outage(mut self) -> Error {
        self.0.outage = true;
        self.retriable()
    }

    /// Who is at fault.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message without context.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What would fix it.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Where in the SQL text.
    pub fn span(&self) -> Option<Span> {
        self.0.span
    }

    /// Whether a restart from the last epoch may cure it.
    pub fn is_retriable(&self) -> bool {
        self.0.retriable
    }

    /// Whether nothing is wrong but that somebody does not answer.
    pub fn is_outage(&self) -> bool {
        self.0.outage
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for doing in &self.0.context {
            write!(f, " (while {doing})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
