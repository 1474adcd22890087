//! SyncGroup (14): the leader of a generation says who gets what, and every member hears its part.

use bytes::Bytes;

use crate::wire::table::messages;

messages! {
    api SyncGroup { key: 14, versions: 0..=5, flexible_from: 4, SyncGroupRequest => SyncGroupResponse }

    struct SyncGroupRequest {
        group_id: String [0+];
        generation_id: i32 [0+];
        member_id: String [0+];
        group_instance_id: Option<String> [3+, null 3+] = None;
        protocol_type: Option<String> [5+, null 5+, ignorable] = None;
        protocol_name: Option<String> [5+, null 5+, ignorable] = None;
        assignments: Vec<SyncGroupRequestAssignment> [0+];
    }

    struct SyncGroupRequestAssignment {
        member_id: String [0+];
        assignment: Bytes [0+];
    }

    struct SyncGroupResponse {
        throttle_time_ms: i32 [1+, ignorable];
        error_code: i16 [0+];
        protocol_type: Option<String> [5+, null 5+, ignorable] = None;
        protocol_name: Option<String> [5+, null 5+, ignorable] = None;
        assignment: Bytes [0+];
    }
}
