//! A topic is deleted and created again while a job reads it: `scan.topic-change.mode`.

use super::script::{ENDLESS, JSON, kafka, print, produce, row};
use crate::support::{Cluster, Program, Running};
use brooklet_kafka::CommittedOffset;

struct Changed {
    cluster: Cluster,
    first: String,
    second: String,
    running: Running,
    /// Its folder goes with it.
    _program: Program,
}

/// A job over two topics that has read a record of each; the first topic is another one by now.
fn changed(mode: &str) -> Changed {
    let cluster = Cluster::embedded();
    let (first, second) = (cluster.topic("first", 1), cluster.topic("second", 1));
    produce(&cluster, &first, &["a", "b"]);
    produce(&cluster, &second, &["c"]);
    let both = format!("{first};{second}");
    let sql = kafka("src", "v STRING", &both, &cluster, &format!("{ENDLESS}, {JSON}{mode}"))
        + &print("p", "v STRING")
        + "INSERT INTO p SELECT v FROM src;\n";
    let program = Program::script("job", &sql);
    let running = program.start();
    running.until_stdout("three rows", |text| text.lines().count() == 3);
    cluster.delete(&first);
    cluster.create(&first, 1, &[]);
    Changed { cluster, first, second, running, _program: program }
}

#[test]
fn the_job_fails() {
    // Discovery and the reader see the new topic at about the same time: it is the reader that tells.
    for discovery in ["", ", 'scan.topic-partition-discovery.interval' = '10 ms'"] {
        let Changed { first, running, cluster: _cluster, _program, .. } = changed(discovery);
        running.wait().code(4).says(&[
            &format!("topic `{first}` was deleted and created again"),
            &format!("(while reading topic '{first}' partition 0 at offset 2)"),
            "hint: start over with --fresh, or choose what happens then with 'scan.topic-change.mode'",
        ]);
    }
}

#[test]
fn partitions_that_the_new_topic_lacks_are_left_out() {
    for (mode, exact) in [("restart", false), ("drop", false), ("restart", true), ("drop", true)] {
        let cluster = Cluster::embedded();
        let (source, sink) = (cluster.topic("in", 2), cluster.topic("out", 1));
        produce(&cluster, &source, &["a"]);
        let start = format!("{ENDLESS}, {JSON}, 'scan.topic-change.mode' = '{mode}'");
        let guarantee = match exact {
            true => {
                "'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'x', "
            }
            false => "",
        };
        let sql = "SET 'execution.checkpointing.interval' = '50 ms';\n".to_owned()
            + &kafka("src", "v STRING", &source, &cluster, &start)
            + &kafka("p", "v STRING", &sink, &cluster, &format!("{guarantee}{JSON}"))
            + "INSERT INTO p SELECT v FROM src;\n";
        let program = Program::script("shrunk", &sql);
        let running = program.start();
        let rows = |n: usize| {
            while cluster.read_committed(&sink).len() < n {
                std::thread::yield_now();
            }
        };
        rows(1);
        while !exact && cluster.committed("brooklet.shrunk.p", &source).len() < 2 {
            std::thread::yield_now();
        }
        cluster.delete(&source);
        cluster.create(&source, 1, &[]);
        running.until_stderr(&format!("topic '{source}' partition 1 is no longer read"));
        produce(&cluster, &source, &["b", "c"]);
        if mode == "restart" {
            rows(3);
        } else {
            running.until_stderr(&format!("topic '{source}' partition 0 is no longer read"));
        }
        running.signal("INT");
        let ended = running.wait();
        ended.code(0);
        assert!(!ended.stderr.contains("partition 1 is read from"), "{}", ended.stderr);
    }
}

#[test]
fn the_partitions_are_left_out() {
    let Changed { cluster, first, second, running, _program } =
        changed(", 'scan.topic-change.mode' = 'drop'");
    running.until_stderr(&format!("topic '{first}' partition 0 is no longer read"));
    cluster.produce_lines(&first, &[r#"{"v":"unseen"}"#]);
    cluster.produce_lines(&second, &[r#"{"v":"d"}"#]);
    running.until_stdout("the next row", |text| text.contains("+I[d]"));
    running.signal("INT");
    let ended = running.wait();
    ended.code(0);
    assert!(!ended.stdout.contains("unseen"), "{}", ended.stdout);
}

#[test]
fn the_new_topic_is_read_from_its_beginning() {
    let Changed { cluster, first, second, running, _program } =
        changed(", 'scan.topic-change.mode' = 'restart'");
    running.until_stderr(&format!("topic '{first}' partition 0 is read from offset 0 on"));
    cluster.produce_lines(&first, &[r#"{"v":"e"}"#]);
    cluster.produce_lines(&second, &[r#"{"v":"d"}"#]);
    running.until_stdout("both rows", |text| text.contains("+I[d]") && text.contains("+I[e]"));
    running.signal("INT");
    running.wait().code(0);
}

#[test]
fn a_topic_that_was_created_again_while_the_job_was_stopped_is_noticed() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    produce(&cluster, &topic, &["a", "b"]);
    let job = |mode: &str| {
        let sql = kafka("src", "v STRING", &topic, &cluster, &format!("{ENDLESS}, {JSON}{mode}"))
            + &print("p", "v STRING")
            + "INSERT INTO p SELECT v FROM src;\n";
        Program::script("stopped", &sql)
    };
    let (program, restarting) = (job(""), job(", 'scan.topic-change.mode' = 'restart'"));
    let running = program.start();
    running.until_stdout("two rows", |text| text.lines().count() == 2);
    running.signal("INT");
    running.wait().code(0);
    let group = "brooklet.stopped.p";
    let stored = cluster.committed(group, &topic)[&0].clone();
    cluster.delete(&topic);
    cluster.create(&topic, 1, &[]);
    produce(&cluster, &topic, &["c", "d", "e"]);
    // Brokers may forget the offsets of a topic that is deleted, or not.
    cluster.commit_with(group, &topic, &[(0, stored.clone())]);
    program.run().code(4).says(&[&format!("topic `{topic}` was deleted and created again")]);
    let running = restarting.start();
    running.until_stdout("all rows of the new topic", |text| text.lines().count() == 3);
    running.signal("INT");
    running.wait().code(0);
    // A mark of an earlier version says nothing about the topic.
    let (before, rest) = stored.metadata.split_once(" topic=").unwrap();
    let metadata = format!("{before} job={}", rest.split_once(" job=").unwrap().1);
    cluster.commit_with(group, &topic, &[(0, CommittedOffset { metadata, ..stored })]);
    let running = program.start();
    running.until_stdout("what is behind", |text| text.contains("+I[e]"));
    running.signal("INT");
    assert_eq!(running.wait().stdout, "+I[e]\n");
}

/// Stored positions lie behind the end of the new topic: neither is the job at its end, nor has it read anything.
#[test]
fn a_bounded_job_notices_a_topic_that_is_shorter_than_what_it_has_read() {
    let cluster = Cluster::embedded();
    let (topic, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    produce(&cluster, &topic, &["a", "b"]);
    let job = |bounded: &str| {
        let sql =
            kafka("src", "v STRING", &topic, &cluster, &format!("{ENDLESS}, {JSON}{bounded}"))
                + &kafka("p", "v STRING", &sink, &cluster, &format!("{EXACT}{JSON}"))
                + "INSERT INTO p SELECT v FROM src;\n";
        Program::script("shorter", &sql)
    };
    let (endless, bounded) = (job(""), ", 'scan.bounded.mode' = 'latest-offset'");
    let running = endless.start();
    while cluster.read_committed(&sink).len() < 2 {
        std::thread::yield_now();
    }
    running.signal("INT");
    running.wait().code(0);
    cluster.delete(&topic);
    cluster.create(&topic, 1, &[]);
    produce(&cluster, &topic, &["c"]);
    job(bounded).run().code(4).says(&[&format!("topic `{topic}` was deleted and created again")]);
    let restart = job(&format!("{bounded}, 'scan.topic-change.mode' = 'restart'"));
    restart.run().code(0).says(&["partition 0 is read from offset 0 on"]);
    assert_eq!(cluster.values(&sink), ["a", "b", "c"].map(row));
}

const EXACT: &str =
    "'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'x', ";

/// Some brokers create topics by themselves: the records of a sink must not go on into such a one unnoticed.
fn a_deleted_sink_topic_ends_the_job(cluster: &Cluster, guarantee: &str) {
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    produce(cluster, &source, &["a"]);
    let sql = "SET 'execution.checkpointing.interval' = '50 ms';\n".to_owned()
        + &kafka("src", "v STRING", &source, cluster, &format!("{ENDLESS}, {JSON}"))
        + &kafka("dst", "v STRING", &sink, cluster, &format!("{guarantee}{JSON}"))
        + "INSERT INTO dst SELECT v FROM src;\n";
    let program = Program::script(&Cluster::unique("deleted"), &sql);
    let running = program.start();
    while cluster.read_committed(&sink).is_empty() {
        std::thread::yield_now();
    }
    cluster.delete(&sink);
    produce(cluster, &source, &["b"]);
    let deleted = std::time::Instant::now();
    running.wait().code(4).says(&[&format!("topic `{sink}` does not exist")]);
    // The time for delivery is two minutes.
    assert!(deleted.elapsed().as_secs() < 60, "{:?}", deleted.elapsed());
    assert!(!cluster.exists(&sink));
}

#[test]
fn a_sink_whose_topic_is_deleted_fails() {
    for guarantee in ["", EXACT] {
        a_deleted_sink_topic_ends_the_job(&Cluster::embedded(), guarantee);
    }
}

#[test]
fn a_sink_whose_topic_is_deleted_fails_on_apache_kafka() {
    if let Some(cluster) = Cluster::apache() {
        a_deleted_sink_topic_ends_the_job(&cluster, "");
    }
}
