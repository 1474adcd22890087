//! What the broker knows, apart from its connections.

use std::time::Duration;

use uuid::Uuid;

use crate::config::{Config, Ids};
use crate::groups::Groups;
use crate::sessions::Sessions;
use crate::topics::Topics;
use crate::transactions::{Ending, Transactions};

/// The node id of the only broker.
pub(crate) const NODE_ID: i32 = 1;

/// Topics, fetch sessions, groups, transactions, settings.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) config: Config,
    pub(crate) cluster_id: String,
    pub(crate) topics: Topics,
    pub(crate) sessions: Sessions,
    pub(crate) groups: Groups,
    pub(crate) transactions: Transactions,
    pub(crate) ids: Ids,
    pub(crate) next_producer_id: i64,
    /// Changes that parked fetches may wait for, since the broker last looked.
    pub(crate) touched: Vec<Touched>,
}

/// A partition that changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Touched {
    pub(crate) topic: Uuid,
    pub(crate) partition: i32,
    /// Bytes appended; `usize::MAX` for a change that ends any wait.
    pub(crate) bytes: usize,
    /// Bytes that became readable for readers of committed data.
    pub(crate) stable_bytes: usize,
}

impl Cluster {
    pub(crate) fn new(config: Config) -> Self {
        let mut ids = Ids::new(config.seed);
        let cluster_id = format!("dev-{:016x}", ids.next());
        Self {
            cluster_id,
            topics: Topics::new(&config.limits),
            sessions: Sessions::new(&config.limits),
            groups: Groups::new(&config.limits, config.group_session_timeout),
            transactions: Transactions::new(
                &config.limits,
                config.producer_epoch_max,
                config.marker_delay,
            ),
            ids,
            next_producer_id: 0,
            touched: Vec::new(),
            config,
        }
    }

    /// Completes the decided transactions whose markers are due.
    pub(crate) fn complete(&mut self, now: Duration) {
        while let Some(ending) = self.transactions.complete(now) {
            self.apply(&ending, now);
        }
    }

    /// Writes the markers of a transaction and settles the offsets of its groups.
    fn apply(&mut self, ending: &Ending, now: Duration) {
        for (topic, partition) in &ending.partitions {
            // A topic may have been deleted since.
            let id = self.topics.get(topic).map(|topic| topic.id);
            let marked = self.topics.mark(topic, *partition, ending, millis(now));
            if let (Some(topic), Some(marked)) = (id, marked) {
                self.touched.push(Touched {
                    topic,
                    partition: *partition,
                    bytes: marked.bytes,
                    stable_bytes: marked.stable_bytes,
                });
            }
        }
        self.groups.offsets.settle(ending.writer, ending.commit);
    }

    /// Ends the transactions, sessions of members and rebalances whose time is over.
    pub(crate) fn expire(&mut self, now: Duration) {
        self.groups.members.expire(now);
        let topics = &self.topics;
        self.groups.consumers.expire(topics, now);
        self.transactions.expire(now);
        self.complete(now);
    }

    /// What is not on Kafka's disks is gone, and what is begins anew.
    pub(crate) fn reload(&mut self, now: Duration) {
        self.sessions.clear();
        self.transactions.reload(now);
    }
}

/// Milliseconds since the Unix epoch, as in record timestamps.
pub(crate) fn millis(now: Duration) -> i64 {
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
