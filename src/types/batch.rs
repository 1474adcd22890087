//! The unit of work: columns, change kinds, and where each row came from.

use crate::base::{Error, Result};
use arrow_array::{ArrayRef, UInt32Array};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// One column; its layout is [`crate::types::DataType::physical`].
pub type Column = ArrayRef;

/// Kind of a change (Flink's `RowKind`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowKind {
    /// `+I`
    Insert,
    /// `-U`
    UpdateBefore,
    /// `+U`
    UpdateAfter,
    /// `-D`
    Delete,
}

impl RowKind {
    /// Flink's short form: `+I`, `-U`, `+U`, `-D`.
    pub fn short(self) -> &'static str {
        match self {
            RowKind::Insert => "+I",
            RowKind::UpdateBefore => "-U",
            RowKind::UpdateAfter => "+U",
            RowKind::Delete => "-D",
        }
    }
}

/// Change kinds of a batch: append-only data pays nothing for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kinds {
    /// Every row is an insert.
    #[default]
    AllInsert,
    /// One kind per row.
    PerRow(Vec<RowKind>),
}

impl Kinds {
    /// The kind of a row.
    pub fn get(&self, row: usize) -> RowKind {
        match self {
            Kinds::AllInsert => RowKind::Insert,
            Kinds::PerRow(kinds) => kinds.get(row).copied().unwrap_or(RowKind::Insert),
        }
    }

    /// The kinds of the rows at `rows`, in that order.
    #[must_use]
    pub fn take(&self, rows: &[u32]) -> Kinds {
        match self {
            Kinds::AllInsert => Kinds::AllInsert,
            Kinds::PerRow(_) => {
                Kinds::PerRow(rows.iter().map(|row| self.get(*row as usize)).collect())
            }
        }
    }
}

/// The smallest part of a source that is read in order: a topic partition, a generator subtask.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SplitId {
    /// Topic, or the connector's own name for what is read.
    pub name: Arc<str>,
    /// Partition, or subtask.
    pub index: i32,
}

impl fmt::Display for SplitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.name, self.index)
    }
}

/// Rows that came from one split, up to (not including) row `end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginRun {
    /// The split.
    pub split: Arc<SplitId>,
    /// One past the run's last row.
    pub end: usize,
}

/// Which split and record each row came from. Kept by filter and project, absent after stateful operators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Runs of rows by split, in row order; the last run ends at the number of rows.
    pub runs: Vec<OriginRun>,
    /// Position of each row's record inside its split (Kafka: the offset).
    pub offsets: Vec<i64>,
}

impl Origin {
    /// Split and offset of `row`.
    pub fn locate(&self, row: usize) -> Option<(&Arc<SplitId>, i64)> {
        let run = self.runs.partition_point(|run| run.end <= row);
        Some((&self.runs.get(run)?.split, *self.offsets.get(row)?))
    }

    /// The origin of the rows at `rows` (ascending), in that order.
    #[must_use]
    pub fn take(&self, rows: &[u32]) -> Origin {
        let mut taken = Origin { runs: Vec::new(), offsets: Vec::with_capacity(rows.len()) };
        let mut run = 0;
        for &row in rows {
            let row = row as usize;
            while self.runs.get(run).is_some_and(|r| r.end <= row) {
                run += 1;
            }
            let (Some(source), Some(&offset)) = (self.runs.get(run), self.offsets.get(row)) else {
                break;
            };
            taken.push(&source.split, offset);
        }
        taken
    }

    /// Adds one row.
    pub fn push(&mut self, split: &Arc<SplitId>, offset: i64) {
        self.offsets.push(offset);
        match self.runs.last_mut() {
            Some(last) if Arc::ptr_eq(&last.split, split) || last.split == *split => last.end += 1,
            _ => {
                self.runs.push(OriginRun { split: Arc::clone(split), end: self.offsets.len() });
            }
        }
    }
}

/// Rows in columns. Every column has `rows` entries; `kinds` and `origin`, where present per row, too.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Number of rows (a batch may have no columns).
    pub rows: usize,
    /// Change kinds.
    pub kinds: Kinds,
    /// The columns, in schema order.
    pub columns: Vec<Column>,
    /// Where the rows came from.
    pub origin: Option<Origin>,
}

impl Batch {
    /// An append-only batch without origin.
    pub fn append(rows: usize, columns: Vec<Column>) -> Batch {
        Batch { rows, kinds: Kinds::AllInsert, columns, origin: None }
    }

    /// The rows at `rows` (ascending). String columns keep sharing their buffers.
    pub fn select(&self, rows: &[u32]) -> Result<Batch> {
        if rows.len() == self.rows {
            return Ok(self.clone());
        }
        let indices = UInt32Array::from(rows.to_vec());
        let take = |column: &Column| {
            arrow_select::take::take(column, &indices, None)
                .map_err(|error| Error::internal(format_args!("selecting rows: {error}")))
        };
        Ok(Batch {
            rows: rows.len(),
            kinds: self.kinds.take(rows),
            columns: self.columns.iter().map(take).collect::<Result<_>>()?,
            origin: self.origin.as_ref().map(|origin| origin.take(rows)),
        })
    }

    /// The rows in two batches, cut between records as near to the middle as they allow; `None` where there is but one.
    pub fn halves(&self) -> Result<Option<[Batch; 2]>> {
        let of = |row: usize| self.origin.as_ref().and_then(|origin| origin.locate(row));
        let begins = |row: &usize| of(*row).is_none() || of(*row) != of(row - 1);
        let middle = self.rows / 2;
        let Some(at) =
            (middle.max(1)..self.rows).find(begins).or_else(|| (1..middle).rfind(begins))
        else {
            return Ok(None);
        };
        let rows = |range: Range<usize>| -> Vec<u32> {
            range.filter_map(|row| u32::try_from(row).ok()).collect()
        };
        Ok(Some([self.select(&rows(0..at))?, self.select(&rows(at..self.rows))?]))
    }

    /// The kind of a row.
    pub fn kind(&self, row: usize) -> RowKind {
        self.kinds.get(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(index: i32) -> Arc<SplitId> {
        Arc::new(SplitId { name: "t".into(), index })
    }

    #[test]
    fn halves_are_cut_between_records() {
        let of = |offsets: &[i64]| {
            let mut origin = Origin::default();
            offsets.iter().for_each(|offset| origin.push(&split(0), *offset));
            Batch { origin: Some(origin), ..Batch::append(offsets.len(), Vec::new()) }
        };
        let rows =
            |batch: Batch| batch.halves().unwrap().map(|halves| halves.map(|half| half.rows));
        assert_eq!(rows(of(&[1, 1, 1, 2])), Some([3, 1]));
        assert_eq!(rows(of(&[1, 2, 2, 2])), Some([1, 3]));
        assert_eq!(rows(of(&[5, 6])), Some([1, 1]));
        assert_eq!(rows(of(&[7, 7, 7])), None);
        assert_eq!(rows(of(&[7])), None);
        assert_eq!(rows(Batch::append(5, Vec::new())), Some([2, 3]));
        assert_eq!(rows(Batch::append(0, Vec::new())), None);
    }

    #[test]
    fn origin_survives_a_filter() {
        let (a, b) = (split(0), split(1));
        let mut origin = Origin::default();
        for offset in 0..3 {
            origin.push(&a, offset);
        }
        origin.push(&b, 70);
        let taken = origin.take(&[1, 3]);
        assert_eq!(taken.locate(0), Some((&a, 1)));
        assert_eq!(taken.locate(1), Some((&b, 70)));
        assert_eq!(taken.locate(2), None);
    }
}
