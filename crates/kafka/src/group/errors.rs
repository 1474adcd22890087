//! What an error code means to a member of a group, as data. A code that the table lacks ends the membership: unknown
//! codes are never retried.
//!
//! Sources: Java's `AbstractCoordinator` (the handlers of JoinGroup, SyncGroup and Heartbeat) and
//! `AbstractHeartbeatRequestManager` (of ConsumerGroupHeartbeat), read as rules.

use crate::wire::ErrorCode;

/// What a member does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberAction {
    /// Ask the same coordinator again later.
    Retry,
    /// Find the coordinator again, then repeat.
    Rediscover,
    /// The id that the answer holds is the member's: join with it (KIP-394).
    TakeId,
    /// The group has begun another generation: what the member holds is to be given up, then it joins again.
    Rebalance,
    /// The generation is over; join again under the same id.
    Rejoin,
    /// The group does not know the member any more; join as a new one.
    Reset,
    /// Another process has the member's lasting name, or had it and was killed: ask until its session must be over.
    Wait,
    /// The membership is over.
    Fail,
}

/// One row: a code and what it means in the answer to each request.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The code.
    pub code: ErrorCode,
    /// In an answer to JoinGroup.
    pub join: MemberAction,
    /// To SyncGroup.
    pub sync: MemberAction,
    /// To Heartbeat.
    pub heartbeat: MemberAction,
}

macro_rules! rows {
    ($($code:ident $join:ident $sync:ident $heartbeat:ident;)+) => {
        &[$(Row {
            code: ErrorCode::$code,
            join: MemberAction::$join,
            sync: MemberAction::$sync,
            heartbeat: MemberAction::$heartbeat,
        }),+]
    };
}

/// The table.
#[rustfmt::skip]
pub static ROWS: &[Row] = rows! {
    // code                        join        sync        heartbeat
    REQUEST_TIMED_OUT              Rediscover  Rediscover  Rediscover;
    NETWORK_EXCEPTION              Rediscover  Rediscover  Rediscover;
    COORDINATOR_LOAD_IN_PROGRESS   Retry       Rejoin      Retry;
    COORDINATOR_NOT_AVAILABLE      Rediscover  Rediscover  Rediscover;
    NOT_COORDINATOR                Rediscover  Rediscover  Rediscover;
    ILLEGAL_GENERATION             Reset       Rejoin      Rejoin;
    UNKNOWN_MEMBER_ID              Reset       Reset       Reset;
    REBALANCE_IN_PROGRESS          Retry       Rejoin      Rebalance;
    MEMBER_ID_REQUIRED             TakeId      Fail        Fail;
};

/// The table of ConsumerGroupHeartbeat. An assignor that the broker lacks does not come by waiting.
#[rustfmt::skip]
pub static CONSUMER_ROWS: &[(ErrorCode, MemberAction)] = &[
    (ErrorCode::REQUEST_TIMED_OUT,            MemberAction::Rediscover),
    (ErrorCode::NETWORK_EXCEPTION,            MemberAction::Rediscover),
    (ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, MemberAction::Retry),
    (ErrorCode::COORDINATOR_NOT_AVAILABLE,    MemberAction::Rediscover),
    (ErrorCode::NOT_COORDINATOR,              MemberAction::Rediscover),
    (ErrorCode::UNKNOWN_MEMBER_ID,            MemberAction::Reset),
    (ErrorCode::FENCED_MEMBER_EPOCH,          MemberAction::Reset),
    // The group was empty, and deleted. One that joins makes it: then another kind of group has its name.
    (ErrorCode::GROUP_ID_NOT_FOUND,           MemberAction::Reset),
    (ErrorCode::UNSUPPORTED_ASSIGNOR,         MemberAction::Fail),
    (ErrorCode::UNRELEASED_INSTANCE_ID,       MemberAction::Wait),
    (ErrorCode::FENCED_INSTANCE_ID,           MemberAction::Fail),
    (ErrorCode::GROUP_MAX_SIZE_REACHED,       MemberAction::Fail),
    (ErrorCode::INVALID_REQUEST,              MemberAction::Fail),
    (ErrorCode::UNSUPPORTED_VERSION,          MemberAction::Fail),
    (ErrorCode::GROUP_AUTHORIZATION_FAILED,   MemberAction::Fail),
    (ErrorCode::TOPIC_AUTHORIZATION_FAILED,   MemberAction::Fail),
];

/// The row of a code, if the table has it.
fn row(code: ErrorCode) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.code == code)
}

/// The column of JoinGroup.
pub(super) fn join(code: ErrorCode) -> MemberAction {
    row(code).map_or(MemberAction::Fail, |row| row.join)
}

/// The column of SyncGroup.
pub(super) fn sync(code: ErrorCode) -> MemberAction {
    row(code).map_or(MemberAction::Fail, |row| row.sync)
}

/// The column of Heartbeat.
pub(super) fn heartbeat(code: ErrorCode) -> MemberAction {
    row(code).map_or(MemberAction::Fail, |row| row.heartbeat)
}

/// The table of ConsumerGroupHeartbeat, for a member that the group counts in or that `joins` it.
pub(super) fn consumer(code: ErrorCode, joins: bool) -> MemberAction {
    if joins && code == ErrorCode::GROUP_ID_NOT_FOUND {
        return MemberAction::Fail;
    }
    let row = CONSUMER_ROWS.iter().find(|row| row.0 == code);
    row.map_or(MemberAction::Fail, |row| row.1)
}
