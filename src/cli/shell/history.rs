//! Where the shell keeps what was typed, and what it must not keep.

use crate::cli::source::secret_values;
use crate::options::REDACTED;
use std::path::PathBuf;

/// The file of the history: `BROOKLET_HISTORY`, else in the folder for state (XDG base directories). None without a
/// home, or where the variable is empty.
pub(super) fn file(env: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    if let Some(file) = env("BROOKLET_HISTORY") {
        return (!file.is_empty()).then(|| PathBuf::from(file));
    }
    let set = |name| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state =
        set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("brooklet/history"))
}

/// The text with the values of secret options hidden: the history is a file.
pub(super) fn without_secrets(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for secret in secret_values(text) {
        shown.push_str(text.get(from..secret.start).unwrap_or(""));
        shown.push_str(&format!("'{REDACTED}'"));
        from = secret.end;
    }
    shown.push_str(text.get(from..).unwrap_or(""));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_kept() {
        assert_eq!(
            without_secrets("SET 'a.password' = 'it''s' ; SET 'b' = 'c'"),
            "SET 'a.password' = '******' ; SET 'b' = 'c'"
        );
    }

    #[test]
    fn the_file_is_where_state_belongs() {
        let file_of = |pairs: &[(&str, &str)]| {
            file(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        assert_eq!(file_of(&[]), None);
        assert_eq!(file_of(&[("HOME", "/h")]), Some("/h/.local/state/brooklet/history".into()));
        assert_eq!(
            file_of(&[("HOME", "/h"), ("XDG_STATE_HOME", "/s")]),
            Some("/s/brooklet/history".into())
        );
        assert_eq!(file_of(&[("HOME", "/h"), ("BROOKLET_HISTORY", "x")]), Some("x".into()));
        assert_eq!(file_of(&[("HOME", "/h"), ("BROOKLET_HISTORY", "")]), None);
    }
}
