//! When groups have something to do because of time alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The deadlines of groups in their order, so that time that passes costs what is due. A group that
/// was changed is asked for its deadline when the next one is wanted.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    by_id: BTreeMap<String, Duration>,
    in_order: BTreeSet<(Duration, String)>,
    /// Groups whose deadline may be another one by now.
    changed: BTreeSet<String>,
}

impl Deadlines {
    /// A group may have another deadline from now on, or be gone.
    pub(super) fn changed(&mut self, id: &str) {
        if !self.changed.contains(id) {
            self.changed.insert(id.to_owned());
        }
    }

    /// Groups whose deadline is over at `now`; these count as changed. `of` says what it is.
    pub(super) fn due(
        &mut self,
        now: Duration,
        of: impl Fn(&str) -> Option<Duration>,
    ) -> BTreeSet<String> {
        for id in std::mem::take(&mut self.changed) {
            if let Some(before) = self.by_id.remove(&id) {
                self.in_order.remove(&(before, id.clone()));
            }
            if let Some(at) = of(&id) {
                self.by_id.insert(id.clone(), at);
                self.in_order.insert((at, id));
            }
        }
        let over = self.in_order.iter().take_while(|(at, _)| *at <= now);
        self.changed = over.map(|(_, id)| id.clone()).collect();
        self.changed.clone()
    }

    /// The first deadline of all groups.
    pub(super) fn first(&self, of: impl Fn(&str) -> Option<Duration>) -> Option<Duration> {
        let known = self.in_order.iter().find(|(_, id)| !self.changed.contains(id));
        let changed = self.changed.iter().filter_map(|id| of(id));
        known.map(|(at, _)| *at).into_iter().chain(changed).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_follow_what_changes() {
        let second = Duration::from_secs;
        let mut groups = BTreeMap::from([("a", second(3)), ("b", second(5))]);
        let mut deadlines = Deadlines::default();
        let due = |deadlines: &mut Deadlines, groups: &BTreeMap<&str, Duration>, now| {
            let due = deadlines.due(now, |id| groups.get(id).copied());
            let next = deadlines.first(|id| groups.get(id).copied());
            (due.into_iter().collect::<Vec<_>>().join(" "), next.map(|at| at.as_secs()))
        };
        deadlines.changed("a");
        deadlines.changed("b");
        assert_eq!(due(&mut deadlines, &groups, second(1)), (String::new(), Some(3)));
        groups.insert("a", second(9));
        deadlines.changed("a");
        assert_eq!(deadlines.first(|id| groups.get(id).copied()), Some(second(5)), "at once");
        assert_eq!(due(&mut deadlines, &groups, second(4)), (String::new(), Some(5)));
        assert_eq!(due(&mut deadlines, &groups, second(5)).0, "b");
        groups.remove("b");
        assert_eq!(due(&mut deadlines, &groups, second(5)), (String::new(), Some(9)));
        assert_eq!(due(&mut deadlines, &groups, second(9)).0, "a");
        groups.insert("a", second(11));
        assert_eq!(due(&mut deadlines, &groups, second(9)), (String::new(), Some(11)));
    }
}
