//! A broker that does nothing but let clients log in, by a script.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use brooklet_kafka::wire::messages::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse,
};
use brooklet_kafka::wire::messages::sasl_authenticate::{
    SaslAuthenticateRequest, SaslAuthenticateResponse,
};
use brooklet_kafka::wire::messages::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};
use brooklet_kafka::wire::{ErrorCode, Request, frame};
use bytes::Bytes;

/// What the broker answers to a token.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Success so far, with these bytes.
    Challenge(Vec<u8>),
    /// SASL_AUTHENTICATION_FAILED.
    Refuse(String),
    /// The connection ends.
    Close,
}

/// How the broker behaves.
pub struct Script {
    /// What it offers; another mechanism is refused.
    pub mechanisms: Vec<String>,
    /// Highest version of SaslHandshake: 0 makes tokens travel without headers.
    pub handshake_max: i16,
    /// The answer to the token with this number, counted from 0 on each connection.
    pub reply: Replies,
}

/// From the number of a token and the token to its answer.
pub type Replies = Box<dyn FnMut(usize, &[u8]) -> Reply + Send>;

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("mechanisms", &self.mechanisms).finish_non_exhaustive()
    }
}

/// See the module. Listens until the process ends.
#[derive(Debug)]
pub struct ScriptedBroker {
    address: String,
    tokens: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl ScriptedBroker {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// There is no port.
    #[must_use]
    pub fn start(mut script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("a bound socket").to_string();
        let tokens: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let seen = Arc::clone(&tokens);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // What goes wrong shows on the client's side.
                drop(serve(stream, &mut script, &seen));
            }
        });
        Self { address, tokens }
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// All tokens that clients have sent.
    #[must_use]
    pub fn tokens(&self) -> Vec<Vec<u8>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(
    mut stream: TcpStream,
    script: &mut Script,
    tokens: &Mutex<Vec<Vec<u8>>>,
) -> io::Result<()> {
    let mut count = 0;
    let mut bare = false;
    loop {
        let frame = read_frame(&mut stream)?;
        let key = frame.first_chunk().map_or(-1, |key| i16::from_be_bytes(*key));
        if bare {
            match reply(script, tokens, &mut count, &frame) {
                Reply::Challenge(bytes) => {
                    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
                    stream.write_all(&[&length.to_be_bytes()[..], &bytes].concat())?;
                }
                Reply::Refuse(_) | Reply::Close => return Ok(()),
            }
        } else if key == ApiVersionsRequest::KEY {
            answer::<ApiVersionsRequest>(&mut stream, frame, |_| versions(script.handshake_max))?;
        } else if key == SaslHandshakeRequest::KEY {
            let mechanisms = script.mechanisms.clone();
            let version = answer::<SaslHandshakeRequest>(&mut stream, frame, |request| {
                let known = mechanisms.contains(&request.mechanism);
                let code =
                    if known { ErrorCode::NONE } else { ErrorCode::UNSUPPORTED_SASL_MECHANISM };
                SaslHandshakeResponse { error_code: code.0, mechanisms }
            })?;
            bare = version == 0;
        } else if key == SaslAuthenticateRequest::KEY {
            let mut closing = false;
            answer::<SaslAuthenticateRequest>(&mut stream, frame, |request| {
                let mut response = SaslAuthenticateResponse::default();
                match reply(script, tokens, &mut count, &request.auth_bytes) {
                    Reply::Challenge(bytes) => response.auth_bytes = bytes.into(),
                    Reply::Refuse(text) => {
                        response.error_code = ErrorCode::SASL_AUTHENTICATION_FAILED.0;
                        response.error_message = Some(text);
                    }
                    Reply::Close => closing = true,
                }
                response
            })?;
            if closing {
                return Ok(());
            }
        } else {
            return Ok(());
        }
    }
}

fn reply(
    script: &mut Script,
    tokens: &Mutex<Vec<Vec<u8>>>,
    count: &mut usize,
    token: &[u8],
) -> Reply {
    tokens.lock().unwrap_or_else(PoisonError::into_inner).push(token.to_vec());
    let reply = (script.reply)(*count, token);
    *count += 1;
    reply
}

fn versions(handshake_max: i16) -> ApiVersionsResponse {
    let of = |api_key, max_version| ApiVersion { api_key, min_version: 0, max_version };
    let keys = [(3, 9), (SaslHandshakeRequest::KEY, handshake_max), (18, 3)];
    let mut api_keys: Vec<ApiVersion> = keys.map(|(key, max)| of(key, max)).to_vec();
    if handshake_max > 0 {
        api_keys.push(of(SaslAuthenticateRequest::KEY, 2));
    }
    ApiVersionsResponse { api_keys, ..ApiVersionsResponse::default() }
}

/// Reads a request and writes its answer; gives the version.
fn answer<R: Request>(
    stream: &mut TcpStream,
    frame: Bytes,
    body: impl FnOnce(&R) -> R::Response,
) -> io::Result<i16> {
    let (header, request) = frame::decode_request::<R>(frame).map_err(io::Error::other)?;
    let response = body(&request);
    let (id, version) = (header.correlation_id, header.api_version);
    let bytes = frame::encode_response::<R>(id, version, &response).map_err(io::Error::other)?;
    stream.write_all(&bytes)?;
    Ok(version)
}

fn read_frame(stream: &mut TcpStream) -> io::Result<Bytes> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut frame = Vec::new();
    let length = u64::from(u32::from_be_bytes(length));
    stream.take(length).read_to_end(&mut frame)?;
    Ok(frame.into())
}
