//! The session: statements in, running jobs out. The only place where SQL, exec, connectors and formats meet.

mod alter;
#[cfg(test)]
mod bindings;
mod catalog;
#[cfg(test)]
mod changes_tests;
mod check;
mod ddl;
mod describe;
mod execution_plan;
mod expand;
mod failures;
mod formats;
mod job;
mod legacy;
mod like;
mod machine;
mod namesakes;
mod namespaces;
mod open;
mod partitions;
mod running;
mod session;
mod show;
mod statements;
mod tableau;
#[cfg(test)]
mod tests;

pub use expand::{lacking, property};
pub use failures::LOG_TARGET;
pub use legacy::old_keys;
pub use machine::ResultStyle;
pub use running::RunningJobs;
pub use session::{OnEnd, OnJob, Out, Session, SessionConfig};
