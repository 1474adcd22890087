//! Where a writer's batches go: to a producer of its own, or into the transaction of its job.

use super::transaction::Transaction;
use crate::table::Epoch;
use brooklet_kafka::producer::{ProduceEvent, Producer, SendError};
use brooklet_kafka::wire::records::SealedBatch;
use std::sync::Arc;

/// See the module. Tags of events are epochs.
#[derive(Debug)]
pub(super) enum Outlet {
    Own(Producer),
    Shared { transaction: Arc<Transaction>, writer: usize },
}

impl Outlet {
    /// Hands a batch over; full also says that its epoch is not open yet.
    pub(super) fn send(
        &self,
        topic: &Arc<str>,
        partition: i32,
        batch: SealedBatch,
        epoch: Epoch,
    ) -> Result<(), SendError> {
        match self {
            Outlet::Own(producer) => producer.send(topic, partition, batch, epoch),
            Outlet::Shared { transaction, writer } => {
                transaction.send(*writer, topic, partition, batch, epoch)
            }
        }
    }

    pub(super) fn poll(&self) -> Option<ProduceEvent> {
        match self {
            Outlet::Own(producer) => producer.poll(),
            Outlet::Shared { transaction, writer } => transaction.poll(*writer),
        }
    }
    /// Whether the brokers know no idempotent producers; with transactions they do.
    pub(super) fn lacks_idempotence(&self) -> bool {
        matches!(self, Outlet::Own(producer) if producer.lacks_idempotence())
    }
}
