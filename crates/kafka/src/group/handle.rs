//! The handle of a membership.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Assignment, Request, Subscription};
use crate::client::ClientHandle;
use crate::core::Command;
use crate::error::Error;
use crate::pending::{Pending, Promise, Waker};
use crate::transaction::GroupMember;

/// What a member hears.
#[derive(Debug, Clone, PartialEq)]
pub enum MemberEvent {
    /// This member leads the generation: it is to [`assign`](Membership::assign) partitions to all members.
    Elected {
        /// The generation.
        generation: i32,
        /// Every member's id and what it wants, by id; what cannot be read is `None`.
        members: Vec<(String, Option<Subscription>)>,
    },
    /// The generation has begun.
    Assigned {
        /// To commit with.
        member: GroupMember,
        /// What to read.
        assignment: Assignment,
        /// Whether this member leads.
        leads: bool,
    },
    /// The generation has moved on without a change of what the member has: from now on it commits with this.
    Advanced(GroupMember),
    /// The group begins another generation: what was worked on is to be committed, in time, and then
    /// [`join`](Membership::join) called.
    Revoked,
    /// The group has gone on without this member: nothing can be committed any more. [`join`](Membership::join) makes it
    /// a member again.
    Lost(Error),
    /// The group will take the member in once something has passed by itself, which this says; it is asked meanwhile.
    Waits(Error),
    /// The membership is over.
    Failed(Error),
}

/// What the handle and the machine share.
pub(crate) struct MemberShared {
    events: Mutex<VecDeque<MemberEvent>>,
    waker: Waker,
}

impl MemberShared {
    pub(crate) fn new(waker: Waker) -> Arc<Self> {
        Arc::new(Self { events: Mutex::default(), waker })
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<MemberEvent>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn deliver(&self, events: Vec<MemberEvent>) {
        if !events.is_empty() {
            self.lock().extend(events);
            (self.waker)();
        }
    }
}

impl fmt::Debug for MemberShared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemberShared").finish_non_exhaustive()
    }
}

/// A member of a consumer group. Heartbeats are sent by themselves as long as the handle lives; dropping it does
/// not leave the group, which then takes the session's time-out to notice.
#[derive(Debug)]
pub struct Membership {
    id: u64,
    client: Arc<ClientHandle>,
    shared: Arc<MemberShared>,
}

impl Membership {
    pub(crate) fn new(id: u64, client: Arc<ClientHandle>, shared: Arc<MemberShared>) -> Self {
        Self { id, client, shared }
    }

    /// Joins, or joins again once everything is given up. The group begins another generation, and the other members hear
    /// of it.
    pub fn join(&self, subscription: &Subscription) {
        self.request(Request::Join(subscription.clone()));
    }

    /// The leader's answer to [`MemberEvent::Elected`]; for a generation that is over it means nothing.
    pub fn assign(&self, generation: i32, assignments: &[(String, Assignment)]) {
        let encoded = assignments.iter().map(|(id, gets)| (id.clone(), gets.encode()));
        self.request(Request::Assign(generation, encoded.collect()));
    }

    /// Leaves the group, so that the others need not wait for the end of the session. A member with a lasting name stays
    /// (KIP-345). Answered when the coordinator has answered, or cannot.
    pub fn leave(&self) -> Pending<()> {
        let (promise, pending) = Promise::new(|| ());
        self.request(Request::Leave(promise));
        pending
    }

    /// The next event, if there is one. The waker is called when there may be one again.
    pub fn poll(&self) -> Option<MemberEvent> {
        self.shared.lock().pop_front()
    }

    fn request(&self, request: Request) {
        self.client.command(Command::Member { member: self.id, request });
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.client.command(Command::CloseMember { member: self.id });
    }
}
