//! A topic opened for reading.

use super::decode::{DecodePlan, Output};
use super::ends::Ends;
use super::enumerator::KafkaEnumerator;
use super::layout::{Layout, Placed};
use super::lazy_client::LazyClient;
use super::loss::Loss;
use super::members::{JobMembers, Reads};
use super::metadata::{Metadata, Readable};
use super::options::{self, Mode, SourceOptions};
use super::progress::{FormerMarks, GroupProgress};
use super::reader::KafkaReader;
use super::transaction::cluster_key;
use crate::base::{Error, ErrorKind, Result};
use crate::expr::{Expr, Shared};
use crate::table::{
    Boundedness, ColumnKind, CommitDomain, DecodeRequest, DecoderFactory, Enumerator,
    ErrorHandling, FormerProgress, JobContext, LagGroup, Payload, Reader, ScanFacts, ScanName,
    ScanRequest, Source, TableContext, Waker, Warnings,
};
use crate::types::{Field, RowErrors};
use brooklet_kafka::{Client, Network};
use bytes::Bytes;
use std::sync::Arc;

/// Opens the table: checks every option, contacts nothing.
pub(super) fn open(
    network: &Network,
    context: &TableContext<'_>,
    scan: ScanRequest,
    mode: Mode,
) -> Result<Box<dyn Source>> {
    let mut options = options::source(context.options, mode)?;
    let config = options::client(context.options, context.job)?;
    options.reset =
        config.offset_reset.as_ref().and_then(|reset| options::place_of(reset, context.job));
    check_key(context, mode)?;
    let plan = plan(context, scan, &options, mode)?;
    let properties = context.options.rest(&options::PROPERTIES);
    let pairs = properties.iter().map(|(key, entry)| (key.as_str(), entry.value.as_str()));
    let cluster = cluster_key(&config, pairs);
    let members = match context.job.shared {
        false => None,
        true => {
            let members = context.job.parts.get_or_make(JobMembers::default);
            members.reads(Reads {
                config: config.clone(),
                network: network.clone(),
                cluster,
                options: options.clone(),
            });
            Some(members)
        }
    };
    Ok(Box::new(KafkaSource {
        table: context.table.subject(),
        cluster,
        client: LazyClient::new(config, network),
        options,
        plan: Arc::new(plan),
        members,
        create_missing: context.job.create_missing_topics,
        warnings: context.job.warnings.clone(),
    }))
}

/// Rows of a log have no key that could be relied on; changes have, and keys are no changes (Flink's
/// `KafkaDynamicTableFactory.validatePKConstraints` and `getKeyDecodingFormat`).
pub(super) fn check_key(context: &TableContext<'_>, mode: Mode) -> Result<()> {
    if mode == Mode::Upsert {
        return check_upsert(context);
    }
    let insert_only = context.formats.value_format(context.options)?.changelog().is_insert_only();
    if insert_only && !context.table.primary_key.is_empty() {
        return Err(Error::new(
            ErrorKind::Schema,
            format!(
                "{} with an insert-only value format doesn't support defining a PRIMARY KEY constraint, because it \
                 can't guarantee the semantic of primary key",
                context.table.subject()
            ),
        )
        .with_hint("connector 'upsert-kafka' reads and writes the latest row of each key"));
    }
    if !context.options.is_set(&options::KEY_FORMAT) {
        return Ok(());
    }
    let key = context.formats.key_format(context.options)?;
    if !key.changelog().is_insert_only() {
        return Err(context.options.invalid(
            &options::KEY_FORMAT,
            format_args!(
                "a key format should only deal with INSERT-only records, but '{}' has a changelog mode of {}",
                key.identifier(),
                key.changelog()
            ),
        ));
    }
    Ok(())
}

/// Flink's `UpsertKafkaDynamicTableFactory.validateFormat` and `validatePKConstraints`.
fn check_upsert(context: &TableContext<'_>) -> Result<()> {
    let key = (&options::KEY_FORMAT, "key", context.formats.key_format(context.options)?);
    let value = (&options::VALUE_FORMAT, "value", context.formats.value_format(context.options)?);
    for (opt, what, format) in [key, value] {
        if !format.changelog().is_insert_only() {
            let name = format.identifier();
            return Err(context.options.invalid(
                opt,
                format_args!(
                    "'upsert-kafka' connector doesn't support '{name}' as {what} format, because '{name}' is not in \
                     insert-only mode"
                ),
            ));
        }
    }
    if context.table.primary_key.is_empty() {
        return Err(Error::new(
            ErrorKind::Schema,
            format!(
                "'upsert-kafka' tables require to define a PRIMARY KEY constraint, for {}. The PRIMARY KEY specifies which \
                 columns should be read from or write to the Kafka message key. The PRIMARY KEY also defines records in \
                 the 'upsert-kafka' table should update or delete on which keys",
                context.table.subject()
            ),
        )
        .with_hint("write PRIMARY KEY (…) NOT ENFORCED into the table's declaration"));
    }
    Ok(())
}

/// Finds the place of every column of the scan, and gives the value's decoder the part of the predicate that it can
/// evaluate.
fn plan(
    context: &TableContext<'_>,
    scan: ScanRequest,
    options: &SourceOptions,
    mode: Mode,
) -> Result<DecodePlan> {
    let table = context.table;
    let layout = Layout::read(table, context.options, mode)?;
    let of_format = context.formats.value_format(context.options)?.metadata();
    let (mut values, mut keys, mut metadata) = (Vec::new(), Vec::new(), Vec::new());
    let mut outputs = Vec::with_capacity(scan.columns.len());
    for at in &scan.columns {
        let Some(column) = table.columns.get(*at) else { continue };
        let place = |places: &[Placed]| places.iter().position(|placed| placed.column == *at);
        outputs.push(match &column.kind {
            ColumnKind::Metadata { key, .. } => {
                match Metadata::readable(table, column, key, &of_format)? {
                    (Readable::Record(metadata), cast) => Output::Metadata(metadata, cast),
                    (Readable::Format(key), cast) => {
                        metadata.push(key.to_owned());
                        Output::ValueMetadata(metadata.len() - 1, cast)
                    }
                }
            }
            // Where key and value both hold a column, the value's counts.
            _ => match (place(&layout.value), place(&layout.key)) {
                (Some(field), key) => {
                    values.push(field);
                    let value = values.len() - 1;
                    match key.filter(|_| mode == Mode::Upsert) {
                        // A tombstone has no value that could.
                        Some(key) => {
                            keys.push(key);
                            Output::Either { value, key: keys.len() - 1 }
                        }
                        None => Output::Value(value),
                    }
                }
                (None, Some(field)) => {
                    keys.push(field);
                    Output::Key(keys.len() - 1)
                }
                (None, None) => return Err(Error::internal("a column that is stored nowhere")),
            },
        });
    }
    let request = |fields: Vec<Field>, columns: Vec<usize>| DecodeRequest {
        fields,
        columns,
        metadata: Vec::new(),
        predicate: None,
        strict: !options.pushdown,
        time_zone: context.job.time_zone,
    };
    // A tombstone is a row, too, and the value's decoder does not see it.
    let (early, predicate) = match mode {
        Mode::Log => split(scan.predicate, &outputs),
        Mode::Upsert => (None, scan.predicate),
    };
    let value_columns = values.len();
    let mut value = request(layout.value_fields(), values);
    (value.predicate, value.metadata) = (early, metadata);
    let value = context.formats.value_decoder(context.options, value)?;
    let (mut key, mut drops_null_keys) = (None, false);
    if !layout.key.is_empty() {
        let used = !keys.is_empty() || !options.pushdown;
        let factory =
            context.formats.key_decoder(context.options, request(layout.key_fields(), keys))?;
        let used = used || leaves_out_what_fails(&factory)?;
        drops_null_keys = gives_no_row_for_null(&factory)?;
        key = used.then_some(factory);
    }
    Ok(DecodePlan {
        value,
        value_columns,
        upsert: mode == Mode::Upsert,
        key,
        drops_null_keys,
        outputs,
        predicate: predicate.map(|predicate| Shared::new(predicate.into_conjuncts())),
        time_zone: context.job.time_zone,
    })
}

/// The conditions that look at columns of the value only, over the value decoder's columns; and the others.
fn split(predicate: Option<Expr>, outputs: &[Output]) -> (Option<Expr>, Option<Expr>) {
    let Some(predicate) = predicate else { return (None, None) };
    let of_value = |at: usize| match outputs.get(at) {
        Some(Output::Value(column)) => Some(*column),
        _ => None,
    };
    let (early, late): (Vec<Expr>, Vec<Expr>) = predicate
        .into_conjuncts()
        .into_iter()
        .partition(|expr| expr.columns_used().into_iter().all(|at| of_value(at).is_some()));
    let early: Vec<Expr> =
        early.into_iter().map(|expr| expr.move_columns(&|at| of_value(at).unwrap_or(at))).collect();
    let all = |exprs: Vec<Expr>| (!exprs.is_empty()).then(|| Expr::and(exprs));
    (all(early), all(late))
}

/// Of most formats a NULL key gives no row, and in Flink no key row means no row at all.
fn gives_no_row_for_null(key: &DecoderFactory) -> Result<bool> {
    let mut decoder = key()?;
    decoder.push(&Bytes::new(), &[Payload { start: 0, len: -1 }], &mut RowErrors::new())?;
    Ok(decoder.rows() == 0)
}

/// With `ignore-parse-errors` a key that cannot be read gives no row, and so no row at all.
fn leaves_out_what_fails(key: &DecoderFactory) -> Result<bool> {
    // No text of any format, and no number of any width.
    const BROKEN: [&[u8]; 2] = [b"\"", &[0xff; 11]];
    for bytes in BROKEN {
        let (mut decoder, mut errors) = (key()?, RowErrors::new());
        if decoder.needs_schemas() {
            return Ok(false);
        }
        let len = i32::try_from(bytes.len()).unwrap_or(0);
        let pushed =
            decoder.push(&Bytes::from_static(bytes), &[Payload { start: 0, len }], &mut errors);
        if pushed.is_ok() && errors.is_empty() && decoder.rows() == 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

struct KafkaSource {
    table: String,
    cluster: u64,
    client: LazyClient,
    options: SourceOptions,
    plan: Arc<DecodePlan>,
    /// Where other processes read a part of the partitions.
    members: Option<Arc<JobMembers>>,
    create_missing: bool,
    warnings: Warnings,
}

impl std::fmt::Debug for KafkaSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaSource").field("table", &self.table).finish_non_exhaustive()
    }
}

impl KafkaSource {
    fn progress(&self, job: &JobContext, scan: &ScanName, waker: Waker) -> GroupProgress {
        GroupProgress::new(self.own_client(), job, scan, &self.options, waker)
    }

    /// A client of the attempt's own: when it fails, no commit of it may arrive behind those of the next one.
    fn own_client(&self) -> Client {
        self.client.another(self.client.config().clone())
    }
}

impl Source for KafkaSource {
    fn boundedness(&self) -> Boundedness {
        match self.options.bounded {
            Some(_) => Boundedness::Bounded,
            None => Boundedness::Unbounded,
        }
    }

    fn applies_predicate(&self) -> bool {
        true
    }

    fn enumerator(&mut self, waker: Waker) -> Result<Box<dyn Enumerator>> {
        let (client, options) = (self.client.shared().clone(), self.options.clone());
        let warnings = self.warnings.clone();
        let enumerator =
            KafkaEnumerator::new(client, options, self.create_missing, warnings, waker);
        Ok(Box::new(enumerator.sharing(self.members.clone())))
    }

    fn reader(&mut self, _worker: usize, waker: Waker) -> Result<Box<dyn Reader>> {
        let config = self.client.config();
        let (isolation, check_crcs) = (config.isolation, config.check_crcs);
        let consumer = self.client.shared().consumer(Arc::clone(&waker));
        let ends = Ends::of(&self.options, self.client.shared(), &waker);
        let decoder = self.plan.decoder(waker)?;
        let loss =
            Loss::new(self.options.topic_change, self.options.reset.clone(), self.warnings.clone());
        Ok(Box::new(KafkaReader::new(consumer, decoder, isolation, check_crcs, loss, ends)))
    }

    fn error_handling(&self) -> ErrorHandling {
        self.options.errors.clone()
    }

    fn shares(&self) -> bool {
        true
    }

    fn facts(&self, name: ScanName) -> ScanFacts {
        let topics = self.options.topics.clone();
        let group = self.options.group.clone();
        ScanFacts {
            name,
            source: "kafka".to_owned(),
            reads: Arc::new(move |split| topics.contain(&split.name)),
            lag_group: group.map(|group| LagGroup { cluster: self.cluster, group }),
        }
    }

    fn commit_domain(
        &mut self,
        job: &JobContext,
        scan: &ScanName,
        waker: Waker,
    ) -> Result<Option<Box<dyn CommitDomain>>> {
        if let Some(members) = &self.members {
            return members.domain(self.own_client(), &scan.name, None, job, waker).map(Some);
        }
        Ok(Some(Box::new(self.progress(job, scan, waker))))
    }

    fn former_progress(
        &mut self,
        job: &JobContext,
        scan: &ScanName,
        waker: Waker,
    ) -> Result<Option<Box<dyn FormerProgress>>> {
        Ok(Some(Box::new(FormerMarks::new(self.progress(job, scan, waker)))))
    }
}
