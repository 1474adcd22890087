//! The machine of one transactional producer (KIP-98, KIP-360, KIP-447, KIP-890): it owns a
//! [`ProduceMachine`] and decides what that may write, with which identity, and when a transaction
//! ends.
//!
//! One request to a coordinator is out at a time. The version of the protocol is fixed by the
//! answer to `InitProducerId`: 2 where the brokers have finalized `transaction.version` 2.
//!
//! An EndTxn without an answer is asked again in the same direction until there is one. With
//! version 2 the broker tells such a repetition from the end of a later transaction by the epoch.
//! With version 1 it could not, so the epoch is raised before the next transaction begins: an old
//! request that arrives late finds it fenced.

pub mod errors;
mod handle;
mod requests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use self::errors::TransactionAction;
pub use self::handle::{
    Failure, GroupMember, ProducerIdentity, TransactionError, TransactionResult,
    TransactionalProducer,
};
use self::requests::Asked;
use crate::apis::AnyResponse;
use crate::cluster::{Cluster, Owner, Purpose, Target};
use crate::connection::{CallError, CallId};
use crate::error::{Error, ErrorKind};
use crate::metadata::Unknown;
use crate::operations::{CommittedOffset, parts};
use crate::pending::Promise;
use crate::produce::{Identity, ProduceMachine};
use crate::producer::ProduceEvent;
use crate::topic::TopicPartition;
use crate::wire::ErrorCode;
use crate::wire::records::SealedBatch;

type Done<T> = Promise<TransactionResult<T>>;

/// What the handle asks for.
#[derive(Debug)]
pub(crate) enum Request {
    Init(Done<ProducerIdentity>),
    Send {
        partition: TopicPartition,
        batch: SealedBatch,
        tag: u64,
    },
    Offsets {
        group: String,
        member: GroupMember,
        offsets: Vec<(TopicPartition, CommittedOffset)>,
        promise: Done<()>,
    },
    End {
        commit: bool,
        promise: Done<()>,
    },
}

/// Offsets on their way into the transaction, in one request.
#[derive(Debug)]
struct Offsets {
    group: String,
    member: GroupMember,
    offsets: Vec<(TopicPartition, CommittedOffset)>,
    /// Of the last request that they take.
    promise: Option<Done<()>>,
    deadline: Duration,
    /// Those that the group's coordinator does not know.
    unknown: Unknown,
}

impl Offsets {
    fn done(self, result: TransactionResult<()>) {
        self.promise.into_iter().for_each(|promise| promise.complete(result.clone()));
    }
}

#[derive(Debug)]
enum State {
    /// Before `init`.
    New,
    Initializing {
        promise: Done<ProducerIdentity>,
        asked_at: Duration,
        deadline: Duration,
    },
    /// A transaction is open, or none is.
    Ready,
    /// The transaction ends; `asked` once an EndTxn is or was out.
    Ending {
        commit: bool,
        promise: Done<()>,
        deadline: Duration,
        asked: bool,
    },
    /// Final.
    Failed(TransactionError),
}

/// Whether the coordinator knows of the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Begun {
    /// Nothing was added to it: there is nothing to end.
    No,
    /// Something was asked to be added, and no answer says whether it was.
    Perhaps,
    /// Something was added.
    Yes,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct TransactionMachine {
    id: u64,
    transactional_id: String,
    timeout: Duration,
    produce: ProduceMachine,
    state: State,
    identity: Option<Identity>,
    v2: bool,
    coordinator: Option<i32>,
    /// Coordinator of the group in front of `offsets`.
    group_coordinator: Option<(String, i32)>,
    /// Version 1: partitions that the broker knows to be of the transaction.
    partitions: BTreeSet<TopicPartition>,
    /// Version 1: groups of the transaction.
    groups: BTreeSet<String>,
    begun: Begun,
    /// Why the transaction can only be aborted.
    poison: Option<Error>,
    /// Version 1: raise the epoch before the next transaction.
    bump: bool,
    /// Version 1: a batch that was given up may still reach its broker, behind the markers of an abort.
    straggler: bool,
    offsets: VecDeque<Offsets>,
    /// Offsets that fail because a batch did, and why.
    spoilt: Vec<(Offsets, Error)>,
    /// What came while a transaction was ending.
    next: VecDeque<Request>,
    call: Option<(CallId, Asked)>,
    retry_at: Duration,
    failures: u32,
    /// An EndTxn of this transaction may have been done without an answer.
    end_unanswered: bool,
    /// Why the last attempt failed.
    error: Option<Error>,
    polled_at: Duration,
    events: Vec<ProduceEvent>,
    freed: usize,
}

/// Why a batch is not written whose transaction another one has spoilt. That the other was too large says nothing about
/// this one: whoever leaves out records that are must not leave out this batch's.
fn of_bystander(error: &Error) -> Error {
    match error.kind() {
        ErrorKind::TooLarge => Error::new(
            ErrorKind::Closed,
            format!("another batch of its transaction was refused: {error}"),
        ),
        _ => error.clone(),
    }
}

/// Whether a batch that was given up may be written yet.
fn may_arrive(event: &ProduceEvent) -> bool {
    matches!(event, ProduceEvent::Failed { possibly_written: true, .. })
}

impl TransactionMachine {
    pub(crate) fn new(id: u64, transactional_id: String, timeout: Duration) -> Self {
        let produce = ProduceMachine::transactional(id, &transactional_id);
        Self {
            id,
            transactional_id,
            timeout,
            produce,
            state: State::New,
            identity: None,
            v2: false,
            coordinator: None,
            group_coordinator: None,
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
            begun: Begun::No,
            poison: None,
            bump: false,
            straggler: false,
            offsets: VecDeque::new(),
            spoilt: Vec::new(),
            next: VecDeque::new(),
            call: None,
            retry_at: Duration::ZERO,
            failures: 0,
            end_unanswered: false,
            error: None,
            polled_at: Duration::ZERO,
            events: Vec::new(),
            freed: 0,
        }
    }

    /// Takes what the handle asks for.
    pub(crate) fn request(&mut self, request: Request, cluster: &mut Cluster, now: Duration) {
        match (&self.state, request) {
            (State::Failed(error), request) => {
                let error = error.clone();
                self.refuse(request, &error);
            }
            (State::New, Request::Init(promise)) => {
                let deadline = now.saturating_add(cluster.patience());
                self.state = State::Initializing { promise, asked_at: now, deadline };
                self.start_over();
            }
            (_, Request::Init(promise)) => {
                let error = Error::new(ErrorKind::Unsupported, "init was called before");
                promise.complete(Err(TransactionError::new(Failure::Fatal, error)));
            }
            (State::New, request) => {
                let error = Error::new(ErrorKind::Unsupported, "call init first");
                self.refuse(request, &TransactionError::new(Failure::Fatal, error));
            }
            (State::Initializing { .. } | State::Ending { .. }, request) => {
                self.next.push_back(request);
            }
            (State::Ready, request) => self.take(request, cluster, now),
        }
    }

    fn take(&mut self, request: Request, cluster: &mut Cluster, now: Duration) {
        let deadline = now.saturating_add(cluster.patience());
        match (request, self.poison.clone()) {
            (Request::End { commit: true, promise }, Some(error)) => {
                promise.complete(Err(TransactionError::new(Failure::MustAbort, error)));
            }
            (Request::End { commit, promise }, _) => {
                if !commit {
                    let text = "the transaction was aborted before the batch was written";
                    self.spoil(Error::new(ErrorKind::Closed, text));
                }
                self.state = State::Ending { commit, promise, deadline, asked: false };
                self.start_over();
            }
            (request @ (Request::Send { .. } | Request::Offsets { .. }), Some(error)) => {
                self.refuse(request, &TransactionError::new(Failure::MustAbort, error));
            }
            (Request::Send { partition, batch, tag }, None) => {
                self.produce.push(partition, batch, tag, cluster, now);
            }
            (Request::Offsets { group, member, offsets, promise }, None) => {
                let parts = parts(&group, &offsets);
                let (last, mut promise) = (parts.len().saturating_sub(1), Some(promise));
                for (at, part) in parts.into_iter().enumerate() {
                    self.offsets.push_back(Offsets {
                        group: group.clone(),
                        member: member.clone(),
                        offsets: part.to_vec(),
                        promise: promise.take_if(|_| at == last),
                        deadline,
                        unknown: Unknown::default(),
                    });
                }
            }
            // Answered by `request`.
            (Request::Init(_), _) => {}
        }
    }

    /// Answers a request that cannot be done.
    fn refuse(&mut self, request: Request, error: &TransactionError) {
        match request {
            Request::Init(promise) => promise.complete(Err(error.clone())),
            Request::Offsets { promise, .. } | Request::End { promise, .. } => {
                promise.complete(Err(error.clone()));
            }
            Request::Send { partition, batch, tag } => {
                self.freed += batch.size();
                self.events.push(ProduceEvent::Failed {
                    partition,
                    tag,
                    records: usize::try_from(batch.record_count()).unwrap_or(0),
                    first: batch.first_number(),
                    bytes: batch.size(),
                    error: of_bystander(&error.error),
                    possibly_written: false,
                });
            }
        }
    }

    pub(crate) fn close(&mut self, cluster: &mut Cluster) {
        self.produce.close(cluster);
    }

    /// Events and bytes of the buffer that became free.
    pub(crate) fn take_events(&mut self) -> (Vec<ProduceEvent>, usize) {
        (std::mem::take(&mut self.events), std::mem::take(&mut self.freed))
    }

    /// Says that offsets failed because a batch did; to be called once the events that tell which are delivered, so that
    /// whoever hears of it finds them.
    pub(crate) fn answer_spoilt(&mut self) {
        for (offsets, error) in self.spoilt.drain(..) {
            offsets.done(Err(TransactionError::new(Failure::MustAbort, error)));
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let state = match &self.state {
            State::Initializing { deadline, .. } | State::Ending { deadline, .. } => {
                Some(*deadline)
            }
            _ => None,
        };
        let offsets = self.offsets.front().map(|offsets| offsets.deadline);
        let own = state.into_iter().chain(offsets).chain([self.retry_at]);
        own.filter(|at| *at > self.polled_at).chain(self.produce.next_deadline()).min()
    }

    /// Sends what can be sent now.
    pub(crate) fn poll(&mut self, cluster: &mut Cluster, now: Duration) {
        self.polled_at = now;
        self.produce.poll(cluster, now);
        self.collect();
        self.expire(cluster, now);
        while self.call.is_none() && self.retry_at <= now && self.advance(cluster, now) {}
        // What was just allowed may go out at once.
        self.produce.poll(cluster, now);
        self.collect();
    }

    /// An answer for the batches.
    pub(crate) fn produced(
        &mut self,
        call: CallId,
        result: Result<AnyResponse, CallError>,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        self.produce.answered(call, result, cluster, now);
        self.collect();
    }

    /// Looks at what became of batches: one that is lost spoils its transaction.
    fn collect(&mut self) {
        let (events, freed) = self.produce.take_events();
        self.freed += freed;
        self.straggler |= !self.v2 && events.iter().any(may_arrive);
        let errors = || {
            events.iter().filter_map(|event| match event {
                ProduceEvent::Failed { error, .. } => Some(error),
                _ => None,
            })
        };
        let lost = errors().next().cloned();
        let fenced =
            errors().find(|error| error.code() == Some(ErrorCode::PRODUCER_FENCED)).cloned();
        self.events.extend(events);
        if let Some(error) = lost {
            // A hole in the sequences, or a batch that may still arrive.
            self.bump |= !self.v2;
            self.spoil(error);
        }
        if let Some(error) = fenced {
            self.fail(TransactionError::new(Failure::Fenced, error));
        }
        if self.produce.has_sent() {
            self.begun = Begun::Yes;
        }
    }

    /// The next step; `false` when there is none, or when it waits for an answer.
    fn advance(&mut self, cluster: &mut Cluster, now: Duration) -> bool {
        match &self.state {
            State::New | State::Failed(_) => false,
            State::Initializing { .. } => self.ask_init(cluster, now),
            State::Ready => self.advance_open(cluster, now),
            State::Ending { commit, asked, .. } => {
                let (commit, asked) = (*commit, *asked);
                self.advance_end(commit, asked, cluster, now)
            }
        }
    }

    fn advance_open(&mut self, cluster: &mut Cluster, now: Duration) -> bool {
        if self.bump && self.begun == Begun::No && self.poison.is_none() {
            // Nothing of the new transaction may go out before; nothing is asked for when idle.
            if self.produce.is_idle() && self.offsets.is_empty() {
                return false;
            }
            return self.ask_init(cluster, now);
        }
        if self.poison.is_some() {
            return false;
        }
        if !self.v2 {
            let new = self.produce.unadmitted(&self.partitions);
            if !new.is_empty() {
                return self.ask_add_partitions(new, cluster, now);
            }
        }
        if let Some(front) = self.offsets.front() {
            let group = front.group.clone();
            return self.ask_offsets(&group, cluster, now);
        }
        false
    }

    fn advance_end(
        &mut self,
        commit: bool,
        asked: bool,
        cluster: &mut Cluster,
        now: Duration,
    ) -> bool {
        if asked {
            return self.ask_end(commit, cluster, now);
        }
        if !commit {
            // Batches that are out are waited for.
            if self.produce.has_sent() {
                return false;
            }
            return if self.begun == Begun::No {
                self.ended(Ok(()), cluster, now);
                true
            } else if self.straggler {
                // Markers of this epoch would let it in behind them, and the next commit would commit it. Those of a
                // new producer, which ends the transaction of the one before, do not.
                self.identity = None;
                self.ask_init(cluster, now)
            } else {
                self.ask_end(false, cluster, now)
            };
        }
        if let Some(error) = self.poison.clone() {
            let state = std::mem::replace(&mut self.state, State::Ready);
            if let State::Ending { promise, .. } = state {
                promise.complete(Err(TransactionError::new(Failure::MustAbort, error)));
            }
            self.resume(cluster, now);
            return true;
        }
        // Everything that the transaction holds comes first.
        if !self.produce.is_idle() || !self.offsets.is_empty() {
            return self.advance_open(cluster, now);
        }
        if self.begun != Begun::No {
            return self.ask_end(true, cluster, now);
        }
        self.ended(Ok(()), cluster, now);
        true
    }

    /// The transaction is over; what came meanwhile begins the next one.
    fn ended(&mut self, result: TransactionResult<()>, cluster: &mut Cluster, now: Duration) {
        self.straggler = false;
        self.begun = Begun::No;
        self.poison = None;
        self.partitions.clear();
        self.groups.clear();
        self.produce.begin(self.identity, (!self.v2).then(BTreeSet::new));
        self.start_over();
        if let State::Ending { promise, .. } = std::mem::replace(&mut self.state, State::Ready) {
            promise.complete(result);
        }
        self.resume(cluster, now);
    }

    /// Goes on with what came while something was ending.
    fn resume(&mut self, cluster: &mut Cluster, now: Duration) {
        while matches!(self.state, State::Ready) {
            let Some(request) = self.next.pop_front() else { return };
            self.request(request, cluster, now);
        }
    }

    /// The transaction can only be aborted: what of it is not out yet fails with the reason.
    fn spoil(&mut self, error: Error) {
        let error = &*self.poison.get_or_insert(error);
        self.produce.give_up(&of_bystander(error));
        let (events, freed) = self.produce.take_events();
        // As in `collect`: of one that was sent before, nobody knows.
        self.bump |= !self.v2 && !events.is_empty();
        self.straggler |= !self.v2 && events.iter().any(may_arrive);
        self.events.extend(events);
        self.freed += freed;
        self.spoilt.extend(self.offsets.drain(..).map(|offsets| (offsets, error.clone())));
    }

    /// The end of this producer, while nothing was said about an EndTxn that is out.
    fn fail(&mut self, mut error: TransactionError) {
        if let State::Ending { commit: true, asked: true, .. } = self.state
            && (self.end_unanswered || error.failure != Failure::Fenced)
        {
            error.failure = Failure::OutcomeUnknown;
        }
        self.finish(error);
    }

    /// The end of this producer.
    fn finish(&mut self, error: TransactionError) {
        if matches!(self.state, State::Failed(_)) {
            return;
        }
        self.call = None;
        let state = std::mem::replace(&mut self.state, State::Failed(error.clone()));
        // Before the end, whose reader asks them for the cause.
        for offsets in std::mem::take(&mut self.offsets) {
            offsets.done(Err(error.clone()));
        }
        match state {
            State::Initializing { promise, .. } => promise.complete(Err(error.clone())),
            State::Ending { promise, .. } => promise.complete(Err(error.clone())),
            _ => {}
        }
        for request in std::mem::take(&mut self.next) {
            self.refuse(request, &error);
        }
        self.produce.stop(&error.error);
        let (events, freed) = self.produce.take_events();
        self.events.extend(events);
        self.freed += freed;
    }

    /// Gives up what takes too long.
    fn expire(&mut self, cluster: &Cluster, now: Duration) {
        // It may be the first call of a client, which gets more time with the first answer.
        if let State::Initializing { asked_at, deadline, .. } = &mut self.state {
            *deadline = asked_at.saturating_add(cluster.patience());
        }
        let seconds = cluster.patience().as_secs();
        let late = |error: &Option<Error>| {
            let error = error.clone().unwrap_or_else(|| Error::timeout("no answer"));
            error.context(format_args!("given up after {seconds} s"))
        };
        match &self.state {
            State::Initializing { deadline, .. } if *deadline <= now => {
                let error = late(&self.error);
                self.fail(TransactionError::new(Failure::Fatal, error));
            }
            State::Ending { deadline, asked, commit, .. } if *deadline <= now => {
                let error = late(&self.error);
                if *asked || !*commit {
                    self.fail(TransactionError::new(Failure::Fatal, error));
                } else if self.produce.is_idle() {
                    self.spoil(error);
                } else if let State::Ending { deadline, .. } = &mut self.state {
                    // Batches have a time-out of their own.
                    *deadline = now.saturating_add(cluster.patience());
                }
            }
            _ => {}
        }
        if self.offsets.front().is_some_and(|offsets| offsets.deadline <= now) {
            let error = late(&self.error);
            self.spoil(error);
            self.bump |= !self.v2;
        }
    }

    fn start_over(&mut self) {
        self.failures = 0;
        self.retry_at = Duration::ZERO;
        self.error = None;
    }

    fn retry(&mut self, error: Error, cluster: &mut Cluster, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now + cluster.config.retry_backoff.after(self.failures, &mut cluster.rng);
        self.error = Some(error);
    }

    /// Sends to a coordinator.
    fn send(
        &mut self,
        target: Target,
        request: crate::apis::AnyRequest,
        asked: Asked,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        let timeout = cluster.config.request_timeout;
        let owner = Owner::Transaction(self.id);
        let call = cluster.send(target, Purpose::Coordination, request, timeout, owner, now);
        self.call = Some((call, asked));
    }

    /// What an error code of a coordinator means; EndTxn has its own rules.
    fn refused(
        &mut self,
        code: ErrorCode,
        error: Error,
        of_group: bool,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        match errors::action(code) {
            TransactionAction::Retry => {
                if code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION {
                    cluster.metadata.refresh();
                }
                self.retry(error, cluster, now);
            }
            TransactionAction::Rediscover => self.rediscover(error, of_group, cluster, now),
            TransactionAction::Abort => {
                self.spoil(error);
                self.bump |= !self.v2;
            }
            TransactionAction::Fenced => {
                self.fail(TransactionError::new(Failure::Fenced, error));
            }
            TransactionAction::Fail => self.fail(TransactionError::new(Failure::Fatal, error)),
        }
    }

    fn rediscover(&mut self, error: Error, of_group: bool, cluster: &mut Cluster, now: Duration) {
        if of_group {
            self.group_coordinator = None;
        } else {
            self.coordinator = None;
        }
        cluster.metadata.refresh();
        self.retry(error, cluster, now);
    }
}

/// A topic name for a request.
fn name(topic: &Arc<str>) -> String {
    topic.to_string()
}
