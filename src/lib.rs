//! brooklet: Flink SQL against Kafka in one static binary.
//!
//! The modules in reading order; `ARCHITECTURE.md` has the map and the rules.

pub mod base;
pub mod expr;
pub mod options;
pub mod sql;
pub mod table;
pub mod types;

#[doc(hidden)]
pub mod fuzzing;
