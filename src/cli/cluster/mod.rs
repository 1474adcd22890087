//! What the commands share that work on a cluster without a script: `topic`, `txn`, `job`.

mod connection;
mod failure;
pub(super) mod output;

pub(super) use connection::{Bell, Connection, STOP_POLL, chosen};
pub(super) use failure::Failure;

use super::exit::Exit;
use super::status::{colour, say};

/// Says why a command ended, if it did not reach its goal.
pub(super) fn end(outcome: Result<(), Failure>) -> Exit {
    match outcome {
        Ok(()) | Err(Failure::Stopped) => Exit::Done,
        Err(Failure::Usage(message)) => {
            say(&format!("error: {message}"));
            Exit::Usage
        }
        Err(Failure::Error(error)) => {
            say(super::render::error(&error, None, colour()).trim_end());
            Exit::from(&error)
        }
    }
}
