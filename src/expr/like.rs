//! LIKE: `%` is any text, `_` is one code point.

/// A pattern taken apart once.
#[derive(Clone, Debug, PartialEq)]
pub struct LikePattern {
    text: String,
    escape: Option<char>,
    form: Form,
}

#[derive(Clone, Debug, PartialEq)]
enum Form {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Contains(String),
    General(Vec<Token>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    Char(char),
    AnyChar,
    AnyText,
}

impl LikePattern {
    /// Takes `pattern` apart. The character of ESCAPE must stand before `%`, `_` or itself; without ESCAPE there is none.
    ///
    /// # Errors
    /// The text says what is wrong with the escape character.
    pub fn new(pattern: &str, escape: Option<&str>) -> Result<LikePattern, String> {
        let escape = match escape {
            None => None,
            Some(text) => {
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(only), None) => Some(only),
                    _ => return Err(format!("invalid escape character '{text}'")),
                }
            }
        };
        let mut tokens = Vec::new();
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            if Some(c) == escape {
                match chars.next_if(|next| matches!(next, '%' | '_') || *next == c) {
                    Some(next) => tokens.push(Token::Char(next)),
                    None => {
                        return Err(format!("invalid escape sequence in LIKE pattern '{pattern}'"));
                    }
                }
                continue;
            }
            match c {
                '%' if tokens.last() == Some(&Token::AnyText) => {}
                '%' => tokens.push(Token::AnyText),
                '_' => tokens.push(Token::AnyChar),
                c => tokens.push(Token::Char(c)),
            }
        }
        Ok(LikePattern { text: pattern.to_owned(), escape, form: Form::of(tokens) })
    }

    /// Whether `text` matches as a whole.
    pub fn matches(&self, text: &str) -> bool {
        match &self.form {
            Form::Exact(part) => text == part,
            Form::Prefix(part) => text.starts_with(part.as_str()),
            Form::Suffix(part) => text.ends_with(part.as_str()),
            Form::Contains(part) => {
                memchr::memmem::find(text.as_bytes(), part.as_bytes()).is_some()
            }
            Form::General(tokens) => general(tokens, text),
        }
    }

    /// The pattern as written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl Form {
    fn of(tokens: Vec<Token>) -> Form {
        let literal = |tokens: &[Token]| -> Option<String> {
            tokens
                .iter()
                .map(|token| if let Token::Char(c) = token { Some(*c) } else { None })
                .collect()
        };
        let form = match tokens.as_slice() {
            [Token::AnyText, inner @ .., Token::AnyText] => literal(inner).map(Form::Contains),
            [Token::AnyText] => Some(Form::Prefix(String::new())),
            [Token::AnyText, rest @ ..] => literal(rest).map(Form::Suffix),
            [rest @ .., Token::AnyText] => literal(rest).map(Form::Prefix),
            all => literal(all).map(Form::Exact),
        };
        form.unwrap_or(Form::General(tokens))
    }
}

/// Greedy matching that goes back to the last `%` only: linear for one, quadratic at worst.
fn general(tokens: &[Token], text: &str) -> bool {
    let mut rest = text.chars();
    let mut at = 0;
    let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
    loop {
        match tokens.get(at) {
            Some(Token::AnyText) => {
                at += 1;
                retry = Some((at, rest.clone()));
                continue;
            }
            Some(token) => {
                let matched = match (token, rest.next()) {
                    (_, None) => return false,
                    (Token::Char(c), Some(next)) => *c == next,
                    (_, Some(_)) => true,
                };
                if matched {
                    at += 1;
                    continue;
                }
            }
            None if rest.as_str().is_empty() => return true,
            None => {}
        }
        match &mut retry {
            Some((after, from)) => {
                if from.next().is_none() {
                    return false;
                }
                (at, rest) = (*after, from.clone());
            }
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_code_points() {
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a%", "abc", true),
            ("%c", "abc", true),
            ("%b%", "abc", true),
            ("%b%", "ac", false),
            ("%", "", true),
            ("", "", true),
            ("_", "ß", true),
            ("_", "", false),
            ("a_c%e", "abcde", true),
            ("a%b%c", "aXbXbXc", true),
            ("a%b_c", "abbbc", true),
            ("a%b_c", "abcc", true),
            ("a%b_c", "abc", false),
            ("%aab", "aaab", true),
            ("%%a", "a", true),
            ("10\\%", "10\\x", true),
            ("10\\%", "10%", false),
            ("a\\b", "a\\b", true),
        ] {
            let like = LikePattern::new(pattern, None).unwrap();
            assert_eq!(like.matches(text), expected, "{text} LIKE {pattern}");
        }
    }

    #[test]
    fn escape_is_one_character_before_a_special_one() {
        let like = LikePattern::new("a!_%", Some("!")).unwrap();
        assert!(like.matches("a_b") && !like.matches("axb"));
        assert!(LikePattern::new("a!b", Some("!")).is_err());
        assert!(LikePattern::new("a!", Some("!")).is_err());
        assert!(LikePattern::new("a", Some("!!")).is_err());
    }
}
