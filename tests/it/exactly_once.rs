//! Exactly once, shown by faults: a job is killed at named points and at random, suspended beyond its transaction's
//! time-out, started twice, cut off from its brokers; brokers are killed; then committed output is compared with the
//! input, record by record.
//!
//! The counts of a normal run are small. `scripts/torture` raises them through the environment.

mod basics;
mod brokers;
mod faults;
mod java;
mod kfake;
mod ledger;
mod network;
mod options;
mod secured;

use crate::support::{Cluster, Program, Rec, Running};
use brooklet::connectors::kafka::transaction::record::{ProgressRecord, topic_of};
use brooklet_kafka::Isolation;
use ledger::{Checker, Sink, problems};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Partitions of the source.
const PARTITIONS: i32 = 3;
/// The pace of the producer.
const PACE: Duration = Duration::from_millis(8);
/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks at a broker or a process.
const LOOK: Duration = Duration::from_millis(10);

/// A count from the environment, for the long form.
fn count(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Written past the capture of the test harness.
fn say(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// What a job is given to do.
#[derive(Clone, Copy, Debug)]
struct Load {
    /// Options of every table.
    client: &'static str,
    /// Options of the sinks.
    sinks: &'static str,
    /// Records that a partition gets at once.
    at_once: i64,
    /// Records of each partition after which the producer stops by itself.
    most: i64,
}

impl Default for Load {
    fn default() -> Load {
        Load { client: "", sinks: "", at_once: 10, most: i64::MAX }
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug)]
struct Figures {
    written: i64,
    committed: usize,
    aborted: usize,
    took: Duration,
}

impl Figures {
    /// A row of the table that `scripts/torture` makes.
    fn report(&self, what: &str, broker: &str, count: usize) {
        let read = self.written * i64::from(PARTITIONS);
        say(&format!(
            "torture | {what} | {broker} | {count} | {read} | {} | {} | {:.0} s",
            self.committed,
            self.aborted,
            self.took.as_secs_f64()
        ));
    }
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
    load: Load,
    /// What each sink held at the last look, and where that ended.
    looks: Mutex<Vec<(Checker, BTreeMap<i32, i64>)>>,
}

impl Torture {
    fn new(cluster: Cluster, load: Load) -> Torture {
        let source = cluster.topic("in", PARTITIONS);
        let all = Sink { topic: cluster.topic("all", 1), keeps: |_| true, ordered: true };
        let third =
            Sink { topic: cluster.topic("third", 2), keeps: |n| n % 3 == 0, ordered: false };
        let halves = Sink { topic: cluster.topic("halves", 1), keeps: |_| true, ordered: false };
        let (group, job) = (Cluster::unique("users"), Cluster::unique("torture"));
        let table = |name: &str, topic: &str, options: &str| {
            format!(
                "CREATE TABLE {name} (v STRING, n BIGINT) WITH ('connector' = 'kafka', 'topic' = '{topic}', \
                 'properties.bootstrap.servers' = '{}', 'format' = 'json', {options}{});\n",
                cluster.bootstrap(),
                load.client
            )
        };
        let exact = format!(
            "'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'torture'{}",
            load.sinks
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
        let sinks = [all, third, halves];
        let looks = sinks.iter().map(|sink| (Checker::new(sink), BTreeMap::new())).collect();
        let looks = Mutex::new(looks);
        Torture { cluster, source, sinks, group, job, program, load, looks }
    }

    /// Writes numbered records until told to stop or all are written, and says how many each partition has.
    fn produce(&self, stop: &AtomicBool) -> i64 {
        let mut number = 0;
        let mut last_round = false;
        while !last_round && number < self.load.most {
            last_round = stop.load(Ordering::Relaxed);
            let upto = (number + self.load.at_once).min(self.load.most);
            let row = |p: i32, n: i64| Rec {
                partition: p,
                ..Rec::value(format!(r#"{{"v":"{p}:{n}","n":{n}}}"#))
            };
            let records: Vec<Rec> =
                (0..PARTITIONS).flat_map(|p| (number..upto).map(move |n| row(p, n))).collect();
            self.cluster.produce(&self.source, &records);
            number = upto;
            std::thread::sleep(PACE);
        }
        number
    }

    /// Runs `faults` while records are written, then lets a job work everything off, stops it, and checks.
    fn run(&self, faults: impl FnOnce()) -> Figures {
        let started = Instant::now();
        let stop = AtomicBool::new(false);
        let written = std::thread::scope(|scope| {
            let producer = scope.spawn(|| self.produce(&stop));
            // The end of the faults, however it comes, ends the producer as well.
            let stopped = OnDrop(|| stop.store(true, Ordering::Relaxed));
            faults();
            drop(stopped);
            producer.join().expect("the producer")
        });
        let resumes = self.positions().values().any(|at| *at > 0);
        let mut running = self.program.start();
        if resumes {
            // With nothing left to do it would be interrupted before it listens to signals.
            running.until_stderr("resuming 'src'");
        }
        self.wait(&mut running, written);
        running.signal("INT");
        running.wait().code(0);
        self.check(written, started)
    }

    /// Waits until the user's group, whose offsets are in the job's transactions, is at the end.
    fn wait(&self, running: &mut Running, written: i64) {
        let (mut since, mut before) = (Instant::now(), BTreeMap::new());
        loop {
            let committed = self.committed();
            if committed != before {
                (since, before) = (Instant::now(), committed.clone());
            }
            if (0..PARTITIONS).all(|p| committed.get(&p) == Some(&written)) {
                return;
            }
            assert!(
                since.elapsed() < PATIENCE && running.ended().is_none(),
                "{written} of each partition not committed: {committed:?}\n{}",
                running.stderr()
            );
            std::thread::sleep(LOOK);
        }
    }

    /// How far each partition is worked off by the last committed progress. Unlike a group's offsets, it never waits for
    /// an open transaction.
    fn positions(&self) -> BTreeMap<i32, i64> {
        let mut ends: BTreeMap<i32, i64> = (0..PARTITIONS).map(|p| (p, 0)).collect();
        if self.has_started() {
            let progress = self.progress().unwrap_or_default();
            let positions = progress.scans.iter().flat_map(|scan| &scan.positions);
            ends.extend(positions.map(|(split, at)| (split.index, at.offset)));
        }
        ends
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
        let ends = self.positions();
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        for (sink, (checker, at)) in self.sinks.iter().zip(&mut *looks) {
            let committed = Isolation::ReadCommitted;
            self.cluster.scan(&sink.topic, committed, at, |record| checker.see(&record));
            let found = checker.covers(&ends);
            assert!(found.is_empty(), "torn at {ends:?} in {}: {found:#?}", sink.topic);
        }
    }

    /// Everything once more from the beginning.
    fn check(&self, written: i64, started: Instant) -> Figures {
        let ends: BTreeMap<i32, i64> = (0..PARTITIONS).map(|p| (p, written)).collect();
        let (mut committed, mut aborted) = (0, 0);
        for sink in &self.sinks {
            let mut checker = Checker::new(sink);
            let read = |isolation, take: &mut dyn FnMut(Rec)| {
                self.cluster.scan(&sink.topic, isolation, &mut BTreeMap::new(), take);
            };
            read(Isolation::ReadCommitted, &mut |record| checker.see(&record));
            let found = checker.covers(&ends);
            assert!(found.is_empty(), "{}: {found:#?}", sink.topic);
            committed += checker.records;
            let mut all = 0;
            read(Isolation::ReadUncommitted, &mut |_| all += 1);
            aborted += all - checker.records;
        }
        assert!(self.progress().expect("progress").epoch > 0);
        Figures { written, committed, aborted, took: started.elapsed() }
    }
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
