//! Says once why the first answer of the brokers is not there yet.

use crate::table::Warnings;
use brooklet_kafka::Client;
use std::time::Duration;

/// How long the first answer may take before people are told what is waited for.
const QUIET: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug)]
pub(super) enum Patience {
    /// Nothing was waited for yet.
    New,
    /// Until when nothing is said.
    Until(Duration),
    /// It was said, or there is an answer.
    Over,
}

impl Patience {
    /// Begins to wait with the first call, and says what is waited for when it is time.
    pub(super) fn wait(&mut self, client: &Client, warnings: &Warnings, now: Duration) {
        match *self {
            Patience::New => *self = Patience::Until(now + QUIET),
            Patience::Until(until) if until <= now => {
                *self = Patience::Over;
                say(client, warnings);
            }
            Patience::Until(_) | Patience::Over => {}
        }
    }

    /// There is an answer.
    pub(super) fn end(&mut self) {
        *self = Patience::Over;
    }

    pub(super) fn wake_at(&self) -> Option<Duration> {
        match self {
            Patience::Until(until) => Some(*until),
            Patience::New | Patience::Over => None,
        }
    }
}

fn say(client: &Client, warnings: &Warnings) {
    let config = client.config();
    let bootstrap: Vec<String> = config.bootstrap.iter().map(ToString::to_string).collect();
    let cause = match client.last_failure() {
        Some(failure) => failure.to_string(),
        None => "no connection yet".to_owned(),
    };
    warnings.warn(&format!(
        "no answer from the brokers at '{}' yet: {cause}; trying for {} s",
        bootstrap.join(","),
        config.contact_timeout.as_secs()
    ));
}
