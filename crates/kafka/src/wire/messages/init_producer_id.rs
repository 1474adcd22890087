//! InitProducerId (22): a producer id and epoch. Version 6 (two-phase commit, KIP-939) is
//! unstable in Kafka 4.4 and left out.

use crate::wire::table::messages;

messages! {
    api InitProducerId { key: 22, versions: 0..=5, flexible_from: 2, InitProducerIdRequest => InitProducerIdResponse }

    struct InitProducerIdRequest {
        transactional_id: Option<String> [0+, null 0+];
        transaction_timeout_ms: i32 [0+];
        producer_id: i64 [3+] = -1;
        producer_epoch: i16 [3+] = -1;
        enable2_pc: bool [6+];
        keep_prepared_txn: bool [6+];
    }

    struct InitProducerIdResponse {
        throttle_time_ms: i32 [0+, ignorable];
        error_code: i16 [0+];
        producer_id: i64 [0+] = -1;
        producer_epoch: i16 [0+];
        ongoing_txn_producer_id: i64 [6+] = -1;
        ongoing_txn_producer_epoch: i16 [6+] = -1;
    }
}
