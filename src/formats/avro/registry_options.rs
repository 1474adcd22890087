//! Options of the formats whose records name their schema by its id in a registry (Flink's
//! `AvroConfluentFormatOptions`).

use crate::base::{Error, ErrorKind, Result, nearest};
use crate::formats::base64;
use crate::options::{Opt, OptKind, OptionReader, shown};
use crate::table::{RegistryAccess, SchemaRegistries, SchemaResolver};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const URL: Opt = Opt::new(
    "url",
    OptKind::String,
    "URL of the schema registry; several, separated by commas, are tried in turn.",
);

const OLD_URL: Opt = Opt::new("schema-registry.url", OptKind::String, "Older name of `url`.");

const SUBJECT: Opt = Opt::new(
    "subject",
    OptKind::String,
    "Subject under which the schema of written records is registered; for a table of one Kafka topic `<topic>-value` or \
     `<topic>-key` if not set.",
);

const OLD_SUBJECT: Opt =
    Opt::new("schema-registry.subject", OptKind::String, "Older name of `subject`.");

const SCHEMA: Opt = Opt::new(
    "schema",
    OptKind::String,
    "Avro schema of the records as JSON, whose fields are the table's, in the same order; derived from the table if not \
     set. Names, aliases and defaults of the fields count when records are read.",
);

const OLD_SCHEMA: Opt =
    Opt::new("schema-registry.schema", OptKind::String, "Older name of `schema`.");

const AUTO_REGISTER: Opt = Opt::new(
    "auto.register.schemas",
    OptKind::Bool,
    "Whether the schema of written records is registered; else it must be in the registry.",
)
.default("true");

const KEYSTORE: Opt = Opt::new(
    "ssl.keystore.location",
    OptKind::String,
    "File with the client's certificate and key (PKCS12, JKS or PEM).",
);

const KEYSTORE_PASSWORD: Opt =
    Opt::new("ssl.keystore.password", OptKind::String, "Password of the key store.").secret();

const TRUSTSTORE: Opt = Opt::new(
    "ssl.truststore.location",
    OptKind::String,
    "File with the certificates to trust (PKCS12, JKS or PEM); those of public authorities if not set.",
);

const TRUSTSTORE_PASSWORD: Opt =
    Opt::new("ssl.truststore.password", OptKind::String, "Password of the trust store.").secret();

const BASIC_SOURCE: Opt = Opt::new(
    "basic-auth.credentials-source",
    OptKind::Enum(&["URL", "USER_INFO"]),
    "Where user name and password are: in the URL, or in `basic-auth.user-info`. Follows from which of the two is given \
     if not set.",
);

const BASIC_USER_INFO: Opt =
    Opt::new("basic-auth.user-info", OptKind::String, "User name and password: `user:password`.")
        .secret();

const STATIC_TOKEN: &str = "STATIC_TOKEN";

const BEARER_SOURCE: Opt = Opt::new(
    "bearer-auth.credentials-source",
    OptKind::Enum(&[STATIC_TOKEN]),
    "Where the token is: in `bearer-auth.token`.",
);

const BEARER_TOKEN: Opt =
    Opt::new("bearer-auth.token", OptKind::String, "Token that the registry is shown.").secret();

const PROPERTIES: Opt = Opt::new(
    "properties.*",
    OptKind::String,
    "Properties of Confluent's client under its own names: `basic.auth.*`, `bearer.auth.*`, `schema.registry.ssl.*`, \
     `http.connect.timeout.ms`, `http.read.timeout.ms`. The options of their own count more.",
);

const PROPERTY_MAP: Opt =
    Opt::new("properties", OptKind::String, "The same as one text: `key:value,key:value`.");

/// All options of these formats.
pub(super) const OPTIONS: &[Opt] = &[
    URL,
    SUBJECT,
    SCHEMA,
    AUTO_REGISTER,
    KEYSTORE,
    KEYSTORE_PASSWORD,
    TRUSTSTORE,
    TRUSTSTORE_PASSWORD,
    BASIC_SOURCE,
    BASIC_USER_INFO,
    BEARER_SOURCE,
    BEARER_TOKEN,
    PROPERTIES,
    PROPERTY_MAP,
    OLD_URL,
    OLD_SUBJECT,
    OLD_SCHEMA,
];

/// What the names of Confluent's properties for TLS have before those of Kafka's.
const REGISTRY_PREFIX: &str = "schema.registry.";

/// Properties of Confluent's client that mean nothing here: there is one cache per process, schemas are compared by
/// the registry alone, and there are no metrics.
const IGNORED: &[&str] = &[
    "max.schemas.per.subject",
    "normalize.schemas",
    "use.latest.version",
    "latest.compatibility.strict",
    "latest.cache.size",
    "latest.cache.ttl.sec",
    "missing.cache.size",
    "missing.id.cache.ttl.sec",
    "missing.schema.cache.ttl.sec",
];

/// The options, read.
#[derive(Clone, Debug)]
pub(super) struct RegistryOptions {
    pub(super) access: RegistryAccess,
    pub(super) subject: Option<String>,
    pub(super) schema: Option<String>,
    /// The option that gives the schema.
    pub(super) schema_of: Opt,
    pub(super) register: bool,
}

impl RegistryOptions {
    /// Reads and checks them.
    pub(super) fn read(options: &OptionReader<'_>) -> Result<RegistryOptions> {
        options.supports(OPTIONS);
        let either = |new: &Opt, old: &Opt| options.string(new).or_else(|| options.string(old));
        let url_of = given(options, URL, OLD_URL);
        let url = match options.string(&url_of) {
            Some(url) => url,
            None => options.required(&URL)?,
        };
        let properties = properties(options)?;
        let property = |key: &str| properties.get(key).cloned();
        let text = |opt: &Opt, key: &str| options.string(opt).or_else(|| property(key));
        let of_tls = properties.iter().filter_map(|(key, value)| {
            Some((key.strip_prefix(REGISTRY_PREFIX)?.to_owned(), value.clone()))
        });
        let mut tls: BTreeMap<String, String> =
            of_tls.filter(|(key, _)| key.starts_with("ssl.")).collect();
        for opt in [&KEYSTORE, &KEYSTORE_PASSWORD, &TRUSTSTORE, &TRUSTSTORE_PASSWORD] {
            if let Some(value) = options.string(opt) {
                tls.insert(opt.key.to_owned(), value);
            }
        }
        let mut access = RegistryAccess {
            timeout: timeout(options, &properties)?,
            tls,
            ..RegistryAccess::default()
        };
        let mut in_url = None;
        for url in url.split(',').map(str::trim).filter(|url| !url.is_empty()) {
            let (plain, user) = without_user(url);
            if !["http://", "https://"].iter().any(|scheme| has_host(&plain, scheme)) {
                let problem =
                    format!("'{}' is no URL of the form http://HOST:PORT", shown(URL.key, url));
                return Err(options.invalid(&url_of, problem));
            }
            access.urls.push(plain);
            in_url = in_url.or(user);
        }
        if access.urls.is_empty() {
            return Err(options.invalid(&url_of, "it is empty"));
        }
        options.word(&BASIC_SOURCE)?;
        options.word(&BEARER_SOURCE)?;
        let source = text(&BASIC_SOURCE, "basic.auth.credentials.source");
        let user_info = text(&BASIC_USER_INFO, "basic.auth.user.info")
            .or_else(|| property("schema.registry.basic.auth.user.info"));
        if user_info.as_ref().is_some_and(|info| !info.contains(':')) {
            let problem = "expected user and password: 'USER:PASSWORD'";
            return Err(match options.is_set(&BASIC_USER_INFO) {
                true => options.invalid(&BASIC_USER_INFO, problem),
                false => options.invalid_key("properties.basic.auth.user.info", problem),
            });
        }
        let names_basic = source.is_some();
        let user = match source.map(|source| source.to_ascii_uppercase()).as_deref() {
            Some("URL") if in_url.is_none() => {
                return Err(options.invalid(
                    &BASIC_SOURCE,
                    "the URL holds no user and password: http://USER:PASSWORD@HOST:PORT",
                ));
            }
            Some("URL") => in_url,
            Some("USER_INFO") => Some(user_info.ok_or_else(|| {
                options.invalid(&BASIC_SOURCE, "it needs the option 'basic-auth.user-info'")
            })?),
            Some(_) => {
                let key = "properties.basic.auth.credentials.source";
                return Err(options.invalid_key(key, "expected one of URL, USER_INFO"));
            }
            None => user_info.or(in_url),
        };
        let token = text(&BEARER_TOKEN, "bearer.auth.token");
        let bearer_source = text(&BEARER_SOURCE, "bearer.auth.credentials.source");
        if bearer_source.as_ref().is_some_and(|source| !source.eq_ignore_ascii_case(STATIC_TOKEN)) {
            let key = "properties.bearer.auth.credentials.source";
            return Err(options.invalid_key(key, format_args!("expected {STATIC_TOKEN}")));
        }
        if bearer_source.is_some() && token.is_none() {
            let problem = "it needs the option 'bearer-auth.token'";
            return Err(options.invalid(&BEARER_SOURCE, problem));
        }
        // Where both are given, the one counts whose source is named.
        let (user, token) = match (names_basic, bearer_source.is_some()) {
            (true, false) if user.is_some() => (user, None),
            (false, true) => (None, token),
            _ => (user, token),
        };
        access.authorization = match (user, token) {
            (Some(_), Some(_)) => {
                let problem = "user and password are given, too: the registry is shown one of them, that of \
                               'basic-auth.credentials-source' or of 'bearer-auth.credentials-source'";
                return Err(options.invalid(&BEARER_TOKEN, problem));
            }
            (Some(user), None) => {
                let mut encoded = Vec::new();
                base64::encode(user.as_bytes(), &mut encoded);
                Some(format!("Basic {}", String::from_utf8_lossy(&encoded)))
            }
            (None, Some(token)) => Some(format!("Bearer {token}")),
            (None, None) => None,
        };
        let schema = given(options, SCHEMA, OLD_SCHEMA);
        let register = property(AUTO_REGISTER.key);
        if register.as_ref().is_some_and(|text| !["true", "false"].contains(&text.as_str())) {
            let key = format!("properties.{}", AUTO_REGISTER.key);
            return Err(options.invalid_key(&key, "expected true or false"));
        }
        Ok(RegistryOptions {
            access,
            schema_of: schema,
            subject: either(&SUBJECT, &OLD_SUBJECT),
            schema: options.string(&schema),
            register: options.bool(&AUTO_REGISTER)? && register.as_deref() != Some("false"),
        })
    }

    /// The registry; contacts nothing.
    pub(super) fn open(
        self,
        registries: &dyn SchemaRegistries,
        options: &OptionReader<'_>,
    ) -> Result<Arc<dyn SchemaResolver>> {
        registries.open(self.access).map_err(|wrong| {
            let own = [&KEYSTORE, &KEYSTORE_PASSWORD, &TRUSTSTORE, &TRUSTSTORE_PASSWORD];
            let property = format!("properties.{REGISTRY_PREFIX}{}", wrong.key);
            let is_own = own.iter().any(|opt| opt.key == wrong.key && options.is_set(opt));
            options.invalid_key(if is_own { &wrong.key } else { &property }, wrong.problem)
        })
    }

    /// The subject of what is written.
    pub(super) fn subject(
        &self,
        options: &OptionReader<'_>,
        default: Option<&str>,
    ) -> Result<String> {
        self.subject.clone().or_else(|| default.map(str::to_owned)).ok_or_else(|| {
            Error::new(
                ErrorKind::Option,
                format!(
                    "option 'subject' of the format is required to write to {}",
                    options.subject()
                ),
            )
        })
    }
}

/// The one of two names of an option that is given.
fn given(options: &OptionReader<'_>, new: Opt, old: Opt) -> Opt {
    if !options.is_set(&new) && options.is_set(&old) { old } else { new }
}

/// Whether a URL has this scheme and a host.
fn has_host(url: &str, scheme: &str) -> bool {
    url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', ':']))
}

/// The properties of Confluent's client, however they are given.
fn properties(options: &OptionReader<'_>) -> Result<BTreeMap<String, String>> {
    let mut properties = BTreeMap::new();
    for entry in options.string(&PROPERTY_MAP).unwrap_or_default().split(',') {
        let entry = entry.trim();
        if entry.is_empty() {
            continue;
        }
        let (key, value) = entry.split_once(':').ok_or_else(|| {
            options.invalid(&PROPERTY_MAP, "expected 'key:value' separated by commas")
        })?;
        properties.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    for (key, value) in options.rest(&PROPERTIES) {
        properties.insert(key, value.value);
    }
    let known = [
        "basic.auth.credentials.source",
        "basic.auth.user.info",
        "schema.registry.basic.auth.user.info",
        "bearer.auth.credentials.source",
        "bearer.auth.token",
        "schema.registry.ssl.truststore.location",
        "schema.registry.ssl.truststore.password",
        "schema.registry.ssl.truststore.type",
        "schema.registry.ssl.truststore.certificates",
        "schema.registry.ssl.keystore.location",
        "schema.registry.ssl.keystore.password",
        "schema.registry.ssl.keystore.type",
        "schema.registry.ssl.keystore.key",
        "schema.registry.ssl.keystore.certificate.chain",
        "schema.registry.ssl.key.password",
        "schema.registry.ssl.endpoint.identification.algorithm",
        "schema.registry.ssl.enabled.protocols",
        "schema.registry.ssl.protocol",
        "schema.registry.ssl.cipher.suites",
        "http.connect.timeout.ms",
        "http.read.timeout.ms",
        "auto.register.schemas",
    ];
    for key in properties.keys() {
        if !known.contains(&key.as_str()) && !IGNORED.contains(&key.as_str()) {
            let name = format!("properties.{key}");
            let near = nearest(key, known).map(|near| format!("did you mean '{near}'? "));
            return Err(options
                .invalid_key(&name, "it is no property that is known of a schema registry's client")
                .with_hint(format!(
                    "{}Supported properties: {}",
                    near.unwrap_or_default(),
                    known.join(", ")
                )));
        }
    }
    Ok(properties)
}

fn timeout(
    options: &OptionReader<'_>,
    properties: &BTreeMap<String, String>,
) -> Result<Option<Duration>> {
    let mut sum: Option<Duration> = None;
    for key in ["http.connect.timeout.ms", "http.read.timeout.ms"] {
        let Some(text) = properties.get(key) else { continue };
        let millis: u32 = text.parse().map_err(|_| {
            options.invalid_key(&format!("properties.{key}"), "expected a number of milliseconds")
        })?;
        let part = Duration::from_millis(u64::from(millis));
        sum = Some(sum.unwrap_or_default().saturating_add(part));
    }
    Ok(sum)
}

/// A URL without user and password, and these.
fn without_user(url: &str) -> (String, Option<String>) {
    let parts = url.split_once("://").and_then(|(scheme, rest)| {
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, format!("/{path}")),
            None => (rest, String::new()),
        };
        let (user, host) = authority.rsplit_once('@')?;
        Some((format!("{scheme}://{host}{path}"), user.to_owned()))
    });
    match parts {
        Some((plain, user)) => (plain, Some(user)),
        None => (url.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_taken_out_of_urls() {
        assert_eq!(without_user("http://h:1/p"), ("http://h:1/p".to_owned(), None));
        let (url, user) = without_user("https://u:p@ss@h:1/p/q");
        assert_eq!((url.as_str(), user.as_deref()), ("https://h:1/p/q", Some("u:p@ss")));
        assert_eq!(without_user("http://u@h").0, "http://h");
    }
}
