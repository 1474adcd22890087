//! A member under the consumer protocol (KIP-848): the group's coordinator assigns, and one request, sent again and again,
//! says what the member wants and has.
//!
//! ```text
//! Outside ─join─▶ Joining ─▶ Naming ─▶ Stable ─another assignment─▶ Revoking ─join─▶ Joining
//! ```
//! The protocol moves single partitions: the coordinator gives a partition to its next member once the last one has said
//! that it no longer has it. This member gives up everything in between, as its handle expects, and takes what it keeps
//! together with what is new; the others go on. Its epoch may rise without any of that. Sources: KIP-848, KIP-1082 and
//! Java's `ConsumerMembershipManager`, read as rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::errors::{self, MemberAction};
use super::link::{Heard, Link};
use super::protocol::Assignment;
use super::{MemberEvent, Request, millis};
use crate::apis::AnyResponse;
use crate::cluster::{Cluster, Purpose, Target};
use crate::connection::{CallError, CallId};
use crate::error::{Error, ErrorKind};
use crate::limits::INSTANCE_WAIT_MAX;
use crate::pending::Promise;
use crate::topic::TopicPartition;
use crate::transaction::GroupMember;
use crate::wire::messages::consumer_group_heartbeat::{
    self as heartbeat, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    TopicPartitions,
};
use crate::wire::{ErrorCode, Uuid};

/// Epoch of a member that joins.
const JOINING_EPOCH: i32 = 0;

/// Epoch that says good-bye.
const LEAVING_EPOCH: i32 = -1;

/// Epoch of a member with a lasting name that says good-bye and comes back.
const RESTING_EPOCH: i32 = -2;

/// The coordinator says how often it wants to hear of a member; more often than this is a mistake of its.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

const UNSUPPORTED: &str = "property 'group.protocol' = 'consumer' needs Apache Kafka 4.0 or newer with the feature \
                           group.version (KIP-848); 'classic' works with all brokers";

/// Partitions by the ids of their topics.
type Partitions = BTreeSet<(Uuid, i32)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not in the group, or not any more.
    Outside,
    /// Says what it wants, and has nothing in hand.
    Joining,
    /// Learns the names of the topics that it was assigned.
    Naming,
    Stable,
    /// The handle is to give up what it has.
    Revoking,
    /// Final.
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Coordinator,
    Heartbeat {
        /// In the name of [`State::Joining`].
        joins: bool,
    },
    Leave,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct ConsumerMember {
    link: Link<Asked>,
    /// What its id begins with.
    stem: String,
    state: State,
    /// Its generation is the member's epoch.
    member: GroupMember,
    /// What it wants to read; the client keeps these topics fresh.
    topics: BTreeSet<Arc<str>>,
    /// What it says that it has.
    owned: Partitions,
    /// What the coordinator lets it have, where that is something else.
    target: Option<Partitions>,
    /// The next request says everything, not only that the member is there.
    full: bool,
    leaving: Option<Promise<()>>,
    heartbeat_at: Duration,
    polled_at: Duration,
    /// Until when another process may have its lasting name.
    named_by: Option<Duration>,
    events: Vec<MemberEvent>,
}

impl ConsumerMember {
    /// A member to be, with the beginning of its id and its lasting name.
    pub(super) fn new(id: u64, group: String, stem: &str, instance: Option<String>) -> Self {
        Self {
            link: Link::new(id, group),
            stem: stem.to_owned(),
            state: State::Outside,
            member: GroupMember { instance_id: instance, ..GroupMember::default() },
            topics: BTreeSet::new(),
            owned: Partitions::new(),
            target: None,
            full: true,
            leaving: None,
            heartbeat_at: Duration::ZERO,
            polled_at: Duration::ZERO,
            named_by: None,
            events: Vec::new(),
        }
    }

    pub(super) fn request(&mut self, request: Request, cluster: &mut Cluster, now: Duration) {
        match request {
            Request::Join(_) if self.state == State::Failed => {}
            Request::Join(subscription) => {
                let topics = subscription.topics.iter().map(|name| name.as_str().into());
                self.subscribe(topics.collect(), cluster, now);
                if self.member.member_id.is_empty() {
                    let rng = &mut cluster.rng;
                    let random = (rng.next_u64(), rng.next_u64());
                    self.member.member_id =
                        format!("{}-{:016x}{:016x}", self.stem, random.0, random.1);
                }
                self.state = State::Joining;
                self.link.start_over();
            }
            // The coordinator assigns.
            Request::Assign(..) => {}
            Request::Leave(promise) => {
                self.leaving = Some(promise);
                self.link.hang_up(cluster, now);
                self.link.start_over();
            }
        }
    }

    fn subscribe(&mut self, topics: BTreeSet<Arc<str>>, cluster: &mut Cluster, now: Duration) {
        for topic in topics.difference(&self.topics) {
            cluster.metadata.want(topic, false, now);
        }
        for topic in self.topics.difference(&topics) {
            cluster.metadata.release(topic);
        }
        self.topics = topics;
    }

    pub(super) fn close(&mut self, cluster: &mut Cluster, now: Duration) {
        self.subscribe(BTreeSet::new(), cluster, now);
        self.link.hang_up(cluster, now);
    }

    pub(super) fn take_events(&mut self) -> Vec<MemberEvent> {
        std::mem::take(&mut self.events)
    }

    /// Whether the group counts on signs of life.
    fn beats(&self) -> bool {
        matches!(self.state, State::Naming | State::Stable | State::Revoking)
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let heartbeat = (self.beats() && self.link.call.is_none()).then_some(self.heartbeat_at);
        let times = heartbeat.into_iter().chain([self.link.retry_at]);
        times.filter(|at| *at > self.polled_at).min()
    }

    pub(super) fn poll(&mut self, cluster: &mut Cluster, now: Duration) {
        self.polled_at = now;
        if self.state == State::Naming && self.leaving.is_none() {
            self.name(cluster);
        }
        if self.link.is_free(now) {
            self.advance(cluster, now);
        }
    }

    fn advance(&mut self, cluster: &mut Cluster, now: Duration) {
        if self.leaving.is_some() {
            if self.member.member_id.is_empty() || self.state == State::Failed {
                self.left();
            } else if let Some(node) = self.link.coordinator(Asked::Coordinator, cluster, now) {
                self.ask_leave(node, cluster, now);
            }
            return;
        }
        let due = self.state == State::Joining || (self.beats() && self.heartbeat_at <= now);
        if due && let Some(node) = self.link.coordinator(Asked::Coordinator, cluster, now) {
            self.beat(node, cluster, now);
        }
    }

    fn beat(&mut self, node: i32, cluster: &mut Cluster, now: Duration) {
        let joins = self.state == State::Joining;
        if joins && let Some(target) = self.target.take() {
            self.owned = target;
        }
        let full = joins || std::mem::take(&mut self.full);
        let config = &cluster.config;
        let topics = self.topics.iter().map(ToString::to_string);
        let request = ConsumerGroupHeartbeatRequest {
            group_id: self.link.group.clone(),
            member_id: self.member.member_id.clone(),
            member_epoch: self.member.generation.max(JOINING_EPOCH),
            instance_id: self.member.instance_id.clone(),
            rack_id: config.rack.clone().filter(|_| full),
            rebalance_timeout_ms: if full { millis(config.max_poll_interval) } else { -1 },
            subscribed_topic_names: full.then(|| topics.collect()),
            subscribed_topic_regex: None,
            server_assignor: config.group_assignor.clone().filter(|_| full),
            topic_partitions: full.then(|| grouped(&self.owned)),
        };
        let timeout = config.request_timeout;
        let way = (Target::Node(node), Purpose::Group(self.link.id));
        let asked = Asked::Heartbeat { joins };
        self.link.send(way, request.into(), timeout, asked, cluster, now);
    }

    fn ask_leave(&mut self, node: i32, cluster: &mut Cluster, now: Duration) {
        let lasts = self.member.instance_id.is_some();
        let request = ConsumerGroupHeartbeatRequest {
            group_id: self.link.group.clone(),
            member_id: self.member.member_id.clone(),
            member_epoch: if lasts { RESTING_EPOCH } else { LEAVING_EPOCH },
            instance_id: self.member.instance_id.clone(),
            ..ConsumerGroupHeartbeatRequest::default()
        };
        let timeout = cluster.config.request_timeout;
        let way = (Target::Node(node), Purpose::Coordination);
        self.link.send(way, request.into(), timeout, Asked::Leave, cluster, now);
    }

    pub(super) fn answered(
        &mut self,
        call: CallId,
        result: Result<AnyResponse, CallError>,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        let (asked, response) = match self.link.heard(call, result, cluster, now) {
            Heard::Answer(asked, response) => (asked, response),
            Heard::Nothing => return,
            // The session's end is sure to come without good-bye.
            Heard::Broken(Asked::Leave) => return self.left(),
            Heard::Broken(_) => {
                self.full = true;
                return;
            }
            Heard::Never(error) => return self.fail(error),
        };
        match (asked, response) {
            (Asked::Heartbeat { joins }, AnyResponse::ConsumerGroupHeartbeat(response)) => {
                let code = ErrorCode(response.error_code);
                match code.is_ok() {
                    true => self.beaten(joins, response, now),
                    false => self.refused(code, response.error_message.as_deref(), cluster, now),
                }
            }
            (Asked::Leave, _) => self.left(),
            _ => {
                let text = "an answer of another API";
                self.fail(Error::new(ErrorKind::Corrupt { offset: -1 }, text));
            }
        }
    }

    /// The coordinator has heard of the member.
    fn beaten(&mut self, joins: bool, response: ConsumerGroupHeartbeatResponse, now: Duration) {
        self.link.start_over();
        self.named_by = None;
        let interval = u64::try_from(response.heartbeat_interval_ms).unwrap_or(0);
        self.heartbeat_at = now.saturating_add(Duration::from_millis(interval).max(INTERVAL_MIN));
        let advanced = self.member.generation != response.member_epoch;
        self.member.generation = response.member_epoch;
        let assigned = response.assignment.as_ref().map(flat);
        match self.state {
            State::Joining if joins => {
                self.state = State::Naming;
                self.take(assigned, now);
            }
            State::Naming => self.take(assigned, now),
            // What it has to say is newer than what this answers.
            State::Joining => self.target = assigned.or(self.target.take()),
            State::Stable | State::Revoking => {
                if advanced {
                    self.events.push(MemberEvent::Advanced(self.member.clone()));
                }
                let Some(assigned) = assigned else { return };
                if self.state == State::Revoking {
                    self.target = Some(assigned);
                } else if assigned != self.owned {
                    self.target = Some(assigned);
                    self.state = State::Revoking;
                    self.events.push(MemberEvent::Revoked);
                }
            }
            State::Outside | State::Failed => {}
        }
    }

    /// Takes what is assigned while nothing is in hand, and tells the coordinator so at once: others may wait for it.
    fn take(&mut self, assigned: Option<Partitions>, now: Duration) {
        if let Some(assigned) = assigned.filter(|assigned| *assigned != self.owned) {
            self.owned = assigned;
            self.full = true;
            self.heartbeat_at = now;
        }
    }

    /// Hands the assignment out once the names of all its topics are known.
    fn name(&mut self, cluster: &mut Cluster) {
        let mut partitions = Vec::with_capacity(self.owned.len());
        for (topic, partition) in &self.owned {
            let Some(name) = cluster.metadata.name_of(*topic) else {
                return cluster.metadata.missing();
            };
            partitions.push(TopicPartition::new(Arc::clone(name), *partition));
        }
        partitions.sort();
        self.state = State::Stable;
        self.events.push(MemberEvent::Assigned {
            member: self.member.clone(),
            assignment: Assignment { partitions, user_data: String::new() },
            leads: false,
        });
    }

    fn refused(
        &mut self,
        code: ErrorCode,
        message: Option<&str>,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        // The coordinator may have forgotten what it was told.
        self.full = true;
        let error = Error::broker(code, message).in_api("ConsumerGroupHeartbeat");
        let joins = self.member.generation <= JOINING_EPOCH;
        match errors::consumer(code, joins) {
            MemberAction::Wait if self.waits(&error, now) => self.link.retry(cluster, now),
            MemberAction::Retry => self.link.retry(cluster, now),
            MemberAction::Rediscover => self.link.rediscover(cluster, now),
            MemberAction::Reset => self.reset(error, cluster, now),
            _ => self.fail(error),
        }
    }

    /// Whether another process may still have the member's lasting name; says so once.
    fn waits(&mut self, error: &Error, now: Duration) -> bool {
        if self.named_by.is_none() {
            self.events.push(MemberEvent::Waits(error.clone()));
        }
        let until = self.named_by.get_or_insert(now.saturating_add(INSTANCE_WAIT_MAX));
        now < *until
    }

    /// The group does not count the member in any more: what it has, it has no longer.
    fn reset(&mut self, error: Error, cluster: &mut Cluster, now: Duration) {
        self.forget();
        if matches!(self.state, State::Stable | State::Revoking) {
            self.state = State::Outside;
            let error = error.context(format_args!("group `{}`", self.link.group));
            self.events.push(MemberEvent::Lost(error));
        } else {
            self.state = State::Joining;
            self.link.retry(cluster, now);
        }
    }

    fn forget(&mut self) {
        self.member.generation = GroupMember::default().generation;
        self.owned.clear();
        self.target = None;
    }

    fn fail(&mut self, error: Error) {
        if self.leaving.is_some() {
            return self.left();
        }
        self.state = State::Failed;
        let error = match error.kind() {
            ErrorKind::Unsupported => error.context(UNSUPPORTED),
            _ => error,
        };
        let error = error.context(format_args!("group `{}`", self.link.group));
        self.events.push(MemberEvent::Failed(error));
    }

    fn left(&mut self) {
        self.forget();
        self.state = State::Outside;
        self.member.member_id.clear();
        if let Some(promise) = self.leaving.take() {
            promise.complete(());
        }
    }
}

fn flat(assignment: &heartbeat::Assignment) -> Partitions {
    let topics = assignment.topic_partitions.iter();
    topics.flat_map(|topic| topic.partitions.iter().map(|p| (topic.topic_id, *p))).collect()
}

fn grouped(partitions: &Partitions) -> Vec<TopicPartitions> {
    let mut topics: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in partitions {
        topics.entry(*topic).or_default().push(*partition);
    }
    let grouped = |(topic_id, partitions)| TopicPartitions { topic_id, partitions };
    topics.into_iter().map(grouped).collect()
}

#[cfg(test)]
#[path = "consumer_tests.rs"]
mod tests;
