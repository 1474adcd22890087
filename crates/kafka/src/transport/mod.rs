//! Moving bytes: sockets with tokio, or a broker in the same process without any threads.

mod memory;
mod tokio;

use std::fmt;
use std::sync::Arc;

use crate::budget::Budget;
use crate::client::ClientShared;
use crate::pending::Waker;

pub use memory::{BrokerEvent, MemoryNetwork, Nobody, Responder};

/// Where clients send their bytes. Clones are the same network.
#[derive(Clone)]
pub struct Network(Kind);

#[derive(Clone)]
enum Kind {
    Tokio(Arc<tokio::IoThread>),
    Memory(MemoryNetwork),
}

impl Network {
    /// Real sockets, driven by one thread of the process that all clients share. It is started
    /// by the first client.
    pub fn tokio() -> Self {
        Self(Kind::Tokio(tokio::IoThread::shared()))
    }

    /// A network inside this thread: nothing moves except in [`MemoryNetwork::step`].
    pub fn memory(network: &MemoryNetwork) -> Self {
        Self(Kind::Memory(network.clone()))
    }

    /// The bound on fetched memory that all clients of this network share.
    pub fn budget(&self) -> &Arc<Budget> {
        match &self.0 {
            Kind::Tokio(thread) => thread.budget(),
            Kind::Memory(network) => network.budget(),
        }
    }

    /// Takes a client in; the waker makes the network look at its commands.
    pub(crate) fn register(&self, shared: Arc<ClientShared>) -> Waker {
        match &self.0 {
            Kind::Tokio(thread) => thread.register(shared),
            Kind::Memory(network) => network.register(shared),
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Tokio(_) => "Network::tokio",
            Kind::Memory(_) => "Network::memory",
        })
    }
}
