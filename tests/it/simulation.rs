//! Whole jobs on one thread: the embedded broker in memory, a virtual clock, and faults drawn from a seed. Connections
//! break, answers come late, workers are suspended, the process dies; nothing is lost, nothing committed is written
//! twice, and the same seed twice gives the same trace.

mod allocations;
mod exactly;
mod outages;
mod sinks;

use crate::support::{Random, START, Start, Task, World};
use brooklet::connectors::kafka::Kafka;
use brooklet::engine::{Session, SessionConfig};
use brooklet::exec::{Job, JobControl, JobEnd, SimulatedStep, Simulation};
use brooklet::table::Warnings;
use brooklet_kafka::Network;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Partitions of the source topic.
const PARTITIONS: i32 = 3;
/// Records of each partition by the end.
const RECORDS: i64 = 80;
/// Records that a partition gets at once.
const AT_ONCE: i64 = 10;
/// Virtual time between two of these.
const PACE: Duration = Duration::from_millis(150);
/// Virtual time within which all is written and committed once the faults are over.
const PATIENCE: Duration = Duration::from_secs(60);

const SQL: &str = "
    SET 'execution.checkpointing.interval' = '100 ms';
    SET 'pipeline.name' = 'simulated';
    CREATE TABLE src (v STRING, keep BOOLEAN) WITH ('connector' = 'kafka', 'topic' = 'in',
      'properties.bootstrap.servers' = '127.0.0.1:9092', 'format' = 'json',
      'scan.startup.mode' = 'earliest-offset', 'properties.request.timeout.ms' = '1000');
    CREATE TABLE kept (v STRING) WITH ('connector' = 'kafka', 'topic' = 'kept',
      'properties.bootstrap.servers' = '127.0.0.1:9092', 'format' = 'json',
      'properties.request.timeout.ms' = '1000', 'properties.delivery.timeout.ms' = '1500');
    CREATE TABLE rest (v STRING) WITH ('connector' = 'kafka', 'topic' = 'rest',
      'properties.bootstrap.servers' = '127.0.0.1:9092', 'format' = 'json',
      'properties.request.timeout.ms' = '1000', 'properties.delivery.timeout.ms' = '1500');
    EXECUTE STATEMENT SET BEGIN
      INSERT INTO kept SELECT v FROM src WHERE keep;
      INSERT INTO rest SELECT v FROM src WHERE NOT keep;
    END;";

fn keeps(number: i64) -> bool {
    number % 3 != 1
}

/// A sink's topic, and whether it gets a number.
type SinkRule = (&'static str, fn(i64) -> bool);

const SINKS: [SinkRule; 2] = [("kept", keeps), ("rest", |number| !keeps(number))];

/// A process: the job, opened anew, and what steps it.
struct Process {
    // Dropped in this order: the machine before the connections that it uses.
    simulation: Simulation,
    job: Job,
    control: JobControl,
}

impl Process {
    fn start(world: &World, sql: &str, seed: u64) -> Process {
        let control = JobControl::new();
        let mut session = Session::new(SessionConfig {
            unnamed: false,
            script: "simulation.sql".to_owned(),
            dev_broker: None,
            fresh: false,
            control: control.clone(),
            warnings: Warnings::to(|line| {
                // Brokers that are away are among the faults.
                assert!(line.contains("no answer from the brokers"), "a warning: {line}");
            }),
            out: Arc::new(Mutex::new(std::io::sink())),
            now_millis: || 0,
            seed,
            on_job: Arc::new(|_, _| ()),
            on_end: Arc::new(|_, _, _, _| ()),
        });
        session.register(Arc::new(Kafka::on(Network::memory(&world.network))));
        let (_, job) = session.open_script(sql).expect("the script").remove(0);
        let simulation = Simulation::new(&job, &control, seed);
        Process { simulation, job, control }
    }

    /// Runs without faults until `done` holds, and at most `patience` long.
    fn run_until(
        &mut self,
        world: &mut World,
        patience: Duration,
        mut done: impl FnMut(&mut World) -> bool,
    ) -> bool {
        let deadline = world.now + patience;
        while world.now < deadline {
            let moved = world.step();
            match self.simulation.step(&mut self.job, world.now).expect("a job that works") {
                SimulatedStep::Idle(_) if moved => {}
                SimulatedStep::Idle(at) => {
                    if done(world) {
                        return true;
                    }
                    let next = at.filter(|at| *at > world.now).unwrap_or(deadline);
                    world.advance(Some(next.min(deadline)));
                }
                SimulatedStep::Ended(_) => return done(world),
                SimulatedStep::Busy | SimulatedStep::Restarting(_) => {}
            }
        }
        done(world)
    }
}

/// Figures of a run, to see that its faults did something.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    cuts: usize,
    delays: usize,
    pauses: usize,
    crashes: usize,
    restarts: usize,
    exits: usize,
    again: usize,
}

struct Run {
    world: World,
    random: Random,
    seed: u64,
    /// Starts of the job as each sink saw them.
    starts: [Vec<Start>; SINKS.len()],
    trace: Vec<String>,
    figures: Figures,
}

impl Run {
    /// Everything that has been sent arrives; what is in the sink and committed then is what the next start finds.
    fn start(&mut self) -> Process {
        self.note_start();
        Process::start(&self.world, SQL, self.seed + self.starts[0].len() as u64)
    }

    fn note_start(&mut self) {
        self.world.faults.delay(Duration::ZERO);
        while self.world.step() {}
        let committed = self.world.committed("brooklet.simulated", "in");
        let at = self.world.now.saturating_sub(START);
        for ((topic, _), starts) in SINKS.iter().zip(&mut self.starts) {
            let sink_end = self.world.ends(topic)[&0];
            self.trace
                .push(format!("{at:?} start: {sink_end} in {topic}, committed {committed:?}"));
            starts.push(Start { sink_end, committed: committed.clone() });
        }
    }

    fn crash(&mut self, process: Process) -> Process {
        self.trace.extend_from_slice(process.simulation.trace());
        drop(process);
        self.start()
    }

    /// A fault, and when the next one comes.
    fn fault(&mut self, mut process: Process) -> (Process, Duration) {
        let millis = |random: &mut Random, bound| Duration::from_millis(1 + random.below(bound));
        self.world.faults.delay(Duration::ZERO);
        match self.random.below(8) {
            0..3 => {
                self.figures.cuts += 1;
                self.world.network.cut_connections();
            }
            3..5 => {
                self.figures.delays += 1;
                // Sometimes beyond the time-outs of requests and of deliveries.
                let delay =
                    millis(&mut self.random, 400) * [1, 1, 1, 6][self.random.below(4) as usize];
                self.world.faults.delay(delay);
            }
            5..7 => {
                self.figures.pauses += 1;
                let worker = self.random.below(2) as usize;
                let until = self.world.now + millis(&mut self.random, 500);
                process.simulation.pause(worker, until);
            }
            _ => {
                self.figures.crashes += 1;
                process = self.crash(process);
            }
        }
        (process, self.world.now + millis(&mut self.random, 300))
    }

    /// Runs the job until everything is committed, then drains it.
    fn run(&mut self) {
        self.world.create("in", PARTITIONS);
        SINKS.iter().for_each(|(topic, _)| self.world.create(topic, 1));
        let mut process = self.start();
        let (mut written, mut next_batch, mut next_fault) = (0, self.world.now, self.world.now);
        let mut calm_since: Option<Duration> = None;
        let (mut draining, mut next_look) = (false, self.world.now);
        loop {
            if written < RECORDS && self.world.now >= next_batch {
                // The observer's own requests pass through the faults as well.
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
                (process, next_fault) = self.fault(process);
            }
            if written >= RECORDS && calm_since.is_none() {
                self.world.faults.delay(Duration::ZERO);
                calm_since = Some(self.world.now);
            }
            let moved = self.world.step();
            match process.simulation.step(&mut process.job, self.world.now) {
                // Before its first epoch a job does not restart by itself: a supervisor starts the process again.
                Err(error) if error.is_retriable() => {
                    self.figures.exits += 1;
                    process = self.crash(process);
                }
                Err(error) => panic!("seed {}: {error}\n{}", self.seed, self.tail(&process)),
                Ok(SimulatedStep::Busy) => {}
                Ok(SimulatedStep::Restarting(_)) => {
                    self.figures.restarts += 1;
                    self.note_start();
                }
                Ok(SimulatedStep::Ended(end)) => {
                    assert_eq!(end, JobEnd::Drained);
                    break;
                }
                Ok(SimulatedStep::Idle(_)) if moved => {}
                Ok(SimulatedStep::Idle(at)) => {
                    if let Some(since) = calm_since.filter(|_| !draining) {
                        let late = self.world.now > since + PATIENCE;
                        assert!(!late, "seed {}: stuck\n{}", self.seed, self.tail(&process));
                        if self.world.now >= next_look {
                            let committed = self.world.committed("brooklet.simulated", "in");
                            if committed.values().filter(|at| **at == RECORDS).count() == 3 {
                                draining = true;
                                process.control.drain();
                            }
                            next_look = self.world.now + PACE;
                            continue;
                        }
                    }
                    let script = (written < RECORDS).then_some(next_batch.min(next_fault));
                    let look = calm_since.filter(|_| !draining).map(|_| next_look);
                    let other = [at, script, look].into_iter().flatten();
                    self.world.advance(other.filter(|at| *at > self.world.now).min());
                }
            }
        }
        self.trace.extend_from_slice(process.simulation.trace());
    }

    fn tail(&self, process: &Process) -> String {
        let trace = process.simulation.trace();
        trace[trace.len().saturating_sub(40)..].join("\n")
    }
}

fn simulate(seed: u64) -> (Vec<String>, Figures) {
    let mut run = Run {
        world: World::new(seed),
        random: Random(seed),
        seed,
        starts: Default::default(),
        trace: Vec::new(),
        figures: Figures::default(),
    };
    run.run();
    let ends: BTreeMap<i32, i64> = run.world.ends("in");
    assert!(ends.values().all(|end| *end == RECORDS), "seed {seed}: {ends:?}");
    for ((topic, keeps), starts) in SINKS.iter().zip(&run.starts) {
        let mut sink = Vec::new();
        for (_, offset, json) in run.world.read(topic) {
            run.trace.push(format!("{topic} {offset} {json}"));
            let text = json.strip_prefix(r#"{"v":""#).and_then(|text| text.strip_suffix(r#""}"#));
            sink.push((offset, text.expect("a row of this test").to_owned()));
        }
        let task = Task { first: |_| 0, keeps: *keeps };
        run.figures.again += task.check(&sink, starts, &ends);
    }
    (run.trace, run.figures)
}

#[test]
fn nothing_is_lost_and_the_same_seed_gives_the_same_trace() {
    let mut total = Figures::default();
    for seed in 0..50 {
        let (first, figures) = simulate(seed);
        let (second, _) = simulate(seed);
        let differs = first.iter().zip(&second).position(|(a, b)| a != b);
        assert!(
            differs.is_none() && first.len() == second.len(),
            "seed {seed}: traces part at {differs:?}: {:?} and {:?}",
            differs.map(|at| &first[at]),
            differs.map(|at| &second[at])
        );
        total.cuts += figures.cuts;
        total.delays += figures.delays;
        total.pauses += figures.pauses;
        total.crashes += figures.crashes;
        total.restarts += figures.restarts;
        total.exits += figures.exits;
        total.again += figures.again;
    }
    drop(writeln!(std::io::stderr(), "{total:?}"));
    // The faults must have hit something: a simulation in which all goes well shows nothing.
    assert!(total.crashes > 20 && total.cuts > 50 && total.pauses > 50, "{total:?}");
    assert!(total.restarts > 0 && total.again > 0, "{total:?}");
}

#[test]
fn another_seed_gives_another_trace() {
    assert_ne!(simulate(1).0, simulate(2).0);
}
