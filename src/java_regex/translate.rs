//! From Java's syntax to that of the two matchers: groups, quantifiers, anchors, flags, escapes of one character.

use super::LINE_ENDS;
use super::class::{VERTICAL, quoted};
use std::fmt::Write as _;

/// Groups in groups of a pattern, and classes in classes.
pub(super) const NESTED_MAX: usize = 100;

/// Stands for the `$` of Java in a translated pattern until it is known which text is searched.
pub(super) const LINE_END: &str = "\u{0}";

/// Why a pattern is not translated.
pub(super) enum Refused {
    /// As `PatternSyntaxException`.
    Invalid,
    /// What Java has and the matchers have not.
    Unsupported(&'static str),
}

pub(super) type Parsed<T> = Result<T, Refused>;

/// A pattern in the words of the matchers.
#[derive(Default)]
pub(super) struct Translated {
    pub(super) text: String,
    /// Whether only the matcher that backtracks can read it.
    pub(super) backtracks: bool,
    /// Groups that capture.
    pub(super) groups: usize,
}

/// The flags that a pattern sets for itself.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    comments: bool,
    dot_all: bool,
    pub(super) ignore_case: bool,
    multi_line: bool,
    unicode_case: bool,
    pub(super) unicode_classes: bool,
    unix_lines: bool,
}

/// The way through a pattern.
pub(super) struct Translator {
    input: Vec<char>,
    pub(super) at: usize,
    pub(super) flags: Flags,
    out: Translated,
    pub(super) depth: usize,
}

impl Translator {
    pub(super) fn new(pattern: &str) -> Translator {
        let out = Translated { text: String::new(), backtracks: false, groups: 0 };
        let input = pattern.chars().collect();
        Translator { input, at: 0, flags: Flags::default(), out, depth: 0 }
    }

    /// The whole pattern; where it is none, `at` is where that showed.
    pub(super) fn whole(&mut self) -> Parsed<Translated> {
        self.alternatives()?;
        match self.peek() {
            None => Ok(std::mem::take(&mut self.out)),
            Some(_) => Err(Refused::Invalid),
        }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.input.get(self.at).copied()
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<char> {
        self.input.get(self.at + ahead).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        c
    }

    pub(super) fn take(&mut self, expected: &str) -> bool {
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
    pub(super) fn skip_comments(&mut self) {
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

    /// One character written with an escape, with `at` behind the backslash.
    pub(super) fn char_escape(&mut self) -> Parsed<char> {
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
}
