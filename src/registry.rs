//! What can be named in `connector` and `format`: two lists.

use crate::connectors::{blackhole::Blackhole, datagen::DataGen, kafka::Kafka, print::Print};
use crate::formats::{AvroConfluentFormat, AvroFormat, CsvFormat, JsonFormat, RawFormat};
use crate::schema_registry::HttpRegistries;
use crate::table::{Connector, Format};
use std::sync::Arc;

/// Every built-in connector.
pub fn connectors() -> Vec<Arc<dyn Connector>> {
    vec![
        Arc::new(Blackhole),
        Arc::new(DataGen),
        Arc::new(Kafka::default()),
        Arc::new(Print::default()),
    ]
}

/// Every built-in format.
pub fn formats() -> Vec<Arc<dyn Format>> {
    let registries = Arc::new(HttpRegistries::default());
    vec![
        Arc::new(AvroFormat),
        Arc::new(AvroConfluentFormat::new(registries)),
        Arc::new(CsvFormat),
        Arc::new(JsonFormat),
        Arc::new(RawFormat),
    ]
}
