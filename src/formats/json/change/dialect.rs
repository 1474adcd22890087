//! What the envelopes of the formats look like.

use super::metadata::{Metadata, Read};
use crate::formats::json::encode::Envelope;

/// Who writes the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Debezium,
    Canal,
    Maxwell,
    Ogg,
}

/// Token of the field that says what happened.
pub(super) const OPERATION: usize = 2;

/// Tokens of an envelope, at most.
pub(super) const ENVELOPE_FIELDS_MAX: usize = 9;

impl Dialect {
    /// The fields of the envelope that matter: the two rows, the operation, then what metadata is made of.
    pub(super) fn fields(self) -> &'static [&'static str] {
        match self {
            Dialect::Debezium => &["before", "after", "op", "source", "ts_ms", "schema"],
            Dialect::Canal => {
                &["data", "old", "type", "database", "table", "sqlType", "pkNames", "ts", "es"]
            }
            Dialect::Maxwell => {
                &["data", "old", "type", "database", "table", "primary_key_columns", "ts"]
            }
            Dialect::Ogg => {
                &["before", "after", "op_type", "table", "primary_keys", "current_ts", "op_ts"]
            }
        }
    }

    /// The format in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Dialect::Debezium => "Debezium JSON",
            Dialect::Canal => "Canal JSON",
            Dialect::Maxwell => "Maxwell JSON",
            Dialect::Ogg => "Ogg JSON",
        }
    }

    /// Who wrote a message without the row before the change.
    pub(super) fn writer(self) -> &'static str {
        match self {
            Dialect::Ogg => "Ogg",
            _ => "Debezium",
        }
    }

    /// What can be read beside the row.
    pub(super) fn metadata(self) -> &'static [Metadata] {
        const fn of(key: &'static str, field: &'static str, read: Read) -> Metadata {
            Metadata { key, field, property: None, read }
        }
        const fn source(key: &'static str, property: &'static str, read: Read) -> Metadata {
            Metadata { key, field: "source", property: Some(property), read }
        }
        match self {
            Dialect::Debezium => {
                const {
                    &[
                        of("schema", "schema", Read::Text),
                        of("ingestion-timestamp", "ts_ms", Read::Millis),
                        source("source.timestamp", "ts_ms", Read::MillisText),
                        source("source.database", "db", Read::Text),
                        source("source.schema", "schema", Read::Text),
                        source("source.table", "table", Read::Text),
                        of("source.properties", "source", Read::TextMap),
                    ]
                }
            }
            Dialect::Canal => {
                const {
                    &[
                        of("database", "database", Read::Text),
                        of("table", "table", Read::Text),
                        of("sql-type", "sqlType", Read::IntMap),
                        of("pk-names", "pkNames", Read::Texts),
                        of("ingestion-timestamp", "ts", Read::Millis),
                        of("event-timestamp", "es", Read::Millis),
                    ]
                }
            }
            Dialect::Maxwell => {
                const {
                    &[
                        of("database", "database", Read::Text),
                        of("table", "table", Read::Text),
                        of("primary-key-columns", "primary_key_columns", Read::Texts),
                        of("ingestion-timestamp", "ts", Read::Seconds),
                    ]
                }
            }
            Dialect::Ogg => {
                const {
                    &[
                        of("table", "table", Read::Text),
                        of("primary-keys", "primary_keys", Read::Texts),
                        of("ingestion-timestamp", "current_ts", Read::IsoMoment),
                        of("event-timestamp", "op_ts", Read::SqlMoment),
                    ]
                }
            }
        }
    }

    /// What is written around a row that is inserted, and around one that is deleted: an update is a deletion and an
    /// insertion. With `no_nulls` fields that are NULL are left out.
    pub(super) fn envelopes(self, no_nulls: bool) -> [Envelope; 2] {
        match (self, no_nulls) {
            (Dialect::Debezium, false) => [
                ("{\"before\":null,\"after\":", ",\"op\":\"c\"}"),
                ("{\"before\":", ",\"after\":null,\"op\":\"d\"}"),
            ],
            (Dialect::Debezium, true) => {
                [("{\"after\":", ",\"op\":\"c\"}"), ("{\"before\":", ",\"op\":\"d\"}")]
            }
            (Dialect::Ogg, false) => [
                ("{\"before\":null,\"after\":", ",\"op_type\":\"I\"}"),
                ("{\"before\":", ",\"after\":null,\"op_type\":\"D\"}"),
            ],
            (Dialect::Ogg, true) => {
                [("{\"after\":", ",\"op_type\":\"I\"}"), ("{\"before\":", ",\"op_type\":\"D\"}")]
            }
            (Dialect::Canal, _) => [
                ("{\"data\":[", "],\"type\":\"INSERT\"}"),
                ("{\"data\":[", "],\"type\":\"DELETE\"}"),
            ],
            (Dialect::Maxwell, _) => {
                [("{\"data\":", ",\"type\":\"insert\"}"), ("{\"data\":", ",\"type\":\"delete\"}")]
            }
        }
    }
}
