//! The NOT NULL enforcer before a sink (`table.exec.sink.not-null-enforcer`).

use super::Operator;
use crate::base::Result;
use crate::types::{Batch, RowErrors, RowKind};
use arrow_array::Array as _;

/// A NOT NULL column of a sink.
#[derive(Clone, Debug)]
pub struct NotNullColumn {
    /// Its position in the batch.
    pub at: usize,
    /// Its name, for errors.
    pub name: String,
    /// Whether a row that is deleted has to have it too: a sink that deletes by its key gets rows with nothing else
    /// (the tombstones of `upsert-kafka`).
    pub in_deletes: bool,
}

impl NotNullColumn {
    fn is_violated(&self, batch: &Batch, row: usize) -> bool {
        batch.columns.get(self.at).is_some_and(|column| column.is_null(row))
            && (self.in_deletes || batch.kinds.get(row) != RowKind::Delete)
    }
}

/// Fails or drops rows that hold NULL in a NOT NULL column.
#[derive(Debug)]
pub struct NotNull {
    columns: Vec<NotNullColumn>,
    drop: bool,
}

impl NotNull {
    /// The NOT NULL columns; with `drop`, rows are left out instead of failing.
    pub fn new(columns: Vec<NotNullColumn>, drop: bool) -> NotNull {
        NotNull { columns, drop }
    }
}

impl Operator for NotNull {
    fn batch(&mut self, batch: &Batch, errors: &mut RowErrors) -> Result<Batch> {
        let mut violated = false;
        for not_null in &self.columns {
            let column = batch.columns.get(not_null.at);
            if column.is_none_or(|column| column.null_count() == 0) {
                continue;
            }
            violated = true;
            if !self.drop {
                let name = &not_null.name;
                for row in (0..batch.rows).filter(|row| not_null.is_violated(batch, *row)) {
                    errors.push(row, || {
                        format!(
                            "column '{name}' is NOT NULL, however, a null value is being written into it; set \
                             'table.exec.sink.not-null-enforcer' = 'drop' to drop such records"
                        )
                    });
                }
            }
        }
        if !violated {
            return Ok(batch.clone());
        }
        let valid =
            |row: &u32| !self.columns.iter().any(|column| column.is_violated(batch, *row as usize));
        let rows: Vec<u32> =
            (0..u32::try_from(batch.rows).unwrap_or(u32::MAX)).filter(valid).collect();
        batch.select(&rows)
    }
}
