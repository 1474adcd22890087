//! Exit codes: a contract with scripts and supervisors.

use crate::base::{Error, ErrorKind};
use std::process::ExitCode;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or drained after the first INT or TERM.
    Done = 0,
    /// A job failed: bad record, division by zero, internal error.
    Failed = 1,
    /// Wrong use of the command line.
    Usage = 2,
    /// SQL refused: syntax, option, schema, unsupported.
    Refused = 3,
    /// Something outside: broker, topic, permission, delivery time-out.
    Outside = 4,
    /// A second INT.
    Interrupted = 130,
    /// A second TERM.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Exit {
        match error.kind() {
            ErrorKind::Syntax | ErrorKind::Option | ErrorKind::Schema | ErrorKind::Unsupported => {
                Exit::Refused
            }
            ErrorKind::Data | ErrorKind::Internal => Exit::Failed,
            ErrorKind::External => Exit::Outside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_documented_ones() {
        let codes = [
            (Exit::Done, 0),
            (Exit::Failed, 1),
            (Exit::Usage, 2),
            (Exit::Refused, 3),
            (Exit::Outside, 4),
            (Exit::Interrupted, 130),
            (Exit::Terminated, 143),
        ];
        for (exit, code) in codes {
            assert_eq!(exit as i32, code);
        }
        let kinds = [
            (ErrorKind::Syntax, Exit::Refused),
            (ErrorKind::Option, Exit::Refused),
            (ErrorKind::Schema, Exit::Refused),
            (ErrorKind::Unsupported, Exit::Refused),
            (ErrorKind::Data, Exit::Failed),
            (ErrorKind::Internal, Exit::Failed),
            (ErrorKind::External, Exit::Outside),
        ];
        for (kind, exit) in kinds {
            assert_eq!(Exit::from(&Error::new(kind, "x")), exit);
        }
    }
}
