//! From a message and a table's fields to columns: which field each column is, and how its values are read.

use super::cursor::Wire;
use super::schema::{Schema, Slots, is_closed};
use crate::base::{Error, ErrorKind, Result, nearest};
use crate::types::{DataType, Field, Kind};
use protox::prost_reflect::{self as reflect, FieldDescriptor, MessageDescriptor, Syntax, Value};
use std::sync::Arc;

/// How a column, or a field of a ROW, is read.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) number: u32,
    /// How a value is laid out that is not packed.
    pub(super) wire: Wire,
    pub(super) shape: Shape,
    pub(super) missing: Missing,
    /// Numbers of the enum of a list's items or of a map's values, where others do not count.
    pub(super) closed: Option<Box<[i32]>>,
}

/// How often the field's value can be there.
#[derive(Debug)]
pub(super) enum Shape {
    One(Item),
    List(Item),
    /// Entries are messages with the fields `key` and `value`.
    Map(RowPlan),
}

/// One value.
#[derive(Debug)]
pub(super) enum Item {
    Leaf(Leaf),
    Row(RowPlan),
}

/// A message as a ROW.
#[derive(Debug)]
pub(super) struct RowPlan {
    pub(super) message: usize,
    pub(super) slots: Slots,
    pub(super) columns: Vec<Column>,
}

/// What a record that does not hold the field is read as.
#[derive(Debug)]
pub(super) enum Missing {
    Null,
    Leaf(Default),
    /// An empty list or map, or a ROW of what its fields are read as then.
    Empty,
}

/// The default of a value without parts.
#[derive(Debug)]
pub(super) enum Default {
    Bool(bool),
    Int(i64),
    Float(f32),
    Double(f64),
    Bytes(Box<[u8]>),
}

/// A value without parts, in both directions.
#[derive(Clone, Debug)]
pub(super) enum Leaf {
    Bool,
    Int32,
    UInt32,
    SInt32,
    Int64,
    SInt64,
    Fixed32,
    Fixed64,
    Float,
    Double,
    Text,
    Bytes,
    /// An enum as INT or BIGINT.
    Number(Arc<Names>),
    /// An enum as STRING.
    Name(Arc<Names>),
}

/// The values of an enum. Where several have one number, the first counts.
#[derive(Debug)]
pub(super) struct Names {
    /// In the order of their declaration.
    declared: Vec<(i32, String)>,
    /// Positions in `declared`, by number.
    by_number: Vec<(i32, usize)>,
}

impl Leaf {
    /// How the value is laid out.
    #[inline]
    pub(super) fn wire(&self) -> Wire {
        match self {
            Leaf::Fixed32 | Leaf::Float => Wire::Fixed32,
            Leaf::Fixed64 | Leaf::Double => Wire::Fixed64,
            Leaf::Text | Leaf::Bytes => Wire::Bytes,
            _ => Wire::Varint,
        }
    }
}

impl Names {
    fn new(values: &reflect::EnumDescriptor) -> Names {
        let declared: Vec<(i32, String)> = values
            .enum_descriptor_proto()
            .value
            .iter()
            .map(|value| (value.number(), value.name().to_owned()))
            .collect();
        let mut by_number: Vec<(i32, usize)> =
            declared.iter().enumerate().map(|(at, (number, _))| (*number, at)).collect();
        by_number.sort_unstable();
        by_number.dedup_by_key(|(number, _)| *number);
        Names { declared, by_number }
    }

    /// The name of a number, as Java prints the enum.
    #[inline]
    pub(super) fn name(&self, number: i32) -> &str {
        let at = self.by_number.binary_search_by_key(&number, |(number, _)| *number).ok();
        let at = at.and_then(|at| self.by_number.get(at));
        at.and_then(|(_, at)| self.declared.get(*at)).map_or("UNRECOGNIZED", |(_, name)| name)
    }

    /// The number of a name that is written; of one that there is not, that of the first value, as in Flink.
    pub(super) fn number(&self, name: &str) -> i32 {
        let found = self.declared.iter().find(|(_, declared)| declared == name);
        found.map_or(self.first(), |(number, _)| *number)
    }

    /// The number that is written for one that there may not be.
    pub(super) fn known(&self, number: i32) -> i32 {
        let found = self.by_number.binary_search_by_key(&number, |(number, _)| *number);
        if found.is_ok() { number } else { self.first() }
    }

    /// The number of the first value.
    pub(super) fn first(&self) -> i32 {
        self.declared.first().map_or(0, |(number, _)| *number)
    }
}

/// How a column and its field go together, before either direction is compiled.
pub(super) enum Match<'a> {
    One(Part<'a>),
    List(Part<'a>),
    Map(Part<'a>, Part<'a>),
}

/// A value of a [`Match`].
pub(super) enum Part<'a> {
    Leaf(Leaf),
    Row(MessageDescriptor, &'a [Field]),
}

/// The field of `message` for a column, and how they go together (Flink's `PbSchemaValidationUtils`).
pub(super) fn matched<'a>(
    message: &MessageDescriptor,
    column: &'a Field,
) -> Result<(FieldDescriptor, Match<'a>)> {
    let name = &column.name;
    let Some(field) = message.get_field_by_name(name) else {
        let fields: Vec<FieldDescriptor> = message.fields().collect();
        let error = unfit(format!("message {} has no field '{name}'", message.full_name()));
        return Err(match nearest(name, fields.iter().map(FieldDescriptor::name)) {
            Some(near) => error.with_hint(format!("Did you mean '{near}'?")),
            None => {
                let names: Vec<&str> = fields.iter().map(FieldDescriptor::name).collect();
                error.with_hint(format!("Its fields: {}", names.join(", ")))
            }
        });
    };
    let found = match (&column.data_type.kind, field.kind()) {
        (Kind::Map(key, value), reflect::Kind::Message(entry)) if field.is_map() => {
            let key = part(&entry.map_entry_key_field().kind(), key);
            let value = part(&entry.map_entry_value_field().kind(), value);
            key.and_then(|key| Some(Match::Map(key, value?)))
        }
        _ if field.is_map() => None,
        (Kind::Array(item), kind) if field.is_list() => part(&kind, item).map(Match::List),
        _ if field.is_list() => None,
        (_, kind) => part(&kind, &column.data_type).map(Match::One),
    };
    let found = found.ok_or_else(|| {
        unfit(format!(
            "column '{name}' is {}, but field '{name}' of message {} is {}",
            column.data_type.kind,
            message.full_name(),
            described(&field)
        ))
        .with_hint(format!("Its type is {}", sql_type(&field)))
    })?;
    Ok((field, found))
}

fn unfit(message: String) -> Error {
    Error::new(ErrorKind::Schema, message)
}

fn part<'a>(kind: &reflect::Kind, data_type: &'a DataType) -> Option<Part<'a>> {
    use reflect::Kind as Proto;
    Some(Part::Leaf(match (kind, &data_type.kind) {
        (Proto::Message(message), Kind::Row(fields)) => {
            return Some(Part::Row(message.clone(), fields));
        }
        (Proto::Bool, Kind::Boolean) => Leaf::Bool,
        (Proto::Int32, Kind::Int) => Leaf::Int32,
        (Proto::Uint32, Kind::Int) => Leaf::UInt32,
        (Proto::Sint32, Kind::Int) => Leaf::SInt32,
        (Proto::Fixed32 | Proto::Sfixed32, Kind::Int) => Leaf::Fixed32,
        (Proto::Int64 | Proto::Uint64, Kind::BigInt) => Leaf::Int64,
        (Proto::Sint64, Kind::BigInt) => Leaf::SInt64,
        (Proto::Fixed64 | Proto::Sfixed64, Kind::BigInt) => Leaf::Fixed64,
        (Proto::Float, Kind::Float) => Leaf::Float,
        (Proto::Double, Kind::Double) => Leaf::Double,
        (Proto::String, Kind::Char(_) | Kind::VarChar(_)) => Leaf::Text,
        (Proto::Bytes, Kind::Binary(_) | Kind::VarBinary(_)) => Leaf::Bytes,
        (Proto::Enum(values), Kind::Int | Kind::BigInt) => {
            Leaf::Number(Arc::new(Names::new(values)))
        }
        (Proto::Enum(values), Kind::Char(_) | Kind::VarChar(_)) => {
            Leaf::Name(Arc::new(Names::new(values)))
        }
        _ => return None,
    }))
}

fn described(field: &FieldDescriptor) -> String {
    let kind = |kind: &reflect::Kind| match kind {
        reflect::Kind::Message(message) => message.full_name().to_owned(),
        reflect::Kind::Enum(values) => format!("enum {}", values.full_name()),
        other => format!("{other:?}"),
    };
    match field.kind() {
        reflect::Kind::Message(entry) if field.is_map() => {
            let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
            format!("map<{}, {}>", kind(&key.kind()), kind(&value.kind()))
        }
        other if field.is_list() => format!("repeated {}", kind(&other)),
        other => kind(&other),
    }
}

/// The SQL type of a field, its messages' fields left out.
fn sql_type(field: &FieldDescriptor) -> String {
    use reflect::Kind as Proto;
    let item = |kind: &Proto| match kind {
        Proto::Message(_) => "ROW<…>",
        Proto::Bool => "BOOLEAN",
        Proto::Int32 | Proto::Uint32 | Proto::Sint32 | Proto::Fixed32 | Proto::Sfixed32 => "INT",
        Proto::Float => "FLOAT",
        Proto::Double => "DOUBLE",
        Proto::String => "STRING",
        Proto::Bytes => "BYTES",
        Proto::Enum(_) => "STRING or INT",
        _ => "BIGINT",
    };
    match field.kind() {
        Proto::Message(entry) if field.is_map() => {
            let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
            format!("MAP<{}, {}>", item(&key.kind()), item(&value.kind()))
        }
        kind if field.is_list() => format!("ARRAY<{}>", item(&kind)),
        kind => item(&kind).to_owned(),
    }
}

/// Compiles columns for reading.
#[derive(Debug)]
pub(super) struct Compiler<'a> {
    schema: &'a Schema,
    /// What is missing is read as its default: values without parts, and the others.
    defaults: (bool, bool),
}

impl<'a> Compiler<'a> {
    /// For records of `root`; its syntax decides for all messages inside of it, as in Flink.
    pub(super) fn new(
        schema: &'a Schema,
        root: &MessageDescriptor,
        read_defaults: bool,
    ) -> Compiler<'a> {
        let leaves = read_defaults || root.parent_file().syntax() == Syntax::Proto3;
        Compiler { schema, defaults: (leaves, read_defaults) }
    }

    /// The message's fields as columns.
    pub(super) fn row(&self, message: &MessageDescriptor, fields: &[Field]) -> Result<RowPlan> {
        let columns = fields
            .iter()
            .map(|field| self.column(message, field))
            .collect::<Result<Vec<Column>>>()?;
        Ok(self.row_of(message, columns))
    }

    fn row_of(&self, message: &MessageDescriptor, columns: Vec<Column>) -> RowPlan {
        let number = self.schema.number(message);
        let slots = self.schema.slots(number, columns.iter().map(|column| column.number));
        RowPlan { message: number, slots, columns }
    }

    fn column(&self, message: &MessageDescriptor, column: &Field) -> Result<Column> {
        let name = &column.name;
        let inside = |error: Error| error.context(format!("reading column '{name}'"));
        let (field, found) = matched(message, column)?;
        let shape = match found {
            Match::One(part) => Shape::One(self.item(part).map_err(inside)?),
            Match::List(part) => Shape::List(self.item(part).map_err(inside)?),
            Match::Map(key, value) => Shape::Map(self.entry(&field, key, value).map_err(inside)?),
        };
        let missing = match &shape {
            Shape::One(Item::Leaf(_)) if self.defaults.0 => Missing::Leaf(default_of(&field)),
            Shape::One(Item::Leaf(_)) => Missing::Null,
            _ if self.defaults.1 => Missing::Empty,
            _ => Missing::Null,
        };
        let closed = match &shape {
            Shape::One(_) => None,
            Shape::List(_) => closed_numbers(&field, &field.kind()),
            Shape::Map(_) => match field.kind() {
                reflect::Kind::Message(entry) => {
                    closed_numbers(&field, &entry.map_entry_value_field().kind())
                }
                _ => None,
            },
        };
        Ok(Column { number: field.number(), wire: wire(&field), shape, missing, closed })
    }

    fn item(&self, part: Part<'_>) -> Result<Item> {
        Ok(match part {
            Part::Leaf(leaf) => Item::Leaf(leaf),
            Part::Row(message, fields) => Item::Row(self.row(&message, fields)?),
        })
    }

    fn entry(&self, field: &FieldDescriptor, key: Part<'_>, value: Part<'_>) -> Result<RowPlan> {
        let reflect::Kind::Message(entry) = field.kind() else {
            return Err(Error::internal("a map without entries"));
        };
        let (keys, values) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        let column = |field: &FieldDescriptor, part| {
            let item = self.item(part)?;
            // An entry without key or value has the default.
            let missing = match &item {
                Item::Leaf(_) => Missing::Leaf(default_of(field)),
                Item::Row(_) => Missing::Empty,
            };
            let (number, wire, shape) = (field.number(), wire(field), Shape::One(item));
            Ok::<_, Error>(Column { number, wire, shape, missing, closed: None })
        };
        let columns = vec![column(&keys, key)?, column(&values, value)?];
        Ok(self.row_of(&entry, columns))
    }
}

/// How a value of the field is laid out that is not packed.
pub(super) fn wire(field: &FieldDescriptor) -> Wire {
    match field.kind() {
        reflect::Kind::Message(_) if field.is_group() => Wire::Group,
        kind => match kind.wire_type() {
            reflect::prost::encoding::WireType::Varint => Wire::Varint,
            reflect::prost::encoding::WireType::SixtyFourBit => Wire::Fixed64,
            reflect::prost::encoding::WireType::ThirtyTwoBit => Wire::Fixed32,
            _ => Wire::Bytes,
        },
    }
}

/// Numbers of an enum, ascending, where `field` does not take others.
fn closed_numbers(field: &FieldDescriptor, kind: &reflect::Kind) -> Option<Box<[i32]>> {
    match kind {
        reflect::Kind::Enum(names) if is_closed(field) => {
            Some(names.values().map(|value| value.number()).collect())
        }
        _ => None,
    }
}

fn default_of(field: &FieldDescriptor) -> Default {
    match field.default_value() {
        Value::Bool(value) => Default::Bool(value),
        Value::I32(value) | Value::EnumNumber(value) => Default::Int(i64::from(value)),
        Value::U32(value) => Default::Int(i64::from(value.cast_signed())),
        Value::I64(value) => Default::Int(value),
        Value::U64(value) => Default::Int(value.cast_signed()),
        Value::F32(value) => Default::Float(value),
        Value::F64(value) => Default::Double(value),
        Value::String(value) => Default::Bytes(value.into_bytes().into()),
        Value::Bytes(value) => Default::Bytes(value.to_vec().into()),
        Value::Message(_) | Value::List(_) | Value::Map(_) => Default::Int(0),
    }
}
