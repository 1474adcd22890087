//! The client's configuration, read from the Java client's properties.

mod foreign;
mod given;
mod jaas;
mod properties;
mod property;
mod secret;
mod security;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::limits::{self, NEAREST_CHARACTERS_PER_EDIT};
use crate::rng::Backoff;

pub(crate) use given::{Given, read_file};
pub use properties::PROPERTIES;
pub use property::{Applies, Property, Support, Value};
pub use secret::Secret;
pub use security::Security;
pub(crate) use security::{Sasl, TOKEN_ENDPOINT_URL, TokenEndpoint, TokenSource};

/// What secrets look like in every text.
pub const HIDDEN: &str = "******";

/// Which records of transactions a consumer sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// All of them, also of open and aborted transactions.
    #[default]
    ReadUncommitted,
    /// Only those of committed transactions, up to the last stable offset.
    ReadCommitted,
}

/// How the members of a group agree on who reads what (`group.protocol`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupProtocol {
    /// One of them assigns.
    #[default]
    Classic,
    /// The group's coordinator assigns (KIP-848).
    Consumer,
}

/// Where a group without a committed offset starts (`auto.offset.reset`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetReset {
    /// At the first record.
    Earliest,
    /// Behind the last record.
    Latest,
    /// Nowhere: an error.
    None,
    /// At the first record younger than this (KIP-1106).
    ByDuration(Duration),
}

/// Compression of produced batches, by its name in `compression.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CompressionType {
    /// No compression.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// snappy in Xerial framing.
    Snappy,
    /// lz4 frames.
    Lz4,
    /// zstd.
    Zstd,
}

impl CompressionType {
    /// The codec of the wire.
    #[must_use]
    pub const fn codec(self) -> crate::wire::compression::Compression {
        use crate::wire::compression::Compression;
        match self {
            Self::None => Compression::None,
            Self::Gzip => Compression::Gzip,
            Self::Snappy => Compression::Snappy,
            Self::Lz4 => Compression::Lz4,
            Self::Zstd => Compression::Zstd,
        }
    }
}

/// A host and a port from `bootstrap.servers`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// Name or IP address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Something to tell the user once; never a reason to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The property.
    pub key: String,
    /// The sentence.
    pub message: String,
}

/// The client's configuration. Times are durations, sizes are bytes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ClientConfig {
    /// `bootstrap.servers`, at least one.
    pub bootstrap: Vec<Address>,
    /// `client.id`; `brooklet` if unset.
    pub client_id: String,
    /// `security.protocol`, `sasl.*` and `ssl.*`.
    pub security: Security,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `default.api.timeout.ms`.
    pub api_timeout: Duration,
    /// How long a call may take while no broker has ever answered this client, at most [`api_timeout`](Self::api_timeout):
    /// its addresses may be wrong. No property.
    pub contact_timeout: Duration,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`.
    pub retry_backoff: Backoff,
    /// `reconnect.backoff.ms` and `reconnect.backoff.max.ms`.
    pub reconnect_backoff: Backoff,
    /// `socket.connection.setup.timeout.ms` and its `max`.
    pub connect_timeout: Backoff,
    /// `connections.max.idle.ms`; `None`: never.
    pub idle_timeout: Option<Duration>,
    /// `metadata.max.age.ms`.
    pub metadata_max_age: Duration,
    /// `metadata.max.idle.ms`.
    pub metadata_max_idle: Duration,
    /// `max.in.flight.requests.per.connection`, 1 to 5.
    pub max_in_flight: usize,
    /// `batch.size`; for the writer of batches, the client itself takes what it gets.
    pub batch_size: usize,
    /// `linger.ms` if the user set it; for the writer of batches.
    pub linger: Option<Duration>,
    /// `buffer.memory`.
    pub buffer_memory: usize,
    /// `max.request.size`.
    pub max_request_size: usize,
    /// `max.block.ms`.
    pub max_block: Duration,
    /// Topics that writing must not make the brokers create, because their defaults would not do; no property. One that
    /// is deleted is given up soon.
    pub must_exist: BTreeSet<Arc<str>>,
    /// `delivery.timeout.ms`.
    pub delivery_timeout: Duration,
    /// `compression.type`.
    pub compression: CompressionType,
    /// The level for `compression`, if it has levels.
    pub compression_level: Option<i32>,
    /// `partitioner.ignore.keys`.
    pub partitioner_ignore_keys: bool,
    /// `transaction.timeout.ms`.
    pub transaction_timeout: Duration,
    /// `group.id`.
    pub group_id: Option<String>,
    /// `group.instance.id`: the lasting name of a member (KIP-345).
    pub group_instance_id: Option<String>,
    /// `group.protocol`: how members of a group agree on who reads what.
    pub group_protocol: GroupProtocol,
    /// `group.remote.assignor`: how the coordinator of a consumer group assigns, if it is not to choose.
    pub group_assignor: Option<String>,
    /// `session.timeout.ms`: a member that is not heard of for so long is taken for dead.
    pub session_timeout: Duration,
    /// `heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// `max.poll.interval.ms`: how long a rebalance waits for a member to give up what it has.
    pub max_poll_interval: Duration,
    /// `auto.offset.reset`, `None` if unset (the caller's default counts, Flink's is not Java's).
    pub offset_reset: Option<OffsetReset>,
    /// `client.rack`: brokers name a replica in this rack to read from (KIP-392).
    pub rack: Option<String>,
    /// `isolation.level`.
    pub isolation: Isolation,
    /// `fetch.min.bytes`.
    pub fetch_min_bytes: i32,
    /// `fetch.max.wait.ms`.
    pub fetch_max_wait: Duration,
    /// `fetch.max.bytes`.
    pub fetch_max_bytes: usize,
    /// `max.partition.fetch.bytes`.
    pub max_partition_fetch_bytes: usize,
    /// `check.crcs`.
    pub check_crcs: bool,
    /// `exclude.internal.topics`.
    pub exclude_internal_topics: bool,
    /// Largest response frame that is accepted, bytes.
    pub response_max_bytes: usize,
}

impl ClientConfig {
    /// A configuration with defaults for `bootstrap.servers`.
    ///
    /// # Errors
    /// An address that is not `host:port`.
    pub fn new(bootstrap_servers: &str) -> Result<Self> {
        Self::parse([("bootstrap.servers", bootstrap_servers)]).map(|(config, _)| config)
    }

    /// Reads Java properties. A later pair wins over an earlier one of the same name. Unknown
    /// names and names of the other side only warn, as in Java.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::error::ErrorKind::Config) naming the property and what is
    /// allowed; files with keys and certificates that cannot be read are told here too.
    pub fn parse<K: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(Self, Vec<Warning>)> {
        let mut values = Values(vec![None; PROPERTIES.len()]);
        let mut warnings = Vec::new();
        for (key, value) in pairs {
            values.set(key.as_ref(), value.as_ref().trim(), &mut warnings)?;
        }
        let mut config = values.build()?;
        config.security = security::read(&Given::new(&|key| values.given(key)), &mut warnings)
            .map_err(|error| match warnings.iter().find(|warning| may_be_the_cause(warning)) {
                // Warnings are lost with an error, and this one may be its cause.
                Some(cause) => error.context(&cause.message),
                None => error,
            })?;
        config.check_conflicts(&values, &mut warnings)?;
        Ok((config, warnings))
    }

    fn check_conflicts(&self, values: &Values, warnings: &mut Vec<Warning>) -> Result<()> {
        // Java's ProducerConfig: delivery.timeout.ms >= linger.ms + request.timeout.ms. Java only
        // refuses a value that the user set; a default is raised silently.
        let needed = self.linger.unwrap_or_default().saturating_add(self.request_timeout);
        if values.given("delivery.timeout.ms").is_some() && self.delivery_timeout < needed {
            return Err(Error::config(
                "delivery.timeout.ms",
                format!(
                    "delivery.timeout.ms is {} but must be at least linger.ms + request.timeout.ms = {}",
                    self.delivery_timeout.as_millis(),
                    needed.as_millis()
                ),
            ));
        }
        for (key, weaker) in [("acks", &["0", "1"][..]), ("enable.idempotence", &["false"][..])] {
            if values.given(key).is_some_and(|v| weaker.contains(&v.to_ascii_lowercase().as_str()))
            {
                warnings.push(Warning {
                    key: key.to_owned(),
                    message: format!(
                        "{key} is raised to the safe setting: the producer always waits for all in-sync replicas and is idempotent"
                    ),
                });
            }
        }
        Ok(())
    }
}

/// Where the table has a property: a configuration asks for all of them, and a script may have thousands of tables.
fn place_of(key: &str) -> Option<usize> {
    static PLACES: LazyLock<HashMap<&str, usize>> =
        LazyLock::new(|| PROPERTIES.iter().enumerate().map(|(at, p)| (p.name, at)).collect());
    PLACES.get(key).copied()
}

/// The given values by their place in the table.
struct Values(Vec<Option<String>>);

impl Values {
    fn set(&mut self, key: &str, value: &str, warnings: &mut Vec<Warning>) -> Result<()> {
        let Some(at) = place_of(key) else {
            warnings.push(unknown(key));
            return Ok(());
        };
        let property = &PROPERTIES[at];
        match property.support {
            Support::Refused(why) => {
                return Err(Error::config(key, format!("{key} cannot be set: {why}")));
            }
            Support::Ignored(why) => warnings.push(Warning {
                key: key.to_owned(),
                message: format!("{key} has no effect: {why}"),
            }),
            Support::Used | Support::Inert => {}
        }
        property.value.check(value).map_err(|allowed| {
            let shown = if property.value == Value::Password { HIDDEN } else { value };
            Error::config(key, format!("{key} is '{shown}' but must be {allowed}"))
        })?;
        self.0[at] = Some(value.to_owned());
        Ok(())
    }

    fn given(&self, key: &str) -> Option<&str> {
        let at = place_of(key)?;
        self.0[at].as_deref()
    }

    fn text(&self, key: &str) -> &str {
        let Some(at) = place_of(key) else {
            debug_assert!(false, "{key} is not in the table");
            return "";
        };
        self.0[at].as_deref().unwrap_or(PROPERTIES[at].default)
    }

    // Values and defaults were checked against the table; the fallbacks cannot be reached.
    fn int(&self, key: &str) -> i64 {
        self.text(key).parse().unwrap_or(0)
    }

    fn millis(&self, key: &str) -> Duration {
        Duration::from_millis(self.int(key).max(0).unsigned_abs())
    }

    fn size(&self, key: &str) -> usize {
        usize::try_from(self.int(key)).unwrap_or(usize::MAX)
    }

    fn bool(&self, key: &str) -> bool {
        self.text(key).eq_ignore_ascii_case("true")
    }

    fn backoff(&self, initial: &str, max: &str) -> Backoff {
        let max = self.millis(max);
        Backoff { initial: self.millis(initial).min(max), max }
    }

    fn build(&self) -> Result<ClientConfig> {
        let bootstrap = self
            .text("bootstrap.servers")
            .split(',')
            .map(str::trim)
            .filter(|address| !address.is_empty())
            .map(parse_address)
            .collect::<Result<Vec<_>>>()?;
        if bootstrap.is_empty() {
            return Err(Error::config(
                "bootstrap.servers",
                "bootstrap.servers is missing: give at least one host:port",
            ));
        }
        let compression = match self.text("compression.type").to_ascii_lowercase().as_str() {
            "gzip" => CompressionType::Gzip,
            "snappy" => CompressionType::Snappy,
            "lz4" => CompressionType::Lz4,
            "zstd" => CompressionType::Zstd,
            _ => CompressionType::None,
        };
        let level = |key| i32::try_from(self.int(key)).ok().filter(|level| *level != -1);
        let isolation = if self.text("isolation.level").eq_ignore_ascii_case("read_committed") {
            Isolation::ReadCommitted
        } else {
            Isolation::ReadUncommitted
        };
        let client_id = match self.text("client.id") {
            "" => "brooklet",
            given => given,
        };
        Ok(ClientConfig {
            bootstrap,
            security: Security::default(),
            client_id: client_id.to_owned(),
            request_timeout: self.millis("request.timeout.ms"),
            api_timeout: self.millis("default.api.timeout.ms"),
            contact_timeout: self.millis("default.api.timeout.ms"),
            retry_backoff: self.backoff("retry.backoff.ms", "retry.backoff.max.ms"),
            reconnect_backoff: self.backoff("reconnect.backoff.ms", "reconnect.backoff.max.ms"),
            connect_timeout: self.backoff(
                "socket.connection.setup.timeout.ms",
                "socket.connection.setup.timeout.max.ms",
            ),
            idle_timeout: (self.int("connections.max.idle.ms") >= 0)
                .then(|| self.millis("connections.max.idle.ms")),
            metadata_max_age: self.millis("metadata.max.age.ms"),
            metadata_max_idle: self.millis("metadata.max.idle.ms"),
            max_in_flight: self
                .size("max.in.flight.requests.per.connection")
                .min(limits::REQUESTS_IN_FLIGHT_MAX),
            batch_size: self.size("batch.size"),
            linger: self.given("linger.ms").map(|_| self.millis("linger.ms")),
            buffer_memory: self.size("buffer.memory"),
            max_request_size: self.size("max.request.size"),
            max_block: self.millis("max.block.ms"),
            must_exist: BTreeSet::new(),
            delivery_timeout: self.millis("delivery.timeout.ms"),
            compression,
            compression_level: match compression {
                CompressionType::Gzip => level("compression.gzip.level"),
                CompressionType::Zstd => level("compression.zstd.level"),
                _ => None,
            },
            partitioner_ignore_keys: self.bool("partitioner.ignore.keys"),
            transaction_timeout: self.millis("transaction.timeout.ms"),
            group_id: self.given("group.id").filter(|id| !id.is_empty()).map(str::to_owned),
            group_instance_id: self
                .given("group.instance.id")
                .filter(|id| !id.is_empty())
                .map(str::to_owned),
            group_protocol: self.group_protocol()?,
            group_assignor: self
                .given("group.remote.assignor")
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
            session_timeout: self.millis("session.timeout.ms"),
            heartbeat_interval: self.millis("heartbeat.interval.ms"),
            max_poll_interval: self.millis("max.poll.interval.ms"),
            offset_reset: self.given("auto.offset.reset").map(parse_reset).transpose()?,
            rack: self.given("client.rack").filter(|rack| !rack.is_empty()).map(str::to_owned),
            isolation,
            fetch_min_bytes: i32::try_from(self.int("fetch.min.bytes")).unwrap_or(1),
            fetch_max_wait: self.millis("fetch.max.wait.ms"),
            fetch_max_bytes: self.size("fetch.max.bytes"),
            max_partition_fetch_bytes: self.size("max.partition.fetch.bytes"),
            check_crcs: self.bool("check.crcs"),
            exclude_internal_topics: self.bool("exclude.internal.topics"),
            response_max_bytes: limits::FRAME_BYTES_MAX,
        })
    }
}

/// Properties that the coordinator decides under [`GroupProtocol::Consumer`]; Java refuses them, too.
const OF_THE_COORDINATOR: &[&str] = &["session.timeout.ms", "heartbeat.interval.ms"];

impl Values {
    fn group_protocol(&self) -> Result<GroupProtocol> {
        if !self.text("group.protocol").eq_ignore_ascii_case("consumer") {
            return Ok(GroupProtocol::Classic);
        }
        match OF_THE_COORDINATOR.iter().find(|key| self.given(key).is_some()) {
            None => Ok(GroupProtocol::Consumer),
            Some(key) => Err(Error::config(
                key,
                format!(
                    "{key} cannot be set with group.protocol 'consumer': the broker decides, by its \
                     group.consumer.session.timeout.ms and group.consumer.heartbeat.interval.ms"
                ),
            )),
        }
    }
}

/// Reads a JAAS string; for fuzzing.
pub(crate) fn read_jaas(text: &str) {
    drop(jaas::Jaas::parse(text));
}

/// Whether what has no effect was meant to secure connections.
fn may_be_the_cause(warning: &Warning) -> bool {
    ["sasl.", "ssl."].iter().any(|prefix| warning.key.starts_with(prefix))
        && foreign::instead_of(&warning.key).is_some()
}

fn unknown(key: &str) -> Warning {
    let mut message = format!("{key} is not a property of the Kafka client and has no effect");
    if let Some(instead) = foreign::instead_of(key) {
        message.push_str(&format!("; it is one of librdkafka, here set {instead}"));
        return Warning { key: key.to_owned(), message };
    }
    let edits_max = (key.len() / NEAREST_CHARACTERS_PER_EDIT).max(1);
    let nearest = PROPERTIES
        .iter()
        .map(|property| (distance(key, property.name), property.name))
        .min()
        .filter(|(edits, _)| *edits <= edits_max);
    if let Some((_, name)) = nearest {
        message.push_str(&format!("; did you mean {name}?"));
    }
    Warning { key: key.to_owned(), message }
}

/// Levenshtein distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Reads `host:port`, also `[::1]:9092` and with a protocol name in front, as Java accepts it.
fn parse_address(text: &str) -> Result<Address> {
    let bad = || {
        Error::config(
            "bootstrap.servers",
            format!("bootstrap.servers has '{text}' but an address must be host:port"),
        )
    };
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let (host, port) = rest.rsplit_once(':').ok_or_else(bad)?;
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let port = port.parse().map_err(|_| bad())?;
    if host.is_empty() {
        return Err(bad());
    }
    Ok(Address { host: host.to_owned(), port })
}

fn parse_reset(text: &str) -> Result<OffsetReset> {
    let lower = text.to_ascii_lowercase();
    let duration = lower.strip_prefix("by_duration:").map(parse_iso_duration);
    match (lower.as_str(), duration) {
        ("earliest", _) => Ok(OffsetReset::Earliest),
        ("latest", _) => Ok(OffsetReset::Latest),
        ("none", _) => Ok(OffsetReset::None),
        (_, Some(Some(duration))) => Ok(OffsetReset::ByDuration(duration)),
        _ => Err(Error::config(
            "auto.offset.reset",
            format!(
                "auto.offset.reset is '{text}' but must be earliest, latest, none or by_duration:<ISO 8601 duration>"
            ),
        )),
    }
}

/// `PnDTnHnMn.nS` in lower case, as `java.time.Duration` reads it; no signs.
fn parse_iso_duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('p')?;
    let mut total = 0f64;
    let mut in_time = false;
    let mut parts = 0;
    while !rest.is_empty() {
        if let Some(time) = rest.strip_prefix('t') {
            in_time = true;
            rest = time;
            continue;
        }
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = rest.get(..end)?.parse().ok()?;
        let seconds = match (rest.as_bytes().get(end)?, in_time) {
            (b'd', false) => 86_400.0,
            (b'h', true) => 3_600.0,
            (b'm', true) => 60.0,
            (b's', true) => 1.0,
            _ => return None,
        };
        total += number * seconds;
        parts += 1;
        rest = rest.get(end + 1..)?;
    }
    (parts > 0).then(|| Duration::try_from_secs_f64(total).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn parse(pairs: &[(&str, &str)]) -> Result<(ClientConfig, Vec<Warning>)> {
        let bootstrap = ("bootstrap.servers", "a:1");
        ClientConfig::parse([bootstrap].iter().chain(pairs).copied())
    }

    #[test]
    fn every_default_passes_its_own_check_and_names_are_unique() {
        for (i, property) in PROPERTIES.iter().enumerate() {
            if !property.default.is_empty() {
                assert_eq!(property.value.check(property.default), Ok(()), "{}", property.name);
            }
            assert!(property.doc.ends_with('.'), "{}", property.name);
            assert!(PROPERTIES[..i].iter().all(|other| other.name != property.name));
        }
    }

    #[test]
    fn defaults_are_those_of_java_four() {
        let (config, warnings) = parse(&[]).unwrap();
        assert!(warnings.is_empty());
        assert_eq!(config.request_timeout, Duration::from_secs(30));
        assert_eq!(config.delivery_timeout, Duration::from_secs(120));
        assert_eq!(config.fetch_max_bytes, 50 * 1024 * 1024);
        assert_eq!(config.max_in_flight, 5);
        assert_eq!(config.linger, None);
        assert_eq!(config.isolation, Isolation::ReadUncommitted);
    }

    #[test]
    fn addresses() {
        let (config, _) =
            ClientConfig::parse([("bootstrap.servers", "a:1, [::1]:2,PLAINTEXT://b:3,")]).unwrap();
        let shown: Vec<String> = config.bootstrap.iter().map(Address::to_string).collect();
        assert_eq!(shown, ["a:1", "[::1]:2", "b:3"]);
        for bad in ["", "a", "a:x", ":9", "a:70000"] {
            assert!(ClientConfig::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn unknown_keys_warn_with_the_nearest_name() {
        for (typed, near) in [
            ("fetch.min.byte", Some("fetch.min.bytes")),
            ("ack", Some("acks")),
            ("abc", None),
            ("compresion.typ", Some("compression.type")),
            ("max.partitions.fetch.byte", Some("max.partition.fetch.bytes")),
            ("retention.ms", None),
            ("x", None),
        ] {
            let (_, warnings) = parse(&[(typed, "1")]).unwrap();
            let found = warnings[0].message.split_once("did you mean ").map(|(_, name)| name);
            assert_eq!(found, near.map(|near| format!("{near}?")).as_deref(), "{typed}");
        }
    }

    #[test]
    fn wrong_values_name_the_key_and_what_is_allowed() {
        for (key, value, allowed) in [
            ("acks", "two", "one of all, -1, 0, 1"),
            ("batch.size", "-1", "a whole number from 0 to 2147483647"),
            ("check.crcs", "yes", "true or false"),
            ("auto.offset.reset", "soon", "earliest, latest, none or by_duration"),
            ("key.serializer", "x", "the table's format"),
            ("delivery.timeout.ms", "1000", "at least linger.ms + request.timeout.ms = 30000"),
        ] {
            let error = parse(&[(key, value)]).unwrap_err();
            assert_eq!(error.kind(), &ErrorKind::Config { key: key.to_owned() });
            assert!(error.message().contains(allowed), "{error}");
        }
    }

    #[test]
    fn weaker_acks_are_raised_with_a_warning() {
        let (_, warnings) = parse(&[("acks", "1"), ("enable.idempotence", "false")]).unwrap();
        assert_eq!(warnings.len(), 2);
    }

    #[test]
    fn iso_durations() {
        for (text, seconds) in [("p1d", 86_400.0), ("pt1h30m", 5_400.0), ("pt0.5s", 0.5)] {
            assert_eq!(parse_iso_duration(text), Some(Duration::from_secs_f64(seconds)));
        }
        for bad in ["", "p", "1d", "p1h", "pt1d", "pt1"] {
            assert_eq!(parse_iso_duration(bad), None, "{bad}");
        }
    }
}
