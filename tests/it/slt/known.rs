//! The checked-in lists of what brooklet does not do yet and of what it does differently.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

/// Longest part of a statement in a key.
const KEY_CHARS_MAX: usize = 100;
/// Longest description of a difference that nobody has explained yet.
const WHAT_CHARS_MAX: usize = 500;

/// What a replay found, by key: the statement or the expectation that it is about.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// "not supported yet", with what it was.
    pub(super) unsupported: BTreeMap<String, String>,
    /// Differences, described.
    pub(super) differences: BTreeMap<String, String>,
    /// Blocks that could not be replayed because of one of these.
    pub(super) left_out: usize,
    /// Blocks that were replayed.
    pub(super) replayed: usize,
}

/// A statement on one line, cut where it gets long.
pub(super) fn key(statement: &str) -> String {
    let words: Vec<&str> = statement.split_whitespace().collect();
    words.join(" ").chars().take(KEY_CHARS_MAX).collect()
}

/// Fails unless the lists say exactly what was found.
pub(super) fn compare(file: &str, found: &Found) {
    if std::env::var_os("UPDATE").is_some() {
        update(file, found);
    }
    let mut problems = String::new();
    for (list, found) in
        [("unsupported.txt", &found.unsupported), ("differences.txt", &found.differences)]
    {
        let known = read(list).remove(file).unwrap_or_default();
        for (key, what) in found.iter().filter(|(key, _)| !known.contains_key(*key)) {
            writeln!(problems, "not in {list}:\n{file}\t{key}\t{what}").unwrap();
        }
        for key in known.keys().filter(|key| !found.contains_key(*key)) {
            writeln!(problems, "not needed in {list} any more:\n{file}\t{key}").unwrap();
        }
    }
    let line = format!(
        "{file}.slt: {} blocks replayed, {} not supported yet, {} known differences, {} left out after these",
        found.replayed,
        found.unsupported.len(),
        found.differences.len(),
        found.left_out
    );
    // Past the capture of the harness: the figures are news also when the test passes.
    drop(writeln!(std::io::stderr(), "{line}"));
    for (key, what) in &found.unsupported {
        drop(writeln!(std::io::stderr(), "  {key}: {what}"));
    }
    assert!(problems.is_empty(), "{line}\n{problems}");
}

/// File, key, text.
type List = BTreeMap<String, BTreeMap<String, String>>;

fn read(list: &str) -> List {
    let path = super::folder().join(list);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{list}: {error}"));
    let mut entries = List::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let parts: Vec<&str> = line.split('\t').collect();
        let [file, key, what] = parts[..] else { panic!("{list}: not FILE, KEY, TEXT: {line}") };
        assert!(!what.trim().is_empty(), "{list}: no reason in: {line}");
        entries.entry(file.to_owned()).or_default().insert(key.to_owned(), what.to_owned());
    }
    entries
}

/// Rewrites what the lists say about a file. Reasons that somebody gave stay.
fn update(file: &str, found: &Found) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut differences = found.differences.clone();
    let known = read("differences.txt").remove(file).unwrap_or_default();
    for (key, what) in &mut differences {
        let unexplained: String = what.chars().take(WHAT_CHARS_MAX).collect();
        *what = known.get(key).cloned().unwrap_or(format!("unexplained: {unexplained}"));
    }
    rewrite("unsupported.txt", file, &found.unsupported);
    rewrite("differences.txt", file, &differences);
}

fn rewrite(list: &str, file: &str, found: &BTreeMap<String, String>) {
    let path = super::folder().join(list);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let mut entries = read(list);
    entries.insert(file.to_owned(), found.clone());
    let mut new: String =
        text.lines().filter(|line| line.starts_with('#')).flat_map(|line| [line, "\n"]).collect();
    for (file, list) in &entries {
        for (key, what) in list {
            writeln!(new, "{file}\t{key}\t{what}").unwrap();
        }
    }
    std::fs::write(path, new).unwrap();
}
