//! Flink's logical types and how they lie in memory.

use arrow_schema::{DataType as Physical, Field as PhysicalField, TimeUnit};
use std::fmt;
use std::sync::Arc;

/// A Flink logical type (`org.apache.flink.table.types.logical`). Columns are physically always nullable; NOT NULL
/// is a fact of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DataType {
    /// What values it has.
    pub kind: Kind,
    /// False for `NOT NULL`.
    pub nullable: bool,
}

/// The type without nullability.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The type of a bare NULL literal.
    Null,
    /// `BOOLEAN`
    Boolean,
    /// `TINYINT`, 8 bit
    TinyInt,
    /// `SMALLINT`, 16 bit
    SmallInt,
    /// `INT`, 32 bit
    Int,
    /// `BIGINT`, 64 bit
    BigInt,
    /// `FLOAT`, 32 bit
    Float,
    /// `DOUBLE`, 64 bit
    Double,
    /// `DECIMAL(precision 1..=38, scale 0..=precision)`
    Decimal {
        /// Digits in total.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// `CHAR(n)`, length in code points
    Char(u32),
    /// `VARCHAR(n)`; [`Kind::STRING_LENGTH`] is `STRING`
    VarChar(u32),
    /// `BINARY(n)`, length in bytes
    Binary(u32),
    /// `VARBINARY(n)`; [`Kind::STRING_LENGTH`] is `BYTES`
    VarBinary(u32),
    /// `DATE`
    Date,
    /// `TIME(p)`, p 0..=9; kept in milliseconds as in Flink
    Time(u8),
    /// `TIMESTAMP(p)`, p 0..=9
    Timestamp(u8),
    /// `TIMESTAMP_LTZ(p)`, p 0..=9
    TimestampLtz(u8),
    /// Year-month interval, in months
    IntervalMonths,
    /// Day-time interval, in milliseconds
    IntervalMillis,
    /// `VARIANT`: a JSON value
    Variant,
    /// `ARRAY<element>`
    Array(Box<DataType>),
    /// `MULTISET<element>`
    Multiset(Box<DataType>),
    /// `MAP<key, value>`
    Map(Box<DataType>, Box<DataType>),
    /// `ROW<name type, …>`
    Row(Vec<Field>),
    /// `STRUCTURED<'class', name type, …>`: a row that prints its fields' names
    Structured(String, Vec<Field>),
}

/// A named column or row field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    /// Name as written; Flink's names are case-sensitive.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
}

impl Field {
    /// A field.
    pub fn new(name: impl Into<String>, data_type: DataType) -> Field {
        Field { name: name.into(), data_type }
    }
}

/// The columns of a table or query, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// The columns.
    pub fields: Vec<Field>,
}

impl Schema {
    /// A schema of `fields`.
    pub fn new(fields: Vec<Field>) -> Schema {
        Schema { fields }
    }

    /// Position of the column called exactly `name`.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }
}

impl Kind {
    /// Length of `STRING` and `BYTES`: Java's `Integer.MAX_VALUE`.
    pub const STRING_LENGTH: u32 = i32::MAX as u32;

    /// This kind, nullable.
    pub fn nullable(self) -> DataType {
        DataType { kind: self, nullable: true }
    }

    /// This kind, NOT NULL.
    pub fn not_null(self) -> DataType {
        DataType { kind: self, nullable: false }
    }

    /// `CHAR` or `VARCHAR`.
    pub fn is_string(&self) -> bool {
        matches!(self, Kind::Char(_) | Kind::VarChar(_))
    }

    /// `BINARY` or `VARBINARY`.
    pub fn is_binary(&self) -> bool {
        matches!(self, Kind::Binary(_) | Kind::VarBinary(_))
    }

    /// `TINYINT` to `BIGINT`.
    pub fn is_integer(&self) -> bool {
        matches!(self, Kind::TinyInt | Kind::SmallInt | Kind::Int | Kind::BigInt)
    }

    /// The fields of a `ROW` or `STRUCTURED`.
    pub fn fields(&self) -> Option<&[Field]> {
        match self {
            Kind::Row(fields) | Kind::Structured(_, fields) => Some(fields),
            _ => None,
        }
    }

    /// `ARRAY`, `MAP`, `MULTISET`, `ROW` and `STRUCTURED`: values that have parts.
    pub fn is_nested(&self) -> bool {
        matches!(self, Kind::Array(_) | Kind::Map(..) | Kind::Multiset(_))
            || self.fields().is_some()
    }

    /// Integers, `FLOAT`, `DOUBLE` and `DECIMAL`.
    pub fn is_numeric(&self) -> bool {
        self.is_integer() || matches!(self, Kind::Float | Kind::Double | Kind::Decimal { .. })
    }
}

impl DataType {
    /// Nullable `STRING`.
    pub fn string() -> DataType {
        Kind::VarChar(Kind::STRING_LENGTH).nullable()
    }

    /// The same kind with other nullability.
    #[must_use]
    pub fn with_nullable(mut self, nullable: bool) -> DataType {
        self.nullable = nullable;
        self
    }

    /// The Arrow layout of a column of this type.
    ///
    /// Strings and bytes are views, a VARIANT is the text that it prints; TIME is milliseconds in 32 bit; timestamps of
    /// precision up to 6 are microseconds in 64 bit, those of 7 to 9 nanoseconds in 128 bit (as `Decimal128(38, 0)`),
    /// since 64-bit nanoseconds end in the year 2262; intervals are 32-bit months or 64-bit milliseconds; MULTISET is a map to 32-bit counts;
    /// the keys of maps lie in a struct ([`super::map_keys`]).
    pub fn physical(&self) -> Physical {
        match &self.kind {
            Kind::Null => Physical::Null,
            Kind::Boolean => Physical::Boolean,
            Kind::TinyInt => Physical::Int8,
            Kind::SmallInt => Physical::Int16,
            Kind::Int | Kind::IntervalMonths => Physical::Int32,
            Kind::BigInt | Kind::IntervalMillis => Physical::Int64,
            Kind::Float => Physical::Float32,
            Kind::Double => Physical::Float64,
            Kind::Decimal { precision, scale } => {
                Physical::Decimal128(*precision, i8::try_from(*scale).unwrap_or(i8::MAX))
            }
            Kind::Char(_) | Kind::VarChar(_) | Kind::Variant => Physical::Utf8View,
            Kind::Binary(_) | Kind::VarBinary(_) => Physical::BinaryView,
            Kind::Date => Physical::Date32,
            Kind::Time(_) => Physical::Time32(TimeUnit::Millisecond),
            Kind::Timestamp(p) | Kind::TimestampLtz(p) if *p <= 6 => {
                Physical::Timestamp(TimeUnit::Microsecond, None)
            }
            Kind::Timestamp(_) | Kind::TimestampLtz(_) => Physical::Decimal128(38, 0),
            Kind::Array(element) => Physical::List(Arc::new(item("item", element))),
            Kind::Multiset(element) => super::map::layout(element, &Kind::Int.not_null()),
            Kind::Map(key, value) => super::map::layout(key, value),
            Kind::Row(fields) | Kind::Structured(_, fields) => Physical::Struct(
                fields.iter().map(|field| item(&field.name, &field.data_type)).collect(),
            ),
        }
    }
}

fn item(name: &str, data_type: &DataType) -> PhysicalField {
    PhysicalField::new(name, data_type.physical(), true)
}

/// Flink's own spelling, as in `LogicalType.asSummaryString` without the `NOT NULL` of the outermost type's kind.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Null => f.write_str("NULL"),
            Kind::Boolean => f.write_str("BOOLEAN"),
            Kind::TinyInt => f.write_str("TINYINT"),
            Kind::SmallInt => f.write_str("SMALLINT"),
            Kind::Int => f.write_str("INT"),
            Kind::BigInt => f.write_str("BIGINT"),
            Kind::Float => f.write_str("FLOAT"),
            Kind::Double => f.write_str("DOUBLE"),
            Kind::Decimal { precision, scale } => write!(f, "DECIMAL({precision}, {scale})"),
            Kind::Char(n) => write!(f, "CHAR({n})"),
            Kind::VarChar(Kind::STRING_LENGTH) => f.write_str("STRING"),
            Kind::VarChar(n) => write!(f, "VARCHAR({n})"),
            Kind::Binary(n) => write!(f, "BINARY({n})"),
            Kind::VarBinary(Kind::STRING_LENGTH) => f.write_str("BYTES"),
            Kind::VarBinary(n) => write!(f, "VARBINARY({n})"),
            Kind::Date => f.write_str("DATE"),
            Kind::Time(p) => write!(f, "TIME({p})"),
            Kind::Timestamp(p) => write!(f, "TIMESTAMP({p})"),
            Kind::TimestampLtz(p) => write!(f, "TIMESTAMP_LTZ({p})"),
            Kind::IntervalMonths => f.write_str("INTERVAL YEAR TO MONTH"),
            Kind::IntervalMillis => f.write_str("INTERVAL DAY TO SECOND(3)"),
            Kind::Variant => f.write_str("VARIANT"),
            Kind::Array(element) => write!(f, "ARRAY<{element}>"),
            Kind::Multiset(element) => write!(f, "MULTISET<{element}>"),
            Kind::Map(key, value) => write!(f, "MAP<{key}, {value}>"),
            Kind::Row(fields) => {
                f.write_str("ROW<")?;
                write_fields(f, fields)
            }
            Kind::Structured(class, fields) => {
                write!(f, "STRUCTURED<'{class}', ")?;
                write_fields(f, fields)
            }
        }
    }
}

fn write_fields(f: &mut fmt::Formatter<'_>, fields: &[Field]) -> fmt::Result {
    for (index, field) in fields.iter().enumerate() {
        let comma = if index > 0 { ", " } else { "" };
        write!(f, "{comma}`{}` {}", field.name, field.data_type)?;
    }
    f.write_str(">")
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind, if self.nullable { "" } else { " NOT NULL" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_print_as_flink_prints_them() {
        let row = Kind::Row(vec![
            Field::new("a", Kind::Int.not_null()),
            Field::new("b", Kind::Array(Box::new(DataType::string())).nullable()),
        ]);
        assert_eq!(row.to_string(), "ROW<`a` INT NOT NULL, `b` ARRAY<STRING>>");
        let user =
            Kind::Structured("com.x.User".to_owned(), vec![Field::new("a", Kind::Int.not_null())]);
        assert_eq!(user.to_string(), "STRUCTURED<'com.x.User', `a` INT NOT NULL>");
        assert_eq!(Kind::Decimal { precision: 10, scale: 2 }.to_string(), "DECIMAL(10, 2)");
    }
}
