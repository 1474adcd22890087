//! AddOffsetsToTxn (25): a group whose offsets a transaction is about to commit (KIP-98). With
//! transactions of version 2, TxnOffsetCommit does this too (KIP-890).

use crate::wire::table::messages;

messages! {
    api AddOffsetsToTxn { key: 25, versions: 0..=4, flexible_from: 3, AddOffsetsToTxnRequest => AddOffsetsToTxnResponse }

    struct AddOffsetsToTxnRequest {
        transactional_id: String [0+];
        producer_id: i64 [0+];
        producer_epoch: i16 [0+];
        group_id: String [0+];
    }

    struct AddOffsetsToTxnResponse {
        throttle_time_ms: i32 [0+];
        error_code: i16 [0+];
    }
}
