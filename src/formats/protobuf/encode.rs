//! The encoder: rows as messages, byte for byte as Java writes those that Flink builds.

use super::cursor::{Wire, tag_bytes, write_varint, zigzag};
use super::options::ProtobufOptions;
use super::plan::{Leaf, Match, Part, matched, wire};
use crate::base::{Error, Result};
use crate::formats::write::{Source, SourceColumn, end_of, source_columns, span};
use crate::table::{EncodeRequest, Encoded, Encoder};
use crate::types::java_map;
use crate::types::{Batch, Field, RowErrors};
use protox::prost_reflect::{self as reflect, FieldDescriptor, MessageDescriptor};

/// The encoder of `protobuf`.
#[derive(Debug)]
pub(super) struct ProtobufEncoder {
    fields: Vec<Field>,
    message: Puts,
    null_literal: String,
    entries: Vec<Entry>,
}

/// How a message is written.
#[derive(Debug)]
struct Puts {
    /// By number: the order of the bytes.
    fields: Vec<Put>,
    /// A field that must be there and that the table does not have.
    missing: Option<String>,
}

/// How a field is written.
#[derive(Debug)]
struct Put {
    /// Its column.
    at: usize,
    name: String,
    tag: Box<[u8]>,
    value: Value,
    /// Whether its default is not written.
    implicit: bool,
    required: bool,
    /// Columns of the same oneof behind this one: one that is not NULL counts instead.
    later: Vec<usize>,
}

#[derive(Debug)]
enum Value {
    One(Item),
    List(Item),
    Packed(Leaf),
    Map { key: Leaf, key_tag: Box<[u8]>, value: Item, value_tag: Box<[u8]> },
}

#[derive(Debug)]
enum Item {
    Leaf(Leaf),
    Message(Puts),
    /// With the tag at its end.
    Group(Puts, Box<[u8]>),
}

/// An entry of a map on its way to its place: its bucket, and the rows of the columns of keys and values.
#[derive(Clone, Copy, Debug)]
struct Entry {
    place: u32,
    key: usize,
    value: usize,
}

impl Puts {
    fn new(message: &MessageDescriptor, columns: &[Field]) -> Result<Puts> {
        let matches = columns.iter().map(|column| matched(message, column));
        let matches = matches.collect::<Result<Vec<(FieldDescriptor, Match<'_>)>>>()?;
        let descriptors: Vec<FieldDescriptor> =
            matches.iter().map(|(field, _)| field.clone()).collect();
        let mut fields = Vec::with_capacity(columns.len());
        for (at, (field, found)) in matches.into_iter().enumerate() {
            let value = value(&field, found)
                .map_err(|error| error.context(format!("writing column '{}'", field.name())))?;
            let wire = match &value {
                Value::Packed(_) | Value::Map { .. } => Wire::Bytes,
                _ => wire(&field),
            };
            let oneof = field.containing_oneof();
            let behind = descriptors.iter().enumerate().skip(at.saturating_add(1));
            let later = behind
                .filter(|(_, other)| oneof.is_some() && other.containing_oneof() == oneof)
                .map(|(at, _)| at)
                .collect();
            let put = Put {
                at,
                name: field.name().to_owned(),
                tag: tag_bytes(field.number(), wire),
                implicit: !field.supports_presence(),
                required: field.is_required(),
                value,
                later,
            };
            fields.push((field.number(), put));
        }
        fields.sort_by_key(|(number, _)| *number);
        let missing = message
            .fields()
            .find(|field| field.is_required() && !descriptors.iter().any(|other| other == field));
        Ok(Puts {
            fields: fields.into_iter().map(|(_, put)| put).collect(),
            missing: missing.map(|field| field.name().to_owned()),
        })
    }

    /// A field that a message without any would miss.
    fn must_have(&self) -> Option<&str> {
        let own = self.fields.iter().find(|put| put.required).map(|put| put.name.as_str());
        self.missing.as_deref().or(own)
    }
}

fn value(field: &FieldDescriptor, found: Match<'_>) -> Result<Value> {
    Ok(match found {
        Match::One(part) => Value::One(item(field, part)?),
        Match::List(Part::Leaf(leaf)) if field.is_packed() => Value::Packed(leaf),
        Match::List(part) => Value::List(item(field, part)?),
        Match::Map(Part::Leaf(key), value) => {
            let reflect::Kind::Message(entry) = field.kind() else {
                return Err(Error::internal("a map without entries"));
            };
            let (keys, values) = (entry.map_entry_key_field(), entry.map_entry_value_field());
            Value::Map {
                key,
                key_tag: tag_bytes(keys.number(), wire(&keys)),
                value: item(&values, value)?,
                value_tag: tag_bytes(values.number(), wire(&values)),
            }
        }
        Match::Map(..) => return Err(Error::internal("a map whose keys are messages")),
    })
}

fn item(field: &FieldDescriptor, part: Part<'_>) -> Result<Item> {
    Ok(match part {
        Part::Leaf(leaf) => Item::Leaf(leaf),
        Part::Row(message, columns) => {
            let puts = Puts::new(&message, columns)?;
            if field.is_group() {
                Item::Group(puts, tag_bytes(field.number(), Wire::GroupEnd))
            } else {
                Item::Message(puts)
            }
        }
    })
}

impl ProtobufEncoder {
    pub(super) fn new(
        request: &EncodeRequest,
        message: &MessageDescriptor,
        options: &ProtobufOptions,
    ) -> Result<ProtobufEncoder> {
        Ok(ProtobufEncoder {
            fields: request.fields.clone(),
            message: Puts::new(message, &request.fields)?,
            null_literal: options.null_literal.clone(),
            entries: Vec::new(),
        })
    }
}

impl Encoder for ProtobufEncoder {
    fn encode(&mut self, batch: &Batch, out: &mut Encoded, errors: &mut RowErrors) -> Result<()> {
        let columns = source_columns(batch, &self.fields)?;
        let mut writing = Writing { null_literal: &self.null_literal, entries: &mut self.entries };
        for row in 0..batch.rows {
            let before = out.bytes.len();
            if let Err(problem) = writing.message(&self.message, &columns, row, &mut out.bytes) {
                writing.entries.clear();
                out.bytes.truncate(before);
                errors.push(row, || format!("failed to serialize row: {problem}"));
            }
            out.ends.push(end_of(&out.bytes)?);
        }
        Ok(())
    }
}

struct Writing<'a> {
    null_literal: &'a str,
    /// Entries of the maps being written, inner ones behind outer ones.
    entries: &'a mut Vec<Entry>,
}

impl Writing<'_> {
    fn message(
        &mut self,
        puts: &Puts,
        columns: &[SourceColumn<'_>],
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        if let Some(name) = &puts.missing {
            return Err(unfinished(name));
        }
        for put in &puts.fields {
            let Some(column) = columns.get(put.at) else { continue };
            if column.is_null(row) {
                if put.required {
                    return Err(unfinished(&put.name));
                }
                continue;
            }
            let is_set = |at: &usize| columns.get(*at).is_some_and(|column| !column.is_null(row));
            if !put.later.iter().any(is_set) {
                self.put(put, column, row, out)
                    .map_err(|problem| format!("field '{}': {problem}", put.name))?;
            }
        }
        Ok(())
    }

    fn put(
        &mut self,
        put: &Put,
        column: &SourceColumn<'_>,
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        match (&put.value, &column.source) {
            (Value::One(item), _) => {
                let start = out.len();
                out.extend_from_slice(&put.tag);
                let is_default = self.item(item, column, row, out)?;
                if put.implicit && is_default {
                    out.truncate(start);
                }
            }
            (Value::List(item), Source::List(array, items)) => {
                for at in span(array.value_offsets(), row) {
                    out.extend_from_slice(&put.tag);
                    self.item(item, items, at, out)?;
                }
            }
            (Value::Packed(leaf), Source::List(array, items)) => {
                let range = span(array.value_offsets(), row);
                if !range.is_empty() {
                    out.extend_from_slice(&put.tag);
                    let start = out.len();
                    for at in range {
                        self.leaf(leaf, items, at, out)?;
                    }
                    insert_length(start, out);
                }
            }
            (Value::Map { key, key_tag, value, value_tag }, Source::Map(array, keys, values)) => {
                let base = self.entries.len();
                self.order(key, keys, span(array.value_offsets(), row))?;
                for at in base..self.entries.len() {
                    let Some(entry) = self.entries.get(at).copied() else { break };
                    out.extend_from_slice(&put.tag);
                    let start = out.len();
                    out.extend_from_slice(key_tag);
                    self.leaf(key, keys, entry.key, out)?;
                    out.extend_from_slice(value_tag);
                    self.item(value, values, entry.value, out)?;
                    insert_length(start, out);
                }
                self.entries.truncate(base);
            }
            _ => return Err("its type and its field differ".to_owned()),
        }
        Ok(())
    }

    /// Whether it is the default. A NULL inside of a list or map is one.
    fn item(
        &mut self,
        item: &Item,
        column: &SourceColumn<'_>,
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<bool, String> {
        let (puts, end) = match item {
            Item::Leaf(leaf) => return self.leaf(leaf, column, row, out),
            Item::Message(puts) => (puts, None),
            Item::Group(puts, end) => (puts, Some(end)),
        };
        let start = out.len();
        match &column.source {
            _ if column.is_null(row) => {
                if let Some(name) = puts.must_have() {
                    return Err(unfinished(name));
                }
            }
            Source::Row(columns) => self.message(puts, columns, row, out)?,
            _ => return Err("its type and its field differ".to_owned()),
        }
        match end {
            Some(end) => out.extend_from_slice(end),
            None => insert_length(start, out),
        }
        Ok(false)
    }

    /// Whether it is the default.
    #[inline]
    fn leaf(
        &self,
        leaf: &Leaf,
        column: &SourceColumn<'_>,
        row: usize,
        out: &mut Vec<u8>,
    ) -> Result<bool, String> {
        let is_null = column.is_null(row);
        let mut bytes = |bytes: &[u8]| {
            write_varint(bytes.len() as u64, out);
            out.extend_from_slice(bytes);
            bytes.is_empty()
        };
        Ok(match (leaf, &column.source) {
            (Leaf::Text, _) if is_null => bytes(self.null_literal.as_bytes()),
            (Leaf::Bytes, _) if is_null => bytes(&[]),
            (Leaf::Text, Source::String(array)) => bytes(array.value(row).as_bytes()),
            (Leaf::Bytes, Source::Binary(array)) => bytes(array.value(row)),
            (Leaf::Float, Source::Float(array)) => {
                let value = if is_null { 0.0 } else { array.value(row) };
                out.extend_from_slice(&value.to_le_bytes());
                value.to_bits() == 0
            }
            (Leaf::Double, Source::Double(array)) => {
                let value = if is_null { 0.0 } else { array.value(row) };
                out.extend_from_slice(&value.to_le_bytes());
                value.to_bits() == 0
            }
            (Leaf::Name(names), Source::String(array)) => {
                let number = if is_null { names.first() } else { names.number(array.value(row)) };
                write_varint(i64::from(number).cast_unsigned(), out);
                number == 0
            }
            (leaf, source) => {
                let number = match source {
                    _ if is_null => match leaf {
                        Leaf::Number(names) => i64::from(names.first()),
                        _ => 0,
                    },
                    Source::Boolean(array) => i64::from(array.value(row)),
                    Source::Int(array) => i64::from(array.value(row)),
                    Source::BigInt(array) => array.value(row),
                    _ => return Err("its type and its field differ".to_owned()),
                };
                let number = match leaf {
                    Leaf::Number(names) => i64::from(names.known(number as i32)),
                    _ => number,
                };
                write_whole(leaf, number, out);
                number == 0
            }
        })
    }

    /// Adds the entries of a map in the order of a `HashMap` into which Flink puts them: of a key that comes again, as
    /// the default for NULL does, the first place and the last value.
    fn order(
        &mut self,
        leaf: &Leaf,
        keys: &SourceColumn<'_>,
        range: std::ops::Range<usize>,
    ) -> Result<(), String> {
        let base = self.entries.len();
        let mut default = None;
        for at in range {
            let (hash, is_default) = match (leaf, &keys.source) {
                (Leaf::Text, Source::String(array)) => {
                    let null = keys.is_null(at);
                    let text = if null { self.null_literal } else { array.value(at) };
                    (java_map::string_hash(text), text == self.null_literal)
                }
                (_, Source::Boolean(array)) => {
                    let value = !keys.is_null(at) && array.value(at);
                    (java_map::bool_hash(value), !value)
                }
                (_, Source::Int(array)) => {
                    let value = if keys.is_null(at) { 0 } else { array.value(at) };
                    (value.cast_unsigned(), value == 0)
                }
                (_, Source::BigInt(array)) => {
                    let value = if keys.is_null(at) { 0 } else { array.value(at) };
                    (java_map::long_hash(value), value == 0)
                }
                _ => return Err("its type and its field differ".to_owned()),
            };
            if is_default {
                let before = default.and_then(|before: usize| self.entries.get_mut(before));
                if let Some(before) = before {
                    before.value = at;
                    continue;
                }
                default = Some(self.entries.len());
            }
            self.entries.push(Entry { place: hash, key: at, value: at });
        }
        let entries = self.entries.get_mut(base..).unwrap_or_default();
        let count = entries.len();
        entries.iter_mut().for_each(|entry| entry.place = java_map::place(entry.place, count));
        entries.sort_by_key(|entry| entry.place);
        Ok(())
    }
}

fn unfinished(name: &str) -> String {
    format!("its message requires field '{name}'")
}

fn write_whole(leaf: &Leaf, number: i64, out: &mut Vec<u8>) {
    match leaf {
        Leaf::Fixed32 => out.extend_from_slice(&(number as i32).to_le_bytes()),
        Leaf::Fixed64 => out.extend_from_slice(&number.to_le_bytes()),
        Leaf::UInt32 => write_varint(u64::from(number as u32), out),
        Leaf::SInt32 | Leaf::SInt64 => write_varint(zigzag(number), out),
        _ => write_varint(number.cast_unsigned(), out),
    }
}

/// Puts the length of what was written from `start` on before it.
fn insert_length(start: usize, out: &mut Vec<u8>) {
    let end = out.len();
    write_varint(end.saturating_sub(start) as u64, out);
    let length = out.len().saturating_sub(end);
    out.get_mut(start..).unwrap_or_default().rotate_right(length);
}
