//! Tables that most scripts of these tests need.

use crate::support::{Cluster, Rec};

/// A `kafka` table; `options` are pairs `'key' = 'value'` behind the usual ones.
pub(crate) fn kafka(
    name: &str,
    columns: &str,
    topic: &str,
    cluster: &Cluster,
    options: &str,
) -> String {
    let comma = if options.is_empty() { "" } else { ", " };
    format!(
        "CREATE TABLE {name} ({columns}) WITH ('connector' = 'kafka', 'topic' = '{topic}',\n  \
         'properties.bootstrap.servers' = '{}'{comma}{options});\n",
        cluster.bootstrap()
    )
}

/// From the first record to what is the last one at the start.
pub(crate) const ALL: &str =
    "'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset'";
/// From the first record on, without end.
pub(crate) const ENDLESS: &str = "'scan.startup.mode' = 'earliest-offset'";
/// JSON.
pub(crate) const JSON: &str = "'format' = 'json'";

/// A table `name` of rows on standard output.
pub(crate) fn print(name: &str, columns: &str) -> String {
    format!("CREATE TABLE {name} ({columns}) WITH ('connector' = 'print');\n")
}

/// The JSON record of a row with one column `v` of text.
pub(crate) fn row(v: &str) -> String {
    format!(r#"{{"v":"{v}"}}"#)
}

/// Writes such records to partition 0.
pub(crate) fn produce(cluster: &Cluster, topic: &str, rows: &[&str]) {
    let records: Vec<Rec> = rows.iter().map(|v| Rec::value(row(v))).collect();
    cluster.produce(topic, &records);
}
