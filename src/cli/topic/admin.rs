//! `brooklet topic create` and `brooklet topic delete`.

use crate::cli::args::ClusterArguments;
use crate::cli::cluster::{Connection, Failure, STOP_POLL};
use crate::cli::status::say;
use brooklet_kafka::NewTopic;
use std::time::{Duration, Instant};

/// How long a new topic may take to be seen by the brokers; after that the command ends all the same.
const SEEN_MAX: Duration = Duration::from_secs(5);

/// Creates a topic and waits until a broker describes it, so that the next command finds it.
pub(super) fn create(
    cluster: &ClusterArguments,
    name: &str,
    partitions: Option<i32>,
    replication_factor: Option<i16>,
    configs: &[(String, String)],
) -> Result<(), Failure> {
    let connection = Connection::open(cluster)?;
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: partitions.unwrap_or(-1),
        replication_factor: replication_factor.unwrap_or(-1),
        configs: configs.to_vec(),
    };
    connection.wait_one(&connection.client.create_topics(&[topic]))?;
    let started = Instant::now();
    loop {
        match connection.topic(name) {
            Ok(topic) => {
                let count = topic.partitions.len();
                say(&format!("[INFO] created topic '{name}', partitions: {count}"));
                return Ok(());
            }
            Err(Failure::Stopped) => return Err(Failure::Stopped),
            Err(_) if started.elapsed() < SEEN_MAX => std::thread::sleep(STOP_POLL),
            Err(_) => {
                say(&format!("[INFO] created topic '{name}'"));
                return Ok(());
            }
        }
    }
}

/// Deletes a topic.
pub(super) fn delete(cluster: &ClusterArguments, name: &str) -> Result<(), Failure> {
    let connection = Connection::open(cluster)?;
    // The answer to a deletion does not say which topic is unknown in words of the client: ask first.
    connection.topic(name)?;
    connection.wait_one(&connection.client.delete_topics(&[name]))?;
    say(&format!("[INFO] deleted topic '{name}'"));
    Ok(())
}
