//! Typed expressions over columns.
//!
//! `eval` never fails a batch: failed rows go to [`RowErrors`]. CASE, AND, OR, COALESCE and IF evaluate their arms only
//! for the rows that reach them.

mod scalar;

pub use scalar::Scalar;

use crate::types::DataType;

/// A bound, typed expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it computes.
    pub node: Node,
    /// The type of its value.
    pub data_type: DataType,
}

/// The kinds of expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// The input column at this position.
    Column(usize),
    /// A constant.
    Literal(Scalar),
}
