//! Where the shell keeps what was typed.

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

#[cfg(test)]
mod tests {
    use super::*;

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
