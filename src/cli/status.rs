//! The status of running jobs on standard error.

use crate::exec::{JobState, JobStats, Totals};
use std::io::{IsTerminal as _, Write as _};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the line is drawn on a terminal.
const TERMINAL_INTERVAL: Duration = Duration::from_millis(500);

/// How often a line is written elsewhere.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Characters of the line on a terminal: one that wraps could not be drawn over.
const TERMINAL_CHARS_MAX: usize = 79;

/// Takes lines while a line editor owns the terminal.
pub(super) type Printer = Box<dyn FnMut(String) -> bool + Send>;

/// What is on the terminal besides finished lines.
struct Screen {
    /// The status line stands on standard error without a line break.
    status_drawn: bool,
    /// The line editor waits for input.
    editor: Option<Printer>,
}

static SCREEN: Mutex<Screen> = Mutex::new(Screen { status_drawn: false, editor: None });

fn screen() -> MutexGuard<'static, Screen> {
    SCREEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets lines go through the line editor from now on, or no longer.
pub(super) fn set_editor(printer: Option<Printer>) -> Option<Printer> {
    std::mem::replace(&mut screen().editor, printer)
}

/// Whether the line editor waits for input.
pub(super) fn is_at_prompt() -> bool {
    screen().editor.is_some()
}

/// One line on standard error. A closed standard error is nobody to complain to.
pub(super) fn say(line: &str) {
    let mut screen = screen();
    if let Some(print) = &mut screen.editor
        && std::io::stderr().is_terminal()
        && print(format!("{line}\n"))
    {
        return;
    }
    clear_status(&mut screen);
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

/// Whether standard error takes colours.
pub(super) fn colour() -> bool {
    std::io::stderr().is_terminal() && wants_colour()
}

/// Whether standard output takes colours.
pub(super) fn colour_stdout() -> bool {
    std::io::stdout().is_terminal() && wants_colour()
}

/// <https://no-color.org>, and terminals without colours.
fn wants_colour() -> bool {
    let unset = |name| std::env::var_os(name).is_none_or(|value| value.is_empty());
    unset("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

fn clear_status(screen: &mut Screen) {
    if std::mem::replace(&mut screen.status_drawn, false) {
        drop(write!(std::io::stderr().lock(), "\r\x1b[K"));
    }
}

/// Standard output of results; where it is the terminal that shows the status line too, results do not run into it.
#[derive(Debug)]
pub(super) struct Stdout {
    terminal: bool,
}

impl Default for Stdout {
    fn default() -> Stdout {
        Stdout { terminal: std::io::stdout().is_terminal() }
    }
}

impl std::io::Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if !self.terminal {
            return std::io::stdout().lock().write(bytes);
        }
        let mut screen = screen();
        clear_status(&mut screen);
        if let Some(print) = &mut screen.editor
            && std::io::stderr().is_terminal()
            && print(String::from_utf8_lossy(bytes).into_owned())
        {
            return Ok(bytes.len());
        }
        std::io::stdout().lock().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stdout().lock().flush()
    }
}

/// Standard error of results: a `print` table with `standard-error`.
#[derive(Debug)]
pub(super) struct Stderr;

impl std::io::Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        clear_status(&mut screen());
        std::io::stderr().lock().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().lock().flush()
    }
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
                if all_over(&jobs) {
                    continue;
                }
                let now = (Instant::now(), sum(&jobs));
                let line = describe(&now.1, &last.1, &lags(&jobs), now.0 - last.0);
                last = now;
                if terminal {
                    let mut screen = screen();
                    let mut stderr = std::io::stderr().lock();
                    let line = one_row(&line);
                    drop(write!(stderr, "\r\x1b[K{line}").and_then(|()| stderr.flush()));
                    screen.status_drawn = true;
                } else {
                    say(&format!("[INFO] {line}"));
                }
            }
            clear_status(&mut screen());
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

/// Whether every job that was started has ended.
fn all_over(jobs: &Mutex<Vec<Arc<JobStats>>>) -> bool {
    let jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
    !jobs.is_empty() && jobs.iter().all(|job| job.epochs().state == JobState::Ended)
}

fn sum(jobs: &Mutex<Vec<Arc<JobStats>>>) -> Totals {
    let mut totals = Totals::default();
    for job in jobs.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        totals.add(job.totals());
    }
    totals
}

fn lags(jobs: &Mutex<Vec<Arc<JobStats>>>) -> Vec<(String, Option<u64>)> {
    let jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
    jobs.iter().flat_map(|job| job.lags()).collect()
}

/// As much of the line as fits into one row.
fn one_row(line: &str) -> String {
    line.chars().take(TERMINAL_CHARS_MAX).collect()
}

/// Records and bytes per second in and out, lag per source (`?` until the broker has told), rejected records.
fn describe(
    now: &Totals,
    last: &Totals,
    lags: &[(String, Option<u64>)],
    elapsed: Duration,
) -> String {
    let rate =
        |now: u64, last: u64| now.saturating_sub(last) as f64 / elapsed.as_secs_f64().max(1e-3);
    let lags: Vec<String> = lags
        .iter()
        .map(|(source, lag)| match lag {
            Some(lag) => format!("{source} {}", count(*lag as f64)),
            None => format!("{source} ?"),
        })
        .collect();
    format!(
        "in {}/s ({}/s), out {}/s ({}/s), lag {}{}",
        count(rate(now.source.records, last.source.records)),
        bytes(rate(now.source.bytes, last.source.bytes)),
        count(rate(now.sink.records, last.sink.records)),
        bytes(rate(now.sink.bytes, last.sink.bytes)),
        if lags.is_empty() { "0".to_owned() } else { lags.join(", ") },
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
    let counts =
        [(totals.source.ignored, "ignore-parse-errors"), (totals.rejected, "error-handling.mode")];
    let shown = counts.iter().filter(|(count, _)| *count > 0);
    shown.map(|(count, by)| format!(", {count} rejected by {by}")).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{SinkStats, SourceStats};

    fn totals(records: u64, ignored: u64) -> Totals {
        Totals {
            source: SourceStats { records, bytes: records * 100, lag: Some(0), ignored },
            sink: SinkStats { records: records / 2, bytes: records * 10 },
            rejected: 0,
        }
    }

    #[test]
    fn rates_are_per_second_and_lags_per_source() {
        let stats = JobStats::new("job".to_owned(), vec!["orders".to_owned(), "users".to_owned()]);
        let jobs = Mutex::new(vec![Arc::new(stats)]);
        let publish = |worker, lags| {
            let jobs = jobs.lock().unwrap();
            jobs[0].publish(worker, totals(10, 0), lags);
        };
        let line = describe(&totals(0, 0), &totals(0, 0), &lags(&jobs), Duration::from_secs(2));
        assert!(line.ends_with("lag orders ?, users ?"), "{line}");
        publish(0, vec![Some(5), Some(30_000)]);
        publish(1, vec![Some(7), None]);
        let line = describe(&totals(0, 0), &totals(0, 0), &lags(&jobs), Duration::from_secs(2));
        assert!(line.ends_with("lag orders 12, users ?"), "{line}");
        publish(1, vec![Some(7), Some(4_000)]);
        let lags = lags(&jobs);
        let line = describe(&totals(52_000, 3), &totals(2_000, 0), &lags, Duration::from_secs(2));
        assert_eq!(
            line,
            "in 25.0 k/s (2.5 MB/s), out 12.5 k/s (250.0 kB/s), lag orders 12, users 34.0 k, \
             3 rejected by ignore-parse-errors"
        );
        assert_eq!(one_row(&line).len(), TERMINAL_CHARS_MAX);
        let line = describe(&totals(10, 0), &totals(10, 0), &[], Duration::from_secs(2));
        assert_eq!(line, "in 0/s (0 B/s), out 0/s (0 B/s), lag 0");
    }
}
