//! The handle of a transactional producer.

use std::fmt;
use std::sync::Arc;

use super::Request;
use crate::client::ClientHandle;
use crate::core::Command;
use crate::error::Error;
use crate::operations::CommittedOffset;
use crate::pending::{Pending, Promise};
use crate::producer::{ProduceEvent, ProducerShared, SendError};
use crate::topic::TopicPartition;
use crate::wire::records::SealedBatch;

/// What a failed call means for the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nothing of the transaction is or will be visible once it is aborted: call
    /// [`abort`](TransactionalProducer::abort) and write it again. The producer goes on.
    MustAbort,
    /// The transaction was **not** committed and this producer is done: another one has taken the
    /// id over, or the broker has aborted by time-out. A new producer may take over in turn.
    Fenced,
    /// The broker may or may not have committed, and this producer is done. A new producer with
    /// the same id learns the truth: once its
    /// [`init`](TransactionalProducer::init) has succeeded, what was committed is visible.
    OutcomeUnknown,
    /// Nothing was committed by this call, and this producer is done for a reason that a repetition does
    /// not change.
    Fatal,
}

/// A failed call of a transactional producer.
#[derive(Debug, Clone)]
pub struct TransactionError {
    /// What it means for the transaction.
    pub failure: Failure,
    /// What happened.
    pub error: Error,
}

impl TransactionError {
    pub(crate) fn new(failure: Failure, error: Error) -> Self {
        Self { failure, error }
    }
}

impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.failure {
            Failure::MustAbort => "the transaction can only be aborted: ",
            Failure::Fenced => "the producer was fenced: ",
            Failure::OutcomeUnknown => "the outcome of the transaction is not known: ",
            Failure::Fatal => "",
        })?;
        self.error.fmt(f)
    }
}

impl std::error::Error for TransactionError {}

/// Result of a call of a transactional producer.
pub type TransactionResult<T> = std::result::Result<T, TransactionError>;

/// What the broker gave a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerIdentity {
    /// Producer id.
    pub id: i64,
    /// Epoch; a producer with a higher one, or with a newer id, fences this one.
    pub epoch: i16,
    /// Version of the transaction protocol (KIP-890): 1, or 2.
    pub protocol: u8,
}

/// The consumer group membership behind offsets, so that a member that was replaced cannot commit
/// (KIP-447). Without membership: [`GroupMember::default`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// Generation, or member epoch; −1 without membership.
    pub generation: i32,
    /// Member id; empty without membership.
    pub member_id: String,
    /// Static instance id.
    pub instance_id: Option<String>,
}

impl Default for GroupMember {
    fn default() -> Self {
        Self { generation: -1, member_id: String::new(), instance_id: None }
    }
}

/// Writes batches and offsets in transactions: readers of committed data see all of a transaction
/// or nothing of it.
///
/// A transaction begins with the first batch or offsets after the last one ended. What is sent
/// while a commit is under way belongs to the next transaction and waits for the outcome.
#[derive(Debug)]
pub struct TransactionalProducer {
    id: u64,
    client: Arc<ClientHandle>,
    shared: Arc<ProducerShared>,
}

impl TransactionalProducer {
    pub(crate) fn new(id: u64, client: Arc<ClientHandle>, shared: Arc<ProducerShared>) -> Self {
        Self { id, client, shared }
    }

    /// Takes the transactional id over: older producers with it are fenced, and an open transaction
    /// of theirs is aborted. Every transaction of the id before has its final outcome, visible to
    /// all readers, when this succeeds. Must be called first, and once.
    ///
    /// # Errors
    /// [`Failure::Fatal`] with the reason.
    pub fn init(&self) -> Pending<TransactionResult<ProducerIdentity>> {
        self.call(Request::Init)
    }

    /// Queues a batch into the current transaction; its end comes as an event with `tag`.
    ///
    /// # Errors
    /// As [`Producer::send`](crate::producer::Producer::send). What is wrong with the transaction
    /// is told by the events and by [`commit`](Self::commit).
    pub fn send(
        &self,
        topic: &Arc<str>,
        partition: i32,
        batch: SealedBatch,
        tag: u64,
    ) -> Result<(), SendError> {
        let limit = self.client.config().buffer_memory;
        let batch = self.shared.admit(&self.client, batch, limit)?;
        let partition = TopicPartition { topic: Arc::clone(topic), partition };
        self.request(Request::Send { partition, batch, tag });
        Ok(())
    }

    /// Commits offsets of a group with the current transaction.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn send_offsets(
        &self,
        group: &str,
        member: &GroupMember,
        offsets: &[(TopicPartition, CommittedOffset)],
    ) -> Pending<TransactionResult<()>> {
        let (group, member, offsets) = (group.to_owned(), member.clone(), offsets.to_vec());
        self.call(|promise| Request::Offsets { group, member, offsets, promise })
    }

    /// Writes out what was sent and commits. Without anything sent there is nothing to do.
    ///
    /// # Errors
    /// See [`Failure`]. Success is only reported when the broker has said so.
    pub fn commit(&self) -> Pending<TransactionResult<()>> {
        self.call(|promise| Request::End { commit: true, promise })
    }

    /// Drops what was sent and aborts.
    ///
    /// # Errors
    /// See [`Failure`]; never [`Failure::MustAbort`].
    pub fn abort(&self) -> Pending<TransactionResult<()>> {
        self.call(|promise| Request::End { commit: false, promise })
    }

    /// The next event of a batch, if there is one. The waker is called when there may be one again.
    pub fn poll(&self) -> Option<ProduceEvent> {
        self.shared.next()
    }

    /// Bytes of batches without an event yet.
    pub fn in_flight_bytes(&self) -> usize {
        self.shared.held()
    }

    fn call<T: Send + 'static>(
        &self,
        request: impl FnOnce(Promise<TransactionResult<T>>) -> Request,
    ) -> Pending<TransactionResult<T>> {
        let (promise, pending) =
            Promise::new(|| Err(TransactionError::new(Failure::OutcomeUnknown, Error::closed())));
        self.request(request(promise));
        pending
    }

    fn request(&self, request: Request) {
        self.client.command(Command::Transact { producer: self.id, request });
    }
}

impl Drop for TransactionalProducer {
    fn drop(&mut self) {
        self.client.command(Command::CloseTransactional { producer: self.id });
    }
}
