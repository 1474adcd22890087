//! Limits of the table runtime, each with its unit and its reason.

use std::time::Duration;

/// Rows that one [`crate::types::Batch`] is cut at. Large enough to spread per-batch costs, small enough that a
/// batch of a few columns stays in the second-level cache.
pub const BATCH_ROWS_MAX: usize = 8_192;

/// Elements of collections, also inside of each other, that `datagen` makes for one column of one row. A
/// batch holds at least one row: far beyond what a test of throughput needs, and its elements still fit into memory.
pub const DATAGEN_ELEMENTS_MAX: usize = 1 << 20;

/// Row errors that are kept with their text; further ones are only listed. As many as rows of a batch, so that a text
/// is missing only where a single fetch brings more bad records than that.
pub const ROW_ERRORS_KEPT_MAX: usize = BATCH_ROWS_MAX;

/// Time after which the progress of a job is stored again although nothing moved: brokers drop offsets of a group
/// without members `offsets.retention.minutes` after they were committed (seven days by default), also those of a
/// running job. Short against any retention in use, long against the cost of a commit.
pub const PROGRESS_REFRESH: Duration = Duration::from_secs(60 * 60);

/// Characters of a payload that an error message shows.
pub const PAYLOAD_SHOWN_CHARS_MAX: usize = 200;

/// Copies of elements that UNNEST makes of the MULTISETs of one batch: a count is a number on the wire, and a record of
/// a few bytes could ask for two thousand million rows.
pub const UNNEST_COPIES_MAX: usize = 1 << 20;

/// Items of collections, in all depths, that one function or ORDER BY puts into a column of one batch, and of those that
/// UNNEST repeats for the elements of one: a row of `n` elements has its other collections, the unnested one included,
/// `n` times where they are selected, too. An item takes 16 bytes at most, and a column can count 2³¹ − 1 of them.
pub const BATCH_ITEMS_MAX: usize = 1 << 27;

/// Bytes of the texts that one function makes for one batch. What a fetch brings stays below a fifth of it; only a
/// function whose result is far longer than its arguments, such as REPEAT, comes near.
pub const BATCH_TEXT_BYTES_MAX: usize = 256 << 20;

/// Values in the rows of one record, also inside of their ROWs: an array of `{}` has a row of all columns for every three
/// bytes, and a gigabyte of it fits into a few hundred kilobytes of compressed records. A value takes 16 bytes at most.
pub const RECORD_VALUES_MAX: usize = 1 << 23;

/// Levels of nesting in one JSON value. Deeper input is refused instead of using stack without bound.
pub const JSON_DEPTH_MAX: usize = 64;

/// Levels of nesting in one Avro record. Deeper input is refused instead of using stack without bound.
pub const AVRO_DEPTH_MAX: usize = 64;

/// Bytes of an Avro schema as JSON: schemas of hundreds of fields have less than a tenth of it.
pub const AVRO_SCHEMA_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Parts of one schema's way to a table's columns, and of one default: those of real schemas stay in the thousands, but
/// unions in records in unions multiply.
pub const AVRO_PARTS_MAX: usize = 200_000;

/// Values without bytes of their own (of the type null, say) in one Avro record beyond its length in bytes, by which all
/// others are bounded; these could otherwise number 2^63 in ten bytes. The records of a batch have it each, so that it
/// cannot be much.
pub const AVRO_EMPTY_VALUES_MAX: usize = 1_024;

/// Levels of messages and groups in one Protobuf record, as in Java. Deeper input is refused instead of using stack
/// without bound.
pub const PROTOBUF_DEPTH_MAX: usize = 100;

/// Scans of one plan. Each use of a view or of a table of a WITH is planned anew, so that a chain of n that use the one
/// before twice has 2^n; a query of this many is planned in a second.
pub const PLAN_SCANS_MAX: usize = 4_096;

/// Bytes of one script. Positions are 32 bits wide, and no script written by people or by a
/// generator for people comes near it.
pub const SQL_SCRIPT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Levels of parentheses, subqueries, calls and types inside one another. The parser recurses
/// once per level, so this bounds its stack (a debug build needs up to 20 KiB per level, and a
/// thread has 2 MiB). Scripts of the survey stay below 12.
pub const SQL_NESTING_MAX: u32 = 64;

/// Levels of the tree of one expression or FROM clause, counting also the levels that a chain of
/// infix operators adds (`a OR b OR c` has 3). Whoever walks the tree recurses this deep.
pub const SQL_TREE_HEIGHT_MAX: u32 = 1_000;

/// Characters of an option's value that an error message shows: a schema or a list of offsets may have thousands.
pub const OPTION_SHOWN_CHARS_MAX: usize = 120;

/// Supported options that an error about an unknown one lists; of more it names the closest.
pub const OPTIONS_SHOWN_MAX: usize = 12;

/// Supported options that an error names where there are too many for a list.
pub const OPTIONS_CLOSEST_SHOWN: usize = 5;

/// Expected words that an error message lists; more would hide the message.
pub const SQL_EXPECTED_SHOWN_MAX: usize = 12;
