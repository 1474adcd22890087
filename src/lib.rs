//! brooklet: Flink SQL against Kafka in one static binary.
//!
//! The modules in reading order; `ARCHITECTURE.md` has the map and the rules.

pub mod base;
pub mod types;
pub mod options;
pub mod expr;
pub mod table;
pub mod sql;

#[doc(hidden)]
pub mod fuzzing;
