//! Which kinds of changes a relation makes or a sink takes.

use super::RowKind;
use std::fmt;

/// A set of change kinds (Flink's `ChangelogMode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangelogMode(u8);

/// All kinds, in the order in which Flink names them.
const KINDS: [(RowKind, &str); 4] = [
    (RowKind::Insert, "I"),
    (RowKind::UpdateBefore, "UB"),
    (RowKind::UpdateAfter, "UA"),
    (RowKind::Delete, "D"),
];

impl ChangelogMode {
    /// Appends only.
    pub const INSERT_ONLY: ChangelogMode = ChangelogMode(1);

    /// An update is one row that replaces the one of the same key.
    pub const UPSERT: ChangelogMode = ChangelogMode(1 | 4 | 8);

    /// An update is the old row, taken back, and the new one.
    pub const ALL: ChangelogMode = ChangelogMode(15);

    /// What `upsert-kafka` reads: it cannot tell an insert from an update.
    pub const UPSERT_SOURCE: ChangelogMode = ChangelogMode(4 | 8);

    fn bit(kind: RowKind) -> u8 {
        match kind {
            RowKind::Insert => 1,
            RowKind::UpdateBefore => 2,
            RowKind::UpdateAfter => 4,
            RowKind::Delete => 8,
        }
    }

    /// Whether a kind is in it.
    pub fn contains(self, kind: RowKind) -> bool {
        self.0 & ChangelogMode::bit(kind) != 0
    }

    /// Whether it holds nothing but inserts.
    pub fn is_insert_only(self) -> bool {
        self.0 & !ChangelogMode::INSERT_ONLY.0 == 0
    }

    /// Whether a row can be updated.
    pub fn has_updates(self) -> bool {
        self.contains(RowKind::UpdateBefore) || self.contains(RowKind::UpdateAfter)
    }

    /// With one kind more.
    #[must_use]
    pub fn with(self, kind: RowKind) -> ChangelogMode {
        ChangelogMode(self.0 | ChangelogMode::bit(kind))
    }

    /// Without a kind.
    #[must_use]
    pub fn without(self, kind: RowKind) -> ChangelogMode {
        ChangelogMode(self.0 & !ChangelogMode::bit(kind))
    }

    /// The kinds of either.
    #[must_use]
    pub fn or(self, other: ChangelogMode) -> ChangelogMode {
        ChangelogMode(self.0 | other.0)
    }
}

/// `[I,UB,UA,D]`, as in Flink's EXPLAIN.
impl fmt::Display for ChangelogMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            KINDS.iter().filter(|(kind, _)| self.contains(*kind)).map(|(_, name)| *name).collect();
        write!(f, "[{}]", if names.is_empty() { "NONE".to_owned() } else { names.join(",") })
    }
}
