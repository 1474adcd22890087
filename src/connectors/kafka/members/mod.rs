//! Several processes run one job and share its partitions: members of the consumer group `brooklet.JOB`, whose marked
//! offsets are the job's progress (decision 7).
//!
//! [`JobMembers`] is this process' membership, which outlives the attempts of its run; [`domain`] recovers and commits what
//! one generation assigns (`domain::lead` is what its leader does), [`adopt`] settles with the progress topic of an
//! exactly-once job who keeps its progress, and [`notes`] is what the members tell each other beside partitions. Where the
//! group's coordinator assigns, who has the first partition leads (decision 8).

mod adopt;
mod agree;
mod domain;
mod notes;

pub(super) use self::domain::Exact;

use self::domain::MembersDomain;
use self::notes::{Given, Told};
use super::mark::GROUP_PREFIX;
use super::options::{SourceOptions, Topics};
use crate::base::{Error, Result, fnv};
use crate::table::{CommitDomain, JobContext, OpaqueWaker, Waker};
use brooklet_kafka::group::protocol::ranges;
use brooklet_kafka::group::{Assignment, MemberEvent, Membership, Subscription};
use brooklet_kafka::pending::Pending;
use brooklet_kafka::transaction::GroupMember;
use brooklet_kafka::{Client, ClientConfig, GroupProtocol, Network, TopicPartition};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Name of the way in which partitions are assigned. Members that name another one cannot be in the group.
const PROTOCOL: &str = "brooklet-ranges";

/// What the ids of members begin with that name themselves, before the fingerprint of their script.
const MEMBER: &str = "brooklet";

/// Hexadecimal digits of a fingerprint in the id of a member.
const FINGERPRINT_DIGITS: usize = 16;

/// The source that the processes share.
#[derive(Debug)]
pub(super) struct Reads {
    pub(super) config: ClientConfig,
    pub(super) network: Network,
    /// Of the client settings, see [`super::transaction::cluster_key`].
    pub(super) cluster: u64,
    pub(super) options: SourceOptions,
}

impl Reads {
    /// Whether the group's coordinator assigns, and not one of the processes.
    fn leaderless(&self) -> bool {
        self.config.group_protocol == GroupProtocol::Consumer
    }
}

/// What the transactional id of a process is named after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// Its number among the processes of the job: free numbers are used again.
    Slot(u32),
    /// Where nobody numbers them, the first partition that it has: whoever gets that one ends what was left open.
    Partition(TopicPartition),
    /// The member, while it has no partition and writes nothing.
    Member(String),
}

impl std::fmt::Display for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Seat::Slot(slot) => write!(f, "{slot}"),
            // No topic has this sign in its name.
            Seat::Partition(at) => write!(f, "{}~{}", at.topic, at.partition),
            Seat::Member(id) => write!(f, "~{id}"),
        }
    }
}

/// What a generation gives this process.
#[derive(Clone, Debug)]
pub(super) struct Assigned {
    pub(super) member: GroupMember,
    pub(super) partitions: Vec<TopicPartition>,
    pub(super) seat: Seat,
    /// What the leader knows.
    pub(super) lead: Option<Lead>,
}

impl Assigned {
    /// What the coordinator of the group assigns.
    fn by_coordinator(member: GroupMember, mut partitions: Vec<TopicPartition>) -> Assigned {
        partitions.sort();
        let seat = match partitions.first() {
            Some(first) => Seat::Partition(first.clone()),
            None => Seat::Member(member.member_id.clone()),
        };
        Assigned { member, partitions, seat, lead: None }
    }

    /// Seats whose ids are to be taken from processes that are gone.
    fn free(&self) -> Vec<Seat> {
        match &self.seat {
            Seat::Slot(_) => {
                let free = self.lead.iter().flat_map(|lead| &lead.free);
                free.map(|slot| Seat::Slot(*slot)).collect()
            }
            _ => self.partitions.iter().skip(1).cloned().map(Seat::Partition).collect(),
        }
    }

    /// What is to have an offset where the job has some: who else would know of a new partition?
    fn own(&self) -> Lead {
        let all = self.partitions.iter().cloned().collect();
        Lead { all, looked: true, ..Lead::default() }
    }
}

/// What the leader of a generation knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Lead {
    /// All partitions.
    all: BTreeSet<TopicPartition>,
    /// Slots of processes that are gone.
    free: Vec<u32>,
    /// Topics that should be there.
    absent: Vec<brooklet_kafka::Error>,
    /// Another look than the first one: what is new is read from its beginning.
    looked: bool,
}

/// A call to lead: the generation, and the ids of its members with what they said.
type Election = (i32, Vec<(String, Option<Subscription>)>);

/// What has become of the membership.
#[derive(Clone, Debug)]
enum Turn {
    /// Another generation is to begin: what was read is to be committed first.
    Revoked,
    /// Another generation has begun without this process.
    Lost(brooklet_kafka::Error),
    /// The membership is over.
    Failed(brooklet_kafka::Error),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct JobMembers {
    reads: Mutex<Option<Arc<Reads>>>,
    state: Mutex<State>,
    /// Of the current attempt.
    waker: Arc<Mutex<Option<OpaqueWaker>>>,
}

#[derive(Debug, Default)]
struct State {
    membership: Option<Membership>,
    assigned: Option<Assigned>,
    /// Assigned by the coordinator to this process, which leads and is not done with that.
    leads: Option<Assigned>,
    /// What it said that it wants to read, by name.
    topics: BTreeSet<String>,
    turn: Option<Turn>,
    /// Why the group does not take this process in yet.
    waits: Option<brooklet_kafka::Error>,
    election: Option<Election>,
    /// What this process has assigned, until the coordinator has said so.
    lead: Option<(i32, Lead)>,
    /// As last given.
    slot: Option<u32>,
    /// There have been as many slots.
    slots: u32,
    /// Slots whose ids were taken in a generation that this process led.
    swept: (i32, BTreeSet<u32>),
    /// The group's offsets are known to be the job's progress.
    settled: bool,
    /// They should be there: the progress topic says so.
    expects: bool,
    /// The group's coordinator has answered.
    found: bool,
    /// A generation has known all its starts.
    looked: bool,
}

impl State {
    fn give_up(&mut self) {
        (self.assigned, self.leads, self.turn, self.election) = (None, None, None, None);
    }

    /// Takes what the coordinator has assigned. Who has the first partition of all leads: no two processes have it.
    fn take(&mut self, assigned: Assigned) {
        let first = |at: &TopicPartition| {
            at.partition == 0 && self.topics.first().is_some_and(|topic| **topic == *at.topic)
        };
        if !assigned.partitions.first().is_some_and(first) {
            self.assigned = Some(assigned);
            return;
        }
        let GroupMember { generation, member_id, .. } = assigned.member.clone();
        self.election = Some((generation, vec![(member_id, None)]));
        self.leads = Some(assigned);
    }

    /// The generation has moved on without a change of what is assigned.
    fn advance(&mut self, member: &GroupMember) {
        for assigned in self.assigned.iter_mut().chain(&mut self.leads) {
            assigned.member.clone_from(member);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl JobMembers {
    /// Takes the source of the job.
    pub(super) fn reads(&self, reads: Reads) {
        *lock(&self.reads) = Some(Arc::new(reads));
    }

    /// The domain of the next attempt; `client` is for its offsets.
    pub(super) fn domain(
        self: &Arc<Self>,
        client: Client,
        scan: &str,
        exact: Option<Exact>,
        job: &JobContext,
        waker: Waker,
    ) -> Result<Box<dyn CommitDomain>> {
        let reads = lock(&self.reads).clone();
        let reads = reads.ok_or_else(|| Error::internal("a shared job without a source"))?;
        if exact.as_ref().is_some_and(|exact| exact.cluster() != reads.cluster) {
            return Err(Error::unsupported(
                "'job.shared' with a source and an exactly-once sink on two clusters or as two users",
            )
            .with_hint(
                "the positions of what was read are part of the sink's transaction: write \
                 'properties.bootstrap.servers' and the security options the same way in both",
            ));
        }
        *lock(&self.waker) = Some(OpaqueWaker(Arc::clone(&waker)));
        let group = format!("{GROUP_PREFIX}{}", job.id);
        let id = exact.as_ref().map(|exact| exact.names.id.as_str());
        let script = fingerprint(&reads.options.topics, id);
        let mut state = lock(&self.state);
        if state.membership.is_none() {
            let client = Client::new(reads.config.clone(), &reads.network);
            let current = Arc::clone(&self.waker);
            let wake = move || {
                let waker = lock(&current).as_ref().map(|waker| Arc::clone(&waker.0));
                if let Some(waker) = waker {
                    waker();
                }
            };
            let assigns = match reads.leaderless() {
                true => format!("{MEMBER}-{script:0FINGERPRINT_DIGITS$x}"),
                false => PROTOCOL.to_owned(),
            };
            state.membership = Some(client.membership(&group, &assigns, Arc::new(wake)));
        }
        drop(state);
        let members = Arc::clone(self);
        Ok(Box::new(MembersDomain::new(
            members, reads, client, group, script, scan, exact, job, waker,
        )))
    }

    /// Whether the current generation assigns this partition to this process. A leader that meets one that it has
    /// assigned to nobody begins another generation.
    pub(super) fn assigns(&self, partition: &TopicPartition) -> bool {
        let leaderless = self.leaderless();
        let state = lock(&self.state);
        let Some(assigned) = &state.assigned else { return false };
        let new = match leaderless {
            // The coordinator knows of new partitions, but not of new topics that a pattern means.
            true => !state.topics.contains(&*partition.topic),
            false => assigned.lead.as_ref().is_some_and(|lead| !lead.all.contains(partition)),
        };
        let mine = assigned.partitions.binary_search(partition).is_ok();
        drop(state);
        if new {
            self.renew();
        }
        mine
    }

    /// This process is to join again, with what it has found out.
    fn renew(&self) {
        lock(&self.state).turn.get_or_insert(Turn::Revoked);
        let waker = lock(&self.waker).as_ref().map(|waker| Arc::clone(&waker.0));
        if let Some(waker) = waker {
            waker();
        }
    }

    /// Whether these are the topics that it has joined for.
    fn joined_for(&self, topics: &BTreeSet<&str>) -> bool {
        lock(&self.state).topics.iter().map(String::as_str).eq(topics.iter().copied())
    }

    fn leaderless(&self) -> bool {
        lock(&self.reads).as_ref().is_some_and(|reads| reads.leaderless())
    }

    /// Takes what the coordinator has said.
    fn listen(&self) -> Result<()> {
        let leaderless = self.leaderless();
        let mut state = lock(&self.state);
        while let Some(event) = state.membership.as_ref().and_then(Membership::poll) {
            match event {
                MemberEvent::Elected { generation, members } => {
                    state.election = Some((generation, members));
                }
                MemberEvent::Assigned { member, assignment, .. } if leaderless => {
                    let assigned = Assigned::by_coordinator(member, assignment.partitions);
                    state.take(assigned);
                }
                MemberEvent::Advanced(member) => state.advance(&member),
                MemberEvent::Assigned { member, assignment, leads } => {
                    let given = Given::parse(&assignment.user_data);
                    let Given::Slot { slot, slots } = given else {
                        let error = refused(&given);
                        // Whoever came later with the other protocol is the one to go.
                        return Err(match given {
                            Given::Nothing if state.looked => error.retriable(),
                            _ => error,
                        });
                    };
                    state.slot = Some(slot);
                    state.slots = slots;
                    let lead =
                        state.lead.take().filter(|(of, _)| leads && *of == member.generation);
                    let mut partitions = assignment.partitions;
                    partitions.sort();
                    let lead = lead.map(|(_, lead)| lead);
                    let seat = Seat::Slot(slot);
                    state.assigned = Some(Assigned { member, partitions, seat, lead });
                }
                MemberEvent::Revoked => state.turn = Some(Turn::Revoked),
                MemberEvent::Lost(error) => state.turn = Some(Turn::Lost(error)),
                MemberEvent::Waits(error) => state.waits = Some(error),
                MemberEvent::Failed(error) => state.turn = Some(Turn::Failed(error)),
            }
        }
        Ok(())
    }

    /// Why the group does not take this process in yet, once.
    fn waits(&self) -> Option<brooklet_kafka::Error> {
        lock(&self.state).waits.take()
    }

    fn turn(&self) -> Option<Turn> {
        lock(&self.state).turn.clone()
    }

    /// What the current generation gives; `None` while there is none, or no more.
    fn assigned(&self) -> Option<Assigned> {
        let state = lock(&self.state);
        state.assigned.clone().filter(|_| state.turn.is_none())
    }

    /// Joins the next generation, with nothing in hand.
    fn join(&self, script: u64, topics: BTreeSet<String>) {
        let mut state = lock(&self.state);
        state.give_up();
        let told = Told { script, slot: state.slot, slots: state.slots, looked: state.looked };
        state.topics.clone_from(&topics);
        let topics = topics.into_iter().collect();
        if let Some(membership) = &state.membership {
            membership.join(&Subscription { topics, user_data: told.to_string() });
        }
    }

    /// Nothing of the last generation is in hand any more.
    fn give_up(&self) {
        lock(&self.state).give_up();
    }

    /// The member in the generation that the coordinator counts it in now.
    fn member(&self) -> Option<GroupMember> {
        lock(&self.state).assigned.as_ref().map(|assigned| assigned.member.clone())
    }

    /// Leaves the group, if this process has come to it.
    fn leave(&self) -> Option<Pending<()>> {
        lock(&self.state).membership.as_ref().map(Membership::leave)
    }

    /// The group's offsets are where the job's progress is.
    fn settled(&self) {
        let mut state = lock(&self.state);
        (state.settled, state.expects) = (true, false);
    }

    fn expect(&self, offsets: bool) {
        lock(&self.state).expects = offsets;
    }

    fn expects(&self) -> bool {
        lock(&self.state).expects
    }

    fn is_settled(&self) -> bool {
        lock(&self.state).settled
    }

    /// The group's coordinator has answered.
    fn found(&self) {
        lock(&self.state).found = true;
    }

    fn has_found(&self) -> bool {
        lock(&self.state).found
    }

    /// All starts of a generation are known.
    fn looked(&self) {
        lock(&self.state).looked = true;
    }

    fn has_looked(&self) -> bool {
        lock(&self.state).looked
    }

    /// Whether this process or another member of the generation to be has done so.
    fn any_looked(&self, (_, members): &Election) -> bool {
        let told = |wants: &Option<Subscription>| Told::parse(&wants.as_ref()?.user_data);
        self.has_looked()
            || members.iter().any(|(_, wants)| told(wants).is_some_and(|told| told.looked))
    }

    /// The group has gone on without this process: its heartbeats need not say so as well.
    fn lose(&self, error: &brooklet_kafka::Error) {
        let mut state = lock(&self.state);
        if !matches!(state.turn, Some(Turn::Failed(_))) {
            state.turn = Some(Turn::Lost(error.clone()));
        }
    }

    /// The leader of this generation has taken the id of a slot that nobody has.
    fn swept(&self, generation: i32, slot: u32) {
        let mut state = lock(&self.state);
        if state.swept.0 != generation {
            state.swept = (generation, BTreeSet::new());
        }
        state.swept.1.insert(slot);
    }

    fn election(&self) -> Option<Election> {
        lock(&self.state).election.take()
    }

    /// Gives the partitions to the members of a generation.
    fn assign(
        &self,
        script: u64,
        election: &Election,
        all: Vec<TopicPartition>,
        absent: Vec<brooklet_kafka::Error>,
    ) {
        let looked = self.any_looked(election);
        let (generation, members) = election;
        let leaderless = self.leaderless();
        let mut state = lock(&self.state);
        if leaderless {
            let all = all.into_iter().collect();
            let lead = Some(Lead { all, free: Vec::new(), absent, looked });
            // Another generation may have begun meanwhile, without this process at its head.
            state.assigned = state.leads.take().map(|assigned| Assigned { lead, ..assigned });
            return;
        }
        let told = members.iter().map(|(id, wants)| {
            let told = wants.as_ref().and_then(|wants| Told::parse(&wants.user_data));
            (id.as_str(), told.filter(|told| told.script == script))
        });
        let told: Vec<(&str, Option<Told>)> = told.collect();
        // Another leader may have given them away in between.
        let (of, swept) = std::mem::take(&mut state.swept);
        let next = of.checked_add(1) == Some(*generation);
        let swept = if next { swept } else { BTreeSet::new() };
        let slots = notes::slots(&told, state.slots, &swept);
        let given: BTreeSet<u32> = slots.given.iter().map(|(_, slot)| *slot).collect();
        state.swept = (*generation, &swept - &given);
        let readers: Vec<&(String, u32)> = slots.given.iter().collect();
        let known = BTreeSet::from_iter(all.iter().cloned());
        let mut assignments = Vec::with_capacity(members.len());
        for ((id, slot), partitions) in readers.iter().zip(ranges(readers.len(), all)) {
            let given = Given::Slot { slot: *slot, slots: slots.count };
            assignments.push((id.clone(), Assignment { partitions, user_data: given.to_string() }));
        }
        for (id, _) in told.iter().filter(|(_, told)| told.is_none()) {
            let user_data = Given::Refused.to_string();
            assignments.push(((*id).to_owned(), Assignment { partitions: Vec::new(), user_data }));
        }
        state.lead = Some((*generation, Lead { all: known, free: slots.free, absent, looked }));
        if let Some(membership) = &state.membership {
            membership.assign(*generation, &assignments);
        }
    }
}

/// Equal for processes that may share the job: the same topics, under the same guarantee, and with exactly-once under the
/// same transactional id, because they end each other's transactions.
fn fingerprint(topics: &Topics, id: Option<&str>) -> u64 {
    let topics = match topics {
        Topics::List(names) => {
            let mut names = names.clone();
            names.sort();
            names.join("\n")
        }
        Topics::Pattern(pattern) => format!("~{}", pattern.as_str()),
    };
    fnv([format!("{id:?}\n{topics}").as_str()])
}

/// The first member, by their ids, that this process cannot share the job with, and that stays: all where this process is
/// no member yet, and of two that came at once the one with the lesser id.
fn stranger(ids: &[String], own: Option<&str>, script: u64) -> Option<Given> {
    let mut others = ids.iter().map(String::as_str).filter(|id| own != Some(*id));
    others.find_map(|id| {
        let told = id.strip_prefix(MEMBER).and_then(|id| id.strip_prefix('-')?.split_once('-'));
        // Ids of classic members begin with their 'client.id', and may have digits behind it.
        let told = told.filter(|(told, _)| told.len() == FINGERPRINT_DIGITS);
        match told.and_then(|(told, _)| u64::from_str_radix(told, 16).ok()) {
            None => Some(Given::Nothing),
            Some(told) if told != script && own.is_none_or(|own| id < own) => Some(Given::Refused),
            Some(_) => None,
        }
    })
}

fn refused(given: &Given) -> Error {
    let (why, hint) = match given {
        Given::Slot { .. } | Given::Refused => (
            "the other processes of the job run another script, or another version of it",
            "processes that share a job read the same topics with the same guarantee and prefix: stop the others first (one \
             that was killed counts until the end of its session), or give this job a name of its own: \
             SET 'pipeline.name' = '…'",
        ),
        Given::Nothing => (
            "there are members in its group that share partitions in another way",
            "write 'properties.group.protocol' the same way in all processes of the job; to change it, stop all of them \
             first. Another program with this group has to stop",
        ),
        Given::Unknown => (
            "the other processes of the job are of another version of the program",
            "stop the others first",
        ),
    };
    let what = format!("this process gets nothing to read: {why}");
    Error::new(crate::base::ErrorKind::Schema, what).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: u64 = 7;

    /// A generation of members with these slots, led by this process: what its leader sweeps.
    fn lead(members: &JobMembers, generation: i32, slots: &[u32]) -> Vec<u32> {
        let wants = |slot: &u32| {
            let told = Told { script: SCRIPT, slot: Some(*slot), slots: 5, looked: false };
            let wants = Subscription { topics: Vec::new(), user_data: told.to_string() };
            (slot.to_string(), Some(wants))
        };
        let election = (generation, slots.iter().map(wants).collect());
        members.assign(SCRIPT, &election, Vec::new(), Vec::new());
        lock(&members.state).lead.take().unwrap().1.free
    }

    #[test]
    fn a_slot_is_swept_once_as_long_as_nobody_else_leads() {
        let members = JobMembers::default();
        assert_eq!(lead(&members, 1, &[0]), [1, 2, 3, 4]);
        [1, 2, 4].into_iter().for_each(|slot| members.swept(1, slot));
        assert_eq!(lead(&members, 2, &[0]), [3]);
        members.swept(2, 3);
        // Somebody had it meanwhile.
        assert!(lead(&members, 3, &[0, 2]).is_empty());
        assert_eq!(lead(&members, 4, &[0]), [2]);
        // Another one led the fifth.
        assert_eq!(lead(&members, 6, &[0]), [1, 2, 3, 4]);
    }

    #[test]
    fn who_has_lost_its_generation_has_nothing_to_read() {
        let members = JobMembers::default();
        let member = GroupMember::default();
        let (partitions, seat) = (Vec::new(), Seat::Slot(0));
        let assigned = Assigned { member, partitions, seat, lead: None };
        lock(&members.state).assigned = Some(assigned);
        assert!(members.assigned().is_some());
        members.lose(&brooklet_kafka::Error::timeout("fenced"));
        assert!(members.assigned().is_none() && matches!(members.turn(), Some(Turn::Lost(_))));
    }

    #[test]
    fn who_comes_later_gives_way() {
        let id = |script: u64, random| format!("{MEMBER}-{script:016x}-{random}");
        let (mine, other) = (id(SCRIPT, "5"), id(SCRIPT + 1, "5"));
        for (ids, own, expected) in [
            (vec![], None, None),
            (vec![id(SCRIPT, "1"), id(SCRIPT, "9")], None, None),
            (vec![other.clone()], None, Some(Given::Refused)),
            // Both came at once: one of them stays.
            (vec![mine.clone(), other.clone()], Some(&mine), None),
            (vec![mine.clone(), other.clone()], Some(&other), Some(Given::Refused)),
            (vec!["consumer-1".to_owned()], None, Some(Given::Nothing)),
            (vec!["brooklet-3fa2b1c0-1111-2222".to_owned()], Some(&mine), Some(Given::Nothing)),
            (vec![mine.clone(), "a".to_owned()], Some(&mine), Some(Given::Nothing)),
        ] {
            let script = if own == Some(&other) { SCRIPT + 1 } else { SCRIPT };
            assert_eq!(
                stranger(&ids, own.map(String::as_str), script),
                expected,
                "{ids:?} {own:?}"
            );
        }
    }

    #[test]
    fn whoever_reads_or_writes_otherwise_may_not_share() {
        let topics = |names: &[&str]| Topics::List(names.iter().map(|n| (*n).to_owned()).collect());
        let of = |names: &[&str], id| fingerprint(&topics(names), id);
        let job = of(&["a", "b"], Some("p-job"));
        assert_eq!(of(&["b", "a"], Some("p-job")), job);
        for other in
            [of(&["a"], Some("p-job")), of(&["a", "b"], None), of(&["a", "b"], Some("q-job"))]
        {
            assert_ne!(other, job);
        }
    }
}
