//! A member's line to the coordinator of its group: one call at a time, found again when it moves.

use std::time::Duration;

use crate::apis::AnyRequest;
use crate::cluster::{Cluster, Owner, Purpose, Target};
use crate::connection::CallId;
use crate::error::Error;
use crate::error_table::{self, CoordinatorAction};
use crate::wire::messages::find_coordinator::{
    FindCoordinatorRequest, FindCoordinatorResponse, GROUP_KEY,
};

/// What became of the search for the coordinator.
pub(super) enum Found {
    Yes,
    /// To be asked again; the time for it is set.
    NotYet,
    Never(Error),
}

/// See the module. `A` tells what a call asks for.
#[derive(Debug)]
pub(super) struct Link<A> {
    pub(super) id: u64,
    pub(super) group: String,
    /// The coordinator, if it is known.
    pub(super) node: Option<i32>,
    pub(super) call: Option<(CallId, A)>,
    pub(super) retry_at: Duration,
    failures: u32,
}

impl<A: Copy> Link<A> {
    pub(super) fn new(id: u64, group: String) -> Self {
        Self { id, group, node: None, call: None, retry_at: Duration::ZERO, failures: 0 }
    }

    /// Whether something can be asked now.
    pub(super) fn is_free(&self, now: Duration) -> bool {
        self.call.is_none() && self.retry_at <= now
    }

    /// The coordinator; asks for it, as `asked`, if it is not known.
    pub(super) fn coordinator(
        &mut self,
        asked: A,
        cluster: &mut Cluster,
        now: Duration,
    ) -> Option<i32> {
        if self.node.is_none() {
            let request = FindCoordinatorRequest {
                key_type: GROUP_KEY,
                coordinator_keys: vec![self.group.clone()],
                ..FindCoordinatorRequest::default()
            };
            let timeout = cluster.config.request_timeout;
            let way = (Target::Any, Purpose::Coordination);
            self.send(way, request.into(), timeout, asked, cluster, now);
        }
        self.node
    }

    pub(super) fn send(
        &mut self,
        (target, purpose): (Target, Purpose),
        request: AnyRequest,
        timeout: Duration,
        asked: A,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        let call = cluster.send(target, purpose, request, timeout, Owner::Member(self.id), now);
        self.call = Some((call, asked));
    }

    /// What the call that is answered asked for; `None` for one that is given up.
    pub(super) fn answered(&mut self, call: CallId) -> Option<A> {
        self.call.take_if(|(out, _)| *out == call).map(|(_, asked)| asked)
    }

    /// Takes the answer of FindCoordinator.
    pub(super) fn found(
        &mut self,
        response: &FindCoordinatorResponse,
        cluster: &mut Cluster,
        now: Duration,
    ) -> Found {
        match cluster.metadata.found(response) {
            Ok(node) => {
                self.node = Some(node);
                Found::Yes
            }
            Err(error) => match error.code().map(error_table::coordinator) {
                None | Some(CoordinatorAction::Fail) => Found::Never(error),
                Some(_) => {
                    self.rediscover(cluster, now);
                    Found::NotYet
                }
            },
        }
    }

    /// Gives up what is out, which may wait at the coordinator for as long as a rebalance takes.
    pub(super) fn hang_up(&mut self, cluster: &mut Cluster, now: Duration) {
        self.call = None;
        cluster.close_purpose(Purpose::Group(self.id), now);
    }

    pub(super) fn rediscover(&mut self, cluster: &mut Cluster, now: Duration) {
        self.node = None;
        cluster.metadata.refresh();
        self.retry(cluster, now);
    }

    pub(super) fn retry(&mut self, cluster: &mut Cluster, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now + cluster.config.retry_backoff.after(self.failures, &mut cluster.rng);
    }

    pub(super) fn start_over(&mut self) {
        self.failures = 0;
        self.retry_at = Duration::ZERO;
    }
}
