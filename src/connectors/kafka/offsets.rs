//! Looks start and end offsets up: one request for each kind of place, answers put together per partition.

use super::error::contact;
use super::options::Place;
use crate::base::{Error, ErrorKind, Result};
use crate::table::Waker;
use brooklet_kafka::pending::Pending;
use brooklet_kafka::{
    Client, CommittedOffset, ErrorKind as KafkaErrorKind, Isolation, ListedOffset, OffsetSpec,
    TopicPartition,
};
use std::collections::BTreeMap;
use std::sync::Arc;

type Listed = Pending<brooklet_kafka::Result<BTreeMap<TopicPartition, ListedOffset>>>;
type Committed = Pending<brooklet_kafka::Result<BTreeMap<TopicPartition, CommittedOffset>>>;

/// One place of a set of partitions, under way.
#[derive(Debug)]
pub(super) struct Lookup {
    /// Of ends: nothing stands in for a committed offset there.
    ends: bool,
    partitions: Vec<TopicPartition>,
    group: Option<String>,
    reset: Option<Place>,
    listed: Option<Listed>,
    committed: Option<Committed>,
    /// It failed because there is no such topic.
    lacks_topic: bool,
    found: BTreeMap<TopicPartition, i64>,
}

impl Lookup {
    /// Starts looking up. `reset` is what partitions without a committed offset fall back to.
    pub(super) fn start(
        client: &Client,
        partitions: Vec<TopicPartition>,
        place: &Place,
        group: Option<&str>,
        reset: Option<&Place>,
        waker: &Waker,
    ) -> Lookup {
        let mut lookup = Lookup {
            ends: false,
            partitions,
            group: group.map(str::to_owned),
            reset: reset.cloned(),
            listed: None,
            committed: None,
            lacks_topic: false,
            found: BTreeMap::new(),
        };
        match place {
            Place::Group => {
                let pending =
                    client.offset_fetch(group.unwrap_or_default(), Some(&lookup.partitions));
                pending.on_ready(Arc::clone(waker));
                lookup.committed = Some(pending);
            }
            Place::Specific(offsets) => {
                for partition in &lookup.partitions {
                    if let Some(offset) = offsets.get(partition) {
                        lookup.found.insert(partition.clone(), offset);
                    }
                }
                let rest = lookup.missing();
                // Flink: partitions that are not listed start at their beginning.
                lookup.list(client, &rest, &Place::Earliest, waker);
            }
            place => {
                let all = lookup.partitions.clone();
                lookup.list(client, &all, place, waker);
            }
        }
        lookup
    }

    /// The same of where reading ends.
    pub(super) fn of_ends(self) -> Lookup {
        Lookup { ends: true, ..self }
    }

    /// The offsets, when all are known.
    pub(super) fn poll(
        &mut self,
        client: &Client,
        waker: &Waker,
    ) -> Result<Option<BTreeMap<TopicPartition, i64>>> {
        if let Some(pending) = &self.committed {
            let Some(answer) = pending.try_take() else { return Ok(None) };
            self.committed = None;
            for (partition, committed) in answer.map_err(|error| self.failed(&error, client))? {
                self.found.insert(partition, committed.offset);
            }
            let missing = self.missing();
            if let Some(first) = missing.first() {
                let Some(reset) = self.reset.clone() else {
                    return Err(self.nothing_committed(first));
                };
                self.list(client, &missing, &reset, waker);
            }
        }
        if let Some(pending) = &self.listed {
            let Some(answer) = pending.try_take() else { return Ok(None) };
            self.listed = None;
            let mut beyond = Vec::new();
            for (partition, listed) in answer.map_err(|error| self.failed(&error, client))? {
                match listed.offset {
                    Some(offset) => {
                        self.found.insert(partition, offset);
                    }
                    None => beyond.push(partition),
                }
            }
            if !beyond.is_empty() {
                // No record is that young: the end, as in Flink.
                self.list(client, &beyond, &Place::Latest, waker);
                return Ok(None);
            }
        }
        Ok(Some(std::mem::take(&mut self.found)))
    }

    /// Whether it failed because a topic does not exist.
    pub(super) fn lacks_topic(&self) -> bool {
        self.lacks_topic
    }

    fn failed(&mut self, error: &brooklet_kafka::Error, client: &Client) -> Error {
        self.lacks_topic = matches!(error.kind(), KafkaErrorKind::UnknownTopic { .. });
        contact(error, client)
    }

    fn missing(&self) -> Vec<TopicPartition> {
        self.partitions.iter().filter(|p| !self.found.contains_key(p)).cloned().collect()
    }

    fn list(
        &mut self,
        client: &Client,
        partitions: &[TopicPartition],
        place: &Place,
        waker: &Waker,
    ) {
        if partitions.is_empty() {
            return;
        }
        let spec = match place {
            Place::Latest => OffsetSpec::Latest,
            Place::Timestamp(millis) => OffsetSpec::Timestamp(*millis),
            _ => OffsetSpec::Earliest,
        };
        let wanted: Vec<(TopicPartition, OffsetSpec)> =
            partitions.iter().map(|partition| (partition.clone(), spec)).collect();
        // Ends are always the high watermark's side of what this isolation may read.
        let isolation: Isolation = client.config().isolation;
        let pending = client.list_offsets(&wanted, isolation);
        pending.on_ready(Arc::clone(waker));
        self.listed = Some(pending);
    }

    fn nothing_committed(&self, partition: &TopicPartition) -> Error {
        let group = self.group.as_deref().unwrap_or_default();
        Error::new(
            ErrorKind::External,
            format!(
                "no committed offset for topic '{}' partition {} in group '{group}'",
                partition.topic, partition.partition
            ),
        )
        .with_hint(match self.ends {
            true => "set 'scan.bounded.mode' to latest-offset",
            false => {
                "set 'properties.auto.offset.reset' to earliest or latest, or 'scan.startup.mode' to earliest-offset"
            }
        })
    }
}
