//! Progress of at-least-once jobs: marked offsets of a consumer group named after the job.
//!
//! Only offsets whose metadata carries this job's mark count as progress; the user's own group gets the same offsets
//! for lag tools, without being read back. Where the broker refuses the job's group, the user's group carries the
//! mark; where there is no such group, the job runs without progress and says so.

use super::error::translate;
use crate::base::Result;
use crate::table::{
    CommitDomain, DomainEvent, Epoch, JobContext, Position, Progress, Waker, Warnings,
};
use crate::types::SplitId;
use brooklet_kafka::pending::Pending;
use brooklet_kafka::{Client, CommittedOffset, ErrorKind, TopicPartition};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// First word of the mark; the rest is its form's version, the epoch, and the job.
const MARK: &str = "brooklet/1";

type Fetched = Pending<brooklet_kafka::Result<BTreeMap<TopicPartition, CommittedOffset>>>;

/// The commit domain; see the module.
pub(super) struct GroupProgress {
    client: Client,
    job: String,
    /// Groups that may carry the mark, best first.
    groups: VecDeque<String>,
    user_group: Option<String>,
    warnings: Warnings,
    waker: Waker,
    work: Work,
}

enum Work {
    None,
    Ready(DomainEvent),
    Recovering(Fetched),
    /// Reads what is stored in order to unmark it.
    Clearing(Fetched),
    Committing {
        epoch: Epoch,
        /// The job's own group first; a failure of the others is only worth a warning.
        pending: VecDeque<(String, Pending<brooklet_kafka::Result<()>>)>,
    },
}

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
        user_group: Option<String>,
        waker: Waker,
    ) -> GroupProgress {
        let mut groups = VecDeque::from([format!("brooklet.{}", job.id)]);
        groups.extend(user_group.clone());
        GroupProgress {
            client,
            job: job.id.clone(),
            groups,
            user_group,
            warnings: job.warnings.clone(),
            waker,
            work: Work::None,
        }
    }

    fn fetch(&self) -> Option<Fetched> {
        let pending = self.client.offset_fetch(self.groups.front()?, None);
        pending.on_ready(Arc::clone(&self.waker));
        Some(pending)
    }

    fn mark(&self, epoch: Epoch) -> String {
        format!("{MARK} epoch={epoch} job={}", self.job)
    }

    /// The epoch of a mark of this job.
    fn epoch_of(&self, metadata: &str) -> Option<Epoch> {
        let rest = metadata.strip_prefix(MARK)?.trim_start().strip_prefix("epoch=")?;
        let (epoch, rest) = rest.split_once(' ')?;
        (rest.strip_prefix("job=")? == self.job).then(|| epoch.parse().ok()).flatten()
    }

    fn recovered(&mut self, offsets: BTreeMap<TopicPartition, CommittedOffset>) -> DomainEvent {
        let mut progress = Progress::default();
        for (partition, committed) in offsets {
            let Some(epoch) = self.epoch_of(&committed.metadata) else { continue };
            progress.epoch = progress.epoch.max(epoch);
            let id = SplitId { name: partition.topic, index: partition.partition };
            let leader_epoch = (committed.leader_epoch >= 0).then_some(committed.leader_epoch);
            progress.positions.insert(id, Position { offset: committed.offset, leader_epoch });
        }
        let found = !progress.positions.is_empty();
        DomainEvent::Recovered(found.then_some(progress))
    }

    /// Commits positions with `metadata` to the group of the mark, and plainly to the user's group.
    fn start_commit(
        &mut self,
        epoch: Epoch,
        offsets: Vec<(TopicPartition, CommittedOffset)>,
        metadata: &str,
    ) {
        let marked: Vec<(TopicPartition, CommittedOffset)> = offsets
            .iter()
            .map(|(partition, offset)| {
                let offset = CommittedOffset { metadata: metadata.to_owned(), ..offset.clone() };
                (partition.clone(), offset)
            })
            .collect();
        let mut pending = VecDeque::new();
        if let Some(group) = self.groups.front() {
            pending.push_back((group.clone(), self.client.offset_commit(group, &marked)));
        }
        if let Some(group) =
            self.user_group.as_ref().filter(|group| self.groups.front() != Some(group))
        {
            pending.push_back((group.clone(), self.client.offset_commit(group, &offsets)));
        }
        for (_, pending) in &pending {
            pending.on_ready(Arc::clone(&self.waker));
        }
        self.work = Work::Committing { epoch, pending };
    }

    /// The first group refused: the next one carries the mark. Says whether the failure is dealt with.
    fn fall_back(&mut self, error: &brooklet_kafka::Error) -> bool {
        if !matches!(error.kind(), ErrorKind::NotAuthorized) {
            return false;
        }
        let refused = self.groups.pop_front().unwrap_or_default();
        self.warnings.say(&match self.groups.front() {
            Some(group) => {
                format!("no permission for group '{refused}': progress is kept in group '{group}'")
            }
            None => format!("no permission for group '{refused}': the job runs without progress"),
        });
        true
    }
}

fn offsets(progress: &Progress) -> Vec<(TopicPartition, CommittedOffset)> {
    progress
        .positions
        .iter()
        .map(|(id, position)| {
            let offset = CommittedOffset {
                offset: position.offset,
                leader_epoch: position.leader_epoch.unwrap_or(-1),
                metadata: String::new(),
            };
            (TopicPartition::new(Arc::clone(&id.name), id.index), offset)
        })
        .collect()
}

impl CommitDomain for GroupProgress {
    fn recover(&mut self) {
        self.work = match self.fetch() {
            Some(pending) => Work::Recovering(pending),
            None => Work::Ready(DomainEvent::Recovered(None)),
        };
    }

    fn commit(&mut self, progress: &Progress) {
        let mark = self.mark(progress.epoch);
        self.start_commit(progress.epoch, offsets(progress), &mark);
    }

    fn clear(&mut self, progress: &Progress) {
        if progress.positions.is_empty() {
            self.work = match self.fetch() {
                Some(pending) => Work::Clearing(pending),
                None => Work::Ready(DomainEvent::Committed(progress.epoch)),
            };
        } else {
            self.start_commit(progress.epoch, offsets(progress), "");
        }
    }

    fn poll(&mut self, _now: Duration) -> Result<Option<DomainEvent>> {
        loop {
            match std::mem::replace(&mut self.work, Work::None) {
                Work::None => return Ok(None),
                Work::Ready(event) => return Ok(Some(event)),
                Work::Recovering(pending) => match pending.try_take() {
                    None => {
                        self.work = Work::Recovering(pending);
                        return Ok(None);
                    }
                    Some(Ok(offsets)) => return Ok(Some(self.recovered(offsets))),
                    Some(Err(error)) if self.fall_back(&error) => self.recover(),
                    Some(Err(error)) => {
                        return Err(translate(&error).context("reading the job's progress"));
                    }
                },
                Work::Clearing(pending) => match pending.try_take() {
                    None => {
                        self.work = Work::Clearing(pending);
                        return Ok(None);
                    }
                    Some(Ok(stored)) => {
                        let marked: Vec<(TopicPartition, CommittedOffset)> = stored
                            .into_iter()
                            .filter(|(_, offset)| self.epoch_of(&offset.metadata).is_some())
                            .collect();
                        if marked.is_empty() {
                            return Ok(Some(DomainEvent::Committed(0)));
                        }
                        // Offsets of the user's group stay as they are: only the mark goes.
                        let user_group = self.user_group.take();
                        self.start_commit(0, marked, "");
                        self.user_group = user_group;
                    }
                    Some(Err(error)) if self.fall_back(&error) => {
                        self.clear(&Progress::default());
                    }
                    Some(Err(error)) => {
                        return Err(translate(&error).context("reading the job's progress"));
                    }
                },
                Work::Committing { epoch, mut pending } => {
                    let Some((group, first)) = pending.pop_front() else {
                        return Ok(Some(DomainEvent::Committed(epoch)));
                    };
                    match first.try_take() {
                        None => {
                            pending.push_front((group, first));
                            self.work = Work::Committing { epoch, pending };
                            return Ok(None);
                        }
                        Some(Ok(())) => self.work = Work::Committing { epoch, pending },
                        Some(Err(error)) => {
                            let own = self.groups.front() == Some(&group);
                            if own && !self.fall_back(&error) {
                                return Err(
                                    translate(&error).context(format!("committing epoch {epoch}"))
                                );
                            }
                            if !own {
                                self.warnings
                                    .say(&format!("cannot commit to group '{group}': {error}"));
                            }
                            self.work = Work::Committing { epoch, pending };
                        }
                    }
                }
            }
        }
    }
}
