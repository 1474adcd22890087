//! The scan's filter, evaluated inside the decoder.

use crate::expr::{EvalEnv, Expr, Input, Selection, Shared};
use crate::types::{Column, RowErrors};

/// The filter of a decoder and the columns that it looks at.
#[derive(Debug)]
pub(crate) struct Filter {
    predicates: Shared,
    env: EvalEnv,
    /// Whether each column is looked at.
    pub(crate) uses: Vec<bool>,
}

impl Filter {
    /// A filter over `columns` columns. A predicate that depends on the current time must not be given to a decoder:
    /// the epoch stands for it.
    pub(crate) fn new(predicate: Expr, columns: usize, time_zone: chrono_tz::Tz) -> Filter {
        let used = predicate.columns_used();
        let uses = (0..columns).map(|column| used.contains(&column)).collect();
        let predicates = Shared::new(predicate.into_conjuncts());
        Filter { predicates, env: EvalEnv { time_zone, now_micros: 0 }, uses }
    }

    /// The rows among `selection` for which the predicate is TRUE; failed ones are in `errors`.
    pub(crate) fn evaluate(
        &self,
        columns: &[Column],
        rows: usize,
        selection: &Selection,
        errors: &mut RowErrors,
    ) -> Selection {
        self.predicates.eval_predicate(Input { columns, rows }, selection, errors, &self.env)
    }
}
