//! What an error code of a coordinator means to a transaction, as data. Codes that the table lacks
//! are final, and to EndTxn they leave the outcome open.
//!
//! Sources: Java's `TransactionManager`, read as rules; KIP-360, KIP-890, KIP-1050.

use crate::wire::ErrorCode;

/// What the machine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionAction {
    /// Ask the same coordinator again later.
    Retry,
    /// Find the coordinator again, then repeat.
    Rediscover,
    /// The transaction can only be aborted; the producer goes on after that.
    Abort,
    /// Another producer has the id, or the broker has aborted by time-out: this producer is done.
    Fenced,
    /// This producer is done.
    Fail,
}

macro_rules! rows {
    ($($code:ident $action:ident;)+) => {
        &[$((ErrorCode::$code, TransactionAction::$action)),+]
    };
}

/// The table.
#[rustfmt::skip]
pub static ROWS: &[(ErrorCode, TransactionAction)] = rows! {
    UNKNOWN_TOPIC_OR_PARTITION            Retry;
    LEADER_NOT_AVAILABLE                  Retry;
    REQUEST_TIMED_OUT                     Rediscover;
    NETWORK_EXCEPTION                     Rediscover;
    COORDINATOR_LOAD_IN_PROGRESS          Retry;
    COORDINATOR_NOT_AVAILABLE             Rediscover;
    NOT_COORDINATOR                       Rediscover;
    NOT_ENOUGH_REPLICAS                   Retry;
    NOT_ENOUGH_REPLICAS_AFTER_APPEND      Retry;
    KAFKA_STORAGE_ERROR                   Retry;
    CONCURRENT_TRANSACTIONS               Retry;
    OPERATION_NOT_ATTEMPTED               Retry;
    THROTTLING_QUOTA_EXCEEDED             Retry;
    OFFSET_METADATA_TOO_LARGE             Abort;
    INVALID_COMMIT_OFFSET_SIZE            Abort;
    ILLEGAL_GENERATION                    Abort;
    UNKNOWN_MEMBER_ID                     Abort;
    FENCED_INSTANCE_ID                    Abort;
    REBALANCE_IN_PROGRESS                 Abort;
    STALE_MEMBER_EPOCH                    Abort;
    FENCED_MEMBER_EPOCH                   Abort;
    TOPIC_AUTHORIZATION_FAILED            Abort;
    GROUP_AUTHORIZATION_FAILED            Abort;
    UNKNOWN_PRODUCER_ID                   Abort;
    TRANSACTION_ABORTABLE                 Abort;
    INVALID_PRODUCER_EPOCH                Fenced;
    INVALID_TXN_STATE                     Fenced;
    INVALID_PRODUCER_ID_MAPPING           Fenced;
    PRODUCER_FENCED                       Fenced;
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED Fail;
    CLUSTER_AUTHORIZATION_FAILED          Fail;
    INVALID_TRANSACTION_TIMEOUT           Fail;
    UNSUPPORTED_VERSION                   Fail;
    INVALID_REQUEST                       Fail;
};

/// The row of a code, if the table has it.
pub fn known(code: ErrorCode) -> Option<TransactionAction> {
    ROWS.iter().find(|row| row.0 == code).map(|row| row.1)
}

/// The row of a code; codes that the table lacks are final.
pub fn action(code: ErrorCode) -> TransactionAction {
    known(code).unwrap_or(TransactionAction::Fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_one_row() {
        for (i, row) in ROWS.iter().enumerate() {
            assert!(ROWS[..i].iter().all(|other| other.0 != row.0), "{:?}", row.0);
        }
    }

    #[test]
    fn what_is_retried_here_is_retried_by_java_or_means_a_part_was_not_tried() {
        for (code, action) in ROWS {
            if matches!(action, TransactionAction::Retry | TransactionAction::Rediscover) {
                let untried = *code == ErrorCode::OPERATION_NOT_ATTEMPTED;
                assert!(code.is_retriable() || untried, "{code:?}");
            }
        }
    }

    #[test]
    fn unknown_codes_are_final() {
        assert_eq!(action(ErrorCode(30_000)), TransactionAction::Fail);
        assert_eq!(known(ErrorCode(30_000)), None);
    }
}
