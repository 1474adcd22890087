//! Exactly-once jobs under a virtual clock: answers are lost, late, or come twice, requests arrive after their connection
//! is gone, brokers are away, die, or write markers long after they have answered a commit, processes are suspended beyond the time-out of their transactions, killed, or started twice.
//! After every run, and at every kill, what readers of committed data see is compared with the input:
//!
//! - I1, I5: committed output is exactly what the last committed progress covers;
//! - I2: nothing of what was aborted is in it;
//! - I3: in the order of each source partition;
//! - I4: epochs of progress rise, a claim repeats one;
//! - I6: a run whose successor has claimed the job commits nothing more;
//! - I7: in the end nothing holds readers back;
//! - I8: positions never go back.
//!
//! Half of the runs have a bounded source, whose records may still be on their way when the job is started.
//! Then a *round* is what is written up to the job's end, after which the next start begins anew, and beyond the above:
//!
//! - I9: the job ends by itself, and committed output is the whole input up to the end, once a round;
//! - I10: no run begins a second round: it ends with its first.
//!
//! `BROOKLET_SEEDS` is the number of seeds, `BROOKLET_SEED_FROM` the first, and `BROOKLET_THREADS` that of the threads
//! which share them; a seed that failed once is in [`FAILED`].

use super::Process;
use crate::support::{Random, START, World};
use brooklet::connectors::kafka::transaction::record::{ProgressRecord, topic_of};
use brooklet::exec::{JobEnd, SimulatedStep};
use brooklet_devbroker::Config;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::time::{Duration, Instant};

/// Seeds of runs that found something once.
const FAILED: &[u64] = &[10, 15, 1369];

/// The same with a bounded source.
const FAILED_BOUNDED: &[u64] = &[];

const PARTITIONS: i32 = 3;
const RECORDS: i64 = 80;
const AT_ONCE: i64 = 10;
const PACE: Duration = Duration::from_millis(150);
/// Virtual time within which all is written and committed once the faults are over.
const PATIENCE: Duration = Duration::from_secs(90);
/// `transaction.timeout.ms` of the job.
const TIMEOUT: Duration = Duration::from_millis(1000);

/// APIs whose answers are lost: Produce, Fetch, ListOffsets, Metadata, FindCoordinator, InitProducerId,
/// AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, TxnOffsetCommit.
const LOST: &[i16] = &[0, 1, 2, 3, 10, 22, 24, 25, 26, 26, 28];

/// Numbers of APIs.
const FETCH: i16 = 1;
const END_TXN: i16 = 26;

/// How late an EndTxn is that was overtaken: into the next transaction.
const STRAY: Duration = Duration::from_millis(130);

pub(super) const SQL: &str = "
    SET 'execution.checkpointing.interval' = '100 ms';
    SET 'pipeline.name' = 'simulated';
    CREATE TABLE src (v STRING, keep BOOLEAN) WITH ('connector' = 'kafka', 'topic' = 'in', 'format' = 'json',
      'properties.bootstrap.servers' = '127.0.0.1:9092', 'properties.group.id' = 'users',
      'scan.startup.mode' = 'earliest-offset', 'properties.request.timeout.ms' = '1000');
    CREATE TABLE kept (v STRING) WITH ('connector' = 'kafka', 'topic' = 'kept', 'format' = 'json',
      'properties.bootstrap.servers' = '127.0.0.1:9092',
      'properties.request.timeout.ms' = '1000', 'properties.delivery.timeout.ms' = '1500',
      'properties.default.api.timeout.ms' = '3000', 'properties.transaction.timeout.ms' = '1000',
      'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'sim');
    CREATE TABLE rest (v STRING) WITH ('connector' = 'kafka', 'topic' = 'rest', 'format' = 'json',
      'properties.bootstrap.servers' = '127.0.0.1:9092',
      'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'sim');
    EXECUTE STATEMENT SET BEGIN
      INSERT INTO kept SELECT v FROM src WHERE keep;
      INSERT INTO rest SELECT v FROM src WHERE NOT keep;
    END;";

/// Whether the source ends, and in each partition where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Endless,
    Bounded(i64),
}

impl Source {
    /// A bounded source that ends with the input, or before it, in the midst of the faults.
    fn bounded(seed: u64) -> Source {
        Source::Bounded(RECORDS >> (seed / 2 % 4))
    }

    fn sql(self) -> String {
        let Source::Bounded(end) = self else { return SQL.to_owned() };
        let ends = (0..PARTITIONS).map(|p| format!("partition:{p},offset:{end}"));
        let ends = ends.collect::<Vec<_>>().join(";");
        let bounded = format!(
            "'earliest-offset', 'scan.bounded.mode' = 'specific-offsets', \
             'scan.bounded.specific-offsets' = '{ends}'"
        );
        SQL.replace("'earliest-offset'", &bounded)
    }
}

fn keeps(number: i64) -> bool {
    number % 3 != 1
}

/// A sink's topic, and whether it gets a number.
type SinkRule = (&'static str, fn(i64) -> bool);

const SINKS: [SinkRule; 2] = [("kept", keeps), ("rest", |number| !keeps(number))];

/// A running copy of the job.
struct Copy {
    process: Process,
    suspended_until: Duration,
    /// Counts starts.
    name: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Figures {
    cuts: usize,
    delays: usize,
    late: usize,
    lost: usize,
    twice: usize,
    down: usize,
    /// Changes of the delay of markers.
    markers: usize,
    pauses: usize,
    suspended: usize,
    crashes: usize,
    copies: usize,
    restarts: usize,
    exits: usize,
    taken_over: usize,
    aborted_records: usize,
    records: usize,
    /// Rounds of bounded jobs, and processes that have ended one and know it.
    rounds: usize,
    finished: usize,
}

impl Figures {
    fn add(&mut self, run: &Figures) {
        self.cuts += run.cuts;
        self.delays += run.delays;
        self.late += run.late;
        self.lost += run.lost;
        self.twice += run.twice;
        self.down += run.down;
        self.markers += run.markers;
        self.pauses += run.pauses;
        self.suspended += run.suspended;
        self.crashes += run.crashes;
        self.copies += run.copies;
        self.restarts += run.restarts;
        self.exits += run.exits;
        self.taken_over += run.taken_over;
        self.aborted_records += run.aborted_records;
        self.records += run.records;
        self.rounds += run.rounds;
        self.finished += run.finished;
    }
}

struct Run {
    world: World,
    random: Random,
    seed: u64,
    source: Source,
    starts: u64,
    copies: Vec<Copy>,
    trace: Vec<String>,
    figures: Figures,
}

impl Run {
    fn new(seed: u64, source: Source) -> Run {
        let mut config = Config::default();
        config.seed = seed;
        // Both versions of transactions, and producer ids that are soon used up.
        config.transaction_version = if seed.is_multiple_of(2) { 2 } else { 1 };
        if seed % 5 == 3 {
            config.producer_epoch_max = 6;
        }
        Run {
            world: World::with(config),
            random: Random(seed),
            seed,
            source,
            starts: 0,
            copies: Vec::new(),
            trace: Vec::new(),
            figures: Figures::default(),
        }
    }

    fn at(&self) -> Duration {
        self.world.now.saturating_sub(START)
    }

    fn start(&mut self) {
        self.starts += 1;
        let name = self.starts;
        self.trace.push(format!("{:?} copy {name} starts", self.at()));
        let process = Process::start(&self.world, &self.source.sql(), self.seed * 1000 + name);
        self.copies.push(Copy { process, suspended_until: Duration::ZERO, name });
    }

    fn end_copy(&mut self, at: usize) {
        let copy = self.copies.remove(at);
        let of = |line: &String| format!("copy {}: {line}", copy.name);
        self.trace.extend(copy.process.simulation.trace().iter().map(of));
    }

    /// In every seventh run requests are lost instead of answers, and an EndTxn is overtaken by its own repetition.
    fn strays(&self) -> bool {
        self.seed % 7 == 6
    }

    /// In every third run markers are delayed, and a broker that is away has died.
    fn delays_markers(&self) -> bool {
        self.seed / 4 % 3 == 1
    }

    fn millis(&mut self, bound: u64) -> Duration {
        Duration::from_millis(1 + self.random.below(bound))
    }

    /// A fault, and when the next one comes.
    fn fault(&mut self) -> Duration {
        let copy = self.random.below(self.copies.len().max(1) as u64) as usize;
        match self.random.below(13) {
            0..2 => {
                self.figures.cuts += 1;
                self.world.network.cut_connections();
            }
            2 => {
                self.figures.delays += 1;
                let delay = self.millis(400) * [1, 1, 1, 6][self.random.below(4) as usize];
                self.world.faults.delay(delay);
            }
            3 => {
                self.figures.late += 1;
                let late = self.millis(300) * [1, 1, 5][self.random.below(3) as usize];
                self.world.faults.late(late);
            }
            4..7 => {
                self.figures.lost += 1;
                let api = LOST[self.random.below(LOST.len() as u64) as usize];
                match self.strays() {
                    true => self.world.faults.unheard(api),
                    false => self.world.faults.lose(api),
                }
            }
            7 => {
                self.figures.twice += 1;
                match self.strays() {
                    true => self.world.faults.stray(END_TXN, STRAY),
                    false => self.world.faults.repeat(),
                }
            }
            8 => {
                self.figures.down += 1;
                let until = self.world.now + self.millis(1500);
                match self.delays_markers() {
                    true => self.world.faults.die(until),
                    false => self.world.faults.down(until),
                }
                self.world.network.cut_connections();
            }
            9 => {
                self.figures.pauses += 1;
                let (worker, until) =
                    (self.random.below(2) as usize, self.world.now + self.millis(500));
                if let Some(copy) = self.copies.get_mut(copy) {
                    copy.process.simulation.pause(worker, until);
                }
            }
            10 => {
                self.figures.suspended += 1;
                let until = self.world.now + self.millis(2 * TIMEOUT.as_millis() as u64);
                if let Some(copy) = self.copies.get_mut(copy) {
                    copy.suspended_until = until;
                }
            }
            11 => {
                self.figures.crashes += 1;
                if copy < self.copies.len() {
                    self.end_copy(copy);
                }
            }
            _ if self.copies.len() < 2 && self.figures.finished == 0 => {
                self.figures.copies += 1;
                self.start();
            }
            _ => {}
        }
        if self.random.below(4) == 0 {
            // The weather changes.
            self.world.faults.delay(Duration::ZERO);
            self.world.faults.late(Duration::ZERO);
        }
        if self.delays_markers() && self.random.below(2) == 0 {
            self.figures.markers += 1;
            let delay = self.millis(300) * [0, 1, 1, 5][self.random.below(4) as usize];
            self.world.faults.delay_markers(delay);
        }
        self.world.now + self.millis(250)
    }

    /// Steps the copies; says whether something moved, and when something will.
    fn step_copies(&mut self) -> (bool, Option<Duration>) {
        let mut next: Option<Duration> = None;
        for at in 0..self.copies.len() {
            let copy = &mut self.copies[at];
            if copy.suspended_until > self.world.now {
                next = [next, Some(copy.suspended_until)].into_iter().flatten().min();
                continue;
            }
            match copy.process.simulation.step(&mut copy.process.job, self.world.now) {
                Ok(SimulatedStep::Busy) => return (true, None),
                Ok(SimulatedStep::Restarting(_)) => {
                    self.figures.restarts += 1;
                    return (true, None);
                }
                Ok(SimulatedStep::Idle(at)) => next = [next, at].into_iter().flatten().min(),
                Ok(SimulatedStep::Ended(end)) => {
                    let wanted = match self.source {
                        Source::Endless => JobEnd::Drained,
                        Source::Bounded(_) => JobEnd::Finished,
                    };
                    assert_eq!(end, wanted, "seed {}", self.seed);
                    self.figures.finished += usize::from(end == JobEnd::Finished);
                    self.end_copy(at);
                    return (true, None);
                }
                Err(error) => {
                    let text = error.to_string();
                    let gone = text.contains("has taken over");
                    assert!(
                        gone || error.is_retriable() || text.contains("gave up"),
                        "seed {}: {text}\n{}",
                        self.seed,
                        self.tail()
                    );
                    if gone {
                        self.figures.taken_over += 1;
                    } else {
                        self.figures.exits += 1;
                    }
                    self.trace.push(format!(
                        "{:?} copy {} ends: {text}",
                        self.at(),
                        self.copies[at].name
                    ));
                    self.end_copy(at);
                    return (true, None);
                }
            }
        }
        (false, next)
    }

    fn run(&mut self) {
        self.world.create("in", PARTITIONS);
        SINKS.iter().for_each(|(topic, _)| self.world.create(topic, 1));
        self.start();
        let (mut written, mut next_batch, mut next_fault) = (0, self.world.now, self.world.now);
        let (mut calm_since, mut draining, mut next_look) = (None, false, self.world.now);
        let mut next_start = self.world.now;
        let mut checked = self.starts;
        loop {
            if written < RECORDS && self.world.now >= next_batch {
                for partition in 0..PARTITIONS {
                    let values: Vec<String> = (written..written + AT_ONCE)
                        .map(|n| format!(r#"{{"v":"{partition}:{n}","keep":{}}}"#, keeps(n)))
                        .collect();
                    self.world.produce("in", partition, &values);
                }
                written += AT_ONCE;
                next_batch = self.world.now + PACE;
            }
            if written < RECORDS && self.world.now >= next_fault {
                next_fault = self.fault();
            }
            if written >= RECORDS && calm_since.is_none() {
                self.world.faults.end();
                calm_since = Some(self.world.now);
            }
            if self.copies.is_empty() {
                if draining || self.figures.finished > 0 {
                    return;
                }
                if self.world.now >= next_start {
                    if checked != self.starts {
                        checked = self.starts;
                        self.check(false);
                    }
                    self.start();
                    next_start = self.world.now + Duration::from_millis(50);
                }
            }
            let moved = self.world.step();
            let (busy, at) = self.step_copies();
            if moved || busy {
                continue;
            }
            if let Some(since) = calm_since.filter(|_| !draining) {
                let late = self.world.now > since + PATIENCE;
                assert!(!late, "seed {}: stuck\n{}", self.seed, self.tail());
                if self.world.now >= next_look {
                    let committed = self.world.committed("users", "in");
                    let all = committed.values().filter(|at| **at == RECORDS).count() == 3;
                    if all && self.source == Source::Endless {
                        draining = true;
                        self.copies.iter().for_each(|copy| copy.process.control.drain());
                    }
                    next_look = self.world.now + PACE;
                    continue;
                }
            }
            let script = (written < RECORDS).then_some(next_batch.min(next_fault));
            let look = calm_since.filter(|_| !draining).map(|_| next_look);
            let start = self.copies.is_empty().then_some(next_start);
            let other = [at, script, look, start].into_iter().flatten();
            self.world.advance(other.filter(|at| *at > self.world.now).min());
        }
    }

    fn tail(&self) -> String {
        let mut lines = self.trace.clone();
        for copy in &self.copies {
            let trace = copy.process.simulation.trace();
            let last = &trace[trace.len().saturating_sub(30)..];
            lines.extend(last.iter().map(|line| format!("copy {}: {line}", copy.name)));
        }
        lines[lines.len().saturating_sub(80)..].join("\n")
    }

    /// The invariants; at the end of the run also that nothing is missing and nothing is open.
    fn check(&mut self, end: bool) {
        let seed = self.seed;
        let topic = topic_of("simulated");
        // What a process that is gone has sent arrives first.
        self.world.faults.end();
        self.world.pass(Duration::from_secs(2));
        if !self.world.exists(&topic) {
            return;
        }
        let records: Vec<ProgressRecord> = self
            .world
            .read_committed(&topic)
            .iter()
            .map(|(_, _, text)| ProgressRecord::decode(text.as_bytes()).expect("a record"))
            .collect();
        let positions = |record: &ProgressRecord| -> BTreeMap<i32, i64> {
            let all = record.scans.iter().flat_map(|scan| &scan.positions);
            all.map(|(split, at)| (split.index, at.offset)).collect()
        };
        let mut gone: BTreeSet<&str> = BTreeSet::new();
        // Runs that have come to the job's end.
        let mut ended: BTreeSet<&str> = BTreeSet::new();
        if let Some(first) = records.first().filter(|first| first.finished) {
            ended.insert(&first.incarnation);
        }
        let mut rounds = ended.len();
        for (before, after) in records.iter().zip(&records[1.min(records.len())..]) {
            let claims = before.incarnation != after.incarnation || before.epoch == after.epoch;
            assert!(
                after.epoch > before.epoch || claims && after.epoch == before.epoch,
                "seed {seed}: I4: {before:?} then {after:?}"
            );
            if after.epoch == before.epoch {
                assert_eq!(positions(before), positions(after), "seed {seed}: I4");
            }
            if before.incarnation != after.incarnation {
                assert_eq!(after.epoch, before.epoch, "seed {seed}: I6: no claim before {after:?}");
                gone.insert(&before.incarnation);
            }
            assert!(!gone.contains(after.incarnation.as_str()), "seed {seed}: I6: {after:?}");
            if after.epoch > before.epoch {
                let again = ended.contains(after.incarnation.as_str());
                assert!(!again, "seed {seed}: I10: {before:?} then {after:?}");
                if after.finished {
                    ended.insert(&after.incarnation);
                    rounds += 1;
                    continue;
                }
            }
            let later = positions(after);
            for (partition, at) in positions(before) {
                assert!(
                    later.get(&partition) >= Some(&at),
                    "seed {seed}: I8: {before:?} then {after:?}"
                );
            }
        }
        let covered = records.last().map(positions).unwrap_or_default();
        for (topic, keeps) in SINKS {
            let mut seen: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
            for (_, offset, json) in self.world.read_committed(topic) {
                self.trace.push(format!("{topic} {offset} {json}"));
                let text =
                    json.strip_prefix(r#"{"v":""#).and_then(|text| text.strip_suffix(r#""}"#));
                let (partition, number) =
                    text.and_then(|text| text.split_once(':')).expect("a row");
                let number: i64 = number.parse().expect("a number");
                seen.entry(partition.parse().expect("a partition")).or_default().push(number);
            }
            for partition in 0..PARTITIONS {
                let upto = covered.get(&partition).copied().unwrap_or(0);
                let all = |upto| (0..upto).filter(|number| keeps(*number));
                let end = if let Source::Bounded(end) = self.source { end } else { 0 };
                let whole = (0..rounds).flat_map(|_| all(end));
                let wanted: Vec<i64> = whole.chain(all(upto)).collect();
                let found = seen.remove(&partition).unwrap_or_default();
                assert_eq!(
                    found, wanted,
                    "seed {seed}: I1, I3, I5, I9: {topic} of partition {partition}"
                );
            }
        }
        if !end {
            return;
        }
        let done = match self.source {
            Source::Endless => (0..PARTITIONS).all(|p| covered.get(&p) == Some(&RECORDS)),
            Source::Bounded(_) => records.last().is_some_and(|last| last.finished),
        };
        assert!(done, "seed {seed}: {covered:?}");
        self.figures.rounds += rounds;
        for (topic, _) in SINKS {
            let (ends, stable) = (self.world.ends(topic), self.world.stable_ends(topic));
            assert_eq!(ends, stable, "seed {seed}: I7: {topic}");
            let all = self.world.read(topic).len();
            let committed = self.world.read_committed(topic).len();
            self.figures.records += committed;
            self.figures.aborted_records += all - committed;
        }
    }
}

fn simulate(seed: u64, source: Source) -> (Vec<String>, Figures) {
    let mut run = Run::new(seed, source);
    run.run();
    run.check(true);
    (run.trace, run.figures)
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What the seeds of a test came to, those that [`FAILED`] once before them.
fn simulate_all(failed: &[u64], source: fn(u64) -> Source) -> Figures {
    let from = number("BROOKLET_SEED_FROM", 0);
    let seeds = from..from + number("BROOKLET_SEEDS", 60);
    let threads = number("BROOKLET_THREADS", 1);
    let all: Vec<u64> = failed.iter().copied().chain(seeds.clone()).collect();
    let started = Instant::now();
    let share = |thread: u64| {
        let mut total = Figures::default();
        let own = all.iter().skip(thread as usize).step_by(threads as usize);
        own.for_each(|seed| total.add(&simulate(*seed, source(*seed)).1));
        total
    };
    let mut total = Figures::default();
    std::thread::scope(|scope| {
        let share = &share;
        let shares: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || share(thread))).collect();
        shares.into_iter().for_each(|share| total.add(&share.join().expect("no violation")));
    });
    let took = started.elapsed();
    drop(writeln!(std::io::stderr(), "{} seeds in {took:.1?}: {total:?}", all.len()));
    // A simulation in which all goes well shows nothing.
    assert!(total.restarts > 0 && total.taken_over > 0 && total.aborted_records > 0, "{total:?}");
    total
}

#[test]
fn committed_output_is_exact() {
    simulate_all(FAILED, |_| Source::Endless);
}

#[test]
fn committed_output_of_bounded_jobs_is_exact() {
    let total = simulate_all(FAILED_BOUNDED, Source::bounded);
    assert!(total.rounds > 0 && total.finished > 0, "{total:?}");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for (seed, source) in [(2, Source::Endless), (3, Source::Endless), (4, Source::bounded(4))] {
        let (first, second) = (simulate(seed, source), simulate(seed, source));
        let differs = first.0.iter().zip(&second.0).position(|(a, b)| a != b);
        assert!(differs.is_none() && first == second, "seed {seed}: traces part at {differs:?}");
    }
}

/// The brokers have committed it, and the answers that say so are lost for longer than they are waited for. Whether the
/// process has completed an epoch before makes no difference.
#[test]
fn the_last_epoch_of_a_bounded_job_is_not_written_again() {
    let topic = topic_of("simulated");
    let progress = |world: &mut World| -> Vec<ProgressRecord> {
        let records = if world.exists(&topic) { world.read_committed(&topic) } else { Vec::new() };
        let decode = |text: &String| ProgressRecord::decode(text.as_bytes()).expect("a record");
        records.iter().map(|(_, _, text)| decode(text)).collect()
    };
    for (version, interval, before) in [1, 2].map(|v| [(v, "700 ms", 1), (v, "1 min", 0)]).concat()
    {
        let mut config = Config::default();
        config.transaction_version = version;
        let mut world = World::with(config);
        world.create("in", 1);
        SINKS.iter().for_each(|(topic, _)| world.create(topic, 1));
        let value = |n| format!(r#"{{"v":"0:{n}","keep":{}}}"#, keeps(n));
        world.produce("in", 0, &(0..AT_ONCE).map(value).collect::<Vec<_>>());
        let bounded = "'earliest-offset', 'scan.bounded.mode' = 'latest-offset'";
        let sql = SQL.replace("'earliest-offset'", bounded).replace("100 ms", interval);
        let sql = sql.replace("'properties.transaction.timeout.ms' = '1000',", "");
        let mut process = Process::start(&world, &sql, 7);
        // Nothing is read for a while, in which an epoch is completed or not.
        world.faults.lose(FETCH);
        let (mut restarts, mut quiet, mut loses) = (0, false, false);
        loop {
            // What an idle job has asked for leaves before time passes.
            let still = !world.step() && quiet;
            let step = process.simulation.step(&mut process.job, world.now);
            quiet = matches!(step, Ok(SimulatedStep::Idle(_)));
            match step.expect("a job that ends") {
                SimulatedStep::Ended(end) => break assert_eq!(end, JobEnd::Finished),
                SimulatedStep::Restarting(_) => {
                    restarts += 1;
                    world.faults.end();
                    assert!(progress(&mut world).pop().is_some_and(|last| last.finished));
                }
                SimulatedStep::Idle(_)
                    if !loses && still && progress(&mut world).len() > before =>
                {
                    loses = true;
                    (0..8).for_each(|_| world.faults.lose(END_TXN));
                }
                SimulatedStep::Idle(at) if still => {
                    world.advance(at.filter(|at| *at > world.now));
                }
                SimulatedStep::Idle(_) | SimulatedStep::Busy => {}
            }
        }
        assert_eq!(restarts, 1, "version {version}, every {interval}");
        let written = world.read_committed("kept").len() + world.read_committed("rest").len();
        assert_eq!(written as i64, AT_ONCE, "version {version}, every {interval}");
    }
}

/// A broker answers a commit and dies before it has marked it as visible: a job that looks for what it has committed then
/// finds what was committed before.
#[test]
fn a_commit_may_show_long_after_its_answer() {
    let written = |world: &mut World| {
        let of = |(topic, _): &SinkRule| world.read_committed(topic).len();
        SINKS.iter().map(of).sum::<usize>() as i64
    };
    for version in [1, 2] {
        let mut config = Config::default();
        config.transaction_version = version;
        let mut world = World::with(config);
        world.create("in", 1);
        SINKS.iter().for_each(|(topic, _)| world.create(topic, 1));
        let write = |world: &mut World, from: i64| {
            let value = |n| format!(r#"{{"v":"0:{n}","keep":{}}}"#, keeps(n));
            world.produce("in", 0, &(from..from + AT_ONCE).map(value).collect::<Vec<_>>());
        };
        let mut process = Process::start(&world, SQL, 7);
        let all = |upto| move |world: &mut World| written(world) == upto;
        write(&mut world, 0);
        assert!(process.run_until(&mut world, PATIENCE, all(AT_ONCE)), "version {version}");
        world.faults.delay_markers(Duration::from_secs(5));
        write(&mut world, AT_ONCE);
        // An epoch lasts 100 ms: it is decided, and the job has the answer.
        process.run_until(&mut world, Duration::from_millis(500), |_| false);
        assert_eq!(written(&mut world), AT_ONCE, "version {version}");
        world.faults.die(world.now + Duration::from_millis(200));
        world.network.cut_connections();
        world.pass(Duration::from_millis(300));
        world.faults.delay_markers(Duration::ZERO);
        assert_eq!(written(&mut world), AT_ONCE, "version {version}");
        write(&mut world, 2 * AT_ONCE);
        assert!(process.run_until(&mut world, PATIENCE, all(3 * AT_ONCE)), "version {version}");
    }
}
