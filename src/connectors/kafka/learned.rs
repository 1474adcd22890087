//! What the brokers have refused a sink, kept over the attempts of a job: what would be refused again is told row by row,
//! before it is sent, and costs no other attempt.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Records that were too large, remembered of a topic; of more, each costs an attempt.
const TOO_LARGE_MAX: usize = 64;

/// Topics remembered; of more, each costs an attempt.
const TOPICS_MAX: usize = 10_000;

/// Bytes of a batch beside its records, with the frame of any codec.
const BATCH_OVERHEAD_MAX: usize = 256;

/// See the module; shared by all writers of a sink.
#[derive(Clone, Debug, Default)]
pub(super) struct Learned(Arc<Mutex<BTreeMap<Arc<str>, OfTopic>>>);

#[derive(Debug, Default)]
struct OfTopic {
    absent: Option<Absent>,
    too_large: Vec<Extent>,
}

/// A topic that did not exist when it was written to.
struct Absent {
    /// The first error.
    problem: String,
    /// Whether it has come to exist.
    is_there: Box<dyn Fn() -> bool + Send>,
}

impl std::fmt::Debug for Absent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Absent").field("problem", &self.problem).finish_non_exhaustive()
    }
}

/// How large a record is: a broker looks at the batch as it comes, and, where it compresses anew, at what it makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Bound of its bytes before they are compressed.
    pub(super) bound: usize,
    /// Bytes of a batch that holds nothing else.
    pub(super) sealed: usize,
}

impl Extent {
    /// Of a record of which only the batch is known that held nothing else.
    pub(super) fn of_sealed(sealed: usize) -> Extent {
        // No codec makes more than a sixth and a header of what cannot be compressed (Snappy's bound).
        let bound = (sealed / 7).saturating_mul(6).saturating_sub(BATCH_OVERHEAD_MAX);
        Extent { bound, sealed }
    }

    /// Whether what refuses the other refuses this.
    pub(super) fn contains(self, other: Extent) -> bool {
        self.bound >= other.bound && self.sealed >= other.sealed
    }
}

impl Learned {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, OfTopic>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, topic: &Arc<str>, change: impl FnOnce(&mut OfTopic)) {
        let mut topics = self.lock();
        if topics.len() < TOPICS_MAX || topics.contains_key(topic) {
            change(topics.entry(Arc::clone(topic)).or_default());
        }
    }

    /// The topic does not exist, until `is_there` says so.
    pub(super) fn note_absent(
        &self,
        topic: &Arc<str>,
        problem: &str,
        is_there: impl Fn() -> bool + Send + 'static,
    ) {
        let (problem, is_there) = (problem.to_owned(), Box::new(is_there));
        self.change(topic, |of| of.absent = Some(Absent { problem, is_there }));
    }

    /// What is wrong with a topic that did not exist and has not come to exist.
    pub(super) fn absent(&self, topic: &str) -> Option<String> {
        let mut topics = self.lock();
        let absent = &mut topics.get_mut(topic)?.absent;
        absent.take_if(|absent| (absent.is_there)());
        absent.as_ref().map(|absent| absent.problem.clone())
    }

    /// A record was refused as too large for the topic; so are those that [contain](Extent::contains) it. False if that was
    /// known.
    pub(super) fn note_too_large(&self, topic: &Arc<str>, record: Extent) -> bool {
        let mut news = false;
        self.change(topic, |of| {
            if of.too_large.iter().all(|known| !record.contains(*known)) {
                of.too_large.retain(|known| !known.contains(record));
                of.too_large.truncate(TOO_LARGE_MAX - 1);
                of.too_large.push(record);
                news = true;
            }
        });
        news
    }

    /// The least records of the topic that were too large.
    pub(super) fn too_large(&self, topic: &str) -> Vec<Extent> {
        self.lock().get(topic).map(|of| of.too_large.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn the_least_of_what_was_too_large_counts() {
        let (learned, topic) = (Learned::default(), "t".into());
        let extent = |(bound, sealed)| Extent { bound, sealed };
        for seen in [(500, 90), (300, 80), (400, 85), (200, 120), (900, 80)] {
            learned.note_too_large(&topic, extent(seen));
        }
        assert_eq!(learned.too_large("t"), [(300, 80), (200, 120)].map(extent));
        assert_eq!(learned.too_large("u"), []);
        for n in 0..2 * TOO_LARGE_MAX {
            learned.note_too_large(&topic, extent((1000 - n, 1000 + n)));
        }
        assert!(learned.too_large("t").len() <= TOO_LARGE_MAX);
    }

    #[test]
    fn a_topic_is_absent_until_it_is_there() {
        let (learned, topic) = (Learned::default(), "t".into());
        let is_there = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_there);
        assert_eq!(learned.absent("t"), None);
        learned.note_absent(&topic, "no such topic", move || seen.load(Ordering::Relaxed));
        assert_eq!(learned.absent("t").as_deref(), Some("no such topic"));
        is_there.store(true, Ordering::Relaxed);
        assert_eq!(learned.absent("t"), None);
    }
}
