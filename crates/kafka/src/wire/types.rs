//! The types that fields may have.

use bytes::Bytes;

use crate::wire::error::{DecodeError, DecodeFault, EncodeError};
use crate::wire::layout::{At, TypeSpec, Wire};
use crate::wire::reader::Reader;
use crate::wire::uuid::Uuid;
use crate::wire::writer::Writer;

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
        writer.shared(self);
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
