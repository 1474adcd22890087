//! What clients can make the broker hold is bounded.

use std::time::Duration;

use brooklet_devbroker::{Action, CloseReason, Config};
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::MetadataRequest;

use crate::client::{Client, batch, fetch, produce};

#[test]
fn the_oldest_batches_of_the_broker_go_first() {
    let mut config = Config::default();
    config.limits.stored_bytes_max = 1_000;
    let mut client = Client::with(config);
    client.create("a", 1, &[]);
    client.create("b", 1, &[]);
    client.produce("a", batch(1));
    for _ in 0..20 {
        client.produce("b", batch(1));
    }
    let stats = client.broker.stats();
    assert!(stats.stored_bytes <= 1_000, "{stats:?}");
    assert!(stats.dropped_batches > 10, "{stats:?}");
    let a = client.fetch("a", 1);
    assert_eq!(a.responses[0].partitions[0].log_start_offset, 1, "a was the oldest");
    let b = client.fetch("b", 20);
    let partition = &b.responses[0].partitions[0];
    assert_eq!(partition.high_watermark, 20);
    assert!(partition.log_start_offset > 10);
    let out = ResponseError::OffsetOutOfRange.code();
    assert_eq!(client.fetch("b", 0).responses[0].partitions[0].error_code, out);
}

#[test]
fn retention_bytes_bounds_a_partition_but_keeps_its_newest_batch() {
    let mut client = Client::new();
    client.create("t", 1, &[("retention.bytes", "600")]);
    for expected in 0..10 {
        assert_eq!(client.produce("t", batch(1)).base_offset, expected);
    }
    assert!(client.broker.stats().stored_bytes <= 600);
    client.create("tiny", 1, &[("retention.bytes", "0")]);
    client.produce("tiny", batch(1));
    let partition = &client.fetch("tiny", 0).responses[0].partitions[0];
    assert_eq!((partition.error_code, partition.log_start_offset), (0, 0));
}

#[test]
fn topics_and_partitions_are_counted() {
    let mut config = Config::default();
    config.limits.topics_max = 1;
    let mut client = Client::with(config);
    client.create("a", 1, &[]);
    let violation = ResponseError::PolicyViolation.code();
    assert_eq!(client.metadata("b", true).topics[0].error_code, violation);
}

#[test]
fn connections_requests_and_frames_are_counted() {
    let mut config = Config::default();
    config.limits.connections_max = 2;
    config.limits.queued_requests_max = 2;
    config.limits.frame_bytes_max = 100;
    let mut client = Client::with(config);
    let second = client.broker.connect();
    let third = client.broker.connect();
    let closed = client.broker.poll(client.now);
    assert_eq!(closed, [Action::Close { conn: third, reason: CloseReason::TooManyConnections }]);
    client.broker.disconnect(second);
    client.broker.connect();
    assert!(client.frames().is_empty(), "a freed place is taken");

    client.metadata("t", true);
    client.send(client.conn, 11, &fetch("t", &[(0, 0)]).with_max_wait_ms(1_000));
    for _ in 0..2 {
        client.send(client.conn, 12, &MetadataRequest::default());
    }
    assert!(client.frames().is_empty());
    let reason = client.refused(12, &MetadataRequest::default());
    assert_eq!(reason, CloseReason::TooManyRequests);
    assert_eq!(client.broker.next_deadline(), None);

    client.conn = client.broker.connect();
    client.broker.request(client.conn, Bytes::from(vec![0; 101]), client.now);
    assert_eq!(client.closed(), CloseReason::LongFrame { bytes: 101 });
}

#[test]
fn a_long_wait_is_cut_short() {
    let mut config = Config::default();
    config.limits.fetch_wait_max = Duration::from_secs(3);
    let mut client = Client::with(config);
    client.create("t", 1, &[]);
    client.send(client.conn, 11, &fetch("t", &[(0, 0)]).with_max_wait_ms(i32::MAX));
    assert_eq!(client.broker.next_deadline(), Some(client.now + Duration::from_secs(3)));
}

#[test]
fn a_response_above_the_limit_closes() {
    let mut config = Config::default();
    config.limits.response_bytes_max = 1_000;
    let mut client = Client::with(config);
    client.metadata("t", true);
    client.send(client.conn, 9, &produce("t", 0, batch(200)));
    let reason = client.refused(11, &fetch("t", &[(0, 0)]));
    assert!(matches!(reason, CloseReason::ResponseTooLarge { key: 1, .. }), "{reason}");
}

#[test]
fn malformed_requests_close_the_connection_only() {
    let mut client = Client::new();
    let conn = client.broker.connect();
    // Metadata version 1 that claims 268 million topics.
    let bytes = [0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff];
    client.broker.request(conn, Bytes::copy_from_slice(&bytes), client.now);
    assert!(matches!(client.closed(), CloseReason::Malformed { key: 3, .. }));
    // A topic name that is not UTF-8.
    let conn = client.broker.connect();
    let bytes = [0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 1, 0, 1, 0xff];
    client.broker.request(conn, Bytes::copy_from_slice(&bytes), client.now);
    assert!(matches!(client.closed(), CloseReason::Malformed { key: 3, .. }));
    client.metadata("still-there", true);
}
