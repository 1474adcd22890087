//! brooklet-devbroker: an embedded Kafka-compatible broker.
