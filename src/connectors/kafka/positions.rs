//! Splits and positions in the words of the job, and in those of Kafka's groups.

use crate::table::Position;
use crate::types::SplitId;
use brooklet_kafka::{CommittedOffset, TopicPartition};
use std::sync::Arc;

pub(super) fn split(partition: &TopicPartition) -> SplitId {
    SplitId { name: Arc::clone(&partition.topic), index: partition.partition }
}

pub(super) fn partition(split: &SplitId) -> TopicPartition {
    TopicPartition::new(Arc::clone(&split.name), split.index)
}

/// Without metadata. Groups have no place for the topic's id: it is in the mark.
pub(super) fn committed(position: &Position) -> CommittedOffset {
    CommittedOffset {
        leader_epoch: position.leader_epoch.unwrap_or(-1),
        ..CommittedOffset::new(position.offset)
    }
}

/// The topic's id is not known.
pub(super) fn position(committed: &CommittedOffset) -> Position {
    let leader_epoch = (committed.leader_epoch >= 0).then_some(committed.leader_epoch);
    Position { leader_epoch, ..Position::at(committed.offset) }
}
