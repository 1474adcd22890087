//! The status of running jobs on standard error.

use crate::exec::{JobStats, Totals};
use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the line is drawn on a terminal.
const TERMINAL_INTERVAL: Duration = Duration::from_millis(500);

/// How often a line is written elsewhere.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// One line on standard error. A closed standard error is nobody to complain to.
pub(super) fn say(line: &str) {
    let mut stderr = std::io::stderr().lock();
    drop(writeln!(stderr, "{line}"));
}

/// Draws totals and rates until dropped.
#[derive(Debug)]
pub(super) struct StatusLine {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl StatusLine {
    /// Starts drawing the sum of `jobs`.
    pub(super) fn start(jobs: Arc<Mutex<Vec<Arc<JobStats>>>>) -> StatusLine {
        let (stop, stopped) = channel();
        let terminal = std::io::stderr().is_terminal();
        let interval = if terminal { TERMINAL_INTERVAL } else { LOG_INTERVAL };
        let thread = std::thread::Builder::new().name("status".to_owned()).spawn(move || {
            let mut last = (Instant::now(), Totals::default());
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                let now = (Instant::now(), sum(&jobs));
                let line = describe(&now.1, &last.1, now.0 - last.0);
                last = now;
                let mut stderr = std::io::stderr().lock();
                drop(if terminal {
                    write!(stderr, "\r\x1b[K{line}").and_then(|()| stderr.flush())
                } else {
                    writeln!(stderr, "[INFO] {line}")
                });
            }
            if terminal {
                drop(write!(std::io::stderr().lock(), "\r\x1b[K"));
            }
        });
        StatusLine { stop: Some(stop), thread: thread.ok() }
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn sum(jobs: &Mutex<Vec<Arc<JobStats>>>) -> Totals {
    let mut totals = Totals::default();
    for job in jobs.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        totals.add(job.totals());
    }
    totals
}

fn describe(now: &Totals, last: &Totals, elapsed: Duration) -> String {
    let rate =
        |now: u64, last: u64| now.saturating_sub(last) as f64 / elapsed.as_secs_f64().max(1e-3);
    format!(
        "in {} records ({}/s, {}/s), out {} records ({}/s, {}/s), lag {}{}",
        now.source.records,
        count(rate(now.source.records, last.source.records)),
        bytes(rate(now.source.bytes, last.source.bytes)),
        now.sink.records,
        count(rate(now.sink.records, last.sink.records)),
        bytes(rate(now.sink.bytes, last.sink.bytes)),
        now.source.lag,
        ignored(now),
    )
}

/// The totals of a job at its end.
pub(super) fn summary(name: &str, totals: &Totals, elapsed: Duration) -> String {
    format!(
        "[INFO] job '{name}': {} records in ({}), {} records out ({}){} in {:.3} s",
        totals.source.records,
        bytes(totals.source.bytes as f64),
        totals.sink.records,
        bytes(totals.sink.bytes as f64),
        ignored(totals),
        elapsed.as_secs_f64(),
    )
}

fn ignored(totals: &Totals) -> String {
    match totals.source.ignored {
        0 => String::new(),
        n => format!(", {n} rejected by ignore-parse-errors"),
    }
}

fn count(number: f64) -> String {
    match number {
        n if n >= 1e6 => format!("{:.1} M", n / 1e6),
        n if n >= 1e4 => format!("{:.1} k", n / 1e3),
        n => format!("{n:.0}"),
    }
}

fn bytes(number: f64) -> String {
    match number {
        n if n >= 1e9 => format!("{:.1} GB", n / 1e9),
        n if n >= 1e6 => format!("{:.1} MB", n / 1e6),
        n if n >= 1e3 => format!("{:.1} kB", n / 1e3),
        n => format!("{n:.0} B"),
    }
}
