//! Trust stores and key stores: JKS, PKCS12, PEM, from files or from the properties themselves.
//!
//! The content decides the format, as in Java, whose `JKS` reads PKCS12 as well; `ssl.*.type` must
//! only name a format that can be read.

use p12_keystore::Pkcs12Archive;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::encrypted::{KeyError, decrypt};
use super::jks::{self, Jks, JksError};
use super::pem;
use crate::config::{Given, read_file};
use crate::error::{Error, Result};

/// A private key with the certificates that belong to it.
pub(super) struct Identity {
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) chain: Vec<CertificateDer<'static>>,
}

enum Content {
    Jks(Vec<u8>),
    Pkcs12(Vec<u8>),
    Pem(String),
    /// One certificate without any armour.
    Certificate(Vec<u8>),
}

/// The certificates that brokers must be signed by; `None` if no trust store is set.
pub(super) fn trusted(given: &Given<'_>) -> Result<Option<Vec<CertificateDer<'static>>>> {
    let inline = given.text("ssl.truststore.certificates");
    let location = given.text("ssl.truststore.location");
    check_type(given, "ssl.truststore.type")?;
    let (key, content) = match (location, inline) {
        (Some(_), Some(_)) => {
            return Err(Error::config(
                "ssl.truststore.certificates",
                "ssl.truststore.location and ssl.truststore.certificates exclude each other",
            ));
        }
        (None, None) => return Ok(None),
        (None, Some(text)) => ("ssl.truststore.certificates", Content::Pem(text.to_owned())),
        (Some(path), None) => ("ssl.truststore.location", open("ssl.truststore.location", path)?),
    };
    let password = given.text("ssl.truststore.password");
    let found = match content {
        Content::Jks(bytes) => {
            let store = Jks::parse(&bytes, password)
                .map_err(|error| jks_error(error, "ssl.truststore", location))?;
            anchors_of_jks(store)
        }
        Content::Pkcs12(bytes) => {
            let store = pkcs12(&bytes, password, "ssl.truststore", location)?;
            anchors_of_pkcs12(&store)
        }
        Content::Pem(text) => certificates(key, &text)?,
        Content::Certificate(der) => vec![der],
    };
    if found.is_empty() {
        let text = format!(
            "{key}: {} holds no trusted certificate; import one with 'keytool -importcert'",
            named(location)
        );
        return Err(Error::config(key, text));
    }
    Ok(Some(found.into_iter().map(CertificateDer::from).collect()))
}

/// What a store makes trusted, as Java's `TrustManagerFactory` sees it: trusted certificates, and of each key its own
/// certificate but none of its issuers.
fn anchors_of_jks(store: Jks) -> Vec<Vec<u8>> {
    let own = store.keys.into_iter().filter_map(|key| key.chain.into_iter().next());
    store.certificates.into_iter().chain(own).collect()
}

/// The same. A certificate that is neither a key's nor marked as trusted (as OpenSSL writes them) is none.
fn anchors_of_pkcs12(store: &Pkcs12Archive) -> Vec<Vec<u8>> {
    let of_key = |bag: &p12_keystore::CertificateBag| {
        bag.local_key_id.as_deref().is_some_and(|id| {
            store.keys.iter().any(|key| key.local_key_id.as_ref().map(AsRef::as_ref) == Some(id))
        })
    };
    let anchors = store.certs.iter().filter(|bag| bag.trusted || of_key(bag));
    anchors.map(|bag| bag.cert.as_der().to_vec()).collect()
}

/// The client's own key and certificates; `None` if no key store is set.
pub(super) fn identity(given: &Given<'_>) -> Result<Option<Identity>> {
    let location = given.text("ssl.keystore.location");
    let (key, chain) =
        (given.text("ssl.keystore.key"), given.text("ssl.keystore.certificate.chain"));
    check_type(given, "ssl.keystore.type")?;
    match (location, key, chain) {
        (None, None, None) => Ok(None),
        (None, Some(key), Some(chain)) => {
            let chain = certificates("ssl.keystore.certificate.chain", chain)?;
            let key = pem_key(given, "ssl.keystore.key", None, key)?;
            identity_of("ssl.keystore.certificate.chain", None, key, chain).map(Some)
        }
        (None, key, _) => {
            let (has, lacks) = match key {
                Some(_) => ("ssl.keystore.key", "ssl.keystore.certificate.chain"),
                None => ("ssl.keystore.certificate.chain", "ssl.keystore.key"),
            };
            Err(Error::config(lacks, format!("{has} is set, so {lacks} must be set too")))
        }
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => Err(Error::config(
            "ssl.keystore.location",
            "ssl.keystore.location excludes ssl.keystore.key and ssl.keystore.certificate.chain",
        )),
        (Some(path), None, None) => stored_identity(given, path).map(Some),
    }
}

fn stored_identity(given: &Given<'_>, path: &str) -> Result<Identity> {
    const KEY: &str = "ssl.keystore.location";
    let password = given.text("ssl.keystore.password");
    let no_key = || Error::config(KEY, format!("{KEY}: '{path}' holds no private key"));
    let (key, chain) = match open(KEY, path)? {
        Content::Jks(bytes) => {
            let store = Jks::parse(&bytes, password)
                .map_err(|error| jks_error(error, "ssl.keystore", Some(path)))?;
            let key = store.keys.into_iter().next().ok_or_else(no_key)?;
            let own = given.text("ssl.key.password");
            let der = key.decrypt(own.or(password).unwrap_or_default()).map_err(|error| match error {
                JksError::Password if own.is_none() => {
                    let text = format!(
                        "the private key in '{path}' has another password than the store: set ssl.key.password"
                    );
                    Error::config("ssl.key.password", text)
                }
                JksError::Password => wrong_password("ssl.key", Some(path)),
                JksError::Damaged => jks_error(error, "ssl.keystore", Some(path)),
            })?;
            (PrivateKeyDer::Pkcs8(der.into()), key.chain)
        }
        Content::Pkcs12(bytes) => {
            let store = pkcs12(&bytes, password, "ssl.keystore", Some(path))?;
            let key = store.keys.into_iter().next().ok_or_else(no_key)?;
            let id = key.local_key_id.as_ref().map(AsRef::<[u8]>::as_ref);
            let own = store
                .certs
                .iter()
                .position(|bag| id.is_some() && bag.local_key_id.as_deref() == id)
                .unwrap_or(0);
            let chain = chain_from(own, &store.certs);
            (PrivateKeyDer::Pkcs8(key.key.as_der().to_vec().into()), chain)
        }
        Content::Pem(text) => {
            let chain = certificates(KEY, &text)?;
            (pem_key(given, KEY, Some(path), &text)?, chain)
        }
        Content::Certificate(_) => return Err(no_key()),
    };
    identity_of(KEY, Some(path), key, chain)
}

/// From the certificate at `own` up to a root or to where issuers end.
fn chain_from(own: usize, bags: &[p12_keystore::CertificateBag]) -> Vec<Vec<u8>> {
    let mut chain = Vec::new();
    let mut next = bags.get(own);
    while let Some(bag) = next {
        chain.push(bag.cert.as_der().to_vec());
        next = bags.iter().find(|issuer| {
            issuer.cert.subject() == bag.cert.issuer()
                && !chain.iter().any(|known| known == issuer.cert.as_der())
        });
    }
    chain
}

fn identity_of(
    property: &str,
    location: Option<&str>,
    key: PrivateKeyDer<'static>,
    chain: Vec<Vec<u8>>,
) -> Result<Identity> {
    if chain.is_empty() {
        let place = named(location);
        return Err(Error::config(property, format!("{property}: {place} holds no certificate")));
    }
    Ok(Identity { key, chain: chain.into_iter().map(CertificateDer::from).collect() })
}

fn certificates(property: &str, text: &str) -> Result<Vec<Vec<u8>>> {
    let blocks = pem::blocks(text)
        .map_err(|problem| Error::config(property, format!("{property}: {problem}")))?;
    let labels = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"];
    let of_label = blocks.into_iter().filter(|block| labels.contains(&block.label.as_str()));
    let found: Vec<Vec<u8>> = of_label.map(|block| block.der).collect();
    if found.is_empty() {
        let text = format!("{property} holds no PEM block 'CERTIFICATE'");
        return Err(Error::config(property, text));
    }
    Ok(found)
}

/// The key in a PEM text; `location` is the file that the text stands in.
fn pem_key(
    given: &Given<'_>,
    property: &str,
    location: Option<&str>,
    text: &str,
) -> Result<PrivateKeyDer<'static>> {
    let wrong = |problem: &str| Error::config(property, format!("{property}: {problem}"));
    let blocks = pem::blocks(text).map_err(|problem| wrong(&problem))?;
    for block in blocks {
        return Ok(match block.label.as_str() {
            "PRIVATE KEY" => PrivateKeyDer::Pkcs8(block.der.into()),
            "RSA PRIVATE KEY" => PrivateKeyDer::Pkcs1(block.der.into()),
            "EC PRIVATE KEY" => PrivateKeyDer::Sec1(block.der.into()),
            "ENCRYPTED PRIVATE KEY" => {
                let Some(password) = given.text("ssl.key.password") else {
                    let text =
                        format!("the private key in {property} is encrypted: set ssl.key.password");
                    return Err(Error::config("ssl.key.password", text));
                };
                let plain = decrypt(&block.der, password).map_err(|error| match error {
                    KeyError::Damaged => wrong("the encrypted private key is damaged"),
                    KeyError::Password => wrong_password("ssl.key", location),
                    KeyError::Unsupported(name) => wrong(&format!(
                        "the private key is encrypted with {name}, which is not supported; convert it with \
                         'openssl pkcs8 -topk8 -v2 aes256 -provider default -provider legacy -in OLD -out NEW'"
                    )),
                })?;
                PrivateKeyDer::Pkcs8(plain.into())
            }
            _ => continue,
        });
    }
    Err(wrong("there is no PEM block 'PRIVATE KEY'"))
}

fn open(property: &str, path: &str) -> Result<Content> {
    let bytes = read_file(property, path)?;
    let wrong = |problem: &str| Error::config(property, format!("{property}: '{path}' {problem}"));
    if bytes.starts_with(&jks::MAGIC) {
        return Ok(Content::Jks(bytes));
    }
    if bytes.starts_with(&jks::MAGIC_JCEKS) {
        return Err(wrong(
            "is JCEKS, which is not supported; convert it with 'keytool -importkeystore -deststoretype pkcs12'",
        ));
    }
    if bytes.starts_with(&[0x30]) {
        // A PFX begins with its version, a certificate with a sequence.
        let certificate = x509_parser::parse_x509_certificate(&bytes).is_ok();
        let content = if certificate { Content::Certificate } else { Content::Pkcs12 };
        return Ok(content(bytes));
    }
    match String::from_utf8(bytes) {
        Ok(text) if text.contains("-----BEGIN ") => Ok(Content::Pem(text)),
        _ => Err(wrong("is neither JKS nor PKCS12 nor PEM")),
    }
}

fn pkcs12(
    bytes: &[u8],
    password: Option<&str>,
    store: &str,
    location: Option<&str>,
) -> Result<Pkcs12Archive> {
    use p12_keystore::error::Error as P12;
    Pkcs12Archive::from_pkcs12(bytes, password.unwrap_or_default()).map_err(|error| match error {
        P12::MacError(_) | P12::UnpadError | P12::Pkcs5Error(_) if password.is_none() => {
            let key = format!("{store}.password");
            Error::config(&key, format!("{} has a password: set {key}", named(location)))
        }
        P12::MacError(_) => wrong_password(store, location),
        error => {
            let key = format!("{store}.location");
            Error::config(&key, format!("{key}: {} cannot be read: {error}", named(location)))
        }
    })
}

fn jks_error(error: JksError, store: &str, location: Option<&str>) -> Error {
    match error {
        JksError::Password => wrong_password(store, location),
        JksError::Damaged => {
            let key = format!("{store}.location");
            Error::config(&key, format!("{key}: {} is damaged", named(location)))
        }
    }
}

/// `of` is the name of the property without `.password`.
fn wrong_password(of: &str, location: Option<&str>) -> Error {
    let key = format!("{of}.password");
    let what = match (of, location) {
        ("ssl.key", Some(path)) => format!("the private key in '{path}'"),
        ("ssl.key", None) => "ssl.keystore.key".to_owned(),
        (_, location) => named(location),
    };
    Error::config(&key, format!("{key} is wrong: it does not open {what}"))
}

fn named(location: Option<&str>) -> String {
    location.map_or_else(|| "the PEM text".to_owned(), |path| format!("'{path}'"))
}

fn check_type(given: &Given<'_>, property: &str) -> Result<()> {
    let Some(name) = given.text(property) else { return Ok(()) };
    if ["JKS", "PKCS12", "PEM"].iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Ok(());
    }
    let text = format!("{property} is '{name}' but must be one of JKS, PKCS12, PEM");
    Err(Error::config(property, text))
}

#[cfg(test)]
#[path = "stores_tests.rs"]
mod tests;
