//! Schema resolution, compiled: how the values of a writer's schema become columns of a table (Avro specification,
//! "Schema Resolution"; Java's `Resolver`). Made once per writer's schema; nothing is resolved per record.

use super::cursor::{Cursor, Fault};
use super::json::{JsonForm, json_to_binary};
use super::schema::{Logical, NodeId, RecordField, Schema, Shape, Unit};
use crate::base::limits::{AVRO_DEPTH_MAX, AVRO_PARTS_MAX};
use crate::types::{DataType, Field, Kind};
use std::cell::Cell;
use std::sync::Arc;

/// How one value is read into a column.
#[derive(Debug)]
pub(super) enum Op {
    /// The writer has only NULL here: no bytes.
    Null,
    /// A value without parts.
    Leaf(Wire, To),
    /// A union of null and something else; `null` is the branch of null.
    Nullable {
        null: i64,
        inner: Box<Op>,
    },
    /// Any other union: the way of each branch.
    Union(Vec<Op>),
    List(Box<Op>),
    /// With the writer's type of the values.
    Map(Box<Op>, NodeId),
    /// A record's fields in the writer's order, then the columns that it does not have.
    Row {
        steps: Vec<Step>,
        missing: Vec<(usize, Op)>,
    },
    /// A field that the writer does not have: its default, in the encoding of the reader's schema.
    Default(Arc<Schema>, Box<[u8]>, Box<Op>),
    /// The types do not go together: rows that hold such a value fail, which passes over the node.
    Fail(String, NodeId),
}

/// A field of a record: passed over, or read into a column of the ROW.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) node: NodeId,
    pub(super) column: Option<StepColumn>,
}

/// A column of a ROW.
#[derive(Debug)]
pub(super) struct StepColumn {
    pub(super) at: usize,
    pub(super) name: String,
    pub(super) op: Op,
}

/// Layout of a leaf's bytes.
#[derive(Clone, Debug)]
pub(super) enum Wire {
    Boolean,
    Int,
    Long,
    Float,
    Double,
    /// `bytes` and `string`.
    Bytes,
    Fixed(usize),
    Enum(Arc<[String]>),
}

/// What a leaf becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    Boolean,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Float,
    Double,
    String,
    Binary,
    /// With the scale of the bytes.
    Decimal {
        precision: u8,
        scale: u8,
        from: u32,
    },
    Time(Unit),
    Timestamp(Unit),
}

/// What a message says of a schema whose plan would take all memory.
pub(super) const TOO_MANY_PARTS: &str = "its schema has too many parts";

/// How the values of one writer's schema are resolved.
#[derive(Debug)]
pub(super) struct Compiler<'a> {
    pub(super) writer: &'a Schema,
    /// Names, aliases and defaults of what the table declares.
    pub(super) reader: &'a Arc<Schema>,
    parts: Cell<usize>,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(writer: &'a Schema, reader: &'a Arc<Schema>) -> Compiler<'a> {
        Compiler { writer, reader, parts: Cell::new(0) }
    }

    /// Counts parts; whether there may be as many.
    pub(super) fn count(&self, parts: usize) -> bool {
        self.parts.set(self.parts.get().saturating_add(parts));
        self.parts.get() <= AVRO_PARTS_MAX
    }

    /// How values of the writer's `node` are read as `data_type`, which is the reader's `target`.
    pub(super) fn op(&self, node: NodeId, target: NodeId, data_type: &DataType) -> Op {
        if !self.count(1) {
            return Op::Fail(TOO_MANY_PARTS.to_owned(), node);
        }
        if let Shape::Union(branches) = self.writer.shape(node) {
            let is_null = |id: &NodeId| matches!(self.writer.shape(*id), Shape::Null);
            if let [first, second] = branches.as_slice()
                && is_null(first) != is_null(second)
            {
                let (null, other) = if is_null(first) { (0, second) } else { (1, first) };
                return Op::Nullable { null, inner: Box::new(self.op(*other, target, data_type)) };
            }
            return Op::Union(
                branches.iter().map(|branch| self.op(*branch, target, data_type)).collect(),
            );
        }
        let Some(target) = self.reader.not_null(target) else {
            return Op::Fail(
                format!("the schema's {} is no SQL type", self.reader.describe(target)),
                node,
            );
        };
        let fail = || {
            let found = self.writer.describe(node);
            Op::Fail(format!("the record's Avro type {found} is not {}", data_type.kind), node)
        };
        match (self.writer.shape(node), &data_type.kind) {
            (Shape::Null, _) => Op::Null,
            (Shape::Record { .. }, Kind::Row(fields)) => self.row(node, target, fields),
            (Shape::Array(item), Kind::Array(item_type)) => match self.reader.shape(target) {
                Shape::Array(target) => Op::List(Box::new(self.op(*item, *target, item_type))),
                _ => fail(),
            },
            (Shape::Map(value), Kind::Map(_, value_type)) => match self.reader.shape(target) {
                Shape::Map(target) => {
                    Op::Map(Box::new(self.op(*value, *target, value_type)), *value)
                }
                _ => fail(),
            },
            (Shape::Map(value), Kind::Multiset(_)) => match self.reader.shape(target) {
                Shape::Map(target) => {
                    Op::Map(Box::new(self.op(*value, *target, &Kind::Int.nullable())), *value)
                }
                _ => fail(),
            },
            _ => self.leaf(node, target, data_type).unwrap_or_else(fail),
        }
    }

    fn leaf(&self, node: NodeId, target: NodeId, data_type: &DataType) -> Option<Op> {
        let wire = match self.writer.shape(node) {
            Shape::Boolean => Wire::Boolean,
            Shape::Int => Wire::Int,
            Shape::Long => Wire::Long,
            Shape::Float => Wire::Float,
            Shape::Double => Wire::Double,
            Shape::Bytes | Shape::String => Wire::Bytes,
            Shape::Fixed { len, .. } => Wire::Fixed(*len),
            Shape::Enum { symbols, .. } => Wire::Enum(Arc::clone(symbols)),
            _ => return None,
        };
        // The unit is the writer's; Flink takes every number for milliseconds.
        let logical = self.writer.logical(node).or_else(|| self.reader.logical(target));
        let to = match (&data_type.kind, &wire) {
            (Kind::Boolean, Wire::Boolean) => To::Boolean,
            (Kind::TinyInt, Wire::Int) => To::TinyInt,
            (Kind::SmallInt, Wire::Int) => To::SmallInt,
            (Kind::Int | Kind::Date, Wire::Int) => To::Int,
            (Kind::BigInt, Wire::Int | Wire::Long) => To::BigInt,
            (Kind::Float, Wire::Int | Wire::Long | Wire::Float) => To::Float,
            (Kind::Double, Wire::Int | Wire::Long | Wire::Float | Wire::Double) => To::Double,
            (Kind::Char(_) | Kind::VarChar(_), Wire::Bytes | Wire::Enum(_)) => To::String,
            (Kind::Binary(_) | Kind::VarBinary(_), Wire::Bytes | Wire::Fixed(_)) => To::Binary,
            (Kind::Decimal { precision, scale }, Wire::Bytes | Wire::Fixed(_)) => {
                let from = match self.writer.logical(node) {
                    Some(Logical::Decimal { scale, .. }) => scale,
                    _ => u32::from(*scale),
                };
                To::Decimal { precision: *precision, scale: *scale, from }
            }
            (Kind::Time(_), Wire::Int | Wire::Long) => match logical {
                Some(Logical::Time(Unit::Micros)) => To::Time(Unit::Micros),
                _ => To::Time(Unit::Millis),
            },
            (Kind::Timestamp(_) | Kind::TimestampLtz(_), Wire::Int | Wire::Long) => match logical {
                Some(Logical::Timestamp(unit)) => To::Timestamp(unit),
                _ => To::Timestamp(Unit::Millis),
            },
            _ => return None,
        };
        Some(Op::Leaf(wire, to))
    }

    fn row(&self, node: NodeId, target: NodeId, fields: &[Field]) -> Op {
        let (Shape::Record { fields: written, .. }, Shape::Record { fields: read, .. }) =
            (self.writer.shape(node), self.reader.shape(target))
        else {
            return Op::Fail("the schema has no record here".to_owned(), node);
        };
        if !self.count(written.len()) {
            return Op::Fail(TOO_MANY_PARTS.to_owned(), node);
        }
        let mut found = vec![false; fields.len()];
        let steps = written.iter().map(|field| {
            let column = self.position(node, target, &field.name).and_then(|at| {
                let (declared, read) = (fields.get(at)?, read.get(at)?);
                if let Some(found) = found.get_mut(at) {
                    *found = true;
                }
                let op = self.op(field.node, read.node, &declared.data_type);
                Some(StepColumn { at, name: declared.name.clone(), op })
            });
            Step { node: field.node, column }
        });
        let steps: Vec<Step> = steps.collect();
        let missing = found.iter().enumerate().filter(|(_, found)| !**found);
        let missing =
            missing.filter_map(|(at, _)| Some((at, self.missing(target, at, fields.get(at)?))));
        Op::Row { missing: missing.collect(), steps }
    }

    /// Which field of the reader's record takes the field `name` of the writer's. As in Java, aliases of fields count
    /// where the records have the same name, or the writer's is an alias of the reader's.
    pub(super) fn position(&self, node: NodeId, record: NodeId, name: &str) -> Option<usize> {
        let Shape::Record { fields, name: read, aliases } = self.reader.shape(record) else {
            return None;
        };
        let written = self.writer.branch_name(node);
        let same = read == written || aliases.iter().any(|alias| alias == written);
        let alias = |field: &RecordField| same && field.aliases.iter().any(|alias| alias == name);
        fields.iter().position(|field| field.name == name).or_else(|| fields.iter().position(alias))
    }

    /// A field of the reader's `record` that the writer does not have.
    pub(super) fn missing(&self, record: NodeId, at: usize, declared: &Field) -> Op {
        let Shape::Record { fields, .. } = self.reader.shape(record) else { return Op::Null };
        let Some(field) = fields.get(at) else { return Op::Null };
        if !self.count(1) {
            return Op::Fail(TOO_MANY_PARTS.to_owned(), field.node);
        }
        let default = field.default.as_ref().map(|default| {
            let mut bytes = Vec::new();
            json_to_binary(self.reader, field.node, default, JsonForm::Default, &mut bytes)
                .map(|()| bytes.into_boxed_slice())
        });
        let (bytes, op) = match default {
            Some(Ok(bytes)) => {
                let same = Compiler::new(self.reader, self.reader);
                let op = same.op(field.node, field.node, &declared.data_type);
                self.count(same.parts.get());
                (bytes, op)
            }
            Some(Err(problem)) => {
                let problem = format!("the default of '{}': {problem}", field.name);
                (Box::default(), Op::Fail(problem, field.node))
            }
            None => {
                let name = &field.name;
                let problem = format!("the record has no field '{name}', which has no default");
                (Box::default(), Op::Fail(problem, field.node))
            }
        };
        Op::Default(Arc::clone(self.reader), bytes, Box::new(op))
    }
}

/// Passes over a value, checking its structure.
#[inline]
pub(super) fn skip(
    schema: &Schema,
    node: NodeId,
    cursor: &mut Cursor<'_>,
    depth: usize,
) -> Result<(), Fault> {
    match schema.shape(node) {
        // What has no bytes is counted, so that the steps are bounded by the record's length.
        Shape::Null | Shape::Fixed { len: 0, .. } => cursor.count_empty(),
        Shape::Boolean => cursor.boolean().map(|_| ()),
        Shape::Int => cursor.skip_varint(5),
        Shape::Long => cursor.skip_varint(10),
        Shape::Float => cursor.take(4).map(|_| ()),
        Shape::Double => cursor.take(8).map(|_| ()),
        Shape::Bytes | Shape::String => cursor.bytes().map(|_| ()),
        Shape::Fixed { len, .. } => cursor.take(*len).map(|_| ()),
        Shape::Enum { symbols, .. } => {
            let symbol = usize::try_from(cursor.int()?).unwrap_or(usize::MAX);
            if symbol < symbols.len() { Ok(()) } else { cursor.fault("an enum has no such symbol") }
        }
        Shape::Union(branches) => {
            let branch = usize::try_from(cursor.long()?).unwrap_or(usize::MAX);
            match branches.get(branch) {
                Some(branch) => skip(schema, *branch, cursor, depth),
                None => cursor.fault("a union has no such branch"),
            }
        }
        _ => skip_nested(schema, node, cursor, depth),
    }
}

fn skip_nested(
    schema: &Schema,
    node: NodeId,
    cursor: &mut Cursor<'_>,
    depth: usize,
) -> Result<(), Fault> {
    if depth >= AVRO_DEPTH_MAX {
        return cursor.fault("the record has more than 64 levels of nesting");
    }
    let depth = depth.saturating_add(1);
    match schema.shape(node) {
        Shape::Record { fields, .. } => {
            if fields.is_empty() {
                cursor.count_empty()?;
            }
            fields.iter().try_for_each(|field| skip(schema, field.node, cursor, depth))
        }
        Shape::Array(item) => loop {
            let count = cursor.block()?;
            if count == 0 {
                return Ok(());
            }
            for _ in 0..count {
                skip(schema, *item, cursor, depth)?;
            }
        },
        Shape::Map(value) => loop {
            let count = cursor.block()?;
            if count == 0 {
                return Ok(());
            }
            for _ in 0..count {
                cursor.bytes()?;
                skip(schema, *value, cursor, depth)?;
            }
        },
        _ => Ok(()),
    }
}
