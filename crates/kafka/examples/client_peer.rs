//! Consume and produce with this client: the same arguments and settings as `bench/peers/rdkafka`.
//!
//! `client_peer consume BOOTSTRAP TOPIC COUNT` reads COUNT records from the beginning.
//! `client_peer produce BOOTSTRAP TOPIC FILE` writes each line of FILE and waits for all
//! acknowledgements.
#![allow(clippy::print_stdout, reason = "the figures are the purpose")]

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use brooklet_kafka::consumer::Fetched;
use brooklet_kafka::pending::Waker;
use brooklet_kafka::producer::{ProduceEvent, Producer, SendError};
use brooklet_kafka::wire::compression::{Compression, Compressor, Decompressor};
use brooklet_kafka::wire::records::{BatchBuilder, record_size_bound};
use brooklet_kafka::{Client, ClientConfig, Isolation, Network, TopicPartition};

/// The allocator of the `brooklet` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// As in the other peers.
const BATCH_BYTES: usize = 262_144;
/// Bytes of a batch's records in memory, whatever the codec promises.
const DECOMPRESSED_MAX: usize = 64 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["consume", bootstrap, topic, count] => consume(bootstrap, topic, count.parse()?),
        ["produce", bootstrap, topic, file] => produce(bootstrap, topic, file),
        _ => Err("usage: client_peer consume BOOTSTRAP TOPIC COUNT | produce BOOTSTRAP TOPIC FILE"
            .into()),
    }
}

fn client(bootstrap: &str) -> Result<Client> {
    let (config, _) = ClientConfig::parse([("bootstrap.servers", bootstrap)])
        .map_err(|error| format!("{error:?}"))?;
    Ok(Client::new(config, &Network::tokio()))
}

/// Wakes this thread.
fn unparker() -> Waker {
    let thread = std::thread::current();
    Arc::new(move || thread.unpark())
}

/// Partition numbers of a topic that exists.
fn partitions(client: &Client, topic: &str) -> Result<Vec<i32>> {
    let described = client.metadata(&[topic]).wait(PATIENCE).ok_or("no metadata")??;
    let (_, info) = described.into_iter().next().ok_or("no topic")?;
    Ok(info?.partitions.iter().map(|p| p.partition).collect())
}

/// Sleeps until the waker is called.
fn park(since: Instant) -> Result<()> {
    if since.elapsed() > PATIENCE {
        return Err("nothing happened within 30 s".into());
    }
    std::thread::park_timeout(PATIENCE);
    Ok(())
}

fn consume(bootstrap: &str, topic: &str, count: u64) -> Result<()> {
    let client = client(bootstrap)?;
    let mut consumer = client.consumer(unparker());
    let positions: Vec<_> = partitions(&client, topic)?
        .into_iter()
        .map(|partition| (TopicPartition::new(topic, partition), 0))
        .collect();
    consumer.assign(&positions);
    let mut decompressor = Decompressor::default();
    let (mut records, mut bytes) = (0, 0);
    let mut last = Instant::now();
    while records < count {
        match consumer.poll() {
            None => park(last)?,
            Some(Fetched::Failed(failed)) => return Err(failed.error.to_string().into()),
            Some(Fetched::Data(data)) => {
                last = Instant::now();
                // librdkafka's `check.crcs` is off by default, Java's is on: checked here.
                let mut batches = data.batches(Isolation::ReadUncommitted, true);
                while let Some(batch) = batches.next_batch(&mut decompressor) {
                    let batch = batch.map_err(|error| error.to_string())?;
                    let mut reader = batch.records(&mut decompressor, DECOMPRESSED_MAX)?;
                    while let Some(record) = reader.next_record() {
                        let record = record?;
                        if record.offset >= data.fetch_offset {
                            records += 1;
                            bytes += record.value.map_or(0, <[u8]>::len);
                        }
                    }
                }
            }
        }
    }
    println!("{records} records, {bytes} bytes");
    Ok(())
}

/// The batches of one topic: full ones go round its partitions, as the sticky partitioners of
/// other clients do with records that have no key.
struct Writer {
    producer: Producer,
    topic: Arc<str>,
    partitions: Vec<i32>,
    sent: u64,
    decided: u64,
    builder: BatchBuilder,
    compressor: Compressor,
    /// Of the batch that is being filled.
    timestamp: i64,
}

impl Writer {
    fn append(&mut self, value: &[u8]) -> Result<()> {
        if !self.builder.has_room_for(record_size_bound(None, Some(value), &[])) {
            self.send()?;
        }
        if self.builder.is_empty() {
            self.timestamp = now_millis();
        }
        Ok(self.builder.append(self.timestamp, None, Some(value), &[])?)
    }

    fn send(&mut self) -> Result<()> {
        let mut batch = self.builder.seal(&mut self.compressor)?;
        let partition = self.partitions[self.sent as usize % self.partitions.len()];
        let since = Instant::now();
        loop {
            match self.producer.send(&self.topic, partition, batch, self.sent) {
                Ok(()) => break,
                Err(SendError::Full(back)) => batch = *back,
                Err(error) => return Err(error.into()),
            }
            if self.events()? == 0 {
                park(since)?;
            }
        }
        self.sent += 1;
        self.events()?;
        Ok(())
    }

    fn events(&mut self) -> Result<usize> {
        let mut count = 0;
        while let Some(event) = self.producer.poll() {
            count += 1;
            match event {
                ProduceEvent::Delivered { .. } => self.decided += 1,
                ProduceEvent::Failed { error, .. } => return Err(error.to_string().into()),
            }
        }
        Ok(count)
    }

    fn flush(&mut self) -> Result<()> {
        if !self.builder.is_empty() {
            self.send()?;
        }
        let since = Instant::now();
        while self.decided < self.sent {
            if self.events()? == 0 {
                park(since)?;
            }
        }
        Ok(())
    }
}

fn produce(bootstrap: &str, topic: &str, file: &str) -> Result<()> {
    let client = client(bootstrap)?;
    let mut writer = Writer {
        producer: client.producer(unparker()),
        topic: topic.into(),
        partitions: partitions(&client, topic)?,
        sent: 0,
        decided: 0,
        builder: BatchBuilder::new(Compression::None, BATCH_BYTES),
        compressor: Compressor::new(),
        timestamp: 0,
    };
    let mut lines = BufReader::with_capacity(1 << 20, File::open(file)?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let value = line.strip_suffix(b"\n").unwrap_or(&line);
        writer.append(value)?;
        line.clear();
    }
    writer.flush()
}

#[allow(clippy::disallowed_methods, reason = "records are stamped with the time of the machine")]
fn now_millis() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
