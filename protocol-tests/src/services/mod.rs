//! Services that tests start for themselves.
//!
//! [`kafka`] is the entry point. A service that cannot be started fails the test where the
//! variable `CI` is set; elsewhere one line on stderr says what was skipped and why, and the test
//! returns early.
//!
//! | variable | meaning |
//! |---|---|
//! | `BROOKLET_TEST_BOOTSTRAP` | run against this cluster instead of starting one |
//! | `BROOKLET_CACHE` | folder for downloaded jars; default `services/` in the cargo target folder |
//! | `BROOKLET_TEST_ALL` | also run the tests that take minutes: every broker version, clusters of three |
//! | `CI` | a service that does not start is a failure |

mod bridge;
mod cache;
mod cluster;
mod jvm;
mod kafka;
mod kfake;
mod ports;
mod probe;
mod secured;
mod zookeeper;

use std::fmt;
use std::io::{self, Write};
use std::sync::OnceLock;

pub use bridge::{Bridge, BridgeRecord, Isolation};
pub use cache::kafka_jars;
pub use cluster::KafkaCluster;
pub use jvm::{Exit, Jvm};
pub use kafka::{Kafka, KafkaConfig};
pub use kfake::Kfake;
pub use probe::{ProbeError, broker_count};
pub use secured::{CANARY, Secured, certificates, secured};

/// A release line of Apache Kafka that the tests run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// The newest 4.x with all of its jars on Maven Central.
    Newest,
    /// The last line that still runs on what most clusters have: 3.9.
    V3_9,
    /// The last line of the ZooKeeper era that is still common.
    V2_8,
    /// The first line with message format v2, idempotence and transactions.
    V0_11,
    /// Message format v1.
    V0_10,
}

impl Version {
    /// The versions that every test runs against, newest first.
    pub const ALL: [Self; 2] = [Self::Newest, Self::V3_9];

    /// Every version, newest first: what the version matrix runs against.
    pub const MATRIX: [Self; 5] = [Self::Newest, Self::V3_9, Self::V2_8, Self::V0_11, Self::V0_10];

    /// The release as Maven names it. 4.4.0 stays out until `kafka-tools:4.4.0` is published.
    #[must_use]
    pub const fn release(self) -> &'static str {
        match self {
            Self::Newest => "4.3.1",
            Self::V3_9 => "3.9.2",
            Self::V2_8 => "2.8.2",
            Self::V0_11 => "0.11.0.3",
            Self::V0_10 => "0.10.2.2",
        }
    }

    /// Whether the broker keeps its metadata in ZooKeeper.
    #[must_use]
    pub const fn needs_zookeeper(self) -> bool {
        matches!(self, Self::V2_8 | Self::V0_11 | Self::V0_10)
    }

    /// The release whose Java client and tools tests use against this broker: that of the broker
    /// itself, and 3.9 for older ones, whose own clients lack half of what the tests ask for.
    #[must_use]
    pub const fn client(self) -> Self {
        if self.needs_zookeeper() { Self::V3_9 } else { self }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Apache Kafka {}", self.release())
    }
}

/// The shared broker of this test binary, started by the first caller and killed when the process
/// ends, however it ends.
///
/// `None` means: skip the test. The reason has been printed, once per version.
/// With `BROOKLET_TEST_BOOTSTRAP` set, [`Version::Newest`] is that cluster and every other version
/// is skipped, so that the same topics are not written twice.
///
/// # Panics
/// Where `CI` is set and the broker does not start.
#[must_use]
pub fn kafka(version: Version) -> Option<&'static Kafka> {
    static SHARED: [OnceLock<Option<Kafka>>; Version::MATRIX.len()] =
        [const { OnceLock::new() }; Version::MATRIX.len()];
    let cell = &SHARED[version as usize];
    cell.get_or_init(|| match shared(version) {
        Ok(broker) => Some(broker),
        Err(Unavailable::Elsewhere(bootstrap)) => {
            skip(&format!("{version}: the tests run against {bootstrap}"));
            None
        }
        Err(Unavailable::Failed(error)) => {
            assert!(std::env::var_os("CI").is_none(), "{version} did not start: {error}");
            skip(&format!("{version}: {error}"));
            None
        }
    })
    .as_ref()
}

/// A kfake of its own for the calling test, speaking like `release` or like the newest Kafka that it knows; `None` says
/// why there is none: a machine needs neither Go nor a recent one.
///
/// # Panics
/// Where `CI` is set, and a kfake that was built does not start.
#[must_use]
pub fn kfake(release: Option<&str>) -> Option<Kfake> {
    let started = match kfake::build() {
        Ok(program) => Kfake::start(&program, release),
        Err(error) => {
            skip(&format!("kfake: {error}"));
            return None;
        }
    };
    match started {
        Ok(kfake) => Some(kfake),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "kfake did not start: {error}");
            skip(&format!("kfake: {error}"));
            None
        }
    }
}

/// Whether the tests that take minutes run as well: `BROOKLET_TEST_ALL` is set. Says what is left
/// out otherwise.
#[must_use]
pub fn all(what: &str) -> bool {
    let all = std::env::var_os("BROOKLET_TEST_ALL").is_some();
    if !all {
        skip(&format!("{what}: set BROOKLET_TEST_ALL=1 to run it"));
    }
    all
}

enum Unavailable {
    Elsewhere(String),
    Failed(io::Error),
}

fn shared(version: Version) -> Result<Kafka, Unavailable> {
    match std::env::var("BROOKLET_TEST_BOOTSTRAP") {
        Ok(bootstrap) if version == Version::Newest => Ok(Kafka::external(bootstrap)),
        Ok(bootstrap) => Err(Unavailable::Elsewhere(bootstrap)),
        Err(_) => Kafka::start(&KafkaConfig::new(version)).map_err(Unavailable::Failed),
    }
}

/// Written past the capture of the test harness, which would swallow it in a test that passes.
fn skip(what: &str) {
    drop(writeln!(io::stderr(), "skipped: {what}"));
}
