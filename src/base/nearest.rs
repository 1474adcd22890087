//! "Did you mean …?"

/// The candidate closest to `word` by edit distance, if it is close enough to be a likely typing error
/// (at most a third of the length or two edits, but never more than half of its letters).
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let allowed = (length / 3).max(2).min(length / 2);
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

/// Edits between two texts, ignoring case: a character more, less or another, or two that changed places.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.to_lowercase().chars().collect();
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let other = last[j] + usize::from(ca != cb);
            let mut edits = other.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *ca == b[j - 1] && a[i - 1] == *cb {
                edits = edits.min(before[j - 1] + 1);
            }
            row.push(edits);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
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
        assert_eq!(nearest("foo", ["COS", "POW"]), None);
        assert_eq!(nearest("scr", ["src"]), Some("src"));
        assert_eq!(by_distance("formats", keys), ["format", "topic", "scan.startup.mode"]);
    }
}
