//! brooklet: Flink SQL against Kafka in one static binary.
//!
//! The modules in reading order; `ARCHITECTURE.md` has the map and the rules.

pub mod base;
pub mod types;
pub mod options;
pub mod expr;
pub mod table;
pub mod plan;
pub mod ops;
pub mod formats;
pub mod connectors;
pub mod registry;
pub mod sql;
pub mod exec;
pub mod engine;
pub mod cli;

#[doc(hidden)]
pub mod fuzzing;
