//! Which rows of a batch an expression is evaluated for.

use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};

/// Rows of a batch, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Rows `0..n`: the whole batch.
    All(usize),
    /// These rows.
    Rows(Vec<u32>),
}

impl Selection {
    /// Number of selected rows.
    pub fn len(&self) -> usize {
        match self {
            Selection::All(rows) => *rows,
            Selection::Rows(rows) => rows.len(),
        }
    }

    /// Whether no row is selected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `f` for every selected row, ascending.
    pub fn for_each(&self, mut f: impl FnMut(usize)) {
        match self {
            Selection::All(rows) => (0..*rows).for_each(f),
            Selection::Rows(rows) => rows.iter().for_each(|row| f(*row as usize)),
        }
    }

    /// Calls `f` for every row of a batch of `rows` rows, saying whether it is selected.
    pub(crate) fn scan(&self, rows: usize, mut f: impl FnMut(usize, bool)) {
        match self {
            Selection::All(_) => (0..rows).for_each(|row| f(row, true)),
            Selection::Rows(selected) => {
                let mut selected = selected.iter().map(|row| *row as usize).peekable();
                for row in 0..rows {
                    f(row, selected.next_if_eq(&row).is_some());
                }
            }
        }
    }

    /// Whether all rows of `other` are selected, too.
    pub(crate) fn contains(&self, other: &Selection) -> bool {
        match (self, other) {
            (Selection::All(_), _) => true,
            (Selection::Rows(_), Selection::All(_)) => false,
            (Selection::Rows(rows), Selection::Rows(others)) => {
                let mut rows = rows.iter();
                others.len() <= rows.len()
                    && others.iter().all(|other| rows.any(|row| row == other))
            }
        }
    }

    /// The selected rows as an ascending list.
    pub fn to_rows(&self) -> Vec<u32> {
        match self {
            Selection::All(rows) => (0..u32::try_from(*rows).unwrap_or(u32::MAX)).collect(),
            Selection::Rows(rows) => rows.clone(),
        }
    }

    /// The selected rows for which `f` holds.
    #[must_use]
    pub(crate) fn retain(&self, mut f: impl FnMut(usize) -> bool) -> Selection {
        match self {
            Selection::All(rows) => {
                // Writing always and advancing on a match keeps the loop free of unpredictable branches.
                let mut kept = vec![0_u32; *rows];
                let mut n = 0;
                for row in 0..*rows {
                    kept[n] = row as u32;
                    n += usize::from(f(row));
                }
                if n == *rows {
                    return Selection::All(n);
                }
                kept.truncate(n);
                Selection::Rows(kept)
            }
            Selection::Rows(rows) => {
                Selection::Rows(rows.iter().copied().filter(|row| f(*row as usize)).collect())
            }
        }
    }

    /// The selected rows that `taken`, a part of them, does not hold.
    #[must_use]
    pub(crate) fn without(&self, taken: &Selection) -> Selection {
        match taken {
            Selection::All(_) => Selection::Rows(Vec::new()),
            Selection::Rows(taken) => {
                let mut taken = taken.iter().map(|row| *row as usize).peekable();
                self.retain(|row| taken.next_if_eq(&row).is_none())
            }
        }
    }

    /// The selected rows whose bit is set.
    #[must_use]
    pub(crate) fn masked(&self, mask: &BooleanBuffer) -> Selection {
        match self {
            Selection::All(rows) => {
                let kept: Vec<u32> = mask.set_indices_u32().collect();
                if kept.len() == *rows { Selection::All(*rows) } else { Selection::Rows(kept) }
            }
            Selection::Rows(_) => self.retain(|row| mask.value(row)),
        }
    }

    /// A bit per row of a batch of `rows` rows: `f(row)` where selected. Rows not selected hold anything.
    pub(crate) fn bits(&self, rows: usize, mut f: impl FnMut(usize) -> bool) -> BooleanBuffer {
        match self {
            Selection::All(_) => BooleanBuffer::collect_bool(rows, f),
            Selection::Rows(selected) => {
                let mut bits = BooleanBufferBuilder::new(rows);
                bits.append_n(rows, false);
                for row in selected {
                    if f(*row as usize) {
                        bits.set_bit(*row as usize, true);
                    }
                }
                bits.build()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retain_keeps_all_as_all() {
        assert_eq!(Selection::All(3).retain(|_| true), Selection::All(3));
        assert_eq!(Selection::All(4).retain(|row| row % 2 == 1), Selection::Rows(vec![1, 3]));
        assert_eq!(Selection::Rows(vec![0, 2]).retain(|row| row > 0), Selection::Rows(vec![2]));
    }

    #[test]
    fn contains_compares_row_by_row() {
        let rows = |rows: &[u32]| Selection::Rows(rows.to_vec());
        assert!(Selection::All(3).contains(&rows(&[0, 2])));
        assert!(!rows(&[0, 1]).contains(&Selection::All(2)));
        assert!(rows(&[0, 2, 5]).contains(&rows(&[0, 5])));
        assert!(!rows(&[0, 2, 5]).contains(&rows(&[0, 3])));
        assert!(!rows(&[5]).contains(&rows(&[0])));
    }

    #[test]
    fn scan_marks_selected_rows() {
        let mut seen = Vec::new();
        Selection::Rows(vec![1]).scan(3, |row, selected| seen.push((row, selected)));
        assert_eq!(seen, [(0, false), (1, true), (2, false)]);
    }
}
