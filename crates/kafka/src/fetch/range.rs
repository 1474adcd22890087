//! After `OFFSET_OUT_OF_RANGE`: what the log does hold, for the report.

use std::time::Duration;

use super::{EARLIEST, Fetcher, LATEST};
use crate::cluster::{Cluster, Owner, Purpose, Target};
use crate::connection::CallId;
use crate::error::{Error, ErrorKind};
use crate::topic::TopicPartition;
use crate::wire::ErrorCode;
use crate::wire::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};

/// The question for the range of a log after `OFFSET_OUT_OF_RANGE`.
#[derive(Debug)]
pub(super) struct RangeQuery {
    pub(super) partition: TopicPartition,
    generation: u64,
    offset: i64,
    earliest: Option<i64>,
    calls: Vec<(CallId, i64)>,
    latest: Option<i64>,
}

impl Fetcher {
    /// A position outside the log is reported, with the range, and never repaired silently.
    pub(super) fn ask_range(
        &mut self,
        id: i32,
        tp: &TopicPartition,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        let mut range = RangeQuery {
            partition: tp.clone(),
            generation: partition.generation,
            offset: partition.offset,
            earliest: None,
            latest: None,
            calls: Vec::new(),
        };
        // No fetch until the answers are in; the partition fails with them.
        partition.retries = partition.retries.saturating_add(1);
        partition.retry_at = now + cluster.config.request_timeout * 2;
        for timestamp in [EARLIEST, LATEST] {
            let request = ListOffsetsRequest {
                replica_id: -1,
                topics: vec![ListOffsetsTopic {
                    name: tp.topic.to_string(),
                    partitions: vec![ListOffsetsPartition {
                        partition_index: tp.partition,
                        timestamp,
                        ..ListOffsetsPartition::default()
                    }],
                }],
                ..ListOffsetsRequest::default()
            };
            let timeout = cluster.config.request_timeout;
            let call = cluster.send(
                Target::Node(id),
                Purpose::Coordination,
                request.into(),
                timeout,
                Owner::Consumer(self.id),
                now,
            );
            range.calls.push((call, timestamp));
        }
        self.ranges.push(range);
    }

    pub(super) fn range_answered(&mut self, call: CallId, response: Option<&ListOffsetsResponse>) {
        let Some(at) = self.ranges.iter().position(|r| r.calls.iter().any(|(c, _)| *c == call))
        else {
            return;
        };
        let Some(range) = self.ranges.get_mut(at) else { return };
        let offset = response
            .and_then(|response| response.topics.first())
            .and_then(|topic| topic.partitions.first())
            .filter(|partition| ErrorCode(partition.error_code).is_ok())
            .map_or(-1, |partition| partition.offset);
        for (asked, timestamp) in &range.calls {
            if *asked == call {
                match *timestamp {
                    EARLIEST => range.earliest = Some(offset),
                    _ => range.latest = Some(offset),
                }
            }
        }
        let (Some(earliest), Some(latest)) = (range.earliest, range.latest) else { return };
        let range = self.ranges.swap_remove(at);
        let current = self
            .partitions
            .get(&range.partition)
            .is_some_and(|partition| partition.generation == range.generation);
        let known = self.partitions.get(&range.partition).is_some_and(|p| p.last_epoch >= 0);
        if current && known && (earliest..=latest).contains(&range.offset) {
            // The broker knows no epoch of that time to compare with; or records came meanwhile.
            if let Some(partition) = self.partitions.get_mut(&range.partition) {
                partition.last_epoch = -1;
                partition.retry_at = Duration::ZERO;
            }
        } else if current {
            let (tp, offset) = (range.partition, range.offset);
            let kind = ErrorKind::OffsetOutOfRange { offset, earliest, latest };
            let text = format!(
                "partition {tp} has no offset {offset}: its log holds {earliest} up to, not including, {latest}"
            );
            self.fail(&tp, Error::new(kind, text).in_api("Fetch"));
        }
    }
}
