//! Formats: `json`, `csv`, `avro`, `protobuf`, `raw`, and changes in JSON and Avro envelopes, with Flink's options and results.
//!
//! A record's way through a text format's decoder: one scan checks its structure and leaves a token (kind and range)
//! per wanted column; the filter's columns are converted and the filter is evaluated; the other columns are converted
//! for the rows that are left. Nothing is allocated per record or value.
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::string_slice
)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::arithmetic_side_effects,
        clippy::string_slice
    )
)]

mod base64;
mod charset;
mod column;
mod filter;
#[cfg(test)]
mod harness;
mod payload;
mod rows;
mod write;

pub mod avro;
pub mod csv;
pub mod json;
pub mod protobuf;
pub mod raw;

pub use avro::{AvroConfluentFormat, AvroFormat, DebeziumAvroFormat};
pub use csv::CsvFormat;
pub use json::{ChangeJsonFormat, JsonFormat};
pub use protobuf::ProtobufFormat;
pub use raw::RawFormat;

#[cfg(test)]
mod tests;
