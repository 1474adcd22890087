//! Strings in JSON text: escapes read and written.

use crate::base::first_of;

/// Appends what a string's text (without quotes, its escapes checked) stands for. A lone surrogate becomes `?`, as
/// where Java encodes UTF-8.
pub(crate) fn unescape(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = first_of(rest.as_bytes(), 0, [b'\\'; 2]) {
        let (plain, escape) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(plain);
        let mut symbols = escape.chars();
        symbols.next();
        match symbols.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let tail = symbols.as_str();
                let (character, used) = code_point(tail);
                out.push(character);
                rest = tail.get(used..).unwrap_or("");
                continue;
            }
            Some(other) => out.push(other),
            None => {}
        }
        rest = symbols.as_str();
    }
    out.push_str(rest);
}

/// The character of four hex digits, or of twice four where both are a surrogate pair, and how many bytes it took.
fn code_point(text: &str) -> (char, usize) {
    let Some(first) = hex(text) else { return ('?', text.len().min(4)) };
    if let Some(character) = char::from_u32(first) {
        return (character, 4);
    }
    let second = text.get(4..).and_then(|tail| tail.strip_prefix("\\u")).and_then(hex);
    if let (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) = (first, second) {
        let code = 0x1_0000u32
            .wrapping_add(first.wrapping_sub(0xd800) << 10)
            .wrapping_add(low.wrapping_sub(0xdc00));
        if let Some(character) = char::from_u32(code) {
            return (character, 10);
        }
    }
    ('?', 4)
}

fn hex(text: &str) -> Option<u32> {
    let digits = text.get(..4)?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

/// How characters beyond the basic plane are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Astral {
    /// As they are: `JsonNode.toString`.
    Raw,
    /// As two escapes of four hexadecimal digits: Jackson's generator for UTF-8.
    Escaped,
}

/// Appends a string in quotes as Jackson writes it: escapes for `"`, `\` and control characters, the short ones where
/// there are such, else `\u00XX` in upper case.
pub(crate) fn write_string(text: &str, astral: Astral, out: &mut Vec<u8>) {
    out.push(b'"');
    write_escaped(text, astral, out);
    out.push(b'"');
}

/// [`write_string`] without the quotes.
pub(crate) fn write_escaped(text: &str, astral: Astral, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let special = |byte: u8| {
        byte < 0x20 || byte == b'"' || byte == b'\\' || (byte >= 0xf0 && astral == Astral::Escaped)
    };
    let mut rest = bytes;
    loop {
        let plain = rest.iter().position(|byte| special(*byte)).unwrap_or(rest.len());
        let (head, tail) = rest.split_at_checked(plain).unwrap_or((rest, &[]));
        out.extend_from_slice(head);
        let Some((first, after)) = tail.split_first() else { return };
        rest = after;
        match *first {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            byte if byte < 0x20 => write_unit(u16::from(byte), out),
            _ => {
                let character = tail.get(..4).and_then(|c| std::str::from_utf8(c).ok());
                let mut units = [0u16; 2];
                for unit in character.unwrap_or("").chars() {
                    for unit in unit.encode_utf16(&mut units) {
                        write_unit(*unit, out);
                    }
                }
                rest = tail.get(4..).unwrap_or(&[]);
            }
        }
    }
}

fn write_unit(unit: u16, out: &mut Vec<u8>) {
    let digit = |shift: u32| {
        let value = ((unit >> shift) & 0xf) as u8;
        if value < 10 {
            b'0'.wrapping_add(value)
        } else {
            b'A'.wrapping_add(value.wrapping_sub(10))
        }
    };
    out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read() {
        for (text, value) in [
            (r"plain", "plain"),
            (r#"a\"b\\c\/d\b\f\n\r\t"#, "a\"b\\c/d\u{8}\u{c}\n\r\t"),
            (r"\u0041\u00e9\u20AC", "Aé€"),
            (r"\ud83d\ude00!", "😀!"),
            (r"\ud83d", "?"),
            (r"\ud83d\u0041", "?A"),
            (r"\ude00x", "?x"),
            (r"\ud83d\ud83d\ude00", "?😀"),
            ("é\\né", "é\né"),
        ] {
            let mut out = String::new();
            unescape(text, &mut out);
            assert_eq!(out, value);
        }
    }

    #[test]
    fn strings_are_written_as_jackson_writes_them() {
        let text = "x\"\\/\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f}é\u{2028}😀.";
        let mut out = Vec::new();
        write_string(text, Astral::Escaped, &mut out);
        let expected = "\"x\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001F\u{7f}é\u{2028}\\uD83D\\uDE00.\"";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        let mut out = Vec::new();
        write_string("😀\n", Astral::Raw, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "\"😀\\n\"");
    }
}
