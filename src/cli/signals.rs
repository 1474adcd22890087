//! INT and TERM: the first drains, the second stops at once. A reader of standard output that goes acts as the first.

use super::exit::Exit;
use crate::exec::JobControl;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Signals that come this soon after the first are that one: `timeout` sends its signal to its command, and then to the
/// group that the command is in.
const REPEATED: Duration = Duration::from_millis(5);

/// Watches for signals on a thread of its own. The first one drains `control` and says so; a second one ends the
/// process with 130 or 143.
pub(super) fn watch(control: JobControl) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        while let Some(signal) = signals.forever().next() {
            if control.is_draining() {
                let exit = if signal == SIGINT { Exit::Interrupted } else { Exit::Terminated };
                super::status::say("[WARN] stopped at once: the last epoch is given up");
                stop_now(exit);
            }
            std::thread::sleep(REPEATED);
            signals.pending().for_each(drop);
            super::status::say(
                "[INFO] stopping: draining what was read; signal again to stop at once",
            );
            control.drain();
        }
    })?;
    Ok(())
}

/// Calls `closed` when nobody reads standard output any more, on a thread of its own: who has no rows to write would not
/// notice. Only a pipe or a socket has a reader.
pub(super) fn watch_stdout(closed: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let stdout = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    let kind = stdout.metadata()?.file_type();
    if !kind.is_fifo() && !kind.is_socket() {
        return Ok(());
    }
    std::thread::Builder::new().name("stdout".to_owned()).spawn(move || {
        loop {
            // Without events it waits for the end of the reader alone.
            let mut watched = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
            match poll(&mut watched, PollTimeout::NONE) {
                Ok(_) => return closed(),
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    })?;
    Ok(())
}

/// Nobody reads the results of jobs any more.
pub(super) fn stdout_closed(control: &JobControl) {
    if !control.is_draining() {
        super::status::say("[INFO] standard output was closed: draining what was read");
    }
    control.drain();
}

/// What a signal to the shell acts on.
#[derive(Clone, Debug, Default)]
pub(super) struct ShellControl(Arc<Mutex<ShellState>>);

#[derive(Debug, Default)]
struct ShellState {
    /// Of the statement that runs, or ran last.
    statement: JobControl,
    /// How often it was asked to stop.
    interrupts: u32,
    /// TERM came.
    leaving: bool,
}

/// INTs during one statement after which the shell itself ends: a query that cannot stop must not keep its user.
const INTERRUPTS_MAX: u32 = 3;

impl ShellControl {
    /// A control for the next statement.
    pub(super) fn next(&self) -> JobControl {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.statement = JobControl::new();
        state.interrupts = 0;
        if state.leaving {
            state.statement.drain();
        }
        state.statement.clone()
    }

    /// Whether the shell was asked to end.
    pub(super) fn is_leaving(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).leaving
    }

    fn interrupt(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.statement.drain();
        state.interrupts += 1;
        let interrupts = state.interrupts;
        drop(state);
        if interrupts >= INTERRUPTS_MAX {
            stop_now(Exit::Interrupted);
        }
        if interrupts > 1 {
            super::status::say("[INFO] the query is being stopped; Ctrl-C again leaves the shell");
        }
    }

    fn terminate(&self, on_term: &dyn Fn()) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut state.leaving, true) {
            stop_now(Exit::Terminated);
        }
        let statement = state.statement.clone();
        drop(state);
        on_term();
        statement.drain();
    }
}

/// Watches for signals of an interactive shell: INT stops the statement that runs, TERM ends the shell once its jobs
/// are drained. `on_term` is called when the first one came, before anything is drained.
pub(super) fn watch_shell(
    control: ShellControl,
    on_term: impl Fn() + Send + 'static,
) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if signal == SIGINT {
                control.interrupt();
            } else {
                control.terminate(&on_term);
            }
        }
    })?;
    Ok(())
}

#[expect(
    clippy::exit,
    reason = "a second signal asks to stop at once, from a thread that is not main"
)]
pub(super) fn stop_now(exit: Exit) -> ! {
    std::process::exit(exit as i32)
}
