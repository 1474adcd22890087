//! `brooklet run`.

use super::args::RunArguments;
use super::exit::Exit;
use super::output::Output;
use super::status::{Jobs, StatusLine, say, summary};
use super::{render, signals};
use crate::connectors::print::Print;
use crate::engine::{Out, Session, SessionConfig};
use crate::exec::{JobControl, JobEnd};
use crate::table::Warnings;
use brooklet_devbroker::{Config, DevBroker};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Bytes that a script may have.
const SCRIPT_BYTES_MAX: u64 = 16 << 20;

/// Runs a script and says how it ended.
pub(super) fn run(arguments: &RunArguments) -> Exit {
    let source = match read(&arguments.script) {
        Ok(source) => source,
        Err(error) => {
            say(&format!("error: cannot read script '{}': {error}", arguments.script));
            return Exit::Usage;
        }
    };
    let control = JobControl::new();
    if let Err(error) = signals::watch(control.clone()) {
        say(&format!("error: cannot watch for signals: {error}"));
        return Exit::Outside;
    }
    let broker = match arguments.dev_broker.then(start_broker).transpose() {
        Ok(broker) => broker,
        Err(error) => {
            say(&format!("error: cannot start the embedded broker: {error}"));
            return Exit::Outside;
        }
    };
    if let Some(broker) = &broker {
        say(&format!(
            "[INFO] embedded broker at {}: replaces 'properties.bootstrap.servers' of every Kafka table",
            broker.bootstrap()
        ));
    }
    let name = if arguments.script == "-" { "stdin" } else { &arguments.script };
    let jobs = Jobs::default();
    let out: Out = Arc::new(Mutex::new(Output::new(std::io::stdout(), control.clone())));
    let mut session = Session::new(config(
        name,
        arguments,
        &control,
        &out,
        broker.as_ref().map(DevBroker::bootstrap),
        &jobs,
    ));
    session.register(Arc::new(Print::to(out, Arc::new(Mutex::new(std::io::stderr())))));
    let mut outcome = Ok(());
    for (key, value) in &arguments.options {
        outcome = outcome.and_then(|()| session.set(key, value));
    }
    let status = StatusLine::start(Arc::clone(&jobs));
    let outcome = outcome.and_then(|()| session.run_script(&source));
    drop(status);
    let exit = match outcome {
        Ok(()) => Exit::Done,
        Err(error) => {
            say(render::error(&error, Some((name, &source))).trim_end());
            Exit::from(&error)
        }
    };
    if let Some(broker) = broker {
        broker.shutdown();
    }
    exit
}

fn read(script: &str) -> std::io::Result<String> {
    let mut source = String::new();
    let limit = |reader: &mut dyn std::io::Read, source: &mut String| {
        reader.take(SCRIPT_BYTES_MAX).read_to_string(source)
    };
    if script == "-" {
        limit(&mut std::io::stdin().lock(), &mut source)?;
    } else {
        limit(&mut std::fs::File::open(script)?, &mut source)?;
    }
    Ok(source)
}

fn start_broker() -> std::io::Result<DevBroker> {
    DevBroker::start(std::net::SocketAddr::from(([127, 0, 0, 1], 0)), Config::default())
}

fn config(
    name: &str,
    arguments: &RunArguments,
    control: &JobControl,
    out: &Out,
    dev_broker: Option<String>,
    jobs: &Jobs,
) -> SessionConfig {
    let started: Arc<Mutex<BTreeMap<String, Instant>>> = Arc::default();
    let (starts, jobs) = (Arc::clone(&started), Arc::clone(jobs));
    SessionConfig {
        script: name.to_owned(),
        dev_broker,
        fresh: arguments.fresh,
        control: control.clone(),
        warnings: Warnings::to(say),
        out: Arc::clone(out),
        now_millis: wall_clock_millis,
        seed: u64::try_from(wall_clock_millis()).unwrap_or(0) ^ u64::from(std::process::id()),
        on_job: Arc::new(move |name, stats| {
            started
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(name.to_owned(), Instant::now());
            jobs.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(stats));
        }),
        on_end: Arc::new(move |name, stats, end| {
            let starts = starts.lock().unwrap_or_else(PoisonError::into_inner);
            let elapsed = starts.get(name).map(Instant::elapsed).unwrap_or_default();
            say(&summary(name, &stats.totals(), elapsed));
            if let Ok(JobEnd::Drained) = end {
                say(&format!("[INFO] job '{name}' was stopped; its next start goes on from here"));
            }
        }),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line is the outer shell whose clock everything else is given"
)]
fn wall_clock_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
