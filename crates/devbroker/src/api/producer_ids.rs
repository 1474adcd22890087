//! InitProducerId for idempotent producers.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

use super::{Answer, respond};
use crate::cluster::Cluster;
use crate::wire::Request;

pub(super) fn init(cluster: &mut Cluster, request: &Request) -> Answer {
    let body: InitProducerIdRequest = request.decode()?;
    let response = if body.transactional_id.is_some() {
        InitProducerIdResponse::default()
            .with_error_code(ResponseError::InvalidRequest.code())
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1)
    } else {
        // Without a transactional id every request gets an id of its own, as in Kafka.
        let id = cluster.next_producer_id;
        cluster.next_producer_id += 1;
        InitProducerIdResponse::default().with_producer_id(ProducerId(id)).with_producer_epoch(0)
    };
    respond(cluster, request, &response)
}
