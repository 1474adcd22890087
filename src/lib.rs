//! brooklet: Flink SQL against Kafka in one static binary.
//!
//! The modules in reading order; `ARCHITECTURE.md` has the map and the rules.

pub mod base;
pub mod cli;
pub mod connectors;
pub mod engine;
pub mod exec;
pub mod expr;
pub mod formats;
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
