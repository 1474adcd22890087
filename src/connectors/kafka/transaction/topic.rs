//! The progress topic of a job: made when it is missing, refused when the brokers would remove progress from it.

use super::super::error::contact;
use super::plan::Names;
use super::refusal::{Use, denied};
use crate::base::{Error, ErrorKind, Result};
use crate::table::Waker;
use brooklet_kafka::pending::Pending;
use brooklet_kafka::topic::{ClusterInfo, TopicInfo};
use brooklet_kafka::wire::ErrorCode;
use brooklet_kafka::{Client, ErrorKind as KafkaErrorKind, NewTopic};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Settings of a progress topic that a job creates. Only the last record counts, so segments are small and cleaned early; a commit must not
/// be lost with one broker where the cluster has more.
const CONFIGS: &[(&str, &str)] = &[
    ("cleanup.policy", "compact"),
    ("segment.bytes", "16777216"),
    ("segment.ms", "3600000"),
    ("min.cleanable.dirty.ratio", "0.1"),
    ("delete.retention.ms", "3600000"),
];

/// Settings by which brokers remove old records, whether they are the last ones of their keys or not.
const LOSING: &[&str] = &["cleanup.policy", "retention.ms", "retention.bytes"];

/// `retention.ms` and `retention.bytes` without a limit.
const UNLIMITED: &str = "-1";

/// How long a topic that was created may take to show.
const APPEAR_MAX: Duration = Duration::from_secs(15);

/// How often it is looked for.
const APPEAR_POLL: Duration = Duration::from_millis(50);

/// Replicas where brokers have no default for them (before Kafka 2.4), as far as there are brokers.
const REPLICAS: usize = 3;

type PerTopic<T> = brooklet_kafka::Result<Vec<(String, brooklet_kafka::Result<T>)>>;

/// Makes sure that the topic is there and keeps what is written to it.
#[derive(Debug)]
pub(in crate::connectors::kafka) struct Ensure {
    state: EnsureState,
    created_at: Option<Duration>,
    may_create: bool,
}

#[derive(Debug)]
enum EnsureState {
    Describing(Pending<PerTopic<TopicInfo>>),
    /// The topic is there: what becomes of its records?
    Checking(Pending<brooklet_kafka::Result<BTreeMap<String, String>>>),
    /// With the number of replicas, where the brokers have no default.
    Creating(Pending<PerTopic<()>>, Option<i16>),
    /// How many replicas can there be?
    Counting(Pending<brooklet_kafka::Result<ClusterInfo>>),
    LookAgain(Duration),
}

impl Ensure {
    /// Without `may_create` a topic that is missing is an error: progress was in it.
    pub(in crate::connectors::kafka) fn start(
        client: &Client,
        names: &Names,
        may_create: bool,
        waker: &Waker,
    ) -> Ensure {
        Ensure { state: describe(client, names, waker), created_at: None, may_create }
    }

    /// Says whether the topic is there; otherwise when to look again without being woken may be in
    /// [`Ensure::wake_at`].
    pub(in crate::connectors::kafka) fn poll(
        &mut self,
        client: &Client,
        names: &Names,
        waker: &Waker,
        now: Duration,
    ) -> Result<bool> {
        let refused = |error: &brooklet_kafka::Error, wanted| {
            let error = match error.kind() {
                KafkaErrorKind::NotAuthorized => denied(error, names, wanted),
                _ => contact(error, client),
            };
            error.context(format!("preparing the job's progress topic '{}'", names.topic))
        };
        loop {
            match &self.state {
                EnsureState::Describing(pending) => {
                    let Some(answer) = pending.try_take() else { return Ok(false) };
                    let topics = answer.map_err(|error| refused(&error, Use::Describe))?;
                    match topics.into_iter().next().map(|(_, topic)| topic) {
                        Some(Ok(topic)) => {
                            one_partition(&topic)?;
                            let pending = client.topic_configs(&names.topic, LOSING);
                            pending.on_ready(Arc::clone(waker));
                            self.state = EnsureState::Checking(pending);
                        }
                        Some(Err(error))
                            if !matches!(error.kind(), KafkaErrorKind::UnknownTopic { .. }) =>
                        {
                            return Err(refused(&error, Use::Describe));
                        }
                        _ => match self.created_at {
                            None if !self.may_create => return Err(gone(names)),
                            None => self.state = create(client, names, None, waker),
                            Some(at) if now.saturating_sub(at) > APPEAR_MAX => {
                                return Err(Error::new(
                                    ErrorKind::External,
                                    format!(
                                        "topic '{}' was created but does not show",
                                        names.topic
                                    ),
                                )
                                .retriable());
                            }
                            Some(_) => self.state = EnsureState::LookAgain(now + APPEAR_POLL),
                        },
                    }
                }
                EnsureState::Creating(pending, replicas) => {
                    let Some(answer) = pending.try_take() else { return Ok(false) };
                    let answer = match answer {
                        Err(error)
                            if replicas.is_none()
                                && matches!(error.kind(), KafkaErrorKind::Unsupported) =>
                        {
                            let pending = client.cluster();
                            pending.on_ready(Arc::clone(waker));
                            self.state = EnsureState::Counting(pending);
                            continue;
                        }
                        answer => answer.map_err(|error| refused(&error, Use::Create))?,
                    };
                    for (_, result) in answer {
                        match result {
                            // Another copy was faster.
                            Err(error) if error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => {
                            }
                            // Kafka's rule for names, as its metrics have `_` for `.`.
                            Err(error)
                                if error.code() == Some(ErrorCode::INVALID_TOPIC_EXCEPTION) =>
                            {
                                return Err(refused(&error, Use::Create).with_hint(format!(
                                    "names of topics that differ in '.' and '_' only collide: give job '{}' another name, \
                                     SET 'pipeline.name' = '…'",
                                    names.job
                                )));
                            }
                            result => result.map_err(|error| refused(&error, Use::Create))?,
                        }
                    }
                    self.created_at = Some(now);
                    self.state = describe(client, names, waker);
                }
                EnsureState::Counting(pending) => {
                    let Some(answer) = pending.try_take() else { return Ok(false) };
                    let cluster = answer.map_err(|error| refused(&error, Use::Create))?;
                    let replicas = cluster.brokers.len().clamp(1, REPLICAS);
                    self.state = create(client, names, i16::try_from(replicas).ok(), waker);
                }
                EnsureState::Checking(pending) => {
                    let Some(answer) = pending.try_take() else { return Ok(false) };
                    return match answer {
                        Ok(configs) => keeps_records(names, &configs).map(|()| true),
                        // It may not look: a grant that no job needs for anything else.
                        Err(error)
                            if matches!(
                                error.kind(),
                                KafkaErrorKind::NotAuthorized | KafkaErrorKind::Unsupported
                            ) =>
                        {
                            Ok(true)
                        }
                        Err(error) => Err(refused(&error, Use::Describe)),
                    };
                }
                EnsureState::LookAgain(at) if now < *at => return Ok(false),
                EnsureState::LookAgain(_) => self.state = describe(client, names, waker),
            }
        }
    }

    pub(in crate::connectors::kafka) fn wake_at(&self) -> Option<Duration> {
        match &self.state {
            EnsureState::LookAgain(at) => Some(*at),
            _ => None,
        }
    }
}

fn describe(client: &Client, names: &Names, waker: &Waker) -> EnsureState {
    let pending = client.metadata(&[&names.topic]);
    pending.on_ready(Arc::clone(waker));
    EnsureState::Describing(pending)
}

/// With so many replicas, or as many as the brokers have by default.
fn create(client: &Client, names: &Names, replicas: Option<i16>, waker: &Waker) -> EnsureState {
    let mut topic = NewTopic::new(&*names.topic, 1);
    topic.replication_factor = replicas.unwrap_or(topic.replication_factor);
    let config = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    topic.configs = CONFIGS.iter().map(config).collect();
    let pending = client.create_topics(&[topic]);
    pending.on_ready(Arc::clone(waker));
    EnsureState::Creating(pending, replicas)
}

/// Several partitions have no order among them: which record is the last one could not be told.
fn one_partition(topic: &TopicInfo) -> Result<()> {
    match topic.partitions.len() {
        1 => Ok(()),
        n => Err(Error::new(
            ErrorKind::External,
            format!("the job's progress topic '{}' has {n} partitions, it must have one", topic.name),
        )
        .with_hint("delete it and let the job create it, or create it with one partition and cleanup.policy=compact")),
    }
}

/// Progress must not expire: a job that was idle, or away, would start anew.
fn keeps_records(names: &Names, configs: &BTreeMap<String, String>) -> Result<()> {
    let of = |name: &str| configs.get(name).map_or("", String::as_str);
    let policy = of("cleanup.policy");
    let limited = |name: &str| of(name) != UNLIMITED;
    let deletes = policy.split(',').any(|part| part.trim() == "delete");
    if !deletes || !(limited("retention.ms") || limited("retention.bytes")) {
        return Ok(());
    }
    let topic = &names.topic;
    Err(Error::new(
        ErrorKind::External,
        format!(
            "the brokers would remove the progress of job '{}' from topic '{topic}': it has cleanup.policy={policy}, \
             retention.ms={}, retention.bytes={}",
            names.job,
            of("retention.ms"),
            of("retention.bytes")
        ),
    )
    .with_hint(format!(
        "set it to compact: kafka-configs.sh --bootstrap-server HOST:PORT --alter --entity-type topics --entity-name \
         '{topic}' --add-config cleanup.policy=compact"
    )))
}

/// The topic held what this run has committed.
pub(super) fn gone(names: &Names) -> Error {
    Error::new(
        ErrorKind::External,
        format!(
            "the progress topic '{}' of job '{}' was deleted while the job ran, and its positions with it",
            names.topic, names.job
        ),
    )
    .with_hint(
        "all output up to the last epoch is committed; started again, the job is a new one and reads from \
         'scan.startup.mode'",
    )
}
