//! Brokers and token endpoints that lie, break off or are of another age.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use brooklet_kafka::{Client, ClientConfig, Error, ErrorKind, Network};
use brooklet_protocol_tests::scripted::{Reply, Script, ScriptedBroker};
use brooklet_protocol_tests::services::CANARY;

const PATIENCE: Duration = Duration::from_secs(30);
const AT_ONCE: Duration = Duration::from_secs(5);

fn broker(
    mechanisms: &[&str],
    reply: impl FnMut(usize, &[u8]) -> Reply + Send + 'static,
) -> ScriptedBroker {
    let mechanisms = mechanisms.iter().map(|name| (*name).to_owned()).collect();
    ScriptedBroker::start(Script { mechanisms, handshake_max: 1, reply: Box::new(reply) })
}

fn ask(broker: &ScriptedBroker, pairs: &[(&str, &str)]) -> Error {
    let all = [
        ("bootstrap.servers", broker.address()),
        ("security.protocol", "SASL_PLAINTEXT"),
        ("default.api.timeout.ms", "2000"),
    ];
    let (config, _) = ClientConfig::parse(all.iter().chain(pairs).copied()).unwrap();
    let client = Client::new(config, &Network::tokio());
    let error = client.all_topics().wait(PATIENCE).unwrap().unwrap_err();
    assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
    error
}

#[track_caller]
fn refused(broker: &ScriptedBroker, pairs: &[(&str, &str)], said: &str) {
    let started = Instant::now();
    let error = ask(broker, pairs);
    assert_eq!(error.kind(), &ErrorKind::Authentication, "{error}");
    assert!(error.message().contains(said), "no '{said}' in: {error}");
    assert!(started.elapsed() < AT_ONCE);
}

const SCRAM: [(&str, &str); 2] = [
    ("sasl.mechanism", "SCRAM-SHA-256"),
    ("sasl.jaas.config", "x.ScramLoginModule required username=u password=canary-of-u;"),
];

const PLAIN: [(&str, &str); 2] = [
    ("sasl.mechanism", "PLAIN"),
    ("sasl.jaas.config", "x.PlainLoginModule required username=u password=canary-of-u;"),
];

/// The nonce of a client's first SCRAM message.
fn nonce(first: &[u8]) -> String {
    let text = std::str::from_utf8(first).unwrap();
    text.split_once(",r=").unwrap().1.to_owned()
}

#[test]
fn scram_brokers_that_do_not_know_the_password() {
    const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";
    type First = fn(String) -> String;
    let cases: [(First, &str, &str); 8] = [
        (|_| format!("r=ours,s={SALT},i=4096"), "", "nonce"),
        (|nonce| format!("r={nonce},s={SALT},i=4096"), "", "nonce"),
        (|nonce| format!("r={nonce}x,s={SALT},i=1"), "", "iterations"),
        (|nonce| format!("r={nonce}x,s={SALT},i=4294967295"), "", "iterations"),
        (|_| String::new(), "", "lacks r="),
        (
            |nonce| format!("r={nonce}x,s={SALT},i=4096"),
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            "does not know the password",
        ),
        (|nonce| format!("r={nonce}x,s={SALT},i=4096"), "", "signature"),
        (|nonce| format!("r={nonce}x,s={SALT},i=4096"), "e=invalid-proof", "invalid-proof"),
    ];
    for (first, last, said) in cases {
        let broker = broker(&["SCRAM-SHA-256"], move |count, token| {
            Reply::Challenge(match count {
                0 => first(nonce(token)).into_bytes(),
                _ => last.as_bytes().to_vec(),
            })
        });
        refused(&broker, &SCRAM, said);
    }
}

#[test]
fn nonces_come_once() {
    let broker = broker(&["SCRAM-SHA-256"], |_, _| Reply::Refuse("no".to_owned()));
    refused(&broker, &SCRAM, "no");
    refused(&broker, &SCRAM, "no");
    let tokens = broker.tokens();
    assert_eq!(tokens.len(), 2);
    assert_ne!(nonce(&tokens[0]), nonce(&tokens[1]));
}

#[test]
fn messages_of_any_size_and_number() {
    let long = broker(&["SCRAM-SHA-256"], |_, _| Reply::Challenge(vec![b'x'; 1 << 20]));
    refused(&long, &SCRAM, "too long");
    let bearer = [
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.jaas.config", "x.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=me;"),
    ];
    let endless = broker(&["OAUTHBEARER"], |_, _| Reply::Challenge(b"{}".to_vec()));
    refused(&endless, &bearer, "went on");
    assert_eq!(endless.tokens()[1], [1]);
    let text = broker(&["PLAIN"], |_, _| Reply::Refuse("\u{1b}[31mred\n".to_owned()));
    refused(&text, &PLAIN, "\\u{1b}[31mred\\n");
}

#[test]
fn mechanisms_that_are_offered_are_listed() {
    let broker = broker(&["GSSAPI", "SCRAM-SHA-512"], |_, _| Reply::Close);
    refused(&broker, &PLAIN, "does not offer PLAIN on this listener, but GSSAPI, SCRAM-SHA-512");
    assert!(broker.tokens().is_empty());
}

/// Kafka 0.10: tokens without headers, and a closed connection instead of an error.
#[test]
fn brokers_without_sasl_authenticate() {
    let old = |reply: Reply| {
        ScriptedBroker::start(Script {
            mechanisms: vec!["PLAIN".to_owned()],
            handshake_max: 0,
            reply: Box::new(move |_, _| reply.clone()),
        })
    };
    let refuses = old(Reply::Close);
    refused(&refuses, &PLAIN, "brokers before 1.0");
    assert_eq!(refuses.tokens(), [b"\0u\0canary-of-u"]);
    // After the empty answer it sees a request that it takes for a token: the login was over.
    let accepts = old(Reply::Challenge(Vec::new()));
    let error = ask(&accepts, &PLAIN);
    assert_ne!(error.kind(), &ErrorKind::Authentication, "{error}");
    assert!(accepts.tokens().iter().any(|frame| frame.starts_with(&[0, 3])), "Metadata");
}

/// Answers every request with `answer`; keeps what came.
fn endpoint(answer: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/oauth/token", listener.local_addr().unwrap());
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let requests = Arc::clone(&seen);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = vec![0; 1 << 16];
            let mut length = 0;
            while !request[..length].ends_with(b"scope=a+b") {
                length += stream.read(&mut request[length..]).unwrap();
            }
            requests.lock().unwrap().push(String::from_utf8_lossy(&request[..length]).into());
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (url, seen)
}

fn credentials(url: &str) -> Vec<(&str, &str)> {
    vec![
        ("sasl.mechanism", "OAUTHBEARER"),
        (
            "sasl.login.callback.handler.class",
            "org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerLoginCallbackHandler",
        ),
        ("sasl.oauthbearer.token.endpoint.url", url),
        (
            "sasl.jaas.config",
            "x.OAuthBearerLoginModule required clientId='me' clientSecret='canary-of-me' scope='a b' \
             extension_logicalCluster='lkc-1';",
        ),
    ]
}

#[test]
fn tokens_from_an_endpoint() {
    let (url, requests) = endpoint(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n30\r\n\
         {\"access_token\":\"canary-of-t\",\"expires_in\":3600}\r\n0\r\n\r\n",
    );
    let broker = broker(&["OAUTHBEARER"], |_, _| Reply::Refuse("invalid".to_owned()));
    let extension = "x.OAuthBearerLoginModule required extension_logicalCluster='lkc-1';";
    let properties = [
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.oauthbearer.token.endpoint.url", &url),
        ("sasl.jaas.config", extension),
        ("sasl.oauthbearer.client.credentials.client.id", "me"),
        ("sasl.oauthbearer.client.credentials.client.secret", "canary-of-me"),
        ("sasl.oauthbearer.scope", "a b"),
        (
            "sasl.oauthbearer.jwt.retriever.class",
            "org.apache.kafka.common.security.oauthbearer.ClientCredentialsJwtRetriever",
        ),
    ];
    for given in [&credentials(&url)[..], &properties] {
        refused(&broker, given, "refuses the login with OAUTHBEARER: invalid");
    }
    let expected = b"n,,\x01auth=Bearer canary-of-t\x01logicalCluster=lkc-1\x01\x01";
    assert_eq!(broker.tokens(), [expected, expected]);
    let requests = requests.lock().unwrap().clone();
    assert_eq!(requests.len(), 2);
    for part in [
        "POST /oauth/token HTTP/1.1\r\n",
        // me:canary-of-me
        "Authorization: Basic bWU6Y2FuYXJ5LW9mLW1l\r\n",
        "\r\n\r\ngrant_type=client_credentials&scope=a+b",
    ] {
        for request in &requests {
            assert!(request.contains(part), "no {part:?} in {request}");
        }
    }
}

#[test]
fn endpoints_that_give_no_token() {
    let broker = broker(&["OAUTHBEARER"], |_, _| Reply::Close);
    for (answer, said) in [
        (
            "HTTP/1.1 401 Unauthorized\r\nContent-Length: 58\r\n\r\n\
             {\"error\":\"invalid_client\",\"error_description\":\"not known\"}",
            "HTTP status 401: invalid_client (not known)",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "no access_token"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 37\r\n\r\n{\"access_token\":\"a\\u0001auth=Bearer\"}",
            "no access_token",
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://localhost:1/\r\nContent-Length: 0\r\n\r\n",
            "HTTP status 302, a redirect, which is not followed",
        ),
    ] {
        let (url, requests) = endpoint(answer);
        refused(&broker, &credentials(&url), said);
        assert_eq!(requests.lock().unwrap().len(), 1, "the secret is sent once");
    }
    let (url, requests) = endpoint("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    let error = ask(&broker, &credentials(&url));
    assert!(error.is_retriable() && error.message().contains("503"), "{error}");
    assert_eq!(error.property(), Some("sasl.oauthbearer.token.endpoint.url"));
    assert!(requests.lock().unwrap().len() > 1, "tried again");
    assert!(broker.tokens().is_empty());
}

#[test]
fn tokens_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let url = format!("file://{}", path.display());
    let broker = broker(&["OAUTHBEARER"], |_, _| Reply::Refuse("invalid".to_owned()));
    refused(&broker, &credentials(&url), "cannot read");
    std::fs::write(&path, "two words").unwrap();
    refused(&broker, &credentials(&url), "one token");
    std::fs::write(&path, "canary-of-file\n").unwrap();
    refused(&broker, &credentials(&url), "invalid");
    assert!(broker.tokens()[0].starts_with(b"n,,\x01auth=Bearer canary-of-file\x01"));
}

/// What answers on the port has nothing to do with Kafka.
#[test]
fn servers_of_other_kinds() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 1024];
            drop(stream.read(&mut request));
            drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"));
        }
    });
    let pairs = [
        ("bootstrap.servers", &*address),
        ("security.protocol", "SSL"),
        ("default.api.timeout.ms", "2000"),
    ];
    let client = Client::new(ClientConfig::parse(pairs).unwrap().0, &Network::tokio());
    let error = client.all_topics().wait(PATIENCE).unwrap().unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Authentication, "{error}");
    assert!(error.message().contains("does not speak TLS"), "{error}");
}
