use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

use super::*;
use crate::tls::pem;
use crate::tls::problem::{BROKER, explain};

/// See its first lines.
const BROKERS: &str = include_str!("testdata/brokers.pem");

fn block(name: &str) -> Vec<u8> {
    let (_, text) = BROKERS.split_once(&format!("# {name}\n")).unwrap();
    pem::blocks(text).unwrap().swap_remove(0).der
}

fn certificates(names: &[&str]) -> Vec<CertificateDer<'static>> {
    names.iter().map(|name| CertificateDer::from(block(name))).collect()
}

#[derive(Debug)]
struct Broker(Arc<CertifiedKey>);

impl ResolvesServerCert for Broker {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A whole handshake with a broker that sends `chain`; what the user is told if it fails.
fn connect(
    host: &str,
    trusted: &[&str],
    chain: &[&str],
    version: &'static rustls::SupportedProtocolVersion,
) -> Result<(), String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::Pkcs8(block("key").into());
    let key = provider.key_provider.load_private_key(key).unwrap();
    let broker = Broker(Arc::new(CertifiedKey::new(certificates(chain), key)));
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(broker));
    let trusted = certificates(trusted);
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted.iter().cloned());
    let verifier = Verifier { roots, trusted, check_name: true, provider: Arc::clone(&provider) };
    let client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        if let Err(error) = client.process_new_packets() {
            let error = std::io::Error::other(error);
            return Err(explain(&error, host, true, BROKER).text);
        }
    }
    Ok(())
}

/// Java 17's `PKIX` and `SunX509` trust managers judge these alike, except for `limited`, whose name
/// constraints are not evaluated here, and for small keys.
#[test]
fn certificates_that_java_takes_are_taken_and_no_others() {
    let rows: [(&[&str], &[&str], Option<&str>); 16] = [
        (&["self"], &["self"], None),
        (&["ca"], &["with_ca"], None),
        (&["ca"], &["v1"], None),
        (&["v1"], &["v1"], None),
        (&["ca"], &["under_sub", "sub"], None),
        (&["sub"], &["under_sub"], None),
        (&["ca"], &["v1_under_sub", "sub"], None),
        (&["ca"], &["self"], Some("no trusted authority has signed it")),
        (&["self"], &["with_ca"], Some("no trusted authority has signed it")),
        (&["ca"], &["under_sub"], Some("no trusted authority has signed it")),
        // The same name and key, but no authority.
        (&["ca"], &["under_sub", "not_ca"], Some("no trusted authority has signed it")),
        (&["ca"], &["under_sub", "limited"], Some("critical extension")),
        (&["ca"], &["for_signing"], Some("not made for servers")),
        (&["ca"], &["for_clients"], Some("not made for servers")),
        (&["ca"], &["critical"], Some("critical extension")),
        (&["small"], &["under_small"], Some("the RSA key of 'CN=small' has 1024 bits")),
    ];
    for (trusted, chain, refused) in rows {
        for version in [&TLS12, &TLS13] {
            let found = connect("localhost", trusted, chain, version);
            match (&found, refused) {
                (Ok(()), None) => {}
                (Err(text), Some(refused)) if text.contains(refused) => {}
                _ => panic!("{chain:?} under {trusted:?}: {found:?}"),
            }
        }
    }
}

#[test]
fn the_host_name_counts_whatever_the_certificate() {
    for (trusted, chain) in [("self", "self"), ("ca", "with_ca"), ("ca", "v1")] {
        for host in ["elsewhere", "127.0.0.1"] {
            let text = connect(host, &[trusted], &[chain], &TLS13).unwrap_err();
            assert!(text.contains(&format!("not for the host '{host}'")), "{chain}: {text}");
        }
    }
}

/// A chain with one bit of a signature flipped, and chains outside of their dates.
#[test]
fn signatures_and_dates_count() {
    let chains: [&[&str]; 3] = [&["with_ca"], &["v1"], &["under_sub", "sub"]];
    for names in chains {
        let anchors = certificates(&["ca"]);
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let check = |chain: &[CertificateDer<'static>], seconds: u64| {
            let (end, intermediates) = chain.split_first().unwrap();
            let chain = Chain {
                anchors: &anchors,
                intermediates,
                algorithms: provider.signature_verification_algorithms.all,
                now: UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)),
            };
            chain.check(&parse(end).unwrap())
        };
        let refused = |problem| Err(Error::InvalidCertificate(problem));
        let now = 1_800_000_000;
        let chain = certificates(names);
        assert_eq!(check(&chain, now), Ok(()));
        assert_eq!(check(&chain, 1_000_000_000), refused(CertificateError::NotValidYet));
        assert_eq!(check(&chain, 9_000_000_000), refused(CertificateError::Expired));
        for at in 0..chain.len() {
            let mut flipped = chain.clone();
            let mut der = flipped[at].to_vec();
            *der.last_mut().unwrap() ^= 1;
            flipped[at] = der.into();
            assert_eq!(check(&flipped, now), refused(CertificateError::BadSignature), "{names:?}");
        }
    }
}

#[test]
fn wildcards_stand_for_one_label() {
    for (pattern, host, expected) in [
        ("broker", "BROKER", true),
        ("broker.example.com", "broker.example.com.", true),
        ("*.example.com", "a.example.com", true),
        ("*.example.com", "a.b.example.com", false),
        ("*.example.com", "example.com", false),
        ("*.com", "example.com", false),
        ("b*.example.com", "broker.example.com", false),
    ] {
        assert_eq!(matches(pattern, host), expected, "{pattern} {host}");
    }
}
