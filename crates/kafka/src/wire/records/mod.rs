//! Record batches of message format v2 (KIP-98): reading without a copy, writing in one pass.
//! Message sets of formats v0 and v1 are read as if they were such batches.
//!
//! Reading: [`Batches`] cuts a fetched slab into [`BatchView`]s, [`BatchView::records`] gives the
//! [`Records`] of one batch over a slab (the fetched bytes themselves, or the decompressed ones) and
//! positions in it. Nothing is allocated per record.
//!
//! Writing: [`BatchBuilder`] appends records behind room for the header, [`BatchBuilder::seal`]
//! compresses once, [`SealedBatch::stamp`] fills in what the producer state decides.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::arithmetic_side_effects,
        clippy::string_slice
    )
)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod batches;
mod builder;
mod checksum;
mod control;
mod error;
mod header;
pub mod limits;
mod message_set;
mod reader;
mod sealed;
mod sequence;
#[cfg(test)]
mod tests;
mod varint;

pub use batches::{BatchView, Batches, assemble};
pub use builder::{AppendError, BatchBuilder, SealError, record_size_bound};
pub use control::{ControlKind, ControlRecord};
pub use error::{BatchError, BatchFault, RecordFault};
pub use header::{BatchHeader, HEADER_BYTES, TimestampType};
pub(crate) use message_set::from_batch as to_message_set;
pub use reader::{Header, Headers, Record, RecordIter, Records};
pub use sealed::{SealedBatch, SplitError};
pub use sequence::{next_sequence, sequence_at};
