//! Calls of users as small state machines: each sends, retries with back-off within its time and
//! completes a promise.

mod admin;
mod coordinated;
mod list_offsets;
mod offsets;
mod single;
#[cfg(test)]
mod tests;

pub use admin::NewTopic;
pub(crate) use admin::{
    all_topics, cluster, create_partitions, create_topics, delete_topics, topic_configs, topics,
};
pub use coordinated::{ListedGroup, ListedTransaction, TransactionDescription};
pub(crate) use coordinated::{describe_transaction, list_groups, list_transactions, members};
pub(crate) use list_offsets::ListOffsets;
pub use list_offsets::{ListedOffset, OffsetSpec};
pub use offsets::CommittedOffset;
pub(crate) use offsets::{commit, fetch, parts};

use std::time::Duration;

use crate::apis::{AnyRequest, AnyResponse};
use crate::cluster::{Cluster, Owner, Purpose, Target};
use crate::connection::{CallError, CallId};

/// What an operation works with.
pub(crate) struct Context<'a> {
    pub(crate) cluster: &'a mut Cluster,
    pub(crate) id: u64,
    pub(crate) now: Duration,
}

impl Context<'_> {
    fn send(&mut self, target: Target, request: AnyRequest, timeout: Duration) -> CallId {
        let owner = Owner::Operation(self.id);
        self.cluster.send(target, Purpose::Coordination, request, timeout, owner, self.now)
    }
}

/// A call of a user that is under way.
pub(crate) trait Operation: Send + std::fmt::Debug {
    /// Sends what can be sent now, gives up what is too late. Called after every event.
    fn poll(&mut self, context: &mut Context<'_>);

    /// A call of this operation was answered.
    fn answered(
        &mut self,
        call: CallId,
        result: Result<AnyResponse, CallError>,
        context: &mut Context<'_>,
    );

    /// When time alone changes something.
    fn next_deadline(&self) -> Option<Duration>;

    /// Whether the promise is kept.
    fn is_done(&self) -> bool;
}
