//! The handle of a client: synchronous, cheap to clone, usable from any thread.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::config::{ClientConfig, Isolation};
use crate::consumer::{Consumer, ConsumerShared};
use crate::core::Command;
use crate::error::{Error, Result};
use crate::group::{MemberMachine, MemberShared, Membership};
use crate::operations::{
    self, CommittedOffset, ListOffsets, ListedGroup, ListedOffset, ListedTransaction, NewTopic,
    OffsetSpec, TransactionDescription,
};
use crate::pending::{Pending, Promise, Waker};
use crate::producer::{Producer, ProducerShared};
use crate::topic::{ClusterInfo, PartitionInfo, TopicInfo, TopicPartition};
use crate::transaction::{GroupMember, TransactionalProducer};
use crate::transport::Network;

/// Results by topic name.
pub type PerTopic<T> = Vec<(String, Result<T>)>;

/// Partitions of topics, or why the brokers refuse them.
type Topics = BTreeMap<Arc<str>, Result<Arc<[PartitionInfo]>>>;

/// What the handles and the machine of a client share.
pub(crate) struct ClientShared {
    pub(crate) config: Arc<ClientConfig>,
    commands: Mutex<VecDeque<Command>>,
    /// Nothing will look at commands any more. Changes only under the lock of `commands`.
    closed: AtomicBool,
    topics: Mutex<Topics>,
    /// Why a connection could not be opened, or was lost, last.
    pub(crate) last_failure: Mutex<Option<Error>>,
    /// Of what `topics` shows.
    pub(crate) generation: AtomicU64,
}

impl ClientShared {
    pub(crate) fn lock_commands(&self) -> MutexGuard<'_, VecDeque<Command>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a command unless the client is closed; then it is dropped, which answers it.
    fn push(&self, command: Command) {
        let mut commands = self.lock_commands();
        if self.closed.load(Ordering::Acquire) {
            // Answering calls wakers: not under the lock.
            drop(commands);
            drop(command);
        } else {
            commands.push_back(command);
        }
    }

    /// Queues the last command.
    fn close(&self) {
        let mut commands = self.lock_commands();
        if !self.closed.swap(true, Ordering::AcqRel) {
            commands.push_back(Command::Close);
        }
    }

    /// There is no machine behind the commands (any more): what is queued and what will come is
    /// answered by dropping it.
    pub(crate) fn abandon(&self) {
        let left = {
            let mut commands = self.lock_commands();
            self.closed.store(true, Ordering::Release);
            std::mem::take(&mut *commands)
        };
        drop(left);
    }

    pub(crate) fn lock_topics(&self) -> MutexGuard<'_, Topics> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ClientShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientShared").finish_non_exhaustive()
    }
}

/// What is behind every handle; the client closes when the last one is dropped.
pub(crate) struct ClientHandle {
    shared: Arc<ClientShared>,
    /// Makes the transport look at the commands.
    wake: Waker,
    next_id: AtomicU64,
}

impl ClientHandle {
    pub(crate) fn command(&self, command: Command) {
        self.shared.push(command);
        (self.wake)();
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.shared.config
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    fn close(&self) {
        self.shared.close();
        (self.wake)();
    }
}

impl Drop for ClientHandle {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for ClientHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHandle").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}

/// A client of one Kafka cluster. Connections are opened when they are needed.
#[derive(Debug, Clone)]
pub struct Client(Arc<ClientHandle>);

impl Client {
    /// A client over `network`. Nothing is sent yet.
    pub fn new(config: ClientConfig, network: &Network) -> Self {
        let shared = Arc::new(ClientShared {
            config: Arc::new(config),
            commands: Mutex::default(),
            closed: AtomicBool::new(false),
            topics: Mutex::default(),
            last_failure: Mutex::default(),
            generation: AtomicU64::new(0),
        });
        let wake = network.register(Arc::clone(&shared));
        Self(Arc::new(ClientHandle { shared, wake, next_id: AtomicU64::new(0) }))
    }

    /// The configuration.
    pub fn config(&self) -> &ClientConfig {
        self.0.config()
    }

    /// Why a connection could not be opened, or was lost, last: for telling people why an answer
    /// takes its time. Not an error of any call.
    pub fn last_failure(&self) -> Option<Error> {
        self.0.shared.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Describes topics by name; each has its own result. A topic in creation is waited for.
    pub fn metadata(&self, topics: &[&str]) -> Pending<Result<PerTopic<TopicInfo>>> {
        let names: Vec<String> = topics.iter().map(|name| (*name).to_owned()).collect();
        self.start(|promise| operations::topics(&names, promise))
    }

    /// Describes every topic that this principal may see, Kafka's own included. Topics in
    /// creation are waited for.
    pub fn all_topics(&self) -> Pending<Result<Vec<TopicInfo>>> {
        self.start(operations::all_topics)
    }

    /// Describes the cluster.
    pub fn cluster(&self) -> Pending<Result<ClusterInfo>> {
        self.start(operations::cluster)
    }

    /// Keeps a topic in the metadata cache, and fresh there, as long as the [`Watch`] lives. One that the brokers lack is
    /// created if they create topics by themselves.
    pub fn watch(&self, topic: &str) -> Watch {
        let topic: Arc<str> = topic.into();
        self.0.command(Command::WantTopic { topic: Arc::clone(&topic) });
        Watch { topic, client: Arc::clone(&self.0) }
    }

    /// Raised by every metadata answer with news about topics: as long as it is the same, every [`Watch`] says the same.
    /// One atomic load.
    pub fn metadata_generation(&self) -> u64 {
        self.0.shared.generation.load(Ordering::Acquire)
    }

    /// Offsets of partitions by time or end. With `ReadCommitted`, the end is the last stable
    /// offset.
    pub fn list_offsets(
        &self,
        partitions: &[(TopicPartition, OffsetSpec)],
        isolation: Isolation,
    ) -> Pending<Result<BTreeMap<TopicPartition, ListedOffset>>> {
        self.start(|promise| Box::new(ListOffsets::new(partitions, isolation, promise)))
    }

    /// Commits offsets to a group as one of its members: refused once the group has gone on without it.
    pub fn offset_commit_as(
        &self,
        group: &str,
        member: &GroupMember,
        offsets: &[(TopicPartition, CommittedOffset)],
    ) -> Pending<Result<()>> {
        self.start(|promise| operations::commit(group, member, offsets, promise))
    }

    /// Commits offsets to a group from outside its membership.
    pub fn offset_commit(
        &self,
        group: &str,
        offsets: &[(TopicPartition, CommittedOffset)],
    ) -> Pending<Result<()>> {
        self.start(|promise| operations::commit(group, &GroupMember::default(), offsets, promise))
    }

    /// Committed offsets of a group: of these partitions, or of all that it has. Partitions
    /// without one are left out. Waits while a transaction on them is open.
    pub fn offset_fetch(
        &self,
        group: &str,
        partitions: Option<&[TopicPartition]>,
    ) -> Pending<Result<BTreeMap<TopicPartition, CommittedOffset>>> {
        self.start(|promise| operations::fetch(group, partitions, promise))
    }

    /// The groups that a broker coordinates; all brokers together know all groups.
    pub fn list_groups(&self, node: i32) -> Pending<Result<Vec<ListedGroup>>> {
        self.start(|promise| operations::list_groups(node, promise))
    }

    /// Ids of the members of a group of the consumer protocol (KIP-848), which they make themselves; none where the group is
    /// not there or of another kind.
    pub fn group_members(&self, group: &str) -> Pending<Result<Vec<String>>> {
        self.start(|promise| operations::members(group, promise))
    }

    /// The transactional ids that a broker coordinates (brokers since 3.0); all brokers together
    /// know all of them.
    pub fn list_transactions(&self, node: i32) -> Pending<Result<Vec<ListedTransaction>>> {
        self.start(|promise| operations::list_transactions(node, promise))
    }

    /// Describes a transactional id (brokers since 3.0).
    pub fn describe_transaction(&self, id: &str) -> Pending<Result<TransactionDescription>> {
        self.start(|promise| operations::describe_transaction(id, promise))
    }

    /// Creates topics; each has its own result.
    pub fn create_topics(&self, topics: &[NewTopic]) -> Pending<Result<PerTopic<()>>> {
        let time = self.config().request_timeout;
        self.start(|promise| operations::create_topics(topics, false, time, promise))
    }

    /// Checks whether topics could be created, without doing it.
    pub fn validate_topics(&self, topics: &[NewTopic]) -> Pending<Result<PerTopic<()>>> {
        let time = self.config().request_timeout;
        self.start(|promise| operations::create_topics(topics, true, time, promise))
    }

    /// Deletes topics by name; each has its own result.
    pub fn delete_topics(&self, topics: &[&str]) -> Pending<Result<PerTopic<()>>> {
        let names: Vec<String> = topics.iter().map(|name| (*name).to_owned()).collect();
        let time = self.config().request_timeout;
        self.start(|promise| operations::delete_topics(&names, time, promise))
    }

    /// Settings of a topic by name (brokers since 0.11); those that the brokers do not know are left out.
    pub fn topic_configs(
        &self,
        topic: &str,
        names: &[&str],
    ) -> Pending<Result<BTreeMap<String, String>>> {
        self.start(|promise| operations::topic_configs(topic, names, promise))
    }

    /// Raises the number of partitions of a topic to `count`.
    pub fn create_partitions(&self, topic: &str, count: i32) -> Pending<Result<PerTopic<()>>> {
        let time = self.config().request_timeout;
        self.start(|promise| operations::create_partitions(topic, count, time, promise))
    }

    /// A consumer with its own mailbox and its own connections. `waker` is called when the
    /// mailbox may have something; it must not block.
    pub fn consumer(&self, waker: Waker) -> Consumer {
        let consumer = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let shared = ConsumerShared::new(waker);
        self.0.command(Command::OpenConsumer { consumer, shared: Arc::clone(&shared) });
        Consumer::new(consumer, Arc::clone(&self.0), shared)
    }

    /// An idempotent producer with its own producer id. `waker` is called when there may be
    /// events; it must not block.
    pub fn producer(&self, waker: Waker) -> Producer {
        let producer = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let shared = ProducerShared::new(waker);
        self.0.command(Command::OpenProducer { producer, shared: Arc::clone(&shared) });
        Producer::new(producer, Arc::clone(&self.0), shared)
    }

    /// A producer that writes in transactions under `transactional_id`. The broker aborts a
    /// transaction that takes longer than `timeout`; its own limit is `transaction.max.timeout.ms`.
    /// `waker` is called when there may be events; it must not block.
    pub fn transactional_producer(
        &self,
        transactional_id: &str,
        timeout: Duration,
        waker: Waker,
    ) -> TransactionalProducer {
        let producer = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let shared = ProducerShared::new(waker);
        self.0.command(Command::OpenTransactional {
            producer,
            id: transactional_id.to_owned(),
            timeout,
            shared: Arc::clone(&shared),
        });
        TransactionalProducer::new(producer, Arc::clone(&self.0), shared)
    }

    /// A membership in `group`, not yet joined; see [`crate::group`]. `assigns` names the way in which the leader of a classic
    /// group assigns partitions, and only members that name the same are in such a group together; under the consumer protocol
    /// the member's id begins with it. Protocol, lasting name and times are those of the configuration. `waker` is called when
    /// there may be events; it must not block.
    pub fn membership(&self, group: &str, assigns: &str, waker: Waker) -> Membership {
        let member = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let shared = MemberShared::new(waker);
        let machine = MemberMachine::new(member, group, assigns, self.config());
        self.0.command(Command::OpenMember {
            member,
            machine: Box::new(machine),
            shared: Arc::clone(&shared),
        });
        Membership::new(member, Arc::clone(&self.0), shared)
    }

    /// Closes all connections; calls that are under way answer with
    /// [`ErrorKind::Closed`](crate::error::ErrorKind::Closed). Also done when the last handle is
    /// dropped.
    pub fn close(&self) {
        self.0.close();
    }

    fn start<T: Send + 'static>(
        &self,
        operation: impl FnOnce(Promise<Result<T>>) -> Box<dyn operations::Operation>,
    ) -> Pending<Result<T>> {
        let (promise, pending) = Promise::new(|| Err(Error::closed()));
        self.0.command(Command::Start(operation(promise)));
        pending
    }
}

/// A topic that is watched, for partitioners: it is refreshed every `metadata.max.age.ms`, and whenever a broker answers
/// as if the cache were old, so that a topic that grew shows here. After the last watch of it and its last use by a consumer
/// or a producer, the cache forgets it within two times `metadata.max.idle.ms`.
#[derive(Debug)]
pub struct Watch {
    topic: Arc<str>,
    client: Arc<ClientHandle>,
}

impl Watch {
    /// Partitions of the topic as the cache has them; `None` until they are known. Costs a look-up under a lock;
    /// [`metadata_generation`](Client::metadata_generation) tells when to make one.
    pub fn partitions(&self) -> Option<Arc<[PartitionInfo]>> {
        self.client.shared.lock_topics().get(&self.topic)?.as_ref().ok().map(Arc::clone)
    }

    /// Why there are no [`partitions`](Self::partitions), if the brokers refuse the topic: this principal may not see it
    /// or, where it is missing, not create it.
    pub fn refusal(&self) -> Option<Error> {
        self.client.shared.lock_topics().get(&self.topic)?.as_ref().err().cloned()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.client.command(Command::ReleaseTopic { topic: Arc::clone(&self.topic) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::transport::{MemoryNetwork, Nobody};

    fn is_closed<T: fmt::Debug>(pending: &Pending<Result<T>>) -> bool {
        matches!(pending.try_take(), Some(Err(error)) if error.kind() == &ErrorKind::Closed)
    }

    #[test]
    fn nothing_is_queued_behind_the_close() {
        let network = MemoryNetwork::new(Box::new(Nobody), 1);
        let client = Client::new(ClientConfig::new("b:1").unwrap(), &Network::memory(&network));
        let shared = Arc::clone(&client.0.shared);
        let before = client.all_topics();
        client.close();
        client.close();
        // A call that had not seen the close yet when it began.
        shared.push(Command::WantTopic { topic: "t".into() });
        let after = client.all_topics();
        assert!(is_closed(&after), "at once");
        assert_eq!(shared.lock_commands().len(), 2, "the first call and one close");
        network.settle(Duration::from_secs(1));
        assert!(is_closed(&before));
    }

    #[test]
    fn a_network_that_is_dropped_answers_its_clients() {
        let network = MemoryNetwork::new(Box::new(Nobody), 1);
        let client = Client::new(ClientConfig::new("b:1").unwrap(), &Network::memory(&network));
        let waiting = client.all_topics();
        drop(network);
        assert!(is_closed(&waiting));
        assert!(is_closed(&client.all_topics()));
    }
}
