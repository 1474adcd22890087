//! Brokers that do not agree about the topics of a pattern: for a moment two processes lead (decision 8).

use super::{Guarantee, LOOK, PATIENCE, Protocol, Shared, embedded};

use crate::support::{Cluster, Hostile, Rec, api};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Of each topic.
const PARTITIONS: i32 = 2;

/// Records from behind the end at the start: where two processes look one after the other, they find different places.
const LATEST: &str = "'scan.startup.mode' = 'latest-offset'";

/// What is written of each partition, by topic and partition.
type Written = BTreeMap<(String, i32), BTreeMap<i64, usize>>;

struct Differing {
    job: Shared,
    /// The first by name is the one that some brokers do not know yet.
    topics: [String; 2],
}

impl Differing {
    fn new(guarantee: Guarantee) -> Differing {
        let source = Cluster::unique("differ");
        let topics = ["a", "b"].map(|end| format!("{source}-{end}"));
        let job = Shared { source, ..Shared::new(embedded(), guarantee, 1) };
        for topic in &topics {
            job.cluster.create(topic, PARTITIONS, &[]);
        }
        Differing { job: job.under(Protocol::Consumer), topics }
    }

    fn sql(&self) -> String {
        let source = &self.job.source;
        let named = format!("'topic' = '{source}'");
        self.job.sql(LATEST).replace(&named, &format!("'topic-pattern' = '{source}-.*'"))
    }

    fn produce(&self, stop: &AtomicBool) {
        for n in 0.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            for topic in &self.topics {
                let record =
                    |partition| Rec { partition, ..Rec::value(format!("{topic}:{partition}:{n}")) };
                self.job.cluster.produce(topic, &(0..PARTITIONS).map(record).collect::<Vec<_>>());
            }
            std::thread::sleep(super::PACE);
        }
    }

    fn written(&self) -> Written {
        let sink = match self.job.guarantee {
            Guarantee::AtLeastOnce => self.job.cluster.read(&self.job.sink),
            Guarantee::ExactlyOnce => self.job.cluster.read_committed(&self.job.sink),
        };
        let mut written = Written::new();
        for record in sink {
            let text = record.text();
            let parts: Vec<&str> = text.split(':').collect();
            let [topic, partition, n] = parts[..] else { panic!("{text}") };
            let of = written.entry((topic.to_owned(), partition.parse().unwrap())).or_default();
            *of.entry(n.parse().unwrap()).or_insert(0) += 1;
        }
        written
    }

    fn until(&self, what: &str, done: impl Fn() -> bool) {
        let since = Instant::now();
        while !done() {
            assert!(since.elapsed() < PATIENCE, "{what}: {:?}", self.written());
            std::thread::sleep(LOOK);
        }
    }

    /// The process that brokers keep a topic from is killed when it has written as many records of the other one. It
    /// joins first, and hears where partitions start when the other one has stored all starts.
    fn kill_after(&self, records: usize) {
        let cluster = &self.job.cluster;
        let (agree, stop) = (Arc::new(AtomicBool::new(false)), AtomicBool::new(false));
        let (asks, stored) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (agreed, unknown) = (Arc::clone(&agree), self.topics[0].clone());
        let (has_asked, may_hear) = (Arc::clone(&asks), Arc::clone(&stored));
        let behind = Hostile::start(cluster.bootstrap(), move |asked, frame| {
            if asked == api::METADATA && !agreed.load(Ordering::SeqCst) {
                rename(frame, &unknown);
            }
            while asked == api::LIST_OFFSETS && !may_hear.load(Ordering::SeqCst) {
                has_asked.store(true, Ordering::SeqCst);
                std::thread::sleep(LOOK);
            }
        });
        std::thread::scope(|scope| {
            let _stop = super::OnDrop(|| stop.store(true, Ordering::Relaxed));
            scope.spawn(|| self.produce(&stop));
            let sql = self.sql();
            let first = self.job.launch(&sql.replace(cluster.bootstrap(), &behind.bootstrap()));
            self.until("it leads", || asks.load(Ordering::SeqCst));
            let second = self.job.launch(&sql);
            let of = |topic: &str| {
                let written = self.written();
                let of_topic = written.iter().filter(|((of, _), _)| of == topic);
                of_topic.map(|(_, numbers)| numbers.len()).sum::<usize>()
            };
            self.until("the other one leads", || of(&self.topics[0]) > 0);
            stored.store(true, Ordering::SeqCst);
            self.until("both are read", || of(&self.topics[1]) >= records);
            first.kill();
            agree.store(true, Ordering::SeqCst);
            let third = self.job.launch(&sql);
            third.until_stderr("reads 2 partition(s)");
            stop.store(true, Ordering::Relaxed);
            let group = format!("brooklet.{}", self.job.name);
            self.until("the end is reached", || {
                self.topics.iter().all(|topic| {
                    let committed = cluster.committed(&group, topic);
                    cluster.ends(topic).iter().all(|(partition, end)| {
                        committed.get(partition).is_some_and(|at| at.offset == *end)
                    })
                })
            });
            for process in [second, third] {
                process.signal("TERM");
                process.wait().code(0);
            }
        });
    }

    /// From the first record that was read on, nothing is missing.
    fn check(&self) {
        let written = self.written();
        assert_eq!(written.len(), 4, "{:?}", written.keys());
        for ((topic, partition), numbers) in &written {
            let (first, end) =
                (numbers.keys().next().unwrap(), self.job.cluster.ends(topic)[partition]);
            for n in *first..end {
                assert!(
                    numbers.contains_key(&n),
                    "lost: {topic}:{partition}:{n} of {first} to {end}"
                );
            }
            if self.job.guarantee == Guarantee::ExactlyOnce {
                let twice: Vec<_> = numbers.iter().filter(|(_, times)| **times > 1).collect();
                assert!(twice.is_empty(), "written twice: {topic}:{partition}: {twice:?}");
            }
        }
    }
}

/// Gives a topic in an answer another name of the same length, which no pattern matches.
fn rename(frame: &mut [u8], topic: &str) {
    let places = 0..frame.len().saturating_sub(topic.len());
    for at in places.filter(|at| frame[*at..].starts_with(topic.as_bytes())).collect::<Vec<_>>() {
        frame[at] = b'X';
    }
}

#[test]
fn two_leaders_lose_nothing() {
    for records in [1, 60] {
        for guarantee in [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce] {
            let differing = Differing::new(guarantee);
            differing.kill_after(records);
            differing.check();
        }
    }
}
