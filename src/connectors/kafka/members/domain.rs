//! The commit domain of a process that shares its job.
//!
//! ```text
//! recover   (at first: find the group) ─▶ join ─▶ (leader: settle, assign) ─▶ assigned
//!           ─▶ (exactly once: take the slot's id) ─▶ read the group's offsets
//!           ─▶ (leader: store where missing partitions start) ─▶ recovered
//! epoch     offsets with the member's generation: by themselves, or in the transaction
//! ```
//! The coordinator of the group refuses offsets of a generation that is over, so that a process that was taken for dead
//! commits nothing any more. No partition is read before the group has an offset of it that carries the job's mark.
//!
//! Where the coordinator assigns, it does so beside the leader's work: the others look whether that is done, and each
//! stores where further partitions of its own start.

mod compare;
mod lead;

use self::compare::Next;
use self::lead::{Leading, Listed, Sweep, marked};
use super::agree::Look;
use super::notes::Given;
use super::{Assigned, JobMembers, Reads, Seat, Turn, refused};
use crate::base::{Error, ErrorKind, Result};
use crate::connectors::kafka::enumerator::matching;
use crate::connectors::kafka::error::{contact, translate};
use crate::connectors::kafka::fit::Of;
use crate::connectors::kafka::mark::Mark;
use crate::connectors::kafka::offsets::Lookup;
use crate::connectors::kafka::options::{TopicChange, Topics};
use crate::connectors::kafka::patience::Patience;
use crate::connectors::kafka::positions;
use crate::connectors::kafka::transaction::record::Sharing;
use crate::connectors::kafka::transaction::{
    Doing, Ending, JobTransaction, Names, Transaction, has_moved_on, is_of_group, moved_on, of_call,
};
use crate::table::{
    CommitDomain, DomainEvent, Epoch, EpochEnd, Fingerprint, JobContext, JobIdentity, Position,
    Progress, Recovery, ScanFacts, Waker, WallClock, Warnings,
};
use brooklet_kafka::pending::Pending;
use brooklet_kafka::topic::TopicInfo;
use brooklet_kafka::transaction::{
    Failure, GroupMember, ProducerIdentity, TransactionError, TransactionResult,
};
use brooklet_kafka::wire::{ErrorCode, Uuid};
use brooklet_kafka::{Client, CommittedOffset, ErrorKind as KafkaErrorKind, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How soon a process looks again whether the leader has stored where its partitions start: all offsets of the group are
/// read for it, by each process.
const START_POLL: Duration = Duration::from_millis(50);

/// How late at most: the next session of a leader that was killed need not be met to the moment.
const START_POLL_MAX: Duration = Duration::from_secs(1);

/// How long it looks before it gives up: the leader asks the brokers, and they may be slow; and a leader that was killed is
/// followed by another one at the end of its session, 45 s by default.
const START_WAIT_MAX: Duration = Duration::from_secs(90);

/// What the exactly-once sinks of the job have agreed on.
#[derive(Debug)]
pub(in crate::connectors::kafka) struct Exact {
    pub(super) plan: Arc<JobTransaction>,
    /// With the id of a process that runs the job alone.
    pub(super) names: Names,
    pub(super) timeout: Duration,
    scans: Vec<ScanFacts>,
}

impl Exact {
    pub(in crate::connectors::kafka) fn new(
        plan: Arc<JobTransaction>,
        names: Names,
        timeout: Duration,
        scans: Vec<ScanFacts>,
    ) -> Exact {
        Exact { plan, names, timeout, scans }
    }

    pub(super) fn cluster(&self) -> u64 {
        self.names.cluster
    }

    /// The transactional id of a process. Behind the prefix of no job alone comes what does here.
    fn id(&self, seat: &Seat) -> String {
        format!("{}~{seat}-{}", self.names.prefix, self.names.job)
    }

    fn names_of(&self, seat: &Seat) -> Names {
        Names { id: self.id(seat), ..self.names.clone() }
    }
}

type Offsets = Vec<(TopicPartition, CommittedOffset)>;
type Read = Vec<(TopicPartition, Position)>;
type Answer<T> = Pending<brooklet_kafka::Result<T>>;
type Taken = Pending<TransactionResult<ProducerIdentity>>;
type Stored = BTreeMap<TopicPartition, CommittedOffset>;

/// See the module.
pub(super) struct MembersDomain {
    members: Arc<JobMembers>,
    reads: Arc<Reads>,
    client: Client,
    group: String,
    job: String,
    identity: JobIdentity,
    scan: String,
    exact: Option<Exact>,
    script: u64,
    wall_clock: WallClock,
    warnings: Warnings,
    waker: Waker,
    work: Work,
    /// Before [`DomainEvent::Recovered`]: nothing is read, and another generation changes nothing.
    recovering: bool,
    /// The coordinator of the job knows that another generation is to begin.
    told: bool,
    assigned: Option<Assigned>,
    sweep: Sweep,
    transaction: Option<Arc<Transaction>>,
    /// Until when the leader is waited for.
    patience: Option<Duration>,
    /// For the first answer of the brokers.
    contact: Patience,
    /// Offsets for the user's group.
    lag: Option<Answer<()>>,
    now: Duration,
}

#[derive(Debug)]
enum Work {
    None,
    Ready(DomainEvent),
    Failed(Error),
    /// Finds the group's coordinator.
    Finding(Answer<Stored>),
    /// Looks who is in a group that nobody leads.
    Comparing(Answer<Vec<String>>, Next),
    /// Looks whether it is for want of a topic that nobody leads.
    Missing(Answer<Listed>),
    /// Finds the topics of a pattern, for a coordinator that assigns.
    Naming(Answer<Vec<TopicInfo>>),
    Joining,
    Leading(Box<Leading>),
    /// Looks whether the leader is done with what concerns all.
    Agreeing(Look),
    AgreeingAgain(Duration),
    Taking(Taken),
    Fetching(Answer<Stored>),
    /// The leader has not stored all starts.
    Waiting(Duration),
    /// Looks up where partitions start that have no progress.
    Looking(Lookup, Epoch),
    Storing(Answer<()>),
    /// With the generation that it is committed in.
    Committing(Epoch, Answer<()>, Read, i32),
    /// The generation has moved on, and it is not known here yet to what.
    Outdated(Epoch, Read, i32),
    Ending(Epoch, Ending, Read),
    Aborting(Pending<TransactionResult<()>>),
    Leaving(Pending<()>),
}

impl std::fmt::Debug for MembersDomain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("MembersDomain");
        shown.field("group", &self.group).field("work", &self.work).finish_non_exhaustive()
    }
}

impl MembersDomain {
    #[allow(clippy::too_many_arguments, reason = "what a domain is made of")]
    pub(super) fn new(
        members: Arc<JobMembers>,
        reads: Arc<Reads>,
        client: Client,
        group: String,
        script: u64,
        scan: &str,
        exact: Option<Exact>,
        job: &JobContext,
        waker: Waker,
    ) -> MembersDomain {
        MembersDomain {
            members,
            reads,
            client,
            group,
            job: job.id.clone(),
            identity: job.identity.clone(),
            scan: scan.replace(char::is_whitespace, "_"),
            exact,
            script,
            wall_clock: job.wall_clock,
            warnings: job.warnings.clone(),
            waker,
            work: Work::None,
            recovering: false,
            told: false,
            assigned: None,
            sweep: Sweep::new(),
            transaction: None,
            patience: None,
            contact: Patience::New,
            lag: None,
            now: Duration::ZERO,
        }
    }

    fn waking<T>(&self, pending: Pending<T>) -> Pending<T> {
        pending.on_ready(Arc::clone(&self.waker));
        pending
    }

    fn of(&self) -> Of<'_> {
        Of { job: &self.job, shared: true, scan: &self.scan }
    }

    fn assigned(&self) -> Result<&Assigned> {
        self.assigned.as_ref().ok_or_else(|| Error::internal("an epoch without a generation"))
    }

    fn contact(&self, error: &brooklet_kafka::Error, doing: &str) -> Error {
        if error.code() == Some(ErrorCode::FENCED_INSTANCE_ID) {
            return self.ended(error);
        }
        if matches!(error.kind(), KafkaErrorKind::NotAuthorized) {
            return translate(error)
                .with_hint(format!(
                    "the processes of a shared job need READ on group '{}'; kafka-acls.sh --add --allow-principal \
                     User:NAME --operation Read --group '{}'",
                    self.group, self.group
                ))
                .context(doing);
        }
        self.of_group(error).unwrap_or_else(|| contact(error, &self.client)).context(doing)
    }

    /// The group has gone on without this process, which goes on from what the others have committed.
    fn of_group(&self, error: &brooklet_kafka::Error) -> Option<Error> {
        if !has_moved_on(error) {
            return None;
        }
        let stays = [ErrorCode::REBALANCE_IN_PROGRESS, ErrorCode::STALE_MEMBER_EPOCH];
        if !stays.map(Some).contains(&error.code()) {
            self.members.lose(error);
        }
        Some(moved_on(error))
    }

    fn start_recovery(&mut self) -> Result<()> {
        // What was heard since the last look may have ended the generation.
        self.members.listen()?;
        match (self.members.turn(), self.members.assigned()) {
            (Some(Turn::Failed(error)), _) => return Err(self.ended(&error)),
            // An attempt has failed within the generation, which goes on.
            (_, Some(assigned)) => self.begin(assigned),
            (_, None) if self.members.has_found() => self.join(),
            // Joining may take as long as the other processes do, so that it cannot tell whether there is a broker.
            (_, None) => {
                let pending = self.client.offset_fetch(&self.group, Some(&[]));
                self.work = Work::Finding(self.waking(pending));
            }
        }
        Ok(())
    }

    /// Gives up what a recovery has found so far and joins the next generation.
    fn join(&mut self) {
        (self.assigned, self.transaction, self.patience) = (None, None, None);
        self.sweep = Sweep::new();
        let reads = Arc::clone(&self.reads);
        match &reads.options.topics {
            Topics::List(names) => self.join_for(names.iter().cloned().collect()),
            Topics::Pattern(_) if reads.leaderless() => {
                self.members.give_up();
                self.work = Work::Naming(self.waking(self.client.all_topics()));
            }
            Topics::Pattern(_) => self.join_for(BTreeSet::new()),
        }
    }

    fn join_for(&mut self, topics: BTreeSet<String>) {
        self.members.join(self.script, topics);
        self.work = Work::Joining;
    }

    /// What the group's coordinator has said.
    fn hear(&mut self) -> Result<Option<DomainEvent>> {
        if matches!(self.work, Work::Leaving(_) | Work::Aborting(_)) {
            return Ok(None);
        }
        self.members.listen()?;
        if let Some(error) = self.members.waits() {
            self.warnings.warn(&format!(
                "job '{}': another process has the 'properties.group.instance.id' of this one, or had it until it \
                 was killed: waiting for the end of its session ({error})",
                self.job
            ));
        }
        match self.members.turn() {
            None => {}
            Some(Turn::Failed(error)) => return Err(self.ended(&error)),
            Some(_) if self.recovering => self.join(),
            Some(Turn::Lost(error)) => {
                return Err(moved_on(&error));
            }
            Some(Turn::Revoked) if !self.told => {
                self.told = true;
                return Ok(Some(DomainEvent::Revoked));
            }
            Some(Turn::Revoked) => {}
        }
        Ok(None)
    }

    /// The membership is over.
    fn ended(&self, error: &brooklet_kafka::Error) -> Error {
        let hint = match error.code() {
            Some(ErrorCode::FENCED_INSTANCE_ID) => {
                "every process needs a 'properties.group.instance.id' of its own, or none"
                    .to_owned()
            }
            Some(ErrorCode::INCONSISTENT_GROUP_PROTOCOL | ErrorCode::GROUP_ID_NOT_FOUND) => {
                return refused(&Given::Nothing).context(error.to_string());
            }
            Some(ErrorCode::UNRELEASED_INSTANCE_ID) => {
                "another process has this 'properties.group.instance.id': give each its own".to_owned()
            }
            Some(ErrorCode::UNSUPPORTED_ASSIGNOR) => {
                "set 'properties.group.remote.assignor' to one of the brokers' 'group.consumer.assignors', or not at all"
                    .to_owned()
            }
            Some(ErrorCode::INVALID_SESSION_TIMEOUT) => {
                "set 'properties.session.timeout.ms' to what the brokers allow".to_owned()
            }
            _ => return self.contact(error, "sharing the job's partitions"),
        };
        translate(error).with_hint(hint).context("sharing the job's partitions")
    }

    /// The generation has begun: an exactly-once process takes its transactional id.
    fn begin(&mut self, assigned: Assigned) {
        let (seat, leads) = (assigned.seat.clone(), assigned.lead.is_some());
        self.assigned = Some(assigned);
        let Some(exact) = &self.exact else { return self.fetch() };
        if self.reads.leaderless() && !leads && !self.members.is_settled() {
            self.work = Work::Agreeing(Look::start(exact, &self.client, &self.waker));
            return;
        }
        self.take(&seat);
    }

    /// Takes the transactional id of a seat.
    fn take(&mut self, seat: &Seat) {
        let Some(exact) = &self.exact else { return self.fetch() };
        let (id, wanted) = (exact.id(seat), exact.timeout);
        let (transaction, taken) = exact.plan.initialize(&self.client, &id, wanted, &self.waker);
        self.transaction = Some(transaction);
        self.work = Work::Taking(taken);
    }

    fn taken(&mut self, result: TransactionResult<ProducerIdentity>) -> Result<()> {
        let assigned = self.assigned()?.clone();
        let Some(exact) = &self.exact else { return Ok(()) };
        match result {
            Ok(_) => {
                exact.plan.check_timeout(exact.timeout, &exact.names, &self.warnings)?;
                // Beside the rest: what a process has left open may hold offsets back, and its coordinator be away.
                self.sweep();
                self.fetch();
                Ok(())
            }
            Err(error) if exact.plan.shorten(&error, exact.timeout) => {
                self.take(&assigned.seat);
                Ok(())
            }
            Err(error) => {
                let names = exact.names_of(&assigned.seat);
                Err(of_call(&error, Doing::Recovering, &names, &self.client))
            }
        }
    }

    fn fetch(&mut self) {
        self.work = Work::Fetching(self.waking(self.client.offset_fetch(&self.group, None)));
    }

    /// The group's offsets are known: either all of this process' partitions have one, or they are to get one.
    fn fetched(&mut self, stored: &Stored) -> Result<()> {
        let assigned = self.assigned()?.clone();
        let (marked, last) = marked(stored, &self.job);
        if let Some((_, fingerprint)) = &last {
            self.of().belongs(&self.identity, fingerprint)?;
        }
        let epoch = last.map_or(0, |(epoch, _)| epoch);
        let lead = match self.reads.leaderless() && !marked.is_empty() {
            true => Some(assigned.own()),
            false => assigned.lead.clone(),
        };
        if let Some(lead) = &lead
            && self.provide(lead, &marked, epoch)?
        {
            return Ok(());
        }
        let mut own = BTreeMap::new();
        for partition in &assigned.partitions {
            let split = positions::split(partition);
            let Some(at) = marked.get(&split) else { return self.wait_for_leader() };
            own.insert(split, *at);
        }
        self.recovering = false;
        self.members.looked();
        if let Some(transaction) = &self.transaction {
            transaction.open(epoch + 1);
        }
        self.warnings.info(&format!(
            "job '{}': this process reads {} partition(s) in generation {} of group '{}'",
            self.job,
            own.len(),
            assigned.member.generation,
            self.group
        ));
        let scans = vec![Some(Progress { epoch, positions: own })];
        self.work = Work::Ready(DomainEvent::Recovered { epoch, scans });
        Ok(())
    }

    /// Goes on where the job is shared; false while it waits.
    fn agree(&mut self, look: &mut Look) -> Result<bool> {
        let Some(exact) = &self.exact else { return Err(Error::internal("nothing to agree on")) };
        let Some(shared) = look.poll(exact, &self.client, &self.waker, self.now)? else {
            return Ok(false);
        };
        match shared {
            None => {
                self.wait_for_leader()?;
                if !matches!(self.work, Work::Missing(_)) {
                    self.work = Work::AgreeingAgain(self.next_look());
                }
            }
            Some(sharing) => {
                if sharing == Sharing::Started {
                    self.members.settled();
                }
                let seat = self.assigned()?.seat.clone();
                self.take(&seat);
            }
        }
        Ok(true)
    }

    /// Whether a topic that is gone does not end the job.
    fn passes_over_topics(&self) -> bool {
        self.reads.options.topic_change != TopicChange::Fail
    }

    fn wait_for_leader(&mut self) -> Result<()> {
        if self.patience.is_none() && self.look_for_topics() {
            self.patience = Some(self.now + START_WAIT_MAX);
            return Ok(());
        }
        let until = *self.patience.get_or_insert(self.now + START_WAIT_MAX);
        if until <= self.now {
            let error = "the leader of the group has not said where its partitions start";
            return Err(Error::new(ErrorKind::External, error).retriable());
        }
        self.work = Work::Waiting(self.next_look());
        Ok(())
    }

    /// When to look again what the leader has stored.
    fn next_look(&self) -> Duration {
        let left = self.patience.map(|until| until.saturating_sub(self.now));
        self.now + pause(START_WAIT_MAX.saturating_sub(left.unwrap_or(START_WAIT_MAX)))
    }

    /// Stores where partitions start, with the job's mark.
    fn store(&mut self, epoch: Epoch, found: BTreeMap<TopicPartition, i64>) -> Result<()> {
        let starts: Read = found.into_iter().map(|(at, o)| (at, Position::at(o))).collect();
        let offsets = self.marked(&starts, epoch);
        let member = self.member()?;
        let pending = self.client.offset_commit_as(&self.group, &member, &offsets);
        self.work = Work::Storing(self.waking(pending));
        Ok(())
    }

    /// The member in the generation that the coordinator counts it in now.
    fn member(&self) -> Result<GroupMember> {
        let assigned = &self.assigned()?.member;
        Ok(self.members.member().unwrap_or_else(|| assigned.clone()))
    }

    fn marked(&self, read: &Read, epoch: Epoch) -> Offsets {
        let with_mark = |(partition, at): &(TopicPartition, Position)| {
            let Fingerprint { targets, statement } = &self.identity.fingerprint;
            let (topic, statement) = (at.identity.map(Uuid), *statement);
            let mark = Mark { epoch, scan: &self.scan, topic, targets, statement, job: &self.job };
            let metadata = mark.to_string();
            (partition.clone(), CommittedOffset { metadata, ..positions::committed(at) })
        };
        read.iter().map(with_mark).collect()
    }

    /// Commits outside of a transaction.
    fn store_epoch(&mut self, epoch: Epoch, read: Read) -> Result<()> {
        let member = self.member()?;
        let marked = self.marked(&read, epoch);
        let pending = self.client.offset_commit_as(&self.group, &member, &marked);
        self.work = Work::Committing(epoch, self.waking(pending), read, member.generation);
        Ok(())
    }

    fn start_commit(&mut self, end: &EpochEnd<'_>) -> Result<()> {
        self.members.listen()?;
        let read = end.scans.iter().flat_map(|progress| &progress.positions);
        let read: Read = read.map(|(split, at)| (positions::partition(split), *at)).collect();
        let Some(transaction) = self.transaction.as_ref() else {
            if !end.store || read.is_empty() {
                self.work = Work::Ready(DomainEvent::Committed(end.epoch));
                return Ok(());
            }
            return self.store_epoch(end.epoch, read);
        };
        if !transaction.has_output() && (read.is_empty() || !end.store) {
            transaction.open(end.epoch + 1);
            self.work = Work::Ready(DomainEvent::Committed(end.epoch));
            return Ok(());
        }
        let member = self.member()?;
        let marked = self.marked(&read, end.epoch);
        // Of partitions that are gone there is output, and no position.
        let groups = Some((self.group.clone(), marked)).filter(|(_, marked)| !marked.is_empty());
        let ending = transaction.end(None, groups.as_slice(), &member, end.epoch + 1);
        let ending = ending.map_err(|error| Error::internal(error.to_string()))?;
        ending.end.on_ready(Arc::clone(&self.waker));
        self.work = Work::Ending(end.epoch, ending, read);
        Ok(())
    }

    /// Why a transaction did not end as it should.
    fn end_failed(
        &self,
        error: &TransactionError,
        ending: &Ending,
        doing: Doing,
        names: Option<Names>,
    ) -> Error {
        let of_offsets = ending.offsets.iter().find_map(|(_, pending)| pending.try_take()?.err());
        if let Some(failed) = of_offsets.filter(|failed| is_of_group(&failed.error)) {
            return self.contact(&failed.error, &doing.to_string());
        }
        match names {
            Some(names) => of_call(error, doing, &names, &self.client),
            None => Error::internal("a transaction of nobody"),
        }
    }

    /// An epoch of this process' slot was not committed.
    fn epoch_failed(&self, error: &TransactionError, ending: &Ending, epoch: Epoch) -> Error {
        // Whoever has the slot by now is not to be fenced in turn.
        if error.failure == Failure::Fenced {
            self.members.lose(&error.error);
        }
        if matches!(error.error.kind(), KafkaErrorKind::Unsupported) {
            return translate(&error.error).with_hint(
                "share the job at least once ('sink.delivery-guarantee' = 'at-least-once'), or run it exactly-once in one process",
            );
        }
        let exact = self.exact.as_ref().zip(self.assigned.as_ref());
        let names = exact.map(|(exact, assigned)| exact.names_of(&assigned.seat));
        self.end_failed(error, ending, Doing::Committing(epoch), names)
    }

    /// Tells the user's group, for lag tools; nobody reads that back.
    fn committed(&mut self, epoch: Epoch, read: &Read) -> DomainEvent {
        if let Some(Err(error)) = self.lag.take().and_then(|pending| pending.try_take()) {
            let group = self.reads.options.group.as_deref().unwrap_or_default();
            self.warnings.warn(&format!("cannot commit to group '{group}': {error}"));
        }
        if let Some(group) = self.reads.options.group.as_ref().filter(|group| **group != self.group)
        {
            let plain =
                read.iter().map(|(partition, at)| (partition.clone(), positions::committed(at)));
            let plain: Offsets = plain.collect();
            self.lag = Some(self.client.offset_commit(group, &plain));
        }
        DomainEvent::Committed(epoch)
    }

    /// The next state; `None` while the present one waits.
    fn advance(&mut self) -> Result<Option<DomainEvent>> {
        loop {
            match std::mem::replace(&mut self.work, Work::None) {
                Work::None => return Ok(None),
                Work::Ready(event) => return Ok(Some(event)),
                Work::Failed(error) => return Err(error),
                Work::Finding(pending) => {
                    let Some(answer) = pending.try_take() else {
                        self.work = Work::Finding(pending);
                        return Ok(None);
                    };
                    answer.map_err(|error| self.contact(&error, "finding the job's group"))?;
                    self.contact.end();
                    self.compare(Next::Join)?;
                }
                Work::Comparing(pending, next) => {
                    let Some(answer) = pending.try_take() else {
                        self.work = Work::Comparing(pending, next);
                        return Ok(None);
                    };
                    self.described(answer, next)?;
                }
                Work::Missing(pending) => {
                    let Some(answer) = pending.try_take() else {
                        self.work = Work::Missing(pending);
                        return Ok(None);
                    };
                    self.all_found(answer)?;
                    self.work = Work::AgreeingAgain(self.next_look());
                }
                Work::Naming(pending) => {
                    let Some(answer) = pending.try_take() else {
                        self.work = Work::Naming(pending);
                        return Ok(None);
                    };
                    let topics =
                        answer.map_err(|error| self.contact(&error, "finding partitions"))?;
                    let topics = match &self.reads.options.topics {
                        Topics::Pattern(pattern) => matching(topics, pattern),
                        Topics::List(_) => topics,
                    };
                    self.join_for(topics.iter().map(|topic| topic.name.to_string()).collect());
                }
                Work::Agreeing(mut look) => {
                    if !self.agree(&mut look)? {
                        self.work = Work::Agreeing(look);
                        return Ok(None);
                    }
                }
                Work::AgreeingAgain(until) if self.now < until => {
                    self.work = Work::AgreeingAgain(until);
                    return Ok(None);
                }
                Work::AgreeingAgain(_) => {
                    let assigned = self.assigned()?.clone();
                    self.begin(assigned);
                }
                Work::Joining => {
                    if let Some(election) = self.members.election() {
                        self.compare(Next::Lead(election))?;
                    } else if let Some(assigned) = self.members.assigned() {
                        self.compare(Next::Begin(assigned))?;
                    } else {
                        self.work = Work::Joining;
                        return Ok(None);
                    }
                }
                Work::Leading(mut leading) => {
                    if !self.lead(&mut leading)? {
                        self.work = Work::Leading(leading);
                        return Ok(None);
                    }
                    self.work = Work::Joining;
                }
                Work::Taking(pending) => match pending.try_take() {
                    Some(result) => self.taken(result)?,
                    None => {
                        self.work = Work::Taking(pending);
                        return Ok(None);
                    }
                },
                Work::Fetching(pending) => {
                    let Some(answer) = pending.try_take() else {
                        self.work = Work::Fetching(pending);
                        return Ok(None);
                    };
                    let doing = "reading the job's progress";
                    let stored = answer.map_err(|error| self.contact(&error, doing))?;
                    self.fetched(&stored)?;
                }
                Work::Waiting(until) if self.now < until => {
                    self.work = Work::Waiting(until);
                    return Ok(None);
                }
                Work::Waiting(_) => self.fetch(),
                Work::Looking(mut lookup, epoch) => match self.looked_up(&mut lookup) {
                    Ok(Some(found)) => self.store(epoch, found)?,
                    Ok(None) => {
                        self.work = Work::Looking(lookup, epoch);
                        return Ok(None);
                    }
                    // It was deleted in this generation, with its offsets: the next one does not have it.
                    Err(_) if lookup.lacks_topic() && self.passes_over_topics() => self.join(),
                    Err(error) => return Err(error),
                },
                Work::Storing(pending) => {
                    let Some(answer) = pending.try_take() else {
                        self.work = Work::Storing(pending);
                        return Ok(None);
                    };
                    match answer {
                        Ok(()) => self.fetch(),
                        // The next heartbeat tells the epoch to store them in.
                        Err(error) if error.code() == Some(ErrorCode::STALE_MEMBER_EPOCH) => {
                            self.work = Work::Waiting(self.now + START_POLL);
                        }
                        Err(error) => return Err(self.contact(&error, "storing where to start")),
                    }
                }
                Work::Committing(epoch, pending, read, generation) => {
                    let Some(answer) = pending.try_take() else {
                        self.work = Work::Committing(epoch, pending, read, generation);
                        return Ok(None);
                    };
                    match answer {
                        Ok(()) => return Ok(Some(self.committed(epoch, &read))),
                        Err(error) if error.code() == Some(ErrorCode::STALE_MEMBER_EPOCH) => {
                            self.work = Work::Outdated(epoch, read, generation);
                        }
                        Err(error) => {
                            return Err(self.contact(&error, &format!("committing epoch {epoch}")));
                        }
                    }
                }
                // The next heartbeat tells, or that the member is none any more.
                Work::Outdated(epoch, read, generation) => {
                    if self.member()?.generation == generation {
                        self.work = Work::Outdated(epoch, read, generation);
                        return Ok(None);
                    }
                    self.store_epoch(epoch, read)?;
                }
                Work::Ending(epoch, ending, read) => match ending.end.try_take() {
                    None => {
                        self.work = Work::Ending(epoch, ending, read);
                        return Ok(None);
                    }
                    Some(Ok(())) => return Ok(Some(self.committed(epoch, &read))),
                    Some(Err(error)) => return Err(self.epoch_failed(&error, &ending, epoch)),
                },
                Work::Aborting(pending) => {
                    if pending.try_take().is_some() {
                        return Ok(Some(DomainEvent::Aborted));
                    }
                    self.work = Work::Aborting(pending);
                    return Ok(None);
                }
                Work::Leaving(pending) => {
                    if pending.try_take().is_some() {
                        return Ok(Some(DomainEvent::Left));
                    }
                    self.work = Work::Leaving(pending);
                    return Ok(None);
                }
            }
        }
    }
}

impl CommitDomain for MembersDomain {
    fn decides(&self) -> bool {
        true
    }

    fn shares(&self) -> bool {
        true
    }

    fn joined(&self) -> bool {
        self.members.has_found()
    }

    fn recover(&mut self, _from: Recovery) {
        self.recovering = true;
        if let Err(error) = self.start_recovery() {
            self.work = Work::Failed(error);
        }
    }

    fn commit(&mut self, end: &EpochEnd<'_>) {
        if let Err(error) = self.start_commit(end) {
            self.work = Work::Failed(error);
        }
    }

    fn abort(&mut self) {
        self.work = match &self.transaction {
            Some(transaction) => Work::Aborting(self.waking(transaction.abort())),
            None => Work::Ready(DomainEvent::Aborted),
        };
    }

    fn leave(&mut self) {
        self.work = match self.members.leave() {
            Some(pending) => Work::Leaving(self.waking(pending)),
            None => Work::Ready(DomainEvent::Left),
        };
    }

    fn poll(&mut self, now: Duration) -> Result<Option<DomainEvent>> {
        self.now = now;
        if !self.members.has_found() {
            self.contact.wait(&self.client, &self.warnings, now);
        }
        self.swept();
        match self.hear()? {
            Some(event) => Ok(Some(event)),
            None => self.advance(),
        }
    }

    fn wake_at(&self) -> Option<Duration> {
        match &self.work {
            Work::Waiting(until) | Work::AgreeingAgain(until) => Some(*until),
            Work::Agreeing(look) => look.wake_at(),
            Work::Leading(leading) => MembersDomain::lead_wakes_at(leading),
            _ => self.contact.wake_at(),
        }
    }
}

/// Until the next look of a process that has waited so long: what takes long is seen an eighth later.
fn pause(waited: Duration) -> Duration {
    (waited / 8).clamp(START_POLL, START_POLL_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_waits_for_long_looks_seldom() {
        let times = std::iter::successors(Some(Duration::ZERO), |at| Some(*at + pause(*at)));
        let times: Vec<Duration> = times.take_while(|at| *at < START_WAIT_MAX).collect();
        let early = |at: &&Duration| **at < Duration::from_millis(400);
        assert_eq!(times.iter().filter(early).count(), 8);
        assert!(times.len() < 130, "{}", times.len());
    }

    #[test]
    fn no_job_alone_has_the_id_of_a_slot() {
        let exact = |job: &str| {
            let names = Names {
                job: job.to_owned(),
                topic: "topic".into(),
                prefix: "p".to_owned(),
                id: format!("p-{job}"),
                incarnation: "1-1".to_owned(),
                cluster: 0,
            };
            Exact::new(Arc::default(), names, Duration::from_secs(60), Vec::new())
        };
        let slot = exact("orders").id(&Seat::Slot(0));
        assert!(slot.starts_with('p') && slot != exact("orders").id(&Seat::Slot(1)), "{slot}");
        for job in ["orders-0", "orders~0", "0-orders", "~0-orders"] {
            assert_ne!(exact(job).names.id, slot);
        }
    }
}
