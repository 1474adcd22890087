//! EndTxn (26): commits or aborts a transaction. From version 5 on the answer holds the producer
//! id and epoch of the next transaction (KIP-890).

use crate::wire::table::messages;

messages! {
    api EndTxn { key: 26, versions: 0..=5, flexible_from: 3, EndTxnRequest => EndTxnResponse }

    struct EndTxnRequest {
        transactional_id: String [0+];
        producer_id: i64 [0+];
        producer_epoch: i16 [0+];
        committed: bool [0+];
    }

    struct EndTxnResponse {
        throttle_time_ms: i32 [0+];
        error_code: i16 [0+];
        producer_id: i64 [5+, ignorable] = -1;
        producer_epoch: i16 [5+, ignorable] = -1;
    }
}
