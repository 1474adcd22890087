//! Fetch: long polls (KIP-74 limits), incremental sessions (KIP-227), topic ids (KIP-516).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, FetchableTopicResponse, PartitionData,
};
use kafka_protocol::messages::{BrokerId, FetchRequest, FetchResponse, ProducerId, TopicName};
use uuid::Uuid;

use super::{Answer, Outcome, Parked, encode, topic_name};
use crate::broker::CloseReason;
use crate::cluster::{Cluster, Touched};
use crate::log::{LEADER_EPOCH, Readable};
use crate::sessions::{PartitionKey, TopicKey, Wanted};
use crate::topics::Topic;
use crate::wire::{Reply, Request};

/// Epoch of a request that opens a session, and of one that wants none.
const INITIAL_EPOCH: i32 = 0;
const FINAL_EPOCH: i32 = -1;

/// Where the partitions of a fetch stand.
#[derive(Debug)]
enum Source {
    /// In the request.
    Request(Vec<(PartitionKey, Wanted)>),
    /// In a session; a full response names all of them, an incremental one those that changed.
    Session { id: i32, full: bool },
}

/// A fetch with its limits.
#[derive(Debug)]
struct Plan {
    reply: Reply,
    source: Source,
    bytes_max: usize,
    read_committed: bool,
}

/// A fetch that waits for records.
#[derive(Debug)]
pub(crate) struct ParkedFetch {
    pub(crate) deadline: Duration,
    plan: Plan,
    watched: BTreeSet<(Uuid, i32)>,
    missing_bytes: usize,
}

impl ParkedFetch {
    /// Counts what was appended; true when the fetch has enough.
    pub(crate) fn credit(&mut self, touched: &[Touched]) -> bool {
        for change in touched {
            if self.watched.contains(&(change.topic, change.partition)) {
                let bytes =
                    if self.plan.read_committed { change.stable_bytes } else { change.bytes };
                self.missing_bytes = self.missing_bytes.saturating_sub(bytes);
            }
        }
        self.missing_bytes == 0
    }

    /// The response with what there is now.
    pub(crate) fn finish(
        self,
        cluster: &mut Cluster,
        _now: Duration,
    ) -> Result<Bytes, CloseReason> {
        let found = self.plan.collect(cluster);
        self.plan.respond(cluster, found)
    }
}

/// One partition of a response.
#[derive(Debug)]
struct Found {
    key: PartitionKey,
    state: Result<Slice, ResponseError>,
}

#[derive(Debug)]
struct Slice {
    topic: Uuid,
    high_watermark: i64,
    last_stable: i64,
    log_start: i64,
    aborted: Vec<AbortedTransaction>,
    readable: Readable,
}

pub(super) fn answer(cluster: &mut Cluster, request: &Request, now: Duration) -> Answer {
    let body: FetchRequest = request.decode()?;
    let reply = request.reply();
    let source = match open(cluster, &body, request.version, now) {
        Ok(source) => source,
        Err(error) => {
            let response = FetchResponse::default().with_error_code(error.code());
            return encode(cluster, reply, &response).map(Outcome::Respond);
        }
    };
    let limits = &cluster.config.limits;
    let plan = Plan {
        reply,
        source,
        bytes_max: size(body.max_bytes).min(limits.fetch_bytes_max),
        read_committed: body.isolation_level == 1,
    };
    let wait = Duration::from_millis(u64::try_from(body.max_wait_ms).unwrap_or(0))
        .min(limits.fetch_wait_max);
    let bytes_min = size(body.min_bytes).min(plan.bytes_max);

    let found = plan.collect(cluster);
    let bytes: usize = found.iter().map(Found::bytes).sum();
    let failed = found.iter().any(|partition| partition.state.is_err());
    if bytes >= bytes_min || failed || wait.is_zero() || found.is_empty() {
        return plan.respond(cluster, found).map(Outcome::Respond);
    }
    let watched = found
        .iter()
        .filter_map(|partition| Some((partition.state.as_ref().ok()?.topic, partition.key.1)))
        .collect();
    Ok(Outcome::Park(Parked::Fetch(Box::new(ParkedFetch {
        deadline: now.saturating_add(wait),
        plan,
        watched,
        missing_bytes: bytes_min - bytes,
    }))))
}

/// Opens, continues or ends the session that the request names.
fn open(
    cluster: &mut Cluster,
    body: &FetchRequest,
    version: i16,
    now: Duration,
) -> Result<Source, ResponseError> {
    let by_id = version >= 13;
    let wanted = wanted(body, by_id);
    match body.session_epoch {
        FINAL_EPOCH => {
            cluster.sessions.remove(body.session_id);
            Ok(Source::Request(wanted))
        }
        INITIAL_EPOCH => {
            cluster.sessions.remove(body.session_id);
            Ok(match cluster.sessions.create(&wanted, by_id, now) {
                Some(id) => Source::Session { id, full: true },
                None => Source::Request(wanted),
            })
        }
        epoch => {
            let forgotten: Vec<PartitionKey> = body
                .forgotten_topics_data
                .iter()
                .flat_map(|topic| {
                    let key = topic_key(&topic.topic, topic.topic_id, by_id);
                    topic.partitions.iter().map(move |index| (key.clone(), *index))
                })
                .collect();
            let id = body.session_id;
            cluster.sessions.update(id, epoch, by_id, &forgotten, &wanted, now)?;
            Ok(Source::Session { id, full: false })
        }
    }
}

fn wanted(body: &FetchRequest, by_id: bool) -> Vec<(PartitionKey, Wanted)> {
    let mut wanted = Vec::new();
    for topic in &body.topics {
        let key = topic_key(&topic.topic, topic.topic_id, by_id);
        for partition in &topic.partitions {
            wanted.push((
                (key.clone(), partition.partition),
                Wanted {
                    offset: partition.fetch_offset,
                    leader_epoch: partition.current_leader_epoch,
                    bytes_max: size(partition.partition_max_bytes),
                },
            ));
        }
    }
    wanted
}

/// A copy of the name: a slice of the request would keep its whole frame alive in the session.
fn topic_key(name: &TopicName, id: Uuid, by_id: bool) -> TopicKey {
    if by_id { TopicKey::Id(id) } else { TopicKey::Name(Arc::from(name.as_str())) }
}

fn size(bytes: i32) -> usize {
    usize::try_from(bytes).unwrap_or(0)
}

impl Plan {
    /// What every partition of the fetch has to give now.
    fn collect(&self, cluster: &Cluster) -> Vec<Found> {
        let mut left = self.bytes_max;
        let mut first = true;
        let mut take = |key: &PartitionKey, wanted: Wanted| {
            let state = look(cluster, key, wanted, left, first, self.read_committed);
            if let Ok(slice) = &state {
                left = left.saturating_sub(slice.readable.bytes);
                first &= slice.readable.bytes == 0;
            }
            Found { key: key.clone(), state }
        };
        match &self.source {
            Source::Request(wanted) => {
                wanted.iter().map(|(key, wanted)| take(key, *wanted)).collect()
            }
            Source::Session { id, .. } => match cluster.sessions.get(*id) {
                Some(session) => session.wanted().map(|(key, wanted)| take(key, wanted)).collect(),
                None => Vec::new(),
            },
        }
    }

    fn respond(&self, cluster: &mut Cluster, found: Vec<Found>) -> Result<Bytes, CloseReason> {
        let mut response = FetchResponse::default();
        let mut topics: Vec<(TopicKey, FetchableTopicResponse)> = Vec::new();
        let mut session = None;
        let mut incremental = false;
        if let Source::Session { id, full } = self.source {
            session = cluster.sessions.get_mut(id);
            incremental = !full;
            if session.is_none() {
                // Evicted while the fetch was parked.
                response.error_code = ResponseError::FetchSessionIdNotFound.code();
                return encode(cluster, self.reply, &response);
            }
            response.session_id = id;
        }
        for partition in found {
            let told = partition.state.as_ref().map(|s| (s.high_watermark, s.log_start));
            let changed = session.as_deref_mut().is_none_or(|session| {
                session.tell(&partition.key, partition.bytes(), told.map_err(|error| *error))
            });
            if incremental && !changed {
                continue;
            }
            let data = self.partition_data(&cluster.topics, &partition);
            match topics.last_mut() {
                Some((key, topic)) if *key == partition.key.0 => topic.partitions.push(data),
                _ => {
                    let topic = FetchableTopicResponse::default();
                    let topic = match &partition.key.0 {
                        TopicKey::Name(name) => topic.with_topic(topic_name(name)),
                        TopicKey::Id(id) => topic.with_topic_id(*id),
                    };
                    topics.push((partition.key.0, topic.with_partitions(vec![data])));
                }
            }
        }
        response.responses = topics.into_iter().map(|(_, topic)| topic).collect();
        encode(cluster, self.reply, &response)
    }

    fn partition_data(&self, topics: &crate::topics::Topics, found: &Found) -> PartitionData {
        let data = PartitionData::default()
            .with_partition_index(found.key.1)
            .with_preferred_read_replica(BrokerId(-1));
        let aborted = |of: &[AbortedTransaction]| self.read_committed.then(|| of.to_vec());
        match &found.state {
            Ok(slice) => {
                let records = topics
                    .by_id(slice.topic)
                    .and_then(|(_, topic)| topic.partition(found.key.1))
                    .map(|log| log.bytes(&slice.readable))
                    .unwrap_or_default();
                data.with_high_watermark(slice.high_watermark)
                    .with_aborted_transactions(aborted(&slice.aborted))
                    .with_last_stable_offset(slice.last_stable)
                    .with_log_start_offset(slice.log_start)
                    .with_records(Some(records))
            }
            Err(error) => data
                .with_error_code(error.code())
                .with_aborted_transactions(aborted(&[]))
                .with_high_watermark(-1)
                .with_last_stable_offset(-1)
                .with_log_start_offset(-1)
                .with_records(Some(Bytes::new())),
        }
    }
}

impl Found {
    fn bytes(&self) -> usize {
        self.state.as_ref().map_or(0, |slice| slice.readable.bytes)
    }
}

fn look(
    cluster: &Cluster,
    (key, partition): &PartitionKey,
    wanted: Wanted,
    left: usize,
    first: bool,
    read_committed: bool,
) -> Result<Slice, ResponseError> {
    let topic: &Topic = match key {
        TopicKey::Name(name) => {
            cluster.topics.get(name).ok_or(ResponseError::UnknownTopicOrPartition)?
        }
        TopicKey::Id(id) => cluster.topics.by_id(*id).ok_or(ResponseError::UnknownTopicId)?.1,
    };
    let log = topic.partition(*partition).ok_or(ResponseError::UnknownTopicOrPartition)?;
    if wanted.leader_epoch > LEADER_EPOCH {
        return Err(ResponseError::UnknownLeaderEpoch);
    }
    if wanted.offset < log.log_start() || wanted.offset > log.high_watermark() {
        return Err(ResponseError::OffsetOutOfRange);
    }
    let last_stable = log.last_stable();
    let until = if read_committed { last_stable } else { i64::MAX };
    let readable = log.read(wanted.offset, until, wanted.bytes_max.min(left), first);
    let mut aborted = Vec::new();
    if read_committed && readable.bytes > 0 {
        let until = log.end_of(&readable);
        aborted.extend(log.transactions.aborted(wanted.offset, until).map(|aborted| {
            AbortedTransaction::default()
                .with_producer_id(ProducerId(aborted.producer_id))
                .with_first_offset(aborted.first)
        }));
    }
    Ok(Slice {
        topic: topic.id,
        last_stable,
        aborted,
        high_watermark: log.high_watermark(),
        log_start: log.log_start(),
        readable,
    })
}
