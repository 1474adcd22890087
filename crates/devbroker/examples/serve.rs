//! Serves an empty broker until it is killed: `cargo run --example serve -- 127.0.0.1:9092`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program, not a library")]

use std::net::SocketAddr;

use brooklet_devbroker::{Config, DevBroker};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address: SocketAddr =
        std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned()).parse()?;
    let mut config = Config::default();
    config.report_close = Some(|reason| eprintln!("closed a connection: {reason}"));
    let broker = DevBroker::start(address, config)?;
    println!("{}", broker.bootstrap());
    loop {
        std::thread::park();
    }
}
