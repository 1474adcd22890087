//! Which parallel instance of a sink takes each row.

use super::{SinkRequest, TableDef};
use crate::base::{Error, ErrorKind, Result};
use crate::types::java_map::hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Spreads rows over the instances of a sink as Flink does (`CommonExecSink`): as they come where `sink.parallelism` is
/// the parallelism of what comes in, else by the PRIMARY KEY, and without one in turn. Flink begins at an instance that
/// is drawn and hashes the key's bytes in memory; here it is the first, and another hash.
#[derive(Clone, Debug)]
pub struct Spread {
    instances: usize,
    by: By,
}

#[derive(Clone, Debug)]
enum By {
    Worker,
    /// The number of rows so far, of all workers: to Flink's eyes they are one.
    Turn(Arc<AtomicUsize>),
    Key,
}

impl Spread {
    /// `parallelism` is the sink's option. Refuses changes that an instance may take before those that they build on.
    pub fn new(
        parallelism: Option<usize>,
        request: &SinkRequest,
        table: &TableDef,
    ) -> Result<Spread> {
        let instances = parallelism.unwrap_or(request.parallelism).max(1);
        let (differs, has_key) =
            (instances != request.parallelism.max(1), !table.primary_key.is_empty());
        if differs && !has_key && !request.insert_only {
            return Err(Error::new(
                ErrorKind::Schema,
                format!(
                    "'sink.parallelism' of {} is {instances}, that of its rows {}: rows that are updated or deleted need a \
                     PRIMARY KEY to be spread by",
                    table.subject(),
                    request.parallelism
                ),
            )
            .with_hint("declare PRIMARY KEY (…) NOT ENFORCED, or leave 'sink.parallelism' out"));
        }
        Ok(Spread::between(request.parallelism, instances, has_key))
    }

    /// From this many instances to that many.
    pub fn between(incoming: usize, instances: usize, has_key: bool) -> Spread {
        let (incoming, instances) = (incoming.max(1), instances.max(1));
        let by = match (incoming != instances, has_key) {
            (false, _) => By::Worker,
            (true, true) => By::Key,
            (true, false) => By::Turn(Arc::default()),
        };
        Spread { instances, by }
    }

    /// How many instances there are.
    pub fn instances(&self) -> usize {
        self.instances
    }

    /// The instance, from 0, of each of the next `rows` rows of a worker. `key` is the hash of a row's key.
    pub fn taker<'a>(
        &self,
        worker: usize,
        rows: usize,
        key: impl Fn(usize) -> u32 + 'a,
    ) -> impl Fn(usize) -> usize + 'a {
        let instances = self.instances;
        let (first, steps, by_key) = match &self.by {
            By::Worker => (worker, 0, false),
            By::Turn(turn) => (turn.fetch_add(rows, Ordering::Relaxed), 1, false),
            By::Key => (0, 0, true),
        };
        move |row| match by_key {
            true => key(row) as usize % instances,
            false => first.wrapping_add(row * steps) % instances,
        }
    }
}

/// The instance of one worker's next record, by the bytes of its key.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Of the sink.
    pub spread: Spread,
    /// Which.
    pub worker: usize,
}

impl Instance {
    /// From 0.
    pub fn next(&self, key: Option<&[u8]>) -> usize {
        self.spread.taker(self.worker, 1, |_| hash(key.unwrap_or_default()))(0)
    }
}
