//! Stopping a job from outside, and the clock.

use super::signal::Signal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time since an arbitrary start; never goes back.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn new() -> Clock {
        Clock { start: Instant::now() }
    }

    /// Time since the start.
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::new()
    }
}

/// Asks a running job to end. Cloned handles act on the same job.
#[derive(Clone, Debug, Default)]
pub struct JobControl(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    drain: AtomicBool,
    waiting: Mutex<Vec<Arc<Signal>>>,
}

impl JobControl {
    /// A control that no job has seen yet.
    pub fn new() -> JobControl {
        JobControl::default()
    }

    /// Stops reading, finishes what was read, commits, ends: the first INT or TERM.
    pub fn drain(&self) {
        self.0.drain.store(true, Ordering::Release);
        for signal in self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            signal.notify();
        }
    }

    /// Whether [`JobControl::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.0.drain.load(Ordering::Acquire)
    }

    /// Whether both act on the same job.
    pub fn same(&self, other: &JobControl) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn wake_on_drain(&self, signal: &Arc<Signal>) {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(signal));
    }
}
