//! Types as written to types as meant, with Flink's defaults and limits.

use super::{not_yet, schema_error};
use crate::base::{Result, Span, nearest};
use crate::sql::ast::{self, DataTypeKind, TimestampZone};
use crate::types::{DataType, Field, Kind};
use std::collections::BTreeSet;

/// Names of types, as people write them.
pub const TYPE_NAMES: &[&str] = &[
    "ARRAY",
    "BIGINT",
    "BINARY",
    "BOOLEAN",
    "BYTES",
    "CHAR",
    "DATE",
    "DECIMAL",
    "DOUBLE",
    "FLOAT",
    "INT",
    "INTEGER",
    "MAP",
    "MULTISET",
    "NUMERIC",
    "ROW",
    "SMALLINT",
    "STRING",
    "STRUCTURED",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMP_LTZ",
    "TINYINT",
    "VARBINARY",
    "VARCHAR",
    "VARIANT",
];

/// Resolves a written type.
pub(super) fn bind(written: &ast::DataType) -> Result<DataType> {
    let span = written.span;
    let kind = match &written.kind {
        DataTypeKind::Boolean => Kind::Boolean,
        DataTypeKind::TinyInt => Kind::TinyInt,
        DataTypeKind::SmallInt => Kind::SmallInt,
        DataTypeKind::Int => Kind::Int,
        DataTypeKind::BigInt => Kind::BigInt,
        DataTypeKind::Float => Kind::Float,
        DataTypeKind::Double => Kind::Double,
        DataTypeKind::Decimal { precision, scale } => decimal(*precision, *scale, span)?,
        DataTypeKind::Char(n) => Kind::Char(length(*n, span)?),
        // Without a length VARCHAR and VARBINARY are unbounded in Flink, CHAR and BINARY hold one.
        DataTypeKind::Varchar(None) => Kind::VarChar(Kind::STRING_LENGTH),
        DataTypeKind::Varbinary(None) => Kind::VarBinary(Kind::STRING_LENGTH),
        DataTypeKind::Varchar(n) => Kind::VarChar(length(*n, span)?),
        DataTypeKind::Binary(n) => Kind::Binary(length(*n, span)?),
        DataTypeKind::Varbinary(n) => Kind::VarBinary(length(*n, span)?),
        DataTypeKind::String => Kind::VarChar(Kind::STRING_LENGTH),
        DataTypeKind::Bytes => Kind::VarBinary(Kind::STRING_LENGTH),
        DataTypeKind::Date => Kind::Date,
        // Flink's planner knows TIME(0) only.
        DataTypeKind::Time(_) => Kind::Time(0),
        DataTypeKind::Timestamp { precision, zone } => {
            let p = fraction(*precision, 6);
            match zone {
                TimestampZone::Without => Kind::Timestamp(p),
                TimestampZone::Local => Kind::TimestampLtz(p),
            }
        }
        DataTypeKind::Interval(qualifier) => match qualifier.from {
            ast::TimeUnit::Year | ast::TimeUnit::Month | ast::TimeUnit::Quarter => {
                Kind::IntervalMonths
            }
            _ => Kind::IntervalMillis,
        },
        DataTypeKind::Array(element) => Kind::Array(Box::new(bind(element)?)),
        DataTypeKind::Multiset(element) => Kind::Multiset(Box::new(bind(element)?)),
        DataTypeKind::Map(key, value) => Kind::Map(Box::new(bind(key)?), Box::new(bind(value)?)),
        DataTypeKind::Row(written) => Kind::Row(row_fields(written)?),
        DataTypeKind::Variant => Kind::Variant,
        DataTypeKind::Raw { .. } => return not_yet("type RAW", span),
        DataTypeKind::Structured { class, fields: written } => {
            if !is_class_name(&class.value) {
                let message = format!("invalid class name '{}'", class.value);
                return Err(schema_error(message, class.span)
                    .with_hint("names between dots as in Java: com.example.User"));
            }
            Kind::Structured(class.value.clone(), fields(written)?)
        }
        DataTypeKind::UserDefined(name) => {
            let error = schema_error(format!("unknown type '{}'", name.last()), span);
            return Err(match name_here(name.last()) {
                Some(known) => error.with_hint(format!("Flink's type is {known}")),
                None => match nearest(name.last(), TYPE_NAMES.iter().copied()) {
                    Some(near) => error.with_hint(format!("did you mean {near}?")),
                    None => error,
                },
            });
        }
    };
    let data_type = DataType { kind, nullable: written.is_nullable() };
    Ok(if data_type.nullable { inside_nullable(data_type) } else { data_type })
}

/// Fields of a ROW, whose names differ (Flink's `RowType.validateFields`); those of a STRUCTURED type need not.
fn row_fields(written: &[ast::RowField]) -> Result<Vec<Field>> {
    let mut names = BTreeSet::new();
    if let Some(again) = written.iter().find(|field| !names.insert(field.name.value.as_str())) {
        let name = &again.name.value;
        let message = format!("Field names must be unique. Found duplicates: [{name}]");
        return Err(schema_error(message, again.name.span));
    }
    fields(written)
}

fn fields(written: &[ast::RowField]) -> Result<Vec<Field>> {
    let field =
        |field: &ast::RowField| Ok(Field::new(field.name.value.clone(), bind(&field.data_type)?));
    written.iter().map(field).collect()
}

/// Whether Flink takes the name for one of a Java class (`StructuredType`); the class need not exist.
fn is_class_name(name: &str) -> bool {
    name.split('.').all(|part| {
        let letter = |c: char| c.is_alphabetic() || matches!(c, '_' | '$');
        part.starts_with(letter) && part.chars().all(|c| letter(c) || c.is_numeric())
    })
}

/// Rows inside of a nullable row are nullable with all their fields, whatever is written (Calcite's deep copy).
fn inside_nullable(data_type: DataType) -> DataType {
    let DataType { kind: Kind::Row(fields), nullable } = data_type else { return data_type };
    let fields = fields.into_iter().map(|field| {
        let data_type = inside_nullable(field.data_type.with_nullable(true));
        Field::new(field.name, data_type)
    });
    DataType { kind: Kind::Row(fields.collect()), nullable }
}

fn decimal(precision: Option<u32>, scale: Option<u32>, span: Span) -> Result<Kind> {
    // Calcite takes more digits than there are for as many as there are.
    let (precision, scale) = (precision.unwrap_or(10).min(38), scale.unwrap_or(0));
    if precision == 0 {
        return Err(schema_error(
            "decimal precision must be between 1 and 38 (both inclusive)",
            span,
        ));
    }
    if scale > precision {
        return Err(schema_error(
            format!(
                "decimal scale must be between 0 and the precision {precision} (both inclusive)"
            ),
            span,
        ));
    }
    let narrow = |n: u32| u8::try_from(n).unwrap_or(38);
    Ok(Kind::Decimal { precision: narrow(precision), scale: narrow(scale) })
}

fn length(written: Option<u32>, span: Span) -> Result<u32> {
    match written {
        None => Ok(1),
        // A length of 0 holds nothing but is a type.
        Some(n) if n <= Kind::STRING_LENGTH => Ok(n),
        Some(_) => {
            Err(schema_error("length must be between 0 and 2147483647 (both inclusive)", span))
        }
    }
}

/// Digits of a second: more than there are count for as many as there are, as in Calcite.
fn fraction(written: Option<u32>, default: u8) -> u8 {
    written.map_or(default, |p| u8::try_from(p).map_or(9, |p| p.min(9)))
}

/// The type that other databases have under a name that Flink does not know.
fn name_here(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_uppercase().as_str() {
        "TEXT" | "LONGTEXT" | "MEDIUMTEXT" | "TINYTEXT" | "VARCHAR2" | "NVARCHAR" | "CLOB"
        | "UUID" | "JSON" => "STRING",
        "DATETIME" | "DATETIME2" | "TIMESTAMP_NTZ" => "TIMESTAMP",
        "TIMESTAMPTZ" => "TIMESTAMP_LTZ",
        "LONG" | "INT8" | "INT64" | "UINT32" => "BIGINT",
        "INT4" | "INT32" | "MEDIUMINT" | "UINT16" => "INT",
        "SHORT" | "INT2" | "INT16" => "SMALLINT",
        "BYTE" => "TINYINT",
        "NUMBER" | "MONEY" => "DECIMAL",
        "FLOAT8" | "FLOAT64" => "DOUBLE",
        "FLOAT4" | "FLOAT32" => "FLOAT",
        "BOOL" | "BIT" => "BOOLEAN",
        "BLOB" | "BYTEA" | "VARBYTE" => "BYTES",
        "STRUCT" => "ROW",
        "LIST" => "ARRAY",
        _ => return None,
    })
}
