//! `AWS_MSK_IAM`: the client sends a request to `kafka-cluster:Connect` that it has signed (AWS
//! Signature Version 4, in the query string) as JSON, as `aws-msk-iam-auth` does.

use std::fmt;

use aws_lc_rs::{digest, hmac};

use super::Exchange;
use crate::config::Secret;

const SERVICE: &str = "kafka-cluster";
const ACTION: &str = "kafka-cluster:Connect";
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Seconds for which the signature counts; the service allows no more than 15 minutes.
const EXPIRES_SECONDS: &str = "900";

/// Who signs.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AwsCredentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: Secret,
    /// Of temporary credentials.
    pub(crate) session_token: Option<Secret>,
}

impl fmt::Debug for AwsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsCredentials").finish_non_exhaustive()
    }
}

/// What is signed.
#[derive(Debug, Clone)]
pub(crate) struct AwsRequest<'a> {
    /// Host name of the broker, without port.
    pub(crate) host: &'a str,
    /// Region of the cluster.
    pub(crate) region: &'a str,
    /// Seconds since 1970 UTC.
    pub(crate) now: i64,
}

impl AwsRequest<'_> {
    /// The exchange: one message, which the broker answers with an id.
    pub(crate) fn sign(&self, credentials: &AwsCredentials) -> Exchange {
        let message = self.payload(credentials).to_string().into_bytes();
        Exchange::single("AWS_MSK_IAM", credentials.access_key_id.clone(), message)
    }

    fn payload(&self, credentials: &AwsCredentials) -> serde_json::Value {
        let (date, time) = timestamp(self.now);
        let scope = format!("{date}/{}/{SERVICE}/aws4_request", self.region);
        let credential = format!("{}/{scope}", credentials.access_key_id);
        let token = credentials.session_token.as_ref().map(Secret::expose);
        let mut query = vec![
            ("Action", ACTION),
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &time),
            ("X-Amz-Expires", EXPIRES_SECONDS),
        ];
        query.extend(token.map(|token| ("X-Amz-Security-Token", token)));
        query.push(("X-Amz-SignedHeaders", "host"));
        let query: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let canonical = format!(
            "GET\n/\n{}\nhost:{}\n\nhost\n{}",
            query.join("&"),
            self.host,
            hex(digest::digest(&digest::SHA256, b"").as_ref())
        );
        let hashed = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n{hashed}");
        let secret = format!("AWS4{}", credentials.secret_access_key.expose());
        let key = [date.as_str(), self.region, SERVICE, "aws4_request"]
            .iter()
            .fold(secret.into_bytes(), |key, part| mac(&key, part.as_bytes()));
        let mut payload = serde_json::json!({
            "version": "2020_10_22",
            "host": self.host,
            "user-agent": concat!("brooklet/", env!("CARGO_PKG_VERSION")),
            "action": ACTION,
            "x-amz-algorithm": ALGORITHM,
            "x-amz-credential": credential,
            "x-amz-date": time,
            "x-amz-signedheaders": "host",
            "x-amz-expires": EXPIRES_SECONDS,
            "x-amz-signature": hex(&mac(&key, to_sign.as_bytes())),
        });
        if let (Some(token), Some(fields)) = (token, payload.as_object_mut()) {
            fields.insert("x-amz-security-token".to_owned(), token.into());
        }
        payload
    }
}

/// The region in the name of an MSK broker: `b-1.name.id.c2.kafka.eu-west-1.amazonaws.com`.
pub(crate) fn region_of_host(host: &str) -> Option<&str> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let rest =
        host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let (before, region) = rest.rsplit_once('.')?;
    (before.ends_with(".kafka") || before.contains(".kafka-serverless")).then_some(region)
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Percent-encoding of everything but RFC 3986's unreserved characters.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `yyyymmdd` and `yyyymmddThhmmssZ`.
fn timestamp(unix: i64) -> (String, String) {
    let (days, seconds) = (unix.div_euclid(86_400), unix.rem_euclid(86_400));
    // Days of the civil calendar in eras of 400 years that begin on 1 March.
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let date = format!("{year:04}{month:02}{day:02}");
    let time = format!("{date}T{:02}{:02}{:02}Z", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    (date, time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (unix, text) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_709_251_199, "20240229T235959Z"),
            (1_440_938_160, "20150830T123600Z"),
            (4_102_444_800, "21000101T000000Z"),
        ] {
            assert_eq!(timestamp(unix).1, text);
        }
    }

    #[test]
    fn regions() {
        for (host, region) in [
            ("b-1.demo.abc123.c2.kafka.us-east-1.amazonaws.com", Some("us-east-1")),
            ("boot-x.c1.kafka-serverless.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("b-1.demo.abc.c2.kafka.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("kafka.example.com", None),
            ("localhost", None),
        ] {
            assert_eq!(region_of_host(host), region, "{host}");
        }
    }

    /// Signatures that botocore's `SigV4QueryAuth` makes for the same requests.
    #[test]
    fn signatures_are_those_of_the_aws_sdk() {
        let mut credentials = AwsCredentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        };
        let host = "b-1.demo.abc123.c2.kafka.us-east-1.amazonaws.com";
        let request = AwsRequest { host, region: "us-east-1", now: 1_440_938_160 };
        let signature = |credentials: &AwsCredentials| {
            request.payload(credentials)["x-amz-signature"].as_str().unwrap_or_default().to_owned()
        };
        assert_eq!(
            signature(&credentials),
            "df43d4baa286f6b391623c3d8ce5ad79fd30224297c8de72972998f73384882a"
        );
        credentials.session_token = Some(Secret::new("FwoGZXIvYXdzE+/=token"));
        assert_eq!(
            signature(&credentials),
            "e43b6d907a6bf8a570572f00623c56bc4f28202476bd507b745abdc69ada351a"
        );
        let payload = request.payload(&credentials);
        assert_eq!(payload["x-amz-security-token"], "FwoGZXIvYXdzE+/=token");
        assert_eq!(payload["x-amz-date"], "20150830T123600Z");
        assert_eq!(
            payload["x-amz-credential"],
            "AKIDEXAMPLE/20150830/us-east-1/kafka-cluster/aws4_request"
        );
    }
}
