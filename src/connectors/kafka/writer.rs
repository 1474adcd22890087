//! Writes the rows of one worker: rows to records to batches, one open batch per partition.

use super::destination::{Destination, NotKnown, Parked};
use super::destinations::Destinations;
use super::encode::{Encodings, RecordEncoder};
use super::learned::{Extent, Learned};
use super::options::{Partitioning, SinkOptions, Topics, wrong_name};
use super::origins::{Origin, Origins};
use super::outlet::Outlet;
use super::partitioner::Partitioner;
use super::transaction::of_batch;
use super::upsert_buffer::{Held, UpsertBuffer};
use crate::base::{Error, ErrorKind, Result};
use crate::options::brief;
use crate::table::{
    Epoch, Guarantee, Instance, RecordPlace, Refused, SinkStats, Waker, WallClock, Warnings,
    Writer, WriterStatus,
};
use crate::types::{Batch, RowErrors};
use brooklet_kafka::open_batches::OpenBatches;
use brooklet_kafka::producer::{ProduceEvent, SendError};
use brooklet_kafka::wire::records::{
    AppendError, Header, SealError, SealedBatch, record_size_bound,
};
use brooklet_kafka::{Client, ErrorKind as KafkaErrorKind, TopicPartition};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often a writer looks whether its topic has come to exist.
const TOPIC_POLL: Duration = Duration::from_millis(20);

/// What a writer needs beside its options.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) instance: Instance,
    pub(super) batch_bytes: usize,
    /// Bytes that open batches may take.
    pub(super) open_bytes: usize,
    /// Bytes of sealed batches that may wait here while rows are still taken: those of the next epoch, while the last one
    /// is being committed.
    pub(super) held_bytes: usize,
    pub(super) seed: u64,
    pub(super) wall_clock: WallClock,
}

/// The writer; see the module.
pub(super) struct KafkaWriter {
    client: Client,
    outlet: Outlet,
    waker: Waker,
    encoder: RecordEncoder,
    route: Route,
    destinations: Destinations,
    /// When to look for topics that nothing was written to for a while.
    retire_at: Duration,
    partitioning: Partitioning,
    settings: Settings,
    guarantee: Guarantee,
    open: OpenBatches<Place>,
    now: Duration,
    /// Rows kept back by an upsert sink.
    buffer: Option<UpsertBuffer>,
    /// Batches that the producer's buffer had no room for, or whose epoch is not open yet, in order.
    waiting: VecDeque<(Place, SealedBatch, Epoch)>,
    waiting_bytes: usize,
    /// Records without acknowledgement by the epoch they belong to.
    outstanding: BTreeMap<Epoch, u64>,
    barrier: Epoch,
    finishing: bool,
    record_bytes_max: usize,
    stats: SinkStats,
    shared: Shared,
    /// Where rows that cannot be written do not hold up the others.
    origins: Option<Origins>,
    refused: Vec<Refused>,
    /// The brokers have refused a record for something that can be told of it before it is sent.
    has_learned: bool,
}

/// What all writers of a sink share, over the attempts of its job.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) notice: OldBrokers,
    pub(super) learned: Learned,
}

/// What is said once for all writers of a sink whose brokers are too old for idempotence.
#[derive(Clone, Debug)]
pub(super) struct OldBrokers {
    warnings: Warnings,
    said: Arc<AtomicBool>,
}

impl OldBrokers {
    pub(super) fn new(warnings: Warnings) -> OldBrokers {
        OldBrokers { warnings, said: Arc::default() }
    }

    fn say(&self, topic: &str) {
        if !self.said.swap(true, Ordering::Relaxed) {
            self.warnings.warn(&format!(
                "writing to topic '{topic}' without idempotence, which its brokers lack (Kafka before 0.11): a record \
                 may be written twice when a connection breaks"
            ));
        }
    }
}

/// How rows find their topic.
#[derive(Clone, Debug)]
enum Route {
    /// There is only one, the first destination.
    Single,
    /// A column names it; it must be one of these.
    Column(Topics),
}

/// A destination by its number, and a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    destination: usize,
    partition: i32,
}

impl Place {
    /// All partitions of a destination.
    fn all_of(destination: usize) -> RangeInclusive<Place> {
        Place { destination, partition: 0 }..=Place { destination, partition: i32::MAX }
    }
}

/// A record on its way into a batch.
#[derive(Clone, Debug)]
struct Outgoing<'a> {
    timestamp: i64,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: &'a [Header<'a>],
    /// What it was made of, where that is kept in mind.
    place: Option<RecordPlace>,
}

impl std::fmt::Debug for KafkaWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaWriter")
            .field("destinations", &self.destinations)
            .field("outstanding", &self.outstanding)
            .field("barrier", &self.barrier)
            .finish_non_exhaustive()
    }
}

impl KafkaWriter {
    pub(super) fn new(
        client: Client,
        outlet: Outlet,
        encoder: RecordEncoder,
        options: &SinkOptions,
        settings: Settings,
        shared: Shared,
        waker: Waker,
    ) -> KafkaWriter {
        let config = client.config();
        let record_bytes_max = config.max_request_size;
        let open = OpenBatches::new(config, settings.batch_bytes, settings.open_bytes);
        let mut writer = KafkaWriter {
            outlet,
            waker,
            encoder,
            route: Route::Column(options.topics.clone()),
            destinations: Destinations::default(),
            retire_at: Duration::ZERO,
            partitioning: options.partitioner.clone(),
            settings,
            guarantee: options.guarantee,
            open,
            now: Duration::ZERO,
            buffer: options.buffer.map(UpsertBuffer::new),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            outstanding: BTreeMap::new(),
            barrier: 0,
            finishing: false,
            record_bytes_max,
            stats: SinkStats::default(),
            shared,
            origins: None,
            refused: Vec::new(),
            has_learned: false,
            client,
        };
        // With a single topic no column can name one, as in Flink.
        if let Some(topic) = options.topics.single() {
            writer.route = Route::Single;
            writer.add_destination(topic);
        }
        writer
    }

    fn add_destination(&mut self, topic: &str) -> usize {
        let Settings { instance, batch_bytes, seed, .. } = &self.settings;
        let seed = seed ^ ((self.destinations.len() as u64) << 32);
        let partitioner = Partitioner::new(&self.partitioning, instance, *batch_bytes, seed);
        let mut destination = Destination::new(topic, partitioner, &self.client, &self.waker);
        // It may be known from another table; if not, the wait for it begins with the next poll.
        destination.learn(&self.client);
        destination.too_large = self.shared.learned.too_large(topic);
        destination.used_at = self.now;
        self.destinations.add(destination)
    }

    /// Forgets the state of topics that [are to retire](Destinations::to_retire).
    fn retire(&mut self) -> Result<()> {
        let is_over = self.destinations.are_too_many();
        if matches!(self.route, Route::Single) || !is_over && self.now < self.retire_at {
            return Ok(());
        }
        if is_over {
            // What is held for them goes out, so that they come to rest.
            self.drain()?;
            self.seal_all()?;
        }
        let max_idle = self.client.config().metadata_max_idle;
        self.retire_at = self.now + max_idle;
        let held = self.buffer.as_ref().map(UpsertBuffer::destinations).unwrap_or_default();
        let is_held = |at| held.contains(&at) || !self.open.are_empty(Place::all_of(at));
        for at in self.destinations.to_retire(self.now, max_idle, is_held) {
            self.forget(at);
        }
        Ok(())
    }

    fn forget(&mut self, at: usize) {
        self.open.remove(Place::all_of(at));
        if let (Some(gone), Some(origins)) = (self.destinations.remove(at), &mut self.origins) {
            origins.forget(&gone.topic);
        }
    }

    /// The destination of a row; what is wrong with its topic otherwise.
    fn route(&mut self, topic: Option<&str>) -> std::result::Result<usize, String> {
        let Route::Column(allowed) = &self.route else { return Ok(0) };
        let Some(topic) = topic else {
            return Err("the topic of the sink record is not valid: expected a topic but column 'topic' is NULL".into());
        };
        if let Some(at) = self.destinations.find(topic) {
            return Ok(at);
        }
        allowed.check(topic)?;
        if let Some(problem) = wrong_name(topic) {
            return Err(format!(
                "the topic of the sink record is not valid: '{}' is no name of a topic: {problem}",
                brief(topic)
            ));
        }
        if let Some(problem) = self.shared.learned.absent(topic) {
            return Err(problem);
        }
        Ok(self.add_destination(topic))
    }

    /// Finds the rows that cannot be written, without writing any.
    fn check(&mut self, rows: &Encodings, errors: &mut RowErrors) {
        let now = self.settings.wall_clock.millis();
        let mut headers = Vec::new();
        let failed: BTreeSet<usize> = errors.iter().map(|(row, _)| row).collect();
        let records = rows.records().enumerate().filter(|(row, _)| !failed.contains(row));
        for (row, (key, value)) in records {
            rows.headers(row, &mut headers);
            let timestamp = rows.timestamp(row).unwrap_or(now);
            let record = Outgoing { timestamp, key, value, headers: &headers, place: None };
            if let Err(problem) = self.fit(rows, row, &record) {
                errors.push(row, || problem);
            }
        }
    }

    /// Adds the records of a batch; stops at the first one that cannot be written.
    fn add(&mut self, batch: &Batch, rows: &Encodings, errors: &mut RowErrors) -> Result<()> {
        let now = self.settings.wall_clock.millis();
        let mut headers = Vec::new();
        for (row, (key, value)) in rows.records().enumerate() {
            rows.headers(row, &mut headers);
            let timestamp = rows.timestamp(row).unwrap_or(now);
            let mut record = Outgoing { timestamp, key, value, headers: &headers, place: None };
            let at = match self.fit(rows, row, &record) {
                Ok(at) => at,
                Err(problem) => {
                    errors.push(row, || problem);
                    return Ok(());
                }
            };
            // A record that waits for its topic is named where that does not come to exist.
            let waits = self.destinations.get(at).is_some_and(|to| !to.is_known());
            let traced = self.origins.is_some() || waits;
            let origin = traced.then_some(batch.origin.as_ref()).flatten();
            record.place = origin
                .and_then(|origin| origin.locate(row))
                .map(|(split, offset)| RecordPlace { split: Arc::clone(split), offset });
            let wanted = rows.partition(row);
            if let Some(buffer) = &mut self.buffer {
                let record = parked(wanted, record, self.barrier + 1);
                buffer.put(Held { destination: at, timestamp: rows.timestamp(row), record });
                if buffer.is_full() {
                    self.drain()?;
                }
                continue;
            }
            let place = record.place.clone();
            if let Err(problem) = self.put(at, wanted, record)? {
                if place.is_some() && self.origins.is_some() {
                    return Err(self.refuse(place.as_ref(), Error::new(ErrorKind::Data, problem)));
                }
                errors.push(row, || problem);
                return Ok(());
            }
        }
        Ok(())
    }

    /// The destination of a row; why it cannot be written otherwise.
    fn fit(
        &mut self,
        rows: &Encodings,
        row: usize,
        record: &Outgoing<'_>,
    ) -> std::result::Result<usize, String> {
        let at = self.route(rows.topic(row))?;
        let Outgoing { timestamp, key, value, headers, .. } = *record;
        if timestamp < 0 {
            return Err(format!(
                "invalid timestamp {timestamp}: a record's timestamp is not before 1970"
            ));
        }
        let bound = record_size_bound(key, value, headers);
        if let Some(problem) = self.too_large(at, bound, record) {
            let bytes = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
            let topic = self.topic(Place { destination: at, partition: 0 });
            return Err(format!(
                "record of {bytes} bytes is too large for topic '{topic}': {problem}"
            ));
        }
        let destination = self.destinations.get(at).filter(|to| to.is_known());
        if let (Some(to), Some(wanted)) = (destination, rows.partition(row)) {
            to.check(wanted)?;
        }
        Ok(at)
    }

    /// Why a record of this bound of its size is not sent, if it is not.
    fn too_large(&mut self, at: usize, bound: usize, record: &Outgoing<'_>) -> Option<String> {
        let max = self.record_bytes_max;
        if bound > max {
            return Some(format!("raise 'properties.max.request.size', which is {max}"));
        }
        let refused = &self.destinations.get(at)?.too_large;
        if refused.iter().all(|refused| bound < refused.bound) {
            return None;
        }
        // Alone in its batch, as those were that the brokers refused.
        let Outgoing { timestamp, key, value, headers, .. } = *record;
        let sealed = self.open.sealed_alone(timestamp, key, value, headers)?;
        let extent = Extent { bound, sealed };
        let known = refused.iter().any(|refused| extent.contains(*refused));
        known.then(|| {
            format!(
                "MESSAGE_TOO_LARGE: its batch has {sealed} bytes, raise max.message.bytes of the topic"
            )
        })
    }

    /// A record cannot be written after all: where such records are left out, the next attempt does without it.
    fn refuse(&mut self, place: Option<&RecordPlace>, error: Error) -> Error {
        if let (Some(place), true) = (place, self.origins.is_some()) {
            self.refused.push(Refused { place: place.clone(), message: error.to_string() });
        }
        error
    }

    /// A topic that rows name cannot be written to. Where there is no such topic, that is a matter of the records that wait
    /// for it.
    fn not_known(&mut self, at: usize, NotKnown { error, absent }: NotKnown) -> Error {
        let Some(destination) = self.destinations.get_mut(at) else { return error };
        if !absent || matches!(self.route, Route::Single) {
            return error;
        }
        let parked = std::mem::take(&mut destination.parked);
        let topic = Arc::clone(&destination.topic);
        let problem = error.to_string();
        let watch = destination.watch();
        self.shared.learned.note_absent(&topic, &problem, move || watch.partitions().is_some());
        for record in &parked {
            let refused = Error::new(ErrorKind::Data, problem.clone());
            drop(self.refuse(record.place.as_ref(), refused));
        }
        match parked.front().and_then(|record| record.place.as_ref()) {
            Some(RecordPlace { split, offset }) => error.context(format!(
                "writing the record at topic '{}' partition {} offset {offset}",
                split.name, split.index
            )),
            None => error,
        }
    }

    /// Puts a record into the open batch of its partition, or aside until its topic is known; what is wrong with its
    /// partition otherwise.
    fn put(
        &mut self,
        at: usize,
        wanted: Option<i32>,
        record: Outgoing<'_>,
    ) -> Result<std::result::Result<(), String>> {
        let Some(destination) = self.destinations.get_mut(at) else { return Ok(Ok(())) };
        if matches!(self.route, Route::Column(_)) && !destination.is_known() {
            self.park(at, wanted, record);
            return Ok(Ok(()));
        }
        match destination.partition(wanted, record.key, record.value) {
            Ok(partition) => {
                let epoch = self.barrier + 1;
                self.append(Place { destination: at, partition }, record, epoch)?;
                Ok(Ok(()))
            }
            Err(problem) => Ok(Err(problem)),
        }
    }

    /// Writes what an upsert sink kept back.
    fn drain(&mut self) -> Result<()> {
        let Some(buffer) = &mut self.buffer else { return Ok(()) };
        let drained = buffer.drain(self.now);
        let now = self.settings.wall_clock.millis();
        for Held { destination, timestamp, record } in drained {
            let headers = record.headers();
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            let (timestamp, place) = (timestamp.unwrap_or(now), record.place.clone());
            let outgoing = Outgoing { timestamp, key, value, headers: &headers, place };
            let bytes = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
            if let Err(problem) = self.put(destination, record.partition, outgoing)? {
                let error = Error::new(ErrorKind::Data, problem);
                return Err(self.refuse(record.place.as_ref(), error));
            }
            self.stats.records += 1;
            self.stats.bytes += bytes as u64;
        }
        Ok(())
    }

    fn park(&mut self, at: usize, partition: Option<i32>, record: Outgoing<'_>) {
        let epoch = self.barrier + 1;
        *self.outstanding.entry(epoch).or_default() += 1;
        let Some(destination) = self.destinations.get_mut(at) else { return };
        destination.parked.push_back(parked(partition, record, epoch));
    }

    /// Writes what waited for a topic that is known now, under the epochs that it came in.
    fn unpark(&mut self, at: usize) -> Result<()> {
        let Some(destination) = self.destinations.get_mut(at) else { return Ok(()) };
        let parked = std::mem::take(&mut destination.parked);
        let mut last = None;
        for record in parked {
            if last.is_some_and(|last| last != record.epoch) {
                self.seal_destination(at, last.unwrap_or(record.epoch))?;
            }
            last = Some(record.epoch);
            self.settle(record.epoch, 1);
            let Some(destination) = self.destinations.get_mut(at) else { return Ok(()) };
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            let partition = match destination.partition(record.partition, key, value) {
                Ok(partition) => partition,
                Err(problem) => {
                    let error = Error::new(ErrorKind::Data, problem);
                    return Err(self.refuse(record.place.as_ref(), error));
                }
            };
            let headers = record.headers();
            let (timestamp, place) = (record.timestamp, record.place.clone());
            let outgoing = Outgoing { timestamp, key, value, headers: &headers, place };
            self.append(Place { destination: at, partition }, outgoing, record.epoch)?;
        }
        match last {
            Some(epoch) => self.seal_destination(at, epoch),
            None => Ok(()),
        }
    }

    /// Counts records of an epoch as done.
    fn settle(&mut self, epoch: Epoch, records: u64) {
        if let Some(left) = self.outstanding.get_mut(&epoch) {
            *left = left.saturating_sub(records);
            if *left == 0 {
                self.outstanding.remove(&epoch);
            }
        }
    }

    fn append(&mut self, place: Place, record: Outgoing<'_>, epoch: Epoch) -> Result<()> {
        let Outgoing { timestamp, key, value, headers, place: origin } = record;
        let bytes = record_size_bound(key, value, headers);
        let append = |open: &mut OpenBatches<Place>| {
            open.append(place, bytes, timestamp, key, value, headers)
        };
        if !append(&mut self.open).map_err(|error| self.not_appended(place, error))? {
            self.seal(place, epoch)?;
            append(&mut self.open).map_err(|error| self.not_appended(place, error))?;
        }
        let destination = self.destinations.get(place.destination);
        if let (Some(origins), Some(destination)) = (&mut self.origins, destination) {
            let origin = Origin { place: origin, bytes };
            origins.append(&destination.topic, place.partition, origin);
        }
        if self.open.is_over() {
            // All of them are of this epoch: no rows are taken while records of an earlier one are parked.
            for (place, batch) in self.open.relieve().map_err(not_sealed)? {
                self.hand_over(place, batch, epoch)?;
            }
        }
        Ok(())
    }

    fn not_appended(&self, place: Place, error: AppendError) -> Error {
        let topic = self.topic(place);
        Error::new(ErrorKind::Data, format!("cannot write a record to topic '{topic}': {error}"))
    }

    fn topic(&self, place: Place) -> Arc<str> {
        match self.destinations.get(place.destination) {
            Some(destination) => Arc::clone(&destination.topic),
            None => "".into(),
        }
    }

    /// Closes a partition's open batch and hands it over.
    fn seal(&mut self, place: Place, epoch: Epoch) -> Result<()> {
        match self.open.seal(place).map_err(not_sealed)? {
            Some(batch) => self.hand_over(place, batch, epoch),
            None => Ok(()),
        }
    }

    fn seal_destination(&mut self, at: usize, epoch: Epoch) -> Result<()> {
        let sealed = self.open.seal_range(Place::all_of(at)).map_err(not_sealed)?;
        sealed.into_iter().try_for_each(|(place, batch)| self.hand_over(place, batch, epoch))
    }

    fn seal_all(&mut self) -> Result<()> {
        let epoch = self.barrier + 1;
        let sealed = self.open.seal_all().map_err(not_sealed)?;
        sealed.into_iter().try_for_each(|(place, batch)| self.hand_over(place, batch, epoch))
    }

    /// Takes a batch that was open until now.
    fn hand_over(&mut self, place: Place, batch: SealedBatch, epoch: Epoch) -> Result<()> {
        let Some(destination) = self.destinations.get_mut(place.destination) else {
            return Ok(());
        };
        let records = u64::try_from(batch.record_count()).unwrap_or(0);
        destination.unconfirmed += records;
        destination.used_at = self.now;
        let first = self
            .origins
            .as_ref()
            .map_or(0, |origins| origins.sealed(&destination.topic, place.partition, records));
        let batch = batch.numbered(first);
        *self.outstanding.entry(epoch).or_default() += records;
        self.waiting_bytes += batch.size();
        self.waiting.push_back((place, batch, epoch));
        self.send()
    }

    /// Hands waiting batches over while the producer has room.
    fn send(&mut self) -> Result<()> {
        while let Some((place, batch, epoch)) = self.waiting.pop_front() {
            let (topic, partition) = (self.topic(place), place.partition);
            self.waiting_bytes -= batch.size();
            match self.outlet.send(&topic, partition, batch, epoch) {
                Ok(()) => {}
                Err(SendError::Full(batch)) => {
                    self.waiting_bytes += batch.size();
                    self.waiting.push_front((place, *batch, epoch));
                    break;
                }
                Err(error @ SendError::TooLarge { .. }) => {
                    return Err(Error::new(
                        ErrorKind::Data,
                        format!(
                            "record for topic '{topic}' partition {partition} is too large: {error}"
                        ),
                    )
                    .with_hint(
                        "raise 'properties.max.request.size' and the topic's max.message.bytes",
                    ));
                }
                Err(error @ SendError::Closed) => return Err(Error::internal(error)),
            }
        }
        Ok(())
    }

    fn take_events(&mut self) -> Result<()> {
        let mut failure = None;
        while let Some(event) = self.outlet.poll() {
            let (tag, records, partition, first) = match event {
                ProduceEvent::Delivered { tag, records, partition, first, .. } => {
                    if self.outlet.lacks_idempotence() {
                        self.shared.notice.say(&partition.topic);
                    }
                    (tag, records, partition, first)
                }
                // Flink's writer raises what the brokers refuse under every guarantee, `none` too.
                ProduceEvent::Failed {
                    partition,
                    records,
                    first,
                    bytes,
                    error,
                    possibly_written,
                    ..
                } => {
                    let maybe = if possibly_written { "; they may have been written" } else { "" };
                    let failed = of_batch(&error).context(format!(
                        "writing {records} record(s) to topic '{}' partition {}{maybe}",
                        partition.topic, partition.partition
                    ));
                    if records == 1 && *error.kind() == KafkaErrorKind::TooLarge {
                        self.note_refused(&partition, first, bytes, &failed);
                    }
                    // What failed first is what the others failed of.
                    failure.get_or_insert(failed);
                    continue;
                }
            };
            self.settle(tag, records as u64);
            let of = self.destinations.find(&partition.topic);
            if let Some(destination) = of.and_then(|at| self.destinations.get_mut(at)) {
                destination.unconfirmed = destination.unconfirmed.saturating_sub(records as u64);
            }
            if let Some(origins) = &mut self.origins {
                origins.settle(&partition.topic, partition.partition, first, records as u64);
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// A record that the brokers take at no time.
    fn note_refused(
        &mut self,
        partition: &TopicPartition,
        number: u64,
        sealed: usize,
        error: &Error,
    ) {
        let extent = match &self.origins {
            // Written again, it is found by its size.
            None => Extent::of_sealed(sealed),
            Some(origins) => {
                let found = origins.of(&partition.topic, partition.partition, number);
                let Some(Origin { place: Some(place), bytes }) = found else { return };
                self.refused.push(Refused { place: place.clone(), message: error.to_string() });
                Extent { bound: *bytes, sealed }
            }
        };
        self.has_learned |= self.shared.learned.note_too_large(&partition.topic, extent);
    }
}

fn not_sealed(error: SealError) -> Error {
    Error::internal(format_args!("sealing a batch: {error}"))
}

/// A record of its own, to be written later.
fn parked(partition: Option<i32>, record: Outgoing<'_>, epoch: Epoch) -> Parked {
    let headers = record.headers.iter();
    Parked {
        partition,
        timestamp: record.timestamp,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: headers.map(|h| (h.key.to_vec(), h.value.map(<[u8]>::to_vec))).collect(),
        place: record.place.clone(),
        epoch,
    }
}

impl Writer for KafkaWriter {
    fn write(&mut self, batch: &Batch, errors: &mut RowErrors) -> Result<()> {
        let encoded = self.encoder.encode(batch, errors)?;
        if self.origins.is_some() {
            self.check(&encoded, errors);
        }
        if errors.is_empty() {
            self.add(batch, &encoded, errors)?;
            // What is kept back counts when it goes out: a row of its key may take its place.
            if self.buffer.is_none() {
                let written = errors.rows().first().map_or(encoded.len(), |row| *row as usize);
                let left_out: usize =
                    (written..encoded.len()).map(|row| encoded.bytes_of(row)).sum();
                self.stats.records += written as u64;
                self.stats.bytes += encoded.bytes().saturating_sub(left_out) as u64;
            }
        }
        self.encoder.recycle(encoded);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.seal_all()
    }

    fn finish(&mut self) {
        self.finishing = true;
    }

    fn barrier(&mut self, epoch: Epoch) -> Result<()> {
        self.drain()?;
        self.seal_all()?;
        debug_assert!(
            self.outstanding.range(epoch + 1..).next().is_none(),
            "no record of a later epoch exists before the barrier"
        );
        self.barrier = epoch;
        Ok(())
    }

    fn poll(&mut self, now: Duration) -> Result<WriterStatus> {
        self.now = now;
        self.take_events()?;
        if self.buffer.as_ref().is_some_and(|buffer| buffer.is_due(now)) {
            self.drain()?;
            self.seal_all()?;
        }
        self.send()?;
        let mut known = self.encoder.ready(&self.waker)?;
        let mut failure = None;
        self.retire()?;
        for at in 0..self.destinations.end() {
            let Some(destination) = self.destinations.get_mut(at) else { continue };
            match destination.know(&self.client, now) {
                Ok(true) => self.unpark(at)?,
                Ok(false) => known = false,
                Err(not_known) => {
                    let error = self.not_known(at, not_known);
                    failure.get_or_insert(error);
                }
            }
        }
        if let Some(error) = failure {
            return Err(error);
        }
        // With `none` an epoch waits until its output is handed to the client, but not for the brokers; the last one
        // does, as in Flink.
        let parked = self.destinations.iter().filter_map(|(_, to)| to.parked.front());
        let unproved = match self.guarantee == Guarantee::None && !self.finishing {
            true => {
                let waiting = self.waiting.front().map(|(_, _, epoch)| *epoch);
                waiting.into_iter().chain(parked.map(|parked| parked.epoch)).min()
            }
            false => self.outstanding.first_key_value().map(|(epoch, _)| *epoch),
        };
        // A writer that does not know its topic has not proved that it can write: no epoch completes over it.
        let acknowledged = match unproved {
            _ if !known && matches!(self.route, Route::Single) => 0,
            Some(epoch) => (epoch - 1).min(self.barrier),
            None => self.barrier,
        };
        let ready = known
            && self.waiting_bytes <= self.settings.held_bytes
            && !self.destinations.are_too_many();
        let due = self.buffer.as_ref().and_then(UpsertBuffer::due_at);
        let wake_at = (!known).then(|| now + TOPIC_POLL).into_iter().chain(due).min();
        Ok(WriterStatus { acknowledged, ready, wake_at })
    }

    fn tolerate(&mut self) -> bool {
        self.origins = Some(Origins::default());
        true
    }

    fn refused(&mut self) -> Vec<Refused> {
        // The failure itself is told by whoever noticed it first.
        drop(self.take_events());
        std::mem::take(&mut self.refused)
    }

    fn has_learned(&self) -> bool {
        self.has_learned
    }

    fn stats(&self) -> SinkStats {
        self.stats
    }
}
