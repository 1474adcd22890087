//! Several processes run one job and share its partitions: members of the consumer group `brooklet.JOB`, whose marked
//! offsets are the job's progress (decision 7).
//!
//! [`JobMembers`] is this process' membership, which outlives the attempts of its run; [`domain`] recovers and commits what
//! one generation assigns, [`adopt`] settles with the progress topic of an exactly-once job who keeps its progress, and
//! [`notes`] is what the members tell each other beside partitions.

mod adopt;
mod domain;
mod notes;

pub(super) use self::domain::Exact;

use self::domain::MembersDomain;
use self::notes::{Given, Told};
use super::mark::GROUP_PREFIX;
use super::options::{SourceOptions, Topics};
use super::transaction::record::fnv;
use crate::base::{Error, Result};
use crate::table::{CommitDomain, JobContext, Waker};
use brooklet_kafka::group::protocol::ranges;
use brooklet_kafka::group::{Assignment, MemberEvent, Membership, Subscription};
use brooklet_kafka::pending::Pending;
use brooklet_kafka::transaction::GroupMember;
use brooklet_kafka::{Client, ClientConfig, Network, TopicPartition};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Name of the way in which partitions are assigned. Members that name another one cannot be in the group.
const PROTOCOL: &str = "brooklet-ranges";

/// The source that the processes share.
#[derive(Debug)]
pub(super) struct Reads {
    pub(super) config: ClientConfig,
    pub(super) network: Network,
    /// Of the client settings, see [`super::transaction::cluster_key`].
    pub(super) cluster: u64,
    pub(super) options: SourceOptions,
}

/// What a generation gives this process.
#[derive(Clone, Debug)]
pub(super) struct Assigned {
    pub(super) member: GroupMember,
    pub(super) partitions: Vec<TopicPartition>,
    /// Number of this process among those of the job: free numbers are used again.
    pub(super) slot: u32,
    /// What the leader knows.
    pub(super) lead: Option<Lead>,
}

/// What the leader of a generation knows.
#[derive(Clone, Debug, Default)]
pub(super) struct Lead {
    /// All partitions.
    all: BTreeSet<TopicPartition>,
    /// Slots of processes that are gone.
    free: Vec<u32>,
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
    waker: Arc<Mutex<Option<Waker_>>>,
}

struct Waker_(Waker);

impl std::fmt::Debug for Waker_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waker")
    }
}

#[derive(Debug, Default)]
struct State {
    membership: Option<Membership>,
    assigned: Option<Assigned>,
    turn: Option<Turn>,
    election: Option<Election>,
    /// What this process has assigned, until the coordinator has said so.
    lead: Option<(i32, Lead)>,
    /// As last given.
    slot: Option<u32>,
    /// There have been as many slots.
    slots: u32,
    /// The group's offsets are known to be the job's progress.
    settled: bool,
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
        *lock(&self.waker) = Some(Waker_(Arc::clone(&waker)));
        let group = format!("{GROUP_PREFIX}{}", job.id);
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
            state.membership = Some(client.membership(&group, PROTOCOL, Arc::new(wake)));
        }
        drop(state);
        let members = Arc::clone(self);
        Ok(Box::new(MembersDomain::new(members, reads, client, group, scan, exact, job, waker)))
    }

    /// Whether the current generation assigns this partition to this process. A leader that meets one that it has
    /// assigned to nobody begins another generation.
    pub(super) fn assigns(&self, partition: &TopicPartition) -> bool {
        let mut state = lock(&self.state);
        let Some(assigned) = &state.assigned else { return false };
        let new = assigned.lead.as_ref().is_some_and(|lead| !lead.all.contains(partition));
        let mine = assigned.partitions.contains(partition);
        if new && state.turn.is_none() {
            state.turn = Some(Turn::Revoked);
            drop(state);
            let waker = lock(&self.waker).as_ref().map(|waker| Arc::clone(&waker.0));
            if let Some(waker) = waker {
                waker();
            }
        }
        mine
    }

    /// Takes what the coordinator has said.
    fn listen(&self) -> Result<()> {
        let mut state = lock(&self.state);
        while let Some(event) = state.membership.as_ref().and_then(Membership::poll) {
            match event {
                MemberEvent::Elected { generation, members } => {
                    state.election = Some((generation, members));
                }
                MemberEvent::Assigned { member, assignment, leads } => {
                    let given = Given::parse(&assignment.user_data);
                    let Given::Slot { slot, slots } = given else { return Err(refused(&given)) };
                    state.slot = Some(slot);
                    state.slots = state.slots.max(slots);
                    let lead =
                        state.lead.take().filter(|(of, _)| leads && *of == member.generation);
                    let partitions = assignment.partitions;
                    let lead = lead.map(|(_, lead)| lead);
                    state.assigned = Some(Assigned { member, partitions, slot, lead });
                }
                MemberEvent::Revoked => state.turn = Some(Turn::Revoked),
                MemberEvent::Lost(error) => state.turn = Some(Turn::Lost(error)),
                MemberEvent::Failed(error) => state.turn = Some(Turn::Failed(error)),
            }
        }
        Ok(())
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
    fn join(&self, script: u64) {
        let mut state = lock(&self.state);
        (state.assigned, state.turn, state.election) = (None, None, None);
        let told = Told { script, slot: state.slot, slots: state.slots };
        let topics = match lock(&self.reads).as_ref().map(|reads| reads.options.topics.clone()) {
            Some(Topics::List(names)) => names,
            _ => Vec::new(),
        };
        if let Some(membership) = &state.membership {
            membership.join(&Subscription { topics, user_data: told.to_string() });
        }
    }

    /// Leaves the group, if this process has come to it.
    fn leave(&self) -> Option<Pending<()>> {
        lock(&self.state).membership.as_ref().map(Membership::leave)
    }

    /// The group's offsets are where the job's progress is.
    fn settled(&self) {
        lock(&self.state).settled = true;
    }

    fn is_settled(&self) -> bool {
        lock(&self.state).settled
    }

    fn election(&self) -> Option<Election> {
        lock(&self.state).election.take()
    }

    /// Gives the partitions to the members of a generation.
    fn assign(&self, script: u64, (generation, members): &Election, all: Vec<TopicPartition>) {
        let mut state = lock(&self.state);
        let told = members.iter().map(|(id, wants)| {
            let told = wants.as_ref().and_then(|wants| Told::parse(&wants.user_data));
            (id.as_str(), told.filter(|told| told.script == script))
        });
        let told: Vec<(&str, Option<Told>)> = told.collect();
        let slots = notes::slots(&told, state.slots);
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
        state.lead = Some((*generation, Lead { all: known, free: slots.free }));
        if let Some(membership) = &state.membership {
            membership.assign(*generation, &assignments);
        }
    }
}

/// Equal for processes that may share the job: the same topics, under the same guarantee.
fn fingerprint(topics: &Topics, exact: bool) -> u64 {
    let topics = match topics {
        Topics::List(names) => {
            let mut names = names.clone();
            names.sort();
            names.join("\n")
        }
        Topics::Pattern(pattern) => format!("~{pattern}"),
    };
    fnv(&format!("{exact}\n{topics}"))
}

fn refused(given: &Given) -> Error {
    let why = match given {
        Given::Refused => {
            "the other processes of the job run another script, or another version of it"
        }
        _ => "the other processes of the job are of another version of the program",
    };
    Error::new(crate::base::ErrorKind::Schema, format!("this process gets nothing to read: {why}")).with_hint(
        "processes that share a job read the same topics with the same guarantee: stop the others first, or give this \
         job a name of its own: SET 'pipeline.name' = '…'",
    )
}
