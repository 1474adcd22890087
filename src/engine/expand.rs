//! `${env:NAME}` and `${file:PATH}` in option values: secrets stay out of scripts. Never applied to data.

use crate::base::{Error, ErrorKind, Result};
use crate::options::Options;

/// Bytes of a file that a value may hold.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Expands every value.
pub(super) fn options(options: &Options) -> Result<Options> {
    let mut expanded = options.clone();
    for (key, entry) in options.iter() {
        if entry.value.contains("${") {
            let value = text(&entry.value).map_err(|error| {
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

/// Expands one value; `${` that is neither form stays as it is.
pub(super) fn text(value: &str) -> Result<String> {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((inner, tail)) = after.split_once('}') else {
            out.push_str("${");
            rest = after;
            continue;
        };
        if let Some(name) = inner.strip_prefix("env:") {
            let found = std::env::var(name).map_err(|_| {
                Error::new(ErrorKind::Option, format!("environment variable '{name}' is not set"))
            })?;
            out.push_str(&found);
        } else if let Some(path) = inner.strip_prefix("file:") {
            out.push_str(&file(path)?);
        } else {
            out.push_str("${");
            rest = after;
            continue;
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
        assert_eq!(text("a ${other} $x ${env").unwrap(), "a ${other} $x ${env");
        assert_eq!(text("<${env:PATH}>").unwrap(), format!("<{}>", std::env::var("PATH").unwrap()));
        assert!(
            text("${env:BROOKLET_NOT_SET_ANYWHERE}").unwrap_err().to_string().contains("not set")
        );
        assert!(text("${file:/does/not/exist}").is_err());
    }
}
