//! Protobuf's wire format, read with all bounds checked (protobuf.dev, "Encoding"; Java's `CodedInputStream`).

use crate::base::limits::PROTOBUF_DEPTH_MAX;

/// What is wrong with a record's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Byte of the record.
    at: usize,
    reason: String,
}

impl Fault {
    pub(super) fn describe(&self) -> String {
        format!("{} at byte {}", self.reason, self.at)
    }
}

/// How a field's value is laid out: the low bits of its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Varint,
    Fixed64,
    Bytes,
    Group,
    GroupEnd,
    Fixed32,
}

/// A range of a record's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Reads a record from a position on, to the end of the bytes that it was given.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Over the range of a record; what lies behind the record is cut off.
    pub(super) fn new(record: &'a [u8], span: Span) -> Cursor<'a> {
        Cursor { bytes: record.get(..span.end).unwrap_or(record), at: span.start }
    }

    /// The next byte's position in the record.
    #[inline]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Whether nothing is left.
    #[inline]
    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    #[cold]
    pub(super) fn fault<T>(&self, reason: impl Into<String>) -> Result<T, Fault> {
        Err(Fault { at: self.at, reason: reason.into() })
    }

    /// A number of at most ten bytes.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let mut value = 0;
        for ((number, byte), shift) in (1usize..).zip(rest).zip((0..70).step_by(7)) {
            // Java's `readRawVarint64` takes a tenth byte for the sign, whatever it is.
            let bits = if number == 10 { 1 } else { u64::from(byte & 0x7f) };
            value |= bits.wrapping_shl(shift);
            if *byte < 0x80 {
                self.at = self.at.wrapping_add(number);
                return Ok(value);
            }
        }
        self.fault(if rest.len() < 10 { TRUNCATED } else { "a number has more than ten bytes" })
    }

    /// The number of a field and the layout of its value. Java cuts the tag to 32 bits.
    #[inline]
    pub(super) fn tag(&mut self) -> Result<(u32, Wire), Fault> {
        let at = self.at;
        let tag = self.varint()? as u32;
        let wire = match tag & 7 {
            0 => Wire::Varint,
            1 => Wire::Fixed64,
            2 => Wire::Bytes,
            3 => Wire::Group,
            4 => Wire::GroupEnd,
            5 => Wire::Fixed32,
            kind => {
                let reason = format!("a field has the wire type {kind}, which there is not");
                return Err(Fault { at, reason });
            }
        };
        if tag >> 3 == 0 {
            return Err(Fault { at, reason: "a field has the number 0".to_owned() });
        }
        Ok((tag >> 3, wire))
    }

    /// `len` bytes.
    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Result<Span, Fault> {
        match self.at.checked_add(len) {
            Some(end) if end <= self.bytes.len() => {
                let start = std::mem::replace(&mut self.at, end);
                Ok(Span { start, end })
            }
            _ => self.fault(TRUNCATED),
        }
    }

    /// Bytes behind their length.
    #[inline]
    pub(super) fn bytes(&mut self) -> Result<Span, Fault> {
        // Java cuts lengths to 32 bits.
        match usize::try_from((self.varint()? as u32).cast_signed()) {
            Ok(len) => self.take(len),
            Err(_) => self.fault("a length is negative"),
        }
    }

    /// The bytes of a range that was taken, to be read on their own.
    pub(super) fn inside(&self, span: Span) -> Cursor<'a> {
        Cursor::new(self.bytes, span)
    }

    /// Whether a range that was taken is UTF-8.
    pub(super) fn is_text(&self, span: Span) -> bool {
        let bytes = self.bytes.get(span.start..span.end).unwrap_or_default();
        simdutf8::basic::from_utf8(bytes).is_ok()
    }

    /// Passes over the value of a field that is not known. `depth` is how many messages and groups are around it.
    pub(super) fn skip(&mut self, number: u32, wire: Wire, depth: usize) -> Result<(), Fault> {
        match wire {
            Wire::Varint => self.varint().map(drop),
            Wire::Fixed32 => self.take(4).map(drop),
            Wire::Fixed64 => self.take(8).map(drop),
            Wire::Bytes => self.bytes().map(drop),
            Wire::GroupEnd => self.fault("a group ends that did not begin"),
            Wire::Group => {
                let depth = self.deeper(depth)?;
                loop {
                    if self.is_at_end() {
                        return self.fault(TRUNCATED);
                    }
                    let (inner, wire) = self.tag()?;
                    if wire == Wire::GroupEnd && inner == number {
                        return Ok(());
                    }
                    self.skip(inner, wire, depth)?;
                }
            }
        }
    }

    /// One level further in.
    pub(super) fn deeper(&self, depth: usize) -> Result<usize, Fault> {
        if depth >= PROTOBUF_DEPTH_MAX {
            return self.fault("the message has more than 100 levels of nesting");
        }
        Ok(depth.saturating_add(1))
    }
}

/// As for Avro's records.
pub(super) const TRUNCATED: &str = "the record ends too early";

#[inline]
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ (value & 1).cast_signed().wrapping_neg()
}

#[inline]
pub(super) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

/// Appends a number.
#[inline]
pub(super) fn write_varint(value: u64, out: &mut Vec<u8>) {
    let mut rest = value;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// The bytes of a field's tag.
pub(super) fn tag_bytes(number: u32, wire: Wire) -> Box<[u8]> {
    let kind = match wire {
        Wire::Varint => 0,
        Wire::Fixed64 => 1,
        Wire::Bytes => 2,
        Wire::Group => 3,
        Wire::GroupEnd => 4,
        Wire::Fixed32 => 5,
    };
    let mut out = Vec::new();
    write_varint(u64::from(number) << 3 | kind, &mut out);
    out.into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(bytes: &[u8]) -> Cursor<'_> {
        Cursor::new(bytes, Span { start: 0, end: bytes.len() })
    }

    #[test]
    fn numbers_round_trip() {
        for value in [0, 1, 127, 128, 300, 1 << 40, u64::MAX] {
            let mut out = Vec::new();
            write_varint(value, &mut out);
            assert_eq!(cursor(&out).varint(), Ok(value));
            assert!(cursor(&out[..out.len() - 1]).varint().is_err());
            assert_eq!(zigzag(unzigzag(value)), value);
        }
        assert!(cursor(&[0xff; 11]).varint().is_err());
        // The tenth byte is there, so that the number is negative.
        assert_eq!(
            cursor(&[0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0]).varint(),
            Ok(1 | 1 << 63)
        );
    }

    #[test]
    fn lengths_are_bounded_by_the_record() {
        for len in [2u64, 1 << 31, u64::from(u32::MAX), u64::MAX] {
            let mut record = Vec::new();
            write_varint(len, &mut record);
            record.push(7);
            assert!(cursor(&record).bytes().is_err(), "{len}");
        }
    }

    #[test]
    fn groups_end_where_they_began() {
        for (bytes, ok) in [
            (&[0x0b, 0x0c][..], true),
            (&[0x0b, 0x13, 0x14, 0x0c], true),
            (&[0x0b, 0x14], false),
            (&[0x0b], false),
            (&[0x0c], false),
            (&[0x0b; 300], false),
        ] {
            let mut cursor = cursor(bytes);
            let (number, wire) = cursor.tag().unwrap();
            assert_eq!(cursor.skip(number, wire, 0).is_ok(), ok, "{bytes:?}");
        }
    }
}
