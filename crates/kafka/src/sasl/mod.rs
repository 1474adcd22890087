//! SASL, from the client's side: pure state machines. Nonces, the time and credentials are
//! arguments; what the broker says goes in, what the client says comes out.

mod aws;
mod oauthbearer;
mod plain;
mod scram;

use std::fmt;

pub(crate) use aws::{AwsCredentials, AwsRequest, region_of_host};
pub(crate) use oauthbearer::{OauthBearer, unsecured_token};
pub(crate) use plain::plain;
pub(crate) use scram::{Hash, Scram};

use crate::limits::SASL_MESSAGE_BYTES_MAX;

/// Why an exchange cannot go on: what the broker said makes no sense, or proves that it does not
/// know the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SaslError(pub(crate) String);

impl SaslError {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for SaslError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What to do after the broker has spoken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Send this and wait.
    Send(Vec<u8>),
    /// The exchange is complete and the broker has proved what the mechanism lets it prove.
    Done,
}

/// One authentication over one connection.
pub(crate) struct Exchange {
    mechanism: &'static str,
    /// Who logs in, for error texts; empty if only the broker can tell.
    user: String,
    kind: Kind,
}

enum Kind {
    /// One message says all; the broker's answer carries nothing that matters.
    Single(Vec<u8>),
    Scram(Box<Scram>),
    OauthBearer(OauthBearer),
}

impl Exchange {
    /// An exchange of one message.
    pub(crate) fn single(mechanism: &'static str, user: String, message: Vec<u8>) -> Self {
        Self { mechanism, user, kind: Kind::Single(message) }
    }

    pub(crate) fn scram(user: String, scram: Scram) -> Self {
        Self { mechanism: scram.mechanism(), user, kind: Kind::Scram(Box::new(scram)) }
    }

    pub(crate) fn oauthbearer(exchange: OauthBearer) -> Self {
        Self { mechanism: "OAUTHBEARER", user: String::new(), kind: Kind::OauthBearer(exchange) }
    }

    /// Its registered name, for SaslHandshake.
    pub(crate) fn mechanism(&self) -> &'static str {
        self.mechanism
    }

    /// Who logs in, for error texts.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// The first message: every mechanism here lets the client begin.
    pub(crate) fn first(&mut self) -> Vec<u8> {
        match &mut self.kind {
            Kind::Single(message) => std::mem::take(message),
            Kind::Scram(scram) => scram.first(),
            Kind::OauthBearer(exchange) => exchange.first(),
        }
    }

    /// Takes what the broker said.
    ///
    /// # Errors
    /// It is not what the mechanism demands; the connection must be closed.
    pub(crate) fn next(&mut self, challenge: &[u8]) -> Result<Next, SaslError> {
        if challenge.len() > SASL_MESSAGE_BYTES_MAX {
            return Err(SaslError::new("the broker's message is too long"));
        }
        match &mut self.kind {
            Kind::Single(_) => Ok(Next::Done),
            Kind::Scram(scram) => scram.next(challenge),
            Kind::OauthBearer(exchange) => exchange.next(challenge),
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}
