//! The client against every broker version that it claims to know, with Kafka's own Java client at
//! the other end. Takes minutes: runs with `BROOKLET_TEST_ALL` only.

mod client_support;

use std::sync::Arc;

use brooklet_kafka::consumer::Fetched;
use brooklet_kafka::producer::ProduceEvent;
use brooklet_kafka::wire::compression::{Compression, Compressor, Decompressor};
use brooklet_kafka::wire::records::{BatchBuilder, Header, SealedBatch, TimestampType};
use brooklet_kafka::{
    Client, ClientConfig, CommittedOffset, ErrorKind, Isolation as Level, Network, NewTopic,
    OffsetSpec, TopicPartition,
};
use brooklet_protocol_tests::services::{
    self, Bridge, BridgeRecord, Isolation, Kafka, KafkaConfig, Version, kafka,
};
use client_support::{PATIENCE, delivered, next, now_millis, unparker};

fn client(broker: &Kafka) -> Client {
    Client::new(ClientConfig::new(broker.bootstrap()).unwrap(), &Network::tokio())
}

fn broker(version: Version) -> Option<&'static Kafka> {
    if services::all(&format!("the tests with {version}")) { kafka(version) } else { None }
}

fn create(client: &Client, topic: &str, partitions: i32, configs: &[(&str, &str)]) {
    let mut new = NewTopic::new(topic, partitions);
    new.replication_factor = 1;
    new.configs = configs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    for (name, result) in client.create_topics(&[new]).wait(PATIENCE).unwrap().unwrap() {
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

fn sealed(records: &[BridgeRecord], compression: Compression) -> SealedBatch {
    let mut builder = BatchBuilder::new(compression, 1 << 20);
    for record in records {
        let headers: Vec<Header<'_>> = record
            .headers
            .iter()
            .map(|(key, value)| Header { key: key.as_bytes(), value: value.as_deref() })
            .collect();
        let time = record.timestamp.unwrap_or(0);
        builder.append(time, record.key.as_deref(), record.value.as_deref(), &headers).unwrap();
    }
    builder.seal(&mut Compressor::default()).unwrap()
}

/// Everything from an offset on until `count` records came, and the timestamp types of batches.
fn read(
    client: &Client,
    topic: &str,
    from: i64,
    count: usize,
) -> (Vec<BridgeRecord>, Vec<TimestampType>) {
    let mut consumer = client.consumer(unparker());
    consumer.assign(&[(TopicPartition::new(topic, 0), from)]);
    let (mut out, mut types) = (Vec::new(), Vec::new());
    let mut decompressor = Decompressor::default();
    while out.len() < count {
        let fetched = match next(&mut consumer) {
            Fetched::Data(fetched) => fetched,
            Fetched::Failed(failed) => panic!("{}", failed.error),
        };
        let mut batches = fetched.batches(Level::ReadUncommitted, true);
        while let Some(batch) = batches.next_batch(&mut decompressor) {
            let batch = batch.unwrap();
            types.push(batch.header().timestamp_type());
            for record in &batch.records(&mut decompressor, 64 << 20).unwrap() {
                let record = record.unwrap();
                assert!(batch.header().base_offset <= record.offset);
                if record.offset >= fetched.fetch_offset {
                    let name = |key: &[u8]| String::from_utf8(key.to_vec()).unwrap();
                    out.push(BridgeRecord {
                        partition: Some(0),
                        offset: record.offset,
                        timestamp: Some(record.timestamp),
                        key: record.key.map(<[u8]>::to_vec),
                        value: record.value.map(<[u8]>::to_vec),
                        headers: record
                            .headers
                            .map(|h| (name(h.key), h.value.map(<[u8]>::to_vec)))
                            .collect(),
                    });
                }
            }
        }
    }
    types.dedup();
    (out, types)
}

/// Records of every kind that the version has, from `first` on.
fn samples(version: Version, first: i64, count: i64) -> Vec<BridgeRecord> {
    (first..first + count)
        .map(|n| BridgeRecord {
            partition: Some(0),
            offset: n,
            timestamp: Some(1_500_000_000_000 + n * 10),
            key: (n % 3 > 0).then(|| format!("key-{}", n % 2).into_bytes()),
            value: (n % 5 > 0).then(|| format!("value {n} {}", "x".repeat(40)).into_bytes()),
            headers: match n % 4 {
                3 if version != Version::V0_10 => {
                    vec![("h".to_owned(), Some(vec![1])), ("h".to_owned(), None)]
                }
                _ => vec![],
            },
        })
        .collect()
}

fn codecs(version: Version) -> impl Iterator<Item = Compression> {
    let zstd = !matches!(version, Version::V0_10 | Version::V0_11);
    Compression::ALL.into_iter().filter(move |codec| zstd || *codec != Compression::Zstd)
}

fn ours_and_java_read_what_we_write(broker: &Kafka) {
    let (version, client) = (broker.version(), client(broker));
    let topic: Arc<str> = broker.unique("ours").into();
    create(&client, &topic, 1, &[("retention.ms", "-1")]);
    let producer = client.producer(unparker());
    let mut written = Vec::new();
    for codec in codecs(version) {
        let records = samples(version, written.len() as i64, 25);
        producer.send(&topic, 0, sealed(&records, codec), 0).unwrap();
        written.extend(records);
    }
    delivered(&producer, written.len());
    assert_eq!(producer.lacks_idempotence(), version == Version::V0_10);
    let (read_back, types) = read(&client, &topic, 0, written.len());
    assert_eq!(read_back, written, "{version}");
    assert_eq!(types, [TimestampType::CreateTime]);
    // From the middle of a batch, compressed or not.
    for from in [7, 33, 60, 80] {
        let (rest, _) = read(&client, &topic, from, written.len() - from as usize);
        assert_eq!(rest, written[from as usize..], "{version} from {from}");
    }
    let java = broker.bridge().read(&topic, Isolation::ReadUncommitted).unwrap();
    assert_eq!(java, written, "{version}");
}

fn we_read_what_java_writes(broker: &Kafka) {
    let (version, client) = (broker.version(), client(broker));
    let topic = broker.unique("java");
    create(&client, &topic, 1, &[("retention.ms", "-1")]);
    let mut written = samples(version, 0, 30);
    broker.bridge().produce(&topic, &written).unwrap();
    if version == Version::V0_10 {
        for codec in ["gzip", "snappy", "lz4"] {
            let records = samples(version, written.len() as i64, 30);
            let properties = [
                ("compression.type", codec),
                ("enable.idempotence", "false"),
                ("linger.ms", "200"),
            ];
            let mut java = Bridge::start(broker, &properties).unwrap();
            java.produce(&topic, &records).unwrap();
            written.extend(records);
        }
    }
    assert_eq!(read(&client, &topic, 0, written.len()).0, written, "{version}");
}

fn append_time_is_the_time_of_every_record(broker: &Kafka) {
    let (version, client) = (broker.version(), client(broker));
    let topic: Arc<str> = broker.unique("append").into();
    let configs = [("message.timestamp.type", "LogAppendTime"), ("retention.ms", "-1")];
    create(&client, &topic, 1, &configs);
    let before = now_millis();
    let producer = client.producer(unparker());
    for codec in [Compression::None, Compression::Lz4] {
        producer.send(&topic, 0, sealed(&samples(version, 0, 10), codec), 0).unwrap();
        delivered(&producer, 10);
    }
    let (records, types) = read(&client, &topic, 0, 20);
    assert_eq!(types, [TimestampType::LogAppendTime], "{version}");
    let times: Vec<i64> = records.iter().filter_map(|record| record.timestamp).collect();
    assert!(times.iter().all(|time| *time >= before), "{version}: {times:?}");
    let java = broker.bridge().read(&topic, Isolation::ReadUncommitted).unwrap();
    assert_eq!(java, records, "{version}");
}

/// Messages of format v0: what brokers of 0.9 and older wrote, and newer ones keep.
fn messages_without_timestamps(broker: &Kafka) {
    let client = client(broker);
    let topic: Arc<str> = broker.unique("v0").into();
    create(&client, &topic, 1, &[("message.format.version", "0.9.0"), ("retention.ms", "-1")]);
    let producer = client.producer(unparker());
    let mut written = Vec::new();
    for codec in codecs(Version::V0_10) {
        let records = samples(Version::V0_10, written.len() as i64, 20);
        producer.send(&topic, 0, sealed(&records, codec), 0).unwrap();
        written.extend(records);
    }
    delivered(&producer, written.len());
    for record in &mut written {
        record.timestamp = Some(-1);
        record.headers.clear();
    }
    let (records, types) = read(&client, &topic, 0, written.len());
    assert_eq!((records, types), (written.clone(), vec![TimestampType::NoTimestamp]));
    assert_eq!(read(&client, &topic, 27, 53).0, written[27..]);
}

fn offsets_by_end_and_time(broker: &Kafka) {
    let (version, client) = (broker.version(), client(broker));
    let topic: Arc<str> = broker.unique("list").into();
    create(&client, &topic, 1, &[("retention.ms", "-1")]);
    let producer = client.producer(unparker());
    let records = samples(version, 0, 10);
    producer.send(&topic, 0, sealed(&records, Compression::None), 0).unwrap();
    delivered(&producer, 10);
    let tp = TopicPartition::new(&*topic, 0);
    for (spec, offset) in [
        (OffsetSpec::Earliest, Some(0)),
        (OffsetSpec::Latest, Some(10)),
        (OffsetSpec::Timestamp(0), Some(0)),
        (OffsetSpec::Timestamp(1_500_000_000_045), Some(5)),
        (OffsetSpec::Timestamp(1_600_000_000_000), None),
    ] {
        let listed = client.list_offsets(&[(tp.clone(), spec)], Level::ReadUncommitted);
        let listed = listed.wait(PATIENCE).unwrap().unwrap();
        assert_eq!(listed[&tp].offset, offset, "{version}: {spec:?}");
    }
    let mut consumer = client.consumer(unparker());
    consumer.assign(&[(tp, 99)]);
    match next(&mut consumer) {
        Fetched::Failed(failed) => assert_eq!(
            failed.error.kind(),
            &ErrorKind::OffsetOutOfRange { offset: 99, earliest: 0, latest: 10 },
            "{version}"
        ),
        Fetched::Data(data) => panic!("{data:?}"),
    }
}

fn offsets_of_a_group(broker: &Kafka) {
    let (version, client) = (broker.version(), client(broker));
    let (topic, group) = (broker.unique("groups"), broker.unique("group"));
    create(&client, &topic, 2, &[]);
    let none = client.offset_fetch(&group, None).wait(PATIENCE).unwrap().unwrap();
    assert!(none.is_empty(), "{version}: {none:?}");
    let tp = TopicPartition::new(topic.as_str(), 1);
    let offset = CommittedOffset { offset: 42, leader_epoch: -1, metadata: "epoch=7".to_owned() };
    client.offset_commit(&group, &[(tp.clone(), offset.clone())]).wait(PATIENCE).unwrap().unwrap();
    let asked = [TopicPartition::new(topic.as_str(), 0), tp.clone()];
    for asked in [None, Some(&asked[..])] {
        let stored = client.offset_fetch(&group, asked).wait(PATIENCE).unwrap().unwrap();
        assert_eq!(stored.into_iter().collect::<Vec<_>>(), [(tp.clone(), offset.clone())]);
    }
    assert_eq!(broker.bridge().committed(&group, &topic, 1).unwrap(), Some(42), "{version}");
}

fn topics_are_managed(broker: &Kafka) {
    let (version, client) = (broker.version(), client(broker));
    let topic = broker.unique("admin");
    create(&client, &topic, 1, &[("cleanup.policy", "compact")]);
    let grown = client.create_partitions(&topic, 3).wait(PATIENCE).unwrap();
    let partitions = if matches!(version, Version::V0_10 | Version::V0_11) {
        let error = grown.unwrap_err();
        assert!(error.to_string().contains("does not offer CreatePartitions"), "{error}");
        1
    } else {
        assert_eq!(grown.unwrap(), [(topic.clone(), Ok(()))], "{version}");
        3
    };
    let all = client.all_topics().wait(PATIENCE).unwrap().unwrap();
    let info = all.iter().find(|info| *info.name == *topic).unwrap();
    assert_eq!(info.partitions.len(), partitions, "{version}");
    let defaults = client.create_topics(&[NewTopic::new(broker.unique("defaults"), 1)]);
    let defaults = defaults.wait(PATIENCE).unwrap();
    if matches!(version, Version::V0_10 | Version::V0_11) {
        let error = defaults.unwrap_err();
        assert!(error.to_string().contains("before Kafka 2.4"), "{error}");
    } else {
        assert!(defaults.unwrap()[0].1.is_ok(), "{version}");
    }
    let gone = client.delete_topics(&[&topic]).wait(PATIENCE).unwrap().unwrap();
    assert_eq!(gone, [(topic, Ok(()))], "{version}");
}

fn what_the_old_format_lacks_is_refused(broker: &Kafka) {
    let client = client(broker);
    let topic: Arc<str> = broker.unique("refused").into();
    create(&client, &topic, 1, &[]);
    let producer = client.producer(unparker());
    let headers = BridgeRecord {
        value: Some(vec![1]),
        headers: vec![("h".to_owned(), None)],
        ..BridgeRecord::default()
    };
    let plain = BridgeRecord { value: Some(vec![1]), ..BridgeRecord::default() };
    for (batch, reason) in [
        (sealed(&[headers], Compression::None), "record headers need message format v2"),
        (sealed(&[plain], Compression::Zstd), "zstd"),
    ] {
        producer.send(&topic, 0, batch, 0).unwrap();
        let error = loop {
            match producer.poll() {
                Some(ProduceEvent::Failed { error, possibly_written: false, .. }) => break error,
                Some(event) => panic!("{event:?}"),
                None => std::thread::park_timeout(PATIENCE),
            }
        };
        assert!(error.to_string().contains(reason), "{error}");
    }
}

fn every_feature(version: Version) {
    let Some(broker) = broker(version) else { return };
    ours_and_java_read_what_we_write(broker);
    we_read_what_java_writes(broker);
    append_time_is_the_time_of_every_record(broker);
    offsets_by_end_and_time(broker);
    offsets_of_a_group(broker);
    topics_are_managed(broker);
    if version == Version::V0_10 {
        messages_without_timestamps(broker);
        what_the_old_format_lacks_is_refused(broker);
    }
}

#[test]
fn kafka_newest() {
    every_feature(Version::Newest);
}

#[test]
fn kafka_3_9() {
    every_feature(Version::V3_9);
}

#[test]
fn kafka_2_8() {
    every_feature(Version::V2_8);
}

#[test]
fn kafka_0_11() {
    every_feature(Version::V0_11);
}

#[test]
fn kafka_0_10() {
    every_feature(Version::V0_10);
}

/// The broker is killed and started again under load: everything is there, in order. Only a broker
/// without idempotence may have some of it twice.
#[test]
fn old_brokers_that_are_killed_lose_nothing() {
    for version in [Version::V0_10, Version::V0_11, Version::V2_8] {
        if !services::all(&format!("a restart of {version}")) {
            return;
        }
        // What the broker acknowledged must survive the kill: the page cache does.
        let broker = Kafka::start(&KafkaConfig::new(version)).unwrap();
        let client = client(&broker);
        let topic: Arc<str> = "restart".into();
        create(&client, &topic, 1, &[("retention.ms", "-1")]);
        let producer = client.producer(unparker());
        for n in 0..300_u64 {
            if n == 100 {
                delivered(&producer, 50);
                broker.kill().unwrap();
            }
            if n == 200 {
                broker.restart().unwrap();
            }
            let record = BridgeRecord {
                timestamp: Some(now_millis()),
                value: Some(n.to_string().into_bytes()),
                ..BridgeRecord::default()
            };
            producer.send(&topic, 0, sealed(&[record], Compression::None), n).unwrap();
        }
        delivered(&producer, 250);
        let end = client
            .list_offsets(
                &[(TopicPartition::new(&*topic, 0), OffsetSpec::Latest)],
                Level::ReadUncommitted,
            )
            .wait(PATIENCE)
            .unwrap()
            .unwrap();
        let end = end.values().next().and_then(|listed| listed.offset).unwrap();
        let (records, _) = read(&client, &topic, 0, end as usize);
        let mut values: Vec<u64> = records
            .iter()
            .map(|r| String::from_utf8_lossy(r.value.as_deref().unwrap()).parse().unwrap())
            .collect();
        if version != Version::V0_10 {
            assert_eq!(end, 300, "{version}: nothing twice");
        }
        values.dedup();
        assert!(values.iter().copied().eq(0..300), "{version}: {values:?}");
    }
}
