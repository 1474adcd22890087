//! What the tests with clients of others share.
//!
//! Where a tool is missing, one line says so and the test ends; with `CI=true` that is a failure.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Command, Output, Stdio};

use brooklet_devbroker::{Config, DevBroker};

/// Codecs by their names in both kcat and the Java tools.
pub(crate) const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

pub(crate) fn start() -> DevBroker {
    start_with(Config::default())
}

pub(crate) fn start_with(mut config: Config) -> DevBroker {
    config.report_close = Some(|reason| {
        // Not a failure by itself: it explains what the tool then says.
        drop(writeln!(std::io::stderr(), "the broker closed a connection: {reason}"));
    });
    DevBroker::start(SocketAddr::from(([127, 0, 0, 1], 0)), config).unwrap()
}

/// Says why a test cannot run here. Where tests must run, that is a failure.
pub(crate) fn skip(reason: &str) {
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{reason}");
    drop(writeln!(std::io::stderr(), "skipped: {reason}"));
}

/// Runs a command to its end with `input` on its stdin; a failing one fails the test.
pub(crate) fn run(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {status}\n{stderr}");
    writer.join().unwrap().unwrap();
    String::from_utf8(stdout).unwrap()
}

/// Lines that compress well, and enough of them for several batches.
pub(crate) fn lines(prefix: &str) -> String {
    (0..2_000).map(|index| format!("{prefix} line number {index}\n")).collect()
}
