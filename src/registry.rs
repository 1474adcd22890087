//! What can be named in `connector` and `format`: two lists.

use crate::connectors::{
    blackhole::Blackhole, datagen::DataGen, kafka::Kafka, kafka::UpsertKafka, print::Print,
};
use crate::formats::{
    AvroConfluentFormat, AvroFormat, ChangeJsonFormat, CsvFormat, DebeziumAvroFormat, JsonFormat,
    ProtobufFormat, RawFormat,
};
use crate::schema_registry::HttpRegistries;
use crate::table::{Connector, Format};
use std::sync::Arc;

/// Every built-in connector.
pub fn connectors() -> Vec<Arc<dyn Connector>> {
    let kafka = Kafka::default();
    let upsert_kafka = UpsertKafka::beside(&kafka);
    vec![
        Arc::new(Blackhole),
        Arc::new(DataGen),
        Arc::new(kafka),
        Arc::new(Print::default()),
        Arc::new(upsert_kafka),
    ]
}

/// Every built-in format.
pub fn formats() -> Vec<Arc<dyn Format>> {
    let registries = Arc::new(HttpRegistries::default());
    vec![
        Arc::new(AvroFormat),
        Arc::new(AvroConfluentFormat::new(Arc::clone(&registries) as _)),
        Arc::new(DebeziumAvroFormat::new(registries)),
        Arc::new(ChangeJsonFormat::CANAL),
        Arc::new(CsvFormat),
        Arc::new(ChangeJsonFormat::DEBEZIUM),
        Arc::new(JsonFormat),
        Arc::new(ChangeJsonFormat::MAXWELL),
        Arc::new(ChangeJsonFormat::OGG),
        Arc::new(ProtobufFormat::default()),
        Arc::new(RawFormat),
    ]
}
