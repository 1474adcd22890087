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
            let value = of_key(key, &entry.value, missing).map_err(|error| {
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

fn of_key(key: &str, value: &str, missing: Missing) -> Result<String> {
    match key.ends_with("sasl.jaas.config") {
        true => jaas(value, missing),
        false => text(value, missing),
    }
}

/// Expands the value of a client property that stands on the command line.
///
/// # Errors
/// A variable or a file is not there, or does not fit into a login module.
pub fn property(key: &str, value: &str) -> Result<String> {
    of_key(key, value, Missing::Fails)
        .map_err(|error| error.context(format!("reading property '{key}'")))
}

/// What a value lacks that was left as it is.
pub fn lacking(value: &str) -> Option<Error> {
    text(value, Missing::Fails).err()
}

/// Expands one value; `${` that is neither form stays as it is.
pub(super) fn text(value: &str, missing: Missing) -> Result<String> {
    replace(value, missing, |_, found| Ok(found))
}

/// Expands a login module with its options: what is found is a part of one option and never more. A value that is one
/// `${…}` as a whole is the text of the login module itself.
fn jaas(value: &str, missing: Missing) -> Result<String> {
    let whole = value.trim();
    if whole.starts_with("${") && whole.find('}') == Some(whole.len() - 1) {
        return text(value, missing);
    }
    replace(value, missing, |before, found| {
        if in_quotes(before) {
            return Ok(found.chars().fold(String::new(), |mut escaped, c| {
                match c {
                    '\\' | '"' | '\'' => escaped.extend(['\\', c]),
                    '\n' => escaped.push_str("\\n"),
                    '\r' => escaped.push_str("\\r"),
                    c => escaped.push(c),
                }
                escaped
            }));
        }
        if found.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';')) {
            let text = "what stands in place of ${…} has spaces, quotes or semicolons; put quotes around ${…}";
            return Err(Error::new(ErrorKind::Option, text));
        }
        Ok(found)
    })
}

/// Whether a quote is open at the end of a part of a login module.
fn in_quotes(text: &str) -> bool {
    let mut open = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (open, c) {
            (Some(_), '\\') => drop(chars.next()),
            (Some(quote), c) if c == quote => open = None,
            (None, '"' | '\'') => open = Some(c),
            _ => {}
        }
    }
    open.is_some()
}

/// Replaces each form by what `put` makes of the text before it and of what is found for it.
fn replace(
    value: &str,
    missing: Missing,
    put: impl Fn(&str, String) -> Result<String>,
) -> Result<String> {
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
            (Ok(found), _) => out.push_str(&put(&out, found)?),
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
    fn a_password_cannot_add_options_to_a_login_module() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let expanded = |written: &str, password: &str| {
            std::fs::write(&path, password).unwrap();
            jaas(&written.replace("P", &format!("${{file:{}}}", path.display())), Missing::Fails)
        };
        for (written, password, expected) in [
            (
                "x password=\"P\" a='b';",
                r#"x" admin="true"#,
                r#"x password="x\" admin=\"true" a='b';"#,
            ),
            ("x password='P';", r"a'b\c", r"x password='a\'b\\c';"),
            ("x a=\"\\\"\" password=\"P\";", "a\nb", "x a=\"\\\"\" password=\"a\\nb\";"),
            ("x password=P;", "YWI=", "x password=YWI=;"),
            (" P ", "x required a=\"b\";", " x required a=\"b\"; "),
        ] {
            assert_eq!(expanded(written, password).unwrap(), expected);
        }
        for password in ["a b", "a;b", "a\"b"] {
            let error = expanded("x password=P;", password).unwrap_err().to_string();
            assert!(error.contains("put quotes around") && !error.contains(password), "{error}");
        }
    }

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
