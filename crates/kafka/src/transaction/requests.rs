//! What the machine asks coordinators, and how it reads their answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::errors::{self, TransactionAction};
use super::{Begun, Failure, ProducerIdentity, State, TransactionError, TransactionMachine, name};
use crate::apis::{AnyRequest, AnyResponse};
use crate::cluster::{Cluster, Target};
use crate::connection::{CallError, CallId};
use crate::error::{Error, ErrorKind};
use crate::produce::Identity;
use crate::topic::TopicPartition;
use crate::wire::ErrorCode;
use crate::wire::messages::add_offsets_to_txn::AddOffsetsToTxnRequest;
use crate::wire::messages::add_partitions_to_txn::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic,
};
use crate::wire::messages::end_txn::{EndTxnRequest, EndTxnResponse};
use crate::wire::messages::find_coordinator::{
    FindCoordinatorRequest, FindCoordinatorResponse, TRANSACTION_KEY,
};
use crate::wire::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use crate::wire::messages::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};

/// Highest EndTxn and TxnOffsetCommit versions of transactions of version 1 (KIP-890).
const V1_END_MAX: i16 = 4;
const V1_OFFSETS_MAX: i16 = 4;
/// Level of the feature `transaction.version` from which on producers use version 2.
const V2_LEVEL: i16 = 2;

/// The request that is out.
#[derive(Debug)]
pub(super) enum Asked {
    Coordinator,
    GroupCoordinator(String),
    Init { node: i32 },
    AddPartitions(Vec<TopicPartition>),
    AddOffsets(String),
    CommitOffsets,
    End { commit: bool },
}

impl Asked {
    const fn api(&self) -> &'static str {
        match self {
            Self::Coordinator | Self::GroupCoordinator(_) => "FindCoordinator",
            Self::Init { .. } => "InitProducerId",
            Self::AddPartitions(_) => "AddPartitionsToTxn",
            Self::AddOffsets(_) => "AddOffsetsToTxn",
            Self::CommitOffsets => "TxnOffsetCommit",
            Self::End { .. } => "EndTxn",
        }
    }

    const fn of_group(&self) -> bool {
        matches!(self, Self::GroupCoordinator(_) | Self::CommitOffsets)
    }
}

impl TransactionMachine {
    /// The coordinator of the transactional id, or a request for it.
    fn coordinator(&mut self, cluster: &mut Cluster, now: Duration) -> Option<i32> {
        if self.coordinator.is_none() {
            let request = FindCoordinatorRequest {
                key_type: TRANSACTION_KEY,
                coordinator_keys: vec![self.transactional_id.clone()],
                ..FindCoordinatorRequest::default()
            };
            self.send(Target::Any, request.into(), Asked::Coordinator, cluster, now);
        }
        self.coordinator
    }

    pub(super) fn ask_init(&mut self, cluster: &mut Cluster, now: Duration) -> bool {
        let Some(node) = self.coordinator(cluster, now) else { return false };
        // A producer that goes on says what it has, so that a rival is not fenced by it (KIP-360).
        let goes_on =
            self.identity.filter(|_| matches!(self.state, State::Ready | State::Ending { .. }));
        let request = InitProducerIdRequest {
            transactional_id: Some(self.transactional_id.clone()),
            transaction_timeout_ms: i32::try_from(self.timeout.as_millis()).unwrap_or(i32::MAX),
            producer_id: goes_on.map_or(-1, |identity| identity.id),
            producer_epoch: goes_on.map_or(-1, |identity| identity.epoch),
            ..InitProducerIdRequest::default()
        };
        self.send(Target::Node(node), request.into(), Asked::Init { node }, cluster, now);
        true
    }

    pub(super) fn ask_add_partitions(
        &mut self,
        new: Vec<TopicPartition>,
        cluster: &mut Cluster,
        now: Duration,
    ) -> bool {
        let Some(identity) = self.identity else { return false };
        let Some(node) = self.coordinator(cluster, now) else { return false };
        let mut topics: BTreeMap<String, Vec<i32>> = BTreeMap::new();
        for tp in &new {
            topics.entry(name(&tp.topic)).or_default().push(tp.partition);
        }
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: self.transactional_id.clone(),
            v3_and_below_producer_id: identity.id,
            v3_and_below_producer_epoch: identity.epoch,
            v3_and_below_topics: topics
                .into_iter()
                .map(|(name, partitions)| AddPartitionsToTxnTopic { name, partitions })
                .collect(),
            ..AddPartitionsToTxnRequest::default()
        };
        self.send(Target::Node(node), request.into(), Asked::AddPartitions(new), cluster, now);
        true
    }

    /// The next step towards the offsets in front.
    pub(super) fn ask_offsets(
        &mut self,
        group: &str,
        cluster: &mut Cluster,
        now: Duration,
    ) -> bool {
        let Some(identity) = self.identity else { return false };
        if !self.v2 && !self.groups.contains(group) {
            let Some(node) = self.coordinator(cluster, now) else { return false };
            let request = AddOffsetsToTxnRequest {
                transactional_id: self.transactional_id.clone(),
                producer_id: identity.id,
                producer_epoch: identity.epoch,
                group_id: group.to_owned(),
            };
            let asked = Asked::AddOffsets(group.to_owned());
            self.send(Target::Node(node), request.into(), asked, cluster, now);
            return true;
        }
        let node = match &self.group_coordinator {
            Some((known, node)) if known == group => *node,
            _ => {
                let request = FindCoordinatorRequest {
                    coordinator_keys: vec![group.to_owned()],
                    ..FindCoordinatorRequest::default()
                };
                let asked = Asked::GroupCoordinator(group.to_owned());
                self.send(Target::Any, request.into(), asked, cluster, now);
                return true;
            }
        };
        let Some(front) = self.offsets.front() else { return false };
        let mut topics: BTreeMap<String, Vec<TxnOffsetCommitRequestPartition>> = BTreeMap::new();
        for (tp, committed) in &front.offsets {
            topics.entry(name(&tp.topic)).or_default().push(TxnOffsetCommitRequestPartition {
                partition_index: tp.partition,
                committed_offset: committed.offset,
                committed_leader_epoch: committed.leader_epoch,
                committed_metadata: Some(committed.metadata.clone()),
            });
        }
        let request = TxnOffsetCommitRequest {
            transactional_id: self.transactional_id.clone(),
            group_id: group.to_owned(),
            producer_id: identity.id,
            producer_epoch: identity.epoch,
            generation_id_or_member_epoch: front.member.generation,
            member_id: front.member.member_id.clone(),
            group_instance_id: front.member.instance_id.clone(),
            topics: topics
                .into_iter()
                .map(|(name, partitions)| TxnOffsetCommitRequestTopic {
                    name,
                    partitions,
                    ..TxnOffsetCommitRequestTopic::default()
                })
                .collect(),
        };
        self.begun = self.begun.max(Begun::Perhaps);
        let request = self.capped(request.into(), V1_OFFSETS_MAX);
        self.send(Target::Node(node), request, Asked::CommitOffsets, cluster, now);
        true
    }

    pub(super) fn ask_end(&mut self, commit: bool, cluster: &mut Cluster, now: Duration) -> bool {
        let Some(identity) = self.identity else { return false };
        let Some(node) = self.coordinator(cluster, now) else { return false };
        let request = EndTxnRequest {
            transactional_id: self.transactional_id.clone(),
            producer_id: identity.id,
            producer_epoch: identity.epoch,
            committed: commit,
        };
        if let State::Ending { asked, deadline, .. } = &mut self.state
            && !*asked
        {
            *asked = true;
            *deadline = now.saturating_add(cluster.patience());
        }
        let request = self.capped(request.into(), V1_END_MAX);
        self.send(Target::Node(node), request, Asked::End { commit }, cluster, now);
        true
    }

    /// With version 1, at most this version of the request: higher ones mean version 2.
    fn capped(&self, request: AnyRequest, v1_max: i16) -> AnyRequest {
        if self.v2 { request } else { AnyRequest::Capped(Box::new(request), v1_max) }
    }

    /// An answer of a coordinator.
    pub(crate) fn answered(
        &mut self,
        call: CallId,
        result: Result<AnyResponse, CallError>,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        let Some((_, asked)) = self.call.take_if(|(out, _)| *out == call) else { return };
        let response = match result {
            Ok(response) => response,
            Err(failed) => return self.unanswered(&asked, failed, cluster, now),
        };
        let of_group = asked.of_group();
        let api = asked.api();
        let error = |code: ErrorCode| Error::broker(code, None).in_api(api);
        match (asked, response) {
            (Asked::Coordinator, AnyResponse::FindCoordinator(response)) => {
                if let Some(node) = self.found(&response, false, cluster, now) {
                    self.coordinator = Some(node);
                }
            }
            (Asked::GroupCoordinator(group), AnyResponse::FindCoordinator(response)) => {
                if let Some(node) = self.found(&response, true, cluster, now) {
                    self.group_coordinator = Some((group, node));
                }
            }
            (Asked::Init { node }, AnyResponse::InitProducerId(response)) => {
                self.initialized(node, &response, cluster, now);
            }
            (Asked::AddPartitions(new), AnyResponse::AddPartitionsToTxn(response)) => {
                let codes = response.results_by_topic_v3_and_below.iter().flat_map(|topic| {
                    topic.results_by_partition.iter().map(|partition| {
                        let tp =
                            TopicPartition::new(topic.name.as_str(), partition.partition_index);
                        (tp, ErrorCode(partition.partition_error_code))
                    })
                });
                match outcome(new.iter(), codes) {
                    Outcome::Lacks(tp) => {
                        self.begun = self.begun.max(Begun::Perhaps);
                        self.retry(lacks(&tp).in_api(api), cluster, now);
                    }
                    Outcome::Refused(tp, code) => {
                        self.not_added(code);
                        let error = error(code)
                            .context(format_args!("partition {tp}"))
                            .lacking("WRITE", &tp.topic);
                        self.refused(code, error, of_group, cluster, now);
                    }
                    Outcome::Done => {
                        self.begun = Begun::Yes;
                        self.partitions.extend(new);
                        self.produce.admit(&self.partitions);
                        self.start_over();
                    }
                }
            }
            (Asked::AddOffsets(group), AnyResponse::AddOffsetsToTxn(response)) => {
                match ErrorCode(response.error_code) {
                    ErrorCode::NONE => {
                        self.begun = Begun::Yes;
                        self.groups.insert(group);
                        self.start_over();
                    }
                    code => {
                        self.not_added(code);
                        self.refused(code, error(code), of_group, cluster, now);
                    }
                }
            }
            (Asked::CommitOffsets, AnyResponse::TxnOffsetCommit(response)) => {
                let codes = response.topics.iter().flat_map(|topic| {
                    topic.partitions.iter().map(|partition| {
                        let tp =
                            TopicPartition::new(topic.name.as_str(), partition.partition_index);
                        (tp, ErrorCode(partition.error_code))
                    })
                });
                let codes: Vec<_> = codes.collect();
                if codes.iter().any(|(_, code)| code.is_ok()) {
                    self.begun = Begun::Yes;
                }
                let is_unknown = |code: &ErrorCode| *code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
                let refused = codes.iter().filter(|(_, code)| is_unknown(code));
                let refused = refused.map(|(tp, _)| tp.clone());
                let deleted = self.offsets.front_mut().is_some_and(|front| {
                    front.unknown.were_deleted(refused, &mut cluster.metadata, now)
                });
                let asked = self.offsets.front().into_iter().flat_map(|front| &front.offsets);
                match outcome(asked.map(|(tp, _)| tp), codes.into_iter()) {
                    Outcome::Lacks(tp) => self.retry(lacks(&tp).in_api(api), cluster, now),
                    // The least of all codes: everything else is in the transaction. With a partition its offsets go, too.
                    Outcome::Refused(_, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION) if deleted => {
                        self.offsets_done();
                    }
                    Outcome::Refused(tp, code) => {
                        let error = error(code)
                            .context(format_args!("partition {tp}"))
                            .lacking("READ", &tp.topic);
                        self.refused(code, error, of_group, cluster, now);
                    }
                    Outcome::Done => self.offsets_done(),
                }
            }
            (Asked::End { commit }, AnyResponse::EndTxn(response)) => {
                self.end_answered(commit, &response, cluster, now);
            }
            (asked, _) => {
                let text = format!("an answer of another API than {}", asked.api());
                let error = Error::new(ErrorKind::Corrupt { offset: -1 }, text);
                self.fail(TransactionError::new(Failure::Fatal, error));
            }
        }
    }

    /// The offsets in front are in the transaction.
    fn offsets_done(&mut self) {
        self.start_over();
        if let Some(front) = self.offsets.pop_front() {
            front.done(Ok(()));
        }
    }

    /// No answer came: whatever was asked is asked again.
    fn unanswered(
        &mut self,
        asked: &Asked,
        failed: CallError,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        if failed.error.is_final() {
            return self.fail(TransactionError::new(Failure::Fatal, failed.error));
        }
        match asked {
            Asked::End { .. } if failed.maybe_sent => {
                self.end_unanswered = true;
                self.bump |= !self.v2;
            }
            Asked::AddPartitions(_) | Asked::AddOffsets(_) if failed.maybe_sent => {
                self.begun = self.begun.max(Begun::Perhaps);
            }
            _ => {}
        }
        self.rediscover(failed.error, asked.of_group(), cluster, now);
    }

    /// Something was not added to the transaction, or a code that lets it be tried again leaves that open.
    fn not_added(&mut self, code: ErrorCode) {
        if matches!(errors::action(code), TransactionAction::Retry | TransactionAction::Rediscover)
        {
            self.begun = self.begun.max(Begun::Perhaps);
        }
    }

    fn found(
        &mut self,
        response: &FindCoordinatorResponse,
        of_group: bool,
        cluster: &mut Cluster,
        now: Duration,
    ) -> Option<i32> {
        match cluster.metadata.found(response) {
            Ok(node) => Some(node),
            Err(error) => {
                let code = error.code().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR);
                self.refused(code, error, of_group, cluster, now);
                None
            }
        }
    }

    fn initialized(
        &mut self,
        node: i32,
        response: &InitProducerIdResponse,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        let code = ErrorCode(response.error_code);
        if !code.is_ok() || response.producer_id < 0 || response.producer_epoch < 0 {
            let error = Error::broker(code, None).in_api("InitProducerId");
            return self.refused(code, error, false, cluster, now);
        }
        let identity = Identity { id: response.producer_id, epoch: response.producer_epoch };
        self.identity = Some(identity);
        self.v2 = cluster.transaction_version(node) >= V2_LEVEL;
        self.bump = false;
        self.produce.begin(Some(identity), (!self.v2).then(BTreeSet::new));
        self.start_over();
        if let State::Initializing { .. } = &self.state
            && let State::Initializing { promise, .. } =
                std::mem::replace(&mut self.state, State::Ready)
        {
            promise.complete(Ok(ProducerIdentity {
                id: identity.id,
                epoch: identity.epoch,
                protocol: if self.v2 { 2 } else { 1 },
            }));
            self.resume(cluster, now);
        } else if matches!(self.state, State::Ending { commit: false, .. }) {
            // The new producer has ended the transaction of the one before.
            self.ended(Ok(()), cluster, now);
        }
    }

    fn end_answered(
        &mut self,
        commit: bool,
        response: &EndTxnResponse,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        let code = ErrorCode(response.error_code);
        if code.is_ok() {
            if self.v2 && response.producer_id >= 0 && response.producer_epoch >= 0 {
                let (id, epoch) = (response.producer_id, response.producer_epoch);
                self.identity = Some(Identity { id, epoch });
            }
            self.end_unanswered = false;
            return self.ended(Ok(()), cluster, now);
        }
        if code == ErrorCode::INVALID_TXN_STATE && self.begun == Begun::Perhaps {
            // What nobody confirmed was not added. Of a commit only offsets of deleted partitions are not confirmed.
            return self.ended(Ok(()), cluster, now);
        }
        let error = Error::broker(code, None).in_api("EndTxn");
        let failure = match errors::known(code) {
            Some(TransactionAction::Retry) => return self.retry(error, cluster, now),
            Some(TransactionAction::Rediscover) => {
                return self.rediscover(error, false, cluster, now);
            }
            // The transaction is still open: the broker asks for its abort.
            Some(TransactionAction::Abort) if commit && !self.end_unanswered => {
                self.spoil(error);
                self.bump |= !self.v2;
                if let State::Ending { asked, .. } = &mut self.state {
                    *asked = false;
                }
                return;
            }
            // An earlier attempt may have committed before somebody else took over.
            _ if commit && self.end_unanswered => Failure::OutcomeUnknown,
            Some(TransactionAction::Fenced) => Failure::Fenced,
            Some(_) => Failure::Fatal,
            // A code without a meaning says nothing about the outcome.
            None if commit => Failure::OutcomeUnknown,
            None => Failure::Fatal,
        };
        self.finish(TransactionError::new(failure, error));
    }
}

/// What an answer says about the partitions that were asked for.
enum Outcome {
    Done,
    /// The most important of the refusals.
    Refused(TopicPartition, ErrorCode),
    /// Nothing about this one: its outcome is not known.
    Lacks(TopicPartition),
}

/// Reads the codes of an answer: what is final outranks what can be retried, that a partition without a code, and all of
/// them a partition that is not there.
fn outcome<'a>(
    asked: impl Iterator<Item = &'a TopicPartition>,
    codes: impl Iterator<Item = (TopicPartition, ErrorCode)>,
) -> Outcome {
    let codes: BTreeMap<TopicPartition, ErrorCode> = codes.collect();
    let worst =
        codes.iter().filter(|(_, code)| !code.is_ok()).max_by_key(
            |(_, code)| match errors::action(**code) {
                TransactionAction::Fenced => 5,
                TransactionAction::Fail => 4,
                TransactionAction::Abort => 3,
                TransactionAction::Rediscover => 2,
                TransactionAction::Retry if **code != ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => 1,
                TransactionAction::Retry => 0,
            },
        );
    let mut asked = asked;
    let lacking = asked.find(|tp| !codes.contains_key(*tp));
    match (worst, lacking) {
        (None, None) => Outcome::Done,
        (None | Some((_, &ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)), Some(tp)) => {
            Outcome::Lacks(tp.clone())
        }
        (Some((tp, code)), _) => Outcome::Refused(tp.clone(), *code),
    }
}

fn lacks(tp: &TopicPartition) -> Error {
    Error::timeout(format!("the answer lacks partition {tp}"))
}
