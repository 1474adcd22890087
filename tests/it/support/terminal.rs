//! `brooklet` on a pseudo-terminal: what a user at a keyboard sees.

use std::io::{Read as _, Write as _};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A program that shows nothing new for so long hangs.
const DEADLINE: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
struct Screen {
    text: String,
    closed: bool,
}

type Shared = Arc<(Mutex<Screen>, Condvar)>;

/// A program that runs on a terminal of its own; killed when it goes out of scope.
#[derive(Debug)]
pub(crate) struct Terminal {
    child: Child,
    keyboard: std::fs::File,
    screen: Shared,
    /// Bytes of the screen's text that were looked at.
    seen: usize,
    folder: TempDir,
}

impl Terminal {
    /// Starts the program with these arguments in a folder that holds `files`, its history among them.
    pub(crate) fn start(args: &[&str], files: &[(&str, &str)]) -> Terminal {
        let folder = TempDir::with_prefix("brooklet-it-").unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(40, 160)).unwrap();
        let child = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_brooklet"))
            .args(args)
            .current_dir(folder.path())
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .env("BROOKLET_HISTORY", folder.path().join("state/history"))
            .spawn(pts)
            .unwrap();
        let keyboard = std::fs::File::from(std::os::fd::OwnedFd::from(pty));
        let mut output = keyboard.try_clone().unwrap();
        let screen = Shared::default();
        let shared = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut chunk = vec![0; 4096];
            loop {
                // Linux answers EIO once the last process on the other side is gone.
                let read = output.read(&mut chunk).unwrap_or(0);
                let mut screen = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
                screen.text.push_str(&String::from_utf8_lossy(&chunk[..read]));
                screen.closed = read == 0;
                shared.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Terminal { child, keyboard, screen, seen: 0, folder }
    }

    /// Waits for a text behind what was seen so far, and gives what came before its end.
    #[track_caller]
    pub(crate) fn sees(&mut self, text: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        let mut screen = self.screen.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let new = &screen.text[self.seen..];
            if let Some(at) = new.find(text) {
                let until = self.seen + at + text.len();
                let found = screen.text[self.seen..until].to_owned();
                self.seen = until;
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!screen.closed && !left.is_zero(), "no '{text}' behind:\n{new}");
            screen =
                self.screen.1.wait_timeout(screen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Types these characters.
    pub(crate) fn types(&mut self, text: &str) {
        self.presses(text.as_bytes());
    }

    /// What no keyboard gives, too.
    pub(crate) fn presses(&mut self, bytes: &[u8]) {
        self.keyboard.write_all(bytes).unwrap();
    }

    /// Types a line and the Enter key.
    pub(crate) fn enters(&mut self, text: &str) {
        self.types(text);
        self.types("\r");
    }

    /// Sends a signal by name, as `kill -NAME`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = std::process::Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(status.unwrap().success());
    }

    /// A file in the folder where the program runs.
    pub(crate) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// Waits for the end of the program.
    #[track_caller]
    pub(crate) fn ends(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        let mut screen = self.screen.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !screen.closed {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "still running behind:\n{}", &screen.text[self.seen..]);
            screen =
                self.screen.1.wait_timeout(screen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(screen);
        self.child.wait().unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
