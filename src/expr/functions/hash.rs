//! Hashes as functions, for results like Flink's, not to protect anything: MD5, SHA-1, SHA-2, and Java's hash codes.

use super::signature::{Signature, fixed};
use super::{Bin, Call, Function, Param, Prim, Str};
use crate::expr::text::{LOWER_HEX, write_hex};
use crate::expr::value::Bool;
use crate::expr::{Expr, Node};
use crate::types::{Column, DataType, Kind};
use arrow_array::types::{Date32Type, Decimal128Type, Float32Type, Int32Type};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};

use Param::{Int, Text};

macro_rules! hash {
    ($usage:literal, $doc:literal, $length:literal, $digest:ty) => {
        Function::new(
            $usage,
            $doc,
            |args| text_or_bytes(args, &[Text], Kind::Char($length)),
            hashed::<$digest>,
        )
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    hash!("MD5(string)", "The MD5 hash in hexadecimal digits.", 32, Md5),
    hash!("SHA1(string)", "The SHA-1 hash in hexadecimal digits.", 40, Sha1),
    hash!("SHA224(string)", "The SHA-224 hash in hexadecimal digits.", 56, Sha224),
    hash!("SHA256(string)", "The SHA-256 hash in hexadecimal digits.", 64, Sha256),
    hash!("SHA384(string)", "The SHA-384 hash in hexadecimal digits.", 96, Sha384),
    hash!("SHA512(string)", "The SHA-512 hash in hexadecimal digits.", 128, Sha512),
    Function::new(
        "SHA2(string, bits)",
        "The SHA-2 hash of 224, 256, 384 or 512 bits in hexadecimal digits.",
        |args| text_or_bytes(args, &[Text, Int], Kind::VarChar(128)),
        |call| {
            let (input, bits) = (Input::new(call), call.int(1));
            call.strings(|row, out| {
                let (Some(bytes), Some(bits)) = (input.get(row), bits.get(row)) else {
                    return Ok(None);
                };
                match bits {
                    224 => hex::<Sha224>(bytes, out),
                    256 => hex::<Sha256>(bytes, out),
                    384 => hex::<Sha384>(bytes, out),
                    512 => hex::<Sha512>(bytes, out),
                    _ => return Err(format!("unsupported algorithm: SHA-{bits}")),
                }
                Ok(Some(()))
            })
        },
    )
    .can_fail(),
    Function::new(
        "HASH_CODE(value)",
        "Java's hash code of a text, without its sign, or of a number, a BOOLEAN or a DATE.",
        |args| {
            let by_text = fixed(args, &[Text], 1, Kind::Int);
            by_text.or_else(|| fixed(args, &[Param::Long], 1, Kind::Int)).or_else(|| {
                let [arg] = args else { return None };
                let kind = arg.data_type.kind.clone();
                let hashed = kind.is_numeric() || matches!(kind, Kind::Boolean | Kind::Date);
                let returns = DataType { kind: Kind::Int, nullable: arg.data_type.nullable };
                hashed.then(|| Signature { args: vec![kind], returns })
            })
        },
        hash_code,
    ),
];

fn hashed<D: Digest>(call: &mut Call<'_, '_>) -> Column {
    let input = Input::new(call);
    call.strings(|row, out| Ok(input.get(row).map(|bytes| hex::<D>(bytes, out))))
}

/// What is hashed: bytes, or a text's.
enum Input<'a> {
    Text(Str<'a>),
    Bytes(Bin<'a>),
}

impl<'a> Input<'a> {
    fn new(call: &Call<'a, '_>) -> Input<'a> {
        if call.data_type(0).kind.is_binary() {
            Input::Bytes(call.bytes(0))
        } else {
            Input::Text(call.text(0))
        }
    }

    fn get(&self, row: usize) -> Option<&'a [u8]> {
        match self {
            Input::Text(text) => text.get(row).map(str::as_bytes),
            Input::Bytes(bytes) => bytes.get(row),
        }
    }
}

/// A signature of `params`, the first of which may also be bytes.
fn text_or_bytes(args: &[Expr], params: &[Param], returns: Kind) -> Option<Signature> {
    let of_text = fixed(args, params, params.len(), returns.clone());
    of_text.or_else(|| {
        let mut params = params.to_vec();
        *params.first_mut()? = Param::Bytes;
        fixed(args, &params, params.len(), returns)
    })
}

/// Appends the hash of `bytes` in hexadecimal digits.
fn hex<D: Digest>(bytes: &[u8], out: &mut String) {
    write_hex(&D::digest(bytes), LOWER_HEX, out);
}

/// The hash codes of Java's `String`, `Integer`, `Long`, `Double`, `Float`, `Boolean` and `BigDecimal`.
fn hash_code(call: &mut Call<'_, '_>) -> Column {
    let long = |bits: i64| (bits ^ ((bits as u64 >> 32) as i64)) as i32;
    match call.data_type(0).kind {
        Kind::Char(_) | Kind::VarChar(_) => {
            let text = call.text(0);
            call.values::<Int32Type>(|row| {
                let step =
                    |hash: i32, unit: u16| hash.wrapping_mul(31).wrapping_add(i32::from(unit));
                let hash = text.get(row).map(|text| text.encode_utf16().fold(0, step));
                Ok(hash.map(i32::wrapping_abs))
            })
        }
        Kind::Boolean => {
            let value = Bool::new(call.arg(0));
            call.values::<Int32Type>(|row| {
                Ok(value.get(row).map(|truth| if truth { 1231 } else { 1237 }))
            })
        }
        Kind::Float => {
            let value = Prim::<Float32Type>::new(call.arg(0));
            call.values::<Int32Type>(|row| Ok(value.get(row).map(|value| value.to_bits() as i32)))
        }
        Kind::Double => {
            let value = call.double(0);
            call.values::<Int32Type>(|row| Ok(value.get(row).map(|v| long(v.to_bits() as i64))))
        }
        Kind::Date => {
            let value = Prim::<Date32Type>::new(call.arg(0));
            call.values::<Int32Type>(|row| Ok(value.get(row)))
        }
        Kind::Decimal { scale, .. } => {
            let value = Prim::<Decimal128Type>::new(call.arg(0));
            call.values::<Int32Type>(|row| {
                Ok(value.get(row).map(|unscaled| {
                    // `BigInteger` adds up its words from the highest one.
                    let step = |hash: i32, at: u32| {
                        let word = (unscaled.unsigned_abs() >> (32 * at)) as u32;
                        hash.wrapping_mul(31).wrapping_add(word as i32)
                    };
                    let hash = (0..4).rev().fold(0, step).wrapping_mul(unscaled.signum() as i32);
                    hash.wrapping_mul(31).wrapping_add(i32::from(scale))
                }))
            })
        }
        _ => {
            let number = call.long(0);
            let is_long = call.exprs.first().is_some_and(|arg| match &arg.unshared().node {
                Node::Cast { input, .. } => input.data_type.kind == Kind::BigInt,
                _ => arg.data_type.kind == Kind::BigInt && arg.as_literal().is_none(),
            });
            call.values::<Int32Type>(|row| {
                Ok(number.get(row).map(|number| match i32::try_from(number) {
                    Ok(small) if !is_long => small,
                    _ => long(number),
                }))
            })
        }
    }
}
