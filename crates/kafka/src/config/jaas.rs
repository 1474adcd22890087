//! `sasl.jaas.config`: one login module with its options, in the form of JAAS configuration files
//! (Kafka's `JaasConfig`, which reads with Java's `StreamTokenizer`).
//!
//! Error texts never repeat what was read: with a quote in the wrong place, a password can stand
//! anywhere.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

/// One entry.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Jaas {
    /// Class name without its package: the package depends on how a jar was shaded.
    pub(super) module: String,
    options: BTreeMap<String, String>,
}

impl fmt::Debug for Jaas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jaas").field("module", &self.module).finish_non_exhaustive()
    }
}

impl Jaas {
    /// The value of an option.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// Options whose name starts with `prefix`, without it.
    pub(super) fn with_prefix<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.options
            .iter()
            .filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
    }

    /// Reads `Class flag name=value … ;`.
    ///
    /// # Errors
    /// A sentence that says what is missing, and where.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = Tokens { chars: text.chars().peekable(), line: 1 };
        let class = match tokens.next()? {
            Some(Token::Word(class)) => class,
            Some(_) => return Err(tokens.here("a class name is expected")),
            None => return Err("it is empty".to_owned()),
        };
        match tokens.next()? {
            Some(Token::Word(flag)) if is_flag(&flag) => {}
            _ => {
                return Err(tokens.here("the flag 'required' is expected behind the class name"));
            }
        }
        let mut options = BTreeMap::new();
        loop {
            let name = match tokens.next()? {
                Some(Token::Word(name) | Token::Quoted(name)) => name,
                Some(Token::End) => break,
                Some(Token::Equals) => return Err(tokens.here("'=' stands without a name")),
                None => return Err("the semicolon at the end is missing".to_owned()),
            };
            match tokens.next()? {
                Some(Token::Equals) => {}
                None => return Err("the semicolon at the end is missing".to_owned()),
                Some(_) => {
                    return Err(tokens.here(
                        "'=' is expected between the name and the value of an option; values with spaces or \
                         special characters need quotes",
                    ));
                }
            }
            match tokens.next_value()? {
                Some(Token::Word(value) | Token::Quoted(value)) => {
                    options.insert(name, value);
                }
                Some(_) => return Err(tokens.here("an option has no value")),
                None => return Err("the semicolon at the end is missing".to_owned()),
            }
        }
        if tokens.next()?.is_some() {
            return Err(tokens.here("there must be one login module, but more follows"));
        }
        let module = class.rsplit('.').next().unwrap_or_default().to_owned();
        Ok(Self { module, options })
    }
}

fn is_flag(word: &str) -> bool {
    ["required", "requisite", "sufficient", "optional"]
        .iter()
        .any(|flag| flag.eq_ignore_ascii_case(word))
}

enum Token {
    Word(String),
    Quoted(String),
    Equals,
    End,
}

struct Tokens<'a> {
    chars: Peekable<Chars<'a>>,
    line: u32,
}

impl Tokens<'_> {
    fn here(&self, what: &str) -> String {
        if self.line == 1 { what.to_owned() } else { format!("line {}: {what}", self.line) }
    }

    fn advance(&mut self) -> Option<char> {
        let next = self.chars.next();
        self.line += u32::from(next == Some('\n'));
        next
    }

    fn next(&mut self) -> Result<Option<Token>, String> {
        self.token(&['='])
    }

    /// A value may hold `=` without quotes, as the padding of base64 does.
    fn next_value(&mut self) -> Result<Option<Token>, String> {
        self.token(&[])
    }

    fn token(&mut self, breaks: &[char]) -> Result<Option<Token>, String> {
        self.skip()?;
        let Some(first) = self.advance() else { return Ok(None) };
        Ok(Some(match first {
            ';' => Token::End,
            '=' if !breaks.is_empty() => Token::Equals,
            '"' | '\'' => Token::Quoted(self.quoted(first)?),
            first => {
                let mut word = String::from(first);
                while let Some(c) = self.chars.peek().copied().filter(|c| {
                    !c.is_whitespace() && !matches!(c, ';' | '"' | '\'') && !breaks.contains(c)
                }) {
                    word.push(c);
                    self.advance();
                }
                Token::Word(word)
            }
        }))
    }

    /// White space and comments.
    fn skip(&mut self) -> Result<(), String> {
        loop {
            match self.chars.peek() {
                Some(c) if c.is_whitespace() => {
                    self.advance();
                }
                Some('/') => {
                    let mut ahead = self.chars.clone();
                    ahead.next();
                    match ahead.next() {
                        Some('/') => while self.advance().is_some_and(|c| c != '\n') {},
                        Some('*') => self.block_comment()?,
                        _ => return Ok(()),
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    fn block_comment(&mut self) -> Result<(), String> {
        self.advance();
        self.advance();
        let mut star = false;
        loop {
            match self.advance() {
                Some('/') if star => return Ok(()),
                Some(c) => star = c == '*',
                None => return Err("a comment does not end".to_owned()),
            }
        }
    }

    /// Text up to `quote`, with the escapes of Java's `StreamTokenizer`.
    fn quoted(&mut self, quote: char) -> Result<String, String> {
        let started = self.here("a quote is not closed");
        let mut text = String::new();
        loop {
            match self.advance() {
                None => return Err(started),
                Some(c) if c == quote => return Ok(text),
                Some('\\') => match self.advance() {
                    None => return Err(started),
                    Some('n') => text.push('\n'),
                    Some('r') => text.push('\r'),
                    Some('t') => text.push('\t'),
                    Some('a') => text.push('\u{7}'),
                    Some('b') => text.push('\u{8}'),
                    Some('f') => text.push('\u{c}'),
                    Some('v') => text.push('\u{b}'),
                    Some(digit @ '0'..='7') => text.push(self.octal(digit)),
                    Some(c) => text.push(c),
                },
                Some(c) => text.push(c),
            }
        }
    }

    /// Up to three octal digits, the first of three at most 3.
    fn octal(&mut self, first: char) -> char {
        let mut value = first.to_digit(8).unwrap_or(0);
        let more = if first <= '3' { 2 } else { 1 };
        for _ in 0..more {
            let Some(digit) = self.chars.peek().and_then(|c| c.to_digit(8)) else { break };
            value = value * 8 + digit;
            self.advance();
        }
        char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Vec<(String, String)> {
        Jaas::parse(text).unwrap().options.into_iter().collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn what_flink_users_write() {
        let shaded = "org.apache.flink.kafka.shaded.org.apache.kafka.common.security.scram.ScramLoginModule \
                      required username=\"u\" password=\"p;w= d\";";
        assert_eq!(Jaas::parse(shaded).unwrap().module, "ScramLoginModule");
        assert_eq!(options(shaded), pairs(&[("password", "p;w= d"), ("username", "u")]));
        let lines = "\n  a.b.PlainLoginModule required // a comment\n  username='u'\n /* and\n another */ password=\"a\\\"b\\\\c\"\n ;\n";
        assert_eq!(options(lines), pairs(&[("password", "a\"b\\c"), ("username", "u")]));
        assert_eq!(
            options("P required user=u key=abc+/=;"),
            pairs(&[("key", "abc+/="), ("user", "u")])
        );
        assert_eq!(
            options("P REQUIRED a=\"\\101\\n\" b = 'x' ;"),
            pairs(&[("a", "A\n"), ("b", "x")])
        );
        assert_eq!(options("software.amazon.msk.auth.iam.IAMLoginModule required;"), []);
    }

    #[test]
    fn errors_say_what_is_missing_and_show_nothing() {
        for (text, said) in [
            ("", "empty"),
            ("P", "'required'"),
            ("P username=\"hush\";", "'required'"),
            ("P required password=\"hush\"", "semicolon"),
            ("P required password=\"hush;", "quote"),
            ("P required password=hush hush2;", "'='"),
            ("P required ='hush';", "without a name"),
            ("P required password=;", "no value"),
            ("P required a=hush; Q required;", "one login module"),
            ("P required /* hush", "comment"),
            ("P required\n\na hush;", "line 3"),
        ] {
            let error = Jaas::parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
