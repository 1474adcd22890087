//! Who keeps the progress of an exactly-once job: one process alone in the progress topic, or several in the group.
//!
//! The first leader of a run takes the job over ([`Takeover`](crate::connectors::kafka::transaction::Takeover)), which
//! ends a process that runs the job alone. Where the record does not say that the job is shared, the newer of the record
//! and the group's marks counts. What the leader then stores says in one transaction that the job is shared, and where the
//! group goes on; nobody is assigned anything before. A process that runs the job alone finds that record and refuses to
//! start.

use super::domain::Exact;
use crate::base::Result;
use crate::connectors::kafka::transaction::record::{ProgressRecord, Sharing};
use crate::connectors::kafka::transaction::{Ending, Transaction, seal, unsent};
use crate::table::Epoch;
use brooklet_kafka::transaction::GroupMember;
use brooklet_kafka::{CommittedOffset, TopicPartition};

/// Where the newer progress is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Newer {
    Record,
    Marks,
}

/// Compares the last record with the last epoch of the group's marks, if it has some. Epochs are counted on over both; a
/// claim of epoch 0 has come to nothing.
pub(super) fn newer(record: Option<&ProgressRecord>, marks: Option<Epoch>) -> Newer {
    match (record, marks) {
        (_, None) => Newer::Record,
        (Some(record), Some(marks)) if record.shared.is_none() && record.epoch > 0 => {
            if record.epoch >= marks { Newer::Record } else { Newer::Marks }
        }
        _ => Newer::Marks,
    }
}

/// Says that the job is shared and where its group goes on, in one transaction. It is the job's own, which a later leader
/// fences: nobody needs to be a member for it.
pub(super) fn store(
    exact: &Exact,
    transaction: &Transaction,
    epoch: Epoch,
    sharing: Sharing,
    group: &str,
    offsets: Vec<(TopicPartition, CommittedOffset)>,
    at_millis: i64,
) -> Result<Ending> {
    let record = ProgressRecord {
        job: exact.names.job.clone(),
        epoch,
        transactional_id: exact.names.id.clone(),
        incarnation: exact.names.incarnation.clone(),
        shared: Some(sharing),
        ..ProgressRecord::default()
    };
    let batch = seal(&record, at_millis)?;
    let mut groups = vec![(group.to_owned(), offsets)];
    groups.retain(|(_, offsets)| !offsets.is_empty());
    let record = Some((&exact.names.topic, batch));
    let ending = transaction.end(record, &groups, &GroupMember::default(), 1);
    ending.map_err(|error| unsent(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_place_counts() {
        let record = |epoch, finished, shared| ProgressRecord {
            epoch,
            finished,
            shared,
            ..ProgressRecord::default()
        };
        let running = |epoch| Some(record(epoch, false, None));
        for (record, marks, expected) in [
            (None, None, Newer::Record),
            (None, Some(0), Newer::Marks),
            (running(50), Some(10), Newer::Record),
            (running(50), None, Newer::Record),
            (running(10), Some(50), Newer::Marks),
            // Begun anew, or at its end.
            (Some(record(50, true, None)), Some(10), Newer::Record),
            (Some(record(10, true, None)), Some(50), Newer::Marks),
            // Claimed, and nothing else.
            (running(0), Some(0), Newer::Marks),
            // Marks count on behind a record that says so.
            (Some(record(50, false, Some(Sharing::Started))), Some(10), Newer::Marks),
            (Some(record(50, false, Some(Sharing::Empty))), None, Newer::Record),
        ] {
            assert_eq!(newer(record.as_ref(), marks), expected, "{record:?} {marks:?}");
        }
    }
}
