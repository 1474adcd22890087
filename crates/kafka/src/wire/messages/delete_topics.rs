//! DeleteTopics (20): removes topics by name or, from version 6, by id.

use crate::wire::table::messages;
use crate::wire::uuid::Uuid;

messages! {
    api DeleteTopics { key: 20, versions: 0..=6, flexible_from: 4, DeleteTopicsRequest => DeleteTopicsResponse }

    struct DeleteTopicsRequest {
        topics: Vec<DeleteTopicState> [6+];
        topic_names: Vec<String> [0-5, ignorable];
        timeout_ms: i32 [0+];
    }

    struct DeleteTopicState {
        name: Option<String> [6+, null 6+] = None;
        topic_id: Uuid [6+];
    }

    struct DeleteTopicsResponse {
        throttle_time_ms: i32 [1+, ignorable];
        responses: Vec<DeletableTopicResult> [0+];
    }

    struct DeletableTopicResult {
        name: Option<String> [0+, null 6+];
        topic_id: Uuid [6+, ignorable];
        error_code: i16 [0+];
        error_message: Option<String> [5+, null 5+, ignorable] = None;
    }
}
