//! `kafka`: topics as tables, on the client of this workspace. Options and behaviour follow Flink's Kafka connector 5.0;
//! differences stand in `docs/compatibility.md`.

mod decode;
mod destination;
mod encode;
mod enumerator;
mod error;
mod layout;
mod mark;
mod metadata;
mod offsets;
mod options;
mod outlet;
mod partitioner;
mod progress;
mod pushed;
mod reader;
mod sink;
mod source;
pub mod transaction;
mod writer;

pub use self::mark::{GROUP_PREFIX, Mark};

use crate::base::Result;
use crate::options::Opt;
use crate::table::{Connector, ScanRequest, Sink, SinkRequest, Source, TableContext};
use brooklet_kafka::Network;

/// The connector. All its clients share one network, and with it one I/O thread and one memory budget.
#[derive(Debug)]
pub struct Kafka {
    network: Network,
}

impl Default for Kafka {
    fn default() -> Kafka {
        Kafka::on(Network::tokio())
    }
}

impl Kafka {
    /// Runs on another network: the in-memory one of simulations.
    pub fn on(network: Network) -> Kafka {
        Kafka { network }
    }
}

impl Connector for Kafka {
    fn identifier(&self) -> &'static str {
        "kafka"
    }

    fn options(&self) -> &'static [Opt] {
        options::ALL
    }

    fn source(&self, context: &TableContext<'_>, scan: ScanRequest) -> Result<Box<dyn Source>> {
        source::open(&self.network, context, scan)
    }

    fn sink(&self, context: &TableContext<'_>, request: SinkRequest) -> Result<Box<dyn Sink>> {
        sink::open(&self.network, context, request)
    }
}
