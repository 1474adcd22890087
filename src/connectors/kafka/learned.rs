//! What the brokers have refused a sink, kept over the attempts of a job: what would be refused again is told row by row,
//! before it is sent, and costs no other attempt.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes by which the bound of a record's size may be above its size, more than varints differ in.
const SLACK: usize = 32;

/// Topics remembered; of more, each costs an attempt.
const TOPICS_MAX: usize = 10_000;

/// See the module; shared by all writers of a sink.
#[derive(Clone, Debug, Default)]
pub(super) struct Learned(Arc<Mutex<BTreeMap<Arc<str>, OfTopic>>>);

#[derive(Clone, Debug, Default)]
struct OfTopic {
    /// It does not exist, in the words of the first error.
    absent: Option<String>,
    /// The least size of a record, as bounded before it is encoded, that was too large.
    too_large: Option<usize>,
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

    /// The topic does not exist.
    pub(super) fn note_absent(&self, topic: &Arc<str>, problem: &str) {
        self.change(topic, |of| of.absent = Some(problem.to_owned()));
    }

    /// The topic has come to exist.
    pub(super) fn note_present(&self, topic: &str) {
        if let Some(of) = self.lock().get_mut(topic) {
            of.absent = None;
        }
    }

    /// What is wrong with a topic that did not exist.
    pub(super) fn absent(&self, topic: &str) -> Option<String> {
        self.lock().get(topic)?.absent.clone()
    }

    /// A record of at most `bytes` was refused as too large for the topic; without compression larger ones are, too.
    pub(super) fn note_too_large(&self, topic: &Arc<str>, bytes: usize) {
        self.change(topic, |of| of.too_large = Some(of.too_large.map_or(bytes, |b| b.min(bytes))));
    }

    /// From which bound of their size on records of the topic are known to be too large.
    pub(super) fn too_large(&self, topic: &str) -> usize {
        let least = self.lock().get(topic).and_then(|of| of.too_large);
        least.map_or(usize::MAX, |bytes| bytes.saturating_add(SLACK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_what_was_too_large_counts() {
        let (learned, topic) = (Learned::default(), "t".into());
        assert_eq!(learned.too_large("t"), usize::MAX);
        for bytes in [500, 300, 400] {
            learned.note_too_large(&topic, bytes);
        }
        assert_eq!((learned.too_large("t"), learned.too_large("u")), (300 + SLACK, usize::MAX));
    }

    #[test]
    fn a_topic_is_absent_until_it_is_there() {
        let (learned, topic) = (Learned::default(), "t".into());
        learned.note_present("t");
        learned.note_absent(&topic, "no such topic");
        assert_eq!(learned.absent("t").as_deref(), Some("no such topic"));
        learned.note_present("t");
        assert_eq!(learned.absent("t"), None);
    }
}
