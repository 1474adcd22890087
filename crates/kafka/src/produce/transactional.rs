//! What is different when the batches belong to transactions: the identity is given from outside,
//! a batch may only go where the transaction is known, and no lost batch is made up for.

use std::collections::{BTreeMap, BTreeSet};

use super::{IdentityState, ProduceMachine};
use crate::apis::AnyRequest;
use crate::error::Error;
use crate::topic::TopicPartition;
use crate::wire::messages::produce::ProduceRequest;

use super::queue::{Identity, Reset};

/// Highest Produce version of transactions of version 1: later ones add partitions by themselves
/// (KIP-890).
const V1_PRODUCE_MAX: i16 = 11;

/// See the module.
#[derive(Debug)]
pub(super) struct Transactional {
    pub(super) id: String,
    /// Version 1: where batches may go. `None` with version 2: everywhere.
    admitted: Option<BTreeSet<TopicPartition>>,
    /// Why nothing is sent any more: the transaction can only be aborted.
    given_up: Option<Error>,
}

impl Transactional {
    pub(super) fn allows(&self, tp: &TopicPartition) -> bool {
        self.given_up.is_none()
            && self.admitted.as_ref().is_none_or(|admitted| admitted.contains(tp))
    }

    pub(super) fn request(&self, mut request: ProduceRequest) -> AnyRequest {
        request.transactional_id = Some(self.id.clone());
        match self.admitted {
            Some(_) => AnyRequest::Capped(Box::new(request.into()), V1_PRODUCE_MAX),
            None => request.into(),
        }
    }
}

impl ProduceMachine {
    /// A machine that sends nothing before [`begin`](Self::begin).
    pub(crate) fn transactional(id: u64, transactional_id: &str) -> Self {
        let mut machine = Self::new(id);
        machine.transaction = Some(Transactional {
            id: transactional_id.to_owned(),
            admitted: Some(BTreeSet::new()),
            given_up: None,
        });
        machine
    }

    /// The next transaction, written with this identity.
    pub(crate) fn begin(
        &mut self,
        identity: Option<Identity>,
        admitted: Option<BTreeSet<TopicPartition>>,
    ) {
        if let Some(identity) = identity {
            self.identity = IdentityState::Ready(identity);
        }
        if let Some(transaction) = &mut self.transaction {
            transaction.admitted = admitted;
            transaction.given_up = None;
        }
        for queue in self.queues.values_mut() {
            queue.reset = Reset::No;
        }
    }

    /// Version 1: batches may go to these partitions.
    pub(crate) fn admit(&mut self, partitions: &BTreeSet<TopicPartition>) {
        if let Some(transaction) = &mut self.transaction {
            transaction.admitted = Some(partitions.clone());
        }
    }

    /// Partitions with batches that are not among `known`.
    pub(crate) fn unadmitted(&self, known: &BTreeSet<TopicPartition>) -> Vec<TopicPartition> {
        self.active.difference(known).cloned().collect()
    }

    /// Gives up everything that is not in a request; what is in one is waited for and given up
    /// unless it was written. The first reason counts.
    pub(crate) fn give_up(&mut self, error: &Error) {
        if let Some(transaction) = &mut self.transaction {
            transaction.given_up.get_or_insert_with(|| error.clone());
        }
        self.drop_given_up();
    }

    pub(super) fn drop_given_up(&mut self) {
        let given_up = self.transaction.as_ref().and_then(|open| open.given_up.clone());
        let Some(error) = given_up else { return };
        let mut dropped = Vec::new();
        for tp in &self.active {
            let batches = self.queues.get(tp).into_iter().flat_map(|queue| &queue.batches);
            let idle = batches.filter(|batch| !batch.in_flight);
            dropped.extend(idle.map(|batch| (tp.clone(), batch.id)));
        }
        for (tp, id) in dropped {
            self.fail(&tp, id, error.clone());
        }
    }

    /// The producer is done.
    pub(crate) fn stop(&mut self, error: &Error) {
        self.give_up(error);
        self.fail_all(error);
        self.requests = BTreeMap::new();
    }

    /// Whether every batch has its event and no request is out.
    pub(crate) fn is_idle(&self) -> bool {
        self.active.is_empty() && self.requests.is_empty()
    }

    /// Whether a request is out.
    pub(crate) fn has_sent(&self) -> bool {
        !self.requests.is_empty()
    }
}
