//! Output once more as Kafka's own console consumer reads it.

use super::{Torture, problems};
use crate::support::Rec;
use brooklet_protocol_tests::services::{self, Kafka, Version};

/// The shared broker that a test runs against.
pub(super) fn kafka(version: Version) -> &'static Kafka {
    services::kafka(version).expect("the broker of the test")
}

/// Committed output must hold what the job has worked off, and the uncommitted one at least as much.
pub(super) fn check_with_java(torture: &Torture, kafka: &Kafka) {
    let written = torture.committed();
    for sink in &torture.sinks {
        let read = |isolation: &str| {
            let args = [
                "--bootstrap-server",
                torture.cluster.bootstrap(),
                "--topic",
                &sink.topic,
                "--from-beginning",
                "--timeout-ms",
                "10000",
                "--isolation-level",
                isolation,
            ];
            let tool = "org.apache.kafka.tools.consumer.ConsoleConsumer";
            let output = kafka.java_tool(tool, &args).expect("Java");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.lines().map(Rec::value).collect::<Vec<Rec>>()
        };
        let (committed, all) = std::thread::scope(|scope| {
            let all = scope.spawn(|| read("read_uncommitted"));
            (read("read_committed"), all.join().expect("Java"))
        });
        let expected = torture.cluster.read_committed(&sink.topic).len();
        assert_eq!(committed.len(), expected, "Java reads another number from {}", sink.topic);
        let found = problems(sink, &committed, &written);
        assert!(found.is_empty(), "Java sees in {}: {found:#?}", sink.topic);
        assert!(all.len() >= expected);
    }
}
