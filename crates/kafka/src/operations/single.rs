//! An operation of one request to one broker: any, a certain one, the controller, or the
//! coordinator of a group or a transactional id.

use std::fmt;
use std::time::Duration;

use super::{Context, Operation};
use crate::apis::{AnyRequest, AnyResponse};
use crate::cluster::{Cluster, Target};
use crate::connection::{CallError, CallId};
use crate::error::{Error, ErrorKind, Result};
use crate::error_table::{self, CoordinatorAction};
use crate::limits::BROKER_GRACE;
use crate::pending::Promise;
use crate::wire::ErrorCode;
use crate::wire::messages::find_coordinator::{
    FindCoordinatorRequest, FindCoordinatorResponse, GROUP_KEY, TRANSACTION_KEY,
};

/// Who can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Any,
    Controller,
    Node(i32),
    /// The coordinator of this group.
    Coordinator(String),
    /// The coordinator of this transactional id.
    Transactional(String),
}

/// What an answer means.
#[derive(Debug)]
pub(super) enum Verdict<T> {
    Done(T),
    /// Ask this at once: the answer was fine, and there is more.
    Next(Box<AnyRequest>),
    /// Ask again later.
    Retry(Error),
    /// Find out again whom to ask, then ask.
    Rediscover(Error),
    Fail(Error),
}

impl<T> Verdict<T> {
    /// What the coordinator's column of the error table says.
    pub(super) fn of(code: ErrorCode, error: Error) -> Self {
        match error_table::coordinator(code) {
            CoordinatorAction::Retry => Self::Retry(error),
            CoordinatorAction::Rediscover => Self::Rediscover(error),
            CoordinatorAction::Fail => Self::Fail(error),
        }
    }
}

/// The broker answered what was not asked.
pub(super) fn unexpected<T>() -> Verdict<T> {
    Verdict::Fail(Error::new(ErrorKind::Corrupt { offset: -1 }, "an answer of another API"))
}

/// Reads an answer; may tell the cluster what it learned.
pub(super) type Read<T> = Box<dyn FnMut(AnyResponse, &mut Cluster, Duration) -> Verdict<T> + Send>;

enum State {
    Idle { retry_at: Duration },
    Finding(CallId),
    Calling(CallId),
}

/// See the module.
pub(super) struct Single<T> {
    route: Route,
    request: AnyRequest,
    /// How long the broker itself may work on it.
    broker_time: Duration,
    read: Read<T>,
    promise: Option<Promise<Result<T>>>,
    started_at: Option<Duration>,
    deadline: Option<Duration>,
    coordinator: Option<i32>,
    failures: u32,
    error: Option<Error>,
    state: State,
    polled_at: Duration,
}

impl<T> Single<T> {
    pub(super) fn new(
        route: Route,
        request: impl Into<AnyRequest>,
        read: Read<T>,
        promise: Promise<Result<T>>,
    ) -> Self {
        Self {
            route,
            request: request.into(),
            broker_time: Duration::ZERO,
            read,
            promise: Some(promise),
            started_at: None,
            deadline: None,
            coordinator: None,
            failures: 0,
            error: None,
            state: State::Idle { retry_at: Duration::ZERO },
            polled_at: Duration::ZERO,
        }
    }

    pub(super) fn with_broker_time(mut self, time: Duration) -> Self {
        self.broker_time = time;
        self
    }

    fn complete(&mut self, result: Result<T>) {
        if let Some(promise) = self.promise.take() {
            promise.complete(result.map_err(|error| error.in_api(self.request.api().name())));
        }
    }

    fn retry(&mut self, error: Error, context: &mut Context<'_>) {
        self.failures = self.failures.saturating_add(1);
        let wait =
            context.cluster.config.retry_backoff.after(self.failures, &mut context.cluster.rng);
        self.state = State::Idle { retry_at: context.now + wait };
        self.error = Some(error);
    }

    fn rediscover(&mut self, error: Error, context: &mut Context<'_>) {
        self.coordinator = None;
        context.cluster.metadata.refresh();
        self.retry(error, context);
    }

    fn start(&mut self, context: &mut Context<'_>) {
        let target = match &self.route {
            Route::Any => Target::Any,
            Route::Controller => {
                context.cluster.metadata.controller().map_or(Target::Any, Target::Node)
            }
            Route::Node(node) => Target::Node(*node),
            Route::Coordinator(key) | Route::Transactional(key) => match self.coordinator {
                Some(node) => Target::Node(node),
                None => {
                    let transactional = matches!(self.route, Route::Transactional(_));
                    let request = FindCoordinatorRequest {
                        key_type: if transactional { TRANSACTION_KEY } else { GROUP_KEY },
                        coordinator_keys: vec![key.clone()],
                        ..FindCoordinatorRequest::default()
                    };
                    let timeout = context.cluster.config.request_timeout;
                    let call = context.send(Target::Any, request.into(), timeout);
                    self.state = State::Finding(call);
                    return;
                }
            },
        };
        let timeout = context.cluster.config.request_timeout.max(self.broker_time + BROKER_GRACE);
        self.state = State::Calling(context.send(target, self.request.clone(), timeout));
    }

    fn found(&mut self, response: &FindCoordinatorResponse, context: &mut Context<'_>) {
        let error = match context.cluster.metadata.found(response) {
            Ok(node) => {
                self.coordinator = Some(node);
                self.state = State::Idle { retry_at: context.now };
                return self.start(context);
            }
            Err(error) => error,
        };
        match error.code().map_or(CoordinatorAction::Fail, error_table::coordinator) {
            CoordinatorAction::Fail => self.complete(Err(error)),
            _ => self.retry(error, context),
        }
    }
}

impl<T: Send> Operation for Single<T> {
    fn poll(&mut self, context: &mut Context<'_>) {
        self.polled_at = context.now;
        let patience = context.cluster.patience();
        let deadline = *self.started_at.get_or_insert(context.now) + patience;
        self.deadline = Some(deadline);
        if deadline <= context.now {
            let error = self.error.take().unwrap_or_else(|| Error::timeout("no answer"));
            let seconds = patience.as_secs();
            return self.complete(Err(error.context(format!("given up after {seconds} s"))));
        }
        let due = matches!(self.state, State::Idle { retry_at } if retry_at <= context.now);
        if due && self.promise.is_some() {
            self.start(context);
        }
    }

    fn answered(
        &mut self,
        call: CallId,
        result: std::result::Result<AnyResponse, CallError>,
        context: &mut Context<'_>,
    ) {
        let finding = matches!(self.state, State::Finding(asked) if asked == call);
        let calling = matches!(self.state, State::Calling(asked) if asked == call);
        match result {
            Ok(AnyResponse::FindCoordinator(response)) if finding => self.found(&response, context),
            Ok(response) if calling => match (self.read)(response, context.cluster, context.now) {
                Verdict::Done(value) => self.complete(Ok(value)),
                Verdict::Next(request) => {
                    (self.request, self.failures) = (*request, 0);
                    self.start(context);
                }
                Verdict::Retry(error) => self.retry(error, context),
                Verdict::Rediscover(error) => self.rediscover(error, context),
                Verdict::Fail(error) => self.complete(Err(error)),
            },
            Err(failed) if finding || calling => {
                if failed.error.is_final() {
                    self.complete(Err(failed.error));
                } else {
                    self.rediscover(failed.error, context);
                }
            }
            _ => {}
        }
    }

    fn next_deadline(&self) -> Option<Duration> {
        let retry = match self.state {
            State::Idle { retry_at } => Some(retry_at),
            _ => None,
        };
        retry.into_iter().chain(self.deadline).filter(|at| *at > self.polled_at).min()
    }

    fn is_done(&self) -> bool {
        self.promise.is_none()
    }
}

impl<T> fmt::Debug for Single<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Single").field("api", &self.request.api()).finish_non_exhaustive()
    }
}
