//! ConsumerGroupHeartbeat (68): everything that a member of a group says and hears under the consumer protocol (KIP-848).
//! From version 1 on it makes its own id (KIP-1082).

use crate::wire::table::{messages, nullable};
use crate::wire::uuid::Uuid;

messages! {
    api ConsumerGroupHeartbeat { key: 68, versions: 0..=1, flexible_from: 0, ConsumerGroupHeartbeatRequest => ConsumerGroupHeartbeatResponse }

    struct ConsumerGroupHeartbeatRequest {
        group_id: String [0+];
        member_id: String [0+];
        member_epoch: i32 [0+];
        instance_id: Option<String> [0+, null 0+] = None;
        rack_id: Option<String> [0+, null 0+] = None;
        rebalance_timeout_ms: i32 [0+] = -1;
        subscribed_topic_names: Option<Vec<String>> [0+, null 0+] = None;
        subscribed_topic_regex: Option<String> [1+, null 1+] = None;
        server_assignor: Option<String> [0+, null 0+] = None;
        topic_partitions: Option<Vec<TopicPartitions>> [0+, null 0+] = None;
    }

    struct TopicPartitions {
        topic_id: Uuid [0+];
        partitions: Vec<i32> [0+];
    }

    struct ConsumerGroupHeartbeatResponse {
        throttle_time_ms: i32 [0+];
        error_code: i16 [0+];
        error_message: Option<String> [0+, null 0+] = None;
        member_id: Option<String> [0+, null 0+] = None;
        member_epoch: i32 [0+];
        heartbeat_interval_ms: i32 [0+];
        assignment: Option<Assignment> [0+, null 0+] = None;
    }

    struct Assignment {
        topic_partitions: Vec<TopicPartitions> [0+];
    }
}

nullable!(Assignment);
