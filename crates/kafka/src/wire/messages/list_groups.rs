//! ListGroups (16): the groups that a coordinator knows; with their states from version 4
//! (KIP-518), with their types from version 5 (KIP-848).

use crate::wire::table::messages;

messages! {
    api ListGroups { key: 16, versions: 0..=5, flexible_from: 3, ListGroupsRequest => ListGroupsResponse }

    struct ListGroupsRequest {
        states_filter: Vec<String> [4+];
        types_filter: Vec<String> [5+];
    }

    struct ListGroupsResponse {
        throttle_time_ms: i32 [1+, ignorable];
        error_code: i16 [0+];
        groups: Vec<ListedGroup> [0+];
    }

    struct ListedGroup {
        group_id: String [0+];
        protocol_type: String [0+];
        group_state: String [4+, ignorable];
        group_type: String [5+, ignorable];
    }
}
