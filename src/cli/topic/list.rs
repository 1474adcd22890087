//! `brooklet topic list`.

use crate::cli::args::ClusterArguments;
use crate::cli::cluster::{Connection, Failure, output};
use std::fmt::Write as _;

/// One line a topic, sorted by name: name, number of partitions, whether it is Kafka's own.
pub(super) fn list(cluster: &ClusterArguments) -> Result<(), Failure> {
    let connection = Connection::open(cluster)?;
    let mut topics = connection.wait(&connection.client.all_topics())?;
    topics.sort_by(|a, b| a.name.cmp(&b.name));
    let width = topics.iter().map(|topic| topic.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for topic in topics {
        let count = topic.partitions.len();
        let plural = if count == 1 { "" } else { "s" };
        let internal = if topic.internal { " (internal)" } else { "" };
        // Writing to a String cannot fail.
        writeln!(text, "{:<width$}  {count} partition{plural}{internal}", topic.name)
            .unwrap_or_default();
    }
    output::print(text)
}
