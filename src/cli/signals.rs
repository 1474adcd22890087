//! INT and TERM: the first drains, the second stops at once.

use super::exit::Exit;
use crate::exec::JobControl;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Watches for signals on a thread of its own. The first one drains `control` and says so; a second one ends the
/// process with 130 or 143.
pub(super) fn watch(control: JobControl) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if control.is_draining() {
                let exit = if signal == SIGINT { Exit::Interrupted } else { Exit::Terminated };
                stop_now(exit);
            }
            super::status::say(
                "[INFO] stopping: draining what was read; signal again to stop at once",
            );
            control.drain();
        }
    })?;
    Ok(())
}

#[expect(
    clippy::exit,
    reason = "a second signal asks to stop at once, from a thread that is not main"
)]
fn stop_now(exit: Exit) -> ! {
    std::process::exit(exit as i32)
}
