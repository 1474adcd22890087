//! From one table per API to structs, encoders, decoders and a description of the layout.
//!
//! A table is written in [`messages!`]: the `api` line has the key, the versions that we speak and
//! the first flexible one (KIP-482); below it, one struct per struct of Kafka's own specification,
//! with the same fields in the same order:
//!
//! ```text
//! field: Type [versions, null versions, tag number, ignorable] = default;
//! ```
//!
//! Versions are `3+` or `0-12`. `null` gives the versions in which null is allowed; the type is an
//! `Option` then. A `tag` makes a tagged field of it. An `ignorable` field is dropped by versions
//! that lack it; any other field that is set is an [`EncodeError`] there. Without `= default` a
//! field starts as zero, empty, or `Some` of these.

use std::ops::RangeInclusive;

use bytes::Bytes;

use crate::wire::error::{DecodeError, DecodeFault, EncodeError};
use crate::wire::reader::Reader;
use crate::wire::uuid::Uuid;
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

macro_rules! plain {
    ($($rust:ty, $name:literal, $size:literal, $initial:expr, $take:ident,
       |$writer:ident, $value:ident| $put:expr;)+) => { $(
        impl Wire for $rust {
            const SPEC: TypeSpec = TypeSpec::Plain($name);

            fn initial() -> Self {
                $initial
            }

            fn wire_bytes_min(_: At) -> usize {
                $size
            }

            fn put(&self, $writer: &mut Writer, _: At) -> Result<(), EncodeError> {
                let $value = *self;
                $put;
                Ok(())
            }

            fn take(reader: &mut Reader, _: At) -> Result<Self, DecodeError> {
                reader.$take()
            }
        }
    )+ };
}

plain! {
    bool, "bool", 1, false, bool, |writer, value| writer.i8(i8::from(value));
    i8, "int8", 1, 0, i8, |writer, value| writer.i8(value);
    i16, "int16", 2, 0, i16, |writer, value| writer.i16(value);
    u16, "uint16", 2, 0, u16, |writer, value| writer.u16(value);
    i32, "int32", 4, 0, i32, |writer, value| writer.i32(value);
    i64, "int64", 8, 0, i64, |writer, value| writer.i64(value);
    Uuid, "uuid", 16, Uuid::ZERO, uuid, |writer, value| writer.raw(&value.0);
}

/// A type that begins with its length and therefore can be null.
pub trait Measured: Sized {
    /// Its description.
    const SPEC: TypeSpec;
    /// Whether the classic length is an `int16`.
    const SHORT: bool;
    /// The empty value.
    fn empty() -> Self;
    /// Bytes or elements.
    fn length(&self) -> usize;
    /// Writes what follows the length.
    fn put_content(&self, writer: &mut Writer, at: At) -> Result<(), EncodeError>;
    /// Reads what follows the length.
    fn take_content(reader: &mut Reader, length: usize, at: At) -> Result<Self, DecodeError>;
}

impl Measured for String {
    const SPEC: TypeSpec = TypeSpec::Plain("string");
    const SHORT: bool = true;

    fn empty() -> Self {
        Self::new()
    }

    fn length(&self) -> usize {
        self.len()
    }

    fn put_content(&self, writer: &mut Writer, _: At) -> Result<(), EncodeError> {
        writer.raw(self.as_bytes());
        Ok(())
    }

    fn take_content(reader: &mut Reader, length: usize, _: At) -> Result<Self, DecodeError> {
        reader.string(length)
    }
}

impl Measured for Bytes {
    const SPEC: TypeSpec = TypeSpec::Plain("bytes");
    const SHORT: bool = false;

    fn empty() -> Self {
        Self::new()
    }

    fn length(&self) -> usize {
        self.len()
    }

    fn put_content(&self, writer: &mut Writer, _: At) -> Result<(), EncodeError> {
        writer.raw(self);
        Ok(())
    }

    fn take_content(reader: &mut Reader, length: usize, _: At) -> Result<Self, DecodeError> {
        reader.slice(length)
    }
}

impl<T: Wire> Measured for Vec<T> {
    const SPEC: TypeSpec = TypeSpec::Array(&T::SPEC);
    const SHORT: bool = false;

    fn empty() -> Self {
        Self::new()
    }

    fn length(&self) -> usize {
        self.len()
    }

    fn put_content(&self, writer: &mut Writer, at: At) -> Result<(), EncodeError> {
        let at = At { nullable: false, ..at };
        self.iter().try_for_each(|element| element.put(writer, at))
    }

    fn take_content(reader: &mut Reader, length: usize, at: At) -> Result<Self, DecodeError> {
        let at = At { nullable: false, ..at };
        let wire_bytes_min = T::wire_bytes_min(at).max(1);
        let reserve = reader.array(length, wire_bytes_min, size_of::<T>())?;
        let mut elements = Self::with_capacity(reserve);
        for _ in 0..length {
            elements.push(T::take(reader, at)?);
        }
        Ok(elements)
    }
}

fn length_bytes_min(short: bool, at: At) -> usize {
    match (at.flexible, short) {
        (true, _) => 1,
        (false, true) => 2,
        (false, false) => 4,
    }
}

macro_rules! measured {
    ($([$($generic:tt)*] $rust:ty;)+) => { $(
        impl<$($generic)*> Wire for $rust {
            const SPEC: TypeSpec = <Self as Measured>::SPEC;

            fn initial() -> Self {
                Self::empty()
            }

            fn wire_bytes_min(at: At) -> usize {
                length_bytes_min(<Self as Measured>::SHORT, at)
            }

            fn put(&self, writer: &mut Writer, at: At) -> Result<(), EncodeError> {
                writer.length(self.length(), at.flexible, Self::SHORT)?;
                self.put_content(writer, at)
            }

            fn take(reader: &mut Reader, at: At) -> Result<Self, DecodeError> {
                match reader.length(at.flexible, Self::SHORT)? {
                    Some(length) => Self::take_content(reader, length, at),
                    None => Err(reader.error(DecodeFault::Null)),
                }
            }
        }
    )+ };
}

measured! {
    [] String;
    [] Bytes;
    [T: Wire] Vec<T>;
}

impl<T: Measured> Wire for Option<T> {
    const SPEC: TypeSpec = T::SPEC;

    fn initial() -> Self {
        Some(T::empty())
    }

    fn wire_bytes_min(at: At) -> usize {
        length_bytes_min(T::SHORT, at)
    }

    fn put(&self, writer: &mut Writer, at: At) -> Result<(), EncodeError> {
        match self {
            Some(value) => {
                writer.length(value.length(), at.flexible, T::SHORT)?;
                value.put_content(writer, at)
            }
            None => writer.null(at.flexible, T::SHORT, at.nullable),
        }
    }

    fn take(reader: &mut Reader, at: At) -> Result<Self, DecodeError> {
        match reader.length(at.flexible, T::SHORT)? {
            Some(length) => T::take_content(reader, length, at).map(Some),
            None if at.nullable => Ok(None),
            None => Err(reader.error(DecodeFault::Null)),
        }
    }
}

/// The text between the brackets of a field.
macro_rules! rules {
    (@ $rules:expr;) => { $rules };
    (@ $rules:expr; , $($rest:tt)+) => { $crate::wire::layout::rules!(@ $rules; $($rest)+) };
    (@ $rules:expr; null $from:literal + $($rest:tt)*) => {
        $crate::wire::layout::rules!(@ $crate::wire::layout::Rules { null_from: $from, null_to: i16::MAX, ..$rules }; $($rest)*)
    };
    (@ $rules:expr; null $from:literal - $to:literal $($rest:tt)*) => {
        $crate::wire::layout::rules!(@ $crate::wire::layout::Rules { null_from: $from, null_to: $to, ..$rules }; $($rest)*)
    };
    (@ $rules:expr; tag $tag:literal $($rest:tt)*) => {
        $crate::wire::layout::rules!(@ $crate::wire::layout::Rules { tag: Some($tag), ..$rules }; $($rest)*)
    };
    (@ $rules:expr; ignorable $($rest:tt)*) => {
        $crate::wire::layout::rules!(@ $crate::wire::layout::Rules { ignorable: true, ..$rules }; $($rest)*)
    };
    (@ $rules:expr; $from:literal + $($rest:tt)*) => {
        $crate::wire::layout::rules!(@ $crate::wire::layout::Rules { from: $from, to: i16::MAX, ..$rules }; $($rest)*)
    };
    (@ $rules:expr; $from:literal - $to:literal $($rest:tt)*) => {
        $crate::wire::layout::rules!(@ $crate::wire::layout::Rules { from: $from, to: $to, ..$rules }; $($rest)*)
    };
    ($($all:tt)+) => { $crate::wire::layout::rules!(@ $crate::wire::layout::Rules::ALWAYS; $($all)+) };
}
pub(crate) use rules;

/// The default of a field: the one of the table, or the one of its type.
macro_rules! initial {
    ($type:ty) => {
        <$type as $crate::wire::layout::Wire>::initial()
    };
    ($type:ty, $default:expr) => {
        $default
    };
}
pub(crate) use initial;

/// The table of an API; see the head of this module.
macro_rules! messages {
    (
        api $api:ident {
            key: $key:literal,
            versions: $min:literal ..= $max:literal,
            flexible_from: $flexible:literal,
            $request:ident => $response:ident
        }
        $(
            struct $name:ident {
                $( $field:ident : $type:ty [$($rules:tt)+] $(= $default:expr)? ; )*
            }
        )+
    ) => {
        /// The API of this module.
        pub const API: $crate::wire::layout::ApiSpec = $crate::wire::layout::ApiSpec {
            name: stringify!($api),
            key: $key,
            version_min: $min,
            version_max: $max,
            flexible_from: $flexible,
        };

        impl $crate::wire::layout::Request for $request {
            type Response = $response;
            const NAME: &'static str = stringify!($api);
            const KEY: i16 = $key;
            const VERSIONS: std::ops::RangeInclusive<i16> = $min..=$max;
            const FLEXIBLE_FROM: i16 = $flexible;
        }

        $crate::wire::layout::body!($request);
        $crate::wire::layout::body!($response);

        $(
            #[doc = concat!("Kafka's `", stringify!($name), "`.")]
            #[derive(Clone, Debug, PartialEq)]
            pub struct $name {
                $( pub $field: $type, )*
            }

            impl Default for $name {
                fn default() -> Self {
                    Self { $( $field: $crate::wire::layout::initial!($type $(, $default)?), )* }
                }
            }

            #[allow(non_upper_case_globals, reason = "one constant per field, named like it")]
            impl $name {
                $(
                    const $field: $crate::wire::layout::Rules =
                        $crate::wire::layout::rules!($($rules)+);
                )*
            }

            impl $crate::wire::layout::Wire for $name {
                const SPEC: $crate::wire::layout::TypeSpec = $crate::wire::layout::TypeSpec::Struct(
                    stringify!($name),
                    &[$( $crate::wire::layout::FieldSpec {
                        name: stringify!($field),
                        layout: <$type as $crate::wire::layout::Wire>::SPEC,
                        rules: Self::$field,
                        default: stringify!($($default)?),
                    } ),*],
                );

                fn initial() -> Self {
                    Self::default()
                }

                fn wire_bytes_min(at: $crate::wire::layout::At) -> usize {
                    let mut bytes = usize::from(at.flexible);
                    $(
                        if Self::$field.inline(at.version) {
                            let field = <$type as $crate::wire::layout::Wire>::wire_bytes_min(at);
                            bytes = bytes.saturating_add(field);
                        }
                    )*
                    bytes
                }

                fn put(
                    &self,
                    writer: &mut $crate::wire::Writer,
                    at: $crate::wire::layout::At,
                ) -> Result<(), $crate::wire::EncodeError> {
                    use $crate::wire::layout::{At, Wire};
                    let mut tagged = $crate::wire::writer::TaggedFields::default();
                    $(
                        writer.enter(concat!(stringify!($name), ".", stringify!($field)), at.version);
                        let at = At { nullable: Self::$field.nullable(at.version), ..at };
                        if Self::$field.inline(at.version) {
                            Wire::put(&self.$field, writer, at)?;
                        } else if (Self::$field.tag.is_some() || !Self::$field.ignorable)
                            && self.$field != $crate::wire::layout::initial!($type $(, $default)?)
                        {
                            match Self::$field.tag {
                                Some(tag) if Self::$field.present(at.version) => {
                                    tagged.add(writer, tag, |writer| Wire::put(&self.$field, writer, at))?;
                                }
                                _ if Self::$field.ignorable => {}
                                _ => return Err(writer.error($crate::wire::EncodeFault::Absent)),
                            }
                        }
                    )*
                    if at.flexible {
                        tagged.finish(writer);
                    }
                    Ok(())
                }

                fn take(
                    reader: &mut $crate::wire::Reader,
                    at: $crate::wire::layout::At,
                ) -> Result<Self, $crate::wire::DecodeError> {
                    use $crate::wire::layout::{At, Wire};
                    let mut value = Self::default();
                    $(
                        if Self::$field.inline(at.version) {
                            reader.enter(concat!(stringify!($name), ".", stringify!($field)));
                            let nullable = Self::$field.nullable(at.version);
                            value.$field = Wire::take(reader, At { nullable, ..at })?;
                        }
                    )*
                    if at.flexible {
                        reader.enter(concat!(stringify!($name), " tags"));
                        reader.tagged_fields(|tag, reader| {
                            $(
                                if Self::$field.tag == Some(tag) && Self::$field.present(at.version) {
                                    reader.enter(concat!(stringify!($name), ".", stringify!($field)));
                                    let nullable = Self::$field.nullable(at.version);
                                    value.$field = Wire::take(reader, At { nullable, ..at })?;
                                    return Ok(true);
                                }
                            )*
                            Ok(false)
                        })?;
                    }
                    Ok(value)
                }
            }
        )+
    };
}
pub(crate) use messages;

/// [`Message`] for an outermost struct.
macro_rules! body {
    ($name:ident) => {
        impl $crate::wire::layout::Message for $name {
            const SPEC: $crate::wire::layout::MessageSpec = $crate::wire::layout::MessageSpec {
                api: API,
                layout: <Self as $crate::wire::layout::Wire>::SPEC,
            };

            fn encode(
                &self,
                writer: &mut $crate::wire::Writer,
                version: i16,
            ) -> Result<(), $crate::wire::EncodeError> {
                writer.enter(stringify!($name), version);
                let at = $crate::wire::layout::At {
                    version,
                    flexible: version >= API.flexible_from,
                    nullable: false,
                };
                if !API.has(version) {
                    return Err(writer.error($crate::wire::EncodeFault::Version));
                }
                $crate::wire::layout::Wire::put(self, writer, at)
            }

            fn decode(
                reader: &mut $crate::wire::Reader,
                version: i16,
            ) -> Result<Self, $crate::wire::DecodeError> {
                reader.enter(stringify!($name));
                let at = $crate::wire::layout::At {
                    version,
                    flexible: version >= API.flexible_from,
                    nullable: false,
                };
                if !API.has(version) {
                    return Err(reader.error($crate::wire::DecodeFault::Version(version)));
                }
                $crate::wire::layout::Wire::take(reader, at)
            }
        }
    };
}
pub(crate) use body;
