//! `--metrics`: `/metrics` in the text form of OpenMetrics 1.0, `/healthz` for supervisors.
//!
//! A scrape is one short request; there is no HTTP framework for two fixed answers.

use super::host::Jobs;
use super::status::say;
use crate::exec::{JobState, JobStats};
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A request's head; what scrapers send is below 1 KiB.
const REQUEST_BYTES_MAX: usize = 8 * 1024;

/// A client that sends or reads nothing for so long is left.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(2);

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// Answers until dropped.
#[derive(Debug)]
pub(super) struct Metrics {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Metrics {
    /// Listens at `HOST:PORT`; port 0 is any free one. Says where.
    pub(super) fn start(address: &str, jobs: Jobs) -> std::io::Result<Metrics> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let serve = move || {
            for client in listener.incoming() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                // A client that went away in the middle of its own scrape is nobody to tell.
                drop(client.and_then(|client| answer(client, &jobs)));
            }
        };
        let thread = std::thread::Builder::new().name("metrics".to_owned()).spawn(serve)?;
        say(&format!("[INFO] metrics at http://{address}/metrics, health at /healthz"));
        Ok(Metrics { address, stop, thread: Some(thread) })
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // The thread waits for a client: this is the last one.
        let woken = TcpStream::connect_timeout(&self.address, CLIENT_TIMEOUT);
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            drop(thread.join());
        }
    }
}

fn answer(mut client: TcpStream, jobs: &Jobs) -> std::io::Result<()> {
    client.set_read_timeout(Some(CLIENT_TIMEOUT))?;
    client.set_write_timeout(Some(CLIENT_TIMEOUT))?;
    let head = head(&mut client)?;
    let jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (status, content_type, body) = respond(&head, &jobs);
    let body_sent = if head.starts_with(b"HEAD ") { "" } else { &body };
    let length = body.len();
    client.write_all(
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n\
             {body_sent}"
        )
        .as_bytes(),
    )
}

/// The request up to its empty line, or as much of it as is allowed.
fn head(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut part = [0; 1024];
    let started = Instant::now();
    while head.len() < REQUEST_BYTES_MAX
        && started.elapsed() < CLIENT_TIMEOUT
        && !head.windows(4).any(|end| end == b"\r\n\r\n")
    {
        match client.read(&mut part)? {
            0 => break,
            n => head.extend_from_slice(part.get(..n).unwrap_or_default()),
        }
    }
    Ok(head)
}

/// Status line, content type and body.
fn respond(head: &[u8], jobs: &[Arc<JobStats>]) -> (&'static str, &'static str, String) {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if !matches!(method, b"GET" | b"HEAD") {
        return ("405 Method Not Allowed", PLAIN, "GET or HEAD\n".to_owned());
    }
    match target.split(|byte| *byte == b'?').next().unwrap_or_default() {
        b"/metrics" => ("200 OK", OPEN_METRICS, exposition(jobs)),
        b"/healthz" => match unhealthy(jobs) {
            None => ("200 OK", PLAIN, "ok\n".to_owned()),
            Some(job) => ("503 Service Unavailable", PLAIN, format!("job '{job}' is restarting\n")),
        },
        _ => ("404 Not Found", PLAIN, "/metrics or /healthz\n".to_owned()),
    }
}

fn unhealthy(jobs: &[Arc<JobStats>]) -> Option<&str> {
    let restarting = |job: &&Arc<JobStats>| job.epochs().state == JobState::Restarting;
    jobs.iter().find(restarting).map(|job| job.job())
}

/// One metric family: its name without suffix, type, unit and help.
struct Family(&'static str, &'static str, &'static str, &'static str);

impl Family {
    /// Its head, and a sample for each job.
    fn write(
        &self,
        out: &mut String,
        jobs: &[Arc<JobStats>],
        samples: impl Fn(&JobStats) -> Samples,
    ) {
        let Family(name, kind, unit, help) = self;
        // Writing to a string cannot fail.
        let _ = writeln!(out, "# TYPE {name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(out, "# UNIT {name} {unit}");
        }
        let _ = writeln!(out, "# HELP {name} {help}");
        for job in jobs {
            let label = escape(job.job());
            for Sample { suffix, source, value } in samples(job) {
                let source = source.map(|source| format!(",source=\"{}\"", escape(&source)));
                let source = source.unwrap_or_default();
                let _ = writeln!(out, "{name}{suffix}{{job=\"{label}\"{source}}} {value}");
            }
        }
    }
}

struct Sample {
    suffix: &'static str,
    source: Option<String>,
    value: String,
}

type Samples = Vec<Sample>;

fn total(value: u64) -> Samples {
    vec![Sample { suffix: "_total", source: None, value: value.to_string() }]
}

fn gauge(value: String) -> Samples {
    vec![Sample { suffix: "", source: None, value }]
}

/// All families, in the text form of OpenMetrics.
fn exposition(jobs: &[Arc<JobStats>]) -> String {
    let mut out = format!(
        "# TYPE brooklet_build info\n# HELP brooklet_build The program.\nbrooklet_build_info{{version=\"{}\"}} 1\n",
        env!("CARGO_PKG_VERSION")
    );
    let mut counter = |name, unit, help, value: fn(&JobStats) -> u64| {
        Family(name, "counter", unit, help).write(&mut out, jobs, |job| total(value(job)));
    };
    counter("brooklet_source_records", "", "Records read.", |job| job.totals().source.records);
    counter("brooklet_source_bytes", "bytes", "Bytes of keys and values read.", |job| {
        job.totals().source.bytes
    });
    counter(
        "brooklet_rejected_records",
        "",
        "Records that ignore-parse-errors left out, or fields of which.",
        |job| job.totals().source.ignored,
    );
    counter(
        "brooklet_failed_records",
        "",
        "Records left out by error-handling.mode, with those written to its log.",
        |job| job.totals().rejected,
    );
    counter("brooklet_sink_records", "", "Records written.", |job| job.totals().sink.records);
    counter("brooklet_sink_bytes", "bytes", "Bytes written, before compression.", |job| {
        job.totals().sink.bytes
    });
    counter("brooklet_restarts", "", "Restarts from the last epoch.", |job| job.epochs().restarts);
    Family("brooklet_source_lag_records", "gauge", "", "Records between the position and the end.")
        .write(&mut out, jobs, |job| {
            let sample = |(source, lag): (String, Option<u64>)| {
                let value = lag?.to_string();
                Some(Sample { suffix: "", source: Some(source), value })
            };
            job.lags().into_iter().filter_map(sample).collect()
        });
    Family(
        "brooklet_job_running",
        "gauge",
        "",
        "1 while the job runs, 0 while it restarts and after its end.",
    )
    .write(&mut out, jobs, |job| {
        gauge(u8::from(job.epochs().state == JobState::Running).to_string())
    });
    Family(
        "brooklet_last_epoch",
        "gauge",
        "",
        "Number of the last epoch that completed, also where there was nothing to store.",
    )
    .write(&mut out, jobs, |job| gauge(job.epochs().last.to_string()));
    Family(
        "brooklet_last_epoch_age_seconds",
        "gauge",
        "seconds",
        "Time since the last epoch completed.",
    )
    .write(&mut out, jobs, |job| {
        let age = job.last_epoch_age().map(|age| age.as_secs_f64());
        age.map_or_else(Vec::new, |age| gauge(format!("{age:.3}")))
    });
    Family(
        "brooklet_epoch_seconds",
        "summary",
        "seconds",
        "From the barriers of an epoch to its stored progress.",
    )
    .write(&mut out, jobs, |job| {
        let epochs = job.epochs();
        let (count, sum) = (epochs.completed.to_string(), epochs.took.as_secs_f64());
        let sample = |suffix, value| Sample { suffix, source: None, value };
        vec![sample("_count", count), sample("_sum", format!("{sum:.6}"))]
    });
    out.push_str("# EOF\n");
    out
}

/// A label's value (OpenMetrics 1.0, `escaped-string`).
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::Totals;
    use crate::table::{SinkStats, SourceStats};

    fn jobs() -> Vec<Arc<JobStats>> {
        let stats = JobStats::new("a \"b\"".to_owned(), vec!["orders".to_owned()]);
        let totals = Totals {
            source: SourceStats { records: 7, bytes: 70, lag: Some(3), ignored: 1 },
            sink: SinkStats { records: 6, bytes: 60 },
            rejected: 2,
        };
        stats.publish(0, totals, vec![Some(3)]);
        stats.epoch_completed(4, Duration::from_millis(250));
        vec![Arc::new(stats)]
    }

    #[test]
    fn totals_have_the_text_form_of_open_metrics() {
        let text = exposition(&jobs());
        for line in [
            "# TYPE brooklet_source_records counter",
            "brooklet_source_records_total{job=\"a \\\"b\\\"\"} 7",
            "# UNIT brooklet_source_bytes bytes",
            "brooklet_rejected_records_total{job=\"a \\\"b\\\"\"} 1",
            "brooklet_failed_records_total{job=\"a \\\"b\\\"\"} 2",
            "brooklet_source_lag_records{job=\"a \\\"b\\\"\",source=\"orders\"} 3",
            "brooklet_last_epoch{job=\"a \\\"b\\\"\"} 4",
            "brooklet_epoch_seconds_sum{job=\"a \\\"b\\\"\"} 0.250000",
            "brooklet_epoch_seconds_count{job=\"a \\\"b\\\"\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
        assert!(text.ends_with("\n# EOF\n"));
    }

    #[test]
    fn requests_are_answered_by_their_first_line() {
        let jobs = jobs();
        for (request, status) in [
            ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "200 OK"),
            ("GET /metrics?a=b HTTP/1.1\r\n\r\n", "200 OK"),
            ("HEAD /healthz HTTP/1.0\r\n\r\n", "200 OK"),
            ("GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
            ("POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
            ("", "405 Method Not Allowed"),
        ] {
            assert_eq!(respond(request.as_bytes(), &jobs).0, status, "{request}");
        }
        jobs.iter().for_each(|job| job.restarting());
        let (status, _, body) = respond(b"GET /healthz HTTP/1.1\r\n\r\n", &jobs);
        assert_eq!(
            (status, body.as_str()),
            ("503 Service Unavailable", "job 'a \"b\"' is restarting\n")
        );
    }
}
