//! Names and descriptions of topics and partitions.

use std::fmt;
use std::sync::Arc;

use crate::wire::Uuid;

/// One partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: Arc<str>,
    /// Index from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// The partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// What a broker says about a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: Arc<str>,
    /// Its id; zero on brokers before 2.8.
    pub id: Uuid,
    /// Whether it belongs to Kafka itself.
    pub internal: bool,
    /// Its partitions by rising index.
    pub partitions: Arc<[PartitionInfo]>,
}

impl TopicInfo {
    /// The place of a partition among [`partitions`](Self::partitions).
    pub(crate) fn place_of(&self, partition: i32) -> Option<usize> {
        self.partitions.binary_search_by_key(&partition, |found| found.partition).ok()
    }

    /// The partition with this index.
    pub fn partition(&self, partition: i32) -> Option<&PartitionInfo> {
        self.partitions.get(self.place_of(partition)?)
    }
}

/// What a broker says about a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionInfo {
    /// Index from 0.
    pub partition: i32,
    /// Node id of the leader, if there is one.
    pub leader: Option<i32>,
    /// Epoch of the leader, −1 if unknown.
    pub leader_epoch: i32,
    /// Number of replicas.
    pub replicas: usize,
    /// Number of replicas in sync.
    pub in_sync: usize,
}

/// A broker of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerInfo {
    /// Node id.
    pub id: i32,
    /// `host:port`, as it advertises itself.
    pub address: Arc<str>,
    /// Rack, if it has one.
    pub rack: Option<String>,
}

/// The cluster as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterInfo {
    /// Its id, if the brokers have one.
    pub id: Option<String>,
    /// Node id of the controller, or of a broker that forwards to it.
    pub controller: Option<i32>,
    /// Brokers by rising id.
    pub brokers: Vec<BrokerInfo>,
}
