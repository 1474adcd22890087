//! brooklet: Flink SQL against Kafka in one static binary.

pub mod base;
#[doc(hidden)]
pub mod fuzzing;
pub mod sql;
