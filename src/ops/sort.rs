//! ORDER BY of a bounded input: every row is held until the last one is there.

use super::Operator;
use crate::base::limits::BATCH_ROWS_MAX;
use crate::base::{Error, Result};
use crate::expr::{SortKey, sorted_rows};
use crate::types::{Batch, Column, RowErrors};
use arrow_array::{Array, UInt32Array};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// One sort for all chains of operators that feed it: the inputs of a UNION ALL are sorted together, and the chain that
/// ends last gives all rows. A plan with a sort runs on one worker.
#[derive(Debug)]
pub struct SharedSort {
    keys: Arc<[SortKey]>,
    live: Mutex<Weak<Mutex<Held>>>,
}

/// A chain's part of a sort.
#[derive(Debug)]
pub struct Sort {
    keys: Arc<[SortKey]>,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    batches: Vec<Batch>,
    /// Chains that have not ended.
    open: usize,
}

impl SharedSort {
    /// Sorts by the first key, rows that are equal there by the second, and so on.
    pub fn new(keys: Vec<SortKey>) -> SharedSort {
        SharedSort { keys: keys.into(), live: Mutex::default() }
    }

    /// An operator that sorts together with the others that are alive.
    pub fn operator(&self) -> Sort {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let held = live.upgrade().unwrap_or_default();
        *live = Arc::downgrade(&held);
        held.lock().unwrap_or_else(PoisonError::into_inner).open += 1;
        Sort { keys: Arc::clone(&self.keys), held }
    }
}

impl Operator for Sort {
    fn batch(&mut self, batch: &Batch, _errors: &mut RowErrors) -> Result<Batch> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.batches.push(Batch::append(batch.rows, batch.columns.clone()));
        batch.select(&[])
    }

    fn finish(&mut self) -> Result<Vec<Batch>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.open = held.open.saturating_sub(1);
        if held.open > 0 {
            return Ok(Vec::new());
        }
        let batches = std::mem::take(&mut held.batches);
        drop(held);
        sorted(&batches, &self.keys)
    }
}

fn sorted(batches: &[Batch], keys: &[SortKey]) -> Result<Vec<Batch>> {
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    let failed = |error| Error::internal(format_args!("sorting rows: {error}"));
    let rows = batches.iter().map(|batch| batch.rows).sum();
    let mut columns: Vec<Column> = Vec::with_capacity(first.columns.len());
    for at in 0..first.columns.len() {
        let parts: Vec<&dyn Array> =
            batches.iter().filter_map(|batch| Some(batch.columns.get(at)?.as_ref())).collect();
        columns.push(arrow_select::concat::concat(&parts).map_err(failed)?);
    }
    let order = sorted_rows(&columns, keys, rows);
    let chunk = |rows: &[u32]| {
        let indices = UInt32Array::from(rows.to_vec());
        let take =
            |column: &Column| arrow_select::take::take(column, &indices, None).map_err(failed);
        Ok(Batch::append(rows.len(), columns.iter().map(take).collect::<Result<_>>()?))
    };
    order.chunks(BATCH_ROWS_MAX).map(chunk).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Kind;
    use arrow_array::Int32Array;
    use arrow_array::cast::AsArray as _;
    use arrow_array::types::Int32Type;

    #[test]
    fn chains_are_sorted_together_when_the_last_has_ended() {
        let key = SortKey {
            column: 0,
            data_type: Kind::Int.nullable(),
            descending: false,
            nulls_first: true,
        };
        let shared = SharedSort::new(vec![key]);
        let (mut a, mut b) = (shared.operator(), shared.operator());
        let feed = |sort: &mut Sort, values: Vec<i32>| {
            let batch = Batch::append(values.len(), vec![Arc::new(Int32Array::from(values))]);
            assert_eq!(sort.batch(&batch, &mut RowErrors::new()).unwrap().rows, 0);
        };
        feed(&mut a, vec![3, 1]);
        feed(&mut b, vec![2]);
        assert!(a.finish().unwrap().is_empty());
        let rows = b.finish().unwrap();
        let column = rows[0].columns[0].as_primitive::<Int32Type>();
        assert_eq!((rows.len(), &column.values()[..]), (1, &[1, 2, 3][..]));
    }
}
