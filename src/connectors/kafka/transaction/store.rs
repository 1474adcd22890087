//! The progress of a job, read from the end of its topic.

use super::super::error::contact;
use super::plan::Names;
use super::record::{ProgressRecord, RECORD_BYTES_MAX};
use super::refusal::{Use, denied};
use crate::base::{Error, ErrorKind, Result};
use crate::table::Waker;
use brooklet_kafka::consumer::{Consumer, Fetched, FetchedPartition};
use brooklet_kafka::pending::Pending;
use brooklet_kafka::wire::compression::Decompressor;
use brooklet_kafka::{
    Client, ErrorKind as KafkaErrorKind, Isolation, ListedOffset, OffsetSpec, TopicPartition,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Offsets before the end at which the last record is looked for first. A commit takes two, an aborted one as many.
const FIRST_WINDOW: i64 = 64;

/// How much further back each further look goes.
const WINDOW_FACTOR: i64 = 16;

/// How long the brokers may take to hand out records that they have said are there.
const READ_MAX: Duration = Duration::from_secs(30);

type Listed = Pending<brooklet_kafka::Result<BTreeMap<TopicPartition, ListedOffset>>>;

/// Reads the last committed record.
#[derive(Debug)]
pub(in crate::connectors::kafka) struct ReadLast {
    partition: TopicPartition,
    /// Up to where: everything, or what is decided.
    upto: Isolation,
    state: ReadState,
    until: Option<Duration>,
}

#[derive(Debug)]
enum ReadState {
    Listing { start: Listed, end: Listed, found: (Option<i64>, Option<i64>) },
    Reading { consumer: Consumer, start: i64, from: i64, end: i64, last: Option<ProgressRecord> },
}

impl ReadLast {
    /// With `ReadUncommitted` everything that was ever written is waited for: nothing of the job may be open any more.
    /// With `ReadCommitted` what is decided now counts.
    pub(in crate::connectors::kafka) fn start(
        client: &Client,
        names: &Names,
        upto: Isolation,
        waker: &Waker,
    ) -> ReadLast {
        let partition = TopicPartition::new(Arc::clone(&names.topic), 0);
        let list = |spec| {
            let pending = client.list_offsets(&[(partition.clone(), spec)], upto);
            pending.on_ready(Arc::clone(waker));
            pending
        };
        let (start, end) = (list(OffsetSpec::Earliest), list(OffsetSpec::Latest));
        let state = ReadState::Listing { start, end, found: (None, None) };
        ReadLast { partition, upto, state, until: None }
    }

    /// The record, once it is known; the inner `None` says that there is none.
    pub(in crate::connectors::kafka) fn poll(
        &mut self,
        client: &Client,
        names: &Names,
        waker: &Waker,
        now: Duration,
    ) -> Result<Option<Option<ProgressRecord>>> {
        let until = *self.until.get_or_insert(now + READ_MAX);
        let refused = |error: &brooklet_kafka::Error| {
            let error = match error.kind() {
                KafkaErrorKind::NotAuthorized => denied(error, names, Use::Read),
                _ => contact(error, client),
            };
            error.context(format!("reading the job's progress in topic '{}'", names.topic))
        };
        loop {
            match &mut self.state {
                ReadState::Listing { start, end, found } => {
                    for (pending, found) in [(&*start, &mut found.0), (&*end, &mut found.1)] {
                        if let Some(answer) = pending.try_take() {
                            let listed = answer.map_err(|error| refused(&error))?;
                            *found = listed.get(&self.partition).and_then(|listed| listed.offset);
                        }
                    }
                    let (Some(start), Some(end)) = *found else { return self.late(until, now) };
                    if end <= start {
                        return Ok(Some(None));
                    }
                    let from = start.max(end - FIRST_WINDOW);
                    let mut consumer = client.consumer(Arc::clone(waker));
                    consumer.assign(&[(self.partition.clone(), from)]);
                    self.state = ReadState::Reading { consumer, start, from, end, last: None };
                }
                ReadState::Reading { consumer, start, from, end, last } => {
                    let data = match consumer.poll() {
                        None => return self.late(until, now),
                        Some(Fetched::Failed(failed)) => {
                            // Cleaning has moved the beginning meanwhile.
                            let moved = matches!(
                                failed.error.kind(),
                                KafkaErrorKind::OffsetOutOfRange { .. }
                            );
                            if !moved {
                                return Err(refused(&failed.error));
                            }
                            *self = ReadLast {
                                until: Some(until),
                                ..ReadLast::start(client, names, self.upto, waker)
                            };
                            continue;
                        }
                        Some(Fetched::Data(data)) => data,
                    };
                    if let Some(record) = last_record(&data, names)? {
                        *last = Some(record);
                    }
                    if data.next_offset < *end {
                        continue;
                    }
                    if last.is_some() || *from <= *start {
                        return Ok(Some(last.take()));
                    }
                    // Only aborted attempts and markers so far.
                    let window = (*end - *from).saturating_mul(WINDOW_FACTOR);
                    *from = (*start).max(end.saturating_sub(window));
                    consumer.assign(&[(self.partition.clone(), *from)]);
                }
            }
        }
    }

    fn late<T>(&self, until: Duration, now: Duration) -> Result<Option<T>> {
        if now < until {
            return Ok(None);
        }
        let error = format!("topic '{}' cannot be read to its end", self.partition.topic);
        Err(Error::new(ErrorKind::External, error)
            .with_hint(
                "a transaction of another program may be open in it: only the job may write there",
            )
            .retriable())
    }

    pub(in crate::connectors::kafka) fn wake_at(&self) -> Option<Duration> {
        self.until
    }
}

/// The last record of what was fetched.
fn last_record(data: &FetchedPartition, names: &Names) -> Result<Option<ProgressRecord>> {
    let mut last = None;
    let mut decompressor = Decompressor::new();
    let mut batches = data.batches(Isolation::ReadCommitted, true);
    let place = |offset: i64| format!("the record at offset {offset} of topic '{}'", names.topic);
    while let Some(batch) = batches.next_batch(&mut decompressor) {
        let batch = batch.map_err(|error| super::super::error::translate(&error))?;
        let offset = batch.header().last_offset();
        let unreadable = |error: &dyn std::fmt::Display| {
            Error::new(ErrorKind::Data, format!("{} is damaged: {error}", place(offset)))
        };
        let slab =
            batch.records(&mut decompressor, RECORD_BYTES_MAX).map_err(|e| unreadable(&e))?;
        for record in &slab {
            let record = record.map_err(|e| unreadable(&e))?;
            if record.offset < data.fetch_offset {
                continue;
            }
            let foreign = |problem: String| {
                Error::new(
                    ErrorKind::External,
                    format!("{} is not progress of job '{}': {problem}", place(record.offset), names.job),
                )
                .with_hint("only the job may write to its progress topic; a newer version may have, or another program")
            };
            let Some(value) = record.value else { continue };
            let progress = ProgressRecord::decode(value).map_err(foreign)?;
            if progress.job != names.job {
                return Err(foreign(format!("it is of job '{}'", progress.job)));
            }
            last = Some(progress);
        }
    }
    Ok(last)
}
