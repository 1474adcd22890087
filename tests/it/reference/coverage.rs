//! `docs/reference/coverage.md`: every option, metadata column and property with a test that uses it and with what is
//! different from Flink.

use super::MADE;
use brooklet::connectors::kafka;
use brooklet::engine::old_keys;
use brooklet::registry;
use brooklet_kafka::config::{PROPERTIES, Support};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Test files that a row names, at most.
const PLACES_MAX: usize = 2;

/// Where tests are, those first that compare with Flink, then those that run the program.
const FOLDERS: &[&str] =
    &["tests/slt", "tests/it", "protocol-tests/tests", "src", "crates/kafka/src"];

/// What is not as in Flink, by the ends of keys; the reasons are in `compatibility.md`.
const DIFFERENT: &[(&str, &str)] = &[
    ("properties.group.id", "also gets the job's progress"),
    ("scan.startup.mode", "counts where the job has no progress of its own"),
    ("scan.watermark.emit.strategy", "checked and kept: nothing waits for watermarks yet"),
    ("scan.watermark.idle-timeout", "checked and kept: nothing waits for watermarks yet"),
    ("scan.watermark.alignment.group", "checked and kept: nothing waits for watermarks yet"),
    ("scan.watermark.alignment.max-drift", "checked and kept: nothing waits for watermarks yet"),
    (
        "scan.watermark.alignment.update-interval",
        "checked and kept: nothing waits for watermarks yet",
    ),
    ("scan.topic-change.mode", "not in Flink, which reads on at the old offset"),
    ("error-handling.mode", "not in Flink; Confluent's name"),
    ("error-handling.log.target", "not in Flink; Confluent's name, the record as it came"),
    ("value.format.projection-pushdown.enabled", "not in Flink, which always does as with `false`"),
    ("sink.partitioner", "`round-robin` is one; no Java classes"),
    ("sink.semantic", "of Flink 1.11, gone from today's"),
    ("sink.transaction-naming-strategy", "accepted: a job has one transactional id"),
    ("sink.transactional-id-prefix", "the id is the prefix and the job's name"),
    ("auto.register.schemas", "of later versions of Flink"),
    ("header-list", "of connector 5.1"),
    ("`kafka` partition", "can be written"),
];

/// A row: its section, its key, and what tests write where they use it.
struct Row {
    section: String,
    key: String,
    spellings: Vec<String>,
    note: String,
}

impl Row {
    fn new(section: &str, key: &str, spellings: Vec<String>) -> Row {
        let full = format!("{section} {key}");
        let ends = |end: &&(&str, &str)| {
            key == end.0
                || full.ends_with(&format!(" {}", end.0))
                || full == end.0
                || key.ends_with(&format!(".{}", end.0))
        };
        let note = DIFFERENT.iter().find(ends).map_or("", |(_, note)| note);
        Row { section: section.to_owned(), key: key.to_owned(), spellings, note: note.to_owned() }
    }

    /// Metadata columns count where one is declared, options of `upsert-kafka` in tests that name it.
    fn is_in(&self, text: &str) -> bool {
        if self.section.starts_with("Metadata") {
            return text.lines().any(|line| line.contains("METADATA") && self.is_spelt(line));
        }
        let other = self.section.contains("upsert-kafka") && !text.contains("upsert-kafka");
        !other && self.is_spelt(text)
    }

    fn is_spelt(&self, text: &str) -> bool {
        let inside = |byte: Option<&u8>| {
            byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte))
        };
        self.spellings.iter().any(|spelling| {
            // Of `properties.*` any rest counts.
            let is_prefix = spelling.ends_with('.');
            text.match_indices(spelling.as_str()).any(|(at, _)| {
                let before = at.checked_sub(1).and_then(|before| text.as_bytes().get(before));
                let after = inside(text.as_bytes().get(at + spelling.len()));
                !inside(before) && after == is_prefix
            })
        })
    }
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for connector in registry::connectors() {
        let section = format!("Options of `{}`", connector.identifier());
        for opt in connector.options() {
            // `fields.#.min` is used as `fields.NAME.min`.
            let last = opt.key.rsplit("#.").next().unwrap_or_default();
            let spelling = if opt.key.contains('#') { last } else { opt.key };
            let spelling = spelling.trim_end_matches('*');
            let mut row = Row::new(&section, opt.key, vec![spelling.to_owned()]);
            if opt.key.contains('#') {
                row.spellings = ["n", "v", "a", "id", "s", "x", "b", "c", "i", "f"]
                    .map(|name| format!("fields.{name}.{last}"))
                    .to_vec();
            }
            rows.push(row);
        }
    }
    for format in registry::formats() {
        let name = format.identifier();
        for opt in format.options() {
            let key = format!("{name}.{}", opt.key);
            let plain = key.trim_end_matches('*').to_owned();
            // A test of several formats writes `{format}.KEY`.
            let of_many = format!("{{format}}.{}", opt.key.trim_end_matches('*'));
            let mut spellings =
                ["", "value.", "key."].map(|outer| format!("{outer}{plain}")).to_vec();
            spellings.push(of_many);
            rows.push(Row::new(&format!("Options of format `{name}`"), &key, spellings));
        }
    }
    for key in ["format", "value.format"] {
        let spelling = format!("'{key}'");
        rows.push(Row::new("Options of tables with records", key, vec![spelling]));
    }
    for key in old_keys() {
        // `#` is a number, `*` any rest.
        let spelling = match key.split_once('#') {
            Some((list, part)) => format!("'{list}0{part}'"),
            None if key.ends_with('*') => key.trim_end_matches('*').to_owned(),
            None => format!("'{key}'"),
        };
        let spellings = vec![spelling, format!("\"{key}\"")];
        let mut row = Row::new("Options of tables of Flink 1.10 and DLI", &key, spellings);
        row.note = "of Flink 1.10, gone from today's".to_owned();
        rows.push(row);
    }
    for (key, _, _) in kafka::metadata() {
        let spellings = vec![format!("'{key}'"), format!("`{key}`"), key.to_owned()];
        rows.push(Row::new("Metadata columns of `kafka`", key, spellings));
    }
    for format in registry::formats() {
        for (key, _) in format.metadata() {
            let section = format!("Metadata columns of format `{}`", format.identifier());
            rows.push(Row::new(&section, &format!("value.{key}"), vec![format!("value.{key}")]));
        }
    }
    for property in PROPERTIES {
        let spellings = vec![format!("properties.{}", property.name), property.name.to_owned()];
        let mut row = Row::new("Properties of the Java client", property.name, spellings);
        // One test goes through all that have no effect.
        let (note, kind) = match property.support {
            Support::Used => (String::new(), None),
            Support::Inert => ("accepted, no effect".to_owned(), Some("Support::Inert")),
            Support::Ignored(why) => (format!("warns: {why}"), Some("Support::Ignored")),
            Support::Refused(why) => (format!("refused: {why}"), Some("Support::Refused")),
        };
        row.note = note;
        row.spellings.extend(kind.map(str::to_owned));
        rows.push(row);
    }
    rows
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The texts of tests by path. Of a source file only its tests count.
fn tests() -> BTreeMap<(usize, String), String> {
    let mut found = BTreeMap::new();
    for (rank, folder) in FOLDERS.iter().enumerate() {
        collect(&root().join(folder), rank, &mut found);
    }
    found
}

fn collect(folder: &Path, rank: usize, found: &mut BTreeMap<(usize, String), String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, rank, found);
            continue;
        }
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        if let Some(text) = tests_of(&name) {
            found.insert((rank, name), text);
        }
    }
}

fn tests_of(name: &str) -> Option<String> {
    let (known, own) =
        (name.ends_with(".rs") || name.ends_with(".slt"), name.ends_with("coverage.rs"));
    if !known || own {
        return None;
    }
    let text = std::fs::read_to_string(root().join(name)).ok()?;
    let is_test = name.starts_with("tests/") || name.contains("/tests");
    match is_test {
        true => Some(text),
        false => text.find("#[cfg(test)]\nmod ").map(|at| text[at..].to_owned()),
    }
}

fn line(row: &Row, places: &[&str]) -> String {
    let places: Vec<String> = places.iter().map(|place| format!("`{place}`")).collect();
    let places = if places.is_empty() { "–".to_owned() } else { places.join(", ") };
    format!("| `{}` | {places} | {} |", row.key, row.note.replace('|', "\\|"))
}

fn made(rows: &[Row]) -> String {
    let tests = tests();
    let mut page = format!(
        "# Coverage\n\n{MADE}\nEvery option, metadata column and client property that is known, with tests that use it (the \
         first is one that compares with Flink, where there is one) and with what is not as in Flink 2.1 and its Kafka \
         connector 5.0. [compatibility.md](../compatibility.md) has the reasons. A dash says that no test names the key.\n"
    );
    let mut section = "";
    for row in rows {
        if row.section != section {
            section = &row.section;
            write!(page, "\n## {section}\n\n| key | tested in | differs |\n|---|---|---|\n")
                .unwrap();
        }
        let places = tests.iter().filter(|(_, text)| row.is_in(text));
        let places: Vec<&str> =
            places.map(|((_, name), _)| name.as_str()).take(PLACES_MAX).collect();
        writeln!(page, "{}", line(row, &places)).unwrap();
    }
    page
}

/// The rows are those of the declarations, and each test that one names uses the key. Which tests a row names does not
/// change with every new test.
#[test]
fn coverage() {
    let (path, rows) = (root().join("docs/reference/coverage.md"), rows());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, made(&rows)).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    let mut lines = page.lines().filter(|line| line.starts_with("| `"));
    for row in &rows {
        let there = lines.next().unwrap_or_default();
        let places: Vec<&str> = there
            .split(" | ")
            .nth(1)
            .into_iter()
            .flat_map(|places| places.split(", "))
            .filter_map(|place| place.strip_prefix('`')?.strip_suffix('`'))
            .collect();
        let same = there == line(row, &places);
        let used = places.iter().all(|place| tests_of(place).is_some_and(|text| row.is_in(&text)));
        assert!(
            same && used,
            "docs/reference/coverage.md is stale at '{}': UPDATE=1 cargo test --test it reference",
            row.key
        );
    }
    assert_eq!(
        lines.next(),
        None,
        "docs/reference/coverage.md has more rows than there are options"
    );
}
