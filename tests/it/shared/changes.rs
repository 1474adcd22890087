//! What happens to the processes of a job and to its topics while they run, under both protocols.

use super::{EARLIEST, Guarantee, LOOK, OnDrop, PATIENCE, Protocol, Shared, embedded};
use crate::support::{Cluster, Program, Rec, Running};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Waits until a process has said something so often.
fn says_again(process: &Running, what: &str, times: usize) {
    let since = Instant::now();
    while process.stderr().matches(what).count() < times {
        assert!(since.elapsed() < PATIENCE, "not {times} times '{what}': {}", process.stderr());
        std::thread::sleep(LOOK);
    }
}

fn a_suspended_process_writes_nothing_twice(protocol: Protocol) {
    let job = Shared::new(embedded(), Guarantee::ExactlyOnce, super::PARTITIONS).under(protocol);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = OnDrop(|| stop.store(true, Ordering::Relaxed));
        scope.spawn(|| job.produce(&stop));
        let mut first = job.start();
        first.until_stderr("reads 6 partition(s)");
        let mut second = job.start();
        for process in [&first, &second] {
            process.until_stderr("reads 3 partition(s)");
        }
        job.moves();
        // In the middle of an epoch, with a transaction open.
        first.signal("STOP");
        second.until_stderr("reads 6 partition(s)");
        job.moves();
        first.signal("CONT");
        says_again(&first, "reads 3 partition(s)", 2);
        job.moves();
        stop.store(true, Ordering::Relaxed);
        std::thread::sleep(2 * super::PACE);
        job.drained(&mut [&mut first, &mut second]);
        for process in [first, second] {
            process.signal("TERM");
            process.wait().code(0);
        }
        let twice: Vec<_> = job.written().into_iter().filter(|(_, times)| *times > 1).collect();
        assert!(twice.is_empty(), "written twice: {twice:?}");
    });
}

#[test]
fn a_process_that_was_suspended_is_fenced() {
    a_suspended_process_writes_nothing_twice(Protocol::Classic);
}

#[test]
fn a_process_that_was_suspended_is_fenced_by_the_consumer_protocol() {
    a_suspended_process_writes_nothing_twice(Protocol::Consumer);
}

fn the_topics_of_a_pattern_are_shared(protocol: Protocol) {
    let job = Shared::new(embedded(), Guarantee::AtLeastOnce, 2).under(protocol);
    let topic = |name: &str| format!("{}-{name}", job.source);
    let fill = |name: &str| {
        job.cluster.create(&topic(name), 2, &[]);
        let numbers = (0..2).flat_map(|p| (0..5).map(move |n| (p, n)));
        let record =
            |(partition, n)| Rec { partition, ..Rec::value(format!("{name}{partition}:{n}")) };
        job.cluster.produce(&topic(name), &numbers.map(record).collect::<Vec<_>>());
    };
    fill("a");
    let named = format!("'topic' = '{}'", job.source);
    let pattern = format!("'topic-pattern' = '{}.*'", job.source);
    let sql = job.sql(EARLIEST).replace(&named, &pattern);
    let first = job.launch(&sql);
    first.until_stderr("reads 4 partition(s)");
    let second = job.launch(&sql);
    for process in [&first, &second] {
        process.until_stderr("reads 2 partition(s)");
    }
    // A topic that comes later is read from its beginning, by both.
    fill("b");
    for process in [&first, &second] {
        process.until_stderr("reads 3 partition(s)");
    }
    let since = Instant::now();
    while job.cluster.read(&job.sink).len() < 20 {
        assert!(since.elapsed() < PATIENCE, "{}{}", first.stderr(), second.stderr());
        std::thread::sleep(LOOK);
    }
    for process in [first, second] {
        process.signal("INT");
        process.wait().code(0);
    }
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for record in job.cluster.read(&job.sink) {
        *times.entry(record.text()).or_default() += 1;
    }
    assert_eq!(times.len(), 20);
    assert!(times.values().all(|times| *times == 1), "{times:?}");
}

#[test]
fn topics_of_a_pattern() {
    the_topics_of_a_pattern_are_shared(Protocol::Classic);
}

#[test]
fn topics_of_a_pattern_with_the_consumer_protocol() {
    the_topics_of_a_pattern_are_shared(Protocol::Consumer);
}

#[test]
fn a_topic_that_was_created_again_is_noticed_by_its_id() {
    for protocol in [Protocol::Classic, Protocol::Consumer] {
        let job = Shared::new(embedded(), Guarantee::AtLeastOnce, 1).under(protocol);
        job.write(0, 5, 1);
        let mut running = job.start();
        job.drained(&mut [&mut running]);
        running.signal("INT");
        running.wait().code(0);
        let group = format!("brooklet.{}", job.name);
        let stored = job.cluster.committed(&group, &job.source)[&0].clone();
        job.cluster.delete(&job.source);
        job.cluster.create(&job.source, 1, &[]);
        job.write(0, 9, 1);
        // Brokers may forget the offsets of a topic that is deleted, or not.
        job.cluster.commit_with(&group, &job.source, &[(0, stored)]);
        let gone = format!("topic `{}` was deleted and created again", job.source);
        Program::script("job", &job.sql(EARLIEST)).run().code(4).says(&[&gone]);
    }
}

/// Its positions go with it, and not what was read of it.
#[test]
fn what_was_read_of_a_partition_that_is_gone_is_committed() {
    let job = Shared::new(embedded(), Guarantee::ExactlyOnce, 2);
    let sql = job.sql(&format!("{EARLIEST}, 'scan.topic-change.mode' = 'drop'"));
    let sql = sql.replace("interval' = '100 ms';", "interval' = '30 s';");
    let processes = [job.launch(&sql), job.launch(&sql)];
    processes.iter().for_each(|process| process.until_stderr("reads 1 partition(s)"));
    job.write(0, 5, 2);
    let since = Instant::now();
    while job.cluster.read(&job.sink).len() < 10 {
        assert!(since.elapsed() < PATIENCE, "not all is written");
        std::thread::sleep(LOOK);
    }
    assert!(job.cluster.read_committed(&job.sink).is_empty());
    job.cluster.delete(&job.source);
    job.cluster.create(&job.source, 1, &[]);
    processes.iter().for_each(|process| process.until_stderr("is no longer read"));
    for process in processes {
        process.signal("INT");
        process.wait().code(0);
    }
    let written = job.written();
    assert!(written.len() == 10 && written.values().all(|times| *times == 1), "{written:?}");
}

#[test]
fn a_partition_is_added_under_the_consumer_protocol() {
    let job = Shared::new(embedded(), Guarantee::ExactlyOnce, 1).under(Protocol::Consumer);
    job.write(0, 5, 1);
    let mut first = job.start();
    first.until_stderr("reads 1 partition(s)");
    let mut second = job.start();
    second.until_stderr("reads 0 partition(s)");
    job.cluster.grow(&job.source, 2);
    second.until_stderr("reads 1 partition(s)");
    job.write(5, 5, 1);
    job.cluster.produce(&job.source, &[Rec { partition: 1, ..Rec::value("1:0") }]);
    job.drained(&mut [&mut first, &mut second]);
    for process in [first, second] {
        process.signal("INT");
        process.wait().code(0);
    }
    assert!(job.written().values().all(|times| *times == 1));
}

#[test]
fn times_that_the_broker_decides_are_refused() {
    let job = Shared::new(Cluster::embedded(), Guarantee::AtLeastOnce, 1).under(Protocol::Consumer);
    let both = format!("{EARLIEST}, 'properties.session.timeout.ms' = '6000'");
    let says = ["session.timeout.ms cannot be set", "group.consumer.session.timeout.ms"];
    Program::script("job", &job.sql(&both)).run().code(3).says(&says);
}

#[test]
fn a_leader_that_comes_back_under_its_lasting_name_notices_partitions() {
    let job = Shared::new(embedded(), Guarantee::AtLeastOnce, 1);
    job.write(0, 5, 1);
    let named = format!("{EARLIEST}, 'properties.group.instance.id' = 'one'");
    let first = job.launch(&job.sql(&named));
    first.until_stderr("reads 1 partition(s)");
    first.kill();
    // Within its session: the brokers give it what it had, and have it lead without an election.
    let mut again = job.launch(&job.sql(&named));
    again.until_stderr("reads 1 partition(s)");
    job.cluster.grow(&job.source, 2);
    again.until_stderr("reads 2 partition(s)");
    job.cluster.produce(&job.source, &[Rec { partition: 1, ..Rec::value("1:0") }]);
    job.drained(&mut [&mut again]);
    again.signal("INT");
    again.wait().code(0);
}
