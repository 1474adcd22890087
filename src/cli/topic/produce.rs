//! `brooklet topic produce`: kcat's producer mode.
//!
//! A thread reads standard input in chunks, the main thread cuts them into lines and appends each to the open batch of
//! its partition. Memory is bounded by the chunks on their way and `buffer.memory`.

use super::format::unescape;
use super::lines::Lines;
use super::wall_clock_millis;
use crate::base::{Error, ErrorKind};
use crate::cli::args::ProduceArguments;
use crate::cli::cluster::{Bell, Connection, Failure, STOP_POLL, chosen};
use crate::cli::status::say;
use brooklet_kafka::open_batches::{self, OpenBatches, Sealed};
use brooklet_kafka::partitioner::{Sticky, for_key};
use brooklet_kafka::producer::{ProduceEvent, Producer, SendError};
use brooklet_kafka::topic::PartitionInfo;
use brooklet_kafka::wire::records::{SealError, SealedBatch, record_size_bound};
use memchr::memmem::Finder;
use std::io::{self, Read as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

/// Bytes read at once.
const CHUNK_BYTES: usize = 256 << 10;

/// Chunks between the two threads.
const CHUNKS_MAX: usize = 4;

/// Target of a batch unless `batch.size` is set: Java's 16 KiB costs a round trip for every few hundred lines.
const BATCH_BYTES: usize = 256 << 10;

/// How long a line waits for more lines of its batch unless `linger.ms` is set.
const LINGER: Duration = Duration::from_millis(10);

/// Writes the lines of standard input; returns when all are acknowledged. Empty lines are skipped, as in kcat.
pub(super) fn produce(arguments: &ProduceArguments) -> Result<(), Failure> {
    let delimiter = arguments.key_delimiter.as_deref().map(unescape);
    if delimiter.as_deref().is_some_and(<[u8]>::is_empty) {
        return Err(Failure::Usage("-K needs at least one character".to_owned()));
    }
    let connection = Connection::open(&arguments.cluster)?;
    let topic = connection.topic(arguments.topic.name())?;
    chosen(&topic, arguments.partition)?;
    let config = connection.client.config();
    let linger = config.linger.unwrap_or(LINGER);
    let given = arguments.cluster.properties.iter().any(|(key, _)| key == "batch.size");
    let batch_bytes =
        if given { config.batch_size } else { BATCH_BYTES }.min(config.max_request_size);
    let open_bytes = open_batches::share(batch_bytes, config.buffer_memory);
    let sealed_bytes = config.buffer_memory - open_bytes;
    let bell: Arc<Bell> = Arc::default();
    let mut lines = Lines::new(config.max_request_size);
    let seed = wall_clock_millis().unsigned_abs() ^ u64::from(std::process::id());
    let mut writer = Writer {
        producer: connection.client.producer(bell.waker()).with_buffer(sealed_bytes),
        bell,
        topic: Arc::clone(&topic.name),
        delimiter: delimiter.map(|bytes| Finder::new(&bytes).into_owned()),
        fixed: arguments.partition,
        ignore_keys: config.partitioner_ignore_keys,
        open: OpenBatches::new(config, batch_bytes, open_bytes),
        partitions: 0,
        sticky: Sticky::new(batch_bytes, seed),
        sticky_partition: None,
        available: Vec::new(),
        now: 0,
        sent: 0,
        acknowledged: 0,
        empty: 0,
    };
    writer.learn(&topic.partitions);
    let watch = connection.client.watch(&topic.name);
    let input = Input::start()?;
    let mut flushed_at = Instant::now();
    while !connection.is_stopping() {
        let patience = match writer.open.is_empty() {
            true => STOP_POLL,
            false => linger.saturating_sub(flushed_at.elapsed()).min(STOP_POLL),
        };
        match input.next(patience) {
            Next::Chunk(chunk) => {
                let chunk = chunk.map_err(|error| {
                    Error::new(ErrorKind::External, format!("cannot read standard input: {error}"))
                })?;
                writer.now = wall_clock_millis();
                if let Some(partitions) = watch.partitions() {
                    writer.learn(&partitions);
                }
                lines.feed(&chunk, |line| writer.line(line))?;
                input.give_back(chunk);
            }
            Next::Nothing => {}
            Next::End => {
                lines.finish(|line| writer.line(line))?;
                break;
            }
        }
        if flushed_at.elapsed() >= linger {
            writer.seal_all()?;
            flushed_at = Instant::now();
        }
        writer.take_events()?;
    }
    writer.finish()?;
    let skipped = match writer.empty {
        0 => String::new(),
        lines => format!(", {lines} empty lines skipped (as in kcat)"),
    };
    let written = writer.acknowledged;
    say(&format!("[INFO] {written} records written to topic '{}'{skipped}", topic.name));
    Ok(())
}

/// Standard input, read ahead on a thread of its own, so that a signal is seen while nothing comes in.
#[derive(Debug)]
struct Input {
    chunks: Receiver<io::Result<Vec<u8>>>,
    used: std::sync::mpsc::Sender<Vec<u8>>,
}

enum Next {
    Chunk(io::Result<Vec<u8>>),
    Nothing,
    End,
}

impl Input {
    fn start() -> Result<Input, Failure> {
        let (send, chunks) = sync_channel(CHUNKS_MAX);
        let (used, reuse) = channel();
        std::thread::Builder::new()
            .name("stdin".to_owned())
            .spawn(move || read_all(&send, &reuse))
            .map_err(|error| {
                Error::new(ErrorKind::External, format!("cannot start a thread: {error}"))
            })?;
        Ok(Input { chunks, used })
    }

    fn next(&self, patience: Duration) -> Next {
        match self.chunks.recv_timeout(patience) {
            Ok(chunk) => Next::Chunk(chunk),
            Err(RecvTimeoutError::Timeout) => Next::Nothing,
            Err(RecvTimeoutError::Disconnected) => Next::End,
        }
    }

    fn give_back(&self, chunk: Vec<u8>) {
        // A reader that has ended needs no more memory.
        drop(self.used.send(chunk));
    }
}

fn read_all(send: &SyncSender<io::Result<Vec<u8>>>, reuse: &Receiver<Vec<u8>>) {
    let mut stdin = io::stdin().lock();
    loop {
        let mut chunk = reuse.try_recv().unwrap_or_default();
        chunk.resize(CHUNK_BYTES, 0);
        let next = match stdin.read(&mut chunk) {
            Ok(0) => return,
            Ok(bytes) => {
                chunk.truncate(bytes);
                Ok(chunk)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = next.is_err();
        if send.send(next).is_err() || failed {
            return;
        }
    }
}

/// Lines to batches.
#[derive(Debug)]
struct Writer {
    producer: Producer,
    bell: Arc<Bell>,
    topic: Arc<str>,
    delimiter: Option<Finder<'static>>,
    /// The partition of `-p`.
    fixed: Option<i32>,
    ignore_keys: bool,
    /// By partition.
    open: OpenBatches<i32>,
    partitions: u32,
    sticky: Sticky,
    sticky_partition: Option<i32>,
    /// Partitions that have a leader.
    available: Vec<i32>,
    /// Timestamp of the lines of this chunk, milliseconds since 1970 UTC.
    now: i64,
    sent: u64,
    acknowledged: u64,
    /// Empty lines, which are skipped.
    empty: u64,
}

impl Writer {
    fn learn(&mut self, partitions: &[PartitionInfo]) {
        self.available.clear();
        self.available
            .extend(partitions.iter().filter(|p| p.leader.is_some()).map(|p| p.partition));
        self.partitions = self.partitions.max(u32::try_from(partitions.len()).unwrap_or(u32::MAX));
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Failure> {
        if line.is_empty() {
            self.empty += 1;
            return Ok(());
        }
        let split = self.delimiter.as_ref().and_then(|finder| {
            let at = finder.find(line)?;
            Some((line.get(..at)?, line.get(at + finder.needle().len()..)?))
        });
        let (key, value) = match split {
            Some((key, value)) => (Some(key), value),
            None => (None, line),
        };
        let bound = record_size_bound(key, Some(value), &[]);
        let partition = self.partition(key, bound)?;
        if !self.append(partition, bound, key, value)? {
            self.seal(partition)?;
            self.append(partition, bound, key, value)?;
        }
        if self.open.is_over() {
            let sealed = self.open.relieve().map_err(not_sealed)?;
            return self.send_all(sealed);
        }
        Ok(())
    }

    fn append(
        &mut self,
        partition: i32,
        bound: usize,
        key: Option<&[u8]>,
        value: &[u8],
    ) -> Result<bool, Failure> {
        let appended = self.open.append(partition, bound, self.now, key, Some(value), &[]);
        appended.map_err(|error| {
            Error::new(ErrorKind::Data, format!("cannot write a line: {error}")).into()
        })
    }

    /// As Java's default partitioner.
    fn partition(&mut self, key: Option<&[u8]>, bytes: usize) -> Result<i32, Failure> {
        if let Some(fixed) = self.fixed {
            return Ok(fixed);
        }
        let partitions = self.partitions;
        if let Some(key) = key.filter(|_| !self.ignore_keys) {
            return Ok(for_key(key, partitions));
        }
        let next = self.sticky.next(bytes, &self.available, partitions);
        let last = self.sticky_partition.replace(next);
        if let Some(last) = last.filter(|last| *last != next) {
            self.seal(last)?;
        }
        Ok(next)
    }

    /// Closes a partition's open batch and hands it over.
    fn seal(&mut self, partition: i32) -> Result<(), Failure> {
        match self.open.seal(partition).map_err(not_sealed)? {
            Some(batch) => self.send(partition, batch),
            None => Ok(()),
        }
    }

    fn seal_all(&mut self) -> Result<(), Failure> {
        let sealed = self.open.seal_all().map_err(not_sealed)?;
        self.send_all(sealed)
    }

    fn send_all(&mut self, sealed: Sealed<i32>) -> Result<(), Failure> {
        sealed.into_iter().try_for_each(|(partition, batch)| self.send(partition, batch))
    }

    /// Waits for room if there is none: standard input then waits too.
    fn send(&mut self, partition: i32, mut batch: SealedBatch) -> Result<(), Failure> {
        self.sent += u64::try_from(batch.record_count()).unwrap_or(0);
        loop {
            match self.producer.send(&self.topic, partition, batch, 0) {
                Ok(()) => return Ok(()),
                Err(SendError::Full(back)) => {
                    batch = *back;
                    self.bell.wait(STOP_POLL);
                    self.take_events()?;
                }
                Err(error @ SendError::TooLarge { .. }) => {
                    return Err(Error::new(
                        ErrorKind::Data,
                        format!("a line is too long: {error}"),
                    )
                    .with_hint("raise it with -X max.request.size=BYTES")
                    .into());
                }
                Err(error @ SendError::Closed) => return Err(Error::internal(error).into()),
            }
        }
    }

    fn take_events(&mut self) -> Result<(), Failure> {
        while let Some(event) = self.producer.poll() {
            match event {
                ProduceEvent::Delivered { records, .. } => self.acknowledged += records as u64,
                ProduceEvent::Failed { partition, records, error, possibly_written, .. } => {
                    let maybe = if possibly_written { ", they may have been written" } else { "" };
                    let what = format!(
                        "{records} record(s) for partition {partition} were given up{maybe}; {} were written before",
                        self.acknowledged
                    );
                    return Err(error.context(what).into());
                }
            }
        }
        Ok(())
    }

    /// Sends what is open and waits until everything is acknowledged.
    fn finish(&mut self) -> Result<(), Failure> {
        self.seal_all()?;
        loop {
            self.take_events()?;
            if self.acknowledged >= self.sent {
                return Ok(());
            }
            self.bell.wait(STOP_POLL);
        }
    }
}

fn not_sealed(error: SealError) -> Error {
    Error::internal(format_args!("sealing a batch: {error}"))
}
