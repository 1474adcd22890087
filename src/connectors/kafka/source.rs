//! A topic opened for reading.

use super::decode::{DecodePlan, Output};
use super::enumerator::KafkaEnumerator;
use super::layout::{Layout, Placed};
use super::metadata::Metadata;
use super::options::{self, SourceOptions};
use super::progress::GroupProgress;
use super::reader::KafkaReader;
use super::transaction::cluster_key;
use crate::base::{Error, ErrorKind, Result};
use crate::expr::Expr;
use crate::table::{
    Boundedness, ColumnKind, CommitDomain, DecodeRequest, DecoderFactory, Enumerator, JobContext,
    LagGroup, Payload, Reader, ScanFacts, ScanName, ScanRequest, Source, TableContext, Waker,
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
) -> Result<Box<dyn Source>> {
    let options = options::source(context.options)?;
    let config = options::client(context.options, context.job)?;
    if !context.table.primary_key.is_empty() {
        return Err(Error::new(
            ErrorKind::Schema,
            format!(
                "{} with an insert-only value format doesn't support defining a PRIMARY KEY constraint, because it \
                 can't guarantee the semantic of primary key",
                context.table.subject()
            ),
        ));
    }
    let plan = plan(context, scan, &options)?;
    let properties = context.options.rest(&options::PROPERTIES);
    let pairs = properties.iter().map(|(key, entry)| (key.as_str(), entry.value.as_str()));
    let cluster = cluster_key(&config, pairs);
    let client = Client::new(config, network);
    Ok(Box::new(KafkaSource {
        table: context.table.subject(),
        network: network.clone(),
        cluster,
        client,
        options,
        plan: Arc::new(plan),
        create_missing: context.job.create_missing_topics,
    }))
}

/// Finds the place of every column of the scan, and gives the value's decoder the part of the predicate that it can
/// evaluate.
fn plan(
    context: &TableContext<'_>,
    scan: ScanRequest,
    options: &SourceOptions,
) -> Result<DecodePlan> {
    let table = context.table;
    let layout = Layout::read(table, context.options)?;
    let (mut values, mut keys) = (Vec::new(), Vec::new());
    let mut outputs = Vec::with_capacity(scan.columns.len());
    for at in &scan.columns {
        let Some(column) = table.columns.get(*at) else { continue };
        let place = |places: &[Placed]| places.iter().position(|placed| placed.column == *at);
        outputs.push(match &column.kind {
            ColumnKind::Metadata { key, .. } => {
                let (metadata, cast) = Metadata::readable(table, column, key)?;
                Output::Metadata(metadata, cast)
            }
            // Where key and value both hold a column, the value's counts.
            _ => match (place(&layout.value), place(&layout.key)) {
                (Some(field), _) => {
                    values.push(field);
                    Output::Value(values.len() - 1)
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
        predicate: None,
        strict: !options.pushdown,
        time_zone: context.job.time_zone,
    };
    let (early, predicate) = split(scan.predicate, &outputs);
    let mut value = request(layout.value_fields(), values);
    value.predicate = early;
    let value = context.formats.value_decoder(context.options, value)?;
    let (mut key, mut drops_null_keys) = (None, false);
    if !layout.key.is_empty() {
        let used = !keys.is_empty() || !options.pushdown;
        let factory =
            context.formats.key_decoder(context.options, request(layout.key_fields(), keys))?;
        drops_null_keys = gives_no_row_for_null(&factory)?;
        key = used.then_some(factory);
    }
    Ok(DecodePlan {
        value,
        key,
        drops_null_keys,
        outputs,
        predicate,
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

struct KafkaSource {
    table: String,
    network: Network,
    cluster: u64,
    client: Client,
    options: SourceOptions,
    plan: Arc<DecodePlan>,
    create_missing: bool,
}

impl std::fmt::Debug for KafkaSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaSource").field("table", &self.table).finish_non_exhaustive()
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
        let (client, options) = (self.client.clone(), self.options.clone());
        Ok(Box::new(KafkaEnumerator::new(client, options, self.create_missing, waker)))
    }

    fn reader(&mut self, _worker: usize, waker: Waker) -> Result<Box<dyn Reader>> {
        let config = self.client.config();
        let (isolation, check_crcs) = (config.isolation, config.check_crcs);
        let consumer = self.client.consumer(Arc::clone(&waker));
        let decoder = self.plan.decoder(waker)?;
        Ok(Box::new(KafkaReader::new(consumer, decoder, isolation, check_crcs)))
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
        // A client of its own: when the attempt fails, no commit of it may arrive behind those of the next one.
        let client = Client::new(self.client.config().clone(), &self.network);
        let progress = GroupProgress::new(client, job, scan, &self.options, waker);
        Ok(Some(Box::new(progress)))
    }
}
