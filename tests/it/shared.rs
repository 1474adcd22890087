//! Several processes share a job: partitions move between them while some are killed and others stop or start, and
//! nothing is lost; what is written again is what a killed process had not committed, or nothing with exactly-once.

mod changes;
mod handover;
mod leaders;
mod protocols;
mod starts;

use crate::support::{Cluster, Program, Rec, Running};
use brooklet_devbroker::Config;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const PARTITIONS: i32 = 6;
/// Records that a partition gets at once, and the pace of the producer.
const AT_ONCE: i64 = 20;
const PACE: Duration = Duration::from_millis(10);
/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(40);
/// Between two looks at the broker.
const LOOK: Duration = Duration::from_millis(20);
const EARLIEST: &str = "'scan.startup.mode' = 'earliest-offset'";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guarantee {
    AtLeastOnce,
    ExactlyOnce,
}

impl Guarantee {
    fn options(self) -> &'static str {
        match self {
            Guarantee::AtLeastOnce => "'sink.delivery-guarantee' = 'at-least-once'",
            Guarantee::ExactlyOnce => {
                "'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'shared'"
            }
        }
    }
}

/// How the processes agree on who reads what (`group.protocol`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Classic,
    Consumer,
}

impl Protocol {
    /// The shortest session that brokers allow; with the newer protocol it is the broker that says.
    fn options(self) -> &'static str {
        match self {
            Protocol::Classic => {
                "'properties.session.timeout.ms' = '6000', 'properties.heartbeat.interval.ms' = '100'"
            }
            Protocol::Consumer => "'properties.group.protocol' = 'consumer'",
        }
    }
}

/// A broker in this process with short sessions of the newer protocol.
fn embedded() -> Cluster {
    let mut config = Config::default();
    config.group_session_timeout = Duration::from_secs(4);
    config.group_heartbeat_interval = Duration::from_millis(100);
    Cluster::embedded_with(config)
}

/// A job, its topics, and the program of its processes.
struct Shared {
    cluster: Cluster,
    guarantee: Guarantee,
    protocol: Protocol,
    name: String,
    source: String,
    sink: String,
    /// Their folders are there as long as their processes.
    programs: Mutex<Vec<Program>>,
}

impl Shared {
    fn new(cluster: Cluster, guarantee: Guarantee, partitions: i32) -> Shared {
        let (source, sink) = (cluster.topic("in", partitions), cluster.topic("out", 1));
        let (name, programs) = (Cluster::unique("shared"), Mutex::default());
        let protocol = Protocol::Classic;
        Shared { cluster, guarantee, protocol, name, source, sink, programs }
    }

    fn under(self, protocol: Protocol) -> Shared {
        Shared { protocol, ..self }
    }

    fn sql(&self, start: &str) -> String {
        self.sql_as(start, self.guarantee.options())
    }

    /// For one process alone.
    fn alone(&self, start: &str, sink: &str) -> String {
        self.sql_as(start, sink).replace("SET 'job.shared' = 'true';", "")
    }

    fn sql_as(&self, start: &str, sink: &str) -> String {
        let table = |table, topic, options: &str| {
            format!(
                "CREATE TABLE {table} (v STRING) WITH ('connector' = 'kafka', 'topic' = '{topic}', \
                 'properties.bootstrap.servers' = '{}', 'format' = 'raw', {options});\n",
                self.cluster.bootstrap()
            )
        };
        let source = format!(
            "{start}, 'scan.topic-partition-discovery.interval' = '100 ms', {}",
            self.protocol.options()
        );
        format!(
            "SET 'pipeline.name' = '{}';\nSET 'job.shared' = 'true';\nSET 'execution.checkpointing.interval' = '100 ms';\n",
            self.name
        ) + &table("src", &self.source, &source)
            + &table("sink", &self.sink, sink)
            + "INSERT INTO sink SELECT v FROM src;\n"
    }

    fn start(&self) -> Running {
        self.launch(&self.sql(EARLIEST))
    }

    fn launch(&self, sql: &str) -> Running {
        let program = Program::script("job", sql);
        let running = program.start();
        self.programs.lock().unwrap().push(program);
        running
    }

    fn committed(&self) -> BTreeMap<i32, i64> {
        let committed = self.cluster.committed(&format!("brooklet.{}", self.name), &self.source);
        committed.into_iter().map(|(p, offset)| (p, offset.offset)).collect()
    }

    fn produce(&self, stop: &AtomicBool) {
        let mut next = 0;
        while !stop.load(Ordering::Relaxed) {
            self.write(next, AT_ONCE, PARTITIONS);
            next += AT_ONCE;
            std::thread::sleep(PACE);
        }
    }

    fn write(&self, from: i64, count: i64, partitions: i32) {
        let numbers = (0..partitions).flat_map(|p| (from..from + count).map(move |n| (p, n)));
        let record = |(partition, n)| Rec { partition, ..Rec::value(format!("{partition}:{n}")) };
        self.cluster.produce(&self.source, &numbers.map(record).collect::<Vec<_>>());
    }

    /// Waits until everything that is there is committed.
    fn drained(&self, running: &mut [&mut Running]) {
        let (since, ends) = (Instant::now(), self.cluster.ends(&self.source));
        loop {
            let committed = self.committed();
            if ends.iter().all(|(p, end)| *end == 0 || committed.get(p) == Some(end)) {
                return;
            }
            let ended = running.iter_mut().find_map(|one| one.ended().map(|_| one.stderr()));
            assert!(
                since.elapsed() < PATIENCE && ended.is_none(),
                "{committed:?} of {ends:?}: {ended:?}\n{}",
                running.iter().map(|one| one.stderr()).collect::<String>()
            );
            std::thread::sleep(LOOK);
        }
    }

    /// How often each record was written, by partition and number; nothing may be missing.
    fn written(&self) -> BTreeMap<(i32, i64), usize> {
        let sink = match self.guarantee {
            Guarantee::AtLeastOnce => self.cluster.read(&self.sink),
            Guarantee::ExactlyOnce => self.cluster.read_committed(&self.sink),
        };
        let mut times = BTreeMap::new();
        for record in sink {
            let text = record.text();
            let (partition, number) = text.split_once(':').expect("partition and number");
            *times.entry((partition.parse().unwrap(), number.parse().unwrap())).or_insert(0) += 1;
        }
        for (partition, end) in self.cluster.ends(&self.source) {
            for number in 0..end {
                assert!(times.contains_key(&(partition, number)), "lost: {partition}:{number}");
            }
        }
        times
    }

    /// Three processes under load; one is killed and another one started, one is stopped.
    fn under_load(&self) {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let _stop = OnDrop(|| stop.store(true, Ordering::Relaxed));
            scope.spawn(|| self.produce(&stop));
            let (first, second, mut third) = (self.start(), self.start(), self.start());
            for process in [&first, &second, &third] {
                process.until_stderr("reads 2 partition(s)");
            }
            self.moves();
            let before = self.committed();
            second.kill();
            let mut fourth = self.start();
            fourth.until_stderr("reads 2 partition(s)");
            self.moves();
            first.signal("TERM");
            first.wait().code(0).says(&["its next start goes on from here"]);
            third.until_stderr("reads 3 partition(s)");
            self.moves();
            stop.store(true, Ordering::Relaxed);
            // What is on its way to the broker is part of the end.
            std::thread::sleep(2 * PACE);
            self.drained(&mut [&mut third, &mut fourth]);
            for process in [third, fourth] {
                process.signal("TERM");
                process.wait().code(0);
            }
            let times = self.written();
            let again = times.iter().filter(|(_, times)| **times > 1).map(|(at, _)| *at);
            let again: Vec<(i32, i64)> = again.collect();
            if self.guarantee == Guarantee::ExactlyOnce {
                assert!(again.is_empty(), "written twice: {again:?}");
            }
            let partitions: BTreeSet<i32> = again.iter().map(|(partition, _)| *partition).collect();
            assert!(partitions.len() <= 2, "not of the killed process alone: {partitions:?}");
            for (partition, number) in again {
                assert!(
                    number >= before[&partition],
                    "{partition}:{number} was committed: {before:?}"
                );
            }
        });
    }

    /// Waits until the job has come further in every partition.
    fn moves(&self) {
        let (since, before) = (Instant::now(), self.committed());
        loop {
            let now = self.committed();
            let moved = |p| now.get(&p).is_some_and(|at| before.get(&p).is_none_or(|b| at > b));
            if (0..PARTITIONS).all(moved) {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "{before:?} to {now:?}");
            std::thread::sleep(LOOK);
        }
    }
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn under_load(cluster: Option<Cluster>, guarantee: Guarantee, protocol: Protocol) {
    if let Some(cluster) = cluster {
        Shared::new(cluster, guarantee, PARTITIONS).under(protocol).under_load();
    }
}

#[test]
fn at_least_once() {
    under_load(Some(embedded()), Guarantee::AtLeastOnce, Protocol::Classic);
}

#[test]
fn exactly_once() {
    under_load(Some(embedded()), Guarantee::ExactlyOnce, Protocol::Classic);
}

#[test]
fn at_least_once_with_the_consumer_protocol() {
    under_load(Some(embedded()), Guarantee::AtLeastOnce, Protocol::Consumer);
}

#[test]
fn exactly_once_with_the_consumer_protocol() {
    under_load(Some(embedded()), Guarantee::ExactlyOnce, Protocol::Consumer);
}

#[test]
fn at_least_once_on_apache_kafka() {
    under_load(Cluster::apache(), Guarantee::AtLeastOnce, Protocol::Classic);
}

#[test]
fn exactly_once_on_apache_kafka() {
    under_load(Cluster::apache(), Guarantee::ExactlyOnce, Protocol::Classic);
}

#[test]
fn at_least_once_with_the_consumer_protocol_on_apache_kafka() {
    under_load(Cluster::apache(), Guarantee::AtLeastOnce, Protocol::Consumer);
}

#[test]
fn exactly_once_with_the_consumer_protocol_on_apache_kafka() {
    under_load(Cluster::apache(), Guarantee::ExactlyOnce, Protocol::Consumer);
}

#[test]
fn who_has_nothing_to_read_gets_a_new_partition() {
    let job = Shared::new(Cluster::embedded(), Guarantee::AtLeastOnce, 1);
    job.write(0, 5, 1);
    let mut first = job.start();
    first.until_stderr("reads 1 partition(s)");
    let mut second = job.start();
    // Which of them has it is not said.
    for process in [&first, &second] {
        process.until_stderr("in generation 2 ");
    }
    job.cluster.grow(&job.source, 2);
    for process in [&first, &second] {
        process.until_stderr("reads 1 partition(s) in generation 3 ");
    }
    job.write(5, 5, 1);
    job.cluster.produce(&job.source, &[Rec { partition: 1, ..Rec::value("1:0") }]);
    job.drained(&mut [&mut first, &mut second]);
    for process in [first, second] {
        process.signal("INT");
        process.wait().code(0);
    }
    assert!(job.written().values().all(|times| *times == 1));
    // One process alone, or several later, go on from there.
    job.write(10, 5, 1);
    let mut alone = job.launch(&job.alone(EARLIEST, job.guarantee.options()));
    job.drained(&mut [&mut alone]);
    alone.signal("INT");
    alone.wait().code(0).says(&["resuming 'src'"]);
    assert!(job.written().values().all(|times| *times == 1));
}

#[test]
fn progress_of_an_exactly_once_job_is_in_one_place() {
    progress_is_in_one_place(Protocol::Classic);
}

#[test]
fn progress_is_in_one_place_with_the_consumer_protocol() {
    progress_is_in_one_place(Protocol::Consumer);
}

fn progress_is_in_one_place(protocol: Protocol) {
    let job = Shared::new(embedded(), Guarantee::ExactlyOnce, 2).under(protocol);
    job.write(0, 5, 2);
    let run = |sql: &str| job.launch(sql);
    // Alone at first: whoever shares goes on from there.
    let alone = job.alone(EARLIEST, job.guarantee.options());
    let running = run(&alone);
    while job.cluster.read_committed(&job.sink).len() < 10 {
        std::thread::sleep(LOOK);
    }
    running.signal("INT");
    running.wait().code(0);
    job.write(5, 5, 2);
    let mut running = run(&job.sql(EARLIEST));
    job.drained(&mut [&mut running]);
    // Then alone no more, also beside it.
    Program::script("job", &alone).run().code(3).says(&["is shared between processes"]);
    running.signal("INT");
    running.wait().code(0);
    Program::script("job", &alone).run().code(3).says(&["brooklet job reset"]);
    assert!(job.written().values().all(|times| *times == 1));
    // Until it begins anew.
    Program::new(&["job", "reset", "-b", job.cluster.bootstrap(), &job.name]).run().code(0);
    let running = run(&alone);
    while job.cluster.read_committed(&job.sink).len() < 40 {
        std::thread::sleep(LOOK);
    }
    running.signal("INT");
    running.wait().code(0);
    assert!(job.written().values().all(|times| *times == 2));
}

#[test]
fn where_to_start_is_decided_once() {
    start_is_decided_once(Protocol::Classic);
}

#[test]
fn where_to_start_is_decided_once_with_the_consumer_protocol() {
    start_is_decided_once(Protocol::Consumer);
}

fn start_is_decided_once(protocol: Protocol) {
    let job = Shared::new(embedded(), Guarantee::AtLeastOnce, 2).under(protocol);
    job.write(0, 5, 2);
    let sql = job.sql("'scan.startup.mode' = 'latest-offset'");
    let first = job.launch(&sql);
    first.until_stderr("reads 2 partition(s)");
    first.kill();
    // Written while nobody runs, before the first epoch or behind it.
    job.write(5, 5, 2);
    let mut second = job.launch(&sql);
    second.until_stderr("reads 2 partition(s)");
    job.drained(&mut [&mut second]);
    let written: BTreeSet<String> = job.cluster.read(&job.sink).iter().map(Rec::text).collect();
    let expected = (0..2).flat_map(|p| (5..10).map(move |n| format!("{p}:{n}")));
    assert_eq!(written, expected.collect());
}

#[test]
fn another_script_gets_nothing() {
    let job = Shared::new(Cluster::embedded(), Guarantee::AtLeastOnce, 2);
    let first = job.start();
    first.until_stderr("reads 2 partition(s)");
    let other = job.cluster.topic("other", 1);
    let sql = job.sql(EARLIEST).replace(&job.source, &other);
    Program::script("job", &sql).run().code(3).says(&["run another script"]);
    first.until_stderr("reads 2 partition(s) in generation 3 ");
    first.signal("INT");
    first.wait().code(0);
}

#[test]
fn what_processes_cannot_share_is_refused() {
    let job = Shared::new(Cluster::embedded(), Guarantee::AtLeastOnce, 1);
    let refused = |sql: &str, says: &str| {
        Program::script("job", sql).run().code(3).says(&["'job.shared' with", says]);
    };
    let sql = job.sql(EARLIEST);
    refused(&sql.replace("FROM src", "FROM src LIMIT 3"), "LIMIT");
    let bounded = format!("{EARLIEST}, 'scan.bounded.mode' = 'latest-offset'");
    refused(&job.sql(&bounded), "a bounded source");
    let two = "CREATE TABLE two LIKE src;\nINSERT INTO sink SELECT v FROM two UNION ALL SELECT v FROM src";
    refused(&sql.replace("INSERT INTO sink SELECT v FROM src", two), "several sources");
    Program::script("job", &sql).arg("--fresh").run().code(3).says(&["--fresh"]);
}
