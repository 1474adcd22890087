//! One group of the classic protocol: its members, its generation, and its rebalances (Kafka's `ClassicGroup`).
//!
//! A rebalance has two halves. While members *join*, those of the last generation have to come back in time; when all
//! have, or the time is over, the generation begins. Then the members wait for the *assignment* that the leader makes.
//! Requests wait outside: [`Group::phase`] tells when one can be answered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;

/// The least and the greatest session time-out: Kafka's `group.min.session.timeout.ms` and
/// `group.max.session.timeout.ms`.
const SESSION: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(6)..=Duration::from_secs(30 * 60);

/// What a half of a rebalance may take at least: members that give no time at all would have it begin without end.
const REBALANCE_MIN: Duration = Duration::from_secs(1);

/// Name of one way to assign partitions, e.g. `range`.
pub(super) type ProtocolName = String;

/// Who asks: the member, and the lasting name that it may have (KIP-345).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity<'a> {
    pub(crate) member: &'a str,
    pub(crate) instance: Option<&'a str>,
}

/// What a client says about itself when it joins.
#[derive(Debug, Clone)]
pub(crate) struct Join {
    pub(crate) member: String,
    pub(crate) instance: Option<String>,
    pub(crate) client_id: String,
    pub(crate) session_timeout: Duration,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) protocol_type: String,
    /// In the order of its preference.
    pub(crate) protocols: Vec<(ProtocolName, Bytes)>,
    /// Whether a new member has to come again with the id that it is given (KIP-394).
    pub(crate) id_required: bool,
}

impl Join {
    /// Bytes that the broker would hold.
    pub(crate) fn bytes(&self) -> usize {
        let texts = self.member.len() + self.client_id.len() + self.protocol_type.len();
        let protocols = self.protocols.iter().map(|(name, data)| name.len() + data.len());
        texts + self.instance.as_ref().map_or(0, String::len) + protocols.sum::<usize>()
    }
}

/// Where a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Phase {
    /// Without members.
    #[default]
    Empty,
    /// Its members are to join again.
    Joining,
    /// Its leader is to say who gets what.
    Assigning,
    /// Every member knows what it has.
    Stable,
}

impl Phase {
    /// Kafka's name of the state.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Joining => "PreparingRebalance",
            Self::Assigning => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// One member.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) instance: Option<String>,
    pub(crate) client_id: String,
    pub(crate) protocols: Vec<(ProtocolName, Bytes)>,
    pub(crate) assignment: Bytes,
    session_timeout: Duration,
    rebalance_timeout: Duration,
    /// When its session ends; `None` while it waits to be answered.
    expires: Option<Duration>,
    /// Whether it has come for what the phase wants of it.
    here: bool,
}

impl Member {
    fn metadata(&self, protocol: &str) -> Bytes {
        let found = self.protocols.iter().find(|(name, _)| name == protocol);
        found.map(|(_, data)| data.clone()).unwrap_or_default()
    }

    fn alive(&mut self, now: Duration) {
        self.expires = Some(now.saturating_add(self.session_timeout));
    }
}

/// What became of a request of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It can be answered.
    Now,
    /// It waits until the phase is another.
    Wait,
}

/// A group of the classic protocol.
#[derive(Debug, Default)]
pub(crate) struct Group {
    phase: Phase,
    generation: i32,
    protocol_type: String,
    protocol: ProtocolName,
    leader: String,
    members: BTreeMap<String, Member>,
    /// Ids that were given out and have not come back, and until when they may.
    promised: BTreeMap<String, Duration>,
    /// When the phase ends although members are missing.
    phase_ends: Option<Duration>,
}

impl Group {
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn generation(&self) -> i32 {
        self.generation
    }

    pub(crate) fn protocol_type(&self) -> &str {
        &self.protocol_type
    }

    /// The way of assignment that the members have agreed on; empty before the first.
    pub(crate) fn protocol(&self) -> &str {
        &self.protocol
    }

    pub(crate) fn leader(&self) -> &str {
        &self.leader
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = (&str, &Member)> {
        self.members.iter().map(|(id, member)| (id.as_str(), member))
    }

    pub(crate) fn member(&self, id: &str) -> Option<&Member> {
        self.members.get(id)
    }

    /// What a member said about itself for the way that was agreed on.
    pub(crate) fn metadata(&self, member: &Member) -> Bytes {
        member.metadata(&self.protocol)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Members with those that may still come, and their bytes.
    pub(super) fn holds(&self) -> (usize, usize) {
        let of = |member: &Member| {
            let data: usize =
                member.protocols.iter().map(|(name, data)| name.len() + data.len()).sum();
            data + member.assignment.len() + member.client_id.len()
        };
        (
            self.members.len() + self.promised.len(),
            self.members.values().map(of).sum::<usize>()
                + self.promised.keys().map(String::len).sum::<usize>(),
        )
    }

    /// Lets a client join, or an old member join again. `new_id` names a new member. The id is the one to answer with.
    ///
    /// # Errors
    /// With the id for `MEMBER_ID_REQUIRED`.
    pub(crate) fn join(
        &mut self,
        join: Join,
        new_id: impl FnOnce() -> String,
        now: Duration,
    ) -> Result<(String, Turn), (String, ResponseError)> {
        let asked = join.member.clone();
        let refuse = |error| Err((asked.clone(), error));
        if !SESSION.contains(&join.session_timeout) {
            return refuse(ResponseError::InvalidSessionTimeout);
        }
        let same_type = self.members.is_empty() || join.protocol_type == self.protocol_type;
        if join.protocol_type.is_empty() || join.protocols.is_empty() || !same_type {
            return refuse(ResponseError::InconsistentGroupProtocol);
        }
        let known_instance = join.instance.as_ref().and_then(|name| self.instance(name));
        if join.member.is_empty() {
            if let Some(old) = known_instance.map(str::to_owned) {
                return Ok(self.replace(&old, new_id(), join, now));
            }
            if !self.agrees(&join, None) {
                return refuse(ResponseError::InconsistentGroupProtocol);
            }
            let id = new_id();
            if join.id_required && join.instance.is_none() {
                self.promised.insert(id.clone(), now.saturating_add(join.session_timeout));
                return Err((id, ResponseError::MemberIdRequired));
            }
            self.enter(id.clone(), join, now);
            return Ok((id, Turn::Wait));
        }
        if let Err(error) =
            self.recognise(&Identity { member: &join.member, instance: join.instance.as_deref() })
        {
            if self.promised.remove(&join.member).is_none() {
                return refuse(error);
            }
            if !self.agrees(&join, None) {
                return refuse(ResponseError::InconsistentGroupProtocol);
            }
            self.enter(asked.clone(), join, now);
            return Ok((asked, Turn::Wait));
        }
        if !self.agrees(&join, Some(&asked)) {
            return refuse(ResponseError::InconsistentGroupProtocol);
        }
        let is_leader = asked == self.leader;
        let Some(member) = self.members.get_mut(&asked) else {
            return refuse(ResponseError::UnknownMemberId);
        };
        let same = member.protocols == join.protocols;
        // An answer that got lost is asked for again: nothing changes for the others.
        let again = match self.phase {
            Phase::Assigning => same,
            Phase::Stable => same && !is_leader,
            Phase::Empty | Phase::Joining => false,
        };
        if again {
            member.alive(now);
            return Ok((asked, Turn::Now));
        }
        member.protocols = join.protocols;
        member.session_timeout = join.session_timeout;
        member.rebalance_timeout = join.rebalance_timeout;
        self.rejoin(&asked, now);
        Ok((asked, Turn::Wait))
    }

    /// Whether the way of assignment can still be agreed on with this client in it.
    fn agrees(&self, join: &Join, but: Option<&str>) -> bool {
        let others: Vec<&Member> = self
            .members
            .iter()
            .filter(|(id, _)| Some(id.as_str()) != but)
            .map(|(_, member)| member)
            .collect();
        others.is_empty()
            || join.protocols.iter().any(|(name, _)| {
                others.iter().all(|other| other.protocols.iter().any(|(known, _)| known == name))
            })
    }

    fn instance(&self, name: &str) -> Option<&str> {
        let mut members = self.members.iter();
        let found = members.find(|(_, member)| member.instance.as_deref() == Some(name));
        found.map(|(id, _)| id.as_str())
    }

    fn enter(&mut self, id: String, join: Join, now: Duration) {
        if self.members.is_empty() {
            self.protocol_type = join.protocol_type;
        }
        let member = Member {
            instance: join.instance,
            client_id: join.client_id,
            protocols: join.protocols,
            assignment: Bytes::new(),
            session_timeout: join.session_timeout,
            rebalance_timeout: join.rebalance_timeout,
            expires: None,
            here: false,
        };
        self.members.insert(id.clone(), member);
        self.rejoin(&id, now);
    }

    /// A client with the lasting name of a member takes its place under a new id; the old id is fenced from now on.
    fn replace(&mut self, old: &str, id: String, join: Join, now: Duration) -> (String, Turn) {
        let Some(mut member) = self.members.remove(old) else {
            self.enter(id.clone(), join, now);
            return (id, Turn::Wait);
        };
        if self.leader == old {
            self.leader.clone_from(&id);
        }
        let same = member.metadata(&self.protocol)
            == join
                .protocols
                .iter()
                .find(|(name, _)| *name == self.protocol)
                .map_or_else(Bytes::new, |(_, data)| data.clone());
        member.protocols = join.protocols;
        member.client_id = join.client_id;
        member.alive(now);
        self.members.insert(id.clone(), member);
        if self.phase == Phase::Stable && same {
            return (id, Turn::Now);
        }
        self.rejoin(&id, now);
        (id, Turn::Wait)
    }

    /// A member has come to join; the first one begins the rebalance.
    fn rejoin(&mut self, id: &str, now: Duration) {
        if self.phase != Phase::Joining {
            self.prepare(now);
        }
        if let Some(member) = self.members.get_mut(id) {
            member.here = true;
            member.expires = None;
        }
        self.begin_when_complete(now);
    }

    /// Asks all members to join again.
    fn prepare(&mut self, now: Duration) {
        self.phase = Phase::Joining;
        for member in self.members.values_mut() {
            member.here = false;
            // It may have waited for an assignment that does not come.
            if member.expires.is_none() {
                member.alive(now);
            }
        }
        self.phase_ends = Some(now.saturating_add(self.patience()));
    }

    /// How long members are waited for: as long as the most patient one allows.
    fn patience(&self) -> Duration {
        let longest = self.members.values().map(|member| member.rebalance_timeout).max();
        longest.unwrap_or_default().max(REBALANCE_MIN)
    }

    /// Begins the generation if nobody is missing.
    fn begin_when_complete(&mut self, now: Duration) {
        let all_here = self.members.values().all(|member| member.here);
        if self.phase == Phase::Joining && all_here && self.promised.is_empty() {
            self.begin(now);
        }
    }

    /// Begins the next generation with the members that are here.
    fn begin(&mut self, now: Duration) {
        // A member with a lasting name keeps its place until its session ends.
        self.members.retain(|_, member| member.here || member.instance.is_some());
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        self.phase_ends = None;
        if self.members.is_empty() {
            self.phase = Phase::Empty;
            self.protocol.clear();
            self.leader.clear();
            return;
        }
        self.protocol = self.elected();
        let leads = |id: &String| self.members.get(id).is_some_and(|member| member.here);
        if !leads(&self.leader) {
            let mut here = self.members.iter().filter(|(_, member)| member.here);
            self.leader = here.next().map_or_else(String::new, |(id, _)| id.clone());
        }
        self.phase = Phase::Assigning;
        self.phase_ends = Some(now.saturating_add(self.patience()));
        for member in self.members.values_mut() {
            member.here = false;
            member.assignment = Bytes::new();
            member.alive(now);
        }
    }

    /// The way of assignment that most members like best among those that all know.
    fn elected(&self) -> ProtocolName {
        let known_by_all = |name: &str| {
            self.members.values().all(|member| member.protocols.iter().any(|(n, _)| n == name))
        };
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            if let Some((name, _)) = member.protocols.iter().find(|(name, _)| known_by_all(name)) {
                *votes.entry(name).or_default() += 1;
            }
        }
        votes.into_iter().max_by_key(|(_, n)| *n).map_or_else(String::new, |(name, _)| name.into())
    }

    /// Whether the member is one of this group, under the lasting name that it says.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, or `FENCED_INSTANCE_ID` when another has taken its place.
    fn recognise(&self, who: &Identity<'_>) -> Result<(), ResponseError> {
        if let Some(name) = who.instance {
            return match self.instance(name) {
                None => Err(ResponseError::UnknownMemberId),
                Some(id) if id == who.member => Ok(()),
                Some(_) => Err(ResponseError::FencedInstanceId),
            };
        }
        if self.members.contains_key(who.member) {
            return Ok(());
        }
        Err(ResponseError::UnknownMemberId)
    }

    fn in_generation(&self, who: &Identity<'_>, generation: i32) -> Result<(), ResponseError> {
        self.recognise(who)?;
        if generation == self.generation {
            return Ok(());
        }
        Err(ResponseError::IllegalGeneration)
    }

    /// A member asks for its assignment; the leader brings those of all.
    ///
    /// # Errors
    /// The member, its generation or the phase is not the right one.
    pub(crate) fn sync(
        &mut self,
        who: &Identity<'_>,
        generation: i32,
        protocol: (Option<&str>, Option<&str>),
        assignments: Vec<(String, Bytes)>,
        now: Duration,
    ) -> Result<Turn, ResponseError> {
        self.in_generation(who, generation)?;
        let differs = |told: Option<&str>, ours: &str| told.is_some_and(|told| told != ours);
        if differs(protocol.0, &self.protocol_type) || differs(protocol.1, &self.protocol) {
            return Err(ResponseError::InconsistentGroupProtocol);
        }
        match self.phase {
            Phase::Empty => return Err(ResponseError::UnknownMemberId),
            Phase::Joining => return Err(ResponseError::RebalanceInProgress),
            Phase::Stable => {
                self.keep_alive(who.member, now);
                return Ok(Turn::Now);
            }
            Phase::Assigning => {}
        }
        if who.member != self.leader {
            if let Some(member) = self.members.get_mut(who.member) {
                member.here = true;
                member.expires = None;
            }
            return Ok(Turn::Wait);
        }
        for (id, assignment) in assignments {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = assignment;
            }
        }
        self.phase = Phase::Stable;
        self.phase_ends = None;
        for member in self.members.values_mut() {
            member.alive(now);
        }
        Ok(Turn::Now)
    }

    fn keep_alive(&mut self, id: &str, now: Duration) {
        // One that waits to be answered has no session that could end.
        if let Some(member) = self.members.get_mut(id).filter(|member| member.expires.is_some()) {
            member.alive(now);
        }
    }

    /// A member is still there.
    ///
    /// # Errors
    /// It is not, or has to join again.
    pub(crate) fn heartbeat(
        &mut self,
        who: &Identity<'_>,
        generation: i32,
        now: Duration,
    ) -> Result<(), ResponseError> {
        self.in_generation(who, generation)?;
        self.keep_alive(who.member, now);
        match self.phase {
            Phase::Joining => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// Whether a member may commit offsets now.
    pub(super) fn may_commit(
        &mut self,
        who: &Identity<'_>,
        generation: i32,
        in_transaction: bool,
        now: Duration,
    ) -> Result<(), ResponseError> {
        self.in_generation(who, generation)?;
        self.keep_alive(who.member, now);
        match self.phase {
            Phase::Assigning if !in_transaction => Err(ResponseError::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    /// A member goes; one with a lasting name may be named by that alone.
    ///
    /// # Errors
    /// There is no such member.
    pub(crate) fn leave(&mut self, who: &Identity<'_>, now: Duration) -> Result<(), ResponseError> {
        if who.instance.is_none() && self.promised.remove(who.member).is_some() {
            self.begin_when_complete(now);
            return Ok(());
        }
        let id = match who.instance {
            Some(name) if who.member.is_empty() => {
                self.instance(name).ok_or(ResponseError::UnknownMemberId)?.to_owned()
            }
            _ => {
                self.recognise(who)?;
                who.member.to_owned()
            }
        };
        self.remove(&BTreeSet::from([id]), now);
        Ok(())
    }

    fn remove(&mut self, ids: &BTreeSet<String>, now: Duration) {
        self.members.retain(|id, _| !ids.contains(id));
        if self.members.is_empty() {
            // Nobody is left to be waited for.
            self.begin(now);
        } else {
            if self.phase != Phase::Joining {
                self.prepare(now);
            }
            self.begin_when_complete(now);
        }
    }

    /// When [`Self::expire`] has something to do.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let sessions = self.members.values().filter_map(|member| member.expires);
        sessions.chain(self.promised.values().copied()).chain(self.phase_ends).min()
    }

    /// Ends what has lasted too long: promises, sessions, the phase.
    pub(super) fn expire(&mut self, now: Duration) {
        self.promised.retain(|_, until| *until > now);
        let gone: BTreeSet<String> = self
            .members
            .iter()
            .filter(|(_, member)| member.expires.is_some_and(|at| at <= now))
            .map(|(id, _)| id.clone())
            .collect();
        if !gone.is_empty() {
            self.remove(&gone, now);
        }
        if self.phase_ends.is_some_and(|at| at <= now) {
            match self.phase {
                Phase::Joining => self.begin(now),
                // The leader has not assigned anything, or a member does not ask.
                Phase::Assigning => self.prepare(now),
                Phase::Empty | Phase::Stable => self.phase_ends = None,
            }
        }
        self.begin_when_complete(now);
    }
}
