//! The APIs: one table each, field by field as in the message specifications inside Kafka's own
//! `kafka-clients` archive. A test reads these and compares.
#![allow(missing_docs, reason = "fields are Kafka's; its specification documents them")]

pub mod add_offsets_to_txn;
pub mod add_partitions_to_txn;
pub mod api_versions;
pub mod consumer_group_describe;
pub mod consumer_group_heartbeat;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_topics;
pub mod describe_configs;
pub mod describe_transactions;
pub mod end_txn;
pub mod fetch;
pub mod find_coordinator;
pub mod heartbeat;
pub mod init_producer_id;
pub mod join_group;
pub mod leave_group;
pub mod list_groups;
pub mod list_offsets;
pub mod list_transactions;
pub mod metadata;
pub mod offset_commit;
pub mod offset_fetch;
pub mod produce;
pub mod sasl_authenticate;
pub mod sasl_handshake;
pub mod sync_group;
pub mod txn_offset_commit;

use crate::wire::layout::ApiSpec;

/// Every API of this crate, by key.
pub const APIS: &[ApiSpec] = &[
    produce::API,
    fetch::API,
    list_offsets::API,
    metadata::API,
    offset_commit::API,
    offset_fetch::API,
    find_coordinator::API,
    join_group::API,
    heartbeat::API,
    leave_group::API,
    sync_group::API,
    list_groups::API,
    sasl_handshake::API,
    api_versions::API,
    create_topics::API,
    delete_topics::API,
    init_producer_id::API,
    add_partitions_to_txn::API,
    add_offsets_to_txn::API,
    end_txn::API,
    txn_offset_commit::API,
    sasl_authenticate::API,
    create_partitions::API,
    describe_configs::API,
    describe_transactions::API,
    list_transactions::API,
    consumer_group_heartbeat::API,
    consumer_group_describe::API,
];

/// The API of a key.
#[must_use]
pub fn api(key: i16) -> Option<&'static ApiSpec> {
    APIS.iter().find(|api| api.key == key)
}

/// Calls `$then!` with one request type after another: the one list that proofs and fuzzing go
/// through.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_request {
    ($then:ident) => {
        $then!($crate::wire::messages::add_offsets_to_txn::AddOffsetsToTxnRequest);
        $then!($crate::wire::messages::add_partitions_to_txn::AddPartitionsToTxnRequest);
        $then!($crate::wire::messages::api_versions::ApiVersionsRequest);
        $then!($crate::wire::messages::consumer_group_describe::ConsumerGroupDescribeRequest);
        $then!($crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest);
        $then!($crate::wire::messages::create_partitions::CreatePartitionsRequest);
        $then!($crate::wire::messages::create_topics::CreateTopicsRequest);
        $then!($crate::wire::messages::delete_topics::DeleteTopicsRequest);
        $then!($crate::wire::messages::describe_configs::DescribeConfigsRequest);
        $then!($crate::wire::messages::describe_transactions::DescribeTransactionsRequest);
        $then!($crate::wire::messages::end_txn::EndTxnRequest);
        $then!($crate::wire::messages::fetch::FetchRequest);
        $then!($crate::wire::messages::find_coordinator::FindCoordinatorRequest);
        $then!($crate::wire::messages::heartbeat::HeartbeatRequest);
        $then!($crate::wire::messages::init_producer_id::InitProducerIdRequest);
        $then!($crate::wire::messages::join_group::JoinGroupRequest);
        $then!($crate::wire::messages::leave_group::LeaveGroupRequest);
        $then!($crate::wire::messages::list_groups::ListGroupsRequest);
        $then!($crate::wire::messages::list_offsets::ListOffsetsRequest);
        $then!($crate::wire::messages::list_transactions::ListTransactionsRequest);
        $then!($crate::wire::messages::metadata::MetadataRequest);
        $then!($crate::wire::messages::offset_commit::OffsetCommitRequest);
        $then!($crate::wire::messages::offset_fetch::OffsetFetchRequest);
        $then!($crate::wire::messages::produce::ProduceRequest);
        $then!($crate::wire::messages::sasl_authenticate::SaslAuthenticateRequest);
        $then!($crate::wire::messages::sasl_handshake::SaslHandshakeRequest);
        $then!($crate::wire::messages::sync_group::SyncGroupRequest);
        $then!($crate::wire::messages::txn_offset_commit::TxnOffsetCommitRequest);
    };
}
