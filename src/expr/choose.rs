//! CASE, COALESCE and IN: arms are evaluated only for the rows that reach them.

use super::eval::Eval;
use super::value::{Prim, Str, Value, spread};
use super::{Expr, Scalar, Selection};
use crate::types::{Column, DataType, Kind};
use arrow_array::types::{
    Date32Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    TimestampMicrosecondType,
};
use arrow_array::{Array, BooleanArray, new_null_array};
use arrow_buffer::NullBuffer;
use std::collections::HashSet;
use std::sync::Arc;

/// The first branch whose condition is TRUE.
pub(crate) fn case(
    branches: &[(Expr, Expr)],
    otherwise: Option<&Expr>,
    result: &DataType,
    selection: &Selection,
    eval: &mut Eval<'_>,
) -> Column {
    let mut open = selection.clone();
    let mut arms = Arms::new(eval.rows, result);
    for (when, then) in branches {
        if open.is_empty() {
            break;
        }
        let hit = eval.predicate(when, &open);
        if hit.is_empty() {
            continue;
        }
        open = open.without(&hit);
        let value = eval.value(then, &hit);
        arms.add(value, hit);
    }
    if let Some(otherwise) = otherwise.filter(|_| !open.is_empty()) {
        let value = eval.value(otherwise, &open);
        arms.add(value, open);
    }
    arms.merge()
}

/// The first operand that is not NULL.
pub(crate) fn coalesce(
    operands: &[Expr],
    result: &DataType,
    selection: &Selection,
    eval: &mut Eval<'_>,
) -> Column {
    let mut open = selection.clone();
    let mut arms = Arms::new(eval.rows, result);
    for operand in operands {
        if open.is_empty() {
            break;
        }
        let value = eval.value(operand, &open);
        let hit = match &value {
            Value::Scalar(Scalar::Null) => continue,
            Value::Scalar(_) => open.clone(),
            Value::Array(column) => match column.logical_nulls() {
                Some(nulls) => open.masked(nulls.inner()),
                None => open.clone(),
            },
        };
        if hit.is_empty() {
            continue;
        }
        open = open.without(&hit);
        arms.add(value, hit);
    }
    arms.merge()
}

/// Values for disjoint sets of rows, to become one column.
struct Arms<'t> {
    rows: usize,
    data_type: &'t DataType,
    columns: Vec<Column>,
    /// Whether the column holds one value for all its rows.
    constant: Vec<bool>,
    selections: Vec<Selection>,
}

impl<'t> Arms<'t> {
    fn new(rows: usize, data_type: &'t DataType) -> Arms<'t> {
        Arms {
            rows,
            data_type,
            columns: vec![new_null_array(&data_type.physical(), 1)],
            constant: vec![true],
            selections: vec![Selection::Rows(Vec::new())],
        }
    }

    fn add(&mut self, value: Value<'_>, rows: Selection) {
        let (column, constant) = match value {
            Value::Array(column) => (column, false),
            Value::Scalar(scalar) => (spread(scalar, self.data_type, 1), true),
        };
        self.columns.push(column);
        self.constant.push(constant);
        self.selections.push(rows);
    }

    fn merge(self) -> Column {
        // One arm took every selected row.
        if let ([_, column], [_, false]) = (&self.columns[..], &self.constant[..])
            && self.selections.get(1).is_some_and(|rows| matches!(rows, Selection::All(_)))
        {
            return Arc::clone(column);
        }
        let mut picks = vec![(0, 0); self.rows];
        for (arm, rows) in self.selections.iter().enumerate() {
            let constant = self.constant[arm];
            rows.for_each(|row| picks[row] = (arm, if constant { 0 } else { row }));
        }
        let arrays: Vec<&dyn Array> = self.columns.iter().map(AsRef::as_ref).collect();
        match arrow_select::interleave::interleave(&arrays, &picks) {
            Ok(column) => column,
            Err(error) => panic!("arms of one expression have one type: {error}"),
        }
    }
}

/// The constants of an IN list, all of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct LiteralSet {
    values: Vec<Scalar>,
    members: Members,
    has_null: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Members {
    Texts(HashSet<String>),
    /// Sorted.
    Integers(Vec<i64>),
}

impl LiteralSet {
    /// A set of texts, or of whole numbers, dates, times or timestamps; `None` where `kind` has no set.
    pub fn new(values: Vec<Scalar>, kind: &Kind) -> Option<LiteralSet> {
        let has_null = values.contains(&Scalar::Null);
        let present = values.iter().filter(|value| **value != Scalar::Null);
        let members = match kind {
            Kind::Char(_) | Kind::VarChar(_) => {
                let texts = present.map(|value| match value {
                    Scalar::String(text) => Some(text.clone()),
                    _ => None,
                });
                Members::Texts(texts.collect::<Option<_>>()?)
            }
            Kind::TinyInt
            | Kind::SmallInt
            | Kind::Int
            | Kind::BigInt
            | Kind::Date
            | Kind::Time(_) => {
                let numbers = present.map(super::value::FromScalar::from_scalar);
                let mut numbers = numbers.collect::<Option<Vec<i64>>>()?;
                numbers.sort_unstable();
                Members::Integers(numbers)
            }
            Kind::Timestamp(p) | Kind::TimestampLtz(p) if *p <= 6 => {
                let numbers = present.map(super::value::FromScalar::from_scalar);
                let mut numbers = numbers.collect::<Option<Vec<i64>>>()?;
                numbers.sort_unstable();
                Members::Integers(numbers)
            }
            _ => return None,
        };
        Some(LiteralSet { values, members, has_null })
    }

    /// The constants as written.
    pub fn values(&self) -> &[Scalar] {
        &self.values
    }

    /// `value IN set`: UNKNOWN for NULL, and for no match where the set holds NULL.
    pub(crate) fn contains(
        &self,
        value: &Value<'_>,
        kind: &Kind,
        selection: &Selection,
        rows: usize,
    ) -> BooleanArray {
        if value.is_null_literal() {
            return BooleanArray::new_null(rows);
        }
        let bits = match &self.members {
            Members::Texts(texts) => {
                let column = Str::new(value);
                selection.bits(rows, |row| column.get(row).is_some_and(|text| texts.contains(text)))
            }
            Members::Integers(numbers) => {
                let found = |number: Option<i64>| {
                    number.is_some_and(|number| numbers.binary_search(&number).is_ok())
                };
                macro_rules! search {
                    ($type:ty) => {{
                        let column = Prim::<$type>::new(value);
                        selection.bits(rows, |row| found(column.get(row).map(i64::from)))
                    }};
                }
                match kind {
                    Kind::TinyInt => search!(Int8Type),
                    Kind::SmallInt => search!(Int16Type),
                    Kind::Int => search!(Int32Type),
                    Kind::Date => search!(Date32Type),
                    Kind::Time(_) => search!(Time32MillisecondType),
                    Kind::Timestamp(_) | Kind::TimestampLtz(_) => search!(TimestampMicrosecondType),
                    _ => search!(Int64Type),
                }
            }
        };
        let nulls = value.nulls().cloned();
        let nulls = if self.has_null {
            NullBuffer::union(nulls.as_ref(), Some(&NullBuffer::new(bits.clone())))
        } else {
            nulls
        };
        BooleanArray::new(bits, nulls)
    }
}

/// A field of each row; NULL where the row is NULL.
pub(crate) fn field(column: &Column, index: usize) -> Column {
    use arrow_array::cast::AsArray;
    let row = column.as_struct();
    let child = row.column(index);
    match row.nulls() {
        None => Arc::clone(child),
        Some(nulls) => {
            let nulls = NullBuffer::union(Some(nulls), child.nulls());
            with_nulls(child, nulls)
        }
    }
}

/// The same values under other validity.
pub(crate) fn without(column: &Column, rows: &[u32]) -> Column {
    let mut valid = vec![true; column.len()];
    for row in rows {
        if let Some(valid) = valid.get_mut(*row as usize) {
            *valid = false;
        }
    }
    with_nulls(column, NullBuffer::union(column.nulls(), Some(&NullBuffer::from(valid))))
}

/// The column with another bitmap of what is not NULL.
pub(crate) fn with_nulls(column: &Column, nulls: Option<NullBuffer>) -> Column {
    let data = column.to_data().into_builder().nulls(nulls).build();
    match data {
        Ok(data) => arrow_array::make_array(data),
        Err(error) => panic!("a bitmap of the same length fits: {error}"),
    }
}
