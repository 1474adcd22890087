//! A job that one process ran alone becomes shared: it goes on where it was, or says why it cannot.

use super::{EARLIEST, Guarantee, LOOK, PATIENCE, Shared};
use crate::support::{Cluster, Ended, Program, Running};
use brooklet::connectors::kafka::transaction::record::{ProgressRecord, Sharing, topic_of};
use std::time::Instant;

const LATEST: &str = "'scan.startup.mode' = 'latest-offset'";
const PLAIN: &str = "'sink.delivery-guarantee' = 'at-least-once'";

impl Shared {
    /// Runs a script until the sink holds so many records, and stops it.
    fn until(&self, sql: &str, count: usize) -> Ended {
        let mut running = self.launch(sql);
        self.until_written(&mut running, count);
        running.signal("INT");
        running.wait()
    }

    fn until_written(&self, running: &mut Running, count: usize) {
        let since = Instant::now();
        while self.cluster.read_committed(&self.sink).len() < count {
            let waits = since.elapsed() < PATIENCE && running.ended().is_none();
            assert!(waits, "{count} are not written: {}", running.stderr());
            std::thread::sleep(LOOK);
        }
    }

    fn record(&self) -> ProgressRecord {
        let records = self.cluster.read_committed(&topic_of(&self.name));
        ProgressRecord::decode(records.last().unwrap().value.as_deref().unwrap()).unwrap()
    }

    fn each_once(&self) {
        let times = self.written();
        let again: Vec<_> = times.iter().filter(|(_, times)| **times != 1).collect();
        assert!(again.is_empty(), "written again: {again:?}");
    }
}

fn with_prefix(prefix: &str) -> String {
    Guarantee::ExactlyOnce.options().replace("'shared'", &format!("'{prefix}'"))
}

#[test]
fn what_an_exactly_once_job_has_stored_is_newer_than_older_marks() {
    let job = Shared::new(Cluster::embedded(), Guarantee::ExactlyOnce, 2);
    let exact = job.guarantee.options();
    job.write(0, 5, 2);
    job.until(&job.alone(EARLIEST, PLAIN), 10).code(0);
    job.write(5, 5, 2);
    job.until(&job.alone(EARLIEST, exact), 20).code(0).says(&["was not exactly-once before"]);
    assert!(job.committed().values().all(|at| *at == 5));
    let (mut first, mut second) = (job.start(), job.start());
    for process in [&first, &second] {
        process.until_stderr("reads 1 partition(s)");
    }
    // Before anybody has committed anything.
    assert!(job.committed().values().all(|at| *at == 10));
    job.write(10, 5, 2);
    job.drained(&mut [&mut first, &mut second]);
    for process in [first, second] {
        process.signal("INT");
        process.wait().code(0);
    }
    job.each_once();
    assert_eq!(job.record().shared, Some(Sharing::Started));
    let listed = Program::new(&["job", "list", "-b", job.cluster.bootstrap()]).run();
    let rows = listed.code(0).stdout.lines().filter(|line| line.starts_with(&job.name));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split_whitespace().collect()).collect();
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((row[1], row[3], row[4]), ("exactly-once", "2", "resumable"));
}

#[test]
fn newer_marks_are_gone_on_from_when_a_job_becomes_exactly_once_and_shared() {
    let job = Shared::new(Cluster::embedded(), Guarantee::ExactlyOnce, 2);
    job.write(0, 5, 2);
    job.until(&job.alone(EARLIEST, PLAIN), 10).code(0);
    job.write(5, 5, 2);
    job.until(&job.sql(LATEST), 20).code(0);
    job.each_once();
}

#[test]
fn a_run_under_another_prefix_is_fenced_before_the_job_is_shared() {
    let job = Shared::new(Cluster::embedded(), Guarantee::ExactlyOnce, 2);
    job.write(0, 5, 2);
    let mut alone = job.launch(&job.alone(EARLIEST, &with_prefix("former")));
    job.until_written(&mut alone, 10);
    let mut shared = job.start();
    shared.until_stderr("reads 2 partition(s)");
    job.write(5, 5, 2);
    job.drained(&mut [&mut shared]);
    alone.wait().code(3).says(&["is shared between processes"]);
    // They end each other's transactions, which takes the same ids.
    let other = job.sql_as(EARLIEST, &with_prefix("other"));
    Program::script("job", &other).run().code(3).says(&["run another script", "prefix"]);
    shared.signal("INT");
    shared.wait().code(0);
    job.each_once();
    // All of them under another one are fine.
    job.write(10, 5, 2);
    job.until(&other, 30).code(0);
    job.each_once();
    assert_eq!(job.record().transactional_id, format!("other-{}", job.name));
}

#[test]
fn an_exactly_once_job_is_not_shared_at_least_once() {
    let job = Shared::new(Cluster::embedded(), Guarantee::AtLeastOnce, 2);
    job.write(0, 5, 2);
    let exact = Guarantee::ExactlyOnce.options();
    job.until(&job.alone(EARLIEST, exact), 10).code(0);
    let refused = Program::script("job", &job.sql(LATEST)).run();
    let reset = format!("brooklet job reset {}", job.name);
    refused.code(3).says(&["was exactly-once and has its progress", &reset]);
    assert!(job.committed().is_empty(), "it has come into the group");
    // Exactly-once it may be shared, and then the group has the progress, whatever the guarantee.
    job.write(5, 5, 2);
    job.until(&job.sql_as(LATEST, exact), 20).code(0);
    job.write(10, 5, 2);
    job.until(&job.sql(LATEST), 30).code(0);
    job.each_once();
}

#[test]
fn progress_in_another_topic_is_told_before_a_job_is_shared() {
    let job = Shared::new(Cluster::embedded(), Guarantee::ExactlyOnce, 2);
    let exact = job.guarantee.options();
    job.write(0, 5, 2);
    job.until(&job.alone(EARLIEST, exact), 10).code(0);
    let other = job.cluster.topic("other", 1);
    job.cluster.produce_lines(&other, &["other"]);
    let refused = Program::script("job", &job.sql(LATEST).replace(&job.source, &other)).run();
    refused.code(3).says(&[
        &format!("has progress in topic '{}', which its source 'src' no longer reads", job.source),
        "brooklet job reset",
    ]);
    assert_eq!(job.record().shared, None);
    // What is read beside it is new.
    let both = job.sql(LATEST).replace(&job.source, &format!("{};{other}", job.source));
    job.until(&both, 11).code(0);
    let one = job.sql(LATEST).replace(&job.source, &other);
    job.cluster.produce_lines(&other, &["more"]);
    let left = format!("no longer reads topic '{}'", job.source);
    job.until(&one, 12).code(0).says(&[&left]);
    job.cluster.settle(&job.sink);
    assert_eq!(job.cluster.read_committed(&job.sink).len(), 12);
}
