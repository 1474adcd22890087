//! Reading options: every known one is taken, and what is left over is refused with the list of what is allowed.

use super::{Opt, OptKind, matches, parse_duration, parse_memory_size};
use crate::base::limits::{OPTION_SHOWN_CHARS_MAX, OPTIONS_CLOSEST_SHOWN, OPTIONS_SHOWN_MAX};
use crate::base::{Error, ErrorKind, Result, Span, by_distance, nearest};
use crate::java_regex::JavaRegex;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

/// A value and where the script gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionValue {
    /// The text between the quotes.
    pub value: String,
    /// Place of the key and the value in the script; `None` for values that no script holds.
    pub span: Option<Span>,
    /// The key as the script has it, where it is an old name of this one.
    pub written: Option<String>,
}

/// Options of one table, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    entries: BTreeMap<String, OptionValue>,
}

impl Options {
    /// Sets or replaces a value.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>, span: Option<Span>) {
        self.entries.insert(key.into(), OptionValue { value: value.into(), span, written: None });
    }

    /// Sets or replaces a value that the script gives under another, older key.
    pub fn set_written_as(&mut self, key: impl Into<String>, written: &str, given: &OptionValue) {
        let written = Some(written.to_owned());
        self.entries.insert(key.into(), OptionValue { written, ..given.clone() });
    }

    /// The key that the script has for `key`.
    fn written<'a>(&'a self, key: &'a str) -> &'a str {
        self.entries.get(key).and_then(|entry| entry.written.as_deref()).unwrap_or(key)
    }

    /// The value of exactly `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(|entry| entry.value.as_str())
    }

    /// Removes a key.
    pub fn remove(&mut self, key: &str) -> Option<OptionValue> {
        self.entries.remove(key)
    }

    /// Place of a key in the script.
    pub fn span(&self, key: &str) -> Option<Span> {
        self.entries.get(key).and_then(|entry| entry.span)
    }

    /// All entries in key order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &OptionValue)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }
}

/// Takes typed options out of [`Options`] and remembers which keys were asked for.
///
/// A sub-reader ([`OptionReader::scoped`]) sees the keys below a prefix; its takes count in the parent too.
#[derive(Debug)]
pub struct OptionReader<'a> {
    options: &'a Options,
    prefix: Rc<str>,
    subject: String,
    taken: &'a Taken,
}

/// The options that some reader has asked for or declared: the prefix of the reader, and the key below it. One may be
/// here several times: it is looked at only where a key that the script gives has to be one of them.
#[derive(Debug, Default)]
pub struct Taken {
    declared: RefCell<Vec<(Rc<str>, &'static str)>>,
}

impl Taken {
    fn has(&self, key: &str) -> bool {
        let is_it = |(prefix, declared): &(Rc<str>, &'static str)| {
            key.strip_prefix(&**prefix).is_some_and(|rest| matches(declared, rest))
        };
        self.declared.borrow().iter().any(is_it)
    }

    /// All that may be given, in order.
    fn supported(&self) -> BTreeSet<String> {
        let declared = self.declared.borrow();
        declared.iter().map(|(prefix, key)| format!("{prefix}{key}")).collect()
    }
}

/// Whether two keys may be one but for a typing error: the parts that both begin with (`fields.a.` of `fields.a.min` and
/// `fields.a.max`) make them no more alike.
fn is_alike(key: &str, other: &str) -> bool {
    let parts = key.split_inclusive('.').zip(other.split_inclusive('.'));
    let same = parts.take_while(|(a, b)| a == b && a.ends_with('.'));
    let group: usize = same.map(|(part, _)| part.len()).sum();
    match (key.get(group..), other.get(group..)) {
        (Some(key), Some(other)) => nearest(key, [other]).is_some(),
        _ => false,
    }
}

impl<'a> OptionReader<'a> {
    /// A reader over all keys; `subject` names the table in errors: `table 'orders' (connector 'kafka')`.
    pub fn new(
        options: &'a Options,
        taken: &'a Taken,
        subject: impl Into<String>,
    ) -> OptionReader<'a> {
        OptionReader { options, prefix: Rc::from(""), subject: subject.into(), taken }
    }

    /// A reader over the keys below `prefix` (which ends with a dot).
    pub fn scoped(&self, prefix: &str) -> OptionReader<'a> {
        OptionReader {
            options: self.options,
            prefix: Rc::from(format!("{}{prefix}", self.prefix)),
            subject: self.subject.clone(),
            taken: self.taken,
        }
    }

    /// The options below `prefix`, to be read again later without this reader.
    pub fn owned(&self, prefix: &str) -> OwnedReader {
        OwnedReader {
            options: self.options.clone(),
            prefix: format!("{}{prefix}", self.prefix),
            subject: self.subject.clone(),
        }
    }

    /// What the options belong to, for messages.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Declares options as supported without reading them.
    pub fn supports(&self, options: &[Opt]) {
        for opt in options {
            self.declare(opt);
        }
    }

    /// Declares options as supported and checks the values of those that are set, whether or not they are read (Flink's
    /// `FactoryUtil.validateFactoryOptions`).
    pub fn check(&self, options: &[Opt]) -> Result<()> {
        self.supports(options);
        for opt in options.iter().filter(|opt| !opt.key.contains(['#', '*']) && self.is_set(opt)) {
            match opt.kind {
                OptKind::String | OptKind::List => {}
                OptKind::Bool => drop(self.bool(opt)?),
                OptKind::Int | OptKind::Long => drop(self.long(opt)?),
                OptKind::Double => drop(self.double(opt)?),
                OptKind::Duration => drop(self.duration(opt)?),
                OptKind::MemorySize => drop(self.memory_size(opt)?),
                OptKind::Enum(_) => drop(self.word(opt)?),
            }
        }
        Ok(())
    }

    /// The text of an option, or its default.
    pub fn string(&self, opt: &Opt) -> Option<String> {
        self.declare(opt);
        self.raw(opt.key).or(opt.default).map(str::to_owned)
    }

    /// The text of an option, whether or not it is set; an error that names it where it is missing.
    pub fn required(&self, opt: &Opt) -> Result<String> {
        self.string(opt).ok_or_else(|| {
            let message = format!(
                "missing required option '{}{}' for {}",
                self.prefix, opt.key, self.subject
            );
            self.missing(opt, message)
        })
    }

    /// The error of an option that is not there: where the script has a key that is nearly this one, it is pointed at.
    pub fn missing(&self, opt: &Opt, message: String) -> Error {
        let error = Error::new(ErrorKind::Option, message);
        let key = format!("{}{}", self.prefix, opt.key);
        let unread = |(given, _): &(&str, &OptionValue)| !self.taken.has(given);
        let meant = |(given, _): &(&str, &OptionValue)| nearest(given, [key.as_str()]).is_some();
        let Some((given, value)) = self.options.iter().filter(unread).find(meant) else {
            return error;
        };
        let error =
            error.with_hint(format!("did you mean '{key}' by '{}'?", self.options.written(given)));
        match value.span {
            Some(span) => error.at(span),
            None => error,
        }
    }

    /// Whether the script gives the option.
    pub fn is_set(&self, opt: &Opt) -> bool {
        self.declare(opt);
        self.raw(opt.key).is_some()
    }

    /// A boolean.
    pub fn bool(&self, opt: &Opt) -> Result<bool> {
        let parse = |text: &str| match (text.eq_ignore_ascii_case("true"), text) {
            (true, _) => Ok(true),
            (_, text) if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err("expected true or false".to_owned()),
        };
        Ok(self.parsed(opt, parse)?.unwrap_or(false))
    }

    /// A 64-bit integer; also reads [`OptKind::Int`].
    pub fn long(&self, opt: &Opt) -> Result<Option<i64>> {
        let bounds = if opt.kind == OptKind::Int {
            i64::from(i32::MIN)..=i64::from(i32::MAX)
        } else {
            i64::MIN..=i64::MAX
        };
        self.parsed(opt, |text| match text.parse::<i64>() {
            Ok(number) if bounds.contains(&number) => Ok(number),
            _ => {
                Err(format!("expected a whole number from {} to {}", bounds.start(), bounds.end()))
            }
        })
    }

    /// A floating-point number.
    pub fn double(&self, opt: &Opt) -> Result<Option<f64>> {
        self.parsed(opt, |text| text.trim().parse().map_err(|_| "expected a number".to_owned()))
    }

    /// A duration.
    pub fn duration(&self, opt: &Opt) -> Result<Option<Duration>> {
        self.parsed(opt, parse_duration)
    }

    /// A size in bytes.
    pub fn memory_size(&self, opt: &Opt) -> Result<Option<u64>> {
        self.parsed(opt, parse_memory_size)
    }

    /// A `;`-separated list without empty items.
    pub fn list(&self, opt: &Opt) -> Vec<String> {
        let text = self.string(opt).unwrap_or_default();
        text.split(';').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    /// A regular expression that a whole text has to match, as Java's `Matcher.matches` does.
    ///
    /// # Errors
    /// It is none, or has what is not supported.
    pub fn pattern(&self, opt: &Opt) -> Result<Option<JavaRegex>> {
        let Some(pattern) = self.string(opt) else { return Ok(None) };
        JavaRegex::whole(&pattern).map(Some).map_err(|error| self.invalid(opt, error.to_string()))
    }

    /// One of the words that the option declares, in its declared spelling. Case does not matter.
    pub fn word(&self, opt: &Opt) -> Result<Option<&'static str>> {
        let OptKind::Enum(words) = opt.kind else {
            return Err(Error::internal(format!("option '{}' has no words", opt.key)));
        };
        self.parsed(opt, |text| {
            words
                .iter()
                .copied()
                .find(|word| word.eq_ignore_ascii_case(text.trim()))
                .ok_or_else(|| format!("expected one of {}", words.join(", ")))
        })
    }

    /// Keys below the prefix of a declared `prefix.*` option, with the prefix cut, in key order.
    pub fn rest(&self, opt: &Opt) -> Vec<(String, OptionValue)> {
        self.declare(opt);
        let prefix = format!("{}{}", self.prefix, opt.key.trim_end_matches('*'));
        let mut found = Vec::new();
        for (key, value) in self.options.iter() {
            if let Some(rest) = key.strip_prefix(&prefix).filter(|rest| !rest.is_empty()) {
                found.push((rest.to_owned(), value.clone()));
            }
        }
        found
    }

    /// An error about one option, pointing at it.
    pub fn invalid(&self, opt: &Opt, problem: impl std::fmt::Display) -> Error {
        self.wrong(opt.key, opt.secret, &problem)
    }

    /// [`OptionReader::invalid`] for one of the keys of a `prefix.*` option.
    pub fn invalid_key(&self, key: &str, problem: impl std::fmt::Display) -> Error {
        self.wrong(key, false, &problem)
    }

    fn wrong(&self, key: &str, secret: bool, problem: &dyn std::fmt::Display) -> Error {
        let key = format!("{}{key}", self.prefix);
        let shown = match self.options.get(&key) {
            Some(_) if secret => format!(" = '{}'", super::REDACTED),
            Some(value) => format!(" = '{}'", brief(&super::shown(&key, value))),
            None => String::new(),
        };
        let error = Error::new(
            ErrorKind::Option,
            format!(
                "invalid option '{}'{shown} for {}: {problem}",
                self.options.written(&key),
                self.subject
            ),
        );
        match self.options.span(&key) {
            Some(span) => error.at(span),
            None => error,
        }
    }

    /// An error that points at one option.
    pub fn at(&self, opt: &Opt, error: Error) -> Error {
        match self.options.span(&format!("{}{}", self.prefix, opt.key)) {
            Some(span) => error.at(span),
            None => error,
        }
    }

    /// Refuses the first key that nobody asked for, naming the nearest match and all that is supported.
    pub fn finish(&self) -> Result<()> {
        self.finish_but(&[])
    }

    /// [`OptionReader::finish`] for a table that could not be opened to the end: these keys, and keys below these prefixes
    /// (which end with a dot), may not have been asked for yet.
    pub fn finish_but(&self, prefixes: &[&str]) -> Result<()> {
        for (key, value) in self.options.iter() {
            let may_come = |prefix: &&str| match prefix.ends_with('.') {
                true => key.starts_with(prefix),
                false => key == *prefix,
            };
            if self.taken.has(key) || prefixes.iter().any(may_come) {
                continue;
            }
            let supported = self.taken.supported();
            let mut hint = String::new();
            let written = self.options.written(key);
            if let Some(near) = nearest(
                key,
                supported.iter().map(String::as_str).filter(|option| is_alike(key, option)),
            ) {
                hint = format!("did you mean '{}'? ", in_words_of(written, key, near));
            }
            let all = supported.iter().map(String::as_str);
            hint.push_str(&match supported.len() {
                ..=OPTIONS_SHOWN_MAX => {
                    format!("Supported options: {}", all.collect::<Vec<_>>().join(", "))
                }
                count => {
                    let mut closest = by_distance(key, all);
                    // Those of the same format or group are more likely than others of the same length.
                    let group = key.split_once('.').map(|(group, _)| group);
                    let same =
                        |option: &&str| option.split_once('.').map(|(group, _)| group) == group;
                    closest.sort_by_key(|option| group.is_some() && !same(option));
                    closest.truncate(OPTIONS_CLOSEST_SHOWN);
                    let closest = closest.join(", ");
                    format!(
                        "Closest of {count} supported options: {closest}; docs/reference has all"
                    )
                }
            });
            let error = Error::new(
                ErrorKind::Option,
                format!("unknown option '{written}' for {}", self.subject),
            )
            .with_hint(hint);
            return Err(match value.span {
                Some(span) => error.at(span),
                None => error,
            });
        }
        Ok(())
    }

    fn declare(&self, opt: &Opt) {
        self.taken.declared.borrow_mut().push((Rc::clone(&self.prefix), opt.key));
    }

    fn raw(&self, key: &str) -> Option<&'a str> {
        if self.prefix.is_empty() {
            return self.options.get(key);
        }
        let is_it =
            |(full, _): &(&str, &OptionValue)| full.strip_prefix(&*self.prefix) == Some(key);
        self.options.iter().find(is_it).map(|(_, entry)| entry.value.as_str())
    }

    fn parsed<T>(
        &self,
        opt: &Opt,
        parse: impl Fn(&str) -> std::result::Result<T, String>,
    ) -> Result<Option<T>> {
        self.declare(opt);
        match self.raw(opt.key).or(opt.default) {
            None => Ok(None),
            Some(text) => parse(text).map(Some).map_err(|problem| self.invalid(opt, problem)),
        }
    }
}

/// A value as a message shows it: the beginning of its first line.
pub fn brief(value: &str) -> Cow<'_, str> {
    let line = value.lines().next().unwrap_or("");
    let end = line.char_indices().nth(OPTION_SHOWN_CHARS_MAX).map_or(line.len(), |(at, _)| at);
    match line.get(..end) {
        Some(start) if start.len() < value.len() => Cow::Owned(format!("{start}…")),
        _ => Cow::Borrowed(value),
    }
}

/// `near` with the prefix that the script has: `format.x` for `csv.x`, where it says `format.y` for `csv.y`.
fn in_words_of(written: &str, key: &str, near: &str) -> String {
    let ends_alike = |(prefix, rest): (&str, &str)| {
        let other = key.strip_suffix(rest)?;
        Some(format!("{prefix}.{}", near.strip_prefix(other)?))
    };
    written.split_once('.').and_then(ends_alike).unwrap_or_else(|| near.to_owned())
}

/// Options to be read again: see [`OptionReader::owned`].
#[derive(Clone, Debug)]
pub struct OwnedReader {
    options: Options,
    prefix: String,
    subject: String,
}

impl OwnedReader {
    /// Calls `read` with a reader below the prefix.
    pub fn with<T>(&self, read: impl FnOnce(&OptionReader<'_>) -> T) -> T {
        let taken = Taken::default();
        read(&OptionReader::new(&self.options, &taken, self.subject.clone()).scoped(&self.prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODE: Opt =
        Opt::new("scan.mode", OptKind::Enum(&["exactly-once", "none"]), "").default("none");
    const REST: Opt = Opt::new("properties.*", OptKind::String, "");

    #[test]
    fn leftovers_are_refused_with_the_nearest_match() {
        let mut options = Options::default();
        options.set("scan.mod", "none", Some(Span::new(3, 9)));
        options.set("properties.a.b", "1", None);
        let taken = Taken::default();
        let reader = OptionReader::new(&options, &taken, "table 't'");
        assert_eq!(reader.word(&MODE).unwrap(), Some("none"));
        assert_eq!(reader.rest(&REST)[0].0, "a.b");
        let error = reader.finish().unwrap_err();
        assert_eq!(error.to_string(), "unknown option 'scan.mod' for table 't'");
        assert!(error.hint().unwrap().starts_with("did you mean 'scan.mode'?"));
        assert_eq!(error.span(), Some(Span::new(3, 9)));
    }

    #[test]
    fn errors_have_the_key_of_the_script() {
        const OPTION: Opt = Opt::new("csv.field-delimiter", OptKind::Bool, "");
        let read = |written: &str, key: &str| {
            let mut options = Options::default();
            let given = OptionValue { value: "x".to_owned(), span: None, written: None };
            options.set_written_as(key, written, &given);
            let taken = Taken::default();
            let reader = OptionReader::new(&options, &taken, "table 't'");
            reader.bool(&OPTION).and_then(|_| reader.finish()).unwrap_err()
        };
        let unknown = read("format.field-delimter", "csv.field-delimter");
        assert_eq!(unknown.to_string(), "unknown option 'format.field-delimter' for table 't'");
        assert!(unknown.hint().unwrap().starts_with("did you mean 'format.field-delimiter'?"));
        let invalid = read("format.field-delimiter", "csv.field-delimiter").to_string();
        assert!(invalid.starts_with("invalid option 'format.field-delimiter' = 'x'"), "{invalid}");
    }

    #[test]
    fn patterns_match_whole_texts_and_are_refused_in_one_line() {
        const PATTERN: Opt = Opt::new("topic-pattern", OptKind::String, "");
        let read = |pattern: &str| {
            let mut options = Options::default();
            options.set("topic-pattern", pattern, None);
            let taken = Taken::default();
            OptionReader::new(&options, &taken, "table 't'").pattern(&PATTERN)
        };
        let found = read("a|b+").unwrap().unwrap();
        assert_eq!(
            ["a", "bb", "ab"].map(|text| found.is_match(text)),
            [Ok(true), Ok(true), Ok(false)]
        );
        for (pattern, problem) in [
            ("a[", "it is no regular expression: wrong at character 2"),
            ("a)b", "it is no regular expression: wrong at character 1"),
            ("\\X", "the regular expression '\\X' uses \\X, which is not supported"),
        ] {
            let text = read(pattern).unwrap_err().to_string();
            let expected =
                format!("invalid option 'topic-pattern' = '{pattern}' for table 't': {problem}");
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn words_ignore_case_alone() {
        for (text, expected) in
            [("Exactly-Once", Some("exactly-once")), ("EXACTLY_ONCE", None), ("once", None)]
        {
            let mut options = Options::default();
            options.set("scan.mode", text, None);
            let taken = Taken::default();
            let reader = OptionReader::new(&options, &taken, "table 't'");
            assert_eq!(reader.word(&MODE).ok().flatten(), expected);
            assert_eq!(reader.check(&[MODE]).is_ok(), expected.is_some());
            reader.finish().unwrap();
        }
    }
}
