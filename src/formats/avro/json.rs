//! Avro's JSON encoding, by way of the binary one: there is one decoder and one encoder, and this translates for them.

use super::cursor::{Cursor, Fault, write_bytes, write_long};
use super::schema::{NodeId, Schema, Shape};
use crate::base::limits::{AVRO_DEPTH_MAX, AVRO_PARTS_MAX};
use crate::formats::json::{Astral, write_string};
use crate::types::java_text::{write_double, write_float};
use serde_json::Value;

/// Which of Avro's two JSON forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JsonForm {
    /// A record: unions name their branch.
    Record,
    /// A default in a schema: unions do not.
    Default,
}

/// Appends a JSON value in Avro's binary encoding; what is wrong with it otherwise.
pub(super) fn json_to_binary(
    schema: &Schema,
    node: NodeId,
    value: &Value,
    form: JsonForm,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    to_binary(schema, node, value, form, &mut Bounds { depth: 0, parts: 0 }, out)
}

/// What a value may still grow by.
struct Bounds {
    depth: usize,
    /// Defaults inside of defaults so far.
    parts: usize,
}

fn to_binary(
    schema: &Schema,
    node: NodeId,
    value: &Value,
    form: JsonForm,
    bounds: &mut Bounds,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    if bounds.depth >= AVRO_DEPTH_MAX {
        return Err("it has more than 64 levels of nesting".to_owned());
    }
    bounds.depth = bounds.depth.saturating_add(1);
    let done = part_to_binary(schema, node, value, form, bounds, out);
    bounds.depth = bounds.depth.saturating_sub(1);
    done
}

fn part_to_binary(
    schema: &Schema,
    node: NodeId,
    value: &Value,
    form: JsonForm,
    bounds: &mut Bounds,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let wrong = || {
        let mut shown = value.to_string();
        if let Some((end, _)) = shown.char_indices().nth(60) {
            shown.truncate(end);
        }
        format!("expected {}, found {shown}", schema.describe(node))
    };
    match schema.shape(node) {
        Shape::Null => {
            if !value.is_null() {
                return Err(wrong());
            }
        }
        Shape::Boolean => out.push(u8::from(value.as_bool().ok_or_else(wrong)?)),
        Shape::Int => {
            let number = whole(value).and_then(|number| i32::try_from(number).ok());
            write_long(i64::from(number.ok_or_else(wrong)?), out);
        }
        Shape::Long => write_long(whole(value).ok_or_else(wrong)?, out),
        Shape::Float => {
            let number = fraction(value).ok_or_else(wrong)? as f32;
            out.extend_from_slice(&number.to_le_bytes());
        }
        Shape::Double => {
            out.extend_from_slice(&fraction(value).ok_or_else(wrong)?.to_le_bytes());
        }
        Shape::String => write_bytes(value.as_str().ok_or_else(wrong)?.as_bytes(), out),
        Shape::Bytes => write_bytes(&latin1(value).ok_or_else(wrong)?, out),
        Shape::Fixed { len, .. } => {
            let bytes = latin1(value).filter(|bytes| bytes.len() == *len).ok_or_else(wrong)?;
            out.extend_from_slice(&bytes);
        }
        Shape::Enum { symbols, .. } => {
            let symbol = value.as_str().and_then(|text| symbols.iter().position(|s| s == text));
            write_long(i64::try_from(symbol.ok_or_else(wrong)?).unwrap_or(0), out);
        }
        Shape::Union(branches) => {
            let (branch, inner) = match (form, value) {
                (JsonForm::Default, _) => (default_branch(schema, branches, value), value),
                (JsonForm::Record, Value::Null) => (branch_called(schema, branches, "null"), value),
                (JsonForm::Record, Value::Object(object)) => {
                    let mut entries = object.iter();
                    match (entries.next(), entries.next()) {
                        (Some((name, inner)), None) => {
                            (branch_called(schema, branches, name), inner)
                        }
                        _ => (None, value),
                    }
                }
                _ => (None, value),
            };
            let (at, branch) = branch.ok_or_else(wrong)?;
            write_long(at, out);
            to_binary(schema, branch, inner, form, bounds, out)?;
        }
        Shape::Array(item) => {
            let items = value.as_array().ok_or_else(wrong)?;
            if !items.is_empty() {
                write_long(i64::try_from(items.len()).unwrap_or(0), out);
                for value in items {
                    to_binary(schema, *item, value, form, bounds, out)?;
                }
            }
            out.push(0);
        }
        Shape::Map(inner) => {
            let entries = value.as_object().ok_or_else(wrong)?;
            if !entries.is_empty() {
                write_long(i64::try_from(entries.len()).unwrap_or(0), out);
                for (key, value) in entries {
                    write_bytes(key.as_bytes(), out);
                    to_binary(schema, *inner, value, form, bounds, out)?;
                }
            }
            out.push(0);
        }
        Shape::Record { fields, .. } => {
            let object = value.as_object().ok_or_else(wrong)?;
            for field in fields {
                let value = match (form, object.get(&field.name)) {
                    (_, Some(value)) => value,
                    (JsonForm::Default, None) if field.default.is_some() => {
                        bounds.parts = bounds.parts.saturating_add(1);
                        if bounds.parts > AVRO_PARTS_MAX {
                            return Err("its defaults have too many parts".to_owned());
                        }
                        field.default.as_ref().unwrap_or(&Value::Null)
                    }
                    _ => return Err(format!("expected field name not found: {}", field.name)),
                };
                to_binary(schema, field.node, value, form, bounds, out)
                    .map_err(|problem| format!("field '{}': {problem}", field.name))?;
            }
        }
    }
    Ok(())
}

fn branch_called(schema: &Schema, branches: &[NodeId], name: &str) -> Option<(i64, NodeId)> {
    (0i64..)
        .zip(branches)
        .find(|(_, branch)| schema.branch_name(**branch) == name)
        .map(|(at, branch)| (at, *branch))
}

/// The first branch that a default of this kind fits, as in Java.
fn default_branch(schema: &Schema, branches: &[NodeId], value: &Value) -> Option<(i64, NodeId)> {
    let fits = |shape: &Shape| match value {
        Value::Null => matches!(shape, Shape::Null),
        Value::Bool(_) => matches!(shape, Shape::Boolean),
        Value::Number(_) => {
            matches!(shape, Shape::Int | Shape::Long | Shape::Float | Shape::Double)
        }
        Value::String(_) => {
            matches!(shape, Shape::String | Shape::Bytes | Shape::Fixed { .. } | Shape::Enum { .. })
        }
        Value::Array(_) => matches!(shape, Shape::Array(_)),
        Value::Object(_) => matches!(shape, Shape::Map(_) | Shape::Record { .. }),
    };
    (0i64..)
        .zip(branches)
        .find(|(_, branch)| fits(schema.shape(**branch)))
        .map(|(at, branch)| (at, *branch))
}

fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
        (number.abs() < 9.0e18).then_some(number as i64)
    })
}

fn fraction(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "INF" | "Infinity" => Some(f64::INFINITY),
            "-INF" | "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => value.as_f64(),
    }
}

/// A string whose characters stand for bytes.
fn latin1(value: &Value) -> Option<Vec<u8>> {
    value.as_str()?.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

/// Appends a value of Avro's binary encoding as Java's `JsonEncoder` writes it.
pub(super) fn binary_to_json(
    schema: &Schema,
    node: NodeId,
    cursor: &mut Cursor<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    match schema.shape(node) {
        Shape::Null => out.extend_from_slice(b"null"),
        Shape::Boolean => {
            out.extend_from_slice(if cursor.boolean()? { b"true" } else { b"false" });
        }
        Shape::Int => write_number(i64::from(cursor.int()?), out),
        Shape::Long => write_number(cursor.long()?, out),
        Shape::Float => {
            let value = cursor.float()?;
            quoted_unless(value.is_finite(), out, |out| write_float(value, out));
        }
        Shape::Double => {
            let value = cursor.double()?;
            quoted_unless(value.is_finite(), out, |out| write_double(value, out));
        }
        Shape::String => {
            let text = String::from_utf8_lossy(cursor.bytes()?);
            write_string(&text, Astral::Escaped, out);
        }
        Shape::Bytes => write_latin1(cursor.bytes()?, out),
        Shape::Fixed { len, .. } => write_latin1(cursor.take(*len)?, out),
        Shape::Enum { symbols, .. } => {
            let symbol = usize::try_from(cursor.int()?).ok().and_then(|at| symbols.get(at));
            write_string(symbol.map_or("", String::as_str), Astral::Escaped, out);
        }
        Shape::Union(branches) => {
            let branch = usize::try_from(cursor.long()?).ok().and_then(|at| branches.get(at));
            let Some(branch) = branch else { return cursor.fault("a union has no such branch") };
            if matches!(schema.shape(*branch), Shape::Null) {
                out.extend_from_slice(b"null");
            } else {
                out.push(b'{');
                write_string(schema.branch_name(*branch), Astral::Escaped, out);
                out.push(b':');
                binary_to_json(schema, *branch, cursor, out)?;
                out.push(b'}');
            }
        }
        Shape::Array(item) => {
            out.push(b'[');
            let mut first = true;
            loop {
                let count = cursor.block()?;
                if count == 0 {
                    break;
                }
                for _ in 0..count {
                    separate(&mut first, out);
                    binary_to_json(schema, *item, cursor, out)?;
                }
            }
            out.push(b']');
        }
        Shape::Map(value) => {
            out.push(b'{');
            let mut first = true;
            loop {
                let count = cursor.block()?;
                if count == 0 {
                    break;
                }
                for _ in 0..count {
                    separate(&mut first, out);
                    let key = String::from_utf8_lossy(cursor.bytes()?);
                    write_string(&key, Astral::Escaped, out);
                    out.push(b':');
                    binary_to_json(schema, *value, cursor, out)?;
                }
            }
            out.push(b'}');
        }
        Shape::Record { fields, .. } => {
            out.push(b'{');
            let mut first = true;
            for field in fields {
                separate(&mut first, out);
                write_string(&field.name, Astral::Escaped, out);
                out.push(b':');
                binary_to_json(schema, field.node, cursor, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn separate(first: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::take(first) {
        out.push(b',');
    }
}

fn write_number(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn quoted_unless(plain: bool, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    if !plain {
        out.push(b'"');
    }
    write(out);
    if !plain {
        out.push(b'"');
    }
}

fn write_latin1(bytes: &[u8], out: &mut Vec<u8>) {
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    write_string(&text, Astral::Escaped, out);
}
