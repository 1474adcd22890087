//! brooklet-kafka: a Kafka client in pure Rust.
#[doc(hidden)]
pub mod fuzzing;
pub mod limits;
pub mod fuzzing_records;
pub mod wire;
