//! WHERE.

use super::Operator;
use crate::base::Result;
use crate::expr::{EvalEnv, Expr, Input, Selection};
use crate::types::{Batch, RowErrors};

/// Lets the rows through for which a condition is TRUE.
#[derive(Debug)]
pub struct Filter {
    condition: Expr,
    env: EvalEnv,
}

impl Filter {
    /// `condition` is BOOLEAN over the input's columns.
    pub fn new(condition: Expr, env: EvalEnv) -> Filter {
        Filter { condition, env }
    }
}

impl Operator for Filter {
    fn batch(&mut self, batch: &Batch, errors: &mut RowErrors) -> Result<Batch> {
        let input = Input { columns: &batch.columns, rows: batch.rows };
        let kept =
            self.condition.eval_predicate(input, &Selection::All(batch.rows), errors, &self.env);
        batch.select(&kept.to_rows())
    }
}
