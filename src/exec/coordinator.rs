//! The coordinator of a job: splits, epochs, progress, the end.
//!
//! ```text
//! Recovering ── all domains answered ──▶ Discovering ── first splits ──▶ Running ──▶ Ending ──▶ ended
//!                                            (volatile starts stored before reading)
//! ```
//! Epoch N: barrier to every worker → positions and acknowledged output of every worker → every domain commits. One
//! epoch at a time. An epoch in which no position moved stores nothing, unless what is
//! stored was not written for so long that it could expire ([`domain`]).

mod domain;

use self::domain::DomainState;
use super::control::JobControl;
use super::job::JobEnd;
use super::message::{Command, Mailbox, Report};
use super::worker::Step;
use crate::base::commands::{self, SOME_BROKERS};
use crate::base::{Error, Result};
use crate::table::{
    CommitDomain, Discovered, DomainEvent, Enumerator, Epoch, FormerProgress, Position, Progress,
    Recovery,
};
use crate::types::SplitId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The first epoch of an attempt that goes on from stored progress lasts this part of the interval.
const RESUMED_SHARE: u32 = 10;

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
    /// The last epoch of this attempt is complete, and the splits are distributed anew.
    Reassigned,
}

/// Why an epoch is the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Ended(JobEnd),
    Reassigned,
}

/// One scan as the coordinator sees it.
#[derive(Debug)]
pub(super) struct CoordinatedScan {
    pub(super) name: String,
    pub(super) enumerator: Box<dyn Enumerator>,
}

/// A commit domain and the scans whose progress it keeps, by their numbers.
#[derive(Debug)]
pub(super) struct CoordinatedDomain {
    pub(super) domain: Box<dyn CommitDomain>,
    pub(super) scans: Vec<usize>,
}

/// A look at where the job would keep the progress of these scans under another guarantee.
#[derive(Debug)]
pub(super) struct FormerStore {
    pub(super) looking: Box<dyn FormerProgress>,
    pub(super) scans: Vec<usize>,
    /// It is where the job keeps it under the guarantee that it has: what counts is how new that is.
    pub(super) present: bool,
}

/// Where the progress of a job is, and may be.
#[derive(Debug, Default)]
pub(super) struct Stores {
    /// Id of the job.
    pub(super) job: String,
    pub(super) domains: Vec<CoordinatedDomain>,
    /// Looked at before the domains say where to go on.
    pub(super) former: Vec<FormerStore>,
}

#[derive(Debug)]
struct ScanState {
    name: String,
    enumerator: Box<dyn Enumerator>,
    /// Latest known position of every split, from its start or the last barrier.
    positions: BTreeMap<SplitId, Position>,
    /// Where every split was first read from.
    starts: BTreeMap<SplitId, Position>,
    /// What the epoch that is being committed stores.
    storing: BTreeMap<SplitId, Position>,
    /// What the domain holds.
    stored: BTreeMap<SplitId, Position>,
    recovered: bool,
    /// What was stored under another guarantee.
    former: Option<Earlier>,
    /// The last epoch that is known to be stored under this one.
    present: Epoch,
    /// Where to go on if the domain turns out to hold nothing newer.
    known: Option<Progress>,
    discovered: bool,
    /// Its first splits would be found elsewhere by another look.
    volatile: bool,
    complete: bool,
    open: usize,
}

/// Progress that was stored under another guarantee, and what people are told where the job goes on from it.
#[derive(Debug)]
struct Earlier {
    progress: Progress,
    caveat: Option<Result<String>>,
}

/// Where a restarted attempt goes on.
#[derive(Clone, Debug)]
pub(super) struct Resume {
    /// One entry per scan: the last completed epoch. Empty where the domains alone know it.
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
    Finished(Last),
}

#[derive(Debug)]
struct OpenEpoch {
    epoch: Epoch,
    /// Workers whose barrier has not fallen.
    barriers: usize,
    /// Workers whose output is not acknowledged.
    flushes: usize,
    last: Option<Last>,
    committing: bool,
    /// Splits whose start it stores: they are read once it has.
    starts: Vec<(usize, Vec<crate::table::Split>)>,
    opened_at: Duration,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Coordinator {
    job: String,
    scans: Vec<ScanState>,
    domains: Vec<DomainState>,
    former: Vec<FormerStore>,
    /// Domains that are asked once it is known that nothing newer is elsewhere.
    asked_later: Vec<(usize, Recovery)>,
    /// What domains have found, by their number: the epoch and the progress of their scans.
    found: Vec<(usize, Epoch, Vec<Option<Progress>>)>,
    fresh: bool,
    workers: Vec<Arc<Mailbox<Command>>>,
    reports: Arc<Mailbox<Report>>,
    control: JobControl,
    interval: Duration,
    phase: Phase,
    waiting: Vec<(usize, Vec<crate::table::Split>)>,
    /// Splits that were found while running and whose start the next epoch stores.
    held: Vec<(usize, Vec<crate::table::Split>)>,
    epoch: Epoch,
    open: Option<OpenEpoch>,
    next_epoch_at: Duration,
    next_worker: usize,
    satisfied: usize,
    /// The splits are to be distributed anew.
    revoked: bool,
    /// Epochs completed since the start.
    pub(super) completed: u64,
    /// One of them went further than the start, which tells a job that restarts in vain.
    pub(super) progressed: bool,
    pub(super) notes: Vec<String>,
    /// The epoch that completed since the last look, and how long it took.
    pub(super) closed: Option<(Epoch, Duration)>,
}

impl Coordinator {
    /// `resume` replaces what the domains hold when restarting in process; where a commit was under way they are asked
    /// whether it came through, so that what it covered is not written again.
    pub(super) fn new(
        scans: Vec<CoordinatedScan>,
        stores: Stores,
        reports: Arc<Mailbox<Report>>,
        control: JobControl,
        interval: Duration,
        resume: Option<&Resume>,
        fresh: bool,
    ) -> Result<Coordinator> {
        let Stores { job, domains, former } = stores;
        let mut coordinator = Coordinator {
            job,
            former,
            asked_later: Vec::new(),
            found: Vec::new(),
            fresh,
            scans: scans.into_iter().map(ScanState::new).collect(),
            domains: domains.into_iter().map(DomainState::new).collect(),
            workers: Vec::new(),
            reports,
            control,
            interval,
            phase: Phase::Recovering,
            waiting: Vec::new(),
            held: Vec::new(),
            epoch: 0,
            open: None,
            next_epoch_at: Duration::ZERO,
            next_worker: 0,
            satisfied: 0,
            revoked: false,
            completed: 0,
            progressed: false,
            notes: Vec::new(),
            closed: None,
        };
        for (scan, known) in
            coordinator.scans.iter_mut().zip(resume.into_iter().flat_map(|r| &r.progress))
        {
            coordinator.epoch = coordinator.epoch.max(known.epoch);
            scan.known = Some(known.clone());
        }
        let from = match (resume, fresh) {
            (Some(_), _) => Recovery::Restart,
            (None, true) => Recovery::Fresh,
            (None, false) => Recovery::Stored,
        };
        let unsure = resume.is_none_or(|resume| resume.unsure);
        let mut asked = vec![false; coordinator.scans.len()];
        for (index, domain) in coordinator.domains.iter_mut().enumerate() {
            if unsure || domain.decides() {
                match domain.shares() && !coordinator.former.is_empty() {
                    true => coordinator.asked_later.push((index, from)),
                    false => domain.recover(from),
                }
                domain
                    .scans()
                    .for_each(|scan| asked.get_mut(scan).into_iter().for_each(|a| *a = true));
            }
        }
        for (scan, _) in coordinator.scans.iter_mut().zip(asked).filter(|(_, asked)| !asked) {
            scan.start(None)?;
        }
        Ok(coordinator)
    }

    /// The workers exist: hands out the splits found so far.
    pub(super) fn workers_started(&mut self, workers: Vec<Arc<Mailbox<Command>>>, now: Duration) {
        self.workers = workers;
        // Readers of committed output have waited for a job that goes on: it has something to show soon.
        let goes_on = self.epoch > 0;
        self.next_epoch_at =
            now + if goes_on { self.interval / RESUMED_SHARE } else { self.interval };
    }

    /// The positions of the last completed epoch, scan by scan.
    pub(super) fn stored(&self) -> impl Iterator<Item = &BTreeMap<SplitId, Position>> {
        self.scans.iter().map(|scan| &scan.stored)
    }

    /// Whether the job's next start finds its progress.
    pub(super) fn keeps_progress(&self) -> bool {
        self.domains.iter().all(DomainState::keeps)
    }

    /// Where the next attempt goes on.
    pub(super) fn resume(&self) -> Resume {
        // What others have read meanwhile is not known here.
        if self.domains.iter().any(DomainState::shares) {
            return Resume { progress: Vec::new(), unsure: true };
        }
        let of = |scan: &ScanState| Progress { epoch: self.epoch, positions: scan.stored.clone() };
        Resume {
            progress: self.scans.iter().map(of).collect(),
            unsure: self.open.as_ref().is_some_and(|open| open.committing),
        }
    }

    /// Where the next attempt goes on that is to read the same again: at the last completed epoch, else where this one
    /// started.
    pub(super) fn start_or_resume(&self) -> Resume {
        let mut resume = self.resume();
        if self.completed == 0 {
            for (progress, scan) in resume.progress.iter_mut().zip(&self.scans) {
                progress.positions.clone_from(&scan.starts);
            }
        }
        resume
    }

    /// Whether the domains can say where to go on although this attempt completed no epoch.
    pub(super) fn can_ask(&self) -> bool {
        if self.domains.iter().any(DomainState::joined) {
            return true;
        }
        let decided = self.domains.iter().flat_map(DomainState::deciding);
        let mut recovered = vec![false; self.scans.len()];
        decided.for_each(|scan| recovered.get_mut(scan).into_iter().for_each(|r| *r = true));
        !recovered.is_empty()
            && self.scans.iter().zip(recovered).all(|(scan, decided)| decided && scan.recovered)
    }

    /// Whether it is known where every scan goes on.
    pub(super) fn has_recovered(&self) -> bool {
        self.scans.iter().all(|scan| scan.recovered)
    }

    /// The epoch that is open, and since when.
    pub(super) fn open_epoch(&self) -> Option<(Epoch, Duration)> {
        self.open.as_ref().map(|open| (open.epoch, open.opened_at))
    }

    /// For people who have asked the job to stop and still see it run.
    pub(super) fn what_a_stop_waits_for(&self) -> String {
        let last = match self.domains.is_empty() {
            true => String::new(),
            false => format!("; the next start would go on from epoch {}", self.epoch),
        };
        format!(
            "still stopping: what was read is not written and stored yet, and waits for answers; signal again to stop at \
             once{last}"
        )
    }

    /// Starts taking back what is not committed.
    pub(super) fn abort(&mut self) {
        self.domains.iter_mut().for_each(DomainState::abort);
    }

    /// Whether that is done, as far as it can be.
    pub(super) fn aborted(&mut self, now: Duration) -> bool {
        self.domains.iter_mut().all(|domain| domain.aborted(now))
    }

    /// Starts telling other processes of the job that this one is over.
    pub(super) fn leave(&mut self) {
        self.domains.iter_mut().for_each(DomainState::leave);
    }

    /// Whether that is done, as far as it can be.
    pub(super) fn left(&mut self, now: Duration) -> bool {
        self.domains.iter_mut().all(|domain| domain.left(now))
    }

    pub(super) fn step(&mut self, now: Duration) -> Result<Outcome> {
        let mut busy = false;
        while let Some(report) = self.reports.take() {
            busy = true;
            self.report(report)?;
        }
        busy |= self.look_at_former(now)?;
        for index in 0..self.domains.len() {
            busy |= self.poll_domain(index, now)?;
        }
        busy |= self.go_on()?;
        for index in 0..self.scans.len() {
            busy |= self.poll_enumerator(index, now)?;
        }
        match self.phase {
            Phase::Finished(Last::Ended(end)) => return Ok(Outcome::Ended(end)),
            Phase::Finished(Last::Reassigned) => return Ok(Outcome::Reassigned),
            Phase::Recovering if self.scans.iter().all(|scan| scan.recovered) => {
                self.phase = Phase::Discovering;
            }
            Phase::Discovering if self.scans.iter().all(|scan| scan.discovered) => {
                self.phase = Phase::Starting;
                self.store_starts(now);
                let splits = self.waiting.iter().map(|(_, splits)| splits.len()).sum();
                return Ok(Outcome::StartWorkers { splits });
            }
            Phase::Recovering | Phase::Discovering if self.control.is_draining() => {
                return Ok(Outcome::Ended(JobEnd::Drained));
            }
            Phase::Starting if !self.domains.iter().any(DomainState::is_committing) => {
                self.phase = Phase::Running;
                for (scan, splits) in std::mem::take(&mut self.waiting) {
                    self.assign(scan, splits);
                }
            }
            Phase::Running => busy |= self.drive_epoch(now),
            _ if busy => {}
            _ => return Ok(Outcome::Step(Step::Idle(self.deadline()))),
        }
        Ok(Outcome::Step(if busy { Step::Busy } else { Step::Idle(self.deadline()) }))
    }

    fn deadline(&self) -> Option<Duration> {
        let enumerators =
            self.scans.iter().filter_map(|scan| scan.enumerator.next_deadline()).min();
        let idle = self.phase == Phase::Running && self.open.is_none();
        let epoch = idle.then_some(self.next_epoch_at);
        let domains = self.domains.iter().filter_map(DomainState::wake_at).min();
        let former = self.former.iter().filter_map(|former| former.looking.wake_at()).min();
        [enumerators, epoch, domains, former].into_iter().flatten().min()
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
            Report::Gone { scan, split } => {
                if let Some(scan) = self.scans.get_mut(scan) {
                    scan.open = scan.open.saturating_sub(1);
                    scan.positions.remove(&*split);
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

    /// Takes in what is stored under another guarantee; says whether something was.
    fn look_at_former(&mut self, now: Duration) -> Result<bool> {
        let before = self.former.len();
        let mut left = Vec::new();
        for mut former in std::mem::take(&mut self.former) {
            let Some(found) = former.looking.poll(now)? else {
                left.push(former);
                continue;
            };
            self.epoch = self.epoch.max(found.epoch);
            let mut caveat = found.caveat;
            for (number, progress) in former.scans.into_iter().zip(found.scans) {
                let Some(scan) = self.scans.get_mut(number) else { continue };
                if former.present {
                    scan.present = scan.present.max(found.epoch);
                    continue;
                }
                let found = progress.map(|progress| Earlier { progress, caveat: caveat.take() });
                let both = scan.former.take().into_iter().chain(found);
                scan.former = both.max_by_key(|earlier| earlier.progress.epoch);
            }
        }
        self.former = left;
        if self.former.is_empty() {
            self.ask_later()?;
        }
        Ok(self.former.len() < before)
    }

    /// Asks the domains that other processes share, which hear of it at once: before, this process has to know that it is
    /// one of them.
    fn ask_later(&mut self) -> Result<()> {
        for (index, from) in std::mem::take(&mut self.asked_later) {
            let Some(domain) = self.domains.get_mut(index) else { continue };
            for number in domain.scans() {
                let Some(scan) = self.scans.get_mut(number) else { continue };
                let earlier = scan.former.take().map(|earlier| earlier.progress.epoch);
                if let Some(epoch) = earlier.filter(|epoch| *epoch > scan.present) {
                    return Err(was_exactly_once(&self.job, epoch));
                }
            }
            domain.recover(from);
        }
        Ok(())
    }

    fn poll_domain(&mut self, index: usize, now: Duration) -> Result<bool> {
        let Some(domain) = self.domains.get_mut(index) else { return Ok(false) };
        let Some(event) = domain.poll(now)? else { return Ok(false) };
        match event {
            DomainEvent::Revoked => self.revoked = true,
            DomainEvent::Recovered { epoch, scans } => self.found.push((index, epoch, scans)),
            DomainEvent::Finished(epoch) => {
                self.notes.push(format!("epoch {epoch} was committed, and was the last one"));
                self.phase = Phase::Finished(Last::Ended(JobEnd::Finished));
            }
            DomainEvent::Committed(_) | DomainEvent::Aborted | DomainEvent::Left => {}
        }
        Ok(true)
    }

    /// Starts the scans whose domain has said where, once it is known what is elsewhere: of that some may come to light
    /// only when a domain has ended the transactions of earlier runs. Says whether it did.
    fn go_on(&mut self) -> Result<bool> {
        if !self.former.is_empty() || self.found.is_empty() {
            return Ok(false);
        }
        for (index, epoch, scans) in std::mem::take(&mut self.found) {
            let Some(domain) = self.domains.get(index) else { continue };
            let (shares, decides) = (domain.shares(), domain.decides());
            self.epoch = self.epoch.max(epoch);
            for (number, mut found) in domain.scans().zip(scans) {
                let Some(scan) = self.scans.get_mut(number) else { continue };
                // Epochs are counted over both places, so that the newer one is known.
                let newer = |former: &Earlier| former.progress.epoch > epoch && !self.fresh;
                match scan.former.take().filter(newer) {
                    Some(Earlier { progress, caveat }) if decides => {
                        self.notes.extend(caveat.transpose()?);
                        self.notes.push(format!(
                            "'{}' was not exactly-once before: it goes on where it was then",
                            scan.name
                        ));
                        found = Some(progress);
                    }
                    Some(former) => {
                        return Err(was_exactly_once(&self.job, former.progress.epoch));
                    }
                    None => {}
                }
                match (&found, &scan.known) {
                    (Some(progress), None) if !shares => self.notes.push(format!(
                        "resuming '{}' from epoch {}: {}",
                        scan.name,
                        progress.epoch,
                        describe(progress)
                    )),
                    // Whoever expects it to go on hears of it before output is written twice.
                    (None, None) if decides && !shares && !self.fresh => self
                        .notes
                        .push(format!("'{}' starts anew: no progress of it is stored", scan.name)),
                    _ => {}
                }
                scan.start(found)?;
            }
        }
        Ok(true)
    }

    /// Stores starts that would be found elsewhere if this process died before its first epoch.
    fn store_starts(&mut self, now: Duration) {
        for domain in &mut self.domains {
            let volatile = |scan: usize| self.scans.get(scan).is_some_and(|scan| scan.volatile);
            if domain.scans().any(volatile) {
                domain.commit(self.epoch, &self.scans, true, false, now);
            }
        }
        for scan in self.scans.iter_mut().filter(|scan| scan.volatile) {
            scan.stored.clone_from(&scan.positions);
        }
    }

    fn poll_enumerator(&mut self, index: usize, now: Duration) -> Result<bool> {
        let Some(scan) = self.scans.get_mut(index).filter(|scan| scan.recovered) else {
            return Ok(false);
        };
        let Some(found) = scan.enumerator.poll(now)? else { return Ok(false) };
        let Discovered { added, gone, complete, volatile } = found;
        for split in &gone {
            scan.positions.remove(split);
        }
        scan.complete |= complete;
        scan.open += added.len();
        for split in &added {
            scan.positions.insert((*split.id).clone(), split.start);
            scan.starts.insert((*split.id).clone(), split.start);
        }
        scan.discovered = true;
        scan.volatile |= volatile;
        match self.phase {
            Phase::Starting | Phase::Running if volatile => {
                self.held.push((index, added));
                self.next_epoch_at = now;
            }
            Phase::Running => self.assign(index, added),
            _ => self.waiting.push((index, added)),
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
            open.starts = std::mem::take(&mut self.held);
            for scan in &mut self.scans {
                scan.storing.clone_from(&scan.positions);
            }
            let (epoch, finished) = (open.epoch, open.last == Some(Last::Ended(JobEnd::Finished)));
            for domain in &mut self.domains {
                domain.end_epoch(epoch, &self.scans, finished, now);
            }
        }
        if self.domains.iter().any(DomainState::is_committing) {
            return false;
        }
        self.close_epoch(now);
        true
    }

    fn maybe_open(&mut self, now: Duration) -> bool {
        let ended = self.scans.iter().all(|scan| scan.complete && scan.open == 0);
        let satisfied = !self.workers.is_empty() && self.satisfied >= 1;
        let last = if ended || satisfied {
            Some(Last::Ended(JobEnd::Finished))
        } else if self.control.is_draining() {
            Some(Last::Ended(JobEnd::Drained))
        } else if self.revoked {
            Some(Last::Reassigned)
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
            starts: Vec::new(),
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
        for scan in &mut self.scans {
            self.progressed |= scan.storing != scan.starts;
            scan.stored = std::mem::take(&mut scan.storing);
        }
        for (scan, splits) in open.starts {
            self.assign(scan, splits);
        }
        if !self.held.is_empty() {
            self.next_epoch_at = now;
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
            positions: BTreeMap::new(),
            starts: BTreeMap::new(),
            storing: BTreeMap::new(),
            stored: BTreeMap::new(),
            recovered: false,
            former: None,
            present: 0,
            known: None,
            discovered: false,
            volatile: false,
            complete: false,
            open: 0,
        }
    }

    /// Starts at the newer of what was found and what this process knows; without either, where the options say.
    fn start(&mut self, found: Option<Progress>) -> Result<()> {
        let known = self.known.take();
        let newer = match (&found, &known) {
            (Some(found), Some(known)) => found.epoch > known.epoch,
            _ => found.is_some(),
        };
        let progress = if newer { found } else { known };
        self.enumerator.start(progress.as_ref())?;
        let positions = progress.unwrap_or_default().positions;
        self.positions.clone_from(&positions);
        self.starts.clone_from(&positions);
        self.stored = positions;
        self.recovered = true;
        Ok(())
    }
}

/// The positions of an exactly-once job are in its own topic, which nothing would ever take them out of again.
fn was_exactly_once(job: &str, epoch: Epoch) -> Error {
    let reset = commands::job_reset(job, SOME_BROKERS);
    Error::new(
        crate::base::ErrorKind::Schema,
        format!("job '{job}' was exactly-once and has its progress, epoch {epoch}, where only such jobs look"),
    )
    .with_hint(format!(
        "set 'sink.delivery-guarantee' = 'exactly-once' again; or make the job forget with \"{reset}\": with 'scan.startup.mode' = 'group-offsets' and its 'properties.group.id' it then goes on where it was, otherwise \
         it begins anew"
    ))
}

/// `topic 'a' 3 partitions` for the line about resuming.
fn describe(progress: &Progress) -> String {
    if progress.positions.is_empty() {
        return "nothing was there to read; what is found now is read from its beginning"
            .to_owned();
    }
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
