//! The catalog in memory.

use crate::base::{Error, ErrorKind, Result};
use crate::table::{Catalog, TableDef, TableName};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Tables of one session.
#[derive(Debug, Default)]
pub(super) struct MemoryCatalog {
    tables: BTreeMap<TableName, Arc<TableDef>>,
}

impl MemoryCatalog {
    /// Adds a table; an existing one is an error unless it may exist.
    pub(super) fn create(&mut self, table: TableDef, if_not_exists: bool) -> Result<()> {
        if self.tables.contains_key(&table.name) {
            if if_not_exists {
                return Ok(());
            }
            let error = Error::new(
                ErrorKind::Schema,
                format!("could not execute CreateTable: table '{}' already exists", table.name),
            );
            return Err(match table.span {
                Some(span) => error.at(span),
                None => error,
            });
        }
        self.tables.insert(table.name.clone(), Arc::new(table));
        Ok(())
    }

    /// Removes a table; says whether it was there.
    pub(super) fn drop(&mut self, name: &TableName) -> bool {
        self.tables.remove(name).is_some()
    }

    /// Names of all tables.
    pub(super) fn names(&self) -> impl Iterator<Item = &TableName> {
        self.tables.keys()
    }
}

impl Catalog for MemoryCatalog {
    fn resolve(&self, parts: &[String]) -> TableName {
        let part = |from_end: usize, default: &str| {
            parts
                .len()
                .checked_sub(from_end)
                .and_then(|at| parts.get(at))
                .map_or(default, String::as_str)
                .to_owned()
        };
        TableName {
            catalog: part(3, "default_catalog"),
            database: part(2, "default_database"),
            table: part(1, ""),
        }
    }

    fn table(&self, name: &TableName) -> Option<Arc<TableDef>> {
        self.tables.get(name).map(Arc::clone)
    }

    fn table_names(&self) -> Vec<String> {
        self.tables.keys().map(|name| name.table.clone()).collect()
    }
}
