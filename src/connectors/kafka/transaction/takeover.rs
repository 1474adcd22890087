//! Takes a job over: its earlier runs can commit nothing any more, and what they have committed is known.
//!
//! ```text
//! topic there ─▶ whose is it? ─▶ InitProducerId ─▶ read the last record
//!                (where it was written under another id: InitProducerId of that one before)
//! ```
//! After InitProducerId has succeeded every transaction of the job before is decided and visible, so that what is read
//! then is the truth: no outcome is ever guessed.

use super::plan::{JobTransaction, Names};
use super::record::ProgressRecord;
use super::refusal::{Doing, not_fenced, of_call};
use super::shared::Transaction;
use super::store::ReadLast;
use super::topic::Ensure;
use crate::base::Result;
use crate::table::Waker;
use brooklet_kafka::crash::point;
use brooklet_kafka::pending::Pending;
use brooklet_kafka::transaction::{ProducerIdentity, TransactionResult};
use brooklet_kafka::{Client, Isolation};
use std::sync::Arc;
use std::time::Duration;

type Initialized = Pending<TransactionResult<ProducerIdentity>>;

/// What is taken over, and with what.
pub(in crate::connectors::kafka) struct Takeover {
    plan: Arc<JobTransaction>,
    client: Client,
    names: Names,
    /// What the sinks ask for.
    timeout: Duration,
    waker: Waker,
    transaction: Option<Arc<Transaction>>,
    /// The id that the job wrote under before its prefix was changed, with the transaction that fences its runs.
    former: Option<(String, Transaction)>,
    work: Work,
}

#[derive(Debug)]
enum Work {
    Ensuring(Ensure),
    /// Whose the job is, before anything is fenced.
    Looking(ReadLast),
    Initializing(Initialized),
    Reading(ReadLast),
    /// Fences the runs under the former id.
    Fencing(Initialized),
}

impl std::fmt::Debug for Takeover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Takeover");
        shown.field("names", &self.names).field("work", &self.work).finish_non_exhaustive()
    }
}

impl Takeover {
    pub(in crate::connectors::kafka) fn start(
        plan: &Arc<JobTransaction>,
        client: &Client,
        names: &Names,
        timeout: Duration,
        waker: &Waker,
    ) -> Takeover {
        Takeover {
            plan: Arc::clone(plan),
            client: client.clone(),
            names: names.clone(),
            timeout,
            waker: Arc::clone(waker),
            transaction: None,
            former: None,
            work: Work::Ensuring(Ensure::start(client, names, !plan.state().claimed, waker)),
        }
    }

    /// The transaction under the job's id, and its last record if there is one, once both are there. Whether the job may
    /// be taken over is for `check` to say about whatever record is found on the way, and whether all transactions of the
    /// job were decided when it was read: before, what was committed may not be visible yet.
    pub(in crate::connectors::kafka) fn poll(
        &mut self,
        check: &dyn Fn(Option<&ProgressRecord>, bool) -> Result<()>,
        now: Duration,
    ) -> Result<Option<(Arc<Transaction>, Option<ProgressRecord>)>> {
        loop {
            match &mut self.work {
                Work::Ensuring(ensure) => {
                    if !ensure.poll(&self.client, &self.names, &self.waker, now)? {
                        return Ok(None);
                    }
                    self.work = Work::Looking(self.read(Isolation::ReadCommitted));
                }
                Work::Looking(read) => {
                    let found = read.poll(&self.client, &self.names, &self.waker, now)?;
                    let Some(found) = found else { return Ok(None) };
                    check(found.as_ref(), false)?;
                    match self.unfenced(found.as_ref()) {
                        Some(former) => self.fence(former),
                        None => self.initialize(),
                    }
                }
                Work::Initializing(pending) => match pending.try_take() {
                    None => return Ok(None),
                    Some(Ok(_)) => {
                        point("recover", "fenced");
                        self.work = Work::Reading(self.read(Isolation::ReadUncommitted));
                    }
                    Some(Err(error)) if self.plan.shorten(&error, self.timeout) => {
                        self.initialize();
                    }
                    Some(Err(error)) => {
                        return Err(of_call(&error, Doing::Recovering, &self.names, &self.client));
                    }
                },
                Work::Reading(read) => {
                    let found = read.poll(&self.client, &self.names, &self.waker, now)?;
                    let Some(found) = found else { return Ok(None) };
                    point("recover", "read");
                    check(found.as_ref(), true)?;
                    match (self.unfenced(found.as_ref()), &self.transaction) {
                        (Some(former), _) => self.fence(former),
                        (None, Some(transaction)) => {
                            return Ok(Some((Arc::clone(transaction), found)));
                        }
                        (None, None) => self.initialize(),
                    }
                }
                Work::Fencing(pending) => match pending.try_take() {
                    None => return Ok(None),
                    Some(Ok(_)) => {
                        point("recover", "former");
                        match &self.transaction {
                            None => self.initialize(),
                            // It claimed the job meanwhile, and what it was committing may have come through.
                            Some(_) => {
                                self.work = Work::Reading(self.read(Isolation::ReadUncommitted));
                            }
                        }
                    }
                    Some(Err(error)) => {
                        let former = self.former.take().map(|(id, _)| id).unwrap_or_default();
                        if !self.plan.shorten(&error, self.timeout) {
                            return Err(not_fenced(&error, &former, &self.names, &self.client));
                        }
                        self.fence(former);
                    }
                },
            }
        }
    }

    fn read(&self, upto: Isolation) -> ReadLast {
        ReadLast::start(&self.client, &self.names, upto, &self.waker)
    }

    /// Fences every earlier run and waits until its transactions are decided.
    fn initialize(&mut self) {
        let (id, wanted) = (&self.names.id, self.timeout);
        let (transaction, pending) = self.plan.initialize(&self.client, id, wanted, &self.waker);
        self.transaction = Some(transaction);
        self.work = Work::Initializing(pending);
    }

    /// The id that the record was written under, where that is not this run's and its runs may go on.
    fn unfenced(&self, found: Option<&ProgressRecord>) -> Option<String> {
        let fenced = self.former.as_ref().map(|(id, _)| id);
        let id = &found?.transactional_id;
        (!id.is_empty() && *id != self.names.id && Some(id) != fenced).then(|| id.clone())
    }

    /// Fences the runs under an id that the job had before its prefix was changed, and aborts what they have open.
    fn fence(&mut self, id: String) {
        let timeout = self.plan.timeout(self.timeout);
        let transaction = Transaction::new(&self.client, &id, timeout, Arc::clone(&self.waker));
        let pending = transaction.init();
        pending.on_ready(Arc::clone(&self.waker));
        self.former = Some((id, transaction));
        self.work = Work::Fencing(pending);
    }

    pub(in crate::connectors::kafka) fn wake_at(&self) -> Option<Duration> {
        match &self.work {
            Work::Ensuring(ensure) => ensure.wake_at(),
            Work::Looking(read) | Work::Reading(read) => read.wake_at(),
            Work::Initializing(_) | Work::Fencing(_) => None,
        }
    }
}
