//! Classes: what stands in brackets, and escapes that stand for several characters.

use super::properties::{java_method, other_property, posix, unicode_posix};
use super::translate::{NESTED_MAX, Parsed, Refused, Translator};

const HORIZONTAL: &str = r"\t\x20\x{A0}\x{1680}\x{180e}\x{2000}-\x{200a}\x{202f}\x{205f}\x{3000}";
pub(super) const VERTICAL: &str = r"\n\x0B\x0C\r\x{85}\x{2028}\x{2029}";

impl Translator {
    /// The content of the class that an escape stands for, with `at` behind the backslash; `None` for others.
    pub(super) fn class_escape(&mut self) -> Parsed<Option<String>> {
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

    /// A class, with `at` behind its bracket.
    pub(super) fn class(&mut self) -> Parsed<String> {
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
pub(super) fn quoted(c: char) -> String {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => c.to_string(),
        c if c.is_ascii() => format!(r"\x{:02x}", u32::from(c)),
        c => c.to_string(),
    }
}
