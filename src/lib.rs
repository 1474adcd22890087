//! brooklet: Flink SQL against Kafka in one static binary.
//!
//! The program `brooklet` is [`cli`]. Another program runs scripts by an [`engine::Session`]:
//!
//! ```no_run
//! use brooklet::engine::{Session, SessionConfig};
//!
//! let mut session = Session::new(SessionConfig::new("orders.sql"));
//! session.run_script("CREATE TABLE …; INSERT INTO …;")?;
//! # Ok::<(), brooklet::base::Error>(())
//! ```
//!
//! and adds to what scripts can name:
//!
//! | in a script | trait | added by |
//! |---|---|---|
//! | `'connector' = '…'` | [`table::Connector`]: a [`table::Source`], a [`table::Sink`] or both | [`engine::Session::register`] |
//! | `'format' = '…'` | [`table::Format`]: a [`table::Decoder`], a [`table::Encoder`] or both | [`engine::Session::register_format`] |
//! | `'sink.partitioner' = '…'` | [`connectors::kafka::RecordPartitioner`] | [`connectors::kafka::Kafka::with_partitioner`] |
//!
//! `examples/extend` has one of each. [`table`] is the contract: who implements it never blocks, and fails rows one by
//! one ([`types::RowErrors`]).
//!
//! The modules in reading order; `ARCHITECTURE.md` has the map and the rules.

pub mod base;
pub mod cli;
pub mod connectors;
pub mod engine;
pub mod exec;
pub mod expr;
pub mod formats;
pub mod java_regex;
pub mod ops;
pub mod options;
pub mod plan;
pub mod registry;
pub mod schema_registry;
pub mod sql;
pub mod table;
pub mod types;

#[doc(hidden)]
pub mod fuzzing;
#[doc(hidden)]
pub mod fuzzing_formats;
