//! All groups with members, and the bounds on what they hold.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::ResponseError;

use super::classic::{Group, Join};
use super::deadlines::Deadlines;
use crate::limits::Limits;

/// The groups that have, or had, members.
#[derive(Debug)]
pub(crate) struct Members {
    by_id: BTreeMap<String, Group>,
    deadlines: Deadlines,
    groups_max: usize,
    id_bytes_max: usize,
    members_max: usize,
    bytes_max: usize,
    /// Whether a group has changed since the broker last looked.
    changed: bool,
}

impl Members {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            by_id: BTreeMap::new(),
            deadlines: Deadlines::default(),
            groups_max: limits.groups_max,
            id_bytes_max: limits.group_id_bytes_max,
            members_max: limits.group_members_max,
            bytes_max: limits.group_bytes_max,
            changed: false,
        }
    }

    /// Ids in order.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.by_id.keys().map(String::as_str)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Group> {
        self.by_id.get(id)
    }

    /// The group, to change it: requests that wait for it are looked at afterwards.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Group> {
        let found = self.by_id.get_mut(id);
        if found.is_some() {
            self.changed = true;
            self.deadlines.changed(id);
        }
        found
    }

    /// The group that a client wants to join, made if there is none.
    ///
    /// # Errors
    /// A limit of the broker does not let it in.
    pub(crate) fn admit(&mut self, id: &str, join: &Join) -> Result<&mut Group, ResponseError> {
        if id.is_empty() || id.len() > self.id_bytes_max {
            return Err(ResponseError::InvalidGroupId);
        }
        let (members, bytes) = self
            .by_id
            .values()
            .map(Group::holds)
            .fold((0, 0), |(members, bytes), held| (members + held.0, bytes + held.1));
        let is_new = !self.by_id.contains_key(id);
        if members >= self.members_max
            || bytes + join.bytes() > self.bytes_max
            || (is_new && self.by_id.len() >= self.groups_max)
        {
            return Err(ResponseError::GroupMaxSizeReached);
        }
        self.changed = true;
        self.deadlines.changed(id);
        Ok(self.by_id.entry(id.to_owned()).or_default())
    }

    /// Forgets a group without members; false while it has some.
    pub(crate) fn delete(&mut self, id: &str) -> bool {
        if self.by_id.get(id).is_some_and(|group| !group.is_empty()) {
            return false;
        }
        self.by_id.remove(id);
        self.deadlines.changed(id);
        true
    }

    /// Ends sessions and rebalances whose time is over.
    pub(crate) fn expire(&mut self, now: Duration) {
        let Self { by_id, deadlines, .. } = self;
        for id in deadlines.due(now, |id| by_id.get(id)?.deadline()) {
            if let Some(group) = by_id.get_mut(&id) {
                group.expire(now);
                self.changed = true;
            }
        }
    }

    /// When [`Self::expire`] has something to do next.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.deadlines.first(|id| self.by_id.get(id)?.deadline())
    }

    /// Whether a group changed since the last call.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }
}
