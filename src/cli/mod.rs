//! The command line: subcommands, rendering of errors, status, exit codes. `docs/reference` has the contract.
//!
//! Results go to standard output, everything else to standard error. A closed standard output acts as the first INT.

mod args;
mod broker;
mod exit;
mod output;
mod render;
mod run;
mod signals;
mod status;
mod topic;

pub use exit::Exit;

use clap::Parser as _;
use std::process::ExitCode;

/// Parses the arguments, runs the subcommand, and turns its end into an exit code.
pub fn main() -> ExitCode {
    let arguments = match args::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap decides between help on standard output and an error on standard error.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            return match error.print() {
                Ok(()) => exit.into(),
                Err(_) => Exit::Done.into(),
            };
        }
    };
    let exit = match arguments.command {
        args::Command::Run(arguments) => run::run(&arguments),
        args::Command::Broker(arguments) => broker::broker(&arguments),
        args::Command::Topic(arguments) => topic::topic(&arguments),
    };
    exit.into()
}
