//! Structure check of a request before it is decoded.
//!
//! The codec reserves memory for as many elements as a count on the wire says. This walk follows
//! the layout of a request through every array, string, byte field and tagged field and accepts it
//! only when each of them lies inside the frame, so that the codec can only reserve what the frame
//! really holds. It sees structure alone: nullability and UTF-8 stay with the codec.

use std::fmt;

/// The form of one field on the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A value of this many bytes.
    Fixed(usize),
    /// STRING or COMPACT_STRING, nullable or not.
    Text,
    /// BYTES, RECORDS or their compact forms.
    Blob,
    /// An array of values without tagged fields of their own.
    List(&'static Kind),
    /// An array of structs.
    Structs(&'static Shape),
    /// One struct.
    Struct(&'static Shape),
}

/// A field and the request versions that carry it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    kind: Kind,
    since: i16,
    until: i16,
}

impl Field {
    /// A field of every version.
    pub(crate) const fn new(kind: Kind) -> Self {
        Self { kind, since: 0, until: i16::MAX }
    }

    /// A field from version `since` on.
    pub(crate) const fn since(kind: Kind, since: i16) -> Self {
        Self { kind, since, until: i16::MAX }
    }

    /// A field of the versions `since..=until`.
    pub(crate) const fn between(kind: Kind, since: i16, until: i16) -> Self {
        Self { kind, since, until }
    }
}

/// A struct: its fields in wire order and its known tagged fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) fields: &'static [Field],
    /// Tag number and form. The codec ignores the declared size of a tag it knows, so the walk
    /// insists that the size is the right one.
    pub(crate) tags: &'static [(u32, Kind)],
}

impl Shape {
    /// A struct without known tagged fields.
    pub(crate) const fn of(fields: &'static [Field]) -> Self {
        Self { fields, tags: &[] }
    }
}

/// Why a request was not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// A length or count reaches beyond the end of the frame.
    Truncated,
    /// A length below −1, or a varint above its range.
    BadLength,
    /// More elements than one request may hold.
    TooManyElements,
    /// The declared size of a tagged field is not the size of its value.
    BadTag,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "a length or count reaches beyond the end of the frame",
            Self::BadLength => "a length is negative or out of range",
            Self::TooManyElements => "more array elements than one request may hold",
            Self::BadTag => "the size of a tagged field does not match its value",
        })
    }
}

/// Walks `bytes` as `shape` in `version` and returns how many bytes it takes.
pub(crate) fn check(
    bytes: &[u8],
    shape: &Shape,
    version: i16,
    flexible: bool,
    elements_max: usize,
) -> Result<usize, Malformed> {
    let mut walk = Walk { rest: bytes, version, flexible, elements_left: elements_max };
    walk.shape(shape)?;
    Ok(bytes.len().saturating_sub(walk.rest.len()))
}

/// Walks the tagged fields of a flexible request header and returns how many bytes they take.
pub(crate) fn check_tags(bytes: &[u8], elements_max: usize) -> Result<usize, Malformed> {
    let mut walk = Walk { rest: bytes, version: 0, flexible: true, elements_left: elements_max };
    walk.tagged(&[])?;
    Ok(bytes.len().saturating_sub(walk.rest.len()))
}

struct Walk<'a> {
    rest: &'a [u8],
    version: i16,
    flexible: bool,
    elements_left: usize,
}

impl<'a> Walk<'a> {
    fn shape(&mut self, shape: &Shape) -> Result<(), Malformed> {
        for field in shape.fields {
            if field.since <= self.version && self.version <= field.until {
                self.kind(&field.kind)?;
            }
        }
        if self.flexible { self.tagged(shape.tags) } else { Ok(()) }
    }

    fn kind(&mut self, kind: &Kind) -> Result<(), Malformed> {
        match kind {
            Kind::Fixed(size) => self.take(*size).map(drop),
            Kind::Text => {
                let length = if self.flexible { self.compact()? } else { self.short()? };
                self.take(length).map(drop)
            }
            Kind::Blob => {
                let length = if self.flexible { self.compact()? } else { self.int()? };
                self.take(length).map(drop)
            }
            Kind::List(element) => {
                for _ in 0..self.count()? {
                    self.kind(element)?;
                }
                Ok(())
            }
            Kind::Structs(shape) => {
                for _ in 0..self.count()? {
                    self.shape(shape)?;
                }
                Ok(())
            }
            Kind::Struct(shape) => self.shape(shape),
        }
    }

    fn tagged(&mut self, known: &[(u32, Kind)]) -> Result<(), Malformed> {
        let count = self.varint()?;
        let count = usize::try_from(count).map_err(|_| Malformed::BadLength)?;
        self.spend(count)?;
        for _ in 0..count {
            let tag = self.varint()?;
            let size = usize::try_from(self.varint()?).map_err(|_| Malformed::BadLength)?;
            let value = self.take(size)?;
            if let Some((_, kind)) = known.iter().find(|(number, _)| *number == tag) {
                let mut inner = Walk {
                    rest: value,
                    version: self.version,
                    flexible: self.flexible,
                    elements_left: self.elements_left,
                };
                inner.kind(kind)?;
                if !inner.rest.is_empty() {
                    return Err(Malformed::BadTag);
                }
                self.elements_left = inner.elements_left;
            }
        }
        Ok(())
    }

    /// An array count; every element takes at least one byte.
    fn count(&mut self) -> Result<usize, Malformed> {
        let count = if self.flexible { self.compact()? } else { self.int()? };
        if count > self.rest.len() {
            return Err(Malformed::Truncated);
        }
        self.spend(count)?;
        Ok(count)
    }

    fn spend(&mut self, elements: usize) -> Result<(), Malformed> {
        self.elements_left =
            self.elements_left.checked_sub(elements).ok_or(Malformed::TooManyElements)?;
        Ok(())
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(size).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn short(&mut self) -> Result<usize, Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        length(i32::from(i16::from_be_bytes(*bytes)))
    }

    fn int(&mut self) -> Result<usize, Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.rest = rest;
        length(i32::from_be_bytes(*bytes))
    }

    /// A length stored as one more than its value; zero stands for null.
    fn compact(&mut self) -> Result<usize, Malformed> {
        let raw = usize::try_from(self.varint()?).map_err(|_| Malformed::BadLength)?;
        Ok(raw.saturating_sub(1))
    }

    fn varint(&mut self) -> Result<u32, Malformed> {
        let mut value = 0u32;
        for shift in [0u32, 7, 14, 21, 28] {
            let (&byte, rest) = self.rest.split_first().ok_or(Malformed::Truncated)?;
            self.rest = rest;
            let part = u32::from(byte & 0x7f);
            if shift == 28 && part > 0x0f {
                return Err(Malformed::BadLength);
            }
            value |= part.checked_shl(shift).ok_or(Malformed::BadLength)?;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed::BadLength)
    }
}

/// −1 is null and takes no further bytes.
fn length(value: i32) -> Result<usize, Malformed> {
    match value {
        -1 => Ok(0),
        _ => usize::try_from(value).map_err(|_| Malformed::BadLength),
    }
}
