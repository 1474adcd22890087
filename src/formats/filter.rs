//! The scan's filter, evaluated inside the decoder.

use crate::expr::{EvalEnv, Expr, Input, Node, Selection};
use crate::types::{Column, RowErrors};

/// The filter of a decoder and the columns that it looks at.
#[derive(Debug)]
pub(crate) struct Filter {
    predicate: Expr,
    env: EvalEnv,
    /// Whether each column is looked at.
    pub(crate) uses: Vec<bool>,
}

impl Filter {
    /// A filter over `columns` columns. A predicate that depends on the current time must not be given to a decoder:
    /// the epoch stands for it.
    pub(crate) fn new(predicate: Expr, columns: usize, time_zone: chrono_tz::Tz) -> Filter {
        let mut uses = vec![false; columns];
        if !mark(&predicate, &mut uses) {
            uses.fill(true);
        }
        Filter { predicate, env: EvalEnv { time_zone, now_micros: 0 }, uses }
    }

    /// The rows among `selection` for which the predicate is TRUE; failed ones are in `errors`.
    pub(crate) fn evaluate(
        &self,
        columns: &[Column],
        rows: usize,
        selection: &Selection,
        errors: &mut RowErrors,
    ) -> Selection {
        self.predicate.eval_predicate(Input { columns, rows }, selection, errors, &self.env)
    }
}

/// Marks the columns that an expression looks at; false where that is not known.
fn mark(expr: &Expr, uses: &mut [bool]) -> bool {
    match &expr.node {
        Node::Column(position) => uses.get_mut(*position).map(|used| *used = true).is_some(),
        Node::Literal(_) => true,
        Node::Compare { left, right, .. } => mark(left, uses) && mark(right, uses),
        Node::And(arms) | Node::Or(arms) => arms.iter().all(|arm| mark(arm, uses)),
        Node::Not(input) | Node::IsNull(input) | Node::IsTruth { input, .. } => mark(input, uses),
        _ => false,
    }
}
