//! Encodings of text under Java's names: what cannot be read becomes U+FFFD, what cannot be written `?`.

use encoding_rs::{EncoderResult, Encoding};

/// An encoding of text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Charset {
    Utf8,
    /// Big-endian unless a byte order mark says otherwise; written with a mark.
    Utf16,
    Utf16Be,
    Utf16Le,
    Latin1,
    Ascii,
    /// One of the encodings of the web.
    Other(&'static Encoding),
}

/// Names in Java and on the web of encodings whose names differ there.
const ALIASES: &[(&str, &str)] = &[
    ("CP936", "GBK"),
    ("MS936", "GBK"),
    ("WINDOWS-936", "GBK"),
    ("SJIS", "Shift_JIS"),
    ("EUCJP", "EUC-JP"),
    ("EUC_JP", "EUC-JP"),
    ("EUCKR", "EUC-KR"),
    ("EUC_KR", "EUC-KR"),
    ("X-BIG5", "Big5"),
    ("CP1250", "windows-1250"),
    ("CP1251", "windows-1251"),
    ("CP1252", "windows-1252"),
    ("CP1253", "windows-1253"),
    ("CP1254", "windows-1254"),
    ("CP1257", "windows-1257"),
    ("CP866", "IBM866"),
    ("KOI8_R", "KOI8-R"),
    ("KOI8_U", "KOI8-U"),
];

impl Charset {
    /// The encoding that Java has under a name, in any case.
    pub(super) fn by_name(name: &str) -> Option<Charset> {
        let name = name.to_ascii_uppercase();
        Some(match name.as_str() {
            "UTF-8" | "UTF8" => Charset::Utf8,
            "UTF-16" | "UTF16" => Charset::Utf16,
            "UTF-16BE" => Charset::Utf16Be,
            "UTF-16LE" => Charset::Utf16Le,
            "ISO-8859-1" | "ISO8859_1" | "LATIN1" => Charset::Latin1,
            "US-ASCII" | "ASCII" => Charset::Ascii,
            _ => {
                let alias = ALIASES.iter().find(|(java, _)| *java == name);
                let label = alias.map_or(name.as_str(), |(_, web)| *web);
                // Under other labels the web means another encoding than Java, such as a larger one.
                let encoding = Encoding::for_label_no_replacement(label.as_bytes())
                    .filter(|encoding| encoding.name().eq_ignore_ascii_case(label))
                    .filter(|encoding| *encoding != encoding_rs::X_USER_DEFINED)?;
                Charset::Other(encoding)
            }
        })
    }

    /// Reads text as `new String(bytes, charset)` does.
    pub(super) fn read(self, bytes: &[u8], out: &mut String) {
        match self {
            Charset::Utf8 => out.push_str(&String::from_utf8_lossy(bytes)),
            Charset::Latin1 => out.extend(bytes.iter().map(|byte| char::from(*byte))),
            Charset::Ascii => {
                let character =
                    |byte: &u8| if byte.is_ascii() { char::from(*byte) } else { '\u{fffd}' };
                out.extend(bytes.iter().map(character));
            }
            Charset::Other(encoding) => {
                out.push_str(&encoding.decode_without_bom_handling(bytes).0);
            }
            Charset::Utf16 | Charset::Utf16Be | Charset::Utf16Le => {
                let (little, bytes) = match (self, bytes) {
                    (Charset::Utf16, [0xff, 0xfe, rest @ ..]) => (true, rest),
                    (Charset::Utf16, [0xfe, 0xff, rest @ ..]) => (false, rest),
                    _ => (self == Charset::Utf16Le, bytes),
                };
                let (pairs, odd) = bytes.as_chunks::<2>();
                let units = pairs.iter().map(|pair| {
                    if little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) }
                });
                out.extend(char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')));
                if !odd.is_empty() {
                    out.push('\u{fffd}');
                }
            }
        }
    }

    /// Writes text as `String.getBytes(charset)` does.
    pub(super) fn write(self, text: &str, out: &mut Vec<u8>) {
        let narrow = |last: char| move |c: char| if c <= last { c as u32 as u8 } else { b'?' };
        match self {
            Charset::Utf8 => out.extend_from_slice(text.as_bytes()),
            Charset::Latin1 => out.extend(text.chars().map(narrow('\u{ff}'))),
            Charset::Ascii => out.extend(text.chars().map(narrow('\u{7f}'))),
            Charset::Utf16Le => out.extend(text.encode_utf16().flat_map(u16::to_le_bytes)),
            Charset::Utf16Be => out.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
            Charset::Utf16 => {
                if !text.is_empty() {
                    out.extend_from_slice(&[0xfe, 0xff]);
                }
                out.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
            }
            Charset::Other(encoding) => write_encoded(encoding, text, out),
        }
    }
}

fn write_encoded(encoding: &'static Encoding, text: &str, out: &mut Vec<u8>) {
    let mut encoder = encoding.new_encoder();
    let mut rest = text;
    loop {
        let bound = encoder.max_buffer_length_from_utf8_without_replacement(rest.len());
        // The text lies in memory, and no encoding needs more than a few bytes per byte.
        out.reserve(bound.unwrap_or(rest.len()));
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, out, true);
        rest = rest.get(read..).unwrap_or("");
        match result {
            EncoderResult::InputEmpty => return,
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(_) => out.push(b'?'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_and_written_as_in_java() {
        for (name, text, bytes) in [
            ("gbk", "你好", &b"\xc4\xe3\xba\xc3"[..]),
            ("GB18030", "你", b"\xc4\xe3"),
            ("Shift_JIS", "あa", b"\x82\xa0a"),
            ("sjis", "あ", b"\x82\xa0"),
            ("EUC-KR", "한", b"\xc7\xd1"),
            ("Big5", "你", b"\xa7\x41"),
            ("windows-1252", "€", b"\x80"),
            ("ISO-8859-15", "€", b"\xa4"),
            ("KOI8-R", "д", b"\xc4"),
            ("latin1", "é", b"\xe9"),
            ("UTF-16", "a", b"\xfe\xff\0a"),
        ] {
            let charset = Charset::by_name(name).unwrap();
            let (mut read, mut written) = (String::new(), Vec::new());
            charset.read(bytes, &mut read);
            charset.write(text, &mut written);
            assert_eq!((read.as_str(), written.as_slice()), (text, bytes), "{name}");
        }
        let mut out = Vec::new();
        Charset::by_name("GBK").unwrap().write("a😀b", &mut out);
        assert_eq!(out, b"a?b");
        let mut out = String::new();
        Charset::Utf8.read(b"\xff\xfe bad", &mut out);
        assert_eq!(out, "\u{fffd}\u{fffd} bad");
        // Labels of the web that mean another encoding than in Java.
        for name in ["EBCDIC", "TIS-620", "x-user-defined", "replacement", ""] {
            assert_eq!(Charset::by_name(name), None, "{name}");
        }
    }
}
