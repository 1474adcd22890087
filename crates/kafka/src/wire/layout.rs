//! What a message is: traits of bodies and fields, and the description of a layout as data.
//!
//! The tables that become these are the modules of [`messages`](super::messages).

use std::ops::RangeInclusive;

use crate::wire::error::{DecodeError, EncodeError};
use crate::wire::reader::Reader;
use crate::wire::writer::Writer;

/// A request or response body: encodes and decodes at every version of its API.
pub trait Message: Sized {
    /// The layout, for proofs against Kafka's own specification.
    const SPEC: MessageSpec;

    /// Writes the body at `version`.
    ///
    /// # Errors
    /// When the version is unknown, or cannot carry a field that is set.
    fn encode(&self, writer: &mut Writer, version: i16) -> Result<(), EncodeError>;

    /// Reads the body at `version`; bytes behind it are left in the reader.
    ///
    /// # Errors
    /// When the version is unknown or the bytes are not such a body.
    fn decode(reader: &mut Reader, version: i16) -> Result<Self, DecodeError>;
}

/// The request of an API.
pub trait Request: Message {
    /// What the broker answers.
    type Response: Message;
    /// Name of the API as Kafka writes it, e.g. `ListOffsets`.
    const NAME: &'static str;
    /// API key.
    const KEY: i16;
    /// Versions in the table; a client uses the highest that the broker has too.
    const VERSIONS: RangeInclusive<i16>;
    /// First version with compact lengths and tagged fields (KIP-482).
    const FLEXIBLE_FROM: i16;
}

/// An API in one line: enough to find the header version of any request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiSpec {
    /// Name as Kafka writes it.
    pub name: &'static str,
    /// API key.
    pub key: i16,
    /// Lowest version in the table.
    pub version_min: i16,
    /// Highest version in the table.
    pub version_max: i16,
    /// First flexible version.
    pub flexible_from: i16,
}

impl ApiSpec {
    /// Whether the table has `version`.
    #[must_use]
    pub const fn has(&self, version: i16) -> bool {
        self.version_min <= version && version <= self.version_max
    }
}

/// The layout of a request or response.
#[derive(Clone, Copy, Debug)]
pub struct MessageSpec {
    /// The API that it belongs to.
    pub api: ApiSpec,
    /// The outermost struct.
    pub layout: TypeSpec,
}

/// A type of the protocol.
#[derive(Clone, Copy, Debug)]
pub enum TypeSpec {
    /// A type without parts, by Kafka's name: `int32`, `string`, ...; `records` are `bytes` here.
    Plain(&'static str),
    /// `[]T`.
    Array(&'static TypeSpec),
    /// A struct by name, and its fields in order.
    Struct(&'static str, &'static [FieldSpec]),
}

/// A field of a struct.
#[derive(Clone, Copy, Debug)]
pub struct FieldSpec {
    /// Kafka's name in `snake_case`.
    pub name: &'static str,
    /// The type without nullability.
    pub layout: TypeSpec,
    /// Versions, nullability, tag.
    pub rules: Rules,
    /// The default as written in the table; empty for the default of the type.
    pub default: &'static str,
}

/// What holds for a field, by version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// First version with the field.
    pub from: i16,
    /// Last version with the field.
    pub to: i16,
    /// First version in which null is allowed.
    pub null_from: i16,
    /// Last version in which null is allowed; below `null_from` when there is none.
    pub null_to: i16,
    /// The tag of a tagged field.
    pub tag: Option<u32>,
    /// Whether versions that lack the field drop it silently.
    pub ignorable: bool,
}

impl Rules {
    /// Always there, never null, no tag.
    pub const ALWAYS: Self =
        Self { from: 0, to: i16::MAX, null_from: 0, null_to: -1, tag: None, ignorable: false };

    /// Whether `version` has the field.
    #[must_use]
    pub const fn present(&self, version: i16) -> bool {
        self.from <= version && version <= self.to
    }

    /// Whether `version` allows null.
    #[must_use]
    pub const fn nullable(&self, version: i16) -> bool {
        self.null_from <= version && version <= self.null_to
    }

    /// Whether `version` has the field among the untagged ones.
    #[must_use]
    pub const fn inline(&self, version: i16) -> bool {
        self.tag.is_none() && self.present(version)
    }
}

/// What a codec has to know at one place.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// Version of the message.
    pub version: i16,
    /// Whether lengths are compact and structs end in tagged fields.
    pub flexible: bool,
    /// Whether the value may be null.
    pub nullable: bool,
}

/// A type of a field.
pub trait Wire: Sized {
    /// Its description.
    const SPEC: TypeSpec;
    /// The default when the table names none.
    fn initial() -> Self;
    /// Bytes that any value occupies at least; bounds the count of an array.
    fn wire_bytes_min(at: At) -> usize;
    /// Writes the value.
    fn put(&self, writer: &mut Writer, at: At) -> Result<(), EncodeError>;
    /// Reads a value.
    fn take(reader: &mut Reader, at: At) -> Result<Self, DecodeError>;
}
