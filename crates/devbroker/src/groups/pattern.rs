//! Subscriptions by pattern (KIP-848): RE2, matched by the broker with whole names of topics.

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use regex::bytes::{Regex, RegexBuilder};

use crate::topics::Topics;

/// A pattern of topic names.
#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    /// Bytes: names are of ASCII, and classes like `\w` are so in RE2.
    whole: Regex,
}

impl Pattern {
    /// Most that the program of a pattern may take, bytes: a member is charged for so much.
    pub(super) const BYTES_MAX: usize = 64 * 1024;

    /// Longest text, characters: more than the longest name of a topic.
    const TEXT_MAX: usize = 1024;

    /// Reads a pattern.
    ///
    /// # Errors
    /// It is none of RE2, or too large.
    pub(super) fn new(text: &str) -> Result<Self, ResponseError> {
        let refused = |_| ResponseError::InvalidRegularExpression;
        if text.len() > Self::TEXT_MAX {
            return Err(ResponseError::InvalidRegularExpression);
        }
        let compile =
            |text: &str| RegexBuilder::new(text).unicode(false).size_limit(Self::BYTES_MAX).build();
        // Alone first: a bracket that closes the group around it is none of its own.
        compile(text).map_err(refused)?;
        let whole = compile(&format!(r"\A(?:{text})\z")).map_err(refused)?;
        Ok(Self { text: text.to_owned(), whole })
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Names that match as a whole.
    pub(super) fn matches(&self, topics: &Topics) -> BTreeSet<String> {
        let names = topics.iter().map(|(name, _)| name);
        names.filter(|name| self.whole.is_match(name.as_bytes())).map(str::to_owned).collect()
    }
}
