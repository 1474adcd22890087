//! Requests to a schema registry (Confluent's REST interface, version 1), blocking.

use super::tls::{self, Tls};
use crate::base::limits::AVRO_SCHEMA_BYTES_MAX;
use crate::base::{Error, ErrorKind};
use crate::options::REDACTED;
use crate::table::{DECLARED_SCHEMAS, RegistryAccess, WrongProperty};
use brooklet_kafka::TlsProblem;
use serde_json::Value;
use std::collections::HashSet;
use std::time::Duration;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector as _, TcpConnector};

/// Time for one request where the options give none: a registry answers from memory.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Pauses before a failed request is sent again: long enough for a registry behind a balancer to be replaced, short
/// enough that a wrong URL is reported while somebody waits for it.
const RETRY_PAUSES: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_millis(1_600)];

/// Bytes of one answer: that of the largest schema, escaped as a JSON string.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Media type of requests.
const MEDIA_TYPE: &str = "application/vnd.schemaregistry.v1+json";

/// Schemas that one schema refers to, directly or not.
const REFERENCES_MAX: usize = 256;

/// A registry's address.
#[derive(Debug)]
pub(super) struct Http {
    agent: ureq::Agent,
    urls: Vec<String>,
    authorization: Option<String>,
}

/// What went wrong.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    message: String,
    hint: Option<&'static str>,
    retriable: bool,
    /// The time for the request is used up.
    timed_out: bool,
    /// The answer's, where there was one.
    status: Option<u16>,
    /// Who named the schema is to blame.
    of_record: bool,
}

impl Failure {
    fn new(message: String) -> Failure {
        Failure {
            message,
            hint: None,
            retriable: false,
            timed_out: false,
            status: None,
            of_record: false,
        }
    }

    /// Whether the record that named the schema is to blame.
    pub(super) fn is_of_record(&self) -> bool {
        self.of_record
    }

    pub(super) fn error(self) -> Error {
        let kind = if self.of_record { ErrorKind::Data } else { ErrorKind::External };
        let mut error = Error::new(kind, self.message);
        if let Some(hint) = self.hint {
            error = error.with_hint(hint);
        }
        if self.retriable { error.retriable() } else { error }
    }
}

impl Http {
    /// Prepares TLS; contacts nothing.
    pub(super) fn new(access: &RegistryAccess) -> Result<Http, WrongProperty> {
        let secure = access.urls.iter().any(|url| url.starts_with("https://"));
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(access.timeout.unwrap_or(REQUEST_TIMEOUT)))
            .http_status_as_error(false)
            .max_redirects(3)
            .proxy(None)
            .user_agent(concat!("brooklet/", env!("CARGO_PKG_VERSION")))
            .build();
        let agent = match secure || !access.tls.is_empty() {
            true => {
                let tcp: TcpConnector = TcpConnector::default();
                let tls = Tls::new(&access.tls)?;
                ureq::Agent::with_parts(config, tcp.chain(tls), DefaultResolver::default())
            }
            false => config.into(),
        };
        let urls = access.urls.iter().map(|url| url.trim_end_matches('/').to_owned()).collect();
        Ok(Http { agent, urls, authorization: access.authorization.clone() })
    }

    /// The Avro schema of an id, as JSON.
    pub(super) fn schema(&self, id: u32) -> Result<String, Failure> {
        let what = format!("schema {id}");
        let of_record = |mut failure: Failure| {
            failure.of_record = failure.status == Some(404);
            failure
        };
        let answer = self.request(&what, &format!("/schemas/ids/{id}"), None).map_err(of_record)?;
        if let Some(kind) = answer.get("schemaType").and_then(Value::as_str)
            && kind != "AVRO"
        {
            let failure = Failure::new(format!("{what} is of type {kind}, not AVRO"));
            return Err(Failure { of_record: true, ..failure });
        }
        let Some(schema) = answer.get("schema").and_then(Value::as_str) else {
            return Err(Failure::new(format!("{what}: the registry's answer has no 'schema'")));
        };
        let schema = schema.to_owned();
        let references = references(&answer);
        drop(answer);
        let mut referred = Referred { bytes: schema.len(), ..Referred::default() };
        self.collect(&what, references, &mut referred)?;
        let mut parts = referred.parts;
        if parts.is_empty() {
            return Ok(schema);
        }
        // What is referred to comes first in a list, of which the last type is meant.
        parts.push(schema);
        Ok(format!("{{\"{DECLARED_SCHEMAS}\":[{}]}}", parts.join(",")))
    }

    /// Collects the schemas that one refers to, each behind those it refers to itself.
    fn collect(
        &self,
        what: &str,
        references: Vec<(String, u64)>,
        referred: &mut Referred,
    ) -> Result<(), Failure> {
        let too_much = |problem: String| Failure {
            of_record: true,
            ..Failure::new(format!("{what} refers to {problem}"))
        };
        for (subject, version) in references {
            if referred.seen.iter().any(|(known, at)| *known == subject && *at == version) {
                continue;
            }
            if referred.seen.len() >= REFERENCES_MAX {
                return Err(too_much(format!("more than {REFERENCES_MAX} schemas")));
            }
            let path = format!("/subjects/{}/versions/{version}", encoded(&subject));
            let about = format!("{what}, which refers to version {version} of '{subject}'");
            referred.seen.push((subject, version));
            let answer = self.request(&about, &path, None)?;
            let schema = answer.get("schema").and_then(Value::as_str).map(str::to_owned);
            let inner = self::references(&answer);
            drop(answer);
            referred.bytes += schema.as_ref().map_or(0, String::len);
            if referred.bytes > AVRO_SCHEMA_BYTES_MAX {
                return Err(too_much(format!(
                    "schemas that have more than {AVRO_SCHEMA_BYTES_MAX} bytes with it"
                )));
            }
            self.collect(what, inner, referred)?;
            referred.parts.extend(schema);
        }
        Ok(())
    }

    /// The id of a schema under a subject.
    pub(super) fn id(&self, subject: &str, schema: &str, register: bool) -> Result<u32, Failure> {
        let body = serde_json::json!({ "schema": schema }).to_string();
        let place = encoded(subject);
        let (what, path) = match register {
            true => (
                format!("registering the schema of subject '{subject}'"),
                format!("/subjects/{place}/versions"),
            ),
            false => (
                format!("looking up the schema of subject '{subject}'"),
                format!("/subjects/{place}"),
            ),
        };
        let answer = self.request(&what, &path, Some(&body))?;
        let id = answer.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| Failure::new(format!("{what}: the registry's answer has no 'id'")))
    }

    /// Asks until there is an answer that another attempt would not change, or all attempts failed.
    fn request(&self, what: &str, path: &str, body: Option<&str>) -> Result<Value, Failure> {
        for pause in RETRY_PAUSES {
            match self.request_once(what, path, body) {
                Err(failure) if failure.retriable && !failure.timed_out => {
                    std::thread::park_timeout(pause);
                }
                other => return other,
            }
        }
        self.request_once(what, path, body)
    }

    /// Asks one URL after the other until one answers.
    fn request_once(&self, what: &str, path: &str, body: Option<&str>) -> Result<Value, Failure> {
        let mut last = Failure::new(format!("{what}: no schema registry is given"));
        for url in &self.urls {
            match self.request_at(url, what, path, body) {
                Err(failure) if failure.retriable => last = failure,
                other => return other,
            }
        }
        Err(last)
    }

    fn request_at(
        &self,
        url: &str,
        what: &str,
        path: &str,
        body: Option<&str>,
    ) -> Result<Value, Failure> {
        let full = format!("{url}{path}");
        let unreachable = |error: ureq::Error| {
            let of_tls = tls::problem(&error);
            let cause = of_tls.map_or_else(|| error.to_string(), ToString::to_string);
            let message = format!("{what}: schema registry {url} cannot be reached: {cause}");
            // Certificates do not change from one attempt to the next.
            let refused = of_tls.is_some_and(TlsProblem::is_refusal);
            Failure {
                hint: (!refused)
                    .then_some("Check the option 'url' of the format and that the registry runs"),
                retriable: !refused,
                timed_out: matches!(error, ureq::Error::Timeout(_)),
                ..Failure::new(message)
            }
        };
        let sent = match body {
            None => {
                let mut request = self.agent.get(&full).header("Accept", MEDIA_TYPE);
                if let Some(authorization) = &self.authorization {
                    request = request.header("Authorization", authorization);
                }
                request.call()
            }
            Some(body) => {
                let mut request = self.agent.post(&full).header("Accept", MEDIA_TYPE);
                request = request.header("Content-Type", MEDIA_TYPE);
                if let Some(authorization) = &self.authorization {
                    request = request.header("Authorization", authorization);
                }
                request.send(body)
            }
        };
        let mut response = sent.map_err(unreachable)?;
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let text = text.map_err(unreachable)?;
        let answer: Option<Value> = serde_json::from_str(&text).ok();
        if (200..300).contains(&status) {
            return answer.ok_or_else(|| {
                Failure::new(format!("{what}: the answer of schema registry {url} is no JSON"))
            });
        }
        let said = answer.as_ref().and_then(|answer| answer.get("message")).and_then(Value::as_str);
        let mut said = self.without_credential(said.unwrap_or_default());
        if let Some((end, _)) = said.char_indices().nth(500) {
            said.truncate(end);
        }
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        let (problem, hint) = match status {
            401 | 403 => (
                "does not let us in",
                Some("Check 'basic-auth.user-info' or 'bearer-auth.token' of the format"),
            ),
            404 => ("does not know it", None),
            409 => ("refuses it as incompatible", None),
            _ => ("failed", None),
        };
        Err(Failure {
            message: format!("{what}: schema registry {url} {problem} (HTTP {status}){said}"),
            hint,
            retriable: status >= 500 || status == 429 || status == 408,
            timed_out: false,
            status: Some(status),
            of_record: false,
        })
    }
}

impl Http {
    /// What a registry says may repeat what it was sent.
    fn without_credential(&self, said: &str) -> String {
        let credential = self.authorization.as_deref().and_then(|it| it.split_once(' '));
        match credential.filter(|(_, credential)| !credential.is_empty()) {
            Some((_, credential)) => said.replace(credential, REDACTED),
            None => said.to_owned(),
        }
    }
}

/// Schemas that one refers to, as far as they were collected.
#[derive(Debug, Default)]
struct Referred {
    /// Subjects and versions.
    seen: Vec<(String, u64)>,
    parts: Vec<String>,
    /// Bytes of all schemas, the one that refers to them included.
    bytes: usize,
}

/// Subject and version of each schema that the one in an answer refers to; one more than there may be tells that there
/// are too many.
fn references(answer: &Value) -> Vec<(String, u64)> {
    let listed = answer.get("references").and_then(Value::as_array);
    let named = listed.into_iter().flatten().filter_map(|reference| {
        let subject = reference.get("subject").and_then(Value::as_str)?;
        let version = reference.get("version").and_then(Value::as_u64)?;
        Some((subject.to_owned(), version))
    });
    let mut seen = HashSet::new();
    named.filter(|named| seen.insert(named.clone())).take(REFERENCES_MAX + 1).collect()
}

/// A name as one segment of a path (RFC 3986).
fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn names_are_one_segment() {
        assert_eq!(encoded("a-b_c.d~1"), "a-b_c.d~1");
        assert_eq!(encoded("a/b c:é"), "a%2Fb%20c%3A%C3%A9");
    }

    /// Answers each request with what `answer` says to its path, on a connection each.
    pub(crate) fn registry(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut lines = BufReader::new(stream.unwrap());
                let mut request = String::new();
                while lines.read_line(&mut request).unwrap() > 2 {}
                let (status, body) = answer(request.split(' ').nth(1).unwrap());
                let (stream, length) = (lines.get_mut(), body.len());
                let headers = format!("Connection: close\r\nContent-Length: {length}");
                write!(stream, "HTTP/1.1 {status} x\r\n{headers}\r\n\r\n{body}").unwrap();
            }
        });
        url
    }

    #[test]
    fn schemas_that_are_referred_to_are_bounded_together() {
        const BYTES: usize = AVRO_SCHEMA_BYTES_MAX / 4;
        let asked = Arc::<AtomicUsize>::default();
        let counter = Arc::clone(&asked);
        let url = registry(move |path| {
            let number = counter.fetch_add(1, Ordering::Relaxed);
            let schema = if path.starts_with("/schemas") { 0 } else { BYTES };
            let next = serde_json::json!([{ "subject": "s", "version": number }]);
            let answer = serde_json::json!({ "schema": "x".repeat(schema), "references": next });
            (200, answer.to_string())
        });
        let access = RegistryAccess { urls: vec![url], ..RegistryAccess::default() };
        let failure = Http::new(&access).unwrap().schema(1).unwrap_err();
        assert!(failure.of_record && failure.message.contains("bytes with it"), "{failure:?}");
        assert_eq!(asked.load(Ordering::Relaxed), 1 + 5);
    }
}
