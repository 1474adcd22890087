//! Runs a job on threads: the coordinator on the caller's, one thread per worker.

use super::control::{Clock, JobControl};
use super::coordinator::{
    CoordinatedDomain, CoordinatedScan, Coordinator, FormerStore, Outcome, Resume, Stores,
};
use super::job::{Failures, Job, JobEnd, Scan};
use super::message::{Command, Mailbox, Report};
use super::rejects::{Policy, Rejects};
use super::restart::{Attempted, Restarts};
use super::signal::Signal;
use super::worker::{Step, Worker, WorkerScan, WorkerSink};
use crate::base::{Error, ErrorKind, Result};
use crate::table::{DomainRequest, Epoch, Guarantee, ScanName, Waker};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a failing job waits for the abort of its open transaction: the brokers may be what failed, and they abort it
/// by themselves after its time-out.
const ABORT_WAIT_MAX: Duration = Duration::from_secs(2);

/// How long an ending job waits for the answer that the other processes of the job know: they notice by themselves after
/// `session.timeout.ms`.
const LEAVE_WAIT_MAX: Duration = Duration::from_secs(2);

/// A stop that takes longer than this says what it waits for: brokers that do not answer may keep it for minutes.
const STOP_NOTICE: Duration = Duration::from_secs(2);

/// An epoch that takes longer than this says so: brokers that do not answer, or a topic that is gone, may keep it for
/// minutes before that fails the job.
const EPOCH_NOTICE: Duration = Duration::from_secs(10);

/// Runs the job to its end. `note` gets lines for people: resuming, restarting.
///
/// Failures that may pass are answered by [`Restarts`].
pub fn run(job: &mut Job, control: &JobControl, note: &mut dyn FnMut(&str)) -> Result<JobEnd> {
    let end = run_attempts(job, control, note);
    job.stats.ended();
    end
}

fn run_attempts(job: &mut Job, control: &JobControl, note: &mut dyn FnMut(&str)) -> Result<JobEnd> {
    let clock = Clock::new();
    let mut restarts = Restarts::of(job);
    loop {
        let started_at = clock.now();
        let mut attempt = Attempt::start(job, control, restarts.resume())?;
        let error = match attempt.run(job, control, &clock, note) {
            Ok(Some(end)) => {
                job.keeps_progress &= attempt.coordinator.keeps_progress();
                attempt.leave(&clock);
                return Ok(end);
            }
            Ok(None) => {
                restarts.reassigned(&attempt.coordinator);
                job.stats.reassigned();
                continue;
            }
            Err(error) => error,
        };
        attempt.stop_workers();
        attempt.abort(&clock);
        let (ended_at, draining) = (clock.now(), control.is_draining());
        let attempted = Attempted { started_at, ended_at, draining };
        let restart = match restarts.failed(&attempt.coordinator, error, attempted) {
            Ok(restart) => restart,
            Err(error) => {
                attempt.leave(&clock);
                return Err(error);
            }
        };
        job.stats.restarting();
        restart.line.iter().for_each(|line| note(line));
        pause(&attempt.reports.signal, control, clock, restart.delay);
    }
}

/// What is said of things that take long, each once.
#[derive(Debug, Default)]
struct Notices {
    /// When a stop was asked for.
    stopping_at: Option<Duration>,
    stop_said: bool,
    /// The last epoch of which something was said.
    epoch_said: Epoch,
}

impl Notices {
    /// Says what is due; when to look again.
    fn at(
        &mut self,
        coordinator: &Coordinator,
        control: &JobControl,
        now: Duration,
        note: &mut dyn FnMut(&str),
    ) -> Option<Duration> {
        let mut next = None;
        if control.is_draining() && !self.stop_said {
            let due = *self.stopping_at.get_or_insert(now) + STOP_NOTICE;
            self.stop_said = due <= now;
            match self.stop_said {
                true => note(&coordinator.what_a_stop_waits_for()),
                false => next = Some(due),
            }
        }
        if let Some((epoch, opened_at)) = coordinator.open_epoch()
            && epoch > self.epoch_said
        {
            let due = opened_at + EPOCH_NOTICE;
            if due <= now {
                self.epoch_said = epoch;
                let seconds = EPOCH_NOTICE.as_secs();
                note(&format!(
                    "epoch {epoch} is not complete after {seconds} s: its output or its progress waits for the brokers"
                ));
            } else {
                next = next.into_iter().chain([due]).min();
            }
        }
        next
    }
}

/// Waits for `delay`, or until the job is to end. The connections and workers of the failed attempt may still have left
/// notifications behind, which must not bring the restart forward.
fn pause(signal: &Signal, control: &JobControl, clock: Clock, delay: Duration) {
    let until = clock.now() + delay;
    while !control.is_draining() {
        let left = until.saturating_sub(clock.now());
        if left.is_zero() {
            return;
        }
        signal.wait(Some(left));
    }
}

/// One run from a start or restart to its end or failure.
struct Attempt {
    coordinator: Coordinator,
    reports: Arc<Mailbox<Report>>,
    commands: Vec<Arc<Mailbox<Command>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Attempt {
    fn start(job: &mut Job, control: &JobControl, resume: Option<&Resume>) -> Result<Attempt> {
        let reports = Mailbox::new();
        control.wake_on_drain(&reports.signal);
        let coordinator = coordinate(job, control, &reports, resume)?;
        Ok(Attempt { coordinator, reports, commands: Vec::new(), threads: Vec::new() })
    }

    /// Runs to the end of the job; `None` where another attempt is to go on with other splits.
    fn run(
        &mut self,
        job: &mut Job,
        control: &JobControl,
        clock: &Clock,
        note: &mut dyn FnMut(&str),
    ) -> Result<Option<JobEnd>> {
        let mut notices = Notices::default();
        loop {
            let outcome = self.coordinator.step(clock.now())?;
            if self.coordinator.has_recovered() {
                job.recovered = None;
            }
            let notice = notices.at(&self.coordinator, control, clock.now(), note);
            if let Some((epoch, took)) = self.coordinator.closed.take() {
                job.stats.epoch_completed(epoch, took);
                for (scan, stored) in self.coordinator.stored().enumerate() {
                    job.refusals.settle(scan, stored);
                }
            }
            for line in self.coordinator.notes.drain(..) {
                note(&line);
            }
            match outcome {
                Outcome::Ended(end) => {
                    self.stop_workers();
                    return Ok(Some(end));
                }
                Outcome::Reassigned => {
                    self.stop_workers();
                    return Ok(None);
                }
                Outcome::StartWorkers { splits } => self.start_workers(job, splits, *clock)?,
                Outcome::Step(Step::Idle(until)) => {
                    let until = until.into_iter().chain(notice).min();
                    let timeout = until.map(|at| at.saturating_sub(clock.now()));
                    self.reports.signal.wait(timeout);
                }
                Outcome::Step(_) => {}
            }
        }
    }

    /// Takes back what is not committed, so that readers need not wait for it until a time-out.
    fn abort(&mut self, clock: &Clock) {
        self.coordinator.abort();
        self.wait(clock, ABORT_WAIT_MAX, Coordinator::aborted);
    }

    /// Tells the other processes of the job that this one is over.
    fn leave(&mut self, clock: &Clock) {
        self.coordinator.leave();
        self.wait(clock, LEAVE_WAIT_MAX, Coordinator::left);
    }

    fn wait(
        &mut self,
        clock: &Clock,
        longest: Duration,
        mut done: impl FnMut(&mut Coordinator, Duration) -> bool,
    ) {
        let until = clock.now() + longest;
        while !done(&mut self.coordinator, clock.now()) {
            let left = until.saturating_sub(clock.now());
            if left.is_zero() {
                return;
            }
            self.reports.signal.wait(Some(left));
        }
    }

    fn start_workers(&mut self, job: &mut Job, splits: usize, clock: Clock) -> Result<()> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let count = worker_count(job.workers, cores, splits);
        for index in 0..count {
            let (mut worker, commands) = build_worker(job, index, count, &self.reports)?;
            self.commands.push(Arc::clone(&commands));
            let thread = std::thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn(move || work(&mut worker, &commands, clock))
                .map_err(|error| {
                    Error::new(ErrorKind::External, format!("cannot start a thread: {error}"))
                })?;
            self.threads.push(thread);
        }
        self.coordinator.workers_started(self.commands.clone(), clock.now());
        Ok(())
    }

    fn stop_workers(&mut self) {
        for commands in &self.commands {
            commands.send(Command::Stop);
        }
        for thread in self.threads.drain(..) {
            // A worker that panicked has ended the process: panics abort in release.
            drop(thread.join());
        }
        self.commands.clear();
    }
}

/// As many workers as the job says, else one per split up to one per core, at least one.
pub(super) fn worker_count(asked: Option<usize>, cores: usize, splits: usize) -> usize {
    asked.unwrap_or_else(|| cores.min(splits)).max(1)
}

pub(super) fn coordinate(
    job: &mut Job,
    control: &JobControl,
    reports: &Arc<Mailbox<Report>>,
    resume: Option<&Resume>,
) -> Result<Coordinator> {
    let waker = reports.signal.waker();
    let mut domains = Vec::from_iter(job_domain(job, &waker)?);
    let exact = !domains.is_empty();
    let alone = job.scans.len() == 1;
    if !exact && job.keeps_progress {
        for (index, scan) in job.scans.iter_mut().enumerate() {
            let name = ScanName { name: scan.name.clone(), alone };
            let domain = scan.source.commit_domain(&job.context, &name, Arc::clone(&waker))?;
            domains.extend(domain.map(|domain| CoordinatedDomain { domain, scans: vec![index] }));
        }
    }
    // Processes that share an exactly-once job adopt what one alone has left, whatever its guarantee was.
    let adopts = job.context.shared && exact;
    let first = resume.is_none() && job.keeps_progress;
    let former = match first && !adopts && !domains.is_empty() {
        true => former_progress(job, exact, &waker)?,
        false => Vec::new(),
    };
    let mut scans = Vec::with_capacity(job.scans.len());
    for scan in &mut job.scans {
        let enumerator = scan.source.enumerator(Arc::clone(&waker))?;
        scans.push(CoordinatedScan { name: scan.name.clone(), enumerator });
    }
    let (reports, control) = (Arc::clone(reports), control.clone());
    let stores = Stores { job: job.context.id.clone(), domains, former };
    Coordinator::new(
        scans,
        stores,
        reports,
        control,
        job.context.checkpoint_interval,
        resume,
        job.fresh,
    )
}

/// Looks at where the job would keep its progress if it were exactly-once, or were not. What several processes share is
/// compared before it is asked for, so that both places are looked at.
fn former_progress(job: &mut Job, exact: bool, waker: &Waker) -> Result<Vec<FormerStore>> {
    let (count, mut former) = (job.scans.len(), Vec::new());
    if !exact {
        for target in &mut job.sinks {
            let found = target.sink.former_progress(&job.context, count, Arc::clone(waker))?;
            let scans = (0..count).collect();
            former.extend(found.map(|looking| FormerStore { looking, scans, present: false }));
        }
    }
    if exact || job.context.shared && !former.is_empty() {
        for (index, scan) in job.scans.iter_mut().enumerate() {
            let name = ScanName { name: scan.name.clone(), alone: count == 1 };
            let found = scan.source.former_progress(&job.context, &name, Arc::clone(waker))?;
            let (scans, present) = (vec![index], !exact);
            former.extend(found.map(|looking| FormerStore { looking, scans, present }));
        }
    }
    Ok(former)
}

/// The domain of an exactly-once job: its sinks have it, for all scans together.
fn job_domain(job: &mut Job, waker: &Waker) -> Result<Option<CoordinatedDomain>> {
    let alone = job.scans.len() == 1;
    let facts = |scan: &Scan| scan.source.facts(ScanName { name: scan.name.clone(), alone });
    let request = DomainRequest {
        scans: job.scans.iter().map(facts).collect(),
        keeps_progress: job.keeps_progress,
    };
    let scans = (0..job.scans.len()).collect();
    let mut sinks = job.sinks.iter_mut();
    let exact = sinks.find(|target| target.sink.guarantee() == Guarantee::ExactlyOnce);
    let Some(target) = exact else { return Ok(None) };
    let domain = target.sink.commit_domain(&job.context, request, Arc::clone(waker))?;
    Ok(domain.map(|domain| CoordinatedDomain { domain, scans }))
}

pub(super) fn build_worker(
    job: &mut Job,
    index: usize,
    count: usize,
    reports: &Arc<Mailbox<Report>>,
) -> Result<(Worker, Arc<Mailbox<Command>>)> {
    let commands = Mailbox::new();
    let mut sinks = Vec::with_capacity(job.sinks.len());
    for target in &mut job.sinks {
        let writer = target.sink.writer(index, count, commands.signal.waker())?;
        sinks.push(WorkerSink::new(&target.name, writer));
    }
    let mut scans = Vec::with_capacity(job.scans.len());
    for (number, scan) in job.scans.iter_mut().enumerate() {
        let reader = scan.source.reader(index, commands.signal.waker())?;
        let policy = match &mut scan.failures {
            Failures::Fail => Policy::Fail,
            Failures::Ignore => Policy::Ignore,
            Failures::Log(log) => {
                let writer = log.sink.writer(index, count, commands.signal.waker())?;
                Policy::Log { name: log.name.clone(), writer }
            }
        };
        let rejects = Rejects::new(policy, &job.context.id, number, &job.refusals);
        scans.push(WorkerScan::new(reader, &scan.outputs, rejects));
    }
    let worker = Worker::new(
        index,
        scans,
        sinks,
        Arc::clone(&commands),
        Arc::clone(reports),
        Arc::clone(&job.stats),
        job.context.wall_clock,
    );
    Ok((worker, commands))
}

fn work(worker: &mut Worker, commands: &Mailbox<Command>, clock: Clock) {
    loop {
        match worker.step(clock.now()) {
            Step::Busy => {}
            Step::Done => return,
            Step::Idle(until) => {
                commands.signal.wait(until.map(|at| at.saturating_sub(clock.now())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_notification_does_not_shorten_the_pause() {
        let (signal, control, clock) = (Signal::new(), JobControl::new(), Clock::new());
        let delay = Duration::from_millis(20);
        signal.notify();
        pause(&signal, &control, clock, delay);
        assert!(clock.now() >= delay);
    }

    #[test]
    fn a_job_that_is_to_end_does_not_wait() {
        let (signal, control, clock) = (Signal::new(), JobControl::new(), Clock::new());
        control.wake_on_drain(&signal);
        let (ended, end) = std::sync::mpsc::channel();
        let pausing = control.clone();
        std::thread::spawn(move || {
            pause(&signal, &pausing, clock, Duration::from_secs(3600));
            ended.send(())
        });
        control.drain();
        assert_eq!(end.recv_timeout(Duration::from_secs(60)), Ok(()));
    }
}
