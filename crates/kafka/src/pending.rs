//! An answer that will arrive: for plain threads that block and for single-threaded programs
//! that look again after the next step.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Called once when the answer is there; must not block.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// A waker inside a struct that is `Debug`.
#[derive(Clone)]
pub(crate) struct Wake(pub(crate) Waker);

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}

struct State<T> {
    value: Option<T>,
    taken: bool,
    waker: Option<Waker>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
}

impl<T> Shared<T> {
    // A poisoned lock can only stem from a panic of a waker; the state itself is always whole.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The receiving end: exactly one value arrives, also when the client is closed first.
pub struct Pending<T>(Arc<Shared<T>>);

impl<T> Pending<T> {
    /// Takes the answer if it is there; `None` before it arrives and after it was taken.
    pub fn try_take(&self) -> Option<T> {
        let mut state = self.0.lock();
        let value = state.value.take();
        state.taken |= value.is_some();
        value
    }

    /// Blocks the thread until the answer is there or `timeout` is over (then `None`). Must not
    /// be called on the thread that drives the network.
    pub fn wait(&self, timeout: Duration) -> Option<T> {
        let state = self.0.lock();
        let (mut state, _) = self
            .0
            .arrived
            .wait_timeout_while(state, timeout, |state| state.value.is_none() && !state.taken)
            .unwrap_or_else(PoisonError::into_inner);
        let value = state.value.take();
        state.taken |= value.is_some();
        value
    }

    /// Calls `waker` when the answer arrives, at once if it is already there.
    pub fn on_ready(&self, waker: Waker) {
        let mut state = self.0.lock();
        if state.value.is_some() {
            drop(state);
            waker();
        } else {
            state.waker = Some(waker);
        }
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("arrived", &self.0.lock().value.is_some()).finish()
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").finish_non_exhaustive()
    }
}

/// The sending end: a promise that is dropped without an answer answers with `abandoned`.
pub(crate) struct Promise<T> {
    shared: Arc<Shared<T>>,
    abandoned: Option<fn() -> T>,
}

impl<T> Promise<T> {
    pub(crate) fn new(abandoned: fn() -> T) -> (Self, Pending<T>) {
        let shared = Arc::new(Shared {
            state: Mutex::new(State { value: None, taken: false, waker: None }),
            arrived: Condvar::new(),
        });
        (Self { shared: Arc::clone(&shared), abandoned: Some(abandoned) }, Pending(shared))
    }

    pub(crate) fn complete(mut self, value: T) {
        self.abandoned = None;
        self.put(value);
    }

    fn put(&self, value: T) {
        let waker = {
            let mut state = self.shared.lock();
            state.value = Some(value);
            state.waker.take()
        };
        self.shared.arrived.notify_all();
        if let Some(waker) = waker {
            waker();
        }
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(abandoned) = self.abandoned.take() {
            self.put(abandoned());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn completes_once_and_wakes() {
        let (promise, pending) = Promise::new(|| 0);
        let woken = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&woken);
        pending.on_ready(Arc::new(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        }));
        assert_eq!(pending.try_take(), None);
        promise.complete(7);
        assert_eq!(woken.load(Ordering::SeqCst), 1);
        assert_eq!(pending.try_take(), Some(7));
        assert_eq!(pending.try_take(), None);
        assert_eq!(pending.wait(Duration::from_secs(60)), None, "nothing more can arrive");
    }

    #[test]
    fn a_waiting_thread_gets_the_answer_and_an_abandoned_promise_answers() {
        let (promise, pending) = Promise::new(|| 0);
        let thread = std::thread::spawn(move || pending.wait(Duration::from_secs(60)));
        drop(promise);
        assert_eq!(thread.join().ok().flatten(), Some(0));
    }
}
