//! The topics that a writer writes to at the moment, by number and by name.

use super::destination::Destination;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Topics that a writer has state of, beside those of one batch of rows: some KiB each.
const TOPICS_MAX: usize = 4_096;

/// Part of the topics that retires beside those that are too many, as a divisor: not with each new one anew.
const RETIRING_PART: usize = 8;

/// See the module. A number means the same topic until that is removed; then it is given to another.
#[derive(Debug, Default)]
pub(super) struct Destinations {
    numbered: Vec<Option<Destination>>,
    free: Vec<usize>,
    by_name: BTreeMap<Arc<str>, usize>,
}

impl Destinations {
    pub(super) fn add(&mut self, destination: Destination) -> usize {
        let at = self.free.pop().unwrap_or(self.numbered.len());
        self.by_name.insert(Arc::clone(&destination.topic), at);
        match self.numbered.get_mut(at) {
            Some(place) => *place = Some(destination),
            None => self.numbered.push(Some(destination)),
        }
        at
    }

    pub(super) fn remove(&mut self, at: usize) -> Option<Destination> {
        let removed = self.numbered.get_mut(at)?.take()?;
        self.by_name.remove(&removed.topic);
        self.free.push(at);
        Some(removed)
    }

    pub(super) fn find(&self, topic: &str) -> Option<usize> {
        self.by_name.get(topic).copied()
    }

    pub(super) fn get(&self, at: usize) -> Option<&Destination> {
        self.numbered.get(at)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Destination> {
        self.numbered.get_mut(at)?.as_mut()
    }

    /// Whether the writer has to wait until some of them can be forgotten.
    pub(super) fn are_too_many(&self) -> bool {
        self.len() > TOPICS_MAX
    }

    /// Those that nothing was written to for `max_idle`, and, where they are too many, those that were written to longest
    /// ago: with rows that name topics anew, the state of all of them would take ever more memory. Never one that records
    /// are on their way to, or held for.
    pub(super) fn to_retire(
        &self,
        now: Duration,
        max_idle: Duration,
        is_held: impl Fn(usize) -> bool,
    ) -> Vec<usize> {
        let surplus = match self.are_too_many() {
            true => self.len() - TOPICS_MAX + TOPICS_MAX / RETIRING_PART,
            false => 0,
        };
        let at_rest = self.iter().filter(|(at, to)| to.is_at_rest() && !is_held(*at));
        let mut at_rest: Vec<_> = at_rest.map(|(at, to)| (to.used_at, at)).collect();
        at_rest.sort_unstable();
        let retires = |(n, (used_at, _)): &(usize, (Duration, usize))| {
            *n < surplus || now.saturating_sub(*used_at) >= max_idle
        };
        at_rest.into_iter().enumerate().take_while(retires).map(|(_, (_, at))| at).collect()
    }

    /// How many topics there are.
    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Above all numbers in use.
    pub(super) fn end(&self) -> usize {
        self.numbered.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Destination)> {
        let numbered = self.numbered.iter().enumerate();
        numbered.filter_map(|(at, place)| place.as_ref().map(|destination| (at, destination)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::Partitioning;
    use super::super::partitioner::Partitioner;
    use super::*;
    use crate::table::{Instance, Spread, Waker};
    use brooklet_kafka::transport::{MemoryNetwork, Nobody};
    use brooklet_kafka::{Client, ClientConfig, Network};

    const SECOND: Duration = Duration::from_secs(1);

    /// As many topics, each used a second after the one before.
    fn destinations(count: usize) -> Destinations {
        let network = MemoryNetwork::new(Box::new(Nobody), 1);
        let client = Client::new(ClientConfig::new("b:1").unwrap(), &Network::memory(&network));
        let instance = Instance { spread: Spread::between(1, 1, false), worker: 0 };
        let mut destinations = Destinations::default();
        let waker: Waker = Arc::new(|| {});
        for n in 0..count {
            let partitioner = Partitioner::new(&Partitioning::Fixed, &instance, 1, 1);
            let mut destination = Destination::new(&n.to_string(), partitioner, &client, &waker);
            destination.used_at = n as u32 * SECOND;
            assert_eq!(destinations.add(destination), n);
        }
        destinations
    }

    #[test]
    fn what_was_not_written_to_retires_unless_something_is_on_its_way() {
        let mut destinations = destinations(4);
        destinations.get_mut(1).unwrap().unconfirmed = 1;
        let retire = |destinations: &Destinations, held: usize| {
            destinations.to_retire(12 * SECOND, 10 * SECOND, |at| at == held)
        };
        assert_eq!(retire(&destinations, 9), [0, 2]);
        assert_eq!(retire(&destinations, 0), [2]);
        let gone = destinations.remove(2).unwrap();
        assert_eq!((destinations.find("2"), destinations.find("3")), (None, Some(3)));
        assert_eq!((destinations.len(), destinations.add(gone)), (3, 2));
    }

    #[test]
    fn of_too_many_the_oldest_retire() {
        let mut destinations = destinations(TOPICS_MAX);
        let now = TOPICS_MAX as u32 * SECOND;
        let retire = |destinations: &Destinations| destinations.to_retire(now, 2 * now, |_| false);
        assert!(!destinations.are_too_many() && retire(&destinations).is_empty());
        let mut another = self::destinations(1).remove(0).unwrap();
        (another.topic, another.used_at) = ("another".into(), now);
        destinations.add(another);
        destinations.get_mut(0).unwrap().unconfirmed = 1;
        let retired = retire(&destinations);
        assert_eq!((retired.first(), retired.len()), (Some(&1), 1 + TOPICS_MAX / RETIRING_PART));
    }
}
