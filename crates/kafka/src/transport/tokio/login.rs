//! What a login needs from outside: a nonce, the time, a token, keys.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use base64ct::{Base64, Encoding};
use tokio::sync::Mutex;

use super::{aws, http};
use crate::config::{Sasl, Secret, TOKEN_ENDPOINT_URL, TokenSource, read_file};
use crate::connection::Problem;
use crate::limits::{NONCE_BYTES, TOKEN_BYTES_MAX, TOKEN_REFRESH_PERCENT};
use crate::sasl::{AwsRequest, Exchange, OauthBearer, region_of_host, unsecured_token};

/// Makes the logins of one client; remembers its token.
#[derive(Debug, Default)]
pub(super) struct Logins {
    token: Mutex<Option<Remembered>>,
}

#[derive(Debug)]
struct Remembered {
    token: Secret,
    /// When a new one is fetched.
    until: Instant,
}

impl Logins {
    /// The login for a fresh connection to `host`.
    pub(super) async fn exchange(&self, sasl: &Sasl, host: &str) -> Result<Exchange, Problem> {
        match sasl {
            Sasl::Plain { .. } | Sasl::Scram { .. } => sasl
                .by_password(nonce()?)
                .ok_or_else(|| Problem::refused("the mechanism has no password")),
            Sasl::OauthBearer { source, extensions } => {
                let token = self.token(source).await?;
                Ok(Exchange::oauthbearer(OauthBearer::new(token, extensions.clone())))
            }
            Sasl::AwsMskIam { profile } => aws_msk_iam(profile.as_deref(), host),
        }
    }

    async fn token(&self, source: &TokenSource) -> Result<Secret, Problem> {
        match source {
            TokenSource::Unsecured(claims) => Ok(unsecured_token(claims, unix_seconds())),
            TokenSource::File(path) => token_in_file(path),
            TokenSource::Endpoint(endpoint) => {
                // Held while a token is fetched: connections that open together share it.
                let mut remembered = self.token.lock().await;
                if let Some(known) =
                    remembered.as_ref().filter(|known| Instant::now() < known.until)
                {
                    return Ok(known.token.clone());
                }
                let now = unix_seconds().unsigned_abs();
                let token = http::token(endpoint, now).await?;
                *remembered = token.lifetime.and_then(|lifetime| {
                    let part = lifetime.as_secs().saturating_mul(TOKEN_REFRESH_PERCENT) / 100;
                    let until = Instant::now().checked_add(Duration::from_secs(part))?;
                    Some(Remembered { token: token.text.clone(), until })
                });
                Ok(token.text)
            }
        }
    }
}

fn nonce() -> Result<String, Problem> {
    let mut bytes = [0; NONCE_BYTES];
    rand::fill(&mut bytes).map_err(|_| Problem::broken("the system has no random numbers"))?;
    Ok(Base64::encode_string(&bytes))
}

#[allow(clippy::disallowed_methods, reason = "signatures and tokens tell the time of day")]
fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn token_in_file(path: &str) -> Result<Secret, Problem> {
    const KEY: &str = TOKEN_ENDPOINT_URL;
    let bytes = read_file(KEY, path).map_err(|error| Problem::refused(error.message()))?;
    let token = std::str::from_utf8(&bytes).unwrap_or_default().trim();
    if token.len() <= TOKEN_BYTES_MAX && OauthBearer::is_token(token) {
        Ok(Secret::new(token))
    } else {
        Err(Problem::refused(format!("{KEY}: '{path}' does not hold one token")))
    }
}

fn aws_msk_iam(profile: Option<&str>, host: &str) -> Result<Exchange, Problem> {
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let file =
        |path: &str| read_file("", path).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let credentials = aws::credentials(profile, &env, &file).map_err(Problem::refused)?;
    let region = region_of_host(host)
        .map(str::to_owned)
        .or_else(|| aws::region(profile, &env, &file))
        .ok_or_else(|| {
            Problem::refused(format!(
                "the host name '{host}' does not tell an AWS region; set AWS_REGION"
            ))
        })?;
    Ok(AwsRequest { host, region: &region, now: unix_seconds() }.sign(&credentials))
}
