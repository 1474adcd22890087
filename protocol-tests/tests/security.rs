//! The client against a broker with a listener of every kind: who gets in, who does not, and what
//! is said about it.

mod client_support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use brooklet_kafka::wire::compression::Compression;
use brooklet_kafka::{Client, ClientConfig, Error, ErrorKind, Isolation, Network, TopicPartition};
use brooklet_protocol_tests::services::{CANARY, Secured, secured};
use client_support::{PATIENCE, batch, create, delivered, read, unparker};

/// An attempt that the broker or the client refuses ends long before any time-out.
const AT_ONCE: Duration = Duration::from_secs(5);

type Pairs = Vec<(&'static str, String)>;

fn client(address: &str, pairs: &Pairs) -> Client {
    let mut all = vec![("bootstrap.servers", address.to_owned())];
    all.extend(pairs.iter().cloned());
    let (config, _) = ClientConfig::parse(all).unwrap_or_else(|error| panic!("{error}"));
    assert!(!format!("{config:?}").contains(CANARY));
    Client::new(config, &Network::tokio())
}

/// Creates a topic, writes, reads: over every kind of connection that the client has.
fn round_trip(secured: &Secured, address: &str, pairs: &Pairs) {
    let client = client(address, pairs);
    let topic: Arc<str> = secured.kafka().unique("secured").into();
    create(&client, &topic, 1);
    let producer = client.producer(unparker());
    // More than one TLS record, and bytes that are sent from where they lie.
    let large = "x".repeat(100_000);
    producer.send(&topic, 0, batch(&["a", "b"], Compression::None), 0).unwrap();
    delivered(&producer, 2);
    producer.send(&topic, 0, large_batch(&large), 1).unwrap();
    delivered(&producer, 3);
    let mut consumer = client.consumer(unparker());
    consumer.assign(&[(TopicPartition::new(&*topic, 0), 0)]);
    let values: Vec<String> =
        read(&mut consumer, 5, Isolation::ReadUncommitted).into_iter().map(|r| r.2).collect();
    assert_eq!(values, ["a", "b", &large, &large, &large]);
}

fn large_batch(value: &str) -> brooklet_kafka::wire::records::SealedBatch {
    use brooklet_kafka::wire::compression::Compressor;
    let mut builder = brooklet_kafka::wire::records::BatchBuilder::new(Compression::None, 1 << 20);
    for _ in 0..3 {
        builder.append(1_000, None, Some(value.as_bytes()), &[]).unwrap();
    }
    builder.seal(&mut Compressor::default()).unwrap()
}

/// The error of a client that is not let in; it must come at once and must not be worth a retry.
fn refused(address: &str, pairs: &Pairs) -> Error {
    let started = Instant::now();
    let error = client(address, pairs).all_topics().wait(PATIENCE).unwrap().unwrap_err();
    assert!(started.elapsed() < AT_ONCE, "after {:?}: {error}", started.elapsed());
    assert_eq!(error.kind(), &ErrorKind::Authentication, "{error}");
    assert!(!error.is_retriable());
    assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
    error
}

#[track_caller]
fn says(error: &Error, parts: &[&str]) {
    for part in parts {
        assert!(error.message().contains(part), "no '{part}' in: {error}");
    }
}

fn protocol(name: &str) -> Pairs {
    vec![("security.protocol", name.to_owned())]
}

/// TLS with the authority of the tests.
fn tls(secured: &Secured) -> Pairs {
    let mut pairs = protocol("SSL");
    pairs.push(("ssl.truststore.location", secured.file("ca.pem")));
    pairs
}

fn login(protocol_name: &str, mechanism: &str, module: &str, user: &str, password: &str) -> Pairs {
    let mut pairs = protocol(protocol_name);
    pairs.push(("sasl.mechanism", mechanism.to_owned()));
    pairs.push(("sasl.jaas.config", Secured::jaas(module, user, password)));
    pairs
}

const PASSWORDS: [(&str, &str); 3] = [
    ("PLAIN", "plain.PlainLoginModule"),
    ("SCRAM-SHA-256", "scram.ScramLoginModule"),
    ("SCRAM-SHA-512", "scram.ScramLoginModule"),
];

fn with(mut pairs: Pairs, more: &[(&'static str, &str)]) -> Pairs {
    pairs.extend(more.iter().map(|(key, value)| (*key, (*value).to_owned())));
    pairs
}

#[test]
fn tls_with_trust_stores_of_every_format() {
    let Some(secured) = secured() else { return };
    let store = Secured::STORE_PASSWORD;
    let pem = std::fs::read_to_string(secured.file("ca.pem")).unwrap();
    let one_line = pem.replace('\n', " ");
    for pairs in [
        tls(secured),
        with(tls(secured), &[("ssl.truststore.type", "PEM"), ("ssl.protocol", "TLSv1.2")]),
        with(protocol("ssl"), &[("ssl.truststore.certificates", &pem)]),
        with(protocol("SSL"), &[("ssl.truststore.certificates", &one_line)]),
        with(
            protocol("SSL"),
            &[
                ("ssl.truststore.location", &secured.file("trust.jks")),
                ("ssl.truststore.password", store),
                ("ssl.enabled.protocols", "TLSv1.2,TLSv1.3,TLSv1.1"),
            ],
        ),
        with(protocol("SSL"), &[("ssl.truststore.location", &secured.file("trust.jks"))]),
        with(
            protocol("SSL"),
            &[
                ("ssl.truststore.location", &secured.file("trust.p12")),
                ("ssl.truststore.type", "PKCS12"),
                ("ssl.truststore.password", store),
                ("ssl.cipher.suites", "TLS_AES_256_GCM_SHA384,TLS_RSA_WITH_AES_128_CBC_SHA"),
            ],
        ),
    ] {
        round_trip(secured, secured.at("SSL"), &pairs);
    }
}

#[test]
fn mutual_tls_with_key_stores_of_every_format() {
    let Some(secured) = secured() else { return };
    let (store, key) = (Secured::STORE_PASSWORD, Secured::KEY_PASSWORD);
    let at = secured.at("MTLS");
    for name in ["client.p12", "client-legacy.p12"] {
        let keys = [
            ("ssl.keystore.location", &*secured.file(name)),
            ("ssl.keystore.type", "PKCS12"),
            ("ssl.keystore.password", store),
        ];
        round_trip(secured, at, &with(tls(secured), &keys));
    }
    let jks = [
        ("ssl.keystore.location", &*secured.file("client.jks")),
        ("ssl.keystore.password", store),
        ("ssl.key.password", key),
    ];
    round_trip(secured, at, &with(tls(secured), &jks));
    let pem_file = [("ssl.keystore.location", &*secured.file("client.pem"))];
    round_trip(secured, at, &with(tls(secured), &pem_file));
    let pem = std::fs::read_to_string(secured.file("client.pem")).unwrap();
    let inline = [("ssl.keystore.key", &*pem), ("ssl.keystore.certificate.chain", &*pem)];
    round_trip(secured, at, &with(tls(secured), &inline));

    says(&refused(at, &tls(secured)), &["certificate", "ssl.keystore"]);
    let tls12 = with(tls(secured), &[("ssl.enabled.protocols", "TLSv1.2")]);
    says(&refused(at, &tls12), &["certificate", "ssl.keystore"]);
    // Signed by somebody whom the broker does not trust.
    let stranger = [("ssl.keystore.location", &*secured.file("stranger.pem"))];
    says(&refused(at, &with(tls(secured), &stranger)), &["client's certificate"]);
}

#[test]
fn brokers_must_be_who_they_say() {
    let Some(secured) = secured() else { return };
    says(&refused(secured.at("EXPIRED"), &tls(secured)), &["expired", "days ago"]);
    says(&refused(secured.at("STRANGER"), &tls(secured)), &["authority", "ssl.truststore"]);
    says(&refused(secured.at("SSL"), &protocol("SSL")), &["authority", "ssl.truststore"]);
    let elsewhere = refused(secured.at("ELSEWHERE"), &tls(secured));
    says(&elsewhere, &["127.0.0.1", "elsewhere.example", "advertised.listeners"]);
    let unchecked = with(tls(secured), &[("ssl.endpoint.identification.algorithm", "")]);
    round_trip(secured, secured.at("ELSEWHERE"), &unchecked);
    // The chain still counts.
    says(&refused(secured.at("STRANGER"), &unchecked), &["authority"]);
    // The broker's own certificate as the only trusted one.
    let own = with(protocol("SSL"), &[("ssl.truststore.location", &*secured.file("stranger.pem"))]);
    round_trip(secured, secured.at("STRANGER"), &own);
    let expired =
        with(protocol("SSL"), &[("ssl.truststore.location", &*secured.file("expired.pem"))]);
    says(&refused(secured.at("EXPIRED"), &expired), &["expired"]);
    // A certificate without alternative names counts for its common name.
    let by_name = secured.at("COMMON_NAME").replace("127.0.0.1", "localhost");
    let client = client(&by_name, &tls(secured));
    // Its metadata names 127.0.0.1, which the certificate does not cover; the first answer arrives.
    client.all_topics().wait(PATIENCE).unwrap().unwrap();
    says(&refused(secured.at("COMMON_NAME"), &tls(secured)), &["127.0.0.1"]);
}

#[test]
fn passwords_over_plain_text_and_tls() {
    let Some(secured) = secured() else { return };
    for (mechanism, module) in PASSWORDS {
        let password = Secured::password("alice");
        let plain = login("SASL_PLAINTEXT", mechanism, module, "alice", &password);
        round_trip(secured, secured.at("SASL_PLAINTEXT"), &plain);
        let over_tls = with(
            login("SASL_SSL", mechanism, module, "alice", &password),
            &[("ssl.truststore.location", &secured.file("ca.pem"))],
        );
        round_trip(secured, secured.at("SASL_SSL"), &over_tls);

        let wrong = login("SASL_PLAINTEXT", mechanism, module, "alice", "canary-of-nobody");
        let error = refused(secured.at("SASL_PLAINTEXT"), &wrong);
        says(&error, &["refuses the login", "'alice'", mechanism]);
        let nobody = login("SASL_PLAINTEXT", mechanism, module, "nobody", &password);
        says(&refused(secured.at("SASL_PLAINTEXT"), &nobody), &["'nobody'"]);
    }
}

#[test]
fn tokens_that_nobody_signed() {
    let Some(secured) = secured() else { return };
    let bearer = |option: &str| {
        let module = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule";
        with(
            protocol("SASL_SSL"),
            &[
                ("ssl.truststore.location", &secured.file("ca.pem")),
                ("sasl.mechanism", "OAUTHBEARER"),
                ("sasl.jaas.config", &format!("{module} required {option};")),
            ],
        )
    };
    let good = bearer("unsecuredLoginStringClaim_sub=\"alice\"");
    round_trip(secured, secured.at("SASL_SSL"), &good);
    let late = bearer("unsecuredLoginStringClaim_sub=\"a\" unsecuredLoginNumberClaim_exp=\"1000\"");
    says(&refused(secured.at("SASL_SSL"), &late), &["refuses the login", "OAUTHBEARER"]);
}

#[test]
fn a_listener_of_another_kind_is_named() {
    let Some(secured) = secured() else { return };
    let password = Secured::password("alice");
    let login = |protocol| login(protocol, "PLAIN", "plain.PlainLoginModule", "alice", &password);
    let with_ca = |pairs| with(pairs, &[("ssl.truststore.location", &secured.file("ca.pem"))]);

    let plain_to_tls = refused(secured.at("SSL"), &protocol("PLAINTEXT"));
    says(&plain_to_tls, &["SSL or SASL_SSL"]);
    says(&refused(secured.at("SASL_SSL"), &login("SASL_PLAINTEXT")), &["SSL or SASL_SSL"]);
    says(&refused(secured.kafka().bootstrap(), &login("SASL_PLAINTEXT")), &["no SASL"]);
    says(&refused(secured.at("SSL"), &with_ca(login("SASL_SSL"))), &["no SASL"]);

    // Here the broker only hangs up, as it would in a restart.
    for (at, pairs, hint) in [
        (secured.kafka().bootstrap(), with_ca(protocol("SSL")), "PLAINTEXT or SASL_PLAINTEXT"),
        (secured.at("SASL_PLAINTEXT"), with_ca(login("SASL_SSL")), "PLAINTEXT or SASL_PLAINTEXT"),
        (secured.at("SASL_PLAINTEXT"), protocol("PLAINTEXT"), "SASL_SSL or SASL_PLAINTEXT"),
        (secured.at("SASL_SSL"), with_ca(protocol("SSL")), "SASL_SSL or SASL_PLAINTEXT"),
    ] {
        let pairs = with(pairs, &[("default.api.timeout.ms", "1000")]);
        let error = client(at, &pairs).all_topics().wait(PATIENCE).unwrap().unwrap_err();
        assert!(error.is_retriable(), "{error}");
        says(&error, &["closed the connection", hint]);
    }
}

#[test]
fn a_mechanism_that_is_not_enabled_is_named_with_those_that_are() {
    let Some(secured) = secured() else { return };
    let iam = with(
        protocol("SASL_PLAINTEXT"),
        &[("sasl.mechanism", "AWS_MSK_IAM"), ("sasl.jaas.config", "x.IAMLoginModule required;")],
    );
    // No keys here: refused before anything is sent.
    says(&refused(secured.at("SASL_PLAINTEXT"), &iam), &["AWS_ACCESS_KEY_ID"]);
}

/// Sessions of three seconds: without a new login the broker would end the connection at the next
/// request.
#[test]
fn sessions_are_renewed_without_a_failure() {
    let Some(secured) = secured() else { return };
    let password = Secured::password("alice");
    for (mechanism, module) in &PASSWORDS[..2] {
        let pairs = login("SASL_PLAINTEXT", mechanism, module, "alice", &password);
        let client = client(secured.at("SHORT"), &pairs);
        let topic: Arc<str> = secured.kafka().unique("short").into();
        create(&client, &topic, 1);
        let producer = client.producer(unparker());
        let mut consumer = client.consumer(unparker());
        consumer.assign(&[(TopicPartition::new(&*topic, 0), 0)]);
        let until = Instant::now() + Duration::from_secs(7);
        let mut count = 0;
        while Instant::now() < until {
            producer.send(&topic, 0, batch(&["x"], Compression::None), count).unwrap();
            delivered(&producer, 1);
            let read = read(&mut consumer, 1, Isolation::ReadUncommitted);
            assert_eq!(read[0].1, i64::try_from(count).unwrap(), "in order, none twice");
            count += 1;
        }
        assert!(count > 10, "{count}");
    }
}
