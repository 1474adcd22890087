//! TxnOffsetCommit (28): stores positions of a group as part of a transaction. Version 5 adds the
//! group to the transaction as well (KIP-890), version 6 names topics by id (KIP-1319).

use crate::wire::table::messages;
use crate::wire::uuid::Uuid;

messages! {
    api TxnOffsetCommit { key: 28, versions: 0..=6, flexible_from: 3, TxnOffsetCommitRequest => TxnOffsetCommitResponse }

    struct TxnOffsetCommitRequest {
        transactional_id: String [0+];
        group_id: String [0+];
        producer_id: i64 [0+];
        producer_epoch: i16 [0+];
        generation_id_or_member_epoch: i32 [3+] = -1;
        member_id: String [3+];
        group_instance_id: Option<String> [3+, null 3+] = None;
        topics: Vec<TxnOffsetCommitRequestTopic> [0+];
    }

    struct TxnOffsetCommitRequestTopic {
        name: String [0-5, ignorable];
        topic_id: Uuid [6+, ignorable];
        partitions: Vec<TxnOffsetCommitRequestPartition> [0+];
    }

    struct TxnOffsetCommitRequestPartition {
        partition_index: i32 [0+];
        committed_offset: i64 [0+];
        committed_leader_epoch: i32 [2+, ignorable] = -1;
        committed_metadata: Option<String> [0+, null 0+];
    }

    struct TxnOffsetCommitResponse {
        throttle_time_ms: i32 [0+];
        topics: Vec<TxnOffsetCommitResponseTopic> [0+];
    }

    struct TxnOffsetCommitResponseTopic {
        name: String [0-5, ignorable];
        topic_id: Uuid [6+, ignorable];
        partitions: Vec<TxnOffsetCommitResponsePartition> [0+];
    }

    struct TxnOffsetCommitResponsePartition {
        partition_index: i32 [0+];
        error_code: i16 [0+];
    }
}
