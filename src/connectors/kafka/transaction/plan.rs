//! What the exactly-once sinks of a job agree on: one cluster, one transactional id, one transaction at a time.

use super::domain::TransactionDomain;
use super::record::topic_of;
use super::shared::Transaction;
use crate::base::{Error, ErrorKind, Result};
use crate::connectors::kafka::members::{Exact, JobMembers};
use crate::table::{CommitDomain, DomainRequest, Epoch, JobContext, Waker, Warnings};
use brooklet_kafka::pending::Pending;
use brooklet_kafka::transaction::{ProducerIdentity, TransactionError, TransactionResult};
use brooklet_kafka::wire::ErrorCode;
use brooklet_kafka::{Client, ClientConfig, Isolation, Network};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Least transaction time-out where the user sets none.
const TIMEOUT_MIN: Duration = Duration::from_secs(60);

/// Epochs that a transaction may take longer than its interval before the broker gives it up.
const TIMEOUT_EPOCHS: u32 = 3;

/// `transaction.max.timeout.ms` of brokers that nobody has configured: tried first where the broker refuses more.
const BROKER_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Shorter transactions than this are not tried.
const TIMEOUT_LEAST: Duration = Duration::from_secs(1);

/// What a sink brings to its job's transaction.
#[derive(Debug)]
pub(in crate::connectors::kafka) struct Join {
    /// The table, for messages.
    pub(in crate::connectors::kafka) subject: String,
    /// The sink's client settings.
    pub(in crate::connectors::kafka) config: ClientConfig,
    /// See [`cluster_key`].
    pub(in crate::connectors::kafka) cluster: u64,
    /// `sink.transactional-id-prefix`.
    pub(in crate::connectors::kafka) prefix: String,
    /// `properties.transaction.timeout.ms` where it is set.
    pub(in crate::connectors::kafka) timeout: Option<Duration>,
}

/// The plan; made by the first sink, joined by the others.
#[derive(Debug, Default)]
pub(in crate::connectors::kafka) struct JobTransaction {
    joined: Mutex<Option<Join>>,
    /// The transaction of the current attempt.
    current: Mutex<Option<Arc<Transaction>>>,
    state: Mutex<RunState>,
}

/// What outlives the attempts of one run.
#[derive(Debug, Default)]
pub(super) struct RunState {
    /// This run has claimed the job.
    pub(super) claimed: bool,
    /// The last epoch that this run committed, or that it claimed.
    pub(super) committed: Epoch,
    /// Time between epochs.
    interval: Duration,
    /// What the broker allows at most, where it refused what was asked for.
    pub(super) timeout: Option<Duration>,
    /// People know of it.
    said_timeout: bool,
    /// Groups that take no offsets: what is wrong was said.
    pub(super) refused_groups: BTreeSet<String>,
}

/// Tells connections apart: equal for the same brokers and the same security settings.
pub(in crate::connectors::kafka) fn cluster_key<'a>(
    config: &ClientConfig,
    properties: impl Iterator<Item = (&'a str, &'a str)>,
) -> u64 {
    let mut hasher = DefaultHasher::new();
    let brokers: BTreeSet<String> = config.bootstrap.iter().map(ToString::to_string).collect();
    brokers.hash(&mut hasher);
    let security = ["security.", "sasl.", "ssl."];
    for (key, value) in properties {
        if security.iter().any(|prefix| key.starts_with(prefix)) {
            (key, value).hash(&mut hasher);
        }
    }
    hasher.finish()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl JobTransaction {
    /// Takes a sink in. The first one's prefix and client settings count for all.
    pub(in crate::connectors::kafka) fn join(&self, sink: Join, job: &JobContext) -> Result<()> {
        let mut joined = lock(&self.joined);
        let Some(first) = joined.as_mut() else {
            *joined = Some(sink);
            return Ok(());
        };
        if first.cluster != sink.cluster {
            return Err(Error::unsupported(format!(
                "exactly-once sinks of one job on two clusters or as two users: {} and {}",
                first.subject, sink.subject
            ))
            .with_hint(
                "a transaction spans one cluster: write 'properties.bootstrap.servers' and the security options the \
                 same way in both, or make two jobs of it",
            ));
        }
        if first.prefix != sink.prefix {
            job.warnings.info(&format!(
                "{}: its job has one transaction, whose id begins with '{}'",
                sink.subject, first.prefix
            ));
        }
        first.timeout = first.timeout.max(sink.timeout);
        Ok(())
    }

    /// Prefix and time-out of the transaction, where a sink has joined.
    pub(in crate::connectors::kafka) fn joined(&self) -> Option<(String, Option<Duration>)> {
        lock(&self.joined).as_ref().map(|join| (join.prefix.clone(), join.timeout))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, RunState> {
        lock(&self.state)
    }

    /// The time-out to ask for where the sinks want this one.
    pub(in crate::connectors::kafka) fn timeout(&self, wanted: Duration) -> Duration {
        self.state().timeout.map_or(wanted, |max| max.min(wanted))
    }

    /// Where the broker has refused the time-out, the next one to ask for is shorter. False if it has refused something
    /// else, or there is no shorter one.
    pub(in crate::connectors::kafka) fn shorten(
        &self,
        refused: &TransactionError,
        wanted: Duration,
    ) -> bool {
        if refused.error.code() != Some(ErrorCode::INVALID_TRANSACTION_TIMEOUT) {
            return false;
        }
        let asked = self.timeout(wanted);
        let less = if asked > BROKER_TIMEOUT { BROKER_TIMEOUT } else { asked / 2 };
        if less >= TIMEOUT_LEAST {
            self.state().timeout = Some(less);
        }
        less >= TIMEOUT_LEAST
    }

    /// Where the broker has refused the time-out that the sinks want: says so once, and fails where no epoch could be
    /// committed within what it allows.
    pub(in crate::connectors::kafka) fn check_timeout(
        &self,
        wanted: Duration,
        names: &Names,
        warnings: &Warnings,
    ) -> Result<()> {
        let mut state = self.state();
        let Some(timeout) = state.timeout.filter(|used| *used < wanted) else { return Ok(()) };
        if timeout <= state.interval {
            return Err(Error::new(
                ErrorKind::Option,
                format!(
                    "the brokers allow no transaction of {} ms, the time between epochs of job '{}': {} ms are the most",
                    state.interval.as_millis(),
                    names.job,
                    timeout.as_millis()
                ),
            )
            .with_hint(
                "lower 'execution.checkpointing.interval', or raise the brokers' transaction.max.timeout.ms",
            ));
        }
        if !std::mem::replace(&mut state.said_timeout, true) {
            warnings.warn(&format!(
                "job '{}': the broker allows no transaction of {} ms ('transaction.max.timeout.ms'): {} ms are used",
                names.job,
                wanted.as_millis(),
                timeout.as_millis()
            ));
        }
        Ok(())
    }

    /// The domain of the next attempt, with a client of its own: what the last attempt still sends is fenced.
    pub(in crate::connectors::kafka) fn domain(
        self: &Arc<Self>,
        network: &Network,
        job: &JobContext,
        request: DomainRequest,
        waker: Waker,
    ) -> Result<Box<dyn CommitDomain>> {
        let joined = lock(&self.joined);
        let joined = joined.as_ref().ok_or_else(|| Error::internal("no sink has joined"))?;
        let mut config = joined.config.clone();
        // Progress of a transaction that was aborted is none.
        config.isolation = Isolation::ReadCommitted;
        let interval = job.checkpoint_interval;
        self.state().interval = interval;
        let timeout = joined
            .timeout
            .unwrap_or_else(|| TIMEOUT_MIN.max(interval.saturating_mul(TIMEOUT_EPOCHS)));
        let members = job.shared.then(|| job.parts.get_or_make(JobMembers::default));
        let incarnation = format!("{:x}-{:x}", job.started_at_millis, job.seed);
        let id = match request.keeps_progress {
            true => format!("{}-{}", joined.prefix, job.id),
            // Nobody names this job again: nothing is taken over, nothing may be fenced.
            false => format!("{}-{}-{incarnation}", joined.prefix, job.id),
        };
        let names = Names {
            job: job.id.clone(),
            topic: topic_of(&job.id).into(),
            prefix: joined.prefix.clone(),
            id,
            incarnation,
            cluster: joined.cluster,
        };
        config.must_exist.insert(Arc::clone(&names.topic));
        let client = Client::new(config, network);
        let plan = Arc::clone(self);
        if let Some(members) = members {
            let scan = request.scans.first().map_or(String::new(), |scan| scan.name.name.clone());
            let exact = Exact::new(plan, names, timeout, request.scans);
            return members.domain(client, &scan, Some(exact), job, waker);
        }
        Ok(Box::new(TransactionDomain::new(plan, client, names, timeout, job, request, waker)))
    }

    /// Opens the transaction of an attempt and fences the runs before it, or again with another time-out before anything
    /// was written.
    pub(in crate::connectors::kafka) fn initialize(
        &self,
        client: &Client,
        id: &str,
        wanted: Duration,
        waker: &Waker,
    ) -> (Arc<Transaction>, Pending<TransactionResult<ProducerIdentity>>) {
        let timeout = self.timeout(wanted);
        let transaction = Arc::new(Transaction::new(client, id, timeout, Arc::clone(waker)));
        *lock(&self.current) = Some(Arc::clone(&transaction));
        let pending = transaction.init();
        pending.on_ready(Arc::clone(waker));
        (transaction, pending)
    }

    /// The transaction of the current attempt, for a writer.
    pub(in crate::connectors::kafka) fn current(&self) -> Result<Arc<Transaction>> {
        let current = lock(&self.current).clone();
        current.ok_or_else(|| Error::internal("a writer before its job's transaction"))
    }
}

/// Names of a job's transactions.
#[derive(Clone, Debug)]
pub(in crate::connectors::kafka) struct Names {
    pub(in crate::connectors::kafka) job: String,
    /// The progress topic.
    pub(in crate::connectors::kafka) topic: Arc<str>,
    pub(in crate::connectors::kafka) prefix: String,
    /// The transactional id.
    pub(in crate::connectors::kafka) id: String,
    /// This run of the job.
    pub(in crate::connectors::kafka) incarnation: String,
    pub(in crate::connectors::kafka) cluster: u64,
}
