//! brooklet: Flink SQL against Kafka in one static binary.
