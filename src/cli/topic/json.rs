//! Records as JSON lines: kcat's `-J`.

use super::format::{Origin, integer};
use brooklet_kafka::wire::records::Record;

/// Appends an object and a line feed. Bytes that are not UTF-8 become U+FFFD; `headers` is there only if the record has
/// some: names and values in turn, as in kcat.
pub(super) fn write(out: &mut Vec<u8>, origin: &Origin<'_>, record: &Record<'_>) {
    out.extend_from_slice(b"{\"topic\":");
    string(out, origin.topic.as_bytes());
    out.extend_from_slice(b",\"partition\":");
    integer(out, i64::from(origin.partition));
    out.extend_from_slice(b",\"offset\":");
    integer(out, record.offset);
    let kind: &[u8] = if origin.log_append_time { b"logappend" } else { b"create" };
    out.extend_from_slice(b",\"tstype\":\"");
    out.extend_from_slice(kind);
    out.extend_from_slice(b"\",\"ts\":");
    integer(out, record.timestamp);
    out.extend_from_slice(b",\"broker\":");
    integer(out, i64::from(origin.broker));
    if record.headers.len() > 0 {
        out.extend_from_slice(b",\"headers\":[");
        for (at, header) in record.headers.enumerate() {
            if at > 0 {
                out.push(b',');
            }
            string(out, header.key);
            out.push(b',');
            nullable(out, header.value);
        }
        out.push(b']');
    }
    out.extend_from_slice(b",\"key\":");
    nullable(out, record.key);
    out.extend_from_slice(b",\"payload\":");
    nullable(out, record.value);
    out.extend_from_slice(b"}\n");
}

fn nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => string(out, bytes),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends a JSON string.
pub(in crate::cli) fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    match simdutf8::basic::from_utf8(bytes) {
        Ok(text) => escaped(out, text.as_bytes()),
        Err(_) => escaped(out, String::from_utf8_lossy(bytes).as_bytes()),
    }
    out.push(b'"');
}

/// RFC 8259, section 7: quotation mark, backslash and control characters.
fn escaped(out: &mut Vec<u8>, text: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for run in text.split_inclusive(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        let Some((last, plain)) = run.split_last() else { continue };
        if *last >= 0x20 && !matches!(last, b'"' | b'\\') {
            out.extend_from_slice(run);
            continue;
        }
        out.extend_from_slice(plain);
        match *last {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                out.extend_from_slice(b"\\u00");
                let digit = |at: u8| HEX.get(usize::from(at)).copied().unwrap_or(b'0');
                out.extend([digit(control >> 4), digit(control & 15)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        for (bytes, expected) in [
            (&b""[..], r#""""#),
            (b"plain", r#""plain""#),
            (b"a\"b\\c\n\r\t\x01\x1f", r#""a\"b\\c\n\r\t\u0001\u001f""#),
            ("\u{e4}\u{1f600}".as_bytes(), "\"\u{e4}\u{1f600}\""),
            (b"\xff!", "\"\u{fffd}!\""),
        ] {
            let mut out = Vec::new();
            string(&mut out, bytes);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
