//! Real sockets, and an address space that the kernel caps: a length prefix that announces much
//! and brings little must not cost what it announces.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use brooklet_kafka::limits::FRAME_BYTES_MAX;
use brooklet_kafka::{Client, ClientConfig, Network};

use crate::client_support::PATIENCE;

const TARGET: &str = "BROOKLET_TEST_LIAR";
/// Kibibytes of address space, thread stacks and the program itself included: half of what the
/// lies of all connections add up to.
const ADDRESS_SPACE_KIB: usize = 700 * 1024;
const CLIENTS: usize = 16;

/// Announces the largest frame, sends a little of it, and waits.
fn lie(mut stream: TcpStream) {
    let mut request = [0; 4096];
    if stream.read(&mut request).unwrap_or(0) > 0 {
        drop(stream.write_all(&(FRAME_BYTES_MAX as u32).to_be_bytes()));
        drop(stream.write_all(&[0; 64]));
        // Until the client gives up.
        while stream.read(&mut request).unwrap_or(0) > 0 {}
    }
}

/// The part that runs under the cap.
#[test]
fn capped_child() {
    let Ok(bootstrap) = std::env::var(TARGET) else { return };
    let pairs = [
        ("bootstrap.servers", bootstrap.as_str()),
        ("request.timeout.ms", "1000"),
        ("default.api.timeout.ms", "1500"),
    ];
    let network = Network::tokio();
    let clients: Vec<Client> = (0..CLIENTS)
        .map(|_| Client::new(ClientConfig::parse(pairs).expect("properties").0, &network))
        .collect();
    let calls: Vec<_> = clients.iter().map(|client| client.metadata(&["t"])).collect();
    for call in calls {
        let answer = call.wait(PATIENCE).expect("an answer in time");
        assert!(answer.is_err(), "{answer:?}");
    }
}

#[test]
fn announced_lengths_do_not_cost_address_space() {
    const { assert!(CLIENTS * FRAME_BYTES_MAX / 1024 > 2 * ADDRESS_SPACE_KIB) };
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || lie(stream));
        }
    });
    let child = Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -v {ADDRESS_SPACE_KIB} && exec \"$0\" \"$@\""))
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", "capped::capped_child", "--test-threads=1"])
        .env(TARGET, &address)
        .output()
        .expect("a shell");
    let text = String::from_utf8_lossy(&child.stdout);
    let errors = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{}: {text}\n{errors}", child.status);
    assert!(text.contains("1 passed"), "{text}");
}
