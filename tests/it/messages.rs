//! The text of errors: `messages.txt` holds a wrong statement of every kind and what is said about it. `UPDATE=1` writes
//! what is said now; look at the difference before you keep it.

use crate::support::Program;
use std::path::PathBuf;

/// The tables that the statements use.
const PRELUDE: &str = "\
CREATE TABLE src (id INT, name STRING, price DECIMAL(10, 2), ts TIMESTAMP(3))
  WITH ('connector' = 'datagen', 'number-of-rows' = '1');
CREATE TABLE nested (tags ARRAY<STRING>, r ROW<a INT, b STRING>)
  WITH ('connector' = 'datagen', 'number-of-rows' = '1');
CREATE TABLE sink (id INT, name STRING) WITH ('connector' = 'print');
CREATE TABLE orders (id INT, `value` STRING) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json',
  'properties.bootstrap.servers' = '127.0.0.1:1', 'scan.startup.mode' = 'earliest-offset');
";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/messages.txt")
}

/// A statement is what stands between `===` and `---`.
fn statements(file: &str) -> Vec<&str> {
    file.split("\n===\n")
        .skip(1)
        .map(|block| block.split("\n---\n").next().unwrap().trim_end())
        .collect()
}

fn said(statement: &str) -> String {
    let program = Program::new(&["-i", "prelude.sql", "-c", statement]);
    std::fs::write(program.path("prelude.sql"), PRELUDE).unwrap();
    let ended = program.run();
    let code = ended.code.unwrap_or(-1);
    format!("{}exit {code}\n", ended.stderr)
}

#[test]
fn every_kind_of_statement_has_its_errors() {
    let file = std::fs::read_to_string(path()).unwrap();
    let head = file.split("\n===\n").next().unwrap();
    let statements = statements(&file);
    assert!(statements.len() > 60, "{} statements", statements.len());
    // Each is a process of its own: two at a time keep two cores busy.
    let half = statements.len() / 2;
    let (first, second) = statements.split_at(half);
    let answers: Vec<String> = std::thread::scope(|scope| {
        let other = scope.spawn(|| second.iter().map(|s| said(s)).collect::<Vec<_>>());
        let mut answers: Vec<String> = first.iter().map(|s| said(s)).collect();
        answers.extend(other.join().unwrap());
        answers
    });
    let mut now = head.to_owned();
    for (statement, answer) in statements.iter().zip(&answers) {
        now.push_str(&format!("\n===\n{statement}\n---\n{answer}"));
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path(), &now).unwrap();
        return;
    }
    for (line, (old, new)) in file.lines().zip(now.lines()).enumerate() {
        assert_eq!(old, new, "messages.txt:{}: UPDATE=1 rewrites it", line + 1);
    }
    assert_eq!(file.lines().count(), now.lines().count());
}

/// Whatever is wrong: one line says so, the place has a caret, and nothing is an internal error.
#[test]
fn every_error_has_a_place() {
    let file = std::fs::read_to_string(path()).unwrap();
    for block in file.split("\n===\n").skip(1) {
        let (statement, answer) = block.split_once("\n---\n").unwrap();
        assert!(answer.starts_with("error: "), "{statement}\n{answer}");
        assert!(answer.contains("  --> ") && answer.contains('^'), "{statement}\n{answer}");
        assert!(answer.trim_end().ends_with("exit 3"), "{statement}\n{answer}");
        assert!(!answer.contains("internal error"), "{statement}\n{answer}");
    }
}
