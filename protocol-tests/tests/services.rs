//! The services themselves: both releases start, serve Kafka's own tools, survive a restart with
//! their data, and leave nothing behind.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use brooklet_protocol_tests::proxy::Proxy;
use brooklet_protocol_tests::services::{
    self, Bridge, BridgeRecord, Isolation, Jvm, Kafka, KafkaConfig, Version, broker_count,
};

const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";
const OFFSETS: &str = "org.apache.kafka.tools.GetOffsetShell";

fn produce_and_consume(version: Version) {
    let Some(kafka) = services::kafka(version) else { return };
    let topic = kafka.unique("services");
    kafka.create_topic(&topic, 2);
    let target = ["--bootstrap-server", kafka.bootstrap(), "--topic", &topic];
    let producer = if version == Version::V3_9 { "kafka.tools.ConsoleProducer" } else { PRODUCER };
    let output = kafka.java_tool_with_input(producer, &target, "один\ntwo\n".as_bytes()).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let limits = ["--from-beginning", "--max-messages", "2", "--timeout-ms", "30000"];
    let text = kafka.tool_text(CONSUMER, &[&target[..], &limits].concat());
    let mut rows: Vec<&str> = text.lines().filter(|l| !l.is_empty()).collect();
    rows.sort_unstable();
    assert_eq!(rows, ["two", "один"]);
    let offsets = kafka.tool_text(OFFSETS, &target);
    let total: u64 = offsets
        .lines()
        .filter_map(|l| l.strip_prefix(&topic)?.rsplit(':').next()?.parse::<u64>().ok())
        .sum();
    assert_eq!(total, 2, "{offsets}");
}

#[test]
fn the_bridge_carries_every_part_of_a_record() {
    let Some(kafka) = services::kafka(Version::Newest) else { return };
    let topic = kafka.unique("bridge");
    kafka.create_topic(&topic, 2);
    let full = BridgeRecord {
        partition: Some(1),
        offset: 0,
        timestamp: Some(1000),
        key: Some(b"k\0\xff".to_vec()),
        value: Some(Vec::new()),
        headers: vec![("h".into(), None), ("h".into(), Some(b"2".to_vec()))],
    };
    let tombstone = BridgeRecord {
        partition: Some(1),
        offset: 1,
        timestamp: Some(2000),
        ..BridgeRecord::default()
    };
    let first = BridgeRecord { timestamp: Some(3000), ..BridgeRecord::value(0, "é") };
    let records = [full.clone(), tombstone.clone(), first.clone()];
    kafka.bridge().produce(&topic, &records).unwrap();
    let read = kafka.bridge().read(&topic, Isolation::ReadUncommitted).unwrap();
    assert_eq!(read, [first, full, tombstone]);
    assert!(kafka.bridge().create_topic(&topic, 1, &[]).is_err());
}

#[test]
fn aborted_records_are_hidden_from_committed_reads() {
    let Some(kafka) = services::kafka(Version::Newest) else { return };
    let topic = kafka.unique("transactions");
    kafka.create_topic(&topic, 1);
    let mut writer = Bridge::start(kafka, &[("transactional.id", &topic)]).unwrap();
    for (value, end) in [("kept", "commit"), ("dropped", "abort")] {
        writer.transaction("begin").unwrap();
        writer.produce(&topic, &[BridgeRecord::value(0, value)]).unwrap();
        writer.transaction(end).unwrap();
    }
    let values = |isolation| -> Vec<String> {
        let records = kafka.bridge().read(&topic, isolation).unwrap();
        records.into_iter().map(|r| String::from_utf8(r.value.unwrap()).unwrap()).collect()
    };
    assert_eq!(values(Isolation::ReadCommitted), ["kept"]);
    assert_eq!(values(Isolation::ReadUncommitted), ["kept", "dropped"]);
}

#[test]
fn newest_serves_its_own_tools() {
    produce_and_consume(Version::Newest);
}

#[test]
fn v3_9_serves_its_own_tools() {
    produce_and_consume(Version::V3_9);
}

/// A broker of its own: the shared one must not go away under other tests.
#[test]
fn data_outlives_a_kill_and_nothing_outlives_the_value() {
    if services::kafka(Version::Newest).is_none_or(Kafka::is_external) {
        return;
    }
    let proxy = Proxy::start(None).unwrap();
    let config = KafkaConfig::new(Version::Newest).advertised(proxy.address());
    let kafka = Kafka::start(&config).unwrap();
    let listener = kafka.listener().unwrap().to_owned();
    proxy.set_target(listener.parse().unwrap());
    assert_eq!(kafka.bootstrap(), proxy.address().to_string());
    kafka.create_topic("kept", 3);
    assert!(proxy.accepted() > 0, "clients come through the proxy");

    let first = kafka.pid().unwrap();
    kafka.kill().unwrap();
    assert!(!runs(first));
    assert!(broker_count(&listener).is_err());
    kafka.restart().unwrap();
    let args = ["--bootstrap-server", kafka.bootstrap(), "--describe", "--topic", "kept"];
    let text = kafka.tool_text("org.apache.kafka.tools.TopicCommand", &args);
    assert!(text.contains("PartitionCount: 3"), "{text}");

    let (second, folder) = (kafka.pid().unwrap(), kafka.folder().unwrap().to_owned());
    drop(kafka);
    assert!(!runs(second));
    assert!(!folder.exists());
    assert!(TcpStream::connect(listener).is_err());
}

/// The case that no destructor handles: the test process is killed.
#[test]
fn a_killed_test_leaves_no_java_behind() {
    if Command::new("java").arg("-version").output().is_err() {
        return;
    }
    if let Some(folder) = std::env::var_os("BROOKLET_TEST_CHILD") {
        // The child half: starts a service, tells its pid through a file, and waits to be killed.
        let folder = Path::new(&folder);
        let source = folder.join("Wait.java");
        let code = "class Wait { public static void main(String[] a) throws Exception { Thread.sleep(600000); } }";
        std::fs::write(&source, code).unwrap();
        let jvm = Jvm::start(folder, [&source]).unwrap();
        let mut file = std::fs::File::create(folder.with_extension("pid")).unwrap();
        writeln!(file, "{}", jvm.pid()).unwrap();
        loop {
            thread::park();
        }
    }
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("service");
    std::fs::create_dir(&folder).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_test_leaves_no_java_behind"])
        .env("BROOKLET_TEST_CHILD", &folder)
        .spawn()
        .unwrap();
    let pid = until("the child tells the pid of its service", || {
        let text = std::fs::read_to_string(folder.with_extension("pid")).ok()?;
        text.strip_suffix('\n')?.parse::<u32>().ok()
    });
    assert!(runs(pid));
    child.kill().unwrap();
    child.wait().unwrap();
    until("the service ends", || (!runs(pid)).then_some(()));
    until("its folder is removed", || (!folder.exists()).then_some(()));
}

fn runs(pid: u32) -> bool {
    Command::new("kill").args(["-0", &pid.to_string()]).output().unwrap().status.success()
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited too long until {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
