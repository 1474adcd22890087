//! Settles who keeps the progress of an exactly-once job: one process alone in the progress topic, or several in the group.
//!
//! The first leader of a run takes the job's own transactional id over, which ends a process that runs the job alone, and
//! reads the progress topic. What it then stores says in one transaction that the job is shared, and where the group goes
//! on. A process that runs the job alone finds that record and refuses to start.

use super::domain::Exact;
use crate::base::Result;
use crate::connectors::kafka::transaction::record::ProgressRecord;
use crate::connectors::kafka::transaction::{
    Doing, Ending, Ensure, ReadLast, Transaction, of_call, seal, unsent,
};
use crate::table::{Position, Waker};
use crate::types::SplitId;
use brooklet_kafka::pending::Pending;
use brooklet_kafka::transaction::{GroupMember, ProducerIdentity, TransactionResult};
use brooklet_kafka::{Client, CommittedOffset, Isolation, TopicPartition};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What the progress topic says.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing, or that the job begins anew.
    Nothing,
    /// The group's offsets are the progress.
    Shared,
    /// One process has come to here.
    Alone(BTreeMap<SplitId, Position>),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Adopt {
    transaction: Option<Arc<Transaction>>,
    work: Work,
    /// Epochs go on behind this one.
    epoch: u64,
}

#[derive(Debug)]
enum Work {
    Ensuring(Ensure),
    Initializing(Pending<TransactionResult<ProducerIdentity>>),
    Reading(ReadLast),
}

impl Adopt {
    pub(super) fn start(exact: &Exact, client: &Client, waker: &Waker) -> Adopt {
        let ensure = Ensure::start(client, &exact.names, waker);
        Adopt { transaction: None, work: Work::Ensuring(ensure), epoch: 0 }
    }

    /// What is found, once it is.
    pub(super) fn poll(
        &mut self,
        exact: &Exact,
        client: &Client,
        waker: &Waker,
        now: Duration,
    ) -> Result<Option<Found>> {
        let names = &exact.names;
        loop {
            match &mut self.work {
                Work::Ensuring(ensure) => {
                    if !ensure.poll(client, names, waker, now)? {
                        return Ok(None);
                    }
                    self.initialize(exact, client, waker);
                }
                Work::Initializing(pending) => match pending.try_take() {
                    None => return Ok(None),
                    Some(Ok(_)) => {
                        let everything = Isolation::ReadUncommitted;
                        let read = ReadLast::start(client, names, everything, waker);
                        self.work = Work::Reading(read);
                    }
                    Some(Err(error)) if exact.plan.shorten(&error, exact.timeout) => {
                        self.initialize(exact, client, waker);
                    }
                    Some(Err(error)) => {
                        return Err(of_call(&error, Doing::Recovering, names, client));
                    }
                },
                Work::Reading(read) => {
                    let Some(found) = read.poll(client, names, waker, now)? else {
                        return Ok(None);
                    };
                    self.epoch = found.as_ref().map_or(0, |record| record.epoch);
                    return Ok(Some(match found {
                        Some(record) if record.finished => Found::Nothing,
                        Some(record) if record.shared => Found::Shared,
                        Some(record) => {
                            let scans = record.scans.into_iter();
                            match scans.flat_map(|scan| scan.positions).collect::<BTreeMap<_, _>>()
                            {
                                none if none.is_empty() => Found::Nothing,
                                positions => Found::Alone(positions),
                            }
                        }
                        None => Found::Nothing,
                    }));
                }
            }
        }
    }

    fn initialize(&mut self, exact: &Exact, client: &Client, waker: &Waker) {
        let timeout = exact.plan.timeout(exact.timeout);
        let transaction = Transaction::new(client, &exact.names.id, timeout, Arc::clone(waker));
        let pending = transaction.init();
        pending.on_ready(Arc::clone(waker));
        self.transaction = Some(Arc::new(transaction));
        self.work = Work::Initializing(pending);
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Says that the job is shared and where its group goes on, in one transaction.
    pub(super) fn store(
        &self,
        exact: &Exact,
        group: &str,
        offsets: Vec<(TopicPartition, CommittedOffset)>,
        member: &GroupMember,
        at_millis: i64,
    ) -> Result<Option<Ending>> {
        let Some(transaction) = &self.transaction else { return Ok(None) };
        let record = ProgressRecord {
            job: exact.names.job.clone(),
            epoch: self.epoch,
            transactional_id: exact.names.id.clone(),
            incarnation: exact.names.incarnation.clone(),
            shared: true,
            ..ProgressRecord::default()
        };
        let batch = seal(&record, at_millis)?;
        let mut groups = vec![(group.to_owned(), offsets)];
        groups.retain(|(_, offsets)| !offsets.is_empty());
        let topic = Arc::clone(&exact.names.topic);
        let ending = transaction.end(Some((&topic, batch)), &groups, member, 1);
        ending.map(Some).map_err(|error| unsent(&error))
    }

    pub(super) fn wake_at(&self) -> Option<Duration> {
        match &self.work {
            Work::Ensuring(ensure) => ensure.wake_at(),
            Work::Reading(read) => read.wake_at(),
            Work::Initializing(_) => None,
        }
    }
}
