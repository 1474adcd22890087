//! Every error code of the Kafka protocol, in one table.
//!
//! Codes and names are those of Kafka 4.4; "retry" says that Java's client classes the error as
//! retriable (its exception extends `RetriableException`), not that each request should be
//! repeated: what an error means for a state machine is that machine's own table.

use std::fmt;

/// An error code as it stands in a response.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub i16);

/// One row of the table.
#[derive(Clone, Copy, Debug)]
struct Row {
    code: i16,
    name: &'static str,
    retriable: bool,
    text: &'static str,
}

macro_rules! codes {
    (@ retry) => { true };
    (@ fail) => { false };
    ($($code:literal $name:ident $retry:ident $text:literal;)+) => {
        #[allow(missing_docs, reason = "the table has a text for each")]
        impl ErrorCode {
            $( pub const $name: Self = Self($code); )+

            /// Every code of the table, rising.
            pub const ALL: &[Self] = &[$( Self::$name ),+];
        }

        /// Rising codes without a gap, from -1.
        const TABLE: &[Row] = &[$( Row {
            code: $code,
            name: stringify!($name),
            retriable: codes!(@ $retry),
            text: $text,
        } ),+];
    };
}

codes! {
      -1 UNKNOWN_SERVER_ERROR fail "The broker failed without naming a cause";
       0 NONE fail "Success";
       1 OFFSET_OUT_OF_RANGE fail "The offset is outside what the partition holds";
       2 CORRUPT_MESSAGE retry "The records failed their checksum or are otherwise damaged";
       3 UNKNOWN_TOPIC_OR_PARTITION retry "The broker does not host this topic or partition";
       4 INVALID_FETCH_SIZE fail "The fetch size is invalid";
       5 LEADER_NOT_AVAILABLE retry "The partition has no leader: an election is under way";
       6 NOT_LEADER_OR_FOLLOWER retry "The broker does not lead or follow this partition";
       7 REQUEST_TIMED_OUT retry "The broker did not finish in time; the outcome is unknown";
       8 BROKER_NOT_AVAILABLE fail "The broker is gone";
       9 REPLICA_NOT_AVAILABLE retry "The replica is not on this broker";
      10 MESSAGE_TOO_LARGE fail "The batch exceeds max.message.bytes of the topic";
      11 STALE_CONTROLLER_EPOCH fail "The controller was replaced";
      12 OFFSET_METADATA_TOO_LARGE fail "The metadata of a committed offset is too long";
      13 NETWORK_EXCEPTION retry "The connection broke before the answer";
      14 COORDINATOR_LOAD_IN_PROGRESS retry "The coordinator is still loading its state";
      15 COORDINATOR_NOT_AVAILABLE retry "The coordinator is not there yet";
      16 NOT_COORDINATOR retry "The broker does not coordinate this group or transaction";
      17 INVALID_TOPIC_EXCEPTION fail "The topic name is not legal, or the topic is internal";
      18 RECORD_LIST_TOO_LARGE fail "The batch exceeds the segment size of the broker";
      19 NOT_ENOUGH_REPLICAS retry "Fewer replicas are in sync than min.insync.replicas; nothing was written";
      20 NOT_ENOUGH_REPLICAS_AFTER_APPEND retry "Written, but to fewer replicas than min.insync.replicas";
      21 INVALID_REQUIRED_ACKS fail "acks must be -1, 0 or 1";
      22 ILLEGAL_GENERATION fail "The group has moved on to another generation";
      23 INCONSISTENT_GROUP_PROTOCOL fail "The member supports none of the protocols of the group";
      24 INVALID_GROUP_ID fail "The group id is not legal";
      25 UNKNOWN_MEMBER_ID fail "The coordinator does not know this member";
      26 INVALID_SESSION_TIMEOUT fail "The session timeout is outside what the broker allows";
      27 REBALANCE_IN_PROGRESS fail "The group is rebalancing";
      28 INVALID_COMMIT_OFFSET_SIZE fail "The committed offsets exceed the message size of the offsets topic";
      29 TOPIC_AUTHORIZATION_FAILED fail "No permission on the topic";
      30 GROUP_AUTHORIZATION_FAILED fail "No permission on the group";
      31 CLUSTER_AUTHORIZATION_FAILED fail "No permission on the cluster";
      32 INVALID_TIMESTAMP fail "A timestamp is outside what the topic allows";
      33 UNSUPPORTED_SASL_MECHANISM fail "The broker does not offer this SASL mechanism";
      34 ILLEGAL_SASL_STATE fail "The request is not allowed at this step of authentication";
      35 UNSUPPORTED_VERSION fail "The broker does not have this version of the API";
      36 TOPIC_ALREADY_EXISTS fail "The topic exists already";
      37 INVALID_PARTITIONS fail "The number of partitions is not legal";
      38 INVALID_REPLICATION_FACTOR fail "The replication factor is not legal or exceeds the number of brokers";
      39 INVALID_REPLICA_ASSIGNMENT fail "The replica assignment is not legal";
      40 INVALID_CONFIG fail "A configuration value is not legal";
      41 NOT_CONTROLLER retry "The broker is not the active controller";
      42 INVALID_REQUEST fail "The broker cannot make sense of the request";
      43 UNSUPPORTED_FOR_MESSAGE_FORMAT fail "The message format of the topic lacks what was asked for";
      44 POLICY_VIOLATION fail "The request violates a policy of the cluster";
      45 OUT_OF_ORDER_SEQUENCE_NUMBER fail "A batch is missing before this one";
      46 DUPLICATE_SEQUENCE_NUMBER fail "The batch has been written before";
      47 INVALID_PRODUCER_EPOCH fail "A newer producer with this transactional id exists";
      48 INVALID_TXN_STATE fail "The transaction is in a state that does not allow this";
      49 INVALID_PRODUCER_ID_MAPPING fail "The producer id does not belong to the transactional id";
      50 INVALID_TRANSACTION_TIMEOUT fail "The transaction timeout exceeds transaction.max.timeout.ms";
      51 CONCURRENT_TRANSACTIONS retry "The previous transaction of this producer is still being finished";
      52 TRANSACTION_COORDINATOR_FENCED fail "The transaction coordinator was replaced";
      53 TRANSACTIONAL_ID_AUTHORIZATION_FAILED fail "No permission on the transactional id";
      54 SECURITY_DISABLED fail "Security is switched off on the broker";
      55 OPERATION_NOT_ATTEMPTED fail "Not attempted: another part of the request failed";
      56 KAFKA_STORAGE_ERROR retry "A disk of the broker failed";
      57 LOG_DIR_NOT_FOUND fail "The log directory is not there";
      58 SASL_AUTHENTICATION_FAILED fail "Authentication failed";
      59 UNKNOWN_PRODUCER_ID fail "The broker has forgotten this producer, or never knew it";
      60 REASSIGNMENT_IN_PROGRESS fail "The partition is being reassigned";
      61 DELEGATION_TOKEN_AUTH_DISABLED fail "Delegation tokens are switched off";
      62 DELEGATION_TOKEN_NOT_FOUND fail "The delegation token is unknown";
      63 DELEGATION_TOKEN_OWNER_MISMATCH fail "The delegation token belongs to somebody else";
      64 DELEGATION_TOKEN_REQUEST_NOT_ALLOWED fail "Delegation tokens need an authenticated connection";
      65 DELEGATION_TOKEN_AUTHORIZATION_FAILED fail "No permission for delegation tokens";
      66 DELEGATION_TOKEN_EXPIRED fail "The delegation token has expired";
      67 INVALID_PRINCIPAL_TYPE fail "The kind of principal is not known";
      68 NON_EMPTY_GROUP fail "The group still has members";
      69 GROUP_ID_NOT_FOUND fail "The group does not exist";
      70 FETCH_SESSION_ID_NOT_FOUND retry "The broker has dropped the fetch session";
      71 INVALID_FETCH_SESSION_EPOCH retry "The epoch of the fetch session is out of step";
      72 LISTENER_NOT_FOUND retry "The leader has no listener of this name";
      73 TOPIC_DELETION_DISABLED fail "Topic deletion is switched off";
      74 FENCED_LEADER_EPOCH retry "The leader epoch of the request is older than the broker's";
      75 UNKNOWN_LEADER_EPOCH retry "The leader epoch of the request is newer than the broker's";
      76 UNSUPPORTED_COMPRESSION_TYPE fail "The broker cannot handle this compression in this version";
      77 STALE_BROKER_EPOCH fail "The broker epoch is outdated";
      78 OFFSET_NOT_AVAILABLE retry "The leader does not know its high watermark yet";
      79 MEMBER_ID_REQUIRED fail "The group wants the member to join again with the given id";
      80 PREFERRED_LEADER_NOT_AVAILABLE retry "The preferred leader is not there";
      81 GROUP_MAX_SIZE_REACHED fail "The group is full";
      82 FENCED_INSTANCE_ID fail "Another member took over this group.instance.id";
      83 ELIGIBLE_LEADERS_NOT_AVAILABLE retry "No eligible leader is there";
      84 ELECTION_NOT_NEEDED retry "The partition has its leader already";
      85 NO_REASSIGNMENT_IN_PROGRESS fail "No reassignment is under way";
      86 GROUP_SUBSCRIBED_TO_TOPIC fail "The group is subscribed to the topic";
      87 INVALID_RECORD fail "The broker's validation refused a record";
      88 UNSTABLE_OFFSET_COMMIT retry "Offsets of an open transaction hide the committed ones";
      89 THROTTLING_QUOTA_EXCEEDED retry "A quota is used up";
      90 PRODUCER_FENCED fail "A newer producer with this transactional id took over";
      91 RESOURCE_NOT_FOUND fail "The resource does not exist";
      92 DUPLICATE_RESOURCE fail "The resource exists already or is named twice";
      93 UNACCEPTABLE_CREDENTIAL fail "The credential is not acceptable";
      94 INCONSISTENT_VOTER_SET fail "The two sides disagree about the voters";
      95 INVALID_UPDATE_VERSION fail "The feature version is not legal";
      96 FEATURE_UPDATE_FAILED fail "The features could not be updated";
      97 PRINCIPAL_DESERIALIZATION_FAILURE fail "A forwarded principal could not be read";
      98 SNAPSHOT_NOT_FOUND fail "The snapshot does not exist";
      99 POSITION_OUT_OF_RANGE fail "The position is outside the snapshot";
     100 UNKNOWN_TOPIC_ID retry "The broker does not know this topic id";
     101 DUPLICATE_BROKER_REGISTRATION fail "Another broker has registered this id";
     102 BROKER_ID_NOT_REGISTERED fail "The broker is not registered";
     103 INCONSISTENT_TOPIC_ID retry "The topic id does not match the log of the broker";
     104 INCONSISTENT_CLUSTER_ID fail "The cluster id is another";
     105 TRANSACTIONAL_ID_NOT_FOUND fail "The transactional id does not exist";
     106 FETCH_SESSION_TOPIC_ID_ERROR retry "The topic ids of the fetch session have changed";
     107 INELIGIBLE_REPLICA fail "The replica may not become in-sync";
     108 NEW_LEADER_ELECTED fail "A new leader was elected meanwhile";
     109 OFFSET_MOVED_TO_TIERED_STORAGE fail "The offset is in tiered storage only";
     110 FENCED_MEMBER_EPOCH fail "The coordinator has fenced the member: its epoch is old";
     111 UNRELEASED_INSTANCE_ID fail "The instance id is still taken by another member";
     112 UNSUPPORTED_ASSIGNOR fail "The group does not support this assignor";
     113 STALE_MEMBER_EPOCH fail "The member epoch is old";
     114 MISMATCHED_ENDPOINT_TYPE fail "The request went to the wrong kind of endpoint";
     115 UNSUPPORTED_ENDPOINT_TYPE fail "This kind of endpoint is not known here";
     116 UNKNOWN_CONTROLLER_ID fail "The controller id is not known";
     117 UNKNOWN_SUBSCRIPTION_ID fail "The telemetry subscription has changed";
     118 TELEMETRY_TOO_LARGE fail "The telemetry exceeds what the broker takes";
     119 INVALID_REGISTRATION fail "The controller refused the registration";
     120 TRANSACTION_ABORTABLE fail "The transaction can only be aborted";
     121 INVALID_RECORD_STATE fail "The share record is in a state that does not allow this";
     122 SHARE_SESSION_NOT_FOUND retry "The broker has dropped the share session";
     123 INVALID_SHARE_SESSION_EPOCH retry "The epoch of the share session is out of step";
     124 FENCED_STATE_EPOCH fail "The state epoch is old";
     125 INVALID_VOTER_KEY fail "The voter key does not match";
     126 DUPLICATE_VOTER fail "The voter exists already";
     127 VOTER_NOT_FOUND fail "The voter does not exist";
     128 INVALID_REGULAR_EXPRESSION fail "The regular expression is not valid";
     129 REBOOTSTRAP_REQUIRED fail "The metadata of the client is too old: start again from the bootstrap servers";
     130 STREAMS_INVALID_TOPOLOGY fail "The topology of the streams group is not valid";
     131 STREAMS_INVALID_TOPOLOGY_EPOCH fail "The topology epoch of the streams group is not valid";
     132 STREAMS_TOPOLOGY_FENCED fail "The topology epoch of the streams member is old";
     133 SHARE_SESSION_LIMIT_REACHED retry "The broker has too many share sessions";
     134 GROUP_DELETION_FAILED fail "The group could not be deleted";
     135 STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED fail "The description of the streams topology could not be stored";
     136 CONTROLLER_ID_NOT_REGISTERED fail "The controller is not registered";
}

impl ErrorCode {
    fn row(self) -> Option<&'static Row> {
        let index = usize::try_from(i32::from(self.0).saturating_add(1)).ok()?;
        TABLE.get(index).filter(|row| row.code == self.0)
    }

    /// Kafka's name; `UNKNOWN` for a code that the table lacks.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().map_or("UNKNOWN", |row| row.name)
    }

    /// What it means, in a short sentence without a full stop.
    #[must_use]
    pub fn text(self) -> &'static str {
        self.row().map_or("The code is newer than this client", |row| row.text)
    }

    /// Whether Java's client would retry; an unknown code is not retriable.
    #[must_use]
    pub fn is_retriable(self) -> bool {
        self.row().is_some_and(|row| row.retriable)
    }

    /// Whether this is [`ErrorCode::NONE`].
    #[must_use]
    pub fn is_ok(self) -> bool {
        self == Self::NONE
    }

    /// `Err` unless this is [`ErrorCode::NONE`].
    ///
    /// # Errors
    /// Itself.
    pub fn check(self) -> Result<(), Self> {
        if self.is_ok() { Ok(()) } else { Err(self) }
    }
}

impl From<i16> for ErrorCode {
    fn from(code: i16) -> Self {
        Self(code)
    }
}

/// `NAME (code): text`.
impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.name(), self.0, self.text())
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.0)
    }
}

impl std::error::Error for ErrorCode {}

#[cfg(test)]
mod tests {
    use super::{ErrorCode, TABLE};

    #[test]
    fn codes_rise_without_a_gap() {
        for (row, code) in TABLE.iter().zip(-1..) {
            assert_eq!(row.code, code, "{}", row.name);
            assert_eq!(ErrorCode(code).name(), row.name);
        }
    }

    #[test]
    fn codes_outside_the_table_are_final() {
        for code in [i16::MIN, -2, TABLE.len() as i16, i16::MAX] {
            assert_eq!(ErrorCode(code).name(), "UNKNOWN");
            assert!(!ErrorCode(code).is_retriable());
        }
        assert!(ErrorCode::NOT_LEADER_OR_FOLLOWER.is_retriable());
        assert!(!ErrorCode::NONE.is_retriable());
    }

    #[test]
    fn prints_name_code_and_text() {
        assert_eq!(
            ErrorCode::TOPIC_AUTHORIZATION_FAILED.to_string(),
            "TOPIC_AUTHORIZATION_FAILED (29): No permission on the topic"
        );
    }
}
