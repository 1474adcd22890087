//! Jobs that run beside the statements.

use crate::base::{Error, Result, Span};
use crate::exec::{JobControl, JobEnd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// A job that was started.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) name: String,
    pub(super) control: JobControl,
    pub(super) thread: JoinHandle<Result<JobEnd>>,
    /// The statement that started it.
    pub(super) span: Span,
    /// Whether its input ends.
    pub(super) bounded: bool,
}

impl Running {
    /// Waits for its end; a failure points at the statement.
    pub(super) fn join(self) -> Result<JobEnd> {
        let end = self.thread.join();
        end.unwrap_or_else(|_| Err(Error::internal("a job's thread panicked")))
            .map_err(|error| error.at(self.span))
    }
}

/// The running jobs of a session, for a thread that must stop them while the session is busy.
#[derive(Clone, Debug, Default)]
pub struct RunningJobs(Arc<Mutex<Vec<JobControl>>>);

impl RunningJobs {
    fn lock(&self) -> MutexGuard<'_, Vec<JobControl>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job starts; the answer is dropped at its end.
    pub(super) fn start(&self, control: &JobControl) -> Registered {
        self.lock().push(control.clone());
        Registered { jobs: self.clone(), control: control.clone() }
    }

    /// Asks all jobs to end and waits until they have, looking every `poll`.
    pub fn drain_and_wait(&self, poll: Duration) {
        loop {
            let jobs = self.lock().clone();
            if jobs.is_empty() {
                return;
            }
            jobs.iter().for_each(JobControl::drain);
            std::thread::sleep(poll);
        }
    }
}

/// Keeps a job in the list.
#[derive(Debug)]
pub(super) struct Registered {
    jobs: RunningJobs,
    control: JobControl,
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut jobs = self.jobs.lock();
        if let Some(at) = jobs.iter().position(|other| other.same(&self.control)) {
            jobs.swap_remove(at);
        }
    }
}
