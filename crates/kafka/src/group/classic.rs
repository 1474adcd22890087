//! A member under the classic protocol: the group's coordinator decides who is in it, one of its members, the leader, who
//! reads what.
//!
//! ```text
//! Outside ─join─▶ Joining ─▶ Electing (leader) ─assign─▶ Syncing ─▶ Stable ─rebalance─▶ Revoking ─join─▶ Joining
//!                    └──────────── (others) ────────────▶
//! ```
//! The protocol is eager: a member gives up everything before it joins again. While it does, its heartbeats keep it in the
//! group, and the coordinator waits for it as long as `max.poll.interval.ms`. Sources: KIP-62, KIP-345, KIP-394 and Java's
//! `AbstractCoordinator`, read as rules.

use std::time::Duration;

use bytes::Bytes;

use super::errors::{self, MemberAction};
use super::link::{Heard, Link};
use super::protocol::{self, Assignment, Subscription};
use super::{MemberEvent, Request, millis};
use crate::apis::AnyResponse;
use crate::cluster::{Cluster, Purpose, Target};
use crate::connection::{CallError, CallId};
use crate::error::{Error, ErrorKind};
use crate::limits::JOIN_GRACE;
use crate::pending::Promise;
use crate::transaction::GroupMember;
use crate::wire::ErrorCode;
use crate::wire::messages::heartbeat::HeartbeatRequest;
use crate::wire::messages::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
};
use crate::wire::messages::leave_group::{LeaveGroupRequest, MemberIdentity};
use crate::wire::messages::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};

/// A member that asks as often as this within its session is not taken for dead because one heartbeat was lost.
const HEARTBEATS_PER_SESSION: u32 = 3;

#[derive(Debug)]
enum State {
    /// Not in the group, or not any more.
    Outside,
    Joining,
    /// The handle is to assign.
    Electing,
    Syncing(Vec<(String, Bytes)>),
    Stable,
    /// The handle is to give up what it has.
    Revoking,
    /// Final.
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Coordinator,
    Join,
    Sync,
    Heartbeat,
    Leave,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct ClassicMember {
    link: Link<Asked>,
    /// Name of the way to assign: only members that agree on it are in one group.
    protocol: String,
    state: State,
    member: GroupMember,
    leads: bool,
    subscription: Bytes,
    leaving: Option<Promise<()>>,
    heartbeat_at: Duration,
    /// The coordinator has taken the member for dead by then.
    session_ends: Duration,
    polled_at: Duration,
    events: Vec<MemberEvent>,
}

impl ClassicMember {
    /// A member to be, with the lasting name and the times of the cluster's configuration.
    pub(crate) fn new(id: u64, group: String, protocol: String, instance: Option<String>) -> Self {
        Self {
            link: Link::new(id, group),
            protocol,
            state: State::Outside,
            member: GroupMember { instance_id: instance, ..GroupMember::default() },
            leads: false,
            subscription: Bytes::new(),
            leaving: None,
            heartbeat_at: Duration::ZERO,
            session_ends: Duration::ZERO,
            polled_at: Duration::ZERO,
            events: Vec::new(),
        }
    }

    /// Takes what the handle asks for.
    pub(crate) fn request(&mut self, request: Request, cluster: &mut Cluster, now: Duration) {
        match request {
            Request::Join(_) if matches!(self.state, State::Failed) => {}
            Request::Join(subscription) => {
                self.subscription = subscription.encode();
                self.state = State::Joining;
                self.link.start_over();
            }
            Request::Assign(generation, assignments) => {
                if matches!(self.state, State::Electing) && generation == self.member.generation {
                    self.state = State::Syncing(assignments);
                    self.link.start_over();
                }
            }
            Request::Leave(promise) => {
                self.leaving = Some(promise);
                self.link.hang_up(cluster, now);
                self.link.start_over();
            }
        }
    }

    /// Ends the connection; the group is not left.
    pub(crate) fn close(&mut self, cluster: &mut Cluster, now: Duration) {
        self.link.hang_up(cluster, now);
    }

    pub(crate) fn take_events(&mut self) -> Vec<MemberEvent> {
        std::mem::take(&mut self.events)
    }

    fn holds(&self) -> bool {
        matches!(self.state, State::Stable | State::Revoking)
    }

    /// Whether the coordinator counts on signs of life: also from a leader that takes its time to assign.
    fn beats(&self) -> bool {
        self.holds() || matches!(self.state, State::Electing)
    }

    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let session = self.beats().then_some(self.session_ends);
        let heartbeat = (self.beats() && self.link.call.is_none()).then_some(self.heartbeat_at);
        let times = session.into_iter().chain(heartbeat).chain([self.link.retry_at]);
        times.filter(|at| *at > self.polled_at).min()
    }

    /// Sends what can be sent now.
    pub(crate) fn poll(&mut self, cluster: &mut Cluster, now: Duration) {
        self.polled_at = now;
        if self.leaving.is_none() && self.beats() && self.session_ends <= now {
            self.link.hang_up(cluster, now);
            self.link.node = None;
            let error = Error::timeout(format!(
                "no answer of the group's coordinator for {} ms",
                cluster.config.session_timeout.as_millis()
            ));
            self.again(error, cluster, now);
        }
        if self.link.is_free(now) {
            self.advance(cluster, now);
        }
    }

    fn advance(&mut self, cluster: &mut Cluster, now: Duration) {
        if self.leaving.is_some() {
            let lasts = self.member.instance_id.is_some();
            if self.member.member_id.is_empty() || lasts || matches!(self.state, State::Failed) {
                self.left();
            } else if let Some(node) = self.link.coordinator(Asked::Coordinator, cluster, now) {
                self.ask_leave(node, cluster, now);
            }
            return;
        }
        match &self.state {
            State::Outside | State::Failed => {}
            State::Joining => {
                if let Some(node) = self.link.coordinator(Asked::Coordinator, cluster, now) {
                    self.ask_join(node, cluster, now);
                }
            }
            State::Syncing(assignments) => {
                let assignments = assignments.clone();
                if let Some(node) = self.link.coordinator(Asked::Coordinator, cluster, now) {
                    self.ask_sync(node, assignments, cluster, now);
                }
            }
            State::Electing | State::Stable | State::Revoking => {
                if self.heartbeat_at <= now
                    && let Some(node) = self.link.coordinator(Asked::Coordinator, cluster, now)
                {
                    self.ask_heartbeat(node, cluster, now);
                }
            }
        }
    }

    fn ask_join(&mut self, node: i32, cluster: &mut Cluster, now: Duration) {
        let config = &cluster.config;
        let request = JoinGroupRequest {
            group_id: self.link.group.clone(),
            session_timeout_ms: millis(config.session_timeout),
            rebalance_timeout_ms: millis(config.max_poll_interval),
            member_id: self.member.member_id.clone(),
            group_instance_id: self.member.instance_id.clone(),
            protocol_type: protocol::PROTOCOL_TYPE.to_owned(),
            protocols: vec![JoinGroupRequestProtocol {
                name: self.protocol.clone(),
                metadata: self.subscription.clone(),
            }],
            reason: None,
        };
        let timeout = self.patience(cluster);
        let way = (Target::Node(node), Purpose::Group(self.link.id));
        self.link.send(way, request.into(), timeout, Asked::Join, cluster, now);
    }

    fn ask_sync(
        &mut self,
        node: i32,
        assignments: Vec<(String, Bytes)>,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        let of_member = |(member_id, assignment): (String, Bytes)| SyncGroupRequestAssignment {
            member_id,
            assignment,
        };
        let request = SyncGroupRequest {
            group_id: self.link.group.clone(),
            generation_id: self.member.generation,
            member_id: self.member.member_id.clone(),
            group_instance_id: self.member.instance_id.clone(),
            protocol_type: Some(protocol::PROTOCOL_TYPE.to_owned()),
            protocol_name: Some(self.protocol.clone()),
            assignments: assignments.into_iter().map(of_member).collect(),
        };
        let timeout = self.patience(cluster);
        let way = (Target::Node(node), Purpose::Group(self.link.id));
        self.link.send(way, request.into(), timeout, Asked::Sync, cluster, now);
    }

    fn ask_heartbeat(&mut self, node: i32, cluster: &mut Cluster, now: Duration) {
        let request = HeartbeatRequest {
            group_id: self.link.group.clone(),
            generation_id: self.member.generation,
            member_id: self.member.member_id.clone(),
            group_instance_id: self.member.instance_id.clone(),
        };
        let timeout = cluster.config.request_timeout.min(cluster.config.session_timeout);
        let way = (Target::Node(node), Purpose::Group(self.link.id));
        self.link.send(way, request.into(), timeout, Asked::Heartbeat, cluster, now);
    }

    fn ask_leave(&mut self, node: i32, cluster: &mut Cluster, now: Duration) {
        let member = MemberIdentity {
            member_id: self.member.member_id.clone(),
            ..MemberIdentity::default()
        };
        let request = LeaveGroupRequest {
            group_id: self.link.group.clone(),
            members: vec![member],
            ..LeaveGroupRequest::default()
        };
        let timeout = cluster.config.request_timeout;
        let way = (Target::Node(node), Purpose::Coordination);
        self.link.send(way, request.into(), timeout, Asked::Leave, cluster, now);
    }

    /// How long the coordinator may take for a half of a rebalance.
    fn patience(&self, cluster: &Cluster) -> Duration {
        let config = &cluster.config;
        config.request_timeout.max(config.max_poll_interval.saturating_add(JOIN_GRACE))
    }

    /// An answer of a coordinator.
    pub(crate) fn answered(
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
            Heard::Broken(_) => return,
            Heard::Never(error) => return self.fail(error),
        };
        match (asked, response) {
            (Asked::Join, AnyResponse::JoinGroup(response)) => {
                if matches!(self.state, State::Joining) {
                    self.joined(response, cluster, now);
                }
            }
            (Asked::Sync, AnyResponse::SyncGroup(response)) => {
                if !matches!(self.state, State::Syncing(_)) {
                    return;
                }
                let code = ErrorCode(response.error_code);
                if !code.is_ok() {
                    return self.refused(errors::sync(code), code, "SyncGroup", cluster, now);
                }
                self.synced(&response.assignment, cluster, now);
            }
            (Asked::Heartbeat, AnyResponse::Heartbeat(response)) => {
                let code = ErrorCode(response.error_code);
                let action = errors::heartbeat(code);
                if code.is_ok() || action == MemberAction::Rebalance {
                    self.alive(cluster, now);
                }
                // Somebody who has given everything up asks anew, and hears it then.
                if !code.is_ok() && self.beats() {
                    self.refused(action, code, "Heartbeat", cluster, now);
                }
            }
            (Asked::Leave, _) => self.left(),
            _ => {
                let text = "an answer of another API";
                self.fail(Error::new(ErrorKind::Corrupt { offset: -1 }, text));
            }
        }
    }

    fn joined(&mut self, response: JoinGroupResponse, cluster: &mut Cluster, now: Duration) {
        let code = ErrorCode(response.error_code);
        match errors::join(code) {
            MemberAction::TakeId => {
                self.member.member_id = response.member_id;
                return self.link.start_over();
            }
            action if !code.is_ok() => {
                return self.refused(action, code, "JoinGroup", cluster, now);
            }
            _ => {}
        }
        self.link.start_over();
        self.leads = response.leader == response.member_id;
        self.member.member_id = response.member_id;
        self.member.generation = response.generation_id;
        if self.leads && response.skip_assignment {
            // It came back under its lasting name (KIP-814) and knows nothing of what it has assigned, while the others
            // count on it to notice new partitions: a leader that joins again begins another generation.
            return self.link.retry(cluster, now);
        }
        if !self.leads {
            self.state = State::Syncing(Vec::new());
            return;
        }
        self.state = State::Electing;
        self.alive(cluster, now);
        let members = response.members.into_iter();
        let mut members: Vec<_> = members
            .map(|member| (member.member_id, Subscription::decode(&member.metadata)))
            .collect();
        members.sort_by(|a, b| a.0.cmp(&b.0));
        let generation = self.member.generation;
        self.events.push(MemberEvent::Elected { generation, members });
    }

    fn synced(&mut self, assignment: &[u8], cluster: &Cluster, now: Duration) {
        let Some(assignment) = Assignment::decode(assignment) else {
            let text = "the group's leader has assigned partitions in a form that is not known";
            return self.fail(Error::new(ErrorKind::Corrupt { offset: -1 }, text));
        };
        self.link.start_over();
        self.state = State::Stable;
        self.alive(cluster, now);
        let (member, leads) = (self.member.clone(), self.leads);
        self.events.push(MemberEvent::Assigned { member, assignment, leads });
    }

    /// The coordinator has heard of the member.
    fn alive(&mut self, cluster: &Cluster, now: Duration) {
        let session = cluster.config.session_timeout;
        let interval = cluster.config.heartbeat_interval.min(session / HEARTBEATS_PER_SESSION);
        self.link.start_over();
        self.heartbeat_at = now.saturating_add(interval);
        self.session_ends = now.saturating_add(session);
    }

    /// What an error code means.
    fn refused(
        &mut self,
        action: MemberAction,
        code: ErrorCode,
        api: &'static str,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        let error = Error::broker(code, None).in_api(api);
        match action {
            MemberAction::Retry => self.link.retry(cluster, now),
            MemberAction::Rediscover => self.link.rediscover(cluster, now),
            MemberAction::Rebalance => {
                if matches!(self.state, State::Stable) {
                    self.state = State::Revoking;
                    self.events.push(MemberEvent::Revoked);
                }
            }
            MemberAction::Rejoin => self.again(error, cluster, now),
            MemberAction::Reset => {
                self.member.member_id.clear();
                self.again(error, cluster, now);
            }
            MemberAction::TakeId | MemberAction::Wait | MemberAction::Fail => self.fail(error),
        }
    }

    /// The generation is over for this member: the handle is told if it holds something of it.
    fn again(&mut self, error: Error, cluster: &mut Cluster, now: Duration) {
        self.member.generation = GroupMember::default().generation;
        if self.holds() {
            return self.lose(error);
        }
        self.state = State::Joining;
        self.link.retry(cluster, now);
    }

    fn lose(&mut self, error: Error) {
        self.member.generation = GroupMember::default().generation;
        self.state = State::Outside;
        let error = error.context(format_args!("group `{}`", self.link.group));
        self.events.push(MemberEvent::Lost(error));
    }

    fn fail(&mut self, error: Error) {
        if self.leaving.is_some() {
            return self.left();
        }
        self.state = State::Failed;
        let error = error.context(format_args!("group `{}`", self.link.group));
        self.events.push(MemberEvent::Failed(error));
    }

    fn left(&mut self) {
        self.state = State::Outside;
        self.member.member_id.clear();
        self.member.generation = GroupMember::default().generation;
        if let Some(promise) = self.leaving.take() {
            promise.complete(());
        }
    }
}

#[cfg(test)]
#[path = "classic_tests.rs"]
mod tests;
