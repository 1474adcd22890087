//! After `OFFSET_OUT_OF_RANGE`: what the log does hold. Only a range that the leader told counts; until it has, the
//! partition is asked again.

use std::time::Duration;

use super::{EARLIEST, Fetcher, LATEST};
use crate::cluster::{Cluster, Owner, Purpose, Target};
use crate::connection::CallId;
use crate::error::{Error, ErrorKind};
use crate::error_table::{self, FetchAction};
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
    /// The broker that is asked.
    node: i32,
    calls: Vec<(CallId, i64)>,
    earliest: Option<i64>,
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
            node: id,
            calls: Vec::new(),
            earliest: None,
            latest: None,
        };
        // No fetch until the answers are in.
        partition.retries = partition.retries.saturating_add(1);
        partition.retry_at = now + cluster.config.request_timeout * 2;
        for timestamp in [EARLIEST, LATEST] {
            let request = ListOffsetsRequest {
                replica_id: -1,
                topics: vec![ListOffsetsTopic {
                    name: tp.topic.to_string(),
                    partitions: vec![ListOffsetsPartition {
                        partition_index: tp.partition,
                        // One that leads no longer says so.
                        current_leader_epoch: partition.leader.map_or(-1, |leader| leader.epoch),
                        timestamp,
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

    pub(super) fn range_answered(
        &mut self,
        call: CallId,
        result: Result<ListOffsetsResponse, Error>,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        let Some(at) = self.ranges.iter().position(|r| r.calls.iter().any(|(c, _)| *c == call))
        else {
            return;
        };
        let Some(range) = self.ranges.get_mut(at) else { return };
        let bound = match result {
            Ok(response) => bound(&response, &range.partition),
            Err(error) => Err(Refusal { error, action: FetchAction::Refresh }),
        };
        let bound = match bound {
            Ok(bound) => bound,
            Err(refusal) => {
                let range = self.ranges.swap_remove(at);
                return self.range_refused(range, refusal, cluster, now);
            }
        };
        let asked = range.calls.iter().find(|(asked, _)| *asked == call);
        match asked.map(|(_, timestamp)| *timestamp) {
            Some(EARLIEST) => range.earliest = Some(bound),
            _ => range.latest = Some(bound),
        }
        let (Some(earliest), Some(latest)) = (range.earliest, range.latest) else { return };
        let range = self.ranges.swap_remove(at);
        if !self.is_current(&range) {
            return;
        }
        let (tp, offset) = (range.partition, range.offset);
        let kind = ErrorKind::OffsetOutOfRange { offset, earliest, latest };
        let text = format!(
            "partition {tp} has no offset {offset}: its log holds {earliest} up to, not including, {latest}"
        );
        let error = Error::new(kind, text).in_api("Fetch");
        if !(earliest..=latest).contains(&offset) {
            return self.fail(&tp, error);
        }
        let Some(partition) = self.partitions.get_mut(&tp) else { return };
        if partition.last_epoch >= 0 {
            // The broker knows no epoch of that time to compare with.
            partition.last_epoch = -1;
            partition.retry_at = Duration::ZERO;
        } else {
            // Records came, or another leader, between the two answers.
            self.back_off(&tp, error, cluster, now);
        }
    }

    /// No answer says where the log begins or ends: the position is tried again, at its leader.
    fn range_refused(
        &mut self,
        range: RangeQuery,
        refusal: Refusal,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        if !self.is_current(&range) {
            return;
        }
        let tp = range.partition;
        let error = refusal.error.context(format_args!("partition {tp}")).in_api("ListOffsets");
        let error = error.at(&cluster.describe(range.node));
        match refusal.action {
            _ if error.is_final() => self.fail(&tp, error),
            FetchAction::Corrupt | FetchAction::Fail => self.fail(&tp, error),
            action => {
                if action == FetchAction::Refresh {
                    cluster.metadata.refresh();
                }
                self.back_off(&tp, error, cluster, now);
            }
        }
    }

    fn is_current(&self, range: &RangeQuery) -> bool {
        let partition = self.partitions.get(&range.partition);
        partition
            .is_some_and(|partition| partition.generation == range.generation && !partition.failed)
    }
}

/// Why a bound is not known.
struct Refusal {
    error: Error,
    action: FetchAction,
}

/// The bound that an answer tells.
fn bound(response: &ListOffsetsResponse, tp: &TopicPartition) -> Result<i64, Refusal> {
    let answer = response
        .topics
        .iter()
        .filter(|topic| *topic.name == *tp.topic)
        .flat_map(|topic| &topic.partitions)
        .find(|partition| partition.partition_index == tp.partition);
    let Some(answer) = answer else {
        let error = Error::timeout("the answer lacks the partition");
        return Err(Refusal { error, action: FetchAction::Retry });
    };
    let code = ErrorCode(answer.error_code);
    if !code.is_ok() {
        let error = Error::broker(code, None).lacking("DESCRIBE", &tp.topic);
        return Err(Refusal { error, action: error_table::fetch(code) });
    }
    if answer.offset < 0 {
        let error = Error::timeout("the answer tells no offset");
        return Err(Refusal { error, action: FetchAction::Retry });
    }
    Ok(answer.offset)
}
