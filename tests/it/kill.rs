//! A job is killed at random moments and started again: nothing is lost, and nothing from before the last committed
//! epoch is written twice (see [`Task`]). `BROOKLET_SEED` repeats the moments of a failed test.

use crate::support::{Cluster, Program, Random, Rec, Running, Start, Task, now_millis};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

/// Partitions of the source topic at the start.
const PARTITIONS: i32 = 3;
/// Partitions in the end, in the test that adds some.
const PARTITIONS_MAX: i32 = 6;
/// Records of each partition that are there before the job starts.
const BEFORE: i64 = 60;
/// Records that a partition gets at once.
const AT_ONCE: i64 = 10;
/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(40);
/// Longest life of a job, milliseconds: some die before their first epoch, most do not.
const LIFE_MAX: u64 = 700;

/// Where the job starts, and what is in the topic by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Earliest,
    Latest,
    Timestamp,
    Group,
    Specific,
}

impl Mode {
    /// Options of the source, and the first number of partition `p` that the job must write.
    fn start(self, cluster: &Cluster, topic: &str, now: i64) -> (String, fn(i32) -> i64) {
        match self {
            Mode::Earliest => ("'scan.startup.mode' = 'earliest-offset'".to_owned(), |_| 0),
            Mode::Latest => ("'scan.startup.mode' = 'latest-offset'".to_owned(), first_unread),
            Mode::Timestamp => (
                format!(
                    "'scan.startup.mode' = 'timestamp', 'scan.startup.timestamp-millis' = '{now}'"
                ),
                first_unread,
            ),
            Mode::Group => {
                let group = Cluster::unique("users");
                cluster.commit(&group, topic, &[(0, 20)]);
                let reset = "'properties.auto.offset.reset' = 'earliest'";
                let start = |p| if p == 0 { 20 } else { 0 };
                (format!("'properties.group.id' = '{group}', {reset}"), start)
            }
            Mode::Specific => (
                "'scan.startup.mode' = 'specific-offsets', 'scan.startup.specific-offsets' = \
                 'partition:0,offset:0;partition:1,offset:10;partition:2,offset:20'"
                    .to_owned(),
                |p| i64::from(p) * 10,
            ),
        }
    }
}

/// Partitions that are there at the start are read from behind what they hold, later ones from their beginning.
fn first_unread(partition: i32) -> i64 {
    if partition < PARTITIONS { BEFORE } else { 0 }
}

#[test]
fn from_the_earliest_offset() {
    Test::new(Cluster::embedded(), Mode::Earliest).run(10, false);
}

#[test]
fn from_the_latest_offset_with_new_partitions() {
    Test::new(Cluster::embedded(), Mode::Latest).run(10, true);
}

#[test]
fn from_a_timestamp() {
    Test::new(Cluster::embedded(), Mode::Timestamp).run(10, false);
}

#[test]
fn from_offsets_of_a_group() {
    Test::new(Cluster::embedded(), Mode::Group).run(10, false);
}

#[test]
fn from_specific_offsets() {
    Test::new(Cluster::embedded(), Mode::Specific).run(10, false);
}

#[test]
fn on_apache_kafka() {
    if let Some(cluster) = Cluster::apache() {
        Test::new(cluster, Mode::Earliest).run(8, false);
    }
}

#[test]
fn on_apache_kafka_with_new_partitions() {
    if let Some(cluster) = Cluster::apache() {
        Test::new(cluster, Mode::Latest).run(8, true);
    }
}

/// Says the seed when the test fails.
struct Seed(u64);

impl Seed {
    fn new() -> Seed {
        let given = std::env::var("BROOKLET_SEED").ok().and_then(|seed| seed.parse().ok());
        Seed(given.unwrap_or_else(|| now_millis().unsigned_abs()))
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            drop(writeln!(std::io::stderr(), "repeat it with BROOKLET_SEED={}", self.0));
        }
    }
}

pub(crate) struct Test {
    cluster: Cluster,
    mode: Mode,
    source: String,
    sink: String,
    /// The job's own consumer group.
    group: String,
    program: Program,
    start: fn(i32) -> i64,
    now: i64,
}

impl Test {
    pub(crate) fn new(cluster: Cluster, mode: Mode) -> Test {
        let (source, sink) = (cluster.topic("in", PARTITIONS), cluster.topic("out", 1));
        let now = now_millis();
        let old =
            |partition, number| Rec { timestamp: Some(now - 1000), ..record(partition, number) };
        let records: Vec<Rec> =
            (0..PARTITIONS).flat_map(|p| (0..BEFORE).map(move |n| old(p, n))).collect();
        cluster.produce(&source, &records);
        let (options, start) = mode.start(&cluster, &source, now);
        let name = Cluster::unique("kill");
        let table = |table, topic, options: &str| {
            format!(
                "CREATE TABLE {table} (v STRING) WITH ('connector' = 'kafka', 'topic' = '{topic}', \
                 'properties.bootstrap.servers' = '{}', 'format' = 'json'{options});\n",
                cluster.bootstrap()
            )
        };
        let discovery = "'scan.topic-partition-discovery.interval' = '50 ms'";
        let sql = "SET 'execution.checkpointing.interval' = '100 ms';\n".to_owned()
            + &table("src", &source, &format!(", {discovery}, {options}"))
            + &table("sink", &sink, "")
            + "INSERT INTO sink SELECT v FROM src;\n";
        let program = Program::script(&name, &sql);
        let group = format!("brooklet.{name}.sink");
        Test { cluster, mode, source, sink, group, program, start, now }
    }

    pub(crate) fn run(&self, kills: u32, grow: bool) {
        let seed = Seed::new();
        let mut random = Random(seed.0);
        let stop = AtomicBool::new(false);
        let partitions = AtomicI32::new(PARTITIONS);
        let mut starts = Vec::new();
        std::thread::scope(|scope| {
            // The end of the test, however it comes, ends the producer as well.
            let _stop = OnDrop(|| stop.store(true, Ordering::Relaxed));
            let mut running = self.launch(&mut starts);
            if self.mode == Mode::Latest {
                // Before its first epoch the job has not decided where the end of the topic was.
                self.wait(&mut running, "a first epoch", |committed| {
                    committed.len() == PARTITIONS as usize
                });
            }
            let producer = scope.spawn(|| self.produce(&stop, &partitions));
            for _ in 0..kills {
                // The moment of the kill, not something that is waited for.
                std::thread::sleep(Duration::from_millis(random.below(LIFE_MAX)));
                if let Some(status) = running.ended() {
                    panic!("the job ended by itself with {status}:\n{}", running.stderr());
                }
                running.kill();
                if grow && partitions.load(Ordering::Relaxed) < PARTITIONS_MAX {
                    let count = partitions.load(Ordering::Relaxed) + 1;
                    self.cluster.grow(&self.source, count);
                    partitions.store(count, Ordering::Relaxed);
                }
                running = self.launch(&mut starts);
            }
            stop.store(true, Ordering::Relaxed);
            let written = producer.join().expect("the producer");
            self.wait(&mut running, "all offsets", |committed| {
                written.iter().all(|(p, end)| committed.get(p) == Some(end))
            });
            running.signal("INT");
            running.wait().code(0);
            self.check(&starts, &written);
        });
        drop(seed);
    }

    /// Starts the job and notes what it has to go on from.
    fn launch(&self, starts: &mut Vec<Start>) -> Running {
        self.cluster.forget_the_dead();
        let sink_end = self.cluster.ends(&self.sink)[&0];
        starts.push(Start { sink_end, committed: self.committed() });
        self.program.start()
    }

    fn committed(&self) -> BTreeMap<i32, i64> {
        let committed = self.cluster.committed(&self.group, &self.source);
        committed.into_iter().map(|(p, offset)| (p, offset.offset)).collect()
    }

    /// Waits until `done` holds of the committed offsets.
    fn wait(&self, running: &mut Running, what: &str, done: impl Fn(&BTreeMap<i32, i64>) -> bool) {
        let since = Instant::now();
        loop {
            let committed = self.committed();
            if done(&committed) {
                return;
            }
            assert!(
                since.elapsed() < PATIENCE && running.ended().is_none(),
                "{what} not committed: {committed:?}, ends {:?}\n{}",
                self.cluster.ends(&self.source),
                running.stderr()
            );
            // Between two looks at the broker.
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Writes numbered records until told to stop, and says how many each partition has.
    fn produce(&self, stop: &AtomicBool, partitions: &AtomicI32) -> BTreeMap<i32, i64> {
        let mut next: BTreeMap<i32, i64> = (0..PARTITIONS).map(|p| (p, BEFORE)).collect();
        let mut last_round = false;
        while !last_round {
            // Once more after the stop: partitions that were added last get records, too.
            last_round = stop.load(Ordering::Relaxed);
            let mut records = Vec::new();
            for partition in 0..partitions.load(Ordering::Relaxed) {
                let number = next.entry(partition).or_default();
                records.extend((0..AT_ONCE).map(|n| Rec {
                    timestamp: Some(self.now + *number),
                    ..record(partition, *number + n)
                }));
                *number += AT_ONCE;
            }
            self.cluster.produce(&self.source, &records);
            // The pace of the producer.
            std::thread::sleep(Duration::from_millis(5));
        }
        next
    }

    fn check(&self, starts: &[Start], written: &BTreeMap<i32, i64>) -> usize {
        let text = |record: &Rec| {
            let json = record.text();
            let text = json.strip_prefix(r#"{"v":""#).and_then(|text| text.strip_suffix(r#""}"#));
            (record.offset, text.unwrap_or_else(|| panic!("not of this test: {json}")).to_owned())
        };
        let sink: Vec<(i64, String)> = self.cluster.read(&self.sink).iter().map(text).collect();
        let again = Task { first: self.start, keeps: |_| true }.check(&sink, starts, written);
        let figures = format!(
            "{} starts, {} records in {} partitions, {} in the sink, {again} of them again",
            starts.len(),
            written.values().sum::<i64>(),
            written.len(),
            sink.len()
        );
        drop(writeln!(std::io::stderr(), "{:?}: {figures}", self.mode));
        again
    }
}

fn record(partition: i32, number: i64) -> Rec {
    Rec { partition, ..Rec::value(format!(r#"{{"v":"{partition}:{number}"}}"#)) }
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
