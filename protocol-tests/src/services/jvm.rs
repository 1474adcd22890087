//! A Java process that cannot outlive its test.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

/// How to end a [`Jvm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// SIGTERM: the shutdown hooks run.
    Clean,
    /// SIGKILL: as if the machine went away.
    Abrupt,
}

/// A running `java`, watched by a shell that kills it when this process ends.
#[derive(Debug)]
pub struct Jvm {
    shell: Child,
    /// Signals go in by name; closing it kills the service and removes its folder.
    control: Option<ChildStdin>,
    pid: u32,
}

impl Jvm {
    /// Starts `java` with these arguments. Output goes to `service.log` in `folder`.
    ///
    /// # Errors
    /// The shell did not start.
    pub fn start<S: AsRef<OsStr>>(
        folder: &Path,
        args: impl IntoIterator<Item = S>,
    ) -> io::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", include_str!("supervise.sh"), "supervise"])
            .arg(folder)
            .arg("java")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // An interrupt typed at the terminal ends the test; the closing pipe ends the service.
            .process_group(0)
            .spawn()?;
        let control = shell.stdin.take();
        let mut line = String::new();
        if let Some(out) = shell.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let pid = line.trim().parse().map_err(io::Error::other)?;
        Ok(Self { shell, control, pid })
    }

    /// Process id of the Java process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The status of a service that ended, without waiting.
    ///
    /// # Errors
    /// As of `waitpid`.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.shell.try_wait()
    }

    /// Ends the service, waits for it, and leaves its folder as it is.
    ///
    /// # Errors
    /// As of `waitpid`.
    pub fn end(mut self, how: Exit) -> io::Result<()> {
        let signal: &[u8] = match how {
            Exit::Clean => b"TERM\n",
            Exit::Abrupt => b"KILL\n",
        };
        if let Some(control) = &mut self.control {
            // A service that has just ended by itself closed the pipe: that is what was asked for.
            drop(control.write_all(signal));
        }
        self.shell.wait().map(drop)
    }
}

impl Drop for Jvm {
    fn drop(&mut self) {
        drop(self.control.take());
        drop(self.shell.wait());
    }
}
