//! Looks whether an exactly-once job is shared already: who does not lead reads nothing before it is, because the offsets of
//! the group may be older than what one process alone has come to.

use super::domain::Exact;
use crate::base::Result;
use crate::connectors::kafka::transaction::record::Sharing;
use crate::connectors::kafka::transaction::{Ensure, ReadLast};
use crate::table::Waker;
use brooklet_kafka::{Client, Isolation};
use std::time::Duration;

/// See the module.
#[derive(Debug)]
pub(super) enum Look {
    Ensuring(Ensure),
    Reading(ReadLast),
}

impl Look {
    pub(super) fn start(exact: &Exact, client: &Client, waker: &Waker) -> Look {
        Look::Ensuring(Ensure::start(client, &exact.names, true, waker))
    }

    /// What the progress topic says by now; the inner `None` says that the job is not shared.
    pub(super) fn poll(
        &mut self,
        exact: &Exact,
        client: &Client,
        waker: &Waker,
        now: Duration,
    ) -> Result<Option<Option<Sharing>>> {
        let names = &exact.names;
        loop {
            match self {
                Look::Ensuring(ensure) => {
                    if !ensure.poll(client, names, waker, now)? {
                        return Ok(None);
                    }
                    // What is not decided yet is looked for again.
                    let decided = Isolation::ReadCommitted;
                    *self = Look::Reading(ReadLast::start(client, names, decided, waker));
                }
                Look::Reading(read) => {
                    let found = read.poll(client, names, waker, now)?;
                    return Ok(found.map(|record| record.and_then(|record| record.shared)));
                }
            }
        }
    }

    pub(super) fn wake_at(&self) -> Option<Duration> {
        match self {
            Look::Ensuring(ensure) => ensure.wake_at(),
            Look::Reading(read) => read.wake_at(),
        }
    }
}
