//! Incremental fetch sessions (KIP-227).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_protocol::ResponseError;
use uuid::Uuid;

use crate::limits::Limits;

/// A topic as a fetch names it: by name up to version 12, by id from version 13 (KIP-516).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TopicKey {
    Name(Arc<str>),
    Id(Uuid),
}

/// A partition as a fetch names it.
pub(crate) type PartitionKey = (TopicKey, i32);

/// What a fetch asks of one partition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) bytes_max: usize,
}

/// What the client was last told about a partition; −1 before the first answer.
#[derive(Debug, Clone, Copy)]
struct Told {
    high_watermark: i64,
    log_start: i64,
}

#[derive(Debug)]
struct Entry {
    wanted: Wanted,
    told: Told,
    turn: u64,
}

/// One session: the partitions a client fetches, in the order they are served.
#[derive(Debug)]
pub(crate) struct Session {
    entries: BTreeMap<PartitionKey, Entry>,
    turns: BTreeMap<u64, PartitionKey>,
    next_turn: u64,
    epoch: i32,
    used: Duration,
    by_id: bool,
}

impl Session {
    /// Partitions in the order of service.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = (&PartitionKey, Wanted)> {
        self.turns.values().filter_map(|key| Some((key, self.entries.get(key)?.wanted)))
    }

    /// Whether an incremental response must name the partition: something changed since the client
    /// was told, there are records, or there is an error, which is repeated until it is gone.
    pub(crate) fn tell(
        &mut self,
        key: &PartitionKey,
        bytes: usize,
        state: Result<(i64, i64), ResponseError>,
    ) -> bool {
        let Some(entry) = self.entries.get_mut(key) else { return true };
        let now = match state {
            Ok((high_watermark, log_start)) => Told { high_watermark, log_start },
            Err(_) => Told { high_watermark: -1, log_start: -1 },
        };
        let changed = state.is_err()
            || bytes > 0
            || entry.told.high_watermark != now.high_watermark
            || entry.told.log_start != now.log_start;
        entry.told = now;
        if bytes > 0 {
            // Served partitions go to the end, so that a small max.bytes starves nobody.
            self.turns.remove(&entry.turn);
            entry.turn = self.next_turn;
            self.next_turn += 1;
            self.turns.insert(entry.turn, key.clone());
        }
        changed
    }

    fn put(&mut self, key: PartitionKey, wanted: Wanted) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.wanted = wanted;
            return;
        }
        let turn = self.next_turn;
        self.next_turn += 1;
        self.turns.insert(turn, key.clone());
        let told = Told { high_watermark: -1, log_start: -1 };
        self.entries.insert(key, Entry { wanted, told, turn });
    }

    fn forget(&mut self, key: &PartitionKey) {
        if let Some(entry) = self.entries.remove(key) {
            self.turns.remove(&entry.turn);
        }
    }
}

/// The sessions of all clients.
#[derive(Debug)]
pub(crate) struct Sessions {
    by_id: BTreeMap<i32, Session>,
    partitions: usize,
    next_id: i32,
    sessions_max: usize,
    partitions_max: usize,
    idle_min: Duration,
}

impl Sessions {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            by_id: BTreeMap::new(),
            partitions: 0,
            next_id: 1,
            sessions_max: limits.fetch_sessions_max,
            partitions_max: limits.fetch_session_partitions_max,
            idle_min: limits.fetch_session_idle_min,
        }
    }

    /// Forgets all sessions. Ids go on, so that nobody's former one is another's: Kafka draws them at random.
    pub(crate) fn clear(&mut self) {
        self.by_id.clear();
        self.partitions = 0;
    }

    pub(crate) fn get_mut(&mut self, id: i32) -> Option<&mut Session> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn get(&self, id: i32) -> Option<&Session> {
        self.by_id.get(&id)
    }

    /// Opens a session, or `None` when the cache is full of sessions in use: the client then goes
    /// on with full fetches.
    pub(crate) fn create(
        &mut self,
        wanted: &[(PartitionKey, Wanted)],
        by_id: bool,
        now: Duration,
    ) -> Option<i32> {
        while self.by_id.len() >= self.sessions_max
            || self.partitions.saturating_add(wanted.len()) > self.partitions_max
        {
            let (id, session) = self.by_id.iter().min_by_key(|(id, open)| (open.used, **id))?;
            if now.saturating_sub(session.used) < self.idle_min {
                return None;
            }
            let id = *id;
            self.remove(id);
        }
        let mut session = Session {
            entries: BTreeMap::new(),
            turns: BTreeMap::new(),
            next_turn: 0,
            epoch: 1,
            used: now,
            by_id,
        };
        for (key, wanted) in wanted {
            session.put(key.clone(), *wanted);
        }
        self.partitions += session.entries.len();
        let id = self.next_id;
        // Ids run from 1 to the maximum and then again; 0 means no session.
        self.next_id = self.next_id.checked_add(1).unwrap_or(1);
        self.by_id.insert(id, session);
        Some(id)
    }

    pub(crate) fn remove(&mut self, id: i32) {
        if let Some(session) = self.by_id.remove(&id) {
            self.partitions -= session.entries.len();
        }
    }

    /// Applies an incremental request to a session.
    pub(crate) fn update(
        &mut self,
        id: i32,
        epoch: i32,
        by_id: bool,
        forgotten: &[PartitionKey],
        wanted: &[(PartitionKey, Wanted)],
        now: Duration,
    ) -> Result<(), ResponseError> {
        let session = self.by_id.get_mut(&id).ok_or(ResponseError::FetchSessionIdNotFound)?;
        if session.epoch != epoch {
            return Err(ResponseError::InvalidFetchSessionEpoch);
        }
        if session.by_id != by_id {
            return Err(ResponseError::FetchSessionTopicIdError);
        }
        let before = session.entries.len();
        for key in forgotten {
            session.forget(key);
        }
        for (key, wanted) in wanted {
            session.put(key.clone(), *wanted);
        }
        session.used = now;
        session.epoch = session.epoch.checked_add(1).unwrap_or(1);
        self.partitions = self.partitions - before + session.entries.len();
        if self.partitions > self.partitions_max {
            self.remove(id);
            return Err(ResponseError::FetchSessionIdNotFound);
        }
        Ok(())
    }
}
