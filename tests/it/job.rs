//! `brooklet job`: progress of jobs that ran, without their scripts.

use crate::support::{Cluster, Ended, Program};
use brooklet_kafka::CommittedOffset;

fn job(cluster: &Cluster, args: &[&str]) -> Ended {
    Program::new(&[&["job"], args, &["-b", cluster.bootstrap()]].concat()).run()
}

/// A job that copies `input` to `output` until it is stopped, and a text that shows how far it came.
fn copy(cluster: &Cluster, name: &str, input: &str, output: &str, guarantee: &str) -> Program {
    let server = cluster.bootstrap();
    let table = |table: &str, topic: &str, options: &str| {
        format!(
            "CREATE TABLE {table} (n BIGINT) WITH ('connector' = 'kafka', 'topic' = '{topic}', 'format' = 'json', \
             'properties.bootstrap.servers' = '{server}'{options});\n"
        )
    };
    let sql = format!(
        "SET 'pipeline.name' = '{name}';\nSET 'execution.checkpointing.interval' = '50 ms';\n{}{}\
         INSERT INTO d SELECT n FROM s;\n",
        table("s", input, ", 'scan.startup.mode' = 'earliest-offset'"),
        table(
            "d",
            output,
            &format!(
                ", 'sink.delivery-guarantee' = '{guarantee}', 'sink.transactional-id-prefix' = '{name}'"
            )
        ),
    );
    Program::script("job", &sql)
}

fn runs_and_stops(cluster: &Cluster, program: &Program, output: &str, rows: usize) {
    let mut running = program.start();
    while cluster.values(output).len() < rows {
        assert!(running.ended().is_none(), "{}", running.stderr());
    }
    running.signal("INT");
    running.wait().code(0);
}

fn progress_is_shown_and_forgotten(cluster: &Cluster, guarantee: &str) {
    let (input, output) = (cluster.topic("in", 2), cluster.topic("out", 1));
    let name = Cluster::unique("copied");
    cluster.produce_lines(&input, &["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"]);
    let program = copy(cluster, &name, &input, &output, guarantee);
    job(cluster, &["progress", &name])
        .code(4)
        .says(&["has no progress here, or this principal may not see it"])
        .prints("");
    runs_and_stops(cluster, &program, &output, 3);
    cluster.produce_lines(&input, &["{\"n\":4}"]);
    let listed = job(cluster, &["list"]);
    let line = listed.code(0).stdout.lines().find(|line| line.starts_with(&name)).unwrap();
    assert!(line.contains(guarantee) && line.ends_with("2  resumable"), "{line}");
    let shown = job(cluster, &["progress", &name]);
    shown.code(0).shows(&[&format!("job: {name}\nguarantee: {guarantee}\n"), "state: resumable\n"]);
    let row =
        shown.stdout.lines().find(|line| line.contains(&format!("{input}          0"))).unwrap();
    let numbers: Vec<&str> = row.split_whitespace().collect();
    assert_eq!(numbers, ["s", &input, "0", "3", "4", "1"], "{}", shown.stdout);
    let typo = format!("{name}x");
    job(cluster, &["reset", &typo]).code(4).says(&[&format!("did you mean '{name}'?")]);
    let dry = job(cluster, &["reset", &name, "--dry-run"]);
    dry.code(0).shows(&["would forget progress of job", "2 partition(s)"]);
    job(cluster, &["reset", &name]).code(0).shows(&[&format!("forgot progress of job '{name}'")]);
    // Reads everything once more, and the fourth record.
    runs_and_stops(cluster, &program, &output, 3 + 4);
}

#[test]
fn progress_is_shown_and_forgotten_on_the_dev_broker() {
    let cluster = Cluster::embedded();
    for guarantee in ["at-least-once", "exactly-once"] {
        progress_is_shown_and_forgotten(&cluster, guarantee);
    }
}

#[test]
fn progress_is_shown_and_forgotten_on_kafka() {
    let Some(cluster) = Cluster::apache() else { return };
    for guarantee in ["at-least-once", "exactly-once"] {
        progress_is_shown_and_forgotten(&cluster, guarantee);
    }
}

/// A run that goes on after its progress was reset ends, and does not bring it back.
fn a_running_job_is_fenced(cluster: &Cluster) {
    let (input, output) = (cluster.topic("in", 1), cluster.topic("out", 1));
    let name = Cluster::unique("fenced");
    cluster.produce_lines(&input, &["{\"n\":1}", "{\"n\":2}"]);
    let program = copy(cluster, &name, &input, &output, "exactly-once");
    let running = program.start();
    while cluster.read_committed(&output).len() < 2 {
        std::thread::yield_now();
    }
    job(cluster, &["reset", &name]).code(0).shows(&[&format!("forgot progress of job '{name}'")]);
    // What comes now is of an epoch that is never committed.
    cluster.produce_lines(&input, &["{\"n\":3}"]);
    running.wait().code(4).says(&[&format!("the progress of job '{name}' was reset while it ran")]);
    assert_eq!(cluster.read_committed(&output).len(), 2);
    let running = program.start();
    while cluster.read_committed(&output).len() < 2 + 3 {
        std::thread::yield_now();
    }
    running.signal("INT");
    running.wait().code(0);
}

#[test]
fn a_running_job_is_fenced_on_the_dev_broker() {
    a_running_job_is_fenced(&Cluster::embedded());
}

#[test]
fn a_running_job_is_fenced_on_kafka() {
    if let Some(cluster) = Cluster::apache() {
        a_running_job_is_fenced(&cluster);
    }
}

/// Jobs without a grant for groups of their own keep their progress in the user's group.
#[test]
fn progress_in_a_group_of_the_user_is_listed() {
    let cluster = Cluster::embedded();
    let (input, group) = (cluster.topic("in", 1), Cluster::unique("users"));
    let mut committed = CommittedOffset::new(7);
    committed.metadata = "brooklet/1 epoch=5 scan=s job=of a user".to_owned();
    cluster.commit_with(&group, &input, &[(0, committed)]);
    cluster.commit(&Cluster::unique("others"), &input, &[(0, 3)]);
    let shown = job(&cluster, &["progress", "of a user"]);
    shown.code(0).shows(&["epoch: 5\n", &format!("kept in: group '{group}'\n")]);
    let reset = job(&cluster, &["reset", "of a user"]);
    reset.code(0).says(&["that is not stopped stores its progress", &group]);
    assert_eq!(cluster.committed(&group, &input)[&0].metadata, "");
}

#[test]
fn a_cluster_without_jobs_has_an_empty_list() {
    let listed = job(&Cluster::embedded(), &["list"]);
    listed.code(0).prints("job  guarantee  epoch  partitions  state\n");
}
