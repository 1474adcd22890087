//! The NOT NULL enforcer before a sink (`table.exec.sink.not-null-enforcer`).

use super::Operator;
use crate::base::Result;
use crate::types::{Batch, RowErrors};
use arrow_array::Array as _;

/// Fails or drops rows that hold NULL in a NOT NULL column.
#[derive(Debug)]
pub struct NotNull {
    columns: Vec<(usize, String)>,
    drop: bool,
}

impl NotNull {
    /// Positions and names of the NOT NULL columns; with `drop`, rows are left out instead of failing.
    pub fn new(columns: Vec<(usize, String)>, drop: bool) -> NotNull {
        NotNull { columns, drop }
    }
}

impl Operator for NotNull {
    fn batch(&mut self, batch: &Batch, errors: &mut RowErrors) -> Result<Batch> {
        let mut violated = false;
        for (at, name) in &self.columns {
            let Some(column) = batch.columns.get(*at).filter(|column| column.null_count() > 0)
            else {
                continue;
            };
            violated = true;
            if !self.drop {
                for row in (0..batch.rows).filter(|row| column.is_null(*row)) {
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
        let valid = |row: &u32| {
            self.columns.iter().all(|(at, _)| {
                batch.columns.get(*at).is_none_or(|column| column.is_valid(*row as usize))
            })
        };
        let rows: Vec<u32> =
            (0..u32::try_from(batch.rows).unwrap_or(u32::MAX)).filter(valid).collect();
        batch.select(&rows)
    }
}
