//! One file per family of APIs: a decoded request and the cluster go in, a response comes out.

mod configs;
pub(crate) mod fetch;
mod groups;
mod list_offsets;
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
use crate::cluster::Cluster;
use crate::wire::tables::ApiKey;
use crate::wire::{Incoming, Reply, Request};
use fetch::ParkedFetch;

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Send this frame.
    Respond(Bytes),
    /// The request wants no answer.
    Silent,
    /// The answer waits for records or its deadline.
    Park(Box<ParkedFetch>),
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
        ApiKey::OffsetCommit => offsets::commit(cluster, &request),
        ApiKey::OffsetFetch => offsets::fetch(cluster, &request),
        ApiKey::FindCoordinator => groups::find_coordinator(cluster, &request),
        ApiKey::DescribeGroups => groups::describe(cluster, &request),
        ApiKey::ListGroups => groups::list(cluster, &request),
        ApiKey::DeleteTopics => topics::delete(cluster, &request),
        ApiKey::DeleteRecords => topics::delete_records(cluster, &request),
        ApiKey::InitProducerId => producer_ids::init(cluster, &request, now),
        ApiKey::AddPartitionsToTxn => transactions::add_partitions(cluster, &request, now),
        ApiKey::AddOffsetsToTxn => transactions::add_offsets(cluster, &request, now),
        ApiKey::EndTxn => transactions::end(cluster, &request, now),
        ApiKey::TxnOffsetCommit => transactions::commit_offsets(cluster, &request, now),
        ApiKey::DescribeTransactions => transactions::describe(cluster, &request),
        ApiKey::ListTransactions => transactions::list(cluster, &request, now),
        ApiKey::OffsetForLeaderEpoch => list_offsets::leader_epochs(cluster, &request),
        ApiKey::DescribeConfigs => configs::describe(cluster, &request),
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
