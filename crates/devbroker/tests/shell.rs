//! The broker behind real sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use brooklet_devbroker::{CloseReason, Config, DevBroker};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiVersionsRequest, FetchRequest, MetadataRequest, ProduceRequest, TopicName,
};
use kafka_protocol::protocol::{Decodable, Request, StrBytes};

/// Longer than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

fn start(config: Config) -> DevBroker {
    DevBroker::start(SocketAddr::from(([127, 0, 0, 1], 0)), config).unwrap()
}

fn connect(broker: &DevBroker) -> TcpStream {
    let stream = TcpStream::connect(broker.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A frame with its length; the version must have the old request header.
fn framed<R: Request>(id: i32, version: i16, request: &R) -> Vec<u8> {
    let mut body = BytesMut::new();
    body.put_i16(R::KEY);
    body.put_i16(version);
    body.put_i32(id);
    body.put_i16(-1);
    request.encode(&mut body, version).unwrap();
    let mut frame = (body.len() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(&body);
    frame
}

/// The next response frame, with its correlation id taken off.
fn receive(stream: &mut TcpStream) -> (i32, Bytes) {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut frame).unwrap();
    let mut frame = Bytes::from(frame);
    let id = i32::from_be_bytes(frame.split_to(4).as_ref().try_into().unwrap());
    (id, frame)
}

fn call<R: Request>(stream: &mut TcpStream, version: i16, request: &R) -> R::Response {
    stream.write_all(&framed(1, version, request)).unwrap();
    let (id, mut body) = receive(stream);
    assert_eq!(id, 1);
    R::Response::decode(&mut body, version).unwrap()
}

/// Whether the peer closed the connection.
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

fn name() -> TopicName {
    TopicName(StrBytes::from_static_str("t"))
}

fn metadata() -> MetadataRequest {
    let topic = MetadataRequestTopic::default().with_name(Some(name()));
    MetadataRequest::default().with_topics(Some(vec![topic])).with_allow_auto_topic_creation(true)
}

fn fetch(max_wait_ms: i32) -> FetchRequest {
    let partition = FetchPartition::default().with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic(name()).with_partitions(vec![partition]);
    FetchRequest::default()
        .with_max_wait_ms(max_wait_ms)
        .with_min_bytes(1)
        .with_max_bytes(1 << 20)
        .with_topics(vec![topic])
}

/// An empty-valued record in a batch of its own.
fn batch() -> Bytes {
    let record = [14, 0, 0, 0, 1, 2, b'v', 0];
    let mut bytes = BytesMut::new();
    bytes.put_i64(0);
    bytes.put_i32(49 + record.len() as i32);
    bytes.put_i32(-1);
    bytes.put_u8(2);
    bytes.put_u32(0);
    bytes.put_i16(0);
    bytes.put_i32(0);
    bytes.put_i64(1_000);
    bytes.put_i64(1_000);
    bytes.put_i64(-1);
    bytes.put_i16(-1);
    bytes.put_i32(-1);
    bytes.put_i32(1);
    bytes.put_slice(&record);
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes.freeze()
}

fn produce() -> ProduceRequest {
    let partition = PartitionProduceData::default().with_records(Some(batch()));
    let topic = TopicProduceData::default().with_name(name()).with_partition_data(vec![partition]);
    ProduceRequest::default().with_transactional_id(None).with_acks(-1).with_topic_data(vec![topic])
}

#[test]
fn clients_are_told_the_real_address() {
    let broker = start(Config::default());
    let response = call(&mut connect(&broker), 4, &metadata());
    let node = &response.brokers[0];
    assert_eq!(format!("{}:{}", node.host, node.port), broker.bootstrap());
    assert_eq!(response.topics[0].error_code, 0);
}

#[test]
fn a_request_may_come_in_pieces_and_several_at_once() {
    let broker = start(Config::default());
    let mut stream = connect(&broker);
    stream.set_nodelay(true).unwrap();
    for byte in framed(5, 0, &ApiVersionsRequest::default()) {
        stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(receive(&mut stream).0, 5);

    let many: Vec<u8> =
        (0..100).flat_map(|id| framed(id, 0, &ApiVersionsRequest::default())).collect();
    stream.write_all(&many).unwrap();
    for id in 0..100 {
        assert_eq!(receive(&mut stream).0, id);
    }
}

#[test]
fn a_parked_fetch_is_answered_by_a_produce_on_another_connection() {
    let broker = start(Config::default());
    let mut writer = connect(&broker);
    call(&mut writer, 4, &metadata());
    let mut reader = connect(&broker);
    let started = Instant::now();
    reader.write_all(&framed(1, 4, &fetch(60_000))).unwrap();
    let stored = call(&mut writer, 7, &produce());
    assert_eq!(stored.responses[0].partition_responses[0].error_code, 0, "{stored:?}");
    let (_, mut body) = receive(&mut reader);
    let response = kafka_protocol::messages::FetchResponse::decode(&mut body, 4).unwrap();
    let records = response.responses[0].partitions[0].records.as_ref().unwrap();
    assert_eq!(records.len(), batch().len());
    assert!(started.elapsed() < PATIENCE);
}

#[test]
fn a_fetch_ends_by_itself_at_its_deadline() {
    let broker = start(Config::default());
    let mut stream = connect(&broker);
    call(&mut stream, 4, &metadata());
    let started = Instant::now();
    let response = call(&mut stream, 4, &fetch(100));
    assert_eq!(response.responses[0].partitions[0].high_watermark, 0);
    assert!(started.elapsed() >= Duration::from_millis(100));
}

#[test]
fn a_bad_peer_loses_its_own_connection_only() {
    static LONG: AtomicUsize = AtomicUsize::new(0);
    let mut config = Config::default();
    config.limits.frame_bytes_max = 1_000;
    config.report_close = Some(|reason| {
        if let CloseReason::LongFrame { bytes } = reason {
            LONG.store(*bytes, Ordering::Relaxed);
        }
    });
    let broker = start(config);
    let mut good = connect(&broker);
    call(&mut good, 4, &metadata());

    let mut long = connect(&broker);
    long.write_all(&1_001u32.to_be_bytes()).unwrap();
    assert!(is_closed(&mut long));
    assert_eq!(LONG.load(Ordering::Relaxed), 1_001, "it is told");
    let mut garbage = connect(&broker);
    garbage.write_all(b"\0\0\0\x12GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(is_closed(&mut garbage));
    let mut half = connect(&broker);
    half.write_all(&[0, 0, 0, 100, 0]).unwrap();
    drop(half);

    assert_eq!(call(&mut good, 4, &metadata()).topics[0].error_code, 0);
}

#[test]
fn connections_are_counted_and_freed() {
    let mut config = Config::default();
    config.limits.connections_max = 1;
    let broker = start(config);
    let mut first = connect(&broker);
    call(&mut first, 4, &metadata());
    assert!(is_closed(&mut connect(&broker)));
    drop(first);
    // The broker learns of the end at its own pace.
    let started = Instant::now();
    loop {
        let mut next = connect(&broker);
        if next.write_all(&framed(1, 0, &ApiVersionsRequest::default())).is_ok()
            && next.read_exact(&mut [0; 4]).is_ok()
        {
            break;
        }
        assert!(started.elapsed() < PATIENCE);
    }
}

#[test]
fn shutdown_ends_connections_and_frees_the_address() {
    let broker = start(Config::default());
    let address = broker.address();
    let mut idle = connect(&broker);
    call(&mut idle, 4, &metadata());
    let mut parked = connect(&broker);
    parked.write_all(&framed(1, 4, &fetch(60_000))).unwrap();
    broker.shutdown();
    assert!(is_closed(&mut idle));
    assert!(is_closed(&mut parked));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn only_loopback_is_served() {
    let error = DevBroker::start(SocketAddr::from(([0, 0, 0, 0], 0)), Config::default());
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("loopback"), "{error}");
    let taken = start(Config::default());
    let error = DevBroker::start(taken.address(), Config::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}
