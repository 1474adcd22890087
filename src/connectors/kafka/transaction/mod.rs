//! Exactly once: one Kafka transaction per epoch holds the output of all sinks of a job, its progress record and the
//! offsets for the user's groups, so that they become visible together or not at all.
//!
//! [`plan`] is what the sinks of a job agree on when they are opened, [`shared`] the open transaction, [`domain`] the
//! state machine that recovers and commits, [`takeover`] how a recovery begins, [`topic`] the progress
//! topic, [`store`] how its end is read, [`record`] what is in it, [`former`] a look at
//! it by a job that is not exactly-once any more, and [`refusal`] the broker's errors in words of the job.

mod domain;
mod former;
mod plan;
pub mod record;
mod refusal;
mod shared;
mod store;
mod takeover;
mod topic;

pub(super) use self::domain::{is_of_group, match_scans, seal, unsent};
pub(super) use self::former::FormerRecord;
pub(super) use self::plan::{JobTransaction, Join, Names, cluster_key};
pub(super) use self::refusal::{Doing, has_moved_on, moved_on, of_batch, of_call};
pub(super) use self::shared::{Ending, Transaction};
pub(super) use self::store::ReadLast;
pub(super) use self::takeover::Takeover;
pub(super) use self::topic::Ensure;
