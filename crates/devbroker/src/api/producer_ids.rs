//! InitProducerId: producers with and without a transactional id.

use std::time::Duration;

use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

use super::{Answer, respond, transactions};
use crate::cluster::Cluster;
use crate::wire::Request;

pub(super) fn init(cluster: &mut Cluster, request: &Request, now: Duration) -> Answer {
    let body: InitProducerIdRequest = request.decode()?;
    if let Some(transactional_id) = &body.transactional_id {
        return transactions::init_producer_id(cluster, request, &body, transactional_id, now);
    }
    // Without a transactional id every request gets an id of its own, as in Kafka.
    let id = cluster.next_producer_id;
    cluster.next_producer_id += 1;
    let response =
        InitProducerIdResponse::default().with_producer_id(ProducerId(id)).with_producer_epoch(0);
    respond(cluster, request, &response)
}
