//! Which source records the records came from that are on their way to the brokers, so that one that is refused can be
//! named.

use crate::table::RecordPlace;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The records of a writer by topic and partition; see the module.
#[derive(Debug, Default)]
pub(super) struct Origins(BTreeMap<(Arc<str>, i32), Unsettled>);

/// Records of one partition, numbered in the order in which they were appended.
#[derive(Debug, Default)]
struct Unsettled {
    /// Number of the first one in `places`.
    first: u64,
    places: VecDeque<Origin>,
    /// Records that were settled before earlier ones: number and count.
    early: BTreeMap<u64, u64>,
}

/// What is known of a record on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// Where it came from, where that is known.
    pub(super) place: Option<RecordPlace>,
    /// Bound of its size.
    pub(super) bytes: usize,
}

impl Origins {
    /// A record was appended to the open batch of a partition.
    pub(super) fn append(&mut self, topic: &Arc<str>, partition: i32, origin: Origin) {
        self.0.entry((Arc::clone(topic), partition)).or_default().places.push_back(origin);
    }

    /// The number of the first record of a batch that is closed now and holds the last `records`.
    pub(super) fn sealed(&self, topic: &Arc<str>, partition: i32, records: u64) -> u64 {
        let of = self.0.get(&(Arc::clone(topic), partition));
        of.map_or(0, |of| (of.first + of.places.len() as u64).saturating_sub(records))
    }

    /// A record that was not settled yet.
    pub(super) fn of(&self, topic: &Arc<str>, partition: i32, number: u64) -> Option<&Origin> {
        let of = self.0.get(&(Arc::clone(topic), partition))?;
        let at = usize::try_from(number.checked_sub(of.first)?).ok()?;
        of.places.get(at)
    }

    /// Nothing is on its way to the topic: its numbers begin anew.
    pub(super) fn forget(&mut self, topic: &Arc<str>) {
        let all = (Arc::clone(topic), i32::MIN)..=(Arc::clone(topic), i32::MAX);
        let gone: Vec<_> = self.0.range(all).map(|(key, _)| key.clone()).collect();
        for key in gone {
            self.0.remove(&key);
        }
    }

    /// What became of `records` from the number `first` on is known: they are forgotten.
    pub(super) fn settle(&mut self, topic: &Arc<str>, partition: i32, first: u64, records: u64) {
        let Some(of) = self.0.get_mut(&(Arc::clone(topic), partition)) else { return };
        of.early.insert(first, records);
        while let Some(records) = of.early.remove(&of.first) {
            let count = usize::try_from(records).unwrap_or(usize::MAX).min(of.places.len());
            of.places.drain(..count);
            of.first += records;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SplitId;

    #[test]
    fn numbers_survive_answers_in_any_order() {
        let topic: Arc<str> = "t".into();
        let split = Arc::new(SplitId { name: "in".into(), index: 0 });
        let place = |offset| {
            let place = Some(RecordPlace { split: Arc::clone(&split), offset });
            Origin { place, bytes: 7 }
        };
        let mut origins = Origins::default();
        (0..5).for_each(|offset| origins.append(&topic, 1, place(offset)));
        assert_eq!(origins.sealed(&topic, 1, 3), 2);
        origins.settle(&topic, 1, 2, 2);
        assert_eq!(origins.of(&topic, 1, 1), Some(&place(1)));
        origins.settle(&topic, 1, 0, 2);
        assert_eq!(origins.of(&topic, 1, 1), None);
        assert_eq!(origins.of(&topic, 1, 4), Some(&place(4)));
        origins.append(&topic, 1, Origin { place: None, bytes: 7 });
        assert_eq!((origins.sealed(&topic, 1, 1), origins.sealed(&topic, 0, 1)), (5, 0));
    }
}
