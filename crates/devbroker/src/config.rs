//! What a broker is started with.

use std::net::SocketAddr;
use std::time::Duration;

use crate::broker::CloseReason;
use crate::limits::Limits;

/// Settings of one broker.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Host that clients are told to connect to. A shell replaces it with the listener's address.
    pub advertised_host: String,
    /// Port that clients are told to connect to.
    pub advertised_port: u16,
    /// A proxy in front of the listener: a shell tells clients this address instead of its own.
    pub behind: Option<SocketAddr>,
    /// Partitions of a topic that is created without a number: 1 to [`Limits::partitions_max`].
    pub default_partitions: i32,
    /// Whether a metadata request that allows it creates missing topics.
    pub auto_create_topics: bool,
    /// Source of cluster id and topic ids: the same seed and requests give the same ids.
    pub seed: u64,
    /// Told why the broker ended a connection; the shell calls it, the state machine does not.
    pub report_close: Option<fn(&CloseReason)>,
    /// Level of the feature `transaction.version` (KIP-890): 2 lets producers use transactions of
    /// version 2, 0 keeps them at version 1.
    pub transaction_version: i16,
    /// How long after its decision the markers of a transaction are written. EndTxn is answered
    /// before, as by Kafka: until then readers of committed data wait, and the producer is told
    /// CONCURRENT_TRANSACTIONS. None by default.
    pub marker_delay: Duration,
    /// Longest time-out of a transaction. Kafka's `transaction.max.timeout.ms`.
    pub transaction_timeout_max: Duration,
    /// After so long a member of the consumer protocol that is not heard of is taken for dead. Kafka's
    /// `group.consumer.session.timeout.ms`.
    pub group_session_timeout: Duration,
    /// How often it is to be heard of. Kafka's `group.consumer.heartbeat.interval.ms`.
    pub group_heartbeat_interval: Duration,
    /// Epochs of a producer id end here: the protocol's limit is the default, tests of the exchange
    /// of producer ids set less.
    pub producer_epoch_max: i16,
    /// What clients may make the broker hold.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            advertised_host: "127.0.0.1".to_owned(),
            advertised_port: 9092,
            behind: None,
            default_partitions: 1,
            auto_create_topics: true,
            seed: 0,
            report_close: None,
            transaction_version: 2,
            marker_delay: Duration::ZERO,
            transaction_timeout_max: Duration::from_secs(15 * 60),
            group_session_timeout: Duration::from_secs(45),
            group_heartbeat_interval: Duration::from_secs(5),
            producer_epoch_max: i16::MAX,
            limits: Limits::default(),
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): a short generator that every seed starts well.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    state: u64,
}

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A random (version 4) UUID.
    pub(crate) fn uuid(&mut self) -> uuid::Uuid {
        let pair = uuid::Uuid::from_u64_pair(self.next(), self.next());
        uuid::Builder::from_random_bytes(pair.into_bytes()).into_uuid()
    }
}
