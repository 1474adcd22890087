//! Values of messages to columns. What comes here was checked: a cursor that fails is a bug, not a wrong record.

use super::cursor::{Cursor, Span, Wire, unzigzag};
use super::plan::{Column, Default, Item, Leaf, Missing, RowPlan, Shape};
use super::schema::{Schema, is_among};
use crate::formats::column::Builder;
use crate::formats::rows::{Convert, Problems, Token, TokenKind};
use crate::types::Field;
use crate::types::java_map;
use std::sync::Arc;

/// The converter of one decoder.
#[derive(Debug)]
pub(super) struct ProtobufConvert {
    schema: Arc<Schema>,
    row: RowPlan,
    /// The column whose values come now.
    column: usize,
    /// Tokens of the messages being converted, inner ones behind outer ones.
    tokens: Vec<Token>,
    /// Entries of the maps being converted, likewise.
    entries: Vec<Entry>,
}

impl ProtobufConvert {
    pub(super) fn new(schema: Arc<Schema>, row: RowPlan) -> ProtobufConvert {
        ProtobufConvert { schema, row, column: 0, tokens: Vec::new(), entries: Vec::new() }
    }
}

impl Convert for ProtobufConvert {
    type Record = [u8];

    fn begin_column(&mut self, column: usize) {
        self.column = column;
    }

    #[inline]
    fn convert(
        &mut self,
        _field: &Field,
        token: Token,
        record: &[u8],
        out: &mut Builder,
        _problems: &mut Problems,
    ) {
        let Some(column) = self.row.columns.get(self.column) else { return out.push_null() };
        let mut reading = Reading {
            schema: &self.schema,
            record,
            tokens: &mut self.tokens,
            entries: &mut self.entries,
        };
        let whole = Body { span: Span { start: 0, end: record.len() }, group: None };
        reading.column(column, token, &[whole], out);
    }
}

/// The content of a message. That of a group, known by its field's number, has the group's end in it.
#[derive(Clone, Copy, Debug)]
struct Body {
    span: Span,
    group: Option<u32>,
}

/// One more value of a field.
#[derive(Clone, Copy, Debug)]
struct Occurrence {
    wire: Wire,
    value: Span,
}

/// An entry of a map on its way to its place.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The key's `hashCode`, at last its bucket.
    hash: u32,
    /// Which entry it is; of several with one key, the first.
    order: usize,
    /// The key, if it is a number or BOOLEAN.
    number: i64,
    /// Where the key is, if it is a text.
    text: Span,
    value: Token,
    body: Body,
}

struct Reading<'a> {
    schema: &'a Schema,
    record: &'a [u8],
    tokens: &'a mut Vec<Token>,
    entries: &'a mut Vec<Entry>,
}

impl Reading<'_> {
    /// Adds the field's value, whose token was left by a walk over `bodies`: the message around it, in parts if it came
    /// in parts.
    fn column(&mut self, column: &Column, token: Token, bodies: &[Body], out: &mut Builder) {
        if token.kind == TokenKind::Missing {
            return missing(column, out);
        }
        match &column.shape {
            Shape::One(Item::Leaf(leaf)) => push_leaf(leaf, self.slice(span_of(token)), out),
            Shape::One(Item::Row(row)) => {
                let mut parts = Occurrences::new(self.record, bodies, token, column);
                match (token.kind, parts.next()) {
                    (TokenKind::Object, Some(only)) => {
                        self.row(row, &[only.body(column.number)], out);
                    }
                    (_, Some(first)) => {
                        // Messages that come again are merged: their fields count as if they came in one.
                        let all = std::iter::once(first).chain(parts);
                        let all: Vec<Body> = all.map(|part| part.body(column.number)).collect();
                        self.row(row, &all, out);
                    }
                    (_, None) => out.push_null(),
                }
            }
            Shape::List(item) => self.list(column, item, token, bodies, out),
            Shape::Map(map) => self.map(column, map, token, bodies, out),
        }
    }

    fn slice(&self, span: Span) -> &[u8] {
        self.record.get(span.start..span.end).unwrap_or_default()
    }

    fn row(&mut self, row: &RowPlan, bodies: &[Body], out: &mut Builder) {
        let Builder::Struct { nulls, rows, fields } = out else { return out.push_null() };
        let base = self.tokens.len();
        self.fill(row, bodies);
        for ((column, builder), at) in row.columns.iter().zip(fields).zip(base..) {
            let token = self.tokens.get(at).copied().unwrap_or(Token::MISSING);
            self.column(column, token, bodies, builder);
        }
        self.tokens.truncate(base);
        nulls.append_non_null();
        *rows = rows.wrapping_add(1);
    }

    /// Appends the tokens of a message.
    fn fill(&mut self, row: &RowPlan, bodies: &[Body]) {
        let base = self.tokens.len();
        self.tokens.resize(base.saturating_add(row.columns.len()), Token::MISSING);
        let tokens = self.tokens.get_mut(base..).unwrap_or_default();
        for body in bodies {
            let cursor = Cursor::new(self.record, body.span);
            self.schema.tokens(row.message, cursor, body.group, &row.slots, tokens);
        }
    }

    fn list(
        &mut self,
        column: &Column,
        item: &Item,
        token: Token,
        bodies: &[Body],
        out: &mut Builder,
    ) {
        let Builder::List { ends, nulls, items } = out else { return out.push_null() };
        for part in Occurrences::new(self.record, bodies, token, column) {
            match item {
                Item::Leaf(leaf) if part.wire == Wire::Bytes && leaf.wire() != Wire::Bytes => {
                    let mut cursor = Cursor::new(self.record, part.value);
                    while let Some(value) = next_packed(&mut cursor, leaf.wire()) {
                        self.item(column, leaf, value, items);
                    }
                }
                Item::Leaf(leaf) => self.item(column, leaf, part.value, items),
                Item::Row(row) => self.row(row, &[part.body(column.number)], items),
            }
        }
        if items.len() == ends.last() && matches!(column.missing, Missing::Null) {
            ends.push(items.len());
            return nulls.append_null();
        }
        ends.push(items.len());
        nulls.append_non_null();
    }

    fn item(&self, column: &Column, leaf: &Leaf, value: Span, items: &mut Builder) {
        let bytes = self.slice(value);
        if column.closed.as_deref().is_none_or(|closed| is_among(closed, varint_of(bytes))) {
            push_leaf(leaf, bytes, items);
        }
    }

    /// Of a repeated key the last value counts; the order is that of Java's map.
    fn map(
        &mut self,
        column: &Column,
        entry: &RowPlan,
        token: Token,
        bodies: &[Body],
        out: &mut Builder,
    ) {
        let ([key, value], Builder::Map { ends, nulls, keys, values }) =
            (entry.columns.as_slice(), &mut *out)
        else {
            return out.push_null();
        };
        let Shape::One(Item::Leaf(leaf)) = &key.shape else { return out.push_null() };
        let base = self.entries.len();
        for part in Occurrences::new(self.record, bodies, token, column) {
            let body = part.body(column.number);
            let at = self.tokens.len();
            self.fill(entry, &[body]);
            let [key, value] = [at, at.saturating_add(1)]
                .map(|at| self.tokens.get(at).copied().unwrap_or(Token::MISSING));
            self.tokens.truncate(at);
            let is_value = |closed: &[i32]| {
                value.kind == TokenKind::Missing
                    || is_among(closed, varint_of(self.slice(span_of(value))))
            };
            if column.closed.as_deref().is_none_or(is_value) {
                self.entry(leaf, key, value, body);
            }
        }
        if self.entries.len() == base && matches!(column.missing, Missing::Null) {
            ends.push(values.len());
            return nulls.append_null();
        }
        self.order(base);
        for at in base..self.entries.len() {
            let Some(entry) = self.entries.get(at).copied() else { break };
            match leaf {
                Leaf::Text => push_leaf(leaf, self.slice(entry.text), keys),
                _ => push_number(entry.number, keys),
            }
            self.column(value, entry.value, &[entry.body], values);
        }
        self.entries.truncate(base);
        ends.push(values.len());
        nulls.append_non_null();
    }

    fn entry(&mut self, leaf: &Leaf, key: Token, value: Token, body: Body) {
        // A key that is not there is empty or 0: so is what these bytes hold.
        let (mut number, mut text) = (0, Span { start: 0, end: 0 });
        let is_there = key.kind != TokenKind::Missing;
        let hash = match leaf {
            Leaf::Text => {
                text = if is_there { span_of(key) } else { text };
                java_map::hash(self.slice(text))
            }
            leaf => {
                number = if is_there { whole(leaf, self.slice(span_of(key))) } else { 0 };
                match leaf {
                    Leaf::Bool => java_map::bool_hash(number != 0),
                    Leaf::Int64 | Leaf::SInt64 | Leaf::Fixed64 => java_map::long_hash(number),
                    _ => number as u32,
                }
            }
        };
        let order = self.entries.len();
        self.entries.push(Entry { hash, order, number, text, value, body });
    }

    /// Brings the entries from `base` on into the order of Java's map, one for each key.
    fn order(&mut self, base: usize) {
        let record = self.record;
        let key = |entry: &Entry| {
            let text = record.get(entry.text.start..entry.text.end).unwrap_or_default();
            (entry.hash, entry.number, text)
        };
        let entries = self.entries.get_mut(base..).unwrap_or_default();
        if entries.len() < 2 {
            return;
        }
        entries.sort_by(|a, b| key(a).cmp(&key(b)).then(a.order.cmp(&b.order)));
        let mut kept = base;
        for at in base..self.entries.len() {
            let Some(entry) = self.entries.get(at).copied() else { break };
            let before = kept.checked_sub(1).filter(|before| *before >= base);
            match before.and_then(|before| self.entries.get_mut(before)) {
                Some(before) if key(before) == key(&entry) => {
                    (before.value, before.body) = (entry.value, entry.body);
                }
                _ => {
                    if let Some(place) = self.entries.get_mut(kept) {
                        *place = entry;
                    }
                    kept = kept.saturating_add(1);
                }
            }
        }
        self.entries.truncate(kept);
        let count = kept.saturating_sub(base);
        let entries = self.entries.get_mut(base..).unwrap_or_default();
        entries.iter_mut().for_each(|entry| entry.hash = java_map::place(entry.hash, count));
        entries.sort_by_key(|entry| (entry.hash, entry.order));
    }
}

/// The values of a field between the first and the last of them, in the parts of a message.
struct Occurrences<'a> {
    record: &'a [u8],
    parts: std::slice::Iter<'a, Body>,
    part: Option<(Cursor<'a>, Option<u32>)>,
    token: Span,
    column: &'a Column,
}

impl<'a> Occurrences<'a> {
    fn new(
        record: &'a [u8],
        bodies: &'a [Body],
        token: Token,
        column: &'a Column,
    ) -> Occurrences<'a> {
        Occurrences { record, parts: bodies.iter(), part: None, token: span_of(token), column }
    }

    /// The next value in this part; `None` at its end.
    fn in_part(&self, cursor: &mut Cursor<'_>, group: Option<u32>) -> Option<Occurrence> {
        while !cursor.is_at_end() {
            let (number, wire) = cursor.tag().ok()?;
            if wire == Wire::GroupEnd && group == Some(number) {
                return None;
            }
            let start = cursor.at();
            // A value of another kind is an unknown field; numbers may be packed.
            let is_value = number == self.column.number
                && (wire == self.column.wire
                    || wire == Wire::Bytes && self.column.wire != Wire::Group);
            if is_value && wire == Wire::Bytes {
                return Some(Occurrence { wire, value: cursor.bytes().ok()? });
            }
            cursor.skip(number, wire, 0).ok()?;
            if is_value {
                return Some(Occurrence { wire, value: Span { start, end: cursor.at() } });
            }
        }
        None
    }
}

impl Iterator for Occurrences<'_> {
    type Item = Occurrence;

    fn next(&mut self) -> Option<Occurrence> {
        loop {
            if let Some((mut cursor, group)) = self.part.take()
                && let Some(found) = self.in_part(&mut cursor, group)
            {
                self.part = Some((cursor, group));
                return Some(found);
            }
            let body = self.parts.next()?;
            let start = body.span.start.max(self.token.start);
            let end = body.span.end.min(self.token.end);
            if start < end {
                self.part = Some((Cursor::new(self.record, Span { start, end }), body.group));
            }
        }
    }
}

impl Occurrence {
    fn body(self, number: u32) -> Body {
        Body { span: self.value, group: (self.wire == Wire::Group).then_some(number) }
    }
}

fn span_of(token: Token) -> Span {
    let start = token.start as usize;
    Span { start, end: start.saturating_add(token.len as usize) }
}

/// The number that some bytes begin with.
fn varint_of(bytes: &[u8]) -> u64 {
    Cursor::new(bytes, Span { start: 0, end: bytes.len() }).varint().unwrap_or(0)
}

/// The next item of a packed list.
fn next_packed(cursor: &mut Cursor<'_>, wire: Wire) -> Option<Span> {
    if cursor.is_at_end() {
        return None;
    }
    let start = cursor.at();
    cursor.skip(0, wire, 0).ok()?;
    Some(Span { start, end: cursor.at() })
}

/// A BOOLEAN, INT or BIGINT, cut to its width as Java does.
fn whole(leaf: &Leaf, bytes: &[u8]) -> i64 {
    match leaf {
        Leaf::Fixed32 => i64::from(i32::from_le_bytes(fixed(bytes))),
        Leaf::Fixed64 => i64::from_le_bytes(fixed(bytes)),
        leaf => {
            let number = varint_of(bytes);
            let short = |number: u64| i64::from((number as u32).cast_signed());
            match leaf {
                Leaf::Bool => i64::from(number != 0),
                Leaf::Int64 => number.cast_signed(),
                Leaf::SInt64 => unzigzag(number),
                Leaf::SInt32 => short(unzigzag(number & u64::from(u32::MAX)).cast_unsigned()),
                _ => short(number),
            }
        }
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

fn push_number(number: i64, out: &mut Builder) {
    match out {
        Builder::Int32(values) => values.push(number as i32),
        Builder::Int64(values) => values.push(number),
        out @ Builder::Boolean { .. } => out.push_bool(number != 0),
        other => other.push_null(),
    }
}

fn push_text(bytes: &[u8], out: &mut Builder) {
    match out {
        Builder::String(builder) => match simdutf8::basic::from_utf8(bytes) {
            Ok(text) => builder.append_value(text),
            // Of proto2; Java replaces what is no UTF-8.
            Err(_) => builder.append_value(String::from_utf8_lossy(bytes)),
        },
        Builder::Binary(builder) => builder.append_value(bytes),
        other => other.push_null(),
    }
}

#[inline]
fn push_leaf(leaf: &Leaf, bytes: &[u8], out: &mut Builder) {
    match (leaf, out) {
        (Leaf::Text | Leaf::Bytes, out) => push_text(bytes, out),
        (Leaf::Float, Builder::Float32(values)) => values.push(f32::from_le_bytes(fixed(bytes))),
        (Leaf::Double, Builder::Float64(values)) => values.push(f64::from_le_bytes(fixed(bytes))),
        (Leaf::Name(names), out) => {
            push_text(names.name((varint_of(bytes) as u32).cast_signed()).as_bytes(), out);
        }
        (leaf, out) => push_number(whole(leaf, bytes), out),
    }
}

/// Adds what the field is read as where the record does not hold it.
fn missing(column: &Column, out: &mut Builder) {
    match (&column.missing, &column.shape, out) {
        (Missing::Null, _, out) => out.push_null(),
        (Missing::Leaf(default), shape, out) => match (default, shape, out) {
            (Default::Int(number), Shape::One(Item::Leaf(Leaf::Name(names))), out) => {
                push_text(names.name(*number as i32).as_bytes(), out);
            }
            (Default::Bool(value), _, out) => out.push_bool(*value),
            (Default::Int(number), _, out) => push_number(*number, out),
            (Default::Float(value), _, Builder::Float32(values)) => values.push(*value),
            (Default::Double(value), _, Builder::Float64(values)) => values.push(*value),
            (Default::Bytes(bytes), _, out) => push_text(bytes, out),
            (_, _, out) => out.push_null(),
        },
        (Missing::Empty, Shape::One(Item::Row(row)), Builder::Struct { nulls, rows, fields }) => {
            for (column, field) in row.columns.iter().zip(fields) {
                missing(column, field);
            }
            nulls.append_non_null();
            *rows = rows.wrapping_add(1);
        }
        (
            Missing::Empty,
            _,
            Builder::List { ends, nulls, .. } | Builder::Map { ends, nulls, .. },
        ) => {
            ends.push(ends.last());
            nulls.append_non_null();
        }
        (Missing::Empty, _, out) => out.push_null(),
    }
}
