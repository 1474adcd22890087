//! ListOffsets, OffsetForLeaderEpoch, DeleteRecords.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::{
    DeleteRecordsRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest,
};

use crate::client::{Client, batch_of, topic};

/// Error, timestamp and offset for a timestamp in partition 0 of `t`.
fn list(client: &mut Client, version: i16, timestamp: i64) -> (i16, i64, i64) {
    let partition = ListOffsetsPartition::default().with_timestamp(timestamp);
    let asked = ListOffsetsTopic::default().with_name(topic("t")).with_partitions(vec![partition]);
    let response = client.call(version, &ListOffsetsRequest::default().with_topics(vec![asked]));
    let partition = &response.topics[0].partitions[0];
    (partition.error_code, partition.timestamp, partition.offset)
}

fn delete_records(client: &mut Client, offset: i64) -> (i16, i64) {
    let partition = DeleteRecordsPartition::default().with_offset(offset);
    let asked =
        DeleteRecordsTopic::default().with_name(topic("t")).with_partitions(vec![partition]);
    let response = client.call(2, &DeleteRecordsRequest::default().with_topics(vec![asked]));
    let partition = &response.topics[0].partitions[0];
    (partition.error_code, partition.low_watermark)
}

#[test]
fn offsets_by_position_and_by_time() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    assert_eq!(list(&mut client, 7, -3), (0, -1, -1), "no record, no highest timestamp");
    client.produce("t", batch_of((-1, -1, -1), &[100, 300, 200], b"v"));
    client.produce("t", batch_of((-1, -1, -1), &[250, 400], b"v"));
    for version in 1..=10 {
        assert_eq!(list(&mut client, version, -1), (0, -1, 5), "v{version}");
        assert_eq!(list(&mut client, version, -2), (0, -1, 0));
        assert_eq!(list(&mut client, version, 0), (0, 100, 0));
        assert_eq!(list(&mut client, version, 101), (0, 300, 1), "the first at or after");
        assert_eq!(list(&mut client, version, 301), (0, 400, 4));
        assert_eq!(list(&mut client, version, 401), (0, -1, -1));
    }
    assert_eq!(list(&mut client, 7, -3), (0, 400, 4));
    assert_eq!(list(&mut client, 8, -4), (0, -1, 0));
    assert_eq!(list(&mut client, 9, -5), (0, -1, -1));
    let unsupported = ResponseError::UnsupportedVersion.code();
    assert_eq!(list(&mut client, 6, -3).0, unsupported);
    assert_eq!(list(&mut client, 10, -9).0, unsupported);
}

#[test]
fn unknown_partitions_and_newer_epochs_are_errors() {
    let mut client = Client::new();
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(list(&mut client, 4, -1).0, unknown);
    client.create("t", 1, &[]);
    let partition = ListOffsetsPartition::default().with_current_leader_epoch(1);
    let asked = ListOffsetsTopic::default().with_name(topic("t")).with_partitions(vec![partition]);
    let response = client.call(4, &ListOffsetsRequest::default().with_topics(vec![asked]));
    let error = response.topics[0].partitions[0].error_code;
    assert_eq!(error, ResponseError::UnknownLeaderEpoch.code());
}

#[test]
fn deleted_records_move_the_log_start() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    client.produce("t", batch_of((-1, -1, -1), &[1, 2, 3], b"v"));
    client.produce("t", batch_of((-1, -1, -1), &[4], b"v"));
    let out = ResponseError::OffsetOutOfRange.code();
    assert_eq!(delete_records(&mut client, 5), (out, -1));
    assert_eq!(delete_records(&mut client, 1), (0, 1), "inside a batch");
    assert_eq!(list(&mut client, 5, -2), (0, -1, 1));
    assert_eq!(list(&mut client, 5, 0), (0, 2, 1), "deleted records are not found by time");
    assert_eq!(client.fetch("t", 0).responses[0].partitions[0].error_code, out);
    assert_eq!(client.fetch("t", 1).responses[0].partitions[0].log_start_offset, 1);
    assert_eq!(delete_records(&mut client, -1), (0, 4), "-1 is the high watermark");
    assert_eq!(delete_records(&mut client, 2), (0, 4), "never backwards");
    assert_eq!(list(&mut client, 5, -1), (0, -1, 4));
}

#[test]
fn the_only_leader_epoch_ends_at_the_high_watermark() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    client.produce("t", batch_of((-1, -1, -1), &[1, 2], b"v"));
    for version in 2..=4 {
        let ask = |index: i32, epoch: i32| {
            OffsetForLeaderPartition::default().with_partition(index).with_leader_epoch(epoch)
        };
        let asked = OffsetForLeaderTopic::default().with_topic(topic("t")).with_partitions(vec![
            ask(0, 0),
            ask(0, 1),
            ask(1, 0),
        ]);
        let request = OffsetForLeaderEpochRequest::default().with_topics(vec![asked]);
        let response = client.call(version, &request);
        let got: Vec<_> = response.topics[0]
            .partitions
            .iter()
            .map(|p| (p.error_code, p.leader_epoch, p.end_offset))
            .collect();
        let unknown = ResponseError::UnknownTopicOrPartition.code();
        assert_eq!(got, [(0, 0, 2), (0, -1, -1), (unknown, -1, -1)], "v{version}");
    }
}
