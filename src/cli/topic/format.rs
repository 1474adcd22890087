//! The output format of `consume`: kcat's `-f`.

use crate::cli::cluster::Failure;
use brooklet_kafka::wire::records::Record;

/// What all records of a batch have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    /// Name of the topic.
    pub(super) topic: &'a str,
    /// Index of the partition.
    pub(super) partition: i32,
    /// Node id of the leader, −1 if unknown.
    pub(super) broker: i32,
    /// Whether the broker set the timestamps.
    pub(super) log_append_time: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Vec<u8>),
    Topic,
    Partition,
    Offset,
    Timestamp,
    Key,
    KeySize,
    Value,
    ValueSize,
    /// 32 bits, big-endian: lets a program cut the stream.
    ValueSizeBinary,
    Headers,
}

/// How a record is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Format(Vec<Part>);

impl Format {
    /// Reads a format string: `%t %p %o %T %k %K %s %S %R %h %%` and the escapes of [`unescape`].
    pub(super) fn parse(text: &str) -> Result<Format, Failure> {
        let mut parts = Vec::new();
        let mut pieces = text.split('%');
        push_literal(&mut parts, &unescape(pieces.next().unwrap_or_default()));
        while let Some(piece) = pieces.next() {
            let mut chars = piece.chars();
            let part = match chars.next() {
                Some('t') => Part::Topic,
                Some('p') => Part::Partition,
                Some('o') => Part::Offset,
                Some('T') => Part::Timestamp,
                Some('k') => Part::Key,
                Some('K') => Part::KeySize,
                Some('s') => Part::Value,
                Some('S') => Part::ValueSize,
                Some('R') => Part::ValueSizeBinary,
                Some('h') => Part::Headers,
                Some(other) => {
                    return Err(Failure::Usage(format!(
                        "-f has '%{other}', but only %t %p %o %T %k %K %s %S %R %h and %% are known"
                    )));
                }
                // `%%`: the split left nothing between the two.
                None => match pieces.next() {
                    Some(piece) => {
                        push_literal(&mut parts, b"%");
                        push_literal(&mut parts, &unescape(piece));
                        continue;
                    }
                    None => return Err(Failure::Usage("-f ends inside of a '%'".to_owned())),
                },
            };
            parts.push(part);
            push_literal(&mut parts, &unescape(chars.as_str()));
        }
        Ok(Format(parts))
    }

    /// Value and line feed, as without `-f`.
    pub(super) fn value() -> Format {
        Format(vec![Part::Value, Part::Literal(b"\n".to_vec())])
    }

    /// Key, delimiter, value and line feed.
    pub(super) fn key_and_value(delimiter: &[u8]) -> Format {
        Format(vec![
            Part::Key,
            Part::Literal(delimiter.to_vec()),
            Part::Value,
            Part::Literal(b"\n".to_vec()),
        ])
    }

    /// Appends a record.
    #[inline]
    pub(super) fn write(&self, out: &mut Vec<u8>, origin: &Origin<'_>, record: &Record<'_>) {
        for part in &self.0 {
            match part {
                Part::Literal(bytes) => out.extend_from_slice(bytes),
                Part::Value => out.extend_from_slice(record.value.unwrap_or_default()),
                Part::Key => out.extend_from_slice(record.key.unwrap_or_default()),
                Part::Topic => out.extend_from_slice(origin.topic.as_bytes()),
                Part::Partition => integer(out, i64::from(origin.partition)),
                Part::Offset => integer(out, record.offset),
                Part::Timestamp => integer(out, record.timestamp),
                Part::KeySize => integer(out, size(record.key)),
                Part::ValueSize => integer(out, size(record.value)),
                Part::ValueSizeBinary => {
                    let size = i32::try_from(size(record.value)).unwrap_or(i32::MAX);
                    out.extend_from_slice(&size.to_be_bytes());
                }
                Part::Headers => headers(out, record),
            }
        }
    }
}

/// `name=value` pairs with commas between them; a value that is null is written as `NULL`.
fn headers(out: &mut Vec<u8>, record: &Record<'_>) {
    for (at, header) in record.headers.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(header.key);
        out.push(b'=');
        out.extend_from_slice(header.value.unwrap_or(b"NULL"));
    }
}

/// Length in bytes, −1 for null.
fn size(bytes: Option<&[u8]>) -> i64 {
    bytes.map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX))
}

/// Appends decimal digits.
#[inline]
pub(super) fn integer(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn push_literal(parts: &mut Vec<Part>, bytes: &[u8]) {
    match parts.last_mut() {
        _ if bytes.is_empty() => {}
        Some(Part::Literal(last)) => last.extend_from_slice(bytes),
        _ => parts.push(Part::Literal(bytes.to_vec())),
    }
}

/// Replaces `\n`, `\t`, `\r`, `\0` and `\xNN` (one or two hexadecimal digits); any other character behind a backslash
/// stands for itself, and a backslash at the end too.
pub(super) fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            None => out.push(b'\\'),
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(b'r') => out.push(b'\r'),
            Some(b'0') => out.push(0),
            Some(b'x') => {
                let mut code = None;
                for _ in 0..2 {
                    let digit = bytes.peek().and_then(|byte| char::from(*byte).to_digit(16));
                    let Some(digit) = digit else { break };
                    bytes.next();
                    code = Some(code.unwrap_or(0) * 16 + digit as u8);
                }
                out.push(code.unwrap_or(b'x'));
            }
            Some(other) => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use brooklet_kafka::wire::compression::{Compression, Compressor, Decompressor};
    use brooklet_kafka::wire::records::{BatchBuilder, BatchView, Header};

    fn with_record(
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
        check: impl FnOnce(&Record<'_>),
    ) {
        let mut builder = BatchBuilder::new(Compression::None, 1000);
        builder.append(1234, key, value, headers).unwrap();
        let mut batch = builder.seal(&mut Compressor::new()).unwrap();
        let bytes = batch.stamp(-1, -1, -1, false);
        let view = BatchView::parse(bytes).unwrap();
        let records = view.records(&mut Decompressor::new(), 1000).unwrap();
        let record = records.iter().next().unwrap().unwrap();
        check(&record);
    }

    fn formatted(
        format: &str,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Vec<u8> {
        let mut out = Vec::new();
        let origin = Origin { topic: "orders", partition: 3, broker: 1, log_append_time: false };
        with_record(key, value, headers, |record| {
            Format::parse(format).unwrap().write(&mut out, &origin, record);
        });
        out
    }

    #[test]
    fn every_directive_is_written() {
        let headers = [Header { key: b"a", value: Some(b"1") }, Header { key: b"b", value: None }];
        for (format, expected) in [
            ("%t %p %o %T\\n", &b"orders 3 0 1234\n"[..]),
            ("%k=%s", b"k=value"),
            ("%K,%S", b"1,5"),
            ("%R", &[0, 0, 0, 5]),
            ("%h", b"a=1,b=NULL"),
            ("100%%\\t%%%s%%", b"100%\t%value%"),
            ("%%s", b"%s"),
            ("\\x41\\x4\\xzz\\\\%s", b"A\x04xzz\\value"),
            ("\\%s\\", b"\\value\\"),
            ("", b""),
        ] {
            assert_eq!(
                formatted(format, Some(b"k"), Some(b"value"), &headers),
                expected,
                "{format}"
            );
        }
    }

    #[test]
    fn null_and_empty_differ_in_their_sizes_only() {
        assert_eq!(formatted("[%k|%K|%s|%S|%h]", None, None, &[]), b"[|-1||-1|]");
        assert_eq!(formatted("[%k|%K|%s|%S|%h]", Some(b""), Some(b""), &[]), b"[|0||0|]");
        assert_eq!(formatted("%R", None, None, &[]), [0xff; 4]);
    }

    #[test]
    fn unknown_directives_are_wrong_use() {
        for format in ["%", "%s %", "%x", "%%%", "% s"] {
            assert!(matches!(Format::parse(format), Err(Failure::Usage(_))), "{format}");
        }
    }
}
