//! LeaveGroup (13): members leave a classic group; several at once from version 3 (KIP-345).

use crate::wire::table::messages;

messages! {
    api LeaveGroup { key: 13, versions: 0..=5, flexible_from: 4, LeaveGroupRequest => LeaveGroupResponse }

    struct LeaveGroupRequest {
        group_id: String [0+];
        member_id: String [0-2];
        members: Vec<MemberIdentity> [3+];
    }

    struct MemberIdentity {
        member_id: String [3+];
        group_instance_id: Option<String> [3+, null 3+] = None;
        reason: Option<String> [5+, null 5+, ignorable] = None;
    }

    struct LeaveGroupResponse {
        throttle_time_ms: i32 [1+, ignorable];
        error_code: i16 [0+];
        members: Vec<MemberResponse> [3+];
    }

    struct MemberResponse {
        member_id: String [3+];
        group_instance_id: Option<String> [3+, null 3+];
        error_code: i16 [3+];
    }
}
