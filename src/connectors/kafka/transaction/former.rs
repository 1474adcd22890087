//! The record from when a job that is not exactly-once now was: its positions are not in any group's marks.

use super::super::error::contact;
use super::plan::Names;
use super::record::topic_of;
use super::store::ReadLast;
use crate::base::Result;
use crate::table::{Former, FormerProgress, JobContext, Progress, Waker};
use brooklet_kafka::pending::Pending;
use brooklet_kafka::topic::TopicInfo;
use brooklet_kafka::{Client, ErrorKind, Isolation};
use std::sync::Arc;
use std::time::Duration;

/// Looks at the progress topic, which is not made where it is missing; see the module.
pub(in crate::connectors::kafka) struct FormerRecord {
    client: Client,
    names: Names,
    scans: usize,
    waker: Waker,
    work: Work,
}

/// Topics by name, each with its own result.
type Described = Vec<(String, brooklet_kafka::Result<TopicInfo>)>;

#[derive(Debug)]
enum Work {
    Describing(Pending<brooklet_kafka::Result<Described>>),
    Reading(ReadLast),
}

impl std::fmt::Debug for FormerRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FormerRecord").field("names", &self.names).finish_non_exhaustive()
    }
}

impl FormerRecord {
    /// `scans` is how many the job has.
    pub(in crate::connectors::kafka) fn new(
        client: Client,
        job: &JobContext,
        scans: usize,
        waker: Waker,
    ) -> FormerRecord {
        let names = Names {
            job: job.id.clone(),
            topic: topic_of(&job.id).into(),
            prefix: String::new(),
            id: String::new(),
            incarnation: String::new(),
            cluster: 0,
        };
        let pending = client.metadata(&[&names.topic]);
        pending.on_ready(Arc::clone(&waker));
        FormerRecord { client, names, scans, waker, work: Work::Describing(pending) }
    }
}

impl FormerProgress for FormerRecord {
    fn poll(&mut self, now: Duration) -> Result<Option<Former>> {
        let nothing = Former { epoch: 0, scans: vec![None; self.scans], caveat: None };
        loop {
            match &mut self.work {
                Work::Describing(pending) => {
                    let Some(answer) = pending.try_take() else { return Ok(None) };
                    let topic =
                        answer.map(|topics| topics.into_iter().next().map(|(_, topic)| topic));
                    match topic {
                        Ok(None) => return Ok(Some(nothing)),
                        Ok(Some(Ok(_))) => {
                            let decided = Isolation::ReadCommitted;
                            let (client, names) = (&self.client, &self.names);
                            self.work =
                                Work::Reading(ReadLast::start(client, names, decided, &self.waker));
                        }
                        // Without permission the job cannot have stored anything there.
                        Ok(Some(Err(error)))
                            if matches!(
                                error.kind(),
                                ErrorKind::UnknownTopic { .. } | ErrorKind::NotAuthorized
                            ) =>
                        {
                            return Ok(Some(nothing));
                        }
                        Ok(Some(Err(error))) | Err(error) => {
                            let what = "looking for progress of the job as an exactly-once one";
                            return Err(contact(&error, &self.client).context(what));
                        }
                    }
                }
                Work::Reading(read) => {
                    let found = read.poll(&self.client, &self.names, &self.waker, now)?;
                    let Some(found) = found else { return Ok(None) };
                    let Some(record) = found else { return Ok(Some(nothing)) };
                    // They are not gone on from, so it does not matter which scan is which.
                    let positions = record.scans.into_iter().flat_map(|scan| scan.positions);
                    let progress = Progress { epoch: record.epoch, positions: positions.collect() };
                    let progress =
                        (!record.finished && !progress.positions.is_empty()).then_some(progress);
                    return Ok(Some(Former {
                        epoch: record.epoch,
                        scans: vec![progress; self.scans],
                        caveat: None,
                    }));
                }
            }
        }
    }

    fn wake_at(&self) -> Option<Duration> {
        match &self.work {
            Work::Describing(_) => None,
            Work::Reading(read) => read.wake_at(),
        }
    }
}
