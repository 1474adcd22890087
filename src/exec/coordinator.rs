//! The coordinator of a job: splits, epochs, progress, the end.
//!
//! ```text
//! Recovering ── all domains answered ──▶ Discovering ── first splits ──▶ Running ──▶ Ending ──▶ ended
//!                                            (volatile starts stored before reading)
//! ```
//! Epoch N: barrier to every worker → positions and acknowledged output of every worker → every domain commits →
//! acknowledge to the readers. One epoch at a time. An epoch in which no position moved stores nothing, unless what is
//! stored was not written for so long that it could expire.

use super::control::JobControl;
use super::job::JobEnd;
use super::message::{Command, Mailbox, Positions, Report};
use super::worker::Step;
use crate::base::limits::PROGRESS_REFRESH;
use crate::base::{Error, Result};
use crate::table::{CommitDomain, Discovered, DomainEvent, Enumerator, Epoch, Position, Progress};
use crate::types::SplitId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What the coordinator wants from its runner.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Step again as this says.
    Step(Step),
    /// The first splits are known: start this many workers' worth of splits.
    StartWorkers {
        /// Splits of all scans.
        splits: usize,
    },
    /// The job ended well.
    Ended(JobEnd),
}

/// One scan as the coordinator sees it.
#[derive(Debug)]
pub(super) struct CoordinatedScan {
    pub(super) name: String,
    pub(super) enumerator: Box<dyn Enumerator>,
    pub(super) domain: Option<Box<dyn CommitDomain>>,
}

#[derive(Debug)]
struct ScanState {
    name: String,
    enumerator: Box<dyn Enumerator>,
    domain: Option<Box<dyn CommitDomain>>,
    /// Latest known position of every split, from its start or the last barrier.
    positions: BTreeMap<SplitId, Position>,
    /// What the domain holds.
    stored: BTreeMap<SplitId, Position>,
    /// When this attempt last stored progress; what an earlier one stored may be of any age.
    committed_at: Option<Duration>,
    recovered: bool,
    /// Where to go on if the domain turns out to hold nothing newer.
    known: Option<Progress>,
    discovered: bool,
    complete: bool,
    open: usize,
    committing: bool,
}

/// Where a restarted attempt goes on.
#[derive(Clone, Debug)]
pub(super) struct Resume {
    /// One entry per scan: the last completed epoch.
    pub(super) progress: Vec<Progress>,
    /// The attempt before ended while it was committing: the domains may hold a later epoch.
    pub(super) unsure: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Recovering,
    Discovering,
    /// Waits for the store of volatile starts, or for the workers to exist.
    Starting,
    Running,
    Finished(JobEnd),
}

#[derive(Debug)]
struct OpenEpoch {
    epoch: Epoch,
    /// Workers whose barrier has not fallen.
    barriers: usize,
    /// Workers whose output is not acknowledged.
    flushes: usize,
    last: Option<JobEnd>,
    committing: bool,
    opened_at: Duration,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Coordinator {
    scans: Vec<ScanState>,
    workers: Vec<Arc<Mailbox<Command>>>,
    reports: Arc<Mailbox<Report>>,
    control: JobControl,
    interval: Duration,
    phase: Phase,
    waiting: Vec<(usize, Vec<crate::table::Split>)>,
    epoch: Epoch,
    open: Option<OpenEpoch>,
    next_epoch_at: Duration,
    next_worker: usize,
    satisfied: usize,
    /// Epochs completed since the start, to tell a job that makes progress from one that restarts in vain.
    pub(super) completed: u64,
    pub(super) notes: Vec<String>,
    /// The epoch that completed since the last look, and how long it took.
    pub(super) closed: Option<(Epoch, Duration)>,
}

impl Coordinator {
    /// `resume` replaces what the domains hold when restarting in process; where a commit was under way they are asked
    /// whether it came through, so that what it covered is not written again.
    pub(super) fn new(
        scans: Vec<CoordinatedScan>,
        reports: Arc<Mailbox<Report>>,
        control: JobControl,
        interval: Duration,
        resume: Option<&Resume>,
        fresh: bool,
    ) -> Result<Coordinator> {
        let mut coordinator = Coordinator {
            scans: scans.into_iter().map(ScanState::new).collect(),
            workers: Vec::new(),
            reports,
            control,
            interval,
            phase: Phase::Recovering,
            waiting: Vec::new(),
            epoch: 0,
            open: None,
            next_epoch_at: Duration::ZERO,
            next_worker: 0,
            satisfied: 0,
            completed: 0,
            notes: Vec::new(),
            closed: None,
        };
        for (index, scan) in coordinator.scans.iter_mut().enumerate() {
            let known = resume.and_then(|resume| resume.progress.get(index));
            let unsure = resume.is_some_and(|resume| resume.unsure) && scan.domain.is_some();
            if let Some(progress) = known.filter(|_| !unsure) {
                coordinator.epoch = coordinator.epoch.max(progress.epoch);
                scan.resume(progress.clone())?;
            } else if let Some(domain) = &mut scan.domain {
                scan.known = known.cloned();
                if fresh && known.is_none() {
                    domain.clear(&Progress::default());
                    scan.committing = true;
                } else {
                    domain.recover();
                }
            } else {
                scan.enumerator.start(None)?;
                scan.recovered = true;
            }
        }
        Ok(coordinator)
    }

    /// The workers exist: hands out the splits found so far.
    pub(super) fn workers_started(&mut self, workers: Vec<Arc<Mailbox<Command>>>, now: Duration) {
        self.workers = workers;
        self.next_epoch_at = now + self.interval;
    }

    /// Where the next attempt goes on.
    pub(super) fn resume(&self) -> Resume {
        let of = |scan: &ScanState| Progress { epoch: self.epoch, positions: scan.stored.clone() };
        Resume {
            progress: self.scans.iter().map(of).collect(),
            unsure: self.open.as_ref().is_some_and(|open| open.committing),
        }
    }

    pub(super) fn step(&mut self, now: Duration) -> Result<Outcome> {
        let mut busy = false;
        while let Some(report) = self.reports.take() {
            busy = true;
            self.report(report)?;
        }
        for index in 0..self.scans.len() {
            busy |= self.poll_domain(index, now)?;
            busy |= self.poll_enumerator(index, now)?;
        }
        match self.phase {
            Phase::Finished(end) => return Ok(Outcome::Ended(end)),
            Phase::Recovering if self.scans.iter().all(|scan| scan.recovered) => {
                self.phase = Phase::Discovering;
            }
            Phase::Discovering if self.scans.iter().all(|scan| scan.discovered) => {
                self.phase = Phase::Starting;
                let splits = self.waiting.iter().map(|(_, splits)| splits.len()).sum();
                return Ok(Outcome::StartWorkers { splits });
            }
            Phase::Recovering | Phase::Discovering if self.control.is_draining() => {
                return Ok(Outcome::Ended(JobEnd::Drained));
            }
            Phase::Starting if !self.scans.iter().any(|scan| scan.committing) => {
                self.phase = Phase::Running;
                for (scan, splits) in std::mem::take(&mut self.waiting) {
                    self.assign(scan, splits);
                }
            }
            Phase::Running => busy |= self.drive_epoch(now),
            _ if busy => {}
            _ => return Ok(Outcome::Step(Step::Idle(self.deadline(now)))),
        }
        Ok(Outcome::Step(if busy { Step::Busy } else { Step::Idle(self.deadline(now)) }))
    }

    fn deadline(&self, _now: Duration) -> Option<Duration> {
        let enumerators =
            self.scans.iter().filter_map(|scan| scan.enumerator.next_deadline()).min();
        let epoch =
            (self.phase == Phase::Running && self.open.is_none()).then_some(self.next_epoch_at);
        match (enumerators, epoch) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn report(&mut self, report: Report) -> Result<()> {
        match report {
            Report::Failed { error } => return Err(error),
            Report::Satisfied => self.satisfied += 1,
            Report::Ended { scan } => {
                if let Some(scan) = self.scans.get_mut(scan) {
                    scan.open = scan.open.saturating_sub(1);
                }
            }
            Report::Barrier { epoch, positions } => {
                let Some(open) = self.open.as_mut().filter(|open| open.epoch == epoch) else {
                    return Ok(());
                };
                open.barriers = open.barriers.saturating_sub(1);
                for (scan, positions) in self.scans.iter_mut().zip(positions) {
                    for (split, position) in positions {
                        scan.positions.insert((*split).clone(), position);
                    }
                }
            }
            Report::Flushed { epoch } => {
                if let Some(open) = self.open.as_mut().filter(|open| open.epoch == epoch) {
                    open.flushes = open.flushes.saturating_sub(1);
                }
            }
        }
        Ok(())
    }

    fn poll_domain(&mut self, index: usize, now: Duration) -> Result<bool> {
        let Some(scan) = self.scans.get_mut(index) else { return Ok(false) };
        let Some(event) =
            scan.domain.as_mut().map(|domain| domain.poll(now)).transpose()?.flatten()
        else {
            return Ok(false);
        };
        match event {
            DomainEvent::Recovered(found) if scan.known.is_some() => {
                let known = scan.known.take().unwrap_or_default();
                let progress = found.filter(|found| found.epoch > known.epoch).unwrap_or(known);
                self.epoch = self.epoch.max(progress.epoch);
                scan.resume(progress)?;
            }
            DomainEvent::Recovered(Some(progress)) => {
                self.notes.push(format!(
                    "resuming '{}' from epoch {}: {}",
                    scan.name,
                    progress.epoch,
                    describe(&progress)
                ));
                self.epoch = self.epoch.max(progress.epoch);
                scan.resume(progress)?;
            }
            DomainEvent::Recovered(None) => {
                scan.enumerator.start(None)?;
                scan.recovered = true;
            }
            DomainEvent::Committed(_) => {
                scan.committing = false;
                if !scan.recovered {
                    scan.enumerator.start(None)?;
                    scan.recovered = true;
                }
            }
        }
        Ok(true)
    }

    fn poll_enumerator(&mut self, index: usize, now: Duration) -> Result<bool> {
        let Some(scan) = self.scans.get_mut(index).filter(|scan| scan.recovered) else {
            return Ok(false);
        };
        let Some(found) = scan.enumerator.poll(now)? else { return Ok(false) };
        let Discovered { added, gone, recreated, complete, volatile } = found;
        if let Some(split) = gone.first().or(recreated.first()) {
            let what =
                if gone.is_empty() { "was deleted and created again" } else { "no longer exists" };
            return Err(Error::new(
                crate::base::ErrorKind::External,
                format!("topic '{}' partition {} {what} while being read", split.name, split.index),
            ));
        }
        scan.complete |= complete;
        scan.open += added.len();
        for split in &added {
            scan.positions.insert((*split.id).clone(), split.start);
        }
        let first = !std::mem::replace(&mut scan.discovered, true);
        if first
            && volatile
            && let Some(domain) = &mut scan.domain
        {
            domain.commit(&Progress { epoch: self.epoch, positions: scan.positions.clone() });
            scan.stored = scan.positions.clone();
            scan.committed_at = Some(now);
            scan.committing = true;
        }
        if self.phase == Phase::Running {
            self.assign(index, added);
        } else {
            self.waiting.push((index, added));
        }
        Ok(true)
    }

    /// Gives each split to the next worker in turn.
    fn assign(&mut self, scan: usize, splits: Vec<crate::table::Split>) {
        if self.workers.is_empty() {
            return;
        }
        let mut shares: Vec<Vec<crate::table::Split>> = vec![Vec::new(); self.workers.len()];
        for split in splits {
            let worker = self.next_worker % shares.len();
            self.next_worker = worker + 1;
            if let Some(share) = shares.get_mut(worker) {
                share.push(split);
            }
        }
        for (worker, splits) in self.workers.iter().zip(shares) {
            if !splits.is_empty() {
                worker.send(Command::Assign { scan, splits });
            }
        }
    }

    /// Opens, commits and closes epochs; says whether anything moved.
    fn drive_epoch(&mut self, now: Duration) -> bool {
        let Some(open) = &mut self.open else { return self.maybe_open(now) };
        if open.barriers > 0 || open.flushes > 0 {
            return false;
        }
        if !open.committing {
            open.committing = true;
            let (epoch, finished) = (open.epoch, open.last == Some(JobEnd::Finished));
            for scan in &mut self.scans {
                scan.start_commit(epoch, finished, now);
            }
        }
        if self.scans.iter().any(|scan| scan.committing) {
            return false;
        }
        self.close_epoch(now);
        true
    }

    fn maybe_open(&mut self, now: Duration) -> bool {
        let ended = self.scans.iter().all(|scan| scan.complete && scan.open == 0);
        let satisfied = !self.workers.is_empty() && self.satisfied >= 1;
        let last = if ended || satisfied {
            Some(JobEnd::Finished)
        } else if self.control.is_draining() {
            Some(JobEnd::Drained)
        } else {
            None
        };
        if last.is_none() && now < self.next_epoch_at {
            return false;
        }
        let epoch = self.epoch + 1;
        for worker in &self.workers {
            worker.send(Command::Barrier { epoch, last: last.is_some() });
        }
        self.open = Some(OpenEpoch {
            epoch,
            barriers: self.workers.len(),
            flushes: self.workers.len(),
            last,
            committing: false,
            opened_at: now,
        });
        true
    }

    fn close_epoch(&mut self, now: Duration) {
        let Some(open) = self.open.take() else { return };
        self.epoch = open.epoch;
        self.completed += 1;
        self.closed = Some((open.epoch, now.saturating_sub(open.opened_at)));
        self.next_epoch_at = now + self.interval;
        let positions: Vec<Positions> = self
            .scans
            .iter_mut()
            .map(|scan| {
                scan.stored = scan.positions.clone();
                scan.stored.iter().map(|(id, at)| (Arc::new(id.clone()), *at)).collect()
            })
            .collect();
        for worker in &self.workers {
            worker.send(Command::Acknowledge { epoch: open.epoch, positions: positions.clone() });
        }
        if let Some(end) = open.last {
            self.phase = Phase::Finished(end);
        }
    }
}

impl ScanState {
    fn new(scan: CoordinatedScan) -> ScanState {
        ScanState {
            name: scan.name,
            enumerator: scan.enumerator,
            domain: scan.domain,
            positions: BTreeMap::new(),
            stored: BTreeMap::new(),
            committed_at: None,
            recovered: false,
            known: None,
            discovered: false,
            complete: false,
            open: 0,
            committing: false,
        }
    }

    fn resume(&mut self, progress: Progress) -> Result<()> {
        self.enumerator.start(Some(&progress))?;
        self.positions.clone_from(&progress.positions);
        self.stored = progress.positions;
        self.recovered = true;
        Ok(())
    }

    /// Stores the epoch unless nothing moved and what is stored is recent ([`PROGRESS_REFRESH`]). The last epoch of a job that reached its end removes
    /// the progress instead: its next start is a fresh one.
    fn start_commit(&mut self, epoch: Epoch, finished: bool, now: Duration) {
        let Some(domain) = &mut self.domain else { return };
        let recent = self.committed_at.is_some_and(|at| now.saturating_sub(at) < PROGRESS_REFRESH);
        let progress = Progress { epoch, positions: self.positions.clone() };
        if finished {
            domain.clear(&progress);
        } else if self.positions != self.stored || (!recent && !self.positions.is_empty()) {
            domain.commit(&progress);
        } else {
            return;
        }
        self.committed_at = Some(now);
        self.committing = true;
    }
}

/// `topic 'a' 3 partitions` for the line about resuming.
fn describe(progress: &Progress) -> String {
    let mut topics: BTreeMap<&str, usize> = BTreeMap::new();
    for split in progress.positions.keys() {
        *topics.entry(&split.name).or_default() += 1;
    }
    let parts: Vec<String> =
        topics.iter().map(|(topic, n)| format!("topic '{topic}', {n} partition(s)")).collect();
    parts.join("; ")
}

#[cfg(test)]
mod tests;
