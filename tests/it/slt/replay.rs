//! Runs the blocks of a file: every statement is a script of its own, made of the session's settings, the tables and
//! views that the statement needs, and the statement.

use super::file::{Block, Kind, Records};
use super::known::{self, Found};
use super::record;
use crate::support::{Cluster, Ended, Program, Registry};
use std::collections::{BTreeMap, BTreeSet};

/// Replays a file and says what was different.
pub(super) fn replay(name: &str, blocks: &[Block], cluster: &Cluster) -> Found {
    let mut replay = Replay {
        name,
        cluster,
        prefix: Cluster::unique(name),
        topics: BTreeMap::new(),
        settings: Vec::new(),
        tables: Vec::new(),
        session: blocks.iter().any(changes_session).then(Vec::new),
        spoilt: BTreeSet::new(),
        found: Found::default(),
        registry: Registry::start(),
    };
    for block in blocks.iter().filter(|block| block.skip.is_none()) {
        replay.block(block);
    }
    replay.found
}

/// `CREATE TABLE` or `CREATE VIEW`.
struct Table {
    name: String,
    sql: String,
    /// It was refused: what uses it is left out.
    refused: bool,
}

struct Replay<'a> {
    name: &'a str,
    cluster: &'a Cluster,
    /// What the names of this run's topics start with.
    prefix: String,
    /// Real names.
    topics: BTreeMap<String, String>,
    settings: Vec<String>,
    tables: Vec<Table>,
    /// In files whose statements change what earlier ones made: all of those, in order.
    session: Option<Vec<String>>,
    /// Topics that a job that did not run would have written.
    spoilt: BTreeSet<String>,
    found: Found,
    /// Empty at first.
    registry: Registry,
}

impl Replay<'_> {
    fn block(&mut self, block: &Block) {
        self.found.replayed += 1;
        let line = block.line;
        match &block.kind {
            Kind::Create { topic, partitions } => {
                let real = format!("{}-{topic}", self.prefix);
                self.cluster.create(&real, *partitions, &[("retention.ms", "-1")]);
                self.topics.insert(topic.clone(), real);
            }
            Kind::Produce(options) => {
                let records: Result<Vec<_>, _> =
                    block.body.iter().map(|line| record::parse(line, options)).collect();
                let records = records.unwrap_or_else(|error| panic!("line {line}: {error}"));
                self.cluster.produce(self.real(&options.topic), &records);
            }
            Kind::Expect(options) => self.expect(options, &block.body),
            Kind::Register { subject } => {
                let subject = self.substitute(subject);
                for schema in &block.body {
                    self.registry.register(&subject, schema);
                }
            }
            Kind::Registered { subject } => {
                let actual = self.registry.schemas(&self.substitute(subject));
                // Java writes the parts of a schema in an order of its own.
                let normal = |schema: &String| {
                    let parsed: Result<serde_json::Value, _> = serde_json::from_str(schema);
                    parsed.map_or_else(|_| schema.clone(), |parsed| parsed.to_string())
                };
                let key = format!("registry-expect {subject}");
                let expected = block.body.iter().map(normal).collect();
                self.rows(&key, expected, actual.iter().map(normal).collect(), false);
            }
            Kind::Ok => self.ok(&block.statement().0, line),
            Kind::Error => self.error(&block.statement().0, line),
            Kind::Query { rowsort } => {
                let (sql, expected) = block.statement();
                self.query(&sql, expected, *rowsort, line);
            }
        }
    }

    fn real(&self, topic: &str) -> &str {
        self.topics.get(topic).unwrap_or_else(|| panic!("no kafka-create {topic}"))
    }

    fn ok(&mut self, sql: &str, line: usize) {
        let words = words(sql);
        let first = words.first().map(|word| word.to_ascii_uppercase()).unwrap_or_default();
        if self.session.is_some() {
            let ended = self.execute(sql, line);
            let done = ended.is_some_and(|ended| self.verdict(&known::key(sql), &ended));
            if let (Some(session), true) = (&mut self.session, done) {
                session.push(sql.to_owned());
            }
            return;
        }
        if first == "SET" || first == "RESET" {
            self.settings.push(sql.to_owned());
        }
        let Some(ended) = self.execute(sql, line) else {
            self.found.left_out += 1;
            return self.gave_up(sql, &words, &first);
        };
        let done = self.verdict(&known::key(sql), &ended);
        if first == "CREATE" {
            let refused = !done;
            self.tables.push(Table { name: defined(&words), sql: sql.to_owned(), refused });
        } else if !done {
            self.gave_up(sql, &words, &first);
        }
    }

    /// What follows from a statement that did not run.
    fn gave_up(&mut self, sql: &str, words: &[&str], first: &str) {
        if first == "CREATE" {
            let name = defined(words);
            self.tables.push(Table { name, sql: sql.to_owned(), refused: true });
            return;
        }
        let into = words.windows(2).filter(|pair| pair[0].eq_ignore_ascii_case("INTO"));
        let targets: BTreeSet<&str> = into.map(|pair| pair[1]).collect();
        for table in self.tables.iter().filter(|table| targets.contains(table.name.as_str())) {
            self.spoilt.extend(topics_of(&table.sql));
        }
    }

    /// Whether the statement ended well; otherwise it is noted.
    fn verdict(&mut self, key: &str, ended: &Ended) -> bool {
        if ended.code == Some(0) {
            return true;
        }
        match unsupported(ended) {
            Some(what) => drop(self.found.unsupported.insert(key.to_owned(), what)),
            None => {
                self.differs(key, &format!("exit {:?}: {}", ended.code, error_text(&ended.stderr)));
            }
        }
        false
    }

    fn differs(&mut self, key: &str, what: &str) {
        self.found.differences.insert(key.to_owned(), what.replace(['\t', '\n'], " "));
    }

    fn error(&mut self, sql: &str, line: usize) {
        let Some(ended) = self.execute(sql, line) else {
            self.found.left_out += 1;
            return;
        };
        match ended.code {
            // The place behind a refusal or a failed job; anything else is another failure than Flink's.
            Some(1 | 3) if ended.stderr.contains("error: ") => {}
            code => self.differs(&known::key(sql), &format!("exit {code:?} instead of an error")),
        }
    }

    fn query(&mut self, sql: &str, expected: &[String], rowsort: bool, line: usize) {
        let Some(ended) = self.execute(sql, line) else {
            self.found.left_out += 1;
            return;
        };
        let key = known::key(sql);
        if self.verdict(&key, &ended) {
            let actual: Vec<String> =
                ended.stdout.lines().map(|line| line.trim_end().to_owned()).collect();
            self.rows(&key, expected.to_vec(), actual, rowsort);
        }
    }

    fn expect(&mut self, options: &Records, body: &[String]) {
        if self.spoilt.contains(&options.topic) {
            self.found.left_out += 1;
            return;
        }
        let records = self.cluster.read(self.real(&options.topic));
        let wanted = |partition: i32| options.partition.is_none_or(|only| only == partition);
        let actual = records.iter().filter(|record| wanted(record.partition));
        let actual: Vec<String> = actual.map(|record| record::print(record, options)).collect();
        let expected: Result<Vec<_>, _> =
            body.iter().map(|line| record::normal(line, options)).collect();
        let key = format!("kafka-expect {}", options.topic);
        self.rows(&key, expected.unwrap(), actual, options.rowsort);
    }

    fn rows(
        &mut self,
        key: &str,
        mut expected: Vec<String>,
        mut actual: Vec<String>,
        rowsort: bool,
    ) {
        if rowsort {
            expected.sort();
            actual.sort();
        }
        if expected.len() != actual.len() {
            let what = format!(
                "{} rows instead of {}: {} instead of {}",
                actual.len(),
                expected.len(),
                actual.join(" / "),
                expected.join(" / ")
            );
            return self.differs(key, &what);
        }
        for (number, (expected, actual)) in expected.iter().zip(&actual).enumerate() {
            if !record::same(expected.trim_end(), actual.trim_end()) {
                let key = format!("{key} row {}", number + 1);
                self.differs(&key, &format!("{actual} instead of {expected}"));
            }
        }
    }

    /// Runs a statement; `None` when it needs a table that was refused.
    fn execute(&self, sql: &str, line: usize) -> Option<Ended> {
        let mut needed = vec![false; self.tables.len()];
        let mut used: BTreeSet<&str> = words(sql).into_iter().collect();
        // A view uses what was created before it.
        for (index, table) in self.tables.iter().enumerate().rev() {
            if used.contains(table.name.as_str()) {
                if table.refused {
                    return None;
                }
                needed[index] = true;
                used.extend(words(&table.sql));
            }
        }
        let tables = self.tables.iter().zip(needed).filter(|(_, needed)| *needed);
        let statements: Vec<&str> = self
            .session
            .iter()
            .flatten()
            .chain(&self.settings)
            .map(String::as_str)
            .chain(tables.map(|(table, _)| table.sql.as_str()))
            .chain([sql])
            .collect();
        let script: String = statements.iter().flat_map(|sql| [sql, ";\n"]).collect();
        let script = self.substitute(&script);
        // Jobs are named after the script: no statement may go on where another one stopped.
        let name = Cluster::unique(&format!("{}-{line}", self.name));
        Some(Program::script(&name, &script).run())
    }

    fn substitute(&self, text: &str) -> String {
        let mut text = text.replace("${bootstrap}", self.cluster.bootstrap());
        text = text.replace("${registry}", self.registry.url());
        while let Some(start) = text.find("${protobuf:") {
            let end = start + text[start..].find('}').expect("a closed ${protobuf:");
            let file = &text[start + "${protobuf:".len()..end];
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/slt/protobuf");
            text.replace_range(start..=end, &format!("'protobuf.proto-file' = '{path}/{file}', "));
        }
        // Also names that are only patterns.
        while let Some(start) = text.find("${topic:") {
            let end = start + text[start..].find('}').expect("a closed ${topic:");
            let name = &text[start + "${topic:".len()..end];
            text.replace_range(start..=end, &format!("{}-{name}", self.prefix));
        }
        text
    }
}

/// Whether a statement changes what another one made, so that its file has to be replayed as one session.
fn changes_session(block: &Block) -> bool {
    let first: Vec<String> = match block.kind {
        Kind::Ok => {
            block.body.join(" ").split_whitespace().take(2).map(str::to_uppercase).collect()
        }
        _ => return false,
    };
    let first: Vec<&str> = first.iter().map(String::as_str).collect();
    matches!(first.as_slice(), ["ALTER" | "DROP" | "USE", _] | ["CREATE", "CATALOG" | "DATABASE"])
}

/// Names and keywords of a statement, without quotes.
fn words(sql: &str) -> Vec<&str> {
    let of_word = |c: char| c.is_alphanumeric() || c == '_';
    sql.split(|c| !of_word(c)).filter(|word| !word.is_empty()).collect()
}

/// The name behind `CREATE [OR REPLACE] [TEMPORARY] TABLE|VIEW [IF NOT EXISTS]`.
fn defined(words: &[&str]) -> String {
    let keywords = ["CREATE", "OR", "REPLACE", "TEMPORARY", "TABLE", "VIEW", "IF", "NOT", "EXISTS"];
    let is_keyword = |word: &str| keywords.contains(&word.to_ascii_uppercase().as_str());
    words.iter().find(|word| !is_keyword(word)).map(|word| (*word).to_owned()).unwrap_or_default()
}

fn topics_of(sql: &str) -> Vec<String> {
    let parts = sql.split("${topic:").skip(1);
    parts.filter_map(|part| part.split('}').next()).map(str::to_owned).collect()
}

/// What is not supported, if that is the answer.
fn unsupported(ended: &Ended) -> Option<String> {
    let text = error_text(&ended.stderr);
    let what = text.strip_prefix("not supported yet")?.trim_start_matches([':', ' ']);
    (ended.code == Some(3)).then(|| what.replace('\t', " "))
}

/// The message of the error, or the end of what was said.
fn error_text(stderr: &str) -> String {
    let message = stderr.lines().find_map(|line| line.strip_prefix("error: "));
    message.or(stderr.lines().last()).unwrap_or_default().to_owned()
}

#[test]
fn statements_are_taken_apart() {
    let sql = "CREATE TABLE IF NOT EXISTS `a_1` (x INT) WITH ('topic' = '${topic:in}', 'y' = '${topic:b}')";
    assert_eq!(defined(&words(sql)), "a_1");
    assert_eq!(topics_of(sql), ["in", "b"]);
    assert_eq!(
        error_text("[INFO] x\nerror: not supported yet: MAP\n --> y"),
        "not supported yet: MAP"
    );
}
