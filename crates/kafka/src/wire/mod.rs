//! Codecs of the Kafka protocol: no I/O, no clock.
