//! Fetch: waiting, limits, sessions, errors.

use std::time::Duration;

use brooklet_devbroker::Config;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::{FetchRequest, FetchResponse};

use crate::client::{Client, batch, batch_of, fetch, produce, response, topic};

fn bytes(response: &FetchResponse) -> Vec<(i32, usize)> {
    response
        .responses
        .iter()
        .flat_map(|topic| &topic.partitions)
        .map(|p| (p.partition_index, p.records.as_ref().map_or(0, bytes::Bytes::len)))
        .collect()
}

#[test]
fn every_version_reads_what_was_written() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    let id = client.topic_id("t");
    client.produce("t", batch(3));
    for version in 4..=18 {
        let mut request = fetch("t", &[(0, 0)]).with_isolation_level((version % 2) as i8);
        if version < 7 {
            request.session_epoch = -1;
        }
        if version >= 13 {
            request.topics[0].topic = topic("");
            request.topics[0].topic_id = id;
        }
        let response = client.call(version, &request);
        let partition = &response.responses[0].partitions[0];
        assert_eq!(partition.error_code, 0, "v{version}");
        assert_eq!(partition.high_watermark, 3);
        assert_eq!(partition.last_stable_offset, 3);
        assert_eq!(partition.records.as_ref().unwrap().len(), batch(3).len());
        if version >= 13 {
            assert_eq!(response.responses[0].topic_id, id);
        }
    }
}

#[test]
fn whole_batches_within_the_limits_and_at_least_one() {
    let mut client = Client::new();
    client.create("t", 2, &[]);
    let one = batch(1).len();
    for partition in 0..2 {
        for _ in 0..3 {
            let mut request = produce("t", -1, batch(1));
            request.topic_data[0].partition_data[0].index = partition;
            client.call(9, &request);
        }
    }
    let sizes = |client: &mut Client, partition_max: usize, max: usize| {
        let mut request = fetch("t", &[(0, 0), (1, 0)]).with_max_bytes(max as i32);
        for partition in &mut request.topics[0].partitions {
            partition.partition_max_bytes = partition_max as i32;
        }
        bytes(&client.call(11, &request))
    };
    assert_eq!(sizes(&mut client, 1 << 20, 1 << 20), [(0, 3 * one), (1, 3 * one)]);
    assert_eq!(sizes(&mut client, 2 * one + 5, 1 << 20), [(0, 2 * one), (1, 2 * one)]);
    assert_eq!(sizes(&mut client, 1 << 20, 4 * one), [(0, 3 * one), (1, one)]);
    assert_eq!(sizes(&mut client, 1, 1 << 20), [(0, one), (1, 0)], "only the first may exceed");
    assert_eq!(sizes(&mut client, 1, 1), [(0, one), (1, 0)]);
    // An offset inside a batch gets the batch.
    client.produce("t", batch(5));
    assert_eq!(bytes(&client.fetch("t", 6)), [(0, batch(5).len())]);
}

#[test]
fn a_fetch_waits_for_enough_bytes() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    let one = batch(1).len();
    let reader = client.broker.connect();
    let request = fetch("t", &[(0, 0)]).with_max_wait_ms(500).with_min_bytes(one as i32 + 1);
    let id = client.send(reader, 11, &request);
    assert!(client.frames().is_empty());
    assert!(!client.broker.is_idle(reader));
    assert_eq!(client.broker.next_deadline(), Some(client.now + Duration::from_millis(500)));

    client.send(client.conn, 9, &produce("t", 0, batch(1)));
    assert!(client.frames().is_empty(), "one byte is missing");
    client.send(client.conn, 9, &produce("t", 0, batch(1)));
    let (conn, frame) = client.frames().remove(0);
    assert_eq!(conn, reader);
    assert_eq!(bytes(&response::<FetchRequest>(frame, 11, id)), [(0, 2 * one)]);
    assert_eq!(client.broker.next_deadline(), None);
    assert!(client.broker.is_idle(reader));
}

#[test]
fn a_fetch_ends_at_its_deadline_with_what_there_is() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    client.produce("t", batch(1));
    let request = fetch("t", &[(0, 0)]).with_max_wait_ms(500).with_min_bytes(10_000);
    let id = client.send(client.conn, 11, &request);
    client.now += Duration::from_millis(499);
    assert!(client.frames().is_empty());
    client.now += Duration::from_millis(1);
    let (_, frame) = client.frames().remove(0);
    assert_eq!(bytes(&response::<FetchRequest>(frame, 11, id)), [(0, batch(1).len())]);
}

#[test]
fn requests_behind_a_parked_fetch_keep_their_order() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    let first = client.send(client.conn, 11, &fetch("t", &[(0, 0)]).with_max_wait_ms(500));
    let second = client.send(client.conn, 9, &produce("t", -1, batch(1)));
    assert!(client.frames().is_empty(), "the produce waits for its turn");
    client.now += Duration::from_millis(500);
    let ids: Vec<i32> = client
        .frames()
        .iter()
        .map(|(_, frame)| i32::from_be_bytes(frame[..4].try_into().unwrap()))
        .collect();
    assert_eq!(ids, [first, second]);
}

#[test]
fn a_deleted_topic_ends_the_wait() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    let reader = client.broker.connect();
    let id = client.send(reader, 11, &fetch("t", &[(0, 0)]).with_max_wait_ms(5_000));
    let delete =
        kafka_protocol::messages::DeleteTopicsRequest::default().with_topic_names(vec![topic("t")]);
    client.send(client.conn, 4, &delete);
    let frames = client.frames();
    let (_, frame) = frames.into_iter().find(|(conn, _)| *conn == reader).unwrap();
    let response = response::<FetchRequest>(frame, 11, id);
    let error = response.responses[0].partitions[0].error_code;
    assert_eq!(error, ResponseError::UnknownTopicOrPartition.code());
}

#[test]
fn a_reader_that_leaves_is_forgotten() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    let reader = client.broker.connect();
    client.send(reader, 11, &fetch("t", &[(0, 0)]).with_max_wait_ms(5_000));
    client.broker.disconnect(reader);
    assert_eq!(client.broker.next_deadline(), None);
    client.produce("t", batch(1));
}

#[test]
fn errors_answer_at_once() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    client.produce("t", batch(1));
    let code = |client: &mut Client, request: FetchRequest| {
        let response = client.call(11, &request.with_max_wait_ms(5_000));
        response.responses[0].partitions[0].error_code
    };
    let out = ResponseError::OffsetOutOfRange.code();
    assert_eq!(code(&mut client, fetch("t", &[(0, 2)])), out);
    assert_eq!(code(&mut client, fetch("t", &[(0, -1)])), out);
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(code(&mut client, fetch("t", &[(1, 0)])), unknown);
    assert_eq!(code(&mut client, fetch("missing", &[(0, 0)])), unknown);
    let mut newer = fetch("t", &[(0, 0)]);
    newer.topics[0].partitions[0].current_leader_epoch = 1;
    assert_eq!(code(&mut client, newer), ResponseError::UnknownLeaderEpoch.code());
    let by_id = FetchTopic::default()
        .with_topic_id(uuid::Uuid::from_u128(1))
        .with_partitions(vec![FetchPartition::default()]);
    let request =
        FetchRequest::default().with_session_epoch(-1).with_max_bytes(1).with_topics(vec![by_id]);
    let response = client.call(13, &request);
    let error = response.responses[0].partitions[0].error_code;
    assert_eq!(error, ResponseError::UnknownTopicId.code());
}

fn in_session(id: i32, epoch: i32, topics: FetchRequest) -> FetchRequest {
    topics.with_session_id(id).with_session_epoch(epoch)
}

#[test]
fn a_session_tells_only_what_changed() {
    let mut client = Client::new();
    client.create("t", 3, &[]);
    let nothing = FetchRequest::default().with_max_bytes(1 << 20);
    let full = client.call(11, &in_session(0, 0, fetch("t", &[(0, 0), (1, 0)])));
    let id = full.session_id;
    assert_ne!(id, 0);
    assert_eq!(bytes(&full), [(0, 0), (1, 0)]);

    assert_eq!(bytes(&client.call(11, &in_session(id, 1, nothing.clone()))), []);
    client.produce("t", batch(1));
    let got = client.call(11, &in_session(id, 2, nothing.clone()));
    assert_eq!(bytes(&got), [(0, batch(1).len())]);
    assert_eq!(got.session_id, id);
    // The position moves on, a partition is added; new ones are always answered.
    let got = client.call(11, &in_session(id, 3, fetch("t", &[(0, 1), (2, 0)])));
    assert_eq!(bytes(&got), [(2, 0)]);
    // A forgotten partition says nothing more.
    let forget = ForgottenTopic::default().with_topic(topic("t")).with_partitions(vec![0]);
    let request = nothing.clone().with_forgotten_topics_data(vec![forget]);
    client.call(11, &in_session(id, 4, request));
    client.produce("t", batch(1));
    assert_eq!(bytes(&client.call(11, &in_session(id, 5, nothing.clone()))), []);

    let wrong = client.call(11, &in_session(id, 9, nothing.clone()));
    assert_eq!(wrong.error_code, ResponseError::InvalidFetchSessionEpoch.code());
    let unknown = client.call(11, &in_session(id + 1, 1, nothing.clone()));
    assert_eq!(unknown.error_code, ResponseError::FetchSessionIdNotFound.code());
    // Epoch -1 ends the session.
    assert_eq!(client.call(11, &in_session(id, -1, nothing.clone())).session_id, 0);
    let gone = client.call(11, &in_session(id, 6, nothing));
    assert_eq!(gone.error_code, ResponseError::FetchSessionIdNotFound.code());
}

#[test]
fn a_session_waits_for_any_of_its_partitions_and_repeats_errors() {
    let mut client = Client::new();
    client.create("t", 2, &[]);
    let id = client.call(11, &in_session(0, 0, fetch("t", &[(0, 0), (1, 0)]))).session_id;
    let reader = client.broker.connect();
    let wait = FetchRequest::default().with_max_bytes(1 << 20).with_min_bytes(1);
    let wait = wait.with_max_wait_ms(1_000);
    let sent = client.send(reader, 11, &in_session(id, 1, wait.clone()));
    assert!(client.frames().is_empty());
    let mut request = produce("t", 0, batch(1));
    request.topic_data[0].partition_data[0].index = 1;
    client.send(client.conn, 9, &request);
    let (_, frame) = client.frames().remove(0);
    assert_eq!(bytes(&response::<FetchRequest>(frame, 11, sent)), [(1, batch(1).len())]);

    client.call(11, &in_session(id, 2, fetch("t", &[(0, 77), (1, 1)])));
    for epoch in 3..5 {
        let again = client.call(11, &in_session(id, epoch, wait.clone()));
        let partition = &again.responses[0].partitions[0];
        assert_eq!(partition.error_code, ResponseError::OffsetOutOfRange.code());
    }
}

#[test]
fn served_partitions_of_a_session_go_to_the_end() {
    let mut client = Client::new();
    client.create("t", 2, &[]);
    for index in 0..2 {
        for _ in 0..2 {
            let mut request = produce("t", -1, batch(1));
            request.topic_data[0].partition_data[0].index = index;
            client.call(9, &request);
        }
    }
    let small = |request: FetchRequest| request.with_max_bytes(1);
    let first = client.call(11, &small(in_session(0, 0, fetch("t", &[(0, 0), (1, 0)]))));
    let id = first.session_id;
    assert_eq!(bytes(&first), [(0, batch(1).len()), (1, 0)]);
    let second = client.call(11, &small(in_session(id, 1, FetchRequest::default())));
    assert_eq!(bytes(&second), [(1, batch(1).len())], "partition 0 had its turn");
}

#[test]
fn a_session_keeps_to_names_or_to_ids() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    let id = client.call(12, &in_session(0, 0, fetch("t", &[(0, 0)]))).session_id;
    let switched = client.call(13, &in_session(id, 1, FetchRequest::default()));
    assert_eq!(switched.error_code, ResponseError::FetchSessionTopicIdError.code());
}

#[test]
fn sessions_are_bounded_and_idle_ones_give_way() {
    let mut config = Config::default();
    config.limits.fetch_sessions_max = 2;
    config.limits.fetch_session_idle_min = Duration::from_secs(10);
    let mut client = Client::with(config);
    client.create("t", 1, &[]);
    let open =
        |client: &mut Client| client.call(11, &in_session(0, 0, fetch("t", &[(0, 0)]))).session_id;
    let first = open(&mut client);
    client.now += Duration::from_secs(1);
    let second = open(&mut client);
    assert_eq!(open(&mut client), 0, "both are in use");
    client.now += Duration::from_secs(9);
    let third = open(&mut client);
    assert_ne!(third, 0);
    let nothing = FetchRequest::default();
    let gone = client.call(11, &in_session(first, 1, nothing.clone()));
    assert_eq!(gone.error_code, ResponseError::FetchSessionIdNotFound.code());
    assert_eq!(client.call(11, &in_session(second, 1, nothing)).error_code, 0);
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let run = || {
        let mut client = Client::new();
        client.create("t", 4, &[]);
        let readers: Vec<_> = (0..5).map(|_| client.broker.connect()).collect();
        for reader in &readers {
            let request = fetch("t", &[(3, 0), (0, 0), (1, 0)]).with_max_wait_ms(100);
            client.send(*reader, 11, &in_session(0, 0, request));
        }
        for step in 0..4 {
            let mut request = produce("t", -1, batch_of((-1, -1, -1), &[step], b"v"));
            request.topic_data[0].partition_data[0].index = step as i32;
            client.send(client.conn, 9, &request);
            client.now += Duration::from_millis(40);
        }
        client.broker.poll(client.now)
    };
    assert_eq!(run(), run());
}
