//! One connection to one broker: version negotiation, correlation ids, in-flight limit, request
//! time-outs and throttling. A pure machine: bytes, events and the time go in, frames and answers
//! come out.

mod login;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::apis::{AnyRequest, AnyResponse, Api};
use crate::error::{Error, ErrorKind};
use crate::limits::THROTTLE_MAX;
use crate::sasl::Exchange;
use crate::wire::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use crate::wire::{ErrorCode, frame};

/// First ApiVersions version whose answer tells features (KIP-584).
const FEATURES_SINCE: i16 = 3;

/// Identifies one request of a state machine until its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallId(pub(crate) u64);

/// A request without an answer.
#[derive(Debug, Clone)]
pub(crate) struct CallError {
    pub(crate) error: Error,
    /// Whether the broker may have acted on it.
    pub(crate) maybe_sent: bool,
}

/// Why a socket is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// For people.
    pub(crate) text: String,
    /// Whether one side does not accept the other, so that another attempt is pointless.
    pub(crate) refused: bool,
    /// The property that names who is at fault, if that is not the broker.
    pub(crate) property: Option<&'static str>,
}

impl Problem {
    /// The network, or a broker that went away.
    pub(crate) fn broken(text: impl Into<String>) -> Self {
        Self { text: text.into(), refused: false, property: None }
    }

    /// A certificate, a token, a protocol.
    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self { text: text.into(), refused: true, property: None }
    }
}

/// A request that waits to be sent, with the time that its answer may take.
pub(crate) type Queued = (CallId, AnyRequest, Duration);

/// What the connection wants.
#[derive(Debug)]
pub(crate) enum Output {
    /// A frame to write, in pieces.
    Send(Vec<Bytes>),
    /// A request is over.
    Done(CallId, Result<AnyResponse, CallError>),
    /// The connection is of no more use and must be closed; its calls have failed already.
    Close,
    /// Nobody has used the connection for long; to be closed without blame.
    CloseIdle,
    /// The session ends soon (KIP-368): to be closed, and these to be sent over a new connection.
    /// Nothing is in flight.
    Replace(VecDeque<Queued>),
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Connecting,
    Negotiating,
    LoggingIn,
    Ready,
    /// Sends nothing more; waits for what is in flight.
    Retiring,
    Closed,
}

/// What a frame on the wire is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Versions,
    Handshake,
    /// One message of the SASL exchange; `bare` without any header.
    Token {
        bare: bool,
    },
    Call(CallId, Api),
}

impl Asked {
    fn name(self) -> &'static str {
        match self {
            Self::Versions => Api::ApiVersions.name(),
            Self::Handshake => "SaslHandshake",
            Self::Token { .. } => "SaslAuthenticate",
            Self::Call(_, api) => api.name(),
        }
    }
}

#[derive(Debug)]
struct InFlight {
    asked: Asked,
    version: i16,
    correlation: i32,
    deadline: Duration,
}

/// Settings of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) client_id: Arc<str>,
    pub(crate) max_in_flight: usize,
    pub(crate) request_timeout: Duration,
    pub(crate) idle_timeout: Option<Duration>,
    /// Whether the connection is encrypted.
    pub(crate) tls: bool,
    /// Whether the client must log in.
    pub(crate) sasl: bool,
    /// Whether a broker has answered this client before: then the security protocol is the right one.
    pub(crate) trusted: bool,
    /// Part of a session's lifetime after which the connection is replaced, percent.
    pub(crate) session_percent: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Connection {
    address: Arc<str>,
    settings: Settings,
    state: State,
    /// When connecting must be over.
    connect_deadline: Duration,
    /// Version of the next ApiVersions request.
    negotiate_at: i16,
    /// Versions of the broker by API key.
    versions: BTreeMap<i16, (i16, i16)>,
    /// Level of the finalized feature `transaction.version` (KIP-890); `None` as long as the broker
    /// was not asked in a version that tells features.
    transaction_version: Option<i16>,
    /// Until the login is over.
    login: Option<login::Login>,
    /// When the connection must be replaced, because its session ends.
    retire_at: Option<Duration>,
    /// Whether any request of others was answered, here or before.
    answered: bool,
    next_correlation: i32,
    waiting: VecDeque<Queued>,
    in_flight: VecDeque<InFlight>,
    muted_until: Option<Duration>,
    last_use: Duration,
    broke_while_negotiating: bool,
    outputs: VecDeque<Output>,
}

impl Connection {
    /// A connection that is being opened. `negotiate_at` is the first ApiVersions version to try.
    pub(crate) fn new(
        address: Arc<str>,
        settings: Settings,
        negotiate_at: i16,
        connect_deadline: Duration,
        now: Duration,
    ) -> Self {
        Self {
            address,
            answered: settings.trusted,
            settings,
            state: State::Connecting,
            connect_deadline,
            negotiate_at,
            versions: BTreeMap::new(),
            transaction_version: None,
            login: None,
            retire_at: None,
            next_correlation: 0,
            waiting: VecDeque::new(),
            in_flight: VecDeque::new(),
            muted_until: None,
            last_use: now,
            broke_while_negotiating: false,
            outputs: VecDeque::new(),
        }
    }

    pub(crate) fn transaction_version(&self) -> Option<i16> {
        self.transaction_version
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Whether the connection broke while versions were being agreed on: some brokers reset the
    /// connection when ApiVersions is newer than they know.
    pub(crate) fn broke_while_negotiating(&self) -> bool {
        self.broke_while_negotiating
    }

    /// The call that the next frame answers.
    pub(crate) fn in_front(&self) -> Option<CallId> {
        match self.in_flight.front()?.asked {
            Asked::Call(call, _) => Some(call),
            _ => None,
        }
    }

    /// Whether a request would be sent at once.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.is_empty()
            && self.in_flight.len() < self.settings.max_in_flight
            && self.muted_until.is_none()
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The socket is open. `login` is there if the client must log in.
    pub(crate) fn connected(&mut self, login: Option<Exchange>, now: Duration) {
        if self.state == State::Connecting {
            self.login = login.map(login::Login::new);
            self.state = State::Negotiating;
            self.negotiate(now);
        }
    }

    /// Queues a request; its answer takes at most `timeout` from when it is sent.
    pub(crate) fn submit(
        &mut self,
        call: CallId,
        request: AnyRequest,
        timeout: Duration,
        now: Duration,
    ) {
        self.waiting.push_back((call, request, timeout));
        self.flush(now);
    }

    /// A frame came in (without its length prefix).
    pub(crate) fn received(&mut self, frame: Bytes, now: Duration) {
        if self.state == State::Closed {
            return;
        }
        let Some(sent) = self.in_flight.pop_front() else {
            return self.close(&self.corrupt("the broker sent an answer that nobody asked for"));
        };
        if sent.asked != (Asked::Token { bare: true }) {
            match frame::correlation_id(&frame) {
                Ok(id) if id == sent.correlation => {}
                Ok(id) => {
                    let expected = sent.correlation;
                    self.in_flight.push_front(sent);
                    return self.close(&self.corrupt(format!(
                        "the broker answered request {id} where {expected} was next"
                    )));
                }
                Err(error) => {
                    self.in_flight.push_front(sent);
                    return self.close(&self.corrupt(error.to_string()));
                }
            }
        }
        self.last_use = now;
        match sent.asked {
            Asked::Versions => self.negotiated(frame, sent.version, now),
            Asked::Handshake => self.handshake_answered(frame, sent.version, now),
            Asked::Token { bare } => self.token_answered(frame, sent.version, bare, now),
            Asked::Call(call, api) => match api.decode(frame, sent.version) {
                Ok(response) => {
                    self.answered = true;
                    self.throttle(&response, now);
                    self.outputs.push_back(Output::Done(call, Ok(response)));
                }
                Err(error) => {
                    // The next frame may still be whole, but nothing of this peer can be trusted.
                    let error = self.corrupt(error.to_string()).in_api(api.name());
                    self.fail(call, error.clone(), true);
                    return self.close(&error);
                }
            },
        }
        self.flush(now);
        self.retire();
    }

    /// The socket is gone: every request without an answer fails.
    pub(crate) fn lost(&mut self, error: &Error) {
        let refused = self.lost_while_logging_in();
        let error = refused.as_ref().unwrap_or(error);
        self.broke_while_negotiating |= self.state == State::Negotiating;
        self.state = State::Closed;
        while let Some(sent) = self.in_flight.pop_front() {
            if let Asked::Call(call, api) = sent.asked {
                self.fail(call, error.clone().in_api(api.name()), true);
            }
        }
        while let Some((call, request, _)) = self.waiting.pop_front() {
            self.fail(call, error.clone().in_api(request.api().name()), false);
        }
    }

    /// The socket was closed, or never opened.
    pub(crate) fn disconnected(&mut self, problem: &Problem) -> Error {
        let error = if problem.refused {
            Error::new(ErrorKind::Authentication, &*problem.text).at(&self.address)
        } else {
            Error::unreachable(&self.address, format_args!("{}{}", problem.text, self.suspicion()))
        };
        let error = match problem.property {
            Some(property) => error.by(property),
            None => error,
        };
        self.lost(&error);
        error
    }

    /// What a listener of another security protocol would do just now, for the error text.
    fn suspicion(&self) -> &'static str {
        match self.state {
            State::Negotiating if !self.settings.tls => {
                "; a listener with TLS does so (then security.protocol must be SSL or SASL_SSL)"
            }
            State::Ready if !self.settings.sasl && !self.answered => {
                "; a listener with SASL does so (then security.protocol must be SASL_SSL or SASL_PLAINTEXT)"
            }
            _ => "",
        }
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Duration) {
        if self.muted_until.is_some_and(|until| until <= now) {
            self.muted_until = None;
            self.flush(now);
        }
        if self.state == State::Connecting && self.connect_deadline <= now {
            let error = Error::unreachable(&self.address, "opening the connection took too long");
            return self.close(&error);
        }
        // Answers come in the order of requests, so a late one holds up all that follow.
        if let Some(late) = self.in_flight.iter().find(|sent| sent.deadline <= now) {
            let error = Error::timeout("the broker did not answer in time")
                .in_api(late.asked.name())
                .at(&self.address);
            return self.close(&error);
        }
        if self.state == State::Ready && self.retire_at.is_some_and(|at| at <= now) {
            self.state = State::Retiring;
            self.retire();
        }
        if self.state == State::Ready && self.idle_at().is_some_and(|at| at <= now) {
            self.state = State::Closed;
            self.outputs.push_back(Output::CloseIdle);
        }
    }

    /// When [`tick`](Self::tick) has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        match self.state {
            State::Closed => None,
            State::Connecting => Some(self.connect_deadline),
            State::Negotiating | State::LoggingIn | State::Ready | State::Retiring => self
                .in_flight
                .iter()
                .map(|sent| sent.deadline)
                .chain(self.muted_until)
                .chain(self.idle_at())
                .chain(self.retire_at.filter(|_| self.state == State::Ready))
                .min(),
        }
    }

    fn idle_at(&self) -> Option<Duration> {
        let idle = self.in_flight.is_empty() && self.waiting.is_empty();
        let timeout = self.settings.idle_timeout.filter(|_| idle)?;
        Some(self.last_use.saturating_add(timeout))
    }

    /// Steps down once everything that was sent is answered.
    fn retire(&mut self) {
        if self.state == State::Retiring && self.in_flight.is_empty() {
            self.state = State::Closed;
            self.outputs.push_back(Output::Replace(std::mem::take(&mut self.waiting)));
        }
    }

    fn negotiate(&mut self, now: Duration) {
        let request = ApiVersionsRequest {
            client_software_name: "brooklet".to_owned(),
            client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
            ..ApiVersionsRequest::default()
        };
        let encoded = AnyRequest::from(request).encode(
            self.negotiate_at,
            self.next_correlation,
            &self.settings.client_id,
        );
        match encoded {
            Ok(bytes) => {
                self.sent(Asked::Versions, self.negotiate_at, now);
                self.outputs.push_back(Output::Send(bytes));
            }
            Err(error) => {
                let error = Error::new(ErrorKind::Unsupported, error.to_string());
                self.close(&error.in_api(Asked::Versions.name()).at(&self.address));
            }
        }
    }

    fn negotiated(&mut self, frame: Bytes, version: i16, now: Duration) {
        // A broker that lacks the version answers in the form of version 0 (KIP-511), so both
        // forms are tried.
        let response = Api::ApiVersions
            .decode(frame.clone(), version)
            .or_else(|_| Api::ApiVersions.decode(frame, 0));
        let response = match response {
            Ok(AnyResponse::ApiVersions(response)) => response,
            Ok(_) => return self.close(&self.corrupt("an answer of another API")),
            Err(error) => {
                return self.close(&self.corrupt(error.to_string()).in_api("ApiVersions"));
            }
        };
        match ErrorCode(response.error_code) {
            ErrorCode::NONE => {
                self.versions = response
                    .api_keys
                    .iter()
                    .map(|api| (api.api_key, (api.min_version, api.max_version)))
                    .collect();
                let level = response
                    .finalized_features
                    .iter()
                    .find(|feature| feature.name == "transaction.version")
                    .map_or(0, |feature| feature.max_version_level);
                self.transaction_version = (version >= FEATURES_SINCE).then_some(level);
                self.log_in(now);
            }
            ErrorCode::UNSUPPORTED_VERSION if version > 0 => {
                self.negotiate_at = fallback(&response, version);
                self.negotiate(now);
            }
            code => {
                let error = Error::broker(code, None).in_api("ApiVersions").at(&self.address);
                self.close(&error);
            }
        }
    }

    fn throttle(&mut self, response: &AnyResponse, now: Duration) {
        let millis = response.throttle_time_ms();
        if millis > 0 {
            let asked = Duration::from_millis(millis.unsigned_abs().into());
            let until = now.saturating_add(asked.min(THROTTLE_MAX));
            self.muted_until = Some(self.muted_until.map_or(until, |old| old.max(until)));
        }
    }

    /// Sends what may be sent.
    fn flush(&mut self, now: Duration) {
        while self.state == State::Ready
            && self.muted_until.is_none()
            && self.in_flight.len() < self.settings.max_in_flight
        {
            let Some((call, request, timeout)) = self.waiting.pop_front() else { return };
            let api = request.api();
            match self.version_of(&request) {
                Ok(version) => self.write(call, request, version, timeout, now),
                Err(error) => self.fail(call, error.in_api(api.name()), false),
            }
        }
    }

    fn version_of(&self, request: &AnyRequest) -> Result<i16, Error> {
        let api = request.api();
        let (ours_min, _) = api.versions();
        let ours_max = request.version_max();
        let unsupported = |text: String| Error::new(ErrorKind::Unsupported, text).at(&self.address);
        let Some(&(min, max)) = self.versions.get(&api.key()) else {
            return Err(unsupported(format!("the broker does not offer {}", api.name())));
        };
        if ours_max.min(max) < ours_min.max(min) {
            return Err(unsupported(format!(
                "the broker offers {} in versions {min} to {max}, this client {ours_min} to {ours_max}",
                api.name()
            )));
        }
        Ok(ours_max.min(max))
    }

    fn write(
        &mut self,
        call: CallId,
        request: AnyRequest,
        version: i16,
        timeout: Duration,
        now: Duration,
    ) {
        let api = request.api();
        match request.encode(version, self.next_correlation, &self.settings.client_id) {
            Ok(bytes) => {
                self.sent(Asked::Call(call, api), version, now);
                if let Some(sent) = self.in_flight.back_mut() {
                    sent.deadline = now.saturating_add(timeout);
                }
                self.outputs.push_back(Output::Send(bytes));
            }
            Err(error) => {
                let error = Error::new(ErrorKind::Unsupported, error.to_string())
                    .in_api(api.name())
                    .at(&self.address);
                self.fail(call, error, false);
            }
        }
    }

    /// Keeps in mind what goes out with the next correlation id.
    fn sent(&mut self, asked: Asked, version: i16, now: Duration) {
        let correlation = self.next_correlation;
        let deadline = now.saturating_add(self.settings.request_timeout);
        self.next_correlation = self.next_correlation.wrapping_add(1) & i32::MAX;
        self.in_flight.push_back(InFlight { asked, version, correlation, deadline });
        self.last_use = now;
    }

    fn fail(&mut self, call: CallId, error: Error, maybe_sent: bool) {
        let failed = CallError { error: error.at(&self.address), maybe_sent };
        self.outputs.push_back(Output::Done(call, Err(failed)));
    }

    fn close(&mut self, error: &Error) {
        self.lost(error);
        self.outputs.push_back(Output::Close);
    }

    fn corrupt(&self, reason: impl Into<String>) -> Error {
        Error::new(ErrorKind::Corrupt { offset: -1 }, reason).at(&self.address)
    }
}

/// The ApiVersions version to try after `tried` was refused: the broker's own maximum if it said
/// so, else 0.
fn fallback(response: &ApiVersionsResponse, tried: i16) -> i16 {
    response
        .api_keys
        .iter()
        .find(|api| api.api_key == Api::ApiVersions.key())
        .map_or(0, |api| api.max_version)
        .clamp(0, tried - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::messages::api_versions::ApiVersion;
    use crate::wire::messages::metadata::{MetadataRequest, MetadataResponse};

    const SECOND: Duration = Duration::from_secs(1);

    fn connection() -> Connection {
        let settings = Settings {
            client_id: "test".into(),
            max_in_flight: 2,
            request_timeout: 30 * SECOND,
            idle_timeout: Some(540 * SECOND),
            tls: false,
            sasl: false,
            trusted: false,
            session_percent: 90,
        };
        Connection::new("b:1".into(), settings, 4, 10 * SECOND, Duration::ZERO)
    }

    fn versions(error: ErrorCode, max: i16) -> ApiVersionsResponse {
        ApiVersionsResponse {
            error_code: error.0,
            api_keys: vec![
                ApiVersion { api_key: 3, min_version: 0, max_version: 9 },
                ApiVersion { api_key: 18, min_version: 0, max_version: max },
            ],
            ..Default::default()
        }
    }

    /// The frame without its length prefix.
    fn answer<R: crate::wire::Request>(
        correlation: i32,
        version: i16,
        body: &R::Response,
    ) -> Bytes {
        frame::encode_response::<R>(correlation, version, body).unwrap().slice(4..)
    }

    fn ready() -> Connection {
        let mut connection = connection();
        connection.connected(None, Duration::ZERO);
        assert!(matches!(connection.poll_output(), Some(Output::Send(_))));
        let body = versions(ErrorCode::NONE, 4);
        connection.received(answer::<ApiVersionsRequest>(0, 4, &body), Duration::ZERO);
        assert!(connection.is_ready());
        connection
    }

    fn metadata(correlation: i32, throttle_time_ms: i32) -> Bytes {
        let body = MetadataResponse { throttle_time_ms, ..Default::default() };
        answer::<MetadataRequest>(correlation, 9, &body)
    }

    fn submit(connection: &mut Connection, call: u64, now: Duration) {
        connection.submit(CallId(call), MetadataRequest::default().into(), 30 * SECOND, now);
    }

    fn outputs(connection: &mut Connection) -> Vec<String> {
        std::iter::from_fn(|| connection.poll_output())
            .map(|output| match output {
                Output::Send(_) => "send".to_owned(),
                Output::Done(call, Ok(_)) => format!("ok {}", call.0),
                Output::Done(call, Err(e)) => format!("failed {} {}", call.0, e.maybe_sent),
                Output::Close => "close".to_owned(),
                Output::CloseIdle => "close idle".to_owned(),
                Output::Replace(waiting) => format!("replace {}", waiting.len()),
            })
            .collect()
    }

    #[test]
    fn requests_wait_for_negotiation_and_the_in_flight_limit() {
        let mut connection = connection();
        submit(&mut connection, 1, Duration::ZERO);
        assert!(outputs(&mut connection).is_empty());
        connection.connected(None, Duration::ZERO);
        assert_eq!(outputs(&mut connection), ["send"]);
        submit(&mut connection, 2, Duration::ZERO);
        submit(&mut connection, 3, Duration::ZERO);
        let body = versions(ErrorCode::NONE, 4);
        connection.received(answer::<ApiVersionsRequest>(0, 4, &body), Duration::ZERO);
        assert_eq!(outputs(&mut connection), ["send", "send"], "two of three");
        connection.received(metadata(1, 0), Duration::ZERO);
        assert_eq!(outputs(&mut connection), ["ok 1", "send"]);
    }

    #[test]
    fn an_old_broker_is_asked_again_at_its_own_version() {
        for (max, in_version) in [(2, 2), (9, 3)] {
            let mut connection = connection();
            connection.connected(None, Duration::ZERO);
            outputs(&mut connection);
            let refusal = versions(ErrorCode::UNSUPPORTED_VERSION, max);
            connection.received(answer::<ApiVersionsRequest>(0, 0, &refusal), Duration::ZERO);
            assert_eq!(outputs(&mut connection), ["send"]);
            let body = versions(ErrorCode::NONE, max);
            let frame = answer::<ApiVersionsRequest>(1, in_version, &body);
            connection.received(frame, Duration::ZERO);
            assert!(connection.is_ready(), "{max}");
        }
    }

    #[test]
    fn an_answer_out_of_order_closes_and_fails_everything() {
        let mut connection = ready();
        submit(&mut connection, 1, Duration::ZERO);
        submit(&mut connection, 2, Duration::ZERO);
        submit(&mut connection, 3, Duration::ZERO);
        outputs(&mut connection);
        connection.received(metadata(2, 0), Duration::ZERO);
        assert_eq!(
            outputs(&mut connection),
            ["failed 1 true", "failed 2 true", "failed 3 false", "close"]
        );
    }

    #[test]
    fn nonsense_closes() {
        for frame in [&b"\0\0"[..], b"\0\0\0\x01\xff", b""] {
            let mut connection = ready();
            submit(&mut connection, 1, Duration::ZERO);
            outputs(&mut connection);
            connection.received(Bytes::copy_from_slice(frame), Duration::ZERO);
            assert_eq!(outputs(&mut connection), ["failed 1 true", "close"]);
        }
        let mut connection = ready();
        connection.received(metadata(1, 0), Duration::ZERO);
        assert_eq!(outputs(&mut connection), ["close"], "nobody asked");
    }

    #[test]
    fn throttling_mutes_and_is_no_timeout() {
        let mut connection = ready();
        submit(&mut connection, 1, Duration::ZERO);
        connection.received(metadata(1, 5_000), SECOND);
        outputs(&mut connection);
        submit(&mut connection, 2, SECOND);
        assert!(outputs(&mut connection).is_empty());
        assert_eq!(connection.next_deadline(), Some(6 * SECOND));
        connection.tick(6 * SECOND);
        assert_eq!(outputs(&mut connection), ["send"]);
        assert_eq!(connection.next_deadline(), Some(36 * SECOND));
    }

    #[test]
    fn a_late_answer_breaks_the_connection() {
        let mut connection = ready();
        submit(&mut connection, 1, Duration::ZERO);
        outputs(&mut connection);
        connection.tick(29 * SECOND);
        assert!(outputs(&mut connection).is_empty());
        connection.tick(30 * SECOND);
        assert_eq!(outputs(&mut connection), ["failed 1 true", "close"]);
    }

    #[test]
    fn an_api_that_the_broker_lacks_fails_without_being_sent() {
        let mut connection = ready();
        let request = crate::wire::messages::fetch::FetchRequest::default();
        connection.submit(CallId(1), request.into(), SECOND, Duration::ZERO);
        match connection.poll_output() {
            Some(Output::Done(_, Err(e))) => {
                assert_eq!(e.error.kind(), &ErrorKind::Unsupported);
                assert_eq!(e.error.api(), Some("Fetch"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn idle_connections_close() {
        let mut connection = ready();
        connection.tick(540 * SECOND);
        assert_eq!(outputs(&mut connection), ["close idle"]);
    }

    #[test]
    fn an_error_of_a_token_endpoint_names_its_property() {
        let problem = Problem { property: Some("a.url"), ..Problem::broken("no token") };
        let error = ready().disconnected(&problem);
        assert_eq!((error.property(), error.is_retriable()), (Some("a.url"), true));
        assert_eq!(ready().disconnected(&Problem::broken("closed")).property(), None);
    }

    #[test]
    fn a_listener_with_sasl_is_suspected_in_the_first_exchange_alone() {
        let lost = |connection: &mut Connection| {
            let problem = Problem::broken("closed");
            connection.disconnected(&problem).to_string()
        };
        assert!(lost(&mut ready()).contains("a listener with SASL does so"));
        // A broker has answered this client on another connection.
        let mut known = ready();
        known.answered = true;
        assert!(!lost(&mut known).contains("SASL"));
    }
}
