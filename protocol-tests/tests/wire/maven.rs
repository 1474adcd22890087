//! Fetches archives of Kafka with Maven and runs Java on them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The newest Kafka whose specification the tables follow.
pub const NEWEST: &str = "org.apache.kafka:kafka-clients:4.4.0";
/// The oldest line of Kafka that is still run widely.
pub const FLOOR: &str = "org.apache.kafka:kafka-clients:3.9.1";
/// What Kafka's classes need to load.
pub const LOGGING: &str = "org.slf4j:slf4j-api:2.0.16";

/// The archive of `group:artifact:version`, copied once into the build folder; `None`, after one
/// line that says so, where there is no Maven or no network.
///
/// # Panics
/// In CI (`CI=true`) instead of `None`: there the proofs must run.
pub fn archive(coordinates: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kafka-archives");
    let name = coordinates.split(':').skip(1).collect::<Vec<_>>().join("-");
    let path = folder.join(&name).join(format!("{name}.jar"));
    if path.exists() {
        return Some(path);
    }
    // A folder of its own, renamed at the end: several tests may ask for the same archive.
    let fresh =
        folder.join(format!("{name}.{}.{:?}", std::process::id(), std::thread::current().id()));
    let done = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy"])
        .arg(format!("-Dartifact={coordinates}"))
        .arg(format!("-DoutputDirectory={}", fresh.display()))
        .stdin(Stdio::null())
        .output();
    let copied = fresh.join(format!("{name}.jar"));
    if copied.exists() {
        // Lost to another test: then the archive is there.
        if std::fs::rename(&fresh, folder.join(&name)).is_err() {
            std::fs::remove_dir_all(&fresh).expect("our own folder");
        }
        return path.exists().then_some(path);
    }
    let cause = done.map_or_else(
        |error| error.to_string(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    );
    skip(&format!("Maven did not fetch {coordinates}: {cause}"));
    None
}

/// Runs `source` with Java on the newest Kafka; its standard output.
///
/// # Panics
/// When the program fails.
pub fn java(source: &str, arguments: &[&str]) -> Option<String> {
    let path = [archive(NEWEST)?, archive(LOGGING)?];
    let path = std::env::join_paths(path).expect("no colon in the path");
    let done = Command::new("java")
        .arg("-cp")
        .arg(path)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(source))
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    match done {
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{source}: {errors}");
            Some(String::from_utf8(output.stdout).expect("text"))
        }
        Err(error) => {
            skip(&format!("no Java: {error}"));
            None
        }
    }
}

#[allow(clippy::print_stderr, reason = "a test that did not run says so")]
fn skip(cause: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{cause}");
    eprintln!("skipped: {cause}");
}
