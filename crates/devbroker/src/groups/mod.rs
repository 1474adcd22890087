//! Consumer groups: the offsets they committed, and the members of those that have any.

mod classic;
mod consumer;
mod deadlines;
mod members;
mod offsets;
mod pattern;

pub(crate) use classic::{Group, Identity, Join, Phase, Turn};
pub(crate) use consumer::{Consumers, Heartbeat, Partitions, Told};
pub(crate) use members::Members;
pub(crate) use offsets::Committed;

use std::time::Duration;

use kafka_protocol::ResponseError;

use crate::limits::Limits;

/// The groups of the broker.
#[derive(Debug)]
pub(crate) struct Groups {
    pub(crate) offsets: offsets::GroupOffsets,
    /// With members of the classic protocol.
    pub(crate) members: Members,
    /// With members of the consumer protocol.
    pub(crate) consumers: Consumers,
}

impl Groups {
    /// `session_timeout` is that of the consumer protocol.
    pub(crate) fn new(limits: &Limits, session_timeout: Duration) -> Self {
        Self {
            offsets: offsets::GroupOffsets::new(limits),
            members: Members::new(limits),
            consumers: Consumers::new(limits, session_timeout),
        }
    }

    /// Group ids in order: with members, with offsets, or both.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        let mut ids: Vec<&str> =
            self.offsets.ids().chain(self.members.ids()).chain(self.consumers.ids()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter()
    }

    /// Whether there is such a group.
    pub(crate) fn exists(&self, id: &str) -> bool {
        self.offsets.get(id).is_some()
            || self.members.get(id).is_some()
            || self.consumers.size(id).is_some()
    }

    /// Forgets the members' side of a group; false while it has members.
    pub(crate) fn disband(&mut self, id: &str) -> bool {
        self.members.delete(id) && self.consumers.delete(id)
    }

    /// Whether this member, or a client without membership, may commit offsets (Kafka's
    /// `ClassicGroup.validateOffsetCommit`): while a group has members, others may in a transaction only.
    pub(crate) fn may_commit(
        &mut self,
        id: &str,
        who: &Identity<'_>,
        generation: i32,
        in_transaction: bool,
        now: Duration,
    ) -> Result<(), ResponseError> {
        self.offsets.admit(id)?;
        let has_offsets = self.offsets.get(id).is_some();
        if let Some(answer) = self.consumers.may_commit(id, who, generation, in_transaction) {
            return answer;
        }
        let anonymous = generation < 0 && who.member.is_empty() && who.instance.is_none();
        match self.members.get_mut(id) {
            None if generation < 0 => Ok(()),
            None if has_offsets => Err(ResponseError::UnknownMemberId),
            None => Err(ResponseError::IllegalGeneration),
            Some(group) if generation < 0 && group.is_empty() => Ok(()),
            Some(_) if anonymous && in_transaction => Ok(()),
            Some(group) => group.may_commit(who, generation, in_transaction, now),
        }
    }
}
