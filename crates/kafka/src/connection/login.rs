//! Logging in over a fresh connection: SaslHandshake names the mechanism, then tokens go back and
//! forth, inside SaslAuthenticate (KIP-152) or, with brokers before 1.0, as bare frames.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use super::{Asked, Connection, Output, State};
use crate::error::{Error, ErrorKind};
use crate::limits::SASL_ROUNDS_MAX;
use crate::sasl::{Exchange, Next};
use crate::wire::messages::sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse};
use crate::wire::messages::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};
use crate::wire::{ErrorCode, Request, frame};

/// A login under way.
#[derive(Debug)]
pub(super) struct Login {
    exchange: Exchange,
    framing: Framing,
    rounds: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// In SaslAuthenticate of this version.
    Wrapped(i16),
    /// A length and the token.
    Bare,
}

impl Login {
    pub(super) fn new(exchange: Exchange) -> Self {
        Self { exchange, framing: Framing::Bare, rounds: 0 }
    }
}

impl Connection {
    /// Versions are agreed on: the login begins, or requests may go out.
    pub(super) fn log_in(&mut self, now: Duration) {
        let (Some(login), true) = (&self.login, self.settings.sasl) else {
            self.state = State::Ready;
            return;
        };
        self.state = State::LoggingIn;
        let mechanism = login.exchange.mechanism().to_owned();
        let Some((_, max)) = self.versions.get(&SaslHandshakeRequest::KEY).copied() else {
            return self
                .refuse(format!("the broker does not know SASL, but {mechanism} is asked for"));
        };
        let version = max.min(*SaslHandshakeRequest::VERSIONS.end());
        let request = SaslHandshakeRequest { mechanism };
        self.write_own(Asked::Handshake, version, &request, now);
    }

    pub(super) fn handshake_answered(&mut self, frame: Bytes, version: i16, now: Duration) {
        let response = match frame::decode_response::<SaslHandshakeRequest>(frame, version) {
            Ok((_, response)) => response,
            Err(error) => {
                return self.close(&self.corrupt(error.to_string()).in_api("SaslHandshake"));
            }
        };
        let SaslHandshakeResponse { error_code, mechanisms } = response;
        let Some(login) = &mut self.login else { return };
        let mechanism = login.exchange.mechanism();
        match ErrorCode(error_code) {
            ErrorCode::NONE => {}
            ErrorCode::UNSUPPORTED_SASL_MECHANISM => {
                let names: Vec<String> =
                    mechanisms.iter().map(|name| name.escape_debug().to_string()).collect();
                return self.refuse(format!(
                    "the broker does not offer {mechanism} on this listener, but {}; see sasl.mechanism",
                    names.join(", ")
                ));
            }
            ErrorCode::ILLEGAL_SASL_STATE => {
                return self.refuse(format!(
                    "this listener has no SASL, but {mechanism} is asked for; security.protocol must be \
                     PLAINTEXT or SSL here"
                ));
            }
            code => {
                let error = Error::broker(code, None).in_api("SaslHandshake").at(&self.address);
                return self.close(&error);
            }
        }
        login.framing = match self.versions.get(&SaslAuthenticateRequest::KEY) {
            Some((_, max)) if version >= 1 => {
                Framing::Wrapped((*max).min(*SaslAuthenticateRequest::VERSIONS.end()))
            }
            _ => Framing::Bare,
        };
        let first = login.exchange.first();
        self.send_token(first, now);
    }

    fn send_token(&mut self, token: Vec<u8>, now: Duration) {
        let Some(login) = &mut self.login else { return };
        login.rounds += 1;
        if login.rounds > SASL_ROUNDS_MAX {
            return self.refuse("the broker does not come to the end of the login".to_owned());
        }
        match login.framing {
            Framing::Wrapped(version) => {
                let request = SaslAuthenticateRequest { auth_bytes: token.into() };
                self.write_own(Asked::Token { bare: false }, version, &request, now);
            }
            Framing::Bare => {
                let Ok(length) = u32::try_from(token.len()) else { return };
                let mut frame = BytesMut::with_capacity(token.len() + frame::PREFIX_BYTES);
                frame.put_u32(length);
                frame.put_slice(&token);
                self.sent(Asked::Token { bare: true }, 0, now);
                self.outputs.push_back(Output::Send(vec![frame.freeze()]));
            }
        }
    }

    pub(super) fn token_answered(&mut self, frame: Bytes, version: i16, bare: bool, now: Duration) {
        let response = if bare {
            SaslAuthenticateResponse { auth_bytes: frame, ..SaslAuthenticateResponse::default() }
        } else {
            match frame::decode_response::<SaslAuthenticateRequest>(frame, version) {
                Ok((_, response)) => response,
                Err(error) => {
                    return self.close(&self.corrupt(error.to_string()).in_api("SaslAuthenticate"));
                }
            }
        };
        match ErrorCode(response.error_code) {
            ErrorCode::NONE => {}
            ErrorCode::SASL_AUTHENTICATION_FAILED => {
                let said = response.error_message.as_deref().unwrap_or("no reason given");
                let text = format!(
                    "the broker refuses the login{}: {}",
                    self.by_user(),
                    said.escape_debug()
                );
                return self.refuse(text);
            }
            code => {
                let error = Error::broker(code, response.error_message.as_deref());
                return self.close(&error.in_api("SaslAuthenticate").at(&self.address));
            }
        }
        let Some(login) = &mut self.login else { return };
        match login.exchange.next(&response.auth_bytes) {
            Ok(Next::Send(token)) => self.send_token(token, now),
            Ok(Next::Done) => {
                self.login = None;
                self.state = State::Ready;
                let lifetime = u64::try_from(response.session_lifetime_ms).unwrap_or(0);
                if lifetime > 0 {
                    let part = lifetime.saturating_mul(self.settings.session_percent) / 100;
                    self.retire_at = Some(now.saturating_add(Duration::from_millis(part)));
                }
            }
            Err(error) => {
                let text = format!("the login{} is broken off: {error}", self.by_user());
                self.refuse(text);
            }
        }
    }

    fn by_user(&self) -> String {
        let Some(login) = &self.login else { return String::new() };
        let mechanism = login.exchange.mechanism();
        match login.exchange.user() {
            "" => format!(" with {mechanism}"),
            user => format!(" of user '{}' with {mechanism}", user.escape_debug()),
        }
    }

    /// What to say when the broker closes a connection in the middle of the login: brokers before
    /// 1.0 know no other way to refuse.
    pub(super) fn lost_while_logging_in(&self) -> Option<Error> {
        let bare = self
            .login
            .as_ref()
            .is_some_and(|login| login.rounds > 0 && login.framing == Framing::Bare);
        (self.state == State::LoggingIn && bare).then(|| {
            let text = format!(
                "the broker closed the connection during the login{}: that is how brokers before 1.0 \
                 refuse credentials",
                self.by_user()
            );
            Error::new(ErrorKind::Authentication, text).at(&self.address)
        })
    }

    fn refuse(&mut self, text: String) {
        let error = Error::new(ErrorKind::Authentication, text).at(&self.address);
        self.close(&error);
    }

    fn write_own<R: Request>(&mut self, asked: Asked, version: i16, request: &R, now: Duration) {
        let id = &*self.settings.client_id;
        match frame::encode_request_pieces(self.next_correlation, Some(id), version, request) {
            Ok(bytes) => {
                self.sent(asked, version, now);
                self.outputs.push_back(Output::Send(bytes));
            }
            Err(error) => {
                let error = Error::new(ErrorKind::Unsupported, error.to_string());
                self.close(&error.in_api(R::NAME).at(&self.address));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::connection::{CallId, Settings};
    use crate::sasl::plain;
    use crate::wire::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
    use crate::wire::messages::metadata::{MetadataRequest, MetadataResponse};
    use crate::wire::messages::{APIS, api_versions::ApiVersion};

    const SECOND: Duration = Duration::from_secs(1);

    fn answer<R: Request>(c: &mut Connection, id: i32, body: &R::Response, now: Duration) {
        let version = c.in_flight.front().map_or(0, |sent| sent.version);
        let frame = frame::encode_response::<R>(id, version, body).unwrap().slice(4..);
        c.received(frame, now);
    }

    fn outputs(c: &mut Connection) -> Vec<String> {
        std::iter::from_fn(|| c.poll_output())
            .map(|output| match output {
                Output::Send(_) => "send".to_owned(),
                Output::Done(call, Ok(_)) => format!("ok {}", call.0),
                Output::Done(call, Err(failed)) => format!("{}: {:?}", call.0, failed.error.kind()),
                Output::Close => "close".to_owned(),
                Output::CloseIdle => "close idle".to_owned(),
                Output::Replace(waiting) => format!("replace {}", waiting.len()),
            })
            .collect()
    }

    fn submit(c: &mut Connection, call: u64, now: Duration) {
        c.submit(CallId(call), MetadataRequest::default().into(), 30 * SECOND, now);
    }

    /// Agrees on versions and on PLAIN.
    fn offered() -> Connection {
        let settings = Settings {
            client_id: "test".into(),
            max_in_flight: 5,
            request_timeout: 30 * SECOND,
            idle_timeout: None,
            tls: false,
            sasl: true,
            trusted: false,
            session_percent: 90,
        };
        let mut c = Connection::new("b:1".into(), settings, 3, 10 * SECOND, Duration::ZERO);
        submit(&mut c, 1, Duration::ZERO);
        c.connected(Some(plain("u", &Secret::new("p"))), Duration::ZERO);
        let of = |api: &crate::wire::layout::ApiSpec| ApiVersion {
            api_key: api.key,
            min_version: api.version_min,
            max_version: api.version_max,
        };
        let versions =
            ApiVersionsResponse { api_keys: APIS.iter().map(of).collect(), ..Default::default() };
        answer::<ApiVersionsRequest>(&mut c, 0, &versions, Duration::ZERO);
        let offered = SaslHandshakeResponse { error_code: 0, mechanisms: vec!["PLAIN".to_owned()] };
        answer::<SaslHandshakeRequest>(&mut c, 1, &offered, Duration::ZERO);
        assert_eq!(outputs(&mut c), ["send", "send", "send"], "versions, handshake, token");
        c
    }

    #[test]
    fn requests_wait_for_the_login() {
        let mut c = offered();
        assert!(!c.is_ready());
        answer::<SaslAuthenticateRequest>(&mut c, 2, &Default::default(), Duration::ZERO);
        assert_eq!(outputs(&mut c), ["send"]);
        assert_eq!(c.next_deadline(), Some(30 * SECOND), "a session without end");
    }

    #[test]
    fn a_refused_login_fails_what_waited_for_it() {
        let mut c = offered();
        let refused = SaslAuthenticateResponse {
            error_code: ErrorCode::SASL_AUTHENTICATION_FAILED.0,
            error_message: Some("no".to_owned()),
            ..Default::default()
        };
        answer::<SaslAuthenticateRequest>(&mut c, 2, &refused, Duration::ZERO);
        assert_eq!(outputs(&mut c), ["1: Authentication", "close"]);
    }

    /// KIP-368: nothing is sent behind a session's end, nothing that was sent is given up.
    #[test]
    fn a_session_that_ends_is_replaced_once_nothing_is_in_flight() {
        let mut c = offered();
        let session =
            SaslAuthenticateResponse { session_lifetime_ms: 10_000, ..Default::default() };
        answer::<SaslAuthenticateRequest>(&mut c, 2, &session, SECOND);
        assert_eq!(outputs(&mut c), ["send"]);
        assert_eq!(c.next_deadline(), Some(10 * SECOND), "nine tenths of its life");
        c.tick(10 * SECOND);
        submit(&mut c, 2, 10 * SECOND);
        assert!(outputs(&mut c).is_empty() && !c.has_room());
        answer::<MetadataRequest>(&mut c, 3, &MetadataResponse::default(), 11 * SECOND);
        assert_eq!(outputs(&mut c), ["ok 1", "replace 1"]);
    }
}
