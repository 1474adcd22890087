//! The contract of the command line: exit codes, streams, and what is refused.

use crate::support::Program;
use std::time::{Duration, Instant};

#[test]
fn help_and_version_go_to_standard_output() {
    let ended = Program::new(&["--version"]).run();
    ended.code(0).prints(concat!("brooklet ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(ended.stderr, "");
    for args in [&["--help"][..], &["help"], &["run", "--help"], &["topic", "consume", "--help"]] {
        let ended = Program::new(args).run();
        ended.code(0);
        assert!(ended.stdout.contains("Usage: brooklet"), "{args:?}: {}", ended.stdout);
        assert_eq!(ended.stderr, "", "{args:?}");
    }
}

#[test]
fn wrong_use_goes_to_standard_error() {
    for (args, part) in [
        (&["frobnicate"][..], "frobnicate"),
        (&["--nonsense"], "--nonsense"),
        (&["run"], "FILE"),
        (&["run", "a", "b"], "'b'"),
        (&["run", "-D", "x", "-"], "key=value"),
        (&["-c"], "SQL"),
        (&["-c", "SELECT 1", "--format", "xml"], "xml"),
        (&["-c", "SELECT 1", "run", "x.sql"], "run"),
        (&["check", "x", "--format", "csv"], "csv"),
        (&["topic"], "Usage"),
        (&["topic", "list"], "--bootstrap-server"),
        (&["broker", "--listen", "nowhere"], "HOST:PORT"),
        (&["completions", "cmd"], "cmd"),
    ] {
        let ended = Program::new(args).run();
        ended.code(2).says(&[part]).prints("");
    }
}

#[test]
fn a_script_without_a_command_is_understood() {
    let program = Program::new(&["job.sql"]);
    std::fs::write(program.path("job.sql"), "SHOW TABLES;").unwrap();
    program.run().code(2).says(&["hint: brooklet run job.sql"]).prints("");
}

#[test]
fn completions_are_scripts() {
    for (shell, part) in
        [("bash", "complete -F"), ("zsh", "#compdef brooklet"), ("fish", "complete -c brooklet")]
    {
        let ended = Program::new(&["completions", shell]).run();
        ended.code(0);
        assert!(ended.stdout.contains(part) && ended.stdout.contains("dev-broker"), "{shell}");
    }
}

/// Locale and home are the user's business: results are the same, and nothing has to be written.
#[test]
fn the_environment_does_not_matter() {
    let sql = "CREATE TABLE t (a DOUBLE, s STRING) WITH ('connector' = 'datagen', 'number-of-rows' = '1');\n\
               SELECT 1234567.5e0 AS a, 'grüße' AS s, CAST(0.25 AS STRING) AS c FROM t;\n";
    let expected = "{\"op\":\"+I\",\"a\":1234567.5,\"s\":\"grüße\",\"c\":\"0.25\"}\n";
    for (name, value) in
        [("LC_ALL", "C"), ("LANG", "de_DE.UTF-8"), ("LC_NUMERIC", "de_DE"), ("HOME", "/nowhere")]
    {
        let program = Program::new(&["--format", "json", "-c", sql]).env(name, value);
        program.run().code(0).prints(expected);
    }
}

#[test]
fn a_time_zone_that_is_unknown_is_named() {
    let sql = "CREATE TABLE t (a INT) WITH ('connector' = 'datagen', 'number-of-rows' = '1'); SELECT a FROM t;";
    let ended = Program::new(&["-c", sql]).env("TZ", "Mars/Olympus").run();
    ended.code(3).says(&["Mars/Olympus", "hint: "]);
}

#[test]
fn scripts_that_are_no_scripts() {
    let program = Program::new(&["run", "job.sql"]);
    // With the mark that editors of Windows leave, and their line ends.
    std::fs::write(program.path("job.sql"), "\u{feff}SHOW TABLES;\r\nSHOW TABLES\r\n").unwrap();
    program.run().code(0).prints("Empty set\nEmpty set\n");
    std::fs::write(program.path("job.sql"), b"SHOW TABLES;\n-- \xff\n").unwrap();
    program.run().code(2).says(&["line 2 is not UTF-8"]).prints("");
    std::fs::write(program.path("job.sql"), "").unwrap();
    program.run().code(0).prints("");
    std::fs::write(program.path("job.sql"), "-- nothing\n;;\n").unwrap();
    let ended = program.run();
    assert!(matches!(ended.code, Some(0 | 3)), "{ended:?}");
    Program::new(&["run", "."]).run().code(2).says(&["cannot read script '.'"]);
}

#[test]
fn a_huge_script_is_read_to_its_end() {
    let filler = "-- a comment that fills the script up to more than sixteen mebibytes of text\n";
    let mut sql = filler.repeat((17 << 20) / filler.len() + 1);
    sql.push_str("SHOW TABLES;\n");
    let program = Program::new(&["run", "job.sql"]);
    std::fs::write(program.path("job.sql"), &sql).unwrap();
    program.run().code(0).prints("Empty set\n");
}

#[test]
fn many_statements_are_checked_fast() {
    let mut sql = String::from(
        "CREATE TABLE s (a INT) WITH ('connector' = 'datagen');\nCREATE TABLE p (a INT) WITH ('connector' = 'print');\n",
    );
    for n in 0..1_000 {
        sql.push_str(&format!("INSERT INTO p\nSELECT a + {n} FROM s;\n"));
    }
    let program = Program::new(&["check", "--offline", "job.sql"]);
    std::fs::write(program.path("job.sql"), &sql).unwrap();
    let started = Instant::now();
    program.run().code(0).prints("job.sql: 1002 statements, 0 refused\n");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn nobody_reads_the_output() {
    let sql = "CREATE TABLE t (a INT) WITH ('connector' = 'datagen', 'rows-per-second' = '100000'); SELECT a FROM t;";
    for args in
        [&["-c", sql][..], &["-c", sql, "--format", "json"], &["completions", "bash"], &["--help"]]
    {
        let ended = Program::new(args).start_and_close_stdout().wait();
        ended.code(0);
        assert!(!ended.stderr.contains("error"), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn a_signal_ends_an_endless_query_with_its_footer() {
    let sql = "CREATE TABLE t (a INT) WITH ('connector' = 'datagen', 'rows-per-second' = '100'); SELECT a FROM t;";
    for signal in ["INT", "TERM"] {
        let running = Program::new(&["-c", sql]).start();
        running.until_stdout("row", |text| text.contains("| +I |"));
        running.signal(signal);
        let ended = running.wait();
        ended.code(0);
        assert!(
            ended.stdout.contains("\nQuery terminated, received a total of "),
            "{}",
            ended.stdout
        );
    }
}
