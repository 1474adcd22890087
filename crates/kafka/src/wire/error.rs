//! What can be wrong with bytes from a peer, or with a message that should become bytes.

use std::fmt;

/// Bytes from a peer that are not the message they claim to be. The connection that brought them
/// is out of step and must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The last field that was entered, as `Struct.field`, or the part of a frame.
    pub field: &'static str,
    /// Bytes from the start of the buffer that was decoded.
    pub offset: usize,
    /// What is wrong.
    pub fault: DecodeFault,
}

/// See [`DecodeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeFault {
    /// The bytes end before the value does.
    Truncated {
        /// Bytes that the value needs.
        needed: usize,
        /// Bytes that remain.
        remaining: usize,
    },
    /// A negative length other than the null marker -1.
    NegativeLength(i64),
    /// Null where this version does not allow it.
    Null,
    /// A string that exceeds [`STRING_BYTES_MAX`](crate::limits::STRING_BYTES_MAX).
    StringTooLong(usize),
    /// A string that is not UTF-8.
    Utf8,
    /// A varint longer than its type, or with needless zero groups.
    Varint,
    /// An array count that the remaining bytes cannot hold.
    Count {
        /// Elements claimed.
        count: usize,
        /// Elements that fit in the remaining bytes at most.
        max: usize,
    },
    /// Array elements beyond
    /// [`MESSAGE_ELEMENT_BYTES_MAX`](crate::limits::MESSAGE_ELEMENT_BYTES_MAX).
    ElementBytes,
    /// Tags that do not rise strictly.
    TagOrder {
        /// The tag at fault.
        tag: u32,
    },
    /// A tagged field whose content ends before its declared size does.
    TagSize {
        /// The tag at fault.
        tag: u32,
        /// Bytes left over.
        left: usize,
    },
    /// Bytes behind the end of the message.
    Trailing(usize),
    /// A version outside the table of the API.
    Version(i16),
    /// A frame longer than allowed, or of negative length.
    FrameLength(i32),
    /// A request header for another API than the one that was asked for.
    ApiKey(i16),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed message from the peer: {} at byte {}: ", self.field, self.offset)?;
        match self.fault {
            DecodeFault::Truncated { needed, remaining } => {
                write!(f, "needs {needed} bytes, {remaining} remain")
            }
            DecodeFault::NegativeLength(length) => write!(f, "length {length}"),
            DecodeFault::Null => f.write_str("null is not allowed in this version"),
            DecodeFault::StringTooLong(length) => write!(f, "string of {length} bytes"),
            DecodeFault::Utf8 => f.write_str("string is not UTF-8"),
            DecodeFault::Varint => f.write_str("varint is overlong or overflows"),
            DecodeFault::Count { count, max } => {
                write!(f, "array of {count} elements where at most {max} fit")
            }
            DecodeFault::ElementBytes => f.write_str("arrays exceed the memory of one message"),
            DecodeFault::TagOrder { tag } => write!(f, "tag {tag} is out of order"),
            DecodeFault::TagSize { tag, left } => {
                write!(f, "tagged field {tag} ends {left} bytes before its declared size")
            }
            DecodeFault::Trailing(bytes) => write!(f, "{bytes} bytes behind the end"),
            DecodeFault::Version(version) => write!(f, "version {version} is not known"),
            DecodeFault::FrameLength(length) => write!(f, "frame length {length}"),
            DecodeFault::ApiKey(key) => write!(f, "unexpected API key {key}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// A message that the negotiated version cannot carry: a mistake of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeError {
    /// The field at fault as `Struct.field`, or the API.
    pub field: &'static str,
    /// The version that was asked for.
    pub version: i16,
    /// What is wrong.
    pub fault: EncodeFault,
}

/// See [`EncodeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodeFault {
    /// The field is set, this version lacks it, and dropping it would change the meaning.
    Absent,
    /// Null where this version does not allow it.
    Null,
    /// A string, array or frame too long for its length field or for a named limit.
    TooLong(usize),
    /// A version outside the table of the API.
    Version,
    /// What is asked for cannot be said in this version; the text says what and since when it can.
    Inexpressible(&'static str),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, version, fault } = self;
        match fault {
            EncodeFault::Absent => {
                write!(f, "{field} is set but version {version} has no such field")
            }
            EncodeFault::Null => {
                write!(f, "{field} is null, which version {version} does not allow")
            }
            EncodeFault::TooLong(length) => write!(f, "{field} is too long: {length}"),
            EncodeFault::Version => write!(f, "{field} has no version {version}"),
            EncodeFault::Inexpressible(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for EncodeError {}
