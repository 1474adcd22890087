//! The reading machine of one consumer: positions, fetch sessions (KIP-227), memory budget.
//!
//! One fetch per broker is under way at a time, and none while the consumer has unread data of
//! that broker: a request without the partitions whose data is unread would drop them from the
//! session, and one that names only idle partitions would be a long poll that delays the busy
//! ones.

mod progress;
mod range;
mod session;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::progress::{Complete, Damage, complete_batches};
use self::range::RangeQuery;
use self::session::{Member, Session};
use crate::apis::AnyResponse;
use crate::budget::{Budget, Permit, Stream};
use crate::cluster::{Cluster, Owner, Purpose, Target};
use crate::config::Isolation;
use crate::connection::{CallError, CallId};
use crate::consumer::{Fetched, FetchedPartition, PartitionError, StartAt, corrupt};
use crate::error::{Error, ErrorKind};
use crate::error_table::{self, FetchAction};
use crate::limits::{BROKER_GRACE, TOPIC_UNKNOWN_MAX};
use crate::metadata::Leader;
use crate::pending::Wake;
use crate::read_committed::AbortedTransaction;
use crate::topic::TopicPartition;
use crate::wire::messages::fetch::{EpochEndOffset, FetchRequest, FetchResponse, PartitionData};
use crate::wire::{ErrorCode, Uuid};

/// `ListOffsets` timestamps that name an end of the log.
pub(crate) const EARLIEST: i64 = -2;
/// See [`EARLIEST`].
pub(crate) const LATEST: i64 = -1;

#[derive(Debug)]
struct Partition {
    generation: u64,
    /// The next offset to ask for.
    offset: i64,
    /// Leader epoch of the record before it, −1 if unknown: a broker whose log holds another one
    /// there says so (KIP-320).
    last_epoch: i32,
    /// The follower that the leader wants it to be read from (KIP-392).
    replica: Option<Replica>,
    /// The id of the topic when it was first read: another one means another topic.
    topic_id: Uuid,
    /// Where it is read: the leader, or the replica in its place.
    leader: Option<Leader>,
    /// Data of it waits in the mailbox.
    unread: bool,
    /// Not to be asked for before.
    retry_at: Duration,
    retries: u32,
    /// Since when nothing could be read, and the last reason.
    failing: Option<(Duration, Option<Error>)>,
    failed: bool,
    /// The marks that the consumer knows: high watermark, last stable offset, log start.
    announced: Option<(i64, i64, i64)>,
}

/// A preferred replica is asked until the leader is due to be asked again.
#[derive(Debug, Clone, Copy)]
struct Replica {
    node: i32,
    until: Duration,
}

#[derive(Debug)]
struct Node {
    partitions: BTreeSet<TopicPartition>,
    /// How many of them have data in the mailbox.
    unread: usize,
    session: Session,
    stream: Stream,
    pending: Option<PendingFetch>,
    retry_at: Duration,
    failures: u32,
    /// Nothing was asked when time was last looked at: the consumer had unread data, or the budget
    /// no room.
    held: bool,
}

#[derive(Debug)]
struct PendingFetch {
    call: CallId,
    permit: Option<Permit>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Fetcher {
    id: u64,
    isolation: Isolation,
    budget: Arc<Budget>,
    /// Called when the budget has room again.
    wake: Wake,
    partitions: BTreeMap<TopicPartition, Partition>,
    nodes: BTreeMap<i32, Node>,
    /// Partitions without leader, with a back-off or a failure: the ones that time concerns.
    troubled: BTreeSet<TopicPartition>,
    ranges: Vec<RangeQuery>,
    metadata_seen: u64,
    polled_at: Duration,
    topics: BTreeMap<Arc<str>, usize>,
    outbox: Vec<(u64, Fetched)>,
}

impl Fetcher {
    pub(crate) fn new(id: u64, isolation: Isolation, budget: Arc<Budget>, wake: Wake) -> Self {
        Self {
            id,
            isolation,
            budget,
            wake,
            partitions: BTreeMap::new(),
            nodes: BTreeMap::new(),
            troubled: BTreeSet::new(),
            ranges: Vec::new(),
            metadata_seen: 0,
            polled_at: Duration::ZERO,
            topics: BTreeMap::new(),
            outbox: Vec::new(),
        }
    }

    pub(crate) fn assign(
        &mut self,
        positions: Vec<(TopicPartition, StartAt, u64)>,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        for (tp, start, generation) in positions {
            self.remove(&tp, cluster);
            let uses = self.topics.entry(Arc::clone(&tp.topic)).or_default();
            *uses += 1;
            if *uses == 1 {
                cluster.metadata.want(&tp.topic, false, now);
            }
            let partition = Partition {
                generation,
                offset: start.offset,
                last_epoch: start.leader_epoch,
                replica: None,
                topic_id: start.topic_id,
                leader: None,
                unread: false,
                retry_at: Duration::ZERO,
                retries: 0,
                failing: None,
                failed: false,
                announced: None,
            };
            self.partitions.insert(tp.clone(), partition);
            self.place(&tp, cluster, now);
        }
    }

    pub(crate) fn unassign(&mut self, partitions: &[TopicPartition], cluster: &mut Cluster) {
        for tp in partitions {
            self.remove(tp, cluster);
        }
    }

    pub(crate) fn close(&mut self, cluster: &mut Cluster) {
        for topic in std::mem::take(&mut self.topics).into_keys() {
            cluster.metadata.release(&topic);
        }
    }

    /// The consumer took these items out of the mailbox.
    pub(crate) fn taken(&mut self, items: &[(TopicPartition, u64)]) {
        for (tp, generation) in items {
            let Some(partition) = self.partitions.get_mut(tp) else { continue };
            if partition.generation == *generation && partition.unread {
                partition.unread = false;
                if let Some(node) = partition.leader.and_then(|l| self.nodes.get_mut(&l.node)) {
                    node.unread = node.unread.saturating_sub(1);
                }
            }
        }
    }

    /// What goes to the mailbox.
    pub(crate) fn take_outbox(&mut self) -> Vec<(u64, Fetched)> {
        std::mem::take(&mut self.outbox)
    }

    /// Ties the frame of an expected answer to the permit of its fetch. The answers of a broker
    /// come in order and one fetch per broker is under way, so any permit of the right broker
    /// would do; the connection tells which.
    pub(crate) fn pin(&mut self, call: CallId, frame: Bytes) -> Bytes {
        let pending = self
            .nodes
            .values_mut()
            .filter_map(|node| node.pending.as_mut())
            .find(|pending| pending.call == call);
        match pending.and_then(|pending| pending.permit.take()) {
            Some(permit) => permit.pin(frame),
            None => frame,
        }
    }

    /// Sends what can be sent now.
    pub(crate) fn poll(&mut self, cluster: &mut Cluster, now: Duration) {
        self.excuse(now);
        self.polled_at = now;
        self.follow_metadata(cluster, now);
        self.expire(cluster, now);
        self.ask_for_leaders(cluster);
        let nodes: Vec<i32> = self.nodes.keys().copied().collect();
        for node in nodes {
            self.fetch_from(node, cluster, now);
        }
    }

    /// When time alone changes something.
    pub(crate) fn next_deadline(&self, cluster: &Cluster) -> Option<Duration> {
        let patience = cluster.patience();
        let partitions = self
            .troubled
            .iter()
            .filter_map(|tp| self.partitions.get(tp))
            .filter(|partition| !partition.failed)
            .flat_map(|partition| {
                let failing = partition.failing.as_ref().map(|(since, _)| *since + patience);
                let retry = (partition.retries > 0).then_some(partition.retry_at);
                failing.into_iter().chain(retry)
            });
        let nodes = self
            .nodes
            .values()
            .filter(|node| node.pending.is_none() && node.failures > 0)
            .map(|node| node.retry_at);
        // What is due already waits for something else: an answer, the consumer, the budget.
        partitions.chain(nodes).filter(|at| *at > self.polled_at).min()
    }

    pub(crate) fn answered(
        &mut self,
        call: CallId,
        result: Result<AnyResponse, CallError>,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        let fetched = self
            .nodes
            .iter()
            .find(|(_, node)| node.pending.as_ref().is_some_and(|pending| pending.call == call))
            .map(|(id, _)| *id);
        match (fetched, result) {
            (Some(node), Ok(AnyResponse::Fetch(response))) => {
                self.fetch_answered(node, response, cluster, now);
            }
            (Some(node), Err(failed)) => self.fetch_failed(node, &failed.error, cluster, now),
            (None, Ok(AnyResponse::ListOffsets(response))) => {
                self.range_answered(call, Ok(response), cluster, now);
            }
            (None, Err(failed)) => self.range_answered(call, Err(failed.error), cluster, now),
            _ => {}
        }
    }

    fn remove(&mut self, tp: &TopicPartition, cluster: &mut Cluster) {
        let Some(old) = self.partitions.remove(tp) else { return };
        self.leave_node(tp, &old);
        self.troubled.remove(tp);
        self.ranges.retain(|range| range.partition != *tp);
        if let Some(uses) = self.topics.get_mut(&tp.topic) {
            *uses -= 1;
            if *uses == 0 {
                self.topics.remove(&tp.topic);
                cluster.metadata.release(&tp.topic);
            }
        }
    }

    fn leave_node(&mut self, tp: &TopicPartition, partition: &Partition) {
        if let Some(node) = partition.leader.and_then(|leader| self.nodes.get_mut(&leader.node)) {
            node.partitions.remove(tp);
            if partition.unread {
                node.unread = node.unread.saturating_sub(1);
            }
        }
    }

    /// Looks up the leader of a partition and moves it there.
    fn place(&mut self, tp: &TopicPartition, cluster: &Cluster, now: Duration) {
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        if partition.failed {
            return;
        }
        partition.replica.take_if(|replica| replica.until <= now);
        let replica = partition
            .replica
            .filter(|r| cluster.metadata.address(r.node).is_some())
            .map(|r| r.node);
        let leader = cluster
            .metadata
            .leader(tp)
            .map(|leader| Leader { node: replica.unwrap_or(leader.node), ..leader });
        match leader {
            Some(found) => {
                if partition.topic_id.is_zero() {
                    partition.topic_id = found.topic_id;
                } else if !found.topic_id.is_zero() && partition.topic_id != found.topic_id {
                    return self.fail(tp, recreated(&tp.topic));
                }
                // It had no leader; this one has not failed yet.
                partition.failing.take_if(|(_, error)| error.is_none());
                if partition.failing.is_none() && partition.retries == 0 {
                    self.troubled.remove(tp);
                }
            }
            None if cluster.metadata.has_lost(tp, partition.topic_id) => {
                return self.fail(tp, gone(tp));
            }
            None => {
                partition.failing.get_or_insert((now, None));
                self.troubled.insert(tp.clone());
            }
        }
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        let old = std::mem::replace(&mut partition.leader, leader).map(|leader| leader.node);
        let (new, unread) = (leader.map(|leader| leader.node), usize::from(partition.unread));
        if old == new {
            return;
        }
        if let Some(node) = old.and_then(|old| self.nodes.get_mut(&old)) {
            node.partitions.remove(tp);
            node.unread = node.unread.saturating_sub(unread);
        }
        if let Some(new) = new {
            let budget = &self.budget;
            let node = self.nodes.entry(new).or_insert_with(|| Node::new(budget.join()));
            node.partitions.insert(tp.clone());
            node.unread += unread;
        }
    }

    fn follow_metadata(&mut self, cluster: &Cluster, now: Duration) {
        if self.metadata_seen == cluster.metadata.generation() {
            return;
        }
        self.metadata_seen = cluster.metadata.generation();
        let all: Vec<TopicPartition> = self.partitions.keys().cloned().collect();
        for tp in all {
            self.place(&tp, cluster, now);
        }
    }

    /// Time in which nobody asked is no time in which a partition could not be read.
    fn excuse(&mut self, now: Duration) {
        let unasked = now.saturating_sub(self.polled_at);
        for tp in &self.troubled {
            let Some(partition) = self.partitions.get_mut(tp) else { continue };
            let node = partition.leader.and_then(|leader| self.nodes.get(&leader.node));
            if node.is_some_and(|node| node.held)
                && let Some((since, _)) = &mut partition.failing
            {
                *since = since.saturating_add(unasked).min(now);
            }
        }
    }

    /// Gives up partitions that could not be read for too long.
    fn expire(&mut self, cluster: &Cluster, now: Duration) {
        let patience = cluster.patience();
        let mut over = Vec::new();
        for tp in &self.troubled {
            let Some(partition) = self.partitions.get(tp).filter(|p| !p.failed) else { continue };
            let Some((since, error)) = &partition.failing else { continue };
            let problem = cluster.metadata.problem(&tp.topic, TOPIC_UNKNOWN_MAX, now);
            if problem.is_none() && now.saturating_sub(*since) < patience {
                continue;
            }
            let error = problem
                .or_else(|| error.clone())
                .or_else(|| cluster.metadata.last_error().cloned())
                .unwrap_or_else(|| Error::timeout("the partition has no leader"));
            let waited = format!(
                "partition {tp} could not be read for {} s",
                now.saturating_sub(*since).as_secs()
            );
            over.push((tp.clone(), error.context(waited)));
        }
        for (tp, error) in over {
            self.fail(&tp, error);
        }
    }

    /// A partition without leader may be one that its topic got since the last metadata.
    fn ask_for_leaders(&self, cluster: &mut Cluster) {
        let leaderless = self
            .troubled
            .iter()
            .any(|tp| self.partitions.get(tp).is_some_and(|p| !p.failed && p.leader.is_none()));
        if leaderless {
            cluster.metadata.missing();
        }
    }

    /// Reports a partition and stops reading it.
    fn fail(&mut self, tp: &TopicPartition, error: Error) {
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        partition.failed = true;
        let (generation, fetch_offset) = (partition.generation, partition.offset);
        let topic_id = partition.topic_id;
        let (leader, unread) = (partition.leader.take(), std::mem::take(&mut partition.unread));
        if let Some(node) = leader.and_then(|leader| self.nodes.get_mut(&leader.node)) {
            node.partitions.remove(tp);
            node.unread -= usize::from(unread).min(node.unread);
        }
        self.troubled.remove(tp);
        let failed = PartitionError { partition: tp.clone(), fetch_offset, topic_id, error };
        self.outbox.push((generation, Fetched::Failed(failed)));
    }

    /// Leaves the partition alone for a while.
    fn back_off(
        &mut self,
        tp: &TopicPartition,
        error: Error,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        partition.retries = partition.retries.saturating_add(1);
        partition.retry_at =
            now + cluster.config.retry_backoff.after(partition.retries, &mut cluster.rng);
        let since = partition.failing.as_ref().map_or(now, |(since, _)| *since);
        partition.failing = Some((since, Some(error)));
        self.troubled.insert(tp.clone());
    }

    fn fetch_from(&mut self, id: i32, cluster: &mut Cluster, now: Duration) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        if node.partitions.is_empty() && node.pending.is_none() {
            self.nodes.remove(&id);
            return;
        }
        node.held = node.pending.is_none() && node.unread > 0;
        if node.pending.is_some() || node.held || node.retry_at > now {
            return;
        }
        let partitions = &self.partitions;
        let mut due = node.partitions.iter().filter_map(|tp| {
            let partition = partitions.get(tp).filter(|partition| partition.retry_at <= now)?;
            Some((tp, partition, partition.leader?))
        });
        let Some(first) = due.next() else { return };
        let config = Arc::clone(&cluster.config);
        // First: while there is no room, this is all the work that an event costs.
        let Some(permit) = node.stream.reserve(config.fetch_max_bytes, &self.wake.0) else {
            node.held = true;
            return;
        };
        let wanted: BTreeMap<TopicPartition, Member> = std::iter::once(first)
            .chain(due)
            .map(|(tp, partition, leader)| {
                let member = Member {
                    generation: partition.generation,
                    offset: partition.offset,
                    leader_epoch: leader.epoch,
                    last_epoch: partition.last_epoch,
                    topic_id: leader.topic_id,
                };
                (tp.clone(), member)
            })
            .collect();
        let partition_max = config.max_partition_fetch_bytes.min(permit.bytes());
        let (topics, forgotten) = node.session.next(wanted, partition_max);
        let request = FetchRequest {
            max_wait_ms: millis(config.fetch_max_wait),
            min_bytes: config.fetch_min_bytes,
            max_bytes: i32::try_from(permit.bytes()).unwrap_or(i32::MAX),
            isolation_level: i8::from(self.isolation == Isolation::ReadCommitted),
            session_id: node.session.id(),
            session_epoch: node.session.epoch(),
            topics,
            forgotten_topics_data: forgotten,
            rack_id: config.rack.clone().unwrap_or_default(),
            ..FetchRequest::default()
        };
        let timeout = config.request_timeout + config.fetch_max_wait + BROKER_GRACE;
        let call = cluster.send(
            Target::Node(id),
            Purpose::Fetch(self.id),
            request.into(),
            timeout,
            Owner::Consumer(self.id),
            now,
        );
        node.pending = Some(PendingFetch { call, permit: Some(permit) });
    }

    fn fetch_failed(&mut self, id: i32, error: &Error, cluster: &mut Cluster, now: Duration) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.pending = None;
        node.session.reset();
        node.failures = node.failures.saturating_add(1);
        node.retry_at = now + cluster.config.retry_backoff.after(node.failures, &mut cluster.rng);
        let partitions: Vec<TopicPartition> = node.partitions.iter().cloned().collect();
        for tp in partitions {
            if error.is_final() {
                self.fail(&tp, error.clone());
            } else if let Some(partition) = self.partitions.get_mut(&tp) {
                partition.replica = None;
                let since = partition.failing.as_ref().map_or(now, |(since, _)| *since);
                partition.failing = Some((since, Some(error.clone())));
                self.troubled.insert(tp);
            }
        }
        cluster.metadata.refresh();
    }

    fn fetch_answered(
        &mut self,
        id: i32,
        response: FetchResponse,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.pending = None;
        let code = ErrorCode(response.error_code);
        if !code.is_ok() {
            let action = error_table::fetch(code);
            node.session.reset();
            let is_new = matches!(action, FetchAction::NewSession | FetchAction::NewSessionRefresh);
            if is_new && node.failures == 0 {
                // At once: the broker only dropped its cache.
                node.failures = 1;
                node.retry_at = now;
            } else {
                let error = Error::broker(code, None).in_api("Fetch").at(&cluster.describe(id));
                self.fetch_failed(id, &error, cluster, now);
            }
            if action != FetchAction::NewSession {
                cluster.metadata.refresh();
            }
            return;
        }
        node.failures = 0;
        node.session.answered(response.session_id);
        let endpoints = response.node_endpoints;
        for topic in response.responses {
            let name: Option<Arc<str>> = if topic.topic_id.is_zero() {
                Some(topic.topic.as_str().into())
            } else {
                // The session looks at each of its members; it still knows a topic that was created again.
                let known = cluster.metadata.name_of(topic.topic_id).map(Arc::clone);
                known.or_else(|| self.nodes.get(&id)?.session.name_of(topic.topic_id))
            };
            let Some(name) = name else { continue };
            for data in topic.partitions {
                let tp =
                    TopicPartition { topic: Arc::clone(&name), partition: data.partition_index };
                let hint = (data.current_leader.leader_id, data.current_leader.leader_epoch);
                let endpoint = endpoints
                    .iter()
                    .find(|endpoint| endpoint.node_id == hint.0)
                    .map(|endpoint| (endpoint.host.as_str(), endpoint.port));
                let moved = data.error_code != 0 && cluster.metadata.hint(&tp, hint, endpoint);
                self.partition_answered(id, tp.clone(), data, cluster, now);
                if moved && let Some(partition) = self.partitions.get_mut(&tp) {
                    // The new leader has not been asked yet.
                    partition.retry_at = now;
                }
            }
        }
    }

    fn partition_answered(
        &mut self,
        id: i32,
        tp: TopicPartition,
        data: PartitionData,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        let member = self.nodes.get(&id).and_then(|node| node.session.member(&tp));
        let Some(partition) = self.partitions.get_mut(&tp) else { return };
        // An answer to a position of the past: the partition was reassigned or moved meanwhile.
        let current = member.is_some_and(|member| {
            member.generation == partition.generation && member.offset == partition.offset
        });
        if !current || partition.failed || partition.unread {
            return;
        }
        let code = ErrorCode(data.error_code);
        if !code.is_ok() {
            return self.partition_failed(id, &tp, code, cluster, now);
        }
        if data.diverging_epoch.epoch >= 0 || data.diverging_epoch.end_offset >= 0 {
            let error =
                truncated(&tp, partition.offset, partition.last_epoch, &data.diverging_epoch);
            return self.fail(&tp, error.in_api("Fetch").at(&cluster.describe(id)));
        }
        partition.failing = None;
        partition.retries = 0;
        self.troubled.remove(&tp);
        if data.preferred_read_replica >= 0 && data.preferred_read_replica != id {
            let until = now.saturating_add(cluster.config.metadata_max_age);
            partition.replica = Some(Replica { node: data.preferred_read_replica, until });
            return self.place(&tp, cluster, now);
        }
        let records = data.records.unwrap_or_default();
        let Complete { records, next: next_offset, epoch } =
            match complete_batches(&records, partition.offset) {
                Ok(found) => found,
                Err(reason) => {
                    let error = match reason {
                        Damage::Batch(error) => corrupt(&tp, &error),
                        Damage::Whole(reason) => {
                            let kind = ErrorKind::Corrupt { offset: partition.offset };
                            Error::new(kind, reason).context(format_args!(
                                "partition {tp}, offset {}",
                                partition.offset
                            ))
                        }
                    };
                    return self.fail(&tp, error.in_api("Fetch").at(&cluster.describe(id)));
                }
            };
        let marks = (data.high_watermark, data.last_stable_offset, data.log_start_offset);
        let news = partition.announced != Some(marks);
        if records.is_empty() && !news {
            return;
        }
        partition.announced = Some(marks);
        let has_data = !records.is_empty();
        let fetched = FetchedPartition {
            partition: tp,
            topic_id: partition.topic_id,
            fetch_offset: partition.offset,
            records,
            next_offset,
            leader_epoch: epoch,
            high_watermark: data.high_watermark,
            last_stable_offset: data.last_stable_offset,
            log_start_offset: data.log_start_offset,
            aborted: data
                .aborted_transactions
                .unwrap_or_default()
                .iter()
                .map(|aborted| AbortedTransaction {
                    first_offset: aborted.first_offset,
                    producer_id: aborted.producer_id,
                })
                .collect(),
        };
        partition.offset = next_offset;
        partition.last_epoch = epoch.unwrap_or(partition.last_epoch);
        if has_data {
            partition.unread = true;
            if let Some(node) = partition.leader.and_then(|l| self.nodes.get_mut(&l.node)) {
                node.unread += 1;
            }
        }
        self.outbox.push((partition.generation, Fetched::Data(fetched)));
    }

    fn partition_failed(
        &mut self,
        id: i32,
        tp: &TopicPartition,
        code: ErrorCode,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        if let Some(partition) = self.partitions.get_mut(tp)
            && partition.replica.take().is_some()
        {
            // A follower may be behind: what the leader says counts.
            return self.place(tp, cluster, now);
        }
        let error = Error::broker(code, None)
            .context(format_args!("partition {tp}"))
            .lacking("READ", &tp.topic)
            .in_api("Fetch")
            .at(&cluster.describe(id));
        match error_table::fetch(code) {
            FetchAction::Refresh | FetchAction::NewSessionRefresh => {
                cluster.metadata.refresh();
                self.back_off(tp, error, cluster, now);
            }
            FetchAction::Retry | FetchAction::NewSession => self.back_off(tp, error, cluster, now),
            FetchAction::OutOfRange => self.ask_range(id, tp, cluster, now),
            FetchAction::Corrupt | FetchAction::Fail => self.fail(tp, error),
        }
    }
}

impl Node {
    fn new(stream: Stream) -> Self {
        Self {
            partitions: BTreeSet::new(),
            unread: 0,
            session: Session::default(),
            stream,
            pending: None,
            retry_at: Duration::ZERO,
            failures: 0,
            held: false,
        }
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

fn recreated(topic: &str) -> Error {
    Error::new(
        ErrorKind::TopicRecreated { topic: topic.to_owned() },
        format!(
            "topic `{topic}` was deleted and created again: positions of the old one mean nothing in the new one"
        ),
    )
}

fn gone(tp: &TopicPartition) -> Error {
    let TopicPartition { topic, partition } = tp;
    Error::new(
        ErrorKind::PartitionGone { topic: topic.to_string() },
        format!("topic `{topic}` was deleted and created again without partition {partition}"),
    )
}

fn truncated(tp: &TopicPartition, offset: i64, epoch: i32, diverging: &EpochEndOffset) -> Error {
    let end = diverging.end_offset;
    let lost = if (0..offset).contains(&end) {
        format!("offsets {end} to {}", offset.saturating_sub(1))
    } else {
        format!("records before offset {offset}")
    };
    Error::new(
        ErrorKind::Truncated { offset, end },
        format!(
            "partition {tp} lost what was read already: {lost}, of leader epoch {epoch}, are gone or others took \
             their place (an unclean leader election, or the topic was created again)"
        ),
    )
}
