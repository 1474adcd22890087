use super::*;
use x509_parser::parse_x509_certificate;

/// A key whose certificate `CN=own` was issued by `CN=ca`, which is in the chain, and a trusted certificate
/// `CN=friend`. Both made with keytool 17, whose trust managers accept `friend` and `own`.
const JKS: &[u8] = include_bytes!("testdata/own.jks");
const PKCS12: &[u8] = include_bytes!("testdata/own.p12");
/// `CN=ca` as `openssl pkcs12 -export -nokeys` writes it: for Java there is no entry in it.
const UNMARKED: &[u8] = include_bytes!("testdata/unmarked.p12");
const PASSWORD: &str = "secret1";

fn subjects(anchors: &[Vec<u8>]) -> Vec<String> {
    let subject = |der: &Vec<u8>| parse_x509_certificate(der).unwrap().1.subject().to_string();
    let mut subjects: Vec<String> = anchors.iter().map(subject).collect();
    subjects.sort();
    subjects
}

fn archive(bytes: &[u8]) -> Pkcs12Archive {
    pkcs12(bytes, Some(PASSWORD), "ssl.truststore", None).unwrap()
}

#[test]
fn issuers_in_the_chain_of_a_key_are_not_trusted() {
    let expected = ["CN=friend", "CN=own"];
    let jks = Jks::parse(JKS, Some(PASSWORD)).unwrap();
    assert_eq!(jks.keys[0].chain.len(), 2);
    assert_eq!(subjects(&anchors_of_jks(jks)), expected);
    let archive = archive(PKCS12);
    assert_eq!(archive.certs.len(), 3);
    assert_eq!(subjects(&anchors_of_pkcs12(&archive)), expected);
}

#[test]
fn a_certificate_that_is_not_marked_as_trusted_is_not() {
    let archive = archive(UNMARKED);
    assert_eq!(archive.certs.len(), 1);
    assert!(anchors_of_pkcs12(&archive).is_empty());
}

/// What the key store at a path of `testdata` is told to lack.
fn key_store(name: &str, pairs: &[(&str, &str)]) -> String {
    let path = format!("{}/src/tls/testdata/{name}", env!("CARGO_MANIFEST_DIR"));
    let lookup = |key: &str| {
        let location = (key == "ssl.keystore.location").then_some(path.as_str());
        location.or_else(|| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| *value))
    };
    let found = identity(&Given::new(&lookup)).map(|_| "it opens".to_owned());
    found.unwrap_or_else(|error| error.to_string()).replace(&path, "FILE")
}

/// A key with another password than its store, by keytool; the encrypted keys of PEM files.
#[test]
fn passwords_of_keys_are_named_by_what_lacks_them() {
    let store = ("ssl.keystore.password", "secret1");
    let key = |password| ("ssl.key.password", password);
    for (name, pairs, says) in [
        ("key_password.jks", vec![store, key("secret2")], "it opens"),
        (
            "key_password.jks",
            vec![store],
            "the private key in 'FILE' has another password than the store: set ssl.key.password",
        ),
        (
            "key_password.jks",
            vec![store, key("x")],
            "ssl.key.password is wrong: it does not open the private key in 'FILE'",
        ),
        ("client.pem", vec![key("secret1")], "it opens"),
        ("client.pem", vec![], "is encrypted: set ssl.key.password"),
        (
            "client.pem",
            vec![key("x")],
            "ssl.key.password is wrong: it does not open the private key in 'FILE'",
        ),
    ] {
        let found = key_store(name, &pairs);
        assert!(found.contains(says), "{name}: {found}");
    }
}
