//! `kafka` and `upsert-kafka`: topics as tables, on the client of this workspace. Options and behaviour follow Flink's Kafka connector 5.0;
//! differences stand in `docs/compatibility.md`.

mod decode;
mod destination;
mod destinations;
mod encode;
mod ends;
mod enumerator;
mod error;
mod fit;
mod headers;
mod layout;
mod lazy_client;
mod learned;
mod loss;
mod mark;
mod members;
mod metadata;
mod offsets;
mod options;
mod origins;
mod outlet;
mod partitioner;
mod patience;
mod positions;
mod progress;
mod pushed;
mod reader;
mod sink;
mod source;
pub mod transaction;
mod upsert_buffer;
mod writer;

pub use self::mark::{GROUP_PREFIX, Mark};
pub use self::partitioner::{
    PartitionedRecord, PartitionerContext, PartitionerFactory, RecordPartitioner,
};

use self::options::Mode;
use self::partitioner::PartitionerClasses;
use crate::base::Result;
use crate::options::Opt;
use crate::table::{Connector, ScanRequest, Sink, SinkRequest, Source, TableContext};
use crate::types::{ChangelogMode, DataType};
use brooklet_kafka::Network;
use std::sync::Arc;

/// Every metadata column of a record, with its type, and whether it can be written.
pub fn metadata() -> Vec<(&'static str, DataType, bool)> {
    metadata::all()
        .map(|(metadata, writes)| (metadata.key(), metadata.data_type(), writes))
        .collect()
}

/// The connector. All its clients share one network, and with it one I/O thread and one memory budget.
#[derive(Debug)]
pub struct Kafka {
    network: Network,
    partitioners: PartitionerClasses,
}

impl Default for Kafka {
    fn default() -> Kafka {
        Kafka::on(Network::tokio())
    }
}

impl Kafka {
    /// Runs on another network: the in-memory one of simulations.
    pub fn on(network: Network) -> Kafka {
        Kafka { network, partitioners: PartitionerClasses::default() }
    }

    /// Adds a partitioner that tables name by `class` in `sink.partitioner`. In Flink that is the name of a Java class;
    /// scripts keep it, and the program that runs them brings the code.
    #[must_use]
    pub fn with_partitioner<P: RecordPartitioner + 'static>(
        mut self,
        class: &str,
        make: impl Fn(PartitionerContext) -> P + Send + Sync + 'static,
    ) -> Kafka {
        let factory: PartitionerFactory = Arc::new(move |context| Box::new(make(context)));
        self.partitioners.insert(class, factory);
        self
    }
}

/// The same for topics that hold the latest row of each key.
#[derive(Debug)]
pub struct UpsertKafka {
    network: Network,
}

impl UpsertKafka {
    /// Beside a connector whose network it shares.
    pub fn beside(kafka: &Kafka) -> UpsertKafka {
        UpsertKafka { network: kafka.network.clone() }
    }
}

impl Connector for Kafka {
    fn identifier(&self) -> &'static str {
        "kafka"
    }

    fn options(&self) -> &'static [Opt] {
        Mode::Log.options()
    }

    fn source_changelog(&self, context: &TableContext<'_>) -> Result<ChangelogMode> {
        Ok(context.formats.value_format(context.options)?.changelog())
    }

    fn sink_changelog(&self, context: &TableContext<'_>) -> Result<ChangelogMode> {
        self.source_changelog(context)
    }

    fn source(&self, context: &TableContext<'_>, scan: ScanRequest) -> Result<Box<dyn Source>> {
        source::open(&self.network, context, scan, Mode::Log)
    }

    fn sink(&self, context: &TableContext<'_>, request: SinkRequest) -> Result<Box<dyn Sink>> {
        sink::open(&self.network, &self.partitioners, context, request, Mode::Log)
    }
}

impl Connector for UpsertKafka {
    fn identifier(&self) -> &'static str {
        "upsert-kafka"
    }

    fn options(&self) -> &'static [Opt] {
        Mode::Upsert.options()
    }

    fn source_changelog(&self, _context: &TableContext<'_>) -> Result<ChangelogMode> {
        Ok(ChangelogMode::UPSERT_SOURCE)
    }

    fn sink_changelog(&self, _context: &TableContext<'_>) -> Result<ChangelogMode> {
        Ok(ChangelogMode::UPSERT)
    }

    fn source(&self, context: &TableContext<'_>, scan: ScanRequest) -> Result<Box<dyn Source>> {
        source::open(&self.network, context, scan, Mode::Upsert)
    }

    fn sink(&self, context: &TableContext<'_>, request: SinkRequest) -> Result<Box<dyn Sink>> {
        // Its keys say where rows go: there is no such option.
        let none = PartitionerClasses::default();
        sink::open(&self.network, &none, context, request, Mode::Upsert)
    }
}
