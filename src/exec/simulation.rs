//! A job on one thread under a virtual clock: the same seed gives the same trace.

use super::control::JobControl;
use super::coordinator::{Coordinator, Outcome};
use super::job::{Job, JobEnd};
use super::message::{Command, Mailbox, Report};
use super::runner::{build_worker, coordinate, worker_count};
use super::worker::{Step, Worker};
use crate::base::Result;
use std::sync::Arc;
use std::time::Duration;

/// Steps a job's coordinator and workers in an order drawn from a seed.
///
/// The caller owns the clock and whatever stands in for the network; it steps those between calls of
/// [`Simulation::step`] and moves the clock when everything is idle.
#[derive(Debug)]
pub struct Simulation {
    coordinator: Coordinator,
    reports: Arc<Mailbox<Report>>,
    workers: Vec<Worker>,
    commands: Vec<Arc<Mailbox<Command>>>,
    random: u64,
    trace: Vec<String>,
}

/// What a simulated step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimulatedStep {
    /// Something moved.
    Busy,
    /// Nothing to do before this time, or before the network moves.
    Idle(Option<Duration>),
    /// The job ended.
    Ended(JobEnd),
}

impl Simulation {
    /// Starts the job; nothing runs before the first step.
    pub fn start(job: &mut Job, control: &JobControl, seed: u64) -> Result<Simulation> {
        let reports = Mailbox::new();
        let coordinator = coordinate(job, control, &reports, None)?;
        Ok(Simulation {
            coordinator,
            reports,
            workers: Vec::new(),
            commands: Vec::new(),
            random: seed | 1,
            trace: Vec::new(),
        })
    }

    /// Steps one participant, chosen by the seed; tries the others before it reports idleness.
    pub fn step(&mut self, job: &mut Job, now: Duration) -> Result<SimulatedStep> {
        let participants = self.workers.len() + 1;
        let first = self.draw(participants);
        let mut deadline: Option<Duration> = None;
        for turn in 0..participants {
            let participant = (first + turn) % participants;
            let step = if participant == 0 {
                match self.coordinator.step(now)? {
                    Outcome::Ended(end) => {
                        self.note(now, participant, "ended");
                        return Ok(SimulatedStep::Ended(end));
                    }
                    Outcome::StartWorkers { splits } => {
                        self.start_workers(job, splits, now)?;
                        Step::Busy
                    }
                    Outcome::Step(step) => step,
                }
            } else {
                self.workers.get_mut(participant - 1).map_or(Step::Done, |worker| worker.step(now))
            };
            match step {
                Step::Busy => {
                    self.note(now, participant, "busy");
                    return Ok(SimulatedStep::Busy);
                }
                Step::Idle(Some(at)) => deadline = Some(deadline.map_or(at, |d| d.min(at))),
                Step::Idle(None) | Step::Done => {}
            }
        }
        Ok(SimulatedStep::Idle(deadline))
    }

    /// What moved when: equal for equal seeds.
    pub fn trace(&self) -> &[String] {
        &self.trace
    }

    fn start_workers(&mut self, job: &mut Job, splits: usize, now: Duration) -> Result<()> {
        let count = worker_count(job.workers, 2, splits);
        for index in 0..count {
            let (worker, commands) = build_worker(job, index, count, &self.reports)?;
            self.workers.push(worker);
            self.commands.push(commands);
        }
        self.coordinator.workers_started(self.commands.clone(), now);
        Ok(())
    }

    fn note(&mut self, now: Duration, participant: usize, what: &str) {
        self.trace.push(format!("{} {participant} {what}", now.as_micros()));
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
