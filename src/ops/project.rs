//! SELECT list.

use super::Operator;
use super::timed::TimedEnv;
use crate::base::Result;
use crate::expr::{EvalEnv, Expr, Input, Selection};
use crate::types::{Batch, RowErrors};

/// Computes one column per expression.
#[derive(Debug)]
pub struct Project {
    expressions: Vec<Expr>,
    env: TimedEnv,
}

impl Project {
    /// The expressions refer to the input's columns; `time_moves` in streaming mode.
    pub fn new(expressions: Vec<Expr>, env: EvalEnv, time_moves: bool) -> Project {
        Project { expressions, env: TimedEnv::new(env, time_moves) }
    }
}

impl Operator for Project {
    fn batch(&mut self, batch: &Batch, errors: &mut RowErrors) -> Result<Batch> {
        let input = Input { columns: &batch.columns, rows: batch.rows };
        let all = Selection::All(batch.rows);
        let columns =
            self.expressions.iter().map(|e| e.eval(input, &all, errors, self.env.get())).collect();
        Ok(Batch {
            columns,
            kinds: batch.kinds.clone(),
            origin: batch.origin.clone(),
            rows: batch.rows,
        })
    }

    fn advance(&mut self, now_micros: i64) {
        self.env.advance(now_micros);
    }
}
