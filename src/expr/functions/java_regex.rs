//! Java's regular expressions (`java.util.regex.Pattern` of JDK 17, without flags), put into the words of two matchers:
//! one of linear time for most patterns, one that backtracks, within a limit, for look-around, back-references, atomic
//! groups and possessive quantifiers.

use super::regex_properties::{java_method, other_property, posix, unicode_posix};
use std::fmt::Write as _;
use std::ops::Range;

/// Bytes of one compiled pattern: nested counted repetitions would take all memory otherwise.
const COMPILED_BYTES_MAX: usize = 4 << 20;

/// Steps back that a search may take: enough for patterns that Java answers at once, few enough to end those that it
/// never would.
const BACKTRACKS_MAX: usize = 1_000_000;

/// Groups in groups of a pattern, and classes in classes.
const NESTED_MAX: usize = 100;

/// What ends a line, as inside of a class.
const LINE_ENDS: &str = r"\n\r\x{85}\x{2028}\x{2029}";
const HORIZONTAL: &str = r"\t\x20\x{A0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}";
const VERTICAL: &str = r"\n\x0B\x0C\r\x{85}\x{2028}\x{2029}";

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct JavaRegex {
    matcher: Matcher,
    /// For texts that end with the end of a line, where the pattern has a `$` that also matches before it.
    at_line_end: Option<fancy_regex::Regex>,
    groups: usize,
}

#[derive(Debug)]
enum Matcher {
    Linear(regex::Regex),
    Backtracking(fancy_regex::Regex),
}

impl JavaRegex {
    /// Compiles a pattern; `None` where Java has no meaning for it.
    ///
    /// # Errors
    /// The text names what Java has and these matchers have not.
    pub(super) fn new(pattern: &str) -> Result<Option<JavaRegex>, String> {
        let translated = match Translator::new(pattern).whole() {
            Ok(translated) => translated,
            Err(Refused::Invalid) => return Ok(None),
            Err(Refused::Unsupported(what)) => {
                return Err(format!(
                    "the regular expression '{pattern}' uses {what}, which is not supported"
                ));
            }
        };
        let backtracking = |text: &str| {
            let built = fancy_regex::RegexBuilder::new(text)
                .backtrack_limit(BACKTRACKS_MAX)
                .delegate_size_limit(COMPILED_BYTES_MAX)
                .build();
            built.map_err(|error| {
                format!("the regular expression '{pattern}' cannot be compiled: {error}")
            })
        };
        let plain = translated.text.replace(LINE_END, r"\z");
        let matcher = if translated.backtracks {
            Matcher::Backtracking(backtracking(&plain)?)
        } else {
            match regex::RegexBuilder::new(&plain).size_limit(COMPILED_BYTES_MAX).build() {
                Ok(regex) => Matcher::Linear(regex),
                Err(regex::Error::CompiledTooBig(limit)) => {
                    return Err(format!(
                        "the regular expression '{pattern}' takes more than {limit} bytes when compiled"
                    ));
                }
                Err(_) => return Ok(None),
            }
        };
        let at_line_end = (plain != translated.text)
            .then(|| {
                let end = format!(r"(?=(?:\r\n|[{LINE_ENDS}])?\z)");
                backtracking(&translated.text.replace(LINE_END, &end))
            })
            .transpose()?;
        Ok(Some(JavaRegex { matcher, at_line_end, groups: translated.groups + 1 }))
    }

    /// Groups, with the whole match as the first.
    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    /// # Errors
    /// The text says that the search took too long.
    pub(super) fn is_match(&self, text: &str) -> Result<bool, String> {
        match self.matcher_for(text) {
            Found::Linear(regex) => Ok(regex.is_match(text)),
            Found::Backtracking(regex) => regex.is_match(text).map_err(too_long),
        }
    }

    /// The first match at or after a place.
    ///
    /// # Errors
    /// The text says that the search took too long.
    pub(super) fn find_at(&self, text: &str, at: usize) -> Result<Option<Range<usize>>, String> {
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
    pub(super) fn group_at<'t>(
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
    pub(super) fn matches<'r, 't>(&'r self, text: &'t str) -> Matches<'r, 't> {
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
pub(super) struct Matches<'r, 't> {
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

/// Stands for the `$` of Java in a translated pattern until it is known which text is searched.
const LINE_END: &str = "\u{0}";

enum Refused {
    /// As `PatternSyntaxException`.
    Invalid,
    Unsupported(&'static str),
}

type Parsed<T> = Result<T, Refused>;

struct Translated {
    text: String,
    backtracks: bool,
    groups: usize,
}

/// The flags that a pattern sets for itself.
#[derive(Clone, Copy, Default)]
struct Flags {
    comments: bool,
    dot_all: bool,
    ignore_case: bool,
    multi_line: bool,
    unicode_case: bool,
    unicode_classes: bool,
    unix_lines: bool,
}

struct Translator {
    input: Vec<char>,
    at: usize,
    flags: Flags,
    out: Translated,
    depth: usize,
}

impl Translator {
    fn new(pattern: &str) -> Translator {
        let out = Translated { text: String::new(), backtracks: false, groups: 0 };
        let input = pattern.chars().collect();
        Translator { input, at: 0, flags: Flags::default(), out, depth: 0 }
    }

    fn whole(mut self) -> Parsed<Translated> {
        self.alternatives()?;
        match self.peek() {
            None => Ok(self.out),
            Some(_) => Err(Refused::Invalid),
        }
    }

    fn peek(&self) -> Option<char> {
        self.input.get(self.at).copied()
    }

    fn peek_at(&self, ahead: usize) -> Option<char> {
        self.input.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        c
    }

    fn take(&mut self, expected: &str) -> bool {
        let matches = expected.chars().enumerate().all(|(index, c)| self.peek_at(index) == Some(c));
        if matches {
            self.at += expected.chars().count();
        }
        matches
    }

    fn push(&mut self, text: &str) {
        self.out.text.push_str(text);
    }

    fn literal(&mut self, c: char) {
        // (?i) is about ASCII unless (?u) is there, too.
        if self.flags.ignore_case && !self.flags.unicode_case && !c.is_ascii() {
            let _ = write!(self.out.text, r"(?-i:\x{{{:x}}})", u32::from(c));
        } else {
            self.out.text.push_str(&quoted(c));
        }
    }

    /// Passes over what `(?x)` allows between the parts of a pattern.
    fn skip_comments(&mut self) {
        while self.flags.comments {
            match self.peek() {
                Some(' ' | '\t' | '\n' | '\x0B' | '\x0C' | '\r') => self.at += 1,
                Some('#') => while self.next().is_some_and(|c| c != '\n' && c != '\r') {},
                _ => return,
            }
        }
    }

    fn alternatives(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > NESTED_MAX {
            return Err(Refused::Unsupported("too many groups in groups"));
        }
        loop {
            self.sequence()?;
            if self.peek() != Some('|') {
                break;
            }
            self.at += 1;
            self.push("|");
        }
        self.depth -= 1;
        Ok(())
    }

    fn sequence(&mut self) -> Parsed<()> {
        loop {
            self.skip_comments();
            let start = self.out.text.len();
            match self.peek() {
                None | Some('|' | ')') => return Ok(()),
                Some('*' | '+' | '?' | '{') => return Err(Refused::Invalid),
                Some('(') => {
                    if !self.group()? {
                        continue;
                    }
                }
                Some('[') => {
                    self.at += 1;
                    let class = self.class()?;
                    self.push(&class);
                }
                Some('.') => {
                    self.at += 1;
                    match (self.flags.dot_all, self.flags.unix_lines) {
                        (true, _) => self.push("(?s:.)"),
                        (false, true) => self.push(r"[^\n]"),
                        (false, false) => self.push(&format!("[^{LINE_ENDS}]")),
                    }
                }
                Some('^') => {
                    self.at += 1;
                    self.push(if self.flags.multi_line { "(?m:^)" } else { r"\A" });
                }
                Some('$') => {
                    self.at += 1;
                    self.push(if self.flags.multi_line { "(?m:$)" } else { LINE_END });
                }
                Some('\\') => {
                    self.at += 1;
                    if !self.escape()? {
                        continue;
                    }
                }
                Some(c) => {
                    self.at += 1;
                    self.literal(c);
                }
            }
            self.quantifier(start)?;
        }
    }

    /// A quantifier of what was written from `start` on.
    fn quantifier(&mut self, start: usize) -> Parsed<()> {
        self.skip_comments();
        let mut text = match self.peek() {
            Some(c @ ('*' | '+' | '?')) => {
                self.at += 1;
                c.to_string()
            }
            Some('{') => {
                self.at += 1;
                self.counts()?
            }
            _ => return Ok(()),
        };
        // What is repeated is one thing: a literal may have become several.
        self.out.text.insert_str(start, "(?:");
        self.push(")");
        self.skip_comments();
        match self.peek() {
            Some('?') => {
                self.at += 1;
                text.push('?');
                self.push(&text);
            }
            Some('+') => {
                self.at += 1;
                self.out.text.insert_str(start, "(?>");
                self.push(&text);
                self.push(")");
                self.out.backtracks = true;
            }
            _ => self.push(&text),
        }
        match self.peek() {
            Some('*' | '+' | '?') => Err(Refused::Invalid),
            _ => Ok(()),
        }
    }

    /// `n}`, `n,}` or `n,m}`.
    fn counts(&mut self) -> Parsed<String> {
        let least = self.number().ok_or(Refused::Invalid)?;
        let mut text = format!("{{{least}");
        if self.take(",") {
            text.push(',');
            if let Some(most) = self.number() {
                if most < least {
                    return Err(Refused::Invalid);
                }
                let _ = write!(text, "{most}");
            }
        }
        if !self.take("}") {
            return Err(Refused::Invalid);
        }
        text.push('}');
        Ok(text)
    }

    fn number(&mut self) -> Option<u32> {
        let mut value: Option<u32> = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            self.at += 1;
            value = Some(value.unwrap_or(0).checked_mul(10)?.checked_add(digit)?);
        }
        value
    }

    /// A group, with `at` on its parenthesis. FALSE where it only sets flags.
    fn group(&mut self) -> Parsed<bool> {
        let flags = self.flags;
        self.at += 1;
        if !self.take("?") {
            self.out.groups += 1;
            self.push("(");
        } else if self.take(":") {
            self.push("(?:");
        } else if let Some(head) =
            ["=", "!", "<=", "<!", ">"].into_iter().find(|head| self.take(head))
        {
            self.out.backtracks = true;
            self.push("(?");
            self.push(head);
        } else if self.take("<") {
            let name = self.group_name()?;
            self.out.groups += 1;
            self.push(&format!("(?<{name}>"));
        } else {
            self.set_flags()?;
            let case = if self.flags.ignore_case { "i" } else { "-i" };
            if self.take(")") {
                self.push(&format!("(?{case})"));
                return Ok(false);
            }
            if !self.take(":") {
                return Err(Refused::Invalid);
            }
            self.push(&format!("(?{case}:"));
        }
        self.alternatives()?;
        if !self.take(")") {
            return Err(Refused::Invalid);
        }
        self.push(")");
        self.flags = flags;
        Ok(true)
    }

    fn group_name(&mut self) -> Parsed<String> {
        let mut name = String::new();
        loop {
            match self.next() {
                Some('>') if !name.is_empty() => return Ok(name),
                Some(c) if c.is_ascii_alphabetic() || c.is_ascii_digit() && !name.is_empty() => {
                    name.push(c);
                }
                _ => return Err(Refused::Invalid),
            }
        }
    }

    fn set_flags(&mut self) -> Parsed<()> {
        let mut on = true;
        loop {
            let flag = match self.peek() {
                Some('-') if on => {
                    on = false;
                    self.at += 1;
                    continue;
                }
                Some('d') => &mut self.flags.unix_lines,
                Some('i') => &mut self.flags.ignore_case,
                Some('m') => &mut self.flags.multi_line,
                Some('s') => &mut self.flags.dot_all,
                Some('u') => &mut self.flags.unicode_case,
                Some('U') => &mut self.flags.unicode_classes,
                Some('x') => &mut self.flags.comments,
                Some(')' | ':') => return Ok(()),
                _ => return Err(Refused::Invalid),
            };
            *flag = on;
            self.at += 1;
        }
    }

    /// An escape outside of a class, with `at` behind the backslash. FALSE where it was quoted text.
    fn escape(&mut self) -> Parsed<bool> {
        let c = self.peek().ok_or(Refused::Invalid)?;
        match c {
            'Q' => {
                self.at += 1;
                while !self.take(r"\E") {
                    let Some(c) = self.next() else { break };
                    let start = self.out.text.len();
                    self.literal(c);
                    // A quantifier behind the quotation is one of its last character.
                    if self.take(r"\E") {
                        self.quantifier(start)?;
                        break;
                    }
                }
                return Ok(false);
            }
            'A' => self.push(r"\A"),
            'z' => self.push(r"\z"),
            'Z' => self.push(LINE_END),
            'b' => self.push(r"\b"),
            'B' => self.push(r"\B"),
            'R' => self.push(&format!(r"(?:\r\n|[{VERTICAL}])")),
            'G' => return Err(Refused::Unsupported(r"\G")),
            'X' => return Err(Refused::Unsupported(r"\X")),
            'N' => return Err(Refused::Unsupported(r"\N")),
            'k' => {
                self.at += 1;
                if !self.take("<") {
                    return Err(Refused::Invalid);
                }
                let name = self.group_name()?;
                self.out.backtracks = true;
                self.push(&format!(r"\k<{name}>"));
                return Ok(true);
            }
            '1'..='9' => return self.back_reference().map(|()| true),
            _ => {
                if let Some(class) = self.class_escape()? {
                    self.push(&format!("[{class}]"));
                } else {
                    let c = self.char_escape()?;
                    self.literal(c);
                }
                return Ok(true);
            }
        }
        self.at += 1;
        Ok(true)
    }

    /// As many digits as there is a group for.
    fn back_reference(&mut self) -> Parsed<()> {
        let mut group = 0;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            let more = group * 10 + digit as usize;
            if group > 0 && more > self.out.groups {
                break;
            }
            group = more;
            self.at += 1;
        }
        if group > self.out.groups {
            // A group that is not there, or comes later, never matches.
            self.push(r"[^\x{0}-\x{10ffff}]");
            return Ok(());
        }
        self.out.backtracks = true;
        self.push(&format!(r"(?:\{group})"));
        Ok(())
    }

    /// The content of the class that an escape stands for, with `at` behind the backslash; `None` for others.
    fn class_escape(&mut self) -> Parsed<Option<String>> {
        let unicode = self.flags.unicode_classes;
        let (class, content) = match self.peek() {
            Some('d' | 'D') => ('d', if unicode { r"\p{Nd}" } else { "0-9" }),
            Some('w' | 'W') => (
                'w',
                if unicode {
                    r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}"
                } else {
                    "0-9A-Za-z_"
                },
            ),
            Some('s' | 'S') => {
                ('s', if unicode { r"\p{White_Space}" } else { r"\x20\t\n\x0B\x0C\r" })
            }
            Some('h' | 'H') => ('h', HORIZONTAL),
            Some('v' | 'V') => ('v', VERTICAL),
            Some(c @ ('p' | 'P')) => {
                self.at += 1;
                let content = self.property()?;
                return Ok(Some(if c == 'P' { format!("[^{content}]") } else { content }));
            }
            _ => return Ok(None),
        };
        let negated = self.next() != Some(class);
        Ok(Some(if negated { format!("[^{content}]") } else { content.to_owned() }))
    }

    /// The content of a class for `\p{…}`, with `at` behind the letter.
    fn property(&mut self) -> Parsed<String> {
        let mut name = String::new();
        if self.take("{") {
            loop {
                match self.next() {
                    Some('}') => break,
                    Some(c) => name.push(c),
                    None => return Err(Refused::Invalid),
                }
            }
        } else {
            name.push(self.next().ok_or(Refused::Invalid)?);
        }
        let insensitive = self.flags.ignore_case;
        let content = match name.as_str() {
            "Lower" | "Upper" if insensitive => "A-Za-z",
            "javaLowerCase" | "javaUpperCase" if insensitive => r"\p{Lowercase}\p{Uppercase}",
            _ if self.flags.unicode_classes && posix(&name).is_some() => unicode_posix(&name),
            _ => match posix(&name).or_else(|| java_method(&name)) {
                Some(content) => content,
                None => return other_property(&name).ok_or(Refused::Invalid),
            },
        };
        Ok(content.to_owned())
    }

    /// One character written with an escape, with `at` behind the backslash.
    fn char_escape(&mut self) -> Parsed<char> {
        let c = self.next().ok_or(Refused::Invalid)?;
        let code = match c {
            't' => return Ok('\t'),
            'n' => return Ok('\n'),
            'r' => return Ok('\r'),
            'f' => return Ok('\x0C'),
            'a' => return Ok('\x07'),
            'e' => return Ok('\x1B'),
            'c' => u32::from(self.next().ok_or(Refused::Invalid)?) ^ 64,
            'x' if self.take("{") => {
                let mut code: u32 = 0;
                while !self.take("}") {
                    let digit = self.next().and_then(|c| c.to_digit(16)).ok_or(Refused::Invalid)?;
                    code = code.checked_mul(16).ok_or(Refused::Invalid)? + digit;
                }
                code
            }
            'x' => self.digits(2)?,
            'u' => {
                let high = self.digits(4)?;
                let rest = self.at;
                if (0xD800..0xDC00).contains(&high) && self.take(r"\u") {
                    let low = self.digits(4)?;
                    if (0xDC00..0xE000).contains(&low) {
                        0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00)
                    } else {
                        self.at = rest;
                        high
                    }
                } else {
                    high
                }
            }
            '0' => {
                let mut code = None;
                while let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) {
                    let more = code.unwrap_or(0) * 8 + digit;
                    if more > 0o377 {
                        break;
                    }
                    code = Some(more);
                    self.at += 1;
                }
                code.ok_or(Refused::Invalid)?
            }
            c if c.is_ascii_alphanumeric() => return Err(Refused::Invalid),
            c => return Ok(c),
        };
        match char::from_u32(code) {
            Some(c) => Ok(c),
            // Texts hold no halves of pairs.
            None if code < 0x1_0000 => Ok('\u{10FFFF}'),
            None => Err(Refused::Invalid),
        }
    }

    fn digits(&mut self, count: usize) -> Parsed<u32> {
        let mut code = 0;
        for _ in 0..count {
            let digit = self.next().and_then(|c| c.to_digit(16)).ok_or(Refused::Invalid)?;
            code = code * 16 + digit;
        }
        Ok(code)
    }

    /// A class, with `at` behind its bracket.
    fn class(&mut self) -> Parsed<String> {
        self.depth += 1;
        if self.depth > NESTED_MAX {
            return Err(Refused::Unsupported("too many classes in classes"));
        }
        let mut out = String::from("[");
        if self.take("^") {
            out.push('^');
        }
        let mut empty = true;
        loop {
            self.skip_comments();
            match self.peek() {
                None => return Err(Refused::Invalid),
                Some(']') if !empty => {
                    self.at += 1;
                    break;
                }
                Some('[') => {
                    self.at += 1;
                    let nested = self.class()?;
                    out.push_str(&nested);
                }
                Some('&') if self.peek_at(1) == Some('&') => {
                    self.at += 2;
                    while self.take("&") {}
                    match self.peek() {
                        // Nothing to intersect with.
                        Some(']') => {}
                        _ if empty => {}
                        _ => out.push_str("&&"),
                    }
                }
                _ => self.class_item(&mut out)?,
            }
            empty = false;
        }
        out.push(']');
        self.depth -= 1;
        Ok(out)
    }

    /// A character, a range or an escape in a class.
    fn class_item(&mut self, out: &mut String) -> Parsed<()> {
        let Some(from) = self.class_char(out)? else { return Ok(()) };
        let range = self.peek() == Some('-') && !matches!(self.peek_at(1), None | Some(']' | '['));
        if !range {
            out.push_str(&quoted(from));
            return Ok(());
        }
        self.at += 1;
        let mut rest = String::new();
        match self.class_char(&mut rest)? {
            Some(to) if to < from => Err(Refused::Invalid),
            Some(to) => {
                out.push_str(&quoted(from));
                out.push('-');
                out.push_str(&quoted(to));
                Ok(())
            }
            None => Err(Refused::Invalid),
        }
    }

    /// The next character of a class; what stands for several is written to `out`.
    fn class_char(&mut self, out: &mut String) -> Parsed<Option<char>> {
        let c = self.next().ok_or(Refused::Invalid)?;
        if c != '\\' {
            return Ok(Some(c));
        }
        if self.take("Q") {
            while !self.take(r"\E") {
                let c = self.next().ok_or(Refused::Invalid)?;
                out.push_str(&quoted(c));
            }
            return Ok(None);
        }
        match self.class_escape()? {
            Some(content) => {
                out.push_str(&content);
                Ok(None)
            }
            None => self.char_escape().map(Some),
        }
    }
}

/// A character that means itself, in a class and outside.
fn quoted(c: char) -> String {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => c.to_string(),
        c if c.is_ascii() => format!(r"\x{:02x}", u32::from(c)),
        c => c.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::JavaRegex;

    /// Every match in the text, `None` where the pattern is none.
    fn matches(pattern: &str, text: &str) -> Option<Vec<String>> {
        let regex = JavaRegex::new(pattern).unwrap()?;
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
    fn a_search_without_end_is_given_up() {
        let regex = JavaRegex::new(r"(x+x+)+\1y").unwrap().unwrap();
        assert!(regex.is_match(&"x".repeat(60)).is_err());
    }
}
