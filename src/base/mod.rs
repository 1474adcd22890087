//! What every other module may use: positions in source text.

pub mod span;

pub use span::{LineIndex, Span, line_column};
