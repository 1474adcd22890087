//! The status of running jobs on standard error.

use crate::exec::{JobStats, Totals};
use std::io::{IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the line is drawn on a terminal.
const TERMINAL_INTERVAL: Duration = Duration::from_millis(500);

/// How often a line is written elsewhere.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Characters of the line on a terminal: one that wraps could not be drawn over.
const TERMINAL_CHARS_MAX: usize = 79;

/// Back to the start of the line, and the line erased.
const ERASE: &str = "\r\x1b[K";

/// Whether the status line stands where the next line goes.
static DRAWN: AtomicBool = AtomicBool::new(false);

/// The jobs of a session, shared with what starts them.
pub(super) type Jobs = Arc<Mutex<Vec<Arc<JobStats>>>>;

/// One line on standard error. A closed standard error is nobody to complain to.
pub(super) fn say(line: &str) {
    let mut stderr = std::io::stderr().lock();
    let erase = if DRAWN.swap(false, Ordering::AcqRel) { ERASE } else { "" };
    drop(writeln!(stderr, "{erase}{line}"));
}

/// Draws totals and rates until dropped.
#[derive(Debug)]
pub(super) struct StatusLine {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl StatusLine {
    /// Starts drawing the sum of `jobs` on standard error.
    pub(super) fn start(jobs: Jobs) -> StatusLine {
        let terminal = std::io::stderr().is_terminal();
        let interval = if terminal { TERMINAL_INTERVAL } else { LOG_INTERVAL };
        StatusLine::start_on(std::io::stderr(), jobs, terminal, interval)
    }

    fn start_on(
        mut out: impl Write + Send + 'static,
        jobs: Jobs,
        terminal: bool,
        interval: Duration,
    ) -> StatusLine {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("status".to_owned()).spawn(move || {
            let mut last = (Instant::now(), Totals::default());
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                let now = (Instant::now(), sum(&jobs));
                let line = describe(&now.1, &last.1, &lags(&jobs), now.0 - last.0);
                last = now;
                drop(if terminal {
                    DRAWN.store(true, Ordering::Release);
                    let line: String = line.chars().take(TERMINAL_CHARS_MAX).collect();
                    out.write_all(format!("{ERASE}{line}").as_bytes()).and_then(|()| out.flush())
                } else {
                    out.write_all(format!("[INFO] {line}\n").as_bytes())
                });
            }
            if terminal && DRAWN.swap(false, Ordering::AcqRel) {
                drop(out.write_all(ERASE.as_bytes()));
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

fn sum(jobs: &Jobs) -> Totals {
    let mut totals = Totals::default();
    for job in jobs.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        totals.add(job.totals());
    }
    totals
}

fn lags(jobs: &Jobs) -> Vec<(String, u64)> {
    let jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
    jobs.iter().flat_map(|job| job.lags()).collect()
}

/// Records and bytes per second in and out, lag per source, rejected records.
fn describe(now: &Totals, last: &Totals, lags: &[(String, u64)], elapsed: Duration) -> String {
    let rate =
        |now: u64, last: u64| now.saturating_sub(last) as f64 / elapsed.as_secs_f64().max(1e-3);
    let lags: Vec<String> =
        lags.iter().map(|(source, lag)| format!("{source} {}", count(*lag as f64))).collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{SinkStats, SourceStats};

    fn totals(records: u64, ignored: u64) -> Totals {
        Totals {
            source: SourceStats { records, bytes: records * 100, lag: 0, ignored },
            sink: SinkStats { records: records / 2, bytes: records * 10 },
        }
    }

    #[test]
    fn rates_are_per_second_and_lags_per_source() {
        let lags = [("orders".to_owned(), 12), ("users".to_owned(), 34_000)];
        let line = describe(&totals(52_000, 3), &totals(2_000, 0), &lags, Duration::from_secs(2));
        assert_eq!(
            line,
            "in 25.0 k/s (2.5 MB/s), out 12.5 k/s (250.0 kB/s), lag orders 12, users 34.0 k, \
             3 rejected by ignore-parse-errors"
        );
        let line = describe(&totals(10, 0), &totals(10, 0), &[], Duration::from_secs(2));
        assert_eq!(line, "in 0/s (0 B/s), out 0/s (0 B/s), lag 0");
    }

    /// Hands everything written to the test.
    struct Pipe(Sender<String>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            drop(self.0.send(String::from_utf8_lossy(bytes).into_owned()));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_go_to_logs_and_one_line_to_terminals() {
        let stats = Arc::new(JobStats::new(vec!["a_source_with_a_very_long_name".repeat(4)]));
        stats.publish(0, totals(10, 0), vec![5]);
        stats.publish(1, totals(10, 0), vec![7]);
        let jobs: Jobs = Arc::new(Mutex::new(vec![Arc::clone(&stats)]));
        for terminal in [false, true] {
            let (sender, lines) = channel();
            let interval = Duration::from_millis(1);
            let status = StatusLine::start_on(Pipe(sender), Arc::clone(&jobs), terminal, interval);
            let line = lines.recv().unwrap();
            drop(status);
            if terminal {
                assert!(line.starts_with("\r\x1b[Kin "), "{line:?}");
                assert_eq!(line.len(), ERASE.len() + TERMINAL_CHARS_MAX, "{line:?}");
                assert_eq!(lines.iter().last().unwrap(), ERASE, "the line goes away at the end");
            } else {
                assert!(line.starts_with("[INFO] in ") && line.ends_with("name 12\n"), "{line:?}");
            }
        }
    }
}
