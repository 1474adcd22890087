//! Functions over text that give arrays, and over URLs.

use super::signature::{STRING, fixed, nullable};
use super::{Call, Function, Param, Prim, RowResult, Signature};
use crate::expr::Node;
use crate::expr::value::Bool;
use crate::types::{Column, DataType, Kind};
use arrow_array::types::{Date32Type, Decimal128Type, Float32Type, Int32Type};
use arrow_array::{ListArray, builder::StringViewBuilder, new_null_array};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer};
use std::sync::Arc;

use Param::Text;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "SPLIT(string, delimiter)",
        "The parts of the text between the delimiters as an array; its characters where the delimiter is empty.",
        |args| fixed(args, &[Text, Text], 2, texts()),
        |call| {
            let (text, delimiter) = (call.text(0), call.text(1));
            text_lists(call, |row, out| {
                let (Some(text), Some(delimiter)) = (text.get(row), delimiter.get(row)) else {
                    return Ok(None);
                };
                if delimiter.is_empty() {
                    out.extend(text.chars().map(|c| Some(c.to_string())));
                } else if !text.is_empty() {
                    // The empty text has no parts, as with `StringUtils.splitByWholeSeparatorPreserveAllTokens`.
                    out.extend(text.split(delimiter).map(|part| Some(part.to_owned())));
                }
                Ok(Some(()))
            })
        },
    ),
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
    Function::new(
        "URL_ENCODE(string)",
        "The text in the form application/x-www-form-urlencoded, in UTF-8.",
        |args| nullable(fixed(args, &[Text], 1, STRING)),
        |call| {
            let text = call.text(0);
            call.strings(|row, out| {
                let Some(text) = text.get(row) else { return Ok(None) };
                for byte in text.bytes() {
                    match byte {
                        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => {
                            out.push(char::from(byte));
                        }
                        b' ' => out.push('+'),
                        byte => out.push_str(&format!("%{byte:02X}")),
                    }
                }
                Ok(Some(()))
            })
        },
    ),
    Function::new(
        "URL_DECODE(string)",
        "The text of a form application/x-www-form-urlencoded, in UTF-8; NULL where it is none.",
        |args| nullable(fixed(args, &[Text], 1, STRING)),
        |call| {
            let text = call.text(0);
            call.strings(|row, out| {
                let Some(decoded) = text.get(row).and_then(url_decode) else { return Ok(None) };
                out.push_str(&decoded);
                Ok(Some(()))
            })
        },
    ),
];

/// `ARRAY<STRING>`.
pub(super) fn texts() -> Kind {
    Kind::Array(Box::new(DataType::string()))
}

fn url_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A column of arrays of text; `f` fills in the elements of a row and says whether there is an array.
pub(super) fn text_lists(
    call: &mut Call<'_, '_>,
    mut f: impl FnMut(usize, &mut Vec<Option<String>>) -> RowResult<()>,
) -> Column {
    let mut texts = StringViewBuilder::new();
    let mut lengths = Vec::with_capacity(call.rows);
    let mut nulls = NullBufferBuilder::new(call.rows);
    let mut elements = Vec::new();
    let errors = &mut *call.errors;
    call.selection.scan(call.rows, |row, selected| {
        elements.clear();
        let made = if selected { f(row, &mut elements) } else { Ok(None) };
        let made = made.unwrap_or_else(|message| {
            errors.push(row, || message);
            None
        });
        if made.is_none() {
            elements.clear();
        }
        nulls.append(made.is_some());
        lengths.push(elements.len());
        elements.iter().for_each(|element| texts.append_option(element.as_deref()));
    });
    match call.returns.physical() {
        arrow_schema::DataType::List(field) => Arc::new(ListArray::new(
            field,
            OffsetBuffer::from_lengths(lengths),
            Arc::new(texts.finish()),
            nulls.finish(),
        )),
        other => new_null_array(&other, call.rows),
    }
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
            let is_long = call.exprs.first().is_some_and(|arg| match &arg.node {
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
