//! `brooklet job`: what jobs have stored, and how to make them forget it.

mod stored;

use self::stored::{Place, State, Stored};
use super::args::{AdminArguments, JobArguments, JobCommand};
use super::cluster::{self, Bell, Connection, Failure, output};
use super::exit::Exit;
use super::host::wall_clock_millis;
use super::status::say;
use crate::base::{Error, ErrorKind, nearest};
use crate::connectors::kafka::transaction::record::{ProgressRecord, RESET_PREFIX};
use crate::table::Fingerprint;
use brooklet_kafka::producer::SendError;
use brooklet_kafka::wire::compression::{Compression, Compressor};
use brooklet_kafka::wire::records::{BatchBuilder, record_size_bound};
use brooklet_kafka::{CommittedOffset, Isolation, OffsetSpec, TopicPartition};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Progress of transactions that were aborted is none.
const READ_COMMITTED: &[(&str, &str)] = &[("isolation.level", "read_committed")];

/// Runs one of the subcommands.
pub(super) fn job(arguments: &JobArguments) -> Exit {
    cluster::end(match &arguments.command {
        JobCommand::List { admin } => list(admin),
        JobCommand::Progress { admin, job } => progress(admin, job),
        JobCommand::Reset { admin, job } => reset(admin, job),
    })
}

fn list(admin: &AdminArguments) -> Result<(), Failure> {
    let connection = Connection::open_with(&admin.cluster, READ_COMMITTED)?;
    let mut rows =
        vec![["job", "guarantee", "epoch", "partitions", "state"].map(str::to_owned).to_vec()];
    let jobs = stored::all(&connection)?;
    if jobs.is_empty() {
        say("[INFO] no job has progress here, or this principal may not see it");
    }
    rows.extend(jobs.into_iter().map(|stored| {
        let (epoch, partitions) = (stored.epoch.to_string(), stored.partitions().to_string());
        let (guarantee, state) = (stored.guarantee().to_owned(), stored.state.text().to_owned());
        vec![stored.job, guarantee, epoch, partitions, state]
    }));
    output::print(output::table(&rows))
}

/// What the job has stored, once or under each guarantee that it had.
fn find(connection: &Connection, job: &str) -> Result<Vec<Stored>, Failure> {
    let (found, others): (Vec<_>, Vec<_>) =
        stored::all(connection)?.into_iter().partition(|stored| stored.job == job);
    if !found.is_empty() {
        return Ok(found);
    }
    let error = Error::new(
        ErrorKind::External,
        format!("job '{job}' has no progress here, or this principal may not see it"),
    );
    let names: Vec<&str> = others.iter().map(|stored| stored.job.as_str()).collect();
    Err(match nearest(job, names.iter().copied()) {
        Some(near) => error.with_hint(format!("did you mean '{near}'?")),
        None => error.with_hint("'brooklet job list' shows the jobs that have"),
    }
    .into())
}

fn progress(admin: &AdminArguments, job: &str) -> Result<(), Failure> {
    let connection = Connection::open_with(&admin.cluster, READ_COMMITTED)?;
    let mut text = String::new();
    for stored in find(&connection, job)? {
        let places: Vec<String> = stored.places.iter().map(describe).collect();
        text.push_str(&format!(
            "job: {job}\nguarantee: {}\nepoch: {}\nstate: {}\nkept in: {}\n",
            stored.guarantee(),
            stored.epoch,
            stored.state.text(),
            places.join(", ")
        ));
        text.push_str(&positions(&connection, &stored)?);
    }
    output::print(text)
}

fn describe(place: &Place) -> String {
    match place {
        Place::Group { name, .. } => format!("group '{name}'"),
        Place::Topic(name) => format!("topic '{name}'"),
    }
}

/// A line for each partition. A topic that is gone, or that is none of this cluster, has no end.
fn positions(connection: &Connection, stored: &Stored) -> Result<String, Failure> {
    let heads = ["scan", "topic", "partition", "position", "end", "lag"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    for scan in &stored.scans {
        let ends = ends(connection, scan.positions.keys())?;
        for (partition, position) in &scan.positions {
            let end = ends.get(partition).copied();
            let text = |number: Option<i64>| number.map_or("-".to_owned(), |n| n.to_string());
            rows.push(vec![
                scan.name.clone(),
                partition.topic.to_string(),
                partition.partition.to_string(),
                position.to_string(),
                text(end),
                text(end.map(|end| end.saturating_sub(*position).max(0))),
            ]);
        }
    }
    Ok(if rows.len() == 1 { String::new() } else { output::table(&rows) })
}

fn ends<'a>(
    connection: &Connection,
    partitions: impl Iterator<Item = &'a TopicPartition> + Clone,
) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    let mut topics: Vec<&str> = partitions.clone().map(|partition| &*partition.topic).collect();
    topics.dedup();
    let described = connection.wait(&connection.client.metadata(&topics))?;
    let known: Vec<&String> =
        described.iter().filter(|(_, topic)| topic.is_ok()).map(|(name, _)| name).collect();
    let asked: Vec<_> = partitions
        .filter(|partition| known.iter().any(|name| **name == *partition.topic))
        .map(|partition| (partition.clone(), OffsetSpec::Latest))
        .collect();
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let listed = connection.client.list_offsets(&asked, Isolation::ReadUncommitted);
    let listed = connection.wait(&listed)?;
    Ok(listed.into_iter().filter_map(|(at, listed)| Some((at, listed.offset?))).collect())
}

fn reset(admin: &AdminArguments, job: &str) -> Result<(), Failure> {
    let connection = Connection::open_with(&admin.cluster, READ_COMMITTED)?;
    for stored in find(&connection, job)? {
        if stored.state != State::Resumable {
            say(&format!("[INFO] the next start of job '{job}' is a fresh one anyway"));
            continue;
        }
        let (epoch, count) = (stored.epoch, stored.partitions());
        let what = format!("progress of job '{job}': epoch {epoch}, {count} partition(s)");
        if admin.dry_run {
            output::print(format!("would forget {what}\n"))?;
            continue;
        }
        for place in &stored.places {
            match place {
                Place::Group { name, marked } => {
                    unmark(&connection, name, marked)?;
                    if !stored.exact {
                        say(&format!(
                            "[INFO] a run of job '{job}' that is not stopped stores its progress in group '{name}' again"
                        ));
                    }
                }
                Place::Topic(topic) => finish(&connection, topic, &stored)?,
            }
        }
        output::print(format!("forgot {what}\n"))?;
    }
    Ok(())
}

/// Offsets without marks are no progress; lag tools still see them.
fn unmark(
    connection: &Connection,
    group: &str,
    marked: &[(TopicPartition, CommittedOffset)],
) -> Result<(), Failure> {
    let plain = |(partition, offset): &(TopicPartition, CommittedOffset)| {
        let offset = CommittedOffset { metadata: String::new(), ..offset.clone() };
        (partition.clone(), offset)
    };
    let offsets: Vec<_> = marked.iter().map(plain).collect();
    connection.wait(&connection.client.offset_commit(group, &offsets))
}

/// A record that says that the job is at its end, written under the job's own transactional id: a run of it that goes on is
/// fenced, finds the record, and ends.
fn finish(connection: &Connection, topic: &Arc<str>, stored: &Stored) -> Result<(), Failure> {
    let now = wall_clock_millis();
    let id = stored.transactional_id.as_str();
    if id.is_empty() {
        let job = &stored.job;
        return Err(Error::new(
            ErrorKind::External,
            format!("the progress of job '{job}' does not say under which transactional id it was written"),
        )
        .with_hint("an earlier version wrote it: start the job once more with this one, or with --fresh")
        .into());
    }
    let record = ProgressRecord {
        job: stored.job.clone(),
        epoch: stored.epoch,
        transactional_id: id.to_owned(),
        incarnation: format!("{RESET_PREFIX}{now:x}"),
        finished: true,
        shared: None,
        fingerprint: Fingerprint::default(),
        scans: Vec::new(),
    };
    let (key, value) = (stored.job.as_bytes(), record.encode());
    let room = record_size_bound(Some(key), Some(value.as_bytes()), &[]);
    let mut builder = BatchBuilder::new(Compression::None, room);
    let sealed = builder
        .append(now, Some(key), Some(value.as_bytes()), &[])
        .map_err(|error| error.to_string())
        .and_then(|_| builder.seal(&mut Compressor::new()).map_err(|error| error.to_string()));
    let batch = sealed.map_err(|error| Failure::from(Error::internal(error)))?;
    let was_open = connection.wait(&connection.client.describe_transaction(id))?.is_open();
    let bell: Arc<Bell> = Arc::default();
    let producer = connection.take_over(id, bell.waker())?;
    if was_open {
        say(&format!(
            "[WARN] job '{}' had an open transaction, which was aborted: if it runs, it ends now",
            stored.job
        ));
    }
    let sent = producer.send(topic, 0, batch, 0);
    sent.map_err(|error: SendError| Failure::from(Error::internal(error.to_string())))?;
    connection.transaction(id, &producer.commit())
}
