//! Leaves the old rows of updates out, for sinks that know a row by its key.

use super::Operator;
use crate::base::Result;
use crate::types::{Batch, Kinds, RowErrors, RowKind};

/// Lets every row through but `-U` (Flink's `StreamPhysicalDropUpdateBefore`).
#[derive(Debug)]
pub struct DropUpdateBefore;

impl Operator for DropUpdateBefore {
    fn batch(&mut self, batch: &Batch, _errors: &mut RowErrors) -> Result<Batch> {
        let Kinds::PerRow(kinds) = &batch.kinds else { return Ok(batch.clone()) };
        let rows = (0u32..).zip(kinds).filter(|(_, kind)| **kind != RowKind::UpdateBefore);
        batch.select(&rows.map(|(row, _)| row).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_rows_are_dropped() {
        use RowKind::{Delete, Insert, UpdateAfter, UpdateBefore};
        let kinds = Kinds::PerRow(vec![Insert, UpdateBefore, UpdateAfter, Delete]);
        let batch = Batch { kinds, ..Batch::append(4, Vec::new()) };
        let left = DropUpdateBefore.batch(&batch, &mut RowErrors::new()).unwrap();
        assert_eq!(left.kinds, Kinds::PerRow(vec![Insert, UpdateAfter, Delete]));
        let appended = Batch::append(2, Vec::new());
        assert_eq!(DropUpdateBefore.batch(&appended, &mut RowErrors::new()).unwrap().rows, 2);
    }
}
