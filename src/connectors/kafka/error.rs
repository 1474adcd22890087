//! The client's errors in the words and kinds of the table runtime.

use crate::base::commands::{self, SOME_BROKERS};
use crate::base::{Error, ErrorKind};
use brooklet_kafka::wire::ErrorCode;
use brooklet_kafka::{Client, error as kafka};

/// The same for a call that may be the first one to the cluster: a broker that does not answer is named by the address
/// that the user gave, not by what was asked of it.
pub(super) fn contact(error: &kafka::Error, client: &Client) -> Error {
    let (kafka::ErrorKind::Unreachable { .. } | kafka::ErrorKind::Timeout) = error.kind() else {
        return translate(error);
    };
    if error.property().is_some() {
        return translate(error);
    }
    let bootstrap = bootstrap(client);
    let place = match error.address().filter(|address| *address != "?" && *address != bootstrap) {
        Some(address) => format!("'{bootstrap}', last tried {address}"),
        None => format!("'{bootstrap}'"),
    };
    Error::new(
        ErrorKind::External,
        format!("no answer from the brokers at {place}: {}", error.message()),
    )
    .with_hint("check 'properties.bootstrap.servers' and that the broker is running")
    .outage()
}

/// The brokers that the user named.
pub(super) fn bootstrap(client: &Client) -> String {
    let bootstrap = client.config().bootstrap.iter().map(ToString::to_string);
    bootstrap.collect::<Vec<_>>().join(",")
}

/// The way on where a topic is not the one any more.
pub(super) const TOPIC_CHANGED: &str =
    "start over with --fresh, or choose what happens then with 'scan.topic-change.mode'";

/// Who is at fault, whether a restart may help, and what would fix it.
pub(super) fn translate(error: &kafka::Error) -> Error {
    use kafka::ErrorKind as Kind;
    let kind = match error.kind() {
        Kind::Config { .. } => ErrorKind::Option,
        Kind::Unsupported => ErrorKind::Unsupported,
        // An answer is the broker's fault, a batch the data's.
        Kind::Corrupt { .. } if error.is_unreadable() => ErrorKind::External,
        // A record that the broker finds too large is a bad record, like one that cannot be decoded.
        Kind::Corrupt { .. } | Kind::TooLarge => ErrorKind::Data,
        _ => ErrorKind::External,
    };
    let mut translated = Error::new(kind, error.to_string());
    translated = match error.kind() {
        Kind::UnknownTopic { topic } => translated.with_hint(format!(
            "create it with \"{}\" (and --partitions N), or check the name",
            commands::topic_create(topic, SOME_BROKERS)
        )),
        Kind::Unreachable { .. } => match error.property() {
            Some(property) => {
                translated.with_hint(format!("check 'properties.{property}' and that the endpoint works"))
            }
            None => translated.with_hint("check 'properties.bootstrap.servers' and that the broker is running"),
        },
        Kind::Corrupt { .. } if error.is_unreadable() => translated.with_hint(
            "check 'properties.bootstrap.servers': what listens there may be no broker, or a proxy changes its answers",
        ),
        Kind::TooLarge => translated.with_hint(
            "raise the topic's 'max.message.bytes' (and, where compression brings records below it, see \
             'properties.compression.type')",
        ),
        Kind::OffsetOutOfRange { .. } => translated.with_hint(
            "records were deleted by retention, or the topic was recreated; start over with --fresh or other \
             start offsets",
        ),
        Kind::TopicRecreated { .. } | Kind::PartitionGone { .. } | Kind::Truncated { .. } => translated.with_hint(TOPIC_CHANGED),
        Kind::NotAuthorized => match error.lacks() {
            Some(lacks) => translated.with_hint(format!("grant {lacks}")),
            None => translated,
        },
        Kind::Broker { code } => match hint_at(*code) {
            Some(hint) => translated.with_hint(hint),
            None => translated,
        },
        _ => translated,
    };
    match error.kind() {
        Kind::Unreachable { .. } | Kind::Timeout => translated.outage(),
        Kind::Broker { code } if ABSENT.contains(code) => translated.outage(),
        // Not a batch but an answer: the connection is to blame, and another one may be fine.
        Kind::Corrupt { offset } if *offset < 0 => translated.retriable(),
        Kind::Broker { code } if code.is_retriable() || ATTEMPT_OVER.contains(code) => {
            translated.retriable()
        }
        _ => translated,
    }
}

/// Codes that end an attempt and say nothing of the next one, which goes on from what is stored, with a producer epoch of
/// its own.
const ATTEMPT_OVER: [ErrorCode; 4] = [
    // The broker did not say what went wrong.
    ErrorCode::UNKNOWN_SERVER_ERROR,
    // The log lacks records that were acknowledged, or has forgotten the producer with its last record (KIP-360): what
    // is missing cannot be written again without the rest of its transaction.
    ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
    ErrorCode::UNKNOWN_PRODUCER_ID,
    // KIP-1050.
    ErrorCode::TRANSACTION_ABORTABLE,
];

/// Codes by which a broker that is there tells of others that are not, or that it has just started itself.
const ABSENT: [ErrorCode; 8] = [
    ErrorCode::BROKER_NOT_AVAILABLE,
    ErrorCode::LEADER_NOT_AVAILABLE,
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::COORDINATOR_NOT_AVAILABLE,
    ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode::NOT_COORDINATOR,
    ErrorCode::NOT_ENOUGH_REPLICAS,
    ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
];

/// What to do about a code that is about settings of a topic (Kafka's `LogValidator`).
fn hint_at(code: ErrorCode) -> Option<&'static str> {
    match code {
        ErrorCode::INVALID_RECORD => Some(
            "where the topic is compacted ('cleanup.policy'), every record needs a key: set 'key.fields', or use connector \
             'upsert-kafka'",
        ),
        ErrorCode::INVALID_TIMESTAMP => Some(
            "see the topic's 'message.timestamp.before.max.ms' and 'message.timestamp.after.max.ms'; a table that does not \
             declare 'timestamp' METADATA is written with the time of writing",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_may_be_repeated_where_the_code_is_about_this_one() {
        let retriable = |code| translate(&kafka::Error::broker(code, None)).is_retriable();
        for code in ATTEMPT_OVER {
            assert!(retriable(code), "{code:?}");
        }
        assert!(!retriable(ErrorCode::INVALID_RECORD));
        for code in ABSENT {
            assert!(retriable(code), "{code:?}");
        }
    }

    #[test]
    fn brokers_that_are_away_are_told_from_those_that_refuse() {
        let outage = |error: kafka::Error| translate(&error).is_outage();
        assert!(outage(kafka::Error::unreachable("b:1", "connection refused")));
        assert!(outage(kafka::Error::timeout("no answer")));
        assert!(outage(kafka::Error::broker(ErrorCode::NOT_ENOUGH_REPLICAS, None)));
        assert!(!outage(kafka::Error::broker(ErrorCode::UNKNOWN_SERVER_ERROR, None)));
        assert!(!outage(kafka::Error::broker(ErrorCode::TOPIC_AUTHORIZATION_FAILED, None)));
    }
}
