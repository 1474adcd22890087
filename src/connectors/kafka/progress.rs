//! Progress of at-least-once jobs: marked offsets of a consumer group named after the job, and after the scan where the
//! job has several.
//!
//! Only offsets whose metadata carries this job's mark count as progress; the user's own group gets the same offsets
//! for lag tools, without being read back. Where the broker refuses the job's group, the user's group carries the
//! mark; where there is no such group, the job keeps no progress and says so.

mod former;

pub(super) use self::former::FormerMarks;

use super::enumerator::may_move;
use super::error::contact;
use super::fit::{Of, Positions};
use super::mark::{GROUP_PREFIX, Mark};
use super::options::{SourceOptions, Topics};
use super::positions;
use crate::base::{Error, ErrorKind as Fault, Result};
use crate::table::{
    CommitDomain, DomainEvent, EpochEnd, Fingerprint, JobContext, JobIdentity, Position, Progress,
    Recovery, ScanName, Waker, Warnings,
};
use crate::types::SplitId;
use brooklet_kafka::pending::Pending;
use brooklet_kafka::wire::Uuid;
use brooklet_kafka::{Client, CommittedOffset, ErrorKind, TopicPartition};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

type Fetched = Pending<brooklet_kafka::Result<BTreeMap<TopicPartition, CommittedOffset>>>;

/// The commit domain; see the module.
pub(super) struct GroupProgress {
    client: Client,
    job: String,
    identity: JobIdentity,
    /// Name of the scan in marks: without spaces.
    scan: String,
    topics: Topics,
    /// Groups that may carry the mark, best first.
    groups: VecDeque<String>,
    /// Where the mark is when the job had one scan and has several now, or the other way round.
    former: String,
    user_group: Option<String>,
    /// Nothing has said yet that a look which finds nothing is not kept.
    tells_empty: bool,
    /// Why the user's group took no offsets the last time; said once.
    refused: Option<ErrorKind>,
    warnings: Warnings,
    waker: Waker,
    work: Work,
}

enum Work {
    None,
    Ready(DomainEvent),
    Recovering(Fetched),
    /// Nothing in the job's own group: looks where the mark was under another shape of the job.
    RecoveringFormer(Fetched),
    /// Stores what was found there in the job's own group, then unmarks it there.
    Moving {
        progress: Progress,
        store: Stored,
        offsets: Vec<(TopicPartition, CommittedOffset)>,
    },
    Unmarking {
        progress: Progress,
        stored: Stored,
    },
    /// Reads what is stored under either shape of the job in order to unmark it.
    Clearing {
        done: DomainEvent,
        reading: VecDeque<(String, Fetched)>,
        marked: Vec<(String, Vec<(TopicPartition, CommittedOffset)>)>,
    },
    Committing {
        done: DomainEvent,
        /// The group of the mark first; a failure of the others is only worth a warning.
        pending: VecDeque<(String, Stored)>,
        /// What is stored with the mark, should its group be refused.
        marked: Vec<(TopicPartition, CommittedOffset)>,
        /// The job is over: other topics may still carry its mark from before its script was changed.
        finished: bool,
    },
    /// The group that is to carry the mark from now on: another job may have its mark there.
    Inspecting {
        done: DomainEvent,
        reading: Fetched,
        marked: Vec<(TopicPartition, CommittedOffset)>,
    },
}

type Stored = Pending<brooklet_kafka::Result<()>>;

impl std::fmt::Debug for GroupProgress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupProgress")
            .field("job", &self.job)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

impl GroupProgress {
    pub(super) fn new(
        client: Client,
        job: &JobContext,
        scan: &ScanName,
        options: &SourceOptions,
        waker: Waker,
    ) -> GroupProgress {
        let of_job = format!("{GROUP_PREFIX}{}", job.id);
        let of_scan = format!("{of_job}.{}", scan.name);
        let (own, former) = if scan.alone { (of_job, of_scan) } else { (of_scan, of_job) };
        let mut groups = VecDeque::from([own]);
        groups.extend(options.group.clone());
        GroupProgress {
            client,
            job: job.id.clone(),
            identity: job.identity.clone(),
            scan: scan.name.replace(char::is_whitespace, "_"),
            topics: options.topics.clone(),
            groups,
            former,
            user_group: options.group.clone(),
            tells_empty: may_move(options),
            refused: None,
            warnings: job.warnings.clone(),
            waker,
            work: Work::None,
        }
    }

    fn fetch(&self, group: &str) -> Fetched {
        let pending = self.client.offset_fetch(group, None);
        pending.on_ready(Arc::clone(&self.waker));
        pending
    }

    fn store(&self, group: &str, offsets: &[(TopicPartition, CommittedOffset)]) -> Stored {
        let pending = self.client.offset_commit(group, offsets);
        pending.on_ready(Arc::clone(&self.waker));
        pending
    }

    /// The positions with the job's mark of an epoch.
    fn marked(&self, progress: &Progress) -> Vec<(TopicPartition, CommittedOffset)> {
        let mark = |position: &Position| {
            let Fingerprint { targets, statement } = &self.identity.fingerprint;
            let (topic, statement) = (position.identity.map(Uuid), *statement);
            let (epoch, scan, job) = (progress.epoch, &self.scan, &self.job);
            Mark { epoch, scan, topic, targets, statement, job }.to_string()
        };
        progress.positions.iter().map(|(id, at)| committed(id, at, mark(at))).collect()
    }

    /// The marked positions of `group`, whether the source still reads them or not, and what the last of them belong to:
    /// those of topics that are no longer read stay as they were.
    fn stored(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, CommittedOffset>,
    ) -> Result<(Progress, Fingerprint)> {
        let (mut progress, mut fingerprint) = (Progress::default(), Fingerprint::default());
        for (partition, committed) in offsets {
            let Some(mark) = Mark::parse(&committed.metadata) else { continue };
            let of_job = mark.job == self.job;
            let shared = self.user_group.as_deref() == Some(group);
            if shared && !(of_job && mark.scan == self.scan) {
                return Err(Error::new(
                    Fault::Schema,
                    format!("group '{group}' keeps the progress of another job or scan for topic '{}' partition {}",
                        partition.topic, partition.partition),
                )
                .with_hint("give each job its own 'properties.group.id', or permission for groups that begin with 'brooklet.'"));
            }
            // The group of a job of one scan carries the marks of that one, whatever its table is called by now.
            let former = group == self.former;
            if !of_job || former && mark.scan != self.scan {
                continue;
            }
            if mark.epoch >= progress.epoch {
                (progress.epoch, fingerprint) = (mark.epoch, mark.fingerprint());
            }
            let identity = mark.topic.map(|topic| topic.0);
            let position = Position { identity, ..positions::position(committed) };
            progress.positions.insert(positions::split(partition), position);
        }
        Ok((progress, fingerprint))
    }

    /// Of those the ones that the source still reads; the text says which it does not.
    fn fit(
        &self,
        positions: Positions,
        stored: &Fingerprint,
    ) -> Result<(Positions, Option<String>)> {
        let of = Of { job: &self.job, shared: false, scan: &self.scan };
        of.belongs(&self.identity, stored)?;
        of.still_read(positions, &|split| self.topics.contain(&split.name))
    }

    /// The progress in `group`.
    fn progress(
        &self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, CommittedOffset>,
    ) -> Result<Option<Progress>> {
        let (Progress { epoch, positions }, fingerprint) = self.stored(group, offsets)?;
        let (positions, line) = self.fit(positions, &fingerprint)?;
        line.into_iter().for_each(|line| self.warnings.warn(&line));
        Ok((!positions.is_empty()).then_some(Progress { epoch, positions }))
    }

    fn recovered(&mut self, offsets: &BTreeMap<TopicPartition, CommittedOffset>) -> Result<()> {
        let group = self.groups.front().cloned().unwrap_or_default();
        let progress = self.progress(&group, offsets)?;
        let shared = self.user_group.as_deref() == Some(&group);
        self.work = match progress {
            None if !shared => Work::RecoveringFormer(self.fetch(&self.former)),
            progress => Work::Ready(recovered(progress)),
        };
        Ok(())
    }

    /// Moves progress that was found under the job's former shape to where it belongs now.
    fn recovered_former(
        &mut self,
        stored: &BTreeMap<TopicPartition, CommittedOffset>,
    ) -> Result<()> {
        self.work = match self.progress(&self.former, stored)? {
            None => Work::Ready(recovered(None)),
            Some(progress) => {
                let plain = plain(&progress);
                let marked = self.marked(&progress);
                let group = self.groups.front().cloned().unwrap_or_default();
                let store = self.store(&group, &marked);
                Work::Moving { progress, store, offsets: plain }
            }
        };
        Ok(())
    }

    /// Commits positions with the mark to its group, and plainly to the user's group.
    fn start_commit(&mut self, done: DomainEvent, progress: &Progress, finished: bool) {
        let mut pending = VecDeque::new();
        let offsets = plain(progress);
        // Final positions are only for lag tools: the next start is a fresh one.
        let marked = if finished { offsets.clone() } else { self.marked(progress) };
        if let Some(group) = self.groups.front() {
            pending.push_back((group.clone(), self.store(group, &marked)));
        }
        if let Some(group) =
            self.user_group.as_ref().filter(|group| self.groups.front() != Some(group))
        {
            pending.push_back((group.clone(), self.store(group, &offsets)));
        }
        self.work = Work::Committing { done, pending, marked, finished };
    }

    /// Looks at the group that carries the mark from now on before anything is stored there.
    fn inspect(&self, done: DomainEvent, marked: Vec<(TopicPartition, CommittedOffset)>) -> Work {
        match self.groups.front().filter(|_| !marked.is_empty()) {
            Some(group) => Work::Inspecting { done, reading: self.fetch(group), marked },
            None => Work::Ready(done),
        }
    }

    /// Reads what is stored under either shape of the job in order to unmark it.
    fn clear(&self, done: DomainEvent) -> Work {
        let groups = self.groups.front().into_iter().chain([&self.former]);
        let reading = groups.map(|group| (group.clone(), self.fetch(group))).collect();
        Work::Clearing { done, reading, marked: Vec::new() }
    }

    /// The first group refused: the next one carries the mark. Says whether the failure is dealt with.
    fn fall_back(&mut self, error: &brooklet_kafka::Error) -> bool {
        if !matches!(error.kind(), ErrorKind::NotAuthorized) {
            return false;
        }
        let refused = self.groups.pop_front().unwrap_or_default();
        self.warnings.warn(&match self.groups.front() {
            Some(group) => {
                format!("no permission for group '{refused}': progress is kept in group '{group}'")
            }
            None => format!(
                "no permission for group '{refused}': the job keeps no progress, and its next start begins anew; grant \
                 READ on this group, or set a 'properties.group.id' that may be read"
            ),
        });
        true
    }
}

/// The end of a recovery: a group holds the progress of one scan.
fn recovered(progress: Option<Progress>) -> DomainEvent {
    let epoch = progress.as_ref().map_or(0, |progress| progress.epoch);
    DomainEvent::Recovered { epoch, scans: vec![progress] }
}

fn committed(
    id: &SplitId,
    position: &Position,
    metadata: String,
) -> (TopicPartition, CommittedOffset) {
    (positions::partition(id), CommittedOffset { metadata, ..positions::committed(position) })
}

/// Positions without a mark.
fn plain(progress: &Progress) -> Vec<(TopicPartition, CommittedOffset)> {
    progress.positions.iter().map(|(id, at)| committed(id, at, String::new())).collect()
}

impl CommitDomain for GroupProgress {
    fn keeps(&self) -> bool {
        !self.groups.is_empty()
    }

    fn recover(&mut self, from: Recovery) {
        self.work = match (from, self.groups.front()) {
            (Recovery::Fresh, _) => self.clear(recovered(None)),
            (_, Some(group)) => Work::Recovering(self.fetch(group)),
            (_, None) => Work::Ready(recovered(None)),
        };
    }

    fn commit(&mut self, end: &EpochEnd<'_>) {
        let done = DomainEvent::Committed(end.epoch);
        let Some(progress) = end.scans.first().filter(|_| end.store) else {
            self.work = Work::Ready(done);
            return;
        };
        if progress.positions.is_empty() {
            if !end.finished && std::mem::take(&mut self.tells_empty) {
                self.warnings.warn(&format!(
                    "nothing that '{}' reads is there yet, and a group keeps no progress of nothing: until a topic is \
                     found, another start of job '{}' begins where 'scan.startup.mode' says then",
                    self.scan, self.job
                ));
            }
            self.work = if end.finished { self.clear(done) } else { Work::Ready(done) };
            return;
        }
        self.start_commit(done, progress, end.finished);
    }

    /// What is not committed is only at the process.
    fn abort(&mut self) {
        self.work = Work::Ready(DomainEvent::Aborted);
    }

    fn poll(&mut self, _now: Duration) -> Result<Option<DomainEvent>> {
        let client = self.client.clone();
        let reading = |error: &brooklet_kafka::Error| {
            contact(error, &client).context("reading the job's progress")
        };
        loop {
            match std::mem::replace(&mut self.work, Work::None) {
                Work::None => return Ok(None),
                Work::Ready(event) => return Ok(Some(event)),
                Work::Recovering(pending) => match pending.try_take() {
                    None => {
                        self.work = Work::Recovering(pending);
                        return Ok(None);
                    }
                    Some(Ok(offsets)) => self.recovered(&offsets)?,
                    Some(Err(error)) if self.fall_back(&error) => {
                        self.recover(Recovery::Stored);
                    }
                    Some(Err(error)) => return Err(reading(&error)),
                },
                Work::RecoveringFormer(pending) => match pending.try_take() {
                    None => {
                        self.work = Work::RecoveringFormer(pending);
                        return Ok(None);
                    }
                    Some(Ok(offsets)) => self.recovered_former(&offsets)?,
                    // Without permission the job cannot have stored anything there.
                    Some(Err(error)) if matches!(error.kind(), ErrorKind::NotAuthorized) => {
                        return Ok(Some(recovered(None)));
                    }
                    Some(Err(error)) => return Err(reading(&error)),
                },
                Work::Moving { progress, store, offsets } => match store.try_take() {
                    None => {
                        self.work = Work::Moving { progress, store, offsets };
                        return Ok(None);
                    }
                    Some(Ok(())) => {
                        let stored = self.store(&self.former, &offsets);
                        self.work = Work::Unmarking { progress, stored };
                    }
                    Some(Err(error)) => return Err(reading(&error)),
                },
                Work::Unmarking { progress, stored } => match stored.try_take() {
                    None => {
                        self.work = Work::Unmarking { progress, stored };
                        return Ok(None);
                    }
                    Some(Ok(())) => return Ok(Some(recovered(Some(progress)))),
                    Some(Err(error)) => return Err(reading(&error)),
                },
                Work::Clearing { done, reading: mut left, mut marked } => {
                    let Some((group, pending)) = left.pop_front() else {
                        // Offsets of the user's group stay as they are: only the mark goes.
                        type Offsets = Vec<(TopicPartition, CommittedOffset)>;
                        let store = |(group, mut offsets): (String, Offsets)| {
                            offsets.iter_mut().for_each(|(_, offset)| offset.metadata.clear());
                            let stored = self.store(&group, &offsets);
                            (group, stored)
                        };
                        let pending = marked.into_iter().map(store).collect();
                        self.work =
                            Work::Committing { done, pending, marked: Vec::new(), finished: false };
                        continue;
                    };
                    match pending.try_take() {
                        None => {
                            left.push_front((group, pending));
                            self.work = Work::Clearing { done, reading: left, marked };
                            return Ok(None);
                        }
                        Some(Ok(mut stored)) => {
                            stored.retain(|_, offset| {
                                Mark::parse(&offset.metadata).is_some_and(|mark| {
                                    mark.job == self.job
                                        && (group != self.former || mark.scan == self.scan)
                                })
                            });
                            if !stored.is_empty() {
                                marked.push((group, stored.into_iter().collect()));
                            }
                            self.work = Work::Clearing { done, reading: left, marked };
                        }
                        Some(Err(error)) if group == self.former => {
                            // Without permission the job cannot have stored anything there.
                            if !matches!(error.kind(), ErrorKind::NotAuthorized) {
                                return Err(reading(&error));
                            }
                            self.work = Work::Clearing { done, reading: left, marked };
                        }
                        Some(Err(error)) if self.fall_back(&error) => {
                            self.work = self.clear(done);
                        }
                        Some(Err(error)) => return Err(reading(&error)),
                    }
                }
                Work::Inspecting { done, reading: pending, marked } => match pending.try_take() {
                    None => {
                        self.work = Work::Inspecting { done, reading: pending, marked };
                        return Ok(None);
                    }
                    Some(Ok(stored)) => {
                        let group = self.groups.front().cloned().unwrap_or_default();
                        // An error if the group is another job's.
                        self.stored(&group, &stored)?;
                        let store = self.store(&group, &marked);
                        let pending = VecDeque::from([(group, store)]);
                        self.work = Work::Committing { done, pending, marked, finished: false };
                    }
                    Some(Err(error)) if self.fall_back(&error) => {
                        self.work = self.inspect(done, marked);
                    }
                    Some(Err(error)) => return Err(reading(&error)),
                },
                Work::Committing { done, mut pending, marked, finished } => {
                    let Some((group, first)) = pending.pop_front() else {
                        if finished {
                            self.work = self.clear(done);
                            continue;
                        }
                        return Ok(Some(done));
                    };
                    match first.try_take() {
                        None => {
                            pending.push_front((group, first));
                            self.work = Work::Committing { done, pending, marked, finished };
                            return Ok(None);
                        }
                        Some(Ok(())) => {
                            if self.groups.front() != Some(&group) {
                                self.refused = None;
                            }
                            self.work = Work::Committing { done, pending, marked, finished };
                        }
                        Some(Err(error)) if self.groups.front() != Some(&group) => {
                            if self.refused.replace(error.kind().clone())
                                != Some(error.kind().clone())
                            {
                                self.warnings
                                    .warn(&format!("cannot commit to group '{group}': {error}"));
                            }
                            self.work = Work::Committing { done, pending, marked, finished };
                        }
                        // Nothing counts as stored before the mark is.
                        Some(Err(error)) if self.fall_back(&error) => {
                            self.work = self.inspect(done, marked);
                        }
                        Some(Err(error)) => {
                            return Err(contact(&error, &self.client).context(match done {
                                DomainEvent::Committed(epoch) => {
                                    format!("committing epoch {epoch}")
                                }
                                _ => "forgetting the job's progress".to_owned(),
                            }));
                        }
                    }
                }
            }
        }
    }
}
