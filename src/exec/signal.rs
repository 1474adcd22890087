//! Waking a thread that waits for work.

use crate::table::Waker;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A level-triggered wake-up: setting it twice wakes once, setting it before the wait makes the wait return at once.
#[derive(Debug, Default)]
pub(super) struct Signal {
    set: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    pub(super) fn new() -> Arc<Signal> {
        Arc::new(Signal::default())
    }

    pub(super) fn notify(&self) {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        *set = true;
        self.changed.notify_one();
    }

    /// Waits until notified or `timeout` has passed; `None` waits without end.
    pub(super) fn wait(&self, timeout: Option<Duration>) {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        if !*set {
            set = match timeout {
                None => self.changed.wait(set).unwrap_or_else(PoisonError::into_inner),
                Some(timeout) => {
                    self.changed
                        .wait_timeout(set, timeout)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
        *set = false;
    }

    pub(super) fn waker(self: &Arc<Signal>) -> Waker {
        let signal = Arc::clone(self);
        Arc::new(move || signal.notify())
    }
}
