//! What every layer shares: errors with a cause and a cure, source spans, limits.

pub mod commands;
mod distinct;
mod error;
mod hash;
pub mod limits;
mod nearest;
mod search;
mod span;

pub use distinct::{COMPARED_MAX, Distinct};
pub use error::{Error, ErrorKind, Result};
pub use hash::fnv;
pub use nearest::{by_distance, is_near, nearest};
pub use search::first_of;
pub use span::{LineIndex, Span, line_column};
