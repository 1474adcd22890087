//! JoinGroup (11): a member of a classic consumer group asks for the next generation; with a lasting name from version 5
//! (KIP-345).

use bytes::Bytes;

use crate::wire::table::messages;

messages! {
    api JoinGroup { key: 11, versions: 0..=9, flexible_from: 6, JoinGroupRequest => JoinGroupResponse }

    struct JoinGroupRequest {
        group_id: String [0+];
        session_timeout_ms: i32 [0+];
        rebalance_timeout_ms: i32 [1+, ignorable] = -1;
        member_id: String [0+];
        group_instance_id: Option<String> [5+, null 5+] = None;
        protocol_type: String [0+];
        protocols: Vec<JoinGroupRequestProtocol> [0+];
        reason: Option<String> [8+, null 8+, ignorable] = None;
    }

    struct JoinGroupRequestProtocol {
        name: String [0+];
        metadata: Bytes [0+];
    }

    struct JoinGroupResponse {
        throttle_time_ms: i32 [2+, ignorable];
        error_code: i16 [0+];
        generation_id: i32 [0+] = -1;
        protocol_type: Option<String> [7+, null 7+, ignorable] = None;
        protocol_name: Option<String> [0+, null 7+] = Some(String::new());
        leader: String [0+];
        skip_assignment: bool [9+];
        member_id: String [0+];
        members: Vec<JoinGroupResponseMember> [0+];
    }

    struct JoinGroupResponseMember {
        member_id: String [0+];
        group_instance_id: Option<String> [5+, null 5+, ignorable] = None;
        metadata: Bytes [0+];
    }
}
