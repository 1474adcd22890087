//! Exactly once, shown by faults: a job is killed at named points and at random, suspended beyond its transaction's
//! time-out, started twice; then committed output is compared with the input, record by record.
//!
//! The counts of a normal run are small. `scripts/torture` raises them through the environment.

mod basics;
mod faults;
mod ledger;
mod options;

use crate::support::{Cluster, Program, Rec, Running};
use brooklet::connectors::kafka::transaction::record::{ProgressRecord, topic_of};
use ledger::{Sink, problems};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Partitions of the source.
const PARTITIONS: i32 = 3;
/// Records that a partition gets at once.
const AT_ONCE: i64 = 10;
/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(50);

/// A count from the environment, for the long form.
fn count(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A statement set with three exactly-once sinks over one source: everything in order; every third record, spread over two
/// partitions; everything through a UNION ALL of two halves.
struct Torture {
    cluster: Cluster,
    source: String,
    sinks: [Sink; 3],
    group: String,
    /// Id of the job.
    job: String,
    program: Program,
}

impl Torture {
    fn new(cluster: Cluster, options: &str) -> Torture {
        let source = cluster.topic("in", PARTITIONS);
        let all = Sink { topic: cluster.topic("all", 1), keeps: |_| true, ordered: true };
        let third =
            Sink { topic: cluster.topic("third", 2), keeps: |n| n % 3 == 0, ordered: false };
        let halves = Sink { topic: cluster.topic("halves", 1), keeps: |_| true, ordered: false };
        let (group, job) = (Cluster::unique("users"), Cluster::unique("torture"));
        let table = |name: &str, topic: &str, options: &str| {
            format!(
                "CREATE TABLE {name} (v STRING, n BIGINT) WITH ('connector' = 'kafka', 'topic' = '{topic}', \
                 'properties.bootstrap.servers' = '{}', 'format' = 'json', {options});\n",
                cluster.bootstrap()
            )
        };
        let exact = format!(
            "'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'torture'{options}"
        );
        let start =
            format!("'properties.group.id' = '{group}', 'scan.startup.mode' = 'earliest-offset'");
        let sql = format!(
            "SET 'execution.checkpointing.interval' = '60 ms';\nSET 'pipeline.name' = '{job}';\n"
        ) + &table("src", &source, &start)
            + &table("everything", &all.topic, &exact)
            + &table("third", &third.topic, &exact)
            + &table("halves", &halves.topic, &exact)
            + "EXECUTE STATEMENT SET BEGIN
                 INSERT INTO everything SELECT v, n FROM src;
                 INSERT INTO third SELECT v, n FROM src WHERE MOD(n, 3) = 0;
                 INSERT INTO halves SELECT v, n FROM src WHERE MOD(n, 2) = 0
                   UNION ALL SELECT v, n FROM src WHERE MOD(n, 2) = 1;
               END;\n";
        let program = Program::script(&job, &sql);
        Torture { cluster, source, sinks: [all, third, halves], group, job, program }
    }

    /// Writes numbered records until told to stop, and says how many each partition has.
    fn produce(&self, stop: &AtomicBool) -> i64 {
        let mut number = 0;
        let mut last_round = false;
        while !last_round {
            last_round = stop.load(Ordering::Relaxed);
            let row = |p: i32, n: i64| Rec {
                partition: p,
                ..Rec::value(format!(r#"{{"v":"{p}:{n}","n":{n}}}"#))
            };
            let records: Vec<Rec> = (0..PARTITIONS)
                .flat_map(|p| (number..number + AT_ONCE).map(move |n| row(p, n)))
                .collect();
            self.cluster.produce(&self.source, &records);
            number += AT_ONCE;
            // The pace of the producer.
            std::thread::sleep(Duration::from_millis(8));
        }
        number
    }

    /// Runs `faults` while records are written, then lets a job work everything off, stops it, and checks.
    fn run(&self, faults: impl FnOnce()) -> String {
        let stop = AtomicBool::new(false);
        let written = std::thread::scope(|scope| {
            let producer = scope.spawn(|| self.produce(&stop));
            // The end of the faults, however it comes, ends the producer as well.
            let stopped = OnDrop(|| stop.store(true, Ordering::Relaxed));
            faults();
            drop(stopped);
            producer.join().expect("the producer")
        });
        let mut running = self.program.start();
        self.wait(&mut running, written);
        running.signal("INT");
        running.wait().code(0);
        self.check(written)
    }

    /// Waits until the user's group, whose offsets are in the job's transactions, is at the end.
    fn wait(&self, running: &mut Running, written: i64) {
        let since = Instant::now();
        loop {
            let committed = self.committed();
            if (0..PARTITIONS).all(|p| committed.get(&p) == Some(&written)) {
                return;
            }
            assert!(
                since.elapsed() < PATIENCE && running.ended().is_none(),
                "{written} of each partition not committed: {committed:?}\n{}",
                running.stderr()
            );
            // Between two looks at the broker.
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn committed(&self) -> BTreeMap<i32, i64> {
        let committed = self.cluster.committed(&self.group, &self.source);
        committed.into_iter().map(|(p, offset)| (p, offset.offset)).collect()
    }

    /// Whether there is a topic for progress.
    fn has_started(&self) -> bool {
        self.cluster.exists(&topic_of(&self.job))
    }

    /// The job's last committed record of progress.
    fn progress(&self) -> Option<ProgressRecord> {
        let records = self.cluster.read_committed(&topic_of(&self.job));
        let value = records.last()?.value.clone().expect("a value");
        Some(ProgressRecord::decode(&value).expect("a record of progress"))
    }

    /// After a kill, where the broker decides at once: committed output is exactly what the progress covers.
    fn check_atomic(&self) {
        // Asked twice: by the second answer the broker has read what the killed job had sent.
        self.cluster.ends(&self.sinks[0].topic);
        self.cluster.ends(&self.sinks[0].topic);
        let progress = self.progress().unwrap_or_default();
        let positions = progress.scans.iter().flat_map(|scan| &scan.positions);
        let mut ends: BTreeMap<i32, i64> = (0..PARTITIONS).map(|p| (p, 0)).collect();
        ends.extend(positions.map(|(split, at)| (split.index, at.offset)));
        for sink in &self.sinks {
            let records = self.cluster.read_committed(&sink.topic);
            let found = problems(sink, &records, &ends);
            assert!(found.is_empty(), "torn at {ends:?} in {}: {found:#?}", sink.topic);
        }
    }

    fn check(&self, written: i64) -> String {
        let ends: BTreeMap<i32, i64> = (0..PARTITIONS).map(|p| (p, written)).collect();
        let (mut committed, mut aborted) = (0, 0);
        for sink in &self.sinks {
            let records = self.cluster.read_committed(&sink.topic);
            let found = problems(sink, &records, &ends);
            assert!(found.is_empty(), "{}: {found:#?}", sink.topic);
            committed += records.len();
            aborted += self.cluster.read(&sink.topic).len() - records.len();
        }
        assert!(self.progress().expect("progress").epoch > 0);
        format!(
            "{written} records in each partition, {committed} committed, {aborted} aborted ones"
        )
    }
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
