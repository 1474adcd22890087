//! brooklet-devbroker: an embedded, single-node, in-memory broker that speaks the Kafka protocol.
//!
//! [`Broker`] is a pure state machine: frames and the time go in, [`Action`]s come out; the same
//! inputs give the same outputs. Simulations drive it on a virtual clock. [`serve`] and
//! [`DevBroker`] put it behind real sockets on the loopback interface.
//!
//! Records live in memory and end with the process. Every topic has one replica, appends are
//! committed at once, and what a client can make the broker hold is bounded by [`Limits`]: beyond
//! [`Limits::stored_bytes_max`] the oldest batches go. Transactions of
//! both versions (KIP-98, KIP-890) and committed offsets are part of it, consumer groups with
//! members are not yet.

mod api;
mod broker;
mod cluster;
mod config;
#[doc(hidden)]
pub mod fuzzing;
mod groups;
mod limits;
mod log;
mod server;
mod sessions;
mod topic_config;
mod topics;
mod transactions;
mod wire;

pub use broker::{Action, Broker, CloseReason, ConnId, Stats};
pub use config::Config;
pub use limits::Limits;
pub use server::{DevBroker, serve};
