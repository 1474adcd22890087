//! "Did you mean …?"

/// The candidate closest to `word` by edit distance, if it is close enough to be a likely typing error
/// (at most a third of the length, at least two edits allowed).
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).max(2);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(edits, _)| *edits <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The candidates by their edit distance from `word`, the closest first.
pub fn by_distance<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut all: Vec<(usize, &str)> =
        candidates.into_iter().map(|candidate| (distance(word, candidate), candidate)).collect();
    all.sort_unstable();
    all.into_iter().map(|(_, candidate)| candidate).collect()
}

/// Whether one word becomes the other by at most so many edits.
pub fn is_near(word: &str, other: &str, edits: usize) -> bool {
    word.chars().count().abs_diff(other.chars().count()) <= edits && distance(word, other) <= edits
}

/// Levenshtein distance in characters, ignoring case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, cb) in b.iter().enumerate() {
            let cost = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_typing_error_and_nothing_far() {
        let keys = ["scan.startup.mode", "topic", "format"];
        assert_eq!(nearest("scan.startup.mod", keys), Some("scan.startup.mode"));
        assert_eq!(nearest("Topik", keys), Some("topic"));
        assert_eq!(nearest("completely-else", keys), None);
        assert_eq!(by_distance("formats", keys), ["format", "topic", "scan.startup.mode"]);
    }
}
