//! Progress as jobs have stored it, found without their scripts: marked offsets of the groups of at-least-once jobs, the
//! last record in the progress topics of exactly-once jobs.

use crate::base::{Error, ErrorKind};
use crate::cli::cluster::{Bell, Connection, Failure, STOP_POLL};
use crate::connectors::kafka::transaction::record::{ProgressRecord, RESET_PREFIX, TOPIC_PREFIX};
use crate::connectors::kafka::{GROUP_PREFIX, Mark};
use crate::table::Epoch;
use brooklet_kafka::consumer::{Fetched, FetchedPartition};
use brooklet_kafka::wire::compression::Decompressor;
use brooklet_kafka::wire::compression::limits::MAX_DECOMPRESSED_BYTES;
use brooklet_kafka::{CommittedOffset, Isolation, ListedOffset, OffsetSpec, TopicPartition};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where progress is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Marked offsets of this group.
    Group {
        name: String,
        /// What the group holds of the job, marks included.
        marked: Vec<(TopicPartition, CommittedOffset)>,
    },
    /// Records of this topic.
    Topic(Arc<str>),
}

/// What one scan of a job has stored.
#[derive(Clone, Debug, Default)]
pub(super) struct Scan {
    pub(super) name: String,
    /// Next offsets.
    pub(super) positions: BTreeMap<TopicPartition, i64>,
}

/// What the next start of a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It goes on.
    Resumable,
    /// It is a fresh one: the job reached its end.
    Finished,
    /// It is a fresh one: the job was made to forget.
    Reset,
}

impl State {
    fn of(record: &ProgressRecord) -> State {
        match record.finished {
            false => State::Resumable,
            true if record.incarnation.starts_with(RESET_PREFIX) => State::Reset,
            true => State::Finished,
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            State::Resumable => "resumable",
            State::Finished => "finished",
            State::Reset => "reset",
        }
    }
}

/// The progress of a job.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) job: String,
    pub(super) epoch: Epoch,
    /// Whether it is exactly-once.
    pub(super) exact: bool,
    /// Of an exactly-once job, where its record says so.
    pub(super) transactional_id: String,
    pub(super) state: State,
    pub(super) scans: Vec<Scan>,
    pub(super) places: Vec<Place>,
}

impl Stored {
    pub(super) fn guarantee(&self) -> &'static str {
        if self.exact { "exactly-once" } else { "at-least-once" }
    }

    pub(super) fn partitions(&self) -> usize {
        self.scans.iter().map(|scan| scan.positions.len()).sum()
    }
}

/// All jobs with progress on the cluster, by name; a job may have been both at-least-once and exactly-once.
pub(super) fn all(connection: &Connection) -> Result<Vec<Stored>, Failure> {
    let mut jobs = in_groups(connection)?;
    let topics = connection.wait(&connection.client.all_topics())?;
    for topic in topics.iter().filter(|topic| topic.name.starts_with(TOPIC_PREFIX)) {
        if let Some(record) = last_record(connection, &topic.name)? {
            add_record(&mut jobs, record, &topic.name);
        }
    }
    jobs.sort_by(|a, b| a.job.cmp(&b.job));
    Ok(jobs)
}

/// Where several processes share an exactly-once job, its positions are in its group.
fn add_record(jobs: &mut Vec<Stored>, record: ProgressRecord, topic: &Arc<str>) {
    let group = format!("{GROUP_PREFIX}{}", record.job);
    let holds = |place: &Place| matches!(place, Place::Group { name, .. } if *name == group);
    let of_job = |stored: &&mut Stored| stored.job == record.job && stored.places.iter().any(holds);
    match jobs.iter_mut().find(of_job).filter(|_| record.shared.is_some()) {
        Some(stored) => {
            stored.exact = true;
            stored.epoch = stored.epoch.max(record.epoch);
            stored.transactional_id = record.transactional_id;
            stored.places.push(Place::Topic(Arc::clone(topic)));
        }
        None => jobs.push(of_record(record, topic)),
    }
}

fn of_record(record: ProgressRecord, topic: &Arc<str>) -> Stored {
    let state = State::of(&record);
    let scans = record.scans.into_iter().map(|scan| {
        let position = |(split, at): (crate::types::SplitId, crate::table::Position)| {
            (TopicPartition::new(split.name, split.index), at.offset)
        };
        Scan { name: scan.name, positions: scan.positions.into_iter().map(position).collect() }
    });
    Stored {
        state,
        scans: scans.collect(),
        job: record.job,
        epoch: record.epoch,
        exact: true,
        transactional_id: record.transactional_id,
        places: vec![Place::Topic(Arc::clone(topic))],
    }
}

/// What the groups hold: those that are named after jobs, and those of users where jobs may not have their own.
fn in_groups(connection: &Connection) -> Result<Vec<Stored>, Failure> {
    let brokers = connection.wait(&connection.client.cluster())?.brokers;
    let asked: Vec<_> =
        brokers.iter().map(|broker| connection.client.list_groups(broker.id)).collect();
    let mut names = Vec::new();
    for answer in asked {
        names.extend(connection.wait(&answer)?.into_iter().map(|listed| listed.group));
    }
    names.sort();
    let asked: Vec<_> =
        names.into_iter().map(|name| (connection.client.offset_fetch(&name, None), name)).collect();
    let mut jobs: BTreeMap<String, Stored> = BTreeMap::new();
    for (answer, name) in asked {
        match connection.wait(&answer) {
            Ok(offsets) => of_group(&name, offsets, &mut jobs),
            // Groups of others may be none of our business, or of a kind that has no offsets.
            Err(Failure::Error(_)) if !name.starts_with(GROUP_PREFIX) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(jobs.into_values().collect())
}

fn of_group(
    name: &str,
    offsets: BTreeMap<TopicPartition, CommittedOffset>,
    jobs: &mut BTreeMap<String, Stored>,
) {
    for (partition, committed) in offsets {
        let Some(mark) = Mark::parse(&committed.metadata) else { continue };
        let stored = jobs.entry(mark.job.to_owned()).or_insert_with(|| Stored {
            job: mark.job.to_owned(),
            epoch: 0,
            exact: false,
            transactional_id: String::new(),
            state: State::Resumable,
            scans: Vec::new(),
            places: Vec::new(),
        });
        stored.epoch = stored.epoch.max(mark.epoch);
        let at = stored.scans.iter().position(|scan| scan.name == mark.scan).unwrap_or_else(|| {
            stored.scans.push(Scan { name: mark.scan.to_owned(), ..Scan::default() });
            stored.scans.len() - 1
        });
        if let Some(scan) = stored.scans.get_mut(at) {
            scan.positions.insert(partition.clone(), committed.offset);
        }
        match stored.places.last_mut() {
            Some(Place::Group { name: last, marked }) if last == name => {
                marked.push((partition, committed));
            }
            _ => {
                let marked = vec![(partition, committed)];
                stored.places.push(Place::Group { name: name.to_owned(), marked });
            }
        }
    }
}

/// The last committed record of a progress topic, which has one partition and is compacted.
fn last_record(
    connection: &Connection,
    topic: &Arc<str>,
) -> Result<Option<ProgressRecord>, Failure> {
    let partition = TopicPartition::new(Arc::clone(topic), 0);
    let list = |spec| {
        connection.client.list_offsets(&[(partition.clone(), spec)], Isolation::ReadCommitted)
    };
    let (first, end) = (list(OffsetSpec::Earliest), list(OffsetSpec::Latest));
    let offset = |listed: BTreeMap<TopicPartition, ListedOffset>| {
        listed.get(&partition).and_then(|listed| listed.offset).unwrap_or(0)
    };
    let (first, end) = (offset(connection.wait(&first)?), offset(connection.wait(&end)?));
    let bell: Arc<Bell> = Arc::default();
    let mut consumer = connection.client.consumer(bell.waker());
    consumer.assign(&[(partition.clone(), first)]);
    let (mut position, mut last) = (first, None);
    while position < end {
        match consumer.poll() {
            Some(Fetched::Data(data)) => {
                last = last_of(&data)?.or(last);
                position = data.next_offset;
            }
            Some(Fetched::Failed(failed)) => return Err(failed.error.into()),
            None if connection.is_stopping() => return Err(Failure::Stopped),
            None => bell.wait(STOP_POLL),
        }
    }
    Ok(last)
}

fn last_of(data: &FetchedPartition) -> Result<Option<ProgressRecord>, Failure> {
    let wrong = |problem: String| {
        let place = format!("topic '{}' partition 0", data.partition.topic);
        Failure::from(Error::new(ErrorKind::Data, format!("{place} holds no progress: {problem}")))
    };
    let mut last = None;
    let mut decompressor = Decompressor::new();
    let mut batches = data.batches(Isolation::ReadCommitted, true);
    while let Some(batch) = batches.next_batch(&mut decompressor) {
        let batch = batch.map_err(|error| wrong(error.to_string()))?;
        let slab = batch.records(&mut decompressor, MAX_DECOMPRESSED_BYTES);
        for record in &slab.map_err(|error| wrong(error.to_string()))? {
            let record = record.map_err(|error| wrong(error.to_string()))?;
            if let Some(value) = record.value {
                last = Some(ProgressRecord::decode(value).map_err(wrong)?);
            }
        }
    }
    Ok(last)
}
