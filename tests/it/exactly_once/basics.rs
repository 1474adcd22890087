//! How exactly-once jobs start, end and fail.

use super::{Cluster, Program, Rec};
use crate::support::Ended;
use brooklet::connectors::kafka::transaction::record::{ProgressRecord, topic_of};

const BOUNDED: &str =
    "'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset'";
const ENDLESS: &str = "'scan.startup.mode' = 'earliest-offset'";
const EXACT: &str =
    "'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'basics'";

fn table(cluster: &Cluster, name: &str, topic: &str, options: &str) -> String {
    format!(
        "CREATE TABLE {name} (v STRING) WITH ('connector' = 'kafka', 'topic' = '{topic}', \
         'properties.bootstrap.servers' = '{}', 'format' = 'json', {options});\n",
        cluster.bootstrap()
    )
}

fn job(cluster: &Cluster, source: &str, sink: &str, start: &str, exact: &str) -> String {
    "SET 'execution.checkpointing.interval' = '50 ms';\n".to_owned()
        + &table(cluster, "src", source, start)
        + &table(cluster, "sink", sink, exact)
        + "INSERT INTO sink SELECT v FROM src;\n"
}

fn write(cluster: &Cluster, topic: &str, values: &[&str]) {
    let record = |v: &&str| Rec::value(format!(r#"{{"v":"{v}"}}"#));
    cluster.produce(topic, &values.iter().map(record).collect::<Vec<_>>());
}

fn committed(cluster: &Cluster, topic: &str) -> Vec<String> {
    let cut = |record: &Rec| {
        let text = record.text();
        text.trim_start_matches(r#"{"v":""#).trim_end_matches(r#""}"#).to_owned()
    };
    cluster.read_committed(topic).iter().map(cut).collect()
}

fn progress(cluster: &Cluster, job: &str) -> ProgressRecord {
    let records = cluster.read_committed(&topic_of(job));
    ProgressRecord::decode(records.last().unwrap().value.as_deref().unwrap()).unwrap()
}

#[test]
fn bounded_jobs_end_committed_and_start_anew() {
    let cluster = Cluster::embedded();
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    write(&cluster, &source, &["a", "b"]);
    let start = format!("{BOUNDED}, 'properties.group.id' = 'bounded'");
    let program = Program::script("bounded", &job(&cluster, &source, &sink, &start, EXACT));
    program.run().code(0);
    assert_eq!(committed(&cluster, &sink), ["a", "b"]);
    assert_eq!(cluster.committed("bounded", &source)[&0].offset, 2);
    let first = progress(&cluster, "bounded.sink");
    assert!(first.finished && first.scans.is_empty(), "{first:?}");
    program.run().code(0);
    assert_eq!(committed(&cluster, &sink), ["a", "b", "a", "b"]);
    let second = progress(&cluster, "bounded.sink");
    assert!(second.epoch > first.epoch && second.incarnation != first.incarnation);
}

#[test]
fn an_interrupted_job_commits_and_goes_on() {
    let cluster = Cluster::embedded();
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    write(&cluster, &source, &["a", "b"]);
    // No epoch ends by itself: what is committed at the end is committed by the signal.
    let sql = job(&cluster, &source, &sink, ENDLESS, EXACT).replace("50 ms", "10 min");
    let program = Program::script("endless", &sql);
    let written = |count| {
        let running = program.start();
        // Both markers and records count.
        while cluster.ends(&sink)[&0] < count {
            std::thread::yield_now();
        }
        running
    };
    let running = written(2);
    assert!(committed(&cluster, &sink).is_empty());
    running.signal("INT");
    running.wait().code(0);
    assert_eq!(committed(&cluster, &sink), ["a", "b"]);
    write(&cluster, &source, &["c"]);
    let running = written(4);
    running.signal("TERM");
    running.wait().code(0).says(&["resuming 'src' from epoch"]);
    assert_eq!(committed(&cluster, &sink), ["a", "b", "c"]);
    // And from the beginning.
    let fresh = Program::script("endless", &sql).arg("--fresh");
    let running = fresh.start();
    while cluster.ends(&sink)[&0] < 8 {
        std::thread::yield_now();
    }
    running.signal("INT");
    running.wait().code(0);
    assert_eq!(committed(&cluster, &sink), ["a", "b", "c", "a", "b", "c"]);
}

#[test]
fn a_refused_record_aborts_its_epoch() {
    let cluster = Cluster::embedded();
    let (source, sink) = (cluster.topic("in", 1), Cluster::unique("small"));
    cluster.create(&sink, 1, &[("max.message.bytes", "400")]);
    write(&cluster, &source, &["a", &"x".repeat(1000), "b"]);
    let program = Program::script("refused", &job(&cluster, &source, &sink, BOUNDED, EXACT));
    // The broker does not say which record it is: it is found when the epoch is written again.
    program.run().code(1).says(&[
        "restarting from the last epoch in 0 ms",
        &format!("is too large for topic '{sink}'"),
        "MESSAGE_TOO_LARGE",
        &format!("topic '{source}' partition 0 offset 1"),
        "error-handling.mode",
    ]);
    assert!(committed(&cluster, &sink).is_empty());
    // The transaction is not left open: readers need not wait for its time-out.
    let uncommitted = cluster.read(&sink).len();
    assert!(uncommitted <= 2);
    write(&cluster, &sink, &["other"]);
    assert_eq!(committed(&cluster, &sink), ["other"]);
}

#[test]
fn a_bad_record_leaves_nothing_open() {
    let cluster = Cluster::embedded();
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    cluster.produce_lines(&source, &[r#"{"v":"a"}"#, "{"]);
    let program = Program::script("bad", &job(&cluster, &source, &sink, BOUNDED, EXACT));
    program.run().code(1).says(&["offset 1"]);
    assert!(committed(&cluster, &sink).is_empty());
    write(&cluster, &sink, &["other"]);
    assert_eq!(committed(&cluster, &sink), ["other"]);
}

#[test]
fn other_sinks_of_the_job_are_flushed_first() {
    let cluster = Cluster::embedded();
    let (source, exact, plain) =
        (cluster.topic("in", 1), cluster.topic("exact", 1), cluster.topic("plain", 1));
    write(&cluster, &source, &["a", "b"]);
    let sql = table(&cluster, "src", &source, BOUNDED)
        + &table(&cluster, "exact", &exact, EXACT)
        + &table(&cluster, "plain", &plain, "'sink.delivery-guarantee' = 'at-least-once'")
        + "EXECUTE STATEMENT SET BEGIN INSERT INTO exact SELECT v FROM src; INSERT INTO plain SELECT v FROM src; END;\n";
    Program::script("mixed", &sql).run().code(0);
    assert_eq!(committed(&cluster, &exact), ["a", "b"]);
    assert_eq!(committed(&cluster, &plain), ["a", "b"]);
}

#[test]
fn a_limit_is_committed_without_progress() {
    let cluster = Cluster::embedded();
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    write(&cluster, &source, &["a", "b", "c"]);
    let sql = job(&cluster, &source, &sink, ENDLESS, EXACT).replace("FROM src", "FROM src LIMIT 2");
    Program::script("limited", &sql).run().code(0).says(&["keeps no progress"]);
    assert_eq!(committed(&cluster, &sink), ["a", "b"]);
}

#[test]
fn progress_in_another_topic_is_refused_by_name() {
    let cluster = Cluster::embedded();
    let (old, new, sink) =
        (cluster.topic("old", 1), cluster.topic("new", 1), cluster.topic("out", 1));
    write(&cluster, &old, &["a"]);
    write(&cluster, &new, &["b"]);
    let run = |topic: &str, done: i64| {
        let program = Program::script("moved", &job(&cluster, topic, &sink, ENDLESS, EXACT));
        let mut running = program.start();
        while cluster.ends(&sink)[&0] < done && running.ended().is_none() {
            std::thread::yield_now();
        }
        if running.ended().is_none() {
            running.signal("INT");
        }
        running.wait()
    };
    run(&old, 2).code(0);
    run(&new, i64::MAX).code(3).says(&[
        &format!("has progress in topic '{old}', which its source 'src' no longer reads"),
        "hint: start over with --fresh",
    ]);
    run(&format!("{old};{new}"), 4).code(0);
    assert_eq!(committed(&cluster, &sink), ["a", "b"]);
}

#[test]
fn a_topic_created_anew_while_the_job_is_stopped_is_noticed() {
    for (mode, ends, output) in [
        ("", false, &["a", "b"][..]),
        (", 'scan.topic-change.mode' = 'drop'", true, &["a", "b"]),
        (", 'scan.topic-change.mode' = 'restart'", true, &["a", "b", "x", "y", "z"]),
    ] {
        let cluster = Cluster::embedded();
        let (source, sink) = (cluster.topic("in", 2), cluster.topic("out", 1));
        write(&cluster, &source, &["a", "b"]);
        let start = format!("{ENDLESS}{mode}");
        let program = Program::script("anew", &job(&cluster, &source, &sink, &start, EXACT));
        let running = program.start();
        while committed(&cluster, &sink).len() < 2 {
            std::thread::yield_now();
        }
        running.signal("INT");
        running.wait().code(0);
        // As long as the old one: the stored offset is inside of it. It has one partition less.
        cluster.delete(&source);
        cluster.create(&source, 1, &[]);
        write(&cluster, &source, &["x", "y", "z"]);
        let running = program.start();
        if ends {
            let what =
                if output.len() == 2 { "is no longer read" } else { "is read from offset 0" };
            running
                .until_stderr("partition 1 is no longer read: the topic has only 1 partition(s)");
            running.until_stderr(&format!("partition 0 {what}"));
            while committed(&cluster, &sink).len() < output.len() {
                std::thread::yield_now();
            }
            running.signal("INT");
            running.wait().code(0);
        } else {
            let gone = format!(
                "topic '{source}' has 1 partition(s), and progress is stored for partition 1: it was deleted and \
                 created again"
            );
            running.wait().code(4).says(&[&gone, "scan.topic-change.mode"]);
        }
        assert_eq!(committed(&cluster, &sink), output, "{mode}");
    }
}

/// Whatever its first look would have skipped is written when it is over.
#[test]
fn a_job_that_found_nothing_has_looked_all_the_same() {
    for exact in [true, false] {
        let cluster = Cluster::embedded();
        let (stem, sink) = (Cluster::unique("later"), cluster.topic("out", 1));
        let (latest, guarantee) = (
            "'scan.startup.mode' = 'latest-offset', 'scan.topic-partition-discovery.interval' = '20 ms'",
            if exact { EXACT } else { "'properties.acks' = 'all'" },
        );
        let sql = job(&cluster, &stem, &sink, latest, guarantee)
            .replace(&format!("'topic' = '{stem}'"), &format!("'topic-pattern' = '{stem}.*'"));
        let program = Program::script("looked", &sql);
        let running = program.start();
        if exact {
            let topic = topic_of("looked.sink");
            let looked = |record: &Rec| {
                let record = ProgressRecord::decode(record.value.as_deref().unwrap()).unwrap();
                !record.scans.is_empty()
            };
            while !cluster.exists(&topic) || !cluster.read_committed(&topic).iter().any(looked) {
                std::thread::yield_now();
            }
        } else {
            running.until_stderr("nothing that 'src' reads is there yet");
            cluster.create(&stem, 1, &[]);
            while cluster.committed("brooklet.looked.sink", &stem).is_empty() {
                std::thread::yield_now();
            }
        }
        running.kill();
        if exact {
            cluster.create(&stem, 1, &[]);
        }
        write(&cluster, &stem, &["a", "b"]);
        let running = program.start();
        running.until_stderr("resuming 'src' from epoch");
        while committed(&cluster, &sink).len() < 2 {
            std::thread::yield_now();
        }
        running.signal("INT");
        running.wait().code(0);
        assert_eq!(committed(&cluster, &sink), ["a", "b"]);
    }
}

#[test]
fn upserts_are_committed_exactly_once() {
    let cluster = Cluster::embedded();
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    write(&cluster, &source, &["a", "b"]);
    let upsert = format!(
        "CREATE TABLE sink (v STRING, n INT, PRIMARY KEY (v) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', \
         'topic' = '{sink}', 'properties.bootstrap.servers' = '{}', 'key.format' = 'raw', 'value.format' = 'json', {EXACT});\n",
        cluster.bootstrap()
    );
    let sql = "SET 'execution.checkpointing.interval' = '50 ms';\n".to_owned()
        + &table(&cluster, "src", &source, ENDLESS)
        + &upsert
        + "INSERT INTO sink SELECT v, CHAR_LENGTH(v) FROM src;\n";
    let program = Program::script("upserts", &sql);
    let running = program.start();
    while cluster.read_committed(&sink).len() < 2 {
        std::thread::yield_now();
    }
    // Killed, and the rest by another run: each key once.
    running.kill();
    write(&cluster, &source, &["cc"]);
    let running = program.start();
    while cluster.read_committed(&sink).len() < 3 {
        std::thread::yield_now();
    }
    running.signal("INT");
    running.wait().code(0);
    let keys: Vec<String> = cluster
        .read_committed(&sink)
        .iter()
        .map(|record| String::from_utf8_lossy(record.key.as_deref().unwrap()).into_owned())
        .collect();
    assert_eq!(keys, ["a", "b", "cc"]);
    assert_eq!(progress(&cluster, "upserts.sink").transactional_id, "basics-upserts.sink");
}

/// Runs a script without an end until its sink holds `count` committed records, and stops it.
fn until(cluster: &Cluster, name: &str, sql: &str, sink: &str, count: usize) -> Ended {
    let program = Program::script(name, sql);
    let mut running = program.start();
    while cluster.read_committed(sink).len() < count {
        assert!(running.ended().is_none(), "{}", running.stderr());
        std::thread::yield_now();
    }
    running.signal("INT");
    running.wait()
}

#[test]
fn a_job_that_becomes_exactly_once_goes_on_and_back_it_is_told_the_way() {
    let cluster = Cluster::embedded();
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    let with = |guarantee: &str| job(&cluster, &source, &sink, ENDLESS, guarantee);
    let (exact, plain) = (with(EXACT), with("'sink.delivery-guarantee' = 'at-least-once'"));
    write(&cluster, &source, &["a"]);
    until(&cluster, "changing", &plain, &sink, 1).code(0);
    write(&cluster, &source, &["b"]);
    let changed = until(&cluster, "changing", &exact, &sink, 2);
    changed.code(0).says(&["was not exactly-once before", "resuming 'src' from epoch"]);
    assert_eq!(committed(&cluster, &sink), ["a", "b"]);
    // What it stored before is older than its record by now.
    write(&cluster, &source, &["c"]);
    until(&cluster, "changing", &exact, &sink, 3).code(0);
    assert_eq!(committed(&cluster, &sink), ["a", "b", "c"]);
    let id = "changing.sink";
    let refused = Program::script("changing", &plain).run();
    refused.code(3).says(&["was exactly-once", &format!("brooklet job reset {id}")]);
    assert_eq!(committed(&cluster, &sink), ["a", "b", "c"]);
    Program::new(&["job", "reset", id, "-b", cluster.bootstrap()]).run().code(0);
    // Its place in the group is gone as well, and it begins anew.
    until(&cluster, "changing", &plain, &sink, 6).code(0);
    write(&cluster, &source, &["d"]);
    until(&cluster, "changing", &exact, &sink, 7).code(0).says(&["was not exactly-once before"]);
    assert_eq!(committed(&cluster, &sink), ["a", "b", "c", "a", "b", "c", "d"]);
}

#[test]
fn marks_in_topics_that_are_no_longer_read_count_only_while_they_are_the_newest() {
    let cluster = Cluster::embedded();
    let (old, new, sink) =
        (cluster.topic("old", 1), cluster.topic("new", 1), cluster.topic("out", 1));
    write(&cluster, &old, &["a"]);
    write(&cluster, &new, &["b"]);
    let with = |topic: &str, guarantee: &str| job(&cluster, topic, &sink, ENDLESS, guarantee);
    let plain = "'sink.delivery-guarantee' = 'at-least-once'";
    until(&cluster, "moving", &with(&old, plain), &sink, 1).code(0);
    let moved = with(&new, EXACT);
    Program::script("moving", &moved).run().code(3).says(&[
        &format!("has progress in topic '{old}', which its source 'src' no longer reads"),
        "hint: start over with --fresh",
    ]);
    // Over both topics its record becomes the newer one.
    let both = with(&format!("{old};{new}"), EXACT);
    until(&cluster, "moving", &both, &sink, 2).code(0).says(&["was not exactly-once before"]);
    write(&cluster, &new, &["c"]);
    until(&cluster, "moving", &moved, &sink, 3).code(0);
    assert_eq!(committed(&cluster, &sink), ["a", "b", "c"]);
}

#[test]
fn a_job_begins_anew_whatever_is_left_under_another_guarantee() {
    let cluster = Cluster::embedded();
    let (old, new, sink) =
        (cluster.topic("old", 1), cluster.topic("new", 1), cluster.topic("out", 1));
    write(&cluster, &old, &["a"]);
    write(&cluster, &new, &["b"]);
    let plain = "'sink.delivery-guarantee' = 'at-least-once'";
    let before = job(&cluster, &old, &sink, ENDLESS, plain);
    until(&cluster, "anew", &before, &sink, 1).code(0);
    let program =
        Program::script("anew", &job(&cluster, &new, &sink, ENDLESS, EXACT)).arg("--fresh");
    let mut running = program.start();
    while committed(&cluster, &sink).len() < 2 {
        assert!(running.ended().is_none(), "{}", running.stderr());
        std::thread::yield_now();
    }
    running.signal("INT");
    running.wait().code(0);
    assert_eq!(committed(&cluster, &sink), ["a", "b"]);
}

#[test]
fn another_prefix_fences_the_run_under_the_first_one() {
    let cluster = Cluster::embedded();
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    write(&cluster, &source, &["a"]);
    // The first run commits nothing before it is asked to end.
    let slow = job(&cluster, &source, &sink, ENDLESS, EXACT).replace("50 ms", "10 min");
    let slow = Program::script("prefix", &slow);
    let mut first = slow.start();
    while cluster.ends(&sink)[&0] < 1 {
        assert!(first.ended().is_none(), "{}", first.stderr());
        std::thread::yield_now();
    }
    let renamed = job(&cluster, &source, &sink, ENDLESS, &EXACT.replace("'basics'", "'renamed'"));
    let renamed = Program::script("prefix", &renamed);
    let mut second = renamed.start();
    while committed(&cluster, &sink).is_empty() {
        assert!(second.ended().is_none(), "{}", second.stderr());
        std::thread::yield_now();
    }
    assert_eq!(progress(&cluster, "prefix.sink").transactional_id, "renamed-prefix.sink");
    // Its output cannot be committed any more.
    first.signal("INT");
    first.wait().code(4);
    write(&cluster, &source, &["b"]);
    while committed(&cluster, &sink).len() < 2 {
        assert!(second.ended().is_none(), "{}", second.stderr());
        std::thread::yield_now();
    }
    second.signal("INT");
    second.wait().code(0);
    assert_eq!(committed(&cluster, &sink), ["a", "b"]);
}

#[test]
fn progress_does_not_expire() {
    let cluster = Cluster::embedded();
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    write(&cluster, &source, &["a"]);
    let sql = job(&cluster, &source, &sink, BOUNDED, EXACT);
    let program = Program::script("expires", &sql);
    let topic = topic_of("expires.sink");
    // The broker's default policy is to delete.
    cluster.create(&topic, 1, &[]);
    program.run().code(4).says(&[
        &format!("would remove the progress of job 'expires.sink' from topic '{topic}'"),
        "cleanup.policy=delete, retention.ms=604800000, retention.bytes=-1",
        "--add-config cleanup.policy=compact",
    ]);
    assert!(committed(&cluster, &sink).is_empty());
    cluster.delete(&topic);
    cluster.create(&topic, 1, &[("retention.ms", "-1")]);
    program.run().code(0).says(&["'src' starts anew: no progress of it is stored"]);
    assert_eq!(committed(&cluster, &sink), ["a"]);
}

#[test]
fn a_progress_topic_that_is_deleted_ends_the_job_and_is_not_created_by_the_broker() {
    let cluster = Cluster::embedded();
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    write(&cluster, &source, &["a"]);
    let program = Program::script("gone", &job(&cluster, &source, &sink, ENDLESS, EXACT));
    let running = program.start();
    while committed(&cluster, &sink).is_empty() {
        std::thread::yield_now();
    }
    let topic = topic_of("gone.sink");
    cluster.delete(&topic);
    write(&cluster, &source, &["b"]);
    running.wait().code(4).says(&[&format!(
        "the progress topic '{topic}' of job 'gone.sink' was deleted while the job ran"
    )]);
    assert_eq!(committed(&cluster, &sink), ["a"]);
    assert!(!cluster.exists(&topic));
}

#[test]
fn epochs_that_no_transaction_outlasts_are_refused() {
    let cluster = Cluster::embedded();
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    let sql = job(&cluster, &source, &sink, BOUNDED, EXACT).replace("'50 ms'", "'1 h'");
    Program::script("slow", &sql).run().code(3).says(&[
        "the brokers allow no transaction of 3600000 ms, the time between epochs of job 'slow.sink'",
        "900000 ms are the most",
        "lower 'execution.checkpointing.interval'",
    ]);
}

#[test]
fn a_stop_says_what_it_waits_for() {
    let cluster = Cluster::embedded();
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    write(&cluster, &source, &["a"]);
    // No epoch completes by itself.
    let sql = job(&cluster, &source, &sink, ENDLESS, EXACT).replace("'50 ms'", "'10 min'");
    let program = Program::script("waits", &sql);
    let running = program.start();
    while cluster.read(&sink).is_empty() {
        std::thread::yield_now();
    }
    drop(cluster);
    running.signal("INT");
    running.until_stderr("still stopping: what was read is not written and stored yet");
    running.signal("INT");
    running.wait().code(130).says(&["stopped at once"]);
}

/// What settings of a topic rule out is the fault of no single record, and each code has another cure.
fn a_topic_refuses(cluster: &Cluster, setting: (&str, &str), says: &[&str]) {
    let source = cluster.topic("in", 1);
    write(cluster, &source, &["a", "b"]);
    for guarantee in [EXACT, "'sink.delivery-guarantee' = 'at-least-once'"] {
        let sink = Cluster::unique("out");
        cluster.create(&sink, 1, &[setting]);
        let sql = job(cluster, &source, &sink, BOUNDED, guarantee);
        let ended = Program::script(&Cluster::unique("refused"), &sql).run();
        ended.code(4).says(says).says(&[&format!("to topic '{sink}' partition 0")]);
        assert!(cluster.read_committed(&sink).is_empty());
    }
}

const COMPACTED: (&str, &str) = ("cleanup.policy", "compact");
const WITHOUT_KEY: [&str; 2] =
    ["INVALID_RECORD: Compacted topic", "hint: where the topic is compacted"];

#[test]
fn records_that_a_topic_does_not_take_end_the_job() {
    a_topic_refuses(&Cluster::embedded(), COMPACTED, &WITHOUT_KEY);
}

#[test]
fn records_that_a_topic_does_not_take_end_the_job_on_apache_kafka() {
    let Some(cluster) = Cluster::apache() else { return };
    a_topic_refuses(&cluster, COMPACTED, &WITHOUT_KEY);
    let says = ["INVALID_TIMESTAMP", "hint: see the topic's 'message.timestamp.before.max.ms'"];
    a_topic_refuses(&cluster, ("message.timestamp.before.max.ms", "1"), &says);
}

/// Kafka takes no two topics whose names differ in these only.
#[test]
fn jobs_whose_names_differ_in_dots_and_underscores_only_say_what_to_do() {
    let cluster = Cluster::embedded();
    let (source, sink) = (cluster.topic("in", 1), cluster.topic("out", 1));
    let named = |name: &str| {
        let sql = job(&cluster, &source, &sink, BOUNDED, EXACT);
        Program::script("job", &format!("SET 'pipeline.name' = '{name}';\n{sql}")).run()
    };
    named("a.b").code(0);
    named("a_b").code(4).says(&[
        "Topic 'brooklet-progress.a_b' collides with existing topic",
        "hint: names of topics that differ in '.' and '_' only collide: give job 'a_b' another name",
    ]);
}
