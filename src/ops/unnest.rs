//! UNNEST.

use super::Operator;
use super::timed::TimedEnv;
use crate::base::limits::{BATCH_ITEMS_MAX, UNNEST_COPIES_MAX};
use crate::base::{Error, Result};
use crate::expr::{EvalEnv, Expr, Input, Scalar, Selection};
use crate::types::{Batch, Column, Kind, RowErrors, items};
use arrow_array::cast::AsArray as _;
use arrow_array::types::Int32Type;
use arrow_array::{Array as _, Int32Array, UInt32Array, new_null_array};
use std::sync::Arc;

/// Gives a row per element of a collection: the columns of the row that holds it, then those of the element.
#[derive(Debug)]
pub struct Unnest {
    collection: Expr,
    outer: Option<Expr>,
    ordinality: bool,
    /// The columns that somebody reads, the others being repeated for nobody; `None`: all.
    read: Option<Vec<usize>>,
    env: TimedEnv,
}

/// The rows to give: for each the input's row, the element (`None` for a row of which none is left), and its number.
#[derive(Default)]
struct Places {
    rows: Vec<u32>,
    elements: Vec<Option<u32>>,
    numbers: Vec<Option<i32>>,
}

impl Places {
    /// Those that `passed` names, and one without element for each of the `rows` rows that none is left of.
    fn outer(&self, passed: &Selection, rows: usize) -> Places {
        let mut kept = Places::default();
        let mut passed = passed.to_rows().into_iter().peekable();
        for row in 0..u32::try_from(rows).unwrap_or(u32::MAX) {
            let before = kept.rows.len();
            let mine = |at: &u32| self.rows.get(*at as usize) == Some(&row);
            while let Some(at) = passed.next_if(mine) {
                kept.rows.push(row);
                kept.elements.push(self.elements.get(at as usize).copied().flatten());
                kept.numbers.push(self.numbers.get(at as usize).copied().flatten());
            }
            if kept.rows.len() == before {
                kept.rows.push(row);
                kept.elements.push(None);
                kept.numbers.push(None);
            }
        }
        kept
    }

    /// The columns of the input and of the elements at these places; NULLs in columns of the input that nobody reads.
    fn columns(
        &self,
        input: &[Column],
        elements: &[Column],
        numbers: bool,
        is_read: &dyn Fn(usize) -> bool,
    ) -> Result<Vec<Column>> {
        let taken = |column: &Column, indices: &UInt32Array| {
            arrow_select::take::take(column, indices, None)
                .map_err(|error| Error::internal(format_args!("taking elements: {error}")))
        };
        let rows = UInt32Array::from(self.rows.clone());
        let of_element = UInt32Array::from(self.elements.clone());
        let mut columns = Vec::with_capacity(input.len() + elements.len() + 1);
        for (at, column) in input.iter().enumerate() {
            columns.push(match is_read(at) {
                true => taken(column, &rows)?,
                false => new_null_array(column.data_type(), rows.len()),
            });
        }
        for column in elements {
            columns.push(taken(column, &of_element)?);
        }
        if numbers {
            columns.push(Arc::new(Int32Array::from(self.numbers.clone())));
        }
        Ok(columns)
    }
}

impl Unnest {
    /// `collection` is an ARRAY, MAP or MULTISET over the input's columns; with `outer`, a condition over all columns
    /// given, rows of which no element passes are kept with NULLs; `ordinality` adds the element's number, from 1;
    /// `read` names the columns that what is above reads, `None` all; `time_moves` in streaming mode.
    pub fn new(
        collection: Expr,
        outer: Option<Expr>,
        ordinality: bool,
        mut read: Option<Vec<usize>>,
        env: EvalEnv,
        time_moves: bool,
    ) -> Unnest {
        if let (Some(read), Some(outer)) = (&mut read, &outer) {
            read.extend(outer.columns_used());
        }
        Unnest { collection, outer, ordinality, read, env: TimedEnv::new(env, time_moves) }
    }

    fn is_read(&self, column: usize) -> bool {
        self.read.as_ref().is_none_or(|read| read.contains(&column))
    }

    /// Takes rows out that would repeat too many items, and has them fail.
    fn limit_items(&self, places: &mut Places, input: &[Column], errors: &mut RowErrors) {
        let nested = input
            .iter()
            .enumerate()
            .filter(|(at, column)| column.data_type().is_nested() && self.is_read(*at));
        let nested: Vec<&Column> = nested.map(|(_, column)| column).collect();
        if nested.is_empty() {
            return;
        }
        let held = |row: u32| -> usize {
            let range = row as usize..row as usize + 1;
            nested.iter().map(|column| items(column, range.clone())).sum()
        };
        let repeated =
            |same: &[u32]| same.first().map_or(0, |row| held(*row).saturating_mul(same.len()));
        let groups = || places.rows.chunk_by(|a, b| a == b);
        if groups().map(repeated).fold(0, usize::saturating_add) <= BATCH_ITEMS_MAX {
            return;
        }
        let mut left = BATCH_ITEMS_MAX;
        let mut kept = Places::default();
        let mut at = 0;
        for same in groups() {
            let these = at..at + same.len();
            at = these.end;
            match left.checked_sub(repeated(same)) {
                Some(rest) => {
                    left = rest;
                    kept.rows.extend(same);
                    kept.elements.extend(places.elements.get(these.clone()).unwrap_or_default());
                    kept.numbers.extend(places.numbers.get(these).unwrap_or_default());
                }
                None => {
                    let row = same.first().copied().unwrap_or_default();
                    errors.push_crowded(row as usize, || too_many_items(held(row), same.len()));
                }
            }
        }
        *places = kept;
    }

    /// Where the elements of each row are, and their columns. A NULL element of rows gives no row, as in Flink.
    fn elements(
        &self,
        collections: &Column,
        rows: usize,
        errors: &mut RowErrors,
    ) -> (Places, Vec<Column>) {
        let mut places = Places::default();
        let is_row = |element: &Kind| element.fields().is_some();
        match &self.collection.data_type.kind {
            Kind::Array(element) => {
                let lists = collections.as_list::<i32>();
                let offsets = lists.value_offsets();
                let values = lists.values();
                let skips_nulls = is_row(&element.kind);
                let given = |at: usize| usize::from(!skips_nulls || values.is_valid(at));
                self.place(&mut places, rows, offsets, &|row| lists.is_valid(row), &given, errors);
                (places, columns_of(values, skips_nulls))
            }
            Kind::Multiset(element) => {
                let maps = collections.as_map();
                let counts = maps.values().as_primitive::<Int32Type>();
                let times = |at: usize| usize::try_from(counts.value(at)).unwrap_or(0);
                self.place(
                    &mut places,
                    rows,
                    maps.value_offsets(),
                    &|row| maps.is_valid(row),
                    &times,
                    errors,
                );
                (places, columns_of(crate::types::map_keys(maps), is_row(&element.kind)))
            }
            _ => {
                let maps = collections.as_map();
                self.place(
                    &mut places,
                    rows,
                    maps.value_offsets(),
                    &|row| maps.is_valid(row),
                    &|_| 1,
                    errors,
                );
                (places, vec![Arc::clone(crate::types::map_keys(maps)), Arc::clone(maps.values())])
            }
        }
    }

    /// `times` says how often an element is given. A row whose copies would be too many fails.
    fn place(
        &self,
        places: &mut Places,
        rows: usize,
        offsets: &[i32],
        is_valid: &dyn Fn(usize) -> bool,
        times: &dyn Fn(usize) -> usize,
        errors: &mut RowErrors,
    ) {
        let mut copies_left = UNNEST_COPIES_MAX;
        let index = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        for row in 0..rows {
            let bounds = (offsets.get(row), offsets.get(row + 1));
            if let (true, (Some(start), Some(end))) = (is_valid(row), bounds) {
                let elements =
                    usize::try_from(*start).unwrap_or(0)..usize::try_from(*end).unwrap_or(0);
                let copies: usize =
                    elements.clone().map(|element| times(element).saturating_sub(1)).sum();
                let Some(left) = copies_left.checked_sub(copies) else {
                    errors.push_crowded(row, || too_many(copies));
                    continue;
                };
                copies_left = left;
                let mut number = 0;
                for element in elements {
                    for _ in 0..times(element) {
                        number += 1;
                        places.rows.push(index(row));
                        places.elements.push(Some(index(element)));
                        places.numbers.push(Some(number));
                    }
                }
            }
        }
    }
}

fn too_many(copies: usize) -> String {
    format!(
        "UNNEST of a MULTISET would copy elements {copies} times; the rows of a batch may take {UNNEST_COPIES_MAX}"
    )
}

fn too_many_items(items: usize, elements: usize) -> String {
    format!(
        "UNNEST would repeat the {items} items of selected collections for each of {elements} elements; a batch may take \
         {BATCH_ITEMS_MAX}"
    )
}

/// The fields of rows, or the values themselves.
fn columns_of(values: &Column, is_row: bool) -> Vec<Column> {
    match is_row {
        true => values.as_struct().columns().to_vec(),
        false => vec![Arc::clone(values)],
    }
}

impl Operator for Unnest {
    fn batch(&mut self, batch: &Batch, errors: &mut RowErrors) -> Result<Batch> {
        let input = Input { columns: &batch.columns, rows: batch.rows };
        let all = Selection::All(batch.rows);
        let collections = self.collection.eval(input, &all, errors, self.env.get());
        let (mut places, elements) = self.elements(&collections, batch.rows, errors);
        self.limit_items(&mut places, &batch.columns, errors);
        let is_read = |column: usize| self.is_read(column);
        if let Some(condition) = &self.outer {
            let rows = places.rows.len();
            let mut passed = Selection::All(rows);
            if condition.as_literal() != Some(&Scalar::Boolean(true)) {
                let columns =
                    places.columns(&batch.columns, &elements, self.ordinality, &is_read)?;
                let input = Input { columns: &columns, rows };
                let mut failed = RowErrors::new();
                passed = condition.eval_predicate(input, &passed, &mut failed, self.env.get());
                errors.append(&failed, |at| places.rows.get(at).map_or(0, |row| *row as usize));
            }
            places = places.outer(&passed, batch.rows);
        }
        let columns = places.columns(&batch.columns, &elements, self.ordinality, &is_read)?;
        let kinds = batch.kinds.take(&places.rows);
        let origin = batch.origin.as_ref().map(|origin| origin.take(&places.rows));
        Ok(Batch { rows: places.rows.len(), kinds, columns, origin })
    }

    fn advance(&mut self, now_micros: i64) {
        self.env.advance(now_micros);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{ArithmeticOp, CompareOp};
    use arrow_array::builder::{Int32Builder, ListBuilder};

    fn unnested(outer: Option<Expr>, batch: &Batch, errors: &mut RowErrors) -> [Int32Array; 3] {
        let array = Kind::Array(Box::new(Kind::Int.nullable())).nullable();
        let env = EvalEnv { time_zone: chrono_tz::UTC, now_micros: 0 };
        let mut unnest = Unnest::new(Expr::column(1, array), outer, true, None, env, true);
        let result = unnest.batch(batch, errors).unwrap();
        [0, 2, 3].map(|at| result.columns[at].as_primitive::<Int32Type>().clone())
    }

    fn lists() -> Batch {
        let mut lists = ListBuilder::new(Int32Builder::new());
        lists.append_value([Some(7), None]);
        lists.append_null();
        lists.append_value([]);
        lists.append_value([Some(9), Some(0), Some(9)]);
        let ids: Column = Arc::new(Int32Array::from(vec![1, 2, 3, 4]));
        Batch::append(4, vec![ids, Arc::new(lists.finish())])
    }

    fn integer(value: i64) -> Expr {
        Expr::literal(Scalar::Integer(value), Kind::Int.not_null())
    }

    #[test]
    fn rows_of_which_no_element_passes_are_kept_by_outer_only() {
        let element = || Expr::column(2, Kind::Int.nullable());
        let number = || Expr::column(3, Kind::Int.nullable());
        let all = Expr::literal(Scalar::Boolean(true), Kind::Boolean.not_null());
        for (outer, ids, values, numbers) in [
            (
                None,
                vec![1, 1, 4, 4, 4],
                vec![Some(7), None, Some(9), Some(0), Some(9)],
                vec![Some(1), Some(2), Some(1), Some(2), Some(3)],
            ),
            (
                Some(all),
                vec![1, 1, 2, 3, 4, 4, 4],
                vec![Some(7), None, None, None, Some(9), Some(0), Some(9)],
                vec![Some(1), Some(2), None, None, Some(1), Some(2), Some(3)],
            ),
            (
                Some(Expr::compare(CompareOp::Gt, element(), integer(7))),
                vec![1, 2, 3, 4, 4],
                vec![None, None, None, Some(9), Some(9)],
                vec![None, None, None, Some(1), Some(3)],
            ),
            (
                Some(Expr::compare(CompareOp::Eq, number(), integer(2))),
                vec![1, 2, 3, 4],
                vec![None, None, None, Some(0)],
                vec![Some(2), None, None, Some(2)],
            ),
        ] {
            let [id, value, number] = unnested(outer, &lists(), &mut RowErrors::new());
            assert_eq!(id, Int32Array::from(ids));
            assert_eq!(value, Int32Array::from(values));
            assert_eq!(number, Int32Array::from(numbers));
        }
    }

    /// A row of `n` elements would hold its array `n` times.
    #[test]
    fn an_array_that_nobody_reads_is_not_repeated() {
        const ELEMENTS: usize = 20_000;
        let mut lists = ListBuilder::new(Int32Builder::new());
        lists.append_value((0..ELEMENTS).map(|_| Some(1)));
        lists.append_value([Some(2)]);
        let ids: Column = Arc::new(Int32Array::from(vec![1, 2]));
        let batch = Batch::append(2, vec![ids, Arc::new(lists.finish())]);
        let array = Kind::Array(Box::new(Kind::Int.nullable())).nullable();
        let env = EvalEnv { time_zone: chrono_tz::UTC, now_micros: 0 };
        for (read, rows, failed) in [(Some(vec![0, 2]), ELEMENTS + 1, vec![]), (None, 1, vec![0])] {
            let collection = Expr::column(1, array.clone());
            let mut unnest = Unnest::new(collection, None, false, read, env, true);
            let (mut errors, mut given) = (RowErrors::new(), 0);
            let memory = allocation_counter::measure(|| {
                given = unnest.batch(&batch, &mut errors).unwrap().rows;
            });
            assert_eq!((given, errors.rows()), (rows, failed.as_slice()));
            assert!(memory.bytes_max < 4 << 20, "{memory:?}");
        }
    }

    #[test]
    fn a_condition_that_fails_for_an_element_fails_the_row() {
        let element = Expr::column(2, Kind::Int.nullable());
        let share = Expr::arithmetic(ArithmeticOp::Divide, integer(9), element).unwrap();
        let mut errors = RowErrors::new();
        let one = Expr::compare(CompareOp::Eq, share, integer(1));
        unnested(Some(one), &lists(), &mut errors);
        assert_eq!(errors.rows(), [3]);
    }
}
