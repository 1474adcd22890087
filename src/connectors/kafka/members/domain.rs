//! The commit domain of a process that shares its job.
//!
//! ```text
//! recover   join ─▶ (leader: settle, assign) ─▶ assigned ─▶ (exactly once: take the slot's id) ─▶ read the group's offsets
//!           ─▶ (leader: store where missing partitions start) ─▶ recovered
//! epoch     offsets with the member's generation: by themselves, or in the transaction
//! ```
//! The coordinator of the group refuses offsets of a generation that is over, so that a process that was taken for dead
//! commits nothing any more. No partition is read before the group has an offset of it that carries the job's mark.

use super::adopt::{Adopt, Found};
use super::{Assigned, Election, JobMembers, Lead, Reads, Turn, fingerprint};
use crate::base::{Error, ErrorKind, Result};
use crate::connectors::kafka::enumerator::matching;
use crate::connectors::kafka::error::{contact, translate};
use crate::connectors::kafka::mark::Mark;
use crate::connectors::kafka::offsets::Lookup;
use crate::connectors::kafka::options::{Place, Topics};
use crate::connectors::kafka::positions;
use crate::connectors::kafka::transaction::{
    Doing, Ending, JobTransaction, Names, Transaction, is_of_group, of_call,
};
use crate::table::{
    CommitDomain, DomainEvent, Epoch, EpochEnd, JobContext, Position, Progress, Recovery, Waker,
    Warnings,
};
use brooklet_kafka::pending::Pending;
use brooklet_kafka::topic::TopicInfo;
use brooklet_kafka::transaction::{
    ProducerIdentity, TransactionError, TransactionResult, TransactionalProducer,
};
use brooklet_kafka::wire::ErrorCode;
use brooklet_kafka::{Client, CommittedOffset, ErrorKind as KafkaErrorKind, TopicPartition};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How often a process looks whether the leader has stored where its partitions start.
const START_POLL: Duration = Duration::from_millis(50);

/// How long it looks before it gives up: the leader asks the brokers, and they may be slow.
const START_WAIT_MAX: Duration = Duration::from_secs(30);

/// What the exactly-once sinks of the job have agreed on.
#[derive(Debug)]
pub(in crate::connectors::kafka) struct Exact {
    pub(super) plan: Arc<JobTransaction>,
    /// With the id of a process that runs the job alone.
    pub(super) names: Names,
    pub(super) timeout: Duration,
}

impl Exact {
    pub(in crate::connectors::kafka) fn new(
        plan: Arc<JobTransaction>,
        names: Names,
        timeout: Duration,
    ) -> Exact {
        Exact { plan, names, timeout }
    }

    pub(super) fn cluster(&self) -> u64 {
        self.names.cluster
    }

    /// The transactional id of a slot.
    fn id(&self, slot: u32) -> String {
        format!("{}-{slot}", self.names.id)
    }
}

type Offsets = Vec<(TopicPartition, CommittedOffset)>;
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
    scan: String,
    exact: Option<Exact>,
    script: u64,
    started_at_millis: i64,
    warnings: Warnings,
    waker: Waker,
    work: Work,
    /// Before [`DomainEvent::Recovered`]: nothing is read, and another generation changes nothing.
    recovering: bool,
    /// The coordinator of the job knows that another generation is to begin.
    told: bool,
    assigned: Option<Assigned>,
    adopt: Option<(Adopt, Option<Found>)>,
    transaction: Option<Arc<Transaction>>,
    /// Until when the leader is waited for.
    patience: Option<Duration>,
    /// Offsets for the user's group.
    lag: Option<Answer<()>>,
    now: Duration,
}

#[derive(Debug)]
enum Work {
    None,
    Ready(DomainEvent),
    Failed(Error),
    Joining,
    Settling(Election),
    Listing(Election, Answer<Vec<(String, brooklet_kafka::Result<TopicInfo>)>>),
    ListingAll(Election, Answer<Vec<TopicInfo>>),
    Taking {
        own: Taken,
        others: Vec<(TransactionalProducer, Taken)>,
    },
    Sweeping(Vec<(TransactionalProducer, Taken)>),
    Fetching(Answer<Stored>),
    /// The leader has not stored all starts.
    Waiting(Duration),
    /// Looks up where partitions start that have no progress.
    Looking(Lookup, Epoch, Offsets),
    Storing(Answer<()>),
    Adopting(Ending),
    Committing(Epoch, Answer<()>, Offsets),
    Ending(Epoch, Ending, Offsets),
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
        scan: &str,
        exact: Option<Exact>,
        job: &JobContext,
        waker: Waker,
    ) -> MembersDomain {
        let script = fingerprint(&reads.options.topics, exact.is_some());
        MembersDomain {
            members,
            reads,
            client,
            group,
            job: job.id.clone(),
            scan: scan.replace(char::is_whitespace, "_"),
            exact,
            script,
            started_at_millis: job.started_at_millis,
            warnings: job.warnings.clone(),
            waker,
            work: Work::None,
            recovering: false,
            told: false,
            assigned: None,
            adopt: None,
            transaction: None,
            patience: None,
            lag: None,
            now: Duration::ZERO,
        }
    }

    fn waking<T>(&self, pending: Pending<T>) -> Pending<T> {
        pending.on_ready(Arc::clone(&self.waker));
        pending
    }

    fn assigned(&self) -> Result<&Assigned> {
        self.assigned.as_ref().ok_or_else(|| Error::internal("an epoch without a generation"))
    }

    fn contact(&self, error: &brooklet_kafka::Error, doing: &str) -> Error {
        if matches!(error.kind(), KafkaErrorKind::NotAuthorized) {
            return translate(error)
                .with_hint(format!(
                    "the processes of a shared job need READ on group '{}'; kafka-acls.sh --add --allow-principal \
                     User:NAME --operation Read --group '{}'",
                    self.group, self.group
                ))
                .context(doing);
        }
        of_group(error).unwrap_or_else(|| contact(error, &self.client)).context(doing)
    }

    /// Gives up what a recovery has found so far and joins the next generation.
    fn join(&mut self) {
        (self.assigned, self.adopt, self.transaction, self.patience) = (None, None, None, None);
        self.members.join(self.script);
        self.work = Work::Joining;
    }

    /// What the group's coordinator has said.
    fn hear(&mut self) -> Result<Option<DomainEvent>> {
        if matches!(self.work, Work::Leaving(_) | Work::Aborting(_)) {
            return Ok(None);
        }
        self.members.listen()?;
        match self.members.turn() {
            None => {}
            Some(Turn::Failed(error)) => return Err(self.ended(&error)),
            Some(_) if self.recovering => self.join(),
            Some(Turn::Lost(error)) => {
                return Err(gone_on(&error));
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
            Some(ErrorCode::INCONSISTENT_GROUP_PROTOCOL) => {
                format!("another program is in group '{}': stop it", self.group)
            }
            Some(ErrorCode::INVALID_SESSION_TIMEOUT) => {
                "set 'properties.session.timeout.ms' to what the brokers allow".to_owned()
            }
            _ => return self.contact(error, "sharing the job's partitions"),
        };
        translate(error).with_hint(hint).context("sharing the job's partitions")
    }

    /// This process leads: first it makes sure that the group is where the progress is, then it assigns.
    fn elected(&mut self, election: Election) {
        match &self.exact {
            Some(exact) if !self.members.is_settled() => {
                let adopt = Adopt::start(exact, &self.client, &self.waker);
                self.adopt = Some((adopt, None));
                self.work = Work::Settling(election);
            }
            _ => self.list(election),
        }
    }

    fn list(&mut self, election: Election) {
        self.work = match &self.reads.options.topics {
            Topics::List(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                Work::Listing(election, self.waking(self.client.metadata(&names)))
            }
            Topics::Pattern(_) => Work::ListingAll(election, self.waking(self.client.all_topics())),
        };
    }

    fn listed(&mut self, election: &Election, topics: &[TopicInfo]) {
        let partitions = topics.iter().flat_map(|topic| {
            let of_topic = topic.partitions.iter();
            of_topic.map(|at| TopicPartition::new(Arc::clone(&topic.name), at.partition))
        });
        self.members.assign(self.script, election, partitions.collect());
        self.work = Work::Joining;
    }

    /// The generation has begun: an exactly-once process takes its transactional id, and the leader those of processes
    /// that are gone, so that what they left open holds nobody up.
    fn begin(&mut self, assigned: Assigned) {
        let free = assigned.lead.as_ref().map(|lead| lead.free.clone()).unwrap_or_default();
        let slot = assigned.slot;
        self.assigned = Some(assigned);
        let Some(exact) = &self.exact else { return self.fetch() };
        let timeout = exact.plan.timeout(exact.timeout);
        let transaction = exact.plan.open(&self.client, &exact.id(slot), timeout, &self.waker);
        let own = self.waking(transaction.init());
        let others = free.into_iter().map(|slot| {
            let waker = Arc::clone(&self.waker);
            let producer = self.client.transactional_producer(&exact.id(slot), timeout, waker);
            let pending = self.waking(producer.init());
            (producer, pending)
        });
        let others = others.collect();
        self.transaction = Some(transaction);
        self.work = Work::Taking { own, others };
    }

    fn taken(&mut self, result: TransactionResult<ProducerIdentity>) -> Result<()> {
        let (Some(exact), Err(error)) = (&self.exact, result) else { return Ok(()) };
        if exact.plan.shorten(&error, exact.timeout) {
            let error = "the broker allows no transaction of that length: a shorter one is tried";
            return Err(Error::new(ErrorKind::External, error).retriable());
        }
        Err(of_call(&error, Doing::Recovering, &exact.names, &self.client))
    }

    fn fetch(&mut self) {
        self.work = Work::Fetching(self.waking(self.client.offset_fetch(&self.group, None)));
    }

    /// The group's offsets are known: either all of this process' partitions have one, or they are to get one.
    fn fetched(&mut self, stored: &Stored) -> Result<()> {
        let assigned = self.assigned()?.clone();
        let mut epoch = 0;
        let mut marked: BTreeMap<TopicPartition, Position> = BTreeMap::new();
        for (partition, offset) in stored {
            let Some(mark) = Mark::parse(&offset.metadata) else { continue };
            if mark.job == self.job {
                epoch = epoch.max(mark.epoch);
                marked.insert(partition.clone(), positions::position(offset));
            }
        }
        if let Some(lead) = &assigned.lead
            && self.provide(lead, &marked, epoch)?
        {
            return Ok(());
        }
        let mut own = BTreeMap::new();
        for partition in &assigned.partitions {
            let Some(at) = marked.get(partition) else { return self.wait_for_leader() };
            own.insert(positions::split(partition), *at);
        }
        self.recovering = false;
        if let Some(transaction) = &self.transaction {
            transaction.open(epoch + 1);
        }
        self.warnings.say(&format!(
            "[INFO] job '{}': this process reads {} partition(s) in generation {} of group '{}'",
            self.job,
            own.len(),
            assigned.member.generation,
            self.group
        ));
        let scans = vec![Some(Progress { epoch, positions: own })];
        self.work = Work::Ready(DomainEvent::Recovered { epoch, scans });
        Ok(())
    }

    fn wait_for_leader(&mut self) -> Result<()> {
        let until = *self.patience.get_or_insert(self.now + START_WAIT_MAX);
        if until <= self.now {
            let error = "the leader of the group has not said where its partitions start";
            return Err(Error::new(ErrorKind::External, error).retriable());
        }
        self.work = Work::Waiting(self.now + START_POLL);
        Ok(())
    }

    /// As the leader: sees to it that every partition has an offset. Says whether something is on its way.
    fn provide(
        &mut self,
        lead: &Lead,
        marked: &BTreeMap<TopicPartition, Position>,
        epoch: Epoch,
    ) -> Result<bool> {
        let missing: Vec<TopicPartition> =
            lead.all.iter().filter(|at| !marked.contains_key(at)).cloned().collect();
        let job = &self.job;
        let topics = &self.reads.options.topics;
        if !marked.is_empty() && !marked.keys().any(|at| topics.contain(&at.topic)) {
            return Err(Error::new(
                ErrorKind::Schema,
                format!("job '{job}' has progress in topics only that its source no longer reads"),
            )
            .with_hint("give the changed job a name of its own: SET 'pipeline.name' = '…'"));
        }
        let found = self.adopt.as_mut().and_then(|(_, found)| found.take());
        let mut place = match marked.is_empty() {
            true => self.reads.options.startup.clone(),
            false => Place::Earliest,
        };
        let mut known = Offsets::new();
        match &found {
            Some(Found::Shared) if marked.is_empty() => {
                return Err(Error::new(
                    ErrorKind::External,
                    format!("the progress of job '{job}' is no longer in group '{}'", self.group),
                )
                .with_hint(format!(
                    "offsets of a group without members expire ('offsets.retention.minutes'); let the job begin anew: \
                     'brooklet job reset {job}'"
                )));
            }
            Some(Found::Alone(_)) if !marked.is_empty() => {
                return Err(Error::new(
                    ErrorKind::Schema,
                    format!("job '{job}' has progress of two kinds: in group '{}' and in its progress topic", self.group),
                )
                .with_hint(format!("let the job begin anew: 'brooklet job reset {job}'")));
            }
            Some(Found::Alone(alone)) => {
                place = Place::Earliest;
                for (split, at) in alone {
                    let partition = positions::partition(split);
                    if lead.all.contains(&partition) {
                        known.push((partition, positions::committed(at)));
                    }
                }
            }
            _ => {}
        }
        if found.is_none() || matches!(found, Some(Found::Shared)) {
            self.adopt = None;
            self.members.settled();
            if missing.is_empty() {
                return Ok(false);
            }
        }
        let epoch = epoch.max(self.adopt.as_ref().map_or(0, |(adopt, _)| adopt.epoch()));
        let unknown: Vec<TopicPartition> =
            missing.into_iter().filter(|at| known.iter().all(|(known, _)| known != at)).collect();
        let options = &self.reads.options;
        let (group, reset) = (options.group.as_deref(), options.reset.as_ref());
        let lookup = Lookup::start(&self.client, unknown, &place, group, reset, &self.waker);
        // Offsets that are known without asking a broker wake nobody.
        (self.waker)();
        self.work = Work::Looking(lookup, epoch, known);
        Ok(true)
    }

    /// Stores where partitions start, with the job's mark.
    fn store(
        &mut self,
        epoch: Epoch,
        mut starts: Offsets,
        found: BTreeMap<TopicPartition, i64>,
    ) -> Result<()> {
        starts.extend(found.into_iter().map(|(at, offset)| (at, CommittedOffset::new(offset))));
        let offsets = self.marked(starts, epoch);
        let member = self.assigned()?.member.clone();
        if let (Some(exact), Some((adopt, _))) = (&self.exact, &self.adopt) {
            let at = self.at_millis();
            let ending = adopt.store(exact, &self.group, offsets, &member, at)?;
            let ending = ending.ok_or_else(|| Error::internal("an adoption without a producer"))?;
            ending.end.on_ready(Arc::clone(&self.waker));
            self.work = Work::Adopting(ending);
            return Ok(());
        }
        let pending = self.client.offset_commit_as(&self.group, &member, &offsets);
        self.work = Work::Storing(self.waking(pending));
        Ok(())
    }

    fn at_millis(&self) -> i64 {
        let millis = i64::try_from(self.now.as_millis()).unwrap_or(0);
        self.started_at_millis.saturating_add(millis)
    }

    fn marked(&self, offsets: Offsets, epoch: Epoch) -> Offsets {
        let mark = Mark { epoch, scan: &self.scan, topic: None, job: &self.job }.to_string();
        let with_mark = |(at, offset)| (at, CommittedOffset { metadata: mark.clone(), ..offset });
        offsets.into_iter().map(with_mark).collect()
    }

    fn start_commit(&mut self, end: &EpochEnd<'_>) -> Result<()> {
        let read = end.scans.iter().flat_map(|progress| &progress.positions);
        let plain: Offsets = read
            .map(|(split, at)| (positions::partition(split), positions::committed(at)))
            .collect();
        let member = self.assigned()?.member.clone();
        let marked = self.marked(plain.clone(), end.epoch);
        let Some(transaction) = self.transaction.as_ref() else {
            if !end.store || marked.is_empty() {
                self.work = Work::Ready(DomainEvent::Committed(end.epoch));
                return Ok(());
            }
            let pending = self.client.offset_commit_as(&self.group, &member, &marked);
            self.work = Work::Committing(end.epoch, self.waking(pending), plain);
            return Ok(());
        };
        if marked.is_empty() || (!end.store && !transaction.has_output()) {
            transaction.open(end.epoch + 1);
            self.work = Work::Ready(DomainEvent::Committed(end.epoch));
            return Ok(());
        }
        let groups = [(self.group.clone(), marked)];
        let ending = transaction.end(None, &groups, &member, end.epoch + 1);
        let ending = ending.map_err(|error| Error::internal(error.to_string()))?;
        ending.end.on_ready(Arc::clone(&self.waker));
        self.work = Work::Ending(end.epoch, ending, plain);
        Ok(())
    }

    /// Why a transaction did not end as it should.
    fn end_failed(&self, error: &TransactionError, ending: &Ending, doing: Doing) -> Error {
        let of_offsets = ending.offsets.iter().find_map(|(_, pending)| pending.try_take()?.err());
        if let Some(failed) = of_offsets.filter(|failed| is_of_group(&failed.error)) {
            return self.contact(&failed.error, &doing.to_string());
        }
        match &self.exact {
            Some(exact) => of_call(error, doing, &exact.names, &self.client),
            None => Error::internal("a transaction of nobody"),
        }
    }

    /// Tells the user's group, for lag tools; nobody reads that back.
    fn committed(&mut self, epoch: Epoch, offsets: &Offsets) -> DomainEvent {
        if let Some(Err(error)) = self.lag.take().and_then(|pending| pending.try_take()) {
            let group = self.reads.options.group.as_deref().unwrap_or_default();
            self.warnings.say(&format!("cannot commit to group '{group}': {error}"));
        }
        if let Some(group) = self.reads.options.group.as_ref().filter(|group| **group != self.group)
        {
            self.lag = Some(self.client.offset_commit(group, offsets));
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
                Work::Joining => {
                    if let Some(election) = self.members.election() {
                        self.elected(election);
                    } else if let Some(assigned) = self.members.assigned() {
                        self.begin(assigned);
                    } else {
                        self.work = Work::Joining;
                        return Ok(None);
                    }
                }
                Work::Settling(election) => {
                    let (Some(exact), Some((adopt, found))) = (&self.exact, &mut self.adopt) else {
                        return Err(Error::internal("nothing to settle"));
                    };
                    *found = adopt.poll(exact, &self.client, &self.waker, self.now)?;
                    if found.is_none() {
                        self.work = Work::Settling(election);
                        return Ok(None);
                    }
                    self.list(election);
                }
                Work::Listing(election, pending) => {
                    let Some(answer) = pending.try_take() else {
                        self.work = Work::Listing(election, pending);
                        return Ok(None);
                    };
                    let doing = "finding partitions";
                    let topics = answer.map_err(|error| self.contact(&error, doing))?;
                    let topics: brooklet_kafka::Result<Vec<TopicInfo>> =
                        topics.into_iter().map(|(_, topic)| topic).collect();
                    let topics = topics.map_err(|error| self.contact(&error, doing))?;
                    self.listed(&election, &topics);
                }
                Work::ListingAll(election, pending) => {
                    let Some(answer) = pending.try_take() else {
                        self.work = Work::ListingAll(election, pending);
                        return Ok(None);
                    };
                    let topics =
                        answer.map_err(|error| self.contact(&error, "finding partitions"))?;
                    let topics = match &self.reads.options.topics {
                        Topics::Pattern(pattern) => matching(topics, pattern),
                        Topics::List(_) => topics,
                    };
                    self.listed(&election, &topics);
                }
                Work::Taking { own, others } => match own.try_take() {
                    Some(result) => {
                        self.taken(result)?;
                        self.work = Work::Sweeping(others);
                    }
                    None => {
                        self.work = Work::Taking { own, others };
                        return Ok(None);
                    }
                },
                Work::Sweeping(mut others) => {
                    // A slot that cannot be taken is somebody's by now.
                    others.retain(|(_, pending)| pending.try_take().is_none());
                    if !others.is_empty() {
                        self.work = Work::Sweeping(others);
                        return Ok(None);
                    }
                    self.fetch();
                }
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
                Work::Looking(mut lookup, epoch, known) => {
                    let found = lookup.poll(&self.client, &self.waker);
                    match found.map_err(|error| error.context("looking up where to start"))? {
                        Some(found) => self.store(epoch, known, found)?,
                        None => {
                            self.work = Work::Looking(lookup, epoch, known);
                            return Ok(None);
                        }
                    }
                }
                Work::Storing(pending) => {
                    let Some(answer) = pending.try_take() else {
                        self.work = Work::Storing(pending);
                        return Ok(None);
                    };
                    answer.map_err(|error| self.contact(&error, "storing where to start"))?;
                    self.fetch();
                }
                Work::Adopting(ending) => match ending.end.try_take() {
                    None => {
                        self.work = Work::Adopting(ending);
                        return Ok(None);
                    }
                    Some(Ok(())) => {
                        self.adopt = None;
                        self.members.settled();
                        self.fetch();
                    }
                    Some(Err(error)) => {
                        return Err(self.end_failed(&error, &ending, Doing::Recovering));
                    }
                },
                Work::Committing(epoch, pending, offsets) => {
                    let Some(answer) = pending.try_take() else {
                        self.work = Work::Committing(epoch, pending, offsets);
                        return Ok(None);
                    };
                    let doing = format!("committing epoch {epoch}");
                    answer.map_err(|error| self.contact(&error, &doing))?;
                    return Ok(Some(self.committed(epoch, &offsets)));
                }
                Work::Ending(epoch, ending, offsets) => match ending.end.try_take() {
                    None => {
                        self.work = Work::Ending(epoch, ending, offsets);
                        return Ok(None);
                    }
                    Some(Ok(())) => return Ok(Some(self.committed(epoch, &offsets))),
                    Some(Err(error)) => {
                        return Err(self.end_failed(&error, &ending, Doing::Committing(epoch)));
                    }
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

/// The group has gone on without this process, which goes on from what the others have committed.
fn of_group(error: &brooklet_kafka::Error) -> Option<Error> {
    let over = [
        ErrorCode::ILLEGAL_GENERATION,
        ErrorCode::UNKNOWN_MEMBER_ID,
        ErrorCode::REBALANCE_IN_PROGRESS,
    ];
    error.code().filter(|code| over.contains(code))?;
    Some(gone_on(error))
}

fn gone_on(error: &brooklet_kafka::Error) -> Error {
    let what = "the other processes of the job have gone on without this one";
    Error::new(ErrorKind::External, format!("{what}: {error}")).retriable()
}

impl CommitDomain for MembersDomain {
    fn decides(&self) -> bool {
        true
    }

    fn shares(&self) -> bool {
        true
    }

    fn recover(&mut self, _from: Recovery) {
        self.recovering = true;
        match self.members.assigned() {
            // An attempt has failed within the generation, which goes on.
            Some(assigned) => self.begin(assigned),
            None => self.join(),
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
        match self.hear()? {
            Some(event) => Ok(Some(event)),
            None => self.advance(),
        }
    }

    fn wake_at(&self) -> Option<Duration> {
        match &self.work {
            Work::Waiting(until) => Some(*until),
            Work::Settling(_) => self.adopt.as_ref().and_then(|(adopt, _)| adopt.wake_at()),
            _ => None,
        }
    }
}
