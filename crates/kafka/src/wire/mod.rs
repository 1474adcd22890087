//! Codecs of the Kafka protocol: no I/O, no clock.
pub mod compression;
pub mod records;
