//! What the brokers say about the tables of a script: topics that are missing, brokers that do not answer.

use crate::base::Error;
use crate::cli::status::say;
use crate::engine::{self, Session};
use crate::table::TableDef;
use brooklet_kafka::{Client, ClientConfig, Network};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long the brokers of a table may take to answer. Nothing is wrong with a script whose brokers are away.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// How to reach the brokers of a table.
type Properties = Vec<(String, String)>;

/// Says what the brokers of the session's Kafka tables lack. Never an error: the topic may be made later, and the broker
/// may be reachable only where the script will run.
pub(super) fn look(session: &Session) {
    let mut by_cluster: BTreeMap<Properties, Vec<Arc<TableDef>>> = BTreeMap::new();
    for (name, _) in session.tables() {
        if let Some(table) = session
            .table(&[name])
            .filter(|table| matches!(table.connector(), Some("kafka" | "upsert-kafka")))
        {
            // The script is checked where it does not run.
            if let Some((key, error)) = lacking(&table) {
                let subject = table.subject();
                say(&format!(
                    "[WARN] {subject}: its brokers were not looked at: {error} (option '{key}')"
                ));
                continue;
            }
            by_cluster.entry(properties(&table)).or_default().push(table);
        }
    }
    for (properties, tables) in by_cluster {
        look_at_cluster(&properties, &tables);
    }
}

/// The first option that says what to ask whom, and lacks the variable or the file of its value.
fn lacking(table: &TableDef) -> Option<(&str, Error)> {
    let asked = |key: &str| key == "topic" || key.starts_with("properties.");
    let mut options = table.options.iter().filter(|(key, _)| asked(key));
    options.find_map(|(key, entry)| Some((key, engine::lacking(&entry.value)?)))
}

fn properties(table: &TableDef) -> Properties {
    let key = |key: &str| key.strip_prefix("properties.").map(str::to_owned);
    let of_group = |key: &str| key == "group.id" || key == "client.id";
    table
        .options
        .iter()
        .filter_map(|(name, entry)| Some((key(name)?, entry.value.clone())))
        .filter(|(name, _)| !of_group(name))
        .collect()
}

fn look_at_cluster(properties: &Properties, tables: &[Arc<TableDef>]) {
    let pairs = properties.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    // Wrong properties were told already.
    let Ok((mut config, _)) = ClientConfig::parse(pairs) else { return };
    config.api_timeout = ANSWER_MAX;
    let client = Client::new(config, &Network::tokio());
    for table in tables {
        let subject = table.subject();
        for topic in topics(table) {
            match client.metadata(&[&topic]).wait(ANSWER_MAX * 2) {
                Some(Ok(answers)) => {
                    if let Some((_, Err(error))) = answers.into_iter().next() {
                        say(&format!("[WARN] {subject}: {error}"));
                    }
                }
                Some(Err(error)) => {
                    say(&format!("[WARN] {subject}: its brokers were not looked at: {error}"));
                    return;
                }
                None => {
                    say(&format!("[WARN] {subject}: its brokers do not answer"));
                    return;
                }
            }
        }
    }
}

fn topics(table: &TableDef) -> Vec<String> {
    let list = table.options.get("topic").unwrap_or("");
    list.split(';').map(str::trim).filter(|topic| !topic.is_empty()).map(str::to_owned).collect()
}
