//! A member's line to the coordinator of its group: one call at a time, found again when it moves.

use std::time::Duration;

use crate::apis::{AnyRequest, AnyResponse};
use crate::cluster::{Cluster, Owner, Purpose, Target};
use crate::connection::{CallError, CallId};
use crate::error::Error;
use crate::error_table::{self, CoordinatorAction};
use crate::wire::messages::find_coordinator::{FindCoordinatorRequest, GROUP_KEY};

/// What an answer is to the member, once the line has seen to itself.
pub(super) enum Heard<A> {
    /// Nothing: of a call that is given up, or all that there was to it is seen to.
    Nothing,
    /// The answer to what was asked.
    Answer(A, AnyResponse),
    /// None; the coordinator is looked for anew, and the time for it is set.
    Broken(A),
    /// None, and there will be none.
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

    /// Takes the answer to a call.
    pub(super) fn heard(
        &mut self,
        call: CallId,
        result: Result<AnyResponse, CallError>,
        cluster: &mut Cluster,
        now: Duration,
    ) -> Heard<A> {
        let Some((_, asked)) = self.call.take_if(|(out, _)| *out == call) else {
            return Heard::Nothing;
        };
        match result {
            Ok(AnyResponse::FindCoordinator(response)) => match cluster.metadata.found(&response) {
                Ok(node) => {
                    self.node = Some(node);
                    Heard::Nothing
                }
                Err(error) => match error.code().map(error_table::coordinator) {
                    None | Some(CoordinatorAction::Fail) => Heard::Never(error),
                    Some(_) => self.broken(asked, cluster, now),
                },
            },
            Ok(response) => Heard::Answer(asked, response),
            Err(failed) if failed.error.is_final() => Heard::Never(failed.error),
            Err(_) => self.broken(asked, cluster, now),
        }
    }

    fn broken(&mut self, asked: A, cluster: &mut Cluster, now: Duration) -> Heard<A> {
        self.rediscover(cluster, now);
        Heard::Broken(asked)
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
