//! Why a subcommand ended early.

use crate::base::commands::{self, SOME_BROKERS};
use crate::base::{Error, ErrorKind};
use brooklet_kafka::error as kafka;

/// The end of a subcommand that did not reach its goal.
#[derive(Debug)]
pub(in crate::cli) enum Failure {
    /// Wrong use of the command line.
    Usage(String),
    /// Something failed; its kind decides the exit code.
    Error(Error),
    /// The first INT or TERM, or nobody reads standard output any more: no error.
    Stopped,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

impl From<kafka::Error> for Failure {
    fn from(error: kafka::Error) -> Failure {
        use kafka::ErrorKind as Kind;
        let kind = match error.kind() {
            Kind::Config { .. } => return Failure::Usage(error.message().to_owned()),
            Kind::Corrupt { .. } if error.is_unreadable() => ErrorKind::External,
            Kind::Corrupt { .. } | Kind::TooLarge => ErrorKind::Data,
            _ => ErrorKind::External,
        };
        let hint = match error.kind() {
            Kind::UnknownTopic { topic } => Some(format!(
                "'brooklet topic list' shows what there is; create it with \"{}\" (and --partitions N)",
                commands::topic_create(topic, SOME_BROKERS)
            )),
            Kind::Unreachable { .. } | Kind::Timeout => Some(error.property().map_or_else(
                || "check the address given with -b and that the broker is running".to_owned(),
                |property| format!("check {property} and that the endpoint works"),
            )),
            Kind::NotAuthorized => Some(match error.lacks() {
                Some(lacks) => format!("ask for a grant of {lacks}"),
                None => "ask for an ACL that allows this".to_owned(),
            }),
            Kind::Corrupt { .. } if error.is_unreadable() => Some(
                "check the address given with -b: what listens there may be no broker".to_owned(),
            ),
            Kind::OffsetOutOfRange { .. } => {
                Some("records were deleted meanwhile; start again, or use -o beginning".to_owned())
            }
            Kind::TooLarge => Some(
                "raise max.message.bytes of the topic, and max.request.size with -X".to_owned(),
            ),
            _ => None,
        };
        let translated = Error::new(kind, error.to_string());
        Failure::Error(match hint {
            Some(hint) => translated.with_hint(hint),
            None => translated,
        })
    }
}
