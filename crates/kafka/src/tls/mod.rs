//! TLS by the Java client's properties: which authorities are trusted, who the client is, which
//! versions and ciphers may be used. No socket is touched here.

mod blocking;
mod chain;
mod encrypted;
mod jks;
mod pem;
pub(crate) mod problem;
mod stores;
mod verify;

use std::fmt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedCipherSuite, SupportedProtocolVersion};

pub use blocking::{TlsClient, TlsProblem, TlsStream};

use crate::config::{Given, Warning};
use crate::error::{Error, Result};

/// Everything that a TLS session needs to know beforehand.
#[derive(Clone)]
pub(crate) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Reads the `ssl.*` properties and the files that they name.
    ///
    /// # Errors
    /// A property that cannot be used, a file that cannot be read or opened: each names the
    /// property.
    pub(crate) fn load(given: &Given<'_>, warnings: &mut Vec<Warning>) -> Result<Self> {
        let mut provider = aws_lc_rs::default_provider();
        if let Some(names) = given.text("ssl.cipher.suites") {
            provider.cipher_suites = cipher_suites(names, &provider.cipher_suites, warnings)?;
        }
        let versions = versions(given, warnings)?;
        let check_name = checks_name(given, warnings)?;
        let (roots, trusted) = match stores::trusted(given)? {
            None => {
                let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
                (roots, Vec::new())
            }
            Some(certificates) => {
                let mut roots = RootCertStore::empty();
                let (added, _) = roots.add_parsable_certificates(certificates.iter().cloned());
                if added == 0 {
                    let key = match given.text("ssl.truststore.location") {
                        Some(_) => "ssl.truststore.location",
                        None => "ssl.truststore.certificates",
                    };
                    return Err(Error::config(key, format!("{key} holds no usable certificate")));
                }
                (roots, certificates)
            }
        };
        let provider = Arc::new(provider);
        let verifier =
            verify::Verifier { roots, trusted, check_name, provider: Arc::clone(&provider) };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(|_| {
                let text =
                    "ssl.cipher.suites has no suite for any version in ssl.enabled.protocols";
                Error::config("ssl.cipher.suites", text)
            })?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let config = match stores::identity(given)? {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                builder.with_client_auth_cert(identity.chain, identity.key).map_err(|error| {
                    let text = format!("the client's key and certificate cannot be used: {error}");
                    Error::config("ssl.keystore.location", text)
                })?
            }
        };
        Ok(Self(Arc::new(config)))
    }

    /// For opening sessions.
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }
}

/// Reads bytes as each format of our own; for fuzzing.
pub(crate) fn read_any(data: &[u8]) {
    if let Ok(store) = jks::Jks::parse(data, None) {
        for key in &store.keys {
            drop(key.decrypt("changeit"));
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        drop(pem::blocks(text));
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

fn checks_name(given: &Given<'_>, warnings: &mut Vec<Warning>) -> Result<bool> {
    const KEY: &str = "ssl.endpoint.identification.algorithm";
    match given.raw(KEY) {
        None => Ok(true),
        Some(name) if name.eq_ignore_ascii_case("https") => Ok(true),
        Some("") => {
            warnings.push(Warning {
                key: KEY.to_owned(),
                message: format!(
                    "{KEY} is empty: any broker with a certificate of a trusted authority is believed, \
                     whatever its host name"
                ),
            });
            Ok(false)
        }
        Some(name) => {
            Err(Error::config(KEY, format!("{KEY} is '{name}' but must be https or empty")))
        }
    }
}

/// `ssl.enabled.protocols`; without it, `ssl.protocol` may lower the version.
fn versions(
    given: &Given<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<&'static SupportedProtocolVersion>> {
    let (key, names) = match (given.text("ssl.enabled.protocols"), given.text("ssl.protocol")) {
        (Some(names), _) => ("ssl.enabled.protocols", names),
        (None, Some(name)) if !["TLS", "TLSv1.3"].contains(&name) => ("ssl.protocol", name),
        (None, _) => return Ok(vec![&TLS13, &TLS12]),
    };
    let mut versions = Vec::new();
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match name {
            "TLSv1.3" => versions.push(&TLS13),
            "TLSv1.2" => versions.push(&TLS12),
            _ => warnings.push(Warning {
                key: key.to_owned(),
                message: format!("{key}: '{name}' is left out; TLSv1.2 and TLSv1.3 are supported"),
            }),
        }
    }
    if versions.is_empty() {
        let text = format!("{key} is '{names}' but must have TLSv1.2 or TLSv1.3");
        return Err(Error::config(key, text));
    }
    Ok(versions)
}

fn cipher_suites(
    names: &str,
    known: &[SupportedCipherSuite],
    warnings: &mut Vec<Warning>,
) -> Result<Vec<SupportedCipherSuite>> {
    const KEY: &str = "ssl.cipher.suites";
    // Java and the registry say TLS_AES_…, rustls TLS13_AES_….
    let name_of =
        |suite: &SupportedCipherSuite| format!("{:?}", suite.suite()).replace("TLS13_", "TLS_");
    let mut suites = Vec::new();
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match known.iter().find(|suite| name_of(suite) == name) {
            Some(suite) => suites.push(*suite),
            None => warnings.push(Warning {
                key: KEY.to_owned(),
                message: format!("{KEY}: '{}' is not supported and left out", name.escape_debug()),
            }),
        }
    }
    if suites.is_empty() {
        let names: Vec<String> = known.iter().map(name_of).collect();
        let text = format!("{KEY} names no supported suite; there are {}", names.join(", "));
        return Err(Error::config(KEY, text));
    }
    Ok(suites)
}
