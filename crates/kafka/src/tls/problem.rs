//! What went wrong with TLS, in words that say what to change.

use std::io;

use rustls::{AlertDescription, CertificateError, Error as TlsError};

use super::verify::SmallKey;
use crate::connection::Problem;

/// Who answers at brokers' addresses.
pub(crate) const BROKER: &str = "broker";
/// Who gives tokens of OAUTHBEARER.
pub(crate) const TOKEN_ENDPOINT: &str = "token endpoint";

/// Reads an error of a TLS stream. `host` is the name that was connected to; `handshake` says
/// whether the session was still being opened; `peer` is what messages call the other side.
pub(crate) fn explain(error: &io::Error, host: &str, handshake: bool, peer: &str) -> Problem {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        let mut problem = explain_tls(tls, host, peer);
        if peer == TOKEN_ENDPOINT && problem.text.contains("ssl.") {
            problem.text.push_str(
                "; for the token endpoint, ssl.* are options of the login module in sasl.jaas.config",
            );
        }
        return problem;
    }
    let closed = matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    );
    match (closed, handshake) {
        (true, true) => {
            let listener = match peer {
                BROKER => {
                    "; a listener without TLS does so (then security.protocol must be PLAINTEXT or \
                     SASL_PLAINTEXT)"
                }
                _ => "",
            };
            Problem::broken(format!(
                "the {peer} closed the connection during the TLS handshake{listener}"
            ))
        }
        (true, false) => Problem::broken(format!("the {peer} closed the connection")),
        _ => Problem::broken(error.to_string()),
    }
}

fn explain_tls(error: &TlsError, host: &str, peer: &str) -> Problem {
    match error {
        TlsError::InvalidCertificate(problem) => Problem::refused(format!(
            "the {peer}'s certificate is refused: {}",
            untrusted(problem, host, peer)
        )),
        TlsError::AlertReceived(alert) => alerted(*alert, peer),
        TlsError::InvalidMessage(_) | TlsError::InappropriateMessage { .. } => {
            let listener = match peer {
                BROKER => {
                    "; for a listener without TLS, security.protocol must be PLAINTEXT or \
                     SASL_PLAINTEXT"
                }
                _ => "",
            };
            Problem::refused(format!("what answers does not speak TLS{listener}"))
        }
        TlsError::PeerIncompatible(problem) => Problem::refused(format!(
            "the {peer} and this client share no TLS version or cipher suite ({problem:?}); see \
             ssl.enabled.protocols and ssl.cipher.suites"
        )),
        TlsError::General(text) => Problem::refused(text.clone()),
        other => Problem::refused(format!("TLS failed: {other}")),
    }
}

fn untrusted(problem: &CertificateError, host: &str, peer: &str) -> String {
    match problem {
        CertificateError::UnknownIssuer => {
            "no trusted authority has signed it; put its CA into ssl.truststore.location or \
             ssl.truststore.certificates"
                .to_owned()
        }
        CertificateError::Expired => "it has expired".to_owned(),
        CertificateError::ExpiredContext { time, not_after } => format!(
            "it expired {} days ago",
            time.as_secs().saturating_sub(not_after.as_secs()) / 86_400
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet; compare the clocks".to_owned()
        }
        CertificateError::NotValidForName => format!("it is not for the host '{host}'"),
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<String> =
                presented.iter().map(|name| name.replace("DnsName", "")).collect();
            format!(
                "it is not for the host '{host}' but for {}; connect by a name of the certificate{}, \
                 or set ssl.endpoint.identification.algorithm = '' to check no names",
                if names.is_empty() { "no host at all".to_owned() } else { names.join(", ") },
                if peer == BROKER { " (see the broker's advertised.listeners)" } else { "" },
            )
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not made for servers (its extended key usage lacks serverAuth)".to_owned()
        }
        CertificateError::BadEncoding => "it is damaged".to_owned(),
        CertificateError::BadSignature => {
            "a signature does not fit: the broker does not have its key, or its authority has been \
             replaced by one of the same name"
                .replace("broker", peer)
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it is signed in a way that is not supported, such as with SHA-1 or DSA; make it again \
             with RSA or ECDSA and SHA-256"
                .to_owned()
        }
        CertificateError::UnhandledCriticalExtension => {
            "it, or a certificate above it, has a critical extension that is not understood"
                .to_owned()
        }
        CertificateError::Revoked => "it is revoked".to_owned(),
        CertificateError::Other(other) => match other.0.downcast_ref::<SmallKey>() {
            Some(small) => small.to_string(),
            None => in_words(&other.to_string()),
        },
        other => in_words(&format!("{other:?}")),
    }
}

/// For what has no sentence of its own: the name that the library gives to a rule, as words.
fn in_words(name: &str) -> String {
    let name = name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let mut words = String::from("it breaks a rule of X.509:");
    for c in name.chars() {
        if c.is_uppercase() {
            words.push(' ');
        }
        words.extend(c.to_lowercase());
    }
    words
}

fn alerted(alert: AlertDescription, peer: &str) -> Problem {
    use AlertDescription as Alert;
    match alert {
        Alert::CertificateRequired | Alert::NoCertificate => Problem::refused(format!(
            "the {peer} demands a client certificate; set ssl.keystore.location, or \
             ssl.keystore.certificate.chain and ssl.keystore.key"
        )),
        // What Java's TLS answers to a client without one, too.
        Alert::BadCertificate => Problem::refused(format!(
            "the {peer} demands a client certificate, or refuses the client's certificate ({alert:?}); see ssl.keystore.*"
        )),
        Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied
        | Alert::DecryptError => Problem::refused(format!(
            "the {peer} refuses the client's certificate ({alert:?}); see ssl.keystore.*"
        )),
        Alert::HandshakeFailure | Alert::InsufficientSecurity | Alert::ProtocolVersion => {
            Problem::refused(format!(
                "the {peer} and this client share no TLS version or cipher suite, or it demands a \
                 client certificate ({alert:?}); see ssl.enabled.protocols, ssl.cipher.suites and \
                 ssl.keystore.*"
            ))
        }
        other => Problem::broken(format!("the {peer} ended TLS with the alert {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::OtherError;

    use super::*;

    /// What brokers are trusted by does not count there.
    #[test]
    fn properties_for_a_token_endpoint_are_options_of_the_login_module() {
        let told = |peer| {
            let error = TlsError::InvalidCertificate(CertificateError::UnknownIssuer);
            explain(&io::Error::other(error), "h", true, peer).text
        };
        assert!(told(TOKEN_ENDPOINT).ends_with("of the login module in sasl.jaas.config"));
        assert!(!told(BROKER).contains("sasl.jaas.config"));
    }

    /// No name of the libraries' code.
    #[test]
    #[allow(deprecated, reason = "still made by the library")]
    fn what_is_wrong_with_a_certificate_is_told_in_words() {
        use CertificateError as C;
        let other = OtherError(Arc::new(io::Error::other("PathLenConstraintViolated")));
        let words = "it breaks a rule of X.509: path len constraint violated";
        assert_eq!(untrusted(&C::Other(other), "h", BROKER), words);
        for problem in [
            C::BadEncoding,
            C::Expired,
            C::NotValidYet,
            C::Revoked,
            C::UnhandledCriticalExtension,
            C::UnknownIssuer,
            C::UnknownRevocationStatus,
            C::ExpiredRevocationList,
            C::BadSignature,
            C::UnsupportedSignatureAlgorithm,
            C::UnsupportedSignatureAlgorithmForPublicKeyContext {
                signature_algorithm_id: vec![1],
                public_key_algorithm_id: vec![2],
            },
            C::NotValidForName,
            C::InvalidPurpose,
            C::InvalidOcspResponse,
            C::ApplicationVerificationFailure,
        ] {
            let name = format!("{problem:?}");
            let name = name.split(' ').next().unwrap();
            let text = untrusted(&problem, "h", BROKER);
            assert!(!text.contains(name) && !text.contains('{'), "{text}");
        }
    }
}
