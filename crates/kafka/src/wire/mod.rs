//! Codecs of the Kafka protocol: no I/O, no clock.
//!
//! [`messages`] holds one table per API; the private `table` turns each into structs and codecs,
//! whose traits are in [`layout`]; [`frame`] puts headers and the length prefix around a message.
//! Decoders are total: every length and count of a peer is checked against the bytes that remain
//! before it is used.
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::string_slice
)]

pub mod compression;
pub mod error;
pub mod error_code;
pub mod frame;
pub mod layout;
pub mod messages;
pub mod reader;
pub mod records;
mod table;
mod types;
pub mod uuid;
pub mod writer;

pub use error::{DecodeError, DecodeFault, EncodeError, EncodeFault};
pub use error_code::ErrorCode;
pub use layout::{Message, Request};
pub use reader::Reader;
pub use uuid::Uuid;
pub use writer::Writer;
