//! `docs/reference`: pages that follow from the declarations. `UPDATE=1 cargo test --test it reference` rewrites them.

mod coverage;

use crate::support::Program;
use brooklet::options::{Opt, OptKind};
use brooklet::plan::SETTINGS;
use brooklet::registry;
use brooklet_kafka::config::{Applies, PROPERTIES, Support, Value};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Compares a page with what it should be, or writes it.
#[track_caller]
fn check(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == text,
        "docs/reference/{name} is stale: UPDATE=1 cargo test --test it reference"
    );
}

const MADE: &str =
    "<!-- Made from the declarations in the source: UPDATE=1 cargo test --test it reference -->\n";

fn value(kind: OptKind) -> String {
    match kind {
        OptKind::String => "text".to_owned(),
        OptKind::Bool => "`true`, `false`".to_owned(),
        OptKind::Int | OptKind::Long => "whole number".to_owned(),
        OptKind::Double => "number".to_owned(),
        OptKind::Duration => "duration".to_owned(),
        OptKind::MemorySize => "size".to_owned(),
        OptKind::Enum(words) => {
            words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
        OptKind::List => "list, separated by `;`".to_owned(),
    }
}

fn table(options: &[Opt], prefix: &str) -> String {
    let mut text = String::from("| option | value | default | meaning |\n|---|---|---|---|\n");
    for opt in options {
        let default = match opt.default {
            Some("") | None => String::new(),
            Some(default) => format!("`{}`", default.replace('|', "\\|")),
        };
        let doc = opt.doc.replace('|', "\\|");
        writeln!(text, "| `{prefix}{}` | {} | {default} | {doc} |", opt.key, value(opt.kind))
            .unwrap();
    }
    text
}

#[test]
fn connectors() {
    let mut page = format!(
        "# Connectors\n\n{MADE}\nOptions of `CREATE TABLE … WITH ('connector' = '…', …)`. A `#` stands for the name of a \
         column, `*` for any rest. Durations are written as `10 s`, `500 ms`, `5 min`; a bare number counts \
         milliseconds. An option that is not listed is refused. Tables with records also take `format` and the options \
         of that format: [formats.md](formats.md).\n"
    );
    for connector in registry::connectors() {
        write!(page, "\n## `{}`\n\n", connector.identifier()).unwrap();
        match connector.options() {
            [] => page.push_str("No options.\n"),
            options => page.push_str(&table(options, "")),
        }
    }
    check("connectors.md", &page);
}

#[test]
fn formats() {
    let mut page = format!(
        "# Formats\n\n{MADE}\n`'format' = '…'` names the format of the record's value; `'value.format'` is the same, and \
         puts `value.` before the options below.\n"
    );
    for format in registry::formats() {
        let name = format.identifier();
        write!(page, "\n## `{name}`\n\n{}", table(format.options(), &format!("{name}."))).unwrap();
    }
    check("formats.md", &page);
}

fn property_value(value: Value) -> String {
    match value {
        Value::Int(min, i64::MAX) => format!("whole number from {min}"),
        Value::Int(min, max) => format!("{min} to {max}"),
        Value::Bool => "`true`, `false`".to_owned(),
        Value::Text => "text".to_owned(),
        Value::List => "list, separated by `,`".to_owned(),
        Value::Class => "Java class".to_owned(),
        Value::Password => "secret".to_owned(),
        Value::Choice(words) => {
            words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
    }
}

#[test]
fn properties() {
    let mut page = format!(
        "# Kafka properties\n\n{MADE}\nThe Java client's properties: with `properties.` in front in `CREATE TABLE … WITH \
         ('connector' = 'kafka', …)`, as `-X name=value` in `brooklet topic`. A name that is not listed warns and has no \
         effect. Security as a whole: [security.md](../security.md).\n\n\
         | property | value | default | read by | meaning |\n|---|---|---|---|---|\n"
    );
    for property in PROPERTIES {
        let default = match property.default {
            "" => String::new(),
            default => format!("`{default}`"),
        };
        let by = match property.applies {
            Applies::Both => "both",
            Applies::Consumer => "sources",
            Applies::Producer => "sinks",
        };
        let support = match property.support {
            Support::Used => String::new(),
            Support::Inert => "Accepted, no effect. ".to_owned(),
            Support::Ignored(why) => format!("Accepted with a warning: {why}. "),
            Support::Refused(why) => format!("Refused: {why}. "),
        };
        let (name, value) = (property.name, property_value(property.value));
        let doc = property.doc.replace('|', "\\|");
        writeln!(page, "| `{name}` | {value} | {default} | {by} | {support}{doc} |").unwrap();
    }
    check("properties.md", &page);
}

/// Commands whose help the page shows.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["run"],
    &["check"],
    &["sql"],
    &["topic"],
    &["topic", "list"],
    &["topic", "describe"],
    &["topic", "create"],
    &["topic", "delete"],
    &["topic", "produce"],
    &["topic", "consume"],
    &["broker"],
    &["completions"],
];

const CONTRACT: &str = "\
Results go to standard output: rows of queries with their footer, SHOW, DESCRIBE and EXPLAIN, rows of `print` tables, and
what `check`, `topic`, `txn`, `job`, `completions`, `--help` and `--version` were asked for. Everything else goes to standard error.
Colours appear on a terminal only, and not where `NO_COLOR` is set.

| exit code | when |
|---|---|
| 0 | done; also after the first INT or TERM once everything is drained and committed, and when nobody reads standard output any more |
| 1 | a job failed: bad record, division by zero, internal error |
| 2 | wrong use of the command line |
| 3 | SQL refused: syntax, unknown or wrong option, schema, not supported yet |
| 4 | something outside: broker unreachable, unknown topic, not authorised, time-out |
| 130, 143 | a second INT, a second TERM: stopped at once |

| variable | meaning |
|---|---|
| `NO_COLOR` | no colours |
| `TZ` | time zone where `table.local-time-zone` is not set |
| `BROOKLET_HISTORY` | file of the shell's history; empty for none. Default: `brooklet/history` in `XDG_STATE_HOME`, else in `~/.local/state` |

## `brooklet check`

`--format json` prints one object a statement, in the order of the script:

```json
{\"file\":\"job.sql\",\"line\":7,\"column\":3,\"kind\":\"CREATE TABLE\",\"verdict\":\"invalid\",\"message\":\"…\"}
```

`verdict` is `ok`, `syntax`, `invalid` or `unsupported`; line and column are those of the error, else of the statement's
first token. Options of a table are checked although nothing uses it. Without `--offline` missing topics of Kafka tables and
brokers that do not answer are named on standard error; they change no verdict. A variable of `${env:NAME}` need not be
set: its value is not checked then.

## `brooklet run`

The first statement that fails ends the script. Jobs that it started before and whose input ends run to that end, as on a
Flink cluster; then jobs without an end are drained. A job that fails drains the others.

## `brooklet txn`

Transactions of a cluster, whoever began them (brokers since 3.0). All take `-b HOST:PORT` and `-X property=value`.

| command | does |
|---|---|
| `txn list [--prefix PREFIX] [--state STATE]` | lists transactional ids with their coordinator, producer id and state |
| `txn describe ID` | shows state, producer, time-out and partitions of one, and for how long it is open |
| `txn abort ID …`, `txn abort --prefix PREFIX` | ends open transactions and fences the programs that began them; `--dry-run` only says which |

## `brooklet job`

What jobs remember in a cluster. All take `-b HOST:PORT` and `-X property=value`.

| command | does |
|---|---|
| `job list` | lists the jobs that have progress: guarantee, epoch, number of partitions, and `resumable`, `finished` or `reset` |
| `job progress JOB` | shows where the job goes on in every partition, with the end of the partition and the lag |
| `job reset JOB` | makes the job forget, so that its next start is a fresh one; `--dry-run` only says what would be forgotten |

## The shell

`brooklet`, or `brooklet sql`, reads statements from a terminal: with history, completion and multi-line input. An INSERT
starts a job that runs beside the prompt; Ctrl-C stops the query that runs, Ctrl-D leaves and drains the jobs. Without a
terminal it reads statements from standard input, runs each as soon as it is closed by `;`, and awaits the jobs at the end.
Values of secret options are not kept in the history.

`--format json` and `--format csv` print results for programs: values as the formats `json` and `csv` write them, in
streaming mode with the kind of the change in a first column `op`, or `op0` where a column has that name. What `csv` has
no form for, such as a MAP, is the text that CAST gives; in JSON, so are keys of maps, and a VARIANT is the JSON that it
holds. EXPLAIN is one row with the column `result`.
";

#[test]
fn cli() {
    let mut page = format!("# Command line\n\n{MADE}\n{CONTRACT}\n## Session options\n\n");
    page.push_str(
        "`SET 'key' = 'value'` or `-D key=value`. Other keys are accepted and change nothing.\n\n",
    );
    page.push_str(&table(SETTINGS, ""));
    page.push_str("\n## Help\n");
    for command in COMMANDS {
        let mut args = command.to_vec();
        args.push("--help");
        let ended = Program::new(&args).run();
        ended.code(0);
        let help: Vec<&str> = ended.stdout.lines().map(str::trim_end).collect();
        let name = [&["brooklet"], *command].concat().join(" ");
        write!(page, "\n### `{name}`\n\n```text\n{}\n```\n", help.join("\n").trim_end()).unwrap();
    }
    check("cli.md", &page);
}

#[test]
fn functions() {
    let page = format!("# Functions\n\n{MADE}\n{}", brooklet::expr::reference());
    check("functions.md", &page);
}
