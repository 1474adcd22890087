//! What follows a failure: go on from the last epoch, or give up.

use super::coordinator::{Coordinator, Resume};
use super::job::Job;
use super::rejects::Refusals;
use crate::base::{Error, ErrorKind, Result};
use crate::plan::RestartStrategy;
use std::sync::Arc;
use std::time::Duration;

/// Delay before the first restart; it doubles up to [`RESTART_BACKOFF_MAX`] (Flink's exponential-delay).
const RESTART_BACKOFF_MIN: Duration = Duration::from_millis(200);

/// Longest delay between restarts.
const RESTART_BACKOFF_MAX: Duration = Duration::from_secs(10);

/// An attempt that completed epochs for so long was no vain one, whether there was something to read or not.
const LASTED_MIN: Duration = Duration::from_secs(60);

/// How often an outage that goes on is told of, beyond its first [`OUTAGE_TOLD`] restarts.
const OUTAGE_NOTICE: Duration = Duration::from_secs(300);

/// Restarts of an outage that are told like any other.
const OUTAGE_TOLD: u32 = 5;

/// The restarts of one job in one process.
///
/// A retriable failure after the first completed epoch rewinds to that epoch, up to the job's number of attempts
/// without progress in between; any other failure ends the job. A job whose domain says where it is may also restart before.
/// Failures of brokers that do not answer are not counted, unless the job's strategy says so: nothing is wrong with the job.
#[derive(Debug)]
pub(super) struct Restarts {
    strategy: RestartStrategy,
    attempts: u32,
    /// The last failures had nothing but this behind them.
    outage: Option<Outage>,
    resume: Option<Resume>,
    /// Where the job may do an attempt over.
    refusals: Option<Arc<Refusals>>,
}

/// Brokers do not answer.
#[derive(Clone, Copy, Debug)]
struct Outage {
    /// When the first attempt failed of it.
    since: Duration,
    restarts: u32,
    told_at: Duration,
}

/// A failed attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempted {
    pub(super) started_at: Duration,
    pub(super) ended_at: Duration,
    /// The job is to end.
    pub(super) draining: bool,
}

/// The next attempt.
#[derive(Debug)]
pub(super) struct Restart {
    pub(super) delay: Duration,
    /// What people are told.
    pub(super) line: Option<String>,
}

impl Restarts {
    /// As the job says.
    pub(super) fn of(job: &Job) -> Restarts {
        let refusals = job.replays.then(|| Arc::clone(&job.refusals));
        Restarts { strategy: job.restart, attempts: 0, outage: None, resume: None, refusals }
    }

    /// Where the next attempt starts; `None` where the job's stored progress says.
    pub(super) fn resume(&self) -> Option<&Resume> {
        self.resume.as_ref()
    }

    /// An attempt ended because the splits are distributed anew: the domain knows where the next one goes on.
    pub(super) fn reassigned(&mut self, coordinator: &Coordinator) {
        self.attempts = 0;
        self.resume = Some(coordinator.resume());
    }

    /// Records that were refused failed the attempt, and the next one leaves them out.
    fn without_refused(&mut self, coordinator: &Coordinator) {
        let unsure = self.resume.as_ref().is_some_and(|earlier| earlier.unsure);
        let mut resume = coordinator.start_or_resume();
        resume.unsure |= unsure && coordinator.completed == 0;
        self.resume = Some(resume);
    }

    /// The next attempt, or the error that ends the job.
    pub(super) fn failed(
        &mut self,
        coordinator: &Coordinator,
        error: Error,
        attempt: Attempted,
    ) -> Result<Restart> {
        // Each attempt does without more of what was refused, or tells what it was: there is no end to count to, and
        // nothing to wait for.
        if self.refusals.as_ref().is_some_and(|refusals| refusals.take_fresh()) {
            self.without_refused(coordinator);
            return Ok(Restart::after(Duration::ZERO, &error));
        }
        let resume = coordinator.resume();
        if coordinator.completed > 0 {
            let lasted = attempt.ended_at.saturating_sub(attempt.started_at);
            if coordinator.progressed || lasted >= LASTED_MIN {
                self.attempts = 0;
            }
            self.outage = None;
            self.resume = Some(resume);
        } else if let Some(earlier) = &mut self.resume {
            earlier.unsure |= resume.unsure;
        } else if coordinator.can_ask() {
            self.resume = Some(Resume { progress: Vec::new(), unsure: true });
        }
        if !error.is_retriable() || self.resume.is_none() || attempt.draining {
            return Err(error);
        }
        if error.is_outage() && self.strategy.outlasts_outages {
            return Ok(self.wait_out(&error, attempt.ended_at));
        }
        self.outage = None;
        self.attempts += 1;
        if self.attempts > self.strategy.attempts {
            let restarts = self.attempts - 1;
            let given_up = format!("gave up after {restarts} restarts without progress");
            return Err(match restarts {
                0 => error,
                _ => Error::new(ErrorKind::External, format!("{given_up}: {error}")),
            });
        }
        let delay = self.strategy.fixed_delay.unwrap_or_else(|| delay(self.attempts));
        Ok(Restart::after(delay, &error))
    }

    /// Goes on trying until there are answers.
    fn wait_out(&mut self, error: &Error, now: Duration) -> Restart {
        let new = Outage { since: now, restarts: 0, told_at: now };
        let outage = self.outage.get_or_insert(new);
        outage.restarts = outage.restarts.saturating_add(1);
        let mut restart = Restart::after(delay(outage.restarts), error);
        if outage.restarts <= OUTAGE_TOLD {
            outage.told_at = now;
            return restart;
        }
        restart.line = (now.saturating_sub(outage.told_at) >= OUTAGE_NOTICE).then(|| {
            outage.told_at = now;
            let minutes = now.saturating_sub(outage.since).as_secs() / 60;
            format!("still no answer after {minutes} min, and trying on: {error}")
        });
        restart
    }
}

impl Restart {
    fn after(delay: Duration, cause: &Error) -> Restart {
        let millis = delay.as_millis();
        let line = format!("restarting from the last epoch in {millis} ms: {cause}");
        Restart { delay, line: Some(line) }
    }
}

/// Delay before restart number `attempt` (from 1).
fn delay(attempt: u32) -> Duration {
    RESTART_BACKOFF_MIN
        .saturating_mul(1 << attempt.saturating_sub(1).min(16))
        .min(RESTART_BACKOFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_bound() {
        let millis: Vec<u128> = [1, 2, 3, 6, 7, 40].map(|n| delay(n).as_millis()).into();
        assert_eq!(millis, [200, 400, 800, 6400, 10_000, 10_000]);
    }

    #[test]
    fn a_long_outage_is_told_of_now_and_then() {
        let strategy = RestartStrategy { attempts: 1, fixed_delay: None, outlasts_outages: true };
        let mut restarts =
            Restarts { strategy, attempts: 0, outage: None, resume: None, refusals: None };
        let error = Error::new(ErrorKind::External, "no answer").outage();
        let minute = |n: u64| Duration::from_secs(60 * n);
        let told = (0..26).filter_map(|n| {
            let line = restarts.wait_out(&error, minute(n)).line?;
            Some((n, line.starts_with("still no answer after")))
        });
        let mut expected: Vec<(u64, bool)> = (0..5).map(|n| (n, false)).collect();
        expected.extend([9, 14, 19, 24].map(|n| (n, true)));
        assert_eq!(told.collect::<Vec<_>>(), expected);
        assert_eq!(restarts.attempts, 0);
    }
}
