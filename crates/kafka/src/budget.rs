//! The memory that fetched data may hold in a process.
//!
//! A record is a view into the frame that brought it, so a permit counts the whole frame and
//! lives until the last view is dropped, wherever that happens.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::limits::{FETCH_BUDGET_BYTES_DEFAULT, FETCH_BYTES_MIN};
use crate::pending::Waker;

struct State {
    limit: usize,
    used: usize,
    /// Fetch streams (one per consumer and broker) that divide the limit.
    streams: usize,
    /// Number of the next stream.
    next_stream: u64,
    /// Streams that were refused, and how to let them try again.
    refused: BTreeMap<u64, Waker>,
}

/// A bound on fetched bytes, shared by every client of a [`Network`](crate::transport::Network).
pub struct Budget(Mutex<State>);

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        let state = State { limit, used: 0, streams: 0, next_stream: 0, refused: BTreeMap::new() };
        Arc::new(Self(Mutex::new(state)))
    }

    /// Changes the bound; what is held already stays.
    pub fn set_limit(&self, bytes: usize) {
        let refused = {
            let mut state = self.lock();
            state.limit = bytes;
            std::mem::take(&mut state.refused)
        };
        for wake in refused.into_values() {
            wake();
        }
    }

    /// The bound, bytes.
    pub fn limit(&self) -> usize {
        self.lock().limit
    }

    /// Bytes held by views and reserved by fetches that are under way.
    pub fn used(&self) -> usize {
        self.lock().used
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self, bytes: usize) {
        let refused = {
            let mut state = self.lock();
            state.used = state.used.saturating_sub(bytes);
            std::mem::take(&mut state.refused)
        };
        for wake in refused.into_values() {
            wake();
        }
    }

    /// A new fetch stream takes part.
    pub(crate) fn join(self: &Arc<Self>) -> Stream {
        let mut state = self.lock();
        state.streams += 1;
        let id = state.next_stream;
        state.next_stream += 1;
        Stream { budget: Arc::clone(self), id }
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Budget").field("limit", &state.limit).field("used", &state.used).finish()
    }
}

/// One consumer's fetches from one broker.
#[derive(Debug)]
pub(crate) struct Stream {
    budget: Arc<Budget>,
    id: u64,
}

impl Stream {
    /// Reserves at most `want` bytes for an answer; `None` if too little is free. `wake` is
    /// called when it is worth trying again.
    ///
    /// A stream gets half of its share, so that the next answer can arrive while the last one is
    /// worked on. If nothing at all is held, something is granted whatever the limit says.
    pub(crate) fn reserve(&self, want: usize, wake: &Waker) -> Option<Permit> {
        let mut state = self.budget.lock();
        let share = state.limit / state.streams.max(1) / 2;
        let want = want.min(share).max(FETCH_BYTES_MIN);
        let free = state.limit.saturating_sub(state.used);
        let granted = if free >= want {
            want
        } else if free >= FETCH_BYTES_MIN.max(want / 2) {
            free
        } else if state.used == 0 {
            FETCH_BYTES_MIN
        } else {
            state.refused.entry(self.id).or_insert_with(|| Arc::clone(wake));
            return None;
        };
        state.used += granted;
        state.refused.remove(&self.id);
        Some(Permit { budget: Arc::clone(&self.budget), bytes: granted })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.budget.lock();
        state.refused.remove(&self.id);
        state.streams = state.streams.saturating_sub(1);
    }
}

/// Bytes taken out of a budget; given back on drop.
#[derive(Debug)]
pub(crate) struct Permit {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Permit {
    /// Bytes reserved.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Ties the permit to the frame that came: now it counts that frame's real size, and it is
    /// given back when the last slice of the result is dropped.
    pub(crate) fn pin(mut self, frame: Bytes) -> Bytes {
        let extra = frame.len().saturating_sub(self.bytes);
        if extra > 0 {
            self.budget.lock().used += extra;
        } else {
            self.budget.release(self.bytes - frame.len());
        }
        self.bytes = frame.len();
        Bytes::from_owner(Pinned { frame, _permit: self })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.release(self.bytes);
    }
}

struct Pinned {
    frame: Bytes,
    _permit: Permit,
}

impl AsRef<[u8]> for Pinned {
    fn as_ref(&self) -> &[u8] {
        &self.frame
    }
}

/// The budget when nobody names one.
pub(crate) fn default_budget() -> Arc<Budget> {
    Budget::new(FETCH_BUDGET_BYTES_DEFAULT)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn waker() -> (Waker, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let inner = Arc::clone(&count);
        let wake: Waker = Arc::new(move || {
            inner.fetch_add(1, Ordering::SeqCst);
        });
        (wake, count)
    }

    #[test]
    fn the_last_view_gives_the_frame_back() {
        let (wake, _) = waker();
        let budget = Budget::new(1 << 20);
        let stream = budget.join();
        let permit = stream.reserve(1 << 20, &wake).unwrap();
        assert_eq!(permit.bytes(), 1 << 19, "half of the share");
        let frame = permit.pin(Bytes::from(vec![7; 1000]));
        assert_eq!(budget.used(), 1000);
        let view = frame.slice(10..20);
        drop(frame);
        assert_eq!(budget.used(), 1000, "ten bytes hold the whole frame");
        drop(view);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_refused_stream_is_woken_by_a_release() {
        let (wake, woken) = waker();
        let budget = Budget::new(256 * 1024);
        let stream = budget.join();
        let first = stream.reserve(1 << 20, &wake).unwrap();
        let second = stream.reserve(1 << 20, &wake).unwrap();
        for _ in 0..100 {
            assert!(stream.reserve(1 << 20, &wake).is_none());
        }
        assert_eq!(woken.load(Ordering::SeqCst), 0);
        drop(first);
        assert_eq!(woken.load(Ordering::SeqCst), 1);
        drop(second);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn an_answer_above_its_permit_counts_in_full() {
        let (wake, _) = waker();
        let budget = Budget::new(FETCH_BYTES_MIN);
        let frame = budget.join().reserve(1, &wake).unwrap().pin(Bytes::from(vec![0; 1 << 20]));
        assert_eq!(budget.used(), 1 << 20);
        assert!(budget.join().reserve(1, &wake).is_none());
        drop(frame);
        assert!(budget.join().reserve(1, &wake).is_some());
    }

    #[test]
    fn streams_divide_the_limit() {
        let (wake, _) = waker();
        let budget = Budget::new(16 << 20);
        let (a, b) = (budget.join(), budget.join());
        let permits = [a.reserve(50 << 20, &wake), b.reserve(50 << 20, &wake)];
        assert!(permits.iter().all(|p| p.as_ref().is_some_and(|p| p.bytes() == 4 << 20)));
    }
}
