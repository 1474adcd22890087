//! Limits of the table runtime, each with its unit and its reason.

/// Rows that one [`crate::types::Batch`] is cut at. Large enough to spread per-batch costs, small enough that a
/// batch of a few columns stays in the second-level cache.
pub const BATCH_ROWS_MAX: usize = 8_192;

/// Row errors that are kept with their text; further ones are only counted.
pub const ROW_ERRORS_KEPT_MAX: usize = 64;

/// Characters of a payload that an error message shows.
pub const PAYLOAD_SHOWN_CHARS_MAX: usize = 200;

/// Levels of nesting in one JSON value. Deeper input is refused instead of using stack without bound.
pub const JSON_DEPTH_MAX: usize = 64;
