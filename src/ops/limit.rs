//! LIMIT and OFFSET.

use super::Operator;
use crate::base::Result;
use crate::types::{Batch, RowErrors};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Lets the first rows through. A plan with a limit runs on one worker.
#[derive(Debug)]
pub struct Limit {
    left: Arc<Mutex<Left>>,
}

/// Rows that are still to come.
#[derive(Clone, Copy, Debug)]
struct Left {
    skip: u64,
    take: u64,
}

impl Left {
    /// Where in a batch of `rows` rows to begin and to end.
    fn step(&mut self, rows: usize) -> (usize, usize) {
        let part = |of: u64, rows: usize| usize::try_from(of).unwrap_or(usize::MAX).min(rows);
        let skipped = part(self.skip, rows);
        let taken = part(self.take, rows - skipped);
        self.skip -= skipped as u64;
        self.take -= taken as u64;
        (skipped, skipped + taken)
    }
}

/// One limit for all chains of operators that feed it: the inputs of a UNION ALL count together. A restart of the job,
/// which drops its operators, counts anew.
#[derive(Debug)]
pub struct SharedLimit {
    of: Left,
    live: Mutex<Weak<Mutex<Left>>>,
}

impl SharedLimit {
    /// At most `rows` rows after the first `offset`.
    pub fn new(rows: u64, offset: u64) -> SharedLimit {
        SharedLimit { of: Left { skip: offset, take: rows }, live: Mutex::default() }
    }

    /// An operator that counts with the others that are alive.
    pub fn operator(&self) -> Limit {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let left = live.upgrade().unwrap_or_else(|| Arc::new(Mutex::new(self.of)));
        *live = Arc::downgrade(&left);
        Limit { left }
    }
}

impl Operator for Limit {
    fn batch(&mut self, batch: &Batch, _errors: &mut RowErrors) -> Result<Batch> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, end) = left.step(batch.rows);
        if end - start == batch.rows {
            return Ok(batch.clone());
        }
        let index = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let rows: Vec<u32> = (index(start)..index(end)).collect();
        batch.select(&rows)
    }

    fn satisfied(&self) -> bool {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).take == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_count_together_and_a_restart_counts_anew() {
        let shared = SharedLimit::new(4, 1);
        let rows = |limit: &mut Limit, rows: usize| {
            limit.batch(&Batch::append(rows, Vec::new()), &mut RowErrors::new()).unwrap().rows
        };
        let (mut a, mut b) = (shared.operator(), shared.operator());
        assert_eq!((rows(&mut a, 3), rows(&mut b, 1), a.satisfied()), (2, 1, false));
        assert_eq!((rows(&mut a, 3), rows(&mut b, 3), b.satisfied()), (1, 0, true));
        drop((a, b));
        assert_eq!(rows(&mut shared.operator(), 9), 4);
    }
}
