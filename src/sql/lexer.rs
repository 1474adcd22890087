//! Text to tokens.
//!
//! The rules are those of Calcite's lexer in the state that Flink uses (`Lex.JAVA`): names keep
//! their case and are quoted with back-ticks, strings with `'`, comments are `--`, `//` and
//! `/* */`. The lexer never fails: what is no token becomes [`TokenKind::Invalid`], so that a
//! script can still be split into statements.

use super::ast::NumberKind;
use super::keyword::keyword;
use super::token::{Invalid, Symbol, Token, TokenKind};
use crate::base::Span;

/// Splits `source` into tokens; the last one is [`TokenKind::End`]. A text of more than
/// [`SQL_SCRIPT_BYTES_MAX`](crate::base::limits::SQL_SCRIPT_BYTES_MAX) bytes is the caller's to refuse.
#[must_use]
pub fn tokenize(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { source, at: 0, in_hint: false };
    let mut tokens = Vec::new();
    loop {
        let unclosed = lexer.skip_blanks_and_comments();
        let start = unclosed.unwrap_or(lexer.at);
        let kind = match unclosed {
            Some(_) => TokenKind::Invalid(Invalid::UnclosedComment),
            None => lexer.token(),
        };
        let span = Span::new(offset(start), offset(lexer.at));
        let end = kind == TokenKind::End;
        tokens.push(Token { kind, span });
        if end {
            return tokens;
        }
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Whether a name can begin with `c`.
fn starts_name(c: char) -> bool {
    c.is_alphabetic() || c == '_' || c == '$'
}

/// Whether a name can go on with `c`.
fn continues_name(c: char) -> bool {
    starts_name(c) || c.is_numeric()
}

/// Whether `name` needs no back-ticks because of its characters.
pub(super) fn is_plain_name(name: &str) -> bool {
    name.chars().next().is_some_and(starts_name) && name.chars().all(continues_name)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    /// Between `/*+` and `*/`.
    in_hint: bool,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn eat_char(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn eat_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or("")
    }

    /// Answers where a comment begins that never ends.
    fn skip_blanks_and_comments(&mut self) -> Option<usize> {
        loop {
            self.eat_while(char::is_whitespace);
            let start = self.at;
            let rest = self.rest();
            // `SET path = hdfs://host/dir` is no comment.
            let is_address = self.source.get(..start).is_some_and(|s| s.ends_with(':'));
            if rest.starts_with("--") || (rest.starts_with("//") && !is_address) {
                self.eat_while(|c| c != '\n' && c != '\r');
            } else if rest.starts_with("/*") && !rest.starts_with("/*+") {
                let Some(length) = rest.get(2..).and_then(|body| body.find("*/")) else {
                    self.at = self.source.len();
                    return Some(start);
                };
                self.at += length + 4;
            } else {
                return None;
            }
        }
    }

    fn token(&mut self) -> TokenKind {
        let Some(first) = self.peek() else { return TokenKind::End };
        let fraction_follows = self.rest().chars().nth(1).is_some_and(|c| c.is_ascii_digit());
        match first {
            '\'' => self.string(TokenKind::String),
            '`' => self.quoted_ident(),
            '"' => {
                self.at += 1;
                TokenKind::Invalid(Invalid::DoubleQuote)
            }
            '0'..='9' => self.number(),
            '.' if fraction_follows => self.number(),
            _ if starts_name(first) => self.word(),
            _ if self.eat("/*+") => {
                self.in_hint = true;
                TokenKind::HintStart
            }
            _ if self.in_hint && self.eat("*/") => {
                self.in_hint = false;
                TokenKind::HintEnd
            }
            _ => match Symbol::ALL.iter().find(|symbol| self.rest().starts_with(symbol.text())) {
                Some(symbol) => {
                    self.at += symbol.text().len();
                    TokenKind::Symbol(*symbol)
                }
                None => {
                    self.at += first.len_utf8();
                    TokenKind::Invalid(Invalid::Character)
                }
            },
        }
    }

    /// The text up to the closing `quote`, doubled quotes undone.
    fn quoted(&mut self, quote: char) -> Option<String> {
        self.at += quote.len_utf8();
        let start = self.at;
        let mut text = String::new();
        loop {
            text.push_str(self.eat_while(|c| c != quote));
            if !self.eat_char(quote) {
                // What follows is lexed as if the quote were not there, so that one forgotten
                // quote does not swallow the statements after it.
                self.at = start;
                return None;
            }
            if !self.eat_char(quote) {
                return Some(text);
            }
            text.push(quote);
        }
    }

    fn string(&mut self, kind: impl Fn(String) -> TokenKind) -> TokenKind {
        self.quoted('\'').map_or(TokenKind::Invalid(Invalid::UnclosedString), kind)
    }

    /// The text up to a quote that neither another one nor a backslash stands before.
    fn escaped_string(&mut self) -> TokenKind {
        self.at += 1;
        let start = self.at;
        loop {
            self.eat_while(|c| c != '\'' && c != '\\');
            if self.eat("\\") {
                self.at += self.peek().map_or(0, char::len_utf8);
            } else if !self.eat("''") {
                let text = self.source.get(start..self.at).unwrap_or("").to_owned();
                if self.eat("'") {
                    return TokenKind::EscapedString(text);
                }
                self.at = start;
                return TokenKind::Invalid(Invalid::UnclosedString);
            }
        }
    }

    fn quoted_ident(&mut self) -> TokenKind {
        match self.quoted('`') {
            None => TokenKind::Invalid(Invalid::UnclosedIdent),
            Some(name) if name.is_empty() => TokenKind::Invalid(Invalid::EmptyIdent),
            Some(name) => TokenKind::QuotedIdent(name),
        }
    }

    fn number(&mut self) -> TokenKind {
        let digit = |c: char| c.is_ascii_digit();
        self.eat_while(digit);
        let mut kind = NumberKind::Integer;
        if self.eat(".") {
            self.eat_while(digit);
            kind = NumberKind::Decimal;
        }
        let mut exponent = self.rest().chars();
        if matches!(exponent.next(), Some('e' | 'E')) {
            let sign = exponent.next();
            let signed = matches!(sign, Some('+' | '-'));
            let first = if signed { exponent.next() } else { sign };
            if first.is_some_and(digit) {
                self.at += if signed { 2 } else { 1 };
                self.eat_while(digit);
                kind = NumberKind::Approximate;
            }
        }
        TokenKind::Number(kind)
    }

    /// The character set before a string, from a `_` on.
    fn charset(&self) -> Option<&'a str> {
        let name = self.rest().strip_prefix('_')?;
        let continues = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '_' | '-');
        let end = name.find(|c| !continues(c))?;
        let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        (starts && name.get(end..)?.starts_with('\'')).then(|| name.get(..end))?
    }

    /// All text is Unicode here. Calcite knows these names (`SqlUtil.translateCharacterSetName`).
    fn string_in(&mut self, charset: &str) -> TokenKind {
        const UNICODE: [&str; 6] = ["UTF8", "UTF-8", "UTF16", "UTF-16", "UTF-16BE", "UTF-16LE"];
        // What they lack is not known here.
        const CHINESE: [&str; 3] = ["BIG5", "GB2312", "GBK"];
        const LATIN: [&str; 2] = ["LATIN1", "ISO-8859-1"];
        let is_one_of =
            |names: &[&str]| names.iter().any(|name| charset.eq_ignore_ascii_case(name));
        self.at += 1 + charset.len();
        let text = self.string(TokenKind::String);
        match &text {
            TokenKind::String(text) if is_one_of(&LATIN) && text.chars().any(|c| c > 'ÿ') => {
                TokenKind::Invalid(Invalid::OutsideCharset)
            }
            TokenKind::String(_)
                if ![&UNICODE[..], &CHINESE, &LATIN].into_iter().any(is_one_of) =>
            {
                TokenKind::Invalid(Invalid::UnknownCharset)
            }
            _ => text,
        }
    }

    fn word(&mut self) -> TokenKind {
        if let Some(charset) = self.charset() {
            return self.string_in(charset);
        }
        let word = self.eat_while(continues_name);
        let quote_follows = self.peek() == Some('\'');
        match word {
            "U" | "u" if self.rest().starts_with("&'") => {
                self.at += 1;
                self.string(TokenKind::UnicodeString)
            }
            "E" | "e" if quote_follows => self.escaped_string(),
            "X" | "x" if quote_follows => self.string(TokenKind::Binary),
            "N" | "n" if quote_follows => self.string(TokenKind::String),
            _ => TokenKind::Word(keyword(word)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tokens of a text, one word each.
    fn lex(source: &str) -> String {
        let words = tokenize(source).into_iter().map(|token| match token.kind {
            TokenKind::Word(None) => token.span.text(source).to_owned(),
            TokenKind::Word(Some(keyword)) => keyword.text.to_owned(),
            TokenKind::QuotedIdent(name) => format!("`{name}`"),
            TokenKind::Number(kind) => format!("{kind:?}:{}", token.span.text(source)),
            TokenKind::String(text) => format!("'{text}'"),
            TokenKind::UnicodeString(text) => format!("U'{text}'"),
            TokenKind::EscapedString(text) => format!("E'{text}'"),
            TokenKind::Binary(text) => format!("X'{text}'"),
            TokenKind::HintStart => "<hint".to_owned(),
            TokenKind::HintEnd => "hint>".to_owned(),
            TokenKind::Symbol(symbol) => symbol.text().to_owned(),
            TokenKind::Invalid(why) => format!("{why:?}"),
            TokenKind::End => "$".to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn tokens() {
        for (source, expected) in [
            ("", "$"),
            ("select A_b $1 größe 変数", "SELECT A_b $1 größe 変数 $"),
            ("-- a ; '\n x // b `\r\n y /* c */ z /**/ /* * / */", "x y z $"),
            ("'it''s' '' 'ä\n;'", "'it's' '' 'ä\n;' $"),
            ("`a``b` `x y`", "`a`b` `x y` $"),
            (
                "1 1.5 .5 5. 1e3 1.E-3 1a 1e 1e+",
                "Integer:1 Decimal:1.5 Decimal:.5 Decimal:5. \
              Approximate:1e3 Approximate:1.E-3 Integer:1 A Integer:1 e Integer:1 e + $",
            ),
            ("1.2.3", "Decimal:1.2 Decimal:.3 $"),
            ("a.b a .b", "A . b A . b $"),
            ("X'0A' x'' U&'\\0041' N'a' _utf8'b' _'c'", "X'0A' X'' U'\\0041' 'a' 'b' _ 'c' $"),
            ("_UTF-16LE'é' _iso-8859-1'ÿ' _a-b _gbk'日'", "'é' 'ÿ' _a - b '日' $"),
            ("_foo'a' _latin1'€' _utf_8'x' b", "UnknownCharset OutsideCharset UnknownCharset b $"),
            (r"E'a\'\\' e'' 'E' E'\", r"E'a\'\\' E'' 'E' UnclosedString Character $"),
            ("a<>b!=c<=d>=e||f=>g->h", "A <> b != C <= d >= e || f => G -> h $"),
            ("ARRAY<ROW<a INT>>", "ARRAY < ROW < A INT > > $"),
            ("t /*+ OPTIONS('a'='b') */ * / */", "t <hint OPTIONS ( 'a' = 'b' ) hint> * / * / $"),
            ("hdfs://a //b", "hdfs : / / A $"),
            ("a \"b\" # é€", "A DoubleQuote b DoubleQuote Character é Character $"),
            ("'abc; x", "UnclosedString abc ; x $"),
            ("`abc", "UnclosedIdent abc $"),
            ("``", "EmptyIdent $"),
            ("a /* b", "A UnclosedComment $"),
        ] {
            assert_eq!(lex(source), expected, "{source}");
        }
    }

    #[test]
    fn spans_cover_the_source_text_in_order() {
        let source = "SELECT 'ä' /*c*/ `x`";
        let tokens = tokenize(source);
        let texts: Vec<&str> = tokens.iter().map(|t| t.span.text(source)).collect();
        assert_eq!(texts, ["SELECT", "'ä'", "`x`", ""]);
    }
}
