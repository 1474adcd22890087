//! Tests of the program as a whole, in one binary.

mod check;
mod cli;
mod exactly_once;
mod extend;
mod job;
mod kill;
mod messages;
mod reference;
mod run;
mod security;
mod shared;
mod shell;
mod simulation;
mod slt;
mod support;
mod tidy;
mod topic;
mod txn;
mod versions;
