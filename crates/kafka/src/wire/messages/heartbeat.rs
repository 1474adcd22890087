//! Heartbeat (12): keeps a member of a classic group in it, and tells it that the group rebalances.

use crate::wire::table::messages;

messages! {
    api Heartbeat { key: 12, versions: 0..=4, flexible_from: 4, HeartbeatRequest => HeartbeatResponse }

    struct HeartbeatRequest {
        group_id: String [0+];
        generation_id: i32 [0+];
        member_id: String [0+];
        group_instance_id: Option<String> [3+, null 3+] = None;
    }

    struct HeartbeatResponse {
        throttle_time_ms: i32 [1+, ignorable];
        error_code: i16 [0+];
    }
}
