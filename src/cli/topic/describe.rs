//! `brooklet topic describe`.

use crate::cli::args::ClusterArguments;
use crate::cli::cluster::{Connection, Failure, output};
use brooklet_kafka::OffsetSpec;

/// Heads of the columns.
const COLUMNS: [&str; 6] = ["partition", "leader", "replicas", "in-sync", "earliest", "latest"];

/// Name, id, and a table of the partitions. A partition without a leader has no offsets.
pub(super) fn describe(cluster: &ClusterArguments, name: &str) -> Result<(), Failure> {
    let connection = Connection::open(cluster)?;
    let topic = connection.topic(name)?;
    let led: Vec<_> = topic.partitions.iter().filter(|info| info.leader.is_some()).collect();
    let earliest = connection.ask_offsets(&topic.name, &led, OffsetSpec::Earliest);
    let latest = connection.ask_offsets(&topic.name, &led, OffsetSpec::Latest);
    let (earliest, latest) = (connection.offsets(&earliest)?, connection.offsets(&latest)?);
    let text =
        |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let mut rows = vec![COLUMNS.map(str::to_owned).to_vec()];
    rows.extend(topic.partitions.iter().map(|info| {
        vec![
            info.partition.to_string(),
            info.leader.map_or_else(|| "none".to_owned(), |leader| leader.to_string()),
            info.replicas.to_string(),
            info.in_sync.to_string(),
            text(earliest.get(&info.partition).copied()),
            text(latest.get(&info.partition).copied()),
        ]
    }));
    let internal = if topic.internal { " (internal)" } else { "" };
    // Brokers before 2.8 give topics none.
    let id = if topic.id.is_zero() { String::new() } else { format!("id: {}\n", topic.id) };
    output::print(format!(
        "topic: {}{internal}\n{id}partitions: {}\n{}",
        topic.name,
        topic.partitions.len(),
        output::table(&rows)
    ))
}
