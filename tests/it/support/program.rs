//! `brooklet` as its users start it: a process with pipes, a deadline, and nothing left behind.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A process that has not ended by then hangs: the slowest test takes a tenth of it on two loaded cores.
const DEADLINE: Duration = Duration::from_secs(60);

/// A call of the program that can be repeated.
#[derive(Debug)]
pub(crate) struct Program {
    folder: TempDir,
    args: Vec<String>,
    stdin: Vec<u8>,
    env: Vec<(String, String)>,
    bare: bool,
}

impl Program {
    /// Any arguments.
    pub(crate) fn new(args: &[&str]) -> Program {
        Program {
            folder: TempDir::with_prefix("brooklet-it-").unwrap(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            stdin: Vec::new(),
            env: Vec::new(),
            bare: false,
        }
    }

    /// `brooklet run NAME.sql` with this text in the file. Jobs are named after the file.
    pub(crate) fn script(name: &str, sql: &str) -> Program {
        let program = Program::new(&["run", &format!("{name}.sql")]);
        std::fs::write(program.path(&format!("{name}.sql")), sql).unwrap();
        program
    }

    pub(crate) fn arg(mut self, arg: &str) -> Program {
        self.args.push(arg.to_owned());
        self
    }

    pub(crate) fn stdin(mut self, text: &str) -> Program {
        self.stdin = text.as_bytes().to_vec();
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Program {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without anything of its user: no environment, and a current folder in which even root cannot write.
    pub(crate) fn bare(mut self) -> Program {
        self.bare = true;
        self
    }

    /// A file in the folder where the program runs.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it.
    pub(crate) fn start(&self) -> Running {
        self.spawn(true, &[])
    }

    /// Starts it with more environment variables.
    pub(crate) fn start_with(&self, env: &[(&str, &str)]) -> Running {
        self.spawn(true, env)
    }

    /// Starts it with nobody at the other end of standard output.
    pub(crate) fn start_and_close_stdout(&self) -> Running {
        self.spawn(false, &[])
    }

    /// Starts it with a reader of standard output that goes after the first line, as `head -n 1` does.
    pub(crate) fn start_and_read_a_line(&self) -> Running {
        let mut running = self.spawn_with(&[]);
        let stdout = running.child.stdout.take().unwrap();
        std::thread::spawn(move || {
            drop(BufReader::new(stdout).read_line(&mut String::new()));
        });
        running
    }

    fn spawn(&self, read_stdout: bool, env: &[(&str, &str)]) -> Running {
        let mut running = self.spawn_with(env);
        let stdout = running.child.stdout.take().filter(|_| read_stdout);
        running.stdout = stdout.map_or_else(Output::closed, Output::collect);
        running
    }

    /// Nobody has its standard output yet.
    fn spawn_with(&self, env: &[(&str, &str)]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brooklet"));
        match self.bare {
            true => command.env_clear().current_dir("/proc"),
            false => command.current_dir(self.folder.path()),
        };
        command.args(&self.args).env("NO_COLOR", "1");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.envs(env.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().unwrap();
        let input = self.stdin.clone();
        // A program that does not read its input closes the pipe: nothing to complain about.
        std::thread::spawn(move || drop(stdin.write_all(&input)));
        let stderr = Output::collect(child.stderr.take().unwrap());
        Running { child, stdout: Output::closed(), stderr, started: Instant::now() }
    }

    /// Runs it to its end.
    pub(crate) fn run(&self) -> Ended {
        self.start().wait()
    }
}

#[derive(Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    closed: bool,
}

/// What came out of a pipe so far.
#[derive(Clone, Debug)]
struct Output(Arc<(Mutex<Text>, Condvar)>);

impl Output {
    fn closed() -> Output {
        Output(Arc::new((Mutex::new(Text { bytes: Vec::new(), closed: true }), Condvar::new())))
    }

    fn collect(mut pipe: impl std::io::Read + Send + 'static) -> Output {
        let output = Output(Arc::default());
        let shared = output.clone();
        std::thread::spawn(move || {
            let mut chunk = vec![0; 16 << 10];
            loop {
                let read = pipe.read(&mut chunk).unwrap_or(0);
                let mut text = shared.0.0.lock().unwrap_or_else(PoisonError::into_inner);
                text.bytes.extend_from_slice(&chunk[..read]);
                text.closed = read == 0;
                shared.0.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        output
    }

    fn text(&self) -> String {
        let text = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&text.bytes).into_owned()
    }

    /// Waits until `done` holds of the text or the pipe is closed; false after the deadline or at a close without it.
    fn wait(&self, deadline: Instant, done: impl Fn(&str) -> bool) -> bool {
        let mut text = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if done(&String::from_utf8_lossy(&text.bytes)) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if text.closed || left.is_zero() {
                return false;
            }
            text = self.0.1.wait_timeout(text, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn wait_closed(&self, deadline: Instant) -> bool {
        self.wait(deadline, |_| false);
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).closed
    }
}

/// A started program; killed when it goes out of scope.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: Output,
    stderr: Output,
    started: Instant,
}

impl Running {
    fn deadline(&self) -> Instant {
        self.started + DEADLINE
    }

    /// Waits until `done` holds of standard output.
    pub(crate) fn until_stdout(&self, what: &str, done: impl Fn(&str) -> bool) {
        assert!(self.stdout.wait(self.deadline(), done), "no {what} on stdout\n{}", self.both());
    }

    /// Waits until standard error contains `part`.
    pub(crate) fn until_stderr(&self, part: &str) {
        let seen = self.stderr.wait(self.deadline(), |text| text.contains(part));
        assert!(seen, "no '{part}' on stderr\n{}", self.both());
    }

    fn both(&self) -> String {
        format!("--- stdout\n{}--- stderr\n{}---", self.stdout.text(), self.stderr.text())
    }

    /// Sends a signal by name, as `kill -NAME`.
    pub(crate) fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success(), "cannot signal {}", self.child.id());
    }

    /// What the program said on standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// The status of a program that has ended, without waiting.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// SIGKILL, and the end of the process.
    pub(crate) fn kill(mut self) -> Ended {
        self.child.kill().unwrap();
        self.wait()
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Ended {
        // A program may have run for long before its end is waited for.
        let deadline = Instant::now() + DEADLINE;
        let closed = self.stdout.wait_closed(deadline) && self.stderr.wait_closed(deadline);
        assert!(closed, "still running after {DEADLINE:?}\n{}", self.both());
        let status = self.child.wait().unwrap();
        Ended {
            code: status.code(),
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
            took: self.started.elapsed(),
        }
    }
}

impl Drop for Running {
    #[expect(clippy::print_stderr, reason = "the harness shows it under the test's name")]
    fn drop(&mut self) {
        // What went wrong with one process may be the doing of another.
        if std::thread::panicking() {
            eprintln!("process {}: {:?}\n{}", self.child.id(), self.child.try_wait(), self.both());
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Ended {
    fn both(&self) -> String {
        format!("exit {:?}\n--- stdout\n{}--- stderr\n{}---", self.code, self.stdout, self.stderr)
    }

    /// The exit code must be this one.
    #[track_caller]
    pub(crate) fn code(&self, expected: i32) -> &Ended {
        assert_eq!(self.code, Some(expected), "{}", self.both());
        self
    }

    /// Standard error must contain each of `parts`.
    #[track_caller]
    pub(crate) fn says(&self, parts: &[&str]) -> &Ended {
        for part in parts {
            assert!(self.stderr.contains(part), "no '{part}' on stderr: {}", self.both());
        }
        self
    }

    /// Standard output must contain each of `parts`.
    #[track_caller]
    pub(crate) fn shows(&self, parts: &[&str]) -> &Ended {
        for part in parts {
            assert!(self.stdout.contains(part), "no '{part}' on stdout: {}", self.both());
        }
        self
    }

    /// Standard error or output must contain `part`.
    #[track_caller]
    pub(crate) fn says_or_prints(&self, part: &str) -> &Ended {
        assert!(
            self.stderr.contains(part) || self.stdout.contains(part),
            "no '{part}': {}",
            self.both()
        );
        self
    }

    /// Standard output must be exactly this.
    #[track_caller]
    pub(crate) fn prints(&self, expected: &str) -> &Ended {
        assert_eq!(self.stdout, expected, "{}", self.both());
        self
    }
}
