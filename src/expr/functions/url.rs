//! Functions over URLs: their parts, as `java.net.URL` takes them apart, and their encoding.

use super::signature::{STRING, fixed, nullable};
use super::{Function, Param};
use crate::expr::text::{UPPER_HEX, write_hex};

use Param::Text;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "PARSE_URL(url, part [, key])",
        "A part of a URL: HOST, PATH, QUERY, REF, PROTOCOL, FILE, AUTHORITY, USERINFO, or one key of its QUERY.",
        |args| nullable(fixed(args, &[Text, Text, Text], 2, STRING)),
        |call| {
            let (url, wanted, key) = (call.text(0), call.text(1), call.text(2));
            let has_key = call.has(2);
            call.strings(|row, out| {
                let (Some(url), Some(wanted)) = (url.get(row), wanted.get(row)) else {
                    return Ok(None);
                };
                let part = part(url, wanted);
                let part = if has_key {
                    let Some(key) = key.get(row).filter(|_| wanted == "QUERY") else {
                        return Ok(None);
                    };
                    let pairs = part.iter().flat_map(|query| query.split('&'));
                    let mut values = pairs.filter_map(|pair| pair.split_once('='));
                    values.find(|(name, _)| *name == key).map(|(_, value)| value.to_owned())
                } else {
                    part
                };
                Ok(part.map(|part| out.push_str(&part)))
            })
        },
    ),
    Function::new(
        "URL_ENCODE(string)",
        "The text in the form application/x-www-form-urlencoded, in UTF-8.",
        |args| nullable(fixed(args, &[Text], 1, STRING)),
        |call| {
            let text = call.text(0);
            call.strings(|row, out| {
                let Some(text) = text.get(row) else { return Ok(None) };
                for byte in text.bytes() {
                    match byte {
                        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => {
                            out.push(char::from(byte));
                        }
                        b' ' => out.push('+'),
                        byte => {
                            out.push('%');
                            write_hex(&[byte], UPPER_HEX, out);
                        }
                    }
                }
                Ok(Some(()))
            })
        },
    ),
    Function::new(
        "URL_DECODE(string)",
        "The text of a form application/x-www-form-urlencoded, in UTF-8; NULL where it is none.",
        |args| nullable(fixed(args, &[Text], 1, STRING)),
        |call| {
            let text = call.text(0);
            call.strings(|row, out| {
                let Some(decoded) = text.get(row).and_then(url_decode) else { return Ok(None) };
                out.push_str(&decoded);
                Ok(Some(()))
            })
        },
    ),
];

/// The protocols that a JVM has handlers for.
const PROTOCOLS: [&str; 8] = ["file", "ftp", "http", "https", "jar", "jmod", "jrt", "mailto"];

/// A URL taken apart.
struct Url {
    protocol: String,
    authority: Option<String>,
    user: Option<String>,
    host: String,
    path: String,
    query: Option<String>,
    reference: Option<String>,
}

/// The part of a URL that has this name, such as `HOST`; none of a text that is no URL.
fn part(url: &str, wanted: &str) -> Option<String> {
    let url = Url::parse(url)?;
    match wanted {
        "HOST" => Some(url.host),
        "PATH" => Some(url.path),
        "QUERY" => url.query,
        "REF" => url.reference,
        "PROTOCOL" => Some(url.protocol),
        "FILE" => Some(match url.query {
            Some(query) => format!("{}?{query}", url.path),
            None => url.path,
        }),
        "AUTHORITY" => url.authority,
        "USERINFO" => url.user,
        _ => None,
    }
}

impl Url {
    fn parse(text: &str) -> Option<Url> {
        let text = text.trim_matches(|c: char| c <= ' ');
        let text = match text.get(..4) {
            Some(head) if head.eq_ignore_ascii_case("url:") => text.get(4..)?,
            _ => text,
        };
        let (protocol, rest) = text.split_once(':')?;
        let protocol = protocol.to_lowercase();
        PROTOCOLS.contains(&protocol.as_str()).then_some(())?;
        let (rest, reference) = match rest.split_once('#') {
            Some((rest, reference)) => (rest, Some(reference.to_owned())),
            None => (rest, None),
        };
        if protocol == "mailto" {
            return Url::mail(protocol, rest);
        }
        if protocol == "jar" {
            // What is inside of an archive: the archive's own URL, `!/` and a path.
            let (archive, _) = rest.rsplit_once("!/")?;
            Url::parse(archive)?;
            return Some(Url::opaque(protocol, rest, reference));
        }
        let (before, query) = match rest.split_once('?') {
            Some((before, query)) => (before, Some(query.to_owned())),
            None => (rest, None),
        };
        let mut url = Url::opaque(protocol, "", reference);
        url.query = query;
        let path = match before.strip_prefix("//") {
            Some(after) => {
                let (authority, path) = after.split_at(after.find('/').unwrap_or(after.len()));
                url.set_authority(authority)?;
                path
            }
            None => before,
        };
        url.path = path.to_owned();
        Some(url)
    }

    /// A URL that is a path only.
    fn opaque(protocol: String, path: &str, reference: Option<String>) -> Url {
        let (path, query) = match path.rsplit_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (path, None),
        };
        let path = path.to_owned();
        let host = String::new();
        Url { protocol, authority: None, user: None, host, path, query, reference }
    }

    fn mail(protocol: String, address: &str) -> Option<Url> {
        // A handler without an address fails.
        address.chars().any(|c| !matches!(c, ' ' | '\t')).then_some(())?;
        Some(Url::opaque(protocol, address, None))
    }

    fn set_authority(&mut self, authority: &str) -> Option<()> {
        let (user, host) = match authority.split_once('@') {
            // More than one: the URL has no host.
            Some((_, host)) if host.contains('@') => (None, ""),
            Some((user, host)) => (Some(user.to_owned()), host),
            None => (None, authority),
        };
        let (host, port) = if host.starts_with('[') {
            let (inside, after) = host.strip_prefix('[')?.split_once(']')?;
            inside.split('%').next()?.parse::<std::net::Ipv6Addr>().ok()?;
            let port = if after.is_empty() { "" } else { after.strip_prefix(':')? };
            (format!("[{inside}]"), port)
        } else {
            let (host, port) = host.split_once(':').unwrap_or((host, ""));
            (host.to_owned(), port)
        };
        let number = if port.is_empty() { -1 } else { port.parse::<i32>().ok()? };
        (number >= -1).then_some(())?;
        self.authority = Some(authority.to_owned());
        (self.user, self.host) = (user, host);
        Some(())
    }
}

fn url_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
