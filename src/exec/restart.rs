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

/// The restarts of one job in one process.
///
/// A retriable failure after the first completed epoch rewinds to that epoch, up to the job's number of attempts
/// without progress in between; any other failure ends the job. A job whose domain says where it is may also restart before.
#[derive(Debug)]
pub(super) struct Restarts {
    strategy: RestartStrategy,
    attempts: u32,
    resume: Option<Resume>,
    /// Where the job may do an attempt over.
    refusals: Option<Arc<Refusals>>,
}

impl Restarts {
    /// As the job says.
    pub(super) fn of(job: &Job) -> Restarts {
        let refusals = job.replays.then(|| Arc::clone(&job.refusals));
        Restarts { strategy: job.restart, attempts: 0, resume: None, refusals }
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

    /// The delay before the next attempt, or the error that ends the job. The failed one `lasted` for so long.
    pub(super) fn failed(
        &mut self,
        coordinator: &Coordinator,
        error: Error,
        lasted: Duration,
        draining: bool,
    ) -> Result<Duration> {
        // Each attempt does without more of what was refused, or tells what it was: there is no end to count to, and
        // nothing to wait for.
        if self.refusals.as_ref().is_some_and(|refusals| refusals.take_fresh()) {
            self.without_refused(coordinator);
            return Ok(Duration::ZERO);
        }
        let resume = coordinator.resume();
        if coordinator.completed > 0 {
            if coordinator.progressed || lasted >= LASTED_MIN {
                self.attempts = 0;
            }
            self.resume = Some(resume);
        } else if let Some(earlier) = &mut self.resume {
            earlier.unsure |= resume.unsure;
        } else if coordinator.can_ask() {
            self.resume = Some(Resume { progress: Vec::new(), unsure: true });
        }
        if !error.is_retriable() || self.resume.is_none() || draining {
            return Err(error);
        }
        self.attempts += 1;
        if self.attempts > self.strategy.attempts {
            let restarts = self.attempts - 1;
            let given_up = format!("gave up after {restarts} restarts without progress");
            return Err(match restarts {
                0 => error,
                _ => Error::new(ErrorKind::External, format!("{given_up}: {error}")),
            });
        }
        Ok(self.strategy.fixed_delay.unwrap_or_else(|| delay(self.attempts)))
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
}
