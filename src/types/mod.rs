//! Flink's data types, the columnar batch, and Java's text forms.

mod batch;
mod changelog;
mod data_type;
mod items;
pub(crate) mod java_map;
pub mod java_text;
mod map;
mod print;
mod row_errors;

pub use batch::{Batch, Column, Kinds, Origin, OriginRun, RowKind, SplitId};
pub use changelog::ChangelogMode;
pub use data_type::{DataType, Field, Kind, Schema};
pub(crate) use items::items;
pub use map::{map_array, map_children, map_keys};
pub use print::{write_row, write_value};
pub use row_errors::{RowError, RowErrors};
