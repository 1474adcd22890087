//! `brooklet topic` as a user runs it: the built program against an embedded broker.

use brooklet_devbroker::{Config, DevBroker};
use brooklet_kafka::partitioner::for_key;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::thread;

fn broker() -> DevBroker {
    DevBroker::start(SocketAddr::from(([127, 0, 0, 1], 0)), Config::default()).expect("a broker")
}

/// How a run ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ended {
    /// Standard output of a run that must have succeeded.
    fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    fn sorted(self) -> Vec<String> {
        let mut lines: Vec<String> = self.ok().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }
}

fn start(subcommand: &str, bootstrap: &str, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_brooklet"))
        .args(["topic", subcommand, "-b", bootstrap])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

fn run_with(subcommand: &str, bootstrap: &str, arguments: &[&str], input: Vec<u8>) -> Ended {
    let mut child = start(subcommand, bootstrap, arguments);
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that does not read its input to the end is judged by its exit code.
    let feeder = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("it ends");
    feeder.join().expect("the feeder ends");
    Ended {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn run(subcommand: &str, bootstrap: &str, arguments: &[&str]) -> Ended {
    run_with(subcommand, bootstrap, arguments, Vec::new())
}

#[test]
fn keyed_lines_go_round_in_javas_partitions() {
    let broker = broker();
    let at = broker.bootstrap();
    run("create", &at, &["orders", "--partitions", "3"]).ok();
    let lines: Vec<(String, String)> =
        (0..200).map(|i| (format!("k{}", i % 17), format!("value:{i}"))).collect();
    let input: String = lines.iter().map(|(key, value)| format!("{key}:{value}\n")).collect();
    let produced = run_with("produce", &at, &["-t", "orders", "-K", ":"], input.into_bytes());
    assert!(produced.err.contains("200 records written"), "{produced:?}");
    assert_eq!(produced.ok(), "", "results only on standard output");

    let read = run("consume", &at, &["orders", "-e", "-f", "%t %p %k=%s %K %S\\n"]).sorted();
    let mut expected: Vec<String> = lines
        .iter()
        .map(|(key, value)| {
            let partition = for_key(key.as_bytes(), 3);
            format!("orders {partition} {key}={value} {} {}", key.len(), value.len())
        })
        .collect();
    expected.sort();
    assert_eq!(read, expected);

    let one = run("consume", &at, &["orders", "-p", "1", "-e", "-f", "%p\\n"]).ok();
    assert!(!one.is_empty() && one.lines().all(|line| line == "1"), "{one}");
    let pairs = run("consume", &at, &["orders", "-e", "-K", "\\t"]).ok();
    assert_eq!(pairs.lines().count(), 200);
    assert!(pairs.lines().any(|line| line == "k3\tvalue:3"), "{pairs}");
    broker.shutdown();
}

#[test]
fn bounds_choose_what_is_read() {
    let broker = broker();
    let at = broker.bootstrap();
    run("create", &at, &["-t", "log", "--partitions", "1", "--replication-factor", "1"]).ok();
    // Empty lines are skipped, and the last line needs no line feed.
    run_with("produce", &at, &["log"], b"a\nb\n\nc\nd\ne".to_vec()).ok();
    for (arguments, expected) in [
        (&["-e"][..], "a\nb\nc\nd\ne\n"),
        (&["-c", "2"], "a\nb\n"),
        (&["-c", "9", "-e", "-o", "beginning"], "a\nb\nc\nd\ne\n"),
        (&["-o", "-2", "-e"], "d\ne\n"),
        (&["-o", "-99", "-c", "1"], "a\n"),
        (&["-o", "3", "-e"], "d\ne\n"),
        (&["-o", "3", "-c", "1"], "d\n"),
        (&["-o", "end", "-e"], ""),
        (&["-o", "s@0", "-e"], "a\nb\nc\nd\ne\n"),
        (&["-o", "s@99999999999999", "-e"], ""),
        (&["-o", "e@1"], ""),
        (&["-o", "s@1", "-o", "e@99999999999999", "-c", "5"], "a\nb\nc\nd\ne\n"),
        (&["-e", "-f", "%o[%s]%%\\x2c"], "0[a]%,1[b]%,2[c]%,3[d]%,4[e]%,"),
    ] {
        let arguments = [&["log"], arguments].concat();
        assert_eq!(run("consume", &at, &arguments).ok(), expected, "{arguments:?}");
    }
    let beyond = run("consume", &at, &["log", "-o", "77", "-e"]);
    assert!(beyond.err.contains("holds offsets 0 to 5, not 77"), "{beyond:?}");
    assert_eq!(beyond.ok(), "");
    broker.shutdown();
}

#[test]
fn json_lines_name_everything() {
    let broker = broker();
    let at = broker.bootstrap();
    run("create", &at, &["events"]).ok();
    run_with(
        "produce",
        &at,
        &["events", "-p", "0", "-K", "=>"],
        b"k=>say \"hi\"\nplain\n=>\n".to_vec(),
    )
    .ok();
    let text = run("consume", &at, &["events", "-J", "-e"]).ok();
    let rows: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("valid JSON")).collect();
    let pairs: Vec<_> =
        rows.iter().map(|row| (row["key"].clone(), row["payload"].clone())).collect();
    assert_eq!(
        pairs,
        [
            ("k".into(), "say \"hi\"".into()),
            (serde_json::Value::Null, "plain".into()),
            ("".into(), "".into())
        ]
    );
    assert_eq!(rows[1]["topic"], "events");
    assert_eq!(rows[1]["partition"], 0);
    assert_eq!(rows[1]["offset"], 1);
    assert_eq!(rows[1]["tstype"], "create");
    assert!(rows[1]["ts"].as_i64().is_some_and(|ts| ts > 1_600_000_000_000), "{}", rows[1]);
    assert!(rows[1]["broker"].is_i64());
    broker.shutdown();
}

#[test]
fn topics_are_listed_described_and_deleted() {
    let broker = broker();
    let at = broker.bootstrap();
    for (name, partitions) in [("zoo", "1"), ("ant", "4")] {
        run("create", &at, &[name, "--partitions", partitions, "--config", "retention.ms=60000"])
            .ok();
    }
    assert_eq!(run("list", &at, &[]).ok(), "ant  4 partitions\nzoo  1 partition\n");
    run_with("produce", &at, &["ant", "-p", "2"], b"x\ny\n".to_vec()).ok();
    let described = run("describe", &at, &["ant"]).ok();
    let lines: Vec<&str> = described.lines().collect();
    assert_eq!(lines[0], "topic: ant");
    assert!(lines[1].starts_with("id: ") && lines[1].len() == 4 + 22, "{described}");
    assert_eq!(lines[2], "partitions: 4");
    assert!(lines[3].starts_with("partition  leader"), "{described}");
    let third: Vec<&str> = lines[6].split_whitespace().collect();
    assert_eq!(third[0], "2");
    assert_eq!(third[2..], ["1", "1", "0", "2"]);

    let again = run("create", &at, &["ant"]);
    assert_eq!(again.code, Some(4), "{again:?}");
    run("delete", &at, &["ant"]).ok();
    assert_eq!(run("list", &at, &[]).ok(), "zoo  1 partition\n");
    for subcommand in ["describe", "delete", "consume", "produce"] {
        let gone = run(subcommand, &at, &["-t", "ant"]);
        assert_eq!(gone.code, Some(4), "{subcommand}: {gone:?}");
        assert!(gone.err.contains("error: topic `ant` does not exist"), "{subcommand}: {gone:?}");
        assert!(gone.err.contains("hint: "), "{subcommand}: {gone:?}");
    }
    let partition = run("consume", &at, &["zoo", "-p", "7"]);
    assert_eq!(partition.code, Some(4), "{partition:?}");
    broker.shutdown();
}

/// An address with brackets, as the user writes it and as the broker gives it in its metadata.
#[test]
fn brokers_have_addresses_of_either_family() {
    let broker = DevBroker::start("[::1]:0".parse().unwrap(), Config::default());
    let broker = broker.expect("this machine has no IPv6 loopback");
    let at = broker.bootstrap();
    assert!(at.starts_with("[::1]:"), "{at}");
    run("create", &at, &["six"]).ok();
    // The first of the two is not there.
    let two = format!("127.0.0.1:1,{at}");
    run_with("produce", &two, &["six"], b"a\nb\n".to_vec()).ok();
    assert_eq!(run("consume", &two, &["six", "-e"]).ok(), "a\nb\n");
    broker.shutdown();
}

#[test]
fn an_unreachable_broker_ends_with_4() {
    let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    let at = port.expect("a port").to_string();
    for (subcommand, topic) in [("list", None), ("describe", Some("t")), ("produce", Some("t"))] {
        let arguments: Vec<&str> =
            ["-X", "default.api.timeout.ms=1000"].into_iter().chain(topic).collect();
        let ended = run(subcommand, &at, &arguments);
        assert_eq!(ended.code, Some(4), "{ended:?}");
        assert!(ended.err.starts_with("error: ") && ended.err.contains(&at), "{ended:?}");
    }
}

#[test]
fn wrong_use_ends_with_2() {
    let nobody = "127.0.0.1:1";
    for (subcommand, arguments) in [
        ("consume", &["t", "-o", "begin"][..]),
        ("consume", &["t", "-f", "%q"]),
        ("consume", &["t", "-J", "-f", "%s"]),
        ("consume", &[]),
        ("consume", &["t", "-t", "u"]),
        ("produce", &["t", "-K", ""]),
        ("create", &["t", "--partitions", "0"]),
        ("list", &["-X", "nothing"]),
        ("list", &["-X", "request.timeout.ms=soon"]),
    ] {
        let ended = run(subcommand, nobody, arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert_eq!(ended.out, "", "{arguments:?}");
    }
}

#[test]
fn odd_properties_are_one_line_on_standard_error() {
    let broker = broker();
    let odd = run("list", &broker.bootstrap(), &["-X", "fetch.min.byte=1"]);
    assert_eq!(odd.err.lines().count(), 1, "{odd:?}");
    assert!(odd.err.contains("did you mean fetch.min.bytes?"), "{odd:?}");
    assert_eq!(odd.ok(), "");
    broker.shutdown();
}

#[test]
fn secrets_need_not_stand_in_the_command_line() {
    let broker = broker();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "client-7\n").unwrap();
    let path = file.path().display();
    run("list", &broker.bootstrap(), &["-X", &format!("client.id=${{file:{path}}}")]).ok();
    let missing = run("list", &broker.bootstrap(), &["-X", "client.id=${env:BROOKLET_NOT_SET}"]);
    assert_eq!(missing.code, Some(2), "{missing:?}");
    assert!(missing.err.contains("'BROOKLET_NOT_SET' is not set"), "{missing:?}");
    assert!(missing.err.contains("property 'client.id'"), "{missing:?}");
    broker.shutdown();
}

#[test]
fn many_lines_and_huge_ones_stream_through() {
    const LINES: usize = 30_000;
    let broker = broker();
    let at = broker.bootstrap();
    run("create", &at, &["bulk", "--partitions", "4"]).ok();
    let mut input: Vec<u8> = Vec::new();
    for i in 0..LINES {
        input.extend_from_slice(format!("{i:0100}\n").as_bytes());
    }
    input.extend_from_slice("x".repeat(700_000).as_bytes());
    run_with("produce", &at, &["bulk", "-X", "compression.type=lz4"], input).ok();
    let read = run("consume", &at, &["bulk", "-e"]).sorted();
    assert_eq!(read.len(), LINES + 1);
    for (i, line) in read.iter().take(LINES).enumerate() {
        assert_eq!(line, &format!("{i:0100}"));
    }
    assert_eq!(read.last().map(String::len), Some(700_000));

    let long = run_with("produce", &at, &["bulk", "-X", "max.request.size=1000"], vec![b'x'; 2000]);
    assert_eq!(long.code, Some(1), "{long:?}");
    assert!(long.err.contains("line 1 is longer than max.request.size"), "{long:?}");

    // A reader that has seen enough closes the pipe.
    let mut child = start("consume", &at, &["bulk", "-e"]);
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert!(ended.stderr.is_empty(), "{ended:?}");
    broker.shutdown();
}

#[test]
fn the_first_interrupt_ends_cleanly() {
    let broker = broker();
    let at = broker.bootstrap();
    run("create", &at, &["live"]).ok();
    let interrupt = |child: &Child| {
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()));
    };

    let mut consumer = start("consume", &at, &["live"]);
    let mut out = BufReader::new(consumer.stdout.take().expect("a pipe"));
    let mut producer = start("produce", &at, &["live"]);
    // The pipe stays open: what was written arrives all the same, and the interrupt is heard.
    let mut stdin = producer.stdin.take().expect("a pipe");
    stdin.write_all(b"first\nsecond\nunfinished").expect("it reads");
    for expected in ["first\n", "second\n"] {
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        assert_eq!(line, expected);
    }
    for child in [producer, consumer] {
        interrupt(&child);
        let ended = child.wait_with_output().expect("it ends");
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    }
    drop(stdin);
    broker.shutdown();
}

#[test]
fn a_server_that_is_no_broker_is_named() {
    // Frames: one that answers another request, and an empty one.
    for frame in [&[0, 0, 0, 8, 0, 0, 0, 99, 0, 0, 0, 0][..], &[0, 0, 0, 0]] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                drop(stream.read(&mut [0; 1024]).and_then(|_| stream.write_all(frame)));
                // Its end is the client's.
                drop(stream.read(&mut [0; 1024]));
            }
        });
        let ended = run("list", &address, &[]);
        assert_eq!(ended.code, Some(4), "{ended:?}");
        assert!(ended.err.contains(&address), "{ended:?}");
    }
}
