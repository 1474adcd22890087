//! FindCoordinator, and what there is to say about groups without members.

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::DescribedGroup;
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

/// Name of the state of a group that holds offsets but no members.
const EMPTY: &str = "Empty";
const DEAD: &str = "Dead";

pub(super) fn describe(cluster: &Cluster, request: &Request) -> Answer {
    let body: DescribeGroupsRequest = request.decode()?;
    let groups = body
        .groups
        .into_iter()
        .map(|id| {
            let known = cluster.groups.get(&id).is_some();
            let group = DescribedGroup::default()
                .with_group_id(id)
                .with_group_state(text(if known { EMPTY } else { DEAD }));
            // KIP-1043: an unknown group is an error from version 6 on.
            if !known && request.version >= 6 {
                let error = ResponseError::GroupIdNotFound;
                group
                    .with_error_code(error.code())
                    .with_error_message(Some(text(error.to_string())))
            } else {
                group
            }
        })
        .collect();
    respond(cluster, request, &DescribeGroupsResponse::default().with_groups(groups))
}

pub(super) fn list(cluster: &Cluster, request: &Request) -> Answer {
    let body: ListGroupsRequest = request.decode()?;
    let passes = |filter: &[StrBytes], value: &str| {
        filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(value))
    };
    let wanted = passes(&body.states_filter, EMPTY) && passes(&body.types_filter, "classic");
    let groups = cluster
        .groups
        .ids()
        .filter(|_| wanted)
        .map(|id| {
            ListedGroup::default()
                .with_group_id(GroupId(text(id)))
                .with_group_state(text(if request.version >= 4 { EMPTY } else { "" }))
                .with_group_type(text(if request.version >= 5 { "classic" } else { "" }))
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
        let error =
            if cluster.groups.delete(id) { 0 } else { ResponseError::GroupIdNotFound.code() };
        results
            .push(DeletableGroupResult::default().with_group_id(id.clone()).with_error_code(error));
    }
    respond(cluster, request, &DeleteGroupsResponse::default().with_results(results))
}
