//! Kills, pauses, copies.

use super::{PATIENCE, Torture, count, problems};
use crate::support::{Cluster, Program, Random, Rec, Running, now_millis};
use brooklet_protocol_tests::services::{self, Kafka, KafkaConfig, Version};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// Longest life of a job, milliseconds: some die before their first epoch, most do not.
const LIFE_MAX: u64 = 600;

/// Where a job is killed (`brooklet_kafka::crash`): at every arrow of the protocol, in the order in which a job passes them.
pub(super) const POINTS: &[&str] = &[
    "ask.CreateTopics",
    "sent.CreateTopics",
    "ask.FindCoordinator",
    "answered.FindCoordinator",
    "ask.InitProducerId",
    "sent.InitProducerId",
    "answered.InitProducerId",
    "recover.fenced",
    "ask.ListOffsets",
    "answered.ListOffsets",
    "recover.read",
    "recover.claimed",
    "ask.Fetch",
    "answered.Fetch",
    "write.batch",
    "ask.Produce",
    "sent.Produce",
    "answered.Produce",
    "commit.begin",
    "commit.queued",
    "commit.asked",
    "ask.TxnOffsetCommit",
    "sent.TxnOffsetCommit",
    "answered.TxnOffsetCommit",
    "ask.EndTxn",
    "sent.EndTxn",
    "answered.EndTxn",
    "commit.done",
];

/// The same for what only transactions of version 1 ask for.
const POINTS_V1: &[&str] = &[
    "ask.AddPartitionsToTxn",
    "sent.AddPartitionsToTxn",
    "answered.AddPartitionsToTxn",
    "ask.AddOffsetsToTxn",
    "sent.AddOffsetsToTxn",
    "answered.AddOffsetsToTxn",
];

fn say(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// Waits until the program ended by itself.
fn ended(running: &mut Running, what: &str) {
    let since = Instant::now();
    while running.ended().is_none() {
        assert!(since.elapsed() < PATIENCE, "{what} was not reached:\n{}", running.stderr());
        // Between two looks at the process.
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Crashes at every point, `rounds` times: at its first passes and at later ones.
fn at_points(torture: &Torture, points: &[&str], rounds: u32) -> usize {
    let mut crashes = 0;
    for round in 0..rounds {
        for point in points {
            let create = point.ends_with(".CreateTopics");
            if create && round > 0 {
                continue;
            }
            // The claim is the first transaction, the epochs are the ones behind it.
            let once = create
                || point.starts_with("recover.")
                || point.ends_with(".InitProducerId")
                || point.ends_with(".ListOffsets")
                || point.ends_with(".FindCoordinator");
            let pass = if once { 1 } else { 1 + round * 2 };
            let at = format!("{point}:{pass}");
            let mut running = torture.program.start_with(&[("BROOKLET_CRASH_AT", &at)]);
            ended(&mut running, &at);
            let end = running.wait();
            // A recovery passes its points once.
            assert!(
                end.code.is_none(),
                "{point}:{pass} ended with {:?}:\n{}",
                end.code,
                end.stderr
            );
            crashes += 1;
        }
    }
    crashes
}

#[test]
fn killed_at_named_points() {
    let torture = Torture::new(Cluster::embedded(), "");
    let mut crashes = 0;
    let figures =
        torture.run(|| crashes = at_points(&torture, POINTS, count("BROOKLET_POINT_ROUNDS", 2)));
    say(&format!("{crashes} crashes at {} points: {figures}", POINTS.len()));
}

#[test]
fn killed_at_named_points_on_apache_kafka() {
    let Some(cluster) = Cluster::apache() else { return };
    let torture = Torture::new(cluster, "");
    let mut crashes = 0;
    let rounds = count("BROOKLET_POINT_ROUNDS", 1);
    let figures = torture.run(|| crashes = at_points(&torture, POINTS, rounds));
    check_with_java(&torture, Version::Newest);
    say(&format!("Kafka: {crashes} crashes at {} points: {figures}", POINTS.len()));
}

/// Brokers before 4.0: transactions of version 1, with requests of their own.
#[test]
fn killed_at_named_points_on_apache_kafka_3_9() {
    let Some(kafka) = services::kafka(Version::V3_9) else { return };
    let torture = Torture::new(Cluster::of_kafka(kafka), "");
    let points = [POINTS, POINTS_V1].concat();
    let mut crashes = 0;
    let rounds = count("BROOKLET_POINT_ROUNDS", 1);
    let figures = torture.run(|| crashes = at_points(&torture, &points, rounds));
    check_with_java(&torture, Version::V3_9);
    say(&format!("Kafka 3.9: {crashes} crashes at {} points: {figures}", points.len()));
}

/// The broker itself is killed and started again, while a job runs.
#[test]
fn the_broker_is_killed() {
    let Ok(kafka) = Kafka::start(&KafkaConfig::new(Version::Newest)) else { return };
    let torture = Torture::new(Cluster::of_kafka(&kafka), "");
    let kills = count("BROOKLET_BROKER_KILLS", 1);
    let figures = torture.run(|| {
        for _ in 0..kills {
            let mut running = torture.program.start();
            moves(&torture, &mut running);
            kafka.kill().expect("the broker dies");
            kafka.restart().expect("the broker starts");
            // It goes on by itself.
            moves(&torture, &mut running);
            running.kill();
        }
    });
    say(&format!("{kills} kills of the broker: {figures}"));
}

/// SIGKILL at random moments.
fn at_random(torture: &Torture, kills: u32, atomic: bool) {
    let seed = count("BROOKLET_SEED", u32::try_from(now_millis() % 1_000_000).unwrap());
    say(&format!("repeat it with BROOKLET_SEED={seed}"));
    let mut random = Random(u64::from(seed));
    for _ in 0..kills {
        let mut running = torture.program.start();
        // The moment of the kill, not something that is waited for.
        std::thread::sleep(Duration::from_millis(random.below(LIFE_MAX)));
        if let Some(status) = running.ended() {
            panic!("the job ended by itself with {status}:\n{}", running.stderr());
        }
        running.kill();
        if atomic && torture.has_started() {
            torture.check_atomic();
        }
    }
}

#[test]
fn killed_at_random() {
    let torture = Torture::new(Cluster::embedded(), "");
    let kills = count("BROOKLET_KILLS", 12);
    let figures = torture.run(|| at_random(&torture, kills, true));
    say(&format!("{kills} kills: {figures}"));
}

#[test]
fn killed_at_random_on_apache_kafka() {
    let Some(cluster) = Cluster::apache() else { return };
    let torture = Torture::new(cluster, "");
    let kills = count("BROOKLET_KILLS", 10);
    let figures = torture.run(|| at_random(&torture, kills, false));
    check_with_java(&torture, Version::Newest);
    say(&format!("Kafka: {kills} kills: {figures}"));
}

/// The same check on what Java's console consumer prints.
fn check_with_java(torture: &Torture, version: Version) {
    let kafka = services::kafka(version).expect("the broker of the test");
    let written = torture.committed();
    for sink in &torture.sinks {
        let expected = torture.cluster.read_committed(&sink.topic).len();
        for isolation in ["read_committed", "read_uncommitted"] {
            let args = [
                "--bootstrap-server",
                torture.cluster.bootstrap(),
                "--topic",
                &sink.topic,
                "--from-beginning",
                "--isolation-level",
                isolation,
                "--timeout-ms",
                "6000",
            ];
            let tool = "org.apache.kafka.tools.consumer.ConsoleConsumer";
            let output = kafka.java_tool(tool, &args).expect("Java");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let records: Vec<Rec> = text.lines().map(Rec::value).collect();
            if isolation == "read_committed" {
                assert_eq!(records.len(), expected, "{}", String::from_utf8_lossy(&output.stderr));
                let found = problems(sink, &records, &written);
                assert!(found.is_empty(), "Java sees in {}: {found:#?}", sink.topic);
            } else {
                assert!(records.len() >= expected);
            }
        }
    }
}

/// Waits until the running job has committed another epoch.
fn moves(torture: &Torture, running: &mut Running) {
    let (before, since) = (torture.committed(), Instant::now());
    while torture.committed() == before {
        assert!(since.elapsed() < PATIENCE, "no epoch:\n{}", running.stderr());
        assert!(running.ended().is_none(), "the job ended:\n{}", running.stderr());
        // Between two looks at the broker.
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Suspends the job for longer than its transactions may take, `pauses` times.
fn suspended(torture: &Torture, pauses: u32, pause: Duration) {
    for _ in 0..pauses {
        let mut running = torture.program.start();
        moves(torture, &mut running);
        running.signal("STOP");
        // The pause, not something that is waited for.
        std::thread::sleep(pause);
        running.signal("CONT");
        // It goes on by itself.
        moves(torture, &mut running);
        running.kill();
    }
}

#[test]
fn suspended_beyond_the_time_out_of_its_transaction() {
    let torture =
        Torture::new(Cluster::embedded(), ", 'properties.transaction.timeout.ms' = '1000'");
    let pauses = count("BROOKLET_PAUSES", 3);
    let figures = torture.run(|| suspended(&torture, pauses, Duration::from_millis(1500)));
    say(&format!("{pauses} pauses: {figures}"));
}

#[test]
fn suspended_on_apache_kafka() {
    let Some(cluster) = Cluster::apache() else { return };
    let torture = Torture::new(cluster, ", 'properties.transaction.timeout.ms' = '1000'");
    let pauses = count("BROOKLET_PAUSES", 1);
    // Kafka looks for late transactions every ten seconds.
    let figures = torture.run(|| suspended(&torture, pauses, Duration::from_millis(12_000)));
    say(&format!("Kafka: {pauses} pauses: {figures}"));
}

/// Starts a second copy beside a running one; exactly one is left, and the other says why it went.
fn copies(torture: &Torture, rounds: u32) {
    let mut running = torture.program.start();
    for _ in 0..rounds {
        moves(torture, &mut running);
        let mut copy = torture.program.start();
        let since = Instant::now();
        loop {
            let (first, second) = (running.ended(), copy.ended());
            assert!(since.elapsed() < PATIENCE, "both run on:\n{}", running.stderr());
            assert!(first.is_none() || second.is_none(), "both ended");
            if second.is_some() {
                // It was fenced before it had taken over.
                copy.wait().code(4);
                break;
            }
            if first.is_some() {
                running.wait().code(4).says(&["another copy of job", "has taken over"]);
                running = copy;
                break;
            }
            // Between two looks at the processes.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    running.kill();
}

#[test]
fn two_copies_of_a_job() {
    let torture = Torture::new(Cluster::embedded(), "");
    let rounds = count("BROOKLET_COPIES", 3);
    let figures = torture.run(|| copies(&torture, rounds));
    say(&format!("{rounds} copies: {figures}"));
}

#[test]
fn two_copies_of_a_job_on_apache_kafka() {
    let Some(cluster) = Cluster::apache() else { return };
    let torture = Torture::new(cluster, "");
    let rounds = count("BROOKLET_COPIES", 2);
    let figures = torture.run(|| copies(&torture, rounds));
    say(&format!("Kafka: {rounds} copies: {figures}"));
}

/// Read by a job with `isolation.level`: what another job has committed, and nothing of what it has not.
#[test]
fn a_job_reads_what_another_has_committed() {
    let torture = Torture::new(Cluster::embedded(), "");
    torture.run(|| at_random(&torture, 3, false));
    let copied = torture.cluster.topic("copied", 1);
    let table = |name: &str, topic: &str, options: &str| {
        format!(
            "CREATE TABLE {name} (v STRING, n BIGINT) WITH ('connector' = 'kafka', 'topic' = '{topic}', \
             'properties.bootstrap.servers' = '{}', 'format' = 'json'{options});\n",
            torture.cluster.bootstrap()
        )
    };
    let sql = table(
        "src",
        &torture.sinks[0].topic,
        ", 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', \
         'properties.isolation.level' = 'read_committed'",
    ) + &table("sink", &copied, "")
        + "INSERT INTO sink SELECT v, n FROM src;\n";
    Program::script("copy", &sql).run().code(0);
    let written: BTreeMap<i32, i64> = torture.committed();
    let found = problems(&torture.sinks[0], &torture.cluster.read(&copied), &written);
    assert!(found.is_empty(), "{found:#?}");
}
