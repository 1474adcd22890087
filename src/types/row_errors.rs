//! Failures of single rows: collected, never thrown, so that one policy decides what they mean.

use crate::base::Span;
use crate::base::limits::ROW_ERRORS_KEPT_MAX;

/// One row that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// Row of the batch, or payload of the decoder's input, that failed.
    pub row: usize,
    /// What was wrong, in lower case, without the place.
    pub message: String,
    /// The expression that failed, in the SQL text.
    pub span: Option<Span>,
}

/// The rows of a batch that failed. The first few keep their text; all are counted and their rows listed.
#[derive(Clone, Debug, Default)]
pub struct RowErrors {
    kept: Vec<RowError>,
    rows: Vec<u32>,
    crowded: bool,
}

impl RowErrors {
    /// No errors.
    pub fn new() -> RowErrors {
        RowErrors::default()
    }

    /// Records that `row` failed; the message is built only while texts are kept.
    pub fn push(&mut self, row: usize, message: impl FnOnce() -> String) {
        if self.kept.len() < ROW_ERRORS_KEPT_MAX {
            self.kept.push(RowError { row, message: message(), span: None });
        }
        self.rows.push(u32::try_from(row).unwrap_or(u32::MAX));
    }

    /// As [`RowErrors::push`], of a row that may succeed in a smaller batch: it is too much together with others.
    pub fn push_crowded(&mut self, row: usize, message: impl FnOnce() -> String) {
        self.crowded = true;
        self.push(row, message);
    }

    /// Whether some rows might succeed in a smaller batch.
    pub fn are_crowded(&self) -> bool {
        self.crowded
    }

    /// Adds the failures of rows that stand for rows of this batch; `row_of` says for which, in ascending order. A row
    /// fails once.
    pub fn append(&mut self, others: &RowErrors, row_of: impl Fn(usize) -> usize) {
        self.crowded |= others.crowded;
        let kept = others.kept.iter().map(Some).chain(std::iter::repeat(None));
        let mut last = None;
        for (other, kept) in others.rows.iter().zip(kept) {
            let row = row_of(*other as usize);
            if last.replace(row) == Some(row) {
                continue;
            }
            let before = self.kept.len();
            self.push(row, || match kept {
                Some(error) => error.message.clone(),
                None => "an element of it failed".to_owned(),
            });
            if let Some(span) = kept.and_then(|error| error.span) {
                self.place_after(before, span);
            }
        }
    }

    /// Says where the failures after the first `before` come from, but for those that have a place already.
    pub fn place_after(&mut self, before: usize, span: Span) {
        for error in self.kept.iter_mut().skip(before) {
            error.span.get_or_insert(span);
        }
    }

    /// Whether no row failed.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many failures were recorded.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The failures that kept their text, in the order found.
    pub fn kept(&self) -> &[RowError] {
        &self.kept
    }

    /// Every failure with its row, in the order found; the text of those that kept it.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Option<&str>)> {
        let texts = self.kept.iter().map(|kept| Some(kept.message.as_str()));
        let rows = self.rows.iter().map(|row| *row as usize);
        rows.zip(texts.chain(std::iter::repeat(None)))
    }

    /// Every failed row, in the order found.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Forgets all of them, keeping the memory.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.rows.clear();
        self.crowded = false;
    }
}
