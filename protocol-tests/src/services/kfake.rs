//! franz-go's kfake: a third implementation of the protocol, written in Go by others.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use super::cache;

/// A running kfake of one broker. It ends when its stdin closes: with this value or the process.
#[derive(Debug)]
pub struct Kfake {
    child: Child,
    stdin: Option<ChildStdin>,
    bootstrap: String,
}

impl Kfake {
    /// Starts one that speaks like a release of Kafka, e.g. `3.9`, or like the newest that it knows.
    ///
    /// # Errors
    /// It did not start.
    pub(super) fn start(program: &Path, release: Option<&str>) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(release)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdin = child.stdin.take();
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let kfake = Self { child, stdin, bootstrap: line.trim().to_owned() };
        if kfake.bootstrap.is_empty() {
            return Err(io::Error::other("it did not start"));
        }
        Ok(kfake)
    }

    /// `host:port`.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }
}

impl Drop for Kfake {
    fn drop(&mut self) {
        drop(self.stdin.take());
        drop(self.child.wait());
    }
}

/// The program, fetched and built once per machine; one test binary builds it, others wait.
///
/// # Errors
/// Go is missing or older than kfake wants, or its modules cannot be fetched.
pub(super) fn build() -> io::Result<PathBuf> {
    let root = cache::root()?;
    fs::create_dir_all(&root)?;
    let lock = File::create(root.join("kfake.lock"))?;
    lock.lock()?;
    let program = root.join("kfake");
    let output = Command::new("go")
        .args(["build", "-mod=readonly", "-trimpath", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("go/kfake"))
        .stdin(Stdio::null())
        .output()
        .map_err(|e| io::Error::new(e.kind(), format!("could not run go: {e}")))?;
    if !output.status.success() {
        return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    Ok(program)
}
