//! Kills, pauses, copies.

use super::java::{check_with_java, kafka};
use super::{LOOK, Load, PATIENCE, Torture, count, problems, say};
use crate::support::{Cluster, Program, Random, Running, now_millis};
use brooklet_protocol_tests::services::{self, Version};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Longest life of a job, milliseconds: some die before their first epoch, most do not.
const LIFE_MAX: u64 = 600;

const NEWEST: &str = "Apache Kafka 4.3.1";

/// Transactions that a pause outlasts.
const SHORT: Load = Load {
    client: "",
    sinks: ", 'properties.transaction.timeout.ms' = '1000'",
    at_once: 10,
    most: i64::MAX,
};

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
pub(super) const POINTS_V1: &[&str] = &[
    "ask.AddPartitionsToTxn",
    "sent.AddPartitionsToTxn",
    "answered.AddPartitionsToTxn",
    "ask.AddOffsetsToTxn",
    "sent.AddOffsetsToTxn",
    "answered.AddOffsetsToTxn",
];

/// Waits until the program ended by itself.
fn ended(running: &mut Running, what: &str) {
    let since = Instant::now();
    while running.ended().is_none() {
        assert!(since.elapsed() < PATIENCE, "{what} was not reached:\n{}", running.stderr());
        std::thread::sleep(LOOK);
    }
}

/// Crashes at every point, `rounds` times: at its first passes and at later ones.
pub(super) fn at_points(torture: &Torture, points: &[&str], rounds: u32) -> usize {
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
    let torture = Torture::new(Cluster::embedded(), Load::default());
    let mut crashes = 0;
    let rounds = count("BROOKLET_POINT_ROUNDS", 2);
    let figures = torture.run(|| crashes = at_points(&torture, POINTS, rounds));
    figures.report(&format!("crashes at {} named points", POINTS.len()), "embedded", crashes);
}

#[test]
fn killed_at_named_points_on_apache_kafka() {
    let Some(cluster) = Cluster::apache() else { return };
    let torture = Torture::new(cluster, Load::default());
    let mut crashes = 0;
    let rounds = count("BROOKLET_POINT_ROUNDS", 1);
    let figures = torture.run(|| crashes = at_points(&torture, POINTS, rounds));
    check_with_java(&torture, kafka(Version::Newest));
    figures.report(&format!("crashes at {} named points", POINTS.len()), NEWEST, crashes);
}

/// Brokers before 4.0: transactions of version 1, with requests of their own.
#[test]
fn killed_at_named_points_on_apache_kafka_3_9() {
    let Some(kafka) = services::kafka(Version::V3_9) else { return };
    let torture = Torture::new(Cluster::of_kafka(kafka), Load::default());
    let points = [POINTS, POINTS_V1].concat();
    let mut crashes = 0;
    let rounds = count("BROOKLET_POINT_ROUNDS", 1);
    let figures = torture.run(|| crashes = at_points(&torture, &points, rounds));
    check_with_java(&torture, kafka);
    let broker = Version::V3_9.to_string();
    figures.report(&format!("crashes at {} named points", points.len()), &broker, crashes);
}

/// SIGKILL at random moments.
pub(super) fn at_random(torture: &Torture, kills: u32, atomic: bool) {
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
    let torture = Torture::new(Cluster::embedded(), Load::default());
    let kills = count("BROOKLET_KILLS", 12);
    let figures = torture.run(|| at_random(&torture, kills, true));
    figures.report("SIGKILL at random", "embedded", kills as usize);
}

#[test]
fn killed_at_random_on_apache_kafka() {
    let Some(cluster) = Cluster::apache() else { return };
    let torture = Torture::new(cluster, Load::default());
    let kills = count("BROOKLET_KILLS", 10);
    let figures = torture.run(|| at_random(&torture, kills, false));
    check_with_java(&torture, kafka(Version::Newest));
    figures.report("SIGKILL at random", NEWEST, kills as usize);
}

/// Many records, and kills while they are worked off.
#[test]
fn killed_under_load_on_apache_kafka() {
    let Some(cluster) = Cluster::apache() else { return };
    let most = i64::from(count("BROOKLET_RECORDS", 30_000) / 3);
    let load = Load { at_once: (most / 20).min(5_000), most, ..Load::default() };
    let torture = Torture::new(cluster, load);
    let mut random = Random(u64::from(count("BROOKLET_SEED", 1)));
    let mut kills = 0;
    let figures = torture.run(|| {
        while kills < 3 || torture.positions().values().any(|at| *at < most) {
            let running = torture.program.start();
            // The moment of the kill, not something that is waited for.
            std::thread::sleep(Duration::from_millis(random.below(5 * LIFE_MAX)));
            running.kill();
            kills += 1;
        }
    });
    figures.report("SIGKILL under load", NEWEST, kills);
}

/// Waits until the running job has committed another epoch.
pub(super) fn moves(torture: &Torture, running: &mut Running) {
    let (before, since) = (torture.committed(), Instant::now());
    while torture.committed() == before {
        assert!(since.elapsed() < PATIENCE, "no epoch:\n{}", running.stderr());
        assert!(running.ended().is_none(), "the job ended:\n{}", running.stderr());
        std::thread::sleep(LOOK);
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
    let torture = Torture::new(Cluster::embedded(), SHORT);
    let pauses = count("BROOKLET_PAUSES", 3);
    let figures = torture.run(|| suspended(&torture, pauses, Duration::from_millis(1500)));
    figures.report("suspended beyond the time-out", "embedded", pauses as usize);
}

#[test]
fn suspended_on_apache_kafka() {
    let Some(cluster) = Cluster::apache() else { return };
    let torture = Torture::new(cluster, SHORT);
    let pauses = count("BROOKLET_PAUSES", 1);
    // Kafka looks for late transactions every ten seconds.
    let figures = torture.run(|| suspended(&torture, pauses, Duration::from_millis(12_000)));
    figures.report("suspended beyond the time-out", NEWEST, pauses as usize);
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
            std::thread::sleep(LOOK);
        }
    }
    running.kill();
}

#[test]
fn two_copies_of_a_job() {
    let torture = Torture::new(Cluster::embedded(), Load::default());
    let rounds = count("BROOKLET_COPIES", 3);
    let figures = torture.run(|| copies(&torture, rounds));
    figures.report("a second copy started", "embedded", rounds as usize);
}

#[test]
fn two_copies_of_a_job_on_apache_kafka() {
    let Some(cluster) = Cluster::apache() else { return };
    let torture = Torture::new(cluster, Load::default());
    let rounds = count("BROOKLET_COPIES", 2);
    let figures = torture.run(|| copies(&torture, rounds));
    figures.report("a second copy started", NEWEST, rounds as usize);
}

/// Read by a job with `isolation.level`: what another job has committed, and nothing of what it has not.
#[test]
fn a_job_reads_what_another_has_committed() {
    let torture = Torture::new(Cluster::embedded(), Load::default());
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
