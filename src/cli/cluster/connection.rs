//! The client of one subcommand, and waiting for its answers without missing a signal.

use super::Failure;
use crate::base::{Error, ErrorKind};
use crate::cli::args::ClusterArguments;
use crate::cli::signals;
use crate::cli::status::say;
use crate::engine::property;
use crate::exec::JobControl;
use brooklet_kafka::client::PerTopic;
use brooklet_kafka::pending::{Pending, Waker};
use brooklet_kafka::topic::{PartitionInfo, TopicInfo};
use brooklet_kafka::transaction::{TransactionResult, TransactionalProducer};
use brooklet_kafka::{Client, ClientConfig, ListedOffset, Network, OffsetSpec, TopicPartition};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Property that bounds every call, and what it is unless the user sets it: an unreachable broker ends the program
/// after this time. Java's default is a minute.
const TIMEOUT_PROPERTY: &str = "default.api.timeout.ms";
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(15);

/// Time-out that the new epoch of a transactional id gets.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(60);

/// How long an answer may take before a line says what is waited for.
const SILENCE_MAX: Duration = Duration::from_secs(2);

/// How often a wait looks whether the program was asked to stop.
pub(in crate::cli) const STOP_POLL: Duration = Duration::from_millis(50);

/// Wakes a waiting thread; a ring before the wait is not lost.
#[derive(Debug, Default)]
pub(in crate::cli) struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    /// What a consumer or producer calls.
    pub(in crate::cli) fn waker(self: &Arc<Bell>) -> Waker {
        let bell = Arc::clone(self);
        Arc::new(move || bell.ring())
    }

    /// Waits until it was rung, at most for `timeout`.
    pub(in crate::cli) fn wait(&self, timeout: Duration) {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut rung, _) = self
            .changed
            .wait_timeout_while(rung, timeout, |rung| !*rung)
            .unwrap_or_else(PoisonError::into_inner);
        *rung = false;
    }
}

/// A client and the wish to stop.
#[derive(Debug)]
pub(in crate::cli) struct Connection {
    pub(in crate::cli) client: Client,
    control: JobControl,
}

impl Connection {
    /// Reads the properties, says what is odd about them, and watches for signals. Contacts nothing.
    pub(in crate::cli) fn open(cluster: &ClusterArguments) -> Result<Connection, Failure> {
        Connection::open_with(cluster, &[])
    }

    /// As [`Connection::open`], with properties that the command needs.
    pub(in crate::cli) fn open_with(
        cluster: &ClusterArguments,
        fixed: &[(&str, &str)],
    ) -> Result<Connection, Failure> {
        let given: Vec<(&str, String)> = cluster
            .properties
            .iter()
            .map(|(key, value)| Ok((key.as_str(), property(key, value)?)))
            .collect::<crate::base::Result<_>>()
            .map_err(|error| Failure::Usage(error.to_string()))?;
        let given = given.iter().map(|(key, value)| (*key, value.as_str()));
        // The last pair of a name wins.
        let bootstrap = ("bootstrap.servers", cluster.bootstrap.as_str());
        let pairs = given.chain(fixed.iter().copied()).chain([bootstrap]);
        let (mut config, warnings) = ClientConfig::parse(pairs)?;
        for warning in warnings {
            say(&format!("[WARN] {}", warning.message));
        }
        if cluster.properties.iter().all(|(key, _)| key != TIMEOUT_PROPERTY) {
            config.api_timeout = TIMEOUT_DEFAULT;
        }
        let control = JobControl::new();
        signals::watch(control.clone()).map_err(|error| {
            Error::new(ErrorKind::External, format!("cannot watch for signals: {error}"))
        })?;
        Ok(Connection { client: Client::new(config, &Network::tokio()), control })
    }

    /// Stops, as a first INT does but without a word, when nobody reads standard output any more.
    pub(in crate::cli) fn watch_stdout(&self) -> Result<(), Failure> {
        let control = self.control.clone();
        signals::watch_stdout(move || control.drain()).map_err(|error| {
            Error::new(ErrorKind::External, format!("cannot watch standard output: {error}")).into()
        })
    }

    /// Whether the first INT or TERM came.
    pub(in crate::cli) fn is_stopping(&self) -> bool {
        self.control.is_draining()
    }

    /// Waits for an answer; the client itself gives up in time.
    pub(in crate::cli) fn wait<T>(
        &self,
        pending: &Pending<brooklet_kafka::Result<T>>,
    ) -> Result<T, Failure> {
        Ok(self.answer(pending)??)
    }

    fn answer<T>(&self, pending: &Pending<T>) -> Result<T, Failure> {
        let mut silence = Duration::ZERO;
        loop {
            if let Some(answer) = pending.wait(STOP_POLL) {
                return Ok(answer);
            }
            if self.is_stopping() {
                return Err(Failure::Stopped);
            }
            silence += STOP_POLL;
            if silence == SILENCE_MAX {
                let seconds = self.client.config().api_timeout.as_secs_f64();
                say(&format!("[WARN] no answer yet; giving up after {seconds} s"));
            }
        }
    }

    /// Takes a transactional id over: its coordinator aborts what is open and fences the program that began it (KIP-360).
    pub(in crate::cli) fn take_over(
        &self,
        id: &str,
        waker: Waker,
    ) -> Result<TransactionalProducer, Failure> {
        let producer = self.client.transactional_producer(id, TAKEOVER_TIMEOUT, waker);
        self.transaction(id, &producer.init())?;
        Ok(producer)
    }

    /// Waits for a step of the transaction with this id.
    pub(in crate::cli) fn transaction<T>(
        &self,
        id: &str,
        pending: &Pending<TransactionResult<T>>,
    ) -> Result<T, Failure> {
        let answer = self.answer(pending)?;
        Ok(answer.map_err(|failed| failed.error.context(format!("transactional id `{id}`")))?)
    }

    /// Waits for the answer about one topic.
    pub(in crate::cli) fn wait_one<T>(
        &self,
        pending: &Pending<brooklet_kafka::Result<PerTopic<T>>>,
    ) -> Result<T, Failure> {
        match self.wait(pending)?.into_iter().next() {
            Some((_, answer)) => Ok(answer?),
            None => {
                Err(Error::new(ErrorKind::External, "the broker's answer names no topic").into())
            }
        }
    }

    /// Describes a topic, which must exist.
    pub(in crate::cli) fn topic(&self, name: &str) -> Result<TopicInfo, Failure> {
        self.wait_one(&self.client.metadata(&[name]))
    }

    /// Asks for one offset of each partition.
    pub(in crate::cli) fn ask_offsets(
        &self,
        topic: &Arc<str>,
        partitions: &[&PartitionInfo],
        spec: OffsetSpec,
    ) -> Asked {
        let asked: Vec<_> = partitions
            .iter()
            .map(|partition| (TopicPartition::new(Arc::clone(topic), partition.partition), spec))
            .collect();
        Asked(self.client.list_offsets(&asked, self.client.config().isolation))
    }

    /// Waits for offsets, by partition; partitions without such an offset are left out.
    pub(in crate::cli) fn offsets(&self, asked: &Asked) -> Result<BTreeMap<i32, i64>, Failure> {
        let listed = self.wait(&asked.0)?;
        Ok(listed.iter().filter_map(|(tp, listed)| Some((tp.partition, listed.offset?))).collect())
    }
}

/// Offsets that were asked for.
#[derive(Debug)]
pub(in crate::cli) struct Asked(
    Pending<brooklet_kafka::Result<BTreeMap<TopicPartition, ListedOffset>>>,
);

/// The partition that was asked for with `-p`, or all of them.
pub(in crate::cli) fn chosen(
    topic: &TopicInfo,
    partition: Option<i32>,
) -> Result<Vec<&PartitionInfo>, Failure> {
    let partitions: Vec<_> = topic
        .partitions
        .iter()
        .filter(|info| partition.is_none_or(|partition| info.partition == partition))
        .collect();
    match partition {
        Some(partition) if partitions.is_empty() => {
            let name = &topic.name;
            let last = topic.partitions.len().saturating_sub(1);
            Err(Error::new(
                ErrorKind::External,
                format!("topic '{name}' has no partition {partition}"),
            )
            .with_hint(format!("its partitions are 0 to {last}"))
            .into())
        }
        _ => Ok(partitions),
    }
}
