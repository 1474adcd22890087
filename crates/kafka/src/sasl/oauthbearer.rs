//! OAUTHBEARER (RFC 7628, KIP-255): a token, and extensions that some brokers ask for.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};

use super::{Next, SaslError};
use crate::config::Secret;

/// See the module.
pub(crate) struct OauthBearer {
    token: Secret,
    extensions: Vec<(String, String)>,
    refused: bool,
}

impl OauthBearer {
    /// Extensions were checked with [`is_extension`](Self::is_extension).
    pub(crate) fn new(token: Secret, extensions: Vec<(String, String)>) -> Self {
        Self { token, extensions, refused: false }
    }

    /// Whether an extension can be sent: a name of letters that is not `auth`, a value of visible
    /// characters and white space (RFC 7628 §3.1).
    pub(crate) fn is_extension(name: &str, value: &str) -> bool {
        !name.is_empty()
            && name != "auth"
            && name.bytes().all(|b| b.is_ascii_alphabetic())
            && value.bytes().all(|b| matches!(b, 0x20..=0x7e | b'\t' | b'\r' | b'\n'))
    }

    /// Whether a token can stand in the message without changing its meaning.
    pub(crate) fn is_token(token: &str) -> bool {
        !token.is_empty() && token.bytes().all(|b| matches!(b, 0x21..=0x7e))
    }

    pub(super) fn first(&self) -> Vec<u8> {
        let mut message = format!("n,,\u{1}auth=Bearer {}\u{1}", self.token.expose());
        for (name, value) in &self.extensions {
            message.push_str(&format!("{name}={value}\u{1}"));
        }
        message.push('\u{1}');
        message.into_bytes()
    }

    pub(super) fn next(&mut self, challenge: &[u8]) -> Result<Next, SaslError> {
        if self.refused {
            return Err(SaslError::new("the broker went on after it had refused the token"));
        }
        if challenge.is_empty() {
            return Ok(Next::Done);
        }
        // The broker explains in JSON why it refuses; after this answer it says so as an error.
        self.refused = true;
        Ok(Next::Send(vec![1]))
    }
}

impl fmt::Debug for OauthBearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OauthBearer")
    }
}

/// A token that nobody signed, as Kafka's default login handler makes it for tests: `alg` none,
/// the claims of the JAAS options. `now` is seconds since 1970 UTC.
pub(crate) fn unsecured_token(claims: &[(String, serde_json::Value)], now: i64) -> Secret {
    const LIFETIME_SECONDS: i64 = 3600;
    let mut all = serde_json::Map::new();
    all.insert("iat".to_owned(), now.into());
    all.insert("exp".to_owned(), now.saturating_add(LIFETIME_SECONDS).into());
    all.extend(claims.iter().cloned());
    let part = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
    let claims = serde_json::Value::Object(all).to_string();
    Secret::new(format!("{}.{}.", part(r#"{"alg":"none"}"#), part(&claims)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_rfc_7628() {
        let extensions = vec![("logicalCluster".to_owned(), "lkc-1".to_owned())];
        let exchange = OauthBearer::new(Secret::new("abc.def"), extensions);
        let expected = b"n,,\x01auth=Bearer abc.def\x01logicalCluster=lkc-1\x01\x01";
        assert_eq!(exchange.first(), expected);
    }

    #[test]
    fn an_error_is_answered_once() {
        let mut exchange = OauthBearer::new(Secret::new("t"), Vec::new());
        assert_eq!(exchange.next(br#"{"status":"invalid_token"}"#), Ok(Next::Send(vec![1])));
        assert!(exchange.next(b"").is_err());
        let mut exchange = OauthBearer::new(Secret::new("t"), Vec::new());
        assert_eq!(exchange.next(b""), Ok(Next::Done));
    }

    #[test]
    fn nothing_smuggles_a_second_field() {
        assert!(!OauthBearer::is_token("a\u{1}b") && !OauthBearer::is_token(""));
        for (name, value) in [("auth", "x"), ("a1", "x"), ("", "x"), ("a", "\u{1}")] {
            assert!(!OauthBearer::is_extension(name, value), "{name}");
        }
    }

    #[test]
    fn an_unsecured_token_has_three_parts() {
        let token = unsecured_token(&[("sub".to_owned(), "me".into())], 1_000);
        let parts: Vec<&str> = token.expose().split('.').collect();
        let claims = Base64UrlUnpadded::decode_vec(parts[1]).unwrap();
        assert_eq!(claims, br#"{"exp":4600,"iat":1000,"sub":"me"}"#);
        assert_eq!((parts.len(), parts[2]), (3, ""));
    }
}
