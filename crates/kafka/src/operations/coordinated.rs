//! What coordinators know: groups and transactional ids (KIP-518, KIP-664).

use std::time::Duration;

use super::single::{Route, Single, Verdict, unexpected};
use crate::apis::AnyResponse;
use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::pending::Promise;
use crate::topic::TopicPartition;
use crate::wire::ErrorCode;
use crate::wire::messages::consumer_group_describe::ConsumerGroupDescribeRequest;
use crate::wire::messages::describe_transactions::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, TransactionState,
};
use crate::wire::messages::list_groups::ListGroupsRequest;
use crate::wire::messages::list_transactions::ListTransactionsRequest;

/// A group in the list of its coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGroup {
    /// Its id.
    pub group: String,
    /// `consumer` for consumer groups, empty where offsets were committed from outside.
    pub protocol_type: String,
    /// `Empty`, `Stable` and others; empty on brokers before 2.6.
    pub state: String,
}

/// A transactional id in the list of its coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTransaction {
    /// The id.
    pub transactional_id: String,
    /// The producer that uses it.
    pub producer_id: i64,
    /// `Ongoing`, `CompleteCommit` and others, under Kafka's names.
    pub state: String,
}

/// What a coordinator knows about a transactional id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionDescription {
    /// The id.
    pub transactional_id: String,
    /// `Ongoing`, `CompleteCommit` and others, under Kafka's names.
    pub state: String,
    /// After this time the coordinator aborts.
    pub timeout: Duration,
    /// Milliseconds since 1970 at which the open transaction began.
    pub started_at_millis: Option<i64>,
    /// The producer that uses the id.
    pub producer_id: i64,
    /// And its epoch.
    pub producer_epoch: i16,
    /// Partitions in the open transaction.
    pub partitions: Vec<TopicPartition>,
}

impl TransactionDescription {
    /// Whether a transaction is open: readers of committed data wait for its end.
    pub fn is_open(&self) -> bool {
        self.state == "Ongoing"
    }
}

/// The groups that broker `node` coordinates.
pub(crate) fn list_groups(
    node: i32,
    promise: Promise<Result<Vec<ListedGroup>>>,
) -> Box<dyn super::Operation> {
    let read = |response, _: &mut Cluster, _| match response {
        AnyResponse::ListGroups(response) => listed(response.error_code, || {
            let group = |group: crate::wire::messages::list_groups::ListedGroup| ListedGroup {
                group: group.group_id,
                protocol_type: group.protocol_type,
                state: group.group_state,
            };
            response.groups.into_iter().map(group).collect()
        }),
        _ => unexpected(),
    };
    let request = ListGroupsRequest::default();
    Box::new(Single::new(Route::Node(node), request, Box::new(read), promise))
}

/// Ids of the members of a group of the consumer protocol. A group that is not there, or of another kind, has none.
pub(crate) fn members(
    group: &str,
    promise: Promise<Result<Vec<String>>>,
) -> Box<dyn super::Operation> {
    let name = group.to_owned();
    let read = move |response, _: &mut Cluster, _| {
        let AnyResponse::ConsumerGroupDescribe(response) = response else { return unexpected() };
        let Some(group) = response.groups.into_iter().next() else { return unexpected() };
        match ErrorCode(group.error_code) {
            ErrorCode::GROUP_ID_NOT_FOUND => Verdict::Done(Vec::new()),
            code if code.is_ok() => {
                let ids = group.members.into_iter().map(|member| member.member_id);
                Verdict::Done(ids.collect())
            }
            code => {
                let error = Error::broker(code, group.error_message.as_deref());
                Verdict::of(code, error.context(format_args!("group `{name}`")))
            }
        }
    };
    let request = ConsumerGroupDescribeRequest {
        group_ids: vec![group.to_owned()],
        ..ConsumerGroupDescribeRequest::default()
    };
    Box::new(Single::new(Route::Coordinator(group.to_owned()), request, Box::new(read), promise))
}

/// The transactional ids that broker `node` coordinates.
pub(crate) fn list_transactions(
    node: i32,
    promise: Promise<Result<Vec<ListedTransaction>>>,
) -> Box<dyn super::Operation> {
    let read = |response, _: &mut Cluster, _| match response {
        AnyResponse::ListTransactions(response) => listed(response.error_code, || {
            let states = response.transaction_states.into_iter();
            states
                .map(|listed| ListedTransaction {
                    transactional_id: listed.transactional_id,
                    producer_id: listed.producer_id,
                    state: listed.transaction_state,
                })
                .collect()
        }),
        _ => unexpected(),
    };
    let request = ListTransactionsRequest::default();
    Box::new(Single::new(Route::Node(node), request, Box::new(read), promise))
}

fn listed<T>(code: i16, list: impl FnOnce() -> Vec<T>) -> Verdict<Vec<T>> {
    match ErrorCode(code) {
        code if code.is_ok() => Verdict::Done(list()),
        code => Verdict::of(code, Error::broker(code, None)),
    }
}

/// Describes a transactional id.
pub(crate) fn describe_transaction(
    id: &str,
    promise: Promise<Result<TransactionDescription>>,
) -> Box<dyn super::Operation> {
    let name = id.to_owned();
    let read = move |response, _: &mut Cluster, _| match response {
        AnyResponse::DescribeTransactions(response) => described(response, &name),
        _ => unexpected(),
    };
    let request = DescribeTransactionsRequest { transactional_ids: vec![id.to_owned()] };
    Box::new(Single::new(Route::Transactional(id.to_owned()), request, Box::new(read), promise))
}

fn described(response: DescribeTransactionsResponse, id: &str) -> Verdict<TransactionDescription> {
    let Some(state) = response.transaction_states.into_iter().next() else { return unexpected() };
    let code = ErrorCode(state.error_code);
    if !code.is_ok() {
        let error = Error::broker(code, None).context(format_args!("transactional id `{id}`"));
        return Verdict::of(code, error);
    }
    Verdict::Done(description(state))
}

fn description(state: TransactionState) -> TransactionDescription {
    let partitions = state.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|at| TopicPartition::new(topic.topic.as_str(), *at))
    });
    TransactionDescription {
        partitions: partitions.collect(),
        transactional_id: state.transactional_id,
        state: state.transaction_state,
        timeout: Duration::from_millis(u64::try_from(state.transaction_timeout_ms).unwrap_or(0)),
        started_at_millis: (state.transaction_start_time_ms >= 0)
            .then_some(state.transaction_start_time_ms),
        producer_id: state.producer_id,
        producer_epoch: state.producer_epoch,
    }
}
