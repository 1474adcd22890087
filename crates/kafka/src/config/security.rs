//! How connections are secured: `security.protocol`, `sasl.*`, `ssl.*`.

use std::fmt;
use std::time::Duration;

use super::given::Given;
use super::jaas::Jaas;
use super::{Secret, Warning};
use crate::error::{Error, Result};
use crate::sasl::{Exchange, Hash, OauthBearer, Scram, plain};
use crate::tls::Tls;

/// Transport and login of every connection of a client. Shows no secret.
#[derive(Debug, Clone, Default)]
pub struct Security {
    pub(crate) tls: Option<Tls>,
    pub(crate) sasl: Option<Sasl>,
}

impl Security {
    /// Whether connections are encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// The name of the SASL mechanism, if there is a login.
    #[must_use]
    pub fn mechanism(&self) -> Option<&'static str> {
        self.sasl.as_ref().map(Sasl::mechanism)
    }
}

/// How to log in.
#[derive(Debug, Clone)]
pub(crate) enum Sasl {
    Plain {
        user: String,
        password: Secret,
    },
    Scram {
        hash: Hash,
        user: String,
        password: Secret,
        token: bool,
    },
    OauthBearer {
        source: TokenSource,
        extensions: Vec<(String, String)>,
    },
    /// With this profile of the files, or whatever the environment holds.
    AwsMskIam {
        profile: Option<String>,
    },
}

impl Sasl {
    pub(crate) fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
            Self::Scram { hash: Hash::Sha256, .. } => "SCRAM-SHA-256",
            Self::Scram { hash: Hash::Sha512, .. } => "SCRAM-SHA-512",
            Self::OauthBearer { .. } => "OAUTHBEARER",
            Self::AwsMskIam { .. } => "AWS_MSK_IAM",
        }
    }

    /// The login of a mechanism that needs nothing but a user and a password; `nonce` is random
    /// and used once.
    pub(crate) fn by_password(&self, nonce: String) -> Option<Exchange> {
        match self {
            Self::Plain { user, password } => Some(plain(user, password)),
            Self::Scram { hash, user, password, token } => {
                let scram = Scram::new(*hash, user, password.clone(), nonce, *token);
                Some(Exchange::scram(user.clone(), scram))
            }
            Self::OauthBearer { .. } | Self::AwsMskIam { .. } => None,
        }
    }
}

/// Where OAUTHBEARER tokens come from.
#[derive(Clone)]
pub(crate) enum TokenSource {
    /// Made here, signed by nobody: for tests.
    Unsecured(Vec<(String, serde_json::Value)>),
    /// Read again whenever the token in it is old.
    File(String),
    Endpoint(Box<TokenEndpoint>),
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsecured(_) => "Unsecured",
            Self::File(_) => "File",
            Self::Endpoint(_) => "Endpoint",
        })
    }
}

/// The client credentials grant (RFC 6749 §4.4).
#[derive(Debug, Clone)]
pub(crate) struct TokenEndpoint {
    pub(crate) url: Url,
    pub(crate) client_id: String,
    pub(crate) client_secret: Secret,
    pub(crate) scope: Option<String>,
    /// For `https`.
    pub(crate) tls: Option<Tls>,
    pub(crate) connect_timeout: Duration,
    pub(crate) read_timeout: Duration,
}

/// The parts of an `http` or `https` address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) https: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// With query.
    pub(crate) path: String,
}

impl Url {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(at)?;
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, if https { 443 } else { 80 }),
        };
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let printable = |text: &str| text.bytes().all(|b| matches!(b, 0x21..=0x7e));
        // A name before the host would be sent to a place where nobody expects a secret.
        if host.is_empty() || host.contains('@') || !printable(host) || !printable(&path) {
            return None;
        }
        Some(Self { https, host: host.to_owned(), port, path })
    }
}

/// Reads everything about security. Files that properties name are read here, so that a wrong
/// password or a missing file is told before anything is sent.
pub(super) fn read(given: &Given<'_>, warnings: &mut Vec<Warning>) -> Result<Security> {
    let protocol = given.text("security.protocol").unwrap_or("PLAINTEXT").to_ascii_uppercase();
    let (tls, sasl) = match protocol.as_str() {
        "SSL" => (true, false),
        "SASL_PLAINTEXT" => (false, true),
        "SASL_SSL" => (true, true),
        _ => (false, false),
    };
    for (used, what, keys) in [
        (sasl, "SASL_SSL or SASL_PLAINTEXT", ["sasl.mechanism", "sasl.jaas.config"]),
        (tls, "SSL or SASL_SSL", ["ssl.truststore.location", "ssl.keystore.location"]),
    ] {
        if let Some(key) = keys.iter().find(|key| !used && given.text(key).is_some()) {
            warnings.push(Warning {
                key: (*key).to_owned(),
                message: format!(
                    "{key} has no effect: security.protocol is {protocol}; set {what} to use it"
                ),
            });
        }
    }
    Ok(Security {
        tls: tls.then(|| Tls::load(given, warnings)).transpose()?,
        sasl: sasl.then(|| login(given, warnings)).transpose()?,
    })
}

const JAAS: &str = "sasl.jaas.config";
const MECHANISM: &str = "sasl.mechanism";
const MECHANISMS: &str = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, AWS_MSK_IAM";

fn login(given: &Given<'_>, warnings: &mut Vec<Warning>) -> Result<Sasl> {
    let jaas = given
        .text(JAAS)
        .map(|text| {
            Jaas::parse(text).map_err(|problem| Error::config(JAAS, format!("{JAAS}: {problem}")))
        })
        .transpose()?;
    let Some(mechanism) = given.text(MECHANISM) else {
        return Err(Error::config(
            MECHANISM,
            format!(
                "{MECHANISM} is missing; Java's default, GSSAPI (Kerberos), is not supported. Set one \
                 of {MECHANISMS}"
            ),
        ));
    };
    match mechanism.to_ascii_uppercase().as_str() {
        "PLAIN" => {
            refuse_handlers(given)?;
            let (user, password) = user(jaas.as_ref(), "PlainLoginModule")?;
            if user.contains('\0') || password.expose().contains('\0') {
                return Err(Error::config(JAAS, format!("{JAAS}: PLAIN cannot send a NUL")));
            }
            Ok(Sasl::Plain { user, password })
        }
        "SCRAM-SHA-256" => scram(given, jaas.as_ref(), Hash::Sha256),
        "SCRAM-SHA-512" => scram(given, jaas.as_ref(), Hash::Sha512),
        "OAUTHBEARER" => oauthbearer(given, jaas.as_ref(), warnings),
        "AWS_MSK_IAM" => aws_msk_iam(given, jaas.as_ref()),
        "GSSAPI" => Err(Error::config(
            MECHANISM,
            format!(
                "{MECHANISM} GSSAPI (Kerberos) is not supported; ask for a listener with one of {MECHANISMS}"
            ),
        )),
        _ => Err(Error::config(
            MECHANISM,
            format!(
                "{MECHANISM} is '{}' but must be one of {MECHANISMS}",
                mechanism.escape_debug()
            ),
        )),
    }
}

fn module<'a>(jaas: Option<&'a Jaas>, wanted: &str) -> Result<&'a Jaas> {
    let Some(jaas) = jaas else {
        return Err(Error::config(
            JAAS,
            format!("{JAAS} is missing; it holds the credentials: '…{wanted} required …;'"),
        ));
    };
    if jaas.module == wanted {
        return Ok(jaas);
    }
    Err(Error::config(
        JAAS,
        format!("{JAAS} names {} but {MECHANISM} needs {wanted}", jaas.module.escape_debug()),
    ))
}

fn user(jaas: Option<&Jaas>, wanted: &str) -> Result<(String, Secret)> {
    let jaas = module(jaas, wanted)?;
    let option = |name: &str| {
        jaas.option(name)
            .ok_or_else(|| Error::config(JAAS, format!("{JAAS} lacks the option '{name}'")))
    };
    Ok((option("username")?.to_owned(), Secret::new(option("password")?)))
}

fn scram(given: &Given<'_>, jaas: Option<&Jaas>, hash: Hash) -> Result<Sasl> {
    refuse_handlers(given)?;
    let (user, password) = user(jaas, "ScramLoginModule")?;
    let token = jaas
        .and_then(|jaas| jaas.option("tokenauth"))
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    Ok(Sasl::Scram { hash, user, password, token })
}

const LOGIN_HANDLER: &str = "sasl.login.callback.handler.class";
const CLIENT_HANDLER: &str = "sasl.client.callback.handler.class";

/// The class without its package.
fn handler<'a>(given: &Given<'a>, key: &str) -> Option<&'a str> {
    given.text(key).and_then(|class| class.rsplit('.').next())
}

fn refuse_handlers(given: &Given<'_>) -> Result<()> {
    for key in [LOGIN_HANDLER, CLIENT_HANDLER] {
        if let Some(class) = handler(given, key) {
            return Err(unknown_handler(key, class));
        }
    }
    Ok(())
}

fn unknown_handler(key: &str, class: &str) -> Error {
    let hint = match class {
        "IAMOAuthBearerLoginCallbackHandler" | "IAMClientCallbackHandler" => {
            "; for Amazon MSK set sasl.mechanism = AWS_MSK_IAM"
        }
        _ => "",
    };
    let class = class.escape_debug();
    Error::config(key, format!("{key}: the Java class {class} cannot be loaded here{hint}"))
}

fn aws_msk_iam(given: &Given<'_>, jaas: Option<&Jaas>) -> Result<Sasl> {
    match (handler(given, LOGIN_HANDLER), handler(given, CLIENT_HANDLER)) {
        (None, None | Some("IAMClientCallbackHandler")) => {}
        (Some(class), _) => return Err(unknown_handler(LOGIN_HANDLER, class)),
        (None, Some(class)) => return Err(unknown_handler(CLIENT_HANDLER, class)),
    }
    let jaas = jaas.map(|_| module(jaas, "IAMLoginModule")).transpose()?;
    let role = jaas.and_then(|jaas| jaas.with_prefix("awsRole").next());
    if let Some((name, _)) = role {
        return Err(Error::config(
            JAAS,
            format!(
                "{JAAS}: awsRole{} is not supported yet; put credentials of the role into the \
                 environment or a profile",
                name.escape_debug()
            ),
        ));
    }
    let profile = jaas.and_then(|jaas| jaas.option("awsProfileName")).map(str::to_owned);
    Ok(Sasl::AwsMskIam { profile })
}

/// Where OAUTHBEARER tokens come from.
pub(crate) const TOKEN_ENDPOINT_URL: &str = "sasl.oauthbearer.token.endpoint.url";
const RETRIEVER: &str = "sasl.oauthbearer.jwt.retriever.class";

fn oauthbearer(
    given: &Given<'_>,
    jaas: Option<&Jaas>,
    warnings: &mut Vec<Warning>,
) -> Result<Sasl> {
    let jaas = jaas.map(|_| module(jaas, "OAuthBearerLoginModule")).transpose()?;
    if let Some(class) = handler(given, CLIENT_HANDLER) {
        return Err(unknown_handler(CLIENT_HANDLER, class));
    }
    let unsecured = match handler(given, LOGIN_HANDLER) {
        Some("OAuthBearerLoginCallbackHandler") => false,
        Some("OAuthBearerUnsecuredLoginCallbackHandler") => true,
        Some(class) => return Err(unknown_handler(LOGIN_HANDLER, class)),
        None => given.text(TOKEN_ENDPOINT_URL).is_none(),
    };
    match handler(given, RETRIEVER) {
        None
        | Some("DefaultJwtRetriever" | "ClientCredentialsJwtRetriever" | "FileJwtRetriever") => {}
        Some(class) => return Err(unknown_handler(RETRIEVER, class)),
    }
    let mut extensions = Vec::new();
    let given_extensions = jaas.map(|jaas| {
        let secured = jaas.with_prefix("extension_");
        secured.chain(jaas.with_prefix("unsecuredLoginExtension_"))
    });
    for (name, value) in given_extensions.into_iter().flatten() {
        if !OauthBearer::is_extension(name, value) {
            let text = format!(
                "{JAAS}: the extension '{}' must have a name of letters and a printable value",
                name.escape_debug()
            );
            return Err(Error::config(JAAS, text));
        }
        extensions.push((name.to_owned(), value.to_owned()));
    }
    let source = if unsecured {
        TokenSource::Unsecured(unsecured_claims(jaas)?)
    } else {
        token_source(given, jaas, warnings)?
    };
    Ok(Sasl::OauthBearer { source, extensions })
}

/// Claims of Kafka's `OAuthBearerUnsecuredLoginCallbackHandler`.
fn unsecured_claims(jaas: Option<&Jaas>) -> Result<Vec<(String, serde_json::Value)>> {
    let mut claims: Vec<(String, serde_json::Value)> = Vec::new();
    if let Some(jaas) = jaas {
        for (name, text) in jaas.with_prefix("unsecuredLoginStringClaim_") {
            claims.push((name.to_owned(), text.into()));
        }
        for (name, number) in jaas.with_prefix("unsecuredLoginNumberClaim_") {
            let number = number.parse::<serde_json::Number>().map_err(|_| {
                Error::config(
                    JAAS,
                    format!("{JAAS}: the claim '{}' is no number", name.escape_debug()),
                )
            })?;
            claims.push((name.to_owned(), number.into()));
        }
        for (name, list) in jaas.with_prefix("unsecuredLoginListClaim_") {
            // The first character separates the rest.
            let mut rest = list.chars();
            let separator = rest.next();
            let items = rest.as_str().split(|c| Some(c) == separator);
            claims.push((name.to_owned(), items.collect::<Vec<_>>().into()));
        }
    }
    if claims.iter().any(|(name, _)| name == "sub") {
        return Ok(claims);
    }
    Err(Error::config(
        TOKEN_ENDPOINT_URL,
        format!(
            "OAUTHBEARER needs {TOKEN_ENDPOINT_URL}: an https address, or file:///path/of/a/token"
        ),
    ))
}

fn token_source(
    given: &Given<'_>,
    jaas: Option<&Jaas>,
    warnings: &mut Vec<Warning>,
) -> Result<TokenSource> {
    let Some(text) = given.text(TOKEN_ENDPOINT_URL) else {
        return Err(Error::config(TOKEN_ENDPOINT_URL, format!("{TOKEN_ENDPOINT_URL} is missing")));
    };
    if let Some(path) = text.strip_prefix("file:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return Ok(TokenSource::File(path.to_owned()));
    }
    let Some(url) = Url::parse(text) else {
        let text = format!(
            "{TOKEN_ENDPOINT_URL} must be an https, http or file address without user info"
        );
        return Err(Error::config(TOKEN_ENDPOINT_URL, text));
    };
    if !url.https {
        warnings.push(Warning {
            key: TOKEN_ENDPOINT_URL.to_owned(),
            message: format!(
                "{TOKEN_ENDPOINT_URL} is http: the client secret is sent without encryption"
            ),
        });
    }
    let either = |key: &'static str, option: &str| {
        given.text(key).or_else(|| jaas.and_then(|jaas| jaas.option(option)))
    };
    let needed = |key: &'static str, option: &str| {
        either(key, option).ok_or_else(|| {
            Error::config(key, format!("{key} is missing (or '{option}' in {JAAS})"))
        })
    };
    let client_id = needed("sasl.oauthbearer.client.credentials.client.id", "clientId")?;
    let secret = needed("sasl.oauthbearer.client.credentials.client.secret", "clientSecret")?;
    // As in Java, the endpoint is trusted by `ssl.*` options of the login module, not by those of
    // the brokers.
    let in_jaas = |key: &str| jaas.and_then(|jaas| jaas.option(key));
    let tls = url.https.then(|| Tls::load(&Given::new(&in_jaas), warnings)).transpose()?;
    let millis = |key: &str, default: u64| {
        let given = given.text(key).and_then(|text| text.parse().ok()).filter(|n| *n > 0);
        Duration::from_millis(given.unwrap_or(default))
    };
    Ok(TokenSource::Endpoint(Box::new(TokenEndpoint {
        url,
        client_id: client_id.to_owned(),
        client_secret: Secret::new(secret),
        scope: either("sasl.oauthbearer.scope", "scope").map(str::to_owned),
        tls,
        connect_timeout: millis("sasl.login.connect.timeout.ms", 10_000),
        read_timeout: millis("sasl.login.read.timeout.ms", 10_000),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let url = |https, host: &str, port, path: &str| {
            Some(Url { https, host: host.to_owned(), port, path: path.to_owned() })
        };
        for (text, expected) in [
            ("https://a.b/oauth/token?x=1#f", url(true, "a.b", 443, "/oauth/token?x=1")),
            ("HTTP://a:8080", url(false, "a", 8080, "/")),
            ("https://[::1]:9/t", url(true, "::1", 9, "/t")),
            ("https://[::1]/t", url(true, "::1", 443, "/t")),
            ("ftp://a", None),
            ("https://user:secret@a/t", None),
            ("https:///t", None),
            ("https://a:x/", None),
            ("https://a/\r\nHost: b", None),
        ] {
            assert_eq!(Url::parse(text), expected, "{text}");
        }
    }
    /// Java's classes count by the names of those that Kafka and Amazon ship; nothing else can be loaded.
    #[test]
    fn classes_and_kinds_of_stores() {
        let iam = "software.amazon.msk.auth.iam.IAMClientCallbackHandler";
        let oauth = "org.apache.kafka.common.security.oauthbearer";
        for (mechanism, key, value, says) in [
            ("AWS_MSK_IAM", "sasl.client.callback.handler.class", iam.to_owned(), None),
            ("AWS_MSK_IAM", CLIENT_HANDLER, "a.Other".to_owned(), Some("Java class Other")),
            ("OAUTHBEARER", CLIENT_HANDLER, "a.Other".to_owned(), Some("Java class Other")),
            ("OAUTHBEARER", RETRIEVER, format!("{oauth}.ClientCredentialsJwtRetriever"), None),
            ("OAUTHBEARER", RETRIEVER, "a.Other".to_owned(), Some("Java class Other")),
            ("OAUTHBEARER", "ssl.keystore.type", "PEM".to_owned(), None),
            ("OAUTHBEARER", "ssl.keystore.type", "BKS".to_owned(), Some("JKS, PKCS12, PEM")),
        ] {
            let pairs = [
                ("bootstrap.servers", "localhost:9092"),
                ("security.protocol", "SASL_SSL"),
                ("sasl.mechanism", mechanism),
                (TOKEN_ENDPOINT_URL, "https://h/token"),
                ("sasl.oauthbearer.client.credentials.client.id", "me"),
                ("sasl.oauthbearer.client.credentials.client.secret", "secret"),
                (key, value.as_str()),
            ];
            let found = crate::ClientConfig::parse(pairs).err().map(|error| error.to_string());
            match (says, found) {
                (None, None) => {}
                (Some(says), Some(found)) => assert!(found.contains(says), "{found}"),
                (_, found) => panic!("{mechanism} {key} {value}: {found:?}"),
            }
        }
    }
}
