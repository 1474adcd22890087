//! Payloads as slices and in messages.

use crate::base::limits::PAYLOAD_SHOWN_CHARS_MAX;
use crate::base::{Error, Result};
use crate::table::Payload;

/// The bytes of a payload; `None` for NULL.
#[inline]
pub(crate) fn bytes_of(slab: &[u8], payload: Payload) -> Result<Option<&[u8]>> {
    let Ok(len) = usize::try_from(payload.len) else { return Ok(None) };
    let start = payload.start as usize;
    start
        .checked_add(len)
        .and_then(|end| slab.get(start..end))
        .map(Some)
        .ok_or_else(|| Error::internal("a payload lies outside of its slab"))
}

/// A payload for a message: its first characters, control characters escaped.
pub(crate) fn shown(payload: &[u8]) -> String {
    // A character has at most four bytes.
    let head = payload.get(..PAYLOAD_SHOWN_CHARS_MAX.saturating_mul(4)).unwrap_or(payload);
    let text = String::from_utf8_lossy(head);
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count >= PAYLOAD_SHOWN_CHARS_MAX {
            break;
        }
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    if text.chars().count() > PAYLOAD_SHOWN_CHARS_MAX || head.len() < payload.len() {
        shown.push('…');
    }
    shown
}
