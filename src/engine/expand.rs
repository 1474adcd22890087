//! `${env:NAME}` and `${file:PATH}` in option values: secrets stay out of scripts. Never applied to data.

use crate::base::{Error, ErrorKind, Result};
use crate::options::Options;

/// Bytes of a file that a value may hold.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What becomes of a variable or a file that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is an error.
    Fails,
    /// The text stays as it is written: a script is checked where its secrets are not.
    Stays,
}

/// Expands every value.
pub(super) fn options(options: &Options, missing: Missing) -> Result<Options> {
    let mut expanded = options.clone();
    for (key, entry) in options.iter() {
        if entry.value.contains("${") {
            let value = text(&entry.value, missing).map_err(|error| {
                let error = error.context(format!("reading option '{key}'"));
                match entry.span {
                    Some(span) => error.at(span),
                    None => error,
                }
            })?;
            expanded.set(key, value, entry.span);
        }
    }
    Ok(expanded)
}

/// What a value lacks that was left as it is.
pub fn lacking(value: &str) -> Option<Error> {
    text(value, Missing::Fails).err()
}

/// Expands one value; `${` that is neither form stays as it is.
pub(super) fn text(value: &str, missing: Missing) -> Result<String> {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((inner, tail)) = after.split_once('}') else {
            out.push_str("${");
            rest = after;
            continue;
        };
        let found = if let Some(name) = inner.strip_prefix("env:") {
            std::env::var(name).map_err(|_| {
                Error::new(ErrorKind::Option, format!("environment variable '{name}' is not set"))
            })
        } else if let Some(path) = inner.strip_prefix("file:") {
            file(path)
        } else {
            out.push_str("${");
            rest = after;
            continue;
        };
        match (found, missing) {
            (Ok(found), _) => out.push_str(&found),
            (Err(error), Missing::Fails) => return Err(error),
            (Err(_), Missing::Stays) => out.push_str(&format!("${{{inner}}}")),
        }
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

fn file(path: &str) -> Result<String> {
    let refused = |problem: String| {
        Error::new(ErrorKind::Option, format!("cannot read file '{path}': {problem}"))
    };
    let size = std::fs::metadata(path).map_err(|error| refused(error.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(refused(format!("it has {size} bytes, at most {FILE_BYTES_MAX} are read")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_two_forms_are_expanded() {
        let fails = |value| text(value, Missing::Fails);
        assert_eq!(fails("a ${other} $x ${env").unwrap(), "a ${other} $x ${env");
        assert_eq!(
            fails("<${env:PATH}>").unwrap(),
            format!("<{}>", std::env::var("PATH").unwrap())
        );
        let (unset, absent) = ("<${env:BROOKLET_NOT_SET_ANYWHERE}>", "<${file:/does/not/exist}>");
        assert!(fails(unset).unwrap_err().to_string().contains("not set"));
        assert!(fails(absent).is_err());
        for value in [unset, absent] {
            assert_eq!(text(value, Missing::Stays).unwrap(), value);
        }
    }
}
