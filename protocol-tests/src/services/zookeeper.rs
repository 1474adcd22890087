//! A ZooKeeper for one old broker, from the broker's own jars.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::Jvm;

/// It takes two seconds; the rest is for a loaded machine.
const START_WAIT_MAX: Duration = Duration::from_secs(60);
/// One that is not ready yet may take a question and never answer it.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(2);
/// Between two looks at a server that is starting.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// Starts one on `port` of 127.0.0.1 and waits until it serves. It ends with the value, and its
/// folder goes with it.
///
/// # Errors
/// Java is missing, or the server was not ready in time.
pub(super) fn start(jars: &Path, port: u16) -> io::Result<Jvm> {
    // Not in the broker's: each process removes its own when it is abandoned.
    let own = tempfile::Builder::new().prefix("brooklet-zookeeper-").tempdir()?.keep();
    let file = own.join("zookeeper.properties");
    let data = own.join("data");
    fs::write(
        &file,
        format!(
            "dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\n\
             tickTime=500\nadmin.enableServer=false\n4lw.commands.whitelist=srvr\n",
            data.display()
        ),
    )?;
    let options = ["-Xms32m", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"];
    let mut args: Vec<OsString> = options.map(OsString::from).to_vec();
    args.push(jars.join("*").into_os_string());
    args.push("org.apache.zookeeper.server.quorum.QuorumPeerMain".into());
    args.push(file.into());
    let mut jvm = Jvm::start(&own, args)?;
    let deadline = Instant::now() + START_WAIT_MAX;
    while !serves(port) {
        let ended = jvm.ended()?;
        if ended.is_some() || Instant::now() > deadline {
            let log = fs::read_to_string(own.join("service.log")).unwrap_or_default();
            let what =
                ended.map_or_else(|| "does not answer".to_owned(), |s| format!("ended with {s}"));
            return Err(io::Error::other(format!("ZooKeeper {what}\n{log}")));
        }
        thread::sleep(POLL_EVERY);
    }
    Ok(jvm)
}

/// Asks in words what it is; one that is still starting says so or nothing.
fn serves(port: u16) -> bool {
    let ask = || {
        let mut socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_read_timeout(Some(ANSWER_WAIT_MAX))?;
        socket.write_all(b"srvr")?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        io::Result::Ok(answer)
    };
    ask().is_ok_and(|answer| answer.contains("Mode:"))
}
