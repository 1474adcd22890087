//! `--metrics`: what a scraper and a supervisor get while a job runs.

use crate::support::Program;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

const ENDLESS: &str = "SET 'pipeline.name' = 'numbers';\n\
    SET 'execution.checkpointing.interval' = '20 ms';\n\
    CREATE TABLE s (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '1000');\n\
    CREATE TABLE d (n BIGINT) WITH ('connector' = 'blackhole');\n\
    INSERT INTO d SELECT n FROM s;\n";

/// Status line, head and body of one answer.
fn get(address: &str, target: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .write_all(format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The value of a sample of the job `numbers`.
fn sample(text: &str, name: &str) -> f64 {
    let start = format!("{name}{{job=\"numbers\"");
    let line = text.lines().find(|line| line.starts_with(&start));
    let line = line.unwrap_or_else(|| panic!("no {name} in\n{text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_running_job_can_be_scraped() {
    let program = Program::script("job", ENDLESS).arg("--metrics").arg("127.0.0.1:0");
    let running = program.start();
    running.until_stderr("/metrics, health at /healthz");
    let said = running.stderr();
    let address = said.split("http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
    let health = get(address, "/healthz");
    assert!(
        health.starts_with("HTTP/1.1 200 OK\r\n") && health.ends_with("\r\n\r\nok\n"),
        "{health}"
    );
    // A client that says nothing does not keep others out for long.
    let silent = TcpStream::connect(address).unwrap();
    let mut last = 0.0;
    loop {
        let text = get(address, "/metrics");
        assert!(
            text.contains("\r\nContent-Type: application/openmetrics-text; version=1.0.0"),
            "{text}"
        );
        assert!(text.ends_with("# EOF\n"), "{text}");
        if !text.contains("brooklet_epoch_seconds_count{job=\"numbers\"}") {
            continue;
        }
        let (records, epochs) = (
            sample(&text, "brooklet_sink_records_total"),
            sample(&text, "brooklet_epoch_seconds_count"),
        );
        assert!(records >= last, "{text}");
        last = records;
        if records > 0.0 && epochs >= 3.0 {
            assert!((sample(&text, "brooklet_job_running") - 1.0).abs() < f64::EPSILON, "{text}");
            assert!(sample(&text, "brooklet_last_epoch_age_seconds") < 60.0, "{text}");
            break;
        }
    }
    drop(silent);
    running.signal("INT");
    running.wait().code(0);
}

#[test]
fn an_address_that_cannot_be_had_is_refused_before_anything_runs() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let program =
        |address: &str| Program::script("job", ENDLESS).arg("--metrics").arg(address).run();
    program(&address).code(4).says(&["error: cannot listen for --metrics at ", &address]);
    program("nowhere").code(2).says(&["error: cannot listen for --metrics at nowhere"]);
}
