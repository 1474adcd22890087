//! The SQL shell on a terminal, `-c`, and statements from standard input.

use crate::run::{ENDLESS as FROM_START, JSON, kafka};
use crate::support::{Cluster, Program, Terminal};

/// A table of the numbers 1 to 3.
const THREE: &str = "CREATE TABLE three (n INT) WITH ('connector' = 'datagen', 'fields.n.kind' = 'sequence', \
                     'fields.n.start' = '1', 'fields.n.end' = '3');";

/// A table without end.
const ENDLESS: &str =
    "CREATE TABLE endless (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '200');";

const PROMPT: &str = "brooklet> ";

impl Terminal {
    /// Enters a statement and waits for these texts in turn, then for the prompt.
    #[track_caller]
    fn answers(&mut self, statement: &str, texts: &[&str]) {
        self.enters(statement);
        for text in texts.iter().chain(&[PROMPT]) {
            self.sees(text);
        }
    }
}

/// The shell with `three` and `endless`, at its prompt.
fn shell(args: &[&str]) -> Terminal {
    let args: Vec<&str> = [&["-i", "init.sql"], args].concat();
    let mut terminal = Terminal::start(&args, &[("init.sql", &format!("{THREE}\n{ENDLESS}\n"))]);
    terminal.sees(PROMPT);
    terminal
}

#[test]
fn a_query_prints_as_in_flinks_client() {
    let mut shell = shell(&[]);
    shell.enters("SELECT n FROM three;");
    let text = shell.sees("Received a total of 3 rows");
    for part in ["| op |", "| +I |", "          1 |", "          3 |"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    shell.sees(PROMPT);
    shell.enters("SET 'execution.runtime-mode' = 'batch';");
    shell.sees("[INFO] Execute statement succeeded.");
    shell.answers("SELECT n FROM three;", &["3 rows in set"]);
    // Ctrl-D
    shell.types("\x04");
    assert_eq!(shell.ends().code(), Some(0));
}

#[test]
fn a_long_result_stops_after_each_page() {
    let mut shell = shell(&[]);
    shell.enters("SET 'execution.runtime-mode' = 'batch';");
    shell.sees(PROMPT);
    let rows: Vec<String> = (1..=200).map(|n| format!("({n})")).collect();
    shell.enters(&format!("SELECT n FROM (VALUES {}) AS t (n);", rows.join(", ")));
    let text = shell.sees("-- more: ");
    assert!(text.contains("|          36 |") && !text.contains("|          37 |"), "{text}");
    shell.types("\r");
    let text = shell.sees("-- more: ");
    assert!(text.contains("|          37 |") && !text.contains("|          38 |"), "{text}");
    shell.types(" ");
    assert!(shell.sees("-- more: ").contains("|          76 |"));
    shell.types("q");
    shell.sees(PROMPT);
    shell.answers("SELECT n FROM (VALUES (1)) AS t (n);", &["1 row in set"]);
}

#[test]
fn statements_may_span_lines() {
    let mut shell = shell(&[]);
    shell.enters("SELECT n -- the number;");
    shell.enters("FROM three");
    shell.enters("WHERE n = 2;");
    let text = shell.sees("Received a total of 1 row");
    assert!(text.contains("| +I |           2 |"), "{text}");
    shell.sees(PROMPT);
    shell.enters("quit");
    assert_eq!(shell.ends().code(), Some(0));
}

#[test]
fn what_is_no_text_leaves_the_shell() {
    let mut shell = shell(&[]);
    shell.presses(b"SELECT '\xff");
    shell.sees("error: what was typed is not UTF-8");
    shell.sees(PROMPT);
    shell.answers("SELECT n FROM three WHERE n = 2;", &["Received a total of 1 row"]);
}

#[test]
fn ctrl_c_stops_the_query_and_not_the_shell() {
    let mut shell = shell(&[]);
    shell.enters("SELECT n FROM endless;");
    // The head is there before the first row.
    shell.sees("| op |");
    shell.sees("| +I |");
    shell.types("\x03");
    shell.sees("Query terminated, received a total of ");
    shell.sees(PROMPT);
    shell.answers("SELECT n FROM three;", &["Received a total of 3 rows"]);
    // What was typed is forgotten.
    shell.types("SELECT nonsense\x03");
    shell.sees(PROMPT);
    shell.answers("SHOW TABLES;", &["endless", "2 rows in set"]);
    shell.enters("EXIT;");
    assert_eq!(shell.ends().code(), Some(0));
}

#[test]
fn errors_point_into_the_statement_that_is_wrong() {
    let mut shell = shell(&[]);
    shell.answers(
        "SELECT * FROM thre;",
        &[
            "error: object 'thre' not found",
            "--> shell:1:15",
            "^^^^",
            "hint: did you mean 'three'?",
        ],
    );
    // The mistake is in an earlier statement.
    shell.answers(
        "CREATE TABLE t (a INT) WITH ('connector' = 'datagen', 'number-of-row' = '1');",
        &["succeeded"],
    );
    shell.answers(
        "SELECT * FROM t;",
        &[
            "error: unknown option 'number-of-row'",
            "--> shell:1:55",
            "CREATE TABLE t",
            "did you mean 'number-of-rows'?",
        ],
    );
}

#[test]
fn an_insert_runs_beside_the_prompt() {
    let mut shell = shell(&[]);
    shell.answers("CREATE TABLE hole (n BIGINT) WITH ('connector' = 'blackhole');", &["succeeded"]);
    shell.answers("INSERT INTO hole SELECT n FROM endless;", &["[INFO] job 'sql.hole' runs"]);
    // A query does not wait for the job, and a stopped query leaves the job alone.
    shell.answers("SELECT n FROM three;", &["Received a total of 3 rows"]);
    shell.enters("SELECT n FROM endless;");
    shell.sees("| +I |");
    shell.types("\x03");
    shell.sees("Query terminated");
    shell.sees(PROMPT);
    shell.types("\x04");
    shell.sees("[INFO] stopping the jobs of this shell");
    shell.sees("[INFO] job 'sql.hole' was stopped");
    assert_eq!(shell.ends().code(), Some(0));
}

#[test]
fn a_job_can_be_stopped_by_name() {
    let mut shell = shell(&[]);
    shell.answers("CREATE TABLE hole (n BIGINT) WITH ('connector' = 'blackhole');", &["succeeded"]);
    shell.answers("INSERT INTO hole SELECT n FROM endless;", &["[INFO] job 'sql.hole' runs"]);
    shell.answers(
        "STOP JOB 'sql.whole';",
        &["error: no job 'sql.whole' runs here", "hint: these run: sql.hole"],
    );
    shell.enters("STOP JOB 'sql.hole';");
    shell.sees("job 'sql.hole' was stopped");
    shell.enters("quit;");
    assert_eq!(shell.ends().code(), Some(0));
}

#[test]
fn a_job_that_fails_is_told_at_the_prompt() {
    let mut shell = shell(&[]);
    shell.answers("CREATE TABLE hole (n INT) WITH ('connector' = 'blackhole');", &["succeeded"]);
    // It fails after a second, when the prompt is there.
    shell.answers(
        "CREATE TABLE slow (n INT) WITH ('connector' = 'datagen', 'rows-per-second' = '1',
         'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '3');",
        &["succeeded"],
    );
    shell.enters("INSERT INTO hole SELECT 1 / (n - 2) FROM slow;");
    shell.sees("[INFO] job 'sql.hole' runs");
    // Above the prompt, which is drawn again.
    shell.sees("zero");
    shell.sees(PROMPT);
    shell.enters("SELECT n FROM three;");
    shell.sees("Received a total of 3 rows");
}

#[test]
fn term_at_the_prompt_drains_the_jobs_and_ends() {
    let mut shell = shell(&[]);
    shell.answers("CREATE TABLE hole (n BIGINT) WITH ('connector' = 'blackhole');", &["succeeded"]);
    shell.answers("INSERT INTO hole SELECT n FROM endless;", &["[INFO] job 'sql.hole' runs"]);
    shell.signal("TERM");
    shell.sees("was stopped");
    assert_eq!(shell.ends().code(), Some(0));
}

#[test]
fn tab_completes() {
    let mut shell = shell(&[]);
    // A Tab among other characters is pasted text: each waits until what is before it has arrived.
    shell.types("SELECT * FROM thr");
    shell.sees("thr");
    shell.types("\t");
    shell.sees("three");
    shell.answers(" WHERE n > 2;", &["Received a total of 1 row"]);
    shell.types("CREATE TABLE t (a INT) WITH ('connector' = 'datag");
    shell.sees("'datag");
    shell.types("\t");
    shell.sees("'datagen'");
    shell.types(", 'number-o");
    shell.sees("'number-o");
    shell.types("\t");
    shell.sees("number-of-rows");
    shell.types("\x03");
    shell.sees(PROMPT);
}

#[test]
fn the_history_comes_back_and_hides_secrets() {
    let mut shell = shell(&[]);
    shell.answers("SELECT n FROM three;", &["Received a total of 3 rows"]);
    shell.answers("SET 'my.password' = 'hunter2';", &["succeeded"]);
    // Twice up: the query again.
    shell.types("\x1b[A\x1b[A\r");
    shell.sees("Received a total of 3 rows");
    shell.sees(PROMPT);
    shell.types("\x04");
    shell.ends();
    let history = shell.file("state/history");
    assert!(history.contains("SELECT n FROM three;"), "{history}");
    assert!(history.contains("'my.password' = '******'"), "{history}");
    assert!(!history.contains("hunter2"), "{history}");
}

#[test]
fn a_wrong_init_script_ends_the_shell() {
    let mut terminal = Terminal::start(&["-i", "init.sql"], &[("init.sql", "\nSELECT FROM x;\n")]);
    terminal.sees("--> init.sql:2:");
    assert_eq!(terminal.ends().code(), Some(3));
}

#[test]
fn a_command_runs_and_ends() {
    let sql = format!("{THREE} SELECT n FROM three WHERE n < 3; SELECT n FROM three WHERE n = 3");
    let ended = Program::new(&["-c", &sql]).run();
    ended.code(0);
    assert!(ended.stdout.contains("Received a total of 2 rows"), "{}", ended.stdout);
    assert!(ended.stdout.ends_with("Received a total of 1 row\n"), "{}", ended.stdout);
    let ended = Program::new(&["-c", "SELECT 1 FROM nowhere"]).run();
    ended.code(3).prints("").says(&["error: object 'nowhere' not found", "--> -c:1:15"]);
    let ended = Program::new(&["sql", "-c", "SHOW TABLES", "-D", "parallelism.default=none"]).run();
    ended.code(3).says(&["parallelism.default"]);
}

#[test]
fn a_reader_that_goes_ends_a_command() {
    let cluster = Cluster::embedded();
    let topic = cluster.topic("in", 1);
    cluster.produce_lines(&topic, &[r#"{"v":"a"}"#]);
    let query = kafka("t", "v STRING", &topic, &cluster, &format!("{FROM_START}, {JSON}"))
        + "SELECT v FROM t;\n";
    // There is no second row that would find the pipe closed.
    for program in [Program::new(&["-c", &query]), Program::new(&[]).stdin(&query)] {
        program.start_and_read_a_line().wait().code(0).says(&["standard output was closed"]);
    }
}

#[test]
fn results_for_programs() {
    let sql = format!(
        "{THREE} SELECT n, CONCAT('a,', CAST(n AS STRING)) AS `the text` FROM three WHERE n < 3; SHOW TABLES;"
    );
    for (format, mode, expected) in [
        (
            "json",
            "batch",
            "{\"n\":1,\"the text\":\"a,1\"}\n{\"n\":2,\"the text\":\"a,2\"}\n{\"table name\":\"three\"}\n",
        ),
        (
            "json",
            "streaming",
            "{\"op\":\"+I\",\"n\":1,\"the text\":\"a,1\"}\n{\"op\":\"+I\",\"n\":2,\"the text\":\"a,2\"}\n\
             {\"table name\":\"three\"}\n",
        ),
        ("csv", "batch", "n,the text\n1,\"a,1\"\n2,\"a,2\"\ntable name\nthree\n"),
        ("csv", "streaming", "op,n,the text\n+I,1,\"a,1\"\n+I,2,\"a,2\"\ntable name\nthree\n"),
    ] {
        let mode = format!("execution.runtime-mode={mode}");
        Program::new(&["-c", &sql, "--format", format, "-D", &mode]).run().code(0).prints(expected);
    }
}

#[test]
fn standard_input_is_read_as_it_comes() {
    let sql = format!("{THREE}\nSELECT n\nFROM three;\nQUIT;\nnonsense");
    let ended = Program::new(&[]).stdin(&sql).run();
    ended.code(0);
    assert!(ended.stdout.ends_with("Received a total of 3 rows\n"), "{}", ended.stdout);
    let ended =
        Program::new(&["sql"]).stdin("SHOW TABLES;\n\nSELECT 1 FROM nowhere;\nSHOW TABLES;").run();
    ended.code(3).prints("Empty set\n").says(&["--> stdin:3:15"]);
}

#[test]
fn jobs_from_standard_input_are_awaited() {
    let sql = format!(
        "{THREE} CREATE TABLE sink (n INT) WITH ('connector' = 'print'); INSERT INTO sink SELECT n FROM three;"
    );
    Program::new(&[]).stdin(&sql).run().code(0).prints("+I[1]\n+I[2]\n+I[3]\n");
}
