//! Which columns of a table lie in the record's key, in its value and in its metadata (Flink's
//! `KafkaConnectorOptionsUtil.createKeyFormatProjection` and `createValueFormatProjection`).

use super::options::{KEY_FIELDS, KEY_FORMAT, KEY_PREFIX, Mode, VALUE_INCLUDE};
use crate::base::Result;
use crate::options::OptionReader;
use crate::table::{ColumnKind, TableDef};
use crate::types::Field;

/// A field of the key or of the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// Position in the table's columns.
    pub(super) column: usize,
    /// Name and type inside of the record; the name of a key field without `key.fields-prefix`.
    pub(super) field: Field,
}

/// The physical columns of a table by place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// In the order of `key.fields`; empty without `key.format`.
    pub(super) key: Vec<Placed>,
    /// In declared order.
    pub(super) value: Vec<Placed>,
}

impl Layout {
    /// Reads and checks the options that say it.
    pub(super) fn read(table: &TableDef, options: &OptionReader<'_>, mode: Mode) -> Result<Layout> {
        let physical: Vec<Placed> = table
            .columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.kind == ColumnKind::Physical)
            .map(|(at, column)| Placed {
                column: at,
                field: Field::new(column.name.clone(), column.data_type.clone()),
            })
            .collect();
        let prefix = options.string(&KEY_PREFIX).unwrap_or_default();
        let key = match mode {
            Mode::Log => key(options, &physical, &prefix)?,
            Mode::Upsert => places(options, &physical, &table.primary_key, &prefix)?,
        };
        let value = match options.word(&VALUE_INCLUDE)? {
            Some("EXCEPT_KEY") => {
                let in_key = |placed: &&Placed| key.iter().any(|k| k.column == placed.column);
                physical.iter().filter(|placed| !in_key(placed)).cloned().collect()
            }
            _ if !prefix.is_empty() => {
                return Err(options.invalid(
                    &KEY_PREFIX,
                    "a key prefix is not allowed when option 'value.fields-include' is set to 'ALL'; set it to \
                     'EXCEPT_KEY' instead to avoid field overlaps",
                ));
            }
            _ => physical,
        };
        Ok(Layout { key, value })
    }

    /// Fields of the key's format.
    pub(super) fn key_fields(&self) -> Vec<Field> {
        self.key.iter().map(|placed| placed.field.clone()).collect()
    }

    /// Fields of the value's format.
    pub(super) fn value_fields(&self) -> Vec<Field> {
        self.value.iter().map(|placed| placed.field.clone()).collect()
    }
}

fn key(options: &OptionReader<'_>, physical: &[Placed], prefix: &str) -> Result<Vec<Placed>> {
    let names = options.list(&KEY_FIELDS);
    let Some(format) = options.string(&KEY_FORMAT) else {
        if options.is_set(&KEY_FIELDS) {
            return Err(options.invalid(
                &KEY_FIELDS,
                "the option 'key.fields' can only be declared if a key format is defined using 'key.format'",
            ));
        }
        return Ok(Vec::new());
    };
    if names.is_empty() {
        return Err(options.invalid(
            &KEY_FORMAT,
            format_args!(
                "a key format '{format}' requires the declaration of one or more of key fields using 'key.fields'"
            ),
        ));
    }
    places(options, physical, &names, prefix)
}

/// Finds the columns of the key by their names.
fn places(
    options: &OptionReader<'_>,
    physical: &[Placed],
    names: &[String],
    prefix: &str,
) -> Result<Vec<Placed>> {
    let mut key: Vec<Placed> = Vec::with_capacity(names.len());
    for name in names {
        let Some(placed) = physical.iter().find(|placed| placed.field.name == *name) else {
            let listed: Vec<&str> =
                physical.iter().map(|placed| placed.field.name.as_str()).collect();
            let problem = format_args!(
                "could not find the field '{name}' in the table schema for usage in the key format"
            );
            return Err(options.invalid(&KEY_FIELDS, problem).with_hint(format!(
                "A key field must be a regular, physical column: {}",
                listed.join(", ")
            )));
        };
        let Some(inner) = name.strip_prefix(prefix) else {
            // The columns of a primary key are named elsewhere.
            let at = if options.is_set(&KEY_FIELDS) { &KEY_FIELDS } else { &KEY_PREFIX };
            return Err(options.invalid(
                at,
                format_args!(
                    "all fields in 'key.fields' must be prefixed with '{prefix}' when option 'key.fields-prefix' is \
                     set but field '{name}' is not prefixed"
                ),
            ));
        };
        if key.iter().any(|known| known.column == placed.column) {
            return Err(options.invalid(&KEY_FIELDS, format_args!("field '{name}' occurs twice")));
        }
        key.push(Placed {
            column: placed.column,
            field: Field::new(inner, placed.field.data_type.clone()),
        });
    }
    Ok(key)
}
