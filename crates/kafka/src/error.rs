//! The one error type of the client: who is at fault, what was being done, against which address.

use std::fmt;

use crate::wire::ErrorCode;

/// Result of every fallible call of the client.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as a program can act on it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No connection to `address` (`host:port`) could be opened, or it broke.
    Unreachable {
        /// The address that was tried, `host:port`.
        address: String,
    },
    /// An answer did not arrive in time.
    Timeout,
    /// The broker answered with an error code.
    Broker {
        /// The protocol's error code.
        code: ErrorCode,
    },
    /// The topic or partition does not exist (or is hidden from this principal).
    UnknownTopic {
        /// Name of the topic.
        topic: String,
    },
    /// The topic was deleted and created again while it was in use: positions of the old one mean nothing.
    TopicRecreated {
        /// Name of the topic.
        topic: String,
    },
    /// The same, and the new topic has fewer partitions: not this one.
    PartitionGone {
        /// Name of the topic.
        topic: String,
    },
    /// The principal may not do this.
    NotAuthorized,
    /// One side does not accept the other: credentials, certificate, SASL mechanism, TLS itself.
    /// Another attempt would end in the same way.
    Authentication,
    /// The position lies outside the log. Never repaired silently.
    OffsetOutOfRange {
        /// The position that was asked for.
        offset: i64,
        /// First offset of the log.
        earliest: i64,
        /// Offset after the last record.
        latest: i64,
    },
    /// The log lost records that were read already: they are gone or others took their place, as after an
    /// unclean leader election (KIP-320).
    Truncated {
        /// The position that was asked for.
        offset: i64,
        /// First offset that was lost, −1 if the broker did not say.
        end: i64,
    },
    /// Bytes that break the format of a record batch or of a response.
    Corrupt {
        /// First offset of the damaged batch, −1 if the damage is not in a batch.
        offset: i64,
    },
    /// A record is larger than the broker accepts.
    TooLarge,
    /// A property is wrong.
    Config {
        /// Name of the property.
        key: String,
    },
    /// Neither side's protocol versions overlap, or a feature is not there yet.
    Unsupported,
    /// The client was closed.
    Closed,
}

/// An error of the client. Its text names the API and the address.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    kind: ErrorKind,
    /// The error code that a broker answered with.
    answered: Option<ErrorCode>,
    /// What the principal would have to be granted.
    lacks: Option<String>,
    message: String,
    api: Option<&'static str>,
    address: Option<String>,
    /// The property that names who is at fault, if that is no broker.
    property: Option<&'static str>,
    retriable: bool,
}

impl Error {
    /// An error of `kind` with a sentence for people.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retriable = match &kind {
            ErrorKind::Unreachable { .. } | ErrorKind::Timeout => true,
            ErrorKind::Broker { code } => code.is_retriable(),
            _ => false,
        };
        let answered = match kind {
            ErrorKind::Broker { code } => Some(code),
            _ => None,
        };
        let message = message.into();
        Self(Box::new(Inner {
            kind,
            answered,
            lacks: None,
            message,
            api: None,
            address: None,
            property: None,
            retriable,
        }))
    }

    /// The error behind an error code of a broker.
    pub fn broker(code: ErrorCode, message: Option<&str>) -> Self {
        let text = match message {
            Some(text) if !text.is_empty() => format!("{}: {text}", code.name()),
            _ => format!("{}: {}", code.name(), code.text()),
        };
        let kind = match code {
            ErrorCode::TOPIC_AUTHORIZATION_FAILED
            | ErrorCode::GROUP_AUTHORIZATION_FAILED
            | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
            | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED => ErrorKind::NotAuthorized,
            ErrorCode::CORRUPT_MESSAGE => ErrorKind::Corrupt { offset: -1 },
            ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => ErrorKind::TooLarge,
            ErrorCode::UNSUPPORTED_VERSION => ErrorKind::Unsupported,
            code => ErrorKind::Broker { code },
        };
        let mut error = Self::new(kind, text);
        error.0.answered = Some(code);
        error
    }

    /// A connection to `address` could not be opened or broke.
    pub fn unreachable(address: &str, reason: impl fmt::Display) -> Self {
        let message = format!("{reason}");
        Self::new(ErrorKind::Unreachable { address: address.to_owned() }, message).at(address)
    }

    /// No answer within the time that `what` may take.
    pub fn timeout(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Timeout, what)
    }

    /// The topic does not exist.
    pub fn unknown_topic(topic: &str) -> Self {
        Self::new(
            ErrorKind::UnknownTopic { topic: topic.to_owned() },
            format!(
                "topic `{topic}` does not exist on this cluster, or this principal may not see it"
            ),
        )
    }

    /// The property `key` is wrong.
    pub fn config(key: &str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config { key: key.to_owned() }, message)
    }

    /// The client was closed before the answer came.
    pub fn closed() -> Self {
        Self::new(ErrorKind::Closed, "the client was closed")
    }

    /// Names the API that was called.
    #[must_use]
    pub fn in_api(mut self, api: &'static str) -> Self {
        self.0.api.get_or_insert(api);
        self
    }

    /// Names the broker's address, `host:port`.
    #[must_use]
    pub fn at(mut self, address: &str) -> Self {
        self.0.address.get_or_insert_with(|| address.to_owned());
        self
    }

    /// Names the property that names who is at fault.
    pub(crate) fn by(mut self, property: &'static str) -> Self {
        self.0.property = Some(property);
        self
    }

    /// Adds what was being done in front of the message.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.0.message = format!("{what}: {}", self.0.message);
        self
    }

    /// Names what the principal would have to be granted on `topic`, if the broker refused the topic.
    pub(crate) fn lacking(mut self, operation: &str, topic: &str) -> Self {
        if self.0.answered == Some(ErrorCode::TOPIC_AUTHORIZATION_FAILED) {
            self.0.lacks = Some(format!("{operation} on topic '{topic}'"));
        }
        self
    }

    /// What the principal would have to be granted, such as `WRITE on topic 'name'`, where that is known.
    pub fn lacks(&self) -> Option<&str> {
        self.0.lacks.as_deref()
    }

    /// What went wrong, for programs.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The protocol error code, if a broker gave one that has no kind of its own.
    pub fn code(&self) -> Option<ErrorCode> {
        match self.0.kind {
            ErrorKind::Broker { code } => Some(code),
            _ => None,
        }
    }

    /// The protocol error code that a broker answered with, whatever kind of error that is.
    pub fn answered(&self) -> Option<ErrorCode> {
        self.0.answered
    }

    /// The API that was called, by its name in the protocol.
    pub fn api(&self) -> Option<&'static str> {
        self.0.api
    }

    /// The broker's address, `host:port`.
    pub fn address(&self) -> Option<&str> {
        self.0.address.as_deref()
    }

    /// The property that names who is at fault, if that is no broker: the one of a token endpoint.
    pub fn property(&self) -> Option<&'static str> {
        self.0.property
    }

    /// The sentence for people, without API and address.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether an answer could not be read: what listens there may be no broker.
    pub fn is_unreadable(&self) -> bool {
        self.0.answered.is_none() && self.0.kind == ErrorKind::Corrupt { offset: -1 }
    }

    /// Whether the same call may succeed later without any change.
    pub fn is_retriable(&self) -> bool {
        self.0.retriable
    }

    /// Whether it is pointless to wait for another broker or a better moment.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Unsupported | ErrorKind::Authentication)
    }

    /// Overrides whether the call may be repeated.
    #[must_use]
    pub fn retriable(mut self, retriable: bool) -> Self {
        self.0.retriable = retriable;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match (self.0.api, &self.0.address) {
            (Some(api), Some(address)) => write!(f, " ({api} to {address})"),
            (Some(api), None) => write!(f, " ({api})"),
            (None, Some(address)) => write!(f, " ({address})"),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_names_api_and_address() {
        let error = Error::unreachable("broker-1:9092", "connection refused").in_api("Metadata");
        assert_eq!(error.to_string(), "connection refused (Metadata to broker-1:9092)");
        assert!(error.is_retriable());
    }

    #[test]
    fn authorization_codes_share_a_kind() {
        let error = Error::broker(ErrorCode::GROUP_AUTHORIZATION_FAILED, None);
        assert_eq!(error.kind(), &ErrorKind::NotAuthorized);
        assert_eq!(
            (error.code(), error.answered()),
            (None, Some(ErrorCode::GROUP_AUTHORIZATION_FAILED))
        );
        assert!(!error.is_retriable());
    }
}
