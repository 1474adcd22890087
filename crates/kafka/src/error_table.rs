//! What an error code means to each state machine, as data. A code that a column does not name
//! ends what was being done: unknown codes are never retried.
//!
//! Sources: Java's `Sender`, `TransactionManager`, `FetchCollector`, `OffsetFetcherUtils` and
//! `ConsumerCoordinator`, read as rules; KIP-98, KIP-227, KIP-320, KIP-360, KIP-516.

use crate::wire::ErrorCode;

/// What the producer does with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProduceAction {
    /// The batch is in the log already: success with an unknown offset.
    Duplicate,
    /// Not written: refresh metadata, send again.
    Refresh,
    /// Not written: send again later.
    Retry,
    /// Perhaps written: send the same bytes again, which the broker recognises.
    Unknown,
    /// Too large as a whole: two halves, or failure of a single record.
    Split,
    /// The broker's idea of sequences differs: decided by the place of the batch in its partition.
    Sequence,
    /// Failure of the batch.
    Fail,
    /// Failure of everything that this producer has.
    FailAll,
}

/// What the consumer does with a partition, or with the session that the answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchAction {
    /// Refresh metadata, keep the position, ask again.
    Refresh,
    /// Ask the same broker again later: it is behind us.
    Retry,
    /// Open a new fetch session.
    NewSession,
    /// Open a new fetch session and refresh metadata.
    NewSessionRefresh,
    /// Learn the range of the log and report.
    OutOfRange,
    /// Report damaged data.
    Corrupt,
    /// Report.
    Fail,
}

/// What a call to a coordinator or controller does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoordinatorAction {
    /// Ask the same broker again later.
    Retry,
    /// Find the coordinator or controller again, then repeat.
    Rediscover,
    /// Report.
    Fail,
}

/// One row: a code and the three columns.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The code.
    pub code: ErrorCode,
    /// For an answer to Produce and `InitProducerId`.
    pub produce: ProduceAction,
    /// For an answer to Fetch and `ListOffsets`.
    pub fetch: FetchAction,
    /// For an answer of a group coordinator or the controller.
    pub coordinator: CoordinatorAction,
}

macro_rules! rows {
    ($($code:ident $produce:ident $fetch:ident $coordinator:ident;)+) => {
        &[$(Row {
            code: ErrorCode::$code,
            produce: ProduceAction::$produce,
            fetch: FetchAction::$fetch,
            coordinator: CoordinatorAction::$coordinator,
        }),+]
    };
}

/// The table. Codes that it lacks fail everywhere.
#[rustfmt::skip]
pub static ROWS: &[Row] = rows! {
    // code                              produce    fetch              coordinator
    UNKNOWN_SERVER_ERROR                 Fail       Retry              Fail;
    OFFSET_OUT_OF_RANGE                  Fail       OutOfRange         Fail;
    CORRUPT_MESSAGE                      Retry      Corrupt            Fail;
    UNKNOWN_TOPIC_OR_PARTITION           Refresh    Refresh            Retry;
    LEADER_NOT_AVAILABLE                 Refresh    Refresh            Retry;
    NOT_LEADER_OR_FOLLOWER               Refresh    Refresh            Fail;
    REQUEST_TIMED_OUT                    Unknown    Retry              Rediscover;
    BROKER_NOT_AVAILABLE                 Refresh    Refresh            Rediscover;
    REPLICA_NOT_AVAILABLE                Refresh    Refresh            Fail;
    MESSAGE_TOO_LARGE                    Split      Fail               Fail;
    NETWORK_EXCEPTION                    Unknown    Refresh            Rediscover;
    COORDINATOR_LOAD_IN_PROGRESS         Retry      Fail               Retry;
    COORDINATOR_NOT_AVAILABLE            Retry      Fail               Rediscover;
    NOT_COORDINATOR                      Retry      Fail               Rediscover;
    RECORD_LIST_TOO_LARGE                Split      Fail               Fail;
    NOT_ENOUGH_REPLICAS                  Retry      Retry              Retry;
    NOT_ENOUGH_REPLICAS_AFTER_APPEND     Unknown    Retry              Retry;
    CLUSTER_AUTHORIZATION_FAILED         FailAll    Fail               Fail;
    NOT_CONTROLLER                       Fail       Fail               Rediscover;
    OUT_OF_ORDER_SEQUENCE_NUMBER         Sequence   Fail               Fail;
    DUPLICATE_SEQUENCE_NUMBER            Duplicate  Fail               Fail;
    INVALID_PRODUCER_EPOCH               Sequence   Fail               Fail;
    CONCURRENT_TRANSACTIONS              Retry      Fail               Retry;
    KAFKA_STORAGE_ERROR                  Refresh    Refresh            Retry;
    UNKNOWN_PRODUCER_ID                  Sequence   Fail               Fail;
    FETCH_SESSION_ID_NOT_FOUND           Fail       NewSession         Fail;
    INVALID_FETCH_SESSION_EPOCH          Fail       NewSession         Fail;
    LISTENER_NOT_FOUND                   Refresh    Refresh            Fail;
    FENCED_LEADER_EPOCH                  Refresh    Refresh            Fail;
    UNKNOWN_LEADER_EPOCH                 Retry      Retry              Fail;
    OFFSET_NOT_AVAILABLE                 Retry      Refresh            Fail;
    UNSTABLE_OFFSET_COMMIT               Fail       Fail               Retry;
    THROTTLING_QUOTA_EXCEEDED            Retry      Retry              Retry;
    PRODUCER_FENCED                      FailAll    Fail               Fail;
    UNKNOWN_TOPIC_ID                     Refresh    Refresh            Fail;
    INCONSISTENT_TOPIC_ID                Refresh    Refresh            Fail;
    FETCH_SESSION_TOPIC_ID_ERROR         Fail       NewSessionRefresh  Fail;
};

fn row(code: ErrorCode) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.code == code)
}

/// The first column of the table.
pub fn produce(code: ErrorCode) -> ProduceAction {
    row(code).map_or(ProduceAction::Fail, |row| row.produce)
}

/// The second column of the table.
pub fn fetch(code: ErrorCode) -> FetchAction {
    row(code).map_or(FetchAction::Fail, |row| row.fetch)
}

/// The third column of the table.
pub fn coordinator(code: ErrorCode) -> CoordinatorAction {
    row(code).map_or(CoordinatorAction::Fail, |row| row.coordinator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_one_row() {
        for (i, row) in ROWS.iter().enumerate() {
            assert!(ROWS[..i].iter().all(|other| other.code != row.code), "{:?}", row.code);
        }
    }

    #[test]
    fn what_java_retries_is_retried_by_some_machine() {
        // Codes of APIs that this client does not call.
        let elsewhere = [80, 83, 84, 122, 123, 133];
        for code in (-1..200).map(ErrorCode).filter(|code| code.is_retriable()) {
            let known = row(code).is_some() || elsewhere.contains(&code.0);
            assert!(known, "{code:?} is retriable and has no row");
        }
    }

    #[test]
    fn unknown_codes_fail() {
        let code = ErrorCode(30_000);
        assert_eq!(produce(code), ProduceAction::Fail);
        assert_eq!(fetch(code), FetchAction::Fail);
        assert_eq!(coordinator(code), CoordinatorAction::Fail);
    }
}
