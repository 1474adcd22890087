//! What a job is known by beside its name: where it writes, and which of the statements with that name it is.

use super::script::{ENDLESS, JSON, kafka, produce};
use crate::support::{Cluster, Ended, Program};

const EXACT: &str =
    "'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'identity'";

/// Tables `src` and `dst`, and these statements.
fn script(cluster: &Cluster, topics: [&str; 2], sink: &str, statements: &[&str]) -> String {
    let [from, to] = topics;
    let tables = kafka("src", "v STRING", from, cluster, &format!("{ENDLESS}, {JSON}"))
        + &kafka("dst", "v STRING", to, cluster, &format!("{JSON}{sink}"));
    let inserts =
        statements.iter().map(|query| format!("INSERT INTO dst SELECT {query} FROM src;\n"));
    tables + &inserts.collect::<String>()
}

fn values(cluster: &Cluster, topic: &str) -> Vec<String> {
    let mut values = cluster.values(topic);
    values.sort();
    values
}

/// Runs until the sink has as many values, then stops.
fn run_until(cluster: &Cluster, program: &Program, sink: &str, count: usize) -> Ended {
    let running = program.start();
    while cluster.values(sink).len() < count {
        std::thread::yield_now();
    }
    running.signal("INT");
    running.wait()
}

#[test]
fn a_job_that_writes_elsewhere_is_another_one() {
    for sink in ["", EXACT] {
        let sink = if sink.is_empty() { String::new() } else { format!(", {sink}") };
        let cluster = Cluster::embedded();
        let (from, to, other) =
            (cluster.topic("in", 1), cluster.topic("out", 1), cluster.topic("other", 1));
        produce(&cluster, &from, &["a"]);
        let first = Program::script("job", &script(&cluster, [&from, &to], &sink, &["v"]));
        run_until(&cluster, &first, &to, 1).code(0);
        let elsewhere = script(&cluster, [&from, &other], &sink, &["v"]);
        let elsewhere = Program::script("job", &elsewhere);
        let running = first.start();
        running.until_stderr("resuming 'src' from epoch");
        elsewhere.run().code(3).says(&[
            &format!(
                "error: job 'job.dst' has the progress of one that writes to topic '{to}', and this one writes to '{other}'"
            ),
            "--> job.sql:",
            "hint: start over with --fresh, or give the changed job a name of its own: SET 'pipeline.name' = '…'",
        ]);
        // The other one does not notice, and an edited statement goes on.
        produce(&cluster, &from, &["b"]);
        while cluster.values(&to).len() < 2 {
            std::thread::yield_now();
        }
        running.signal("INT");
        running.wait().code(0);
        produce(&cluster, &from, &["c"]);
        let edited = script(&cluster, [&from, &to], &sink, &["UPPER(v)"]);
        run_until(&cluster, &Program::script("job", &edited), &to, 3).code(0);
        assert_eq!(values(&cluster, &to), [r#"{"v":"C"}"#, r#"{"v":"a"}"#, r#"{"v":"b"}"#]);
        assert!(values(&cluster, &other).is_empty());
        run_until(&cluster, &elsewhere.arg("--fresh"), &other, 3).code(0);
    }
}

#[test]
fn a_new_statement_does_not_take_the_progress_of_one_behind_it() {
    let cluster = Cluster::embedded();
    let (from, to) = (cluster.topic("in", 1), cluster.topic("out", 1));
    produce(&cluster, &from, &["a", "b"]);
    let program = |statements: &[&str]| {
        Program::script("job", &script(&cluster, [&from, &to], "", statements))
    };
    let (old, new) = ("CONCAT('old ', v)", "CONCAT('new ', v)");
    run_until(&cluster, &program(&[old]), &to, 2).code(0);
    let refused = program(&[new, old]).run();
    refused.code(3).says(&[
        "error: job 'job.dst' has the progress of another statement of the script",
        "--> job.sql:",
        "hint: put new statements behind those that there were",
        "SET 'pipeline.name' = 'job.dst' where this progress belongs",
    ]);
    // Nor did the one behind it begin anew.
    assert_eq!(values(&cluster, &to).len(), 2, "{}", refused.stderr);
    produce(&cluster, &from, &["c"]);
    run_until(&cluster, &program(&[old, new]), &to, 6).code(0);
    let expected = ["new a", "new b", "new c", "old a", "old b", "old c"];
    let expected = expected.map(|v| format!(r#"{{"v":"{v}"}}"#));
    assert_eq!(values(&cluster, &to), expected);
    // The first one goes, and the second one would be first.
    program(&[new]).run().code(3).says(&["may have the progress of another statement"]);
    // Under its own name it goes on.
    let named = |name: &str, query: &str| {
        let all = script(&cluster, [&from, &to], "", &[query]);
        Program::script("job", &format!("SET 'pipeline.name' = '{name}';\n{all}"))
    };
    produce(&cluster, &from, &["d"]);
    run_until(&cluster, &named("job.dst", old), &to, 7).code(0);
    assert_eq!(values(&cluster, &to).last().unwrap(), r#"{"v":"old d"}"#);
}
