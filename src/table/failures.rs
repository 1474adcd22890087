//! Rows that fail: what a table wants done with them, and the records that they came from.

use crate::types::SplitId;
use bytes::Bytes;
use std::sync::Arc;

/// What becomes of a record from which a row cannot be made, or whose rows cannot be computed or written
/// (`error-handling.mode`, a name of Confluent's). Said by the table that the record was read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ErrorHandling {
    /// The job fails.
    #[default]
    Fail,
    /// It is left out and counted.
    Ignore,
    /// It is left out, counted, and written to a table as it came.
    Log {
        /// Name of the table, as a script writes it.
        target: String,
    },
}

/// Where a record was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordPlace {
    /// The split.
    pub split: Arc<SplitId>,
    /// Its position there.
    pub offset: i64,
}

/// A record as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// Where it was read.
    pub place: RecordPlace,
    /// Milliseconds since 1970 UTC.
    pub timestamp: i64,
    /// What the timestamp is the time of, in Kafka's words.
    pub timestamp_type: &'static str,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
    /// Its headers, in order.
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

/// A record that will never be taken by what it was written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where the record was read that it was made of.
    pub place: RecordPlace,
    /// Why.
    pub message: String,
}
