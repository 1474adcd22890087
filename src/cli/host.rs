//! What every command that runs SQL needs: a session that prints to this process's streams, and the embedded broker.

use super::exit::Exit;
use super::output::Output;
use super::status::{self, say, summary};
use crate::base::limits::SQL_SCRIPT_BYTES_MAX;
use crate::connectors::print::Print;
use crate::engine::{Out, Session, SessionConfig};
use crate::exec::{JobControl, JobEnd, JobStats};
use crate::table::Warnings;
use brooklet_devbroker::DevBroker;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Statistics of the jobs that were started.
pub(super) type Jobs = Arc<Mutex<Vec<Arc<JobStats>>>>;

/// How a session is set up.
#[derive(Debug)]
pub(super) struct Setup<'a> {
    /// Names jobs.
    pub(super) script: &'a str,
    /// See [`SessionConfig::unnamed`].
    pub(super) unnamed: bool,
    pub(super) fresh: bool,
    pub(super) dev_broker: Option<&'a DevBroker>,
    pub(super) control: &'a JobControl,
    pub(super) jobs: &'a Jobs,
    /// Nothing is run: what is odd about a table is said once, however many statements use it.
    pub(super) only_check: bool,
    /// A closed standard output acts as a first INT.
    pub(super) closed_stdout_drains: bool,
}

/// Starts the embedded broker on a free port, if it is wanted, and says so.
pub(super) fn dev_broker(wanted: bool) -> Result<Option<DevBroker>, Exit> {
    if !wanted {
        return Ok(None);
    }
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    match DevBroker::start(address, super::broker::config()) {
        Ok(broker) => {
            say(&format!(
                "[INFO] embedded broker at {}: replaces 'properties.bootstrap.servers' of every Kafka table",
                broker.bootstrap()
            ));
            Ok(Some(broker))
        }
        Err(error) => {
            say(&format!("error: cannot start the embedded broker: {error}"));
            Err(Exit::Outside)
        }
    }
}

/// A session that prints to standard output and says everything else on standard error.
pub(super) fn session(setup: &Setup<'_>) -> Session {
    let started: Arc<Mutex<BTreeMap<String, Instant>>> = Arc::default();
    let (starts, jobs) = (Arc::clone(&started), Arc::clone(setup.jobs));
    let now = wall_clock_millis();
    let stdout = || -> Out {
        match setup.closed_stdout_drains {
            true => {
                let output = Output::new(status::Stdout::default(), setup.control.clone());
                Arc::new(Mutex::new(output))
            }
            false => Arc::new(Mutex::new(status::Stdout::default())),
        }
    };
    let mut session = Session::new(SessionConfig {
        script: setup.script.to_owned(),
        unnamed: setup.unnamed,
        dev_broker: setup.dev_broker.map(DevBroker::bootstrap),
        fresh: setup.fresh,
        control: setup.control.clone(),
        warnings: if setup.only_check { Warnings::once(say) } else { Warnings::to(say) },
        out: stdout(),
        now_millis: wall_clock_millis,
        seed: u64::try_from(now).unwrap_or(0) ^ u64::from(std::process::id()),
        on_job: Arc::new(move |name, stats| {
            started
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(name.to_owned(), Instant::now());
            jobs.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(stats));
        }),
        on_end: Arc::new(move |name, stats, end, keeps_progress| {
            let starts = starts.lock().unwrap_or_else(PoisonError::into_inner);
            let elapsed = starts.get(name).map(Instant::elapsed).unwrap_or_default();
            say(&summary(name, &stats.totals_once(), elapsed));
            match end {
                Ok(JobEnd::Drained) => {
                    let next = match keeps_progress {
                        true => "goes on from here",
                        false => "begins anew: it keeps no progress",
                    };
                    say(&format!("[INFO] job '{name}' was stopped; its next start {next}"));
                }
                // Nobody waits for this job: its user hears of it now, and where the mistake is at the next prompt.
                Err(error) if status::is_at_prompt() => {
                    say(&format!("[WARN] job '{name}' failed: {error}"));
                }
                _ => {}
            }
        }),
    });
    if setup.only_check {
        session.only_check();
    }
    session.register(Arc::new(Print::to(stdout(), Arc::new(Mutex::new(status::Stderr)))));
    session
}

/// Reads a script; `-` is standard input. One byte more than a script may have is enough for the parser to refuse it.
pub(super) fn read(script: &str) -> Result<String, Exit> {
    let limit = |reader: &mut dyn std::io::Read| {
        let mut bytes = Vec::new();
        reader.take(SQL_SCRIPT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        // Editors of Windows mark UTF-8 with a byte order mark.
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        String::from_utf8(text.to_vec()).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let line = text.iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
            std::io::Error::other(format!("line {line} is not UTF-8"))
        })
    };
    let read = match script {
        "-" => limit(&mut std::io::stdin().lock()),
        file => std::fs::File::open(file).and_then(|mut file| limit(&mut file)),
    };
    read.map_err(|error| {
        say(&format!("error: cannot read script '{script}': {error}"));
        Exit::Usage
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the command line is the outer shell whose clock everything else is given"
)]
pub(super) fn wall_clock_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
