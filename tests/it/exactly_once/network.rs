//! A proxy between a job and its broker cuts connections, loses requests and answers, holds bytes back and refuses.

use super::faults::moves;
use super::java::check_with_java;
use super::{Load, Torture, count, say};
use crate::support::{Cluster, OBSERVER, Random, now_millis};
use brooklet_devbroker::Config;
use brooklet_protocol_tests::proxy::{Direction, Proxy};
use brooklet_protocol_tests::services::{self, Kafka, KafkaConfig, Version};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Time-outs that faults outlast now and then.
const LOAD: Load = Load {
    client: ", 'properties.request.timeout.ms' = '1000'",
    sinks: ", 'properties.default.api.timeout.ms' = '5000', 'properties.delivery.timeout.ms' = '2000'",
    at_once: 10,
    most: i64::MAX,
};

/// Faults between two looks whether the job goes on when there are none.
const CALM_EVERY: u32 = 25;

/// What the proxy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// Closes every connection.
    Cut,
    /// The same in the midst of a request or an answer.
    CutWithin(Way),
    /// Requests or answers vanish, and later their connection does.
    Lose(Way),
    /// The same, but nobody closes the connection: the client finds out by its time-out.
    LoseInSilence(Way),
    /// Bytes are held back for a while.
    Stall(Way),
    /// … for longer than requests may take.
    LongStall(Way),
    /// Every chunk takes longer.
    Delay,
    /// Nobody listens.
    Refuse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Request,
    Answer,
}

impl Way {
    fn direction(self) -> Direction {
        match self {
            Way::Request => Direction::Up,
            Way::Answer => Direction::Down,
        }
    }
}

impl Fault {
    fn draw(random: &mut Random) -> Fault {
        let way = if random.below(2) == 0 { Way::Request } else { Way::Answer };
        match random.below(20) {
            0..2 => Fault::Cut,
            2..6 => Fault::CutWithin(way),
            6..11 => Fault::Lose(way),
            11 => Fault::LoseInSilence(way),
            12..15 => Fault::Stall(way),
            15 => Fault::LongStall(way),
            16..18 => Fault::Delay,
            _ => Fault::Refuse,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Fault::Cut => "connections cut",
            Fault::CutWithin(Way::Request) => "cut within a request",
            Fault::CutWithin(Way::Answer) => "cut within an answer",
            Fault::Lose(Way::Request) => "requests lost, then cut",
            Fault::Lose(Way::Answer) => "answers lost, then cut",
            Fault::LoseInSilence(Way::Request) => "requests lost",
            Fault::LoseInSilence(Way::Answer) => "answers lost",
            Fault::Stall(_) => "held back",
            Fault::LongStall(_) => "held back beyond the time-out",
            Fault::Delay => "delayed",
            Fault::Refuse => "connections refused",
        }
    }

    /// Does it, lets it last, and undoes it. Says whether it hit something.
    fn strike(self, proxy: &Proxy, random: &mut Random) -> bool {
        let before = proxy.suffered();
        // How long faults last is what is drawn here, not something that is waited for.
        let last = |millis: u64| std::thread::sleep(Duration::from_millis(millis));
        match self {
            Fault::Cut => proxy.cut(),
            Fault::CutWithin(way) => {
                proxy.cut_after(way.direction(), random.below(400));
                let since = Instant::now();
                while proxy.suffered() == before && since.elapsed() < Duration::from_millis(200) {
                    last(2);
                }
            }
            Fault::Lose(way) => {
                proxy.lose(way.direction());
                last(10 + random.below(90));
                let hit = proxy.suffered() > before;
                proxy.cut();
                return hit;
            }
            Fault::LoseInSilence(way) => {
                proxy.lose(way.direction());
                last(100);
            }
            Fault::Stall(way) => {
                proxy.pause(way.direction());
                last(10 + random.below(150));
                proxy.resume();
            }
            Fault::LongStall(way) => {
                proxy.pause(way.direction());
                last(1000 + random.below(500));
                proxy.resume();
            }
            Fault::Delay => {
                let delay = Duration::from_millis(1 + random.below(40));
                let both = |delay| {
                    proxy.delay(Direction::Up, delay);
                    proxy.delay(Direction::Down, delay);
                };
                both(delay);
                last(50 + random.below(150));
                both(Duration::ZERO);
            }
            Fault::Refuse => {
                proxy.refuse(true);
                proxy.cut();
                last(10 + random.below(100));
                proxy.refuse(false);
            }
        }
        proxy.suffered() > before
    }
}

/// Faults until `wanted` of them hit something, while a job runs. Gives the number of each kind.
fn strike(torture: &Torture, proxy: &Proxy, wanted: u32) -> BTreeMap<&'static str, usize> {
    let seed = count("BROOKLET_SEED", u32::try_from(now_millis() % 1_000_000).unwrap());
    say(&format!("repeat it with BROOKLET_SEED={seed}"));
    let mut random = Random(u64::from(seed));
    let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut running = torture.program.start();
    moves(torture, &mut running);
    let (mut hit, mut calm_at) = (0, CALM_EVERY);
    while hit < wanted {
        let fault = Fault::draw(&mut random);
        if fault.strike(proxy, &mut random) {
            *counts.entry(fault.name()).or_default() += 1;
            hit += 1;
        }
        // Most of the time there is a moment for the job to move on, sometimes not.
        std::thread::sleep(Duration::from_millis(random.below(120)));
        if let Some(status) = running.ended() {
            panic!("the job ended by itself with {status}:\n{}", running.stderr());
        }
        if hit >= calm_at {
            moves(torture, &mut running);
            calm_at += CALM_EVERY;
        }
    }
    moves(torture, &mut running);
    running.kill();
    counts
}

fn report(torture: &Torture, proxy: &Proxy, broker: &str, wanted: u32, java: Option<&Kafka>) {
    let mut counts = BTreeMap::new();
    let figures = torture.run(|| counts = strike(torture, proxy, wanted));
    if let Some(kafka) = java {
        check_with_java(torture, kafka);
    }
    let kinds: Vec<String> = counts.iter().map(|(name, n)| format!("{n} {name}")).collect();
    say(&format!("network faults, {broker}: {}", kinds.join(", ")));
    figures.report("network faults", broker, counts.values().sum());
}

fn embedded(transaction_version: i16, broker: &str) {
    let proxy = Proxy::start(None).expect("a port");
    proxy.spare(OBSERVER);
    let mut config = Config::default();
    config.transaction_version = transaction_version;
    let wanted = count("BROOKLET_NETWORK_FAULTS", 40);
    let cluster = Cluster::embedded_behind(config, &proxy);
    let torture = Torture::new(cluster, LOAD);
    report(&torture, &proxy, broker, wanted, None);
}

#[test]
fn network_faults() {
    embedded(2, "embedded");
}

#[test]
fn network_faults_with_transactions_of_version_1() {
    embedded(0, "embedded, version 1");
}

fn apache(version: Version) {
    let proxy = Proxy::start(None).expect("a port");
    proxy.spare(OBSERVER);
    // The broker talks to itself past the proxy.
    let config = KafkaConfig::new(version)
        .advertised(proxy.address())
        .listener("INSIDE", "PLAINTEXT")
        .property("inter.broker.listener.name", "INSIDE");
    let Ok(kafka) = Kafka::start(&config) else { return };
    proxy.set_target(kafka.listener().expect("our own").parse().expect("an address"));
    let wanted = count("BROOKLET_NETWORK_FAULTS", 20);
    let torture = Torture::new(Cluster::of_kafka(&kafka), LOAD);
    report(&torture, &proxy, &version.to_string(), wanted, Some(&kafka));
}

#[test]
fn network_faults_before_apache_kafka() {
    apache(Version::Newest);
}

/// Transactions of version 1 on a real broker.
#[test]
fn network_faults_before_apache_kafka_3_9() {
    if services::all("network faults before Kafka 3.9") {
        apache(Version::V3_9);
    }
}
