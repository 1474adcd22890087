//! `brooklet broker`.

use super::args::BrokerArguments;
use super::exit::Exit;
use super::signals;
use super::status::say;
use crate::exec::JobControl;
use brooklet_devbroker::{Config, DevBroker};
use std::net::ToSocketAddrs as _;
use std::time::Duration;

/// How often the main thread looks whether it was asked to stop.
const STOP_POLL: Duration = Duration::from_millis(50);

/// Runs the broker until the first INT or TERM.
pub(super) fn broker(arguments: &BrokerArguments) -> Exit {
    let resolved = arguments.listen.to_socket_addrs().map(|mut addresses| addresses.next());
    let Ok(Some(address)) = resolved else {
        say(&format!("error: '{}' is not an address of the form HOST:PORT", arguments.listen));
        return Exit::Usage;
    };
    let control = JobControl::new();
    if let Err(error) = signals::watch(control.clone()) {
        say(&format!("error: cannot watch for signals: {error}"));
        return Exit::Outside;
    }
    let broker = match DevBroker::start(address, config()) {
        Ok(broker) => broker,
        Err(error) => {
            say(&format!("error: cannot listen on {address}: {error}"));
            return Exit::Outside;
        }
    };
    say(&format!("[INFO] broker listens on {}; data is kept in memory only", broker.bootstrap()));
    while !control.is_draining() {
        std::thread::sleep(STOP_POLL);
    }
    broker.shutdown();
    Exit::Done
}

/// What the embedded broker is started with.
pub(super) fn config() -> Config {
    let mut config = Config::default();
    config.report_close = Some(|reason| {
        say(&format!("[WARN] the embedded broker closed a connection: {reason}"));
    });
    config
}
