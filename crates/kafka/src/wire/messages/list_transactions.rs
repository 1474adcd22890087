//! ListTransactions (66): the transactional ids that a coordinator knows (KIP-664), filtered by
//! age from version 1 (KIP-994) and by pattern from version 2 (KIP-1152).

use crate::wire::table::messages;

messages! {
    api ListTransactions { key: 66, versions: 0..=2, flexible_from: 0, ListTransactionsRequest => ListTransactionsResponse }

    struct ListTransactionsRequest {
        state_filters: Vec<String> [0+];
        producer_id_filters: Vec<i64> [0+];
        duration_filter: i64 [1+] = -1;
        transactional_id_pattern: Option<String> [2+, null 2+] = None;
    }

    struct ListTransactionsResponse {
        throttle_time_ms: i32 [0+];
        error_code: i16 [0+];
        unknown_state_filters: Vec<String> [0+];
        transaction_states: Vec<TransactionState> [0+];
    }

    struct TransactionState {
        transactional_id: String [0+];
        producer_id: i64 [0+];
        transaction_state: String [0+];
    }
}
