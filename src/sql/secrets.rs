//! Where secrets stand in a script, also in one that does not parse: what people see of it must not show them.

use super::{Symbol, Token, TokenKind, tokenize};
use crate::base::Span;
use crate::options::{REDACTED, is_secret, shown, user_infos};
use std::ops::Range;

/// The places in order: values of secret options, quotes included, and users with their passwords in URLs.
///
/// Behind the name of a secret option that is not followed by `= 'value'` and the end of the option, nobody can tell
/// where its value ends: all up to the end of the line of the next `;` is taken for it.
pub fn secret_places(text: &str) -> Vec<Range<usize>> {
    let tokens = tokenize(text);
    let mut places = user_infos(text);
    let mut unclear = 0;
    for (quote, key) in quoted_words(text) {
        if quote < unclear {
            continue;
        }
        let literal = value_of(&tokens, quote);
        match literal.and_then(|span| Some((span, text.get(range(span))?))) {
            Some((span, _)) if is_secret(key) => places.push(range(span)),
            // A URL whose scheme was forgotten.
            Some((span, value)) => {
                let value = value.trim_matches('\'');
                let start = span.start as usize + 1;
                let hidden = value.rfind('@').filter(|_| shown(key, value) != value);
                places.extend(hidden.map(|end| start..start + end));
            }
            None if is_secret(key) => {
                let start = quote + key.len() + 2;
                let rest = text.get(start..).unwrap_or("");
                let line = rest.find(';').and_then(|at| Some(at + rest.get(at..)?.find('\n')?));
                unclear = start + line.unwrap_or(rest.len());
                places.push(start..unclear);
            }
            None => {}
        }
    }
    places.sort_by_key(|place| (place.start, std::cmp::Reverse(place.end)));
    let mut apart: Vec<Range<usize>> = Vec::with_capacity(places.len());
    for place in places {
        match apart.last_mut() {
            Some(last) if place.start < last.end => last.end = last.end.max(place.end),
            _ => apart.push(place),
        }
    }
    apart
}

/// The text with `'******'` in place of each secret.
pub fn without_secrets(text: &str) -> String {
    let places = secret_places(text);
    let literal =
        |place: &Range<usize>| text.get(place.clone()).is_some_and(|t| t.starts_with('\''));
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for place in &places {
        shown.push_str(text.get(from..place.start).unwrap_or(""));
        match literal(place) {
            true => shown.push_str(&format!("'{REDACTED}'")),
            false => shown.push_str(REDACTED),
        }
        from = place.end;
    }
    shown.push_str(text.get(from..).unwrap_or(""));
    shown
}

/// A message about what stands at `span` of the statement at `statement`, without that where it is a secret.
pub(super) fn message_without_secrets(
    message: &str,
    text: &str,
    statement: Span,
    span: Span,
) -> String {
    let (at, start) = (range(span), statement.start as usize);
    let secret =
        |place: &Range<usize>| start + place.start < at.end && at.start < start + place.end;
    // To the end of the text, not of the statement: it may end where a quote is missing.
    if !secret_places(text.get(start..).unwrap_or("")).iter().any(secret) {
        return message.to_owned();
    }
    // Errors quote what they have met.
    let said = text.get(at).unwrap_or("").trim_matches(['\'', '"']);
    let mut shown = message.to_owned();
    for quote in ['\'', '"'] {
        let hidden = format!("{quote}{REDACTED}{quote}");
        shown = shown.replace(&format!("{quote}{said}{quote}"), &hidden);
    }
    shown
}

fn range(span: Span) -> Range<usize> {
    span.start as usize..span.end as usize
}

/// Words between quotes of any kind, each with the place of the quote before it.
fn quoted_words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_quote = |c: char| matches!(c, '\'' | '"');
    text.match_indices(is_quote).filter_map(move |(quote, _)| {
        let rest = text.get(quote + 1..)?;
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || ".-_#".contains(c)))?;
        let closed = rest.get(end..)?.starts_with(is_quote);
        (end > 0 && closed).then_some((quote, rest.get(..end)?))
    })
}

/// The value of the option whose key begins at `quote`, where both are written as they have to be.
fn value_of(tokens: &[Token], quote: usize) -> Option<Span> {
    let at = tokens.binary_search_by_key(&quote, |token| token.span.start as usize).ok()?;
    let [key, eq, value, next] = tokens.get(at..at + 4)? else { return None };
    let text = |token: &Token| matches!(token.kind, TokenKind::String(_));
    let ends = match next.kind {
        TokenKind::End | TokenKind::HintEnd => true,
        TokenKind::Symbol(symbol) => {
            matches!(symbol, Symbol::Comma | Symbol::RParen | Symbol::Semicolon)
        }
        _ => false,
    };
    let assigned = text(key) && eq.kind == TokenKind::Symbol(Symbol::Eq) && text(value);
    (assigned && ends).then_some(value.span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_of_writing_a_secret_shows_it() {
        for text in [
            "WITH ('a.password' = 'CANARY')",
            "WITH ('a.password' = 'it''s CANARY', 'b' = 'c')",
            "WITH ('a.password' 'CANARY')",
            "WITH ('a.password' = CANARY)",
            "WITH ('a.password' = \"CANARY\")",
            "WITH (\"a.password\" = \"CANARY\")",
            "WITH ('a.password' = 'CANARY);",
            "WITH ('sasl.jaas.config' = 'x required username='a' password='CANARY';');",
            "WITH ('sasl.jaas.config' = 'x required\n username='a'\n password='CANARY';');",
            "WITH ('connector = 'kafka', 'sasl.jaas.config' = 'x password=CANARY;')",
            "WITH ('avro.url' = 'http://u:CANARY@h')",
            "WITH ('avro.url' = 'u:CANARY@h')",
            "WITH ('avro.url' = 'http://u:CANARY@h' oops",
            "SELECT * FROM t /*+ OPTIONS('a.token'='CANARY') */",
            "SET 'a.secret' = 'CANARY';",
            "SET 'a.secret' = 'CANARY'",
        ] {
            let shown = without_secrets(text);
            assert!(!shown.contains("CANARY"), "{text}: {shown}");
        }
        let text = "SET 'a.password' = 'it''s' ; SET 'b' = 'c@d'; SELECT t.password, 'x' FROM t";
        assert_eq!(
            without_secrets(text),
            "SET 'a.password' = '******' ; SET 'b' = 'c@d'; SELECT t.password, 'x' FROM t"
        );
        let lost = "WITH ('a.password' 'CANARY');\nSELECT 1;";
        assert_eq!(without_secrets(lost), "WITH ('a.password'******\nSELECT 1;");
    }

    #[test]
    fn a_message_stays_readable() {
        let text = "WITH ('a.password' = 'x 'a' b')";
        let (whole, a) = (Span::new(0, 31), Span::new(25, 26));
        let said = message_without_secrets("Encountered \"a\" at line 1", text, whole, a);
        assert_eq!(said, "Encountered \"******\" at line 1");
    }

    #[test]
    fn a_message_does_not_repeat_a_secret() {
        let text = "WITH ('a.password' = CANARY)";
        let at = u32::try_from(text.find("CANARY").unwrap()).unwrap();
        let said = |from, to| {
            let whole = Span::new(0, u32::try_from(text.len()).unwrap());
            message_without_secrets("Encountered \"CANARY\" near", text, whole, Span::new(from, to))
        };
        assert_eq!(said(at, at + 6), "Encountered \"******\" near");
        assert_eq!(said(0, 4), "Encountered \"CANARY\" near");
    }
}
