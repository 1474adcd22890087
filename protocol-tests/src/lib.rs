//! Real services for tests: Apache Kafka from Maven, once per test binary, and a TCP proxy that
//! injects faults between a client and a broker.
//!
//! Nothing here depends on `brooklet`: the end-to-end tests of the root package and the protocol
//! tests of this one share the same brokers.

pub mod proxy;
pub mod scripted;
pub mod services;
