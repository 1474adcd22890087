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
//! | `CI` | a service that does not start is a failure |

mod bridge;
mod cache;
mod jvm;
mod kafka;
mod probe;
mod secured;

use std::fmt;
use std::io::{self, Write};
use std::sync::OnceLock;

pub use bridge::{Bridge, BridgeRecord, Isolation};
pub use cache::kafka_jars;
pub use jvm::{Exit, Jvm};
pub use kafka::{Kafka, KafkaConfig};
pub use probe::{ProbeError, broker_count};
pub use secured::{CANARY, Secured, secured};

/// A release line of Apache Kafka that the tests run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// The newest 4.x with all of its jars on Maven Central.
    Newest,
    /// The last line that still runs on what most clusters have: 3.9.
    V3_9,
}

impl Version {
    /// Every version, newest first.
    pub const ALL: [Self; 2] = [Self::Newest, Self::V3_9];

    /// The release as Maven names it. 4.4.0 stays out until `kafka-tools:4.4.0` is published.
    #[must_use]
    pub const fn release(self) -> &'static str {
        match self {
            Self::Newest => "4.3.1",
            Self::V3_9 => "3.9.2",
        }
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
    static NEWEST: OnceLock<Option<Kafka>> = OnceLock::new();
    static V3_9: OnceLock<Option<Kafka>> = OnceLock::new();
    let cell = match version {
        Version::Newest => &NEWEST,
        Version::V3_9 => &V3_9,
    };
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
