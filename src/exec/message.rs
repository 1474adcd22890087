//! What the coordinator and the workers tell each other.

use super::signal::Signal;
use crate::base::Error;
use crate::table::{Epoch, Position, Split};
use crate::types::SplitId;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Positions of one scan's splits on one worker.
pub(super) type Positions = Vec<(Arc<SplitId>, Position)>;

/// From the coordinator to a worker.
#[derive(Debug)]
pub(super) enum Command {
    /// Start reading splits of a scan.
    Assign { scan: usize, splits: Vec<Split> },
    /// Between two polls: note positions, seal output. With `last`, read nothing after it.
    Barrier { epoch: Epoch, last: bool },
    /// End the thread.
    Stop,
}

/// From a worker to the coordinator.
#[derive(Debug)]
pub(super) enum Report {
    /// The barrier fell; positions per scan.
    Barrier { epoch: Epoch, positions: Vec<Positions> },
    /// Output up to the epoch's barrier is acknowledged.
    Flushed { epoch: Epoch },
    /// A split reached its end.
    Ended { scan: usize },
    /// A split does not exist any more.
    Gone { scan: usize, split: Arc<SplitId> },
    /// Every output has all the rows it wants (LIMIT).
    Satisfied,
    /// The worker gave up.
    Failed { error: Error },
}

/// A queue with a wake-up. Its length is bounded by the protocol: at most one barrier is under way, reports answer
/// commands or end splits.
#[derive(Debug)]
pub(super) struct Mailbox<T> {
    queue: Mutex<VecDeque<T>>,
    pub(super) signal: Arc<Signal>,
}

impl<T> Mailbox<T> {
    pub(super) fn new() -> Arc<Mailbox<T>> {
        Arc::new(Mailbox { queue: Mutex::new(VecDeque::new()), signal: Signal::new() })
    }

    pub(super) fn send(&self, message: T) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(message);
        self.signal.notify();
    }

    pub(super) fn take(&self) -> Option<T> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}
