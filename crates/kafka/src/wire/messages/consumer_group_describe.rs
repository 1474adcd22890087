//! ConsumerGroupDescribe (69): the members of a group of the consumer protocol (KIP-848); with the protocol of each from
//! version 1 on (KIP-1099).

use crate::wire::table::messages;
use crate::wire::uuid::Uuid;

messages! {
    api ConsumerGroupDescribe { key: 69, versions: 0..=1, flexible_from: 0, ConsumerGroupDescribeRequest => ConsumerGroupDescribeResponse }

    struct ConsumerGroupDescribeRequest {
        group_ids: Vec<String> [0+];
        include_authorized_operations: bool [0+];
    }

    struct ConsumerGroupDescribeResponse {
        throttle_time_ms: i32 [0+];
        groups: Vec<DescribedGroup> [0+];
    }

    struct DescribedGroup {
        error_code: i16 [0+];
        error_message: Option<String> [0+, null 0+] = None;
        group_id: String [0+];
        group_state: String [0+];
        group_epoch: i32 [0+];
        assignment_epoch: i32 [0+];
        assignor_name: String [0+];
        members: Vec<Member> [0+];
        authorized_operations: i32 [0+] = i32::MIN;
    }

    struct Member {
        member_id: String [0+];
        instance_id: Option<String> [0+, null 0+] = None;
        rack_id: Option<String> [0+, null 0+] = None;
        member_epoch: i32 [0+];
        client_id: String [0+];
        client_host: String [0+];
        subscribed_topic_names: Vec<String> [0+];
        subscribed_topic_regex: Option<String> [0+, null 0+] = None;
        assignment: Assignment [0+];
        target_assignment: Assignment [0+];
        member_type: i8 [1+, ignorable] = -1;
    }

    struct Assignment {
        topic_partitions: Vec<TopicPartitions> [0+];
    }

    struct TopicPartitions {
        topic_id: Uuid [0+];
        topic_name: String [0+];
        partitions: Vec<i32> [0+];
    }
}
