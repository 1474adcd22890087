//! Where a partition ends whose topic changed while it was read: the end that a bounded scan looked up at its start is
//! one of a log that is gone.

use super::offsets::Lookup;
use super::options::{Place, SourceOptions};
use crate::base::Result;
use crate::table::{OpaqueWaker, Waker};
use brooklet_kafka::consumer::StartAt;
use brooklet_kafka::error::ErrorKind;
use brooklet_kafka::{Client, TopicPartition};

/// Looks ends up anew, as `scan.bounded.mode` says; see the module.
#[derive(Debug)]
pub(super) struct Ends {
    client: Client,
    place: Place,
    group: Option<String>,
    waker: OpaqueWaker,
    looking: Vec<(TopicPartition, StartAt, Lookup)>,
}

impl Ends {
    /// `None` for a scan without end.
    pub(super) fn of(options: &SourceOptions, client: &Client, waker: &Waker) -> Option<Ends> {
        Some(Ends {
            client: client.clone(),
            place: options.bounded.clone()?,
            group: options.group.clone(),
            waker: OpaqueWaker(Waker::clone(waker)),
            looking: Vec::new(),
        })
    }

    #[cfg(test)]
    pub(super) fn at(place: Place, client: &Client) -> Ends {
        let client = client.clone();
        Ends {
            client,
            place,
            group: None,
            waker: OpaqueWaker(std::sync::Arc::new(|| ())),
            looking: Vec::new(),
        }
    }

    /// Whether `end` is still what it was when the position was lost: the log has merely moved on.
    pub(super) fn stays(end: i64, lost: &ErrorKind) -> bool {
        matches!(lost, ErrorKind::OffsetOutOfRange { latest, .. } if *latest >= end)
    }

    /// Starts looking for the end of a partition that is to be read from `start` on.
    pub(super) fn look_up(&mut self, partition: &TopicPartition, start: StartAt) {
        self.forget(partition);
        let (group, partitions) = (self.group.as_deref(), vec![partition.clone()]);
        let lookup =
            Lookup::start(&self.client, partitions, &self.place, group, None, &self.waker.0)
                .of_ends();
        self.looking.push((partition.clone(), start, lookup));
        // Offsets that are known without asking a broker wake nobody else.
        (self.waker.0)();
    }

    /// The partition is not this reader's any more.
    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        self.looking.retain(|(of, ..)| of != partition);
    }

    /// What was found since the last call: where each partition is read from, and where it ends.
    pub(super) fn found(&mut self) -> Result<Vec<(TopicPartition, StartAt, i64)>> {
        let mut found = Vec::new();
        for (partition, start, mut lookup) in std::mem::take(&mut self.looking) {
            let ends = lookup
                .poll(&self.client, &self.waker.0)
                .map_err(|error| error.context("looking up where to end"))?;
            match ends {
                None => self.looking.push((partition, start, lookup)),
                Some(ends) => {
                    let end = ends.get(&partition).copied().unwrap_or(start.offset);
                    found.push((partition, start, end));
                }
            }
        }
        Ok(found)
    }
}
