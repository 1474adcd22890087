//! Metadata columns: what a record carries beside key and value (Flink's `KafkaDynamicSource.ReadableMetadata` and
//! `KafkaDynamicSink.WritableMetadata`).

use crate::base::{Error, ErrorKind, Result, nearest};
use crate::expr::{CastMode, Castable, Expr, castable};
use crate::table::{ColumnDef, TableDef};
use crate::types::{DataType, Field, Kind};

/// A piece of metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metadata {
    Topic,
    Partition,
    Headers,
    HeaderList,
    LeaderEpoch,
    Offset,
    Timestamp,
    TimestampType,
}

/// What a column is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readable {
    /// The record.
    Record(Metadata),
    /// The value's format, by its own key.
    Format(&'static str),
}

/// Everything that can be read, in Flink's order.
const READABLE: &[Metadata] = &[
    Metadata::Topic,
    Metadata::Partition,
    Metadata::Headers,
    Metadata::HeaderList,
    Metadata::LeaderEpoch,
    Metadata::Offset,
    Metadata::Timestamp,
    Metadata::TimestampType,
];

/// Everything that can be written. `partition` is not in Flink's list.
const WRITABLE: &[Metadata] = &[
    Metadata::Topic,
    Metadata::Partition,
    Metadata::Headers,
    Metadata::HeaderList,
    Metadata::Timestamp,
];

/// Everything that can be read, and whether it can be written.
pub(super) fn all() -> impl Iterator<Item = (Metadata, bool)> {
    READABLE.iter().map(|metadata| (*metadata, WRITABLE.contains(metadata)))
}

impl Metadata {
    /// Its key in `METADATA FROM 'key'`.
    pub(super) fn key(self) -> &'static str {
        match self {
            Metadata::Topic => "topic",
            Metadata::Partition => "partition",
            Metadata::Headers => "headers",
            Metadata::HeaderList => "header-list",
            Metadata::LeaderEpoch => "leader-epoch",
            Metadata::Offset => "offset",
            Metadata::Timestamp => "timestamp",
            Metadata::TimestampType => "timestamp-type",
        }
    }

    /// Whether it is the record's headers, in one form or the other.
    pub(super) fn is_headers(self) -> bool {
        matches!(self, Metadata::Headers | Metadata::HeaderList)
    }

    /// The type in which it is read.
    pub(super) fn data_type(self) -> DataType {
        match self {
            Metadata::Topic | Metadata::TimestampType => DataType::string().with_nullable(false),
            Metadata::Partition => Kind::Int.not_null(),
            Metadata::Headers => {
                let bytes = Kind::VarBinary(Kind::STRING_LENGTH).nullable();
                Kind::Map(Box::new(DataType::string()), Box::new(bytes)).not_null()
            }
            Metadata::HeaderList => header_list(DataType::string()),
            Metadata::LeaderEpoch => Kind::Int.nullable(),
            Metadata::Offset => Kind::BigInt.not_null(),
            Metadata::Timestamp => Kind::TimestampLtz(3).not_null(),
        }
    }

    /// What a column that is read stands for, and the cast to its declared type, over column 0. `of_format` is what the
    /// value's format tells.
    pub(super) fn readable(
        table: &TableDef,
        column: &ColumnDef,
        key: &str,
        of_format: &[(&'static str, DataType)],
    ) -> Result<(Readable, Option<Expr>)> {
        let own = key.strip_prefix("value.");
        let own = own.and_then(|key| of_format.iter().find(|(known, _)| *known == key));
        let (readable, from) = match own {
            Some((key, data_type)) => (Readable::Format(key), data_type.clone()),
            None => {
                let metadata = find(READABLE, table, column, key, "reading", of_format)?;
                (Readable::Record(metadata), metadata.data_type())
            }
        };
        let cast = cast(&from, &column.data_type)
            .map_err(|NoCast| uncastable(table, column, "from", &from))?;
        Ok((readable, cast))
    }

    /// What a column that is written stands for, and the cast from its declared type, over column 0.
    pub(super) fn writable(
        table: &TableDef,
        column: &ColumnDef,
        key: &str,
    ) -> Result<(Metadata, Option<Expr>)> {
        let metadata = find(WRITABLE, table, column, key, "writing", &[]).map_err(|error| {
            if READABLE.iter().any(|readable| readable.key() == key) {
                error.with_hint("declare it as METADATA VIRTUAL: it can be read, but not written")
            } else {
                error
            }
        })?;
        let to = metadata.data_type();
        // Keys are bytes to those who hand on what somebody sent.
        let bytes = Kind::VarBinary(Kind::STRING_LENGTH).nullable();
        if metadata == Metadata::HeaderList && column.data_type == header_list(bytes) {
            return Ok((metadata, None));
        }
        let cast =
            cast(&column.data_type, &to).map_err(|NoCast| uncastable(table, column, "to", &to))?;
        Ok((metadata, cast))
    }
}

/// `ARRAY<ROW<key …, value BYTES>>`
fn header_list(key: DataType) -> DataType {
    let value = Kind::VarBinary(Kind::STRING_LENGTH).nullable();
    let pair = Kind::Row(vec![Field::new("key", key), Field::new("value", value)]);
    Kind::Array(Box::new(pair.nullable())).not_null()
}

fn find(
    known: &[Metadata],
    table: &TableDef,
    column: &ColumnDef,
    key: &str,
    purpose: &str,
    of_format: &[(&'static str, DataType)],
) -> Result<Metadata> {
    if let Some(found) = known.iter().find(|metadata| metadata.key() == key) {
        return Ok(*found);
    }
    let mut names: Vec<String> = known.iter().map(|metadata| metadata.key().to_owned()).collect();
    names.extend(of_format.iter().map(|(key, _)| format!("value.{key}")));
    let near = nearest(key, names.iter().map(String::as_str))
        .map(|near| format!("did you mean '{near}'? "));
    Err(Error::new(
        ErrorKind::Schema,
        format!("invalid metadata key '{key}' in column '{}' of {}", column.name, table.subject()),
    )
    .with_hint(format!(
        "{}Metadata keys for {purpose}: {}",
        near.unwrap_or_default(),
        names.join(", ")
    )))
}

/// There is no cast between two types.
#[derive(Debug, PartialEq)]
struct NoCast;

/// The cast, or nothing where none is needed.
fn cast(from: &DataType, to: &DataType) -> std::result::Result<Option<Expr>, NoCast> {
    if from.kind == to.kind {
        return Ok(None);
    }
    match castable(from, to) {
        Castable::Yes => Ok(Some(Expr::cast(
            Expr::column(0, from.clone()),
            to.kind.clone(),
            CastMode::default(),
        ))),
        _ => Err(NoCast),
    }
}

fn uncastable(table: &TableDef, column: &ColumnDef, way: &str, metadata: &DataType) -> Error {
    Error::new(
        ErrorKind::Schema,
        format!(
            "invalid data type for metadata column '{}' of {}: the column cannot be declared as '{}' because the type \
             must be castable {way} metadata type '{metadata}'",
            column.name,
            table.subject(),
            column.data_type
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cast_is_made_only_where_the_type_differs() {
        let ltz = Metadata::Timestamp.data_type();
        assert_eq!(cast(&ltz, &Kind::TimestampLtz(3).nullable()), Ok(None));
        assert!(matches!(cast(&ltz, &Kind::Timestamp(3).nullable()), Ok(Some(_))));
        assert_eq!(cast(&ltz, &Kind::Boolean.nullable()), Err(NoCast));
    }
}
