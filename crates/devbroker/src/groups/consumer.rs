//! Groups of the consumer protocol (KIP-848): their coordinator assigns, and moves single partitions.
//!
//! Whatever changes who is in a group, or what there is to read, raises the group's epoch and makes another target for
//! each member. A member comes to it by its heartbeats: first it is told to give up what is no longer its own, once it says
//! that it has, its epoch becomes the group's, and then it gets what other members have given up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka_protocol::ResponseError;
use uuid::Uuid;

use super::Identity;
use super::deadlines::Deadlines;
use super::pattern::Pattern;
use crate::limits::Limits;
use crate::topics::Topics;

/// Epoch of a member that joins, of one that leaves, and of one that leaves and comes back under its lasting name.
const JOINS: i32 = 0;
const LEAVES: i32 = -1;
const RESTS: i32 = -2;

/// Ways to assign that a member may name: Kafka's, all one here.
const ASSIGNORS: &[&str] = &["uniform", "range"];

/// Partitions by the ids of their topics.
pub(crate) type Partitions = BTreeSet<(Uuid, i32)>;

/// What a member says; `None` is what it has said before.
#[derive(Debug, Clone)]
pub(crate) struct Heartbeat {
    pub(crate) member: String,
    pub(crate) instance: Option<String>,
    pub(crate) epoch: i32,
    pub(crate) rebalance_timeout: Option<Duration>,
    pub(crate) topics: Option<BTreeSet<String>>,
    /// An empty one is none.
    pub(crate) pattern: Option<String>,
    pub(crate) assignor: Option<String>,
    pub(crate) owned: Option<Partitions>,
}

impl Heartbeat {
    fn is_full(&self) -> bool {
        self.epoch == JOINS || (self.topics.is_some() && self.owned.is_some())
    }

    fn bytes(&self) -> usize {
        let topics = self.topics.iter().flatten().map(String::len).sum::<usize>();
        let owned = self.owned.as_ref().map_or(0, BTreeSet::len) * size_of::<(Uuid, i32)>();
        let pattern = self.pattern.as_ref().map_or(0, |text| Pattern::BYTES_MAX + text.len());
        self.member.len() + self.instance.as_ref().map_or(0, String::len) + topics + owned + pattern
    }
}

/// What a member is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) epoch: i32,
    /// What it may have now, where that is news.
    pub(crate) assignment: Option<Partitions>,
}

#[derive(Debug)]
struct Member {
    instance: Option<String>,
    /// Topics that it names.
    topics: BTreeSet<String>,
    pattern: Option<Pattern>,
    /// Topics that its pattern matches.
    matched: BTreeSet<String>,
    epoch: i32,
    /// The epoch before: an answer with the present one may have got lost.
    previous: i32,
    /// What it is to have.
    target: Partitions,
    /// What it may have now.
    assigned: Partitions,
    /// What it is to give up, and has not said that it did.
    revoking: Partitions,
    /// Until when.
    revoked_by: Option<Duration>,
    rebalance_timeout: Duration,
    expires: Duration,
    /// Left, to come back under its lasting name.
    rests: bool,
}

impl Member {
    /// Names of topics, some of which may be there twice.
    fn wanted(&self) -> impl Iterator<Item = &String> {
        self.topics.iter().chain(&self.matched)
    }

    fn wants(&self, name: &str) -> bool {
        self.topics.contains(name) || self.matched.contains(name)
    }

    fn bytes(&self) -> usize {
        let names = self.wanted().map(String::len).sum::<usize>();
        let pattern =
            self.pattern.as_ref().map_or(0, |pattern| Pattern::BYTES_MAX + pattern.text().len());
        let partitions = self.target.len() + self.assigned.len() + self.revoking.len();
        names + pattern + partitions * size_of::<(Uuid, i32)>()
    }
}

#[derive(Debug, Default)]
struct Group {
    epoch: i32,
    members: BTreeMap<String, Member>,
    /// Topics as the targets know them.
    seen: BTreeMap<String, (Uuid, i32)>,
    /// Of the topics that patterns were matched with.
    matched_at: u64,
}

/// All groups of the protocol, and the bounds on what they hold.
#[derive(Debug)]
pub(crate) struct Consumers {
    by_id: BTreeMap<String, Group>,
    deadlines: Deadlines,
    session_timeout: Duration,
    groups_max: usize,
    id_bytes_max: usize,
    members_max: usize,
    bytes_max: usize,
}

impl Consumers {
    pub(super) fn new(limits: &Limits, session_timeout: Duration) -> Self {
        Self {
            by_id: BTreeMap::new(),
            deadlines: Deadlines::default(),
            session_timeout,
            groups_max: limits.groups_max,
            id_bytes_max: limits.group_id_bytes_max,
            members_max: limits.group_members_max,
            bytes_max: limits.group_bytes_max,
        }
    }

    /// Ids in order.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.by_id.keys().map(String::as_str)
    }

    /// Members of a group; `None` for one that has never had any.
    pub(crate) fn size(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).map(|group| group.members.len())
    }

    /// Ids, lasting names and epochs of the members of a group; `None` for one that has never had any.
    pub(crate) fn members<'a>(
        &'a self,
        id: &str,
    ) -> Option<impl Iterator<Item = (&'a str, Option<&'a str>, i32)> + use<'a>> {
        let members = self.by_id.get(id)?.members.iter();
        Some(members.map(|(id, member)| (id.as_str(), member.instance.as_deref(), member.epoch)))
    }

    /// Topics that the members of a group want.
    pub(crate) fn subscribed(&self, id: &str) -> BTreeSet<String> {
        let members = self.by_id.get(id).into_iter().flat_map(|group| group.members.values());
        members.flat_map(|member| member.wanted().cloned()).collect()
    }

    /// Forgets a group without members; false while it has some.
    pub(super) fn delete(&mut self, id: &str) -> bool {
        if self.size(id).is_some_and(|members| members > 0) {
            return false;
        }
        self.by_id.remove(id);
        self.deadlines.changed(id);
        true
    }

    fn admit(&self, id: &str, heartbeat: &Heartbeat) -> Result<(), ResponseError> {
        if id.is_empty() || id.len() > self.id_bytes_max {
            return Err(ResponseError::InvalidGroupId);
        }
        let members = self.by_id.values().flat_map(|group| group.members.values());
        let (count, bytes) =
            members.fold((0, 0), |(count, bytes), member| (count + 1, bytes + member.bytes()));
        if count >= self.members_max
            || bytes + heartbeat.bytes() > self.bytes_max
            || (!self.by_id.contains_key(id) && self.by_id.len() >= self.groups_max)
        {
            return Err(ResponseError::GroupMaxSizeReached);
        }
        Ok(())
    }

    /// A member joins, is still there, or leaves.
    ///
    /// # Errors
    /// It is not a member, not in this epoch, or not let in.
    pub(crate) fn heartbeat(
        &mut self,
        id: &str,
        heartbeat: Heartbeat,
        topics: &Topics,
        now: Duration,
    ) -> Result<Told, ResponseError> {
        let named = heartbeat.assignor.as_deref();
        if named.is_some_and(|name| !ASSIGNORS.contains(&name)) {
            return Err(ResponseError::UnsupportedAssignor);
        }
        // A pattern takes more than all else that a member says later on.
        if heartbeat.epoch == JOINS || heartbeat.pattern.is_some() {
            self.admit(id, &heartbeat)?;
        }
        let pattern = heartbeat.pattern.as_deref().filter(|text| !text.is_empty());
        let pattern = pattern.map(Pattern::new).transpose()?;
        let session_timeout = self.session_timeout;
        let group = match self.by_id.get_mut(id) {
            Some(group) => group,
            None if heartbeat.epoch == JOINS => self.by_id.entry(id.to_owned()).or_default(),
            None => return Err(ResponseError::GroupIdNotFound),
        };
        self.deadlines.changed(id);
        if heartbeat.epoch < JOINS {
            return group.leave(&heartbeat, topics);
        }
        group.beat(heartbeat, pattern, topics, now, session_timeout)
    }

    /// Whether a member may commit offsets in this epoch; `None` if there is no such group.
    pub(super) fn may_commit(
        &self,
        id: &str,
        who: &Identity<'_>,
        epoch: i32,
        in_transaction: bool,
    ) -> Option<Result<(), ResponseError>> {
        let group = self.by_id.get(id)?;
        let anonymous = epoch < 0 && who.member.is_empty() && who.instance.is_none();
        if epoch < 0 && (group.members.is_empty() || (anonymous && in_transaction)) {
            return Some(Ok(()));
        }
        Some(match group.members.get(who.member) {
            None => Err(ResponseError::UnknownMemberId),
            Some(member) if member.epoch == epoch => Ok(()),
            // Producers do not know the newer error.
            Some(_) if in_transaction => Err(ResponseError::IllegalGeneration),
            Some(_) => Err(ResponseError::StaleMemberEpoch),
        })
    }

    /// Whether this is a member in this epoch.
    ///
    /// # Errors
    /// It is not.
    pub(crate) fn knows(
        &self,
        id: &str,
        who: &Identity<'_>,
        epoch: i32,
    ) -> Result<(), ResponseError> {
        self.may_commit(id, who, epoch, false).unwrap_or(Err(ResponseError::UnknownMemberId))
    }

    /// Ends sessions, and members that give nothing up.
    pub(crate) fn expire(&mut self, topics: &Topics, now: Duration) {
        let Self { by_id, deadlines, .. } = self;
        for id in deadlines.due(now, |id| by_id.get(id)?.deadline()) {
            let Some(group) = by_id.get_mut(&id) else { continue };
            let over = |at: Option<Duration>| at.is_some_and(|at| at <= now);
            let before = group.members.len();
            group.members.retain(|_, member| member.expires > now && !over(member.revoked_by));
            if group.members.len() < before {
                group.renew(topics);
            }
        }
    }

    /// When [`Self::expire`] has something to do next.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.first(|id| self.by_id.get(id)?.deadline())
    }
}

impl Group {
    fn deadline(&self) -> Option<Duration> {
        let of = |member: &Member| [Some(member.expires), member.revoked_by];
        self.members.values().flat_map(of).flatten().min()
    }

    fn leave(&mut self, heartbeat: &Heartbeat, topics: &Topics) -> Result<Told, ResponseError> {
        let member = self.members.get_mut(&heartbeat.member);
        let member = member.ok_or(ResponseError::UnknownMemberId)?;
        if heartbeat.epoch == RESTS && member.instance.is_some() {
            (member.rests, member.epoch) = (true, RESTS);
        } else {
            self.members.remove(&heartbeat.member);
            self.renew(topics);
        }
        Ok(Told { epoch: heartbeat.epoch.min(LEAVES), assignment: None })
    }

    fn beat(
        &mut self,
        heartbeat: Heartbeat,
        pattern: Option<Pattern>,
        topics: &Topics,
        now: Duration,
        session_timeout: Duration,
    ) -> Result<Told, ResponseError> {
        let full = heartbeat.is_full();
        let id = heartbeat.member.clone();
        let joins = heartbeat.epoch == JOINS;
        let mut changed = joins && self.enter(&heartbeat)?;
        let member = self.members.get_mut(&id).ok_or(ResponseError::UnknownMemberId)?;
        if !joins && heartbeat.epoch != member.epoch {
            let has = heartbeat.owned.as_ref();
            let lost = has.is_some_and(|owned| owned.is_subset(&member.assigned));
            if heartbeat.epoch != member.previous || !lost {
                return Err(ResponseError::FencedMemberEpoch);
            }
        }
        member.expires = now.saturating_add(session_timeout);
        member.rebalance_timeout = heartbeat.rebalance_timeout.unwrap_or(member.rebalance_timeout);
        if let Some(wanted) = heartbeat.topics.filter(|wanted| *wanted != member.topics) {
            member.topics = wanted;
            changed = true;
        }
        let said = heartbeat.pattern.as_deref().filter(|text| !text.is_empty());
        if heartbeat.pattern.is_some() && said != member.pattern.as_ref().map(Pattern::text) {
            member.matched = pattern.as_ref().map(|new| new.matches(topics)).unwrap_or_default();
            member.pattern = pattern;
            changed = true;
        }
        self.match_patterns(topics);
        if changed || self.has_moved(topics) {
            self.renew(topics);
        }
        let before = self.members.get(&id).map(|member| member.assigned.clone());
        let told = self.reconcile(&id, heartbeat.owned.as_ref(), now);
        let (epoch, assigned) = told.ok_or(ResponseError::UnknownMemberId)?;
        let news = full || before.as_ref() != Some(&assigned);
        Ok(Told { epoch, assignment: news.then_some(assigned) })
    }

    /// Whether topics that the group wants are others than the targets know.
    fn has_moved(&self, topics: &Topics) -> bool {
        let known = |(name, seen): (&String, &(Uuid, i32))| topics.look(name) == Some(*seen);
        let mut wanted = self.members.values().flat_map(Member::wanted);
        !self.seen.iter().all(known)
            || wanted.any(|name| topics.look(name).is_some() && !self.seen.contains_key(name))
    }

    /// Brings what patterns match up to date.
    fn match_patterns(&mut self, topics: &Topics) {
        if self.matched_at != topics.version() {
            self.matched_at = topics.version();
            for member in self.members.values_mut() {
                if let Some(pattern) = &member.pattern {
                    member.matched = pattern.matches(topics);
                }
            }
        }
    }

    /// Takes a member in; says whether the group is another one now.
    fn enter(&mut self, heartbeat: &Heartbeat) -> Result<bool, ResponseError> {
        let has = heartbeat.owned.as_ref().is_some_and(|owned| !owned.is_empty());
        if heartbeat.topics.is_none() || heartbeat.rebalance_timeout.is_none() || has {
            return Err(ResponseError::InvalidRequest);
        }
        let named =
            |member: &Member| heartbeat.instance.is_some() && member.instance == heartbeat.instance;
        let same = self.members.iter().find(|(_, member)| named(member));
        if let Some(old) = same.map(|(id, _)| id.clone()).filter(|old| *old != heartbeat.member) {
            let Some(mut member) = self.members.remove(&old) else { return Ok(true) };
            if !member.rests {
                self.members.insert(old, member);
                return Err(ResponseError::UnreleasedInstanceId);
            }
            (member.rests, member.previous) = (false, member.epoch);
            self.members.insert(heartbeat.member.clone(), member);
            return Ok(false);
        }
        if let Some(member) = self.members.get_mut(&heartbeat.member) {
            // It has lost what it had, and begins anew in the same place.
            (member.rests, member.revoked_by) = (false, None);
            member.assigned.clear();
            member.revoking.clear();
            return Ok(false);
        }
        let member = Member {
            instance: heartbeat.instance.clone(),
            topics: BTreeSet::new(),
            pattern: None,
            matched: BTreeSet::new(),
            epoch: JOINS,
            previous: JOINS,
            target: Partitions::new(),
            assigned: Partitions::new(),
            revoking: Partitions::new(),
            revoked_by: None,
            rebalance_timeout: Duration::ZERO,
            expires: Duration::ZERO,
            rests: false,
        };
        self.members.insert(heartbeat.member.clone(), member);
        Ok(true)
    }

    /// Brings a member nearer to its target: its epoch, and what it may have.
    fn reconcile(
        &mut self,
        id: &str,
        owned: Option<&Partitions>,
        now: Duration,
    ) -> Option<(i32, Partitions)> {
        let others = self.members.iter().filter(|(other, _)| *other != id);
        let others = others.flat_map(|(_, member)| member.assigned.union(&member.revoking));
        let taken: Partitions = others.copied().collect();
        let epoch = self.epoch;
        let member = self.members.get_mut(id)?;
        if owned.is_some_and(|owned| owned.is_disjoint(&member.revoking)) {
            member.revoking.clear();
            member.revoked_by = None;
        }
        if member.revoking.is_empty() {
            member.revoking = member.assigned.difference(&member.target).copied().collect();
            if member.revoking.is_empty() {
                if member.epoch != epoch {
                    (member.previous, member.epoch) = (member.epoch, epoch);
                }
                member.assigned.extend(member.target.difference(&taken));
            } else {
                member.assigned = member.assigned.intersection(&member.target).copied().collect();
                member.revoked_by = Some(now.saturating_add(member.rebalance_timeout));
                // One that joins has an epoch from the first answer on.
                member.epoch = if member.epoch <= JOINS { epoch } else { member.epoch };
            }
        }
        Some((member.epoch, member.assigned.clone()))
    }

    /// Another epoch, with targets that move as little as can be: shares differ by one at most among members that want the
    /// same.
    fn renew(&mut self, topics: &Topics) {
        self.epoch = self.epoch.checked_add(1).unwrap_or(1);
        self.match_patterns(topics);
        let wanted: BTreeSet<String> =
            self.members.values().flat_map(Member::wanted).cloned().collect();
        let seen = wanted.into_iter().filter_map(|name| Some((topics.look(&name)?, name)));
        let seen = seen.map(|(topic, name)| (name, topic));
        self.seen = seen.collect();
        let names: BTreeMap<Uuid, &str> =
            self.seen.iter().map(|(name, (id, _))| (*id, name.as_str())).collect();
        let wants = |member: &Member, at: &(Uuid, i32)| {
            names.get(&at.0).is_some_and(|name| member.wants(name))
        };
        let of_topic = |(id, count): &(Uuid, i32)| {
            let id = *id;
            (0..*count).map(move |index| (id, index))
        };
        let all: Partitions = self.seen.values().flat_map(of_topic).collect();
        let members = self.members.len().max(1);
        let (least, mut more) = (all.len() / members, all.len() % members);
        let mut free = all;
        for member in self.members.values_mut() {
            let had = std::mem::take(&mut member.target).into_iter();
            let may_keep: Vec<_> =
                had.filter(|at| free.contains(at) && wants(member, at)).collect();
            let share = least + usize::from(more > 0 && may_keep.len() > least);
            more -= share - least;
            member.target = may_keep.into_iter().take(share).collect();
            free.retain(|at| !member.target.contains(at));
        }
        for at in free {
            let takers = self.members.values_mut().filter(|member| wants(member, &at));
            if let Some(member) = takers.min_by_key(|member| member.target.len()) {
                member.target.insert(at);
            }
        }
    }
}
