//! Operators: synchronous, no I/O, no clock. A chain of them runs to completion per batch on one worker.

mod drop_update_before;
mod filter;
mod limit;
mod not_null;
mod project;
mod sort;
mod timed;
mod type_length;
mod unnest;

pub use drop_update_before::DropUpdateBefore;
pub use filter::Filter;
pub use limit::{Limit, SharedLimit};
pub use not_null::{NotNull, NotNullColumn};
pub use project::Project;
pub use sort::{SharedSort, Sort};
pub use type_length::{BoundedColumn, TypeLength};
pub use unnest::Unnest;

use crate::base::Result;
use crate::types::{Batch, RowErrors};
use std::fmt::Debug;
use std::sync::Arc;

/// Makes one operator per worker.
pub type OperatorFactory = Arc<dyn Fn() -> Box<dyn Operator> + Send + Sync>;

/// A step between a source and a sink.
pub trait Operator: Send + Debug {
    /// Rows in, rows out. Rows that fail go to `errors` by their position in the input.
    fn batch(&mut self, batch: &Batch, errors: &mut RowErrors) -> Result<Batch>;

    /// The time of day before each batch, in microseconds since 1970 UTC: what time functions answer from here on.
    fn advance(&mut self, _now_micros: i64) {}

    /// No batch comes any more: the rows that were held back.
    fn finish(&mut self) -> Result<Vec<Batch>> {
        Ok(Vec::new())
    }

    /// Whether it will never let another row through, so that reading can stop.
    fn satisfied(&self) -> bool {
        false
    }
}
