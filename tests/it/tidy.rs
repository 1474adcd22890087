//! Rules of the repository that neither the compiler nor clippy checks. Everything here only reads files.

mod functions;
mod layers;
mod source;

use source::Source;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines of one Rust file: beyond this it holds more than one concept.
const LINES_MAX: usize = 1000;

/// What decoders deny. SQL is not a decoder: its arithmetic is on positions in the text.
const DECODER_LINTS: &[&str] = &[
    "clippy::indexing_slicing",
    "clippy::unwrap_used",
    "clippy::expect_used",
    "clippy::string_slice",
    "clippy::arithmetic_side_effects",
];

/// Roots of modules that read input from outside, with how many of [`DECODER_LINTS`] each denies.
const DECODERS: &[(&str, usize)] =
    &[("crates/kafka/src/wire/mod.rs", 5), ("src/formats/mod.rs", 5), ("src/sql/mod.rs", 4)];

/// Where an asynchronous runtime may be named: everything else is synchronous and takes bytes and time as arguments.
const TOKIO: &[&str] =
    &["crates/kafka/src/transport", "crates/devbroker/src/server.rs", "protocol-tests/", "tests/"];

/// Where a clock may be read or a thread put to sleep.
const CLOCK: &[&str] = &[
    "crates/kafka/src/transport",
    "crates/devbroker/src/server.rs",
    "crates/kafka/examples/",
    "examples/",
    "crates/devbroker/tests/",
    "src/cli/",
    "src/engine/",
    "src/exec/control.rs",
    "src/schema_registry/",
    "protocol-tests/",
    "tests/",
    "bench/",
];

/// Text that must not stay, each with the reason. Spelled in two halves, so that this file passes its own test.
const BANNED: &[(&str, &str, &str)] = &[
    ("FIX", "ME", "fix it, or open an issue"),
    ("XX", "X", "say what is wrong, or open an issue"),
    ("dbg", "!", "left over from debugging"),
    ("todo", "!", "refuse with an error that names what is missing"),
    ("/ho", "me/", "a path of one machine"),
    ("/ro", "ot/", "a path of one machine"),
    ("/wo", "rk/", "a path of one machine"),
    ("/tm", "p/", "a path of one machine; tests use tempfile"),
];

/// Crates that must not come back, not even through a dependency (`deny.toml` has the reasons). It bans `ring` too,
/// which `Cargo.lock` lists because rustls could be built with it; no build of ours does.
const BANNED_CRATES: &[&str] = &["rdkafka", "rdkafka-sys", "openssl-sys", "lz4-sys", "datafusion"];

/// The two commands of the README; `.ci/run` runs the same.
const SET_UP: [&str; 2] =
    ["cargo run --release -- run --dev-broker examples/quickstart.sql", "cargo test --workspace"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Files of the repository whose names end in one of `endings`, as paths with `/`, sorted. Build output, caches and
/// hidden folders are left out, but for `.ci`.
fn files(endings: &[&str]) -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("folder").map(|entry| entry.expect("entry")) {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let kind = entry.file_type().expect("file type");
            let hidden = name.starts_with('.') && name != ".ci";
            if kind.is_dir()
                && !hidden
                && !matches!(name.as_str(), "target" | "corpus" | "artifacts")
            {
                walk(&path, found);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    let (root, mut found) = (root(), Vec::new());
    walk(&root, &mut found);
    let mut paths: Vec<String> = found
        .iter()
        .map(|path| path.strip_prefix(&root).expect("inside").to_string_lossy().replace('\\', "/"))
        .filter(|path| endings.iter().any(|ending| path.ends_with(ending)))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no files end in {endings:?}");
    paths
}

/// Fails with every problem at once.
fn none(rule: &str, problems: &[String]) {
    let mut text = String::new();
    for problem in problems {
        writeln!(text, "  {problem}").expect("write to a String");
    }
    assert!(problems.is_empty(), "{rule}\n{text}");
}

#[test]
fn modules_use_only_the_layers_below_them() {
    none("src/ follows the layers of ARCHITECTURE.md:", &layers::check());
}

#[test]
fn files_stay_small() {
    let long = |path: &String| {
        let lines = read(path).lines().count();
        (lines > LINES_MAX).then(|| format!("{path}: {lines} lines, at most {LINES_MAX}"))
    };
    none("split these files:", &files(&[".rs"]).iter().filter_map(long).collect::<Vec<_>>());
}

#[test]
fn nothing_unfinished_stays() {
    let mut problems = Vec::new();
    for path in files(&[
        ".rs",
        ".toml",
        ".md",
        ".sql",
        ".sh",
        ".py",
        ".java",
        ".ci/run",
        "bench/run",
        "scripts/record-flink",
        "scripts/flink-install",
    ]) {
        for (number, line) in read(&path).lines().enumerate() {
            for (first, second, reason) in BANNED {
                let banned = format!("{first}{second}");
                let whole = line.match_indices(&banned).any(|(at, _)| {
                    // A path counts at its beginning only, a word as a whole: `xxx.work/` and names are fine.
                    !line[..at].ends_with(|c: char| {
                        c.is_alphanumeric() || matches!(c, '_' | '.' | '}' | '/')
                    })
                });
                if whole {
                    problems.push(format!("{path}:{}: {banned}: {reason}", number + 1));
                }
            }
        }
    }
    none("remove:", &problems);
}

#[test]
fn ignored_tests_say_why() {
    let mut problems = Vec::new();
    for path in files(&[".rs"]) {
        let source = Source::new(&read(&path));
        for (at, _) in source.code.match_indices("#[ignore]") {
            problems.push(format!("{path}:{}: write #[ignore = \"reason\"]", source.line(at)));
        }
    }
    none("a test that does not run has a reason:", &problems);
}

#[test]
fn the_runtime_and_the_clock_stay_in_the_shell() {
    let mut problems = Vec::new();
    for path in files(&[".rs"]) {
        let source = Source::new(&read(&path));
        let mut look = |needle: &str, allowed: &[&str]| {
            if allowed.iter().any(|prefix| path.starts_with(prefix)) {
                return;
            }
            for (at, _) in source.code.match_indices(needle) {
                let before = source.code[..at].chars().next_back().unwrap_or(' ');
                if !before.is_alphanumeric() && before != '_' {
                    problems.push(format!("{path}:{}: {needle}", source.line(at)));
                }
            }
        };
        look("tokio::", TOKIO);
        look("use tokio;", TOKIO);
        look("async fn", TOKIO);
        look("Instant::now", CLOCK);
        look("SystemTime::now", CLOCK);
        look("Utc::now", CLOCK);
        look("thread::sleep", CLOCK);
    }
    none("bytes, time and seeds come in as arguments:", &problems);
}

#[test]
fn decoders_cannot_panic() {
    let mut problems = Vec::new();
    for (path, count) in DECODERS {
        let code = Source::new(&read(path)).code;
        let denied: BTreeSet<&str> = code
            .split("deny(")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'))
            .flat_map(|(list, _)| list.split(',').map(str::trim))
            .collect();
        for lint in DECODER_LINTS.iter().take(*count).filter(|lint| !denied.contains(*lint)) {
            problems.push(format!("{path}: deny {lint}"));
        }
    }
    none("modules that read input from outside deny what can panic:", &problems);
}

#[test]
fn dependencies_state_their_reason() {
    let mut problems = Vec::new();
    for path in files(&["Cargo.toml"]) {
        // Peers of benchmarks are measured, not shipped.
        if path.starts_with("bench/peers/") {
            continue;
        }
        let (mut listed, mut explained) = (false, String::new());
        for (number, line) in read(&path).lines().enumerate() {
            if line.starts_with('[') {
                // Versions stand in the workspace table, reasons where they are used.
                listed = line.trim_end_matches(']').ends_with("dependencies")
                    && !line.starts_with("[workspace");
                explained.clear();
            } else if listed && line.starts_with('#') {
                "#".clone_into(&mut explained);
            } else if listed
                && let Some(name) = line.split(['.', ' ', '=']).next().filter(|n| !n.is_empty())
            {
                // One reason may cover a family: arrow-array, arrow-buffer, …
                let family = name.split('-').next().unwrap_or(name);
                if explained != "#" && explained != family {
                    problems.push(format!("{path}:{}: {name}", number + 1));
                }
                family.clone_into(&mut explained);
            }
        }
    }
    none("put a comment with the reason before these dependencies:", &problems);
}

/// A dependency that no source names is of no use.
#[test]
fn dependencies_are_used() {
    let mut problems = Vec::new();
    for manifest in files(&["Cargo.toml"]) {
        let folder = manifest.trim_end_matches("Cargo.toml");
        // Rust code of the crate, not of the crates below it.
        let inner: Vec<String> = files(&["Cargo.toml"])
            .into_iter()
            .map(|other| other.trim_end_matches("Cargo.toml").to_owned())
            .filter(|other| other.len() > folder.len() && other.starts_with(folder))
            .collect();
        let own = |file: &&String| {
            file.starts_with(folder) && !inner.iter().any(|other| file.starts_with(other.as_str()))
        };
        let code: String = files(&[".rs"]).iter().filter(own).map(|file| read(file)).collect();
        let mut is_list = false;
        for line in read(&manifest).lines() {
            if line.starts_with('[') {
                is_list = line.ends_with("dependencies]") && !line.contains("workspace");
                continue;
            }
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            if !is_list || name.is_empty() || line.starts_with('#') {
                continue;
            }
            let names = [name.replace('-', "_"), name.replace('-', "")];
            if !names.iter().any(|name| code.contains(name)) {
                problems.push(format!("{manifest}: {name}"));
            }
        }
    }
    none("a dependency is used by its crate", &problems);
}

#[test]
fn banned_crates_stay_out() {
    let lock = read("Cargo.lock");
    let found = |name: &&&str| lock.lines().any(|line| line == format!("name = \"{name}\""));
    none(
        "Cargo.lock holds crates that deny.toml or ARCHITECTURE.md exclude:",
        &BANNED_CRATES.iter().filter(found).map(ToString::to_string).collect::<Vec<_>>(),
    );
}

#[test]
fn fuzz_targets_have_seeds() {
    let manifest = read("fuzz/Cargo.toml");
    let names = manifest
        .split("[[bin]]")
        .skip(1)
        .filter_map(|bin| bin.lines().find_map(|line| line.strip_prefix("name = ")))
        .map(|name| name.trim_matches('"'));
    let (mut problems, mut listed) = (Vec::new(), BTreeSet::new());
    for name in names {
        listed.insert(format!("fuzz/targets/{name}.rs"));
        let corpus = root().join("fuzz/corpus").join(name);
        let seeds = std::fs::read_dir(&corpus).map_or(0, Iterator::count);
        let built_in = std::fs::read_to_string(root().join(format!("fuzz/targets/{name}.rs")))
            .is_ok_and(|target| target.contains("seeds"));
        if seeds == 0 && !built_in {
            problems.push(format!("fuzz/corpus/{name}: no seeds"));
        }
    }
    for target in files(&[".rs"]).into_iter().filter(|path| path.starts_with("fuzz/targets/")) {
        if !listed.contains(&target) {
            problems.push(format!("{target}: not in fuzz/Cargo.toml"));
        }
    }
    none("every fuzz target is built and starts from something:", &problems);
}

/// `scripts/planted-bugs` plants all of them into one copy; code that moved on leaves them behind.
#[test]
fn planted_bugs_apply_one_after_the_other() {
    if Command::new("git").arg("--version").output().is_err() {
        return;
    }
    let copy = tempfile::tempdir().expect("a folder");
    let mut problems = Vec::new();
    for patch in files(&[".patch"]).iter().filter(|path| path.starts_with("tests/planted/")) {
        for path in read(patch).lines().filter_map(|line| line.strip_prefix("+++ b/")) {
            let planted = copy.path().join(path);
            if !planted.exists() {
                std::fs::create_dir_all(planted.parent().expect("a folder")).expect("folders");
                std::fs::copy(root().join(path), planted)
                    .unwrap_or_else(|error| panic!("{path}: {error}"));
            }
        }
        let applied = Command::new("git")
            .arg("apply")
            .arg(root().join(patch))
            .current_dir(&copy)
            .env("GIT_CEILING_DIRECTORIES", std::env::temp_dir())
            .output()
            .expect("git");
        if !applied.status.success() {
            problems.push(format!("{patch}: {}", String::from_utf8_lossy(&applied.stderr).trim()));
        }
    }
    none("every planted bug fits today's code:", &problems);
}

#[test]
fn the_readme_has_two_set_up_commands() {
    let (mut fenced, mut commands) = (false, Vec::new());
    let readme = read("README.md");
    for line in readme.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if fenced && line.starts_with("cargo ") {
            commands.push(line);
        }
    }
    assert_eq!(commands, SET_UP);
    let ci = read(".ci/run");
    for command in SET_UP {
        assert!(ci.contains(command), ".ci/run does not run `{command}`");
    }
}

#[test]
fn documents_name_the_version_of_rust_that_is_needed() {
    let manifest = read("Cargo.toml");
    let version =
        manifest.split("rust-version = \"").nth(1).and_then(|rest| rest.split('"').next());
    let said = format!("Rust {} or newer", version.unwrap());
    for document in ["README.md", "CONTRIBUTING.md"] {
        assert!(read(document).contains(&said), "{document} does not say `{said}`");
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut problems = Vec::new();
    for path in files(&[".md"]) {
        let text = read(&path);
        let folder = Path::new(&path).parent().unwrap_or_else(|| Path::new(""));
        for (number, line) in text.lines().enumerate() {
            for rest in line.split("](").skip(1) {
                let target = rest.split([')', '#', ' ']).next().unwrap_or_default();
                let local = !target.is_empty() && !target.contains("://");
                if local && !root().join(folder).join(target).exists() {
                    problems.push(format!("{path}:{}: {target}", number + 1));
                }
            }
        }
    }
    none("dead links:", &problems);
}
