//! FindCoordinator, and what there is to say about groups.

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    BrokerId, DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest,
    DescribeGroupsResponse, FindCoordinatorRequest, FindCoordinatorResponse, GroupId,
    ListGroupsRequest, ListGroupsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::{Answer, respond, text};
use crate::cluster::{Cluster, NODE_ID};
use crate::groups::{Group, Phase};
use crate::wire::Request;

const GROUP_KEY: i8 = 0;
const TRANSACTION_KEY: i8 = 1;

pub(super) fn find_coordinator(cluster: &Cluster, request: &Request) -> Answer {
    let body: FindCoordinatorRequest = request.decode()?;
    // INVALID_REQUEST is the one error that a producer takes as final and shows with its message.
    let (error, message) = if matches!(body.key_type, GROUP_KEY | TRANSACTION_KEY) {
        (0, None)
    } else {
        (
            ResponseError::InvalidRequest.code(),
            Some("this broker coordinates groups and transactions, no share groups"),
        )
    };
    let coordinator = |key: StrBytes| {
        let named = Coordinator::default()
            .with_key(key)
            .with_error_code(error)
            .with_error_message(message.map(text));
        if error == 0 {
            named
                .with_node_id(BrokerId(NODE_ID))
                .with_host(text(cluster.config.advertised_host.as_str()))
                .with_port(i32::from(cluster.config.advertised_port))
        } else {
            named.with_node_id(BrokerId(-1)).with_port(-1)
        }
    };
    let response = if request.version >= 4 {
        FindCoordinatorResponse::default()
            .with_coordinators(body.coordinator_keys.into_iter().map(coordinator).collect())
    } else {
        let one = coordinator(StrBytes::new());
        FindCoordinatorResponse::default()
            .with_error_code(one.error_code)
            .with_error_message(one.error_message)
            .with_node_id(one.node_id)
            .with_host(one.host)
            .with_port(one.port)
    };
    respond(cluster, request, &response)
}

/// The state that Kafka names for a group that is not there.
const DEAD: &str = "Dead";

/// Where members come from: a broker on loopback has no others.
const CLIENT_HOST: &str = "/127.0.0.1";

/// The state of a known group.
fn state(cluster: &Cluster, id: &str) -> Phase {
    match cluster.groups.consumers.size(id) {
        None | Some(0) => cluster.groups.members.get(id).map_or(Phase::Empty, Group::phase),
        Some(_) => Phase::Stable,
    }
}

/// Name of the protocol of a group's members.
fn type_of(cluster: &Cluster, id: &str) -> &'static str {
    match cluster.groups.consumers.size(id) {
        None => "classic",
        Some(_) => "consumer",
    }
}

pub(super) fn describe(cluster: &Cluster, request: &Request) -> Answer {
    let body: DescribeGroupsRequest = request.decode()?;
    let groups = body
        .groups
        .into_iter()
        .map(|id| {
            // Members of the consumer protocol have an API of their own.
            let known = cluster.groups.exists(&id) && cluster.groups.consumers.size(&id).is_none();
            let name = if known { state(cluster, &id).name() } else { DEAD };
            let members = cluster.groups.members.get(&id);
            let group = DescribedGroup::default().with_group_id(id).with_group_state(text(name));
            // KIP-1043: an unknown group is an error from version 6 on.
            if !known && request.version >= 6 {
                let error = ResponseError::GroupIdNotFound;
                return group
                    .with_error_code(error.code())
                    .with_error_message(Some(text(error.to_string())));
            }
            let Some(members) = members else { return group };
            let is_stable = members.phase() == Phase::Stable;
            let described = members.members().map(|(member_id, member)| {
                let described = DescribedGroupMember::default()
                    .with_member_id(text(member_id))
                    .with_client_id(text(member.client_id.as_str()))
                    .with_client_host(text(CLIENT_HOST));
                let described = match request.version >= 4 {
                    true => described.with_group_instance_id(member.instance.as_deref().map(text)),
                    false => described,
                };
                // Before that the generation has neither.
                if !is_stable {
                    return described;
                }
                described
                    .with_member_metadata(members.metadata(member))
                    .with_member_assignment(member.assignment.clone())
            });
            group
                .with_members(described.collect())
                .with_protocol_type(text(members.protocol_type()))
                .with_protocol_data(text(if is_stable { members.protocol() } else { "" }))
        })
        .collect();
    respond(cluster, request, &DescribeGroupsResponse::default().with_groups(groups))
}

pub(super) fn list(cluster: &Cluster, request: &Request) -> Answer {
    let body: ListGroupsRequest = request.decode()?;
    let passes = |filter: &[StrBytes], value: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    let groups = cluster
        .groups
        .ids()
        .map(|id| (id, state(cluster, id).name()))
        .filter(|(id, state)| {
            passes(&body.types_filter, type_of(cluster, id)) && passes(&body.states_filter, state)
        })
        .map(|(id, state)| {
            let members = cluster.groups.members.get(id);
            let of_consumers = cluster.groups.consumers.size(id).map(|_| "consumer");
            let kind = members.map_or("", |group| group.protocol_type());
            let kind = of_consumers.unwrap_or(kind);
            ListedGroup::default()
                .with_group_id(GroupId(text(id)))
                .with_protocol_type(text(kind))
                .with_group_state(text(if request.version >= 4 { state } else { "" }))
                .with_group_type(text(if request.version >= 5 { type_of(cluster, id) } else { "" }))
        })
        .collect();
    respond(cluster, request, &ListGroupsResponse::default().with_groups(groups))
}

pub(super) fn delete(cluster: &mut Cluster, request: &Request) -> Answer {
    let body: DeleteGroupsRequest = request.decode()?;
    let mut seen = BTreeSet::new();
    let mut results = Vec::with_capacity(body.groups_names.len());
    for id in &body.groups_names {
        if !seen.insert(id.as_str()) {
            continue;
        }
        let error = if !cluster.groups.exists(id) {
            ResponseError::GroupIdNotFound.code()
        } else if !cluster.groups.disband(id) {
            ResponseError::NonEmptyGroup.code()
        } else {
            cluster.groups.offsets.delete(id);
            0
        };
        results
            .push(DeletableGroupResult::default().with_group_id(id.clone()).with_error_code(error));
    }
    respond(cluster, request, &DeleteGroupsResponse::default().with_results(results))
}
