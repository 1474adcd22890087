//! Produce: checks of a batch, idempotence, append.

use std::time::Duration;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use super::{Answer, Outcome, respond, text};
use crate::broker::CloseReason;
use crate::cluster::{Cluster, Touched, millis};
use crate::log::batch::{self, BatchError};
use crate::log::producers::Sequence;
use crate::log::records;
use crate::topics::Refused;
use crate::transactions::{Identity, Transactions};
use crate::wire::Request;

/// The last version that does not add partitions to transactions.
const PRODUCE_BEFORE_IMPLICIT_ADD: i16 = 11;

/// Where a batch is in the log.
struct Stored {
    base_offset: i64,
    append_time: i64,
    log_start: i64,
}

pub(super) fn answer(cluster: &mut Cluster, request: &Request, now: Duration) -> Answer {
    let body: ProduceRequest = request.decode()?;
    let for_all = refused_as_a_whole(&body);
    let mut responses = Vec::with_capacity(body.topic_data.len());
    let mut first_refusal = None;
    for data in &body.topic_data {
        let name = if request.version >= 13 {
            cluster
                .topics
                .name(data.topic_id)
                .map(str::to_owned)
                .ok_or(ResponseError::UnknownTopicId)
        } else {
            Ok(data.name.to_string())
        };
        let mut partitions = Vec::with_capacity(data.partition_data.len());
        for partition in &data.partition_data {
            let outcome = match (&for_all, &name) {
                (Some(refused), _) => Err(refused.clone()),
                (None, Err(error)) => Err(Refused::new(*error, error.to_string())),
                (None, Ok(name)) => append(cluster, name, partition, &body, request.version, now),
            };
            let response = PartitionProduceResponse::default().with_index(partition.index);
            partitions.push(match outcome {
                Ok(stored) => response
                    .with_base_offset(stored.base_offset)
                    .with_log_append_time_ms(stored.append_time)
                    .with_log_start_offset(stored.log_start),
                Err(refused) => {
                    first_refusal.get_or_insert_with(|| refused.message.clone());
                    response
                        .with_error_code(refused.error.code())
                        .with_error_message(Some(text(refused.message)))
                        .with_base_offset(-1)
                        .with_log_append_time_ms(-1)
                        .with_log_start_offset(-1)
                }
            });
        }
        responses.push(
            TopicProduceResponse::default()
                .with_name(data.name.clone())
                .with_topic_id(data.topic_id)
                .with_partition_responses(partitions),
        );
    }
    match (body.acks, first_refusal) {
        (0, None) => Ok(Outcome::Silent),
        (0, Some(error)) => Err(CloseReason::RefusedWithoutAck { error }),
        _ => respond(cluster, request, &ProduceResponse::default().with_responses(responses)),
    }
}

fn refused_as_a_whole(body: &ProduceRequest) -> Option<Refused> {
    (!matches!(body.acks, -1..=1))
        .then(|| Refused::new(ResponseError::InvalidRequiredAcks, "acks is neither 0, 1 nor -1"))
}

fn append(
    cluster: &mut Cluster,
    name: &str,
    data: &PartitionProduceData,
    body: &ProduceRequest,
    version: i16,
    now: Duration,
) -> Result<Stored, Refused> {
    let unknown = || {
        let error = ResponseError::UnknownTopicOrPartition;
        Refused::new(error, "This server does not host this topic-partition.")
    };
    let topic = cluster.topics.get(name).ok_or_else(unknown)?;
    let log = topic.partition(data.index).ok_or_else(unknown)?;
    let records = data.records.as_deref().unwrap_or_default();
    let header = batch::read_produced(records, version).map_err(refused_batch)?;
    if records.len() > topic.config.max_message_bytes {
        return Err(Refused::new(
            ResponseError::MessageTooLarge,
            format!(
                "the batch has {} bytes, above max.message.bytes = {}",
                records.len(),
                topic.config.max_message_bytes
            ),
        ));
    }
    if topic.config.compacted {
        let mut budget = cluster.config.limits.decompressed_bytes_max;
        // What cannot be read is for its readers to find: the broker looks for keys only.
        let found = records::find(records, &header, &mut budget, |record| !record.has_key);
        if let Ok(Some(_)) = found {
            let text = format!(
                "Compacted topic cannot accept message without key in topic partition {name}-{}",
                data.index
            );
            return Err(Refused::new(ResponseError::InvalidRecord, text));
        }
    }
    if header.is_transactional() {
        let id = body.transactional_id.as_ref().map(|id| id.as_str());
        let from = Identity { id: header.producer_id, epoch: header.producer_epoch };
        let partition = (name, data.index);
        join_transaction(&mut cluster.transactions, id, from, partition, version, now)?;
    }
    if header.producer_id >= 0 {
        let out_of_order = |error: ResponseError| {
            Err(Refused::new(
                error,
                format!(
                    "producer {} epoch {} sequence {}",
                    header.producer_id, header.producer_epoch, header.base_sequence
                ),
            ))
        };
        match log.producers.check(&header) {
            Sequence::Next => {}
            Sequence::Duplicate { base_offset, append_time } => {
                return Ok(Stored { base_offset, append_time, log_start: log.log_start() });
            }
            Sequence::Fenced => return out_of_order(ResponseError::InvalidProducerEpoch),
            Sequence::OutOfOrder => return out_of_order(ResponseError::OutOfOrderSequenceNumber),
        }
    }
    let (id, log_append_time) = (topic.id, topic.config.log_append_time);
    let now_ms = millis(now);
    let appended =
        cluster.topics.append(name, data.index, records, &header, now_ms).ok_or_else(unknown)?;
    cluster.touched.push(Touched {
        topic: id,
        partition: data.index,
        bytes: appended.bytes,
        stable_bytes: appended.stable_bytes,
    });
    Ok(Stored {
        base_offset: appended.base_offset,
        append_time: if log_append_time { now_ms } else { -1 },
        log_start: appended.log_start,
    })
}

/// Versions up to 11 come with AddPartitionsToTxn, later ones add the partition themselves
/// (KIP-890).
fn join_transaction(
    transactions: &mut Transactions,
    id: Option<&str>,
    from: Identity,
    (topic, partition): (&str, i32),
    version: i16,
    now: Duration,
) -> Result<(), Refused> {
    let Some(id) = id else {
        let text = "a batch of a transaction needs the transactional id in its request";
        return Err(Refused::new(ResponseError::InvalidTxnState, text));
    };
    let outcome = if version > PRODUCE_BEFORE_IMPLICIT_ADD {
        transactions.add(id, from, [(topic.to_owned(), partition)], None, now)
    } else {
        transactions.verify(id, from, Some((topic, partition)), None)
    };
    outcome.map_err(|error| {
        let error = match error {
            ResponseError::ProducerFenced => ResponseError::InvalidProducerEpoch,
            // Known from version 11 on.
            ResponseError::TransactionAbortable if version < PRODUCE_BEFORE_IMPLICIT_ADD => {
                ResponseError::InvalidTxnState
            }
            // Producers of version 1 do not expect it here; this they repeat without asking for metadata.
            ResponseError::ConcurrentTransactions if version <= PRODUCE_BEFORE_IMPLICIT_ADD => {
                ResponseError::NotEnoughReplicas
            }
            error => error,
        };
        Refused::new(error, format!("transactional id {id}: {error}"))
    })
}

fn refused_batch(error: BatchError) -> Refused {
    let (error, message) = match error {
        BatchError::Invalid(message) => (ResponseError::InvalidRecord, message),
        BatchError::Corrupt(message) => (ResponseError::CorruptMessage, message),
        BatchError::Timestamp(message) => (ResponseError::InvalidTimestamp, message),
        BatchError::Compression(message) => (ResponseError::UnsupportedCompressionType, message),
    };
    Refused::new(error, message)
}
