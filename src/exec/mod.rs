//! Running jobs: workers, epochs, progress, restart.
//!
//! Everything here is a state machine that is stepped with the time as an argument: on threads with the machine's clock,
//! or all on one thread with a virtual clock and a seed ([`Simulation`]), where the same seed gives the same trace.

mod control;
mod coordinator;
mod failure;
mod job;
mod message;
mod rejects;
mod restart;
mod runner;
mod signal;
mod simulation;
mod stats;
mod worker;

pub use control::{Clock, JobControl};
pub use job::{Failures, Job, JobEnd, JobSink, Output, Scan};
pub use rejects::{HEADER_PREFIX, Refusals, log_fields};
pub use runner::run;
pub use simulation::{SimulatedStep, Simulation};
pub use stats::{EpochStats, JobState, JobStats, Totals};
