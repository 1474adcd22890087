//! kcat 1.7 on librdkafka 2.0 against the broker.

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use brooklet_devbroker::{Config, DevBroker};

use common::{CODECS, lines, run, skip, start, start_with};

/// kcat against a broker, or `None` when it is not installed.
fn kcat(broker: &DevBroker) -> Option<Command> {
    if Command::new("kcat").arg("-V").output().is_err() {
        skip("kcat is not installed");
        return None;
    }
    let mut command = Command::new("kcat");
    command.args(["-b", &broker.bootstrap()]);
    Some(command)
}

#[test]
fn every_codec_goes_there_and_back() {
    let broker = start();
    for codec in CODECS {
        let Some(mut produce) = kcat(&broker) else { return };
        let topic = format!("kcat-{codec}");
        let sent = lines(codec);
        run(produce.args(["-P", "-t", &topic, "-z", codec]), &sent);
        let consume = |extra: &[&str]| {
            let mut command = kcat(&broker).unwrap();
            run(command.args(["-C", "-q", "-e", "-t", &topic]).args(extra), "")
        };
        assert_eq!(consume(&["-o", "beginning"]), sent, "{codec}");
        assert_eq!(consume(&["-o", "-1"]), sent.lines().last().unwrap().to_owned() + "\n");
        let from_now_on = consume(&["-o", "s@9999999999999"]);
        assert_eq!(from_now_on, "", "{codec}: nothing is that new");
        let all = consume(&["-o", "s@1000"]);
        assert_eq!(all, sent, "{codec}: everything is newer than 1970");
    }
}

/// Old librdkafka sends everything uncompressed unless Produce 0 is advertised; it does not say so.
#[test]
fn compressed_batches_arrive_compressed() {
    let broker = start();
    let mut sizes = Vec::new();
    for codec in ["none", "gzip"] {
        let Some(mut produce) = kcat(&broker) else { return };
        run(produce.args(["-P", "-t", codec, "-z", codec]), &"x".repeat(10_000));
        // The size of what a fetch brings shows in the statistics of the consumer.
        let mut consume = kcat(&broker).unwrap();
        let output = consume
            .args(["-C", "-q", "-e", "-o", "beginning", "-t", codec])
            .args(["-d", "protocol"])
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        let size = log
            .lines()
            .filter(|line| line.contains("Received FetchResponse"))
            .filter_map(|line| line.split(", ").nth(1)?.split(' ').next()?.parse::<usize>().ok())
            .max();
        sizes.push(size.unwrap_or_else(|| panic!("no fetch response in:\n{log}")));
    }
    assert!(sizes[1] * 10 < sizes[0], "uncompressed and gzip fetches took {sizes:?} bytes");
}

#[test]
fn idempotent_producers_keys_and_headers() {
    let broker = start();
    let Some(mut produce) = kcat(&broker) else { return };
    run(
        produce
            .args(["-P", "-t", "t", "-K", ":", "-H", "h=1", "-H", "h=2"])
            .args(["-X", "enable.idempotence=true"]),
        "k1:v1\nk2:v2\n",
    );
    let mut consume = kcat(&broker).unwrap();
    let text = run(
        consume.args(["-C", "-q", "-e", "-t", "t", "-o", "beginning", "-f", "%o %k %s %h\\n"]),
        "",
    );
    assert_eq!(text, "0 k1 v1 h=1,h=2\n1 k2 v2 h=1,h=2\n");
}

#[test]
fn the_broker_and_its_topics_are_listed() {
    let broker = start();
    let Some(mut produce) = kcat(&broker) else { return };
    run(produce.args(["-P", "-t", "listed"]), "x\n");
    let text = run(kcat(&broker).unwrap().arg("-L"), "");
    assert!(text.contains(&format!("broker 1 at {}", broker.bootstrap())), "{text}");
    assert!(text.contains("topic \"listed\" with 1 partitions"), "{text}");
    let offsets = run(kcat(&broker).unwrap().args(["-Q", "-t", "listed:0:-1"]), "");
    assert!(offsets.contains("listed [0] offset 1"), "{offsets}");
}

/// A member of a group in a process of its own, killed when it is dropped.
struct Member {
    child: Child,
    records: Arc<Mutex<Vec<String>>>,
    messages: Arc<Mutex<Vec<String>>>,
}

impl Member {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let records = collected(child.stdout.take().unwrap());
        let messages = collected(child.stderr.take().unwrap());
        Self { child, records, messages }
    }

    fn records(&self) -> Vec<String> {
        self.records.lock().unwrap().clone()
    }

    fn has_partitions(&self) -> bool {
        self.messages.lock().unwrap().last().is_some_and(|line| line.contains("assigned:"))
    }

    /// Asks it to leave the group, and waits until it has.
    fn end(mut self) -> Vec<String> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
        self.records()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn collected(from: impl Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&lines);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            into.lock().unwrap().push(line);
        }
    });
    lines
}

#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Two members share the partitions of a topic, each record goes to one of them, and the group goes on where it stopped.
#[test]
fn members_of_a_group_share_a_topic() {
    let mut config = Config::default();
    config.default_partitions = 4;
    let broker = start_with(config);
    let produce = |from: u32| {
        let sent: String = (from..from + 300).map(|n| format!("{n}:{n}\n")).collect();
        Some(run(kcat(&broker)?.args(["-P", "-t", "shared", "-K", ":"]), &sent))
    };
    if produce(0).is_none() {
        return;
    }
    let member = || {
        let mut command = kcat(&broker).unwrap();
        command.args(["-G", "readers", "-u", "-f", "%p\n"]);
        command.args(["-X", "auto.offset.reset=earliest", "-X", "session.timeout.ms=6000"]);
        Member::start(command.arg("shared"))
    };
    let first = member();
    until("the first reads", || first.records().len() == 300);
    let second = member();
    until("both have partitions", || first.has_partitions() && second.has_partitions());
    produce(300);
    until("both read", || first.records().len() + second.records().len() >= 600);
    let (of_first, of_second) = (first.end(), second.end());
    assert_eq!(of_first.len() + of_second.len(), 600, "none twice");
    let partitions = |lines: &[String]| lines.iter().cloned().collect::<BTreeSet<String>>();
    let (a, b) = (partitions(&of_first[300..]), partitions(&of_second));
    assert!(a.is_disjoint(&b) && a.len() == 2 && b.len() == 2, "{a:?} {b:?}");
    // Both left with what they had read committed.
    let third = member();
    until("the third has partitions", || third.has_partitions());
    produce(600);
    until("the third reads", || third.records().len() >= 300);
    assert_eq!(third.end().len(), 300);
}
