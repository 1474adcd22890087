//! A topic opened for writing.

use super::options::{self, SinkOptions};
use super::writer::KafkaWriter;
use crate::base::{Error, ErrorKind, Result};
use crate::table::{
    ColumnKind, EncodeRequest, EncoderFactory, Guarantee, Sink, SinkRequest, TableContext, Waker,
    Writer,
};
use crate::types::Field;
use brooklet_kafka::{Client, Network};
use std::sync::Arc;

/// Opens the table: checks every option, contacts nothing.
pub(super) fn open(
    network: &Network,
    context: &TableContext<'_>,
    request: SinkRequest,
) -> Result<Box<dyn Sink>> {
    let options = options::sink(context.options, context.job)?;
    let config = options::client(context.options, context.job)?;
    let batch_bytes = options::batch_bytes(context.options, &config);
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
    let mut fields = Vec::with_capacity(request.columns.len());
    for at in &request.columns {
        let Some(column) = context.table.columns.get(*at) else { continue };
        if let ColumnKind::Metadata { key, .. } = &column.kind {
            return Err(Error::unsupported(format!(
                "writing metadata column '{key}' of connector 'kafka'"
            )));
        }
        fields.push(Field::new(column.name.clone(), column.data_type.clone()));
    }
    let encode = EncodeRequest { fields, time_zone: context.job.time_zone };
    let encoder = context.formats.value_encoder(context.options, encode)?;
    Ok(Box::new(KafkaSink {
        client: Client::new(config, network),
        parallelism: options.parallelism.unwrap_or(request.parallelism),
        options,
        encoder,
        batch_bytes,
        seed: context.job.seed,
        started_at_millis: context.job.started_at_millis,
    }))
}

struct KafkaSink {
    client: Client,
    options: SinkOptions,
    encoder: EncoderFactory,
    parallelism: usize,
    batch_bytes: usize,
    seed: u64,
    started_at_millis: i64,
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

    fn writer(&mut self, worker: usize, workers: usize, waker: Waker) -> Result<Box<dyn Writer>> {
        let subtask = worker % self.parallelism.max(1);
        // `buffer.memory` is what the sink may hold, however many workers write to it.
        let buffer = self.client.config().buffer_memory / workers.max(1);
        let producer = self.client.producer(Arc::clone(&waker)).with_buffer(buffer);
        Ok(Box::new(KafkaWriter::new(
            self.client.clone(),
            producer,
            (self.encoder)()?,
            &self.options,
            super::writer::Settings {
                subtask,
                batch_bytes: self.batch_bytes,
                seed: self.seed ^ worker as u64,
                started_at_millis: self.started_at_millis,
            },
            waker,
        )))
    }
}
