//! Whether a broker is who it must be. rustls checks chains and names; what is added here are the
//! habits of Java that Kafka installations rely on.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Version;

use super::chain::{Chain, check_dates, parse, verify};

/// See the module.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) roots: RootCertStore,
    /// The trust store's certificates themselves.
    pub(super) trusted: Vec<CertificateDer<'static>>,
    /// `ssl.endpoint.identification.algorithm = https`.
    pub(super) check_name: bool,
    pub(super) provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn check_chain(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        // A broker's own certificate may stand in the trust store, as Java allows: a self-signed
        // one is no CA, and no chain can be built to it.
        if self.trusted.iter().any(|trusted| trusted == end_entity) {
            return check_dates(&parse(end_entity)?, now);
        }
        let algorithms = self.provider.signature_verification_algorithms.all;
        let refused = match ParsedCertificate::try_from(end_entity) {
            Ok(parsed) => verify_server_cert_signed_by_trust_anchor(
                &parsed,
                &self.roots,
                intermediates,
                now,
                algorithms,
            ),
            Err(refused) => Err(refused),
        };
        let Err(refused) = refused else { return Ok(()) };
        let end = parse(end_entity)?;
        let of_java = end.version() == X509Version::V1
            || matches!(end.basic_constraints(), Ok(Some(found)) if found.value.ca);
        let refused = if of_java {
            let chain = Chain { anchors: &self.trusted, intermediates, algorithms, now };
            match chain.check(&end) {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            }
        } else {
            refused
        };
        let issuers = intermediates.iter().chain(&self.trusted);
        Err(with_key_size(refused, issuers, |issuer| issuer.subject() == end.issuer()))
    }

    /// What a certificate of version 1 has to be read for here; rustls reads the others.
    fn version_1<'a>(certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
        parse(certificate).ok().filter(|parsed| parsed.version() == X509Version::V1)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check_chain(end_entity, intermediates, now)?;
        if self.check_name {
            check_name(end_entity, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let verified = match Self::version_1(cert) {
            Some(parsed) => {
                let known = algorithms.mapping.iter().find(|(scheme, _)| *scheme == dss.scheme);
                let of_scheme = known.map(|(_, of_scheme)| *of_scheme).unwrap_or_default();
                verify(parsed.public_key(), of_scheme, message, dss.signature())
                    .map(|()| HandshakeSignatureValid::assertion())
            }
            None => verify_tls12_signature(message, cert, dss, algorithms),
        };
        verified.map_err(|error| with_key_size(error, [cert], |_| true))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        let verified = match Self::version_1(cert) {
            Some(parsed) => {
                let key = SubjectPublicKeyInfoDer::from(parsed.public_key().raw);
                verify_tls13_signature_with_raw_key(message, &key, dss, algorithms)
            }
            None => verify_tls13_signature(message, cert, dss, algorithms),
        };
        verified.map_err(|error| with_key_size(error, [cert], |_| true))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// An RSA key that is too small to be checked with.
#[derive(Debug)]
pub(super) struct SmallKey {
    bits: usize,
    /// Who has it.
    subject: String,
}

impl fmt::Display for SmallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bits, subject } = self;
        write!(
            f,
            "the RSA key of '{subject}' has {bits} bits, at least {RSA_BITS_MIN} are needed; make its \
             certificate again with a larger key"
        )
    }
}

impl std::error::Error for SmallKey {}

/// What the library checks RSA signatures with.
const RSA_BITS_MIN: usize = 2048;

/// A small key looks like a wrong signature: says so if one of `signers` has one.
fn with_key_size<'a>(
    error: Error,
    signers: impl IntoIterator<Item = &'a CertificateDer<'a>>,
    is_signer: impl Fn(&X509Certificate<'_>) -> bool,
) -> Error {
    if error != Error::InvalidCertificate(CertificateError::BadSignature) {
        return error;
    }
    let small = signers.into_iter().find_map(|signer| {
        let signer = parse(signer).ok().filter(|signer| is_signer(signer))?;
        match signer.public_key().parsed() {
            Ok(PublicKey::RSA(key)) if key.key_size() < RSA_BITS_MIN => {
                Some(SmallKey { bits: key.key_size(), subject: signer.subject().to_string() })
            }
            _ => None,
        }
    });
    match small {
        Some(small) => {
            Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(small))))
        }
        None => error,
    }
}

/// Alternative names count; the common name does if there are none (RFC 2818 §3.1), which rustls
/// has given up but certificates made with `keytool` still need.
fn check_name(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    let parsed = parse(certificate)?;
    let refused = if parsed.version() == X509Version::V1 {
        let context = CertificateError::NotValidForNameContext {
            expected: name.to_owned(),
            presented: Vec::new(),
        };
        Error::InvalidCertificate(context)
    } else {
        match verify_server_name(&ParsedCertificate::try_from(certificate)?, name) {
            Ok(()) => return Ok(()),
            Err(refused) => refused,
        }
    };
    let ServerName::DnsName(wanted) = name else { return Err(refused) };
    if !matches!(parsed.subject_alternative_name(), Ok(None)) {
        return Err(refused);
    }
    let mut common = parsed.subject().iter_common_name().filter_map(|cn| cn.as_str().ok());
    if common.any(|common| matches(common, wanted.as_ref())) { Ok(()) } else { Err(refused) }
}

/// Whether a certificate's name covers a host: equal, or a `*` in place of the whole first label.
fn matches(pattern: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    match pattern.strip_prefix("*.") {
        Some(parent) => host
            .split_once('.')
            .is_some_and(|(_, rest)| parent.contains('.') && rest.eq_ignore_ascii_case(parent)),
        None => pattern.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
