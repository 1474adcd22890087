//! Jobs that work: results, options, stopping, going on.

use super::script::{ALL, ENDLESS, JSON, kafka, print, produce, row};
use crate::support::{Cluster, Program, Rec};
use std::time::Duration;

/// The rows that the README promises.
const QUICKSTART: &str =
    "+I[995, 1495]\n+I[996, 1496]\n+I[997, 1497]\n+I[998, 1498]\n+I[999, 1499]\n+I[1000, 1500]\n";

#[test]
fn the_quickstart_prints_what_the_readme_says() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/quickstart.sql");
    let ended = Program::new(&["run", "--dev-broker", script]).run();
    ended.code(0).prints(QUICKSTART).says(&["embedded broker at 127.0.0.1:"]);
    // Without optimisation on a loaded machine; optimised it takes less than two.
    assert!(ended.took < Duration::from_secs(10), "{:?}", ended.took);
}

#[test]
fn a_script_comes_from_standard_input() {
    let sql =
        "CREATE TABLE g (a INT) WITH ('connector' = 'datagen', 'fields.a.kind' = 'sequence',\n\
               'fields.a.start' = '1', 'fields.a.end' = '3');\n"
            .to_owned()
            + &print("p", "a INT")
            + "INSERT INTO p SELECT a FROM g;\n";
    Program::new(&["run", "-"]).stdin(&sql).run().code(0).prints("+I[1]\n+I[2]\n+I[3]\n");
}

#[test]
fn a_statement_set_is_one_job() {
    let cluster = Cluster::embedded();
    let (input, even, odd) =
        (cluster.topic("in", 2), cluster.topic("even", 1), cluster.topic("odd", 1));
    let records: Vec<Rec> = (0..100)
        .map(|n| Rec { partition: n % 2, ..Rec::value(format!(r#"{{"n":{n}}}"#)) })
        .collect();
    cluster.produce(&input, &records);
    let sql = kafka("src", "n INT", &input, &cluster, &format!("{ALL}, 'format' = 'json'"))
        + &kafka("even", "n INT", &even, &cluster, "'format' = 'json'")
        + &kafka("odd", "n INT", &odd, &cluster, "'format' = 'json'")
        + "EXECUTE STATEMENT SET BEGIN\n\
           INSERT INTO even SELECT n FROM src WHERE n < 50;\n\
           INSERT INTO odd SELECT n FROM src WHERE n >= 50;\nEND;\n";
    let ended = Program::script("set", &sql).run();
    // 100 in, not 200: the table is read once for both.
    ended.code(0).says(&["job 'set.even+odd': 100 records in", "100 records out"]);
    let numbers = |topic| {
        let mut values = cluster.values(topic);
        values.sort_by_key(String::len);
        values.len()
    };
    assert_eq!((numbers(&even), numbers(&odd)), (50, 50));
}

#[test]
fn a_job_that_fails_beside_a_statement_is_told() {
    let sql = "CREATE TABLE p (id BIGINT) WITH ('connector' = 'print');
        CREATE TABLE s (v STRING) WITH ('connector' = 'datagen', 'number-of-rows' = '5');
        INSERT INTO p SELECT CAST('x' || v AS BIGINT) FROM s;
        INSERT INTO nowhere SELECT 1;";
    Program::script("f", sql)
        .run()
        .code(3)
        .says(&["[WARN] job 'f.p' failed: cannot cast 'x", "error: object 'nowhere' not found"]);
}

#[test]
fn options_come_from_the_command_line() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    produce(&cluster, &topic, &["x"]);
    let sql = kafka("t", "v STRING", &topic, &cluster, &format!("{ALL}, {JSON}"))
        + &print("p", "v STRING")
        + "INSERT INTO p SELECT v FROM t;\n";
    let program = Program::script("job", &sql).arg("-D").arg("pipeline.name=renamed");
    program.run().code(0).says(&["job 'renamed': 1 records in"]);
    let zone =
        Program::script("zone", "SET;\n").arg("-D").arg("table.local-time-zone=Asia/Tokyo").run();
    zone.code(0);
    assert!(zone.stdout.contains("Asia/Tokyo"), "{}", zone.stdout);
    let wrong =
        Program::script("zone", "SET;\n").arg("-D").arg("table.local-time-zone=Mars/Base").run();
    wrong.code(3).says(&["Mars/Base"]);
}

#[test]
fn the_environment_is_expanded_in_options() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    produce(&cluster, &topic, &["${env:WHERE}"]);
    let sql = kafka("t", "v STRING", "${env:WHERE}", &cluster, &format!("{ALL}, {JSON}"))
        + &print("p", "v STRING")
        + "INSERT INTO p SELECT v FROM t;\n";
    let program = Program::script("job", &sql);
    program.run().code(3).says(&["WHERE"]);
    // Data is never expanded.
    program.env("WHERE", &topic).run().code(0).prints("+I[${env:WHERE}]\n");
}

#[test]
fn dml_sync_waits_at_its_place() {
    let cluster = Cluster::embedded();
    let (first, second) = (cluster.topic("in", 1), cluster.topic("out", 1));
    produce(&cluster, &first, &["a", "b"]);
    let sql = "SET 'table.dml-sync' = 'true';\n".to_owned()
        + &kafka("table_a", "v STRING", &first, &cluster, &format!("{ALL}, {JSON}"))
        + &kafka("table_b", "v STRING", &second, &cluster, &format!("{ALL}, {JSON}"))
        + &print("p", "v STRING")
        + "INSERT INTO table_b SELECT v FROM table_a;\nINSERT INTO p SELECT v FROM table_b;\n";
    Program::script("job", &sql).run().code(0).prints("+I[a]\n+I[b]\n");
}

#[test]
fn print_rows_carry_their_identifier() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    produce(&cluster, &topic, &["x"]);
    let sql = kafka("t", "v STRING", &topic, &cluster, &format!("{ALL}, {JSON}"))
        + "CREATE TABLE p (v STRING) WITH ('connector' = 'print', 'print-identifier' = 'here');\n\
           INSERT INTO p SELECT v FROM t;\n";
    Program::script("job", &sql).run().code(0).prints("here> +I[x]\n");
}

#[test]
fn select_prints_a_table() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    produce(&cluster, &topic, &["x", "y"]);
    let sql =
        kafka("t", "v STRING", &topic, &cluster, &format!("{ALL}, {JSON}")) + "SELECT v FROM t;\n";
    Program::script("job", &sql).run().code(0).prints(
        "+----+--------------------------------+\n\
         | op |                              v |\n\
         +----+--------------------------------+\n\
         | +I |                              x |\n\
         | +I |                              y |\n\
         +----+--------------------------------+\n\
         Received a total of 2 rows\n",
    );
    let batch = "SET 'execution.runtime-mode' = 'batch';\n".to_owned() + &sql;
    let ended = Program::script("job", &batch).run();
    ended.code(0);
    assert!(ended.stdout.ends_with("2 rows in set\n"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("op"), "{}", ended.stdout);
}

#[test]
fn a_missing_sink_topic_is_created() {
    let cluster = Cluster::embedded();
    let (input, output) = (cluster.topic("in", 1), Cluster::unique("out"));
    produce(&cluster, &input, &["x"]);
    let sql = kafka("src", "v STRING", &input, &cluster, &format!("{ALL}, {JSON}"))
        + &kafka("sink", "v STRING", &output, &cluster, JSON)
        + "INSERT INTO sink SELECT v FROM src;\n";
    Program::script("job", &sql).run().code(0);
    assert_eq!(cluster.values(&output), [row("x")]);
}

/// An unbounded job from one topic to standard output.
fn endless(cluster: &Cluster, topic: &str) -> String {
    kafka("t", "v STRING", topic, cluster, &format!("{ENDLESS}, {JSON}"))
        + &print("p", "v STRING")
        + "INSERT INTO p SELECT v FROM t;\n"
}

#[test]
fn the_first_interrupt_drains() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    for signal in ["INT", "TERM"] {
        produce(&cluster, &topic, &["a", "b"]);
        let program = Program::script("job", &endless(&cluster, &topic));
        let running = program.start();
        running.until_stdout("second row", |text| text.contains("+I[b]\n"));
        running.signal(signal);
        running.wait().code(0).prints("+I[a]\n+I[b]\n").says(&["its next start goes on from here"]);
    }
}

#[test]
fn a_second_signal_stops_at_once() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let cluster = Cluster::embedded();
        let topic = cluster.topic("in", 1);
        produce(&cluster, &topic, &["a"]);
        let program = Program::script("job", &endless(&cluster, &topic));
        let running = program.start();
        running.until_stdout("row", |text| text.contains("+I[a]\n"));
        // Without a broker nothing can be committed: the drain waits.
        drop(cluster);
        running.signal(signal);
        running.until_stderr("stopping");
        running.signal(signal);
        running.wait().code(code);
    }
}

#[test]
fn fresh_starts_over_and_a_plain_start_goes_on() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    let program = Program::script("job", &endless(&cluster, &topic));
    let stop_after = |program: &Program, last: &str, rows: &str| {
        let running = program.start();
        running.until_stdout(last, |text| text.contains(&format!("+I[{last}]\n")));
        running.signal("INT");
        running.wait().code(0).prints(rows);
    };
    produce(&cluster, &topic, &["a", "b"]);
    stop_after(&program, "b", "+I[a]\n+I[b]\n");
    assert_eq!(cluster.committed("brooklet.job.p", &topic)[&0].offset, 2);
    produce(&cluster, &topic, &["c"]);
    stop_after(&program, "c", "+I[c]\n");
    stop_after(&program.arg("--fresh"), "c", "+I[a]\n+I[b]\n+I[c]\n");
}

#[test]
fn what_was_committed_before_a_kill_is_not_read_again() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    let sql = "SET 'execution.checkpointing.interval' = '50 ms';\n".to_owned()
        + &endless(&cluster, &topic);
    let program = Program::script("job", &sql);
    produce(&cluster, &topic, &["a", "b"]);
    let running = program.start();
    running.until_stdout("second row", |text| text.contains("+I[b]\n"));
    let patience = std::time::Instant::now();
    while cluster.committed("brooklet.job.p", &topic).get(&0).map(|offset| offset.offset) != Some(2)
    {
        assert!(
            patience.elapsed() < Duration::from_secs(30),
            "nothing committed: {}",
            running.stderr()
        );
        std::thread::yield_now();
    }
    running.kill();
    produce(&cluster, &topic, &["c"]);
    let running = program.start();
    running.until_stdout("third row", |text| text.contains("+I[c]\n"));
    running.signal("INT");
    running.wait().code(0).prints("+I[c]\n");
}

#[test]
fn a_closed_pipe_ends_the_program_well() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    produce(&cluster, &topic, &["a"]);
    let program = Program::script("job", &endless(&cluster, &topic));
    // There is no second row that would find the pipe closed.
    program.start_and_read_a_line().wait().code(0).says(&["standard output was closed"]);
    // It counts as an interrupt: what was read is committed.
    assert!(cluster.committed("brooklet.job.p", &topic)[&0].offset > 0);
}

#[test]
fn batch_mode_wants_tables_that_end() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    let batch = "SET 'execution.runtime-mode' = 'batch';\n".to_owned();
    let table = |options: &str| kafka("t", "v STRING", &topic, &cluster, options);
    let endless = batch.clone() + &table(&format!("{ENDLESS}, {JSON}")) + "SELECT * FROM t;\n";
    Program::script("endless", &endless).run().code(3).says(&[
        "querying an unbounded table 'default_catalog.default_database.t' in batch mode is not allowed",
        "hint: give the table an end",
    ]);
    let bounded = batch + &table(&format!("{ALL}, {JSON}")) + "SELECT * FROM t;\n";
    Program::script("bounded", &bounded).run().code(0);
}
