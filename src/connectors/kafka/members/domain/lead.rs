//! What the leader of a generation does, before it assigns and behind it.
//!
//! ```text
//! elected   (exactly once, until the group is known to keep the progress: take the job over) ─▶ list
//!           ─▶ (not shared yet: read the group's offsets ─▶ look up ─▶ store) ─▶ assign
//! assigned  take the ids of processes that are gone; store where partitions without an offset start
//! ```

use super::{Answer, MembersDomain, Read, Stored, Taken, Work};
use crate::base::commands;
use crate::base::{Error, ErrorKind, Result};
use crate::connectors::kafka::enumerator::{matching, may_be_gone};
use crate::connectors::kafka::error::bootstrap;
use crate::connectors::kafka::fit::Positions;
use crate::connectors::kafka::mark::Mark;
use crate::connectors::kafka::members::adopt::{self, Newer};
use crate::connectors::kafka::members::{Assigned, Election, Lead, Seat};
use crate::connectors::kafka::offsets::Lookup;
use crate::connectors::kafka::options::{Place, Topics};
use crate::connectors::kafka::positions;
use crate::connectors::kafka::transaction::record::{ProgressRecord, Sharing};
use crate::connectors::kafka::transaction::{Doing, Ending, Takeover, Transaction, match_scans};
use crate::table::{Epoch, Fingerprint, Position};
use brooklet_kafka::topic::TopicInfo;
use brooklet_kafka::transaction::TransactionalProducer;
use brooklet_kafka::{ErrorKind as KafkaErrorKind, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

pub(super) type Listed = Vec<(String, brooklet_kafka::Result<TopicInfo>)>;

/// The work of a leader before it assigns.
#[derive(Debug)]
pub(super) struct Leading {
    election: Election,
    found: Vec<TopicInfo>,
    /// Topics that should be there: no error where the job has progress.
    absent: Vec<brooklet_kafka::Error>,
    /// What is to say that the job is shared, with the record before it.
    adopts: Option<(Arc<Transaction>, Option<ProgressRecord>)>,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Settling(Takeover),
    Listing(Answer<Listed>),
    ListingAll(Answer<Vec<TopicInfo>>),
    Reading(Answer<Stored>),
    /// Topics with progress that are not in the list.
    Describing(Answer<Listed>, Starts),
    Looking(Lookup, Starts),
    Adopting(Ending, Sharing),
    /// Everything is known.
    Assigning,
}

/// Where an adopted job goes on.
#[derive(Debug)]
struct Starts {
    epoch: Epoch,
    /// From the record.
    known: Positions,
    /// Partitions whose marks stay as they are.
    marked: BTreeSet<TopicPartition>,
    /// Where the others start.
    place: Place,
}

/// Ids of processes that are gone, under way to be taken.
pub(super) type Sweep = Vec<(Seat, TransactionalProducer, Taken)>;

/// The marked positions of a job among the offsets of a group, and the last epoch of them with what it belongs to.
pub(super) fn marked(stored: &Stored, job: &str) -> (Positions, Option<(Epoch, Fingerprint)>) {
    let mut last: Option<(Epoch, Fingerprint)> = None;
    let mut marked = Positions::new();
    for (partition, offset) in stored {
        let Some(mark) = Mark::parse(&offset.metadata).filter(|mark| mark.job == job) else {
            continue;
        };
        if last.as_ref().is_none_or(|(epoch, _)| mark.epoch >= *epoch) {
            last = Some((mark.epoch, mark.fingerprint()));
        }
        let identity = mark.topic.map(|topic| topic.0);
        let at = Position { identity, ..positions::position(offset) };
        marked.insert(positions::split(partition), at);
    }
    (marked, last)
}

fn partitions(topics: &[TopicInfo]) -> impl Iterator<Item = TopicPartition> {
    topics.iter().flat_map(|topic| {
        let of_topic = topic.partitions.iter();
        of_topic.map(|at| TopicPartition::new(Arc::clone(&topic.name), at.partition))
    })
}

impl MembersDomain {
    /// This process leads: first it makes sure that the group is where the progress is, then it assigns.
    pub(super) fn elected(&mut self, election: Election) {
        let step = match &self.exact {
            Some(exact) if !self.members.is_settled() => Step::Settling(Takeover::start(
                &exact.plan,
                &self.client,
                &exact.names,
                exact.timeout,
                &self.waker,
            )),
            _ => self.list(),
        };
        let (found, absent) = (Vec::new(), Vec::new());
        let leading = Leading { election, found, absent, adopts: None, step };
        self.work = Work::Leading(Box::new(leading));
    }

    /// Goes on until all is assigned; false while it waits.
    pub(super) fn lead(&mut self, leading: &mut Leading) -> Result<bool> {
        loop {
            let doing = "finding partitions";
            leading.step = match &mut leading.step {
                Step::Settling(takeover) => match takeover.poll(&|_, _| Ok(()), self.now)? {
                    None => return Ok(false),
                    Some((transaction, record)) => {
                        self.taken_over(leading, transaction, record)?;
                        self.list()
                    }
                },
                Step::Listing(pending) => match pending.try_take() {
                    None => return Ok(false),
                    Some(answer) => {
                        let topics = answer.map_err(|error| self.contact(&error, doing))?;
                        self.sort(leading, topics)?;
                        self.listed(leading)
                    }
                },
                Step::ListingAll(pending) => match pending.try_take() {
                    None => return Ok(false),
                    Some(answer) => {
                        let topics = answer.map_err(|error| self.contact(&error, doing))?;
                        leading.found = match &self.reads.options.topics {
                            Topics::Pattern(pattern) => matching(topics, pattern),
                            Topics::List(_) => topics,
                        };
                        let names = leading.found.iter().map(|topic| &*topic.name).collect();
                        // Who leads depends on the first topic that all have found.
                        if self.reads.leaderless() && !self.members.joined_for(&names) {
                            self.members.renew();
                            return Ok(false);
                        }
                        self.listed(leading)
                    }
                },
                Step::Reading(pending) => match pending.try_take() {
                    None => return Ok(false),
                    Some(answer) => {
                        let doing = "reading the job's progress";
                        let stored = answer.map_err(|error| self.contact(&error, doing))?;
                        let starts = self.starts(leading, &stored)?;
                        self.describe(leading, starts)
                    }
                },
                Step::Describing(pending, starts) => match pending.try_take() {
                    None => return Ok(false),
                    Some(answer) => {
                        let topics = answer.map_err(|error| self.contact(&error, doing))?;
                        let mut starts = std::mem::take(starts);
                        self.without_gone(&topics, &mut starts);
                        self.look_up(leading, starts)
                    }
                },
                Step::Looking(lookup, starts) => {
                    let Some(found) = self.looked_up(lookup)? else { return Ok(false) };
                    let starts = std::mem::take(starts);
                    self.adopt(leading, starts, found)?
                }
                Step::Adopting(ending, sharing) => match ending.end.try_take() {
                    None => return Ok(false),
                    Some(Ok(())) => {
                        if *sharing == Sharing::Started {
                            self.members.settled();
                        }
                        Step::Assigning
                    }
                    Some(Err(error)) => {
                        let names = self.exact.as_ref().map(|exact| exact.names.clone());
                        return Err(self.end_failed(&error, ending, Doing::Recovering, names));
                    }
                },
                Step::Assigning => {
                    let (found, absent) = (&leading.found, std::mem::take(&mut leading.absent));
                    let all = partitions(found).collect();
                    self.members.assign(self.script, &leading.election, all, absent);
                    return Ok(true);
                }
            };
        }
    }

    pub(super) fn lead_wakes_at(leading: &Leading) -> Option<Duration> {
        match &leading.step {
            Step::Settling(takeover) => takeover.wake_at(),
            _ => None,
        }
    }

    fn taken_over(
        &self,
        leading: &mut Leading,
        transaction: Arc<Transaction>,
        record: Option<ProgressRecord>,
    ) -> Result<()> {
        let Some(exact) = &self.exact else { return Ok(()) };
        exact.plan.check_timeout(exact.timeout, &exact.names, &self.warnings)?;
        let started = record.as_ref().is_some_and(|record| record.shared == Some(Sharing::Started));
        self.members.expect(started);
        // Under another id, the next leader would have to fence that one again.
        let own = record.as_ref().is_some_and(|record| record.transactional_id == exact.names.id);
        leading.adopts = (!started || !own).then_some((transaction, record));
        Ok(())
    }

    fn list(&self) -> Step {
        match &self.reads.options.topics {
            Topics::List(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                Step::Listing(self.waking(self.client.metadata(&names)))
            }
            Topics::Pattern(_) => Step::ListingAll(self.waking(self.client.all_topics())),
        }
    }

    /// Tells topics that are there from those that may be gone.
    fn sort(&self, leading: &mut Leading, topics: Listed) -> Result<()> {
        for (_, topic) in topics {
            match topic {
                Ok(topic) => leading.found.push(topic),
                Err(error) if may_be_gone(&error, self.reads.options.topic_change) => {
                    leading.absent.push(error);
                }
                Err(error) => return Err(self.contact(&error, "finding partitions")),
            }
        }
        Ok(())
    }

    fn listed(&self, leading: &Leading) -> Step {
        match &leading.adopts {
            Some(_) => Step::Reading(self.waking(self.client.offset_fetch(&self.group, None))),
            None => Step::Assigning,
        }
    }

    /// At a first start every topic of a list has to be there.
    fn all_there(&self, absent: &[brooklet_kafka::Error]) -> Result<()> {
        match absent.first() {
            Some(error) => Err(self.contact(error, "finding partitions")),
            None => Ok(()),
        }
    }

    /// What is read from its beginning is what was found later than the first time.
    fn place(&self, first: bool) -> Place {
        if first { self.reads.options.startup.clone() } else { Place::Earliest }
    }

    /// Positions of `stored` that the source still reads.
    fn still_read(&self, stored: Positions) -> Result<Positions> {
        let of = self.of();
        let topics = &self.reads.options.topics;
        let (kept, line) = of.still_read(stored, &|split| topics.contain(&split.name))?;
        // Every generation would say it.
        if let Some(line) = line.filter(|_| !self.members.has_looked()) {
            self.warnings.warn(&line);
        }
        Ok(kept)
    }

    /// Where a job goes on that becomes shared: at the newer of its two places.
    fn starts(&self, leading: &Leading, stored: &Stored) -> Result<Starts> {
        let record = leading.adopts.as_ref().and_then(|(_, record)| record.as_ref());
        let (marks, last) = marked(stored, &self.job);
        let of_marks = last.as_ref().map(|(epoch, _)| *epoch);
        if of_marks.is_none() && self.members.expects() {
            return Err(self.expired());
        }
        let of_record = record.map_or(0, |record| record.epoch);
        let epoch = of_record.max(of_marks.unwrap_or_default());
        let (mut known, mut marked) = (Positions::new(), BTreeSet::new());
        let mut looked = self.members.any_looked(&leading.election);
        match adopt::newer(record, of_marks) {
            Newer::Marks => {
                if let Some((_, fingerprint)) = &last {
                    self.of().belongs(&self.identity, fingerprint)?;
                }
                let kept = self.still_read(marks)?;
                marked = kept.keys().map(positions::partition).collect();
            }
            Newer::Record => {
                let scans = self.exact.as_ref().map_or(&[][..], |exact| &exact.scans);
                let record = record.filter(|record| record.shared.is_none());
                if let Some(record) = record {
                    if !record.scans.is_empty() {
                        self.of().belongs(&self.identity, &record.fingerprint)?;
                    }
                    let found = match_scans(scans, record, true, &self.job, &self.warnings)?;
                    let found = found.into_iter().flatten().next();
                    looked |= found.is_some();
                    known = found.map(|found| found.positions).unwrap_or_default();
                }
            }
        }
        let fresh = known.is_empty() && marked.is_empty();
        let first = fresh && !looked;
        if first {
            self.all_there(&leading.absent)?;
        }
        Ok(Starts { epoch, known, marked, place: self.place(first) })
    }

    /// Asks for topics with progress that the list lacks: those that answer with another error are still there.
    fn describe(&self, leading: &Leading, starts: Starts) -> Step {
        let listed: BTreeSet<&str> = leading.found.iter().map(|topic| &*topic.name).collect();
        let mut missing: Vec<&str> = starts.known.keys().map(|split| &*split.name).collect();
        missing.retain(|topic| !listed.contains(topic));
        missing.dedup();
        if missing.is_empty() {
            return self.look_up(leading, starts);
        }
        Step::Describing(self.waking(self.client.metadata(&missing)), starts)
    }

    /// A group takes no offsets for a topic that is gone.
    fn without_gone(&self, topics: &Listed, starts: &mut Starts) {
        for (name, topic) in topics {
            let Err(error) = topic else { continue };
            if matches!(error.kind(), KafkaErrorKind::UnknownTopic { .. }) {
                starts.known.retain(|split, _| *split.name != **name);
                self.warnings.warn(&format!(
                    "job '{}': topic '{name}' no longer exists: its progress there is left out",
                    self.job
                ));
            }
        }
    }

    fn look_up(&self, leading: &Leading, starts: Starts) -> Step {
        let has = |at: &TopicPartition| {
            starts.marked.contains(at) || starts.known.contains_key(&positions::split(at))
        };
        let unknown = partitions(&leading.found).filter(|at| !has(at)).collect();
        Step::Looking(self.lookup(unknown, &starts.place), starts)
    }

    fn lookup(&self, partitions: Vec<TopicPartition>, place: &Place) -> Lookup {
        let options = &self.reads.options;
        let (group, reset) = (options.group.as_deref(), options.reset.as_ref());
        // Offsets that are known without asking a broker wake nobody.
        (self.waker)();
        Lookup::start(&self.client, partitions, place, group, reset, &self.waker)
    }

    pub(super) fn looked_up(
        &self,
        lookup: &mut Lookup,
    ) -> Result<Option<BTreeMap<TopicPartition, i64>>> {
        let found = lookup.poll(&self.client, &self.waker);
        found.map_err(|error| error.context("looking up where to start"))
    }

    fn adopt(
        &self,
        leading: &Leading,
        starts: Starts,
        found: BTreeMap<TopicPartition, i64>,
    ) -> Result<Step> {
        let (Some(exact), Some((transaction, record))) = (&self.exact, &leading.adopts) else {
            return Err(Error::internal("an adoption of nothing"));
        };
        let known = starts.known.iter();
        let mut offsets: Read =
            known.map(|(split, at)| (positions::partition(split), *at)).collect();
        offsets.extend(found.into_iter().map(|(at, offset)| (at, Position::at(offset))));
        let sharing =
            match self.members.expects() || !offsets.is_empty() || !starts.marked.is_empty() {
                true => Sharing::Started,
                false => Sharing::Empty,
            };
        let said = record.as_ref().is_some_and(|record| {
            record.shared == Some(sharing) && record.transactional_id == exact.names.id
        });
        if said {
            return Ok(Step::Assigning);
        }
        let offsets = self.marked(&offsets, starts.epoch);
        let (epoch, at) = (starts.epoch, self.wall_clock.millis());
        let ending = adopt::store(exact, transaction, epoch, sharing, &self.group, offsets, at)?;
        ending.end.on_ready(Arc::clone(&self.waker));
        Ok(Step::Adopting(ending, sharing))
    }

    /// Takes the transactional ids of processes that are gone, so that what they left open holds nobody up.
    pub(super) fn sweep(&mut self) {
        let Some(exact) = &self.exact else { return };
        let free = self.assigned.as_ref().map(Assigned::free).unwrap_or_default();
        let timeout = exact.plan.timeout(exact.timeout);
        let take = |seat: Seat| {
            let (id, waker) = (exact.id(&seat), Arc::clone(&self.waker));
            let producer = self.client.transactional_producer(&id, timeout, waker);
            let pending = self.waking(producer.init());
            (seat, producer, pending)
        };
        self.sweep = free.into_iter().map(take).collect();
    }

    /// A slot that cannot be taken is somebody's by now.
    pub(super) fn swept(&mut self) {
        let generation = self.assigned.as_ref().map(|assigned| assigned.member.generation);
        let (members, warnings, exact) = (&self.members, &self.warnings, &self.exact);
        self.sweep.retain(|(seat, _, pending)| match (pending.try_take(), generation) {
            (None, _) => true,
            (Some(Ok(_)), Some(generation)) => {
                if let Seat::Slot(slot) = seat {
                    members.swept(generation, *slot);
                }
                false
            }
            (Some(Err(failed)), _) if matches!(failed.error.kind(), KafkaErrorKind::NotAuthorized) => {
                let id = exact.as_ref().map(|exact| exact.id(seat)).unwrap_or_default();
                warnings.warn(&format!(
                    "cannot end what a process that is gone has left open: no WRITE on transactional id '{id}'"
                ));
                false
            }
            _ => false,
        });
    }

    /// Sees to it that every partition has an offset. Says whether something is on its way.
    pub(super) fn provide(&mut self, lead: &Lead, marks: &Positions, epoch: Epoch) -> Result<bool> {
        if marks.is_empty() {
            if self.members.expects() {
                return Err(self.expired());
            }
            if !lead.looked {
                self.all_there(&lead.absent)?;
            }
        } else {
            self.still_read(marks.clone())?;
        }
        if self.members.expects() {
            self.members.settled();
        }
        let has = |at: &TopicPartition| marks.contains_key(&positions::split(at));
        let missing: Vec<TopicPartition> = lead.all.iter().filter(|at| !has(at)).cloned().collect();
        if missing.is_empty() {
            return Ok(false);
        }
        let place = self.place(marks.is_empty() && !lead.looked);
        self.work = Work::Looking(self.lookup(missing, &place), epoch);
        Ok(true)
    }

    fn expired(&self) -> Error {
        let (job, group) = (&self.job, &self.group);
        let reset = commands::job_reset(job, &bootstrap(&self.client));
        Error::new(
            ErrorKind::External,
            format!("the progress of job '{job}' is no longer in group '{group}'"),
        )
        .with_hint(format!(
            "offsets of a group without members expire ('offsets.retention.minutes'); let the job begin anew with \
             \"{reset}\""
        ))
    }
}

impl Default for Starts {
    fn default() -> Starts {
        Starts {
            epoch: 0,
            known: Positions::new(),
            marked: BTreeSet::new(),
            place: Place::Earliest,
        }
    }
}
