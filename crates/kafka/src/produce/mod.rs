//! The writing machine of one producer: idempotent, five batches in flight per partition, one
//! Produce request per broker with a batch of each of its partitions.
//!
//! The rules (KIP-98, KIP-360, Java's `TransactionManager`): one batch per partition is in flight
//! until the broker has acknowledged one of this producer id and epoch; a batch that was ever sent keeps its
//! producer id, epoch and sequence on every retry; only the first batch of a partition is judged
//! by a sequence error, the later ones are resent; an answer that never came leaves the outcome
//! unknown, and such a batch is resent until `delivery.timeout.ms`; when a stamped batch is given
//! up, the partition starts again with a new epoch once nothing of it is in flight.

mod queue;
#[cfg(test)]
mod tests;
mod transactional;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::queue::Identity;
use self::queue::{Batch, Queue, Reset, count, stamp};
use self::transactional::Transactional;
use crate::apis::AnyResponse;
use crate::cluster::{Cluster, Owner, Purpose, Target};
use crate::connection::{CallError, CallId};
use crate::error::{Error, ErrorKind};
use crate::error_table::{self, ProduceAction};
use crate::limits::{PRODUCER_EPOCH_MAX, TOPIC_UNKNOWN_MAX};
use crate::producer::ProduceEvent;
use crate::topic::TopicPartition;
use crate::wire::ErrorCode;
use crate::wire::compression::{Compressor, Decompressor};
use crate::wire::messages::init_producer_id::InitProducerIdRequest;
use crate::wire::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicProduceData,
};
use crate::wire::records::{SealedBatch, next_sequence};

#[derive(Debug)]
enum IdentityState {
    None { retry_at: Duration, failures: u32 },
    Asking { call: CallId, failures: u32 },
    Ready(Identity),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct ProduceMachine {
    id: u64,
    identity: IdentityState,
    queues: BTreeMap<TopicPartition, Queue>,
    /// Partitions with batches.
    active: BTreeSet<TopicPartition>,
    requests: BTreeMap<CallId, Request>,
    /// Unanswered requests per broker.
    nodes: BTreeMap<i32, usize>,
    /// Topics that the cache keeps fresh for this producer, by when they were written to last.
    topics: BTreeMap<Arc<str>, Duration>,
    /// When to look for topics that are not written to any more.
    release_at: Duration,
    next_batch: u64,
    events: Vec<ProduceEvent>,
    freed: usize,
    polled_at: Duration,
    /// `None` for a producer without transactions.
    transaction: Option<Transactional>,
}

#[derive(Debug)]
struct Request {
    node: i32,
    batches: Vec<(TopicPartition, u64)>,
}

impl ProduceMachine {
    pub(crate) fn new(id: u64) -> Self {
        Self {
            id,
            identity: IdentityState::None { retry_at: Duration::ZERO, failures: 0 },
            queues: BTreeMap::new(),
            active: BTreeSet::new(),
            requests: BTreeMap::new(),
            nodes: BTreeMap::new(),
            topics: BTreeMap::new(),
            release_at: Duration::ZERO,
            next_batch: 0,
            events: Vec::new(),
            freed: 0,
            polled_at: Duration::ZERO,
            transaction: None,
        }
    }

    pub(crate) fn push(
        &mut self,
        tp: TopicPartition,
        sealed: SealedBatch,
        tag: u64,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        if let Some(written) = self.topics.get_mut(&tp.topic) {
            *written = now;
        } else {
            self.topics.insert(Arc::clone(&tp.topic), now);
            let create = !cluster.config.must_exist.contains(&tp.topic);
            cluster.metadata.want(&tp.topic, create, now);
        }
        let batch = Batch {
            id: self.next_batch,
            charge: sealed.size(),
            sealed,
            tag,
            stamped: None,
            sequence: -1,
            in_flight: false,
            attempts: 0,
            maybe_written: false,
            deadline: now.saturating_add(cluster.config.delivery_timeout),
            error: None,
        };
        self.next_batch += 1;
        self.queues.entry(tp.clone()).or_default().batches.push_back(batch);
        self.active.insert(tp);
    }

    pub(crate) fn close(&mut self, cluster: &mut Cluster) {
        for topic in std::mem::take(&mut self.topics).into_keys() {
            cluster.metadata.release(&topic);
        }
    }

    /// Events and bytes of the buffer that became free.
    pub(crate) fn take_events(&mut self) -> (Vec<ProduceEvent>, usize) {
        (std::mem::take(&mut self.events), std::mem::take(&mut self.freed))
    }

    /// Whether the brokers turned out to know no idempotent producers.
    pub(crate) fn lacks_idempotence(&self) -> bool {
        matches!(self.identity, IdentityState::Ready(Identity::NONE))
    }

    /// Sends what can be sent now.
    pub(crate) fn poll(&mut self, cluster: &mut Cluster, now: Duration) {
        self.polled_at = now;
        self.release_idle(cluster, now);
        if self.active.is_empty() {
            return;
        }
        self.expire(cluster, now);
        self.drop_given_up();
        self.restart_sequences();
        self.ask_identity(cluster, now);
        self.send(cluster, now);
    }

    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let queues = self.active.iter().filter_map(|tp| self.queues.get(tp));
        let batches = queues.flat_map(|queue| {
            queue.batches.front().map(|batch| batch.deadline).into_iter().chain([queue.retry_at])
        });
        let identity = match &self.identity {
            IdentityState::None { retry_at, .. } if !self.active.is_empty() => Some(*retry_at),
            _ => None,
        };
        batches.chain(identity).filter(|at| *at > self.polled_at).min()
    }

    pub(crate) fn answered(
        &mut self,
        call: CallId,
        result: Result<AnyResponse, CallError>,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        if let IdentityState::Asking { call: asked, failures } = self.identity
            && asked == call
        {
            return self.identity_answered(result, failures, cluster, now);
        }
        let Some(request) = self.requests.remove(&call) else { return };
        if let Some(count) = self.nodes.get_mut(&request.node) {
            *count = count.saturating_sub(1);
        }
        for (tp, id) in &request.batches {
            if let Some(queue) = self.queues.get_mut(tp) {
                queue.in_flight = queue.in_flight.saturating_sub(1);
                if let Some(batch) = queue.batches.iter_mut().find(|batch| batch.id == *id) {
                    batch.in_flight = false;
                }
            }
        }
        match result {
            Ok(AnyResponse::Produce(response)) => self.produced(&request, &response, cluster, now),
            Ok(_) => {}
            Err(failed) => {
                cluster.metadata.refresh();
                for (tp, id) in request.batches {
                    if failed.error.is_final() {
                        self.fail(&tp, id, failed.error.clone());
                    } else {
                        let action = if failed.maybe_sent {
                            ProduceAction::Unknown
                        } else {
                            // Never left: as if it had not been tried.
                            self.untry(&tp, id);
                            ProduceAction::Retry
                        };
                        self.act(action, &tp, id, failed.error.clone(), cluster, now);
                    }
                }
            }
        }
    }

    fn produced(
        &mut self,
        request: &Request,
        response: &ProduceResponse,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        let mut answers: BTreeMap<TopicPartition, &PartitionProduceResponse> = BTreeMap::new();
        for topic in &response.responses {
            let name: Option<Arc<str>> = if topic.topic_id.is_zero() {
                Some(topic.name.as_str().into())
            } else {
                cluster.metadata.name_of(topic.topic_id).map(Arc::clone)
            };
            let Some(name) = name else { continue };
            for partition in &topic.partition_responses {
                answers.insert(TopicPartition::new(Arc::clone(&name), partition.index), partition);
            }
        }
        let address = cluster.describe(request.node);
        for (tp, id) in &request.batches {
            let Some(answer) = answers.get(tp) else {
                let error = Error::new(
                    ErrorKind::Corrupt { offset: -1 },
                    format!("the answer lacks partition {tp}"),
                );
                let error = error.in_api("Produce").at(&address);
                self.act(ProduceAction::Unknown, tp, *id, error, cluster, now);
                continue;
            };
            let code = ErrorCode(answer.error_code);
            if code.is_ok() {
                self.delivered(tp, *id, answer.base_offset);
                continue;
            }
            let error = produce_error(code, answer, tp).in_api("Produce").at(&address);
            let hint = (answer.current_leader.leader_id, answer.current_leader.leader_epoch);
            let endpoint = response
                .node_endpoints
                .iter()
                .find(|endpoint| endpoint.node_id == hint.0)
                .map(|endpoint| (endpoint.host.as_str(), endpoint.port));
            let moved = cluster.metadata.hint(tp, hint, endpoint);
            self.act(error_table::produce(code), tp, *id, error, cluster, now);
            if moved && let Some(queue) = self.queues.get_mut(tp) {
                // The new leader has not been asked yet.
                queue.retry_at = now;
            }
        }
    }

    /// Does what the error table says.
    fn act(
        &mut self,
        action: ProduceAction,
        tp: &TopicPartition,
        id: u64,
        error: Error,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        match action {
            ProduceAction::Duplicate => self.delivered(tp, id, -1),
            ProduceAction::Refresh => {
                cluster.metadata.refresh();
                self.retry(tp, id, error, false, cluster, now);
            }
            ProduceAction::Retry => self.retry(tp, id, error, false, cluster, now),
            ProduceAction::Unknown => self.retry(tp, id, error, true, cluster, now),
            ProduceAction::Split => self.split(tp, id, error),
            ProduceAction::Sequence => {
                let Some(queue) = self.queues.get_mut(tp) else { return };
                // A batch behind one that is not decided yet cannot be in order: it just waits.
                let first = queue.batches.front().is_some_and(|first| first.id == id);
                if first && self.transaction.is_some() {
                    // What is missing cannot be written again without the rest of its transaction.
                    return self.fail(tp, id, error);
                }
                if first {
                    queue.reset = Reset::Now;
                }
                self.retry(tp, id, error, false, cluster, now);
            }
            ProduceAction::Fail => self.fail(tp, id, error),
            ProduceAction::FailAll => self.fail_all(&error),
        }
    }

    fn delivered(&mut self, tp: &TopicPartition, id: u64, base_offset: i64) {
        let Some((queue, index)) = self.find(tp, id) else { return };
        queue.retries = 0;
        queue.acked = true;
        let Some(batch) = queue.batches.remove(index) else { return };
        self.forget_if_empty(tp);
        self.freed += batch.charge;
        self.events.push(ProduceEvent::Delivered {
            partition: tp.clone(),
            tag: batch.tag,
            base_offset,
            records: count(&batch.sealed),
            first: batch.sealed.first_number(),
        });
    }

    fn untry(&mut self, tp: &TopicPartition, id: u64) {
        if let Some((queue, index)) = self.find(tp, id)
            && let Some(batch) = queue.batches.get_mut(index)
        {
            batch.attempts = batch.attempts.saturating_sub(1);
        }
    }

    fn retry(
        &mut self,
        tp: &TopicPartition,
        id: u64,
        error: Error,
        maybe_written: bool,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        let Some((queue, index)) = self.find(tp, id) else { return };
        if index == 0 {
            queue.retries = queue.retries.saturating_add(1);
            queue.retry_at =
                now + cluster.config.retry_backoff.after(queue.retries, &mut cluster.rng);
        }
        if let Some(batch) = queue.batches.get_mut(index) {
            batch.maybe_written |= maybe_written;
            batch.error = Some(error);
        }
    }

    /// The halves take the sequences of the whole, so that later batches keep theirs.
    fn split(&mut self, tp: &TopicPartition, id: u64, error: Error) {
        let mut next_batch = self.next_batch;
        let transactional = self.transaction.is_some();
        let Some((queue, index)) = self.find(tp, id) else { return };
        let Some(mut batch) = queue.batches.remove(index) else { return };
        batch.stamped = None;
        // The I/O thread compresses here, against its rule: a split is rare, and worth less than
        // a second way back to the writer.
        let halves = batch.sealed.split(&mut Compressor::default(), &mut Decompressor::default());
        let halves = match halves {
            Ok(halves) if halves.len() > 1 => halves,
            _ => {
                // Its sequence was given out, although the stamp is gone by now.
                queue.reset = queue.reset.max(Reset::WhenDecided);
                queue.batches.insert(index, batch);
                return self.fail(tp, id, error);
            }
        };
        let mut sequence = batch.sequence;
        let mut charge = batch.charge;
        let identity = queue.identity;
        let last = halves.len() - 1;
        for (part, mut sealed) in halves.into_iter().enumerate() {
            let records = sealed.record_count();
            let stamped = identity
                .map(|identity| sealed.stamp(identity.id, identity.epoch, sequence, transactional));
            let part_charge = if part == last { charge } else { sealed.size().min(charge) };
            charge -= part_charge;
            let half = Batch {
                id: next_batch,
                tag: batch.tag,
                charge: part_charge,
                stamped,
                sequence,
                in_flight: false,
                // Alone and in order, as a retry.
                attempts: 1,
                maybe_written: batch.maybe_written,
                deadline: batch.deadline,
                error: Some(error.clone()),
                sealed,
            };
            next_batch += 1;
            queue.batches.insert(index + part, half);
            sequence = next_sequence(sequence, records);
        }
        self.next_batch = next_batch;
    }

    fn fail(&mut self, tp: &TopicPartition, id: u64, error: Error) {
        // A transaction that lost a batch sends nothing more.
        let reset = if self.transaction.is_some() { Reset::Now } else { Reset::WhenDecided };
        let Some((queue, index)) = self.find(tp, id) else { return };
        let Some(batch) = queue.batches.remove(index) else { return };
        // Its sequence is missing now, or perhaps not: later ones cannot follow it.
        if batch.stamped.is_some() {
            queue.reset = queue.reset.max(reset);
        }
        self.forget_if_empty(tp);
        self.freed += batch.charge;
        self.events.push(ProduceEvent::Failed {
            partition: tp.clone(),
            tag: batch.tag,
            records: count(&batch.sealed),
            first: batch.sealed.first_number(),
            bytes: batch.sealed.size(),
            error,
            possibly_written: batch.maybe_written || batch.in_flight,
        });
    }

    fn fail_all(&mut self, error: &Error) {
        let all: Vec<(TopicPartition, u64)> = self
            .queues
            .iter()
            .flat_map(|(tp, queue)| queue.batches.iter().map(|batch| (tp.clone(), batch.id)))
            .collect();
        for (tp, id) in all {
            self.fail(&tp, id, error.clone());
        }
    }

    fn find(&mut self, tp: &TopicPartition, id: u64) -> Option<(&mut Queue, usize)> {
        let queue = self.queues.get_mut(tp)?;
        let index = queue.batches.iter().position(|batch| batch.id == id)?;
        Some((queue, index))
    }

    fn forget_if_empty(&mut self, tp: &TopicPartition) {
        // The queue itself stays: sequences go on where they were.
        if self.queues.get(tp).is_none_or(|queue| queue.batches.is_empty()) {
            self.active.remove(tp);
        }
    }

    /// Leaves topics to be forgotten that nothing was written to for `metadata.max.idle.ms`, and nothing waits for. Looks
    /// once in that time.
    fn release_idle(&mut self, cluster: &mut Cluster, now: Duration) {
        let max_idle = cluster.config.metadata_max_idle;
        if now < self.release_at {
            return;
        }
        self.release_at = now.saturating_add(max_idle);
        let active: BTreeSet<&Arc<str>> = self.active.iter().map(|tp| &tp.topic).collect();
        self.topics.retain(|topic, written| {
            let keep = active.contains(topic) || now.saturating_sub(*written) < max_idle;
            if !keep {
                cluster.metadata.release(topic);
            }
            keep
        });
    }

    /// Gives up batches whose time is over, and those of topics that do not exist.
    fn expire(&mut self, cluster: &Cluster, now: Duration) {
        let mut over = Vec::new();
        let mut problems: BTreeMap<&Arc<str>, Option<Error>> = BTreeMap::new();
        for tp in &self.active {
            let Some(queue) = self.queues.get(tp) else { continue };
            // One that was there is not coming: it was deleted.
            let must_exist = cluster.config.must_exist.contains(&tp.topic)
                || cluster.metadata.topic(&tp.topic).is_some();
            let patience = if must_exist { TOPIC_UNKNOWN_MAX } else { cluster.config.max_block };
            let problem = problems
                .entry(&tp.topic)
                .or_insert_with(|| cluster.metadata.problem(&tp.topic, patience, now));
            for batch in &queue.batches {
                if batch.deadline <= now {
                    let seconds = cluster.config.delivery_timeout.as_secs();
                    let error = batch
                        .error
                        .clone()
                        .or_else(|| cluster.metadata.last_error().cloned())
                        .unwrap_or_else(|| unanswered(cluster, tp))
                        .context(format!(
                            "a batch for {tp} was not acknowledged within delivery.timeout.ms ({seconds} s)"
                        ));
                    over.push((tp.clone(), batch.id, error));
                } else if let Some(error) = &*problem
                    && (batch.attempts == 0
                        || matches!(error.kind(), ErrorKind::UnknownTopic { .. }))
                {
                    over.push((tp.clone(), batch.id, error.clone()));
                } else if problem.is_none() {
                    // Those behind it came later, and there may be thousands.
                    break;
                }
            }
        }
        for (tp, id, error) in over {
            self.fail(&tp, id, error);
        }
    }

    /// Partitions that lost a batch start again at sequence 0 with a new epoch (KIP-360).
    fn restart_sequences(&mut self) {
        if self.transaction.is_some() {
            return;
        }
        for tp in &self.active {
            let Some(queue) = self.queues.get_mut(tp) else { continue };
            let wait =
                queue.in_flight > 0 || queue.reset == Reset::WhenDecided && queue.has_undecided();
            if queue.reset == Reset::No || wait {
                continue;
            }
            if queue.identity == Some(Identity::NONE) {
                // No sequences, no hole.
                queue.reset = Reset::No;
                continue;
            }
            if let IdentityState::Ready(current) = &mut self.identity
                && queue.identity == Some(*current)
            {
                if current.epoch == PRODUCER_EPOCH_MAX {
                    self.identity = IdentityState::None { retry_at: Duration::ZERO, failures: 0 };
                } else {
                    current.epoch += 1;
                }
            }
            queue.reset = Reset::No;
            queue.identity = None;
            for batch in &mut queue.batches {
                batch.stamped = None;
                batch.attempts = 0;
            }
        }
    }

    fn ask_identity(&mut self, cluster: &mut Cluster, now: Duration) {
        let IdentityState::None { retry_at, failures } = self.identity else { return };
        if retry_at > now || self.transaction.is_some() {
            return;
        }
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            ..InitProducerIdRequest::default()
        };
        let timeout = cluster.config.request_timeout;
        let call = cluster.send(
            Target::Any,
            Purpose::Coordination,
            request.into(),
            timeout,
            Owner::Producer(self.id),
            now,
        );
        self.identity = IdentityState::Asking { call, failures };
    }

    fn identity_answered(
        &mut self,
        result: Result<AnyResponse, CallError>,
        failures: u32,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        let failures = failures.saturating_add(1);
        let retry_at = now + cluster.config.retry_backoff.after(failures, &mut cluster.rng);
        self.identity = IdentityState::None { retry_at, failures };
        match result {
            Ok(AnyResponse::InitProducerId(response)) => {
                let code = ErrorCode(response.error_code);
                if code.is_ok() && response.producer_id >= 0 {
                    self.identity = IdentityState::Ready(Identity {
                        id: response.producer_id,
                        epoch: response.producer_epoch.max(0),
                    });
                } else if matches!(
                    error_table::produce(code),
                    ProduceAction::Fail | ProduceAction::FailAll
                ) {
                    self.fail_all(&Error::broker(code, None).in_api("InitProducerId"));
                }
            }
            Ok(_) => {}
            Err(failed) if matches!(failed.error.kind(), ErrorKind::Unsupported) => {
                self.identity = IdentityState::Ready(Identity::NONE);
            }
            Err(failed) if failed.error.is_final() => {
                self.fail_all(&failed.error);
            }
            // Retried until delivery.timeout.ms ends the batches.
            Err(failed) => {
                for batch in self.queues.values_mut().flat_map(|queue| &mut queue.batches) {
                    batch.error.get_or_insert_with(|| failed.error.clone());
                }
            }
        }
    }

    fn send(&mut self, cluster: &mut Cluster, now: Duration) {
        let identity = match self.identity {
            IdentityState::Ready(identity) => Some(identity),
            _ => None,
        };
        let mut ready: BTreeMap<i32, Vec<TopicPartition>> = BTreeMap::new();
        for tp in &self.active {
            let sendable =
                self.queues.get(tp).is_some_and(|queue| queue.sendable(identity, now).is_some());
            let allowed = self.transaction.as_ref().is_none_or(|open| open.allows(tp));
            if !sendable || !allowed {
                continue;
            }
            match cluster.metadata.leader(tp) {
                Some(leader) => ready.entry(leader.node).or_default().push(tp.clone()),
                // The topic may have grown since the last answer.
                None => cluster.metadata.missing(),
            }
        }
        for (node, partitions) in ready {
            while self.nodes.get(&node).copied().unwrap_or(0) < cluster.config.max_in_flight.max(1)
            {
                if !self.send_one(node, &partitions, identity, cluster, now) {
                    break;
                }
            }
        }
    }

    /// One request with a batch of every partition that may send; `false` if there is none.
    fn send_one(
        &mut self,
        node: i32,
        partitions: &[TopicPartition],
        identity: Option<Identity>,
        cluster: &mut Cluster,
        now: Duration,
    ) -> bool {
        let config = Arc::clone(&cluster.config);
        let transactional = self.transaction.is_some();
        let mut topics: Vec<TopicProduceData> = Vec::new();
        let mut sent = Vec::new();
        let mut bytes = 0;
        for tp in partitions {
            let Some(queue) = self.queues.get_mut(tp) else { continue };
            let Some(index) = queue.sendable(identity, now) else { continue };
            let size = queue.batches.get(index).map_or(0, |batch| batch.sealed.size());
            if bytes > 0 && bytes + size > config.max_request_size {
                continue;
            }
            let Some(records) = stamp(queue, index, identity, transactional) else { continue };
            bytes += size;
            let Some(batch) = queue.batches.get_mut(index) else { continue };
            batch.in_flight = true;
            batch.attempts = batch.attempts.saturating_add(1);
            queue.in_flight += 1;
            sent.push((tp.clone(), batch.id));
            let data = PartitionProduceData { index: tp.partition, records: Some(records) };
            match topics.last_mut().filter(|topic| *topic.name == *tp.topic) {
                Some(topic) => topic.partition_data.push(data),
                None => topics.push(TopicProduceData {
                    name: tp.topic.to_string(),
                    topic_id: cluster.metadata.leader(tp).map(|l| l.topic_id).unwrap_or_default(),
                    partition_data: vec![data],
                }),
            }
        }
        if sent.is_empty() {
            return false;
        }
        let request = ProduceRequest {
            transactional_id: None,
            acks: -1,
            timeout_ms: i32::try_from(config.request_timeout.as_millis()).unwrap_or(i32::MAX),
            topic_data: topics,
        };
        let request = match &self.transaction {
            Some(transaction) => transaction.request(request),
            None => request.into(),
        };
        let call = cluster.send(
            Target::Node(node),
            Purpose::Produce,
            request,
            config.request_timeout,
            Owner::Producer(self.id),
            now,
        );
        *self.nodes.entry(node).or_default() += 1;
        self.requests.insert(call, Request { node, batches: sent });
        true
    }
}

/// Why a batch got no answer that says more.
fn unanswered(cluster: &Cluster, tp: &TopicPartition) -> Error {
    match cluster.metadata.partition_count(&tp.topic) {
        Some(count) if usize::try_from(tp.partition).map_or(true, |at| at >= count) => {
            Error::timeout(format!("topic `{}` has {count} partitions", tp.topic))
        }
        _ if cluster.metadata.leader(tp).is_none() => Error::timeout("the partition has no leader"),
        _ => Error::timeout("no answer"),
    }
}

fn produce_error(code: ErrorCode, answer: &PartitionProduceResponse, tp: &TopicPartition) -> Error {
    let detail = answer
        .record_errors
        .first()
        .and_then(|record| record.batch_index_error_message.as_deref())
        .or(answer.error_message.as_deref());
    Error::broker(code, detail).context(format_args!("partition {tp}")).lacking("WRITE", &tp.topic)
}
