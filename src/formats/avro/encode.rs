//! The encoder: rows as Avro records, byte for byte as Flink's `AvroRowDataSerializationSchema` writes them.

use super::cursor::{Cursor, write_bytes, write_long};
use super::json::binary_to_json;
use super::schema::{Logical, NodeId, Schema, Shape, Unit};
use crate::base::{Error, ErrorKind, Result};
use crate::formats::write::{Source, SourceColumn, end_of, span};
use crate::table::{EncodeRequest, Encoded, Encoder};
use crate::types::java_map::string_hash;
use crate::types::java_text::Moment;
use crate::types::{Batch, DataType, Field, Kind, RowErrors, RowKind};
use std::sync::Arc;

/// Rows to Avro's binary encoding.
#[derive(Debug)]
pub(super) struct AvroWriter {
    fields: Vec<Field>,
    body: Body,
    /// The branch of the record, where the schema is a union.
    branch: Option<i64>,
    entries: Vec<(u32, usize)>,
}

/// What a record holds of a row.
#[derive(Debug)]
enum Body {
    /// The row, field by field.
    Row(Vec<Put>),
    /// The row before or after its change, and which change it was.
    Change { before: Image, after: Image, op: Put },
}

/// A row inside of an envelope: the branches of the union around it, and its fields.
#[derive(Debug)]
struct Image {
    null: i64,
    other: i64,
    fields: Vec<Put>,
}

/// How one value is written.
#[derive(Clone, Debug)]
enum Put {
    /// The type null: no bytes.
    Null,
    /// A value that must be there.
    Value(Plain),
    /// A union of null and something else: their branches.
    Nullable { null: i64, other: i64, value: Plain },
}

/// A value that is not NULL.
#[derive(Clone, Debug)]
enum Plain {
    /// In the layout of the column's type.
    Leaf,
    Enum(Arc<[String]>),
    Fixed(usize),
    Time(Unit),
    Timestamp(Unit),
    List(Box<Put>),
    Map(Box<Put>),
    Row(Puts),
}

impl AvroWriter {
    /// Compiles the way from rows of `fields` to records of `schema`, field by field in this order.
    pub(super) fn new(fields: &[Field], schema: &Schema) -> Result<AvroWriter> {
        let (branch, puts) = record(schema, fields)?;
        let body = Body::Row(puts.into_iter().map(|(_, put)| put).collect());
        Ok(AvroWriter { fields: fields.to_vec(), body, branch, entries: Vec::new() })
    }

    /// Compiles the way from changes of rows of `fields` to records of `schema`, which has the fields `envelope`.
    pub(super) fn changes(
        fields: &[Field],
        envelope: &[Field],
        schema: &Schema,
    ) -> Result<AvroWriter> {
        let (branch, puts) = record(schema, envelope)?;
        let mut puts = puts.into_iter().map(|(_, put)| put);
        let mut image = || match puts.next() {
            Some(Put::Nullable { null, other, value: Plain::Row(fields) }) => {
                let fields = fields.into_iter().map(|(_, put)| put).collect();
                Ok(Image { null, other, fields })
            }
            _ => Err(unfit("the schema's 'before' and 'after' are no records that may be null")),
        };
        let (before, after) = (image()?, image()?);
        let op = puts.next().ok_or_else(|| unfit("the schema has no 'op'"))?;
        let body = Body::Change { before, after, op };
        Ok(AvroWriter { fields: fields.to_vec(), body, branch, entries: Vec::new() })
    }

    /// Appends a record per row to `out`: `start` writes what comes before it, `end` sees its first byte's place.
    pub(super) fn write(
        &mut self,
        batch: &Batch,
        out: &mut Encoded,
        errors: &mut RowErrors,
        mut start: impl FnMut(&mut Vec<u8>),
        mut end: impl FnMut(&mut Vec<u8>, usize),
    ) -> Result<()> {
        if self.fields.len() != batch.columns.len() {
            return Err(Error::internal(
                "the columns of a batch are not the fields of the encoder",
            ));
        }
        let columns = self
            .fields
            .iter()
            .zip(&batch.columns)
            .map(|(field, column)| SourceColumn::new(column.as_ref(), &field.data_type))
            .collect::<Result<Vec<_>>>()?;
        for row in 0..batch.rows {
            let before = out.bytes.len();
            start(&mut out.bytes);
            let body = out.bytes.len();
            if let Some(branch) = self.branch {
                write_long(branch, &mut out.bytes);
            }
            let (entries, fields) = (&mut self.entries, &self.fields);
            let mut write = |puts: &[Put], bytes: &mut Vec<u8>| {
                for ((column, put), field) in columns.iter().zip(puts).zip(fields) {
                    put_value(put, column, row, entries, bytes)
                        .map_err(|problem| format!("field '{}': {problem}", field.name))?;
                }
                Ok::<(), String>(())
            };
            let bytes = &mut out.bytes;
            let written = match &self.body {
                Body::Row(puts) => write(puts, bytes),
                Body::Change { before, after, op } => {
                    let kind = batch.kinds.get(row);
                    let added = matches!(kind, RowKind::Insert | RowKind::UpdateAfter);
                    let mut image = |image: &Image, there: bool, bytes: &mut Vec<u8>| {
                        write_long(if there { image.other } else { image.null }, bytes);
                        if there { write(&image.fields, bytes) } else { Ok(()) }
                    };
                    let both =
                        image(before, !added, bytes).and_then(|()| image(after, added, bytes));
                    both.map(|()| put_text(op, if added { "c" } else { "d" }, bytes))
                }
            };
            match written {
                Ok(()) => end(&mut out.bytes, body),
                Err(problem) => {
                    out.bytes.truncate(before);
                    errors.push(row, || format!("failed to serialize row: {problem}"));
                }
            }
            out.ends.push(end_of(&out.bytes)?);
        }
        Ok(())
    }
}

/// Fields of a record, and how each is written.
type Puts = Vec<(String, Put)>;

/// The branch of the schema's record, where it is in a union, and how its fields are written.
fn record(schema: &Schema, fields: &[Field]) -> Result<(Option<i64>, Puts)> {
    let root = schema.not_null(schema.root()).unwrap_or(schema.root());
    let branch = match schema.shape(schema.root()) {
        Shape::Union(branches) => {
            (0i64..).zip(branches).find(|(_, id)| **id == root).map(|(at, _)| at)
        }
        _ => None,
    };
    match plain(schema, root, &Kind::Row(fields.to_vec()))? {
        Plain::Row(puts) => Ok((branch, puts)),
        _ => Err(unfit("the schema is no record")),
    }
}

/// Writes a text that is not NULL.
fn put_text(put: &Put, text: &str, out: &mut Vec<u8>) {
    if let Put::Nullable { other, .. } = put {
        write_long(*other, out);
    }
    write_bytes(text.as_bytes(), out);
}

fn unfit(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Schema, message)
}

fn put(schema: &Schema, node: NodeId, data_type: &DataType) -> Result<Put> {
    let Shape::Union(branches) = schema.shape(node) else {
        return Ok(match schema.shape(node) {
            Shape::Null => Put::Null,
            _ => Put::Value(plain(schema, node, &data_type.kind)?),
        });
    };
    let is_null = |id: NodeId| matches!(schema.shape(id), Shape::Null);
    match *branches.as_slice() {
        [null, other] if is_null(null) => {
            Ok(Put::Nullable { null: 0, other: 1, value: plain(schema, other, &data_type.kind)? })
        }
        [other, null] if is_null(null) => {
            Ok(Put::Nullable { null: 1, other: 0, value: plain(schema, other, &data_type.kind)? })
        }
        _ => {
            Err(unfit(format!("the Avro schema is not a nullable type: {}", schema.describe(node))))
        }
    }
}

fn plain(schema: &Schema, node: NodeId, kind: &Kind) -> Result<Plain> {
    Ok(match (schema.shape(node), kind) {
        (Shape::Boolean, Kind::Boolean)
        | (Shape::Int, Kind::TinyInt | Kind::SmallInt | Kind::Int | Kind::Date)
        | (Shape::Long, Kind::BigInt | Kind::Int | Kind::SmallInt | Kind::TinyInt)
        | (Shape::Float, Kind::Float)
        | (Shape::Double, Kind::Double)
        | (Shape::String, Kind::Char(_) | Kind::VarChar(_))
        | (Shape::Bytes, Kind::Binary(_) | Kind::VarBinary(_)) => Plain::Leaf,
        (Shape::Bytes, Kind::Decimal { scale, .. }) if same_scale(schema, node, *scale) => {
            Plain::Leaf
        }
        (Shape::Fixed { len, .. }, Kind::Decimal { scale, .. })
            if same_scale(schema, node, *scale) =>
        {
            Plain::Fixed(*len)
        }
        (Shape::Fixed { len, .. }, Kind::Binary(_) | Kind::VarBinary(_)) => Plain::Fixed(*len),
        (Shape::Enum { symbols, .. }, Kind::Char(_) | Kind::VarChar(_)) => {
            Plain::Enum(Arc::clone(symbols))
        }
        (Shape::Int | Shape::Long, Kind::Time(_)) => match schema.logical(node) {
            Some(Logical::Time(unit)) => Plain::Time(unit),
            _ => Plain::Time(Unit::Millis),
        },
        (Shape::Long, Kind::Timestamp(_) | Kind::TimestampLtz(_)) => match schema.logical(node) {
            Some(Logical::Timestamp(unit)) => Plain::Timestamp(unit),
            _ => Plain::Timestamp(Unit::Millis),
        },
        (Shape::Array(item), Kind::Array(item_type)) => {
            Plain::List(Box::new(put(schema, *item, item_type)?))
        }
        (Shape::Map(value), Kind::Map(_, value_type)) => {
            Plain::Map(Box::new(put(schema, *value, value_type)?))
        }
        (Shape::Map(value), Kind::Multiset(_)) => {
            Plain::Map(Box::new(put(schema, *value, &Kind::Int.nullable())?))
        }
        (Shape::Record { fields: declared, name, .. }, Kind::Row(fields)) => {
            if declared.len() != fields.len() {
                return Err(unfit(format!(
                    "record '{name}' has {} fields, the table {}",
                    declared.len(),
                    fields.len()
                )));
            }
            let puts = declared.iter().zip(fields).map(|(declared, field)| {
                let put = put(schema, declared.node, &field.data_type)
                    .map_err(|error| error.context(format!("writing field '{}'", field.name)))?;
                Ok((field.name.clone(), put))
            });
            Plain::Row(puts.collect::<Result<Vec<_>>>()?)
        }
        _ => {
            return Err(unfit(format!(
                "{kind} cannot be written as Avro {}",
                schema.describe(node)
            )));
        }
    })
}

fn same_scale(schema: &Schema, node: NodeId, scale: u8) -> bool {
    match schema.logical(node) {
        Some(Logical::Decimal { scale: declared, .. }) => declared == u32::from(scale),
        _ => true,
    }
}

type Entries = Vec<(u32, usize)>;

fn put_value(
    put: &Put,
    column: &SourceColumn<'_>,
    row: usize,
    entries: &mut Entries,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    match put {
        Put::Null => Ok(()),
        Put::Value(_) if column.is_null(row) => {
            Err("NULL, which its Avro schema does not have".to_owned())
        }
        Put::Value(value) => put_plain(value, column, row, entries, out),
        Put::Nullable { null, .. } if column.is_null(row) => {
            write_long(*null, out);
            Ok(())
        }
        Put::Nullable { other, value, .. } => {
            write_long(*other, out);
            put_plain(value, column, row, entries, out)
        }
    }
}

fn put_plain(
    value: &Plain,
    column: &SourceColumn<'_>,
    row: usize,
    entries: &mut Entries,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    match (&column.source, value) {
        (Source::Boolean(array), _) => out.push(u8::from(array.value(row))),
        (Source::TinyInt(array), _) => write_long(i64::from(array.value(row)), out),
        (Source::SmallInt(array), _) => write_long(i64::from(array.value(row)), out),
        (Source::Int(array), _) => write_long(i64::from(array.value(row)), out),
        (Source::BigInt(array), _) => write_long(array.value(row), out),
        (Source::Float(array), _) => out.extend_from_slice(&array.value(row).to_le_bytes()),
        (Source::Double(array), _) => out.extend_from_slice(&array.value(row).to_le_bytes()),
        (Source::Decimal(array, _), Plain::Fixed(len)) => put_fixed(array.value(row), *len, out)?,
        (Source::Decimal(array, _), _) => {
            write_bytes(shortest(&array.value(row).to_be_bytes()), out);
        }
        (Source::String(array), Plain::Enum(symbols)) => {
            let text = array.value(row);
            let symbol = symbols.iter().position(|symbol| symbol == text);
            let symbol = symbol.ok_or_else(|| format!("'{text}' is no symbol of its enum"))?;
            write_long(i64::try_from(symbol).unwrap_or(0), out);
        }
        (Source::String(array), _) => write_bytes(array.value(row).as_bytes(), out),
        (Source::Binary(array), Plain::Fixed(len)) => {
            let bytes = array.value(row);
            if bytes.len() != *len {
                return Err(format!("{} bytes where the schema has {len}", bytes.len()));
            }
            out.extend_from_slice(bytes);
        }
        (Source::Binary(array), _) => write_bytes(array.value(row), out),
        (Source::Date(array), _) => write_long(i64::from(array.value(row)), out),
        (Source::Time(array), Plain::Time(Unit::Micros)) => {
            write_long(i64::from(array.value(row)).saturating_mul(1_000), out);
        }
        (Source::Time(array), _) => write_long(i64::from(array.value(row)), out),
        (Source::Timestamp(moments) | Source::TimestampLtz(moments), Plain::Timestamp(unit)) => {
            let moment = moments.get(row);
            let number = in_unit(moment, *unit).ok_or("a timestamp out of the schema's range")?;
            write_long(number, out);
        }
        (Source::List(array, items), Plain::List(put)) => {
            let range = span(array.value_offsets(), row);
            if !range.is_empty() {
                write_long(i64::try_from(range.len()).unwrap_or(0), out);
                for item in range {
                    put_value(put, items, item, entries, out)?;
                }
            }
            out.push(0);
        }
        (Source::Map(array, keys, values), Plain::Map(put)) => {
            let range = span(array.value_offsets(), row);
            put_map(range, keys, values, put, entries, out)?;
        }
        (Source::Row(columns), Plain::Row(puts)) => {
            for (column, (name, put)) in columns.iter().zip(puts) {
                put_value(put, column, row, entries, out)
                    .map_err(|problem| format!("field '{name}': {problem}"))?;
            }
        }
        _ => return Err("its type and its schema differ".to_owned()),
    }
    Ok(())
}

/// Entries in the order of a `HashMap<String, …>` that was made for so many.
fn put_map(
    range: std::ops::Range<usize>,
    keys: &SourceColumn<'_>,
    values: &SourceColumn<'_>,
    put: &Put,
    entries: &mut Entries,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let Source::String(names) = &keys.source else {
        return Err("its keys are no strings".to_owned());
    };
    let base = entries.len();
    let count = range.len();
    for entry in range {
        if keys.is_null(entry) {
            return Err("a key of a map is NULL".to_owned());
        }
        entries.push((java_bucket(names.value(entry), count), entry));
    }
    entries.get_mut(base..).unwrap_or_default().sort_by_key(|entry| entry.0);
    if count > 0 {
        write_long(i64::try_from(count).unwrap_or(0), out);
    }
    for at in base..base.saturating_add(count) {
        let Some((_, entry)) = entries.get(at).copied() else { break };
        write_bytes(names.value(entry).as_bytes(), out);
        put_value(put, values, entry, entries, out)?;
    }
    entries.truncate(base);
    out.push(0);
    Ok(())
}

/// The bucket of `key` in Java's `HashMap` made by `newHashMapWithExpectedSize(entries)`.
fn java_bucket(key: &str, entries: usize) -> u32 {
    let entries = u32::try_from(entries).unwrap_or(u32::MAX);
    let capacity = match entries {
        0..=2 => entries.saturating_add(1),
        _ => entries.saturating_mul(4).div_ceil(3),
    };
    let mask = capacity.checked_next_power_of_two().unwrap_or(1 << 31).wrapping_sub(1);
    let hash = string_hash(key);
    (hash ^ (hash >> 16)) & mask
}

/// A two's-complement number without the bytes that only repeat its sign, as of `BigInteger.toByteArray`.
fn shortest(bytes: &[u8; 16]) -> &[u8] {
    let mut rest: &[u8] = bytes;
    while let [first, second, ..] = rest
        && ((*first == 0 && *second < 0x80) || (*first == 0xff && *second >= 0x80))
    {
        rest = rest.split_first().map_or(&[], |(_, rest)| rest);
    }
    rest
}

fn put_fixed(value: i128, len: usize, out: &mut Vec<u8>) -> Result<(), String> {
    let bytes = value.to_be_bytes();
    let short = shortest(&bytes);
    let fill = len.checked_sub(short.len());
    let fill = fill.ok_or_else(|| format!("a DECIMAL has more than the schema's {len} bytes"))?;
    let end = out.len().saturating_add(fill);
    out.resize(end, if value < 0 { 0xff } else { 0 });
    out.extend_from_slice(short);
    Ok(())
}

fn in_unit(moment: Moment, unit: Unit) -> Option<i64> {
    let nanos = moment.to_nanos();
    let per_unit = match unit {
        Unit::Millis => 1_000_000,
        Unit::Micros => 1_000,
        Unit::Nanos => 1,
    };
    i64::try_from(nanos.div_euclid(per_unit)).ok()
}

/// The encoder of `avro`.
#[derive(Debug)]
pub(super) struct AvroEncoder {
    writer: AvroWriter,
    /// For `encoding` = 'json'.
    json: Option<Arc<Schema>>,
}

impl AvroEncoder {
    pub(super) fn new(
        request: &EncodeRequest,
        schema: Arc<Schema>,
        json: bool,
    ) -> Result<AvroEncoder> {
        let writer = AvroWriter::new(&request.fields, &schema)?;
        Ok(AvroEncoder { writer, json: json.then_some(schema) })
    }
}

impl Encoder for AvroEncoder {
    fn encode(&mut self, batch: &Batch, out: &mut Encoded, errors: &mut RowErrors) -> Result<()> {
        let json = self.json.clone();
        self.writer.write(
            batch,
            out,
            errors,
            |_| {},
            |bytes, start| {
                let Some(schema) = &json else { return };
                let binary = bytes.split_off(start);
                let mut cursor = Cursor::new(&binary, 0);
                // What was just written can be read.
                let _ = binary_to_json(schema, schema.root(), &mut cursor, bytes);
            },
        )
    }
}
