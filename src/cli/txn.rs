//! `brooklet txn`: transactions that are open, whoever began them, and the way to end those whose program is gone.

use super::args::{AdminArguments, TransactionChoice, TxnArguments, TxnCommand};
use super::cluster::{self, Connection, Failure, output};
use super::exit::Exit;
use super::host::wall_clock_millis;
use super::status::say;
use brooklet_kafka::{ListedTransaction, TransactionDescription};
use std::fmt::Write as _;
use std::sync::Arc;

/// Runs one of the subcommands.
pub(super) fn txn(arguments: &TxnArguments) -> Exit {
    cluster::end(match &arguments.command {
        TxnCommand::List { admin, prefix, state } => {
            list(admin, prefix.as_deref(), state.as_deref())
        }
        TxnCommand::Describe { admin, id } => describe(admin, id),
        TxnCommand::Abort { admin, which } => abort(admin, which),
    })
}

/// All transactional ids that the brokers know, with the node that coordinates each, sorted.
fn all(connection: &Connection) -> Result<Vec<(ListedTransaction, i32)>, Failure> {
    let brokers = connection.wait(&connection.client.cluster())?.brokers;
    let asked: Vec<_> = brokers
        .iter()
        .map(|broker| (broker.id, connection.client.list_transactions(broker.id)))
        .collect();
    let mut all = Vec::new();
    for (node, answer) in asked {
        all.extend(connection.wait(&answer)?.into_iter().map(|listed| (listed, node)));
    }
    all.sort_by(|a, b| a.0.transactional_id.cmp(&b.0.transactional_id));
    Ok(all)
}

fn list(admin: &AdminArguments, prefix: Option<&str>, state: Option<&str>) -> Result<(), Failure> {
    let connection = Connection::open(&admin.cluster)?;
    let mut rows = vec![
        ["transactional id", "coordinator", "producer id", "state"].map(str::to_owned).to_vec(),
    ];
    for (listed, node) in all(&connection)? {
        let wanted = prefix.is_none_or(|prefix| listed.transactional_id.starts_with(prefix))
            && state.is_none_or(|state| listed.state.eq_ignore_ascii_case(state));
        if wanted {
            let (node, producer) = (node.to_string(), listed.producer_id.to_string());
            rows.push(vec![listed.transactional_id, node, producer, listed.state]);
        }
    }
    output::print(output::table(&rows))
}

fn describe(admin: &AdminArguments, id: &str) -> Result<(), Failure> {
    let connection = Connection::open(&admin.cluster)?;
    let found = connection.wait(&connection.client.describe_transaction(id))?;
    output::print(description(&found, wall_clock_millis()))
}

/// One fact a line.
fn description(found: &TransactionDescription, now_millis: i64) -> String {
    let mut text = format!(
        "transactional id: {}\nstate: {}\nproducer id: {}\nproducer epoch: {}\ntransaction.timeout.ms: {}\n",
        found.transactional_id,
        found.state,
        found.producer_id,
        found.producer_epoch,
        found.timeout.as_millis()
    );
    // What has ended holds nobody up.
    if let Some(started) = found.started_at_millis.filter(|_| found.is_open()) {
        let open = now_millis.saturating_sub(started).max(0);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "open for: {}.{:03} s", open / 1000, open % 1000);
    }
    if !found.partitions.is_empty() {
        let _ = writeln!(text, "partitions: {}", found.partitions.len());
        for partition in &found.partitions {
            let _ = writeln!(text, "  {partition}");
        }
    }
    text
}

fn abort(admin: &AdminArguments, which: &TransactionChoice) -> Result<(), Failure> {
    let connection = Connection::open(&admin.cluster)?;
    let chosen: Vec<String> = match &which.prefix {
        None => which.ids.clone(),
        Some(prefix) => all(&connection)?
            .into_iter()
            .map(|(listed, _)| listed.transactional_id)
            .filter(|id| id.starts_with(prefix.as_str()))
            .collect(),
    };
    let mut aborted = 0;
    for id in chosen {
        let answer = connection.client.describe_transaction(&id);
        let found = connection.wait(&answer)?;
        if !found.is_open() {
            // Whoever names an id wants to hear about it; a prefix is about what is open.
            if which.prefix.is_none() {
                say(&format!(
                    "[INFO] '{id}' has no open transaction: its state is {}",
                    found.state
                ));
            }
            continue;
        }
        let count = found.partitions.len();
        let partitions = if count == 1 { "1 partition" } else { &format!("{count} partitions") };
        match admin.dry_run {
            true => output::print(format!("would abort '{id}': {partitions}\n"))?,
            false => {
                connection.take_over(&id, Arc::new(|| ()))?;
                output::print(format!("aborted '{id}': {partitions}\n"))?;
            }
        }
        aborted += 1;
    }
    if aborted == 0 {
        say("[INFO] nothing to abort");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use brooklet_kafka::TopicPartition;
    use std::time::Duration;

    #[test]
    fn a_description_says_how_long_readers_have_waited() {
        let mut found = TransactionDescription {
            transactional_id: "flink-0-1".to_owned(),
            state: "Ongoing".to_owned(),
            timeout: Duration::from_secs(60),
            started_at_millis: Some(1_000),
            producer_id: 7,
            producer_epoch: 3,
            partitions: vec![TopicPartition::new("out", 0)],
        };
        let text = description(&found, 3_045);
        assert!(text.contains("open for: 2.045 s\npartitions: 1\n  out-0\n"), "{text}");
        // Clocks differ.
        assert!(description(&found, 0).contains("open for: 0.000 s\n"));
        found.state = "CompleteCommit".to_owned();
        assert!(!description(&found, 3_045).contains("open for"));
        found.state = "Ongoing".to_owned();
        found.started_at_millis = None;
        assert!(!description(&found, 0).contains("open for"));
    }
}
