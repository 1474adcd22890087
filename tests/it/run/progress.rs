//! What a job goes on from: its progress, and what becomes of it when the script changes.

use super::script::{ALL, ENDLESS, JSON, kafka, print, produce, row};
use crate::support::{Cluster, Ended, Hostile, Program, api};
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs a script until `rows` lines are printed, then stops it.
fn run_until(sql: &str, rows: usize) -> Ended {
    let program = Program::script("job", sql);
    let running = program.start();
    running.until_stdout(&format!("{rows} rows"), |text| text.lines().count() >= rows);
    running.signal("INT");
    running.wait()
}

/// A job over one topic.
fn job(cluster: &Cluster, topic: &str, query: &str) -> String {
    kafka("src", "v STRING", topic, cluster, &format!("{ENDLESS}, {JSON}"))
        + &print("p", "v STRING")
        + &format!("INSERT INTO p SELECT {query};\n")
}

#[test]
fn stateless_edits_resume() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    produce(&cluster, &topic, &["a", "b"]);
    run_until(&job(&cluster, &topic, "v FROM src"), 2).code(0);
    produce(&cluster, &topic, &["c", "d"]);
    let edited =
        job(&cluster, &topic, "UPPER(v) FROM src WHERE v <> 'c'").replace("src", "renamed");
    run_until(&edited, 1).code(0).prints("+I[D]\n").says(&["resuming 'renamed' from epoch"]);
}

#[test]
fn progress_in_another_topic_is_refused_by_name() {
    let cluster = Cluster::embedded();
    let (old, new) = (cluster.topic("old", 1), cluster.topic("new", 1));
    produce(&cluster, &old, &["a"]);
    produce(&cluster, &new, &["b"]);
    run_until(&job(&cluster, &old, "v FROM src"), 1).code(0);
    let edited = job(&cluster, &new, "v FROM src");
    Program::script("job", &edited).run().code(3).prints("").says(&[
        &format!(
            "error: job 'job.p' has progress in topic '{old}', which its source 'src' no longer reads"
        ),
        "--> job.sql:4:1",
        "hint: start over with --fresh",
    ]);
    // A list that still holds the old topic goes on there, and reads the new one from its beginning.
    produce(&cluster, &old, &["c"]);
    let both = job(&cluster, &format!("{old};{new}"), "v FROM src");
    let ended = run_until(&both, 2);
    let mut rows: Vec<&str> = ended.code(0).stdout.lines().collect();
    rows.sort_unstable();
    assert_eq!(rows, ["+I[b]", "+I[c]"]);
    // And one that no longer holds it goes on in the other.
    produce(&cluster, &new, &["d"]);
    run_until(&edited, 1)
        .code(0)
        .prints("+I[d]\n")
        .says(&[&format!("no longer reads topic '{old}': its progress there is left out")]);
}

#[test]
fn fresh_is_the_cure() {
    let cluster = Cluster::embedded();
    let (old, new) = (cluster.topic("old", 1), cluster.topic("new", 1));
    produce(&cluster, &old, &["a"]);
    produce(&cluster, &new, &["b"]);
    run_until(&job(&cluster, &old, "v FROM src"), 1).code(0);
    let program = Program::script("job", &job(&cluster, &new, "v FROM src")).arg("--fresh");
    let running = program.start();
    running.until_stdout("row", |text| text.contains("+I[b]\n"));
    running.signal("INT");
    running.wait().code(0).prints("+I[b]\n");
}

/// Two scans of two topics, or of the same one.
fn two_scans(cluster: &Cluster, a: &str, b: &str) -> String {
    "SET 'pipeline.name' = 'two';\n".to_owned()
        + &kafka("a", "v STRING", a, cluster, &format!("{ENDLESS}, {JSON}"))
        + &kafka("b", "v STRING", b, cluster, &format!("{ENDLESS}, {JSON}"))
        + "CREATE TABLE pa (v STRING) WITH ('connector' = 'print', 'print-identifier' = 'a');\n\
           CREATE TABLE pb (v STRING) WITH ('connector' = 'print', 'print-identifier' = 'b');\n\
           EXECUTE STATEMENT SET BEGIN INSERT INTO pa SELECT v FROM a; INSERT INTO pb SELECT v FROM b; END;\n"
}

/// A job is known by its name, or by what it writes to, whatever stands beside or in which order.
#[test]
fn a_query_and_the_order_of_a_set_leave_progress_alone() {
    let cluster = Cluster::embedded();
    for name in ["SET 'pipeline.name' = 'two';", ""] {
        let (x, y) = (cluster.topic("x", 1), cluster.topic("y", 1));
        produce(&cluster, &x, &["1"]);
        produce(&cluster, &y, &["1"]);
        let sql = two_scans(&cluster, &x, &y).replace("SET 'pipeline.name' = 'two';", name);
        let program = Program::script("job", &sql).arg("--fresh");
        let running = program.start();
        running.until_stdout("both", |text| text.lines().count() == 2);
        running.signal("INT");
        running.wait().code(0);
        produce(&cluster, &x, &["2"]);
        let (first, second) =
            ("INSERT INTO pa SELECT v FROM a;", "INSERT INTO pb SELECT v FROM b;");
        let swapped = sql.replace(&format!("{first} {second}"), &format!("{second} {first}"));
        assert_ne!(swapped, sql);
        let edited = swapped.replace("EXECUTE", "SELECT 'hello';\nEXECUTE");
        let program = Program::script("job", &edited);
        let running = program.start();
        running.until_stdout("the new row", |text| text.contains("a> +I[2]\n"));
        running.signal("INT");
        let ended = running.wait();
        ended.code(0).says(&["resuming 'a' from epoch", "resuming 'b' from epoch"]);
        assert!(!ended.stdout.contains("[1]"), "{}", ended.stdout);
    }
}

#[test]
fn the_scans_of_a_job_do_not_move_each_others_progress() {
    let cluster = Cluster::embedded();
    let (x, y) = (cluster.topic("x", 1), cluster.topic("y", 1));
    let sql = two_scans(&cluster, &x, &y);
    produce(&cluster, &x, &["1"]);
    produce(&cluster, &y, &["1"]);
    run_until(&sql, 2).code(0);
    // Only one scan moves in each run: what the other one committed before must stay.
    produce(&cluster, &y, &["2"]);
    run_until(&sql, 1).code(0).prints("b> +I[2]\n");
    produce(&cluster, &x, &["2"]);
    run_until(&sql, 1).code(0).prints("a> +I[2]\n");
    produce(&cluster, &y, &["3"]);
    run_until(&sql, 1).code(0).prints("b> +I[3]\n");
}

#[test]
fn two_scans_of_one_topic_keep_two_positions() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    produce(&cluster, &topic, &["1", "2"]);
    let sql = two_scans(&cluster, &topic, &topic);
    run_until(&sql, 4).code(0);
    for (group, scan) in [("brooklet.two.a", "scan=a "), ("brooklet.two.b", "scan=b ")] {
        let committed = cluster.committed(group, &topic);
        assert_eq!(committed[&0].offset, 2, "{group}");
        assert!(committed[&0].metadata.contains(scan), "{group}: {}", committed[&0].metadata);
    }
    // One of the two falls back: only that one reads again.
    let mut back = cluster.committed("brooklet.two.b", &topic)[&0].clone();
    back.offset = 1;
    cluster.commit_with("brooklet.two.b", &topic, &[(0, back)]);
    run_until(&sql, 1).code(0).prints("b> +I[2]\n");
    // The scan that stays takes its progress along when the other one is gone.
    let alone = "SET 'pipeline.name' = 'two';\n".to_owned()
        + &kafka("b", "v STRING", &topic, &cluster, &format!("{ENDLESS}, {JSON}"))
        + &print("p", "v STRING")
        + "INSERT INTO p SELECT v FROM b;\n";
    produce(&cluster, &topic, &["3"]);
    run_until(&alone, 1).code(0).prints("+I[3]\n");
    // Back again: where the one scan was by then.
    produce(&cluster, &topic, &["4"]);
    let ended = run_until(&sql, 3);
    let mut rows: Vec<&str> = ended.code(0).stdout.lines().collect();
    rows.sort_unstable();
    assert_eq!(rows, ["a> +I[3]", "a> +I[4]", "b> +I[4]"]);
}

#[test]
fn fresh_also_forgets_what_the_job_knew_in_another_shape() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    produce(&cluster, &topic, &["x"]);
    run_until(&two_scans(&cluster, &topic, &topic), 2).code(0);
    // It fails before its first epoch: nothing new is stored.
    let failing = "SET 'pipeline.name' = 'two';\n".to_owned()
        + &kafka("b", "v INT", &topic, &cluster, &format!("{ENDLESS}, {JSON}"))
        + &print("p", "v INT")
        + "INSERT INTO p SELECT v FROM b;\n";
    let program = Program::script("job", &failing);
    program.arg("--fresh").run().code(1).says(&["partition 0 offset 0"]);
    Program::script("job", &failing).run().code(1).says(&["partition 0 offset 0"]);
}

#[test]
fn a_limit_holds_over_many_partitions_and_workers() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 8);
    let records: Vec<_> = (0..4000)
        .map(|n| crate::support::Rec {
            partition: n % 8,
            ..crate::support::Rec::value(row(&n.to_string()))
        })
        .collect();
    cluster.produce(&topic, &records);
    let (limited, all) = (cluster.topic("limited", 1), cluster.topic("all", 1));
    let sql = "SET 'parallelism.default' = '4';\n".to_owned()
        + &kafka("src", "v STRING", &topic, &cluster, &format!("{ALL}, {JSON}"))
        + &kafka("limited", "v STRING", &limited, &cluster, JSON)
        + &kafka("everything", "v STRING", &all, &cluster, JSON)
        + "EXECUTE STATEMENT SET BEGIN\n\
           INSERT INTO limited SELECT v FROM src LIMIT 10;\n\
           INSERT INTO everything SELECT v FROM src;\nEND;\n";
    Program::script("job", &sql).run().code(0);
    assert_eq!((cluster.values(&limited).len(), cluster.values(&all).len()), (10, 4000));
    // An endless source ends with the limit.
    let sql = "SET 'parallelism.default' = '4';\n".to_owned()
        + &kafka("src", "v STRING", &topic, &cluster, &format!("{ENDLESS}, {JSON}"))
        + "SELECT v FROM src LIMIT 7;\n";
    let ended = Program::script("select", &sql).run();
    ended.code(0);
    assert!(ended.stdout.ends_with("Received a total of 7 rows\n"), "{}", ended.stdout);
}

#[test]
fn a_limit_counts_from_each_start() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    let sql = job(&cluster, &topic, "v FROM src LIMIT 3");
    produce(&cluster, &topic, &["a", "b"]);
    run_until(&sql, 2).code(0).prints("+I[a]\n+I[b]\n").says(&["it keeps no progress"]);
    produce(&cluster, &topic, &["c", "d"]);
    Program::script("job", &sql).run().code(0).prints("+I[a]\n+I[b]\n+I[c]\n");
}

#[test]
fn an_interrupt_before_the_first_answer_ends_well() {
    // It takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let sql = format!(
        "CREATE TABLE t (v STRING) WITH ('connector' = 'kafka', 'topic' = 't', {ENDLESS}, {JSON},\n\
         'properties.bootstrap.servers' = '{}');\n",
        silent.local_addr().unwrap()
    ) + &print("p", "v STRING")
        + "INSERT INTO p SELECT v FROM t;\n";
    let program = Program::script("job", &sql);
    let running = program.start();
    // The job has begun when its first connection is there.
    drop(silent.accept().unwrap());
    running.signal("INT");
    running.wait().code(0).prints("").says(&["[INFO] stopping"]);
}

#[test]
fn an_interrupt_also_ends_the_script() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    produce(&cluster, &topic, &["a"]);
    let sql = "SET 'table.dml-sync' = 'true';\n".to_owned()
        + &job(&cluster, &topic, "v FROM src")
        + "INSERT INTO p SELECT 'never' FROM src;\n";
    run_until(&sql, 1).code(0).prints("+I[a]\n");
}

/// Every first answer to OffsetCommit says that the group may not be written. The body ends with the partition, its error, and
/// three empty lists of tagged fields.
fn refuse_a_group(number: i16, frame: &mut [u8]) {
    static REFUSED: AtomicBool = AtomicBool::new(false);
    const GROUP_AUTHORIZATION_FAILED: i16 = 30;
    if number == api::OFFSET_COMMIT
        && !REFUSED.swap(true, Ordering::SeqCst)
        && let Some(at) = frame.len().checked_sub(5)
    {
        frame[at..at + 2].copy_from_slice(&GROUP_AUTHORIZATION_FAILED.to_be_bytes());
    }
}

#[test]
fn progress_that_a_group_refuses_is_stored_in_the_users() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    produce(&cluster, &topic, &["a"]);
    let hostile = Hostile::start(cluster.bootstrap(), refuse_a_group);
    let sql = job(&cluster, &topic, "v FROM src")
        .replace(cluster.bootstrap(), &hostile.bootstrap())
        .replace("'format'", "'properties.group.id' = 'mine', 'format'");
    run_until(&sql, 1)
        .code(0)
        .says(&["no permission for group 'brooklet.job.p'", "kept in group 'mine'"]);
    let committed = cluster.committed("mine", &topic);
    assert!(committed[&0].metadata.contains("job.p"), "{committed:?}");
}

/// As [`refuse_a_group`], every answer.
fn refuse_groups(number: i16, frame: &mut [u8]) {
    const GROUP_AUTHORIZATION_FAILED: i16 = 30;
    if number == api::OFFSET_COMMIT
        && let Some(at) = frame.len().checked_sub(5)
    {
        frame[at..at + 2].copy_from_slice(&GROUP_AUTHORIZATION_FAILED.to_be_bytes());
    }
}

#[test]
fn a_job_that_may_store_no_progress_does_not_say_that_it_goes_on() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    produce(&cluster, &topic, &["a"]);
    let hostile = Hostile::start(cluster.bootstrap(), refuse_groups);
    let sql =
        job(&cluster, &topic, "v FROM src").replace(cluster.bootstrap(), &hostile.bootstrap());
    run_until(&sql, 1).code(0).says(&[
        "no permission for group 'brooklet.job.p': the job keeps no progress",
        "its next start begins anew",
    ]);
}

#[test]
fn a_job_that_is_over_leaves_no_progress_in_topics_it_no_longer_reads() {
    let cluster = Cluster::embedded();
    let (old, new) = (cluster.topic("old", 1), cluster.topic("new", 1));
    produce(&cluster, &old, &["a"]);
    produce(&cluster, &new, &["b"]);
    run_until(&job(&cluster, &format!("{old};{new}"), "v FROM src"), 2).code(0);
    let bounded = job(&cluster, &new, "v FROM src").replace(ENDLESS, ALL);
    Program::script("job", &bounded)
        .run()
        .code(0)
        .prints("")
        .says(&["its progress there is left out"]);
    Program::script("job", &bounded).run().code(0).prints("+I[b]\n");
}
