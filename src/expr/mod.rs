//! Typed expressions over columns.
//!
//! `eval` never fails a batch: failed rows go to [`crate::types::RowErrors`]. CASE, AND, OR, COALESCE and IF evaluate
//! their arms only for the rows that reach them.

mod compare;
mod decimal;
mod eval;
mod logic;
mod scalar;
mod selection;
mod value;

pub use compare::CompareOp;
pub use eval::{EvalEnv, Input};
pub use scalar::Scalar;
pub use selection::Selection;
pub use value::spread;

use crate::types::{DataType, Kind};

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
    /// A comparison of two operands of the same kind.
    Compare {
        /// The operator.
        op: CompareOp,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
    },
    /// All of these.
    And(Vec<Expr>),
    /// Any of these.
    Or(Vec<Expr>),
    /// NOT.
    Not(Box<Expr>),
    /// IS NULL.
    IsNull(Box<Expr>),
    /// IS TRUE or IS FALSE.
    IsTruth {
        /// A BOOLEAN.
        input: Box<Expr>,
        /// Which.
        truth: bool,
    },
}

impl Expr {
    /// An expression.
    pub fn new(node: Node, data_type: DataType) -> Expr {
        Expr { node, data_type }
    }

    /// The input column at `position`.
    pub fn column(position: usize, data_type: DataType) -> Expr {
        Expr::new(Node::Column(position), data_type)
    }

    /// A constant.
    pub fn literal(value: Scalar, data_type: DataType) -> Expr {
        Expr::new(Node::Literal(value), data_type)
    }

    /// `left op right`; both of the same kind.
    pub fn compare(op: CompareOp, left: Expr, right: Expr) -> Expr {
        let nullable = left.data_type.nullable || right.data_type.nullable;
        let node = Node::Compare { op, left: Box::new(left), right: Box::new(right) };
        Expr::new(node, DataType { kind: Kind::Boolean, nullable })
    }

    /// All of `exprs`; nested ANDs become one.
    pub fn and(exprs: Vec<Expr>) -> Expr {
        let mut arms = Vec::with_capacity(exprs.len());
        for expr in exprs {
            match expr.node {
                Node::And(inner) => arms.extend(inner),
                _ => arms.push(expr),
            }
        }
        if arms.len() == 1 {
            return arms.remove(0);
        }
        let nullable = arms.iter().any(|arm| arm.data_type.nullable);
        Expr::new(Node::And(arms), DataType { kind: Kind::Boolean, nullable })
    }

    /// Any of `exprs`; nested ORs become one.
    pub fn or(exprs: Vec<Expr>) -> Expr {
        let mut arms = Vec::with_capacity(exprs.len());
        for expr in exprs {
            match expr.node {
                Node::Or(inner) => arms.extend(inner),
                _ => arms.push(expr),
            }
        }
        if arms.len() == 1 {
            return arms.remove(0);
        }
        let nullable = arms.iter().any(|arm| arm.data_type.nullable);
        Expr::new(Node::Or(arms), DataType { kind: Kind::Boolean, nullable })
    }

    /// NOT `input`.
    pub fn negate(input: Expr) -> Expr {
        let data_type = DataType { kind: Kind::Boolean, nullable: input.data_type.nullable };
        Expr::new(Node::Not(Box::new(input)), data_type)
    }

    /// `input` IS NULL.
    pub fn is_null(input: Expr) -> Expr {
        Expr::new(Node::IsNull(Box::new(input)), Kind::Boolean.not_null())
    }
}

#[cfg(test)]
mod tests;
