//! JoinGroup, SyncGroup, Heartbeat and LeaveGroup: the classic protocol of consumer groups.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::{Answer, Outcome, Parked, encode, respond, text};
use crate::broker::CloseReason;
use crate::cluster::Cluster;
use crate::groups::{Identity, Join, Phase, Turn};
use crate::wire::{Reply, Request};

/// From this version on a new member is told its id before it joins (KIP-394).
const ID_REQUIRED_SINCE: i16 = 4;
/// From this version on a member names its lasting id in the answer of LeaveGroup, and several may leave at once.
const LEAVERS_SINCE: i16 = 3;

/// A member that waits for the others.
#[derive(Debug)]
pub(crate) struct ParkedMember {
    /// No rebalance takes longer; the group's own deadlines come before.
    pub(crate) deadline: Duration,
    reply: Reply,
    group: String,
    member: String,
    waits: Waits,
}

/// What a member waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// The next generation, to answer JoinGroup.
    ForGeneration,
    /// Its assignment, to answer SyncGroup.
    ForAssignment,
}

impl ParkedMember {
    /// Whether there is something to tell it.
    pub(crate) fn is_satisfied(&self, cluster: &Cluster) -> bool {
        let Some(group) = cluster.groups.members.get(&self.group) else { return true };
        let waits_in = match self.waits {
            Waits::ForGeneration => Phase::Joining,
            Waits::ForAssignment => Phase::Assigning,
        };
        group.phase() != waits_in || group.member(&self.member).is_none()
    }

    /// What it is told as things are now.
    pub(crate) fn finish(self, cluster: &Cluster) -> Result<Bytes, CloseReason> {
        match self.waits {
            Waits::ForGeneration => {
                encode(cluster, self.reply, &joined(cluster, &self.group, &self.member, self.reply))
            }
            Waits::ForAssignment => encode(
                cluster,
                self.reply,
                &assigned(cluster, &self.group, &self.member, self.reply),
            ),
        }
    }
}

fn millis(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

pub(super) fn join(cluster: &mut Cluster, request: &Request, now: Duration) -> Answer {
    let body: JoinGroupRequest = request.decode()?;
    let session_timeout = millis(body.session_timeout_ms);
    let rebalance_timeout = match request.version {
        // The first version has one time for both.
        0 => session_timeout,
        _ => millis(body.rebalance_timeout_ms),
    };
    let protocols = body.protocols.into_iter().map(|each| (each.name.to_string(), each.metadata));
    let join = Join {
        member: body.member_id.to_string(),
        instance: body.group_instance_id.map(|name| name.to_string()),
        client_id: request.client_id.clone(),
        session_timeout,
        rebalance_timeout,
        protocol_type: body.protocol_type.to_string(),
        protocols: protocols.collect(),
        id_required: request.version >= ID_REQUIRED_SINCE,
    };
    let group = body.group_id.to_string();
    let stem = join.instance.clone().unwrap_or_else(|| request.client_id.clone());
    let ids = &mut cluster.ids;
    let new_id = || format!("{stem}-{:016x}{:016x}", ids.next(), ids.next());
    let asked = join.member.clone();
    let consumers = &cluster.groups.consumers;
    let other = consumers.size(&group).is_some_and(|members| members > 0);
    let admitted = match other {
        true => Err(ResponseError::InconsistentGroupProtocol),
        false => cluster.groups.members.admit(&group, &join),
    };
    let outcome = admitted
        .map_err(|error| (asked, error))
        .and_then(|members| members.join(join, new_id, now));
    match outcome {
        Ok((member, Turn::Now)) => {
            let response = joined(cluster, &group, &member, request.reply());
            respond(cluster, request, &response)
        }
        Ok((member, Turn::Wait)) => {
            park(cluster, request, (group, member), Waits::ForGeneration, now)
        }
        Err((member, error)) => {
            let response = refused(request.version, text(member), error);
            respond(cluster, request, &response)
        }
    }
}

/// Answers at once when there is nothing to wait for any more.
fn park(
    cluster: &mut Cluster,
    request: &Request,
    (group, member): (String, String),
    waits: Waits,
    now: Duration,
) -> Answer {
    let deadline = now.saturating_add(cluster.config.limits.rebalance_max);
    let parked = ParkedMember { deadline, reply: request.reply(), group, member, waits };
    if parked.is_satisfied(cluster) {
        return parked.finish(cluster).map(Outcome::Respond);
    }
    Ok(Outcome::Park(Parked::Member(Box::new(parked))))
}

fn refused(version: i16, member: StrBytes, error: ResponseError) -> JoinGroupResponse {
    let response = JoinGroupResponse::default()
        .with_error_code(error.code())
        .with_generation_id(-1)
        .with_member_id(member);
    if version >= 7 {
        return response.with_protocol_name(None);
    }
    response.with_protocol_name(Some(StrBytes::new()))
}

fn joined(cluster: &Cluster, group: &str, member: &str, reply: Reply) -> JoinGroupResponse {
    let found = cluster.groups.members.get(group);
    let Some((group, _)) = found.and_then(|group| Some((group, group.member(member)?))) else {
        return refused(reply.version, text(member), ResponseError::UnknownMemberId);
    };
    if group.phase() == Phase::Joining {
        // The longest wait is over without a generation.
        return refused(reply.version, text(member), ResponseError::RebalanceInProgress);
    }
    let leads = group.leader() == member;
    let members = group.members().filter(|_| leads).map(|(id, each)| {
        let listed = JoinGroupResponseMember::default()
            .with_member_id(text(id))
            .with_metadata(group.metadata(each));
        match reply.version >= 5 {
            true => listed.with_group_instance_id(each.instance.as_deref().map(text)),
            false => listed,
        }
    });
    // A leader that came back under its lasting name finds the assignment made.
    let skips = leads && group.phase() == Phase::Stable;
    let response = JoinGroupResponse::default()
        .with_generation_id(group.generation())
        .with_protocol_name(Some(text(group.protocol())))
        .with_leader(text(group.leader()))
        .with_member_id(text(member))
        .with_members(members.collect());
    let response = match reply.version >= 7 {
        true => response.with_protocol_type(Some(text(group.protocol_type()))),
        false => response,
    };
    if reply.version >= 9 { response.with_skip_assignment(skips) } else { response }
}

pub(super) fn sync(cluster: &mut Cluster, request: &Request, now: Duration) -> Answer {
    let body: SyncGroupRequest = request.decode()?;
    let who = Identity { member: &body.member_id, instance: body.group_instance_id.as_deref() };
    let assignments =
        body.assignments.iter().map(|each| (each.member_id.to_string(), each.assignment.clone()));
    let protocol = (body.protocol_type.as_deref(), body.protocol_name.as_deref());
    let outcome = match cluster.groups.members.get_mut(&body.group_id) {
        Some(group) => group.sync(&who, body.generation_id, protocol, assignments.collect(), now),
        None => Err(ResponseError::UnknownMemberId),
    };
    let (group, member) = (body.group_id.to_string(), body.member_id.to_string());
    match outcome {
        Ok(Turn::Now) => {
            let response = assigned(cluster, &group, &member, request.reply());
            respond(cluster, request, &response)
        }
        Ok(Turn::Wait) => park(cluster, request, (group, member), Waits::ForAssignment, now),
        Err(error) => {
            let response = SyncGroupResponse::default().with_error_code(error.code());
            respond(cluster, request, &response)
        }
    }
}

fn assigned(cluster: &Cluster, group: &str, member: &str, reply: Reply) -> SyncGroupResponse {
    let found = cluster.groups.members.get(group);
    let Some((group, member)) = found.and_then(|group| Some((group, group.member(member)?))) else {
        let error = ResponseError::UnknownMemberId;
        return SyncGroupResponse::default().with_error_code(error.code());
    };
    if group.phase() != Phase::Stable {
        let error = ResponseError::RebalanceInProgress;
        return SyncGroupResponse::default().with_error_code(error.code());
    }
    let response = SyncGroupResponse::default().with_assignment(member.assignment.clone());
    if reply.version < 5 {
        return response;
    }
    response
        .with_protocol_type(Some(text(group.protocol_type())))
        .with_protocol_name(Some(text(group.protocol())))
}

pub(super) fn heartbeat(cluster: &mut Cluster, request: &Request, now: Duration) -> Answer {
    let body: HeartbeatRequest = request.decode()?;
    let who = Identity { member: &body.member_id, instance: body.group_instance_id.as_deref() };
    let outcome = match cluster.groups.members.get_mut(&body.group_id) {
        Some(group) => group.heartbeat(&who, body.generation_id, now),
        None => Err(ResponseError::UnknownMemberId),
    };
    let code = outcome.err().map_or(0, |error| error.code());
    respond(cluster, request, &HeartbeatResponse::default().with_error_code(code))
}

pub(super) fn leave(cluster: &mut Cluster, request: &Request, now: Duration) -> Answer {
    let body: LeaveGroupRequest = request.decode()?;
    let mut leave = |member: &str, instance: Option<&str>| {
        let outcome = match cluster.groups.members.get_mut(&body.group_id) {
            Some(group) => group.leave(&Identity { member, instance }, now),
            None => Err(ResponseError::UnknownMemberId),
        };
        outcome.err().map_or(0, |error| error.code())
    };
    if request.version < LEAVERS_SINCE {
        let code = leave(&body.member_id, None);
        return respond(cluster, request, &LeaveGroupResponse::default().with_error_code(code));
    }
    let left = body.members.iter().map(|each| {
        let code = leave(&each.member_id, each.group_instance_id.as_deref());
        MemberResponse::default()
            .with_member_id(each.member_id.clone())
            .with_group_instance_id(each.group_instance_id.clone())
            .with_error_code(code)
    });
    let left = left.collect();
    respond(cluster, request, &LeaveGroupResponse::default().with_members(left))
}

/// Topics that the members of a consumer group say they want.
pub(super) fn subscribed(cluster: &Cluster, group: &str) -> BTreeSet<String> {
    let Some(group) = cluster.groups.members.get(group) else {
        return cluster.groups.consumers.subscribed(group);
    };
    let metadata = group.members().map(|(_, member)| group.metadata(member));
    metadata.flat_map(|bytes| topics(&bytes).unwrap_or_default()).collect()
}

/// The topics of a subscription (Kafka's `ConsumerProtocolSubscription`): a version, and names before all else. `None` for
/// what is something else.
fn topics(mut bytes: &[u8]) -> Option<Vec<String>> {
    let (_version, rest) = bytes.split_first_chunk::<2>()?;
    let (count, rest) = rest.split_first_chunk()?;
    bytes = rest;
    let mut topics = Vec::new();
    for _ in 0..u32::from_be_bytes(*count) {
        let (length, rest) = bytes.split_first_chunk()?;
        let (name, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        topics.push(String::from_utf8_lossy(name).into_owned());
        bytes = rest;
    }
    Some(topics)
}
