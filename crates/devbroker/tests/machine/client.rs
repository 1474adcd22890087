//! A client of the state machine: encodes requests, decodes responses, keeps the clock.

use std::time::Duration;

use brooklet_devbroker::{Action, Broker, CloseReason, Config, ConnId};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, CreateTopicsRequest, DeleteTopicsRequest, DeleteTopicsResponse, FetchRequest,
    FetchResponse, MetadataRequest, MetadataResponse, ProduceRequest, ProduceResponse, TopicName,
    create_topics_request, fetch_request, metadata_request, produce_request, produce_response,
};
use kafka_protocol::protocol::{Decodable, HeaderVersion, Request, StrBytes};
use uuid::Uuid;

/// A broker, one open connection, and the time.
pub(crate) struct Client {
    pub(crate) broker: Broker,
    pub(crate) conn: ConnId,
    pub(crate) now: Duration,
    correlation_id: i32,
}

/// 2023-11-14, so that timestamps are recognisable.
pub(crate) const START: Duration = Duration::from_secs(1_700_000_000);

impl Client {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        let mut broker = Broker::new(config);
        let conn = broker.connect();
        Self { broker, conn, now: START, correlation_id: 0 }
    }

    /// Sends without looking at the answer; returns the correlation id.
    pub(crate) fn send<R: Request + HeaderVersion>(
        &mut self,
        conn: ConnId,
        version: i16,
        request: &R,
    ) -> i32 {
        self.correlation_id += 1;
        let frame = frame(self.correlation_id, version, request);
        self.broker.request(conn, frame, self.now);
        self.correlation_id
    }

    /// Sends and expects exactly one answer at once.
    pub(crate) fn call<R: Request + HeaderVersion>(
        &mut self,
        version: i16,
        request: &R,
    ) -> R::Response {
        let id = self.send(self.conn, version, request);
        let mut frames = self.frames();
        assert_eq!(frames.len(), 1, "{frames:?}");
        let (conn, frame) = frames.remove(0);
        assert_eq!(conn, self.conn);
        response::<R>(frame, version, id)
    }

    /// Sends and expects the connection to be closed.
    pub(crate) fn refused<R: Request + HeaderVersion>(
        &mut self,
        version: i16,
        request: &R,
    ) -> CloseReason {
        self.send(self.conn, version, request);
        self.closed()
    }

    pub(crate) fn closed(&mut self) -> CloseReason {
        match self.broker.poll(self.now).as_slice() {
            [Action::Close { reason, .. }] => reason.clone(),
            actions => panic!("expected a close: {actions:?}"),
        }
    }

    /// The response frames of this moment; a close fails the test.
    pub(crate) fn frames(&mut self) -> Vec<(ConnId, Bytes)> {
        self.broker
            .poll(self.now)
            .into_iter()
            .map(|action| match action {
                Action::Respond { conn, frame } => (conn, frame),
                Action::Close { reason, .. } => panic!("closed: {reason}"),
            })
            .collect()
    }

    pub(crate) fn create(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        let configs = configs
            .iter()
            .map(|(key, value)| {
                create_topics_request::CreatableTopicConfig::default()
                    .with_name(text(key))
                    .with_value(Some(text(value)))
            })
            .collect();
        let topic = create_topics_request::CreatableTopic::default()
            .with_name(topic(name))
            .with_num_partitions(partitions)
            .with_replication_factor(1)
            .with_configs(configs);
        let response = self.call(7, &CreateTopicsRequest::default().with_topics(vec![topic]));
        assert_eq!(response.topics[0].error_code, 0, "{response:?}");
    }

    pub(crate) fn delete(&mut self, name: &str) {
        let request = DeleteTopicsRequest::default().with_topic_names(vec![topic(name)]);
        let response: DeleteTopicsResponse = self.call(5, &request);
        assert_eq!(response.responses[0].error_code, 0, "{response:?}");
    }

    pub(crate) fn topic_id(&mut self, name: &str) -> Uuid {
        self.metadata(name, false).topics[0].topic_id
    }

    pub(crate) fn metadata(&mut self, name: &str, create: bool) -> MetadataResponse {
        let asked = metadata_request::MetadataRequestTopic::default().with_name(Some(topic(name)));
        let request = MetadataRequest::default()
            .with_topics(Some(vec![asked]))
            .with_allow_auto_topic_creation(create);
        self.call(12, &request)
    }

    /// Produces one batch to partition 0 and returns what the broker says about it.
    pub(crate) fn produce(
        &mut self,
        name: &str,
        batch: Vec<u8>,
    ) -> produce_response::PartitionProduceResponse {
        let mut response: ProduceResponse = self.call(9, &produce(name, -1, batch));
        response.responses.remove(0).partition_responses.remove(0)
    }

    /// Fetches without a session and without waiting.
    pub(crate) fn fetch(&mut self, name: &str, offset: i64) -> FetchResponse {
        self.call(11, &fetch(name, &[(0, offset)]))
    }
}

pub(crate) fn frame<R: Request + HeaderVersion>(id: i32, version: i16, request: &R) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_i16(R::KEY);
    frame.put_i16(version);
    frame.put_i32(id);
    frame.put_i16(4);
    frame.put_slice(b"test");
    if R::header_version(version) >= 2 {
        frame.put_u8(0);
    }
    request.encode(&mut frame, version).unwrap();
    frame.freeze()
}

pub(crate) fn response<R: Request>(mut frame: Bytes, version: i16, id: i32) -> R::Response {
    assert_eq!(frame.split_to(4).as_ref(), id.to_be_bytes());
    if ApiKey::try_from(R::KEY).unwrap().response_header_version(version) >= 1 {
        assert_eq!(frame.split_to(1).as_ref(), [0]);
    }
    let response = R::Response::decode(&mut frame, version).unwrap();
    assert!(frame.is_empty(), "{} bytes too many", frame.len());
    response
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(crate) fn topic(name: &str) -> TopicName {
    TopicName(text(name))
}

pub(crate) fn produce(name: &str, acks: i16, batch: Vec<u8>) -> ProduceRequest {
    let partition =
        produce_request::PartitionProduceData::default().with_records(Some(Bytes::from(batch)));
    let data = produce_request::TopicProduceData::default()
        .with_name(topic(name))
        .with_partition_data(vec![partition]);
    ProduceRequest::default().with_acks(acks).with_timeout_ms(1000).with_topic_data(vec![data])
}

/// A sessionless fetch of partitions and offsets that waits for nothing.
pub(crate) fn fetch(name: &str, partitions: &[(i32, i64)]) -> FetchRequest {
    let partitions = partitions
        .iter()
        .map(|(index, offset)| {
            fetch_request::FetchPartition::default()
                .with_partition(*index)
                .with_fetch_offset(*offset)
                .with_partition_max_bytes(1 << 20)
        })
        .collect();
    let asked =
        fetch_request::FetchTopic::default().with_topic(topic(name)).with_partitions(partitions);
    FetchRequest::default()
        .with_max_wait_ms(0)
        .with_min_bytes(1)
        .with_max_bytes(1 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![asked])
}

/// An uncompressed batch whose records have the given times, with `value` in each.
pub(crate) fn batch_of(producer: (i64, i16, i32), times: &[i64], value: &[u8]) -> Vec<u8> {
    let base = times[0];
    let mut records = Vec::new();
    for (index, time) in times.iter().enumerate() {
        let mut record = vec![0u8];
        varint(&mut record, time - base);
        varint(&mut record, index as i64);
        varint(&mut record, -1);
        varint(&mut record, value.len() as i64);
        record.extend_from_slice(value);
        varint(&mut record, 0);
        varint(&mut records, record.len() as i64);
        records.extend_from_slice(&record);
    }
    let mut bytes = BytesMut::new();
    bytes.put_i64(0);
    bytes.put_i32(records.len() as i32 + 49);
    bytes.put_i32(-1);
    bytes.put_u8(2);
    bytes.put_u32(0);
    bytes.put_i16(0);
    bytes.put_i32(times.len() as i32 - 1);
    bytes.put_i64(base);
    bytes.put_i64(*times.iter().max().unwrap());
    bytes.put_i64(producer.0);
    bytes.put_i16(producer.1);
    bytes.put_i32(producer.2);
    bytes.put_i32(times.len() as i32);
    bytes.put_slice(&records);
    let mut bytes = bytes.to_vec();
    seal(&mut bytes);
    bytes
}

/// A batch of `count` records that no idempotent producer wrote.
pub(crate) fn batch(count: usize) -> Vec<u8> {
    batch_of((-1, -1, -1), &vec![1_000; count], b"value")
}

pub(crate) fn seal(bytes: &mut [u8]) {
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
}

fn varint(out: &mut Vec<u8>, value: i64) {
    let mut raw = ((value << 1) ^ (value >> 63)) as u64;
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}
