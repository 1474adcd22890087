//! Offsets by time or by end of the log, from the leader of each partition.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{Context, Operation};
use crate::apis::AnyResponse;
use crate::cluster::Target;
use crate::config::Isolation;
use crate::connection::{CallError, CallId};
use crate::error::{Error, ErrorKind, Result};
use crate::error_table::{self, FetchAction};
use crate::fetch::{EARLIEST, LATEST};
use crate::limits::TOPIC_UNKNOWN_MAX;
use crate::pending::Promise;
use crate::topic::TopicPartition;
use crate::wire::ErrorCode;
use crate::wire::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsTopic,
};

/// Which offset of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first one.
    Earliest,
    /// The one behind the last: the high watermark, or the last stable offset with
    /// `read_committed`.
    Latest,
    /// The first one whose record is not older than this, milliseconds since the epoch.
    Timestamp(i64),
}

/// An offset that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedOffset {
    /// The offset; `None` if no record is that young.
    pub offset: Option<i64>,
    /// Timestamp of its record for [`OffsetSpec::Timestamp`], else −1.
    pub timestamp: i64,
    /// Leader epoch of the record, −1 if unknown.
    pub leader_epoch: i32,
}

/// Offsets by partition.
pub(crate) type Listed = BTreeMap<TopicPartition, ListedOffset>;

/// See the module.
#[derive(Debug)]
pub(crate) struct ListOffsets {
    isolation: Isolation,
    open: BTreeMap<TopicPartition, i64>,
    listed: Listed,
    pending: BTreeMap<CallId, Vec<TopicPartition>>,
    topics: BTreeSet<Arc<str>>,
    promise: Option<PromiseOf>,
    started_at: Option<Duration>,
    deadline: Option<Duration>,
    retry_at: Duration,
    failures: u32,
    error: Option<Error>,
    /// Since when the metadata lack a partition: one broker may know it before another.
    missing_since: Option<Duration>,
    polled_at: Duration,
}

struct PromiseOf(Promise<Result<Listed>>);

impl std::fmt::Debug for PromiseOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Promise")
    }
}

impl ListOffsets {
    pub(crate) fn new(
        partitions: &[(TopicPartition, OffsetSpec)],
        isolation: Isolation,
        promise: Promise<Result<Listed>>,
    ) -> Self {
        let timestamp = |spec: &OffsetSpec| match spec {
            OffsetSpec::Earliest => EARLIEST,
            OffsetSpec::Latest => LATEST,
            OffsetSpec::Timestamp(millis) => (*millis).max(0),
        };
        Self {
            isolation,
            open: partitions.iter().map(|(tp, spec)| (tp.clone(), timestamp(spec))).collect(),
            listed: BTreeMap::new(),
            pending: BTreeMap::new(),
            topics: BTreeSet::new(),
            promise: Some(PromiseOf(promise)),
            started_at: None,
            deadline: None,
            retry_at: Duration::ZERO,
            failures: 0,
            error: None,
            missing_since: None,
            polled_at: Duration::ZERO,
        }
    }

    fn complete(&mut self, result: Result<Listed>, context: &mut Context<'_>) {
        if let Some(PromiseOf(promise)) = self.promise.take() {
            promise.complete(result.map_err(|error| error.in_api("ListOffsets")));
        }
        for topic in std::mem::take(&mut self.topics) {
            context.cluster.metadata.release(&topic);
        }
    }

    fn fail_later(&mut self, error: Error, context: &mut Context<'_>) {
        self.failures = self.failures.saturating_add(1);
        self.retry_at = context.now
            + context.cluster.config.retry_backoff.after(self.failures, &mut context.cluster.rng);
        self.error = Some(error);
    }

    fn partition_answered(
        &mut self,
        tp: TopicPartition,
        answer: &ListOffsetsPartitionResponse,
        context: &mut Context<'_>,
    ) {
        let code = ErrorCode(answer.error_code);
        if code.is_ok() {
            if self.open.remove(&tp).is_some() {
                let listed = ListedOffset {
                    offset: (answer.offset >= 0).then_some(answer.offset),
                    timestamp: answer.timestamp,
                    leader_epoch: answer.leader_epoch,
                };
                self.listed.insert(tp, listed);
            }
            return;
        }
        let error = Error::broker(code, None)
            .context(format_args!("partition {tp}"))
            .lacking("DESCRIBE", &tp.topic);
        match error_table::fetch(code) {
            FetchAction::Refresh => {
                context.cluster.metadata.refresh();
                self.fail_later(error, context);
            }
            FetchAction::Retry => self.fail_later(error, context),
            _ => self.complete(Err(error), context),
        }
    }

    fn send(&mut self, context: &mut Context<'_>) {
        let asked: BTreeSet<&TopicPartition> = self.pending.values().flatten().collect();
        let mut by_node: BTreeMap<i32, Vec<TopicPartition>> = BTreeMap::new();
        for tp in self.open.keys().filter(|tp| !asked.contains(tp)) {
            if let Some(leader) = context.cluster.metadata.leader(tp) {
                by_node.entry(leader.node).or_default().push(tp.clone());
            }
        }
        for (node, partitions) in by_node {
            let mut topics: Vec<ListOffsetsTopic> = Vec::new();
            for tp in &partitions {
                let partition = ListOffsetsPartition {
                    partition_index: tp.partition,
                    current_leader_epoch: context
                        .cluster
                        .metadata
                        .leader(tp)
                        .map_or(-1, |leader| leader.epoch),
                    timestamp: self.open.get(tp).copied().unwrap_or(LATEST),
                };
                match topics.last_mut().filter(|topic| *topic.name == *tp.topic) {
                    Some(topic) => topic.partitions.push(partition),
                    None => topics.push(ListOffsetsTopic {
                        name: tp.topic.to_string(),
                        partitions: vec![partition],
                    }),
                }
            }
            let timeout = context.cluster.config.request_timeout;
            let request = ListOffsetsRequest {
                replica_id: -1,
                isolation_level: i8::from(self.isolation == Isolation::ReadCommitted),
                topics,
                timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
            };
            let call = context.send(Target::Node(node), request.into(), timeout);
            self.pending.insert(call, partitions);
        }
    }
}

impl Operation for ListOffsets {
    fn poll(&mut self, context: &mut Context<'_>) {
        self.polled_at = context.now;
        if self.promise.is_none() {
            return;
        }
        let patience = context.cluster.patience();
        self.deadline = Some(self.started_at.unwrap_or(context.now) + patience);
        if self.started_at.is_none() {
            self.started_at = Some(context.now);
            let topics: BTreeSet<Arc<str>> =
                self.open.keys().map(|tp| Arc::clone(&tp.topic)).collect();
            for topic in &topics {
                context.cluster.metadata.want(topic, false, context.now);
            }
            self.topics = topics;
        }
        if self.open.is_empty() {
            let listed = std::mem::take(&mut self.listed);
            return self.complete(Ok(listed), context);
        }
        let metadata = &context.cluster.metadata;
        // Where there is less time in all, the cause is to be known before it is over.
        let unknown_max = TOPIC_UNKNOWN_MAX.min(patience * 2 / 3);
        let problem =
            self.topics.iter().find_map(|t| metadata.problem(t, unknown_max, context.now));
        if let Some(error) = problem {
            return self.complete(Err(error), context);
        }
        let missing = self.open.keys().find(|tp| {
            metadata.topic(&tp.topic).is_some_and(|topic| {
                !topic.partitions.is_empty() && topic.partition(tp.partition).is_none()
            })
        });
        match missing {
            Some(tp) => {
                let since = *self.missing_since.get_or_insert(context.now);
                if context.now.saturating_sub(since) >= unknown_max {
                    let kind = ErrorKind::UnknownTopic { topic: tp.topic.to_string() };
                    let error = Error::new(kind, format!("partition {tp} does not exist"));
                    return self.complete(Err(error), context);
                }
                context.cluster.metadata.missing();
            }
            None => self.missing_since = None,
        }
        if self.deadline.is_some_and(|at| at <= context.now) {
            let error = self
                .error
                .take()
                .or_else(|| context.cluster.metadata.last_error().cloned())
                .unwrap_or_else(|| Error::timeout("no answer"));
            let seconds = patience.as_secs();
            return self
                .complete(Err(error.context(format!("given up after {seconds} s"))), context);
        }
        if self.retry_at <= context.now {
            self.send(context);
        }
    }

    fn answered(
        &mut self,
        call: CallId,
        result: std::result::Result<AnyResponse, CallError>,
        context: &mut Context<'_>,
    ) {
        let Some(asked) = self.pending.remove(&call) else { return };
        match result {
            Ok(AnyResponse::ListOffsets(response)) => {
                for topic in &response.topics {
                    let name: Arc<str> = topic.name.as_str().into();
                    for answer in &topic.partitions {
                        let tp = TopicPartition::new(Arc::clone(&name), answer.partition_index);
                        self.partition_answered(tp, answer, context);
                    }
                }
                let left_out = asked.iter().find(|tp| self.open.contains_key(*tp));
                if let Some(tp) = left_out.filter(|_| self.retry_at <= context.now) {
                    let error = Error::timeout(format!("the answer lacks partition {tp}"));
                    self.fail_later(error, context);
                }
            }
            Ok(_) => {}
            Err(failed) if failed.error.is_final() => {
                self.complete(Err(failed.error), context);
            }
            Err(failed) => {
                context.cluster.metadata.refresh();
                self.fail_later(failed.error, context);
            }
        }
    }

    fn next_deadline(&self) -> Option<Duration> {
        let missing = self.missing_since.map(|since| since.saturating_add(TOPIC_UNKNOWN_MAX));
        let all = self.deadline.into_iter().chain([self.retry_at]).chain(missing);
        all.filter(|at| *at > self.polled_at).min()
    }

    fn is_done(&self) -> bool {
        self.promise.is_none()
    }
}
