//! Membership in a consumer group, as a machine for each protocol: [`classic`], where one of the members assigns, and
//! [`consumer`] (KIP-848), where the group's coordinator does. The property `group.protocol` chooses.

mod classic;
mod consumer;
pub mod errors;
mod handle;
mod link;
pub mod protocol;

use std::time::Duration;

use bytes::Bytes;

use self::classic::ClassicMember;
use self::consumer::ConsumerMember;
pub(crate) use self::handle::MemberShared;
pub use self::handle::{MemberEvent, Membership};
pub use self::protocol::{Assignment, Subscription};
use crate::apis::AnyResponse;
use crate::cluster::Cluster;
use crate::config::{ClientConfig, GroupProtocol};
use crate::connection::{CallError, CallId};
use crate::pending::Promise;

/// What the handle asks for.
#[derive(Debug)]
pub(crate) enum Request {
    Join(Subscription),
    /// The generation, and the bytes for each member.
    Assign(i32, Vec<(String, Bytes)>),
    Leave(Promise<()>),
}

/// The machine of a member.
#[derive(Debug)]
pub(crate) enum MemberMachine {
    Classic(ClassicMember),
    Consumer(ConsumerMember),
}

macro_rules! each {
    ($machine:ident, $member:ident => $call:expr) => {
        match $machine {
            MemberMachine::Classic($member) => $call,
            MemberMachine::Consumer($member) => $call,
        }
    };
}

impl MemberMachine {
    /// A member to be, under the protocol and the lasting name of the configuration. `assigns` names the way in which the
    /// leader of a classic group assigns partitions, and begins the id of a member of the other protocol.
    pub(crate) fn new(id: u64, group: &str, assigns: &str, config: &ClientConfig) -> Self {
        let (group, instance) = (group.to_owned(), config.group_instance_id.clone());
        match config.group_protocol {
            GroupProtocol::Classic => {
                Self::Classic(ClassicMember::new(id, group, assigns.to_owned(), instance))
            }
            GroupProtocol::Consumer => {
                Self::Consumer(ConsumerMember::new(id, group, assigns, instance))
            }
        }
    }

    /// Takes what the handle asks for.
    pub(crate) fn request(&mut self, request: Request, cluster: &mut Cluster, now: Duration) {
        each!(self, member => member.request(request, cluster, now));
    }

    /// Ends the connection; the group is not left.
    pub(crate) fn close(&mut self, cluster: &mut Cluster, now: Duration) {
        each!(self, member => member.close(cluster, now));
    }

    pub(crate) fn take_events(&mut self) -> Vec<MemberEvent> {
        each!(self, member => member.take_events())
    }

    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        each!(self, member => member.next_deadline())
    }

    /// Sends what can be sent now.
    pub(crate) fn poll(&mut self, cluster: &mut Cluster, now: Duration) {
        each!(self, member => member.poll(cluster, now));
    }

    /// An answer of a coordinator.
    pub(crate) fn answered(
        &mut self,
        call: CallId,
        result: Result<AnyResponse, CallError>,
        cluster: &mut Cluster,
        now: Duration,
    ) {
        each!(self, member => member.answered(call, result, cluster, now));
    }
}

/// Milliseconds as the protocol has them.
fn millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}
