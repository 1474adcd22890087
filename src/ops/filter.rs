//! WHERE.

use super::Operator;
use super::timed::TimedEnv;
use crate::base::Result;
use crate::expr::{EvalEnv, Input, Selection, Shared};
use crate::types::{Batch, RowErrors};

/// Lets the rows through for which all conditions are TRUE.
#[derive(Debug)]
pub struct Filter {
    conditions: Shared,
    env: TimedEnv,
}

impl Filter {
    /// `conditions` are BOOLEAN over the input's columns, and all have to hold; `time_moves` in streaming mode.
    pub fn new(conditions: Shared, env: EvalEnv, time_moves: bool) -> Filter {
        Filter { conditions, env: TimedEnv::new(env, time_moves) }
    }
}

impl Operator for Filter {
    fn batch(&mut self, batch: &Batch, errors: &mut RowErrors) -> Result<Batch> {
        let input = Input { columns: &batch.columns, rows: batch.rows };
        let all = Selection::All(batch.rows);
        match self.conditions.eval_predicate(input, &all, errors, self.env.get()) {
            Selection::All(rows) if rows == batch.rows => Ok(batch.clone()),
            kept => batch.select(&kept.to_rows()),
        }
    }

    fn advance(&mut self, now_micros: i64) {
        self.env.advance(now_micros);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{CompareOp, Expr, Scalar};
    use crate::types::{Kind, Kinds, Origin, RowKind, SplitId};
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int32Type;
    use arrow_array::{Array, Int32Array};
    use std::sync::Arc;

    #[test]
    fn kept_rows_keep_their_kind_and_origin() {
        let split = Arc::new(SplitId { name: "t".into(), index: 3 });
        let mut origin = Origin::default();
        (10..13).for_each(|offset| origin.push(&split, offset));
        let values: Arc<dyn Array> = Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]));
        let kinds = vec![RowKind::Insert, RowKind::Insert, RowKind::Delete];
        let batch = Batch {
            rows: 3,
            kinds: Kinds::PerRow(kinds),
            columns: vec![values],
            origin: Some(origin),
        };
        let above = |limit: i64| {
            let limit = Expr::literal(Scalar::Integer(limit), Kind::Int.not_null());
            let column = Expr::column(0, Kind::Int.nullable());
            let env = EvalEnv { time_zone: chrono_tz::UTC, now_micros: 0 };
            let condition = Expr::compare(CompareOp::Gt, column, limit);
            Filter::new(Shared::new(vec![condition]), env, true)
        };
        let kept = above(1).batch(&batch, &mut RowErrors::new()).unwrap();
        assert_eq!(kept.rows, 1);
        assert_eq!(kept.columns[0].as_primitive::<Int32Type>().value(0), 3);
        assert_eq!(kept.kind(0), RowKind::Delete);
        assert_eq!(kept.origin.unwrap().locate(0), Some((&split, 12)));
        assert_eq!(above(0).batch(&batch, &mut RowErrors::new()).unwrap().rows, 2);
    }
}
