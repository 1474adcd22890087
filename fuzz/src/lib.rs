//! Shared plumbing of the fuzz targets: without cargo-fuzz, a target replays what has been found.

use std::path::Path;

/// Calls `check` with no bytes, some fixed bytes, and every file of the corpus of `target`.
///
/// # Panics
/// When the corpus cannot be read, or `check` panics: that is the finding.
#[allow(clippy::print_stdout, reason = "a replay says how much it has done")]
pub fn replay(target: &str, check: fn(&[u8])) {
    for seed in [&[][..], &[0], &[0xff; 64], &[0; 64]] {
        check(seed);
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut files: Vec<_> = match std::fs::read_dir(&corpus) {
        Ok(entries) => entries.map(|entry| entry.expect("corpus").path()).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => panic!("{}: {error}", corpus.display()),
    };
    files.sort();
    for file in &files {
        check(&std::fs::read(file).expect("corpus"));
    }
    println!("{target}: {} corpus files replayed", files.len());
}
