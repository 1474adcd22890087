//! `brooklet run`.

use super::args::RunArguments;
use super::exit::Exit;
use super::host::{self, Jobs, Setup};
use super::metrics::Metrics;
use super::signals;
use super::source::Source;
use super::status::{StatusLine, colour, say};
use crate::base::{Error, ErrorKind};
use crate::exec::JobControl;
use std::sync::Arc;

/// Runs a script and says how it ended.
pub(super) fn run(arguments: &RunArguments) -> Exit {
    match try_run(arguments) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn try_run(arguments: &RunArguments) -> Result<Exit, Exit> {
    let text = host::read(&arguments.script)?;
    let name = if arguments.script == "-" { "stdin" } else { &arguments.script };
    let mut source = Source::default();
    source.add(name, &text);
    // What comes on standard input has no name of its own: another script must not go on where this one stopped.
    let script = match arguments.script.as_str() {
        "-" => format!("stdin-{:08x}", fingerprint(&text)),
        file => file.to_owned(),
    };
    drop(text);
    let control = JobControl::new();
    signals::watch(control.clone()).map_err(cannot_watch)?;
    let broker = host::dev_broker(arguments.dev_broker)?;
    let jobs = Jobs::default();
    let mut session = host::session(&Setup {
        script: &script,
        unnamed: false,
        fresh: arguments.fresh,
        dev_broker: broker.as_ref(),
        control: &control,
        jobs: &jobs,
        only_check: false,
        closed_stdout_drains: true,
    });
    let metrics =
        arguments.metrics.as_deref().map(|address| serve_metrics(address, &jobs)).transpose()?;
    let mut outcome = Ok(());
    for (key, value) in &arguments.options {
        outcome = outcome.and_then(|()| session.set(key, value));
    }
    let status = StatusLine::start(Arc::clone(&jobs));
    let outcome = outcome.and_then(|()| session.run_script(source.text()));
    drop((status, metrics));
    let exit = end(outcome, &source);
    if let Some(broker) = broker {
        broker.shutdown();
    }
    Ok(exit)
}

fn serve_metrics(address: &str, jobs: &Jobs) -> Result<Metrics, Exit> {
    Metrics::start(address, Arc::clone(jobs)).map_err(|error| {
        say(&format!("error: cannot listen for --metrics at {address}: {error}"));
        match error.kind() {
            std::io::ErrorKind::InvalidInput => Exit::Usage,
            _ => Exit::Outside,
        }
    })
}

/// A number that tells scripts apart, the same in every version (FNV-1a, 32 bits).
fn fingerprint(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Says why statements failed, if they did.
pub(super) fn end(outcome: Result<(), Error>, source: &Source) -> Exit {
    match outcome {
        Ok(()) => Exit::Done,
        Err(error) if is_closed_pipe(&error) => Exit::Done,
        Err(error) => {
            say(source.explain(&error, colour()).trim_end());
            Exit::from(&error)
        }
    }
}

/// Says that signals cannot be watched for.
pub(super) fn cannot_watch(error: std::io::Error) -> Exit {
    say(&format!("error: cannot watch for signals: {error}"));
    Exit::Outside
}

/// A reader of standard output that has seen enough is not an error.
pub(super) fn is_closed_pipe(error: &Error) -> bool {
    error.kind() == ErrorKind::External && error.message().contains("cannot print: Broken pipe")
}
