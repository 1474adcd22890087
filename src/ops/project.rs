//! SELECT list.

use super::Operator;
use super::timed::TimedEnv;
use crate::base::Result;
use crate::expr::{EvalEnv, Input, Selection, Shared};
use crate::types::{Batch, RowErrors};

/// Computes one column per expression.
#[derive(Debug)]
pub struct Project {
    expressions: Shared,
    env: TimedEnv,
}

impl Project {
    /// The expressions refer to the input's columns; `time_moves` in streaming mode.
    pub fn new(expressions: Shared, env: EvalEnv, time_moves: bool) -> Project {
        Project { expressions, env: TimedEnv::new(env, time_moves) }
    }
}

impl Operator for Project {
    fn batch(&mut self, batch: &Batch, errors: &mut RowErrors) -> Result<Batch> {
        let input = Input { columns: &batch.columns, rows: batch.rows };
        let all = Selection::All(batch.rows);
        let columns = self.expressions.eval(input, &all, errors, self.env.get());
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
