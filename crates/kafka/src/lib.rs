//! brooklet-kafka: a Kafka client in pure Rust.
pub mod wire;
