//! Chains to a broker's certificate that rustls refuses whatever stands above it and Java takes: one
//! that may sign others (`openssl req -x509` makes no other kind), and one of X.509 version 1
//! (`openssl x509 -req` without extensions). What rustls checks elsewhere is checked here (RFC 5280
//! §6.1), and what Java's `EndEntityChecker` does; name constraints, which such installations do
//! not have, are refused instead of being evaluated.

use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use rustls::{CertificateError, Error};
use x509_parser::asn1_rs::{Any, FromDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::limits::{CHAIN_ISSUERS_MAX, CHAIN_SIGNATURES_MAX};

type Algorithms<'a> = &'a [&'static dyn SignatureVerificationAlgorithm];

/// What a certificate is checked by.
pub(super) struct Chain<'a> {
    /// The trust store.
    pub(super) anchors: &'a [CertificateDer<'static>],
    /// What the broker sent behind its own certificate.
    pub(super) intermediates: &'a [CertificateDer<'a>],
    pub(super) algorithms: Algorithms<'a>,
    pub(super) now: UnixTime,
}

impl Chain<'_> {
    /// Whether a server may have this certificate.
    pub(super) fn check(&self, end: &X509Certificate<'_>) -> Result<(), Error> {
        check_dates(end, self.now)?;
        check_critical(end)?;
        let signs = end.key_usage().map_err(damaged)?.is_none_or(|u| u.value.digital_signature());
        let serves = end.extended_key_usage().map_err(damaged)?.is_none_or(|u| u.value.server_auth);
        if !signs || !serves {
            return Err(refused(CertificateError::InvalidPurpose));
        }
        let mut signatures = CHAIN_SIGNATURES_MAX;
        self.check_issuer(end, 0, &mut signatures)
    }

    /// Whether an anchor has signed `subject`, or an authority that stands, over others, under one.
    /// `below` counts the authorities between `subject` and the end.
    fn check_issuer(
        &self,
        subject: &X509Certificate<'_>,
        below: u32,
        signatures: &mut u32,
    ) -> Result<(), Error> {
        let mut problem = refused(CertificateError::UnknownIssuer);
        for (position, issuer) in self.anchors.iter().chain(self.intermediates).enumerate() {
            let is_anchor = position < self.anchors.len();
            let Ok(issuer) = parse(issuer) else { continue };
            if issuer.subject().as_raw() != subject.issuer().as_raw()
                || !is_anchor && below >= CHAIN_ISSUERS_MAX
            {
                continue;
            }
            let Some(left) = signatures.checked_sub(1) else { break };
            *signatures = left;
            let checked = check_unconstrained(&issuer)
                .and_then(|()| verify_issued(subject, &issuer, self.algorithms))
                .and_then(|()| {
                    if is_anchor {
                        return Ok(());
                    }
                    self.check_authority(&issuer, below)?;
                    self.check_issuer(&issuer, below.saturating_add(1), signatures)
                });
            match checked {
                Ok(()) => return Ok(()),
                Err(found) => problem = found,
            }
        }
        Err(problem)
    }

    fn check_authority(&self, authority: &X509Certificate<'_>, below: u32) -> Result<(), Error> {
        check_dates(authority, self.now)?;
        check_critical(authority)?;
        let constraints = authority.basic_constraints().map_err(damaged)?;
        let is_authority = constraints.is_some_and(|found| {
            found.value.ca && found.value.path_len_constraint.is_none_or(|most| below <= most)
        });
        let signs =
            authority.key_usage().map_err(damaged)?.is_none_or(|usage| usage.value.key_cert_sign());
        let serves = authority
            .extended_key_usage()
            .map_err(damaged)?
            .is_none_or(|usage| usage.value.any || usage.value.server_auth);
        if is_authority && signs && serves {
            Ok(())
        } else {
            Err(refused(CertificateError::UnknownIssuer))
        }
    }
}

/// Reads a certificate.
pub(super) fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Error> {
    match x509_parser::parse_x509_certificate(der) {
        Ok(([], parsed)) => Ok(parsed),
        _ => Err(refused(CertificateError::BadEncoding)),
    }
}

/// Whether a certificate counts now.
pub(super) fn check_dates(certificate: &X509Certificate<'_>, now: UnixTime) -> Result<(), Error> {
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let validity = certificate.validity();
    if seconds > validity.not_after.timestamp() {
        Err(refused(CertificateError::Expired))
    } else if seconds < validity.not_before.timestamp() {
        Err(refused(CertificateError::NotValidYet))
    } else {
        Ok(())
    }
}

/// Whether `key` made a signature, by one of the algorithms that are allowed.
pub(super) fn verify(
    key: &SubjectPublicKeyInfo<'_>,
    algorithms: Algorithms<'_>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Error> {
    let of_key = first(key.raw).and_then(|fields| first(fields.data)).ok_or_else(bad_encoding)?;
    let mut fitting = algorithms
        .iter()
        .filter(|algorithm| algorithm.public_key_alg_id().as_ref() == of_key.data)
        .peekable();
    if fitting.peek().is_none() {
        return Err(unsupported());
    }
    let public = key.subject_public_key.data.as_ref();
    if fitting.any(|algorithm| algorithm.verify_signature(public, message, signature).is_ok()) {
        Ok(())
    } else {
        Err(refused(CertificateError::BadSignature))
    }
}

fn verify_issued(
    subject: &X509Certificate<'_>,
    issuer: &X509Certificate<'_>,
    algorithms: Algorithms<'_>,
) -> Result<(), Error> {
    // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }
    let content = first(subject.as_raw()).ok_or_else(bad_encoding)?.data;
    let signed = subject.tbs_certificate.as_ref();
    let after = content.get(signed.len()..).ok_or_else(bad_encoding)?;
    let by = first(after).ok_or_else(bad_encoding)?;
    if subject.signature_algorithm != subject.tbs_certificate.signature {
        return Err(bad_encoding());
    }
    let of_signature: Vec<_> = algorithms
        .iter()
        .copied()
        .filter(|algorithm| algorithm.signature_alg_id().as_ref() == by.data)
        .collect();
    verify(issuer.public_key(), &of_signature, signed, &subject.signature_value.data)
}

/// Extensions that must be understood (RFC 5280 §4.2).
fn check_critical(certificate: &X509Certificate<'_>) -> Result<(), Error> {
    let understood = certificate.extensions().iter().all(|extension| {
        !extension.critical
            || matches!(
                extension.parsed_extension(),
                ParsedExtension::BasicConstraints(_)
                    | ParsedExtension::KeyUsage(_)
                    | ParsedExtension::ExtendedKeyUsage(_)
                    | ParsedExtension::SubjectAlternativeName(_)
            )
    });
    if understood { Ok(()) } else { Err(refused(CertificateError::UnhandledCriticalExtension)) }
}

fn check_unconstrained(issuer: &X509Certificate<'_>) -> Result<(), Error> {
    match issuer.name_constraints() {
        Ok(None) => Ok(()),
        _ => Err(refused(CertificateError::UnhandledCriticalExtension)),
    }
}

/// The DER element that bytes begin with.
fn first(der: &[u8]) -> Option<Any<'_>> {
    Any::from_der(der).ok().map(|(_, element)| element)
}

fn refused(problem: CertificateError) -> Error {
    Error::InvalidCertificate(problem)
}

fn bad_encoding() -> Error {
    refused(CertificateError::BadEncoding)
}

fn damaged(_: x509_parser::error::X509Error) -> Error {
    bad_encoding()
}

#[allow(deprecated, reason = "what rustls says instead names algorithms by their bytes")]
fn unsupported() -> Error {
    refused(CertificateError::UnsupportedSignatureAlgorithm)
}
