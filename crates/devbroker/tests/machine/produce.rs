//! Produce: acknowledgements, batch rules, idempotence, LogAppendTime.

use brooklet_devbroker::CloseReason;
use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{InitProducerIdRequest, ProduceRequest, TransactionalId};

use crate::client::{Client, START, batch, batch_of, produce, seal, text};

#[test]
fn every_version_appends() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    let id = client.topic_id("t");
    for version in 3..=13 {
        let mut request = produce("t", 1, batch(2));
        if version >= 13 {
            request.topic_data[0].topic_id = id;
        }
        let response = client.call(version, &request);
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!(partition.error_code, 0, "v{version}");
        assert_eq!(partition.base_offset, i64::from(version - 3) * 2);
        assert_eq!(partition.log_append_time_ms, -1);
    }
}

#[test]
fn stored_batches_carry_offset_and_leader_epoch() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    client.produce("t", batch(3));
    client.produce("t", batch(1));
    let mut response = client.fetch("t", 3);
    let records = response.responses[0].partitions.remove(0).records.unwrap();
    assert_eq!(records[0..8], 3i64.to_be_bytes());
    assert_eq!(records[12..16], 0i32.to_be_bytes());
    let mut expected = batch(1);
    expected[0..8].copy_from_slice(&3i64.to_be_bytes());
    expected[12..16].copy_from_slice(&0i32.to_be_bytes());
    assert_eq!(records, Bytes::from(expected), "nothing else changes");
}

#[test]
fn errors_have_their_code_and_a_message() {
    let mut client = Client::new();
    client.create("t", 1, &[("max.message.bytes", "200")]);
    let corrupt = {
        let mut bytes = batch(1);
        *bytes.last_mut().unwrap() ^= 1;
        bytes
    };
    let two = [batch(1), batch(1)].concat();
    let transactional = {
        let mut bytes = batch_of((1, 0, 0), &[1], b"v");
        bytes[22] |= 0x10;
        seal(&mut bytes);
        bytes
    };
    let cases = [
        ("t", corrupt, ResponseError::CorruptMessage),
        ("t", two, ResponseError::InvalidRecord),
        ("t", Vec::new(), ResponseError::InvalidRecord),
        ("t", batch(50), ResponseError::MessageTooLarge),
        ("t", transactional, ResponseError::InvalidTxnState),
        ("missing", batch(1), ResponseError::UnknownTopicOrPartition),
    ];
    for (name, bytes, expected) in cases {
        let partition = client.produce(name, bytes);
        assert_eq!(partition.error_code, expected.code(), "{expected:?}");
        assert_eq!(partition.base_offset, -1);
        assert!(!partition.error_message.unwrap().is_empty());
    }
    assert_eq!(client.produce("t", batch(1)).base_offset, 0, "nothing was stored");
}

#[test]
fn a_compacted_topic_takes_records_with_a_key() {
    let mut client = Client::new();
    client.create("t", 1, &[("cleanup.policy", "delete, compact")]);
    let refused = client.produce("t", batch(1));
    assert_eq!(refused.error_code, ResponseError::InvalidRecord.code());
    let text = refused.error_message.unwrap();
    assert!(text.contains("Compacted topic cannot accept message without key"), "{text}");
    let mut keyed = batch(1);
    // Behind the header: length, attributes, two deltas, and the key's length, which becomes 0.
    assert_eq!(std::mem::replace(&mut keyed[65], 0), 1);
    seal(&mut keyed);
    assert_eq!(client.produce("t", keyed).error_code, 0);
}

#[test]
fn a_request_as_a_whole_may_be_refused() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    let acks = client.call(9, &produce("t", 2, batch(1)));
    let code = |response: &kafka_protocol::messages::ProduceResponse| {
        response.responses[0].partition_responses[0].error_code
    };
    assert_eq!(code(&acks), ResponseError::InvalidRequiredAcks.code());
    let mut request = produce("t", -1, batch(1));
    request.topic_data[0].topic_id = uuid::Uuid::from_u128(5);
    assert_eq!(code(&client.call(13, &request)), ResponseError::UnknownTopicId.code());
}

#[test]
fn one_request_may_write_many_partitions() {
    let mut client = Client::new();
    client.create("t", 2, &[]);
    let data = |index| {
        PartitionProduceData::default().with_index(index).with_records(Some(batch(1).into()))
    };
    let topic = TopicProduceData::default()
        .with_name(crate::client::topic("t"))
        .with_partition_data(vec![data(0), data(1), data(2)]);
    let request = ProduceRequest::default().with_acks(-1).with_topic_data(vec![topic]);
    let response = client.call(8, &request);
    let codes: Vec<i16> =
        response.responses[0].partition_responses.iter().map(|p| p.error_code).collect();
    assert_eq!(codes, [0, 0, ResponseError::UnknownTopicOrPartition.code()]);
}

#[test]
fn without_acks_there_is_no_answer_and_an_error_closes() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    client.send(client.conn, 9, &produce("t", 0, batch(1)));
    assert!(client.frames().is_empty());
    assert_eq!(client.fetch("t", 0).responses[0].partitions[0].high_watermark, 1);
    let reason = client.refused(9, &produce("missing", 0, batch(1)));
    assert!(matches!(reason, CloseReason::RefusedWithoutAck { .. }), "{reason}");
}

#[test]
fn idempotent_batches_are_stored_once_and_in_order() {
    let mut client = Client::new();
    client.create("t", 1, &[]);
    let init = InitProducerIdRequest::default().with_transactional_id(None);
    let producer = client.call(4, &init);
    let (id, epoch) = (producer.producer_id.0, producer.producer_epoch);
    let other = client.call(4, &init);
    assert_ne!(other.producer_id.0, id);
    assert_eq!(epoch, 0);

    let at = |epoch: i16, sequence: i32| batch_of((id, epoch, sequence), &[5, 6], b"v");
    assert_eq!(client.produce("t", at(0, 0)).base_offset, 0);
    assert_eq!(client.produce("t", at(0, 2)).base_offset, 2);
    let again = client.produce("t", at(0, 0));
    assert_eq!((again.error_code, again.base_offset), (0, 0), "a retry gets the first offset");
    let gap = client.produce("t", at(0, 6));
    assert_eq!(gap.error_code, ResponseError::OutOfOrderSequenceNumber.code());
    assert_eq!(client.produce("t", at(1, 0)).base_offset, 4, "a new epoch starts at 0");
    let old = client.produce("t", at(0, 4));
    assert_eq!(old.error_code, ResponseError::InvalidProducerEpoch.code());
    assert_eq!(client.fetch("t", 0).responses[0].partitions[0].high_watermark, 6);
}

#[test]
fn transactional_ids_need_a_time_out_within_the_limit() {
    let mut client = Client::new();
    for (id, timeout, error) in [
        ("", 1_000, ResponseError::InvalidRequest),
        ("tx", 0, ResponseError::InvalidTransactionTimeout),
        ("tx", -1, ResponseError::InvalidTransactionTimeout),
        ("tx", 3_600_000, ResponseError::InvalidTransactionTimeout),
    ] {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(TransactionalId(text(id))))
            .with_transaction_timeout_ms(timeout);
        for version in 0..=5 {
            let response = client.call(version, &request);
            assert_eq!(response.error_code, error.code(), "{id} {timeout}");
            assert_eq!(response.producer_id.0, -1);
        }
    }
}

#[test]
fn log_append_time_is_the_time_of_the_broker() {
    let mut client = Client::new();
    client.create("t", 1, &[("message.timestamp.type", "LogAppendTime")]);
    let now = START.as_millis() as i64;
    assert_eq!(client.produce("t", batch(2)).log_append_time_ms, now);
    let mut response = client.fetch("t", 0);
    let records = response.responses[0].partitions.remove(0).records.unwrap();
    assert_eq!(records[22] & 0x08, 0x08, "timestamp type");
    assert_eq!(records[35..43], now.to_be_bytes(), "max timestamp");
    assert_eq!(records[17..21], crc32c::crc32c(&records[21..]).to_be_bytes(), "checksum");
}
