//! A topic opened for writing.

use super::encode::{EncodePlan, Written};
use super::layout::{Layout, Placed};
use super::lazy_client::LazyClient;
use super::learned::Learned;
use super::metadata::Metadata;
use super::options::{self, Exact, Mode, Partitioning, SinkOptions};
use super::outlet::Outlet;
use super::partitioner::PartitionerClasses;
use super::source::check_key;
use super::transaction::{FormerRecord, JobTransaction, Join, cluster_key};
use super::writer::{KafkaWriter, OldBrokers, Shared};
use crate::base::{Error, ErrorKind, Result};
use crate::table::{
    ColumnKind, CommitDomain, DomainRequest, EncodeRequest, FormerProgress, Guarantee, Instance,
    JobContext, Sink, SinkRequest, Spread, TableContext, Waker, WallClock, Writer,
};
use crate::types::Field;
use brooklet_kafka::{Isolation, Network, open_batches};
use std::sync::Arc;

/// Opens the table: checks every option, contacts nothing.
pub(super) fn open(
    network: &Network,
    classes: &PartitionerClasses,
    context: &TableContext<'_>,
    request: SinkRequest,
    mode: Mode,
) -> Result<Box<dyn Sink>> {
    let mut options = options::sink(context.options, context.job, classes, mode)?;
    let config = options::client(context.options, context.job)?;
    if config.partitioner_ignore_keys && matches!(options.partitioner, Partitioning::Default) {
        options.partitioner = Partitioning::Keyless;
    }
    let batch_bytes = options::batch_bytes(context.options, &config);
    check_key(context, mode)?;
    let single_topic = options.topics.single().is_some();
    let plan = plan(context, &request, options.topics.single(), mode)?;
    if !single_topic && !plan.writes(Metadata::Topic) {
        return Err(Error::new(
            ErrorKind::Option,
            format!(
                "the topic of the sink record is not valid: {} names several topics, and no column says which",
                context.options.subject()
            ),
        )
        .with_hint("declare a column: topic STRING METADATA, or name a single 'topic'"));
    }
    if request.joins_job {
        join_job(&mut options, context.job);
    }
    let exact = match &options.exact {
        None => None,
        Some(exact) => {
            let properties = context.options.rest(&options::PROPERTIES);
            let pairs = properties.iter().map(|(key, entry)| (key.as_str(), entry.value.as_str()));
            let join = Join {
                subject: context.options.subject().to_owned(),
                cluster: cluster_key(&config, pairs),
                config: config.clone(),
                prefix: exact.prefix.clone(),
                timeout: exact.timeout,
            };
            let plan = context.job.parts.get_or_make(JobTransaction::default);
            plan.join(join, context.job)?;
            Some(plan)
        }
    };
    Ok(Box::new(KafkaSink {
        exact,
        client: LazyClient::new(config, network),
        spread: Spread::new(options.parallelism, &request, context.table)?,
        options,
        plan: Arc::new(plan),
        batch_bytes,
        seed: context.job.seed,
        wall_clock: context.job.wall_clock,
        shared: Shared {
            notice: OldBrokers::new(context.job.warnings.clone()),
            learned: Learned::default(),
        },
    }))
}

/// What the sink writes goes into the transaction of its job, where it has one.
fn join_job(options: &mut SinkOptions, job: &JobContext) {
    if let Some((prefix, timeout)) = job.parts.get_or_make(JobTransaction::default).joined() {
        options.guarantee = Guarantee::ExactlyOnce;
        options.exact = Some(Exact { prefix, timeout });
    }
}

/// Finds for every column that is written whether it goes to the key, the value, both, or the metadata.
fn plan(
    context: &TableContext<'_>,
    request: &SinkRequest,
    topic: Option<&str>,
    mode: Mode,
) -> Result<EncodePlan> {
    let single_topic = topic.is_some();
    let table = context.table;
    let layout = Layout::read(table, context.options, mode)?;
    let mut written = Vec::new();
    for (at, column) in request.columns.iter().enumerate() {
        let Some(def) = table.columns.get(*column) else { continue };
        if let ColumnKind::Metadata { key, .. } = &def.kind {
            let (metadata, cast) = Metadata::writable(table, def, key)?;
            if metadata == Metadata::Topic && single_topic {
                return Err(Error::new(
                    ErrorKind::Schema,
                    format!(
                        "invalid metadata key 'topic' in column '{}' of {}: with a single 'topic' it cannot be written",
                        def.name,
                        table.subject()
                    ),
                )
                .with_hint("declare it as METADATA VIRTUAL, or name several topics"));
            }
            if metadata.is_headers() && written.iter().any(|w: &Written| w.metadata.is_headers()) {
                return Err(Error::new(
                    ErrorKind::Schema,
                    format!(
                        "metadata columns 'headers' and 'header-list' of {} cannot both be written",
                        table.subject()
                    ),
                )
                .with_hint("declare one of them as METADATA VIRTUAL"));
            }
            written.push(Written { metadata, column: at, cast });
        }
    }
    let places = |fields: &[Placed]| -> Result<Vec<usize>> {
        let place = |placed: &Placed| request.columns.iter().position(|c| *c == placed.column);
        fields
            .iter()
            .map(|placed| place(placed).ok_or_else(|| Error::internal("a column that no row has")))
            .collect()
    };
    let encode = |fields: Vec<Field>, part: &str| EncodeRequest {
        fields,
        subject: topic.map(|topic| format!("{topic}-{part}")),
        time_zone: context.job.time_zone,
    };
    let value = encode(layout.value_fields(), "value");
    let value = context.formats.value_encoder(context.options, value)?;
    let key = match layout.key.is_empty() {
        true => None,
        false => {
            let key = encode(layout.key_fields(), "key");
            Some(context.formats.key_encoder(context.options, key)?)
        }
    };
    Ok(EncodePlan {
        upsert: mode == Mode::Upsert,
        value,
        value_columns: places(&layout.value)?,
        key,
        key_columns: places(&layout.key)?,
        written,
        width: request.columns.len(),
        time_zone: context.job.time_zone,
    })
}

struct KafkaSink {
    client: LazyClient,
    /// The transaction that exactly-once output goes into.
    exact: Option<Arc<JobTransaction>>,
    options: SinkOptions,
    plan: Arc<EncodePlan>,
    spread: Spread,
    batch_bytes: usize,
    seed: u64,
    wall_clock: WallClock,
    shared: Shared,
}

impl std::fmt::Debug for KafkaSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaSink").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Sink for KafkaSink {
    fn guarantee(&self) -> Guarantee {
        self.options.guarantee
    }

    fn targets(&self) -> Vec<String> {
        self.options.topics.names()
    }

    fn commit_domain(
        &mut self,
        job: &JobContext,
        request: DomainRequest,
        waker: Waker,
    ) -> Result<Option<Box<dyn CommitDomain>>> {
        let Some(plan) = &self.exact else { return Ok(None) };
        plan.domain(self.client.network(), job, request, waker).map(Some)
    }

    fn former_progress(
        &mut self,
        job: &JobContext,
        scans: usize,
        waker: Waker,
    ) -> Result<Option<Box<dyn FormerProgress>>> {
        if self.exact.is_some() {
            return Ok(None);
        }
        let mut config = self.client.config().clone();
        config.isolation = Isolation::ReadCommitted;
        let client = self.client.another(config);
        Ok(Some(Box::new(FormerRecord::new(client, job, scans, waker))))
    }

    fn writer(&mut self, worker: usize, workers: usize, waker: Waker) -> Result<Box<dyn Writer>> {
        // `buffer.memory` is what the sink may hold, however many workers write to it.
        let buffer = self.client.config().buffer_memory / workers.max(1);
        let open_bytes = open_batches::share(self.batch_bytes, buffer);
        let sealed_bytes = buffer - open_bytes;
        let (outlet, held_bytes) = match &self.exact {
            None => {
                let producer =
                    self.client.shared().producer(Arc::clone(&waker)).with_buffer(sealed_bytes);
                (Outlet::Own(producer), 0)
            }
            Some(plan) => {
                let transaction = plan.current()?;
                let writer = transaction.join(Arc::clone(&waker));
                (Outlet::Shared { transaction, writer }, sealed_bytes)
            }
        };
        Ok(Box::new(KafkaWriter::new(
            self.client.shared().clone(),
            outlet,
            self.plan.encoder()?,
            &self.options,
            super::writer::Settings {
                instance: Instance { spread: self.spread.clone(), worker },
                batch_bytes: self.batch_bytes,
                open_bytes,
                held_bytes,
                seed: self.seed ^ worker as u64,
                wall_clock: self.wall_clock,
            },
            self.shared.clone(),
            waker,
        )))
    }
}
