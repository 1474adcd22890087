//! brooklet-kafka: a Kafka client in pure Rust.
#[doc(hidden)]
pub mod fuzzing;
pub mod limits;
pub mod wire;
