//! A job on one thread under a virtual clock: the same seed gives the same trace.

use super::control::JobControl;
use super::coordinator::{Coordinator, Outcome};
use super::job::{Job, JobEnd};
use super::message::{Command, Mailbox, Report};
use super::restart::{Attempted, Restarts};
use super::runner::{build_worker, coordinate, worker_count};
use super::worker::{Step, Worker};
use crate::base::{Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Cores of the simulated machine: enough for workers to overtake each other.
const CORES: usize = 2;

/// Steps a job's coordinator and workers in an order drawn from a seed, over its restarts.
///
/// The caller owns the clock and whatever stands in for the network; it steps those between calls of
/// [`Simulation::step`] and moves the clock when everything is idle. Dropping it is a crash of the process.
#[derive(Debug)]
pub struct Simulation {
    control: JobControl,
    attempt: Option<Attempt>,
    restarts: Restarts,
    restart_at: Duration,
    paused: BTreeMap<usize, Duration>,
    random: u64,
    trace: Vec<String>,
}

/// What runs between two restarts.
#[derive(Debug)]
struct Attempt {
    coordinator: Coordinator,
    reports: Arc<Mailbox<Report>>,
    workers: Vec<Worker>,
    commands: Vec<Arc<Mailbox<Command>>>,
    started_at: Duration,
}

/// What a simulated step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimulatedStep {
    /// Something moved.
    Busy,
    /// Nothing to do before this time, or before the network moves.
    Idle(Option<Duration>),
    /// A failure that may pass: the job goes on from its last epoch at this time.
    Restarting(Duration),
    /// The job ended.
    Ended(JobEnd),
}

impl Simulation {
    /// A job that nothing has happened to; it starts with the first step.
    pub fn new(job: &Job, control: &JobControl, seed: u64) -> Simulation {
        Simulation {
            control: control.clone(),
            attempt: None,
            restarts: Restarts::of(job),
            restart_at: Duration::ZERO,
            paused: BTreeMap::new(),
            random: seed | 1,
            trace: Vec::new(),
        }
    }

    /// Steps one participant, chosen by the seed; tries the others before it reports idleness. Fails as the job does.
    pub fn step(&mut self, job: &mut Job, now: Duration) -> Result<SimulatedStep> {
        if self.attempt.is_none() {
            if now < self.restart_at {
                return Ok(SimulatedStep::Idle(Some(self.restart_at)));
            }
            let reports = Mailbox::new();
            let coordinator = coordinate(job, &self.control, &reports, self.restarts.resume())?;
            let (workers, commands) = (Vec::new(), Vec::new());
            let started_at = now;
            self.attempt = Some(Attempt { coordinator, reports, workers, commands, started_at });
            self.note(now, "starts");
        }
        match self.step_any(job, now) {
            Ok(step) => Ok(step),
            Err(error) => self.failed(error, now),
        }
    }

    /// Keeps a worker from running before `until`: a machine that swaps, a process that is suspended.
    pub fn pause(&mut self, worker: usize, until: Duration) {
        self.paused.insert(worker, until);
    }

    /// Number of workers that run.
    pub fn workers(&self) -> usize {
        self.attempt.as_ref().map_or(0, |attempt| attempt.workers.len())
    }

    /// What moved when: equal for equal seeds.
    pub fn trace(&self) -> &[String] {
        &self.trace
    }

    fn step_any(&mut self, job: &mut Job, now: Duration) -> Result<SimulatedStep> {
        let participants = self.workers() + 1;
        let first = self.draw(participants);
        let mut deadline: Option<Duration> = None;
        for turn in 0..participants {
            let participant = (first + turn) % participants;
            let step = match participant.checked_sub(1) {
                None => self.step_coordinator(job, now)?,
                Some(worker) => SimulatedStep::from(self.step_worker(worker, now)),
            };
            match step {
                SimulatedStep::Idle(at) => deadline = [deadline, at].into_iter().flatten().min(),
                moved => {
                    self.note(now, format_args!("{participant} {moved:?}"));
                    return Ok(moved);
                }
            }
        }
        Ok(SimulatedStep::Idle(deadline))
    }

    fn step_coordinator(&mut self, job: &mut Job, now: Duration) -> Result<SimulatedStep> {
        let Some(attempt) = &mut self.attempt else { return Ok(SimulatedStep::Idle(None)) };
        let outcome = attempt.coordinator.step(now)?;
        let notes = attempt.coordinator.notes.drain(..);
        self.trace.extend(notes.map(|note| format!("{} {note}", now.as_micros())));
        match outcome {
            Outcome::Ended(end) => Ok(SimulatedStep::Ended(end)),
            Outcome::Reassigned => {
                self.restarts.reassigned(&attempt.coordinator);
                self.attempt = None;
                Ok(SimulatedStep::Busy)
            }
            Outcome::StartWorkers { splits } => {
                attempt.start_workers(job, splits, now)?;
                Ok(SimulatedStep::Busy)
            }
            Outcome::Step(step) => Ok(step.into()),
        }
    }

    fn step_worker(&mut self, index: usize, now: Duration) -> Step {
        if let Some(until) = self.paused.get(&index).filter(|until| **until > now) {
            return Step::Idle(Some(*until));
        }
        let workers = self.attempt.as_mut().map(|attempt| &mut attempt.workers);
        workers.and_then(|workers| workers.get_mut(index)).map_or(Step::Done, |w| w.step(now))
    }

    /// The attempt is over; its workers and their connections go with it.
    fn failed(&mut self, error: Error, now: Duration) -> Result<SimulatedStep> {
        self.note(now, format_args!("failed: {error}"));
        let Some(mut attempt) = self.attempt.take() else { return Err(error) };
        attempt.workers.iter_mut().for_each(Worker::note_refused);
        let draining = self.control.is_draining();
        let attempted = Attempted { started_at: attempt.started_at, ended_at: now, draining };
        let restart = self.restarts.failed(&attempt.coordinator, error, attempted)?;
        self.restart_at = now + restart.delay;
        Ok(SimulatedStep::Restarting(self.restart_at))
    }

    fn note(&mut self, now: Duration, what: impl std::fmt::Display) {
        self.trace.push(format!("{} {what}", now.as_micros()));
    }

    /// xorshift64*: enough to choose who runs next.
    fn draw(&mut self, below: usize) -> usize {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let value = self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(value).unwrap_or(0) % below.max(1)
    }
}

impl Attempt {
    fn start_workers(&mut self, job: &mut Job, splits: usize, now: Duration) -> Result<()> {
        let count = worker_count(job.workers, CORES, splits);
        for index in 0..count {
            let (worker, commands) = build_worker(job, index, count, &self.reports)?;
            self.workers.push(worker);
            self.commands.push(commands);
        }
        self.coordinator.workers_started(self.commands.clone(), now);
        Ok(())
    }
}

impl From<Step> for SimulatedStep {
    fn from(step: Step) -> SimulatedStep {
        match step {
            Step::Busy => SimulatedStep::Busy,
            Step::Idle(until) => SimulatedStep::Idle(until),
            Step::Done => SimulatedStep::Idle(None),
        }
    }
}
