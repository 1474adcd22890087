//! One POST to an OAuth token endpoint (RFC 6749 §4.4), and what its answer says. No more of HTTP
//! than that takes.

use std::time::Duration;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use crate::config::{Secret, TOKEN_ENDPOINT_URL, TokenEndpoint};
use crate::connection::Problem;
use crate::limits::TOKEN_BYTES_MAX;
use crate::sasl::OauthBearer;
use crate::tls::problem::{TOKEN_ENDPOINT, explain};

/// A token, and how long it counts if that is known.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) text: Secret,
    pub(super) lifetime: Option<Duration>,
}

/// Asks the endpoint. `now` is seconds since 1970 UTC.
pub(super) async fn token(endpoint: &TokenEndpoint, now: u64) -> Result<Token, Problem> {
    let place = |problem: Problem| Problem {
        text: format!(
            "no token from {}:{}: {}",
            endpoint.url.host, endpoint.url.port, problem.text
        ),
        property: Some(TOKEN_ENDPOINT_URL),
        ..problem
    };
    let answer = ask(endpoint).await.map_err(place)?;
    let (status, body) = answer.finish().map_err(|problem| place(Problem::broken(problem)))?;
    read(status, &body, now).map_err(place)
}

async fn ask(endpoint: &TokenEndpoint) -> Result<Answer, Problem> {
    let (host, port) = (&endpoint.url.host, endpoint.url.port);
    let opened = tokio::time::timeout(endpoint.connect_timeout, async {
        let socket = super::open(host, port).await.map_err(|e| Problem::broken(e.to_string()))?;
        let Some(tls) = &endpoint.tls else { return Ok(Stream::Plain(socket)) };
        let name = ServerName::try_from(host.clone())
            .map_err(|_| Problem::refused(format!("'{host}' is no host name")))?;
        let opened = TlsConnector::from(tls.config()).connect(name, socket).await;
        opened
            .map(|stream| Stream::Tls(Box::new(stream)))
            .map_err(|e| explain(&e, host, true, TOKEN_ENDPOINT))
    });
    let slow = |what: &str| Problem::broken(format!("{what} took too long"));
    let stream = opened.await.map_err(|_| slow("opening the connection"))??;
    let request = request(endpoint);
    let exchanged = async {
        match stream {
            Stream::Plain(stream) => exchange(stream, &request).await,
            Stream::Tls(stream) => exchange(*stream, &request).await,
        }
        .map_err(|error| explain(&error, host, false, TOKEN_ENDPOINT))
    };
    tokio::time::timeout(endpoint.read_timeout, exchanged).await.map_err(|_| slow("the answer"))?
}

enum Stream {
    Plain(tokio::net::TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<tokio::net::TcpStream>>),
}

fn request(endpoint: &TokenEndpoint) -> String {
    let TokenEndpoint { url, client_id, client_secret, scope, .. } = endpoint;
    let mut body = "grant_type=client_credentials".to_owned();
    if let Some(scope) = scope {
        body.push_str(&format!("&scope={}", form(scope)));
    }
    let basic = Base64::encode_string(format!("{client_id}:{}", client_secret.expose()).as_bytes());
    let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
    format!(
        "POST {} HTTP/1.1\r\nHost: {host}:{}\r\nAuthorization: Basic {basic}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
         Accept: application/json\r\nConnection: close\r\n\r\n{body}",
        url.path,
        url.port,
        body.len()
    )
}

fn form(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            byte if byte.is_ascii_alphanumeric() || b"-._*".contains(&byte) => {
                out.push(char::from(byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
) -> std::io::Result<Answer> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Answer::default();
    // A server may keep the connection open behind a whole answer.
    while answer.bytes.len() < TOKEN_BYTES_MAX && answer.advance() == Ok(false) {
        match stream.read_buf(&mut answer.bytes).await {
            Ok(0) => break,
            Ok(_) => {}
            // Many servers do not say goodbye in TLS.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
    }
    Ok(answer)
}

/// An answer as far as it was read. What was understood of it is not looked at again.
#[derive(Debug, Default)]
struct Answer {
    bytes: Vec<u8>,
    /// The first byte that was not understood.
    at: usize,
    /// From where on what ends it is searched for.
    search: usize,
    status: u16,
    part: Part,
    /// The contents of the chunks.
    body: Vec<u8>,
}

/// What an answer's next bytes are (RFC 9112).
#[derive(Clone, Copy, Debug, Default)]
enum Part {
    #[default]
    Head,
    /// A body of this length.
    Body(usize),
    /// A body up to the end of the connection.
    Rest,
    /// The line before a chunk.
    ChunkSize,
    /// A chunk of this length.
    Chunk(usize),
    /// All chunks were read.
    End,
}

impl Answer {
    /// Whether the answer is known to be whole.
    fn advance(&mut self) -> Result<bool, &'static str> {
        loop {
            let left = self.bytes.len() - self.at;
            match self.part {
                Part::Head => match self.until(b"\r\n\r\n") {
                    Some((start, end)) => self.head(start, end)?,
                    None => return Ok(false),
                },
                Part::Body(length) => return Ok(left >= length),
                Part::Rest => return Ok(false),
                Part::ChunkSize => match self.until(b"\r\n") {
                    Some((start, end)) => self.part = Part::Chunk(self.chunk_size(start, end)?),
                    None => return Ok(false),
                },
                Part::Chunk(0) => self.part = Part::End,
                Part::Chunk(size) => {
                    if left < size + 2 {
                        return Ok(false);
                    }
                    let chunk = self.bytes.get(self.at..self.at + size).unwrap_or_default();
                    self.body.extend_from_slice(chunk);
                    self.at += size + 2;
                    self.part = Part::ChunkSize;
                }
                Part::End => return Ok(true),
            }
        }
    }

    /// Status and body, where nothing more comes.
    fn finish(mut self) -> Result<(u16, Vec<u8>), &'static str> {
        let whole = self.advance()?;
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match (self.part, whole) {
            (Part::Body(length), true) => {
                Ok((self.status, rest.get(..length).unwrap_or_default().to_vec()))
            }
            (Part::Rest, _) => Ok((self.status, rest.to_vec())),
            (_, true) => Ok((self.status, self.body)),
            (_, false) => Err("the answer is cut off"),
        }
    }

    /// Start and end of what stands before `mark`, and moves behind it.
    fn until(&mut self, mark: &[u8]) -> Option<(usize, usize)> {
        let from = self.search.max(self.at);
        let found = self.bytes.get(from..)?.windows(mark.len()).position(|bytes| bytes == mark);
        let Some(found) = found else {
            self.search = self.bytes.len().saturating_sub(mark.len() - 1);
            return None;
        };
        let (start, end) = (self.at, from + found);
        self.at = end + mark.len();
        Some((start, end))
    }

    fn head(&mut self, start: usize, end: usize) -> Result<(), &'static str> {
        let head = self.bytes.get(start..end).unwrap_or_default();
        let head = std::str::from_utf8(head).map_err(|_| "the answer is not HTTP")?;
        let mut lines = head.split("\r\n");
        self.status = lines
            .next()
            .and_then(|line| line.strip_prefix("HTTP/1."))
            .and_then(|line| line.split(' ').nth(1))
            .and_then(|status| status.parse().ok())
            .ok_or("the answer is not HTTP")?;
        let header = |wanted: &str| {
            lines.clone().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case(wanted).then(|| value.trim())
            })
        };
        let chunked = header("Transfer-Encoding");
        self.part = match header("Content-Length") {
            _ if chunked.is_some_and(|v| v.eq_ignore_ascii_case("chunked")) => Part::ChunkSize,
            Some(length) => {
                Part::Body(length.parse().map_err(|_| "the answer's length is no number")?)
            }
            None => Part::Rest,
        };
        Ok(())
    }

    fn chunk_size(&self, start: usize, end: usize) -> Result<usize, &'static str> {
        self.bytes
            .get(start..end)
            .and_then(|line| std::str::from_utf8(line).ok())
            .and_then(|line| line.split(';').next())
            .and_then(|size| usize::from_str_radix(size.trim(), 16).ok())
            .filter(|size| *size <= TOKEN_BYTES_MAX)
            .ok_or("a chunk of the answer has no size")
    }
}

/// The token in an answer. Of an error only what RFC 6749 §5.2 defines is repeated.
fn read(status: u16, body: &[u8], now: u64) -> Result<Token, Problem> {
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let field = |name: &str| json.get(name).and_then(serde_json::Value::as_str);
    if (300..400).contains(&status) {
        // Following it would hand the secret on; asking again would only send it again.
        return Err(Problem::refused(format!(
            "the endpoint answers with HTTP status {status}, a redirect, which is not followed; set \
             {TOKEN_ENDPOINT_URL} to the address that it leads to"
        )));
    }
    if status != 200 {
        let error = field("error").map(|error| format!(": {}", error.escape_debug()));
        let detail = field("error_description").map(|text| format!(" ({})", text.escape_debug()));
        let text = format!(
            "the endpoint answers with HTTP status {status}{}{}",
            error.unwrap_or_default(),
            detail.unwrap_or_default()
        );
        let refused = (400..500).contains(&status) && !matches!(status, 408 | 429);
        return Err(if refused { Problem::refused(text) } else { Problem::broken(text) });
    }
    let Some(token) = field("access_token").filter(|token| OauthBearer::is_token(token)) else {
        return Err(Problem::refused("the endpoint's answer holds no access_token"));
    };
    let expires = json.get("expires_in").and_then(serde_json::Value::as_u64);
    let lifetime = expires.map(Duration::from_secs).or_else(|| jwt_lifetime(token, now));
    Ok(Token { text: Secret::new(token), lifetime })
}

/// How long a JSON web token still counts, if it is one.
fn jwt_lifetime(token: &str, now: u64) -> Option<Duration> {
    let claims = Base64UrlUnpadded::decode_vec(token.split('.').nth(1)?).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    let expires = claims.get("exp")?.as_f64()?;
    Duration::try_from_secs_f64(expires - now as f64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Answer {
        Answer { bytes: text.as_bytes().to_vec(), ..Answer::default() }
    }

    fn body(text: &str) -> Option<String> {
        let (status, body) = answer(text).finish().ok()?;
        Some(format!("{status} {}", String::from_utf8(body).unwrap()))
    }

    #[test]
    fn answers_of_every_framing() {
        let whole = Some("200 {}".to_owned());
        assert_eq!(body("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}rest"), whole);
        assert_eq!(body("HTTP/1.0 200 OK\r\n\r\n{}"), whole);
        let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;x\r\n}\r\n0\r\n\r\n";
        assert_eq!(body(chunked), whole);
        for cut in 0..chunked.len() - 3 {
            assert_eq!(body(&chunked[..cut]), None, "{cut}");
        }
        for wrong in ["SSH-2.0\r\n\r\n", "HTTP/1.1 x\r\n\r\n", "\r\n\r\n"] {
            assert!(answer(wrong).advance().is_err(), "{wrong}");
        }
        let wrong = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n";
        assert!(answer(wrong).advance().is_err());
    }

    #[test]
    fn a_body_without_length_ends_with_the_connection() {
        let mut answer = answer("HTTP/1.0 200 OK\r\n\r\n{");
        assert_eq!(answer.advance(), Ok(false));
        answer.bytes.push(b'}');
        assert_eq!(answer.finish(), Ok((200, b"{}".to_vec())));
    }

    #[test]
    fn an_answer_that_comes_byte_by_byte_is_read_once() {
        const CHUNKS: usize = 2_000;
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let text = format!("{head}{}0\r\n\r\n", "1\r\nx\r\n".repeat(CHUNKS));
        let mut answer = Answer::default();
        let memory = allocation_counter::measure(|| {
            for byte in text.bytes() {
                answer.bytes.push(byte);
                answer.advance().unwrap();
            }
        });
        assert!(memory.bytes_total < 16 * text.len() as u64, "{memory:?}");
        assert_eq!(answer.finish(), Ok((200, vec![b'x'; CHUNKS])));
    }

    #[test]
    fn tokens_and_refusals() {
        let token = read(200, br#"{"access_token":"a.b.c","expires_in":60}"#, 0).unwrap();
        assert_eq!(token.lifetime, Some(Duration::from_secs(60)));
        let claims = Base64UrlUnpadded::encode_string(br#"{"exp":1100}"#);
        let token = read(200, format!(r#"{{"access_token":"a.{claims}.c"}}"#).as_bytes(), 1000);
        assert_eq!(token.unwrap().lifetime, Some(Duration::from_secs(100)));
        let refused = read(401, br#"{"error":"invalid_client","secret":"hush"}"#, 0).unwrap_err();
        assert!(refused.refused && refused.text.contains("invalid_client"), "{refused:?}");
        assert!(!refused.text.contains("hush"));
        assert!(!read(503, b"", 0).unwrap_err().refused);
        let redirected = read(302, b"", 0).unwrap_err();
        assert!(redirected.refused && redirected.text.contains("redirect"), "{redirected:?}");
        assert!(read(200, b"<html>", 0).unwrap_err().refused);
    }
}
