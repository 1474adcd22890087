//! One file per family of APIs: a decoded request and the cluster go in, a response comes out.

mod alter_configs;
mod configs;
pub(crate) mod consumers;
pub(crate) mod fetch;
mod groups;
mod list_offsets;
mod members;
mod metadata;
mod offsets;
mod produce;
mod producer_ids;
mod topics;
mod transactions;
mod versions;

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::{Encodable, StrBytes};

use crate::broker::CloseReason;
use crate::cluster::{Cluster, Touched};
use crate::wire::tables::ApiKey;
use crate::wire::{Incoming, Reply, Request};
use fetch::ParkedFetch;
use members::ParkedMember;

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Send this frame.
    Respond(Bytes),
    /// The request wants no answer.
    Silent,
    /// The answer waits for an event or its deadline.
    Park(Parked),
}

/// A request that waits.
#[derive(Debug)]
pub(crate) enum Parked {
    /// For records.
    Fetch(Box<ParkedFetch>),
    /// For the other members of its group.
    Member(Box<ParkedMember>),
}

impl Parked {
    /// When it is answered at the latest, time since the Unix epoch.
    pub(crate) fn deadline(&self) -> Duration {
        match self {
            Self::Fetch(fetch) => fetch.deadline,
            Self::Member(member) => member.deadline,
        }
    }

    /// Takes note of what was appended; true when it can be answered.
    pub(crate) fn is_satisfied(&mut self, cluster: &Cluster, touched: &[Touched]) -> bool {
        match self {
            Self::Fetch(fetch) => fetch.credit(touched),
            Self::Member(member) => member.is_satisfied(cluster),
        }
    }

    /// Its answer as things are now.
    pub(crate) fn finish(self, cluster: &mut Cluster, now: Duration) -> Result<Bytes, CloseReason> {
        match self {
            Self::Fetch(fetch) => fetch.finish(cluster, now),
            Self::Member(member) => member.finish(cluster),
        }
    }
}

/// The answer to a request, or why its connection has to go.
pub(crate) type Answer = Result<Outcome, CloseReason>;

/// Answers one request.
pub(crate) fn answer(cluster: &mut Cluster, incoming: Incoming, now: Duration) -> Answer {
    let request = match incoming {
        Incoming::Request(request) => request,
        Incoming::UnknownApiVersions { correlation_id } => {
            return versions::unknown_version(cluster, correlation_id);
        }
    };
    match request.api.key {
        ApiKey::Produce => produce::answer(cluster, &request, now),
        ApiKey::Fetch => fetch::answer(cluster, &request, now),
        ApiKey::ListOffsets => list_offsets::answer(cluster, &request),
        ApiKey::Metadata => metadata::answer(cluster, &request),
        ApiKey::ApiVersions => versions::answer(cluster, &request),
        ApiKey::CreateTopics => topics::create(cluster, &request),
        ApiKey::OffsetCommit => offsets::commit(cluster, &request, now),
        ApiKey::OffsetFetch => offsets::fetch(cluster, &request),
        ApiKey::FindCoordinator => groups::find_coordinator(cluster, &request),
        ApiKey::JoinGroup => members::join(cluster, &request, now),
        ApiKey::Heartbeat => members::heartbeat(cluster, &request, now),
        ApiKey::LeaveGroup => members::leave(cluster, &request, now),
        ApiKey::SyncGroup => members::sync(cluster, &request, now),
        ApiKey::ConsumerGroupHeartbeat => consumers::heartbeat(cluster, &request, now),
        ApiKey::ConsumerGroupDescribe => consumers::describe(cluster, &request),
        ApiKey::DescribeGroups => groups::describe(cluster, &request),
        ApiKey::ListGroups => groups::list(cluster, &request),
        ApiKey::DeleteTopics => topics::delete(cluster, &request),
        ApiKey::DeleteRecords => topics::delete_records(cluster, &request),
        ApiKey::InitProducerId => producer_ids::init(cluster, &request, now),
        ApiKey::AddPartitionsToTxn => transactions::add_partitions(cluster, &request, now),
        ApiKey::AddOffsetsToTxn => transactions::add_offsets(cluster, &request, now),
        ApiKey::EndTxn => transactions::end(cluster, &request, now),
        ApiKey::TxnOffsetCommit => transactions::commit_offsets(cluster, &request, now),
        ApiKey::DescribeProducers => producer_ids::describe(cluster, &request),
        ApiKey::DescribeTransactions => transactions::describe(cluster, &request),
        ApiKey::ListTransactions => transactions::list(cluster, &request, now),
        ApiKey::OffsetForLeaderEpoch => list_offsets::leader_epochs(cluster, &request),
        ApiKey::DescribeConfigs => configs::describe(cluster, &request),
        ApiKey::AlterConfigs => alter_configs::replace(cluster, &request),
        ApiKey::IncrementalAlterConfigs => alter_configs::change(cluster, &request),
        ApiKey::DescribeLogDirs => metadata::describe_log_dirs(cluster, &request),
        ApiKey::CreatePartitions => topics::create_partitions(cluster, &request),
        ApiKey::DeleteGroups => groups::delete(cluster, &request),
        ApiKey::OffsetDelete => offsets::delete(cluster, &request),
        ApiKey::DescribeCluster => metadata::describe_cluster(cluster, &request),
    }
}

/// Encodes the response of `request`.
fn respond<T: Encodable>(cluster: &Cluster, request: &Request, body: &T) -> Answer {
    encode(cluster, request.reply(), body).map(Outcome::Respond)
}

fn encode<T: Encodable>(cluster: &Cluster, reply: Reply, body: &T) -> Result<Bytes, CloseReason> {
    reply.encode(body, cluster.config.limits.response_bytes_max)
}

/// Text of the broker for a response.
fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

/// A topic name of the broker for a response.
fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}
