//! Messages as their records are walked: every field by its number, known to the table or not.

use super::cursor::{Cursor, Fault, Span, TRUNCATED, Wire};
use crate::formats::rows::{Token, TokenKind};
use protox::prost_reflect::{Cardinality, FieldDescriptor, Kind, MessageDescriptor, Syntax};
use std::collections::HashMap;
use std::sync::Arc;

/// A message and all that it refers to.
#[derive(Debug)]
pub(super) struct Schema {
    messages: Vec<Message>,
    numbers: HashMap<String, usize>,
}

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    /// By number.
    fields: Vec<Known>,
    /// For each of the lower numbers the field's position and one; 0 for none.
    dense: Box<[u16]>,
    /// Bits of the fields that must be there.
    required: u128,
}

/// A field of a message.
#[derive(Debug)]
struct Known {
    number: u32,
    content: Content,
    repeated: bool,
    /// Numbers of the enum, ascending, where others do not count as values (proto2).
    closed: Option<Arc<[i32]>>,
    /// Fields of the same oneof, by position.
    rivals: Box<[u16]>,
    /// Its bit, if it must be there, and its name.
    required: Option<(u32, Box<str>)>,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Varint,
    Fixed32,
    Fixed64,
    Bytes,
    /// Must be UTF-8.
    Text,
    Message(usize),
    Group(usize),
}

/// For each field of a message, by position, the token that it leaves.
pub(super) type Slots = Box<[Option<u32>]>;

/// Numbers below this are looked up directly.
const DENSE_NUMBERS: u32 = 256;

/// Fields that must be there and are looked after; messages with more of them do not occur.
const REQUIRED_MAX: u32 = 128;

impl Schema {
    /// All messages that `root` refers to; it is message 0.
    pub(super) fn new(root: &MessageDescriptor) -> Schema {
        let mut numbers = HashMap::from([(root.full_name().to_owned(), 0)]);
        let mut waiting = vec![root.clone()];
        let mut messages = Vec::new();
        while let Some(descriptor) = waiting.get(messages.len()).cloned() {
            let mut number_of = |inner: &MessageDescriptor| {
                *numbers.entry(inner.full_name().to_owned()).or_insert_with(|| {
                    waiting.push(inner.clone());
                    waiting.len().saturating_sub(1)
                })
            };
            messages.push(Message::new(&descriptor, &mut number_of));
        }
        Schema { messages, numbers }
    }

    /// The number of a message.
    pub(super) fn number(&self, message: &MessageDescriptor) -> usize {
        self.numbers.get(message.full_name()).copied().unwrap_or(0)
    }

    /// The slots of a message whose field `numbers[i]` leaves the token `i`.
    pub(super) fn slots(&self, message: usize, numbers: impl Iterator<Item = u32>) -> Slots {
        let Some(message) = self.messages.get(message) else { return Slots::default() };
        let mut slots = vec![None; message.fields.len()];
        for (token, number) in (0u32..).zip(numbers) {
            if let Some((at, _)) = message.field(number)
                && let Some(slot) = slots.get_mut(at)
            {
                *slot = Some(token);
            }
        }
        slots.into_boxed_slice()
    }

    /// Walks the message that lies in `span`, a whole record, and checks all of it.
    #[inline]
    pub(super) fn check(
        &self,
        record: &[u8],
        slots: &[Option<u32>],
        tokens: &mut [Token],
    ) -> Result<(), Fault> {
        let mut cursor = Cursor::new(record, Span { start: 0, end: record.len() });
        self.walk(0, &mut cursor, None, slots, tokens, true, 0).map(drop)
    }

    /// Walks a message that was checked before and leaves its tokens. `group` is its field's number if it is a group.
    pub(super) fn tokens(
        &self,
        message: usize,
        mut cursor: Cursor<'_>,
        group: Option<u32>,
        slots: &[Option<u32>],
        tokens: &mut [Token],
    ) {
        // What was checked has no faults.
        let _ = self.walk(message, &mut cursor, group, slots, tokens, false, 0);
    }

    /// Where the message's content ends. The last value of a field counts, and the last member of a oneof.
    #[expect(clippy::too_many_arguments, reason = "a recursion's state")]
    fn walk(
        &self,
        message: usize,
        cursor: &mut Cursor<'_>,
        group: Option<u32>,
        slots: &[Option<u32>],
        tokens: &mut [Token],
        verify: bool,
        depth: usize,
    ) -> Result<usize, Fault> {
        let Some(message) = self.messages.get(message) else { return Ok(cursor.at()) };
        let mut missing = message.required;
        let end = loop {
            let start = cursor.at();
            if cursor.is_at_end() {
                if group.is_some() {
                    return cursor.fault(TRUNCATED);
                }
                break start;
            }
            let (number, wire) = cursor.tag()?;
            if wire == Wire::GroupEnd && group == Some(number) {
                break start;
            }
            let Some((at, field)) = message.field(number) else {
                cursor.skip(number, wire, depth)?;
                continue;
            };
            let span = match (field.content, wire) {
                (Content::Varint, Wire::Varint) => {
                    let from = cursor.at();
                    let value = cursor.varint()?;
                    if !field.has_value(value) {
                        continue;
                    }
                    Span { start: from, end: cursor.at() }
                }
                (Content::Fixed32, Wire::Fixed32) => cursor.take(4)?,
                (Content::Fixed64, Wire::Fixed64) => cursor.take(8)?,
                (Content::Varint | Content::Fixed32 | Content::Fixed64, Wire::Bytes)
                    if field.repeated =>
                {
                    let span = cursor.bytes()?;
                    if verify {
                        field.content.check_packed(cursor, span)?;
                    }
                    span
                }
                (Content::Bytes, Wire::Bytes) => cursor.bytes()?,
                (Content::Text, Wire::Bytes) => {
                    let span = cursor.bytes()?;
                    if verify && !cursor.is_text(span) {
                        return cursor.fault("a string before it is no UTF-8");
                    }
                    span
                }
                (Content::Message(inner), Wire::Bytes) => {
                    let span = cursor.bytes()?;
                    if verify {
                        let depth = cursor.deeper(depth)?;
                        let mut inside = cursor.inside(span);
                        self.walk(inner, &mut inside, None, &[], &mut [], true, depth)?;
                    }
                    span
                }
                (Content::Group(inner), Wire::Group) => {
                    let from = cursor.at();
                    let depth = cursor.deeper(depth)?;
                    let end =
                        self.walk(inner, cursor, Some(number), &[], &mut [], verify, depth)?;
                    Span { start: from, end }
                }
                _ => {
                    cursor.skip(number, wire, depth)?;
                    continue;
                }
            };
            if let Some((bit, _)) = field.required {
                missing &= !1u128.wrapping_shl(bit);
            }
            for rival in &field.rivals {
                if let Some(token) = token_of(slots, usize::from(*rival), tokens) {
                    *token = Token::MISSING;
                }
            }
            if let Some(token) = token_of(slots, at, tokens) {
                *token = field.token(*token, span, Span { start, end: cursor.at() });
            }
        };
        if verify && missing != 0 {
            let is_missing = |known: &&Known| {
                known.required.as_ref().is_some_and(|(bit, _)| missing >> bit & 1 == 1)
            };
            let known = message.fields.iter().find(is_missing);
            let name = known.and_then(|known| known.required.as_ref()).map_or("", |(_, name)| name);
            return cursor.fault(format!("a message without its required field '{name}' ends"));
        }
        Ok(end)
    }
}

#[inline]
fn token_of<'t>(
    slots: &[Option<u32>],
    field: usize,
    tokens: &'t mut [Token],
) -> Option<&'t mut Token> {
    let slot = (*slots.get(field)?)?;
    tokens.get_mut(slot as usize)
}

impl Message {
    fn new(
        descriptor: &MessageDescriptor,
        number_of: &mut impl FnMut(&MessageDescriptor) -> usize,
    ) -> Message {
        let mut declared: Vec<FieldDescriptor> = descriptor.fields().collect();
        declared.sort_by_key(FieldDescriptor::number);
        let mut bits = 0u32;
        let mut fields = Vec::with_capacity(declared.len());
        for field in &declared {
            let rivals = field.containing_oneof().map_or_else(Vec::new, |oneof| {
                let others = (0u16..).zip(&declared);
                let others = others.filter(|(_, other)| {
                    other.number() != field.number()
                        && other.containing_oneof().as_ref() == Some(&oneof)
                });
                others.map(|(at, _)| at).collect()
            });
            let required = (field.is_required() && bits < REQUIRED_MAX).then(|| {
                bits = bits.saturating_add(1);
                (bits.saturating_sub(1), field.name().into())
            });
            // Maps look at their entries' numbers themselves.
            let closed = match field.kind() {
                Kind::Enum(values) if is_closed(field) && !descriptor.is_map_entry() => {
                    Some(values.values().map(|value| value.number()).collect())
                }
                _ => None,
            };
            fields.push(Known {
                number: field.number(),
                content: content(descriptor, field, number_of),
                repeated: field.cardinality() == Cardinality::Repeated,
                closed,
                rivals: rivals.into_boxed_slice(),
                required,
            });
        }
        let mut dense = vec![0u16; DENSE_NUMBERS as usize];
        for (at, field) in (1u16..).zip(&fields) {
            if let Some(entry) = dense.get_mut(field.number as usize) {
                *entry = at;
            }
        }
        let required = fields
            .iter()
            .filter_map(|field| field.required.as_ref())
            .fold(0, |bits, (bit, _)| bits | 1u128.wrapping_shl(*bit));
        Message { fields, dense: dense.into_boxed_slice(), required }
    }

    /// The field of a number and its position.
    #[inline]
    fn field(&self, number: u32) -> Option<(usize, &Known)> {
        let at = match self.dense.get(number as usize) {
            Some(at) => usize::from(*at).checked_sub(1)?,
            None => self.fields.binary_search_by_key(&number, |field| field.number).ok()?,
        };
        Some((at, self.fields.get(at)?))
    }
}

impl Known {
    /// Whether a number is a value of the field: in proto2, enums have no others than they declare.
    #[inline]
    fn has_value(&self, value: u64) -> bool {
        self.closed.as_ref().is_none_or(|closed| is_among(closed, value))
    }

    /// The token after one more value. That of a single value that is no message says where the value is; all others
    /// say where the field is, from the first to the last time.
    #[inline]
    fn token(&self, before: Token, value: Span, field: Span) -> Token {
        let message = matches!(self.content, Content::Message(_) | Content::Group(_));
        if !self.repeated && !message {
            return Token::new(value.start, value.end, TokenKind::Int);
        }
        match before.kind {
            TokenKind::Missing => Token::new(field.start, field.end, TokenKind::Object),
            _ => Token::new(before.start as usize, field.end, TokenKind::Array),
        }
    }
}

impl Content {
    fn check_packed(self, cursor: &Cursor<'_>, span: Span) -> Result<(), Fault> {
        let mut items = cursor.inside(span);
        while !items.is_at_end() {
            match self {
                Content::Fixed32 => items.take(4).map(drop)?,
                Content::Fixed64 => items.take(8).map(drop)?,
                _ => items.varint().map(drop)?,
            }
        }
        Ok(())
    }
}

/// Whether a number is among an enum's.
pub(super) fn is_among(numbers: &[i32], value: u64) -> bool {
    numbers.binary_search(&(value as u32).cast_signed()).is_ok()
}

/// Whether numbers that its enum does not declare count as unknown fields. Java goes by the file of the field.
pub(super) fn is_closed(field: &FieldDescriptor) -> bool {
    field.parent_file().syntax() == Syntax::Proto2
}

fn content(
    message: &MessageDescriptor,
    field: &FieldDescriptor,
    number_of: &mut impl FnMut(&MessageDescriptor) -> usize,
) -> Content {
    match field.kind() {
        Kind::Fixed32 | Kind::Sfixed32 | Kind::Float => Content::Fixed32,
        Kind::Fixed64 | Kind::Sfixed64 | Kind::Double => Content::Fixed64,
        Kind::Bytes => Content::Bytes,
        Kind::String => {
            let file = field.parent_file();
            let options = file.file_descriptor_proto().options.as_ref();
            let asked = options.and_then(|options| options.java_string_check_utf8) == Some(true);
            // Java checks entries of maps always.
            let checked = file.syntax() == Syntax::Proto3 || asked || message.is_map_entry();
            if checked { Content::Text } else { Content::Bytes }
        }
        Kind::Message(inner) => {
            let number = number_of(&inner);
            if field.is_group() { Content::Group(number) } else { Content::Message(number) }
        }
        _ => Content::Varint,
    }
}
