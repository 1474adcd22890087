//! Committed offsets of consumer groups.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;

use crate::limits::Limits;

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: String,
}

/// Offsets of one group by topic and partition.
pub(crate) type Offsets = BTreeMap<String, BTreeMap<i32, Committed>>;

/// What groups committed. Offsets never expire.
#[derive(Debug)]
pub(crate) struct GroupOffsets {
    by_id: BTreeMap<String, Offsets>,
    /// Offsets in open transactions, by producer id, group, topic and partition.
    staged: BTreeMap<i64, BTreeMap<(String, String, i32), Committed>>,
    offsets: usize,
    groups_max: usize,
    offsets_max: usize,
    metadata_bytes_max: usize,
    id_bytes_max: usize,
}

impl GroupOffsets {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            by_id: BTreeMap::new(),
            staged: BTreeMap::new(),
            offsets: 0,
            groups_max: limits.groups_max,
            offsets_max: limits.committed_offsets_max,
            metadata_bytes_max: limits.offset_metadata_bytes_max,
            id_bytes_max: limits.group_id_bytes_max,
        }
    }

    /// Group ids in order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.by_id.keys().map(String::as_str)
    }

    /// The offsets of a group.
    pub(crate) fn get(&self, id: &str) -> Option<&Offsets> {
        self.by_id.get(id)
    }

    /// The committed offset of one partition.
    pub(crate) fn offset(&self, id: &str, topic: &str, partition: i32) -> Option<&Committed> {
        self.by_id.get(id)?.get(topic)?.get(&partition)
    }

    /// Whether a group may commit at all: known, or room for one more.
    pub(crate) fn admit(&self, id: &str) -> Result<(), ResponseError> {
        if id.len() > self.id_bytes_max {
            return Err(ResponseError::InvalidGroupId);
        }
        if !self.by_id.contains_key(id) && self.by_id.len() >= self.groups_max {
            return Err(ResponseError::GroupMaxSizeReached);
        }
        Ok(())
    }

    fn check_metadata(&self, committed: &Committed) -> Result<(), ResponseError> {
        match committed.metadata.len() > self.metadata_bytes_max {
            true => Err(ResponseError::OffsetMetadataTooLarge),
            false => Ok(()),
        }
    }

    /// Stores a commit of an admitted group.
    pub(crate) fn commit(
        &mut self,
        id: &str,
        topic: &str,
        partition: i32,
        committed: Committed,
    ) -> Result<(), ResponseError> {
        self.check_metadata(&committed)?;
        let known = self.offset(id, topic, partition).is_some();
        if !known && self.offsets >= self.offsets_max {
            return Err(ResponseError::InvalidCommitOffsetSize);
        }
        let group = self.by_id.entry(id.to_owned()).or_default();
        let replaced = group.entry(topic.to_owned()).or_default().insert(partition, committed);
        self.offsets += usize::from(replaced.is_none());
        Ok(())
    }

    /// Holds an offset back until the transaction of its producer ends.
    pub(crate) fn stage(
        &mut self,
        producer_id: i64,
        id: &str,
        topic: &str,
        partition: i32,
        committed: Committed,
    ) -> Result<(), ResponseError> {
        self.check_metadata(&committed)?;
        let staged = self.staged.entry(producer_id).or_default();
        let key = (id.to_owned(), topic.to_owned(), partition);
        if !staged.contains_key(&key) {
            if self.offsets >= self.offsets_max {
                return Err(ResponseError::InvalidCommitOffsetSize);
            }
            self.offsets += 1;
        }
        staged.insert(key, committed);
        Ok(())
    }

    /// Whether an open transaction holds an offset of this partition back (KIP-447).
    pub(crate) fn is_staged(&self, id: &str, topic: &str, partition: i32) -> bool {
        // Groups and topics are few here, transactions with offsets fewer.
        self.staged.values().any(|staged| {
            staged.keys().any(|key| key.0 == id && key.1 == topic && key.2 == partition)
        })
    }

    /// The transaction of a producer ended: its offsets become those of their groups, or nothing.
    pub(crate) fn settle(&mut self, producer_id: i64, commit: bool) {
        let Some(staged) = self.staged.remove(&producer_id) else { return };
        self.offsets -= staged.len();
        for ((id, topic, partition), committed) in staged {
            // Room was counted when they were staged; a group that is one too many by now is
            // dropped as by its expiry.
            if commit && self.admit(&id).is_ok() {
                self.commit(&id, &topic, partition, committed).ok();
            }
        }
    }

    /// Forgets one committed offset.
    pub(crate) fn forget(&mut self, id: &str, topic: &str, partition: i32) {
        let Some(group) = self.by_id.get_mut(id) else { return };
        let Some(partitions) = group.get_mut(topic) else { return };
        self.offsets -= usize::from(partitions.remove(&partition).is_some());
        if partitions.is_empty() {
            group.remove(topic);
        }
        if group.is_empty() {
            self.by_id.remove(id);
        }
    }

    /// Forgets what a group committed.
    pub(crate) fn delete(&mut self, id: &str) {
        let group = self.by_id.remove(id).unwrap_or_default();
        self.offsets -= group.values().map(BTreeMap::len).sum::<usize>();
    }

    /// Forgets what any group committed for a deleted topic.
    pub(crate) fn forget_topic(&mut self, topic: &str) {
        let offsets = &mut self.offsets;
        for staged in self.staged.values_mut() {
            let before = staged.len();
            staged.retain(|key, _| key.1 != topic);
            *offsets -= before - staged.len();
        }
        self.by_id.retain(|_, group| {
            *offsets -= group.remove(topic).map_or(0, |partitions| partitions.len());
            !group.is_empty()
        });
    }
}
