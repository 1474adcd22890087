//! LIMIT.

use super::Operator;
use crate::base::Result;
use crate::types::{Batch, RowErrors};

/// Lets the first rows through. A plan with a limit runs on one worker.
#[derive(Debug)]
pub struct Limit {
    left: u64,
}

impl Limit {
    /// At most `rows` rows.
    pub fn new(rows: u64) -> Limit {
        Limit { left: rows }
    }
}

impl Operator for Limit {
    fn batch(&mut self, batch: &Batch, _errors: &mut RowErrors) -> Result<Batch> {
        let take = usize::try_from(self.left).unwrap_or(usize::MAX).min(batch.rows);
        self.left -= take as u64;
        if take == batch.rows {
            return Ok(batch.clone());
        }
        let rows: Vec<u32> = (0..u32::try_from(take).unwrap_or(u32::MAX)).collect();
        batch.select(&rows)
    }

    fn satisfied(&self) -> bool {
        self.left == 0
    }
}
