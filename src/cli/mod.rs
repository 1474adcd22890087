//! The command line: subcommands, rendering of errors, status, exit codes. `docs/reference` has the contract.
//!
//! Results go to standard output, everything else to standard error. A closed standard output acts as the first INT.

mod args;
mod broker;
mod check;
mod cluster;
mod exit;
mod host;
mod job;
mod metrics;
mod output;
mod render;
mod run;
mod shell;
mod signals;
mod source;
mod status;
mod topic;
mod txn;

pub use exit::Exit;

use clap::{CommandFactory as _, Parser as _};
use std::process::ExitCode;

/// Parses the arguments, runs the subcommand, and turns its end into an exit code.
pub fn main() -> ExitCode {
    let arguments = match args::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap decides between help on standard output and an error on standard error.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            let printed = error.print();
            if error.kind() == clap::error::ErrorKind::InvalidSubcommand
                && let Some(script) = std::env::args().nth(1).filter(|arg| is_file(arg))
            {
                status::say(&format!("hint: brooklet run {script}"));
            }
            return match printed {
                Ok(()) => exit.into(),
                Err(_) => Exit::Done.into(),
            };
        }
    };
    let exit = match arguments.command {
        None => shell::sql(&arguments.shell),
        Some(args::Command::Sql(arguments)) => shell::sql(&arguments),
        Some(args::Command::Run(arguments)) => run::run(&arguments),
        Some(args::Command::Check(arguments)) => check::check(&arguments),
        Some(args::Command::Broker(arguments)) => broker::broker(&arguments),
        Some(args::Command::Topic(arguments)) => topic::topic(&arguments),
        Some(args::Command::Txn(arguments)) => txn::txn(&arguments),
        Some(args::Command::Job(arguments)) => job::job(&arguments),
        Some(args::Command::Completions(arguments)) => completions(arguments.shell),
    };
    exit.into()
}

fn is_file(path: &str) -> bool {
    std::path::Path::new(path).is_file()
}

fn completions(shell: clap_complete::Shell) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::Arguments::command(), "brooklet", &mut script);
    match std::io::Write::write_all(&mut std::io::stdout().lock(), &script) {
        Ok(()) => Exit::Done,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            status::say(&format!("error: cannot write to standard output: {error}"));
            Exit::Outside
        }
    }
}
