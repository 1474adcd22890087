//! One client as a pure machine: events and the time go in, actions come out. The transport
//! drives it; so do simulations.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::budget::Budget;
use crate::client::ClientShared;
use crate::cluster::{Action, Cluster, ConnId, Owner, Purpose};
use crate::connection::Problem;
use crate::consumer::{ConsumerShared, StartAt};
use crate::fetch::Fetcher;
use crate::group::{self, MemberMachine, MemberShared};
use crate::operations::{Context, Operation};
use crate::pending::{Wake, Waker};
use crate::produce::ProduceMachine;
use crate::producer::ProducerShared;
use crate::sasl::Exchange;
use crate::topic::TopicPartition;
use crate::transaction::{self, TransactionMachine};
use crate::wire::records::SealedBatch;

/// What the transport tells.
#[derive(Debug)]
pub(crate) enum Event {
    /// A connection is open.
    Connected {
        /// The connection.
        conn: ConnId,
        /// How to log in, if the configuration says so.
        login: Option<Exchange>,
    },
    /// A connection could not be opened.
    ConnectFailed {
        /// The connection.
        conn: ConnId,
        /// Why.
        problem: Problem,
    },
    /// A whole frame came in, without its length prefix.
    Received {
        /// The connection.
        conn: ConnId,
        /// The bytes.
        frame: Bytes,
    },
    /// A connection is gone.
    Disconnected {
        /// The connection.
        conn: ConnId,
        /// Why.
        problem: Problem,
    },
    /// Commands were queued, memory became free, or time has passed.
    Tick,
}

/// What handles ask for.
#[derive(Debug)]
pub(crate) enum Command {
    Start(Box<dyn Operation>),
    OpenConsumer { consumer: u64, shared: Arc<ConsumerShared> },
    Assign { consumer: u64, positions: Vec<(TopicPartition, StartAt, u64)> },
    Unassign { consumer: u64, partitions: Vec<TopicPartition> },
    Taken { consumer: u64 },
    CloseConsumer { consumer: u64 },
    OpenProducer { producer: u64, shared: Arc<ProducerShared> },
    Produce { producer: u64, partition: TopicPartition, batch: SealedBatch, tag: u64 },
    CloseProducer { producer: u64 },
    OpenTransactional { producer: u64, id: String, timeout: Duration, shared: Arc<ProducerShared> },
    Transact { producer: u64, request: transaction::Request },
    CloseTransactional { producer: u64 },
    OpenMember { member: u64, machine: Box<MemberMachine>, shared: Arc<MemberShared> },
    Member { member: u64, request: group::Request },
    CloseMember { member: u64 },
    WantTopic { topic: Arc<str> },
    ReleaseTopic { topic: Arc<str> },
    Close,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Core {
    cluster: Cluster,
    shared: Arc<ClientShared>,
    budget: Arc<Budget>,
    wake: Wake,
    consumers: BTreeMap<u64, (Fetcher, Arc<ConsumerShared>)>,
    producers: BTreeMap<u64, (ProduceMachine, Arc<ProducerShared>)>,
    transactional: BTreeMap<u64, (TransactionMachine, Arc<ProducerShared>)>,
    members: BTreeMap<u64, (MemberMachine, Arc<MemberShared>)>,
    operations: BTreeMap<u64, Box<dyn Operation>>,
    next_operation: u64,
    closed: bool,
}

impl Core {
    /// A client that knows nothing yet. `wake` makes the transport call [`handle`](Self::handle)
    /// again; `seed` decides jitter and the ids of members.
    pub(crate) fn new(
        shared: Arc<ClientShared>,
        budget: Arc<Budget>,
        wake: Waker,
        seed: u64,
    ) -> Self {
        Self {
            cluster: Cluster::new(Arc::clone(&shared.config), seed),
            shared,
            budget,
            wake: Wake(wake),
            consumers: BTreeMap::new(),
            producers: BTreeMap::new(),
            transactional: BTreeMap::new(),
            members: BTreeMap::new(),
            operations: BTreeMap::new(),
            next_operation: 0,
            closed: false,
        }
    }

    /// Takes an event and everything that handles have asked for since the last one.
    pub(crate) fn handle(&mut self, event: Event, now: Duration) {
        match event {
            Event::Connected { conn, login } => self.cluster.connected(conn, login, now),
            Event::ConnectFailed { conn, problem } | Event::Disconnected { conn, problem } => {
                if let Some(failure) = self.cluster.disconnected(conn, &problem, now) {
                    let mut last =
                        self.shared.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
                    *last = Some(failure);
                }
            }
            Event::Received { conn, frame } => self.received(conn, frame, now),
            Event::Tick => {}
        }
        let commands = std::mem::take(&mut *self.shared.lock_commands());
        for command in commands {
            self.command(command, now);
        }
        self.settle(now);
    }

    /// The next thing for the transport to do.
    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.cluster.poll_action()
    }

    /// When to call [`handle`](Self::handle) with [`Event::Tick`] if nothing else happens.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let operations = self.operations.values().filter_map(|operation| operation.next_deadline());
        let consumers =
            self.consumers.values().filter_map(|(fetcher, _)| fetcher.next_deadline(&self.cluster));
        let producers = self.producers.values().filter_map(|(machine, _)| machine.next_deadline());
        let transactional =
            self.transactional.values().filter_map(|(machine, _)| machine.next_deadline());
        let members = self.members.values().filter_map(|(machine, _)| machine.next_deadline());
        let producers = producers.chain(transactional).chain(members);
        operations.chain(consumers).chain(producers).chain(self.cluster.next_deadline()).min()
    }

    /// Whether the client was closed: the transport may forget it.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    fn received(&mut self, conn: ConnId, frame: Bytes, now: Duration) {
        let frame = match self.cluster.fetch_in_front(conn) {
            Some((call, Owner::Consumer(id))) => match self.consumers.get_mut(&id) {
                Some((fetcher, _)) => fetcher.pin(call, frame),
                None => frame,
            },
            _ => frame,
        };
        self.cluster.received(conn, frame, now);
    }

    /// Lets every machine act until nothing more happens at this moment.
    fn settle(&mut self, now: Duration) {
        if self.closed {
            return;
        }
        loop {
            self.cluster.tick(now);
            self.poll_operations(now);
            for (fetcher, shared) in self.consumers.values_mut() {
                fetcher.poll(&mut self.cluster, now);
                shared.deliver(fetcher.take_outbox());
            }
            for (machine, shared) in self.producers.values_mut() {
                machine.poll(&mut self.cluster, now);
                if machine.lacks_idempotence() {
                    shared.lack_idempotence();
                }
                let (events, freed) = machine.take_events();
                shared.deliver(events, freed);
            }
            for (machine, shared) in self.transactional.values_mut() {
                machine.poll(&mut self.cluster, now);
                let (events, freed) = machine.take_events();
                shared.deliver(events, freed);
                machine.answer_spoilt();
            }
            for (machine, shared) in self.members.values_mut() {
                machine.poll(&mut self.cluster, now);
                shared.deliver(machine.take_events());
            }
            let mut quiet = true;
            while let Some(done) = self.cluster.poll_completion() {
                quiet = false;
                self.complete(done, now);
            }
            if quiet {
                break;
            }
        }
        self.publish();
    }

    fn complete(&mut self, done: crate::cluster::Completion, now: Duration) {
        let crate::cluster::Completion { call, owner, result } = done;
        if let Ok(response) = &result {
            crate::crash::point("answered", response.api().name());
        }
        match owner {
            Owner::Metadata => self.cluster.metadata_answered(result, now),
            Owner::Operation(id) => {
                if let Some(operation) = self.operations.get_mut(&id) {
                    let mut context = Context { cluster: &mut self.cluster, id, now };
                    operation.answered(call, result, &mut context);
                }
            }
            Owner::Consumer(id) => {
                if let Some((fetcher, _)) = self.consumers.get_mut(&id) {
                    fetcher.answered(call, result, &mut self.cluster, now);
                }
            }
            Owner::Producer(id) => {
                if let Some((machine, _)) = self.producers.get_mut(&id) {
                    machine.answered(call, result, &mut self.cluster, now);
                } else if let Some((machine, _)) = self.transactional.get_mut(&id) {
                    machine.produced(call, result, &mut self.cluster, now);
                }
            }
            Owner::Member(id) => {
                if let Some((machine, _)) = self.members.get_mut(&id) {
                    machine.answered(call, result, &mut self.cluster, now);
                }
            }
            Owner::Transaction(id) => {
                if let Some((machine, _)) = self.transactional.get_mut(&id) {
                    machine.answered(call, result, &mut self.cluster, now);
                }
            }
        }
    }

    fn poll_operations(&mut self, now: Duration) {
        for (id, operation) in &mut self.operations {
            operation.poll(&mut Context { cluster: &mut self.cluster, id: *id, now });
        }
        self.operations.retain(|_, operation| !operation.is_done());
    }

    fn command(&mut self, command: Command, now: Duration) {
        match command {
            Command::Start(operation) => {
                self.operations.insert(self.next_operation, operation);
                self.next_operation += 1;
            }
            Command::OpenConsumer { consumer, shared } => {
                let isolation = self.shared.config.isolation;
                let wake = self.wake.clone();
                let fetcher = Fetcher::new(consumer, isolation, Arc::clone(&self.budget), wake);
                self.consumers.insert(consumer, (fetcher, shared));
            }
            Command::Assign { consumer, positions } => {
                if let Some((fetcher, _)) = self.consumers.get_mut(&consumer) {
                    fetcher.assign(positions, &mut self.cluster, now);
                }
            }
            Command::Unassign { consumer, partitions } => {
                if let Some((fetcher, _)) = self.consumers.get_mut(&consumer) {
                    fetcher.unassign(&partitions, &mut self.cluster);
                }
            }
            Command::Taken { consumer } => {
                if let Some((fetcher, shared)) = self.consumers.get_mut(&consumer) {
                    fetcher.taken(&shared.take_taken());
                }
            }
            Command::CloseConsumer { consumer } => {
                if let Some((mut fetcher, _)) = self.consumers.remove(&consumer) {
                    fetcher.close(&mut self.cluster);
                    self.cluster.close_purpose(Purpose::Fetch(consumer), now);
                }
            }
            Command::OpenProducer { producer, shared } => {
                self.producers.insert(producer, (ProduceMachine::new(producer), shared));
            }
            Command::Produce { producer, partition, batch, tag } => {
                if let Some((machine, _)) = self.producers.get_mut(&producer) {
                    machine.push(partition, batch, tag, &mut self.cluster, now);
                }
            }
            Command::CloseProducer { producer } => {
                if let Some((mut machine, _)) = self.producers.remove(&producer) {
                    machine.close(&mut self.cluster);
                }
            }
            Command::OpenTransactional { producer, id, timeout, shared } => {
                let machine = TransactionMachine::new(producer, id, timeout);
                self.transactional.insert(producer, (machine, shared));
            }
            Command::Transact { producer, request } => {
                if let Some((machine, _)) = self.transactional.get_mut(&producer) {
                    machine.request(request, &mut self.cluster, now);
                }
            }
            Command::CloseTransactional { producer } => {
                if let Some((mut machine, _)) = self.transactional.remove(&producer) {
                    machine.close(&mut self.cluster);
                }
            }
            Command::OpenMember { member, machine, shared } => {
                self.members.insert(member, (*machine, shared));
            }
            Command::Member { member, request } => {
                if let Some((machine, _)) = self.members.get_mut(&member) {
                    machine.request(request, &mut self.cluster, now);
                }
            }
            Command::CloseMember { member } => {
                if let Some((mut machine, _)) = self.members.remove(&member) {
                    machine.close(&mut self.cluster, now);
                }
            }
            Command::WantTopic { topic } => self.cluster.metadata.want(&topic, true, now),
            Command::ReleaseTopic { topic } => self.cluster.metadata.release(&topic),
            Command::Close => {
                self.closed = true;
                self.operations.clear();
                self.consumers.clear();
                self.producers.clear();
                self.transactional.clear();
                self.members.clear();
                self.cluster.close_all();
            }
        }
    }

    /// Shows handles what is new about topics.
    fn publish(&mut self) {
        let changed = self.cluster.metadata.take_changed();
        if changed.is_empty() {
            return;
        }
        let mut shown = self.shared.lock_topics();
        for topic in changed {
            match self.cluster.metadata.shown(&topic) {
                Some(entry) => shown.insert(topic, entry),
                None => shown.remove(&topic),
            };
        }
        self.shared.generation.fetch_add(1, Ordering::Release);
    }
}

impl Drop for Core {
    /// Nobody is left to answer calls.
    fn drop(&mut self) {
        self.shared.abandon();
    }
}
