//! A program that runs Flink SQL with a connector, a format and a partitioner of its own.
//!
//! `cargo run --example extend` writes three lines of a `lines` table to a topic of an embedded broker, each to the
//! partition of its region, in the format `piped`, reads the topic back, and writes it to a file through another `lines`
//! table.
#![allow(clippy::print_stdout)]

mod connector;
mod format;
mod partitioner;

use brooklet::connectors::kafka::Kafka;
use brooklet::engine::{Session, SessionConfig};
use brooklet_devbroker::{Config, DevBroker};
use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

const SCRIPT: &str = "
CREATE TABLE orders (region STRING, item STRING) WITH (
  'connector' = 'lines',
  'lines.text' = 'eu,tea\nus,coffee\neu,milk'
);
CREATE TABLE shipped (region STRING, item STRING, part INT METADATA FROM 'partition' VIRTUAL) WITH (
  'connector' = 'kafka', 'topic' = 'shipped', 'properties.bootstrap.servers' = 'BOOTSTRAP',
  'key.format' = 'raw', 'key.fields' = 'region', 'value.format' = 'piped',
  'sink.partitioner' = 'com.example.ByRegion',
  'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset'
);
CREATE TABLE labels (item STRING, region STRING) WITH ('connector' = 'lines', 'lines.file' = 'FILE');
SET 'table.dml-sync' = 'true';
INSERT INTO shipped SELECT region, item FROM orders;
SELECT part, region, item FROM shipped ORDER BY item;
INSERT INTO labels SELECT UPPER(item), region FROM shipped ORDER BY item;
";

/// What the script prints, and the lines that it writes to `file`.
pub(crate) fn run(file: &Path) -> Result<String, Box<dyn Error>> {
    let mut config = Config::default();
    config.default_partitions = 2;
    let broker = DevBroker::start(SocketAddr::from(([127, 0, 0, 1], 0)), config)?;
    let printed = Arc::new(Mutex::new(Vec::new()));
    let mut session =
        Session::new(SessionConfig::new("extend.sql").with_output(Printed(Arc::clone(&printed))));
    session.register(Arc::new(connector::Lines));
    session.register(Arc::new(
        Kafka::default().with_partitioner("com.example.ByRegion", |_| partitioner::ByRegion),
    ));
    session.register_format(Arc::new(format::Piped));
    let script = SCRIPT.replace("BOOTSTRAP", &broker.bootstrap());
    let script = script.replace("FILE", &file.to_string_lossy());
    session.run_script(&format!("SET 'execution.runtime-mode' = 'batch';{script}"))?;
    let text = printed.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(String::from_utf8(text)? + &std::fs::read_to_string(file)?)
}

/// Where query results go.
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::temp_dir().join(format!("labels-{}.txt", std::process::id()));
    print!("{}", run(&file)?);
    std::fs::remove_file(file)?;
    Ok(())
}
