//! The session: statements in, running jobs out. The only place where SQL, exec, connectors and formats meet.

mod catalog;
mod check;
mod expand;
mod formats;
mod job;
mod legacy;
mod machine;
mod running;
mod session;
mod tableau;

pub use machine::ResultStyle;
pub use running::RunningJobs;
pub use session::{OnEnd, OnJob, Out, Session, SessionConfig};
