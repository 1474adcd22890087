//! Tests of the program as a whole, in one binary.

mod kill;
mod run;
mod simulation;
mod slt;
mod support;
mod tidy;
mod topic;
