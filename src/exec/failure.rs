//! What a failed row means, and how it is named.

use crate::base::limits::PAYLOAD_SHOWN_CHARS_MAX;
use crate::base::{Error, ErrorKind, Result};
use crate::types::{Batch, RowErrors};

/// The way on for those who can do without the record.
const LEAVE_OUT: &str = "'error-handling.mode' = 'ignore' or 'log' in the table that it was read from leaves such \
                         records out";

/// The policy `fail`: the first failed row of a batch fails the job, named by split and offset.
pub(super) fn fail_on_rows(batch: &Batch, errors: &RowErrors, doing: &str) -> Result<()> {
    let Some(first) = errors.kept().iter().min_by_key(|error| error.row) else { return Ok(()) };
    let origin =
        batch.origin.as_ref().and_then(|origin| origin.locate(first.row)).map(|(split, offset)| {
            format!(" at topic '{}' partition {} offset {offset}", split.name, split.index)
        });
    let place = origin.as_deref().unwrap_or_default();
    let message: String = first.message.chars().take(4 * PAYLOAD_SHOWN_CHARS_MAX).collect();
    let mut error = Error::new(ErrorKind::Data, format!("{message}{place}")).context(doing);
    if let Some(span) = first.span {
        error = error.at(span);
    }
    Err(if origin.is_some() { error.with_hint(LEAVE_OUT) } else { error })
}

/// The same for records that could not be decoded: the reader has put their place into the message.
pub(super) fn fail_on_records(errors: &RowErrors) -> Result<()> {
    // A format may find out about a later record first.
    match errors.kept().iter().min_by_key(|error| error.row) {
        None => Ok(()),
        Some(first) => Err(Error::new(ErrorKind::Data, first.message.clone()).with_hint(LEAVE_OUT)),
    }
}
