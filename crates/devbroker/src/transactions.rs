//! The transaction coordinator: transactional ids, producer epochs, time-outs.
//!
//! States and answers follow `TransactionCoordinator` and `TransactionMetadata` of Apache Kafka
//! 4.3 (KIP-98, KIP-360, KIP-890). A decision is stored and answered before its markers are written:
//! at once, or after [`Config::marker_delay`](crate::Config::marker_delay).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kafka_protocol::ResponseError;

use crate::limits::Limits;

/// Where a transactional id stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Empty,
    Ongoing,
    /// Decided, and answered so; markers are still to be written.
    PrepareCommit,
    PrepareAbort,
    CompleteCommit,
    CompleteAbort,
}

impl State {
    pub(crate) const ALL: [Self; 6] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
    ];

    /// Kafka's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }

    /// Whether markers are still to be written: the producer has to wait.
    pub(crate) const fn is_prepared(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }

    /// Whether a transaction holds readers of committed data back.
    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Self::Ongoing) || self.is_prepared()
    }
}

/// States of Kafka that cannot be seen here, but are no unknown names.
pub(crate) const UNSEEN_STATES: [&str; 2] = ["Dead", "PrepareEpochFence"];

/// Producer id and epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
}

/// One transactional id.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) identity: Identity,
    /// The epoch before the last bump by `InitProducerId`, for a repeated request; −1 if none.
    last_epoch: i16,
    /// The producer id before it was exchanged at the end of its epochs; −1 if none.
    previous_id: i64,
    pub(crate) timeout: Duration,
    pub(crate) state: State,
    /// Whether the newest transaction ended by the rules of version 2.
    bumped_at_end: bool,
    pub(crate) partitions: BTreeSet<(String, i32)>,
    pub(crate) groups: BTreeSet<String>,
    pub(crate) started_at: Duration,
    touched_at: Duration,
}

impl Transaction {
    fn deadline(&self) -> Duration {
        self.started_at.saturating_add(self.timeout)
    }

    fn weight(&self) -> usize {
        self.partitions.len() + self.groups.len()
    }
}

/// What the markers of a decided transaction say.
#[derive(Debug, Clone, Copy)]
struct Decided {
    marker: Identity,
    /// Whose offsets the groups hold back.
    writer: i64,
}

/// A transaction that is complete: markers with this identity go to the partitions, and what the
/// groups got is kept or dropped.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) marker: Identity,
    /// Whose offsets the groups hold back.
    pub(crate) writer: i64,
    pub(crate) commit: bool,
    pub(crate) partitions: BTreeSet<(String, i32)>,
}

/// All transactional ids. What they hold is bounded by [`Limits`].
#[derive(Debug)]
pub(crate) struct Transactions {
    by_id: BTreeMap<String, Transaction>,
    deadlines: BTreeSet<(Duration, String)>,
    /// Transactions without markers, by the time at which these are written.
    decided: BTreeMap<(Duration, String), Decided>,
    marker_delay: Duration,
    /// Partitions and groups over all open transactions.
    members: usize,
    ids_max: usize,
    members_max: usize,
    id_bytes_max: usize,
    epoch_max: i16,
}

impl Transactions {
    pub(crate) fn new(limits: &Limits, epoch_max: i16, marker_delay: Duration) -> Self {
        Self {
            by_id: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            decided: BTreeMap::new(),
            marker_delay,
            members: 0,
            ids_max: limits.transactional_ids_max,
            members_max: limits.transaction_members_max,
            id_bytes_max: limits.transactional_id_bytes_max,
            epoch_max,
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Transaction> {
        self.by_id.get(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Transaction)> {
        self.by_id.iter().map(|(id, transaction)| (id.as_str(), transaction))
    }

    /// When the first open transaction times out, or markers are to be written.
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let times_out = self.deadlines.first().map(|(at, _)| *at);
        let marks = self.decided.first_key_value().map(|((at, _), _)| *at);
        times_out.into_iter().chain(marks).min()
    }

    /// Markers of what is decided from now on are written so much later.
    pub(crate) fn delay_markers(&mut self, by: Duration) {
        self.marker_delay = by;
    }

    /// The coordinator has loaded what it knows again at `now`: it begins anew with the markers
    /// that are still to be written.
    pub(crate) fn reload(&mut self, now: Duration) {
        let due = now.saturating_add(self.marker_delay);
        let decided = std::mem::take(&mut self.decided);
        self.decided = decided.into_iter().map(|((_, id), of)| ((due, id), of)).collect();
    }

    /// A new or repeated start of a producer. `expected` is what a producer that goes on after an
    /// error says it has (KIP-360). CONCURRENT_TRANSACTIONS: a transaction was open and ends now, or
    /// waits for its markers; the client has to ask again.
    pub(crate) fn init(
        &mut self,
        id: &str,
        timeout: Duration,
        expected: Option<Identity>,
        next_producer_id: &mut i64,
        now: Duration,
    ) -> Result<Identity, ResponseError> {
        if id.is_empty() || id.len() > self.id_bytes_max {
            return Err(ResponseError::InvalidRequest);
        }
        if !self.by_id.contains_key(id) {
            self.make_room()?;
            let new = Transaction {
                identity: Identity { id: take(next_producer_id), epoch: -1 },
                last_epoch: -1,
                previous_id: -1,
                timeout,
                state: State::Empty,
                bumped_at_end: false,
                partitions: BTreeSet::new(),
                groups: BTreeSet::new(),
                started_at: Duration::ZERO,
                touched_at: now,
            };
            self.by_id.insert(id.to_owned(), new);
        }
        let epoch_max = self.epoch_max;
        let known = self.by_id.get_mut(id).ok_or(ResponseError::InvalidRequest)?;
        if known.state.is_prepared() {
            return Err(ResponseError::ConcurrentTransactions);
        }
        if let Some(expected) = expected {
            let same_id = expected.id == known.identity.id
                && (expected.epoch == known.identity.epoch || expected.epoch == known.last_epoch);
            // After an exchange of the producer id, a repeated request still has the old one.
            let exchanged = expected.id == known.previous_id;
            if !(same_id || exchanged || known.identity.epoch == -1) {
                return Err(ResponseError::ProducerFenced);
            }
        }
        if known.state == State::Ongoing {
            self.fence(id, now);
            return Err(ResponseError::ConcurrentTransactions);
        }
        known.timeout = timeout;
        known.touched_at = now;
        let current = known.identity;
        let repeated = expected.is_some_and(|expected| {
            current.epoch != -1
                && ((expected.id == current.id
                    && expected.epoch == known.last_epoch
                    && expected.epoch != current.epoch)
                    || (expected.id == known.previous_id && expected.id != current.id))
        });
        if !repeated {
            if current.epoch >= epoch_max - 1 {
                known.previous_id = current.id;
                known.identity = Identity { id: take(next_producer_id), epoch: 0 };
                known.last_epoch = -1;
            } else {
                known.last_epoch = if expected.is_some() { current.epoch } else { -1 };
                known.identity.epoch = current.epoch + 1;
            }
            known.state = State::Empty;
            known.bumped_at_end = false;
        }
        Ok(known.identity)
    }

    /// Takes the least recently used id away that has no open transaction.
    fn make_room(&mut self) -> Result<(), ResponseError> {
        if self.by_id.len() < self.ids_max {
            return Ok(());
        }
        let idle = self.by_id.iter().filter(|(_, known)| !known.state.is_open());
        let oldest = idle.min_by_key(|(_, known)| known.touched_at).map(|(id, _)| id.clone());
        self.by_id.remove(&oldest.ok_or(ResponseError::PolicyViolation)?);
        Ok(())
    }

    fn check(&mut self, id: &str, from: Identity) -> Result<&mut Transaction, ResponseError> {
        let known = self.by_id.get_mut(id).ok_or(ResponseError::InvalidProducerIdMapping)?;
        if known.identity.id != from.id {
            return Err(ResponseError::InvalidProducerIdMapping);
        }
        if known.identity.epoch != from.epoch {
            return Err(ResponseError::ProducerFenced);
        }
        Ok(known)
    }

    /// Adds partitions and groups to the transaction of `id`, and opens one if there is none.
    pub(crate) fn add(
        &mut self,
        id: &str,
        from: Identity,
        partitions: impl IntoIterator<Item = (String, i32)>,
        group: Option<&str>,
        now: Duration,
    ) -> Result<(), ResponseError> {
        let (members, members_max) = (self.members, self.members_max);
        // First: over an exchange of the producer id the client may have the next one already.
        if self.by_id.get(id).is_some_and(|known| known.state.is_prepared()) {
            return Err(ResponseError::ConcurrentTransactions);
        }
        let known = self.check(id, from)?;
        let before = known.weight();
        // Bounded before anything is stored: a request holds few enough elements to collect.
        let new: Vec<(String, i32)> = partitions
            .into_iter()
            .filter(|partition| !known.partitions.contains(partition))
            .collect();
        if members.saturating_add(new.len() + 1) > members_max {
            return Err(ResponseError::PolicyViolation);
        }
        known.partitions.extend(new);
        if let Some(group) = group.filter(|group| !known.groups.contains(*group)) {
            known.groups.insert(group.to_owned());
        }
        let added = known.weight() - before;
        known.touched_at = now;
        if known.state != State::Ongoing {
            known.state = State::Ongoing;
            known.started_at = now;
            let deadline = known.deadline();
            self.deadlines.insert((deadline, id.to_owned()));
        }
        self.members += added;
        Ok(())
    }

    /// Whether a partition, or a group, belongs to the open transaction of `id` (KIP-890 part 1).
    pub(crate) fn verify(
        &mut self,
        id: &str,
        from: Identity,
        partition: Option<(&str, i32)>,
        group: Option<&str>,
    ) -> Result<(), ResponseError> {
        let known = self.check(id, from)?;
        let has_partition = partition
            .is_none_or(|(topic, index)| known.partitions.contains(&(topic.to_owned(), index)));
        let has_group = group.is_none_or(|group| known.groups.contains(group));
        if known.state.is_prepared() {
            return Err(ResponseError::ConcurrentTransactions);
        }
        if known.state == State::Ongoing && has_partition && has_group {
            Ok(())
        } else {
            Err(ResponseError::TransactionAbortable)
        }
    }

    /// Commits or aborts. `v2`: by the rules of transactions of version 2, where every end moves
    /// the epoch and an end without members is allowed when it aborts (KIP-890 part 2). The identity
    /// is for the next transaction.
    pub(crate) fn end(
        &mut self,
        id: &str,
        from: Identity,
        commit: bool,
        v2: bool,
        next_producer_id: &mut i64,
        now: Duration,
    ) -> Result<Identity, ResponseError> {
        let epoch_max = self.epoch_max;
        let known = self.by_id.get_mut(id).ok_or(ResponseError::InvalidProducerIdMapping)?;
        let current = known.identity;
        let overflowed = known.bumped_at_end
            && known.previous_id == from.id
            && from.epoch >= epoch_max - 1
            && current.epoch == 0;
        if current.id != from.id && !(v2 && overflowed) {
            return Err(ResponseError::InvalidProducerIdMapping);
        }
        let repeated = v2
            && (overflowed
                || (current.id == from.id && from.epoch.checked_add(1) == Some(current.epoch)));
        if from.epoch != current.epoch && !repeated {
            return Err(ResponseError::ProducerFenced);
        }
        match known.state {
            // A resent end must not end the transaction that came after it.
            State::Ongoing if repeated => return Err(ResponseError::ProducerFenced),
            State::Ongoing => {}
            state if state.is_prepared() && v2 && !repeated => {
                return Err(ResponseError::ProducerFenced);
            }
            state if state.is_prepared() => return Err(ResponseError::ConcurrentTransactions),
            State::CompleteCommit if commit && (repeated || !v2) => return Ok(current),
            State::CompleteAbort if !commit && (repeated || !v2) => return Ok(current),
            _ if v2 && !commit && !repeated => {}
            _ => return Err(ResponseError::InvalidTxnState),
        }
        known.touched_at = now;
        known.bumped_at_end = v2;
        let mut marker = current;
        if v2 {
            marker.epoch = current.epoch.saturating_add(1);
            if current.epoch >= epoch_max - 1 {
                known.previous_id = current.id;
                known.identity = Identity { id: take(next_producer_id), epoch: 0 };
            } else {
                known.previous_id = -1;
                known.identity.epoch = marker.epoch;
            }
            known.last_epoch = -1;
        }
        let next = known.identity;
        self.decide(id, Decided { marker, writer: current.id }, commit, now);
        Ok(next)
    }

    /// Aborts the transactions whose time is over at `now`.
    pub(crate) fn expire(&mut self, now: Duration) {
        while let Some((_, id)) = self.deadlines.first().filter(|(at, _)| *at <= now).cloned() {
            self.fence(&id, now);
        }
    }

    /// The next transaction whose markers are to be written at `now`.
    pub(crate) fn complete(&mut self, now: Duration) -> Option<Ending> {
        let entry = self.decided.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((_, id), Decided { marker, writer }) = entry.remove_entry();
        let known = self.by_id.get_mut(&id)?;
        self.members -= known.weight();
        known.groups.clear();
        let partitions = std::mem::take(&mut known.partitions);
        let commit = known.state == State::PrepareCommit;
        known.state = if commit { State::CompleteCommit } else { State::CompleteAbort };
        Some(Ending { marker, writer, commit, partitions })
    }

    /// Aborts the open transaction with a newer epoch, so that its producer is locked out.
    fn fence(&mut self, id: &str, now: Duration) {
        let Some(known) = self.by_id.get_mut(id) else { return };
        known.identity.epoch = known.identity.epoch.saturating_add(1);
        known.last_epoch = -1;
        known.bumped_at_end = false;
        let marker = known.identity;
        self.decide(id, Decided { marker, writer: marker.id }, false, now);
    }

    fn decide(&mut self, id: &str, decided: Decided, commit: bool, now: Duration) {
        let Some(known) = self.by_id.get_mut(id) else { return };
        self.deadlines.remove(&(known.deadline(), id.to_owned()));
        known.state = if commit { State::PrepareCommit } else { State::PrepareAbort };
        self.decided.insert((now.saturating_add(self.marker_delay), id.to_owned()), decided);
    }
}

fn take(next: &mut i64) -> i64 {
    let id = *next;
    *next += 1;
    id
}

#[cfg(test)]
mod tests;
