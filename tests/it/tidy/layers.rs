//! The layers of `src/`: which module may name which.

use super::source::Source;
use super::{files, read};
use std::collections::{BTreeMap, BTreeSet};

/// Modules of `src/` from the bottom to the top. A module may use what its arrows name and what those may use.
const LAYERS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("java_regex", &[]),
    ("types", &["base"]),
    ("options", &["types", "base", "java_regex"]),
    ("expr", &["types", "java_regex"]),
    ("table", &["expr", "options"]),
    ("plan", &["table", "expr"]),
    ("ops", &["expr"]),
    ("formats", &["table"]),
    ("connectors", &["table"]),
    ("sql", &["plan"]),
    ("exec", &["ops", "plan", "table"]),
    ("schema_registry", &["table"]),
    ("registry", &["connectors", "formats", "schema_registry"]),
    ("engine", &["sql", "exec", "registry"]),
    ("cli", &["engine"]),
];

/// Modules that any file may be used from, or that use any: entry points of the fuzz targets.
const FREE: &[&str] = &["fuzzing", "fuzzing_formats"];

/// Crates of the workspace and where in `src/` they may be named.
const CRATES: &[(&str, &[&str])] = &[
    ("brooklet_kafka", &["connectors/kafka", "schema_registry", "cli", "fuzzing"]),
    ("brooklet_devbroker", &["cli", "fuzzing"]),
];

/// Every broken rule, one line each.
pub(super) fn check() -> Vec<String> {
    let allowed = closure();
    let (mut problems, mut seen) = (Vec::new(), BTreeSet::new());
    for path in files(&[".rs"]) {
        let Some(inner) = path.strip_prefix("src/") else { continue };
        // Unit tests may look across layers: they compare with what other modules make of the same data.
        if inner.contains("/tests/")
            || inner.ends_with("/recorded.rs")
            || inner.ends_with("/tests.rs")
        {
            continue;
        }
        let module = module_path(inner);
        let Some(layer) = module.first().map(String::as_str) else { continue };
        seen.insert(layer.to_owned());
        let source = Source::new(&read(&path));
        problems.extend(crates(inner, &path, &source));
        if FREE.contains(&layer) {
            continue;
        }
        let Some(allowed) = allowed.get(layer) else {
            problems.push(format!("{path}: module '{layer}' is in no layer"));
            continue;
        };
        for (at, used) in uses(&source.code, module.len()) {
            if used != layer && !allowed.contains(used.as_str()) {
                let line = source.line(at);
                problems.push(format!("{path}:{line}: '{layer}' may not use '{used}'"));
            }
        }
    }
    let missing = LAYERS.iter().filter(|(layer, _)| !seen.contains(*layer));
    problems.extend(missing.map(|(layer, _)| format!("layer '{layer}' has no module")));
    problems
}

/// For each layer everything below it.
fn closure() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut closure: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (layer, arrows) in LAYERS {
        let mut below = BTreeSet::new();
        for arrow in *arrows {
            // The order of the table makes cycles impossible.
            below.extend(
                closure.get(arrow).unwrap_or_else(|| panic!("'{layer}' stands below '{arrow}'")),
            );
            below.insert(*arrow);
        }
        closure.insert(layer, below);
    }
    closure
}

/// `a/b.rs` and `a/b/mod.rs` are `[a, b]`; the crate roots are empty.
fn module_path(inner: &str) -> Vec<String> {
    let stem = inner.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    if matches!(stem, "lib" | "main") {
        return Vec::new();
    }
    stem.split('/').map(str::to_owned).collect()
}

fn crates(inner: &str, path: &str, source: &Source) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, places) in CRATES {
        if places.iter().any(|place| inner.starts_with(place)) {
            continue;
        }
        for (at, _) in source.code.match_indices(name) {
            problems.push(format!("{path}:{}: {name} is not used here", source.line(at)));
        }
    }
    problems
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// `::`
    Path,
    Sign(char),
}

/// Top-level modules that the code names through `crate::` or by climbing with `super::` to the crate's root, with the
/// offset of each name. `depth` is the number of modules around the file.
fn uses(code: &str, depth: usize) -> Vec<(usize, String)> {
    let tokens = tokens(code);
    let word = |at: usize| match tokens.get(at) {
        Some((_, Token::Word(word))) => Some(word.as_str()),
        _ => None,
    };
    let is = |at: usize, wanted: &Token| tokens.get(at).is_some_and(|(_, token)| token == wanted);
    let mut found = Vec::new();
    // Braces that are open, and whether each belongs to an inline `mod`.
    let mut braces: Vec<bool> = Vec::new();
    for at in 0..tokens.len() {
        match &tokens[at].1 {
            Token::Sign('{') => braces.push(at >= 2 && word(at - 2) == Some("mod")),
            Token::Sign('}') => drop(braces.pop()),
            Token::Word(first) if at == 0 || tokens[at - 1].1 != Token::Path => {
                let mut next = at;
                if first == "self" && is(at + 1, &Token::Path) {
                    next += 2;
                }
                let around = depth + braces.iter().filter(|inline| **inline).count();
                let mut climbed = 0;
                while word(next) == Some("super") && is(next + 1, &Token::Path) {
                    climbed += 1;
                    next += 2;
                }
                if first == "crate" && is(at + 1, &Token::Path) {
                    next = at + 2;
                } else if climbed == 0 || climbed < around {
                    continue;
                }
                heads(&tokens, next, &mut found);
            }
            _ => {}
        }
    }
    found
}

/// The first name of a path, or of every path in a `{…}` group.
fn heads(tokens: &[(usize, Token)], start: usize, found: &mut Vec<(usize, String)>) {
    if let Some((at, Token::Word(name))) = tokens.get(start) {
        found.push((*at, name.clone()));
    }
    if !matches!(tokens.get(start), Some((_, Token::Sign('{')))) {
        return;
    }
    let mut depth = 0;
    for (index, (at, token)) in tokens.iter().enumerate().skip(start) {
        match token {
            Token::Sign('{') => depth += 1,
            Token::Sign('}') if depth == 1 => return,
            Token::Sign('}') => depth -= 1,
            Token::Word(name)
                if depth == 1 && matches!(tokens[index - 1].1, Token::Sign('{' | ',')) =>
            {
                found.push((*at, name.clone()));
            }
            _ => {}
        }
    }
}

fn tokens(code: &str) -> Vec<(usize, Token)> {
    let mut tokens = Vec::new();
    let mut rest = code.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        if c.is_alphanumeric() || c == '_' {
            let mut word = String::from(c);
            while let Some((_, c)) = rest.next_if(|(_, c)| c.is_alphanumeric() || *c == '_') {
                word.push(c);
            }
            tokens.push((at, Token::Word(word)));
        } else if c == ':' && rest.next_if(|(_, c)| *c == ':').is_some() {
            tokens.push((at, Token::Path));
        } else if !c.is_whitespace() {
            tokens.push((at, Token::Sign(c)));
        }
    }
    tokens
}

#[test]
fn uses_are_found_however_they_are_written() {
    let names = |code: &str, depth: usize| -> Vec<String> {
        uses(code, depth).into_iter().map(|(_, name)| name).collect()
    };
    let cases: [(&str, usize, &[&str]); 9] = [
        ("use crate::base::Error;", 1, &["base"]),
        ("use crate::{base::{Error, Span}, types, sql::ast};", 1, &["base", "types", "sql"]),
        ("fn f(x: &crate::table::Split) {}", 1, &["table"]),
        ("$crate::expr::build!()", 1, &["expr"]),
        ("use super::message::Mailbox;", 2, &[]),
        ("use super::super::table::Sink;", 2, &["table"]),
        ("mod tests { use super::*; use super::super::cli; }", 1, &["cli"]),
        ("mod tests { use super::x; } use super::cli;", 1, &["cli"]),
        ("other::crate_name::x; supercrate::y; pub(crate) fn f() {}", 1, &[]),
    ];
    for (code, depth, expected) in cases {
        assert_eq!(names(code, depth), expected, "{code}");
    }
}

#[test]
fn what_stands_below_is_transitive() {
    let closure = closure();
    assert!(closure["cli"].contains("base"));
    assert!(closure["engine"].contains("connectors"));
    assert!(!closure["exec"].contains("connectors"));
    assert!(!closure["connectors"].contains("sql"));
}
