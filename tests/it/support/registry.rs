//! A schema registry on loopback, as far as the program asks one: schemas by id, ids by subject, and the failures of
//! real ones.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// The registry; it ends with the value.
#[derive(Debug)]
pub(crate) struct Registry {
    url: String,
    state: Arc<Mutex<State>>,
    ended: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct State {
    /// Id − 1 to schema.
    schemas: Vec<Stored>,
    /// Subjects and the ids of their versions.
    subjects: Vec<(String, Vec<usize>)>,
    /// The only value of `Authorization` that it takes.
    authorization: Option<String>,
    /// Answers of the next requests: status and body, instead of what they ask for.
    failures: Vec<(u16, String)>,
    /// Takes requests and never answers.
    silent: bool,
    requests: Vec<String>,
}

#[derive(Clone, Debug)]
struct Stored {
    schema: String,
    kind: Option<String>,
    references: Value,
}

impl Registry {
    pub(crate) fn start() -> Registry {
        Registry::start_with(None)
    }

    /// Behind TLS, with the certificate and key of a PEM file; with `clients`, only for those whose certificate that
    /// authority has signed.
    pub(crate) fn start_tls(own: &Path, clients: Option<&Path>) -> Registry {
        let chain = CertificateDer::pem_file_iter(own).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(own).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        Registry::start_with(Some(Arc::new(builder.with_single_cert(chain, key).unwrap())))
    }

    fn start_with(tls: Option<Arc<ServerConfig>>) -> Registry {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let (state, ended) = (Arc::<Mutex<State>>::default(), Arc::new(AtomicBool::new(false)));
        let (shared, over) = (Arc::clone(&state), Arc::clone(&ended));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), shared) = (stream, Arc::clone(&shared)) else { continue };
                let tls = tls.clone();
                std::thread::spawn(move || match tls {
                    None => drop(serve(stream, &shared)),
                    Some(config) => {
                        let session = ServerConnection::new(config).unwrap();
                        drop(serve(StreamOwned::new(session, stream), &shared));
                    }
                });
            }
        });
        Registry { url, state, ended }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Registers a schema: its id.
    pub(crate) fn register(&self, subject: &str, schema: &str) -> u32 {
        self.state.lock().unwrap().register(subject, schema)
    }

    /// Registers one that refers to versions of other subjects.
    pub(crate) fn register_referring(
        &self,
        subject: &str,
        schema: &str,
        to: &[(&str, u64)],
    ) -> u32 {
        let mut state = self.state.lock().unwrap();
        let id = state.register(subject, schema);
        let to =
            to.iter().map(|(subject, version)| json!({"subject": subject, "version": version}));
        state.schemas[id as usize - 1].references = Value::Array(to.collect());
        id
    }

    /// Registers a schema of another kind than Avro.
    pub(crate) fn register_kind(&self, subject: &str, schema: &str, kind: &str) -> u32 {
        let mut state = self.state.lock().unwrap();
        let id = state.register(subject, schema);
        state.schemas[id as usize - 1].kind = Some(kind.to_owned());
        id
    }

    /// The schemas of a subject, in order.
    pub(crate) fn schemas(&self, subject: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let found = state.subjects.iter().find(|(name, _)| name == subject);
        let ids = found.map(|(_, ids)| ids.as_slice()).unwrap_or_default();
        ids.iter().map(|id| state.schemas[id - 1].schema.clone()).collect()
    }

    /// Lets in only who shows this.
    pub(crate) fn protect(&self, authorization: &str) {
        self.state.lock().unwrap().authorization = Some(authorization.to_owned());
    }

    /// The next request is answered by this.
    pub(crate) fn fail_next(&self, status: u16, body: &str) {
        self.state.lock().unwrap().failures.push((status, body.to_owned()));
    }

    /// From now on no request is answered.
    pub(crate) fn be_silent(&self) {
        self.state.lock().unwrap().silent = true;
    }

    /// First lines of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // The last connection wakes the listener.
        drop(TcpStream::connect(self.url.split_once("://").unwrap().1));
    }
}

impl State {
    fn register(&mut self, subject: &str, schema: &str) -> u32 {
        let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
        let same =
            |stored: &Stored| parsed(&stored.schema) == parsed(schema) && parsed(schema).is_some();
        let id = match self.schemas.iter().position(same) {
            Some(at) => at + 1,
            None => {
                let (schema, references) = (schema.to_owned(), Value::Null);
                self.schemas.push(Stored { schema, kind: None, references });
                self.schemas.len()
            }
        };
        if !self.subjects.iter().any(|(name, _)| name == subject) {
            self.subjects.push((subject.to_owned(), Vec::new()));
        }
        for (name, ids) in &mut self.subjects {
            if name == subject && !ids.contains(&id) {
                ids.push(id);
            }
        }
        u32::try_from(id).unwrap()
    }

    fn answer(&mut self, line: &str, authorization: Option<&str>, body: &[u8]) -> (u16, String) {
        self.requests.push(line.to_owned());
        if !self.failures.is_empty() {
            return self.failures.remove(0);
        }
        if self.authorization.is_some() && self.authorization.as_deref() != authorization {
            return (401, json!({"error_code": 401, "message": "Unauthorized"}).to_string());
        }
        let missing =
            || (404, json!({"error_code": 40403, "message": "Schema not found"}).to_string());
        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let path = path.split('?').next().unwrap();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (method, parts.as_slice()) {
            ("GET", ["schemas", "ids", id]) => {
                match id.parse::<usize>().ok().and_then(|id| self.schemas.get(id.checked_sub(1)?)) {
                    Some(stored) => (200, stored.to_json().to_string()),
                    None => missing(),
                }
            }
            ("GET", ["subjects", subject, "versions", version]) => {
                let versions = self.subjects.iter().find(|(name, _)| name == &decoded(subject));
                let version: usize = version.parse().unwrap();
                match versions.and_then(|(_, ids)| ids.get(version.checked_sub(1)?)) {
                    Some(id) => (200, self.schemas[id - 1].to_json().to_string()),
                    None => missing(),
                }
            }
            ("POST", ["subjects", subject, rest @ ..]) => {
                let body: Value = serde_json::from_slice(body).unwrap();
                let (subject, schema) = (decoded(subject), body["schema"].as_str().unwrap());
                let of_subject = || self.subjects.iter().filter(|(name, _)| *name == subject);
                let has = |id: &usize| self.schemas[id - 1].schema == schema;
                if rest.is_empty() && !of_subject().flat_map(|(_, ids)| ids).any(has) {
                    return missing();
                }
                (200, json!({"id": self.register(&subject, schema)}).to_string())
            }
            _ => missing(),
        }
    }
}

impl Stored {
    fn to_json(&self) -> Value {
        let mut value = json!({"schema": self.schema});
        if let Some(kind) = &self.kind {
            value["schemaType"] = json!(kind);
        }
        if !self.references.is_null() {
            value["references"] = self.references.clone();
        }
        value
    }
}

fn decoded(segment: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let hex = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn serve(stream: impl Read + Write, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.trim().split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().unwrap(),
                "authorization" => authorization = Some(value.trim().to_owned()),
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if line.is_empty() {
        return Ok(());
    }
    let (silent, (status, text)) = {
        let mut state = state.lock().unwrap();
        (state.silent, state.answer(line.trim(), authorization.as_deref(), &body))
    };
    if silent {
        // Until the other side gives up.
        return reader.read_exact(&mut [0]);
    }
    let stream = reader.get_mut();
    write!(
        stream,
        "HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )?;
    stream.flush()
}
