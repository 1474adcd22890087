//! brooklet-kafka: a Kafka client in pure Rust.
//!
//! [`wire`] holds the codecs, [`client`] the handle that programs use; between them stand pure
//! state machines, which take events and the time and return actions, and [`transport`], which
//! moves bytes. `DESIGN.md` beside this crate follows one record through all of them.

mod apis;
pub mod budget;
pub mod client;
mod cluster;
pub mod config;
mod connection;
pub mod consumer;
mod core;
#[doc(hidden)]
pub mod crash;
pub mod error;
pub mod error_table;
mod fetch;
#[doc(hidden)]
pub mod fuzzing;
#[doc(hidden)]
pub mod fuzzing_records;
pub mod group;
pub mod limits;
mod metadata;
pub mod open_batches;
mod operations;
pub mod partitioner;
pub mod pending;
mod produce;
pub mod producer;
pub mod read_committed;
mod rng;
mod sasl;
#[cfg(test)]
mod testing;
mod tls;
pub mod topic;
pub mod transaction;
pub mod transport;
pub mod wire;

pub use client::{Client, Watch};
pub use config::{ClientConfig, GroupProtocol, Isolation, Secret};
pub use error::{Error, ErrorKind, Result};
pub use operations::{
    CommittedOffset, ListedGroup, ListedOffset, ListedTransaction, NewTopic, OffsetSpec,
    TransactionDescription,
};
pub use tls::{TlsClient, TlsProblem, TlsStream};
pub use topic::TopicPartition;
pub use transport::Network;
