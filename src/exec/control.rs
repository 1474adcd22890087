//! Stopping a job from outside, and the clock.

use super::signal::Signal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
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
    /// Those who wait; the signals of attempts that are over are dropped.
    waiting: Mutex<Vec<Weak<Signal>>>,
}

impl JobControl {
    /// A control that no job has seen yet.
    pub fn new() -> JobControl {
        JobControl::default()
    }

    /// Stops reading, finishes what was read, commits, ends: the first INT or TERM.
    pub fn drain(&self) {
        self.0.drain.store(true, Ordering::Release);
        self.waiting().iter().filter_map(Weak::upgrade).for_each(|signal| signal.notify());
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
        let mut waiting = self.waiting();
        waiting.retain(|signal| signal.strong_count() > 0);
        waiting.push(Arc::downgrade(signal));
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Weak<Signal>>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_of_attempts_that_are_over_are_not_kept() {
        let control = JobControl::new();
        for _ in 0..1000 {
            control.wake_on_drain(&Signal::new());
        }
        let last = Signal::new();
        control.wake_on_drain(&last);
        assert_eq!(control.waiting().len(), 1);
        control.drain();
        last.wait(None);
    }
}
