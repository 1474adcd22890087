//! A catalog of one database, for tests.

use crate::table::{Catalog, TableDef, TableName};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Tables(pub(super) BTreeMap<String, Arc<TableDef>>);

impl Catalog for Tables {
    fn resolve(&self, parts: &[String]) -> TableName {
        let table = parts.last().cloned().unwrap_or_default();
        TableName { catalog: "c".into(), database: "d".into(), table }
    }

    fn table(&self, name: &TableName) -> Option<Arc<TableDef>> {
        self.0.get(&name.table).cloned()
    }

    fn table_names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}
