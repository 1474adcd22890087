//! Rust source with everything that is not code blanked out, so that plain text search finds code only.

/// A source file.
#[derive(Debug)]
pub(super) struct Source {
    /// The text with comments, string and character literals replaced by spaces; line ends and offsets stay.
    pub(super) code: String,
}

impl Source {
    /// Blanks out what is not code.
    pub(super) fn new(text: &str) -> Source {
        let bytes = text.as_bytes();
        let mut code = Vec::with_capacity(bytes.len());
        while code.len() < bytes.len() {
            let at = code.len();
            let rest = &bytes[at..];
            let in_word =
                at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
            let skipped = match rest[0] {
                b'/' if rest.starts_with(b"//") => line_comment(rest),
                b'/' if rest.starts_with(b"/*") => block_comment(rest),
                b'"' => string(rest, 1),
                b'r' | b'b' | b'c' if !in_word => prefixed(rest),
                b'\'' => character(rest),
                _ => 0,
            };
            if skipped == 0 {
                code.push(rest[0]);
            }
            code.extend(
                rest[..skipped].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }),
            );
        }
        // Only whole runs between ASCII delimiters were blanked, byte by byte: what is left is UTF-8.
        Source { code: String::from_utf8(code).expect("UTF-8 stays UTF-8") }
    }

    /// Line number of a byte offset, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }
}

fn line_comment(rest: &[u8]) -> usize {
    rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Length of a string literal whose content starts at `at`.
fn string(rest: &[u8], mut at: usize) -> usize {
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `b"…"`, `r#"…"#`, `br"…"`, `b'…'` and their like; 0 for a plain word.
fn prefixed(rest: &[u8]) -> usize {
    let letters = rest.iter().take(2).take_while(|byte| matches!(byte, b'r' | b'b' | b'c')).count();
    let raw = rest[..letters].contains(&b'r');
    let hashes = rest[letters..].iter().take_while(|byte| **byte == b'#').count();
    match rest.get(letters + hashes) {
        Some(b'"') if raw => {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = letters + hashes + 1;
            let found =
                rest[start..].windows(end.len()).position(|window| window == end.as_bytes());
            found.map_or(rest.len(), |position| start + position + end.len())
        }
        Some(b'"') if hashes == 0 => string(rest, letters + 1),
        Some(b'\'') if hashes == 0 && rest[0] == b'b' => 1 + character(&rest[1..]),
        _ => 0,
    }
}

/// Length of a character literal; 0 for a lifetime.
fn character(rest: &[u8]) -> usize {
    let close = |from: usize| rest.iter().skip(from).take(10).position(|byte| *byte == b'\'');
    match rest.get(1) {
        Some(b'\\') => close(3).map_or(0, |position| 3 + position + 1),
        Some(first) => {
            let width = match first {
                0..=0x7f => 1,
                0x80..=0xdf => 2,
                0xe0..=0xef => 3,
                _ => 4,
            };
            if rest.get(1 + width) == Some(&b'\'') { 2 + width } else { 0 }
        }
        None => 0,
    }
}

#[test]
fn only_code_is_left() {
    let cases = [
        ("a // crate::x\nb", "a b"),
        ("/* a /* b */ c */d", "d"),
        (r#"f("crate::x\"", b)"#, "f( , b)"),
        ("r#\"a\"b\"# c", "c"),
        (r"x('\'', 'é', b'a')", "x( , , )"),
        ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
        ("for b in r {}", "for b in r {}"),
    ];
    for (text, code) in cases {
        let left = Source::new(text).code;
        assert_eq!(left.len(), text.len(), "{text}");
        assert_eq!(left.split_whitespace().collect::<Vec<_>>().join(" "), code, "{text}");
    }
}
