//! The APIs of transactions (KIP-98, KIP-664, KIP-890).

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::describe_transactions_response::{
    TopicData, TransactionState as DescribedTransaction,
};
use kafka_protocol::messages::list_transactions_response::TransactionState as ListedTransaction;
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse, DescribeTransactionsRequest, DescribeTransactionsResponse,
    EndTxnRequest, EndTxnResponse, InitProducerIdRequest, InitProducerIdResponse,
    ListTransactionsRequest, ListTransactionsResponse, ProducerId, TransactionalId,
    TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};

use super::{Answer, respond, text, topic_name};
use crate::cluster::{Cluster, millis};
use crate::groups::{self, Committed};
use crate::transactions::{Identity, State, UNSEEN_STATES};
use crate::wire::Request;

/// First versions whose answers may hold the newer name of an error.
const FENCED_SINCE: i16 = 2;
/// First version of TxnOffsetCommit that also adds the group to the transaction.
const OFFSETS_ADD_GROUP_SINCE: i16 = 5;
/// First version of EndTxn with the rules of transactions of version 2.
const END_BUMPS_SINCE: i16 = 5;

/// Requests before version 2 know PRODUCER_FENCED as INVALID_PRODUCER_EPOCH.
fn code(error: ResponseError, version: i16) -> i16 {
    match error {
        ResponseError::ProducerFenced if version < FENCED_SINCE => {
            ResponseError::InvalidProducerEpoch.code()
        }
        error => error.code(),
    }
}

pub(super) fn init_producer_id(
    cluster: &mut Cluster,
    request: &Request,
    body: &InitProducerIdRequest,
    id: &TransactionalId,
    now: Duration,
) -> Answer {
    let timeout = u64::try_from(body.transaction_timeout_ms).ok().map(Duration::from_millis);
    let max = cluster.config.transaction_timeout_max;
    let expected = (body.producer_id.0 >= 0)
        .then_some(Identity { id: body.producer_id.0, epoch: body.producer_epoch });
    let outcome = match timeout.filter(|timeout| !timeout.is_zero() && *timeout <= max) {
        _ if (body.producer_id.0 < 0) != (body.producer_epoch < 0) => {
            Err(ResponseError::InvalidRequest)
        }
        None if !id.is_empty() => Err(ResponseError::InvalidTransactionTimeout),
        timeout => cluster.transactions.init(
            id,
            timeout.unwrap_or_default(),
            expected,
            &mut cluster.next_producer_id,
            now,
        ),
    };
    cluster.complete(now);
    let response = match outcome {
        Ok(identity) => InitProducerIdResponse::default()
            .with_producer_id(ProducerId(identity.id))
            .with_producer_epoch(identity.epoch),
        Err(error) => InitProducerIdResponse::default()
            // PRODUCER_FENCED is known from version 4 on.
            .with_error_code(code(error, request.version - 2))
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1),
    };
    respond(cluster, request, &response)
}

pub(super) fn add_partitions(cluster: &mut Cluster, request: &Request, now: Duration) -> Answer {
    let body: AddPartitionsToTxnRequest = request.decode()?;
    let from =
        Identity { id: body.v3_and_below_producer_id.0, epoch: body.v3_and_below_producer_epoch };
    let topics = &body.v3_and_below_topics;
    let all = topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(move |index| (topic.name.to_string(), *index))
    });
    let missing = all.clone().any(|(topic, index)| !exists(cluster, &topic, index));
    let id = &body.v3_and_below_transactional_id;
    // All or nothing: one unknown partition leaves the others untried.
    let outcome = if missing {
        Err(ResponseError::OperationNotAttempted)
    } else {
        cluster.transactions.add(id, from, all, None, now)
    };
    let results = topics
        .iter()
        .map(|topic| {
            let results = topic
                .partitions
                .iter()
                .map(|index| {
                    let error = match outcome {
                        Err(_) if missing && !exists(cluster, &topic.name, *index) => {
                            ResponseError::UnknownTopicOrPartition.code()
                        }
                        Err(error) => code(error, request.version),
                        Ok(()) => 0,
                    };
                    AddPartitionsToTxnPartitionResult::default()
                        .with_partition_index(*index)
                        .with_partition_error_code(error)
                })
                .collect();
            AddPartitionsToTxnTopicResult::default()
                .with_name(topic.name.clone())
                .with_results_by_partition(results)
        })
        .collect();
    let response =
        AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(results);
    respond(cluster, request, &response)
}

fn exists(cluster: &Cluster, topic: &str, index: i32) -> bool {
    cluster.topics.get(topic).and_then(|topic| topic.partition(index)).is_some()
}

pub(super) fn add_offsets(cluster: &mut Cluster, request: &Request, now: Duration) -> Answer {
    let body: AddOffsetsToTxnRequest = request.decode()?;
    let from = Identity { id: body.producer_id.0, epoch: body.producer_epoch };
    let outcome = cluster.groups.offsets.admit(&body.group_id).and_then(|()| {
        cluster.transactions.add(
            &body.transactional_id,
            from,
            [],
            Some(body.group_id.as_str()),
            now,
        )
    });
    let response = AddOffsetsToTxnResponse::default()
        .with_error_code(outcome.err().map_or(0, |error| code(error, request.version)));
    respond(cluster, request, &response)
}

pub(super) fn commit_offsets(cluster: &mut Cluster, request: &Request, now: Duration) -> Answer {
    let body: TxnOffsetCommitRequest = request.decode()?;
    let refused = admit_offsets(cluster, &body, request.version, now).err();
    let mut topics = Vec::with_capacity(body.topics.len());
    for topic in &body.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let index = partition.partition_index;
            let outcome = match refused {
                Some(error) => Err(error),
                None if !exists(cluster, &topic.name, index) => {
                    Err(ResponseError::UnknownTopicOrPartition)
                }
                None => {
                    let metadata = partition.committed_metadata.as_deref().unwrap_or_default();
                    let committed = Committed {
                        offset: partition.committed_offset,
                        leader_epoch: partition.committed_leader_epoch,
                        metadata: metadata.to_owned(),
                    };
                    let producer = body.producer_id.0;
                    cluster.groups.offsets.stage(
                        producer,
                        &body.group_id,
                        &topic.name,
                        index,
                        committed,
                    )
                }
            };
            partitions.push(
                TxnOffsetCommitResponsePartition::default()
                    .with_partition_index(index)
                    .with_error_code(outcome.err().map_or(0, |error| error.code())),
            );
        }
        topics.push(
            TxnOffsetCommitResponseTopic::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions),
        );
    }
    respond(cluster, request, &TxnOffsetCommitResponse::default().with_topics(topics))
}

fn admit_offsets(
    cluster: &mut Cluster,
    body: &TxnOffsetCommitRequest,
    version: i16,
    now: Duration,
) -> Result<(), ResponseError> {
    let member =
        groups::Identity { member: &body.member_id, instance: body.group_instance_id.as_deref() };
    cluster.groups.may_commit(&body.group_id, &member, body.generation_id, true, now)?;
    let from = Identity { id: body.producer_id.0, epoch: body.producer_epoch };
    let (id, group) = (&body.transactional_id, Some(body.group_id.as_str()));
    let outcome = if version >= OFFSETS_ADD_GROUP_SINCE {
        cluster.transactions.add(id, from, [], group, now)
    } else {
        cluster.transactions.verify(id, from, None, group)
    };
    outcome.map_err(|error| match error {
        ResponseError::ProducerFenced => ResponseError::InvalidProducerEpoch,
        ResponseError::TransactionAbortable if version < 4 => ResponseError::InvalidTxnState,
        // Producers of version 1 do not expect it here.
        ResponseError::ConcurrentTransactions if version < OFFSETS_ADD_GROUP_SINCE => {
            ResponseError::CoordinatorNotAvailable
        }
        error => error,
    })
}

pub(super) fn end(cluster: &mut Cluster, request: &Request, now: Duration) -> Answer {
    let body: EndTxnRequest = request.decode()?;
    let from = Identity { id: body.producer_id.0, epoch: body.producer_epoch };
    let v2 = request.version >= END_BUMPS_SINCE;
    let outcome = cluster.transactions.end(
        &body.transactional_id,
        from,
        body.committed,
        v2,
        &mut cluster.next_producer_id,
        now,
    );
    cluster.complete(now);
    let response = match outcome {
        Ok(next) => answered(next, v2),
        Err(error) => EndTxnResponse::default()
            .with_error_code(code(error, request.version))
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1),
    };
    respond(cluster, request, &response)
}

fn answered(next: Identity, v2: bool) -> EndTxnResponse {
    let (id, epoch) = if v2 { (next.id, next.epoch) } else { (-1, -1) };
    EndTxnResponse::default().with_producer_id(ProducerId(id)).with_producer_epoch(epoch)
}

pub(super) fn describe(cluster: &Cluster, request: &Request) -> Answer {
    let body: DescribeTransactionsRequest = request.decode()?;
    let states = body
        .transactional_ids
        .iter()
        .map(|id| {
            let answer = DescribedTransaction::default().with_transactional_id(id.clone());
            let Some(known) = cluster.transactions.get(id) else {
                return answer
                    .with_error_code(ResponseError::TransactionalIdNotFound.code())
                    .with_producer_id(ProducerId(-1));
            };
            let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
            for (topic, index) in &known.partitions {
                topics.entry(topic).or_default().push(*index);
            }
            let started = match known.state {
                state if state.is_open() => millis(known.started_at),
                _ => -1,
            };
            answer
                .with_transaction_state(text(known.state.name()))
                .with_transaction_timeout_ms(
                    i32::try_from(known.timeout.as_millis()).unwrap_or(i32::MAX),
                )
                .with_transaction_start_time_ms(started)
                .with_producer_id(ProducerId(known.identity.id))
                .with_producer_epoch(known.identity.epoch)
                .with_topics(
                    topics
                        .into_iter()
                        .map(|(topic, partitions)| {
                            TopicData::default()
                                .with_topic(topic_name(topic))
                                .with_partitions(partitions)
                        })
                        .collect(),
                )
        })
        .collect();
    let response = DescribeTransactionsResponse::default().with_transaction_states(states);
    respond(cluster, request, &response)
}

pub(super) fn list(cluster: &Cluster, request: &Request, now: Duration) -> Answer {
    let body: ListTransactionsRequest = request.decode()?;
    let known_name = |name: &str| {
        State::ALL.iter().any(|state| state.name() == name) || UNSEEN_STATES.contains(&name)
    };
    let unknown = body.state_filters.iter().filter(|name| !known_name(name)).cloned().collect();
    let min = u64::try_from(body.duration_filter).map(Duration::from_millis).ok();
    let states = cluster
        .transactions
        .iter()
        .filter(|(_, known)| {
            let states = &body.state_filters;
            let ids = &body.producer_id_filters;
            (states.is_empty() || states.iter().any(|name| **name == *known.state.name()))
                && (ids.is_empty() || ids.iter().any(|id| id.0 == known.identity.id))
                && min.is_none_or(|min| {
                    known.state.is_open() && now.saturating_sub(known.started_at) > min
                })
        })
        .map(|(id, known)| {
            ListedTransaction::default()
                .with_transactional_id(TransactionalId(text(id)))
                .with_producer_id(ProducerId(known.identity.id))
                .with_transaction_state(text(known.state.name()))
        })
        .collect();
    let response = ListTransactionsResponse::default()
        .with_unknown_state_filters(unknown)
        .with_transaction_states(states);
    respond(cluster, request, &response)
}
