//! One broker with a listener of every kind of security, and what clients need for them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};

use super::{Kafka, KafkaConfig, Version, skip};

/// Stands in every secret of the tests: no output may hold it.
pub const CANARY: &str = "canary-of-";

/// The broker and the folder with its keys and certificates. Every secret in it contains
/// [`CANARY`].
#[derive(Debug)]
pub struct Secured {
    kafka: Kafka,
    folder: tempfile::TempDir,
}

/// The shared one of this test binary; `None` means: skip the test, as with [`super::kafka`].
///
/// # Panics
/// Where `CI` is set and the broker does not start.
#[must_use]
pub fn secured() -> Option<&'static Secured> {
    static SHARED: OnceLock<Option<Secured>> = OnceLock::new();
    let started = SHARED.get_or_init(|| match Secured::start() {
        Ok(started) => Some(started),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "no secured broker: {error}");
            skip(&format!("a broker with security: {error}"));
            None
        }
    });
    started.as_ref()
}

impl Secured {
    /// The password of a user of the broker: `alice` exists for PLAIN and SCRAM.
    #[must_use]
    pub fn password(user: &str) -> String {
        format!("{CANARY}{user}")
    }

    /// `sasl.jaas.config` for a login module of Kafka, as a Flink user writes it.
    #[must_use]
    pub fn jaas(module: &str, user: &str, password: &str) -> String {
        format!(
            "org.apache.flink.kafka.shaded.org.apache.kafka.common.security.{module} required\n  \
             username=\"{user}\"\n  password=\"{password}\";"
        )
    }

    /// The broker, whose plain listener lets everybody in.
    #[must_use]
    pub fn kafka(&self) -> &Kafka {
        &self.kafka
    }

    /// Address of a listener: `SSL`, `MTLS`, `EXPIRED`, `ELSEWHERE`, `STRANGER`, `COMMON_NAME`,
    /// `SASL_PLAINTEXT`, `SASL_SSL`, `SHORT` (sessions of three seconds).
    #[must_use]
    pub fn at(&self, listener: &str) -> &str {
        self.kafka.listener_named(listener)
    }

    /// A file: `ca.pem`; `trust.jks`, `trust.p12`; `client.jks`, `client.p12`,
    /// `client-legacy.p12`, `client.pem`.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn start() -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("brooklet-security-").tempdir()?;
        certificates(folder.path()).map_err(io::Error::other)?;
        key_stores(folder.path())?;
        let kafka = Kafka::start(&config(folder.path()))?;
        Ok(Self { kafka, folder })
    }
}

impl Secured {
    /// Password of every store.
    pub const STORE_PASSWORD: &'static str = "canary-of-stores";
    /// Password of the private key in `client.jks`.
    pub const KEY_PASSWORD: &'static str = "canary-of-keys";
}

/// Writes certificates as PEM into a folder: `ca.pem`, and with their keys, signed by it, `broker.pem` (for
/// `localhost` and `127.0.0.1`), `expired.pem`, `elsewhere.pem` (for another host), `common-name.pem` and `client.pem`;
/// `stranger.pem` is signed by somebody else.
///
/// # Errors
/// A key could not be made.
///
/// # Panics
/// A file could not be written.
pub fn certificates(folder: &Path) -> Result<(), rcgen::Error> {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate()?)
    };
    let (ca, stranger) = (authority("tests of brooklet")?, authority("somebody else")?);
    let write = |name: &str, text: String| {
        fs::write(folder.join(name), text).expect("the folder is ours");
    };
    let here = || vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let leaf = |name: &str,
                issuer: &CertifiedIssuer<'_, KeyPair>,
                names: Vec<String>,
                change: &dyn Fn(&mut CertificateParams)| {
        let mut params = CertificateParams::new(names)?;
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, issuer)?;
        write(name, format!("{}{}", key.serialize_pem(), certificate.pem()));
        Ok::<(), rcgen::Error>(())
    };
    leaf("broker.pem", &ca, here(), &|_| {})?;
    leaf("expired.pem", &ca, here(), &|params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    })?;
    leaf("elsewhere.pem", &ca, vec!["elsewhere.example".to_owned()], &|_| {})?;
    leaf("stranger.pem", &stranger, here(), &|_| {})?;
    leaf("common-name.pem", &ca, Vec::new(), &|params| {
        params.distinguished_name.push(DnType::CommonName, "localhost");
    })?;
    leaf("client.pem", &ca, Vec::new(), &|params| {
        params.distinguished_name.push(DnType::CommonName, "pem client");
    })?;
    write("ca.pem", ca.pem());
    Ok(())
}

/// What only Java writes: stores of each format, one in the ciphers of Java 8.
fn key_stores(folder: &Path) -> io::Result<()> {
    let (store, key) = (Secured::STORE_PASSWORD, Secured::KEY_PASSWORD);
    let trust = |name: &str, kind: &str| {
        let import = ["-importcert", "-noprompt", "-alias", "ca", "-file", "ca.pem"];
        keytool(folder, &import, &["-keystore", name, "-storetype", kind, "-storepass", store])
    };
    let to_pkcs12 = |name: &str, more: &[&str]| {
        let from = ["-importkeystore", "-srckeystore", "client.jks", "-srcstorepass", store];
        let aliases = ["-srcalias", "client", "-srckeypass", key, "-destkeypass", store];
        let to = ["-destkeystore", name, "-deststoretype", "PKCS12", "-deststorepass", store];
        keytool(folder, &[&from[..], &aliases, &to].concat(), more)
    };
    let pair = ["-genkeypair", "-keyalg", "RSA", "-alias", "client", "-dname", "CN=java client"];
    let made = ["-validity", "30", "-keypass", key, "-storetype", "JKS"];
    let jks = ["-keystore", "client.jks", "-storepass", store];
    let export = ["-exportcert", "-rfc", "-alias", "client", "-file", "java-client.pem"];
    std::thread::scope(|scope| {
        let trusts = scope.spawn(|| {
            trust("trust.jks", "JKS")?;
            trust("trust.p12", "PKCS12")
        });
        keytool(folder, &pair, &[&made[..], &jks].concat())?;
        keytool(folder, &export, &jks)?;
        to_pkcs12("client.p12", &[])?;
        to_pkcs12("client-legacy.p12", &["-J-Dkeystore.pkcs12.legacy"])?;
        trusts.join().expect("no panic")
    })?;
    let (ca, client) = (folder.join("ca.pem"), folder.join("java-client.pem"));
    let both = fs::read_to_string(ca)? + &fs::read_to_string(client)?;
    fs::write(folder.join("clients.pem"), both)
}

fn keytool(folder: &Path, args: &[&str], more: &[&str]) -> io::Result<()> {
    let output = Command::new("keytool")
        .arg("-J-XX:TieredStopAtLevel=1")
        .args(args)
        .args(more)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(io::Error::other(format!("keytool: {}", String::from_utf8_lossy(&text))))
}

const MECHANISMS: &str = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER";

fn config(folder: &Path) -> KafkaConfig {
    let pem = |name: &str| -> PathBuf { folder.join(name) };
    let mut config = KafkaConfig::new(Version::Newest);
    for (listener, keys) in [
        ("SSL", "broker.pem"),
        ("MTLS", "broker.pem"),
        ("EXPIRED", "expired.pem"),
        ("ELSEWHERE", "elsewhere.pem"),
        ("STRANGER", "stranger.pem"),
        ("COMMON_NAME", "common-name.pem"),
        ("SASL_SSL", "broker.pem"),
    ] {
        let protocol = if listener == "SASL_SSL" { "SASL_SSL" } else { "SSL" };
        let key = |key: &str| format!("listener.name.{}.{key}", listener.to_lowercase());
        config = config
            .listener(listener, protocol)
            .property(&key("ssl.keystore.type"), "PEM")
            .property(&key("ssl.keystore.location"), &pem(keys).to_string_lossy())
            .property(&key("ssl.truststore.type"), "PEM")
            .property(&key("ssl.truststore.location"), &pem("clients.pem").to_string_lossy());
    }
    config = config
        .property("listener.name.mtls.ssl.client.auth", "required")
        .listener("SASL_PLAINTEXT", "SASL_PLAINTEXT")
        .listener("SHORT", "SASL_PLAINTEXT")
        .property("sasl.enabled.mechanisms", MECHANISMS);
    let password = Secured::password("alice");
    for listener in ["sasl_plaintext", "sasl_ssl", "short"] {
        let key =
            |mechanism: &str, key: &str| format!("listener.name.{listener}.{mechanism}.{key}");
        let module = |name: &str| format!("org.apache.kafka.common.security.{name} required");
        let plain = format!("{} user_alice=\"{password}\";", module("plain.PlainLoginModule"));
        config = config.property(&key("plain", "sasl.jaas.config"), &plain);
        for mechanism in ["scram-sha-256", "scram-sha-512"] {
            let scram = format!("{};", module("scram.ScramLoginModule"));
            config = config.property(&key(mechanism, "sasl.jaas.config"), &scram);
        }
        let bearer = format!("{};", module("oauthbearer.OAuthBearerLoginModule"));
        config = config.property(&key("oauthbearer", "sasl.jaas.config"), &bearer);
    }
    for mechanism in ["plain", "scram-sha-256"] {
        let key = format!("listener.name.short.{mechanism}.connections.max.reauth.ms");
        config = config.property(&key, "3000");
    }
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let user = format!("{mechanism}=[name=alice,password={password}]");
        config = config.storage_arg("--add-scram").storage_arg(&user);
    }
    config
}
