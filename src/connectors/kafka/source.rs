//! A topic opened for reading.

use super::enumerator::KafkaEnumerator;
use super::options::{self, SourceOptions};
use super::progress::GroupProgress;
use super::reader::KafkaReader;
use crate::base::{Error, ErrorKind, Result};
use crate::table::{
    Boundedness, ColumnKind, CommitDomain, DecodeRequest, DecoderFactory, Enumerator, JobContext,
    Reader, ScanName, ScanRequest, Source, TableContext, Waker,
};
use brooklet_kafka::{Client, Network};

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
    let request = decode_request(context, &scan, options.pushdown)?;
    let decoder = context.formats.value_decoder(context.options, request)?;
    let client = Client::new(config, network);
    Ok(Box::new(KafkaSource {
        table: context.table.subject(),
        network: network.clone(),
        client,
        options,
        decoder,
        create_missing: context.job.create_missing_topics,
    }))
}

/// Positions in the table's columns become positions among its physical fields.
fn decode_request(
    context: &TableContext<'_>,
    scan: &ScanRequest,
    pushdown: bool,
) -> Result<DecodeRequest> {
    let fields = context.table.physical_fields();
    let mut columns = Vec::with_capacity(scan.columns.len());
    for at in &scan.columns {
        let column = context.table.columns.get(*at);
        let name = column.map(|column| column.name.as_str()).unwrap_or_default();
        if column.is_some_and(|column| matches!(column.kind, ColumnKind::Metadata { .. })) {
            return Err(Error::unsupported(format!(
                "metadata column '{name}' of connector 'kafka'"
            )));
        }
        columns.extend(fields.iter().position(|field| field.name == name));
    }
    Ok(DecodeRequest {
        fields,
        columns,
        predicate: scan.predicate.clone(),
        strict: !pushdown,
        time_zone: context.job.time_zone,
    })
}

struct KafkaSource {
    table: String,
    network: Network,
    client: Client,
    options: SourceOptions,
    decoder: DecoderFactory,
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
        let consumer = self.client.consumer(waker);
        Ok(Box::new(KafkaReader::new(consumer, (self.decoder)()?, isolation, check_crcs)))
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
