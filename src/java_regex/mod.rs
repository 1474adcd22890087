//! Java's regular expressions (`java.util.regex.Pattern` of JDK 17, without flags), put into the words of two matchers:
//! one of linear time for most patterns, one that backtracks, within a limit, for look-around, back-references, atomic
//! groups and possessive quantifiers.

mod class;
mod properties;
mod translate;

use std::fmt;
use std::ops::Range;
use translate::{LINE_END, Refused, Translator};

/// Bytes of one compiled pattern: nested counted repetitions would take all memory otherwise.
const COMPILED_BYTES_MAX: usize = 4 << 20;

/// Steps back that a search may take: enough for patterns that Java answers at once, few enough to end those that it
/// never would.
const BACKTRACKS_MAX: usize = 1_000_000;

/// What ends a line, as inside of a class.
const LINE_ENDS: &str = r"\n\r\x{85}\x{2028}\x{2029}";

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct JavaRegex {
    pattern: String,
    matcher: Matcher,
    /// For texts that end with the end of a line, where the pattern has a `$` that also matches before it.
    at_line_end: Option<fancy_regex::Regex>,
    groups: usize,
}

#[derive(Clone, Debug)]
enum Matcher {
    Linear(regex::Regex),
    Backtracking(fancy_regex::Regex),
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// Java has no meaning for it (`PatternSyntaxException`): seen after so many of its characters.
    Invalid(usize),
    /// Java has a meaning for it, these matchers have not: the text says what it is.
    Unsupported(String),
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PatternError::Invalid(at) => {
                write!(f, "it is no regular expression: wrong at character {at}")
            }
            PatternError::Unsupported(what) => f.write_str(what),
        }
    }
}

impl JavaRegex {
    /// Compiles a pattern that is looked for in texts, as by `Matcher.find`.
    ///
    /// # Errors
    /// It is none, or has what these matchers have not.
    pub fn new(pattern: &str) -> Result<JavaRegex, PatternError> {
        JavaRegex::compiled(pattern, |text| text)
    }

    /// Compiles a pattern for texts that match as a whole, as by `Matcher.matches`.
    ///
    /// # Errors
    /// As of [`JavaRegex::new`].
    pub fn whole(pattern: &str) -> Result<JavaRegex, PatternError> {
        JavaRegex::compiled(pattern, |text| format!(r"\A(?:{text})\z"))
    }

    fn compiled(
        pattern: &str,
        placed: impl Fn(String) -> String,
    ) -> Result<JavaRegex, PatternError> {
        let unsupported = |what: fmt::Arguments<'_>| {
            PatternError::Unsupported(format!("the regular expression '{pattern}' {what}"))
        };
        let mut translator = Translator::new(pattern);
        let mut translated = translator.whole().map_err(|refused| match refused {
            Refused::Invalid => PatternError::Invalid(translator.at),
            Refused::Unsupported(what) => {
                unsupported(format_args!("uses {what}, which is not supported"))
            }
        })?;
        translated.text = placed(translated.text);
        let backtracking = |text: &str| {
            let built = fancy_regex::RegexBuilder::new(text)
                .backtrack_limit(BACKTRACKS_MAX)
                .delegate_size_limit(COMPILED_BYTES_MAX)
                .build();
            built.map_err(|error| unsupported(format_args!("cannot be compiled: {error}")))
        };
        let plain = translated.text.replace(LINE_END, r"\z");
        let matcher = if translated.backtracks {
            Matcher::Backtracking(backtracking(&plain)?)
        } else {
            match regex::RegexBuilder::new(&plain).size_limit(COMPILED_BYTES_MAX).build() {
                Ok(regex) => Matcher::Linear(regex),
                Err(regex::Error::CompiledTooBig(limit)) => {
                    return Err(unsupported(format_args!(
                        "takes more than {limit} bytes when compiled"
                    )));
                }
                Err(_) => return Err(PatternError::Invalid(pattern.chars().count())),
            }
        };
        let at_line_end = (plain != translated.text)
            .then(|| {
                let end = format!(r"(?=(?:\r\n|[{LINE_ENDS}])?\z)");
                backtracking(&translated.text.replace(LINE_END, &end))
            })
            .transpose()?;
        let groups = translated.groups + 1;
        Ok(JavaRegex { pattern: pattern.to_owned(), matcher, at_line_end, groups })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Groups, with the whole match as the first.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Whether it is found in a text, or matches all of it.
    ///
    /// # Errors
    /// The text says that the search took too long.
    pub fn is_match(&self, text: &str) -> Result<bool, String> {
        match self.matcher_for(text) {
            Found::Linear(regex) => Ok(regex.is_match(text)),
            Found::Backtracking(regex) => regex.is_match(text).map_err(too_long),
        }
    }

    /// The first match at or after a place.
    ///
    /// # Errors
    /// The text says that the search took too long.
    pub fn find_at(&self, text: &str, at: usize) -> Result<Option<Range<usize>>, String> {
        match self.matcher_for(text) {
            Found::Linear(regex) => Ok(regex.find_at(text, at).map(|found| found.range())),
            Found::Backtracking(regex) => {
                let found = regex.find_from_pos(text, at).map_err(too_long)?;
                Ok(found.map(|found| found.range()))
            }
        }
    }

    /// A group of the first match at or after a place; `None` where nothing matches or the group took no part.
    ///
    /// # Errors
    /// The text says that the search took too long.
    pub fn group_at<'t>(
        &self,
        text: &'t str,
        at: usize,
        group: usize,
    ) -> Result<Option<&'t str>, String> {
        let range = match self.matcher_for(text) {
            Found::Linear(regex) => regex
                .captures_at(text, at)
                .and_then(|captures| captures.get(group).map(|part| part.range())),
            Found::Backtracking(regex) => regex
                .captures_from_pos(text, at)
                .map_err(too_long)?
                .and_then(|captures| captures.get(group).map(|part| part.range())),
        };
        Ok(range.and_then(|range| text.get(range)))
    }

    /// The matches that Java's `Matcher.find` gives one after another: an empty one may follow directly upon another.
    pub fn matches<'r, 't>(&'r self, text: &'t str) -> Matches<'r, 't> {
        Matches { regex: self, text, next: Some(0) }
    }

    fn matcher_for(&self, text: &str) -> Found<'_> {
        const ENDS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
        match (&self.at_line_end, &self.matcher) {
            (Some(regex), _) if text.ends_with(ENDS) => Found::Backtracking(regex),
            (_, Matcher::Linear(regex)) => Found::Linear(regex),
            (_, Matcher::Backtracking(regex)) => Found::Backtracking(regex),
        }
    }
}

enum Found<'r> {
    Linear(&'r regex::Regex),
    Backtracking(&'r fancy_regex::Regex),
}

fn too_long(error: fancy_regex::Error) -> String {
    format!("the regular expression needs too many steps for a text: {error}")
}

/// See [`JavaRegex::matches`].
#[derive(Debug)]
pub struct Matches<'r, 't> {
    regex: &'r JavaRegex,
    text: &'t str,
    next: Option<usize>,
}

impl Iterator for Matches<'_, '_> {
    type Item = Result<Range<usize>, String>;

    fn next(&mut self) -> Option<Result<Range<usize>, String>> {
        let found = match self.regex.find_at(self.text, self.next?) {
            Ok(found) => found?,
            Err(error) => {
                self.next = None;
                return Some(Err(error));
            }
        };
        self.next = if found.is_empty() {
            let skipped = self.text.get(found.end..).and_then(|rest| rest.chars().next());
            skipped.map(|skipped| found.end + skipped.len_utf8())
        } else {
            Some(found.end)
        };
        Some(Ok(found))
    }
}
#[cfg(test)]
mod tests {
    use super::{JavaRegex, PatternError};

    /// Every match in the text, `None` where the pattern is none.
    fn matches(pattern: &str, text: &str) -> Option<Vec<String>> {
        let regex = match JavaRegex::new(pattern) {
            Err(PatternError::Invalid(_)) => return None,
            compiled => compiled.unwrap(),
        };
        let found = regex.matches(text).map(|found| text[found.unwrap()].to_owned());
        Some(found.collect())
    }

    #[test]
    fn patterns_mean_what_they_mean_in_java() {
        for (pattern, text, expected) in [
            (r"\d+(?=€)", "12€ 7$", "12"),
            (r"(?<!\d)\d{2}(?!\d)", "123 45 6", "45"),
            (r"(?<=a+)b", "aab b", "b"),
            (r"(\w)\1", "aabbcd", "aa,bb"),
            (r"(?<q>['\x22])x\k<q>", "'x' 'x\"", "'x'"),
            (r"(a)\11", "aa1", "aa1"),
            (r"a++a", "aaa", ""),
            (r"(?>a|ab)c", "abc", ""),
            (r"x*", "ax", ",x,"),
            (r"[[:digit:]]", "1:", ":"),
            (r"[a-z&&[^b-y]]+", "abz", "a,z"),
            (r"[]a]+", "]a", "]a"),
            (r"[a-]+", "a-b", "a-"),
            (r"[\w.-]+", "a.b-c d", "a.b-c,d"),
            (r"[~#]+--", "~#--", "~#--"),
            (r"\Qa.b\E+", "a.bb", "a.bb"),
            (r"\Q[x", "a[x", "[x"),
            (r"(?i)a\Qé\E+", "Aéé", "Aéé"),
            (r"a.c", "a\rc a\u{2028}c abc", "abc"),
            (r"c$", "abc\n", "c"),
            (r"c\z", "abc\n", ""),
            (r"\R", "a\r\nb\u{85}", "\r\n,\u{85}"),
            (r"(?i)ÄB", "äb Äb", "Äb"),
            (r"(?iu)ÄB", "äb", "äb"),
            (r"(?x) a b # c", "ab", "ab"),
            (r"\x41\u0042\x{43}\0104\t", "ABCD\t", "ABCD\t"),
            (r"\ud83d\ude00", "😀", "😀"),
            (r"\p{L}\p{Lu}\pN\p{IsGreek}\p{InCyrillic}\p{Punct}", "xÄ1αж!", "xÄ1αж!"),
            (r"\bü", "xü ü", "ü"),
            (r"\<a\>", "<a>", "<a>"),
        ] {
            let found = matches(pattern, text).map(|found| found.join(","));
            assert_eq!(found.as_deref(), Some(expected), "{pattern}");
        }
        for invalid in
            ["(", ")", "[", "a{", "{a}", "*a", "a**", r"\i", "[z-a]", "(?<1>a)", r"\p{Nope}", "\\"]
        {
            assert_eq!(matches(invalid, "a"), None, "{invalid}");
        }
    }

    #[test]
    fn whole_texts_match_whole_patterns() {
        for (pattern, yes, no) in [
            ("a|ab", "ab", "abc"),
            (r"(?!internal)[a-z-]+\.orders", "shop.orders", "internal.orders"),
            ("(?x) orders # all of them", "orders", "order"),
            ("o\\Q.\\Ex", "o.x", "oxx"),
            ("orders$", "orders", "orders\n"),
            ("(?i)ORDERS-\\d++", "orders-12", "orders-12x"),
        ] {
            let regex = JavaRegex::whole(pattern).unwrap();
            assert_eq!(
                [yes, no].map(|text| regex.is_match(text)),
                [Ok(true), Ok(false)],
                "{pattern}"
            );
        }
        assert_eq!(JavaRegex::whole("ab[c").unwrap_err(), PatternError::Invalid(4));
    }

    #[test]
    fn a_search_without_end_is_given_up() {
        let regex = JavaRegex::new(r"(x+x+)+\1y").unwrap();
        assert!(regex.is_match(&"x".repeat(60)).is_err());
    }
}
