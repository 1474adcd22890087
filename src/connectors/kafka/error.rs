//! The client's errors in the words and kinds of the table runtime.

use crate::base::{Error, ErrorKind};
use brooklet_kafka::error as kafka;

/// Who is at fault, whether a restart may help, and what would fix it.
pub(super) fn translate(error: &kafka::Error) -> Error {
    use kafka::ErrorKind as Kind;
    let kind = match error.kind() {
        Kind::Config { .. } => ErrorKind::Option,
        Kind::Unsupported => ErrorKind::Unsupported,
        Kind::Corrupt { .. } => ErrorKind::Data,
        _ => ErrorKind::External,
    };
    let mut translated = Error::new(kind, error.to_string());
    translated = match error.kind() {
        Kind::UnknownTopic { topic } => translated.with_hint(format!(
            "create it with 'brooklet topic create {topic} -b HOST:PORT --partitions N', or check the name"
        )),
        Kind::Unreachable { .. } => {
            translated.with_hint("check 'properties.bootstrap.servers' and that the broker is running")
        }
        Kind::OffsetOutOfRange { .. } => translated.with_hint(
            "records were deleted by retention, or the topic was recreated; start over with --fresh or other \
             start offsets",
        ),
        _ => translated,
    };
    match error.kind() {
        Kind::Unreachable { .. } | Kind::Timeout => translated.retriable(),
        Kind::Broker { code } if code.is_retriable() => translated.retriable(),
        _ => translated,
    }
}
