//! A cluster with a client for what tests put in and look at.

use brooklet_devbroker::{Config, DevBroker};
use brooklet_kafka::consumer::Fetched;
use brooklet_kafka::producer::ProduceEvent;
use brooklet_kafka::transaction::TransactionalProducer;
use brooklet_kafka::wire::compression::{Compression, Compressor, Decompressor};
use brooklet_kafka::wire::records::{BatchBuilder, Header};
use brooklet_kafka::{
    Client, ClientConfig, CommittedOffset, Isolation, Network, NewTopic, OffsetSpec, TopicPartition,
};
use brooklet_protocol_tests::proxy::Proxy;
use brooklet_protocol_tests::services::{self, Kafka, KafkaCluster, Kfake, Version};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A free port.
const LOOPBACK: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

/// `client.id` of the tests' own clients: faults of a proxy spare them.
pub(crate) const OBSERVER: &str = "observer-of-tests";

/// Nothing that a test asks of a broker takes longer, on a loaded machine.
const ANSWER: Duration = Duration::from_secs(60);
/// Decompressed bytes of one batch.
const BATCH_BYTES_MAX: usize = 64 << 20;

/// One record, as written or read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rec {
    pub(crate) partition: i32,
    /// Where it was read.
    pub(crate) offset: i64,
    /// Milliseconds since 1970 UTC; when writing, `None` is now.
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Rec {
    /// A value in partition 0.
    pub(crate) fn value(value: impl AsRef<[u8]>) -> Rec {
        Rec { value: Some(value.as_ref().to_vec()), ..Rec::default() }
    }

    /// The value as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(self.value.as_deref().unwrap_or_default()).into_owned()
    }
}

/// A broker that tests use; an embedded one ends with it.
#[derive(Debug)]
pub(crate) struct Cluster {
    bootstrap: String,
    /// Of the topics that it creates; −1 is the brokers' default.
    replication: i16,
    client: Client,
    /// Writes; replaced when a topic grows, because a client learns of new partitions only after a while.
    writer: Mutex<Client>,
    _embedded: Option<DevBroker>,
}

impl Cluster {
    /// A fresh embedded broker in this process, so that it survives the programs under test.
    pub(crate) fn embedded() -> Cluster {
        Cluster::embedded_with(Config::default())
    }

    /// The same as it is configured.
    pub(crate) fn embedded_with(config: Config) -> Cluster {
        let broker = DevBroker::start(LOOPBACK, config).expect("the broker starts");
        let bootstrap = broker.bootstrap();
        Cluster::of(bootstrap, Some(broker))
    }

    /// The same behind a proxy, which its clients come through.
    pub(crate) fn embedded_behind(mut config: Config, proxy: &Proxy) -> Cluster {
        config.behind = Some(proxy.address());
        let broker = DevBroker::start(LOOPBACK, config).expect("the broker starts");
        proxy.set_target(broker.address());
        Cluster::of(proxy.address().to_string(), Some(broker))
    }

    /// The newest Apache Kafka; `None` says that it is not there and the test ends early.
    pub(crate) fn apache() -> Option<Cluster> {
        let bootstrap = services::kafka(Version::Newest)?.bootstrap().to_owned();
        Some(Cluster::of(bootstrap, None))
    }

    /// Another Apache Kafka.
    pub(crate) fn of_kafka(kafka: &Kafka) -> Cluster {
        Cluster::of(kafka.bootstrap().to_owned(), None)
    }

    /// A kfake, which the caller keeps.
    pub(crate) fn of_kfake(kfake: &Kfake) -> Cluster {
        Cluster::of(kfake.bootstrap().to_owned(), None)
    }

    /// Several brokers: topics are created with as many replicas as these want.
    pub(crate) fn of_brokers(cluster: &KafkaCluster) -> Cluster {
        Cluster { replication: -1, ..Cluster::of(cluster.bootstrap(), None) }
    }

    fn of(bootstrap: String, embedded: Option<DevBroker>) -> Cluster {
        let writer = Mutex::new(client(&bootstrap));
        Cluster {
            client: client(&bootstrap),
            writer,
            bootstrap,
            replication: 1,
            _embedded: embedded,
        }
    }

    /// `host:port`.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// A name that no other test and no other run uses.
    pub(crate) fn unique(stem: &str) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        format!("{stem}-{}-{number}", std::process::id())
    }

    /// Creates a topic under a unique name.
    pub(crate) fn topic(&self, stem: &str, partitions: i32) -> String {
        let name = Cluster::unique(stem);
        self.create(&name, partitions, &[]);
        name
    }

    /// Creates a topic under this very name.
    pub(crate) fn create(&self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        let mut topic = NewTopic::new(name, partitions);
        topic.configs = configs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        topic.replication_factor = self.replication;
        let created = self.client.create_topics(&[topic]).wait(ANSWER).expect("an answer").unwrap();
        for (name, result) in created {
            result.unwrap_or_else(|error| panic!("topic {name}: {error}"));
        }
    }

    /// Deletes a topic.
    pub(crate) fn delete(&self, topic: &str) {
        let answer = self.client.delete_topics(&[topic]).wait(ANSWER);
        for (name, result) in answer.expect("an answer").unwrap() {
            result.unwrap_or_else(|error| panic!("deleting {name}: {error}"));
        }
        *lock(&self.writer) = client(&self.bootstrap);
    }

    /// Raises the number of partitions.
    pub(crate) fn grow(&self, topic: &str, partitions: i32) {
        let answer = self.client.create_partitions(topic, partitions).wait(ANSWER);
        for (name, result) in answer.expect("an answer").unwrap() {
            result.unwrap_or_else(|error| panic!("partitions of {name}: {error}"));
        }
        *lock(&self.writer) = client(&self.bootstrap);
    }

    /// Writes records, one batch for each partition, and waits until they are there.
    pub(crate) fn produce(&self, topic: &str, records: &[Rec]) {
        let mut partitions: BTreeMap<i32, Vec<&Rec>> = BTreeMap::new();
        for record in records {
            partitions.entry(record.partition).or_default().push(record);
        }
        let (waker, woken) = waker();
        let producer = lock(&self.writer).producer(waker);
        let name: Arc<str> = topic.into();
        for (partition, records) in &partitions {
            let mut builder = BatchBuilder::new(Compression::None, 1 << 20);
            for record in records {
                let headers: Vec<Header<'_>> = record
                    .headers
                    .iter()
                    .map(|(key, value)| Header { key: key.as_bytes(), value: value.as_deref() })
                    .collect();
                let timestamp = record.timestamp.unwrap_or_else(super::now_millis);
                let (key, value) = (record.key.as_deref(), record.value.as_deref());
                builder.append(timestamp, key, value, &headers).expect("a record");
            }
            let batch = builder.seal(&mut Compressor::new()).expect("a batch");
            producer.send(&name, *partition, batch, 0).expect("room");
        }
        let mut missing = records.len();
        while missing > 0 {
            match producer.poll() {
                Some(ProduceEvent::Delivered { records, .. }) => missing -= records,
                Some(ProduceEvent::Failed { partition, error, .. }) => {
                    panic!("writing to {partition}: {error}")
                }
                None => woken.recv_timeout(ANSWER).expect("an answer to a produce request"),
            }
        }
    }

    /// Writes one value a line to partition 0.
    pub(crate) fn produce_lines(&self, topic: &str, lines: &[&str]) {
        let records: Vec<Rec> = lines.iter().map(Rec::value).collect();
        self.produce(topic, &records);
    }

    /// Writes one value to partition 0 in a transaction, which stays open.
    pub(crate) fn open_transaction(
        &self,
        id: &str,
        topic: &str,
        value: &str,
    ) -> TransactionalProducer {
        let (waker, woken) = waker();
        let producer = self.client.transactional_producer(id, ANSWER, waker);
        producer.init().wait(ANSWER).expect("an answer").expect("a producer id");
        let mut builder = BatchBuilder::new(Compression::None, 1 << 20);
        builder.append(super::now_millis(), None, Some(value.as_bytes()), &[]).expect("a record");
        let batch = builder.seal(&mut Compressor::new()).expect("a batch");
        producer.send(&topic.into(), 0, batch, 0).expect("room");
        loop {
            match producer.poll() {
                Some(ProduceEvent::Delivered { .. }) => return producer,
                Some(ProduceEvent::Failed { error, .. }) => panic!("writing: {error}"),
                None => woken.recv_timeout(ANSWER).expect("an answer to a produce request"),
            }
        }
    }

    /// Whether there is such a topic.
    pub(crate) fn exists(&self, topic: &str) -> bool {
        let described = self.client.metadata(&[topic]).wait(ANSWER).expect("an answer").unwrap();
        described.into_iter().all(|(_, topic)| topic.is_ok())
    }

    fn partitions(&self, topic: &str) -> Vec<TopicPartition> {
        let described = self.client.metadata(&[topic]).wait(ANSWER).expect("an answer").unwrap();
        let info = described.into_iter().next().unwrap().1;
        let info = info.unwrap_or_else(|error| panic!("topic {topic}: {error}"));
        info.partitions.iter().map(|p| TopicPartition::new(topic, p.partition)).collect()
    }

    fn offsets(
        &self,
        partitions: &[TopicPartition],
        spec: OffsetSpec,
        isolation: Isolation,
    ) -> BTreeMap<i32, i64> {
        let asked: Vec<_> = partitions.iter().map(|tp| (tp.clone(), spec)).collect();
        let listed = self.client.list_offsets(&asked, isolation).wait(ANSWER);
        let listed = listed.expect("an answer").unwrap();
        listed.into_iter().map(|(tp, listed)| (tp.partition, listed.offset.unwrap_or(0))).collect()
    }

    /// Ends of the partitions.
    pub(crate) fn ends(&self, topic: &str) -> BTreeMap<i32, i64> {
        self.offsets(&self.partitions(topic), OffsetSpec::Latest, Isolation::ReadUncommitted)
    }

    /// Waits until the broker has closed the connections that programs closed or left when they were killed: by then it
    /// has done all that they had asked. Where the system does not list its connections, does nothing.
    pub(crate) fn forget_the_dead(&self) {
        let deadline = Instant::now() + ANSWER;
        let mut dead = half_closed(&self.bootstrap);
        while !dead.is_empty() {
            assert!(Instant::now() < deadline, "connections stay half closed: {dead:?}");
            std::thread::sleep(Duration::from_millis(5));
            let still = half_closed(&self.bootstrap);
            dead.retain(|connection| still.contains(connection));
        }
    }

    /// Everything from the beginning of a topic to its end at this moment, by partition and offset.
    pub(crate) fn read(&self, topic: &str) -> Vec<Rec> {
        self.collect(topic, Isolation::ReadUncommitted)
    }

    /// Waits until no transaction of the topic is open: Kafka answers EndTxn before its markers are written.
    pub(crate) fn settle(&self, topic: &str) {
        let deadline = Instant::now() + ANSWER;
        let stable =
            |isolation| self.offsets(&self.partitions(topic), OffsetSpec::Latest, isolation);
        while stable(Isolation::ReadCommitted) != stable(Isolation::ReadUncommitted) {
            assert!(Instant::now() < deadline, "topic {topic}: a transaction stays open");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The same of committed transactions only, up to the first one that is open.
    pub(crate) fn read_committed(&self, topic: &str) -> Vec<Rec> {
        self.collect(topic, Isolation::ReadCommitted)
    }

    fn collect(&self, topic: &str, isolation: Isolation) -> Vec<Rec> {
        let mut records = Vec::new();
        self.scan(topic, isolation, &mut BTreeMap::new(), |record| records.push(record));
        records.sort_by_key(|record| (record.partition, record.offset));
        records
    }

    /// Reads what is there at this moment from `positions` on, or from the beginning of partitions that are not in it,
    /// and moves them behind it. Records of a partition come in order.
    pub(crate) fn scan(
        &self,
        topic: &str,
        isolation: Isolation,
        positions: &mut BTreeMap<i32, i64>,
        mut take: impl FnMut(Rec),
    ) {
        let partitions = self.partitions(topic);
        let mut starts = self.offsets(&partitions, OffsetSpec::Earliest, isolation);
        starts.extend(positions.iter());
        let mut ends = self.offsets(&partitions, OffsetSpec::Latest, isolation);
        positions.extend(&ends);
        ends.retain(|partition, end| *end > starts[partition]);
        if ends.is_empty() {
            return;
        }
        let committed = match isolation {
            Isolation::ReadUncommitted => None,
            Isolation::ReadCommitted => {
                Some(client_with(&self.bootstrap, &[("isolation.level", "read_committed")]))
            }
        };
        let client = committed.as_ref().unwrap_or(&self.client);
        let positions: Vec<_> =
            ends.keys().map(|p| (TopicPartition::new(topic, *p), starts[p])).collect();
        let (waker, woken) = waker();
        let mut consumer = client.consumer(waker);
        consumer.assign(&positions);
        while !ends.is_empty() {
            let data = match consumer.poll() {
                Some(Fetched::Data(data)) => data,
                Some(Fetched::Failed(failed)) => {
                    panic!("reading {}: {}", failed.partition, failed.error)
                }
                None => {
                    woken.recv_timeout(ANSWER).expect("an answer to a fetch request");
                    continue;
                }
            };
            let partition = data.partition.partition;
            let Some(end) = ends.get(&partition).copied() else { continue };
            let mut decompressor = Decompressor::new();
            let mut batches = data.batches(isolation, true);
            while let Some(batch) = batches.next_batch(&mut decompressor) {
                let batch = batch.expect("a sound batch");
                let slab = batch.records(&mut decompressor, BATCH_BYTES_MAX).expect("records");
                for record in &slab {
                    let record = record.expect("a sound record");
                    if record.offset >= data.fetch_offset && record.offset < end {
                        take(owned(partition, &record));
                    }
                }
            }
            if data.next_offset >= end {
                ends.remove(&partition);
            }
        }
    }

    /// Values of a topic as text, by partition and offset.
    pub(crate) fn values(&self, topic: &str) -> Vec<String> {
        self.read(topic).iter().map(Rec::text).collect()
    }

    /// What a group committed for a topic, by partition.
    pub(crate) fn committed(&self, group: &str, topic: &str) -> BTreeMap<i32, CommittedOffset> {
        let answer = self.client.offset_fetch(group, None).wait(ANSWER).expect("an answer");
        answer
            .unwrap_or_else(|error| panic!("offsets of {group}: {error}"))
            .into_iter()
            .filter(|(tp, _)| &*tp.topic == topic)
            .map(|(tp, offset)| (tp.partition, offset))
            .collect()
    }

    /// Commits offsets of a group.
    pub(crate) fn commit(&self, group: &str, topic: &str, offsets: &[(i32, i64)]) {
        let offsets: Vec<_> =
            offsets.iter().map(|(p, offset)| (*p, CommittedOffset::new(*offset))).collect();
        self.commit_with(group, topic, &offsets);
    }

    /// Commits offsets of a group with their metadata.
    pub(crate) fn commit_with(&self, group: &str, topic: &str, offsets: &[(i32, CommittedOffset)]) {
        let offsets: Vec<_> =
            offsets.iter().map(|(p, at)| (TopicPartition::new(topic, *p), at.clone())).collect();
        self.client.offset_commit(group, &offsets).wait(ANSWER).expect("an answer").unwrap();
    }
}

fn lock(client: &Mutex<Client>) -> MutexGuard<'_, Client> {
    client.lock().unwrap_or_else(PoisonError::into_inner)
}

fn client(bootstrap: &str) -> Client {
    client_with(bootstrap, &[])
}

fn client_with(bootstrap: &str, more: &[(&str, &str)]) -> Client {
    let pairs = [("bootstrap.servers", bootstrap), ("client.id", OBSERVER)];
    let pairs = pairs.iter().chain(more).copied();
    let (config, _) = ClientConfig::parse(pairs).expect("a configuration");
    Client::new(config, &Network::tokio())
}

/// Connections with a broker that one side has closed, as Linux names their two ends.
fn half_closed(bootstrap: &str) -> Vec<String> {
    // FIN_WAIT1 and FIN_WAIT2 on the side that closed, CLOSE_WAIT on the other.
    const STATES: [&str; 3] = ["04", "05", "08"];
    let port = |broker: &str| broker.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    let ends: Vec<String> =
        bootstrap.split(',').filter_map(port).map(|port| format!(":{port:04X}")).collect();
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    let listed = read("/proc/net/tcp") + &read("/proc/net/tcp6");
    let connection = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().take(4).collect();
        let [_, local, remote, state] = fields[..] else { return None };
        let of_broker = ends.iter().any(|end| local.ends_with(end) || remote.ends_with(end));
        (of_broker && STATES.contains(&state)).then(|| format!("{local} {remote}"))
    };
    listed.lines().filter_map(connection).collect()
}

fn waker() -> (brooklet_kafka::pending::Waker, Receiver<()>) {
    let (sender, receiver) = channel();
    // After the end of the wait nobody listens any more.
    (Arc::new(move || sender.send(()).unwrap_or(())), receiver)
}

fn owned(partition: i32, record: &brooklet_kafka::wire::records::Record<'_>) -> Rec {
    let name = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
    Rec {
        partition,
        offset: record.offset,
        timestamp: Some(record.timestamp),
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: record.headers.map(|h| (name(h.key), h.value.map(<[u8]>::to_vec))).collect(),
    }
}
