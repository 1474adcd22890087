//! ORDER BY of a bounded input: every row is held until the last one is there.

use super::Operator;
use crate::base::limits::{BATCH_ITEMS_MAX, BATCH_ROWS_MAX};
use crate::base::{Error, Result};
use crate::expr::{SortKey, sorted_rows};
use crate::types::{Batch, Column, RowErrors, items};
use arrow_array::Array;
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
        sorted(&batches, &self.keys, BATCH_ITEMS_MAX)
    }
}

/// Only keys, which are no collections, are brought together: of other columns the offsets of all rows could be more than
/// a column can count.
fn sorted(batches: &[Batch], keys: &[SortKey], items_max: usize) -> Result<Vec<Batch>> {
    let Some(first) = batches.first() else { return Ok(Vec::new()) };
    let failed = |error| Error::internal(format_args!("sorting rows: {error}"));
    let parts = |at: usize| -> Vec<&dyn Array> {
        batches.iter().filter_map(|batch| Some(batch.columns.get(at)?.as_ref())).collect()
    };
    let mut by = Vec::with_capacity(keys.len());
    let mut columns: Vec<Column> = Vec::with_capacity(keys.len());
    for key in keys {
        by.push(SortKey { column: columns.len(), ..key.clone() });
        columns.push(arrow_select::concat::concat(&parts(key.column)).map_err(failed)?);
    }
    let places: Vec<(usize, usize)> = (0..)
        .zip(batches)
        .flat_map(|(at, batch)| (0..batch.rows).map(move |row| (at, row)))
        .collect();
    let order = sorted_rows(&columns, &by, places.len());
    drop(columns);
    let picks: Vec<(usize, usize)> =
        order.into_iter().filter_map(|row| places.get(row as usize).copied()).collect();
    let gathered = |picks: &[(usize, usize)]| {
        let column = |at| arrow_select::interleave::interleave(&parts(at), picks).map_err(failed);
        Ok(Batch::append(picks.len(), (0..first.columns.len()).map(column).collect::<Result<_>>()?))
    };
    chunks(batches, &picks, items_max).map(gathered).collect()
}

/// Parts of `picks` for one batch each: its rows, and the items in its collections unless a row alone has more, are
/// limited.
fn chunks<'a>(
    batches: &'a [Batch],
    mut picks: &'a [(usize, usize)],
    items_max: usize,
) -> impl Iterator<Item = &'a [(usize, usize)]> {
    let held = |(batch, row): (usize, usize)| -> usize {
        let columns = batches.get(batch).map_or(&[][..], |batch| &batch.columns);
        let nested = columns.iter().filter(|column| column.data_type().is_nested());
        nested.map(|column| items(column, row..row + 1)).sum()
    };
    std::iter::from_fn(move || {
        let mut left = items_max;
        let fitting = picks.iter().take(BATCH_ROWS_MAX).take_while(|pick| {
            let room = left.checked_sub(held(**pick));
            left = room.unwrap_or(0);
            room.is_some()
        });
        let count = fitting.count().max(1);
        let (chunk, rest) = picks.split_at_checked(count)?;
        picks = rest;
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Kind;
    use arrow_array::cast::AsArray as _;
    use arrow_array::types::Int32Type;
    use arrow_array::{Int32Array, ListArray};

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

    #[test]
    fn sorted_rows_come_in_batches_of_limited_size() {
        let key = SortKey {
            column: 0,
            data_type: Kind::Int.nullable(),
            descending: true,
            nulls_first: true,
        };
        // The list of row `n` holds `n` elements; those of a batch are items, and each list is one.
        let batch = |values: std::ops::Range<i32>| {
            let lists = values.clone().map(|n| Some((0..n).map(Some)));
            let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
            let keys = Int32Array::from_iter_values(values.clone());
            Batch::append(values.len(), vec![Arc::new(keys), Arc::new(lists)])
        };
        let batches = [batch(0..4), batch(4..7)];
        let rows = |items_max| -> Vec<Vec<i32>> {
            let sorted = sorted(&batches, std::slice::from_ref(&key), items_max).unwrap();
            let numbers = |batch: Batch| {
                let numbers = batch.columns[0].as_primitive::<Int32Type>().values().to_vec();
                let lists = batch.columns[1].as_list::<i32>();
                let lengths: Vec<i32> = (0..batch.rows).map(|at| lists.value_length(at)).collect();
                assert_eq!(lengths, numbers);
                numbers
            };
            sorted.into_iter().map(numbers).collect()
        };
        assert_eq!(rows(28), [[6, 5, 4, 3, 2, 1, 0]]);
        assert_eq!(rows(13), [&[6, 5][..], &[4, 3, 2], &[1, 0]]);
        assert_eq!(rows(3), [&[6][..], &[5], &[4], &[3], &[2], &[1, 0]]);
    }
}
