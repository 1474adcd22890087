//! What must not be shown: the values of options that hold secrets.

use crate::base::is_near;
use std::borrow::Cow;
use std::ops::Range;

/// What is shown in place of a secret.
pub const REDACTED: &str = "******";

/// Parts of the names of options that hold one.
const WORDS: &[&str] = &[
    "passw",
    "passphrase",
    "secret",
    "token",
    "jaas",
    "credential",
    "private.key",
    "ssl.keystore.key",
    "auth.user",
];

/// Words of which one with a slip in it counts as well: a key that is mistyped comes with its secret.
const LIKELY: &[&str] = &["password", "passphrase", "secret", "token", "credentials"];

/// Characters of a likely word for which one may be wrong.
const CHARACTERS_PER_SLIP: usize = 5;

/// Whether a key holds a secret by its name alone, so that its value is shown as `******`.
///
/// The value of `connector.properties.3.value` (Flink 1.10) may be one: which property it is says another key. So may a
/// whole map, such as `avro-confluent.properties`.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let number = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    let numbered = key.strip_prefix("connector.properties.");
    numbered.and_then(|rest| rest.strip_suffix(".value")).is_some_and(number)
        || key.ends_with(".properties")
        || WORDS.iter().any(|word| key.contains(word))
        || key.split(|c: char| !c.is_ascii_alphanumeric()).any(is_likely)
}

fn is_likely(part: &str) -> bool {
    LIKELY.iter().any(|word| is_near(part, word, word.len() / CHARACTERS_PER_SLIP))
}

/// The value of an option as it may be shown: user and password of a URL are left out of it.
pub fn shown<'a>(key: &str, value: &'a str) -> Cow<'a, str> {
    if is_secret(key) {
        return Cow::Borrowed(REDACTED);
    }
    let mut hidden = user_infos(value);
    // The scheme may have been forgotten.
    if hidden.is_empty() && key.to_ascii_lowercase().contains("url") {
        hidden.extend(value.rfind('@').map(|at| 0..at));
    }
    replaced(value, &hidden, REDACTED)
}

/// Where user and password stand in the URLs of a text.
pub fn user_infos(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, scheme) in text.match_indices("://") {
        let start = at + scheme.len();
        let rest = text.get(start..).unwrap_or("");
        let end = rest.find(|c: char| c == '/' || c == '\'' || c == '"' || c.is_whitespace());
        let authority = rest.get(..end.unwrap_or(rest.len())).unwrap_or("");
        // A list of URLs has commas; a password may have one too, and more than one `@`.
        found.extend(authority.rfind('@').map(|end| start..start + end));
    }
    found
}

/// The text with something else at these places, which are in order.
fn replaced<'a>(text: &'a str, places: &[Range<usize>], by: &str) -> Cow<'a, str> {
    if places.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for place in places {
        shown.push_str(text.get(from..place.start).unwrap_or(""));
        shown.push_str(by);
        from = place.end;
    }
    shown.push_str(text.get(from..).unwrap_or(""));
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_keys() {
        for key in [
            "properties.sasl.jaas.config",
            "avro-confluent.basic-auth.user-info",
            "avro-confluent.properties.basic.auth.user.info",
            "avro-confluent.properties",
            "properties.sasl.oauthbearer.assertion.private.key.passphrase",
            "properties.sasl.oauthbearer.assertion.private.key.file",
            "properties.ssl.keystore.key",
            "connector.properties.0.value",
            "Connector.Properties.12.Value",
            // Mistyped.
            "properties.ssl.truststore.pasword",
            "avro-confluent.basic-auth.user-inof",
            "avro-confluent.bearer-auth.tokn",
            "properties.sasl.oauthbearer.client.credentails.client.id",
        ] {
            assert!(is_secret(key), "{key}");
        }
        for key in [
            "connector.properties.0.key",
            "connector.properties.a.value",
            "connector.properties..value",
            "properties.0.value",
            "properties.ssl.keystore.location",
            "properties.ssl.keystore.type",
            "properties.security.protocol",
            "scan.startup.timestamp-millis",
            "table.local-time-zone",
            "pipeline.jars",
            "topic",
        ] {
            assert!(!is_secret(key), "{key}");
        }
    }

    #[test]
    fn urls_are_shown_without_user_and_password() {
        for (key, value, expected) in [
            ("a.url", "http://h:1/x", "http://h:1/x"),
            ("a.url", "http://u:p@h:1/x@y", "http://******@h:1/x@y"),
            ("a.url", "http://u:p@h,https://v:q@i/", "http://******@h,https://******@i/"),
            ("a.url", "u:p@h:1", "******@h:1"),
            ("topic", "u:p@h:1", "u:p@h:1"),
            ("a.password", "http://h", "******"),
        ] {
            assert_eq!(shown(key, value), expected, "{key} = {value}");
        }
    }
}
